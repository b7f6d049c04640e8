"""What goes wrong, and how it is said: the edge, the gate and the envelope (kraken/10 §0, §1.9, §1.10, §3.3)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mockkraken.clock import SECOND
from mockkraken.gate.permissions import CODES
from mockkraken.gate.signature import sign
from mockkraken.rest import edge
from mockkraken.rest.app import ENDPOINTS, path_of
from mockkraken.rest.endpoint import Private, Public

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client, Reply

    from mockkraken.sandbox import Sandbox

PRIVATE = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Private)]
PUBLIC = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Public)]
FORM = "application/x-www-form-urlencoded"
UNKNOWN_METHOD = b'{"error":["EGeneral:Unknown method"]}'
INVALID_KEY = b'{"error":["EAPI:Invalid key"]}'
INVALID_SIGNATURE = b'{"error":["EAPI:Invalid signature"]}'
INVALID_NONCE = b'{"error":["EAPI:Invalid nonce"]}'
DENIED = b'{"error":["EGeneral:Permission denied"]}'


def html(answer: Reply, status: int, title: str) -> bool:
    """Whether it is a proxy's page: clients find `<` where they want `{`."""
    assert answer.status == status
    assert answer.content_type == "text/html"
    assert answer.body.startswith(b"<html>")
    return f"<title>{status} {title}</title>".encode() in answer.body


# Routing


@pytest.mark.parametrize(
    "path",
    [
        "/0/public/Foo",
        "/0/public/time",
        "/0/public/TIME",
        "/0/public/Time/",
        "/0/public//Time",
        "/0/public/Tim%65",
        "/0/public/Balance",
        "/0/public/",
        "/0/public",
        "/0/private/Foo",
        "/0/private/balance",
        "/0/private/GetAPIKeyInfo",
        "/0/private/AddOrder/",
        "/0/private/Time",
        "/0/private/Stake",
        "/0/private/Staking/Assets",
        "/0/private",
        "/1/public/Time",
        "/0/Public/Time",
        "/funding/v1/methods",
        "/",
        "",
        "/favicon.ico",
    ],
)
def test_unknown_methods(kraken: Client, path: str) -> None:
    for verb in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = kraken.send(verb, path, b"nonce=1")
        assert (answer.status, answer.content_type, answer.body) == (404, "application/json", UNKNOWN_METHOD)
    record = kraken.journal()
    assert (record["check"], record["http_status"], record["outcome"]) == ("routing", 404, "refused")
    assert record["error"] == "EGeneral:Unknown method"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_the_case_of_a_method_counts(kraken: Client, endpoint: Public | Private) -> None:
    path, name = path_of(endpoint), endpoint.name
    others = {name.lower(), name.upper(), name.swapcase(), name.capitalize(), name[0].lower() + name[1:]} - {name}
    wrong = [path.replace(name, other) for other in others]
    wrong += [path.replace("/0/", "/0//"), path.replace("/0/", "/1/"), path.upper(), f"{path}/"]
    wrong += [path.replace("/public/", "/private/") if "/public/" in path else path.replace("/private/", "/public/")]
    for other in wrong:
        assert [kraken.send(verb, other).body for verb in ("GET", "POST")] == [UNKNOWN_METHOD] * 2


def test_an_unknown_method_is_seen_before_a_bad_key(kraken: Client) -> None:
    answer = kraken.send("POST", "/0/private/Balances", b"[]", headers={"API-Key": "nobody"})
    assert answer.body == UNKNOWN_METHOD


@pytest.mark.parametrize("endpoint", PUBLIC, ids=lambda endpoint: endpoint.name)
def test_public_methods_take_get_only(kraken: Client, endpoint: Public) -> None:
    for verb in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "BREW"):
        assert html(kraken.send(verb, path_of(endpoint), b"pair=XBTUSD"), 405, "Not Allowed")
    assert kraken.journal()["check"] == "verb"


