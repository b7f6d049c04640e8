"""The names that version 2 knows pairs by: `BTC/USD`, and no other (kraken/50 §2.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.catalog import Catalog, Pair

SHOWN_MAX = 100
"""Ours: characters of what a client calls things that an answer repeats."""

# [guess] what counts as a pair's name at all; only `foobar` was seen to be none, in version 1.
_SHAPE = re.compile(r"[^/\s]+/[^/\s]+")


def pair_named(catalog: Catalog, symbol: str) -> Pair:
    """The pair of that display name, in any case; where a share has the same, the currency pair [guess].

    Raises:
        KrakenError: there is none.
    """
    if _SHAPE.fullmatch(symbol) is None:
        raise KrakenError(errors.pair_malformed(symbol[:SHOWN_MAX]), f"symbol is {symbol[:40]!r}; it takes BASE/QUOTE")
    for tokenized in (False, True):
        found = catalog.public_pair(symbol, tokenized=tokenized)
        if found is not None and found[0].display.upper() == symbol.upper():
            return found[0]
    raise KrakenError(errors.pair_not_supported(symbol[:SHOWN_MAX]), f"there is no pair {symbol[:40]!r}")
