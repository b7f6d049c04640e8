"""Orders and trades in words and texts, as REST and the WebSocket versions show them (kraken/30 §2.4, §2.5, §7).

What one version writes otherwise, the name of a pair or the digits of a price, stands in its `Notation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mockkraken.decimals import fmt, rescale
from mockkraken.exchange.margin import opening_margin
from mockkraken.exchange.orders import LIMITED, TRAILING, TRIGGERED, TWO_PRICED, Close, Order, OrderType
from mockkraken.exchange.prices import price_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mockkraken.catalog import Pair
    from mockkraken.exchange.prices import Written
    from mockkraken.exchange.trades import Trade

SPOT_POSTXID = "TKH2SE-M7IF5-CFI7LT"
"""What every spot fill names as its position, on every account [obs, kraken/30 §1.3]."""

NO_PRICE = "0"
"""What an order shows where it has no price, on REST."""


class Notation(NamedTuple):
    """How the orders of one pair are written.

    Attributes:
        pair: what the pair is called.
        price_places: the decimals of prices.
        volume_places: the decimals of volumes.
        no_price: what stands where an order has no price.
        market: the words for a market order.
    """

    pair: str
    price_places: int
    volume_places: int
    no_price: str = NO_PRICE
    market: str = "market"


def usual(pair: Pair) -> Notation:
    """That of REST, and of all sentences in answers to order entry."""
    return Notation(pair.altname, pair.pair_decimals, pair.lot_decimals)


def order_text(
    order: Order, price: str | None = None, price2: str | None = None, notation: Notation | None = None
) -> str:
    """The sentence that describes an order; clients split it on blanks (kraken/30 §2.4).

    Args:
        order: the order.
        price: what stands for its first price, where an answer repeats it as it was sent.
        price2: likewise for its second.
        notation: the usual one if not given.
    """
    notation = notation or usual(order.market.pair)
    if not (price and price2):
        own, own2 = price_texts(order, notation)
        price, price2 = price or own, price2 or own2
    terms = _terms(order.ordertype, price, price2, notation)
    leverage = f" with {order.leverage}:1 leverage" if order.leverage else ""
    return f"{order.side} {volume_text(order, notation.volume_places)} {notation.pair} @ {terms}{leverage}"


def close_text(close: Close, pair: Pair, notation: Notation | None = None) -> str:
    """The sentence that describes a conditional close (kraken/30 §2.4)."""
    notation = notation or usual(pair)
    price, price2 = close_price_texts(close, pair, notation)
    return f"close position @ {_terms(close.ordertype, price, price2, notation)}"


def _terms(ordertype: OrderType, price: str, price2: str, notation: Notation) -> str:
    if ordertype in LIMITED:
        return f"limit {price}"  # [guess] for icebergs
    if ordertype == "market":
        return notation.market
    words = ordertype.removesuffix("-limit").replace("-", " ")
    if ordertype not in TRIGGERED:
        return words
    return f"{words} {price} -> limit {price2}" if ordertype in TWO_PRICED else f"{words} {price}"


def volume_text(order: Order, places: int | None = None) -> str:
    """What an order is for: base volume, or with viqc the amount of quote, with the lot's decimals all the same.

    Args:
        order: the order.
        places: other decimals than the lot's.
    """
    pair = order.market.pair
    if order.budget is None:
        return _text_of(order.vol, pair.lot_decimals, pair.lot_decimals if places is None else places)
    return _text_of(order.budget, pair.cost_decimals, pair.lot_decimals if places is None else places)


def executed_text(order: Order, places: int | None = None) -> str:
    """What was executed, in the currency of its volume: with viqc the quote spent [guess, kraken/30 §11].

    Args:
        order: the order.
        places: other decimals than the lot's.
    """
    pair = order.market.pair
    places = pair.lot_decimals if places is None else places
    if order.budget is None:
        return _text_of(order.vol_exec, pair.lot_decimals, places)
    return _text_of(order.cost, pair.cost_decimals, places)


def _text_of(units: int, places: int, to: int) -> str:
    return fmt(rescale(units, places, to), to)


def price_texts(order: Order, notation: Notation | None = None) -> tuple[str, str]:
    """An order's first and second price as it was written, and what stands for none."""
    pair = order.market.pair
    notation = notation or usual(pair)
    if order.stop is not None:
        return _written(order.stop.price, pair, notation), _written(order.stop.limit, pair, notation)
    if order.limit_written is not None:
        return _written(order.limit_written, pair, notation), notation.no_price
    if order.limit is None:
        return notation.no_price, notation.no_price
    return price_text(order.limit, pair, notation.price_places), notation.no_price


def close_price_texts(close: Close, pair: Pair, notation: Notation) -> tuple[str, str]:
    """The prices of a conditional close as they were written, and what stands for none."""
    return _written(close.price, pair, notation), _written(close.price2, pair, notation)


def _written(price: Written | None, pair: Pair, notation: Notation) -> str:
    return notation.no_price if price is None else price.text(pair, notation.price_places)


def stop_price(order: Order) -> int:
    """A trailing order's level of the moment; a static one's trigger price once it has fired [guess], before that 0."""
    stop = order.stop
    return stop.level or 0 if stop is not None and (stop.fired or order.ordertype in TRAILING) else 0


def limit_price(order: Order) -> int:
    """A fired *-limit order's limit, else a trailing order's extreme; what a relative limit price came to [guess]."""
    if order.stop is None:
        return order.limit or 0 if order.limit_written is not None else 0
    if order.stop.fired and order.limit is not None:
        return order.limit
    return order.stop.extreme or 0 if order.ordertype in TRAILING else 0


def befallen(order: Order) -> list[str]:
    """What befell an order beside its fills, in the words of `misc` on REST (kraken/30 §7)."""
    fired = order.stop is not None and order.stop.fired
    profit = order.ordertype.startswith("take-profit")
    marks = [
        ("stopped", fired and not profit),
        ("touched", fired and profit),
        ("liquidated", order.liquidation),
        ("partial", order.partial),
        ("amended", len(order.amends) > 1),
    ]
    return [mark for mark, on in marks if on]


def oflags(order: Order) -> str:
    """The flags in force, the fee currency always among them (kraken/30 §2.5)."""
    flags = [
        ("post", order.post),
        ("viqc", order.budget is not None),  # [guess] where it stands
        ("fcib" if order.fee_in_base else "fciq", True),
        ("nompp", order.nompp),
    ]
    return ",".join(flag for flag, on in flags if on)


# Trades


def position_id(fills: Sequence[Trade]) -> str:
    """The position that a trade opened, else the first that it closed a part of; on spot the constant."""
    for trade in fills:
        if trade.opened is not None:
            return trade.opened.id
    return next((part.position.id for trade in fills for part in trade.closed), SPOT_POSTXID)


def traded_type(order: Order) -> str:
    """The type of the order as its trades name it: two kinds go by names of their own (kraken/30 §9)."""
    if order.liquidation:
        return "liquidation market"
    return "settle position" if order.ordertype == "settle-position" else order.ordertype


def trade_margin(fills: Sequence[Trade]) -> int:
    """The margin that a trade's fills took, cost units."""
    leverage = fills[0].order.leverage
    return sum(opening_margin(fill.cost, leverage) for fill in fills) if leverage else 0


def trade_price(fills: Sequence[Trade], places: int) -> int:
    """The price of a fill, or the average of several, in units of 10**-places."""
    pair = fills[0].order.market.pair
    if len(fills) == 1:
        return rescale(fills[0].price, pair.price_scale, places)
    return pair.average_price(sum(fill.cost for fill in fills), sum(fill.vol for fill in fills), places)
