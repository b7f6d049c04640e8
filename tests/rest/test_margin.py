"""Trading on margin over REST: positions open, grow, shrink, turn, cost and pay (kraken/30 §8.9, kraken/40 §1.4, §6.2).

The scene: `main` has 10,000 dollars, and pays 0.4 % as taker and 0.25 % as maker whatever it trades.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from mockkraken.clock import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

D = Decimal
MIDNIGHT = 1_767_225_600


@pytest.fixture(autouse=True)
def scene(pit: Pit) -> None:
    pit.step, pit.depth = "1", "200"
    pit.pair.patch(fees=[[0, "0.4"]], fees_maker=[[0, "0.25"]])
    pit.fund(ZUSD="10000")
    pit.at("50000")  # and 50001 is asked


def moves(pit: Pit, before: dict[str, dict[str, str]]) -> dict[str, dict[str, Decimal]]:
    """What has come to, or gone from, each account since then."""
    found = {}
    for name, balances in before.items():
        now = pit.accounts[name].state()["balances"]
        changes = {asset: D(now[asset]) - D(balances.get(asset, "0")) for asset in now}
        found[name] = {asset: change for asset, change in changes.items() if change}
    return found


def all_balances(pit: Pit) -> dict[str, dict[str, str]]:
    return {name: pit.accounts[name].state()["balances"] for name in ("main", "second", "house", "fees")}


def figures(kraken: Client, *names: str) -> dict[str, str]:
    balance = kraken.call("TradeBalance")
    return {name: balance[name] for name in names}


# Opening


def test_a_long_is_opened(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    """The lender pays the seller and keeps the coins; the client pays the two fees, and nothing else moves."""
    seller = login("second")
    pit.book("49990:1", "50010:1")
    seller.sell("0.1", "50000")
    before = all_balances(pit)
    placed = kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1", leverage="5")
    assert placed["descr"] == {"order": "buy 0.10000000 XBTUSD @ market with 5:1 leverage"}

    (txid,) = placed["txid"]
    order = kraken.row(txid)
    (trade,) = kraken.trades()
    assert order["descr"]["leverage"] == "5:1"
    assert order["descr"]["order"] == "buy 0.10000000 XBTUSD @ market with 5:1 leverage"
    assert (order["margin"], order["oflags"], order["misc"]) == (True, "fciq", "")
    assert (order["cost"], order["fee"]) == ("5000.00000", "20.00000")
    assert "reduce_only" not in order
    assert trade == {
        "id": order["trades"][0],
        "ordertxid": txid,
        "postxid": trade["id"],
        "pair": "XXBTZUSD",
        "aclass": "forex",
        "time": MIDNIGHT,
        "type": "buy",
        "ordertype": "market",
        "tradeordertype": "market",
        "price": "50000.00000",
        "cost": "5000.00000",
        "fee": "20.00000",
        "vol": "0.10000000",
        "margin": "1000.00000",
        "leverage": "5",
        "misc": "",
        "trade_id": trade["trade_id"],
        "maker": False,
        "posstatus": "open",
        "ledgers": trade["ledgers"],
    }
    # The trading fee, and 0.02 % for opening.
    ((ledger_id, row),) = kraken.call("Ledgers", type="margin")["ledger"].items()
    assert trade["ledgers"] == [ledger_id]
    assert (row["refid"], row["type"], row["subtype"]) == (trade["id"], "margin", "")
    assert kraken.ledger("margin") == [("ZUSD", "0.0000", "21.0000", "9979.0000")]
    assert kraken.call("Ledgers", type="trade")["count"] == 0

    assert moves(pit, before) == {
        "main": {"ZUSD": D(-21)},
        "second": {"ZUSD": D("4987.5"), "XXBT": D("-0.1")},
        "house": {"ZUSD": D(-5000), "XXBT": D("0.1")},
        "fees": {"ZUSD": D("33.5")},
    }
    assert list(kraken.call("OpenPositions")) == [trade["id"]]
    assert kraken.call("TradeVolume")["volume"] == "5000.0000"


def test_a_short_is_opened_by_an_order_that_rested(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    """The lender delivers the coins and keeps what they bring; a maker's rate is the maker's."""
    buyer = login("second")
    pit.book("49990:1", "50010:1")
    txid = kraken.sell("0.1", "50000", leverage="3")
    assert kraken.row(txid)["margin"] is True
    assert kraken.held("ZUSD") == "0.0000"
    assert kraken.call("BalanceEx").get("XXBT") in (None, {"balance": "0.0000000000", "hold_trade": "0.0000000000"})
    before = all_balances(pit)
    buyer.buy("0.1", "50000")
    (trade,) = kraken.trades()
    # 5000 / 3, half up.
    assert (trade["margin"], trade["leverage"], trade["maker"]) == ("1666.66667", "3", True)
    assert kraken.positions() == [("sell", "0.10000000", "0.00000000", "5000.00000")]
    assert kraken.ledger("margin") == [("ZUSD", "0.0000", "13.5000", "9986.5000")]
    assert moves(pit, before) == {
        "main": {"ZUSD": D("-13.5")},
        "second": {"ZUSD": D(-5020), "XXBT": D("0.1")},
        "house": {"ZUSD": D(5000), "XXBT": D("-0.1")},
        "fees": {"ZUSD": D("33.5")},
    }


def test_two_margin_traders_meet(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    """Nothing but fees moves: what the lender pays for one it gets from the other."""
    other = login("second")
    pit.book("49990:1", "50010:1")
    before = all_balances(pit)
    other.sell("0.1", "50000", leverage="2")
    kraken.buy("0.1", leverage="5")
    assert kraken.positions() == [("buy", "0.10000000", "0.00000000", "5000.00000")]
    assert other.positions() == [("sell", "0.10000000", "0.00000000", "5000.00000")]
    assert moves(pit, before) == {
        "main": {"ZUSD": D(-21)},
        "second": {"ZUSD": D("-13.5")},
        "house": {},
        "fees": {"ZUSD": D("34.5")},
    }


def test_each_fill_of_a_sweep_opens_a_position(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:0.1 50100:0.1 50200:1")
    kraken.buy("0.3", leverage="5")
    assert [cost for *_, cost in kraken.positions()] == ["5000.00000", "5010.00000", "5020.00000"]
    (joined,) = kraken.call("TradesHistory", ledgers="true")["trades"].values()
    assert (joined["cost"], joined["margin"], joined["fee"]) == ("15030.00000", "3006.00000", "60.12000")
    assert (joined["price"], joined["posstatus"]) == ("50100.00000", "open")
    assert len(joined["ledgers"]) == 3
    assert [row[2] for row in kraken.ledger("margin")] == ["21.0000", "21.0420", "21.0840"]
    # 3006 of what is left after 63.126 in fees; 0.3 at the last price, 50200, are worth 15060.
    assert figures(kraken, "tb", "m", "c", "v", "n", "e", "mf", "ml") == {
        "tb": "9936.8740",
        "m": "3006.0000",
        "c": "15030.0000",
        "v": "15060.0000",
        "n": "30.0000",
        "e": "9966.8740",
        "mf": "6960.8740",
        "ml": "331.57",
    }


# Closing


def test_profit_is_taken_from_the_oldest_position_first(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:0.1")
    kraken.buy("0.1", leverage="5")
    pit.book(asks="51000:0.1")
    kraken.buy("0.1", leverage="5")
    assert kraken.ledger("margin")[-1] == ("ZUSD", "0.0000", "21.4200", "9957.5800")
    pit.book("52000:1")
    before = all_balances(pit)
    txid = kraken.sell("0.15", leverage="5")

    # 0.15 bring 7800, a fee of 31.2. The first cost 5000, half of the second 2550: 250 more.
    assert kraken.ledger("margin")[-1] == ("ZUSD", "250.0000", "31.2000", "10176.3800")
    assert moves(pit, before) == {
        "main": {"ZUSD": D("218.8")},
        "second": {},
        "house": {"ZUSD": D(-250)},
        "fees": {"ZUSD": D("31.2")},
    }
    first, second, closing = kraken.trades()
    assert (closing["misc"], closing["postxid"], closing["margin"]) == ("closing", first["id"], "1560.00000")
    assert "posstatus" not in closing
    closed = ("posstatus", "cprice", "ccost", "cfee", "cvol", "cmargin", "net", "trades")
    assert [first[name] for name in closed] == [
        "closed",
        "52000.00000",
        "5200.00000",
        "20.80000",
        "0.10000000",
        "1000.00000",
        "+200.0000",
        [closing["id"]],
    ]
    assert [second[name] for name in closed] == [
        "open",
        "52000.00000",
        "2600.00000",
        "10.40000",
        "0.05000000",
        "510.00000",
        "+50.0000",
        [closing["id"]],
    ]
    assert kraken.positions() == [("buy", "0.10000000", "0.05000000", "5100.00000")]
    order = kraken.row(txid)
    assert (order["status"], order["cost"], order["fee"], order["misc"]) == ("closed", "7800.00000", "31.20000", "")
    # Half of the second is left: 2550 for 2600, with a margin of 510.
    assert figures(kraken, "tb", "m", "c", "v", "n", "e", "ml") == {
        "tb": "10176.3800",
        "m": "510.0000",
        "c": "2550.0000",
        "v": "2600.0000",
        "n": "50.0000",
        "e": "10226.3800",
        "ml": "2005.17",
    }

    pit.at("50000")
    kraken.sell("0.05", leverage="2")
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-50.0000", "10.0000", "10116.3800")
    assert kraken.positions() == []
    assert "ml" not in kraken.call("TradeBalance")
    _, second, _, last = kraken.trades()
    assert (second["posstatus"], second["net"], second["trades"]) == ("closed", "+0.0000", [closing["id"], last["id"]])
    assert second["cprice"] == "51000.00000"
    assert kraken.call("TradesHistory", type="closed position")["count"] == 2
    assert kraken.call("TradesHistory", type="closing position")["count"] == 2


def test_a_short_that_is_closed_at_a_loss(kraken: Client, pit: Pit) -> None:
    kraken.sell("0.1", leverage="2")
    pit.at("50999")
    before = all_balances(pit)
    kraken.buy("0.1", leverage="2")
    # Sold for 5000, bought for 5100 with a fee of 20.4.
    assert kraken.ledger("margin") == [
        ("ZUSD", "0.0000", "21.0000", "9979.0000"),
        ("ZUSD", "-100.0000", "20.4000", "9858.6000"),
    ]
    assert moves(pit, before)["house"] == {"ZUSD": D(100)}
    opening, closing = kraken.trades()
    assert (opening["net"], opening["posstatus"]) == ("-100.0000", "closed")
    assert (closing["misc"], closing["postxid"]) == ("closing", opening["id"])


def test_an_order_that_is_larger_than_the_position_turns_it(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.1", leverage="5")  # for 5000.1
    pit.book("50500:1")
    txid = kraken.sell("0.25", leverage="5")
    opening, turn = kraken.trades()
    # It brings 12625 and a fee of 50.5; two fifths of both close.
    assert (opening["posstatus"], opening["ccost"], opening["cfee"]) == ("closed", "5050.00000", "20.20000")
    assert opening["net"] == "+49.9000"
    assert (turn["postxid"], turn["misc"], turn["posstatus"]) == (turn["id"], "closing", "open")
    assert (turn["cost"], turn["margin"], turn["fee"]) == ("12625.00000", "2525.00000", "50.50000")
    assert len(turn["ledgers"]) == 2
    # Opened for 20.0004 and 1.00002; then 49.9 less 20.2; then 30.3 and 0.02 % of 7575.
    assert kraken.ledger("margin") == [
        ("ZUSD", "0.0000", "21.0004", "9978.9996"),
        ("ZUSD", "49.9000", "20.2000", "10008.6996"),
        ("ZUSD", "0.0000", "31.8150", "9976.8846"),
    ]
    assert {row["refid"] for row in kraken.call("Ledgers", type="margin")["ledger"].values()} == {
        opening["id"],
        turn["id"],
    }
    assert kraken.positions() == [("sell", "0.15000000", "0.00000000", "7575.00000")]
    position = kraken.call("OpenPositions")[turn["id"]]
    assert (position["fee"], position["margin"], position["ordertxid"]) == ("30.30000", "1515.00000", txid)
    assert figures(kraken, "m", "c", "v", "n") == {"m": "1515.0000", "c": "7575.0000", "v": "7575.0000", "n": "0.0000"}


def test_volume_0_closes_all_there_is(kraken: Client, pit: Pit) -> None:
    for volume in ("0.1", "0.05", "0.00005123"):
        kraken.buy(volume, leverage="5")
    placed = kraken.call("AddOrder", pair="XBTUSD", type="sell", ordertype="market", volume="0", leverage="5")
    # The answer repeats what was asked for; the engine fills in the volume.
    assert placed["descr"]["order"] == "sell 0.00000000 XBTUSD @ market with 5:1 leverage"
    row = kraken.row(placed["txid"][0])
    assert row["descr"]["order"] == "sell 0.15005123 XBTUSD @ market with 5:1 leverage"
    assert (row["vol"], row["vol_exec"], row["status"]) == ("0.15005123", "0.15005123", "closed")
    assert kraken.positions() == []

    # A limit order takes the volume of the moment.
    kraken.sell("0.1", leverage="5")
    txid = kraken.buy("0", "49000", leverage="5")
    assert kraken.row(txid)["vol"] == "0.10000000"


def test_volume_0_without_a_position(kraken: Client) -> None:
    fields = {"pair": "XBTUSD", "ordertype": "market", "volume": "0"}
    assert kraken.post("AddOrder", type="sell", leverage="5", **fields).refusal == "EOrder:Unknown position"
    assert kraken.post("AddOrder", type="sell", **fields).refusal == "EGeneral:Invalid arguments:volume"
    assert (
        kraken.post("AddOrder", type="sell", leverage="none", **fields).refusal == "EGeneral:Invalid arguments:volume"
    )
    kraken.buy("0.1", leverage="5")
    assert kraken.post("AddOrder", type="buy", leverage="5", **fields).refusal == "EOrder:Unknown position"
    assert kraken.open_orders() == {}


def test_a_spot_order_leaves_positions_alone(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="10000", XXBT="1")
    kraken.buy("0.1", leverage="5")
    kraken.sell("0.1")
    assert kraken.positions() == [("buy", "0.10000000", "0.00000000", "5000.10000")]
    assert kraken.call("Ledgers", type="trade")["count"] == 2
    assert kraken.call("TradesHistory", type="no position")["count"] == 1


def test_positions_of_two_pairs_are_apart(kraken: Client, pit: Pit) -> None:
    pit.at("2500", "ETHUSD")
    kraken.buy("0.1", leverage="5")
    kraken.sell("1", pair="ETHUSD", leverage="2")
    kraken.sell("0.1", leverage="5")
    assert kraken.positions() == [("sell", "1.00000000", "0.00000000", "2500.00000")]


# Reduce only


def test_reduce_only_takes_no_more_than_there_is(kraken: Client) -> None:
    kraken.buy("0.1", leverage="5")
    txid = kraken.sell("0.3", leverage="5", reduce_only="true")
    row = kraken.row(txid)
    assert (row["status"], row["reason"]) == ("canceled", "Reduce only:Position is closed")
    assert (row["vol"], row["vol_exec"], row["misc"]) == ("0.30000000", "0.10000000", "partial")
    assert row["reduce_only"] is True
    assert kraken.positions() == []


@pytest.mark.parametrize("price", [None, "40000"])
def test_reduce_only_that_fits_is_an_order_like_others(kraken: Client, price: str | None) -> None:
    kraken.buy("0.3", leverage="5")
    row = kraken.row(kraken.sell("0.1", price, leverage="5", reduce_only="true"))
    assert (row["status"], row["vol_exec"]) == ("closed", "0.10000000")
    assert kraken.positions() == [("buy", "0.30000000", "0.10000000", "15000.30000")]


@pytest.mark.parametrize("price", [None, "60000"])
@pytest.mark.parametrize("position", ["none", "same side"])
def test_reduce_only_needs_something_to_reduce(kraken: Client, price: str | None, position: str) -> None:
    if position == "same side":
        kraken.sell("0.1", leverage="5")
    fields = {"ordertype": "market"} if price is None else {"ordertype": "limit", "price": price}
    fields |= {"pair": "XBTUSD", "type": "sell", "volume": "0.1", "reduce_only": "true"}
    assert kraken.post("AddOrder", leverage="5", **fields).refusal == "EOrder:Reduce only:No position exists"
    assert kraken.post("AddOrder", **fields).refusal == "EOrder:Reduce only:Non-PC"
    assert kraken.open_orders() == {}


def test_a_resting_reduce_only_order_shrinks_with_its_position(kraken: Client) -> None:
    """The least aggressive goes first, and an order that may open a position stays as it is."""
    kraken.buy("0.3", leverage="5")
    far = kraken.sell("0.1", "53000", leverage="5", reduce_only="true")
    near = kraken.sell("0.2", "51000", leverage="5", reduce_only="true")
    free = kraken.sell("0.2", "52000", leverage="5")
    kraken.sell("0.05", leverage="5")
    assert [kraken.row(txid)["vol"] for txid in (far, near, free)] == ["0.05000000", "0.20000000", "0.20000000"]
    kraken.sell("0.1", leverage="5")
    rows = [kraken.row(txid) for txid in (far, near, free)]
    assert [row["status"] for row in rows] == ["canceled", "open", "open"]
    assert [row["vol"] for row in rows] == ["0.05000000", "0.15000000", "0.20000000"]
    assert rows[0]["reason"] == "Reduce only:Position is closed"
    assert rows[1]["misc"] == "amended"
    first, last = kraken.call("OrderAmends", order_id=near)["amends"]
    assert (first["amend_type"], first["order_qty"]) == ("original", "0.20000000")
    assert (last["amend_type"], last["order_qty"]) == ("restated", "0.15000000")
    assert last["reason"] == "Reduce only:Position is closed"
    kraken.sell("0", leverage="5")
    assert [kraken.row(txid)["status"] for txid in (near, free)] == ["canceled", "open"]


def test_a_resting_reduce_only_order_closes_and_no_more(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.2", leverage="5")
    txid = kraken.sell("0.5", "51000", leverage="5", reduce_only="true")
    assert kraken.row(txid)["vol"] == "0.20000000"
    pit.book("51500:1")
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"], row["price"]) == ("closed", "0.20000000", "51000.0")
    assert kraken.positions() == []


def test_resting_reduce_only_orders_share_one_position(kraken: Client) -> None:
    kraken.buy("0.2", leverage="5")
    first = kraken.sell("0.15", "52000", leverage="5", reduce_only="true")
    second = kraken.sell("0.15", "51000", leverage="5", reduce_only="true")
    assert [kraken.row(txid)["vol"] for txid in (first, second)] == ["0.05000000", "0.15000000"]


def test_a_reduce_only_order_is_not_amended_beyond_its_position(kraken: Client) -> None:
    kraken.buy("0.2", leverage="5")
    txid = kraken.sell("0.1", "52000", leverage="5", reduce_only="true")
    kraken.call("AmendOrder", txid=txid, order_qty="0.5")
    assert kraken.row(txid)["vol"] == "0.20000000"
    kraken.call("AmendOrder", txid=txid, limit_price="50000")
    assert kraken.positions() == []
    assert kraken.row(txid)["status"] == "closed"


def test_a_stop_that_only_reduces_is_looked_at_when_it_fires(kraken: Client, pit: Pit) -> None:
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "reduce_only": "true", "leverage": "5"}
    (early,) = kraken.call("AddOrder", volume="0.5", price="49000", **stop)["txid"]
    (late,) = kraken.call("AddOrder", volume="0.5", price="48000", **stop)["txid"]
    kraken.buy("0.1", leverage="5")
    pit.at("49000")
    row = kraken.row(early)
    assert (row["status"], row["vol_exec"]) == ("canceled", "0.10000000")
    assert (row["reason"], row["misc"]) == ("Reduce only:Position is closed", "stopped,partial")
    assert kraken.positions() == []
    pit.at("48000")
    row = kraken.row(late)
    assert (row["status"], row["vol_exec"], row["misc"]) == ("canceled", "0.00000000", "stopped")
    assert row["reason"] == "Reduce only:Position is closed"


# Settling


def test_a_long_is_settled(kraken: Client, pit: Pit) -> None:
    """The client pays what its coins cost and gets them; the position's profit is now in the coins."""
    kraken.buy("0.1", leverage="5")  # for 5000.1, with fees of 21.0004
    pit.at("55000")
    before = all_balances(pit)
    placed = kraken.call(
        "AddOrder", pair="XBTUSD", type="sell", ordertype="settle-position", volume="0.04", leverage="5"
    )
    assert placed["descr"]["order"] == "sell 0.04000000 XBTUSD @ settle position with 5:1 leverage"
    opening, settling = kraken.trades()
    assert [settling[name] for name in ("ordertype", "misc", "price", "cost", "fee", "vol", "postxid")] == [
        "settle position",
        "closing",
        "50001.00000",
        "2000.04000",
        "0.00000",
        "0.04000000",
        opening["id"],
    ]
    assert kraken.ledger("settled") == [
        ("XXBT", "0.0400000000", "0.0000000000", "0.0400000000"),
        ("ZUSD", "-2000.0400", "0.0000", "7978.9596"),
    ]
    ledger = kraken.call("Ledgers", type="settled")["ledger"]
    assert {row["refid"] for row in ledger.values()} == {settling["id"]}
    assert sorted(settling["ledgers"]) == sorted(ledger)
    assert len(kraken.ledger("margin")) == 1
    assert moves(pit, before) == {
        "main": {"XXBT": D("0.04"), "ZUSD": D("-2000.04")},
        "second": {},
        "house": {"XXBT": D("-0.04"), "ZUSD": D("2000.04")},
        "fees": {},
    }
    assert kraken.positions() == [("buy", "0.10000000", "0.04000000", "5000.10000")]
    (row,) = [row for row in kraken.call("ClosedOrders")["closed"].values() if "settle" in row["descr"]["order"]]
    assert (row["status"], row["vol_exec"], row["cost"], row["fee"]) == (
        "closed",
        "0.04000000",
        "2000.04000",
        "0.00000",
    )
    assert row["descr"]["ordertype"] == "settle-position"

    # The rest, and more than there is: it settles what there is.
    (txid,) = kraken.call(
        "AddOrder", pair="XBTUSD", type="sell", ordertype="settle-position", volume="1", leverage="5"
    )["txid"]
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"]) == ("canceled", "0.06000000")
    assert row["reason"] == "Reduce only:Position is closed"
    assert kraken.call("Balance") | {"XXBT": "0.1000000000", "ZUSD": "4978.8996"} == kraken.call("Balance")
    assert "ml" not in kraken.call("TradeBalance")


