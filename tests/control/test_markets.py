"""Moving a market from a test: what the client of the exchange sees of it."""

from __future__ import annotations

import itertools
import json

import pytest

from mockkraken import MockKraken
from mockkraken.catalog import fixtures
from mockkraken.control.errors import ControlError

PAIR = "/market/XBTUSD"


@pytest.fixture
def trader(kraken: MockKraken, browser):
    """Signed calls of the default key; answers are the result."""
    nonces = itertools.count(1)

    def call(name: str, **fields: str):
        answer = browser.private(name, (kraken.api_key, kraken.api_secret), next(nonces), **fields)
        assert answer["error"] == []
        return answer["result"]

    return call


@pytest.fixture
def place(trader):
    def add(side: str, price: str, volume: str = "0.5", **more: str) -> str:
        txid: str = trader("AddOrder", pair="XBTUSD", type=side, ordertype="limit", price=price, volume=volume, **more)[
            "txid"
        ][0]
        return txid

    return add


def depth(browser, count: int = 500):
    return browser.request("GET", f"/0/public/Depth?pair=XBTUSD&count={count}").json["result"]["XXBTZUSD"]


def ticker(browser):
    return browser.request("GET", "/0/public/Ticker?pair=XBTUSD").json["result"]["XXBTZUSD"]


def test_a_market_is_shown_as_it_stands(browser):
    shown = browser.ok("GET", PAIR)
    assert shown == browser.ok("GET", "/market/BTC/USD") == browser.ok("GET", "/market/XXBTZUSD")
    assert shown == {
        "pair": "XBTUSD",
        "model": "calm",
        "paused": False,
        "bid": ticker(browser)["b"][0],
        "ask": ticker(browser)["a"][0],
        "last": ticker(browser)["c"][0],
        "index": None,
    }


@pytest.mark.parametrize(("price", "bid", "ask"), [("61000", "61000.0", "61000.1"), (75000.5, "75000.4", "75000.5")])
def test_the_makers_go_where_they_are_sent(browser, price, bid, ask):
    moved = browser.ok("POST", PAIR, {"price": price})
    assert (moved["bid"], moved["ask"]) == (f"{bid}0000", f"{ask}0000")
    assert float(moved["last"]) == float(price)
    now = ticker(browser)
    assert (now["b"][0], now["a"][0], now["c"][0]) == (moved["bid"], moved["ask"], moved["last"])
    assert browser.request("GET", "/0/public/OHLC?pair=XBTUSD").json["result"]["XXBTZUSD"][-1][4] == f"{float(price)}"
    book = depth(browser)
    assert len(book["bids"]) == len(book["asks"]) == 100


def test_what_rests_on_the_way_is_traded_with_at_its_price(browser, trader, place):
    near, at, beyond = place("sell", "69000"), place("sell", "70000"), place("sell", "70000.1")
    below = place("buy", "66000")
    before = trader("Balance")
    browser.ok("POST", PAIR, {"price": "70000"})
    orders = trader("QueryOrders", txid=f"{near},{at},{beyond},{below}")
    assert [orders[txid]["status"] for txid in (near, at, beyond, below)] == ["closed", "closed", "open", "open"]
    assert [orders[txid]["price"] for txid in (near, at)] == ["69000.0", "70000.0"]
    trades = trader("TradesHistory")["trades"].values()
    assert {(trade["ordertxid"], trade["maker"]) for trade in trades} == {(near, True), (at, True)}
    got = sum(float(trade["cost"]) - float(trade["fee"]) for trade in trades)
    assert float(trader("Balance")["ZUSD"]) - float(before["ZUSD"]) == pytest.approx(got)
    assert float(before["XXBT"]) - float(trader("Balance")["XXBT"]) == pytest.approx(1)


def test_a_fall_fills_bids(browser, trader, place):
    bid, far = place("buy", "66000"), place("buy", "50000")
    moved = browser.ok("POST", PAIR, {"gap": "-5%"})
    assert moved["last"] == "64925.30000"  # 68342.4 less 5 % is 64925.28
    orders = trader("QueryOrders", txid=f"{bid},{far}")
    assert (orders[bid]["status"], orders[far]["status"]) == ("closed", "open")


