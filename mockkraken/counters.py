"""Rate counters: they rise with what is done, and fall all the time (kraken/10 §4).

A counter is a whole number of units so fine that nothing is ever rounded: 10**11 a point, that is hundredths of a point
times nanoseconds. A decay of 0.33 points a second takes 33 of them away each nanosecond.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from mockkraken import decimals
from mockkraken.clock import SECOND

PLACES = 11
"""A counter's decimals: it counts units of 10**-11 points."""

POINT = 100 * SECOND


class Limit(NamedTuple):
    """How far a counter may rise (units), and how fast it falls (units a ns: hundredths of a point a second)."""

    max: int
    decay: int

    @property
    def pace(self) -> str:
        """How much it falls in a second, in points: `0.33`."""
        return decimals.shortest(self.decay, 2)


class Counter(msgspec.Struct):
    """One counter. It falls all the time, but only when somebody looks is that worked out.

    Attributes:
        units: where it stood at `since`.
        since: when that was (ns).
    """

    units: int = 0
    since: int = 0

    def settle(self, limit: Limit, now: int) -> int:
        """Let it fall until now, at that limit's pace; the units that are left."""
        left = self.units - limit.decay * (now - self.since)
        self.units = left = max(left, 0)
        self.since = now
        return left

    def place(self, units: int, now: int) -> None:
        """Put it there."""
        self.units, self.since = units, now

    def move(self, old: Limit, new: Limit, now: int) -> None:
        """Let it fall until now by the old limit; from now on the new one counts, and it stands no higher than that."""
        self.units = min(self.settle(old, now), new.max)

    def wait(self, units: int, limit: Limit) -> str:
        """How many seconds it takes to fall to `units` from where it was settled above that, to the nanosecond."""
        # Rounded up: a nanosecond earlier it would be higher.
        return decimals.shortest(-((units - self.units) // limit.decay), 9)


def shown(units: int) -> str:
    """A counter in points, exactly: `14.67`."""
    return decimals.shortest(units, PLACES)
