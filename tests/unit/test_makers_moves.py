"""What can be asked of the market makers: move, trade, fill an order, take another book, behave differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.catalog import Catalog
from mockkraken.market import MarketError
from mockkraken.market.ladder import Quote

if TYPE_CHECKING:
    from conftest import Pit

    from mockkraken.exchange import Account, Market, Order
    from mockkraken.exchange.orders import Side

CATALOG = Catalog()
PRICED = [CATALOG.pair(name) for name in CATALOG.records if CATALOG.pair(name).reference.last is not None]
# The tick is no small part of the price; the spread is wide; no price at all.
COARSE = next(pair.id for pair in PRICED if pair.reference.last and pair.tick * 10 > pair.reference.last)
WIDE = next(p.id for p in PRICED if p.reference.bid and p.reference.ask and p.reference.ask > 2 * p.reference.bid)
KINDS = ["XXBTZUSD", "XXBTZJPY", "PEPEUSD", "USDCUSD", COARSE, WIDE, "AGLDUSD"]


@pytest.fixture
def market(pit: Pit) -> Market:
    return pit.market()


def check(pit: Pit, market: Market) -> None:
    """What holds after each command: a sound book, and no order but those in it."""
    bids, asks = pit.book(market)
    assert not bids or not asks or bids[0][0] < asks[0][0]
    assert all(price > 0 and price % market.pair.tick == 0 and volume > 0 for price, volume in bids + asks)
    resting = {
        order.txid
        for side in ("buy", "sell")
        for level in market.book.levels(side)
        for order in level.orders.values()
        if order.account is pit.exchange.house
    }
    assert set(pit.exchange.house.open) == resting


def rich(pit: Pit, market: Market, who: Account) -> Account:
    for asset in (market.pair.base, market.pair.quote):
        pit.exchange.set_balance(who, asset, 10**24)
    return who


def fills(order: Order) -> list[tuple[int, int]]:
    return [(fill.price, fill.vol) for execution in order.executions for fill in execution.fills]


class TestMove:
    @pytest.mark.parametrize("name", KINDS)
    def test_goes_there_and_trades_there(self, pit: Pit, name: str) -> None:
        market = pit.market(name)
        tick = market.pair.tick
        start = market.tape.last_price or 1000 * tick
        start -= start % tick
        # Steps of a tick, leaps of a thousand, down to the first tick and up again.
        ways = [start, start + tick, start, start * 2, start * 1000, tick, 2 * tick, tick, start * 1000, start]
        for price in ways:
            pit.makers.move(market, price)
            check(pit, market)
            bids, asks = pit.book(market)
            assert market.tape.last_price == price
            assert price in (bids[0][0], asks[0][0])
            assert len(asks) == 100
            assert len(bids) == 100 or bids[-1][0] == tick
            assert asks[-1][0] - asks[0][0] <= max(price // 50, 101 * tick)
            assert (asks[0][0] - bids[0][0]) * 50 <= price or asks[0][0] - bids[0][0] == tick

    @pytest.mark.parametrize("name", ["XXBTZUSD", COARSE])
    def test_the_book_of_a_price_does_not_depend_on_the_way(self, new_pit: type[Pit], name: str) -> None:
        there = []
        for way in ([3], [2, 3], [900, 2, 3]):
            pit = new_pit()
            market = pit.market(name)
            last = market.tape.last_price
            assert last
            for times in way:
                pit.makers.move(market, last * times)
            there.append(pit.book(market))
        assert there[0] == there[1] == there[2]

    def test_a_small_move_leaves_most_quotes_where_they_queue(self, pit: Pit, market: Market) -> None:
        before = dict(pit.exchange.house.open)
        last = market.tape.last_price
        assert last
        pit.makers.move(market, last + 20 * market.pair.tick)
        assert len(before.keys() & pit.exchange.house.open.keys()) > 180

    def test_moving_to_where_it_is_prints_nothing(self, pit: Pit, market: Market) -> None:
        last = market.tape.last_price
        assert last
        pit.makers.move(market, last)
        assert not market.tape.prints

    def test_moving_to_the_best_bid_sells_there_and_leaves_the_book(self, pit: Pit, market: Market) -> None:
        before = pit.book(market)
        best_bid = before[0][0][0]
        pit.makers.move(market, best_bid)
        assert pit.book(market) == before
        assert [(row.price, row.side) for row in market.tape.prints] == [(best_bid, "sell")]

    def test_takes_all_client_orders_on_the_way_up_at_their_prices(self, pit: Pit, market: Market) -> None:
        main, last, tick = rich(pit, market, pit.main), market.tape.last_price, market.pair.tick
        assert last
        asks = [pit.enter(main, market, "sell", 10**7, last + step * tick) for step in (10, 5000, 5001, 9000)]
        bid = pit.enter(main, market, "buy", 10**7, last - 10 * tick)
        before = {asset: pit.total(asset) for asset in ("XXBT", "ZUSD")}
        pit.makers.move(market, last + 5001 * tick)
        assert [order.status for order in asks] == ["closed", "closed", "closed", "open"]
        assert bid.status == "open"
        for order, step in zip(asks[:3], (10, 5000, 5001), strict=True):
            assert fills(order) == [(last + step * tick, 10**7)]
        assert all(trade.maker for trade in main.trades.values())
        assert {asset: pit.total(asset) for asset in before} == before
        check(pit, market)

    def test_takes_all_client_orders_on_the_way_down_at_their_prices(self, pit: Pit, market: Market) -> None:
        main, last, tick = rich(pit, market, pit.main), market.tape.last_price, market.pair.tick
        assert last
        bids = [pit.enter(main, market, "buy", 10**7, last - step * tick) for step in (10, 5000, 5001, 9000)]
        ask = pit.enter(main, market, "sell", 10**7, last + 10 * tick)
        pit.makers.move(market, last - 5001 * tick)
        assert [order.status for order in bids] == ["closed", "closed", "closed", "open"]
        assert ask.status == "open"
        for order, step in zip(bids[:3], (10, 5000, 5001), strict=True):
            assert fills(order) == [(last - step * tick, 10**7)]
        check(pit, market)

    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_within_the_spread_a_better_order_of_a_client_trades(self, pit: Pit, side: Side) -> None:
        """A bid above the new price, or an ask below it, though the old top lies around both."""
        market = pit.market("XBTEUR")
        bids, asks = pit.book(market)
        middle = (bids[0][0] + asks[0][0]) // 2
        tick = market.pair.tick
        assert asks[0][0] - bids[0][0] >= 6 * tick
        price = middle - middle % tick
        better = price + 2 * tick if side == "buy" else price - 2 * tick
        order = pit.enter(pit.main, market, side, 10**6, better)
        pit.makers.move(market, price)
        assert order.status == "closed"
        assert fills(order) == [(better, 10**6)]
        assert market.tape.last_price == price
        check(pit, market)

    @pytest.mark.parametrize("up", [True, False])
    def test_meets_a_client_who_has_swept_the_quotes(self, pit: Pit, market: Market, up: bool) -> None:
        main, side = rich(pit, market, pit.main), "buy" if up else "sell"
        across = pit.book(market)[1 if up else 0]
        order = pit.enter(main, market, side, sum(volume for _, volume in across[:5]) + 10**8, across[4][0])
        assert order.remaining == 10**8
        middle = across[2][0]
        pit.makers.move(market, middle)
        assert order.status == "closed"
        assert fills(order)[-1] == (across[4][0], 10**8)
        assert market.tape.last_price == middle
        check(pit, market)

    @pytest.mark.parametrize("up", [True, False])
    def test_leaves_a_client_behind_who_keeps_quotes_away(self, pit: Pit, market: Market, up: bool) -> None:
        main, side = rich(pit, market, pit.main), "buy" if up else "sell"
        across = pit.book(market)[1 if up else 0]
        order = pit.enter(main, market, side, sum(volume for _, volume in across[:5]) + 10**8, across[4][0])
        tick = market.pair.tick
        pit.makers.move(market, across[0][0] * 2 if up else across[0][0] // tick // 2 * tick)
        assert (order.status, order.remaining) == ("open", 10**8)
        check(pit, market)
        before = pit.book(market)
        pit.enter(main, market, side, 10**6)
        assert pit.book(market) == before
        # Back again: what it had kept away belongs there once more.
        pit.makers.move(market, across[0][0])
        assert order.status == "closed"
        check(pit, market)

    def test_fees_are_right_and_balances_are_the_ledger(self, pit: Pit, market: Market) -> None:
        last, tick = market.tape.last_price, market.pair.tick
        assert last
        for index in range(6):
            price = last + (index - 3) * 300 * tick + tick
            side: Side = "sell" if price > last else "buy"
            pit.enter(pit.main if index % 2 else pit.second, market, side, 10**6, price)
        for times in (0, 900, -900, 30, 0):
            pit.makers.move(market, last + times * tick)
            check(pit, market)
        collected = 0
        for who in (pit.main, pit.second):
            sums: dict[str, int] = {}
            for row in who.ledger.values():
                sums[row.asset] = sums.get(row.asset, 0) + row.amount - row.fee
                collected += row.fee if row.asset == "ZUSD" else 0
            assert sums == who.balances
            assert all(trade.fee > 0 for trade in who.trades.values())
            assert not any(who.held.values())
        assert len(pit.main.trades) == len(pit.second.trades) == 3
        assert pit.exchange.fees.balance("ZUSD") == collected > 0

    def test_a_static_market_has_nobody_to_move(self, pit: Pit, market: Market) -> None:
        pit.makers.set_model(market, "static")
        before = pit.book(market)
        with pytest.raises(MarketError, match="static"):
            pit.makers.move(market, 10**9)
        assert pit.book(market) == before

    @pytest.mark.parametrize("ticks", [1, 2, 123, 10**9])
    def test_makes_a_market_where_there_was_none(self, pit: Pit, ticks: int) -> None:
        market = pit.market("AGLDUSD")
        price = ticks * market.pair.tick
        pit.makers.move(market, price)
        assert [(row.trade_id, row.price) for row in market.tape.prints] == [(1, price)]
        check(pit, market)
        before = pit.book(market)
        pit.makers.trade(market, "buy", before[1][0][1] * 3)
        assert pit.book(market) == before


class TestTrade:
    def test_takes_from_the_book_and_the_makers_put_it_back(self, pit: Pit, market: Market) -> None:
        before = pit.book(market)
        order = pit.makers.trade(market, "buy", before[1][0][1] + 5)
        assert (order.status, order.account) == ("closed", pit.exchange.house)
        assert [(row.price, row.volume, row.side) for row in market.tape.prints] == [
            (*before[1][0], "buy"),
            (before[1][1][0], 5, "buy"),
        ]
        assert pit.book(market) == before
        check(pit, market)

    def test_meets_a_client_at_the_clients_price(self, pit: Pit) -> None:
        market = pit.market("XBTEUR")
        bid = pit.book(market)[0][0][0] + market.pair.tick
        resting = pit.enter(pit.main, market, "buy", 10**6, bid)
        pit.makers.trade(market, "sell", 10**6 + 1)
        assert (resting.status, fills(resting)) == ("closed", [(bid, 10**6)])

    def test_goes_no_further_than_the_limit(self, pit: Pit, market: Market) -> None:
        asks = pit.book(market)[1]
        order = pit.makers.trade(market, "buy", 10**15, asks[2][0])
        assert order.vol_exec == sum(volume for _, volume in asks[:3])
        assert order.status == "canceled"
        check(pit, market)

    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_needs_somebody_who_offers(self, pit: Pit, market: Market, side: Side) -> None:
        bids, asks = pit.book(market)
        tick = market.pair.tick
        limit = asks[0][0] - tick if side == "buy" else bids[0][0] + tick
        with pytest.raises(MarketError, match=f"{side}er"):
            pit.makers.trade(market, side, 1, limit)
        with pytest.raises(MarketError, match=f"{side}er"):
            pit.makers.trade(pit.market("AGLDUSD"), side, 1)
        assert not market.tape.prints
        check(pit, market)


class TestFill:
    def test_trades_with_that_order_and_no_other(self, pit: Pit, market: Market) -> None:
        tick, best = market.pair.tick, pit.book(market)[0][0][0]
        far = pit.enter(pit.main, market, "buy", 10**6, best - 1000 * tick)
        before = pit.book(market)
        pit.makers.fill(far, 4 * 10**5)
        assert (far.status, far.vol_exec) == ("open", 4 * 10**5)
        assert fills(far) == [(best - 1000 * tick, 4 * 10**5)]
        assert market.tape.last_price == best - 1000 * tick
        assert pit.book(market)[0][:5] == before[0][:5]
        pit.makers.fill(far, far.remaining)
        assert far.status == "closed"
        check(pit, market)


class TestBook:
    def levels(self, market: Market, bids: dict[int, int], asks: dict[int, int]) -> list[tuple[Side, Quote]]:
        """Levels in ticks and lots."""
        tick = market.pair.tick
        given: list[tuple[Side, Quote]] = [("buy", Quote(price * tick, volume)) for price, volume in bids.items()]
        return given + [("sell", Quote(price * tick, volume)) for price, volume in asks.items()]

    def ticks(self, pit: Pit, market: Market) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = ([(price // market.pair.tick, volume) for price, volume in side] for side in pit.book(market))
        return bids, asks

    @pytest.mark.parametrize(
        ("bids", "asks"),
        [
            ({100: 5, 99: 7, 90: 10**12}, {101: 3, 200: 4}),
            ({100: 5}, {}),
            ({}, {7: 5}),
            ({}, {1: 5}),
            ({}, {}),
            ({680_000: 5}, {690_000: 6}),
        ],
    )
    @pytest.mark.parametrize("model", ["calm", "static"])
    @pytest.mark.parametrize("name", ["XXBTZUSD", "AGLDUSD"])
    def test_replaces_all_quotes(
        self, new_pit: type[Pit], name: str, model: str, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        pit = new_pit(market=model)
        market = pit.market(name)
        for _ in range(2):
            pit.makers.set_book(market, self.levels(market, bids, asks))
            assert self.ticks(pit, market) == (list(bids.items()), list(asks.items()))
            check(pit, market)

    def test_a_level_that_meets_a_client_trades_with_it(self, new_pit: type[Pit]) -> None:
        for model in ("static", "calm"):
            pit = new_pit(market=model)
            market = pit.market()
            main, tick = rich(pit, market, pit.main), market.pair.tick
            pit.makers.set_book(market, [])
            ask = pit.enter(main, market, "sell", 10**6, 1000 * tick)
            pit.makers.set_book(market, self.levels(market, {1005: 4 * 10**5, 1000: 10**6, 998: 3}, {1010: 9}))
            assert ask.status == "closed"
            assert fills(ask) == [(1000 * tick, 4 * 10**5), (1000 * tick, 6 * 10**5)]
            # The static book stays as the client has left it, the calm one is whole again.
            left = [(1000, 4 * 10**5), (998, 3)] if model == "static" else [(1005, 4 * 10**5), (1000, 10**6), (998, 3)]
            assert self.ticks(pit, market) == (left, [(1010, 9)])
            check(pit, market)

    def test_static_is_never_put_back(self, new_pit: type[Pit]) -> None:
        pit = new_pit(market="static")
        market = pit.market()
        before = pit.book(market)
        rich(pit, market, pit.main)
        pit.enter(pit.main, market, "buy", before[1][0][1] + 7)
        assert pit.book(market) == (before[0], [(before[1][1][0], before[1][1][1] - 7), *before[1][2:]])
        pit.enter(pit.main, market, "buy", 10**6, before[0][5][0])
        pit.sandbox.clock.advance(10**15)
        assert pit.book(market)[1][0] == (before[1][1][0], before[1][1][1] - 7)
        check(pit, market)
        # With another model, all of it comes back.
        pit.exchange.cancel_all(pit.main)
        pit.makers.set_model(market, "calm")
        assert pit.book(market) == before
        check(pit, market)

    def test_forgets_the_quotes_that_a_client_has_kept_away(self, pit: Pit, market: Market) -> None:
        rich(pit, market, pit.main)
        asks = pit.book(market)[1]
        bid = pit.enter(pit.main, market, "buy", sum(volume for _, volume in asks[:6]) + 10**6, asks[5][0])
        assert pit.book(market)[1][0][0] > asks[5][0]
        pit.makers.set_book(market, self.levels(market, {998: 3}, {10**8: 9}))
        pit.exchange.cancel([bid])
        assert self.ticks(pit, market) == ([(998, 3)], [(10**8, 9)])
        check(pit, market)

    def test_becoming_static_puts_nothing_back(self, new_pit: type[Pit]) -> None:
        pit = new_pit(market="walk")
        market = pit.market()
        best_ask = pit.book(market)[1][0]
        pit.makers.trade(market, "buy", best_ask[1] + 7)
        taken = pit.book(market)
        assert taken[1][0][0] > best_ask[0]
        pit.makers.set_model(market, "static")
        assert pit.book(market) == taken

    def test_calm_puts_back_what_was_given(self, pit: Pit, market: Market) -> None:
        pit.makers.set_book(market, self.levels(market, {100: 10**9, 99: 10**9}, {110: 10**9, 120: 10**9}))
        before = pit.book(market)
        pit.enter(rich(pit, market, pit.main), market, "buy", 15 * 10**8, 120 * market.pair.tick)
        assert pit.book(market) == before
        pit.makers.trade(market, "sell", 5)
        assert pit.book(market) == before
        check(pit, market)

    @pytest.mark.parametrize(("bids", "asks"), [({1000: 10**9}, {}), ({}, {1000: 10**9}), ({999: 1}, {1001: 1})])
    def test_the_makers_go_on_from_there(
        self, pit: Pit, market: Market, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        pit.makers.set_book(market, self.levels(market, bids, asks))
        pit.makers.set_model(market, "walk")
        now = self.ticks(pit, market)
        assert now[0][0][0] == max(bids, default=999)
        assert now[1][0][0] == min(asks, default=1001)
        pit.sandbox.clock.advance(3600 * 10**9)
        assert 900 < self.ticks(pit, market)[0][0][0] < 1100
        pit.makers.move(market, 1234 * market.pair.tick)
        assert self.ticks(pit, market)[1][0][0] == 1234
        check(pit, market)


class TestPause:
    def test_nothing_is_put_back_until_it_ends(self, pit: Pit, market: Market) -> None:
        before = pit.book(market)
        pit.makers.pause(market, True)
        assert pit.makers.paused(market)
        pit.makers.trade(market, "buy", before[1][0][1] * 2)
        assert pit.book(market)[1] != before[1]
        assert pit.book(market)[0] == before[0]
        pit.makers.pause(market, False)
        assert pit.book(market) == before
        assert not pit.makers.paused(market)
        check(pit, market)

    def test_each_market_has_a_model_of_its_own(self, pit: Pit) -> None:
        one, other = pit.market("XBTUSD"), pit.market("ETHUSD")
        pit.makers.set_model(one, "static")
        pit.makers.pause(one, True)
        assert (pit.makers.model(one), pit.makers.model(other)) == ("static", "calm")
        assert not pit.makers.paused(other)


@pytest.mark.parametrize("name", ["XXBTZUSD", COARSE])
def test_a_tick_that_was_changed_rules_the_next_book(pit: Pit, name: str) -> None:
    market = pit.market(name)
    pair = pit.sandbox.catalog.with_record(name, tick_size=market.pair.price_text(market.pair.tick * 25))
    pit.exchange.market(pair)
    pit.makers.set_model(market, "static")
    pit.makers.set_model(market, "calm")
    check(pit, market)
    for ticks in (1, 300, 2):
        pit.makers.move(market, ticks * pair.tick)
        check(pit, market)
