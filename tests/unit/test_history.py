"""What a market had traded before anybody looked at it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from mockkraken.catalog import Catalog
from mockkraken.clock import DAY, HOUR, LATEST, MINUTE, SECOND
from mockkraken.exchange.tape import PAST_IDS, Tape
from mockkraken.market.history import CHAPTERS, WILDEST_STEP, History, deviation, factors
from mockkraken.market.ladder import recorded_top

if TYPE_CHECKING:
    from conftest import Pit

    from mockkraken.catalog import Pair
    from mockkraken.exchange.tape import Past

END = 1_790_000_000 * SECOND
CATALOG = Catalog()
PRICED = [name for name in CATALOG.records if CATALOG.pair(name).reference.last is not None]
# Of all kinds: thin and busy, with many decimals and few, tokenized ones among them.
SAMPLE = PRICED[::23]


def history(name: str, *, seed: int = 0, end: int = END) -> History:
    pair = CATALOG.pair(name)
    assert pair.reference.last is not None
    return History(pair, seed, end, pair.reference.last)


def rows(past: Past) -> list[tuple[int, int, int]]:
    return list(zip(past.times, past.prices, past.volumes, strict=True))


def with_tick(tick: str) -> Pair:
    return Catalog().with_record("XXBTZUSD", tick_size=tick)


@pytest.mark.parametrize("name", SAMPLE)
class TestEveryPair:
    def test_trades_are_apart_in_time_on_the_tick_and_of_some_volume(self, name: str) -> None:
        past, pair = history(name).back_to(0), CATALOG.pair(name)
        assert all(earlier < later for earlier, later in pairwise([0, *past.times, END]))
        assert all(price > 0 and price % pair.tick == 0 for price in past.prices)
        assert all(volume > 0 for volume in past.volumes)

    def test_reaches_two_years_back_and_no_further(self, name: str) -> None:
        past = history(name).back_to(0)
        assert END - 731 * DAY < past.times[0] < END - 729 * DAY

    def test_ends_within_the_spread_in_which_the_market_opens(self, name: str) -> None:
        top, told = recorded_top(CATALOG.pair(name)), history(name)
        assert top is not None
        assert told.back_to(0).prices[-1] == told.close
        assert top.bid <= told.close <= top.ask

    def test_trades_about_as_much_a_day_as_on_the_recorded_one(self, name: str) -> None:
        pair, past = CATALOG.pair(name), history(name).back_to(0)
        volume = sum(past.volumes)
        days = (END - past.times[0]) / DAY
        # Sizes spread over two orders of magnitude: the sum of few is no more than near.
        assert volume / days == pytest.approx(max(pair.reference.daily_volume, 4 * pair.ordermin), rel=0.25)

    def test_is_the_same_whichever_way_it_is_asked_for(self, name: str) -> None:
        asked, at_once = history(name), history(name).back_to(0)
        for age in (0, MINUTE, 13 * HOUR, DAY, 40 * DAY, 400 * DAY, 800 * DAY):
            past = asked.back_to(END - age)
            assert rows(past) == rows(at_once)[-len(past.times) :]
            # All there is from that time on, and one more.
            assert past.times[0] < END - age or len(past.times) == len(at_once.times)
        assert rows(asked.back_to(LATEST)) == rows(at_once)


class TestDensity:
    @pytest.mark.parametrize("name", ["XXBTZUSD", "XETHZUSD", "USDTZUSD"])
    def test_each_candle_that_ohlc_shows_has_trades(self, name: str) -> None:
        past = history(name).back_to(0)
        for minutes in (1, 5, 15, 30, 60, 240, 1440):
            width = minutes * MINUTE
            forming = END - END % width
            starts = range(forming - 720 * width, forming, width)
            assert all(past.candle(start, start + width) for start in starts)

    def test_is_as_fine_as_its_age_lets_see(self) -> None:
        past = history("XXBTZUSD").back_to(0)
        assert 10_500 < len(past.times) < 11_500
        assert len(history("XXBTZUSD").back_to(END - HOUR).times) < 2500

    def test_a_pair_that_hardly_trades_has_four_a_day(self) -> None:
        thin = next(name for name in PRICED if CATALOG.pair(name).reference.daily_trades <= 1)
        assert 4 * 729 > len(history(thin).back_to(0).times) > 2 * 729

    def test_chapters_go_back_and_grow_coarser(self) -> None:
        ages, spacings = zip(*CHAPTERS, strict=True)
        assert list(ages) == sorted(set(ages))
        assert list(spacings) == sorted(spacings)


class TestSeed:
    def test_another_one_tells_another_story(self) -> None:
        one, same, other = (rows(history("XXBTZUSD", seed=seed).back_to(0)) for seed in (1, 1, 2))
        assert one == same
        assert len(set(one) & set(other)) < 10

    def test_pairs_have_paths_of_their_own(self) -> None:
        steps = []
        for name in ("XXBTZUSD", "XXBTZEUR"):
            prices = history(name).back_to(0).prices
            steps.append([later > earlier for earlier, later in pairwise(prices[-2000:])])
        agreed = sum(one == other for one, other in zip(*steps, strict=True))
        assert 800 < agreed < 1200

    def test_when_it_ends_moves_its_times_only(self) -> None:
        early, late = history("XXBTZUSD").back_to(0), history("XXBTZUSD", end=END + 12345).back_to(0)
        assert late.times == [time + 12345 for time in early.times]
        assert (late.prices, late.volumes) == (early.prices, early.volumes)


class TestEdges:
    @pytest.mark.parametrize("name", ["XXBTZUSD", PRICED[0], "PEPEUSD"])
    @pytest.mark.parametrize("end", [0, 1, SECOND, MINUTE, 7 * HOUR, DAY, 100 * DAY])
    def test_nothing_happened_before_1970(self, name: str, end: int) -> None:
        told = history(name, end=end)
        for time in (LATEST, end, end // 2, 0):
            past = told.back_to(time)
            assert all(0 < when < end for when in past.times)
        assert past.prices[-1:] in ([], [told.close])

    @pytest.mark.parametrize("end", [0, 1, MINUTE])
    def test_a_tape_whose_past_is_empty_still_has_a_price(self, end: int) -> None:
        told, tape = history("XXBTZUSD", end=end), Tape()
        tape.follow(told.back_to, told.close)
        past = told.back_to(0)
        assert tape.last_price == told.close
        assert (tape.last is None) == (not past.times)
        assert len(tape.newest(5)) == len(tape.after(0, 5)) == min(len(past.times), 5)
        live = tape.append(end, told.close + 10, 1, "buy", "limit")
        assert live.trade_id == PAST_IDS + 1
        assert tape.last is live

    def test_lasts_to_the_end_of_time(self) -> None:
        past = history("XXBTZUSD", end=LATEST).back_to(0)
        assert past.times[-1] < LATEST
        assert past.candle(LATEST - DAY, LATEST) is not None

    @pytest.mark.parametrize("tick", ["7", "50000", "1000000"])
    def test_prices_stay_on_a_tick_that_was_changed_and_above_zero(self, tick: str) -> None:
        pair = with_tick(tick)
        assert pair.reference.last is not None
        told = History(pair, 0, END, pair.reference.last)
        past = told.back_to(0)
        assert all(price % pair.tick == 0 and price >= pair.tick for price in past.prices)
        assert told.close == max(pair.reference.last // pair.tick, 1) * pair.tick

    def test_no_step_is_too_long_for_a_price_to_bear(self) -> None:
        wildest = max((CATALOG.pair(name) for name in PRICED), key=lambda pair: deviation(pair, DAY))
        ages = factors(deviation(wildest, LATEST), range(256))
        assert min(ages) > 0
        assert deviation(wildest, LATEST) == WILDEST_STEP * 2**30


class TestSpreads:
    @pytest.mark.parametrize("name", SAMPLE)
    def test_tops_follow_the_trades(self, name: str) -> None:
        told, top = history(name), recorded_top(CATALOG.pair(name))
        assert top is not None
        spreads = told.spreads(top.bid, top.ask, 200)
        assert 0 < len(spreads) <= 200
        times = [time for time, _, _ in spreads]
        assert times == sorted(set(times))
        assert all(0 <= bid < ask for _, bid, ask in spreads)
        traded = dict(zip(told.back_to(0).times, told.back_to(0).prices, strict=True))
        assert all(traded[time] in (bid, ask) for time, bid, ask in spreads)

    def test_who_bought_paid_the_ask(self) -> None:
        told = history("XXBTZUSD")
        by_time = {row.time: row for row in told.back_to(0).prints(0, len(told.back_to(0).times))}
        for time, bid, ask in told.spreads(told.close, told.close + 100, 200):
            assert by_time[time].price == (ask if by_time[time].side == "buy" else bid)

    def test_each_row_is_a_change(self) -> None:
        for name in ("XXBTZUSD", "USDCUSD"):
            top = recorded_top(CATALOG.pair(name))
            assert top is not None
            tops = [row[1:] for row in history(name).spreads(top.bid, top.ask, 200)]
            assert all(one != other for one, other in pairwise([*tops, (top.bid, top.ask)]))

    def test_bids_end_at_nothing(self) -> None:
        """A spread wider than some price of the past."""
        told = history("XXBTZUSD")
        spreads = told.spreads(1, 2 * told.close, 200)
        assert any(bid == 0 for _, bid, _ in spreads)
        assert all(bid >= 0 for _, bid, _ in spreads)


@pytest.mark.parametrize("seed", range(5))
def test_each_chapter_goes_on_where_the_one_before_has_ended(seed: int) -> None:
    told = history("XXBTZUSD", seed=seed)
    past, seams = told.back_to(LATEST), 0
    while len(longer := told.back_to(past.times[0]).times) > (seen := len(past.times)):
        assert longer[-seen:] == past.times
        past, seams = told.back_to(past.times[0]), seams + 1
        earlier, later = past.prices[-seen - 1], past.prices[-seen]
        assert abs(later - earlier) < 0.05 * later
    assert seams == len(CHAPTERS) - 1
    assert past.times[0] < END - 700 * DAY
    # Two years lead further away than the last day.
    assert max(past.prices) - min(past.prices) > 0.2 * told.close


class TestOpening:
    @pytest.mark.parametrize("name", ["XXBTZUSD", "XXBTZJPY", "PEPEUSD", "USDCUSD", SAMPLE[0]])
    def test_the_past_ends_when_the_market_opens(self, new_pit: type[Pit], name: str) -> None:
        pit = new_pit()
        pit.sandbox.clock.advance(5 * HOUR)
        tape = pit.market(name).tape
        opened = pit.sandbox.clock.now()
        pit.sandbox.clock.advance(5 * HOUR)
        assert tape.last is not None
        assert opened - DAY < tape.last.time < opened
        assert tape.last.trade_id == PAST_IDS
        assert not tape.prints

    def test_the_last_spread_is_that_of_the_book(self, new_pit: type[Pit]) -> None:
        pit = new_pit()
        market = pit.market("XXBTZUSD")
        bids, asks = pit.book(market)
        assert market.recent_spreads()[-1] == (pit.sandbox.clock.now(), bids[0][0], asks[0][0])

    def test_what_others_opened_before_makes_no_difference(self, new_pit: type[Pit]) -> None:
        names = [*SAMPLE[:6], "XXBTZUSD"]
        forth, back = new_pit(), new_pit()
        for name in names:
            forth.market(name).tape.newest(10)
        for name in reversed(names):
            back.makers.glance(back.sandbox.catalog.pair(name)).tape.after(0, 1)
            back.market(name)
        for name in names:
            one, other = (
                [structs.astuple(row) for row in pit.market(name).tape.after(0, 10**6)] for pit in (forth, back)
            )
            assert one == other
