"""WebSocket v2: the channels `ticker`, `trade` and `ohlc`, to the digit (kraken/50 §5.1, §5.4, §5.5)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND, rfc3339
from mockkraken.control.market_client import PairsControl
from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

BTC = ["BTC/USD"]
TICKER = ["symbol", "bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high", "change"]
TICKER += ["change_pct", "trades", "timestamp"]
TRADE = ["symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"]
OHLC = ["symbol", "open", "high", "low", "close", "trades", "volume", "vwap", "interval_begin", "interval", "timestamp"]


def advance(sandbox: Sandbox, span: str | float) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


def rows(frames: list[Any], channel: str) -> list[Any]:
    """The rows of a channel's messages."""
    return [row for frame in frames if frame.get("channel") == channel for row in frame["data"]]


def ticker_bytes(kind: str, row: str) -> bytes:
    return f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"BTC/USD",{row}}}]}}'.encode()


# ticker


def test_the_ticker_to_the_byte(sandbox: Sandbox, wire: Connect, pit: Pit) -> None:
    advance(sandbox, "25h")
    client = wire()
    client.subscribe("ticker", symbol=BTC)
    assert client.raw[1] == ticker_bytes(
        "snapshot",
        '"bid":60000.0,"bid_qty":5.00000000,"ask":60010.0,"ask_qty":5.00000000,"last":0.0,"volume":0.00000000,'
        '"vwap":0.0,"low":0.0,"high":0.0,"change":0.0,"change_pct":0.00,"trades":0,'
        '"timestamp":"2026-01-02T01:00:00.000000Z"',
    )
    pit.pair.trade("buy", "1")
    client.take()
    assert client.raw[-1:] == [
        ticker_bytes(
            "update",
            '"bid":60000.0,"bid_qty":5.00000000,"ask":60010.0,"ask_qty":4.00000000,"last":60010.0,'
            '"volume":1.00000000,"vwap":60010.0,"low":60010.0,"high":60010.0,"change":0.0,"change_pct":0.00,'
            '"trades":1,"timestamp":"2026-01-02T01:00:00.000000Z"',
        )
    ]
    advance(sandbox, "1.5s")
    client.take()
    pit.pair.trade("sell", "2")
    client.take()
    assert client.raw == [
        ticker_bytes(
            "update",
            '"bid":60000.0,"bid_qty":3.00000000,"ask":60010.0,"ask_qty":4.00000000,"last":60000.0,'
            '"volume":3.00000000,"vwap":60003.3,"low":60000.0,"high":60010.0,"change":-10.0,"change_pct":-0.02,'
            '"trades":2,"timestamp":"2026-01-02T01:00:01.500000Z"',
        )
    ]


@pytest.mark.parametrize(
    ("first", "second", "vwap", "change", "percent"),
    [
        ("60010.0", "60010.1", "60010.1", "0.1", "0.00"),
        ("60010.1", "60010.0", "60010.1", "-0.1", "0.00"),
        ("400.0", "400.1", "400.1", "0.1", "0.03"),
        ("400.1", "400.0", "400.1", "-0.1", "-0.02"),
        ("400.0", "399.9", "400.0", "-0.1", "-0.03"),
        ("100.0", "900.0", "500.0", "800.0", "800.00"),
    ],
)
def test_the_ticker_rounds_half_up(
    sandbox: Sandbox, wire: Connect, pit: Pit, first: str, second: str, vwap: str, change: str, percent: str
) -> None:
    advance(sandbox, "25h")
    client = wire()
    client.subscribe("ticker", symbol=BTC)
    for price in (first, second):
        pit.book("50.0:1", f"{price}:1")
        pit.pair.trade("buy", "1")
    row = rows(client.take(), "ticker")[-1]
    assert (row["vwap"], row["change"], row["change_pct"]) == (vwap, change, percent)


def agrees_with_rest(kraken: Client, row: dict[str, Any], symbol: str) -> None:
    (rest,) = kraken.get("Ticker", pair=symbol).result.values()

    def same(shown: str, exact: str) -> None:
        places = Decimal(1).scaleb(Decimal(shown).as_tuple().exponent)  # type: ignore[arg-type]  # no NaN comes here
        assert Decimal(shown) == Decimal(exact).quantize(places, ROUND_HALF_UP), (shown, exact)

    for name, exact in (
        ("bid", rest["b"][0]),
        ("ask", rest["a"][0]),
        ("last", rest["c"][0]),
        ("volume", rest["v"][1]),
        ("vwap", rest["p"][1]),
        ("low", rest["l"][1]),
        ("high", rest["h"][1]),
    ):
        same(row[name], exact)
    assert row["trades"] == rest["t"][1]


