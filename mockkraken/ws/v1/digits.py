"""Volumes and times as version 1 writes them, within quotes (kraken/60 §1, §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken.decimals import fmt, rescale

if TYPE_CHECKING:
    from mockkraken.catalog import Pair

VOLUME_PLACES = 8
"""The decimals of every volume, whatever the pair's lot decimals [obs] kraken/60 §3."""


def volume_text(units: int, pair: Pair) -> str:
    """A volume in lot units."""
    return fmt(rescale(units, pair.lot_decimals, VOLUME_PLACES), VOLUME_PLACES)


def seconds_text(ns: int) -> str:
    """A time: seconds with six decimals."""
    return fmt(ns // 1000, 6)
