"""The control API as a Python test uses it, and that it is the one that HTTP has."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mockkraken import MockKraken
from mockkraken.control.errors import ControlError

START = "2026-01-01T00:00:00Z"


def refusal(error: pytest.ExceptionInfo[ControlError]) -> tuple[int, str | None]:
    assert isinstance(error.value, ValueError)
    assert str(error.value) == error.value.message
    return error.value.status, error.value.field


def test_the_clock(kraken: MockKraken, browser):
    assert kraken.clock.now() == START
    assert kraken.clock.freeze() == kraken.clock.state() == browser.ok("GET", "/clock")
    kraken.clock.freeze("2026-01-02T00:00:00Z")
    kraken.clock.advance("15m")
    kraken.clock.advance(0.5)
    assert kraken.clock.now() == browser.ok("GET", "/clock")["now"] == "2026-01-02T00:15:00.5Z"
    assert kraken.clock.run(60)["mode"] == "scaled"
    assert kraken.clock.run()["mode"] == "real"
    assert kraken.clock.resume()["scale"] == 1
    with pytest.raises(ControlError) as error:
        kraken.clock.freeze(START)
    assert refusal(error) == (409, "freeze")
    with pytest.raises(ControlError) as error:
        kraken.clock.advance("soon")
    assert refusal(error) == (400, "advance")
    with pytest.raises(ControlError) as error:
        kraken.clock.run(float("nan"))
    assert refusal(error) == (400, "scale")


def test_the_settings_are_a_mapping(kraken: MockKraken, browser):
    assert dict(kraken.settings) == browser.ok("GET", "/settings")
    kraken.settings["dialect"] = "observed"
    assert kraken.settings["dialect"] == browser.ok("GET", "/settings")["dialect"] == "observed"
    del kraken.settings["dialect"]
    assert kraken.settings["dialect"] == "documented"
    kraken.settings.patch(dialect="observed", journal_size=5, market_price_protection=2.5)
    assert (kraken.settings["journal_size"], kraken.settings["market_price_protection"]) == (5, "2.5")
    assert "dialect" in kraken.settings
    assert "no_such" not in kraken.settings
    with pytest.raises(ControlError) as error:
        kraken.settings.patch(journal_size=6, no_such=1)
    assert refusal(error) == (400, "no_such")
    assert kraken.settings["journal_size"] == 5


def test_balances_are_a_mapping(kraken: MockKraken, browser):
    balances = kraken.accounts["main"].balances
    assert dict(balances) == browser.ok("GET", "/accounts/main/balances")
    balances["ZUSD"] = "500"
    assert balances["ZUSD"] == balances["usd"] == browser.ok("GET", "/accounts/main/balances")["ZUSD"] == "500.0000"
    balances["XBT"] = 0.1
    assert balances["BTC"] == "0.1000000000"
    balances["XBT"] = Decimal("1E-8")
    assert balances["BTC"] == "0.0000000100"
    del balances["XBT"]
    assert balances["XXBT"] == "0.0000000000"

    count = len(balances)
    assert "KFEE" not in balances
    assert balances["KFEE"] == "0.00"
    assert balances.patch({"KFEE": 5, "ZUSD": 7})["KFEE"] == "5.00"
    assert len(balances) == count + 1
    assert balances.replace({"SOL": "2"}) == dict(balances)
    assert {asset: text for asset, text in balances.items() if float(text)} == {"SOL": "2.0000000000"}

    with pytest.raises(ControlError) as error:
        balances.patch({"SOL": "3", "NOPE": "1"})
    assert refusal(error) == (400, "NOPE")
    with pytest.raises(ControlError) as error:
        balances["NOPE"]
    assert refusal(error) == (400, "NOPE")
    assert balances["SOL"] == "2.0000000000"


def test_accounts(kraken: MockKraken, browser):
    third = kraken.accounts.create("third", tier="starter", balances={"ZUSD": "10"}, margin=False)
    assert third.balances["ZUSD"] == "10.0000"
    assert third.state() == kraken.accounts["third"].state() == browser.ok("GET", "/accounts")["accounts"][-1]
    assert [account.name for account in kraken.accounts] == ["house", "fees", "main", "second", "third"]
    assert repr(third) == "<account 'third'>"
    with pytest.raises(ControlError) as error:
        kraken.accounts.create("third")
    assert refusal(error) == (409, "name")
    with pytest.raises(ControlError) as error:
        kraken.accounts["fourth"]
    assert refusal(error) == (404, "account")


def test_a_key_is_made_used_changed_and_deleted(kraken: MockKraken, browser):
    key = kraken.keys.create(permissions=["query-funds"], nonce_window=10)
    assert key.name.startswith("api-key-1767225600000")
    assert key.state() == browser.ok("GET", f"/keys/{key.api_key}")
    pair = (key.api_key, key.api_secret)
    assert browser.private("Balance", pair, 100)["error"] == []
    assert key.highest == 100

    key.highest = 2**64 - 1
    assert browser.private("Balance", pair, 101)["error"] == ["EAPI:Invalid nonce"]
    assert key.set_nonce("200")["highest"] == "200"
    assert browser.private("Balance", pair, 195)["error"] == []
    with pytest.raises(ControlError) as error:
        key.highest = 2**64
    assert refusal(error) == (400, "highest")

    assert key.patch(name="mine", permissions="all", disabled=True)["disabled"] is True
    assert key.name == kraken.keys["mine"].name == "mine"
    assert browser.private("Balance", pair, 300)["error"] == ["EAPI:Invalid key"]
    key.delete()
    with pytest.raises(ControlError) as error:
        key.state()
    assert refusal(error) == (404, "key")


def test_the_default_keys_come_with_their_secrets(kraken: MockKraken, browser):
    full = kraken.keys["full"]
    assert (full.api_key, full.api_secret) == (kraken.api_key, kraken.api_secret)
    assert kraken.keys[kraken.api_key].name == "full"
    for key in kraken.keys:
        error = browser.private("OpenOrders", (key.api_key, key.api_secret), 1)["error"]
        assert error == ([] if key.name not in ("expired", "restricted") else ["EAPI:Invalid key"])
        assert key.api_secret not in repr(key)


def test_a_key_of_a_profile_or_with_everything(kraken: MockKraken):
    assert kraken.keys.create(profile="withdraw").state()["permissions"] == [
        *("query-funds", "add-funds", "withdraw-funds", "query-ledger")
    ]
    own = kraken.keys.create(
        account="second",
        name="own",
        permissions="all",
        ip_allowlist=("10.0.0.0/8",),
        valid_until=1767225601,
        query_from=START,
        query_to="2026-06-01T00:00:00Z",
        api_key="OWN",
        api_secret="c2VjcmV0",
    )
    assert (own.name, own.api_key, own.api_secret) == ("own", "OWN", "c2VjcmV0")
    state = own.state()
    assert (state["account"], len(state["permissions"]), state["ip_allowlist"]) == ("second", 13, ["10.0.0.0/8"])
    assert (state["valid_until"], state["query_from"]) == ("2026-01-01T00:00:01Z", START)
    with pytest.raises(ControlError) as error:
        kraken.keys.create(permissions={"fly"})
    assert refusal(error) == (400, "permissions")


def test_the_journal(kraken: MockKraken, browser):
    full = (kraken.api_key, kraken.api_secret)
    for nonce in (1, 2, 2):
        browser.private("Balance", full, nonce)
    browser.private("Balance", (kraken.keys["expired"].api_key, "AAAA"), 1)
    assert kraken.journal.page(since=1, limit=2) == browser.ok("GET", "/journal?since=1&limit=2")
    assert [record["seq"] for record in kraken.journal.records(endpoint="Balance")] == [1, 2, 3, 4]
    assert [record["check"] for record in kraken.journal.refusals()] == ["nonce", "expiry"]
    assert [record["check"] for record in kraken.journal.refusals(key="full")] == ["nonce"]
    kraken.journal.clear()
    assert kraken.journal.records() == []
    with pytest.raises(ControlError) as error:
        kraken.journal.records(colour="red")
    assert refusal(error) == (400, "colour")


def test_reset(kraken: MockKraken, browser):
    kraken.accounts["main"].balances["ZUSD"] = "1"
    kraken.reset(seed=9, clock=1798761600)
    assert browser.ok("GET", "/settings")["seed"] == kraken.settings["seed"] == 9
    assert kraken.clock.now() == "2027-01-01T00:00:00Z"
    assert kraken.accounts["main"].balances["ZUSD"] == "1000000.0000"
    kraken.reset()
    assert (kraken.settings["seed"], kraken.clock.now()) == (1, START)
    with pytest.raises(ControlError) as error:
        kraken.reset(clock="never")
    assert refusal(error) == (400, "clock")


def test_a_number_without_end_is_refused_like_any_other(kraken: MockKraken) -> None:
    endless = 10**5000
    for call in (
        lambda: kraken.accounts["main"].balances.patch({"ZUSD": endless}),
        lambda: kraken.counters.rest.patch({"full": endless}),
        lambda: kraken.pairs["XBTUSD"].move_to(endless),
    ):
        with pytest.raises(ControlError, match="too many digits"):
            call()


def test_what_is_assigned_to_no_purpose_is_refused(kraken: MockKraken) -> None:
    """Nothing would happen, and on an object that other tests share it would stay."""
    for assign in (
        lambda: setattr(kraken, "status", "maintenance"),
        lambda: setattr(kraken.accounts["main"], "balances", {"ZUSD": "1"}),
        lambda: setattr(kraken.accounts["main"], "tier", "starter"),
        lambda: setattr(kraken.pairs["XBTUSD"], "index", "60000"),
        lambda: setattr(kraken.settings, "dialect", "observed"),
        lambda: setattr(kraken.clock, "now", 0),
        lambda: setattr(kraken.keys["full"], "nonce", 5),
        lambda: setattr(kraken.counters, "rest", {}),
    ):
        with pytest.raises(AttributeError):
            assign()
    kraken.status.set("cancel_only")
    assert kraken.status.get() == "cancel_only"
