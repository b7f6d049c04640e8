"""What trading costs, over REST: tiers, rebates, credits, the fee's currency, and every rounding (kraken/30 §8.10).

The scene: XBTUSD stands at 50000, and `main` has 100,000 dollars and ten coins.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

D = Decimal


@pytest.fixture(autouse=True)
def scene(pit: Pit) -> None:
    pit.step, pit.depth = "1", "200"
    pit.fund(ZUSD="100000", XXBT="10")
    pit.at("50000")  # and 50001 is asked


def flat(pit: Pit, taker: str, maker: str, pair: str = "XBTUSD") -> None:
    """A schedule of one tier."""
    pit.pairs[pair].patch(fees=[[0, taker]], fees_maker=[[0, maker]])


def collected(pit: Pit) -> dict[str, str]:
    return {asset: text for asset, text in pit.accounts["fees"].state()["balances"].items() if D(text)}


def share(row: dict[str, Any]) -> Decimal:
    """What the fee is of the cost, in percent."""
    return (D(row["fee"]) / D(row["cost"]) * 100).quantize(D("0.0001"))


# Tiers


def test_the_tier_is_that_before_the_trade_and_for_the_whole_sweep(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:0.15 50010:0.15 50020:10")
    volumes = ["0.6", "0.6", "0.1"]
    found = [kraken.row(kraken.buy(volume)) for volume in volumes]
    # 0 dollars; 30,007.5; 60,019.5
    assert [share(row) for row in found] == [D("0.4"), D("0.35"), D("0.24")]
    assert {share(row) for row in kraken.trades()[:3]} == {D("0.4")}
    assert kraken.call("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.2400"


def test_a_tier_begins_at_its_very_volume(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:10")
    kraken.buy("0.19999999")  # 9999.9995
    assert share(kraken.row(kraken.buy("0.1"))) == D("0.4")

    kraken.sandbox.clock.advance(31 * DAY)
    kraken.buy("0.2")
    assert share(kraken.row(kraken.buy("0.1"))) == D("0.35")


def test_a_volume_is_forgotten_after_thirty_days(kraken: Client, pit: Pit) -> None:
    clock = kraken.sandbox.clock
    kraken.buy("1")
    clock.advance(DAY)
    kraken.sell("0.4")
    clock.advance(29 * DAY - SECOND)
    assert kraken.call("TradeVolume")["volume"] == "70001.0000"
    assert share(kraken.row(kraken.buy("0.01"))) == D("0.24")
    clock.advance(SECOND)
    # 20,000 of the second day, and 500.01 of a second ago.
    assert kraken.call("TradeVolume")["volume"] == "20500.0100"
    assert share(kraken.row(kraken.buy("0.01"))) == D("0.35")
    clock.advance(31 * DAY)
    assert kraken.call("TradeVolume")["volume"] == "0.0000"
    assert share(kraken.row(kraken.buy("0.01"))) == D("0.4")


def test_a_maker_pays_by_the_day_of_the_trade(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:10")
    txid = kraken.buy("0.1", "49000")
    kraken.buy("0.4")
    pit.book(asks="49000:0.1")
    assert share(kraken.row(txid)) == D("0.2")


def test_a_maker_pays_no_more_than_its_order_held(kraken: Client, pit: Pit) -> None:
    """The tier has fallen back to 0.25 % for makers; when the order came, nobody could pay more than 0.24 %."""
    kraken.buy("1.2")
    txid = kraken.buy("0.1", "49000")
    assert kraken.held("ZUSD") == "4911.7600"
    kraken.sandbox.clock.advance(31 * DAY)
    pit.book(asks="49000:0.1")
    assert share(kraken.row(txid)) == D("0.24")
    assert kraken.held("ZUSD") == "0.0000"


def test_other_currencies_count_in_dollars(kraken: Client, pit: Pit) -> None:
    pit.fund(ZEUR="100000", ZUSD="10")
    pit.book("1.25:100000", pair="EURUSD")
    pit.pairs["EURUSD"].trade("sell", "1")
    pit.at("40000", "XBTEUR")
    kraken.buy("0.2", pair="XBTEUR")  # for 8000.2 euros
    assert kraken.call("TradeVolume")["volume"] == "10000.2500"
    assert share(kraken.row(kraken.buy("0.01", pair="XBTEUR"))) == D("0.35")
    # What it was worth then counts, not what it would be worth now.
    pit.book("2.5:100000", pair="EURUSD")
    pit.pairs["EURUSD"].trade("sell", "1")
    assert kraken.call("TradeVolume")["volume"] == "10500.2625"


def test_margin_counts_too_and_settling_does_not(kraken: Client, pit: Pit) -> None:
    kraken.sell("0.5", leverage="5")
    kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="settle-position", volume="0.5", leverage="5")
    assert kraken.call("TradeVolume")["volume"] == "25000.0000"


def test_the_account_trades_and_not_the_key(kraken: Client, login: Callable[..., Client]) -> None:
    kraken.buy("0.5")
    assert share(kraken.row(login("trade").buy("0.01"))) == D("0.35")
    other = login("second")
    assert share(other.row(other.buy("0.01"))) == D("0.4")


# Rebates


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_maker_may_be_paid(kraken: Client, pit: Pit, login: Callable[..., Client], side: str) -> None:
    flat(pit, "0.1", "-0.01")
    other = login("second")
    pit.book("49000:1", "51000:1")
    maker, taker = (kraken.buy, other.sell) if side == "buy" else (kraken.sell, other.buy)
    txid = maker("0.1", "50000")
    # It holds what it costs: a rebate is not counted on, and a taker's rate may become due.
    assert kraken.held("ZUSD") == ("5005.0000" if side == "buy" else "0.0000")
    taker("0.1")
    row = kraken.row(txid)
    assert (row["cost"], row["fee"]) == ("5000.00000", "-0.50000")
    assert kraken.trades(consolidated=True)[0]["fee"] == "-0.50000"
    quote = ("-5000.0000", "95000.5000") if side == "buy" else ("5000.0000", "105000.5000")
    assert kraken.ledger("trade")[-1] == ("ZUSD", quote[0], "-0.5000", quote[1])
    assert collected(pit) == {"ZUSD": "4.5000"}


def test_a_rebate_that_no_fee_covers(kraken: Client, pit: Pit) -> None:
    """The house pays it; `fees` is never below zero."""
    flat(pit, "0.1", "-0.01")
    house = D(pit.accounts["house"].balances["ZUSD"])
    kraken.buy("0.1", "49000")
    pit.book(asks="49000:0.1")
    assert kraken.call("Balance")["ZUSD"] == "95100.4900"
    assert collected(pit) == {}
    assert D(pit.accounts["house"].balances["ZUSD"]) - house == D("4899.51")


def test_a_rebate_in_coins(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.1", "-0.01")
    kraken.buy("0.1", "49000", oflags="fcib")
    pit.book(asks="49000:0.1")
    assert kraken.ledger("trade") == [
        ("XXBT", "0.1000000000", "-0.0000100000", "10.1000100000"),
        ("ZUSD", "-4900.0000", "0.0000", "95100.0000"),
    ]


# The fee's currency


@pytest.mark.parametrize(("side", "balance"), [("buy", "10.0996000000"), ("sell", "9.8996000000")])
def test_a_fee_in_coins(kraken: Client, pit: Pit, side: str, balance: str) -> None:
    """Orders and trades tell its worth in quote all the same."""
    flat(pit, "0.4", "0.25")
    pit.book("50000:1") if side == "sell" else pit.book(asks="50000:1")
    row = kraken.row((kraken.buy if side == "buy" else kraken.sell)("0.1", oflags="fcib"))
    assert (row["fee"], row["oflags"]) == ("20.00000", "fcib")
    assert kraken.trades(consolidated=True)[0]["fee"] == "20.00000"
    coins, dollars = kraken.ledger("trade")
    sign = "" if side == "buy" else "-"
    assert coins == ("XXBT", f"{sign}0.1000000000", "0.0004000000", balance)
    assert dollars[2] == "0.0000"
    assert collected(pit) == {"XXBT": "0.0004000000"}


def test_a_fee_in_coins_is_rounded_at_their_digits(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.0126", "0.0126")
    kraken.buy("0.00010003", oflags="fcib")  # 0.00010003 x 0.000126 = 0.00000001260378
    assert kraken.ledger("trade")[0] == ("XXBT", "0.0001000300", "0.0000000126", "10.0001000174")


def test_selling_all_coins_with_a_fee_in_coins(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.4", "0.25")
    fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "market"}
    assert kraken.post("AddOrder", volume="10", oflags="fcib", **fields).refusal == "EOrder:Insufficient funds"
    assert kraken.post("AddOrder", volume="9.96015937", oflags="fcib", **fields).refusal == "EOrder:Insufficient funds"
    kraken.sell("9.96015936", oflags="fcib")
    assert kraken.call("Balance")["XXBT"] == "0.0000000026"


# Fee credits


def test_credits_pay_a_fee(kraken: Client, pit: Pit) -> None:
    """The figures of a recorded trade: 0.05954 dollars are 5.95 credits."""
    pit.fund(ZUSD="1000", KFEE="100")
    flat(pit, "0.26", "0.16", "ETHUSD")
    txid = kraken.buy("0.02", "1860.76", pair="ETHUSD")
    assert kraken.call("BalanceEx")["KFEE"] == {"balance": "100.00", "hold_trade": "0.00"}
    pit.book(asks="1860.76:1", pair="ETHUSD")
    assert kraken.ledger("trade") == [
        ("XETH", "0.0200000000", "0.0000000000", "0.0200000000"),
        ("ZUSD", "-37.2152", "0.0000", "962.7848"),
        ("KFEE", "0.00", "5.95", "94.05"),
    ]
    (trade,) = kraken.trades(consolidated=True)
    assert (trade["fee"], trade["cost"], trade["price"]) == ("0.05954", "37.21520", "1860.76000")
    ledger = kraken.call("Ledgers", type="trade")["ledger"]
    assert trade["ledgers"] == list(reversed(ledger))
    assert len({row["refid"] for row in ledger.values()}) == 1
    assert kraken.row(txid)["fee"] == "0.05954"
    assert collected(pit) == {"KFEE": "5.95"}


@pytest.mark.parametrize(("credits_there", "paid"), [("2000.00", True), ("1999.99", False)])
def test_credits_pay_all_of_a_fee_or_nothing(kraken: Client, pit: Pit, credits_there: str, paid: bool) -> None:
    flat(pit, "0.4", "0.25")
    pit.fund(ZUSD="100000", KFEE=credits_there)
    pit.book(asks="50000:1")
    kraken.buy("0.1")
    if paid:
        assert kraken.ledger("trade")[1:] == [
            ("ZUSD", "-5000.0000", "0.0000", "95000.0000"),
            ("KFEE", "0.00", "2000.00", "0.00"),
        ]
    else:
        assert kraken.ledger("trade")[1:] == [("ZUSD", "-5000.0000", "20.0000", "94980.0000")]


@pytest.mark.parametrize(
    ("rate", "volume", "dollars", "paid"),
    [
        ("0.26", "0.00012345", "0.0000", "1.60"),  # 0.01605 dollars: cut off after two digits
        ("0.01", "0.00005", "0.0000", "0.02"),  # 0.00025
        ("0.0036", "0.00005", "0.0001", None),  # 0.00009: not a hundredth of a credit, so it is taken in dollars
    ],
)
def test_credits_are_cut_off(kraken: Client, pit: Pit, rate: str, volume: str, dollars: str, paid: str | None) -> None:
    flat(pit, rate, rate)
    pit.fund(ZUSD="1000", KFEE="100")
    pit.book(asks="50000:1")
    kraken.buy(volume)
    fees = {asset: fee for asset, _, fee, _ in kraken.ledger("trade")}
    assert (fees["ZUSD"], fees.get("KFEE")) == (dollars, paid)


def test_credits_are_used_fill_by_fill(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.4", "0.25")
    pit.fund(ZUSD="100000", KFEE="2500")
    pit.book(asks="50000:0.1 50100:0.1")
    kraken.buy("0.2")
    assert [(asset, fee) for asset, _, fee, _ in kraken.ledger("trade")] == [
        ("XXBT", "0.0000000000"),
        ("ZUSD", "0.0000"),
        ("KFEE", "2000.00"),
        ("XXBT", "0.0000000000"),
        ("ZUSD", "20.0400"),
    ]
    (trade,) = kraken.trades(consolidated=True)
    assert (trade["fee"], len(trade["ledgers"])) == ("40.04000", 5)


def test_credits_go_before_coins(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.4", "0.25")
    pit.fund(XXBT="1", KFEE="10000")
    kraken.sell("0.1", oflags="fcib")
    assert kraken.ledger("trade") == [
        ("XXBT", "-0.1000000000", "0.0000000000", "0.9000000000"),
        ("ZUSD", "5000.0000", "0.0000", "5000.0000"),
        ("KFEE", "0.00", "2000.00", "8000.00"),
    ]


def test_credits_for_a_fee_in_another_currency(kraken: Client, pit: Pit) -> None:
    pit.fund(ZEUR="10000", KFEE="10000")
    pit.book("1.25:100000", pair="EURUSD")
    pit.pairs["EURUSD"].trade("sell", "1")
    flat(pit, "0.4", "0.25", "XBTEUR")
    pit.book(asks="40000:1", pair="XBTEUR")
    kraken.buy("0.1", pair="XBTEUR")  # 16 euros are 20 dollars
    assert kraken.ledger("trade")[1:] == [
        ("ZEUR", "-4000.0000", "0.0000", "6000.0000"),
        ("KFEE", "0.00", "2000.00", "8000.00"),
    ]


def test_a_rebate_is_paid_in_quote(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.1", "-0.01")
    pit.fund(ZUSD="10000", KFEE="1000")
    kraken.buy("0.1", "49000")
    pit.book(asks="49000:0.1")
    assert kraken.ledger("trade")[1:] == [("ZUSD", "-4900.0000", "-0.4900", "5100.4900")]


# Roundings


@pytest.mark.parametrize(
    ("pair", "price", "volume", "rate", "cost", "fee"),
    [
        # [obs] kraken/30 §8.10
        ("LTCUSDT", "71.05741", "0.1", "0.26", "7.105741", "0.018475"),
        ("XBTUSD", "72026.5", "0.0001", "0.26", "7.20265", "0.01873"),
        ("ETHUSD", "1860.76", "0.02", "0.16", "37.21520", "0.05954"),
    ],
)
def test_recorded_figures(
    kraken: Client, pit: Pit, pair: str, price: str, volume: str, rate: str, cost: str, fee: str
) -> None:
    pit.fund(ZUSD="1000", USDT="1000")
    flat(pit, rate, rate, pair)
    pit.book(asks=f"{price}:1", pair=pair)
    row = kraken.row(kraken.buy(volume, pair=pair))
    assert (row["cost"], row["fee"], row["price"]) == (cost, fee, price)
    (trade,) = kraken.trades(consolidated=True)
    digits = len(cost.partition(".")[2])
    assert (trade["cost"], trade["fee"]) == (cost, fee)
    assert trade["price"] == f"{D(price):.{digits}f}"


def test_the_recorded_margin(kraken: Client, pit: Pit) -> None:
    pit.book(asks="72026.5:1")
    kraken.buy("0.0001", leverage="5")
    (trade,) = kraken.trades(consolidated=True)
    assert (trade["cost"], trade["margin"]) == ("7.20265", "1.44053")


def test_an_average_price_has_the_digits_of_its_place(kraken: Client, pit: Pit) -> None:
    """Half up at those of the pair's prices in orders, at those of costs in trades."""
    pit.book(asks="50000:0.1 50000.1:0.2 50000.2:0.1")
    row = kraken.row(kraken.buy("0.2"))
    assert (row["cost"], row["price"]) == ("10000.01000", "50000.1")  # 50000.05
    assert kraken.trades(consolidated=True)[0]["price"] == "50000.05000"
    row = kraken.row(kraken.buy("0.15"))  # 0.1 and 0.05: 50000.1333...
    assert (row["cost"], row["price"]) == ("7500.02000", "50000.1")
    assert kraken.trades(consolidated=True)[1]["price"] == "50000.13333"


