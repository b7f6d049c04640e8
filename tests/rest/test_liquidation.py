"""When margin runs out: the call, the liquidation, and who pays for what is lost (kraken/30 §8.9, kraken/40 §6.2).

The scene: `main` has 10,000 dollars and is long one coin at 50,000 with 10:1, without fees. Its margin is 5000: it is
called when its equity has come down to 4000, at 44000, and liquidated at 2000, when the coin is at 42000.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR
from mockkraken.control.market_client import StatusControl

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rest.conftest import Bank, Client

D = Decimal


@pytest.fixture(autouse=True)
def scene(kraken: Client, bank: Bank) -> None:
    bank.pair().patch(fees=[[0, "0"]], fees_maker=[[0, "0"]], margin_open_fee="0", margin_rollover_fee="0")
    bank.fund(ZUSD="10000")
    bank.book([("49999", "10")], [("50000", "10")])
    kraken.buy("1", leverage="10")


def called(bank: Bank, name: str = "main") -> bool:
    row = bank.account(name)["margin_call"]
    assert isinstance(row, bool)
    return row


def rows(kraken: Client, kind: str = "margin") -> list[tuple[str, str, str, str]]:
    """The ledger's rows of a type, the oldest first: asset, amount, fee, balance."""
    found = reversed(kraken.call("Ledgers", type=kind)["ledger"].values())
    return [(row["asset"], row["amount"], row["fee"], row["balance"]) for row in found]


def liquidations(kraken: Client) -> list[dict[str, Any]]:
    """The orders of that kind, the oldest first."""
    closed = kraken.call("ClosedOrders", trades="true")["closed"]
    return [row for row in reversed(closed.values()) if "liquidated" in row["misc"]]


def last_trade(kraken: Client) -> dict[str, Any]:
    trade: dict[str, Any] = next(iter(kraken.call("TradesHistory", ledgers="true")["trades"].values()))
    return trade


def positions(kraken: Client) -> list[tuple[str, str, str]]:
    return [(row["type"], row["vol"], row["vol_closed"]) for row in kraken.call("OpenPositions").values()]


# The call


def test_margin_is_called(kraken: Client, bank: Bank) -> None:
    told: list[str] = []
    kraken.sandbox.exchange.events.margin_call.append(lambda account: told.append(account.name))
    assert not called(bank)
    bank.trade_at("44000.1")
    assert kraken.call("TradeBalance")["ml"] == "80.00"
    assert not called(bank)
    bank.trade_at("44000")
    assert called(bank)
    assert kraken.call("TradeBalance") | {"e": "4000.0000", "mf": "-1000.0000", "ml": "80.00"} == kraken.call(
        "TradeBalance"
    )
    bank.trade_at("43000")
    assert told == ["main"]
    assert not called(bank, "second")
    bank.trade_at("44001")
    assert not called(bank)
    bank.trade_at("43999")
    assert (called(bank), told) == (True, ["main", "main"])
    # Whoever has no position has no margin to call.
    kraken.sell("1", leverage="10")
    assert not called(bank)


def test_a_called_account_opens_nothing(kraken: Client, bank: Bank) -> None:
    bank.trade_at("44000")
    fields = {"pair": "XBTUSD", "ordertype": "market", "volume": "0.001", "leverage": "2"}
    assert kraken.post("AddOrder", type="buy", **fields).refusal == "EOrder:Margin level too low"
    assert kraken.post("AddOrder", type="sell", **fields).result["txid"]


# The liquidation


def test_a_long_is_liquidated(kraken: Client, bank: Bank) -> None:
    bank.trade_at("42000.1")
    assert liquidations(kraken) == []
    bank.trade_at("42000")
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
    trade = last_trade(kraken)
    assert [trade[name] for name in ("ordertype", "tradeordertype", "misc", "price", "leverage", "maker")] == [
        "liquidation market",
        "market",
        "closing",
        "42000.00000",
        "10",
        False,
    ]
    assert rows(kraken)[-1] == ("ZUSD", "-8000.0000", "0.0000", "2000.0000")
    assert positions(kraken) == []
    assert not called(bank)
    assert kraken.call("TradeBalance")["e"] == "2000.0000"


def test_a_short_is_liquidated(kraken: Client, bank: Bank) -> None:
    kraken.sell("0", leverage="10")  # for 49999
    bank.fund(ZUSD="10000")
    bank.book([("50000", "10")], [("50001", "10")])
    kraken.sell("1", leverage="10")
    bank.trade_at("57999")
    assert liquidations(kraken) == []
    bank.trade_at("58000")
    (order,) = liquidations(kraken)
    assert order["descr"]["order"] == "buy 1.00000000 XBTUSD @ market with 10:1 leverage"
    assert rows(kraken)[-1] == ("ZUSD", "-8001.0000", "0.0000", "1999.0000")


