"""Times as version 2 writes them: RFC 3339 in UTC, with as many decimals as the field always has (kraken/50 §2.6)."""

from __future__ import annotations

from functools import lru_cache

from mockkraken.clock import SECOND, rfc3339


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
