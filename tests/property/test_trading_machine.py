"""Everything that traders, the house, the clock and the operators can do, at random: what must always hold, holds.

No second model says what must come out; the rules of conservation, priority and bookkeeping do, and a naive watch over
the stops. Reference: kraken/30 §4, §5.4, §6, §8; kraken/10 §7.
"""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mockkraken import decimals
from mockkraken.catalog import Catalog
from mockkraken.clock import DAY, HOUR, MINUTE, SECOND, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account, BalanceError, Exchange, OrderRequest
from mockkraken.exchange.amends import AmendRequest, EditRequest
from mockkraken.ids import Ids, generator
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Audit

    from mockkraken.exchange import Market, Order

START = 1_790_000_000 * SECOND
MATCHING = ("online", "limit_only", "reduce_only")
CLIENTS = ("ann", "bob", "cat")

# Two pairs that share an asset; the volume that volumes are hundredths of, and what each trader and the house have.
# The Australian dollar has fewer decimals than lot and cost, so that hardly a fill comes out even.
WORLDS: dict[str, dict[str, Any]] = {
    "XBT": {
        "units": {"XXBTZUSD": "0.05", "XETHXXBT": "1"},
        "client": {"ZUSD": "14000", "XXBT": "0.25", "XETH": "4"},
        "house": {"ZUSD": "1000000", "XXBT": "20", "XETH": "300"},
    },
    "AUD": {
        "units": {"AUDUSD": "5", "AUDJPY": "5"},
        "client": {"ZUSD": "40.1234", "ZAUD": "33.3333", "ZJPY": "2000.01", "KFEE": "30"},
        "house": {"ZUSD": "3000", "ZAUD": "5000", "ZJPY": "400000", "KFEE": "0"},
    },
}
RULES = {
    "ordermin": "0.0001",
    "fees": [[0, "0.4"], [20, "0.31"], [50, "0.0257"]],
    "fees_maker": [[0, "0.23"], [20, "0.1001"], [50, "-0.05"]],
    "leverage_buy": [2, 3, 4, 5],
    "leverage_sell": [2, 3, 4, 5],
    "margin_call": 250,
    "margin_stop": 180,
    "margin_open_fee": "0.02",
    "margin_rollover_fee": "0.3",
}
# Percent around the price at which each market began.
LADDER = ("-25", "-8", "-3", "-1.5", "-0.7", "-0.2", "0", "0.2", "0.7", "1.5", "3", "8", "25")
MIDDLE = len(LADDER) // 2

who_s = st.sampled_from(CLIENTS)
sides = st.sampled_from(("buy", "sell"))
usually = st.integers(0, 3).map(bool)
volumes = st.one_of(st.integers(1, 400), st.sampled_from((1, 50, 100, 100, 333)))
levels = st.one_of(st.integers(MIDDLE - 2, MIDDLE + 2), st.integers(0, len(LADDER) - 1))
relatives = st.sampled_from(("+0.2%", "-0.2%", "#0.3%", "#1%", "+1.5%", "-1.5%", "#~30", "+~100", "-~100"))
prices = st.one_of(levels, levels, relatives)
triggers = st.one_of(levels, st.sampled_from(("#0.1%", "#0.3%", "#1%", "#3%", "#~20", "+0.5%", "-0.5%")))
distances = st.sampled_from(("+0.1%", "+0.5%", "+1%", "+4%", "+~20", "+~200", "+0.333%"))
offsets = st.sampled_from(("+0", "#1%", "#0.2%", "-0.5%", "+0.5%", "+~10", "-~10", "#5%"))

TRIGGERED = (
    "stop-loss",
    "take-profit",
    "stop-loss-limit",
    "take-profit-limit",
    "trailing-stop",
    "trailing-stop-limit",
)
CLOSES = (
    ("limit", "#1%", None),
    ("iceberg", "#0.5%", None),
    ("stop-loss", "#0.5%", None),
    ("take-profit", "#0.4%", None),
    ("stop-loss-limit", "#0.5%", "#2%"),
    ("take-profit-limit", "#0.7%", "+0.1%"),
    ("trailing-stop", "+0.4%", None),
    ("trailing-stop-limit", "+0.4%", "-1%"),
)
EXTRAS: tuple[dict[str, Any], ...] = (
    {"timeinforce": "IOC"},
    {"timeinforce": "FOK"},
    {"timeinforce": "GTD", "expiretm": "+40"},
    {"expiretm": "+9000"},
    {"starttm": "+30"},
    {"starttm": "+60", "expiretm": "+90"},
    {"starttm": "+10000", "expiretm": "+90000"},
    {"stptype": "cancel-oldest"},
    {"stptype": "cancel-oldest"},
    {"stptype": "cancel-both"},
    {"flag": "post"},
    {"flag": "fcib"},
    {"flag": "viqc"},
    {"trigger": "index"},
    {"reduce_only": True},
    {"userref": "1"},
    {"userref": "-7"},
    {"cl_ord_id": "a"},
    {"cl_ord_id": "b"},
    {"close": 0},
    {"close": 1},
)


