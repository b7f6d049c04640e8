"""The one core of all feeds: the exchange's events in, frames out.

What one channel says of one market with one option is a topic. A topic exists while somebody subscribes to it, and is
the same for all who do: its speaker makes each message once, and the same bytes go to everybody. Speakers are the
versions' own (v1/market.py, v2/market.py, v1/user.py, v2/user.py); this module knows no message.

Events are taken down while a command runs, and told when it is over (`flush`): first to the accounts that it
concerns, orders before balances, then the public, market by market (kraken/50 §6.3).
"""

from __future__ import annotations

import logging
from bisect import insort
from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from mockkraken.ws.book import BookView
from mockkraken.ws.candles import Forming
from mockkraken.ws.frames import framed
from mockkraken.ws.level3 import Level3View

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Exchange, Market, Order
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

_BALANCES_RANK = 2
_RANK = attrgetter("rank")
_log = logging.getLogger("mockkraken")


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
        self._views: dict[tuple[ViewKind, int], Any] = {}
        self._updates: dict[tuple[ViewKind, int], list[Any]] = {}

    def book(self, depth: int) -> BookView:
        """The view of the book of that depth."""
        view: BookView = self._views["book", depth]
        return view

    def book_updates(self, depth: int) -> list[Update]:
        """What has changed in it since the last flush."""
        return self._new("book", depth)

    def level3(self, depth: int) -> Level3View:
        """The view of the book's orders of that depth."""
        view: Level3View = self._views["level3", depth]
        return view

    def level3_updates(self, depth: int) -> list[Level3Update]:
        """What has changed in it since the last flush."""
        return self._new("level3", depth)

    def candle(self, minutes: int) -> Forming:
        """The candle of that interval that is forming."""
        view: Forming = self._views["candle", minutes]
        return view

    def _new(self, kind: Literal["book", "level3"], depth: int) -> list[Any]:
        # Both versions may speak of one view.
        known = self._updates.get((kind, depth))
        if known is None:
            known = self._updates[kind, depth] = self._views[kind, depth].take_updates()
        return known

    def add(self, topic: Topic) -> None:
        if topic.view is not None and topic.view not in self._views:
            kind, option = topic.view
            self._views[topic.view] = (
                BookView(self.market.book, option)
                if kind == "book"
                else Level3View(self.market.book, option)
                if kind == "level3"
                else Forming(self.market.tape, option, self.clock.now())
            )
        insort(self.topics, topic, key=_RANK)

    def remove(self, topic: Topic) -> None:
        self.topics.remove(topic)
        if topic.view is not None and all(other.view != topic.view for other in self.topics):
            del self._views[topic.view]

    def see(self, side: Side, price: int) -> None:
        now = self.clock.now()
        for (kind, _), view in self._views.items():
            if kind != "candle":
                view.see(side, price, now)

    def trade(self, printed: Print) -> None:
        self.prints.append(printed)
        for (kind, _), view in self._views.items():
            if kind == "candle":
                view.add(printed)

    def flush(self) -> None:
        top = _top(self.market)
        self.top_moved = top != self.top
        self.top = top
        _publish(self.topics)
        self.prints = []
        self._updates.clear()
        self.top_moved = False


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
        self.notes: list[tuple[int, Topic, Any]] = []

    def add(self, topic: Topic) -> None:
        insort(self.topics, topic, key=_RANK)

    def remove(self, topic: Topic) -> None:
        self.topics.remove(topic)

    def order(self, order: Order, what: OrderEvent, trade: Trade | None) -> None:
        for topic in self.topics:
            note = topic.speaker.order(order, what, trade)
            if note is not None:
                self.notes.append((topic.rank, topic, note))

    def ledger(self, entry: LedgerEntry) -> None:
        for topic in self.topics:
            note = topic.speaker.ledger(entry)
            if note is not None:
                self.notes.append((topic.rank, topic, note))

    def take_notes(self) -> list[tuple[int, Topic, Any]]:
        notes, self.notes = self.notes, []
        for topic in self.topics:
            topic.speaker.gather([note for _, of, note in notes if of is topic])
        return notes


