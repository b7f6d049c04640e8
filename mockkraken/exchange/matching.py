"""What an incoming order would meet: price-time priority, self-trade prevention, nothing changed yet.

Planning and doing are apart so that each check (funds, fill or kill, post only) knows the outcome before anything
moves.
Reference: kraken/30 §8.1, §8.5, §8.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mockkraken.exchange.book import Book
    from mockkraken.exchange.orders import Order, Side


class Plan(msgspec.Struct, frozen=True, eq=False):
    """The fills an incoming order would get, in order, and the account's own resting orders that would go for it."""

    bound: int | None = None
    """The worst price that was looked at; None: any."""
    steps: Sequence[tuple[Order, int]] = ()
    """Resting orders in the order in which they are met, with the volume to trade; 0: of the same account, and to be
    cancelled by self-trade prevention (cancel-oldest, cancel-both)."""
    volume: int = 0
    complete: bool = False
    """The incoming order gets all that it wants."""
    met_self: bool = False
    """The incoming order met its own account and goes no further (cancel-newest, cancel-both)."""

    @property
    def takes(self) -> bool:
        """Whether the incoming order meets anything at all."""
        return self.met_self or bool(self.steps)


def crosses(side: Side, price: int, bound: int | None) -> bool:
    """Whether an order of that side trades at `price`, given the worst price that it accepts (None: any)."""
    if bound is None:
        return True
    return price <= bound if side == "buy" else price >= bound


def plan(order: Order, book: Book, bound: int | None, wanted: int) -> Plan:
    """Walk the opposite side from the best price to `bound` and note what the order would meet, up to `wanted`.

    An order that has a budget wants what that buys instead. What is met first may close positions of whoever rests
    there, and take from what their reduce-only orders give.
    """
    best = book.best_opposite(order.side)
    if best is None or not crosses(order.side, best.price, bound):
        return Plan(bound)
    steps: list[tuple[Order, int]] = []
    account = order.account
    to_close: dict[str, int] = {}
    spendable = None if order.budget is None else order.budget - order.cost
    pair = order.market.pair
    total, left = 0, wanted
    for level in book.levels("sell" if order.side == "buy" else "buy"):
        if not crosses(order.side, level.price, bound):
            break
        if spendable is not None:
            left = spendable * pair.cost_divisor // level.price
        for resting, volume in level.offers():
            if resting.account is account and account.client and resting.sender_sub_id == order.sender_sub_id:
                if order.stptype != "cancel-newest":
                    steps.append((resting, 0))
                if order.stptype != "cancel-oldest":
                    return Plan(bound, steps, total, met_self=True)
                continue
            if volume > left:
                volume = left
            if resting.leverage:
                volume = _given(resting, volume, to_close)
            if volume:
                steps.append((resting, volume))
                total += volume
            if spendable is None:
                left -= volume
            else:
                spendable -= pair.cost(level.price, volume)
                left = spendable * pair.cost_divisor // level.price
            if not left:
                return Plan(bound, steps, total, complete=True)
    return Plan(bound, steps, total)


def _given(resting: Order, volume: int, to_close: dict[str, int]) -> int:
    """What a margin order gives of `volume` after all that was met before: a reduce-only one at most its position.

    `to_close` notes by account what of the position is left.
    """
    account = resting.account
    left = to_close.get(account.name)
    if left is None:
        left = account.positions.to_close(resting.market.pair.id, resting.side)
    if resting.reduce_only:
        volume = min(volume, left)
    to_close[account.name] = max(left - volume, 0)
    return volume
