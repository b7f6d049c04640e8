"""Whatever is sent to the control API: it is done or refused, and the sandbox goes on."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, get_args
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from mockkraken.catalog.records import PairRecord, PairStatus
from mockkraken.control.bodies import (
    AccountChange,
    Book,
    ClockMove,
    Counters,
    DoctorQuery,
    FaultDelay,
    FaultMatch,
    Fill,
    GivenScenario,
    Index,
    JournalQuery,
    KeyChange,
    Lockout,
    MarketChange,
    NewAccount,
    NewFault,
    NewKey,
    NonceState,
    Reset,
    Signed,
    StatusChange,
    TokenExpiry,
    Trade,
)
from mockkraken.control.http import CALLS, control_app
from mockkraken.control.operations import Control
from mockkraken.errors import KrakenError
from mockkraken.exchange import OrderRequest
from mockkraken.exchange.accounts import State
from mockkraken.exchange.service import SystemStatus
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

STRUCTS = (
    *(AccountChange, Book, ClockMove, Counters, Fill, Index, JournalQuery, KeyChange, MarketChange),
    *(DoctorQuery, FaultDelay, FaultMatch, GivenScenario, Lockout, NewFault, Signed, TokenExpiry),
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
PARTS = st.one_of(
    st.sampled_from(["main", "second", "house", "full", "windowed", "a/b", "XBTUSD", "1", "N05", "../../etc/passwd"]),
    TEXTS,
)

# Members that have members: right ones, near ones, and any others.
ACTIONS = ("delay", "error", "html", "hang", "reset", "truncate", "empty", "reorder", "applied", "lag", "x")
SPANS = st.sampled_from(["1ms", "1h", 0, 0.25, 1e300, "9" * 39 + "d", "-1s", True]) | JSON
FAULT = st.fixed_dictionaries(
    {
        "action": st.dictionaries(
            st.sampled_from(ACTIONS),
            SPANS
            | st.sampled_from([520, 429, 2, 1000, True, "EService:Busy", "EAPI:\n"])
            | st.fixed_dictionaries({"dist": st.just("lognormal"), "p50": SPANS, "p99": SPANS}),
            min_size=1,
            max_size=2,
        )
    },
    optional={
        "match": st.dictionaries(
            st.sampled_from(["endpoint", "key", "pair", "x"]),
            st.sampled_from(["AddOrder", "*", "[", "*" * 101, "private/*", "full", "XBTUSD"]) | JSON,
            max_size=3,
        ),
        "times": st.sampled_from([1, 0, None, 10**16, 1.5]) | JSON,
        "skip": st.sampled_from([0, 3, -1]) | JSON,
        "probability": st.sampled_from([0, 1, 0.5, 1.01, -0.1, True]) | JSON,
    },
)
LOCKOUT = st.fixed_dictionaries(
    {},
    optional={
        "key": st.sampled_from(["full", "none"]) | JSON,
        "ip": st.sampled_from(["127.0.0.1", "::1", "::ffff:10.0.0.1", "10.0.0.0/8", "fe80::1%eth0", ""]) | JSON,
        "seconds": SPANS,
        "clear": st.booleans() | JSON,
    },
)
FACTORS = ["totp", {"totp": "JBSW Y3DP"}, {"totp": "1"}, {"password": ""}, {"password": "x" * 257}]
KEY = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={
        "otp": st.sampled_from(FACTORS) | st.dictionaries(st.sampled_from(["totp", "password", "x"]), JSON, max_size=2),
        "ip_allowlist": st.lists(TEXTS, max_size=3),
        "query_from": SPANS,
        "query_to": SPANS,
        "api_secret": st.sampled_from(["", "AAAA", "x", "====", "é"]),
    },
)
COUNTERS = st.fixed_dictionaries(
    {},
    optional={
        "rest": st.dictionaries(st.sampled_from(["full", "trade", "x"]), SPANS, max_size=2),
        "trading": st.dictionaries(
            st.sampled_from(["main", "second", "house"]),
            st.dictionaries(st.sampled_from(["XBTUSD", "XBT/USD", "ETHUSD", "x"]), SPANS, max_size=2) | JSON,
            max_size=2,
        ),
        "clear": st.booleans() | JSON,
    },
)
NESTED = st.one_of(
    FAULT.map(lambda body: ("/mock/faults", body)),
    LOCKOUT.map(lambda body: ("/mock/lockout", body)),
    KEY.map(lambda body: ("/mock/keys", body)),
    COUNTERS.map(lambda body: ("/mock/counters", body)),
)

# Scenarios, in TOML that nobody would write but to see what becomes of it.
WORDS = (
    *("1", "-1", "1.5", "true", "nan", "-inf", "1e300", "0x" + "f" * 5000, "9" * 5000, "9" * 30),
    *("1979-05-27", "07:32:00", "[[]]", "[{}]", "{}", "{a.b.c = 1}", "{" + "a." * 60 + "a = 1}", "'x'", '""'),
    *('"15m"', '"9999999999d"', '"full"', '"ok"', '"all"', '"EAPI:Invalid nonce"', r'"\u0000\u001b"', '"XBTUSD"'),
)
LITERALS = st.sampled_from(WORDS) | st.text(max_size=5)
TABLE = st.dictionaries(st.sampled_from([*MEMBERS, '"a b"', "a.b"]), LITERALS, max_size=2).map(
    lambda members: "{" + ", ".join(f"{name} = {value}" for name, value in members.items()) + "}"
)
FIELDS = ("body", "at", "gives", "from", "key", "nonce", "fields", "secret", "again", "times", "result", "x")
GIVEN = st.dictionaries(st.sampled_from(FIELDS), LITERALS | TABLE, max_size=2)
ANY_CALL = st.one_of(
    st.tuples(st.sampled_from(["POST", "PATCH", "PUT", "DELETE", "GET"]), st.sampled_from(list(CALLS)), PARTS).map(
        lambda parts: f"{parts[0]} {parts[1].partition('{')[0]}{parts[2] if '{' in parts[1] else ''}"
    ),
    st.sampled_from(["POST /mock/reset", "POST /mock/scenarios", "POST /mock/scenarios/calm", "DELETE /mock/faults"]),
    st.sampled_from(["POST /mock/keys/%2e%2e/nonce", "Balance", "public/Time", "Balance ", "/mock"]),
)
STEPS = st.tuples(ANY_CALL, GIVEN).map(
    lambda step: "{" + ", ".join([f'call = "{step[0]}"', *(f"{name} = {text}" for name, text in step[1].items())]) + "}"
)
RIGHT_STEPS = (
    '{call = "POST /mock/keys", body = {name = "k"}}',
    '{call = "POST /mock/faults", body = {action = {html = 520}}}',
    '{call = "POST /mock/status", body = {status = "post_only"}, at = "1m"}',
    '{call = "DELETE /mock/faults"}',
)
FILES = st.sampled_from(
    ["x.toml", "x.toml", "../../etc/passwd", "/etc/passwd.toml", "x\n", "", "x" * 300, "A.toml", "\0"]
)
DEEP = ("a." * 30_000 + "a = 1", "[" + "a." * 500 + "a]", "a = " + "[" * 9000, "id = 0x" + "f" * 9000)
SANDBOX = Sandbox(settings=Settings(rate_limits="off"), start=1767225600 * 10**9)
APP = control_app(Control(SANDBOX))

# What somebody sets a pair's fields to, wise or not.
RULES = st.fixed_dictionaries(
    {},
    optional={
        "tick_size": st.sampled_from(["0.1", "0.5", "7", "0.00001", "1000000", "1000000000000000", 1, "0", "-1"]),
        "pair_decimals": st.integers(-1, 6),
        "ordermin": st.sampled_from(["0", "0.00000001", "1", "1000000000000000", 5, "1e3"]),
        "costmin": st.sampled_from(["0", "5", "1000000", "٣"]),
        "status": st.sampled_from([*get_args(PairStatus), "closed"]),
        "fees": st.lists(st.tuples(st.sampled_from([0, 0, 100]), st.sampled_from(["0.4", "-100", "100", "101"]))),
        "fees_maker": st.lists(st.tuples(st.just(0), st.sampled_from([0, "-0.02", -100, 100, "0.00001"])), max_size=1),
        "leverage_buy": st.sampled_from([[], [2, 3], [5, 1000], [3, 2], [1]]),
        "leverage_sell": st.sampled_from([[], [2, 3], [5, 1000], [1001]]),
        "margin_call": st.sampled_from([0, 80, 1000, 10_000, 10_001, -1]),
        "margin_stop": st.sampled_from([0, 40, 1000, 10_000, "40"]),
        "margin_open_fee": st.sampled_from(["0", "0.02", "100", -1, "0.00001"]),
        "margin_rollover_fee": st.sampled_from(["0", "0.02", "100", 50]),
        "long_position_limit": st.sampled_from([0, 1, 10**15, 10**16, None]),
        "short_position_limit": st.sampled_from([0, 1, None]),
    },
)
EVENTS = st.one_of(
    RULES.map(lambda fields: ("PATCH", "/mock/pairs/XBTUSD", fields)),
    st.sampled_from(["price", "gap", "model", "pause"]).flatmap(
        lambda name: st.sampled_from(
            {
                "price": ["68000", "70000", "1", "1000000000000000", "0.1", "68342.45"],
                "gap": ["-90%", "+0.1%", "-0.1%", "+900%"],
                "model": ["static", "calm", "walk"],
                "pause": [True, False],
            }[name]
        ).map(lambda value: ("POST", "/mock/market/XBTUSD", {name: value}))
    ),
    st.sampled_from(["66000", "1000000000000000", "0.1", None, 0]).map(
        lambda price: ("POST", "/mock/index/XBTUSD", {"price": price})
    ),
    st.sampled_from([*get_args(SystemStatus), "off"]).map(lambda status: ("POST", "/mock/status", {"status": status})),
    st.sampled_from([*get_args(State), "gone"]).map(lambda state: ("PATCH", "/mock/accounts/main", {"state": state})),
    st.sampled_from([True, False]).map(lambda margin: ("PATCH", "/mock/accounts/main", {"margin": margin})),
    st.sampled_from(["1s", "61s", "4h", "30d"]).map(lambda span: ("POST", "/mock/clock", {"advance": span})),
    st.sampled_from(["0", "3000", "1000000"]).map(
        lambda dollars: ("PATCH", "/mock/accounts/main/balances", {"ZUSD": dollars})
    ),
)


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


SHOWN = (
    *("health", "clock", "settings", "accounts", "keys", "counters", "lockout", "faults", "status", "journal"),
    *("market/XBTUSD", "pairs/XBTUSD"),
)


def all_is_shown() -> list[Any]:
    """What can be seen of the sandbox."""
    shown = [call("GET", f"/mock/{name}") for name in SHOWN]
    assert {status for status, _ in shown} == {200}
    return shown[1:]  # how long it has been up does not count


def state() -> list[Any]:
    """What can be seen of the sandbox, how much is still to come, and where its generators stand."""
    generators = (SANDBOX.keys._rng, SANDBOX.faults._rng)
    return [*all_is_shown(), len(SANDBOX.clock._timers), *(rng.getstate() for rng in generators)]


def done_or_refused(method: str, path: str, query: str, body: bytes) -> int:
    """Make a call; one that is refused leaves no trace."""
    before = state()
    status, answer = call(method, path, query, body)
    assert status in (200, 400, 404, 405, 409, 413), answer
    if status != 200:
        assert set(answer["error"]) == {"code", "message", "field"}
        # But for a set-up, whose calls before the one that is refused have been made.
        assert "setup, step" in answer["error"]["message"] or state() == before
    return status


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(list(CALLS)),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    part=PARTS,
    body=BODIES,
    query=st.dictionaries(NAMES, TEXTS, max_size=2).map(urlencode) | st.just(""),
)
def test_any_body_anywhere(path, method, part, body, query):
    for place in ("{name:path}", "{key:path}", "{pair:path}", "{txid}", "{id}"):
        path = path.replace(place, part)
    done_or_refused(method, path, query, body)
    all_is_shown()
    scope = {"method": "GET", "path": "/0/public/Time", "query_string": b"", "headers": []}
    assert SANDBOX.rest.answer(scope, b"").status == 200
    assert call("POST", "/mock/reset", body=b'{"seed": 0}') == (200, {})
    assert call("GET", "/mock/clock")[1]["now"] == "2026-01-01T00:00:00Z"


@settings(max_examples=70, deadline=None)
@given(calls=st.lists(NESTED, min_size=1, max_size=4))
def test_members_of_members(calls):
    for path, body in calls:
        done_or_refused("POST", path, "", json.dumps(body).encode())
    all_is_shown()
    assert call("POST", "/mock/reset") == (200, {})


@settings(max_examples=70, deadline=None)
@given(
    name=FILES,
    setup=st.lists(STEPS | st.sampled_from(RIGHT_STEPS), max_size=4),
    play=st.lists(STEPS, max_size=2),
    times=st.sampled_from([1, 1, 1, 1, 50]),
    last=st.sampled_from(["", "", "", "about = 1", *DEEP]),
)
def test_any_scenario(name, setup, play, times, last):
    lists = [f"{field} = [{', '.join(steps)}]" for field, steps in (("setup", setup * times), ("play", play))]
    toml = "\n".join(['title = "x"', *lists, last])
    for _ in range(2):
        done_or_refused("POST", "/mock/scenarios", "", json.dumps({"name": name, "toml": toml}).encode())
    assert call("POST", "/mock/clock", body=b'{"advance": "2h"}')[0] == 200
    all_is_shown()
    assert call("POST", "/mock/reset") == (200, {})


def test_nested_deeper_than_anybody_could_write():
    """At some depth, which one depends on the caller's stack, what could be read can't be shown."""
    for path, member in (("/mock/keys", "valid_until"), ("/mock/accounts", "balances"), ("/mock/counters", "rest")):
        for depth in (50, *range(700, 1010)):
            body = b'{"name": "x", "%b": {"ZUSD": %b%b}}' % (member.encode(), b"[" * depth, b"]" * depth)
            assert call("POST", path, body=body)[0] in (400, 404), depth


def place(ordertype: str, side: str = "sell", volume: str = "0.3", **fields: Any) -> str | None:
    """The txid of an order of `main`; None: it was refused."""
    exchange, pair = SANDBOX.exchange, SANDBOX.catalog.trading_pair("XBTUSD")
    assert pair is not None
    request = OrderRequest(ordertype=ordertype, type=side, volume=volume, **fields)
    try:
        return exchange.submit(exchange.prepare(exchange.accounts["main"], pair, request)).txid
    except KrakenError:
        return None


def trade_a_little() -> None:
    """Something of everything, as far as it is taken now."""
    place("market", "buy", "0.7", leverage="2")
    place("limit", price="68400", oflags="fcib")
    place("iceberg", "buy", price="68300", displayvol="0.02")
    place("stop-loss", price="67000", leverage="2", reduce_only=True)
    place("take-profit-limit", price="#1%", price2="#0.5%", trigger="index")
    place("trailing-stop", price="+1%")
    place("trailing-stop-limit", "buy", price="+50", price2="+0")
    place("limit", "buy", price="-0.5%", starttm="+30", expiretm="+9000", close_ordertype="limit", close_price="+1%")


def everything() -> Counter[str]:
    """What there is of each asset in all accounts together."""
    total: Counter[str] = Counter()
    for account in SANDBOX.exchange.accounts.values():
        total.update(account.balances)
    return total


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(events=st.lists(EVENTS, min_size=1, max_size=8))
def test_whatever_happens_to_a_market_in_use(events):
    """Orders wait there, positions are open: rules, states and prices change, and nothing is lost or broken."""
    SANDBOX.reset(seed=0)
    trade_a_little()
    for method, path, body in events:
        before = everything()
        status, answer = call(method, path, body=json.dumps(body).encode())
        assert status in (200, 400, 409), answer
        trade_a_little()
        after = everything()
        if path.endswith("/balances"):
            del before["ZUSD"], after["ZUSD"]
        assert after == before
        for account in SANDBOX.exchange.accounts.values():
            if account.client:
                assert all(0 <= account.held[asset] <= units for asset, units in account.balances.items())
        assert call("GET", "/mock/accounts")[0] == call("GET", "/mock/market/XBTUSD")[0] == 200
        assert call("GET", "/mock/pairs/XBTUSD")[0] == 200
    for txid in list(SANDBOX.exchange.accounts["main"].open):
        assert call("GET", f"/mock/orders/{txid}")[0] == 200
        assert call("POST", f"/mock/orders/{txid}/fill", body=b"{}")[0] in (200, 409)
