"""Who is let in, from outside: lockouts, WebSocket tokens, second factors and key profiles, over HTTP and in Python."""

from __future__ import annotations

import pyotp
import pytest

from mockkraken import MockKraken
from mockkraken.control.errors import ControlError

FULL = "MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W"
LOCKED = {"error": ["EGeneral:Temporary lockout"]}
START = 1_767_225_600


@pytest.fixture
def call(kraken: MockKraken, browser):
    nonces = iter(range(1, 10_000))

    def call(name: str = "full", method: str = "Balance", **fields: str):
        key = kraken.keys[name]
        return browser.private(method, (key.api_key, key.api_secret), next(nonces), **fields)

    return call


# Lockouts


def test_a_key_is_locked_out_and_the_others_are_not(browser, call):
    row = {"key": "full", "api_key": FULL, "unknown_key": False, "ip": None}
    locked = browser.ok("POST", "/lockout", {"key": "full", "seconds": "10m"})
    assert locked == {"lockouts": [{**row, "until": "2026-01-01T00:10:00Z", "seconds": "600"}]}
    assert browser.ok("GET", "/lockout") == locked
    assert call() == LOCKED
    assert call("second")["error"] == []
    assert browser.ok("GET", "/keys/full")["lockout_until"] == "2026-01-01T00:10:00Z"
    assert browser.ok("GET", "/keys/second")["lockout_until"] is None


def test_an_attempt_starts_its_own_time_anew(browser, call):
    browser.ok("POST", "/lockout", {"key": FULL, "seconds": 60})
    browser.ok("POST", "/clock", {"advance": "59s"})
    assert call() == LOCKED
    browser.ok("POST", "/clock", {"advance": "60s"})
    assert call()["error"] == []
    assert browser.ok("GET", "/lockout") == {"lockouts": []}


def test_an_attempt_starts_the_time_of_every_lockout_that_it_meets_anew(browser, call):
    browser.ok("POST", "/lockout", {"key": "full", "seconds": "1h"})
    browser.ok("POST", "/lockout", {"ip": "127.0.0.1", "seconds": "2h"})
    browser.ok("POST", "/clock", {"advance": "30m"})
    assert call() == LOCKED
    ends = [row["until"] for row in browser.ok("GET", "/lockout")["lockouts"]]
    assert ends == ["2026-01-01T01:30:00Z", "2026-01-01T02:30:00Z"]


def test_an_address_is_locked_out_whatever_its_key(browser, call):
    browser.ok("POST", "/lockout", {"ip": "127.0.0.1"})
    assert [call("full"), call("second")] == [LOCKED, LOCKED]
    assert browser.request("GET", "/0/public/Time").json["error"] == []
    (row,) = browser.ok("GET", "/lockout")["lockouts"]
    assert (row["key"], row["ip"], row["seconds"], row["unknown_key"]) == (None, "127.0.0.1", "900", False)


def test_an_address_may_be_given_as_a_socket_for_both_versions_shows_it(browser, call):
    (row,) = browser.ok("POST", "/lockout", {"ip": "::ffff:127.0.0.1"})["lockouts"]
    assert row["ip"] == "127.0.0.1"
    assert call() == LOCKED


def test_a_key_at_another_address_is_let_in(browser, call):
    browser.ok("POST", "/lockout", {"key": "full", "ip": "203.0.113.5"})
    assert call()["error"] == []


def test_of_several_lockouts_the_last_end_is_told(browser, call, kraken):
    kraken.settings["lockout_extends_on_attempt"] = False
    browser.ok("POST", "/lockout", {"key": "full", "seconds": "1h"})
    browser.ok("POST", "/lockout", {"key": "full", "ip": "127.0.0.1", "seconds": 60})
    assert browser.ok("GET", "/keys/full")["lockout_until"] == "2026-01-01T01:00:00Z"
    assert call() == LOCKED
    (record,) = browser.ok("GET", "/journal")["records"]
    assert record["reason"] == "locked out until 2026-01-01T01:00:00Z; it is 2026-01-01T00:00:00Z"


def test_a_lockout_that_is_started_again_is_the_newest(browser):
    for key in ("full", "second", "full"):
        locked = browser.ok("POST", "/lockout", {"key": key, "seconds": 60})
    assert [row["key"] for row in locked["lockouts"]] == ["second", "full"]


def test_clear_lets_everybody_in_and_forgets_the_count(browser, call, kraken):
    kraken.settings["lockout_threshold"] = 3
    wrong = kraken.keys["full"].api_key, kraken.keys["second"].api_secret
    for _ in range(2):
        assert browser.private("Balance", wrong, 1)["error"] == ["EAPI:Invalid signature"]
    browser.ok("POST", "/lockout", {"clear": True})
    for _ in range(2):
        assert browser.private("Balance", wrong, 1)["error"] == ["EAPI:Invalid signature"]
    assert call()["error"] == []
    browser.ok("POST", "/lockout", {"key": "full"})
    browser.ok("POST", "/lockout", {"ip": "127.0.0.1"})
    assert browser.ok("POST", "/lockout", {"clear": True}) == {"lockouts": []}
    assert call()["error"] == []


