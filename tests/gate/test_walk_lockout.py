"""The life of a temporary lockout (kraken/10 §2.4): what brings it about, whom it meets, how it ends.

How it is set, shown and cleared from outside stands in control/test_access.py.
"""

from __future__ import annotations

import random
import tracemalloc

import pytest

from mockkraken.clock import HOUR, SECOND
from mockkraken.control.client import AccountsControl, LockoutControl
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.operations import Control

OK, LOCKED = "OK", "EGeneral:Temporary lockout"
KEY, SIGN, NONCE = "EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"
DENIED, LIMITED = "EGeneral:Permission denied", "EAPI:Rate limit exceeded"
THRESHOLD, LASTS = 10, 900 * SECOND
WRONG = {"headers": {"API-Sign": "A" * 86 + "=="}}
STRANGER = {"headers": {"API-Key": "MOCKKRAKEN" + "x" * 46}}


@pytest.fixture
def lockout(sandbox):
    return LockoutControl(Control(sandbox).perform)


def hammer(program, times: int = THRESHOLD) -> None:
    """So many refusals in a row."""
    assert program.calls(times, **WRONG) == {SIGN}


# Up to the threshold


def test_the_tenth_refusal_in_a_row_locks_out_and_the_next_call_meets_it(program):
    hammer(program, 9)
    assert program.call() == OK
    hammer(program, 10)
    assert program.call() == LOCKED
    record = program.journal
    assert (record["check"], record["outcome"], record["http_status"]) == ("lockout", "refused", 200)
    assert (record["key"], record["account"]) == (program.key.name, "main")
    assert record["reason"] == (
        "locked out until 2026-01-01T00:15:00Z; it is 2026-01-01T00:00:00Z; this attempt has started that time anew"
    )


@pytest.mark.parametrize("threshold", [1, 2, 3, 17])
def test_the_threshold_is_a_setting(program, sandbox, threshold):
    sandbox.settings.patch({"lockout_threshold": threshold})
    if threshold > 1:
        hammer(program, threshold - 1)
    assert program.call() == OK
    hammer(program, threshold)
    assert program.call() == LOCKED


def test_at_0_there_is_none(program, sandbox):
    sandbox.settings.patch({"lockout_threshold": 0})
    hammer(program, 50)
    assert program.call() == OK


def test_a_changed_threshold_counts_what_there_was(program, sandbox):
    hammer(program, 5)
    sandbox.settings.patch({"lockout_threshold": 7})
    hammer(program, 1)
    assert program.ask(**WRONG).error == SIGN
    assert program.call() == LOCKED
    sandbox.clock.advance(LASTS)
    hammer(program, 5)
    sandbox.settings.patch({"lockout_threshold": 2})  # below what has been counted: the next one is enough
    hammer(program, 1)
    assert program.call() == LOCKED


@pytest.mark.parametrize(
    ("sent", "key", "answer"),
    [
        ({"headers": {"API-Sign": None}}, {}, SIGN),
        (WRONG, {}, SIGN),
        ({"headers": {"API-Sign": "x"}}, {}, SIGN),
        ({"nonce": 0}, {}, NONCE),
        ({"nonce": "x"}, {}, NONCE),
        ({"body": ""}, {}, NONCE),
        ({}, {"disabled": True}, KEY),
        ({}, {"valid_until": 1}, KEY),
        ({}, {"ip_allowlist": ["10.0.0.1"]}, KEY),
    ],
)
def test_refusals_that_count(program, sandbox, sent, key, answer):
    sandbox.keys.edit(program.key, key, now=0)
    assert program.calls(THRESHOLD, **sent) == {answer}
    assert program.call(**sent) == LOCKED
    sandbox.keys.edit(program.key, {"disabled": False, "valid_until": None, "ip_allowlist": []}, now=0)
    assert program.call() == LOCKED


@pytest.mark.parametrize("header", ["MOCKKRAKEN" + "x" * 46, "", None, "{secret}"])
def test_so_do_those_of_keys_that_are_none(program, header):
    sent = {"headers": {"API-Key": header}}
    assert program.calls(THRESHOLD, **sent) == {KEY}
    assert program.call(**sent) == LOCKED
    assert (program.journal["key"], program.journal["api_key"]) == (None, None)
    assert program.call() == OK


