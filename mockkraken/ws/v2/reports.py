"""Rows of `executions` and `balances`: orders, what happens to them, and movements of balances (kraken/50 §6).

Numbers have fixed decimals (kraken/50 §2.5). Keys stand in the order of recordings; where there is none, it is a guess,
and so is which of them a row has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Raw

from mockkraken.catalog.records import PERCENT_PLACES
from mockkraken.decimals import fmt
from mockkraken.exchange.orders import LIMITED, TRAILING
from mockkraken.exchange.settlement import FEE_CREDITS
from mockkraken.ws.times import micros
from mockkraken.ws.v2 import digits

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Pair
    from mockkraken.exchange import Order
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.orders import Close
    from mockkraken.exchange.prices import Written
    from mockkraken.exchange.trades import Trade
    from mockkraken.ws.venue import Venue

Row = dict[str, Any]
OrderStatus = Literal["pending_new", "new", "partially_filled", "filled", "canceled", "expired"]

USD_PLACES = 4  # [obs] of `fee_usd_equiv`
WALLET_TYPE, WALLET_ID = "spot", "main"

CATEGORIES = {
    "margin": "margin-trade",
    "settled": "margin-settle",
    "rollover": "marginrollover",
    "adjustment": "conversion",  # [guess] as of what Kraken itself books under that type, kraken/40 §6.2
}
"""The category of a ledger row by its type, where it has another name."""


class Reports:
    """Makes the rows of `executions`.

    Args:
        venue: its clock dates what the order does not, and its prices say what fees are worth.
    """

    def __init__(self, venue: Venue) -> None:
        self._clock = venue.clock
        self._assets = venue.catalog.assets
        self._usd = venue.catalog.assets["ZUSD"]
        self._valuation = venue.exchange.valuation

    def event(self, order: Order, what: OrderEvent, trade: Trade | None) -> Row:
        """What has just happened to an order; it must not have moved on since."""
        match what:
            case "pending_new":
                return self._entry(order)
            case "new":
                return self._opened(order)
            case "trade":
                assert trade is not None
                return self._fill(trade)
            case "filled" | "canceled" | "expired":
                return self._end(order, what)
            case "amended" | "restated":
                return _change(order, what)
            case "triggered":
                return self._fired(order)
            case "iceberg_refill":
                return _refill(order)

    def open_order(self, order: Order) -> Row:
        """An open order of a snapshot: as it came in, and what became of it since [guess]."""
        pair = order.market.pair
        row = {"order_id": order.txid, "symbol": pair.display, **_quantity(order)}
        row["cum_qty"] = _volume(order.vol_exec, pair)
        row["cum_cost"] = _cost(order.cost, pair)
        row["avg_price"] = _average(order)
        status = _standing(order)
        row |= _terms(order, "pending_new" if status == "pending_new" else "new")
        if len(order.amends) > 1:
            row["amended"] = True
        row |= {"order_status": status, "fee_usd_equiv": self._in_usd(order.fee, pair), "fee_ccy_pref": _fee_in(order)}
        row["timestamp"] = micros(order.opentm)
        return row

    def past_trade(self, trade: Trade) -> Row:
        """A fill of a snapshot: without what the order was by then."""
        # [obs] 2024: the status stands before the type here, and is always this.
        row = _trade(trade) | {"order_status": "filled", "order_type": trade.order.ordertype}
        return row | {"timestamp": micros(trade.time)} | self._fees(trade)

    def _entry(self, order: Order) -> Row:
        pair = order.market.pair
        row = {"order_id": order.txid, "symbol": pair.display, **_quantity(order), "cum_cost": _cost(0, pair)}
        row |= _terms(order, "pending_new")
        row |= {"order_status": "pending_new", "fee_usd_equiv": _ZERO_USD, "fee_ccy_pref": _fee_in(order)}
        row["timestamp"] = micros(order.opentm)
        return row

    def _opened(self, order: Order) -> Row:
        time = self._clock.now() if order.starttm else order.opentm
        row = {"timestamp": micros(time), "order_status": "new", "exec_type": "new", **_reference(order)}
        if order.post:
            row["post_only"] = True
        row["order_id"] = order.txid
        return row

    def _fill(self, trade: Trade) -> Row:
        order = trade.order
        row = _trade(trade) | {"order_type": order.ordertype, "timestamp": micros(trade.time)}
        row["order_status"] = "partially_filled"  # [doc] also when nothing is left: `filled` says that
        return row | _sums(order) | {"avg_price": _average(order)} | self._fees(trade)

    def _fees(self, trade: Trade) -> Row:
        order = trade.order
        row: Row = {"fee_usd_equiv": self._in_usd(trade.fee, order.market.pair), "fees": [self._fee(trade)]}
        if trade.opened is not None or trade.closed:
            # [guess] what opens a position borrows
            row |= {"margin_borrow": trade.opened is not None, "position_status": _position_status(trade)}
        return row

    def _fee(self, trade: Trade) -> Row:
        """What a fill was charged, in the asset that was charged: fee credits, base, or what is shown in quote."""
        order = trade.order
        pair = order.market.pair
        charged = {entry.asset: entry.fee for entry in trade.ledgers if entry.fee}
        if FEE_CREDITS in charged:
            asset = self._assets[FEE_CREDITS]
            return {"asset": asset.display, "qty": _amount(charged[FEE_CREDITS], asset)}
        if order.fee_in_base:
            # [guess] with the decimals of its balances: those of costs would lose it
            return {"asset": pair.base.display, "qty": _amount(charged.get(pair.base.id, 0), pair.base)}
        return {"asset": pair.quote.display, "qty": _cost(trade.fee, pair)}

    def _end(self, order: Order, what: Literal["filled", "canceled", "expired"]) -> Row:
        pair = order.market.pair
        row: Row = {"timestamp": micros(order.closetm), "order_status": what, "exec_type": what, **_sums(order)}
        row |= {"fee_usd_equiv": self._in_usd(order.fee, pair), "avg_price": _average(order), **_reference(order)}
        if order.post:
            row["post_only"] = True
        if what == "canceled":
            row["cancel_reason"] = order.reason
        if what != "filled":
            row["reason"] = order.reason
        row["order_id"] = order.txid
        return row

    def _fired(self, order: Order) -> Row:
        stop = order.stop
        assert stop is not None
        time = micros(self._clock.now())
        triggers = _triggers(order) | {"timestamp": time}
        reference = order.market.reference(stop.signal)
        if reference is not None:
            triggers["last_price"] = _price(reference, order.market.pair)
        row: Row = {"timestamp": time, "exec_type": "status", "order_status": _standing(order)}
        row["triggers"] = dict(sorted(triggers.items()))
        return row | _reference(order) | {"order_id": order.txid}

    def _in_usd(self, fee: int, pair: Pair) -> Raw:
        """A fee (cost units) in dollars, by the prices of now; 0 where nothing joins them."""
        if not fee:
            return _ZERO_USD
        value = self._valuation.value(fee, pair.quote, self._usd, USD_PLACES, places_of=pair.cost_decimals)
        return Raw(fmt(value or 0, USD_PLACES))


_ZERO_USD = Raw(fmt(0, USD_PLACES))


# What several rows have


def _terms(order: Order, exec_type: str) -> Row:
    """The terms of an order: what stands in its row from its time in force to its flags."""
    pair, stop = order.market.pair, order.stop
    row: Row = {
        "time_in_force": order.time_in_force.upper(),
        "exec_type": exec_type,
        "side": order.side,
        "order_type": order.ordertype,
        **_reference(order),
    }
    limit = _limit(order)
    if limit:
        row["limit_price_type"] = limit["limit_price_type"]
    if stop is not None:
        row["triggers"] = _triggers(order)
    if limit:
        row["limit_price"] = limit["limit_price"]
    row["stop_price"] = _price(stop.level if stop is not None else 0, pair)
    if stop is not None:
        row["trigger"] = stop.signal
    return row | _flags(order)


def _flags(order: Order) -> Row:
    """What an order has that others have not; nothing that is not so is said."""
    pair = order.market.pair
    flags = {
        "post_only": order.post,
        "reduce_only": order.reduce_only,
        "margin": order.leverage > 0,
        "no_mpp": order.nompp,
        "liquidated": order.liquidation,
    }
    row: Row = {name: True for name, on in flags.items() if on}
    if order.starttm:
        row["effective_time"] = micros(order.starttm)
    if order.expiretm:
        row["expire_time"] = micros(order.expiretm)
    if order.display is not None:
        row["display_qty"] = _volume(order.display, pair)
        if order.place == "book":
            row["display_qty_remain"] = _volume(order.shown, pair)
    if order.close is not None:
        row["contingent"] = _contingent(order.close, pair)
    if order.refid is not None:
        row["ord_ref_id"] = order.refid
    if order.sender_sub_id is not None:
        row["sender_sub_id"] = order.sender_sub_id
    return row


def _reference(order: Order) -> Row:
    """The client's own id of an order: its cl_ord_id if it has one, else its userref [obs]."""
    if order.cl_ord_id is not None:
        return {"cl_ord_id": order.cl_ord_id}
    return {"order_userref": order.userref or 0}


