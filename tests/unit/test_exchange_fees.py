"""Fees: rates by tier, rounding, in which asset, who pays them and who gets them. Reference: kraken/30 §8.10."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.clock import DAY
from mockkraken.exchange.fees import RollingVolume, rate, tier

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account, Order


def percent(order: Order) -> float:
    """The rate of a filled order's fee, in percent."""
    return 100 * order.fee / order.cost


class TestTiers:
    def test_makers_pay_less_than_takers(self, floor: Floor, ann: Account, bob: Account) -> None:
        made = floor.sell(bob, "0.1", "60000")
        taken = floor.buy(ann, "0.1", "60000")
        assert (percent(taken), percent(made)) == (0.4, 0.25)

    def test_the_volume_before_the_trade_counts_and_a_whole_sweep_has_one_rate(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        asks = [floor.sell(bob, "0.1", "60000") for _ in range(6)]
        sweep = floor.buy(ann, "0.4", "60000")
        assert percent(sweep) == 0.4
        assert [percent(ask) for ask in asks[:4]] == [0.25] * 4
        # 24,000 dollars later both have the second tier.
        late = floor.buy(ann, "0.1", "60000")
        assert (percent(late), percent(asks[4])) == (0.35, 0.2)

    @pytest.mark.parametrize(("price", "then"), [("49999.9", 0.4), ("50000", 0.35)])
    def test_a_tier_begins_at_its_very_volume(
        self, floor: Floor, ann: Account, bob: Account, price: str, then: float
    ) -> None:
        floor.sell(bob, "1", price)
        floor.buy(ann, "0.2", price)
        assert percent(floor.buy(ann, "0.2", price)) == then

    def test_a_trade_counts_for_thirty_days(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "50000")
        floor.buy(ann, "0.2", "50000")
        floor.clock.advance(30 * DAY - 1)
        assert percent(floor.buy(ann, "0.0001", "50000")) == 0.35
        floor.clock.advance(1)
        assert percent(floor.buy(ann, "0.0001", "50000")) == 0.4

    def test_an_order_that_rested_pays_the_makers_rate_of_the_day_it_trades(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        patient = floor.sell(bob, "0.1", "70000")
        floor.sell(bob, "0.2", "50000")
        floor.buy(ann, "0.2", "50000")
        floor.buy(ann, "0.1", "70000")
        assert percent(patient) == 0.2

    def test_each_account_climbs_on_its_own(self, floor: Floor, ann: Account, bob: Account, cat: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.buy(ann, "0.2", "60000")
        assert percent(floor.buy(cat, "0.1", "60000")) == 0.4

    def test_other_pairs_count_in_dollars(self, floor: Floor, bob: Account) -> None:
        # EUR/USD stands at 1.18001 before its first trade.
        floor.deposit(bob, "ZEUR", "0")
        below, above = (floor.trader(name, ZUSD="10000", ZEUR="100000") for name in ("below", "above"))
        floor.sell(bob, "1", "8474", pair="XBTEUR")
        floor.sell(bob, "1", "8475", pair="XBTEUR")
        floor.buy(below, "1", "8474", pair="XBTEUR")
        floor.buy(above, "1", "8475", pair="XBTEUR")
        floor.sell(bob, "1", "60000")
        assert percent(floor.buy(below, "0.01", "60000")) == 0.4
        assert percent(floor.buy(above, "0.01", "60000")) == 0.35

    def test_at_the_last_price_once_there_is_one(self, floor: Floor, bob: Account) -> None:
        ann, cat = (floor.trader(name, ZUSD="10000", ZEUR="100000") for name in ("ann", "cat"))
        floor.sell(cat, "10", "1.1", pair="EURUSD")
        floor.buy(bob, "10", "1.1", pair="EURUSD")
        floor.sell(bob, "1", "8475", pair="XBTEUR")
        floor.buy(ann, "1", "8475", pair="XBTEUR")
        floor.sell(bob, "1", "60000")
        assert percent(floor.buy(ann, "0.01", "60000")) == 0.4

    def test_ladder_and_window(self) -> None:
        ladder = ((0, 4000), (10, 3500), (20, -100))
        assert [tier(ladder, dollars * 10_000) for dollars in (0, 9, 10, 19, 20, 10**9)] == [0, 0, 1, 1, 2, 2]
        assert rate(ladder, 99_999) == 4000
        assert rate(ladder, 200_000) == -100
        volume = RollingVolume()
        volume.add(0, 7)
        volume.add(DAY, 5)
        assert [volume.at(now) for now in (DAY, 30 * DAY - 1, 30 * DAY, 31 * DAY - 1, 31 * DAY)] == [12, 12, 5, 5, 0]


class TestRounding:
    @pytest.mark.parametrize(
        ("pair", "percents", "volume", "price", "cost", "fee"),
        [
            ("LTCUSDT", "0.26", "0.1", "71.05741", 7_105_741, 18_475),  # 0.018474926
            ("XBTUSD", "0.26", "0.0001", "72026.5", 720_265, 1_873),  # 0.01872689
            ("XBTUSD", "0.16", "0.0008", "46519", 3_721_520, 5_954),  # 0.05954432
            ("XBTUSD", "0.4", "0.0001", "10012.5", 100_125, 401),  # 0.004005, a half
            ("XBTUSD", "0.4", "0.00005001", "10000.9", 50_015, 200),  # cost 0.500145009, fee 0.00200060
        ],
    )
    def test_cost_and_fee_half_up_at_the_pairs_cost_decimals(
        self, floor: Floor, bob: Account, pair: str, percents: str, volume: str, price: str, cost: int, fee: int
    ) -> None:
        pair_id = floor.pair(pair).id
        floor.catalog.with_record(pair_id, ordermin="0.00005", fees=[[0, percents]], fees_maker=[[0, percents]])
        floor.deposit(bob, "XLTC", "1")
        ann = floor.trader("ann", ZUSD="100", USDT="100")
        made = floor.sell(bob, volume, price, pair=pair)
        taken = floor.buy(ann, volume, price, pair=pair)
        assert (taken.cost, taken.fee) == (made.cost, made.fee) == (cost, fee)

    def test_an_orders_cost_and_fee_are_the_sums_of_its_rounded_fills(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        for _ in range(3):
            floor.sell(bob, "0.00005001", "10000.9")
        order = floor.buy(ann, "0.00015003", "10000.9")
        # At once it would have cost 1.50044 and a fee of 0.00600.
        assert (order.cost, order.fee) == (150_045, 600)
        assert sum(fill.cost for fill in order.executions[0].fills) == 150_045

    def test_ledgers_move_by_the_value_rounded_to_the_assets_decimals(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "0.0001", "72026.5")
        floor.buy(ann, "0.0001", "72026.5")
        assert floor.rows(ann) == ["trade XXBT 0.0001 0 10.0001", "trade ZUSD -7.2027 0.0288 999992.7685"]
        assert floor.rows(bob) == ["trade XXBT -0.0001 0 9.9999", "trade ZUSD 7.2027 0.018 1000007.1847"]
        assert floor.balance(floor.exchange.fees, "ZUSD") == "0.0468"

    def test_both_sides_move_by_the_same_rounded_value(self, floor: Floor) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001")
        ann, bob = floor.trader("ann", ZUSD="10"), floor.trader("bob", **{"2Z": "1"})
        floor.sell(bob, "0.33335", "1.5001", pair="2ZUSD")
        floor.buy(ann, "0.33335", "1.5001", pair="2ZUSD")
        # Cost 0.500058335, in the books 0.50006, in dollars 0.5001.
        assert floor.rows(ann) == ["trade 2Z 0.3334 0 0.3334", "trade ZUSD -0.5001 0.002 9.4979"]
        assert floor.rows(bob) == ["trade 2Z -0.3334 0 0.6666", "trade ZUSD 0.5001 0.0012 0.4989"]

    def test_the_fee_is_of_the_cost_and_not_of_what_is_booked_of_it(self, floor: Floor) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001", costmin="0", fees=[[0, 50]])
        ann, bob = floor.trader("ann", ZUSD="10"), floor.trader("bob", **{"2Z": "1"})
        floor.sell(bob, "0.00125", "1", pair="2ZUSD")
        floor.buy(ann, "0.00125", "1", pair="2ZUSD")
        assert floor.rows(ann)[1] == "trade ZUSD -0.0013 0.0006 9.9981"

    def test_a_quote_with_two_decimals(self, floor: Floor) -> None:
        ann, bob = floor.trader("ann", ZJPY="10000"), floor.trader("bob", ZAUD="100")
        floor.sell(bob, "10.00012345", "110.005", pair="AUDJPY")
        floor.buy(ann, "10.00012345", "110.005", pair="AUDJPY")
        # Cost 1100.06358..., in the books 1100.064; 0.2 % of it 2.200.
        assert floor.rows(ann) == ["trade ZAUD 10.0001 0 10.0001", "trade ZJPY -1100.06 2.2 8897.74"]


class TestFeeInBase:
    def test_the_base_row_bears_it_and_orders_show_it_in_quote(self, floor: Floor, ann: Account, bob: Account) -> None:
        made = floor.sell(bob, "0.4", "60000", oflags="fcib")
        taken = floor.buy(ann, "0.4", "60000", oflags="fcib")
        assert floor.rows(ann) == ["trade XXBT 0.4 0.0016 10.3984", "trade ZUSD -24000 0 976000"]
        assert floor.rows(bob) == ["trade XXBT -0.4 0.001 9.599", "trade ZUSD 24000 0 1024000"]
        assert (taken.fee, made.fee) == (96_00000, 60_00000)
        assert floor.balance(floor.exchange.fees, "XXBT") == "0.0026"
        assert floor.balance(floor.exchange.fees, "ZUSD") == "0"

    def test_each_side_as_it_likes(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.buy(bob, "0.4", "60000", oflags="fcib")
        floor.sell(ann, "0.4", "60000")
        assert floor.rows(ann) == ["trade XXBT -0.4 0 9.6", "trade ZUSD 24000 96 1023904"]
        assert floor.rows(bob) == ["trade XXBT 0.4 0.001 10.399", "trade ZUSD -24000 0 976000"]

    @pytest.mark.parametrize(
        ("volume", "row"),
        [
            ("1.2625", "trade 2Z 1.2625 0.0051 1.2574"),  # 0.00505
            ("1.26245", "trade 2Z 1.2625 0.005 1.2575"),  # 0.0050498, of the volume and not of what is booked of it
        ],
    )
    def test_volume_times_rate_half_up_at_the_assets_decimals(self, floor: Floor, volume: str, row: str) -> None:
        floor.catalog.with_record("2ZUSD", ordermin="0.00001")
        ann, bob = floor.trader("ann", ZUSD="10"), floor.trader("bob", **{"2Z": "2"})
        floor.sell(bob, volume, "1", pair="2ZUSD")
        floor.buy(ann, volume, "1", pair="2ZUSD", oflags="fcib")
        assert floor.rows(ann)[0] == row
        # The quote value that the trade shows is not derived from the rounded base.
        assert next(iter(ann.trades.values())).fee == 505


class TestWhoGetsThem:
    def test_the_fees_account_collects_and_nothing_is_lost(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "0.4", "60000")
        floor.buy(ann, "0.4", "60000")
        assert floor.rows(ann) == ["trade XXBT 0.4 0 10.4", "trade ZUSD -24000 96 975904"]
        assert floor.rows(bob) == ["trade XXBT -0.4 0 9.6", "trade ZUSD 24000 60 1023940"]
        assert floor.balance(floor.exchange.fees, "ZUSD") == "156"
        assert sum(account.balance("ZUSD") for account in floor.exchange.accounts.values()) == 2_000_000_0000
        assert not floor.exchange.fees.ledger

    def test_the_house_pays_none_and_keeps_no_history(self, floor: Floor, ann: Account) -> None:
        house = floor.exchange.house
        floor.deposit(house, "XXBT", "5")
        floor.deposit(house, "ZUSD", "100000")
        ask, bid = floor.quote("sell", "1", "60000"), floor.quote("buy", "1", "59000")
        floor.buy(ann, "0.5", "60000")
        floor.sell(ann, "0.2", "59000")
        assert floor.balance(house, "XXBT") == "4.7"
        assert floor.balance(house, "ZUSD") == "118200"  # 30000 came, 11800 went
        assert (ask.fee, bid.fee) == (0, 0)
        assert not any((house.trades, house.ledger, house.executions, house.closed, house.volume.at(0)))
        assert floor.fills(ann.closed[0]) == ["0.5@60000 house"]
        assert [percent(order) for order in ann.closed] == [0.4, 0.35]

    def test_the_taker_pays_for_a_makers_rebate(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.catalog.with_record("XXBTZUSD", fees_maker=[[0, "-0.02"]])
        made = floor.sell(bob, "0.1", "60000")
        floor.buy(ann, "0.1", "60000")
        assert made.fee == -1_20000
        assert floor.rows(bob)[1] == "trade ZUSD 6000 -1.2 1006001.2"
        assert floor.balance(floor.exchange.fees, "ZUSD") == "22.8"

    @pytest.mark.parametrize(("oflags", "asset", "rebate"), [("fciq", "ZUSD", "12"), ("fcib", "XXBT", "0.0002")])
    def test_the_house_pays_what_fees_does_not_have(
        self, floor: Floor, ann: Account, bob: Account, oflags: str, asset: str, rebate: str
    ) -> None:
        floor.catalog.with_record("XXBTZUSD", fees=[[0, 0]], fees_maker=[[0, "-0.2"]])
        house = floor.exchange.house
        floor.deposit(house, asset, "1000")
        total = sum(account.balance(asset) for account in floor.exchange.accounts.values())
        floor.sell(bob, "0.1", "60000", oflags=oflags)
        floor.buy(ann, "0.1", "60000")
        assert floor.balance(floor.exchange.fees, asset) == "0"
        paid = 1000 * 10 ** floor.catalog.assets[asset].decimals - house.balance(asset)
        assert paid == -next(entry.fee for entry in bob.ledger.values() if entry.fee)
        assert f" -{rebate} " in " ".join(floor.rows(bob))
        assert sum(account.balance(asset) for account in floor.exchange.accounts.values()) == total
