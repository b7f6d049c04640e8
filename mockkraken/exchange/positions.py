"""Margin positions: each fill that opens one makes one, later fills close them, the oldest first.

Volumes in lot units, costs, fees and margins in cost units of the pair. Reference: kraken/30 §8.9, kraken/40 §1.12.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from mockkraken.decimals import half_up
from mockkraken.exchange.margin import ROLLOVER_EVERY, opening_margin

if TYPE_CHECKING:
    from mockkraken.clock import Timer
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.orders import Order, Side
    from mockkraken.exchange.trades import Trade


class Closing(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A part of a position that one fill has closed.

    Attributes:
        cost: the part's closing cost: its share of the closing fill's.
        fee: its share of the closing fill's trading fee.
        opening_cost: what it had cost when it was opened.
        net: the profit, fees apart; below zero a loss.
    """

    position: Position
    trade: Trade
    vol: int
    cost: int
    fee: int
    opening_cost: int
    net: int


class Position(msgspec.Struct, eq=False, kw_only=True):
    """A position: what was opened, which stays as it is, and what became of it.

    Attributes:
        id: that of the fill that opened it, `trade`.
        vol: what was opened; a fill that first closes opens less than its own volume.
        fee: the trading fee on `cost`.
        rollovers: how often the rollover fee has been charged.
    """

    id: str
    seq: int
    trade: Trade
    order: Order
    account: Account
    market: Market
    side: Side
    leverage: int
    time: int
    vol: int
    cost: int
    fee: int
    vol_closed: int = 0
    closings: list[Closing] = msgspec.field(default_factory=list)
    timer: Timer | None = None
    rollovers: int = 0

    @property
    def open(self) -> bool:
        return self.vol_closed < self.vol

    @property
    def remaining(self) -> int:
        """The volume that is still open."""
        return self.vol - self.vol_closed

    @property
    def remaining_cost(self) -> int:
        """The opening cost of what is still open. Reckoned from the whole each time, so that no rounding adds up."""
        return self.cost - half_up(self.cost * self.vol_closed, self.vol)

    @property
    def margin(self) -> int:
        """The margin that it took when it was opened."""
        return opening_margin(self.cost, self.leverage)

    @property
    def used_margin(self) -> int:
        """The margin of what is still open."""
        return opening_margin(self.remaining_cost, self.leverage)

    @property
    def next_rollover(self) -> int:
        """When the rollover fee is due next, ns."""
        return self.time + (self.rollovers + 1) * ROLLOVER_EVERY

    def value(self, price: int) -> int:
        """What is still open at a price (price units)."""
        return self.market.pair.cost(price, self.remaining)

    def unrealised(self, price: int) -> int:
        """The profit of what is still open at a price, fees apart; below zero a loss."""
        return self._profit(self.value(price), self.remaining_cost)

    def released(self, vol: int) -> int:
        """The opening cost that closing `vol` of what is open would release."""
        return half_up(self.cost * (self.vol_closed + vol), self.vol) - half_up(self.cost * self.vol_closed, self.vol)

    def close(self, vol: int, trade: Trade, cost: int, fee: int) -> Closing:
        """Close `vol` of what is open; its account's Positions do this."""
        opening_cost = self.released(vol)
        self.vol_closed += vol
        closing = Closing(
            position=self,
            trade=trade,
            vol=vol,
            cost=cost,
            fee=fee,
            opening_cost=opening_cost,
            net=self._profit(cost, opening_cost),
        )
        self.closings.append(closing)
        return closing

    def _profit(self, value: int, opening_cost: int) -> int:
        return value - opening_cost if self.side == "buy" else opening_cost - value


class Positions:
    """The open positions of one account. Those on one pair are all on the same side.

    Attributes:
        open: all by id, the oldest first.
    """

    def __init__(self) -> None:
        self.open: dict[str, Position] = {}
        self._on: dict[str, deque[Position]] = {}

    def add(self, position: Position) -> None:
        """Add a position, the youngest on its pair.

        Raises:
            ValueError: there are positions on the other side, which are to be closed first.
        """
        pair = position.market.pair
        if self.side_on(pair.id) not in (None, position.side):
            raise ValueError(f"the positions on {pair.id} are on the other side than {position.id}")
        self.open[position.id] = position
        self._on.setdefault(pair.id, deque()).append(position)

    def on(self, pair_id: str) -> tuple[Position, ...]:
        """The open positions on a pair, the oldest first."""
        return tuple(self._on.get(pair_id, ()))

    def side_on(self, pair_id: str) -> Side | None:
        """The side of the positions on a pair; None: there are none."""
        found = self._on.get(pair_id)
        return found[0].side if found else None

    def volume_on(self, pair_id: str) -> int:
        """What is open on a pair in all."""
        return sum(position.remaining for position in self._on.get(pair_id, ()))

    def to_close(self, pair_id: str, side: Side) -> int:
        """What is open on a pair that an order of that side would close."""
        return self.volume_on(pair_id) if self.side_on(pair_id) not in (None, side) else 0

    def released(self, pair_id: str, volume: int) -> int:
        """The opening cost that closing `volume` on a pair would release: what settling it takes.

        Raises:
            ValueError: as `close`.
        """
        return sum(position.released(part) for position, part in self._parts(pair_id, volume))

    def close(self, pair_id: str, volume: int, trade: Trade, cost: int, fee: int) -> list[Closing]:
        """Close `volume` on a pair, the oldest position first.

        Args:
            pair_id: the pair.
            volume: how much, at most what is open there.
            trade: the fill that closes.
            cost: what the closed volume costs or brings in this fill, to be shared out by volume.
            fee: the fill's trading fee on that, shared out likewise.

        Returns:
            The parts closed. Their volumes, costs and fees add up to what was given.

        Raises:
            ValueError: there is not that much to close.
        """
        closings: list[Closing] = []
        done = shared_cost = shared_fee = 0
        for position, part in self._parts(pair_id, volume):
            done += part
            cost_share = half_up(cost * done, volume) - shared_cost
            fee_share = half_up(fee * done, volume) - shared_fee
            shared_cost += cost_share
            shared_fee += fee_share
            closings.append(self._close(position, part, trade, cost_share, fee_share))
        return closings

    def settle(self, pair_id: str, volume: int, trade: Trade) -> list[Closing]:
        """Close `volume` on a pair, the oldest position first, each at its opening cost: no profit, no fee.

        Raises:
            ValueError: as `close`.
        """
        return [
            self._close(position, part, trade, position.released(part), 0)
            for position, part in self._parts(pair_id, volume)
        ]

    def _parts(self, pair_id: str, volume: int) -> Iterator[tuple[Position, int]]:
        """Which positions closing `volume` takes, and how much of each."""
        if not 0 < volume <= self.volume_on(pair_id):
            raise ValueError(f"{volume} lots are to be closed on {pair_id}, and {self.volume_on(pair_id)} are open")
        for position in self.on(pair_id):
            part = min(position.remaining, volume)
            yield position, part
            volume -= part
            if not volume:
                return

    def _close(self, position: Position, part: int, trade: Trade, cost: int, fee: int) -> Closing:
        """Close a part of the oldest position on its pair; once all of it is closed it leaves the list."""
        closing = position.close(part, trade, cost, fee)
        if not position.open:
            del self.open[position.id]
            pair_id = position.market.pair.id
            self._on[pair_id].popleft()
            if not self._on[pair_id]:
                del self._on[pair_id]
        return closing
