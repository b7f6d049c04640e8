"""The public endpoints. Reference: kraken/20."""

from __future__ import annotations

from itertools import islice
from typing import Any, Literal
from zlib import crc32

import msgspec

from mockkraken import clock, decimals, errors
from mockkraken.catalog import Pair
from mockkraken.catalog.assets import asset_entry
from mockkraken.catalog.records import display, pair_entry
from mockkraken.clock import DAY, HOUR, MINUTE, SECOND
from mockkraken.errors import KrakenError
from mockkraken.exchange import Market
from mockkraken.exchange.tape import Candle
from mockkraken.market import Glance
from mockkraken.rest.endpoint import NoParams, Partial, Public, Venue
from mockkraken.rest.params import comma_list, is_version1

DEPTH_MAX, DEPTH_DEFAULT = 500, 100
TRADES_MAX = 1000
OHLC_ROWS = 720  # committed rows; the one still forming comes on top [obs, kraken/20 §10]
INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)

AssetClass = Literal["forex", "tokenized_asset"]


def time(venue: Venue, _: NoParams) -> dict[str, Any]:
    now = venue.clock.now()
    return {"unixtime": now // SECOND, "rfc1123": clock.rfc1123(now)}


def system_status(venue: Venue, _: NoParams) -> dict[str, str]:
    now, status = venue.clock.now(), venue.exchange.status
    # Version 1 of the WebSocket alone has a word for limit_only (kraken/20 §6).
    shown = "online" if status == "limit_only" else status
    return {"status": shown, "timestamp": clock.rfc3339(now - now % SECOND)}


# Assets and pairs


class AssetsParams(msgspec.Struct):
    asset: str | None = None
    aclass: Literal["currency", "tokenized_asset"] = "currency"
    asset_version: str = msgspec.field(default="", name="assetVersion")


def assets(venue: Venue, params: AssetsParams) -> dict[str, Any]:
    catalog = venue.catalog
    if params.asset is None:
        found = [asset for asset in catalog.assets.values() if asset.aclass == params.aclass and not asset.hidden]
    else:
        found = []
        for name in comma_list(params.asset):
            asset = catalog.asset(name)
            if asset is None or asset.hidden or asset.aclass != params.aclass:
                raise KrakenError(errors.UNKNOWN_ASSET, f"there is no asset {name[:40]!r} of class {params.aclass}")
            found.append(asset)
    version1 = is_version1(params.asset_version)
    return dict(sorted((asset.display if version1 else asset.id, asset_entry(asset)) for asset in found))


class AssetPairsParams(msgspec.Struct):
    pair: str | None = None
    aclass_base: Literal["currency", "tokenized_asset"] = "currency"
    info: Literal["info", "leverage", "fees", "margin"] = "info"
    execution_venue: Literal["international", "bitnomial_exchange"] | None = None
    asset_version: str = msgspec.field(default="", name="assetVersion")


def asset_pairs(venue: Venue, params: AssetPairsParams) -> dict[str, Any]:
    records = venue.catalog.records
    version1 = is_version1(params.asset_version)
    if params.pair is None:
        chosen = [
            (display(record) if version1 else pair_id, record)
            for pair_id, record in records.items()
            if record.aclass_base == params.aclass_base
        ]
    else:
        found = [_public_pair(venue, name, params.aclass_base) for name in comma_list(params.pair)]
        chosen = [(pair.display if version1 else key, records[pair.id]) for pair, key in found]
    if params.execution_venue is not None:
        chosen = [(key, record) for key, record in chosen if record.execution_venue == params.execution_venue]
    return {key: pair_entry(record, version1, params.info) for key, record in sorted(chosen, key=lambda row: row[0])}


def _public_pair(venue: Venue, name: str, asset_class: str) -> tuple[Pair, str]:
    found = venue.catalog.public_pair(name, tokenized=asset_class == "tokenized_asset")
    if found is None:
        raise KrakenError(errors.UNKNOWN_ASSET_PAIR, f"there is no pair {name[:40]!r}")
    return found


class PairParams(msgspec.Struct, kw_only=True):
    """What the market data of one pair takes."""

    pair: str
    asset_class: AssetClass = "forex"
    asset_version: str = msgspec.field(default="", name="assetVersion")


def _market(venue: Venue, params: PairParams) -> tuple[Market, str]:
    """The market asked for and its key in the answer."""
    if not params.pair:
        raise KrakenError(errors.INVALID_ARGUMENTS, "pair is empty")
    pair, key = _public_pair(venue, params.pair, params.asset_class)
    return venue.exchange.market(pair), pair.display if is_version1(params.asset_version) else key


# Ticker


class TickerParams(msgspec.Struct):
    pair: str | None = None
    asset_class: AssetClass = "forex"
    asset_version: str = msgspec.field(default="", name="assetVersion")


def ticker(venue: Venue, params: TickerParams) -> dict[str, Any] | Partial:
    tokenized = params.asset_class == "tokenized_asset"
    version1 = is_version1(params.asset_version)
    now = venue.clock.now()
    rows: dict[str, Any] = {}
    unknown = False
    if params.pair is None:
        pairs = [
            venue.catalog.pair(pair_id)
            for pair_id, record in venue.catalog.records.items()
            if (record.aclass_base == "tokenized_asset") == tokenized
        ]
        for pair in sorted(pairs, key=lambda pair: pair.altname):
            rows[pair.display if version1 else pair.id] = _ticker_row(venue, pair, now)
        return rows
    for name in comma_list(params.pair):
        found = venue.catalog.public_pair(name, tokenized=tokenized)
        if found is None:
            unknown = True
            continue
        pair, key = found
        venue.makers.notice_interest(pair)
        rows[pair.display if version1 else key] = _ticker_row(venue, pair, now)
    if unknown and not rows:
        raise KrakenError(errors.UNKNOWN_ASSET_PAIR, f"there is no pair {params.pair[:40]!r}")
    if unknown:
        return Partial(errors.UNKNOWN_ASSET_PAIR, rows, f"some of the pairs {params.pair[:200]!r} are unknown")
    return rows


def _ticker_row(venue: Venue, pair: Pair, now: int) -> msgspec.Raw:
    """One pair's ticker; a pair that nobody has opened yet is only glanced at, its market stays closed."""
    market = venue.exchange.markets.get(pair.id)
    if market is None:
        # Only its sums since midnight change with time. To make them anew is work, so the pairs take turns: each is
        # seen as it was within the last hour, under the rules that it has now.
        turn = (now + crc32(pair.id.encode()) % 60 * MINUTE) // HOUR
        version = (turn, now // DAY, pair)
        return venue.rendered.answer(
            ("glance", pair.id), version, lambda: _ticker(pair, venue.makers.glance(pair), now)
        )
    shown = Glance(market.book.best_bid, market.book.best_ask, market.tape)
    known = (market.book.version, market.tape.count, now // SECOND)
    return venue.rendered.answer(("ticker", pair.id), known, lambda: _ticker(pair, shown, now))


def _ticker(pair: Pair, shown: Glance, now: int) -> dict[str, Any]:
    bid, ask, tape = shown.bid, shown.ask, shown.tape
    today, day = tape.today(now), tape.last_day(now)
    last = tape.last if day else None
    price, lots = pair.price_text, pair.lot_decimals
    zero = price(0)

    def best(level: Any) -> list[str]:
        if level is None:
            return [zero, "0", "0.000"]
        whole = max(1, decimals.rescale(level.volume, lots, 0))  # rounding mode is a guess
        return [price(level.price), str(whole), f"{whole}.000"]

    def both(value: Any, nothing: Any) -> list[Any]:
        return [value(candle) if candle else nothing for candle in (today, day)]

    return {
        "a": best(ask),
        "b": best(bid),
        "c": [price(last.price), decimals.fmt(last.volume, lots)] if last else [zero, decimals.fmt(0, lots)],
        "v": both(lambda candle: decimals.fmt(candle.volume, lots), decimals.fmt(0, lots)),
        "p": both(lambda candle: price(candle.average()), zero),
        "t": both(lambda candle: candle.count, 0),
        "l": both(lambda candle: price(candle.low), zero),
        "h": both(lambda candle: price(candle.high), zero),
        "o": price(today.open) if today else zero,
    }


# Candles


class OHLCParams(PairParams, kw_only=True):
    interval: int = 1
    since: str | None = None


def ohlc(venue: Venue, params: OHLCParams) -> dict[str, Any]:
    if params.interval not in INTERVALS:
        raise KrakenError(errors.INVALID_ARGUMENTS, f"interval is {params.interval}; it takes {INTERVALS}")
    market, key = _market(venue, params)
    width = params.interval * MINUTE
    now = venue.clock.now()
    forming = now - now % width
    first = max(forming - OHLC_ROWS * width, 0)
    if params.since is not None:
        # What `since` leaves out need not be made; the one still forming always comes.
        since = _number("since", params.since, 0) * SECOND
        first = min(max(first, since - since % width + width), forming)
    rows = [_candle_row(candle, market.pair) for candle in market.tape.candles(width, first, forming)]
    return {key: rows, "last": max(forming - width, 0) // SECOND}


def _candle_row(candle: Candle, pair: Pair) -> list[Any]:
    places = pair.pair_decimals
    unit = 10 ** (pair.price_scale - places)
    prices = [decimals.half_up(price, unit) for price in (candle.open, candle.high, candle.low, candle.close)]
    texts = [decimals.fmt(units, places) for units in (*prices, candle.average(unit))]
    return [candle.time // SECOND, *texts, decimals.fmt(candle.volume, pair.lot_decimals), candle.count]


# Book


class DepthParams(PairParams, kw_only=True):
    count: int = DEPTH_DEFAULT


def depth(venue: Venue, params: DepthParams) -> dict[str, Any]:
    market, key = _market(venue, params)
    count = min(params.count, DEPTH_MAX) if params.count > 0 else DEPTH_DEFAULT  # 0 and below count as absent [obs]

    def render() -> msgspec.Raw:
        asks, bids = (
            ",".join([venue.rendered.level(level, market.pair) for level in islice(market.book.levels(side), count)])
            for side in ("sell", "buy")
        )
        return msgspec.Raw(f'{{"asks":[{asks}],"bids":[{bids}]}}')

    return {key: venue.rendered.answer(("depth", market.pair.id, count), market.book.version, render)}


# Trades and spreads


class TradesParams(PairParams, kw_only=True):
    since: str = ""
    count: int = TRADES_MAX


def trades(venue: Venue, params: TradesParams) -> dict[str, Any]:
    market, key = _market(venue, params)
    since = _since(params.since)
    count = min(params.count, TRADES_MAX) if params.count > 0 else TRADES_MAX
    found = market.tape.newest(count) if since is None else market.tape.after(since, count)
    last = found[-1].time if found else since or 0
    pair = market.pair
    rows = [
        [
            pair.price_text(row.price),
            decimals.fmt(row.volume, pair.lot_decimals),
            row.time / SECOND,
            row.side[0],
            row.ordertype[0],
            "",
            row.trade_id,
        ]
        for row in found
    ]
    return {key: rows, "last": str(last)}


def _since(text: str) -> int | None:
    """A cursor in ns; the magnitude tells seconds, milliseconds and nanoseconds apart [guess, kraken/20 §13]."""
    if not text:
        return None
    value = _number("since", text, 0)
    if value >= 10**14:
        return value
    return _number("since", text, 9 if value < 10**11 else 6)


def _number(name: str, text: str, places: int) -> int:
    """A number in units of 10**-places, digits beyond cut off."""
    try:
        if text[:1] in ("+", "-"):
            raise decimals.NotADecimal
        return decimals.truncate(text, places)
    except decimals.NotADecimal:
        raise KrakenError(errors.INVALID_ARGUMENTS, f"{name} is {text[:40]!r}, no number") from None


class SpreadParams(PairParams, kw_only=True):
    since: str = "0"


def spread(venue: Venue, params: SpreadParams) -> dict[str, Any]:
    market, key = _market(venue, params)
    price, since = market.pair.price_text, _number("since", params.since, 0)
    rows = [
        [moment // SECOND, price(bid), price(ask)]
        for moment, bid, ask in market.recent_spreads()
        if moment // SECOND >= since
    ]
    return {key: rows, "last": venue.clock.now() // SECOND}


ENDPOINTS = (
    Public("Time", time, summary="The exchange's time"),
    Public("SystemStatus", system_status, summary="Whether the exchange trades"),
    Public("Assets", assets, AssetsParams, summary="Assets and the decimals they are kept in"),
    Public("AssetPairs", asset_pairs, AssetPairsParams, summary="Pairs: names, decimals, minimums, fees"),
    Public(
        "Ticker", ticker, TickerParams, summary="Best prices, last trade and day of some or all pairs", partial=True
    ),
    Public("OHLC", ohlc, OHLCParams, summary="A pair's candles", by_pair=True),
    Public("Depth", depth, DepthParams, summary="A pair's order book"),
    Public("Trades", trades, TradesParams, summary="A pair's last trades", by_pair=True),
    Public("Spread", spread, SpreadParams, summary="A pair's last best prices"),
)
