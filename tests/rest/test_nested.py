"""Arguments within arguments, in every spelling that real clients send (kraken/30 §1.2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import pytest

from mockkraken.errors import KrakenError
from mockkraken.rest import params
from mockkraken.rest.body import FIELDS_MAX, Fields, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000"}


def form_of(fields: dict[str, Any]) -> bytes:
    """A form with brackets as they are."""
    return "&".join(f"{name}={quote(str(value))}" for name, value in fields.items()).encode()


def escaped_form_of(fields: dict[str, Any]) -> bytes:
    """A form with brackets percent-encoded, as most libraries write them."""
    return "&".join(f"{quote(name)}={quote(str(value))}" for name, value in fields.items()).encode()


def flat(name: str, value: Any) -> dict[str, Any]:
    """What a nested value is called in a form: `orders[0][close][price]`."""
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    else:
        return {name: value}
    return {key: text for member, inner in members for key, text in flat(f"{name}[{member}]", inner).items()}


def sent(kraken: Client, method: str, body: bytes, content_type: bytes = FORM) -> Any:
    """The answer to a form or a JSON object that has all but the nonce."""
    nonce = next(kraken.nonces)
    first, rest = (b'{"nonce":%d,', body[1:]) if content_type == JSON else (b"nonce=%d&", body)
    return kraken.post_raw(method, first % nonce + rest, nonce=nonce, content_type=content_type.decode())


# Conditional close

CLOSE = {"ordertype": "stop-loss-limit", "price": "58000", "price2": "57500"}
CLOSE_TEXT = "close position @ stop loss 58000.0 -> limit 57500.0"
FLAT_CLOSE = flat("close", CLOSE)

CLOSES = {
    "form": (form_of(LIMIT | FLAT_CLOSE), FORM),
    "form, escaped": (escaped_form_of(LIMIT | FLAT_CLOSE), FORM),
    "object": (json.dumps(LIMIT | {"close": CLOSE}).encode(), JSON),
    "flat": (json.dumps(LIMIT | FLAT_CLOSE).encode(), JSON),
    "numbers": (json.dumps(LIMIT | {"close": CLOSE | {"price": 58000, "price2": 57500.0}}).encode(), JSON),
}


@pytest.mark.parametrize(("body", "content_type"), CLOSES.values(), ids=CLOSES)
def test_a_conditional_close(kraken: Client, body: bytes, content_type: bytes) -> None:
    result = sent(kraken, "AddOrder", body, content_type).result
    assert result["descr"] == {"order": "buy 0.10000000 XBTUSD @ limit 60000.0", "close": CLOSE_TEXT}
    assert kraken.row(result["txid"][0])["descr"]["close"] == CLOSE_TEXT


@pytest.mark.parametrize("close", [{}, None, {"ordertype": None}, {"ordertype": ""}])
def test_no_conditional_close(kraken: Client, close: Any) -> None:
    result = kraken.post_json("AddOrder", **LIMIT, close=close).result
    assert list(result["descr"]) == ["order"]
    assert kraken.row(result["txid"][0])["descr"]["close"] == ""


@pytest.mark.parametrize("close", [{"price": "1"}, {"ordertype": "market", "price": "1"}, {"ordertype": "limit"}])
def test_half_a_conditional_close(kraken: Client, close: Any) -> None:
    """None may be passed over in silence."""
    answers = [
        kraken.post_json("AddOrder", **LIMIT, close=close),
        kraken.post_json("AddOrder", **LIMIT, **flat("close", close)),
        kraken.post("AddOrder", **LIMIT, **flat("close", close)),
    ]
    assert [answer.refusal for answer in answers] == ["EGeneral:Invalid arguments:close"] * 3


# Batches of orders

ELEMENT = {"type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000"}
BOTH = [ELEMENT | {"oflags": "post,fcib", "close": CLOSE}, ELEMENT | {"type": "sell", "price": "70000"}]
ARRAY_FLAGS = [BOTH[0] | {"oflags": ["post", "fcib"]}, BOTH[1]]
FLAT_IN_ELEMENT = [
    {name: value for name, value in BOTH[0].items() if name != "close"} | FLAT_CLOSE,
    BOTH[1] | {"close": {}},
]
AS_NUMBERS = [BOTH[0] | {"volume": 0.1, "price": 60000, "reduce_only": False}, BOTH[1] | {"userref": 0}]

BATCHES = {
    "form": (form_of({"pair": "XBTUSD"} | flat("orders", BOTH)), FORM),
    "form, escaped": (escaped_form_of({"pair": "XBTUSD"} | flat("orders", BOTH)), FORM),
    "form, pair last": (form_of(flat("orders", BOTH) | {"pair": "XBTUSD"}), FORM),
    "form, second first": (form_of({"pair": "XBTUSD"} | dict(reversed(flat("orders", BOTH).items()))), FORM),
    "form, flat keys in elements": (form_of({"pair": "XBTUSD"} | flat("orders", FLAT_IN_ELEMENT[:1] + BOTH[1:])), FORM),
    "objects": (json.dumps({"pair": "XBTUSD", "orders": BOTH}).encode(), JSON),
    "flags in an array": (json.dumps({"pair": "XBTUSD", "orders": ARRAY_FLAGS}).encode(), JSON),
    "flat keys in elements": (json.dumps({"pair": "XBTUSD", "orders": FLAT_IN_ELEMENT}).encode(), JSON),
    "flat keys in JSON": (json.dumps({"pair": "XBTUSD"} | flat("orders", BOTH)).encode(), JSON),
    "numbers": (json.dumps({"pair": "XBTUSD", "orders": AS_NUMBERS}).encode(), JSON),
}


@pytest.mark.parametrize(("body", "content_type"), BATCHES.values(), ids=BATCHES)
def test_a_batch(kraken: Client, body: bytes, content_type: bytes) -> None:
    rows = sent(kraken, "AddOrderBatch", body, content_type).result["orders"]
    assert [row["descr"] for row in rows] == [
        {"order": "buy 0.10000000 XBTUSD @ limit 60000.0", "close": CLOSE_TEXT},
        {"order": "sell 0.10000000 XBTUSD @ limit 70000.0"},
    ]
    assert [kraken.row(row["txid"])["oflags"] for row in rows] == ["post,fcib", "fciq"]


@pytest.mark.parametrize("numbers", [(1, 2), (0, 7), (998, 999)])
def test_orders_of_a_batch_stand_in_the_order_of_their_numbers(kraken: Client, numbers: tuple[int, int]) -> None:
    first, second = numbers
    fields = {f"orders[{second}][{name}]": text for name, text in (ELEMENT | {"price": "60002"}).items()}
    fields |= {f"orders[{first}][{name}]": text for name, text in ELEMENT.items()}
    rows = sent(kraken, "AddOrderBatch", form_of({"pair": "XBTUSD"} | fields)).result["orders"]
    assert [row["descr"]["order"][-7:] for row in rows] == ["60000.0", "60002.0"]


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "orders[]",
        "orders[0]",
        "orders[-1][type]",
        "orders[+1][type]",
        "orders[ 1][type]",
        "orders[01][type]",
        "orders[1000][type]",
        "orders[99999999999999999999][type]",
        "orders[1e1][type]",
        "orders[x][type]",
        "orders[١][type]",
        "orders[][type]",
        "orders[0]type",
        "orders[0",
        "orders[",
    ],
)
def test_what_is_no_order_of_a_batch(kraken: Client, name: str) -> None:
    fields = {"pair": "XBTUSD"} | flat("orders", BOTH) | {name: "buy"}
    assert sent(kraken, "AddOrderBatch", escaped_form_of(fields)).refusal == "EGeneral:Invalid arguments"
    assert kraken.journal()["reason"]
    assert kraken.call("OpenOrders") == {"open": {}}


@pytest.mark.parametrize(
    "orders",
    ["buy", 5, True, ["buy", "sell"], [1, 2], [BOTH[0], "sell"], [BOTH[0], 5], BOTH[0], [], {}],
)
def test_what_is_no_batch_in_json(kraken: Client, orders: Any) -> None:
    assert kraken.post_json("AddOrderBatch", pair="XBTUSD", orders=orders).refusal == "EGeneral:Invalid arguments"


@pytest.mark.parametrize("empty", [{}, {"type": None}, [], None])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_empty_order_has_its_row_too(kraken: Client, empty: Any, place: int) -> None:
    orders: list[Any] = list(BOTH)
    orders.insert(place, empty)
    rows = kraken.post_json("AddOrderBatch", pair="XBTUSD", orders=orders).result["orders"]
    expected: list[dict[str, str]] = [{}, {}]
    expected.insert(place, {"error": "EGeneral:Invalid arguments:ordertype"})
    assert rows == expected


def test_unknown_members_are_ignored(kraken: Client) -> None:
    orders = [element | {"validate": True, "nonce": "1", "otp": {"x": [1]}} for element in BOTH]
    assert len(kraken.post_json("AddOrderBatch", pair="XBTUSD", orders=orders, extra=[{"a": 1}]).result["orders"]) == 2


@pytest.mark.parametrize("text", ["True", "true", "1", True])
def test_booleans_within(kraken: Client, text: Any) -> None:
    """On spot there is nothing to reduce, so that each true shows."""
    orders = [ELEMENT | {"reduce_only": text}, ELEMENT | {"reduce_only": "False"}]
    for rows in (
        kraken.post_json("AddOrderBatch", pair="XBTUSD", orders=orders, validate=False).result["orders"],
        kraken.post("AddOrderBatch", pair="XBTUSD", validate="False", **flat("orders", orders)).result["orders"],
    ):
        assert rows[0] == {"error": "EOrder:Reduce only:Non-PC"}
        assert "txid" in rows[1]


def test_a_boolean_that_is_none_is_its_rows_fault(kraken: Client) -> None:
    orders = [ELEMENT, ELEMENT | {"reduce_only": "maybe"}]
    rows = kraken.post_json("AddOrderBatch", pair="XBTUSD", orders=orders).result["orders"]
    assert rows == [{}, {"error": "EGeneral:Invalid arguments:reduce_only"}]


# Lists of ids to cancel

BY_TXID: dict[str, Callable[[list[str]], dict[str, Any]]] = {
    "texts": lambda ids: {"orders": ids},
    "objects": lambda ids: {"orders": [{"txid": txid} for txid in ids]},
    "mixed": lambda ids: {"orders": [{"txid": ids[0]}, *ids[1:]]},
    "comma list": lambda ids: {"orders": ",".join(ids)},
    "with nothing": lambda ids: {"orders": [{}, *({"txid": txid} for txid in ids), None]},
}
BY_NAME: dict[str, Callable[[list[str]], dict[str, Any]]] = {
    "texts": lambda ids: {"cl_ord_ids": ids},
    "objects": lambda ids: {"cl_ord_ids": [{"cl_ord_id": cl_ord_id} for cl_ord_id in ids]},
    "among orders": lambda ids: {"orders": ids},
    "objects among orders": lambda ids: {"orders": [{"cl_ord_id": cl_ord_id} for cl_ord_id in ids]},
}


@pytest.fixture
def resting(kraken: Client) -> list[str]:
    """Three open orders: two by txid, one of them with a userref, and one named `mine`."""
    return [
        kraken.buy("0.1", "60000"),
        kraken.buy("0.1", "60001", userref="77"),
        kraken.buy("0.1", "60002", cl_ord_id="mine"),
    ]


@pytest.mark.parametrize("spell", BY_TXID.values(), ids=BY_TXID)
def test_cancelling_by_txid(kraken: Client, resting: list[str], spell: Callable[[list[str]], dict[str, Any]]) -> None:
    assert kraken.post_json("CancelOrderBatch", **spell(resting[:2])).result == {"count": 2}
    assert list(kraken.call("OpenOrders")["open"]) == resting[2:]


@pytest.mark.parametrize("spell", BY_NAME.values(), ids=BY_NAME)
def test_cancelling_by_name(kraken: Client, resting: list[str], spell: Callable[[list[str]], dict[str, Any]]) -> None:
    assert kraken.post_json("CancelOrderBatch", **spell(["mine", "nobody's"])).result == {"count": 1}
    assert list(kraken.call("OpenOrders")["open"]) == resting[1::-1]


def test_cancelling_by_both_and_by_number(kraken: Client, resting: list[str]) -> None:
    sent_too = {"orders": [resting[0], 77], "cl_ord_ids": ["mine"]}
    assert kraken.post_json("CancelOrderBatch", **sent_too).result == {"count": 3}


@pytest.mark.parametrize(
    "body",
    [
        "orders[0]={0}&orders[1]={1}",
        "orders%5B0%5D={0}&orders%5B1%5D={1}",
        "orders[]={0}&orders[]={1}",
        "orders={0}&orders={1}",
        "orders={0},77",
        "orders[0][txid]={0}&orders[1][txid]={1}",
        "orders[7]={0}&orders[3]=77",
    ],
)
def test_cancelling_with_a_form(kraken: Client, resting: list[str], body: str) -> None:
    assert sent(kraken, "CancelOrderBatch", body.format(*resting).encode()).result == {"count": 2}


# What costs nothing to send must cost nothing to read


class Batch(msgspec.Struct):
    orders: list[Fields] = []
    pair: str = ""


def objects(fields: Fields) -> list[Fields]:
    return params.read(Batch, fields, named=True).orders


def test_objects_are_read_by_their_numbers() -> None:
    found = objects({"pair": "X", "orders[1][a]": "1", "orders[0][b][c]": "2", "orders[1][d[e]]": "3", "orders2": "x"})
    assert found == [{"b[c]": "2"}, {"a": "1", "d[e]": "3"}]
    assert objects({}) == []


HOSTILE = {
    "one order of many fields": "&".join(f"orders[0][x{n}]=1" for n in range(FIELDS_MAX)),
    "many orders": "&".join(f"orders[{n % 1000}][x{n}]=1" for n in range(FIELDS_MAX)),
    "many numbers": "&".join(f"orders[{n}][type]=1" for n in range(FIELDS_MAX)),
    "long numbers": "&".join(f"orders[{'9' * 90}{n}][type]=1" for n in range(FIELDS_MAX // 2)),
    "deep members": "orders[0]" + "[a]" * 300_000 + "=1",
    "open brackets": "orders[0]" + "[" * 900_000 + "=1",
    "prefixes": "&".join(f"ordersordersorders{n}[0][0]=1" for n in range(FIELDS_MAX)),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_read_in_no_time(body: str) -> None:
    """Anything quadratic would take longer than anybody waits for tests."""
    try:
        assert len(objects(read_body(body.encode(), FORM))) <= 1000
    except KrakenError as refusal:
        assert refusal.message == "EGeneral:Invalid arguments"
        assert len(refusal.reason) < 200
