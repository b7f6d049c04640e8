"""A day of one account: from what version 1's private channels say alone, what REST knows of it is put together."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

STEPS = 300
NAMES = {"XXBTZUSD": "XBT/USD", "XETHZUSD": "ETH/USD"}


class Picture:
    """What a client knows who only listens."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self.wire = wire
        self.orders: dict[str, dict[str, Any]] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.twice: list[str] = []
        self._last = {"openOrders": 0, "ownTrades": 0}
        for name in self._last:
            more = options if name == "ownTrades" else {}
            subscription = {"name": name, "token": wire.token("ann"), **more}
            self._read(wire.say({"event": "subscribe", "subscription": subscription}))

    def look(self) -> None:
        self._read(self.wire.take())

    def ask(self, event: str, **fields: Any) -> list[Any]:
        """Trade over the same connection; the replies."""
        self.look()
        return self._read(self.wire.say({"event": event, "token": self.wire.token("ann"), **fields}))

    def _read(self, frames: list[Any]) -> list[Any]:
        for frame in frames:
            if isinstance(frame, dict):
                continue
            entries, channel, last = frame
            self._last[channel] += 1
            assert last == {"sequence": self._last[channel]}
            for entry in entries:
                ((name, row),) = entry.items()
                if channel == "openOrders":
                    self.orders[name] = self.orders.get(name, {}) | row
                elif name in self.trades:
                    self.twice.append(name)
                else:
                    self.trades[name] = row
        return [frame for frame in frames if isinstance(frame, dict) and frame["event"] != "heartbeat"]

    def open(self) -> dict[str, dict[str, Any]]:
        """The orders that are not over."""
        return {txid: row for txid, row in self.orders.items() if row["status"] in ("open", "pending")}


