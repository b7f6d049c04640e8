"""Stops that wait for their price: which fire, in which order, and at what cost.

Reference: kraken/30 §2.3, §7 (stopprice, limitprice), §8.6.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken import decimals
from mockkraken.exchange.prices import Written
from mockkraken.exchange.triggers import Stop, Triggers

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = 8


def units(text: str) -> int:
    return decimals.parse(text, PLACES)


def static(level: int, *, rising: bool = False, **more: Any) -> Stop:
    return Stop(rising=rising, price=Written("", level), fixed=level, **more)


def trailing(distance: int, *, rising: bool = False, percent: bool = False, **more: Any) -> Stop:
    return Stop(rising=rising, price=Written("+", distance, percent), **more)


def waiting(*stops: Stop, reference: int = 100, tick: int = 1) -> Triggers:
    triggers = Triggers()
    for stop in stops:
        triggers.add(stop, reference, tick)
    return triggers


@pytest.mark.parametrize(("rising", "short_of_it", "at_it"), [(False, 91, 90), (True, 89, 90)])
def test_a_static_stop_fires_at_its_price(rising: bool, short_of_it: int, at_it: int) -> None:
    stop = static(90, rising=rising)
    triggers = waiting(stop)
    assert triggers.see("last", short_of_it) == []
    assert not stop.fired
    assert triggers.see("last", at_it) == [stop]
    assert stop.fired
    assert (stop.level, stop.extreme) == (90, 0)
    assert not triggers
    assert triggers.see("last", at_it) == []


def test_a_price_beyond_the_level_fires_too() -> None:
    low, high = static(90), static(110, rising=True)
    triggers = waiting(low, high)
    assert triggers.see("last", 1) == [low]
    assert triggers.see("last", 1_000) == [high]


def test_each_stop_looks_at_its_own_signal() -> None:
    last, index = static(90), static(90, signal="index")
    trail = trailing(10, signal="index")
    triggers = waiting(last, index, trail)
    assert triggers.see("last", 120) == []
    assert trail.extreme == 100
    assert triggers.see("last", 80) == [last]
    assert triggers.see("index", 80) == [index, trail]


def test_the_price_reaches_the_nearest_level_first_and_there_the_first_comer() -> None:
    stops = [static(90), static(95), static(90), static(93), trailing(5), trailing(70_000, percent=True)]
    triggers = waiting(*stops)
    assert [stops.index(stop) for stop in triggers.see("last", 50)] == [1, 4, 3, 5, 0, 2]
    stops = [static(110, rising=True), static(105, rising=True), static(110, rising=True), trailing(5, rising=True)]
    triggers = waiting(*stops)
    assert [stops.index(stop) for stop in triggers.see("last", 150)] == [1, 3, 0, 2]


def test_a_stop_that_comes_back_queues_behind_those_at_its_level() -> None:
    first, second = static(90), static(90)
    triggers = waiting(first, second)
    triggers.remove(first)
    triggers.add(first, 100, 1)
    assert triggers.see("last", 90) == [second, first]


def test_a_trailing_sell_follows_the_highest_price() -> None:
    stop = trailing(10)
    assert (stop.level, stop.extreme) == (0, 0)
    triggers = waiting(stop)
    assert (stop.level, stop.extreme) == (90, 100)
    for price in (95, 130, 121, 125):
        assert triggers.see("last", price) == []
    assert (stop.level, stop.extreme) == (120, 130)
    assert triggers.see("last", 115) == [stop]
    assert (stop.level, stop.extreme) == (120, 130)


def test_a_trailing_buy_follows_the_lowest_price() -> None:
    stop = trailing(10, rising=True)
    triggers = waiting(stop)
    assert (stop.level, stop.extreme) == (110, 100)
    for price in (105, 70, 79, 75):
        assert triggers.see("last", price) == []
    assert (stop.level, stop.extreme) == (80, 70)
    assert triggers.see("last", 80) == [stop]
    assert (stop.level, stop.extreme) == (80, 70)


def test_each_trailing_stop_knows_the_prices_since_its_own_entry() -> None:
    early, late = trailing(20), trailing(20)
    triggers = waiting(early)
    triggers.see("last", 150)
    triggers.see("last", 140)
    triggers.add(late, 140, 1)
    assert (early.extreme, late.extreme) == (150, 140)
    triggers.see("last", 145)
    assert (early.extreme, late.extreme) == (150, 145)
    assert triggers.see("last", 130) == [early]
    triggers.see("last", 160)
    assert (early.extreme, late.extreme) == (150, 160)


@pytest.mark.parametrize(
    ("rising", "distance", "extreme", "level", "tick"),
    [
        (False, 10_000, "4.0266", "3.9864", "0.0001"),  # exact 3.986334
        (False, 500_000, "0.46847", "0.23424", "0.00001"),  # exact 0.234235
        (True, 500_000, "0.50527", "0.75790", "0.00001"),  # exact 0.757905
        (False, 10_000, "100", "99", "0.5"),
        (True, 10_000, "100", "101", "0.5"),
    ],
)
def test_a_percentage_is_rounded_towards_the_reference(
    rising: bool, distance: int, extreme: str, level: str, tick: str
) -> None:
    """The first three are recorded from Kraken."""
    stop = trailing(distance, rising=rising, percent=True)
    triggers = waiting(stop, reference=units(extreme), tick=units(tick))
    assert decimals.shortest(stop.level, PLACES) == decimals.shortest(units(level), PLACES)
    short_of_it = units(level) + (-1 if rising else 1)
    assert triggers.see("last", short_of_it) == []
    assert triggers.see("last", units(level)) == [stop]
    assert stop.level == units(level)


def test_a_percentage_is_rounded_to_the_tick_of_its_time() -> None:
    fine, coarse = trailing(33_333, percent=True), trailing(33_333, percent=True)
    triggers = Triggers()
    triggers.add(fine, 1_000, 1)
    triggers.add(coarse, 1_000, 10)
    assert (fine.level, coarse.level) == (967, 970)
    assert triggers.see("last", 968) == [coarse]
    assert triggers.see("last", 967) == [fine]


def test_a_level_never_lies_beyond_the_extreme() -> None:
    """On a tick coarser than the distance; then the next price that is no worse than the extreme fires it."""
    sell, buy = trailing(1, percent=True), trailing(1, percent=True, rising=True)
    triggers = waiting(sell, buy, reference=1_003, tick=10)
    assert (sell.level, buy.level) == (1_003, 1_003)
    assert triggers.see("last", 1_003) == [sell, buy]


def test_only_without_a_distance_does_a_new_extreme_fire() -> None:
    none, least = trailing(0), trailing(1)
    triggers = waiting(none, least)
    assert triggers.see("last", 120) == [none]
    assert (none.level, none.extreme) == (120, 120)
    assert triggers.see("last", 119) == [least]


@pytest.mark.parametrize("stop", [trailing(100), trailing(500), trailing(1_000_000, percent=True)])
def test_a_sell_that_trails_by_its_whole_price_never_fires(stop: Stop) -> None:
    triggers = waiting(stop)
    assert stop.level == 0
    assert triggers.see("last", 1) == []
    assert triggers.count == 1


def test_a_removed_stop_keeps_its_level_and_extreme() -> None:
    gone, stays = trailing(10), trailing(10)
    triggers = waiting(gone, stays)
    triggers.see("last", 120)
    triggers.remove(gone)
    assert triggers.count == 1
    triggers.see("last", 150)
    assert (gone.level, gone.extreme, gone.fired) == (110, 120, False)
    assert triggers.see("last", 50) == [stays]
    assert not gone.fired


def test_an_amended_trailing_stop_goes_on_from_its_extreme() -> None:
    stop, other = trailing(50), trailing(50)
    triggers = waiting(stop)
    triggers.see("last", 140)
    triggers.see("last", 120)
    triggers.add(other, 120, 1)
    triggers.remove(stop)
    stop.price = Written("+", 30)
    assert (stop.level, stop.would_fire(120), stop.would_fire(110)) == (110, False, True)
    triggers.add(stop, 120, 1)
    assert (stop.level, stop.extreme, other.extreme) == (110, 140, 120)
    assert triggers.see("last", 110) == [stop]


@pytest.mark.parametrize(("rising", "better", "worse"), [(False, 150, 130), (True, 50, 70)])
def test_what_it_missed_while_it_did_not_wait_counts_if_it_is_an_extreme(rising: bool, better: int, worse: int) -> None:
    ahead, back = trailing(50, rising=rising), trailing(50, rising=rising)
    triggers = waiting(ahead, back, reference=(better + worse) // 2)
    for stop, price in ((ahead, better), (back, worse)):
        triggers.remove(stop)
        triggers.add(stop, price, 1)
    assert (ahead.extreme, back.extreme) == (better, (better + worse) // 2)


@pytest.mark.parametrize("stop", [static(90), trailing(10), trailing(10, percent=True)])
def test_what_does_not_wait_can_not_be_removed(stop: Stop) -> None:
    triggers = Triggers()
    with pytest.raises(ValueError, match=r"not (in|wait)"):
        triggers.remove(stop)
    triggers.add(stop, 100, 1)
    triggers.remove(stop)
    with pytest.raises(ValueError, match=r"not (in|wait)"):
        triggers.remove(stop)
    assert triggers.count == 0


@pytest.mark.parametrize(
    ("stop", "fires", "waits"),
    [(static(90), (89, 90), (91,)), (static(90, rising=True), (90, 91), (89,)), (trailing(0, rising=True), (), (1, 9))],
)
def test_what_would_fire_at_once(stop: Stop, fires: tuple[int, ...], waits: tuple[int, ...]) -> None:
    assert all(stop.would_fire(price) for price in fires)
    assert not any(stop.would_fire(price) for price in waits)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, those of C as well; what a loop does per stop shows in it."""
    counted = 0

    def count(_frame: object, kind: str, _arg: object) -> None:
        nonlocal counted
        counted += kind in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


