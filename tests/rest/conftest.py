"""A frozen sandbox, and a client that signs requests and hands them straight to its REST application."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mockkraken.clock import SECOND
from mockkraken.control.client import AccountsControl
from mockkraken.control.market_client import OrdersControl, PairHandle, StatusControl
from mockkraken.control.operations import Control
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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

    def place(self, side: str, ordertype: str, volume: str, pair: str = "XBTUSD", **fields: Any) -> str:
        """The txid of an order of any type."""
        (txid,) = self.call("AddOrder", pair=pair, type=side, ordertype=ordertype, volume=volume, **fields)["txid"]
        assert isinstance(txid, str)
        return txid

    def fills(self, txid: str) -> list[dict[str, Any]]:
        """An order's fills one by one, the first first."""
        trades = self.call("TradesHistory", consolidate_taker="false")["trades"]
        return [fill for fill in reversed(trades.values()) if fill["ordertxid"] == txid]

    def row(self, txid: str) -> dict[str, Any]:
        """An order as QueryOrders shows it, with its trades."""
        row = self.call("QueryOrders", txid=txid, trades="true")[txid]
        assert isinstance(row, dict)
        return row

    def journal(self) -> dict[str, Any]:
        """The journal's last record."""
        return self.sandbox.journal.records()[0][-1]


class ScriptedMarket:
    """A pair on which nothing happens but what a test says; all by the control API.

    Attributes:
        pair: the control of the pair.
        status: the states of the exchange and its pairs.
    """

    def __init__(self, sandbox: Sandbox, name: str = "XBTUSD") -> None:
        self.name = name
        perform = Control(sandbox).perform
        self.pair = PairHandle(perform, name)
        self.status = StatusControl(perform)
        self._orders = OrdersControl(perform)

    def at(self, price: int | str, step: int | str = 10) -> None:
        """Trade at a price: 1 is bid there and 5 a step below, 1 is asked a step above and 5 two steps above."""
        last, apart = Decimal(price), Decimal(step)
        self.pair.set_book(
            [(str(last), "1.001"), (str(last - apart), "5")],
            [(str(last + apart), "1"), (str(last + 2 * apart), "5")],
            model="static",
        )
        self.pair.trade("sell", "0.001", str(last))

    def fill(self, txid: str, volume: str | None = None) -> None:
        """Let somebody trade with one resting order: all that is left of it, or `volume`."""
        self._orders[txid].fill(volume)


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


@pytest.fixture
def market(sandbox: Sandbox) -> ScriptedMarket:
    """XBTUSD at 60000."""
    scripted = ScriptedMarket(sandbox)
    scripted.at(60000)
    return scripted


@pytest.fixture
def market_of(sandbox: Sandbox) -> Callable[[str], ScriptedMarket]:
    """The scripted market of any pair."""
    return lambda name: ScriptedMarket(sandbox, name)


class Pit:
    """XBTUSD with a book that the test writes level by level, and more traders for it; all by the control API."""

    def __init__(self, kraken: Client) -> None:
        self.kraken = kraken
        control = Control(kraken.sandbox)
        self.perform = control.perform
        self.pair = PairHandle(control.perform, "XBTUSD")
        self.orders = OrdersControl(control.perform)
        self.status = StatusControl(control.perform)

    def book(self, bids: str = "", asks: str = "", *, last: str | None = None) -> None:
        """The makers' orders as `price:volume`, best first; before that a trade at `last`, above the bids."""
        buying, selling = ([tuple(level.split(":")) for level in side.split()] for side in (bids, asks))
        if last is not None:
            self.pair.set_book(buying, [(last, "1")], model="static")
            self.pair.trade("buy", "1")
        self.pair.set_book(buying, selling, model="static")

    def fill(self, txid: str, volume: str | None = None) -> None:
        """Somebody trades with just that resting order."""
        self.orders[txid].fill(volume)

    def settings(self, **values: Any) -> None:
        self.perform(Control.change_settings, values)

    def balances(self, account: str, **balances: str) -> None:
        self.perform(Control.set_balances, account, balances)

    def trader(self, name: str, tier: str = "pro", **balances: str) -> Client:
        """A new account with a key that may do everything; rich unless its balances are given."""
        balances = balances or {"ZUSD": "1000000", "XXBT": "100"}
        self.perform(Control.create_account, {"name": name, "tier": tier, "balances": balances})
        made = self.perform(Control.create_key, {"account": name, "name": name, "permissions": "all"})
        return Client(self.kraken.sandbox, made["api_key"], made["api_secret"])

    def shown(self) -> str:
        """What Depth shows, as `bids | asks`, each best first as `price:volume`."""
        (book,) = self.kraken.get("Depth", pair="XBTUSD", count=10).result.values()
        return " | ".join(
            " ".join(f"{Decimal(price):.1f}:{Decimal(volume).normalize():f}" for price, volume, _ in book[side])
            for side in ("bids", "asks")
        )


@pytest.fixture
def pit(kraken: Client) -> Pit:
    """XBTUSD with a book of five coins bid at 60000.0 and five offered at 60010.0; the last trade was at 60005.0."""
    pit = Pit(kraken)
    pit.book("60000.0:5", "60010.0:5", last="60005.0")
    return pit


class Bank:
    """The control side of a test about money: it hands it out, moves prices, and counts all there is of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.control = Control(sandbox)
        self.there = self.all()

    def pair(self, name: str = "XBTUSD") -> PairHandle:
        return PairHandle(self.control.perform, name)

    def fund(self, account: str = "main", **balances: str) -> None:
        """Let an account have these balances and no others; none of this moves money from one to the other."""
        self.control.perform(Control.replace_balances, account, balances)
        self.there = self.all()

    def book(self, bids: Iterable[tuple[str, str]], asks: Iterable[tuple[str, str]], pair: str = "XBTUSD") -> None:
        """A book of these (price, volume) that stays as it is until somebody takes of it."""
        self.pair(pair).set_book(bids, asks, model="static")

    def trade_at(self, price: str, pair: str = "XBTUSD", depth: str = "200") -> None:
        """Let a pair trade at a price, where `depth` is then bid, and offered a dollar above."""
        self.book([(price, depth)], [(str(Decimal(price) + 1), depth)], pair)
        self.pair(pair).trade("sell", "0.001")

    def account(self, name: str = "main") -> dict[str, Any]:
        """An account as the control API shows it."""
        row: dict[str, Any] = self.control.perform(Control.account, name)
        return row

    def all(self) -> dict[str, Decimal]:
        """What there is of each asset, over all accounts."""
        sums: dict[str, Decimal] = {}
        for row in self.control.perform(Control.accounts)["accounts"]:
            for asset, text in row["balances"].items():
                sums[asset] = sums.get(asset, Decimal(0)) + Decimal(text)
        return {asset: units for asset, units in sums.items() if units}


@pytest.fixture
def bank(sandbox: Sandbox) -> Iterator[Bank]:
    """Money and prices; at the end of the day, nothing of it has got lost or come from nowhere."""
    bank = Bank(sandbox)
    yield bank
    assert bank.all() == bank.there


@pytest.fixture
def accounts(sandbox: Sandbox) -> AccountsControl:
    """The control of the accounts: `accounts["main"].balances["XXBT"] = "1"`."""
    return AccountsControl(Control(sandbox).perform)
