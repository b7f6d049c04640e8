"""A naive exchange to hold the real one against: plain lists and decimals, sorted and summed anew for each question.

And a naive watch over the stops, which looks at each of them at every price.

Reference: kraken/30 §5.4, §8.1 to §8.4, §8.6, §8.8, §8.10.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import DAY, HOUR
from mockkraken.decimals import rescale
from mockkraken.exchange import margin

if TYPE_CHECKING:
    from mockkraken.catalog import Catalog
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Exchange, Market, Order
    from mockkraken.exchange.tape import Print
    from mockkraken.exchange.trades import Trade
    from mockkraken.exchange.triggers import Stop
    from mockkraken.settings import Settings

EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def rounded(value: Decimal, places: int) -> Decimal:
    with localcontext(EXACT):
        return value.quantize(Decimal(1).scaleb(-places))


@dataclass(frozen=True)
class Rules:
    """What the naive exchange needs to know of a pair."""

    base: str
    quote: str
    base_decimals: int
    quote_decimals: int
    cost_decimals: int
    ordermin: Decimal
    costmin: Decimal
    usd: Decimal
    """Dollars for one of the quote."""


@dataclass(eq=False)
class NaiveOrder:
    owner: str
    pair: str
    side: str
    price: Decimal | None
    volume: Decimal
    tif: str = "gtc"
    post: bool = False
    fcib: bool = False
    stp: str = "cancel-newest"
    userref: int | None = None
    cl_ord_id: str | None = None
    rate: Decimal = Decimal(0)
    arrival: int = 0
    status: str = "open"
    reason: str | None = None
    done: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.volume - self.done


@dataclass
class NaiveExchange:
    """Amounts are decimals, `taker` and `maker` fee ladders of (dollars, percent); who refuses says so in its text."""

    protection: str
    post_crossing: str
    taker: list[list[Any]]
    maker: list[list[Any]]
    rules: dict[str, Rules] = field(default_factory=dict)
    balances: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: list[NaiveOrder] = field(default_factory=list)
    fills: list[tuple[NaiveOrder, NaiveOrder, Decimal, Decimal]] = field(default_factory=list)
    traded: list[tuple[str, int, Decimal]] = field(default_factory=list)

    def list_pair(self, pair_id: str, **rules: Any) -> None:
        self.rules[pair_id] = Rules(**rules)

    @staticmethod
    def order(*args: Any) -> NaiveOrder:
        """An order that is not entered yet; the fields of NaiveOrder in their order."""
        return NaiveOrder(*args)

    def open(self, owner: str | None = None) -> list[NaiveOrder]:
        return [order for order in self.orders if order.status == "open" and owner in (None, order.owner)]

    def needed(self, order: NaiveOrder, volume: Decimal) -> Decimal:
        rules = self.rules[order.pair]
        with localcontext(EXACT):
            if order.side == "sell":
                return rounded(volume * (1 + order.rate if order.fcib else 1), rules.base_decimals)
            assert order.price is not None
            cost = order.price * volume
            return rounded(cost if order.fcib else cost * (1 + order.rate), rules.quote_decimals)

    def held(self, owner: str, asset: str) -> Decimal:
        total = Decimal(0)
        for order in self.open(owner):
            rules = self.rules[order.pair]
            if order.price is not None and asset == (rules.quote if order.side == "buy" else rules.base):
                total += self.needed(order, order.left)
        return total

    def available(self, owner: str, asset: str) -> Decimal:
        return self.balances[owner, asset] - self.held(owner, asset)

    def rate(self, owner: str, ladder: list[list[Any]], now: int) -> Decimal:
        volume = sum(usd for who, when, usd in self.traded if who == owner and when > now - 30 * DAY)
        return [Decimal(percent) / 100 for threshold, percent in ladder if threshold == 0 or volume >= threshold][-1]

    def meets(self, order: NaiveOrder) -> list[NaiveOrder]:
        """The resting orders on the other side, in the order in which they would trade."""
        sign = 1 if order.side == "buy" else -1
        others = [o for o in self.open() if o.pair == order.pair and o.side != order.side and o.price is not None]
        others.sort(key=lambda o: (sign * (o.price or 0), o.arrival))
        bound = order.price
        if bound is None and others and self.protection != "off":
            best = others[0].price or Decimal(0)
            bound = best + sign * best * Decimal(self.protection) / 100
        return [o for o in others if bound is None or sign * (o.price or 0) <= sign * bound]

    def submit(self, order: NaiveOrder, now: int) -> str | None:
        """Take in an order; the error's text, or None."""
        rules = self.rules[order.pair]
        if order.cl_ord_id and any(o.cl_ord_id == order.cl_ord_id for o in self.open(order.owner)):
            return "EGeneral:Invalid arguments:cl_ord_id not unique"
        if order.volume < rules.ordermin:
            return "EOrder:Order minimum not met"
        met = self.meets(order)
        price = order.price or (met[0].price if met else None)
        if price and rounded(price * order.volume, rules.cost_decimals) < rules.costmin:
            return "EOrder:Cost minimum not met"

        order.rate = self.rate(order.owner, self.taker, now)
        fills: list[tuple[NaiveOrder, Decimal]] = []
        own: list[NaiveOrder] = []
        left, stopped = order.volume, False
        for other in met:
            if not left or stopped:
                break
            if other.owner != order.owner:
                fills.append((other, min(left, other.left)))
                left -= fills[-1][1]
                continue
            if order.stp != "cancel-newest":
                own.append(other)
            stopped = order.stp != "cancel-oldest"

        rates = {o.owner: self.rate(o.owner, self.maker, now) for o, _ in fills}
        if order.price is not None or order.side == "sell":
            bill = self.needed(order, order.volume)
        else:
            bill = Decimal(0)
            for other, volume in fills:
                cost = rounded((other.price or 0) * volume, rules.cost_decimals)
                bill += rounded(cost, rules.quote_decimals)
                if not order.fcib:
                    bill += rounded(rounded(cost * order.rate, rules.cost_decimals), rules.quote_decimals)
        if bill > self.available(order.owner, rules.quote if order.side == "buy" else rules.base):
            return "EOrder:Insufficient funds"
        if order.post and met and self.post_crossing == "error":
            return "EOrder:Post only order"

        order.arrival = len(self.orders)
        self.orders.append(order)
        if order.post and met:
            self.end(order, "Post only order")
        elif order.tif == "fok" and left:
            self.end(order, "Cannot trade with self" if stopped else "Insufficient liquidity")
        else:
            for other, volume in fills:
                # However long it rested, it pays no more than it was to pay when it came in.
                self.fill(order, other, volume, min(rates[other.owner], other.rate), now)
            for other in own:
                self.end(other, "Cannot trade with self")
            if not left:
                order.status = "closed"
            elif stopped:
                self.end(order, "Cannot trade with self")
            elif order.price is None or order.tif == "ioc":
                self.end(order, "Insufficient liquidity")
        return None

    @staticmethod
    def end(order: NaiveOrder, reason: str) -> None:
        order.status, order.reason = "canceled", reason

    def fill(self, taker: NaiveOrder, maker: NaiveOrder, volume: Decimal, maker_rate: Decimal, now: int) -> None:
        rules = self.rules[taker.pair]
        assert maker.price is not None
        cost = rounded(maker.price * volume, rules.cost_decimals)
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        for order in (taker, maker):
            order.done += volume
            order.cost += cost
        base = min(rounded(volume, rules.base_decimals), self.available(seller.owner, rules.base))
        quote = min(rounded(cost, rules.quote_decimals), self.available(buyer.owner, rules.quote))
        for order, rate in ((taker, taker.rate), (maker, maker_rate)):
            sign = 1 if order is buyer else -1
            self.balances[order.owner, rules.base] += sign * base
            self.balances[order.owner, rules.quote] -= sign * quote
            fee = rounded(cost * rate, rules.cost_decimals)
            order.fee += fee
            if order.fcib:
                self.charge(order.owner, rules.base, rounded(volume * rate, rules.base_decimals))
            else:
                self.charge(order.owner, rules.quote, rounded(fee, rules.quote_decimals))
            self.traded.append((order.owner, now, rounded(cost * rules.usd, 4)))
        self.fills.append((taker, maker, maker.price, volume))
        if not maker.left:
            maker.status = "closed"

    def charge(self, owner: str, asset: str, fee: Decimal) -> None:
        fee = min(fee, self.available(owner, asset))
        self.balances[owner, asset] -= fee
        fees = self.balances["fees", asset] + fee
        self.balances["fees", asset] = max(fees, Decimal(0))
        self.balances["house", asset] += min(fees, Decimal(0))


