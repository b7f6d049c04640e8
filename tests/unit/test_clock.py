"""The clock: real, frozen or scaled, never backwards, its timers in order; and the texts of times and spans."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken import clock
from mockkraken.clock import DAY, HOUR, LATEST, MINUTE, SECOND, Clock, ClockError

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_YEAR = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


class Machine:
    """The machine's clocks, which a test moves by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.elapsed = 0
        monkeypatch.setattr(time, "time_ns", lambda: NEW_YEAR + self.elapsed)
        monkeypatch.setattr(time, "monotonic_ns", lambda: 555 + self.elapsed)

    def wait(self, ns: int) -> None:
        self.elapsed += ns


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def frozen() -> Clock:
    return Clock(NEW_YEAR)


class Alarm:
    """Records when it rang, by the clock's own account."""

    def __init__(self, of: Clock) -> None:
        self.clock = of
        self.rang: list[tuple[str, int]] = []

    def at(self, when: int, name: str = "") -> clock.Timer:
        return self.clock.call_at(when, lambda: self.rang.append((name, self.clock.now())))

    def adder(self, when: int, name: str) -> Callable[[], None]:
        def add() -> None:
            self.at(when, name)

        return add

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.rang]


class TestFrozen:
    def test_stands_still(self, machine: Machine, frozen: Clock) -> None:
        machine.wait(HOUR)
        assert frozen.now() == NEW_YEAR
        assert (frozen.mode, frozen.scale) == ("frozen", 0)

    def test_moves_when_moved(self, frozen: Clock) -> None:
        frozen.advance(15 * MINUTE)
        assert frozen.now() == NEW_YEAR + 15 * MINUTE
        frozen.freeze(NEW_YEAR + DAY)
        assert frozen.now() == NEW_YEAR + DAY
        assert frozen.mode == "frozen"

    def test_freezing_again_changes_nothing(self, frozen: Clock) -> None:
        frozen.freeze()
        frozen.freeze(NEW_YEAR)
        frozen.advance(0)
        assert frozen.now() == NEW_YEAR

    @pytest.mark.parametrize("start", [-1, LATEST + 1])
    def test_starts_between_1970_and_2200(self, start: int) -> None:
        with pytest.raises(ClockError):
            Clock(start)


