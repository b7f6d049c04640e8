from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import pytest

from mockkraken.clock import SECOND, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account
from mockkraken.gate.gate import Credentials, Gate
from mockkraken.gate.keys import Key, KeyRing
from mockkraken.gate.permissions import ANY_KEY, CODES, Permission
from mockkraken.gate.signature import sign
from mockkraken.rest.body import read_body
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

NEW_YEAR = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


class Bot:
    """A client with one key, knocking at the gate; it remembers its last request and why that was refused."""

    def __init__(self, gate: Gate, key: Key) -> None:
        self.gate, self.key = gate, key
        self.refusal: KrakenError | None = None

    def request(self, nonce: str | int, method: str = "Balance", more: str = "", **faults: Any) -> Credentials:
        body = f"nonce={nonce}{more}".encode()
        shown = {
            "path": f"/0/private/{method}".encode(),
            "body": body,
            "fields": dict(reversed(parse_qsl(body.decode(), keep_blank_values=True))),
            "api_key": self.key.api_key.encode(),
            "api_sign": sign(self.key.api_secret, f"/0/private/{method}", str(nonce), body).encode(),
            "remote": "127.0.0.1",
        }
        return Credentials(**(shown | faults))

    def send(self, credentials: Credentials, needs: Permission = ANY_KEY, cost: int = 1) -> str:
        self.last, self.refusal = credentials, None
        try:
            key = self.gate.admit(credentials, needs, cost)
        except KrakenError as refusal:
            self.refusal = refusal
            return refusal.message
        assert key is self.key
        return "OK"

    def call(self, nonce: str | int, method: str = "Balance", *, needs: Permission = ANY_KEY, **faults: Any) -> str:
        return self.send(self.request(nonce, method, **faults), needs)

    def post(self, path: str, body: str, api_sign: str) -> str:
        """Send exactly this body with this signature."""
        fields = read_body(body.encode(), b"")
        return self.send(
            Credentials(path.encode(), body.encode(), fields, self.key.api_key.encode(), api_sign.encode(), "127.0.0.1")
        )


@pytest.fixture
def clock() -> Clock:
    return Clock(start=NEW_YEAR)


@pytest.fixture
def settings() -> Settings:
    return Settings(rate_limits="off")  # what is tested here is not how much, but whether at all


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(random.Random("keys"))


@pytest.fixture
def gate(clock: Clock, settings: Settings, ring: KeyRing) -> Gate:
    return Gate(clock, settings, ring, {"main": Account("main")})


@pytest.fixture
def new_bot(gate: Gate, ring: KeyRing) -> Callable[..., Bot]:
    def make(name: str | None = None, permissions: Any = CODES, **properties: Any) -> Bot:
        return Bot(gate, ring.create("main", name, now=NEW_YEAR, permissions=permissions, **properties))

    return make


@pytest.fixture
def bot(new_bot: Callable[..., Bot]) -> Bot:
    return new_bot("full")


# A program that calls the REST application of a whole sandbox


class Answer(NamedTuple):
    """What came back, to the byte."""

    status: int
    content_type: str
    body: bytes

    @property
    def error(self) -> str:
        """`OK`, the one error, or the title of a page; whatever it is, the envelope is checked to the byte."""
        if self.content_type == "text/html":
            title = re.search(rb"<title>(.*?)</title>", self.body)
            assert title
            assert title[1].startswith(b"%d " % self.status)
            assert self.body.startswith(b"<html>")
            return f"HTTP {title[1].decode()}"
        assert self.content_type == "application/json"
        read = json.loads(self.body)
        if not read["error"]:
            assert (self.status, list(read)) == (200, ["error", "result"])
            return "OK"
        (error,) = read["error"]
        assert self.body == b'{"error":["%s"]}' % error.encode()
        assert self.status == (404 if error == "EGeneral:Unknown method" else 200)
        return str(error)

    @property
    def result(self) -> Any:
        assert self.error == "OK"
        return json.loads(self.body)["result"]


