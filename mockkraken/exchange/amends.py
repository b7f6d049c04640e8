"""Changing an open order: in place (amend), or by a new one instead (edit). Reference: kraken/30 §4."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mockkraken import decimals, errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import intake, orders, prices
from mockkraken.exchange.intake import OrderRequest
from mockkraken.exchange.orders import LIMITED, TRAILING, TWO_PRICED, Order

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.engine import Engine
    from mockkraken.exchange.prices import Written
    from mockkraken.exchange.triggers import Stop
    from mockkraken.settings import Settings


_INHERITED = ("fcib", "fciq", "nompp", "viqc")  # [doc] flags that an edit doesn't change


class AmendRequest(msgspec.Struct, kw_only=True):
    """An amend as its sender wrote it; None where nothing was sent."""

    txid: str | None = None
    cl_ord_id: str | None = None
    order_qty: str | None = None
    display_qty: str | None = None
    limit_price: str | None = None
    trigger_price: str | None = None
    post_only: bool = False
    deadline: str | None = None


class EditRequest(msgspec.Struct, kw_only=True):
    """An edit as its sender wrote it; None where nothing was sent, which leaves what the old order has."""

    txid: str | None = None
    userref: str | None = None
    volume: str | None = None
    displayvol: str | None = None
    price: str | None = None
    price2: str | None = None
    oflags: str | None = None
    deadline: str | None = None
    validate: bool = False


class Switches(NamedTuple):
    """What an edit over WebSocket v2 may change besides (kraken/50 §7.3); None leaves what the old order has."""

    trigger: str | None = None
    reduce_only: bool | None = None
    fee_in_base: bool | None = None


UNSWITCHED = Switches()


class Edited(NamedTuple):
    """The order that was replaced, and the one that came for it; that has no txid if it was only validated."""

    old: Order
    new: Order


# Amend


def read_amend(
    request: AmendRequest, order: Order, settings: Settings, now: int, soonest: int = intake.DEADLINE_MIN
) -> Order:
    """What the order would be: a copy with the new terms. `soonest`: how near the amend's deadline may lie, ns.

    Raises:
        KrakenError: nothing would change, the order has no such term, or it would break a rule of entry.
    """
    sent = (request.order_qty, request.display_qty, request.limit_price, request.trigger_price)
    if not any(sent):
        raise KrakenError(errors.INVALID_ARGUMENTS, "there is nothing to amend")
    changed = msgspec.structs.replace(order)
    if order.stop is not None:
        changed.stop = _copy(order.stop)
    if request.order_qty:
        changed.vol = intake.read_volume(request.order_qty, order.market.pair)
        if order.budget is not None:
            changed.budget = intake.budget_of(changed.vol, order.market.pair)
    if request.limit_price:
        _set_limit(changed, request.limit_price)
    if request.trigger_price:
        _set_trigger(changed, request.trigger_price)
    if request.display_qty:
        changed.display = intake.read_display(request.display_qty, order, changed.remaining)
    elif order.display is not None:
        intake.check_shown(order.display, changed.remaining, order.market.pair)
    if _same(order, changed):
        raise KrakenError(errors.NO_AMENDABLE_PARAMETERS, "the order has these terms already", check="order")
    if changed.vol > order.vol_exec or not order.vol_exec:
        intake.check_minimums(changed, settings)
    if request.deadline:
        intake.check_deadline(request.deadline, now, soonest)
    return changed


def _copy(stop: Stop) -> Stop:
    """The stop's terms, and where it stands; it waits nowhere."""
    copied = msgspec.structs.replace(stop, group=None)
    copied.reached = stop.extreme
    return copied


