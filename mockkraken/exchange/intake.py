"""From what a client wrote to an order: every rule that needs no look at the account's funds or the book's depth.

The fields are texts, as REST, JSON and WebSocket alike deliver them. Checks run in the order of kraken/30 §5.3; the
first that fails answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar, get_args

import msgspec

from mockkraken import clock, decimals, errors
from mockkraken.catalog import Pair
from mockkraken.decimals import TEN_TO
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange.accounts import Account
from mockkraken.exchange.market import Market
from mockkraken.exchange.orders import Order, OrderType, SelfTrade, Side, TimeInForce
from mockkraken.settings import Settings

VOLUME_MAX = 10**15  # [guess] base units; above is "absurd", kraken/30 §5.2
PRICE_MAX = 10**15  # [guess] quote units; above is EOrder:Invalid price
FREE_CL_ORD_ID_MAX = 18  # [doc] kraken/30 §2.6
DEADLINE_MIN, DEADLINE_MAX = 2 * clock.SECOND, 60 * clock.SECOND  # [doc] kraken/30 §2.1

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_INT32 = re.compile(r"-?[0-9]{1,10}")
_FLAGS = frozenset(("post", "fcib", "fciq", "nompp", "viqc"))
_NO_FLAGS: frozenset[str] = frozenset()
# The words that a field takes, by themselves: what is kept is ours, not the copy that came with the request.
_ORDER_TYPES: dict[str, OrderType] = {word: word for word in get_args(OrderType)}
_SIDES: dict[str, Side] = {word: word for word in get_args(Side)}
_TIMES_IN_FORCE: dict[str, TimeInForce] = {word: word for word in get_args(TimeInForce)}
_SELF_TRADES: dict[str, SelfTrade] = {word: word for word in get_args(SelfTrade)}

T = TypeVar("T", bound=str)


class OrderRequest(msgspec.Struct, kw_only=True):
    """An order as its sender wrote it; None where nothing was sent. Names are those of AddOrder (kraken/30 §2.1)."""

    ordertype: str | None = None
    type: str | None = None
    volume: str | None = None
    price: str | None = None
    displayvol: str | None = None
    trigger: str | None = None
    leverage: str | None = None
    reduce_only: bool = False
    stptype: str | None = None
    oflags: str | None = None
    timeinforce: str | None = None
    starttm: str | None = None
    expiretm: str | None = None
    close_ordertype: str | None = msgspec.field(default=None, name="close[ordertype]")
    close_price: str | None = msgspec.field(default=None, name="close[price]")
    close_price2: str | None = msgspec.field(default=None, name="close[price2]")
    userref: str | None = None
    cl_ord_id: str | None = None
    deadline: str | None = None


def read_order(request: OrderRequest, account: Account, market: Market, settings: Settings, now: int) -> Order:
    """Turn a request into an order that the exchange has not accepted yet.

    Raises:
        KrakenError: the first rule of kraken/30 §5.2 that the request breaks.
    """
    pair = market.pair
    flags = _flag_tokens(request.oflags) if request.oflags else _NO_FLAGS
    if pair.status != "online":
        _check_status(pair, request, flags)
    ordertype = _one_of(_ORDER_TYPES, request.ordertype, "ordertype")
    side = _one_of(_SIDES, request.type, "type")
    volume = _volume(request.volume, pair)
    limit = _limit_price(request.price, pair) if ordertype == "limit" else None
    if flags:
        _check_flags(flags, ordertype)
    time_in_force = _time_in_force(request.timeinforce, ordertype, flags) if request.timeinforce else "gtc"
    _check_unoffered(request)
    stptype = _one_of(_SELF_TRADES, request.stptype, "stptype") if request.stptype else "cancel-newest"
    userref, cl_ord_id = _references(request, account)
    order = Order(
        account=account,
        market=market,
        side=side,
        ordertype=ordertype,
        vol=volume,
        limit=limit,
        time_in_force=time_in_force,
        post="post" in flags,
        fee_in_base="fcib" in flags,
        nompp="nompp" in flags,
        reduce_only=request.reduce_only,
        stptype=stptype,
        userref=userref,
        cl_ord_id=cl_ord_id,
    )
    _check_minimums(order, settings)
    if request.deadline is not None:
        _check_deadline(request.deadline, now)
    return order


def _one_of(offered: Mapping[str, T], text: str | None, name: str) -> T:
    known = offered.get(text) if text else None
    if known is None:
        raise KrakenError(invalid_arguments(name), f"{name} is {_shown(text)}; it takes {', '.join(offered)}")
    return known


def _shown(text: str | None) -> str:
    """A client's text in a reason, cut to a bearable length."""
    return repr(text if text is None else text[:40])


