"""`GET` and `PATCH /mock/accounts/NAME`: an account's tier, its state, and whether it may trade on margin."""

from __future__ import annotations

import pytest

from mockkraken import ControlError


def test_one_account_is_shown_as_in_the_list(browser):
    rows = browser.ok("GET", "/accounts")["accounts"]
    assert [browser.ok("GET", f"/accounts/{row['name']}") for row in rows] == rows


@pytest.mark.parametrize(
    "change",
    [{"tier": "starter"}, {"margin": False}, {"state": "locked"}, {"tier": "intermediate", "margin": False}],
    ids=" ".join,
)
def test_the_named_properties_change_and_no_others(browser, change):
    before = browser.ok("GET", "/accounts")["accounts"]
    main = next(row for row in before if row["name"] == "main")
    assert browser.ok("PATCH", "/accounts/main", change) == main | change
    assert browser.ok("GET", "/accounts")["accounts"] == [main | change if row is main else row for row in before]


def test_an_empty_change_is_one(browser):
    before = browser.ok("GET", "/accounts/second")
    assert browser.ok("PATCH", "/accounts/second", {}) == before


def test_reset_puts_them_back(browser):
    before = browser.ok("GET", "/accounts/main")
    browser.ok("PATCH", "/accounts/main", {"tier": "starter", "margin": False})
    browser.ok("POST", "/reset")
    assert browser.ok("GET", "/accounts/main") == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tier": "gold"}, "tier"),
        ({"tier": None}, "tier"),
        ({"tier": 1}, "tier"),
        ({"margin": "no"}, "margin"),
        ({"margin": None}, "margin"),
        ({"tier": "starter", "margin": 0}, "margin"),
        ({"state": "asleep"}, "state"),
        ({"subaccounts": True}, "subaccounts"),
        ({"tier": "starter", "name": "other"}, "name"),
        ([], None),
    ],
)
def test_what_it_does_not_take_changes_nothing(browser, body, field):
    before = browser.ok("GET", "/accounts/main")
    assert browser.mock("PATCH", "/accounts/main", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/accounts/main") == before


def test_no_body_is_a_mistake(browser):
    assert browser.mock("PATCH", "/accounts/main").refusal == (400, "invalid", None)


def test_an_account_that_is_not_there(browser):
    assert browser.mock("GET", "/accounts/nobody").refusal == (404, "unknown", "account")
    assert browser.mock("PATCH", "/accounts/nobody", {"tier": "pro"}).refusal == (404, "unknown", "account")
    assert browser.mock("GET", "/accounts/").refusal == (404, "unknown", "account")


@pytest.mark.parametrize("name", ["house", "fees"])
def test_the_exchanges_own_accounts_stay_as_they_are(browser, name):
    before = browser.ok("GET", f"/accounts/{name}")
    assert before["role"] == name
    assert browser.mock("PATCH", f"/accounts/{name}", {"tier": "starter"}).refusal == (409, "conflict", "account")
    assert browser.ok("GET", f"/accounts/{name}") == before


def test_names_with_slashes_and_blanks(browser):
    browser.ok("POST", "/accounts", {"name": "a/b c", "balances": {"ZUSD": "1"}})
    assert browser.ok("PATCH", "/accounts/a%2Fb%20c", {"tier": "starter"})["tier"] == "starter"
    assert browser.ok("GET", "/accounts/a/b%20c")["tier"] == "starter"
    assert browser.ok("GET", "/accounts/a/b%20c/balances") == {"ZUSD": "1.0000"}


def test_other_methods(browser):
    answer = browser.mock("DELETE", "/accounts/main")
    assert answer.refusal == (405, "method_not_allowed", None)
    assert set(answer.headers["allow"].split(", ")) == {"HEAD", "GET", "PATCH"}


def test_from_python(kraken):
    second = kraken.accounts["second"]
    row = second.patch(tier="pro", margin=False)
    assert (row["name"], row["tier"], row["margin"]) == ("second", "pro", False)
    assert second.state() == row
    with pytest.raises(ControlError, match="subaccounts"):
        second.patch(subaccounts=True)
    with pytest.raises(ControlError) as refused:
        kraken.accounts["fees"].patch(margin=True)
    assert refused.value.status == 409


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/accounts/main", {"tier": "gold"}, 'tier does not take that: it takes "starter", "intermediate", "pro"'),
        ("/settings", {"market_price_protection": "x"}, "it takes percent, or `off`"),
        ("/settings", {"triggered_at_entry": "x"}, "it takes cancel, fire"),
    ],
)
def test_a_wrong_value_is_told_what_the_right_ones_are(browser, path, body, message):
    assert message in browser.mock("PATCH", path, body).json["error"]["message"]
