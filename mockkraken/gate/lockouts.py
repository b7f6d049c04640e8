"""The temporary lockout: too many refusals in a row, and a source is not let in for a while (kraken/10 §2.4).

A source is an address together with the API-Key header that it sends. From outside, a key can also be locked out
wherever it comes from, and an address whatever key it sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mockkraken import errors
from mockkraken.clock import SECOND, rfc3339
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.settings import Settings

# Remembered at most, of each kind, and of a header: whoever makes up keys must not fill the memory.
_SOURCES = 10_000
_LONGEST_HEADER = 300  # longer than any key

Source = tuple[str | None, bytes | None]
"""An address and an API-Key header; None: any. A request without the header has an empty one."""


class Lock(msgspec.Struct):
    """A lockout in force. Times in ns; `span`: how long an attempt makes it last from then on."""

    remote: str | None
    header: bytes | None
    until: int
    span: int

    def __repr__(self) -> str:
        return f"<Lock of {self.remote or 'any address'} until {rfc3339(self.until)}>"  # a header may be a secret


class Lockouts:
    """Who is locked out, and who is on the way there.

    Args:
        settings: the sandbox's, read anew each time.

    Attributes:
        locks: in force or run out, by source; empty on the hot path.
        failures: refusals in a row by source.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.locks: dict[Source, Lock] = {}
        self.failures: dict[Source, int] = {}

    def check(self, remote: str, header: bytes, now: int) -> None:
        """Let a request pass unless its source is locked out; then the attempt makes that last longer.

        Raises:
            KrakenError: it is.
        """
        found = [lock for lock in self._of(remote, header[:_LONGEST_HEADER]) if lock.until > now]
        if not found:
            return
        extends = self._settings.lockout_extends_on_attempt
        if extends:
            for lock in found:
                lock.until = now + lock.span
        until = max(lock.until for lock in found)
        why = "; this attempt has started that time anew" if extends else ""
        reason = f"locked out until {rfc3339(until)}; it is {rfc3339(now)}{why}"
        raise KrakenError(errors.TEMPORARY_LOCKOUT, reason, check="lockout")

    def count(self, remote: str, header: bytes, now: int) -> None:
        """One more refusal of that source; at the threshold it is locked out."""
        threshold = self._settings.lockout_threshold
        if not threshold:
            return
        header = header[:_LONGEST_HEADER]
        source = (remote, header)
        # Put at the end: the oldest is forgotten first.
        failures = self.failures.pop(source, 0) + 1
        if failures >= threshold:
            self.start(remote, header, self._settings.lockout_seconds * SECOND, now)
            return
        if len(self.failures) >= _SOURCES:
            del self.failures[next(iter(self.failures))]
        self.failures[source] = failures

    def forgive(self, remote: str, header: bytes) -> None:
        """That source has authenticated: its next refusal is the first in a row [guess]."""
        self.failures.pop((remote, header), None)

    def start(self, remote: str | None, header: bytes | None, span: int, now: int) -> Lock:
        """Lock a source out for `span` ns."""
        source = (remote, header)
        self.failures.pop(source, None)
        self.locks.pop(source, None)
        if len(self.locks) >= _SOURCES:
            del self.locks[next(iter(self.locks))]
        lock = self.locks[source] = Lock(remote, header, now + span, span)
        return lock

    def clear(self) -> None:
        """Let everybody in again, and forget all refusals."""
        self.locks.clear()
        self.failures.clear()

    def active(self, now: int) -> list[Lock]:
        """The lockouts in force, oldest first."""
        return [lock for lock in self.locks.values() if lock.until > now]

    def until(self, header: bytes, now: int) -> int | None:
        """When the last lockout that names this key ends; None: there is none."""
        return max((lock.until for lock in self.active(now) if lock.header == header), default=None)

    def _of(self, remote: str, header: bytes) -> list[Lock]:
        sources: tuple[Source, ...] = ((remote, header), (remote, None), (None, header))
        return [lock for source in sources if (lock := self.locks.get(source))]