@st.composite
def requests(draw: Callable[..., Any]) -> dict[str, Any]:
    """An order of any type; prices as what `text_of` reads, volumes in hundredths of the world's unit."""
    found: dict[str, Any] = {"type": draw(sides)}
    found["ordertype"] = kind = draw(
        st.one_of(
            st.sampled_from(("limit", "limit", "market", "iceberg")),
            st.sampled_from(("limit", "iceberg", "settle-position", *TRIGGERED)),
        )
    )
    found["volume"] = draw(volumes)
    found["leverage"] = draw(st.sampled_from((None, None, "2", "5")))
    if kind in ("limit", "iceberg"):
        found["price"] = draw(prices)
    elif kind.startswith("trailing"):
        found["price"] = draw(distances)
    elif kind in TRIGGERED:
        found["price"] = draw(triggers)
    if kind.endswith("-limit"):
        found["price2"] = draw(offsets) if kind.startswith("trailing") else draw(st.one_of(offsets, levels))
    if kind == "iceberg":
        found["displayvol"] = max(found["volume"] * draw(st.integers(1, 15)) // 15, 1)
    if kind == "settle-position":
        found["leverage"] = found["leverage"] or "2"
    for extra in draw(st.lists(st.sampled_from(EXTRAS), max_size=3)):
        found.update(extra)
    if "close" in found:
        found["close"] = draw(st.sampled_from(CLOSES))
    if found.get("reduce_only") and draw(usually):
        found["leverage"] = found["leverage"] or "3"
        found["volume"] = draw(st.sampled_from((found["volume"], 0)))
    return found


# A machine that does nothing proves nothing. What it does depends on which modules hypothesis has seen, so that only
# what comes up often is asked for; the rest has plain tests.
REACHED = (
    *(f"order: {kind}, open" for kind in ("limit", "iceberg", "stop-loss-limit", "trailing-stop")),
    "order: market, closed",
    "order: limit, pending",
    "a conditional close comes in",
    "a scheduled order starts",
    "a fill opens a position",
    "a fill closes a position",
    "a liquidation",
    "margin call",
    "edited",
    "amended in book",
    "canceled: Cannot trade with self",
    "canceled: Insufficient liquidity",
    "canceled: Order replaced",
    "canceled: User requested",
    "EOrder:Insufficient funds",
)


class Traders(RuleBasedStateMachine):
    """Three traders, the house, and whoever turns the knobs."""

    def __init__(self, tally: Counter[str], auditor: type[Audit]) -> None:
        super().__init__()
        self.tally = tally
        self.auditor = auditor

    @initialize(
        world=st.sampled_from(sorted(WORLDS)),
        protection=st.sampled_from(("10", "0.5", "off")),
        post_crossing=st.sampled_from(("error", "cancel")),
        reached=st.sampled_from(("cancel", "fire")),
        hold=st.booleans(),
    )
    def open_exchange(self, world: str, protection: str, post_crossing: str, reached: str, hold: bool) -> None:
        self.world = WORLDS[world]
        self.clock = Clock(START)
        self.rng = generator(7, "ids")
        self.catalog = Catalog()
        self.settings = Settings.of(
            market_price_protection=protection,
            post_only_crossing=post_crossing,
            triggered_at_entry=reached,
            stops_hold_funds=hold,
        )
        self.names = list(self.world["units"])
        for pair_id in self.names:
            least = Decimal(2).scaleb(-self.catalog.records[pair_id].cost_decimals)
            limits = {"long_position_limit": 100, "short_position_limit": 100}
            self.catalog.with_record(pair_id, **RULES, **limits, costmin=f"{least:f}")
        self.exchange = Exchange(self.clock, self.settings, self.catalog, Ids(self.rng))
        self.assets = {a: self.catalog.assets[a] for a in self.world["house"]}
        self.tally["examples"] += 1
        self.audit = self.auditor(self.exchange, self.clock, self.catalog, self.settings, self.tally)
        self.stops = self.audit.stops
        self.house_ids = 0
        self.halted = 0
        self.began = {name: self.market(name).reference() or 0 for name in self.names}
        for name in CLIENTS:
            self.exchange.open_account(Account(name))
            for asset, text in self.world["client"].items():
                self.set_balance(self.exchange.accounts[name], asset, self.units(asset, text))
        for asset, text in self.world["house"].items():
            self.set_balance(self.exchange.house, asset, self.units(asset, text))
        for name in self.names:
            self.make(name, self.began[name])

    # Texts and places

    def market(self, name: str) -> Market:
        return self.exchange.market(self.catalog.pair(name))

    def units(self, asset: str, text: str) -> int:
        return decimals.truncate(text, self.assets[asset].decimals)

    def lots(self, name: str, volume: int) -> int:
        return int(Decimal(self.world["units"][name]).scaleb(self.catalog.pair(name).lot_decimals - 2) * volume)

    def volume_text(self, name: str, volume: int) -> str:
        return decimals.fmt(self.lots(name, volume), self.catalog.pair(name).lot_decimals)

    def at(self, name: str, level: int) -> int:
        """The price of that level of the ladder, price units."""
        tick = self.catalog.pair(name).tick
        exact = self.began[name] * (1 + Decimal(LADDER[level]) / 100)
        return int((exact / tick).to_integral_value(ROUND_DOWN)) * tick

    def text_of(self, name: str, price: int | str | None) -> str | None:
        """A level as its price; `+~30` is a distance of 30 ticks."""
        pair = self.catalog.pair(name)
        if isinstance(price, int):
            return pair.price_text(self.at(name, price))
        if price is not None and "~" in price:
            sign, _, ticks = price.partition("~")
            return sign + pair.price_text(int(ticks) * pair.tick)
        return price

    # Commands, and that refused ones leave no trace

    def fingerprint(self) -> tuple[object, ...]:
        accounts = self.exchange.accounts.values()
        return (
            self.rng.getstate(),
            [(a.balances.copy(), {k: v for k, v in a.held.items() if v}, list(a.open_by_cl_ord_id)) for a in accounts],
            [self.state(order) for a in accounts for order in a.open.values()],
            [(p.id, p.vol_closed, p.rollovers) for a in accounts for p in a.positions.open.values()],
            [len(found) for a in accounts for found in (a.orders, a.closed, a.trades, a.executions, a.ledger)],
            [(m.book.version, m.tape.count, m.triggers.count) for m in self.exchange.markets.values()],
        )

    @staticmethod
    def state(order: Order) -> tuple[object, ...]:
        stop = order.stop
        terms = (order.vol, order.limit, order.display, order.shown, order.queued, order.hold, order.rate, order.post)
        where = (order.txid, order.place, order.status, order.vol_exec, order.expiretm, len(order.amends))
        return terms, where, stop and (stop.price, stop.fixed, stop.limit, stop.level, stop.extreme, stop.seq)

    def attempt(self, command: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Its result; None if it was refused."""
        before = self.fingerprint()
        try:
            return command(*args, **more)
        except KrakenError as error:
            assert self.fingerprint() == before, error
            self.audit.count(f"{error.message}")
            return None

    def house_id(self) -> str:
        self.house_ids += 1
        return f"house {self.house_ids}"

    def matches(self, name: str) -> bool:
        return self.exchange.status in MATCHING and self.catalog.pair(name).status in MATCHING

    # What traders do

    @rule(who=who_s, pair=usually.map(int), side=sides, level=levels, volume=volumes, kind=st.integers(0, 5))
    def trade(self, who: str, pair: int, side: str, level: int, volume: int, kind: int) -> None:
        """A plain order at a price or the market, on margin or not."""
        leverage = "5" if kind in (0, 1) else None
        fields = {"ordertype": "market"} if kind in (1, 2) else {"ordertype": "limit", "price": level}
        self.enter(who, self.names[1 - pair], {"type": side, "volume": volume, "leverage": leverage, **fields})

    @rule(who=who_s, pair=usually.map(int), request=requests())
    def order(self, who: str, pair: int, request: dict[str, Any]) -> None:
        self.enter(who, self.names[1 - pair], request)

    @rule(who=who_s, pair=usually.map(int), request=requests())
    def another_order(self, who: str, pair: int, request: dict[str, Any]) -> None:
        self.enter(who, self.names[1 - pair], request)

    @rule(which=st.integers(0, 5), request=requests(), percent=st.sampled_from((0, 30, 80, 100, 120)))
    def leave(self, which: int, request: dict[str, Any], percent: int) -> None:
        """An order that would make a position smaller, by so much of it."""
        found = [p for name in CLIENTS for p in self.exchange.accounts[name].positions.open.values()]
        if found:
            position = found[which % len(found)]
            side = "sell" if position.side == "buy" else "buy"
            volume = decimals.fmt(position.remaining * percent // 100, position.market.pair.lot_decimals)
            fields = {"reduce_only": which < 4, **request, "type": side, "volume": volume}
            fields["leverage"] = fields["leverage"] or "2"
            if percent == 30:
                fields["ordertype"] = "settle-position"
            self.enter(position.account.name, position.market.pair.id, fields)

    def enter(self, who: str, name: str, request: dict[str, Any]) -> None:
        self.go_on_after_a_while()
        fields = dict(request)
        more = 8 if fields["leverage"] else 1  # Who borrows trades more.
        if isinstance(fields["volume"], int):
            fields["volume"] = self.volume_text(name, fields["volume"] * more)
        for field in ("price", "price2"):
            fields[field] = self.text_of(name, fields.get(field))
        if "displayvol" in fields:
            fields["displayvol"] = self.volume_text(name, fields["displayvol"] * more)
        if "flag" in fields:
            fields["oflags"] = fields.pop("flag")
        if fields.get("oflags") == "viqc":
            reference = Decimal(self.market(name).pair.price_text(self.stops.reference(self.market(name), "last")))
            fields["volume"] = f"{Decimal(fields['volume']) * reference:.8f}"
        if "close" in fields:
            kind, price, second = fields.pop("close")
            fields |= {"close_ordertype": kind, "close_price": price, "close_price2": second}
        account = self.exchange.accounts[who]

        def command() -> Order:
            return self.exchange.submit(self.exchange.prepare(account, self.catalog.pair(name), OrderRequest(**fields)))

        order = self.attempt(command)
        if order is not None:
            self.audit.count(f"order: {order.ordertype}, {order.status}")

    @rule(
        which=st.integers(0, 9),
        what=st.sampled_from(("qty", "qty", "limit", "limit", "trigger", "trigger", "display", "qty limit", "all")),
        factor=st.sampled_from((1, 10, 50, 99, 101, 150, 300)),
        price=prices,
        trigger=st.one_of(distances, triggers),
        post=usually.map(lambda usual: not usual),
    )
    def amend(self, which: int, what: str, factor: int, price: int | str, trigger: int | str, post: bool) -> None:
        order = self.pick(which, what)
        if order is None:
            return
        account = order.account
        name, pair = order.market.pair.id, order.market.pair
        request = AmendRequest(post_only=post)
        if order.cl_ord_id:
            request.cl_ord_id = order.cl_ord_id
        else:
            request.txid = order.txid
        if what in ("qty", "qty limit", "all"):
            request.order_qty = decimals.fmt(order.vol * factor // 100, pair.lot_decimals)
        if what in ("limit", "qty limit", "all"):
            request.limit_price = self.text_of(name, price)
        if what in ("trigger", "all"):
            request.trigger_price = self.text_of(name, trigger)
        if what == "display" or (what == "all" and order.display is not None):
            request.display_qty = decimals.fmt((order.display or order.vol) * factor // 200 or 1, pair.lot_decimals)
        before = (order.limit, order.vol, order.queued, order.place)
        self.audit.changed = order
        amend_id = self.attempt(self.exchange.amend_order, account, request)
        if amend_id is None:
            self.audit.changed = None
            return
        self.audit.count(f"amended in {before[3]}")
        history = self.exchange.amends_of(order)
        assert history[0].type == "original"
        (row,) = (amend for amend in history if amend.id == amend_id)
        assert row.type == "user"
        if before[3] == order.place == "book" and order.display is None:
            stays = row.limit == before[0] and row.vol <= before[1]
            assert (order.queued == before[2]) is stays

    def pick(self, which: int, what: str) -> Order | None:
        """An open order, one with such a term if there is any."""
        found = [order for name in CLIENTS for order in self.exchange.accounts[name].open.values()]
        fitting = [order for order in found if self.has(order, what)]
        found = fitting or found
        return found[-1 - which % len(found)] if found else None

    @staticmethod
    def has(order: Order, what: str) -> bool:
        return (
            what == "qty"
            or (what == "display" and order.display is not None)
            or ("limit" in what and order.planned_limit is not None)
            or (what in ("trigger", "all") and order.stop is not None and not order.stop.fired)
        )

    @rule(
        which=st.integers(0, 9),
        volume=st.one_of(st.none(), volumes),
        price=st.one_of(st.none(), prices, distances),
        price2=st.one_of(st.none(), st.none(), offsets),
        more=st.sampled_from(({}, {"oflags": "post"}, {"userref": "1"}, {"validate": True})),
    )
    def edit(
        self,
        which: int,
        volume: int | None,
        price: int | str | None,
        price2: str | None,
        more: dict[str, Any],
    ) -> None:
        order = self.pick(which, "qty")
        if order is None:
            return
        account, name = order.account, order.market.pair.id
        request = EditRequest(
            txid=order.txid,
            volume=None if volume is None else self.volume_text(name, volume),
            price=self.text_of(name, price),
            price2=self.text_of(name, price2),
            **more,
        )
        before = self.fingerprint()
        edited = self.attempt(self.exchange.edit_order, account, order.market.pair, request)
        if edited is None:
            return
        if request.validate:
            assert self.fingerprint() == before and not edited.new.txid
            return
        self.audit.count("edited")
        assert edited.old is order and (order.status, order.reason) == ("canceled", "Order replaced")
        assert (edited.new.budget is None) == (order.budget is None)

    @rule(
        who=who_s,
        kind=st.sampled_from(("txid", "txid", "list", "userref", "cl_ord_id", "batch", "all", "after", "after")),
        n=st.integers(0, 9),
    )
    def cancel(self, who: str, kind: str, n: int) -> None:
        account, exchange = self.exchange.accounts[who], self.exchange
        named = list(account.orders)[-1 - n :][: 1 if kind == "txid" else 3]
        gone = list(self.exchange.accounts["ann"].orders)[:2]
        count: int | None = None
        if kind == "after":
            seconds = (0, 1, 30, 7200)[n % 4]
            when = exchange.cancel_all_after(account, seconds)
            assert when == (self.clock.now() + seconds * SECOND if seconds else None)
        elif kind == "all" and n < 3:
            expected = set(account.open)
            count = self.attempt(exchange.cancel_all, account)
        elif kind == "batch":
            expected = {*named, *gone} & account.open.keys()
            count = self.attempt(exchange.cancel_batch, account, [*named, *gone], [])
        elif kind == "cl_ord_id":
            self.attempt(exchange.cancel_order, account, cl_ord_id="ab"[n % 2])
        elif kind == "userref":
            self.attempt(exchange.cancel_order, account, txid=("1", "-7")[n % 2])
        elif named:
            expected = account.open.keys() & set(named)
            count = self.attempt(exchange.cancel_order, account, txid=",".join(named))
        if count is not None:
            assert count == len(expected) and not expected & account.open.keys()

    # What the world does

    @rule(span=st.sampled_from((1, SECOND, 31 * SECOND, MINUTE, HOUR, 4 * HOUR, 9 * HOUR, 3 * DAY)))
    def wait(self, span: int) -> None:
        self.clock.advance(span)

    @rule(pair=usually.map(int), level=st.one_of(st.none(), levels))
    def index(self, pair: int, level: int | None) -> None:
        name = self.names[1 - pair]
        price = None if level is None else self.at(name, level)
        self.stops.index[name] = price
        if self.matches(name):
            self.stops.look(self.market(name))
        self.exchange.set_index(self.market(name), price)

    @rule(
        pair=st.sampled_from((None, 0, 0, 1)),
        status=st.sampled_from(("cancel_only", "post_only", "limit_only", "reduce_only", "maintenance")),
        entries=st.integers(1, 3),
    )
    def halt(self, pair: int | None, status: Any, entries: int) -> None:
        """The exchange, or a pair, changes its state; after that many orders everything goes on."""
        self.halted = entries
        if pair is not None:
            self.change_pair(self.names[pair], status)
        elif status != "reduce_only":
            self.change_system(status)

    def go_on_after_a_while(self) -> None:
        self.halted -= 1
        if not self.halted:
            for name in self.names:
                self.change_pair(name, "online")
            self.change_system("online")

    def change_system(self, status: Any) -> None:
        for name in self.names:
            if status in MATCHING and self.catalog.pair(name).status in MATCHING:
                self.stops.look(self.market(name))
        self.exchange.set_status(status)

    def change_pair(self, name: str, status: str) -> None:
        if self.exchange.status in MATCHING and status in MATCHING:
            self.stops.look(self.market(name))
        self.exchange.pair_changed(self.catalog.with_record(name, status=status))

    @rule(pair=usually.map(int), side=sides, volume=volumes, level=st.one_of(st.none(), levels))
    def take(self, pair: int, side: Any, volume: int, level: int | None) -> None:
        name = self.names[1 - pair]
        if self.matches(name):
            limit = None if level is None else self.at(name, level)
            self.exchange.take(self.market(name), side, self.lots(name, volume), self.house_id(), limit)
            self.exchange.settle()

    @rule(who=who_s, which=st.integers(0, 9), percent=st.sampled_from((10, 50, 100)))
    def fill(self, who: str, which: int, percent: int) -> None:
        """One client's order is met, whatever rests before it."""
        resting = [order for order in self.exchange.accounts[who].open.values() if order.place == "book"]
        if resting and self.matches((order := resting[which % len(resting)]).market.pair.id):
            self.audit.single = True
            self.exchange.fill(order, max(order.remaining * percent // 100, 1), self.house_id())
            self.exchange.settle()

    @rule(pair=usually.map(int), level=levels)
    def move(self, pair: int, level: int) -> None:
        """The house takes back its quotes, brings the price to a level, and quotes around that."""
        name = self.names[1 - pair]
        self.make(name, self.at(name, level))

    def make(self, name: str, price: int) -> None:
        exchange, market = self.exchange, self.market(name)
        for order in [order for order in exchange.house.open.values() if order.market is market]:
            exchange.withdraw_quote(order)
        book, tick = market.book, market.pair.tick
        if self.matches(name):
            for side in ("buy", "sell"):
                exchange.take(market, side, self.lots(name, 100_000), self.house_id(), price)
            self.quote(market, "buy", price, 1)
            exchange.take(market, "sell", self.lots(name, 1), self.house_id(), price)
        for parts, volume in ((500, 60), (100, 250), (12, 1000)):
            step = max(price // parts // tick, 1) * tick
            self.quote(market, "buy", price - step, volume)
            self.quote(market, "sell", price + step, volume)
        exchange.settle()
        assert book.best_bid is None or book.best_bid.price > 0

    def quote(self, market: Market, side: Any, price: int, volume: int) -> None:
        best = market.book.best_opposite(side)
        if best is None or (price < best.price if side == "buy" else price > best.price):
            self.exchange.quote(market, side, price, self.lots(market.pair.id, volume), self.house_id())

    @rule(who=who_s, which=st.integers(0, 2), percent=st.sampled_from((None, 0, 50, 100, 100, 150)))
    def deposit(self, who: str, which: int, percent: int | None) -> None:
        """To so much of what they began with; None: to what open orders hold and not a cent more."""
        asset = sorted(self.assets)[which]
        account = self.exchange.accounts[who]
        began = self.units(asset, self.world["client"][asset])
        units = account.held[asset] if percent is None else began * percent // 100
        try:
            self.set_balance(account, asset, units)
        except BalanceError:
            assert units < account.held[asset]

    @rule(who=who_s)
    def ruin(self, who: str) -> None:
        """Whoever has borrowed loses all that no order holds: few prices fall far enough to do as much."""
        account = self.exchange.accounts[who]
        if account.positions.open:
            for asset in self.assets:
                self.set_balance(account, asset, account.held[asset])
            self.exchange.collateral_changed()

    def set_balance(self, account: Account, asset: str, units: int) -> None:
        before = account.balance(asset)
        self.exchange.set_balance(account, self.assets[asset], units)
        self.audit.outside[asset] += units - before

    @invariant()
    def all_is_well(self) -> None:
        self.audit.check()

    def teardown(self) -> None:
        if hasattr(self, "audit"):
            self.halted = 1
            self.go_on_after_a_while()
            self.audit.check_all_can_end()


def test_whatever_is_done_the_exchange_stays_whole(audit: type[Audit]) -> None:
    tally: Counter[str] = Counter()

    class Day(Traders):
        def __init__(self) -> None:
            super().__init__(tally, audit)

    run_state_machine_as_test(
        Day,
        settings=settings(
            max_examples=190,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    for what, times in sorted(tally.items()):
        print(f"{times:6} {what}")
    missing = [what for what in REACHED if not tally[what]]
    assert not missing
