"""Whatever comes in, Kraken's words go out, and no asset comes into being or is lost.

Every example has a sandbox of its own and plays a few requests: garbage at the edge, or calls of real endpoints with
their own fields and odd values, by two accounts that can trade with each other.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockkraken.clock import SECOND
from mockkraken.gate.permissions import CODES
from mockkraken.rest.app import ENDPOINTS, path_of
from mockkraken.rest.endpoint import Private
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client

    from mockkraken.rest.edge import Answer

START = 1_767_225_600 * SECOND

CALM = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

PATHS = {endpoint.name: path_of(endpoint) for endpoint in ENDPOINTS}
FIELDS = {
    endpoint.name: [field.encode_name for field in msgspec.structs.fields(endpoint.params)] for endpoint in ENDPOINTS
}
PAIRS = ["XBTUSD", "XXBTZUSD", "XBT/EUR", "XBTEUR", "ethxbt", "BTC/USD", "AGLDUSD", "AAPLxUSD", "PEPEUSD"]
NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "0.00005",
    "0.0000000001",
    "57927.5",
    "60000",
    "68342.4",
    "1e5",
    "-1e-7",
    "+5%",
    "NaN",
    "inf",
    "0x1f",
    "1_000",
    "٣",
    "２",
    "9" * 18,
    "9" * 19,
    "9" * 41,
    "9" * 500,
    "0." + "0" * 60 + "1",
    "18446744073709551616",
    "1767225600",
    "1767225600.000001",
]
WORDS = [
    "",
    " ",
    ",",
    "true",
    "False",
    "buy",
    "sell",
    "limit",
    "market",
    "ioc",
    "FOK",
    "post",
    "fcib",
    "cancel-oldest",
    "cancel-both",
    "all",
    "trade",
    "tokenized_asset",
    "currency",
    "XBT",
    "ZUSD,XXBT",
    "FEE",
    "grid-1",
    "OAAAAA-AAAAA-AAAAAA",
    "2026-01-01T00:00:30Z",
    "9999-99-99T99:99:99Z",
    "\0",
    "\r\n",
    "🚀",
    "İ",
    "ß",
]
ISSUED = "<an id that was issued>"  # replaced by one, when there is one

numbers = st.sampled_from(NUMBERS) | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
values = st.sampled_from(WORDS) | st.sampled_from(PAIRS) | numbers | st.just(ISSUED) | st.text(max_size=30)
listed = st.lists(values, min_size=2, max_size=4).map(",".join)
names = st.text(max_size=12) | st.sampled_from(
    ["nonce", "close[price]", "close[ordertype]", "txid[0]", "pair[]", "id["]
)


class Request(NamedTuple):
    """One call as it was drawn; `fields` are texts, or anything for JSON."""

    method: str
    client: int
    fields: dict[str, Any]
    form: str  # how it is written: form, json
    spoilt: str  # what is wrong with it: nothing, sign, nonce
    pause: int  # ns before it


# Where an order rests, meets the other account, or meets the makers.
PRICES = {
    "XBTEUR": ["57927.5", "57927.5", "57927.0", "57928.0", "57928.7", "57900"],
    "XBTUSD": ["68342.3", "68342.4", "68000", "69000"],
    "ETHXBT": ["0.02", "0.05"],
}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Orders that mostly pass, around the prices where the accounts and the makers can meet."""
    pair = draw(st.sampled_from(["XBTEUR", "XBTEUR", "XBTEUR", "XBTUSD", "ETHXBT"]))
    fields = {
        "pair": pair,
        "type": draw(st.sampled_from(["buy", "sell"])),
        "ordertype": draw(st.sampled_from(["limit", "limit", "limit", "market"])),
        "volume": draw(st.sampled_from(["0.01", "0.01234567", "0.05", "0.1", "3", "40"])),
        "price": draw(st.sampled_from(PRICES[pair])),
    }
    extras = {
        "oflags": ["fcib", "post", "fciq,post", "nompp"],
        "timeinforce": ["IOC", "FOK", "GTC"],
        "stptype": ["cancel-oldest", "cancel-both"],
        "userref": ["1", "2"],
        "cl_ord_id": ["a", "b"],
        "validate": ["true", "false"],
    }
    for name in draw(st.lists(st.sampled_from(sorted(extras)), max_size=2, unique=True)):
        fields[name] = draw(st.sampled_from(extras[name]))
    return fields


