"""When margin runs out: the call, the liquidation, and who pays for what is lost (kraken/30 §8.9, kraken/40 §6.2).

The scene: `main` has 10,000 dollars and is long one coin at 50,000 with 10:1, without fees. Its margin is 5000: it is
called when its equity has come down to 4000, at 44000, and liquidated at 2000, when the coin is at 42000.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

D = Decimal


@pytest.fixture(autouse=True)
def scene(kraken: Client, pit: Pit) -> None:
    pit.step, pit.depth = "1", "200"
    pit.pair.patch(fees=[[0, "0"]], fees_maker=[[0, "0"]], margin_open_fee="0", margin_rollover_fee="0")
    pit.fund(ZUSD="10000")
    pit.book("49999:10", "50000:10")
    kraken.buy("1", leverage="10")


def called(pit: Pit, name: str = "main") -> bool:
    row = pit.accounts[name].state()["margin_call"]
    assert isinstance(row, bool)
    return row


def liquidations(kraken: Client) -> list[dict[str, Any]]:
    """The orders of that kind, the oldest first."""
    closed = kraken.call("ClosedOrders", trades="true")["closed"]
    return [row for row in reversed(closed.values()) if "liquidated" in row["misc"]]


# The call


def test_margin_is_called(kraken: Client, pit: Pit) -> None:
    told: list[str] = []
    kraken.sandbox.exchange.events.margin_call.append(lambda account: told.append(account.name))
    assert not called(pit)
    pit.at("44000.1")
    assert kraken.call("TradeBalance")["ml"] == "80.00"
    assert not called(pit)
    pit.at("44000")
    assert called(pit)
    assert kraken.call("TradeBalance") | {"e": "4000.0000", "mf": "-1000.0000", "ml": "80.00"} == kraken.call(
        "TradeBalance"
    )
    pit.at("43000")
    assert told == ["main"]
    assert not called(pit, "second")
    pit.at("44001")
    assert not called(pit)
    pit.at("43999")
    assert (called(pit), told) == (True, ["main", "main"])
    # Whoever has no position has no margin to call.
    kraken.sell("1", leverage="10")
    assert not called(pit)


def test_a_called_account_opens_nothing(kraken: Client, pit: Pit) -> None:
    pit.at("44000")
    fields = {"pair": "XBTUSD", "ordertype": "market", "volume": "0.001", "leverage": "2"}
    assert kraken.post("AddOrder", type="buy", **fields).refusal == "EOrder:Margin level too low"
    assert kraken.post("AddOrder", type="sell", **fields).result["txid"]


# The liquidation


def test_a_long_is_liquidated(kraken: Client, pit: Pit) -> None:
    pit.at("42000.1")
    assert liquidations(kraken) == []
    pit.at("42000")
    (order,) = liquidations(kraken)
    assert (
        order["descr"]
        | {
            "type": "sell",
            "ordertype": "market",
            "leverage": "10:1",
            "order": "sell 1.00000000 XBTUSD @ market with 10:1 leverage",
        }
        == order["descr"]
    )
    shown = ("status", "reason", "misc", "vol_exec", "price", "margin", "reduce_only", "userref", "refid")
    assert [order[name] for name in shown] == [
        "closed",
        "Liquidation",
        "liquidated",
        "1.00000000",
        "42000.0",
        True,
        True,
        0,
        None,
    ]
    trade = kraken.trades(consolidated=True)[-1]
    assert [trade[name] for name in ("ordertype", "tradeordertype", "misc", "price", "leverage", "maker")] == [
        "liquidation market",
        "market",
        "closing",
        "42000.00000",
        "10",
        False,
    ]
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-8000.0000", "0.0000", "2000.0000")
    assert kraken.positions() == []
    assert not called(pit)
    assert kraken.call("TradeBalance")["e"] == "2000.0000"


def test_a_short_is_liquidated(kraken: Client, pit: Pit) -> None:
    kraken.sell("0", leverage="10")  # for 49999
    pit.fund(ZUSD="10000")
    pit.book("50000:10", "50001:10")
    kraken.sell("1", leverage="10")
    pit.at("57999")
    assert liquidations(kraken) == []
    pit.at("58000")
    (order,) = liquidations(kraken)
    assert order["descr"]["order"] == "buy 1.00000000 XBTUSD @ market with 10:1 leverage"
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-8001.0000", "0.0000", "1999.0000")


def test_it_pays_the_fees_of_the_pair(kraken: Client, pit: Pit) -> None:
    pit.pair.patch(fees=[[0, "0.26"]])
    pit.at("42000")
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-8000.0000", "109.2000", "1890.8000")
    assert kraken.trades(consolidated=True)[-1]["fee"] == "109.20000"


def test_margin_orders_go_and_spot_orders_stay(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="10000", XETH="1")
    spot = kraken.buy("0.001", "30000"), kraken.sell("1", "9000", pair="ETHUSD")
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "volume": "0.5", "price": "20000"}
    margin = (
        kraken.buy("0.1", "30000", leverage="5"),
        kraken.sell("1", "60000", leverage="10", reduce_only="true"),
        kraken.buy("0.1", "1000", pair="ETHUSD", leverage="2"),
        *kraken.call("AddOrder", **stop, leverage="2")["txid"],
        kraken.buy("0.1", "30000", leverage="2", starttm="+3600"),
    )
    pit.at("30001")
    assert len(liquidations(kraken)) == 1
    assert [kraken.row(txid)["status"] for txid in spot] == ["open", "open"]
    for txid in margin:
        row = kraken.row(txid)
        assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Liquidation", "")


def test_a_thin_book_closes_a_part(kraken: Client, pit: Pit) -> None:
    pit.book("42000:0.3 41000:0.2", "60000:1")
    pit.pair.trade("sell", "0.001")
    (order,) = liquidations(kraken)
    assert [order[name] for name in ("status", "reason", "vol", "vol_exec", "misc")] == [
        "canceled",
        "Liquidation",
        "1.00000000",
        "0.49900000",
        "liquidated,partial",
    ]
    assert kraken.positions() == [("buy", "1.00000000", "0.49900000", "50000.00000")]
    # 0.299 at 42000 lose 2392, 0.2 at 41000 lose 1800.
    assert kraken.call("Balance")["ZUSD"] == "5808.0000"
    assert called(pit)  # 1299 for a margin of 2505: 51.86 %

    # Nobody bids. When somebody does again at 40600, nothing has been traded yet.
    kraken.sandbox.clock.advance(24 * HOUR)
    pit.book("40600:1", "60000:1")
    assert len(liquidations(kraken)) == 1
    pit.pair.trade("sell", "0.001")  # 1098.6: 43.86 %
    assert len(liquidations(kraken)) == 1
    pit.book("40400:1", "60000:1")
    pit.pair.trade("sell", "0.001")  # 998.4: 39.86 %
    (_, order) = liquidations(kraken)
    assert (order["status"], order["vol"], order["vol_exec"]) == ("closed", "0.50100000", "0.50100000")
    assert kraken.positions() == []
    assert kraken.call("Balance")["ZUSD"] == "998.4000"


def test_nobody_to_close_with(kraken: Client, pit: Pit) -> None:
    """Then there is no order either; as soon as somebody bids, there is."""
    resting = kraken.sell("0.1", "60000", leverage="10")
    pit.book("42000:0.001", "42001:1")
    pit.pair.trade("sell", "0.001")
    assert (called(pit), liquidations(kraken)) == (True, [])
    assert kraken.row(resting)["status"] == "open"
    kraken.sandbox.clock.advance(24 * HOUR)
    assert len(kraken.call("ClosedOrders")["closed"]) == 1
    pit.book("41000:10", "41001:1")
    assert len(liquidations(kraken)) == 1
    assert kraken.row(resting)["reason"] == "Liquidation"
    assert kraken.call("Balance")["ZUSD"] == "1000.0000"


def test_it_goes_to_any_price(kraken: Client, pit: Pit) -> None:
    """No price protects who is liquidated; what the account can't pay, the lender loses."""
    pit.book("42000:0.501 10000:5", "60000:1")
    house = D(pit.accounts["house"].balances["ZUSD"])
    pit.pair.trade("sell", "0.001")
    (order,) = liquidations(kraken)
    assert (order["status"], order["price"]) == ("closed", "26000.0")
    assert kraken.call("Balance")["ZUSD"] == "0.0000"
    assert kraken.call("TradeBalance")["e"] == "0.0000"
    # What the lender got: of a loss of 24000, the 10,000 that there were.
    assert D(pit.accounts["house"].balances["ZUSD"]) - house == D(10000)


