"""Times as version 2 writes them: RFC 3339 in UTC, with as many decimals as the field always has (kraken/50 §2.6).

And those of trades, as both versions tell them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mockkraken.clock import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mockkraken.exchange.tape import Print


def taken(prints: Iterable[Print]) -> Iterator[tuple[Print, int]]:
    """Trades, each with its time (ns): the fills of one taker have one [obs]; the tape keeps them a ns apart."""
    time, before, side = 0, 0, ""
    for row in prints:
        if row.time != before + 1 or row.side != side:
            time = row.time
        before, side = row.time, row.side
        yield row, time


def micros(ns: int) -> str:
    """A time (ns) with six decimals: `2026-01-01T00:00:00.000000Z`."""
    seconds, rest = divmod(ns, SECOND)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


def nanos(ns: int) -> str:
    """A time (ns) with nine decimals."""
    seconds, rest = divmod(ns, SECOND)
    return f"{_second(seconds)}.{rest:09d}Z"


# Most of what is told happens now; the orders of a book are from a few moments.
@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return rfc3339(seconds * SECOND)[:-1]
