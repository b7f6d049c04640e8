"""Connections in detail: what the journal knows of them, what becomes of our own mistakes, and what they let go of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.control.operations import Control
from mockkraken.gate import tokens
from mockkraken.ws.doors import door

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]


def advance(sandbox: Sandbox, span: str) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


def last_record(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.journal.records()[0][-1]


PINGS = {"/v2": '{"method":"ping","req_id":3}', "/": '{"event":"ping","reqid":3}'}


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_a_mistake_of_ours_is_answered_and_noted(
    sandbox: Sandbox, wire: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = wire(path)

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "mockkraken"):
        patch.setattr(client.connection.dialect, "answer", fail)
        (answer,) = client.say_raw(PINGS[path])
    assert answer["error" if path == "/v2" else "errorMessage"] == "EGeneral:Internal error"
    record = last_record(sandbox)
    assert (record["outcome"], record["error"]) == ("refused", "EGeneral:Internal error")
    (logged,) = caplog.records
    assert logged.getMessage() == "a message failed on WebSocket connection 1 of 127.0.0.1:50000"
    assert logged.exc_info is not None
    caplog.clear()
    assert b"pong" in (client.say_raw(PINGS[path]), client.raw)[1][0]


def test_the_journal_knows_the_program_and_how_long_it_took(sandbox: Sandbox, wire: Connect) -> None:
    entrance = door("localhost", "/v2")
    assert entrance is not None
    connection = sandbox.ws.open(wire().socket, entrance, remote="10.0.0.7", port=5, user_agent="a bot/1.0")
    connection.receive(PINGS["/v2"])
    record = last_record(sandbox)
    assert (record["user_agent"], record["remote"], record["port"]) == ("a bot/1.0", "10.0.0.7", 5)
    assert record["duration_us"] == 0  # the clock stands still
    sandbox.clock.run(1)
    connection.receive(PINGS["/v2"])
    assert 0 <= last_record(sandbox)["duration_us"] < 60_000_000


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_who_has_taken_all_back_falls_idle_once(sandbox: Sandbox, wire: Connect, path: str) -> None:
    client = wire(path)
    closes: list[tuple[int, str]] = []
    client.socket.end = lambda code, reason: closes.append((code, reason))  # type: ignore[method-assign]  # to count
    for verb in ("subscribe", "unsubscribe"):
        advance(sandbox, "10s")
        client.take()
        if path == "/v2":
            client.say({"method": verb, "params": {"channel": "trade", "symbol": ["BTC/USD"]}})
        else:
            client.say({"event": verb, "pair": ["XBT/USD"], "subscription": {"name": "trade"}})
    advance(sandbox, "59999ms")
    assert closes == []
    advance(sandbox, "5m")
    assert closes == [(1000, "")]


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_a_token_lives_no_longer_than_the_connections_that_use_it(sandbox: Sandbox, wire: Connect, path: str) -> None:
    client = wire(path)
    token = client.token()
    if path == "/v2":
        client.subscribe("executions", token=token)
    else:
        client.say({"event": "subscribe", "subscription": {"name": "openOrders", "token": token}})
    advance(sandbox, "1h")
    assert sandbox.tokens.lookup(token, sandbox.clock.now()) is not None
    client.leave()
    assert sandbox.tokens.lookup(token, sandbox.clock.now()) is None


def test_a_token_that_was_forgotten_meanwhile_does_no_harm(
    sandbox: Sandbox, wire: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_TOKENS", 1)
    client = wire()
    client.subscribe("executions", token=client.token())
    client.token()  # there is room for this one only
    client.leave()
    assert sandbox.connections() == []


@pytest.mark.parametrize("path", ["/v2", "/"])
def test_another_status_is_told_once(wire: Connect, pit: Pit, path: str) -> None:
    client = wire(path)
    pit.status.set("limit_only")
    (status,) = client.take()
    assert ("online" if path == "/v2" else "limit_only") in str(status)
    pit.pair.trade("buy", "1")
    pit.pair.patch(ordermin="0.001")
    assert client.take() == []


def test_a_mistake_of_ours_in_what_was_due_ends_no_connection(
    sandbox: Sandbox, wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture
) -> None:
    client = wire()
    sandbox.clock.run(1)  # so that what is due waits for whoever comes next

    def fail() -> None:
        raise ZeroDivisionError

    sandbox.clock.call_at(sandbox.clock.now(), fail)
    (answer,) = client.say({"method": "ping", "req_id": 1})
    assert answer["error"] == "EGeneral:Internal error"
    assert "ZeroDivisionError" in caplog.text
    (pong,) = client.say({"method": "ping", "req_id": 2})
    assert pong["method"] == "pong"
