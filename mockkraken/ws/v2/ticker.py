"""The `ticker` channel: a market's best prices, last trade and day in one row (kraken/50 §5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mockkraken.decimals import TEN_TO, fmt, half_up
from mockkraken.ws.day import last_day
from mockkraken.ws.times import micros
from mockkraken.ws.v2.digits import average, price, quantity

if TYPE_CHECKING:
    from mockkraken.ws.topics import MarketFeed

PERCENT_PLACES = 2  # [obs] of `change_pct`


class TickerSpeaker:
    """Says it after each trade (`trades`), or whenever a best price or its quantity is another (`bbo`).

    Where the other of the two happens as well, nothing is said twice [guess].
    """

    def __init__(self, trigger: Literal["trades", "bbo"], feed: MarketFeed) -> None:
        self._feed = feed
        self._on_trades = trigger == "trades"
        self._day = last_day(feed.market.tape)

    def snapshot(self) -> list[bytes]:
        return [self._message("snapshot")]

    def updates(self) -> list[bytes]:
        feed = self._feed
        moved = feed.prints if self._on_trades else feed.top_moved
        return [self._message("update")] if moved else []

    def _message(self, kind: str) -> bytes:
        market, now = self._feed.market, self._feed.clock.now()
        pair, bid, ask, day = market.pair, market.book.best_bid, market.book.best_ask, self._day.at(now)
        # Without a trade there are zeros, as over REST.
        first, last, low, high = (day.open, day.close, day.low, day.high) if day else (0, 0, 0, 0)
        volume, count = (day.volume, day.count) if day else (0, 0)
        vwap = average(pair, day) if day else price(pair, 0)
        percent = half_up((last - first) * 100 * TEN_TO[PERCENT_PLACES], first) if first else 0
        return (
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{pair.display}",'
            f'"bid":{price(pair, bid.price if bid else 0)},"bid_qty":{quantity(pair, bid.volume if bid else 0)},'
            f'"ask":{price(pair, ask.price if ask else 0)},"ask_qty":{quantity(pair, ask.volume if ask else 0)},'
            f'"last":{price(pair, last)},"volume":{quantity(pair, volume)},"vwap":{vwap},'
            f'"low":{price(pair, low)},"high":{price(pair, high)},"change":{price(pair, last - first)},'
            f'"change_pct":{fmt(percent, PERCENT_PLACES)},"trades":{count},"timestamp":"{micros(now)}"}}]}}'
        ).encode()
