"""Fixed-point decimals: integers inside, exact text outside.

An amount is an integer that counts units of `10 ** -places`; which `places` belongs to it is known from where
it stands (a pair's lot scale, an asset's decimals). This is the only module that turns text into such an integer
or back, so no amount ever passes through a float.
"""

from __future__ import annotations

import re

# Longer numbers are nobody's price or volume; the bound keeps hostile input cheap.
MAX_DIGITS = 40

TEN_TO: tuple[int, ...] = tuple(10**places for places in range(100))
"""The powers of ten, as far as scales can lie apart; looking one up is quicker than working it out."""


_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)


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


def plain(text: str) -> str | None:
    """A number that may have an exponent, with all its digits and without that: `1.5e-3` is `0.0015`.

    None: it is no number, or its exponent is absurd, and would cost memory to write out.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction, exponent = found[1], found[2], found[3] or "", int(found[4] or 0)
    if abs(exponent) > MAX_DIGITS:
        return None
    if exponent:
        point = len(whole) + exponent
        digits = ("0" * -min(point - 1, 0) + whole + fraction).ljust(point, "0")
        point = max(point, 1)
        whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


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
