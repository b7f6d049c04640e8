"""Both versions tell the same day: each order, fill, trade, book, ticker and candle, message by message."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    Connect = Callable[..., Wire]
    Told = list[tuple[Any, ...]]

STEPS = 300
STATUSES = {"pending_new": "pending", "new": "open", "filled": "closed", "canceled": "canceled", "expired": "expired"}
TICK = Decimal("0.1")  # Version 2 rounds averages to it; version 1 shows the digits of public prices.


def micros(text: str) -> int:
    """A time of either version."""
    if text.endswith("Z"):
        passed = datetime.fromisoformat(text[:26] + "+00:00") - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        return (passed.days * 86400 + passed.seconds) * 10**6 + passed.microseconds
    return int(Decimal(text) * 10**6)


def numbers(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


class First:
    """Version 1, put into the words of neither version."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        for name, options in (("trade", {}), ("book", {"depth": 10}), ("ticker", {}), ("ohlc", {"interval": 5})):
            wire.say({"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": name, **options}})
        for name, options in (("openOrders", {}), ("ownTrades", {"consolidate_taker": False})):
            subscription = {"name": name, "token": wire.token("ann"), **options}
            wire.say({"event": "subscribe", "subscription": subscription})
        assert len(wire.connection.subscriptions) == 6

    def told(self) -> Told:
        found: Told = []
        for frame in self.wire.take():
            if isinstance(frame, list):
                found += getattr(self, frame[-2].partition("-")[0])(*frame)
        return found

    def trade(self, _: int, rows: list[Any], *_names: str) -> Told:
        sides, kinds = {"b": "buy", "s": "sell"}, {"m": "market", "l": "limit"}
        return [("trade", numbers(*row[:2]), micros(row[2]), sides[row[3]], kinds[row[4]]) for row in rows]

    def book(self, _: int, update: dict[str, Any], *_names: str) -> Told:
        ((side, rows),) = ((key, rows) for key, rows in update.items() if key != "c")
        return [("book", side, [numbers(*row[:2]) for row in rows])]

    def ticker(self, _: int, row: dict[str, Any], *_names: str) -> Told:
        best = numbers(row["b"][0], row["b"][2], row["a"][0], row["a"][2])
        day = numbers(row["c"][0], *(row[key][1] for key in "vlho"))
        return [("ticker", best, day, row["t"][1])]

    def ohlc(self, _: int, row: list[Any], *_names: str) -> Told:
        return [("ohlc", micros(row[1]), numbers(*row[2:6], row[7]), row[8])]

    def openOrders(self, entries: list[Any], *_: Any) -> Told:  # noqa: N802 (the channel's name)
        ((txid, row),) = entries[0].items()
        sums = numbers(*(row.get(name, "0") for name in ("vol_exec", "cost", "fee", "avg_price")))
        sums[3] = sums[3].quantize(TICK, ROUND_HALF_UP)
        reference = row.get("cl_ord_id", row["userref"])
        if "status" in row:
            time = row.get("opentm") or row.get("lastupdated")
            return [("order", txid, row["status"], reference, row.get("cancel_reason"), time and micros(time), sums)]
        if "amended" in row:
            return [("terms", txid, reference, *numbers(row["vol"], row["vol_exec"]), row["amend_reason"])]
        if "misc" in row:
            return [("fired", txid, reference, micros(row["lastupdated"]))]
        return [("filled", txid, reference, sums)]

    def ownTrades(self, entries: list[Any], *_: Any) -> Told:  # noqa: N802 (the channel's name)
        ((trade, row),) = entries[0].items()
        amounts = numbers(*(row[name] for name in ("vol", "price", "cost", "fee")))
        return [("fill", trade, row["ordertxid"], row["type"], row["ordertype"], amounts, micros(row["time"]))]


