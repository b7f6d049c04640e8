"""What clients write into a body, and the fields that it means (kraken/10 §1.3, kraken/30 §1.2, kraken/40 §0)."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest

from mockkraken.errors import KrakenError
from mockkraken.rest import params
from mockkraken.rest.body import NESTING_MAX, Undecodable, read_body, read_query

if TYPE_CHECKING:
    from traders import Client

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"

BAD_REQUEST = "EAPI:Bad request"
INVALID_NONCE = "EAPI:Invalid nonce"


# Forms


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"nonce=1&pair=XBTUSD", {"nonce": "1", "pair": "XBTUSD"}),
        (b"pair=XBTUSD&nonce=1", {"nonce": "1", "pair": "XBTUSD"}),
        (b"nonce=01", {"nonce": "01"}),
        (b"otp=&nonce=1", {"otp": "", "nonce": "1"}),
        (b"nonce", {"nonce": ""}),
        (b"oflags=post,fcib", {"oflags": "post,fcib"}),
        (b"oflags=post%2Cfcib", {"oflags": "post,fcib"}),
        (b"close[ordertype]=limit&close[price]=9", {"close[ordertype]": "limit", "close[price]": "9"}),
        (b"close%5Bordertype%5D=limit&close%5Bprice%5D=9", {"close[ordertype]": "limit", "close[price]": "9"}),
        (b"orders[0][close][price]=9", {"orders[0][close][price]": "9"}),
        (b"starttm=%2B10&expiretm=+10", {"starttm": "+10", "expiretm": " 10"}),
        (b"type=closed+position", {"type": "closed position"}),
        (b"type=closed%20position", {"type": "closed position"}),
        (b"lock_type=flex&lock_type=bonded", {"lock_type": "flex,bonded"}),
        (b"lock_type[]=flex&lock_type[]=bonded", {"lock_type[]": "flex,bonded"}),
        (b"nonce=1&nonce=2&pair=A", {"nonce": "1", "pair": "A"}),
        (b"txid=A&nonce=5&txid=B&nonce=4&txid=C", {"txid": "A,B,C", "nonce": "5"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"nonce=1517?pair=XETHZEUR?type=sell", {"nonce": "1517?pair=XETHZEUR?type=sell"}),
        (b"&&nonce=1&", {"nonce": "1"}),
        (b"name=%E2%82%AC&%E2%82%AC=\xe2\x82\xac", {"name": "€", "€": "€"}),
        (b"name=a%00b", {"name": "a\0b"}),
        (b"", {}),
    ],
)
def test_forms(body: bytes, fields: dict[str, str]) -> None:
    assert read_body(body, FORM) == fields
    assert read_body(body, FORM + b"; charset=utf-8") == fields


@pytest.mark.parametrize(
    "form", [b"&&a=1&", b"=1&a", b"a==b&c=d=e", b"a=1;b=2", "é=ü".encode(), b"a=1&a=2&nonce=1&nonce=2", b"a= b\t"]
)
def test_an_escape_elsewhere_in_a_form_changes_nothing(form: bytes) -> None:
    # Forms without escapes are read in a quicker way.
    assert read_body(form + b"&z=%41", FORM) == read_body(form, FORM) | {"z": "A"}


@pytest.mark.parametrize("body", [b"nonce=1&name=%FF", b"nonce=1&name=\xff", b"%C3=1", b"name=%ED%A0%80"])
def test_a_form_that_is_no_utf8(body: bytes) -> None:
    with pytest.raises(Undecodable):
        read_body(body, FORM)


def test_a_query_never_fails() -> None:
    assert read_query(b"") == {}
    assert read_query(b"pair=XBTUSD&since=") == {"pair": "XBTUSD", "since": ""}
    assert read_query(b"pair=XBTUSD&pair=ETHUSD") == {"pair": "XBTUSD,ETHUSD"}
    assert read_query(b"pair=%FF") == {"pair": "\ufffd"}
    assert "pair" in read_query(b"pair=\xff\xfe")


# JSON


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"nonce":1,"pair":"XBTUSD"}', {"nonce": "1", "pair": "XBTUSD"}),
        ('{"nonce": "1", "pair": "XBTUSD"}', {"nonce": "1", "pair": "XBTUSD"}),
        (' \r\n\t{"nonce":"1"} \n', {"nonce": "1"}),
        ('{"nonce":18446744073709551615}', {"nonce": "18446744073709551615"}),
        (f'{{"nonce":{"9" * 5000}}}', {"nonce": "9" * 5000}),
        ('{"price":40000.0,"volume":0.10000000000000000001}', {"price": "40000.0", "volume": "0.10000000000000000001"}),
        ('{"volume":1e-7,"price":-0.0}', {"volume": "0.0000001", "price": "-0.0"}),
        ('{"volume":5e-05,"price":-1.25E+2}', {"volume": "0.00005", "price": "-125"}),
        ('{"volume":12.345e1,"price":0e0}', {"volume": "123.45", "price": "0"}),
        ('{"volume":1e99,"price":"5e-05"}', {"volume": "1e99", "price": "5e-05"}),
        ('{"nonce":1e5}', {"nonce": "1e5"}),
        ('{"nonce":[1767225600123]}', {}),
        ('{"validate":true,"reduce_only":false}', {"validate": "true", "reduce_only": "false"}),
        ('{"price":null,"pair":"XBTUSD"}', {"pair": "XBTUSD"}),
        ('{"oflags":["post","fcib"]}', {"oflags": "post,fcib"}),
        ('{"oflags":[]}', {}),
        ('{"ids":["A",12345,true,null]}', {"ids": "A,12345,true"}),
        ('{"close":{"ordertype":"limit","price":9}}', {"close[ordertype]": "limit", "close[price]": "9"}),
        ('{"close[ordertype]":"limit","close[price]":"9"}', {"close[ordertype]": "limit", "close[price]": "9"}),
        (
            '{"orders":[{"type":"buy","close":{"price":1}},{"type":"sell"}]}',
            {"orders[0][type]": "buy", "orders[0][close][price]": "1", "orders[1][type]": "sell"},
        ),
        ('{"orders":[{"txid":"A"},"B",["C","D"]]}', {"orders[0][txid]": "A", "orders[1]": "B", "orders[2]": "C,D"}),
        (
            '{"pair":[{"asset":"XBTUSD","aclass":"forex"}]}',
            {"pair[0][asset]": "XBTUSD", "pair[0][aclass]": "forex"},
        ),
        ('{"nonce":1,"nonce":2}', {"nonce": "1"}),
        ('{"close":{"price":1,"price":2}}', {"close[price]": "1"}),
        ('{"name":"\\u20ac \\ud83d\\ude80 \\n"}', {"name": "€ 🚀 \n"}),
        ('{"name":"€"}', {"name": "€"}),
        ('{"":"x"}', {"": "x"}),
        ("{}", {}),
    ],
)
@pytest.mark.parametrize("content_type", [JSON, b"application/json; charset=utf-8", b"Application/JSON ;x=y", b""])
def test_json(body: str, fields: dict[str, str], content_type: bytes) -> None:
    assert read_body(body.encode(), content_type) == fields


NO_JSON_OBJECT = [
    b"{",
    b'{"nonce":1',
    b'{"nonce":1}}',
    b'{"nonce":1} x',
    b"{'nonce':1}",
    b'{"nonce":01}',
    b'{"nonce":+1}',
    b'{"nonce":.5}',
    b'{"nonce":0x10}',
    b'{"nonce":1,}',
    b'{"volume":NaN}',
    b'{"volume":Infinity}',
    b'{"volume":[-Infinity]}',
    b'{"name":"\\ud800"}',
    b'{"name":["\\udfff"]}',
    b'{"\\ud800":1}',
    b'{"close":{"\\ud800":1}}',
    b'{"name":"\xff"}',
    b'{"name":"\n"}',
    b'\xef\xbb\xbf{"nonce":1}',
    '{"nonce":1}'.encode("utf-16"),
    '{"nonce":1}'.encode("utf-16-le"),
    '{"nonce":1}'.encode("utf-32"),
    b"[]",
    b'[{"nonce":1}]',
    b'"nonce=1"',
    b"1",
    b"null",
    b"true",
    b"nonce=1",
    b" ",
]


@pytest.mark.parametrize("body", NO_JSON_OBJECT)
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Undecodable):
        read_body(body, JSON)


def nested(depth: int, shape: str) -> bytes:
    start, end = {"objects": ('{"a":', "}"), "lists": ("[", "]")}[shape]
    return f'{{"nonce":1,"deep":{start * depth}1{end * depth}}}'.encode()


def test_json_may_be_nested_as_deep_as_a_batch_of_orders_needs() -> None:
    assert read_body(nested(NESTING_MAX - 1, "objects"), JSON) == {
        "nonce": "1",
        "deep" + "[a]" * (NESTING_MAX - 1): "1",
    }


@pytest.mark.parametrize("shape", ["objects", "lists"])
@pytest.mark.parametrize("depth", [NESTING_MAX + 1, 200, 200_000])
def test_json_nested_too_deep(shape: str, depth: int) -> None:
    with pytest.raises(Undecodable):
        read_body(nested(depth, shape), JSON)


# Content types


@pytest.mark.parametrize("body", [b'{"nonce":1}', b' \n{"nonce":1}', b"{"])
def test_json_announced_as_a_form(body: bytes) -> None:
    with pytest.raises(Undecodable):
        read_body(body, FORM)


@pytest.mark.parametrize("content_type", [b"", b"text/plain", b"multipart/form-data; boundary=x", b"\xff", b"; x"])
def test_a_form_is_read_whatever_else_is_announced(content_type: bytes) -> None:
    assert read_body(b"nonce=1&pair=XBTUSD", content_type) == {"nonce": "1", "pair": "XBTUSD"}


def test_without_content_type_the_body_decides() -> None:
    assert read_body(b'{"nonce":1}', b"") == {"nonce": "1"}
    assert read_body(b"nonce=1", b"") == {"nonce": "1"}
    with pytest.raises(Undecodable):
        read_body(b"{nonce=1", b"")


# Through the API: the signature covers the bytes as sent, whatever they mean


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"nonce=7"),
        (FORM + b"; charset=utf-8", b"nonce=7"),
        (b"", b"nonce=7"),
        (b"text/plain", b"nonce=7&x=%5B%5d[]"),
        (FORM, b"nonce=7&nonce=8"),
        (FORM, b"x=1&&nonce=7"),
        (FORM, b"%6eonce=%37"),
        (JSON, b'{"nonce":7}'),
        (JSON, b'{"nonce":"7"}'),
        (JSON + b"; charset=utf-8", b'{"nonce": "7", "nonce": "8"}'),
        (JSON, b'{"\\u006eonce":"\\u0037","other":null}'),
        (b"", b'{"nonce":7}'),
        (b"", b'\n {"nonce":7}'),
    ],
)
def test_every_spelling_of_a_signed_call(kraken: Client, content_type: bytes, body: bytes) -> None:
    answer = kraken.post_raw("Balance", body, nonce="7", content_type=content_type.decode() or None)
    assert "ZUSD" in answer.result
    assert kraken.journal()["nonce"] == "7"


def test_a_nonce_is_hashed_as_sent(kraken: Client) -> None:
    assert kraken.post_raw("Balance", b"nonce=007", nonce="7").refusal == "EAPI:Invalid signature"
    assert kraken.post_raw("Balance", b"nonce=007", nonce="007").errors == []
    assert kraken.post_raw("Balance", b"nonce=7", nonce="7").refusal == INVALID_NONCE  # the same number again


@pytest.mark.parametrize("body", NO_JSON_OBJECT)
def test_a_broken_json_body_is_a_bad_request(kraken: Client, body: bytes) -> None:
    assert kraken.post_raw("Balance", body, nonce="1", content_type="application/json").refusal == BAD_REQUEST
    assert kraken.journal()["check"] == "body"
    assert kraken.post("Balance").errors == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"nonce":1}', FORM.decode()),
        (b"nonce=1&x=%ff", FORM.decode()),
        (nested(100_000, "lists"), JSON.decode()),
        (b"{nonce=1", None),
    ],
)
def test_other_bad_requests(kraken: Client, body: bytes, content_type: str | None) -> None:
    assert kraken.post_raw("Balance", body, nonce="1", content_type=content_type).refusal == BAD_REQUEST


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM.decode()),
        (b"", JSON.decode()),
        (b"", None),
        (b"{}", JSON.decode()),
        (b'{"nonce":null}', JSON.decode()),
        (b'{"nonce":{"value":1}}', JSON.decode()),
        (b'{"nonce":true}', JSON.decode()),
        (b'{"nonce":1.0}', JSON.decode()),
        (b'{"nonce":1e3}', JSON.decode()),
        (b'{"nonce":-1}', JSON.decode()),
        (b'{"nonce":[1,2]}', JSON.decode()),
        (b'{"Nonce":1}', JSON.decode()),
        (b"[1]", None),
        (b"pair=XBTUSD", FORM.decode()),
        (b'{"nonce":1}', "text/plain"),
        (b"nonce=1517?pair=XETHZEUR?type=sell", FORM.decode()),
        (b"nonce=+1", FORM.decode()),
        (b"nonce=%EF%BC%91", FORM.decode()),
    ],
)
def test_bodies_without_a_nonce(kraken: Client, body: bytes, content_type: str | None) -> None:
    assert kraken.post_raw("Balance", body, nonce="1", content_type=content_type).refusal == INVALID_NONCE


def test_a_bad_body_is_seen_before_the_key(kraken: Client) -> None:
    """Stage 3 of kraken/10 §0 stands before stage 5, but a body without a nonce is stage 6."""
    nobody = {"API-Key": "nobody", "API-Sign": "nothing", "Content-Type": "application/json"}
    assert kraken.send("POST", "/0/private/Balance", b"[]", headers=nobody).refusal == BAD_REQUEST
    assert kraken.send("POST", "/0/private/Balance", b"{}", headers=nobody).refusal == "EAPI:Invalid key"


ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001", "price": "60000"}


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes"])
def test_texts_for_true(kraken: Client, text: str) -> None:
    assert "txid" not in kraken.call("AddOrder", **ORDER, validate=text)


@pytest.mark.parametrize("text", ["false", "False", "FALSE", "0", "no", ""])
def test_texts_for_false(kraken: Client, text: str) -> None:
    """python-kraken-sdk sends validate=False and reduce_only=False with every live order."""
    assert "txid" in kraken.call("AddOrder", **ORDER, validate=text, reduce_only=text)


@pytest.mark.parametrize("text", ["maybe", "2", "on", "truefalse", " true", "ｔｒｕｅ"])
def test_what_is_neither(kraken: Client, text: str) -> None:
    assert kraken.post("AddOrder", **ORDER, validate=text).refusal == "EGeneral:Invalid arguments:validate"
    assert kraken.call("OpenOrders") == {"open": {}}


def test_json_orders_may_bear_numbers_lists_and_booleans(kraken: Client) -> None:
    order = ORDER | {"volume": 0.001, "price": 60000.1, "oflags": ["post", "fcib"], "userref": 7, "validate": False}
    (txid,) = kraken.post_json("AddOrder", **order).result["txid"]
    row = kraken.row(txid)
    assert (row["descr"]["order"], row["oflags"], row["userref"]) == (
        "buy 0.00100000 XBTUSD @ limit 60000.1",
        "post,fcib",
        7,
    )
    assert "txid" not in kraken.post_json("AddOrder", **ORDER, validate=True).result
    assert kraken.post_json("CancelOrder", txid=7).result == {"count": 1}


def test_json_numbers_never_become_floats(kraken: Client) -> None:
    body = json.dumps(ORDER | {"nonce": 1}).replace('"0.001"', "0.12345678")
    body = body.replace('"60000"', "60000.00000000000000000000000000001")
    refusal = kraken.post_raw("AddOrder", body.encode(), nonce=1, content_type="application/json").refusal
    assert refusal == "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."


@pytest.mark.parametrize(
    "spelling",
    [
        "txid={0},{1}",
        "txid={0}%2C%20{1}",
        "txid={0}, {1}",
        "txid={0}&txid={1}",
        "txid[]={0}&txid[]={1}",
        "txid[0]={0}&txid[1]={1}",
        "txid%5B%5D={0}&txid%5B%5D={1}",
    ],
)
def test_a_list_of_orders_in_every_form(kraken: Client, spelling: str) -> None:
    placed = [kraken.buy("0.001", "60000"), kraken.buy("0.001", "60001")]
    body = ("nonce=99&" + spelling.format(*placed)).encode()
    assert list(kraken.post_raw("QueryOrders", body, nonce=99).result) == placed


@pytest.mark.parametrize("wrap", [list, ",".join, lambda ids: [{"txid": txid} for txid in ids]])
def test_a_list_of_orders_in_json(kraken: Client, wrap: Any) -> None:
    placed = [kraken.buy("0.001", "60000"), kraken.buy("0.001", "60001")]
    assert list(kraken.post_json("QueryOrders", txid=wrap(placed)).result) == placed


@pytest.mark.parametrize("spelling", ["{0},{1}", "{0}&txid={1}", "{0}%2C+{1}"])
def test_cancelling_takes_lists_too(kraken: Client, spelling: str) -> None:
    placed = [kraken.buy("0.001", "60000"), kraken.buy("0.001", "60001")]
    body = ("nonce=99&txid=" + spelling.format(*placed)).encode()
    assert kraken.post_raw("CancelOrder", body, nonce=99).result == {"count": 2}


def test_unknown_fields_are_ignored(kraken: Client) -> None:
    """Among them what real clients send along: kraken/30 §1.1, kraken/40 §0."""
    extras = {
        "trading_agreement": "agree",
        "otp": "123456",
        "broker": "x",
        "sender_sub_id": "y",
        "rebase_multiplier": "z",
    }
    (txid,) = kraken.call("AddOrder", **ORDER, **extras)["txid"]
    assert list(kraken.call("OpenOrders", start=1, rebase_multiplier="rebased")["open"]) == [txid]
    assert kraken.call("TradeBalance", aclass="currency")["uv"] == "60.0000"
    assert kraken.call("Ledgers", aClass="currency")["count"] == 14
    assert kraken.call("CancelOrder", txid=txid, pair="XBTUSD") == {"count": 1}


# From fields to an endpoint's Struct


class Everything(msgspec.Struct, kw_only=True):
    """One field of each kind that an endpoint may declare."""

    pair: str
    count: int = 100
    trades: bool = False
    kind: Literal["all", "no position"] = "all"
    txid: list[str] | None = None
    userref: int | None = None
    modern: str = msgspec.field(default="", name="assetVersion")


def read(**fields: str) -> Everything:
    return params.read(Everything, {"pair": "XBTUSD", **fields}, named=True)


def refusal(fields: dict[str, str], *, named: bool) -> KrakenError:
    with pytest.raises(KrakenError) as caught:
        params.read(Everything, fields, named=named)
    return caught.value


def test_what_is_not_sent_has_its_default() -> None:
    assert read() == Everything(pair="XBTUSD")


def test_each_kind_of_field() -> None:
    sent = {
        "count": "-5",
        "trades": "True",
        "kind": "no position",
        "txid": "A, B ,C",
        "userref": "007",
        "assetVersion": "1",
    }
    assert read(**sent) == Everything(
        pair="XBTUSD", count=-5, trades=True, kind="no position", txid=["A", "B", "C"], userref=7, modern="1"
    )


def test_the_wire_name_counts() -> None:
    assert read(modern="1").modern == ""


@pytest.mark.parametrize("text", ["", "-", "+5", "1.0", "1e3", " 1", "0x1", "１", "٣", "²", "1_000", "9" * 19, "nan"])
def test_whole_numbers_are_plain_digits(text: str) -> None:
    error = refusal({"pair": "XBTUSD", "count": text}, named=True)
    assert error.message == "EGeneral:Invalid arguments:count"
    assert error.check == "arguments"
    assert "whole number" in error.reason


def test_a_whole_number_has_up_to_18_digits() -> None:
    assert read(count="9" * 18).count == 10**18 - 1
    assert read(count="-" + "9" * 18).count == 1 - 10**18


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "pair"),
        ({"pair": "X", "trades": "maybe"}, "trades"),
        ({"pair": "X", "kind": "any position"}, "kind"),
        ({"pair": "X", "kind": "ALL"}, "kind"),
        ({"pair": "X", "userref": "x"}, "userref"),
    ],
)
def test_private_calls_name_the_argument_and_public_ones_do_not(fields: dict[str, str], field: str) -> None:
    assert refusal(fields, named=True).message == f"EGeneral:Invalid arguments:{field}"
    assert refusal(fields, named=False).message == "EGeneral:Invalid arguments"
    assert field in refusal(fields, named=False).reason


def test_the_first_field_that_is_wrong_is_named() -> None:
    assert refusal({"count": "x", "trades": "maybe"}, named=True).message == "EGeneral:Invalid arguments:pair"


def test_a_long_text_is_cut_in_the_reason() -> None:
    assert len(refusal({"pair": "X", "count": "9" * 100_000}, named=True).reason) < 200


@pytest.mark.parametrize(
    "fields",
    [
        {"txid": "A,B"},
        {"txid[]": "A,B"},
        {"txid[0]": "A", "txid[1]": "B"},
        {"txid[0][asset]": "A", "txid[0][aclass]": "forex", "txid[1][asset]": "B", "txid[1][aclass]": "forex"},
    ],
)
def test_lists_in_brackets(fields: dict[str, str]) -> None:
    assert read(**fields).txid == ["A", "B"]


def test_brackets_count_only_where_a_list_is_wanted() -> None:
    assert read(**{"count[]": "5", "kind[0]": "x"}) == Everything(pair="XBTUSD")
    assert refusal({"pair[]": "XBTUSD"}, named=True).message == "EGeneral:Invalid arguments:pair"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"k" * 50_000: [{"a": 1}] * 8000}),
        json.dumps({"a": [[]] * 300_000}),
        "&".join(["a=1"] * 20_000),
    ],
    ids=["long names", "many lists", "many fields"],
)
def test_a_small_body_that_means_much_is_refused(body: str) -> None:
    kind = b"application/json" if body[0] == "{" else b"application/x-www-form-urlencoded"
    tracemalloc.start()
    try:
        with pytest.raises(Undecodable):
            read_body(body.encode(), kind)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
