"""Icebergs: what the book shows of them, and who is served when (kraken/30 §8.5, §2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from traders import Client, Pit

DISPLAY = "EGeneral:Invalid arguments:display-volume"


def iceberg(trader: Client, volume: str, shown: str, price: str = "60005", side: str = "sell", **fields: Any) -> str:
    return trader.place(side, "iceberg", volume, price=price, displayvol=shown, **fields)


def filled(trader: Client, txid: str) -> list[str]:
    """Their volumes, without the last zeros."""
    return [fill["vol"].rstrip("0") for fill in trader.fills(txid)]


# What is seen of it


def test_the_book_shows_a_slice_and_the_account_holds_the_whole(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "1.5", "0.1")
    assert pit.shown() == "60000.0:5 | 60005.0:0.1 60010.0:5"
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "100.0000000000", "hold_trade": "1.5000000000"}

    row = kraken.row(txid)
    assert (row["status"], row["vol"], row["display_volume"]) == ("open", "1.50000000", "0.10000000")
    assert (row["descr"]["ordertype"], row["descr"]["price"]) == ("iceberg", "60005.0")
    assert row["descr"]["order"] == "sell 1.50000000 XBTUSD @ limit 60005.0"
    assert row["stopprice"] == row["limitprice"] == "0.00000"

    kraken.call("CancelOrder", txid=txid)
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    assert kraken.held("XXBT") == "0.0000000000"


def test_a_buying_iceberg_holds_the_cost_of_the_whole_and_the_fee(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "1.5", "0.1", side="buy")
    assert pit.shown() == "60005.0:0.1 60000.0:5 | 60010.0:5"
    assert kraken.held("ZUSD") == "90367.5300"  # 1.5 * 60005 * 1.004
    pit.fill(txid, "0.5")
    assert kraken.held("ZUSD") == "60245.0200"


def test_only_icebergs_have_a_display_volume(kraken: Client, pit: Pit) -> None:
    assert "display_volume" not in kraken.row(kraken.sell("1", "60005"))


@pytest.mark.parametrize(
    ("volume", "display"),
    [
        ("1.5", "0.1"),
        ("1.5", "1.5"),
        ("1", "0.06666667"),
        ("0.00075", "0.00005"),
        ("1.5", "0.100000009"),  # cut off, as volumes are
    ],
)
def test_a_fifteenth_or_more_is_shown(kraken: Client, pit: Pit, volume: str, display: str) -> None:
    txid = iceberg(kraken, volume, display)
    assert kraken.row(txid)["display_volume"] == f"{display:0<10}"[:10]


@pytest.mark.parametrize(
    ("ordertype", "display"),
    [
        ("iceberg", None),
        ("iceberg", ""),
        ("iceberg", "0"),
        ("iceberg", "0.09999999"),
        ("iceberg", "0.099999999999"),
        ("iceberg", "1.50000001"),
        ("iceberg", "-0.5"),
        ("iceberg", "+0.5"),
        ("iceberg", "half"),
        ("iceberg", "5e-1"),
        ("limit", "0.5"),
        ("market", "0.5"),
        ("stop-loss", "0.5"),
    ],
)
def test_what_is_no_display_volume(kraken: Client, pit: Pit, ordertype: str, display: str | None) -> None:
    order = {"pair": "XBTUSD", "type": "sell", "ordertype": ordertype, "volume": "1.5", "price": "59000"}
    if display is not None:
        order["displayvol"] = display
    assert kraken.post("AddOrder", **order).refusal == DISPLAY
    assert kraken.post_json("AddOrder", **order, validate=True).refusal == DISPLAY
    assert kraken.call("OpenOrders") == {"open": {}}


# Who is served


def test_the_next_slice_queues_behind_the_others(kraken: Client, pit: Pit, ann: Client, bob: Client) -> None:
    ice, plain = iceberg(ann, "0.3", "0.1"), bob.sell("0.1", "60005")
    assert pit.shown() == "60000.0:5 | 60005.0:0.2 60010.0:5"

    kraken.buy("0.05")
    assert (ann.executed(ice), bob.executed(plain)) == ("0.05", "0")
    assert pit.shown() == "60000.0:5 | 60005.0:0.15 60010.0:5"
    kraken.buy("0.05")  # The rest of the slice is still in front.
    assert (ann.executed(ice), bob.executed(plain)) == ("0.1", "0")
    assert pit.shown() == "60000.0:5 | 60005.0:0.2 60010.0:5"
    kraken.buy("0.1")
    assert (ann.executed(ice), bob.executed(plain)) == ("0.1", "0.1")
    assert bob.row(plain)["status"] == "closed"
    assert pit.shown() == "60000.0:5 | 60005.0:0.1 60010.0:5"
    kraken.buy("0.2")
    assert ann.row(ice)["status"] == "closed"
    assert pit.shown() == "60000.0:5 | 60010.0:5"


def test_the_last_slice_is_what_is_left(kraken: Client, pit: Pit, ann: Client) -> None:
    iceberg(ann, "0.25", "0.1")
    kraken.buy("0.2")
    assert pit.shown() == "60000.0:5 | 60005.0:0.05 60010.0:5"


def test_a_sweep_meets_the_others_before_the_next_slice(kraken: Client, pit: Pit, ann: Client, bob: Client) -> None:
    ice, plain = iceberg(ann, "0.3", "0.1"), bob.sell("0.2", "60005")
    taker = kraken.buy("0.35")
    assert filled(kraken, taker) == ["0.1", "0.2", "0.05"]
    assert (filled(ann, ice), filled(bob, plain)) == (["0.1", "0.05"], ["0.2"])
    assert pit.shown() == "60000.0:5 | 60005.0:0.05 60010.0:5"


def test_all_that_is_hidden_is_met_before_a_worse_price(kraken: Client, pit: Pit, ann: Client) -> None:
    ice = iceberg(ann, "1.5", "0.6")
    taker = kraken.buy("2")
    assert filled(kraken, taker) == ["0.6", "0.6", "0.3", "0.5"]
    assert [fill["price"] for fill in kraken.fills(taker)] == ["60005.00000"] * 3 + ["60010.00000"]
    assert kraken.row(taker)["price"] == "60006.3"  # 120012.5 / 2, half up
    assert ann.row(ice)["status"] == "closed"
    assert {fill["maker"] for fill in ann.fills(ice)} == {True}
    assert ann.row(ice)["fee"] == "225.01875"  # 0.25 % of each slice's cost: 90.0075, 90.0075, 45.00375
    assert pit.shown() == "60000.0:5 | 60010.0:4.5"


def test_two_icebergs_take_turns(kraken: Client, pit: Pit, ann: Client, bob: Client) -> None:
    first, second = iceberg(ann, "0.3", "0.1"), iceberg(bob, "0.4", "0.2")
    taker = kraken.buy("0.65")
    assert filled(kraken, taker) == ["0.1", "0.2", "0.1", "0.2", "0.05"]
    assert (filled(ann, first), filled(bob, second)) == (["0.1", "0.1", "0.05"], ["0.2", "0.2"])


def test_fill_or_kill_reckons_with_what_is_hidden(kraken: Client, pit: Pit, ann: Client) -> None:
    iceberg(ann, "1.5", "0.1")
    assert kraken.row(kraken.buy("1.50000001", "60005", timeinforce="FOK"))["status"] == "canceled"
    assert kraken.row(kraken.buy("1.5", "60005", timeinforce="FOK"))["status"] == "closed"


def test_what_crosses_takes_whole_and_the_rest_shows_a_slice(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "7", "0.5", "60000")
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"]) == ("open", "5.00000000")
    assert kraken.fills(txid)[0]["maker"] is False
    assert pit.shown() == " | 60000.0:0.5 60010.0:5"
    assert kraken.held("XXBT") == "2.0000000000"


def test_a_post_only_iceberg(kraken: Client, pit: Pit) -> None:
    order = {"pair": "XBTUSD", "type": "sell", "ordertype": "iceberg", "volume": "1", "displayvol": "0.5"}
    assert kraken.post("AddOrder", **order, price="60000", oflags="post").refusal == "EOrder:Post only order"
    assert kraken.row(iceberg(kraken, "1", "0.5", oflags="post"))["oflags"] == "post,fciq"


def test_somebody_may_trade_more_with_it_than_it_shows(kraken: Client, pit: Pit, ann: Client) -> None:
    """The control API's fill goes past who came before, and takes slice by slice."""
    before = ann.sell("0.1", "60005")
    txid = iceberg(kraken, "1", "0.3")
    pit.fill(txid, "0.1")
    assert pit.shown() == "60000.0:5 | 60005.0:0.3 60010.0:5"
    pit.fill(txid, "0.6")
    assert filled(kraken, txid) == ["0.1", "0.2", "0.3", "0.1"]
    assert pit.shown() == "60000.0:5 | 60005.0:0.3 60010.0:5"
    pit.fill(txid)
    assert kraken.row(txid)["status"] == "closed"
    assert ann.row(before)["vol_exec"] == "0.00000000"
    assert pit.shown() == "60000.0:5 | 60005.0:0.1 60010.0:5"