@pytest.mark.parametrize("gap", ["-5%", "+5%", "5.25%", "-0.0001%", "-99.9999%", "999999%"])
def test_a_gap_and_its_way_back_leave_a_whole_book(browser, gap):
    browser.ok("POST", PAIR, {"gap": gap})
    browser.ok("POST", PAIR, {"price": "68342.4"})
    book = depth(browser)
    assert len(book["bids"]) == len(book["asks"]) == 100
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])


def test_somebody_trades(browser, trader, place):
    best = browser.ok("GET", PAIR)
    traded = browser.ok("POST", PAIR, {"trade": {"side": "sell", "volume": "0.25"}})
    assert (traded["traded"], traded["last"]) == ("0.25000000", best["bid"])
    last = browser.request("GET", "/0/public/Trades?pair=XBTUSD&count=1").json["result"]["XXBTZUSD"][0]
    assert last[:2] + last[3:5] == [best["bid"], "0.25000000", "s", "m"]

    mine = place("buy", "68342.2")  # behind the makers' best bid
    browser.ok("POST", PAIR, {"trade": {"side": "sell", "volume": 0.1, "price": "68342.3"}})
    assert trader("QueryOrders", txid=mine)[mine]["vol_exec"] == "0.00000000"


def test_nobody_to_trade_with_is_a_conflict(browser):
    browser.ok("POST", PAIR, {"book": {"bids": [["60000", "1"]]}, "model": "static"})
    for trade in ({"side": "buy", "volume": "1"}, {"side": "sell", "volume": "1", "price": "60000.1"}):
        assert browser.mock("POST", PAIR, {"trade": trade}).refusal == (409, "conflict", "trade")
    assert browser.ok("POST", PAIR, {"trade": {"side": "sell", "volume": "3"}})["traded"] == "1.00000000"
    assert browser.ok("GET", PAIR)["bid"] is None


def test_a_static_book_is_exactly_the_given_one(browser, trader):
    browser.ok(
        "POST",
        PAIR,
        {"book": {"bids": [["60000", "1.2"], ["59999.9", 2]], "asks": [["60010", "0.5"]]}, "model": "static"},
    )
    book = depth(browser)
    assert [row[:2] for row in book["bids"]] == [["60000.00000", "1.200"], ["59999.90000", "2.000"]]
    assert [row[:2] for row in book["asks"]] == [["60010.00000", "0.500"]]
    trader("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.2")
    assert depth(browser)["asks"][0][1] == "0.300"
    trader("AddOrder", pair="XBTUSD", type="sell", ordertype="market", volume="1.2")
    assert [row[:2] for row in depth(browser)["bids"]] == [["59999.90000", "2.000"]]
    assert browser.mock("POST", PAIR, {"price": "61000"}).refusal == (409, "conflict", "model")
    assert browser.mock("POST", PAIR, {"gap": "1%"}).refusal == (409, "conflict", "model")

    browser.ok("POST", PAIR, {"model": "calm"})
    assert len(depth(browser)["bids"]) == len(depth(browser)["asks"]) == 100


def test_a_calm_market_puts_a_given_book_back(browser, trader):
    browser.ok("POST", PAIR, {"book": {"bids": [["60000", "1"]], "asks": [["60010", "1"]]}})
    trader("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.4")
    assert [row[:2] for row in depth(browser)["asks"]] == [["60010.00000", "1.000"]]


def test_a_given_level_that_meets_a_client_trades(browser, trader, place):
    mine = place("buy", "60000", "0.3")
    browser.ok("POST", PAIR, {"book": {"asks": [["59990", "1"]]}, "model": "static"})
    order = trader("QueryOrders", txid=mine)[mine]
    assert (order["status"], order["price"]) == ("closed", "60000.0")
    assert [row[:2] for row in depth(browser)["asks"]] == [["59990.00000", "0.700"]]


