"""Fixed-point decimals: integers inside, exact text outside.

An amount is an integer that counts units of `10 ** -places`; which `places` belongs to it is known from where
it stands (a pair's lot scale, an asset's decimals). This is the only module that turns text into such an integer
or back, so no amount ever passes through a float.
"""

from __future__ import annotations

# Longer numbers are nobody's price or volume; the bound keeps hostile input cheap.
MAX_DIGITS = 40

TEN_TO: tuple[int, ...] = tuple(10**places for places in range(100))
"""The powers of ten, as far as scales can lie apart; looking one up is quicker than working it out."""


class NotADecimal(ValueError):
    """The text is no plain decimal number (exponents, blanks and separators are none)."""


class TooManyDecimals(ValueError):
    """The number has a digit other than zero beyond the places that are kept."""


def parse(text: str, places: int) -> int:
    """Read `text` exactly, as units of 10**-places.

    Zeros beyond `places` are accepted, as Kraken does.

    Raises:
        NotADecimal: `text` is no plain decimal number, or absurdly long.
        TooManyDecimals: it can't be held in `places` without losing a digit.
    """
    whole, fraction = _split(text)
    if len(fraction) > places:
        if fraction[places:].strip("0"):
            raise TooManyDecimals(text)
        fraction = fraction[:places]
    return int(whole + fraction.ljust(places, "0"))


def truncate(text: str, places: int) -> int:
    """Read `text` as units of 10**-places and drop the digits beyond (towards zero).

    Raises:
        NotADecimal: as `parse`.
    """
    whole, fraction = _split(text)
    return int(whole + fraction[:places].ljust(places, "0"))


def _split(text: str) -> tuple[str, str]:
    whole, _, fraction = text.partition(".")
    sign = ""
    if whole[:1] in ("+", "-"):
        sign, whole = whole[0], whole[1:]
    digits = whole + fraction
    if not (digits.isdigit() and digits.isascii()) or len(text) > MAX_DIGITS:
        raise NotADecimal(text)
    return sign + (whole or "0"), fraction


def fmt(value: int, places: int) -> str:
    """Write units of 10**-places as text with exactly `places` decimals."""
    if value < 0:
        return "-" + fmt(-value, places)
    text = str(value)
    if not places:
        return text
    if len(text) <= places:
        text = text.zfill(places + 1)
    return f"{text[:-places]}.{text[-places:]}"


def shortest(value: int, places: int) -> str:
    """Write units of 10**-places as text without trailing zeros."""
    text = fmt(value, places)
    return text.rstrip("0").rstrip(".") if places else text


def half_up(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest integer, halves away from zero (`kraken` rounds so: costs, fees, holds)."""
    if numerator < 0:
        return -half_up(-numerator, denominator)
    return (numerator + denominator // 2) // denominator


def rescale(value: int, places: int, to: int) -> int:
    """Move units of 10**-places to units of 10**-to, rounding half up where digits are lost."""
    return value * TEN_TO[to - places] if to >= places else half_up(value, TEN_TO[places - to])
