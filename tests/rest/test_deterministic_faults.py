"""Same seed, same clock, same requests: the same bytes, also where chance decides what goes wrong; and one purpose
that chance serves moves nothing of another.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from mockkraken.clock import SECOND
from mockkraken.control import counters, faults, scenarios
from mockkraken.control.operations import Control
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

START = 1_767_225_600 * SECOND
MILLISECOND = SECOND // 1000

FAULTS: list[dict[str, Any]] = [
    {"action": {"html": 520}, "match": {"key": "app"}, "probability": 0.4, "times": 2},
    {"action": {"delay": {"dist": "lognormal", "p50": "20ms", "p99": "90ms"}}, "probability": 0.3},
    {"action": {"delay": {"dist": "lognormal", "p50": "5ms", "p99": "300ms"}, "applied": True}, "probability": 0.3},
    {"action": {"truncate": 30}, "match": {"endpoint": "private/*"}, "probability": 0.2},
    {"action": {"error": "EService:Busy", "applied": True}, "match": {"pair": "XBTUSD"}, "probability": 0.5, "skip": 2},
    {"action": {"hang": "50ms"}, "probability": 0.05},
]
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.01"}
REQUESTS: list[tuple[str, dict[str, str]]] = [
    ("AddOrder", ORDER),
    ("GetWebSocketsToken", {}),
    ("OpenOrders", {}),
    ("AddOrder", ORDER | {"ordertype": "market"}),
    ("Balance", {}),
    ("Ledgers", {}),
] * 8


def ask(sandbox: Sandbox, method: str, nonce: int, name: str = "full", fields: dict[str, str] | None = None) -> Any:
    """What comes back: after how many milliseconds of the sandbox's, and which bytes; none if the connection is cut."""
    key = sandbox.keys.find(name)
    assert key is not None
    path, body = f"/0/private/{method}", urlencode({"nonce": nonce, **(fields or {})}).encode()
    signature = sign(key.api_secret, path, str(nonce), body)
    scope = {
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"api-key", key.api_key.encode()), (b"api-sign", signature.encode())],
        "client": ("127.0.0.1", 1),
    }
    sent: list[Any] = []

    async def call() -> int:
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(given, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        task = asyncio.create_task(sandbox.rest(scope, receive, send))
        for waited in range(5000):
            for _ in range(5):
                await asyncio.sleep(0)
            if task.done():
                await asyncio.gather(task, return_exceptions=True)
                return waited
            sandbox.clock.advance(MILLISECOND)
        raise AssertionError("it is never answered")

    waited = asyncio.run(call())
    return waited, [(message.get("status"), message.get("body", b"").decode()) for message in sent]


def play(seed: int) -> list[str]:
    sandbox = fresh(seed)
    control = Control(sandbox)
    said: list[Any] = [control.perform(scenarios.start, "nonce_two_senders")]
    said.append(control.perform(Control.create_key, {"name": "app", "permissions": "all", "otp": "totp"}))
    said += [control.perform(faults.add_fault, fault) for fault in FAULTS]
    for nonce, (method, fields) in enumerate(REQUESTS, 1):
        said.append(ask(sandbox, method, nonce, "app" if nonce % 3 == 0 else "full", fields))
    said += [control.perform(faults.faults), control.perform(counters.counters), control.perform(Control.keys)]
    return [json.dumps(part) for part in (*said, sandbox.journal.records()[0], sandbox.clock.now())]


def fresh(seed: int = 7) -> Sandbox:
    return Sandbox(settings=Settings.of(seed=seed, rate_limits="off"), start=START)


def test_what_goes_wrong_by_chance_goes_wrong_again() -> None:
    first = play(7)
    assert play(7) == first
    assert play(8) != first
    text = "".join(first)
    for what in ("truncate 30", "EService:Busy", "html 520", "hang 50ms", "it took effect", "second factor"):
        assert what in text
    assert "Internal error" not in text


# What chance serves, each with what shows it.


def order(sandbox: Sandbox, nonce: int) -> Any:
    return ask(sandbox, "AddOrder", nonce, fields=ORDER)


def token(sandbox: Sandbox, nonce: int) -> Any:
    return ask(sandbox, "GetWebSocketsToken", nonce)


def key(sandbox: Sandbox, nonce: int) -> Any:
    return Control(sandbox).create_key({"name": f"key {nonce}", "otp": "totp"})


def struck(sandbox: Sandbox, nonce: int) -> Any:
    control = Control(sandbox)
    given = {"action": FAULTS[1]["action"], "probability": 0.5, "match": {"endpoint": "Balance"}}
    number = faults.add_fault(control, given)["id"]
    waited = [ask(sandbox, "Balance", nonce + turn)[0] for turn in range(10)]
    faults.remove_fault(control, str(number))
    return waited


PURPOSES = [order, token, key, struck]


@pytest.mark.parametrize("shown", PURPOSES)
@pytest.mark.parametrize("touched", PURPOSES)
def test_what_is_touched_in_one_purpose_moves_nothing_in_another(touched: Any, shown: Any) -> None:
    sandbox, untouched = fresh(), fresh()
    for nonce in (100, 200, 300):
        touched(sandbox, nonce)
    # Some of them have taken their time.
    untouched.clock.advance(sandbox.clock.now() - START)
    same = shown(sandbox, 1000) == shown(untouched, 1000)
    assert same == (touched is not shown)