def test_a_paused_market_is_left_alone(browser, trader, kraken):
    assert browser.ok("POST", PAIR, {"pause": True})["paused"] is True
    whole = depth(browser)["asks"][0][1]
    trader("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1")
    assert float(depth(browser)["asks"][0][1]) == pytest.approx(float(whole) - 0.1, abs=0.001)
    browser.ok("POST", PAIR, {"pause": False})
    assert depth(browser)["asks"][0][1] == whole

    kraken.pairs["XBTUSD"].model = "walk"
    kraken.pairs["XBTUSD"].pause()
    still = browser.ok("GET", PAIR)
    kraken.clock.advance("10m")
    assert browser.ok("GET", PAIR) == still
    kraken.pairs["XBTUSD"].resume()
    kraken.clock.advance("10m")
    assert browser.ok("GET", PAIR) != still


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"prize": 1}, "prize"),
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "61000.05"}, "price"),
        ({"price": "1e99"}, "price"),
        ({"price": 10**30}, "price"),
        ({"price": None}, "price"),
        ({"price": "61000", "gap": "1%"}, "gap"),
        ({"price": "61000", "model": "static"}, "model"),
        ({"gap": "1%", "model": "static"}, "model"),
        ({"gap": "5"}, "gap"),
        ({"gap": -5}, "gap"),
        ({"gap": "-100%"}, "gap"),
        ({"trade": {"side": "up", "volume": 1}}, "side"),
        ({"trade": {"side": "buy"}}, "volume"),
        ({"trade": {"side": "buy", "volume": "0"}}, "volume"),
        ({"trade": {"side": "buy", "volume": "1", "price": "0.05"}}, "price"),
        ({"trade": {"side": "buy", "volume": 10**15 + 1}}, "volume"),
        ({"trade": {"side": "buy", "volume": "1"}, "model": "calm"}, "trade"),
        ({"trade": {"side": "buy", "volume": "1"}, "pause": True}, "trade"),
        ({"trade": [1]}, "trade"),
        ({"book": {"bids": [["1"]]}}, "bids"),
        ({"book": {"bids": [["60000", "1"], ["60000.0", "1"]]}}, "book"),
        ({"book": {"bids": [["60000", "1"]], "asks": [["60000", "1"]]}}, "book"),
        ({"book": {"bids": [["60000", "0"]]}}, "book"),
        ({"book": {"bids": [["1", "1"]], "asks": [[str(price), "1"] for price in range(2, 10_002)]}}, "book"),
        ({"book": {"levels": []}}, "levels"),
        ({"model": "replay"}, "file"),
        ({"model": None}, "model"),
        ({"pause": "yes"}, "pause"),
    ],
)
def test_nonsense_is_refused_and_moves_nothing(browser, body, field):
    before = browser.ok("GET", PAIR), depth(browser)
    assert browser.mock("POST", PAIR, body).refusal == (400, "invalid", field)
    assert (browser.ok("GET", PAIR), depth(browser)) == before


def test_a_tokenized_pair_is_a_market_too(browser):
    assert browser.ok("GET", "/market/AAPLxUSD")["pair"] == "AAPLxUSD"


def test_a_pair_that_there_is_not(browser):
    assert browser.mock("GET", "/market/NOPE").refusal == (404, "unknown", "pair")
    assert browser.mock("POST", "/market/NOPE", {"pause": True}).refusal == (404, "unknown", "pair")


def test_a_pair_that_never_traded_gets_a_price(browser, kraken):
    idle = next(name for name, row in recorded_prices().items() if row["last"] is None)
    assert browser.ok("GET", f"/market/{idle}")["last"] is None
    browser.ok("POST", "/status", {"pair": idle, "status": "online"})
    assert browser.mock("POST", f"/market/{idle}", {"gap": "1%"}).refusal == (409, "conflict", "gap")
    moved = browser.ok("POST", f"/market/{idle}", {"price": 1})
    assert float(moved["last"]) == 1.0
    assert moved["bid"] and moved["ask"]


def recorded_prices() -> dict[str, dict[str, str | None]]:
    prices: dict[str, dict[str, str | None]] = json.loads(fixtures.read("reference_prices.json"))
    return prices


@pytest.mark.parametrize(
    "halt", [{"status": "maintenance"}, {"status": "post_only"}, {"pair": "XBTUSD", "status": "cancel_only"}]
)
def test_nobody_moves_a_market_where_nobody_trades(browser, place, halt):
    mine = place("buy", "60000", "0.5")
    browser.ok("POST", "/status", halt)
    before = browser.ok("GET", PAIR)
    book = {"bids": [["59000", "1"]], "asks": [["59001", "1"]]}
    for move in ({"price": "59000"}, {"gap": "-20%"}, {"trade": {"side": "sell", "volume": "1"}}, {"book": book}):
        refused = browser.mock("POST", PAIR, move)
        assert refused.refusal == (409, "conflict", next(iter(move)))
        assert halt["status"] in refused.json["error"]["message"]
    assert browser.mock("POST", f"/orders/{mine}/fill", {}).refusal == (409, "conflict", "txid")
    assert browser.ok("GET", PAIR) == before
    assert browser.ok("GET", f"/orders/{mine}")["vol_exec"] == "0.00000000"

    browser.ok("POST", "/status", halt | {"status": "online"})
    assert browser.ok("POST", PAIR, {"price": "59000"})["last"] == "59000.00000"
    assert browser.ok("GET", f"/orders/{mine}")["status"] == "closed"