class TestReal:
    def test_goes_with_the_machine(self, machine: Machine) -> None:
        real = Clock()
        assert (real.now(), real.mode, real.scale) == (NEW_YEAR, "real", 1)
        machine.wait(1_234_567_891)
        assert real.now() == NEW_YEAR + 1_234_567_891

    def test_does_not_follow_the_machine_being_set_back(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Clock()
        machine.wait(SECOND)
        monkeypatch.setattr(time, "time_ns", lambda: 0)
        assert real.now() == NEW_YEAR + SECOND

    def test_freezes_where_it_is_and_goes_on_from_there(self, machine: Machine) -> None:
        clock = Clock()
        machine.wait(SECOND)
        clock.freeze()
        machine.wait(HOUR)
        assert clock.now() == NEW_YEAR + SECOND
        clock.run()
        machine.wait(SECOND)
        assert (clock.now(), clock.mode) == (NEW_YEAR + 2 * SECOND, "real")

    def test_advances_and_runs_on(self, machine: Machine) -> None:
        real = Clock()
        machine.wait(SECOND)
        real.advance(HOUR)
        assert real.now() == NEW_YEAR + HOUR + SECOND
        machine.wait(SECOND)
        assert (real.now(), real.mode) == (NEW_YEAR + HOUR + 2 * SECOND, "real")

    def test_a_running_clock_is_not_frozen_in_its_past(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        # Each look at the machine takes a second: the time asked for is over when the clock comes to stop.
        def look() -> int:
            machine.wait(SECOND)
            return 555 + machine.elapsed

        clock = Clock()
        monkeypatch.setattr(time, "monotonic_ns", look)
        clock.freeze(NEW_YEAR + SECOND)
        assert clock.now() >= NEW_YEAR + 2 * SECOND


class TestScaled:
    def test_goes_faster(self, machine: Machine, frozen: Clock) -> None:
        frozen.run(60)
        machine.wait(SECOND)
        assert (frozen.now(), frozen.mode, frozen.scale) == (NEW_YEAR + MINUTE, "scaled", 60)

    def test_goes_slower(self, machine: Machine, frozen: Clock) -> None:
        frozen.run(0.5)
        machine.wait(3 * SECOND)
        assert (frozen.now(), frozen.mode) == (NEW_YEAR + 1_500_000_000, "scaled")

    def test_changes_pace_without_a_jump(self, machine: Machine, frozen: Clock) -> None:
        frozen.run(60)
        machine.wait(SECOND)
        frozen.run(2)
        assert frozen.now() == NEW_YEAR + MINUTE
        machine.wait(SECOND)
        assert frozen.now() == NEW_YEAR + MINUTE + 2 * SECOND
        frozen.run()
        assert frozen.mode == "real"

    def test_advances_at_its_own_count(self, machine: Machine, frozen: Clock) -> None:
        frozen.run(60)
        machine.wait(SECOND)
        frozen.advance(MINUTE)
        assert (frozen.now(), frozen.mode) == (NEW_YEAR + 2 * MINUTE, "scaled")

    @pytest.mark.parametrize("scale", [0, -1, 1_000_001, float("nan"), float("inf")])
    def test_refuses_a_senseless_pace(self, frozen: Clock, scale: float) -> None:
        with pytest.raises(ClockError):
            frozen.run(scale)
        assert frozen.mode == "frozen"


class TestNeverBack:
    def test_refuses(self, machine: Machine, frozen: Clock) -> None:
        rang = Alarm(frozen)
        rang.at(NEW_YEAR + SECOND)
        for span in (-1, LATEST):
            with pytest.raises(ClockError):
                frozen.advance(span)
        for at in (NEW_YEAR - 1, LATEST + 1):
            with pytest.raises(ClockError):
                frozen.freeze(at)
        assert frozen.now() == NEW_YEAR
        assert rang.rang == []

    def test_a_refusal_does_not_stop_a_running_clock(self, machine: Machine) -> None:
        real = Clock()
        machine.wait(SECOND)
        for at in (NEW_YEAR, LATEST + 1):
            with pytest.raises(ClockError):
                real.freeze(at)
        assert real.mode == "real"

    def test_says_where_it_stands(self, frozen: Clock) -> None:
        with pytest.raises(ClockError, match="2026-01-01T00:00:00Z"):
            frozen.freeze(NEW_YEAR - HOUR)

    def test_a_timer_that_moves_the_clock_further(self, frozen: Clock) -> None:
        frozen.call_at(NEW_YEAR + SECOND, lambda: frozen.advance(HOUR))
        frozen.advance(MINUTE)
        assert frozen.now() == NEW_YEAR + HOUR + SECOND


class TestTimers:
    def test_fire_in_order_each_at_its_time(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        for name, delay in (("c", 3), ("a", 1), ("b", 2), ("never", 5)):
            alarm.at(NEW_YEAR + delay * SECOND, name)
        frozen.advance(4 * SECOND)
        assert alarm.rang == [
            ("a", NEW_YEAR + SECOND),
            ("b", NEW_YEAR + 2 * SECOND),
            ("c", NEW_YEAR + 3 * SECOND),
        ]
        assert frozen.now() == NEW_YEAR + 4 * SECOND

    def test_of_one_moment_fire_in_the_order_of_their_making(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        for name in "dacb":
            alarm.at(NEW_YEAR + SECOND, name)
        frozen.advance(SECOND)
        assert alarm.names == ["d", "a", "c", "b"]

    def test_fire_once(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        alarm.at(NEW_YEAR + SECOND)
        frozen.advance(SECOND)
        frozen.run_due()
        frozen.advance(DAY)
        assert len(alarm.rang) == 1

    def test_the_last_moment_of_an_advance_belongs_to_it(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        alarm.at(NEW_YEAR + SECOND)
        frozen.advance(SECOND - 1)
        assert alarm.rang == []
        frozen.advance(1)
        assert alarm.rang == [("", NEW_YEAR + SECOND)]

    def test_cancelled_do_not_fire(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        alarm.at(NEW_YEAR + SECOND, "kept")
        alarm.at(NEW_YEAR + SECOND, "cancelled").cancel()
        frozen.advance(MINUTE)
        assert alarm.names == ["kept"]

    def test_cancelled_are_forgotten_though_their_time_never_comes(self, frozen: Clock) -> None:
        """Who sets a timer anew again and again must not fill the memory of a clock that stands still."""
        alarm = Alarm(frozen)
        alarm.at(NEW_YEAR + 2 * SECOND, "second")
        remembered: WeakSet[partial[None]] = WeakSet()
        for number in range(5000):
            callback = partial(alarm.rang.append, ("cancelled", number))
            remembered.add(callback)
            frozen.call_at(NEW_YEAR + HOUR, callback).cancel()
            if number in (1000, 4000):
                alarm.at(NEW_YEAR + SECOND, f"first {number}")
        assert len(remembered) < 500
        frozen.advance(DAY)
        assert alarm.names == ["first 1000", "first 4000", "second"]

    def test_may_cancel_one_of_the_same_moment(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        frozen.call_at(NEW_YEAR + SECOND, lambda: later.cancel())
        later = alarm.at(NEW_YEAR + SECOND)
        frozen.advance(MINUTE)
        assert alarm.rang == []

    def test_added_by_a_timer_fire_in_the_same_advance(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        frozen.call_at(NEW_YEAR + SECOND, alarm.adder(NEW_YEAR + 2 * SECOND, "added"))
        alarm.at(NEW_YEAR + 3 * SECOND, "there before")
        frozen.call_at(NEW_YEAR + SECOND, alarm.adder(NEW_YEAR + HOUR, "too late"))
        frozen.advance(MINUTE)
        assert alarm.rang == [("added", NEW_YEAR + 2 * SECOND), ("there before", NEW_YEAR + 3 * SECOND)]

    def test_that_renew_themselves_fire_each_time(self, frozen: Clock) -> None:
        beats: list[int] = []

        def beat() -> None:
            beats.append(frozen.now())
            frozen.call_at(frozen.now() + MINUTE, beat)

        frozen.call_at(NEW_YEAR + MINUTE, beat)
        frozen.advance(HOUR)
        assert beats == [NEW_YEAR + n * MINUTE for n in range(1, 61)]

    def test_fire_when_frozen_at_a_later_time(self, machine: Machine) -> None:
        real = Clock()
        alarm = Alarm(real)
        alarm.at(NEW_YEAR + MINUTE)
        real.freeze(NEW_YEAR + HOUR)
        assert alarm.rang == [("", NEW_YEAR + MINUTE)]

    def test_of_a_running_clock_fire_when_they_are_due(self, machine: Machine) -> None:
        real = Clock()
        alarm = Alarm(real)
        alarm.at(NEW_YEAR + SECOND, "first")
        alarm.at(NEW_YEAR + 3 * SECOND, "second")
        real.run_due()
        assert alarm.rang == []
        machine.wait(2 * SECOND)
        real.run_due()
        assert alarm.rang == [("first", NEW_YEAR + 2 * SECOND)]

    def test_overdue_ones_do_not_see_the_past(self, machine: Machine) -> None:
        real = Clock()
        alarm = Alarm(real)
        alarm.at(NEW_YEAR + SECOND, "overdue")
        machine.wait(10 * SECOND)
        real.advance(MINUTE)
        assert alarm.rang == [("overdue", NEW_YEAR + 10 * SECOND)]
        assert real.now() == NEW_YEAR + MINUTE + 10 * SECOND

    def test_made_for_the_past_fire_at_once(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)
        alarm.at(NEW_YEAR - HOUR)
        frozen.run_due()
        assert alarm.rang == [("", NEW_YEAR)]

    def test_that_fail_leave_the_clock_where_it_was_going(self, frozen: Clock) -> None:
        alarm = Alarm(frozen)

        def fail() -> None:
            raise ZeroDivisionError

        frozen.call_at(NEW_YEAR + SECOND, fail)
        alarm.at(NEW_YEAR + 2 * SECOND)
        with pytest.raises(ZeroDivisionError):
            frozen.advance(MINUTE)
        assert (frozen.now(), frozen.mode) == (NEW_YEAR + MINUTE, "frozen")
        frozen.run_due()
        assert alarm.rang == [("", NEW_YEAR + MINUTE)]

    @given(st.lists(st.integers(0, 100), max_size=30), st.lists(st.integers(0, 40), max_size=6))
    def test_any_way_there_fires_the_same(self, delays: list[int], steps: list[int]) -> None:
        def fired(spans: list[int]) -> list[tuple[str, int]]:
            frozen = Clock(NEW_YEAR)
            alarm = Alarm(frozen)
            for number, delay in enumerate(delays):
                alarm.at(NEW_YEAR + delay, str(number))
            for span in spans:
                frozen.advance(span)
            return alarm.rang

        by_steps = fired(steps)
        # From where it starts, an advance by nothing fires what is due already: none is due without any advance.
        assert by_steps == (fired([sum(steps)]) if steps else [])
        assert [when for _, when in by_steps] == sorted(when for _, when in by_steps)


class TestAlarm:
    """What a server needs to know when to wake up."""

    def test_seconds_of_the_machine_until_the_next_timer(self, machine: Machine, frozen: Clock) -> None:
        assert frozen.seconds_to_next() is None
        timer = frozen.call_at(NEW_YEAR + MINUTE, lambda: None)
        frozen.call_at(NEW_YEAR + HOUR, lambda: None)
        assert frozen.seconds_to_next() is None  # it stands still
        frozen.run()
        assert frozen.seconds_to_next() == 60
        frozen.run(60)
        assert frozen.seconds_to_next() == 1
        machine.wait(SECOND // 2)
        assert frozen.seconds_to_next() == 0.5
        machine.wait(SECOND)
        assert frozen.seconds_to_next() == 0  # overdue
        timer.cancel()
        assert frozen.seconds_to_next() == pytest.approx(58.5)

    def test_is_told_when_it_may_have_to_ring_earlier(self, frozen: Clock) -> None:
        told: list[str] = []
        frozen.on_change = lambda: told.append("changed")
        frozen.call_at(NEW_YEAR + SECOND, lambda: None)
        assert told.pop()
        frozen.run(60)
        assert told.pop()
        frozen.advance(1)
        assert told.pop()
        frozen.freeze()
        assert told.pop()


class TestTimes:
    @pytest.mark.parametrize(
        ("value", "ns"),
        [
            ("2026-01-01T00:00:00Z", NEW_YEAR),
            ("2026-01-01t00:00:00z", NEW_YEAR),
            ("2026-01-01 00:00:00Z", NEW_YEAR),
            ("2026-01-01T01:30:00+01:30", NEW_YEAR),
            ("2025-12-31T19:00:00-05:00", NEW_YEAR),
            ("2026-01-01T00:00:00.5Z", NEW_YEAR + SECOND // 2),
            ("2026-01-01T00:00:00.123456789Z", NEW_YEAR + 123_456_789),
            ("2026-01-01T00:00:00.1234567899Z", NEW_YEAR + 123_456_789),
            ("1970-01-01T00:00:00Z", 0),
            (1_767_225_600, NEW_YEAR),
            (1_767_225_600.25, NEW_YEAR + SECOND // 4),
            ("1767225600", NEW_YEAR),
            ("1767225600.000000001", NEW_YEAR + 1),
            (0, 0),
            (0.00005, 50_000),
        ],
    )
    def test_read(self, value: object, ns: int) -> None:
        assert clock.parse_time(value) == ns

    @pytest.mark.parametrize(
        "value",
        [
            *("", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"),
            *("2026-01-01T24:01:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+25:00", "0001-01-01T00:00:00+23:00"),
            *("1969-12-31T23:59:59Z", "1969-12-31T23:59:59.5Z", "2200-01-01T00:00:01Z", "٢٠٢٦-01-01T00:00:00Z"),
            *("2026-01-01T00:00:00Z\n", " 1767225600", "-1", "1e9", "9" * 41, "0x10"),
            *(-1, -0.5, 1e20, float("nan"), float("inf"), True, None, [1], {}),
        ],
    )
    def test_refused(self, value: object) -> None:
        with pytest.raises(ClockError):
            clock.parse_time(value)

    def test_the_bounds(self) -> None:
        assert clock.parse_time("2200-01-01T00:00:00Z") == LATEST
        assert clock.parse_time(LATEST // SECOND) == LATEST

    @pytest.mark.parametrize(
        ("ns", "text"),
        [
            (0, "1970-01-01T00:00:00Z"),
            (NEW_YEAR, "2026-01-01T00:00:00Z"),
            (NEW_YEAR + SECOND // 2, "2026-01-01T00:00:00.5Z"),
            (NEW_YEAR + 1, "2026-01-01T00:00:00.000000001Z"),
            (NEW_YEAR + 123_456_000, "2026-01-01T00:00:00.123456Z"),
            (LATEST, "2200-01-01T00:00:00Z"),
        ],
    )
    def test_written(self, ns: int, text: str) -> None:
        assert clock.rfc3339(ns) == text

    @given(st.integers(0, LATEST))
    def test_round_trip(self, ns: int) -> None:
        assert clock.parse_time(clock.rfc3339(ns)) == ns
        assert clock.parse_time(str(ns // SECOND)) == ns - ns % SECOND

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("2026-01-09T00:00:03Z", "Fri,  9 Jan 26 00:00:03 +0000"),
            ("2025-11-11T00:17:04Z", "Tue, 11 Nov 25 00:17:04 +0000"),
            ("2026-08-02T05:06:45.9Z", "Sun,  2 Aug 26 05:06:45 +0000"),
            ("2104-02-29T23:59:59Z", "Fri, 29 Feb 04 23:59:59 +0000"),
        ],
    )
    def test_as_the_time_endpoint_writes_it(self, text: str, written: str) -> None:
        assert clock.rfc1123(clock.parse_time(text)) == written

    @given(st.integers(0, LATEST // SECOND))
    def test_names_of_days_and_months_need_no_locale(self, seconds: int) -> None:
        moment = datetime.fromtimestamp(seconds, UTC)
        written = clock.rfc1123(seconds * SECOND)
        assert written == moment.strftime("%a, ") + f"{moment.day:2d}" + moment.strftime(" %b %y %H:%M:%S +0000")

    def test_as_rows_have_it(self) -> None:
        assert clock.unix_seconds(NEW_YEAR + 123_456_789) == 1_767_225_600.123456
        assert clock.unix_seconds(NEW_YEAR + 999_999_999) == 1_767_225_600.999999


class TestSpans:
    @pytest.mark.parametrize(
        ("value", "ns"),
        [
            (0, 0),
            (90, 90 * SECOND),
            (0.25, SECOND // 4),
            (0.00005, 50_000),
            (1e-9, 1),
            ("90", 90 * SECOND),
            ("0.25", SECOND // 4),
            ("250ms", SECOND // 4),
            ("0.5ms", SECOND // 2000),
            ("1.5s", 3 * SECOND // 2),
            ("15m", 15 * MINUTE),
            ("1.5h", 90 * MINUTE),
            ("2h", 2 * HOUR),
            ("3d", 3 * DAY),
            ("0.000000001s", 1),
        ],
    )
    def test_read(self, value: object, ns: int) -> None:
        assert clock.parse_span(value) == ns

    @pytest.mark.parametrize(
        "value",
        [
            *("", "s", "1w", "1 s", "1S", "1m30s", "-1s", "+1s", ".5s", "1.s", "1e3", "1s\n", "١s", "9" * 41),
            *(-1, -0.5, 1e20, float("nan"), float("inf"), True, None, [1]),
        ],
    )
    def test_refused(self, value: object) -> None:
        with pytest.raises(ClockError):
            clock.parse_span(value)

    @given(st.integers(0, 10**15))
    def test_whole_milliseconds(self, milliseconds: int) -> None:
        assert clock.parse_span(f"{milliseconds}ms") == milliseconds * 1_000_000
