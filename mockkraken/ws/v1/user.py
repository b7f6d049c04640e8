"""Version 1's private channels: the account's open orders and its trades (kraken/60 §4).

Messages are `[[{id: row}], channelName, {"sequence": n}]`. Whole rows have their keys in alphabetical order, as
recorded; the rows of updates the order in which they were recorded.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mockkraken import errors
from mockkraken.counters import POINT
from mockkraken.decimals import fmt
from mockkraken.errors import KrakenError
from mockkraken.exchange import describe, trading_limits
from mockkraken.exchange.accounts import TRADING_LIMITS
from mockkraken.exchange.describe import Notation
from mockkraken.gate.permissions import all_of
from mockkraken.ws.declared import Channel, Field, Granted
from mockkraken.ws.v1.digits import VOLUME_PLACES, seconds_text, volume_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mockkraken.catalog import Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Order
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.trades import Trade
    from mockkraken.ws.declared import Asked
    from mockkraken.ws.topics import Subscription, UserFeed, UserSpeaker

OPEN_ORDERS, OWN_TRADES = "openOrders", "ownTrades"
SNAPSHOT_TRADES = 50  # [doc]
# [guess] Of a fill openOrders tells first, then ownTrades, then openOrders again that the order is done.
_ORDERS_RANK, _TRADES_RANK = 0, 1

_sorted = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.encode


# Texts


def notation(pair: Pair) -> Notation:
    """How these channels write a pair's orders: slash names, and prices with the digits of public prices [obs]."""
    zero = fmt(0, pair.price_scale)
    return Notation(pair.wsname, pair.price_scale, VOLUME_PLACES, zero, f"market {zero}")


def _set_seconds(ns: int) -> str | None:
    return seconds_text(ns) if ns else None


# Open orders


def _description(order: Order) -> dict[str, Any]:
    pair = order.market.pair
    written = notation(pair)
    price, price2 = describe.price_texts(order, written)
    row: dict[str, Any] = {
        "close": None if order.close is None else describe.close_text(order.close, pair, written),
        "leverage": f"{order.leverage}:1" if order.leverage else None,
        "order": describe.order_text(order, price, price2, written),
        "ordertype": order.ordertype,
        "pair": written.pair,
        "price": price,
        "price2": price2,
        "type": order.side,
    }
    if order.leverage:
        row["margin"] = True
    return row


def _contingent(order: Order) -> dict[str, Any] | None:
    if order.close is None:
        return None
    pair = order.market.pair
    price, price2 = describe.close_price_texts(order.close, pair, notation(pair))
    # [guess] That of the order that it makes, which asks for nothing special.
    return {"ordertype": order.close.ordertype, "price": price, "price2": price2, "oflags": "fciq"}


def _misc(order: Order) -> str:
    """What befell an order, in this version's words; that it was amended has a member of its own."""
    marks = ("liquidation" if mark == "liquidated" else mark for mark in describe.befallen(order))
    return ",".join(mark for mark in marks if mark != "amended")


def _whole(order: Order) -> dict[str, Any]:
    """An order as snapshots have it, and as it is first told of."""
    pair = order.market.pair
    row = {
        **_executed(order),
        "descr": _description(order),
        "expiretm": _set_seconds(order.expiretm),
        "limitprice": pair.price_text(describe.limit_price(order)),
        "misc": _misc(order),
        "oflags": describe.oflags(order),
        "opentm": seconds_text(order.opentm),
        "refid": order.refid,
        "starttm": _set_seconds(order.starttm),
        "status": order.status,
        "stopprice": pair.price_text(describe.stop_price(order)),
        "timeinforce": order.time_in_force.upper(),
        "vol": describe.volume_text(order, VOLUME_PLACES),
        **_reference(order),
    }
    if order.sender_sub_id is not None:
        row["sender_sub_id"] = order.sender_sub_id
    if order.stop is not None:
        row["trigger"] = order.stop.signal
    if order.close is not None:
        row["contingent"] = _contingent(order)
    if order.display is not None:
        row |= _display(order)
    if len(order.amends) > 1:
        row["amended"] = True
    return row


