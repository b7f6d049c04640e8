"""The `instrument` channel: every asset and pair with its rules, and the pairs whose rules change (kraken/50 §5.7)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mockkraken import decimals
from mockkraken.catalog import assets, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mockkraken.catalog import Asset
    from mockkraken.catalog.records import PairRecord
    from mockkraken.ws.topics import CatalogFeed
    from mockkraken.ws.venue import Venue

COLLATERAL_PLACES = 3  # [obs 2026-01]
MARGIN_RATE_PLACES = 6  # [obs]
MARGIN_PLACES = 2  # [obs] of `margin_initial`
MULTIPLIER = "1.000000"  # [guess] what a unit of a tokenized share stands for, and its digits

TOKENIZED = "tokenized_asset"


class InstrumentSpeaker:
    """Says what can be traded and how, and each pair whose rules have changed.

    Args:
        venue: the sandbox's parts.
        tokenized: with shares.
        feed: tells of changes.
    """

    def __init__(self, venue: Venue, tokenized: bool, feed: CatalogFeed) -> None:
        self._venue = venue
        self._tokenized = tokenized
        self._feed = feed
        # The last snapshot, and what it was made of.
        self._records: Mapping[str, PairRecord] | None = None
        self._indexed: frozenset[str] = frozenset()
        self._shown = b""

    def snapshot(self) -> list[bytes]:
        catalog, indexed = self._venue.catalog, self._with_index()
        if catalog.records is not self._records or indexed != self._indexed:
            self._records, self._indexed = catalog.records, indexed
            shown = [asset for asset in catalog.assets.values() if not asset.hidden and self._wants(asset.aclass)]
            self._shown = _message("snapshot", [asset_row(asset) for asset in shown], self._pairs(catalog.records))
        return [self._shown]

    def updates(self) -> list[bytes]:
        rows = self._pairs(self._feed.pairs)
        return [_message("update", [], rows)] if rows else []

    def _pairs(self, pair_ids: Iterable[str]) -> list[str]:
        all_records, indexed = self._venue.catalog.records, self._with_index()
        return [
            pair_row(all_records[pair_id], pair_id in indexed)
            for pair_id in pair_ids
            if self._wants(all_records[pair_id].aclass_base)
        ]

    def _wants(self, aclass: str) -> bool:
        return self._tokenized or aclass != TOKENIZED

    def _with_index(self) -> frozenset[str]:
        """The pairs that were given an index price."""
        markets = self._venue.exchange.markets
        return frozenset([pair_id for pair_id, market in markets.items() if market.index is not None])


def _message(kind: str, shown: list[str], pairs: list[str]) -> bytes:
    data = f'{{"assets":[{",".join(shown)}],"pairs":[{",".join(pairs)}]}}'
    return f'{{"channel":"instrument","type":"{kind}","data":{data}}}'.encode()


@lru_cache(maxsize=1024)
def asset_row(asset: Asset) -> str:
    """An asset. What can be lent has a margin rate; those without any collateral value have 0 [obs]."""
    borrowable = is_borrowable(asset)
    collateral = decimals.fmt(decimals.parse(asset.collateral_value or "0", COLLATERAL_PLACES), COLLATERAL_PLACES)
    row = (
        f'{{"id":"{asset.display}","status":"{asset.status.replace("_", "")}","precision":{asset.decimals},'
        f'"precision_display":{asset.display_decimals},"borrowable":{_bool(borrowable)},'
        f'"collateral_value":{collateral},"class":"{asset.aclass}"'
    )
    if borrowable:
        rate = decimals.fmt(decimals.parse(asset.margin_rate or "0", MARGIN_RATE_PLACES), MARGIN_RATE_PLACES)
        row += f',"margin_rate":{rate}'
    if asset.aclass == TOKENIZED:
        row += f',"multiplier":{MULTIPLIER}'
    return f"{row}}}"


def is_borrowable(asset: Asset) -> bool:
    """Whether margin positions can borrow it: those have a rate above zero [guess]."""
    return bool((asset.margin_rate or "0").strip("0."))


@lru_cache(maxsize=4096)
def pair_row(record: PairRecord, indexed: bool) -> str:
    """A pair under the rules of a record; `indexed`: an index price was set."""
    known = assets.load()
    base, quote = known[record.base], known[record.quote]
    leverage = max((*record.leverage_buy, *record.leverage_sell), default=0)
    row = (
        f'{{"symbol":"{records.display(record)}","base":"{base.display}","quote":"{quote.display}",'
        f'"status":"{record.status}","qty_precision":{record.lot_decimals},'
        f'"qty_increment":{decimals.fmt(1, record.lot_decimals)},"price_precision":{record.pair_decimals},'
        f'"cost_precision":{record.cost_decimals},"marginable":{_bool(leverage > 0)},'
        # [guess] that pairs with leverage have an index, as in the exchange.
        f'"has_index":{_bool(indexed or leverage > 0)},"ws_display_price_precision":{record.pair_decimals},'
        f'"cost_min":{_cost_min(record, quote)}'
    )
    if leverage:
        row += (
            f',"margin_initial":{decimals.fmt(decimals.half_up(10**MARGIN_PLACES, leverage), MARGIN_PLACES)},'
            f'"position_limit_long":{record.long_position_limit or 0},'
            f'"position_limit_short":{record.short_position_limit or 0}'
        )
    qty_min = decimals.parse(record.ordermin, record.lot_decimals)
    return (
        f'{row},"tick_size":{record.tick_size},"price_increment":{record.tick_size},'
        f'"qty_min":{decimals.fmt(qty_min, record.lot_decimals)}}}'
    )


def _cost_min(record: PairRecord, quote: Asset) -> str:
    """With the quote's display decimals [obs], or more where it would lose a digit."""
    units, places = decimals.parse(record.costmin, record.cost_decimals), record.cost_decimals
    while places > quote.display_decimals and units % 10 == 0:
        units, places = units // 10, places - 1
    to = max(places, quote.display_decimals)
    return decimals.fmt(decimals.rescale(units, places, to), to)


def _bool(value: bool) -> str:
    return "true" if value else "false"
