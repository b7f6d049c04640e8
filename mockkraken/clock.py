"""The sandbox's clock, the only source of time, and the texts that stand for times and spans.

Time is an integer: nanoseconds since 1970-01-01 UTC. A clock runs with the machine's (real), stands still until it is
moved (frozen), or runs at another pace (scaled). It never goes back.
"""

from __future__ import annotations

import heapq
import itertools
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from mockkraken import decimals

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Times outside are refused: before 1970 nothing happened, and 2200 still fits every client's integer.
LATEST = 7_258_118_400 * SECOND

_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)

_LONGEST_TIME = 64  # characters
_FIRST_SWEEP = 256  # timers

Mode = Literal["real", "frozen", "scaled"]


class ClockError(ValueError):
    """The clock can't do that: it would go back, or the time or span makes no sense."""


class Timer:
    """A callback at a time. `cancel` takes it back."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A clock that is real, frozen or scaled, with timers that fire in order when time moves.

    Args:
        start: frozen at this time (ns); None: the machine's time, running.
    """

    def __init__(self, start: int | None = None) -> None:
        self._base = time.time_ns() if start is None else _in_range(start)
        self._scale: float = 1 if start is None else 0
        self._since = time.monotonic_ns()
        self._timers: list[tuple[int, int, Timer]] = []
        self._sweep_at = _FIRST_SWEEP
        self._order = itertools.count()
        self._target: int | None = None
        self.on_pace: list[Callable[[], None]] = []
        """Called when time has begun to pass at another pace, and after a leap, for those whose timers depend on it."""
        self.on_fired: list[Callable[[], None]] = []
        """Called after each timer's callback: what it brought about is done."""
        # Called when the next timer may fall due earlier in real time than before; the server re-arms its alarm here.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def mode(self) -> Mode:
        if self._scale == 0:
            return "frozen"
        return "real" if self._scale == 1 else "scaled"

    @property
    def scale(self) -> float:
        """Sandbox seconds per second of the machine; 0 when frozen."""
        return self._scale

    def now(self) -> int:
        """The sandbox's time in nanoseconds."""
        if self._scale == 0:
            return self._base
        elapsed = time.monotonic_ns() - self._since
        return self._base + (elapsed if self._scale == 1 else int(elapsed * self._scale))

    def ahead(self) -> int:
        """How far a leap that goes on now has still to go, ns; 0 when time just passes.

        Timers that come again and again may come less often while it is far.
        """
        return 0 if self._target is None else max(self._target - self.now(), 0)

    def freeze(self, at: int | None = None) -> None:
        """Stand still, now or at a later time `at`.

        Raises:
            ClockError: `at` lies in the sandbox's past.
        """
        if at is not None:
            if at < self.now():
                raise ClockError(f"the clock does not go back: it stands at {rfc3339(self.now())}")
            at = _in_range(at)
        self._run(scale=0)
        if at is not None:
            self._move_to(at)

    def advance(self, span: int) -> None:
        """Move forward by `span` ns and fire, in order, each timer that falls due on the way."""
        if span < 0:
            raise ClockError("the clock does not go back")
        self._move_to(_in_range(self.now() + span))
        self.on_change()

    def run(self, scale: float = 1) -> None:
        """Go on from where the clock stands, at `scale` sandbox seconds a second."""
        if not 0 < scale <= 1_000_000:
            raise ClockError("the scale is a number above 0 and at most 1000000")
        self._run(scale)

    def _run(self, scale: float) -> None:
        self._base, self._since, self._scale = self.now(), time.monotonic_ns(), scale
        self._tell_pace()
        self.on_change()

    def _move_to(self, target: int) -> None:
        # It stands still at the present while timers fire, so that an overdue one does not see an earlier time.
        self._base, scale, self._scale = self.now(), self._scale, 0
        self._target = target
        try:
            self._fire_until(target)
        finally:
            self._target = None
            # A running clock, or a timer that moved it, may have passed the target.
            self._base, self._since, self._scale = max(target, self._base), time.monotonic_ns(), scale
        self._tell_pace()

    def _tell_pace(self) -> None:
        for listener in self.on_pace:
            listener()

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call back when the sandbox's time reaches `when` (ns); those of one moment fire as they were made."""
        timer = Timer(when, callback)
        if len(self._timers) >= self._sweep_at:
            self._sweep()
        heapq.heappush(self._timers, (when, next(self._order), timer))
        self.on_change()
        return timer

    def _sweep(self) -> None:
        """Forget what was cancelled: its time may be far away, and on a clock that stands still never come."""
        self._timers = [entry for entry in self._timers if not entry[2].cancelled]
        heapq.heapify(self._timers)
        self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._timers))

    def run_due(self) -> None:
        """Fire every timer that is due: the server calls this before each request and when its alarm rings."""
        if self._timers and self._timers[0][0] <= (now := self.now()):
            self._fire_until(now)

    def _fire_until(self, target: int) -> None:
        while self._timers and self._timers[0][0] <= target:
            when, _, timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            if self._scale == 0:
                self._base = max(self._base, when)
            timer.callback()
            for listener in self.on_fired:
                listener()

    def seconds_to_next(self) -> float | None:
        """Machine seconds until the next timer; None when there is none, or the clock stands still."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if not self._timers or self._scale == 0:
            return None
        return max(0, self._timers[0][0] - self.now()) / SECOND / self._scale


def _in_range(ns: int) -> int:
    if not 0 <= ns <= LATEST:
        raise ClockError("the time lies outside 1970 to 2200")
    return ns


def _number_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    text = repr(value)
    # Small floats print with an exponent.
    return f"{value:.9f}" if "e-" in text else text


def parse_time(value: object) -> int:
    """Read a time as ns: an RFC 3339 text, or unix seconds as a number or a text of digits.

    Raises:
        ClockError: it is none of these.
    """
    text = _number_text(value)
    if isinstance(text, str):
        if _SECONDS.fullmatch(text) and len(text) <= decimals.MAX_DIGITS:
            return _in_range(decimals.truncate(text, 9))
        if len(text) <= _LONGEST_TIME and (match := _RFC3339.fullmatch(text)):
            return _in_range(_from_rfc3339(match))
    raise ClockError(f"not a time: {str(value)[:_LONGEST_TIME]!r}; give RFC 3339 text or unix seconds")


def _from_rfc3339(match: re.Match[str]) -> int:
    day, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
        seconds = moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise ClockError(f"not a time: {match[0]!r}") from error
    return int(seconds) * SECOND + int((fraction or "0").ljust(9, "0"))


def parse_span(value: object) -> int:
    """Read a span as ns: seconds as a number, or text with a unit (`250ms`, `1.5s`, `15m`, `2h`, `3d`).

    Raises:
        ClockError: it is none of these, or negative.
    """
    text = _number_text(value)
    if isinstance(text, str) and len(text) <= decimals.MAX_DIGITS and (match := _SPAN.fullmatch(text)):
        return decimals.truncate(match[1], 9) * _UNITS[match[2] or "s"] // SECOND
    raise ClockError(f'not a span: {value!r}; give seconds, or text like "250ms", "1.5s", "15m", "2h", "3d"')


def rfc3339(ns: int) -> str:
    """Write a time as RFC 3339 in UTC: no fraction when it is whole, else as many digits as it needs."""
    seconds, rest = divmod(ns, SECOND)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


def rfc1123(ns: int) -> str:
    """Write a time as the Time endpoint does: `Fri,  9 Jan 26 00:00:03 +0000`."""
    moment = time.gmtime(ns // SECOND)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month = months[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday:2d} {month} {moment.tm_year % 100:02d} {time.strftime('%H:%M:%S', moment)} +0000"


def unix_seconds(ns: int) -> float:
    """A time as the JSON number of order, trade and ledger rows: seconds, to the microsecond."""
    return ns // 1000 / 1_000_000
