"""The rate counters over HTTP and from Python, and who has limits to begin with."""

from __future__ import annotations

import pytest

from mockkraken import MockKraken
from mockkraken.control.errors import ControlError

FULL = "MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W"
LIMITED = {"error": ["EAPI:Rate limit exceeded"]}


@pytest.fixture
def call(kraken: MockKraken, browser):
    """Calls with a default key while limits are on: whether each passed."""
    kraken.settings["rate_limits"] = "on"
    nonces = iter(range(1, 1000))

    def calls(number: int = 1, name: str = "full", method: str = "Balance") -> list[bool]:
        key = kraken.keys[name]
        answers = [browser.private(method, (key.api_key, key.api_secret), next(nonces)) for _ in range(number)]
        assert all(answer == LIMITED or answer["error"] == [] for answer in answers)
        return [answer != LIMITED for answer in answers]

    return calls


# Who has limits


def test_the_python_object_has_none_unless_it_is_asked_for():
    assert MockKraken().settings["rate_limits"] == "off"
    limited = MockKraken(rate_limits="on")
    assert limited.settings["rate_limits"] == "on"
    limited.settings["rate_limits"] = "off"
    limited.reset()
    assert limited.settings["rate_limits"] == "on"


def test_they_are_switched_at_run_time(browser, kraken: MockKraken):
    key, nonces = (kraken.api_key, kraken.api_secret), iter(range(1, 1000))
    for setting, passed in (("off", 40), ("on", 20), ("off", 40)):
        assert browser.ok("PATCH", "/settings", {"rate_limits": setting})["rate_limits"] == setting
        answers = [browser.private("Balance", key, next(nonces)) for _ in range(40)]
        assert [answer != LIMITED for answer in answers] == [True] * passed + [False] * (40 - passed)
    # Null is the setting's own default, not what the server was started with: that comes back with a reset.
    assert browser.ok("PATCH", "/settings", {"rate_limits": None})["rate_limits"] == "on"
    kraken.reset()
    assert browser.ok("GET", "/settings")["rate_limits"] == "off"


@pytest.mark.parametrize("value", [True, False, 1, "yes", "On", ""])
def test_on_and_off_are_texts(browser, value):
    assert browser.mock("PATCH", "/settings", {"rate_limits": value}).refusal == (400, "invalid", "rate_limits")


# Over HTTP


def test_every_key_has_a_counter(browser, call):
    names = [row["key"] for row in browser.ok("GET", "/keys")["keys"]]
    call(3)
    call(1, "second", "Ledgers")
    counters = browser.ok("GET", "/counters")
    assert list(counters) == ["rest", "trading", "api_keys"]
    assert counters["rest"] == dict.fromkeys(names, "0") | {"full": "3", "second": "2"}
    assert counters["trading"] == {}
    assert counters["api_keys"] == {row["key"]: row["api_key"] for row in browser.ok("GET", "/keys")["keys"]}

    browser.ok("POST", "/clock", {"advance": "250ms"})
    rest = browser.ok("GET", "/counters")["rest"]
    assert (rest["full"], rest["second"]) == ("2.75", "1.9175")
    browser.ok("DELETE", "/keys/second")
    assert "second" not in browser.ok("GET", "/counters")["rest"]


def test_looking_and_setting_cost_nothing(browser, call):
    call(20)
    for _ in range(30):
        browser.ok("GET", "/counters")
    assert browser.ok("POST", "/counters", {}) == browser.ok("GET", "/counters")
    assert browser.ok("GET", "/counters")["rest"]["full"] == "20"


@pytest.mark.parametrize("value", [19, "19", "19.0", 19.0, "+19"])
def test_the_named_ones_are_set(browser, call, value):
    call(2, "second")
    answer = browser.ok("POST", "/counters", {"rest": {"full": value}})
    assert answer == browser.ok("GET", "/counters")
    assert (answer["rest"]["full"], answer["rest"]["second"]) == ("19", "2")
    assert call(2) == [True, False]


def test_keys_go_by_their_public_key_too(browser, call):
    answer = browser.ok("POST", "/counters", {"rest": {FULL: "20", "second": "14.00000000001"}, "trading": {}})
    assert (answer["rest"]["full"], answer["rest"]["second"]) == ("20", "14.00000000001")
    assert call(1) == call(1, "second") == [False]
    browser.ok("POST", "/counters", {"rest": {"full": 0, "second": 14}})
    assert call(1) == call(1, "second") == [True]


def test_no_digit_of_a_number_is_lost(browser):
    answer = browser.request("POST", "/mock/counters", b'{"rest": {"full": 14.12345678901}}')
    assert answer.json["rest"]["full"] == "14.12345678901"


