"""Whatever a client says, it is answered in a form that clients know, and nobody else is the worse for it.

Messages are garbage, or requests made of the declarations of all channels and methods with right and wrong values, on
all doors and both versions. A bystander looks at every rule of its feeds meanwhile, and a second sandbox of the same
seed has to send the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from audience import Line, same_levels, same_orders
from book_clients import Book1, Book2, Level3
from feed_clients import Balances, Executions, OpenOrders, Trades2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ws_answers import nothing_goes_wrong, replies_of

from mockkraken.clock import SECOND
from mockkraken.control.operations import Control
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings
from mockkraken.ws.v1.subscriptions import CHANNELS as CHANNELS_1
from mockkraken.ws.v1.trading import METHODS as METHODS_1
from mockkraken.ws.v2.session import CHANNELS, METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire

    from mockkraken.ws.declared import Channel, Field, Method

    Connect = Callable[..., Wire]

START = 1_767_225_600 * SECOND
CALM = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DOORS = ("/v2", "/ws/v2", "/ws-auth/v2", "/ws-l3/v2", "/", "/ws", "/ws-auth")

# What texts and numbers are put in when a message is sent.
TOKEN, ISSUED, BARE = "<token>", "<issued>", "<bare>"

ODD_NUMBERS = (
    *("0", "-0", "-1", "1e400", "-1e-400", "1E+2", "1e5", "0.1e-3", "9" * 19, "9" * 400, "9" * 5000, "1e99999999999"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "0.00000000000000000000000000001"),
)
NOT_JSON = ("NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "'a'", "nul", "{", '"', '"\\ud800', "\x00")
TEXTS = (
    TOKEN,
    *("", " ", "*", "é", "\0", "🚀", "İ", "\ud800", "\udfff\ud800", "a" * 300, "true", "false", "1", "-1", "1e5"),
    *(
        "2026-01-01T00:00:30Z",
        "2026-01-01T00:00:01.5Z",
        "9999-99-99T99:99:99Z",
        "+60",
        "#1%",
        "-5%",
        "OAAAAA-AAAAA-AAAAAA",
    ),
)
WORDS: dict[str, tuple[str, ...]] = {
    "symbol": (*["BTC/USD"] * 9, "btc/usd", "ETH/USD", "XBT/USD", "FOO/USD", "foobar", "*", "A" * 300),
    "pair": (*["XBT/USD"] * 9, "ETH/USD", "BTC/USD", "FOO/USD", "foobar", "XBTUSD"),
    "order_type": (*["limit"] * 9, "market", "iceberg", "stop-loss", "trailing-stop"),
    "side": ("buy", "sell"),
    "type": ("buy", "sell"),
    "token": (*[TOKEN] * 12, "none", ""),
    "time_in_force": ("gtc", "GTC", "ioc", "fok", "gtd"),
    "timeinforce": ("GTC", "IOC", "GTD"),
    "event_trigger": ("trades", "bbo", "none"),
    "order_id": (ISSUED, ISSUED, TOKEN, "OAAAAA-AAAAA-AAAAAA"),
    "txid": (ISSUED, ISSUED, "OAAAAA-AAAAA-AAAAAA", "7"),
    "orderid": (ISSUED, ISSUED, "7"),
    "orders": (ISSUED, "7"),
    "cl_ord_id": ("a", "b", "mine", TOKEN),
    "users": ("all", "none"),
    "price_type": ("static", "pct", "quote"),
    "limit_price_type": ("static", "pct", "quote"),
    "reference": ("last", "index"),
    "stp_type": ("cancel_newest", "cancel_oldest", "cancel_both"),
    "fee_preference": ("base", "quote"),
    "close[ordertype]": ("limit", "stop-loss"),
}
WORDS["ordertype"] = WORDS["order_type"]
NUMBERS: dict[str, tuple[str, ...]] = {
    "depth": ("10", "10", "25", "100", "500", "1000", "42"),
    "interval": ("1", "5", "60", "21600", "7"),
    "order_qty": ("0.001", "0.01", "0.05", "3"),
    "volume": ("0.001", "0.01", "0.05", "3"),
    "limit_price": ("60000", "68342.3", "68342.4", "68400.0", "68342.45"),
    "price": ("60000", "68342.3", "68342.4", "68400.0", "1"),
    "timeout": ("0", "10", "60", "-1"),
    "display_qty": ("0.001", "0.01"),
    "order_userref": ("7", "-7"),
}
SENSE = {"cl_ord_id", "order_userref", "time_in_force", "timeinforce", "stp_type", *NUMBERS}
TRADING_1 = {method.name: method for method in METHODS_1}
SUBSCRIBED_1 = {channel.name: channel for channel in CHANNELS_1}


# The one who is watched, and who looks at every rule of what it hears


class Bystander:
    """Hears a market and the account that everybody fuzzes."""

    def __init__(self, sandbox: Sandbox, connect: Connect) -> None:
        self.market = sandbox.exchange.market(sandbox.catalog.pair("XXBTZUSD"))
        low = dict.fromkeys(("bids", "asks"), 0)  # what moves in is not looked at here
        self.lines = [Line(connect(sandbox, path)) for path in ("/v2", "/v2", "/")]
        first, second, old = self.lines
        token = first.wire.token()
        self.book = first.subscribe(Book2(10, low), "book", "BTC/USD", depth=10)
        self.deep = second.subscribe(Book2(100, low), "book", "BTC/USD", depth=100)
        self.orders = first.subscribe(Level3(10, low), "level3", "BTC/USD", depth=10, token=token)
        self.trades = first.subscribe(Trades2(), "trade", "BTC/USD", snapshot=True)
        self.executions = first.subscribe(Executions(), "executions", token=token)
        self.balances = first.subscribe(Balances(), "balances", token=token)
        self.old = old.subscribe(Book1(10, low), "book", "XBT/USD", depth=10)
        self.open = old.subscribe(OpenOrders(), "openOrders", token=token)
        self.account = sandbox.exchange.accounts["main"]

    def look(self) -> None:
        for line in self.lines:
            line.drain()

    def has_missed_nothing(self) -> None:
        self.look()
        for book in (self.book, self.deep, self.old):
            same_levels(book, self.market)
        same_orders(self.orders, self.market)
        assert self.executions.open() == self.open.open() == set(self.account.open)


class Stage:
    """A sandbox with a bystander, and clients that say anything."""

    def __init__(self, connect: Connect, **changes: Any) -> None:
        self.sandbox = Sandbox(settings=Settings.of(**{"rate_limits": "off", **changes}), start=START)
        events = self.sandbox.exchange.events
        self.connect = connect
        self.listening = (events.book, events.trade, events.order, events.ledger)
        self.sandbox.ws  # noqa: B018  # from now on, it listens
        self.before = [list(heard) for heard in self.listening]
        self.bystander = Bystander(self.sandbox, connect)
        self.wires: dict[str, Wire] = {}
        self.tokens: list[str] = [self.bystander.lines[0].wire.token()]
        self.bytes: list[bytes] = []

    def wire(self, path: str) -> Wire:
        if path in self.wires and not self.wires[path].socket.open:
            self.hang_up(path)  # it was closed for being idle
        if path not in self.wires:
            self.wires[path] = self.connect(self.sandbox, path)
            self.bytes += self.wires[path].raw
        return self.wires[path]

    def say(self, path: str, text: str | bytes) -> list[dict[str, Any]]:
        """What comes back; somebody else may have brought frames before it."""
        wire = self.wire(path)
        wire.take()
        self.bytes += wire.raw
        replies = replies_of(wire.say_raw(self.filled(text)), wire.connection.dialect.version)
        self.bytes += wire.raw
        assert replies, "no answer"
        self.bystander.look()
        return replies

    def filled(self, text: str | bytes) -> str | bytes:
        """A message with what only this sandbox knows in it."""
        if isinstance(text, bytes):
            return text
        if TOKEN in text:
            self.tokens.append(self.bystander.lines[0].wire.token())
            text = text.replace(TOKEN, self.tokens[-1])
        if ISSUED in text:
            issued = [*self.bystander.account.open, *self.bystander.account.orders, "OAAAAA-AAAAA-AAAAAA"]
            text = text.replace(ISSUED, issued[0])
        return text

    def hang_up(self, path: str) -> None:
        if path in self.wires:
            self.wires.pop(path).leave()

    def advance(self, span: str) -> None:
        Control(self.sandbox).perform(Control.move_clock, {"advance": span})
        self.bystander.look()

    def end(self) -> None:
        """Everybody leaves, and nothing is left of them."""
        self.bystander.has_missed_nothing()
        for path in list(self.wires):
            self.hang_up(path)
        self.bystander.has_missed_nothing()
        for line in self.bystander.lines:
            line.wire.leave()
        sandbox = self.sandbox
        feeds = sandbox.ws._venue.feeds
        assert sandbox.connections() == []
        assert feeds.topics == 0
        assert [list(heard) for heard in self.listening] == self.before
        assert all(not grant.users for grant in sandbox.tokens._grants.values())
        written = json.dumps(sandbox.journal.records()[0], ensure_ascii=False)
        assert not [token for token in self.tokens if token in written or token[:20] in written]


# Garbage


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
members = st.sampled_from(
    (
        "method",
        "params",
        "req_id",
        "channel",
        "symbol",
        "event",
        "reqid",
        "pair",
        "subscription",
        "name",
        "token",
        "depth",
    )
)
nearly = st.dictionaries(members, anything, max_size=6)
broken = st.sampled_from(
    [
        *("", " ", "[]", "null", "1", '""', "{}", "{}{}", "{},", '{"method"', '{"method":"ping"} x', "\ufeff{}", "\0"),
        *('{"method":"ping","method":"subscribe"}', '{"event":"ping","event":1}', '{"a":1,"a":2}'),
        *(f'{{"method":"ping","req_id":{number}}}' for number in (*ODD_NUMBERS, *NOT_JSON)),
        *(f'{{"event":"ping","reqid":{number}}}' for number in (*ODD_NUMBERS, *NOT_JSON)),
        *(f'{{"method":{number}}}' for number in ODD_NUMBERS),
        *(f'{{"event":{number}}}' for number in ODD_NUMBERS),
        *(bracket * depth for bracket in ("[", '{"a":', '{"params":[') for depth in (90, 1000, 100_000)),
        *("[" * depth + "]" * depth for depth in (50, 99, 500, 20_000)),
        *('{"method":"subscribe","params":' + "[" * depth + "]" * depth + "}" for depth in (50, 99, 500, 20_000)),
        *(
            '{"event":"subscribe","subscription":{"name":' + "[" * d + "]" * d + "}}"
            for d in (50, 96, 97, 98, 500, 20_000)
        ),
        *(
            '{"event":"subscribe","pair":[' + "[" * d + "]" * d + '],"subscription":{"name":"book"}}'
            for d in (50, 96, 500)
        ),
        *('{"method":"ping","req_id":"\\ud800"}', '{"method":"\\ud800"}', '{"event":"\\ud800"}', '{"\\udc00":1}'),
    ]
)
garbage = (
    broken
    | st.text(max_size=60)
    | st.binary(max_size=60)
    | anything.map(json.dumps)
    | nearly.map(json.dumps)
    | nearly.map(lambda value: json.dumps(value).encode())
    | nearly.map(lambda value: json.dumps(value)[:-1])
)


@settings(CALM, max_examples=70)
@given(said=st.lists(st.tuples(st.sampled_from(DOORS), garbage), min_size=5, max_size=25))
def test_garbage_is_answered(wire_of: Connect, said: list[tuple[str, str | bytes]]) -> None:
    stage = Stage(wire_of)
    with nothing_goes_wrong():
        for path, text in said:
            stage.say(path, text)
        stage.end()


# Requests


def bare(number: str) -> str:
    """A number that JSON gets as it is written here."""
    return f"{BARE}{number}{BARE}"


def written(message: Any) -> str:
    """As JSON, numbers as they are written."""
    return re.sub(rf'"{BARE}([^"]*){BARE}"', r"\1", json.dumps(message))


def right(field: Field, version: int) -> st.SearchStrategy[Any]:
    """Values of a field's own type, mostly such as make sense."""
    if field.fields:
        inner = st.fixed_dictionaries(
            {part.name: right(part, version) for part in field.fields if part.required},
            optional={part.name: right(part, version) for part in field.fields if not part.required},
        )
        return st.lists(inner, min_size=1, max_size=3) if field.kind == "array" else inner
    kind = field.items if field.kind == "array" else field.kind
    found: st.SearchStrategy[Any]
    if kind == "boolean":
        found = st.booleans()
    elif kind in ("number_float", "number_integer") or (version == 1 and field.name in NUMBERS):
        # Version 1 has its numbers in quotes.
        texts = st.sampled_from(NUMBERS.get(field.name, ("1", "2.5", "10")))
        odd = st.sampled_from(ODD_NUMBERS[:-4] if version == 1 else ODD_NUMBERS)
        number = texts if field.name in NUMBERS else texts | odd
        found = number | number.map(bare) if version == 1 else number.map(bare)
    elif field.name in WORDS:
        found = st.sampled_from(WORDS[field.name])
    else:
        found = st.sampled_from(TEXTS)
    return st.lists(found, min_size=1, max_size=3) if field.kind == "array" else found


