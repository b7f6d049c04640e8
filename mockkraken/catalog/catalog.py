"""The catalogue of one sandbox: which assets and pairs there are, under all their names.

The recorded data is decoded once a process and shared; a sandbox owns only what it has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken.catalog import assets, changes, names, pairs, records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mockkraken.catalog.assets import Asset
    from mockkraken.catalog.pairs import Pair
    from mockkraken.catalog.records import PairRecord


class Catalog:
    """Assets and pairs of one sandbox.

    Attributes:
        assets: every asset by id, hidden ones too.
        records: every pair's wire form by id, in ASCII order.
    """

    __slots__ = ("_pairs", "assets", "records")

    def __init__(self) -> None:
        self.assets: Mapping[str, Asset] = assets.load()
        self.records: Mapping[str, PairRecord] = records.load()
        self._pairs: dict[str, Pair] = {}

    def asset(self, name: str) -> Asset | None:
        """The asset of that id, altname or display name, in any case; hidden ones too."""
        asset_id = assets.aliases().get(names.folded(name) or "")
        return None if asset_id is None else self.assets[asset_id]

    def pair(self, pair_id: str) -> Pair:
        """The pair in its trading form, as it is now.

        Raises:
            KeyError: no pair has that id.
        """
        pair = self._pairs.get(pair_id)
        if pair is None:
            pair = self._pairs[pair_id] = pairs.derive(pair_id, self.records[pair_id])
        return pair

    def public_pair(self, name: str, *, tokenized: bool = False) -> tuple[Pair, str] | None:
        """The pair that a public request means, and its key in the answer (kraken/20 §2.2).

        A name with a slash is answered with the display name as key, every other one with the id. The wsname is no
        name here unless it is also the display name. None: unknown. Blanks are not stripped.
        """
        pair_id = names.tables()[tokenized].public.get(names.folded(name) or "")
        if pair_id is None:
            return None
        pair = self.pair(pair_id)
        return pair, pair.display if "/" in name else pair_id

    def trading_pair(self, name: str, *, tokenized: bool = False) -> Pair | None:
        """The pair that a private request means, by any of its five names (kraken/30 §2.1); None: unknown."""
        pair_id = names.tables()[tokenized].trading(names.folded(name) or "")
        return None if pair_id is None else self.pair(pair_id)

    def with_record(self, pair_id: str, /, **fields: Any) -> Pair:
        """Change fields of a pair's record, in this catalogue only, and give its new trading form. All or nothing.

        UNSET puts a field back to what was recorded.

        Raises:
            KeyError: no pair has that id.
            changes.ChangeError: a field that does not exist, never changes, or does not take the value.
        """
        record = changes.changed(pair_id, self.records[pair_id], fields)
        pair = pairs.derive(pair_id, record)
        self.records = {**self.records, pair_id: record}
        self._pairs[pair_id] = pair
        return pair