def test_they_count_together_whatever_was_wrong(program):
    for number in range(5):
        assert program.call(**WRONG) == SIGN
        assert program.call(nonce=0) == NONCE, number
    assert program.call() == LOCKED


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({"method": "Balances"}, "EGeneral:Unknown method"),
        ({"verb": "GET"}, "EGeneral:Invalid arguments"),
        ({"verb": "PUT"}, "HTTP 405 Not Allowed"),
        ({"body": "{"}, "EAPI:Bad request"),
        ({"path": "/0/public/Ticker", "verb": "GET", "query": "pair=NONE"}, "EQuery:Unknown asset pair"),
    ],
)
def test_what_comes_before_does_neither_count_nor_forgive(program, sent, answer):
    hammer(program, 5)
    assert program.calls(30, **sent) == {answer}
    hammer(program, 4)
    assert program.call(**sent) == answer
    hammer(program, 1)
    assert program.call() == LOCKED
    assert program.call(**sent) == answer  # and is not in its way either


def test_an_otp_does_neither(new_program):
    program = new_program(otp={"password": "sesame"})
    assert program.calls(30) == {DENIED}
    assert program.calls(30, otp="wrong") == {SIGN}
    hammer(program, 9)
    assert program.call(otp="wrong") == SIGN
    hammer(program, 1)
    assert program.call(otp="sesame") == LOCKED


LATER = {
    "rate": ("Balance", {}, LIMITED),
    "permission": ("GetWebSocketsToken", {}, DENIED),
    "arguments": ("Ledgers", {"ofs": "x"}, "EGeneral:Invalid arguments:ofs"),
    "order": ("QueryOrders", {"txid": "x"}, "EOrder:Invalid order"),
    "eligibility": ("Balance", {}, "EAuth:Account temporary disabled"),
    "status": ("CancelAll", {}, "EService:Unavailable"),
}


@pytest.mark.parametrize("check", LATER)
def test_what_comes_after_does_not_count_and_as_it_has_authenticated_forgives(sandbox, new_program, check):
    method, fields, answer = LATER[check]
    program = new_program(permissions=["query-funds", "query-ledger", "query-open-trades", "close-trades"])
    perform = Control(sandbox).perform
    if check == "rate":
        sandbox.settings.patch({"rate_limits": "on"})
        CountersControl(perform).rest[program.key.name] = "20"
    if check == "eligibility":
        AccountsControl(perform)["main"].patch(state="disabled")
    if check == "status":
        sandbox.exchange.set_status("maintenance")
    assert program.calls(30, method, **fields) == {answer}
    assert program.journal["check"] == check
    for _ in range(3):
        hammer(program, 9)
        assert program.call(method, **fields) == answer
    hammer(program, 10)
    assert program.call(method, **fields) == LOCKED


# Whom it meets


def test_every_private_call_of_the_source_valid_or_not_and_no_public_one(program):
    hammer(program)
    for method in ("Balance", "AddOrder", "CancelAll", "GetApiKeyInfo", "GetWebSocketsToken"):
        assert program.call(method) == LOCKED
    assert program.call(**WRONG) == program.call(nonce="x") == program.call(body="") == LOCKED
    for method in ("Time", "SystemStatus", "Depth"):
        assert program.get(method, "pair=XBTUSD").error == OK


def test_it_leaves_no_trace_but_its_own(program, sandbox):
    sandbox.settings.patch({"rate_limits": "on"})
    program.call(nonce=100)
    hammer(program)
    used = program.key.last_used
    sandbox.clock.advance(SECOND)
    assert program.call(nonce=200) == LOCKED
    assert (program.key.nonce.highest, program.key.last_used) == (100, used)
    assert CountersControl(Control(sandbox).perform).rest[program.key.name] == "0"
    assert program.key.refusals == {"signature": 10, "lockout": 1}


