"""Accounts: balances, what open orders hold of them, and everything that happened to them.

Balances include what is held. Amounts are units of each asset's decimals; keys are asset ids (`XXBT`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from mockkraken.counters import POINT, Counter, Limit
from mockkraken.exchange.fees import RollingVolume
from mockkraken.exchange.positions import Positions

if TYPE_CHECKING:
    from mockkraken.clock import Timer
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.orders import Order
    from mockkraken.exchange.trades import Execution, Trade

Role = Literal["client", "house", "fees"]
Tier = Literal["starter", "intermediate", "pro"]
State = Literal["ok", "unconfirmed", "disabled", "locked"]
"""Whether an account may act at all; what the others refuse stands in service.check_account."""

TRADING_LIMITS: dict[Tier, Limit] = {
    "starter": Limit(60 * POINT, 100),
    "intermediate": Limit(125 * POINT, 234),
    "pro": Limit(180 * POINT, 375),
}
"""The threshold and the decay of its trading counters by its tier [doc, kraken/10 §4.4]."""


class Account:
    """One account. `house` (the market makers) and `fees` (what the exchange collects) have no history."""

    def __init__(
        self, name: str, *, role: Role = "client", tier: Tier = "pro", margin: bool = True, iban: str = ""
    ) -> None:
        self.name = name
        self.role = role
        self.tier = tier
        self.margin = margin
        self.state: State = "ok"
        self.iban = iban
        self.client = role == "client"

        self.balances: dict[str, int] = {}
        # The sum of the open orders' holds by asset. Each order's part is always recomputed from what remains of it.
        self.held: defaultdict[str, int] = defaultdict(int)
        self.volume = RollingVolume()

        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.open_by_cl_ord_id: dict[str, Order] = {}
        self.open_on: defaultdict[str, int] = defaultdict(int)
        self.positions = Positions()
        self.margin_called = False
        self.dead_man: Timer | None = None
        # Its trading counters by pair id: of each pair that it has acted on.
        self.trading: dict[str, Counter] = {}
        self.closed: list[Order] = []
        self.trades: dict[str, Trade] = {}
        self.executions: list[Execution] = []
        self.ledger: dict[str, LedgerEntry] = {}

    def change_tier(self, tier: Tier, now: int) -> None:
        """Give it another tier; until now its trading counters fell at the old one's pace."""
        for counter in self.trading.values():
            counter.move(TRADING_LIMITS[self.tier], TRADING_LIMITS[tier], now)
        self.tier = tier

    def balance(self, asset: str) -> int:
        return self.balances.get(asset, 0)

    def available(self, asset: str) -> int:
        """What is neither spent nor held. Never below zero."""
        return self.balances.get(asset, 0) - self.held[asset]
