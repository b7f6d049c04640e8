"""WebSocket v2: how requests are read, refused and acknowledged, to the byte (kraken/50 §1, §2, §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

NOW = "2026-01-01T00:00:00.000000Z"
TIMES = f'"time_in":"{NOW}","time_out":"{NOW}"}}'.encode()
PRIVATE_ELSEWHERE = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
PUBLIC_ELSEWHERE = "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"


def one(wire: Wire, message: Any) -> bytes:
    """The one reply to a message, as it was sent."""
    (wire.say_raw if isinstance(message, str | bytes) else wire.say)(message)
    (raw,) = wire.raw
    return raw


def refusal(wire: Wire, message: Any) -> str:
    """The error of the one reply to a message."""
    reply = json.loads(one(wire, message))
    assert reply["success"] is False
    assert "result" not in reply
    error = reply["error"]
    assert isinstance(error, str)
    return error


def subscribe(**params: Any) -> dict[str, Any]:
    return {"method": "subscribe", "params": params}


def advance(sandbox: Sandbox, span: str) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


# The greeting


@pytest.mark.parametrize("path", ["/v2", "/ws/v2", "/ws-auth/v2", "/ws-l3/v2"])
def test_the_greeting(wire: Connect, path: str) -> None:
    client = wire(path)
    (greeting,) = client.greeting
    number = greeting["data"][0]["connection_id"]
    assert 0 < number < 2**53
    assert client.raw == [
        b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
        b'"connection_id":%d,"upcoming_maintenance":[],"emergency":[]}]}' % number
    ]


@pytest.mark.parametrize("status", ["maintenance", "cancel_only", "post_only", "limit_only"])
def test_the_status_is_sent_again_when_it_changes(wire: Connect, pit: Pit, status: str) -> None:
    client = wire()
    pit.status.set(status)
    expected = {"limit_only": "online"}.get(status, status)
    (frame,) = client.take()
    assert frame["data"] == [client.greeting[0]["data"][0] | {"system": expected}]
    assert wire().greeting[0]["data"][0]["system"] == expected
    pit.status.set("online")
    (frame,) = client.take()
    assert frame == client.greeting[0]


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_the_status_can_not_be_subscribed_to(wire: Connect, method: str) -> None:
    expected = b'{"error":"Symbol(s) not found","method":"%b","req_id":4,"success":false,' % method.encode() + TIMES
    assert one(wire(), {"method": method, "params": {"channel": "status"}, "req_id": 4}) == expected


# Pings


@pytest.mark.parametrize("path", ["/v2", "/ws/v2", "/ws-auth/v2", "/ws-l3/v2"])
def test_a_ping(wire: Connect, path: str) -> None:
    client = wire(path)
    assert one(client, {"method": "ping", "req_id": 101}) == b'{"method":"pong","req_id":101,' + TIMES
    assert one(client, {"method": "ping"}) == b'{"method":"pong",' + TIMES


@pytest.mark.parametrize("params", [None, {}, {"a": 1}])
def test_a_ping_takes_no_params(wire: Connect, params: Any) -> None:
    assert one(wire(), {"method": "ping", "params": params, "req_id": 0}) == (
        b'{"error":"Unsupported field: \'params\' for the given msg type: ping",'
        b'"method":"ping","req_id":0,"success":false,' + TIMES
    )


# What can't be read, or isn't known


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "hello",
        "[]",
        '[{"method":"ping"}]',
        "null",
        "3",
        '"ping"',
        '{"method":"ping"',
        '{"method":"ping"}}',
        "{'method':'ping'}",
        '{"method":"ping","req_id":NaN}',
        '{"method":"ping","req_id":Infinity}',
        '{"method":"ping","req_id":01}',
        '{"method":"ping","req_id":1' + "0" * 5000 + "}",
        '\ufeff{"method":"ping"}',
        '{"method":"\ud800"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        b'{"method":"ping"}',
        b"",
        b"\xff\xfe",
    ],
    ids=range(23),
)
def test_what_is_no_json_object_is_malformed(wire: Connect, message: str | bytes) -> None:
    client = wire()
    assert one(client, message) == b'{"error":"Malformed request","method":"error","success":false,' + TIMES
    assert one(client, '  {"method" : "ping"}\n') == b'{"method":"pong",' + TIMES


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({}, '{"error":"Method(s) not found","method":"error","success":false,'),
        ({"req_id": 5}, '{"error":"Method(s) not found","method":"error","req_id":5,"success":false,'),
        ({"event": "ping"}, '{"error":"Method(s) not found","method":"error","success":false,'),
        ({"method": None}, '{"error":"Method field must be a string","method":"error","success":false,'),
        ({"method": 7}, '{"error":"Method field must be a string","method":"error","success":false,'),
        (
            {"method": "addOrder", "req_id": 5},
            '{"error":"Unsupported event","method":"addOrder","req_id":5,"success":false,',
        ),
        ({"method": "PING"}, '{"error":"Unsupported event","method":"PING","success":false,'),
        ({"method": "é\u0000"}, '{"error":"Unsupported event","method":"é\\u0000","success":false,'),
        ({"method": "x" * 500}, '{"error":"Unsupported event","method":"' + "x" * 100 + '","success":false,'),
    ],
)
def test_methods(wire: Connect, message: Any, reply: str) -> None:
    assert one(wire(), message) == reply.encode() + TIMES


@pytest.mark.parametrize("req_id", [0, 1, 1234567890, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_req_id_is_repeated(wire: Connect, req_id: int) -> None:
    assert one(wire(), {"method": "ping", "req_id": req_id}) == b'{"method":"pong","req_id":%d,' % req_id + TIMES


@pytest.mark.parametrize("req_id", ["-1", "9223372036854775808", "1" * 40, "1.0", "1e3", '"1"', "true", "null", "[1]"])
@pytest.mark.parametrize(
    "rest",
    [
        '"method":"ping"',
        '"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}',
        '"method":"cancel_all","params":{"token":"T"}',
    ],
)
def test_a_req_id_is_a_whole_number(wire: Connect, req_id: str, rest: str) -> None:
    client = wire()
    (reply,) = client.say_raw(f'{{{rest},"req_id":{req_id}}}')
    assert reply["error"] == "Req_id field must be a number_integer"
    assert "req_id" not in reply
    assert client.connection.shown()["subscriptions"] == []


# The order of the checks

BTC = ["BTC/USD"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        (None, "Params field must be a object"),
        ([], "Params field must be a object"),
        ({}, "Channel(s) not found"),
        ({"symbol": BTC, "foo": 1}, "Channel(s) not found"),
        ({"channel": ["ticker"], "foo": 1}, "Channel field must be a string"),
        ({"channel": "tickers", "foo": 1}, "Subscription name invalid"),
        ({"channel": "heartbeat"}, "Subscription name invalid"),
        ({"channel": "status", "symbol": BTC}, "Subscription name invalid"),
        ({"channel": "ticker", "depth": 10}, "Unsupported field: 'depth' for the given msg type: subscribe"),
        (
            {"channel": "trade", "token": "T", "symbol": 1},
            "Unsupported field: 'token' for the given msg type: subscribe",
        ),
        ({"channel": "book", "rebased": True}, "Unsupported field: 'rebased' for the given msg type: subscribe"),
        (
            {"channel": "executions", "maxratecount": 1},
            "Unsupported field: 'maxratecount' for the given msg type: subscribe",
        ),
        ({"channel": "balances", "symbol": BTC}, "Unsupported field: 'symbol' for the given msg type: subscribe"),
        ({"channel": "ticker", "snapshot": 1}, "Symbol(s) not found"),
        ({"channel": "ticker", "symbol": []}, "Symbol(s) not found"),
        ({"channel": "ticker", "symbol": "BTC/USD"}, "Symbol field must be a array"),
        ({"channel": "ticker", "symbol": None}, "Symbol field must be a array"),
        ({"channel": "ticker", "symbol": [1]}, "Symbol field must be a string"),
        ({"channel": "ticker", "symbol": BTC, "snapshot": "yes"}, "Snapshot field must be a boolean"),
        ({"channel": "ticker", "symbol": ["FOO/USD"], "event_trigger": 1}, "Event_trigger field must be a string"),
        ({"channel": "book", "symbol": BTC, "depth": "10"}, "Depth field must be a number_integer"),
        ({"channel": "book", "symbol": BTC, "depth": 10.0}, "Depth field must be a number_integer"),
        ({"channel": "book", "symbol": BTC, "depth": True}, "Depth field must be a number_integer"),
        ({"channel": "book", "symbol": BTC, "depth": 10**30}, "Depth field must be a number_integer"),
        ({"channel": "book", "symbol": ["FOO/USD"], "depth": 7}, "Currency pair not supported FOO/USD"),
        ({"channel": "book", "symbol": BTC, "depth": 7}, "Subscription depth not supported"),
        ({"channel": "level3", "symbol": BTC, "depth": 7}, "Token(s) not found"),
        (
            {"channel": "level3", "symbol": ["FOO/USD"], "depth": "7", "token": "T"},
            "Depth field must be a number_integer",
        ),
        ({"channel": "level3", "symbol": ["FOO/USD"], "token": "T"}, "ESession:Invalid session"),
        ({"channel": "executions"}, "Token(s) not found"),
        ({"channel": "executions", "token": None}, "Token field must be a string"),
        ({"channel": "executions", "token": ""}, "ESession:Invalid session"),
        ({"channel": "ohlc", "symbol": BTC, "interval": 2}, "Subscription ohlc interval not supported"),
        ({"channel": "ticker", "symbol": BTC, "event_trigger": "all"}, "Subscription event_trigger not supported"),
    ],
)
def test_the_order_of_checks(wire: Connect, params: Any, error: str) -> None:
    client = wire()
    assert refusal(client, {"method": "subscribe", "params": params}) == error
    assert client.connection.shown()["subscriptions"] == []


def test_unknown_members_beside_the_params(wire: Connect) -> None:
    client = wire()
    message = subscribe(channel="trade", symbol=BTC) | {"reqid": 4}
    assert refusal(client, message) == "Unsupported field: 'reqid' for the given msg type: subscribe"
    message = {"method": "add_order", "params": {}, "order": 1}
    assert refusal(client, message) == "Unsupported field: 'order' for the given msg type: add order"
    assert refusal(client, {"method": "ping", "id": 1}) == "Unsupported field: 'id' for the given msg type: ping"


def test_rebased_may_stand_beside_the_params(wire: Connect) -> None:
    client = wire()
    message = subscribe(channel="balances", token=client.token(), snapshot=False) | {"rebased": True}
    (ack,) = client.say(message)
    assert ack["success"] is True
    assert refusal(client, subscribe(channel="book", symbol=BTC) | {"rebased": True}) == (
        "Unsupported field: 'rebased' for the given msg type: subscribe"
    )


def test_a_refusal_by_fields_names_the_first_symbol(wire: Connect) -> None:
    client = wire()
    message = subscribe(channel="ticker", symbol=["btc/usd", "ETH/USD"], depth=10) | {"req_id": 4}
    assert one(client, message) == (
        b'{"error":"Unsupported field: \'depth\' for the given msg type: subscribe",'
        b'"method":"subscribe","req_id":4,"success":false,"symbol":"btc/usd",' + TIMES
    )
    assert b"symbol" not in one(client, subscribe(channel="ticker", depth=10))


def test_long_names_are_not_repeated_whole(wire: Connect) -> None:
    client = wire()
    (reply,) = client.subscribe("ticker", symbol=["F" * 5000 + "/USD"])
    assert (len(reply["symbol"]), len(reply["error"])) == (100, 100 + len("Currency pair not supported "))
    assert len(one(client, {"method": "ping", "x" * 5000: 1})) < 400


# Doors


@pytest.mark.parametrize(
    ("path", "channel", "error"),
    [
        ("/ws/v2", "executions", PRIVATE_ELSEWHERE),
        ("/ws/v2", "balances", PRIVATE_ELSEWHERE),
        ("/ws/v2", "level3", PRIVATE_ELSEWHERE),
        ("/ws-auth/v2", "book", PUBLIC_ELSEWHERE),
        ("/ws-auth/v2", "instrument", PUBLIC_ELSEWHERE),
        ("/ws-l3/v2", "ticker", PUBLIC_ELSEWHERE),
        ("/ws-l3/v2", "balances", PRIVATE_ELSEWHERE),
    ],
)
@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_channels_of_another_door(wire: Connect, path: str, channel: str, error: str, method: str) -> None:
    # What else is wrong with it does not matter, and the symbols are not named [obs].
    params = {"channel": channel, "symbol": BTC, "foo": 1}
    expected = f'{{"error":"{error}","method":"{method}","req_id":4,"success":false,'.encode()
    assert one(wire(path), {"method": method, "params": params, "req_id": 4}) == expected + TIMES


@pytest.mark.parametrize("path", ["/ws/v2", "/ws-l3/v2"])
@pytest.mark.parametrize("method", ["add_order", "cancel_all", "batch_add"])
def test_no_trading_behind_public_doors(wire: Connect, path: str, method: str) -> None:
    expected = f'{{"error":"{PRIVATE_ELSEWHERE}","method":"{method}","success":false,'.encode()
    assert one(wire(path), {"method": method, "params": {"foo": 1}}) == expected + TIMES


@pytest.mark.parametrize("path", ["/v2", "/ws-auth/v2", "/ws-l3/v2"])
def test_level3_where_it_is_served(wire: Connect, path: str) -> None:
    client = wire(path)
    ack, snapshot = client.subscribe("level3", symbol=BTC, token=client.token())
    assert ack["success"] is True
    assert snapshot["channel"] == "level3"


# Tokens


@pytest.mark.parametrize("channel", ["executions", "balances", "level3"])
@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_a_session_that_is_none(wire: Connect, channel: str, method: str) -> None:
    params: dict[str, Any] = {"channel": channel, "token": "nobody's"} | (
        {"symbol": BTC} if channel == "level3" else {}
    )
    expected = (
        f'{{"channel":"{channel}","error":"ESession:Invalid session","method":"{method}","req_id":4,'
        f'"status":"error","success":false,'
    )
    assert one(wire(), {"method": method, "params": params, "req_id": 4}) == expected.encode() + TIMES


def test_a_session_that_is_none_for_an_order(wire: Connect) -> None:
    expected = b'{"error":"ESession:Invalid session","method":"cancel_all","success":false,' + TIMES
    assert one(wire(), {"method": "cancel_all", "params": {"token": "T"}}) == expected


def test_a_token_that_nobody_used_runs_out(sandbox: Sandbox, wire: Connect) -> None:
    client = wire()
    token = client.token()
    advance(sandbox, "15m")
    assert refusal(wire(), subscribe(channel="balances", token=token)) == "ESession:Invalid session"


def test_a_token_lives_on_with_its_subscription(sandbox: Sandbox, wire: Connect) -> None:
    client = wire()
    token = client.token()
    client.subscribe("balances", token=token)
    advance(sandbox, "1h")
    client.take()
    assert client.say({"method": "cancel_all", "params": {"token": token}})[0]["success"] is True
    client.leave()
    assert refusal(wire(), subscribe(channel="balances", token=token)) == "ESession:Invalid session"


def test_a_refused_subscription_does_not_keep_the_token(sandbox: Sandbox, wire: Connect) -> None:
    client = wire()
    token = client.token()
    assert refusal(client, subscribe(channel="level3", symbol=["FOO/USD"], token=token)).startswith("Currency pair")
    advance(sandbox, "1h")
    client.take()
    assert refusal(client, subscribe(channel="balances", token=token)) == "ESession:Invalid session"


@pytest.mark.parametrize(
    ("channel", "permission"),
    [("balances", "query-open-trades"), ("executions", "query-funds"), ("executions", "query-open-trades")],
)
def test_a_token_may_what_its_key_may(
    wire: Connect, login: Callable[..., Client], kraken: Client, channel: str, permission: str
) -> None:
    login("few", permissions=[permission, "create-ws-token"])
    client = wire()
    message = subscribe(channel=channel, token=client.token("few"))
    expected = b'{"error":"EGeneral:Permission denied","method":"subscribe","success":false,' + TIMES
    assert one(client, message) == expected
    record = kraken.journal()
    assert (record["endpoint"], record["check"], record["key"]) == (f"subscribe {channel}", "permission", "few")


def test_level3_needs_any_token(wire: Connect, login: Callable[..., Client]) -> None:
    login("few", permissions=["create-ws-token"])
    client = wire()
    ack, _ = client.subscribe("level3", symbol=BTC, token=client.token("few"))
    assert ack["success"] is True


def test_an_account_that_may_nothing_hears_nothing(wire: Connect, pit: Pit) -> None:
    client = wire()
    token = client.token()
    client.subscribe("balances", token=token)
    pit.accounts["main"].patch(state="disabled")
    client.take()
    message = subscribe(channel="executions", token=token)
    assert refusal(client, message) == "EAuth:Account temporary disabled"
    (ack,) = client.say({"method": "unsubscribe", "params": {"channel": "balances", "token": token}})
    assert ack["success"] is True


# Times


def test_the_times_of_replies(sandbox: Sandbox, wire: Connect) -> None:
    # On a clock that runs: received once, answered one after another.
    client = wire()
    Control(sandbox).perform(Control.move_clock, {"resume": True})
    replies = client.subscribe("trade", symbol=["BTC/USD", "ETH/USD", "X/Y"])
    assert len({reply["time_in"] for reply in replies}) == 1
    out = [reply["time_out"] for reply in replies]
    assert out == sorted(out)
    assert replies[0]["time_in"] <= out[0]
    assert out[0] < out[2]


# Numbers in requests


@pytest.mark.parametrize(
    ("written", "volume"),
    [
        ("1", "1.00000000"),
        ("0.1", "0.10000000"),
        ("1.10", "1.10000000"),
        ("12e-1", "1.20000000"),
        ("0.05E1", "0.50000000"),
        ("5.1e-03", "0.00510000"),
        ("0.000005e+5", "0.50000000"),
        ("100000000000e-11", "1.00000000"),
        ("0.123456789012345e0", "0.12345678"),
    ],
)
def test_numbers_keep_their_digits(wire: Connect, kraken: Client, written: str, volume: str) -> None:
    client = wire()
    (reply,) = client.say_raw(
        '{"method":"add_order","params":{"order_type":"limit","side":"buy","limit_price":5e4,"symbol":"BTC/USD",'
        f'"order_qty":{written},"token":"{client.token()}"}}}}'
    )
    row = kraken.open_orders()[reply["result"]["order_id"]]
    assert (row["vol"], row["descr"]["price"]) == (volume, "50000.0")


@pytest.mark.parametrize(
    "written", ['"1"', "true", "null", "[1]", "{}", "1e999999999", "1e-999999999", "1e41", "1e" + "0" * 5000]
)
def test_what_is_no_number(wire: Connect, kraken: Client, written: str) -> None:
    client = wire()
    message = (
        '{"method":"add_order","params":{"order_type":"limit","side":"buy","limit_price":50000,"symbol":"BTC/USD",'
        f'"order_qty":{written},"token":"{client.token()}"}},"req_id":1}}'
    )
    expected = b'{"error":"Order_qty field must be a number_float","method":"add_order","req_id":1,"success":false,'
    assert one(client, message) == expected + TIMES
    assert kraken.open_orders() == {}


def test_fields_within_fields(wire: Connect) -> None:
    client = wire()
    order: dict[str, Any] = {
        "order_type": "stop-loss",
        "side": "sell",
        "order_qty": 1,
        "symbol": "BTC/USD",
        "token": client.token(),
    }

    def refused(**more: Any) -> str:
        return refusal(client, {"method": "add_order", "params": order | more})

    kind = "for the given msg type: add order"
    assert refused(triggers={"prize": 1}, leverage=2) == f"Unsupported field: 'leverage' {kind}"
    assert refused(triggers={"prize": 1}, order_qty="1") == f"Unsupported field: 'prize' {kind}"
    assert refused(triggers={"reference": 1}) == "Price(s) not found"
    assert refused(triggers={"price": "1"}) == "Price field must be a number_float"
    assert refused(triggers=[{"price": 1}]) == "Triggers field must be a object"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ('"snapshot":"yes"', "snapshot is a string; it takes a boolean"),
        ('"snapshot":null', "snapshot is null; it takes a boolean"),
        ('"snapshot":{}', "snapshot is an object; it takes a boolean"),
        ('"event_trigger":true', "event_trigger is a boolean; it takes a string"),
        ('"event_trigger":[1]', "event_trigger is an array; it takes a string"),
        ('"event_trigger":1.0', "event_trigger is a number_float; it takes a string"),
        ('"event_trigger":1e999999999', "event_trigger is a number with an absurd exponent; it takes a string"),
        (f'"event_trigger":{-(2**63)}', "event_trigger is a number_integer; it takes a string"),
        (f'"event_trigger":{2**64 - 1}', "event_trigger is a number_integer; it takes a string"),
        (f'"event_trigger":{-(2**63) - 1}', "event_trigger is a whole number of too many digits; it takes a string"),
        (f'"event_trigger":{2**64}', "event_trigger is a whole number of too many digits; it takes a string"),
    ],
)
def test_the_journal_says_of_which_type_a_field_was(wire: Connect, kraken: Client, members: str, reason: str) -> None:
    wire().say_raw(f'{{"method":"subscribe","params":{{"channel":"ticker","symbol":["BTC/USD"],{members}}}}}')
    assert kraken.journal()["reason"] == reason


# Too many messages


@pytest.mark.parametrize("settings", [{"rate_limits": "on"}])
def test_too_many_messages(sandbox: Sandbox, wire: Connect, kraken: Client) -> None:
    client = wire()
    for _ in range(50):
        assert client.say({"method": "ping"})[0]["method"] == "pong"
    over = b'{"error":"Exceeded msg rate","method":"%b",%b"success":false,' + TIMES
    assert one(client, {"method": "ping", "req_id": 3}) == over % (b"ping", b'"req_id":3,')
    assert one(client, subscribe(channel="trade", symbol=BTC) | {"req_id": 3}) == over % (b"subscribe", b'"req_id":3,')
    assert (kraken.journal()["endpoint"], kraken.journal()["check"]) == ("subscribe", "rate")
    assert one(client, "}") == over % (b"error", b"")
    assert one(client, {"method": ["ping"]}) == over % (b"error", b"")
    assert client.connection.shown()["subscriptions"] == []
    advance(sandbox, "1s")
    assert client.say({"method": "ping"})[0]["method"] == "pong"


# The journal


@pytest.mark.parametrize(
    ("message", "endpoint", "outcome", "error", "check"),
    [
        ({"method": "ping"}, "ping", "accepted", None, None),
        ("{", "unknown", "refused", "Malformed request", "body"),
        ({"method": "x"}, "unknown", "refused", "Unsupported event", "routing"),
        (subscribe(channel="x"), "subscribe", "refused", "Subscription name invalid", "routing"),
        (subscribe(channel="trade", symbol=BTC), "subscribe trade", "accepted", None, None),
        (
            subscribe(channel="trade", symbol=[*BTC, "X/Y"]),
            "subscribe trade",
            "refused",
            "Currency pair not supported X/Y",
            "arguments",
        ),
        (
            {"method": "add_order", "params": {"token": "T"}},
            "add_order",
            "refused",
            "Symbol(s) not found",
            "arguments",
        ),
        (subscribe(channel="balances", token="T"), "subscribe balances", "refused", "ESession:Invalid session", "key"),
    ],
)
def test_the_journal(
    wire: Connect, kraken: Client, message: Any, endpoint: str, outcome: str, error: str | None, check: str | None
) -> None:
    client = wire()
    (client.say_raw if isinstance(message, str) else client.say)(message)
    record = kraken.journal()
    assert record["transport"] == "ws2"
    assert (record["endpoint"], record["outcome"]) == (endpoint, outcome)
    assert (record.get("error"), record.get("check")) == (error, check)
    assert (record.get("reason") is None) == (error is None)


def test_the_journal_knows_who(wire: Connect, kraken: Client) -> None:
    client = wire()
    token = client.token("readonly")
    client.subscribe("balances", token=token)
    record = kraken.journal()
    assert (record["account"], record["key"]) == ("main", "readonly")
    assert token not in json.dumps(record)


# Anything at all

_flat = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | strategies.sampled_from(["BTC/USD", "limit", "buy", "trades", "bbo", "all", "", "é", "TOKEN"])
    | strategies.text(max_size=5)
)
_nested = strategies.lists(_flat, max_size=3) | strategies.dictionaries(strategies.text(max_size=3), _flat, max_size=3)
_values = _flat | _nested | strategies.lists(_nested, max_size=3)
_names = strategies.sampled_from(
    [
        "channel",
        "symbol",
        "depth",
        "interval",
        "snapshot",
        "event_trigger",
        "include_tokenized_assets",
        "token",
        "order_type",
        "side",
        "order_qty",
        "limit_price",
        "orders",
        "order_id",
        "cl_ord_id",
        "timeout",
        "triggers",
        "users",
        "rebased",
        "snap_orders",
    ]
)
_channels = strategies.sampled_from(
    ["ticker", "book", "level3", "ohlc", "trade", "instrument", "executions", "balances", "status"]
)
_methods = strategies.sampled_from(
    [
        "subscribe",
        "unsubscribe",
        "ping",
        "add_order",
        "amend_order",
        "edit_order",
        "cancel_order",
        "cancel_all",
        "cancel_all_orders_after",
        "batch_add",
        "batch_cancel",
    ]
)
_messages = strategies.fixed_dictionaries(
    {"method": _methods | _values},
    optional={
        "params": strategies.builds(
            lambda params, channel: params | channel,
            strategies.dictionaries(_names, _values, max_size=4),
            strategies.fixed_dictionaries({}, optional={"channel": _channels, "symbol": strategies.just(BTC)}),
        )
        | _values,
        "req_id": _values,
        "rebased": _values,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=_messages | _values)
def test_every_message_is_answered(wire: Connect, message: Any) -> None:
    client = wire()
    text = json.dumps(message).replace("TOKEN", client.token())
    replies = [frame for frame in client.say_raw(text) if "method" in frame]
    assert replies
    for reply in replies:
        assert reply.get("error") != "EGeneral:Internal error"
        assert list(reply) == sorted(reply, key=lambda name: (name.startswith("time_"), name))
        assert (reply["time_in"], reply["time_out"]) == (NOW, NOW)
        assert reply["method"] == "pong" or reply["success"] is ("error" not in reply and "result" in reply)
    client.leave()
