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
    assert counters["trading"] == {"main": {}, "second": {}}
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
        ({"rest": {"second": 5}, "trading": {"main": {"XBTUSD": 187.6}}}, 400, "XBTUSD"),
        ({"rest": {"second": 5}, "trading": {"main": {"ETHUSD": 5}, "second": {"XBTUSD": 68}}}, 400, "XBTUSD"),
        ({"trading": {"main": {"ETHUSD": 5, "XBTUSD": -1}}}, 400, "XBTUSD"),
        ({"trading": {"main": {"ETHUSD": 5, "XBTUSD": "0.000000000001"}}}, 400, "XBTUSD"),
        ({"trading": {"main": {"ETHUSD": 5, "XBTUSD": None}}}, 400, "XBTUSD"),
        ({"trading": {"main": {"ETHUSD": 5, "XBTUSD": 5, "BTC/USD": 5}}}, 400, "BTC/USD"),
        ({"trading": {"main": {"ETHUSD": 5, "NONE": 5}}}, 404, "NONE"),
        ({"trading": {"main": {"ETHUSD": 5}, "nobody": {"XBTUSD": 5}}}, 404, "nobody"),
        ({"trading": {"main": {"ETHUSD": 5}, "house": {"XBTUSD": 5}}}, 404, "house"),
        ({"trading": {"main": {"ETHUSD": 5}, "second": 5}}, 400, "second"),
        ({"trading": {"main": {"ETHUSD": 5}, "second": None}}, 400, "second"),
        ({"trading": {"main": {"ETHUSD": 5}, "second": ["XBTUSD", 5]}}, 400, "second"),
        ({"trading": [5]}, 400, "trading"),
        ({"trading": {"main": {"ETHUSD": 5}}, "rest": {"full": 21}}, 400, "full"),
        ({"trading": {"main": {"ETHUSD": 5}}, "clear": True}, 400, "clear"),
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
    body = {"trading": {"second": {"BTC/USD": 67.6}}}
    message = browser.mock("POST", "/counters", body).json["error"]["message"]
    assert message == "a counter of tier starter is a number of points from 0 to 67.5; not 67.6"
    message = browser.mock("POST", "/counters", {"trading": {"second": 5}}).json["error"]["message"]
    assert message == 'the counters of \'second\' are an object, {"XBTUSD": "12.5"}'


# The trading counters

ORDER = {"type": "buy", "ordertype": "limit", "price": "1000", "volume": "0.1"}
ORDER_LIMITED = {"error": ["EOrder:Rate limit exceeded"]}


@pytest.fixture
def trade(kraken: MockKraken, browser):
    """Orders of the key `full` while limits are on: whether each was accepted."""
    kraken.settings["rate_limits"] = "on"
    nonces = iter(range(1, 1000))

    def orders(number: int = 1, pair: str = "XBTUSD", name: str = "full") -> list[bool]:
        key = kraken.keys[name]
        answers = [
            browser.private("AddOrder", (key.api_key, key.api_secret), next(nonces), pair=pair, **ORDER)
            for _ in range(number)
        ]
        assert all(answer == ORDER_LIMITED or answer["error"] == [] for answer in answers)
        return [answer != ORDER_LIMITED for answer in answers]

    return orders


def test_pairs_that_an_account_has_acted_on_have_a_trading_counter(browser, trade):
    trade(3)
    trade(1, "LTCUSD")
    trade(2, "XBT/USD", "second")
    shown = browser.ok("GET", "/counters")["trading"]
    assert shown == {"main": {"XBTUSD": "3", "LTCUSD": "1"}, "second": {"XBTUSD": "2"}}
    browser.ok("POST", "/clock", {"advance": "250ms"})
    shown = browser.ok("GET", "/counters")["trading"]
    assert shown == {"main": {"XBTUSD": "2.0625", "LTCUSD": "0.0625"}, "second": {"XBTUSD": "1.75"}}
    browser.ok("POST", "/clock", {"advance": "1h"})
    assert browser.ok("GET", "/counters")["trading"]["main"] == {"XBTUSD": "0", "LTCUSD": "0"}
    browser.ok("POST", "/reset")
    assert browser.ok("GET", "/counters")["trading"] == {"main": {}, "second": {}}


