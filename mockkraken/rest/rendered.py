"""Public answers that were rendered before and still hold.

Market data is asked for far more often than it changes; each answer is kept with the version of what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import msgspec

from mockkraken import decimals
from mockkraken.catalog import Pair
from mockkraken.clock import SECOND
from mockkraken.exchange.book import Level

DEPTH_VOLUME_DECIMALS = 3  # [obs] kraken/20 §3

# Characters of all answers together. Who asks for every pair, or every depth of one, must not fill the memory.
KEPT_MAX = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class Rendered:
    """What one sandbox has shown of its markets."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[Hashable, msgspec.Raw]] = {}
        self._size = 0

    def answer(self, what: Hashable, version: Hashable, render: Callable[[], Any]) -> msgspec.Raw:
        """`what` as JSON, rendered anew only if its version has changed."""
        known = self._answers.get(what)
        if known is not None and known[0] == version:
            return known[1]
        rendered = msgspec.Raw(_encode(render()))
        self._size += len(rendered) - (len(known[1]) if known is not None else 0)
        if self._size > KEPT_MAX:
            self._answers.clear()
            self._size = len(rendered)
        self._answers[what] = (version, rendered)
        return rendered

    @staticmethod
    def level(level: Level, pair: Pair) -> str:
        """A level of Depth as JSON: price, volume, second of its last change."""
        if level.shown is not None:
            return level.shown
        volume = decimals.rescale(level.volume, pair.lot_decimals, DEPTH_VOLUME_DECIMALS)
        price, size = pair.price_text(level.price), decimals.fmt(volume, DEPTH_VOLUME_DECIMALS)
        level.shown = f'["{price}","{size}",{level.changed // SECOND}]'
        return level.shown
