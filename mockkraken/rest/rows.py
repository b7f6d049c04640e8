"""Orders, trades and ledger entries as REST shows them, digit for digit (kraken/30 §7 and §9, kraken/40 §1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockkraken.catalog import Asset, Pair
from mockkraken.clock import SECOND, unix_seconds
from mockkraken.decimals import fmt, rescale
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.margin import opening_margin
from mockkraken.exchange.orders import LIMITED, TRAILING, TRIGGERED, TWO_PRICED, Amend, Close, Order, OrderType
from mockkraken.exchange.prices import Written, price_text
from mockkraken.exchange.trades import Trade
from mockkraken.rest.positions import position_fields

SPOT_POSTXID = "TKH2SE-M7IF5-CFI7LT"
"""What every spot fill names as its position, on every account [obs, kraken/30 §1.3]."""

ACLASS = "forex"
NO_PRICE = "0"
"""What an order shows where it has no price."""


def order_text(order: Order, price: str | None = None, price2: str | None = None) -> str:
    """The sentence that describes an order; clients split it on blanks (kraken/30 §2.4).

    Args:
        order: the order.
        price: what stands for its first price, where an answer repeats it as it was sent.
        price2: likewise for its second.
    """
    pair = order.market.pair
    if not (price and price2):
        own, own2 = price_texts(order)
        price, price2 = price or own, price2 or own2
    terms = _terms(order.ordertype, price, price2)
    leverage = f" with {order.leverage}:1 leverage" if order.leverage else ""
    return f"{order.side} {volume_text(order)} {pair.altname} @ {terms}{leverage}"


def close_text(close: Close, pair: Pair) -> str:
    """The sentence that describes a conditional close (kraken/30 §2.4)."""
    return f"close position @ {_terms(close.ordertype, _text(close.price, pair), _text(close.price2, pair))}"


def _terms(ordertype: OrderType, price: str, price2: str) -> str:
    if ordertype in LIMITED:
        return f"limit {price}"  # [guess] for icebergs
    words = ordertype.removesuffix("-limit").replace("-", " ")
    if ordertype not in TRIGGERED:
        return words
    return f"{words} {price} -> limit {price2}" if ordertype in TWO_PRICED else f"{words} {price}"


def volume_text(order: Order) -> str:
    """What an order is for: base volume, or with viqc the amount of quote, with the lot's decimals all the same."""
    pair = order.market.pair
    volume = order.vol if order.budget is None else rescale(order.budget, pair.cost_decimals, pair.lot_decimals)
    return fmt(volume, pair.lot_decimals)


def price_texts(order: Order) -> tuple[str, str]:
    """An order's first and second price as it was written; `0` where it has none."""
    pair = order.market.pair
    if order.stop is not None:
        return _text(order.stop.price, pair), _text(order.stop.limit, pair)
    if order.limit_written is not None:
        return order.limit_written.text(pair), NO_PRICE
    return NO_PRICE if order.limit is None else price_text(order.limit, pair), NO_PRICE


def _text(price: Written | None, pair: Pair) -> str:
    return NO_PRICE if price is None else price.text(pair)


