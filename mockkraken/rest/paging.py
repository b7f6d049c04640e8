"""Histories in pages of 50, newest first, between two bounds. Reference: kraken/40 §0.4."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from mockkraken import decimals, errors
from mockkraken.clock import LATEST, rfc3339
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.gate.keys import Key
    from mockkraken.settings import Settings

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


def reach(key: Key) -> Bounds:
    """The times that a key may query, its `query_from` and `query_to` (kraken/10 §3.5); 0 is no limit, as None is."""
    start, end = key.query_from, key.query_to
    return Bounds(start // _NS if start else None, end // _NS if end else None)


def bounds(params: PageParams, time_of: TimeOf, key: Key, settings: Settings) -> Bounds:
    """The bounds asked for, within the key's reach.

    Args:
        params: what was asked.
        time_of: gives the time (ns) of the row that an id names, None when there is none.
        key: who asks. A bound that is not given reaches as far as there is time, so beyond any limit of the key.
        settings: `query_range_error` says whether a range beyond the reach is refused or cut.

    Raises:
        KrakenError: a bound is neither a time nor the id of a row, or lies beyond the key's reach.
    """
    start, end = _bound("start", params.start, time_of), _bound("end", params.end, time_of)
    first, last = reach(key)
    early = first is not None and (start is None or start < first)
    late = last is not None and (end is None or end > last)
    if (early or late) and settings.query_range_error != "clamp":
        asked = f"start {_moment(start)}, end {_moment(end)}"
        may = f"later than {_moment(first)} and up to {_moment(last)}"
        reason = f"the range asked for ({asked}) reaches beyond what the key {key.name!r} may query: {may}"
        raise KrakenError(settings.query_range_error, reason)
    return Bounds(first if early else start, last if late else end)


def _moment(time: int | None) -> str:
    """A bound in words: RFC 3339, as unix seconds where that has no word for it."""
    if time is None:
        return "none"
    return rfc3339(time * _NS) if time * _NS <= LATEST else f"{decimals.shortest(time, 6)} unix seconds"


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
