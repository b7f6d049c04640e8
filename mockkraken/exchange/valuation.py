"""What an asset is worth in another: by the last trade price of a pair that joins them.

Before a pair's first trade its reference price stands in. Reference: the valuation rule of the control API (Market).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockkraken.decimals import half_up, rescale

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Catalog, Pair
    from mockkraken.exchange.market import Market

# Rates between assets are integers in units of 10**-RATE_DECIMALS: enough for the cheapest coin in bitcoin.
RATE_DECIMALS = 18
_ONE: int = 10**RATE_DECIMALS

# Where no pair joins two assets directly, these are tried in between.
VIA = ("ZUSD", "ZEUR", "XXBT", "USDT")


class Valuation:
    """Values balances and volumes. Suffixed assets (`XBT.F`, `DOT28.S`) count as what they stand for."""

    def __init__(self, catalog: Catalog, markets: Mapping[str, Market]) -> None:
        self._catalog = catalog
        self._markets = markets

    def value(self, units: int, asset: Asset, into: Asset, places: int, *, places_of: int | None = None) -> int | None:
        """`units` of `asset` in `into`, as units of 10**-places, half up; None when nothing joins them.

        `places_of` is the scale of `units`, by default the asset's own decimals.
        """
        scale = asset.decimals if places_of is None else places_of
        if asset.id == into.id:
            return rescale(units, scale, places)
        rate = self.rate(asset, into)
        return None if rate is None else half_up(units * rate * 10**places, _ONE * 10**scale)

    def rate(self, asset: Asset, into: Asset) -> int | None:
        """How much of `into` one of `asset` is worth."""
        asset, into = self._underlying(asset), self._underlying(into)
        direct = self._direct(asset, into)
        if direct is not None:
            return direct
        for name in VIA:
            between = self._catalog.assets[name]
            first, second = self._direct(asset, between), self._direct(between, into)
            if first is not None and second is not None:
                return half_up(first * second, _ONE)
        return None

    def _underlying(self, asset: Asset) -> Asset:
        stem = asset.id.partition(".")[0].rstrip("0123456789") if "." in asset.id else asset.id
        return self._catalog.asset(stem) or asset

    def _direct(self, asset: Asset, into: Asset) -> int | None:
        if asset.id == into.id:
            return _ONE
        if pair := self._pair(asset, into):
            price = self.price(pair)
            return price and price * 10 ** (RATE_DECIMALS - pair.price_scale)
        if pair := self._pair(into, asset):
            price = self.price(pair)
            return half_up(_ONE * 10**pair.price_scale, price) if price else None
        return None

    def _pair(self, base: Asset, quote: Asset) -> Pair | None:
        tokenized = base.aclass == "tokenized_asset"
        return self._catalog.trading_pair(f"{base.altname}/{quote.altname}", tokenized=tokenized)

    def price(self, pair: Pair) -> int | None:
        """The pair's valuation price in its price units."""
        market = self._markets.get(pair.id)
        if market and (last := market.tape.last_price):
            return last
        return pair.reference.last