def test_a_market_that_stands_still_liquidates_nothing(kraken: Client, pit: Pit) -> None:
    pit.fund(ZUSD="1000", XETH="4")
    pit.at("2500", "ETHUSD")
    pit.at("49000")
    pit.status.set("cancel_only", pair="XBTUSD")
    pit.at("500", "ETHUSD")  # 1000 + 1980 - 1000
    assert (called(pit), liquidations(kraken)) == (True, [])
    pit.status.set("online", pair="XBTUSD")
    assert len(liquidations(kraken)) == 1
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-1000.0000", "0.0000", "0.0000")


def test_rules_that_change_are_looked_at_at_once(kraken: Client, pit: Pit) -> None:
    pit.at("43000")
    pit.pair.patch(margin_stop=59)
    assert liquidations(kraken) == []
    pit.pair.patch(margin_stop=60)
    assert len(liquidations(kraken)) == 1


def test_a_rollover_may_be_the_last_straw(kraken: Client, pit: Pit) -> None:
    pit.pair.patch(margin_rollover_fee="0.02")
    pit.at("42005")
    kraken.sandbox.clock.advance(4 * HOUR)
    assert kraken.ledger("rollover") == [("ZUSD", "0.0000", "10.0000", "9990.0000")]
    assert kraken.ledger("margin")[-1] == ("ZUSD", "-7995.0000", "0.0000", "1995.0000")
    kraken.sandbox.clock.advance(24 * HOUR)
    assert len(kraken.ledger("rollover")) == 1


