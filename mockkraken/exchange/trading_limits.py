"""The trading engine's own rate limit: a counter of each account and pair, whichever key acts (kraken/10 §4.4).

What an order action costs at any rate is charged when it comes in; what it costs because its order is young, when it
has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.clock import SECOND
from mockkraken.counters import POINT, Counter, shown
from mockkraken.errors import KrakenError
from mockkraken.exchange import intake
from mockkraken.exchange.accounts import TRADING_LIMITS

if TYPE_CHECKING:
    from mockkraken.clock import Clock
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.orders import Order
    from mockkraken.settings import Settings

# Whether what a young order costs stops at the threshold, or may carry the counter beyond it. What an action costs at
# any rate always may: else a counter at its threshold would have room again after a nanosecond, and limit nobody.
CLAMP = True  # [guess] kraken/10 §4.4, trading_counter_clamp

Penalties = tuple[tuple[int, int], ...]
"""What an action costs by its order's age: younger than that (ns), that much (units); beyond the last one nothing."""


def _penalties(*steps: tuple[int, int]) -> Penalties:
    return tuple((age * SECOND, points * POINT) for age, points in steps)


# [doc] kraken/10 §4.4
AMEND = _penalties((5, 3), (10, 2), (15, 1))
EDIT = _penalties((5, 6), (10, 5), (15, 4), (45, 2), (90, 1))
CANCEL = _penalties((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))


class TradingLimits:
    """Counts what the accounts' order actions cost, while the setting `rate_limits` is on.

    Args:
        clock: the counters fall by it.
        settings: the sandbox's, read anew each time.
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings

    def receive(self, account: Account, pair_ids: Iterable[str], units: int) -> None:
        """Charge an action that has come in, before anything of it is looked at.

        Args:
            account: whose orders it is about.
            pair_ids: the pairs that it names, or whose orders it names.
            units: what it costs on each of them at any rate.

        Raises:
            KrakenError: one of the counters has reached its threshold. Nothing is charged.
        """
        if self._settings.rate_limits == "off":
            return
        now, limit, counters = self._clock.now(), TRADING_LIMITS[account.tier], account.trading
        named = list(pair_ids)
        for pair_id in named:
            counter = counters.get(pair_id)
            if counter is not None and counter.settle(limit, now) >= limit.max:
                raise KrakenError(errors.ORDER_RATE_LIMIT_EXCEEDED, _why(account, pair_id), check="trading_rate")
        if not units:
            return
        for pair_id in named:
            counter = counters.get(pair_id)
            if counter is None:
                counters[pair_id] = Counter(units, now)
            else:
                counter.units += units

    def penalize(self, order: Order, penalties: Penalties, since: int) -> None:
        """Charge an action that has succeeded for how young its order was: `since` is what `touched` gave before."""
        if self._settings.rate_limits == "off":
            return
        now = self._clock.now()
        units = next((units for younger, units in penalties if now - since < younger), 0)
        if not units:
            return
        account, limit = order.account, TRADING_LIMITS[order.account.tier]
        counter = account.trading.setdefault(order.market.pair.id, Counter())
        before = counter.settle(limit, now)
        counter.units = max(before, min(before + units, limit.max)) if CLAMP else before + units


def points(account: Account, pair_id: str, now: int) -> int:
    """Where an account's counter on a pair stands, in whole points [doc that it is an integer].

    Rounded down [guess]: so it is at the threshold just when orders are refused.
    """
    counter = account.trading.get(pair_id)
    return 0 if counter is None else counter.settle(TRADING_LIMITS[account.tier], now) // POINT


def _why(account: Account, pair_id: str) -> str:
    counter, limit = account.trading[pair_id], TRADING_LIMITS[account.tier]
    return (
        f"the trading counter of {account.name!r} on {pair_id} stands at {shown(counter.units)}; from "
        f"{shown(limit.max)}, the threshold of tier {account.tier}, everything but mass cancels is refused; it falls "
        f"by {limit.pace} a second, so this passes in {counter.wait(limit.max - 1, limit)} seconds"
    )


def touched(order: Order) -> int:
    """When the order came in, or its owner last amended it (ns): from then on its age counts."""
    for amend in reversed(order.amends):
        if amend.type == "user":
            return amend.time
    return order.opentm


def pairs_of(account: Account, ids: Iterable[str], cl_ord_ids: Iterable[str] = ()) -> set[str]:
    """The ids of the pairs of the account's orders that are named.

    Args:
        account: whose.
        ids: txids, of orders that are gone too, and userrefs of open ones; what is neither names nothing.
        cl_ord_ids: of open orders.
    """
    found = set()
    userrefs = set()
    for text in ids:
        if order := account.orders.get(text):
            found.add(order.market.pair.id)
        elif (userref := intake.as_userref(text)) is not None:
            userrefs.add(userref)
    if userrefs:
        found.update(order.market.pair.id for order in account.open.values() if order.userref in userrefs)
    for text in cl_ord_ids:
        if order := account.open_by_cl_ord_id.get(intake.cl_ord_key(text)):
            found.add(order.market.pair.id)
    return found
