"""The public record of a pair's trades, and the sums over it that Ticker and OHLC show.

Prices in price units, volumes in lot units, times in ns.
"""

from __future__ import annotations

import msgspec

from mockkraken.clock import DAY, MINUTE
from mockkraken.exchange.orders import Side


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

    def add(self, other: Candle) -> None:
        """Append a later candle."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover
        self.count += other.count


class Tape:
    """The trades of one pair, oldest first, with one candle a minute that had trades."""

    def __init__(self) -> None:
        self.prints: list[Print] = []
        self.minutes: dict[int, Candle] = {}

    @property
    def last(self) -> Print | None:
        return self.prints[-1] if self.prints else None

    def append(self, time: int, price: int, volume: int, side: Side, ordertype: str) -> Print:
        """Record a trade; its trade_id is one above the last one's, and its time at least 1 ns after.

        Clients page by time, exclusively: on a clock that stands still, equal times would hide trades from them.
        """
        if self.prints:
            time = max(time, self.prints[-1].time + 1)
        printed = Print(len(self.prints) + 1, time, price, volume, side, ordertype)
        self.prints.append(printed)
        minute = time - time % MINUTE
        tick = Candle(minute, price, price, price, price, volume, price * volume, 1)
        candle = self.minutes.get(minute)
        if candle is None:
            self.minutes[minute] = tick
        else:
            candle.add(tick)
        return printed

    def since(self, start: int) -> Candle | None:
        """One candle of all trades since the minute of `start`; None without any."""
        found: list[Candle] = []
        for minute, candle in reversed(self.minutes.items()):
            if minute + MINUTE <= start:
                break
            found.append(candle)
        if not found:
            return None
        whole = msgspec.structs.replace(found.pop())
        for candle in reversed(found):
            whole.add(candle)
        return whole

    def today(self, now: int) -> Candle | None:
        """The trades since 00:00 UTC."""
        return self.since(now - now % DAY)

    def last_day(self, now: int) -> Candle | None:
        """The trades of the last 24 hours, to the minute."""
        return self.since(now - DAY)