MATCHING = ("online", "limit_only", "reduce_only")
"""The states in which a market trades."""


@dataclass(eq=False)
class Watched:
    """A stop as it must behave.

    Attributes:
        extreme: the best price since it began to wait.
        hit: whether its level was reached.
    """

    order: Order
    tick: int
    extreme: int
    hit: bool = False

    @property
    def stop(self) -> Stop:
        assert self.order.stop is not None
        return self.order.stop

    @property
    def level(self) -> int:
        stop = self.stop
        if stop.fixed is not None:
            return stop.fixed
        distance, sign = stop.price, 1 if stop.rising else -1
        if not distance.percent:
            return max(0, self.extreme + sign * distance.units)
        ticks = self.extreme * (1 + sign * Fraction(distance.units, 1_000_000)) / self.tick
        if stop.rising:
            return max(self.extreme, floor(ticks) * self.tick)
        return max(0, min(self.extreme, ceil(ticks) * self.tick))

    def look(self, price: int) -> None:
        self.extreme = min(self.extreme, price) if self.stop.rising else max(self.extreme, price)
        self.hit = self.hit or (price >= self.level if self.stop.rising else price <= self.level)


class NaiveStops:
    """Watches the stops of an exchange by its events alone. One that fires unasked fails at once."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.watched: dict[Order, Watched] = {}
        self.last: dict[str, int] = {}
        self.index: dict[str, int | None] = {}
        exchange.events.order.append(self._order)
        exchange.events.trade.append(self._trade)

    def reference(self, market: Market, signal: str) -> int:
        index = self.index.get(market.pair.id) if signal == "index" else None
        return index or self.last.get(market.pair.id) or market.pair.reference.last or 0

    def matches(self, market: Market) -> bool:
        return self.exchange.status in MATCHING and market.pair.status in MATCHING

    def look(self, market: Market) -> None:
        """All that wait there see the prices of now."""
        for order, watched in self.watched.items():
            if order.market is market and order.place == "triggers":
                watched.look(self.reference(market, watched.stop.signal))

    def _trade(self, market: Market, printed: Print) -> None:
        assert self.exchange.status in MATCHING, "a trade while the exchange matches nothing"
        assert market.pair.status in MATCHING, f"a trade while the pair is {market.pair.status}"
        self.last[market.pair.id] = printed.price
        self.look(market)

    def _order(self, order: Order, what: str, _: Trade | None) -> None:
        stop = order.stop
        if stop is None or (stop.fired and what != "triggered"):
            return
        if what in ("new", "amended") and order.status == "open":
            reference = self.reference(order.market, stop.signal)
            watched = self.watched.setdefault(order, Watched(order, order.market.pair.tick, reference))
            watched.tick, watched.hit = order.market.pair.tick, False
            if what == "amended" or not stop.trailing:
                watched.look(reference)
            # Where nobody trades it is seen when somebody does again.
            watched.hit = watched.hit and self.matches(order.market)
        elif what == "triggered":
            watched = self.watched.pop(order)
            assert watched.hit, f"it fired at {watched.level}, which was not reached"
            assert stop.level == watched.level
        elif what in ("canceled", "expired"):
            watched = self.watched.pop(order, None)
            assert order.reason != "Order would trigger immediately" or (watched is not None and watched.hit)


class Audit:
    """What must always hold of an exchange; looks at it after each step, and at what happened since the last.

    Attributes:
        outside: what balances were set to from outside, by asset: so much there is in all.
        changed: the order that the step has amended.
        single: the step has met one order out of its turn.
        seen: what there was to see.
    """

    def __init__(
        self, exchange: Exchange, clock: Clock, catalog: Catalog, settings: Settings, seen: Counter[str]
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.catalog = catalog
        self.stops_hold_funds = settings.stops_hold_funds
        self.seen = seen
        self.stops = NaiveStops(exchange)
        self.outside: Counter[str] = Counter()
        self.changed: Order | None = None
        self.single = False
        self.clients: list[Account] = []
        self.made: list[tuple[Order, Trade]] = []
        self.ended: list[Order] = []
        self.queues: dict[tuple[str, str], list[tuple[Order, int, int]]] = {}
        self.done: dict[Order, int] = {}
        self.checked: Counter[str] = Counter()
        self.rolled: defaultdict[str, set[int]] = defaultdict(set)
        self.prints = 0
        exchange.events.order.append(self.note)
        exchange.events.margin_call.append(lambda _: self.count("margin call"))

    def count(self, what: str) -> None:
        self.seen[what] += 1

    def note(self, order: Order, what: str, trade: Trade | None) -> None:
        if trade is not None:
            self.made.append((order, trade))
        elif what in ("triggered", "restated", "expired"):
            self.count(f"{what}: {order.ordertype}" if what == "triggered" else what)
        elif what == "canceled":
            self.count(f"canceled: {order.reason}")
        elif what == "new" and order.refid:
            self.count("a conditional close comes in")
        elif what == "new" and order.starttm:
            self.count("a scheduled order starts")
        if what in ("filled", "canceled", "expired"):
            self.ended.append(order)

    def check(self) -> None:
        self.clients = [account for account in self.exchange.accounts.values() if account.client]
        self.nothing_is_created_or_lost()
        self.holds_are_what_open_orders_need()
        self.ledgers_add_up()
        self.each_open_order_is_in_one_place()
        self.books_are_in_order()
        self.the_first_are_served_first()
        self.fills_add_up_to_their_orders()
        self.positions_add_up()
        self.who_is_uncovered_is_closed_out()
        self.ended_orders_are_gone()
        self.single, self.changed = False, None
        self.ended.clear()
        self.made.clear()

    def nothing_is_created_or_lost(self) -> None:
        for asset in self.outside:
            assert sum(account.balance(asset) for account in self.exchange.accounts.values()) == self.outside[asset]
        assert all(units >= 0 for units in self.exchange.fees.balances.values())

    def holds_are_what_open_orders_need(self) -> None:
        for account in self.exchange.accounts.values():
            holds: Counter[str] = Counter()
            for order in account.open.values():
                holds[order.hold_asset.id] += order.hold
                if order.leverage or order.place == "schedule" or not account.client:
                    assert order.hold == 0
                elif order.place == "book":
                    assert order.hold == order.needed(order.remaining)
                elif not self.stops_hold_funds:
                    assert order.hold == 0
                elif order.stop is not None and not (order.stop.trailing and order.buy):
                    assert order.hold == order.needed(order.remaining)
            for asset in self.outside:
                assert account.held[asset] == holds[asset]
                assert account.available(asset) >= 0 or not account.client

    def ledgers_add_up(self) -> None:
        for account in self.clients:
            entries = list(account.ledger.values())
            running: dict[str, int] = {}
            for entry in reversed(entries[: self.checked[account.name]]):
                running.setdefault(entry.asset, entry.balance)
            for entry in entries[self.checked[account.name] :]:
                running[entry.asset] = running.get(entry.asset, 0) + entry.amount - entry.fee
                assert entry.balance == running[entry.asset]
                if entry.type == "rollover":
                    self.rolled[entry.refid].add(entry.time)
            self.checked[account.name] = len(entries)
            assert all(account.balance(asset) == running.get(asset, 0) for asset in self.outside)

    def each_open_order_is_in_one_place(self) -> None:
        resting: dict[str, list[str]] = {}
        for market in self.exchange.markets.values():
            resting[market.pair.id] = [o.txid for side in ("buy", "sell") for o in in_turn(market, side)]
        places: Counter[str] = Counter()
        for account in self.exchange.accounts.values():
            counted: Counter[str] = Counter()
            for txid, order in account.open.items():
                assert txid == order.txid
                places[order.market.pair.id + order.place] += 1
                counted[order.market.pair.id] += 1
                assert order.remaining > 0 or order.budget is not None
                assert order.status == ("pending" if order.place == "schedule" else "open")
                assert not order.expiretm or order.expiretm > self.clock.now()
                if order.place == "schedule":
                    assert order.starttm > self.clock.now() or not self.stops.matches(order.market)
                elif order.place == "triggers":
                    assert not self.stops.watched[order].hit
                    assert order.stop is not None and not order.stop.fired
                    assert order.stop.level == self.stops.watched[order].level
                else:
                    assert order.place == "book"
                    assert order.limit is not None and order.time_in_force in ("gtc", "gtd")
                    assert order.stop is None or order.stop.fired
            if account.client:
                assert counted == +Counter(account.open_on)
                assert account.orders.keys() >= account.open.keys()
                assert len(account.closed) == len(account.orders) - len(account.open)
                named = {order.cl_ord_id: order for order in account.open.values() if order.cl_ord_id}
                assert account.open_by_cl_ord_id == named
        for name, market in self.exchange.markets.items():
            assert len(set(resting[name])) == len(resting[name]) == places[name + "book"]
            assert market.triggers.count == places[name + "triggers"]

    def books_are_in_order(self) -> None:
        for market in self.exchange.markets.values():
            book = market.book
            assert book.best_bid is next(book.levels("buy"), None)
            assert book.best_ask is next(book.levels("sell"), None)
            assert book.best_bid is None or book.best_ask is None or book.best_bid.price < book.best_ask.price
            for side, found in (("buy", book.bids), ("sell", book.asks)):
                for price, level in found.items():
                    orders = list(level.orders.values())
                    assert orders and price == level.price
                    assert [order.queued for order in orders] == list(level.orders)
                    assert all(first.queued < second.queued for first, second in pairwise(orders))
                    assert level.volume == sum(order.offered for order in orders)
                    for order in orders:
                        assert (order.side, order.limit, order.place) == (side, price, "book")
                        assert 0 < order.offered <= order.remaining
                        assert order.display is None or order.shown <= order.display

    def the_first_are_served_first(self) -> None:
        """Who rested before, at a better price or before in the queue, would have been met before."""
        filled = {order for order, trade in self.made if trade.maker}
        for order, done in self.done.items():
            if order.vol_exec > done and not order.account.client:
                filled.add(order)
        self.done = {}
        for name, market in self.exchange.markets.items():
            for side in ("buy", "sell"):
                passed: Order | None = None
                for order, price, queued in self.queues.get((name, side), ()):
                    if order is self.changed:
                        continue
                    if order in filled and passed is not None and not self.single:
                        raise AssertionError(f"{order.txid} was met before {passed.txid}")
                    if order.place == "book" and order.queued == queued:
                        passed = order
                    elif order.place == "book":
                        assert order.display is not None and order in filled
                    assert order.limit == price
                now = [(order, order.price, order.queued) for order in in_turn(market, side)]
                self.queues[name, side] = now
                self.done |= {order: order.vol_exec for order, *_ in now}

    def fills_add_up_to_their_orders(self) -> None:
        for order, trade in self.made:
            account = order.account
            assert account.trades[trade.id] is trade and trade.order is order
            assert trade in trade.execution.fills
            assert all(account.ledger[row.id] is row and row.refid == trade.execution.id for row in trade.ledgers)
            assert trade.cost == order.market.pair.cost(trade.price, trade.vol) or order.ordertype == "settle-position"
            assert trade.maker or not order.post
            if order.leverage:
                self.check_margin_fill(order, trade)
            else:
                self.check_spot_fill(order, trade)
        for order in {order for order, _ in self.made}:
            fills = [fill for execution in order.executions for fill in execution.fills]
            assert sum(fill.vol for fill in fills) == order.vol_exec
            assert sum(fill.cost for fill in fills) == order.cost
            assert sum(fill.fee for fill in fills) == order.fee
            assert order.vol_exec <= order.vol and (order.budget is None or order.cost <= order.budget)
            assert len({execution.id for execution in order.executions}) == len(order.executions)
            assert (
                order.limit is None
                or all(fill.price <= order.limit if order.buy else fill.price >= order.limit for fill in fills)
                or order.amends
            )
        for account in self.clients:
            assert len(account.trades) == sum(len(execution.fills) for execution in account.executions)

    def check_spot_fill(self, order: Order, trade: Trade) -> None:
        pair = order.market.pair
        assert not trade.opened and not trade.closed
        base, quote = (row for row in trade.ledgers if row.asset != "KFEE")
        assert (base.asset, quote.asset) == (pair.base.id, pair.quote.id)
        sign = 1 if order.buy else -1
        # Roundings in one direction may leave a seller, or a buyer, some last digits short.
        assert 0 <= rescale(trade.vol, pair.lot_decimals, pair.base.decimals) - sign * base.amount <= 20
        assert 0 <= rescale(trade.cost, pair.cost_decimals, pair.quote.decimals) + sign * quote.amount <= 20

    def check_margin_fill(self, order: Order, trade: Trade) -> None:
        opened = [trade.opened] if trade.opened else []
        if trade.opened:
            self.count("a fill turns a position around" if trade.closed else "a fill opens a position")
        elif order.ordertype != "settle-position":
            self.count("a liquidation" if order.liquidation else "a fill closes a position")
        assert {part.trade for part in trade.closed} <= {trade}
        assert sum(p.vol for p in opened) + sum(part.vol for part in trade.closed) == trade.vol
        assert sum(p.cost for p in opened) + sum(part.cost for part in trade.closed) == trade.cost
        if order.ordertype == "settle-position":
            assert not opened and trade.fee == 0
            assert {row.type for row in trade.ledgers} == {"settled"}
            return
        assert sum(p.fee for p in opened) + sum(part.fee for part in trade.closed) == trade.fee
        assert {row.type for row in trade.ledgers} == {"margin"}
        pair = order.market.pair
        net = rescale(sum(part.net for part in trade.closed), pair.cost_decimals, pair.quote.decimals)
        amount = sum(row.amount for row in trade.ledgers if row.asset == pair.quote.id)
        assert amount == net if net >= 0 else net <= amount <= 0
        assert all(position.id == trade.id and position.side == order.side for position in opened)
        assert not order.reduce_only or not opened

    def positions_add_up(self) -> None:
        for account in self.clients:
            signed: Counter[str] = Counter()
            for trade in account.trades.values():
                order = trade.order
                if order.leverage:
                    signed[order.market.pair.id] += trade.vol if order.buy else -trade.vol
            for pair_id in self.exchange.markets:
                positions = [p for p in account.positions.open.values() if p.market.pair.id == pair_id]
                assert tuple(positions) == account.positions.on(pair_id)
                assert len({p.side for p in positions}) <= 1
                volume = sum(p.remaining for p in positions)
                side = positions[0].side if positions else None
                assert signed[pair_id] == (volume if side == "buy" else -volume)
                # FIFO: only the oldest may be closed in part.
                assert all(not p.vol_closed for p in positions[1:])
                for p in positions:
                    assert p.remaining > 0 and p.vol_closed == sum(part.vol for part in p.closings)
                    assert p.cost - p.remaining_cost == sum(part.opening_cost for part in p.closings)
                    assert p.rollovers == len(self.rolled[p.id]) == (self.clock.now() - p.time) // (4 * HOUR)
                reducing: Counter[str] = Counter()
                for order in account.open.values():
                    if order.reduce_only and order.place == "book" and order.market.pair.id == pair_id:
                        reducing[order.side] += order.remaining
                assert all(found <= volume and opposite != side for opposite, found in reducing.items())

    def who_is_uncovered_is_closed_out(self) -> None:
        """Trades let the exchange look at the margins: then nothing is left that somebody would have taken."""
        before, self.prints = self.prints, sum(market.tape.count for market in self.exchange.markets.values())
        for account in self.clients if self.prints > before else ():
            standing = margin.standing(
                account, self.catalog.assets["ZUSD"], self.exchange.valuation, self.catalog.assets
            )
            for position in account.positions.open.values():
                market = position.market
                if margin.level_reached(standing, market.pair.margin_stop) and self.stops.matches(market):
                    # A long position is sold to those who bid, on its own side of the book.
                    others = in_turn(market, position.side)
                    assert all(order.account is account for order in others), account.name

    def ended_orders_are_gone(self) -> None:
        for order in self.ended:
            account = order.account
            assert order.status in ("closed", "canceled", "expired")
            assert order.place == "" and order.hold == 0 and order.timer is None
            assert order.txid not in account.open and account.orders[order.txid] is order
            assert order not in self.stops.watched
            if order.status == "closed":
                assert order.remaining == 0 and (order.reason is None or order.liquidation)
            else:
                assert order.reason
            if order.amends:
                assert [amend.type for amend in order.amends].index("original") == 0
            # A reduce-only one kills nothing when its position is smaller.
            assert order.time_in_force != "fok" or order.reduce_only or order.vol_exec in (0, order.vol)
        for account in self.clients:
            closed = account.closed[-len(self.ended) - 1 :] if self.ended else []
            assert all((a.closetm, a.seq) < (b.closetm, b.seq) for a, b in pairwise(closed))

    def check_all_can_end(self) -> None:
        """Whoever cancels all is left with nothing; the exchange is online."""
        for account in self.clients:
            self.exchange.cancel_all(account)
            assert not account.open and not any(account.held.values()) and not any(account.open_on.values())
        for market in self.exchange.markets.values():
            assert market.triggers.count == 0
            assert all(not o.account.client for side in ("buy", "sell") for o in in_turn(market, side))
        assert not self.stops.watched


def in_turn(market: Market, side: Any) -> list[Order]:
    """Who rests on a side, in the order in which they are met."""
    return [order for level in market.book.levels(side) for order in level.orders.values()]


@pytest.fixture
def naive_exchange() -> type[NaiveExchange]:
    return NaiveExchange


@pytest.fixture
def audit() -> type[Audit]:
    return Audit
