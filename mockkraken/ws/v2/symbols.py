"""The names that version 2 knows pairs by: `BTC/USD`, and no other (kraken/50 §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.ws.names import is_pair_name

if TYPE_CHECKING:
    from mockkraken.catalog import Catalog, Pair

SHOWN_MAX = 100
"""Ours: characters of what a client calls things that an answer repeats."""


def pair_named(catalog: Catalog, symbol: str) -> Pair:
    """The pair of that display name, in any case; where a share has the same, the currency pair [guess].

    Raises:
        KrakenError: there is none.
    """
    if not is_pair_name(symbol):
        raise KrakenError(errors.pair_malformed(symbol[:SHOWN_MAX]), f"symbol is {symbol[:40]!r}; it takes BASE/QUOTE")
    for tokenized in (False, True):
        found = catalog.public_pair(symbol, tokenized=tokenized)
        if found is not None and found[0].display.upper() == symbol.upper():
            return found[0]
    reason = f"there is no pair {symbol[:40]!r}"
    if (meant := catalog.trading_pair(symbol)) is not None:
        reason += f" here: version 2 calls it {meant.display}"
    raise KrakenError(errors.pair_not_supported(symbol[:SHOWN_MAX]), reason)