def test_it_pays_the_fees_of_the_pair(kraken: Client, bank: Bank) -> None:
    bank.pair().patch(fees=[[0, "0.26"]])
    bank.trade_at("42000")
    assert rows(kraken)[-1] == ("ZUSD", "-8000.0000", "109.2000", "1890.8000")
    assert last_trade(kraken)["fee"] == "109.20000"


def test_margin_orders_go_and_spot_orders_stay(kraken: Client, bank: Bank) -> None:
    bank.fund(ZUSD="10000", XETH="1")
    spot = kraken.buy("0.001", "30000"), kraken.sell("1", "9000", pair="ETHUSD")
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "volume": "0.5", "price": "20000"}
    margin = (
        kraken.buy("0.1", "30000", leverage="5"),
        kraken.sell("1", "60000", leverage="10", reduce_only="true"),
        kraken.buy("0.1", "1000", pair="ETHUSD", leverage="2"),
        *kraken.call("AddOrder", **stop, leverage="2")["txid"],
        kraken.buy("0.1", "30000", leverage="2", starttm="+3600"),
    )
    bank.trade_at("30001")
    assert len(liquidations(kraken)) == 1
    assert [kraken.row(txid)["status"] for txid in spot] == ["open", "open"]
    for txid in margin:
        row = kraken.row(txid)
        assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Liquidation", "")


def test_a_thin_book_closes_a_part(kraken: Client, bank: Bank) -> None:
    bank.book([("42000", "0.3"), ("41000", "0.2")], [("60000", "1")])
    bank.pair().trade("sell", "0.001")
    (order,) = liquidations(kraken)
    assert [order[name] for name in ("status", "reason", "vol", "vol_exec", "misc")] == [
        "canceled",
        "Liquidation",
        "1.00000000",
        "0.49900000",
        "liquidated,partial",
    ]
    assert positions(kraken) == [("buy", "1.00000000", "0.49900000")]
    # 0.299 at 42000 lose 2392, 0.2 at 41000 lose 1800.
    assert kraken.call("Balance")["ZUSD"] == "5808.0000"
    assert called(bank)  # 1299 for a margin of 2505: 51.86 %

    # Nobody bids. When somebody does again at 40600, nothing has been traded yet.
    kraken.sandbox.clock.advance(24 * HOUR)
    bank.book([("40600", "1")], [("60000", "1")])
    assert len(liquidations(kraken)) == 1
    bank.pair().trade("sell", "0.001")  # 1098.6: 43.86 %
    assert len(liquidations(kraken)) == 1
    bank.book([("40400", "1")], [("60000", "1")])
    bank.pair().trade("sell", "0.001")  # 998.4: 39.86 %
    (_, order) = liquidations(kraken)
    assert (order["status"], order["vol"], order["vol_exec"]) == ("closed", "0.50100000", "0.50100000")
    assert positions(kraken) == []
    assert kraken.call("Balance")["ZUSD"] == "998.4000"


def test_nobody_to_close_with(kraken: Client, bank: Bank) -> None:
    """Then there is no order either; as soon as prices move and somebody bids, there is."""
    resting = kraken.sell("0.1", "60000", leverage="10")
    bank.book([("42000", "0.001")], [("42001", "1")])
    bank.pair().trade("sell", "0.001")
    assert (called(bank), liquidations(kraken)) == (True, [])
    assert kraken.row(resting)["status"] == "open"
    kraken.sandbox.clock.advance(24 * HOUR)
    assert len(kraken.call("ClosedOrders")["closed"]) == 1
    bank.book([("41000", "10")], [("41001", "1")])
    bank.pair().trade("buy", "0.001")
    assert len(liquidations(kraken)) == 1
    assert kraken.row(resting)["reason"] == "Liquidation"
    assert kraken.call("Balance")["ZUSD"] == "1000.0000"


def test_it_goes_to_any_price(kraken: Client, bank: Bank) -> None:
    """No price protects who is liquidated; what the account can't pay, the lender loses."""
    bank.book([("42000", "0.501"), ("10000", "5")], [("60000", "1")])
    house = D(bank.account("house")["balances"]["ZUSD"])
    bank.pair().trade("sell", "0.001")
    (order,) = liquidations(kraken)
    assert (order["status"], order["price"]) == ("closed", "26000.0")
    assert kraken.call("Balance")["ZUSD"] == "0.0000"
    assert kraken.call("TradeBalance")["e"] == "0.0000"
    # What the lender got: of a loss of 24000, the 10,000 that there were.
    assert D(bank.account("house")["balances"]["ZUSD"]) - house == D(10000)


