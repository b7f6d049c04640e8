"""Keys: how they are made, found, changed and taken away (kraken/10 §3.1, §3.5)."""

from __future__ import annotations

import base64
import random

import pytest

from mockkraken.clock import SECOND
from mockkraken.gate.keys import KeyFieldError, KeyRing

NOW = 1_767_225_600 * SECOND


def test_a_generated_key_looks_like_kraken_s_and_like_nobody_s(ring):
    key = ring.create("main", "bot-1", now=NOW)
    assert len(key.api_key) == 56
    assert key.api_key.startswith("MOCKKRAKEN")
    assert len(base64.b64decode(key.api_key, validate=True)) == 42
    assert len(key.api_secret) == 88
    assert len(base64.b64decode(key.api_secret, validate=True)) == 64
    assert (key.account, key.name, key.created, key.modified, key.last_used) == ("main", "bot-1", NOW, NOW, None)
    assert (key.permissions, key.nonce.highest, key.nonce.window, key.ip_allowlist) == (frozenset(), 0, 0, ())
    assert (key.valid_until, key.query_from, key.query_to, key.disabled) == (None, None, None, False)


def test_the_same_seed_makes_the_same_keys_and_a_refused_one_draws_nothing():
    first, second = KeyRing(random.Random(7)), KeyRing(random.Random(7))
    for wrong in ({"permissions": ["fly"]}, {"api_key": ""}, {"api_secret": "?"}, {"nonce_window": -1}):
        with pytest.raises(KeyFieldError):
            second.create("main", "refused", now=NOW, otp="totp", **wrong)
    made = [[(key.api_key, key.api_secret) for key in (ring.create("main", now=NOW),)] for ring in (first, second)]
    assert made[0] == made[1]
    assert second.find("refused") is None


def test_given_keys_and_secrets_are_taken_as_they_are(ring):
    key = ring.create("main", "full", now=NOW, api_key="not/base64+at all".replace(" ", "-"), api_secret="AQ==")
    assert ring.get(b"not/base64+at-all") is key
    assert key.api_secret == "AQ=="


def test_a_key_is_found_by_name_or_public_key(ring):
    key, other = ring.create("main", "a", now=NOW), ring.create("second", "b", now=NOW)
    assert ring.find("a") is ring.find(key.api_key) is ring.get(key.api_key.encode()) is key
    assert ring.find(other.api_key) is other
    assert ring.find("c") is ring.find("\ud800") is ring.get(b"\xff") is None
    assert ring.find(key.api_key.lower()) is None
    assert ring.all() == [key, other]


def test_names_default_to_kraken_s_form_and_stay_unique(ring):
    assert [ring.create("main", now=NOW).name for _ in range(2)] == ["api-key-1767225600000", "api-key-1767225600001"]


@pytest.mark.parametrize("name", ["", "x" * 33, "line\nbreak", "taken"])
def test_names_that_do_not_do(ring, name):
    ring.create("main", "taken", now=NOW)
    mine = ring.create("main", "mine", now=NOW)
    for attempt in (
        lambda: ring.create("second", name, now=NOW),
        lambda: ring.edit(mine, {"nonce_window": 5, "name": name}, now=NOW),
    ):
        with pytest.raises(KeyFieldError) as refusal:
            attempt()
        assert refusal.value.field == "name"
    assert len(ring.all()) == 2
    assert (mine.name, mine.nonce.window) == ("mine", 0)
    assert ring.create("main", "x" * 32, now=NOW)


def test_a_name_can_not_shadow_another_public_key_nor_the_reverse(ring):
    ring.create("main", "alpha", now=NOW, api_key="PUBLIC")
    with pytest.raises(KeyFieldError, match="PUBLIC"):
        ring.create("main", "PUBLIC", now=NOW)
    with pytest.raises(KeyFieldError) as refusal:
        ring.create("main", "beta", now=NOW, api_key="alpha")
    assert refusal.value.field == "api_key"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_key", "PUBLIC"),
        ("api_key", ""),
        ("api_key", "two words"),
        ("api_key", "schlüssel"),
        ("api_key", "x" * 257),
        ("api_secret", ""),
        ("api_secret", "no base64!"),
        ("permissions", ["query-funds", "create-orders"]),
        ("nonce_window", -1),
        ("nonce_window", 2**64),
        ("nonce_window", True),
        ("nonce_window", "5"),
        ("ip_allowlist", ["10.0.0.1", "10.0.0.300"]),
        ("valid_until", "2026-01-01"),
        ("query_from", 1.5),
        ("colour", "red"),
    ],
)
def test_what_does_not_do_is_named_and_nothing_is_made(ring, field, value):
    ring.create("main", "first", now=NOW, api_key="PUBLIC")
    with pytest.raises(KeyFieldError) as refusal:
        ring.create("main", "second", now=NOW, **{field: value})
    assert refusal.value.field == field
    assert [key.name for key in ring.all()] == ["first"]


