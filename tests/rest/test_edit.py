"""EditOrder: another order in the place of one (kraken/30 §4.3). Its plain answers are in test_batch.py."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600
INVALID_ORDER = "EOrder:Invalid order"
UNKNOWN = "EOrder:Unknown order"


def edit(trader: Client, txid: str, **fields: Any) -> dict[str, Any]:
    result = trader.call("EditOrder", txid=txid, pair="XBTUSD", **fields)
    assert isinstance(result, dict)
    return result


def refusal(trader: Client, txid: str, **fields: Any) -> str:
    return trader.post("EditOrder", **({"txid": txid, "pair": "XBTUSD"} | fields)).refusal


# Another order


def test_the_new_order_is_a_new_one(kraken: Client, pit: Pit, bob: Client, sandbox: Sandbox) -> None:
    old = kraken.sell("1", "60005", userref="7")
    behind = bob.sell("1", "60005")
    sandbox.clock.advance(60 * SECOND)
    new = edit(kraken, old, volume="1")["txid"]  # nothing changes but its place
    assert new != old
    gone, row = kraken.row(old), kraken.row(new)
    assert (gone["status"], gone["reason"], gone["closetm"]) == ("canceled", "Order replaced", MIDNIGHT + 60)
    assert (row["opentm"], row["refid"], row["userref"], row["misc"]) == (MIDNIGHT + 60, None, 0, "")
    assert row["descr"]["order"] == gone["descr"]["order"]
    assert list(kraken.open_orders()) == [new]
    assert kraken.call("OrderAmends", order_id=new)["count"] == 1
    pit.pair.trade("buy", "0.5")
    assert (bob.row(behind)["vol_exec"], kraken.row(new)["vol_exec"]) == ("0.50000000", "0.00000000")


@pytest.mark.parametrize(
    ("volume", "left"),
    [(None, "0.75000000"), ("", "0.75000000"), ("2", "2.00000000"), ("0.25", "0.25000000"), ("0.3", "0.30000000")],
)
def test_fills_stay_with_the_old_order(kraken: Client, pit: Pit, volume: str | None, left: str) -> None:
    old = kraken.sell("1", "60005")
    pit.fill(old, "0.25")
    result = edit(kraken, old, price="60006", **({} if volume is None else {"volume": volume}))
    assert result["volume"] == left
    gone, row = kraken.row(old), kraken.row(result["txid"])
    assert (gone["vol"], gone["vol_exec"], gone["misc"]) == ("1.00000000", "0.25000000", "partial")
    assert (row["vol"], row["vol_exec"], row["cost"]) == (left, "0.00000000", "0.00000")
    assert "trades" not in row
    assert kraken.held("XXBT") == f"{left}00"


@pytest.mark.parametrize("volume", ["0.24999999", "0.1"])
def test_less_than_what_is_executed_is_refused(kraken: Client, pit: Pit, volume: str) -> None:
    old = kraken.sell("1", "60005")
    pit.fill(old, "0.25")
    assert refusal(kraken, old, volume=volume) == INVALID_ORDER
    assert kraken.row(old)["status"] == "open"


@pytest.mark.parametrize(
    ("price", "shown", "becomes"),
    [
        ("59000.10", "59000.1", "59000.1"),
        ("59000", "59000.0", "59000.0"),
        ("59000.10000000", "59000.1", "59000.1"),
        ("-1%", "-1.0000%", "59404.9"),
        ("#1%", "-1.0000%", "59404.9"),
        ("-5", "-5.0", "60000.0"),
    ],
)
def test_the_answer_repeats_the_price_as_sent(kraken: Client, pit: Pit, price: str, shown: str, becomes: str) -> None:
    """The order itself shows it with the pair's decimals; the last trade was at 60005."""
    result = edit(kraken, kraken.buy("1", "58000"), price=price)
    assert (result["price"], result["descr"]["order"]) == (price, f"buy 1.00000000 XBTUSD @ limit {price}")
    row = kraken.row(result["txid"])
    assert row["descr"]["price"] == shown
    assert kraken.call("OrderAmends", order_id=result["txid"])["amends"][0]["limit_price"] == becomes


