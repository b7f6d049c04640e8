"""A frozen sandbox, and a client that signs requests and hands them straight to its REST application."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mockkraken.clock import SECOND
from mockkraken.control.client import AccountsControl, KeysControl, SettingsControl
from mockkraken.control.market_client import OrdersControl, PairsControl, StatusControl
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

    def ended(self, txid: str) -> tuple[str, str | None]:
        """An order's status and reason."""
        row = self.row(txid)
        return row["status"], row["reason"]

    def executed(self, txid: str) -> str:
        """How much of an order was executed, without the last zeros."""
        return f"{Decimal(self.row(txid)['vol_exec']).normalize():f}"

    def open_orders(self) -> dict[str, dict[str, Any]]:
        """The rows of OpenOrders, the newest first."""
        rows: dict[str, dict[str, Any]] = self.call("OpenOrders")["open"]
        return rows

    def new_row(
        self, side: str, ordertype: str, volume: str, text: str, price: str, price2: str = "0", **more: Any
    ) -> dict[str, Any]:
        """The row of OpenOrders of an order for XBTUSD that came in at the start of the day, but for `more`.

        Args:
            side: `buy` or `sell`.
            ordertype: as AddOrder names it.
            volume: with the pair's decimals, as are all prices.
            text: how AddOrder described it.
            price: its price as its description shows it.
            price2: its second price, too.
            more: fields of the row that are other than those of a limit order without any options.
        """
        descr = {
            "pair": "XBTUSD",
            "aclass": "forex",
            "type": side,
            "ordertype": ordertype,
            "price": price,
            "price2": price2,
            "leverage": "none",
            "order": text,
            "close": "",
        }
        return {
            "refid": None,
            "userref": 0,
            "status": "open",
            "opentm": START // SECOND,
            "starttm": 0,
            "expiretm": 0,
            "descr": descr,
            "vol": volume,
            "vol_exec": "0.00000000",
            "cost": "0.00000",
            "fee": "0.00000",
            "price": "0.00000",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "fciq",
            "time_in_force": "gtc",
        } | more

    def amends(self, txid: str) -> list[dict[str, Any]]:
        """The rows of OrderAmends, the original first."""
        result = self.call("OrderAmends", order_id=txid)
        rows: list[dict[str, Any]] = result["amends"]
        assert result["count"] == len(rows)
        return rows

    def held(self, asset: str) -> str:
        """What open orders hold of an asset."""
        hold = self.call("BalanceEx")[asset]["hold_trade"]
        assert isinstance(hold, str)
        return hold

    def ledger(self, kind: str) -> list[tuple[str, str, str, str]]:
        """The ledger's rows of a type, the oldest first: asset, amount, fee, balance."""
        rows = reversed(self.call("Ledgers", type=kind)["ledger"].values())
        return [(row["asset"], row["amount"], row["fee"], row["balance"]) for row in rows]

    def trades(self, *, consolidated: bool = False) -> list[dict[str, Any]]:
        """All trades, the oldest first, each with its id; fill by fill unless they are consolidated."""
        joined = "true" if consolidated else "false"
        found = self.call("TradesHistory", consolidate_taker=joined, trades="true", ledgers="true")["trades"]
        return [{"id": trade_id} | row for trade_id, row in reversed(found.items())]

    def positions(self) -> list[tuple[str, str, str, str]]:
        """What is open on margin, the oldest first: type, volume, what of it is closed, cost."""
        found = self.call("OpenPositions").values()
        return [(row["type"], row["vol"], row["vol_closed"], row["cost"]) for row in found]

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


