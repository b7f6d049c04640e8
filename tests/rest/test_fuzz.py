"""Whatever comes in, Kraken's words go out, and no asset comes into being or is lost.

Every example has a sandbox of its own and plays a few requests: garbage at the edge, or calls of real endpoints with
their own fields and odd values, by two accounts that can trade with each other.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockkraken.clock import SECOND
from mockkraken.control import markets, pairs, status
from mockkraken.control.errors import ControlError
from mockkraken.control.operations import Control
from mockkraken.decimals import fmt
from mockkraken.gate.permissions import CODES
from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS, path_of
from mockkraken.rest.rows import order_row
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client

    from mockkraken.exchange import Order
    from mockkraken.rest.edge import Answer

START = 1_767_225_600 * SECOND

CALM = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

PATHS = {endpoint.name: path_of(endpoint) for endpoint in ENDPOINTS}
FIELDS = {
    endpoint.name: [field.encode_name for field in msgspec.structs.fields(endpoint.params)] for endpoint in ENDPOINTS
}
TYPES = [
    *("market", "market", "limit", "limit", "limit", "iceberg", "stop-loss", "take-profit", "stop-loss-limit"),
    *("take-profit-limit", "trailing-stop", "trailing-stop-limit", "settle-position"),
]
PAIRS = ["XBTUSD", "XXBTZUSD", "XBT/EUR", "XBTEUR", "ethxbt", "BTC/USD", "AGLDUSD", "AAPLxUSD", "PEPEUSD"]
NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "0.00005",
    "0.0000000001",
    "57927.5",
    "60000",
    "68342.4",
    "1e5",
    "-1e-7",
    "+5%",
    "-0%",
    "#99999%",
    "+1%%",
    "#-1",
    "+",
    "5:1",
    "0:1",
    "999",
    "+60",
    "+99999999999",
    "NaN",
    "inf",
    "0x1f",
    "1_000",
    "٣",
    "２",
    "9" * 18,
    "9" * 19,
    "9" * 41,
    "9" * 500,
    "0." + "0" * 60 + "1",
    "18446744073709551616",
    "1767225600",
    "1767225600.000001",
]
WORDS = [
    "",
    " ",
    ",",
    "true",
    "False",
    "buy",
    "sell",
    "limit",
    "market",
    "ioc",
    "FOK",
    "post",
    "fcib",
    "cancel-oldest",
    "cancel-both",
    "all",
    "trade",
    "tokenized_asset",
    "currency",
    "XBT",
    "ZUSD,XXBT",
    "FEE",
    "grid-1",
    "OAAAAA-AAAAA-AAAAAA",
    "2026-01-01T00:00:30Z",
    "9999-99-99T99:99:99Z",
    "\0",
    "\r\n",
    "🚀",
    "İ",
    "ß",
]
ISSUED = "<an id that was issued>"  # replaced by one, when there is one

numbers = st.sampled_from(NUMBERS) | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
values = st.sampled_from(WORDS) | st.sampled_from(PAIRS) | numbers | st.just(ISSUED) | st.text(max_size=30)
listed = st.lists(values, min_size=2, max_size=4).map(",".join)
names = st.text(max_size=12) | st.sampled_from(
    [
        *(
            "nonce",
            "close[price]",
            "close[ordertype]",
            "txid[0]",
            "pair[]",
            "id[",
            "orders",
            "orders[0]",
            "orders[-1][type]",
        ),
        *(
            "orders[0][close][price]",
            "orders[0][close[price]]",
            "orders[1][volume]",
            "orders[999999999999][type]",
            "close",
        ),
    ]
)


class Request(NamedTuple):
    """One call as it was drawn; `fields` are texts, or anything for JSON."""

    method: str
    client: int
    fields: dict[str, Any]
    form: str  # how it is written: form, json
    spoilt: str  # what is wrong with it: nothing, sign, nonce
    pause: int  # ns before it


# Where an order rests, meets the other account, or meets the makers.
PRICES = {
    "XBTEUR": ["57927.5", "57927.5", "57927.0", "57928.0", "57928.7", "57900"],
    "XBTUSD": ["68342.3", "68342.4", "68000", "69000"],
    "ETHXBT": ["0.02", "0.05"],
}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Orders that mostly pass, around the prices where the accounts and the makers can meet."""
    pair = draw(st.sampled_from(["XBTEUR", "XBTEUR", "XBTEUR", "XBTUSD", "ETHXBT"]))
    fields = {
        "pair": pair,
        "type": draw(st.sampled_from(["buy", "sell"])),
        "ordertype": draw(st.sampled_from(["limit", "limit", "limit", "market", *TYPES])),
        "volume": draw(st.sampled_from(["0.01", "0.01234567", "0.05", "0.1", "3", "40"])),
        "price": draw(st.sampled_from(PRICES[pair])),
    }
    extras = {
        "oflags": ["fcib", "post", "fciq,post", "nompp"],
        "timeinforce": ["IOC", "FOK", "GTC"],
        "stptype": ["cancel-oldest", "cancel-both"],
        "userref": ["1", "2"],
        "cl_ord_id": ["a", "b"],
        "validate": ["true", "false"],
        "price2": ["+1%", "-0%", "57000"],
        "leverage": ["2", "5:1"],
        "displayvol": ["0.01"],
        "expiretm": ["+60"],
        "starttm": ["+10"],
        "close[ordertype]": ["limit", "trailing-stop"],
        "close[price]": ["+1%"],
    }
    for name in draw(st.lists(st.sampled_from(sorted(extras)), max_size=2, unique=True)):
        fields[name] = draw(st.sampled_from(extras[name]))
    return fields