wrong = scalars | st.sampled_from(ODD_NUMBERS).map(bare) | st.just([]) | st.just({}) | st.just([[{}]]) | anything


@st.composite
def params_of(draw: st.DrawFn, fields: tuple[Field, ...], version: int) -> dict[str, Any]:
    """What a message may say: mostly what makes sense, else anything that it may have, or something wrong."""
    wild = draw(st.integers(0, 3))
    if wild:
        return {
            field.name: draw(right(field, version))
            for field in fields
            if field.required or (field.name in SENSE and draw(st.integers(0, 9)) == 0)
        }
    found = {
        field.name: draw(right(field, version)) for field in fields if field.required or draw(st.integers(0, 5)) == 0
    }
    spoilt = draw(st.integers(0, 3))
    if spoilt == 0 and found:
        found[draw(st.sampled_from(sorted(found)))] = draw(wrong)
    elif spoilt == 1 and found:
        del found[draw(st.sampled_from(sorted(found)))]
    elif spoilt == 2:
        found[draw(st.sampled_from(("leverage", "maxratecount", "é", "")))] = draw(scalars)
    return found


def declared(name: str, kind: Any = "string", **more: Any) -> Field:
    from mockkraken.ws.declared import Field

    return Field(name, kind, required=True, **more)


def channel_fields(channel: Channel, version: int) -> tuple[Field, ...]:
    fields = list(channel.fields)
    if channel.kind != "public":
        fields.append(declared("token"))
    if channel.by_symbol and version == 2:
        fields.append(declared("symbol", "array", items="string"))
    return tuple(fields)


