"""`GET` and `PATCH /mock/pairs/PAIR`: a pair's rules change overnight, and its traders meet the new ones."""

from __future__ import annotations

import itertools

import pytest

from mockkraken import ControlError, MockKraken

PAIR = "/pairs/XBTUSD"
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000.1", "volume": "0.01"}
FEES = {"margin_open_fee": "0.02", "margin_rollover_fee": "0.02"}


@pytest.fixture
def call(kraken: MockKraken, browser):
    """Signed calls of the default key: the whole answer."""
    nonces = itertools.count(1)

    def call(name: str, **fields: str):
        return browser.private(name, (kraken.api_key, kraken.api_secret), next(nonces), **fields)

    return call


def published(browser):
    return browser.request("GET", "/0/public/AssetPairs?pair=XBTUSD").json["result"]["XXBTZUSD"]


def test_the_rules_are_those_of_asset_pairs_and_two_more(browser):
    rules = browser.ok("GET", PAIR)
    assert rules == {"id": "XXBTZUSD"} | published(browser) | FEES
    assert list(rules)[:2] == ["id", "altname"]
    assert rules == browser.ok("GET", "/pairs/BTC/USD") == browser.ok("PATCH", "/pairs/xxbtzusd", {})


CHANGES = [
    {"ordermin": "0.001"},
    {"costmin": "10", "tick_size": "0.5"},
    {"pair_decimals": 0, "tick_size": "1"},
    {"fees": [[0, 0.4]], "fees_maker": [[0, 0.25], [1000, -0.02]]},
    {"leverage_buy": [2, 3], "leverage_sell": []},
    {"margin_call": 100, "margin_stop": 50},
    {"long_position_limit": 5, "short_position_limit": 0},
    {"status": "delisted"},
    {"execution_venue": "bitnomial_exchange"},
    {"margin_open_fee": "0.03", "margin_rollover_fee": "0"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change))
def test_the_named_rules_change_and_no_others(browser, change):
    before = browser.ok("GET", PAIR)
    assert browser.ok("PATCH", PAIR, change) == before | change
    assert browser.ok("GET", PAIR) == before | change
    assert published(browser) == {name: value for name, value in (before | change).items() if name not in ("id", *FEES)}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change))
def test_null_puts_them_back(browser, change):
    before = browser.ok("GET", PAIR)
    browser.ok("PATCH", PAIR, change)
    assert browser.ok("PATCH", PAIR, dict.fromkeys(change)) == before


def test_reset_puts_all_back(browser):
    before = browser.ok("GET", PAIR)
    for change in CHANGES:
        browser.ok("PATCH", PAIR, change)
    browser.ok("POST", "/reset")
    assert browser.ok("GET", PAIR) == before


def test_numbers_may_stand_for_texts(browser):
    rules = browser.ok("PATCH", PAIR, {"ordermin": 0.00010, "costmin": 5, "tick_size": 0.5, "margin_open_fee": 0.0125})
    assert (rules["ordermin"], rules["costmin"], rules["tick_size"]) == ("0.0001", "5", "0.5")
    assert rules["margin_open_fee"] == "0.0125"
    assert browser.ok("PATCH", PAIR, {"fees": [[0, "0.40"], [100, 1]]})["fees"] == [[0, 0.4], [100, 1.0]]


def test_a_fixed_field_may_be_sent_as_it_is(browser):
    before = browser.ok("GET", PAIR)
    same = {name: before[name] for name in ("altname", "base", "quote", "lot_decimals", "cost_decimals")}
    assert browser.ok("PATCH", PAIR, same | {"wsname": None}) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("id", "XXBTZUSD"), ("nonsense", 1), ("", None), ("altname", "XBTEUR"), ("wsname", "BTC/USD")],
        *[("base", "XETH"), ("quote", "ZEUR"), ("lot_decimals", 5), ("cost_decimals", 2), ("lot_multiplier", 10)],
        *[("ordermin", "-1"), ("ordermin", "0.000000001"), ("ordermin", 10**16), ("ordermin", True), ("ordermin", [1])],
        *[("costmin", "much"), ("costmin", 1e300), ("tick_size", 0), ("tick_size", "0.000001")],
        *[("pair_decimals", 6), ("pair_decimals", -1), ("pair_decimals", "1"), ("pair_decimals", 10**30)],
        *[("status", "asleep"), ("status", 1), ("execution_venue", "moon")],
        *[("fees", []), ("fees", [[1, 0.4]]), ("fees", [[0, 101]]), ("fees", [[0, "x"]]), ("fees", "taker-standard")],
        *[("fees", [[0, 0.4], [10**30, 0.3]]), ("fees", [[0, 1e-5]]), ("fees_maker", [[0, -101]]), ("fees", [[0]])],
        *[("fees_maker", [[step, 1] for step in range(101)]), ("fees", {"0": 1}), ("fees", [[-(10**30), 1]])],
        *[("leverage_buy", [3, 2]), ("leverage_buy", [1]), ("leverage_sell", [2, 10**30]), ("leverage_sell", 5)],
        *[("margin_call", -1), ("margin_call", 10**30), ("margin_stop", 40.5), ("margin_stop", "40")],
        *[("long_position_limit", -1), ("short_position_limit", 10**30), ("short_position_limit", "all")],
        *[("margin_open_fee", -0.01), ("margin_open_fee", 101), ("margin_rollover_fee", "0.00001")],
        *[("margin_rollover_fee", "2e-2"), ("margin_rollover_fee", False)],
    ],
)
def test_what_it_does_not_take_changes_nothing(browser, field, value):
    before = browser.ok("GET", PAIR)
    assert browser.mock("PATCH", PAIR, {"margin_call": 90} | {field: value}).refusal == (400, "invalid", field)
    assert browser.ok("GET", PAIR) == before


