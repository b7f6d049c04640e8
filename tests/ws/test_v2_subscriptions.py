"""WebSocket v2: subscriptions are made, acknowledged and taken back, to the byte (kraken/50 §4.3, §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Pit

    Connect = Callable[..., Wire]

BTC = ["BTC/USD"]
NOW = "2026-01-01T00:00:00.000000Z"
TIMES = f'"time_in":"{NOW}","time_out":"{NOW}"}}'.encode()


def one(wire: Wire, message: dict[str, Any]) -> bytes:
    """The one reply to a message, as it was sent."""
    wire.say(message)
    (raw,) = wire.raw
    return raw


def subscribe(**params: Any) -> dict[str, Any]:
    return {"method": "subscribe", "params": params}


def test_one_reply_to_each_symbol_and_then_the_snapshots(wire: Connect) -> None:
    client = wire()
    symbols = ["btc/usd", "FOO/USD", "XBT/USD", "Eth/Usd", "foobar", "*", "BTC/USD"]
    replies = client.say(subscribe(channel="ticker", symbol=symbols) | {"req_id": 9})
    assert [frame.get("symbol") or frame["result"]["symbol"] for frame in replies[:7]] == [
        "BTC/USD", "FOO/USD", "XBT/USD", "ETH/USD", "foobar", "*", "BTC/USD"
    ]  # fmt: skip
    assert client.raw[:7] == [
        text.encode() + TIMES
        for text in (
            '{"method":"subscribe","req_id":9,"result":{"channel":"ticker","event_trigger":"trades","snapshot":true,'
            '"symbol":"BTC/USD"},"success":true,',
            '{"error":"Currency pair not supported FOO/USD","method":"subscribe","req_id":9,"success":false,'
            '"symbol":"FOO/USD",',
            '{"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":9,"success":false,'
            '"symbol":"XBT/USD",',
            '{"method":"subscribe","req_id":9,"result":{"channel":"ticker","event_trigger":"trades","snapshot":true,'
            '"symbol":"ETH/USD"},"success":true,',
            '{"error":"Currency pair not in ISO 4217-A3 format foobar","method":"subscribe","req_id":9,"success":false,'
            '"symbol":"foobar",',
            '{"error":"Currency pair not in ISO 4217-A3 format *","method":"subscribe","req_id":9,"success":false,'
            '"symbol":"*",',
            '{"error":"Already subscribed","method":"subscribe","req_id":9,"success":false,"symbol":"BTC/USD",',
        )
    ]
    assert [(frame["channel"], frame["data"][0]["symbol"]) for frame in replies[7:]] == [
        ("ticker", "BTC/USD"),
        ("ticker", "ETH/USD"),
    ]


@pytest.mark.parametrize(
    "symbol", ["XBTUSD", "BTCUSD", "XXBTZUSD", "XDG/USD", "ETH/XBT", "BTC/ USD", "", "/", "ＢＴＣ/USD"]
)
def test_no_other_names_of_pairs(wire: Connect, symbol: str) -> None:
    (reply,) = wire().subscribe("trade", symbol=[symbol])
    assert reply["error"] in (
        f"Currency pair not supported {symbol}",
        f"Currency pair not in ISO 4217-A3 format {symbol}",
    )
    assert reply["symbol"] == symbol


@pytest.mark.parametrize("symbol", ["DOGE/USD", "doge/usd", "ETH/BTC"])
def test_modern_names_of_pairs(wire: Connect, symbol: str) -> None:
    (reply,) = wire().subscribe("trade", symbol=[symbol])
    assert reply["result"]["symbol"] == symbol.upper()


def test_shares_by_their_own_names(wire: Connect) -> None:
    client = wire()
    ack, snapshot = client.subscribe("ticker", symbol=["AAPLX/usd"])
    assert (ack["result"]["symbol"], snapshot["data"][0]["symbol"]) == ("AAPLx/USD", "AAPLx/USD")
    assert list(client.connection.subscriptions) == [("ticker", "tokenized_asset", "AAPLxUSD")]


ACKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"channel": "ticker", "symbol": BTC}, {"event_trigger": "trades", "snapshot": True, "symbol": "BTC/USD"}),
    (
        {"channel": "ticker", "symbol": BTC, "event_trigger": "bbo", "snapshot": False},
        {"event_trigger": "bbo", "snapshot": False, "symbol": "BTC/USD"},
    ),
    ({"channel": "book", "symbol": BTC}, {"depth": 10, "snapshot": True, "symbol": "BTC/USD"}),
    ({"channel": "book", "symbol": BTC, "depth": 500}, {"depth": 500, "snapshot": True, "symbol": "BTC/USD"}),
    ({"channel": "level3", "symbol": BTC, "depth": 100}, {"depth": 100, "snapshot": True, "symbol": "BTC/USD"}),
    (
        {"channel": "ohlc", "symbol": BTC, "interval": 60},
        {
            "interval": 60,
            "snapshot": True,
            "symbol": "BTC/USD",
            "warnings": ["timestamp is deprecated, use interval_begin"],
        },
    ),
    ({"channel": "trade", "symbol": BTC}, {"snapshot": False, "symbol": "BTC/USD"}),
    ({"channel": "trade", "symbol": BTC, "snapshot": True}, {"snapshot": True, "symbol": "BTC/USD"}),
    ({"channel": "instrument"}, {"snapshot": True, "warnings": ["tick_size is deprecated, use price_increment"]}),
    (
        {"channel": "instrument", "include_tokenized_assets": True, "snapshot": False},
        {
            "include_tokenized_assets": True,
            "snapshot": False,
            "warnings": ["tick_size is deprecated, use price_increment"],
        },
    ),
]


@pytest.mark.parametrize(("params", "result"), ACKS)
def test_an_acknowledgement_can_be_sent_again(wire: Connect, params: dict[str, Any], result: dict[str, Any]) -> None:
    """As a client does that has lost its connection (kraken/70 §3.3)."""
    token = {"token": wire().token()} if params["channel"] == "level3" else {}
    ack, *snapshots = wire().say({"method": "subscribe", "params": params | token, "req_id": 4})
    assert ack["result"] == {"channel": params["channel"]} | result
    assert list(ack) == ["method", "req_id", "result", "success", "time_in", "time_out"]
    assert list(ack["result"]) == sorted(ack["result"])
    assert len(snapshots) == result["snapshot"]
    again = {name: value for name, value in ack["result"].items() if name != "warnings"}
    if "symbol" in again:
        again["symbol"] = [again["symbol"]]
    second, *_ = wire().say({"method": "subscribe", "params": again | token, "req_id": 4})
    assert second == ack


@pytest.mark.parametrize(
    ("channel", "first", "second"),
    [
        ("ticker", {"event_trigger": "trades"}, {"event_trigger": "bbo"}),
        ("trade", {}, {"snapshot": True}),
        ("book", {"depth": 10}, {}),
        ("level3", {"depth": 10}, {"depth": 100}),
        ("ohlc", {"interval": 1}, {}),
        ("instrument", {}, {"include_tokenized_assets": True}),
    ],
)
def test_subscribed_already(wire: Connect, channel: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    client = wire()
    common: dict[str, Any] = {} if channel == "instrument" else {"symbol": BTC}
    if channel == "level3":
        common["token"] = client.token()
    client.subscribe(channel, **common, **first)
    symbol = b"" if channel == "instrument" else b'"symbol":"BTC/USD",'
    assert one(client, subscribe(channel=channel, **common, **second)) == (
        b'{"error":"Already subscribed","method":"subscribe","success":false,' + symbol + TIMES
    )
    assert wire().subscribe(channel, **common, **second)[0]["success"] is True


@pytest.mark.parametrize(
    ("channel", "first", "second"), [("book", {"depth": 25}, {}), ("ohlc", {"interval": 5}, {"interval": 15})]
)
def test_another_depth_or_interval_is_another_subscription(
    wire: Connect, channel: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    client = wire()
    assert client.subscribe(channel, symbol=BTC, **first)[0]["success"] is True
    assert client.subscribe(channel, symbol=BTC, **second)[0]["success"] is True
    assert client.subscribe(channel, symbol=BTC, **first)[0]["error"] == "Already subscribed"


@pytest.mark.parametrize(
    ("channel", "params", "back", "result"),
    [
        ("ticker", {}, {}, '"channel":"ticker","event_trigger":"trades","symbol":"BTC/USD"'),
        ("ticker", {}, {"event_trigger": "trades"}, '"channel":"ticker","event_trigger":"trades","symbol":"BTC/USD"'),
        ("book", {}, {}, '"channel":"book","depth":10,"symbol":"BTC/USD"'),
        ("book", {"depth": 25}, {"depth": 25, "snapshot": True}, '"channel":"book","depth":25,"symbol":"BTC/USD"'),
        ("level3", {"depth": 100}, {"depth": 100}, '"channel":"level3","depth":100,"symbol":"BTC/USD"'),
        ("level3", {"depth": 100}, {}, '"channel":"level3","depth":100,"symbol":"BTC/USD"'),
        ("ohlc", {"interval": 5}, {"interval": 5}, '"channel":"ohlc","interval":5,"symbol":"BTC/USD"'),
        ("trade", {}, {}, '"channel":"trade","symbol":"BTC/USD"'),
        ("instrument", {}, {}, '"channel":"instrument"'),
        ("balances", {}, {}, '"channel":"balances"'),
        ("executions", {}, {}, '"channel":"executions"'),
    ],
)
def test_a_subscription_is_taken_back(
    wire: Connect, pit: Pit, channel: str, params: dict[str, Any], back: dict[str, Any], result: str
) -> None:
    client = wire()
    common: dict[str, Any] = {} if channel in ("instrument", "balances", "executions") else {"symbol": BTC}
    if channel in ("level3", "balances", "executions"):
        common["token"] = client.token()
    client.subscribe(channel, **common, **params)
    message = {"method": "unsubscribe", "params": {"channel": channel, **common, **back}, "req_id": 7}
    assert one(client, message) == (
        b'{"method":"unsubscribe","req_id":7,"result":{%b},"success":true,' % result.encode() + TIMES
    )
    pit.pair.trade("buy", "6")
    pit.pairs["XBTUSD"].patch(ordermin="0.1")
    assert client.take() == []
    symbol = b'"symbol":"BTC/USD",' if "symbol" in common else b""
    assert one(client, message) == (
        b'{"error":"Subscription Not Found","method":"subscribe","req_id":7,"success":false,' + symbol + TIMES
    )


@pytest.mark.parametrize(
    ("channel", "params", "back", "error"),
    [
        ("book", {"depth": 25}, {}, "Subscription Not Found"),
        ("book", {}, {"depth": 7}, "Subscription depth not supported"),
        ("ohlc", {"interval": 5}, {}, "Subscription Not Found"),
        ("level3", {"depth": 10}, {"depth": 100}, "Subscription Not Found"),
        ("ticker", {}, {"symbol": ["ETH/USD"]}, "Subscription Not Found"),
        ("ticker", {}, {"symbol": ["FOO/USD"]}, "Currency pair not supported FOO/USD"),
        ("ticker", {}, {"depth": 10}, "Unsupported field: 'depth' for the given msg type: unsubscribe"),
    ],
)
def test_another_subscription_is_not_taken_back(
    wire: Connect, channel: str, params: dict[str, Any], back: dict[str, Any], error: str
) -> None:
    client = wire()
    common: dict[str, Any] = {"symbol": BTC} | ({"token": client.token()} if channel == "level3" else {})
    client.subscribe(channel, **common, **params)
    message = {"method": "unsubscribe", "params": {"channel": channel} | common | back}
    (reply,) = client.say(message)
    assert reply["error"] == error
    assert reply["method"] == ("subscribe" if error == "Subscription Not Found" else "unsubscribe")
    assert len(client.connection.subscriptions) == 1
