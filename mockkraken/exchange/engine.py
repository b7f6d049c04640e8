"""What happens to an order once the exchange has accepted it: waiting, matching, resting, and its end.

Each entry point does all that follows from it: `settle` ends every command, and there fire the stops that its trades
have reached, the closing orders that its fills have made, and the liquidations that its prices bring about.
"""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.decimals import rescale
from mockkraken.errors import KrakenError
from mockkraken.exchange import fees, intake, orders, service
from mockkraken.exchange.checks import Checks, to_close
from mockkraken.exchange.lending import Lending
from mockkraken.exchange.matching import Plan, plan
from mockkraken.exchange.orders import Order, fee_on
from mockkraken.exchange.settlement import Match, payable
from mockkraken.exchange.system_orders import closing_order, liquidation_order
from mockkraken.exchange.trades import Execution, Trade

if TYPE_CHECKING:
    from mockkraken.clock import Clock
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.events import Events, OrderEvent
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.positions import Position
    from mockkraken.exchange.service import SystemStatus
    from mockkraken.exchange.settlement import Settlement
    from mockkraken.exchange.triggers import Signal
    from mockkraken.ids import Ids
    from mockkraken.settings import Settings


# How an order ends that is refused when its time or its trigger has come, by what would have refused it at entry.
_REASONS = {
    errors.INSUFFICIENT_FUNDS: orders.INSUFFICIENT_FUNDS,
    errors.POST_ONLY_ORDER: orders.POST_ONLY,
    errors.REDUCE_ONLY_NO_POSITION: orders.POSITION_IS_CLOSED,
    errors.UNKNOWN_POSITION: orders.POSITION_IS_CLOSED,
}

_CLOSED = attrgetter("closetm", "seq")


