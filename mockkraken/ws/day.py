"""The sums that tickers show: of a market's last 24 hours, and of its day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.clock import DAY, SECOND
from mockkraken.exchange.tape import Candle

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.exchange.tape import Tape


class Sums:
    """The sums of a tape's end, carried on from trade to trade, and made anew as often as their beginning moves.

    Args:
        tape: of whose trades.
        make: makes them for a time.
        turn: how often they are made anew, ns.
    """

    def __init__(self, tape: Tape, make: Callable[[int], Candle | None], turn: int) -> None:
        self._tape = tape
        self._make = make
        self._span = turn
        self._turn = -1
        self._count = 0
        self._candle: Candle | None = None

    def at(self, now: int) -> Candle | None:
        """The trades until `now` (ns); None without any."""
        tape, turn = self._tape, now // self._span
        new = tape.count - self._count
        if turn != self._turn or (new and (self._candle is None or new > len(tape.prints))):
            self._turn = turn
            self._candle = self._make(now)
        elif new and self._candle is not None:
            for row in tape.prints[-new:]:
                price, volume = row.price, row.volume
                self._candle.add(Candle(row.time, price, price, price, price, volume, price * volume, 1))
        self._count = tape.count
        return self._candle


def last_day(tape: Tape) -> Sums:
    """Of the last 24 hours; what goes out of them is seen with up to a second's delay, as in the Ticker over REST."""
    return Sums(tape, tape.last_day, SECOND)


def today(tape: Tape) -> Sums:
    """Since 00:00 UTC."""
    return Sums(tape, tape.today, DAY)
