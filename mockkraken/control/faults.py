"""Faults as the control API sets and shows them: operations of `Control`, in a file of their own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mockkraken import errors
from mockkraken.clock import DAY
from mockkraken.control import bodies
from mockkraken.control.bodies import mapping, read
from mockkraken.control.errors import conflict, invalid, unknown
from mockkraken.control.values import plain, span
from mockkraken.faults import actions, pages
from mockkraken.faults.faults import MOST_FAULTS, Fault, Match
from mockkraken.rest.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mockkraken.control.operations import Control

LONGEST_SPAN = 365 * DAY
LONGEST_PATTERN = 100  # characters
MOST_REORDERED = 1000  # requests at once

# As Kraken writes them (kraken/10 §1.10), some with a blank after the colon: severity, category, text.
_ERROR = re.compile(r"[EW][A-Z][A-Za-z]{1,30}: ?[!-~](?:[ -~]{0,150}[!-~])?")

_LATER = (
    *("duplicate", "lag", "ws_drop", "ws_stall", "ws_stall_all", "ws_skip", "ws_corrupt_checksum", "ws_slow"),
    "ws_refuse",
)


def faults(control: Control) -> dict[str, Any]:
    """Every fault, oldest first."""
    return {"faults": [row(control, fault) for fault in control.sandbox.faults.all()]}


def fault(control: Control, number: str) -> dict[str, Any]:
    """One fault."""
    return row(control, _numbered(control, number))


def add_fault(control: Control, body: object) -> dict[str, Any]:
    """Let something go wrong from now on."""
    return row(control, add(control, body))


def remove_fault(control: Control, number: str) -> dict[str, Any]:
    """Take a fault away, and let go what it holds."""
    control.sandbox.faults.remove(_numbered(control, number))
    return {}


def clear_faults(control: Control) -> dict[str, Any]:
    """Take all faults away, and let go what they hold."""
    control.sandbox.faults.clear()
    return {}


def add(control: Control, body: object) -> Fault:
    """As `add_fault`; the fault itself."""
    given = read(bodies.NewFault, body)
    members = dict(mapping(given.action))
    applied = members.pop("applied", None)
    if len(members) != 1:
        raise invalid("action", f"an action is one of {', '.join(_ACTIONS)}; beside it may stand applied")
    ((name, value),) = members.items()
    if name in _LATER:
        raise invalid(name, f"{name} is not simulated yet; there are {', '.join(_ACTIONS)}")
    if name not in _ACTIONS:
        raise invalid(name, f"there is no action {name[:40]!r}; there are {', '.join(_ACTIONS)}")
    action = _ACTIONS[name](name, value)
    reorders = isinstance(action, actions.Reorder)
    if reorders and applied is not None:
        raise invalid("applied", "reorder has no applied: requests are held before the gate, and all reach it")
    if applied is not None and not isinstance(applied, bool):
        raise invalid("applied", "applied is true (the request takes effect first) or false")
    match = _match(control, given.match, private=reorders)
    if len(control.sandbox.faults.all()) >= MOST_FAULTS:
        raise conflict(None, f"there are {MOST_FAULTS} faults already; take some away")
    return control.sandbox.faults.add(
        Fault(
            match=match,
            action=action,
            applied=applied is True,
            times=given.times,
            skip=given.skip,
            probability=given.probability,
            shown={name: _shown(value)} if reorders else {name: _shown(value), "applied": applied is True},
            said=_said(name, value),
        )
    )


def row(control: Control, fault: Fault) -> dict[str, Any]:
    """A fault as JSON."""
    sandbox, match = control.sandbox, fault.match
    key = None if match.api_key is None else sandbox.keys.find(match.api_key)
    return {
        "id": fault.id,
        "match": {
            "endpoint": match.endpoint,
            "key": key and key.name,
            "api_key": match.api_key,
            "pair": None if match.pair is None else sandbox.catalog.pair(match.pair).altname,
        },
        "action": fault.shown,
        "times": fault.times,
        "skip": fault.skip,
        "probability": fault.probability,
        "hits": fault.hits,
        "held": len(fault.holds),
    }


def _numbered(control: Control, number: str) -> Fault:
    short = number.isascii() and number.isdigit() and len(number) <= 18
    found = control.sandbox.faults.get(int(number)) if short else None
    if found is None:
        raise unknown("id", f"there is no fault {number[:40]!r}")
    return found


# Which requests


def _match(control: Control, body: object, *, private: bool) -> Match:
    given = read(bodies.FaultMatch, body)
    key = None if given.key is None else control.sandbox.keys.find(given.key)
    if given.key is not None and key is None:
        raise unknown("key", f"there is no key {given.key!r}")
    pair = None if given.pair is None else _pair(control, given.pair)
    endpoint = "*" if given.endpoint is None else given.endpoint
    if endpoint.startswith("ws"):
        raise invalid(
            "endpoint", "what comes over WebSocket is not faulted yet; DELETE /mock/connections cuts sockets off"
        )
    if len(endpoint) > LONGEST_PATTERN:
        raise invalid("endpoint", f"a pattern has at most {LONGEST_PATTERN} characters")
    match = Match(endpoint, key.api_key if key else None, pair, private=private)
    if not any(match.names(path.decode()) for path in ROUTES):
        kind = "private endpoint" if private else "endpoint"
        spelled = (known.name for known in ROUTES.values() if known.name.lower() == endpoint.lower())
        other = "give one like AddOrder, private/* or *; what comes over WebSocket is not faulted yet"
        hint = next((f"it is spelled {name}" for name in spelled), other)
        raise invalid("endpoint", f"there is no {kind} {endpoint!r}; {hint}")
    return match


def _pair(control: Control, name: str) -> str:
    catalog = control.sandbox.catalog
    pair = catalog.trading_pair(name) or catalog.trading_pair(name, tokenized=True)
    if pair is None:
        raise invalid("pair", f"there is no pair {name[:40]!r}")
    return pair.id


# What happens to them


def _delay(name: str, value: object) -> actions.Delay:
    if not isinstance(value, dict):
        return actions.Delay(_span(name, value))
    given = read(bodies.FaultDelay, value)
    p50, p99 = _span("p50", given.p50), _span("p99", given.p99)
    if not 0 < p50 <= p99:
        raise invalid("p50", "p50, which half of the requests stay below, is above zero and not above p99")
    return actions.Delay.lognormal(p50, p99)


def _hang(name: str, value: object) -> actions.Hang:
    return actions.Hang(_span(name, value))


def _span(name: str, value: object) -> int:
    found = span(name, value)
    if found > LONGEST_SPAN:
        raise invalid(name, f"{name} is at most {LONGEST_SPAN // DAY} days")
    return found


def _error(name: str, value: object) -> actions.Error:
    if not isinstance(value, str) or not _ERROR.fullmatch(value):
        raise invalid(name, f"error is a text in the manner of Kraken's, such as {errors.UNAVAILABLE!r}")
    return actions.Error(value)


def _html(name: str, value: object) -> actions.Html:
    statuses = ", ".join(map(str, pages.STATUSES))
    if isinstance(value, bool) or value not in pages.STATUSES or not isinstance(value, int):
        raise invalid(name, f"html is the status of a page: {statuses}")
    return actions.Html(value)


def _reset(name: str, value: object) -> actions.Reset:
    _only_true(name, value)
    return actions.Reset()


def _empty(name: str, value: object) -> actions.Empty:
    _only_true(name, value)
    return actions.Empty()


def _only_true(name: str, value: object) -> None:
    if value is not True:
        raise invalid(name, f"{name} takes true")


def _truncate(name: str, value: object) -> actions.Truncate:
    return actions.Truncate(_whole(name, value, 0, 10**9, "how many bytes of the answer come"))


def _reorder(name: str, value: object) -> actions.Reorder:
    return actions.Reorder(_whole(name, value, 2, MOST_REORDERED, "how many requests are held until all are there"))


def _whole(name: str, value: object, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(name, f"{name} is {what}: a whole number from {least} to {most}")
    return value


_ACTIONS: Mapping[str, Callable[[str, object], actions.Action]] = {
    "delay": _delay,
    "error": _error,
    "html": _html,
    "hang": _hang,
    "reset": _reset,
    "truncate": _truncate,
    "empty": _empty,
    "reorder": _reorder,
}


def _shown(value: Any) -> Any:
    """What was given, as JSON that nothing is lost of."""
    if isinstance(value, dict):
        return {name: _shown(member) for name, member in value.items()}
    return plain(value) if isinstance(value, (float, Decimal)) else value


def _said(name: str, value: Any) -> str:
    if value is True:
        return name
    if isinstance(value, dict):
        return f"{name} of around {plain(value['p50'])}, seldom above {plain(value['p99'])}"
    unit = "s" if name in ("delay", "hang") and not isinstance(value, str) else ""
    return f"{name} {plain(value)}{unit}"
