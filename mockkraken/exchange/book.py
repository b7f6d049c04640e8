"""One pair's order book: price levels, and in each the orders in their time priority.

Prices and volumes are the pair's price and lot units. The book knows nothing of money or accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

if TYPE_CHECKING:
    from mockkraken.exchange.orders import Order


class Level:
    """The orders that rest at one price, first come first; `volume` is what they show, `changed` when it last moved."""

    __slots__ = ("changed", "orders", "price", "volume")

    def __init__(self, price: int) -> None:
        self.price = price
        self.volume = 0
        self.changed = 0
        self.orders: dict[int, Order] = {}


class Book:
    """Bids and asks by price. `version` counts its changes, so that whoever shows it knows when to look again."""

    def __init__(self) -> None:
        self.bids: SortedDict[int, Level] = SortedDict()
        self.asks: SortedDict[int, Level] = SortedDict()
        self.version = 0

    def best_bid(self) -> Level | None:
        return self.bids.peekitem(-1)[1] if self.bids else None

    def best_ask(self) -> Level | None:
        return self.asks.peekitem(0)[1] if self.asks else None

    def best_opposite(self, order: Order) -> Level | None:
        """The level that an incoming order meets first."""
        return self.best_ask() if order.side == "buy" else self.best_bid()

    def levels(self, side: str) -> Iterator[Level]:
        """The levels of a side (`buy`: the bids), best price first."""
        return reversed(self.bids.values()) if side == "buy" else iter(self.asks.values())

    def rest(self, order: Order, now: int) -> None:
        """Put the order's remaining volume at the end of the queue at its limit price."""
        levels = self.bids if order.side == "buy" else self.asks
        price = order.price
        level = levels.get(price)
        if level is None:
            level = levels[price] = Level(price)
        level.orders[order.seq] = order
        level.volume += order.vol - order.vol_exec
        level.changed = now
        self.version += 1

    def reduce(self, order: Order, volume: int, now: int) -> None:
        """Take `volume` off a resting order that was filled or cancelled; with nothing left it leaves the book.

        Call it before the order's own `vol_exec` moves.
        """
        levels = self.bids if order.side == "buy" else self.asks
        level: Level = levels[order.limit]
        level.volume -= volume
        level.changed = now
        if volume == order.vol - order.vol_exec:
            del level.orders[order.seq]
            if not level.orders:
                del levels[order.limit]
        self.version += 1
