"""The second factor: codes and passwords (kraken/10 §1.7). Codes of RFC 6238, appendix B, are the oracle."""

from __future__ import annotations

import base64
import random

import pyotp
import pytest

from mockkraken.clock import SECOND
from mockkraken.gate import otp
from mockkraken.gate.keys import KeyFieldError
from mockkraken.gate.otp import SecondFactor

NEW_YEAR = 1_767_225_600 * SECOND
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
DENIED, WRONG = "EGeneral:Permission denied", "EAPI:Invalid signature"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_rfc(seconds, code):
    factor = SecondFactor("totp", RFC_SECRET)
    assert factor.accepts(code, seconds * SECOND, previous=False)
    assert not factor.accepts(code, (seconds + 60) * SECOND, previous=True)


def test_a_code_is_good_for_its_step_and_the_next():
    factor = SecondFactor("totp", RFC_SECRET)
    code = pyotp.TOTP(RFC_SECRET).at(1_767_225_600)
    late = NEW_YEAR + 60 * SECOND
    assert [factor.accepts(code, time, previous=True) for time in (NEW_YEAR - 1, NEW_YEAR, late - 1, late)] == [
        False,
        True,
        True,
        False,
    ]
    step = NEW_YEAR + 30 * SECOND
    assert [factor.accepts(code, time, previous=False) for time in (step - 1, step)] == [True, False]


def test_there_is_no_step_before_1970():
    factor = SecondFactor("totp", RFC_SECRET)
    assert factor.accepts(pyotp.TOTP(RFC_SECRET).at(0), 0, previous=True)


@pytest.mark.parametrize("code", ["", "28708", "2870820", " 287082", "２８７０８２", "ä", "\0", "x" * 10_000])
def test_what_is_not_the_code_is_refused(code):
    assert not SecondFactor("totp", RFC_SECRET).accepts(code, 59 * SECOND, previous=True)


def test_a_password_is_compared_whole():
    factor = SecondFactor("password", "grüße")
    assert factor.accepts("grüße", 0, previous=True)
    assert not any(factor.accepts(text, 0, previous=True) for text in ("grüß", "Grüße", "grüße ", ""))


@pytest.mark.parametrize(
    "value",
    [
        True,
        0,
        "",
        "TOTP",
        "password",
        [],
        {},
        {"password": ""},
        {"password": 1},
        {"password": "x" * 257},
        {"password": "\ud800"},
        {"totp": ""},
        {"totp": "not base32!"},
        {"totp": "018"},
        {"totp": None},
        {"totp": RFC_SECRET, "password": "x"},
        {"yubikey": RFC_SECRET},
    ],
)
def test_anything_else_is_no_second_factor(value, ring):
    with pytest.raises(ValueError, match=r"a second factor is|base32|surrogates"):
        otp.read(value)
    with pytest.raises(KeyFieldError) as refusal:
        ring.create("main", "k", now=0, otp=value)
    assert refusal.value.field == "otp"
    assert ring.all() == []


def test_a_given_secret_may_be_written_as_apps_show_it():
    factor = otp.read({"totp": "gezd gnbv gy3t qojq gezd gnbv gy3t qojq"})
    assert factor == SecondFactor("totp", RFC_SECRET)


@pytest.mark.parametrize("secret", ["MZXW6", "MZXW6===", "mzxw6==="])
def test_a_given_secret_may_lack_its_padding(secret):
    assert otp.read({"totp": secret}) == SecondFactor("totp", "MZXW6")


@pytest.mark.parametrize("text", ["x", "x" * 256])
def test_a_password_has_1_to_256_characters(text):
    assert otp.read({"password": text}) == SecondFactor("password", text)


def test_a_key_made_without_gets_a_drawn_secret_later_and_may_lose_it(ring):
    key = ring.create("main", "k", now=0, otp=None)
    assert key.otp is None
    ring.edit(key, {"otp": "totp"}, now=1)
    assert key.otp is not None
    assert len(key.otp.secret) == 32
    ring.edit(key, {"otp": None}, now=2)
    assert key.otp is None


def test_a_drawn_secret_comes_from_the_seed_and_only_when_it_is_wanted(ring):
    other = type(ring)(random.Random("keys"))
    plain = [ring.create("main", name, now=0) for name in "ab"]
    first = other.create("main", "a", now=0)
    with_otp = other.create("main", "o", now=0, otp="totp")
    assert (first.api_key, first.api_secret) == (plain[0].api_key, plain[0].api_secret)
    assert with_otp.otp is not None
    assert len(base64.b32decode(with_otp.otp.secret)) == 20
    again = type(ring)(random.Random("keys"))
    again.create("main", "a", now=0)
    assert again.create("main", "o", now=0, otp="totp").otp == with_otp.otp


def test_neither_key_nor_factor_shows_it(ring):
    key = ring.create("main", "k", now=0, otp={"password": "open sesame"})
    assert "sesame" not in repr(key) + repr(key.otp) + str(key.otp)


# At the gate


def test_it_is_asked_for_after_the_nonce_and_before_the_counter(new_bot, settings):
    settings.patch({"rate_limits": "on"})
    bot = new_bot(otp={"password": "open sesame"})
    assert bot.call(1) == DENIED
    assert bot.call(1) == "EAPI:Invalid nonce"
    assert bot.send(bot.request(2, more="&otp=close")) == WRONG
    assert bot.send(bot.request(3, more="&otp=open+sesame")) == "OK"
    assert bot.key.calls.units == 10**11  # one point
    assert bot.key.refusals == {"otp": 2, "nonce": 1}


def test_a_refused_otp_leaves_the_nonce_where_the_setting_says_so(new_bot, settings):
    settings.patch({"nonce_consumed_on_later_failure": False})
    bot = new_bot(otp={"password": "open"})
    assert bot.call(5) == DENIED
    assert bot.send(bot.request(5, more="&otp=open")) == "OK"


def test_the_answers_are_settings(new_bot, settings):
    settings.patch(
        {
            "otp_missing_error": "EAPI:Invalid signature",
            "otp_wrong_error": "EAPI:Invalid key",
            "otp_unneeded_error": "EAPI:Invalid key",
        }
    )
    bot, plain = new_bot("two", otp={"password": "open"}), new_bot("one")
    assert bot.call(1) == "EAPI:Invalid signature"
    assert bot.send(bot.request(2, more="&otp=shut")) == "EAPI:Invalid key"
    assert plain.send(plain.request(1, more="&otp=shut")) == "EAPI:Invalid key"
    assert plain.refusal.check == "otp"
    assert plain.send(plain.request(2, more="&otp=")) == "OK"


def test_an_otp_that_nobody_asks_for_is_ignored(bot):
    assert bot.send(bot.request(1, more="&otp=123456")) == "OK"


def test_the_reason_tells_the_moment_but_no_code(new_bot):
    bot = new_bot("two", otp="totp")
    assert bot.send(bot.request(1, more="&otp=000000")) == WRONG
    assert bot.refusal.reason == "the otp is not the code of 2026-01-01T00:00:00Z of the key 'two'"
    assert bot.call(2) == DENIED
    assert bot.refusal.reason == "the key 'two' has a second factor (totp), and the body has no otp"
    bot = new_bot("three", otp={"password": "open sesame"})
    assert bot.send(bot.request(1, more="&otp=close")) == WRONG
    assert bot.refusal.reason == "the otp is not the password of the key 'three'"
