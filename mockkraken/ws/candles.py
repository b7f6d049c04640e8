"""The candles of the `ohlc` channel: those of before, and the one that is forming.

On the socket an interval without trades has none; over REST it repeats the close before it. Reference: kraken/50 §5.4,
kraken/60 §3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.clock import MINUTE
from mockkraken.exchange.tape import Candle

if TYPE_CHECKING:
    from mockkraken.exchange.tape import Print, Tape

INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
"""The minutes of a candle, in both versions [doc]."""


class Forming:
    """The candle of one interval that is forming now, kept from trade to trade.

    Attributes:
        candle: of the current interval, or of the last one in which something was traded since. None: nothing was ever
            traded; one whose count is 0 repeats the close before it.

    Args:
        tape: whose trades come to `add` from now on.
        minutes: the interval.
        now: the time (ns).
    """

    def __init__(self, tape: Tape, minutes: int, now: int) -> None:
        self._width = minutes * MINUTE
        start = _forming(tape, self._width, now)
        found = tape.candles(self._width, start, start)
        self.candle: Candle | None = found[0] if found else None

    def add(self, printed: Print) -> None:
        """A trade has come after all others; one after the interval's end begins a new candle."""
        price, volume = printed.price, printed.volume
        start = printed.time - printed.time % self._width
        candle = Candle(start, price, price, price, price, volume, price * volume, 1)
        if self.candle is None or not self.candle.count or self.candle.time != start:
            self.candle = candle
        else:
            self.candle.add(candle)


def history(tape: Tape, minutes: int, now: int, rows: int) -> list[Candle]:
    """The candles of the last `rows` intervals, oldest first and the forming one last; those without trades are none.

    Args:
        tape: whose trades.
        minutes: the interval.
        now: the time (ns).
        rows: how many intervals at most.
    """
    width = minutes * MINUTE
    forming = _forming(tape, width, now)
    first = max(forming - (rows - 1) * width, 0)
    return [candle for candle in tape.candles(width, first, forming) if candle.count]


def latest(tape: Tape, minutes: int) -> Candle | None:
    """The last candle that has trades, however old; None: nothing was ever traded."""
    last = tape.last
    if last is None:
        return None
    width = minutes * MINUTE
    start = last.time - last.time % width
    return tape.candles(width, start, start)[0]


def _forming(tape: Tape, width: int, now: int) -> int:
    """When the interval of now began. On a clock that stands still, the last trades can lie ahead of it."""
    if tape.prints:
        now = max(now, tape.prints[-1].time)
    return now - now % width
