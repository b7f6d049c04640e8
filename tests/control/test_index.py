"""`POST /mock/index/PAIR`: the index price of a pair."""

from __future__ import annotations

import pytest

from mockkraken import ControlError, MockKraken


def test_it_is_set_and_goes_back_to_the_last_price(browser):
    assert browser.ok("GET", "/market/XBTUSD")["index"] is None
    answer = browser.ok("POST", "/index/XBTUSD", {"price": "61000"})
    assert answer == {"pair": "XBTUSD", "price": "61000.00000"}
    assert browser.ok("GET", "/market/XBTUSD")["index"] == "61000.00000"
    assert browser.ok("POST", "/index/btc/usd", {"price": None}) == {"pair": "XBTUSD", "price": None}
    assert browser.ok("GET", "/market/XBTUSD")["index"] is None


def test_it_is_no_price_of_the_market(browser):
    before = browser.ok("GET", "/market/XBTUSD")
    browser.ok("POST", "/index/XBTUSD", {"price": 1})
    assert browser.ok("GET", "/market/XBTUSD") == before | {"index": "1.00000"}
    assert browser.ok("GET", "/market/ETHUSD")["index"] is None


def test_it_may_lie_between_two_ticks(browser):
    assert browser.ok("POST", "/index/XBTUSD", {"price": "61000.00001"})["price"] == "61000.00001"


def test_it_triggers_orders(kraken: MockKraken, browser):
    key = (kraken.api_key, kraken.api_secret)
    fields = {"pair": "XBTUSD", "type": "sell", "volume": "0.5", "ordertype": "stop-loss", "price": "50000"}
    txids = [
        browser.private("AddOrder", key, nonce, trigger=trigger, **fields)["result"]["txid"][0]
        for nonce, trigger in ((1, "index"), (2, "last"))
    ]
    browser.ok("POST", "/index/XBTUSD", {"price": "50000.1"})
    assert [browser.ok("GET", f"/orders/{txid}")["status"] for txid in txids] == ["open", "open"]
    browser.ok("POST", "/index/XBTUSD", {"price": "50000"})
    assert [browser.ok("GET", f"/orders/{txid}")["status"] for txid in txids] == ["closed", "open"]


def test_reset_takes_it_away(browser):
    browser.ok("POST", "/index/XBTUSD", {"price": "61000"})
    browser.ok("POST", "/reset")
    assert browser.ok("GET", "/market/XBTUSD")["index"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "price"),
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "61000.000001"}, "price"),
        ({"price": "a lot"}, "price"),
        ({"price": 10**16}, "price"),
        ({"price": True}, "price"),
        ({"price": "61000", "pair": "XBTUSD"}, "pair"),
    ],
)
def test_what_it_does_not_take_changes_nothing(browser, body, field):
    browser.ok("POST", "/index/XBTUSD", {"price": "60000"})
    assert browser.mock("POST", "/index/XBTUSD", body).refusal == (400, "invalid", field)
    assert browser.ok("GET", "/market/XBTUSD")["index"] == "60000.00000"


def test_a_pair_that_is_not_there(browser):
    assert browser.mock("POST", "/index/NOPE", {"price": "1"}).refusal == (404, "unknown", "pair")


def test_from_python(kraken: MockKraken):
    pair = kraken.pairs["XBTUSD"]
    assert pair.set_index("61000.5") == {"pair": "XBTUSD", "price": "61000.50000"}
    assert pair.state()["index"] == "61000.50000"
    assert pair.set_index(None)["price"] is None
    with pytest.raises(ControlError) as refused:
        pair.set_index("nothing")
    assert refused.value.field == "price"
