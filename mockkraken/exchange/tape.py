"""The public record of a pair's trades, and the sums over it that Ticker and OHLC show.

Prices in price units, volumes in lot units, times in ns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import attrgetter, mul

import msgspec

from mockkraken.clock import DAY, LATEST, MINUTE
from mockkraken.decimals import half_up
from mockkraken.exchange.orders import Side

KEPT = 100_000  # prints since the market was first looked at; older ones live on in the candles
PAST_IDS = 1_000_000  # the trade_id of the newest print of a past; counting downward, its length need not be known
_TIME = attrgetter("time")


class Print(msgspec.Struct, eq=False):
    """One public trade. `side` and `ordertype` are the taker's."""

    trade_id: int
    time: int
    price: int
    volume: int
    side: Side
    ordertype: str


class Candle(msgspec.Struct, eq=False):
    """Prices and sums of a stretch of time; `turnover` is the sum of price times volume."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0
    count: int = 0

    def average(self, unit: int = 1) -> int:
        """The average price of its volume in multiples of `unit` price units, rounded once, half up; 0 without any."""
        return half_up(self.turnover, self.volume * unit) if self.volume else 0

    def add(self, other: Candle) -> None:
        """Append a later candle."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover
        self.count += other.count


class Past(msgspec.Struct, eq=False):
    """Trades of before the market was first looked at, oldest first: a column for each property."""

    times: list[int] = []
    prices: list[int] = []
    volumes: list[int] = []

    def candle(self, start: int, end: int) -> Candle | None:
        """One candle of the trades from `start` to before `end`; None without any."""
        first, after = bisect_left(self.times, start), bisect_left(self.times, end)
        if first == after:
            return None
        prices, volumes = self.prices[first:after], self.volumes[first:after]
        return Candle(
            start,
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(volumes),
            sum(map(mul, prices, volumes)),
            after - first,
        )

    def prints(self, first: int, after: int) -> list[Print]:
        """The trades from index `first` to before `after`. Who took, and how, follows from the numbers."""
        prices, length = self.prices, len(self.times)
        return [
            Print(
                PAST_IDS - (length - 1 - index),
                self.times[index],
                prices[index],
                self.volumes[index],
                "buy" if prices[index] >= prices[max(0, index - 1)] else "sell",
                "limit" if self.volumes[index] % 3 else "market",
            )
            for index in range(first, after)
        ]


_NO_PAST = Past()


class Tape:
    """The trades of one pair, oldest first, with one candle a minute that had trades."""

    def __init__(self) -> None:
        self.prints: list[Print] = []
        """The last ones since the market was first looked at."""
        self.count = 0
        """How many there were since."""
        self._minutes: dict[int, Candle] = {}
        self._past: Callable[[int], Past] = lambda _: _NO_PAST
        self._past_close: int | None = None

    def follow(self, past: Callable[[int], Past], close: int) -> None:
        """Give the tape a past, before the first print.

        Args:
            past: gives all trades from a time (ns) on, with the last one before it, and maybe more; they lie before
                any print.
            close: the price of the last one.
        """
        self._past, self._past_close = past, close

    @property
    def last_price(self) -> int | None:
        return self.prints[-1].price if self.prints else self._past_close

    @property
    def last(self) -> Print | None:
        rows = self.newest(1)
        return rows[0] if rows else None

    def append(self, time: int, price: int, volume: int, side: Side, ordertype: str) -> Print:
        """Record a trade; its trade_id is one above the last one's, and its time at least 1 ns after.

        Clients page by time, exclusively: on a clock that stands still, equal times would hide trades from them.
        """
        prints = self.prints
        if prints:
            time = max(time, prints[-1].time + 1)
        before = 0 if self._past_close is None else PAST_IDS
        self.count += 1
        printed = Print(before + self.count, time, price, volume, side, ordertype)
        if len(prints) >= KEPT + KEPT // 10:
            del prints[: KEPT // 10]
        prints.append(printed)
        minute = time - time % MINUTE
        candle = self._minutes.get(minute)
        if candle is None:
            self._minutes[minute] = Candle(minute, price, price, price, price, volume, price * volume, 1)
        else:
            candle.add(Candle(minute, price, price, price, price, volume, price * volume, 1))
        return printed

    def newest(self, count: int) -> list[Print]:
        """The last `count` trades, oldest first."""
        prints = self.prints[-count:]
        missing = count - len(prints)
        if missing:
            past = self._past(LATEST)
            # One more than is wanted, since the side of each depends on the one before.
            if len(past.times) <= missing:
                past = self._past(0)
            length = len(past.times)
            prints = past.prints(max(0, length - missing), length) + prints
        return prints

    def after(self, time: int, count: int) -> list[Print]:
        """The first `count` trades after `time`, oldest first; those that are no longer kept are passed over."""
        past = self._past(time)
        first = bisect_right(past.times, time)
        found = past.prints(first, min(first + count, len(past.times)))
        live = bisect_right(self.prints, time, key=_TIME)
        return found + self.prints[live : live + count - len(found)]

    def since(self, start: int) -> Candle | None:
        """One candle of all trades at or after `start`; None without any."""
        whole = self._past(start).candle(start, LATEST)
        # Whole minutes have their sums; of the minute in which it begins, some trades may lie before.
        turn = start + -start % MINUTE
        parts: list[Candle] = []
        for minute, candle in reversed(self._minutes.items()):
            if minute < turn:
                break
            parts.append(candle)
        parts.extend(reversed(self._parts(start, turn)))
        for part in reversed(parts):
            if whole is None:
                whole = msgspec.structs.replace(part)
            else:
                whole.add(part)
        return whole

    def _parts(self, start: int, end: int) -> list[Candle]:
        first, after = (bisect_left(self.prints, time, key=_TIME) for time in (start, end))
        return [
            Candle(row.time, row.price, row.price, row.price, row.price, row.volume, row.price * row.volume, 1)
            for row in self.prints[first:after]
        ]

    def today(self, now: int) -> Candle | None:
        """The trades since 00:00 UTC."""
        return self.since(now - now % DAY)

    def last_day(self, now: int) -> Candle | None:
        """The trades of the last 24 hours."""
        return self.since(now - DAY + 1)

    def candles(self, width: int, first: int, last: int) -> list[Candle]:
        """The candles of `width` (ns, whole minutes) that begin from `first` to `last`.

        One without trades repeats the close before it; before the very first trade there are none.
        """
        past = self._past(first)
        found: dict[int, Candle] = {}
        for minute, candle in reversed(self._minutes.items()):
            start = minute - minute % width
            if start < first:
                break
            later = found.get(start)
            found[start] = msgspec.structs.replace(candle, time=start)
            if later is not None:
                found[start].add(later)
        close = self._close_before(first, past)
        candles = []
        for start in range(first, last + 1, width):
            made, live = past.candle(start, start + width), found.get(start)
            if made is None:
                made = live
            elif live is not None:
                made.add(live)
            if made is None:
                if close is None:
                    continue
                made = Candle(start, close, close, close, close)
            close = made.close
            candles.append(made)
        return candles

    def _close_before(self, time: int, past: Past) -> int | None:
        live = bisect_left(self.prints, time, key=_TIME)
        if live:
            return self.prints[live - 1].price
        if self.count > len(self.prints):
            for minute, candle in reversed(self._minutes.items()):
                if minute < time:
                    return candle.close
        earlier = bisect_left(past.times, time)
        return past.prices[earlier - 1] if earlier else None