class Program:
    """A program with one key. Its nonces count up from 1 unless it gives others; `signature` is what it sent last."""

    def __init__(self, sandbox: Sandbox, name: str = "full", remote: str = "127.0.0.1") -> None:
        key = sandbox.keys.find(name)
        assert key is not None
        self.sandbox, self.key, self.remote, self.nonces = sandbox, key, remote, itertools.count(1)

    def ask(
        self,
        method: str = "Balance",
        *,
        verb: str = "POST",
        path: str | None = None,
        query: str = "",
        nonce: object = None,
        body: str | bytes | None = None,
        headers: dict[str, str | None] | None = None,
        signs: dict[str, Any] | None = None,
        crowded: bool = False,
        **fields: Any,
    ) -> Answer:
        """Send a signed request.

        Args:
            method: of `/0/private`, unless the path is given.
            verb: of HTTP.
            path: the whole.
            query: after the path.
            nonce: None: the next.
            body: None: a form of the nonce and the fields; as text, {nonce} stands for the nonce.
            headers: besides or instead of the usual ones, None: without it; {key}, {secret} and {sign} stand for those.
            signs: what the signature is made over or with instead: `secret`, `path`, `nonce`, `body`.
            crowded: whether too many calls of the key are under way.
            fields: of the form.
        """
        nonce = next(self.nonces) if nonce is None else nonce
        path = path or f"/0/private/{method}"
        if body is None:
            body = urlencode({"nonce": nonce, **fields})
        raw = body.replace("{nonce}", str(nonce)).encode() if isinstance(body, str) else body
        over = {"secret": self.key.api_secret, "path": path + (f"?{query}" if query else ""), "body": raw}
        over |= {"nonce": str(nonce)} | (signs or {})
        self.signature = signature = sign(over["secret"], over["path"], over["nonce"], over["body"])
        sent: dict[str, str | None] = {
            "API-Key": "{key}",
            "API-Sign": "{sign}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        stand = {"{key}": self.key.api_key, "{secret}": self.key.api_secret, "{sign}": signature}
        scope_headers = []
        for name, value in (sent | (headers or {})).items():
            if value is not None:
                for mark, text in stand.items():
                    value = value.replace(mark, text)
                scope_headers.append((name.lower().encode(), value.encode("latin-1")))
        scope = {
            "type": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": scope_headers,
            "client": (self.remote, 40000),
        }
        answer = self.sandbox.rest.answer(scope, raw, crowded=crowded)
        return Answer(answer.status, answer.content_type.decode(), answer.body)

    def call(self, method: str = "Balance", **asked: Any) -> str:
        """As `ask`: `OK`, or the error."""
        return self.ask(method, **asked).error

    def calls(self, number: int, method: str = "Balance", **asked: Any) -> set[str]:
        return {self.call(method, **asked) for _ in range(number)}

    def get(self, method: str, query: str = "") -> Answer:
        """A public call."""
        return self.ask(path=f"/0/public/{method}", verb="GET", query=query, body=b"", nonce=0)

    @property
    def journal(self) -> dict[str, Any]:
        """The journal's last record."""
        return self.sandbox.journal.records()[0][-1]


@pytest.fixture
def sandbox() -> Sandbox:
    """A frozen one, without rate limits."""
    return Sandbox(settings=Settings(rate_limits="off"), start=NEW_YEAR)


@pytest.fixture
def new_program(sandbox: Sandbox) -> Callable[..., Program]:
    """A program with a new key, of `main` unless it is said otherwise, that may do everything."""

    def make(
        name: str = "k", account: str = "main", permissions: Any = CODES, remote: str = "127.0.0.1", **properties: Any
    ) -> Program:
        sandbox.keys.create(account, name, now=sandbox.clock.now(), permissions=permissions, **properties)
        return Program(sandbox, name, remote)

    return make


@pytest.fixture
def program(new_program: Callable[..., Program]) -> Program:
    return new_program()