@st.composite
def requests_2(draw: st.DrawFn) -> str:
    message: dict[str, Any]
    which = draw(st.integers(0, 11))
    if which == 0:
        message = {"method": "ping"}
    elif which < 7:
        channel = CHANNELS[draw(st.sampled_from(sorted(CHANNELS)))]
        params = draw(params_of(channel_fields(channel, 2), 2))
        verb = draw(st.sampled_from(("subscribe", "subscribe", "unsubscribe")))
        message = {"method": verb, "params": {"channel": channel.name, **params}}
    else:
        method = METHODS[draw(st.sampled_from((*sorted(METHODS), "add_order", "add_order", "add_order")))]
        params = draw(params_of((declared("token"), *method.fields, *wanted(method)), 2))
        message = {"method": method.name, "params": params}
    if draw(st.booleans()):
        message["req_id"] = draw(st.sampled_from((*range(9), 2**63 - 1, 2**63, -1, "1", 1.5, None, True)))
    return written(message)


@st.composite
def requests_1(draw: st.DrawFn) -> str:
    message: dict[str, Any]
    which = draw(st.integers(0, 11))
    if which == 0:
        message = {"event": "ping"}
    elif which < 7:
        name = draw(st.sampled_from((*sorted(SUBSCRIBED_1), "*")))
        channel = SUBSCRIBED_1.get(name)
        subscription = {} if channel is None else draw(params_of(channel_fields(channel, 1), 1))
        verb = draw(st.sampled_from(("subscribe", "subscribe", "unsubscribe")))
        message = {"event": verb, "subscription": {"name": name, **subscription}}
        if channel is None or channel.by_symbol or draw(st.integers(0, 9)) == 0:
            message["pair"] = draw(st.lists(st.sampled_from(WORDS["pair"]), min_size=0, max_size=3) | wrong)
        if verb == "unsubscribe" and draw(st.booleans()):
            message = {"event": verb, "channelID": draw(st.integers(0, 100_000) | wrong)}
    else:
        method = TRADING_1[draw(st.sampled_from((*sorted(TRADING_1), *["addOrder"] * 4)))]
        message = {"event": method.name, **draw(params_of((declared("token"), *method.fields, *wanted(method)), 1))}
    if draw(st.booleans()):
        message["reqid"] = draw(st.sampled_from((*range(9), 2**63, -1, "1", 1.5, None, True)))
    return written(message)


