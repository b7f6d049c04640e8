"""Trades as an account sees them: each fill, and the execution that joins a taker's fills of one moment.

Reference: kraken/30 §8.1 (consolidation), kraken/40 §1.10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.orders import Order
    from mockkraken.exchange.positions import Closing, Position


class Trade(msgspec.Struct, eq=False):
    """One fill on one account's side. Volume in lot units, price in price units, cost and fee in cost units (quote)."""

    id: str
    seq: int
    time: int
    order: Order
    price: int
    vol: int
    cost: int
    fee: int
    maker: bool
    trade_id: int
    """The number that the public tape shows for it."""
    execution: Execution
    ledgers: list[LedgerEntry] | tuple[()] = ()
    """The rows that it wrote."""
    opened: Position | None = None
    """The margin position that it opened."""
    closed: list[Closing] | tuple[()] = ()
    """The parts of margin positions that it closed."""


class Execution(msgspec.Struct, eq=False):
    """What account endpoints show as one trade: a taker's fills of one entry into the book, or one fill of a maker.

    Its id, time and trade_id are those of the first fill, its volume, cost and fee the sums.
    """

    order: Order
    fills: list[Trade]

    @property
    def id(self) -> str:
        return self.fills[0].id