@pytest.mark.parametrize("endpoint", PRIVATE, ids=lambda endpoint: endpoint.name)
def test_private_methods_take_post_only(kraken: Client, endpoint: Private) -> None:
    signed = kraken.signed(path_of(endpoint), "1", b"nonce=1")
    for verb in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        assert html(kraken.send(verb, path_of(endpoint), b"nonce=1", headers=signed), 405, "Not Allowed")
    answer = kraken.send("GET", path_of(endpoint), b"nonce=1", headers=signed)
    assert (answer.status, answer.body) == (200, b'{"error":["EGeneral:Invalid arguments"]}')
    assert kraken.journal()["check"] == "verb"
    assert kraken.post_raw(endpoint.name, b"nonce=1", nonce=1).errors != ["EAPI:Invalid nonce"]  # it was not used up


@pytest.mark.parametrize("body", [b"pair=XBTUSD", b'{"pair":"XBTUSD"}'])
def test_what_a_post_to_a_public_method_gets_is_a_setting(kraken: Client, sandbox: Sandbox, body: bytes) -> None:
    def post() -> Reply:
        return kraken.send("POST", "/0/public/Ticker", body)

    assert html(post(), 405, "Not Allowed")
    sandbox.settings.patch({"public_post_response": "404"})
    assert (post().status, post().body) == (404, UNKNOWN_METHOD)
    sandbox.settings.patch({"public_post_response": "allow"})
    assert post() == kraken.get("Ticker", pair="XBTUSD")
    assert list(kraken.send("POST", "/0/public/Ticker", b"", query="pair=ETHUSD").result) == ["XETHZUSD"]
    assert kraken.send("POST", "/0/public/Ticker", b"{").refusal == "EAPI:Bad request"
    assert html(kraken.send("PUT", "/0/public/Ticker", body), 405, "Not Allowed")


# The edge


def test_a_url_longer_than_8192_bytes(kraken: Client) -> None:
    path = "/0/public/Ticker"
    longest = "pair=XBTUSD&x=".ljust(edge.URL_MAX - len(path) - 1, "x")
    assert len(f"{path}?{longest}") == 8192
    assert kraken.send("GET", path, query=longest).errors == []
    assert html(kraken.send("GET", path, query=longest + "x"), 414, "Request-URI Too Large")
    assert html(kraken.send("GET", "/" + "x" * 9000), 414, "Request-URI Too Large")
    assert html(kraken.send("POST", "/0/private/Balance", query="x" * 9000), 414, "Request-URI Too Large")
    assert kraken.journal()["check"] == "routing"


def test_a_path_of_8192_bytes_without_a_query_is_not_too_long(kraken: Client) -> None:
    assert kraken.send("GET", "/".ljust(8192, "x")).status == 404
    assert kraken.send("GET", "/".ljust(8193, "x")).status == 414


def test_a_body_too_large(kraken: Client) -> None:
    body = b"nonce=1&x=".ljust(edge.BODY_MAX, b"x")
    assert kraken.post_raw("Balance", body, nonce=1).errors == []
    assert html(kraken.post_raw("Balance", body + b"x", nonce=2), 413, "Request Entity Too Large")
    assert kraken.journal()["check"] == "body"
    assert kraken.post_raw("Balance", b"nonce=2", nonce=2).errors == []


def test_a_user_agent_may_be_required(kraken: Client, sandbox: Sandbox) -> None:
    assert kraken.send("GET", "/0/public/Time").status == 200
    sandbox.settings.patch({"require_user_agent": True})
    for headers in ({}, {"User-Agent": ""}):
        assert html(kraken.send("GET", "/0/public/Time", headers=headers), 403, "Forbidden")
        assert html(kraken.send("POST", "/0/private/Balance", b"nonce=1", headers=headers), 403, "Forbidden")
        assert html(kraken.send("GET", "/nowhere", headers=headers), 403, "Forbidden")
    assert kraken.send("GET", "/0/public/Time", headers={"user-agent": "curl/8"}).status == 200
    assert kraken.journal()["user_agent"] == "curl/8"


# The gate, row by row (kraken/10 §1.9)


