"""Orders that are placed together on one pair: all are validated before any is placed. Reference: kraken/30 §3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.exchange.intake import DEADLINE_MIN, check_deadline, cl_ord_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mockkraken.catalog import Pair
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.exchange import Exchange
    from mockkraken.exchange.intake import OrderRequest
    from mockkraken.exchange.orders import Order

BATCH_MIN, BATCH_MAX = 2, 15  # [doc] orders


def prepare(
    exchange: Exchange,
    account: Account,
    pair: Pair,
    requests: Sequence[OrderRequest | KrakenError],
    deadline: str | None,
    now: int,
    *,
    soonest: int = DEADLINE_MIN,
) -> list[Order | KrakenError]:
    """`Exchange.prepare` each order of a batch, or say what is wrong with it; nothing is stored.

    One that is at fault keeps all from being placed: then whoever asked submits none.

    Args:
        exchange: where they would be placed.
        account: whose orders they would be.
        pair: what is to be traded.
        requests: as their sender wrote them; a refusal where one could not even be read.
        deadline: the batch's, which is looked at when nothing is wrong with the orders. Their own don't count.
        now: the time (ns).
        soonest: how near the deadline may lie, ns.

    Raises:
        KrakenError: they are too few or too many, or the deadline is refused.
    """
    if not BATCH_MIN <= len(requests) <= BATCH_MAX:
        reason = f"{len(requests)} orders are given; a batch has {BATCH_MIN} to {BATCH_MAX}"
        raise KrakenError(errors.INVALID_ARGUMENTS, reason)
    prepared = [_prepared(exchange, account, pair, request) for request in requests]
    _refuse_repeated(prepared)
    if deadline and not any(isinstance(order, KrakenError) for order in prepared):
        check_deadline(deadline, now, soonest)
    return prepared


def _prepared(
    exchange: Exchange, account: Account, pair: Pair, request: OrderRequest | KrakenError
) -> Order | KrakenError:
    if isinstance(request, KrakenError):
        return request
    request.deadline = None
    try:
        return exchange.prepare(account, pair, request)
    except KrakenError as refusal:
        return refusal


def _refuse_repeated(prepared: list[Order | KrakenError]) -> None:
    """Put a refusal in the place of each order whose cl_ord_id an earlier one of the batch has."""
    seen = set()
    for index, order in enumerate(prepared):
        if isinstance(order, KrakenError) or order.cl_ord_id is None:
            continue
        key = cl_ord_key(order.cl_ord_id)
        if key in seen:
            reason = f"an earlier order of the batch has the cl_ord_id {order.cl_ord_id!r}"
            prepared[index] = KrakenError(errors.CL_ORD_ID_NOT_UNIQUE, reason)
        seen.add(key)
