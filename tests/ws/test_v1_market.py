"""WebSocket version 1, the public channels: what is told, when, and to the byte (kraken/60 §3)."""

from __future__ import annotations

import json
import random
import re
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

START = "1767225600.000000"


@pytest.fixture
def v1(wire: Connect) -> Wire:
    return wire("/")


def subscribe(wire: Wire, name: str, *pairs: str, **options: Any) -> list[Any]:
    """Subscribe to it; the messages that follow the acknowledgements."""
    pairs = pairs or ("XBT/USD",)
    frames = wire.say({"event": "subscribe", "pair": list(pairs), "subscription": {"name": name, **options}})
    acks, messages = frames[: len(pairs)], frames[len(pairs) :]
    assert [ack["status"] for ack in acks] == ["subscribed"] * len(pairs)
    wire.raw = wire.raw[len(pairs) :]
    return messages


def told(wire: Wire) -> list[str]:
    """The messages since the last look, as texts, each without its channelID."""
    wire.take()
    return [re.sub(r"^\[\d+,", "[", raw.decode()) for raw in wire.raw]


def advance(sandbox: Sandbox, span: str) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


class TestTrades:
    def test_there_is_no_snapshot(self, v1: Wire, pit: Pit) -> None:
        assert subscribe(v1, "trade") == []

    def test_the_trades_of_one_sweep_are_one_message(self, v1: Wire, pit: Pit, ann: Client) -> None:
        pit.book("60000.0:5", "60010.0:1 60011.5:0.25 60020.0:5")
        subscribe(v1, "trade")
        ann.buy("2")
        assert told(v1) == [
            f'[[["60010.00000","1.00000000","{START}","b","m",""],["60011.50000","0.25000000","{START}","b","m",""],'
            f'["60020.00000","0.75000000","{START}","b","m",""]],"trade","XBT/USD"]'
        ]
        ann.sell("0.5", "60000.0")
        assert told(v1) == [f'[[["60000.00000","0.50000000","{START}","s","l",""]],"trade","XBT/USD"]']

    def test_the_trades_of_one_sweep_have_one_time(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        pit.book("60000.0:5", "60010.0:1 60011.5:0.25 60020.0:5")
        subscribe(v1, "trade")
        advance(sandbox, "0.000000999")  # The tape has the next trades a nanosecond apart.
        ann.buy("1.5")
        (message,) = v1.take()
        assert [row[2] for row in message[1]] == [START] * 3

    def test_what_does_not_trade_is_not_told(self, v1: Wire, pit: Pit, ann: Client) -> None:
        subscribe(v1, "trade")
        subscribe(v1, "ticker")
        subscribe(v1, "ohlc")
        ann.buy("1", "60005.0")
        pit.book("60001.0:1", "60009.0:1")
        assert told(v1) == []

    def test_times_have_six_decimals(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        subscribe(v1, "trade")
        advance(sandbox, "20.5ms")
        ann.buy("1")
        assert '"1767225600.020500"' in told(v1)[0]


class TestTicker:
    @pytest.mark.parametrize(("name", "pair"), [("XBT/USD", "XBTUSD"), ("ADA/XBT", "ADAXBT"), ("ETH/USD", "ETHUSD")])
    def test_the_day_is_that_of_rest(self, v1: Wire, kraken: Client, sandbox: Sandbox, name: str, pair: str) -> None:
        (shown,) = subscribe(v1, "ticker", name)
        (row,) = kraken.get("Ticker", pair=pair).result.values()
        for key in ("c", "p", "l", "h", "t"):
            assert shown[1][key] == row[key]
        assert [Decimal(text) for text in shown[1]["v"]] == [Decimal(text) for text in row["v"]]
        assert shown[1]["o"][0] == row["o"]
        for key, side in (("a", "asks"), ("b", "bids")):
            (book,) = kraken.get("Depth", pair=pair).result.values()
            assert shown[1][key][0] == row[key][0] == book[side][0][0]

    def test_a_whole_one(self, v1: Wire, pit: Pit) -> None:
        # A pair whose past is empty shows just what is traded now.
        pit.book("1.10000:12.9", "1.20000:0.5", pair="EURUSD")
        subscribe(v1, "ticker", "EUR/USD")
        first = json.loads(v1.raw[0])[1]
        assert first["b"] == ["1.10000", 12, "12.90000000"]
        assert first["a"] == ["1.20000", 0, "0.50000000"]

    def test_a_day_without_trades_has_zeros(self, wire: Connect, pit: Pit, sandbox: Sandbox) -> None:
        advance(sandbox, "25h")
        v1 = wire("/")
        subscribe(v1, "ticker")
        none = '["0.00000","0.00000"]'
        assert re.sub(rb"^\[\d+,", b"[", v1.raw[0]).decode() == (
            '[{"a":["60010.00000",5,"5.00000000"],"b":["60000.00000",5,"5.00000000"],"c":["0.00000","0.00000000"],'
            f'"v":["0.00000000","0.00000000"],"p":{none},"t":[0,0],"l":{none},"h":{none},"o":{none}}},'
            '"ticker","XBT/USD"]'
        )

    def test_after_each_trade(self, v1: Wire, pit: Pit, ann: Client, kraken: Client) -> None:
        (before,) = subscribe(v1, "ticker")
        ann.buy("1.5")
        (frame,) = v1.take()
        _, shown, name, pair = frame
        assert (name, pair) == ("ticker", "XBT/USD")
        assert list(shown) == ["a", "b", "c", "v", "p", "t", "l", "h", "o"]
        assert shown["a"] == ["60010.00000", 3, "3.50000000"]
        assert shown["b"] == ["60000.00000", 5, "5.00000000"]
        assert shown["c"] == ["60010.00000", "1.50000000"]
        (row,) = kraken.get("Ticker", pair="XBTUSD").result.values()
        assert {key: shown[key] for key in "vptlh"} == {key: row[key] for key in "vptlh"}
        assert shown["t"] == [count + 1 for count in before[1]["t"]]
        assert re.fullmatch(
            rb'\[\d+,\{"a":\["60010\.00000",3,"3\.50000000"\],"b":\["60000\.00000",5,"5\.00000000"\],'
            rb'"c":\["60010\.00000","1\.50000000"\],"v":\["2\.50000000","[0-9.]+"\],"p":\["60008\.00000","[0-9.]+"\],'
            rb'"t":\[2,\d+\],"l":\["60005\.00000","[0-9.]+"\],"h":\["60010\.00000","[0-9.]+"\],'
            rb'"o":\["60005\.00000","[0-9.]+"\]\},"ticker","XBT/USD"\]',
            v1.raw[0],
        )

    def test_one_message_for_a_sweep_of_many(self, v1: Wire, pit: Pit, ann: Client, kraken: Client) -> None:
        pit.book("60000.0:5", "60010.0:1 60011.0:1 60012.0:1 60013.0:1")
        subscribe(v1, "ticker")
        ann.buy("4")
        (frame,) = v1.take()
        assert frame[1]["a"] == ["0.00000", 0, "0.00000000"]
        (row,) = kraken.get("Ticker", pair="XBTUSD").result.values()
        assert {key: frame[1][key] for key in "cvptlh"} == {key: row[key] for key in "cvptlh"}

    def test_a_new_day_begins_at_midnight(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        subscribe(v1, "ticker")
        ann.buy("1")
        advance(sandbox, "25h")
        v1.take()
        ann.buy("0.5")
        frame = v1.take()[-1]
        assert frame[1]["t"] == [1, 1]
        assert frame[1]["v"] == ["0.50000000", "0.50000000"]
        assert frame[1]["o"] == ["60010.00000", "60010.00000"]

    def test_the_sums_stay_those_of_rest(
        self, v1: Wire, pit: Pit, ann: Client, kraken: Client, sandbox: Sandbox
    ) -> None:
        rng = random.Random(3)
        subscribe(v1, "ticker")
        for _ in range(40):
            advance(sandbox, f"{rng.randint(1, 5000)}s")
            v1.take()
            for _ in range(rng.randint(1, 3)):
                price = 60_000 + rng.randint(-50, 50)
                pit.book(f"{price}:1", f"{price + 5}:1")
                (ann.buy if rng.random() < 0.5 else ann.sell)(f"0.0{rng.randint(1, 9)}")
            frame = [frame for frame in v1.take() if isinstance(frame, list)][-1]
            (row,) = kraken.get("Ticker", pair="XBTUSD").result.values()
            assert {key: frame[1][key] for key in "cvptlh"} == {key: row[key] for key in "cvptlh"}
            assert frame[1]["o"][0] == row["o"]


class TestOhlc:
    def test_the_last_candle_even_if_it_is_old(self, wire: Connect, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        advance(sandbox, "10s")
        ann.buy("0.5")
        advance(sandbox, "7m")
        v1 = wire("/")
        subscribe(v1, "ohlc")
        # At 60005.0 one coin, at the start; then half a one.
        assert re.sub(rb"^\[\d+,", b"[", v1.raw[0]) == (
            b'[["1767225610.000000","1767225660.000000","60005.00000","60010.00000","60005.00000","60010.00000",'
            b'"60006.66667","1.50000000",2],"ohlc-1","XBT/USD"]'
        )

    @pytest.mark.parametrize("interval", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
    def test_intervals(self, v1: Wire, pit: Pit, ann: Client, kraken: Client, interval: int) -> None:
        before = subscribe(v1, "ohlc", interval=interval)[0]
        ann.buy("0.25")
        (frame,) = v1.take()
        assert frame[2] == f"ohlc-{interval}"
        last, end, opened, high, low, close, _, volume, count = frame[1]
        (*_, row), _ = kraken.get("OHLC", pair="XBTUSD", interval=interval).result.values()
        assert last == START
        assert end == f"{row[0] + interval * 60}.000000" == before[1][1]
        assert [Decimal(text) for text in (opened, high, low, close)] == [Decimal(text) for text in row[1:5]]
        assert (volume, count) == (row[6], row[7])
        assert close == "60010.00000"
        assert count == before[1][8] + 1

    def test_a_trade_after_the_end_begins_another(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        subscribe(v1, "ohlc")
        advance(sandbox, "150s")
        v1.take()
        ann.buy("0.25")
        assert told(v1) == [
            '[["1767225750.000000","1767225780.000000","60010.00000","60010.00000","60010.00000","60010.00000",'
            '"60010.00000","0.25000000",1],"ohlc-1","XBT/USD"]'
        ]


class TestSpread:
    def test_the_value_of_now_and_then_each_change(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        advance(sandbox, "3s")
        subscribe(v1, "spread")
        assert re.sub(rb"^\[\d+,", b"[", v1.raw[0]) == (
            b'[["60000.00000","60010.00000","1767225600.000000","5.00000000","5.00000000"],"spread","XBT/USD"]'
        )
        ann.buy("1", "60001.0")
        ann.buy("1", "60000.5")  # not the best
        ann.buy("0.25", "60001.0")
        ann.call("CancelAll")
        ann.buy("1", "60010.0")
        now = "1767225603.000000"
        assert told(v1) == [
            f'[["60001.00000","60010.00000","{now}","1.00000000","5.00000000"],"spread","XBT/USD"]',
            f'[["60001.00000","60010.00000","{now}","1.25000000","5.00000000"],"spread","XBT/USD"]',
            f'[["60000.00000","60010.00000","{now}","5.00000000","5.00000000"],"spread","XBT/USD"]',
            f'[["60000.00000","60010.00000","{now}","5.00000000","4.00000000"],"spread","XBT/USD"]',
        ]

    def test_an_empty_side_is_zero(self, v1: Wire, pit: Pit) -> None:
        pit.book("", "60010.0:5")
        (message,) = subscribe(v1, "spread")
        assert message[1] == ["0.00000", "60010.00000", START, "0.00000000", "5.00000000"]
        pit.book()
        assert told(v1) == [f'[["0.00000","0.00000","{START}","0.00000000","0.00000000"],"spread","XBT/USD"]']


class TestBook:
    def test_a_snapshot(self, v1: Wire, pit: Pit) -> None:
        pit.book("60000.0:5 59999.9:0.00000001", "60010.0:1.5 60010.1:123456.7")
        subscribe(v1, "book")
        assert re.sub(rb"^\[\d+,", b"[", v1.raw[0]) == (
            b'[{"as":[["60010.00000","1.50000000","1767225600.000000"],["60010.10000","123456.70000000",'
            b'"1767225600.000000"]],"bs":[["60000.00000","5.00000000","1767225600.000000"],'
            b'["59999.90000","0.00000001","1767225600.000000"]]},"book-10","XBT/USD"]'
        )

    def test_an_empty_book_has_both_sides(self, v1: Wire, pit: Pit) -> None:
        pit.book()
        subscribe(v1, "book", depth=25)
        assert v1.raw[0].endswith(b',{"as":[],"bs":[]},"book-25","XBT/USD"]')

    def test_changes(self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox) -> None:
        subscribe(v1, "book")
        advance(sandbox, "1s")
        v1.take()
        ann.buy("0.5", "60005.0")
        first = zlib.crc32(b"6001000000500000000" + b"6000500000" + b"50000000" + b"6000000000500000000")
        assert told(v1) == [
            f'[{{"b":[["60005.00000","0.50000000","1767225601.000000"]],"c":"{first}"}},"book-10","XBT/USD"]'
        ]
        ann.buy("1", "60010.0")
        second = zlib.crc32(b"6001000000400000000" + b"6000500000" + b"50000000" + b"6000000000500000000")
        assert told(v1) == [
            f'[{{"a":[["60010.00000","4.00000000","1767225601.000001"]],"c":"{second}"}},"book-10","XBT/USD"]'
        ]
        ann.call("CancelAll")
        third = zlib.crc32(b"6001000000400000000" + b"6000000000500000000")
        assert told(v1) == [
            f'[{{"b":[["60005.00000","0.00000000","1767225601.000002"]],"c":"{third}"}},"book-10","XBT/USD"]'
        ]

    def test_a_level_that_moves_in_is_republished_with_its_old_time(
        self, v1: Wire, pit: Pit, ann: Client, sandbox: Sandbox
    ) -> None:
        pit.book(" ".join(f"{60000 - step}:1" for step in range(11)), "60010.0:5")
        advance(sandbox, "1s")
        subscribe(v1, "book")
        ann.sell("1", "60000.0")
        (text,) = told(v1)
        assert text.startswith(
            '[{"b":[["60000.00000","0.00000000","1767225601.000000"],'
            '["59990.00000","1.00000000","1767225600.000000","r"]],"c":"'
        )

    def test_one_command_that_changes_both_sides_is_told_side_by_side(self, v1: Wire, pit: Pit, ann: Client) -> None:
        pit.book("60000.0:1", "60010.0:1")
        subscribe(v1, "book")
        ann.buy("3", "60010.0")
        asks, bids = v1.take()
        assert asks[1]["a"] == [["60010.00000", "0.00000000", "1767225600.000001"]]
        assert bids[1]["b"] == [["60010.00000", "2.00000000", "1767225600.000002"]]
        assert list(asks[1]) == ["a", "c"]
        assert list(bids[1]) == ["b", "c"]

    def test_volumes_have_eight_decimals_whatever_the_lots(self, v1: Wire, pit: Pit) -> None:
        pair = next(row for row in pit.kraken.get("AssetPairs").result.values() if row["lot_decimals"] == 5)
        pit.book("", "", pair=pair["altname"])
        mirror = Mirror(10)
        mirror.hear(subscribe(v1, "book", pair["wsname"])[0])
        price = Decimal(pair["tick_size"]) * 1000
        pit.book(f"{price}:1.23456", f"{price * 2}:7", pair=pair["altname"])
        for frame in v1.take():
            mirror.hear(frame)
        assert [volume for _, volume in mirror.shown("b")] == ["1.23456000"]
        assert [volume for _, volume in mirror.shown("a")] == ["7.00000000"]
        assert mirror.checked


class Mirror:
    """A book as clients keep it: by the texts that are sent, and with what each of some clients demands of them.

    An entry counts only if its time is later than that of the level that is held (node-kraken-api); the checksum is
    of the texts (cryptofeed, node-kraken-api); and an update is skipped if the latest of its times is not after that
    of the snapshot (hummingbot).

    Attributes:
        checked: how many checksums were right.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.checked = 0
        self._sides: dict[str, dict[str, tuple[str, str]]] = {}
        self._newest = Decimal(0)

    def hear(self, message: list[Any]) -> None:
        *_, name, _ = message
        assert name == f"book-{self.depth}"
        (content,) = message[1:-2]
        if "as" in content:
            self._sides = {side: {} for side in "ab"}
            for side in "ab":
                for price, volume, time in content[f"{side}s"]:
                    self._sides[side][price] = (volume, time)
                    self._newest = max(self._newest, Decimal(time))
                assert [price for price, _ in self.shown(side)] == [price for price, *_ in content[f"{side}s"]]
            return
        (side, entries), (_, checksum) = content.items()
        assert max(Decimal(time) for _, _, time, *_ in entries) > self._newest
        deleted = False
        for price, volume, time, *mark in entries:
            held = self._sides[side].get(price)
            if mark:
                assert mark == ["r"]
                assert deleted, "only a level that goes makes room for another"
            elif held is not None:
                assert Decimal(time) > Decimal(held[1]), "the client would ignore it"
            deleted = volume == "0.00000000"
            if deleted:
                assert held is not None, "the client holds no such level"
                del self._sides[side][price]
            else:
                self._sides[side][price] = (volume, time)
        for price, _ in self.shown(side)[self.depth :]:
            del self._sides[side][price]
        assert checksum == str(self._checksum())
        self.checked += 1

    def shown(self, side: str) -> list[tuple[str, str]]:
        levels = self._sides[side]
        return [(price, levels[price][0]) for price in sorted(levels, key=Decimal, reverse=side == "b")]

    def _checksum(self) -> int:
        texts = [text for side in "ab" for level in self.shown(side)[:10] for text in level]
        return zlib.crc32("".join(text.replace(".", "").lstrip("0") for text in texts).encode())


class TestBusyDay:
    """Orders come, trade and go at random, on a clock that mostly stands still; every client keeps the book right."""

    @pytest.mark.parametrize(
        ("depths", "levels", "seed"), [((10, 25), 15, 1), ((10, 1000), 40, 2), ((10, 1000), 1100, 3)]
    )
    def test_mirrors(
        self,
        wire: Connect,
        pit: Pit,
        ann: Client,
        bob: Client,
        sandbox: Sandbox,
        depths: tuple[int, ...],
        levels: int,
        seed: int,
    ) -> None:
        rng = random.Random(seed)

        def side(sign: int) -> str:
            volumes = [f"0.{rng.randint(1, 99_999_999):08d}" for _ in range(levels)]
            return " ".join(
                f"{60_000 + sign * Decimal('0.1') * step}:{volume}" for step, volume in enumerate(volumes, 1)
            )

        pit.book(side(-1), side(1))
        mirrors: list[tuple[Wire, Mirror]] = []

        def join() -> None:
            for depth in depths:
                client, mirror = wire("/"), Mirror(depth)
                mirror.hear(subscribe(client, "book", depth=depth)[0])
                mirrors.append((client, mirror))

        join()
        for turn in range(300):
            trader = rng.choice((ann, bob))
            price = f"{60_000 + Decimal(rng.randint(-20, 20)) / 10:.1f}"
            volume = f"0.{rng.randint(10_000, 30_000_000):08d}"
            what = rng.random()
            if what < 0.55:
                fields = {"oflags": "post"} if rng.random() < 0.3 else {}
                trader.post(
                    "AddOrder",
                    pair="XBTUSD",
                    type=rng.choice(("buy", "sell")),
                    ordertype="limit",
                    price=price,
                    volume=volume,
                    **fields,
                )
            elif what < 0.75 and (found := list(trader.open_orders())):
                trader.call("CancelOrder", txid=rng.choice(found))
            elif what < 0.85 and (found := list(trader.open_orders())):
                trader.post("AmendOrder", txid=rng.choice(found), order_qty=volume, limit_price=price)
            elif what < 0.95:
                trader.post(
                    "AddOrder", pair="XBTUSD", type=rng.choice(("buy", "sell")), ordertype="market", volume="1.5"
                )
            elif what < 0.98:
                trader.call("CancelAll")
            else:
                advance(sandbox, rng.choice(("0.000000001", "0.000001", "0.000007", "1ms", "3s")))
            if turn == 150:
                join()
            for client, mirror in mirrors:
                for frame in client.take():
                    if isinstance(frame, list):
                        mirror.hear(frame)
        first = min(mirror.checked for _, mirror in mirrors[: len(depths)])
        assert first > 150
        # All of them, and whoever comes now, see the same.
        join()
        for _, mirror in mirrors:
            newest = next(other for _, other in reversed(mirrors) if other.depth == mirror.depth)
            for half in "ab":
                assert mirror.shown(half) == newest.shown(half)

    @pytest.mark.parametrize("settings", [{"market": "walk"}])
    def test_the_makers_own_hours(self, v1: Wire, sandbox: Sandbox) -> None:
        mirrors = {depth: Mirror(depth) for depth in (10, 100)}
        for depth, mirror in mirrors.items():
            mirror.hear(subscribe(v1, "book", depth=depth)[0])
        for _ in range(5):
            advance(sandbox, "60s")
            for frame in v1.take():
                if isinstance(frame, list):
                    mirrors[int(frame[-2].removeprefix("book-"))].hear(frame)
        assert min(mirror.checked for mirror in mirrors.values()) > 100
