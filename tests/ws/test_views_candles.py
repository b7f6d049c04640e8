"""Candles kept from trade to trade against the tape's own, which add all up again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from mockkraken.clock import DAY, MINUTE, SECOND
from mockkraken.exchange.tape import Candle, Past, Tape
from mockkraken.sandbox import Sandbox
from mockkraken.ws.candles import Forming, history, latest

START = 10_080 * MINUTE * 100
GAPS = st.one_of(st.integers(0, 3), st.integers(0, 3 * MINUTE), st.sampled_from([MINUTE, 5 * MINUTE, 11 * MINUTE]))
TRADES = st.lists(st.tuples(GAPS, st.integers(1, 50), st.integers(1, 20)), max_size=25)


def fields(candle: Candle | None) -> tuple[Any, ...] | None:
    return None if candle is None else structs.astuple(candle)


def a_tape(past: list[tuple[int, int, int]]) -> tuple[Tape, int]:
    """A tape with that past, and when it ended."""
    tape, now = Tape(), START
    whole = Past([], [], [])
    for gap, price, volume in past:
        now += gap + 1
        whole.times.append(now)
        whole.prices.append(price)
        whole.volumes.append(volume)
    if past:
        tape.follow(lambda _: whole, whole.prices[-1])
    return tape, now + 1


@given(past=TRADES, before=TRADES, after=TRADES, later=GAPS, minutes=st.sampled_from([1, 5, 15]))
@settings(max_examples=200, deadline=None)
def test_the_forming_candle_is_the_tapes_own(
    past: list[tuple[int, int, int]],
    before: list[tuple[int, int, int]],
    after: list[tuple[int, int, int]],
    later: int,
    minutes: int,
) -> None:
    tape, now = a_tape(past)
    for gap, price, volume in before:
        now += gap
        tape.append(now, price, volume, "buy", "limit")
    now += later
    forming = Forming(tape, minutes, now)
    width = minutes * MINUTE
    for gap, price, volume in after:
        now += gap
        printed = tape.append(now, price, volume, "sell", "market")
        forming.add(printed)
        start = printed.time - printed.time % width
        assert [fields(forming.candle)] == [fields(candle) for candle in tape.candles(width, start, start)]
        assert fields(latest(tape, minutes)) == fields(forming.candle)
        rows = history(tape, minutes, now, 30)
        assert fields(rows[-1]) == fields(forming.candle)
        assert all(row.count and row.time % width == 0 for row in rows)
        assert all(earlier.time < row.time for earlier, row in pairwise(rows))
        shown = [fields(row) for row in tape.candles(width, max(start - 29 * width, 0), start) if row.count]
        assert [fields(row) for row in rows] == shown


def test_what_is_forming_without_trades() -> None:
    tape = Tape()
    forming = Forming(tape, 5, START)
    assert forming.candle is None and latest(tape, 5) is None and history(tape, 5, START, 10) == []

    tape.append(START + 4 * MINUTE, 7, 3, "buy", "limit")
    forming = Forming(tape, 5, START + 12 * MINUTE)
    assert fields(forming.candle) == (START + 10 * MINUTE, 7, 7, 7, 7, 0, 0, 0)
    assert fields(latest(tape, 5)) == (START, 7, 7, 7, 7, 3, 21, 1)
    # The first trade opens it, not the close before.
    forming.add(tape.append(START + 13 * MINUTE, 9, 2, "buy", "limit"))
    assert fields(forming.candle) == (START + 10 * MINUTE, 9, 9, 9, 9, 2, 18, 1)


def test_a_new_candle_begins_with_the_first_trade_after_the_end() -> None:
    tape = Tape()
    tape.append(START, 5, 1, "buy", "limit")
    forming = Forming(tape, 1, START)
    forming.add(tape.append(START + MINUTE - 1, 8, 1, "buy", "limit"))
    assert fields(forming.candle) == (START, 5, 8, 5, 8, 2, 13, 2)
    forming.add(tape.append(START + MINUTE, 6, 4, "sell", "limit"))
    assert fields(forming.candle) == (START + MINUTE, 6, 6, 6, 6, 4, 24, 1)


def test_trades_that_lie_ahead_of_a_standing_clock() -> None:
    tape = Tape()
    now = START + MINUTE - 1
    for price in (5, 6):  # The second is 1 ns later, in the next minute.
        tape.append(now, price, 1, "buy", "limit")
    forming = Forming(tape, 1, now)
    assert fields(forming.candle) == (START + MINUTE, 6, 6, 6, 6, 1, 6, 1)
    forming.add(tape.append(now, 7, 1, "buy", "limit"))
    assert fields(forming.candle) == (START + MINUTE, 6, 7, 6, 7, 2, 13, 2)
    assert [row.time for row in history(tape, 1, now, 5)] == [START, START + MINUTE]


def test_history_has_as_many_intervals_as_it_is_asked_for_and_leaves_out_the_idle() -> None:
    tape = Tape()
    for minute in (0, 1, 2, 5):
        tape.append(START + minute * MINUTE, 10 + minute, 1, "buy", "limit")
    now = START + 6 * MINUTE + SECOND
    starts = {rows: [row.time for row in history(tape, 1, now, rows)] for rows in (1, 2, 5, 6, 7, 100)}
    minutes = {rows: [(time - START) // MINUTE for time in times] for rows, times in starts.items()}
    assert minutes == {1: [], 2: [5], 5: [2, 5], 6: [1, 2, 5], 7: [0, 1, 2, 5], 100: [0, 1, 2, 5]}


@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
def test_every_interval_has_a_past(minutes: int) -> None:
    start = 1_790_000_000 * SECOND
    sandbox = Sandbox(start=start)
    pair = sandbox.catalog.trading_pair("XBTUSD")
    assert pair is not None
    tape = sandbox.exchange.market(pair).tape
    width = minutes * MINUTE
    rows = history(tape, minutes, start, 720)
    assert len(rows) == 720 or start - rows[0].time > 700 * DAY
    assert all(row.time % width == 0 for row in rows)
    forming = Forming(tape, minutes, start)
    assert fields(forming.candle) == fields(rows[-1]) == fields(latest(tape, minutes))
