"""krakenex 2.2, with nothing changed but its uri."""

import krakenex
import pytest

from mockkraken import MockKraken


@pytest.fixture
def api(kraken: MockKraken):
    client = krakenex.API(kraken.api_key, kraken.api_secret)
    client.uri = kraken.url
    # krakenex counts milliseconds and does not mind two calls in one; Kraken does, so its users widen the window.
    kraken.keys["full"].patch(nonce_window=0)
    numbers = iter(range(1, 1000))
    client._nonce = lambda: next(numbers)
    yield client
    client.close()


def test_public_calls(api) -> None:
    assert api.query_public("SystemStatus")["result"]["status"] == "online"
    ticker = api.query_public("Ticker", {"pair": "XBTUSD"})["result"]["XXBTZUSD"]
    book = api.query_public("Depth", {"pair": "XBTUSD", "count": 5})["result"]["XXBTZUSD"]
    assert ticker["a"][0] == book["asks"][0][0]
    assert len(book["bids"]) == 5


def test_a_day_of_trading(api) -> None:
    before = api.query_private("Balance")["result"]
    bought = api.query_private("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"})
    assert bought["error"] == []
    assert bought["result"]["descr"]["order"] == "buy 0.10000000 XBTUSD @ market"
    [txid] = bought["result"]["txid"]
    order = api.query_private("QueryOrders", {"txid": txid, "trades": True})["result"][txid]
    assert order["status"] == "closed"
    trades = api.query_private("TradesHistory")["result"]["trades"]
    assert list(trades) == order["trades"]
    after = api.query_private("Balance")["result"]
    assert after["XXBT"] == "100.1000000000"
    paid = round(float(before["ZUSD"]) - float(after["ZUSD"]), 4)
    assert paid == pytest.approx(float(order["cost"]) + float(order["fee"]), abs=0.0001)

    rests = api.query_private(
        "AddOrder", {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "90000", "volume": "0.1"}
    )
    [resting] = rests["result"]["txid"]
    assert list(api.query_private("OpenOrders")["result"]["open"]) == [resting]
    assert api.query_private("CancelOrder", {"txid": resting})["result"] == {"count": 1}
    assert api.query_private("ClosedOrders")["result"]["count"] == 2
    assert api.query_private("Ledgers", {"asset": "XBT"})["result"]["count"] == 2  # the adjustment and the purchase


def test_its_own_milliseconds_collide_within_one(kraken: MockKraken) -> None:
    client = krakenex.API(kraken.api_key, kraken.api_secret)
    client.uri = kraken.url
    client._nonce = lambda: 1_700_000_000_123
    assert client.query_private("Balance")["error"] == []
    assert client.query_private("Balance") == {"error": ["EAPI:Invalid nonce"]}
    client.close()
    assert kraken.journal.refusals()[-1]["scenario"] == "N01"


def test_a_wrong_secret(kraken: MockKraken) -> None:
    client = krakenex.API(kraken.api_key, kraken.keys.create(name="other").api_secret)
    client.uri = kraken.url
    assert client.query_private("Balance") == {"error": ["EAPI:Invalid signature"]}
    kraken.settings.patch(dialect="observed")
    assert client.query_private("Balance") == {"error": ["EAPI:Invalid key"]}
    client.close()


def test_a_conditional_close_is_refused_and_not_dropped(api) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.1"}
    answer = api.query_private("AddOrder", order | {"close[ordertype]": "limit", "close[price]": "70000"})
    assert answer == {"error": ["EGeneral:Invalid arguments:close"]}
    assert api.query_private("OpenOrders")["result"] == {"open": {}}
