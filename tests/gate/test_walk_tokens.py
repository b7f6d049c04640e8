"""A WebSocket token from its making to its end (kraken/10 §3.4), through the REST application.

What a connection makes of it is tested where connections are; the tokens' own book-keeping in test_tokens.py.
"""

from __future__ import annotations

import re

import pytest

from mockkraken.clock import SECOND

LIVES = 900 * SECOND


@pytest.fixture
def token(program):
    result = program.ask("GetWebSocketsToken").result
    assert list(result) == ["token", "expires"]
    assert result["expires"] == 900
    assert re.fullmatch("[A-Za-z0-9+/]{43}", result["token"])
    return result["token"]


@pytest.fixture
def holder(sandbox):
    """The name of the key that a token stands for now."""

    def holder(token: str) -> str | None:
        key = sandbox.tokens.lookup(token, sandbox.clock.now())
        return key and key.name

    return holder


def test_it_can_be_used_for_fifteen_minutes_to_the_nanosecond(sandbox, token, holder):
    sandbox.clock.advance(LIVES - 1)
    assert holder(token) == "k"
    sandbox.clock.advance(1)
    assert holder(token) is None


def test_another_one_lives_beside_it_and_runs_out_by_itself(program, sandbox, token, holder):
    sandbox.clock.advance(LIVES - 1)
    other = program.ask("GetWebSocketsToken").result["token"]
    sandbox.clock.advance(1)
    assert (holder(token), holder(other)) == (None, "k")


def test_asking_for_one_uses_a_nonce_and_costs_a_point(program, sandbox):
    sandbox.settings.patch({"rate_limits": "on"})
    assert program.calls(20, "GetWebSocketsToken") == {"OK"}
    assert program.key.nonce.highest == 20
    assert program.call("GetWebSocketsToken") == "EAPI:Rate limit exceeded"
    assert program.call("GetWebSocketsToken", nonce=20) == "EAPI:Invalid nonce"


@pytest.mark.parametrize("refused", [{"nonce": 0}, {"headers": {"API-Sign": None}}, {"verb": "GET"}])
def test_a_refused_call_makes_none(program, sandbox, refused):
    assert program.call("GetWebSocketsToken", **refused) != "OK"
    assert sandbox.tokens.expire(sandbox.clock.now()) == {}


@pytest.mark.parametrize("change", [{"disabled": True}, {"valid_until": 1}])
def test_it_dies_with_its_key(program, sandbox, token, holder, change):
    sandbox.keys.edit(program.key, change, now=sandbox.clock.now())
    assert holder(token) is None


def test_it_dies_with_a_deleted_key_also_when_that_is_made_anew(program, sandbox, new_program, token, holder):
    sandbox.keys.delete(program.key)
    new_program(api_key=program.key.api_key, api_secret=program.key.api_secret)
    assert holder(token) is None


def test_a_reset_ends_it(sandbox, token, holder):
    sandbox.reset()
    assert holder(token) is None


def test_it_may_what_its_key_may_at_the_moment_of_use(program, sandbox, token):
    """[guess] on timing: evaluated at use."""
    sandbox.keys.edit(program.key, {"permissions": ["query-funds"]}, now=sandbox.clock.now())
    assert program.call("GetWebSocketsToken") == "EGeneral:Permission denied"
    key = sandbox.tokens.lookup(token, sandbox.clock.now())
    assert key is not None
    assert key.permissions == {"query-funds"}


def test_neither_a_lockout_nor_another_address_ends_it(program, sandbox, token, holder):
    program.calls(10, nonce=0)
    assert program.call() == "EGeneral:Temporary lockout"
    sandbox.keys.edit(program.key, {"ip_allowlist": ["10.0.0.1"]}, now=sandbox.clock.now())
    assert holder(token) == "k"


def test_no_token_is_in_the_journal(program, sandbox, token):
    assert token not in str(sandbox.journal.records())
