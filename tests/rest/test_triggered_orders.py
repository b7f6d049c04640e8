"""The life of a stop: stop-loss and take-profit, at the market and with a limit (kraken/30 §2.2 to §2.4, §8.6).

The market stands at 60000; `pit.at(price)` trades there, with 1 bid at the price and 5 bid 10 below it, and 1 asked
10 above it and 5 asked 20 above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600


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

    def waiting(self, kraken: Client) -> dict[str, Any]:
        """Its row of OpenOrders until it fires."""
        prices = (f"{self.price}.0", f"{self.price2}.0" if self.price2 else "0")
        return kraken.new_row(self.side, self.ordertype, "1.50000000", self.text, *prices)

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


@pytest.fixture
def pit(pit: Pit) -> Pit:
    pit.at(60000)
    return pit


# Placed and resting


@every_stop
def test_it_waits_and_holds_nothing(kraken: Client, pit: Pit, stop: Stop) -> None:
    book, wallet = pit.shown(), kraken.call("BalanceEx")
    terms = stop.terms
    terms["type"] = terms.pop("side")
    answer = kraken.call("AddOrder", pair="XBT/USD", **terms)
    (txid,) = answer["txid"]
    assert answer == {"descr": {"order": stop.text}, "txid": [txid]}
    assert kraken.open_orders() == {txid: stop.waiting(kraken)}
    assert kraken.call("QueryOrders", txid=txid) == {txid: stop.waiting(kraken) | {"reason": None}}
    assert kraken.call("BalanceEx") == wallet
    assert pit.shown() == book

    pit.at(stop.near)
    assert kraken.open_orders() == {txid: stop.waiting(kraken)}
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
    pit: Pit,
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
    pit.at(stop.price)
    assert kraken.open_orders() == {}
    done = kraken.row(txid)
    (trade,) = done.pop("trades")
    assert done == stop.waiting(kraken) | {
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
    pit: Pit,
    sandbox: Sandbox,
    stop: Stop,
    price: str,
    cost: str,
    fee: str,
    asset: str,
    hold: str,
) -> None:
    txid = kraken.place(**stop.terms)
    pit.at(stop.price)
    partly = stop.waiting(kraken) | {
        "vol_exec": "1.00000000",
        "cost": cost,
        "fee": fee,
        "price": f"{price}.0",
        "stopprice": f"{stop.price}.00000",
        "limitprice": f"{stop.price2}.00000",
        "misc": stop.misc,
    }
    assert kraken.open_orders() == {txid: partly}
    assert kraken.held(asset) == hold
    bids, asks = pit.shown().split(" | ")
    assert (asks if stop.side == "sell" else bids).split()[0] == f"{stop.price2}.0:0.5"

    sandbox.clock.advance(SECOND)
    pit.pair.trade("buy" if stop.side == "sell" else "sell", "0.5", stop.price2)
    taken, made = kraken.fills(txid)
    done = kraken.row(txid)
    assert (done["status"], done["vol_exec"], done["misc"]) == ("closed", "1.50000000", stop.misc)
    assert (done["closetm"], done["reason"], len(done["trades"])) == (MIDNIGHT + 1, None, 2)
    assert (taken["maker"], taken["price"], taken["vol"]) == (False, f"{price}.00000", "1.00000000")
    assert (made["maker"], made["price"], made["vol"]) == (True, f"{stop.price2}.00000", "0.50000000")
    assert {(row["ordertype"], row["tradeordertype"]) for row in (taken, made)} == {(stop.ordertype, "limit")}
    assert kraken.held(asset).strip("0") == "."


def test_a_limit_beyond_the_market_waits_there_for_its_price(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "0.2", price="59000", price2="59100")
    pit.at(59000)
    row = kraken.open_orders()[txid]
    assert (row["vol_exec"], row["misc"], row["limitprice"]) == ("0.00000000", "stopped", "59100.00000")
    assert pit.shown() == "59000.0:1 58990.0:5 | 59010.0:1 59020.0:5 59100.0:0.2"
    pit.at(59200)
    assert (kraken.row(txid)["status"], kraken.row(txid)["price"]) == ("closed", "59100.0")


@pytest.mark.parametrize(
    ("tif", "executed", "misc"), [("IOC", "1.00000000", "stopped,partial"), ("FOK", "0.00000000", "stopped")]
)
def test_time_in_force_counts_from_the_trigger(kraken: Client, pit: Pit, tif: str, executed: str, misc: str) -> None:
    txid = kraken.place("sell", "stop-loss-limit", "1.5", price="59000", price2="59000", timeinforce=tif)
    assert kraken.row(txid)["status"] == "open"
    pit.at(59000)
    row = kraken.row(txid)
    assert (row["status"], row["reason"]) == ("canceled", "Insufficient liquidity")
    assert row["time_in_force"] == tif.lower()
    assert (row["vol_exec"], row["misc"]) == (executed, misc)


@pytest.mark.parametrize("stop", MARKET, ids=str)
def test_a_price_that_leaps_over_it_fires_it_too(kraken: Client, pit: Pit, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    pit.at("50000" if stop.price < "60000" else "70000")
    row = kraken.row(txid)
    assert (row["status"], row["stopprice"]) == ("closed", f"{stop.price}.00000")


def test_a_trade_fires_it_not_a_quote(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    pit.book("58000:1", "58010:1")
    assert kraken.row(txid)["status"] == "open"
    pit.pair.trade("buy", "0.1")
    assert (kraken.row(txid)["status"], kraken.row(txid)["price"]) == ("closed", "58000.0")


def test_ones_own_trade_fires_it(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59990")
    sold = kraken.sell("1.5")
    assert [row["price"] for row in kraken.fills(sold)] == ["60000.00000", "59990.00000"]
    (row,) = kraken.fills(txid)
    assert (row["price"], row["trade_id"]) == ("59990.00000", kraken.fills(sold)[-1]["trade_id"] + 1)


def test_a_book_with_nobody_on_the_other_side(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("buy", "stop-loss", "0.1", price="60010")
    kraken.place("buy", "limit", "1", price="60010")
    assert kraken.row(txid)["price"] == "60020.0"
    last = kraken.place("buy", "stop-loss", "0.1", price="61000")
    pit.book(asks="61000:0.5")
    pit.pair.trade("buy", "0.5")
    assert kraken.ended(last) == ("canceled", "Insufficient liquidity")
    assert (kraken.row(last)["misc"], kraken.row(last)["vol_exec"]) == ("stopped", "0.00000000")


# Amended


@every_stop
def test_its_trigger_moves(kraken: Client, pit: Pit, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    sandbox.clock.advance(SECOND)
    low = stop.price < "60000"
    new = "58500" if low else "61500"
    answer = kraken.call("AmendOrder", txid=txid, trigger_price=new)
    assert list(answer) == ["amend_id"]

    row = kraken.open_orders()[txid]
    descr = stop.waiting(kraken)["descr"]
    text = stop.text.replace(stop.price, new)
    assert row == stop.waiting(kraken) | {"descr": descr | {"price": f"{new}.0", "order": text}, "misc": "amended"}
    terms = {"order_qty": "1.50000000", "remaining_qty": "1.50000000"}
    terms |= {"limit_price": f"{stop.price2}.0"} if stop.price2 else {}
    first, second = kraken.amends(txid)
    assert first == terms | {
        "amend_id": first["amend_id"],
        "amend_type": "original",
        "trigger_price": f"{stop.price}.0",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000,
    }
    assert second == terms | {
        "amend_id": answer["amend_id"],
        "amend_type": "user",
        "trigger_price": f"{new}.0",
        "reason": "User requested",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000 + 1000,
    }

    pit.at(stop.price)
    assert kraken.row(txid)["misc"] == "amended"
    pit.at(new)
    assert kraken.row(txid)["misc"] == f"{stop.misc},amended"


@pytest.mark.parametrize("stop", LIMIT, ids=str)
def test_its_limit_moves_before_and_after_the_trigger(kraken: Client, pit: Pit, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    away, back = ("61500", stop.price2) if stop.side == "sell" else ("58500", stop.price2)
    kraken.call("AmendOrder", txid=txid, limit_price=away)
    row = kraken.open_orders()[txid]
    descr = stop.waiting(kraken)["descr"]
    assert row["descr"] == descr | {"price2": f"{away}.0", "order": stop.text.replace(stop.price2, away)}
    pit.at(stop.price)
    row = kraken.open_orders()[txid]
    assert (row["vol_exec"], row["limitprice"], row["misc"]) == ("0.00000000", f"{away}.00000", f"{stop.misc},amended")

    # Now it is a limit order: at a price that the market has it trades at once, and has no trigger any more.
    kraken.call("AmendOrder", txid=txid, limit_price=back)
    row = kraken.open_orders()[txid]
    assert (row["vol_exec"], row["limitprice"]) == ("1.00000000", f"{back}.00000")
    assert row["descr"] == descr
    refused = kraken.post("AmendOrder", txid=txid, trigger_price="60000").refusal
    assert refused == "EOrder:Invalid trigger price"
    assert [row["limit_price"] for row in kraken.amends(txid)] == [f"{back}.0", f"{away}.0", f"{back}.0"]


def test_its_volume_changes(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "1.5", price="59000")
    kraken.call("AmendOrder", txid=txid, order_qty="0.25")
    row = kraken.open_orders()[txid]
    assert (row["vol"], row["descr"]["order"]) == ("0.25000000", "sell 0.25000000 XBTUSD @ stop loss 59000.0")
    kraken.call("AmendOrder", txid=txid, order_qty="0.5", trigger_price="59500")
    pit.at(59500)
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"], row["misc"]) == ("closed", "0.50000000", "stopped,amended")
    assert [row["order_qty"] for row in kraken.amends(txid)] == ["1.50000000", "0.25000000", "0.50000000"]


@pytest.mark.parametrize(
    ("price", "shown"),
    [("-1000", "59000.0"), ("-2%", "58800.0"), ("-0.0001%", "59999.9"), ("58000.50", "58000.5")],
)
def test_a_relative_amend_goes_by_the_last_price(kraken: Client, pit: Pit, price: str, shown: str) -> None:
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
        ("stop-loss", {"order_qty": "101"}, "EOrder:Insufficient funds"),
        ("stop-loss", {"trigger_price": "60000"}, "EOrder:Invalid trigger price"),
        ("stop-loss-limit", {"limit_price": "58995.0"}, "EOrder:No amendable parameters specified"),
        ("stop-loss-limit", {"limit_price": "58000", "trigger_price": "60001"}, "EOrder:Invalid trigger price"),
        ("limit", {"trigger_price": "59500"}, "EOrder:Invalid trigger price"),
    ],
)
def test_an_amend_is_refused_and_leaves_no_trace(
    kraken: Client, pit: Pit, ordertype: str, change: dict[str, str], refusal: str
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
    before = kraken.open_orders()
    assert kraken.post("AmendOrder", txid=txid, **change).refusal == refusal
    assert kraken.open_orders() == before
    assert [row["amend_type"] for row in kraken.amends(txid)] == ["original"]


def test_an_edit_makes_another_stop(kraken: Client, pit: Pit) -> None:
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
    assert kraken.ended(txid) == ("canceled", "Order replaced")
    pit.at(59510)
    kraken.call("EditOrder", txid=answer["txid"], pair="XBTUSD", price2="59600")
    (fired,) = kraken.open_orders()
    pit.at(59500)
    assert (kraken.row(fired)["status"], kraken.row(fired)["misc"]) == ("open", "stopped")
    refused = kraken.post("EditOrder", txid=fired, pair="XBTUSD", price="59600").refusal
    assert refused == "EOrder:Invalid order"


# Cancelled, expired


@every_stop
def test_it_is_cancelled_and_never_fires(kraken: Client, pit: Pit, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms)
    sandbox.clock.advance(SECOND)
    assert kraken.call("CancelOrder", txid=txid) == {"count": 1}
    gone = stop.waiting(kraken) | {"status": "canceled", "reason": "User requested", "closetm": MIDNIGHT + 1}
    assert kraken.call("ClosedOrders")["closed"] == {txid: gone}
    pit.at(stop.price)
    assert kraken.row(txid) == gone
    assert kraken.post("CancelOrder", txid=txid).refusal == "EOrder:Unknown order"


def test_it_is_cancelled_by_every_name(kraken: Client, pit: Pit) -> None:
    stop = {"side": "sell", "ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    kraken.place(**stop, userref="7")
    kraken.place(**stop, userref="7")
    kraken.place(**stop, cl_ord_id="my-stop")
    kraken.place(**stop)
    kraken.place(**stop)
    assert kraken.call("CancelOrder", txid="7") == {"count": 2}
    assert kraken.call("CancelOrder", cl_ord_id="my-stop") == {"count": 1}
    assert kraken.call("CancelAll") == {"count": 2}
    assert kraken.open_orders() == {}


def test_the_rest_of_a_fired_one_is_cancelled(kraken: Client, pit: Pit) -> None:
    txid = kraken.place(**LIMIT[0].terms)
    pit.at(59000)
    assert kraken.call("CancelOrder", txid=txid) == {"count": 1}
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("canceled", "stopped,partial", "1.00000000")
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "99.0000000000", "hold_trade": "0.0000000000"}


@every_stop
def test_it_expires(kraken: Client, pit: Pit, sandbox: Sandbox, stop: Stop) -> None:
    txid = kraken.place(**stop.terms, timeinforce="GTD", expiretm="+60")
    dated = stop.waiting(kraken) | {"time_in_force": "gtd", "expiretm": MIDNIGHT + 60}
    assert kraken.open_orders() == {txid: dated}
    sandbox.clock.advance(60 * SECOND - 1)
    assert kraken.open_orders() == {txid: dated}
    sandbox.clock.advance(1)
    gone = dated | {"status": "expired", "reason": "Order expired", "closetm": MIDNIGHT + 60}
    assert kraken.row(txid) == gone
    pit.at(stop.price)
    assert kraken.row(txid) == gone


def test_what_rests_of_a_fired_one_expires(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.place(**LIMIT[0].terms, expiretm="+60")
    pit.at(59000)
    sandbox.clock.advance(60 * SECOND)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("expired", "stopped,partial", "1.00000000")
    assert pit.shown() == "58990.0:5 | 59010.0:1 59020.0:5"


def test_a_scheduled_stop_waits_for_its_time_and_then_for_its_price(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.place(**MARKET[0].terms, starttm="+60")
    assert kraken.open_orders()[txid] == MARKET[0].waiting(kraken) | {"status": "pending", "starttm": MIDNIGHT + 60}
    pit.at(59000)
    pit.at(60000)
    assert kraken.row(txid)["status"] == "pending"
    sandbox.clock.advance(60 * SECOND)
    assert kraken.row(txid)["status"] == "open"
    pit.at(59000)
    assert (kraken.row(txid)["status"], kraken.row(txid)["misc"]) == ("closed", "stopped")


# At its price already


@every_stop
@pytest.mark.parametrize("beyond", [0, 100])
def test_one_that_is_at_its_price_at_entry_is_cancelled(kraken: Client, pit: Pit, stop: Stop, beyond: int) -> None:
    pit.at(int(stop.price) + (beyond if stop.price > "60000" else -beyond))
    txid = kraken.place(**stop.terms)
    assert kraken.row(txid) == stop.waiting(kraken) | {
        "status": "canceled",
        "reason": "Order would trigger immediately",
        "closetm": MIDNIGHT,
    }
    assert kraken.call("TradesHistory")["count"] == 0


@every_stop
def test_one_that_is_at_its_price_at_entry_may_fire(kraken: Client, pit: Pit, stop: Stop) -> None:
    pit.settings(triggered_at_entry="fire")
    pit.at(stop.price)
    txid = kraken.place(**stop.terms)
    row = kraken.row(txid)
    executed = ("closed", "1.50000000") if stop in MARKET else ("open", "1.00000000")
    assert (row["misc"], row["status"], row["vol_exec"]) == (stop.misc, *executed)


def test_an_amend_to_the_price_of_the_market_may_fire(kraken: Client, pit: Pit) -> None:
    pit.settings(triggered_at_entry="fire")
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    kraken.call("AmendOrder", txid=txid, trigger_price="60000")
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped,amended", "60000.0")


# Index


@every_stop
def test_an_index_stop_looks_at_the_index_alone(kraken: Client, pit: Pit, stop: Stop) -> None:
    pit.pair.set_index("60000")
    txid = kraken.place(**stop.terms, trigger="index")
    assert kraken.open_orders() == {txid: stop.waiting(kraken) | {"trigger": "index"}}
    pit.at(stop.price)
    assert kraken.row(txid)["misc"] == ""
    pit.pair.set_index(stop.near)
    assert kraken.row(txid)["misc"] == ""
    pit.pair.set_index(stop.price)
    row = kraken.row(txid)
    assert (row["misc"], row["trigger"]) == (stop.misc, "index")
    assert row["vol_exec"] != "0.00000000"


def test_without_an_index_price_it_goes_by_the_last(kraken: Client, pit: Pit) -> None:
    follower = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    plain = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="last")
    assert "trigger" not in kraken.row(plain)
    pit.at(59000)
    assert [kraken.row(txid)["misc"] for txid in (follower, plain)] == ["stopped", "stopped"]


def test_the_index_goes_out_and_the_last_price_counts(kraken: Client, pit: Pit) -> None:
    pit.pair.set_index("60000")
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    pit.at(58000)
    assert kraken.row(txid)["misc"] == ""
    pit.pair.set_index(None)
    row = kraken.row(txid)
    assert (row["misc"], row["price"]) == ("stopped", "58000.0")


def test_what_the_index_has_reached_at_entry(kraken: Client, pit: Pit) -> None:
    pit.pair.set_index("58000")
    terms = {"side": "sell", "ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    assert kraken.row(kraken.place(**terms, trigger="index"))["reason"] == "Order would trigger immediately"
    assert kraken.row(kraken.place(**terms))["status"] == "open"


def test_a_pair_without_an_index(kraken: Client, pit: Pit) -> None:
    pair = "1INCHEUR"
    last = float(kraken.get("Ticker", pair=pair).result[pair]["c"][0])
    order = {"pair": pair, "type": "sell", "ordertype": "stop-loss", "volume": "100", "price": f"{last * 0.9:.3f}"}
    refused = kraken.post("AddOrder", **order, trigger="index", validate="true").refusal
    assert refused == "EGeneral:Invalid arguments:Index unavailable"
    pit.pairs[pair].set_index(f"{last:.3f}")
    assert kraken.call("AddOrder", **order, trigger="index", validate="true")
