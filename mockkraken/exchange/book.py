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


class Book:
    """Bids and asks by price. `version` counts its changes, so that whoever shows it knows when to look again."""

    def __init__(self) -> None:
        self.bids: SortedDict[int, Level] = SortedDict()
        self.asks: SortedDict[int, Level] = SortedDict()
        # Every command looks at the best levels, few change them.
        self.best_bid: Level | None = None
        self.best_ask: Level | None = None
        self.version = 0

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
        level.orders[order.seq] = order
        self._change(level, order.vol - order.vol_exec, now)

    def reduce(self, order: Order, volume: int, now: int) -> None:
        """Take `volume` off a resting order that was filled or cancelled; with nothing left it leaves the book.

        Call it before the order's own `vol_exec` moves.
        """
        levels = self.bids if order.side == "buy" else self.asks
        level: Level = levels[order.limit]
        self._change(level, -volume, now)
        if volume == order.vol - order.vol_exec:
            del level.orders[order.seq]
            if not level.orders:
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