class Day:
    """Ann's, who trades as chance will have it; Bob's, who meets her; and the market's."""

    def __init__(self, seed: int, picture: Picture, ann: Client, bob: Client, pit: Pit, sandbox: Sandbox) -> None:
        self.draw = random.Random(seed)
        self.picture, self.ann, self.bob, self.pit, self.sandbox = picture, ann, bob, pit, sandbox
        self.count = 0
        pit.pair.model = "calm"

    def step(self) -> None:
        actions = [
            self.place, self.place, self.place, self.stop, self.iceberg, self.margin, self.close_margin, self.amend,
            self.amend, self.edit, self.cancel, self.bob_trades, self.bob_trades, self.fill, self.fill, self.move,
            self.wait, self.rest_order, self.cancel_all, self.short_lived, self.sweep,
        ]  # fmt: skip
        self.draw.choice(actions)()

    def send(self, event: str, **fields: Any) -> None:
        self.picture.ask(event, **fields)

    def volume(self) -> str:
        return f"{self.draw.randint(1, 60) / 100}"

    def price(self) -> str:
        return f"{60000 + self.draw.randint(-40, 40) * 10}"

    def references(self) -> dict[str, Any]:
        self.count += 1
        return self.draw.choice([{}, {"userref": self.draw.randint(1, 5)}, {"cl_ord_id": f"day-{self.count}"}])

    def place(self) -> None:
        fields = {"pair": "XBT/USD", "type": self.draw.choice(["buy", "sell"]), "volume": self.volume()}
        if self.draw.random() < 0.25:
            fields |= {"ordertype": "market"}
            if fields["type"] == "buy" and self.draw.random() < 0.3:
                fields |= {"oflags": "viqc", "volume": "1234.56"}
        else:
            fields |= {"ordertype": "limit", "price": self.price()}
            fields |= self.draw.choice([{}, {}, {"oflags": "post"}, {"timeinforce": "IOC"}, {"expiretm": "+30"}])
            fields |= self.draw.choice([{}, {}, {}, {"starttm": "+60"}, {"price": "-0.2%"}])
        references = self.references()
        if "cl_ord_id" not in references and self.draw.random() < 0.2:
            fields |= {"close[ordertype]": "take-profit-limit", "close[price]": "#1%", "close[price2]": "#0.5%"}
        self.send("addOrder", **fields, **references)

    def short_lived(self) -> None:
        fields = {"pair": "XBT/USD", "ordertype": "limit", "timeinforce": "GTD", "expiretm": "+30"}
        self.send("addOrder", **fields, type="buy", price="58000", volume="0.1", **self.references())

    def sweep(self) -> None:
        """Take all that is bid best, and some of the next."""
        best = self.sandbox.exchange.markets["XXBTZUSD"].book.best_bid
        assert best is not None
        volume = f"{best.volume / 10**8 + 0.01:.8f}"
        self.send("addOrder", pair="XBT/USD", type="sell", ordertype="market", volume=volume, **self.references())

    def stop(self) -> None:
        kind = self.draw.choice(["stop-loss", "stop-loss-limit", "take-profit", "trailing-stop", "trailing-stop-limit"])
        fields = {"pair": "XBT/USD", "type": "sell", "ordertype": kind, "volume": self.volume()}
        offset = self.draw.randint(1, 30) * 10
        fields["price"] = {"s": f"-{offset}", "t": f"+{offset}"}[kind[0]]
        if kind.endswith("limit"):
            fields["price2"] = "-50"
        self.send("addOrder", **fields, **self.references())

    def iceberg(self) -> None:
        fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "iceberg", "volume": "1", "price": "60015"}
        self.ann.post("AddOrder", **fields, displayvol="0.2")

    def margin(self) -> None:
        side = self.draw.choice(["buy", "sell"])
        self.send("addOrder", pair="XBT/USD", type=side, ordertype="market", volume=self.volume(), leverage=3)

    def close_margin(self) -> None:
        fields = {"pair": "XBT/USD", "type": self.draw.choice(["buy", "sell"]), "leverage": "3"}
        if self.draw.random() < 0.5:
            self.send("addOrder", **fields, ordertype="settle-position", volume="0.1")
        else:
            self.send("addOrder", **fields, ordertype="limit", volume="0.3", price=self.price(), reduce_only=True)

    def some(self) -> str:
        return self.draw.choice(list(self.picture.open()) or ["OZZZZZ-ZZZZZ-ZZZZZZ"])

    def amend(self) -> None:
        terms = [{"volume": self.volume()}, {"limit_price": self.price()}, {"trigger_price": self.price()}]
        terms += [{"display_volume": "0.3"}, {"trigger_price": "+70"}, {"volume": "0.05"}]
        self.send("amendOrder", txid=self.some(), **self.draw.choice(terms))

    def edit(self) -> None:
        fields = {"price": self.price()} | self.draw.choice([{}, {"newuserref": "4"}, {"volume": self.volume()}])
        self.send("editOrder", orderid=self.some(), pair="XBT/USD", **fields)

    def cancel(self) -> None:
        fields = self.draw.choice(
            [
                {"txid": [self.some(), self.some()]},
                {"txid": [self.draw.randint(1, 5)]},
                {"cl_ord_id": [f"day-{self.count}"]},
            ]
        )
        self.send("cancelOrder", **fields)

    def cancel_all(self) -> None:
        if self.draw.random() < 0.2:
            self.send("cancelAll")
        else:
            self.send("cancelAllOrdersAfter", timeout=self.draw.choice([0, 30]))

    def bob_trades(self) -> None:
        fields = {"pair": "XBTUSD", "type": self.draw.choice(["buy", "sell"]), "volume": self.volume()}
        self.bob.post("AddOrder", **fields, ordertype="limit", price=self.price())

    def fill(self) -> None:
        resting = [
            txid for txid in self.picture.open() if self.sandbox.exchange.accounts["ann"].open[txid].place == "book"
        ]
        if resting:
            txid = self.draw.choice(resting)
            left = self.sandbox.exchange.accounts["ann"].open[txid].remaining
            self.pit.fill(txid, None if left < 10**6 or self.draw.random() < 0.4 else "0.01")

    def move(self) -> None:
        self.pit.pair.move_to(str(60000 + self.draw.randint(-30, 30) * 10))

    def wait(self) -> None:
        Control(self.sandbox).perform(Control.move_clock, {"advance": self.draw.choice([1, 40, 600])})

    def rest_order(self) -> None:
        self.ann.post("AddOrder", pair="ETHUSD", type="buy", ordertype="market", volume="0.5")


