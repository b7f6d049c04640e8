"""Checksums against recorded and published ones, from integers and, where the digits are uneven, from texts.

Reference: kraken/50 §5.2, §5.3; kraken/60 §3.5.
"""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken import decimals
from mockkraken.exchange.book import Book
from mockkraken.exchange.orders import Order, Side
from mockkraken.ws.book import BookView, Entry
from mockkraken.ws.checksum import book_checksum, checksum, digits, level3_checksum

# Version 2: BTC/USD shows one decimal of the five that its price units have.
A_ASKS = """45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660
    45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"""
A_BIDS = """45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586
    45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"""

B_ASKS = """29430.3/8.25215653 29430.4/2.55637606 29430.5/0.29975980 29430.9/2.56473216 29431.0/0.00011662
    29431.1/0.00100000 29432.3/0.02410000 29432.4/0.02210682 29432.5/3.39761477 29433.1/0.01021497"""
B_BIDS = """29430.2/0.18967538 29429.6/0.00011621 29427.4/0.00100000 29426.7/4.00000000 29425.7/0.67945399
    29423.5/0.67950478 29422.1/0.16314267 29421.8/0.06797895 29421.7/0.23401846 29421.5/0.28639276"""

C_ASKS = """0.5668/4410.79769741 0.5669/4655.40412487 0.567/49844.89424998 0.5671/24306.41678 0.5672/29783.25223475
    0.5673/57234.71239278 0.5674/45065.04744 0.5675/5912.76380354 0.5676/42514.92434778 0.5677/36304.0847022"""
C_BIDS = """0.5666/4831.75496356 0.5665/6658.22734739 0.5664/18724.91513344 0.5663/11563.92544914 0.5662/14006.65365711
    0.5661/17454.85679807 0.566/18097.1547 0.5659/33644.89175666 0.5658/148.3464 0.5657/606.70854372"""

# Version 1 shows all decimals of the price units.
FIVE_CENTS_ASKS = " ".join(f"0.{5005 + 5 * step:05d}/0.00000500" for step in range(10))
FIVE_CENTS_BIDS = " ".join(
    f"0.{price}/0.00000500"
    for price in ("05000", "04995", "04990", "04980", "04975", "04970", "04965", "04960", "04955", "04950")
)
V1_ASKS = """27120.00000/4.28732553 27127.30000/0.13827025 27128.30000/0.14741534 27128.90000/2.76458276
    27129.20000/0.73724565 27129.40000/0.63655172 27129.60000/0.02417558 27129.90000/0.73724565
    27130.00000/0.24631177 27130.30000/0.66320000"""
V1_BIDS = """27119.90000/13.54067548 27119.30000/0.03686228 27119.20000/0.73724565 27118.90000/0.04936402
    27118.60000/0.37500000 27118.10000/0.03170000 27117.50000/1.08235034 27117.40000/0.38246705
    27117.30000/0.33513309 27117.20000/3.68769114"""

# level3: prices with one decimal, volumes as they were sent.
L3_ASKS = """44939.5/4.52308393 44939.5/0.00111261 44939.5/0.00100000 44939.5/0.01000000 44950.0/1.0334926
    44953.0/0.64537 44955.0/0.250000 44959.6/0.35630000 44959.6/0.35630000 44960.1/3.38072 44960.2/0.88967575
    44967.0/3.14392283 44978.5/0.6778960 44979.2/0.35630000"""
L3_BIDS = """44939.4/0.88968699 44939.4/0.45210000 44939.4/0.10000000 44939.4/0.14296323 44939.4/0.25000000
    44939.4/0.10292988 44939.4/0.33880000 44939.4/1.28140860 44937.1/0.3346877 44934.7/0.35630000 44930.2/0.22734299
    44930.2/0.1000000 44930.2/0.5550000 44930.2/0.70000000 44930.2/0.15000000 44928.0/0.105240 44919.6/0.33870000
    44919.5/0.7610000 44912.0/0.35630000 44909.7/0.6690000 44901.9/0.88982"""


def units(text: str, places: int = 5) -> tuple[tuple[int, int], ...]:
    """`price/volume` texts as price units of 10**-places and lot units of 10**-8."""
    pairs = [level.split("/") for level in text.split()]
    return tuple((decimals.parse(price, places), decimals.parse(volume, 8)) for price, volume in pairs)


def a_book(bids: str, asks: str, now: int) -> Book:
    """One order on each level."""
    book = Book()
    sides: list[tuple[Side, str]] = [("buy", bids), ("sell", asks)]
    for side, text in sides:
        for price, volume in units(text):
            rest(book, side, price, volume, now)
    return book


def rest(book: Book, side: Side, price: int, volume: int, now: int) -> Order:
    nothing = cast("Any", None)
    order = Order(account=nothing, market=nothing, side=side, ordertype="limit", vol=volume, limit=price)
    book.rest(order, now)
    return order