@pytest.mark.parametrize(("symbol", "places", "lots"), [("BTC/USD", 1, 8), ("DOGE/USD", 7, 8), ("0G/EUR", 3, 5)])
def test_the_ticker_agrees_with_rest(
    sandbox: Sandbox, wire: Connect, kraken: Client, symbol: str, places: int, lots: int
) -> None:
    client = wire()
    _, frame = client.subscribe("ticker", symbol=[symbol])
    (row,) = frame["data"]
    assert list(row) == TICKER
    for name in ("bid", "ask", "last", "vwap", "low", "high", "change"):
        assert len(row[name].partition(".")[2]) == places
    for name in ("bid_qty", "ask_qty", "volume"):
        assert len(row[name].partition(".")[2]) == lots
    agrees_with_rest(kraken, row, symbol)
    for span, side in (("1s", "buy"), ("0.3s", "sell"), ("13m", "buy"), ("7h", "buy"), ("30h", "sell")):
        advance(sandbox, span)
        PairsControl(Control(sandbox).perform)[symbol].trade(side, "60")
        *_, row = rows(client.take(), "ticker")
        agrees_with_rest(kraken, row, symbol)


def test_what_makes_a_ticker_speak(wire: Connect, kraken: Client) -> None:
    trades, bbo = wire(), wire()
    _, frame = trades.subscribe("ticker", symbol=BTC)
    bbo.subscribe("ticker", symbol=BTC, event_trigger="bbo")
    bid = Decimal(frame["data"][0]["bid"])

    def spoken() -> tuple[int, int]:
        return len(trades.take()), len(bbo.take())

    # The makers fill up what was taken before the command ends, so the best prices stay.
    kraken.buy("0.1")
    assert spoken() == (1, 0)
    kraken.buy("0.1", str(bid - 100))
    assert spoken() == (0, 0)
    better = kraken.buy("0.1", str(bid))
    assert spoken() == (0, 1)
    kraken.call("AmendOrder", txid=better, order_qty="0.2")
    assert spoken() == (0, 1)
    kraken.call("CancelOrder", txid=better)
    assert spoken() == (0, 1)
    kraken.sell("5")
    assert spoken() == (1, 0)


def test_a_ticker_of_an_empty_book(sandbox: Sandbox, wire: Connect, pit: Pit) -> None:
    client = wire()
    client.subscribe("ticker", symbol=BTC, event_trigger="bbo")
    pit.book("", "")
    (row,) = rows(client.take(), "ticker")
    assert (row["bid"], row["bid_qty"], row["ask"], row["ask_qty"]) == ("0.0", "0.00000000", "0.0", "0.00000000")
    assert row["last"] == "60005.0"


def test_each_ticker_has_one_topic_for_all_that_hear_it(sandbox: Sandbox, wire: Connect, kraken: Client) -> None:
    one, two, other = wire(), wire(), wire()
    one.subscribe("ticker", symbol=BTC)
    two.subscribe("ticker", symbol=BTC, snapshot=False)
    other.subscribe("ticker", symbol=BTC, event_trigger="bbo")
    assert sandbox.ws._venue.feeds.topics == 2
    kraken.buy("0.1")
    assert one.take() == two.take()
    assert one.raw == two.raw != []
    assert other.take() == []


# trade


def test_a_trade_to_the_byte(wire: Connect, pit: Pit, kraken: Client) -> None:
    client = wire()
    assert len(client.subscribe("trade", symbol=BTC)) == 1
    kraken.buy("0.0004478")
    client.take()
    assert client.raw == [
        b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":60010.0,'
        b'"qty":0.00044780,"ord_type":"market","trade_id":1000002,"timestamp":"2026-01-01T00:00:00.000000Z"}]}'
    ]
    kraken.sell("1", "60000.0")
    client.take()
    assert client.raw == [
        b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":60000.0,'
        b'"qty":1.00000000,"ord_type":"limit","trade_id":1000003,"timestamp":"2026-01-01T00:00:00.000000Z"}]}'
    ]


def test_a_sweep_is_one_message_of_one_time(sandbox: Sandbox, wire: Connect, pit: Pit, kraken: Client) -> None:
    pit.book("60000.0:1", "60010.0:1 60010.5:1 60020.0:1")
    advance(sandbox, 0.000001998)  # the tape keeps the fills a nanosecond apart, so a microsecond ends in between
    client = wire()
    client.subscribe("trade", symbol=BTC)
    kraken.buy("2.5")
    (frame,) = client.take()
    assert frame["type"] == "update"
    assert all(list(row) == TRADE for row in frame["data"])
    assert [(row["price"], row["qty"]) for row in frame["data"]] == [
        ("60010.0", "1.00000000"),
        ("60010.5", "1.00000000"),
        ("60020.0", "0.50000000"),
    ]
    first = frame["data"][0]["trade_id"]
    assert [row["trade_id"] for row in frame["data"]] == [first, first + 1, first + 2]
    assert {row["timestamp"] for row in frame["data"]} == {"2026-01-01T00:00:00.000001Z"}


@pytest.mark.parametrize("traded", [0, 3, 60])
def test_the_last_trades(wire: Connect, kraken: Client, traded: int) -> None:
    for count in range(traded):
        (kraken.buy if count % 3 else kraken.sell)(f"0.{count + 1:03}")
    client = wire()
    _, frame = client.subscribe("trade", symbol=BTC, snapshot=True)
    assert frame["type"] == "snapshot"
    rest = kraken.get("Trades", pair="XBTUSD").result["XXBTZUSD"][-50:]
    words = {"b": "buy", "s": "sell", "m": "market", "l": "limit"}
    assert [
        (Decimal(row["price"]), row["qty"], row["side"], row["ord_type"], row["trade_id"]) for row in frame["data"]
    ] == [(Decimal(row[0]), row[1], words[row[3]], words[row[4]], row[6]) for row in rest]


