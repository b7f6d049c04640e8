"""The state of the exchange and of its pairs: operations of `Control`, in a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args

from msgspec import UNSET

from mockkraken.catalog import records
from mockkraken.catalog.records import PairStatus
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import invalid
from mockkraken.control.markets import pair_named
from mockkraken.control.pairs import change
from mockkraken.exchange.service import SystemStatus

if TYPE_CHECKING:
    from mockkraken.control.operations import Control

T = TypeVar("T", bound=str)

_SYSTEM: tuple[SystemStatus, ...] = get_args(SystemStatus)
_PAIR: tuple[PairStatus, ...] = get_args(PairStatus)


def status(control: Control) -> dict[str, Any]:
    """The exchange's state, and those of the pairs that are in another one than they were recorded in."""
    recorded = records.load()
    pairs = {
        record.altname: record.status
        for pair_id, record in control.sandbox.catalog.records.items()
        if record.status != recorded[pair_id].status
    }
    return {"status": control.sandbox.exchange.status, "pairs": pairs}


def pair_status(control: Control, name: str) -> str:
    """One pair's state, whether it was changed or not."""
    return pair_named(control, name).status


def set_status(control: Control, body: object) -> dict[str, Any]:
    """Put the exchange, or one pair, in a state."""
    given = read(bodies.StatusChange, body)
    if given.pair is UNSET:
        control.sandbox.exchange.set_status(_one_of(_SYSTEM, given.status, "the exchange"))
    else:
        pair = pair_named(control, given.pair)
        change(control, pair, {"status": _one_of(_PAIR, given.status, pair.altname)})
    return status(control)


def _one_of(states: tuple[T, ...], text: str, whose: str) -> T:
    for state in states:
        if state == text:
            return state
    raise invalid("status", f"the status of {whose} is one of {', '.join(states)}; not {text[:40]!r}")