def test_no_key_and_unknown_keys(kraken: Client) -> None:
    path, body = "/0/private/Balance", b"nonce=1"
    headers = kraken.signed(path, "1", body)
    without = {name: value for name, value in headers.items() if name != "API-Key"}
    assert kraken.send("POST", path, body, headers=without).body == INVALID_KEY
    assert kraken.send("POST", path, body).body == INVALID_KEY
    key = kraken.api_key
    for wrong in (
        "",
        "nobody",
        "full",
        key.lower(),
        f" {key}",
        f'"{key}"',
        f"{key}\n",
        key[:-1],
        kraken.api_secret,
        "ÿ",
    ):
        answer = kraken.send("POST", path, body, headers=headers | {"API-Key": wrong})
        assert (answer.status, answer.body) == (200, INVALID_KEY)
        assert kraken.journal()["check"] == "key"
        assert kraken.journal()["api_key"] is None
        assert kraken.api_secret not in str(kraken.journal())
    assert kraken.send("POST", path, body, headers=headers).errors == []


def test_expired_disabled_and_deleted_keys(login: Callable[..., Client], sandbox: Sandbox) -> None:
    expired = login("expired")
    assert expired.post("Balance").body == INVALID_KEY
    assert expired.journal()["check"] == "expiry"
    used = login("used", permissions=CODES)
    assert used.post("Balance").errors == []
    key = sandbox.keys.find("used")
    assert key is not None
    sandbox.keys.edit(key, {"disabled": True}, now=sandbox.clock.now())
    assert used.post("Balance").body == INVALID_KEY
    sandbox.keys.edit(key, {"disabled": False, "valid_until": sandbox.clock.now() + SECOND}, now=sandbox.clock.now())
    assert used.post("Balance").errors == []
    sandbox.clock.advance(SECOND)
    assert used.post("Balance").body == INVALID_KEY
    sandbox.keys.delete(key)
    assert used.post("Balance").body == INVALID_KEY
    assert used.journal()["check"] == "key"


@pytest.mark.parametrize(
    ("setting", "body"), [("EAPI:Invalid key", INVALID_KEY), ("EGeneral:Permission denied", DENIED)]
)
def test_an_address_that_is_not_allowed(
    login: Callable[..., Client], sandbox: Sandbox, setting: str, body: bytes
) -> None:
    sandbox.settings.patch({"ip_denied_error": setting})
    restricted = login("restricted")
    path = "/0/private/Balance"

    def call(nonce: int, remote: str) -> Reply:
        form = b"nonce=%d" % nonce
        return restricted.send("POST", path, form, headers=restricted.signed(path, str(nonce), form), remote=remote)

    assert call(1, "127.0.0.1").body == body
    assert restricted.journal()["check"] == "address"
    assert call(1, "203.0.114.1").body == body
    assert call(1, "").body == body
    assert call(1, "203.0.113.77").errors == []
    assert call(2, "::ffff:203.0.113.1").errors == []


def test_no_signature_and_wrong_ones(kraken: Client, sandbox: Sandbox) -> None:
    path, body = "/0/private/Balance", b"nonce=1"
    headers = kraken.signed(path, "1", body)
    good = headers["API-Sign"]
    del headers["API-Sign"]
    assert kraken.send("POST", path, body, headers=headers).body == INVALID_SIGNATURE
    malformed = ["", "no base64!", good[:-1], good + "=", good.replace("=", ""), "é" * 88, "ab" * 64]
    others = [
        sign(kraken.api_secret, "/0/private/BalanceEx", "1", body),
        sign(kraken.api_secret, path, "2", body),
        sign(kraken.api_secret, path, "1", b"nonce=1&"),
        sign("AQID", path, "1", body),
    ]
    for wrong in malformed + others:
        assert kraken.send("POST", path, body, headers=headers | {"API-Sign": wrong}).body == INVALID_SIGNATURE
        assert kraken.journal()["check"] == "signature"
        assert good not in str(kraken.journal())
    sandbox.settings.patch({"dialect": "observed"})
    for wrong in malformed:
        assert kraken.send("POST", path, body, headers=headers | {"API-Sign": wrong}).body == INVALID_SIGNATURE
    for wrong in others:
        assert kraken.send("POST", path, body, headers=headers | {"API-Sign": wrong}).body == INVALID_KEY
        assert kraken.journal()["check"] == "signature"
    assert kraken.send("POST", path, body, headers=headers | {"API-Sign": good}).errors == []