def wanted(method: Method) -> tuple[Field, ...]:
    """What a useful request has although nothing requires it."""
    from msgspec.structs import replace

    useful = ("order_qty", "volume", "limit_price", "price", "order_id", "txid", "ordertype", "type", "orderid")
    return tuple(replace(field, required=True) for field in method.fields if field.name in useful)


# A test in which nothing passes proves little; only what comes up often is asked for.
REACHED = ("subscribe", "add_order", "cancel_all", "subscriptionStatus", "addOrderStatus")

steps = st.one_of(
    st.tuples(st.sampled_from((*["/v2"] * 9, *DOORS[1:4])), requests_2()),
    st.tuples(st.sampled_from((*["/"] * 9, *DOORS[5:])), requests_1()),
    st.tuples(st.sampled_from(DOORS), st.sampled_from(("hang up", "1s", "61s"))),
)


def test_requests_of_all_kinds(wire_of: Connect) -> None:
    tally: Counter[str] = Counter()

    @settings(CALM, max_examples=140)
    @given(said=st.lists(steps, min_size=5, max_size=30), limits=st.sampled_from(("off", "off", "on")))
    def play(said: list[tuple[str, str]], limits: str) -> None:
        stages = [Stage(wire_of, rate_limits=limits) for _ in range(2)]
        with nothing_goes_wrong():
            for stage in stages:
                for path, text in said:
                    if text == "hang up":
                        stage.hang_up(path)
                    elif text in ("1s", "61s"):
                        stage.advance(text)
                    else:
                        replies = stage.say(path, text)
                        tally.update(name for reply in replies if (name := granted(reply)))
            first, second = stages
            assert first.bytes == second.bytes
            for stage in stages:
                stage.end()

    play()
    print(tally)
    assert [name for name in REACHED if not tally[name]] == []


