"""The `book` and `level3` channels: a market's book by price and by order (kraken/50 §5.2, §5.3).

The checksum is that of the very digits that are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mockkraken.ws.checksum import book_checksum, level3_checksum
from mockkraken.ws.times import micros, nanos
from mockkraken.ws.v2.digits import price, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mockkraken.catalog import Pair
    from mockkraken.ws.book import Entry, Update
    from mockkraken.ws.level3 import Level3Update, OrderEntry
    from mockkraken.ws.topics import MarketFeed


class Rendering(NamedTuple):
    """How one of the two channels shows a book.

    Attributes:
        standing: a snapshot but for the time at its end.
        changes: what is new since the last time, as messages.
        time: writes a time.
    """

    standing: Callable[[MarketFeed, int], bytes]
    changes: Callable[[MarketFeed, int], list[bytes]]
    time: Callable[[int], str]


class BookSpeaker:
    """Says how the book stands, and each run of changes on one side of it.

    Args:
        rendering: `BOOK` or `LEVEL3`.
        depth: how many levels.
        feed: tells of changes.
    """

    def __init__(self, rendering: Rendering, depth: int, feed: MarketFeed) -> None:
        self._rendering = rendering
        self._depth = depth
        self._feed = feed
        self._places = feed.market.pair.pair_decimals
        # The last snapshot, kept while the book and the pair stay as they are: many may subscribe at once.
        self._version: tuple[int, Pair] | None = None
        self._standing = b""

    def snapshot(self) -> list[bytes]:
        feed, market = self._feed, self._feed.market
        version = (market.book.version, market.pair)
        if self._version != version:
            self._version, self._standing = version, self._rendering.standing(feed, self._depth)
        return [b'%b"%b"}]}' % (self._standing, self._rendering.time(feed.clock.now()).encode())]

    def updates(self) -> list[bytes]:
        messages = self._rendering.changes(self._feed, self._depth)
        places = self._feed.market.pair.pair_decimals
        if places == self._places:
            return messages
        # What was sent before has other digits than the pair has now. Ours: the book is sent anew.
        self._places = places
        return self.snapshot()


def _book(feed: MarketFeed, depth: int) -> bytes:
    view, pair = feed.book(depth), feed.market.pair
    bids, asks = view.snapshot()
    checksum = book_checksum(*view.best(), pair.price_scale, pair.pair_decimals)
    return (
        f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{pair.display}",'
        f'"bids":[{_levels(pair, bids)}],"asks":[{_levels(pair, asks)}],"checksum":{checksum},"timestamp":'
    ).encode()


def _book_changes(feed: MarketFeed, depth: int) -> list[bytes]:
    pair = feed.market.pair
    return [_book_update(pair, update) for update in feed.book_updates(depth)]


def _book_update(pair: Pair, update: Update) -> bytes:
    levels = _levels(pair, update.entries)
    bids, asks = (levels, "") if update.side == "buy" else ("", levels)
    checksum = book_checksum(update.bids, update.asks, pair.price_scale, pair.pair_decimals)
    return (
        f'{{"channel":"book","type":"update","data":[{{"symbol":"{pair.display}","bids":[{bids}],"asks":[{asks}],'
        f'"checksum":{checksum},"timestamp":"{micros(update.time)}"}}]}}'
    ).encode()


def _levels(pair: Pair, entries: Iterable[Entry]) -> str:
    return ",".join(
        [f'{{"price":{price(pair, entry.price)},"qty":{quantity(pair, entry.volume)}}}' for entry in entries]
    )


def _level3(feed: MarketFeed, depth: int) -> bytes:
    view, pair = feed.level3(depth), feed.market.pair
    bids, asks = view.snapshot()
    checksum = level3_checksum(*view.best(), pair.price_scale, pair.pair_decimals)
    return (
        f'{{"channel":"level3","type":"snapshot","data":[{{"symbol":"{pair.display}",'
        f'"bids":[{_orders(pair, bids)}],"asks":[{_orders(pair, asks)}],"checksum":{checksum},"timestamp":'
    ).encode()


def _level3_changes(feed: MarketFeed, depth: int) -> list[bytes]:
    pair = feed.market.pair
    return [_level3_update(pair, update) for update in feed.level3_updates(depth)]


def _level3_update(pair: Pair, update: Level3Update) -> bytes:
    checksum = level3_checksum(update.top_bids, update.top_asks, pair.price_scale, pair.pair_decimals)
    return (
        f'{{"channel":"level3","type":"update","data":[{{"checksum":{checksum},"symbol":"{pair.display}",'
        f'"bids":[{_events(pair, update.bids)}],"asks":[{_events(pair, update.asks)}],'
        f'"timestamp":"{nanos(update.time)}"}}]}}'
    ).encode()


def _events(pair: Pair, entries: Iterable[OrderEntry]) -> str:
    return ",".join([f'{{"event":"{entry.event}",{_order(pair, entry)}' for entry in entries])


def _orders(pair: Pair, entries: Iterable[OrderEntry]) -> str:
    return ",".join([f"{{{_order(pair, entry)}" for entry in entries])


def _order(pair: Pair, entry: OrderEntry) -> str:
    """An order but for what opens its row."""
    return (
        f'"order_id":"{entry.order_id}","limit_price":{price(pair, entry.price)},'
        f'"order_qty":{quantity(pair, entry.volume)},"timestamp":"{nanos(entry.time)}"}}'
    )


BOOK = Rendering(_book, _book_changes, micros)
LEVEL3 = Rendering(_level3, _level3_changes, nanos)