def test_a_query_belongs_to_what_is_signed(kraken: Client) -> None:
    path, body = "/0/private/Balance", b"nonce=1"
    bare = kraken.signed(path, "1", body)
    assert kraken.send("POST", path, body, query="a=b", headers=bare).body == INVALID_SIGNATURE
    whole = kraken.signed(f"{path}?a=b", "1", body)
    assert kraken.send("POST", path, body, query="a=b", headers=whole).errors == []


def test_a_field_in_the_query_of_a_private_call_does_not_count(kraken: Client) -> None:
    path, query, body = "/0/private/TradeBalance", "asset=FOO&nonce=9", b"nonce=1"
    answer = kraken.send("POST", path, body, query=query, headers=kraken.signed(f"{path}?{query}", "1", body))
    assert answer.errors == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"pair=XBTUSD",
        b"nonce=",
        b"nonce=abc",
        b"nonce=-1",
        b"nonce=1.0",
        b"nonce=1e3",
        b"nonce=0x10",
        b"nonce=%2B1",
        b"nonce=+1",
        b"nonce=1%0A",
        b"nonce=18446744073709551616",
        b"nonce=1517?pair=XETHZEUR?type=sell",
        b"Nonce=1",
    ],
)
def test_nonces_that_are_none(kraken: Client, body: bytes) -> None:
    answer = kraken.post_raw("Balance", body, nonce="1")
    assert (answer.status, answer.body) == (200, INVALID_NONCE)
    assert kraken.journal()["check"] == "nonce"
    assert kraken.post("Balance").errors == []


def test_a_nonce_only_in_a_header_or_query_is_none(kraken: Client) -> None:
    path = "/0/private/Balance"
    headers = kraken.signed(path, "1", b"") | {"API-Nonce": "1", "nonce": "1"}
    assert kraken.send("POST", path, headers=headers).body == INVALID_NONCE
    headers = kraken.signed(f"{path}?nonce=1", "1", b"")
    assert kraken.send("POST", path, query="nonce=1", headers=headers).body == INVALID_NONCE


def test_nonces_that_are_too_low(kraken: Client) -> None:
    for nonce, good in ((5, True), (5, False), (4, False), (0, False), (6, True), (2**64 - 1, True), (7, False)):
        answer = kraken.post_raw("Balance", b"nonce=%d" % nonce, nonce=nonce)
        assert answer.body == INVALID_NONCE if not good else answer.errors == []


def test_what_uses_up_a_nonce(kraken: Client, login: Callable[..., Client]) -> None:
    """Only what has authenticated does: not a bad signature, but a missing permission and a wrong argument."""
    headers = {"API-Key": kraken.api_key, "API-Sign": sign("AQID", "/0/private/Balance", "99", b"nonce=99")}
    assert kraken.send("POST", "/0/private/Balance", b"nonce=99", headers=headers).body == INVALID_SIGNATURE
    assert kraken.post_raw("Balance", b"nonce=5", nonce=5).errors == []
    assert kraken.post_raw("AddOrder", b"nonce=6", nonce=6).refusal == "EGeneral:Invalid arguments:pair"
    assert kraken.post_raw("Balance", b"nonce=6", nonce=6).body == INVALID_NONCE
    readonly = login("readonly")
    assert readonly.post_raw("AddOrder", b"nonce=6", nonce=6).body == DENIED
    assert readonly.post_raw("Balance", b"nonce=6", nonce=6).body == INVALID_NONCE