def granted(reply: dict[str, Any]) -> str | None:
    """What a reply says was done."""
    if reply.get("success") or reply.get("status") in ("ok", "subscribed", "unsubscribed"):
        return str(reply.get("method", reply.get("event")))
    return None


# Each field with each type


def name_of(one: Channel | Method) -> str:
    return one.name


def values() -> dict[str, Any]:
    return {
        "null": None,
        "true": True,
        "text": "x",
        "empty": "",
        "number": 7,
        "fraction": bare("1.5"),
        "huge": bare("9" * 5000),
        "absurd": bare("1e99999"),
        "array": ["x"],
        "numbers": [1, bare("2.5")],
        "nothing": [],
        "nested": [[{"x": [1]}]],
        "object": {"x": 1},
        "bare": {},
        "surrogate": "\ud800",
    }


def sensible(fields: tuple[Field, ...], version: int) -> dict[str, Any]:
    """Right values for what a message must have."""
    found: dict[str, Any] = {}
    for field in fields:
        if not field.required:
            continue
        value: Any = WORDS.get(field.name, ("x",))[0]
        if field.name in NUMBERS:
            value = NUMBERS[field.name][0] if version == 1 else bare(NUMBERS[field.name][0])
        if field.fields:
            value = sensible(field.fields, version)
        found[field.name] = [value] * 2 if field.kind == "array" else value
    return found


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=name_of)
def test_each_field_of_a_subscription_with_each_type(wire_of: Connect, channel: Channel) -> None:
    stage = Stage(wire_of)
    fields = channel_fields(channel, 2)
    with nothing_goes_wrong():
        for field in (*fields, declared("channel")):
            for value in values().values():
                params = {"channel": channel.name, **sensible(fields, 2), field.name: value}
                for verb in ("subscribe", "unsubscribe"):
                    stage.say("/v2", written({"method": verb, "params": params}))
        stage.end()


