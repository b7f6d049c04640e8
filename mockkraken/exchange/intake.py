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
from mockkraken.exchange import prices, service
from mockkraken.exchange.accounts import Account
from mockkraken.exchange.market import Market
from mockkraken.exchange.orders import (
    LIMITED,
    TRAILING,
    TWO_PRICED,
    Close,
    Order,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
    opposite,
    rises,
)
from mockkraken.exchange.prices import Written
from mockkraken.exchange.service import SystemStatus
from mockkraken.exchange.triggers import Signal, Stop
from mockkraken.settings import Settings

VOLUME_MAX = 10**15  # [guess] base units; above is "absurd", kraken/30 §5.2
FREE_CL_ORD_ID_MAX = 18  # [doc] kraken/30 §2.6
DEADLINE_MIN, DEADLINE_MAX = 2 * clock.SECOND, 60 * clock.SECOND  # [doc] kraken/30 §2.1, over REST
SOCKET_DEADLINE_MIN = clock.SECOND // 2  # [doc] kraken/30 §2.1, over both WebSockets
EXPIRE_MIN, EXPIRE_MAX = 5 * clock.SECOND, 31 * clock.DAY  # [doc], the month's length is a [guess]
START_MAX = EXPIRE_MAX  # [guess]
DISPLAY_PARTS = 15  # [doc] kraken/30 §8.5: an iceberg shows at least that part of its volume
EXCESS_VOLUME_DECIMALS = "truncate"  # [guess] kraken/30 §5.2; or "refuse"

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_INT32 = re.compile(r"-?[0-9]{1,10}")
_LEVERAGE = re.compile(r"([0-9]{1,3})(?::1)?")
_SECONDS = re.compile(r"(\+?)([0-9]{1,11})")
_FLAGS = frozenset(("post", "fcib", "fciq", "nompp", "viqc"))
_NO_FLAGS: frozenset[str] = frozenset()
# The words that a field takes, by themselves: what is kept is ours, not the copy that came with the request.
_ORDER_TYPES: dict[str, OrderType] = {word: word for word in get_args(OrderType)}
_CLOSE_TYPES: dict[str, OrderType] = {
    word: word for word in _ORDER_TYPES.values() if word not in ("market", "settle-position")
}
_SIDES: dict[str, Side] = {word: word for word in get_args(Side)}
_TIMES_IN_FORCE: dict[str, TimeInForce] = {word: word for word in get_args(TimeInForce)}
_SELF_TRADES: dict[str, SelfTrade] = {word: word for word in get_args(SelfTrade)}
_SIGNALS: dict[str, Signal] = {word: word for word in get_args(Signal)}

T = TypeVar("T", bound=str)


class OrderRequest(msgspec.Struct, kw_only=True):
    """An order as its sender wrote it; None where nothing was sent. Names are those of AddOrder (kraken/30 §2.1)."""

    ordertype: str | None = None
    type: str | None = None
    volume: str | None = None
    price: str | None = None
    price2: str | None = None
    displayvol: str | None = None
    trigger: str | None = None
    leverage: str | None = None
    reduce_only: bool = False
    stptype: str | None = None
    oflags: str | None = None
    timeinforce: str | None = None
    starttm: str | None = None
    expiretm: str | None = None
    close: str | None = None
    close_ordertype: str | None = msgspec.field(default=None, name="close[ordertype]")
    close_price: str | None = msgspec.field(default=None, name="close[price]")
    close_price2: str | None = msgspec.field(default=None, name="close[price2]")
    userref: str | None = None
    cl_ord_id: str | None = None
    sender_sub_id: str | None = None
    deadline: str | None = None


