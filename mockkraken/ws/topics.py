"""What a feed is made of: subscriptions, topics, and what happens on one market, in the catalogue, to one account.

What one channel says of one market with one option is a topic. A topic exists while somebody subscribes to it, and is
the same for all who do: its speaker makes each message once, and the same bytes go to everybody. Speakers are the
versions' own; this module knows no message.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from mockkraken.ws.book import BookView
from mockkraken.ws.candles import Forming
from mockkraken.ws.frames import framed
from mockkraken.ws.level3 import Level3View

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mockkraken.catalog import Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Market, Order
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.orders import Side
    from mockkraken.exchange.tape import Print
    from mockkraken.exchange.trades import Trade
    from mockkraken.ws.book import Update
    from mockkraken.ws.connection import Connection
    from mockkraken.ws.level3 import Level3Update

ViewKind = Literal["book", "level3", "candle"]
Top = tuple[int, int, int, int]
"""Best bid, its volume, best ask, its volume; 0 for none."""

_RANK = attrgetter("rank")


class Subscription(msgspec.Struct, eq=False):
    """That one connection hears one topic.

    Attributes:
        key: under which the connection has it: two of the same key are the same subscription.
        shown: how `/mock/connections` shows it.
        options: what only this subscriber wants otherwise, in the version's own record.
        sequence: of a private channel: the number of the last message.
    """

    connection: Connection
    topic: Topic
    key: Hashable
    shown: dict[str, Any]
    options: Any = None
    sequence: int = 0


class Topic:
    """What one channel says of one market, account or the catalogue, and who hears it.

    Attributes:
        key: what makes two topics the same; it begins with the version and the channel.
        rank: its turn among the topics of one market or account.
        view: which view of the market its speaker looks at, and how deep or wide.
    """

    __slots__ = ("feed", "key", "rank", "speaker", "subscribers", "view")

    def __init__(self, key: Hashable, rank: int, feed: Any, view: tuple[ViewKind, int] | None = None) -> None:
        self.key = key
        self.rank = rank
        self.feed = feed
        self.view = view
        self.speaker: Any = None
        self.subscribers: dict[Connection, Subscription] = {}


class MarketSpeaker(Protocol):
    """Says what is to be said of a market (or the catalogue) on one channel."""

    def snapshot(self) -> list[bytes]:
        """How things stand now, as messages."""

    def updates(self) -> list[bytes]:
        """What is new since the last time, as messages: called once at the end of each command."""


class UserSpeaker(Protocol):
    """Says what is to be said to an account on one channel."""

    def order(self, order: Order, what: OrderEvent, trade: Trade | None) -> Any:
        """Take down what happened to an order, while it is as it was then; None: nothing to tell."""

    def ledger(self, entry: LedgerEntry) -> Any:
        """Take down a movement of a balance; None: nothing to tell."""

    def gather(self, notes: list[Any]) -> None:
        """All that was taken down of one command, before any of it is told."""

    def message(self, note: Any, subscription: Subscription) -> bytes | None:
        """One note as this subscriber gets it, its sequence counted; None: this one does not get it."""

    def snapshot(self, subscription: Subscription) -> list[bytes]:
        """How things stand now, as messages, their sequence counted."""


class MarketFeed:
    """What happens on one market, for the speakers of its topics.

    Attributes:
        market: it.
        prints: the trades since the last flush.
        top: the best prices at the last flush.
        top_moved: whether they are others now; looked at in `updates` only.
        topics: by rank.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self.market = market
        self.clock = clock
        self.prints: list[Print] = []
        self.top = _top(market)
        self.top_moved = False
        self.topics: list[Topic] = []
        self._books: dict[tuple[ViewKind, int], Any] = {}
        self._candles: dict[tuple[ViewKind, int], Forming] = {}
        self._updates: dict[tuple[ViewKind, int], list[Any]] = {}

    def book(self, depth: int) -> BookView:
        """The view of the book of that depth."""
        view: BookView = self._books["book", depth]
        return view

    def book_updates(self, depth: int) -> list[Update]:
        """What has changed in it since the last flush."""
        return self._new("book", depth)

    def level3(self, depth: int) -> Level3View:
        """The view of the book's orders of that depth."""
        view: Level3View = self._books["level3", depth]
        return view

    def level3_updates(self, depth: int) -> list[Level3Update]:
        """What has changed in it since the last flush."""
        return self._new("level3", depth)

    def candle(self, minutes: int) -> Forming:
        """The candle of that interval that is forming."""
        return self._candles["candle", minutes]

    def _new(self, kind: Literal["book", "level3"], depth: int) -> list[Any]:
        # Both versions may speak of one view.
        known = self._updates.get((kind, depth))
        if known is None:
            known = self._updates[kind, depth] = self._books[kind, depth].take_updates()
        return known

    def add(self, topic: Topic) -> None:
        if topic.view is not None and all(other.view != topic.view for other in self.topics):
            kind, option = topic.view
            if kind == "candle":
                self._candles[topic.view] = Forming(self.market.tape, option, self.clock.now())
            else:
                self._books[topic.view] = (BookView if kind == "book" else Level3View)(self.market.book, option)
        insort(self.topics, topic, key=_RANK)

    def remove(self, topic: Topic) -> None:
        self.topics.remove(topic)
        if topic.view is not None and all(other.view != topic.view for other in self.topics):
            del (self._candles if topic.view[0] == "candle" else self._books)[topic.view]

    def see(self, side: Side, price: int) -> None:
        now = self.clock.now()
        for view in self._books.values():
            view.see(side, price, now)

    def trade(self, printed: Print) -> None:
        self.prints.append(printed)
        for candle in self._candles.values():
            candle.add(printed)

    def flush(self) -> None:
        top = _top(self.market)
        self.top_moved = top != self.top
        self.top = top
        _publish(self.topics)
        self.prints = []
        self._updates.clear()