def test_whether_a_refusal_after_the_nonce_uses_it_up_is_a_setting(login: Callable[..., Client]) -> None:
    readonly = login("readonly")
    readonly.sandbox.settings.patch({"nonce_consumed_on_later_failure": False})
    assert readonly.post_raw("AddOrder", b"nonce=6", nonce=6).body == DENIED
    assert readonly.post_raw("Ledgers", b"nonce=6&type=x", nonce=6).refusal == "EGeneral:Invalid arguments:type"
    assert readonly.post_raw("QueryOrders", b"nonce=6", nonce=6).refusal == "EGeneral:Invalid arguments:txid"
    assert readonly.post_raw("Balance", b"nonce=6", nonce=6).errors == []
    assert readonly.post_raw("Balance", b"nonce=6", nonce=6).body == INVALID_NONCE


def test_which_fault_answers_first(login: Callable[..., Client]) -> None:
    """kraken/10 §6: each request has all the faults that stand below its own."""
    readonly = login("readonly")
    path, stale = "/0/private/AddOrder", b"nonce=1&pair=FOOBAR"
    readonly.post("Balance")
    headers = readonly.signed(path, "1", stale)
    unsigned = {"API-Key": readonly.api_key, "API-Sign": "x"}
    assert readonly.send("POST", path, b"{", headers={"API-Key": "nobody"}).refusal == "EAPI:Bad request"
    assert readonly.send("POST", path, b"nonce=x", headers={"API-Key": "nobody"}).body == INVALID_KEY
    assert readonly.send("POST", path, b"nonce=x", headers=unsigned).body == INVALID_NONCE
    assert readonly.send("POST", path, stale, headers=unsigned).body == INVALID_SIGNATURE
    assert readonly.send("POST", path, stale, headers=headers).body == INVALID_NONCE
    assert readonly.post("AddOrder", pair="FOOBAR").body == DENIED


# Permissions (kraken/10 §3.3), from the endpoints' own declarations

NEEDS = {
    "Balance": "query-funds",
    "BalanceEx": "query-funds",
    "TradeVolume": "query-funds",
    "TradeBalance": "query-open-trades",
    "OpenOrders": "query-open-trades",
    "OpenPositions": "query-open-trades",
    "ClosedOrders": "query-closed-trades",
    "TradesHistory": "query-closed-trades",
    "QueryTrades": "query-closed-trades",
    "QueryOrders": "query-open-trades or query-closed-trades",
    "Ledgers": "query-ledger",
    "QueryLedgers": "query-ledger",
    "GetApiKeyInfo": "any valid key",
    "GetWebSocketsToken": "create-ws-token",
    "AddOrder": "modify-trades",
    "CancelOrder": "modify-trades or close-trades",
    "CancelAll": "modify-trades or close-trades",
    "AddOrderBatch": "modify-trades and close-trades",
    "EditOrder": "modify-trades and close-trades",
    "AmendOrder": "modify-trades or close-trades",
    "CancelOrderBatch": "modify-trades or close-trades",
    "CancelAllOrdersAfter": "modify-trades or close-trades",
    "OrderAmends": "query-open-trades or query-closed-trades",
}


@pytest.mark.parametrize("endpoint", PRIVATE, ids=lambda endpoint: endpoint.name)
def test_permissions(login: Callable[..., Client], endpoint: Private) -> None:
    """A key that lacks one thing is refused; one that has just enough is refused for anything but that."""
    if endpoint.name in NEEDS:
        assert endpoint.needs.text == NEEDS[endpoint.name]
    codes = endpoint.needs.codes
    if endpoint.needs.either:
        lacking, enough = [set(CODES) - codes], [{code} for code in sorted(codes)]
    else:
        lacking, enough = [set(CODES) - {code} for code in sorted(codes)], [set(codes)]
    for number, permissions in enumerate(lacking):
        client = login(f"lacking-{number}", permissions=permissions)
        # The permission is looked at before any argument.
        for fields in ({}, {"pair": "FOOBAR", "txid": "x", "volume": "-1"}):
            answer = client.post(endpoint.name, **fields)
            assert (answer.status, answer.body) == (200, DENIED)
            assert client.journal()["check"] == "permission"
    for number, permissions in enumerate(enough):
        client = login(f"enough-{number}", permissions=permissions)
        for fields in ({}, {"pair": "FOOBAR", "txid": "x", "volume": "-1"}):
            assert client.post(endpoint.name, **fields).body != DENIED


