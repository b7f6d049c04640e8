"""The market channels: what they take, and the subscriptions that they make (kraken/50 §5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mockkraken import errors
from mockkraken.counters import POINT, Limit
from mockkraken.errors import KrakenError
from mockkraken.ws.book import DEPTHS
from mockkraken.ws.candles import INTERVALS
from mockkraken.ws.declared import Channel, Field, Granted
from mockkraken.ws.v2.books import BOOK, LEVEL3, BookSpeaker
from mockkraken.ws.v2.instrument import InstrumentSpeaker
from mockkraken.ws.v2.prints import OhlcSpeaker, TradeSpeaker
from mockkraken.ws.v2.ticker import TickerSpeaker

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mockkraken.catalog import Pair
    from mockkraken.ws.declared import Asked
    from mockkraken.ws.topics import MarketFeed, MarketSpeaker, Subscription, ViewKind

TRIGGERS = ("trades", "bbo")
LEVEL3_COSTS = {10: 5, 100: 25, 1000: 100}
"""The depths of `level3`, and what a subscription of each costs [doc]."""
DEFAULT_DEPTH = 10
DEFAULT_INTERVAL = 1  # [guess] the docs require it; version 1 has this default

OHLC_WARNINGS = ("timestamp is deprecated, use interval_begin",)  # [obs]
INSTRUMENT_WARNINGS = ("tick_size is deprecated, use price_increment",)  # [obs]

LEVEL3_SYMBOLS = 200  # [doc] of one connection
LEVEL3_RATES = {"pro": Limit(500 * POINT, 500 * 100)}
LEVEL3_RATE = Limit(200 * POINT, 200 * 100)
"""[doc] What subscriptions of `level3` may cost in a second, on each connection [guess]. It falls steadily [guess]."""

SNAPSHOT = Field("snapshot", "boolean")
DEPTH = Field("depth", "number_integer")


def _key(channel: str, pair: Pair, *option: Hashable) -> tuple[Hashable, ...]:
    """What makes two subscriptions the same."""
    return (channel, "tokenized_asset" if pair.tokenized else "currency", pair.id, *option)


def _subscribe(
    asked: Asked,
    pair: Pair,
    key: tuple[Hashable, ...],
    speaker: Callable[[MarketFeed], MarketSpeaker],
    *,
    rank: int,
    shown: dict[str, Any],
    option: Hashable = None,
    view: tuple[ViewKind, int] | None = None,
    snapshot: bool = True,
    result: dict[str, Any] | None = None,
) -> Granted:
    """Subscribe to a channel of a market; it must be new.

    Args:
        asked: the request.
        pair: what is traded there.
        key: what makes it the same as another.
        speaker: makes what speaks on it.
        rank: its turn among the others of the market.
        shown: what an acknowledgement says of it, also when it is taken back.
        option: what it does not share with others that have the same key on their connections.
        view: what the speaker looks at.
        snapshot: whether one comes if the request does not say.
        result: what only the first acknowledgement says.
    """
    _check_new(asked, key)
    subscription = asked.venue.feeds.to_market(
        asked.connection,
        key,
        market=asked.venue.exchange.market(pair),
        topic=(2, *key, option),
        rank=rank,
        speaker=speaker,
        shown=shown,
        view=view,
    )
    return _granted(asked, subscription, snapshot, result or {})


def _granted(asked: Asked, subscription: Subscription, default: bool, result: dict[str, Any]) -> Granted:
    snapshot: bool = asked.params.get("snapshot", default)
    speaker: MarketSpeaker = subscription.topic.speaker
    return Granted(subscription.shown | {"snapshot": snapshot} | result, speaker.snapshot if snapshot else list)


def _check_new(asked: Asked, key: Hashable) -> None:
    if (found := asked.connection.subscriptions.get(key)) is not None:
        words = " ".join(map(str, found.shown.values()))
        raise KrakenError(errors.ALREADY_SUBSCRIBED, f"the connection has subscribed to {words} already")


def _take_back(asked: Asked, key: Hashable) -> dict[str, Any]:
    subscription = asked.connection.subscriptions.get(key)
    if subscription is None:
        raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, f"the connection has not subscribed to {_words(key)}")
    asked.venue.feeds.unsubscribe(subscription)
    return subscription.shown


def _words(key: Any) -> str:
    channel, *rest = key
    return " ".join(map(str, (channel, *rest[1:])))  # the asset class follows from the pair


def _known_pair(pair: Pair | None) -> Pair:
    assert pair is not None, "a channel by symbol"
    return pair


# ticker, trade


def _subscribe_ticker(asked: Asked, pair: Pair | None) -> Granted:
    pair, trigger = _known_pair(pair), asked.params.get("event_trigger", "trades")
    if trigger not in TRIGGERS:
        reason = f"event_trigger is {trigger[:40]!r}; it takes {', '.join(TRIGGERS)}"
        raise KrakenError(errors.EVENT_TRIGGER_NOT_SUPPORTED, reason)
    shown = {"channel": "ticker", "symbol": pair.display, "event_trigger": trigger}
    speaker = partial(TickerSpeaker, trigger)
    return _subscribe(asked, pair, _key("ticker", pair), speaker, rank=4, shown=shown, option=trigger)


def _subscribe_trade(asked: Asked, pair: Pair | None) -> Granted:
    pair = _known_pair(pair)
    shown = {"channel": "trade", "symbol": pair.display}
    # [doc] and [obs 2026-09]; in 2024 a snapshot came unasked
    return _subscribe(asked, pair, _key("trade", pair), TradeSpeaker, rank=1, shown=shown, snapshot=False)


def _unsubscribe_plain(channel: str, asked: Asked, pair: Pair | None) -> dict[str, Any]:
    return _take_back(asked, _key(channel, _known_pair(pair)))


# book


def _subscribe_book(asked: Asked, pair: Pair | None) -> Granted:
    pair, depth = _known_pair(pair), _depth(asked, DEPTHS)
    shown = {"channel": "book", "symbol": pair.display, "depth": depth}
    key, speaker = _key("book", pair, depth), partial(BookSpeaker, BOOK, depth)
    return _subscribe(asked, pair, key, speaker, rank=2, shown=shown, view=("book", depth))


def _unsubscribe_book(asked: Asked, pair: Pair | None) -> dict[str, Any]:
    return _take_back(asked, _key("book", _known_pair(pair), _depth(asked, DEPTHS)))


def _depth(asked: Asked, depths: Any) -> int:
    depth: int = asked.params.get("depth", DEFAULT_DEPTH)
    if depth not in depths:
        raise KrakenError(errors.DEPTH_NOT_SUPPORTED, f"depth is {depth}; it takes {', '.join(map(str, depths))}")
    return depth


# level3


def _subscribe_level3(asked: Asked, pair: Pair | None) -> Granted:
    pair, depth = _known_pair(pair), _depth(asked, LEVEL3_COSTS)
    key, speaker = _key("level3", pair), partial(BookSpeaker, LEVEL3, depth)
    _check_new(asked, key)
    _charge_level3(asked, LEVEL3_COSTS[depth])
    shown = {"channel": "level3", "symbol": pair.display, "depth": depth}
    return _subscribe(asked, pair, key, speaker, rank=3, shown=shown, option=depth, view=("level3", depth))


def _charge_level3(asked: Asked, cost: int) -> None:
    """Count a subscription.

    Raises:
        KrakenError: there are too many, or they come too fast. Which text is [guess].
    """
    venue, connection = asked.venue, asked.connection
    if venue.settings.rate_limits == "off":
        return
    now, limit = venue.clock.now(), LEVEL3_RATES.get(asked.owner.tier, LEVEL3_RATE)
    count = sum(subscription.shown["channel"] == "level3" for subscription in connection.subscriptions.values())
    if count >= LEVEL3_SYMBOLS:
        reason = f"the connection has subscribed to level3 of {count} symbols, the most that it may"
        raise KrakenError(errors.MESSAGE_RATE_EXCEEDED, reason, check="rate")
    if connection.level3.settle(limit, now) + cost * POINT > limit.max:
        reason = f"to subscribe costs {cost} of the {limit.max // POINT} that level3 may cost in a second"
        raise KrakenError(errors.MESSAGE_RATE_EXCEEDED, reason, check="rate")
    connection.level3.units += cost * POINT


def _unsubscribe_level3(asked: Asked, pair: Pair | None) -> dict[str, Any]:
    # A connection has one depth of a symbol at most, so it need not be said [guess]; another one is not subscribed to.
    key = _key("level3", _known_pair(pair))
    subscription = asked.connection.subscriptions.get(key)
    if "depth" in asked.params and subscription and subscription.shown["depth"] != _depth(asked, LEVEL3_COSTS):
        reason = f"the connection has subscribed to depth {subscription.shown['depth']}"
        raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, reason)
    return _take_back(asked, key)


# ohlc


def _subscribe_ohlc(asked: Asked, pair: Pair | None) -> Granted:
    pair, minutes = _known_pair(pair), _interval(asked)
    shown = {"channel": "ohlc", "symbol": pair.display, "interval": minutes}
    key, speaker = _key("ohlc", pair, minutes), partial(OhlcSpeaker, minutes)
    result = {"warnings": OHLC_WARNINGS}
    return _subscribe(asked, pair, key, speaker, rank=5, shown=shown, view=("candle", minutes), result=result)


def _unsubscribe_ohlc(asked: Asked, pair: Pair | None) -> dict[str, Any]:
    return _take_back(asked, _key("ohlc", _known_pair(pair), _interval(asked)))


def _interval(asked: Asked) -> int:
    minutes: int = asked.params.get("interval", DEFAULT_INTERVAL)
    if minutes not in INTERVALS:
        reason = f"interval is {minutes}; it takes {', '.join(map(str, INTERVALS))}"
        raise KrakenError(errors.INTERVAL_NOT_SUPPORTED, reason)
    return minutes


# instrument

_INSTRUMENT = ("instrument",)


def _subscribe_instrument(asked: Asked, _pair: Pair | None) -> Granted:
    _check_new(asked, _INSTRUMENT)
    name = "include_tokenized_assets"
    tokenized: bool = asked.params.get(name, False)
    subscription = asked.venue.feeds.to_catalog(
        asked.connection,
        _INSTRUMENT,
        topic=(2, "instrument", tokenized),
        speaker=partial(InstrumentSpeaker, asked.venue, tokenized),
        shown={"channel": "instrument"},
    )
    result: dict[str, Any] = {"warnings": INSTRUMENT_WARNINGS}
    if name in asked.params:
        result[name] = tokenized  # [guess] so that a client which repeats it gets the same again
    return _granted(asked, subscription, True, result)


def _unsubscribe_instrument(asked: Asked, _pair: Pair | None) -> dict[str, Any]:
    return _take_back(asked, _INSTRUMENT)


CHANNELS = (
    Channel(
        "ticker",
        "public",
        "Best prices, last trade and day of a pair",
        _subscribe_ticker,
        partial(_unsubscribe_plain, "ticker"),
        fields=(Field("event_trigger", "string"), SNAPSHOT),
        by_symbol=True,
    ),
    Channel(
        "book",
        "public",
        "A pair's order book by price",
        _subscribe_book,
        _unsubscribe_book,
        fields=(DEPTH, SNAPSHOT),
        by_symbol=True,
    ),
    Channel(
        "level3",
        "level3",
        "A pair's order book by order",
        _subscribe_level3,
        _unsubscribe_level3,
        fields=(DEPTH, SNAPSHOT),
        by_symbol=True,
    ),
    Channel(
        "ohlc",
        "public",
        "A pair's candles",
        _subscribe_ohlc,
        _unsubscribe_ohlc,
        fields=(Field("interval", "number_integer"), SNAPSHOT),
        by_symbol=True,
    ),
    Channel(
        "trade",
        "public",
        "A pair's trades",
        _subscribe_trade,
        partial(_unsubscribe_plain, "trade"),
        fields=(SNAPSHOT,),
        by_symbol=True,
    ),
    Channel(
        "instrument",
        "public",
        "Assets and pairs with their rules",
        _subscribe_instrument,
        _unsubscribe_instrument,
        # It is of no symbol, but one client names some [obs].
        fields=(SNAPSHOT, Field("include_tokenized_assets", "boolean"), Field("symbol", "array", items="string")),
    ),
)