def _quantity(order: Order) -> Row:
    """What an order is for: base, or an amount of quote; then nobody knows the base yet."""
    pair = order.market.pair
    if order.budget is not None:
        return {"cash_order_qty": _cost(order.budget, pair)}
    return {"order_qty": _volume(order.vol, pair)}


def _sums(order: Order) -> Row:
    pair = order.market.pair
    return {"cum_qty": _volume(order.vol_exec, pair), "cum_cost": _cost(order.cost, pair)}


def _average(order: Order) -> Raw:
    pair = order.market.pair
    places = pair.pair_decimals
    return Raw(fmt(pair.average_price(order.cost, order.vol_exec, places) if order.vol_exec else 0, places))


def _standing(order: Order) -> OrderStatus:
    """The status of an order that is open."""
    if order.status == "pending":
        return "pending_new"
    return "partially_filled" if order.vol_exec else "new"


def _fee_in(order: Order) -> str:
    return "fcib" if order.fee_in_base else "fciq"


def _limit(order: Order) -> Row:
    """The limit price that an order has or will have; of a trailing one, before its trigger, its distance from that."""
    pair, stop = order.market.pair, order.stop
    if order.limit is None and stop is not None and stop.limit is not None and stop.trailing:
        return {"limit_price": _written(stop.limit, pair), "limit_price_type": _price_type(stop.limit)}
    planned = order.planned_limit
    if planned is None:
        return {}
    return {"limit_price": _price(planned, pair), "limit_price_type": "static"}


