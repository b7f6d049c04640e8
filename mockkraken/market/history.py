"""What a pair traded in the two years before anybody looked at it: one seeded path of prices, newest first.

It is as fine as its age lets anyone see: OHLC shows 720 candles of each interval, so trades of the last half day lie
seconds apart, and those of two years ago hours. What is not asked for is not made.
"""

from __future__ import annotations

from functools import partial
from math import log, pi, sqrt
from typing import TYPE_CHECKING

from mockkraken.clock import DAY, HOUR, MINUTE, SECOND
from mockkraken.exchange.market import Spread
from mockkraken.exchange.tape import Past
from mockkraken.ids import generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mockkraken.catalog import Pair

# (age up to which it reaches, least time between two trades), so that each candle that OHLC shows has some.
CHAPTERS = (
    (12 * HOUR + 30 * MINUTE, 20 * SECOND),
    (25 * HOUR, 100 * SECOND),
    (61 * HOUR, 100 * SECOND),
    (8 * DAY, 5 * MINUTE),
    (16 * DAY, 10 * MINUTE),
    (31 * DAY, 20 * MINUTE),
    (122 * DAY, 80 * MINUTE),
    (731 * DAY, 8 * HOUR),
)
FEWEST_TRADES = 4  # a day, on a pair that had fewer on the recorded day

# How far prices go in a day, as a part of the price: what the recorded day's range tells, within bounds.
CALMEST_DAY, WILDEST_DAY = 0.0002, 0.05
WILDEST_STEP = 0.125  # however long it takes; below 1 / 3.5, so that no draw makes a price negative
RANGE_OF_A_DAY = 1.67  # a random walk's range over a day, in standard deviations of its end

_BITS = 30
_ONE = 1 << _BITS
_FRACTION = 20  # bits below a price unit, so that small steps are not lost

# 256 equally likely values of a logistic distribution, whose deviation is 1 and whose tails are fat like a market's.
_VALUES = [log((index + 0.5) / (255.5 - index)) * sqrt(3) / pi for index in range(256)]
STEPS = [round(value * _ONE) for value in _VALUES]
# Sizes of trades, 1024 on the average, spread over two orders of magnitude.
_SIZE_SUM = sum(2.0**value for value in _VALUES)
SIZES = [round(1024 * 256 * 2.0**value / _SIZE_SUM) for value in _VALUES]


def daily_volume(pair: Pair) -> int:
    """What the pair trades in a day, in lot units."""
    return max(pair.reference.daily_volume, FEWEST_TRADES * pair.ordermin, FEWEST_TRADES)


def between_trades(pair: Pair) -> int:
    """The time between two trades of the pair, ns."""
    return DAY // max(pair.reference.daily_trades, FEWEST_TRADES)


def deviation(pair: Pair, span: int) -> int:
    """How far the price goes over a `span` (ns), as a part of it, in units of 1 / (1 << 30)."""
    reference = pair.reference
    high, low = reference.high or 0, reference.low or 0
    day = (high - low) / (high + low) * 2 / RANGE_OF_A_DAY if high > low else CALMEST_DAY
    part = min(max(day, CALMEST_DAY), WILDEST_DAY) * sqrt(span / DAY)
    return round(min(part, WILDEST_STEP) * _ONE)


def factors(deviations: int, draws: Iterable[int]) -> list[int]:
    """A factor of the price for each random byte, in units of 1 / (1 << 30)."""
    return [_ONE + (STEPS[draw] * deviations >> _BITS) for draw in draws]


def volumes(pair: Pair, span: int, draws: Iterable[int]) -> list[int]:
    """A trade's volume for each random byte, where one comes every `span` (ns); lot units."""
    share = daily_volume(pair) * span
    return [share * SIZES[draw] // (DAY << 10) or 1 for draw in draws]


def _look_up(values: Callable[[Iterable[int]], list[int]], draws: bytes) -> list[int]:
    """`values(draws)`: each stands for one byte, so that of a long row each is made once only."""
    if len(draws) <= 256:
        return values(draws)
    table = values(range(256))
    return [table[draw] for draw in draws]


def widen(price: int) -> int:
    """A price in price units with room for steps smaller than a unit, as `moved` takes it."""
    return price << _FRACTION


def moved(price: int, factor: int) -> int:
    """A widened price after a step."""
    return price * factor >> _BITS


def on_tick(price: int, tick: int) -> int:
    """A widened price in price units, on the tick below it, and at least one tick."""
    return price // widen(tick) * tick or tick


class History:
    """The trades of one pair up to a moment.

    Args:
        pair: whose.
        seed: the sandbox's.
        end: the moment (ns).
        close: the price of the last one, price units; brought onto the pair's tick.
    """

    def __init__(self, pair: Pair, seed: int, end: int, close: int) -> None:
        self._pair = pair
        self._rng = generator(seed, f"history/{pair.id}")
        self._end = end
        self._next = widen(close)
        self.close = on_tick(self._next, pair.tick)
        self._chapters = iter(CHAPTERS)
        self._age = 0
        self._past = Past()

    def back_to(self, time: int) -> Past:
        """All trades from `time` on, and the one before, if there is any."""
        while not self._past.times or self._past.times[0] >= time:
            chapter = next(self._chapters, None)
            if chapter is None:
                break
            self._write(*chapter)
        return self._past

    def _write(self, age: int, spacing: int) -> None:
        pair, rng, begun = self._pair, self._rng, self._age
        spacing = max(spacing, between_trades(pair))
        count = (min(age, self._end) - begun) // spacing
        if count < 1:
            return
        self._age = begun + count * spacing
        # The loops below run for each trade of each pair that a Ticker shows, so they call nothing.
        # Within its part of the time, each trade happens at any moment.
        jitter = spacing // 257
        newest = self._end - begun - jitter
        parts = range(newest, newest - spacing * count, -spacing)
        times = [part - jitter * late for part, late in zip(parts, rng.randbytes(count), strict=True)]
        price = self._next
        path = [price]
        steps = _look_up(partial(factors, deviation(pair, spacing)), rng.randbytes(count))
        path += [price := price * step >> _BITS for step in steps]  # moved()
        self._next = path.pop()
        tick, wide = pair.tick, widen(pair.tick)
        prices = [price // wide * tick or tick for price in path]  # on_tick()
        sizes = _look_up(partial(volumes, pair, spacing), rng.randbytes(count))
        past = self._past
        self._past = Past(times[::-1] + past.times, prices[::-1] + past.prices, sizes[::-1] + past.volumes)

    def spreads(self, bid: int, ask: int, count: int) -> list[Spread]:
        """The last `count` tops of the book, if there are as many, before that of `bid` and `ask`, and as wide.

        The trades suggest them: who bought, paid the ask.
        """
        past = self.back_to(self._end)
        trades = 2 * count  # Many leave the top where it is.
        if len(past.times) <= trades:
            past = self.back_to(0)
        width = ask - bid
        found: list[Spread] = []
        for row in past.prints(max(0, len(past.times) - trades), len(past.times)):
            low = row.price - width if row.side == "buy" else row.price
            top = (row.time, max(low, 0), low + width)
            if not found or found[-1][1:] != top[1:]:
                found.append(top)
        if found and found[-1][1:] == (bid, ask):
            found.pop()
        return found[-count:]