def test_a_short_is_settled_oldest_first(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="10000", XXBT="1")
    kraken.sell("0.1", leverage="5")
    pit.at("51000")
    kraken.sell("0.1", leverage="5")
    before = all_balances(pit)
    kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="settle-position", volume="0.15", leverage="2")
    # 5000 for the first, half of 5100 for the second.
    assert moves(pit, before) == {
        "main": {"XXBT": D("-0.15"), "ZUSD": D(7550)},
        "second": {},
        "house": {"XXBT": D("0.15"), "ZUSD": D(-7550)},
        "fees": {},
    }
    assert kraken.positions() == [("sell", "0.10000000", "0.05000000", "5100.00000")]
    assert kraken.trades()[-1]["price"] == "50333.33333"
    kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="settle-position", volume="0", leverage="2")
    assert kraken.positions() == []
    assert kraken.trades()[-1]["vol"] == "0.05000000"


def test_what_settling_takes(kraken: Client, pit: Pit) -> None:
    settle = {"pair": "XBTUSD", "ordertype": "settle-position", "leverage": "5"}
    for side in ("buy", "sell"):
        for volume in ("0", "0.1"):
            answer = kraken.post("AddOrder", type=side, volume=volume, **settle)
            assert answer.refusal == "EOrder:Unknown position"
    kraken.sell("0.1", leverage="5")
    close = {"close[ordertype]": "limit", "close[price]": "60000"}
    assert kraken.post("AddOrder", type="buy", volume="0.1", **settle, **close).refusal == (
        "EGeneral:Invalid arguments:close"
    )
    assert kraken.post("AddOrder", type="sell", volume="0.1", **settle).refusal == "EOrder:Unknown position"
    assert kraken.post("AddOrder", type="buy", volume="0.1", **settle).refusal == "EOrder:Insufficient funds"
    pit.fund(ZUSD="10000", XXBT="0.05")
    kraken.sell("0.01", "60000")  # which holds a part of the coins
    assert kraken.post("AddOrder", type="buy", volume="0.05", **settle).refusal == "EOrder:Insufficient funds"
    assert kraken.post("AddOrder", type="buy", volume="0.1", **settle).refusal == "EOrder:Insufficient funds"
    assert kraken.post("AddOrder", type="buy", volume="0.04", **settle).result["txid"]
    pit.fund(ZUSD="4000", XXBT="0.01")
    kraken.buy("0", leverage="5")
    kraken.buy("0.1", leverage="5")
    assert kraken.post("AddOrder", type="sell", volume="0.1", **settle).refusal == "EOrder:Insufficient funds"
    assert kraken.positions() == [("buy", "0.10000000", "0.00000000", "5000.10000")]