class CatalogFeed:
    """What changes in the catalogue, for the speakers of its topics.

    Attributes:
        pairs: those that have other rules since the last flush, by id.
    """

    def __init__(self) -> None:
        self.pairs: dict[str, Pair] = {}
        self.topics: list[Topic] = []

    def add(self, topic: Topic) -> None:
        self.topics.append(topic)

    def remove(self, topic: Topic) -> None:
        self.topics.remove(topic)

    def flush(self) -> None:
        _publish(self.topics)
        self.pairs.clear()


class UserFeed:
    """What happens to one account, for the speakers of its topics."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.topics: list[Topic] = []
        self.notes: list[tuple[Topic, Any]] = []

    def add(self, topic: Topic) -> None:
        insort(self.topics, topic, key=_RANK)

    def remove(self, topic: Topic) -> None:
        self.topics.remove(topic)

    def order(self, order: Order, what: OrderEvent, trade: Trade | None) -> None:
        for topic in self.topics:
            note = topic.speaker.order(order, what, trade)
            if note is not None:
                self.notes.append((topic, note))

    def ledger(self, entry: LedgerEntry) -> None:
        for topic in self.topics:
            note = topic.speaker.ledger(entry)
            if note is not None:
                self.notes.append((topic, note))

    def take_notes(self) -> list[tuple[Topic, Any]]:
        notes, self.notes = self.notes, []
        for topic in self.topics:
            topic.speaker.gather([note for of, note in notes if of is topic])
        return notes


def _publish(topics: list[Topic]) -> None:
    for topic in topics:
        for payload in topic.speaker.updates():
            frame = framed(payload)
            for connection in topic.subscribers:
                connection.write(frame)


def _top(market: Market) -> Top:
    bid, ask = market.book.best_bid, market.book.best_ask
    return (
        bid.price if bid else 0,
        bid.volume if bid else 0,
        ask.price if ask else 0,
        ask.volume if ask else 0,
    )
