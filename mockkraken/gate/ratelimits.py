"""The REST call counter of each key: what calls cost, and how fast that is forgotten (kraken/10 §4.1).

A counter is a whole number of units so fine that nothing is ever rounded: 10**11 a point, that is hundredths of a point
times nanoseconds. A decay of 0.33 points a second takes 33 of them away each nanosecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mockkraken import decimals, errors
from mockkraken.clock import SECOND
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.exchange.accounts import Tier

PLACES = 11
"""A counter's decimals: it counts units of 10**-11 points."""

POINT = 100 * SECOND

# Whether a call that this counter refuses adds its cost too; the counter stops at the tier's maximum.
REFUSED_CALLS_COUNT = True  # [doc] that they count, [guess] how far: kraken/10 §4.1, rate_rejected_calls_count


class CallLimit(NamedTuple):
    """How far a tier lets the counter rise (units), and how fast it falls (units a ns: hundredths a second)."""

    max: int
    decay: int


TIERS: dict[Tier, CallLimit] = {
    "starter": CallLimit(15 * POINT, 33),
    "intermediate": CallLimit(20 * POINT, 50),
    "pro": CallLimit(20 * POINT, 100),
}
"""The limit by the account's tier."""


class CallCounter(msgspec.Struct):
    """One key's counter. It falls all the time, but only when somebody looks is that worked out.

    Attributes:
        units: where it stood at `since`.
        since: when that was (ns).
    """

    units: int = 0
    since: int = 0

    def settle(self, tier: Tier, now: int) -> int:
        """Let it fall until now, at the pace of that tier; the units that are left."""
        limit = TIERS[tier]
        left = self.units - limit.decay * (now - self.since)
        # A lower tier may have come meanwhile: no counter stands above its maximum.
        self.units = left = min(left, limit.max) if left > 0 else 0
        self.since = now
        return left

    def place(self, units: int, now: int) -> None:
        """Put it there."""
        self.units, self.since = units, now

    def charge(self, cost: int, tier: Tier, now: int) -> None:
        """Add a call's cost in points.

        Raises:
            KrakenError: that would be more than the tier's maximum.
        """
        before = self.settle(tier, now)
        after = before + cost * POINT
        if after <= TIERS[tier].max:
            self.units = after
            return
        if REFUSED_CALLS_COUNT:
            self.units = min(TIERS[tier].max, after)
        raise KrakenError(errors.RATE_LIMIT_EXCEEDED, self._why(before, cost, tier), check="rate")

    def _why(self, before: int, cost: int, tier: Tier) -> str:
        limit = TIERS[tier]
        # Rounded up: a nanosecond earlier it would be refused.
        wait = -((limit.max - self.units - cost * POINT) // limit.decay)
        return (
            f"the key's REST call counter at {shown(before)} and the cost {cost} of this call make more than "
            f"{shown(limit.max)}, the maximum of tier {tier}; with this refusal it stands at {shown(self.units)} and "
            f"falls by {decimals.shortest(limit.decay, 2)} a second, so this call passes in "
            f"{decimals.shortest(wait, 9)} seconds"
        )


def shown(units: int) -> str:
    """A counter in points, exactly: `14.67`."""
    return decimals.shortest(units, PLACES)