def _set_limit(order: Order, text: str) -> None:
    """The new limit price; relative to the market's, but of a trailing order to its trigger price."""
    if order.ordertype not in LIMITED | TWO_PRICED:
        reason = f"a {order.ordertype} order has no limit price"
        raise KrakenError(errors.INVALID_LIMIT_PRICE, reason, check="order")
    pair = order.market.pair
    waiting = order.stop is not None and not order.stop.fired
    if waiting and order.ordertype in TRAILING:
        assert order.stop is not None
        order.stop.limit = prices.distance(text, pair, errors.INVALID_LIMIT_PRICE, signs="+-")
        return
    price = prices.at_market(prices.amended(text, pair), order.market)
    if order.stop is not None:
        order.stop.limit = prices.Written("", price)
    if not waiting:
        order.limit, order.limit_written = price, None


def _set_trigger(order: Order, text: str) -> None:
    stop = order.stop
    if stop is None or stop.fired:
        reason = f"this {order.ordertype} order waits for no trigger"
        raise KrakenError(errors.INVALID_TRIGGER_PRICE, reason, check="order")
    if stop.trailing:
        stop.price = prices.distance(text, order.market.pair, errors.INVALID_TRIGGER_PRICE, signs="+")
        return
    price = prices.at_market(prices.amended(text, order.market.pair), order.market, stop.signal)
    stop.price, stop.fixed = prices.Written("", price), price


def _same(order: Order, changed: Order) -> bool:
    return _terms(order) == _terms(changed)


def _terms(order: Order) -> tuple[object, ...]:
    """What an amend may change: the prices as they come out, of a waiting trailing order its distances."""
    stop = order.stop
    if stop is None or stop.fired or not stop.trailing:
        return order.vol, order.display, order.planned_limit, stop and stop.fixed
    return order.vol, order.display, stop.limit, stop.price


def apply(engine: Engine, order: Order, changed: Order, *, post: bool, now: int) -> str:
    """Give an open order the terms of its changed copy; the id of the change.

    It keeps its place in the queue if its price stays and its volume does not grow [doc for the price, inf].

    Raises:
        KrakenError: the funds don't cover it, it may not take and would, or it would trigger at once.
    """
    changed.post = order.post or post
    if order.vol_exec and changed.vol <= order.vol_exec:
        engine.note_terms(order, order.opentm, "original")
        engine.unbook(order, now)  # What has traded and is open rests there.
        order.vol = order.vol_exec
        amend = engine.note_terms(order, now, "user", orders.USER_REQUESTED, post=changed.post)
        engine.tell(order, "amended")
        engine.withdraw(order, now, orders.USER_REQUESTED)
        return amend.id
    if order.place == "book":
        return _apply_in_book(engine, order, changed, now)
    if order.place == "triggers":
        _check_waiting(engine, order, changed)
    engine.note_terms(order, order.opentm, "original")
    waiting = order.place == "triggers"
    if waiting:
        assert order.stop is not None
        order.market.triggers.remove(order.stop)
        order.place = ""
    _take_over(order, changed)
    amend = engine.note_terms(order, now, "user", orders.USER_REQUESTED, post=changed.post)
    engine.tell(order, "amended")
    if waiting:
        engine.wait(order, now)
    return amend.id


def _apply_in_book(engine: Engine, order: Order, changed: Order, now: int) -> str:
    found = engine.checks.examine(changed, instead_of=order)
    if changed.post and found.takes:
        raise engine.checks.would_take(changed)
    engine.note_terms(order, order.opentm, "original")
    stays = changed.limit == order.limit and changed.vol <= order.vol
    resized = changed.display != order.display
    shown = order.offered
    if not stays:
        engine.unbook(order, now)
    _take_over(order, changed)
    amend = engine.note_terms(order, now, "user", orders.USER_REQUESTED, post=changed.post)
    engine.tell(order, "amended")
    if stays:
        if order.display is not None:
            # What is left of a slice stays so: it came in before others.
            order.shown = min(order.display if resized else order.shown, order.remaining)
        order.market.book.adjust(order, shown, now)
        engine.shows(order)
    else:
        engine.execute(order, found, now)
    return amend.id


