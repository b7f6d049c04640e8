"""The checksum of a book: CRC-32 of the digits of its best prices and volumes, asks first.

Kraken defines it on the texts it sends. An integer of the finest unit that a text shows is that text without its point
and its leading zeros, so from integers no text need be made. Reference: kraken/50 §5.2, §5.3; kraken/60 §3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from mockkraken.decimals import rescale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHECKED = 10
"""How many levels of each side a checksum covers, whatever the depth of the subscription."""


def digits(text: str) -> str:
    """The text of a price or volume without its point and leading zeros."""
    return text.replace(".", "").lstrip("0")


def checksum(asks: Iterable[str], bids: Iterable[str]) -> int:
    """The checksum of digits that are in their order: best level first, of each the price and then the volume."""
    return crc32("".join((*asks, *bids)).encode())


def book_checksum(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], price_places: int, shown_places: int
) -> int:
    """The checksum of a `book` whose volumes are shown to the last lot unit.

    Args:
        bids: (price, volume) in units, best first; no more than are covered: what `BookView` gives.
        asks: likewise.
        price_places: the decimals of the price units (`Pair.price_scale`).
        shown_places: the decimals of the prices in the messages: `price_scale` in version 1, `pair_decimals` in
            version 2.
    """
    asked, bid = (
        [f"{_price_digits(price, price_places, shown_places)}{volume}" for price, volume in levels]
        for levels in (asks, bids)
    )
    return checksum(asked, bid)


def level3_checksum(
    bids: Sequence[tuple[int, tuple[int, ...]]],
    asks: Sequence[tuple[int, tuple[int, ...]]],
    price_places: int,
    shown_places: int,
) -> int:
    """The checksum of a `level3` book: price and volume of each order, one after another in each level's queue.

    Args:
        bids: (price, volumes of its orders in queue order) in units, best first: what `Level3View` gives.
        asks: likewise.
        price_places: as in `book_checksum`.
        shown_places: as in `book_checksum`.
    """
    asked, bid = (
        [_orders_digits(_price_digits(price, price_places, shown_places), volumes) for price, volumes in levels]
        for levels in (asks, bids)
    )
    return checksum(asked, bid)


def _price_digits(price: int, price_places: int, shown_places: int) -> str:
    if price_places == shown_places:
        return str(price)
    # A price may be too small for the decimals that are shown; then none of its text remains.
    return str(rescale(price, price_places, shown_places) or "")


def _orders_digits(price: str, volumes: Iterable[int]) -> str:
    return "".join([f"{price}{volume}" for volume in volumes])
