"""What a fault does to a request or to its answer. Spans are ns of the sandbox's clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random

_P99 = 2.3263478740408408  # standard deviations above the median that a normal variable exceeds once in a hundred


class Delay(NamedTuple):
    """The request comes late to the exchange, or its answer late to the client.

    `spread` 0: by `span`; else by a lognormal time whose median `span` is.
    """

    span: int
    spread: float = 0.0

    @classmethod
    def lognormal(cls, p50: int, p99: int) -> Delay:
        """Half of the requests are later than p50, one in a hundred later than p99; both above zero."""
        return cls(p50, math.log(p99 / p50) / _P99)

    def drawn(self, rng: random.Random) -> int:
        """How late one request is, ns."""
        return int(self.span * rng.lognormvariate(0, self.spread)) if self.spread else self.span


class Hang(NamedTuple):
    """No answer; after that span the connection is closed."""

    span: int


class Reset(NamedTuple):
    """No answer: the connection is reset (TCP RST)."""


class Error(NamedTuple):
    """The answer is this error of Kraken's, HTTP 200."""

    text: str


class Html(NamedTuple):
    """The answer is a page of the edge's, with that HTTP status."""

    status: int


class Truncate(NamedTuple):
    """The answer ends after that many bytes, in any case before its last, and claims to be whole."""

    size: int


class Empty(NamedTuple):
    """The answer is HTTP 200 without a body."""


class Reorder(NamedTuple):
    """So many private requests are held until all are there, then let go, the highest nonce first."""

    size: int


Action = Delay | Hang | Reset | Error | Html | Truncate | Empty | Reorder