@pytest.mark.parametrize(
    ("stptype", "resting", "incoming", "hold"),
    [
        ("cancel-newest", "open", "canceled", "1.5000000000"),
        ("cancel-oldest", "canceled", "open", "0.0000000000"),
        ("cancel-both", "canceled", "canceled", "0.0000000000"),
    ],
)
def test_an_iceberg_is_kept_from_its_own_account(
    kraken: Client, pit: Pit, ann: Client, stptype: str, resting: str, incoming: str, hold: str
) -> None:
    """What is hidden goes with what is seen, and however large it is the incoming order goes on past it."""
    other = ann.sell("0.2", "60005")
    ice = iceberg(kraken, "1.5", "0.1")
    new = kraken.buy("3", "60005", stptype=stptype)
    assert [kraken.row(txid)["status"] for txid in (ice, new)] == [resting, incoming]
    assert kraken.row(new)["vol_exec"] == "0.20000000"  # what came before stands
    assert ann.row(other)["status"] == "closed"
    assert kraken.row(ice)["vol_exec"] == "0.00000000"
    assert kraken.held("XXBT") == hold


# Amending what it shows


def test_it_may_show_more_or_less_and_keeps_its_place(kraken: Client, pit: Pit, ann: Client, bob: Client) -> None:
    ice, plain = iceberg(ann, "1.5", "0.2"), bob.sell("0.2", "60005")
    ann.call("AmendOrder", txid=ice, display_qty="0.5")
    assert pit.shown() == "60000.0:5 | 60005.0:0.7 60010.0:5"
    ann.call("AmendOrder", txid=ice, display_qty="0.1")
    assert pit.shown() == "60000.0:5 | 60005.0:0.3 60010.0:5"
    row = ann.row(ice)
    assert (row["vol"], row["display_volume"], row["misc"]) == ("1.50000000", "0.10000000", "amended")
    kraken.buy("0.1")
    assert (ann.executed(ice), bob.executed(plain)) == ("0.1", "0")
    assert pit.shown() == "60000.0:5 | 60005.0:0.3 60010.0:5"  # its next slice is as large as it was amended to

    assert [
        (amend["display_qty"], amend["order_qty"]) for amend in ann.call("OrderAmends", order_id=ice)["amends"]
    ] == [
        ("0.20000000", "1.50000000"),
        ("0.50000000", "1.50000000"),
        ("0.10000000", "1.50000000"),
    ]


