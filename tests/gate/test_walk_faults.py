"""Every fault of kraken/10 §1.7 to §1.9 and its answer, and which of two answers (§6), through the REST application.

The tables are written from the reference, not from the code. Edge failures, `EAPI:Feature disabled` and what else only
an injected fault can bring about are tested where faults are.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import pytest
from pyotp import TOTP

from mockkraken.clock import SECOND
from mockkraken.control.client import AccountsControl, LockoutControl
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.market_client import StatusControl
from mockkraken.control.operations import Control

KEY, SIGN, NONCE = "EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"
DENIED, ARGUMENTS = "EGeneral:Permission denied", "EGeneral:Invalid arguments"
UNKNOWN_METHOD = "EGeneral:Unknown method"
BAD_REQUEST = "EAPI:Bad request"
NOT_ALLOWED = "HTTP 405 Not Allowed"
JSON = {"Content-Type": "application/json"}
STRANGER = "MOCKKRAKEN" + "x" * 46

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.01"}

NOTHING: dict[str, Any] = {}


class Row(NamedTuple):
    """A request that is good but for one thing: how it is sent, and what properties its key has."""

    answer: str
    check: str | None = None
    """What refuses it; None: nothing."""
    sent: dict[str, Any] = NOTHING
    key: dict[str, Any] = NOTHING
    highest: int = 0
    observed: str | None = None
    """The answer of the dialect `observed`, where that is another one."""


def header(name: str, value: str | None) -> dict[str, Any]:
    return {"headers": {name: value}}


# §1.9, in its order. Who is asking

WHO = {
    "no API-Key": Row(KEY, "key", header("API-Key", None)),
    "empty key": Row(KEY, "key", header("API-Key", "")),
    "unknown key": Row(KEY, "key", header("API-Key", STRANGER)),
    "key in another case": Row(KEY, "key", header("API-Key", STRANGER.lower())),
    "the key's name": Row(KEY, "key", header("API-Key", "k")),
    "the secret": Row(KEY, "key", header("API-Key", "{secret}")),
    "no ASCII": Row(KEY, "key", header("API-Key", "ÿ{key}")),
    "disabled key": Row(KEY, "key", key={"disabled": True}),
    "expired key": Row(KEY, "expiry", key={"valid_until": 1_767_225_600 * SECOND}),
    "expired long ago": Row(KEY, "expiry", key={"valid_until": 1}),
    "blank before": Row(KEY, "key", header("API-Key", " {key}")),
    "blank after": Row(KEY, "key", header("API-Key", "{key} ")),
    "newline after": Row(KEY, "key", header("API-Key", "{key}\n")),
    "quoted": Row(KEY, "key", header("API-Key", '"{key}"')),
    "apostrophes": Row(KEY, "key", header("API-Key", "'{key}'")),
    "address": Row(KEY, "address", key={"ip_allowlist": ["10.0.0.0/8", "::1"]}),
}

# §1.8

WRONG = "A" * 86 + "=="
SIGNED = {
    "no API-Sign": Row(SIGN, "signature", header("API-Sign", None)),
    "empty signature": Row(SIGN, "signature", header("API-Sign", "")),
    "no base64": Row(SIGN, "signature", header("API-Sign", "*" * 88)),
    "too short": Row(SIGN, "signature", header("API-Sign", WRONG[1:])),
    "without padding": Row(SIGN, "signature", header("API-Sign", WRONG[:-2])),
    "hex": Row(SIGN, "signature", header("API-Sign", "ab" * 64)),
    "percent-encoded": Row(SIGN, "signature", header("API-Sign", "%2F" + WRONG[1:])),
    "URL-safe alphabet": Row(SIGN, "signature", header("API-Sign", "-_" + WRONG[2:])),
    "no ASCII signature": Row(SIGN, "signature", header("API-Sign", "é" * 88)),
    "another signature": Row(SIGN, "signature", header("API-Sign", WRONG), observed=KEY),
    "another secret": Row(SIGN, "signature", {"signs": {"secret": "AQID"}}, observed=KEY),
    "another path": Row(SIGN, "signature", {"signs": {"path": "/0/private/BalanceEx"}}, observed=KEY),
    "path without /0": Row(SIGN, "signature", {"signs": {"path": "/private/Balance"}}, observed=KEY),
    "another nonce": Row(SIGN, "signature", {"signs": {"nonce": "2"}}, observed=KEY),
    "another body": Row(SIGN, "signature", {"signs": {"body": b"nonce=1&"}}, observed=KEY),
    "a query that was not signed": Row(
        SIGN, "signature", {"query": "a=b", "signs": {"path": "/0/private/Balance"}}, observed=KEY
    ),
}

# §2.1

NONCES = {
    "empty body": Row(NONCE, "nonce", {"body": ""}),
    "no nonce": Row(NONCE, "nonce", {"body": "asset=ZUSD"}),
    "only in a header": Row(NONCE, "nonce", {"body": "a=b", "headers": {"API-Nonce": "1", "nonce": "1"}}),
    "only in the hash": Row(NONCE, "nonce", {"body": b"a=b", "nonce": 1}),
    "only in the query": Row(NONCE, "nonce", {"body": "a=b", "query": "nonce=1"}),
    "another case": Row(NONCE, "nonce", {"body": "Nonce={nonce}"}),
    "not numeric": Row(
        NONCE, "nonce", {"body": "nonce=1517?pair=XETHZEUR?type=sell", "nonce": "1517?pair=XETHZEUR?type=sell"}
    ),
    "JSON null": Row(NONCE, "nonce", {"body": '{"nonce":null}', "headers": JSON}),
    "JSON true": Row(NONCE, "nonce", {"body": '{"nonce":true}', "headers": JSON, "nonce": "true"}),
    "JSON list": Row(NONCE, "nonce", {"body": '{"nonce":[1]}', "headers": JSON}),
    "JSON number with a fraction": Row(NONCE, "nonce", {"body": '{"nonce":1.0}', "headers": JSON, "nonce": "1.0"}),
    "repeated": Row(NONCE, "nonce", {"nonce": 7}, highest=7),
    "lower": Row(NONCE, "nonce", {"nonce": 6}, highest=7),
    "zero": Row(NONCE, "nonce", {"nonce": 0}),
    "lower than the window": Row(NONCE, "nonce", {"nonce": 1}, key={"nonce_window": 5}, highest=7),
    **{
        f"{what} nonce": Row(NONCE, "nonce", {"nonce": text})
        for what, text in (
            ("negative", "-1"),
            ("float", "1.5"),
            ("exponent", "1e3"),
            ("hex", "0x10"),
            ("empty", ""),
            ("too large", "18446744073709551616"),
            ("endless", "9" * 1000),
            ("signed", "+1"),
            ("blank", " 1"),
            ("newline", "1\n"),
            ("grouped", "1_000"),
            ("Arabic", "٣"),
            ("word", "now"),
        )
    },
}

# §1.7

OTP = {"otp": {"password": "sesame"}}
SECOND_FACTOR = {
    "no otp": Row(DENIED, "otp", key=OTP),
    "empty otp": Row(DENIED, "otp", {"otp": ""}, OTP),
    "wrong otp": Row(SIGN, "otp", {"otp": "Sesame"}, OTP),
    "otp twice": Row(SIGN, "otp", {"body": "nonce={nonce}&otp=sesame&otp=sesame"}, OTP),
    "otp in the query": Row(DENIED, "otp", {"query": "otp=sesame"}, OTP),
    "right otp": Row("OK", sent={"otp": "sesame"}, key=OTP),
    "otp not needed": Row("OK", sent={"otp": "123456"}),
}

# What is asked

ASKED = {
    "permission": Row(DENIED, "permission", key={"permissions": ["query-ledger"]}),
    "no permission at all": Row(DENIED, "permission", key={"permissions": []}),
    "unknown private method": Row(UNKNOWN_METHOD, "routing", {"method": "Balances"}),
    "lower-case method": Row(UNKNOWN_METHOD, "routing", {"method": "balance"}),
    "GetAPIKeyInfo": Row(UNKNOWN_METHOD, "routing", {"method": "GetAPIKeyInfo"}),
    "unknown public method": Row(UNKNOWN_METHOD, "routing", {"path": "/0/public/Tickers", "verb": "GET"}),
    "public method in private": Row(UNKNOWN_METHOD, "routing", {"method": "Time"}),
    "other version": Row(UNKNOWN_METHOD, "routing", {"path": "/1/private/Balance"}),
    "path outside": Row(UNKNOWN_METHOD, "routing", {"path": "/funding/v1/methods", "verb": "GET"}),
    "root": Row(UNKNOWN_METHOD, "routing", {"path": "/"}),
    "POST to public": Row(NOT_ALLOWED, "verb", {"path": "/0/public/Time"}),
    "GET of private": Row(ARGUMENTS, "verb", {"verb": "GET"}),
    "PUT to private": Row(NOT_ALLOWED, "verb", {"verb": "PUT"}),
    "DELETE of private": Row(NOT_ALLOWED, "verb", {"verb": "DELETE"}),
    "PATCH of public": Row(NOT_ALLOWED, "verb", {"path": "/0/public/Time", "verb": "PATCH"}),
    "malformed JSON": Row(BAD_REQUEST, "body", {"body": '{"nonce":"{nonce}"', "headers": JSON}),
    "JSON list at the top": Row(BAD_REQUEST, "body", {"body": "[1]", "headers": JSON}),
    "JSON NaN": Row(BAD_REQUEST, "body", {"body": '{"nonce":"{nonce}","a":NaN}', "headers": JSON}),
    "a form announced as JSON": Row(BAD_REQUEST, "body", {"headers": JSON}),
    "JSON announced as a form": Row(BAD_REQUEST, "body", {"body": '{"nonce":"{nonce}"}'}),
    "a form that is no UTF-8": Row(BAD_REQUEST, "body", {"body": b"nonce=1&a=%ff", "nonce": 1}),
    "unsupported type": Row("OK", sent=header("Content-Type", "text/plain")),
    "no type": Row("OK", sent=header("Content-Type", None)),
    "no type, JSON": Row("OK", sent={"body": '{"nonce":"{nonce}"}', "headers": {"Content-Type": None}}),
    "unsupported type, no form": Row(
        NONCE, "nonce", {"body": '{"nonce":"{nonce}"}', "headers": {"Content-Type": "text/plain"}}
    ),
    "charset": Row("OK", sent=header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")),
    "JSON charset": Row(
        "OK", sent={"body": '{"nonce": {nonce}}', "headers": {"Content-Type": "application/json; charset=utf-8"}}
    ),
    "unknown parameter": Row("OK", sent={"colour": "green"}),
    "missing parameter": Row(f"{ARGUMENTS}:txid", "arguments", {"method": "QueryOrders"}),
    "missing parameter without a name": Row(ARGUMENTS, "arguments", {"method": "CancelOrder"}),
    "invalid parameter": Row(f"{ARGUMENTS}:ofs", "arguments", {"method": "Ledgers", "ofs": "many"}),
    "unknown asset": Row("EQuery:Unknown asset", "arguments", {"method": "TradeBalance", "asset": "NONE"}),
    "unknown pair": Row("EQuery:Unknown asset pair", "arguments", {"method": "AddOrder", **ORDER, "pair": "NONE"}),
    "long URL": Row("HTTP 414 Request-URI Too Large", "routing", {"query": "a=" + "b" * 8192}),
    "large body": Row("HTTP 413 Request Entity Too Large", "body", {"a": "b" * (1 << 20)}),
}

ROWS = WHO | SIGNED | NONCES | SECOND_FACTOR | ASKED


def ask(program, row: Row) -> str:
    program.key.nonce.place(row.highest)
    program.sandbox.keys.edit(program.key, row.key, now=program.sandbox.clock.now())
    return program.call(**row.sent)


@pytest.mark.parametrize("dialect", ["documented", "observed"])
@pytest.mark.parametrize("name", ROWS)
def test_the_answer_to_each_fault(program, sandbox, name, dialect):
    row = ROWS[name]
    sandbox.settings.patch({"dialect": dialect})
    answer = row.observed if row.observed and dialect == "observed" else row.answer
    assert ask(program, row) == answer
    record = program.journal
    assert record["check"] == row.check
    if row.check is None:
        assert (record["outcome"], record["error"], record["reason"]) == ("accepted", None, None)
        return
    page = answer.startswith("HTTP")
    status = int(answer[5:8]) if page else 404 if answer == UNKNOWN_METHOD else 200
    assert (record["outcome"], record["http_status"]) == ("refused", status)
    assert record["error"] == (None if page else answer)
    assert record["reason"]
    assert program.key.refusals == ({row.check: 1} if record["key"] else {})
    told = str(record).lower()
    secrets = (program.key.api_secret, program.signature, "sesame")
    assert [secret for secret in secrets if secret.lower() in told] == []


EARLY = {"routing", "verb", "body", "key", "address", "expiry", "nonce", "signature"}


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name].check in EARLY])
def test_who_does_not_authenticate_leaves_the_key_as_it_was(program, sandbox, name):
    """And its own request passes afterwards, with any nonce that would have passed before."""
    row = ROWS[name]
    before = sandbox.keys.all()
    ask(program, row)
    assert (program.key.nonce.highest, program.key.last_used) == (row.highest, None)
    whole = {"disabled": False, "valid_until": None, "ip_allowlist": []}
    sandbox.keys.edit(program.key, whole, now=sandbox.clock.now())
    assert program.call(nonce=row.highest + 1) == "OK"
    assert sandbox.keys.all() == before


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name].check not in EARLY])
def test_who_does_has_used_its_nonce_whatever_came_of_it(program, sandbox, name):
    ask(program, ROWS[name])
    assert program.key.nonce.highest == 1
    assert program.key.last_used == sandbox.clock.now()
    assert program.call(nonce=1, otp="sesame") == NONCE


def test_a_deleted_key(program, sandbox):
    assert program.call() == "OK"
    sandbox.keys.delete(program.key)
    assert program.call() == KEY
    assert program.journal["check"] == "key"


# The settings (§9)


@pytest.mark.parametrize("dialect", ["documented", "observed"])
@pytest.mark.parametrize(
    ("setting", "values", "rows"),
    [
        ("signature_mismatch_error", (SIGN, KEY), [name for name in SIGNED if SIGNED[name].observed]),
        ("ip_denied_error", (KEY, DENIED), ["address"]),
        ("otp_missing_error", (DENIED, SIGN, KEY), ["no otp", "empty otp", "otp in the query"]),
        ("otp_wrong_error", (SIGN, KEY, DENIED), ["wrong otp", "otp twice"]),
        ("otp_unneeded_error", (SIGN, KEY), ["otp not needed"]),
    ],
)
def test_an_answer_that_is_a_setting(program, sandbox, dialect, setting, values, rows):
    sandbox.settings.patch({"dialect": dialect, "lockout_threshold": 0})
    for value in values:
        sandbox.settings.patch({setting: value})
        for name in rows:
            assert ask(program, ROWS[name]) == value
            assert program.journal["check"] == (ROWS[name].check or "otp")
            assert program.journal["error"] == value
            sandbox.keys.edit(program.key, {"ip_allowlist": [], "otp": None}, now=0)


@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_what_is_no_signature_at_all_is_not_a_matter_of_that_setting(program, sandbox, dialect):
    sandbox.settings.patch({"dialect": dialect, "signature_mismatch_error": KEY})
    for name in SIGNED:
        if not SIGNED[name].observed:
            assert ask(program, ROWS[name]) == SIGN


# §1.7: codes of an app


def test_codes_by_time(new_program, sandbox):
    program = new_program(otp="totp")
    app = TOTP(program.key.otp.secret)

    def code(seconds: int) -> str:
        return app.at(sandbox.clock.now() // SECOND + seconds)

    assert sandbox.clock.now() % (30 * SECOND) == 0
    sandbox.clock.advance(29 * SECOND + SECOND - 1)  # the last nanosecond of a step
    assert program.call(otp=code(0)) == "OK"
    assert program.call(otp=code(0)) == "OK"  # nobody keeps a client from using it twice [guess]
    assert program.call(otp=code(-30)) == "OK"
    assert program.call(otp=code(-60)) == program.call(otp=code(1)) == SIGN
    late = code(0)
    sandbox.clock.advance(1)
    assert program.call(otp=late) == "OK"
    sandbox.settings.patch({"otp_previous_step": False})
    assert program.call(otp=late) == SIGN
    assert program.call(otp=code(0)) == "OK"
    sandbox.settings.patch({"otp_previous_step": None})
    sandbox.clock.advance(30 * SECOND - 1)
    assert program.call(otp=late) == "OK"
    sandbox.clock.advance(1)
    assert program.call(otp=late) == SIGN
    assert program.journal["check"] == "otp"
    assert late not in str(program.journal)
    assert program.call() == DENIED


# §6: of two faults, the winner


class Fault(NamedTuple):
    """One thing that is wrong: with the request, with its key, or with what it meets.

    Of two with the same `part` there can only be one.
    """

    answer: str
    check: str
    sent: dict[str, Any] = NOTHING
    key: dict[str, Any] = NOTHING
    world: str = ""
    part: str = ""


# In the order of §0, from the first check to the last.
GATE = {
    "method": Fault(UNKNOWN_METHOD, "routing", {"path": "/0/private/Orders"}),
    "verb": Fault(ARGUMENTS, "verb", {"verb": "GET"}),
    "body": Fault(BAD_REQUEST, "body", {"headers": JSON}),
    "lockout": Fault("EGeneral:Temporary lockout", "lockout", world="lockout"),
    "key": Fault(KEY, "key", header("API-Key", STRANGER), part="key"),
    "disabled": Fault(KEY, "key", key={"disabled": True}, part="key"),
    "address": Fault("EGeneral:Permission denied", "address", key={"ip_allowlist": ["10.0.0.1"]}),
    "expiry": Fault(KEY, "expiry", key={"valid_until": 1}),
    "no nonce": Fault(NONCE, "nonce", {"nonce": "x"}, part="nonce"),
    "signature": Fault(SIGN, "signature", header("API-Sign", WRONG), part="sign"),
    "no signature": Fault(SIGN, "signature", header("API-Sign", None), part="sign"),
    "stale nonce": Fault(NONCE, "nonce", {"nonce": 7}, part="nonce"),
    "no otp": Fault("EAPI:Invalid key", "otp", key=OTP),
    "rate": Fault("EAPI:Rate limit exceeded", "rate", world="rate"),
    "throttle": Fault("EService:Throttled: 1767225605", "throttle", {"crowded": True}),
    "permission": Fault(DENIED, "permission", key={"permissions": ["query-funds"]}),
}
ORDERS = {name: fault for name, fault in GATE.items() if name != "rate"} | {
    "trading rate": Fault("EOrder:Rate limit exceeded", "trading_rate", world="trading rate", part="pair"),
    "pair": Fault("EQuery:Unknown asset pair", "arguments", {"pair": "NONE"}, part="pair"),
    "mode": Fault("EService:Market in cancel_only mode", "status", world="cancel_only"),
    "volume": Fault(f"{ARGUMENTS}:volume", "arguments", {"volume": "much"}),
    "deadline": Fault("EService:Deadline elapsed", "order", {"deadline": "2025-12-31T23:59:59Z"}),
    "account": Fault("ETrade:Locked", "eligibility", world="locked"),
    "funds": Fault("EOrder:Insufficient funds", "order", world="poor"),
}
QUERIES = GATE | {
    "argument": Fault(f"{ARGUMENTS}:ofs", "arguments", {"ofs": "many"}),
    "account": Fault("EAuth:Account temporary disabled", "eligibility", world="disabled"),
}
CHAINS = {"AddOrder": (ORDER, ORDERS), "Ledgers": ({}, QUERIES)}


@pytest.fixture
def customer(sandbox, new_program):
    """A program of an account that can just pay for the order. Its limits are on."""
    perform = Control(sandbox).perform
    AccountsControl(perform).create("customer", tier="pro", balances={"ZUSD": "1000"})
    customer = new_program("customer", "customer")
    customer.key.nonce.place(7)
    settings = {"rate_limits": "on", "max_concurrent_private": 1, "ip_denied_error": DENIED, "otp_missing_error": KEY}
    sandbox.settings.patch(settings)
    return customer


def suffer(customer: Any, faults: list[Fault]) -> dict[str, Any]:
    """Let all of these be wrong at once; what is to be sent."""
    sandbox = customer.sandbox
    perform = Control(sandbox).perform
    sent: dict[str, Any] = {"nonce": 8, "headers": {}}
    for fault in faults:
        headers = sent["headers"] | fault.sent.get("headers", {})
        sent |= fault.sent | {"headers": headers}
        sandbox.keys.edit(customer.key, fault.key, now=0)
        match fault.world:
            case "lockout":
                LockoutControl(perform).start(ip=customer.remote)
            case "rate":
                CountersControl(perform).rest[customer.key.name] = "20"
            case "trading rate":  # of the pair: there is none to look at where the pair is unknown
                CountersControl(perform).trading["customer"]["XBTUSD"] = "180"
            case "cancel_only":
                StatusControl(perform).set("cancel_only")
            case "locked" | "disabled":
                AccountsControl(perform)["customer"].patch(state=fault.world)
            case "poor":
                AccountsControl(perform)["customer"].balances["ZUSD"] = "1"
    return sent


PAIRS = [
    pytest.param(method, first, second, id=f"{method}: {first} before {second}")
    for method, (_, faults) in CHAINS.items()
    for first, second in combinations(faults, 2)
    if not faults[first].part or faults[first].part != faults[second].part
]


@pytest.mark.parametrize(("method", "first", "second"), PAIRS)
def test_of_two_faults_the_one_that_is_looked_for_first_answers(customer, method, first, second):
    fields, faults = CHAINS[method]
    sent = suffer(customer, [faults[second], faults[first]])
    assert customer.call(method, **fields | sent) == faults[first].answer
    assert customer.journal["check"] == faults[first].check


@pytest.mark.parametrize(("method", "name"), [(method, name) for method in CHAINS for name in CHAINS[method][1]])
def test_each_of_them_alone_answers_for_itself(customer, method, name):
    fields, faults = CHAINS[method]
    assert customer.call(method, **fields | suffer(customer, [faults[name]])) == faults[name].answer
    assert customer.journal["check"] == faults[name].check


@pytest.mark.parametrize("method", CHAINS)
def test_without_any_of_them_it_passes(customer, method):
    assert customer.call(method, **CHAINS[method][0] | suffer(customer, [])) == "OK"


def test_a_body_that_is_not_read_still_says_whose_key_it_names(program):
    assert program.call(body='{"nonce": ', headers=JSON) == BAD_REQUEST
    assert (program.journal["key"], program.journal["nonce"]) == (program.key.name, None)
    assert program.call(body='{"nonce": ', headers=JSON | {"API-Key": "nobody's"}) == BAD_REQUEST
    assert program.journal["key"] is None


def test_json_that_is_announced_as_text_is_told_so(program):
    assert program.call(body='{"nonce": 1}', headers={"Content-Type": "text/plain"}) == NONCE
    assert program.journal["reason"].endswith("; it looks like JSON, but was read as a form, as its Content-Type says")
    assert program.call(body='{"otp": "{"}', headers=JSON) == NONCE
    assert "looks like" not in program.journal["reason"]