def test_a_json_number_is_repeated_too(kraken: Client, pit: Pit) -> None:
    old = kraken.buy("1", "58000", userref="12")
    sent = {"txid": 12, "pair": "XBTUSD", "price": 59000.5, "volume": 0.5, "cancel_response": True}
    result = kraken.post_json("EditOrder", **sent).result
    assert (result["originaltxid"], result["price"], result["volume"]) == (old, "59000.5", "0.50000000")


@pytest.mark.parametrize(
    ("first", "sent", "second"),
    [
        ("post", {}, "fciq"),
        ("post", {"oflags": "post"}, "post,fciq"),
        ("", {"oflags": "post"}, "post,fciq"),
        ("fcib", {}, "fcib"),
        ("fcib,post", {}, "fcib"),
        ("fcib,post", {"oflags": "post"}, "post,fcib"),
        ("fcib", {"oflags": "fciq"}, "fcib"),
        ("fciq", {"oflags": "post,fcib"}, "post,fciq"),
        ("nompp", {"oflags": ""}, "fciq,nompp"),
        ("", {"oflags": "viqc,nompp,post"}, "post,fciq"),
    ],
)
def test_flags_stay_but_for_post(kraken: Client, pit: Pit, first: str, sent: dict[str, str], second: str) -> None:
    old = kraken.sell("1", "60005", oflags=first)
    assert kraken.row(edit(kraken, old, price="60006", **sent)["txid"])["oflags"] == second


def test_an_edit_that_crosses_takes(kraken: Client, pit: Pit) -> None:
    old = kraken.sell("1", "60005", oflags="post")
    new = edit(kraken, old, price="60000")["txid"]
    row = kraken.row(new)
    assert (row["status"], row["price"]) == ("closed", "60000.0")
    assert kraken.call("QueryTrades", txid=row["trades"][0])[row["trades"][0]]["maker"] is False


def test_the_new_order_may_not_meet_what_its_account_offers(kraken: Client, pit: Pit) -> None:
    """Nor does it bring back the old one when it is cancelled for that."""
    old, other = kraken.buy("1", "59000", stptype="cancel-both"), kraken.sell("1", "60005")
    new = edit(kraken, old, price="60005")["txid"]
    for txid, reason in ((old, "Order replaced"), (new, "Cannot trade with self"), (other, "Cannot trade with self")):
        assert kraken.row(txid)["reason"] == reason


def test_what_the_old_order_holds_pays_for_the_new_one(kraken: Client, pit: Pit) -> None:
    poor = pit.trader("poor", ZUSD="6054.12")  # 0.1 * 60300 * 1.004
    old = poor.buy("0.1", "59000")
    pit.book("59000:1", "61000:1")
    assert refusal(poor, old, price="60300.1") == "EOrder:Insufficient funds"
    assert poor.held("ZUSD") == "5923.6000"
    edit(poor, old, price="60300")
    assert poor.held("ZUSD") == "6054.1200"


# What kinds of order


def test_an_iceberg(kraken: Client, pit: Pit) -> None:
    old = kraken.place("sell", "iceberg", "1.5", price="60005", displayvol="0.5")
    second = edit(kraken, old, price="60006")["txid"]
    assert pit.shown() == "60000.0:5 | 60006.0:0.5 60010.0:5"
    third = edit(kraken, second, displayvol="0.1")["txid"]
    assert (kraken.row(third)["display_volume"], kraken.held("XXBT")) == ("0.10000000", "1.5000000000")
    assert pit.shown() == "60000.0:5 | 60006.0:0.1 60010.0:5"
    assert refusal(kraken, third, displayvol="0.09") == "EGeneral:Invalid arguments:display-volume"
    assert refusal(kraken, third, volume="3") == "EGeneral:Invalid arguments:display-volume"
    assert kraken.row(edit(kraken, third, volume="0.05")["txid"])["display_volume"] == "0.05000000"


