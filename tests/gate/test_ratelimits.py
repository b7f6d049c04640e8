"""The REST call counter: what counts and what does not, seen from outside (kraken/10 §4.1).

How many calls of each endpoint pass, and when the next does, is walked through in test_walk_rest_counters.py.
"""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from mockkraken.clock import SECOND
from mockkraken.control.counters import counter
from mockkraken.control.operations import Control
from mockkraken.gate.permissions import CODES
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
LIMITED = "EAPI:Rate limit exceeded"
LIMIT = {"starter": 15, "intermediate": 20, "pro": 20}
# How long it takes until one point is gone: 1/0.33, 1/0.5 and 1/1 seconds, and the first nanosecond after that.
ONE_POINT = {"starter": 3_030_303_031, "intermediate": 2 * SECOND, "pro": SECOND}
TIERS = list(LIMIT)


class Bot:
    """One key at work in a sandbox. Its nonce counts up from 1."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        key = sandbox.keys.find(name)
        assert key is not None
        self.sandbox, self.key, self.nonces = sandbox, key, itertools.count(1)

    def call(
        self, method: str = "Balance", *, key: str | None = None, sign_as: str | None = None, **fields: Any
    ) -> str:
        """Make a call: its error, or OK."""
        path, nonce = f"/0/private/{method}", fields.pop("nonce", None) or next(self.nonces)
        body = urlencode({"nonce": nonce, **fields}).encode()
        signature = sign_as or sign(self.key.api_secret, path, str(nonce), body)
        headers = {"API-Key": key or self.key.api_key, "API-Sign": signature}
        scope = {
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        errors = json.loads(self.sandbox.rest.answer(scope, body).body)["error"]
        return errors[0] if errors else "OK"

    def calls(self, number: int, method: str = "Balance") -> set[str]:
        return {self.call(method) for _ in range(number)}

    @property
    def counter(self) -> str:
        """As the control API shows it."""
        shown: str = Control(self.sandbox).perform(counter, self.key.name)
        return shown

    @property
    def journal(self) -> dict[str, Any]:
        """The journal's last record."""
        return self.sandbox.journal.records()[0][-1]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(start=START)


@pytest.fixture
def new_bot(sandbox: Sandbox):
    """A bot with a new key, of `main` unless it is said otherwise."""

    def make(name: str = "bot", tier: str | None = None, account: str = "main", permissions: Any = CODES) -> Bot:
        sandbox.keys.create(account, name, now=START, permissions=permissions)
        if tier is not None:
            Control(sandbox).perform(Control.change_account, account, {"tier": tier})
        return Bot(sandbox, name)

    return make


@pytest.fixture
def bot(new_bot) -> Bot:
    return new_bot()


# -- how many, by tier


def test_the_default_accounts_have_the_limits_of_their_tiers(sandbox):
    for name, limit in (("full", 20), ("second", 15)):
        bot = Bot(sandbox, name)
        assert bot.calls(limit) == {"OK"}
        assert bot.call() == LIMITED


@pytest.mark.parametrize("tier", TIERS)
def test_looking_often_rounds_nothing_away(sandbox, new_bot, tier):
    bot = new_bot(tier=tier)
    bot.calls(LIMIT[tier])
    step, rest = divmod(ONE_POINT[tier], 1001)
    for span in [step] * 1001 + [rest - 1]:
        sandbox.clock.advance(span)
        assert bot.counter != str(LIMIT[tier] - 1)
    sandbox.clock.advance(1)
    assert bot.call() == "OK"


@pytest.mark.parametrize(("tier", "left"), [("starter", "11.7"), ("intermediate", "15"), ("pro", "10")])
def test_it_falls_all_the_time_and_not_below_zero(sandbox, new_bot, tier, left):
    bot = new_bot(tier=tier)
    bot.calls(LIMIT[tier])
    sandbox.clock.advance(10 * SECOND)
    assert bot.counter == left
    sandbox.clock.advance(3600 * SECOND)
    assert bot.counter == "0"
    assert bot.calls(LIMIT[tier]) == {"OK"}
    assert bot.call() == LIMITED


# -- what a call costs