def read_order(
    request: OrderRequest,
    account: Account,
    market: Market,
    settings: Settings,
    system: SystemStatus,
    now: int,
    *,
    soonest: int = DEADLINE_MIN,
) -> Order:
    """Turn a request into an order that the exchange has not accepted yet.

    `soonest`: how near its deadline may lie, ns.

    Raises:
        KrakenError: the first rule of kraken/30 §5.2 that the request breaks.
    """
    pair = market.pair
    flags = _flag_tokens(request.oflags) if request.oflags else _NO_FLAGS
    if system != "online" or pair.status != "online":
        service.check_entry(system, pair, request.ordertype, post="post" in flags, reduce_only=request.reduce_only)
    ordertype = _one_of(_ORDER_TYPES, request.ordertype, "ordertype")
    side = _one_of(_SIDES, request.type, "type")
    margin = not _absent(request.leverage) if request.leverage else False
    volume = read_volume(request.volume, pair, zero=margin)
    order = Order(account=account, market=market, side=side, ordertype=ordertype, vol=volume)
    if ordertype == "limit" and request.price and request.price[0] not in "+-#":
        order.limit = prices.absolute(request.price, pair)
    elif ordertype not in ("market", "settle-position"):
        _read_prices(order, request)
    if flags:
        _read_flags(order, flags, margin)
    if request.timeinforce:
        order.time_in_force = _time_in_force(request, ordertype, flags)
    if request.starttm or request.expiretm:
        _read_times(order, request, now)
    if request.trigger:
        _check_trigger(request.trigger, order)
    if request.leverage or ordertype == "settle-position":
        order.leverage = _leverage(request.leverage, order)
        if order.leverage:
            order.fee_in_base = False  # Margin trades pay in quote, on both sides [guess, margin_fee_currency].
    if request.displayvol or ordertype == "iceberg":
        order.display = read_display(request.displayvol, order, order.vol)
    if request.close_ordertype or request.close_price or request.close_price2 or request.close:
        order.close = _read_close(request, order)
    if request.stptype:
        order.stptype = _one_of(_SELF_TRADES, request.stptype, "stptype")
    order.reduce_only = request.reduce_only
    order.sender_sub_id = request.sender_sub_id
    if request.userref or request.cl_ord_id is not None:
        order.userref, order.cl_ord_id = _references(request, account)
        if order.cl_ord_id is not None and order.close is not None:
            raise KrakenError(errors.INVALID_ARGUMENTS, "cl_ord_id and a conditional close exclude each other")
    # Of a position, 0 is all; but what comes to nothing without its last digits is too little.
    if order.vol or not order.leverage or (request.volume or "").strip("0."):
        check_minimums(order, settings)
    if request.deadline:
        check_deadline(request.deadline, now, soonest)
    return order


def _one_of(offered: Mapping[str, T], text: str | None, name: str) -> T:
    known = offered.get(text) if text else None
    if known is None:
        raise KrakenError(invalid_arguments(name), f"{name} is {_shown(text)}; it takes {', '.join(offered)}")
    return known


def _shown(text: str | None) -> str:
    """A client's text in a reason, cut to a bearable length."""
    return "missing" if text is None else repr(text[:40])


def _flag_tokens(oflags: str) -> frozenset[str]:
    return frozenset(flag.strip() for flag in oflags.split(","))


def _absent(text: str | None) -> bool:
    """Whether a leverage stands for none."""
    return text in (None, "", "none", "0")


def read_volume(text: str | None, pair: Pair, *, zero: bool = False) -> int:
    """Base volume in lot units; digits beyond the lot's decimals are cut off [guess].

    `zero`: 0 is taken, for the whole of a margin position.

    Raises:
        KrakenError: it is no decimal number above 0.
    """
    try:
        if not text or text[0] in "+-":
            raise decimals.NotADecimal
        if EXCESS_VOLUME_DECIMALS == "refuse":
            volume = decimals.parse(text, pair.lot_decimals)
        else:
            volume = decimals.truncate(text, pair.lot_decimals)
        if volume > VOLUME_MAX * TEN_TO[pair.lot_decimals] or not (volume or zero or text.strip("0.")):
            raise decimals.NotADecimal
    except (decimals.NotADecimal, decimals.TooManyDecimals):
        reason = f"volume is {_shown(text)}; it takes a decimal number above 0 and at most {VOLUME_MAX}"
        raise KrakenError(invalid_arguments("volume"), reason) from None
    return volume


# Prices