def _flag_tokens(oflags: str) -> frozenset[str]:
    return frozenset(flag.strip() for flag in oflags.split(","))


def _check_status(pair: Pair, request: OrderRequest, flags: frozenset[str]) -> None:
    """Whether a pair that is not online takes such an order at all (kraken/30 §5.2, kraken/10 §7)."""
    status = pair.status
    limit = request.ordertype == "limit"
    if (status == "post_only" and limit and "post" in flags) or (status == "limit_only" and limit):
        return
    raise KrakenError(errors.market_in_mode(status), f"{pair.altname} is {status}", check="status")


def _volume(text: str | None, pair: Pair) -> int:
    """Base volume in lot units; digits beyond the lot's decimals are cut off [guess, excess_volume_decimals]."""
    try:
        if not text or text[0] in "+-":
            raise decimals.NotADecimal
        volume = decimals.truncate(text, pair.lot_decimals)
        if volume > VOLUME_MAX * TEN_TO[pair.lot_decimals] or (not volume and not text.strip("0.")):
            raise decimals.NotADecimal
    except decimals.NotADecimal:
        reason = f"volume is {_shown(text)}; it takes a decimal number above 0 and at most {VOLUME_MAX}"
        raise KrakenError(invalid_arguments("volume"), reason) from None
    return volume


def _limit_price(text: str | None, pair: Pair) -> int:
    """Price in price units, no finer than the pair's decimals."""
    if not text:
        raise KrakenError(invalid_arguments("price"), "a limit order needs a price")
    try:
        if text[0] in "+-":
            raise decimals.NotADecimal
        price = decimals.parse(text, pair.pair_decimals)
    except decimals.NotADecimal:
        raise KrakenError(errors.INVALID_PRICE_ARGUMENT, f"price is {_shown(text)}, no plain decimal number") from None
    except decimals.TooManyDecimals:
        message = errors.too_many_price_decimals(pair.wsname, pair.pair_decimals)
        raise KrakenError(message, f"price is {_shown(text)}") from None
    if not 0 < price <= PRICE_MAX * TEN_TO[pair.pair_decimals]:
        raise KrakenError(errors.INVALID_PRICE, f"price is {_shown(text)}; it lies above 0 and at most at {PRICE_MAX}")
    return price * TEN_TO[pair.price_scale - pair.pair_decimals]


def _check_flags(flags: frozenset[str], ordertype: OrderType) -> None:
    if flags - _FLAGS or {"fcib", "fciq"} <= flags:
        raise KrakenError(invalid_arguments("oflags"), f"oflags are {_shown(', '.join(sorted(flags)))}")
    if "post" in flags and ordertype != "limit":
        raise KrakenError(invalid_arguments("postonly"), f"a {ordertype} order can't be post-only")
    if "viqc" in flags:
        raise KrakenError(invalid_arguments("viqc"), "volume in quote currency is not offered here")


def _time_in_force(text: str, ordertype: OrderType, flags: frozenset[str]) -> TimeInForce:
    time_in_force = _one_of(_TIMES_IN_FORCE, text.lower(), "timeinforce")
    if time_in_force == "fok" and ordertype == "market":
        raise KrakenError(invalid_arguments("timeinforce"), "fill or kill needs a limit price")
    if time_in_force != "gtc" and "post" in flags:
        raise KrakenError(invalid_arguments("timeinforce"), f"{time_in_force} takes at once, post-only never does")
    return time_in_force


def _check_unoffered(request: OrderRequest) -> None:
    """Arguments of triggered, timed, iceberg, margin and conditional orders, which are not offered."""
    if request.starttm not in (None, "", "0"):
        raise KrakenError(
            invalid_arguments("starttm"), f"starttm is {_shown(request.starttm)}; only 0 (now) is offered"
        )
    if request.expiretm not in (None, "", "0"):
        raise KrakenError(
            invalid_arguments("expiretm"), f"expiretm is {_shown(request.expiretm)}; only 0 (none) is offered"
        )
    if request.trigger:
        raise KrakenError(invalid_arguments("trigger"), "only triggered orders have a trigger")
    if request.leverage not in (None, "", "none", "0"):
        raise KrakenError(
            invalid_arguments("leverage"), f"leverage is {_shown(request.leverage)}; only none is offered"
        )
    if request.displayvol:
        raise KrakenError(invalid_arguments("display-volume"), "only iceberg orders have a display volume")
    if request.close_ordertype or request.close_price or request.close_price2:
        raise KrakenError(invalid_arguments("close"), "conditional close is not offered")


