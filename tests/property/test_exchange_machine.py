"""The exchange against a naive one: whatever traders do, both must say and do the same, to the last digit.

Reference: kraken/30 §5.4, §8.1 to §8.4, §8.8, §8.10; kraken/40 §6.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mockkraken.catalog import Catalog
from mockkraken.clock import DAY, HOUR, SECOND, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account, BalanceError, Exchange, OrderRequest
from mockkraken.ids import Ids, generator
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from conftest import NaiveExchange, NaiveOrder

    from mockkraken.catalog import Pair
    from mockkraken.exchange import Order
    from mockkraken.exchange.trades import Trade

START = 1_790_000_000 * SECOND
NOBODY = "OAAAAA-AAAAA-AAAAAA"

# Few dollars make a tier, and the best ones are paid to make.
TAKER_FEES = [[0, "0.4"], [1, "0.31"], [3, "0.0257"], [5, "0"]]
MAKER_FEES = [[0, "0.23"], [1, "0.1001"], [2, "0"], [3, "-0.25"]]

# Pairs whose base or quote has fewer decimals than lot or cost, so that hardly a fill comes out even; each set shares
# one base. A level of each ladder lies beyond the price protection of the other side. What each trader starts with.
WORLDS: dict[str, dict[str, Any]] = {
    "2Z": {
        "prices": {
            "2ZUSD": ("0.71013", "0.77901", "0.78240", "0.78557", "0.88889"),
            "2ZEUR": ("0.60007", "0.66111", "0.66319", "0.66320", "0.75001"),
        },
        "balances": {"2Z": "8.1234", "ZUSD": "7.5", "ZEUR": "6.4321"},
    },
    "AUD": {
        "prices": {
            "AUDJPY": ("99.103", "109.871", "110.372", "110.503", "125.777"),
            "AUDUSD": ("0.64001", "0.70987", "0.71128", "0.71136", "0.80009"),
        },
        "balances": {"ZAUD": "9.8765", "ZJPY": "800.07", "ZUSD": "6"},
    },
}


@dataclass
class Tally:
    """What the traders of all examples came to."""

    orders: int = 0
    filling: int = 0
    fills: int = 0
    answers: Counter[str] = field(default_factory=Counter)


# As much as there is money or coins for.
ALL = "all"

volumes = st.one_of(
    st.integers(1, 700).map(lambda n: f"0.{n:06d}"),
    st.integers(1, 400).map(lambda n: f"{n / 100:.2f}"),
    st.sampled_from(("0.33335", "1", "2.500005", ALL)),
)
usually = st.integers(0, 3).map(bool)
sides = st.sampled_from(("buy", "sell"))
traders = st.sampled_from(("ann", "bob", "cat"))
spans = st.sampled_from((1, SECOND, 3 * HOUR, DAY, 12 * DAY, 30 * DAY - 1, 30 * DAY))


class Traders(RuleBasedStateMachine):
    """Three traders on two pairs that share an asset."""

    def __init__(self, tally: Tally, naive_exchange: type[NaiveExchange]) -> None:
        super().__init__()
        self.tally = tally
        self.naive_exchange = naive_exchange

    @initialize(
        world=st.sampled_from(sorted(WORLDS)),
        protection=st.sampled_from(("10", "10", "0.5", "off")),
        post_crossing=st.sampled_from(("error", "cancel")),
        crowd=st.lists(st.tuples(traders, volumes), max_size=12),
    )
    def open_exchange(self, world: str, protection: str, post_crossing: str, crowd: list[tuple[str, str]]) -> None:
        self.prices: dict[str, tuple[str, ...]] = WORLDS[world]["prices"]
        self.clock = Clock(START)
        self.rng = generator(7, "ids")
        catalog = Catalog()
        self.pairs = {pair_id: self.cheap(catalog, pair_id) for pair_id in self.prices}
        self.assets = {a.id: a for pair in self.pairs.values() for a in (pair.base, pair.quote)}
        rules = Settings.of(market_price_protection=protection, post_only_crossing=post_crossing)
        self.exchange = Exchange(self.clock, rules, catalog, Ids(self.rng))
        self.naive = self.naive_exchange(protection, post_crossing, TAKER_FEES, MAKER_FEES)
        for pair in self.pairs.values():
            self.tell_naive(catalog, pair)
        self.real: dict[int, Order] = {}
        self.seen: list[tuple[Order, Trade]] = []
        self.exchange.events.order.append(self.see)
        self.outside: Counter[str] = Counter()
        for name in ("ann", "bob", "cat"):
            account = self.exchange.open_account(Account(name))
            for asset, text in WORLDS[world]["balances"].items():
                self.deposit(account, asset, Decimal(text))
        for pair_id in self.pairs:
            self.exchange.market(self.pairs[pair_id])
            for number, (who, volume) in enumerate(crowd):
                side, level = (("buy", 0), ("sell", 4), ("buy", 1), ("sell", 3))[number % 4]
                self.enter(who, side, pair_id, self.prices[pair_id][level], volume)

    def see(self, order: Order, _: object, trade: Trade | None) -> None:
        if trade is not None:
            self.seen.append((order, trade))

    @staticmethod
    def cheap(catalog: Catalog, pair_id: str) -> Pair:
        """The pair with hardly any minimum, so that the smallest volumes stress the rounding."""
        record = catalog.records[pair_id]
        return catalog.with_record(
            pair_id,
            ordermin=f"{Decimal(3).scaleb(-record.lot_decimals):f}",
            costmin=f"{Decimal(2).scaleb(-record.cost_decimals):f}",
            fees=TAKER_FEES,
            fees_maker=MAKER_FEES,
        )

    def tell_naive(self, catalog: Catalog, pair: Pair) -> None:
        """Let the naive exchange know what it needs to know of a pair, and what its quote is worth in dollars."""
        record = catalog.records[pair.id]
        usd = Decimal(1)
        if pair.quote.id == "ZEUR":
            euro = catalog.pair("ZEURZUSD")
            usd = Decimal(euro.reference.last or 0).scaleb(-euro.price_scale)
        elif pair.quote.id == "ZJPY":
            dollar = catalog.pair("ZUSDZJPY")
            usd = 1 / Decimal(dollar.reference.last or 0).scaleb(-dollar.price_scale)
        self.naive.list_pair(
            pair.id,
            base=pair.base.id,
            quote=pair.quote.id,
            base_decimals=pair.base.decimals,
            quote_decimals=pair.quote.decimals,
            cost_decimals=record.cost_decimals,
            ordermin=Decimal(record.ordermin),
            costmin=Decimal(record.costmin),
            usd=usd,
        )

    def deposit(self, account: Account, asset: str, amount: Decimal) -> None:
        before = self.naive.balances[account.name, asset]
        self.exchange.set_balance(account, self.assets[asset], self.units(amount, asset))
        self.naive.balances[account.name, asset] = amount
        self.outside[asset] += self.units(amount - before, asset)

    def units(self, amount: Decimal, asset: str) -> int:
        return int(amount.scaleb(self.assets[asset].decimals))

    # What traders do

    @rule(who=traders, side=sides, level=st.integers(0, 4), volume=volumes, pair=usually)
    def offer(self, who: str, side: str, level: int, volume: str, pair: bool) -> None:
        """A plain limit order; with what rests already it is as likely to trade as to rest."""
        pair_id = list(self.prices)[1 - pair]
        self.enter(who, side, pair_id, self.prices[pair_id][level], volume)

    @rule(
        who=traders,
        side=sides,
        pair=usually.map(int),
        level=st.integers(0, 4),
        volume=volumes,
        tif=st.sampled_from(("gtc", "gtc", "gtc", "ioc", "fok")),
        post=usually.map(lambda usual: not usual),
        fee=st.sampled_from((None, "fciq", "fcib")),
        stp=st.sampled_from((None, "cancel-newest", "cancel-oldest", "cancel-both")),
        tag=st.sampled_from((None, None, "a", "b", 1, -7)),
    )
    def limit(
        self,
        who: str,
        side: str,
        pair: int,
        level: int,
        volume: str,
        tif: str,
        post: bool,
        fee: str | None,
        stp: str | None,
        tag: str | int | None,
    ) -> None:
        pair_id = list(self.prices)[1 - pair]
        self.enter(who, side, pair_id, self.prices[pair_id][level], volume, tif, post and tif == "gtc", fee, stp, tag)

    @rule(
        who=traders,
        side=sides,
        pair=usually.map(int),
        volume=volumes,
        tif=st.sampled_from(("gtc", "ioc")),
        fee=st.sampled_from((None, "fcib")),
        stp=st.sampled_from((None, "cancel-oldest", "cancel-both")),
    )
    def market(self, who: str, side: str, pair: int, volume: str, tif: str, fee: str | None, stp: str | None) -> None:
        self.enter(who, side, list(self.prices)[1 - pair], None, volume, tif, False, fee, stp, None)

    def enter(
        self,
        who: str,
        side: str,
        pair_id: str,
        price: str | None,
        volume: str,
        tif: str = "gtc",
        post: bool = False,
        fee: str | None = None,
        stp: str | None = None,
        tag: str | int | None = None,
    ) -> None:
        pair = self.pairs[pair_id]
        lots = Decimal(1).scaleb(-pair.lot_decimals)
        if volume == ALL:
            volume = f"{self.all_in(who, side, pair_id, price or self.prices[pair_id][2], fee):f}"
        naive = self.naive.order(
            who,
            pair_id,
            side,
            Decimal(price) if price else None,
            Decimal(volume).quantize(lots, ROUND_DOWN),
            tif,
            post,
            fee == "fcib",
            stp or "cancel-newest",
            tag if isinstance(tag, int) else None,
            tag if isinstance(tag, str) else None,
        )
        request = OrderRequest(
            ordertype="limit" if price else "market",
            type=side,
            price=price,
            volume=volume,
            timeinforce=tif,
            oflags=",".join(flag for flag in ("post" if post else None, fee) if flag) or None,
            stptype=stp,
            userref=str(tag) if isinstance(tag, int) else None,
            cl_ord_id=tag if isinstance(tag, str) else None,
        )
        fills, before = len(self.naive.fills), self.rng.getstate()
        expected = (
            self.naive.submit(naive, self.clock.now()) if Decimal(volume) else "EGeneral:Invalid arguments:volume"
        )
        refused = None
        try:
            order = self.exchange.submit(self.exchange.prepare(self.exchange.accounts[who], pair, request))
        except KrakenError as error:
            refused = error.message
        assert refused == expected
        if refused is None:
            self.real[id(naive)] = order
        else:
            assert self.rng.getstate() == before
        fills = len(self.naive.fills) - fills
        self.tally.orders += 1
        self.tally.filling += fills > 0
        self.tally.fills += fills
        self.tally.answers[expected or naive.reason or naive.status] += 1
        event(f"order: {expected or naive.reason or naive.status}, {'fills' if fills else 'no fill'}")

    def all_in(self, who: str, side: str, pair_id: str, price: str, fee: str | None) -> Decimal:
        """The volume whose hold is what the trader has left, near enough to make every rounding count."""
        rules = self.naive.rules[pair_id]
        rate = self.naive.rate(who, self.naive.taker, self.clock.now())
        available = self.naive.available(who, rules.quote if side == "buy" else rules.base)
        if (side == "sell") == (fee == "fcib"):
            available /= 1 + rate
        volume = available / Decimal(price) if side == "buy" else available
        return volume.quantize(Decimal(1).scaleb(-self.pairs[pair_id].lot_decimals))

    @rule(
        who=traders,
        kind=st.sampled_from(("txid", "txid", "anyone's txid", "list", "userref", "cl_ord_id", "all")),
        which=st.integers(0, 9),
    )
    def cancel(self, who: str, kind: str, which: int) -> None:
        mine = self.naive.open(who)
        if kind == "all":
            for order in mine:
                self.naive.end(order, "User requested")
            assert self.exchange.cancel_all(self.exchange.accounts[who]) == len(mine)
        elif "txid" in kind or kind == "list":
            among = mine if kind == "txid" and mine else self.naive.orders
            found = among[-1 - which % len(among) :][: 2 if kind == "list" else 1] if among else []
            named = ", ".join(self.real[id(order)].txid for order in found) or NOBODY
            self.cancel_expecting(who, [order for order in found if order in mine], txid=named)
        elif kind == "userref":
            userref = (1, -7)[which % 2]
            self.cancel_expecting(who, [order for order in mine if order.userref == userref], txid=str(userref))
        else:
            text = "abc"[which % 3]
            self.cancel_expecting(who, [order for order in mine if order.cl_ord_id == text], cl_ord_id=text)

    def cancel_expecting(self, who: str, found: list[NaiveOrder], **named: str) -> None:
        account = self.exchange.accounts[who]
        if not found:
            with pytest.raises(KrakenError, match=r"\AEOrder:Unknown order\Z"):
                self.exchange.cancel_order(account, **named)
            return
        for order in found:
            self.naive.end(order, "User requested")
        assert self.exchange.cancel_order(account, **named) == len(found)

    @rule(span=spans)
    def wait(self, span: int) -> None:
        self.clock.advance(span)

    @rule(who=traders, which=st.integers(0, 2), text=st.sampled_from((None, None, "0", "0.0001", "2.5", "4.04", "50")))
    def set_balance(self, who: str, which: int, text: str | None) -> None:
        """To what the text says, or to what is held and not a cent more."""
        asset = sorted(self.assets)[which]
        account, held = self.exchange.accounts[who], self.naive.held(who, asset)
        amount = held if text is None else Decimal(text)
        if amount < held:
            with pytest.raises(BalanceError):
                self.exchange.set_balance(account, self.assets[asset], self.units(amount, asset))
        else:
            self.deposit(account, asset, amount.quantize(Decimal(1).scaleb(-self.assets[asset].decimals), ROUND_DOWN))

    # What must hold after each step

    @invariant()
    def fills_are_the_naive_ones(self) -> None:
        takers, makers = self.seen[::2], self.seen[1::2]
        assert len(takers) == len(makers) == len(self.naive.fills)
        for (taking, taken), (making, made), (taker, maker, price, volume) in zip(
            takers, makers, self.naive.fills, strict=True
        ):
            pair = self.pairs[taker.pair]
            assert (taking, making) == (self.real[id(taker)], self.real[id(maker)])
            assert (taken.maker, made.maker) == (False, True)
            assert taken.trade_id == made.trade_id
            assert taken.price == made.price == price.scaleb(pair.price_scale)
            assert taken.vol == made.vol == volume.scaleb(pair.lot_decimals)

    @invariant()
    def orders_are_the_naive_ones(self) -> None:
        for naive in self.naive.orders:
            order, pair = self.real[id(naive)], self.pairs[naive.pair]
            assert (order.status, order.reason) == (naive.status, naive.reason)
            assert order.vol == naive.volume.scaleb(pair.lot_decimals)
            assert order.remaining == naive.left.scaleb(pair.lot_decimals)
            assert order.cost == naive.cost.scaleb(pair.cost_decimals)
            assert order.fee == naive.fee.scaleb(pair.cost_decimals)

    @invariant()
    def balances_are_the_naive_ones(self) -> None:
        for account in self.exchange.accounts.values():
            for asset in self.assets:
                assert account.balance(asset) == self.units(self.naive.balances[account.name, asset], asset)
                assert account.held[asset] == self.units(self.naive.held(account.name, asset), asset)

    @invariant()
    def nothing_is_created_or_lost(self) -> None:
        for asset in self.assets:
            assert sum(account.balance(asset) for account in self.exchange.accounts.values()) == self.outside[asset]
        assert all(units >= 0 for units in self.exchange.fees.balances.values())

    @invariant()
    def nobody_is_overdrawn(self) -> None:
        for account in self.exchange.accounts.values():
            holds: Counter[str] = Counter()
            for order in account.open.values():
                assert order.hold == order.needed(order.remaining)
                holds[order.hold_asset.id] += order.hold
            for asset in self.assets:
                assert account.held[asset] == holds[asset]
                assert account.available(asset) >= 0 or account is self.exchange.house

    @invariant()
    def ledgers_add_up(self) -> None:
        for account in self.exchange.accounts.values():
            running: Counter[str] = Counter()
            for entry in account.ledger.values():
                running[entry.asset] += entry.amount - entry.fee
                assert entry.balance == running[entry.asset]
            if account.client:
                assert running == Counter(account.balances)

    @invariant()
    def books_are_in_order(self) -> None:
        for market in self.exchange.markets.values():
            book = market.book
            bid, ask = book.best_bid, book.best_ask
            assert bid is next(book.levels("buy"), None)
            assert ask is next(book.levels("sell"), None)
            assert bid is None or ask is None or bid.price < ask.price
            resting: set[str] = set()
            for side, levels in (("buy", book.bids), ("sell", book.asks)):
                for price, level in levels.items():
                    orders = list(level.orders.values())
                    assert orders
                    assert price == level.price
                    assert all(order.side == side and order.limit == price and order.remaining for order in orders)
                    assert level.volume == sum(order.remaining for order in orders)
                    assert all(first.seq < second.seq for first, second in pairwise(orders))
                    resting.update(order.txid for order in orders)
            assert resting == {
                order.txid
                for account in self.exchange.accounts.values()
                for order in account.open.values()
                if order.market is market
            }

    @invariant()
    def accounts_know_their_orders(self) -> None:
        for account in self.exchange.accounts.values():
            closed = {order.txid for order in account.closed}
            assert len(closed) == len(account.closed)
            assert not closed & account.open.keys()
            assert closed | account.open.keys() == account.orders.keys()
            tagged = {order.cl_ord_id: order for order in account.open.values() if order.cl_ord_id}
            assert account.open_by_cl_ord_id == tagged

    @invariant()
    def trades_sum_up_to_their_orders(self) -> None:
        sums: Counter[tuple[Order, str]] = Counter()
        for account in self.exchange.accounts.values():
            for trade in account.trades.values():
                for what in ("vol", "cost", "fee"):
                    sums[trade.order, what] += getattr(trade, what)
            for order in account.orders.values():
                assert sums[order, "vol"] == order.vol_exec
                assert sums[order, "cost"] == order.cost
                assert sums[order, "fee"] == order.fee
                fills = [trade for execution in order.executions for trade in execution.fills]
                assert [trade.id for trade in account.trades.values() if trade.order is order] == [t.id for t in fills]


def test_the_exchange_does_what_a_naive_one_does(naive_exchange: type[NaiveExchange]) -> None:
    tally = Tally()

    class Day(Traders):
        def __init__(self) -> None:
            super().__init__(tally, naive_exchange)

    run_state_machine_as_test(
        Day,
        settings=settings(
            max_examples=200,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    print(f"{tally.filling / tally.orders:.1%} of {tally.orders} orders traded, {tally.fills} fills: {tally.answers}")
    assert tally.filling >= tally.orders // 10
    assert tally.answers.keys() == {
        "open",
        "closed",
        "Insufficient liquidity",
        "Cannot trade with self",
        "Post only order",
        "EGeneral:Invalid arguments:volume",
        "EGeneral:Invalid arguments:cl_ord_id not unique",
        "EOrder:Cost minimum not met",
        "EOrder:Insufficient funds",
        "EOrder:Order minimum not met",
        "EOrder:Post only order",
    }