@pytest.mark.parametrize("method", METHODS.values(), ids=name_of)
def test_each_field_of_a_method_with_each_type(wire_of: Connect, method: Method) -> None:
    stage = Stage(wire_of)
    fields = (declared("token"), *method.fields, *wanted(method))
    with nothing_goes_wrong():
        for field in fields:
            inner = [(field.name, part.name) for part in field.fields]
            for value in values().values():
                for path in [(field.name,), *inner]:
                    params = sensible(fields, 2)
                    if len(path) == 1:
                        params[field.name] = value
                    else:
                        part = sensible(field.fields, 2) | {path[1]: value}
                        params[field.name] = [part, part] if field.kind == "array" else part
                    stage.say("/v2", written({"method": method.name, "params": params}))
        stage.end()


@pytest.mark.parametrize("method", METHODS_1, ids=name_of)
def test_each_field_of_a_method_of_version_1_with_each_type(wire_of: Connect, method: Method) -> None:
    stage = Stage(wire_of)
    fields = (declared("token"), *method.fields, *wanted(method))
    with nothing_goes_wrong():
        for field in (*fields, declared("reqid")):
            for value in values().values():
                stage.say("/", written({"event": method.name, **sensible(fields, 1), field.name: value}))
        stage.end()


@pytest.mark.parametrize("channel", CHANNELS_1, ids=name_of)
def test_each_field_of_a_subscription_of_version_1_with_each_type(wire_of: Connect, channel: Channel) -> None:
    stage = Stage(wire_of)
    fields = channel_fields(channel, 1)
    with nothing_goes_wrong():
        for name in (*(field.name for field in fields), "name", "pair", "subscription"):
            for value in values().values():
                subscription = {"name": channel.name, **sensible(fields, 1)}
                message: dict[str, Any] = {"subscription": subscription}
                if channel.by_symbol:
                    message["pair"] = ["XBT/USD"]
                (message if name in ("pair", "subscription") else subscription)[name] = value
                for verb in ("subscribe", "unsubscribe"):
                    stage.say("/", written({"event": verb, **message}))
        stage.end()