def test_the_source_is_the_address_with_the_key(program, new_program, sandbox):
    elsewhere = type(program)(sandbox, program.key.name, "203.0.113.9")
    elsewhere.nonces = program.nonces
    other = new_program("other")
    hammer(program)
    assert (program.call(), elsewhere.call(), other.call()) == (LOCKED, OK, OK)
    assert program.call(**STRANGER) == KEY
    # Their counts are their own, too: refusals here and there do not add up, and a success there forgives nothing here.
    hammer(other, 9)
    there = type(program)(sandbox, "other", "203.0.113.9")
    there.nonces = other.nonces
    hammer(there, 9)
    assert there.call() == OK
    hammer(other, 1)
    assert (other.call(), there.call()) == (LOCKED, OK)


# How long it lasts


@pytest.mark.parametrize("seconds", [900, 1, 60])
def test_it_ends_to_the_nanosecond(program, sandbox, seconds):
    sandbox.settings.patch({"lockout_seconds": seconds, "lockout_extends_on_attempt": False})
    hammer(program)
    sandbox.clock.advance(seconds * SECOND - 1)
    assert program.call() == LOCKED
    sandbox.clock.advance(1)
    assert program.call() == OK


def test_each_attempt_starts_the_time_anew(program, sandbox):
    hammer(program)
    for _ in range(5):
        sandbox.clock.advance(LASTS - 1)
        assert program.call() == LOCKED
    assert program.call(**WRONG) == LOCKED
    sandbox.clock.advance(LASTS)
    assert program.call() == OK


