"""WebSocket v2: the channels `book` and `level3`, as a client keeps them (kraken/50 §5.2, §5.3)."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from mockkraken.control.operations import Control
from mockkraken.decimals import fmt

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

BTC = ["BTC/USD"]
NOW = "2026-01-01T00:00:00.000000Z"


def advance(sandbox: Sandbox, span: str | float) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


def digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")


class Mirror:
    """A client's book of some depth: price texts and quantity texts, as they came, and nothing else."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}

    def levels(self, side: str, count: int) -> list[tuple[str, str]]:
        best = sorted(self.sides[side].items(), key=lambda level: Decimal(level[0]), reverse=side == "bids")
        return best[:count]

    def take(self, frame: dict[str, Any]) -> None:
        """Apply a message, and look at its checksum."""
        (row,) = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert not (row["bids"] and row["asks"])
        for side in ("bids", "asks"):
            for entry in row[side]:
                assert list(entry) == ["price", "qty"]
                if Decimal(entry["qty"]):
                    self.sides[side][entry["price"]] = entry["qty"]
                else:
                    del self.sides[side][entry["price"]]  # what is deleted was there
            self.sides[side] = dict(self.levels(side, self.depth))
        checked = [*self.levels("asks", 10), *self.levels("bids", 10)]
        assert row["checksum"] == crc32("".join(digits(price) + digits(qty) for price, qty in checked).encode())