def test_editing_keeps_key_secret_and_nonce(ring):
    key = ring.create("main", "before", now=NOW, permissions=["query-funds"])
    assert key.nonce.accept(100)
    shown = (key.api_key, key.api_secret)
    changes = {
        "name": "after",
        "permissions": ["modify-trades"],
        "nonce_window": 10,
        "ip_allowlist": ["10.0.0.0/8"],
        "valid_until": NOW + SECOND,
        "query_from": NOW,
        "query_to": NOW + 2 * SECOND,
        "disabled": True,
    }
    ring.edit(key, changes, now=NOW + 5)
    assert (key.api_key, key.api_secret, key.nonce.highest) == (*shown, 100)
    assert (key.permissions, key.nonce.window, key.ip_allowlist) == ({"modify-trades"}, 10, ("10.0.0.0/8",))
    assert (key.valid_until, key.query_from, key.query_to) == (NOW + SECOND, NOW, NOW + 2 * SECOND)
    assert (key.disabled, key.created, key.modified) == (True, NOW, NOW + 5)
    assert ring.find("before") is None
    assert ring.find("after") is key
    ring.edit(key, {"name": "after", "ip_allowlist": [], "valid_until": None, "disabled": False}, now=NOW + 6)
    assert (key.allowlist, key.valid_until, key.disabled) == (None, None, False)


def test_one_end_of_a_range_is_held_against_the_other_that_is_kept(ring):
    key = ring.create("main", "k", now=NOW, query_from=NOW, query_to=NOW + SECOND)
    for wrong in ({"query_from": NOW + SECOND + 1}, {"query_to": NOW - 1}):
        with pytest.raises(KeyFieldError) as refusal:
            ring.edit(key, wrong, now=NOW)
        assert refusal.value.field == "query_to"
    assert (key.query_from, key.query_to) == (NOW, NOW + SECOND)
    ring.edit(key, {"query_from": NOW + SECOND}, now=NOW)
    assert key.query_from == key.query_to


def test_an_edit_is_made_whole_or_not_at_all(ring):
    key = ring.create("main", "k", now=NOW, permissions=["query-funds"])
    with pytest.raises(KeyFieldError):
        ring.edit(key, {"name": "new", "permissions": ["add-funds"], "ip_allowlist": ["nowhere"]}, now=NOW + 1)
    assert (key.name, key.permissions, key.modified) == ("k", {"query-funds"}, NOW)
    assert ring.find("k") is key


def test_a_deleted_key_is_gone_and_its_name_is_free(ring):
    key = ring.create("main", "k", now=NOW)
    ring.delete(key)
    assert ring.find("k") is ring.find(key.api_key) is ring.get(key.api_key.encode()) is None
    assert ring.all() == []
    assert ring.create("main", "k", now=NOW).api_key != key.api_key


def test_a_key_never_prints_its_secret(ring):
    key = ring.create("main", "k", now=NOW)
    assert repr(key) == "<Key 'k' of 'main'>"


def test_why_a_header_is_unknown(ring):
    key = ring.create("main", "full", now=NOW)
    public, secret = key.api_key.encode(), key.api_secret.encode()
    real = b"4/SDrDBcOOPnm3nPlNfEMMJDeRcIVqPz+QhRxIodyZbI9po/aVRiHsgX"
    escaped = public.replace(b"M", b"%4D")
    whose = "no key has this API-Key of 56 characters"
    elsewhere = f"{whose}; it does not begin with MOCKKRAKEN: is it a key of the real exchange?"
    reasons = {
        b" " + public: "API-Key has blanks or quotes around the public key of 'full'; it counts as sent",
        b'"' + public + b'"': "API-Key has blanks or quotes around the public key of 'full'; it counts as sent",
        public + b"\n": "API-Key has blanks or quotes around the public key of 'full'; it counts as sent",
        escaped: "API-Key is the public key of 'full' percent-encoded; it belongs there raw",
        b"full": "API-Key is the name of the key 'full'; its public key belongs there",
        secret: "API-Key is the secret of 'full'; the public key belongs there",
        b"'" + secret + b"'": "API-Key is the secret of 'full'; the public key belongs there",
        b"x" * 88: "no key has this API-Key of 88 characters: the length of a secret; a public key has 56",
        public[:-1]: "no key has this API-Key of 55 characters; a generated one has 56",
        b"x": "no key has this API-Key of 1 character; a generated one has 56",
        b"": "no key has this API-Key of 0 characters; a generated one has 56",
        real: elsewhere,
        public.swapcase(): elsewhere,
        public[:-1] + b"-": f"{whose}; was it deleted, or is it another sandbox's?",
        b"\xff\xfe": "no key has this API-Key of 2 characters; a generated one has 56",
    }
    assert {header: ring.why_unknown(header) for header in reasons} == reasons
