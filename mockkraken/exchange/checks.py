"""What an order has to pass when it comes to the market: room, funds, margin, and what it would meet there.

Nothing is changed but the order's own rates and hold. Reference: kraken/30 §5.4, §8.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mockkraken import decimals, errors
from mockkraken.catalog.records import PERCENT_PLACES, RATE_ONE
from mockkraken.decimals import rescale
from mockkraken.errors import KrakenError
from mockkraken.exchange import fees, margin
from mockkraken.exchange.matching import Plan, plan
from mockkraken.exchange.orders import Order, fee_on

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Catalog, Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange.accounts import Account, Tier
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.valuation import Valuation
    from mockkraken.settings import Settings

OPEN_ORDERS_MAX: dict[Tier, int] = {"starter": 60, "intermediate": 80, "pro": 225}  # [doc] a pair, kraken/10 §4.4
STOP_ENTRY_CHECK = "total"  # [guess] kraken/30 §5.4: what no balance could ever cover is refused; or "none"


class Checks:
    """The checks before an order is matched.

    Args:
        clock: fee rates are those of now.
        settings: some rules are.
        catalog: whose assets count as collateral.
        valuation: what they are worth.
    """

    def __init__(self, clock: Clock, settings: Settings, catalog: Catalog, valuation: Valuation) -> None:
        self._clock = clock
        self._settings = settings
        self._assets = catalog.assets
        self._usd = catalog.assets["ZUSD"]
        self._valuation = valuation

    def standing(self, account: Account, *, without: Order | None = None) -> margin.Standing:
        """How the account stands, in dollars; `without` an open order."""
        return margin.standing(account, self._usd, self._valuation, self._assets, without=without)

    def room(self, account: Account, market: Market) -> None:
        """Whether the account may have one more open order on that market.

        Raises:
            KrakenError: it may not.
        """
        if self._settings.rate_limits == "off":
            return
        most = OPEN_ORDERS_MAX[account.tier]
        if account.open_on[market.pair.id] >= most:
            reason = f"{most} orders are open on {market.pair.altname}, the most of tier {account.tier}"
            raise KrakenError(errors.ORDERS_LIMIT_EXCEEDED, reason, check="order")

    def examine(self, order: Order, instead_of: Order | None = None) -> Plan:
        """Check an order that goes to the book now, and set its rates and its hold.

        Args:
            order: not in the book.
            instead_of: the order that goes before it comes in; what that holds is free for it.

        Raises:
            KrakenError: the funds don't cover it, it breaks a rule of margin, or it is post-only and takes.
        """
        self._set_rates(order)
        wanted = self._closable(order) if order.leverage else order.vol - order.vol_exec
        bound = order.limit if order.limit is not None else self._protection(order)
        found = plan(order, order.market.book, bound, wanted)
        if order.leverage:
            self._check_margin(order, found, wanted, instead_of)
        else:
            order.hold = self._check_funds(order, found, instead_of)
        if order.post and found.takes and self._settings.post_only_crossing == "error":
            raise self.would_take(order)
        return found

    def _set_rates(self, order: Order) -> None:
        pair, volume = order.market.pair, order.account.volume.at(self._clock.now())
        order.rate = fees.rate(pair.taker, volume)
        order.highest_rate = max(order.rate, fees.rate(pair.maker, volume))

    @staticmethod
    def would_take(order: Order) -> KrakenError:
        """The refusal of a post-only order that meets another."""
        best = order.market.book.best_opposite(order.side)
        at = order.market.pair.price_text(best.price) if best else "the other side"
        limit = order.market.pair.price_text(order.limit or 0)
        return KrakenError(errors.POST_ONLY_ORDER, f"a {order.side} at {limit} would take at {at}", check="order")

    def _protection(self, order: Order) -> int | None:
        """The worst price that a market order trades at (kraken/30 §8.4); None: any."""
        width = self._settings.market_price_protection
        best = order.market.book.best_opposite(order.side)
        if width == "off" or best is None or order.liquidation:
            return None
        percent = decimals.parse(width, PERCENT_PLACES)
        sign = 1 if order.side == "buy" else -1
        return best.price + sign * (best.price * percent // RATE_ONE)

    def _check_funds(self, order: Order, found: Plan, instead_of: Order | None) -> int:
        """Whether the account can pay for the order and its fee (kraken/30 §5.4); what it holds at first."""
        if order.side == "sell" or order.limit is not None:
            needed = order.needed(order.vol - order.vol_exec)
        elif order.budget is not None:
            pair = order.market.pair
            fee = 0 if order.fee_in_base else fee_on(order.budget, max(order.rate, 0))
            needed = rescale(order.budget + fee, pair.cost_decimals, pair.quote.decimals)
        else:
            needed = self._cost_of(found, order)
        _check_available(order.account, order.hold_asset, needed, instead_of.hold if instead_of else 0)
        return needed if order.limit is not None else 0

    @staticmethod
    def _cost_of(found: Plan, order: Order) -> int:
        """What a market buy will be debited at most, in quote units, rounded as each of its fills will be."""
        pair = order.market.pair
        total = 0
        for resting, volume in found.steps:
            cost = pair.cost(resting.price, volume)
            total += rescale(cost, pair.cost_decimals, pair.quote.decimals)
            if not order.fee_in_base:
                total += rescale(fee_on(cost, max(order.rate, 0)), pair.cost_decimals, pair.quote.decimals)
        return total

    def stop(self, order: Order, instead_of: Order | None = None) -> None:
        """Whether a stop may wait: it need not be covered now, but could be (kraken/30 §5.4). Sets what it holds.

        Raises:
            KrakenError: all that the account has would not cover it, or `stops_hold_funds` and it is not covered.
        """
        if order.leverage:
            return
        self._set_rates(order)
        needed = _from_now(order).needed(order.remaining)
        if self._settings.stops_hold_funds:
            _check_available(order.account, order.hold_asset, needed, instead_of.hold if instead_of else 0)
            order.hold = needed
        else:
            if STOP_ENTRY_CHECK == "total":
                _check_available(order.account, order.hold_asset, needed, order.account.held[order.hold_asset.id])
            order.hold = 0

    # Margin

    def _closable(self, order: Order) -> int:
        """What a margin order may trade: of a reduce-only one, what there is to close."""
        left = order.vol - order.vol_exec
        if not order.reduce_only:
            return left
        open_volume = to_close(order)
        if not open_volume:
            reason = f"there is no position on {order.market.pair.altname} that a {order.side} reduces"
            raise KrakenError(errors.REDUCE_ONLY_NO_POSITION, reason, check="order")
        return min(left, open_volume)

    def _check_margin(self, order: Order, found: Plan, wanted: int, instead_of: Order | None) -> None:
        """Whether the account may open what the order does not close (kraken/30 §5.4, §8.9)."""
        closing = to_close(order)
        opening = wanted - closing
        if opening <= 0:
            return
        account, pair = order.account, order.market.pair
        if not account.margin:
            reason = f"the account {account.name!r} may not trade on margin"
            raise KrakenError(errors.CANNOT_OPEN_POSITION, reason, check="order")
        positions = account.positions
        there = positions.volume_on(pair.id) if positions.side_on(pair.id) == order.side else 0
        most = pair.long_position_limit if order.side == "buy" else pair.short_position_limit
        if most is not None and there + opening > most * decimals.TEN_TO[pair.lot_decimals]:
            texts = [decimals.fmt(units, pair.lot_decimals) for units in (there, opening)]
            reason = f"{texts[0]} are open, and {texts[1]} more would pass the {most} of {pair.altname}"
            raise KrakenError(errors.MARGIN_POSITION_SIZE_EXCEEDED, reason, check="order")
        if order.limit is not None:
            cost = pair.cost(order.limit, opening)
        else:
            # The last part of what it meets: what it meets first closes.
            cost = sum(pair.cost(resting.price, volume) for resting, volume in found.steps)
            cost = cost * max(found.volume - closing, 0) // max(found.volume, 1)
        needed = self._in_dollars(margin.opening_margin(cost, order.leverage), pair)
        free = self.standing(account, without=instead_of).mfo
        if closing:
            # It closes all that is there before it opens anything.
            free += self._in_dollars(sum(position.used_margin for position in positions.on(pair.id)), pair)
        if needed > free:
            texts = [decimals.fmt(units, margin.MONEY_DECIMALS) for units in (needed, free)]
            reason = f"it takes a margin of {texts[0]} USD, and {texts[1]} is free"
            raise KrakenError(errors.MARGIN_LEVEL_TOO_LOW, reason, check="order")

    def _in_dollars(self, cost: int, pair: Pair) -> int:
        places = margin.MONEY_DECIMALS
        return self._valuation.value(cost, pair.quote, self._usd, places, places_of=pair.cost_decimals) or 0

    def settling(self, order: Order) -> None:
        """Whether an account can take over what its positions borrowed.

        Raises:
            KrakenError: there is no such position, or the funds don't cover it.
        """
        open_volume = to_close(order)
        pair, positions = order.market.pair, order.account.positions
        if not open_volume:
            reason = f"there is no position on {pair.altname} that a {order.side} would close"
            raise KrakenError(errors.UNKNOWN_POSITION, reason, check="order")
        volume = min(order.vol, open_volume)
        if order.side == "buy":
            asset, needed = pair.base, rescale(volume, pair.lot_decimals, pair.base.decimals)
        else:
            cost = positions.released(pair.id, volume)
            asset, needed = pair.quote, rescale(cost, pair.cost_decimals, pair.quote.decimals)
        _check_available(order.account, asset, needed)


def _from_now(order: Order) -> Order:
    """The order as it will wait: a trailing stop that never did has its level from the price of now [guess]."""
    stop = order.stop
    if stop is None or stop.level:
        return order
    reference = order.market.reference(stop.signal) or 0
    waiting = msgspec.structs.replace(stop, reached=reference, tick=order.market.pair.tick)
    return msgspec.structs.replace(order, stop=waiting)


def _check_available(account: Account, asset: Asset, needed: int, freed: int = 0) -> None:
    """Whether what is available of an asset, and `freed`, covers what an order needs."""
    available = account.available(asset.id) + freed
    if needed > available:
        texts = [decimals.fmt(units, asset.decimals) for units in (needed, available)]
        reason = f"it takes {texts[0]} {asset.id}, and {texts[1]} is available"
        raise KrakenError(errors.INSUFFICIENT_FUNDS, reason, check="order")


def to_close(order: Order) -> int:
    """What the account's positions have open that an order would close, lot units."""
    return order.account.positions.to_close(order.market.pair.id, order.side)
