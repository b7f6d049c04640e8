"""The limits on calls: the counter of each key (kraken/10 §4.1), and that of public calls by address (§4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.counters import POINT, Counter, Limit, shown
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.exchange.accounts import Tier

# Whether a call that this counter refuses adds its cost too; the counter stops at the tier's maximum.
REFUSED_CALLS_COUNT = True  # [doc] that they count, [guess] how far: kraken/10 §4.1, rate_rejected_calls_count

TIERS: dict[Tier, Limit] = {
    "starter": Limit(15 * POINT, 33),
    "intermediate": Limit(20 * POINT, 50),
    "pro": Limit(20 * POINT, 100),
}
"""The limit on a key's calls by the account's tier."""

PUBLIC = Limit(10 * POINT, 100)  # [guess] kraken/10 §4.3: ten at once, and from then on one a second

BUCKETS = 10_000  # kept at most: whoever comes from many addresses must not fill the memory


class CallCounter(Counter):
    """One key's REST call counter."""

    def charge(self, cost: int, tier: Tier, now: int) -> None:
        """Add a call's cost in points.

        Raises:
            KrakenError: that would be more than the tier's maximum.
        """
        before = self.settle(TIERS[tier], now)
        after = before + cost * POINT
        if after <= TIERS[tier].max:
            self.units = after
            return
        if REFUSED_CALLS_COUNT:
            self.units = TIERS[tier].max
        raise KrakenError(errors.RATE_LIMIT_EXCEEDED, self._why(before, cost, tier), check="rate")

    def _why(self, before: int, cost: int, tier: Tier) -> str:
        limit = TIERS[tier]
        return (
            f"the key's REST call counter at {shown(before)} and the cost {cost} of this call make more than "
            f"{shown(limit.max)}, the maximum of tier {tier}; with this refusal it stands at {shown(self.units)} and "
            f"falls by {limit.pace} a second, so this call passes in {self.wait(limit.max - cost * POINT, limit)} "
            f"seconds"
        )


class PublicCalls:
    """Counts public calls by address and method; those of one pair by that pair, too. A refused call adds nothing."""

    def __init__(self) -> None:
        # In the order of their last use.
        self._counters: dict[tuple[str, str, str | None], Counter] = {}

    def charge(self, remote: str, method: str, pair: str | None, now: int) -> None:
        """Count one call.

        Args:
            remote: the sender's address.
            method: the endpoint's name.
            pair: the pair whose calls have a counter of their own; None: there is one for all.
            now: the time (ns).

        Raises:
            KrakenError: there were too many.
        """
        source = (remote, method, pair)
        counter = self._counters.pop(source, None)
        if counter is None:
            counter = Counter()
            if len(self._counters) >= BUCKETS:
                del self._counters[next(iter(self._counters))]
        self._counters[source] = counter
        before = counter.settle(PUBLIC, now)
        if before + POINT <= PUBLIC.max:
            counter.units = before + POINT
            return
        calls = f"calls of {method}{f' for {pair}' if pair else ''} from {remote}"
        reason = (
            f"the counter of {calls} stands at {shown(before)}; it may rise to {shown(PUBLIC.max)} and falls by "
            f"{PUBLIC.pace} a second, so this call passes in {counter.wait(PUBLIC.max - POINT, PUBLIC)} seconds"
        )
        raise KrakenError(errors.TOO_MANY_REQUESTS, reason, check="rate")

    def clear(self) -> None:
        """All to zero."""
        self._counters.clear()

    def __len__(self) -> int:
        return len(self._counters)
