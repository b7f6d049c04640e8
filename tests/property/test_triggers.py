"""The triggers against a plain list of stops that is gone through at every price, with exact fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from mockkraken.exchange.prices import Written
from mockkraken.exchange.triggers import Stop, Triggers

if TYPE_CHECKING:
    from collections.abc import Iterator

# Few prices, so that levels and extremes coincide; a walk by small steps is what makes and joins groups.
PRICES = st.integers(1, 40)
SIGNALS = st.sampled_from(["last", "index"])
PERCENTAGES = st.one_of(
    st.sampled_from([0, 1, 10_000, 25_000, 100_000, 333_333, 500_000, 999_999, 1_000_000, 1_500_000]),
    st.integers(1, 1_200_000),
)
DISTANCES = st.one_of(
    st.builds(Written, st.just("+"), st.integers(0, 50), st.just(False)),
    st.builds(Written, st.just("+"), PERCENTAGES, st.just(True)),
)
ADD = st.one_of(
    st.tuples(st.just("static"), SIGNALS, st.booleans(), PRICES),
    st.tuples(st.just("trailing"), SIGNALS, st.booleans(), DISTANCES),
)
STEPS = st.lists(
    st.one_of(
        ADD,
        ADD,
        st.tuples(st.just("see"), SIGNALS, PRICES),
        st.tuples(st.just("move"), SIGNALS, st.integers(-3, 3)),
        st.tuples(st.just("move"), SIGNALS, st.integers(-3, 3)),
        st.tuples(st.just("remove"), st.integers(0, 99)),
        st.tuples(st.just("amend"), st.integers(0, 99), DISTANCES, PRICES),
        st.tuples(st.just("tick"), st.sampled_from([1, 2, 5, 10])),
    ),
    min_size=12,
    max_size=80,
)


@dataclass(eq=False)
class Waiting:
    """One stop of the list, and its like in the triggers."""

    stop: Stop
    signal: str
    rising: bool
    fixed: int | None
    distance: Written | None
    tick: int
    extreme: int
    number: int

    @property
    def level(self) -> int:
        if self.distance is None:
            assert self.fixed is not None
            return self.fixed
        sign = 1 if self.rising else -1
        if not self.distance.percent:
            return max(0, self.extreme + sign * self.distance.units)
        ticks = self.extreme * (1 + sign * Fraction(self.distance.units, 1_000_000)) / self.tick
        if self.rising:
            return max(self.extreme, floor(ticks) * self.tick)
        return max(0, min(self.extreme, ceil(ticks) * self.tick))

    def hit(self, price: int) -> bool:
        return price >= self.level if self.rising else price <= self.level


class Plain:
    """Goes through all that wait."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.gone: list[Waiting] = []

    def see(self, signal: str, price: int) -> list[Stop]:
        watching = [one for one in self.waiting if one.signal == signal]
        for one in watching:
            if one.distance is not None:
                one.extreme = min(one.extreme, price) if one.rising else max(one.extreme, price)
        hit = [one for one in watching if one.hit(price)]
        falling = sorted((one for one in hit if not one.rising), key=lambda one: (-one.level, one.number))
        rising = sorted((one for one in hit if one.rising), key=lambda one: (one.level, one.number))
        for one in hit:
            self.leave(one)
        return [one.stop for one in (*falling, *rising)]

    def leave(self, one: Waiting) -> None:
        self.waiting.remove(one)
        self.gone.append(one)


class Desk:
    """Does each step on both."""

    def __init__(self) -> None:
        self.triggers, self.plain = Triggers(), Plain()
        self.prices: dict[Any, int] = {"last": 20, "index": 20}
        self.tick = 1
        self.numbers: Iterator[int] = count()

    def step(self, kind: str, *terms: Any) -> None:
        getattr(self, kind)(*terms)
        assert len(self.triggers) == self.triggers.count == len(self.plain.waiting)
        assert bool(self.triggers) == bool(self.plain.waiting)
        for one in (*self.plain.waiting, *self.plain.gone):
            assert (one.stop.level, one.stop.extreme) == (one.level, one.extreme)

    def static(self, signal: Any, rising: bool, level: int) -> None:
        stop = Stop(signal=signal, rising=rising, price=Written("", level), fixed=level)
        assert stop.would_fire(self.prices[signal]) == (
            self.prices[signal] >= level if rising else self.prices[signal] <= level
        )
        self.add(stop, self.prices[signal])

    def trailing(self, signal: Any, rising: bool, distance: Written) -> None:
        stop = Stop(signal=signal, rising=rising, price=distance)
        assert (stop.level, stop.extreme, stop.would_fire(20)) == (0, 0, False)
        self.add(stop, self.prices[signal])

    def add(self, stop: Stop, reference: int, before: int = 0) -> None:
        self.triggers.add(stop, reference, self.tick)
        distance, extreme = (stop.price, before or reference) if stop.trailing else (None, 0)
        self.plain.waiting.append(
            Waiting(stop, stop.signal, stop.rising, stop.fixed, distance, self.tick, extreme, next(self.numbers))
        )

    def remove(self, which: int) -> Waiting | None:
        if not self.plain.waiting:
            return None
        one = self.plain.waiting[which % len(self.plain.waiting)]
        self.triggers.remove(one.stop)
        self.plain.leave(one)
        return one

    def amend(self, which: int, distance: Written, level: int) -> None:
        one = self.remove(which)
        if one is None:
            return
        self.plain.gone.remove(one)
        one.stop.price = distance if one.stop.trailing else Written("", level)
        one.stop.fixed = None if one.stop.trailing else level
        self.add(one.stop, self.prices[one.signal], one.extreme)

    def move(self, signal: Any, by: int) -> None:
        self.see(signal, max(1, self.prices[signal] + by))

    def see(self, signal: Any, price: int) -> None:
        self.prices[signal] = price
        fired = self.triggers.see(signal, price)
        assert fired == self.plain.see(signal, price)
        assert all(stop.fired for stop in fired)
        assert not any(one.stop.fired for one in self.plain.waiting)
        if len(fired) > 1:
            event("several fired at once")

    def change_tick(self, tick: int) -> None:
        self.tick = tick


@given(STEPS)
@settings(max_examples=400, deadline=None)
def test_the_triggers_fire_what_a_look_at_every_stop_finds(steps: list[tuple[Any, ...]]) -> None:
    desk = Desk()
    for kind, *terms in steps:
        desk.step("change_tick" if kind == "tick" else kind, *terms)
    for signal in ("last", "index"):
        desk.step("see", signal, 1)
        desk.step("see", signal, 10**9)
