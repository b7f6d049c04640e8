"""What goes wrong, and how it is said: the edge and the envelope (kraken/10 §0, §1.9, §1.10).

Every fault by itself, which of two answers, and the permissions are walked through in gate/test_walk_*.py.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mockkraken.rest import edge
from mockkraken.rest.endpoint import Private, Public
from mockkraken.rest.routes import ENDPOINTS, path_of

if TYPE_CHECKING:
    from traders import Client, Reply

    from mockkraken.sandbox import Sandbox

PRIVATE = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Private)]
PUBLIC = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Public)]
FORM = "application/x-www-form-urlencoded"
UNKNOWN_METHOD = b'{"error":["EGeneral:Unknown method"]}'
INVALID_SIGNATURE = b'{"error":["EAPI:Invalid signature"]}'


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


# The query of a private call


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
        ("/ws", "this is a WebSocket's URL: it takes an upgrade (ws://), not a plain request"),
        ("/ws/v2", "this is a WebSocket's URL: it takes an upgrade (ws://), not a plain request"),
        ("/ws-auth/v2", "this is a WebSocket's URL: it takes an upgrade (ws://), not a plain request"),
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