LISTS = {"Ticker": "pair", "AssetPairs": "pair", "Assets": "asset"}  # without it all come, and that takes its time


@st.composite
def calls(draw: st.DrawFn) -> Request:
    """A call of an endpoint with some of its own fields, and perhaps one that is none."""
    kind = draw(st.sampled_from(["order", "order", "order", "cancel", "any", "any", "any"]))
    fields: dict[str, Any]
    if kind == "order":
        method, fields = "AddOrder", draw(orders())
        if draw(st.integers(0, 3)) == 0:
            fields[draw(st.sampled_from(FIELDS["AddOrder"]))] = draw(values)
    elif kind == "cancel":
        method, fields = "CancelOrder", {"txid": draw(st.just(ISSUED) | listed | st.sampled_from(["1", "2", ""]))}
    else:
        method = draw(st.sampled_from(sorted(PATHS)))
        own = st.sampled_from(FIELDS[method]) if FIELDS[method] else st.nothing()
        fields = draw(st.dictionaries(own | names, values | listed, max_size=4))
        if method in LISTS:
            fields.setdefault(LISTS[method], draw(values))
    form = draw(st.sampled_from(["form", "form", "json"]))
    if form == "json" and draw(st.booleans()):
        fields |= draw(st.dictionaries(st.sampled_from(FIELDS[method] or ["x"]) | names, jsons, max_size=2))
    return Request(
        method,
        draw(st.integers(0, 1)),
        fields,
        form,
        draw(st.sampled_from(["", "", "", "", "", "", "", "sign", "nonce"])),
        draw(st.sampled_from([0, 0, 1, 999, SECOND, 86_400 * SECOND])),
    )


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10) | values,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def proper(answer: Answer) -> bool:
    """Whether it is one of the two forms that an answer may have; never the one for our own faults."""
    if answer.content_type == b"text/html":
        return answer.status in (403, 405, 413, 414) and answer.body.startswith(b"<html>")
    envelope = json.loads(answer.body)
    errors = envelope["error"]
    assert answer.content_type == b"application/json"
    assert next(iter(envelope)) == "error"
    assert all(isinstance(error, str) and error[0] == "E" and ":" in error for error in errors)
    assert errors or "result" in envelope
    assert "EGeneral:Internal error" not in errors
    return answer.status == (404 if errors == ["EGeneral:Unknown method"] else 200)


def assets(sandbox: Sandbox) -> Counter[str]:
    """What there is of each asset in all accounts together."""
    total: Counter[str] = Counter()
    for account in sandbox.exchange.accounts.values():
        total.update(account.balances)
    return total


def check_accounts(sandbox: Sandbox) -> None:
    """Holds follow from the open orders, cover nobody's last unit, and ledgers explain balances."""
    for account in sandbox.exchange.accounts.values():
        if not account.client:
            continue
        held: Counter[str] = Counter()
        for order in account.open.values():
            held[order.hold_asset.id] += order.needed(order.remaining)
        for asset, units in account.balances.items():
            assert held[asset] == account.held[asset]
            assert 0 <= held[asset] <= units
        told: Counter[str] = Counter()
        for entry in account.ledger.values():
            told[entry.asset] += entry.amount - entry.fee
            assert told[entry.asset] == entry.balance
        assert dict(told) == account.balances


def scope_of(verb: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": verb,
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }


def play(client: Client, request: Request) -> Answer:
    """Write a call down as drawn, sign it, and send it."""
    sandbox = client.sandbox
    if request.pause:
        sandbox.clock.advance(request.pause)
    issued = [txid for account in sandbox.exchange.accounts.values() for txid in (*account.orders, *account.trades)]
    fields = {
        name: value.replace(ISSUED, issued[len(issued) // 2] if issued else "x") if isinstance(value, str) else value
        for name, value in request.fields.items()
    }
    path = PATHS[request.method]
    if "/public/" in path:
        query = urlencode({name: str(value) for name, value in fields.items()}, errors="replace")
        return sandbox.rest.answer(scope_of("GET", path.encode(), query.encode(), []), b"")
    nonce = "0" if request.spoilt == "nonce" else str(next(client.nonces))
    if request.form == "form":
        written = urlencode({"nonce": nonce, **{name: str(value) for name, value in fields.items()}}, errors="replace")
    else:
        written = json.dumps({"nonce": nonce, **fields})
    body = written.encode()
    headers = client.signed(path, nonce, body)
    if request.spoilt == "sign":
        headers["API-Sign"] = headers["API-Sign"][::-1]
    headers["Content-Type"] = "application/json" if request.form == "json" else headers["Content-Type"]
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return sandbox.rest.answer(scope_of("POST", path.encode(), b"", sent), body)


OPTIONS: dict[str, list[Any]] = {
    "dialect": ["observed"],
    "public_post_response": ["404", "allow"],
    "post_only_crossing": ["cancel"],
    "nonce_consumed_on_later_failure": [False],
    "market_price_protection": ["off", "0", "0.01"],
    "api_key_info_case": ["both"],
}
options = st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in OPTIONS.items()})


@settings(CALM, max_examples=60)
@given(requests=st.lists(calls(), min_size=1, max_size=12), chosen=options)
def test_calls(client_of: Callable[[Sandbox, str], Client], requests: list[Request], chosen: dict[str, Any]) -> None:
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    sandbox.settings.patch(chosen)
    clients = [client_of(sandbox, "full"), client_of(sandbox, "second")]
    before = assets(sandbox)
    for request in requests:
        assert proper(play(clients[request.client], request)), request
    assert assets(sandbox) == before
    check_accounts(sandbox)
    for client in clients:
        assert "ZUSD" in client.call("Balance")
    assert len(sandbox.journal) == len(requests) + 2


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_day(client_of: Callable[[Sandbox, str], Client], seed: int) -> None:
    """Two accounts and the makers, hundreds of orders in each other's way, most of what they own at stake."""
    rng = random.Random(seed)
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    clients = [client_of(sandbox, "full"), client_of(sandbox, "second")]
    before = assets(sandbox)
    placed: list[str] = []
    outcomes: Counter[str] = Counter()
    for step in range(400):
        client = clients[rng.random() < 0.6]
        if rng.random() < 0.15 and placed:
            answer = client.post("CancelOrder", txid=",".join(rng.choices(placed, k=2)))
        else:
            pair = rng.choice(["XBTEUR", "XBTEUR", "XBTEUR", "XBTUSD"])
            answer = client.post(
                "AddOrder",
                pair=pair,
                type=rng.choice(["buy", "sell"]),
                ordertype=rng.choice(["limit", "limit", "limit", "market"]),
                volume=f"{rng.choice([0.02, 0.1, 1, 7]) * rng.random():.8f}",
                price=rng.choice(PRICES[pair]),
                oflags=rng.choice(["", "", "fcib", "post"]),
                timeinforce=rng.choice(["GTC", "GTC", "IOC"]),
                stptype=rng.choice(["", "cancel-oldest", "cancel-both"]),
            )
            placed += [] if answer.errors else answer.result["txid"]
        outcomes.update(answer.errors or ["fine"])
        sandbox.clock.advance(rng.choice([0, 1, SECOND]))
        if step % 40 == 0:
            check_accounts(sandbox)
    check_accounts(sandbox)
    assert assets(sandbox) == before
    # It was a day worth the name: both sides of trades between the two, and refusals for want of money.
    second = sandbox.exchange.accounts["second"]
    assert {trade.maker for trade in second.trades.values()} == {True, False}
    assert {trade.trade_id for trade in second.trades.values()} & {
        trade.trade_id for trade in sandbox.exchange.accounts["main"].trades.values()
    }
    assert outcomes["fine"] > 150
    assert outcomes["EOrder:Insufficient funds"] > 10
    reasons = {order.reason for order in second.orders.values()}
    assert {"User requested", "Cannot trade with self", "Insufficient liquidity", None} <= reasons