def test_unless_the_setting_says_otherwise(program, sandbox):
    sandbox.settings.patch({"lockout_extends_on_attempt": False})
    hammer(program)
    for _ in range(9):
        sandbox.clock.advance(LASTS // 10)
        assert program.calls(20) == {LOCKED}
    assert program.journal["reason"] == "locked out until 2026-01-01T00:15:00Z; it is 2026-01-01T00:13:30Z"
    sandbox.clock.advance(LASTS // 10)
    assert program.call() == OK


def test_what_does_not_get_as_far_is_no_attempt(program, sandbox):
    hammer(program)
    sandbox.clock.advance(LASTS - 1)
    program.get("Time")
    program.call("Balances")
    program.call(verb="GET")
    program.call(body="{")
    program.call(**STRANGER)
    sandbox.clock.advance(1)
    assert program.call() == OK


def test_afterwards_the_count_starts_from_zero(program, sandbox):
    hammer(program)
    assert program.calls(50, **WRONG) == {LOCKED}  # these do not count
    for _ in range(3):
        sandbox.clock.advance(LASTS)
        hammer(program, 9)
        assert program.call() == OK
        hammer(program, 10)
        assert program.call() == LOCKED


def test_a_count_does_not_fade_with_time(program, sandbox):
    for _ in range(9):
        hammer(program, 1)
        sandbox.clock.advance(24 * HOUR)
    hammer(program, 1)
    assert program.call() == LOCKED


def test_of_too_many_sources_the_one_that_was_refused_longest_ago_is_forgotten(new_program, monkeypatch):
    monkeypatch.setattr("mockkraken.gate.lockouts._SOURCES", 3)
    first, second, third, fourth = (new_program(name) for name in "abcd")
    hammer(first, 8)
    hammer(second, 9)
    hammer(first, 1)
    hammer(third, 1)
    hammer(fourth, 1)
    hammer(second, 1)
    assert second.call() == OK
    hammer(fourth, 9)
    assert fourth.call() == LOCKED


# From outside


def test_set_and_cleared_from_outside(program, new_program, sandbox, lockout):
    other = new_program("other", remote="203.0.113.9")
    lockout.start("k", seconds="1h")
    assert (program.call(), other.call()) == (LOCKED, OK)
    lockout.start(ip="203.0.113.9", seconds=60)
    assert (program.call(), other.call()) == (LOCKED, LOCKED)
    sandbox.clock.advance(60 * SECOND)
    assert (program.call(), other.call()) == (LOCKED, OK)
    lockout.clear()
    assert program.call() == OK


def test_one_set_for_long_is_not_cut_short_by_its_own(program, sandbox, lockout):
    """Both that it earned and that it was given count: the longer one."""
    hammer(program)
    lockout.start("k", ip="127.0.0.1", seconds="2h")
    assert program.call() == LOCKED
    sandbox.clock.advance(2 * HOUR - 1)
    sandbox.settings.patch({"lockout_extends_on_attempt": False})
    assert program.call() == LOCKED
    sandbox.clock.advance(1)
    assert program.call() == OK


def test_after_one_that_was_set_for_the_source_the_count_starts_from_zero(program, sandbox, lockout):
    hammer(program, 9)
    lockout.start("k", ip="127.0.0.1", seconds=5)
    sandbox.clock.advance(5 * SECOND)
    hammer(program, 9)
    assert program.call() == OK


def test_cleared_it_starts_to_count_from_zero(program, lockout):
    hammer(program, 9)
    lockout.clear()
    hammer(program, 9)
    assert program.call() == OK
    hammer(program)
    lockout.clear()
    assert program.call() == OK
    hammer(program, 9)
    assert program.call() == OK


def test_a_reset_lets_everybody_in(sandbox, program):
    hammer(program)
    sandbox.reset()
    again = type(program)(sandbox, "full")
    assert again.call() == OK


def test_without_a_threshold_one_that_is_set_still_holds(program, sandbox, lockout):
    sandbox.settings.patch({"lockout_threshold": 0})
    lockout.start("k", seconds=5)
    assert program.call() == LOCKED
    sandbox.clock.advance(5 * SECOND)
    assert program.call() == OK


# Whatever comes


@pytest.mark.parametrize("threshold", [10, 1])
def test_made_up_keys_do_not_pile_up(program, sandbox, monkeypatch, threshold):
    monkeypatch.setattr("mockkraken.gate.lockouts._SOURCES", 50)
    sandbox.settings.patch({"lockout_threshold": threshold})
    hammer(program, threshold)
    for number in range(49):
        program.call(headers={"API-Key": f"stranger {number}"})
    assert program.call() == LOCKED
    for number in range(49, 500):
        program.call(headers={"API-Key": f"stranger {number}"})
    lockouts = sandbox.venue.gate.lockouts
    assert max(len(lockouts.locks), len(lockouts.failures)) == 50
    assert program.call() == (OK if threshold == 1 else LOCKED)  # the oldest gives way, of each kind for itself


def test_nor_do_long_ones(program, sandbox):
    """And of two that are alike as far as keys go, each counts for the other: no key is as long."""
    sandbox.settings.patch({"journal_size": 1})
    tracemalloc.start()
    try:
        for number in range(200):
            assert program.call(headers={"API-Key": f"{number:03}{'x' * 8000}"}) == KEY
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 400_000
    for end in range(10):
        assert program.call(headers={"API-Key": "x" * 8000 + str(end)}) == KEY
    assert program.call(headers={"API-Key": "x" * 8000}) == LOCKED
    assert program.call() == OK


@pytest.mark.parametrize("seed", range(5))
def test_a_day_at_random_against_a_naive_model(new_program, sandbox, seed):
    rng = random.Random(seed)
    threshold, lasts = rng.choice((2, 3, 5)), rng.choice((10, 60))
    extends = rng.random() < 0.7
    changes = {"lockout_threshold": threshold, "lockout_seconds": lasts, "lockout_extends_on_attempt": extends}
    sandbox.settings.patch(changes)
    programs = [new_program(name, remote=remote) for name, remote in (("a", "10.0.0.1"), ("b", "10.0.0.1"))]
    programs.append(type(programs[0])(sandbox, "a", "10.0.0.2"))
    programs[2].nonces = programs[0].nonces
    failures, until = [0, 0, 0], [0, 0, 0]
    seen = set()
    for _ in range(300):
        sandbox.clock.advance(rng.choice((0, 0, SECOND, lasts * SECOND - 1, lasts * SECOND)))
        now, who, bad = sandbox.clock.now(), rng.randrange(3), rng.random() < 0.7
        if until[who] > now:
            expected = LOCKED
            if extends:
                until[who] = now + lasts * SECOND
        elif bad:
            expected = NONCE
            failures[who] += 1
            if failures[who] == threshold:
                failures[who], until[who] = 0, now + lasts * SECOND
        else:
            expected, failures[who] = OK, 0
        assert programs[who].call(nonce=0 if bad else None) == expected
        seen.add(expected)
    assert seen == {OK, NONCE, LOCKED}
