"""Assets: what Kraken keeps balances of.

Reference: kraken/20 §7 (the wire form), §2.1 (the names).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from mockkraken.catalog import fixtures

if TYPE_CHECKING:
    from collections.abc import Mapping

# The two assets whose modern name is another one than the altname.
_DISPLAY = {"XBT": "BTC", "XDG": "DOGE"}


class Asset(msgspec.Struct, frozen=True, gc=False):
    """One asset.

    Attributes:
        id: Kraken's own name, the key of balances and ledger rows: `XXBT`, `ZUSD`, `SOL`.
        aclass: `currency` or `tokenized_asset`.
        decimals: the places in which balances are kept.
        collateral_value: the part that counts as margin collateral, as the text of a JSON number; None: no collateral.
        margin_rate: the margin fee's basis in percent; None where Kraken sends none.
        hidden: occurs in balances only; Kraken's list of assets leaves it out.
    """

    id: str
    aclass: str
    altname: str
    decimals: int
    display_decimals: int
    collateral_value: str | None = None
    status: str = "enabled"
    margin_rate: str | None = None
    hidden: bool = False

    @property
    def display(self) -> str:
        """The modern name: `BTC`, `DOGE`, else the altname."""
        return _DISPLAY.get(self.altname, self.altname)


@cache
def load() -> Mapping[str, Asset]:
    """All recorded assets by id, in ASCII order."""
    rows = msgspec.json.decode(fixtures.read("assets.json"), type=list[Asset])
    return {asset.id: asset for asset in rows}


@cache
def aliases() -> Mapping[str, str]:
    """Upper-cased id, altname or display name → id. No two assets share one."""
    return {name.upper(): asset.id for asset in load().values() for name in (asset.id, asset.altname, asset.display)}


@cache
def asset_entry(asset: Asset) -> msgspec.Raw:
    """The asset as the Assets endpoint shows it, byte for byte."""
    entry: dict[str, object] = {
        "aclass": asset.aclass,
        "altname": asset.altname,
        "decimals": asset.decimals,
        "display_decimals": asset.display_decimals,
    }
    if asset.collateral_value is not None:
        # A JSON number that keeps its `.0`, so the recorded digits are passed through.
        entry["collateral_value"] = msgspec.Raw(asset.collateral_value)
    entry["status"] = asset.status
    if asset.margin_rate is not None:
        entry["margin_rate"] = asset.margin_rate
    return msgspec.Raw(msgspec.json.encode(entry))
