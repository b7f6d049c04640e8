"""A scenario as records, and how it is read from its file. The package's docstring describes the format."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from mockkraken.catalog.world import world
from mockkraken.clock import LATEST, ClockError, parse_span
from mockkraken.decimals import MAX_DIGITS
from mockkraken.gate.signature import Signer

OK, NOTHING, GARBAGE = "ok", "nothing", "garbage"

_CONTROL = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/mock/[!-~]+)")
_KRAKEN = re.compile(r"(?:public/)?[A-Za-z0-9]+(?:/[A-Za-z0-9]+)?")
_GIVES = re.compile(r"ok|nothing|garbage|HTTP [1-5][0-9]{2}|[EW][A-Za-z]+:.+")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")

# A scenario is one state of a server, and can't begin with another one.
_NOT_HERE = ("/mock/reset", "/mock/scenarios")

_TOP = ("id", "title", "about", "finding", "setup", "play")
_LONGEST_RUN = 10_000  # requests of one step
_DEEPEST = 30  # tables and lists in each other
# A key a.b.c..., which a reader of TOML takes the square of its length for.
_DEEP = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]{1,60}[ \t]*\.[ \t]*){100}")


class ScenarioError(ValueError):
    """A scenario that does not exist, or a file that is none; the message names file, step and field."""


class ControlCall(msgspec.Struct, frozen=True):
    """A call of the control API.

    Attributes:
        method: `POST`, ...
        path: from `/mock/` on.
        body: what is sent; None: nothing.
        at: how long after the start it is made, ns of the sandbox's clock; None: in its turn.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    at: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KrakenCall(msgspec.Struct, frozen=True):
    """A call to Kraken, and what it must give; the attributes are the fields of the file.

    `key` is None for a public call, and `nonce` for one that takes the next of its key.
    """

    call: str
    gives: str
    sender: str
    key: str | None = None
    nonce: str | None = None
    fields: dict[str, str] = {}
    body: str | None = None
    secret: str | None = None
    again: bool = False
    times: int = 1
    result: Any = None


class Parallel(msgspec.Struct, frozen=True):
    """Calls that overlap."""

    steps: tuple[ControlCall | KrakenCall, ...]


Step = ControlCall | KrakenCall | Parallel


class Scenario(msgspec.Struct, frozen=True):
    """A file that was read.

    Attributes:
        name: the file's name without `.toml`.
        text: the file.
        keys: the names of the keys that the set-up makes.
    """

    name: str
    text: str
    title: str
    about: str
    id: str | None
    finding: str | None
    setup: tuple[ControlCall, ...]
    play: tuple[Step, ...]
    keys: tuple[str, ...]

    def calls(self) -> Iterator[ControlCall | KrakenCall]:
        """Every call of set-up and play."""
        yield from self.setup
        for step in self.play:
            yield from step.steps if isinstance(step, Parallel) else (step,)

    def reaches(self) -> list[str]:
        """What it changes or uses beyond the keys that it makes, as texts: others on the same server would notice."""
        found = [str(call) for call in self.calls() if isinstance(call, ControlCall) and not self._own(call)]
        signed = [call.key for call in self.calls() if isinstance(call, KrakenCall)]
        found += [f"the key {name!r}" for name in signed if name not in (None, *self.keys)]
        return list(dict.fromkeys(found))

    def _own(self, call: ControlCall) -> bool:
        body = call.body or {}
        if call.method == "GET" or call.path == "/mock/keys":
            return True
        if call.path.startswith("/mock/keys/"):
            return call.path.removeprefix("/mock/keys/").removesuffix("/nonce") in self.keys
        if call.path == "/mock/faults":
            match = body.get("match")
            return isinstance(match, dict) and match.get("key") in self.keys
        if call.path in ("/mock/lockout", "/mock/tokens/expire"):
            return body.get("key") in self.keys and "ip" not in body
        return False


def parse(text: str, where: str) -> Scenario:
    """Read a scenario.

    Args:
        text: the TOML.
        where: the file's path or name, for its own name and for errors.

    Raises:
        ScenarioError: it is none.
    """
    name = Path(where).name.removesuffix(".toml")
    if not _NAME.fullmatch(name):
        raise ScenarioError(f"{where}: a scenario's file name is made of a to z, 0 to 9 and _, and ends in .toml")
    try:
        if _DEEP.search(text):
            raise RecursionError
        given = tomllib.loads(text)
        _check_values(given)
    except RecursionError as error:
        raise ScenarioError(f"{where}: not TOML that anybody would write: nested too deep") from error
    except ValueError as error:
        raise ScenarioError(f"{where}: not TOML: {error}") from error
    top = _Table(where, given)
    top.knows(*_TOP)
    setup = tuple(_set_up(part) for part in top.tables("setup"))
    keys = _keys_made(setup)
    reader = _Plays(keys)
    return Scenario(
        name,
        text,
        title=top.line("title"),
        about=top.text("about", "").strip(),
        id=top.text("id", None),
        finding=top.text("finding", None),
        setup=setup,
        play=tuple(reader.step(part) for part in top.tables("play")),
        keys=keys,
    )


