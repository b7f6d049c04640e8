"""Public answers that were rendered before and still hold.

Market data is asked for far more often than it changes; each entry is kept with the version of what it shows.
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

_encode = msgspec.json.Encoder().encode


class Rendered:
    """What one sandbox has shown of its markets."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[Hashable, msgspec.Raw]] = {}
        self._levels: dict[tuple[str, int], tuple[int, int, str]] = {}

    def answer(self, what: Hashable, version: Hashable, render: Callable[[], Any]) -> msgspec.Raw:
        """`what` as JSON, rendered anew only if its version has changed."""
        known = self._answers.get(what)
        if known is not None and known[0] == version:
            return known[1]
        rendered = msgspec.Raw(_encode(render()))
        self._answers[what] = (version, rendered)
        return rendered

    def level(self, level: Level, pair: Pair) -> str:
        """A level of Depth as JSON: price, volume, second of its last change."""
        key = (pair.id, level.price)
        known = self._levels.get(key)
        if known is not None and known[0] == level.volume and known[1] == level.changed:
            return known[2]
        volume = decimals.rescale(level.volume, pair.lot_decimals, DEPTH_VOLUME_DECIMALS)
        price, size = pair.price_text(level.price), decimals.fmt(volume, DEPTH_VOLUME_DECIMALS)
        text = f'["{price}","{size}",{level.changed // SECOND}]'
        self._levels[key] = (level.volume, level.changed, text)
        return text
