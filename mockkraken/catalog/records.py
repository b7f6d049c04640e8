"""Pairs as Kraken publishes them: the record of AssetPairs and the recorded prices, texts and all.

Reference: kraken/20 §8 (fields and their order), §2.3 (assetVersion).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from mockkraken import decimals
from mockkraken.catalog import assets, fixtures

if TYPE_CHECKING:
    from collections.abc import Mapping

Info = Literal["info", "leverage", "fees", "margin"]

PairStatus = Literal[
    "online",
    "cancel_only",
    "post_only",
    "limit_only",
    "reduce_only",
    "maintenance",
    "delisted",
    "work_in_progress",
]
"""What a pair may be doing; AssetPairs documents the first five, WebSocket v2 the others too (kraken/50 §5.7)."""

# [obs 2026-09-25] kraken/20 §8: Kraken now sends empty ladders; the documented shape has them, and clients read it.
EMPTY_FEE_ARRAYS = False

# [guess] kraken/20 §8: which fields the shorter forms of AssetPairs have; only the full form was recorded.
_INFO_FIELDS: dict[Info, tuple[str, ...]] = {
    "leverage": ("leverage_buy", "leverage_sell"),
    "fees": ("fees", "fees_maker", "fee_volume_currency"),
    "margin": ("margin_call", "margin_stop"),
}

# Rates are millionths of an amount, written in percent.
RATE_ONE = 10**6
PERCENT_PLACES = 4

# [guess] kraken/30 §8.9: percent of a position's cost. AssetPairs does not show them.
MARGIN_OPEN_FEE = MARGIN_ROLLOVER_FEE = "0.02"
_NOT_SHOWN = ("margin_open_fee", "margin_rollover_fee")


class Ladder(NamedTuple):
    """A fee schedule.

    Attributes:
        rates: (30-day volume in whole dollars from which it holds, rate in millionths of the cost), ascending.
        wire: the same as AssetPairs prints it, in percent: `[[0,0.4],[10000,0.35]]`.
    """

    rates: tuple[tuple[int, int], ...]
    wire: msgspec.Raw


@lru_cache(maxsize=256)
def ladder(text: str) -> Ladder:
    """The fee schedule that a record refers to: by the name of a recorded one, or spelled out as JSON.

    Raises:
        msgspec.DecodeError, msgspec.ValidationError: neither a name nor `[[dollars, "percent"], ...]`.
        decimals.NotADecimal, decimals.TooManyDecimals: a percent that is no multiple of a millionth.
    """
    rows = _file().fee_ladders.get(text) or msgspec.json.decode(text, type=tuple[tuple[int, str], ...])
    rates = tuple((threshold, rate(percent)) for threshold, percent in rows)
    printed = ",".join(f"[{threshold},{_percent(millionths)}]" for threshold, millionths in rates)
    return Ladder(rates, msgspec.Raw(f"[{printed}]"))


def rate(percent: str) -> int:
    """A percentage in millionths.

    Raises:
        decimals.NotADecimal, decimals.TooManyDecimals: it is none, or no multiple of a millionth.
    """
    return decimals.parse(percent, PERCENT_PLACES)


def _percent(millionths: int) -> str:
    # A whole number prints as a float does: 0.0.
    text = decimals.shortest(millionths, PERCENT_PLACES)
    return text if "." in text else f"{text}.0"


class PairRecord(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One pair with the fields of AssetPairs, in their order, and two more.

    `fees` and `fees_maker` are texts for `ladder`, `margin_open_fee` and `margin_rollover_fee` are in percent.
    Two records are equal only if they are one object, which makes them cheap keys of a cache.
    """

    altname: str
    wsname: str
    aclass_base: str
    base: str
    aclass_quote: str
    quote: str
    lot: str
    cost_decimals: int
    pair_decimals: int
    lot_decimals: int
    lot_multiplier: int
    leverage_buy: tuple[int, ...]
    leverage_sell: tuple[int, ...]
    fees: str
    fees_maker: str
    fee_volume_currency: str
    margin_call: int
    margin_stop: int
    ordermin: str
    costmin: str
    tick_size: str
    status: PairStatus
    execution_venue: str
    long_position_limit: int | None = None
    short_position_limit: int | None = None
    margin_open_fee: str = MARGIN_OPEN_FEE
    margin_rollover_fee: str = MARGIN_ROLLOVER_FEE


class ReferencePrice(msgspec.Struct, frozen=True, gc=False):
    """A pair's recorded day: prices as texts, None where there was none. `price_decimals`: digits of public prices."""

    last: str | None
    bid: str | None
    ask: str | None
    open: str | None
    high: str | None
    low: str | None
    vwap: str | None
    spread_bps: str | None
    daily_volume_base: str
    daily_trades: int
    price_decimals: int
    quality: str


class _PairsFile(msgspec.Struct):
    fee_ladders: dict[str, tuple[tuple[int, str], ...]]
    pairs: dict[str, PairRecord]


@cache
def _file() -> _PairsFile:
    return msgspec.json.decode(fixtures.read("pairs.json"), type=_PairsFile)


def load() -> Mapping[str, PairRecord]:
    """All recorded pairs by id, in ASCII order; 1,434 of currencies and 15 tokenized ones."""
    return _file().pairs


@cache
def _prices() -> Mapping[str, msgspec.Raw]:
    # Few pairs are ever touched, so each one's prices stay bytes until then.
    return msgspec.json.decode(fixtures.read("reference_prices.json"), type=dict[str, msgspec.Raw])


def price(pair_id: str) -> ReferencePrice:
    """The pair's recorded prices.

    Raises:
        KeyError: no pair has that id.
    """
    return msgspec.json.decode(_prices()[pair_id], type=ReferencePrice)


def display(record: PairRecord) -> str:
    """The modern name of a pair, the key of an answer with assetVersion=1: `BTC/USD`."""
    known = assets.load()
    return f"{known[record.base].display}/{known[record.quote].display}"


# Large enough for every pair in every form; bounded, because each change of a pair makes a new record.
@lru_cache(maxsize=16_384)
def pair_entry(record: PairRecord, version1: bool = False, info: Info = "info") -> msgspec.Raw:
    """The pair as the AssetPairs endpoint shows it, byte for byte.

    Args:
        record: the pair.
        version1: assetVersion=1, which gives assets their display names.
        info: which part of it.
    """
    entry: dict[str, Any] = msgspec.structs.asdict(record)
    for field in ("fees", "fees_maker"):
        entry[field] = [] if EMPTY_FEE_ARRAYS else ladder(entry[field]).wire
    if version1:
        for field in ("base", "quote", "fee_volume_currency"):
            entry[field] = assets.load()[entry[field]].display
    if info == "info":
        shown = {field: value for field, value in entry.items() if value is not None and field not in _NOT_SHOWN}
    else:
        shown = {field: entry[field] for field in _INFO_FIELDS[info]}
    return msgspec.Raw(msgspec.json.encode(shown))
