"""A client that trusts `executions` alone knows its orders as REST does, after any day (kraken/50 §6.1)."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

OPERATIONS = 200
STATUSES = {
    "pending_new": "pending",
    "new": "open",
    "partially_filled": "open",
    "filled": "closed",
    "canceled": "canceled",
    "expired": "expired",
}
"""What REST calls them."""


class Mirror:
    """Follows an account's orders and fills by what `executions` says, and nothing else.

    Rows are merged as they come, which is what ccxt does; the fees of an order are summed up from its fills.
    """

    def __init__(self, wire: Wire, key: str) -> None:
        self.wire = wire
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: dict[str, dict[str, Any]] = {}
        self.kinds: set[str] = set()
        self.sequence = 0
        frames = wire.subscribe("executions", token=wire.token(key), snap_trades=True)[1:]
        for frame in frames:
            self._read(frame, "snapshot")

    def follow(self) -> None:
        for frame in self.wire.take():
            if frame["channel"] == "executions":
                self._read(frame, "update")

    def _read(self, frame: dict[str, Any], kind: str) -> None:
        self.sequence += 1
        assert (frame["type"], frame["sequence"]) == (kind, self.sequence)
        assert kind == "snapshot" or len(frame["data"]) == 1
        for row in frame["data"]:
            self.kinds.add(row["exec_type"])
            if row["exec_type"] == "trade":
                assert row["exec_id"] not in self.fills
                self.fills[row["exec_id"]] = row
            if row["exec_type"] != "trade" or kind == "update":
                if row["order_id"] not in self.orders:
                    assert kind == "snapshot" or row["exec_type"] == "pending_new"
                self.orders.setdefault(row["order_id"], {}).update(row)

    def known(self, order_id: str) -> tuple[str, ...]:
        """Status, volume, executed volume, cost, average price, fee, reason."""
        order = self.orders[order_id]
        fees = sum(Decimal(fill["fees"][0]["qty"]) for fill in self.fills.values() if fill["order_id"] == order_id)
        return (
            STATUSES[order["order_status"]],
            order["order_qty"],
            order.get("cum_qty", "0.00000000"),
            order["cum_cost"],
            order.get("avg_price", "0.0"),
            f"{fees:.5f}",
            order.get("reason", "") if order["order_status"] in ("canceled", "expired") else "",
        )


def shown(row: dict[str, Any]) -> tuple[str, ...]:
    """The same of REST's row."""
    price = row["price"] if Decimal(row["vol_exec"]) else "0.0"
    return (row["status"], row["vol"], row["vol_exec"], row["cost"], price, row["fee"], row["reason"] or "")