def _check_values(value: Any, depth: int = 0) -> None:
    """Refuse what nobody could write out again."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            _check_values(part, depth + 1)
    elif isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")


class _Table:
    """A table of the file; its place in the file begins every complaint about it."""

    def __init__(self, where: str, members: Mapping[str, Any]) -> None:
        self.where = where
        self._members = members

    def wrong(self, field: str, what: str) -> ScenarioError:
        return ScenarioError(f"{self.where}: {field}: {what}")

    def knows(self, *names: str) -> None:
        for name in self._members:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
                if name in _TOP and names != _TOP:
                    hint = "what stands below a [[step]] belongs to it; the scenario's own fields come first"
                raise self.wrong(name, f"there is no such field here; {hint}")

    def has(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str) -> Any:
        return self._members.get(name)

    def text(self, name: str, default: Any) -> Any:
        """A text, or the default."""
        value = self._members.get(name, default)
        if value is not default and not isinstance(value, str):
            raise self.wrong(name, f"it takes a text, not {_shown(value)}")
        return value

    def line(self, name: str) -> str:
        """A text of one line that must be there."""
        value: str = self.text(name, "")
        if not value.strip() or "\n" in value:
            raise self.wrong(name, "it takes one line of text, and must be there")
        return value

    def tables(self, name: str) -> Iterator[_Table]:
        """The steps of a list; none if it is missing."""
        steps = self._members.get(name, [])
        if not isinstance(steps, list):
            raise self.wrong(name, f"it takes a list of steps, [{{call = ...}}, ...], not {_shown(steps)}")
        for number, step in enumerate(steps, 1):
            where = f"{self.where}: {name}, step {number}"
            if not isinstance(step, dict):
                raise ScenarioError(f"{where}: a step is a table, {{call = ...}}, not {_shown(step)}")
            yield _Table(where, step)

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A table as JSON would have it, or None."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, f"it takes a table, {{name = value}}, not {_shown(value)}")
        return None if value is None else {key: _json(part) for key, part in value.items()}


def _set_up(step: _Table) -> ControlCall:
    step.knows("call", "body", "at")
    call = _control(step)
    if call is None:
        raise step.wrong("call", 'a set-up is made of control calls, such as "POST /mock/keys"; others stand in `play`')
    if call.method == "GET":
        raise step.wrong("call", "a GET sets nothing up")
    if not step.has("at"):
        return call
    if call.path == "/mock/clock":
        raise step.wrong("at", "the clock is not moved at a time of that same clock")
    try:
        at = parse_span(step.get("at"))
    except ClockError as error:
        raise step.wrong("at", str(error)) from error
    if at > LATEST:
        raise step.wrong("at", "no clock gets there: it ends in the year 2200")
    return msgspec.structs.replace(call, at=at)


class _Plays:
    """Reads the steps of a play, in their order.

    Args:
        keys: the names of those that the set-up makes.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._last: dict[str, KrakenCall] = {}  # by sender

    def step(self, step: _Table) -> Step:
        """A step, which may be calls that overlap."""
        if not step.has("parallel"):
            return self._single(step)
        step.knows("parallel", "from")
        sender = _sender(step, "client")
        steps = tuple(self._single(part, sender) for part in step.tables("parallel"))
        if len(steps) < 2:
            raise step.wrong("parallel", "it takes two calls or more")
        if any(isinstance(part, KrakenCall) and (part.again or part.times > 1) for part in steps):
            raise step.wrong("parallel", "`again` and `times` are for steps of their own")
        return Parallel(steps)

    def _single(self, step: _Table, sender: str = "client") -> ControlCall | KrakenCall:
        sender = _sender(step, sender)
        if step.has("again"):
            return self._again(step, sender)
        if (call := _control(step)) is not None:
            step.knows("call", "body")
            if call.path == "/mock/keys" and call.method == "POST":
                raise step.wrong("call", "keys are made by the set-up")
            return call
        self._last[sender] = made = self._kraken(step, sender)
        return made

    def _again(self, step: _Table, sender: str) -> KrakenCall:
        step.knows("again", "from", "gives", "result")
        if step.get("again") is not True:
            raise step.wrong("again", f"it takes true, not {_shown(step.get('again'))}")
        if sender not in self._last:
            raise step.wrong("again", f"{sender!r} has sent nothing before")
        result = _json(step.get("result"))
        return msgspec.structs.replace(self._last[sender], again=True, times=1, gives=_gives(step), result=result)

    def _kraken(self, step: _Table, sender: str) -> KrakenCall:
        step.knows("call", "gives", "from", "key", "nonce", "fields", "body", "secret", "again", "times", "result")
        call = step.line("call")
        if not _KRAKEN.fullmatch(call):
            raise step.wrong("call", f'it takes "Balance", "public/Time" or a control call; not {call!r}')
        times, nonce, body = step.get("times"), _nonce(step), step.text("body", None)
        if times is not None and not (type(times) is int and 1 <= times <= _LONGEST_RUN):
            raise step.wrong("times", f"it takes a number from 1 to {_LONGEST_RUN}, not {_shown(times)}")
        if times is not None and not (nonce is None or nonce.isdecimal()):
            raise step.wrong("times", "it needs a nonce that can be counted up")
        if body is not None and step.has("fields"):
            raise step.wrong("fields", "`body` is the whole body, and leaves no place for fields")
        return KrakenCall(
            call,
            gives=_gives(step),
            sender=sender,
            key=self._key(step, call),
            nonce=nonce,
            fields={name: _field(step, name, value) for name, value in (step.mapping("fields") or {}).items()},
            body=body,
            secret=_secret(step),
            times=times or 1,
            result=_json(step.get("result")),
        )

    def _key(self, step: _Table, call: str) -> str | None:
        name: str | None = step.text("key", None)
        if call.startswith("public/"):
            if name is not None:
                raise step.wrong("key", "a public call takes none")
            return None
        if name is None:
            if len(self._keys) == 1:
                return self._keys[0]
            what = f"the set-up makes {', '.join(self._keys)}" if self._keys else "the set-up makes none"
            raise step.wrong("key", f"whose call is it? {what}")
        known = (*self._keys, *(key.name for key in world().keys))
        if name not in known:
            raise step.wrong("key", f"there is no key {name!r}; there are {', '.join(known)}")
        return name


