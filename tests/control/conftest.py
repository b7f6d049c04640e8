from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
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