def test_every_endpoint_of_the_table_is_there() -> None:
    assert NEEDS.keys() <= {endpoint.name for endpoint in PRIVATE}
    assert len({path_of(endpoint) for endpoint in ENDPOINTS}) == len(ENDPOINTS)


# A refusal leaves no trace


def trace(sandbox: Sandbox) -> Any:
    """Everything of accounts and books that could have moved."""
    accounts = sandbox.exchange.accounts.values()
    return (
        [(account.name, dict(account.balances), {k: v for k, v in account.held.items() if v}) for account in accounts],
        [
            (list(account.orders), list(account.open), list(account.open_by_cl_ord_id), len(account.closed))
            for account in accounts
            if account.client
        ],
        [(list(account.trades), len(account.executions), list(account.ledger)) for account in accounts],
        [(pair, market.book.version, len(market.tape.prints)) for pair, market in sandbox.exchange.markets.items()],
    )


REFUSED = [
    ("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "99", "price": "60000"}),
    ("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "0.01"}),
    ("AddOrder", {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "101"}),
    (
        "AddOrder",
        {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "69000", "oflags": "post"},
    ),
    ("CancelOrder", {"txid": "OAAAAA-AAAAA-AAAAAA"}),
    ("CancelOrder", {"txid": "77"}),
    ("CancelOrder", {}),
    ("QueryTrades", {"txid": "x"}),
    ("Nothing", {}),
]


@pytest.mark.parametrize(("method", "fields"), REFUSED)
def test_a_refusal_leaves_no_trace(kraken: Client, sandbox: Sandbox, method: str, fields: dict[str, str]) -> None:
    kraken.buy("0.1", "60000", userref="5")
    kraken.buy("0.1")
    before = trace(sandbox)
    assert kraken.post(method, **fields).errors
    assert kraken.post_raw(method, b"nonce=1", nonce=1).errors
    assert kraken.send("POST", f"/0/private/{method}", b"nonce=99").errors
    assert trace(sandbox) == before
    assert kraken.post_raw("GetApiKeyInfo", b"nonce=99", nonce=99).errors == []


# The envelope


def test_success_has_error_before_result_and_failure_has_no_result(kraken: Client) -> None:
    for endpoint in ENDPOINTS:
        query = "pair=XBTUSD"
        answer = kraken.get(endpoint.name, query) if isinstance(endpoint, Public) else kraken.post(endpoint.name)
        assert answer.content_type == "application/json"
        if answer.errors:
            assert re.fullmatch(rb'\{"error":\["E[A-Za-z]+:[^"]+"\]\}', answer.body)
        else:
            assert answer.body.startswith(b'{"error":[],"result":')
        assert b" " not in re.sub(rb'"[^"]*"', b"", answer.body)


def test_a_fault_of_ours_is_an_internal_error(
    kraken: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing should raise; should something, the client gets an answer and the log the traceback."""
    monkeypatch.delattr(type(kraken.sandbox.exchange), "cancel_all")
    assert kraken.post("CancelAll").refusal == "EGeneral:Internal error"
    assert "CancelAll failed" in caplog.text
    assert kraken.journal()["outcome"] == "refused"


def test_the_journal_names_what_was_refused_and_why(kraken: Client) -> None:
    kraken.post_raw("Balance", b"nonce=9", nonce=9)
    kraken.post_raw("Balance", b"nonce=8", nonce=8)
    record = kraken.journal()
    reason = record.pop("reason")
    assert "8" in reason
    assert "9" in reason
    assert {name: record[name] for name in ("seq", "endpoint", "nonce", "account", "key", "error", "check")} == {
        "seq": 2,
        "endpoint": "Balance",
        "nonce": "8",
        "account": "main",
        "key": "full",
        "error": "EAPI:Invalid nonce",
        "check": "nonce",
    }
    assert (record["transport"], record["remote"], record["http_status"]) == ("rest", "127.0.0.1", 200)


# Through the real protocol


def test_over_asgi(kraken: Client, sandbox: Sandbox) -> None:
    async def play() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=sandbox.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://kraken.test") as client:
            body = b'{"nonce": "1", "pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": 0.1}'
            signed = kraken.signed("/0/private/AddOrder", "1", body, "application/json")

            async def chunks() -> Any:
                for start in range(0, len(body), 7):
                    yield body[start : start + 7]

            return [
                await client.get("/0/public/Time"),
                await client.get("/0/public/Ticker", params={"pair": "BTC/USD"}),
                await client.post("/0/private/AddOrder", content=chunks(), headers=signed),
                await client.post("/0/public/Time"),
                await client.get("/0/public/time"),
            ]

    time, ticker, order, post, unknown = asyncio.run(play())
    assert time.content == b'{"error":[],"result":{"unixtime":1767225600,"rfc1123":"Thu,  1 Jan 26 00:00:00 +0000"}}'
    assert time.headers["content-type"] == "application/json"
    assert time.headers["content-length"] == str(len(time.content))
    assert list(ticker.json()["result"]) == ["BTC/USD"]
    assert order.json()["result"]["descr"] == {"order": "buy 0.10000000 XBTUSD @ market"}
    assert (post.status_code, post.headers["content-type"]) == (405, "text/html")
    assert (unknown.status_code, unknown.content) == (404, UNKNOWN_METHOD)
    assert [record["http_status"] for record in sandbox.journal.records()[0]] == [200, 200, 200, 405, 404]


def drive(sandbox: Sandbox, messages: list[dict[str, Any]]) -> list[Any]:
    """What the application sends when it is handed these messages for a call of Balance."""
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/0/private/Balance",
        "query_string": b"",
        "headers": [],
        "client": None,
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(sandbox.rest(scope, receive, send))
    return sent


@pytest.mark.parametrize("before", [[], [{"type": "http.request", "body": b"nonce=1", "more_body": True}]])
def test_a_client_that_hangs_up_gets_nothing_and_has_asked_nothing(
    sandbox: Sandbox, before: list[dict[str, Any]]
) -> None:
    assert drive(sandbox, [*before, {"type": "http.disconnect"}]) == []
    assert len(sandbox.journal) == 0


def test_a_body_in_many_parts_is_read_whole_and_its_size_bounded(sandbox: Sandbox) -> None:
    part = {"type": "http.request", "body": b"x" * (edge.BODY_MAX // 2), "more_body": True}
    start, body = drive(sandbox, [part, part, {"type": "http.request"}])
    assert (start["status"], json.loads(body["body"])) == (200, {"error": ["EAPI:Invalid key"]})
    start, _ = drive(sandbox, [part] * 20 + [{"type": "http.request", "body": b"", "more_body": False}])
    assert start["status"] == 413


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/0/private/DepositMethods", "Kraken has this method, mockkraken does not simulate it yet"),
        ("/0/private/GetAPIKeyInfo", "there is no such method; it is spelled /0/private/GetApiKeyInfo"),
        ("/0/public/trades", "there is no such method; it is spelled /0/public/Trades"),
        ("/0/private/Foo", "there is no such method"),
        ("/ws", "Kraken has WebSockets, mockkraken does not simulate them yet"),
        ("/ws/v2", "Kraken has WebSockets, mockkraken does not simulate them yet"),
        ("/ws-auth/v2", "Kraken has WebSockets, mockkraken does not simulate them yet"),
        ("/wsx", "there is no such method"),
    ],
)
def test_the_journal_tells_a_gap_from_a_slip(kraken: Client, path: str, reason: str) -> None:
    assert kraken.send("POST", path).status == 404
    assert kraken.journal()["reason"] == reason


def test_a_partly_unknown_list_is_answered_and_explained(kraken: Client) -> None:
    assert kraken.get("Ticker", pair="XBTUSD,NOPE").errors == ["EQuery:Unknown asset pair"]
    record = kraken.journal()
    assert (record["outcome"], record["error"]) == ("accepted", "EQuery:Unknown asset pair")
    assert "NOPE" in record["reason"]
