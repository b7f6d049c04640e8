"""Times, spans and amounts as the control API takes them: texts or numbers, and no digit of a number is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mockkraken import clock, decimals
from mockkraken.control.errors import invalid

if TYPE_CHECKING:
    from mockkraken.catalog import Asset

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def decode(body: bytes) -> object:
    """Read JSON; a number with a fraction or an exponent becomes a Decimal with the digits as sent.

    Raises:
        ControlError: it is no JSON.
    """
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(None, f"the body is no JSON: {error}") from error


def plain(value: object) -> object:
    """A fractional number as text in plain digits; anything else as it is."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        # Beyond that, writing out the zeros would fill the memory, and nobody would take the number.
        small = value.is_finite() and abs(value.adjusted()) <= decimals.MAX_DIGITS
        return f"{value:f}" if small else str(value)
    return value


def moment(field: str, value: object) -> int:
    """A time in ns: RFC 3339 text or unix seconds.

    Raises:
        ControlError: it is neither.
    """
    try:
        return clock.parse_time(plain(value))
    except clock.ClockError as error:
        raise invalid(field, str(error)) from error


def span(field: str, value: object) -> int:
    """A span in ns: seconds, or text with a unit.

    Raises:
        ControlError: it is neither.
    """
    try:
        return clock.parse_span(plain(value))
    except clock.ClockError as error:
        raise invalid(field, str(error)) from error


def amount(field: str, value: object, asset: Asset) -> int:
    """An amount of an asset, in its units: a decimal text or a number, not below zero.

    Raises:
        ControlError: it is neither, or finer than the asset's decimals.
    """
    found = units(field, value, asset.decimals)
    if found < 0:
        raise invalid(field, f"a balance is not below zero: {plain(value)}")
    return found


def units(field: str, value: object, places: int) -> int:
    """A decimal text or a number, in units of 10**-places.

    Raises:
        ControlError: it is neither, or has more decimals.
    """
    text = plain(value)
    if isinstance(text, int) and not isinstance(text, bool) and abs(text) < 10**decimals.MAX_DIGITS:
        text = str(text)
    if not isinstance(text, str):
        what = "a number with too many digits" if isinstance(text, int) else repr(text)[:60]
        raise invalid(field, f'not an amount: {what}; give a decimal text like "1.5"')
    try:
        return decimals.parse(text, places)
    except decimals.TooManyDecimals as error:
        raise invalid(field, f"there are {places} decimals here, {text} has more") from error
    except decimals.NotADecimal as error:
        raise invalid(field, f'not an amount: {text[:60]!r}; give a decimal text like "1.5"') from error
