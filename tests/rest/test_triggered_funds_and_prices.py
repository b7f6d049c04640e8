"""Stops and what they meet: funds, prices, one another, and an exchange that does not trade (kraken/30 §2.2 to §2.4).

The market stands at 60000; `pit.at(price)` trades there, with 1 bid at the price and 5 bid 10 below it, and 1 asked
10 above it and 5 asked 20 above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken import ControlError
from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

NOT_FUNDED = "EOrder:Insufficient funds"

both_sides = pytest.mark.parametrize(
    ("side", "price"), [("sell", "59000"), ("buy", "61000")], ids=["sell stop-loss", "buy stop-loss"]
)


@pytest.fixture
def pit(pit: Pit) -> Pit:
    pit.at(60000)
    return pit


# Funds


@both_sides
def test_it_needs_its_funds_only_when_it_fires(login: Callable[..., Client], pit: Pit, side: str, price: str) -> None:
    """`second` has 1 XBT and 10000 USD."""
    second = login("second")
    terms = {"side": side, "ordertype": "stop-loss", "volume": "0.16", "price": price}
    txid = second.place(**terms)
    # Everything is bound in another order, and the stop waits all the same; another one may still come.
    bound = second.sell("1", "70000") if side == "sell" else second.buy("0.19", "50000")
    another = second.place(**terms)
    pit.at(price)
    for short in (txid, another):
        row = second.row(short)
        assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Insufficient funds", "stopped")
        assert (row["vol_exec"], row["stopprice"]) == ("0.00000000", f"{price}.00000")
    assert list(second.open_orders()) == [bound]


def test_what_no_balance_could_ever_cover_is_refused(login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")

    def refusal(**stop: str) -> str:
        return second.post("AddOrder", pair="XBTUSD", **stop).refusal

    assert refusal(type="sell", ordertype="stop-loss", volume="1.00000001", price="59000") == NOT_FUNDED
    assert refusal(type="buy", ordertype="stop-loss", volume="0.17", price="61000") == NOT_FUNDED
    # With a limit, that is what it might cost: 0.16 * 61000 * 1.004 is covered, 0.16 * 63000 * 1.004 is not.
    dear = {"type": "buy", "ordertype": "stop-loss-limit", "volume": "0.16", "price": "61000", "price2": "63000"}
    assert refusal(**dear) == NOT_FUNDED
    assert second.open_orders() == {}
    assert second.call("ClosedOrders")["count"] == 0


def test_several_exits_stand_against_the_same_coins(login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")
    loss = second.place("sell", "stop-loss", "1", price="59000")
    profit = second.place("sell", "take-profit", "1", price="61000")
    trail = second.place("sell", "trailing-stop", "1", price="+5%")
    assert second.call("BalanceEx")["XXBT"] == {"balance": "1.0000000000", "hold_trade": "0.0000000000"}
    pit.at(61000)
    assert second.row(profit)["status"] == "closed"
    assert [second.row(txid)["status"] for txid in (loss, trail)] == ["open", "open"]  # nothing links them
    pit.at(57000)
    assert [second.ended(txid) for txid in (trail, loss)] == [("canceled", "Insufficient funds")] * 2
    assert second.call("TradesHistory")["count"] == 1


@both_sides
def test_stops_may_hold_their_funds(login: Callable[..., Client], pit: Pit, side: str, price: str) -> None:
    pit.settings(stops_hold_funds=True)
    second = login("second")
    asset, hold = ("XXBT", "0.1600000000") if side == "sell" else ("ZUSD", "9799.0400")  # 0.16 * 61000 * 1.004
    terms = {"side": side, "ordertype": "stop-loss", "volume": "0.16", "price": price}
    txid = second.place(**terms)
    assert second.held(asset) == hold
    # What it holds nobody else gets.
    refused = second.post(
        "AddOrder", pair="XBTUSD", type=side, ordertype="limit", volume="0.85", price="60000", oflags="post"
    )
    assert refused.refusal == NOT_FUNDED
    second.call("CancelOrder", txid=txid)
    assert second.held(asset).strip("0") == "."

    fired = second.place(**terms)
    pit.at(price)
    assert second.row(fired)["status"] == "closed"
    assert second.held(asset).strip("0") == "."


def test_a_stop_that_holds_is_amended(login: Callable[..., Client], pit: Pit) -> None:
    pit.settings(stops_hold_funds=True)
    second = login("second")
    txid = second.place("buy", "stop-loss-limit", "0.1", price="61000", price2="61015")
    assert second.held("ZUSD") == "6125.9060"
    second.call("AmendOrder", txid=txid, limit_price="62000", order_qty="0.12")
    assert second.held("ZUSD") == "7469.7600"
    assert second.post("AmendOrder", txid=txid, order_qty="0.2").refusal == NOT_FUNDED
    assert second.held("ZUSD") == "7469.7600"
    pit.at(61000)
    assert second.row(txid)["status"] == "closed"
    assert second.held("ZUSD") == "0.0000"


def test_the_setting_counts_from_the_entry_on(login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")
    early = second.place("sell", "stop-loss", "1", price="59000")
    pit.settings(stops_hold_funds=True)
    late = second.place("sell", "stop-loss", "1", price="58000")
    assert second.held("XXBT") == "1.0000000000"
    pit.settings(stops_hold_funds=False)
    second.call("CancelOrder", txid=late)
    assert second.held("XXBT") == "0.0000000000"
    pit.at(59000)
    assert second.row(early)["status"] == "closed"


def test_a_fee_in_coins_is_part_of_what_it_needs(login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")
    terms = {"ordertype": "stop-loss", "type": "sell", "price": "59000", "oflags": "fcib"}
    assert second.post("AddOrder", pair="XBTUSD", volume="1", **terms).refusal == NOT_FUNDED
    txid = second.place("sell", "stop-loss", "0.9", price="59000", oflags="fcib")
    pit.at(59000)
    row = second.row(txid)
    assert (row["status"], row["oflags"], row["fee"]) == ("closed", "fcib", "212.40000")
    assert second.call("Balance")["XXBT"] == "0.0964000000"


# Prices


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
def test_what_a_stop_does_not_take(kraken: Client, pit: Pit, order: dict[str, str], refusal: str) -> None:
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
def test_prices_that_are_none(kraken: Client, pit: Pit, prices: dict[str, str], refusal: str) -> None:
    stop = {"type": "sell", "ordertype": "stop-loss-limit", "volume": "1", "price": "59000", "price2": "58995"}
    assert kraken.post("AddOrder", pair="XBTUSD", **(stop | prices)).refusal == f"EOrder:{refusal}"
    assert kraken.open_orders() == {}


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
    kraken: Client, pit: Pit, side: str, ordertype: str, price: str, fires_at: str
) -> None:
    txid = kraken.place(side, ordertype, "0.1", price=price)
    shown = kraken.row(txid)["descr"]["price"]
    assert shown[0] in "+-" and shown.strip("+-").startswith(price.strip("+-#%"))
    below = float(fires_at) < 60000
    pit.at(f"{float(fires_at) + (0.1 if below else -0.1):.1f}")
    assert kraken.row(txid)["status"] == "open"
    pit.at(fires_at)
    row = kraken.row(txid)
    assert (row["status"], row["stopprice"], row["descr"]["price"]) == ("closed", f"{float(fires_at):.5f}", shown)


def test_a_relative_trigger_of_an_index_stop_is_told_from_the_index(kraken: Client, pit: Pit) -> None:
    pit.pair.set_index("64000")
    txid = kraken.place("sell", "stop-loss", "0.1", price="-1000", trigger="index")
    pit.pair.set_index("63000.1")
    assert kraken.row(txid)["misc"] == ""
    pit.pair.set_index("63000")
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
    kraken: Client, pit: Pit, side: str, ordertype: str, price: str, price2: str, limit: str
) -> None:
    txid = kraken.place(side, ordertype, "0.1", price=price, price2=price2)
    assert kraken.row(txid)["limitprice"] == "0.00000"
    pit.at(61000 if price == "61000" else 59000)
    assert kraken.row(txid)["limitprice"] == f"{float(limit):.5f}"


# One after the other


def test_one_stop_sets_off_the_next(kraken: Client, login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")
    third = second.place("sell", "stop-loss", "0.2", price="58985")
    first = kraken.place("sell", "stop-loss", "1.5", price="59000")
    next_one = kraken.place("sell", "stop-loss", "4.7", price="58990")
    safe = kraken.place("sell", "stop-loss", "1", price="58979.9")
    pit.book("59000:1.001 58990:5 58980:9", "59010:1")
    pit.pair.trade("sell", "0.001", "59000")
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
    assert pit.pair.state()["last"] == "58980.00000"


def test_stops_at_one_level_fire_in_their_order(kraken: Client, login: Callable[..., Client], pit: Pit) -> None:
    second = login("second")
    first = second.place("sell", "stop-loss", "0.6", price="59000")
    then = kraken.place("sell", "stop-loss", "0.6", price="59000")
    nearer = kraken.place("sell", "stop-loss", "0.2", price="59000.1")
    pit.at(59000)
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
def test_an_amended_stop_queues_anew(kraken: Client, pit: Pit, change: dict[str, str], first_again: bool) -> None:
    first = kraken.place("sell", "stop-loss", "1", price="59000")
    second = kraken.place("sell", "stop-loss", "1", price="59000")
    if change:
        kraken.call("AmendOrder", txid=first, **change)
    if "trigger_price" in change:
        kraken.call("AmendOrder", txid=first, trigger_price="59000")
    pit.at(59000)
    won = first if first_again else second
    assert [row["price"] for row in kraken.fills(won)] == ["59000.00000"]


def test_a_fired_one_queues_behind_what_rests_at_its_limit(
    kraken: Client, login: Callable[..., Client], pit: Pit
) -> None:
    second = login("second")
    stop = kraken.place("sell", "stop-loss-limit", "0.5", price="59990", price2="60010")
    later = second.sell("0.3", "60010")  # came after the stop, but rested before it fired
    kraken.sell("1.5")  # through 60000, down to 59990: it fires
    assert kraken.row(stop)["misc"] == "stopped"
    pit.pair.trade("buy", "1.4", "60010")
    assert second.row(later)["status"] == "closed"  # 1 of the book, then 0.3
    assert kraken.row(stop)["vol_exec"] == "0.10000000"
    pit.pair.trade("buy", "0.4", "60010")
    assert kraken.row(stop)["status"] == "closed"


def test_it_never_trades_with_its_own_account(kraken: Client, pit: Pit) -> None:
    bid = kraken.buy("0.5", "59005")
    stop = kraken.place("sell", "stop-loss", "0.2", price="59000", stptype="cancel-oldest")
    newest = kraken.place("sell", "stop-loss", "0.2", price="59100")
    pit.book("59100:0.1", "59200:1")
    pit.pair.trade("sell", "0.1")
    assert kraken.ended(newest) == ("canceled", "Cannot trade with self")
    assert kraken.row(bid)["status"] == "open"
    pit.book("59006:0.1 59000:0.1 58000:9", "59200:1")
    kraken.call("AmendOrder", txid=stop, trigger_price="59006")
    pit.pair.trade("sell", "0.1", "59006")
    assert kraken.ended(bid) == ("canceled", "Cannot trade with self")
    assert [row["price"] for row in kraken.fills(stop)] == ["59000.00000", "58000.00000"]


def test_two_stops_that_face_each_other(kraken: Client, login: Callable[..., Client], pit: Pit) -> None:
    """The one that fires first rests, and the other takes from it."""
    second = login("second")
    offer = kraken.place("sell", "take-profit-limit", "0.1", price="61000", price2="61005")
    taker = second.place("buy", "stop-loss", "0.1", price="61000")
    pit.at(61000)
    (made,), (taken,) = kraken.fills(offer), second.fills(taker)
    assert (made["price"], made["maker"]) == ("61005.00000", True)
    assert (taken["price"], taken["maker"], taken["trade_id"]) == ("61005.00000", False, made["trade_id"])


# States of the exchange


@pytest.mark.parametrize("state", ["cancel_only", "post_only", "maintenance"])
@pytest.mark.parametrize("pair", [None, "XBTUSD"], ids=["exchange", "pair"])
def test_it_does_not_fire_while_nobody_trades(kraken: Client, pit: Pit, state: str, pair: str | None) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    pit.status.set(state, pair=pair)
    pit.pair.set_index("58000")
    with pytest.raises(ControlError):
        pit.pair.trade("sell", "0.1")
    pit.status.set("cancel_only" if state == "maintenance" else state, pair=pair)  # so that it may be looked at
    assert kraken.row(txid)["misc"] == ""
    assert kraken.post("AmendOrder", txid=txid, order_qty="0.2").errors[0].startswith("EService:Market in ")
    pit.status.set("online", pair=pair)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped", "60000.0")


def test_a_price_that_went_back_meanwhile_fires_nothing(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000", trigger="index")
    pit.status.set("cancel_only")
    pit.pair.set_index("58000")
    pit.pair.set_index("60000")
    pit.status.set("online")
    assert kraken.row(txid)["misc"] == ""


def test_it_is_cancelled_or_expires_while_nobody_trades(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    stop = {"ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
    dated, unwanted = kraken.place("sell", **stop, expiretm="+60"), kraken.place("sell", **stop)
    pit.status.set("cancel_only")
    refused = kraken.post("AddOrder", pair="XBTUSD", type="sell", **stop).refusal
    assert refused == "EService:Market in cancel_only mode"
    assert kraken.call("CancelOrder", txid=unwanted) == {"count": 1}
    sandbox.clock.advance(60 * SECOND)
    assert kraken.row(dated)["status"] == "expired"


def test_where_only_limit_orders_are_taken_a_stop_at_the_market_still_fires(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    pit.status.set("limit_only")
    order = {"pair": "XBTUSD", "type": "sell", "volume": "0.1", "price": "59000"}
    assert kraken.post("AddOrder", ordertype="stop-loss", **order).refusal == "EService:Market in limit_only mode"
    assert kraken.call("AddOrder", ordertype="stop-loss-limit", price2="58000", **order)
    pit.at(59000)
    assert kraken.row(txid)["status"] == "closed"