LISTS = {"Ticker": "pair", "AssetPairs": "pair", "Assets": "asset"}  # without it all come, and that takes its time


@st.composite
def calls(draw: st.DrawFn) -> Request:
    """A call of an endpoint with some of its own fields, and perhaps one that is none."""
    kind = draw(st.sampled_from(["order", "order", "order", "change", "any", "any", "any"]))
    fields: dict[str, Any]
    if kind == "order":
        method, fields = "AddOrder", draw(orders())
        if draw(st.integers(0, 3)) == 0:
            fields[draw(st.sampled_from(FIELDS["AddOrder"]))] = draw(values)
    elif kind == "change":
        method = draw(st.sampled_from(["CancelOrder", "AmendOrder", "EditOrder"]))
        fields = {"txid": draw(st.just(ISSUED) | listed | st.sampled_from(["1", "2", ""]))}
        if method != "CancelOrder":
            fields |= draw(st.dictionaries(st.sampled_from(FIELDS[method]), values, min_size=1, max_size=3))
    else:
        method = draw(st.sampled_from(sorted(PATHS)))
        own = st.sampled_from(FIELDS[method]) if FIELDS[method] else st.nothing()
        fields = draw(st.dictionaries(own | names, values | listed, max_size=4))
        if method in LISTS:
            fields.setdefault(LISTS[method], draw(values))
    form = draw(st.sampled_from(["form", "form", "json"]))
    if form == "json" and draw(st.booleans()):
        fields |= draw(st.dictionaries(st.sampled_from(FIELDS[method] or ["x"]) | names, jsons, max_size=2))
    return Request(
        method,
        draw(st.integers(0, 1)),
        fields,
        form,
        draw(st.sampled_from(["", "", "", "", "", "", "", "sign", "nonce"])),
        draw(st.sampled_from([0, 0, 1, 999, SECOND, 86_400 * SECOND])),
    )


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10) | values,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def proper(answer: Answer) -> bool:
    """Whether it is one of the two forms that an answer may have; never the one for our own faults."""
    if answer.content_type == b"text/html":
        return answer.status in (403, 405, 413, 414) and answer.body.startswith(b"<html>")
    envelope = json.loads(answer.body)
    errors = envelope["error"]
    assert answer.content_type == b"application/json"
    assert next(iter(envelope)) == "error"
    assert all(isinstance(error, str) and error[0] == "E" and ":" in error for error in errors)
    assert errors or "result" in envelope
    assert "EGeneral:Internal error" not in errors
    return answer.status == (404 if errors == ["EGeneral:Unknown method"] else 200)


def assets(sandbox: Sandbox) -> Counter[str]:
    """What there is of each asset in all accounts together."""
    total: Counter[str] = Counter()
    for account in sandbox.exchange.accounts.values():
        total.update(account.balances)
    return total


def check_accounts(sandbox: Sandbox) -> None:
    """Holds follow from the open orders, cover nobody's last unit, and ledgers explain balances."""
    for account in sandbox.exchange.accounts.values():
        if not account.client:
            continue
        held: Counter[str] = Counter()
        for order in account.open.values():
            held[order.hold_asset.id] += order.hold
            if order.place == "book":
                assert order.hold == (0 if order.leverage else order.needed(order.remaining))
                assert 0 < order.offered <= order.remaining
        for asset, units in account.balances.items():
            assert held[asset] == account.held[asset]
            assert 0 <= held[asset] <= units
        told: Counter[str] = Counter()
        for entry in account.ledger.values():
            told[entry.asset] += entry.amount - entry.fee
            assert told[entry.asset] == entry.balance
        assert dict(told) == account.balances


