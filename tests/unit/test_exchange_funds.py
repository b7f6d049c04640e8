"""What open orders hold, who can pay for what, and balances set from outside. Reference: kraken/30 §5.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.exchange import BalanceError

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account
    from mockkraken.exchange.orders import Side

# The lowest tier takes 0.4 % of a taker.


class TestHolds:
    @pytest.mark.parametrize(
        ("side", "oflags", "asset", "hold"),
        [
            ("buy", None, "ZUSD", "60240"),
            ("buy", "fciq", "ZUSD", "60240"),
            ("buy", "fcib", "ZUSD", "60000"),
            ("sell", None, "XXBT", "1"),
            ("sell", "fciq", "XXBT", "1"),
            ("sell", "fcib", "XXBT", "1.004"),
        ],
    )
    def test_the_size_and_the_fee_where_both_are_of_one_asset(
        self, floor: Floor, ann: Account, side: Side, oflags: str | None, asset: str, hold: str
    ) -> None:
        before = floor.balance(ann, asset)
        floor.enter(ann, side, "1", "60000", oflags=oflags)
        assert floor.held(ann, asset) == hold
        assert floor.balance(ann, asset) == before
        assert floor.held(ann, "XXBT" if asset == "ZUSD" else "ZUSD") == "0"

    def test_fills_release_their_part(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.buy(ann, "1", "60000")
        floor.sell(bob, "0.25", "60000")
        assert floor.held(ann, "ZUSD") == "45180"
        floor.sell(bob, "0.75", "60000")
        assert floor.held(ann, "ZUSD") == "0"

    def test_a_better_price_frees_the_difference(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "0.5", "59000")
        floor.buy(ann, "1", "60000")
        assert floor.balance(ann, "ZUSD") == "970382"  # 29500 and 118 of fee
        assert floor.held(ann, "ZUSD") == "30120"

    def test_a_cancel_frees_all_that_is_left(self, floor: Floor, ann: Account, bob: Account) -> None:
        order = floor.sell(ann, "1", "60000", oflags="fcib")
        floor.buy(bob, "0.5", "60000")
        assert floor.held(ann, "XXBT") == "0.502"
        floor.exchange.cancel_order(ann, txid=order.txid)
        assert floor.held(ann, "XXBT") == "0"
        assert floor.available(ann, "XXBT") == floor.balance(ann, "XXBT") == "9.49875"  # 0.25 % of 0.5 is a maker's fee

    def test_orders_add_up(self, floor: Floor, ann: Account) -> None:
        floor.buy(ann, "1", "60000")
        floor.buy(ann, "1", "50000", oflags="fcib")
        floor.buy(ann, "10", "100", pair="ETHUSD")
        assert floor.held(ann, "ZUSD") == "111244"
        assert floor.available(ann, "ZUSD") == "888756"
        floor.exchange.cancel_all(ann)
        assert floor.held(ann, "ZUSD") == "0"

    def test_the_rate_is_that_of_the_entry(self, floor: Floor, ann: Account, bob: Account) -> None:
        early = floor.buy(ann, "1", "10000")
        floor.sell(bob, "1", "60000")
        floor.buy(ann, "1", "60000")
        assert floor.held(ann, "ZUSD") == "10040"
        late = floor.buy(ann, "1", "10000")
        assert floor.held(ann, "ZUSD") == "20064"  # 0.24 % from 50000 dollars on
        floor.sell(bob, "1.5", "10000")
        assert (early.status, floor.held(ann, "ZUSD")) == ("closed", "5012")
        assert late.remaining == late.vol // 2

    def test_rounded_once_half_up_to_the_assets_decimals(self, floor: Floor) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001", costmin="0")
        ann = floor.trader("ann", **{"2Z": "1", "ZUSD": "10"})
        for volume, oflags, hold in (
            ("0.33334", None, "0.3333"),
            ("0.33335", None, "0.3334"),
            ("0.33334", "fcib", "0.3347"),  # 0.33467336; apart, volume and fee would make 0.3346
        ):
            floor.sell(ann, volume, "1", pair="2ZUSD", oflags=oflags)
            assert floor.held(ann, "2Z") == hold
            floor.exchange.cancel_all(ann)
        for volume, price, hold in (
            ("0.03125", "0.796", "0.025"),  # 0.0248750, with the fee 0.0249745
            ("0.00125", "0.99602", "0.0013"),  # 0.001245025, with the fee 0.0012500051
        ):
            floor.buy(ann, volume, price, pair="2ZUSD")
            assert floor.held(ann, "ZUSD") == hold
            floor.exchange.cancel_all(ann)

    def test_orders_that_end_at_once_hold_nothing(self, floor: Floor, ann: Account) -> None:
        floor.buy(ann, "1", "60000", timeinforce="IOC")
        floor.buy(ann, "1", "60000", timeinforce="FOK")
        floor.buy(ann, "1")
        floor.sell(ann, "1")
        assert floor.held(ann, "ZUSD") == floor.held(ann, "XXBT") == "0"


class TestFunds:
    @pytest.mark.parametrize(
        ("side", "oflags", "asset", "enough", "short"),
        [
            ("buy", None, "ZUSD", "60240", "60239.9999"),
            ("buy", "fcib", "ZUSD", "60000", "59999.9999"),
            ("sell", None, "XXBT", "1", "0.9999999999"),
            ("sell", "fcib", "XXBT", "1.004", "1.0039999999"),
        ],
    )
    def test_exactly_enough_is_enough(
        self, floor: Floor, side: Side, oflags: str | None, asset: str, enough: str, short: str
    ) -> None:
        rich, poor = floor.trader("rich", **{asset: enough}), floor.trader("poor", **{asset: short})
        assert floor.refusal(poor, side, "1", "60000", oflags=oflags) == "EOrder:Insufficient funds"
        assert floor.enter(rich, side, "1", "60000", oflags=oflags).status == "open"
        assert floor.available(rich, asset) == "0"

    def test_what_is_held_can_not_be_spent_twice(self, floor: Floor) -> None:
        ann = floor.trader("ann", ZUSD="100000")
        order = floor.buy(ann, "1", "60000")
        assert floor.refusal(ann, "buy", "1", "40000") == "EOrder:Insufficient funds"
        floor.exchange.cancel_order(ann, txid=order.txid)
        assert floor.buy(ann, "1", "40000").status == "open"

    def test_an_order_needs_its_limit_price_even_if_it_would_trade_for_less(self, floor: Floor, bob: Account) -> None:
        ann = floor.trader("ann", ZUSD="60000")
        floor.sell(bob, "1", "50000")
        assert floor.refusal(ann, "buy", "1", "60000") == "EOrder:Insufficient funds"

    def test_what_a_sale_brings_in_can_be_spent_at_once(self, floor: Floor, bob: Account) -> None:
        ann = floor.trader("ann", XXBT="1")
        floor.buy(bob, "1", "60000")
        floor.sell(ann, "1")
        assert floor.balance(ann, "ZUSD") == "59760"
        assert floor.buy(ann, "100", "500", pair="ETHUSD").status == "open"

    def test_validate_does_not_look_at_funds(self, floor: Floor) -> None:
        poor = floor.trader("poor", ZUSD="1")
        assert floor.prepare(poor, "buy", "1", "60000").status == "pending"
        assert not poor.orders

    def test_many_roundings_never_overdraw_an_account(self, floor: Floor, bob: Account) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001", costmin="0")
        ann = floor.trader("ann", **{"2Z": "0.0002"})
        order = floor.sell(ann, "0.00015", "50", pair="2ZUSD")
        assert floor.available(ann, "2Z") == "0"
        bought = []
        for _ in range(3):
            before = bob.balance("2Z")
            floor.buy(bob, "0.00005", "50", pair="2ZUSD")
            bought.append(bob.balance("2Z") - before)
            assert ann.available("2Z") >= 0
        # Each half of the smallest unit rounds up, as long as there is one that no order needs.
        assert bought == [1, 0, 1]
        assert order.status == "closed"
        assert floor.balance(ann, "2Z") == "0"

    def test_nor_do_those_of_the_cost(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001", costmin="0")
        floor.deposit(bob, "2Z", "1")
        floor.deposit(ann, "ZUSD", "0.0002")
        order = floor.buy(ann, "0.00015", "1", pair="2ZUSD", oflags="fcib")
        for _ in range(3):
            floor.sell(bob, "0.00005", "1", pair="2ZUSD")
        spent = [row for row in floor.rows(ann) if "ZUSD" in row]
        assert spent == ["trade ZUSD -0.0001 0 0.0001", "trade ZUSD 0 0 0.0001", "trade ZUSD -0.0001 0 0"]
        assert order.status == "closed"

    def test_nor_do_those_of_the_fee(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001", costmin="0", fees=[[0, 50]], fees_maker=[[0, 50]])
        floor.deposit(bob, "2Z", "1")
        floor.deposit(ann, "ZUSD", "0.0003")
        order = floor.buy(ann, "0.0002", "1", pair="2ZUSD")
        for _ in range(2):
            floor.sell(bob, "0.0001", "1", pair="2ZUSD")
        # What the second half will need leaves nothing for the first half's fee.
        spent = [row for row in floor.rows(ann) if "ZUSD" in row]
        assert spent == ["trade ZUSD -0.0001 0 0.0002", "trade ZUSD -0.0001 0.0001 0"]
        assert order.fee == 10


class TestSetBalance:
    def test_the_difference_goes_into_the_ledger(self, floor: Floor, ann: Account) -> None:
        floor.clock.advance(5)
        floor.deposit(ann, "ZUSD", "999999.5")
        entry = list(ann.ledger.values())[-1]
        assert (entry.type, entry.subtype, entry.asset) == ("adjustment", "", "ZUSD")
        assert (entry.amount, entry.fee, entry.balance) == (-5_000, 0, 9_999_995_000)
        assert entry.time == floor.clock.now()

    def test_nothing_changes_nothing_is_written(self, floor: Floor, ann: Account) -> None:
        rows = len(ann.ledger)
        floor.deposit(ann, "ZUSD", "1000000")
        assert len(ann.ledger) == rows
        floor.deposit(ann, "ZEUR", "0")  # the account had never seen a euro
        assert len(ann.ledger) == rows + 1

    @pytest.mark.parametrize("text", ["60239.9999", "-1"])
    def test_never_below_what_orders_hold(self, floor: Floor, ann: Account, text: str) -> None:
        floor.buy(ann, "1", "60000")
        with pytest.raises(BalanceError, match=r"open orders hold 60240\.0000 ZUSD"):
            floor.deposit(ann, "ZUSD", text)
        assert floor.balance(ann, "ZUSD") == "1000000"
        floor.deposit(ann, "ZUSD", "60240")
        assert floor.available(ann, "ZUSD") == "0"

    def test_never_below_zero(self, floor: Floor, ann: Account) -> None:
        with pytest.raises(BalanceError):
            floor.deposit(ann, "XXBT", "-0.0000000001")

    def test_an_accounts_name_is_its_own(self, floor: Floor, ann: Account) -> None:
        with pytest.raises(ValueError, match="there is an account 'ann' already"):
            floor.trader("ann")