class Engine:
    """Moves orders; the commands of the exchange stand on it.

    Attributes:
        status: what the exchange as a whole is doing.
        checks: what orders have to pass.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        checks: Checks,
        ids: Ids,
        seq: itertools.count[int],
        events: Events,
        settlement: Settlement,
    ) -> None:
        self.status: SystemStatus = "online"
        self.checks = checks
        self._clock = clock
        self._settings = settings
        self._ids = ids
        self._seq = seq
        self._events = events
        self._settlement = settlement
        self._touched: dict[str, Market] = {}
        # Stops that were fired and orders that fills have made; they come in when the command that did it is done.
        self._due: deque[Order] = deque()
        self._held_back: list[Order] = []
        self._lending = Lending(clock, checks, settlement, events, self.collateral_changed)
        self._prices_moved = False
        self._uncovered = False

    # Coming in

    def accept(self, order: Order, now: int) -> None:
        """Make the order one of the account's, with a txid. What it holds counts from now on."""
        account = order.account
        account.held[order.hold_asset.id] += order.hold
        account.open_on[order.market.pair.id] += 1
        order.txid = self._ids.order()
        order.seq = next(self._seq)
        order.opentm = now
        account.orders[order.txid] = account.open[order.txid] = order
        if order.cl_ord_id is not None:
            account.open_by_cl_ord_id[intake.cl_ord_key(order.cl_ord_id)] = order
        self.tell(order, "pending_new")
        if order.starttm:
            order.place = "schedule"
            order.timer = self._clock.call_at(order.starttm, partial(self._start, order))
        else:
            self._open(order)

    def _open(self, order: Order) -> None:
        order.status = "open"
        if order.expiretm:
            self._plan_expiry(order)
        self.tell(order, "new")

    def _plan_expiry(self, order: Order) -> None:
        if order.timer is not None:
            order.timer.cancel()
        order.timer = self._clock.call_at(order.expiretm, partial(self._expire, order))

    def _start(self, order: Order) -> None:
        """A scheduled order's time has come. Where nobody trades, it waits until somebody does."""
        if not service.matches(self.status, order.market.pair):
            self._held_back.append(order)
            if order.expiretm:
                self._plan_expiry(order)
            return
        order.place = ""
        self._open(order)
        now = self._clock.now()
        if order.stop is not None:
            self._wait_late(order, now)
        else:
            self._enter_late(order, now)
        self.settle(now)

    def _expire(self, order: Order) -> None:
        now = self._clock.now()
        self.withdraw(order, now, orders.ORDER_EXPIRED, "expired")
        self.settle(now)

    def _wait_late(self, order: Order, now: int) -> None:
        """Let an accepted order wait for its trigger, if it may."""
        try:
            self.checks.stop(order)
        except KrakenError as refusal:
            self._refuse_late(order, refusal, now)
            return
        order.account.held[order.hold_asset.id] += order.hold
        self.wait(order, now)

    def refuses_reached(self) -> bool:
        """Whether a stop that has its price already may not come in (setting `triggered_at_entry`)."""
        return self._settings.triggered_at_entry == "cancel"

    def wait(self, order: Order, now: int) -> None:
        """Let an order wait for its trigger. What already has its price ends, or fires (`triggered_at_entry`).

        Where nobody trades it fires when somebody does again.
        """
        stop, market = order.stop, order.market
        assert stop is not None
        reference = market.reference(stop.signal)
        if reference is not None and stop.would_fire(reference):
            if self.refuses_reached():
                self.end(order, now, "canceled", orders.WOULD_TRIGGER)
                return
            if service.matches(self.status, market.pair):
                stop.fired = True
                self._due.append(order)
                return
        market.triggers.add(stop, reference or 0, market.pair.tick)
        order.place = "triggers"
        if stop.trailing:
            self.note_terms(order, order.opentm, "original")  # Its trigger price won't stay that.

    def _enter_late(self, order: Order, now: int) -> None:
        """Let an order come in that was accepted before; what would have refused it ends it now."""
        if order.stop is not None:
            self._trigger(order)
        try:
            if order.ordertype == "settle-position":
                self.checks.settling(order)
                self.settle_position(order, now)
                return
            found = self.checks.examine(order)
        except KrakenError as refusal:
            self._refuse_late(order, refusal, now)
            return
        order.account.held[order.hold_asset.id] += order.hold
        self.execute(order, found, now)

    def _refuse_late(self, order: Order, refusal: KrakenError, now: int) -> None:
        order.hold = 0
        otherwise = orders.INSUFFICIENT_MARGIN if order.leverage else orders.INSUFFICIENT_FUNDS
        self.end(order, now, "canceled", _REASONS.get(refusal.message, otherwise))

    def _trigger(self, order: Order) -> None:
        """A stop becomes what it was to become: a market order, or a limit order at its second price."""
        order.account.held[order.hold_asset.id] -= order.hold
        order.hold = 0
        order.limit = order.planned_limit
        self.tell(order, "triggered")

    # In the market

    def execute(self, order: Order, found: Plan, now: int) -> None:
        """Do what was planned: the fills, the self-trade cancels, and what becomes of the rest."""
        if order.post and found.takes:
            self.end(order, now, "canceled", orders.POST_ONLY)
            return
        if order.time_in_force == "fok" and not found.complete:
            reason = orders.CANNOT_TRADE_WITH_SELF if found.met_self else orders.INSUFFICIENT_LIQUIDITY
            self.end(order, now, "canceled", reason)
            return
        if found.steps:
            found = self._meet(order, found, now)
        if order.vol_exec == order.vol and (found.complete or order.budget is None):
            self.end(order, now, "closed", None)
        elif order.reduce_only and found.complete:
            self.end(order, now, "canceled", orders.POSITION_IS_CLOSED)
        elif found.met_self:
            self.end(order, now, "canceled", orders.CANNOT_TRADE_WITH_SELF)
        elif order.limit is None or order.time_in_force in ("ioc", "fok"):
            self.end(order, now, "canceled", orders.INSUFFICIENT_LIQUIDITY)
        else:
            self.rest(order, now)
            if order.reduce_only:
                self._trim(order.account, order.market, now)

    def _meet(self, order: Order, found: Plan, now: int) -> Plan:
        """Take the steps of the plan: fills, and the account's own orders that go for it.

        A fill may close a position and so take another of its orders out of the book; then the rest is planned anew.

        Returns:
            The plan that was done last.
        """
        rates: dict[str, int] = {}
        execution = Execution(order, [])
        while True:
            if order.budget is not None:
                order.vol = order.vol_exec + found.volume
            for resting, volume in found.steps:
                if not volume:
                    if resting.place == "book":
                        self.withdraw(resting, now, orders.CANNOT_TRADE_WITH_SELF)
                    continue
                if resting.place != "book" or resting.offered < volume:
                    break
                maker = resting.account
                if maker.name not in rates:
                    rates[maker.name] = self._rate(maker, order.market.pair.maker, now)
                self._fill(order, resting, volume, min(rates[maker.name], resting.highest_rate), execution, now)
            else:
                return found
            left = order.remaining if not order.reduce_only else min(order.remaining, to_close(order))
            found = plan(order, order.market.book, found.bound, left)

    def meet(self, order: Order, found: Plan, now: int) -> None:
        """Let the house do what was planned, with whatever rests there; the rest of its order is cancelled."""
        self._meet(order, found, now)
        if order.remaining:
            self.end(order, now, "canceled", orders.INSUFFICIENT_LIQUIDITY)
        else:
            self.end(order, now, "closed", None)

    def _fill(self, taker: Order, maker: Order, volume: int, maker_rate: int, execution: Execution, now: int) -> None:
        """Trade `volume` at the maker's price: the orders, both accounts and the tape."""
        market = taker.market
        pair = market.pair
        price = maker.price
        cost = pair.cost(price, volume)

        queued = maker.queued
        market.book.fill(maker, volume, now)
        for order, rate in ((taker, taker.rate), (maker, maker_rate)):
            order.vol_exec += volume
            order.cost += cost
            order.fee += fee_on(cost, rate)
            self.hold(order)

        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        base = rescale(volume, pair.lot_decimals, pair.base.decimals)
        quote = rescale(cost, pair.cost_decimals, pair.quote.decimals)
        if not seller.leverage:
            base = payable(seller.account, pair.base, base)
        if not buyer.leverage:
            quote = payable(buyer.account, pair.quote, quote)
        printed = market.tape.append(now, price, volume, taker.side, "market" if taker.limit is None else "limit")
        match = Match(pair, price, volume, cost, base, quote, printed.trade_id, now)
        taken = self._settlement.book(match, taker, taker.rate, execution)
        made = self._settlement.book(match, maker, maker_rate, None)

        for listener in self._events.trade:
            listener(market, printed)
        for listener_book in self._events.book:
            listener_book(market, maker.side, price)
        self._touched[pair.id] = market
        if not maker.remaining:
            self.end(maker, now, "closed", None)
        elif maker.queued != queued and maker.account.client:
            self.tell(maker, "iceberg_refill")
        for trade in (taken, made):
            if trade is not None and (trade.order.leverage or trade.order.close):
                self._follow_up(trade, now)
        self._prices_moved = True
        if market.triggers.count:
            self.see(market, "last", price)
            if market.index is None:
                self.see(market, "index", price)

    def see(self, market: Market, signal: Signal, price: int) -> None:
        """A reference price has moved: what it fires comes in at the end of the command."""
        for stop in market.triggers.see(signal, price):
            assert stop.order is not None
            stop.order.place = ""
            self._due.append(stop.order)

    def rest(self, order: Order, now: int) -> None:
        """Put what is left of an order into the book."""
        order.place = "book"
        order.market.book.rest(order, now)
        self.shows(order)

    def shows(self, order: Order) -> None:
        """The book has changed at an order's price."""
        market = order.market
        self._touched[market.pair.id] = market
        for listener in self._events.book:
            listener(market, order.side, order.price)

    def unbook(self, order: Order, now: int) -> None:
        """Take an order out of the book, for good or to put it elsewhere."""
        order.market.book.withdraw(order, now)
        order.place = ""
        self.shows(order)

    def withdraw(self, order: Order, now: int, reason: str, status: orders.Status = "canceled") -> None:
        """Take an open order from where it waits, and end it."""
        if order.place == "book":
            self.unbook(order, now)
        elif order.place == "triggers":
            assert order.stop is not None
            order.market.triggers.remove(order.stop)
        self.end(order, now, status, reason)

    def hold(self, order: Order) -> None:
        """Bring the hold of an order that has one in line with what remains of it."""
        if not order.hold:
            return
        hold = order.needed(order.vol - order.vol_exec) if order.status == "open" else 0
        order.account.held[order.hold_asset.id] += hold - order.hold
        order.hold = hold

    def end(self, order: Order, now: int, status: orders.Status, reason: str | None) -> None:
        """The order leaves the account's open orders for good. It must have left where it waited."""
        account = order.account
        if order.liquidation:
            reason = orders.LIQUIDATION
        order.status, order.closetm, order.reason, order.place = status, now, reason, ""
        self.hold(order)
        if order.timer is not None:
            order.timer.cancel()
            order.timer = None
        del account.open[order.txid]
        if not account.client:
            return
        account.open_on[order.market.pair.id] -= 1
        _insert_closed(account.closed, order)
        if order.cl_ord_id is not None:
            del account.open_by_cl_ord_id[intake.cl_ord_key(order.cl_ord_id)]
        self.tell(order, "filled" if status == "closed" else "expired" if status == "expired" else "canceled")

    def tell(self, order: Order, what: OrderEvent, trade: Trade | None = None) -> None:
        for listener in self._events.order:
            listener(order, what, trade)

    def _rate(self, account: Account, ladder: fees.Ladder, now: int) -> int:
        """The account's rate on a ladder now; the house pays nothing."""
        return fees.rate(ladder, account.volume.at(now)) if account.client else 0

    # What a fill brings about

    def _follow_up(self, trade: Trade, now: int) -> None:
        """The rest of a fill of a margin order, or of one with a conditional close."""
        order = trade.order
        if order.leverage:
            self._lending.follow(trade)
            if trade.closed:
                self._trim(order.account, order.market, now)
        if order.close is not None:
            self._due.append(closing_order(trade))

    def _trim(self, account: Account, market: Market, now: int) -> None:
        """Bring reduce-only orders in the book down to what is left to close, the least aggressive first."""
        pair_id = market.pair.id
        resting = [
            order
            for order in account.open.values()
            if order.reduce_only and order.place == "book" and order.market is market
        ]
        if not resting:
            return
        side = account.positions.side_on(pair_id)
        room = account.positions.volume_on(pair_id)
        resting.sort(key=lambda order: (order.price if order.side == "sell" else -order.price, order.queued))
        for order in resting:
            left = room if order.side != side else 0
            if order.remaining > left:
                self.restate(order, left, now)
            room -= min(order.remaining, left)

    def restate(self, order: Order, left: int, now: int) -> None:
        """Cut an order in the book down to what is left for it; with nothing left it ends."""
        if not left:
            self.withdraw(order, now, orders.POSITION_IS_CLOSED)
            return
        self.note_terms(order, order.opentm, "original")
        shown = order.offered
        order.vol = order.vol_exec + left
        order.shown = min(order.shown, left)
        order.market.book.adjust(order, shown, now)
        self.note_terms(order, now, "restated", orders.POSITION_IS_CLOSED)
        self.shows(order)
        self.tell(order, "restated")

    def note_terms(
        self, order: Order, time: int, kind: orders.AmendType, reason: str | None = None, *, post: bool | None = None
    ) -> orders.Amend:
        """Write the order's terms, as they are now, into its history; the original ones but once."""
        if kind == "original" and order.amends:
            return order.amends[0]
        amend_id = orders.first_amend_id(order) if kind == "original" else self._ids.trade()
        amend = orders.terms_of(order, amend_id, time, kind, reason, post=post)
        if order.amends:
            order.amends.append(amend)
        else:
            order.amends = [amend]
        return amend

    # Positions

    def settle_position(self, order: Order, now: int) -> None:
        """Settle what the order names of the account's positions; it trades with nobody."""
        pair = order.market.pair
        volume = min(order.vol, to_close(order))
        cost = order.account.positions.released(pair.id, volume)
        price = pair.average_price(cost, volume, pair.price_scale)
        trade = Trade(
            self._ids.trade(), next(self._seq), now, order, price, volume, cost, 0, False, 0, Execution(order, [])
        )
        order.vol_exec += volume
        order.cost += cost
        self._settlement.settle_position(trade)
        self._follow_up(trade, now)
        if order.remaining:
            self.end(order, now, "canceled", orders.POSITION_IS_CLOSED)
        else:
            self.end(order, now, "closed", None)

    def _call_in(self, now: int) -> bool:
        """Close one position that is no longer covered; whether there was one that somebody would trade with.

        The stops that this fires come in before the next.
        """
        self._uncovered = False
        for position in self._lending.uncovered():
            if self._has_counterparty(position) and self._liquidate(position, now):
                return True
            self._uncovered = True
        return False

    def _has_counterparty(self, position: Position) -> bool:
        """Whether there is anybody now who would trade with the order that closes a position."""
        market = position.market
        offers = market.book.best_opposite(orders.opposite(position.side))
        return offers is not None and service.matches(self.status, market.pair)

    def _liquidate(self, position: Position, now: int) -> bool:
        """Close a position at the market, after the margin orders that could open another."""
        for order in list(position.account.open.values()):
            if order.leverage:
                self.withdraw(order, now, orders.LIQUIDATION)
        before = position.remaining
        order = liquidation_order(position)
        self.accept(order, now)
        self.execute(order, self.checks.examine(order), now)
        return position.remaining < before

    # The end of a command

    def settle(self, now: int) -> None:
        """Let come in what the command has brought about; then the makers may answer, and the tops are recorded."""
        while self._due or (self._prices_moved and self._lending.borrowers):
            if not self._due:
                self._prices_moved = False
                if self._call_in(now):
                    continue
                break
            order = self._due.popleft()
            if order.txid:
                self._enter_late(order, now)
            else:
                self._accept_child(order, now)
        # Where nobody would trade, whatever comes may change that.
        self._prices_moved = self._uncovered
        touched, self._touched = self._touched, {}
        for market in touched.values():
            for listener in self._events.settled:
                listener(market)
            market.note_spread(now)
        self._touched.clear()

    def _accept_child(self, order: Order, now: int) -> None:
        self.accept(order, now)
        if order.stop is not None:
            self._wait_late(order, now)
        else:
            self._enter_late(order, now)

    def resume(self, market: Market) -> None:
        """Trading goes on in a market, or by other rules: its stops look at the prices of now, and so does margin."""
        self._prices_moved = True
        for signal in ("last", "index"):
            reference = market.reference(signal)
            if reference is not None:
                self.see(market, signal, reference)

    def collateral_changed(self) -> None:
        """Somebody's balances have changed otherwise than by trading."""
        self._prices_moved = True
        self.settle(self._clock.now())

    def start_held_back(self) -> None:
        """Let those scheduled orders come in whose time came while nobody traded."""
        held_back, self._held_back = self._held_back, []
        for order in held_back:
            if order.status == "pending":
                self._start(order)

    def untouch(self, market: Market) -> None:
        """What was done to a market so far is no command's doing."""
        self._touched.pop(market.pair.id, None)


def _insert_closed(closed: list[Order], order: Order) -> None:
    """Keep the list in order of closing, ties in order of entry: what newest-first lists show (kraken/40 §1.7)."""
    if closed and closed[-1].closetm == order.closetm and closed[-1].seq > order.seq:
        bisect.insort(closed, order, key=_CLOSED)
    else:
        closed.append(order)
