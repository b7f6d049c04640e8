"""Orders, trades and ledger entries as REST shows them, digit for digit (kraken/30 §7 and §9, kraken/40 §1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockkraken.catalog import Asset, Pair
from mockkraken.clock import SECOND, unix_seconds
from mockkraken.decimals import fmt
from mockkraken.exchange.describe import (
    befallen,
    close_text,
    executed_text,
    limit_price,
    oflags,
    order_text,
    position_id,
    price_texts,
    stop_price,
    trade_margin,
    trade_price,
    traded_type,
    volume_text,
)
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.orders import Amend, Order
from mockkraken.exchange.prices import price_text
from mockkraken.exchange.trades import Trade
from mockkraken.rest.positions import position_fields

ACLASS = "forex"


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
    row["vol_exec"] = executed_text(order)
    row["cost"] = fmt(order.cost, pair.cost_decimals)
    row["fee"] = fmt(order.fee, pair.cost_decimals)
    row["price"] = (
        fmt(pair.average_price(order.cost, order.vol_exec, pair.pair_decimals), pair.pair_decimals)
        if order.vol_exec
        else pair.price_text(0)
    )
    row["stopprice"] = pair.price_text(stop_price(order))
    row["limitprice"] = pair.price_text(limit_price(order))
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


def misc(order: Order) -> str:
    """What befell an order beside its fills (kraken/30 §7)."""
    return ",".join(befallen(order))


def _set_time(ns: int) -> float:
    """A time that the client has chosen: a whole number if it is one, 0 for none."""
    return unix_seconds(ns) if ns % SECOND else ns // SECOND


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
    row: dict[str, Any] = {
        "ordertxid": order.txid,
        "postxid": position_id(fills),
        "pair": pair.id,
        "aclass": ACLASS,
        "time": unix_seconds(first.time),
        "type": order.side,
        "ordertype": traded_type(order),
        "tradeordertype": "market" if order.limit is None else "limit",
        "price": fmt(trade_price(fills, digits), digits),
        "cost": fmt(cost, digits),
        "fee": fmt(fee, digits),
        "vol": fmt(volume, pair.lot_decimals),
        "margin": fmt(trade_margin(fills), digits),
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
