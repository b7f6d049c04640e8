"""The gate by itself: its reasons, and what a request leaves behind (kraken/10 §0, §1.9).

Every fault, and which of two answers, are walked through in test_walk_faults.py.
"""

from __future__ import annotations

import pytest

from mockkraken.clock import SECOND
from mockkraken.gate.permissions import ANY_KEY, all_of

KEY, SIGN, NONCE = "EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"
DENIED = "EGeneral:Permission denied"
WRONG = b"A" * 86 + b"=="


# -- the answer to each fault (§1.9)


def test_no_api_key_header(bot):
    assert bot.call(1, api_key=None) == KEY
    assert (bot.refusal.check, bot.refusal.reason) == ("key", "there is no API-Key header")
    assert (bot.last.key, bot.last.nonce) == (None, "1")


def test_unknown_and_deleted_keys(bot, ring):
    assert bot.call(1, api_key=b"") == KEY
    assert bot.call(1, api_key=b"MOCKKRAKEN" + b"x" * 46) == KEY
    assert bot.last.key is None
    ring.delete(bot.key)
    assert bot.call(1) == KEY
    assert bot.refusal.check == "key"
    assert "was it deleted" in bot.refusal.reason


def test_disabled_keys(bot, ring, clock):
    ring.edit(bot.key, {"disabled": True}, now=clock.now())
    assert bot.call(1) == KEY
    assert (bot.refusal.check, bot.refusal.reason) == ("key", "the key 'full' is disabled")
    assert bot.last.key is bot.key
    ring.edit(bot.key, {"disabled": False}, now=clock.now())
    assert bot.call(1) == "OK"


def test_expired_keys(new_bot, clock):
    bot = new_bot("expiring", valid_until=clock.now() + SECOND)
    clock.advance(SECOND - 1)
    assert bot.call(1) == "OK"
    clock.advance(1)
    assert bot.call(2) == KEY
    clock.advance(SECOND)
    assert bot.call(2) == KEY
    assert bot.refusal.check == "expiry"
    assert bot.refusal.reason == ("the key 'expiring' was valid until 2026-01-01T00:00:01Z; it is 2026-01-01T00:00:02Z")


def test_of_each_key_the_last_signatures_are_remembered_and_no_more(bot):
    assert {bot.call(nonce) for nonce in range(1, 41)} == {"OK"}
    assert len(bot.key.signatures) == 32
    assert bot.key.signatures[-1] == bot.last.api_sign


@pytest.mark.parametrize("around", [" {}", "{} ", "'{}'", '"{}"', "{}\n", "\t{}"])
def test_stray_blanks_and_quotes_around_the_key(bot, around):
    assert bot.call(1, api_key=around.format(bot.key.api_key).encode()) == KEY
    assert bot.refusal.reason == "API-Key has blanks or quotes around the public key of 'full'; it counts as sent"


def test_the_key_is_case_sensitive(bot):
    assert bot.call(1, api_key=bot.key.api_key.lower().encode()) == KEY


@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_no_api_sign_header(bot, settings, dialect):
    settings.dialect = dialect
    assert bot.call(1, api_sign=None) == SIGN
    assert (bot.refusal.check, bot.refusal.reason) == ("signature", "there is no API-Sign header")


@pytest.mark.parametrize(
    ("dialect", "override", "answer"),
    [
        ("documented", None, SIGN),
        ("observed", None, KEY),
        ("documented", KEY, KEY),
        ("observed", SIGN, SIGN),
    ],
)
def test_a_wrong_signature_by_dialect_and_setting(bot, settings, dialect, override, answer):
    settings.patch({"dialect": dialect, "signature_mismatch_error": override})
    assert bot.call(1, api_sign=WRONG) == answer
    assert bot.refusal.check == "signature"


@pytest.mark.parametrize(
    "nonce",
    ["", "-1", "1.5", "1e5", "0x10", "abc", "18446744073709551616", "1517?pair=XETHZEUR?type=sell", "9" * 400],
)
def test_what_is_no_nonce(bot, nonce):
    assert bot.call(nonce) == NONCE
    assert bot.refusal.check == "nonce"
    assert bot.key.nonce.highest == 0


