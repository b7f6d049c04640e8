"""The audience of a market day: clients of every public feed at every depth, who look at everything that they hear."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from book_clients import SIDES, Book1, Book2, Level3, parsed
from feed_clients import Candles1, Candles2, Spread1, Ticker1, Ticker2, Trades1, Trades2
from order_words import PAIRS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire

    from mockkraken.exchange import Market
    from mockkraken.sandbox import Sandbox

HEARTBEATS = (b'{"channel":"heartbeat"}', b'{"event":"heartbeat"}')
DEPTHS = (10, 25, 100, 500, 1000)
DEPTHS_3 = (10, 100, 1000)
DEPTHS_1 = (10, 1000)


class Line:
    """A connection and the clients behind it, by channel and symbol. One that belongs to nobody hears nothing."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.version = wire.connection.dialect.version
        self.clients: dict[tuple[str, str], Any] = {}
        self.replies: list[dict[str, Any]] = []

    def say(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Send a message; the replies. They come before what they bring about."""
        assert not self.wire.socket.frames
        self.wire.connection.receive(json.dumps(message))
        frames = self._hear_all()
        assert frames[: len(self.replies)] == self.replies
        return self.replies

    def drain(self) -> None:
        """Let the clients hear what has come."""
        self._hear_all()
        assert self.replies == []

    def _hear_all(self) -> list[Any]:
        self.replies = []
        socket = self.wire.socket
        frames, socket.frames = [parsed(frame) for frame in socket.frames if frame not in HEARTBEATS], []
        for message in frames:
            match message:
                case {"method": _} | {"event": "subscriptionStatus" | "pong" | "error"}:
                    self.replies.append(message)
                case {"event": str(event)} if event.endswith("OrderStatus") or event.startswith("cancelAll"):
                    self.replies.append(message)
                case {"channel": "status"} | {"event": "systemStatus"}:
                    pass
                case {"channel": "executions" | "balances" as channel}:
                    self.clients[channel, ""].hear(message)
                case {"channel": channel, "data": [{"symbol": symbol}, *_]}:
                    self.clients[channel, symbol].hear(message)
                case [_, channel, {"sequence": _}]:
                    self.clients[channel, ""].hear(message)
                case [_, _, *_, channel, symbol]:
                    self.clients[channel, symbol].hear(message)
                case _:
                    raise AssertionError(message)
        return frames

    def subscribe(self, client: Any, channel: str, symbol: str = "", **params: Any) -> Any:
        """Subscribe for a client; what it heard before is not lost."""
        subscribed = self._params(channel, symbol, params)
        name = channel
        if self.version == 1:
            option = params.get("depth", params.get("interval"))
            name = channel if option is None else f"{channel}-{option}"
        self.clients[name, symbol] = client
        (reply,) = self.say(subscribed("subscribe"))
        assert reply.get("success", reply.get("status")) in (True, "subscribed"), reply
        return client

    def unsubscribe(self, channel: str, symbol: str = "", **params: Any) -> None:
        (reply,) = self.say(self._params(channel, symbol, params)("unsubscribe"))
        assert reply.get("success", reply.get("status")) in (True, "unsubscribed"), reply

    def _params(self, channel: str, symbol: str, params: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
        if self.version == 2:
            symbols = {"symbol": [symbol]} if symbol else {}
            return lambda verb: {"method": verb, "params": {"channel": channel, **symbols, **params}}
        pairs = {"pair": [symbol]} if symbol else {}
        return lambda verb: {"event": verb, **pairs, "subscription": {"name": channel, **params}}


class Audience:
    """Everybody who hears the markets.

    Args:
        sandbox: whose.
        markets: by pair.
        wire: connects a client.
        token: of whoever hears `level3`.

    Attributes:
        low: for each pair and side, how many levels the book had at least since `begin`.
        books, level3s, books_1: clients by pair and depth.
        settling: clients that look at something when all frames of an operation have come: by version, channel, pair.
    """

    def __init__(self, sandbox: Sandbox, markets: dict[str, Market], wire: Callable[..., Wire], token: str) -> None:
        self.markets = markets
        self.wire = wire
        self.low = {name: dict.fromkeys(SIDES, 0) for name in PAIRS}
        sandbox.exchange.events.book.append(self._book_moved)
        self.books: dict[tuple[str, int], Book2] = {}
        self.level3s: dict[tuple[str, int], Level3] = {}
        self.books_1: dict[tuple[str, int], Book1] = {}
        self.settling: dict[tuple[int, str, str], Any] = {}
        self._by_depth = {depth: Line(wire("/v2")) for depth in DEPTHS}
        self._orders_by_depth = {depth: Line(wire("/v2")) for depth in DEPTHS_3}
        self.first, self.second, *_ = self._by_depth.values()
        self.old = Line(wire("/"))
        self.lines = [*self._by_depth.values(), *self._orders_by_depth.values(), self.old]
        for name in PAIRS:
            self._listen_2(name, token)
            self._listen_1(name)

    def _listen_2(self, name: str, token: str) -> None:
        symbol, low = PAIRS[name].v2, self.low[name]
        for depth, line in self._by_depth.items():
            self.books[name, depth] = line.subscribe(Book2(depth, low), "book", symbol, depth=depth)
        for depth, line in self._orders_by_depth.items():
            self.level3s[name, depth] = line.subscribe(Level3(depth, low), "level3", symbol, depth=depth, token=token)
        first, book = self.first, self.books[name, DEPTHS[0]]
        trades = first.subscribe(Trades2(), "trade", symbol, snapshot=True)
        self.settling[2, "ticker", name] = first.subscribe(Ticker2("trades", book, trades), "ticker", symbol)
        self.settling[2, "ohlc", name] = first.subscribe(Candles2(trades), "ohlc", symbol, interval=1)
        # The other trigger needs another connection; it looks at that one's book, and at no trades.
        bbo = Ticker2("bbo", self.books[name, DEPTHS[1]], Trades2())
        self.settling[2, "bbo", name] = self.second.subscribe(bbo, "ticker", symbol, event_trigger="bbo")

    def _listen_1(self, name: str) -> None:
        symbol, low, old = PAIRS[name].v1, self.low[name], self.old
        for depth in DEPTHS_1:
            self.books_1[name, depth] = old.subscribe(Book1(depth, low), "book", symbol, depth=depth)
        book = self.books_1[name, DEPTHS_1[0]]
        trades = old.subscribe(Trades1(), "trade", symbol)
        self.settling[1, "ticker", name] = old.subscribe(Ticker1(book, trades), "ticker", symbol)
        self.settling[1, "spread", name] = old.subscribe(Spread1(book), "spread", symbol)
        self.settling[1, "ohlc", name] = old.subscribe(Candles1(trades), "ohlc", symbol, interval=1)

    def _book_moved(self, market: Market, side: str, price: int) -> None:
        low = self.low.get(market.pair.altname)
        if low is not None:
            name = "bids" if side == "buy" else "asks"
            low[name] = min(low[name], len(getattr(market.book, name)))

    def begin(self) -> None:
        """An operation is about to be done."""
        for name, market in self.markets.items():
            self.low[name].update(bids=len(market.book.bids), asks=len(market.book.asks))

    def look(self) -> None:
        """It was done."""
        for line in self.lines:
            line.drain()
        for client in self.settling.values():
            client.settled()
        for name, market in self.markets.items():
            for book in (self.books[name, 10], self.books[name, 25], self.books_1[name, 10]):
                same_levels(book, market)
            same_orders(self.level3s[name, 10], market)

    def renew_book(self, name: str, depth: int) -> None:
        """Unsubscribe and subscribe again; likewise the two others."""
        line, symbol = self._by_depth[depth], PAIRS[name].v2
        line.unsubscribe("book", symbol, depth=depth)
        line.subscribe(self.books[name, depth], "book", symbol, depth=depth)

    def renew_level3(self, name: str, depth: int, token: str) -> None:
        line, symbol = self._orders_by_depth[depth], PAIRS[name].v2
        line.unsubscribe("level3", symbol, depth=depth, token=token)
        line.subscribe(self.level3s[name, depth], "level3", symbol, depth=depth, token=token)

    def renew_book_1(self, name: str, depth: int) -> None:
        symbol = PAIRS[name].v1
        self.old.unsubscribe("book", symbol, depth=depth)
        self.old.subscribe(self.books_1[name, depth], "book", symbol, depth=depth)


def same_levels(book: Book1 | Book2, market: Market) -> None:
    """A client's book and the exchange's."""
    scale, lots = market.pair.price_scale, market.pair.lot_decimals
    for name, side in zip(SIDES, ("buy", "sell"), strict=True):
        real = []
        for level in market.book.levels(side):  # type: ignore[arg-type]  # it is one of the two
            if len(real) == book.depth:
                break
            real.append((Decimal(level.price).scaleb(-scale), Decimal(level.volume).scaleb(-lots)))
        assert book.rows(name) == real, f"{name} of depth {book.depth}"


def same_orders(client: Level3, market: Market) -> None:
    scale, lots = market.pair.price_scale, market.pair.lot_decimals
    for name, side in zip(SIDES, ("buy", "sell"), strict=True):
        real = []
        for number, level in enumerate(market.book.levels(side)):  # type: ignore[arg-type]  # it is one of the two
            if number == client.depth:
                break
            price = Decimal(level.price).scaleb(-scale)
            real += [(o.txid, price, Decimal(o.offered).scaleb(-lots)) for o in level.orders.values()]
        assert client.rows(name) == real, f"{name} of depth {client.depth}"
