"""A trader's days with stops: stop-loss and take-profit, at the market and with a limit (kraken/30 §2.2 to §2.4, §8.6).

The market stands at 60000; `market.at(price)` trades there, with 1 bid at the price and 5 bid 10 below it, and 1 asked
10 above it and 5 asked 20 above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken import ControlError
from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client, ScriptedMarket

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600
NOT_FUNDED = "EOrder:Insufficient funds"


class Stop(NamedTuple):
    """A stop of one type and side.

    Attributes:
        near: a price at which it still waits.
        price: the price at which it fires.
        price2: its limit then; it lies between the first and the second level that it meets.
        text: how AddOrder describes it.
        misc: how it is marked once it has fired.
    """

    side: str
    ordertype: str
    near: str
    price: str
    price2: str
    text: str
    misc: str

    @property
    def terms(self) -> dict[str, str]:
        """The fields of AddOrder."""
        prices = {"price": self.price} | ({"price2": self.price2} if self.price2 else {})
        return {"side": self.side, "ordertype": self.ordertype, "volume": "1.5"} | prices

    @property
    def descr(self) -> dict[str, str]:
        """How its row describes it."""
        return {
            "pair": "XBTUSD",
            "aclass": "forex",
            "type": self.side,
            "ordertype": self.ordertype,
            "price": f"{self.price}.0",
            "price2": f"{self.price2}.0" if self.price2 else "0",
            "leverage": "none",
            "order": self.text,
            "close": "",
        }

    @property
    def waiting(self) -> dict[str, Any]:
        """Its row of OpenOrders until it fires."""
        return {
            "refid": None,
            "userref": 0,
            "status": "open",
            "opentm": MIDNIGHT,
            "starttm": 0,
            "expiretm": 0,
            "descr": self.descr,
            "vol": "1.50000000",
            "vol_exec": "0.00000000",
            "cost": "0.00000",
            "fee": "0.00000",
            "price": "0.00000",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "fciq",
            "time_in_force": "gtc",
        }

    def __str__(self) -> str:
        return f"{self.side} {self.ordertype}"


MARKET = [
    Stop("sell", "stop-loss", "59000.1", "59000", "", "sell 1.50000000 XBTUSD @ stop loss 59000.0", "stopped"),
    Stop("buy", "stop-loss", "60999.9", "61000", "", "buy 1.50000000 XBTUSD @ stop loss 61000.0", "stopped"),
    Stop("sell", "take-profit", "60999.9", "61000", "", "sell 1.50000000 XBTUSD @ take profit 61000.0", "touched"),
    Stop("buy", "take-profit", "59000.1", "59000", "", "buy 1.50000000 XBTUSD @ take profit 59000.0", "touched"),
]
LIMIT = [
    Stop(
        *("sell", "stop-loss-limit", "59000.1", "59000", "58995"),
        *("sell 1.50000000 XBTUSD @ stop loss 59000.0 -> limit 58995.0", "stopped"),
    ),
    Stop(
        *("buy", "stop-loss-limit", "60999.9", "61000", "61015"),
        *("buy 1.50000000 XBTUSD @ stop loss 61000.0 -> limit 61015.0", "stopped"),
    ),
    Stop(
        *("sell", "take-profit-limit", "60999.9", "61000", "60995"),
        *("sell 1.50000000 XBTUSD @ take profit 61000.0 -> limit 60995.0", "touched"),
    ),
    Stop(
        *("buy", "take-profit-limit", "59000.1", "59000", "59015"),
        *("buy 1.50000000 XBTUSD @ take profit 59000.0 -> limit 59015.0", "touched"),
    ),
]

every_stop = pytest.mark.parametrize("stop", MARKET + LIMIT, ids=str)
both_sides = pytest.mark.parametrize("stop", MARKET[:2], ids=str)


def depth(kraken: Client) -> dict[str, list[list[str]]]:
    """Price and volume of each level."""
    book = kraken.get("Depth", pair="XBTUSD").result["XXBTZUSD"]
    return {side: [level[:2] for level in book[side]] for side in ("bids", "asks")}


def open_orders(kraken: Client) -> Any:
    return kraken.call("OpenOrders")["open"]


def how_it_ended(kraken: Client, txid: str) -> tuple[str, str | None]:
    row = kraken.row(txid)
    return row["status"], row["reason"]


def amends(kraken: Client, txid: str) -> list[dict[str, Any]]:
    """OrderAmends without the ids, which are drawn."""
    found = kraken.call("OrderAmends", order_id=txid)
    assert found["count"] == len(found["amends"])
    return [{name: value for name, value in row.items() if name != "amend_id"} for row in found["amends"]]


# Placed and resting


@every_stop
def test_it_waits_and_holds_nothing(kraken: Client, market: ScriptedMarket, stop: Stop) -> None:
    book, wallet = depth(kraken), kraken.call("BalanceEx")
    terms = stop.terms
    terms["type"] = terms.pop("side")
    answer = kraken.call("AddOrder", pair="XBT/USD", **terms)
    (txid,) = answer["txid"]
    assert answer == {"descr": {"order": stop.text}, "txid": [txid]}
    assert open_orders(kraken) == {txid: stop.waiting}
    assert kraken.call("QueryOrders", txid=txid) == {txid: stop.waiting | {"reason": None}}
    assert kraken.call("BalanceEx") == wallet
    assert depth(kraken) == book

    market.at(stop.near)
    assert open_orders(kraken) == {txid: stop.waiting}
    assert kraken.call("TradesHistory")["count"] == 0
    assert kraken.call("BalanceEx") == wallet


# Triggered


@pytest.mark.parametrize(
    ("stop", "prices", "cost", "fee", "average", "quote"),
    [
        (MARKET[0], ("59000", "58990"), "88495.00000", "353.98000", "58996.7", ("59000.0000", "29495.0000")),
        (MARKET[1], ("61010", "61020"), "91520.00000", "366.08000", "61013.3", ("-61010.0000", "-30510.0000")),
        (MARKET[2], ("61000", "60990"), "91495.00000", "365.98000", "60996.7", ("61000.0000", "30495.0000")),
        (MARKET[3], ("59010", "59020"), "88520.00000", "354.08000", "59013.3", ("-59010.0000", "-29510.0000")),
    ],
    ids=str,
)
def test_it_fires_into_the_market(
    kraken: Client,
    market: ScriptedMarket,
    sandbox: Sandbox,
    stop: Stop,
    prices: tuple[str, str],
    cost: str,
    fee: str,
    average: str,
    quote: tuple[str, str],
) -> None:
    txid = kraken.place(**stop.terms)
    sandbox.clock.advance(SECOND)
    market.at(stop.price)
    assert open_orders(kraken) == {}
    done = kraken.row(txid)
    (trade,) = done.pop("trades")
    assert done == stop.waiting | {
        "status": "closed",
        "vol_exec": "1.50000000",
        "cost": cost,
        "fee": fee,
        "price": average,
        "stopprice": f"{stop.price}.00000",
        "misc": stop.misc,
        "reason": None,
        "closetm": MIDNIGHT + 1,
    }
    rows = kraken.fills(txid)
    assert [(row["price"], row["vol"]) for row in rows] == [
        (f"{prices[0]}.00000", "1.00000000"),
        (f"{prices[1]}.00000", "0.50000000"),
    ]
    assert kraken.call("QueryTrades", txid=trade)[trade] == rows[0] | {
        "ordertxid": txid,
        "pair": "XXBTZUSD",
        "time": MIDNIGHT + 1,
        "type": stop.side,
        "ordertype": stop.ordertype,
        "tradeordertype": "market",
        "price": f"{float(cost) / 1.5:.5f}",
        "cost": cost,
        "fee": fee,
        "vol": "1.50000000",
        "leverage": "0",
        "misc": "",
        "maker": False,
    }
    entries = [*reversed(kraken.call("Ledgers", type="trade")["ledger"].values())]
    assert [entry["amount"] for entry in entries if entry["asset"] == "ZUSD"] == list(quote)
    sign = "-" if stop.side == "sell" else ""
    assert [entry["amount"] for entry in entries if entry["asset"] == "XXBT"] == [
        f"{sign}1.0000000000",
        f"{sign}0.5000000000",
    ]
    assert {entry["refid"] for entry in entries} == {trade}
    left = 1_000_000 - float(fee) + (float(cost) if stop.side == "sell" else -float(cost))
    assert kraken.call("BalanceEx")["ZUSD"] == {"balance": f"{left:.4f}", "hold_trade": "0.0000"}


@pytest.mark.parametrize(
    ("stop", "price", "cost", "fee", "asset", "hold"),
    [
        (LIMIT[0], "59000", "59000.00000", "236.00000", "XXBT", "0.5000000000"),
        (LIMIT[1], "61010", "61010.00000", "244.04000", "ZUSD", "30629.5300"),  # 0.5 * 61015 * 1.004
        (LIMIT[2], "61000", "61000.00000", "244.00000", "XXBT", "0.5000000000"),
        (LIMIT[3], "59010", "59010.00000", "236.04000", "ZUSD", "29625.5300"),  # 0.5 * 59015 * 1.004
    ],
    ids=str,
)
def test_it_fires_is_partly_filled_and_rests_at_its_limit(
    kraken: Client,
    market: ScriptedMarket,
    sandbox: Sandbox,
    stop: Stop,
    price: str,
    cost: str,
    fee: str,
    asset: str,
    hold: str,
) -> None:
    txid = kraken.place(**stop.terms)
    market.at(stop.price)
    partly = stop.waiting | {
        "vol_exec": "1.00000000",
        "cost": cost,
        "fee": fee,
        "price": f"{price}.0",
        "stopprice": f"{stop.price}.00000",
        "limitprice": f"{stop.price2}.00000",
        "misc": stop.misc,
    }
    assert open_orders(kraken) == {txid: partly}
    assert kraken.call("BalanceEx")[asset]["hold_trade"] == hold
    own_side = "asks" if stop.side == "sell" else "bids"
    assert depth(kraken)[own_side][0] == [f"{stop.price2}.00000", "0.500"]

    sandbox.clock.advance(SECOND)
    market.pair.trade("buy" if stop.side == "sell" else "sell", "0.5", stop.price2)
    taken, made = kraken.fills(txid)
    done = kraken.row(txid)
    assert (done["status"], done["vol_exec"], done["misc"]) == ("closed", "1.50000000", stop.misc)
    assert (done["closetm"], done["reason"], len(done["trades"])) == (MIDNIGHT + 1, None, 2)
    assert (taken["maker"], taken["price"], taken["vol"]) == (False, f"{price}.00000", "1.00000000")
    assert (made["maker"], made["price"], made["vol"]) == (True, f"{stop.price2}.00000", "0.50000000")
    assert {(row["ordertype"], row["tradeordertype"]) for row in (taken, made)} == {(stop.ordertype, "limit")}
    assert kraken.call("BalanceEx")[asset]["hold_trade"].strip("0") == "."


def test_a_limit_beyond_the_market_waits_there_for_its_price(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "0.2", price="59000", price2="59100")
    market.at(59000)
    row = open_orders(kraken)[txid]
    assert (row["vol_exec"], row["misc"], row["limitprice"]) == ("0.00000000", "stopped", "59100.00000")
    assert ["59100.00000", "0.200"] in depth(kraken)["asks"]
    market.at(59200)
    assert (kraken.row(txid)["status"], kraken.row(txid)["price"]) == ("closed", "59100.0")


@pytest.mark.parametrize(
    ("tif", "executed", "misc"), [("IOC", "1.00000000", "stopped,partial"), ("FOK", "0.00000000", "stopped")]
)
def test_time_in_force_counts_from_the_trigger(
    kraken: Client, market: ScriptedMarket, tif: str, executed: str, misc: str
) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "1.5", price="59000", price2="59000", timeinforce=tif)
    assert kraken.row(txid)["status"] == "open"
    market.at(59000)
    row = kraken.row(txid)
    assert (row["status"], row["reason"]) == ("canceled", "Insufficient liquidity")
    assert row["time_in_force"] == tif.lower()
    assert (row["vol_exec"], row["misc"]) == (executed, misc)


@pytest.mark.parametrize("stop", MARKET, ids=str)
def test_a_price_that_leaps_over_it_fires_it_too(kraken: Client, market: ScriptedMarket, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    market.at("50000" if stop.price < "60000" else "70000")
    row = kraken.row(txid)
    assert (row["status"], row["stopprice"]) == ("closed", f"{stop.price}.00000")


def test_a_trade_fires_it_not_a_quote(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    market.pair.set_book([("58000", "1")], [("58010", "1")])
    assert kraken.row(txid)["status"] == "open"
    market.pair.trade("buy", "0.1")
    assert (kraken.row(txid)["status"], kraken.row(txid)["price"]) == ("closed", "58000.0")


def test_ones_own_trade_fires_it(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59990")
    sold = kraken.sell("1.5")
    assert [row["price"] for row in kraken.fills(sold)] == ["60000.00000", "59990.00000"]
    (row,) = kraken.fills(txid)
    assert (row["price"], row["trade_id"]) == ("59990.00000", kraken.fills(sold)[-1]["trade_id"] + 1)


def test_a_book_with_nobody_on_the_other_side(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("buy", "stop-loss", "0.1", price="60010")
    kraken.place("buy", "limit", "1", price="60010")
    assert kraken.row(txid)["price"] == "60020.0"
    last = kraken.place("buy", "stop-loss", "0.1", price="61000")
    market.pair.set_book([], [("61000", "0.5")])
    market.pair.trade("buy", "0.5")
    assert how_it_ended(kraken, last) == ("canceled", "Insufficient liquidity")
    assert (kraken.row(last)["misc"], kraken.row(last)["vol_exec"]) == ("stopped", "0.00000000")


# Amended


@every_stop
def test_its_trigger_moves(kraken: Client, market: ScriptedMarket, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    sandbox.clock.advance(SECOND)
    low = stop.price < "60000"
    new = "58500" if low else "61500"
    answer = kraken.call("AmendOrder", txid=txid, trigger_price=new)
    assert list(answer) == ["amend_id"]

    row = open_orders(kraken)[txid]
    text = stop.text.replace(stop.price, new)
    assert row == stop.waiting | {"descr": stop.descr | {"price": f"{new}.0", "order": text}, "misc": "amended"}
    terms = {"order_qty": "1.50000000", "remaining_qty": "1.50000000"}
    terms |= {"limit_price": f"{stop.price2}.0"} if stop.price2 else {}
    first, second = amends(kraken, txid)
    assert first == terms | {
        "amend_type": "original",
        "trigger_price": f"{stop.price}.0",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000,
    }
    assert second == terms | {
        "amend_type": "user",
        "trigger_price": f"{new}.0",
        "reason": "User requested",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000 + 1000,
    }

    market.at(stop.price)
    assert kraken.row(txid)["misc"] == "amended"
    market.at(new)
    assert kraken.row(txid)["misc"] == f"{stop.misc},amended"


@pytest.mark.parametrize("stop", LIMIT, ids=str)
def test_its_limit_moves_before_and_after_the_trigger(kraken: Client, market: ScriptedMarket, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    away, back = ("61500", stop.price2) if stop.side == "sell" else ("58500", stop.price2)
    kraken.call("AmendOrder", txid=txid, limit_price=away)
    row = open_orders(kraken)[txid]
    assert row["descr"] == stop.descr | {"price2": f"{away}.0", "order": stop.text.replace(stop.price2, away)}
    market.at(stop.price)
    row = open_orders(kraken)[txid]
    assert (row["vol_exec"], row["limitprice"], row["misc"]) == ("0.00000000", f"{away}.00000", f"{stop.misc},amended")

    # Now it is a limit order: at a price that the market has it trades at once, and has no trigger any more.
    kraken.call("AmendOrder", txid=txid, limit_price=back)
    row = open_orders(kraken)[txid]
    assert (row["vol_exec"], row["limitprice"]) == ("1.00000000", f"{back}.00000")
    assert row["descr"] == stop.descr
    refused = kraken.post("AmendOrder", txid=txid, trigger_price="60000").refusal
    assert refused == "EOrder:Invalid trigger price"
    assert [row["limit_price"] for row in amends(kraken, txid)] == [f"{back}.0", f"{away}.0", f"{back}.0"]


def test_its_volume_changes(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss", "1.5", price="59000")
    kraken.call("AmendOrder", txid=txid, order_qty="0.25")
    row = open_orders(kraken)[txid]
    assert (row["vol"], row["descr"]["order"]) == ("0.25000000", "sell 0.25000000 XBTUSD @ stop loss 59000.0")
    kraken.call("AmendOrder", txid=txid, order_qty="0.5", trigger_price="59500")
    market.at(59500)
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"], row["misc"]) == ("closed", "0.50000000", "stopped,amended")
    assert [row["order_qty"] for row in amends(kraken, txid)] == ["1.50000000", "0.25000000", "0.50000000"]


@pytest.mark.parametrize(
    ("price", "shown"),
    [("-1000", "59000.0"), ("-2%", "58800.0"), ("-0.0001%", "59999.9"), ("58000.50", "58000.5")],
)
def test_a_relative_amend_goes_by_the_last_price(
    kraken: Client, market: ScriptedMarket, price: str, shown: str
) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59100")
    kraken.call("AmendOrder", txid=txid, trigger_price=price)
    assert kraken.row(txid)["descr"]["price"] == shown


@pytest.mark.parametrize(
    ("ordertype", "change", "refusal"),
    [
        ("stop-loss", {}, "EGeneral:Invalid arguments"),
        ("stop-loss", {"trigger_price": "59000.00"}, "EOrder:No amendable parameters specified"),
        ("stop-loss", {"trigger_price": "-1000"}, "EOrder:No amendable parameters specified"),
        ("stop-loss", {"trigger_price": "59000", "order_qty": "1.5"}, "EOrder:No amendable parameters specified"),
        ("take-profit", {"trigger_price": "61000"}, "EOrder:No amendable parameters specified"),
        ("take-profit-limit", {"limit_price": "60950"}, "EOrder:No amendable parameters specified"),
        ("stop-loss", {"limit_price": "58000"}, "EOrder:Invalid limit price"),
        ("stop-loss", {"trigger_price": "0"}, "EOrder:Invalid price"),
        ("stop-loss", {"trigger_price": "-100%"}, "EOrder:Invalid price"),
        ("stop-loss", {"trigger_price": "low"}, "EOrder:Invalid price:Invalid price argument"),
        (
            "stop-loss",
            {"trigger_price": "59000.01"},
            "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
        ),
        ("stop-loss", {"order_qty": "0.00001"}, "EOrder:Order minimum not met"),
        ("stop-loss", {"order_qty": "101"}, NOT_FUNDED),
        ("stop-loss", {"trigger_price": "60000"}, "EOrder:Invalid trigger price"),
        ("stop-loss-limit", {"limit_price": "58995.0"}, "EOrder:No amendable parameters specified"),
        ("stop-loss-limit", {"limit_price": "58000", "trigger_price": "60001"}, "EOrder:Invalid trigger price"),
        ("limit", {"trigger_price": "59500"}, "EOrder:Invalid trigger price"),
    ],
)
def test_an_amend_is_refused_and_leaves_no_trace(
    kraken: Client, market: ScriptedMarket, ordertype: str, change: dict[str, str], refusal: str
) -> None:
    """Of orders at 59000 and 58995, at 61000, and at +1000 and -50."""
    prices = {
        "stop-loss": {"price": "59000"},
        "stop-loss-limit": {"price": "59000", "price2": "58995"},
        "take-profit": {"price": "+1000"},
        "take-profit-limit": {"price": "61000", "price2": "-50"},
        "limit": {"price": "61000"},
    }
    txid = kraken.place("sell", ordertype, "1.5", **prices[ordertype])
    before = open_orders(kraken)
    assert kraken.post("AmendOrder", txid=txid, **change).refusal == refusal
    assert open_orders(kraken) == before
    assert [row["amend_type"] for row in amends(kraken, txid)] == ["original"]


def test_an_edit_makes_another_stop(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "1.5", price="59000", price2="58995")
    answer = kraken.call("EditOrder", txid=txid, pair="XBTUSD", price="59500", price2="59400")
    assert answer == {
        "status": "ok",
        "txid": answer["txid"],
        "originaltxid": txid,
        "volume": "1.50000000",
        "price": "59500",
        "price2": "59400",
        "orders_cancelled": 1,
        "descr": {"order": "sell 1.50000000 XBTUSD @ stop loss 59500 -> limit 59400"},
    }
    assert how_it_ended(kraken, txid) == ("canceled", "Order replaced")
    market.at(59510)
    kraken.call("EditOrder", txid=answer["txid"], pair="XBTUSD", price2="59600")
    (fired,) = open_orders(kraken)
    market.at(59500)
    assert (kraken.row(fired)["status"], kraken.row(fired)["misc"]) == ("open", "stopped")
    refused = kraken.post("EditOrder", txid=fired, pair="XBTUSD", price="59600").refusal
    assert refused == "EOrder:Invalid order"


# Cancelled, expired


@every_stop
def test_it_is_cancelled_and_never_fires(kraken: Client, market: ScriptedMarket, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    sandbox.clock.advance(SECOND)
    assert kraken.call("CancelOrder", txid=txid) == {"count": 1}
    gone = stop.waiting | {"status": "canceled", "reason": "User requested", "closetm": MIDNIGHT + 1}
    assert kraken.call("ClosedOrders")["closed"] == {txid: gone}
    market.at(stop.price)
    assert kraken.row(txid) == gone
    assert kraken.post("CancelOrder", txid=txid).refusal == "EOrder:Unknown order"


def test_it_is_cancelled_by_every_name(kraken: Client, market: ScriptedMarket) -> None:
    stop = {"side": "sell", "ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    kraken.place(**stop, userref="7")
    kraken.place(**stop, userref="7")
    kraken.place(**stop, cl_ord_id="my-stop")
    kraken.place(**stop)
    kraken.place(**stop)
    assert kraken.call("CancelOrder", txid="7") == {"count": 2}
    assert kraken.call("CancelOrder", cl_ord_id="my-stop") == {"count": 1}
    assert kraken.call("CancelAll") == {"count": 2}
    assert open_orders(kraken) == {}


def test_the_rest_of_a_fired_one_is_cancelled(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place(**LIMIT[0].terms)
    market.at(59000)
    assert kraken.call("CancelOrder", txid=txid) == {"count": 1}
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("canceled", "stopped,partial", "1.00000000")
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "99.0000000000", "hold_trade": "0.0000000000"}


@every_stop
def test_it_expires(kraken: Client, market: ScriptedMarket, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms, timeinforce="GTD", expiretm="+60")
    dated = stop.waiting | {"time_in_force": "gtd", "expiretm": MIDNIGHT + 60}
    assert open_orders(kraken) == {txid: dated}
    sandbox.clock.advance(60 * SECOND - 1)
    assert open_orders(kraken) == {txid: dated}
    sandbox.clock.advance(1)
    gone = dated | {"status": "expired", "reason": "Order expired", "closetm": MIDNIGHT + 60}
    assert kraken.row(txid) == gone
    market.at(stop.price)
    assert kraken.row(txid) == gone


def test_what_rests_of_a_fired_one_expires(kraken: Client, market: ScriptedMarket, sandbox: Sandbox) -> None:
    txid = kraken.place(**LIMIT[0].terms, expiretm="+60")
    market.at(59000)
    sandbox.clock.advance(60 * SECOND)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("expired", "stopped,partial", "1.00000000")
    assert ["58995.00000", "0.500"] not in depth(kraken)["asks"]


def test_a_scheduled_stop_waits_for_its_time_and_then_for_its_price(
    kraken: Client, market: ScriptedMarket, sandbox: Sandbox
) -> None:
    txid = kraken.place(**MARKET[0].terms, starttm="+60")
    assert open_orders(kraken)[txid] == MARKET[0].waiting | {"status": "pending", "starttm": MIDNIGHT + 60}
    market.at(59000)
    market.at(60000)
    assert kraken.row(txid)["status"] == "pending"
    sandbox.clock.advance(60 * SECOND)
    assert kraken.row(txid)["status"] == "open"
    market.at(59000)
    assert (kraken.row(txid)["status"], kraken.row(txid)["misc"]) == ("closed", "stopped")


# At its price already


@every_stop
@pytest.mark.parametrize("beyond", [0, 100])
def test_one_that_is_at_its_price_at_entry_is_cancelled(
    kraken: Client, market: ScriptedMarket, stop: Stop, beyond: int
) -> None:
    market.at(int(stop.price) + (beyond if stop.price > "60000" else -beyond))
    txid = kraken.place(**stop.terms)
    assert kraken.row(txid) == stop.waiting | {
        "status": "canceled",
        "reason": "Order would trigger immediately",
        "closetm": MIDNIGHT,
    }
    assert kraken.call("TradesHistory")["count"] == 0


@every_stop
def test_one_that_is_at_its_price_at_entry_may_fire(
    kraken: Client, market: ScriptedMarket, sandbox: Sandbox, stop: Stop
) -> None:
    sandbox.settings.patch({"triggered_at_entry": "fire"})
    market.at(stop.price)
    txid = kraken.place(**stop.terms)
    row = kraken.row(txid)
    executed = ("closed", "1.50000000") if stop in MARKET else ("open", "1.00000000")
    assert (row["misc"], row["status"], row["vol_exec"]) == (stop.misc, *executed)


def test_an_amend_to_the_price_of_the_market_may_fire(kraken: Client, market: ScriptedMarket, sandbox: Sandbox) -> None:
    sandbox.settings.patch({"triggered_at_entry": "fire"})
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    kraken.call("AmendOrder", txid=txid, trigger_price="60000")
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped,amended", "60000.0")


# Funds


@both_sides
def test_it_needs_its_funds_only_when_it_fires(
    login: Callable[..., Client], market: ScriptedMarket, stop: Stop
) -> None:
    """`second` has 1 XBT and 10000 USD."""
    second = login("second")
    terms = stop.terms | {"volume": "0.16"}
    txid = second.place(**terms)
    # Everything is bound in another order, and the stop waits all the same; another one may still come.
    bound = second.sell("1", "70000") if stop.side == "sell" else second.buy("0.19", "50000")
    another = second.place(**terms)
    market.at(stop.price)
    for short in (txid, another):
        row = second.row(short)
        assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Insufficient funds", "stopped")
        assert (row["vol_exec"], row["stopprice"]) == ("0.00000000", f"{stop.price}.00000")
    assert list(open_orders(second)) == [bound]


def test_what_no_balance_could_ever_cover_is_refused(login: Callable[..., Client], market: ScriptedMarket) -> None:
    second = login("second")

    def refusal(**stop: str) -> str:
        return second.post("AddOrder", pair="XBTUSD", **stop).refusal

    assert refusal(type="sell", ordertype="stop-loss", volume="1.00000001", price="59000") == NOT_FUNDED
    assert refusal(type="buy", ordertype="stop-loss", volume="0.17", price="61000") == NOT_FUNDED
    # With a limit, that is what it might cost: 0.16 * 61000 * 1.004 is covered, 0.16 * 63000 * 1.004 is not.
    dear = {"type": "buy", "ordertype": "stop-loss-limit", "volume": "0.16", "price": "61000", "price2": "63000"}
    assert refusal(**dear) == NOT_FUNDED
    assert open_orders(second) == {}
    assert second.call("ClosedOrders")["count"] == 0


def test_several_exits_stand_against_the_same_coins(login: Callable[..., Client], market: ScriptedMarket) -> None:
    second = login("second")
    loss = second.place("sell", "stop-loss", "1", price="59000")
    profit = second.place("sell", "take-profit", "1", price="61000")
    trail = second.place("sell", "trailing-stop", "1", price="+5%")
    assert second.call("BalanceEx")["XXBT"] == {"balance": "1.0000000000", "hold_trade": "0.0000000000"}
    market.at(61000)
    assert second.row(profit)["status"] == "closed"
    assert [second.row(txid)["status"] for txid in (loss, trail)] == ["open", "open"]  # nothing links them
    market.at(57000)
    assert [how_it_ended(second, txid) for txid in (trail, loss)] == [("canceled", "Insufficient funds")] * 2
    assert second.call("TradesHistory")["count"] == 1


@both_sides
def test_stops_may_hold_their_funds(
    login: Callable[..., Client], market: ScriptedMarket, sandbox: Sandbox, stop: Stop
) -> None:
    sandbox.settings.patch({"stops_hold_funds": True})
    second = login("second")
    asset, hold = ("XXBT", "0.1600000000") if stop.side == "sell" else ("ZUSD", "9799.0400")  # 0.16 * 61000 * 1.004
    terms = stop.terms | {"volume": "0.16"}
    txid = second.place(**terms)
    assert second.call("BalanceEx")[asset]["hold_trade"] == hold
    # What it holds nobody else gets.
    refused = second.post(
        "AddOrder", pair="XBTUSD", type=stop.side, ordertype="limit", volume="0.85", price="60000", oflags="post"
    )
    assert refused.refusal == NOT_FUNDED
    second.call("CancelOrder", txid=txid)
    assert second.call("BalanceEx")[asset]["hold_trade"].strip("0") == "."

    fired = second.place(**terms)
    market.at(stop.price)
    assert second.row(fired)["status"] == "closed"
    assert second.call("BalanceEx")[asset]["hold_trade"].strip("0") == "."


def test_a_stop_that_holds_is_amended(login: Callable[..., Client], market: ScriptedMarket, sandbox: Sandbox) -> None:
    sandbox.settings.patch({"stops_hold_funds": True})
    second = login("second")
    txid = second.place("buy", "stop-loss-limit", "0.1", price="61000", price2="61015")
    assert second.call("BalanceEx")["ZUSD"]["hold_trade"] == "6125.9060"
    second.call("AmendOrder", txid=txid, limit_price="62000", order_qty="0.12")
    assert second.call("BalanceEx")["ZUSD"]["hold_trade"] == "7469.7600"
    assert second.post("AmendOrder", txid=txid, order_qty="0.2").refusal == NOT_FUNDED
    assert second.call("BalanceEx")["ZUSD"]["hold_trade"] == "7469.7600"
    market.at(61000)
    assert second.row(txid)["status"] == "closed"
    assert second.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"


def test_the_setting_counts_from_the_entry_on(
    login: Callable[..., Client], market: ScriptedMarket, sandbox: Sandbox
) -> None:
    second = login("second")
    early = second.place("sell", "stop-loss", "1", price="59000")
    sandbox.settings.patch({"stops_hold_funds": True})
    late = second.place("sell", "stop-loss", "1", price="58000")
    assert second.call("BalanceEx")["XXBT"]["hold_trade"] == "1.0000000000"
    sandbox.settings.patch({"stops_hold_funds": False})
    second.call("CancelOrder", txid=late)
    assert second.call("BalanceEx")["XXBT"]["hold_trade"] == "0.0000000000"
    market.at(59000)
    assert second.row(early)["status"] == "closed"


def test_a_fee_in_coins_is_part_of_what_it_needs(login: Callable[..., Client], market: ScriptedMarket) -> None:
    second = login("second")
    terms = {"ordertype": "stop-loss", "type": "sell", "price": "59000", "oflags": "fcib"}
    assert second.post("AddOrder", pair="XBTUSD", volume="1", **terms).refusal == NOT_FUNDED
    txid = second.place("sell", "stop-loss", "0.9", price="59000", oflags="fcib")
    market.at(59000)
    row = second.row(txid)
    assert (row["status"], row["oflags"], row["fee"]) == ("closed", "fcib", "212.40000")
    assert second.call("Balance")["XXBT"] == "0.0964000000"


# Index


@every_stop
def test_an_index_stop_looks_at_the_index_alone(kraken: Client, market: ScriptedMarket, stop: Stop) -> None:
    market.pair.set_index("60000")
    txid = kraken.place(**stop.terms, trigger="index")
    assert open_orders(kraken) == {txid: stop.waiting | {"trigger": "index"}}
    market.at(stop.price)
    assert kraken.row(txid)["misc"] == ""
    market.pair.set_index(stop.near)
    assert kraken.row(txid)["misc"] == ""
    market.pair.set_index(stop.price)
    row = kraken.row(txid)
    assert (row["misc"], row["trigger"]) == (stop.misc, "index")
    assert row["vol_exec"] != "0.00000000"


def test_without_an_index_price_it_goes_by_the_last(kraken: Client, market: ScriptedMarket) -> None:
    follower = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    plain = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="last")
    assert "trigger" not in kraken.row(plain)
    market.at(59000)
    assert [kraken.row(txid)["misc"] for txid in (follower, plain)] == ["stopped", "stopped"]


def test_the_index_goes_out_and_the_last_price_counts(kraken: Client, market: ScriptedMarket) -> None:
    market.pair.set_index("60000")
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    market.at(58000)
    assert kraken.row(txid)["misc"] == ""
    market.pair.set_index(None)
    row = kraken.row(txid)
    assert (row["misc"], row["price"]) == ("stopped", "58000.0")


def test_what_the_index_has_reached_at_entry(kraken: Client, market: ScriptedMarket) -> None:
    market.pair.set_index("58000")
    terms = {"side": "sell", "ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    assert kraken.row(kraken.place(**terms, trigger="index"))["reason"] == "Order would trigger immediately"
    assert kraken.row(kraken.place(**terms))["status"] == "open"


def test_a_pair_without_an_index(kraken: Client, market_of: Callable[[str], ScriptedMarket]) -> None:
    pair = "1INCHEUR"
    last = float(kraken.get("Ticker", pair=pair).result[pair]["c"][0])
    order = {"pair": pair, "type": "sell", "ordertype": "stop-loss", "volume": "100", "price": f"{last * 0.9:.3f}"}
    refused = kraken.post("AddOrder", **order, trigger="index", validate="true").refusal
    assert refused == "EGeneral:Invalid arguments:Index unavailable"
    market_of(pair).pair.set_index(f"{last:.3f}")
    assert kraken.call("AddOrder", **order, trigger="index", validate="true")


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"ordertype": "limit", "trigger": "index"}, "trigger"),
        ({"ordertype": "stop-loss", "trigger": "mark"}, "trigger"),
        ({"ordertype": "stop-loss", "oflags": "post"}, "postonly"),
        ({"ordertype": "stop-loss-limit", "price2": "58000", "oflags": "post"}, "postonly"),
        ({"ordertype": "stop-loss", "timeinforce": "FOK"}, "timeinforce"),
        ({"ordertype": "stop-loss", "price": ""}, "price"),
        ({"ordertype": "take-profit-limit", "price": "", "price2": "61000"}, "price"),
    ],
)
def test_what_a_stop_does_not_take(kraken: Client, market: ScriptedMarket, order: dict[str, str], refusal: str) -> None:
    terms = {"pair": "XBTUSD", "type": "sell", "volume": "0.1", "price": "59000"} | order
    assert kraken.post("AddOrder", **terms).refusal == f"EGeneral:Invalid arguments:{refusal}"


@pytest.mark.parametrize(
    ("prices", "refusal"),
    [
        ({"price": "6.4e4"}, "Invalid price:Invalid price argument"),
        ({"price": "+"}, "Invalid price:Invalid price argument"),
        ({"price": "5%"}, "Invalid price:Invalid price argument"),
        ({"price": " 1000"}, "Invalid price:Invalid price argument"),  # what a form makes of an unescaped +1000
        ({"price2": ""}, "Invalid price:Invalid secondary price argument"),
        ({"price2": "abc"}, "Invalid price:Invalid secondary price argument"),
        ({"price": "0"}, "Invalid price"),
        ({"price": "-60000"}, "Invalid price"),
        ({"price": "-100%"}, "Invalid price"),
        ({"price2": "0"}, "Invalid price"),
        ({"price": "59000.05"}, "Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"price2": "58995.05"}, "Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"price": "-0.05"}, "Invalid price:XBT/USD price can only be specified up to 1 decimals."),
    ],
)
def test_prices_that_are_none(kraken: Client, market: ScriptedMarket, prices: dict[str, str], refusal: str) -> None:
    stop = {"type": "sell", "ordertype": "stop-loss-limit", "volume": "1", "price": "59000", "price2": "58995"}
    assert kraken.post("AddOrder", pair="XBTUSD", **(stop | prices)).refusal == f"EOrder:{refusal}"
    assert open_orders(kraken) == {}


# Relative prices


@pytest.mark.parametrize(
    ("pair", "order", "text"),
    [
        # Recorded from Kraken.
        (
            "ETHUSDT",
            ("sell", "stop-loss-limit", "0.001", "2677", "2577", "5"),
            "sell 0.00100000 ETHUSDT @ stop loss 2677.00 -> limit 2577.00 with 5:1 leverage",
        ),
        (
            "LTCUSDT",
            ("buy", "take-profit-limit", "0.1", "75", "74", ""),
            "buy 0.10000000 LTCUSDT @ take profit 75.00000 -> limit 74.00000",
        ),
        ("LTCUSDT", ("sell", "take-profit", "0.1", "120", "", ""), "sell 0.10000000 LTCUSDT @ take profit 120.00000"),
        (
            "XBTUSD",
            ("buy", "stop-loss-limit", "0.001", "24000", "#1000", ""),
            "buy 0.00100000 XBTUSD @ stop loss 24000.0 -> limit +1000.0",
        ),
        # Each sign, in quote and in percent.
        ("XBTUSD", ("sell", "stop-loss", "1", "-500", "", ""), "sell 1.00000000 XBTUSD @ stop loss -500.0"),
        ("XBTUSD", ("sell", "stop-loss", "1", "-2.5%", "", ""), "sell 1.00000000 XBTUSD @ stop loss -2.5000%"),
        ("XBTUSD", ("sell", "stop-loss", "1", "#500.5", "", ""), "sell 1.00000000 XBTUSD @ stop loss -500.5"),
        ("XBTUSD", ("buy", "stop-loss", "1", "#2%", "", ""), "buy 1.00000000 XBTUSD @ stop loss +2.0000%"),
        ("XBTUSD", ("sell", "take-profit", "1", "#2%", "", ""), "sell 1.00000000 XBTUSD @ take profit +2.0000%"),
        ("XBTUSD", ("buy", "take-profit", "1", "#500", "", ""), "buy 1.00000000 XBTUSD @ take profit -500.0"),
        (
            "XBTUSD",
            ("sell", "take-profit-limit", "1", "+1%", "#2%", ""),
            "sell 1.00000000 XBTUSD @ take profit +1.0000% -> limit -2.0000%",
        ),
        (
            "XBTUSD",
            ("buy", "take-profit-limit", "1", "-1%", "#0.5%", ""),
            "buy 1.00000000 XBTUSD @ take profit -1.0000% -> limit +0.5000%",
        ),
    ],
)
def test_how_prices_are_written(kraken: Client, pair: str, order: tuple[str, ...], text: str) -> None:
    names = ("type", "ordertype", "volume", "price", "price2", "leverage")
    fields = {name: value for name, value in zip(names, order, strict=True) if value}
    assert kraken.call("AddOrder", pair=pair, validate="true", **fields) == {"descr": {"order": text}}


@pytest.mark.parametrize(
    ("side", "ordertype", "price", "fires_at"),
    [
        ("sell", "stop-loss", "-500", "59500"),
        ("sell", "stop-loss", "#0.5%", "59700"),
        ("buy", "stop-loss", "+500.5", "60500.5"),
        ("buy", "take-profit", "#0.5", "59999.5"),
        ("sell", "take-profit", "+1%", "60600"),
        # A percentage is cut to the pair's decimals: exactly 59926.74... and 60073.25...
        ("sell", "stop-loss", "-0.1221%", "59926.7"),
        ("buy", "stop-loss", "+0.1221%", "60073.2"),
    ],
)
def test_a_relative_trigger_is_told_from_the_last_price_at_entry(
    kraken: Client, market: ScriptedMarket, side: str, ordertype: str, price: str, fires_at: str
) -> None:
    txid = kraken.place(side, ordertype, "0.1", price=price)
    shown = kraken.row(txid)["descr"]["price"]
    assert shown[0] in "+-" and shown.strip("+-").startswith(price.strip("+-#%"))
    below = float(fires_at) < 60000
    market.at(f"{float(fires_at) + (0.1 if below else -0.1):.1f}")
    assert kraken.row(txid)["status"] == "open"
    market.at(fires_at)
    row = kraken.row(txid)
    assert (row["status"], row["stopprice"], row["descr"]["price"]) == ("closed", f"{float(fires_at):.5f}", shown)


def test_a_relative_trigger_of_an_index_stop_is_told_from_the_index(kraken: Client, market: ScriptedMarket) -> None:
    market.pair.set_index("64000")
    txid = kraken.place("sell", "stop-loss", "0.1", price="-1000", trigger="index")
    market.pair.set_index("63000.1")
    assert kraken.row(txid)["misc"] == ""
    market.pair.set_index("63000")
    assert kraken.row(txid)["misc"] == "stopped"


@pytest.mark.parametrize(
    ("side", "ordertype", "price", "price2", "limit"),
    [
        ("sell", "stop-loss-limit", "59000", "-50", "58950"),
        ("buy", "stop-loss-limit", "61000", "#50", "61050"),
        ("sell", "take-profit-limit", "61000", "#1%", "60390"),
        ("buy", "take-profit-limit", "59000", "+0.0333%", "59019.6"),  # exactly 59019.647
        ("sell", "stop-loss-limit", "-1000", "+0", "59000"),
        ("sell", "stop-loss-limit", "59000", "+100%", "118000"),
        ("sell", "stop-loss-limit", "59000", "-60000", "0.1"),  # no less than one tick
    ],
)
def test_a_relative_limit_is_told_from_the_trigger_price(
    kraken: Client, market: ScriptedMarket, side: str, ordertype: str, price: str, price2: str, limit: str
) -> None:
    txid = kraken.place(side, ordertype, "0.1", price=price, price2=price2)
    assert kraken.row(txid)["limitprice"] == "0.00000"
    market.at(61000 if price == "61000" else 59000)
    assert kraken.row(txid)["limitprice"] == f"{float(limit):.5f}"


# One after the other


def test_one_stop_sets_off_the_next(kraken: Client, login: Callable[..., Client], market: ScriptedMarket) -> None:
    second = login("second")
    third = second.place("sell", "stop-loss", "0.2", price="58985")
    first = kraken.place("sell", "stop-loss", "1.5", price="59000")
    next_one = kraken.place("sell", "stop-loss", "4.7", price="58990")
    safe = kraken.place("sell", "stop-loss", "1", price="58979.9")
    market.pair.set_book([("59000", "1.001"), ("58990", "5"), ("58980", "9")], [("59010", "1")], model="static")
    market.pair.trade("sell", "0.001", "59000")
    assert [(row["price"], row["vol"]) for row in kraken.fills(first)] == [
        ("59000.00000", "1.00000000"),
        ("58990.00000", "0.50000000"),
    ]
    assert [(row["price"], row["vol"]) for row in kraken.fills(next_one)] == [
        ("58990.00000", "4.50000000"),
        ("58980.00000", "0.20000000"),
    ]
    assert [(row["price"], row["vol"]) for row in second.fills(third)] == [("58980.00000", "0.20000000")]
    assert kraken.row(safe)["status"] == "open"
    assert market.pair.state()["last"] == "58980.00000"


def test_stops_at_one_level_fire_in_their_order(
    kraken: Client, login: Callable[..., Client], market: ScriptedMarket
) -> None:
    second = login("second")
    first = second.place("sell", "stop-loss", "0.6", price="59000")
    then = kraken.place("sell", "stop-loss", "0.6", price="59000")
    nearer = kraken.place("sell", "stop-loss", "0.2", price="59000.1")
    market.at(59000)
    # The nearest level comes first, and at one level who came first: 1 is bid at 59000.
    assert [row["price"] for row in kraken.fills(nearer)] == ["59000.00000"]
    assert [row["price"] for row in second.fills(first)] == ["59000.00000"]
    assert [(row["price"], row["vol"]) for row in kraken.fills(then)] == [
        ("59000.00000", "0.20000000"),
        ("58990.00000", "0.40000000"),
    ]
    ids = [kraken.fills(nearer), second.fills(first), kraken.fills(then)]
    assert [fills[0]["trade_id"] for fills in ids] == sorted(fills[0]["trade_id"] for fills in ids)


@pytest.mark.parametrize(
    ("change", "first_again"),
    [({"order_qty": "0.7"}, False), ({"trigger_price": "59500"}, False), ({}, True)],
)
def test_an_amended_stop_queues_anew(
    kraken: Client, market: ScriptedMarket, change: dict[str, str], first_again: bool
) -> None:
    first = kraken.place("sell", "stop-loss", "1", price="59000")
    second = kraken.place("sell", "stop-loss", "1", price="59000")
    if change:
        kraken.call("AmendOrder", txid=first, **change)
    if "trigger_price" in change:
        kraken.call("AmendOrder", txid=first, trigger_price="59000")
    market.at(59000)
    won = first if first_again else second
    assert [row["price"] for row in kraken.fills(won)] == ["59000.00000"]


def test_a_fired_one_queues_behind_what_rests_at_its_limit(
    kraken: Client, login: Callable[..., Client], market: ScriptedMarket
) -> None:
    second = login("second")
    stop = kraken.place("sell", "stop-loss-limit", "0.5", price="59990", price2="60010")
    later = second.sell("0.3", "60010")  # came after the stop, but rested before it fired
    kraken.sell("1.5")  # through 60000, down to 59990: it fires
    assert kraken.row(stop)["misc"] == "stopped"
    market.pair.trade("buy", "1.4", "60010")
    assert second.row(later)["status"] == "closed"  # 1 of the book, then 0.3
    assert kraken.row(stop)["vol_exec"] == "0.10000000"
    market.pair.trade("buy", "0.4", "60010")
    assert kraken.row(stop)["status"] == "closed"


def test_it_never_trades_with_its_own_account(kraken: Client, market: ScriptedMarket) -> None:
    bid = kraken.buy("0.5", "59005")
    stop = kraken.place("sell", "stop-loss", "0.2", price="59000", stptype="cancel-oldest")
    newest = kraken.place("sell", "stop-loss", "0.2", price="59100")
    market.pair.set_book([("59100", "0.1")], [("59200", "1")])
    market.pair.trade("sell", "0.1")
    assert how_it_ended(kraken, newest) == ("canceled", "Cannot trade with self")
    assert kraken.row(bid)["status"] == "open"
    market.pair.set_book([("59006", "0.1"), ("59000", "0.1"), ("58000", "9")], [("59200", "1")])
    kraken.call("AmendOrder", txid=stop, trigger_price="59006")
    market.pair.trade("sell", "0.1", "59006")
    assert how_it_ended(kraken, bid) == ("canceled", "Cannot trade with self")
    assert [row["price"] for row in kraken.fills(stop)] == ["59000.00000", "58000.00000"]


def test_two_stops_that_face_each_other(kraken: Client, login: Callable[..., Client], market: ScriptedMarket) -> None:
    """The one that fires first rests, and the other takes from it."""
    second = login("second")
    offer = kraken.place("sell", "take-profit-limit", "0.1", price="61000", price2="61005")
    taker = second.place("buy", "stop-loss", "0.1", price="61000")
    market.at(61000)
    (made,), (taken,) = kraken.fills(offer), second.fills(taker)
    assert (made["price"], made["maker"]) == ("61005.00000", True)
    assert (taken["price"], taken["maker"], taken["trade_id"]) == ("61005.00000", False, made["trade_id"])


# States of the exchange


@pytest.mark.parametrize("state", ["cancel_only", "post_only", "maintenance"])
@pytest.mark.parametrize("pair", [None, "XBTUSD"], ids=["exchange", "pair"])
def test_it_does_not_fire_while_nobody_trades(
    kraken: Client, market: ScriptedMarket, state: str, pair: str | None
) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    market.status.set(state, pair=pair)
    market.pair.set_index("58000")
    with pytest.raises(ControlError):
        market.pair.trade("sell", "0.1")
    market.status.set("cancel_only" if state == "maintenance" else state, pair=pair)  # so that it may be looked at
    assert kraken.row(txid)["misc"] == ""
    assert kraken.post("AmendOrder", txid=txid, order_qty="0.2").errors[0].startswith("EService:Market in ")
    market.status.set("online", pair=pair)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped", "60000.0")


def test_a_price_that_went_back_meanwhile_fires_nothing(kraken: Client, market: ScriptedMarket) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    market.status.set("cancel_only")
    market.pair.set_index("58000")
    market.pair.set_index("60000")
    market.status.set("online")
    assert kraken.row(txid)["misc"] == ""


def test_it_is_cancelled_or_expires_while_nobody_trades(
    kraken: Client, market: ScriptedMarket, sandbox: Sandbox
) -> None:
    stop = {"ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    dated, unwanted = kraken.place("sell", **stop, expiretm="+60"), kraken.place("sell", **stop)
    market.status.set("cancel_only")
    refused = kraken.post("AddOrder", pair="XBTUSD", type="sell", **stop).refusal
    assert refused == "EService:Market in cancel_only mode"
    assert kraken.call("CancelOrder", txid=unwanted) == {"count": 1}
    sandbox.clock.advance(60 * SECOND)
    assert kraken.row(dated)["status"] == "expired"


def test_where_only_limit_orders_are_taken_a_stop_at_the_market_still_fires(
    kraken: Client, market: ScriptedMarket
) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    market.status.set("limit_only")
    order = {"pair": "XBTUSD", "type": "sell", "volume": "0.1", "price": "59000"}
    assert kraken.post("AddOrder", ordertype="stop-loss", **order).refusal == "EService:Market in limit_only mode"
    assert kraken.call("AddOrder", ordertype="stop-loss-limit", price2="58000", **order)
    market.at(59000)
    assert kraken.row(txid)["status"] == "closed"