def test_the_error_says_why_a_field_is_fixed(browser):
    message = browser.mock("PATCH", PAIR, {"lot_decimals": 5}).json["error"]["message"]
    assert message == "lot_decimals of a pair never changes: orders and trades are kept in those units"


@pytest.mark.parametrize("body", [[], "ordermin", None, 5])
def test_a_change_is_an_object(browser, body):
    assert browser.mock("PATCH", PAIR, body).refusal == (400, "invalid", None)


def test_a_pair_that_is_not_there(browser):
    for method, body in (("GET", None), ("PATCH", {"ordermin": "1"})):
        assert browser.mock(method, "/pairs/NOPE", body).refusal == (404, "unknown", "pair")


# What a client sees of it


def test_orders_meet_the_new_rules_at_once(browser, call):
    assert call("AddOrder", **ORDER)["error"] == []
    browser.ok("PATCH", PAIR, {"ordermin": "0.1"})
    assert call("AddOrder", **ORDER)["error"] == ["EOrder:Order minimum not met"]
    browser.ok("PATCH", PAIR, {"ordermin": None, "costmin": "1000"})
    assert call("AddOrder", **ORDER)["error"] == ["EOrder:Cost minimum not met"]
    browser.ok("PATCH", PAIR, {"costmin": None, "tick_size": "0.5"})
    assert call("AddOrder", **ORDER)["error"] == ["EOrder:Tick size check failed"]
    browser.ok("PATCH", PAIR, {"pair_decimals": 0, "tick_size": "1"})
    assert call("AddOrder", **ORDER)["error"] == [
        "EOrder:Invalid price:XBT/USD price can only be specified up to 0 decimals."
    ]
    browser.ok("PATCH", PAIR, {"status": "delisted", "pair_decimals": None, "tick_size": None})
    assert call("AddOrder", **ORDER)["error"] == ["EService:Market in delisted mode"]


def test_fees_are_charged_as_they_are_now(browser, call):
    browser.ok("PATCH", PAIR, {"fees": [[0, 10]], "fees_maker": [[0, 5]]})
    assert call("TradeVolume", pair="XBTUSD")["result"]["fees"]["XXBTZUSD"]["fee"] == "10.0000"
    txid = call("AddOrder", **ORDER | {"ordertype": "market", "volume": "1"})["result"]["txid"][0]
    order = call("QueryOrders", txid=txid)["result"][txid]
    assert float(order["fee"]) == pytest.approx(float(order["cost"]) / 10)


def test_candles_have_the_new_digits(browser):
    path = "/0/public/OHLC?pair=XBTUSD"
    closes = {row[4].partition(".")[2] for row in browser.request("GET", path).json["result"]["XXBTZUSD"]}
    assert {len(digits) for digits in closes} == {1}
    browser.ok("PATCH", PAIR, {"pair_decimals": 2})
    closes = {row[4].partition(".")[2] for row in browser.request("GET", path).json["result"]["XXBTZUSD"]}
    assert {len(digits) for digits in closes} == {2}


def test_a_market_that_opens_later_has_them_too(browser):
    browser.ok("PATCH", PAIR, {"tick_size": "100"})
    rows = browser.request("GET", "/0/public/Depth?pair=XBTUSD").json["result"]["XXBTZUSD"]["bids"]
    assert {float(price) % 100 for price, _, _ in rows} == {0}


@pytest.mark.parametrize("change", [{"tick_size": "1000000"}, {"ordermin": "1000000000000000"}, {"costmin": 10**15}])
def test_a_market_under_absurd_rules_goes_on(browser, change):
    browser.ok("GET", "/market/XBTUSD")
    browser.ok("PATCH", PAIR, change)
    assert browser.ok("POST", "/market/XBTUSD", {"price": "70000000"})["last"] == "70000000.00000"
    browser.ok("POST", "/market/XBTUSD", {"model": "walk"})
    browser.ok("POST", "/clock", {"advance": "10m"})
    for name in ("Ticker", "Depth", "OHLC", "Trades", "Spread"):
        assert browser.request("GET", f"/0/public/{name}?pair=XBTUSD").json["error"] == []


def test_from_python(kraken: MockKraken, browser):
    pair = kraken.pairs["XBTUSD"]
    rules = pair.patch(ordermin=0.001, tick_size="0.5", fees=[(0, 0.4)], margin_open_fee="0.03")
    assert rules == pair.rules() == browser.ok("GET", PAIR)
    assert (rules["ordermin"], rules["fees"], rules["margin_open_fee"]) == ("0.001", [[0, 0.4]], "0.03")
    assert pair.patch(ordermin=None)["ordermin"] == "0.00005"
    with pytest.raises(ControlError, match="quote of a pair never changes"):
        pair.patch(quote="ZEUR")
