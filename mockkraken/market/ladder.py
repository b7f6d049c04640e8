"""The quotes that makers offer around a price: up to 100 levels a side, at places that stay when the price moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mockkraken.decimals import rescale
from mockkraken.ids import generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mockkraken.catalog import Pair
    from mockkraken.exchange.orders import Side

LEVELS = 100  # a side
BAND = 110  # The levels spread over 1/BAND of the price at most: within 1 %, there is enough for default balances.
PART_OF_A_DAY = 20  # ... and never less than that part of a recorded day's volume.
DIGITS = 15  # Clients that keep volumes as floats lose further ones, and then find the checksum of a book wrong.
PLENTY = 2  # Each side's depth within the band, as a multiple of the largest default balance that may come.
SIDES: tuple[Literal["buy"], Literal["sell"]] = ("buy", "sell")


class Top(msgspec.Struct, frozen=True):
    """Where the two sides meet: the best bid and the best ask, price units."""

    bid: int
    ask: int

    def on_ticks(self, tick: int) -> Top:
        """The nearest top that is no narrower, on multiples of `tick`."""
        bid, ask = max(self.bid - self.bid % tick, tick), self.ask + -self.ask % tick
        return Top(bid, max(ask, bid + tick))


class Quote(msgspec.Struct, frozen=True):
    """A price and volume that a maker offers, in the pair's price and lot units."""

    price: int
    volume: int


def recorded_top(pair: Pair) -> Top | None:
    """The pair's top on the recorded day, on its ticks; None: it had no price."""
    reference = pair.reference
    if reference.last is None:
        return None
    bid, ask = reference.bid, reference.ask
    if not bid or not ask or bid >= ask:
        bid, ask = reference.last, reference.last + pair.tick
    # A tick that was changed since must hold for the makers too.
    return Top(bid, ask).on_ticks(pair.tick)


class Ladder:
    """Makes the quotes of one pair, the same for the same seed and price, whatever was before.

    Behind the best quote of a side, each cell of a fixed grid has one quote somewhere within it: when the price moves,
    most of the book stays as it is. The book of a price does not depend on how the price came there.

    Args:
        pair: whose.
        seed: the sandbox's.
        largest: the largest default balance of each asset, in its units: what the depth must be able to take.

    Attributes:
        pair: whose, with the rules that they keep to.
    """

    def __init__(self, pair: Pair, seed: int, largest: Mapping[str, int]) -> None:
        self.pair = pair
        self._largest = largest
        rng = generator(seed, f"market/{pair.id}")
        self._places, self._sizes = rng.randbytes(256), rng.randbytes(256)
        self._scaled_for = 0
        self._cell = self._volume = 0

    def quotes(self, top: Top, side: Side) -> Iterator[Quote]:
        """One side's quotes, best first."""
        self._scale(top)
        tick, cell = self.pair.tick, self._cell
        best = top.bid if side == "buy" else top.ask
        yield self._quote(best, best // tick)
        ticks, way = best // tick, -1 if side == "buy" else 1
        first = ticks // cell + way
        for index in range(first, first + way * (LEVELS - 1), way):
            price = (index * cell + (self._places[index & 255] * cell >> 8)) * tick
            if price <= 0:
                return
            yield self._quote(price, index)

    def _quote(self, price: int, index: int) -> Quote:
        volume = self._volume * (500 + self._sizes[index & 255] * 4) // 1010 or 1
        excess = len(str(volume)) - DIGITS
        return Quote(price, volume - volume % 10**excess if excess > 0 else volume)

    def _scale(self, top: Top) -> None:
        """Choose cell and volume by the price's power of two, so that they stay while it does not go far."""
        price = 1 << top.ask.bit_length() - 1
        if price == self._scaled_for:
            return
        self._scaled_for = price
        pair = self.pair
        band = max(1, price // BAND // pair.tick)
        self._cell = max(1, band // LEVELS)
        self._volume = max(PLENTY * self._demand(price) // min(band, LEVELS), 3 * pair.ordermin)

    def _demand(self, price: int) -> int:
        """The most that default balances could buy or sell at once, and never less than a bit of a day's trading."""
        pair = self.pair
        lots: int = 10**pair.lot_decimals
        base = rescale(self._largest.get(pair.base.id, 0), pair.base.decimals, pair.lot_decimals)
        money = rescale(self._largest.get(pair.quote.id, 0), pair.quote.decimals, pair.price_scale)
        return max(base, money * lots // price, pair.reference.daily_volume // PART_OF_A_DAY)
