"""One pair's order book: price levels, and in each the orders in their time priority.

Prices and volumes are the pair's price and lot units. The book knows nothing of money or accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

if TYPE_CHECKING:
    from mockkraken.exchange.orders import Order, Side


class Level:
    """The orders that rest at one price, first come first.

    Attributes:
        volume: what they show.
        orders: by their number in the queue.
        changed: when it last moved (ns).
        shown: whoever shows the level may keep its text here; it goes with the next change.
    """

    __slots__ = ("changed", "orders", "price", "shown", "volume")

    def __init__(self, price: int) -> None:
        self.price = price
        self.volume = 0
        self.changed = 0
        self.shown: str | None = None
        self.orders: dict[int, Order] = {}

    def offers(self) -> Iterator[tuple[Order, int]]:
        """Whom an incoming order meets here and what they give, in order.

        An iceberg gives what it shows; what it hides it brings slice by slice, behind everybody else (kraken/30 §8.5).
        """
        hiding: list[tuple[Order, int, int]] = []
        for order in self.orders.values():
            if order.display is None:
                yield order, order.vol - order.vol_exec
            else:
                yield order, order.shown
                if hidden := order.vol - order.vol_exec - order.shown:
                    hiding.append((order, order.display, hidden))
        while hiding:
            hiding = [(order, display, left) for order, display, left in hiding if left]
            for index, (order, display, left) in enumerate(hiding):
                volume = min(display, left)
                yield order, volume
                hiding[index] = (order, display, left - volume)


class Book:
    """Bids and asks by price. `version` counts its changes, so that whoever shows it knows when to look again."""

    def __init__(self) -> None:
        self.bids: SortedDict[int, Level] = SortedDict()
        self.asks: SortedDict[int, Level] = SortedDict()
        # Every command looks at the best levels, few change them.
        self.best_bid: Level | None = None
        self.best_ask: Level | None = None
        self.version = 0
        self._queued = 0

    def best_opposite(self, side: Side) -> Level | None:
        """The level that an incoming order of that side meets first."""
        return self.best_ask if side == "buy" else self.best_bid

    def levels(self, side: Side) -> Iterator[Level]:
        """The levels of a side (`buy`: the bids), best price first."""
        # Not reversed(values()): that looks each up by its position.
        return map(self.bids.__getitem__, reversed(self.bids)) if side == "buy" else iter(self.asks.values())

    def rest(self, order: Order, now: int) -> None:
        """Put the order's remaining volume at the end of the queue at its limit price."""
        buy, price = order.side == "buy", order.price
        levels = self.bids if buy else self.asks
        level: Level | None = levels.get(price)
        if level is None:
            level = levels[price] = Level(price)
            if buy:
                if self.best_bid is None or price > self.best_bid.price:
                    self.best_bid = level
            elif self.best_ask is None or price < self.best_ask.price:
                self.best_ask = level
        self._queue(order, level, order.vol - order.vol_exec, now)
        level.changed = now

    def _queue(self, order: Order, level: Level, volume: int, now: int) -> None:
        self._queued = order.queued = self._queued + 1
        order.rested = now
        level.orders[order.queued] = order
        if order.display is not None:
            volume = order.shown = min(volume, order.display)
        level.volume += volume
        level.shown = None
        self.version += 1

    def fill(self, order: Order, volume: int, now: int) -> None:
        """Take `volume` off what a resting order shows; with nothing left it leaves the book.

        An iceberg that has shown all of a slice goes to the end of the queue with the next. Call it before the order's
        own `vol_exec` moves.
        """
        level: Level = (self.bids if order.side == "buy" else self.asks)[order.limit]
        left = order.vol - order.vol_exec - volume
        self._change(level, -volume, now)
        if not left:
            self._leave(order, level)
        elif order.display is not None:
            order.shown -= volume
            if not order.shown:
                del level.orders[order.queued]
                self._queue(order, level, left, now)

    def withdraw(self, order: Order, now: int) -> None:
        """Take a resting order out."""
        level: Level = (self.bids if order.side == "buy" else self.asks)[order.limit]
        self._change(level, order.vol_exec - order.vol if order.display is None else -order.shown, now)
        self._leave(order, level)

    def adjust(self, order: Order, shown_before: int, now: int) -> None:
        """Show what a resting order offers now instead of `shown_before`; it keeps its place in the queue."""
        level: Level = (self.bids if order.side == "buy" else self.asks)[order.limit]
        order.rested = now
        self._change(level, order.offered - shown_before, now)

    def _leave(self, order: Order, level: Level) -> None:
        del level.orders[order.queued]
        if not level.orders:
            levels = self.bids if order.side == "buy" else self.asks
            del levels[order.limit]
            if level is self.best_bid:
                self.best_bid = levels.peekitem(-1)[1] if levels else None
            elif level is self.best_ask:
                self.best_ask = levels.peekitem(0)[1] if levels else None

    def _change(self, level: Level, volume: int, now: int) -> None:
        level.volume += volume
        level.changed = now
        level.shown = None
        self.version += 1