# Keeping a position costs


def test_rollover_every_four_hours(kraken: Client, pit: Pit) -> None:
    clock = kraken.sandbox.clock
    kraken.buy("0.1", leverage="5")
    clock.advance(HOUR)
    kraken.buy("0.2", leverage="5")
    first, second = kraken.call("OpenPositions")
    clock.advance(3 * HOUR - SECOND)
    assert kraken.ledger("rollover") == []
    before = all_balances(pit)
    clock.advance(SECOND)
    # 0.02 % of 5000.1
    assert kraken.ledger("rollover") == [("ZUSD", "0.0000", "1.0000", "9935.9988")]
    assert moves(pit, before) == {"main": {"ZUSD": D(-1)}, "second": {}, "house": {}, "fees": {"ZUSD": D(1)}}
    assert kraken.call("OpenPositions")[first]["rollovertm"] == str(MIDNIGHT + 8 * 3600)
    assert kraken.call("OpenPositions")[second]["rollovertm"] == str(MIDNIGHT + 5 * 3600)

    clock.advance(HOUR)
    kraken.sell("0.15", leverage="5")
    clock.advance(24 * HOUR)
    # The first is closed; of the second, three quarters are left: 7500.15.
    found = list(reversed(kraken.call("Ledgers", type="rollover")["ledger"].values()))
    assert [(row["refid"], row["fee"], row["amount"]) for row in found] == [
        (first, "1.0000", "0.0000"),
        (second, "2.0000", "0.0000"),
        *[(second, "1.5000", "0.0000")] * 6,
    ]
    assert [row["time"] - MIDNIGHT for row in found] == [hours * 3600 for hours in (4, 5, 9, 13, 17, 21, 25, 29)]
    kraken.sell("0", leverage="5")
    clock.advance(24 * HOUR)
    assert len(kraken.ledger("rollover")) == 8