def test_dear_calls_count_twice(sandbox, bot):
    assert bot.calls(10, "Ledgers") == {"OK"}
    assert bot.call("TradesHistory") == LIMITED
    sandbox.clock.advance(2 * SECOND - 1)
    assert bot.call("QueryLedgers") == LIMITED
    sandbox.clock.advance(SECOND)
    assert bot.call("Ledgers") == LIMITED
    sandbox.clock.advance(2 * SECOND)
    assert bot.call("Ledgers") == "OK"


def test_a_dear_call_may_be_refused_where_a_cheap_one_passes(sandbox, bot):
    bot.calls(20)
    sandbox.clock.advance(SECOND)
    assert bot.call() == "OK"
    bot.calls(20)
    sandbox.clock.advance(2 * SECOND)
    assert bot.call() == "OK"
    assert bot.call("Ledgers") == LIMITED


def test_orders_and_their_cancelling_cost_nothing(bot):
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.001"}
    for number in range(15):  # the trading engine's own limit lets no more through
        assert bot.call("AddOrder", cl_ord_id=f"order-{number}", **order) == "OK"
        assert bot.call("CancelOrder", cl_ord_id=f"order-{number}") == "OK"
    assert bot.counter == "0"
    bot.calls(25)
    assert bot.counter == "20"
    assert bot.call("AddOrder", cl_ord_id="last", **order) == "OK"
    assert bot.call("CancelOrder", cl_ord_id="last") == "OK"
    assert bot.call("CancelAll") == LIMITED


# -- whose counter it is


def test_it_belongs_to_the_key_not_to_the_account(bot, new_bot):
    other = new_bot("other")
    bot.calls(20)
    assert bot.call() == LIMITED
    assert other.calls(20) == {"OK"}
    assert other.call() == LIMITED


def test_a_key_keeps_it_through_a_change_and_a_new_one_begins_anew(sandbox, bot, new_bot):
    bot.calls(20)
    sandbox.keys.edit(bot.key, {"name": "renamed", "permissions": ["query-funds"]}, now=START)
    assert bot.call() == LIMITED
    sandbox.keys.delete(bot.key)
    assert new_bot("bot").call() == "OK"


def test_public_calls_have_no_part_in_it(sandbox, bot):
    bot.calls(20)
    scope = {"method": "GET", "path": "/0/public/Time", "query_string": b"", "headers": []}
    for _ in range(50):
        assert json.loads(sandbox.rest.answer(scope, b"").body)["error"] == []


# -- refusals


