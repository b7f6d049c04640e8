"""The one core of all feeds: the exchange's events in, frames out.

Who listens to what stands here; what is listened to, in topics.py. Events are taken down while a command runs, and told
when it is over (`flush`): first to the accounts that it concerns, orders before balances, then to the public, market by
market (kraken/50 §6.3).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mockkraken.ws.topics import CatalogFeed, MarketFeed, Subscription, Topic, UserFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mockkraken.catalog import Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Exchange, Market, Order
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.orders import Side
    from mockkraken.exchange.tape import Print
    from mockkraken.exchange.trades import Trade
    from mockkraken.ws.connection import Connection
    from mockkraken.ws.topics import MarketSpeaker, UserSpeaker, ViewKind

_BALANCES_RANK = 2
_log = logging.getLogger("mockkraken")


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
        for topic, note in notes:
            for subscription in topic.subscribers.values():
                payload = topic.speaker.message(note, subscription)
                if payload is not None:
                    subscription.connection.send(payload)
        for market in touched.values():
            market.flush()
        if self.catalog.pairs:
            self.catalog.flush()


def _turn(note: tuple[Topic, Any]) -> bool:
    return note[0].rank >= _BALANCES_RANK
