"""The rate counters as the control API shows and sets them: operations of `Control`, kept in a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken import decimals
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import invalid, unknown
from mockkraken.control.values import units
from mockkraken.gate.ratelimits import PLACES, TIERS, shown

if TYPE_CHECKING:
    from mockkraken.control.operations import Control
    from mockkraken.exchange.accounts import Tier
    from mockkraken.gate.keys import Key


def counters(control: Control) -> dict[str, Any]:
    """Every key's REST call counter, in points, as it stands now."""
    keys = control.sandbox.keys.all()
    return {
        "rest": {key.name: _points(control, key) for key in keys},
        "trading": {},
        "api_keys": {key.name: key.api_key for key in keys},
    }


def counter(control: Control, name_or_key: str) -> str:
    """One key's REST call counter."""
    return _points(control, _key(control, name_or_key))


def set_counters(control: Control, body: object) -> dict[str, Any]:
    """Set the named counters, or all to zero."""
    given = read(bodies.Counters, body)
    if given.trading:
        raise invalid("trading", "there are no trading counters yet; leave trading out, or empty")
    if given.clear is None:
        chosen = _chosen(control, given.rest)
    elif given.clear is True and not given.rest:
        chosen = [(key, 0) for key in control.sandbox.keys.all()]
    else:
        raise invalid("clear", "clear takes true, and sets all counters to zero: name none beside it")
    now = control.sandbox.clock.now()
    for key, points in chosen:
        key.calls.place(points, now)
    return counters(control)


def _chosen(control: Control, rest: dict[str, Any]) -> list[tuple[Key, int]]:
    """The named keys with the units that they get."""
    chosen: list[tuple[Key, int]] = []
    for name, value in rest.items():
        key = _key(control, name)
        if any(key is other for other, _ in chosen):
            raise invalid(name, f"the key {key.name!r} is there twice, under two names")
        chosen.append((key, _units(name, value, _tier(control, key))))
    return chosen


def _key(control: Control, name_or_key: str) -> Key:
    key = control.sandbox.keys.find(name_or_key)
    if key is None:
        raise unknown(name_or_key, f"there is no key {name_or_key!r}")
    return key


def _tier(control: Control, key: Key) -> Tier:
    return control.sandbox.exchange.accounts[key.account].tier


def _points(control: Control, key: Key) -> str:
    return shown(key.calls.settle(_tier(control, key), control.sandbox.clock.now()))


def _units(field: str, value: object, tier: Tier) -> int:
    """A counter from a decimal text or a number of points."""
    points = units(field, value, PLACES)
    largest = TIERS[tier].max
    if not 0 <= points <= largest:
        wanted = f"a counter of tier {tier} is a number of points from 0 to {shown(largest)}"
        raise invalid(field, f"{wanted}; not {decimals.shortest(points, PLACES)}")
    return points