def test_refused_calls_count_but_not_beyond_the_maximum(sandbox, bot):
    bot.calls(20)
    assert bot.calls(50) == {LIMITED}
    assert bot.counter == "20"
    # Who polls faster than it falls never gets through.
    for _ in range(10):
        sandbox.clock.advance(SECOND * 9 // 10)
        assert bot.call() == LIMITED
    sandbox.clock.advance(SECOND)
    assert bot.call() == "OK"


def test_the_journal_says_how_far_how_fast_and_when(sandbox, new_bot):
    bot = new_bot(tier="starter")
    bot.calls(15)
    sandbox.clock.advance(SECOND)
    assert bot.call("Ledgers") == LIMITED
    record = bot.journal
    assert (record["check"], record["error"], record["outcome"]) == ("rate", LIMITED, "refused")
    assert record["reason"] == (
        "the key's REST call counter at 14.67 and the cost 2 of this call make more than 15, the maximum of tier "
        "starter; with this refusal it stands at 15 and falls by 0.33 a second, so this call passes in "
        "6.060606061 seconds"
    )
    sandbox.clock.advance(6_060_606_060)
    assert bot.call("Ledgers") == LIMITED
    sandbox.clock.advance(6_060_606_061)
    assert bot.call("Ledgers") == "OK"


def test_the_key_counts_its_refusals(bot):
    bot.calls(23)
    row = Control(bot.sandbox).perform(Control.key, "bot")
    assert row["refusals"] == {"rate": 3}
    assert row["last_used"] == "2026-01-01T00:00:00Z"


def test_what_is_refused_before_adds_nothing(sandbox, bot):
    sandbox.settings.patch({"lockout_threshold": 0})
    bot.sandbox.settings.patch({"lockout_threshold": 0})
    bot.call(nonce=100)
    for _ in range(30):
        assert bot.call(key="nobody") == "EAPI:Invalid key"
        assert bot.call(nonce="x") == "EAPI:Invalid nonce"
        assert bot.call(sign_as="A" * 86 + "==", nonce=200) == "EAPI:Invalid signature"
        assert bot.call(nonce=99) == "EAPI:Invalid nonce"
        assert bot.call("Balances", nonce=201) == "EGeneral:Unknown method"
    assert bot.counter == "1"


@pytest.mark.parametrize(
    ("method", "fields", "error", "charged"),
    [
        ("QueryOrders", {"txid": "x"}, "EOrder:Invalid order", "1"),
        ("TradeBalance", {"asset": "NONE"}, "EQuery:Unknown asset", "1"),
        ("Ledgers", {"ofs": "x"}, "EGeneral:Invalid arguments:ofs", "2"),
    ],
)
def test_what_is_refused_after_has_been_charged(bot, method, fields, error, charged):
    assert bot.call(method, **fields) == error
    assert bot.counter == charged


def test_it_comes_before_the_permission_and_a_missing_one_is_charged(new_bot):
    bot = new_bot(permissions=["query-funds"])
    assert bot.calls(10, "Ledgers") == {"EGeneral:Permission denied"}
    assert bot.counter == "20"
    assert bot.call("Ledgers") == bot.call("Balance") == LIMITED
    assert bot.key.refusals == {"permission": 10, "rate": 2}


def test_the_nonce_comes_first_and_is_used_up_or_not_by_setting(sandbox, bot):
    bot.calls(20)
    assert bot.call(nonce=500) == LIMITED
    assert bot.call(nonce=500) == "EAPI:Invalid nonce"
    sandbox.settings.patch({"nonce_consumed_on_later_failure": False})
    assert bot.call(nonce=600) == bot.call(nonce=600) == LIMITED
    assert bot.key.nonce.highest == 500


# -- tiers that change


def test_another_tier_counts_from_then_on(sandbox, new_bot):
    bot = new_bot(tier="starter")
    control = Control(sandbox)
    bot.calls(15)
    sandbox.clock.advance(10 * SECOND)
    control.perform(Control.change_account, "main", {"tier": "pro"})
    assert bot.counter == "11.7"  # 10 seconds at 0.33
    sandbox.clock.advance(10 * SECOND)
    assert bot.counter == "1.7"  # and 10 at 1
    assert bot.calls(18) == {"OK"}
    assert bot.call() == LIMITED

    control.perform(Control.change_account, "main", {"tier": "starter"})
    assert bot.counter == "15"
    sandbox.clock.advance(ONE_POINT["starter"])
    assert bot.call() == "OK"


def test_a_tier_is_the_accounts_own(sandbox, bot):
    second = Bot(sandbox, "second")
    for each in (bot, second):
        each.calls(15)
    sandbox.clock.advance(SECOND)
    Control(sandbox).perform(Control.change_account, "main", {"tier": "intermediate"})
    sandbox.clock.advance(SECOND)
    assert (bot.counter, second.counter) == ("13.5", "14.34")


# -- the setting, and reset


def test_off_means_that_nothing_is_counted(sandbox, bot):
    bot.calls(21)
    sandbox.settings.patch({"rate_limits": "off"})
    assert bot.calls(50) == {"OK"}
    assert bot.counter == "20"
    sandbox.settings.patch({"rate_limits": "on"})
    assert bot.call() == LIMITED
    sandbox.settings.patch({"rate_limits": "off"})
    sandbox.clock.advance(5 * SECOND)
    sandbox.settings.patch({"rate_limits": None})
    assert bot.calls(5) == {"OK"}
    assert bot.call() == LIMITED


def test_a_sandbox_started_without_limits_has_none():
    bot = Bot(Sandbox(settings=Settings(rate_limits="off"), start=START), "full")
    assert bot.calls(100) == {"OK"}
    assert bot.counter == "0"


def test_a_reset_empties_all_counters(sandbox):
    bot = Bot(sandbox, "full")
    bot.calls(30)
    sandbox.reset()
    bot = Bot(sandbox, "full")
    assert bot.counter == "0"
    assert bot.calls(20) == {"OK"}
    assert bot.call() == LIMITED