def _check_waiting(engine: Engine, order: Order, changed: Order) -> None:
    """Whether a stop may go on waiting on its new terms. One that has its price already is no amend [guess]."""
    stop = changed.stop
    assert stop is not None
    reference = order.market.reference(stop.signal)
    if engine.refuses_reached() and reference is not None and stop.would_fire(reference):
        at = order.market.pair.price_text(reference)
        raise KrakenError(errors.INVALID_TRIGGER_PRICE, f"it would trigger immediately, at {at}", check="order")
    engine.checks.stop(changed, instead_of=order)


def _take_over(order: Order, changed: Order) -> None:
    """The new terms, and what they hold."""
    order.vol, order.budget, order.display = changed.vol, changed.budget, changed.display
    order.limit, order.limit_written = changed.limit, changed.limit_written
    order.rate, order.highest_rate = changed.rate, changed.highest_rate
    stop, new = order.stop, changed.stop
    if stop is not None and new is not None:
        stop.price, stop.fixed, stop.limit = new.price, new.fixed, new.limit
    order.account.held[order.hold_asset.id] += changed.hold - order.hold
    order.hold = changed.hold


# Edit


def replacement(old: Order, pair: Pair, request: EditRequest, switches: Switches = UNSWITCHED) -> OrderRequest:
    """The request for the order that comes instead of `old`: what was not sent stays, but `post` and the userref.

    Raises:
        KrakenError: an order like that can't be edited, or more of it is executed than it is to have.
    """
    refusal = _why_not(old, pair, request)
    if refusal:
        raise KrakenError(errors.INVALID_ORDER, refusal, check="order")
    stop = old.stop
    volume, display = request.volume, request.displayvol
    if not volume:
        volume = decimals.fmt(old.remaining, pair.lot_decimals)
    if not display and old.display is not None:
        display = decimals.fmt(min(old.display, intake.read_volume(volume, pair)), pair.lot_decimals)
    sent = [flag for flag in (request.oflags or "").split(",") if flag.strip() not in ("", *_INHERITED)]
    in_base = old.fee_in_base if switches.fee_in_base is None else switches.fee_in_base
    inherited = (("fcib", in_base), ("nompp", old.nompp), ("viqc", old.budget is not None))
    flags = [flag for flag, on in inherited if on]
    return OrderRequest(
        ordertype=old.ordertype,
        type=old.side,
        volume=volume,
        price=request.price or _price_of(old, pair),
        price2=request.price2 or (stop.limit.text(pair) if stop and stop.limit else None),
        displayvol=display,
        trigger=switches.trigger or (stop.signal if stop else None),
        leverage=str(old.leverage) if old.leverage else None,
        reduce_only=old.reduce_only if switches.reduce_only is None else switches.reduce_only,
        stptype=old.stptype,
        oflags=",".join([*flags, *sent]) or None,
        userref=request.userref,
        sender_sub_id=old.sender_sub_id,
        deadline=request.deadline,
    )


def _why_not(old: Order, pair: Pair, request: EditRequest) -> str:
    """Why the order can't be edited [doc, kraken/30 §4.3]; empty: it can."""
    if old.market.pair.id != pair.id:
        return f"the order is one of {old.market.pair.altname}"
    if old.stop is not None and old.stop.fired:
        return "its trigger has fired"
    if old.close is not None:
        return "it has a conditional close"
    if old.cl_ord_id is not None:
        return "it has a cl_ord_id"
    if request.volume and old.vol_exec and intake.read_volume(request.volume, pair) < old.vol_exec:
        return f"{decimals.fmt(old.vol_exec, pair.lot_decimals)} of it are executed"
    return ""


def _price_of(old: Order, pair: Pair) -> str | None:
    """The old order's first price: resolved, but the distance of a trailing one."""
    if old.stop is not None:
        price: Written = old.stop.price
        return price.text(pair) if old.stop.fixed is None else prices.price_text(old.stop.fixed, pair)
    return None if old.limit is None else prices.price_text(old.limit, pair)


def inherit(old: Order, new: Order) -> None:
    """What an edit can't change and a request can't say as exactly: times."""
    new.starttm, new.expiretm, new.time_in_force = old.starttm, old.expiretm, old.time_in_force
    if old.place != "schedule":
        new.starttm = 0
