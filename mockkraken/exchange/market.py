"""One pair's market: its book, its tape, and the recent tops of the book."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mockkraken.exchange.book import Book
from mockkraken.exchange.tape import Tape
from mockkraken.exchange.triggers import Signal, Triggers

if TYPE_CHECKING:
    from mockkraken.catalog import Pair

SPREADS_KEPT = 200  # [doc] kraken/20 §14: about the last 200


Spread = tuple[int, int, int]
"""When (ns) the top of the book changed, and its best bid and ask since; 0 for none."""


class Market:
    """What is traded on one pair.

    Attributes:
        spreads: the tops of the book since the market was first looked at, the newest last.
        earlier_spreads: gives those before.
        triggers: the orders that wait for a price.
        index: the index price if it was set; else it is the last price.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.book = Book()
        self.tape = Tape()
        self.spreads: deque[Spread] = deque(maxlen=SPREADS_KEPT)
        self.earlier_spreads: Callable[[], Iterable[Spread]] = lambda: ()
        self.triggers = Triggers()
        self.index: int | None = None

    def reference(self, signal: Signal = "last") -> int | None:
        """The price that triggers and relative prices go by, price units; None: nothing was ever traded."""
        if signal == "index" and self.index is not None:
            return self.index
        return self.tape.last_price or self.pair.reference.last

    @property
    def has_index(self) -> bool:
        """Whether orders may be triggered by an index price: where one was set, and on pairs with leverage [guess]."""
        return self.index is not None or bool(self.pair.leverage_buy or self.pair.leverage_sell)

    def recent_spreads(self) -> list[Spread]:
        """The last tops of the book, the newest last."""
        if len(self.spreads) == SPREADS_KEPT:
            return list(self.spreads)
        return [*self.earlier_spreads(), *self.spreads][-SPREADS_KEPT:]

    def note_spread(self, now: int) -> None:
        """Record the top of the book if its prices have changed."""
        bid, ask = self.book.best_bid, self.book.best_ask
        bid_price, ask_price = bid.price if bid else 0, ask.price if ask else 0
        _, last_bid, last_ask = self.spreads[-1] if self.spreads else (0, 0, 0)
        if bid_price != last_bid or ask_price != last_ask:
            self.spreads.append((now, bid_price, ask_price))
