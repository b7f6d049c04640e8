"""Corners of order entry and matching that a reading of kraken/30, sentence by sentence, has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from traders import Client, Pit

DISPLAY = "EGeneral:Invalid arguments:display-volume"


@pytest.mark.parametrize("expiretm", ["0", "00", ""])
def test_good_till_date_without_a_date(kraken: Client, expiretm: str) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.1"}
    refusal = kraken.post("AddOrder", **order, timeinforce="GTD", expiretm=expiretm).refusal
    assert refusal == "EGeneral:Invalid arguments:timeinforce"


def test_an_amend_leaves_no_iceberg_with_less_than_a_fifteenth_to_show(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "iceberg", "1.5", price="60500", displayvol="0.1")
    before = (kraken.row(txid), pit.shown())
    assert kraken.post("AmendOrder", txid=txid, order_qty="1.50000001").refusal == DISPLAY
    assert (kraken.row(txid), pit.shown()) == before

    pit.fill(txid, "0.75")  # What counts is what remains.
    kraken.call("AmendOrder", txid=txid, order_qty="2.25")
    assert kraken.row(txid)["display_volume"] == "0.10000000"
    assert kraken.post("AmendOrder", txid=txid, order_qty="2.26").refusal == DISPLAY
    kraken.call("AmendOrder", txid=txid, order_qty="2.26", display_qty="0.11")


def test_a_trailing_buy_that_nothing_could_cover(kraken: Client, pit: Pit) -> None:
    """It is reckoned at the level where it begins: a percent above the last price of 60005."""
    pit.balances("main", ZUSD="60847.4199")
    trailing = {"pair": "XBTUSD", "type": "buy", "ordertype": "trailing-stop", "price": "+1%", "volume": "1"}
    assert kraken.post("AddOrder", **trailing).refusal == "EOrder:Insufficient funds"
    pit.balances("main", ZUSD="60847.42")  # 60605.0 and a fee of 0.4 %
    kraken.call("AddOrder", **trailing)


def test_stops_that_hold_funds_hold_those_of_a_trailing_buy(kraken: Client, pit: Pit) -> None:
    pit.settings(stops_hold_funds=True)
    txid = kraken.place("buy", "trailing-stop", "1", price="+1%")
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == "60847.4200"
    kraken.call("CancelOrder", txid=txid)
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"


def test_desks_of_one_account_trade_with_each_other(kraken: Client, pit: Pit) -> None:
    pit.book("60000.0:5", "60010.0:5")
    resting = kraken.sell("1", "60005", sender_sub_id="a")
    same = kraken.buy("0.4", "60005", sender_sub_id="a")
    assert (kraken.row(same)["status"], kraken.row(same)["reason"]) == ("canceled", "Cannot trade with self")
    other, nameless = kraken.buy("0.4", "60005", sender_sub_id="b"), kraken.buy("0.6", "60005")
    assert [kraken.row(txid)["status"] for txid in (resting, other, nameless)] == ["closed"] * 3
    balances = kraken.call("BalanceEx")
    assert balances["XXBT"] == {"balance": "100.0000000000", "hold_trade": "0.0000000000"}
    # What it paid to itself is back, and both sides' fees are gone: 0.65 % of 24002, then 0.55 % of 36003, for both
    # sides of the first trade count for the tier.
    assert balances["ZUSD"] == {"balance": "999645.9705", "hold_trade": "0.0000"}


def test_what_a_reduce_only_order_closes_is_not_closed_anew(kraken: Client, pit: Pit) -> None:
    """A desk opens again what another closes; the order that may only reduce ends with what it closed."""
    pit.book("59000.0:5", "61000.0:5")
    kraken.buy("1", leverage="2")
    opening = kraken.buy("1", "60000", leverage="2", sender_sub_id="a")
    closing = kraken.sell("2", "59500", leverage="2", reduce_only="true", sender_sub_id="b")
    row = kraken.row(closing)
    assert (row["status"], row["vol_exec"]) == ("canceled", "1.00000000")
    assert row["reason"] == "Reduce only:Position is closed"
    assert kraken.row(opening)["status"] == "closed"
    (position,) = kraken.call("OpenPositions").values()
    assert (position["type"], position["vol"]) == ("buy", "1.00000000")


def test_a_close_that_is_a_text_is_not_dropped(kraken: Client, pit: Pit) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "59000", "volume": "0.1"}
    assert kraken.post_json("AddOrder", **order, close="stop-loss").refusal == "EGeneral:Invalid arguments:close"
    assert kraken.call("OpenOrders") == {"open": {}}


def test_a_cl_ord_id_with_a_comma_is_one_id_in_a_list(kraken: Client, pit: Pit) -> None:
    both, one = (kraken.buy("0.1", "59000", cl_ord_id=text) for text in ("q,w", "q"))
    assert kraken.post_json("CancelOrderBatch", cl_ord_ids=["q,w"]).result == {"count": 1}
    assert (kraken.row(both)["status"], kraken.row(one)["status"]) == ("canceled", "open")


def test_an_empty_deadline_is_none(kraken: Client, pit: Pit) -> None:
    txid = kraken.buy("0.1", "59000", deadline="")
    assert kraken.call("AmendOrder", txid=txid, limit_price="58000", deadline="")["amend_id"]


def test_a_percentage_finer_than_it_is_shown_is_no_price(kraken: Client, pit: Pit) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "-1.00001%", "volume": "0.1"}
    assert kraken.post("AddOrder", **order).refusal == "EOrder:Invalid price:Invalid price argument"


def test_a_relative_close_lies_where_an_order_may(kraken: Client, pit: Pit) -> None:
    far = {"close[ordertype]": "limit", "close[price]": "+999999999999999%"}
    kraken.buy("0.1", "60010", **far)
    (child,) = kraken.call("OpenOrders")["open"].values()
    assert child["descr"]["order"] == "sell 0.10000000 XBTUSD @ limit +999999999999999.0000%"
    assert float(child["limitprice"]) == 10**15


def test_the_state_of_the_market_comes_before_what_an_amend_asks(kraken: Client, pit: Pit) -> None:
    txid = kraken.buy("0.1", "59000")
    pit.status.set("cancel_only")
    assert kraken.post("AmendOrder", txid=txid, limit_price="abc").refusal == "EService:Market in cancel_only mode"