def everything(ask: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """All pages of a list."""
    found: dict[str, Any] = {}
    while page := ask(len(found)):
        found |= page
    return found


def digits(text: str) -> tuple[str, Decimal | str]:
    """A price without its last zeros: its sign, and what stands behind it."""
    sign = text[0] if text[0] in "+-" else ""
    return sign, text if text.endswith("%") else Decimal(text)


def seconds(number: float) -> str | None:
    return f"{Decimal(str(number)):.6f}" if number else None


def by_rest(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of an order says, over REST."""
    descr, misc = row["descr"], row["misc"].split(",")
    said = {
        "status": row["status"],
        "userref": row["userref"] or 0,
        "cl_ord_id": row.get("cl_ord_id"),
        "refid": row["refid"],
        "times": [seconds(row[name]) for name in ("opentm", "starttm", "expiretm")],
        "terms": [descr[name] for name in ("type", "ordertype")],
        "leverage": None if descr["leverage"] == "none" else descr["leverage"],
        "prices": [digits(descr["price"]), digits(descr["price2"])],
        "amounts": [Decimal(row[name]) for name in ("vol", "vol_exec", "cost", "fee")],
        "misc": [mark for mark in misc if mark not in ("amended", "")],
        "amended": "amended" in misc,
        "oflags": row["oflags"],
        "timeinforce": row["time_in_force"].upper(),
        "reason": row["reason"] if row["status"] == "canceled" else None,
        "closed": seconds(row.get("closetm", 0)),
        "display": row.get("display_volume"),
    }
    if not descr["ordertype"].startswith("trailing") or "stopped" in misc:
        # Where a trailing stop stands is told when it is triggered.
        said["levels"] = [row["stopprice"], row["limitprice"]]
    return said


def by_socket(row: dict[str, Any]) -> dict[str, Any]:
    """The same, as it was told."""
    descr, over = row["descr"], row["status"] not in ("open", "pending")
    assert descr["order"].split(" ")[:3] == [descr["type"], row["vol"], descr["pair"]]
    cost, volume = Decimal(row["cost"]), Decimal(row["vol_exec"])
    if volume and "viqc" not in row["oflags"]:
        assert abs(Decimal(row["avg_price"]) - cost / volume) <= Decimal("0.00001")
    said = {
        "status": row["status"],
        "userref": row["userref"],
        "cl_ord_id": row.get("cl_ord_id"),
        "refid": row["refid"],
        "times": [row["opentm"], row["starttm"], row["expiretm"]],
        "terms": [descr["type"], descr["ordertype"]],
        "leverage": descr["leverage"],
        "prices": [digits(descr["price"]), digits(descr["price2"])],
        "amounts": [Decimal(row[name]) for name in ("vol", "vol_exec", "cost", "fee")],
        "misc": row["misc"].split(",") if row["misc"] else [],
        "amended": row.get("amended", False),
        "oflags": row["oflags"],
        "timeinforce": row["timeinforce"],
        "reason": row.get("cancel_reason"),
        "closed": row["lastupdated"] if over else None,
        "display": row.get("display_volume"),
    }
    if not descr["ordertype"].startswith("trailing") or "stopped" in row["misc"]:
        said["levels"] = [row["stopprice"], row["limitprice"]]
    return said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_that_rest_knows_was_told(
    seed: int, wire: Connect, ann: Client, bob: Client, pit: Pit, sandbox: Sandbox
) -> None:
    picture, single = Picture(wire("/")), Picture(wire("/"), consolidate_taker=False)
    day = Day(seed, picture, ann, bob, pit, sandbox)
    late = None
    for number in range(STEPS):
        day.step()
        for listener in (picture, single):
            listener.look()
        if number == STEPS // 2:
            late = Picture(wire("/"))
    assert late is not None
    late.look()

    open_rows = {txid: row | {"reason": None} for txid, row in ann.open_orders().items()}
    closed_rows = everything(lambda offset: ann.call("ClosedOrders", ofs=offset)["closed"])
    rest = {txid: by_rest(row) for txid, row in (open_rows | closed_rows).items()}
    assert {txid: by_socket(row) for txid, row in picture.orders.items()} == rest
    assert single.orders == picture.orders
    assert {txid: by_socket(row) for txid, row in late.open().items()} == {txid: rest[txid] for txid in open_rows}

    for listener, joined in ((picture, "true"), (single, "false")):
        rows = everything(
            lambda offset, joined=joined: ann.call("TradesHistory", ofs=offset, consolidate_taker=joined)["trades"]
        )
        assert listener.twice == []
        assert listener.trades.keys() == rows.keys()
        for trade, row in rows.items():
            told = listener.trades[trade]
            assert told["pair"] == NAMES[row["pair"]]
            assert told["time"] == seconds(row["time"])
            for name in ("ordertxid", "postxid", "type", "ordertype", "cost", "fee", "margin"):
                assert told[name] == row[name], name
            assert Decimal(told["vol"]) == Decimal(row["vol"])
            assert abs(Decimal(told["price"]) - Decimal(row["price"])) <= Decimal("0.00001")
            order = picture.orders[told["ordertxid"]]
            assert told.get("userref", 0) == order["userref"]
            assert told.get("cl_ord_id") == order.get("cl_ord_id")

    # And it was no quiet day.
    marks = {mark for row in rest.values() for mark in row["misc"]}
    assert {row["status"] for row in rest.values()} >= {"closed", "canceled", "expired"}
    assert marks >= {"stopped", "partial"}
    assert any(row["amended"] for row in rest.values())
    assert len(single.trades) > len(picture.trades) > 30
