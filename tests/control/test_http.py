"""The control API as a test in any language uses it: with curl."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from mockkraken import MockKraken, __version__

START = "2026-01-01T00:00:00Z"
FULL = "MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W"


# Health and reset


def test_a_health_check_answers(browser):
    health = browser.ok("GET", "/health")
    assert list(health) == ["status", "version", "uptime_seconds", "sandboxes"]
    assert health["status"] == "ok"
    assert health["version"] == __version__
    assert health["uptime_seconds"] > 0
    assert health["sandboxes"] == ["default"]


def test_head_is_a_get_without_its_body(browser):
    answer = browser.mock("HEAD", "/health")
    assert answer.status == 200
    assert answer.json == b""
    assert int(answer.headers["content-length"]) > 0


def test_reset_brings_everything_back(browser, kraken: MockKraken):
    untouched = {path: browser.ok("GET", path) for path in ("/accounts", "/keys", "/settings", "/clock", "/journal")}

    browser.ok("PATCH", "/accounts/main/balances", {"XXBT": "1"})
    browser.ok("POST", "/accounts", {"name": "third"})
    browser.ok("POST", "/keys", {"name": "mine"})
    browser.ok("DELETE", "/keys/trade")
    browser.private("Balance", (kraken.api_key, kraken.api_secret), 5)
    browser.ok("PATCH", "/settings", {"dialect": "observed", "journal_size": 3})
    browser.ok("POST", "/clock", {"advance": "15m"})
    changed = {path: browser.ok("GET", path) for path in untouched}
    assert all(changed[path] != untouched[path] for path in untouched)

    assert browser.ok("POST", "/reset", {}) == {}
    assert {path: browser.ok("GET", path) for path in untouched} == untouched


def test_reset_takes_a_seed_and_a_start_time(browser):
    made = browser.ok("POST", "/keys", {"name": "first"})["api_secret"]
    browser.ok("POST", "/reset", {"seed": 7, "clock": "2027-05-01T00:00:00Z"})
    assert browser.ok("GET", "/settings")["seed"] == 7
    assert browser.ok("GET", "/clock")["now"] == "2027-05-01T00:00:00Z"
    assert browser.ok("POST", "/keys", {"name": "first"})["api_secret"] != made

    # The next one goes back to what the server was started with.
    browser.ok("POST", "/reset")
    assert browser.ok("GET", "/settings")["seed"] == 1
    assert browser.ok("GET", "/clock")["now"] == START
    assert browser.ok("POST", "/keys", {"name": "first"})["api_secret"] == made


@pytest.mark.parametrize(
    ("body", "field"),
    [({"sede": 7}, "sede"), ({"seed": "x"}, "seed"), ({"seed": True}, "seed"), ({"clock": "soon"}, "clock")],
)
def test_reset_refuses_what_it_does_not_know(browser, body, field):
    browser.ok("PATCH", "/settings", {"journal_size": 3})
    assert browser.mock("POST", "/reset", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/settings")["journal_size"] == 3


# Clock


def test_the_clock_stands_moves_and_runs(browser):
    stands = {"mode": "frozen", "scale": 0, "now": START, "unix_ns": "1767225600000000000"}
    assert browser.ok("GET", "/clock") == stands
    assert browser.ok("POST", "/clock", {"freeze": True}) == stands
    assert browser.ok("POST", "/clock", {"advance": "15m"})["now"] == "2026-01-01T00:15:00Z"
    assert browser.ok("POST", "/clock", {"advance": 0.25})["now"] == "2026-01-01T00:15:00.25Z"
    assert browser.ok("POST", "/clock", {"freeze": "2026-01-02T00:00:00Z"})["now"] == "2026-01-02T00:00:00Z"
    assert browser.ok("POST", "/clock", {"freeze": 1767398400})["now"] == "2026-01-03T00:00:00Z"
    assert browser.ok("POST", "/clock", {"freeze": "1767484800"})["now"] == "2026-01-04T00:00:00Z"
    scaled = browser.ok("POST", "/clock", {"scale": 60})
    assert (scaled["mode"], scaled["scale"]) == ("scaled", 60)
    assert browser.ok("POST", "/clock", {"scale": 0.5})["scale"] == 0.5
    real = browser.ok("POST", "/clock", {"resume": True})
    assert (real["mode"], real["scale"]) == ("real", 1)
    assert 1767484800 * 10**9 < int(browser.ok("GET", "/clock")["unix_ns"]) < 1767488400 * 10**9


def test_a_fraction_of_a_second_keeps_its_digits(browser):
    # As a float this would be 1767225600.1234567165 and lose the last two.
    answer = browser.request("POST", "/mock/clock", b'{"freeze": 1767225600.123456789}')
    assert answer.json["unix_ns"] == "1767225600123456789"


def test_clients_see_the_clock_move(browser):
    browser.ok("POST", "/clock", {"advance": "1h"})
    assert browser.request("GET", "/0/public/Time").json["result"]["unixtime"] == 1767225600 + 3600


@pytest.mark.parametrize(
    "back", [{"freeze": "2025-12-31T23:59:59Z"}, {"freeze": 0}, {"advance": -1}, {"advance": "-15m"}]
)
def test_the_clock_does_not_go_back(browser, back):
    assert browser.mock("POST", "/clock", back).refusal == (409, "conflict", next(iter(back)))
    assert browser.ok("GET", "/clock")["now"] == START


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"freeze": True, "advance": 1}, None),
        ({"stop": True}, "stop"),
        ({"freeze": False}, "freeze"),
        ({"freeze": None}, "freeze"),
        ({"freeze": "tomorrow"}, "freeze"),
        ({"freeze": 1e300}, "freeze"),
        ({"advance": "15 minutes"}, "advance"),
        ({"advance": "400000d"}, "advance"),
        ({"advance": "-x"}, "advance"),
        ({"scale": 0}, "scale"),
        ({"scale": -1}, "scale"),
        ({"scale": 1e7}, "scale"),
        ({"scale": 10**400}, "scale"),
        ({"scale": "60"}, "scale"),
        ({"resume": False}, "resume"),
    ],
)
def test_the_clock_refuses_nonsense(browser, body, field):
    assert browser.mock("POST", "/clock", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/clock")["now"] == START


# Settings


def test_settings_change_at_run_time_and_go_back(browser):
    before = browser.ok("GET", "/settings")
    assert (before["dialect"], before["journal_size"], before["signature_mismatch_error"]) == (
        "documented",
        10000,
        None,
    )

    after = browser.ok("PATCH", "/settings", {"dialect": "observed", "window_inclusive": False})
    assert after == before | {"dialect": "observed", "window_inclusive": False}
    assert browser.ok("PATCH", "/settings", {"dialect": None, "window_inclusive": None}) == before


def test_a_setting_rules_the_next_answer(browser, kraken):
    wrong = (kraken.api_key, "d3Jvbmc=")
    assert browser.private("Balance", wrong, 1)["error"] == ["EAPI:Invalid signature"]
    browser.ok("PATCH", "/settings", {"dialect": "observed"})
    assert browser.private("Balance", wrong, 2)["error"] == ["EAPI:Invalid key"]


@pytest.mark.parametrize("width", [7.5, "7.5", 12])
def test_a_number_may_come_as_text_or_text_as_number(browser, width):
    browser.ok("PATCH", "/settings", {"market_price_protection": width})
    assert browser.ok("GET", "/settings")["market_price_protection"] == str(width)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dialect": "observed", "no_such": 1}, "no_such"),
        ({"dialect": "spoken"}, "dialect"),
        ({"journal_size": -1}, "journal_size"),
        ({"journal_size": []}, "journal_size"),
        ({"seed": 3}, "seed"),
    ],
)
def test_a_wrong_setting_changes_none(browser, body, field):
    before = browser.ok("GET", "/settings")
    assert browser.mock("PATCH", "/settings", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/settings") == before


def test_journal_size_resizes_the_journal(browser):
    for _ in range(5):
        browser.request("GET", "/0/public/Time")
    browser.ok("PATCH", "/settings", {"journal_size": 2})
    page = browser.ok("GET", "/journal")
    assert [record["seq"] for record in page["records"]] == [4, 5]
    assert page["dropped"] == 3

    browser.ok("PATCH", "/settings", {"journal_size": 3})
    browser.request("GET", "/0/public/Time")
    assert [record["seq"] for record in browser.ok("GET", "/journal")["records"]] == [4, 5, 6]


# Accounts and balances


def test_the_default_accounts(browser):
    accounts = {account["name"]: account for account in browser.ok("GET", "/accounts")["accounts"]}
    assert [(name, account["role"], account["tier"]) for name, account in accounts.items() if name != "fees"] == [
        ("house", "house", "pro"),
        ("main", "client", "pro"),
        ("second", "client", "starter"),
    ]
    assert accounts["fees"]["role"] == "fees"
    main = accounts["main"]
    members = ["name", "tier", "role", "state", "margin", "margin_call", "master", "iban", "balances", "holds"]
    assert list(main) == members
    assert main["balances"]["XXBT"] == "100.0000000000"
    assert (main["state"], main["margin"], main["master"], main["holds"]) == ("ok", True, None, {})


def test_a_new_account_with_balances(browser):
    made = browser.ok(
        "POST",
        "/accounts",
        {"name": "third", "tier": "starter", "balances": {"usd": "1000", "BTC": 0.1}, "margin": False},
    )
    assert made == browser.ok("GET", "/accounts")["accounts"][-1]
    assert (made["name"], made["tier"], made["role"], made["margin"]) == ("third", "starter", "client", False)
    assert made["balances"] == {"ZUSD": "1000.0000", "XXBT": "0.1000000000"}
    ibans = [account["iban"] for account in browser.ok("GET", "/accounts")["accounts"]]
    assert len(set(ibans)) == len(ibans)

    key = browser.ok("POST", "/keys", {"account": "third", "permissions": ["query-funds", "query-ledger"]})
    secret = (key["api_key"], key["api_secret"])
    assert browser.private("Balance", secret, 1)["result"] == {"ZUSD": "1000.0000", "XXBT": "0.1000000000"}
    rows = browser.private("Ledgers", secret, 2)["result"]["ledger"].values()
    assert {(row["asset"], row["type"], row["amount"]) for row in rows} == {
        ("ZUSD", "adjustment", "1000.0000"),
        ("XXBT", "adjustment", "0.1000000000"),
    }


def test_a_new_account_may_trade_on_margin_unless_told_otherwise(browser):
    assert browser.ok("POST", "/accounts", {"name": "third"})["margin"] is True


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "invalid", "name")),
        ({"name": ""}, (400, "invalid", "name")),
        ({"name": "x" * 33}, (400, "invalid", "name")),
        ({"name": 1.5}, (400, "invalid", "name")),
        ({"name": "main"}, (409, "conflict", "name")),
        ({"name": "house"}, (409, "conflict", "name")),
        ({"name": "new", "tier": "gold"}, (400, "invalid", "tier")),
        ({"name": "new", "margin": "yes"}, (400, "invalid", "margin")),
        ({"name": "new", "role": "house"}, (400, "invalid", "role")),
        ({"name": "new", "balances": {"NOPE": "1"}}, (400, "invalid", "NOPE")),
        ({"name": "new", "balances": {"ZUSD": "1", "XXBT": "much"}}, (400, "invalid", "XXBT")),
    ],
)
def test_an_account_that_can_not_be(browser, body, refusal):
    before = browser.ok("GET", "/accounts")
    assert browser.mock("POST", "/accounts", body).refusal == refusal
    assert browser.ok("GET", "/accounts") == before


def test_patch_sets_the_named_balances(browser):
    before = browser.ok("GET", "/accounts/main/balances")
    after = browser.ok("PATCH", "/accounts/main/balances", {"XBT": "1.5", "KFEE": 100})
    assert after == before | {"XXBT": "1.5000000000", "KFEE": "100.00"}
    assert browser.ok("GET", "/accounts/main/balances") == after


def test_put_replaces_all_balances(browser, kraken):
    put = browser.ok("PUT", "/accounts/main/balances", {"XXBT": "1.5"})
    assert {asset: text for asset, text in put.items() if float(text)} == {"XXBT": "1.5000000000"}
    assert browser.ok("GET", "/accounts/main/balances") == put
    full = (kraken.api_key, kraken.api_secret)
    # What an account has once had stays in its Balance, with a zero.
    assert browser.private("Balance", full, 1)["result"] == put
    assert put["ZUSD"] == "0.0000"
    rows = browser.private("Ledgers", full, 2, asset="ZUSD")["result"]["ledger"].values()
    assert [row["amount"] for row in rows] == ["-1000000.0000", "1000000.0000"]


def test_a_number_keeps_every_digit(browser):
    body = b'{"XXBT": 12345678.0123456789, "XXDG": 1e-8, "ZUSD": 99999999999999.9999}'
    answer = browser.request("PATCH", "/mock/accounts/second/balances", body)
    assert answer.json["XXBT"] == "12345678.0123456789"
    assert answer.json["XXDG"] == "0.00000001"
    assert answer.json["ZUSD"] == "99999999999999.9999"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_balance_is_never_below_what_orders_hold(browser, kraken, method):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "50"}
    assert browser.private("AddOrder", (kraken.api_key, kraken.api_secret), 1, **order)["error"] == []
    (main,) = (account for account in browser.ok("GET", "/accounts")["accounts"] if account["name"] == "main")
    held = main["holds"]["ZUSD"]
    assert float(held) >= 5000

    refused = browser.mock(method, "/accounts/main/balances", {"XXBT": "3", "ZUSD": "4999"})
    assert refused.refusal == (409, "conflict", "ZUSD")
    assert browser.ok("GET", "/accounts/main/balances") == main["balances"]
    assert browser.ok(method, "/accounts/main/balances", {"XXBT": "3", "ZUSD": held})["ZUSD"] == held


def test_put_does_not_take_away_what_orders_hold(browser, kraken):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "50"}
    assert browser.private("AddOrder", (kraken.api_key, kraken.api_secret), 1, **order)["error"] == []
    assert browser.mock("PUT", "/accounts/main/balances", {"XXBT": "1"}).refusal == (409, "conflict", "ZUSD")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"NOPE": "1"}, "NOPE"),
        ({"XBT": "1", "XXBT": "2"}, "XXBT"),
        ({"ZUSD": "-1"}, "ZUSD"),
        ({"ZUSD": "1.00001"}, "ZUSD"),
        ({"ZUSD": "1,000"}, "ZUSD"),
        ({"ZUSD": True}, "ZUSD"),
        ({"ZUSD": None}, "ZUSD"),
        ({"ZUSD": 1e300}, "ZUSD"),
        ({"ZUSD": 10**60}, "ZUSD"),
        (["ZUSD"], None),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_no_balance_at_all(browser, method, body, field):
    before = browser.ok("GET", "/accounts/main/balances")
    assert browser.mock(method, "/accounts/main/balances", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/accounts/main/balances") == before


def test_balances_of_nobody(browser):
    for method in ("GET", "PUT", "PATCH"):
        assert browser.mock(method, "/accounts/nobody/balances", {}).refusal == (404, "unknown", "account")


def test_an_account_whose_name_has_a_slash(browser):
    browser.ok("POST", "/accounts", {"name": "a/b ü", "balances": {"SOL": "1"}})
    assert browser.ok("GET", f"/accounts/{quote('a/b ü', safe='')}/balances") == {"SOL": "1.0000000000"}


# Keys


def test_the_default_keys_without_their_secrets(browser):
    keys = {key["key"]: key for key in browser.ok("GET", "/keys")["keys"]}
    assert list(keys) == ["full", "trade", "readonly", "windowed", "expired", "restricted", "second"]
    full = keys["full"]
    assert list(full) == [
        *("key", "api_key", "account", "permissions", "nonce_window", "ip_allowlist", "valid_until"),
        *("query_from", "query_to", "otp", "disabled", "created", "modified", "last_used"),
        *("highest", "window", "accepted_below", "refusals", "lockout_until"),
    ]
    assert full["api_key"] == FULL
    assert len(full["permissions"]) == 13
    assert keys["expired"]["valid_until"] == "2020-01-01T00:00:00Z"
    assert keys["restricted"]["ip_allowlist"] == ["203.0.113.0/24"]
    assert keys["windowed"]["nonce_window"] == 10000
    assert keys["second"]["account"] == "second"
    assert not any("secret" in member for key in keys.values() for member in key)


@pytest.mark.parametrize("name", ["full", FULL, quote(FULL, safe=""), quote("full")])
def test_a_key_by_name_or_public_key(browser, name):
    assert browser.ok("GET", f"/keys/{name}")["key"] == "full"


def test_a_key_made_to_measure(browser):
    made = browser.ok(
        "POST",
        "/keys",
        {
            "account": "second",
            "name": "k1",
            "permissions": ["query-ledger", "query-funds"],
            "nonce_window": 5000,
            "ip_allowlist": ["127.0.0.0/8", "::1"],
            "valid_until": "2026-01-02T00:00:00Z",
            "query_from": 1767139200,
            "query_to": "1767225600",
            "otp": None,
        },
    )
    secret = made.pop("api_secret")
    assert made.pop("otp_secret") is None
    assert made == browser.ok("GET", "/keys/k1")
    assert made["permissions"] == ["query-funds", "query-ledger"]
    assert (made["nonce_window"], made["window"], made["ip_allowlist"]) == (5000, 5000, ["127.0.0.0/8", "::1"])
    assert (made["query_from"], made["query_to"]) == ("2025-12-31T00:00:00Z", START)
    assert (made["valid_until"], made["created"], made["last_used"]) == ("2026-01-02T00:00:00Z", START, None)

    key = (made["api_key"], secret)
    assert browser.private("Balance", key, 1)["result"]["ZUSD"] == "10000.0000"
    assert browser.private("OpenOrders", key, 2)["error"] == ["EGeneral:Permission denied"]
    browser.ok("POST", "/clock", {"advance": "1d"})
    assert browser.private("Balance", key, 3)["error"] == ["EAPI:Invalid key"]
    assert browser.ok("GET", "/keys/k1")["refusals"] == {"permission": 1, "expiry": 1}


def test_a_key_with_all_permissions_and_given_texts(browser):
    given = {"name": "own", "permissions": "all", "api_key": "MY/OWN+KEY", "api_secret": "c2VjcmV0"}
    made = browser.ok("POST", "/keys", given)
    assert (made["api_key"], made["api_secret"], len(made["permissions"])) == ("MY/OWN+KEY", "c2VjcmV0", 13)
    assert browser.private("Balance", ("MY/OWN+KEY", "c2VjcmV0"), 1)["error"] == []
    assert browser.ok("GET", "/keys/MY/OWN+KEY")["key"] == "own"


def test_a_key_of_a_profile(browser):
    made = browser.ok("POST", "/keys", {"profile": "altrady"})
    assert (made["nonce_window"], made["ip_allowlist"]) == (5000, ["203.0.113.0/24"])
    assert "withdraw-funds" not in made["permissions"]
    assert "modify-trades" in made["permissions"]
    # What is given beside the profile counts more.
    made = browser.ok("POST", "/keys", {"profile": "altrady", "ip_allowlist": [], "permissions": ["query-funds"]})
    assert (made["nonce_window"], made["ip_allowlist"], made["permissions"]) == (5000, [], ["query-funds"])


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"account": "nobody"}, (404, "unknown", "account")),
        ({"account": "house"}, (400, "invalid", "account")),
        ({"name": "full"}, (409, "conflict", "name")),
        ({"name": FULL}, (409, "conflict", "name")),
        ({"api_key": FULL}, (409, "conflict", "api_key")),
        ({"name": ""}, (400, "invalid", "name")),
        ({"name": ["k"]}, (400, "invalid", "name")),
        ({"profile": "scalper"}, (400, "invalid", "profile")),
        ({"permissions": ["query-funds", "fly"]}, (400, "invalid", "permissions")),
        ({"permissions": "some"}, (400, "invalid", "permissions")),
        ({"nonce_window": -1}, (400, "invalid", "nonce_window")),
        ({"nonce_window": 2**64}, (400, "invalid", "nonce_window")),
        ({"nonce_window": 1.5}, (400, "invalid", "nonce_window")),
        ({"ip_allowlist": ["everywhere"]}, (400, "invalid", "ip_allowlist")),
        ({"ip_allowlist": "10.0.0.0/8"}, (400, "invalid", "ip_allowlist")),
        ({"valid_until": "soon"}, (400, "invalid", "valid_until")),
        ({"query_from": True}, (400, "invalid", "query_from")),
        ({"query_from": 1767225600, "query_to": 1767139200}, (400, "invalid", "query_to")),
        ({"api_key": "with blank"}, (400, "invalid", "api_key")),
        ({"api_secret": "no base64!"}, (400, "invalid", "api_secret")),
        ({"otp": "sms"}, (400, "invalid", "otp")),
        ({"colour": "red"}, (400, "invalid", "colour")),
    ],
)
def test_a_key_that_can_not_be(browser, body, refusal):
    before = browser.ok("GET", "/keys")
    assert browser.mock("POST", "/keys", body).refusal == refusal
    assert browser.ok("GET", "/keys") == before


def test_a_key_changes_and_goes(browser, kraken):
    full = (kraken.api_key, kraken.api_secret)
    changed = browser.ok("PATCH", "/keys/full", {"nonce_window": 5000, "name": "mine", "permissions": ["query-funds"]})
    assert (changed["key"], changed["nonce_window"], changed["permissions"]) == ("mine", 5000, ["query-funds"])
    assert browser.ok("GET", f"/keys/{FULL}") == changed
    assert browser.mock("GET", "/keys/full").refusal == (404, "unknown", "key")

    browser.ok("PATCH", "/keys/mine", {"valid_until": "2026-01-01T00:00:01Z"})
    browser.ok("PATCH", "/keys/mine", {"valid_until": None, "disabled": True})
    assert browser.private("Balance", full, 1)["error"] == ["EAPI:Invalid key"]
    browser.ok("PATCH", "/keys/mine", {"disabled": False})
    assert browser.private("Balance", full, 2)["error"] == []

    assert browser.ok("DELETE", f"/keys/{FULL}") == {}
    assert browser.private("Balance", full, 3)["error"] == ["EAPI:Invalid key"]
    assert browser.mock("DELETE", f"/keys/{FULL}").refusal == (404, "unknown", "key")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"nonce_window": 5, "name": "full"}, (409, "conflict", "name")),
        ({"nonce_window": 5, "name": ""}, (400, "invalid", "name")),
        ({"nonce_window": 5, "disabled": "no"}, (400, "invalid", "disabled")),
        ({"nonce_window": 5, "valid_until": "soon"}, (400, "invalid", "valid_until")),
        ({"nonce_window": 5, "permissions": ["fly"]}, (400, "invalid", "permissions")),
        ({"nonce_window": 5, "account": "second"}, (400, "invalid", "account")),
        ({"nonce_window": None}, (400, "invalid", "nonce_window")),
    ],
)
def test_a_change_that_a_key_does_not_take(browser, body, refusal):
    before = browser.ok("GET", "/keys/trade")
    assert browser.mock("PATCH", "/keys/trade", body).refusal == refusal
    assert browser.ok("GET", "/keys/trade") == before


def test_a_name_that_a_key_has_already_is_its_own(browser):
    assert browser.ok("PATCH", "/keys/trade", {"name": "trade", "nonce_window": 1})["nonce_window"] == 1


def test_the_nonce_state_is_shown_and_set(browser, kraken):
    full = (kraken.api_key, kraken.api_secret)
    browser.ok("PATCH", "/keys/full", {"nonce_window": 10})
    for nonce in (100, 95, 97, 95):
        browser.private("Balance", full, nonce)
    state = browser.ok("GET", "/keys/full")
    assert (state["highest"], state["window"], state["accepted_below"]) == ("100", 10, ["95", "97"])
    assert state["refusals"] == {"nonce": 1}
    assert state["last_used"] == START

    state = browser.ok("POST", "/keys/full/nonce", {"highest": "18446744073709551614"})
    assert (state["highest"], state["accepted_below"]) == ("18446744073709551614", [])
    assert browser.private("Balance", full, 101)["error"] == ["EAPI:Invalid nonce"]
    assert browser.private("Balance", full, 2**64 - 1)["error"] == []
    assert browser.ok("POST", f"/keys/{FULL}/nonce", {"highest": 7})["highest"] == "7"


@pytest.mark.parametrize("highest", ["18446744073709551616", -1, 1.5, "x", "", None, True])
def test_no_nonce_at_all(browser, highest):
    assert browser.mock("POST", "/keys/full/nonce", {"highest": highest}).refusal == (400, "invalid", "highest")
    assert browser.ok("GET", "/keys/full")["highest"] == "0"


def test_the_nonce_of_no_key(browser):
    assert browser.mock("POST", "/keys/nobody/nonce", {"highest": 1}).refusal == (404, "unknown", "key")
    assert browser.mock("POST", "/keys/full/nonce").refusal == (400, "invalid", "highest")


def test_only_the_last_part_nonce_is_set_apart(browser):
    made = browser.ok("POST", "/keys", {"name": "a/nonce"})
    assert browser.ok("GET", "/keys/a%2Fnonce")["api_key"] == made["api_key"]
    assert browser.ok("POST", "/keys/a%2Fnonce/nonce", {"highest": 3})["highest"] == "3"


# Journal


def test_the_journal_tells_what_happened(browser, kraken):
    full = (kraken.api_key, kraken.api_secret)
    browser.private("Balance", full, 5)
    browser.private("Balance", full, 5)
    page = browser.ok("GET", "/journal")
    assert (page["dropped"], page["next"]) == (0, 2)
    accepted, refused = page["records"]
    assert (accepted["outcome"], refused["outcome"]) == ("accepted", "refused")
    assert (refused["key"], refused["api_key"], refused["account"]) == ("full", FULL, "main")
    assert (refused["endpoint"], refused["nonce"], refused["check"]) == ("Balance", "5", "nonce")
    assert refused["error"] == "EAPI:Invalid nonce"
    assert (refused["seq"], refused["time"], refused["sandbox"]) == (2, START, "default")


def test_control_calls_are_not_journalled(browser):
    browser.ok("GET", "/keys")
    assert browser.ok("GET", "/journal")["records"] == []


def test_the_journal_is_filtered_and_paged(browser, kraken):
    browser.ok("POST", "/keys", {"name": "two words", "permissions": "all", "api_secret": "AAAA", "api_key": "P/+K"})
    for nonce in (1, 2, 2):
        browser.private("Balance", (kraken.api_key, kraken.api_secret), nonce)
    browser.private("OpenOrders", ("P/+K", "AAAA"), 1)
    browser.request("GET", "/0/public/Time")

    def found(query: str) -> list[int]:
        return [record["seq"] for record in browser.ok("GET", f"/journal?{query}")["records"]]

    assert found("") == [1, 2, 3, 4, 5]
    assert found("key=full") == found(f"key={FULL}") == found(f"key={quote(FULL, safe='')}") == [1, 2, 3]
    assert found("key=two%20words") == found("key=two+words") == found("key=P/+K") == [4]
    assert found("key=nobody") == []
    assert found("endpoint=Time") == [5]
    assert found("outcome=refused") == found("check=nonce") == [3]
    assert found("since=3") == [4, 5]
    assert found("since=1&limit=2&outcome=accepted") == [2, 4]
    assert browser.ok("GET", "/journal?since=1&limit=2&outcome=accepted")["next"] == 4

    browser.ok("PATCH", "/keys/full", {"name": "renamed"})
    assert found("key=renamed") == [1, 2, 3]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("outcome=lost", "outcome"),
        ("check=mate", "check"),
        ("since=-1", "since"),
        ("since=x", "since"),
        ("limit=1.5", "limit"),
        (f"since={10**30}", "since"),
        ("keys=full", "keys"),
        ("key=a&key=b", "key"),
    ],
)
def test_a_query_that_the_journal_does_not_take(browser, query, field):
    assert browser.mock("GET", f"/journal?{query}").refusal == (400, "invalid", field)


def test_the_journal_is_cleared(browser):
    browser.request("GET", "/0/public/Time")
    assert browser.ok("DELETE", "/journal") == {}
    page = browser.ok("GET", "/journal")
    assert (page["records"], page["dropped"], page["next"]) == ([], 0, 1)


# What is no call at all


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/health/", "/Health", "//health"])
def test_unknown_paths(browser, path):
    assert browser.mock("GET", path).refusal == (404, "unknown", None)


def test_unknown_methods_and_what_is_allowed_instead(browser):
    answer = browser.mock("PUT", "/settings/")
    assert answer.refusal == (404, "unknown", None)
    answer = browser.mock("DELETE", "/accounts/main/balances")
    assert answer.refusal == (405, "method_not_allowed", None)
    assert set(answer.headers["allow"].split(", ")) == {"HEAD", "GET", "PUT", "PATCH"}
    assert browser.mock("POST", "/health").refusal == (405, "method_not_allowed", None)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"7", b'"x"', b"null", b"\xff\xfe", b"{} {}", b"NaN", b"[" * 50_000, b"advance=15m", b"9" * 5000],
)
def test_what_is_no_json_object(browser, body):
    assert browser.request("POST", "/mock/clock", body).refusal == (400, "invalid", None)


def test_a_put_or_patch_of_nothing_is_a_mistake(browser):
    assert browser.mock("PUT", "/accounts/main/balances").refusal == (400, "invalid", None)
    assert browser.mock("PATCH", "/settings").refusal == (400, "invalid", None)


def test_a_query_where_none_is_taken(browser):
    browser.request("GET", "/0/public/Time")
    assert browser.mock("DELETE", "/journal?key=full").refusal == (400, "invalid", "key")
    assert len(browser.ok("GET", "/journal")["records"]) == 1


def test_a_body_beyond_all_measure(browser):
    assert browser.request("POST", "/mock/reset", b" " * (1 << 23)).refusal == (413, "too_large", None)


def test_a_path_that_only_begins_like_it(browser):
    assert browser.request("GET", "/mockery").json == {"error": ["EGeneral:Unknown method"]}