def _references(request: OrderRequest, account: Account) -> tuple[int | None, str | None]:
    """Read userref and cl_ord_id, at most one of them (kraken/30 §2.6)."""
    userref = None
    if request.userref:
        userref = as_userref(request.userref)
        if userref is None:
            reason = f"userref is {_shown(request.userref)}; it takes a signed 32-bit integer"
            raise KrakenError(invalid_arguments("userref"), reason)
    if request.cl_ord_id is None:
        return userref, None
    if userref is not None:
        raise KrakenError(errors.INVALID_ARGUMENTS, "userref and cl_ord_id exclude each other")
    text = request.cl_ord_id
    free = 0 < len(text) <= FREE_CL_ORD_ID_MAX and text.isascii() and text.isprintable()
    if not free and not _UUID.fullmatch(text):
        reason = f"cl_ord_id has {len(text)} characters; it takes a UUID, 32 hex digits or up to 18 printable ones"
        raise KrakenError(invalid_arguments("cl_ord_id"), reason)
    check_unique(text, account)
    return None, text


def cl_ord_key(cl_ord_id: str) -> str:
    """What makes two cl_ord_ids the same: 128 bits, in whichever form they are written (kraken/30 §2.6)."""
    return cl_ord_id.replace("-", "").lower() if _UUID.fullmatch(cl_ord_id) else cl_ord_id


def check_unique(cl_ord_id: str, account: Account) -> None:
    """Whether no open order of the account bears the cl_ord_id.

    Raises:
        KrakenError: one does.
    """
    if cl_ord_key(cl_ord_id) in account.open_by_cl_ord_id:
        raise KrakenError(errors.CL_ORD_ID_NOT_UNIQUE, f"an open order has the cl_ord_id {cl_ord_id!r}")


def as_userref(text: str) -> int | None:
    """The userref that a text stands for, a signed 32-bit integer; None: it is none."""
    return int(text) if _INT32.fullmatch(text) and -(2**31) <= int(text) < 2**31 else None


def _check_minimums(order: Order, settings: Settings) -> None:
    pair = order.market.pair
    if order.vol < max(pair.ordermin, 1):
        volume, least = (decimals.fmt(units, pair.lot_decimals) for units in (order.vol, pair.ordermin))
        reason = f"volume {volume} is below the {least} of {pair.altname}"
        raise KrakenError(settings.by_dialect("below_ordermin_error"), reason)
    price = order.limit
    if price is None:
        best = order.market.book.best_opposite(order.side)
        if best is None:
            return
        price = best.price
    elif price % pair.tick:
        reason = f"price {pair.price_text(price)} is no multiple of {pair.price_text(pair.tick)}"
        raise KrakenError(errors.TICK_SIZE_CHECK_FAILED, reason)
    if (cost := pair.cost(price, order.vol)) < pair.costmin:
        cost_text, least = (decimals.fmt(units, pair.cost_decimals) for units in (cost, pair.costmin))
        raise KrakenError(errors.COST_MINIMUM_NOT_MET, f"cost {cost_text} is below the {least} of {pair.altname}")


def _check_deadline(text: str, now: int) -> None:
    try:
        if "-" not in text:  # unix seconds are a time elsewhere, not here
            raise clock.ClockError
        deadline = clock.parse_time(text)
    except clock.ClockError:
        raise KrakenError(invalid_arguments("deadline"), f"deadline is {text[:40]!r}, no RFC 3339 time") from None
    if deadline <= now:
        reason = f"deadline {text} has passed: it is {clock.rfc3339(now)}"
        raise KrakenError(errors.DEADLINE_ELAPSED, reason, check="order")
    if not now + DEADLINE_MIN <= deadline <= now + DEADLINE_MAX:
        reason = f"deadline {text} is not 2 to 60 s ahead of {clock.rfc3339(now)}"
        raise KrakenError(invalid_arguments("deadline"), reason)