KNOWN_HEADERS = [b"api-key", b"api-sign", b"content-type", b"user-agent", b"content-length", b"host", b"x"]
HEADER_VALUES = [
    b"MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W",
    b"application/json",
    b"application/x-www-form-urlencoded; charset=utf-8",
    b"multipart/form-data",
    b"",
]
headers = st.lists(
    st.tuples(st.sampled_from(KNOWN_HEADERS), st.sampled_from(HEADER_VALUES) | st.binary(max_size=90)), max_size=6
)
verbs = st.sampled_from(["GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "get", ""]) | st.text(max_size=8)
known_paths = st.sampled_from(sorted(PATHS.values())).map(str.encode)
paths = known_paths | known_paths | st.tuples(known_paths, st.binary(max_size=5)).map(b"".join) | st.binary(max_size=40)
queries = st.binary(max_size=60) | st.dictionaries(names, values, max_size=3).map(
    lambda fields: urlencode(fields).encode()
)
bodies = (
    st.binary(max_size=80)
    | st.dictionaries(st.just("nonce") | names, values, max_size=3).map(lambda fields: urlencode(fields).encode())
    | jsons.map(json.dumps).map(str.encode)
    | st.dictionaries(st.just("nonce") | names, jsons, max_size=3).map(json.dumps).map(str.encode)
    | st.tuples(st.sampled_from(["[", '{"a":', "&", "%"]), st.sampled_from([1, 9000, 1 << 20])).map(
        lambda drawn: (drawn[0] * drawn[1]).encode()[: (1 << 20) + 1]
    )
)


@settings(CALM, max_examples=120)
@given(verb=verbs, path=paths, query=queries, headers=headers, body=bodies, chosen=options, agent=st.booleans())
def test_anything_at_all(
    client_of: Callable[[Sandbox, str], Client],
    verb: str,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    chosen: dict[str, Any],
    agent: bool,
) -> None:
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    sandbox.settings.patch(chosen | {"require_user_agent": agent})
    before = assets(sandbox)
    assert proper(sandbox.rest.answer(scope_of(verb, path, query, headers), body))
    assert assets(sandbox) == before
    sandbox.settings.patch({"require_user_agent": False})
    assert client_of(sandbox, "full").post("Balance").errors == []


@settings(CALM, max_examples=80)
@given(
    path=known_paths,
    body=bodies,
    nonce=numbers | st.integers(0, 2**64).map(str),
    kind=st.sampled_from(HEADER_VALUES[1:]),
)
def test_any_body_with_a_good_signature(
    client_of: Callable[[Sandbox, str], Client], path: bytes, body: bytes, nonce: str, kind: bytes
) -> None:
    """Signed for the nonce that stands in front, whatever follows it."""
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    kraken = client_of(sandbox, "full")
    for written in (b"nonce=" + quote(nonce).encode() + b"&" + body, body):
        signed = kraken.signed(path.decode(), nonce, written, kind.decode())
        sent = [(name.lower().encode(), value.encode()) for name, value in signed.items()]
        assert proper(sandbox.rest.answer(scope_of("POST", path, b"", sent), written))
    check_accounts(sandbox)


def test_the_permissions_of_a_key_never_break_an_answer(client_of: Callable[[Sandbox, str], Client]) -> None:
    """Every private endpoint with every single permission, and without any field."""
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    for code in CODES:
        sandbox.keys.create("main", code, now=START, permissions=[code])
        client = client_of(sandbox, code)
        for endpoint in ENDPOINTS:
            if isinstance(endpoint, Private):
                assert proper(play(client, Request(endpoint.name, 0, {}, "form", "", 0)))
