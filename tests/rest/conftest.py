"""A frozen sandbox, and a client that signs requests and hands them straight to its REST application."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mockkraken.clock import SECOND
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mockkraken.rest.edge import Answer

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z, a Thursday
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Reply(NamedTuple):
    """What came back: status, type and the very bytes."""

    status: int
    content_type: str
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        read = json.loads(self.body)
        assert isinstance(read, dict)
        return read

    @property
    def errors(self) -> list[str]:
        errors = self.json["error"]
        assert isinstance(errors, list)
        return errors

    @property
    def result(self) -> Any:
        """The result of a call that succeeded."""
        assert self.status == 200
        assert self.errors == []
        return self.json["result"]

    @property
    def refusal(self) -> str:
        """The one error of a call that was refused; such an answer has no `result`."""
        assert list(self.json) == ["error"]
        (error,) = self.errors
        assert isinstance(error, str)
        return error


class Client:
    """One key at work. Its nonce counts up from 1."""

    def __init__(self, sandbox: Sandbox, api_key: str, api_secret: str) -> None:
        self.sandbox = sandbox
        self.api_key = api_key
        self.api_secret = api_secret
        self.nonces = itertools.count(1)

    def send(
        self,
        verb: str,
        path: str,
        body: bytes = b"",
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
        remote: str = "127.0.0.1",
    ) -> Reply:
        """One request as it is; only header names are lowered, as every server does."""
        scope: dict[str, Any] = {
            "type": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
            "client": (remote, 40000),
        }
        answer: Answer = self.sandbox.rest.answer(scope, body)
        return Reply(answer.status, answer.content_type.decode(), answer.body)

    def get(self, method: str, query: str = "", **fields: Any) -> Reply:
        """A public call."""
        return self.send("GET", f"/0/public/{method}", query=query or urlencode(fields))

    def signed(self, path: str, nonce: str, body: bytes, content_type: str | None = FORM) -> dict[str, str]:
        """The headers of a private call."""
        headers = {"API-Key": self.api_key, "API-Sign": sign(self.api_secret, path, nonce, body)}
        return headers if content_type is None else headers | {"Content-Type": content_type}

    def post_raw(self, method: str, body: bytes, *, nonce: object, content_type: str | None = FORM) -> Reply:
        """A private call with this very body, signed for this nonce."""
        path = f"/0/private/{method}"
        return self.send("POST", path, body, headers=self.signed(path, str(nonce), body, content_type))

    def post(self, method: str, **fields: Any) -> Reply:
        """A private call with a form; a list becomes repeated keys."""
        nonce = next(self.nonces)
        return self.post_raw(method, urlencode({"nonce": nonce, **fields}, doseq=True).encode(), nonce=nonce)

    def post_json(self, method: str, **fields: Any) -> Reply:
        """A private call with a JSON object."""
        nonce = next(self.nonces)
        return self.post_raw(method, json.dumps({"nonce": nonce, **fields}).encode(), nonce=nonce, content_type=JSON)

    def call(self, method: str, **fields: Any) -> Any:
        """The result of a private call that must succeed."""
        return self.post(method, **fields).result

    def buy(self, volume: str, price: str | None = None, pair: str = "XBTUSD", **fields: Any) -> str:
        """A buy order's txid: market, or limit with a price."""
        return self._order("buy", volume, price, pair, fields)

    def sell(self, volume: str, price: str | None = None, pair: str = "XBTUSD", **fields: Any) -> str:
        """A sell order's txid: market, or limit with a price."""
        return self._order("sell", volume, price, pair, fields)

    def _order(self, side: str, volume: str, price: str | None, pair: str, fields: dict[str, Any]) -> str:
        fields |= {"ordertype": "market"} if price is None else {"ordertype": "limit", "price": price}
        (txid,) = self.call("AddOrder", pair=pair, type=side, volume=volume, **fields)["txid"]
        assert isinstance(txid, str)
        return txid

    def row(self, txid: str) -> dict[str, Any]:
        """An order as QueryOrders shows it, with its trades."""
        row = self.call("QueryOrders", txid=txid, trades="true")[txid]
        assert isinstance(row, dict)
        return row

    def journal(self) -> dict[str, Any]:
        """The journal's last record."""
        return self.sandbox.journal.records()[0][-1]


@pytest.fixture(scope="session")
def client_of() -> Callable[[Sandbox, str], Client]:
    """A client with the key of that name."""

    def client(sandbox: Sandbox, name: str = "full") -> Client:
        key = sandbox.keys.find(name)
        assert key is not None
        return Client(sandbox, key.api_key, key.api_secret)

    return client


@pytest.fixture
def sandbox() -> Sandbox:
    # At a frozen clock no call would ever be forgotten, and answers are what is tested here.
    return Sandbox(settings=Settings(rate_limits="off"), start=START)


@pytest.fixture
def login(sandbox: Sandbox, client_of: Callable[[Sandbox, str], Client]) -> Callable[..., Client]:
    """Clients by the name of a default key, or with a new key of `main` that has just these permissions."""

    def client(name: str = "full", *, permissions: Iterable[str] | None = None) -> Client:
        if permissions is not None:
            sandbox.keys.create("main", name, now=sandbox.clock.now(), permissions=permissions)
        return client_of(sandbox, name)

    return client


@pytest.fixture
def kraken(login: Callable[..., Client]) -> Client:
    """The key `full` of the account `main`."""
    return login()