def _sender(step: _Table, default: str) -> str:
    value: str = step.text("from", default)
    if not value.strip() or not (value.isascii() and value.isprintable()):
        raise step.wrong("from", f"it is sent as User-Agent, and takes printable ASCII characters; not {_shown(value)}")
    return value


def _gives(step: _Table) -> str:
    gives = step.line("gives")
    if not _GIVES.fullmatch(gives):
        takes = '"ok", "nothing", "garbage", "HTTP 520" or an error such as "EAPI:Invalid nonce"'
        raise step.wrong("gives", f"it takes {takes}; not {gives!r}")
    return gives


def _secret(step: _Table) -> str | None:
    secret: str | None = step.text("secret", None)
    if secret is not None:
        try:
            Signer(secret)
        except ValueError as error:
            raise step.wrong("secret", str(error)) from error
    return secret


def _control(step: _Table) -> ControlCall | None:
    """The step as a control call; None if it is a call to Kraken."""
    text = step.line("call")
    match = _CONTROL.fullmatch(text)
    if match is None:
        if " " in text or "mock" in text:
            raise step.wrong("call", f'a control call is a method and a path, "POST /mock/clock"; not {text!r}')
        return None
    method, path = match.groups()
    if any(path == other or path.startswith(f"{other}/") for other in _NOT_HERE):
        raise step.wrong("call", f"{path} does not belong in a scenario")
    return ControlCall(method, path, step.mapping("body"))


def _nonce(step: _Table) -> str | None:
    value = step.get("nonce")
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise step.wrong("nonce", f'it takes a whole number, or a text such as "1.7e12"; not {_shown(value)}')


def _field(step: _Table, name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise step.wrong(f"fields.{name}", f'it takes a text (write amounts as "0.1"), not {_shown(value)}')


def _keys_made(setup: tuple[ControlCall, ...]) -> tuple[str, ...]:
    names = [(call.body or {}).get("name") for call in setup if str(call) == "POST /mock/keys" and call.at is None]
    return tuple(name for name in names if isinstance(name, str))


def _json(value: Any) -> Any:
    """A value of TOML as JSON has it: times as texts."""
    if isinstance(value, dict):
        return {name: _json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_json(part) for part in value]
    return value.isoformat() if isinstance(value, (date, time)) else value


def _shown(value: object) -> str:
    return repr(value)[:60]