def test_a_stop_that_waits(kraken: Client, pit: Pit) -> None:
    old = kraken.place("sell", "stop-loss-limit", "1", price="59500", price2="59400", trigger="last")
    result = edit(kraken, old, price="59300", price2="59250.50")
    assert (result["price"], result["price2"]) == ("59300", "59250.50")
    assert result["descr"]["order"] == "sell 1.00000000 XBTUSD @ stop loss 59300 -> limit 59250.50"
    pit.book(last="59500")
    row = kraken.row(result["txid"])
    assert (row["status"], row["misc"], row["descr"]["price2"]) == ("open", "", "59250.5")
    pit.book(last="59300")
    assert (kraken.row(result["txid"])["misc"], kraken.row(old)["misc"]) == ("stopped", "")
    assert pit.shown() == " | 59250.5:1"
    assert refusal(kraken, result["txid"], price2="59200") == INVALID_ORDER  # it has fired


def test_a_trailing_stop_trails_from_now(kraken: Client, pit: Pit) -> None:
    old = kraken.place("sell", "trailing-stop", "1", price="+1%")
    pit.book("60000:5", "60010:5", last="61000")
    pit.book("60000:5", "60010:5", last="60500")
    row = kraken.row(edit(kraken, old, volume="0.5")["txid"])
    assert (row["descr"]["price"], row["vol"], row["limitprice"]) == ("+1.0000%", "0.50000000", "60500.00000")


def test_a_margin_order_keeps_its_leverage(kraken: Client, pit: Pit) -> None:
    row = kraken.row(edit(kraken, kraken.buy("1", "59000", leverage="3"), price="58000")["txid"])
    assert (row["descr"]["leverage"], row["margin"]) == ("3:1", True)
    assert kraken.held("ZUSD") == "0.0000"


