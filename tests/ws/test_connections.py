"""A connection's life: its greeting, heartbeats, idleness, limits and end; and what is left of it: nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR, SECOND
from mockkraken.control.access import expire_tokens
from mockkraken.control.operations import Control
from mockkraken.settings import Settings
from mockkraken.ws import limits
from mockkraken.ws.doors import door

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

HEARTBEATS = {"/v2": b'{"channel":"heartbeat"}', "/": b'{"event":"heartbeat"}'}


def advance(sandbox: Sandbox, span: str | int) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


def ping(wire: Wire) -> list[Any]:
    return wire.say({"method": "ping"} if wire.connection.dialect.version == 2 else {"event": "ping"})


def subscribe(wire: Wire) -> list[Any]:
    if wire.connection.dialect.version == 2:
        return wire.subscribe("trade", symbol=["BTC/USD"])
    return wire.say({"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": "trade"}})


def unsubscribe(wire: Wire) -> list[Any]:
    if wire.connection.dialect.version == 2:
        return wire.say({"method": "unsubscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}})
    return wire.say({"event": "unsubscribe", "pair": ["XBT/USD"], "subscription": {"name": "trade"}})


class TestDoors:
    @pytest.mark.parametrize(
        ("host", "path", "name"),
        [
            ("127.0.0.1:8000", "/v2", "/v2"),
            ("127.0.0.1:8000", "/v2/", "/v2"),
            ("localhost", "/ws/v2", "/ws/v2"),
            ("localhost", "/ws-auth/v2", "/ws-auth/v2"),
            ("localhost", "/ws-l3/v2", "/ws-l3/v2"),
            ("localhost", "/", "/"),
            ("localhost", "/ws", "/ws"),
            ("localhost", "/ws-auth/", "/ws-auth"),
            ("ws.kraken.com", "/v2", "/ws/v2"),
            ("ws.kraken.com", "/", "/ws"),
            ("WS-AUTH.kraken.com:443", "/v2", "/ws-auth/v2"),
            ("ws-auth.kraken.com", "/", "/ws-auth"),
            ("ws-l3.kraken.com", "/v2", "/ws-l3/v2"),
            ("beta-ws.kraken.com", "/v2", "/ws/v2"),
            ("beta-ws-auth.kraken.com", "/", "/ws-auth"),
        ],
    )
    def test_the_url_says_what_is_served(self, host: str, path: str, name: str) -> None:
        found = door(host, path)
        assert found is not None
        assert found.path == name
        assert found.version == (2 if "v2" in path else 1)

    @pytest.mark.parametrize(
        ("host", "path"),
        [
            ("localhost", "/v3"),
            ("localhost", "/0/public/Time"),
            ("localhost", "/mock/health"),
            ("localhost", "/ws-l3"),
            ("ws.kraken.com", "/ws/v2"),
            ("ws-l3.kraken.com", "/"),
            ("ws.kraken.com", "/0/public/Time"),
        ],
    )
    def test_there_is_nothing_elsewhere(self, host: str, path: str) -> None:
        assert door(host, path) is None


@pytest.mark.parametrize("path", ["/v2", "/"])
class TestHeartbeat:
    def test_one_a_second_from_the_first_subscription_on(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        advance(sandbox, 10)
        assert client.take() == []
        subscribe(client)
        advance(sandbox, "999ms")
        assert client.take() == []
        advance(sandbox, "1ms")
        client.take()
        assert client.raw == [HEARTBEATS[path]]
        for _ in range(3):
            advance(sandbox, 1)
        client.take()
        assert client.raw == [HEARTBEATS[path]] * 3

    def test_also_beside_traffic(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        subscribe(client)
        heard = []
        for _ in range(6):
            ping(client)
            advance(sandbox, "500ms")
            client.take()
            heard.append(client.raw)
        assert heard == [[], [HEARTBEATS[path]]] * 3

    def test_none_after_the_last_unsubscription(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        subscribe(client)
        unsubscribe(client)
        advance(sandbox, 30)
        assert client.take() == []

    def test_a_leap_brings_few(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        subscribe(client)
        advance(sandbox, 30 * 24 * 3600)
        client.take()
        assert 100 < len(client.raw) < 2000
        assert set(client.raw) == {HEARTBEATS[path]}
        advance(sandbox, 1)
        client.take()
        assert len(client.raw) == 1

    def test_a_fast_clock_brings_ten_a_machine_second(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        subscribe(client)
        sandbox.clock.run(1_000_000)
        client.connection._send_beat()
        beat = client.connection._beat
        assert beat is not None
        assert beat.when >= sandbox.clock.now() + 90_000 * SECOND
        # And back at the machine's pace, it does not wait for that time to come.
        sandbox.clock.run(1)
        beat = client.connection._beat
        assert beat is not None
        assert beat.when <= sandbox.clock.now() + SECOND


@pytest.mark.parametrize("path", ["/v2", "/"])
class TestIdleness:
    def test_a_minute_without_a_word(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        advance(sandbox, "59.999s")
        assert client.socket.closed is None
        advance(sandbox, "1ms")
        assert client.socket.closed == (1000, "")

    def test_a_ping_is_a_word(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        for _ in range(5):
            advance(sandbox, 50)
            ping(client)
        advance(sandbox, "59.9s")
        assert client.socket.closed is None
        advance(sandbox, "100ms")
        assert client.socket.closed == (1000, "")

    def test_a_ping_of_the_protocol_too(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        advance(sandbox, 50)
        client.connection.heard()
        advance(sandbox, 50)
        assert client.socket.closed is None

    def test_on_a_fast_clock_there_is_a_machine_second(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        sandbox.clock.run(1_000_000)
        client = wire(path)
        timer = client.connection._idle
        assert timer is not None
        assert timer.when >= sandbox.clock.now() + 900_000 * SECOND
        # And back at the machine's pace, a minute is a minute.
        sandbox.clock.run(1)
        timer = client.connection._idle
        assert timer is not None
        assert timer.when <= sandbox.clock.now() + 60 * SECOND
        assert client.socket.closed is None

    def test_who_has_subscribed_never_is(self, sandbox: Sandbox, wire: Connect, path: str) -> None:
        client = wire(path)
        subscribe(client)
        advance(sandbox, 10 * 24 * 3600)
        assert client.socket.closed is None
        client.take()
        unsubscribe(client)
        advance(sandbox, "59.9s")
        assert client.socket.closed is None
        advance(sandbox, 1)
        assert client.socket.closed == (1000, "")


class TestLimits:
    @pytest.mark.parametrize("settings", [{"rate_limits": "on"}], indirect=False)
    @pytest.mark.parametrize("path", ["/v2", "/"])
    def test_fifty_messages_at_once_then_twenty_a_second(
        self, sandbox: Sandbox, wire: Connect, path: str, settings: dict[str, Any]
    ) -> None:
        client = wire(path)

        def passed(count: int) -> int:
            return sum(b"pong" in frame for _ in range(count) for _ in ping(client) for frame in client.raw)

        assert passed(60) == 50
        advance(sandbox, 1)
        assert passed(30) == 20
        advance(sandbox, "50ms")
        assert passed(2) == 1
        assert client.socket.open
        other = wire(path)
        assert b"pong" in (ping(other), other.raw)[1][0]  # it is a limit of each connection

    def test_the_refused_message_is_answered_and_has_no_effect(self, sandbox: Sandbox, wire: Connect) -> None:
        sandbox.settings.rate_limits = "on"
        client = wire()
        for _ in range(50):
            ping(client)
        (answer,) = client.say(
            {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}, "req_id": 7}
        )
        assert answer["error"] == "Exceeded msg rate"
        assert (answer["method"], answer["req_id"], answer["success"]) == ("subscribe", 7, False)
        assert client.connection.subscriptions == {}
        (record,) = sandbox.journal.records(outcome="refused")[0]
        assert (record["error"], record["check"]) == ("Exceeded msg rate", "rate")

    def test_addresses_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "_ADDRESSES", 10)
        attempts = limits.Attempts(Settings.of(rate_limits="on"))
        for number in range(50):
            for _ in range(150):
                assert attempts.refused_until(f"10.0.0.{number}", 0) is None
            assert attempts.refused_until(f"10.0.0.{number}", 0) is not None
        assert len(attempts._times) <= 10
        assert len(attempts._banned) <= 10
        assert attempts.refused_until("10.0.0.49", 0) is not None

    def test_symbols_of_one_message(self, wire: Connect) -> None:
        client = wire()
        (refusal,) = client.subscribe("trade", symbol=["BTC/USD"] * 2001)
        assert (refusal["error"], refusal["symbol"]) == ("Malformed request", "BTC/USD")
        assert client.connection.subscriptions == {}
        assert len(client.subscribe("trade", symbol=["X/Y"] * 2000)) == 2000

    def test_no_limit_with_rate_limits_off(self, wire: Connect) -> None:
        client = wire()
        for _ in range(200):
            (pong,) = ping(client)
            assert pong["method"] == "pong"


class TestOrderOfAnswers:
    def test_the_answer_comes_first(self, wire: Connect) -> None:
        self.place(wire, ["add_order", "pending_new", "new"])

    @pytest.mark.parametrize("settings", [{"ws_reply_order": "last"}])
    def test_or_last(self, wire: Connect, settings: dict[str, Any]) -> None:
        self.place(wire, ["pending_new", "new", "add_order"])

    def place(self, wire: Connect, expected: list[str]) -> None:
        client = wire()
        client.subscribe("executions", token=client.token())
        order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.001, "limit_price": 50000}
        frames = client.say({"method": "add_order", "params": {**order, "token": client.token()}})
        assert [frame.get("method") or frame["data"][0]["exec_type"] for frame in frames] == expected


class TestEnd:
    def test_nothing_is_left(self, sandbox: Sandbox, wire: Connect, kraken: Client) -> None:
        events = sandbox.exchange.events
        before = [list(heard) for heard in (events.book, events.trade, events.order, events.ledger)]
        clients = [wire() for _ in range(5)]
        for client in clients:
            token = client.token()
            for depth in (10, 100):
                client.subscribe("book", symbol=["BTC/USD", "ETH/USD"], depth=depth)
            client.subscribe("ticker", symbol=["BTC/USD"])
            client.subscribe("ohlc", symbol=["BTC/USD"], interval=5)
            client.subscribe("level3", symbol=["BTC/USD"], token=token)
            client.subscribe("instrument")
            client.subscribe("executions", token=token)
            client.subscribe("balances", token=token)
        feeds = sandbox.ws._venue.feeds
        assert feeds.topics == 10
        assert len(sandbox.connections()) == 5
        for client in clients:
            client.leave()
        assert sandbox.connections() == []
        assert feeds.topics == 0
        assert feeds._markets == feeds._users == {}
        assert [list(heard) for heard in (events.book, events.trade, events.order, events.ledger)] == before
        kraken.buy("0.001")
        advance(sandbox, HOUR // SECOND)
        assert all(client.take() == [] for client in clients)

    def test_a_reset_closes_all(self, sandbox: Sandbox, wire: Connect) -> None:
        client = wire()
        client.subscribe("book", symbol=["BTC/USD"])
        Control(sandbox).perform(Control.reset, {})
        assert client.socket.closed == (1012, "the sandbox was reset")
        assert sandbox.connections() == []
        again = wire()
        assert again.greeting == client.greeting  # same seed, same clock: the same bytes

    @pytest.mark.parametrize("path", ["/v2", "/"])
    def test_a_token_stays_good_on_the_connection_that_used_it_in_time(
        self, sandbox: Sandbox, wire: Connect, path: str
    ) -> None:
        client = wire(path)
        token = client.token()
        if path == "/v2":
            client.subscribe("balances", token=token)
        else:
            client.say({"event": "subscribe", "subscription": {"name": "openOrders", "token": token}})
        advance(sandbox, 901)
        client.take()
        other = wire(path)

        def cancel_all(on: Wire) -> dict[str, Any]:
            if path == "/v2":
                return on.method("cancel_all", token=token)
            (reply,) = on.say({"event": "cancelAll", "token": token})
            return reply

        assert "ESession" not in str(cancel_all(client))
        assert cancel_all(other)["error" if path == "/v2" else "errorMessage"] == "ESession:Invalid session"
        reason = sandbox.journal.records()[0][-1]["reason"]
        assert reason == "the token was to be used within 900 seconds, and this connection has not"


class TestShown:
    def test_connections(self, sandbox: Sandbox, wire: Connect) -> None:
        client = wire("/ws/v2", remote="10.0.0.1")
        client.subscribe("book", symbol=["BTC/USD"], depth=25)
        old = wire("/ws-auth")
        old.say({"event": "subscribe", "subscription": {"name": "openOrders", "token": old.token()}})
        first, second = Control(sandbox).sandbox.connections()
        assert first == {
            "id": client.connection.id,
            "number": 1,
            "version": 2,
            "endpoint": "/ws/v2",
            "remote": "10.0.0.1",
            "port": 50000,
            "user_agent": None,
            "subscriptions": [{"channel": "book", "symbol": "BTC/USD", "depth": 25}],
            "unsent": 0,
        }
        assert second["endpoint"] == "/ws-auth"
        (subscription,) = second["subscriptions"]  # type: ignore[misc]  # a list, in a table of anything
        assert subscription == {"channel": "openOrders", "account": "main"}
        json.dumps([first, second])

    def test_journal(self, sandbox: Sandbox, wire: Connect) -> None:
        client = wire(remote="10.0.0.1")
        token = client.token()
        client.subscribe("book", symbol=["BTC/USD"])
        client.method("cancel_all", token=token)
        client.method("cancel_order", order_id=["OAAAAA-AAAAA-AAAAAA"], token=token)
        client.say_raw("{")
        old = wire("/", remote="10.0.0.1")
        old.say({"event": "ping"})
        records = sandbox.journal.records()[0]
        shown = [(row["transport"], row["endpoint"], row["outcome"], row["key"], row["error"]) for row in records]
        assert shown == [
            ("ws2", "subscribe book", "accepted", None, None),
            ("ws2", "cancel_all", "accepted", "full", None),
            ("ws2", "cancel_order", "refused", "full", "EOrder:Unknown order"),
            ("ws2", "unknown", "refused", None, "Malformed request"),
            ("ws1", "ping", "accepted", None, None),
        ]
        assert {row["remote"] for row in records} == {"10.0.0.1"}
        assert {row["http_status"] for row in records} == {101}
        assert token not in json.dumps(records)
        assert client.token()[:20] not in json.dumps(records)

    def test_why_an_idle_connection_was_closed(self, sandbox: Sandbox, wire: Connect) -> None:
        wire("/ws/v2")
        advance(sandbox, 60)
        (record,) = sandbox.journal.records()[0]
        assert (record["endpoint"], record["outcome"], record["http_status"]) == ("close", "accepted", 101)
        assert record["reason"] == "nobody said a word for 60 seconds: closed with 1000"

    @pytest.mark.parametrize(
        ("path", "message", "reason"),
        [
            (
                "/v2",
                {"event": "ping"},
                "method is missing; it looks like version 1, which is at the same path without /v2",
            ),
            ("/v2", {}, "method is missing"),
            ("/", {"method": "ping"}, "event is missing; it looks like version 2, whose path ends in /v2"),
            ("/", {}, "event is missing"),
            (
                "/v2",
                {"method": "subscribe", "params": {"channel": "book", "symbol": ["xbt/usd"]}},
                "there is no pair 'xbt/usd' here: version 2 calls it BTC/USD",
            ),
            (
                "/ws/v2",
                {"method": "subscribe", "params": {"channel": "executions", "token": "x"}},
                "executions is not served at /ws/v2, but at /v2, /ws-auth/v2",
            ),
            (
                "/ws-auth",
                {"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": "book"}},
                "book is not served at /ws-auth, but at /, /ws",
            ),
            (
                "/v2",
                {"method": "cancel_all", "params": {"token": "x"}},
                "there is no such token: GetWebSocketsToken gives one",
            ),
        ],
    )
    def test_the_reason_names_the_cure(
        self, sandbox: Sandbox, wire: Connect, path: str, message: dict[str, Any], reason: str
    ) -> None:
        wire(path).say(message)
        assert sandbox.journal.records()[0][-1]["reason"] == reason

    def test_a_token_that_a_test_has_ended(self, sandbox: Sandbox, wire: Connect) -> None:
        client = wire()
        token = client.token()
        client.subscribe("balances", token=token)
        Control(sandbox).perform(expire_tokens, {})
        assert client.method("cancel_all", token=token)["error"] == "ESession:Invalid session"
        record = sandbox.journal.records()[0][-1]
        assert (record["key"], record["reason"]) == ("full", "the token was ended before its time")

    def test_twice(self, sandbox: Sandbox, wire: Connect) -> None:
        client = wire()
        for _ in range(2):
            client.subscribe("book", symbol=["BTC/USD"], depth=25)
        reason = "the connection has subscribed to book BTC/USD 25 already"
        assert sandbox.journal.records()[0][-1]["reason"] == reason