def test_a_market_without_trades_has_an_empty_snapshot(wire: Connect) -> None:
    client = wire()
    client.subscribe("trade", symbol=["AGLD/EUR"], snapshot=True)
    assert client.raw[1] == b'{"channel":"trade","type":"snapshot","data":[]}'
    client.subscribe("ohlc", symbol=["AGLD/EUR"])
    assert client.raw[1] == (
        b'{"channel":"ohlc","type":"snapshot","timestamp":"2026-01-01T00:00:00.000000000Z","data":[]}'
    )


# ohlc


@pytest.mark.parametrize("interval", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
def test_candles_agree_with_rest(sandbox: Sandbox, wire: Connect, kraken: Client, interval: int) -> None:
    kraken.buy("0.5")
    advance(sandbox, "90s")
    client = wire()
    _, frame = client.subscribe("ohlc", symbol=BTC, interval=interval)
    assert (frame["type"], frame["timestamp"]) == ("snapshot", "2026-01-01T00:01:30.000000000Z")
    rest = kraken.get("OHLC", pair="XBTUSD", interval=interval).result["XXBTZUSD"]
    traded = [row for row in rest[-720:] if row[7]]
    assert len(frame["data"]) == len(traded) > 1
    for row, (time, *prices, volume, count) in zip(frame["data"], traded, strict=True):
        assert list(row) == OHLC
        assert [row[name] for name in ("open", "high", "low", "close", "vwap")] == prices
        assert (row["symbol"], row["volume"], row["trades"], row["interval"]) == ("BTC/USD", volume, count, interval)
        begin, end = (rfc3339(moment * SECOND) for moment in (time, time + interval * 60))
        assert row["interval_begin"] == begin.replace("Z", ".000000000Z")
        assert row["timestamp"] == end.replace("Z", ".000000Z")


def test_a_candle_to_the_byte(sandbox: Sandbox, wire: Connect, pit: Pit) -> None:
    advance(sandbox, "1h")
    client = wire()
    client.subscribe("ohlc", symbol=BTC, interval=5, snapshot=False)
    pit.pair.trade("buy", "1")
    advance(sandbox, 2.123456789)
    client.take()
    pit.pair.trade("sell", "3")
    client.take()
    assert client.raw == [
        b'{"channel":"ohlc","type":"update","timestamp":"2026-01-01T01:00:02.123456789Z","data":['
        b'{"symbol":"BTC/USD","open":60010.0,"high":60010.0,"low":60000.0,"close":60000.0,"trades":2,'
        b'"volume":4.00000000,"vwap":60002.5,"interval_begin":"2026-01-01T01:00:00.000000000Z","interval":5,'
        b'"timestamp":"2026-01-01T01:05:00.000000Z"}]}'
    ]


def test_no_message_ends_a_candle(sandbox: Sandbox, wire: Connect, pit: Pit) -> None:
    client = wire()
    client.subscribe("ohlc", symbol=BTC)
    pit.pair.trade("buy", "1")
    (row,) = rows(client.take(), "ohlc")
    assert (row["interval_begin"], row["trades"]) == ("2026-01-01T00:00:00.000000000Z", 2)
    advance(sandbox, "5m")
    assert rows(client.take(), "ohlc") == []
    pit.pair.trade("sell", "2")
    (row,) = rows(client.take(), "ohlc")
    assert (row["interval_begin"], row["open"], row["trades"]) == ("2026-01-01T00:05:00.000000000Z", "60000.0", 1)
    _, frame = wire().subscribe("ohlc", symbol=BTC)
    assert [row["interval_begin"] for row in frame["data"][-2:]] == [
        "2026-01-01T00:00:00.000000000Z",
        "2026-01-01T00:05:00.000000000Z",
    ]
    pit.book("59000.0:1", "61000.0:1")
    assert client.take() == []


def test_the_turn_of_channels(wire: Connect, pit: Pit) -> None:
    client = wire()
    client.subscribe("ohlc", symbol=BTC)
    client.subscribe("ticker", symbol=BTC)
    client.subscribe("level3", symbol=BTC, token=client.token())
    client.subscribe("book", symbol=BTC)
    client.subscribe("trade", symbol=BTC)
    pit.pair.trade("buy", "1")
    assert [frame["channel"] for frame in client.take()] == ["trade", "book", "level3", "ticker", "ohlc"]


def test_a_share_is_traded(wire: Connect, pit: Pit) -> None:
    client = wire()
    client.subscribe("trade", symbol=["aaplx/usd"])
    pit.pairs["AAPLxUSD"].trade("buy", "1")
    (row,) = rows(client.take(), "trade")
    assert (row["symbol"], row["qty"]) == ("AAPLx/USD", "1.00000000")
