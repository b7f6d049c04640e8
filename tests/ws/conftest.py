"""A frozen sandbox, and clients that speak with its WebSocket API without a network."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings
from mockkraken.ws.doors import door

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.ws.connection import Connection

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z, a Thursday


class Number(str):
    """A JSON number with a fraction, as the very text that was sent: `Number("0.10") != Number("0.1")`."""

    def __repr__(self) -> str:
        return f"N({str.__repr__(self)})"


def parsed(frame: bytes) -> Any:
    """A message with its numbers' digits kept: ints as int, others as `Number`."""
    return json.loads(frame, parse_float=Number)


class Pipe:
    """A socket that keeps what is written to it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.open = True
        self.unsent = 0
        self.closed: tuple[int, str] | None = None
        self.on_ping: Callable[[], None] = lambda: None

    def write(self, frame: bytes) -> None:
        assert frame[0] == 0x81  # a whole text message, unmasked
        length, start = frame[1], 2
        if length == 126:
            length, start = int.from_bytes(frame[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(frame[2:10], "big"), 10
        assert len(frame) == start + length
        self.frames.append(frame[start:])

    def end(self, code: int, reason: str) -> None:
        self.closed, self.open = (code, reason), False


class Wire:
    """One client that is connected.

    Attributes:
        raw: the frames that the last `say` or `take` gave, as the very bytes.
    """

    def __init__(self, sandbox: Sandbox, path: str, host: str, remote: str) -> None:
        entrance = door(host, path)
        assert entrance is not None
        self.sandbox = sandbox
        self.socket = Pipe()
        self.connection: Connection = sandbox.ws.open(self.socket, entrance, remote=remote, port=50000)
        self.raw: list[bytes] = []
        self.greeting = self.take()
        self._ids = itertools.count(1)

    def take(self) -> list[Any]:
        """The frames since the last look."""
        self.raw, self.socket.frames = self.socket.frames, []
        return [parsed(frame) for frame in self.raw]

    def say_raw(self, message: str | bytes) -> list[Any]:
        """Send a message as it is; the frames that came of it, here."""
        assert not self.socket.frames, "there are frames that nobody has looked at: take() them first"
        self.connection.receive(message)
        return self.take()

    def say(self, message: Any) -> list[Any]:
        """Send an object."""
        return self.say_raw(json.dumps(message, separators=(",", ":")))

    # Version 2

    def subscribe(self, channel: str, **params: Any) -> list[Any]:
        """Subscribe (v2); all frames that came of it."""
        return self.say({"method": "subscribe", "params": {"channel": channel, **params}})

    def method(self, method: str, **params: Any) -> Any:
        """Call a trading method (v2) as the `full` key; its one reply. What else came is in `rest`."""
        params = {"token": self.token(), **params}
        replies = self.say({"method": method, "params": params, "req_id": next(self._ids)})
        reply = next(frame for frame in replies if frame.get("method") == method)
        self.rest = [frame for frame in replies if frame is not reply]
        return reply

    def token(self, key: str = "full") -> str:
        """A new token of a key."""
        found = self.sandbox.keys.find(key)
        assert found is not None
        return self.sandbox.tokens.issue(found, self.sandbox.clock.now())

    def leave(self) -> None:
        """Hang up."""
        feeds = self.sandbox.ws._venue.feeds
        self.socket.open = False
        feeds.leave(self.connection)


@pytest.fixture
def settings() -> dict[str, Any]:
    """Overridable by parametrizing: the sandbox's settings."""
    return {}


@pytest.fixture
def sandbox(settings: dict[str, Any]) -> Sandbox:
    return Sandbox(settings=Settings.of(**{"rate_limits": "off", **settings}), start=START)


@pytest.fixture
def wire(sandbox: Sandbox) -> Callable[..., Wire]:
    """Connects a client: `wire()`, `wire("/ws-auth/v2")`."""

    def connect(path: str = "/v2", *, host: str = "127.0.0.1:8080", remote: str = "127.0.0.1") -> Wire:
        return Wire(sandbox, path, host, remote)

    return connect


@pytest.fixture(scope="session")
def wire_of() -> Callable[..., Wire]:
    """Connects a client to any sandbox: `wire_of(sandbox, "/v2")`."""

    def connect(sandbox: Sandbox, path: str = "/v2") -> Wire:
        return Wire(sandbox, path, "127.0.0.1:8080", "127.0.0.1")

    return connect
