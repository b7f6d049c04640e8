"""Order entry, changes and cancelling. Reference: kraken/30 §2, §3, §4, §6."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from mockkraken import errors
from mockkraken.catalog import Pair
from mockkraken.clock import SECOND, rfc3339
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange import Order, OrderRequest, batches
from mockkraken.exchange.amends import AmendRequest, EditRequest
from mockkraken.exchange.describe import NO_PRICE, close_text, order_text, price_texts, volume_text
from mockkraken.exchange.exchange import TIMEOUT_MAX
from mockkraken.gate.permissions import all_of, any_of
from mockkraken.gate.tokens import LIFETIME
from mockkraken.rest import actions
from mockkraken.rest import params as arguments
from mockkraken.rest.body import Fields
from mockkraken.rest.endpoint import Caller, NoParams, Private, Rows, Venue

BATCH_REJECTION_SHAPE: Literal["rows", "top_level"] = "rows"
"""How a batch with an invalid order is refused: row by row [obs], or as a whole with its first error
[guess, batch_rejection_shape]."""

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)


def trading_pair(venue: Venue, name: str | None, asset_class: str | None = None) -> Pair:
    """The pair that a trading call names, by any of its names.

    Raises:
        KrakenError: none is named, or there is no such pair.
    """
    if not name:
        raise KrakenError(invalid_arguments("pair"), "pair is missing")
    pair = venue.catalog.trading_pair(name, tokenized=asset_class == "tokenized_asset")
    if pair is None:
        raise KrakenError(errors.UNKNOWN_ASSET_PAIR, f"there is no pair {name[:40]!r}")
    return pair


# Entry


class AddOrderParams(OrderRequest, kw_only=True):
    """AddOrder's fields: the order, and how the call is meant."""

    pair: str | None = None
    asset_class: str | None = None
    validate: bool = False


def add_order(venue: Venue, caller: Caller, params: AddOrderParams) -> dict[str, Any]:
    pair = trading_pair(venue, params.pair, params.asset_class)
    order = venue.exchange.prepare(caller.account, pair, params)
    described = {"descr": _descr(order)}
    if params.validate:
        return described
    return described | {"txid": [venue.exchange.submit(order).txid]}


def _descr(order: Order) -> dict[str, str]:
    descr = {"order": order_text(order)}
    if order.close is not None:
        descr["close"] = close_text(order.close, order.market.pair)
    return descr


class BatchOrder(OrderRequest, kw_only=True):
    """One order of a batch."""

    pair: str | None = None


class AddOrderBatchParams(msgspec.Struct, kw_only=True):
    """AddOrderBatch's fields; each order is read by itself, so that each can be refused by itself."""

    orders: list[Fields] = []
    pair: str | None = None
    asset_class: str | None = None
    deadline: str | None = None
    validate: bool = False


def add_order_batch(venue: Venue, caller: Caller, params: AddOrderBatchParams) -> dict[str, Any] | Rows:
    """Place orders on one pair: all are validated first, and one at fault keeps all from being placed.

    What is wrong with the batch as a whole refuses the call; what is wrong with an order stands in its row.
    """
    if not params.pair:
        raise KrakenError(errors.INVALID_ARGUMENTS, "pair is missing")
    pair = trading_pair(venue, params.pair, params.asset_class)
    requests = [_read(venue, pair, params, fields) for fields in params.orders]
    now = venue.clock.now()
    prepared = batches.prepare(venue.exchange, caller.account, pair, requests, params.deadline, now)
    orders = [order for order in prepared if isinstance(order, Order)]
    if len(orders) < len(prepared):
        return _rows([order if isinstance(order, KrakenError) else {} for order in prepared], whole=True)
    if params.validate:
        return {"orders": [{"descr": _descr(order)} for order in orders]}
    return _rows([_placed(venue, order) for order in orders])


def _read(venue: Venue, pair: Pair, params: AddOrderBatchParams, fields: Fields) -> OrderRequest | KrakenError:
    """One order of a batch as it was written, or why it can't be read."""
    try:
        request = arguments.read(BatchOrder, fields, named=True)
        if request.pair and trading_pair(venue, request.pair, params.asset_class).id != pair.id:
            raise KrakenError(
                invalid_arguments("pair"), f"the batch is on {pair.altname}, not on {request.pair[:40]!r}"
            )
        return request
    except KrakenError as refusal:
        return refusal


def _placed(venue: Venue, order: Order) -> dict[str, Any] | KrakenError:
    """The row of one order that goes to the engine, which may refuse it without harm to the others."""
    descr = _descr(order)
    try:
        return {"txid": venue.exchange.submit(order).txid, "descr": descr}
    except KrakenError as refusal:
        return refusal


def _rows(found: list[Any], *, whole: bool = False) -> dict[str, Any] | Rows:
    """The answer to a batch. `whole`: the refusals among the rows keep all of it from being placed."""
    rows = [{"error": row.message} if isinstance(row, KrakenError) else row for row in found]
    for index, row in enumerate(found):
        if isinstance(row, KrakenError):
            if whole and BATCH_REJECTION_SHAPE == "top_level":
                raise row
            first = KrakenError(row.message, f"orders[{index}]: {row.reason}", check=row.check)
            return Rows({"orders": rows}, first)
    return {"orders": rows}


# Changes


def amend_order(venue: Venue, caller: Caller, params: AmendRequest) -> dict[str, str]:
    return {"amend_id": venue.exchange.amend_order(caller.account, params)}


