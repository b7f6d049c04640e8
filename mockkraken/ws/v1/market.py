"""The public channels of version 1: `ticker`, `ohlc`, `trade`, `spread` and `book` (kraken/60 §3).

Each message is `[channelID, payload, channelName, wsname]`. Prices have the decimals of REST's public prices
(`price_scale`), volumes eight whatever the pair's lots, times six; all of them are texts.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from mockkraken import decimals, errors
from mockkraken.catalog import records
from mockkraken.clock import MINUTE
from mockkraken.decimals import TEN_TO
from mockkraken.errors import KrakenError
from mockkraken.ws import candles
from mockkraken.ws.book import DEPTHS
from mockkraken.ws.candles import INTERVALS
from mockkraken.ws.checksum import book_checksum
from mockkraken.ws.day import last_day, today
from mockkraken.ws.declared import Channel, Field, Granted
from mockkraken.ws.times import taken
from mockkraken.ws.v1.digits import VOLUME_PLACES, seconds_text, volume_text

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mockkraken.catalog import Pair
    from mockkraken.exchange.book import Level
    from mockkraken.exchange.tape import Candle
    from mockkraken.ws.book import Entry, Top
    from mockkraken.ws.declared import Asked
    from mockkraken.ws.topics import MarketFeed, MarketSpeaker, ViewKind


# The channelID of `book-10` is a multiple of 32, the others follow it: as recorded where something is recorded
# (kraken/60 §2.1: a multiple of 16, book +0, trade +1, ticker +4, ohlc-1 +7), the rest is ours.
_IDS_OF_A_PAIR = 32
_OFFSETS = {
    "book-10": 0,
    "trade": 1,
    "book-25": 2,
    "book-100": 3,
    "ticker": 4,
    "spread": 5,
    "book-500": 6,
    **{f"ohlc-{minutes}": 7 + index for index, minutes in enumerate(INTERVALS)},
    "book-1000": 16,
}


_OPTIONS = {"book": "depth", "ohlc": "interval"}


@cache
def _numbers() -> dict[str, int]:
    return {pair_id: number for number, pair_id in enumerate(records.load(), 1)}


def channel_id(name: str, pair_id: str) -> int:
    """The channelID of a channel, by its `channelName`, of a pair: the same in every sandbox."""
    return _numbers()[pair_id] * _IDS_OF_A_PAIR + _OFFSETS[name]


def channel_name(described: dict[str, Any]) -> str:
    """The `channelName` of what an acknowledgement has as `subscription`."""
    name: str = described["name"]
    option = _OPTIONS.get(name)
    return f"{name}-{described[option]}" if option else name


class Told(NamedTuple):
    """Where messages of one channel of one pair come from, and what stands around each payload."""

    feed: MarketFeed
    head: str
    tail: str

    def message(self, *payloads: str) -> bytes:
        return f"{self.head}{','.join(payloads)}{self.tail}".encode()


# Trades


class TradeSpeaker:
    """Tells the trades of a command in one message; there is no snapshot [ver, kraken/60 §3.3]."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def snapshot(self) -> list[bytes]:
        return []

    def updates(self) -> list[bytes]:
        feed = self._told.feed
        if not feed.prints:
            return []
        pair = feed.market.pair
        rows = [
            f'["{pair.price_text(row.price)}","{volume_text(row.volume, pair)}","{seconds_text(time)}",'
            f'"{row.side[0]}","{row.ordertype[0]}",""]'
            for row, time in taken(feed.prints)
        ]
        return [self._told.message(f"[{','.join(rows)}]")]


# Books


