"""Orders as version 2 writes them, put into REST's words, in which the exchange takes them (kraken/50 §7.1 to §7.3).

What a field means that REST has too is the exchange's to judge, and so is the text that refuses it. Words that only
version 2 has are judged here; what refuses those names the field [guess].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mockkraken import errors
from mockkraken.clock import SECOND, ClockError, parse_time
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange import OrderRequest
from mockkraken.exchange.amends import AmendRequest, EditRequest, Switches
from mockkraken.exchange.orders import LIMITED, TRIGGERED, TWO_PRICED
from mockkraken.ws.actions import highest_leverage
from mockkraken.ws.declared import Field

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Order

_TRIGGERS = (
    Field("price", "number_float", required=True),
    Field("price_type", "string"),
    Field("reference", "string"),
)
_CONDITIONAL = (
    Field("order_type", "string", required=True),
    Field("limit_price", "number_float"),
    Field("limit_price_type", "string"),
    Field("trigger_price", "number_float"),
    Field("trigger_price_type", "string"),
    Field("stop_price", "number_float"),
)
ORDER_FIELDS = (
    Field("order_type", "string", required=True),
    Field("side", "string", required=True),
    Field("order_qty", "number_float"),
    Field("cash_order_qty", "number_float"),
    Field("display_qty", "number_float"),
    Field("limit_price", "number_float"),
    Field("limit_price_type", "string"),
    Field("triggers", "object", fields=_TRIGGERS),
    Field("conditional", "object", fields=_CONDITIONAL),
    Field("time_in_force", "string"),
    Field("effective_time", "string"),
    Field("expire_time", "string"),
    Field("margin", "boolean"),
    Field("reduce_only", "boolean"),
    Field("post_only", "boolean"),
    Field("fee_preference", "string"),
    Field("no_mpp", "boolean"),
    Field("stp_type", "string"),
    Field("cl_ord_id", "string"),
    Field("order_userref", "number_integer"),
    Field("sender_sub_id", "string"),
    Field("stop_price", "number_float"),
    Field("trigger", "string"),
)
"""Of an order by itself, and of each of a batch."""

AMEND_FIELDS = (
    Field("order_id", "string"),
    Field("cl_ord_id", "string"),
    Field("order_qty", "number_float"),
    Field("display_qty", "number_float"),
    Field("limit_price", "number_float"),
    Field("limit_price_type", "string"),
    Field("trigger_price", "number_float"),
    Field("trigger_price_type", "string"),
    Field("post_only", "boolean"),
    Field("deadline", "string"),
    Field("symbol", "string"),
)
EDIT_FIELDS = (
    Field("order_id", "string", required=True),
    Field("symbol", "string", required=True),
    Field("order_qty", "number_float"),
    Field("display_qty", "number_float"),
    Field("limit_price", "number_float"),
    Field("triggers", "object", fields=_TRIGGERS),
    Field("reduce_only", "boolean"),
    Field("post_only", "boolean"),
    Field("fee_preference", "string"),
    Field("no_mpp", "boolean"),
    Field("order_userref", "number_integer"),
    Field("deadline", "string"),
    Field("validate", "boolean"),
    Field("price", "number_float"),
    Field("stop_price", "number_float"),
    Field("trigger", "string"),
)

# [doc] kraken/50 §7.1. REST's list has icebergs too.
_CONDITIONAL_TYPES = ("limit", *sorted(TRIGGERED))
_SELF_TRADES = {f"cancel_{which}": f"cancel-{which}" for which in ("newest", "oldest", "both")}
_FEES = {"base": "fcib", "quote": "fciq"}
_FLAGS = {"post_only": "post", "no_mpp": "nompp"}


def refuse_incomplete(params: dict[str, Any]) -> None:
    """Look for what an order of its type can't do without (kraken/50 §4.2).

    Raises:
        KrakenError: it is missing.
    """
    if "cash_order_qty" not in params:
        _require(params, "order_qty")
    _require_prices(params, params["order_type"], "triggers")
    if conditional := params.get("conditional"):
        _require_prices(conditional, conditional["order_type"], "trigger_price")


def refuse_incomplete_batch(params: dict[str, Any]) -> None:
    """The same of each order of a batch.

    Raises:
        KrakenError: one lacks something.
    """
    for order in params["orders"]:
        refuse_incomplete(order)


def _require_prices(params: dict[str, Any], order_type: str, trigger: str) -> None:
    if order_type in TRIGGERED and "stop_price" not in params:
        _require(params, trigger)
    if order_type in LIMITED | TWO_PRICED:
        _require(params, "limit_price")


def _require(params: dict[str, Any], name: str) -> None:
    if name not in params:
        raise KrakenError(errors.not_found(name), f"{name} is missing")


def order_request(params: dict[str, Any], pair: Pair, deadline: str | None = None) -> OrderRequest:
    """An order in REST's words.

    Args:
        params: its fields, none that it needs missing.
        pair: what is to be traded.
        deadline: as it was sent.

    Raises:
        KrakenError: a word is none of those that version 2 has.
    """
    order_type, cash = params["order_type"], params.get("cash_order_qty")
    if cash is not None and "order_qty" in params:
        raise KrakenError(errors.INVALID_ARGUMENTS, "order_qty and cash_order_qty exclude each other")
    flags = [flag for name, flag in _FLAGS.items() if params.get(name)]
    if "fee_preference" in params:
        flags.append(_word(_FEES, params, "fee_preference"))
    if cash is not None:
        flags.append("viqc")
    triggers = _triggers(params, waits=order_type in TRIGGERED)
    request = OrderRequest(
        ordertype=order_type,
        type=params["side"],
        volume=params.get("order_qty", cash),
        displayvol=params.get("display_qty"),
        trigger=triggers.reference,
        leverage=highest_leverage(pair, params["side"]) if params.get("margin") else None,
        reduce_only=params.get("reduce_only", False),
        stptype=_word(_SELF_TRADES, params, "stp_type", "stptype") if "stp_type" in params else None,
        oflags=",".join(flags) or None,
        timeinforce=params.get("time_in_force"),
        starttm=_unix_seconds(params, "effective_time", "starttm"),
        expiretm=_unix_seconds(params, "expire_time", "expiretm"),
        userref=_whole(params, "order_userref"),
        cl_ord_id=params.get("cl_ord_id"),
        sender_sub_id=params.get("sender_sub_id"),
        deadline=deadline,
    )
    limit = _price(params, "limit_price", "limit_price_type")
    request.price, request.price2 = (triggers.price, limit) if order_type in TRIGGERED else (limit, None)
    if "conditional" in params:
        _write_close(request, params["conditional"])
    return request


class _Triggers(NamedTuple):
    """What an order waits for: the price as REST writes it, and whose."""

    price: str | None
    reference: str | None


def _triggers(params: dict[str, Any], *, waits: bool) -> _Triggers:
    """From `triggers`; without it from the fields that it has replaced. `waits`: whether such orders have one."""
    triggers = params.get("triggers")
    if triggers is None:
        return _Triggers(_price(params, "stop_price"), params.get("trigger"))
    # Those that wait for nothing are refused for having a trigger at all, so it must have a name.
    reference = triggers.get("reference") or (None if waits else "last")
    return _Triggers(_price(triggers, "price", "price_type"), reference)


def _write_close(request: OrderRequest, conditional: dict[str, Any]) -> None:
    order_type = conditional["order_type"]
    if order_type not in _CONDITIONAL_TYPES:
        reason = f"conditional.order_type is {order_type[:40]!r}; it takes {', '.join(_CONDITIONAL_TYPES)}"
        raise KrakenError(invalid_arguments("close"), reason)
    limit = _price(conditional, "limit_price", "limit_price_type")
    trigger = _price(conditional, "trigger_price", "trigger_price_type") or _price(conditional, "stop_price")
    request.close_ordertype = order_type
    if order_type in TRIGGERED:
        request.close_price, request.close_price2 = trigger, limit if order_type in TWO_PRICED else None
    else:
        request.close_price = limit


def amend_request(params: dict[str, Any]) -> AmendRequest:
    """An amend in REST's words.

    Raises:
        KrakenError: as `order_request`.
    """
    return AmendRequest(
        txid=params.get("order_id"),
        cl_ord_id=params.get("cl_ord_id"),
        order_qty=params.get("order_qty"),
        display_qty=params.get("display_qty"),
        limit_price=_price(params, "limit_price", "limit_price_type"),
        trigger_price=_price(params, "trigger_price", "trigger_price_type"),
        post_only=params.get("post_only", False),
        deadline=params.get("deadline"),
    )


def edit_request(params: dict[str, Any], old: Order | None) -> tuple[EditRequest, Switches]:
    """An edit in REST's words, and what REST has no words for.

    Args:
        params: its fields.
        old: the order that is to be replaced; None: there is none, and it will be refused.

    Raises:
        KrakenError: as `order_request`.
    """
    triggered = old is not None and old.stop is not None
    limit = _price(params, "limit_price") or _price(params, "price")
    triggers = _triggers(params, waits=triggered)
    request = EditRequest(
        txid=params["order_id"],
        userref=_whole(params, "order_userref"),
        volume=params.get("order_qty"),
        displayvol=params.get("display_qty"),
        price=triggers.price if triggered else limit,
        price2=limit if triggered else None,
        oflags="post" if params.get("post_only") else None,
        deadline=params.get("deadline"),
        validate=params.get("validate", False),
    )
    fee = _word(_FEES, params, "fee_preference") if "fee_preference" in params else None
    return request, Switches(
        trigger=triggers.reference,
        reduce_only=params.get("reduce_only"),
        fee_in_base=None if fee is None else fee == "fcib",
    )


def _price(params: dict[str, Any], name: str, type_name: str = "") -> str | None:
    """A price as REST writes it (kraken/30 §2.2): `60000`, `+10`, `-1.5%`; None: it was not sent.

    Raises:
        KrakenError: there is no such type of price, or it lies below zero where it is no distance.
    """
    text: str | None = params.get(name)
    kind = params.get(type_name, "static")
    if kind not in ("static", "pct", "quote"):
        raise KrakenError(invalid_arguments(type_name), f"{type_name} is {kind[:40]!r}; it takes static, pct or quote")
    if text is None:
        return None
    if kind == "static":
        if text.startswith("-"):
            raise KrakenError(errors.INVALID_PRICE, f"{name} is {text[:40]}; below zero may only a distance be")
        return text
    signed = text if text.startswith("-") else f"+{text}"
    return f"{signed}%" if kind == "pct" else signed


def _word(words: dict[str, str], params: dict[str, Any], name: str, detail: str = "") -> str:
    word = words.get(params[name])
    if word is None:
        reason = f"{name} is {params[name][:40]!r}; it takes {', '.join(words)}"
        raise KrakenError(invalid_arguments(detail or name), reason)
    return word


def _whole(params: dict[str, Any], name: str) -> str | None:
    return str(params[name]) if name in params else None


def _unix_seconds(params: dict[str, Any], name: str, detail: str) -> str | None:
    """A time as REST writes it; what is finer than a second is cut off [doc, kraken/50 §2.6].

    Raises:
        KrakenError: it is no RFC 3339 time.
    """
    text: str | None = params.get(name)
    if text is None:
        return None
    try:
        if "-" not in text:  # unix seconds are a time elsewhere, not here
            raise ClockError
        seconds = parse_time(text) // SECOND
        if seconds <= 0:  # which REST would take for no time at all
            raise ClockError
    except ClockError:
        raise KrakenError(invalid_arguments(detail), f"{name} is {text[:40]!r}, no RFC 3339 time to come") from None
    return str(seconds)
