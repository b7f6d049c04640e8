"""Identifiers and every other random draw, all from the sandbox's seed.

Each purpose has a generator of its own (`ids`, `house-ids`, `market/XXBTZUSD`), so that one more draw in one place
moves nothing elsewhere.

Shapes (Kraken's own): a letter and 16 symbols of base32 (A-Z, 2-7), grouped 6-5-6, which is 80 random bits.
"""

from __future__ import annotations

import base64
import random
import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TEN_BITS = [a + b for a in _ALPHABET for b in _ALPHABET]

ORDER_ID = re.compile(r"O[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}", re.ASCII)


def generator(seed: int, purpose: str) -> random.Random:
    """A generator that depends on the sandbox's seed and on what it is for, and on nothing else."""
    return random.Random(f"{seed}/{purpose}")


def derived(letter: str, from_: str) -> str:
    """An id that follows from another one: nothing is drawn for it, so that it may be asked for at any time."""
    return Ids(random.Random(f"{letter}/{from_}"))._draw(letter)


class Ids:
    """Draws identifiers from one generator."""

    def __init__(self, rng: random.Random) -> None:
        self._bits = rng.getrandbits

    def _draw(self, letter: str) -> str:
        bits, pairs = self._bits(80), _TEN_BITS
        third = pairs[bits >> 20 & 1023]
        return (
            f"{letter}{pairs[bits & 1023]}{pairs[bits >> 10 & 1023]}{third[0]}-"
            f"{third[1]}{pairs[bits >> 30 & 1023]}{pairs[bits >> 40 & 1023]}-"
            f"{pairs[bits >> 50 & 1023]}{pairs[bits >> 60 & 1023]}{pairs[bits >> 70]}"
        )

    def order(self) -> str:
        """An order's txid: `OQCLML-BW3P3-BUCMWZ`."""
        return self._draw("O")

    def trade(self) -> str:
        """A trade's id: `TB4ZQW-7LKDA-M2XRFC`."""
        return self._draw("T")

    def ledger(self) -> str:
        """A ledger entry's id: `LM2QWX-7RTPA-KDS3ZF`."""
        return self._draw("L")

    def adjustment(self) -> str:
        """The refid of a balance set from outside, in the older dashed form: `B` and 18 symbols, 7-6-6."""
        text = (self._draw("B") + self._draw("")).replace("-", "")
        return f"{text[:7]}-{text[7:13]}-{text[13:19]}"

    def number(self, bits: int) -> int:
        """A number of at most so many bits, such as a connection's id; never 0."""
        return self._bits(bits) or 1

    def token(self) -> str:
        """A WebSocket token: 32 bytes as 43 characters of unpadded base64."""
        return base64.b64encode(self._bits(256).to_bytes(32, "big")).decode().rstrip("=")
