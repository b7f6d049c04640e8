"""What margin positions ask for while they are open: a fee every four hours, and enough to cover them.

Reference: kraken/30 §8.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from mockkraken.exchange import margin

if TYPE_CHECKING:
    from mockkraken.clock import Clock
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.checks import Checks
    from mockkraken.exchange.events import Events
    from mockkraken.exchange.positions import Position
    from mockkraken.exchange.settlement import Settlement
    from mockkraken.exchange.trades import Trade


class Lending:
    """Watches over the accounts that borrow.

    Args:
        clock: rollover fees fall due on it.
        checks: says how an account stands.
        settlement: charges the fees.
        events: hears of margin calls.
        charged: called when a fee has been charged.

    Attributes:
        borrowers: the accounts with open positions, by name.
    """

    def __init__(
        self, clock: Clock, checks: Checks, settlement: Settlement, events: Events, charged: Callable[[], None]
    ) -> None:
        self.borrowers: dict[str, Account] = {}
        self._clock = clock
        self._checks = checks
        self._settlement = settlement
        self._events = events
        self._charged = charged

    def follow(self, trade: Trade) -> None:
        """Take note of the positions that a trade has opened and closed."""
        account = trade.order.account
        for part in trade.closed:
            timer = part.position.timer
            if timer is not None and not part.position.open:
                timer.cancel()
                part.position.timer = None
        if trade.opened is not None:
            self.borrowers[account.name] = account
            self._plan_rollover(trade.opened)
        if not account.positions.open:
            account.margin_called = False
            self.borrowers.pop(account.name, None)

    def _plan_rollover(self, position: Position) -> None:
        position.timer = self._clock.call_at(position.next_rollover, partial(self._roll_over, position))

    def _roll_over(self, position: Position) -> None:
        self._settlement.roll_over(position, self._clock.now())
        position.rollovers += 1
        self._plan_rollover(position)
        self._charged()

    def uncovered(self) -> Iterator[Position]:
        """Call margin where it is due, and give the positions that are no longer covered, each account's oldest first.

        How an account stands is looked at when its turn comes.
        """
        for account in list(self.borrowers.values()):
            found = self._checks.standing(account)
            positions = list(account.positions.open.values())
            called = any(margin.level_reached(found, position.market.pair.margin_call) for position in positions)
            if called and not account.margin_called:
                for listener in self._events.margin_call:
                    listener(account)
            account.margin_called = called
            for position in positions:
                if margin.level_reached(found, position.market.pair.margin_stop):
                    yield position