KINDS: dict[str, Callable[[int], Stop]] = {
    "static": lambda n: static(9_000 - n % 1_000),
    "static, rising": lambda n: static(11_000 + n % 1_000, rising=True),
    "trailing": lambda n: trailing(1_000 + n % 1_000),
    "trailing, rising": lambda n: trailing(1_000 + n % 1_000, rising=True),
    "trailing by percent": lambda n: trailing(100_000 + n % 1_000, percent=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fire_costs_nothing(kind: str) -> None:
    """A price, a new high and a new low: a hundred times as many stops are no more work."""

    def work(crowd: int) -> int:
        triggers = waiting(*map(KINDS[kind], range(crowd)), reference=10_000)
        return calls(lambda: [triggers.see("last", price) for price in (10_000, 10_001, 9_999, 10_002, 9_998)])

    assert work(10_000) < 2 * work(100)


def test_what_fires_costs_the_same_in_any_crowd() -> None:
    def work(crowd: int) -> int:
        others = [make(n) for make in KINDS.values() for n in range(crowd)]
        firing = [*(static(9_900) for _ in range(50)), *(trailing(50 + n) for n in range(50))]
        triggers = waiting(*others, *firing, reference=10_000)
        return calls(lambda: triggers.see("last", 9_850))

    assert work(2_000) < 2 * work(20)


def test_entries_at_ever_lower_prices_join_at_little_cost() -> None:
    """Each has its own extreme, until a new high makes it that of all; after that they move as one."""
    triggers, stops = Triggers(), [trailing(20_000) for _ in range(2_000)]
    for n, stop in enumerate(stops):
        triggers.see("last", 10_000 - n)
        triggers.add(stop, 10_000 - n, 1)
    assert calls(lambda: triggers.see("last", 7_999)) < 100
    assert [stop.extreme for stop in stops] == [10_000 - n for n in range(2_000)]
    triggers.see("last", 10_001)
    assert {stop.extreme for stop in stops} == {10_001}
    assert calls(lambda: triggers.see("last", 10_002)) < 100


def test_a_latecomer_joins_the_crowd_and_not_the_crowd_the_latecomer() -> None:
    """Who is of the smaller group moves, so that each stop moves seldom."""
    crowd, latecomer = [trailing(5_000) for _ in range(100)], trailing(5_000)
    triggers = waiting(*crowd, reference=10_000)
    before = crowd[0].group
    triggers.add(latecomer, 9_000, 1)
    assert latecomer.group is not before
    triggers.see("last", 10_001)
    assert {id(stop.group) for stop in (*crowd, latecomer)} == {id(before)}