def _read_prices(order: Order, request: OrderRequest) -> None:
    """The prices of an order that has any: its limit, or its trigger and what comes after."""
    pair, ordertype, side = order.market.pair, order.ordertype, order.side
    if not request.price:
        raise KrakenError(invalid_arguments("price"), f"{ordertype} orders need a price")
    if ordertype in TRAILING and request.price[0] != "+":
        prices.read(request.price, pair, "")  # What is no price at all is refused as such.
        reason = f"price is {_shown(request.price)}; of a {ordertype} order it is a distance, such as +100 or +1%"
        raise KrakenError(invalid_arguments("price"), reason)
    automatic = prices.automatic_sign(ordertype, side)
    price = prices.read(request.price, pair, automatic)
    if ordertype in LIMITED:
        order.limit = prices.at_market(price, order.market)
        order.limit_written = price if price.relative else None
        return
    signal: Signal = "index" if request.trigger == "index" else "last"
    if ordertype in TRAILING and (not price.units or order.market.reference(signal) is None):
        raise KrakenError(errors.INVALID_PRICE, "a trailing order needs a distance above 0, and a market with a price")
    rising = rises(ordertype, side)
    level = None if ordertype in TRAILING else prices.at_market(price, order.market, signal)
    limit = _secondary_price(request.price2, order) if ordertype in TWO_PRICED else None
    order.stop = Stop(order=order, signal=signal, rising=rising, price=price, limit=limit, fixed=level)


def _secondary_price(text: str | None, order: Order) -> Written:
    unreadable = errors.INVALID_SECONDARY_PRICE_ARGUMENT
    if not text or (order.ordertype in TRAILING and text[0] not in "+-"):
        raise KrakenError(unreadable, f"price2 is {_shown(text)}; a {order.ordertype} has its limit there")
    return prices.read(text, order.market.pair, prices.automatic_limit_sign(order.side), unreadable)


def _check_trigger(text: str, order: Order) -> None:
    if order.stop is None:
        raise KrakenError(invalid_arguments("trigger"), "only triggered orders have a trigger")
    if _one_of(_SIGNALS, text, "trigger") == "index" and not order.market.has_index:
        raise KrakenError(errors.INDEX_UNAVAILABLE, f"{order.market.pair.altname} has no index price")


def _read_close(request: OrderRequest, order: Order) -> Close:
    """The terms of a conditional close; its prices follow the same grammar (kraken/30 §2.1, §8.7)."""
    kind = _CLOSE_TYPES.get(request.close_ordertype or "")
    # A text in the place of its terms would leave an order without the protection that its sender believes in.
    if kind is None or request.close or not request.close_price or (kind in TWO_PRICED and not request.close_price2):
        reason = f"close[ordertype] is {_shown(request.close_ordertype)}; it takes {', '.join(_CLOSE_TYPES)} and prices"
        raise KrakenError(invalid_arguments("close"), reason)
    if order.ordertype == "settle-position":  # [guess] It trades nothing that could be undone.
        raise KrakenError(invalid_arguments("close"), "a settlement has no conditional close")
    side, pair = opposite(order.side), order.market.pair
    if kind in TRAILING and request.close_price[0] != "+":
        raise KrakenError(invalid_arguments("close"), "close[price] of a trailing order is a distance, such as +1%")
    price = prices.read(request.close_price, pair, prices.automatic_sign(kind, side))
    second = None
    if kind in TWO_PRICED and request.close_price2:
        unreadable = errors.INVALID_SECONDARY_PRICE_ARGUMENT
        if kind in TRAILING and request.close_price2[0] not in "+-":
            raise KrakenError(unreadable, "close[price2] of a trailing order is a distance from its trigger price")
        second = prices.read(request.close_price2, pair, prices.automatic_limit_sign(side), unreadable)
    for written in (price, second):
        if written is not None and not written.percent and written.units % pair.tick:
            raise KrakenError(errors.TICK_SIZE_CHECK_FAILED, f"close price {written.text(pair)} is off the tick")
    return Close(kind, price, second)


# Flags, times, margin


def _read_flags(order: Order, flags: frozenset[str], margin: bool) -> None:
    if flags - _FLAGS or {"fcib", "fciq"} <= flags:
        reason = f"oflags are {_shown(', '.join(sorted(flags)))}; it takes post, nompp, viqc, and one of fcib and fciq"
        raise KrakenError(invalid_arguments("oflags"), reason)
    if "post" in flags and order.ordertype not in LIMITED:
        raise KrakenError(invalid_arguments("postonly"), f"a {order.ordertype} order can't be post-only")
    order.post, order.fee_in_base, order.nompp = "post" in flags, "fcib" in flags, "nompp" in flags
    if "viqc" in flags:
        if order.ordertype != "market" or order.side != "buy" or margin:
            reason = "volume in quote currency is for spot market orders that buy"
            raise KrakenError(invalid_arguments("viqc"), reason)
        order.budget = budget_of(order.vol, order.market.pair)


