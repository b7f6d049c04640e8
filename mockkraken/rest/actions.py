"""Order actions as the trading engine's rate limit sees them when they come in: on which pairs, at what price.

Nothing is validated here: what makes no sense names no pair, and what names none is neither looked at nor charged
(kraken/10 §4.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.counters import POINT
from mockkraken.exchange.batches import BATCH_MAX
from mockkraken.exchange.exchange import CANCELS_MAX
from mockkraken.exchange.trading_limits import pairs_of
from mockkraken.rest.endpoint import Action
from mockkraken.rest.params import is_true

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mockkraken.exchange import Account
    from mockkraken.rest.body import Fields
    from mockkraken.rest.endpoint import Venue


def _pair_named(venue: Venue, _: Account, fields: Fields) -> Iterable[str]:
    pair = venue.catalog.trading_pair(fields.get("pair", ""), tokenized=fields.get("asset_class") == "tokenized_asset")
    return () if pair is None else (pair.id,)


def _pair_of_order(venue: Venue, account: Account, fields: Fields) -> Iterable[str]:
    """That of the one order named, else the one named itself."""
    ids, cl_ord_ids = ([fields[name]] if name in fields else [] for name in ("txid", "cl_ord_id"))
    return sorted(pairs_of(account, ids, cl_ord_ids)) or _pair_named(venue, account, fields)


def _pairs_of_list(_: Venue, account: Account, fields: Fields) -> Iterable[str]:
    """Those of all orders named, by a comma list too."""
    ids = [text.strip() for text in fields.get("txid", "").split(",", CANCELS_MAX)]
    return sorted(pairs_of(account, ids, [fields["cl_ord_id"]] if "cl_ord_id" in fields else []))


def _one(_: Fields) -> int:
    return POINT


def _one_unless_validating(fields: Fields) -> int:
    return 0 if _only_validates(fields) else POINT


def _half_each(fields: Fields) -> int:
    if _only_validates(fields):
        return 0
    orders = {name.partition("]")[0] for name in fields if name.startswith("orders[")}
    # More are none that a batch could place.
    return min(len(orders), BATCH_MAX) * POINT // 2


def _nothing(_: Fields) -> int:
    return 0


def _only_validates(fields: Fields) -> bool:
    return "validate" in fields and is_true(fields["validate"])


# What CancelOrderBatch, CancelAll and CancelAllOrdersAfter do is always accepted, and charged once it is done.
ADD = Action(_pair_named, _one_unless_validating)
ADD_BATCH = Action(_pair_named, _half_each)
AMEND = Action(_pair_of_order, _one)
EDIT = Action(_pair_of_order, _one_unless_validating)
CANCEL = Action(_pairs_of_list, _nothing)
