"""What a subscriber of the `book` channel holds of a market's book, in integers and for any version's messages.

The server mirrors the client's window, its best levels up to a depth. A change inside is sent; a level that goes is
followed at once by the one that moves in for it; a level that is pushed out is not mentioned, since the client drops
it by itself; a change outside concerns nobody. Reference: kraken/50 §5.2, kraken/60 §3.5.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from mockkraken.ws.checksum import CHECKED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sortedcontainers import SortedDict

    from mockkraken.exchange.book import Book, Level
    from mockkraken.exchange.orders import Side

Held = TypeVar("Held")
Top = tuple[tuple[int, int], ...]
"""(price, volume) of the best levels of a side, as many as a checksum covers, best first."""


class Entry(NamedTuple):
    """One line of an update; the lines are applied in order.

    Attributes:
        price: price units.
        volume: what the level holds now, lot units; 0: it is gone.
        time: when it last changed (ns); of one that moved in, that is some time ago.
        republished: whether it moved in from outside the window, in place of a level that went.
    """

    price: int
    volume: int
    time: int
    republished: bool


class Update(NamedTuple):
    """Consecutive changes of one side.

    Attributes:
        side: which; `buy`: the bids.
        bids: the best bids after it.
        asks: the best asks after it.
        time: of its last change (ns).
    """

    side: Side
    entries: list[Entry]
    bids: Top
    asks: Top
    time: int


class Window(Generic[Held]):
    """The best levels of one side of a book, up to a depth: what a client holds of each, by price.

    Args:
        book: the live book, whose level it looks up when one moves in.
        side: `buy`: the bids.
        depth: how many levels.
    """

    __slots__ = ("_depth", "_keys", "_sign", "held", "levels")

    def __init__(self, book: Book, side: Side, depth: int) -> None:
        self.levels: SortedDict[int, Level] = book.bids if side == "buy" else book.asks
        self.held: dict[int, Held] = {}
        # Prices, best first: those of bids are negative here.
        self._keys: list[int] = []
        self._sign = -1 if side == "buy" else 1
        self._depth = depth

    def covers(self, price: int) -> bool:
        """Whether the client holds the level at this price, or would if there were one."""
        held = self.held
        return price in held or len(held) < self._depth or self._sign * price < self._keys[-1]

    def put(self, price: int, what: Held) -> int | None:
        """Hold this of a level that is covered.

        Returns:
            The price of the worst level, if a new one has pushed it out.
        """
        keys, pushed_out = self._keys, None
        if price not in self.held:
            insort(keys, self._sign * price)
            if len(keys) > self._depth:
                pushed_out = self._sign * keys.pop()
                del self.held[pushed_out]
        self.held[price] = what
        return pushed_out

    def drop(self, price: int) -> None:
        """Let go of a level that has left the live book."""
        del self.held[price]
        self._keys.pop(bisect_left(self._keys, self._sign * price))

    def next(self) -> Level | None:
        """The level that moves in when one that was held has left the live book, if there is another."""
        if len(self.levels) < self._depth:
            return None
        level: Level = self.levels.peekitem(self._depth - 1 if self._sign > 0 else -self._depth)[1]
        return level

    def best(self, count: int | None = None) -> Iterator[tuple[int, Held]]:
        """(price, what is held) of the best `count` levels, or of all, best first."""
        for key in islice(self._keys, count):
            price = self._sign * key
            yield price, self.held[price]


class BookView:
    """What a subscriber of a given depth holds of one market's book, kept in step event by event.

    Args:
        book: the live book; the view begins with what it shows now.
        depth: how many levels of each side.
    """

    def __init__(self, book: Book, depth: int) -> None:
        # Of each level its volume, and when it last changed.
        self._bids: Window[tuple[int, int]] = Window(book, "buy", depth)
        self._asks: Window[tuple[int, int]] = Window(book, "sell", depth)
        for window, levels in ((self._bids, book.levels("buy")), (self._asks, book.levels("sell"))):
            for level in islice(levels, depth):
                window.put(level.price, (level.volume, level.changed))
        self._updates: list[Update] = []
        # The run of changes of one side that goes on.
        self._side: Side = "buy"
        self._entries: list[Entry] = []
        self._time = 0
        # The levels that it pushes out. A client may keep them until its end, so none may change within it.
        self._pushed_out: set[int] = set()

    def see(self, side: Side, price: int, now: int) -> None:
        """The live book has changed at a price. To be called at once after each single change, with the time (ns)."""
        window = self._bids if side == "buy" else self._asks
        if not window.covers(price):
            if price in self._pushed_out and side == self._side:
                self._end_run()
            return
        level: Level | None = window.levels.get(price)
        held = window.held.get(price)
        if level is None:
            if held is None:
                return
            self._run(side, now)
            self._entries.append(Entry(price, 0, now, False))
            window.drop(price)
            moved_in = window.next()
            if moved_in is not None:
                window.put(moved_in.price, (moved_in.volume, moved_in.changed))
                self._entries.append(Entry(moved_in.price, moved_in.volume, moved_in.changed, True))
            return
        if held is None or held[0] != level.volume:
            self._run(side, now)
            self._entries.append(Entry(price, level.volume, level.changed, False))
        pushed_out = window.put(price, (level.volume, level.changed))
        if pushed_out is not None:
            self._pushed_out.add(pushed_out)

    def _run(self, side: Side, now: int) -> None:
        """A change of a side is about to be noted: what went before on the other is an update of its own."""
        if side != self._side:
            self._end_run()
            self._side = side
        self._time = now

    def _end_run(self) -> None:
        if self._entries:
            self._updates.append(Update(self._side, self._entries, *self.best(), self._time))
            self._entries = []
        self._pushed_out.clear()

    def best(self) -> tuple[Top, Top]:
        """The best bids and the best asks now: what the checksum of a snapshot covers."""
        bids, asks = (
            tuple([(price, volume) for price, (volume, _) in window.best(CHECKED)])
            for window in (self._bids, self._asks)
        )
        return bids, asks

    def take_updates(self) -> list[Update]:
        """What has changed since the last call, in order."""
        self._end_run()
        taken, self._updates = self._updates, []
        return taken

    def snapshot(self) -> tuple[list[Entry], list[Entry]]:
        """The window as it is now: bids and asks, best first."""
        bids, asks = (
            [Entry(price, volume, time, False) for price, (volume, time) in window.best()]
            for window in (self._bids, self._asks)
        )
        return bids, asks
