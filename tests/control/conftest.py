from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mockkraken import MockKraken
from mockkraken.gate.signature import sign

START = "2026-01-01T00:00:00Z"


class Answer(NamedTuple):
    status: int
    json: Any
    headers: http.client.HTTPMessage

    @property
    def refusal(self) -> tuple[int, str, str | None]:
        error = self.json["error"]
        assert set(error) == {"code", "message", "field"}
        assert error["message"]
        return self.status, error["code"], error["field"]


class Browser:
    """Speaks HTTP to a server, one connection a request."""

    def __init__(self, server: MockKraken) -> None:
        self.server = server

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            is_json = answer.headers["content-type"] == "application/json"
            return Answer(answer.status, json.loads(text) if text and is_json else text, answer.headers)
        finally:
            connection.close()

    def mock(self, method: str, path: str, body: Any = None) -> Answer:
        return self.request(method, f"/mock{path}", None if body is None else json.dumps(body))

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.mock(method, path, body)
        assert answer.status == 200, answer.json
        return answer.json

    def private(self, name: str, key: tuple[str, str], nonce: int, **fields: str) -> dict[str, Any]:
        """A signed call, as a client makes it."""
        path, body = f"/0/private/{name}", urlencode({"nonce": nonce, **fields})
        headers = {"API-Key": key[0], "API-Sign": sign(key[1], path, str(nonce), body.encode())}
        answer = self.request("POST", path, body, headers)
        assert answer.status == 200
        found: dict[str, Any] = answer.json
        return found


@pytest.fixture(scope="session")
def server() -> Iterator[MockKraken]:
    with MockKraken(seed=1, clock=START) as running:
        yield running


@pytest.fixture
def kraken(server: MockKraken) -> MockKraken:
    server.reset()
    return server


@pytest.fixture
def browser(kraken: MockKraken) -> Browser:
    return Browser(kraken)


Process = subprocess.Popen[str]
Run = Callable[..., subprocess.CompletedProcess[str]]
Started = Callable[..., AbstractContextManager[Process]]
Serving = Callable[..., AbstractContextManager[tuple[Process, list[str]]]]


def clean(**more: str) -> dict[str, str]:
    """This process's environment, without what others have set for mockkraken, and with `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKKRAKEN_")} | more


@pytest.fixture
def run() -> Run:
    """Runs the command to its end; takes its arguments, `given` for its stdin, and its environment."""

    def run(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mockkraken", *arguments]
        return subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=20, check=False, env=clean(**environment)
        )

    return run


@pytest.fixture
def started() -> Started:
    """Starts the command in a session of its own; the end of the block is the end of all that is in it."""

    @contextmanager
    def started(*arguments: str, before: tuple[str, ...] = (sys.executable,), **environment: str) -> Iterator[Process]:
        process = subprocess.Popen(
            [*before, "-m", "mockkraken", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean(**environment),
            start_new_session=True,
        )

        def kill() -> None:
            # What it has started keeps its pipes open, and would be waited for.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        # A test that waits for a line which does not come finds the end of the output, and fails.
        too_long = threading.Timer(20, kill)
        too_long.start()
        try:
            yield process
        finally:
            too_long.cancel()
            kill()
            process.communicate()

    return started


@pytest.fixture
def serving(started: Started) -> Serving:
    """A server in a process of its own, and the lines that it has printed up to the ready line."""

    @contextmanager
    def serving(*arguments: str, **environment: str) -> Iterator[tuple[Process, list[str]]]:
        with started("serve", "--port", "0", *arguments, **environment) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("mockkraken ready "):
                    break
            yield process, lines

    return serving
