"""How often a client may connect, and how many messages it may send (kraken/50 §1.4, §4.4)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mockkraken.clock import MINUTE
from mockkraken.counters import POINT, Counter, Limit

if TYPE_CHECKING:
    from mockkraken.settings import Settings

MESSAGES = Limit(50 * POINT, 20 * 100)
"""A burst of 50, and 20 a second [guess, ws_message_burst, ws_message_rate]: no number is published."""

TOO_MANY = f"a connection may send {MESSAGES.max // POINT} messages at once, and {MESSAGES.pace} a second"
"""Why a message was not looked at."""

ATTEMPTS = 150  # [doc] new connections of an address within WINDOW
WINDOW = 10 * MINUTE  # [doc]
BAN = 10 * MINUTE  # [doc] how long one that exceeds it is kept out
_ADDRESSES = 10_000  # ours: more are forgotten


class Messages:
    """How many messages one connection may still send."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counter = Counter()

    def exceeded(self, now: int) -> bool:
        """Count a message; whether it is one too many, and not to be looked at."""
        if self._settings.rate_limits == "off":
            return False
        if self._counter.settle(MESSAGES, now) + POINT > MESSAGES.max:
            return True
        self._counter.units += POINT
        return False


class Attempts:
    """Who has connected how often."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._times: dict[str, deque[int]] = {}
        self._banned: dict[str, int] = {}

    def refused_until(self, address: str, now: int) -> int | None:
        """Count an attempt to connect; until when (ns) the address is kept out, None: it may come in."""
        if self._settings.rate_limits == "off":
            return None
        until = self._banned.get(address, 0)
        if now < until:
            return until
        times = self._times.setdefault(address, deque())
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if len(times) >= ATTEMPTS:
            del self._times[address]
            self._banned[address] = now + BAN
            if len(self._banned) > _ADDRESSES:
                del self._banned[next(iter(self._banned))]
            return now + BAN
        times.append(now)
        if len(self._times) > _ADDRESSES:
            del self._times[next(iter(self._times))]
        return None
