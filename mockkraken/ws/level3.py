"""What a subscriber of the `level3` channel holds of a market's book: each order, in its level's queue.

The window is that of the `book` channel and counts price levels: when one goes, every order of the level that moves in
is sent; a level that is pushed out is not mentioned. Reference: kraken/50 §5.3.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from mockkraken.ws.book import Runs, Window
from mockkraken.ws.checksum import CHECKED

if TYPE_CHECKING:
    from mockkraken.exchange.book import Book, Level
    from mockkraken.exchange.orders import Side

Event = Literal["add", "modify", "delete"]
TopOrders = tuple[tuple[int, tuple[int, ...]], ...]
"""Of the best levels of a side, best first: the price, and the volumes of its orders in queue order."""


class OrderEntry(NamedTuple):
    """One line of an update; the lines are applied in order, and an `add` goes to the end of its level's queue.

    Attributes:
        price: price units.
        volume: what the order shows now, lot units; of one that has gone, what it showed last.
        time: when it came to its place in the queue or was amended there (ns); of one that has gone, when it went.
    """

    event: Event
    order_id: str
    price: int
    volume: int
    time: int


class Level3Update(NamedTuple):
    """Consecutive changes of one side; the other side's list is empty.

    Attributes:
        top_bids: the best bids after it: what the checksum covers.
        top_asks: the best asks after it.
        time: of its last change (ns).
    """

    bids: list[OrderEntry]
    asks: list[OrderEntry]
    top_bids: TopOrders
    top_asks: TopOrders
    time: int


class _Queue(NamedTuple):
    """The orders of a level as the client holds them, by their numbers in the queue."""

    orders: dict[int, OrderEntry]
    volumes: tuple[int, ...]


def _queue(level: Level) -> _Queue:
    orders = {
        number: OrderEntry("add", order.txid, level.price, order.offered, order.rested)
        for number, order in level.orders.items()
    }
    return _Queue(orders, tuple([entry.volume for entry in orders.values()]))


_NOBODY = _Queue({}, ())


class Level3View:
    """What a subscriber of a given depth holds of the orders of one market's book, kept in step event by event.

    Args:
        book: the live book; the view begins with what it shows now.
        depth: how many price levels of each side.
    """

    def __init__(self, book: Book, depth: int) -> None:
        self._bids: Window[_Queue] = Window(book, "buy", depth)
        self._asks: Window[_Queue] = Window(book, "sell", depth)
        for window, levels in ((self._bids, book.levels("buy")), (self._asks, book.levels("sell"))):
            for level in islice(levels, depth):
                window.put(level.price, _queue(level))
        self._runs: Runs[OrderEntry, Level3Update] = Runs(self._told)

    def see(self, side: Side, price: int, now: int) -> None:
        """The live book has changed at a price. To be called at once after each single change, with the time (ns)."""
        window, runs = self._bids if side == "buy" else self._asks, self._runs
        if not window.covers(price):
            if runs.has_pushed_out(side, price):
                runs.end()
            return
        level: Level | None = window.levels.get(price)
        before = window.held.get(price, _NOBODY)
        if level is not None:
            after = _queue(level)
            entries = _changes(before, after, now)
            if entries:
                runs.lines(side, now).extend(entries)
            pushed_out = window.put(price, after)
            if pushed_out is not None:
                runs.push_out(pushed_out)
        elif before is not _NOBODY:
            moved_in = window.next()
            # A client may have kept the orders of a level that the run has pushed out: it must not get them twice.
            if moved_in is not None and runs.has_pushed_out(side, moved_in.price):
                runs.end()
            lines = runs.lines(side, now)
            lines += _changes(before, _NOBODY, now)
            window.drop(price)
            if moved_in is not None:
                queue = _queue(moved_in)
                window.put(moved_in.price, queue)
                lines += queue.orders.values()

    def _told(self, side: Side, entries: list[OrderEntry], time: int) -> Level3Update:
        bids, asks = (entries, []) if side == "buy" else ([], entries)
        return Level3Update(bids, asks, *self.best(), time)

    def best(self) -> tuple[TopOrders, TopOrders]:
        """The best bids and the best asks now: what the checksum of a snapshot covers."""
        bids, asks = (
            tuple([(price, queue.volumes) for price, queue in window.best(CHECKED)])
            for window in (self._bids, self._asks)
        )
        return bids, asks

    def take_updates(self) -> list[Level3Update]:
        """What has changed since the last call, in order."""
        return self._runs.take()

    def snapshot(self) -> tuple[list[OrderEntry], list[OrderEntry]]:
        """The window as it is now: bids and asks, best level first, each in queue order. All are `add`."""
        bids, asks = (
            [entry for _, queue in window.best() for entry in queue.orders.values()]
            for window in (self._bids, self._asks)
        )
        return bids, asks


def _changes(before: _Queue, after: _Queue, now: int) -> list[OrderEntry]:
    """What turns one state of a level into the next. A number in the queue is never given again."""
    entries = [
        OrderEntry("delete", gone.order_id, gone.price, gone.volume, now)
        for number, gone in before.orders.items()
        if number not in after.orders
    ]
    for number, entry in after.orders.items():
        held = before.orders.get(number)
        if held is None:
            entries.append(entry)
        elif held.volume != entry.volume:
            entries.append(entry._replace(event="modify"))
    return entries
