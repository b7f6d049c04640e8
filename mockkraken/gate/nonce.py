"""The nonce of a key: which values pass, and why the others do not (kraken/10 §2).

A nonce is a number that must grow. What it counts is the client's choice, and it is never compared with the clock;
still its number of digits betrays the unit, and with it what most likely went wrong.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mockkraken.journal.units import ABSURD_FROM, MICROSECONDS, MILLISECONDS, NANOSECONDS, SECONDS, describe, unit_of

LARGEST = 18_446_744_073_709_551_615
"""The largest nonce: an unsigned 64-bit integer."""

_LONGEST = 20  # characters of LARGEST; longer texts are refused, zeros in front or not
_SHOWN = 64
_FIRST_SWEEP = 64
_NUMBERISH = re.compile(r"[+-]?[0-9.]*(?:[eE][+-]?[0-9]+)?", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


# [inf] Two programs on one key are seldom further apart than this; a clock that was set back mostly is.
_APART = 60 * SECONDS.ns

# [inf] A window worth less than this bridges no delay of a network: it was meant in a coarser unit.
_USELESS_WINDOW = SECONDS.ns // 10
_WINDOW_OF_SECONDS = 60  # the widest that anybody would write in seconds


class Refusal(NamedTuple):
    """Why a nonce does not pass: one sentence, and which known scenario it looks like (kraken/10 §2.3), if any."""

    reason: str
    scenario: str | None


class NonceState:
    """The nonces that a key has used (kraken/10 §2.1).

    Attributes:
        highest: the highest accepted; 0 for a new key.
        window: how far below it an unused nonce still passes, in the client's own unit. Change it with `widen`.
    """

    __slots__ = ("_before", "_last", "_sweep_at", "_used", "highest", "window")

    def __init__(self, window: int = 0) -> None:
        self.highest = 0
        self.window = window
        # With a window: at least every accepted value that lies in it. Values fall out in sweeps, so that remembering
        # costs the same however wide the window is. Without one nothing needs to be known but the highest.
        self._used: set[int] = set()
        self._sweep_at = _FIRST_SWEEP
        # The last acceptance, for `undo`: the value (None: nothing to undo) and the highest before it.
        self._last: int | None = None
        self._before = 0

    def accept(self, nonce: int, *, inclusive: bool = True, duplicates: bool = False) -> bool:
        """Take a nonce if it is fresh; a refused one changes nothing.

        Args:
            nonce: 0 to LARGEST.
            inclusive: whether highest - window itself lies in the window (setting `window_inclusive`).
            duplicates: whether a used value passes again below the highest (`accept_duplicates_in_window`).
        """
        highest = self.highest
        if nonce > highest:
            if self.window:
                self._remember(nonce)
            self._last, self._before, self.highest = nonce, highest, nonce
            return True
        if nonce == highest or not self._in_window(nonce, inclusive):
            return False
        if nonce in self._used:
            if duplicates:
                self._last = None
            return duplicates
        self._remember(nonce)
        self._last, self._before = nonce, highest
        return True

    def undo(self) -> None:
        """Take back the last acceptance: its value counts as never used (`nonce_consumed_on_later_failure`).

        Done twice, it takes back no more.
        """
        if self._last is not None:
            self._used.discard(self._last)
            self.highest = self._before

    def place(self, highest: int) -> None:
        """Put the key in the state of having accepted `highest` and nothing else that is remembered.

        Raises:
            ValueError: `highest` is no unsigned 64-bit integer.
        """
        if not 0 <= highest <= LARGEST:
            raise ValueError(f"a nonce is 0 to {LARGEST}, not {highest}")
        self.highest = highest
        self._last = None
        self._used = {highest} if self.window and highest else set()
        self._sweep_at = _FIRST_SWEEP

    def widen(self, window: int) -> None:
        """Change the window, to wider or narrower, at once.

        What was used below the old window is not known any more and counts as unused. What was accepted before can't be
        undone any more.
        """
        if not self.window and window and self.highest:
            self._used.add(self.highest)
        elif not window:
            self._used.clear()
            self._sweep_at = _FIRST_SWEEP
        self.window = window
        self._last = None

    def used_below(self) -> list[int]:
        """The remembered values that lie in the window below the highest, ascending."""
        floor = self.highest - self.window
        return sorted(value for value in self._used if floor <= value < self.highest)

    def explain(self, nonce: int, *, inclusive: bool = True) -> Refusal:
        """Why `accept` refused this nonce in this very state."""
        highest, window = self.highest, self.window
        top = f"{describe(highest)}, the highest accepted"
        if nonce == highest == 0:
            return Refusal(f"nonce 0 is not above 0, where a new key starts; window {window}", None)
        if nonce == highest:
            reason = f"nonce {describe(nonce)} repeats the highest accepted, {highest}; window {window}"
            return Refusal(reason, "N26" if highest >= ABSURD_FROM else "N01")
        if self._in_window(nonce, inclusive):
            return Refusal(f"nonce {describe(nonce)} was used before, below {top}; window {window}", "N04")
        if not window:
            reason = f"nonce {describe(nonce)} is not above {top}; window 0"
        else:
            reason = f"nonce {describe(nonce)} lies {highest - nonce} below {top}; window {_worth(window, highest)}"
        return Refusal(reason, _scenario_below(nonce, highest, window))

    def _in_window(self, nonce: int, inclusive: bool) -> bool:
        floor = self.highest - self.window
        return floor < nonce < self.highest or (inclusive and nonce == floor < self.highest)

    def _remember(self, nonce: int) -> None:
        used = self._used
        if len(used) >= self._sweep_at:
            # By the highest before this acceptance, so that `undo` finds everything that it needs.
            floor = self.highest - self.window
            self._used = used = {value for value in used if value >= floor}
            self._sweep_at = max(_FIRST_SWEEP, 2 * len(used))
        used.add(nonce)


def parse(text: str | None) -> int | None:
    """The value of a nonce as sent: 1 to 20 digits, at most LARGEST; None for anything else."""
    if text is not None and len(text) <= _LONGEST and text.isascii() and text.isdigit():
        value = int(text)
        if value <= LARGEST:
            return value
    return None


def explain_unreadable(text: str | None) -> Refusal:
    """Why `parse` refused this text."""
    if text is None:
        return Refusal("the body has no nonce; one in a header or in the signature alone does not count", "N21")
    if text == "":
        return Refusal("the nonce is empty", "N22")
    if text.isascii() and text.isdigit():
        if len(digits := text.lstrip("0")) > _LONGEST or (digits and int(digits) > LARGEST):
            return Refusal(f"nonce {shown(text)} is above {LARGEST}, the largest of 64 bits", "N27")
        return Refusal(f"nonce {shown(text)} has {len(text)} digits, at most {_LONGEST} are read", None)
    if _NEGATIVE.fullmatch(text):
        return Refusal(f"nonce {shown(text)} is negative; it must be 0 to {LARGEST}", "N33")
    if _DECIMAL.fullmatch(text):
        return Refusal(f"nonce {shown(text)} is no whole number in plain digits", "N32")
    return Refusal(f"nonce {shown(text)!r} is no number; what separates the fields of the body?", "N22")


def shown(text: str | None) -> str | None:
    """A nonce as it may stand in the journal: cut after what looks like a number.

    In a broken body a field with a secret in it may have become part of the nonce.
    """
    if text is None:
        return None
    match = _NUMBERISH.match(text)
    end = match.end() if match else 0
    if end == len(text) <= _SHOWN:
        return text
    after = text[end : end + 1]
    return (text[:end] + (after if after.isascii() and after.isprintable() else ""))[: _SHOWN - 1] + "…"


def _worth(window: int, highest: int) -> str:
    """A window with the time that it spans in the unit of the highest nonce: `10000 (10 microseconds)`."""
    unit = unit_of(highest)
    if unit is None:
        return str(window)
    ns = window * unit.ns
    scale = next((scale for scale in (SECONDS, MILLISECONDS, MICROSECONDS) if ns >= scale.ns), NANOSECONDS)
    return f"{window} ({ns / scale.ns:.6g} {scale.name})"


def _scenario_below(nonce: int, highest: int, window: int) -> str | None:
    if highest >= ABSURD_FROM:
        return "N26"
    unit, before = unit_of(nonce), unit_of(highest)
    if before is None:
        return "N02"
    if unit is not before:
        return "N08" if unit is SECONDS else "N06"
    behind = (highest - nonce) * before.ns
    if window and window * before.ns < _USELESS_WINDOW:
        if before is MILLISECONDS and window <= _WINDOW_OF_SECONDS and behind <= window * SECONDS.ns:
            return "N23"
        if before.ns < MILLISECONDS.ns and behind <= window * MILLISECONDS.ns:
            return "N25"
    if behind > _APART:
        return "N16"
    return "N09" if before is SECONDS else "N05"