def order_row(order: Order, *, trades: bool, consolidated: bool = True, reason: bool = True) -> dict[str, Any]:
    """An order of OpenOrders, ClosedOrders and QueryOrders.

    Args:
        order: the order.
        trades: list its trades, when it has any.
        consolidated: list executions rather than single fills.
        reason: with the `reason` member, which OpenOrders leaves out.
    """
    pair = order.market.pair
    row: dict[str, Any] = {"refid": order.refid}
    if order.cl_ord_id is None:
        row["userref"] = order.userref or 0
    else:
        row["userref"] = None
        row["cl_ord_id"] = order.cl_ord_id
    row["status"] = order.status
    row["opentm"] = unix_seconds(order.opentm)
    row["starttm"] = _set_time(order.starttm)
    row["expiretm"] = _set_time(order.expiretm)
    price, price2 = price_texts(order)
    row["descr"] = {
        "pair": pair.altname,
        "aclass": ACLASS,
        "type": order.side,
        "ordertype": order.ordertype,
        "price": price,
        "price2": price2,
        "leverage": f"{order.leverage}:1" if order.leverage else "none",
        "order": order_text(order, price, price2),
        "close": "" if order.close is None else close_text(order.close, pair),
    }
    row["vol"] = volume_text(order)
    row["vol_exec"] = _executed_text(order)
    row["cost"] = fmt(order.cost, pair.cost_decimals)
    row["fee"] = fmt(order.fee, pair.cost_decimals)
    row["price"] = (
        fmt(pair.average_price(order.cost, order.vol_exec, pair.pair_decimals), pair.pair_decimals)
        if order.vol_exec
        else pair.price_text(0)
    )
    row["stopprice"] = pair.price_text(_stop_price(order))
    row["limitprice"] = pair.price_text(_limit_price(order))
    row["misc"] = misc(order)
    row["oflags"] = oflags(order)
    row["time_in_force"] = order.time_in_force
    if order.stop is not None and order.stop.signal == "index":
        row["trigger"] = "index"
    if order.leverage:
        row["margin"] = True
    if order.reduce_only:
        row["reduce_only"] = True
    if order.sender_sub_id is not None:
        row["sender_sub_id"] = order.sender_sub_id
    if order.display is not None:
        row["display_volume"] = fmt(order.display, pair.lot_decimals)  # [guess] kraken/30 §7
    if trades and order.executions:
        row["trades"] = [
            trade.id
            for execution in order.executions
            for trade in (execution.fills[:1] if consolidated else execution.fills)
        ]
    if reason:
        row["reason"] = order.reason
    if order.closetm:
        row["closetm"] = unix_seconds(order.closetm)
    return row


def _executed_text(order: Order) -> str:
    """What was executed, in the currency of `vol`: with viqc the quote spent [guess, kraken/30 §11]."""
    pair = order.market.pair
    executed = order.vol_exec if order.budget is None else rescale(order.cost, pair.cost_decimals, pair.lot_decimals)
    return fmt(executed, pair.lot_decimals)


def _stop_price(order: Order) -> int:
    """A trailing order's level of the moment; a static one's trigger price once it has fired [guess], before that 0."""
    stop = order.stop
    return stop.level or 0 if stop is not None and (stop.fired or order.ordertype in TRAILING) else 0


def _limit_price(order: Order) -> int:
    """A fired *-limit order's limit, else a trailing order's extreme; what a relative limit price came to [guess]."""
    if order.stop is None:
        return order.limit or 0 if order.limit_written is not None else 0
    if order.stop.fired and order.limit is not None:
        return order.limit
    return order.stop.extreme or 0 if order.ordertype in TRAILING else 0


def misc(order: Order) -> str:
    """What befell an order beside its fills (kraken/30 §7)."""
    fired = order.stop is not None and order.stop.fired
    profit = order.ordertype.startswith("take-profit")
    marks = [
        ("stopped", fired and not profit),
        ("touched", fired and profit),
        ("liquidated", order.liquidation),
        ("partial", order.partial),
        ("amended", len(order.amends) > 1),
    ]
    return ",".join(mark for mark, on in marks if on)


def _set_time(ns: int) -> float:
    """A time that the client has chosen: a whole number if it is one, 0 for none."""
    return unix_seconds(ns) if ns % SECOND else ns // SECOND


def oflags(order: Order) -> str:
    """The flags in force, the fee currency always among them (kraken/30 §2.5)."""
    flags = [
        ("post", order.post),
        ("viqc", order.budget is not None),  # [guess] where it stands
        ("fcib" if order.fee_in_base else "fciq", True),
        ("nompp", order.nompp),
    ]
    return ",".join(flag for flag, on in flags if on)