def test_a_header_that_is_no_keys_is_not_shown(browser, kraken):
    kraken.settings["lockout_threshold"] = 1
    secret = kraken.api_secret
    browser.private("Balance", ("not-a-key-but-my-password", secret), 1)
    answer = browser.request("GET", "/mock/lockout")
    assert answer.json["lockouts"][0]["unknown_key"]
    assert "password" not in str(answer.json)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "key"),
        ({"seconds": 5}, "key"),
        ({"key": "nobody"}, "key"),
        ({"ip": "localhost"}, "ip"),
        ({"ip": "10.0.0.0/8"}, "ip"),
        ({"key": "full", "seconds": 0}, "seconds"),
        ({"key": "full", "seconds": -1}, "seconds"),
        ({"key": "full", "seconds": "soon"}, "seconds"),
        ({"key": "full", "seconds": "99999d"}, "seconds"),
        ({"clear": False}, "clear"),
        ({"clear": True, "key": "full"}, "clear"),
        ({"until": 5}, "until"),
    ],
)
def test_a_lockout_that_makes_no_sense_is_refused(browser, body, field):
    answer = browser.mock("POST", "/lockout", body)
    assert answer.refusal[2] == field
    assert answer.status == (404 if body.get("key") == "nobody" else 400)
    assert browser.ok("GET", "/lockout") == {"lockouts": []}


def test_from_python(kraken, call):
    (row,) = kraken.lockout.start("full", seconds=1.5)
    assert (row["until"], row["seconds"]) == ("2026-01-01T00:00:01.5Z", "1.5")
    assert kraken.lockout.state() == [row]
    assert call() == LOCKED
    kraken.lockout.clear()
    assert call()["error"] == []
    with pytest.raises(ControlError):
        kraken.lockout.start()


# Tokens


def test_tokens_are_ended_by_key_or_all(browser, call, kraken):
    for name in ("full", "full", "second"):
        call(name, "GetWebSocketsToken")
    assert browser.ok("POST", "/tokens/expire", {"key": "full"}) == {
        "expired": [{"key": "full", "api_key": FULL, "count": 2}]
    }
    assert [row["key"] for row in browser.ok("POST", "/tokens/expire")["expired"]] == ["second"]
    assert kraken.tokens.expire() == []
    assert browser.mock("POST", "/tokens/expire", {"key": "nobody"}).refusal == (404, "unknown", "key")


def test_old_tokens_are_nobodys(call, kraken):
    call("full", "GetWebSocketsToken")
    kraken.clock.advance("15m")
    assert kraken.tokens.expire() == []


# Second factors


def test_a_key_with_an_authenticator_app(browser, kraken, call):
    made = browser.ok("POST", "/keys", {"name": "two", "permissions": "all", "otp": "totp"})
    assert made["otp"] == "totp"
    assert call("two") == {"error": ["EGeneral:Permission denied"]}
    code = pyotp.TOTP(made["otp_secret"]).at(START)
    assert call("two", otp=code)["error"] == []
    kraken.clock.advance("1m")
    assert call("two", otp=code) == {"error": ["EAPI:Invalid signature"]}
    shown = browser.ok("GET", "/keys/two")
    assert (shown["otp"], "otp_secret" in shown) == ("totp", False)
    assert shown["refusals"] == {"otp": 2}


def test_a_password_is_given_changed_and_taken_away(browser, kraken, call):
    key = kraken.keys.create(name="two", permissions="all", otp={"password": "open sesame"})
    assert (key.otp_secret, key.state()["otp"]) == ("open sesame", "password")
    assert call("two", otp="open sesame")["error"] == []
    changed = browser.ok("PATCH", "/keys/two", {"otp": {"password": "shut"}})
    assert (changed["otp"], changed["otp_secret"]) == ("password", "shut")
    assert call("two", otp="open sesame")["error"] == ["EAPI:Invalid signature"]
    assert "otp_secret" not in browser.ok("PATCH", "/keys/two", {"nonce_window": 5})
    key.patch(otp=None)
    assert (key.otp_secret, key.state()["otp"]) == (None, None)
    assert call("two")["error"] == []


def test_a_given_secret_makes_codes_repeatable(kraken, call):
    kraken.keys.create(name="two", permissions="all", otp={"totp": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
    assert call("two", otp=pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(START))["error"] == []


@pytest.mark.parametrize("value", ["sms", 5, {"password": ""}, {"totp": "!"}, {"yubikey": "x"}, []])
def test_no_such_second_factor(browser, value):
    before = browser.ok("GET", "/keys")
    assert browser.mock("POST", "/keys", {"name": "two", "otp": value}).refusal == (400, "invalid", "otp")
    assert browser.mock("PATCH", "/keys/full", {"otp": value}).refusal == (400, "invalid", "otp")
    assert browser.ok("GET", "/keys") == before


# Profiles


def test_profiles_are_what_integrators_ask_for(browser, kraken):
    profiles = {row["name"]: row for row in browser.ok("GET", "/profiles")["profiles"]}
    assert list(profiles) == ["astrabit", "altrady", "3commas", "portfolio-tracker", "trading-bot", "withdraw"]
    assert {name: row["nonce_window"] for name, row in profiles.items() if row["nonce_window"]} == {
        "altrady": 5000,
        "3commas": 2_000_000,
    }
    assert [row["name"] for row in kraken.keys.profiles()] == list(profiles)
    for name, row in profiles.items():
        state = kraken.keys.create(profile=name).state()
        assert {**row, "name": name} == {"name": name, **{field: state[field] for field in row if field != "name"}}
        assert not {"add-withdraw-address", "update-withdraw-address", "export-data"} & set(row["permissions"])
