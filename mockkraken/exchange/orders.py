"""The order: one record from its entry to its end, and the words for how it ends.

All amounts are integers: volumes in the pair's lot units, prices in its price units, costs and fees in its cost units
(quote currency), holds in the units of the asset held. Times are ns. Reference: kraken/30 §7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mockkraken.decimals import half_up, rescale

if TYPE_CHECKING:
    from mockkraken.catalog import Asset
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.trades import Execution

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit"]
TimeInForce = Literal["gtc", "ioc", "fok"]
SelfTrade = Literal["cancel-newest", "cancel-oldest", "cancel-both"]
Status = Literal["pending", "open", "closed", "canceled", "expired"]

# Why an order ended (kraken/30 §7.2)
USER_REQUESTED = "User requested"  # [obs]
CANNOT_TRADE_WITH_SELF = "Cannot trade with self"  # [doc]
POST_ONLY = "Post only order"  # [obs]
INSUFFICIENT_LIQUIDITY = "Insufficient liquidity"  # [guess] the rest of an IOC, FOK or market order

# Fee rates are millionths of the cost.
RATE_ONE = 1_000_000


class Order(msgspec.Struct, eq=False, kw_only=True):
    """One order. What the client asked for stands first, what became of it after."""

    account: Account
    market: Market
    side: Side
    ordertype: OrderType
    vol: int
    limit: int | None = None
    """Limit price; None: any price."""
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
    status: Status = "pending"
    opentm: int = 0
    closetm: int = 0
    vol_exec: int = 0
    cost: int = 0
    fee: int = 0
    """In quote, also when the fee was taken in base."""
    hold: int = 0
    """What it reserves now of `hold_asset`; always `needed()` of the remaining volume while it is open."""
    executions: list[Execution] | tuple[()] = ()
    """Most orders never trade, and keep no list for it."""
    reason: str | None = None

    @property
    def buy(self) -> bool:
        return self.side == "buy"

    @property
    def price(self) -> int:
        """The limit price of an order that has one; the price of its fills while it rests."""
        if self.limit is None:
            raise ValueError("a market order has no price")
        return self.limit

    @property
    def remaining(self) -> int:
        return self.vol - self.vol_exec

    @property
    def hold_asset(self) -> Asset:
        """The asset that it pays with: quote when buying, base when selling."""
        return self.market.pair.quote if self.side == "buy" else self.market.pair.base

    def needed(self, volume: int) -> int:
        """What executing `volume` at the limit price takes at most, fee included, in units of `hold_asset`.

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
        return self.status in ("canceled", "expired") and 0 < self.vol_exec < self.vol


def fee_on(cost: int, rate: int) -> int:
    """Fee of a fill: cost times rate, half up at the cost's own decimals (kraken/30 §8.10)."""
    return half_up(cost * rate, RATE_ONE)