def budget_of(volume: int, pair: Pair) -> int:
    """What a volume in quote currency, in lot units, is in cost units."""
    return volume * TEN_TO[pair.cost_decimals] // TEN_TO[pair.lot_decimals]


def _time_in_force(request: OrderRequest, ordertype: OrderType, flags: frozenset[str]) -> TimeInForce:
    time_in_force = _one_of(_TIMES_IN_FORCE, (request.timeinforce or "").lower(), "timeinforce")
    if time_in_force == "fok" and ordertype not in LIMITED | TWO_PRICED:
        raise KrakenError(invalid_arguments("timeinforce"), "fill or kill needs a limit price")
    if time_in_force == "gtd" and not (request.expiretm or "").strip("0"):
        raise KrakenError(invalid_arguments("timeinforce"), "good till date needs expiretm")
    if time_in_force in ("ioc", "fok") and "post" in flags:
        raise KrakenError(invalid_arguments("timeinforce"), f"{time_in_force} takes at once, post-only never does")
    return time_in_force


def _read_times(order: Order, request: OrderRequest, now: int) -> None:
    """Start and expiry; an expiry makes a good-till-cancelled order one till that date [guess]."""
    start = _moment(request.starttm, "starttm", now)
    if start and not now // clock.SECOND * clock.SECOND <= start <= now + START_MAX:
        reason = f"starttm {_shown(request.starttm)} is not 0 s to a month ahead: it is {now // clock.SECOND}"
        raise KrakenError(invalid_arguments("starttm"), reason)
    order.starttm = start if start > now else 0
    order.expiretm = _moment(request.expiretm, "expiretm", now)
    if order.expiretm:
        if not max(now, order.starttm) + EXPIRE_MIN <= order.expiretm <= now + EXPIRE_MAX:
            span = "5 s after the start to a month ahead"
            reason = f"expiretm {_shown(request.expiretm)} is not {span}: it is {now // clock.SECOND}"
            raise KrakenError(invalid_arguments("expiretm"), reason)
        if order.time_in_force == "gtc":
            order.time_in_force = "gtd"


def _moment(text: str | None, name: str, now: int) -> int:
    """A time in ns: `0` is none, `<n>` unix seconds, `+<n>` seconds from now."""
    if not text:
        return 0
    match = _SECONDS.fullmatch(text)
    if match is None:
        reason = f"{name} is {_shown(text)}; it takes 0, unix seconds, or + and seconds (in a form, %2B)"
        raise KrakenError(invalid_arguments(name), reason)
    seconds = int(match[2]) * clock.SECOND
    return now + seconds if match[1] else seconds


def _leverage(text: str | None, order: Order) -> int:
    """Leverage as a number; 0 for none. A settlement takes any, since it borrows nothing (kraken/30 §2.3)."""
    settling = order.ordertype == "settle-position"
    if _absent(text) and not settling:
        return 0
    pair = order.market.pair
    offered = pair.leverage_buy if order.side == "buy" else pair.leverage_sell
    match = _LEVERAGE.fullmatch(text or "")
    leverage = int(match[1]) if match else 0
    if leverage in offered or (settling and leverage and offered):
        return leverage
    shown = ", ".join(map(str, offered)) or "none"
    reason = f"leverage is {_shown(text)}; a {order.side} of {pair.altname} takes {shown}"
    raise KrakenError(invalid_arguments("leverage"), reason)


