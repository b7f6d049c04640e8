"""The calm market: seeded makers who quote both sides around a fixed middle and are there again after each command.

They belong to `house`, only ever make, and never take: a quote that would meet a client's resting order is left out
until that order is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from mockkraken.decimals import rescale
from mockkraken.exchange.book import Level
from mockkraken.exchange.tape import Tape
from mockkraken.ids import Ids, generator

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Exchange, Market, Order
    from mockkraken.exchange.orders import Side

LEVELS = 100  # a side
BAND = (
    110  # The levels spread over 1/BAND of the price: just under 1 %, which must hold enough for the default balances.
)
PART_OF_A_DAY = 20  # ... and never less than that part of a recorded day's volume.
PLENTY = 2  # Each side's depth within the band, as a multiple of the largest default balance that may come.
SIDES: tuple[Side, Side] = ("buy", "sell")


class Quote(msgspec.Struct, frozen=True):
    """A price and volume that a maker offers, in the pair's price and lot units."""

    price: int
    volume: int


class Glance(msgspec.Struct, frozen=True):
    """The surface of a market: its best quotes and its tape."""

    bid: Quote | Level | None
    ask: Quote | Level | None
    tape: Tape


class _Desk:
    """The makers' own record of one market: which order stands for which quote, and what to look at again."""

    __slots__ = ("dirty", "ids", "orders", "quotes")

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self.quotes: dict[tuple[Side, int], int] = {}
        self.orders: dict[tuple[Side, int], Order] = {}
        self.dirty: dict[tuple[Side, int], None] = {}


class CalmMakers:
    """Quotes every pair of an exchange from the moment it is first looked at.

    Args:
        exchange: whose events they listen to.
        seed: the sandbox's.
        start: time (ns) of the opening print, the one trade that a new market has behind it.
        largest: the largest default balance of each asset, in its units: what the depth must be able to take.
    """

    def __init__(self, exchange: Exchange, seed: int, start: int, largest: Mapping[str, int]) -> None:
        self._exchange = exchange
        self._seed = seed
        self._start = start
        self._largest = largest
        self._desks: dict[str, _Desk] = {}
        exchange.events.opened.append(self._open)
        exchange.events.book.append(self._notice)
        exchange.events.settled.append(self._refill)

    def glance(self, pair: Pair) -> Glance:
        """What the pair would show, without opening its market."""
        bid, ask = (next(self._quotes(pair, side), None) for side in SIDES)
        return Glance(bid, ask, self._print_opening(pair, Tape()))

    def _quotes(self, pair: Pair, side: Side) -> Iterator[Quote]:
        """One side's quotes, best first; the same for the same seed, whatever else was looked at before."""
        reference = pair.reference
        if reference.last is None:
            return
        rng = generator(self._seed, f"market/{pair.id}/{side}")
        bid, ask = reference.bid, reference.ask
        if not bid or not ask or bid >= ask:
            bid, ask = reference.last, reference.last + pair.tick
        # A tick that was changed since must hold for the makers too.
        bid, ask = bid - bid % pair.tick, ask + -ask % pair.tick
        if not bid:
            return
        band = max(1, ask // BAND // pair.tick)
        within = min(band, LEVELS)
        step = max(1, band // LEVELS)
        volume = max(PLENTY * self._demand(pair, bid) // within, 2 * pair.ordermin)
        ticks = 0
        for _ in range(LEVELS):
            price = bid - ticks * pair.tick if side == "buy" else ask + ticks * pair.tick
            if price <= 0:
                return
            yield Quote(price, volume * rng.randint(500, 1500) // 1000)
            ticks += rng.randint(1, 2 * step - 1)

    def _demand(self, pair: Pair, price: int) -> int:
        """The most that default balances could buy or sell at once, and never less than a bit of a day's trading."""
        lots: int = 10**pair.lot_decimals
        base = rescale(self._largest.get(pair.base.id, 0), pair.base.decimals, pair.lot_decimals)
        money = rescale(self._largest.get(pair.quote.id, 0), pair.quote.decimals, pair.price_scale)
        return max(base, money * lots // price, pair.reference.daily_volume // PART_OF_A_DAY)

    def _open(self, market: Market) -> None:
        pair = market.pair
        self._print_opening(pair, market.tape)
        desk = self._desks[pair.id] = _Desk(Ids(generator(self._seed, f"house-ids/{pair.id}")))
        for side in SIDES:
            for quote in self._quotes(pair, side):
                desk.quotes[side, quote.price] = quote.volume
                # A market was there all along: whenever it is first looked at, it shows the same.
                self._place(market, desk, (side, quote.price), time=self._start)
        market.note_spread(self._start)

    def _place(self, market: Market, desk: _Desk, at: tuple[Side, int], *, time: int | None = None) -> None:
        side, price = at
        desk.orders[at] = self._exchange.quote(market, side, price, desk.quotes[at], desk.ids.order(), time=time)
        desk.dirty.pop(at, None)

    def _notice(self, market: Market, side: Side, price: int) -> None:
        desk = self._desks[market.pair.id]
        if (side, price) in desk.quotes:
            desk.dirty[side, price] = None

    def _refill(self, market: Market) -> None:
        """Put back what a command has taken, as far as it does not meet a client's order."""
        desk = self._desks[market.pair.id]
        for at in list(desk.dirty):
            order = desk.orders[at]
            if order.status == "open" and not order.vol_exec:
                del desk.dirty[at]
                continue
            opposite = market.book.best_opposite(at[0])
            if opposite and (at[1] >= opposite.price if at[0] == "buy" else at[1] <= opposite.price):
                continue
            if order.status == "open":
                self._exchange.withdraw_quote(order)
            self._place(market, desk, at)

    def _print_opening(self, pair: Pair, tape: Tape) -> Tape:
        if pair.reference.last:
            tape.append(self._start, pair.reference.last, pair.ordermin, "buy", "limit")
        return tape
