"""Version 1's trading requests: flat objects in, flat objects out (kraken/60 §5).

They are read into the same requests as REST's calls, and given to the same commands of the exchange.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mockkraken import errors
from mockkraken.counters import POINT
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange import OrderRequest
from mockkraken.exchange.amends import AmendRequest, EditRequest
from mockkraken.exchange.describe import order_text
from mockkraken.exchange.intake import SOCKET_DEADLINE_MIN, as_userref
from mockkraken.gate.permissions import all_of, any_of
from mockkraken.ws import actions
from mockkraken.ws.declared import Field, Method
from mockkraken.ws.v1.fields import read_pair

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Account
    from mockkraken.ws.declared import Asked

EDITS_PARTLY_EXECUTED = False  # [doc] kraken/30 §4.3: over version 1, an order that has traded can't be edited at all
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_SELF_TRADES = {word.replace("-", "_"): word for word in ("cancel-newest", "cancel-oldest", "cancel-both")}

_CHANGE = any_of("modify-trades", "close-trades")
_PAIR = Field("pair", "string", required=True)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "string") for name in names)


def _bools(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "boolean") for name in names)


# Entry


def _add_order(asked: Asked) -> list[dict[str, Any]]:
    params, exchange = asked.params, asked.venue.exchange
    pair = read_pair(asked.venue.catalog, params["pair"])
    validate = params.get("validate", False)
    actions.charge(asked, pair, 0 if validate else POINT)
    order = exchange.prepare(asked.owner, pair, _order_request(params, pair), soonest=SOCKET_DEADLINE_MIN)
    reply = {"descr": order_text(order)}
    if order.cl_ord_id is not None:
        reply["cl_ord_id"] = order.cl_ord_id
    if not validate:
        reply["txid"] = exchange.submit(order).txid
    return [reply]


def _order_request(params: dict[str, Any], pair: Pair) -> OrderRequest:
    """The order as REST would have it written. What version 1 does not offer is refused [doc]."""
    if params.get("ordertype") == "iceberg":
        raise KrakenError(invalid_arguments("ordertype"), "ordertype is 'iceberg', which version 1 does not take")
    if params.get("timeinforce", "").lower() == "fok":
        raise KrakenError(invalid_arguments("timeinforce"), "timeinforce is FOK; version 1 takes GTC, GTD, IOC")
    return OrderRequest(
        ordertype=params.get("ordertype"),
        type=params.get("type"),
        volume=params.get("volume"),
        price=params.get("price"),
        price2=params.get("price2"),
        leverage=_leverage(params, pair),
        reduce_only=params.get("reduce_only", False),
        stptype=_self_trade(params.get("stp_type")),
        oflags=params.get("oflags"),
        timeinforce=params.get("timeinforce"),
        starttm=params.get("starttm"),
        expiretm=params.get("expiretm"),
        close_ordertype=params.get("close[ordertype]"),
        close_price=params.get("close[price]"),
        close_price2=params.get("close[price2]"),
        userref=params.get("userref"),
        cl_ord_id=params.get("cl_ord_id"),
        sender_sub_id=params.get("sender_sub_id"),
        deadline=params.get("deadline"),
    )


def _leverage(params: dict[str, Any], pair: Pair) -> str | None:
    """That which is named; or with `margin` the highest that there is."""
    leverage: str | None = params.get("leverage")
    if not leverage and params.get("margin"):
        return actions.highest_leverage(pair, params.get("type", ""))
    return leverage


def _self_trade(text: str | None) -> str | None:
    if not text:
        return None
    if text not in _SELF_TRADES:
        reason = f"stp_type is {text[:40]!r}; it takes {', '.join(_SELF_TRADES)}"
        raise KrakenError(invalid_arguments("stptype"), reason)
    return _SELF_TRADES[text]


# Changes


def _amend_order(asked: Asked) -> list[dict[str, Any]]:
    params = asked.params
    txid, cl_ord_id = params.get("txid"), params.get("cl_ord_id")
    pair = read_pair(asked.venue.catalog, params["pair"]) if "pair" in params else None
    actions.charge_change(asked, txid, cl_ord_id, pair)
    request = AmendRequest(
        txid=txid,
        cl_ord_id=cl_ord_id,
        order_qty=params.get("volume"),
        display_qty=params.get("display_volume"),
        limit_price=params.get("limit_price"),
        trigger_price=params.get("trigger_price"),
        post_only=params.get("post_only", False),
        deadline=params.get("deadline"),
    )
    amend_id = asked.venue.exchange.amend_order(asked.owner, request, soonest=SOCKET_DEADLINE_MIN)
    named = {"cl_ord_id": cl_ord_id} if txid is None else {"txid": txid}
    return [{"amend_id": amend_id, **named}]


def _edit_order(asked: Asked) -> list[dict[str, Any]]:
    """Replace an order; the text shows the prices as they were sent [obs]."""
    params = asked.params
    pair = read_pair(asked.venue.catalog, params["pair"])
    orderid, validate = params.get("orderid"), params.get("validate", False)
    actions.charge_change(asked, orderid, pair=pair, units=0 if validate else POINT)
    if orderid and not EDITS_PARTLY_EXECUTED:
        _refuse_partly_executed(asked.owner, orderid)
    request = EditRequest(
        txid=orderid,
        userref=params.get("newuserref"),
        volume=params.get("volume"),
        price=params.get("price"),
        price2=params.get("price2"),
        oflags=params.get("oflags"),
        validate=validate,
    )
    old, new = asked.venue.exchange.edit_order(asked.owner, pair, request, soonest=SOCKET_DEADLINE_MIN)
    reply = {"originaltxid": old.txid, "descr": order_text(new, request.price, request.price2)}
    if new.txid:
        reply["txid"] = new.txid
    return [reply]


def _refuse_partly_executed(account: Account, orderid: str) -> None:
    userref = as_userref(orderid)
    for order in account.open.values():
        named = order.txid == orderid or (userref is not None and order.userref == userref)
        if named and order.vol_exec:
            raise KrakenError(errors.INVALID_ORDER, f"a part of order {order.txid} is executed", check="order")


# Cancelling


def _cancel_order(asked: Asked) -> list[dict[str, Any]]:
    """Cancel orders one by one; each has a reply of its own."""
    found = actions.cancel_each(asked, asked.params.get("txid", ()), asked.params.get("cl_ord_id", ()))
    return [{"status": "error", "errorMessage": one.message} if isinstance(one, KrakenError) else {} for one in found]


def _cancel_all(asked: Asked) -> list[dict[str, Any]]:
    return [{"count": asked.venue.exchange.cancel_all(asked.owner)}]


def _cancel_all_orders_after(asked: Asked) -> list[dict[str, Any]]:
    text = asked.params.get("timeout", "")
    if not _WHOLE.fullmatch(text):
        raise KrakenError(errors.INVALID_ARGUMENTS, f"timeout is {text[:40]!r}; it takes whole seconds, 0 for none")
    return [actions.set_switch(asked, int(text))]


METHODS = (
    Method(
        "addOrder",
        "Place an order, or only validate it",
        _add_order,
        all_of("modify-trades"),
        (
            _PAIR,
            *_texts("ordertype", "type", "volume", "price", "price2", "leverage", "oflags", "starttm", "expiretm"),
            *_texts("deadline", "userref", "cl_ord_id", "sender_sub_id", "stp_type", "timeinforce"),
            *_texts("close[ordertype]", "close[price]", "close[price2]"),
            *_bools("margin", "reduce_only", "validate"),
        ),
    ),
    Method(
        "amendOrder",
        "Change an order in place",
        _amend_order,
        _CHANGE,
        (
            *_texts("txid", "cl_ord_id", "volume", "display_volume", "limit_price", "trigger_price", "pair"),
            *_texts("deadline"),
            *_bools("post_only"),
        ),
    ),
    Method(
        "editOrder",
        "Replace an order by one with other terms",
        _edit_order,
        all_of("modify-trades", "close-trades"),
        (
            _PAIR,
            *_texts("orderid", "price", "price2", "volume", "oflags", "newuserref"),
            *_bools("validate"),
        ),
    ),
    Method(
        "cancelOrder",
        "Cancel orders by txid, userref or cl_ord_id, with a reply for each",
        _cancel_order,
        _CHANGE,
        (Field("txid", "array", items="string"), Field("cl_ord_id", "array", items="string")),
    ),
    Method("cancelAll", "Cancel every open order", _cancel_all, _CHANGE),
    Method(
        "cancelAllOrdersAfter",
        "Cancel every open order in a while, unless called again",
        _cancel_all_orders_after,
        _CHANGE,
        _texts("timeout"),
    ),
)
