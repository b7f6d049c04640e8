"""What the exchange tells those who listen. It knows only their callbacks, never who they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.orders import Order, Side
    from mockkraken.exchange.tape import Print
    from mockkraken.exchange.trades import Trade

OrderEvent = Literal[
    "pending_new",
    "new",
    "trade",
    "iceberg_refill",
    "filled",
    "canceled",
    "expired",
    "triggered",
    "amended",
    "restated",
]


class Events:
    """Lists of callbacks, called in the order in which things happen. A listener must not command the exchange.

    Attributes:
        order: a client's order changed: (order, what happened, the fill for `trade`, which is booked by then).
        book: the volume at a price changed: (market, side, price in price units).
        trade: the public tape grew.
        ledger: an account's balance moved.
        margin_call: an account's margin level has fallen to a pair's margin call.
        opened: a pair is looked at for the first time; its makers may place their orders, directly.
        settled: a command that touched the market is done; its makers may place their orders, directly.
        status: the exchange as a whole is in another state.
        pair: a pair has other rules.
        done: a whole request, control operation or timer is over: what it brought about may be published.
    """

    def __init__(self) -> None:
        self.order: list[Callable[[Order, OrderEvent, Trade | None], None]] = []
        self.book: list[Callable[[Market, Side, int], None]] = []
        self.trade: list[Callable[[Market, Print], None]] = []
        self.ledger: list[Callable[[Account, LedgerEntry], None]] = []
        self.margin_call: list[Callable[[Account], None]] = []
        self.opened: list[Callable[[Market], None]] = []
        self.settled: list[Callable[[Market], None]] = []
        self.status: list[Callable[[], None]] = []
        self.pair: list[Callable[[Pair], None]] = []
        self.done: list[Callable[[], None]] = []