@pytest.mark.parametrize("consolidated", [True, False])
def test_orders_are_the_sums_of_their_trades(kraken: Client, pit: Pit, consolidated: bool) -> None:
    """And the ledger says the same, each row rounded by itself."""
    flat(pit, "0.26", "0.16")
    pit.book(asks=" ".join(f"{50000 + step / 10}:0.0{step}00000{step}" for step in range(1, 8)))
    order = kraken.row(kraken.buy("0.2"))
    found = kraken.trades(consolidated=consolidated)
    assert len(found) == (1 if consolidated else 6)
    for name, of_order in (("vol", "vol_exec"), ("cost", "cost"), ("fee", "fee")):
        assert sum(D(trade[name]) for trade in found) == D(order[of_order])
    paid = [row for row in kraken.ledger("trade") if row[0] == "ZUSD"]
    for row, trade in zip(paid, kraken.trades(), strict=True):
        assert -D(row[1]) == D(trade["cost"]).quantize(D("0.0001"), ROUND_HALF_UP)
        assert D(row[2]) == D(trade["fee"]).quantize(D("0.0001"), ROUND_HALF_UP)
        assert D(trade["fee"]) == (D(trade["cost"]) * D("0.0026")).quantize(D("0.00001"), ROUND_HALF_UP)


