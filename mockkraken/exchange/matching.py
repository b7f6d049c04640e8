"""What an incoming order would meet: price-time priority, self-trade prevention, nothing changed yet.

Planning and doing are apart so that each check (funds, fill or kill, post only) knows the outcome before anything
moves.
Reference: kraken/30 §8.1, §8.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mockkraken.exchange.book import Book
    from mockkraken.exchange.orders import Order


class Plan(msgspec.Struct):
    """The fills an incoming order would get, in order, and the account's own resting orders that would go for it."""

    steps: list[tuple[Order, int]] = []
    """Resting orders in the order in which they are met, with the volume to trade; 0: of the same account, and to be
    cancelled by self-trade prevention (cancel-oldest, cancel-both)."""
    volume: int = 0
    met_self: bool = False
    """The incoming order met its own account and goes no further (cancel-newest, cancel-both)."""

    @property
    def takes(self) -> bool:
        """Whether the incoming order meets anything at all."""
        return self.met_self or bool(self.steps)


def crosses(order: Order, price: int, bound: int | None) -> bool:
    """Whether the order trades at `price`, given the worst price that it accepts (None: any)."""
    if bound is None:
        return True
    return price <= bound if order.side == "buy" else price >= bound


def plan(order: Order, book: Book, bound: int | None) -> Plan:
    """Walk the opposite side from the best price to `bound` and note what the order would meet."""
    found = Plan()
    best = book.best_opposite(order.side)
    if best is None or not crosses(order, best.price, bound):
        return found
    left = order.vol - order.vol_exec
    for level in book.levels("sell" if order.side == "buy" else "buy"):
        if not crosses(order, level.price, bound):
            break
        for resting in level.orders.values():
            if resting.account is order.account:
                if order.stptype != "cancel-newest":
                    found.steps.append((resting, 0))
                if order.stptype != "cancel-oldest":
                    found.met_self = True
                    return found
                continue
            volume = min(left, resting.vol - resting.vol_exec)
            found.steps.append((resting, volume))
            found.volume += volume
            left -= volume
            if not left:
                return found
    return found
