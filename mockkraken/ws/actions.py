"""What order actions have in common in both versions: what they cost when they come in, cancels one by one, the switch.

Over a WebSocket each order action is charged to the trading engine's counters before the meaning of its arguments is
looked at, as over REST (kraken/10 §4.4). What its order's age costs is the exchange's to charge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from mockkraken import errors
from mockkraken.clock import SECOND, rfc3339
from mockkraken.counters import POINT
from mockkraken.errors import KrakenError
from mockkraken.exchange.exchange import CANCELS_MAX
from mockkraken.exchange.trading_limits import pairs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mockkraken.catalog import Pair
    from mockkraken.ws.declared import Asked

LEVERAGE_MAX = 5  # [doc] kraken/50 §7.1: what `margin` may borrow by at most


def charge(asked: Asked, pair: Pair, units: int = POINT) -> None:
    """Charge an action on a pair that has come in.

    Raises:
        KrakenError: the pair's counter has reached its threshold.
    """
    asked.venue.exchange.limits.receive(asked.owner, (pair.id,), units)


def charge_change(
    asked: Asked, order_id: str | None, cl_ord_id: str | None = None, pair: Pair | None = None, units: int = POINT
) -> None:
    """Charge a change of an order that has come in: on that order's pair; if there is none such, on the `pair` named.

    Args:
        asked: the request.
        order_id: txid, or a userref as text.
        cl_ord_id: of an open order.
        pair: that of the request, if it has one.
        units: what it costs at any rate.

    Raises:
        KrakenError: the pair's counter has reached its threshold.
    """
    ids, cl_ord_ids = ([] if text is None else [text] for text in (order_id, cl_ord_id))
    found = pairs_of(asked.owner, ids, cl_ord_ids) or ({pair.id} if pair else set())
    asked.venue.exchange.limits.receive(asked.owner, sorted(found), units)


class Cancelled(NamedTuple):
    """An order that was cancelled: the identifier by which it was named; by a userref, its own id."""

    kind: Literal["order_id", "cl_ord_id"]
    name: str


def cancel_each(asked: Asked, ids: Sequence[str], cl_ord_ids: Sequence[str]) -> list[Cancelled | KrakenError]:
    """Cancel orders one by one: each is looked at, charged and refused by itself, and gets a reply of its own.

    Refusals are noted for the journal.

    Args:
        asked: the request.
        ids: txids, and userrefs as texts: of those, every open order.
        cl_ord_ids: of open orders.

    Raises:
        KrakenError: no order is named, or more than one request may name.
    """
    count = len(ids) + len(cl_ord_ids)
    if not 0 < count <= CANCELS_MAX:  # [guess] the most is that of a comma list over REST
        raise KrakenError(errors.INVALID_ARGUMENTS, f"{count} orders are named; it takes 1 to {CANCELS_MAX}")
    found: list[Cancelled | KrakenError] = []
    for text in ids:
        found += _cancel(asked, txid=text)
    for text in cl_ord_ids:
        found += _cancel(asked, cl_ord_id=text)
    return found


def _cancel(asked: Asked, txid: str | None = None, cl_ord_id: str | None = None) -> list[Cancelled | KrakenError]:
    try:
        charge_change(asked, txid, cl_ord_id, units=0)
        orders = asked.venue.exchange.cancel_one(asked.owner, txid=txid, cl_ord_id=cl_ord_id)
    except KrakenError as refusal:
        asked.request.refuse(refusal)
        return [refusal]
    if cl_ord_id is not None:
        return [Cancelled("cl_ord_id", cl_ord_id)]
    return [Cancelled("order_id", order.txid) for order in orders]


def set_switch(asked: Asked, timeout: int) -> dict[str, str]:
    """Set the dead man's switch anew, or with 0 take it back; `currentTime` and `triggerTime` of the answer.

    Whole seconds, rounded up [doc, kraken/50 §7.6].

    Raises:
        KrakenError: as `Exchange.cancel_all_after`.
    """
    venue = asked.venue
    trigger = venue.exchange.cancel_all_after(asked.owner, timeout)
    return {
        "currentTime": _whole_seconds(venue.clock.now()),
        "triggerTime": "0" if trigger is None else _whole_seconds(trigger),
    }


def _whole_seconds(time: int) -> str:
    return rfc3339(-(-time // SECOND) * SECOND)


def highest_leverage(pair: Pair, side: str) -> str:
    """The leverage that `margin: true` means, in REST's words; where the pair has none, one that is refused as such."""
    offered = pair.leverage_buy if side == "buy" else pair.leverage_sell
    return str(max((leverage for leverage in offered if leverage <= LEVERAGE_MAX), default=LEVERAGE_MAX))