def scope_of(verb: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": verb,
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }


def play(client: Client, request: Request) -> Answer:
    """Write a call down as drawn, sign it, and send it."""
    sandbox = client.sandbox
    if request.pause:
        sandbox.clock.advance(request.pause)
    issued = [txid for account in sandbox.exchange.accounts.values() for txid in (*account.orders, *account.trades)]
    fields = {
        name: value.replace(ISSUED, issued[len(issued) // 2] if issued else "x") if isinstance(value, str) else value
        for name, value in request.fields.items()
    }
    path = PATHS[request.method]
    if "/public/" in path:
        query = urlencode({name: str(value) for name, value in fields.items()}, errors="replace")
        return sandbox.rest.answer(scope_of("GET", path.encode(), query.encode(), []), b"")
    nonce = "0" if request.spoilt == "nonce" else str(next(client.nonces))
    if request.form == "form":
        written = urlencode({"nonce": nonce, **{name: str(value) for name, value in fields.items()}}, errors="replace")
    else:
        written = json.dumps({"nonce": nonce, **fields})
    body = written.encode()
    headers = client.signed(path, nonce, body)
    if request.spoilt == "sign":
        headers["API-Sign"] = headers["API-Sign"][::-1]
    headers["Content-Type"] = "application/json" if request.form == "json" else headers["Content-Type"]
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return sandbox.rest.answer(scope_of("POST", path.encode(), b"", sent), body)


OPTIONS: dict[str, list[Any]] = {
    "dialect": ["observed"],
    "public_post_response": ["404", "allow"],
    "post_only_crossing": ["cancel"],
    "nonce_consumed_on_later_failure": [False],
    "market_price_protection": ["off", "0", "0.01"],
    "api_key_info_case": ["both"],
}
options = st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in OPTIONS.items()})


@settings(CALM, max_examples=60)
@given(requests=st.lists(calls(), min_size=1, max_size=12), chosen=options)
def test_calls(client_of: Callable[[Sandbox, str], Client], requests: list[Request], chosen: dict[str, Any]) -> None:
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    sandbox.settings.patch(chosen)
    clients = [client_of(sandbox, "full"), client_of(sandbox, "second")]
    before = assets(sandbox)
    for request in requests:
        assert proper(play(clients[request.client], request)), request
    assert assets(sandbox) == before
    check_accounts(sandbox)
    for client in clients:
        assert "ZUSD" in client.call("Balance")
    assert len(sandbox.journal) == len(requests) + 2


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_day(client_of: Callable[[Sandbox, str], Client], seed: int) -> None:
    """Two accounts and the makers, hundreds of orders in each other's way, most of what they own at stake."""
    rng = random.Random(seed)
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    clients = [client_of(sandbox, "full"), client_of(sandbox, "second")]
    before = assets(sandbox)
    placed: list[str] = []
    outcomes: Counter[str] = Counter()
    for step in range(400):
        client = clients[rng.random() < 0.6]
        if rng.random() < 0.15 and placed:
            answer = client.post("CancelOrder", txid=",".join(rng.choices(placed, k=2)))
        else:
            pair = rng.choice(["XBTEUR", "XBTEUR", "XBTEUR", "XBTUSD"])
            answer = client.post(
                "AddOrder",
                pair=pair,
                type=rng.choice(["buy", "sell"]),
                ordertype=rng.choice(["limit", "limit", "limit", "market"]),
                volume=f"{rng.choice([0.02, 0.1, 1, 7]) * rng.random():.8f}",
                price=rng.choice(PRICES[pair]),
                oflags=rng.choice(["", "", "fcib", "post"]),
                timeinforce=rng.choice(["GTC", "GTC", "IOC"]),
                stptype=rng.choice(["", "cancel-oldest", "cancel-both"]),
            )
            placed += [] if answer.errors else answer.result["txid"]
        outcomes.update(answer.errors or ["fine"])
        sandbox.clock.advance(rng.choice([0, 1, SECOND]))
        if step % 40 == 0:
            check_accounts(sandbox)
    check_accounts(sandbox)
    assert assets(sandbox) == before
    # It was a day worth the name: both sides of trades between the two, and refusals for want of money.
    second = sandbox.exchange.accounts["second"]
    assert {trade.maker for trade in second.trades.values()} == {True, False}
    assert {trade.trade_id for trade in second.trades.values()} & {
        trade.trade_id for trade in sandbox.exchange.accounts["main"].trades.values()
    }
    assert outcomes["fine"] > 150
    assert outcomes["EOrder:Insufficient funds"] > 10
    reasons = {order.reason for order in second.orders.values()}
    assert {"User requested", "Cannot trade with self", "Insufficient liquidity", None} <= reasons


