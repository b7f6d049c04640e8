"""Prices and quantities as the market channels print them: JSON numbers of fixed decimals (kraken/50 §2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.decimals import TEN_TO, fmt
from mockkraken.exchange.prices import price_text

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.tape import Candle


def price(pair: Pair, units: int) -> str:
    """A price in price units, with the pair's price decimals."""
    return price_text(units, pair)


def quantity(pair: Pair, units: int) -> str:
    """A volume in lot units."""
    return fmt(units, pair.lot_decimals)


def average(pair: Pair, candle: Candle) -> str:
    """The average price of what was traded."""
    return fmt(candle.average(TEN_TO[pair.price_scale - pair.pair_decimals]), pair.pair_decimals)
