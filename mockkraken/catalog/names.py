"""What a pair may be called, and what an answer then calls it.

A pair has five names: the id (`XXBTZUSD`), the altname (`XBTUSD`), the wsname (`XBT/USD`), the display name
(`BTC/USD`) and the display name without its slash (`BTCUSD`). Any case will do. Pairs change neither their names nor
their assets, so one set of tables serves every sandbox.

Reference: kraken/20 §2.2 (public endpoints), kraken/30 §2.1 (private ones).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from mockkraken.catalog import assets, records

# [obs 2026-09-25] kraken/20 §2.2: the public endpoints refuse the wsname where it is not the display name too.
ACCEPT_WSNAME = False


class Names(NamedTuple):
    """Of one asset class: upper-cased name → pair id."""

    public: dict[str, str]
    private_only: dict[str, str]

    def trading(self, name: str) -> str | None:
        """What a private endpoint understands: every name."""
        return self.public.get(name) or self.private_only.get(name)


@cache
def tables() -> tuple[Names, Names]:
    """The names of the currency pairs, and those of the tokenized ones: a request sees one of the two sets only."""
    shown = {asset_id: asset.display for asset_id, asset in assets.load().items()}
    sets = Names({}, {}), Names({}, {})
    for pair_id, record in records.load().items():
        public, private_only = sets[record.aclass_base == "tokenized_asset"]
        base, quote = shown[record.base], shown[record.quote]
        display = f"{base}/{quote}"
        public[pair_id.upper()] = public[record.altname.upper()] = public[f"{base}{quote}".upper()] = pair_id
        public[display.upper()] = pair_id
        if record.wsname != display:
            (public if ACCEPT_WSNAME else private_only)[record.wsname.upper()] = pair_id
    return sets


def folded(name: str) -> str | None:
    """The name as the tables have it; None: it can't be one (beyond ASCII, upper-casing would make names of others)."""
    return name.upper() if name.isascii() else None
