"""A day of random things on an exchange with an audience of WebSocket clients, who look at everything that they hear.

Three traders place, change and cancel orders over REST and both versions' sockets; the house and the operators move the
market and the clock; subscriptions are renewed, and guests come and go.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from audience import DEPTHS, DEPTHS_1, DEPTHS_3, Audience, Line, same_levels, same_orders
from book_clients import Book1, Book2, Level3
from feed_clients import Balances, Executions, OpenOrders, OwnTrades
from order_words import PAIRS, Orders, flat, in_words_of_v1, in_words_of_v2

from mockkraken.control.errors import ControlError
from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.exchange import Market, Order
    from mockkraken.sandbox import Sandbox

WEALTH = {"ZUSD": "400000", "XXBT": "4", "XXDG": "500000"}


class Trader:
    """An account: its REST client, and a connection of each version that hears all about it and trades."""

    def __init__(self, client: Client, key: str, wire: Callable[..., Wire]) -> None:
        self.client = client
        self.key = key
        self.account = client.sandbox.exchange.accounts["main" if key == "full" else key]
        self.two, self.one = Line(wire("/v2")), Line(wire("/"))
        self.executions, self.balances = Executions(), Balances()
        self.orders, self.trades = OpenOrders(), OwnTrades()
        self.single_trades = OwnTrades()
        self.third = Line(wire("/"))
        token = self.token()
        self.two.subscribe(self.executions, "executions", token=token, snap_trades=True)
        self.two.subscribe(self.balances, "balances", token=token)
        self.one.subscribe(self.orders, "openOrders", token=token)
        self.one.subscribe(self.trades, "ownTrades", token=token)
        self.third.subscribe(self.single_trades, "ownTrades", token=token, consolidate_taker=False)

    def token(self) -> str:
        return self.two.wire.token(self.key)


class Day:
    """Everything that can happen, at random."""

    def __init__(self, seed: int, pit: Pit, wire: Callable[..., Wire]) -> None:
        self.rng = random.Random(seed)
        self.pit, self.wire = pit, wire
        self.sandbox: Sandbox = pit.kraken.sandbox
        self.tally: Counter[str] = Counter()
        self.markets = {name: self._market(name) for name in PAIRS}
        self.halted = 0
        self.words = Orders(self.rng, self.markets)
        pit.fund("main", **WEALTH)
        clients = {"full": pit.kraken} | {name: pit.trader(name, **WEALTH) for name in ("ann", "bob")}
        self.traders = [Trader(client, key, wire) for key, client in clients.items()]
        self.audience = Audience(self.sandbox, self.markets, wire, self.traders[0].token())
        self.guest: tuple[Line, Book2 | Book1 | Level3] | None = None

    def _market(self, name: str) -> Market:
        pair = self.sandbox.catalog.trading_pair(name)
        assert pair is not None
        return self.sandbox.exchange.market(pair)

    def private_lines(self) -> Iterator[Line]:
        for trader in self.traders:
            yield from (trader.two, trader.one, trader.third)
        if self.guest is not None:
            yield self.guest[0]

    def step(self) -> None:
        """One operation, and everybody looks."""
        self.audience.begin()
        self.halted -= 1
        if self.halted:
            operation = self.rng.choices(*zip(*OPERATION_WEIGHTS, strict=True))[0]
            operation(self)
        else:
            self.reopen()
        self.look()

    def reopen(self) -> None:
        """A state in which hardly anything is allowed ends after a while."""
        for pair in (None, *PAIRS):
            self.pit.status.set("online", pair=pair)

    def look(self) -> None:
        for line in self.private_lines():
            line.drain()
        self.audience.look()

    def an_order(self, trader: Trader) -> Order | None:
        """One of the trader's open orders, if there is one."""
        found = list(trader.account.open.values())
        return self.rng.choice(found) if found else None

    def note(self, what: str, refused: str | None) -> None:
        assert refused is None or not refused.startswith("EGeneral:Internal"), (what, refused)
        self.tally[f"{what}: {refused or 'ok'}"] += 1

    # What traders do

    def rest(self, what: str, trader: Trader, method: str, **fields: Any) -> None:
        reply = (trader.client.post_json if "orders" in fields else trader.client.post)(method, **fields)
        self.note(f"rest {what}", reply.errors[0] if reply.errors else None)

    def v2(self, what: str, trader: Trader, method: str, **params: Any) -> None:
        replies = trader.two.say({"method": method, "params": params | {"token": trader.token()}, "req_id": 7})
        assert replies
        for reply in replies:
            assert (reply["method"], reply["req_id"]) == (method, "7")
            self.note(f"v2 {what}", None if reply["success"] else reply.get("error") or "in part")

    def v1(self, what: str, trader: Trader, event: str, **fields: Any) -> None:
        replies = trader.one.say({"event": event, "token": trader.token(), "reqid": 7, **fields})
        assert replies
        for reply in replies:
            assert (reply["event"], reply["reqid"]) == (f"{event}Status", "7")
            self.note(f"v1 {what}", reply.get("errorMessage"))

    def add(self) -> None:
        trader, name = self.rng.choice(self.traders), self.a_pair()
        fields = self.words.order(name)
        way = self.rng.choice(("rest", "v2", "v2", "v1"))
        if way == "v2" and fields["ordertype"] != "settle-position":
            self.v2(
                "add", trader, "add_order", symbol=PAIRS[name].v2, **in_words_of_v2(fields, self.sandbox.clock.now())
            )
        elif way == "v1" and fields["ordertype"] != "iceberg":
            self.v1("add", trader, "addOrder", pair=PAIRS[name].v1, **in_words_of_v1(fields))
        else:
            self.rest("add", trader, "AddOrder", pair=name, **flat(fields))

    def batch(self) -> None:
        trader, name = self.rng.choice(self.traders), self.a_pair()
        orders = [self.words.order(name) for _ in range(self.rng.randint(2, 4))]
        if self.rng.random() < 0.5:
            self.rest("batch", trader, "AddOrderBatch", pair=name, orders=orders)
            return
        orders = [order for order in orders if order["ordertype"] != "settle-position"]
        rows = [in_words_of_v2(order, self.sandbox.clock.now()) for order in orders]
        self.v2("batch", trader, "batch_add", symbol=PAIRS[name].v2, orders=rows)

    def a_pair(self) -> str:
        return self.rng.choices(list(PAIRS), (3, 1))[0]

    def amend(self) -> None:
        trader = self.rng.choice(self.traders)
        order = self.an_order(trader)
        if order is None:
            return
        name = order.market.pair.altname
        by_name = order.cl_ord_id is not None and self.rng.random() < 0.5
        changes: dict[str, str] = {}
        if self.rng.random() < 0.6:
            changes["order_qty"] = self.words.volume(name)
        if self.rng.random() < 0.6 and order.ordertype in ("limit", "iceberg"):
            changes["limit_price"] = self.words.price(name, order.side)
        if order.ordertype in ("stop-loss", "take-profit"):
            changes["trigger_price"] = self.words.price(name, "buy", self.rng.choice((0.003, -0.003)))
        if order.display is not None and "order_qty" in changes:
            changes["display_qty"] = str((Decimal(changes["order_qty"]) / 3).quantize(Decimal("0.00001")))
        named = {"cl_ord_id": order.cl_ord_id} if by_name else {}
        way = self.rng.choice(("rest", "v2", "v1"))
        if way == "rest":
            self.rest("amend", trader, "AmendOrder", **(named or {"txid": order.txid}), **changes)
        elif way == "v2":
            numbers = {key: float(text) for key, text in changes.items()}
            self.v2("amend", trader, "amend_order", **(named or {"order_id": order.txid}), **numbers)
        else:
            words = {"order_qty": "volume", "display_qty": "display_volume"}
            texts = {words.get(key, key): text for key, text in changes.items()}
            self.v1("amend", trader, "amendOrder", **(named or {"txid": order.txid}), **texts)

    def edit(self) -> None:
        trader = self.rng.choice(self.traders)
        order = self.an_order(trader)
        if order is None:
            return
        name = order.market.pair.altname
        changes = {"volume": self.words.volume(name)} if self.rng.random() < 0.5 else {}
        if order.ordertype == "limit" or not changes:
            changes["price"] = self.words.price(name, order.side)
        way = self.rng.choice(("rest", "v2", "v1"))
        if way == "rest":
            self.rest("edit", trader, "EditOrder", txid=order.txid, pair=name, **changes)
        elif way == "v2":
            words = {"volume": "order_qty", "price": "limit_price"}
            numbers = {words[key]: float(text) for key, text in changes.items()}
            self.v2("edit", trader, "edit_order", order_id=order.txid, symbol=PAIRS[name].v2, **numbers)
        else:
            self.v1("edit", trader, "editOrder", orderid=order.txid, pair=PAIRS[name].v1, **changes)

    def cancel(self) -> None:
        """By each kind of id."""
        trader = self.rng.choice(self.traders)
        order = self.an_order(trader)
        if order is None:
            return
        way = self.rng.choice(("rest", "v2", "v1"))
        kind, named = "txid", order.txid
        if order.cl_ord_id is not None:
            kind, named = "cl_ord_id", order.cl_ord_id
        elif order.userref is not None and self.rng.random() < 0.7:
            kind, named = "userref", str(order.userref)
        if way == "rest":
            self.rest("cancel", trader, "CancelOrder", **{"cl_ord_id" if kind == "cl_ord_id" else "txid": named})
        elif way == "v1":
            self.v1("cancel", trader, "cancelOrder", **{"cl_ord_id" if kind == "cl_ord_id" else "txid": [named]})
        elif kind == "userref":
            self.v2("cancel", trader, "cancel_order", order_userref=[int(named)])
        else:
            others = ["OAAAAA-AAAAA-AAAAAA"] if kind == "txid" and self.rng.random() < 0.2 else []
            self.v2("cancel", trader, "cancel_order", **{"order_id" if kind == "txid" else kind: [named, *others]})

    def cancel_batch(self) -> None:
        trader = self.rng.choice(self.traders)
        found = [order for order in (self.an_order(trader) for _ in range(3)) if order is not None]
        if len({order.txid for order in found}) < 2:
            return
        ids = [order.txid for order in found]
        if self.rng.random() < 0.5:
            self.rest("cancel batch", trader, "CancelOrderBatch", orders=ids)
        else:
            self.v2("cancel batch", trader, "batch_cancel", orders=ids)

    def cancel_all(self) -> None:
        trader = self.rng.choice(self.traders)
        way = self.rng.choice(("rest", "v2", "v1"))
        if way == "rest":
            self.rest("cancel all", trader, "CancelAll")
        elif way == "v2":
            self.v2("cancel all", trader, "cancel_all")
        else:
            self.v1("cancel all", trader, "cancelAll")

    def dead_man(self) -> None:
        trader, timeout = self.rng.choice(self.traders), self.rng.choice((0, 3, 8))
        way = self.rng.choice(("rest", "v2", "v1"))
        if way == "rest":
            self.rest("dead man", trader, "CancelAllOrdersAfter", timeout=timeout)
        elif way == "v2":
            self.v2("dead man", trader, "cancel_all_orders_after", timeout=timeout)
        else:
            self.v1("dead man", trader, "cancelAllOrdersAfter", timeout=timeout)

    # What the house does, and whoever turns the knobs

    def control(self) -> None:
        what = self.rng.choices(*zip(*CONTROL_WEIGHTS, strict=True))[0]
        name = self.a_pair()
        try:
            getattr(self, f"_{what}")(name)
        except ControlError as refused:
            self.tally[f"control {what} refused: {refused.args[0]!s:.50}"] += 1
        else:
            self.tally[f"control {what}"] += 1

    def _move(self, name: str) -> None:
        self.pit.pairs[name].move_to(
            self.words.price(name, "buy", self.rng.choice((0.0003, -0.0003, 0.003, -0.003, 0.008)))
        )

    def _gap(self, name: str) -> None:
        self.pit.pairs[name].gap(self.rng.choice(("-0.05%", "+0.05%", "-1%", "+1%")))

    def _trade(self, name: str) -> None:
        side = self.rng.choice(("buy", "sell"))
        volume = str(Decimal(self.words.volume(name)) * self.rng.choice((1, 1, 30)))
        self.pit.pairs[name].trade(
            side, volume, self.words.price(name, side, 0.001) if self.rng.random() < 0.5 else None
        )

    def _fill(self, name: str) -> None:
        resting = [
            order
            for trader in self.traders
            for order in trader.account.open.values()
            if order.place == "book" and order.market.pair.altname == name
        ]
        if resting:
            self.pit.fill(self.rng.choice(resting).txid)

    def _book(self, name: str) -> None:
        """Other quotes: few, or more than the deepest window holds."""
        market, pair = self.markets[name], PAIRS[name]
        scale = market.pair.price_scale
        middle = Decimal(market.reference() or 1).scaleb(-scale)
        middle -= middle % Decimal(market.pair.tick).scaleb(-scale)
        levels = self.rng.choice((0, 3, 12, 30, 30, 140)) if self.rng.random() < 0.9 else 1100
        sides: tuple[list[tuple[str, str]], ...] = ([], [])
        for quotes, way in zip(sides, (-1, 1), strict=True):
            for number in range(1, levels + 1):
                quotes.append((str(middle + way * number * pair.step), str(pair.unit * self.rng.randint(1, 5))))
        self.pit.pairs[name].set_book(*sides, model=self.rng.choice(("static", "calm", "walk", None)))

    def _model(self, name: str) -> None:
        self.pit.pairs[name].model = self.rng.choice(("calm", "calm", "walk", "static"))

    def _pause(self, name: str) -> None:
        handle = self.pit.pairs[name]
        handle.pause() if self.rng.random() < 0.3 else handle.resume()

    def _index(self, name: str) -> None:
        self.pit.pairs[name].set_index(self.words.price(name, "buy", self.rng.choice((0.001, -0.001))))

    def _status(self, name: str) -> None:
        self.pit.status.set(self.rng.choice(("post_only", "limit_only", "cancel_only")), pair=name)
        self.halted = 6

    def _exchange_status(self, _: str) -> None:
        self.pit.status.set(self.rng.choice(("post_only", "maintenance", "cancel_only", "limit_only")))
        self.halted = 6

    def _balance(self, _: str) -> None:
        trader, asset = self.rng.choice(self.traders), self.rng.choice(list(WEALTH))
        self.pit.balances(trader.account.name, **{asset: WEALTH[asset]})

    def _rules(self, name: str) -> None:
        self.pit.pairs[name].patch(fees=[[0, self.rng.choice((0.4, 0.26, 0.1))]])

    def advance(self) -> None:
        span = self.rng.choice(("1ms", "100ms", "700ms", "1s", "2s", "5s", "5s", "12s", "40s"))
        if self.rng.random() < 0.02:
            span = "5h"
        self.tally["advance"] += 1
        Control(self.sandbox).perform(Control.move_clock, {"advance": span})

    # Clients that come and go

    def renew(self) -> None:
        """Somebody unsubscribes and subscribes again: what they hear then is as if they had never been away."""
        which = self.rng.randrange(6)
        name, trader = self.a_pair(), self.rng.choice(self.traders)
        token = trader.token()
        if which == 0:
            self.audience.renew_book(name, self.rng.choice(DEPTHS))
        elif which == 1:
            self.audience.renew_level3(name, self.rng.choice(DEPTHS_3), token)
        elif which == 2:
            self.audience.renew_book_1(name, self.rng.choice(DEPTHS_1))
        elif which == 3:
            trader.two.unsubscribe("executions", token=token)
            trader.executions.restart()
            trader.two.subscribe(trader.executions, "executions", token=token, snap_trades=self.rng.random() < 0.5)
            assert trader.executions.open() == set(trader.account.open)
        elif which == 4:
            trader.two.unsubscribe("balances", token=token)
            trader.balances.restart()
            trader.two.subscribe(trader.balances, "balances", token=token)
        else:
            trader.one.unsubscribe("openOrders", token=token)
            trader.orders.restart()
            trader.one.subscribe(trader.orders, "openOrders", token=token)
            assert trader.orders.open() == set(trader.account.open)
        self.tally["a subscription renewed"] += 1

    def guests(self) -> None:
        """A client joins in the middle, or goes without a word."""
        if self.guest is not None:
            line, client = self.guest
            line.drain()
            if isinstance(client, Level3):
                same_orders(client, self.markets["XBTUSD"])
            else:
                same_levels(client, self.markets["XBTUSD"])
            line.wire.leave()
            self.guest = None
            self.tally["a client that comes and goes"] += 1
            return
        depth, low, pair = self.rng.choice((10, 100)), self.audience.low["XBTUSD"], PAIRS["XBTUSD"]
        if self.rng.random() < 0.3:
            line = Line(self.wire("/ws"))
            client = line.subscribe(Book1(depth, low), "book", pair.v1, depth=depth)
        elif self.rng.random() < 0.5:
            line = Line(self.wire("/ws/v2"))
            client = line.subscribe(Book2(depth, low), "book", pair.v2, depth=depth)
        else:
            line = Line(self.wire("/ws-l3/v2"))
            token = self.traders[1].token()
            client = line.subscribe(Level3(depth, low), "level3", pair.v2, depth=depth, token=token)
        self.guest = line, client


OPERATION_WEIGHTS: tuple[tuple[Callable[[Day], None], int], ...] = (
    (Day.add, 40),
    (Day.batch, 4),
    (Day.amend, 10),
    (Day.edit, 8),
    (Day.cancel, 10),
    (Day.cancel_batch, 2),
    (Day.cancel_all, 1),
    (Day.dead_man, 2),
    (Day.control, 22),
    (Day.advance, 8),
    (Day.renew, 6),
    (Day.guests, 3),
)
CONTROL_WEIGHTS = (
    ("move", 8),
    ("gap", 3),
    ("trade", 8),
    ("fill", 8),
    ("book", 3),
    ("model", 3),
    ("pause", 2),
    ("index", 3),
    ("status", 1),
    ("exchange_status", 1),
    ("balance", 2),
    ("rules", 1),
)


# What has to be the same
