"""AmendOrder and OrderAmends: an order changes in place (kraken/30 §4.1, §4.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600
AMEND_ID = "T[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}"
INVALID = "EGeneral:Invalid arguments"
NOTHING_NEW = "EOrder:No amendable parameters specified"
UNKNOWN = "EOrder:Unknown order"


# In place


def test_an_order_changes_and_stays_the_same_order(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.sell("1", "60005", userref="7")
    pit.fill(txid, "0.25")
    sandbox.clock.advance(10 * SECOND)
    answer = kraken.post("AmendOrder", txid=txid, order_qty="0.75", limit_price="60006.5")
    assert re.fullmatch(rb'\{"error":\[\],"result":\{"amend_id":"%b"\}\}' % AMEND_ID.encode(), answer.body)

    row = kraken.call("OpenOrders", trades="true")["open"][txid]
    assert (row["opentm"], row["userref"], row["misc"]) == (MIDNIGHT, 7, "amended")
    assert (row["vol"], row["vol_exec"], row["cost"]) == ("0.75000000", "0.25000000", "15001.25000")
    assert (row["descr"]["price"], row["descr"]["order"]) == ("60006.5", "sell 0.75000000 XBTUSD @ limit 60006.5")
    assert len(row["trades"]) == 1
    assert pit.shown() == "60000.0:5 | 60006.5:0.5 60010.0:5"
    assert kraken.held("XXBT") == "0.5000000000"
    pit.fill(txid)
    row = kraken.row(txid)
    assert (row["status"], row["reason"], row["misc"]) == ("closed", None, "amended")


@pytest.mark.parametrize(
    "fields",
    [
        {"order_qty": "0.75", "limit_price": "60006.5"},
        {"order_qty": 0.75, "limit_price": 60006.5},
        {"order_qty": "0.750000001", "limit_price": "60006.50000", "post_only": True},
        {"order_qty": ".75", "limit_price": "60006.5", "post_only": "True", "pair": "XBTUSD"},
        {"order_qty": "0.75", "limit_price": "+1.5", "post_only": "false", "display_qty": "", "trigger_price": None},
    ],
)
def test_every_spelling(kraken: Client, pit: Pit, fields: dict[str, Any]) -> None:
    """The last trade was at 60005."""
    txid = kraken.sell("1", "60005", cl_ord_id="mine")
    assert re.fullmatch(AMEND_ID, kraken.post_json("AmendOrder", cl_ord_id="mine", **fields).result["amend_id"])
    row = kraken.row(txid)
    assert (row["cl_ord_id"], row["descr"]["order"]) == ("mine", "sell 0.75000000 XBTUSD @ limit 60006.5")


@pytest.mark.parametrize(
    ("price", "becomes"),
    [
        ("+2", "60007.0"),
        ("-2.5", "60002.5"),
        ("+0.005%", "60008.0"),  # 60008.00025, cut
        ("-0.005%", "60001.9"),  # 60001.99975, cut
        ("+10%", "66005.5"),
    ],
)
def test_a_price_may_follow_the_market(kraken: Client, pit: Pit, price: str, becomes: str) -> None:
    txid = kraken.sell("1", "60009")
    kraken.call("AmendOrder", txid=txid, limit_price=price)
    row = kraken.row(txid)
    assert (row["descr"]["price"], row["limitprice"]) == (becomes, "0.00000")
    assert kraken.amends(txid)[1]["limit_price"] == becomes


# Who is first in the queue


@pytest.mark.parametrize(
    ("changes", "stays_first"),
    [
        ([{"order_qty": "0.9"}], True),
        ([{"order_qty": "0.9", "limit_price": "60005.0"}], True),
        ([{"order_qty": "0.9", "post_only": "true"}], True),
        ([{"order_qty": "0.9"}, {"order_qty": "0.8"}], True),
        ([{"order_qty": "1.1"}], False),
        ([{"order_qty": "1.00000001"}], False),
        ([{"order_qty": "0.9"}, {"order_qty": "1"}], False),
        ([{"limit_price": "60006"}, {"limit_price": "60005"}], False),
        ([{"limit_price": "60006", "order_qty": "0.9"}, {"limit_price": "60005"}], False),
    ],
)
def test_what_keeps_the_place_in_the_queue(
    pit: Pit, ann: Client, bob: Client, changes: list[dict[str, str]], stays_first: bool
) -> None:
    first, second = ann.sell("1", "60005"), bob.sell("1", "60005")
    for change in changes:
        ann.call("AmendOrder", txid=first, **change)
    pit.pair.trade("buy", "0.5")
    assert (ann.executed(first), bob.executed(second)) == (("0.5", "0") if stays_first else ("0", "0.5"))


def test_a_new_price_means_the_end_of_the_queue_there(pit: Pit, ann: Client, bob: Client) -> None:
    moved, there = ann.buy("1", "60004"), bob.buy("1", "60003")
    ann.call("AmendOrder", txid=moved, limit_price="60003")
    assert pit.shown() == "60003.0:2 60000.0:5 | 60010.0:5"
    pit.pair.trade("sell", "0.5")
    assert (ann.executed(moved), bob.executed(there)) == ("0", "0.5")
    ann.call("AmendOrder", txid=moved, limit_price="60003.1")
    pit.pair.trade("sell", "0.5")
    assert (ann.executed(moved), bob.executed(there)) == ("0.5", "0.5")


def test_a_partly_filled_order_keeps_its_place_too(pit: Pit, ann: Client, bob: Client) -> None:
    first, second = ann.sell("1", "60005"), bob.sell("1", "60005")
    pit.pair.trade("buy", "0.3")
    ann.call("AmendOrder", txid=first, order_qty="0.5")
    assert pit.shown() == "60000.0:5 | 60005.0:1.2 60010.0:5"
    pit.pair.trade("buy", "0.3")
    assert (ann.row(first)["status"], bob.executed(second)) == ("closed", "0.1")


# Below what is filled


@pytest.mark.parametrize("quantity", ["0.4", "0.39999999", "0.1", "0.00001"])
@pytest.mark.parametrize("more", [{}, {"limit_price": "60006"}])
def test_a_quantity_no_larger_than_what_is_filled_ends_the_order(
    kraken: Client, pit: Pit, quantity: str, more: dict[str, str]
) -> None:
    txid = kraken.sell("1", "60005")
    pit.fill(txid, "0.4")
    kraken.call("AmendOrder", txid=txid, order_qty=quantity, **more)
    row = kraken.row(txid)
    assert (row["status"], row["reason"]) == ("canceled", "User requested")
    assert (row["vol"], row["vol_exec"], row["misc"]) == ("0.40000000", "0.40000000", "amended")
    assert kraken.held("XXBT") == "0.0000000000"
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    last = kraken.amends(txid)[-1]
    assert (last["order_qty"], last["remaining_qty"]) == ("0.40000000", "0.00000000")
    assert kraken.post("AmendOrder", txid=txid, order_qty="1").refusal == UNKNOWN


# Crossing


def test_a_price_that_crosses_takes_at_once(kraken: Client, pit: Pit, ann: Client) -> None:
    resting = ann.sell("0.4", "60008")
    txid = kraken.buy("1", "60004")
    pit.fill(txid, "0.2")
    kraken.call("AmendOrder", txid=txid, limit_price="60009")
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"]) == ("open", "0.60000000")
    assert ann.row(resting)["status"] == "closed"
    assert pit.shown() == "60009.0:0.4 60000.0:5 | 60010.0:5"
    made, took = (kraken.call("QueryTrades", txid=trade)[trade] for trade in row["trades"])
    assert (made["maker"], made["price"]) == (True, "60004.00000")
    assert (took["maker"], took["price"], took["ordertype"]) == (False, "60008.00000", "limit")
    assert took["fee"] == "84.01120"  # 0.4 * 60008 * 0.35 %: its first fill has brought it above 10,000 dollars
    # What it still holds is reckoned with the new price and rate: 0.4 * 60009 * 1.0035.
    assert kraken.held("ZUSD") == "24087.6126"

    kraken.call("AmendOrder", txid=txid, limit_price="60010", post_only="false")
    assert kraken.row(txid)["status"] == "closed"
    assert kraken.held("ZUSD") == "0.0000"
    assert pit.shown() == "60000.0:5 | 60010.0:4.6"
    assert [amend["limit_price"] for amend in kraken.amends(txid)] == ["60004.0", "60009.0", "60010.0"]


@pytest.mark.parametrize("price", ["60000", "59000", "-1%"])
def test_post_only_refuses_a_price_that_crosses(kraken: Client, pit: Pit, price: str) -> None:
    txid = kraken.sell("1", "60005")
    assert kraken.post("AmendOrder", txid=txid, limit_price=price, post_only="true").refusal == "EOrder:Post only order"
    assert pit.shown() == "60000.0:5 | 60005.0:1 60010.0:5"
    kraken.call("AmendOrder", txid=txid, limit_price="60000.1", post_only="true")
    assert kraken.row(txid)["oflags"] == "fciq"  # it was meant for that change only
    kraken.call("AmendOrder", txid=txid, limit_price=price)
    assert kraken.row(txid)["status"] == "closed"


@pytest.mark.parametrize("setting", ["error", "cancel"])
def test_a_post_only_order_never_takes(kraken: Client, pit: Pit, setting: str) -> None:
    """Whatever becomes of one that crosses at entry."""
    pit.settings(post_only_crossing=setting)
    txid = kraken.sell("1", "60005", oflags="post")
    for post_only in ("true", "false"):
        fields = {"txid": txid, "limit_price": "60000", "post_only": post_only}
        assert kraken.post("AmendOrder", **fields).refusal == "EOrder:Post only order"
    kraken.call("AmendOrder", txid=txid, limit_price="60001")
    assert kraken.row(txid)["oflags"] == "post,fciq"


@pytest.mark.parametrize(
    ("stptype", "resting", "amended"),
    [
        ("cancel-newest", "open", "canceled"),
        ("cancel-oldest", "canceled", "open"),
        ("cancel-both", "canceled", "canceled"),
    ],
)
def test_an_amended_order_is_the_incoming_one_when_it_meets_its_account(
    kraken: Client, pit: Pit, stptype: str, resting: str, amended: str
) -> None:
    mover = kraken.buy("1", "60001", stptype=stptype)
    other = kraken.sell("1", "60005")
    kraken.call("AmendOrder", txid=mover, limit_price="60006")
    assert [kraken.row(txid)["status"] for txid in (other, mover)] == [resting, amended]
    assert kraken.call("TradesHistory")["count"] == 0


# Funds


@pytest.mark.parametrize(
    ("change", "hold"),
    [
        ({"limit_price": "59000"}, "59236.0000"),
        ({"limit_price": "61000", "post_only": "false"}, "0.0000"),  # taken
        ({"order_qty": "0.5"}, "30120.0000"),
        ({"order_qty": "2"}, "120480.0000"),
        ({"order_qty": "2", "limit_price": "59000"}, "118472.0000"),
    ],
)
def test_the_hold_follows(kraken: Client, pit: Pit, change: dict[str, str], hold: str) -> None:
    txid = kraken.buy("1", "60000")
    assert kraken.held("ZUSD") == "60240.0000"
    kraken.call("AmendOrder", txid=txid, **change)
    assert kraken.held("ZUSD") == hold


def test_what_the_order_holds_itself_is_free_for_it(kraken: Client, pit: Pit) -> None:
    poor = pit.trader("poor", ZUSD="6054.12")  # 0.1 * 60300 * 1.004
    txid = poor.buy("0.1", "59000")
    pit.book("59000:1", "61000:1")
    assert poor.post("AmendOrder", txid=txid, limit_price="60300.1").refusal == "EOrder:Insufficient funds"
    assert poor.post("AmendOrder", txid=txid, order_qty="0.103").refusal == "EOrder:Insufficient funds"
    assert poor.held("ZUSD") == "5923.6000"
    poor.call("AmendOrder", txid=txid, limit_price="60300")
    assert poor.call("BalanceEx")["ZUSD"] == {"balance": "6054.1200", "hold_trade": "6054.1200"}


def test_the_rate_is_that_of_the_amend(kraken: Client, pit: Pit) -> None:
    """It is fixed at entry; trading on brings a lower one, which an amend picks up."""
    txid = kraken.buy("1", "59000")
    other = kraken.buy("1", "58000")
    kraken.buy("1")  # above 50,000 dollars: 0.24 % instead of 0.4 %
    assert kraken.held("ZUSD") == "117468.0000"  # 117000 * 1.004
    kraken.call("AmendOrder", txid=txid, limit_price="59000.1")
    kraken.call("CancelOrder", txid=other)
    assert kraken.held("ZUSD") == "59141.7002"  # 59000.1 * 1.0024


def test_a_fee_in_coins_is_held_anew_too(kraken: Client, pit: Pit) -> None:
    txid = kraken.sell("1", "60005", oflags="fcib")
    assert kraken.held("XXBT") == "1.0040000000"
    kraken.call("AmendOrder", txid=txid, order_qty="0.5")
    assert kraken.held("XXBT") == "0.5020000000"


# Stops


def test_a_stop_gets_another_trigger(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "1", price="59500")
    kraken.call("AmendOrder", txid=txid, trigger_price="59000")
    row = kraken.row(txid)
    assert (row["descr"]["price"], row["misc"]) == ("59000.0", "amended")
    assert row["descr"]["order"] == "sell 1.00000000 XBTUSD @ stop loss 59000.0"
    pit.book("58000:5", last="59500")
    assert kraken.row(txid)["status"] == "open"
    pit.book("58000:5", last="59000")
    row = kraken.row(txid)
    assert (row["status"], row["misc"]) == ("closed", "stopped,amended")
    assert [amend["trigger_price"] for amend in kraken.amends(txid)] == ["59500.0", "59000.0"]
    assert "limit_price" not in kraken.amends(txid)[0]


def test_trigger_limit_and_quantity_of_a_stop_may_change_together(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "1", price="59500", price2="59400")
    kraken.call("AmendOrder", txid=txid, trigger_price="-1%", limit_price="59300", order_qty="2")
    row = kraken.row(txid)
    assert row["descr"]["order"] == "sell 2.00000000 XBTUSD @ stop loss 59404.9 -> limit 59300.0"
    pit.book(last="59404.9")
    assert (kraken.row(txid)["misc"], pit.shown()) == ("stopped,amended", " | 59300.0:2")
    assert kraken.held("XXBT") == "2.0000000000"

    # Once it has fired it is a limit order.
    assert kraken.post("AmendOrder", txid=txid, trigger_price="58000").refusal == "EOrder:Invalid trigger price"
    kraken.call("AmendOrder", txid=txid, limit_price="59350", order_qty="1")
    assert pit.shown() == " | 59350.0:1"
    row = kraken.row(txid)
    assert row["descr"]["order"] == "sell 1.00000000 XBTUSD @ stop loss 59404.9 -> limit 59350.0"
    assert (row["descr"]["price2"], row["limitprice"]) == ("59350.0", "59350.00000")
    assert [(amend["trigger_price"], amend["limit_price"]) for amend in kraken.amends(txid)] == [
        ("59500.0", "59400.0"),
        ("59404.9", "59300.0"),
        ("59404.9", "59350.0"),
    ]


def test_a_trailing_stop_gets_another_distance_and_keeps_its_peak(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "trailing-stop", "1", price="+1000")
    pit.book("60000:5", "60010:5", last="61000")
    pit.book("60000:5", "60010:5", last="60500")
    kraken.call("AmendOrder", txid=txid, trigger_price="+700")
    row = kraken.row(txid)
    assert (row["descr"]["price"], row["stopprice"], row["limitprice"]) == ("+700.0", "60300.00000", "61000.00000")
    # A distance from the peak that is reached by now is none to wait for.
    for price in ("60300", "-700", "700", "#5", "+500", "+400", "+0.5%"):
        assert kraken.post("AmendOrder", txid=txid, trigger_price=price).refusal == "EOrder:Invalid trigger price"
    pit.book("60000:5", "60010:5", last="60300")
    assert kraken.row(txid)["misc"] == "stopped,amended"


@pytest.mark.parametrize(("setting", "status"), [("cancel", "open"), ("fire", "closed")])
def test_a_trigger_that_is_reached_already(kraken: Client, pit: Pit, setting: str, status: str) -> None:
    pit.settings(triggered_at_entry=setting)
    txid = kraken.place("sell", "stop-loss", "1", price="59500")
    before = kraken.row(txid)
    answer = kraken.post("AmendOrder", txid=txid, trigger_price="60005")
    assert answer.errors == (["EOrder:Invalid trigger price"] if setting == "cancel" else [])
    assert kraken.row(txid)["status"] == status
    if setting == "cancel":
        assert kraken.row(txid) == before


def test_an_order_with_a_conditional_close_and_its_child_can_be_amended(kraken: Client, pit: Pit) -> None:
    """Unlike edited (kraken/30 §4.1)."""
    close = {"close[ordertype]": "limit", "close[price]": "61000"}
    parent = kraken.buy("1", "60001", **close)
    kraken.call("AmendOrder", txid=parent, limit_price="60002", order_qty="2")
    assert kraken.row(parent)["descr"]["close"] == "close position @ limit 61000.0"
    pit.fill(parent)
    ((child, row),) = kraken.open_orders().items()
    assert (row["refid"], row["vol"]) == (parent, "2.00000000")
    kraken.call("AmendOrder", txid=child, limit_price="60900")
    row = kraken.row(child)
    assert (row["refid"], row["descr"]["price"]) == (parent, "60900.0")


# The history


def test_the_history_of_an_order(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    sandbox.clock.advance(1_234_567_890)
    txid = kraken.sell("1", "60005")
    (original,) = kraken.amends(txid)
    assert re.fullmatch(AMEND_ID, original["amend_id"])
    assert (
        kraken.post("OrderAmends", order_id=txid).body
        == (
            f'{{"error":[],"result":{{"count":1,"amends":[{{"amend_id":"{original["amend_id"]}","amend_type":"original",'
            '"order_qty":"1.00000000","remaining_qty":"1.00000000","limit_price":"60005.0","post_only":false,'
            '"timestamp":1767225601234}]}}'
        ).encode()
    )
    pit.fill(txid, "0.3")
    sandbox.clock.advance(SECOND)
    first = kraken.call("AmendOrder", txid=txid, order_qty="0.8")["amend_id"]
    sandbox.clock.advance(999_999)
    second = kraken.call("AmendOrder", txid=txid, limit_price="60006", post_only="true")["amend_id"]
    rows = kraken.amends(txid)
    assert rows[0] == original
    user = {"amend_type": "user", "order_qty": "0.80000000", "remaining_qty": "0.50000000", "reason": "User requested"}
    assert rows[1:] == [
        user | {"amend_id": first, "limit_price": "60005.0", "post_only": False, "timestamp": 1_767_225_602_234},
        user | {"amend_id": second, "limit_price": "60006.0", "post_only": True, "timestamp": 1_767_225_602_235},
    ]
    assert list(rows[1]) == [
        *("amend_id", "amend_type", "order_qty", "remaining_qty", "limit_price", "reason", "post_only", "timestamp"),
    ]
    kraken.call("CancelOrder", txid=txid)
    assert kraken.amends(txid) == rows


def test_a_post_only_order_says_so_from_the_start(kraken: Client, pit: Pit) -> None:
    txid = kraken.sell("1", "60005", oflags="post")
    kraken.call("AmendOrder", txid=txid, limit_price="60006")
    assert [amend["post_only"] for amend in kraken.amends(txid)] == [True, True]


def test_nobody_has_a_history_of_what_is_not_theirs(kraken: Client, pit: Pit, ann: Client) -> None:
    other = ann.sell("1", "60005")
    for order_id in (other, "OAAAAA-AAAAA-AAAAAA", "rubbish", ""):
        assert kraken.call("OrderAmends", order_id=order_id) == {"count": 0, "amends": []}


# Refusals


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        # Who and what
        ({"txid": None, "limit_price": "60006"}, INVALID),
        ({"cl_ord_id": "mine", "limit_price": "60006"}, INVALID),
        ({}, INVALID),
        ({"post_only": "true"}, INVALID),
        ({"limit_price": "", "order_qty": ""}, INVALID),
        ({"limit_price": "60006", "post_only": "maybe"}, f"{INVALID}:post_only"),
        ({"txid": "OAAAAA-AAAAA-AAAAAA", "limit_price": "60006"}, UNKNOWN),
        ({"txid": "rubbish", "limit_price": "60006"}, UNKNOWN),
        ({"txid": "", "limit_price": "60006"}, UNKNOWN),
        ({"txid": "7", "limit_price": "60006"}, UNKNOWN),  # a userref names no order to amend
        ({"txid": None, "cl_ord_id": "nobody's", "limit_price": "60006"}, UNKNOWN),
        # Nothing new
        ({"limit_price": "60005"}, NOTHING_NEW),
        ({"limit_price": "60005.0000"}, NOTHING_NEW),
        ({"limit_price": "+0"}, NOTHING_NEW),
        ({"order_qty": "1"}, NOTHING_NEW),
        ({"order_qty": "1.000000009"}, NOTHING_NEW),
        ({"order_qty": "1.0", "limit_price": "60005", "post_only": "true"}, NOTHING_NEW),
        # What it has not
        ({"trigger_price": "59000"}, "EOrder:Invalid trigger price"),
        ({"trigger_price": "59000", "limit_price": "60006"}, "EOrder:Invalid trigger price"),
        ({"display_qty": "0.5"}, f"{INVALID}:display-volume"),
        # What entry would refuse
        ({"order_qty": "0"}, f"{INVALID}:volume"),
        ({"order_qty": "-1"}, f"{INVALID}:volume"),
        ({"order_qty": "+1"}, f"{INVALID}:volume"),
        ({"order_qty": "lots"}, f"{INVALID}:volume"),
        ({"order_qty": "1e1"}, f"{INVALID}:volume"),
        ({"limit_price": "abc"}, "EOrder:Invalid price:Invalid price argument"),
        ({"limit_price": "6e4"}, "EOrder:Invalid price:Invalid price argument"),
        ({"limit_price": "#5"}, "EOrder:Invalid price:Invalid price argument"),
        ({"limit_price": "5%"}, "EOrder:Invalid price:Invalid price argument"),
        ({"limit_price": "0"}, "EOrder:Invalid price"),
        ({"limit_price": "-100%"}, "EOrder:Invalid price"),
        ({"limit_price": "-60005"}, "EOrder:Invalid price"),
        (
            {"limit_price": "60006.01"},
            "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
        ),
        ({"limit_price": "60006.3"}, "EOrder:Tick size check failed"),
        ({"order_qty": "100.00000001"}, "EOrder:Insufficient funds"),
        ({"limit_price": "60000", "post_only": "true"}, "EOrder:Post only order"),
    ],
    ids=str,
)
def test_a_refused_amend_leaves_no_trace(
    kraken: Client, pit: Pit, bob: Client, fields: dict[str, Any], error: str
) -> None:
    pit.pair.patch(tick_size="0.5")
    txid = kraken.sell("1", "60005", userref="7")
    bob.sell("1", "60005")
    pit.fill(txid, "0.1")
    before = (kraken.row(txid), kraken.call("BalanceEx"), pit.shown())
    sent = {"txid": txid} | fields
    answer = kraken.post("AmendOrder", **{name: value for name, value in sent.items() if value is not None})
    assert answer.refusal == error
    assert kraken.journal()["reason"]
    assert (kraken.row(txid), kraken.call("BalanceEx"), pit.shown()) == before
    assert len(kraken.amends(txid)) == 1
    pit.pair.trade("buy", "0.5")
    assert kraken.executed(txid) == "0.6"  # it is still the first of the queue


def test_orders_that_are_gone_or_anothers(kraken: Client, pit: Pit, ann: Client) -> None:
    filled, cancelled = kraken.buy("0.1"), kraken.sell("0.1", "60005", cl_ord_id="once")
    kraken.call("CancelOrder", txid=cancelled)
    for dialect in ("documented", "observed"):
        pit.settings(dialect=dialect)
        for txid in (filled, cancelled, ann.sell("1", "60005"), "OAAAAA-AAAAA-AAAAAA", "rubbish"):
            assert kraken.post("AmendOrder", txid=txid, order_qty="0.5").refusal == UNKNOWN
        assert kraken.post("AmendOrder", cl_ord_id="once", order_qty="0.5").refusal == UNKNOWN


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        ("documented", "EOrder:Order minimum not met"),
        ("observed", "EGeneral:Invalid arguments:volume minimum not met"),
    ],
)
def test_below_the_minimum_in_both_dialects(kraken: Client, pit: Pit, dialect: str, error: str) -> None:
    pit.settings(dialect=dialect)
    assert kraken.post("AmendOrder", txid=kraken.sell("1", "60005"), order_qty="0.00001").refusal == error


def test_below_the_least_cost(kraken: Client, pit: Pit) -> None:
    txid = kraken.buy("0.00005", "59000")
    assert kraken.post("AmendOrder", txid=txid, limit_price="9999").refusal == "EOrder:Cost minimum not met"
    kraken.call("AmendOrder", txid=txid, limit_price="10000")


@pytest.mark.parametrize("ordertype", ["stop-loss", "take-profit", "trailing-stop"])
def test_an_order_that_will_be_a_market_order_has_no_limit_price(kraken: Client, pit: Pit, ordertype: str) -> None:
    price = {"stop-loss": "59000", "take-profit": "61000", "trailing-stop": "+5%"}[ordertype]
    txid = kraken.place("sell", ordertype, "1", price=price)
    before = kraken.row(txid)
    assert kraken.post("AmendOrder", txid=txid, limit_price="59000").refusal == "EOrder:Invalid limit price"
    assert kraken.row(txid) == before


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"trigger_price": "59500"}, NOTHING_NEW),
        ({"limit_price": "59400.0"}, NOTHING_NEW),
        ({"trigger_price": "59500.1"}, "EOrder:Tick size check failed"),
        ({"limit_price": "59400.1"}, "EOrder:Tick size check failed"),
        ({"trigger_price": "59500.01"}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"trigger_price": "abc"}, "EOrder:Invalid price:Invalid price argument"),
        ({"trigger_price": "0"}, "EOrder:Invalid price"),
        ({"order_qty": "0.00001"}, "EOrder:Order minimum not met"),
        ({"order_qty": "101"}, "EOrder:Insufficient funds"),  # of all that there is
    ],
    ids=str,
)
def test_what_a_waiting_stop_refuses(kraken: Client, pit: Pit, fields: dict[str, str], error: str) -> None:
    pit.pair.patch(tick_size="0.5")
    txid = kraken.place("sell", "stop-loss-limit", "1", price="59500", price2="59400")
    before = kraken.row(txid)
    assert kraken.post("AmendOrder", txid=txid, **fields).refusal == error
    assert kraken.row(txid) == before
    assert len(kraken.amends(txid)) == 1
    pit.book(last="59500")
    assert kraken.row(txid)["misc"] == "stopped"


@pytest.mark.parametrize(
    ("status", "plain", "post"),
    [
        ("online", [], []),
        ("limit_only", [], []),
        ("post_only", ["EService:Market in post_only mode"], []),
        ("cancel_only", ["EService:Market in cancel_only mode"], ["EService:Market in cancel_only mode"]),
        ("maintenance", ["EService:Unavailable"], ["EService:Unavailable"]),
    ],
)
def test_the_states_of_the_market(kraken: Client, pit: Pit, status: str, plain: list[str], post: list[str]) -> None:
    txid = kraken.sell("1", "60005")
    pit.status.set(status)
    assert kraken.post("AmendOrder", txid=txid, limit_price="60006").errors == plain
    assert kraken.post("AmendOrder", txid=txid, limit_price="60007", post_only="true").errors == post


def test_a_key_that_may_only_cancel_may_amend(kraken: Client, login: Callable[..., Client], pit: Pit) -> None:
    txid = kraken.sell("1", "60005")
    closer = login("closer", permissions=["close-trades", "query-open-trades"])
    assert closer.call("AmendOrder", txid=txid, limit_price="60006")["amend_id"]
    assert len(closer.amends(txid)) == 2
    kraken.call("CancelOrder", txid=txid)
    assert closer.amends(txid) == []  # it may not see closed orders
