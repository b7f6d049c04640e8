"""A trader's days with conditional closes: an order whose fills make the orders that close them (kraken/30 §8.7).

The market stands at 60000; `pit.at(price)` trades there, with 1 bid at the price and 5 bid 10 below it, and 1 asked
10 above it and 5 asked 20 above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600


@pytest.fixture
def pit(pit: Pit) -> Pit:
    pit.at(60000)
    return pit


def close(ordertype: str, price: str, price2: str = "") -> dict[str, str]:
    """The fields of AddOrder for a close."""
    fields = {"close[ordertype]": ordertype, "close[price]": price}
    return fields | ({"close[price2]": price2} if price2 else {})


def children(kraken: Client, parent: str) -> dict[str, dict[str, Any]]:
    """The orders that an order has made, the first first."""
    rows = kraken.call("ClosedOrders", trades="true")["closed"] | kraken.call("OpenOrders", trades="true")["open"]
    mine = [(txid, row) for txid, row in reversed(rows.items()) if row["refid"] == parent]
    return dict(sorted(mine, key=lambda item: item[1]["opentm"]))


def child(kraken: Client, parent: str) -> dict[str, Any]:
    """The row of the only order that an order has made."""
    ((txid, _),) = children(kraken, parent).items()
    return kraken.row(txid)


def only(kraken: Client, parent: str) -> str:
    """The txid of the only order that an order has made."""
    (txid,) = children(kraken, parent)
    return txid


# Every type


@pytest.mark.parametrize(
    ("side", "terms", "what", "shown"),
    [
        ("buy", close("limit", "61000"), "limit 61000.0", {}),
        ("buy", close("iceberg", "61000"), "limit 61000.0", {"display_volume": "0.50000000"}),
        ("buy", close("stop-loss", "59000"), "stop loss 59000.0", {}),
        ("buy", close("take-profit", "61000"), "take profit 61000.0", {}),
        ("buy", close("stop-loss-limit", "59000", "58995"), "stop loss 59000.0 -> limit 58995.0", {}),
        ("buy", close("take-profit-limit", "61000", "60995"), "take profit 61000.0 -> limit 60995.0", {}),
        (
            *("buy", close("trailing-stop", "+1000"), "trailing stop +1000.0"),
            {"stopprice": "59005.00000", "limitprice": "60005.00000"},
        ),
        (
            *("buy", close("trailing-stop-limit", "+1%", "-5"), "trailing stop +1.0000% -> limit -5.0"),
            {"stopprice": "59405.00000", "limitprice": "60005.00000"},  # exactly 59404.95
        ),
        ("sell", close("limit", "59000"), "limit 59000.0", {}),
        ("sell", close("iceberg", "59000"), "limit 59000.0", {"display_volume": "0.50000000"}),
        ("sell", close("stop-loss", "61000"), "stop loss 61000.0", {}),
        ("sell", close("take-profit", "59000"), "take profit 59000.0", {}),
        ("sell", close("stop-loss-limit", "61000", "61015"), "stop loss 61000.0 -> limit 61015.0", {}),
        ("sell", close("take-profit-limit", "59000", "59015"), "take profit 59000.0 -> limit 59015.0", {}),
        (
            *("sell", close("trailing-stop", "+1000"), "trailing stop +1000.0"),
            {"stopprice": "61005.00000", "limitprice": "60005.00000"},
        ),
        (
            *("sell", close("trailing-stop-limit", "+1%", "+15"), "trailing stop +1.0000% -> limit +15.0"),
            {"stopprice": "60605.00000", "limitprice": "60005.00000"},  # exactly 60605.05
        ),
    ],
    ids=str,
)
def test_the_close_comes_with_the_fill(
    kraken: Client,
    pit: Pit,
    sandbox: Sandbox,
    side: str,
    terms: dict[str, str],
    what: str,
    shown: dict[str, str],
) -> None:
    order = {"pair": "XBTUSD", "type": side, "ordertype": "limit", "volume": "0.5", "price": "60005", "userref": "7"}
    answer = kraken.call("AddOrder", **order, **terms)
    (parent,) = answer["txid"]
    described = f"close position @ {what}"
    assert answer["descr"] == {"order": f"{side} 0.50000000 XBTUSD @ limit 60005.0", "close": described}
    assert kraken.row(parent)["descr"]["close"] == described
    assert children(kraken, parent) == {}

    sandbox.clock.advance(SECOND)
    pit.fill(parent)
    assert kraken.row(parent)["status"] == "closed"
    other_side = "sell" if side == "buy" else "buy"
    prices = [word for word in what.split() if word[-1].isdigit() or word[-1] == "%"]
    row = kraken.new_row(
        *(other_side, terms["close[ordertype]"], "0.50000000", f"{other_side} 0.50000000 XBTUSD @ {what}", *prices),
        refid=parent,
        userref=7,
        opentm=MIDNIGHT + 1,
        reason=None,
    )
    assert child(kraken, parent) == row | shown


@pytest.mark.parametrize(
    ("side", "terms", "there", "misc", "price"),
    [
        ("buy", close("limit", "61000"), 61000, "", "61000.0"),
        ("buy", close("iceberg", "61000"), 61000, "", "61000.0"),
        ("buy", close("stop-loss", "59000"), 59000, "stopped", "59000.0"),
        ("buy", close("take-profit", "61000"), 61000, "touched", "61000.0"),
        ("buy", close("stop-loss-limit", "59000", "58995"), 59000, "stopped", "59000.0"),
        ("buy", close("take-profit-limit", "61000", "60995"), 61000, "touched", "61000.0"),
        ("buy", close("trailing-stop", "+1000"), 59005, "stopped", "59005.0"),
        ("buy", close("trailing-stop-limit", "+1%", "-5"), 59405, "stopped", "59405.0"),
        ("sell", close("limit", "59000"), 58990, "", "59000.0"),
        ("sell", close("iceberg", "59000"), 58990, "", "59000.0"),
        ("sell", close("stop-loss", "61000"), 61000, "stopped", "61010.0"),
        ("sell", close("take-profit", "59000"), 59000, "touched", "59010.0"),
        ("sell", close("stop-loss-limit", "61000", "61015"), 61000, "stopped", "61010.0"),
        ("sell", close("take-profit-limit", "59000", "59015"), 59000, "touched", "59010.0"),
        ("sell", close("trailing-stop", "+1000"), 61005, "stopped", "61015.0"),
        ("sell", close("trailing-stop-limit", "+1%", "+15"), 60605, "stopped", "60615.0"),
    ],
    ids=str,
)
def test_the_close_does_its_work(
    kraken: Client, pit: Pit, side: str, terms: dict[str, str], there: int, misc: str, price: str
) -> None:
    before = kraken.call("Balance")["XXBT"]
    parent = kraken.place(side, "limit", "0.5", price="60005", **terms)
    pit.fill(parent)
    pit.at(there)
    row = child(kraken, parent)
    assert (row["status"], row["misc"], row["price"]) == ("closed", misc, price)
    assert kraken.call("Balance")["XXBT"] == before
    assert kraken.open_orders() == {}


@pytest.mark.parametrize(
    ("side", "terms", "text"),
    [
        ("buy", close("take-profit-limit", "27000", "#2%"), "take profit 27000.0 -> limit -2.0000%"),  # recorded
        ("buy", close("limit", "#5%"), "limit +5.0000%"),
        ("sell", close("limit", "#500"), "limit -500.0"),
        ("buy", close("stop-loss", "#2.5%"), "stop loss -2.5000%"),
        ("sell", close("stop-loss-limit", "#2.5%", "#10"), "stop loss +2.5000% -> limit +10.0"),
        ("sell", close("take-profit", "-1000"), "take profit -1000.0"),
        ("buy", close("trailing-stop-limit", "+2%", "+0"), "trailing stop +2.0000% -> limit +0.0"),
        ("buy", close("stop-loss-limit", "58000", "57500"), "stop loss 58000.0 -> limit 57500.0"),  # documented
    ],
)
def test_how_a_close_is_written(kraken: Client, side: str, terms: dict[str, str], text: str) -> None:
    order = {"type": side, "ordertype": "limit", "volume": "0.025", "price": "61250.5"}
    assert kraken.call("AddOrder", pair="XBTUSD", validate="true", **order, **terms) == {
        "descr": {"order": f"{side} 0.02500000 XBTUSD @ limit 61250.5", "close": f"close position @ {text}"}
    }


@pytest.mark.parametrize(
    ("side", "terms", "shown", "limit"),
    [
        ("buy", close("limit", "+1000"), "+1000.0", "61005"),
        ("buy", close("limit", "#2%"), "+2.0000%", "61205.1"),
        ("buy", close("limit", "+0.0333%"), "+0.0333%", "60024.9"),  # exactly 60024.98
        ("sell", close("limit", "-1000"), "-1000.0", "59005"),
        ("sell", close("limit", "#2%"), "-2.0000%", "58804.9"),
    ],
)
def test_a_relative_close_is_told_from_the_price_of_its_order(
    kraken: Client, pit: Pit, side: str, terms: dict[str, str], shown: str, limit: str
) -> None:
    """Whatever the last price is by then."""
    parent = kraken.place(side, "limit", "0.5", price="60005", **terms)
    pit.pair.trade("buy", "0.1", "60010") if side == "buy" else pit.pair.trade("sell", "0.1", "60000")
    pit.fill(parent)
    row = child(kraken, parent)
    assert (row["descr"]["price"], row["limitprice"]) == (shown, f"{float(limit):.5f}")
    bids, asks = pit.shown().split(" | ")
    assert f"{float(limit):.1f}:0.5" in (asks if side == "buy" else bids).split()


@pytest.mark.parametrize(
    ("terms", "fires_at"),
    [
        (close("stop-loss", "#1000"), "59005"),
        (close("stop-loss", "-1%"), "59404.9"),  # exactly 59404.95
        (close("take-profit", "+500"), "60505"),
        (close("take-profit-limit", "+500", "-100"), "60505"),
    ],
)
def test_a_relative_trigger_of_a_close(kraken: Client, pit: Pit, terms: dict[str, str], fires_at: str) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="60005", **terms)
    pit.fill(parent)
    up = float(fires_at) > 60005
    pit.at(f"{float(fires_at) + (-0.1 if up else 0.1):.1f}")
    assert child(kraken, parent)["misc"] == ""
    pit.at(fires_at)
    row = child(kraken, parent)
    assert (row["status"], row["stopprice"]) == ("closed", f"{float(fires_at):.5f}")
    if row["descr"]["price2"] != "0":
        assert row["limitprice"] == "60405.00000"  # from the trigger price


def test_the_price_of_an_order_is_its_limit_not_what_it_got(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="60015", **close("limit", "+100"))
    assert kraken.row(parent)["price"] == "60010.0"
    assert child(kraken, parent)["limitprice"] == "60115.00000"


# One child a fill


def test_each_fill_makes_a_close_of_its_own(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="60005", **close("limit", "61000"))
    for volume in ("0.1", "0.25"):
        sandbox.clock.advance(SECOND)
        pit.fill(parent, volume)
    made = children(kraken, parent)
    assert [(row["vol"], row["opentm"], row["status"]) for row in made.values()] == [
        ("0.10000000", MIDNIGHT + 1, "open"),
        ("0.25000000", MIDNIGHT + 2, "open"),
    ]
    assert kraken.held("XXBT") == "0.3500000000"
    # The rest of the order goes, and its close with it; what its fills have made stays.
    kraken.call("CancelOrder", txid=parent)
    row = kraken.row(parent)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("canceled", "partial", "0.35000000")
    assert {row["status"] for row in children(kraken, parent).values()} == {"open"}

    # They are orders by themselves.
    first, second = made
    kraken.call("CancelOrder", txid=first)
    pit.at(61000)
    assert [kraken.row(txid)["status"] for txid in (first, second)] == ["canceled", "closed"]
    assert kraken.row(second)["refid"] == parent
    assert children(kraken, second) == {}


def test_a_sweep_makes_a_close_for_each_level(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "market", "1.5", **close("limit", "+1000"))
    assert kraken.row(parent)["descr"]["close"] == "close position @ limit +1000.0"
    # Of a market order, the distance is told from the price of the fill.
    assert [(row["vol"], row["limitprice"]) for row in children(kraken, parent).values()] == [
        ("1.00000000", "61010.00000"),
        ("0.50000000", "61020.00000"),
    ]


def test_the_unfilled_order_goes_and_nothing_is_closed(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    cancelled = kraken.place("buy", "limit", "0.5", price="59500", **close("limit", "61000"))
    expired = kraken.place("buy", "limit", "0.5", price="59500", expiretm="+60", **close("limit", "61000"))
    unlucky = kraken.place("buy", "limit", "9", price="60010", timeinforce="FOK", **close("limit", "61000"))
    kraken.call("CancelOrder", txid=cancelled)
    sandbox.clock.advance(60 * SECOND)
    pit.at(59000)
    rows = [kraken.row(txid) for txid in (cancelled, expired, unlucky)]
    assert [row["status"] for row in rows] == ["canceled", "expired", "canceled"]
    assert {row["descr"]["close"] for row in rows} == {"close position @ limit 61000.0"}
    assert kraken.open_orders() == {}
    assert kraken.call("ClosedOrders")["count"] == 3


def test_an_immediate_order_closes_what_it_got(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "3", price="60010", timeinforce="IOC", **close("stop-loss", "59000"))
    assert kraken.row(parent)["reason"] == "Insufficient liquidity"
    row = child(kraken, parent)
    assert (row["vol"], row["time_in_force"]) == ("1.00000000", "gtc")


def test_a_close_below_the_minimum_comes_all_the_same(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="60005", **close("limit", "61000"))
    pit.fill(parent, "0.00000001")
    assert child(kraken, parent)["vol"] == "0.00000001"


# The close in the market


def test_a_close_that_the_market_has_is_done_at_once(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="60010", **close("limit", "59995"))
    row = child(kraken, parent)
    assert (row["status"], row["price"], row["vol_exec"]) == ("closed", "60000.0", "0.50000000")
    bought, sold = kraken.fills(parent)[0], kraken.fills(only(kraken, parent))[0]
    assert sold["trade_id"] == bought["trade_id"] + 1


def test_a_close_comes_before_the_next_order_and_behind_what_rests(
    kraken: Client, login: Callable[..., Client], pit: Pit
) -> None:
    second = login("second")
    earlier = second.sell("0.3", "60500")
    parent = kraken.place("buy", "limit", "0.5", price="60010", **close("limit", "60500"))
    later = second.sell("0.3", "60500")
    pit.book("60000:1", "60600:1")
    pit.pair.trade("buy", "0.7", "60500")
    assert second.row(earlier)["status"] == "closed"
    assert child(kraken, parent)["vol_exec"] == "0.40000000"
    assert second.row(later)["vol_exec"] == "0.00000000"


@pytest.mark.parametrize(
    ("setting", "status", "reason", "misc"),
    [("cancel", "canceled", "Order would trigger immediately", ""), ("fire", "closed", None, "stopped")],
)
def test_a_stop_that_is_at_its_price_when_it_comes(
    kraken: Client, pit: Pit, setting: str, status: str, reason: str, misc: str
) -> None:
    pit.settings(triggered_at_entry=setting)
    parent = kraken.place("buy", "limit", "0.5", price="60005", **close("stop-loss", "60500"))
    pit.fill(parent)
    row = child(kraken, parent)
    assert (row["status"], row["reason"], row["misc"]) == (status, reason, misc)


def test_a_trailing_close_trails_from_its_fill_on(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="59500", **close("trailing-stop", "+1000"))
    pit.at(63000)
    pit.at(59500)  # filled on the way
    row = child(kraken, parent)
    assert (row["stopprice"], row["limitprice"]) == ("58500.00000", "59500.00000")
    pit.at(62000)
    pit.at(61500)
    assert (child(kraken, parent)["stopprice"], child(kraken, parent)["status"]) == ("61000.00000", "open")
    pit.at(61000)
    row = child(kraken, parent)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped", "61000.0")


def test_a_stop_with_a_close(kraken: Client, pit: Pit) -> None:
    """In at a breakout, out at a profit; both look at the index."""
    pit.pair.set_index("60000")
    stop = {"type": "buy", "ordertype": "stop-loss", "volume": "0.5", "price": "61000", "trigger": "index"}
    answer = kraken.call("AddOrder", pair="XBTUSD", **stop, **close("take-profit", "#2%"))
    assert answer["descr"] == {
        "order": "buy 0.50000000 XBTUSD @ stop loss 61000.0",
        "close": "close position @ take profit +2.0000%",
    }
    (parent,) = answer["txid"]
    pit.pair.set_index("61000")
    row = child(kraken, parent)
    assert (row["trigger"], row["misc"], row["status"]) == ("index", "", "open")
    pit.at(70000)
    assert child(kraken, parent)["misc"] == ""
    pit.pair.set_index("61210.2")  # 60010 and 2 %
    assert child(kraken, parent)["misc"] == "touched"


def test_one_sets_off_the_other_in_one_moment(kraken: Client, pit: Pit) -> None:
    """A stop fires; its fill makes a close; what that does fires the next stop."""
    parent = kraken.place("sell", "stop-loss", "0.5", price="59000", **close("limit", "59020"))
    watcher = kraken.place("buy", "take-profit", "0.1", price="59000")
    pit.at(59000)
    sold, bought = kraken.fills(parent)[0], kraken.fills(only(kraken, parent))[0]
    assert (sold["price"], bought["price"]) == ("59000.00000", "59010.00000")
    assert kraken.row(watcher)["status"] == "closed"
    breakout = kraken.place("buy", "stop-loss", "0.1", price="60010")
    pit.at(60000)
    assert kraken.row(breakout)["status"] == "open"
    parent = kraken.place("sell", "market", "0.2", **close("limit", "60010"))
    assert kraken.row(only(kraken, parent))["price"] == "60010.0"
    assert kraken.row(breakout)["status"] == "closed"


# Who it belongs to


def test_what_a_close_takes_from_its_order(kraken: Client, pit: Pit) -> None:
    terms = {"userref": "-3", "sender_sub_id": "desk", "oflags": "post,fcib", "stptype": "cancel-both"}
    parent = kraken.place("buy", "limit", "0.5", price="60005", **terms, **close("limit", "+1%"))
    pit.fill(parent)
    row = child(kraken, parent)
    assert (row["userref"], row["sender_sub_id"], row["oflags"]) == (-3, "desk", "fciq")
    assert "cl_ord_id" not in row
    assert len(kraken.call("OpenOrders", userref="-3")["open"]) == 1
    assert kraken.call("CancelOrder", txid="-3") == {"count": 1}


@pytest.mark.parametrize(
    ("stptype", "bid", "sold"), [("cancel-newest", "open", "canceled"), ("cancel-oldest", "canceled", "closed")]
)
def test_a_close_meets_its_own_account_as_its_order_would(
    kraken: Client, pit: Pit, stptype: str, bid: str, sold: str
) -> None:
    resting = kraken.buy("0.5", "60005")
    parent = kraken.place("buy", "market", "0.5", stptype=stptype, **close("limit", "60000"))
    assert (kraken.row(resting)["status"], child(kraken, parent)["status"]) == (bid, sold)


def test_a_close_without_funds_ends(login: Callable[..., Client], pit: Pit) -> None:
    """Bought with a fee in coins, there is a little less to sell than was bought."""
    second = login("second")
    pit.balances("second", XXBT="0")
    parent = second.place("buy", "market", "0.1", oflags="fcib", **close("limit", "61000"))
    assert second.call("Balance")["XXBT"] == "0.0996000000"
    row = child(second, parent)
    assert (row["status"], row["reason"], row["vol_exec"]) == ("canceled", "Insufficient funds", "0.00000000")
    # As a stop, it could never be covered either.
    parent = second.place("buy", "market", "0.05", oflags="fcib", **close("stop-loss", "50000"))
    assert child(second, parent)["status"] == "open"
    pit.balances("second", XXBT="0")
    parent = second.place("buy", "market", "0.01", oflags="fcib", **close("stop-loss", "50000"))
    assert (child(second, parent)["status"], child(second, parent)["reason"]) == ("canceled", "Insufficient funds")


def test_a_close_on_margin_closes_the_position(kraken: Client, pit: Pit) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.5", "leverage": "5"}
    answer = kraken.call("AddOrder", **order, **close("limit", "61000"))
    assert answer["descr"] == {
        "order": "buy 0.50000000 XBTUSD @ market with 5:1 leverage",
        "close": "close position @ limit 61000.0",
    }
    (parent,) = answer["txid"]
    row = child(kraken, parent)
    assert (row["descr"]["leverage"], row["margin"]) == ("5:1", True)
    assert row["descr"]["order"] == "sell 0.50000000 XBTUSD @ limit 61000.0 with 5:1 leverage"
    assert len(kraken.call("OpenPositions")) == 1
    pit.at(61000)
    (fill,) = kraken.fills(only(kraken, parent))
    assert (fill["misc"], fill["leverage"]) == ("closing", "5")
    assert kraken.call("OpenPositions") == {}


# Changes


def test_the_order_is_amended_and_keeps_its_close(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="59000", **close("limit", "+1%"))
    kraken.call("AmendOrder", txid=parent, limit_price="60005", order_qty="0.2")
    assert kraken.row(parent)["descr"]["close"] == "close position @ limit +1.0000%"
    pit.fill(parent)
    row = child(kraken, parent)
    assert (row["vol"], row["limitprice"]) == ("0.20000000", "60605.00000")  # 60605.05, of its price then


def test_the_close_is_amended_once_it_is_there(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "market", "0.5", **close("stop-loss-limit", "59000", "58900"))
    txid = only(kraken, parent)
    kraken.call("AmendOrder", txid=txid, trigger_price="59500", limit_price="59400")
    row = kraken.row(txid)
    assert row["descr"]["order"] == "sell 0.50000000 XBTUSD @ stop loss 59500.0 -> limit 59400.0"
    assert (row["refid"], row["misc"]) == (parent, "amended")
    pit.at(59500)
    assert kraken.row(txid)["status"] == "closed"


def test_an_order_with_a_close_is_not_edited(kraken: Client, pit: Pit) -> None:
    parent = kraken.place("buy", "limit", "0.5", price="59000", **close("limit", "61000"))
    refused = kraken.post("EditOrder", txid=parent, pair="XBTUSD", price="59500").refusal
    assert refused == "EOrder:Invalid order"
    assert kraken.row(parent)["status"] == "open"


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        (close("market", "61000"), "EGeneral:Invalid arguments:close"),
        (close("settle-position", "61000"), "EGeneral:Invalid arguments:close"),
        ({"close[price]": "61000"}, "EGeneral:Invalid arguments:close"),
        ({"close[ordertype]": "limit"}, "EGeneral:Invalid arguments:close"),
        ({"close[ordertype]": "limit", "close[price]": ""}, "EGeneral:Invalid arguments:close"),
        (close("stop-loss-limit", "59000"), "EGeneral:Invalid arguments:close"),
        (close("trailing-stop", "1000"), "EGeneral:Invalid arguments:close"),
        (close("trailing-stop", "-1000"), "EGeneral:Invalid arguments:close"),
        (close("limit", "dear"), "EOrder:Invalid price:Invalid price argument"),
        (close("limit", "0"), "EOrder:Invalid price"),
        (close("stop-loss-limit", "59000", "low"), "EOrder:Invalid price:Invalid secondary price argument"),
        (close("limit", "61000.01"), "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        (close("limit", "61000") | {"cl_ord_id": "mine"}, "EGeneral:Invalid arguments"),
    ],
)
def test_a_close_that_is_none(kraken: Client, pit: Pit, terms: dict[str, str], refusal: str) -> None:
    order = {"type": "buy", "ordertype": "limit", "volume": "0.5", "price": "59000"}
    assert kraken.post("AddOrder", pair="XBTUSD", **order, **terms).refusal == refusal
    assert kraken.open_orders() == {}
