"""Faults as Python objects: what `MockKraken` offers as `fault` and `faults`. The rest stands in client.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from mockkraken.control import faults

if TYPE_CHECKING:
    from mockkraken.control.client import Perform
    from mockkraken.control.operations import Control
    from mockkraken.faults.faults import Fault


class FaultHandle:
    """A fault, active from the start; the end of a `with` block takes it away.

    What it says of itself it still says when it has been taken away, also by a reset.
    """

    __slots__ = ("_fault", "_perform", "id")

    def __init__(self, perform: Perform, fault: Fault) -> None:
        self._perform = perform
        self._fault = fault
        self.id = fault.id

    def __repr__(self) -> str:
        return f"<fault {self.id}: {self._fault.said}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def hits(self) -> int:
        """How many requests it has struck."""
        hits: int = self.state()["hits"]
        return hits

    @property
    def held(self) -> int:
        """How many requests it holds now."""
        held: int = self.state()["held"]
        return held

    def state(self) -> dict[str, Any]:
        """The fault as `GET /mock/faults` shows it."""
        row: dict[str, Any] = self._perform(faults.row, self._fault)
        return row

    def remove(self) -> None:
        """Take it away, if that has not happened yet; what it holds is let go at once."""
        self._perform(_remove, self._fault)


class FaultsControl:
    """The faults there are: iterate over them, or `clear` them."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __iter__(self) -> Iterator[FaultHandle]:
        return iter([FaultHandle(self._perform, fault) for fault in self._perform(_all)])

    def __len__(self) -> int:
        return len(self._perform(_all))

    def add(
        self,
        endpoint: str = "*",
        *,
        delay: str | float | Mapping[str, Any] | None = None,
        error: str | None = None,
        html: int | None = None,
        hang: str | float | None = None,
        reset: bool | None = None,
        truncate: int | None = None,
        empty: bool | None = None,
        reorder: int | None = None,
        applied: bool | None = None,
        times: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
        key: str | None = None,
        pair: str | None = None,
    ) -> FaultHandle:
        """Let one thing go wrong, from now on.

        Args:
            endpoint: for which endpoints: a name (`AddOrder`), or a pattern (`private/*`, `*`).
            delay: the request, or with `applied` its answer, is late by a span of the sandbox's clock, or by one drawn
                from `{"dist": "lognormal", "p50": "80ms", "p99": "400ms"}`.
            error: the answer is this error: `"EService:Busy"`.
            html: the answer is the edge's page of this status: 502, 503, 504, 520, 521, 522, 524, 525 or 429.
            hang: no answer; after this span the connection is closed.
            reset: no answer: the connection is reset.
            truncate: the answer ends after so many bytes.
            empty: the answer is HTTP 200 without a body.
            reorder: so many private requests are held, and then reach the gate with the highest nonce first; those for
                whom the others do not come within two seconds go on alone.
            applied: whether the request takes effect before that happens; otherwise it never reaches the gate, and not
                even its nonce counts.
            times: how often (a reorder: how many times all come together); None: until it is taken away.
            skip: so many requests are left alone first.
            probability: that one of the following is struck.
            key: only requests with this key (name or public key).
            pair: only requests about this pair, or about an order on it.

        Raises:
            ControlError: one of these does not do, or it is not exactly one thing that shall go wrong.
        """
        chosen = {
            "delay": dict(delay) if isinstance(delay, Mapping) else delay,
            "error": error,
            "html": html,
            "hang": hang,
            "reset": reset,
            "truncate": truncate,
            "empty": empty,
            "reorder": reorder,
            "applied": applied,
        }
        body = {
            "match": {"endpoint": endpoint, "key": key, "pair": pair},
            "action": {name: value for name, value in chosen.items() if value is not None},
            "times": times,
            "skip": skip,
            "probability": probability,
        }
        return FaultHandle(self._perform, self._perform(faults.add, body))

    def clear(self) -> None:
        """Take all away; what they hold is let go at once."""
        self._perform(faults.clear_faults)


def _all(control: Control) -> list[Fault]:
    return control.sandbox.faults.all()


def _remove(control: Control, fault: Fault) -> None:
    control.sandbox.faults.remove(fault)