def test_rollover_of_several_positions_at_once(kraken: Client) -> None:
    for _ in range(3):
        kraken.sell("0.1", leverage="5")
    ids = list(kraken.call("OpenPositions"))
    kraken.sandbox.clock.advance(8 * HOUR + MINUTE)
    found = list(reversed(kraken.call("Ledgers", type="rollover")["ledger"].values()))
    assert [row["refid"] for row in found] == ids * 2
    assert kraken.call("Balance")["ZUSD"] == "9931.0000"


def test_margin_fees_are_the_pairs(kraken: Client, pit: Pit) -> None:
    pit.pair.patch(margin_open_fee="0.05", margin_rollover_fee="0.01")
    kraken.buy("0.1", leverage="5")
    ((_, row),) = kraken.call("OpenPositions").items()
    assert row["terms"] == "0.0100% per 4 hours"
    kraken.sandbox.clock.advance(4 * HOUR)
    pit.pair.patch(margin_rollover_fee="0.04")
    kraken.sandbox.clock.advance(4 * HOUR)
    assert [row[2] for row in kraken.ledger("margin")] == ["22.5005"]
    assert [row[2] for row in kraken.ledger("rollover")] == ["0.5000", "2.0000"]
    pit.pair.patch(margin_rollover_fee="0", margin_open_fee="0")
    kraken.buy("0.1", leverage="5")
    assert kraken.ledger("margin")[-1][2] == "20.0004"


