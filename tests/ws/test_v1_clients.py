"""Version 1 as its clients read it: what each does with the frames, as far as it depends on them (kraken/60 §6)."""

from __future__ import annotations

import zlib
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

PAIRS = ["XBT/USD", "ETH/USD", "XDG/USD"]


def subscribe(wire: Wire, name: str, pairs: list[str] | None = None, reqid: int | None = None, **options: Any) -> Any:
    message: dict[str, Any] = {"event": "subscribe", "subscription": {"name": name, **options}}
    if pairs is not None:
        message["pair"] = pairs
    if reqid is not None:
        message["reqid"] = reqid
    return wire.say(message)


def pass_time(sandbox: Sandbox, span: str) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


class TestNodeKrakenApi:
    """It knows answers by reqid and pair, messages by channelName and pair, and checks each book's checksum."""

    def test_answers_and_messages_find_their_subscription(self, wire: Connect) -> None:
        client = wire("/")
        # Its reqids are nonces.
        frames = subscribe(client, "ohlc", PAIRS, reqid=1_687_892_776_395, interval=5)
        acks = {frame["pair"]: frame for frame in frames[:3] if frame["reqid"] == 1_687_892_776_395}
        assert list(acks) == PAIRS
        for frame in frames[3:]:
            channel, pair = frame[-2:]
            assert acks[pair]["channelName"] == channel
            (row,) = frame[1:-2]
            assert len(row) == 9
        gone = client.say(
            {"event": "unsubscribe", "reqid": 7, "pair": PAIRS, "subscription": {"name": "ohlc", "interval": 5}}
        )
        assert [(frame["reqid"], frame["pair"], frame["status"]) for frame in gone] == [
            (7, pair, "unsubscribed") for pair in PAIRS
        ]

    @pytest.mark.parametrize("settings", [{"market": "walk"}])
    @pytest.mark.parametrize("depth", [10, 25])
    def test_its_book_is_right_after_each_update(self, wire: Connect, sandbox: Sandbox, depth: int) -> None:
        client = wire("/")
        book = subscribe(client, "book", ["XBT/USD"], depth=depth)[1][1]
        count = 0
        for _ in range(4):
            pass_time(sandbox, "60s")
            for frame in client.take():
                if isinstance(frame, list):
                    self.apply(book, frame[1])
                    assert frame[1]["c"] == self.checksum(book)
                    count += 1
        assert count > 100

    @staticmethod
    def apply(book: dict[str, Any], update: dict[str, Any]) -> None:
        """An entry counts if it is newer than the level that is held; at the end, half of what is too much goes."""
        side = "a" if "a" in update else "b"
        levels, sign = book[f"{side}s"], 1 if side == "a" else -1
        depth = len(levels)
        for price, volume, time, *_ in update[side]:
            index = next(
                (at for at, held in enumerate(levels) if sign * Decimal(held[0]) >= sign * Decimal(price)), None
            )
            if index is None:
                levels.append([price, volume, time])
            elif Decimal(levels[index][0]) != Decimal(price):
                levels.insert(index, [price, volume, time])
            elif Decimal(time) > Decimal(levels[index][2]):
                levels[index : index + 1] = [[price, volume, time]] if Decimal(volume) else []
        del levels[len(levels) - (max(len(levels) - depth, 0) + 1) // 2 :]

    @staticmethod
    def checksum(book: dict[str, Any]) -> str:
        texts = [text for side in ("as", "bs") for level in book[side][:10] for text in level[:2]]
        return str(zlib.crc32("".join(text.replace(".", "").lstrip("0") for text in texts).encode()))

    def test_a_cancel_of_several_has_as_many_answers(self, wire: Connect, ann: Client) -> None:
        client = wire("/ws-auth")
        txids = [ann.buy("0.1", "50000"), "OZZZZZ-ZZZZZ-ZZZZZZ", ann.buy("0.1", "50000")]
        answers = client.say({"event": "cancelOrder", "reqid": 5, "token": client.token("ann"), "txid": txids})
        assert [(frame["reqid"], frame["status"]) for frame in answers] == [(5, "ok"), (5, "error"), (5, "ok")]


class TestHummingbot:
    """It takes the pair and the kind from the end, its own orders by their userref, and any error as a lost stream."""

    def test_the_stream_of_the_market(self, wire: Connect, sandbox: Sandbox, pit: Pit, ann: Client) -> None:
        client = wire("/")
        frames = subscribe(client, "trade", PAIRS) + subscribe(client, "book", PAIRS, depth=1000)
        ann.buy("0.2")
        frames += client.take()
        assert not [frame for frame in frames if "errorMessage" in frame]
        newest: dict[str, Decimal] = {}
        heard = []
        for frame in frames:
            if isinstance(frame, dict):
                continue
            kind = "trade" if frame[-2] == "trade" else "book"
            if kind == "book":
                content = frame[1]
                rows = (content.get("a", []) or content.get("as", [])) + (content.get("b", []) or content.get("bs", []))
                number = max(Decimal(row[2]) for row in rows)
                if "as" in content and "bs" in content:
                    newest[frame[-1]] = number
                else:
                    kind = "diff"
                    # What is no newer than the snapshot is left out.
                    assert number > newest[frame[-1]]
            heard.append((kind, frame[-1]))
        assert heard == [*(("book", pair) for pair in PAIRS), ("trade", "XBT/USD"), ("diff", "XBT/USD")]

    def test_the_stream_of_the_account(self, wire: Connect, ann: Client, pit: Pit) -> None:
        client = wire("/ws-auth")
        ann.buy("0.1", "50000")  # one of before, of which it knows nothing
        orders: dict[str, list[str]] = {"11": [], "12": []}
        fills: dict[str, Decimal] = {"11": Decimal(0), "12": Decimal(0)}
        frames = subscribe(client, "openOrders", token=client.token("ann"))
        frames += subscribe(client, "ownTrades", token=client.token("ann"))
        ann.buy("6", userref="11", ordertype="limit", price="60010")
        resting = ann.sell("0.3", "60100", userref="12")
        pit.fill(resting, "0.1")
        ann.call("CancelOrder", txid=resting)
        for frame in frames + client.take():
            if isinstance(frame, dict):
                assert "errorMessage" not in frame
                continue
            channel, rows = frame[-2], frame[0]
            for row in rows:
                ((_, content),) = row.items()
                name = str(content.get("userref", ""))
                if name not in orders:
                    break  # It skips the rest of the message.
                if channel == "ownTrades":
                    fills[name] += Decimal(content["vol"])
                elif "status" in content:
                    orders[name].append(content["status"])
        assert orders == {"11": ["pending", "open"], "12": ["pending", "open", "canceled"]}
        assert fills == {"11": Decimal(5), "12": Decimal("0.1")}


class TestGoCryptoTrader:
    """It waits for as many answers as it named pairs, and decodes rows of fixed lengths."""

    def test_rows_have_their_lengths(self, wire: Connect, pit: Pit, ann: Client) -> None:
        client = wire("/")
        names = {"ticker": {}, "spread": {}, "ohlc": {"interval": 1}, "trade": {}, "book": {"depth": 1000}}
        frames = []
        for reqid, (name, options) in enumerate(names.items(), 1):
            answers = subscribe(client, name, PAIRS, reqid=reqid, **options)
            assert [frame.get("pair") for frame in answers[:3]] == PAIRS
            assert {frame["reqid"] for frame in answers[:3]} == {reqid}
            frames += answers[3:]
        ann.buy("0.2")
        frames += client.take()
        shapes = {}
        for _, content, channel, _ in frames:
            if channel == "ticker":
                shape = tuple((key, len(value)) for key, value in content.items())
                assert all(isinstance(content[side][1], int) for side in "ab")
            else:
                rows = content if channel == "trade" else [content] if isinstance(content, list) else []
                shape = tuple({len(row) for row in rows})
            shapes[channel] = shape
        ticker = (("a", 3), ("b", 3), ("c", 2), ("v", 2), ("p", 2), ("t", 2), ("l", 2), ("h", 2), ("o", 2))
        assert shapes == {"ticker": ticker, "spread": (5,), "ohlc-1": (9,), "trade": (6,), "book-1000": ()}

    def test_an_order_as_it_sends_one(self, wire: Connect, ann: Client) -> None:
        client = wire("/ws-auth")
        order = {"ordertype": "limit", "type": "buy", "pair": "XBT/USD", "price": "50000", "volume": "0.1"}
        more = {"leverage": 2, "userref": "7", "close[ordertype]": "limit", "close[price]": 70000.5}
        (reply,) = client.say({"event": "addOrder", "token": client.token("ann"), "reqid": 9, **order, **more})
        assert reply == {
            "descr": "buy 0.10000000 XBTUSD @ limit 50000.0 with 2:1 leverage",
            "event": "addOrderStatus",
            "reqid": 9,
            "status": "ok",
            "txid": reply["txid"],
        }
        row = ann.row(reply["txid"])
        assert (row["userref"], row["descr"]["close"]) == (7, "close position @ limit 70000.5")
        (reply,) = client.say({"event": "cancelAll", "token": client.token("ann"), "reqid": 10})
        assert (reply["reqid"], reply["count"]) == (10, 1)