def test_less_volume_leaves_its_slice_as_it_is(kraken: Client, pit: Pit, ann: Client, bob: Client) -> None:
    ice, plain = iceberg(ann, "1.5", "0.3"), bob.sell("0.2", "60005")
    kraken.buy("0.2")
    ann.call("AmendOrder", txid=ice, order_qty="1")
    assert pit.shown() == "60000.0:5 | 60005.0:0.3 60010.0:5"
    kraken.buy("0.2")
    assert (ann.executed(ice), bob.executed(plain)) == ("0.3", "0.1")
    assert ann.held("XXBT") == "0.7000000000"
    ann.call("AmendOrder", txid=ice, order_qty="0.35")
    assert pit.shown() == "60000.0:5 | 60005.0:0.15 60010.0:5"


@pytest.mark.parametrize("display", ["0.05", "0.75", "0.7"])
def test_a_fifteenth_of_what_remains_will_do(kraken: Client, pit: Pit, display: str) -> None:
    txid = iceberg(kraken, "1.5", "0.1")
    pit.fill(txid, "0.75")
    kraken.call("AmendOrder", txid=txid, display_qty=display)
    assert kraken.row(txid)["display_volume"] == f"{display:0<10}"


@pytest.mark.parametrize(
    ("display", "error"),
    [
        ("0.04999999", DISPLAY),
        ("0.75000001", DISPLAY),
        ("-0.1", DISPLAY),
        ("some", DISPLAY),
        ("0", DISPLAY),
        ("0.1", "EOrder:No amendable parameters specified"),
        ("0.100000001", "EOrder:No amendable parameters specified"),
        ("", "EGeneral:Invalid arguments"),
    ],
)
def test_display_volumes_that_an_amend_refuses(kraken: Client, pit: Pit, display: str, error: str) -> None:
    txid = iceberg(kraken, "1.5", "0.1")
    pit.fill(txid, "0.75")
    before = (kraken.row(txid), pit.shown())
    assert kraken.post("AmendOrder", txid=txid, display_qty=display).refusal == error
    assert (kraken.row(txid), pit.shown()) == before