def _triggers(order: Order) -> Row:
    """What makes a triggered order fire, the keys in alphabetical order [obs]."""
    stop, pair = order.stop, order.market.pair
    assert stop is not None
    row: Row = {}
    if (stop.price.relative or stop.fired) and stop.level:
        row["actual_price"] = _price(stop.level, pair)
    if order.ordertype in TRAILING and stop.extreme:
        row["peak_price"] = _price(stop.extreme, pair)
    row["price"] = _written(stop.price, pair)
    row["price_type"] = _price_type(stop.price)
    row["reference"] = stop.signal
    row["status"] = "triggered" if stop.fired else "untriggered"
    return row


def _contingent(close: Close, pair: Pair) -> Row:
    """The terms of a conditional close."""
    row: Row = {"order_type": close.ordertype}
    limit = close.price if close.ordertype in LIMITED else close.price2
    if close.ordertype not in LIMITED:
        row |= {"trigger_price": _written(close.price, pair), "trigger_price_type": _price_type(close.price)}
    if limit is not None:
        row |= {"limit_price": _written(limit, pair), "limit_price_type": _price_type(limit)}
    return row


def _trade(trade: Trade) -> Row:
    """What a fill's row begins with."""
    order = trade.order
    pair = order.market.pair
    return {
        "order_id": order.txid,
        **_reference(order),
        "exec_id": trade.id,
        "exec_type": "trade",
        "trade_id": trade.trade_id,
        "symbol": pair.display,
        "side": order.side,
        "last_qty": _volume(trade.vol, pair),
        "last_price": _price(trade.price, pair),
        "liquidity_ind": "m" if trade.maker else "t",
        "cost": _cost(trade.cost, pair),
    }


