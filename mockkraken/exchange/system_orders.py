"""Orders that the exchange makes by itself: what a conditional close asks for, what a liquidation needs.

They pass no minimums: nobody could mend them. Reference: kraken/30 §8.7, §8.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.exchange.orders import LIMITED, TRAILING, Order, opposite, rises
from mockkraken.exchange.prices import nearest
from mockkraken.exchange.triggers import Stop

if TYPE_CHECKING:
    from mockkraken.exchange.positions import Position
    from mockkraken.exchange.trades import Trade


def closing_order(trade: Trade) -> Order:
    """The order that an execution makes by the conditional close of its order.

    Relative prices are distances from the order's price [doc], of a market order from that of the fill.
    """
    parent = trade.order
    terms = parent.close
    assert terms is not None
    pair = parent.market.pair
    order = Order(
        account=parent.account,
        market=parent.market,
        side=opposite(parent.side),
        ordertype=terms.ordertype,
        vol=trade.vol,
        leverage=parent.leverage,
        stptype=parent.stptype,
        sender_sub_id=parent.sender_sub_id,
        userref=parent.userref,  # [guess] kraken/30 §8.7
        refid=parent.txid,
    )
    reference = parent.limit if parent.limit is not None else trade.price
    price = None if terms.ordertype in TRAILING else nearest(terms.price.at(reference, pair), pair)
    if terms.ordertype in LIMITED:
        order.limit = price
        order.limit_written = terms.price if terms.price.relative else None
        order.display = trade.vol if terms.ordertype == "iceberg" else None  # [guess] it shows all of itself
        return order
    order.stop = Stop(
        order=order,
        signal=parent.stop.signal if parent.stop else "last",
        rising=rises(terms.ordertype, order.side),
        price=terms.price,
        limit=terms.price2,
        fixed=price,
    )
    return order


def liquidation_order(position: Position) -> Order:
    """The market order that closes a position which is no longer covered."""
    return Order(
        account=position.account,
        market=position.market,
        side=opposite(position.side),
        ordertype="market",
        vol=position.remaining,
        leverage=position.leverage,
        reduce_only=True,
        stptype="cancel-oldest",
        liquidation=True,
    )
