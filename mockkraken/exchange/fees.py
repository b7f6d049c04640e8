"""Fee tiers by the trailing 30-day volume. Reference: kraken/30 §8.10, kraken/20 §8."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import itemgetter

from mockkraken.clock import DAY

Ladder = Sequence[tuple[int, int]]
"""Ascending from 0 (30-day volume in whole USD, inclusive; rate in millionths of the cost)."""

WINDOW = 30 * DAY
USD_DECIMALS = 4
_DOLLAR: int = 10**USD_DECIMALS
_THRESHOLD = itemgetter(0)


class RollingVolume:
    """What an account has traded in the last 30 days, in USD units of 10**-USD_DECIMALS."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, now: int, usd: int) -> None:
        self._entries.append((now, usd))
        self._total += usd

    def at(self, now: int) -> int:
        """The volume at `now` (ns); what has become 30 days old no longer counts."""
        entries = self._entries
        while entries and entries[0][0] <= now - WINDOW:
            self._total -= entries.popleft()[1]
        return self._total


def tier(ladder: Ladder, volume: int) -> int:
    """The index of the tier that `volume` (USD units) reaches."""
    return bisect_right(ladder, volume // _DOLLAR, key=_THRESHOLD) - 1


def rate(ladder: Ladder, volume: int) -> int:
    """The rate of the tier that `volume` (USD units) reaches, in millionths of the cost."""
    return ladder[bisect_right(ladder, volume // _DOLLAR, key=_THRESHOLD) - 1][1]