def _executed(order: Order) -> dict[str, Any]:
    pair = order.market.pair
    average = pair.average_price(order.cost, order.vol_exec, pair.price_scale) if order.vol_exec else 0
    return {
        "vol_exec": describe.executed_text(order, VOLUME_PLACES),
        "cost": fmt(order.cost, pair.cost_decimals),
        "fee": fmt(order.fee, pair.cost_decimals),
        "avg_price": fmt(average, pair.price_scale),
    }


def _reference(order: Order) -> dict[str, Any]:
    """What each row repeats, so that a client knows its order: the userref, 0 if there is none [obs]."""
    if order.cl_ord_id is None:
        return {"userref": order.userref or 0}
    return {"userref": 0, "cl_ord_id": order.cl_ord_id}


def _display(order: Order, *, anew: bool = False) -> dict[str, str]:
    """What an iceberg shows at most, and now; one that does not rest yet shows what it will if it does.

    `anew`: an amend lets it show all that it may; it is told before the book has it.
    """
    assert order.display is not None
    pair = order.market.pair
    shown = order.shown if order.place == "book" and not anew else order.display
    return {
        "display_volume": volume_text(order.display, pair),
        "display_volume_remain": volume_text(min(shown, order.remaining), pair),
    }


def _opened(order: Order) -> dict[str, Any]:
    return {"status": order.status, **_reference(order)}


def _traded(order: Order) -> dict[str, Any]:
    row = _executed(order) | _reference(order)
    if order.display is not None:
        row["display_volume_remain"] = _display(order)["display_volume_remain"]  # [guess]
    return row


def _ended(order: Order) -> dict[str, Any]:
    row = {"lastupdated": seconds_text(order.closetm), "status": order.status} | _executed(order) | _reference(order)
    if order.status == "canceled" or order.liquidation:
        row["cancel_reason"] = order.reason
    if order.partial:
        row["misc"] = _misc(order)  # [guess]
    return row


def _changed(order: Order) -> dict[str, Any]:
    """An order's new terms: its owner's, or those that the exchange had to give it [guess on the members]."""
    pair = order.market.pair
    before, amend = list(order.amends)[-2:]
    row = {
        "lastupdated": seconds_text(amend.time),
        "amended": True,
        "amend_reason": amend.reason,
        "descr": _description(order),
        "vol": describe.volume_text(order, VOLUME_PLACES),
        "vol_exec": describe.executed_text(order, VOLUME_PLACES),
        "limitprice": pair.price_text(describe.limit_price(order)),
        "stopprice": pair.price_text(describe.stop_price(order)),
        **_reference(order),
    }
    if order.display is not None:
        row |= _display(order, anew=amend.display != before.display)
    return row


def _triggered(order: Order, now: int) -> dict[str, Any]:
    """A stop has its price: what it is now, and at which prices [guess on the members]."""
    pair = order.market.pair
    return {
        "lastupdated": seconds_text(now),
        "misc": _misc(order),
        "stopprice": pair.price_text(describe.stop_price(order)),
        "limitprice": pair.price_text(describe.limit_price(order)),
        **_reference(order),
    }