def test_a_market_order_that_has_not_started(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    """Its volume goes on being one of dollars, and its start stays."""
    old = kraken.buy("100", oflags="viqc", starttm="+60")
    result = edit(kraken, old)
    assert (result["volume"], result["descr"]["order"]) == ("100.00000000", "buy 100.00000000 XBTUSD @ market")
    new = edit(kraken, result["txid"], volume="300")["txid"]
    row = kraken.row(new)
    assert (row["status"], row["vol"], row["oflags"]) == ("pending", "300.00000000", "viqc,fciq")
    sandbox.clock.advance(60 * SECOND)
    row = kraken.row(new)
    assert (row["status"], row["price"]) == ("closed", "60010.0")
    assert Decimal("299.99") < Decimal(row["cost"]) <= 300


# Refusals


@pytest.mark.parametrize(
    ("order", "fields", "error"),
    [
        ({"close[ordertype]": "limit", "close[price]": "61000"}, {"price": "60006"}, INVALID_ORDER),
        ({"cl_ord_id": "mine"}, {"price": "60006"}, INVALID_ORDER),
        ({}, {"price": "60006", "pair": "ETHUSD"}, INVALID_ORDER),
        ({}, {"volume": "0"}, "EGeneral:Invalid arguments:volume"),
        ({}, {"volume": "lots"}, "EGeneral:Invalid arguments:volume"),
        ({}, {"volume": "101"}, "EOrder:Insufficient funds"),
        ({}, {"price": "60006.3"}, "EOrder:Tick size check failed"),
        (
            {},
            {"price": "60006.01"},
            "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
        ),
        ({}, {"price": "0"}, "EOrder:Invalid price"),
        ({}, {"price": "1e5"}, "EOrder:Invalid price:Invalid price argument"),
        ({}, {"price": "60000", "oflags": "post"}, "EOrder:Post only order"),
        ({}, {"oflags": "hidden"}, "EGeneral:Invalid arguments:oflags"),
        ({}, {"displayvol": "0.5"}, "EGeneral:Invalid arguments:display-volume"),
        ({}, {"userref": "2147483648"}, "EGeneral:Invalid arguments:userref"),
        ({}, {"validate": "maybe"}, "EGeneral:Invalid arguments:validate"),
        ({}, {"deadline": "2025-12-31T23:59:59Z", "price": "60006"}, "EService:Deadline elapsed"),
    ],
    ids=str,
)
def test_a_refused_edit_leaves_no_trace(
    kraken: Client, pit: Pit, bob: Client, order: dict[str, str], fields: dict[str, str], error: str
) -> None:
    pit.pair.patch(tick_size="0.5")
    old = kraken.sell("1", "60005", **order)
    bob.sell("1", "60005")
    before = (kraken.row(old), kraken.call("BalanceEx"), pit.shown(), kraken.call("ClosedOrders"))
    assert refusal(kraken, old, **fields) == error
    assert (kraken.row(old), kraken.call("BalanceEx"), pit.shown(), kraken.call("ClosedOrders")) == before
    assert list(kraken.open_orders()) == [old]
    pit.pair.trade("buy", "0.5")
    assert Decimal(kraken.row(old)["vol_exec"]) == Decimal("0.5")  # it is still the first of the queue


@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_what_is_not_open_can_not_be_edited(kraken: Client, pit: Pit, bob: Client, dialect: str) -> None:
    pit.settings(dialect=dialect)
    filled, cancelled, foreign = kraken.buy("0.1"), kraken.buy("0.1", "59000"), bob.buy("0.1", "59000")
    kraken.call("CancelOrder", txid=cancelled)
    for txid in (filled, cancelled, foreign, "OAAAAA-AAAAA-AAAAAA", "rubbish", "99", f"{filled},{cancelled}"):
        assert refusal(kraken, txid, price="58000") == UNKNOWN
    below = {
        "documented": "EOrder:Order minimum not met",
        "observed": "EGeneral:Invalid arguments:volume minimum not met",
    }
    assert refusal(kraken, kraken.buy("0.1", "59000"), volume="0.00001") == below[dialect]


def test_a_userref_must_name_one_order(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.1", "59000", userref="5")
    second = kraken.buy("0.1", "58000", userref="5")
    assert refusal(kraken, "5", price="57000") == "EGeneral:Invalid arguments"
    kraken.call("CancelOrder", txid=second)
    assert edit(kraken, "5", price="57000")["txid"]
    assert refusal(kraken, "5", price="56000") == UNKNOWN  # the new order has it no more


@pytest.mark.parametrize(
    ("status", "plain", "post"),
    [
        ("limit_only", [], []),
        ("post_only", ["EService:Market in post_only mode"], []),
        ("cancel_only", ["EService:Market in cancel_only mode"], ["EService:Market in cancel_only mode"]),
        ("maintenance", ["EService:Unavailable"], ["EService:Unavailable"]),
    ],
)
def test_the_states_of_the_market(kraken: Client, pit: Pit, status: str, plain: list[str], post: list[str]) -> None:
    orders = kraken.sell("1", "60005"), kraken.sell("1", "60005")
    pit.status.set(status)
    sent = {"pair": "XBTUSD", "price": "60006"}
    assert kraken.post("EditOrder", txid=orders[0], **sent).errors == plain
    assert kraken.post("EditOrder", txid=orders[1], **sent, oflags="post").errors == post


@pytest.mark.parametrize("fields", [{"volume": "101"}, {"price": "60000", "oflags": "post"}])
def test_validation_stops_before_funds_and_book(kraken: Client, pit: Pit, fields: dict[str, str]) -> None:
    old = kraken.sell("1", "60005")
    before = kraken.row(old)
    result = edit(kraken, old, validate="true", **fields)
    assert (result["status"], result["orders_cancelled"]) == ("ok", 0)
    assert "txid" not in result
    assert kraken.row(old) == before
    assert kraken.call("ClosedOrders")["count"] == 0
