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
    from collections.abc import Callable, Iterator

    from sortedcontainers import SortedDict

    from mockkraken.exchange.book import Book, Level
    from mockkraken.exchange.orders import Side

DEPTHS = (10, 25, 100, 500, 1000)
"""The depths that the `book` channel has, in both versions [doc]."""

Held = TypeVar("Held")
Line = TypeVar("Line")
Told = TypeVar("Told")
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


class Runs(Generic[Line, Told]):
    """Changes as they come, joined to updates: each is a run of changes of one side.

    Args:
        told: makes an update of a run's side, lines, and the time of its last change.
    """

    __slots__ = ("_lines", "_pushed_out", "_side", "_time", "_told", "_updates")

    def __init__(self, told: Callable[[Side, list[Line], int], Told]) -> None:
        self._told = told
        self._updates: list[Told] = []
        # The run that goes on.
        self._side: Side = "buy"
        self._lines: list[Line] = []
        self._time = 0
        # The levels that it pushes out. A client may keep them until its end, so none may change within it.
        self._pushed_out: set[int] = set()

    def lines(self, side: Side, now: int) -> list[Line]:
        """Where a change of a side is noted: what went before on the other is an update of its own."""
        if side != self._side:
            self.end()
            self._side = side
        self._time = now
        return self._lines

    def push_out(self, price: int) -> None:
        """The level at that price has been pushed out of the window."""
        self._pushed_out.add(price)

    def has_pushed_out(self, side: Side, price: int) -> bool:
        """Whether the run that goes on has pushed that level out."""
        return price in self._pushed_out and side == self._side

    def end(self) -> None:
        """What comes now is an update of its own."""
        if self._lines:
            self._updates.append(self._told(self._side, self._lines, self._time))
            self._lines = []
        self._pushed_out.clear()

    def take(self) -> list[Told]:
        """The updates since the last call, in order."""
        self.end()
        taken, self._updates = self._updates, []
        return taken


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
        self._runs: Runs[Entry, Update] = Runs(self._told)

    def see(self, side: Side, price: int, now: int) -> None:
        """The live book has changed at a price. To be called at once after each single change, with the time (ns)."""
        window, runs = self._bids if side == "buy" else self._asks, self._runs
        if not window.covers(price):
            if runs.has_pushed_out(side, price):
                runs.end()
            return
        level: Level | None = window.levels.get(price)
        held = window.held.get(price)
        if level is None:
            if held is None:
                return
            lines = runs.lines(side, now)
            lines.append(Entry(price, 0, now, False))
            window.drop(price)
            moved_in = window.next()
            if moved_in is not None:
                window.put(moved_in.price, (moved_in.volume, moved_in.changed))
                lines.append(Entry(moved_in.price, moved_in.volume, moved_in.changed, True))
            return
        if held is None or held[0] != level.volume:
            runs.lines(side, now).append(Entry(price, level.volume, level.changed, False))
        pushed_out = window.put(price, (level.volume, level.changed))
        if pushed_out is not None:
            runs.push_out(pushed_out)

    def _told(self, side: Side, entries: list[Entry], time: int) -> Update:
        return Update(side, entries, *self.best(), time)

    def best(self) -> tuple[Top, Top]:
        """The best bids and the best asks now: what the checksum of a snapshot covers."""
        bids, asks = (
            tuple([(price, volume) for price, (volume, _) in window.best(CHECKED)])
            for window in (self._bids, self._asks)
        )
        return bids, asks

    def take_updates(self) -> list[Update]:
        """What has changed since the last call, in order."""
        return self._runs.take()

    def snapshot(self) -> tuple[list[Entry], list[Entry]]:
        """The window as it is now: bids and asks, best first."""
        bids, asks = (
            [Entry(price, volume, time, False) for price, (volume, time) in window.best()]
            for window in (self._bids, self._asks)
        )
        return bids, asks
