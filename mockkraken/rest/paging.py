"""Histories in pages of 50, newest first, between two bounds. Reference: kraken/40 §0.4."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec

from mockkraken import decimals, errors
from mockkraken.errors import KrakenError

PAGE = 50

# Bounds and rows meet at the microsecond, the finest that rows show: a time copied from a row then means that row.
_NS = 1000

R = TypeVar("R")
TimeOf = Callable[[str], int | None]


class PageParams(msgspec.Struct, kw_only=True):
    """What the histories take alike. `start` and `end` are unix seconds with decimals, or a row's id."""

    start: str = ""
    end: str = ""
    ofs: int = 0
    without_count: bool = False


class Bounds(NamedTuple):
    """Times in microseconds: later than `start`, and up to `end`."""

    start: int | None
    end: int | None

    def hold(self, time: int) -> bool:
        """Whether a row of that time (ns) lies within."""
        moment = time // _NS
        return (self.start is None or moment > self.start) and (self.end is None or moment <= self.end)


def bounds(params: PageParams, time_of: TimeOf) -> Bounds:
    """The bounds asked for; `time_of` gives the time (ns) of the row that an id names, None when there is none.

    Raises:
        KrakenError: a bound is neither a time nor the id of a row.
    """
    return Bounds(_bound("start", params.start, time_of), _bound("end", params.end, time_of))


def _bound(name: str, text: str, time_of: TimeOf) -> int | None:
    if not text:
        return None
    if (time := time_of(text)) is not None:
        return time // _NS
    try:
        if text[0] in "+-":
            raise decimals.NotADecimal
        return decimals.truncate(text, 6)
    except decimals.NotADecimal:
        reason = f"{name} is {text[:40]!r}, neither unix seconds nor the id of a row"
        raise KrakenError(errors.INVALID_ARGUMENTS, reason) from None


def page(name: str, found: Iterable[tuple[str, R]], show: Callable[[R], Any], params: PageParams) -> dict[str, Any]:
    """One page of `found` (id and record, newest first) under `name`, and how many there are in all."""
    if params.ofs < 0:
        raise KrakenError(errors.invalid_arguments("ofs"), f"ofs is {params.ofs}")
    rows = iter(found)
    skipped = sum(1 for _ in itertools.islice(rows, params.ofs))
    shown = {key: show(record) for key, record in itertools.islice(rows, PAGE)}
    answer: dict[str, Any] = {name: shown}
    if not params.without_count:
        answer["count"] = skipped + len(shown) + sum(1 for _ in rows)
    return answer
