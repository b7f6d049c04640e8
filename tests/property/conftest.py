"""A naive exchange to hold the real one against: plain lists and decimals, sorted and summed anew for each question.

Reference: kraken/30 §5.4, §8.1 to §8.4, §8.8, §8.10.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import pytest

from mockkraken.clock import DAY

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


@pytest.fixture
def naive_exchange() -> type[NaiveExchange]:
    return NaiveExchange
