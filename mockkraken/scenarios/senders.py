"""The clients of a play: real ones, with connections, threads and an impatience of their own."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple

import httpx
import msgspec

from mockkraken.scenarios.scenario import GARBAGE, NOTHING, OK

_PATIENCE = 10.0  # seconds without a byte; a server that works keeps nobody waiting so long, but to show a timeout


class Request(NamedTuple):
    """What is sent: the same bytes as often as it is."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


class Connection:
    """One connection of a client. It can be cut while somebody waits for an answer.

    Args:
        url: of the server.
        sender: whose it is; what stands in front of a # is sent as User-Agent.
    """

    def __init__(self, url: str, sender: str) -> None:
        # The server speaks HTTP only; loading certificates would take longer than most plays.
        headers = {"User-Agent": sender.partition("#")[0]}
        self._client = httpx.Client(base_url=url, timeout=_PATIENCE, verify=False, trust_env=False, headers=headers)
        self._socket: socket.socket | None = None

    def send(self, request: Request) -> httpx.Response:
        """Send a request and wait for the answer.

        Raises:
            httpx.HTTPError: there is none, or none that can be read.
        """
        return self._client.request(
            request.method,
            request.path.lstrip("/"),
            content=request.body or None,
            headers=request.headers,
            extensions={"trace": self._trace},
        )

    def cut(self) -> None:
        """End the connection, as a client does that has run out of patience."""
        if self._socket is not None:
            with suppress(OSError):  # The server was faster.
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._client.close()

    def _trace(self, event: str, about: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._socket = about["return_value"].get_extra_info("socket")


class Flight:
    """A request under way, in a thread of its own.

    Attributes:
        gave: once it is done: `ok`, an error, `HTTP 520`, `garbage` or `nothing`.
        result: the answer's `result`; None without one.
    """

    def __init__(self, connection: Connection, request: Request) -> None:
        self.gave = NOTHING
        self.result: Any = None
        self._connection = connection
        self._request = request
        self._thread = threading.Thread(target=self._fly, name="scenario", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the answer; whether it is there, or there will be none."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Wait no longer."""
        self._connection.cut()
        self._thread.join()

    def _fly(self) -> None:
        with suppress(httpx.HTTPError):
            self.gave, self.result = _read(self._connection.send(self._request))


def _read(answer: httpx.Response) -> tuple[str, Any]:
    """What the answer says, as a scenario calls it, and its result."""
    try:
        body = msgspec.json.decode(answer.content)
        errors = body["error"]
        return (errors[0] if errors else OK), body.get("result")
    except (msgspec.MsgspecError, LookupError, TypeError, AttributeError):
        return (GARBAGE if answer.status_code == httpx.codes.OK else f"HTTP {answer.status_code}"), None