class Feeds:
    """The feeds of one sandbox.

    Args:
        exchange: whose events they listen to, while anybody listens to them.
        clock: the sandbox's.

    Attributes:
        connections: all that are open, by number.
        catalog: what changes in the catalogue.
    """

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self.connections: dict[int, Connection] = {}
        self.catalog = CatalogFeed()
        self._topics: dict[Hashable, Topic] = {}
        self._markets: dict[str, MarketFeed] = {}
        self._users: dict[str, UserFeed] = {}
        self._touched: dict[str, MarketFeed] = {}
        self._noted: dict[str, UserFeed] = {}
        self._status_changed = False
        exchange.events.status.append(self._status)
        exchange.events.pair.append(self._pair)
        exchange.events.done.append(self.flush)
        clock.on_pace.append(self._repace)

    @property
    def topics(self) -> int:
        """How many topics there are now."""
        return len(self._topics)

    # Who listens to what

    def join(self, connection: Connection) -> None:
        """A client has connected."""
        self.connections[connection.number] = connection

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        for subscription in list(connection.subscriptions.values()):
            self.unsubscribe(subscription)
        connection.end()
        self.connections.pop(connection.number, None)

    def to_market(
        self,
        connection: Connection,
        key: Hashable,
        *,
        market: Market,
        topic: Hashable,
        rank: int,
        speaker: Callable[[MarketFeed], MarketSpeaker],
        shown: dict[str, Any],
        view: tuple[ViewKind, int] | None = None,
    ) -> Subscription:
        """Subscribe a connection to what a channel says of a market.

        Args:
            connection: who.
            key: under which the connection has it.
            market: of which it speaks.
            topic: what makes the topic the same for others: the version, channel, asset class, pair id and option.
            rank: the topic's turn: 1 trades, 2 books, 3 orders, 4 tickers and spreads, 5 candles.
            speaker: makes the speaker, if the topic is new.
            shown: how `/mock/connections` shows it.
            view: the view of the market that the speaker looks at.
        """
        found = self._topics.get(topic)
        if found is None:
            feed = self._markets.get(market.pair.id)
            if feed is None:
                feed = MarketFeed(market, self._clock)
                if not self._markets:
                    self._exchange.events.book.append(self._book)
                    self._exchange.events.trade.append(self._trade)
                self._markets[market.pair.id] = feed
            found = Topic(topic, rank, feed, view)
            feed.add(found)
            found.speaker = speaker(feed)
            self._topics[topic] = found
        return self._add(connection, found, key, shown)

    def to_catalog(
        self,
        connection: Connection,
        key: Hashable,
        *,
        topic: Hashable,
        speaker: Callable[[CatalogFeed], MarketSpeaker],
        shown: dict[str, Any],
    ) -> Subscription:
        """Subscribe a connection to what a channel says of assets and pairs."""
        found = self._topics.get(topic)
        if found is None:
            found = self._topics[topic] = Topic(topic, 0, self.catalog)
            self.catalog.add(found)
            found.speaker = speaker(self.catalog)
        return self._add(connection, found, key, shown)

    def to_account(
        self,
        connection: Connection,
        key: Hashable,
        *,
        account: Account,
        topic: Hashable,
        rank: int,
        speaker: Callable[[UserFeed], UserSpeaker],
        shown: dict[str, Any],
        options: Any = None,
    ) -> Subscription:
        """Subscribe a connection to what a channel says to an account.

        Args:
            connection: who.
            key: under which the connection has it.
            account: whose orders or balances.
            topic: what makes the topic the same for others: the version, channel and account.
            rank: whose turn it is at one event: 0 and 1 for orders and trades; 2 for balances, told after all those.
            speaker: makes the speaker, if the topic is new.
            shown: how `/mock/connections` shows it.
            options: what only this subscriber wants otherwise.
        """
        found = self._topics.get(topic)
        if found is None:
            feed = self._users.get(account.name)
            if feed is None:
                feed = UserFeed(account)
                if not self._users:
                    self._exchange.events.order.append(self._order)
                    self._exchange.events.ledger.append(self._ledger)
                self._users[account.name] = feed
            found = self._topics[topic] = Topic(topic, rank, feed)
            feed.add(found)
            found.speaker = speaker(feed)
        return self._add(connection, found, key, shown, options)

    def _add(
        self, connection: Connection, topic: Topic, key: Hashable, shown: dict[str, Any], options: Any = None
    ) -> Subscription:
        subscription = Subscription(connection, topic, key, shown, options)
        topic.subscribers[connection] = connection.subscriptions[key] = subscription
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Take a subscription back; a topic that nobody hears any more is gone."""
        connection, topic = subscription.connection, subscription.topic
        del connection.subscriptions[subscription.key]
        del topic.subscribers[connection]
        if topic.subscribers:
            return
        del self._topics[topic.key]
        feed = topic.feed
        feed.remove(topic)
        if feed.topics:
            return
        events = self._exchange.events
        if isinstance(feed, MarketFeed):
            del self._markets[feed.market.pair.id]
            if not self._markets:
                events.book.remove(self._book)
                events.trade.remove(self._trade)
        elif isinstance(feed, UserFeed):
            del self._users[feed.account.name]
            if not self._users:
                events.order.remove(self._order)
                events.ledger.remove(self._ledger)

    # What happens

    def _book(self, market: Market, side: Side, price: int) -> None:
        feed = self._markets.get(market.pair.id)
        if feed is not None:
            feed.see(side, price)
            self._touched[market.pair.id] = feed

    def _trade(self, market: Market, printed: Print) -> None:
        feed = self._markets.get(market.pair.id)
        if feed is not None:
            feed.trade(printed)
            self._touched[market.pair.id] = feed

    def _order(self, order: Order, what: OrderEvent, trade: Trade | None) -> None:
        feed = self._users.get(order.account.name)
        if feed is not None:
            feed.order(order, what, trade)
            self._noted[order.account.name] = feed

    def _ledger(self, account: Account, entry: LedgerEntry) -> None:
        feed = self._users.get(account.name)
        if feed is not None:
            feed.ledger(entry)
            self._noted[account.name] = feed

    def _status(self) -> None:
        self._status_changed = True

    def _pair(self, pair: Pair) -> None:
        if self.catalog.topics:
            self.catalog.pairs[pair.id] = pair

    def _repace(self) -> None:
        for connection in self.connections.values():
            connection.repace()

    # Telling it

    def flush(self) -> None:
        """Tell what has happened since the last time, at the end of a command."""
        if not (self._touched or self._noted or self._status_changed or self.catalog.pairs):
            return
        touched, self._touched = self._touched, {}
        noted, self._noted = self._noted, {}
        try:
            self._tell(touched, noted)
        except Exception:
            # The command is done, and its answer must not be lost.
            _log.exception("a feed failed")

    def _tell(self, touched: dict[str, MarketFeed], noted: dict[str, UserFeed]) -> None:
        if self._status_changed:
            self._status_changed = False
            for connection in self.connections.values():
                connection.send(connection.dialect.status(connection))
        notes = [note for feed in noted.values() for note in feed.take_notes()]
        notes.sort(key=_turn)
        for _, topic, note in notes:
            for subscription in topic.subscribers.values():
                payload = topic.speaker.message(note, subscription)
                if payload is not None:
                    subscription.connection.send(payload)
        for market in touched.values():
            market.flush()
        if self.catalog.pairs:
            self.catalog.flush()


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


def _turn(note: tuple[int, Topic, Any]) -> bool:
    return note[0] >= _BALANCES_RANK
