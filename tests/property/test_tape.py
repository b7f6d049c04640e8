"""The tape against a plain list of its trades, with a past of any shape that gives itself away bit by bit."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from mockkraken.clock import LATEST, MINUTE
from mockkraken.exchange.tape import PAST_IDS, Candle, Past, Print, Tape

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_000_000 * MINUTE
# Gaps between trades: none, some, and such as skip a candle; whole minutes and multiples of five come up.
GAPS = st.one_of(st.integers(0, 3), st.integers(0, 3 * MINUTE), st.sampled_from([MINUTE, 5 * MINUTE, 11 * MINUTE]))
TRADES = st.lists(
    st.tuples(GAPS, st.integers(1, 50), st.integers(1, 20), st.sampled_from(["buy", "sell"])), max_size=25
)


def a_past(trades: list[tuple[int, int, int, Any]]) -> Past:
    times, when = [], START
    for gap, *_ in trades:
        when += gap + 1
        times.append(when)
    return Past(times, [price for _, price, *_ in trades], [volume for _, _, volume, _ in trades])


def bit_by_bit(whole: Past, more: int) -> Callable[[int], Past]:
    """Gives what a tape may rely on, and `more` rows: all from a time on, and one before."""

    def back_to(time: int) -> Past:
        first = max(0, bisect_left(whole.times, time) - 1 - more)
        return Past(whole.times[first:], whole.prices[first:], whole.volumes[first:])

    return back_to


def a_tape(past: Past, live: list[tuple[int, int, int, Any]], more: int) -> tuple[Tape, list[Print]]:
    """A tape, and what must be on it."""
    tape, naive = Tape(), []
    if past.times:
        tape.follow(bit_by_bit(past, more), past.prices[-1])
    for index, (time, price, volume) in enumerate(zip(past.times, past.prices, past.volumes, strict=True)):
        side: Any = "buy" if price >= past.prices[max(0, index - 1)] else "sell"
        trade_id = PAST_IDS - len(past.times) + 1 + index
        naive.append(Print(trade_id, time, price, volume, side, "limit" if volume % 3 else "market"))
    now = past.times[-1] + 1 if past.times else START
    for gap, price, volume, side in live:
        now += gap
        tape.append(now, price, volume, side, "market")
        # On a clock that stands still, each comes 1 ns after the last.
        time = max(now, naive[-1].time + 1) if naive else now
        trade_id = naive[-1].trade_id + 1 if naive else 1
        naive.append(Print(trade_id, time, price, volume, side, "market"))
    return tape, naive


def tuples(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [structs.astuple(row) for row in rows]


def folded(rows: list[Print], time: int) -> Candle:
    prices, volumes = [row.price for row in rows], [row.volume for row in rows]
    turnover = sum(row.price * row.volume for row in rows)
    return Candle(time, prices[0], max(prices), min(prices), prices[-1], sum(volumes), turnover, len(rows))


@given(past=TRADES.map(a_past), live=TRADES, more=st.integers(0, 30), data=st.data())
@settings(max_examples=200, deadline=None)
def test_tells_what_was_traded(
    past: Past, live: list[tuple[int, int, int, Any]], more: int, data: st.DataObject
) -> None:
    tape, naive = a_tape(past, live, more)
    assert (tape.last and tape.last.trade_id) == (naive[-1].trade_id if naive else None)
    assert tape.last_price == (naive[-1].price if naive else None)
    assert all(later.trade_id == earlier.trade_id + 1 for earlier, later in pairwise(naive))

    for count in range(1, len(naive) + 2):
        assert tuples(tape.newest(count)) == tuples(naive[-count:])
    count = data.draw(st.integers(1, 60), "count")

    times = [row.time for row in naive] or [START]
    moments = st.one_of(st.integers(0, 0), st.sampled_from(times), st.integers(times[0] - 1, times[-1] + 1))
    moment = data.draw(moments, "moment")
    assert tuples(tape.after(moment, count)) == tuples([row for row in naive if row.time > moment][:count])

    since, later = tape.since(moment), [row for row in naive if row.time >= moment]
    assert (since is None) == (not later)
    if since is not None:
        assert structs.astuple(since)[1:] == structs.astuple(folded(later, moment))[1:]


@given(past=TRADES.map(a_past), live=TRADES, more=st.integers(0, 30), data=st.data())
@settings(max_examples=200, deadline=None)
def test_candles_are_the_trades_of_their_time(
    past: Past, live: list[tuple[int, int, int, Any]], more: int, data: st.DataObject
) -> None:
    tape, naive = a_tape(past, live, more)
    times = [row.time for row in naive] or [START]
    width = data.draw(st.sampled_from([MINUTE, 5 * MINUTE, 15 * MINUTE]), "width")
    starts = st.integers(times[0] // width - 2, times[-1] // width + 2).map(lambda number: number * width)
    first, last = sorted((data.draw(starts, "first"), data.draw(starts, "last")))
    expected = []
    for start in range(first, last + 1, width):
        inside = [row for row in naive if start <= row.time < start + width]
        before = [row for row in naive if row.time < start]
        if inside:
            expected.append(folded(inside, start))
        elif before:
            close = before[-1].price
            expected.append(Candle(start, close, close, close, close))
    assert tuples(tape.candles(width, first, last)) == tuples(expected)


@given(past=TRADES.map(a_past), live=TRADES, more=st.integers(0, 30), count=st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_pages_lose_no_trade_and_show_none_twice(
    past: Past, live: list[tuple[int, int, int, Any]], more: int, count: int
) -> None:
    tape, naive = a_tape(past, live, more)
    paged: list[Print] = []
    cursor = 0
    while page := tape.after(cursor, count):
        paged += page
        cursor = page[-1].time
    assert tuples(paged) == tuples(naive)
    assert tape.after(LATEST, count) == []


def test_a_long_tape_forgets_single_prints_and_no_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Tape()
    # Three a minute, but for the ten minutes after the first ten.
    thirds = [index + 30 * (index >= 30) for index in range(400)]
    rows = [(START + third * MINUTE // 3, 10 + third % 7, 1 + third % 5) for third in thirds]
    for row in rows:
        whole.append(*row, "buy", "limit")
    monkeypatch.setattr("mockkraken.exchange.tape.KEPT", 100)
    tape = Tape()
    for row in rows:
        tape.append(*row, "buy", "limit")
    assert 100 <= len(tape.prints) <= 110
    assert tape.count == 400
    assert [row.trade_id for row in tape.newest(2)] == [399, 400]
    assert tape.after(0, 1000) == tape.prints
    for first in (START - 10 * MINUTE, START + 15 * MINUTE, START + 200 * MINUTE):
        candles = [
            list(map(structs.astuple, each.candles(MINUTE, first, START + 210 * MINUTE))) for each in (tape, whole)
        ]
        assert candles[0] == candles[1]
    totals = [each.since(START) for each in (tape, whole)]
    assert structs.astuple(totals[0]) == structs.astuple(totals[1])