def test_no_nonce(bot):
    assert bot.call(1, fields={}) == NONCE
    assert bot.refusal.check == "nonce"


def test_a_stale_nonce(bot):
    assert [bot.call(n) for n in (5, 5, 4, 6)] == ["OK", NONCE, NONCE, "OK"]


def test_a_missing_permission(new_bot):
    bot = new_bot(permissions=["query-funds"])
    assert bot.call(1, needs=all_of("query-funds")) == "OK"
    assert bot.call(2, needs=all_of("withdraw-funds")) == DENIED
    assert bot.refusal.check == "permission"


# -- what a request leaves behind


def test_an_admitted_request_moves_the_nonce_and_the_time_of_last_use(bot, clock):
    assert bot.call(5) == "OK"
    clock.advance(SECOND)
    assert bot.call(5) == NONCE
    assert bot.key.last_used == clock.now() - SECOND
    assert bot.call(6) == "OK"
    assert bot.key.last_used == clock.now()
    assert bot.key.nonce.highest == 6


def test_refusals_are_counted_by_check(bot):
    bot.call(5)
    for nonce in (5, 4, "x"):
        bot.call(nonce)
    bot.call(6, api_sign=None)
    assert bot.key.refusals == {"nonce": 3, "signature": 1}


def test_a_denied_permission_uses_the_nonce_up_or_not_by_setting(new_bot, settings):
    bot = new_bot(permissions=[])
    withdraw = all_of("withdraw-funds")
    assert bot.call(500, needs=withdraw) == DENIED
    assert bot.call(400, needs=ANY_KEY) == NONCE
    settings.nonce_consumed_on_later_failure = False
    assert bot.call(600, needs=withdraw) == DENIED
    assert bot.call(550, needs=ANY_KEY) == "OK"


def test_what_the_journal_needs_is_filled_in_even_for_a_refusal(bot, new_bot, ring, clock):
    bot.call("007")
    assert (bot.last.key, bot.last.nonce, bot.last.scenario) == (bot.key, "007", None)
    bot.call("0007")
    assert (bot.last.key, bot.last.nonce, bot.last.scenario) == (bot.key, "0007", "N01")
    other = new_bot(ip_allowlist=["10.0.0.1"])
    other.call("1517?otp=123456")
    assert (other.last.key, other.last.nonce, other.refusal.check) == (other.key, "1517?…", "address")


def test_settings_changed_at_run_time_hold_for_the_next_request(bot, settings):
    assert bot.call(1, api_sign=WRONG) == SIGN
    settings.patch({"dialect": "observed"})
    assert bot.call(1, api_sign=WRONG) == KEY


def test_no_refusal_tells_a_secret_a_signature_or_an_otp(bot, new_bot):
    other, otp = new_bot("other"), "&otp=271828"
    secrets = [bot.key.api_secret, other.key.api_secret, "271828"]
    refused = [
        bot.request(1, more=otp, api_key=bot.key.api_secret.encode()),
        bot.request(1, more=otp, api_key=f" {bot.key.api_secret} ".encode()),
        bot.request(1, more=otp, api_key=b"271828"),
        bot.request(1, more=otp, api_sign=other.request(1, more=otp).api_sign),
        bot.request(1, more=otp, api_sign=bot.key.api_secret.encode()),
        bot.request(1, more=otp, api_sign=b"x"),
        bot.request("1?otp=271828"),
        bot.request(bot.key.api_secret),
        bot.request(1, "Balance?otp=271828", api_sign=WRONG),
        bot.request(0, more=otp),
    ]
    for credentials in refused:
        assert bot.send(credentials) != "OK"
        told = bot.refusal.reason + str(credentials.nonce) + repr(credentials)
        assert [
            secret for secret in [*secrets, credentials.api_sign.decode()] if secret in told and secret != "x"
        ] == []
