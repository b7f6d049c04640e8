from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from mockkraken.clock import SECOND, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account
from mockkraken.gate.gate import Credentials, Gate
from mockkraken.gate.keys import Key, KeyRing
from mockkraken.gate.permissions import ANY_KEY, CODES, Permission
from mockkraken.gate.signature import sign
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
        if body.startswith("{"):
            fields = json.loads(body, parse_int=str, parse_float=str)
        else:
            fields = dict(parse_qsl(body, keep_blank_values=True))
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