def test_a_counter_that_was_set_falls_from_then_on(browser, call):
    browser.ok("POST", "/clock", {"advance": "1h"})
    browser.ok("POST", "/counters", {"rest": {"full": "20"}})
    browser.ok("POST", "/clock", {"advance": 0.999999999})
    assert browser.ok("GET", "/counters")["rest"]["full"] == "19.000000001"
    browser.ok("POST", "/clock", {"advance": "1m"})
    assert browser.ok("GET", "/counters")["rest"]["full"] == "0"


def test_clear_sets_all_to_zero(browser, call):
    call(25)
    call(25, "second")
    assert set(browser.ok("POST", "/counters", {"clear": True})["rest"].values()) == {"0"}
    assert call(20) == [True] * 20
    assert call(16, "second") == [True] * 15 + [False]


def test_reset_does_too(browser, call):
    call(20)
    browser.ok("POST", "/reset")
    assert set(browser.ok("GET", "/counters")["rest"].values()) == {"0"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"rest": {"second": 5, "full": 20.1}}, 400, "full"),
        ({"rest": {"second": "15.00000000001"}}, 400, "second"),
        ({"rest": {"second": 5, "full": -1}}, 400, "full"),
        ({"rest": {"second": 5, "full": "1.000000000001"}}, 400, "full"),
        ({"rest": {"second": 5, "full": "many"}}, 400, "full"),
        ({"rest": {"second": 5, "full": ""}}, 400, "full"),
        ({"rest": {"second": 5, "full": "1e1"}}, 400, "full"),
        ({"rest": {"second": 5, "full": True}}, 400, "full"),
        ({"rest": {"second": 5, "full": None}}, 400, "full"),
        ({"rest": {"second": 5, "full": [1]}}, 400, "full"),
        ({"rest": {"second": 5, "full": 10**60}}, 400, "full"),
        ({"rest": {"second": 5, "nobody": 1}}, 404, "nobody"),
        ({"rest": {"second": 5, "full": 1, FULL: 1}}, 400, FULL),
        ({"rest": [5]}, 400, "rest"),
        ({"rest": {"second": 5}, "trading": {"main": {"XBTUSD": 5}}}, 400, "trading"),
        ({"rest": {"second": 5}, "clear": True}, 400, "clear"),
        ({"rest": {"second": 5}, "clear": False}, 400, "clear"),
        ({"clear": False}, 400, "clear"),
        ({"clear": "true"}, 400, "clear"),
        ({"rest": {"second": 5}, "ws": {}}, 400, "ws"),
        ({"rest": {"second": 5}, "api_keys": {}}, 400, "api_keys"),
    ],
)
def test_what_can_not_be_set_changes_nothing(browser, call, body, status, field):
    call(7)
    before = browser.ok("GET", "/counters")
    code = {400: "invalid", 404: "unknown"}[status]
    assert browser.mock("POST", "/counters", body).refusal == (status, code, field)
    assert browser.ok("GET", "/counters") == before


def test_a_refusal_says_what_is_taken_instead(browser):
    message = browser.mock("POST", "/counters", {"rest": {"second": 20}}).json["error"]["message"]
    assert message == "a counter of tier starter is a number of points from 0 to 15; not 20"


# From Python


def test_the_python_object_has_them_as_a_mapping(kraken: MockKraken, browser, call):
    rest = kraken.counters.rest
    assert kraken.counters.state() == browser.ok("GET", "/counters")
    assert dict(rest) == browser.ok("GET", "/counters")["rest"]
    assert len(rest) == len(list(kraken.keys))
    assert "full" in rest
    assert "nobody" not in rest

    rest["full"] = 19
    assert rest["full"] == rest[FULL] == "19"
    assert call(2) == [True, False]
    rest[FULL] = "0.5"
    assert rest["full"] == "0.5"
    del rest["full"]
    assert rest["full"] == "0"

    assert rest.patch({"full": "20", "second": 15})["second"] == "15"
    kraken.counters.clear()
    assert set(rest.values()) == {"0"}
    rest["second"] = 1.5
    rest.clear()
    assert set(rest.values()) == {"0"}


def test_what_python_can_not_set(kraken: MockKraken):
    for name, value, status in (("full", 21, 400), ("full", float("nan"), 400), ("nobody", 1, 404)):
        with pytest.raises(ControlError) as refusal:
            kraken.counters.rest[name] = value
        assert (refusal.value.status, refusal.value.field) == (status, name)
    with pytest.raises(ControlError, match="nobody"):
        kraken.counters.rest["nobody"]
    assert kraken.counters.rest["full"] == "0"
