"""Pairs as the exchange trades them: integers instead of texts, each derived from its record when first needed.

Reference: kraken/20 §3 (digits of public numbers), §8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from mockkraken import decimals
from mockkraken.catalog import assets, records
from mockkraken.decimals import TEN_TO

if TYPE_CHECKING:
    from mockkraken.catalog.assets import Asset
    from mockkraken.catalog.records import PairRecord, PairStatus


class Reference(msgspec.Struct, frozen=True, gc=False):
    """What the pair did on the recorded day: prices in price units, None where there was none.

    Attributes:
        last: the last trade, brought into the spread of the moment: a market can begin there.
        spread_bps: (ask - bid) / mid in hundredths of a percent, as recorded; None: one side was empty.
        daily_volume: traded in 24 h, lot units.
        quality: how the prices came about (the README of the fixtures); `none`: there are none.
    """

    last: int | None
    bid: int | None
    ask: int | None
    open: int | None
    high: int | None
    low: int | None
    vwap: int | None
    spread_bps: str | None
    daily_volume: int
    daily_trades: int
    quality: str


class Pair(msgspec.Struct, frozen=True, kw_only=True, gc=False, eq=False):
    """A pair in its trading form.

    Price units are 10**-price_scale of the quote, lot units 10**-lot_decimals of the base, cost units
    10**-cost_decimals of the quote.

    Attributes:
        price_scale: decimals of prices inside and of public price texts; at least `pair_decimals`, and never changes.
        tick: the price increment, price units.
        ordermin: the least volume, lot units.
        costmin: the least cost, cost units.
        taker: (30-day volume in whole dollars from which it holds, rate in millionths of the cost), ascending.
        maker: likewise; a rate below zero is a rebate.
        margin_open_fee: what opening a position costs, in millionths of its cost.
        margin_rollover_fee: what keeping it costs each time, likewise.
        cost_divisor: price units times lot units make that many to a cost unit.
    """

    id: str
    altname: str
    wsname: str
    display: str
    tokenized: bool
    base: Asset
    quote: Asset
    status: PairStatus
    pair_decimals: int
    lot_decimals: int
    cost_decimals: int
    price_scale: int
    tick: int
    ordermin: int
    costmin: int
    taker: tuple[tuple[int, int], ...]
    maker: tuple[tuple[int, int], ...]
    leverage_buy: tuple[int, ...]
    leverage_sell: tuple[int, ...]
    margin_call: int
    margin_stop: int
    margin_open_fee: int
    margin_rollover_fee: int
    long_position_limit: int | None
    short_position_limit: int | None
    reference: Reference
    cost_divisor: int

    def price_text(self, units: int) -> str:
        """A price as the public endpoints print it, with `price_scale` decimals."""
        return decimals.fmt(units, self.price_scale)

    def cost(self, price: int, volume: int) -> int:
        """Price units times lot units, in cost units, half up."""
        return decimals.half_up(price * volume, self.cost_divisor)

    def average_price(self, cost: int, volume: int, places: int) -> int:
        """Cost units over lot units, in units of 10**-places of the quote, half up."""
        return decimals.half_up(cost * TEN_TO[self.lot_decimals + places], volume * TEN_TO[self.cost_decimals])


# One derivation serves all sandboxes; bounded, because each change of a pair makes a new record.
@lru_cache(maxsize=4096)
def derive(pair_id: str, record: PairRecord) -> Pair:
    """The trading form of a record.

    Raises:
        decimals.TooManyDecimals: a minimum or the tick is finer than its scale.
    """
    known = assets.load()
    base, quote = known[record.base], known[record.quote]
    price = records.price(pair_id)
    scale = price.price_decimals
    bid, ask = _units(price.bid, scale), _units(price.ask, scale)
    return Pair(
        id=pair_id,
        altname=record.altname,
        wsname=record.wsname,
        display=records.display(record),
        tokenized=record.aclass_base == "tokenized_asset",
        base=base,
        quote=quote,
        status=record.status,
        pair_decimals=record.pair_decimals,
        lot_decimals=record.lot_decimals,
        cost_decimals=record.cost_decimals,
        price_scale=scale,
        tick=decimals.parse(record.tick_size, scale),
        ordermin=decimals.parse(record.ordermin, record.lot_decimals),
        costmin=decimals.parse(record.costmin, record.cost_decimals),
        taker=records.ladder(record.fees).rates,
        maker=records.ladder(record.fees_maker).rates,
        leverage_buy=record.leverage_buy,
        leverage_sell=record.leverage_sell,
        margin_call=record.margin_call,
        margin_stop=record.margin_stop,
        margin_open_fee=records.rate(record.margin_open_fee),
        margin_rollover_fee=records.rate(record.margin_rollover_fee),
        long_position_limit=record.long_position_limit,
        short_position_limit=record.short_position_limit,
        reference=Reference(
            last=_between(_units(price.last, scale), bid, ask),
            bid=bid,
            ask=ask,
            open=_units(price.open, scale),
            high=_units(price.high, scale),
            low=_units(price.low, scale),
            vwap=_units(price.vwap, scale),
            spread_bps=price.spread_bps,
            daily_volume=decimals.parse(price.daily_volume_base, record.lot_decimals),
            daily_trades=price.daily_trades,
            quality=price.quality,
        ),
        cost_divisor=10 ** (scale + record.lot_decimals - record.cost_decimals),
    )


def _units(text: str | None, scale: int) -> int | None:
    return None if text is None else decimals.parse(text, scale)


def _between(last: int | None, bid: int | None, ask: int | None) -> int | None:
    return last if last is None or not bid or not ask or bid >= ask else min(max(last, bid), ask)