class Pit:
    """The control side of a trader's day: the makers' books, prices, money, more traders, settings and states.

    Nothing happens in it but what a test says, all of it by the control API. No trade, fee or loss makes an asset or
    destroys it, and the fixture `pit` looks at that in the end. `there` changes with what `balances`, `fund` and
    `trader` hand out or take back, and with nothing else.

    Attributes:
        accounts, keys, orders, pairs, status: their controls, as `MockKraken` has them.
        pair: the control of XBTUSD.
        step: how far apart `at` sets the levels of its book.
        depth: how much stands at the first level of each side.
        there: what there has to be of each asset, over all accounts.
    """

    def __init__(self, kraken: Client) -> None:
        self.kraken = kraken
        self._perform = perform = Control(kraken.sandbox).perform
        self.accounts = AccountsControl(perform)
        self.keys = KeysControl(perform)
        self.orders = OrdersControl(perform)
        self.pairs = PairsControl(perform)
        self.pair = self.pairs["XBTUSD"]
        self.status = StatusControl(perform)
        self._settings = SettingsControl(perform)
        self.step, self.depth = "10", "1"
        self.there = self.all()

    # The market

    def book(self, bids: str = "", asks: str = "", *, last: str | None = None, pair: str = "XBTUSD") -> None:
        """The makers' orders as `price:volume`, best first; before that a trade at `last`, above the bids."""
        market = self.pairs[pair]
        buying, selling = _levels(bids), _levels(asks)
        if last is not None:
            market.set_book(buying, [(last, "1")], model="static")
            market.trade("buy", "1")
        market.set_book(buying, selling, model="static")

    def at(self, price: int | str, pair: str = "XBTUSD") -> None:
        """Trade at a price: `depth` is bid there then, 5 a step below; `depth` is asked a step above, 5 two steps."""
        last, step, depth, volume = Decimal(price), Decimal(self.step), Decimal(self.depth), Decimal("0.001")
        bids = f"{last}:{depth + volume} {last - step}:5"
        asks = f"{last + step}:{depth} {last + 2 * step}:5"
        self.book(bids, asks, pair=pair)
        self.pairs[pair].trade("sell", str(volume), str(last))

    def fill(self, txid: str, volume: str | None = None) -> None:
        """Somebody trades with just that resting order: all that is left of it, or `volume`."""
        self.orders[txid].fill(volume)

    def shown(self) -> str:
        """What Depth shows of XBTUSD, as `bids | asks`, each best first as `price:volume`."""
        (book,) = self.kraken.get("Depth", pair="XBTUSD", count=10).result.values()
        return " | ".join(
            " ".join(f"{Decimal(price):.1f}:{Decimal(volume).normalize():f}" for price, volume, _ in book[side])
            for side in ("bids", "asks")
        )

    def settings(self, **values: Any) -> None:
        self._settings.patch(**values)

    # Money

    def balances(self, account: str, **balances: str) -> None:
        """Let an account have these balances; its others stay."""
        self._expect(self.accounts[account].state()["balances"], balances)
        self.accounts[account].balances.patch(balances)

    def fund(self, account: str = "main", **balances: str) -> None:
        """Let an account have these balances and no others."""
        old = self.accounts[account].state()["balances"]
        self._expect(old, dict.fromkeys(old, "0") | balances)
        self.accounts[account].balances.replace(balances)

    def trader(self, name: str, tier: str = "pro", **balances: str) -> Client:
        """A new account with a key that may do everything; rich unless its balances are given."""
        balances = balances or {"ZUSD": "1000000", "XXBT": "100"}
        self._expect({}, balances)
        self.accounts.create(name, tier=tier, balances=balances)
        key = self.keys.create(account=name, name=name, permissions="all")
        return Client(self.kraken.sandbox, key.api_key, key.api_secret)

    def _expect(self, old: dict[str, str], new: dict[str, str]) -> None:
        for asset, text in new.items():
            self.there[asset] = self.there.get(asset, Decimal(0)) + Decimal(text) - Decimal(old.get(asset, "0"))

    def all(self) -> dict[str, Decimal]:
        """What there is of each asset, over all accounts."""
        sums: dict[str, Decimal] = {}
        for account in self._perform(Control.accounts)["accounts"]:
            for asset, text in account["balances"].items():
                sums[asset] = sums.get(asset, Decimal(0)) + Decimal(text)
        return sums

    def astray(self) -> dict[str, Decimal]:
        """How much of each asset has come from nowhere, or got lost: below zero."""
        found = self.all()
        excess = {
            asset: found.get(asset, Decimal(0)) - self.there.get(asset, Decimal(0)) for asset in found | self.there
        }
        return {asset: units for asset, units in excess.items() if units}


def _levels(text: str) -> list[tuple[str, str]]:
    """The (price, volume) of `price:volume price:volume`."""
    return [(price, volume) for price, _, volume in (level.partition(":") for level in text.split())]


@pytest.fixture
def pit(kraken: Client) -> Iterator[Pit]:
    """XBTUSD with a book of five coins bid at 60000.0 and five offered at 60010.0; the last trade was at 60005.0."""
    pit = Pit(kraken)
    pit.book("60000.0:5", "60010.0:5", last="60005.0")
    yield pit
    assert pit.astray() == {}


@pytest.fixture
def ann(pit: Pit) -> Client:
    return pit.trader("ann")


@pytest.fixture
def bob(pit: Pit) -> Client:
    return pit.trader("bob")
