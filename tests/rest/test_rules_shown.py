"""What answers show, and nothing else would notice if it went wrong; the engine's: unit/test_rules_kept.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit


def test_an_amended_order_is_described_by_its_new_price(kraken: Client, pit: Pit) -> None:
    txid = kraken.buy("0.1", "-1%")
    assert kraken.row(txid)["descr"]["price"] == "-1.0000%"
    kraken.call("AmendOrder", txid=txid, limit_price="59000")
    row = kraken.row(txid)
    assert (row["descr"]["price"], row["limitprice"]) == ("59000.0", "0.00000")


def test_a_key_for_open_orders_sees_what_is_open(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    """It does not matter how much of it was executed."""
    partly, untouched = kraken.buy("0.2", "60001"), kraken.buy("0.1", "59000")
    pit.fill(partly, "0.1")
    kraken.call("CancelOrder", txid=untouched)
    reader = login("reader", permissions=("query-open-trades",))
    assert list(reader.call("QueryOrders", txid=f"{partly},{untouched}")) == [partly]


def test_the_margin_of_an_execution_is_that_of_its_positions(kraken: Client, pit: Pit) -> None:
    """Each is rounded by itself."""
    pit.book("59000:1", "60000.2:0.0001 60000.3:0.0001 60000.4:0.0001")
    kraken.buy("0.0003", "60000.4", leverage="7")
    (trade,) = kraken.call("TradesHistory")["trades"].values()
    assert trade["cost"] == "18.00009"
    assert (
        trade["margin"] == "2.57145"
    )  # 0.857146, 0.857147 and 0.857149 are each 0.85715; of the whole, it were 2.57144


def test_what_is_no_collateral_covers_nothing(kraken: Client, pit: Pit) -> None:
    pit.fund(**{"ZUSD": "100", "1INCH": "1000000"})
    shown = kraken.call("TradeBalance")
    assert float(shown["eb"]) > 100
    assert (shown["tb"], shown["mf"]) == ("100.0000", "100.0000")
