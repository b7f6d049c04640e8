"""Prices as clients write them: absolute, or relative to the market (kraken/30 §2.2).

`[+|-|#]<decimal>[%]`: no sign is a price; `+` and `-` are a distance from a reference price, in quote or in percent;
`#` lets side and type of the order choose the sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from mockkraken import decimals
from mockkraken.decimals import TEN_TO, rescale

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.orders import OrderType, Side

PRICE_MAX = 10**15  # [guess] quote units; above is EOrder:Invalid price
PERCENT_PLACES = 4  # of a percentage: its units are millionths
_PERCENT_ONE = 1_000_000

Sign = Literal["", "+", "-"]


class OutOfRange(ValueError):
    """A price that is not above zero, or absurdly high."""


class Written(NamedTuple):
    """A price as it was written, `#` already resolved.

    Attributes:
        sign: empty for an absolute price.
        units: price units; of a percentage, millionths.
        percent: whether it is a percentage of the reference.
    """

    sign: Sign
    units: int
    percent: bool = False

    @property
    def relative(self) -> bool:
        return self.sign != ""

    def at(self, reference: int, pair: Pair) -> int:
        """The price that it means at a reference price, in price units.

        A percentage is cut to the pair's decimals [obs] and its tick [guess].
        """
        if not self.sign:
            return self.units
        if not self.percent:
            return reference + self.units if self.sign == "+" else reference - self.units
        # In millionths of a price unit: nothing is lost before the one cut.
        factor = _PERCENT_ONE + (self.units if self.sign == "+" else -self.units)
        step = max(pair.tick, TEN_TO[pair.price_scale - pair.pair_decimals])
        return reference * factor // (_PERCENT_ONE * step) * step

    def text(self, pair: Pair) -> str:
        """As orders show it: prices and distances with the pair's decimals, percentages with four (kraken/30 §2.2)."""
        if self.percent:
            return f"{self.sign}{decimals.fmt(self.units, PERCENT_PLACES)}%"
        return self.sign + price_text(self.units, pair)


def price_text(units: int, pair: Pair) -> str:
    """A price with the pair's decimals, as orders show it."""
    return decimals.fmt(rescale(units, pair.price_scale, pair.pair_decimals), pair.pair_decimals)


def read(text: str, pair: Pair, automatic: Sign) -> Written:
    """Read a price.

    Args:
        text: as sent.
        pair: whose decimals it may have.
        automatic: what `#` stands for.

    Raises:
        decimals.NotADecimal: it does not fit the grammar, or is a percentage finer than 0.0001 %.
        decimals.TooManyDecimals: it is finer than the pair's prices.
        OutOfRange: an absolute price that is not above 0, or any that is absurdly large.
    """
    if text[:1] not in ("+", "-", "#"):
        return Written("", absolute(text, pair))
    sign = automatic if text[0] == "#" else "+" if text[0] == "+" else "-"
    number, percent = text[1:].removesuffix("%"), text[-1] == "%"
    if number[:1] in ("", "+", "-"):
        raise decimals.NotADecimal(text)
    places, scale = (PERCENT_PLACES, PERCENT_PLACES) if percent else (pair.pair_decimals, pair.price_scale)
    try:
        units = decimals.parse(number, places) * TEN_TO[scale - places]
    except decimals.TooManyDecimals:
        if percent:  # Of that, the refusal of a price would say something untrue.
            raise decimals.NotADecimal(text) from None
        raise
    if units > PRICE_MAX * TEN_TO[scale]:
        raise OutOfRange(text)
    return Written(sign, units, percent)


def absolute(text: str, pair: Pair) -> int:
    """Read a price without a sign, in price units.

    Raises:
        decimals.NotADecimal, decimals.TooManyDecimals, OutOfRange: as `read`.
    """
    if text[:1] in ("", "+", "-"):
        raise decimals.NotADecimal(text)
    units = decimals.parse(text, pair.pair_decimals) * TEN_TO[pair.price_scale - pair.pair_decimals]
    if not in_range(units, pair):
        raise OutOfRange(text)
    return units


def in_range(units: int, pair: Pair) -> bool:
    """Whether an order may have that price: above 0 and not absurd."""
    return 0 < units <= PRICE_MAX * TEN_TO[pair.price_scale]


def nearest(units: int, pair: Pair) -> int:
    """The price that an order may have which lies nearest to that one."""
    return min(max(units, pair.tick), PRICE_MAX * TEN_TO[pair.price_scale])


def automatic_sign(ordertype: OrderType, side: Side) -> Sign:
    """What `#` stands for in `price` [doc, kraken/30 §2.2]: towards where a order of its type waits."""
    waits_above = (side == "sell") if ordertype.startswith(("limit", "iceberg", "take-profit")) else (side == "buy")
    return "+" if waits_above else "-"


def automatic_limit_sign(side: Side) -> Sign:
    """What `#` stands for in `price2` [obs for a selling take-profit-limit, else guess]: towards the market."""
    return "+" if side == "buy" else "-"
