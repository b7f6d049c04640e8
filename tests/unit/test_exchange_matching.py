"""A scripted book, hit by every kind of order: who trades with whom, at what price, and what becomes of the rest.

Reference: kraken/30 §8.1 to §8.4, §8.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.clock import HOUR

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account
    from mockkraken.exchange.orders import Side


class TestPriceTimePriority:
    def test_the_best_price_trades_first_and_at_one_price_who_came_first(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        floor.sell(bob, "1", "60010")
        floor.sell(cat, "1", "60000")
        floor.sell(bob, "1", "60000")
        order = floor.buy(ann, "2.5", "60010")
        assert floor.fills(order) == ["1@60000 cat", "1@60000 bob", "0.5@60010 bob"]
        assert floor.end(order) == "closed 2.5/2.5"
        assert floor.book() == " | 60010:0.5"

    def test_a_seller_meets_the_highest_bid_first(self, floor: Floor, ann: Account, bob: Account, cat: Account) -> None:
        floor.buy(bob, "1", "59990")
        floor.buy(cat, "1", "60000")
        floor.buy(bob, "1", "60000")
        order = floor.sell(ann, "2.5", "59000")
        assert floor.fills(order) == ["1@60000 cat", "1@60000 bob", "0.5@59990 bob"]
        assert floor.book() == "59990:0.5 | "

    def test_a_partial_fill_keeps_its_place_in_the_queue(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        first = floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60000")
        floor.buy(ann, "0.4", "60000")
        assert floor.end(first) == "open 0.4/1"
        assert floor.fills(floor.buy(ann, "1", "60000")) == ["0.6@60000 bob", "0.4@60000 cat"]
        assert floor.end(first) == "closed 1/1"

    def test_who_cancels_and_comes_back_queues_at_the_end(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        early = floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60000")
        floor.exchange.cancel_order(bob, txid=early.txid)
        floor.sell(bob, "1", "60000")
        assert floor.fills(floor.buy(ann, "1", "60000")) == ["1@60000 cat"]

    def test_a_limit_order_takes_what_it_can_and_rests_with_what_is_left(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "1", "60000.2")
        order = floor.buy(ann, "3", "60000.1")
        assert floor.fills(order) == ["1@60000 bob"]
        assert floor.end(order) == "open 1/3"
        assert floor.book() == "60000.1:2 | 60000.2:1"
        (taken,) = ann.trades.values()
        assert not taken.maker
        floor.sell(bob, "2", "60000.1")
        assert [fill.maker for fill in ann.trades.values()] == [False, True]
        assert floor.end(order) == "closed 3/3"

    def test_an_order_knows_when_it_came_and_when_it_went(self, floor: Floor, ann: Account, bob: Account) -> None:
        came = floor.clock.now()
        order = floor.buy(ann, "1", "60000")
        floor.clock.advance(HOUR)
        floor.sell(bob, "0.5", "60000")
        assert (order.opentm, order.closetm) == (came, 0)
        floor.clock.advance(HOUR)
        floor.sell(bob, "0.5", "60000")
        assert (order.opentm, order.closetm) == (came, came + 2 * HOUR)

    def test_orders_that_do_not_meet_rest_side_by_side(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.buy(ann, "1", "59999.9")
        floor.sell(bob, "1", "60000")
        assert floor.book() == "59999.9:1 | 60000:1"
        assert not ann.trades

    def test_the_queue_at_a_price_is_first_come_first_served_to_the_last_lot(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        for volume, who in (("0.3", bob), ("0.1", cat), ("0.2", bob), ("0.4", cat)):
            floor.buy(who, volume, "60000")
        first = floor.sell(ann, "0.5", "60000")
        second = floor.sell(ann, "0.5", "60000")
        assert floor.fills(first) == ["0.3@60000 bob", "0.1@60000 cat", "0.1@60000 bob"]
        assert floor.fills(second) == ["0.1@60000 bob", "0.4@60000 cat"]
        assert floor.book() == " | "


class TestTimeInForce:
    def test_immediate_or_cancel_leaves_nothing_behind(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        order = floor.buy(ann, "3", "60000", timeinforce="IOC")
        assert floor.fills(order) == ["1@60000 bob"]
        assert floor.end(order) == "canceled 1/3: Insufficient liquidity"
        assert order.partial
        assert floor.book() == " | "
        assert floor.held(ann, "ZUSD") == "0"

    def test_immediate_or_cancel_without_anybody_across_is_accepted_all_the_same(
        self, floor: Floor, ann: Account
    ) -> None:
        order = floor.buy(ann, "3", "60000", timeinforce="ioc")
        assert order.txid
        assert floor.end(order) == "canceled 0/3: Insufficient liquidity"
        assert not order.partial

    def test_fill_or_kill_takes_all_of_it_across_levels(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "2", "60001")
        order = floor.buy(ann, "3", "60001", timeinforce="FOK")
        assert floor.fills(order) == ["1@60000 bob", "2@60001 bob"]
        assert floor.end(order) == "closed 3/3"

    @pytest.mark.parametrize(("volume", "price"), [("3.00000001", "60001"), ("3", "60000.9")])
    def test_fill_or_kill_that_falls_short_touches_nothing(
        self, floor: Floor, ann: Account, bob: Account, volume: str, price: str
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "2", "60001")
        before = dict(ann.balances), dict(bob.balances)
        order = floor.buy(ann, volume, price, timeinforce="FOK")
        assert floor.end(order) == f"canceled 0/{volume}: Insufficient liquidity"
        assert (ann.balances, bob.balances) == before
        assert floor.held(ann, "ZUSD") == "0"
        assert floor.book() == " | 60000:1 60001:2"
        assert not ann.trades
        assert not floor.rows(ann)

    def test_fill_or_kill_does_not_count_what_it_can_not_pay(self, floor: Floor, bob: Account) -> None:
        poor = floor.trader("poor", ZUSD="60000")
        floor.sell(bob, "1", "60000")
        assert floor.refusal(poor, "buy", "1", "60000", timeinforce="FOK") == "EOrder:Insufficient funds"


class TestPostOnly:
    def test_it_rests_behind_the_best(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        order = floor.buy(ann, "1", "59999.9", oflags="post")
        assert floor.end(order) == "open 0/1"
        assert order.post

    @pytest.mark.parametrize("price", ["60000", "61000"])
    def test_it_is_refused_where_it_would_take_and_at_the_very_best_price_it_would(
        self, floor: Floor, ann: Account, bob: Account, price: str
    ) -> None:
        floor.sell(bob, "1", "60000")
        assert floor.refusal(ann, "buy", "1", price, oflags="post") == "EOrder:Post only order"
        assert floor.book() == " | 60000:1"
        assert not ann.orders

    def test_accepted_and_canceled_at_once_if_the_setting_says_so(self, open_floor: type[Floor]) -> None:
        floor = open_floor(post_only_crossing="cancel")
        ann, bob = floor.trader("ann"), floor.trader("bob")
        floor.buy(bob, "1", "60000")
        order = floor.sell(ann, "1", "60000", oflags="post,fciq")
        assert floor.end(order) == "canceled 0/1: Post only order"
        assert ann.closed == [order]
        assert floor.held(ann, "XXBT") == "0"
        assert floor.book() == "60000:1 | "

    def test_funds_are_looked_at_first(self, floor: Floor, bob: Account) -> None:
        poor = floor.trader("poor", ZUSD="1")
        floor.sell(bob, "1", "60000")
        assert floor.refusal(poor, "buy", "1", "60000", oflags="post") == "EOrder:Insufficient funds"

    def test_ones_own_order_across_is_no_reason_to_take_either(self, floor: Floor, ann: Account) -> None:
        floor.sell(ann, "1", "60000")
        for stptype in ("cancel-newest", "cancel-oldest"):
            refused = floor.refusal(ann, "buy", "1", "60000", oflags="post", stptype=stptype)
            assert refused == "EOrder:Post only order"


class TestSelfTradePrevention:
    @pytest.fixture
    def own(self, floor: Floor, ann: Account, bob: Account) -> str:
        """Ann's own ask between two of bob's; its txid."""
        floor.sell(bob, "1", "60000")
        own = floor.sell(ann, "1", "60001")
        floor.sell(bob, "1", "60002")
        return own.txid

    @pytest.mark.parametrize("how", [{}, {"stptype": "cancel-newest"}])
    def test_cancel_newest_is_the_default_and_earlier_fills_stand(
        self, floor: Floor, ann: Account, own: str, how: dict[str, str]
    ) -> None:
        order = floor.buy(ann, "3", "60002", **how)
        assert floor.fills(order) == ["1@60000 bob"]
        assert floor.end(order) == "canceled 1/3: Cannot trade with self"
        assert floor.end(ann.orders[own]) == "open 0/1"
        assert floor.book() == " | 60001:1 60002:1"
        assert floor.held(ann, "ZUSD") == "0"

    def test_cancel_oldest_clears_the_way(self, floor: Floor, ann: Account, own: str) -> None:
        order = floor.buy(ann, "3", "60002", stptype="cancel-oldest")
        assert floor.fills(order) == ["1@60000 bob", "1@60002 bob"]
        assert floor.end(order) == "open 2/3"
        assert floor.end(ann.orders[own]) == "canceled 0/1: Cannot trade with self"
        assert floor.book() == "60002:1 | "
        assert floor.held(ann, "XXBT") == "0"

    def test_cancel_both(self, floor: Floor, ann: Account, own: str) -> None:
        order = floor.buy(ann, "3", "60002", stptype="cancel-both")
        assert floor.fills(order) == ["1@60000 bob"]
        assert floor.end(order) == "canceled 1/3: Cannot trade with self"
        assert floor.end(ann.orders[own]) == "canceled 0/1: Cannot trade with self"
        assert floor.book() == " | 60002:1"

    def test_sizes_are_not_compared(self, floor: Floor, ann: Account) -> None:
        large = floor.sell(ann, "5", "60000")
        small = floor.buy(ann, "0.001", "60000", stptype="cancel-oldest")
        assert floor.end(large) == "canceled 0/5: Cannot trade with self"
        assert floor.end(small) == "open 0/0.001"

    @pytest.mark.parametrize("stptype", ["cancel-newest", "cancel-oldest", "cancel-both"])
    def test_an_order_that_is_done_before_it_comes_to_its_own_disturbs_nothing(
        self, floor: Floor, ann: Account, own: str, stptype: str
    ) -> None:
        order = floor.buy(ann, "1", "60002", stptype=stptype)
        assert floor.end(order) == "closed 1/1"
        assert floor.end(ann.orders[own]) == "open 0/1"

    def test_all_own_orders_on_the_way_go_and_those_beyond_the_limit_stay(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        near = [floor.sell(ann, "1", price) for price in ("60000", "60001")]
        far = floor.sell(ann, "1", "60003")
        floor.sell(bob, "1", "60002")
        order = floor.buy(ann, "2", "60002", stptype="cancel-oldest")
        assert floor.fills(order) == ["1@60002 bob"]
        assert [own.status for own in near] == ["canceled", "canceled"]
        assert far.status == "open"

    def test_a_market_order_is_held_to_it_too(self, floor: Floor, ann: Account, own: str) -> None:
        order = floor.buy(ann, "3", stptype="cancel-both")
        assert floor.end(order) == "canceled 1/3: Cannot trade with self"
        assert ann.orders[own].status == "canceled"

    def test_fill_or_kill_counts_only_the_others(self, floor: Floor, ann: Account, own: str) -> None:
        killed = floor.buy(ann, "3", "60002", stptype="cancel-oldest", timeinforce="FOK")
        assert floor.end(killed).startswith("canceled 0/3")
        assert ann.orders[own].status == "open"
        filled = floor.buy(ann, "2", "60002", stptype="cancel-oldest", timeinforce="FOK")
        assert floor.fills(filled) == ["1@60000 bob", "1@60002 bob"]
        assert ann.orders[own].status == "canceled"

    def test_other_accounts_trade_with_each_other_at_any_stptype(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "1", "60000", stptype="cancel-both")
        assert floor.end(floor.buy(ann, "1", "60000", stptype="cancel-both")) == "closed 1/1"


class TestMarketOrders:
    def test_it_sweeps_the_book_level_by_level(self, floor: Floor, ann: Account, bob: Account, cat: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60500")
        floor.sell(bob, "1", "61000")
        order = floor.buy(ann, "2.5")
        assert floor.fills(order) == ["1@60000 bob", "1@60500 cat", "0.5@61000 bob"]
        assert floor.end(order) == "closed 2.5/2.5"
        assert floor.book() == " | 61000:0.5"

    @pytest.mark.parametrize(
        ("side", "best", "reached", "spared"),
        [("buy", "60000", "66000", "66000.1"), ("sell", "60000", "54000", "53999.9")],
    )
    def test_price_protection_stops_it_ten_percent_from_the_best_price(
        self, floor: Floor, ann: Account, bob: Account, side: Side, best: str, reached: str, spared: str
    ) -> None:
        across: Side = "sell" if side == "buy" else "buy"
        for price in (best, reached, spared):
            floor.enter(bob, across, "1", price)
        order = floor.enter(ann, side, "3")
        assert floor.fills(order) == [f"1@{best} bob", f"1@{reached} bob"]
        assert floor.end(order) == "canceled 2/3: Insufficient liquidity"

    def test_nompp_no_longer_switches_protection_off(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "1", "67000")
        order = floor.buy(ann, "2", oflags="nompp")
        assert floor.end(order) == "canceled 1/2: Insufficient liquidity"

    @pytest.mark.parametrize(("width", "done"), [("off", "3"), ("0", "1"), ("0.5", "2"), ("0.4999", "1"), ("100", "3")])
    def test_the_width_is_a_setting(self, open_floor: type[Floor], width: str, done: str) -> None:
        floor = open_floor(market_price_protection=width)
        ann, bob = floor.trader("ann"), floor.trader("bob")
        for price in ("60000", "60300", "119999.9"):
            floor.sell(bob, "1", price)
        assert floor.end(floor.buy(ann, "3")).split()[1].startswith(f"{done}/3")

    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_on_an_empty_book_it_is_accepted_and_canceled(self, floor: Floor, ann: Account, side: Side) -> None:
        order = floor.enter(ann, side, "1")
        assert order.txid
        assert floor.end(order) == "canceled 0/1: Insufficient liquidity"
        assert floor.book() == " | "
        assert ann.available("ZUSD") == ann.balance("ZUSD")

    def test_a_market_buy_needs_what_the_book_asks_for_and_the_fee(self, floor: Floor, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "1", "60500")
        rich = floor.trader("rich", ZUSD="90611")  # 60000 + 0.5 × 60500 = 90250, and 0.4 % of it
        poor = floor.trader("poor", ZUSD="90610.9999")
        assert floor.refusal(poor, "buy", "1.5") == "EOrder:Insufficient funds"
        assert floor.end(floor.buy(rich, "1.5")) == "closed 1.5/1.5"
        assert floor.balance(rich, "ZUSD") == "0"

    def test_with_the_fee_in_base_it_needs_the_cost_alone(self, floor: Floor, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        rich, poor = floor.trader("rich", ZUSD="60000"), floor.trader("poor", ZUSD="59999.9999")
        assert floor.refusal(poor, "buy", "1", oflags="fcib") == "EOrder:Insufficient funds"
        assert floor.end(floor.buy(rich, "1", oflags="fcib")) == "closed 1/1"
        assert floor.balance(rich, "XXBT") == "0.996"

    def test_a_market_sell_needs_the_coins_even_when_nobody_buys(self, floor: Floor) -> None:
        seller = floor.trader("seller", XXBT="0.9999999999")
        assert floor.refusal(seller, "sell", "1") == "EOrder:Insufficient funds"
        assert floor.end(floor.sell(seller, "0.99999999")).startswith("canceled 0/")

    def test_a_price_does_not_bind_it(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        order = floor.prepare(ann, "buy", "1", "1", ordertype="market")
        assert floor.end(floor.exchange.submit(order)) == "closed 1/1"