def test_no_other_order_shows_a_part(kraken: Client, pit: Pit) -> None:
    for txid in (kraken.sell("1", "60005"), kraken.place("sell", "stop-loss", "1", price="59000")):
        assert kraken.post("AmendOrder", txid=txid, display_qty="0.5").refusal == DISPLAY


def test_volume_and_display_may_change_together(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "1.5", "0.1")
    assert kraken.post("AmendOrder", txid=txid, order_qty="3", display_qty="0.15").refusal == DISPLAY
    kraken.call("AmendOrder", txid=txid, order_qty="3", display_qty="0.2", limit_price="60007")
    assert pit.shown() == "60000.0:5 | 60007.0:0.2 60010.0:5"
    assert kraken.held("XXBT") == "3.0000000000"


def test_more_volume_may_make_the_slice_too_small(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "1", "0.1")
    pit.fill(txid, "0.5")
    before = (kraken.row(txid), pit.shown())
    assert kraken.post("AmendOrder", txid=txid, order_qty="2.00000001").refusal == DISPLAY
    assert (kraken.row(txid), pit.shown()) == before
    kraken.call("AmendOrder", txid=txid, order_qty="2")  # of which 1.5 remain
    assert kraken.row(txid)["display_volume"] == "0.10000000"


def test_less_volume_than_is_filled_ends_an_iceberg_too(kraken: Client, pit: Pit) -> None:
    txid = iceberg(kraken, "1.5", "0.1")
    pit.fill(txid, "0.45")
    kraken.call("AmendOrder", txid=txid, order_qty="0.3")
    row = kraken.row(txid)
    assert (row["status"], row["vol"], row["display_volume"]) == ("canceled", "0.45000000", "0.10000000")
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    assert kraken.held("XXBT") == "0.0000000000"
