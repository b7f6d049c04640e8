"""Order entry, changes and cancelling over version 2. Reference: kraken/50 §7; the rules are those of kraken/30."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken import errors
from mockkraken.counters import POINT
from mockkraken.errors import KrakenError
from mockkraken.exchange import batches
from mockkraken.exchange.batches import BATCH_MAX
from mockkraken.exchange.intake import SOCKET_DEADLINE_MIN, as_userref
from mockkraken.gate.permissions import all_of, any_of
from mockkraken.ws import actions
from mockkraken.ws.declared import Field, Method
from mockkraken.ws.v2 import orders
from mockkraken.ws.v2.symbols import pair_named

if TYPE_CHECKING:
    from mockkraken.exchange import Account, Order, OrderRequest
    from mockkraken.ws.declared import Asked

    Replies = list[dict[str, Any]]

BATCH_CANCEL_MIN = 2  # [doc] kraken/50 §7.8
VALIDATED = "Validated Successfully"  # [obs] of each order of a batch that is only validated, kraken/50 §7.7


# Entry


def add_order(asked: Asked) -> Replies:
    params = asked.params
    pair = pair_named(asked.venue.catalog, params["symbol"])
    validate = params.get("validate", False)
    actions.charge(asked, pair, 0 if validate else POINT)
    request = orders.order_request(params, pair, params.get("deadline"))
    exchange = asked.venue.exchange
    order = exchange.prepare(asked.owner, pair, request, soonest=SOCKET_DEADLINE_MIN)
    return [{"result": _placed(params, "" if validate else exchange.submit(order).txid)}]


def _placed(params: dict[str, Any], order_id: str) -> dict[str, Any]:
    """What an answer says of an order: its id, and those that its sender gave it [obs]."""
    return {"order_id": order_id} | {name: params[name] for name in ("cl_ord_id", "order_userref") if name in params}


def batch_add(asked: Asked) -> Replies:
    """Place orders on one pair: all are validated first, and one at fault refuses all of them."""
    params = asked.params
    rows: list[dict[str, Any]] = params["orders"]
    pair = pair_named(asked.venue.catalog, params["symbol"])
    validate = params.get("validate", False)
    actions.charge(asked, pair, 0 if validate else min(len(rows), BATCH_MAX) * POINT // 2)

    def read(row: dict[str, Any]) -> OrderRequest | KrakenError:
        try:
            return orders.order_request(row, pair)
        except KrakenError as refusal:
            return refusal

    requests, deadline, venue = [read(row) for row in rows], params.get("deadline"), asked.venue
    prepared = batches.prepare(
        venue.exchange, asked.owner, pair, requests, deadline, venue.clock.now(), soonest=SOCKET_DEADLINE_MIN
    )
    placing: list[Order] = []
    for index, order in enumerate(prepared):
        if isinstance(order, KrakenError):
            raise _of_row(index, order)
        placing.append(order)
    if validate:
        return [{"result": [{"validation": VALIDATED} for _ in rows]}]
    return [_place(asked, rows, placing)]


def _place(asked: Asked, rows: list[dict[str, Any]], placing: list[Order]) -> dict[str, Any]:
    """Let the orders of a batch go to the engine, which may refuse one without harm to the others."""
    result, complete = [], True
    for index, (row, order) in enumerate(zip(rows, placing, strict=True)):
        try:
            result.append(_placed(row, asked.venue.exchange.submit(order).txid))
        except KrakenError as refusal:
            asked.request.refuse(_of_row(index, refusal))
            result.append({"error": refusal.message})
            complete = False
    return {"result": result} if complete else {"result": result, "success": False}


def _of_row(index: int, refusal: KrakenError) -> KrakenError:
    return KrakenError(refusal.message, f"orders[{index}]: {refusal.reason}", check=refusal.check)


# Changes


def amend_order(asked: Asked) -> Replies:
    params = asked.params
    pair = pair_named(asked.venue.catalog, params["symbol"]) if "symbol" in params else None
    actions.charge_change(asked, params.get("order_id"), params.get("cl_ord_id"), pair)
    request = orders.amend_request(params)
    amend_id = asked.venue.exchange.amend_order(asked.owner, request, soonest=SOCKET_DEADLINE_MIN)
    name = "order_id" if "order_id" in params else "cl_ord_id"
    return [{"result": {"amend_id": amend_id, name: params[name]}}]


def edit_order(asked: Asked) -> Replies:
    params, account = asked.params, asked.owner
    order_id: str = params["order_id"]
    pair = pair_named(asked.venue.catalog, params["symbol"])
    actions.charge_change(asked, order_id, pair=pair, units=0 if params.get("validate") else POINT)
    request, switches = orders.edit_request(params, _open_order(account, order_id))
    edited = asked.venue.exchange.edit_order(account, pair, request, switches, soonest=SOCKET_DEADLINE_MIN)
    return [{"result": {"order_id": edited.new.txid, "original_order_id": edited.old.txid}}]


def _open_order(account: Account, order_id: str) -> Order | None:
    """By its id, or a userref as text."""
    if order := account.open.get(order_id):
        return order
    userref = as_userref(order_id)
    return next((order for order in account.open.values() if userref is not None and order.userref == userref), None)


# Cancelling


def cancel_order(asked: Asked) -> Replies:
    """Cancel orders, each with a reply of its own."""
    params = asked.params
    ids = [*params.get("order_id", ()), *map(str, params.get("order_userref", ()))]
    return [
        {"error": found.message, "success": False}
        if isinstance(found, KrakenError)
        else {"result": {found.kind: found.name}}
        for found in actions.cancel_each(asked, ids, params.get("cl_ord_id", []))
    ]


def batch_cancel(asked: Asked) -> Replies:
    ids, cl_ord_ids = (asked.params.get(name, []) for name in ("orders", "cl_ord_id"))
    if len(ids) + len(cl_ord_ids) < BATCH_CANCEL_MIN:
        reason = f"{len(ids) + len(cl_ord_ids)} ids are given; a batch has {BATCH_CANCEL_MIN} or more"
        raise KrakenError(errors.INVALID_ARGUMENTS, reason)
    count = asked.venue.exchange.cancel_batch(asked.owner, ids, cl_ord_ids)
    return [{"orders_cancelled": count, "result": {"count": count}}]


def cancel_all(asked: Asked) -> Replies:
    return [{"result": {"count": asked.venue.exchange.cancel_all(asked.owner)}}]


def cancel_all_orders_after(asked: Asked) -> Replies:
    return [{"result": actions.set_switch(asked, asked.params["timeout"])}]


METHODS = (
    Method(
        "add_order",
        "Place an order, or only validate it",
        add_order,
        all_of("modify-trades"),
        (
            Field("symbol", "string", required=True),
            *orders.ORDER_FIELDS,
            Field("deadline", "string"),
            Field("validate", "boolean"),
        ),
        orders.refuse_incomplete,
    ),
    Method(
        "amend_order",
        "Change an order in place",
        amend_order,
        any_of("modify-trades", "close-trades"),
        orders.AMEND_FIELDS,
    ),
    Method(
        "edit_order",
        "Replace an order by one with other terms",
        edit_order,
        all_of("modify-trades", "close-trades"),
        orders.EDIT_FIELDS,
    ),
    Method(
        "cancel_order",
        "Cancel orders by id, cl_ord_id or userref, each with a reply of its own",
        cancel_order,
        any_of("modify-trades", "close-trades"),
        (
            Field("order_id", "array", items="string"),
            Field("cl_ord_id", "array", items="string"),
            Field("order_userref", "array", items="number_integer"),
        ),
    ),
    Method("cancel_all", "Cancel every open order", cancel_all, any_of("modify-trades", "close-trades")),
    Method(
        "cancel_all_orders_after",
        "Cancel every open order in a while, unless called again",
        cancel_all_orders_after,
        any_of("modify-trades", "close-trades"),
        (Field("timeout", "number_integer", required=True),),
    ),
    Method(
        "batch_add",
        "Place 2 to 15 orders on one pair, or only validate them",
        batch_add,
        all_of("modify-trades", "close-trades"),
        (
            Field("symbol", "string", required=True),
            Field("orders", "array", required=True, items="object", fields=orders.ORDER_FIELDS),
            Field("deadline", "string"),
            Field("validate", "boolean"),
        ),
        orders.refuse_incomplete_batch,
    ),
    Method(
        "batch_cancel",
        "Cancel 2 to 50 orders by id, userref or cl_ord_id",
        batch_cancel,
        any_of("modify-trades", "close-trades"),
        (Field("orders", "array", items="string"), Field("cl_ord_id", "array", items="string")),
    ),
)