class EditOrderParams(EditRequest, kw_only=True):
    """EditOrder's fields: the new terms, and the pair of the order."""

    pair: str | None = None
    asset_class: str | None = None


def edit_order(venue: Venue, caller: Caller, params: EditOrderParams) -> dict[str, Any]:
    """Replace an order. Prices come back as they were sent [obs]; where none was sent, as the order has them."""
    pair = trading_pair(venue, params.pair, params.asset_class)
    old, new = venue.exchange.edit_order(caller.account, pair, params)
    result: dict[str, Any] = {"status": "ok"}
    if new.txid:
        result["txid"] = new.txid
    result["originaltxid"] = old.txid
    if params.userref:
        result["newuserref"] = new.userref or 0
        result["olduserref"] = old.userref or 0
    result["volume"] = volume_text(new)
    price, price2 = price_texts(new)
    shown = {"price": params.price or price, "price2": params.price2 or price2}
    result |= {name: text for name, text in shown.items() if text != NO_PRICE}
    result["orders_cancelled"] = 1 if new.txid else 0
    result["descr"] = {"order": order_text(new, params.price, params.price2)}
    return result


# Cancelling


class CancelOrderParams(msgspec.Struct):
    """By txid or userref (one or a comma list), or by cl_ord_id."""

    txid: str | None = None
    cl_ord_id: str | None = None


def cancel_order(venue: Venue, caller: Caller, params: CancelOrderParams) -> dict[str, int]:
    return {"count": venue.exchange.cancel_order(caller.account, txid=params.txid, cl_ord_id=params.cl_ord_id)}


def cancel_all(venue: Venue, caller: Caller, _: NoParams) -> dict[str, int]:
    return {"count": venue.exchange.cancel_all(caller.account)}


class CancelOrderBatchParams(msgspec.Struct):
    """Txids, userrefs and cl_ord_ids in `orders`, more cl_ord_ids beside them."""

    orders: list[str] = []
    cl_ord_ids: list[str] = []


def cancel_order_batch(venue: Venue, caller: Caller, params: CancelOrderBatchParams) -> dict[str, int]:
    orders, cl_ord_ids = ([text for text in ids if text] for ids in (params.orders, params.cl_ord_ids))
    return {"count": venue.exchange.cancel_batch(caller.account, orders, cl_ord_ids)}


class CancelAllOrdersAfterParams(msgspec.Struct):
    timeout: str = ""


def cancel_all_orders_after(venue: Venue, caller: Caller, params: CancelAllOrdersAfterParams) -> dict[str, str]:
    """Set the dead man's switch anew, or with 0 take it back (kraken/30 §6.4)."""
    if not _WHOLE.fullmatch(params.timeout):
        reason = f"timeout is {params.timeout[:40]!r}; it takes whole seconds, 0 to {TIMEOUT_MAX}"
        raise KrakenError(errors.INVALID_ARGUMENTS, reason)
    trigger = venue.exchange.cancel_all_after(caller.account, int(params.timeout))
    return {
        "currentTime": _whole_seconds(venue.clock.now()),
        "triggerTime": "0" if trigger is None else _whole_seconds(trigger),
    }


def _whole_seconds(time: int) -> str:
    return rfc3339(time // SECOND * SECOND)


def get_websockets_token(venue: Venue, caller: Caller, _: NoParams) -> dict[str, Any]:
    token = venue.tokens.issue(caller.key, venue.clock.now())
    return {"token": token, "expires": LIFETIME}


ENDPOINTS = (
    Private(
        "AddOrder",
        add_order,
        all_of("modify-trades"),
        AddOrderParams,
        cost=0,
        action=actions.ADD,
        summary="Place an order, or only validate it",
    ),
    Private(
        "AddOrderBatch",
        add_order_batch,
        all_of("modify-trades", "close-trades"),
        AddOrderBatchParams,
        cost=0,
        action=actions.ADD_BATCH,
        summary="Place 2 to 15 orders on one pair, or only validate them",
    ),
    Private(
        "AmendOrder",
        amend_order,
        any_of("modify-trades", "close-trades"),
        AmendRequest,
        cost=0,
        action=actions.AMEND,
        summary="Change an order in place",
    ),
    Private(
        "EditOrder",
        edit_order,
        all_of("modify-trades", "close-trades"),
        EditOrderParams,
        cost=0,
        action=actions.EDIT,
        summary="Replace an order by one with other terms",
    ),
    Private(
        "CancelOrder",
        cancel_order,
        any_of("modify-trades", "close-trades"),
        CancelOrderParams,
        cost=0,
        action=actions.CANCEL,
        summary="Cancel orders by txid, userref or cl_ord_id",
    ),
    Private(
        "CancelOrderBatch",
        cancel_order_batch,
        any_of("modify-trades", "close-trades"),
        CancelOrderBatchParams,
        cost=0,
        summary="Cancel up to 50 orders by txid, userref or cl_ord_id",
    ),
    Private("CancelAll", cancel_all, any_of("modify-trades", "close-trades"), summary="Cancel every open order"),
    Private(
        "CancelAllOrdersAfter",
        cancel_all_orders_after,
        any_of("modify-trades", "close-trades"),
        CancelAllOrdersAfterParams,
        summary="Cancel every open order in a while, unless called again",
    ),
    Private(
        "GetWebSocketsToken",
        get_websockets_token,
        all_of("create-ws-token"),
        summary="A token for the private WebSocket",
    ),
)