class OrderMirror:
    """A client's book of orders: by price, and there in queue order."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, dict[str, str]]] = {"bids": {}, "asks": {}}

    def prices(self, side: str, count: int) -> list[str]:
        return sorted(self.sides[side], key=Decimal, reverse=side == "bids")[:count]

    def take(self, frame: dict[str, Any]) -> None:
        (row,) = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        for side in ("bids", "asks"):
            levels = self.sides[side]
            for entry in row[side]:
                event = "add" if frame["type"] == "snapshot" else entry["event"]
                orders = levels.setdefault(entry["limit_price"], {})
                assert (entry["order_id"] in orders) == (event != "add")
                if event == "delete":
                    del orders[entry["order_id"]]
                    if not orders:
                        del levels[entry["limit_price"]]
                else:
                    orders[entry["order_id"]] = entry["order_qty"]
            self.sides[side] = {price: levels[price] for price in self.prices(side, self.depth)}
        text = "".join(
            digits(price) + digits(qty)
            for side in ("asks", "bids")
            for price in self.prices(side, 10)
            for qty in self.sides[side][price].values()
        )
        assert row["checksum"] == crc32(text.encode())

    def levels(self, side: str, count: int) -> list[tuple[str, str]]:
        found = [(price, self.sides[side][price].values()) for price in self.prices(side, count)]
        return [(price, str(sum(map(Decimal, volumes), Decimal(0)))) for price, volumes in found]


# book


def test_a_book_to_the_byte(sandbox: Sandbox, wire: Connect, pit: Pit, kraken: Client) -> None:
    pit.book("60000.0:5 59990.0:0.00001", "60010.0:5")
    client = wire()
    client.subscribe("book", symbol=BTC)
    checksum = crc32(b"600100500000000" + b"600000500000000" + b"5999001000")
    assert client.raw[1].decode() == (
        '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD",'
        '"bids":[{"price":60000.0,"qty":5.00000000},{"price":59990.0,"qty":0.00001000}],'
        f'"asks":[{{"price":60010.0,"qty":5.00000000}}],"checksum":{checksum},"timestamp":"{NOW}"}}]}}'
    )
    advance(sandbox, "1.5s")
    client.take()
    kraken.sell("5", "60000.0")
    client.take()
    checksum = crc32(b"600100500000000" + b"5999001000")
    assert client.raw[-1].decode() == (
        '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD",'
        '"bids":[{"price":60000.0,"qty":0.00000000}],"asks":[],'
        f'"checksum":{checksum},"timestamp":"2026-01-01T00:00:01.500000Z"}}]}}'
    )
    pit.book("", "")
    assert [frame["data"][0]["checksum"] for frame in client.take()][-1] == 0
    _, frame = wire().subscribe("book", symbol=BTC)
    assert (frame["data"][0]["bids"], frame["data"][0]["asks"], frame["data"][0]["checksum"]) == ([], [], 0)


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_a_book_of_every_depth(wire: Connect, kraken: Client, depth: int) -> None:
    _, frame = wire().subscribe("book", symbol=BTC, depth=depth)
    (row,) = frame["data"]
    rest = kraken.get("Depth", pair="XBTUSD", count=500).result["XXBTZUSD"]
    for side in ("bids", "asks"):
        shown = [Decimal(entry["price"]) for entry in row[side]]
        assert shown[:500] == [Decimal(price) for price, *_ in rest[side]][: min(depth, 500)]
        assert len(shown) == min(depth, len(rest[side]))
    Mirror(depth).take(frame)


def live(sandbox: Sandbox, side: str, count: int) -> list[tuple[str, str]]:
    """What the live book has, in the digits of the channels."""
    levels = sandbox.exchange.markets["XXBTZUSD"].book.levels("buy" if side == "bids" else "sell")
    shown = [(fmt(level.price // 10**4, 1), fmt(level.volume, 8)) for level in levels]
    return shown[:count]


def test_books_are_kept_by_their_messages(sandbox: Sandbox, wire: Connect, pit: Pit, ann: Client, bob: Client) -> None:
    """Clients place, take, amend and cancel in a book that is theirs alone."""
    pit.book("", "")
    kept: list[tuple[Wire, Mirror | OrderMirror]] = []
    for depth in (10, 25):
        kept.append((wire(), Mirror(depth)))
        kept[-1][1].take(kept[-1][0].subscribe("book", symbol=BTC, depth=depth)[1])
    kept.append((wire(), OrderMirror(10)))
    kept[-1][1].take(kept[-1][0].subscribe("level3", symbol=BTC, token=kept[-1][0].token())[1])
    draw, open_, messages = random.Random(6), [("", ann)], 0
    for _ in range(300):
        client, side = draw.choice(((ann, "buy"), (bob, "sell")))
        volume, tick = f"0.00{draw.randrange(100, 999)}", draw.randrange(40)
        price = f"{60000 + (tick - 38 if side == 'buy' else 38 - tick) / 10:.1f}"
        what, (txid, owner) = draw.random(), draw.choice(open_)
        if what < 0.6:
            display = {"ordertype": "iceberg", "displayvol": "0.0009"} if what < 0.1 else {"ordertype": "limit"}
            reply = client.post("AddOrder", pair="XBTUSD", type=side, volume=volume, price=price, **display)
            open_.append((reply.result["txid"][0], client))
        elif what < 0.7:
            owner.post("AmendOrder", txid=txid, order_qty=volume)
        elif what < 0.8:
            owner.post("AmendOrder", txid=txid, limit_price=price)
        elif what < 0.9:
            owner.post("CancelOrder", txid=txid)
        else:
            client.post("AddOrder", pair="XBTUSD", type=side, ordertype="market", volume="0.02")
        for listener, mirror in kept:
            for frame in listener.take():
                mirror.take(frame)
                messages += 1
            for name in ("bids", "asks"):
                assert mirror.levels(name, mirror.depth) == live(sandbox, name, mirror.depth)
    assert messages > 500


def test_a_book_of_other_digits(wire: Connect, pit: Pit) -> None:
    pit.book("0.123:7.5", "0.124:0.25", pair="0GEUR")
    client = wire()
    _, frame = client.subscribe("book", symbol=["0G/EUR"])
    (row,) = frame["data"]
    assert (row["bids"], row["asks"]) == (
        [{"price": "0.123", "qty": "7.50000"}],
        [{"price": "0.124", "qty": "0.25000"}],
    )
    assert row["checksum"] == crc32(b"12425000123750000")


def test_other_price_decimals_bring_the_book_anew(wire: Connect, pit: Pit, kraken: Client) -> None:
    client = wire()
    client.subscribe("book", symbol=BTC)
    client.subscribe("level3", symbol=BTC, token=client.token())
    pit.pair.patch(pair_decimals=2, tick_size="0.01")
    kraken.buy("1", "60000.01")
    frames = client.take()
    assert [(frame["channel"], frame["type"]) for frame in frames] == [("book", "snapshot"), ("level3", "snapshot")]
    Mirror(10).take(frames[0])
    OrderMirror(10).take(frames[1])
    assert frames[0]["data"][0]["bids"][0] == {"price": "60000.01", "qty": "1.00000000"}
    kraken.buy("1", "60000.02")
    assert [(frame["channel"], frame["type"]) for frame in client.take()] == [("book", "update"), ("level3", "update")]


def test_one_text_for_all_subscribers(sandbox: Sandbox, wire: Connect, kraken: Client) -> None:
    clients = [wire() for _ in range(3)]
    snapshots = set()
    for client in clients:
        _, frame = client.subscribe("book", symbol=BTC, depth=25)
        snapshots.add(client.raw[1])
    assert (len(snapshots), sandbox.ws._venue.feeds.topics) == (1, 1)
    kraken.buy("1", frame["data"][0]["bids"][0]["price"])
    assert clients[0].take() == clients[1].take() == clients[2].take() != []
    late = wire()
    late.subscribe("book", symbol=BTC, depth=25)
    assert late.raw[1] not in snapshots
    for client in (*clients, late):
        client.leave()
    assert sandbox.ws._venue.feeds.topics == 0


# level3


def test_orders_to_the_byte(sandbox: Sandbox, wire: Connect, pit: Pit, kraken: Client) -> None:
    pit.book("", "60010.0:5")
    first = kraken.buy("0.1", "60000.0")
    advance(sandbox, 1.000000001)
    second = kraken.buy("0.2", "60000.0")
    (asked,) = kraken_level3(sandbox, "asks")
    client = wire()
    client.subscribe("level3", symbol=BTC, depth=10, token=client.token())
    checksum = crc32(b"600100500000000" + b"60000010000000" + b"60000020000000")
    assert client.raw[1].decode() == (
        '{"channel":"level3","type":"snapshot","data":[{"symbol":"BTC/USD","bids":['
        f'{{"order_id":"{first}","limit_price":60000.0,"order_qty":0.10000000,'
        '"timestamp":"2026-01-01T00:00:00.000000000Z"},'
        f'{{"order_id":"{second}","limit_price":60000.0,"order_qty":0.20000000,'
        '"timestamp":"2026-01-01T00:00:01.000000001Z"}],"asks":['
        f'{{"order_id":"{asked}","limit_price":60010.0,"order_qty":5.00000000,'
        f'"timestamp":"2026-01-01T00:00:00.000000000Z"}}],"checksum":{checksum},'
        '"timestamp":"2026-01-01T00:00:01.000000001Z"}]}'
    )
    advance(sandbox, "1s")
    client.take()
    kraken.call("AmendOrder", txid=second, order_qty="0.15")
    client.take()
    checksum = crc32(b"600100500000000" + b"60000010000000" + b"60000015000000")
    assert client.raw[0].decode() == (
        f'{{"channel":"level3","type":"update","data":[{{"checksum":{checksum},"symbol":"BTC/USD","bids":['
        f'{{"event":"modify","order_id":"{second}","limit_price":60000.0,"order_qty":0.15000000,'
        '"timestamp":"2026-01-01T00:00:02.000000001Z"}],"asks":[],"timestamp":"2026-01-01T00:00:02.000000001Z"}]}'
    )
    kraken.call("CancelOrder", txid=first)
    client.take()
    checksum = crc32(b"600100500000000" + b"60000015000000")
    assert client.raw[0].decode() == (
        f'{{"channel":"level3","type":"update","data":[{{"checksum":{checksum},"symbol":"BTC/USD","bids":['
        f'{{"event":"delete","order_id":"{first}","limit_price":60000.0,"order_qty":0.10000000,'
        '"timestamp":"2026-01-01T00:00:02.000000001Z"}],"asks":[],"timestamp":"2026-01-01T00:00:02.000000001Z"}]}'
    )


def kraken_level3(sandbox: Sandbox, side: str) -> list[str]:
    book = sandbox.exchange.markets["XXBTZUSD"].book
    return [order.txid for level in book.levels("buy" if side == "bids" else "sell") for order in level.orders.values()]


@pytest.mark.parametrize("depth", [10, 100, 1000])
def test_orders_of_every_depth(sandbox: Sandbox, wire: Connect, kraken: Client, depth: int) -> None:
    client = wire()
    _, frame = client.subscribe("level3", symbol=BTC, depth=depth, token=client.token())
    OrderMirror(depth).take(frame)
    for side in ("bids", "asks"):
        shown = [entry["order_id"] for entry in frame["data"][0][side]]
        assert shown == kraken_level3(sandbox, side)[:depth]  # the makers have one order at each price


@pytest.mark.parametrize("depth", [25, 500, 0, -10, 2**63])
def test_depths_of_books_only(wire: Connect, depth: int) -> None:
    client = wire()
    (reply,) = client.subscribe("level3", symbol=BTC, depth=depth, token=client.token())
    assert reply["error"] == "Subscription depth not supported"


MANY = ["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ADA/USD", "DOT/USD", "LTC/USD"]


@pytest.mark.parametrize("settings", [{"rate_limits": "on"}])
@pytest.mark.parametrize(("key", "depth", "granted"), [("second", 1000, 2), ("full", 1000, 5), ("second", 100, 7)])
def test_how_fast_level3_may_be_subscribed_to(
    sandbox: Sandbox, wire: Connect, key: str, depth: int, granted: int
) -> None:
    client = wire()
    token = client.token(key)
    frames = client.subscribe("level3", symbol=MANY, depth=depth, token=token, snapshot=False)
    assert [frame["success"] for frame in frames] == [True] * granted + [False] * (7 - granted)
    for symbol, frame in zip(MANY[granted:], frames[granted:], strict=True):
        assert (frame["error"], frame["symbol"]) == ("Exceeded msg rate", symbol)
    # Half a second takes half of it back, and another connection has a counter of its own.
    advance(sandbox, "0.5s")
    again = client.subscribe("level3", symbol=["BCH/USD"], depth=1000, token=token, snapshot=False)
    assert again[0]["success"] is True
    other = wire().subscribe("level3", symbol=["BTC/USD"], depth=1000, token=token, snapshot=False)
    assert other[0]["success"] is True


def test_a_sweep_is_one_message_of_orders(wire: Connect, pit: Pit, kraken: Client) -> None:
    pit.book("60000.0:5", " ".join(f"{60010 + step}.0:1" for step in range(13)))
    client = wire()
    client.subscribe("level3", symbol=BTC, depth=10, token=client.token())
    kraken.buy("2")
    (frame,) = client.take()
    assert [(row["event"], row["limit_price"]) for row in frame["data"][0]["asks"]] == [
        ("delete", "60010.0"),
        ("add", "60020.0"),
        ("delete", "60011.0"),
        ("add", "60021.0"),
    ]


@pytest.mark.parametrize("settings", [{"rate_limits": "on"}])
def test_how_much_of_level3_one_connection_may_hear(sandbox: Sandbox, wire: Connect) -> None:
    client = wire()
    token = client.token()
    names = [pair.display for pair in map(sandbox.catalog.pair, sandbox.catalog.records) if not pair.tokenized][:201]
    for start in range(0, 201, 100):
        frames = client.subscribe("level3", symbol=names[start : start + 100], token=token, snapshot=False)
        if start < 200:
            assert all(frame["success"] for frame in frames)
        advance(sandbox, "1s")
        client.take()
    assert frames[0]["error"] == "Exceeded msg rate"
    (record,) = sandbox.journal.records(outcome="refused")[0]
    assert (record["endpoint"], record["check"]) == ("subscribe level3", "rate")
    assert "200 symbols" in record["reason"]
    client.say({"method": "unsubscribe", "params": {"channel": "level3", "symbol": names[:1], "token": token}})
    assert client.subscribe("level3", symbol=names[200:], token=token, snapshot=False)[0]["success"] is True


def test_no_limits_without_limits(wire: Connect) -> None:
    client = wire()
    frames = client.subscribe("level3", symbol=MANY, depth=1000, token=client.token("second"), snapshot=False)
    assert all(frame["success"] for frame in frames)