def test_fees_are_taken_in_quote_whatever_is_preferred(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="10000", XXBT="1")
    for side in (kraken.buy, kraken.sell):
        txid = side("0.1", leverage="5", oflags="fcib")
        assert kraken.row(txid)["oflags"] == "fciq"
    assert [(asset, fee) for asset, _, fee, _ in kraken.ledger("margin")] == [("ZUSD", "21.0004"), ("ZUSD", "20.0000")]
    assert kraken.call("Balance")["XXBT"] == "1.0000000000"


def test_credits_pay_no_margin_fees(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="10000", KFEE="100000")
    kraken.buy("0.1", leverage="5")
    assert kraken.ledger("margin") == [("ZUSD", "0.0000", "21.0004", "9978.9996")]
    assert kraken.call("Balance")["KFEE"] == "100000.00"


def test_what_is_lacking_in_quote_is_paid_in_other_collateral(kraken: Client, pit: Pit) -> None:
    """Each asset's part is a row of its own, under the same reference."""
    pit.fund(ZUSD="10", DOT="1000", KFEE="1000")
    pit.book(last="7", pair="DOTUSD")
    kraken.buy("0.1", leverage="5")  # the fees are 21.0004
    ledger = list(reversed(kraken.call("Ledgers", type="margin")["ledger"].values()))
    assert {row["refid"] for row in ledger} == set(kraken.call("OpenPositions"))
    assert [trade["ledgers"] for trade in kraken.trades()] == [
        list(reversed(kraken.call("Ledgers", type="margin")["ledger"]))
    ]
    # 11.0004 dollars at 7 for a DOT, rounded up
    assert kraken.ledger("margin") == [
        ("ZUSD", "0.0000", "10.0000", "0.0000"),
        ("DOT", "0.0000000000", "1.5714857143", "998.4285142857"),
    ]
    kraken.sandbox.clock.advance(4 * HOUR)  # 0.02 % of 5000.1 is a dollar, to four digits
    assert kraken.ledger("rollover") == [
        ("ZUSD", "0.0000", "0.0000", "0.0000"),
        ("DOT", "0.0000000000", "0.1428571429", "998.2856571428"),
    ]