def test_no_more_is_closed_than_needed(kraken: Client, pit: Pit) -> None:
    """The oldest position goes first; with half the margin in use, the other is covered again."""
    kraken.sell("0.5", leverage="10")
    pit.book(asks="50000:1")
    kraken.buy("0.5", leverage="10")
    first, second = kraken.call("OpenPositions")
    pit.at("42000")
    assert list(kraken.call("OpenPositions")) == [second]
    assert kraken.trades(consolidated=True)[-1]["postxid"] == first
    assert called(pit)  # 1999.5 for 2500: 79.98 %
    assert len(liquidations(kraken)) == 1


def test_positions_of_several_pairs(kraken: Client, pit: Pit) -> None:
    pit.pairs["ETHUSD"].patch(fees=[[0, "0"]], margin_open_fee="0", margin_rollover_fee="0")
    pit.at("2500", "ETHUSD")
    kraken.sell("2", pair="ETHUSD", leverage="2")  # which takes another 2500
    pit.at("43001")
    assert liquidations(kraken) == []
    pit.at("43000")  # 3000 for 7500
    assert kraken.positions() == [("sell", "2.00000000", "0.00000000", "5000.00000")]
    assert kraken.call("TradeBalance")["ml"] == "120.00"


def test_one_liquidation_brings_about_the_next(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    other = login("second")
    pit.fund("second", ZUSD="9000")
    other.buy("0.9", leverage="10")
    pit.fund("second", ZUSD="9000", XXBT="0.01")
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "volume": "0.01", "price": "41000"}
    (stopped,) = other.call("AddOrder", **stop)["txid"]
    pit.book("42000:0.5 41000:1 39000:5", "60000:1")
    pit.pair.trade("sell", "0.001")
    # 0.499 at 42000 and 0.501 at 41000. That fires the stop, which brings 410.
    assert kraken.call("Balance")["ZUSD"] == "1499.0000"
    row = other.row(stopped)
    assert (row["status"], row["price"]) == ("closed", "41000.0")
    # 9410 less 8100 are too few for 4500: 0.489 go at 41000 and 0.411 at 39000.
    (order,) = liquidations(other)
    assert (order["status"], order["price"]) == ("closed", "40086.7")
    assert other.positions() == []
    assert other.call("Balance")["ZUSD"] == "488.0000"


def test_an_order_of_ones_own_is_no_counterparty(kraken: Client, pit: Pit) -> None:
    pit.book("41000:5", "60000:1")
    own = kraken.buy("0.01", "41500")
    pit.pair.trade("sell", "0.001")
    row = kraken.row(own)
    assert (row["status"], row["vol_exec"], row["reason"]) == ("canceled", "0.00100000", "Cannot trade with self")
    (order,) = liquidations(kraken)
    assert (order["status"], order["price"]) == ("closed", "41000.0")


# Who pays


def collateral(kraken: Client, pit: Pit) -> None:
    """1000 dollars and four ether at 2500, which count for 9900."""
    pit.fund(ZUSD="1000", XETH="4")
    pit.at("2500", "ETHUSD")
    assert kraken.call("TradeBalance")["tb"] == "10900.0000"


