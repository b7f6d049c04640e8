"""The stops of one market that wait for their price (kraken/30 §8.6).

A new reference price costs work in proportion to what it fires, not to what waits: static stops stand sorted by level.
A trailing stop's level moves with the extreme that its reference price has reached since it was entered. Those with
the same extreme form a group. A new extreme moves whole groups, and they become one; who fires first in a group is
settled by the distance alone.

Stops that fire when the price rises are kept upside down, with the sign of every price turned, so that in a lane
each fires when its price falls, and trails the highest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from sortedcontainers import SortedDict, SortedList

from mockkraken.catalog.records import RATE_ONE

if TYPE_CHECKING:
    from mockkraken.exchange.orders import Order
    from mockkraken.exchange.prices import Written

Signal = Literal["last", "index"]
"""The price that a stop looks at: of the last trade, or the index."""


class Stop(msgspec.Struct, eq=False, kw_only=True):
    """What makes one order fire. Prices are price units; while it waits, change nothing but `order` and `limit`.

    Attributes:
        rising: whether it fires at its level or above; else at its level or below.
        price: the trigger price as written; of a trailing stop, its distance from the extreme.
        fixed: the level of a static stop; None: it trails.
        signal: the price that it looks at.
        limit: the second price as written: the limit of the order once it is fired.
        order: the order that it belongs to.
        fired: whether its price was reached.
        tick: the increment of its pair when it began to wait; it rounds levels that a percentage makes.
        seq: its number among the stops of its market: of those at one level the first fires first.
        reached: the extreme when it last waited; 0: it never did.
        group: where a trailing stop waits.
    """

    rising: bool
    price: Written
    fixed: int | None = None
    signal: Signal = "last"
    limit: Written | None = None
    order: Order | None = None
    fired: bool = False
    tick: int = 1
    seq: int = 0
    reached: int = 0
    group: _Group | None = None

    @property
    def trailing(self) -> bool:
        return self.fixed is None

    @property
    def increment(self) -> int:
        """What the level is rounded to: the tick, where a percentage makes it."""
        return self.tick if self.price.percent else 1

    @property
    def extreme(self) -> int:
        """The highest (rising: lowest) price since a trailing stop was entered, and 0 before; of a static stop 0."""
        return self.reached if self.group is None else abs(self.group.high)

    @property
    def level(self) -> int:
        """The price at which it fires, or fired; 0: none, as it never waited or trails by more than the whole price.

        That of a percentage is rounded to the tick towards the extreme, and never lies beyond it.
        """
        if self.fixed is not None:
            return self.fixed
        extreme = self.extreme
        if not extreme:
            return 0
        high = -extreme if self.rising else extreme
        exact, step = _exact(high, self.price.units, self.price.percent), self.increment
        level = min(high, -(-exact // (step * RATE_ONE)) * step)
        return -level if self.rising else max(0, level)

    def would_fire(self, price: int) -> bool:
        """Whether it fires at that reference price; a trailing stop that never waited doesn't."""
        return 0 < self.level <= price if self.rising else price <= self.level


class Triggers:
    """The stops of one market that wait, by signal.

    Attributes:
        count: how many wait. Look before you call `see`; most markets have none.
    """

    def __init__(self) -> None:
        self.count = 0
        self._seq = 0
        # By signal, direction, whether the distance is a percentage, and what rounds it (0: the level is static).
        self._lanes: dict[tuple[Signal, bool, bool, int], _Static | _Trailing] = {}

    def __len__(self) -> int:
        return self.count

    def add(self, stop: Stop, reference: int, tick: int) -> None:
        """Let a stop wait; it queues behind all that wait at its level.

        Args:
            stop: one that does not wait.
            reference: the price that it looks at now, where the extreme of a trailing stop starts; one that waited
                before, and was amended, keeps its extreme. A static stop needs none.
            tick: the pair's price increment.
        """
        self._seq += 1
        stop.seq, stop.tick = self._seq, tick
        if stop.reached:
            reference = min(reference, stop.reached) if stop.rising else max(reference, stop.reached)
        self._lane(stop).add(stop, -reference if stop.rising else reference)
        self.count += 1

    def remove(self, stop: Stop) -> None:
        """Take out a stop that waits; its level and extreme stay as they are.

        Raises:
            ValueError: it does not wait here.
        """
        self._lane(stop).remove(stop)
        self.count -= 1

    def see(self, signal: Signal, price: int) -> list[Stop]:
        """Look at a new reference price.

        A trailing stop first takes it for its extreme, if it is one, and then fires if its level is reached. So a new
        extreme fires only a stop without any distance, or with less than a tick.

        Returns:
            What it fires, out of here: whose level was reached first comes first, and at one level who came first.
            Falling stops come before rising ones; one price fires both only if one had its price when it was added.
        """
        fired: list[Stop] = []
        for (of, rising, *_), lane in self._lanes.items():
            if of == signal:
                fired += lane.fire(-price if rising else price)
        for stop in fired:
            stop.fired = True
        fired.sort(key=_turn)
        self.count -= len(fired)
        return fired

    def _lane(self, stop: Stop) -> _Static | _Trailing:
        percent, tick = (False, 0) if stop.fixed is not None else (stop.price.percent, stop.increment)
        key = (stop.signal, stop.rising, percent, tick)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Trailing(percent, tick) if tick else _Static()
        return lane


