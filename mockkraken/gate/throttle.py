"""How many private calls of a key are under way at once (kraken/10 §4.2, setting `max_concurrent_private`).

A call is under way from when it comes to the gate until its answer goes out: calls that came together, and calls whose
answer a fault holds. One that a fault holds before the gate has not come yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockkraken.settings import Settings

RETRY_AFTER = 5  # [guess] seconds, kraken/10 §4.2: from now to the time in the answer


class Throttle:
    """Counts by API-Key header [guess]; who came first is served, who came too many is refused.

    Args:
        settings: the sandbox's, read anew each time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._under_way: dict[bytes, int] = {}

    @property
    def on(self) -> bool:
        """Whether there is such a limit."""
        return self._settings.max_concurrent_private != "off"

    def enter(self, header: bytes) -> bool:
        """A call comes in; False: it is one too many, does not count, and need not `leave`."""
        limit, count = self._settings.max_concurrent_private, self._under_way.get(header, 0)
        if limit != "off" and count >= limit:
            return False
        self._under_way[header] = count + 1
        return True

    def leave(self, header: bytes) -> None:
        """A call that had entered is answered."""
        left = self._under_way.get(header, 0) - 1
        if left > 0:
            self._under_way[header] = left
        else:
            self._under_way.pop(header, None)
