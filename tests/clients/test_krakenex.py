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


def test_a_conditional_close(api, kraken: MockKraken) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.1"}
    close = {"close[ordertype]": "stop-loss-limit", "close[price]": "-5%", "close[price2]": "#1%"}
    placed = api.query_private("AddOrder", order | close)["result"]
    assert placed["descr"] == {
        "order": "buy 0.10000000 XBTUSD @ limit 60000.0",
        "close": "close position @ stop loss -5.0000% -> limit -1.0000%",
    }
    [txid] = placed["txid"]
    kraken.orders[txid].fill()
    [(child, row)] = api.query_private("OpenOrders")["result"]["open"].items()
    assert (row["refid"], row["descr"]["type"], row["vol"]) == (txid, "sell", "0.10000000")
    assert row["descr"]["price"] == "-5.0000%"  # of the 60000 that were paid
    kraken.pairs["XBTUSD"].move_to("57000")
    fired = api.query_private("QueryOrders", {"txid": f"{txid},{child}"})["result"]
    assert [(row["status"], row["misc"]) for row in fired.values()] == [("closed", ""), ("closed", "stopped")]


def test_a_stop_that_is_amended_and_a_limit_that_is_edited(api) -> None:
    stop = {"pair": "XBT/USD", "type": "sell", "ordertype": "trailing-stop", "price": "+2.5%", "volume": "1"}
    assert api.query_private("AddOrder", stop | {"validate": True})["result"] == {
        "descr": {"order": "sell 1.00000000 XBTUSD @ trailing stop +2.5000%"}
    }
    [txid] = api.query_private("AddOrder", stop)["result"]["txid"]
    amended = api.query_private("AmendOrder", {"txid": txid, "order_qty": "0.5"})["result"]
    amends = api.query_private("OrderAmends", {"order_id": txid})["result"]
    assert [(row["amend_type"], row["order_qty"]) for row in amends["amends"]] == [
        ("original", "1.00000000"),
        ("user", "0.50000000"),
    ]
    assert amends["amends"][1]["amend_id"] == amended["amend_id"]
    assert api.query_private("CancelOrder", {"txid": txid})["result"] == {"count": 1}

    limit = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.1", "userref": 5}
    [old] = api.query_private("AddOrder", limit)["result"]["txid"]
    edited = api.query_private("EditOrder", {"pair": "XBTUSD", "txid": old, "price": "59000"})["result"]
    new = edited.pop("txid")
    assert edited == {
        "status": "ok",
        "originaltxid": old,
        "volume": "0.10000000",
        "price": "59000",
        "orders_cancelled": 1,
        "descr": {"order": "buy 0.10000000 XBTUSD @ limit 59000"},
    }
    rows = api.query_private("QueryOrders", {"txid": f"{old},{new}"})["result"]
    assert (rows[old]["status"], rows[old]["reason"]) == ("canceled", "Order replaced")
    assert (rows[new]["status"], rows[new]["descr"]["price"]) == ("open", "59000.0")


def test_a_batch_in_a_form(api) -> None:
    rows = [
        {"type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000", "close][ordertype": "limit"},
        {"type": "sell", "ordertype": "take-profit", "volume": "0.2", "price": "90000", "userref": "9"},
    ]
    rows[0]["close][price"] = "70000"
    form = {f"orders[{index}][{name}]": value for index, row in enumerate(rows) for name, value in row.items()}
    placed = api.query_private("AddOrderBatch", {"pair": "XBTUSD", **form})["result"]["orders"]
    assert [row["descr"] for row in placed] == [
        {
            "order": "buy 0.10000000 XBTUSD @ limit 60000.0",
            "close": "close position @ limit 70000.0",
        },
        {"order": "sell 0.20000000 XBTUSD @ take profit 90000.0"},
    ]
    assert set(api.query_private("OpenOrders")["result"]["open"]) == {row["txid"] for row in placed}
    cancelled = api.query_private("CancelOrderBatch", {"orders[0]": placed[0]["txid"], "orders[1]": "9"})
    assert cancelled["result"] == {"count": 2}

    del form["orders[1][volume]"]
    refused = api.query_private("AddOrderBatch", {"pair": "XBTUSD", **form})
    assert refused == {"error": [], "result": {"orders": [{}, {"error": "EGeneral:Invalid arguments:volume"}]}}
    assert api.query_private("OpenOrders")["result"] == {"open": {}}


def test_a_dead_mans_switch(api, kraken: MockKraken) -> None:
    kraken.clock.freeze()
    order = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "price": "60000", "volume": "0.1"}
    [txid] = api.query_private("AddOrder", order)["result"]["txid"]
    for _ in range(2):  # each call sets it anew
        assert api.query_private("CancelAllOrdersAfter", {"timeout": 60})["error"] == []
        kraken.clock.advance("59s")
    assert list(api.query_private("OpenOrders")["result"]["open"]) == [txid]
    kraken.clock.advance("1s")
    assert api.query_private("QueryOrders", {"txid": txid})["result"][txid]["status"] == "canceled"