def _turn(stop: Stop) -> tuple[bool, int, int]:
    return stop.rising, stop.level if stop.rising else -stop.level, stop.seq


class _Static:
    """Static stops of one signal and direction, the next to fire first."""

    def __init__(self) -> None:
        self.waiting: SortedList[tuple[int, int, Stop]] = SortedList()

    def add(self, stop: Stop, _reference: int) -> None:
        self.waiting.add(self._entry(stop))

    def remove(self, stop: Stop) -> None:
        self.waiting.remove(self._entry(stop))

    def fire(self, price: int) -> list[Stop]:
        waiting, fired = self.waiting, []
        while waiting and waiting[0][0] <= -price:
            fired.append(waiting.pop(0)[2])
        return fired

    @staticmethod
    def _entry(stop: Stop) -> tuple[int, int, Stop]:
        level = stop.level
        return level if stop.rising else -level, stop.seq, stop


class _Group:
    """Trailing stops with the same extreme.

    Attributes:
        high: the extreme.
        waiting: the stops by distance, the next to fire first.
        top: the level of the first, exactly.
    """

    __slots__ = ("high", "top", "waiting")

    def __init__(self, high: int) -> None:
        self.high = high
        self.top: int | None = None
        self.waiting: SortedList[tuple[int, int, Stop]] = SortedList()


class _Trailing:
    """Trailing stops of one signal, direction, and kind of distance.

    Attributes:
        groups: by extreme.
        tops: the groups as `(top, high)`, the next to fire last.
    """

    def __init__(self, percent: bool, tick: int) -> None:
        self.percent = percent
        self.tick = tick
        self.groups: SortedDict[int, _Group] = SortedDict()
        self.tops: SortedList[tuple[int, int]] = SortedList()

    def add(self, stop: Stop, reference: int) -> None:
        group = self.groups.get(reference)
        if group is None:
            group = self.groups[reference] = _Group(reference)
        group.waiting.add((stop.price.units, stop.seq, stop))
        stop.group = group
        self._rank(group)

    def remove(self, stop: Stop) -> None:
        group = stop.group
        if group is None:
            raise ValueError("the stop does not wait")
        group.waiting.remove((stop.price.units, stop.seq, stop))
        _leave(stop)
        self._rank(group)

    def fire(self, price: int) -> list[Stop]:
        self._raise(price)
        # A level rounded up to the tick is at or above the price if, exact, it is above the tick below the price.
        below = (-(-price // self.tick) - 1) * self.tick * RATE_ONE
        fired = []
        while self.tops and self.tops[-1][0] > below:
            group = self.groups[self.tops[-1][1]]
            waiting = group.waiting
            while waiting and _exact(group.high, waiting[0][0], self.percent) > below:
                stop: Stop = waiting.pop(0)[2]
                _leave(stop)
                fired.append(stop)
            self._rank(group)
        return fired

    def _raise(self, price: int) -> None:
        """Make one group of all whose extreme the price has passed: small ones join the largest."""
        if not self.groups or self.groups.peekitem(0)[0] >= price:
            return
        passed = [self.groups.pop(high) for high in list(self.groups.irange(maximum=price))]
        largest = max(passed, key=lambda group: len(group.waiting))
        for group in passed:
            self.tops.remove((group.top, group.high))
            if group is not largest:
                largest.waiting.update(group.waiting)
                for *_, stop in group.waiting:
                    stop.group = largest
        largest.high, largest.top = price, None
        self.groups[price] = largest
        self._rank(largest)

    def _rank(self, group: _Group) -> None:
        """Put a group where its first stop belongs; without any it goes."""
        top = _exact(group.high, group.waiting[0][0], self.percent) if group.waiting else None
        if top == group.top:
            return
        if group.top is not None:
            self.tops.remove((group.top, group.high))
        group.top = top
        if top is not None:
            self.tops.add((top, group.high))
        else:
            del self.groups[group.high]


def _exact(high: int, distance: int, percent: bool) -> int:
    """The level at a distance below an extreme, in millionths of a price unit: nothing is rounded."""
    return high * RATE_ONE - (abs(high) * distance if percent else distance * RATE_ONE)


def _leave(stop: Stop) -> None:
    """Take a stop's extreme out of its group along with it."""
    stop.reached, stop.group = stop.extreme, None
