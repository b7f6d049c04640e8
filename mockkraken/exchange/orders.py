"""The order: one record from its entry to its end, and the words for how it ends.

All amounts are integers: volumes in the pair's lot units, prices in its price units, costs and fees in its cost units
(quote currency), holds in the units of the asset held. Times are ns. Reference: kraken/30 §7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mockkraken.catalog.records import RATE_ONE
from mockkraken.decimals import half_up, rescale
from mockkraken.exchange.prices import nearest
from mockkraken.ids import derived

if TYPE_CHECKING:
    from mockkraken.catalog import Asset
    from mockkraken.clock import Timer
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.prices import Written
    from mockkraken.exchange.trades import Execution
    from mockkraken.exchange.triggers import Stop

Side = Literal["buy", "sell"]
OrderType = Literal[
    "market",
    "limit",
    "iceberg",
    "stop-loss",
    "take-profit",
    "stop-loss-limit",
    "take-profit-limit",
    "trailing-stop",
    "trailing-stop-limit",
    "settle-position",
]
TimeInForce = Literal["gtc", "ioc", "gtd", "fok"]
SelfTrade = Literal["cancel-newest", "cancel-oldest", "cancel-both"]
Status = Literal["pending", "open", "closed", "canceled", "expired"]
Place = Literal["", "schedule", "triggers", "book"]
"""Where an open order waits: for its start time, for its trigger, or in the book; nowhere before and after."""

# What a type of order has (kraken/30 §2.3)
LIMITED: frozenset[OrderType] = frozenset(("limit", "iceberg"))
TRIGGERED: frozenset[OrderType] = frozenset(
    ("stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "trailing-stop", "trailing-stop-limit")
)
TRAILING: frozenset[OrderType] = frozenset(("trailing-stop", "trailing-stop-limit"))
TWO_PRICED: frozenset[OrderType] = frozenset(("stop-loss-limit", "take-profit-limit", "trailing-stop-limit"))

# Why an order ended (kraken/30 §7.2)
USER_REQUESTED = "User requested"  # [obs]
CANNOT_TRADE_WITH_SELF = "Cannot trade with self"  # [doc]
POST_ONLY = "Post only order"  # [obs]
WOULD_TRIGGER = "Order would trigger immediately"  # [doc]
ORDER_REPLACED = "Order replaced"  # [obs]
AFTER_TIMEOUT = "Cancel all orders after timeout"  # [guess]
ORDER_EXPIRED = "Order expired"  # [guess]
INSUFFICIENT_LIQUIDITY = "Insufficient liquidity"  # [guess] the rest of an IOC, FOK or market order
INSUFFICIENT_FUNDS = "Insufficient funds"  # [guess] when it was triggered, or its time came
INSUFFICIENT_MARGIN = "Insufficient margin"  # [guess] likewise
POSITION_IS_CLOSED = "Reduce only:Position is closed"  # [inf]
LIQUIDATION = "Liquidation"  # [guess]


class Close(msgspec.Struct, frozen=True, eq=False):
    """The terms of a conditional close, as they were written (kraken/30 §8.7)."""

    ordertype: OrderType
    price: Written
    price2: Written | None


AmendType = Literal["original", "user", "restated"]


class Amend(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An order's terms from one moment on (kraken/30 §4.2). Volumes in lot units, prices in price units, time in ns."""

    id: str
    type: AmendType
    time: int
    vol: int
    remaining: int
    limit: int | None
    trigger: int | None
    display: int | None
    post: bool
    reason: str | None