# Refusals


def test_leverage_that_the_pair_does_not_have(kraken: Client, pit: Pit) -> None:
    for leverage in ("1", "11", "x", "5:2", "2.5", "-2"):
        answer = kraken.post("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1", leverage=leverage)
        assert answer.refusal == "EGeneral:Invalid arguments:leverage"
    pit.pair.patch(leverage_buy=[2], leverage_sell=[])
    assert kraken.row(kraken.buy("0.1", leverage="2:1"))["descr"]["leverage"] == "2:1"
    for side, leverage in (("buy", "3"), ("sell", "2")):
        answer = kraken.post("AddOrder", pair="XBTUSD", type=side, ordertype="market", volume="0.1", leverage=leverage)
        assert answer.refusal == "EGeneral:Invalid arguments:leverage"
    for leverage in ("none", "0", ""):
        assert "margin" not in kraken.row(kraken.buy("0.001", leverage=leverage))


def test_an_account_without_margin(kraken: Client, pit: Pit) -> None:
    """It opens nothing, but still closes what it has."""
    kraken.buy("0.1", leverage="5")
    pit.accounts["main"].patch(margin=False)
    fields = {"pair": "XBTUSD", "ordertype": "market", "leverage": "5"}
    assert kraken.post("AddOrder", type="buy", volume="0.1", **fields).refusal == "EOrder:Cannot open position"
    assert kraken.post("AddOrder", type="sell", volume="0.2", **fields).refusal == "EOrder:Cannot open position"
    assert kraken.call("AddOrder", type="buy", volume="0.1", validate="true", **fields)["descr"]
    kraken.sell("0.1", leverage="5")
    assert kraken.positions() == []