def test_a_loss_is_paid_in_other_collateral(kraken: Client, pit: Pit) -> None:
    """Rows in several currencies under one reference."""
    pit.pair.patch(fees=[[0, "0.4"]])
    collateral(kraken, pit)
    pit.at("41000")
    # 9000, of which 8000 make 3.2 ether; and a fee of 164, which makes 0.0656.
    assert kraken.ledger("margin")[-3:] == [
        ("ZUSD", "-1000.0000", "0.0000", "0.0000"),
        ("XETH", "-3.2000000000", "0.0000000000", "0.8000000000"),
        ("XETH", "0.0000000000", "0.0656000000", "0.7344000000"),
    ]
    found = kraken.call("Ledgers", type="margin")["ledger"]
    trade = kraken.trades(consolidated=True)[-1]
    assert trade["ledgers"] == list(reversed(list(found)[:3]))
    (trade_id,) = {row["refid"] for row in list(found.values())[:3]}
    assert trade_id in kraken.call("TradesHistory")["trades"]
    assert pit.accounts["fees"].balances["XETH"] == "0.0656000000"


def test_the_lender_loses_what_nobody_pays(kraken: Client, pit: Pit) -> None:
    pit.pair.patch(fees=[[0, "0.4"]])
    collateral(kraken, pit)
    before = {asset: D(text) for asset, text in pit.accounts["house"].state()["balances"].items()}
    pit.at("38000")
    # 12000 are lost; 1000 and four ether are there, and nothing for the fee.
    assert kraken.ledger("margin")[-2:] == [
        ("ZUSD", "-1000.0000", "0.0000", "0.0000"),
        ("XETH", "-4.0000000000", "0.0000000000", "0.0000000000"),
    ]
    after = pit.accounts["house"].state()["balances"]
    changes = {asset: D(after[asset]) - units for asset, units in before.items() if D(after[asset]) != units}
    assert changes == {"ZUSD": D(1000), "XETH": D(4)}
    assert "XETH" not in pit.accounts["fees"].state()["balances"]
    assert kraken.trades(consolidated=True)[-1]["fee"] == "152.00000"
    assert kraken.call("TradeBalance")["eb"] == "0.0000"


def test_what_orders_hold_is_not_taken(kraken: Client, pit: Pit) -> None:
    """Of what is held nothing is missing when the order is filled later."""
    collateral(kraken, pit)
    kraken.buy("0.01", "20000", oflags="fcib")
    order = kraken.sell("1.5", "3000", pair="ETHUSD")
    pit.at("38000")
    assert kraken.ledger("margin")[-2:] == [
        ("ZUSD", "-800.0000", "0.0000", "200.0000"),
        ("XETH", "-2.5000000000", "0.0000000000", "1.5000000000"),
    ]
    assert kraken.call("BalanceEx")["XETH"] == {"balance": "1.5000000000", "hold_trade": "1.5000000000"}
    pit.at("3000", "ETHUSD")
    pit.book("3100:5", "3200:1", pair="ETHUSD")
    assert kraken.row(order)["status"] == "closed"
    pit.book("19000:5", "19500:1")
    assert kraken.call("Balance")["XETH"] == "0.0000000000"
    assert D(kraken.held("ZUSD")) == 0


def test_rollovers_that_nobody_can_pay(kraken: Client, pit: Pit) -> None:
    """The position is under water with nobody to close it with; its fees take what there is, and then nothing."""
    pit.pair.patch(margin_rollover_fee="0.02")
    pit.book()
    pit.fund(ZUSD="15")
    kraken.sandbox.clock.advance(12 * HOUR)
    assert [row[2:] for row in kraken.ledger("rollover")] == [
        ("10.0000", "5.0000"),
        ("5.0000", "0.0000"),
        ("0.0000", "0.0000"),
    ]
    assert called(pit)


def test_an_account_that_owes_can_go_on(kraken: Client, pit: Pit) -> None:
    """After a total loss it is empty, not in debt, and trades again once it has money."""
    pit.at("30000")
    assert kraken.call("Balance")["ZUSD"] == "0.0000"
    assert "ml" not in kraken.call("TradeBalance")
    pit.fund(ZUSD="1000")
    kraken.buy("0.1", leverage="10")
    assert kraken.positions() == [("buy", "0.10000000", "0.00000000", "3000.10000")]


def test_taking_collateral_away_is_noticed_at_once(kraken: Client, pit: Pit) -> None:
    """By the balances as they are when all of them are set."""
    pit.fund(XXBT="0.1")
    assert (called(pit), liquidations(kraken)) == (False, [])
    pit.fund(ZUSD="4000")
    assert (called(pit), liquidations(kraken)) == (True, [])
    pit.fund(ZUSD="2000")
    assert len(liquidations(kraken)) == 1
    assert kraken.call("Balance")["ZUSD"] == "1999.0000"