@pytest.mark.parametrize("value", [179, "179", "179.0", 179.0])
@pytest.mark.parametrize("name", ["XBTUSD", "XXBTZUSD", "btc/usd"])
def test_the_named_trading_counters_are_set(browser, trade, name, value):
    trade(2)
    trade(1, "LTCUSD")
    answer = browser.ok("POST", "/counters", {"trading": {"main": {name: value}}})
    assert answer == browser.ok("GET", "/counters")
    assert answer["trading"] == {"main": {"XBTUSD": "179", "LTCUSD": "1"}, "second": {}}
    assert trade(2) == [True, False]


def test_trading_counters_are_set_beside_those_of_keys_and_before_any_order(browser, trade, call):
    body = {"rest": {"full": 20}, "trading": {"main": {"XBTUSD": 180}, "second": {"AAPLxUSD": "1.5"}}}
    answer = browser.ok("POST", "/counters", body)
    assert answer["rest"]["full"] == "20"
    assert answer["trading"] == {"main": {"XBTUSD": "180"}, "second": {"AAPLxUSD": "1.5"}}
    assert trade(1) == [False]
    assert browser.ok("POST", "/counters", {"trading": {"main": {"XBTUSD": 0}}})["rest"]["full"] == "20"
    assert trade(1) == [True]


def test_a_new_account_has_them_too(browser):
    browser.ok("POST", "/accounts", {"name": "third", "tier": "starter"})
    assert browser.ok("GET", "/counters")["trading"]["third"] == {}
    body = {"trading": {"third": {"XBTUSD": 60}}}
    assert browser.ok("POST", "/counters", body)["trading"]["third"] == {"XBTUSD": "60"}


def test_clear_takes_the_trading_counters_too(browser, trade):
    # A batch placed just below the threshold carries a counter so far beyond it.
    browser.ok("POST", "/counters", {"trading": {"main": {"XBTUSD": 187.5}}})
    browser.ok("POST", "/counters", {"trading": {"main": {"XBTUSD": 180}, "second": {"XBTUSD": 60}}})
    assert browser.ok("POST", "/counters", {"clear": True})["trading"] == {"main": {}, "second": {}}
    assert trade(1) == trade(1, name="second") == [True]


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


def test_trading_counters_are_mappings_by_account_and_pair(kraken: MockKraken, browser, trade):
    trade(3)
    trading = kraken.counters.trading
    assert list(trading) == ["main", "second"]
    assert len(trading) == 2
    assert "house" not in trading
    main = trading["main"]
    assert main == {"XBTUSD": "3"}
    assert (main["BTC/USD"], main["ETHUSD"]) == ("3", "0")
    assert "XBTUSD" in main
    assert "ETHUSD" not in main  # looking has not made one

    main["XXBTZUSD"] = 179.5
    assert main["XBTUSD"] == "179.5"
    assert trade(2) == [True, False]
    del main["XBTUSD"]
    assert main["XBTUSD"] == "0"
    assert main.patch({"XBTUSD": "1", "ETHUSD": 2}) == {"XBTUSD": "1", "ETHUSD": "2"} == main
    assert kraken.counters.state()["trading"] == browser.ok("GET", "/counters")["trading"]
    main.clear()
    assert main == {"XBTUSD": "0", "ETHUSD": "0"}
    kraken.counters.clear()
    assert len(main) == 0


def test_what_python_can_not_set_of_them(kraken: MockKraken):
    main = kraken.counters.trading["main"]
    for name, value, status in (("XBTUSD", 188, 400), ("XBTUSD", float("nan"), 400), ("NONE", 1, 404)):
        with pytest.raises(ControlError) as refusal:
            main[name] = value
        assert (refusal.value.status, refusal.value.field) == (status, name)
    with pytest.raises(ControlError, match="NONE"):
        main["NONE"]
    with pytest.raises(ControlError, match="house"):
        kraken.counters.trading["house"]
    assert main == {}
