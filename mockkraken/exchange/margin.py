"""What an account can bear: collateral, equity and margin, and who pays for a loss.

Money is reckoned in units of 10**-MONEY_DECIMALS of one asset, everything at the pairs' last trade prices.
Reference: kraken/40 §1.4, kraken/30 §8.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from mockkraken.clock import HOUR
from mockkraken.decimals import half_up
from mockkraken.exchange.valuation import RATE_DECIMALS

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Pair
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.orders import Order
    from mockkraken.exchange.positions import Position
    from mockkraken.exchange.valuation import Valuation

ROLLOVER_EVERY = 4 * HOUR  # [obs] the `terms` of a position; from its opening on [guess] kraken/30 §8.9
MONEY_DECIMALS = 4  # [obs] kraken/40 §1.4

# Positions, in the cost units of their pair


def opening_margin(cost: int, leverage: int) -> int:
    """What a position of that cost takes of the free margin: cost over leverage, half up."""
    return half_up(cost, leverage)


def market_value(position: Position, valuation: Valuation) -> int:
    """What remains of the position at the last trade price; where there is no price, at what it cost."""
    price = valuation.price(position.market.pair)
    return position.remaining_cost if price is None else position.value(price)


# Orders


def order_price(order: Order) -> int | None:
    """The price that an open order stands for: its limit, or the level of a stop without one; None: it has neither."""
    if order.limit is not None:
        return order.limit
    return order.stop.level or None if order.stop is not None else None


def unexecuted(order: Order, valuation: Valuation) -> int:
    """The value of what an open order has still to trade, cost units; without a price of its own, at the last one."""
    if order.budget is not None:
        return order.budget
    pair = order.market.pair
    price = order_price(order)
    if price is None:
        price = valuation.price(pair) or 0
    return pair.cost(price, order.remaining)


# The account


class Standing(NamedTuple):
    """How an account stands, by the names of TradeBalance.

    Attributes:
        eb: all balances.
        tb: the collateral: balances of the assets that count as such, with their haircut.
        m: margin in use, of what remains of the positions.
        uv: what open orders have still to trade.
        n: unrealised profit of the positions.
        c: what remains of the positions, at its opening cost.
        v: the same at the last prices.
        reserved: the margin that the margin orders in the book would take.
    """

    eb: int
    tb: int
    m: int
    uv: int
    n: int
    c: int
    v: int
    reserved: int

    @property
    def e(self) -> int:
        """Equity: the collateral and the unrealised profit."""
        return self.tb + self.n

    @property
    def mf(self) -> int:
        """Free margin."""
        return self.e - self.m

    @property
    def mfo(self) -> int:
        """Free margin for new orders [guess, kraken/40 §1.4]."""
        return self.mf - self.reserved

    @property
    def ml(self) -> int | None:
        """Margin level: equity in hundredths of a percent of the margin in use; None while there is none."""
        return half_up(self.e * 10_000, self.m) if self.m else None


def standing(
    account: Account,
    into: Asset,
    valuation: Valuation,
    assets: Mapping[str, Asset],
    *,
    without: Order | None = None,
) -> Standing:
    """How the account stands, in `into`; `without` an open order. What nothing joins to `into` counts as nothing."""

    def worth(cost: int, pair: Pair) -> int:
        return valuation.value(cost, pair.quote, into, MONEY_DECIMALS, places_of=pair.cost_decimals) or 0

    eb = tb = m = n = c = v = uv = reserved = 0
    for asset_id, units in account.balances.items():
        asset = assets[asset_id]
        value = valuation.value(units, asset, into, MONEY_DECIMALS) or 0
        eb += value
        tb += _as_collateral(value, asset)
    # Summed up by pair before anything is valued: there may be many on few pairs.
    held: dict[Pair, _Sums] = {}
    for position in account.positions.open.values():
        sums = held.setdefault(position.market.pair, _Sums())
        sums.used += position.used_margin
        sums.cost += position.remaining_cost
        sums.value += market_value(position, valuation)
    for pair, sums in held.items():
        cost, value = worth(sums.cost, pair), worth(sums.value, pair)
        m += worth(sums.used, pair)
        c += cost
        v += value
        n += value - cost if account.positions.side_on(pair.id) == "buy" else cost - value
    offered: dict[Pair, _Sums] = {}
    for order in account.open.values():
        if order is without:
            continue
        sums, left = offered.setdefault(order.market.pair, _Sums()), unexecuted(order, valuation)
        sums.value += left
        if _reserves(order):
            sums.used += opening_margin(left, order.leverage)
    for pair, sums in offered.items():
        uv += worth(sums.value, pair)
        reserved += worth(sums.used, pair)
    return Standing(eb=eb, tb=tb, m=m, uv=uv, n=n, c=c, v=v, reserved=reserved)


class _Sums:
    """Over the positions or orders on one pair, in its cost units."""

    __slots__ = ("cost", "used", "value")

    def __init__(self) -> None:
        self.cost = self.used = self.value = 0


def _reserves(order: Order) -> bool:
    """Whether the order keeps margin free for itself; before its time and its trigger it doesn't, as with funds."""
    return order.leverage > 0 and not order.reduce_only and order.place not in ("schedule", "triggers")


def _as_collateral(value: int, asset: Asset) -> int:
    """What of a value counts as collateral: the asset's collateral_value, nothing without one [guess]."""
    if asset.collateral_value is None:
        return 0
    whole, _, fraction = asset.collateral_value.partition(".")
    return half_up(value * int(whole + fraction), 10 ** len(fraction))


def level_reached(found: Standing, percent: int) -> bool:
    """Whether the margin level has come down to `percent` (a pair's margin_call, margin_stop) or below."""
    return found.m > 0 and found.e * 100 <= percent * found.m


def owed(
    account: Account, quote: Asset, units: int, valuation: Valuation, assets: Mapping[str, Asset]
) -> list[tuple[Asset, int]]:
    """How the account pays `units` of `quote`, a loss or a fee: which assets, and how many units of each.

    First comes what is available of `quote`, then for the shortage other collateral at the last prices, in the order of
    the account's balances, rounded up. Nothing is taken that open orders hold. What is left uncovered then, nobody
    pays but the lender [guess].
    """
    paid = []
    cash = min(units, account.available(quote.id))
    if cash > 0:
        paid.append((quote, cash))
    short = units - cash
    for asset_id in account.balances:
        if short <= 0:
            break
        asset, available = assets[asset_id], account.available(asset_id)
        if asset_id == quote.id or asset.collateral_value is None or available <= 0:
            continue
        if not (rate := valuation.rate(asset, quote)):
            continue
        # `each` of the quote's units make `unit` of the asset's.
        each, unit = rate * 10**quote.decimals, 10 ** (RATE_DECIMALS + asset.decimals)
        needed = -(-short * unit // each)
        part = min(needed, available)
        paid.append((asset, part))
        short = 0 if part == needed else short - part * each // unit
    return paid