def test_the_margin_has_to_be_there(kraken: Client, pit: Pit) -> None:
    """Free margin is 10,000 less what is in use, less what open orders will use."""
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "49000"}
    too_much = kraken.post("AddOrder", volume="0.40817", leverage="2", **fields)  # takes 10000.165
    assert too_much.refusal == "EOrder:Margin level too low"
    assert kraken.journal()["reason"] == "it takes a margin of 10000.1650 USD, and 10000.0000 is free"
    kraken.buy("0.4", "50000", leverage="2")
    assert figures(kraken, "mfo") == {"mfo": "0.0000"}
    kraken.call("CancelAll")
    kraken.call("AddOrder", volume="0.4", leverage="5", **fields)
    assert figures(kraken, "mf", "mfo", "uv", "m") == {
        "mf": "10000.0000",
        "mfo": "6080.0000",
        "uv": "19600.0000",
        "m": "0.0000",
    }
    assert kraken.post("AddOrder", volume="0.63", leverage="5", **fields).refusal == "EOrder:Margin level too low"
    kraken.call("AddOrder", volume="0.62", leverage="5", **fields)
    assert figures(kraken, "mfo") == {"mfo": "4.0000"}
    market = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001", "leverage": "2"}
    assert kraken.post("AddOrder", **market).refusal == "EOrder:Margin level too low"
    assert kraken.call("CancelAll") == {"count": 2}
    assert figures(kraken, "mfo", "uv") == {"mfo": "10000.0000", "uv": "0.0000"}
    assert kraken.call("AddOrder", **market)["txid"]