def amend_row(amend: Amend, pair: Pair) -> dict[str, Any]:
    """An entry of OrderAmends; prices that a trailing order could not have yet are left out (kraken/30 §4.2)."""
    row: dict[str, Any] = {
        "amend_id": amend.id,
        "amend_type": amend.type,
        "order_qty": fmt(amend.vol, pair.lot_decimals),
    }
    if amend.display is not None:
        row["display_qty"] = fmt(amend.display, pair.lot_decimals)
    row["remaining_qty"] = fmt(amend.remaining, pair.lot_decimals)
    if amend.limit is not None and amend.limit > 0:
        row["limit_price"] = price_text(amend.limit, pair)
    if amend.trigger is not None and amend.trigger > 0:
        row["trigger_price"] = price_text(amend.trigger, pair)
    if amend.reason is not None:
        row["reason"] = amend.reason
    row["post_only"] = amend.post
    row["timestamp"] = amend.time // 1_000_000
    return row


def trade_row(
    fills: Sequence[Trade], *, ledgers: bool, trades: bool = False, consolidated: bool = True
) -> dict[str, Any]:
    """A trade: one fill, or the fills of one execution joined (kraken/40 §1.10).

    Args:
        fills: of one order, in their order.
        ledgers: list the ledger entries that they wrote.
        trades: list the trades that closed a position which they opened.
        consolidated: list executions rather than single fills.
    """
    first = fills[0]
    order = first.order
    pair = order.market.pair
    digits = pair.cost_decimals
    volume, cost, fee = sum(t.vol for t in fills), sum(t.cost for t in fills), sum(t.fee for t in fills)
    if len(fills) == 1:
        price = rescale(first.price, pair.price_scale, digits)
    else:
        price = pair.average_price(cost, volume, digits)
    margin = sum(opening_margin(t.cost, order.leverage) for t in fills) if order.leverage else 0
    row: dict[str, Any] = {
        "ordertxid": order.txid,
        "postxid": _position_id(fills),
        "pair": pair.id,
        "aclass": ACLASS,
        "time": unix_seconds(first.time),
        "type": order.side,
        "ordertype": _traded_type(order),
        "tradeordertype": "market" if order.limit is None else "limit",
        "price": fmt(price, digits),
        "cost": fmt(cost, digits),
        "fee": fmt(fee, digits),
        "vol": fmt(volume, pair.lot_decimals),
        "margin": fmt(margin, digits),
        "leverage": str(order.leverage),
        "misc": "closing" if any(t.closed for t in fills) else "",
        "trade_id": first.trade_id,
        "maker": first.maker,
    }
    if order.leverage:
        row |= position_fields(fills, trades=trades, consolidated=consolidated)
    if ledgers:
        row["ledgers"] = [entry.id for trade in fills for entry in trade.ledgers]
    return row


def _position_id(fills: Sequence[Trade]) -> str:
    """The position that a trade opened, else the first that it closed a part of; on spot the constant."""
    for trade in fills:
        if trade.opened is not None:
            return trade.opened.id
    return next((part.position.id for trade in fills for part in trade.closed), SPOT_POSTXID)


def _traded_type(order: Order) -> str:
    """The type of the order as its trades name it: two kinds go by names of their own (kraken/30 §9)."""
    if order.liquidation:
        return "liquidation market"
    return "settle position" if order.ordertype == "settle-position" else order.ordertype


def ledger_row(entry: LedgerEntry, asset: Asset) -> dict[str, Any]:
    """A ledger entry (kraken/40 §1.13)."""
    return {
        "refid": entry.refid,
        "time": unix_seconds(entry.time),
        "type": entry.type,
        "subtype": entry.subtype,
        "aclass": asset.aclass,
        "asset": entry.asset,
        "amount": fmt(entry.amount, asset.decimals),
        "fee": fmt(entry.fee, asset.decimals),
        "balance": fmt(entry.balance, asset.decimals),
    }