class OpenOrders:
    """Tells an account what becomes of its orders, one order a message: hummingbot skips the rest of a longer one."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock

    def order(self, order: Order, what: OrderEvent, _trade: Trade | None) -> tuple[Order, bytes] | None:
        """The order, and its row with what has changed, as it is now."""
        if what == "iceberg_refill":
            return None  # The fill that brought it about has told what is shown now.
        if what == "pending_new":
            return order, _sorted({order.txid: _whole(order)})
        if what == "new":
            row = _opened(order)
        elif what == "trade":
            row = _traded(order)
        elif what == "triggered":
            row = _triggered(order, self._clock.now())
        elif what in ("amended", "restated"):
            row = _changed(order)
        else:
            row = _ended(order)
        return order, _encode({order.txid: row})

    def ledger(self, entry: LedgerEntry) -> None:
        """Balances are no matter of this channel; version 1 has none that tells them."""

    def gather(self, notes: list[tuple[Order, bytes]]) -> None:
        """Each stands for itself."""

    def message(self, note: tuple[Order, bytes], subscription: Subscription) -> bytes:
        """The row, with the trading counter of the order's pair where that was asked for."""
        order, row = note
        if subscription.options.ratecounter:
            count = trading_limits.points(self._account, order.market.pair.id, self._clock.now())
            row = b'%s,"ratecount":%d}}' % (row[:-2], count)
        return _message(b"[%s]" % row, OPEN_ORDERS, subscription)

    def snapshot(self, subscription: Subscription) -> list[bytes]:
        """All orders that are open or pending, as they came in, in one message."""
        rows = [{order.txid: _whole(order)} for order in self._account.open.values()]
        return [_message(_sorted(rows), OPEN_ORDERS, subscription)]


# Trades


def _trade(fills: Sequence[Trade], *, reference: bool) -> dict[str, Any]:
    """A fill, or the fills of one taker order joined: the id and time of the first, sums, and the average price.

    Args:
        fills: of one order, in their order.
        reference: with the order's own references.
    """
    first = fills[0]
    order = first.order
    pair = order.market.pair
    row: dict[str, Any] = {
        "cost": fmt(sum(fill.cost for fill in fills), pair.cost_decimals),
        "fee": fmt(sum(fill.fee for fill in fills), pair.cost_decimals),
        "margin": fmt(describe.trade_margin(fills), pair.cost_decimals),
        "ordertxid": order.txid,
        "ordertype": describe.traded_type(order),
        "pair": pair.wsname,
        "postxid": describe.position_id(fills),
        "price": pair.price_text(describe.trade_price(fills, pair.price_scale)),
        "time": seconds_text(first.time),
        "type": order.side,
        "vol": volume_text(sum(fill.vol for fill in fills), pair),
    }
    if order.leverage:
        row["margin_borrow"] = any(fill.opened is not None for fill in fills)  # [guess] what opens a position borrows
    if reference and order.userref is not None:
        row["userref"] = order.userref
    if reference and order.cl_ord_id is not None:
        row["cl_ord_id"] = order.cl_ord_id
    return {first.id: row}


class _Fill(msgspec.Struct, eq=False):
    """A fill that is to be told: its row, and if it is the last of its execution, that of all of those."""

    trade: Trade
    single: bytes = b""
    joined: bytes = b""


