"""Scenarios: putting a sandbox in the state that one describes. Operations of `Control`, in a file of their own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mockkraken.clock import rfc3339
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import ControlError, conflict, invalid, unknown

# The scenarios themselves and what reads them are imported when one is wanted: most servers start without.
if TYPE_CHECKING:
    from mockkraken.control.http import Call
    from mockkraken.control.operations import Control
    from mockkraken.scenarios.scenario import ControlCall, Scenario

_log = logging.getLogger("mockkraken")


def scenarios(_: Control) -> dict[str, Any]:
    """The shipped scenarios."""
    from mockkraken.scenarios import shipped

    return {"scenarios": [summary(scenario) for scenario in shipped.every()]}


def start(control: Control, name: str) -> dict[str, Any]:
    """Set a shipped scenario up."""
    return begin(control, named(name))


def start_given(control: Control, body: object) -> dict[str, Any]:
    """Set the scenario up that the body holds as TOML."""
    from mockkraken.scenarios.scenario import ScenarioError, parse

    given = read(bodies.GivenScenario, body)
    try:
        scenario = parse(given.toml, given.name)
    except ScenarioError as error:
        raise invalid("toml", str(error)) from error
    return begin(control, scenario)


def named(name: str) -> Scenario:
    """The shipped scenario of that name.

    Raises:
        ControlError: there is none.
    """
    from mockkraken.scenarios import shipped
    from mockkraken.scenarios.scenario import ScenarioError

    try:
        return shipped.load(name)
    except ScenarioError as error:
        raise unknown("scenario", str(error)) from error


def found(name_or_path: object) -> Scenario:
    """The shipped scenario of that name, or the one in that file; not for those who ask over HTTP.

    Raises:
        ControlError: there is none.
    """
    from mockkraken.scenarios import shipped
    from mockkraken.scenarios.scenario import ScenarioError

    if not isinstance(name_or_path, str):
        raise invalid("scenario", f"a scenario is named by a text, not {name_or_path!r:.60}")
    try:
        return shipped.find(name_or_path)
    except ScenarioError as error:
        raise invalid("scenario", str(error)) from error


def summary(scenario: Scenario) -> dict[str, Any]:
    """What a list says of a scenario."""
    return {
        "name": scenario.name,
        "id": scenario.id,
        "title": scenario.title,
        "about": scenario.about,
        "finding": scenario.finding,
        "reaches": scenario.reaches(),
    }


def begin(control: Control, scenario: Scenario) -> dict[str, Any]:
    """Make a scenario's control calls, those that have a time when it comes.

    The keys that an earlier start of a scenario has made make way for those of the same name. A call that is refused
    leaves what the calls before it did, but then nothing comes later.

    Returns:
        The scenario as a list shows it, the `keys` that were made, with their secrets, the ids of the `faults`, and
        the calls that come `later`.

    Raises:
        ControlError: somebody else has a key of such a name (409), or a call is refused; the message names it.
    """
    steps = [(number, call, _operation(call, scenario, number)) for number, call in enumerate(scenario.setup, 1)]
    _make_way(control, scenario)
    started = control.sandbox.clock.now()
    answers: list[tuple[str, Any]] = []
    timers = []
    later = []
    try:
        for number, call, operation in steps:
            if call.at is None:
                answer = _perform(control, operation, scenario, number, call)
                answers.append((call.path, answer))
                if "api_secret" in answer:  # noted at once: if a call below is refused, the next start replaces it too
                    control.scenario_keys.add(answer["api_key"])
            else:
                due = started + call.at
                falls_due = partial(_fall_due, control, operation, scenario, number, call)
                timers.append(control.sandbox.clock.call_at(due, falls_due))
                later.append({"at": rfc3339(due), "call": str(call)})
    except ControlError:
        for timer in timers:
            timer.cancel()
        raise
    keys = [answer for _, answer in answers if "api_secret" in answer]
    faults = [answer["id"] for path, answer in answers if path == "/mock/faults" and "id" in answer]
    return {**summary(scenario), "keys": keys, "faults": faults, "later": later}


def _make_way(control: Control, scenario: Scenario) -> None:
    # Two names may stand for one key: a set-up may make the same twice, and be refused for that.
    held = {key.api_key: key for name in scenario.keys if (key := control.sandbox.keys.find(name))}
    for key in held.values():
        if key.api_key not in control.scenario_keys:
            raise conflict("scenario", f"{scenario.name} makes a key {key.name!r}, and there is one already")
    for key in held.values():
        control.sandbox.keys.delete(key)
        control.scenario_keys.discard(key.api_key)


def _operation(call: ControlCall, scenario: Scenario, number: int) -> Callable[[Control], Any]:
    """What the call does, found as the server finds it for a request."""
    for pattern, methods in _calls():
        match = pattern.match(call.path)
        if match is None:
            continue
        if call.method not in methods:
            raise _refused(scenario, number, invalid("call", f"{call.path} takes {', '.join(methods)}"))
        row = methods[call.method]
        given = [unquote(part) for part in match.groups()]
        return lambda control: row.operation(control, *given, *([call.body or {}] if row.takes == "body" else []))
    raise _refused(scenario, number, unknown("call", f"there is no control call {call}"))


@cache
def _calls() -> list[tuple[re.Pattern[str], dict[str, Call]]]:
    """The control calls by their paths, in the order in which the server looks."""
    from starlette.routing import compile_path

    from mockkraken.control.http import CALLS  # which has the operations of this module too

    return [(compile_path(path)[0], methods) for path, methods in CALLS.items()]


def _perform(
    control: Control, operation: Callable[[Control], Any], scenario: Scenario, number: int, call: ControlCall
) -> Any:
    try:
        return operation(control)
    except ControlError as error:
        raise _refused(scenario, number, error, f" ({call})") from error


def _fall_due(
    control: Control, operation: Callable[[Control], Any], scenario: Scenario, number: int, call: ControlCall
) -> None:
    # Whoever moved the clock did not ask for it, and must not get its error.
    try:
        _perform(control, operation, scenario, number, call)
    except ControlError as error:
        _log.error("%s", error.message)


def _refused(scenario: Scenario, number: int, error: ControlError, call: str = "") -> ControlError:
    message = f"{scenario.name}: setup, step {number}{call}: {error.message}"
    return ControlError(error.status, error.code, message, "scenario")
