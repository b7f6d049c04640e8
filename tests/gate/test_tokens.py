"""WebSocket tokens: 43 characters that stand for a key, for a while (kraken/10 §3.4, kraken/30 §6.5)."""

from __future__ import annotations

import random
import re

import pytest

from mockkraken.clock import SECOND
from mockkraken.gate.tokens import Tokens

NOW = 1_767_225_600 * SECOND


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(random.Random("tokens"))


def test_a_token_is_43_characters_from_the_seed_and_each_is_another(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    issued = [tokens.issue(key, NOW) for _ in range(50)]
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{43}", token) for token in issued)
    assert len(set(issued)) == 50
    again = Tokens(random.Random("tokens"))
    assert [again.issue(key, NOW) for _ in range(50)] == issued


def test_a_token_must_be_used_within_fifteen_minutes(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    token = tokens.issue(key, NOW)
    assert tokens.lookup(token, NOW + 900 * SECOND - 1) is key
    assert tokens.lookup(token, NOW + 900 * SECOND) is None
    assert tokens.lookup("nobody's", NOW) is None


def test_one_token_serves_many_times_and_several_live_side_by_side(ring, tokens):
    mine, other = ring.create("main", "k", now=NOW), ring.create("second", "o", now=NOW)
    first, second, third = tokens.issue(mine, NOW), tokens.issue(other, NOW), tokens.issue(mine, NOW + 1)
    for _ in range(2):
        assert [tokens.lookup(token, NOW + 2) for token in (first, second, third)] == [mine, other, mine]


def test_tokens_die_with_their_key(ring, tokens):
    deleted, disabled, kept = (ring.create("main", name, now=NOW) for name in ("deleted", "disabled", "kept"))
    issued = [tokens.issue(key, NOW) for key in (deleted, disabled, kept)]
    ring.delete(deleted)
    ring.edit(disabled, {"disabled": True}, now=NOW)
    ring.edit(kept, {"permissions": [], "disabled": False}, now=NOW)
    assert [tokens.lookup(token, NOW) for token in issued] == [None, None, kept]


def test_a_key_switched_off_and_on_does_not_wake_its_tokens(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    old = tokens.issue(key, NOW)
    ring.edit(key, {"disabled": True}, now=NOW)
    ring.edit(key, {"disabled": False}, now=NOW)
    assert tokens.lookup(old, NOW) is None
    assert tokens.lookup(tokens.issue(key, NOW), NOW) is key


def test_a_token_does_not_outlive_its_key_s_expiry(ring, tokens):
    key = ring.create("main", "k", now=NOW, valid_until=NOW + 10 * SECOND)
    token = tokens.issue(key, NOW)
    assert tokens.lookup(token, NOW + 10 * SECOND - 1) is key
    assert tokens.lookup(token, NOW + 10 * SECOND) is None


def test_tokens_can_be_expired_by_key_or_all_at_once(ring, tokens):
    mine, other = ring.create("main", "k", now=NOW), ring.create("second", "o", now=NOW)
    old = tokens.issue(mine, NOW)
    later = NOW + 900 * SECOND - 1
    issued = [tokens.issue(key, later) for key in (mine, mine, other)]
    assert tokens.expire(NOW + 900 * SECOND, mine) == {mine: 2}, "one had run out by itself"
    assert [tokens.lookup(token, later) for token in (old, *issued)] == [None, None, None, other]
    assert tokens.expire(later) == {other: 1}
    assert tokens.lookup(issued[2], later) is None
    assert tokens.expire(later) == {}


def test_old_tokens_do_not_pile_up(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    for second in range(5000):
        tokens.issue(key, NOW + second * SECOND)
    assert len(tokens._grants) == 900


def test_a_token_in_use_does_not_run_out_on_that_connection(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    token, later = tokens.issue(key, NOW), NOW + 3600 * SECOND
    for connection in (1, 2):
        assert tokens.use(token, NOW + 900 * SECOND - 1, connection) is key
    tokens.issue(key, later)  # which sweeps out what has run out
    assert [tokens.lookup(token, later, connection) is key for connection in (1, 2, 3)] == [True, True, False]
    assert tokens.use(token, later, 3) is None
    assert tokens.use(token, later, 1) is key
    tokens.release(token, 1)
    assert [tokens.lookup(token, later, connection) is key for connection in (1, 2)] == [False, True]
    assert tokens.lookup(token, later) is key  # somewhere
    tokens.release(token, 2)
    assert tokens.lookup(token, later) is None
    tokens.release(token, 2)


def test_a_token_whose_user_has_left_in_time_is_good_till_its_time(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    token = tokens.issue(key, NOW)
    tokens.use(token, NOW, 1)
    tokens.release(token, 1)
    assert tokens.lookup(token, NOW + 900 * SECOND - 1, 1) is key
    assert tokens.lookup(token, NOW + 900 * SECOND, 1) is None


def test_a_token_too_old_can_not_be_used(ring, tokens):
    key = ring.create("main", "k", now=NOW)
    token = tokens.issue(key, NOW)
    assert tokens.use(token, NOW + 900 * SECOND, 1) is None
    assert tokens.use("nobody's", NOW, 1) is None


def test_a_token_in_use_dies_with_its_key_and_by_expiry(ring, tokens):
    first, second = ring.create("main", "k", now=NOW), ring.create("main", "l", now=NOW)
    mine, other = tokens.issue(first, NOW), tokens.issue(second, NOW)
    tokens.use(mine, NOW, 1)
    tokens.use(other, NOW, 1)
    ring.delete(first)
    assert tokens.lookup(mine, NOW, 1) is None
    assert tokens.expire(NOW + 3600 * SECOND) == {second: 1}
    assert tokens.lookup(other, NOW, 1) is None


def test_on_a_clock_that_stands_still_the_oldest_give_way(ring, tokens, monkeypatch):
    monkeypatch.setattr("mockkraken.gate.tokens._TOKENS", 3)
    key = ring.create("main", "k", now=NOW)
    issued = [tokens.issue(key, NOW) for _ in range(5)]
    assert [tokens.lookup(token, NOW) is key for token in issued] == [False, False, True, True, True]
