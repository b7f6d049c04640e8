"""Orders, trades and ledger entries as REST shows them, digit for digit (kraken/30 §7 and §9, kraken/40 §1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockkraken.catalog import Asset, Pair
from mockkraken.clock import unix_seconds
from mockkraken.decimals import fmt, half_up, rescale
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.orders import Order
from mockkraken.exchange.trades import Trade

SPOT_POSTXID = "TKH2SE-M7IF5-CFI7LT"
"""What every spot fill names as its position, on every account [obs, kraken/30 §1.3]."""

ACLASS = "forex"


def order_text(order: Order) -> str:
    """The sentence that describes an order; clients split it on blanks (kraken/30 §2.4)."""
    pair = order.market.pair
    price = "market" if order.limit is None else f"limit {_order_price(order.limit, pair)}"
    return f"{order.side} {fmt(order.vol, pair.lot_decimals)} {pair.altname} @ {price}"


def _order_price(units: int, pair: Pair) -> str:
    return fmt(rescale(units, pair.price_scale, pair.pair_decimals), pair.pair_decimals)


def order_row(order: Order, *, trades: bool, consolidated: bool = True, reason: bool = True) -> dict[str, Any]:
    """An order of OpenOrders, ClosedOrders and QueryOrders.

    Args:
        order: the order.
        trades: list its trades, when it has any.
        consolidated: list executions rather than single fills.
        reason: with the `reason` member, which OpenOrders leaves out.
    """
    pair = order.market.pair
    zero = pair.price_text(0)
    row: dict[str, Any] = {"refid": order.refid}
    if order.cl_ord_id is None:
        row["userref"] = order.userref or 0
    else:
        row["userref"] = None
        row["cl_ord_id"] = order.cl_ord_id
    row["status"] = order.status
    row["opentm"] = unix_seconds(order.opentm)
    row["starttm"] = 0
    row["expiretm"] = 0
    row["descr"] = {
        "pair": pair.altname,
        "aclass": ACLASS,
        "type": order.side,
        "ordertype": order.ordertype,
        "price": "0" if order.limit is None else _order_price(order.limit, pair),
        "price2": "0",
        "leverage": "none",
        "order": order_text(order),
        "close": "",
    }
    row["vol"] = fmt(order.vol, pair.lot_decimals)
    row["vol_exec"] = fmt(order.vol_exec, pair.lot_decimals)
    row["cost"] = fmt(order.cost, pair.cost_decimals)
    row["fee"] = fmt(order.fee, pair.cost_decimals)
    row["price"] = (
        fmt(average_price(order.cost, order.vol_exec, pair, pair.pair_decimals), pair.pair_decimals)
        if order.vol_exec
        else zero
    )
    row["stopprice"] = zero
    row["limitprice"] = zero
    row["misc"] = "partial" if order.partial else ""
    row["oflags"] = oflags(order)
    row["time_in_force"] = order.time_in_force
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


def oflags(order: Order) -> str:
    """The flags in force, the fee currency always among them (kraken/30 §2.5)."""
    flags = [("post", order.post), ("fcib" if order.fee_in_base else "fciq", True), ("nompp", order.nompp)]
    return ",".join(flag for flag, on in flags if on)


def average_price(cost: int, volume: int, pair: Pair, places: int) -> int:
    """Cost over volume, half up, in units of 10**-places."""
    return half_up(cost * 10 ** (pair.lot_decimals + places), volume * 10**pair.cost_decimals)


def trade_row(fills: Sequence[Trade], *, ledgers: bool) -> dict[str, Any]:
    """A trade: one fill, or the fills of one execution joined (kraken/40 §1.10)."""
    first = fills[0]
    order = first.order
    pair = order.market.pair
    digits = pair.cost_decimals
    volume, cost, fee = sum(t.vol for t in fills), sum(t.cost for t in fills), sum(t.fee for t in fills)
    if len(fills) == 1:
        price = rescale(first.price, pair.price_scale, digits)
    else:
        price = average_price(cost, volume, pair, digits)
    row: dict[str, Any] = {
        "ordertxid": order.txid,
        "postxid": SPOT_POSTXID,
        "pair": pair.id,
        "aclass": ACLASS,
        "time": unix_seconds(first.time),
        "type": order.side,
        "ordertype": order.ordertype,
        "tradeordertype": order.ordertype,
        "price": fmt(price, digits),
        "cost": fmt(cost, digits),
        "fee": fmt(fee, digits),
        "vol": fmt(volume, pair.lot_decimals),
        "margin": fmt(0, digits),
        "leverage": "0",
        "misc": "",
        "trade_id": first.trade_id,
        "maker": first.maker,
    }
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