def only_order(book: Book, side: Side, price: int) -> Order:
    (order,) = (book.bids if side == "buy" else book.asks)[price].orders.values()
    return cast("Order", order)


@pytest.mark.parametrize(
    ("bids", "asks", "shown", "expected"),
    [
        (A_BIDS, A_ASKS, 1, 3310070434),
        (B_BIDS, B_ASKS, 1, 2785033588),
        (C_BIDS, C_ASKS, 4, 2439117997),
        (C_BIDS.replace("606.70854372", "1098.3947558"), C_ASKS, 4, 2114181697),
        (FIVE_CENTS_BIDS, FIVE_CENTS_ASKS, 5, 974947235),
        (V1_BIDS.replace("13.54067548", "13.54109952"), V1_ASKS, 5, 3572756970),
    ],
)
def test_of_recorded_books(bids: str, asks: str, shown: int, expected: int) -> None:
    assert book_checksum(units(bids), units(asks), 5, shown) == expected
    # The same from the units that are shown, and from the texts.
    assert book_checksum(units(bids, shown), units(asks, shown), shown, shown) == expected
    asked, bid = (
        [digits(decimals.fmt(price, shown)) + digits(decimals.fmt(volume, 8)) for price, volume in units(levels, shown)]
        for levels in (asks, bids)
    )
    assert checksum(asked, bid) == expected


def test_of_published_level3_texts() -> None:
    asks, bids = (
        [digits(text) for level in levels.split() for text in level.split("/")] for levels in (L3_ASKS, L3_BIDS)
    )
    assert checksum(asks, bids) == 1063832831


@given(
    bids=st.lists(st.tuples(st.integers(1, 10**6), st.lists(st.integers(1, 10**12), min_size=1)), max_size=10),
    asks=st.lists(st.tuples(st.integers(1, 10**6), st.lists(st.integers(1, 10**12), min_size=1)), max_size=10),
    scale=st.integers(0, 8),
    shown=st.integers(0, 8),
)
def test_of_units_is_that_of_the_texts(
    bids: list[tuple[int, list[int]]], asks: list[tuple[int, list[int]]], scale: int, shown: int
) -> None:
    def texts(levels: list[tuple[int, list[int]]]) -> list[str]:
        return [
            digits(text)
            for price, volumes in levels
            for volume in volumes
            for text in (decimals.fmt(decimals.rescale(price, scale, shown), shown), decimals.fmt(volume, 8))
        ]

    expected = checksum(texts(asks), texts(bids))
    orders = [[(price, tuple(volumes)) for price, volumes in levels] for levels in (bids, asks)]
    assert level3_checksum(*orders, scale, shown) == expected
    levels = [[(price, volumes[0]) for price, volumes in side] for side in (bids, asks)]
    expected = checksum(*(texts([(price, volumes[:1]) for price, volumes in side]) for side in (asks, bids)))
    assert book_checksum(*levels, scale, shown) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("0.05005", "5005"), ("45285.2", "452852"), ("0.00000500", "500"), ("10", "10"), ("0.0", "")]
)
def test_digits(text: str, expected: str) -> None:
    assert digits(text) == expected


# Recorded updates, replayed: the level that moves in was outside when they began.


def test_a_delete_its_backfill_and_an_insert_in_one_update() -> None:
    book = a_book(B_BIDS, B_ASKS + " 29433.3/0.80000000", now=5)
    view = BookView(book, 10)
    assert book_checksum(*view.best(), 5, 1) == 2785033588

    gone = only_order(book, "sell", 29431_10000)
    book.withdraw(gone, 7)
    view.see("sell", 29431_10000, 7)
    rest(book, "sell", 29430_60000, 100_000, 8)
    view.see("sell", 29430_60000, 8)
    (update,) = view.take_updates()
    assert (update.side, update.time) == ("sell", 8)
    assert update.entries == [
        Entry(29431_10000, 0, 7, False),
        Entry(29433_30000, 80_000_000, 5, True),
        Entry(29430_60000, 100_000, 8, False),
    ]
    assert book_checksum(update.bids, update.asks, 5, 1) == 3547452596


def test_a_change_of_volume_and_a_republished_level() -> None:
    book = a_book(V1_BIDS + " 27116.80000/0.14741986", V1_ASKS, now=5)
    view = BookView(book, 10)
    rest(book, "buy", 27119_90000, 42404, 6)
    view.see("buy", 27119_90000, 6)
    (update,) = view.take_updates()
    assert update.entries == [Entry(27119_90000, 1354109952, 6, False)]
    assert book_checksum(update.bids, update.asks, 5, 5) == 3572756970

    book.withdraw(only_order(book, "buy", 27117_40000), 7)
    view.see("buy", 27117_40000, 7)
    (update,) = view.take_updates()
    assert update.entries == [Entry(27117_40000, 0, 7, False), Entry(27116_80000, 14741986, 5, True)]
    assert book_checksum(update.bids, update.asks, 5, 5) == 3139033408