def test_a_market_that_stands_still_liquidates_nothing(kraken: Client, bank: Bank) -> None:
    bank.fund(ZUSD="1000", XETH="4")
    bank.trade_at("2500", "ETHUSD")
    bank.trade_at("49000")
    status = StatusControl(bank.control.perform)
    status.set("cancel_only", pair="XBTUSD")
    bank.trade_at("500", "ETHUSD")  # 1000 + 1980 - 1000
    assert (called(bank), liquidations(kraken)) == (True, [])
    status.set("online", pair="XBTUSD")
    assert len(liquidations(kraken)) == 1
    assert rows(kraken)[-1] == ("ZUSD", "-1000.0000", "0.0000", "0.0000")


def test_rules_that_change_are_looked_at_at_once(kraken: Client, bank: Bank) -> None:
    bank.trade_at("43000")
    bank.pair().patch(margin_stop=59)
    assert liquidations(kraken) == []
    bank.pair().patch(margin_stop=60)
    assert len(liquidations(kraken)) == 1


def test_a_rollover_may_be_the_last_straw(kraken: Client, bank: Bank) -> None:
    bank.pair().patch(margin_rollover_fee="0.02")
    bank.trade_at("42005")
    kraken.sandbox.clock.advance(4 * HOUR)
    assert rows(kraken, "rollover") == [("ZUSD", "0.0000", "10.0000", "9990.0000")]
    assert rows(kraken)[-1] == ("ZUSD", "-7995.0000", "0.0000", "1995.0000")
    kraken.sandbox.clock.advance(24 * HOUR)
    assert len(rows(kraken, "rollover")) == 1


def test_no_more_is_closed_than_needed(kraken: Client, bank: Bank) -> None:
    """The oldest position goes first; with half the margin in use, the other is covered again."""
    kraken.sell("0.5", leverage="10")
    bank.book([], [("50000", "1")])
    kraken.buy("0.5", leverage="10")
    first, second = kraken.call("OpenPositions")
    bank.trade_at("42000")
    assert list(kraken.call("OpenPositions")) == [second]
    assert last_trade(kraken)["postxid"] == first
    assert called(bank)  # 1999.5 for 2500: 79.98 %
    assert len(liquidations(kraken)) == 1


def test_positions_of_several_pairs(kraken: Client, bank: Bank) -> None:
    bank.pair("ETHUSD").patch(fees=[[0, "0"]], margin_open_fee="0", margin_rollover_fee="0")
    bank.trade_at("2500", "ETHUSD")
    kraken.sell("2", pair="ETHUSD", leverage="2")  # which takes another 2500
    bank.trade_at("43001")
    assert liquidations(kraken) == []
    bank.trade_at("43000")  # 3000 for 7500
    assert positions(kraken) == [("sell", "2.00000000", "0.00000000")]
    assert kraken.call("TradeBalance")["ml"] == "120.00"


def test_one_liquidation_brings_about_the_next(kraken: Client, bank: Bank, login: Callable[..., Client]) -> None:
    other = login("second")
    bank.fund("second", ZUSD="9000")
    other.buy("0.9", leverage="10")
    bank.fund("second", ZUSD="9000", XXBT="0.01")
    stop = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "volume": "0.01", "price": "41000"}
    (stopped,) = other.call("AddOrder", **stop)["txid"]
    bank.book([("42000", "0.5"), ("41000", "1"), ("39000", "5")], [("60000", "1")])
    bank.pair().trade("sell", "0.001")
    # 0.499 at 42000 and 0.501 at 41000. That fires the stop, which brings 410.
    assert kraken.call("Balance")["ZUSD"] == "1499.0000"
    row = other.row(stopped)
    assert (row["status"], row["price"]) == ("closed", "41000.0")
    # 9410 less 8100 are too few for 4500: 0.489 go at 41000 and 0.411 at 39000.
    (order,) = liquidations(other)
    assert (order["status"], order["price"]) == ("closed", "40086.7")
    assert positions(other) == []
    assert other.call("Balance")["ZUSD"] == "488.0000"


def test_an_order_of_ones_own_is_no_counterparty(kraken: Client, bank: Bank) -> None:
    bank.book([("41000", "5")], [("60000", "1")])
    own = kraken.buy("0.01", "41500")
    bank.pair().trade("sell", "0.001")
    row = kraken.row(own)
    assert (row["status"], row["vol_exec"], row["reason"]) == ("canceled", "0.00100000", "Cannot trade with self")
    (order,) = liquidations(kraken)
    assert (order["status"], order["price"]) == ("closed", "41000.0")


# Who pays


def collateral(kraken: Client, bank: Bank) -> None:
    """1000 dollars and four ether at 2500, which count for 9900."""
    bank.fund(ZUSD="1000", XETH="4")
    bank.trade_at("2500", "ETHUSD")
    assert kraken.call("TradeBalance")["tb"] == "10900.0000"


