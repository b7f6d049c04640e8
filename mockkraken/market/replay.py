"""A recorded tape, played on a market through the house: each row happens at its time, by the ordinary matching rules.

A `book` row sets what the house offers at a price, and what that meets of clients' orders trades with it. A `trade` row
lets the house take: clients' orders at that price or better take part, and so does what the house itself offers there.
What the book lacks of the recorded volume is offered for just that moment, so that, as long as no client is in the way,
the public tape shows the very trades that were recorded. Quotes that would make another price of them step aside, and
come back.

Where orders are not matched, the tape goes on without trades: trade rows are left out, and a quote that would meet a
client's order stays away until the tape sets its price again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.exchange.matching import crosses
from mockkraken.exchange.orders import opposite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mockkraken.clock import Clock, Timer
    from mockkraken.exchange import Exchange, Market, Order
    from mockkraken.exchange.orders import Side
    from mockkraken.ids import Ids
    from mockkraken.market.recording import Recording, Row

At = tuple["Side", int]
"""Where a quote stands: its side and price."""


class Replay:
    """One tape on its way. It starts at once; where the tape has ended, the book stays as it is.

    Args:
        recording: the tape, for this market's pair.
        market: where it is played.
        exchange: who does what the tape says.
        clock: the sandbox's.
        ids: for the house's orders.
        orders: the house's quotes on the market, by side and price; kept up to date here as long as it plays.

    Attributes:
        recording: the tape.
        played: how many of its rows have happened.
    """

    def __init__(
        self,
        recording: Recording,
        market: Market,
        exchange: Exchange,
        clock: Clock,
        ids: Ids,
        orders: dict[At, Order],
    ) -> None:
        self.recording = recording
        self.played = 0
        self._market = market
        self._exchange = exchange
        self._clock = clock
        self._ids = ids
        self._orders = orders
        self._began = clock.now()
        self._stopped: int | None = None
        self._timer: Timer | None = None
        for at in list(orders):
            self._withdraw(at)
        self._play()

    def stop(self) -> None:
        """Stand still, if it does not yet."""
        if self._stopped is None:
            self._stopped = self._clock.now()
            self._arm()

    def go_on(self) -> None:
        """Go on from where it stands, if it does."""
        if self._stopped is not None:
            self._began += self._clock.now() - self._stopped
            self._stopped = None
            self._arm()

    def _arm(self) -> None:
        """Let the next row come when it is time for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows = self.recording.rows
        if self._stopped is None and self.played < len(rows):
            self._timer = self._clock.call_at(self._began + rows[self.played].time, self._play)

    def _play(self) -> None:
        """All rows of one time: book rows that follow each other are one change, each trade is one."""
        rows = self.recording.rows
        time = rows[self.played].time
        levels: dict[At, int] = {}
        while self.played < len(rows) and (row := rows[self.played]).time == time:
            self.played += 1
            if row.kind == "book":
                levels[row.side, row.price] = row.volume
                continue
            self._show(levels)
            levels = {}
            self._trade(row)
            self._exchange.settle()
        self._show(levels)
        self._exchange.settle()
        self._arm()

    # The book

    def _show(self, levels: Mapping[At, int]) -> None:
        """Offer these volumes, and no longer what was offered at these prices."""
        changed = {at: volume for at, volume in levels.items() if self._offered(at) != volume}
        for at in changed:
            self._withdraw(at)
        for at, volume in changed.items():
            if volume:
                self._offer(at, volume)

    def _offer(self, at: At, volume: int) -> None:
        """Take what clients offer at that price or better, and rest what is left."""
        side, price = at
        # The tape has no bid that meets an ask: a quote of ours across was taken there, and here a client's order was.
        self._withdraw_to(opposite(side), price)
        if self._meets(side, price):
            if not self._exchange.trades(self._market):
                return
            volume = self._exchange.take(self._market, side, volume, self._ids.order(), price).remaining
        if volume:
            self._orders[at] = self._exchange.quote(self._market, side, price, volume, self._ids.order())

    def _meets(self, side: Side, price: int) -> bool:
        """Whether an order would trade."""
        best = self._market.book.best_opposite(side)
        return best is not None and crosses(side, best.price, price)

    def _offered(self, at: At) -> int:
        order = self._orders.get(at)
        return order.remaining if order is not None and order.status == "open" else 0

    def _withdraw(self, at: At) -> None:
        order = self._orders.pop(at, None)
        if order is not None and order.status == "open":
            self._exchange.withdraw_quote(order)

    def _withdraw_to(self, side: Side, price: int, keep: int | None = None) -> dict[At, int]:
        """Take back the quotes of a side that an order at `price` would meet, but at `keep`; what they offered."""
        taker = opposite(side)
        if not self._meets(taker, price):
            return {}
        found: dict[At, int] = {}
        for level in self._market.book.levels(side):
            if not crosses(taker, level.price, price):
                break
            if level.price != keep and (volume := self._offered((side, level.price))):
                found[side, level.price] = volume
        for at in found:
            self._withdraw(at)
        return found

    # Trades

    def _trade(self, row: Row) -> None:
        exchange, market = self._exchange, self._market
        if not exchange.trades(market):
            return
        side, price, volume = row.side, row.price, row.volume
        makers = opposite(side)
        aside = self._withdraw_to(makers, price, keep=price) | self._withdraw_to(side, price)
        clients = self._from_clients(makers, price)
        if clients + self._offered((makers, price)) < volume:
            # In one order, so that it becomes one trade. All that is there will be taken, so nobody loses their turn.
            self._withdraw((makers, price))
            if self._meets(makers, price):
                volume -= exchange.take(market, makers, volume, self._ids.order(), price).vol_exec
            if volume > clients:
                exchange.quote(market, makers, price, volume - clients, self._ids.order())
        if volume:
            exchange.take(market, side, volume, self._ids.order(), price)
        for at, offered in aside.items():
            self._offer(at, offered)

    def _from_clients(self, side: Side, price: int) -> int:
        """What clients offer on a side to an order at `price`."""
        volume = 0
        for level in self._market.book.levels(side):
            if not crosses(opposite(side), level.price, price):
                break
            volume += sum(order.remaining for order in level.orders.values() if order.account.client)
        return volume
