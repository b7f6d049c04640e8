"""The `trade` and `ohlc` channels: what was traded on a market, one by one and in candles (kraken/50 §5.4, §5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.clock import MINUTE
from mockkraken.ws import candles
from mockkraken.ws.times import micros, nanos, taken
from mockkraken.ws.v2.digits import average, price, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mockkraken.catalog import Pair
    from mockkraken.exchange.tape import Candle, Print
    from mockkraken.ws.topics import MarketFeed

SNAPSHOT_TRADES = 50  # [doc]
SNAPSHOT_ROWS = 720  # [guess] as over REST, ws_ohlc_snapshot_rows


class TradeSpeaker:
    """Says what was traded in a command in one message."""

    def __init__(self, feed: MarketFeed) -> None:
        self._feed = feed

    def snapshot(self) -> list[bytes]:
        market = self._feed.market
        return [_trades("snapshot", market.pair, market.tape.newest(SNAPSHOT_TRADES))]

    def updates(self) -> list[bytes]:
        prints = self._feed.prints
        return [_trades("update", self._feed.market.pair, prints)] if prints else []


def _trades(kind: str, pair: Pair, prints: Iterable[Print]) -> bytes:
    rows = [
        f'{{"symbol":"{pair.display}","side":"{row.side}","price":{price(pair, row.price)},'
        f'"qty":{quantity(pair, row.volume)},"ord_type":"{row.ordertype}","trade_id":{row.trade_id},'
        f'"timestamp":"{micros(time)}"}}'
        for row, time in taken(prints)
    ]
    return f'{{"channel":"trade","type":"{kind}","data":[{",".join(rows)}]}}'.encode()


class OhlcSpeaker:
    """Says how the forming candle stands after each trade. Nothing says that a candle is done."""

    def __init__(self, minutes: int, feed: MarketFeed) -> None:
        self._feed = feed
        self._minutes = minutes

    def snapshot(self) -> list[bytes]:
        market, now = self._feed.market, self._feed.clock.now()
        return [self._message("snapshot", candles.history(market.tape, self._minutes, now, SNAPSHOT_ROWS))]

    def updates(self) -> list[bytes]:
        candle = self._feed.candle(self._minutes).candle
        return [self._message("update", [candle])] if self._feed.prints and candle else []

    def _message(self, kind: str, rows: list[Candle]) -> bytes:
        pair, now = self._feed.market.pair, self._feed.clock.now()
        data = ",".join([self._row(pair, candle) for candle in rows])
        return f'{{"channel":"ohlc","type":"{kind}","timestamp":"{nanos(now)}","data":[{data}]}}'.encode()

    def _row(self, pair: Pair, candle: Candle) -> str:
        end = candle.time + self._minutes * MINUTE
        return (
            f'{{"symbol":"{pair.display}","open":{price(pair, candle.open)},"high":{price(pair, candle.high)},'
            f'"low":{price(pair, candle.low)},"close":{price(pair, candle.close)},"trades":{candle.count},'
            f'"volume":{quantity(pair, candle.volume)},"vwap":{average(pair, candle)},'
            f'"interval_begin":"{nanos(candle.time)}","interval":{self._minutes},"timestamp":"{micros(end)}"}}'
        )