def test_what_only_closes_takes_no_margin(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.9", leverage="5")  # 9000.18 of 9811 are used
    fields = {"pair": "XBTUSD", "ordertype": "limit", "leverage": "5"}
    assert kraken.post("AddOrder", type="buy", price="50000", volume="0.1", **fields).refusal == (
        "EOrder:Margin level too low"
    )
    assert kraken.call("AddOrder", type="sell", price="50000", volume="0.9", **fields)["txid"]
    assert kraken.positions() == []


def test_turning_a_position_has_the_margin_of_what_it_closes(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.9", leverage="5")  # 9000.18 of 9811 are used
    fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "50000", "leverage": "5"}
    assert kraken.post("AddOrder", volume="1.9", **fields).refusal == "EOrder:Margin level too low"
    assert kraken.call("AddOrder", volume="1.1", **fields)["txid"]
    assert kraken.positions() == [("sell", "0.20000000", "0.00000000", "10000.00000")]


def test_the_size_of_a_position_is_limited(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="100000000")
    pit.pair.patch(long_position_limit=3, short_position_limit=2)
    fields = {"pair": "XBTUSD", "ordertype": "market", "leverage": "5"}
    refusal = "EOrder:Margin position size exceeded"
    assert kraken.post("AddOrder", type="sell", volume="2.00000001", **fields).refusal == refusal
    assert kraken.post("AddOrder", type="buy", volume="3.1", **fields).refusal == refusal
    kraken.buy("2", leverage="5")
    assert kraken.post("AddOrder", type="buy", volume="1.1", **fields).refusal == refusal
    kraken.buy("1", leverage="5")
    # What closes does not count: 3 close, 2 open.
    assert kraken.post("AddOrder", type="sell", volume="5.1", **fields).refusal == refusal
    kraken.sell("5", leverage="5")
    assert kraken.positions() == [("sell", "2.00000000", "0.00000000", "100000.00000")]


def test_a_refused_margin_order_is_a_row_of_its_batch(kraken: Client, pit: Pit) -> None:
    order = {"ordertype": "limit", "type": "buy", "price": "49000", "leverage": "5"}
    answer = kraken.post_json(
        "AddOrderBatch", pair="XBTUSD", orders=[order | {"volume": "9"}, order | {"volume": "0.1"}]
    )
    refused, placed = answer.result["orders"]
    assert refused == {"error": "EOrder:Margin level too low"}
    assert placed["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 49000.0 with 5:1 leverage"


def test_a_stop_is_looked_at_when_it_fires(kraken: Client, pit: Pit) -> None:
    """Neither margin nor eligibility are looked at before."""
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "leverage": "2"}
    (large,) = kraken.call("AddOrder", volume="2", price="49000", **stop)["txid"]
    (small,) = kraken.call("AddOrder", volume="0.1", price="48000", **stop)["txid"]
    assert figures(kraken, "mfo", "uv") == {"mfo": "10000.0000", "uv": "102800.0000"}
    pit.at("49000")
    row = kraken.row(large)
    assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Insufficient margin", "stopped")
    pit.at("48000")
    assert kraken.row(small)["status"] == "closed"
    assert kraken.trades()[-1]["ordertype"] == "stop-loss"
    assert kraken.positions() == [("sell", "0.10000000", "0.00000000", "4800.00000")]


# The account as a whole


def test_the_trade_balance_step_by_step(kraken: Client, pit: Pit) -> None:
    """Collateral is 10,000 dollars, and half a coin at 99 %."""
    pit.fund(ZUSD="10000", XXBT="0.5", KFEE="500")
    assert kraken.call("TradeBalance") == {
        "eb": "35000.0000",
        "tb": "34750.0000",
        "m": "0.0000",
        "uv": "0.0000",
        "n": "0.0000",
        "c": "0.0000",
        "v": "0.0000",
        "e": "34750.0000",
        "mf": "34750.0000",
        "mfo": "34750.0000",
    }
    kraken.sell("1", leverage="4")  # fees: 200 and 10
    pit.at("51000")
    # Coins: 25500, as collateral 25245.
    after = {
        "eb": "35290.0000",
        "tb": "35035.0000",
        "m": "12500.0000",
        "uv": "0.0000",
        "n": "-1000.0000",
        "c": "50000.0000",
        "v": "51000.0000",
        "e": "34035.0000",
        "mf": "21535.0000",
        "ml": "272.28",
        "mfo": "21535.0000",
    }
    assert kraken.call("TradeBalance") == after
    # An order on the other side takes margin like any other [guess]; one that only reduces, none.
    kraken.buy("0.5", "50000", leverage="5")
    assert kraken.call("TradeBalance") == after | {"uv": "25000.0000", "mfo": "16535.0000"}
    kraken.call("CancelAll")
    txid = kraken.buy("0.5", "50000", leverage="5", reduce_only="true")
    assert kraken.call("TradeBalance") == after | {"uv": "25000.0000"}
    kraken.sandbox.clock.advance(4 * HOUR)
    charged = {"eb": "35280.0000", "tb": "35025.0000", "e": "34025.0000", "mf": "21525.0000", "mfo": "21525.0000"}
    assert kraken.call("TradeBalance") == after | charged | {"uv": "25000.0000", "ml": "272.20"}
    # 0.2 of it close at par, for a fee of 25; the last price is 50000 then.
    pit.fill(txid, "0.2")
    assert kraken.call("TradeBalance") == {
        "eb": "34755.0000",
        "tb": "34505.0000",
        "m": "10000.0000",
        "uv": "15000.0000",
        "n": "0.0000",
        "c": "40000.0000",
        "v": "40000.0000",
        "e": "34505.0000",
        "mf": "24505.0000",
        "ml": "345.05",
        "mfo": "24505.0000",
    }


def test_another_currency(kraken: Client, pit: Pit) -> None:
    """A position in euros: fees and profit are euros, the margin counts at what a euro is worth."""
    pit.fund(ZUSD="10000", ZEUR="1000")
    pit.book("1.25:1000", pair="EURUSD")
    pit.pairs["EURUSD"].trade("sell", "1")
    pit.pairs["XBTEUR"].patch(fees=[[0, "0.4"]])
    pit.at("40000", "XBTEUR")
    assert figures(kraken, "eb", "tb") == {"eb": "11250.0000", "tb": "11250.0000"}
    kraken.sell("0.1", pair="XBTEUR", leverage="4")
    assert kraken.ledger("margin") == [("ZEUR", "0.0000", "16.8000", "983.2000")]
    pit.at("39000", "XBTEUR")
    # 4000 sold, 3900 to buy back; 1000 of margin.
    assert figures(kraken, "tb", "m", "c", "v", "n", "e", "ml") == {
        "tb": "11229.0000",
        "m": "1250.0000",
        "c": "5000.0000",
        "v": "4875.0000",
        "n": "125.0000",
        "e": "11354.0000",
        "ml": "908.32",
    }
    in_euros = kraken.call("TradeBalance", asset="ZEUR")
    assert (in_euros["m"], in_euros["n"], in_euros["e"], in_euros["ml"]) == (
        "1000.0000",
        "100.0000",
        "9083.2000",
        "908.32",
    )
    kraken.buy("0.1", pair="XBTEUR", leverage="4")  # at 39001
    assert kraken.ledger("margin")[-1] == ("ZEUR", "99.9000", "15.6004", "1067.4996")


# Conditional close


def test_a_conditional_close_closes_the_position(kraken: Client, pit: Pit) -> None:
    fields = {"close[ordertype]": "limit", "close[price]": "51000", "leverage": "5"}
    placed = kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1", **fields)
    assert placed["descr"]["close"] == "close position @ limit 51000.0"
    ((child_id, child),) = kraken.open_orders().items()
    assert child["refid"] == placed["txid"][0]
    assert child["descr"]["order"] == "sell 0.10000000 XBTUSD @ limit 51000.0 with 5:1 leverage"
    assert (child["margin"], child["descr"]["leverage"]) == (True, "5:1")
    pit.book("51000:1")
    assert kraken.row(child_id)["status"] == "closed"
    assert kraken.positions() == []
    # A maker of 5100: 12.75.
    assert kraken.ledger("margin")[-1] == ("ZUSD", "99.9000", "12.7500", "10066.1496")


def test_a_conditional_close_opens_a_position_when_the_first_is_gone(kraken: Client, pit: Pit) -> None:
    fields = {"close[ordertype]": "stop-loss", "close[price]": "#2%", "leverage": "5"}
    kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="50001", volume="0.1", **fields)
    kraken.sell("0", leverage="5")
    pit.at("49000")
    assert kraken.positions() == [("sell", "0.10000000", "0.00000000", "4900.00000")]
