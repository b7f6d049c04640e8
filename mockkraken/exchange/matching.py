"""What an incoming order would meet: price-time priority, self-trade prevention, nothing changed yet.

Planning and doing are apart so that each check (funds, fill or kill, post only) knows the outcome before anything
moves.
Reference: kraken/30 §8.1, §8.8.
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

    steps: Sequence[tuple[Order, int]] = ()
    """Resting orders in the order in which they are met, with the volume to trade; 0: of the same account, and to be
    cancelled by self-trade prevention (cancel-oldest, cancel-both)."""
    volume: int = 0
    met_self: bool = False
    """The incoming order met its own account and goes no further (cancel-newest, cancel-both)."""

    @property
    def takes(self) -> bool:
        """Whether the incoming order meets anything at all."""
        return self.met_self or bool(self.steps)


_NOTHING = Plan()


def crosses(side: Side, price: int, bound: int | None) -> bool:
    """Whether an order of that side trades at `price`, given the worst price that it accepts (None: any)."""
    if bound is None:
        return True
    return price <= bound if side == "buy" else price >= bound


def plan(order: Order, book: Book, bound: int | None) -> Plan:
    """Walk the opposite side from the best price to `bound` and note what the order would meet."""
    best = book.best_opposite(order.side)
    if best is None or not crosses(order.side, best.price, bound):
        return _NOTHING
    steps: list[tuple[Order, int]] = []
    total = left = order.vol - order.vol_exec
    for level in book.levels("sell" if order.side == "buy" else "buy"):
        if not crosses(order.side, level.price, bound):
            break
        for resting in level.orders.values():
            if resting.account is order.account and order.account.client:
                if order.stptype != "cancel-newest":
                    steps.append((resting, 0))
                if order.stptype != "cancel-oldest":
                    return Plan(steps, total - left, met_self=True)
                continue
            volume = min(left, resting.vol - resting.vol_exec)
            steps.append((resting, volume))
            left -= volume
            if not left:
                return Plan(steps, total)
    return Plan(steps, total - left)