class OwnTrades:
    """Tells an account its trades."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def order(self, _order: Order, _what: OrderEvent, trade: Trade | None) -> _Fill | None:
        """The fill; nothing of it changes any more."""
        return None if trade is None else _Fill(trade)

    def ledger(self, entry: LedgerEntry) -> None:
        """Trades are told by their orders."""

    def gather(self, notes: list[_Fill]) -> None:
        """Join the fills of each execution in its last one."""
        last = {id(note.trade.execution): note for note in notes}
        for note in notes:
            note.single = _sorted([_trade((note.trade,), reference=True)])
        for note in last.values():
            fills = note.trade.execution.fills
            note.joined = note.single if len(fills) == 1 else _sorted([_trade(fills, reference=True)])

    def message(self, note: _Fill, subscription: Subscription) -> bytes | None:
        """The fill, or the execution when it is complete."""
        rows = note.joined if subscription.options.consolidate else note.single
        return _message(rows, OWN_TRADES, subscription) if rows else None

    def snapshot(self, subscription: Subscription) -> list[bytes]:
        """The last 50 trades in one message, the oldest first [guess]."""
        options: _TradesWanted = subscription.options
        if not options.snapshot:
            return []
        account = self._account
        found: Iterable[Sequence[Trade]]
        if options.consolidate:
            found = [execution.fills for execution in account.executions[-SNAPSHOT_TRADES:]]
        else:
            found = [(trade,) for trade in islice(reversed(account.trades.values()), SNAPSHOT_TRADES)][::-1]
        return [_message(_sorted([_trade(fills, reference=False) for fills in found]), OWN_TRADES, subscription)]


def _message(rows: bytes, channel: str, subscription: Subscription) -> bytes:
    subscription.sequence += 1
    return b'[%s,"%s",{"sequence":%d}]' % (rows, channel.encode(), subscription.sequence)


# Subscribing


class _OrdersWanted(NamedTuple):
    ratecounter: bool


class _TradesWanted(NamedTuple):
    snapshot: bool
    consolidate: bool


def _subscribe_to_orders(asked: Asked, _: Pair | None) -> Granted:
    account, clock = asked.owner, asked.venue.clock

    def speaker(feed: UserFeed) -> OpenOrders:
        return OpenOrders(feed.account, clock)

    wanted = _OrdersWanted(asked.params.get("ratecounter", False))
    subscription = _subscribe(asked, OPEN_ORDERS, _ORDERS_RANK, speaker, wanted)
    result = {"maxratecount": TRADING_LIMITS[account.tier].max // POINT, "name": OPEN_ORDERS}
    return Granted(result, lambda: subscription.topic.speaker.snapshot(subscription), OPEN_ORDERS)


def _subscribe_to_trades(asked: Asked, _: Pair | None) -> Granted:
    def speaker(feed: UserFeed) -> OwnTrades:
        return OwnTrades(feed.account)

    wanted = _TradesWanted(asked.params.get("snapshot", True), asked.params.get("consolidate_taker", True))
    subscription = _subscribe(asked, OWN_TRADES, _TRADES_RANK, speaker, wanted)
    return Granted({"name": OWN_TRADES}, lambda: subscription.topic.speaker.snapshot(subscription), OWN_TRADES)


def _subscribe(
    asked: Asked, name: str, rank: int, speaker: Callable[[UserFeed], UserSpeaker], options: Any
) -> Subscription:
    key = (name,)
    if key in asked.connection.subscriptions:
        raise KrakenError(errors.ALREADY_SUBSCRIBED, f"the connection has {name} already")
    account = asked.owner
    return asked.venue.feeds.to_account(
        asked.connection,
        key,
        account=account,
        topic=(1, name, account.name),
        rank=rank,
        speaker=speaker,
        shown={"channel": name, "account": account.name},
        options=options,
    )


def _unsubscribe_from_orders(asked: Asked, _: Pair | None) -> dict[str, Any]:
    return _unsubscribe(asked, OPEN_ORDERS)


def _unsubscribe_from_trades(asked: Asked, _: Pair | None) -> dict[str, Any]:
    return _unsubscribe(asked, OWN_TRADES)


def _unsubscribe(asked: Asked, name: str) -> dict[str, Any]:
    subscription = asked.connection.subscriptions.get((name,))
    if subscription is None:
        raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, f"the connection has no {name}")
    asked.venue.feeds.unsubscribe(subscription)
    return {"name": name}


_BOTH = (Field("snapshot", "boolean"), Field("rebased", "boolean"))  # without effect on openOrders, and without any

CHANNELS = (
    Channel(
        OPEN_ORDERS,
        "private",
        "What becomes of the account's orders",
        _subscribe_to_orders,
        _unsubscribe_from_orders,
        fields=(*_BOTH, Field("ratecounter", "boolean")),
        needs=all_of("query-open-trades"),
    ),
    Channel(
        OWN_TRADES,
        "private",
        "The account's trades",
        _subscribe_to_trades,
        _unsubscribe_from_trades,
        fields=(*_BOTH, Field("consolidate_taker", "boolean")),
        needs=all_of("query-closed-trades"),
    ),
)
