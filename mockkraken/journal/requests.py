"""Journal records as the doctor reads them: what of a request tells how its nonce came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mockkraken.clock import ClockError, parse_time
from mockkraken.journal.units import unit_of

# What those who write records say, word for word, and the doctor reads.
TOOK_EFFECT = "it took effect"
"""In the reason of a record with outcome `faulted`: the request was applied, only its answer was lost."""

SAME_BYTES = "it is the same request again, to the byte"
"""In the reason of a refused nonce: the same request has come before."""

# The checks up to that of the nonce: what they refuse uses up none.
_NONCE_UNUSED = frozenset(
    ("routing", "verb", "body", "lockout", "key", "address", "expiry", "nonce", "signature"),
)
_LONGEST_NONCE = 20


class Sender(NamedTuple):
    """Who sent a request, as far as a server can tell: its address and what it calls itself."""

    remote: str
    user_agent: str


def program(user_agent: str) -> str:
    """What a program calls itself: `name/version` without what follows, or all words before one in parentheses."""
    first = user_agent.split(" ")[0]
    return first if "/" in first else user_agent.partition(" (")[0].strip()


class Request:
    """One record.

    Attributes:
        at: its time, ns; 0 when the record has none.
        text: the nonce as sent.
        value: the nonce as a number; None when it is none.
        unit: what it counts; None when that is unknown.
        used: whether it has used up its nonce.
        lost: whether it took effect and its answer was lost.
        fault: the number of the fault that touched it.
        before: the key's highest nonce before it, as far as it is known; filled in by the doctor.
        turn: its place among what its sender has sent; filled in by the doctor.
        scenario: what the gate took it for; the doctor may know better.
        socket: whether it came over a WebSocket, where there are no nonces and no lockouts.
    """

    __slots__ = (
        "api_key",
        "at",
        "before",
        "check",
        "endpoint",
        "error",
        "fault",
        "highest",
        "key",
        "lost",
        "outcome",
        "port",
        "reason",
        "scenario",
        "sender",
        "seq",
        "socket",
        "text",
        "time",
        "turn",
        "unit",
        "used",
        "value",
        "window",
    )

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.seq: int = row.get("seq") or 0
        self.socket = row.get("transport") in ("ws1", "ws2")
        self.time: str | None = row.get("time")
        self.at = _ns(self.time)
        self.key: str | None = row.get("key")
        self.api_key: str | None = row.get("api_key")
        self.sender = Sender(row.get("remote") or "", row.get("user_agent") or "")
        self.port: int | None = row.get("port")
        self.endpoint: str = row.get("endpoint") or ""
        self.text: str | None = row.get("nonce")
        self.value = _number(self.text)
        self.unit = None if self.value is None else unit_of(self.value)
        self.outcome: str = row.get("outcome") or ""
        self.error: str | None = row.get("error")
        self.check: str | None = row.get("check")
        self.reason: str = row.get("reason") or ""
        self.scenario: str | None = row.get("scenario")
        self.highest = _number(row.get("highest"))
        self.window: int | None = row.get("window")
        self.fault: int | None = row.get("fault")
        self.before: int | None = None
        self.turn = 0
        # Of what a fault kept from the gate no check is known; what came through has one, or took effect.
        self.lost = self.outcome == "faulted" and f": {TOOK_EFFECT}" in self.reason
        came = self.outcome != "faulted" or self.lost or self.check is not None
        self.used = came and self.value is not None and self.check not in _NONCE_UNUSED

    @property
    def refused_nonce(self) -> bool:
        return self.check == "nonce"

    @property
    def same_bytes(self) -> bool:
        """Whether it is a request that has come before."""
        return self.scenario == "N13" or SAME_BYTES in self.reason


def _ns(time: str | None) -> int:
    try:
        return parse_time(time)
    except ClockError:
        return 0


def _number(text: object) -> int | None:
    if isinstance(text, str) and len(text) <= _LONGEST_NONCE and text.isascii() and text.isdigit():
        return int(text)
    return text if isinstance(text, int) else None
