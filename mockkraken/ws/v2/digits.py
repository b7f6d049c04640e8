"""Prices and quantities as the market channels print them: JSON numbers of fixed decimals (kraken/50 §2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.decimals import fmt, half_up, rescale

if TYPE_CHECKING:
    from mockkraken.catalog import Pair


def price(pair: Pair, units: int) -> str:
    """A price in price units, with the pair's price decimals."""
    return fmt(rescale(units, pair.price_scale, pair.pair_decimals), pair.pair_decimals)


def quantity(pair: Pair, units: int) -> str:
    """A volume in lot units."""
    return fmt(units, pair.lot_decimals)


def average(pair: Pair, turnover: int, volume: int) -> str:
    """The price of a volume that cost so much, price units times lot units: rounded once, half up."""
    unit = 10 ** (pair.price_scale - pair.pair_decimals)
    return fmt(half_up(turnover, volume * unit) if volume else 0, pair.pair_decimals)