def test_each_balance_is_the_last_and_what_moved(kraken: Client, pit: Pit) -> None:
    kraken.buy("0.123")
    kraken.sell("0.0456", oflags="fcib")
    for asset in ("ZUSD", "XXBT"):
        found = list(reversed(kraken.call("Ledgers", asset=asset)["ledger"].values()))
        for earlier, later in pairwise(found):
            assert D(later["balance"]) == D(earlier["balance"]) + D(later["amount"]) - D(later["fee"])


def test_spot_fills_have_the_constant_position(kraken: Client, pit: Pit, login: Callable[..., Client]) -> None:
    other = login("second")
    pit.book("49000:1", "51000:1")
    kraken.sell("0.1", "50000")
    other.buy("0.1")
    kraken.buy("0.1", leverage="2")
    kraken.sell("0.01", oflags="fcib")
    constant = "TKH2SE-M7IF5-CFI7LT"
    assert [row["postxid"] == constant for row in kraken.trades(consolidated=True)] == [True, False, True]
    assert other.trades(consolidated=True)[0]["postxid"] == constant
    assert [row["margin"] for row in kraken.trades(consolidated=True)] == ["0.00000", "2550.00000", "0.00000"]


# An amount to spend


def test_an_amount_is_spent(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:0.01 50010:5")
    placed = kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1000", oflags="viqc")
    assert placed["descr"]["order"] == "buy 1000.00000000 XBTUSD @ market"
    row = kraken.row(placed["txid"][0])
    # 500, then 499.99998 for 0.009998; both fees are 2.
    assert [row[name] for name in ("status", "vol", "vol_exec", "cost", "fee", "price", "misc", "oflags")] == [
        "closed",
        "1000.00000000",
        "999.99998000",
        "999.99998",
        "4.00000",
        "50005.0",
        "",
        "viqc,fciq",
    ]
    assert row["reason"] is None
    (trade,) = kraken.trades(consolidated=True)
    assert (trade["vol"], trade["cost"]) == ("0.01999800", "999.99998")
    assert kraken.ledger("trade")[1::2] == [
        ("ZUSD", "-500.0000", "2.0000", "99498.0000"),
        ("ZUSD", "-500.0000", "2.0000", "98996.0000"),
    ]


def test_an_amount_that_the_book_does_not_take(kraken: Client, pit: Pit) -> None:
    pit.book(asks="50000:0.01")
    row = kraken.row(kraken.buy("1000", oflags="viqc,fcib"))
    assert [row[name] for name in ("status", "vol", "vol_exec", "misc", "oflags", "reason")] == [
        "canceled",
        "1000.00000000",
        "500.00000000",
        "partial",
        "viqc,fcib",
        "Insufficient liquidity",
    ]
    assert kraken.ledger("trade")[0] == ("XXBT", "0.0100000000", "0.0000400000", "10.0099600000")


def test_an_amount_has_its_fee_on_top(kraken: Client, pit: Pit) -> None:
    flat(pit, "0.4", "0.25")
    pit.book(asks="50000:1")
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "oflags": "viqc"}
    pit.fund(ZUSD="1003.9999")
    assert kraken.post("AddOrder", volume="1000", **fields).refusal == "EOrder:Insufficient funds"
    pit.fund(ZUSD="1004")
    assert kraken.call("AddOrder", volume="1000", **fields)["txid"]
    assert kraken.call("Balance")["ZUSD"] == "0.0000"
    pit.fund(ZUSD="1000")
    assert kraken.call("AddOrder", volume="1000", **fields | {"oflags": "viqc,fcib"})["txid"]
    assert kraken.call("Balance")["ZUSD"] == "0.0000"


def test_an_amount_in_coins(kraken: Client, pit: Pit) -> None:
    """Ten digits of cost, eight of volume."""
    pit.fund(XXBT="1")
    pit.book(asks="0.03333:100", pair="ETHXBT")
    row = kraken.row(kraken.buy("0.1", pair="ETHXBT", oflags="viqc"))
    bought = (D("0.1") / D("0.03333")).quantize(D("0.00000001"), ROUND_FLOOR)
    assert (row["vol"], row["cost"]) == ("0.10000000", f"{bought * D('0.03333'):.10f}")
    assert kraken.call("Balance")["XETH"] == f"{bought:.10f}"
    assert row["status"] == "closed"