KNOWN_HEADERS = [b"api-key", b"api-sign", b"content-type", b"user-agent", b"content-length", b"host", b"x"]
HEADER_VALUES = [
    b"MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W",
    b"application/json",
    b"application/x-www-form-urlencoded; charset=utf-8",
    b"multipart/form-data",
    b"",
]
headers = st.lists(
    st.tuples(st.sampled_from(KNOWN_HEADERS), st.sampled_from(HEADER_VALUES) | st.binary(max_size=90)), max_size=6
)
verbs = st.sampled_from(["GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "get", ""]) | st.text(max_size=8)
known_paths = st.sampled_from(sorted(PATHS.values())).map(str.encode)
paths = known_paths | known_paths | st.tuples(known_paths, st.binary(max_size=5)).map(b"".join) | st.binary(max_size=40)
queries = st.binary(max_size=60) | st.dictionaries(names, values, max_size=3).map(
    lambda fields: urlencode(fields).encode()
)
bodies = (
    st.binary(max_size=80)
    | st.dictionaries(st.just("nonce") | names, values, max_size=3).map(lambda fields: urlencode(fields).encode())
    | jsons.map(json.dumps).map(str.encode)
    | st.dictionaries(st.just("nonce") | names, jsons, max_size=3).map(json.dumps).map(str.encode)
    | st.tuples(st.sampled_from(["[", '{"a":', "&", "%"]), st.sampled_from([1, 9000, 1 << 20])).map(
        lambda drawn: (drawn[0] * drawn[1]).encode()[: (1 << 20) + 1]
    )
)


@settings(CALM, max_examples=120)
@given(verb=verbs, path=paths, query=queries, headers=headers, body=bodies, chosen=options, agent=st.booleans())
def test_anything_at_all(
    client_of: Callable[[Sandbox, str], Client],
    verb: str,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    chosen: dict[str, Any],
    agent: bool,
) -> None:
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    sandbox.settings.patch(chosen | {"require_user_agent": agent})
    before = assets(sandbox)
    assert proper(sandbox.rest.answer(scope_of(verb, path, query, headers), body))
    assert assets(sandbox) == before
    sandbox.settings.patch({"require_user_agent": False})
    assert client_of(sandbox, "full").post("Balance").errors == []


@settings(CALM, max_examples=80)
@given(
    path=known_paths,
    body=bodies,
    nonce=numbers | st.integers(0, 2**64).map(str),
    kind=st.sampled_from(HEADER_VALUES[1:]),
)
def test_any_body_with_a_good_signature(
    client_of: Callable[[Sandbox, str], Client], path: bytes, body: bytes, nonce: str, kind: bytes
) -> None:
    """Signed for the nonce that stands in front, whatever follows it."""
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    kraken = client_of(sandbox, "full")
    for written in (b"nonce=" + quote(nonce).encode() + b"&" + body, body):
        signed = kraken.signed(path.decode(), nonce, written, kind.decode())
        sent = [(name.lower().encode(), value.encode()) for name, value in signed.items()]
        assert proper(sandbox.rest.answer(scope_of("POST", path, b"", sent), written))
    check_accounts(sandbox)


def test_the_permissions_of_a_key_never_break_an_answer(client_of: Callable[[Sandbox, str], Client]) -> None:
    """Every private endpoint with every single permission, and without any field."""
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
    for code in CODES:
        sandbox.keys.create("main", code, now=START, permissions=[code])
        client = client_of(sandbox, code)
        for endpoint in ENDPOINTS:
            if isinstance(endpoint, Private):
                assert proper(play(client, Request(endpoint.name, 0, {}, "form", "", 0)))


# The trading floor: two traders with every kind of order, the operators of the exchange, and the clock.

MIDDLES = {"XBTUSD": ("68365.1", "0.1"), "ETHXBT": ("0.03020", "0.00001"), "USDTUSD": ("0.99997", "0.00001")}
SIZES = {"XBTUSD": "0.1", "ETHXBT": "2", "USDTUSD": "500"}
FACTORS = ["1", "1", "1.0001", "0.9999", "1.001", "0.999", "1.01", "0.99", "1.1", "0.9", "10", "0.01"]
RELATIVES = ["+0.1%", "-0.1%", "#0.5%", "#1%", "-3%", "+20%", "#0.1", "+0%", "-0%", "#0", "-99.9999%", "+99999%"]
DISTANCES = ["+0.05%", "+0.5%", "+1%", "+100%", "+150%", "+10", "+0.0001%", "+0.5", "+1000000"]
OFFSETS = ["+0", "-0%", "+1%", "-1%", "+10", "-100%", "+99999%", "-999999"]
WRONG: dict[str, list[Any]] = {
    "price": [
        *WORDS,
        *NUMBERS,
        "+",
        "#",
        "%",
        "+%",
        "++1",
        "#+1",
        "+1%%",
        "#-1%",
        "-100.0001%",
        "+" + "9" * 39,
        "²",
        "−1",
    ],
    "volume": [*NUMBERS, "1000000000000000.1", "0.00000000000001", "+1", "."],
    "displayvol": ["0", "-1", "9" * 40, "0.00000000000001", "٣"],
    "leverage": ["0:1", "999", "5:2", "2:1:1", "-1", "٢", "1", "1000"],
    "oflags": ["post,viqc", "fcib,fciq", "x", ",", "POST"],
    "starttm": ["+", "-1", "+99999999999", "99999999999", "+999999999999", "1767225600", "5.5", "++5", "٣"],
    "expiretm": ["+", "-1", "+1", "+99999999999", "+2678401", "1767225605", "1e9"],
    "timeinforce": ["GTD", "FILL", "0"],
    "trigger": ["mark", "\0"],
    "txid": ["OAAAAA-AAAAA-AAAAAA", "1", "", ",", "x" * 300],
    "timeout": ["86401", "-1", "", "1.5", "+5", "9" * 30],
    "deadline": ["", "1767225605", "9999-99-99T99:99:99Z"],
}
WRONG |= {"price2": WRONG["price"], "close[price]": WRONG["price"], "close[price2]": WRONG["price"]}
WRONG |= {"limit_price": WRONG["price"], "trigger_price": WRONG["price"]}
WRONG |= {"order_qty": WRONG["volume"], "display_qty": WRONG["displayvol"]}
NESTED: list[Any] = [None, True, -1, 1e300, 2**70, [], {}, [[]], [{}, {}], {"a": {"b": 1}}, {"]": "["}, [[[["x"]]]]]
RULES: list[dict[str, Any]] = [
    {"tick_size": "1"},
    {"tick_size": "0.00001"},
    {"tick_size": "1000000"},
    {"ordermin": "0"},
    {"ordermin": "1000000000000000"},
    {"costmin": "1000000"},
    {"pair_decimals": 0},
    {"fees": [[0, "-100"], [1000, "100"]], "fees_maker": [[0, "-0.5"], [50, "100"]]},
    {"fees": [[0, "100"]], "fees_maker": [[0, "-100"]]},
    {"leverage_buy": [], "leverage_sell": [2, 3]},
    {"margin_call": 10_000, "margin_stop": 1000},
    {"margin_call": 0, "margin_stop": 0},
    {"margin_open_fee": "100", "margin_rollover_fee": "100"},
    {"long_position_limit": 0, "short_position_limit": 1},
]
BACK = dict.fromkeys(["status", *{field: None for rules in RULES for field in rules}])
VIEWS: list[tuple[str, dict[str, str]]] = [
    ("BalanceEx", {}),
    ("TradeBalance", {"asset": "XBT"}),
    ("OpenOrders", {"trades": "true"}),
    ("ClosedOrders", {"trades": "true"}),
    ("OpenPositions", {"docalcs": "true"}),
    ("OpenPositions", {"docalcs": "true", "consolidation": "market"}),
    ("TradesHistory", {"trades": "true", "ledgers": "true"}),
    ("TradesHistory", {"consolidate_taker": "false", "type": "closed position"}),
    ("Ledgers", {}),
]


FLOOR_STEPS = 500


class Floor:
    """What happens next, drawn from a seed and from how things stand."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self.sandbox = sandbox
        self.control = Control(sandbox)
        self.rng = random.Random(seed)
        self.accounts = [sandbox.exchange.accounts[name] for name in ("main", "second")]
        self.pairs = self.rng.sample(list(MIDDLES), 2)

    def price(self, pair: str) -> str:
        """Near the market, on a tick of the recorded ones."""
        middle, tick = map(Decimal, MIDDLES[pair])
        found = self.sandbox.catalog.trading_pair(pair)
        assert found is not None
        market = self.sandbox.exchange.markets.get(found.id)
        if market is not None and market.tape.last_price:
            middle = Decimal(market.tape.last_price).scaleb(-found.price_scale)
        return f"{max(middle * Decimal(self.rng.choice(FACTORS)) // tick, 1) * tick:f}"

    def written(self, pair: str) -> str:
        return self.price(pair) if self.rng.random() < 0.6 else self.rng.choice(RELATIVES)

    def size(self, pair: str) -> str:
        return f"{Decimal(SIZES[pair]) * Decimal(self.rng.choice(['0.1', '0.3333333', '1', '1', '2.5', '30'])):.8f}"

    def order(self, pair: str) -> dict[str, Any]:
        """Fields that fit the type of order, and some extras."""
        rng, kind = self.rng, self.rng.choice(TYPES)
        order = {"type": rng.choice(["buy", "sell"]), "ordertype": kind, "volume": self.size(pair)}
        if kind not in ("market", "settle-position"):
            order["price"] = rng.choice(DISTANCES) if kind.startswith("trailing") else self.written(pair)
        if kind.endswith("-limit"):
            order["price2"] = rng.choice(OFFSETS) if kind.startswith("trailing") else self.written(pair)
        if kind == "iceberg":
            order["displayvol"] = f"{Decimal(order['volume']) / rng.choice([1, 3, 14, 16]):.8f}"
        if rng.random() < 0.4 or kind == "settle-position":
            order["leverage"] = rng.choice(["2", "2:1", "none", "5"])
            if rng.random() < 0.2:
                order["reduce_only"] = "true"
            if rng.random() < 0.2:
                order["volume"] = "0"
        extras: dict[str, list[str]] = {
            "oflags": ["post" if kind in ("limit", "iceberg") else "viqc" if kind == "market" else "nompp", "fcib"],
            "timeinforce": ["GTC", "IOC", "FOK"],
            "starttm": ["+1", "+60"],
            "expiretm": ["+90", "+90000", "+2678400"],
            "stptype": ["cancel-oldest", "cancel-both"],
            "trigger": ["last", "index"] if "stop" in kind or "profit" in kind else [""],
            "userref": ["1", "-7", "2147483647"],
            "sender_sub_id": ["a", "b"],
        }
        for name in rng.sample(list(extras), rng.choice([0, 0, 1, 2])):
            order[name] = rng.choice(extras[name])
        if rng.random() < 0.2:
            closing = rng.choice([kind for kind in TYPES if kind not in ("market", "settle-position")])
            trailing = closing.startswith("trailing")
            order["close[ordertype]"] = closing
            order["close[price]"] = rng.choice(DISTANCES) if trailing else self.written(pair)
            if closing.endswith("-limit"):
                order["close[price2]"] = rng.choice(OFFSETS if trailing else RELATIVES)
        elif rng.random() < 0.1 and "userref" not in order:
            order["cl_ord_id"] = rng.choice("abc")
        return order

    def quantity(self, order: Order) -> str:
        """A volume about what an order has, has had, or may have."""
        lots = self.rng.choice([order.vol // 2, order.vol * 2, order.vol * 300, order.vol_exec, order.vol_exec + 1])
        return fmt(lots, order.market.pair.lot_decimals)

    def trader(self) -> Request:
        """A call by one of the traders: mostly a good one."""
        rng = self.rng
        client, pair, form = int(rng.random() < 0.3), rng.choice(self.pairs), rng.choice(["form", "form", "json"])
        known = list(self.accounts[client].open.values())[-10:]
        method = rng.choices(
            ["AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder"], [50, 8, 24, 16, 8]
        )[0]
        fields: dict[str, Any]
        if method == "AddOrder" or (not known and method != "AddOrderBatch"):
            method, fields = "AddOrder", {"pair": pair, **self.order(pair)}
        elif method == "AddOrderBatch":
            several = [self.order(pair) for _ in range(rng.choice([2, 2, 3, 15, 16]))]
            fields = {"pair": pair, "orders": several}
            if form == "form":
                fields = {"pair": pair} | {
                    f"orders[{index}][{name}]": text for index, one in enumerate(several) for name, text in one.items()
                }
        else:
            order = rng.choice(known)
            pair = order.market.pair.altname
            fields = {"txid": order.txid}
            trailing = order.stop is not None and order.stop.trailing
            offered = {
                "AmendOrder": {
                    "order_qty": self.quantity(order),
                    "limit_price": rng.choice(OFFSETS) if trailing else self.written(pair),
                    "trigger_price": rng.choice(DISTANCES) if trailing else self.written(pair),
                    "display_qty": self.quantity(order),
                    "post_only": "true",
                },
                "EditOrder": {
                    "volume": self.quantity(order),
                    "price": rng.choice(DISTANCES) if trailing else self.written(pair),
                    "price2": rng.choice(OFFSETS) if trailing else self.written(pair),
                    "displayvol": self.quantity(order),
                    "oflags": "post",
                },
                "CancelOrder": {},
            }[method]
            if method == "EditOrder":
                fields["pair"] = pair
            if order.display is None:
                offered = {name: text for name, text in offered.items() if not name.startswith("display")}
            if order.stop is not None:
                offered = {name: text for name, text in offered.items() if name not in ("post_only", "oflags")}
            fields |= {
                name: offered[name] for name in rng.sample(list(offered), min(len(offered), rng.choice([1, 1, 2])))
            }
        if rng.random() < 0.15:
            self.spoil(fields, form)
        return Request(method, client, fields, form, "", 0)

    def spoil(self, fields: dict[str, Any], form: str) -> None:
        """Let there be something wrong with a call, or nothing but validated."""
        rng = self.rng
        name = rng.choice(
            [*fields, *FIELDS["AddOrder"], "txid", "timeout", "orders[0][close][price]", "orders[-1][type]"]
        )
        how = rng.randrange(5)
        if how == 0:
            fields.pop(name, None)
        elif how == 1 and form == "json":
            fields[name] = rng.choice(NESTED)
        elif how == 2:
            fields[name + rng.choice(["[]", "[0]", "[x]", "[", "]", "[999999999999]", "[0][0]"])] = fields.pop(
                name, "1"
            )
        elif how == 3:
            fields["validate"] = rng.choice(["true", "x"])
        else:
            fields[name] = rng.choice(WRONG.get(name, WRONG["price"]))

    def operator(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A call of the control API."""
        rng, pair = self.rng, self.rng.choice(self.pairs)
        if rng.random() < 0.3:  # What lets nobody trade does not last.
            back = [(status.set_status, ({"status": "online"},)), (Control.change_account, ("main", {"state": "ok"}))]
            return rng.choice([*back, (pairs.change_rules, (pair, BACK)), (pairs.change_rules, (pair, BACK))])
        known = [order.txid for account in self.accounts for order in account.open.values()]
        bids, asks = ([[self.price(pair), self.size(pair)]] for _ in range(2))
        trade = {"side": rng.choice(["buy", "sell"]), "volume": self.size(pair)}
        state = rng.choice(["maintenance", "cancel_only", "post_only", "limit_only"])
        calls: list[tuple[int, Callable[..., Any], tuple[Any, ...]]] = [
            (14, Control.move_clock, ({"advance": rng.choice(["1ms", "1s", "10s", "61s", "1h", "4h", "5d"])},)),
            (10, markets.change_market, (pair, {"price": self.price(pair)})),
            (5, markets.change_market, (pair, {"gap": rng.choice(["-40%", "-5%", "+5%", "+100%"])})),
            (5, markets.change_market, (pair, {"trade": trade})),
            (3, markets.change_market, (pair, {"book": {"bids": bids, "asks": asks}})),
            (4, markets.change_market, (pair, {"model": rng.choice(["static", "calm", "calm", "walk"])})),
            (4, pairs.set_index, (pair, {"price": rng.choice([None, self.price(pair), "1000000000000000"])})),
            (6, markets.fill_order, (rng.choice([*known, "x"]), {})),
            (2, status.set_status, ({"status": state},)),
            (2, status.set_status, ({"pair": pair, "status": rng.choice([state, "reduce_only", "delisted"])},)),
            (9, pairs.change_rules, (pair, rng.choice(RULES))),
            (2, Control.change_account, ("main", {"state": rng.choice(["locked", "disabled", "unconfirmed"])})),
            (1, Control.change_account, ("second", {"margin": rng.random() < 0.5})),
            (2, Control.change_settings, ({"triggered_at_entry": rng.choice(["cancel", "fire"])},)),
            (2, Control.change_settings, ({"stops_hold_funds": rng.random() < 0.5},)),
        ]
        _, operation, given = rng.choices(calls, [weight for weight, *_ in calls])[0]
        return operation, given

    def trace(self) -> list[Any]:
        """All that a refused call must leave as it was."""
        exchange = self.sandbox.exchange
        rows: list[Any] = [dict(exchange.house.balances), dict(exchange.fees.balances), exchange.status]
        for account in self.accounts:
            rows += [
                account.state,
                dict(account.balances),
                +Counter(account.held),
                list(account.open),
                len(account.ledger),
            ]
            rows += [
                (order_row(order, trades=True), order.place, order.queued, order.shown, order.hold, len(order.amends))
                for order in account.orders.values()
            ]
            rows += [
                (position.id, position.vol_closed, position.rollovers) for position in account.positions.open.values()
            ]
            rows += [[(stop.level, stop.seq, stop.extreme) for order in account.open.values() if (stop := order.stop)]]
        return rows

    def check(self) -> None:
        """Every open order waits in one place, and books and triggers have no others."""
        check_accounts(self.sandbox)
        waiting: Counter[str] = Counter()
        for account in self.accounts:
            for order in account.open.values():
                assert order.place or order.status == "pending", order.txid
                assert order.remaining > 0
                waiting[order.market.pair.id] += order.place == "triggers"
        for market in self.sandbox.exchange.markets.values():
            assert market.triggers.count == waiting[market.pair.id]
            for levels in (market.book.bids, market.book.asks):
                for level in levels.values():
                    assert level.volume == sum(order.offered for order in level.orders.values()) > 0
            bid, ask = market.book.best_bid, market.book.best_ask
            assert bid is None or ask is None or bid.price < ask.price


@pytest.mark.parametrize("seed", range(6))
def test_a_trading_floor(
    client_of: Callable[[Sandbox, str], Client], caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """Every kind of order, changes, states, rules and prices in each other's way; what is refused leaves no trace."""
    chosen = {"triggered_at_entry": ["cancel", "fire"][seed % 2], "stops_hold_funds": seed % 3 == 0}
    sandbox = Sandbox(settings=Settings.of(seed=seed, rate_limits="off", **chosen), start=START)
    clients = [client_of(sandbox, "full"), client_of(sandbox, "second")]
    floor = Floor(sandbox, seed)
    floor.control.replace_balances("main", {"ZUSD": "30000", "XXBT": "1", "XETH": "20", "USDT": "3000", "KFEE": "9"})
    before = assets(sandbox)
    taken: Counter[str] = Counter()
    for step in range(FLOOR_STEPS):
        stood = floor.trace()
        if floor.rng.random() < 0.7:
            request = floor.trader()
            answer = play(clients[request.client], request)
            assert proper(answer), request
            # A new order has a txid, unless all of a batch was refused, or it was only validated.
            done = b'"txid"' in answer.body or request.method in ("AmendOrder", "CancelOrder")
            refused = not answer.body.startswith(b'{"error":[]') or not done
            taken[request.method] += not refused
        else:
            operation, given = floor.operator()
            refused = False
            try:
                floor.control.perform(operation, *given)
            except ControlError:
                refused = True
            taken[operation.__name__] += not refused
        if refused:
            assert floor.trace() == stood, step
        floor.check()
        assert assets(sandbox) == before
        if step % 40 == 39:
            for client in clients:
                sandbox.exchange.accounts["main"].state = "ok"
                assert [client.post(method, **fields).errors for method, fields in VIEWS] == [[]] * len(VIEWS)
    assert not caplog.records
    assert len(taken) >= 10  # It was a day worth the name.
    assert taken["AddOrder"] > 15
    assert taken["AmendOrder"]
    assert taken["EditOrder"]
    placed = {order.ordertype for account in floor.accounts for order in account.orders.values()}
    assert len(placed) >= 6


# What was found while the floor was being written.


def test_an_amend_to_a_volume_that_is_cut_down_to_nothing_is_refused(kraken: Client) -> None:
    for leverage in ("none", "2"):
        txid = kraken.buy("0.1", "60000", leverage=leverage)
        refusal = kraken.post("AmendOrder", txid=txid, order_qty="0.000000001").refusal
        assert refusal == "EOrder:Order minimum not met"
        assert kraken.row(txid)["vol"] == "0.10000000"


def test_a_volume_that_is_cut_down_to_nothing_does_not_close_all_of_a_position(kraken: Client) -> None:
    kraken.buy("0.1", leverage="2")
    fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "leverage": "2"}
    assert kraken.post("AddOrder", volume="0.000000001", **fields).refusal == "EOrder:Order minimum not met"
    [position] = kraken.call("OpenPositions").values()
    assert position["vol_closed"] == "0.00000000"
    kraken.call("AddOrder", volume="0.000", **fields)
    assert kraken.call("OpenPositions") == {}
