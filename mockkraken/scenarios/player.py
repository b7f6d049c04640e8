"""Playing a scenario against a server: over HTTP alone, as the clients would that it is about."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

import msgspec

from mockkraken.catalog.world import world
from mockkraken.gate.signature import sign
from mockkraken.scenarios.scenario import NOTHING, OK, ControlCall, KrakenCall, Parallel, Scenario
from mockkraken.scenarios.senders import Connection, Flight, Request

START = "2026-01-01T00:00:00Z"
"""Where the clock of a server stands, frozen, when a play begins that has the server for itself."""

_GLANCE = 0.005  # seconds between two looks at whether a request is held
_GLANCES = 200  # until a server must have noticed that a client is gone
_FORM = "application/x-www-form-urlencoded"


class Ask(Protocol):
    """Makes a control call and gives its answer; raises what the player need not know."""

    def __call__(self, method: str, path: str, body: object = None, /) -> Any: ...


class Row(NamedTuple):
    """One call, and what came of it.

    Attributes:
        step: its number in the play; calls that overlap have the same.
        sender: who made it; None: the control API.
        key: the key's name.
        nonce: as sent.
        sent: the method and its fields.
        gave: the answer: `ok`, the error, `HTTP 520`, `garbage` or `nothing`.
        expected: the same, as the scenario says.
        note: what is wrong with the answer's result, if that is.
        result: what the result had to hold; None: anything.
    """

    step: int
    sender: str | None
    key: str | None
    nonce: str | None
    sent: str
    gave: str
    expected: str
    note: str | None = None
    result: Any = None

    @property
    def fits(self) -> bool:
        """Whether the answer is the one that was expected."""
        return self.gave == self.expected and self.note is None


class Played(NamedTuple):
    """What a play was like.

    Attributes:
        rows: the calls, as they were sent.
        keys: the names of the keys that were made for it.
        findings, timelines: what the doctor says of the keys that it used.
        missing: the finding that the scenario names and the doctor does not; or None.
        surplus: what the doctor finds though the scenario says that there is nothing.
    """

    rows: list[Row]
    keys: list[str]
    findings: list[dict[str, Any]]
    timelines: list[dict[str, Any]]
    missing: str | None
    surplus: list[str]

    @property
    def as_expected(self) -> bool:
        """Whether answers and findings are those that the scenario says."""
        return all(row.fits for row in self.rows) and self.missing is None and not self.surplus


class _Credentials(NamedTuple):
    api_key: str
    secret: str


class _Sent(NamedTuple):
    """A request under way, and what is said of it."""

    call: KrakenCall
    nonce: str | None
    shown: str
    flight: Flight


def play(scenario: Scenario, url: str, ask: Ask) -> Played:
    """Set a scenario up and play it.

    Args:
        scenario: which.
        url: of the server.
        ask: how its control calls are made.
    """
    given = ask("POST", "/mock/scenarios", {"name": f"{scenario.name}.toml", "toml": scenario.text})
    made = {row["key"]: _Credentials(row["api_key"], row["api_secret"]) for row in given["keys"]}
    keys = {key.name: _Credentials(key.api_key, key.api_secret) for key in world().keys} | made
    stage = _Stage(url, ask, keys)
    try:
        rows = stage.play(scenario)
    finally:
        stage.close()
        left = {row["id"] for row in ask("GET", "/mock/faults")["faults"]} if given["faults"] else set()
        for fault in left.intersection(given["faults"]):
            ask("DELETE", f"/mock/faults/{fault}")
    used = dict.fromkeys(call.key for call in scenario.calls() if isinstance(call, KrakenCall) and call.key)
    findings, timelines = [], []
    for name in used:
        diagnosis = ask("GET", f"/mock/doctor?key={quote(keys[name].api_key, safe='')}")
        findings += diagnosis["findings"]
        timelines += diagnosis["timelines"]
    seen = [finding["scenario"] for finding in findings]
    missing = None if scenario.finding in (None, *seen) else scenario.finding
    return Played(rows, list(made), findings, timelines, missing, seen if scenario.finding is None else [])


class _Stage:
    """A play while it goes on.

    Args:
        url: of the server.
        ask: how control calls are made.
        keys: those that calls may be signed with, by name.
    """

    def __init__(self, url: str, ask: Ask, keys: dict[str, _Credentials]) -> None:
        self._url = url
        self._ask = ask
        self._keys = keys
        self._nonces: dict[str, int] = {}  # by key: the highest number that was sent
        self._last: dict[str, tuple[Request, str | None, str]] = {}  # by sender: the request, its nonce, its text
        self._connections: dict[str, Connection] = {}  # by sender: for what it does one after the other
        self._others: list[Connection] = []

    def play(self, scenario: Scenario) -> list[Row]:
        """Every step, one after the other."""
        rows: list[Row] = []
        for number, step in enumerate(scenario.play, 1):
            if isinstance(step, Parallel):
                rows += self._together(number, step)
            elif isinstance(step, ControlCall):
                rows.append(self._control(number, step))
            else:
                rows += [self._alone(number, step, turn) for turn in range(step.times)]
        return rows

    def close(self) -> None:
        for connection in (*self._connections.values(), *self._others):
            connection.close()

    def _control(self, number: int, call: ControlCall) -> Row:
        self._ask(call.method, call.path, call.body)
        body = "" if call.body is None else f" {_encode(call.body)}"
        return Row(number, None, None, None, f"{call}{body}", OK, OK)

    def _alone(self, number: int, call: KrakenCall, turn: int) -> Row:
        connection = self._connections.get(call.sender)
        if connection is None:
            self._connections[call.sender] = connection = Connection(self._url, call.sender)
        held = self._held() if call.gives == NOTHING else 0
        sent = self._send(connection, call, turn)
        if call.gives == NOTHING and self._is_held(sent.flight, held):
            # A client whose connection was cut opens another one for its next call.
            self._others.append(self._connections.pop(call.sender))
            self._give_up(sent.flight, held)
        sent.flight.wait()
        return _row(number, sent)

    def _together(self, number: int, step: Parallel) -> Iterator[Row]:
        rows: list[Row | _Sent] = []
        for call in step.steps:
            if isinstance(call, ControlCall):
                rows.append(self._control(number, call))
                continue
            connection = Connection(self._url, call.sender)
            self._others.append(connection)
            held = self._held()
            sent = self._send(connection, call)
            rows.append(sent)
            self._is_held(sent.flight, held)
        for row in rows:
            if isinstance(row, _Sent) and row.call.gives == NOTHING and not row.flight.wait(0):
                self._give_up(row.flight, self._held() - 1)
        for row in rows:
            if isinstance(row, _Sent):
                row.flight.wait()
                row = _row(number, row)
            yield row

    def _send(self, connection: Connection, call: KrakenCall, turn: int = 0) -> _Sent:
        if not call.again:
            self._last[call.sender] = self._request(call, turn)
        request, nonce, shown = self._last[call.sender]
        return _Sent(call, nonce, shown, Flight(connection, request))

    def _request(self, call: KrakenCall, turn: int) -> tuple[Request, str | None, str]:
        """The request, its nonce, and how it is shown."""
        shown = " ".join([call.call, *(f"{name}={value}" for name, value in call.fields.items())])
        if call.key is None:
            query = urlencode(call.fields)
            return Request("GET", f"/0/{call.call}" + (f"?{query}" if query else ""), b"", {}), None, shown
        nonce = self._nonce(call.key, call.nonce, turn)
        path = f"/0/private/{call.call}"
        body = urlencode({"nonce": nonce, **call.fields}) if call.body is None else call.body
        if call.body is not None:
            shown = f"{call.call} {call.body or '(no body)'}"
        key = self._keys[call.key]
        signature = sign(call.secret or key.secret, path, nonce, body.encode())
        headers = {"API-Key": key.api_key, "API-Sign": signature, "Content-Type": _FORM}
        return Request("POST", path, body.encode(), headers), nonce, shown

    def _nonce(self, key: str, text: str | None, turn: int) -> str:
        highest = self._nonces.get(key, 0)
        if text is None:
            text = str(highest + 1)
        elif turn:
            text = str(int(text) + turn)
        if text.isdecimal():
            self._nonces[key] = max(highest, int(text))
        return text

    def _is_held(self, flight: Flight, before: int) -> bool:
        """Wait until the request is answered or held; whether it is held. `before`: how many were held before it."""
        while not flight.wait(_GLANCE):
            if self._held() > before:
                return True
        return False

    def _give_up(self, flight: Flight, before: int) -> None:
        """Cut the connection, and wait until the server has seen that."""
        flight.give_up()
        for _ in range(_GLANCES):
            if self._held() <= before:
                return
            threading.Event().wait(_GLANCE)

    def _held(self) -> int:
        """How many requests the server's faults hold."""
        return sum(fault["held"] for fault in self._ask("GET", "/mock/faults")["faults"])


def _row(number: int, sent: _Sent) -> Row:
    call, flight = sent.call, sent.flight
    note = None
    if flight.gave == call.gives == OK and call.result is not None:
        note = _difference(call.result, flight.result)
    return Row(number, call.sender, call.key, sent.nonce, sent.shown, flight.gave, call.gives, note, call.result)


def _difference(expected: Any, found: Any, where: str = "result") -> str | None:
    """Where a result first differs from what it must hold at least; None if it does not."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, part in expected.items():
            if name not in found:
                return f"{where} has no {name!r}"
            if difference := _difference(part, found[name], f"{where}.{name}"):
                return difference
        return None
    if isinstance(expected, int) and isinstance(found, (dict, list)):
        return None if len(found) == expected else f"{where} has {len(found)} members, not {expected}"
    return None if found == expected else f"{where} is {_encode(found)[:80]}, not {_encode(expected)}"


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
