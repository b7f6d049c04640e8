"""The walking market: a price on its way, takers who trade, and clients whose orders they meet."""

from __future__ import annotations

import threading
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from mockkraken import MockKraken
from mockkraken.catalog import Catalog
from mockkraken.clock import DAY, HOUR, LATEST, MINUTE, SECOND
from mockkraken.market.makers import PARTS_OF_A_LEAP, STEPS_A_SECOND

if TYPE_CHECKING:
    from conftest import Pit

    from mockkraken.exchange import Account, Market
    from mockkraken.exchange.orders import Side

CATALOG = Catalog()
PRICED = [CATALOG.pair(name) for name in CATALOG.records if CATALOG.pair(name).reference.last is not None]
COARSE = next(pair.id for pair in PRICED if pair.reference.last and pair.tick * 10 > pair.reference.last)
THIN = next(pair.id for pair in PRICED if pair.reference.daily_trades <= 1)
# Its last trade lies well within its spread, so that a step does not move the quotes.
AMIDST = next(
    pair.id
    for pair in PRICED
    if (last := pair.reference.last)
    and last - (pair.reference.bid or last) > last // 200
    and (pair.reference.ask or last) - last > last // 200
)
KINDS = ["XXBTZUSD", "XXBTZJPY", "PEPEUSD", "USDCUSD", COARSE, THIN]


class Walk:
    """A market that walks, and every step that it makes."""

    def __init__(self, pit: Pit, name: str = "XXBTZUSD") -> None:
        self.pit = pit
        self.clock = pit.sandbox.clock
        self.steps: list[int] = []
        self.middles: set[float] = set()
        real_call_at = self.clock.call_at

        def call_at(when: int, callback: Any) -> Any:
            def fired() -> None:
                self.steps.append(self.clock.now())
                callback()
                self.check()
                self.middles.add(self.middle())

            return real_call_at(when, fired)

        self.clock.call_at = call_at  # type: ignore[method-assign]  # each step is counted and looked at
        self.market: Market = pit.market(name)

    def check(self) -> None:
        bids, asks = self.pit.book(self.market)
        assert bids
        assert asks
        assert bids[0][0] < asks[0][0]
        assert len(asks) >= 100
        tick = self.market.pair.tick
        assert all(price > 0 and price % tick == 0 and volume > 0 for price, volume in bids + asks)

    def middle(self) -> float:
        bids, asks = self.pit.book(self.market)
        return (bids[0][0] + asks[0][0]) / 2

    def tape(self) -> list[tuple[Any, ...]]:
        return [structs.astuple(row) for row in self.market.tape.prints]


@pytest.fixture
def walk(new_pit: type[Pit]) -> Walk:
    return Walk(new_pit(market="walk"))


def rich(walk: Walk, who: Account) -> Account:
    for asset in (walk.market.pair.base, walk.market.pair.quote):
        walk.pit.exchange.set_balance(who, asset, 10**24)
    return who


