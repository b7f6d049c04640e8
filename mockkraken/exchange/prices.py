"""Prices as clients write them: absolute, or relative to the market (kraken/30 §2.2).

`[+|-|#]<decimal>[%]`: no sign is a price; `+` and `-` are a distance from a reference price, in quote or in percent;
`#` lets side and type of the order choose the sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from mockkraken import decimals, errors
from mockkraken.catalog.records import PERCENT_PLACES, RATE_ONE
from mockkraken.decimals import TEN_TO, rescale
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.market import Market
    from mockkraken.exchange.orders import OrderType, Side
    from mockkraken.exchange.triggers import Signal

PRICE_MAX = 10**15  # [guess] quote units; above is EOrder:Invalid price
PRICE_ERROR_PAIR_NAME: Literal["wsname", "display"] = "wsname"  # [guess] kraken/30 §5.2: XBT/USD, or BTC/USD

Sign = Literal["", "+", "-"]


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
        factor = RATE_ONE + (self.units if self.sign == "+" else -self.units)
        step = max(pair.tick, TEN_TO[pair.price_scale - pair.pair_decimals])
        return reference * factor // (RATE_ONE * step) * step

    def text(self, pair: Pair, places: int | None = None) -> str:
        """As orders show it: prices and distances with the pair's decimals, percentages with four (kraken/30 §2.2).

        Args:
            pair: whose price it is.
            places: other decimals than the pair's.
        """
        if self.percent:
            return f"{self.sign}{decimals.fmt(self.units, PERCENT_PLACES)}%"
        return self.sign + price_text(self.units, pair, places)


def price_text(units: int, pair: Pair, places: int | None = None) -> str:
    """A price with the pair's decimals, as orders show it, or with `places`."""
    places = pair.pair_decimals if places is None else places
    return decimals.fmt(rescale(units, pair.price_scale, places), places)


def read(text: str, pair: Pair, automatic: Sign, unreadable: str = errors.INVALID_PRICE_ARGUMENT) -> Written:
    """Read a price.

    Args:
        text: as sent.
        pair: whose decimals it may have.
        automatic: what `#` stands for.
        unreadable: the answer to a text that does not fit the grammar.

    Raises:
        KrakenError: it does not fit, is too fine, or not in range (kraken/30 §5.2).
    """
    if text[:1] not in ("+", "-", "#"):
        return Written("", absolute(text, pair, unreadable))
    sign = automatic if text[0] == "#" else "+" if text[0] == "+" else "-"
    percent = text[-1] == "%"
    units = _units(text[1:].removesuffix("%"), pair, unreadable, percent=percent)
    if units > PRICE_MAX * TEN_TO[PERCENT_PLACES if percent else pair.price_scale]:
        raise _out_of_range(text)
    return Written(sign, units, percent)


def absolute(text: str, pair: Pair, unreadable: str = errors.INVALID_PRICE_ARGUMENT) -> int:
    """Read a price without a sign, in price units.

    Raises:
        KrakenError: as `read`.
    """
    units = _units(text, pair, unreadable, percent=False)
    if not in_range(units, pair):
        raise _out_of_range(text)
    return units


def _units(number: str, pair: Pair, unreadable: str, *, percent: bool) -> int:
    """A number without a sign: price units, or the millionths of a percentage."""
    try:
        if number[:1] in ("", "+", "-"):
            raise decimals.NotADecimal
        if percent:
            return decimals.parse(number, PERCENT_PLACES)
        return decimals.parse(number, pair.pair_decimals) * TEN_TO[pair.price_scale - pair.pair_decimals]
    except (decimals.NotADecimal, decimals.TooManyDecimals) as error:
        if isinstance(error, decimals.TooManyDecimals) and not percent:
            name = getattr(pair, PRICE_ERROR_PAIR_NAME)
            message = errors.too_many_price_decimals(name, pair.pair_decimals)
            raise KrakenError(message, f"the price is {number[:40]}") from None
        raise KrakenError(unreadable, f"{number[:40]!r} is no price") from None


def _out_of_range(text: str) -> KrakenError:
    reason = f"the price is {text[:40]}; it lies above 0 and at most at {PRICE_MAX}"
    return KrakenError(errors.INVALID_PRICE, reason)


def amended(text: str, pair: Pair) -> Written:
    """A price of an amend: absolute, or a distance from the market's (kraken/30 §4.1).

    Raises:
        KrakenError: it is neither.
    """
    if text[:1] == "#":
        raise KrakenError(errors.INVALID_PRICE_ARGUMENT, f"{text[:40]!r} is no price")
    return read(text, pair, "")


def distance(text: str, pair: Pair, refusal: str, *, signs: str) -> Written:
    """A distance of a trailing order, which begins with one of `signs`.

    Raises:
        KrakenError: it is a price, or none at all.
    """
    if text[:1] not in signs:
        raise KrakenError(refusal, f"{text[:40]!r}: of a trailing order it is a distance, such as +100 or +1%")
    return read(text, pair, "")


def at_market(written: Written, market: Market, signal: Signal = "last") -> int:
    """The price that a written one means now, in price units.

    Raises:
        KrakenError: there is nothing to go by, or it would not lie in range.
    """
    if not written.relative:
        return written.units
    reference = market.reference(signal)
    price = None if reference is None else written.at(reference, market.pair)
    if price is None or not in_range(price, market.pair):
        what = "the market has no price yet" if reference is None else f"it is {market.pair.price_text(reference)} now"
        raise KrakenError(errors.INVALID_PRICE, f"the price is {written.text(market.pair)} of the market's: {what}")
    return price


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