class BookSpeaker:
    """Tells a book to a depth.

    Some clients take an entry only if its time is later than that of the level they hold, or than that of the whole
    snapshot. On a clock that stands still all would be the same, so each change is told at least a microsecond after
    the one before. Levels that move in keep the time of their last change.
    """

    def __init__(self, told: Told, depth: int) -> None:
        self._told = told
        self._depth = depth
        self._last = 0

    def snapshot(self) -> list[bytes]:
        bids, asks = self._told.feed.book(self._depth).snapshot()
        self._last = max([self._last, *(entry.time // 1000 for side in (bids, asks) for entry in side)])
        shown = [",".join([self._level(entry, entry.time // 1000) for entry in side]) for side in (asks, bids)]
        return [self._told.message(f'{{"as":[{shown[0]}],"bs":[{shown[1]}]}}')]

    def updates(self) -> list[bytes]:
        feed = self._told.feed
        pair = feed.market.pair
        scale = pair.price_scale
        messages = []
        for update in feed.book_updates(self._depth):
            rows = ",".join([self._entry(entry) for entry in update.entries])
            side = "b" if update.side == "buy" else "a"
            checksum = book_checksum(_shown(update.bids, pair), _shown(update.asks, pair), scale, scale)
            messages.append(self._told.message(f'{{"{side}":[{rows}],"c":"{checksum}"}}'))
        return messages

    def _entry(self, entry: Entry) -> str:
        if entry.republished:
            return self._level(entry, entry.time // 1000, ',"r"')
        self._last = max(entry.time // 1000, self._last + 1)
        return self._level(entry, self._last)

    def _level(self, entry: Entry, time: int, mark: str = "") -> str:
        pair = self._told.feed.market.pair
        price, volume = pair.price_text(entry.price), volume_text(entry.volume, pair)
        return f'["{price}","{volume}","{decimals.fmt(time, 6)}"{mark}]'


def _shown(levels: Top, pair: Pair) -> Top:
    """Levels with the volumes in units of their last decimal, as the checksum takes them."""
    if pair.lot_decimals == VOLUME_PLACES:
        return levels
    unit = TEN_TO[VOLUME_PLACES - pair.lot_decimals]
    return tuple([(price, volume * unit) for price, volume in levels])


# Spreads


class SpreadSpeaker:
    """Tells the best prices and volumes, when one of them has changed [guess: also when only a volume has]."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def snapshot(self) -> list[bytes]:
        # Since when they are so: the last change of one of the two, or of which is the best.
        market = self._told.feed.market
        levels = (market.book.best_bid, market.book.best_ask)
        times = [level.changed for level in levels if level is not None]
        times += [market.spreads[-1][0]] if market.spreads else []
        return [self._message(max(times, default=self._told.feed.clock.now()))]

    def updates(self) -> list[bytes]:
        feed = self._told.feed
        return [self._message(feed.clock.now())] if feed.top_moved else []

    def _message(self, time: int) -> bytes:
        market = self._told.feed.market
        pair = market.pair
        shown = [
            (pair.price_text(level.price if level else 0), volume_text(level.volume if level else 0, pair))
            for level in (market.book.best_bid, market.book.best_ask)
        ]
        (bid, bid_volume), (ask, ask_volume) = shown
        return self._told.message(f'["{bid}","{ask}","{seconds_text(time)}","{bid_volume}","{ask_volume}"]')


# Tickers


class TickerSpeaker:
    """Tells the ticker after each trade; that the best prices move is no occasion [obs 2021, kraken/60 §3.1]."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._today = today(told.feed.market.tape)
        self._day = last_day(told.feed.market.tape)

    def snapshot(self) -> list[bytes]:
        feed = self._told.feed
        market, now = feed.market, feed.clock.now()
        pair, tape, book = market.pair, market.tape, market.book
        since_midnight, day = self._today.at(now), self._day.at(now)
        last = tape.last if day else None
        price = pair.price_text

        def best(level: Level | None) -> str:
            volume = level.volume if level else 0
            # Whole lots are rounded down here; REST rounds otherwise.
            whole = volume // TEN_TO[pair.lot_decimals]
            return f'["{price(level.price if level else 0)}",{whole},"{volume_text(volume, pair)}"]'

        def prices(value: Callable[[Candle], int]) -> str:
            return ",".join([f'"{price(value(candle) if candle else 0)}"' for candle in (since_midnight, day)])

        closed = f'"{price(last.price if last else 0)}","{volume_text(last.volume if last else 0, pair)}"'
        volumes = ",".join(
            [f'"{volume_text(candle.volume if candle else 0, pair)}"' for candle in (since_midnight, day)]
        )
        counts = ",".join([str(candle.count if candle else 0) for candle in (since_midnight, day)])
        return [
            self._told.message(
                f'{{"a":{best(book.best_ask)},"b":{best(book.best_bid)},"c":[{closed}],"v":[{volumes}],'
                f'"p":[{prices(_average)}],"t":[{counts}],"l":[{prices(_low)}],"h":[{prices(_high)}],'
                f'"o":[{prices(_open)}]}}'
            )
        ]

    def updates(self) -> list[bytes]:
        return self.snapshot() if self._told.feed.prints else []


def _average(candle: Candle) -> int:
    return candle.average()


def _low(candle: Candle) -> int:
    return candle.low


def _high(candle: Candle) -> int:
    return candle.high


def _open(candle: Candle) -> int:
    return candle.open


# Candles


class OhlcSpeaker:
    """Tells the candle that is forming, once for all trades of a command; at first the last one, however old."""

    def __init__(self, told: Told, minutes: int) -> None:
        self._told = told
        self._minutes = minutes

    def snapshot(self) -> list[bytes]:
        tape = self._told.feed.market.tape
        candle, last = candles.latest(tape, self._minutes), tape.last
        return [self._message(candle, last.time)] if candle and last else []

    def updates(self) -> list[bytes]:
        feed = self._told.feed
        if not feed.prints:
            return []
        candle = feed.candle(self._minutes).candle
        return [self._message(candle, feed.prints[-1].time)] if candle else []

    def _message(self, candle: Candle, time: int) -> bytes:
        pair = self._told.feed.market.pair
        values = (candle.open, candle.high, candle.low, candle.close, candle.average())
        prices = ",".join([f'"{pair.price_text(value)}"' for value in values])
        end = seconds_text(candle.time + self._minutes * MINUTE)
        volume = volume_text(candle.volume, pair)
        return self._told.message(f'["{seconds_text(time)}","{end}",{prices},"{volume}",{candle.count}]')


# Subscribing


def _key(name: str, pair: Pair, value: int) -> tuple[str, str, str, int]:
    """Under which a connection has a subscription: `value` is that of the channel's option, 0 if it has none."""
    return (name, "tokenized_asset" if pair.tokenized else "currency", pair.id, value)


def _described(name: str, value: int) -> dict[str, Any]:
    return {"name": name, **_params(name, value)}


def _params(name: str, value: int) -> dict[str, Any]:
    return {_OPTIONS[name]: value} if name in _OPTIONS else {}


def subscribed(key: Hashable) -> tuple[str, str, dict[str, Any]] | None:
    """What a connection's key of a subscription says: channel, pair id, what was asked for; None: it is private."""
    if not isinstance(key, tuple) or len(key) != len(("channel", "class", "pair", "value")):
        return None
    name, _, pair_id, value = key
    return name, pair_id, _params(name, value)


def _channel(
    name: str,
    summary: str,
    rank: int,
    speaker: Callable[[Told, int], MarketSpeaker],
    *,
    view: ViewKind | None = None,
    values: tuple[int, ...] = (0,),
    refusal: str = "",
) -> Channel:
    """Declare one.

    Args:
        name: as subscriptions name it.
        summary: what it tells.
        rank: its turn after a command.
        speaker: makes what speaks, of one value of the option if there is one.
        view: what that looks at, if it is kept for it.
        values: those that the option takes, the default first.
        refusal: the error for others.
    """
    option = _OPTIONS.get(name, "")

    def value_of(asked: Asked) -> int:
        value: int = asked.params.get(option, values[0])
        if value not in values:
            raise KrakenError(refusal, f"{option} is {value}; it takes {', '.join(map(str, values))}")
        return value

    def subscribe(asked: Asked, pair: Pair | None) -> Granted:
        assert pair is not None
        value = value_of(asked)
        key, described = _key(name, pair, value), _described(name, value)
        full_name = channel_name(described)
        if key in asked.connection.subscriptions:
            raise KrakenError(errors.ALREADY_SUBSCRIBED, f"the connection has {full_name} of {pair.wsname} already")
        head, tail = f"[{channel_id(full_name, pair.id)},", f',"{full_name}","{pair.wsname}"]'
        subscription = asked.venue.feeds.to_market(
            asked.connection,
            key,
            market=asked.venue.exchange.market(pair),
            topic=(1, *key),
            rank=rank,
            speaker=lambda feed: speaker(Told(feed, head, tail), value),
            shown={"channel": name, "pair": pair.wsname, **_params(name, value)},
            view=(view, value) if view else None,
        )
        return Granted(described, subscription.topic.speaker.snapshot, full_name)

    def unsubscribe(asked: Asked, pair: Pair | None) -> dict[str, Any]:
        assert pair is not None
        value = value_of(asked)
        subscription = asked.connection.subscriptions.get(_key(name, pair, value))
        if subscription is None:
            raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, f"the connection has no {name} of {pair.wsname}")
        asked.venue.feeds.unsubscribe(subscription)
        return _described(name, value)

    # What `rebased` would change is not simulated: the prices of tokenized stocks are as they are.
    options = (Field(option, "number_integer"),) if option else ()
    fields = (*options, Field("rebased", "boolean"))
    return Channel(name, "public", summary, subscribe, unsubscribe, fields=fields, by_symbol=True)


CHANNELS: tuple[Channel, ...] = (
    _channel("ticker", "Best prices and the day, after each trade", 4, lambda told, _: TickerSpeaker(told)),
    _channel(
        "ohlc",
        "The candle that is forming, after each trade",
        5,
        OhlcSpeaker,
        view="candle",
        values=INTERVALS,
        refusal=errors.INTERVAL_NOT_SUPPORTED,
    ),
    _channel("trade", "Trades", 1, lambda told, _: TradeSpeaker(told)),
    _channel("spread", "Best prices and their volumes, as they change", 4, lambda told, _: SpreadSpeaker(told)),
    _channel(
        "book",
        "The order book to a depth, with checksums",
        2,
        BookSpeaker,
        view="book",
        values=DEPTHS,
        refusal=errors.DEPTH_NOT_SUPPORTED,
    ),
)
"""The public channels, in the order in which `*` has them."""