class Day:
    """A trader's day of random deeds, some of which are refused."""

    def __init__(self, trader: Client, other: Client, pit: Pit, sandbox: Sandbox, seed: int) -> None:
        self.trader, self.other, self.pit, self.sandbox = trader, other, pit, sandbox
        self.dice = random.Random(seed)
        self.price = 60000

    def go_on(self) -> None:
        deeds = [
            *[self.order] * 8,
            *[self.amend] * 4,
            *[self.take] * 4,
            *[self.move] * 3,
            self.edit,
            self.cancel,
            self.margin,
            self.wait,
        ]
        self.dice.choice(deeds)()

    def order(self) -> None:
        dice = self.dice
        side = dice.choice(["buy", "sell"])
        sign = -1 if side == "buy" else 1
        fields: dict[str, Any] = {"volume": f"0.{dice.randint(1, 40):02d}", "userref": dice.randint(0, 3)}
        match dice.randint(0, 9):
            case 0:
                fields["ordertype"] = "market"
            case 1 | 2 | 3:
                fields |= {"ordertype": "limit", "price": self.price + sign * dice.choice([-20, 5, 10, 50])}
                fields |= dice.choice([{}, {"oflags": "post"}, {"timeinforce": "IOC"}, {"expiretm": "+90"}])
            case 4:
                fields |= {"ordertype": "iceberg", "price": self.price + sign * 5, "displayvol": "0.03"}
            case 5:
                fields |= {"ordertype": "stop-loss", "price": self.price + dice.choice([-200, 200])}
            case 6:
                fields |= {"ordertype": "take-profit-limit", "price": self.price + sign * 100, "price2": "#10"}
            case 7:
                fields |= {"ordertype": "trailing-stop", "price": dice.choice(["+150", "+0.3%"])}
            case 8:
                fields |= {"ordertype": "limit", "price": self.price, "starttm": "+60"}
            case _:
                fields |= {"ordertype": "limit", "price": self.price + sign * 5, "stptype": "cancel-both"}
                fields |= {"close[ordertype]": "limit", "close[price]": self.price - sign * 300}
        self.trader.post("AddOrder", pair="XBTUSD", type=side, **fields)

    def margin(self) -> None:
        fields = {"pair": "XBTUSD", "volume": "0.05", "leverage": "3"}
        side = self.dice.choice(["buy", "sell"])
        self.trader.post("AddOrder", type=side, ordertype="market", **fields)
        sign, close = (1, "sell") if side == "buy" else (-1, "buy")
        price = self.price + sign * 400
        self.trader.post("AddOrder", type=close, ordertype="limit", price=price, reduce_only="true", **fields)

    def chosen(self) -> str | None:
        """One of the open orders."""
        there = list(self.trader.open_orders())
        return self.dice.choice(there) if there else None

    def amend(self) -> None:
        dice = self.dice
        changes: list[dict[str, Any]] = [
            {"order_qty": f"0.{dice.randint(1, 40):02d}"},
            {"limit_price": self.price + dice.choice([-10, -5, 5, 10])},
            {"trigger_price": self.price + dice.choice([-150, 150])},
        ]
        if txid := self.chosen():
            self.trader.post("AmendOrder", txid=txid, **dice.choice(changes))

    def edit(self) -> None:
        if txid := self.chosen():
            self.trader.post("EditOrder", txid=txid, pair="XBTUSD", price=self.price + self.dice.choice([-50, 50]))

    def cancel(self) -> None:
        if txid := self.chosen():
            self.trader.post("CancelOrder", txid=txid)

    def take(self) -> None:
        """Somebody else trades at the best prices."""
        side = self.dice.choice(["buy", "sell"])
        volume = f"0.{self.dice.randint(1, 25):02d}"
        self.other.post("AddOrder", pair="XBTUSD", type=side, ordertype="market", volume=volume)

    def move(self) -> None:
        """The market goes elsewhere, over the trader's orders if they are in its way."""
        self.price += self.dice.choice([-120, -30, 30, 120])
        self.pit.book(f"{self.price - 10}:2", f"{self.price + 10}:2")
        self.pit.pair.trade(self.dice.choice(["buy", "sell"]), "0.01")

    def wait(self) -> None:
        self.sandbox.clock.advance(self.dice.choice([SECOND, MINUTE]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_feed_alone_tells_what_rest_tells(
    pit: Pit, wire: Connect, ann: Client, bob: Client, sandbox: Sandbox, seed: int
) -> None:
    day = Day(ann, bob, pit, sandbox, seed)
    for _ in range(20):
        day.go_on()
    early = Mirror(wire(), "ann")
    before = set(ann.call("ClosedOrders")["closed"])
    for step in range(OPERATIONS):
        day.go_on()
        early.follow()
        if step == OPERATIONS // 2:
            late = Mirror(wire(), "ann")
    late.follow()

    # It was a day on which things happened.
    assert early.kinds | {"expired"} == {
        *("pending_new", "new", "trade", "filled", "canceled", "expired"),
        *("amended", "restated", "status", "iceberg_refill"),
    }
    assert len(early.orders) > 60
    assert len(early.fills) > 60

    rest = {txid: ann.call("QueryOrders", txid=txid, trades="true")[txid] for txid in early.orders}
    assert {txid: early.known(txid) for txid in rest} == {txid: shown(row) for txid, row in rest.items()}
    assert set(ann.open_orders()) <= set(early.orders)
    assert before.isdisjoint(early.orders)

    for exec_id, fill in early.fills.items():
        row = _fill(ann, exec_id, fill["order_id"])
        assert Decimal(row["price"]) == Decimal(fill["last_price"])
        assert (row["vol"], row["cost"], row["fee"], row["type"], row["ordertxid"]) == (
            *(fill["last_qty"], fill["cost"], fill["fees"][0]["qty"]),
            *(fill["side"], fill["order_id"]),
        )
        assert row["maker"] == (fill["liquidity_ind"] == "m")

    # Who came later knows the same of what was open then, or has come since; of fees only those of the fills he saw.
    assert len(late.orders) > 30
    for txid in late.orders:
        *terms, _fee, reason = late.known(txid)
        *expected, _fee, expected_reason = early.known(txid)
        assert (terms, reason) == (expected, expected_reason)


def _fill(trader: Client, exec_id: str, order_id: str) -> dict[str, Any]:
    """One fill as REST tells it, by itself: the first of a sweep has the id of the whole."""
    row: dict[str, Any] = trader.call("QueryTrades", txid=exec_id)[exec_id]
    (order,) = trader.call("QueryOrders", txid=order_id, trades="true", consolidate_taker="false").values()
    if len(order["trades"]) > 1 and exec_id in order["trades"]:
        ofs = 0
        while True:
            page = trader.call("TradesHistory", consolidate_taker="false", ofs=ofs)["trades"]
            if exec_id in page:
                return page[exec_id]
            ofs += len(page)
    return row


def test_ids_are_the_very_ones(pit: Pit, wire: Connect, ann: Client) -> None:
    mirror = Mirror(wire(), "ann")
    txid = ann.sell("0.1", "60005")
    pit.fill(txid)
    mirror.follow()
    assert list(mirror.orders) == [txid]
    assert list(mirror.fills) == ann.row(txid)["trades"]
    assert json.dumps(mirror.known(txid)) == json.dumps(shown(ann.row(txid)))