class Second:
    """Version 2, put into the same words. What it adds up otherwise, or does not say, is made up for here."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        for name, options in (("trade", {}), ("book", {"depth": 10}), ("ticker", {}), ("ohlc", {"interval": 5})):
            wire.subscribe(name, symbol=["BTC/USD"], **options)
        wire.subscribe("executions", token=wire.token("ann"))
        assert len(wire.connection.subscriptions) == 5
        self.fees: dict[str, Decimal] = defaultdict(Decimal)

    def told(self) -> Told:
        found: Told = []
        for frame in self.wire.take():
            if "data" in frame:
                for row in [frame["data"]] if frame["channel"] == "trade" else [[row] for row in frame["data"]]:
                    found += getattr(self, frame["channel"])(*row)
        return found

    def trade(self, *rows: dict[str, Any]) -> Told:
        return [
            ("trade", numbers(row["price"], row["qty"]), micros(row["timestamp"]), row["side"], row["ord_type"])
            for row in rows
        ]

    def book(self, row: dict[str, Any]) -> Told:
        ((side, levels),) = ((side[0], row[side]) for side in ("bids", "asks") if row[side])
        return [("book", side, [numbers(level["price"], level["qty"]) for level in levels])]

    def ticker(self, row: dict[str, Any]) -> Told:
        best = numbers(*(row[name] for name in ("bid", "bid_qty", "ask", "ask_qty")))
        day = numbers(*(row[name] for name in ("last", "volume", "low", "high")))
        return [("ticker", best, [*day, day[0] - Decimal(row["change"])], row["trades"])]

    def ohlc(self, row: dict[str, Any]) -> Told:
        values = numbers(*(row[name] for name in ("open", "high", "low", "close", "volume")))
        return [("ohlc", micros(row["timestamp"]), values, row["trades"])]

    def executions(self, row: dict[str, Any]) -> Told:
        txid, what = row["order_id"], row["exec_type"]
        reference = row["cl_ord_id"] if "cl_ord_id" in row else row["order_userref"]
        names = ("cum_qty", "cum_cost", "avg_price")
        if what == "trade":
            (fee,) = row["fees"]
            assert fee["asset"] == "USD"
            self.fees[txid] += Decimal(fee["qty"])
        quantity, cost, average = numbers(*(row.get(name, "0") for name in names))
        sums = [quantity, cost, self.fees[txid], average]
        time = micros(row["timestamp"])
        if what == "trade":
            amounts = numbers(row["last_qty"], row["last_price"], row["cost"], fee["qty"])
            kinds = {"settle-position": "settle position"}
            kind = kinds.get(row["order_type"], row["order_type"])
            return [
                ("filled", txid, reference, sums),
                ("fill", row["exec_id"], txid, row["side"], kind, amounts, time),
            ]
        if what in STATUSES:
            reason = row.get("reason") if what == "canceled" else None
            return [("order", txid, STATUSES[what], reference, reason, None if what == "new" else time, sums)]
        if what in ("amended", "restated"):
            return [("terms", txid, reference, *numbers(row["order_qty"], row["cum_qty"]), row["reason"])]
        if what == "status":
            return [("fired", txid, reference, time)]
        assert what == "iceberg_refill"  # Version 1 says it with the fill.
        return []


class Day:
    """Ann trades as chance will have it, over REST and both versions; Bob and others meet her."""

    def __init__(self, seed: int, ann: Client, bob: Client, pit: Pit, wire: Connect) -> None:
        self.draw = random.Random(seed)
        self.ann, self.bob, self.pit, self.wire = ann, bob, pit, wire
        pit.pair.model = "calm"

    def step(self) -> None:
        self.draw.choice([self.place, self.place, self.over_the_wire, self.change, self.meet, self.fill, self.move])()

    def price(self) -> str:
        return f"{60000 + self.draw.randint(-30, 30) * 10}"

    def some(self) -> str:
        return self.draw.choice(list(self.ann.open_orders()) or ["OZZZZZ-ZZZZZ-ZZZZZZ"])

    def place(self) -> None:
        side, volume = self.draw.choice(["buy", "sell"]), f"{self.draw.randint(1, 300) / 100}"
        kinds: list[dict[str, Any]] = [
            {"ordertype": "limit", "price": self.price(), "userref": self.draw.randint(1, 9)},
            {"ordertype": "limit", "price": self.price(), "timeinforce": "IOC"},
            {"ordertype": "limit", "price": "59000" if side == "buy" else "61000", "expiretm": "+30"},
            {"ordertype": "market"},
            {"ordertype": "market", "leverage": "3", "volume": "0.05"},
            {"ordertype": "limit", "price": self.price(), "leverage": "3", "reduce_only": "true"},
            {"ordertype": "settle-position", "leverage": "3", "volume": "0.02"},
            {"ordertype": "iceberg", "price": self.price(), "displayvol": "0.3", "volume": "2"},
            {"ordertype": "stop-loss", "price": self.price()},
            {"ordertype": "trailing-stop-limit", "price": "+70", "price2": "+10"},
        ]
        self.ann.post("AddOrder", **{"pair": "XBTUSD", "type": side, "volume": volume, **self.draw.choice(kinds)})

    def over_the_wire(self) -> None:
        price, name = self.price(), f"day-{self.draw.random()}"[:18]
        if self.draw.random() < 0.5:
            terms = {"pair": "XBT/USD", "ordertype": "limit", "type": "buy", "volume": "1", "price": price}
            client = self.wire("/ws-auth")
            client.say({"event": "addOrder", "token": client.token("ann"), "cl_ord_id": name, **terms})
            return
        terms = {"symbol": "BTC/USD", "order_type": "limit", "side": "sell"}
        numbers = {"order_qty": 1, "limit_price": int(price)}
        client = self.wire("/ws-auth/v2")
        client.method("add_order", token=client.token("ann"), cl_ord_id=name, **terms, **numbers)

    def change(self) -> None:
        what = self.draw.random()
        if what < 0.4:
            terms = self.draw.choice([{"order_qty": "0.4"}, {"limit_price": self.price()}, {"trigger_price": "+60"}])
            self.ann.post("AmendOrder", txid=self.some(), **terms)
        elif what < 0.6:
            self.ann.post("EditOrder", txid=self.some(), pair="XBTUSD", price=self.price())
        elif what < 0.95:
            self.ann.post("CancelOrder", txid=self.some())
        else:
            self.ann.post("CancelAll")

    def meet(self) -> None:
        side, volume = self.draw.choice(["buy", "sell"]), f"{self.draw.randint(1, 400) / 100}"
        self.bob.post("AddOrder", pair="XBTUSD", type=side, ordertype="limit", volume=volume, price=self.price())

    def fill(self) -> None:
        accounts = self.ann.sandbox.exchange.accounts
        resting = [txid for txid in self.ann.open_orders() if accounts["ann"].open[txid].place == "book"]
        if resting:
            self.pit.fill(self.draw.choice(resting), self.draw.choice([None, "0.01"]))

    def move(self) -> None:
        self.pit.pair.move_to(self.price())
        span = self.draw.choice(["0.000000999", "1", "40", "400"])
        Control(self.ann.sandbox).perform(Control.move_clock, {"advance": span})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day(seed: int, wire: Connect, ann: Client, bob: Client, pit: Pit) -> None:
    first, second = First(wire("/")), Second(wire("/v2"))
    day = Day(seed, ann, bob, pit, wire)
    kinds: set[str] = set()
    for _ in range(STEPS):
        day.step()
        told = first.told()
        assert told == second.told()
        kinds |= {f"{event[0]} {event[2]}" if event[0] == "order" else event[0] for event in told}
    assert kinds == {
        *("trade", "book", "ticker", "ohlc", "fill", "filled", "terms", "fired"),
        *("order pending", "order open", "order closed", "order canceled", "order expired"),
    }
