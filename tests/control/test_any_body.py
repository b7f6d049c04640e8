"""Whatever is sent to the control API: it is done or refused, and the sandbox goes on."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from mockkraken.catalog.records import PairRecord
from mockkraken.control.bodies import (
    AccountChange,
    Book,
    ClockMove,
    Counters,
    Fill,
    Index,
    JournalQuery,
    KeyChange,
    MarketChange,
    NewAccount,
    NewKey,
    NonceState,
    Reset,
    StatusChange,
    Trade,
)
from mockkraken.control.http import CALLS, control_app
from mockkraken.control.operations import Control
from mockkraken.sandbox import Sandbox

STRUCTS = (
    *(AccountChange, Book, ClockMove, Counters, Fill, Index, JournalQuery, KeyChange, MarketChange),
    *(NewAccount, NewKey, NonceState, PairRecord, Reset, StatusChange, Trade),
)
MEMBERS = sorted({name for struct in STRUCTS for name in struct.__struct_fields__})
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "main",
            "full",
            "all",
            "house",
            "query-funds",
            "10.0.0.0/8",
            "15m",
            "-1",
            "1e9",
            "buy",
            "walk",
            "-5%",
            "post_only",
            "0.5",
            "2026-01-01T00:00:00Z",
        ]
    ),
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-5, 2**65), st.floats(), TEXTS)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
NAMES = st.one_of(st.sampled_from([*MEMBERS, "dialect", "journal_size", "ZUSD", "XBT", "SOL"]), TEXTS)
BODIES = st.one_of(
    st.binary(max_size=30),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, JSON, max_size=4).map(lambda value: json.dumps(value).encode()),
)
PARTS = st.one_of(st.sampled_from(["main", "second", "house", "full", "windowed", "a/b", "XBTUSD"]), TEXTS)
SANDBOX = Sandbox(start=1767225600 * 10**9)
APP = control_app(Control(SANDBOX))


def call(method: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, Any]:
    """One request, without sockets."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = path.encode("utf-8", "surrogatepass")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": raw,
        "query_string": query.encode(),
        "headers": [],
    }
    coroutine = APP(scope, receive, send)
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    else:
        raise AssertionError("it waits for something")
    return sent[0]["status"], json.loads(sent[1]["body"])


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(list(CALLS)),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    part=PARTS,
    body=BODIES,
    query=st.dictionaries(NAMES, TEXTS, max_size=2).map(urlencode) | st.just(""),
)
def test_any_body_anywhere(path, method, part, body, query):
    for place in ("{name:path}", "{key:path}", "{pair:path}", "{txid}"):
        path = path.replace(place, part)
    status, answer = call(method, path, query, body)
    assert status in (200, 400, 404, 405, 409), answer
    if status != 200:
        assert set(answer["error"]) == {"code", "message", "field"}

    names = ("health", "clock", "settings", "accounts", "keys", "journal", "status", "market/XBTUSD", "pairs/XBTUSD")
    for shown in (f"/mock/{name}" for name in names):
        assert call("GET", shown)[0] == 200
    scope = {"method": "GET", "path": "/0/public/Time", "query_string": b"", "headers": []}
    assert SANDBOX.rest.answer(scope, b"").status == 200
    assert call("POST", "/mock/reset", body=b'{"seed": 0}') == (200, {})
    assert call("GET", "/mock/clock")[1]["now"] == "2026-01-01T00:00:00Z"