class Order(msgspec.Struct, eq=False, kw_only=True):
    """One order. What the client asked for stands first, what became of it after."""

    account: Account
    market: Market
    side: Side
    ordertype: OrderType
    vol: int
    limit: int | None = None
    """Limit price; None: any price, or not known before the trigger."""
    limit_written: Written | None = None
    """The limit price as its sender wrote it, when that was relative."""
    display: int | None = None
    """What an iceberg shows of itself at most."""
    budget: int | None = None
    """oflags viqc: what may be spent, in cost units, instead of a volume. Then `vol` is what it was found to buy."""
    stop: Stop | None = None
    """What makes a triggered order fire; it stays after that."""
    close: Close | None = None
    """The order that each of its executions makes (conditional close)."""
    leverage: int = 0
    """0: no margin."""
    starttm: int = 0
    expiretm: int = 0
    time_in_force: TimeInForce = "gtc"
    post: bool = False
    fee_in_base: bool = False
    """oflags fcib; otherwise fciq, on both sides [obs, kraken/30 §2.5]."""
    nompp: bool = False
    """Deprecated, echoed and otherwise ignored."""
    reduce_only: bool = False
    stptype: SelfTrade = "cancel-newest"
    userref: int | None = None
    cl_ord_id: str | None = None
    sender_sub_id: str | None = None
    refid: str | None = None
    """Txid of the order that made this one."""
    rate: int = 0
    """The account's taker rate at entry (RATE_ONE = 100 %)."""
    highest_rate: int = 0
    """The highest rate that it can be charged: the larger of the taker's and the maker's at entry. Its hold reckons
    with that, and however long it rests, it pays no more [guess, kraken/30 §5.4: the rate is that at entry]."""

    txid: str = ""
    """Empty until the exchange has accepted the order."""
    seq: int = 0
    place: Place = ""
    queued: int = 0
    """Its number in the queue of its price level: who came first is served first."""
    rested: int = 0
    """When it came to that place, an iceberg with its present slice, or was last amended there; no fill changes it."""
    shown: int = 0
    """What an iceberg shows now."""
    timer: Timer | None = None
    """When it starts or expires."""
    status: Status = "pending"
    opentm: int = 0
    closetm: int = 0
    vol_exec: int = 0
    cost: int = 0
    fee: int = 0
    """In quote, also when the fee was taken in base."""
    hold: int = 0
    """What it reserves now of `hold_asset`: `needed()` of the remaining volume while it rests in the book. A margin
    order reserves nothing, and by default nothing that waits for its trigger or its time does (kraken/30 §5.4)."""
    executions: list[Execution] | tuple[()] = ()
    """Most orders never trade, and keep no list for it."""
    amends: list[Amend] | tuple[()] = ()
    """What became of its terms, once they were changed: the original first."""
    liquidation: bool = False
    """Made by the exchange to close a position that is no longer covered."""
    reason: str | None = None

    @property
    def buy(self) -> bool:
        return self.side == "buy"

    @property
    def price(self) -> int:
        """The limit price of an order that has one; the price of its fills while it rests.

        Before its trigger, it is the limit price that it will have; without any the trigger price.
        """
        if self.limit is not None:
            return self.limit
        if self.stop is None:
            raise ValueError("a market order has no price")
        planned = self.planned_limit
        return self.stop.level if planned is None else planned

    @property
    def remaining(self) -> int:
        return self.vol - self.vol_exec

    @property
    def planned_limit(self) -> int | None:
        """The limit price that it has, or will have when its trigger is reached as it stands now."""
        stop = self.stop
        if self.limit is not None or stop is None or stop.limit is None or not stop.level:
            return self.limit
        pair = self.market.pair
        return nearest(stop.limit.at(stop.level, pair), pair)

    @property
    def offered(self) -> int:
        """What the book shows of it while it rests."""
        return self.vol - self.vol_exec if self.display is None else self.shown

    @property
    def hold_asset(self) -> Asset:
        """The asset that it pays with: quote when buying, base when selling."""
        return self.market.pair.quote if self.side == "buy" else self.market.pair.base

    def needed(self, volume: int) -> int:
        """What executing `volume` at its price takes at most, fee included, in units of `hold_asset`.

        The one rule of holds, kraken/30 §5.4: size plus fee where the fee is taken in the same asset, rounded half up
        once. A negative rate, a rebate, is not counted on.
        """
        pair = self.market.pair
        rate = self.highest_rate if self.highest_rate > 0 else 0
        if self.side == "sell":
            if not self.fee_in_base:
                return rescale(volume, pair.lot_decimals, pair.base.decimals)
            return rescale(volume * (RATE_ONE + rate), pair.lot_decimals + 6, pair.base.decimals)
        exact = volume * self.price
        if self.fee_in_base:
            return rescale(exact, pair.price_scale + pair.lot_decimals, pair.quote.decimals)
        return rescale(exact * (RATE_ONE + rate), pair.price_scale + pair.lot_decimals + 6, pair.quote.decimals)

    @property
    def partial(self) -> bool:
        """Whether it ended before all of it was executed (`misc` shows it, kraken/30 §7)."""
        if self.status not in ("canceled", "expired") or not self.vol_exec:
            return False
        return self.vol_exec < self.vol if self.budget is None else self.cost < self.budget


def first_amend_id(order: Order) -> str:
    """The id of the original terms: it can be asked for at any time, so nothing is drawn for it."""
    return derived("T", order.txid)


def terms_of(
    order: Order, amend_id: str, time: int, kind: AmendType, reason: str | None, *, post: bool | None = None
) -> Amend:
    """An order's terms as they are now, for its history."""
    stop = order.stop
    return Amend(
        amend_id,
        kind,
        time,
        order.vol,
        order.vol if kind == "original" else order.remaining,
        order.planned_limit,
        None if stop is None else stop.level,
        order.display,
        order.post if post is None else post,
        reason,
    )


def opposite(side: Side) -> Side:
    """The other side."""
    return "sell" if side == "buy" else "buy"


def rises(ordertype: OrderType, side: Side) -> bool:
    """Whether a triggered order fires when the price has risen to its level; else when it has fallen there."""
    return (side == "buy") != ordertype.startswith("take-profit")


def fee_on(cost: int, rate: int) -> int:
    """Fee of a fill: cost times rate, half up at the cost's own decimals (kraken/30 §8.10)."""
    return half_up(cost * rate, RATE_ONE)