def test_a_loss_is_paid_in_other_collateral(kraken: Client, bank: Bank) -> None:
    """Rows in several currencies under one reference."""
    bank.pair().patch(fees=[[0, "0.4"]])
    collateral(kraken, bank)
    bank.trade_at("41000")
    # 9000, of which 8000 make 3.2 ether; and a fee of 164, which makes 0.0656.
    assert rows(kraken)[-3:] == [
        ("ZUSD", "-1000.0000", "0.0000", "0.0000"),
        ("XETH", "-3.2000000000", "0.0000000000", "0.8000000000"),
        ("XETH", "0.0000000000", "0.0656000000", "0.7344000000"),
    ]
    found = kraken.call("Ledgers", type="margin")["ledger"]
    trade = last_trade(kraken)
    assert trade["ledgers"] == list(reversed(list(found)[:3]))
    (trade_id,) = {row["refid"] for row in list(found.values())[:3]}
    assert trade_id in kraken.call("TradesHistory")["trades"]
    assert bank.account("fees")["balances"]["XETH"] == "0.0656000000"


def test_the_lender_loses_what_nobody_pays(kraken: Client, bank: Bank) -> None:
    bank.pair().patch(fees=[[0, "0.4"]])
    collateral(kraken, bank)
    before = {asset: D(text) for asset, text in bank.account("house")["balances"].items()}
    bank.trade_at("38000")
    # 12000 are lost; 1000 and four ether are there, and nothing for the fee.
    assert rows(kraken)[-2:] == [
        ("ZUSD", "-1000.0000", "0.0000", "0.0000"),
        ("XETH", "-4.0000000000", "0.0000000000", "0.0000000000"),
    ]
    after = bank.account("house")["balances"]
    changes = {asset: D(after[asset]) - units for asset, units in before.items() if D(after[asset]) != units}
    assert changes == {"ZUSD": D(1000), "XETH": D(4)}
    assert "XETH" not in bank.account("fees")["balances"]
    assert last_trade(kraken)["fee"] == "152.00000"
    assert kraken.call("TradeBalance")["eb"] == "0.0000"


def test_what_orders_hold_is_not_taken(kraken: Client, bank: Bank) -> None:
    """Of what is held nothing is missing when the order is filled later."""
    collateral(kraken, bank)
    kraken.buy("0.01", "20000", oflags="fcib")
    order = kraken.sell("1.5", "3000", pair="ETHUSD")
    bank.trade_at("38000")
    assert rows(kraken)[-2:] == [
        ("ZUSD", "-800.0000", "0.0000", "200.0000"),
        ("XETH", "-2.5000000000", "0.0000000000", "1.5000000000"),
    ]
    assert kraken.call("BalanceEx")["XETH"] == {"balance": "1.5000000000", "hold_trade": "1.5000000000"}
    bank.trade_at("3000", "ETHUSD")
    bank.book([("3100", "5")], [("3200", "1")], "ETHUSD")
    assert kraken.row(order)["status"] == "closed"
    bank.book([("19000", "5")], [("19500", "1")])
    assert kraken.call("Balance")["XETH"] == "0.0000000000"
    assert D(kraken.call("BalanceEx")["ZUSD"]["hold_trade"]) == 0


def test_rollovers_that_nobody_can_pay(kraken: Client, bank: Bank) -> None:
    """The position is under water with nobody to close it with; its fees take what there is, and then nothing."""
    bank.pair().patch(margin_rollover_fee="0.02")
    bank.book([], [])
    bank.fund(ZUSD="15")
    kraken.sandbox.clock.advance(12 * HOUR)
    assert [row[2:] for row in rows(kraken, "rollover")] == [
        ("10.0000", "5.0000"),
        ("5.0000", "0.0000"),
        ("0.0000", "0.0000"),
    ]
    assert called(bank)


def test_an_account_that_owes_can_go_on(kraken: Client, bank: Bank) -> None:
    """After a total loss it is empty, not in debt, and trades again once it has money."""
    bank.trade_at("30000")
    assert kraken.call("Balance")["ZUSD"] == "0.0000"
    assert "ml" not in kraken.call("TradeBalance")
    bank.fund(ZUSD="1000")
    kraken.buy("0.1", leverage="10")
    assert positions(kraken) == [("buy", "0.10000000", "0.00000000")]


def test_taking_collateral_away_is_noticed_at_once(kraken: Client, bank: Bank) -> None:
    """By the balances as they are when all of them are set."""
    bank.fund(XXBT="0.1")
    assert (called(bank), liquidations(kraken)) == (False, [])
    bank.fund(ZUSD="4000")
    assert (called(bank), liquidations(kraken)) == (True, [])
    bank.fund(ZUSD="2000")
    assert len(liquidations(kraken)) == 1
    assert kraken.call("Balance")["ZUSD"] == "1999.0000"
