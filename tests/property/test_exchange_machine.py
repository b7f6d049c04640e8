"""The exchange against a naive one: whatever traders do, both must say and do the same, to the last digit.

The naive exchange is plain lists and decimals: it sorts every open order anew for each order that comes in, and sums
holds up whenever it needs them. Reference: kraken/30 §5.4, §8.1 to §8.4, §8.8, §8.10; kraken/40 §6.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext
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
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Order
    from mockkraken.exchange.trades import Trade

START = 1_790_000_000 * SECOND
NOBODY = "OAAAAA-AAAAA-AAAAAA"
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)

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
    rules: dict[str, Rules]
    protection: str
    post_crossing: str
    balances: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: list[NaiveOrder] = field(default_factory=list)
    fills: list[tuple[NaiveOrder, NaiveOrder, Decimal, Decimal]] = field(default_factory=list)
    traded: list[tuple[str, int, Decimal]] = field(default_factory=list)

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

        order.rate = self.rate(order.owner, TAKER_FEES, now)
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

        rates = {o.owner: self.rate(o.owner, MAKER_FEES, now) for o, _ in fills}
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
            self.end(order, "Insufficient liquidity")
        else:
            for other, volume in fills:
                self.fill(order, other, volume, rates[other.owner], now)
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

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally

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
        self.naive = NaiveExchange(
            {pair.id: self.known(catalog, pair) for pair in self.pairs.values()}, protection, post_crossing
        )
        self.real: dict[int, Order] = {}
        self.seen: list[tuple[Order, Trade]] = []
        self.exchange.events.order.append(lambda order, _, trade: trade and self.seen.append((order, trade)))
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

    @staticmethod
    def known(catalog: Catalog, pair: Pair) -> Rules:
        record = catalog.records[pair.id]
        usd = Decimal(1)
        if pair.quote.id == "ZEUR":
            euro = catalog.pair("ZEURZUSD")
            usd = Decimal(euro.reference.last or 0).scaleb(-euro.price_scale)
        elif pair.quote.id == "ZJPY":
            dollar = catalog.pair("ZUSDZJPY")
            usd = 1 / Decimal(dollar.reference.last or 0).scaleb(-dollar.price_scale)
        return Rules(
            pair.base.id,
            pair.quote.id,
            pair.base.decimals,
            pair.quote.decimals,
            record.cost_decimals,
            Decimal(record.ordermin),
            Decimal(record.costmin),
            usd,
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
        naive = NaiveOrder(
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
        try:
            order = self.exchange.submit(self.exchange.prepare(self.exchange.accounts[who], pair, request))
        except KrakenError as error:
            assert error.message == expected
            assert self.rng.getstate() == before
        else:
            assert expected is None
            self.real[id(naive)] = order
        fills = len(self.naive.fills) - fills
        self.tally.orders += 1
        self.tally.filling += fills > 0
        self.tally.fills += fills
        self.tally.answers[f"{naive.tif if price else 'market'}: {expected or naive.reason or naive.status}"] += 1
        event(f"order: {expected or naive.reason or naive.status}, {'fills' if fills else 'no fill'}")

    def all_in(self, who: str, side: str, pair_id: str, price: str, fee: str | None) -> Decimal:
        """The volume whose hold is what the trader has left, near enough to make every rounding count."""
        rules = self.naive.rules[pair_id]
        rate = self.naive.rate(who, TAKER_FEES, self.clock.now())
        available = self.naive.available(who, rules.quote if side == "buy" else rules.base)
        with localcontext(EXACT):
            if (side == "sell") == (fee == "fcib"):
                available /= 1 + rate
            return rounded(available / Decimal(price) if side == "buy" else available, self.pairs[pair_id].lot_decimals)

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
            resting = set()
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


def test_the_exchange_does_what_a_naive_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    run_state_machine_as_test(
        lambda: Traders(tally),
        settings=settings(
            max_examples=200,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.filling >= tally.orders // 10