def read_display(text: str | None, order: Order, volume: int) -> int:
    """What an iceberg shows, lot units; at least a fifteenth of `volume` and at most the whole order.

    Raises:
        KrakenError: it is none of that, or the order is no iceberg.
    """
    pair = order.market.pair
    try:
        if order.ordertype != "iceberg" or not text or text[0] in "+-":
            raise decimals.NotADecimal
        display = decimals.truncate(text, pair.lot_decimals)
        if not 0 < volume <= display * DISPLAY_PARTS or display > volume:
            raise decimals.NotADecimal
    except decimals.NotADecimal:
        whole, least = (decimals.fmt(v, pair.lot_decimals) for v in (volume, -(-volume // DISPLAY_PARTS)))
        takes = f"shows 1/15 of {whole} or more: {least} to all of it"
        if order.ordertype != "iceberg":
            takes = f"has one, not an order of type {order.ordertype}"
        reason = f"the display volume is {_shown(text)}; an iceberg {takes}"
        raise KrakenError(invalid_arguments("display-volume"), reason) from None
    return display


def check_shown(display: int, volume: int, pair: Pair) -> None:
    """Whether what an iceberg shows is still enough of `volume`, lot units.

    Raises:
        KrakenError: it is less than a fifteenth.
    """
    if display * DISPLAY_PARTS < volume:
        text = decimals.fmt(display, pair.lot_decimals)
        reason = f"it shows {text}, less than 1/15 of what is to remain: give a display volume too"
        raise KrakenError(invalid_arguments("display-volume"), reason)


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


def check_minimums(order: Order, settings: Settings) -> None:
    """The least volume, the tick and the least cost, in that order (kraken/30 §5.3).

    Raises:
        KrakenError: the order is below one of them, or off the tick.
    """
    pair = order.market.pair
    price = order.limit if order.limit is not None else _price_to_reckon(order)
    volume = order.vol
    if order.budget is not None:
        if price is None:
            return
        volume = order.budget * pair.cost_divisor // price
    if volume < pair.ordermin or not volume:
        text, least = (decimals.fmt(units, pair.lot_decimals) for units in (volume, pair.ordermin))
        reason = f"volume {text} is below the {least} of {pair.altname}"
        raise KrakenError(settings.by_dialect("below_ordermin_error"), reason)
    if order.limit is not None:
        _check_tick(pair, order.limit)
    if order.stop is not None:
        for written in (order.stop.price, order.stop.limit):
            if written is not None and not written.percent:
                _check_tick(pair, written.units)
        _check_tick(pair, order.stop.fixed or 0)
    if price is not None and (cost := pair.cost(price, volume)) < pair.costmin:
        text, least = (decimals.fmt(units, pair.cost_decimals) for units in (cost, pair.costmin))
        raise KrakenError(errors.COST_MINIMUM_NOT_MET, f"cost {text} is below the {least} of {pair.altname}")


def _price_to_reckon(order: Order) -> int | None:
    """The price at which an order without a limit is reckoned beforehand; None: there is none to go by."""
    if order.stop is not None:
        limit = order.stop.limit
        if limit is not None and not limit.relative:
            return limit.units
        return order.stop.fixed or order.market.reference(order.stop.signal)
    if order.ordertype == "settle-position":
        return None
    best = order.market.book.best_opposite(order.side)
    return best.price if best else None


def _check_tick(pair: Pair, price: int) -> None:
    if price % pair.tick:
        reason = f"price {pair.price_text(price)} is no multiple of {pair.price_text(pair.tick)}"
        raise KrakenError(errors.TICK_SIZE_CHECK_FAILED, reason)


def check_deadline(text: str, now: int, soonest: int = DEADLINE_MIN) -> None:
    """Whether there is time until an order's deadline, `soonest` ns at least (kraken/30 §2.1, §5.2).

    Raises:
        KrakenError: it has passed, lies outside the window, or is no time.
    """
    try:
        if "-" not in text:  # unix seconds are a time elsewhere, not here
            raise clock.ClockError
        deadline = clock.parse_time(text)
    except clock.ClockError:
        raise KrakenError(invalid_arguments("deadline"), f"deadline is {text[:40]!r}, no RFC 3339 time") from None
    if deadline <= now:
        reason = f"deadline {text} has passed: it is {clock.rfc3339(now)}"
        raise KrakenError(errors.DEADLINE_ELAPSED, reason, check="order")
    if not now + soonest <= deadline <= now + DEADLINE_MAX:
        reason = f"deadline {text} is not {decimals.shortest(soonest, 9)} to 60 s ahead of {clock.rfc3339(now)}"
        raise KrakenError(invalid_arguments("deadline"), reason)