class TestSteps:
    @pytest.mark.parametrize("name", KINDS)
    def test_the_price_moves_and_takers_trade(self, new_pit: type[Pit], name: str) -> None:
        walk = Walk(new_pit(market="walk"), name)
        walk.clock.advance(30 * DAY)
        assert len(walk.middles) > (500 if name == "XXBTZUSD" else 1)
        assert len(walk.market.tape.prints) > 50
        tick = walk.market.pair.tick
        assert all(row.price % tick == 0 and row.price > 0 and row.volume > 0 for row in walk.market.tape.prints)

    @pytest.mark.parametrize("name", ["XXBTZUSD", "XETHZUSD"])
    def test_a_day_is_as_busy_as_the_recorded_one(self, new_pit: type[Pit], name: str) -> None:
        walk = Walk(new_pit(market="walk"), name)
        walk.clock.advance(30 * DAY)
        day = walk.market.tape.last_day(walk.clock.now())
        assert day is not None
        assert 0.5 < day.volume / walk.market.pair.reference.daily_volume < 2
        bids, asks = walk.pit.book(walk.market)
        assert bids[0][0] <= day.close <= asks[0][0]

    def test_one_each_second_while_time_passes(self, walk: Walk) -> None:
        start = walk.clock.now()
        for _ in range(50):
            walk.clock.advance(200_000_000)
        assert walk.steps == [start + second * SECOND for second in range(1, 11)]

    def test_no_look_and_no_pause_of_the_clock_puts_a_step_off(self, walk: Walk) -> None:
        start = walk.clock.now()
        for _ in range(20):
            walk.clock.advance(100_000_000)
            walk.clock.run_due()
            walk.clock.freeze()
        assert walk.steps == [start + SECOND, start + 2 * SECOND]

    @pytest.mark.parametrize("span", [HOUR, DAY, 30 * DAY, 20 * 365 * DAY])
    def test_a_leap_takes_ever_finer_steps(self, new_pit: type[Pit], span: int) -> None:
        walk = Walk(new_pit(market="walk"), "USDCUSD")
        start = walk.clock.now()
        walk.clock.advance(span)
        expected = PARTS_OF_A_LEAP * (1 + log(span / SECOND / PARTS_OF_A_LEAP))
        assert 0.95 * expected <= len(walk.steps) <= 1.05 * expected
        pauses = [later - earlier for earlier, later in pairwise(walk.steps)]
        assert pauses[1] == pytest.approx(span / PARTS_OF_A_LEAP, rel=0.02)
        assert sorted(pauses[1:], reverse=True) == pauses[1:]
        assert walk.steps[-1] >= start + span - SECOND

    def test_many_markets_share_the_steps(self, new_pit: type[Pit], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mockkraken.market.makers.PARTS_OF_A_LEAP", 20)
        monkeypatch.setattr("mockkraken.market.makers.STEPS_A_SECOND", 20)
        walk = Walk(new_pit(market="walk"))
        for pair in PRICED[:39]:
            walk.pit.market(pair.id)
        walk.clock.advance(30 * DAY)
        alone = 20 * (1 + log(30 * DAY / SECOND / 20))
        assert 2 * alone < len(walk.steps) < 5 * alone
        walk.clock.run()
        walk.clock.run_due()
        left = walk.clock.seconds_to_next()
        assert left is not None
        assert 1 < left <= 2

    def test_those_that_have_stopped_share_no_steps(self, new_pit: type[Pit]) -> None:
        alone, walk = (Walk(new_pit(market="walk")) for _ in range(2))
        for pair in PRICED[:39]:
            if pair.id != walk.market.pair.id:
                walk.pit.makers.pause(walk.pit.market(pair.id), True)
        for each in (alone, walk):
            each.clock.advance(DAY)
        assert walk.steps == alone.steps

    def test_after_a_leap_it_goes_on_each_second(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk"), "USDCUSD")
        walk.clock.advance(30 * DAY)
        walk.clock.run_due()
        walk.steps.clear()
        for _ in range(10):
            walk.clock.advance(SECOND)
        assert len(walk.steps) == 10

    def test_a_leap_too_short_for_all_of_them_puts_none_off(
        self, new_pit: type[Pit], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mockkraken.market.makers.PARTS_OF_A_LEAP", 1)
        walk = Walk(new_pit(market="walk"))
        for pair in PRICED[:9]:
            walk.pit.market(pair.id)
        walk.clock.advance(DAY)
        walk.steps.clear()
        walk.clock.advance(SECOND)
        assert len(walk.steps) == len(walk.pit.exchange.markets) > 4

    def test_a_leap_to_the_end_of_time(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk", start=0))
        walk.clock.advance(LATEST)
        assert len(walk.steps) < 25 * PARTS_OF_A_LEAP
        walk.check()

    def test_at_another_pace_no_more_than_some_each_second_of_the_machine(self, walk: Walk) -> None:
        walk.clock.run(scale=100_000)
        left = walk.clock.seconds_to_next()
        assert left is not None
        assert 0.5 / STEPS_A_SECOND < left <= 1 / STEPS_A_SECOND
        # And back: the next step does not wait for hours.
        walk.clock.run()
        left = walk.clock.seconds_to_next()
        assert left is not None
        assert left <= 1

    def test_others_stand_still(self, new_pit: type[Pit]) -> None:
        for model in ("calm", "static"):
            pit = new_pit(market=model)
            market = pit.market()
            before = pit.book(market)
            pit.sandbox.clock.advance(30 * DAY)
            assert pit.book(market) == before
            assert not market.tape.prints

    def test_nobody_walks_where_there_is_no_price(self, new_pit: type[Pit]) -> None:
        pit = new_pit(market="walk")
        pit.sandbox.catalog.with_record("AGLDUSD", status="online")
        market = pit.market("AGLDUSD")
        pit.sandbox.clock.advance(DAY)
        assert pit.book(market) == ([], [])
        # Until somebody says what it is.
        pit.makers.move(market, 1000 * market.pair.tick)
        pit.sandbox.clock.advance(DAY)
        assert len(market.tape.prints) > 1

    def test_volume_is_about_that_of_the_recorded_day(self, walk: Walk) -> None:
        walk.clock.advance(10 * DAY)
        volume = sum(row.volume for row in walk.market.tape.prints)
        assert volume / 10 == pytest.approx(walk.market.pair.reference.daily_volume, rel=0.3)

    def test_a_thin_market_trades_a_few_times_a_day(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk"), THIN)
        walk.clock.advance(30 * DAY)
        assert len(walk.steps) > 1000
        assert 2 * 30 < len(walk.market.tape.prints) < 8 * 30

    def test_takers_leave_the_last_price_at_the_top(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk"), "USDCUSD")
        seen = 0

        def settled(market: Market) -> None:
            nonlocal seen
            if market.tape.count > seen:
                seen = market.tape.count
                bids, asks = walk.pit.book(market)
                assert market.tape.last_price in (bids[0][0], asks[0][0])

        walk.pit.exchange.events.settled.append(settled)
        walk.clock.advance(30 * DAY)
        assert seen > 1000

    def test_a_path_that_touches_the_top_takes_no_quote(self, new_pit: type[Pit]) -> None:
        # Its spread is a tick, so that it does so all the time; takers want far less than a whole quote each second.
        walk = Walk(new_pit(market="walk"), "USDCUSD")
        bids, asks = walk.pit.book(walk.market)
        for _ in range(600):
            walk.clock.advance(SECOND)
        assert len(walk.tape()) > 200
        assert max(row.volume for row in walk.market.tape.prints) < min(volume for _, volume in bids + asks)


class TestClients:
    @pytest.mark.parametrize("span", [DAY, 30 * DAY])
    def test_are_served_at_their_price_and_nothing_is_lost(self, walk: Walk, span: int) -> None:
        pit, market = walk.pit, walk.market
        main, last, tick = rich(walk, pit.main), market.tape.last_price, market.pair.tick
        assert last
        orders = []
        for step in range(1, 40):
            for side, sign in (("buy", -1), ("sell", 1)):
                price = last + sign * step**3 * 8 * tick
                orders.append((pit.enter(main, market, side, 10**6 * step, price), price))
        before = {asset: pit.total(asset) for asset in ("XXBT", "ZUSD")}
        walk.clock.advance(span)
        assert {asset: pit.total(asset) for asset in before} == before
        filled = [order for order, _ in orders if order.vol_exec]
        assert len(filled) > 10
        assert any(order.status == "open" for order, _ in orders)
        for order, price in orders:
            for execution in order.executions:
                assert {fill.price for fill in execution.fills} == {price}
        assert all(trade.maker for trade in main.trades.values())
        # Whoever was filled is on the right side of where the price has been.
        prices = [row.price for row in market.tape.prints]
        assert all(min(prices) <= price <= max(prices) for order, price in orders if order.vol_exec)

    @pytest.mark.parametrize("name", ["XXBTZUSD", AMIDST])
    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_one_who_swept_the_book_is_met_by_the_next_step(self, new_pit: type[Pit], name: str, side: Side) -> None:
        """Else it would stand beyond the market for ever, and keep the quotes away. The price need not even move."""
        walk = Walk(new_pit(market="walk"), name)
        pit, market = walk.pit, walk.market
        main = rich(walk, pit.main)
        across = pit.book(market)[1 if side == "buy" else 0]
        price = across[-1][0]
        order = pit.enter(main, market, side, sum(volume for _, volume in across) + 10**8, price)
        assert (order.status, order.remaining) == ("open", 10**8)
        walk.clock.advance(SECOND)
        assert order.status == "closed"
        bids, asks = pit.book(market)
        assert len(asks) == 100
        assert len(bids) == 100 or bids[-1][0] == market.pair.tick

    def test_one_within_the_spread_waits_for_the_price(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk"), "XXBTZEUR")
        pit, market = walk.pit, walk.market
        bids, asks = pit.book(market)
        tick = market.pair.tick
        order = pit.enter(pit.main, market, "buy", 10**6, bids[0][0] + tick)
        assert bids[0][0] + tick < asks[0][0]
        walk.clock.advance(HOUR)
        assert order.status == "closed"
        assert order.executions[0].fills[0].price == bids[0][0] + tick

    def test_what_they_take_is_back_with_the_next_step(self, walk: Walk) -> None:
        asks = walk.pit.book(walk.market)[1]
        walk.pit.enter(walk.pit.main, walk.market, "buy", asks[0][1] // 2)
        assert walk.pit.book(walk.market)[1][0] == (asks[0][0], asks[0][1] - asks[0][1] // 2)
        walk.clock.advance(SECOND)
        assert len(walk.pit.book(walk.market)[1]) == 100
        assert not walk.pit.makers._desks["XXBTZUSD"].dirty


class TestControl:
    def test_pausing_stops_it_and_going_on_does_not_catch_up(self, walk: Walk) -> None:
        walk.clock.advance(5 * SECOND)
        walk.pit.makers.pause(walk.market, True)
        before, steps = walk.pit.book(walk.market), len(walk.steps)
        walk.clock.advance(DAY)
        assert walk.pit.book(walk.market) == before
        assert len(walk.steps) == steps
        walk.pit.makers.pause(walk.market, False)
        resumed = walk.clock.now()
        walk.clock.advance(SECOND)
        assert walk.steps[steps:] == [resumed + SECOND]

    @pytest.mark.parametrize("model", ["calm", "static"])
    def test_another_model_ends_it_and_walk_begins_it(self, walk: Walk, model: Any) -> None:
        walk.clock.advance(5 * SECOND)
        walk.pit.makers.set_model(walk.market, model)
        before, steps = walk.pit.book(walk.market), len(walk.steps)
        walk.clock.advance(HOUR)
        assert walk.pit.book(walk.market) == before
        assert len(walk.steps) == steps
        walk.pit.makers.set_model(walk.market, "walk")
        walk.clock.advance(HOUR)
        assert walk.pit.book(walk.market) != before

    def test_it_goes_on_from_where_it_was_moved(self, walk: Walk) -> None:
        last = walk.market.tape.last_price
        assert last
        walk.pit.makers.move(walk.market, last * 2)
        walk.clock.advance(MINUTE)
        assert walk.middle() == pytest.approx(last * 2, rel=0.05)

    def test_at_one_tick_it_neither_ends_nor_sticks(self, new_pit: type[Pit]) -> None:
        walk = Walk(new_pit(market="walk"), COARSE)
        tick = walk.market.pair.tick
        walk.pit.makers.move(walk.market, tick)
        walk.clock.advance(5 * 365 * DAY)
        assert max(walk.middles) > 2 * tick

    def test_a_reset_ends_it(self, walk: Walk) -> None:
        clock, sandbox = walk.clock, walk.pit.sandbox
        clock.advance(SECOND)
        steps = len(walk.steps)
        sandbox.reset()
        sandbox.clock.advance(HOUR)
        assert len(walk.steps) == steps
        assert not sandbox.exchange.markets
        assert sandbox.clock is not clock

    def test_no_order_is_forgotten(self, walk: Walk) -> None:
        walk.clock.advance(30 * DAY)
        bids, asks = walk.pit.book(walk.market)
        assert len(walk.pit.exchange.house.open) == len(bids) + len(asks)
        assert len(walk.clock._timers) <= 3


def test_the_servers_alarm_drives_it() -> None:
    kraken = MockKraken(market="walk")
    sandbox, traded = kraken._sandbox, threading.Event()
    sandbox.exchange.market(sandbox.catalog.pair("XXBTZUSD"))
    sandbox.exchange.events.trade.append(lambda market, row: traded.set())
    with kraken:
        kraken.clock.run(3600)
        # From here on nobody calls: only time passes.
        assert traded.wait(30)


class TestDeterminism:
    def lived(self, pit: Pit, names: list[str]) -> list[Walk]:
        walks = [Walk(pit, name) for name in names]
        for span in (SECOND, 2 * MINUTE, DAY // 1000, 3 * SECOND):
            pit.sandbox.clock.advance(span)
            pit.enter(pit.main, walks[0].market, "buy", 10**6)
        return walks

    def test_the_same_seed_walks_the_same_way(self, new_pit: type[Pit]) -> None:
        one, same, other = (self.lived(new_pit(market="walk", seed=seed), ["XXBTZUSD"])[0] for seed in (1, 1, 2))
        assert one.tape() == same.tape()
        assert one.pit.book(one.market) == same.pit.book(same.market)
        assert one.tape() != other.tape()

    def test_pairs_do_not_disturb_each_other(self, new_pit: type[Pit]) -> None:
        alone = self.lived(new_pit(market="walk"), ["XXBTZUSD"])[0]
        among = self.lived(new_pit(market="walk"), ["XXBTZUSD", "XETHZUSD", "USDCUSD"])[0]
        assert alone.tape() == among.tape()
        assert list(alone.pit.main.orders) == list(among.pit.main.orders)