def test_only_what_rests_can_be_filled(browser, trader):
    fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "price": "50000", "volume": "0.5"}
    (stop,) = trader("AddOrder", **fields)["txid"]
    assert browser.mock("POST", f"/orders/{stop}/fill", {}).refusal == (409, "conflict", "txid")
    assert browser.ok("GET", f"/orders/{stop}")["status"] == "open"


def test_a_counterparty_fills_an_order(browser, trader, place):
    mine = place("buy", "50000", "0.5")
    part = browser.ok("POST", f"/orders/{mine}/fill", {"volume": "0.3"})
    assert part == {
        "txid": mine,
        "pair": "XBTUSD",
        "account": "main",
        "status": "open",
        "vol": "0.50000000",
        "vol_exec": "0.30000000",
    }
    order = trader("QueryOrders", txid=mine)[mine]
    assert (order["status"], order["vol_exec"], order["price"]) == ("open", "0.30000000", "50000.0")
    (trade,) = trader("TradesHistory")["trades"].values()
    assert (trade["vol"], trade["price"], trade["maker"]) == ("0.30000000", "50000.00000", True)
    assert float(trade["fee"]) == pytest.approx(0.3 * 50000 * 0.0025)
    assert browser.mock("POST", f"/orders/{mine}/fill", {"volume": "0.3"}).refusal == (409, "conflict", "volume")
    assert browser.mock("POST", f"/orders/{mine}/fill", {"volume": "x"}).refusal == (400, "invalid", "volume")
    assert browser.ok("POST", f"/orders/{mine}/fill")["status"] == "closed"
    assert browser.ok("GET", f"/orders/{mine}")["vol_exec"] == "0.50000000"
    assert browser.mock("POST", f"/orders/{mine}/fill").refusal == (409, "conflict", "txid")
    cancelled = place("buy", "40000")
    trader("CancelOrder", txid=cancelled)
    assert browser.mock("POST", f"/orders/{cancelled}/fill").refusal == (409, "conflict", "txid")
    assert browser.mock("POST", "/orders/OAAAAA-AAAAA-AAAAAA/fill").refusal == (404, "unknown", "txid")
    assert len(depth(browser)["bids"]) == 100


def test_the_python_objects_are_the_same_calls(kraken: MockKraken, browser, place):
    pair = kraken.pairs["BTC/USD"]
    assert pair.name == "XBTUSD"
    assert pair.move_to("61000") == pair.state() == browser.ok("GET", PAIR)
    assert pair.gap("+1%")["last"] == "61610.00000"
    assert pair.trade("buy", 0.1)["traded"] == "0.10000000"
    assert pair.trade("buy", 0.1, "90000")["traded"] == "0.10000000"
    assert pair.set_book([("60000", 1)], [("60001", "2")], model="static")["ask"] == "60001.00000"
    assert pair.set_book([("60000", 1)])["ask"] is None
    assert pair.model == "static"
    mine = place("buy", "59000", "0.2")
    assert kraken.orders[mine].fill("0.1") == kraken.orders[mine].state() == browser.ok("GET", f"/orders/{mine}")
    assert kraken.orders[mine].fill()["status"] == "closed"
    for wrong in (lambda: kraken.pairs["NOPE"], lambda: kraken.orders["NOPE"]):
        with pytest.raises(ControlError) as error:
            wrong()
        assert error.value.status == 404


def test_reset_puts_the_market_back(kraken: MockKraken, browser):
    before = browser.ok("GET", PAIR), depth(browser)
    kraken.pairs["XBTUSD"].set_book([("1", "1")], model="static")
    kraken.reset()
    assert (browser.ok("GET", PAIR), depth(browser)) == before
