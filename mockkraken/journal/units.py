"""What nonces count: the unit of time that a nonce's number of digits betrays (kraken/10 §2.2)."""

from __future__ import annotations

from typing import NamedTuple

from mockkraken.clock import DAY, HOUR, MINUTE


class Unit(NamedTuple):
    """What a client's nonces count; `ns` is what one of them is worth."""

    name: str
    ns: int


SECONDS = Unit("seconds", 1_000_000_000)
MILLISECONDS = Unit("milliseconds", 1_000_000)
MICROSECONDS = Unit("microseconds", 1_000)
TICKS = Unit("ticks of 100 ns since year 1", 100)
TEN_NANOSECONDS = Unit("units of 10 ns", 10)
NANOSECONDS = Unit("nanoseconds", 1)

_UNITS = {10: SECONDS, 13: MILLISECONDS, 16: MICROSECONDS, 18: TEN_NANOSECONDS, 19: NANOSECONDS}

# [inf] Both have 18 digits: since year 1 above 6e17 in this century, since 1970 below 4.2e17 until the year 2100.
_TICKS_FROM = 500_000_000_000_000_000

ABSURD_FROM = 10**19
"""[inf] No unit of time in use gives 20 digits before the year 2286: a nonce as large was made up."""

_SPANS = (
    ("year", "y", 365 * DAY),
    ("day", "d", DAY),
    ("hour", "h", HOUR),
    ("minute", "min", MINUTE),
    ("second", "s", SECONDS.ns),
    ("millisecond", "ms", MILLISECONDS.ns),
    ("microsecond", "µs", MICROSECONDS.ns),
    ("nanosecond", "ns", 1),
)


def unit_of(nonce: int) -> Unit | None:
    """The unit of time that a nonce of this size counts, judged by its digits; None when it is none in use."""
    unit = _UNITS.get(len(str(nonce)))
    return TICKS if unit is TEN_NANOSECONDS and nonce >= _TICKS_FROM else unit


def describe(nonce: int) -> str:
    """A nonce with its digits and unit: `1767225600123 (13 digits, milliseconds)`."""
    digits, unit = len(str(nonce)), unit_of(nonce)
    return f"{nonce} ({digits} digit{'s' if digits > 1 else ''}{f', {unit.name}' if unit else ''})"


def span(ns: int, *, short: bool = False) -> str:
    """A span for people, in the unit that suits it, to three digits: `439 milliseconds`; short: `439 ms`."""
    for name, sign, worth in _SPANS:
        count = abs(ns) / worth
        # 90 seconds and 100 minutes say more than 1.5 and 1.67 of the next unit.
        if 0.9995 <= count < 1.0005 or count >= (1 if worth < MINUTE else 2):
            text = f"{ns / worth:.3g}" if count < 999 else f"{ns / worth:.0f}"
            return f"{text} {sign}" if short else f"{text} {name}" if text in ("1", "-1") else f"{text} {name}s"
    return "0 s" if short else "no time"


def gap(distance: int, unit: Unit | None, *, short: bool = False) -> str:
    """How far two nonces of one unit are apart, for people: `439 milliseconds`, or the bare number without a unit."""
    return str(distance) if unit is None else span(distance * unit.ns, short=short)