def _position_status(trade: Trade) -> str:
    """What a fill on margin did to the account's positions [guess]: what it opened comes first."""
    if trade.opened is not None:
        return "opened"
    # Whether it was this fill that closed the last of each, whatever came after it.
    ended = all(not part.position.open and part.position.closings[-1] is part for part in trade.closed)
    return "closed" if ended else "closing"


def _change(order: Order, what: Literal["amended", "restated"]) -> Row:
    """New terms, by the owner or by the exchange; besides those of a plain limit order what else may be new [guess]."""
    pair, change = order.market.pair, list(order.amends)[-1]
    row: Row = {
        "timestamp": micros(change.time),
        "exec_type": what,
        "order_status": _standing(order),
        "cum_qty": _volume(order.vol_exec, pair),
        "reason": change.reason,
        "amended": True,
        **_quantity(order),
    }
    if order.display is not None:
        row["display_qty"] = _volume(order.display, pair)
    row |= _limit(order)
    if order.stop is not None:
        row["triggers"] = _triggers(order)
    return row | _reference(order) | {"order_id": order.txid}


def _refill(order: Order) -> Row:
    """An iceberg shows its next slice [guess]."""
    pair = order.market.pair
    assert order.display is not None
    return {
        "timestamp": micros(order.rested),
        "exec_type": "iceberg_refill",
        "order_status": _standing(order),
        "cum_qty": _volume(order.vol_exec, pair),
        "display_qty": _volume(order.display, pair),
        "display_qty_remain": _volume(order.shown, pair),
        **_reference(order),
        "order_id": order.txid,
    }


# Balances


def balance(units: int, asset: Asset) -> Row:
    """A balance of a snapshot: all of it, what orders hold too."""
    amount = _amount(units, asset)
    return {
        "asset": asset.display,
        "asset_class": asset.aclass,
        "balance": amount,
        "wallets": [{"type": WALLET_TYPE, "id": WALLET_ID, "balance": amount}],
    }


def movement(entry: LedgerEntry, asset: Asset) -> Row:
    """A movement of a balance: a row of the ledger."""
    row: Row = {
        "ledger_id": entry.id,
        "ref_id": entry.refid,
        "timestamp": micros(entry.time),
        "type": entry.type,
    }
    if entry.subtype:
        row["subtype"] = entry.subtype
    return row | {
        "asset": asset.display,
        "asset_class": asset.aclass,
        "category": CATEGORIES.get(entry.type, entry.type),
        "wallet_type": WALLET_TYPE,
        "wallet_id": WALLET_ID,
        "amount": _amount(entry.amount, asset),
        "fee": _amount(entry.fee, asset),
        "balance": _amount(entry.balance, asset),
    }


# Numbers


def _price(units: int, pair: Pair) -> Raw:
    return Raw(digits.price(pair, units))


def _volume(units: int, pair: Pair) -> Raw:
    return Raw(digits.quantity(pair, units))


def _cost(units: int, pair: Pair) -> Raw:
    return Raw(fmt(units, pair.cost_decimals))


def _amount(units: int, asset: Asset) -> Raw:
    return Raw(fmt(units, asset.decimals))


def _price_type(written: Written) -> Literal["static", "pct", "quote"]:
    if not written.relative:
        return "static"
    return "pct" if written.percent else "quote"


def _written(written: Written, pair: Pair) -> Raw:
    """A price or a distance as it was written; a distance downwards is below zero."""
    # A percentage has the four decimals that REST gives it [guess].
    number = fmt(written.units, PERCENT_PLACES) if written.percent else digits.price(pair, written.units)
    return Raw(f"-{number}" if written.sign == "-" else number)
