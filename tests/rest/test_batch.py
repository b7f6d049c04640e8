"""AddOrderBatch, and the calls that change or cancel orders that are there (kraken/30 §3, §4.3, §6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.rest import trading
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Reply

BUY = {"type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000"}
SELL = {"type": "sell", "ordertype": "limit", "volume": "0.1", "price": "70000"}
TOO_SMALL = BUY | {"volume": "0.00001"}
TOO_DEAR = BUY | {"volume": "99"}
TXID = r"O[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}"
INVALID = "EGeneral:Invalid arguments"
BELOW_MINIMUM = {"error": "EOrder:Order minimum not met"}


def batch(kraken: Client, *orders: dict[str, Any], **fields: Any) -> Reply:
    return kraken.post_json("AddOrderBatch", **{"pair": "XBTUSD", "orders": list(orders)} | fields)


def placed(kraken: Client) -> int:
    return len(kraken.call("OpenOrders")["open"]) + int(kraken.call("ClosedOrders")["count"])


# Batches


def test_a_batch_is_placed_in_its_order(kraken: Client) -> None:
    answer = batch(kraken, BUY | {"price": "60001.5"}, SELL | {"cl_ord_id": "mine"}, BUY | {"userref": 7})
    rows = answer.result["orders"]
    assert [list(row) for row in rows] == [["txid", "descr"]] * 3
    assert all(re.fullmatch(TXID, row["txid"]) for row in rows)
    assert [row["descr"]["order"] for row in rows] == [
        "buy 0.10000000 XBTUSD @ limit 60001.5",
        "sell 0.10000000 XBTUSD @ limit 70000.0",
        "buy 0.10000000 XBTUSD @ limit 60000.0",
    ]
    assert list(kraken.call("OpenOrders")["open"]) == [row["txid"] for row in reversed(rows)]
    assert kraken.row(rows[1]["txid"])["cl_ord_id"] == "mine"
    assert kraken.row(rows[2]["txid"])["userref"] == 7


def test_the_engine_takes_one_after_the_other(kraken: Client) -> None:
    """The first order rests within the spread, where the others meet it."""
    sell, buy = SELL | {"price": "57927.5"}, BUY | {"price": "57927.5"}
    rows = batch(kraken, sell, buy, buy | {"stptype": "cancel-oldest"}, pair="XBTEUR").result["orders"]
    found = [kraken.row(row["txid"]) for row in rows]
    assert [(row["status"], row["reason"]) for row in found] == [
        ("canceled", "Cannot trade with self"),
        ("canceled", "Cannot trade with self"),
        ("open", None),
    ]


@pytest.mark.parametrize("count", [0, 1, 16, 50])
def test_a_batch_has_2_to_15_orders(kraken: Client, count: int) -> None:
    assert batch(kraken, *[BUY] * count).refusal == INVALID
    assert "2 to 15" in kraken.journal()["reason"]
    assert placed(kraken) == 0


@pytest.mark.parametrize("count", [2, 15])
def test_so_many_orders_a_batch_may_have(kraken: Client, count: int) -> None:
    assert len(batch(kraken, *[BUY] * count).result["orders"]) == count
    assert placed(kraken) == count


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"pair": None}, INVALID),
        ({"pair": ""}, INVALID),
        ({"pair": "FOOBAR"}, "EQuery:Unknown asset pair"),
        ({"pair": "AAPLxUSD"}, "EQuery:Unknown asset pair"),
        ({"orders": None}, INVALID),
        ({"validate": "maybe"}, f"{INVALID}:validate"),
        ({"deadline": "soon"}, f"{INVALID}:deadline"),
        ({"deadline": "2026-01-01T00:02:00Z"}, f"{INVALID}:deadline"),
        ({"deadline": "2025-12-31T23:59:59Z"}, "EService:Deadline elapsed"),
        ({"deadline": "2025-12-31T23:59:59Z", "validate": True}, "EService:Deadline elapsed"),
    ],
)
def test_what_is_wrong_with_a_batch_refuses_it(kraken: Client, fields: dict[str, Any], error: str) -> None:
    assert batch(kraken, BUY, SELL, **fields).refusal == error
    assert kraken.journal()["outcome"] == "refused"
    assert placed(kraken) == 0
    assert batch(kraken, BUY, SELL, deadline="2026-01-01T00:00:30Z").errors == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"ordertype": "fancy"}, f"{INVALID}:ordertype"),
        ({"type": None}, f"{INVALID}:type"),
        ({"volume": "lots"}, f"{INVALID}:volume"),
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        ({"price": "60000.01"}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"oflags": ["post", "hidden"]}, f"{INVALID}:oflags"),
        ({"userref": 16861348843}, f"{INVALID}:userref"),
        ({"cl_ord_id": "taken"}, f"{INVALID}:cl_ord_id not unique"),
        ({"close": {"ordertype": "market"}}, f"{INVALID}:close"),
        ({"pair": "ETHUSD"}, f"{INVALID}:pair"),
        ({"pair": "FOOBAR"}, "EQuery:Unknown asset pair"),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_one_invalid_order_keeps_all_from_being_placed(
    kraken: Client, sandbox: Sandbox, wrong: dict[str, Any], error: str, place: int
) -> None:
    """The rows tell which it was; the rest could have been placed."""
    taken = kraken.buy("0.1", "60000", cl_ord_id="taken")
    orders = [BUY, SELL]
    orders.insert(place, BUY | wrong)
    expected: list[dict[str, str]] = [{}, {}]
    expected.insert(place, {"error": error})
    before = kraken.call("BalanceEx")
    for validate in (True, False):
        assert batch(kraken, *orders, validate=validate).result["orders"] == expected
        record = kraken.journal()
        assert (record["outcome"], record["error"]) == ("accepted", error)
        assert record["reason"].startswith(f"orders[{place}]: ")
    assert list(kraken.call("OpenOrders")["open"]) == [taken]
    assert kraken.call("BalanceEx") == before


def test_every_invalid_order_has_its_error(kraken: Client) -> None:
    rows = batch(kraken, TOO_SMALL, BUY, BUY | {"type": "hold"}, TOO_DEAR).result["orders"]
    assert rows == [BELOW_MINIMUM, {}, {"error": f"{INVALID}:type"}, {}]  # funds are the engine's to look at


@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_rows_speak_the_dialect(kraken: Client, sandbox: Sandbox, dialect: Any) -> None:
    sandbox.settings.patch({"dialect": dialect})
    error = {"documented": "EOrder:Order minimum not met", "observed": f"{INVALID}:volume minimum not met"}[dialect]
    assert batch(kraken, BUY, TOO_SMALL).result["orders"] == [{}, {"error": error}]


def test_the_other_shape_of_a_rejected_batch(kraken: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "BATCH_REJECTION_SHAPE", "top_level")
    assert batch(kraken, BUY, TOO_SMALL, BUY | {"type": "hold"}).refusal == "EOrder:Order minimum not met"
    assert placed(kraken) == 0
    assert batch(kraken, BUY, TOO_DEAR).result["orders"][1] == {"error": "EOrder:Insufficient funds"}


def test_an_order_that_the_engine_refuses_is_refused_alone(kraken: Client) -> None:
    crossing = BUY | {"price": "69000", "oflags": "post"}
    rows = batch(kraken, BUY, TOO_DEAR, crossing, SELL).result["orders"]
    assert rows[1:3] == [{"error": "EOrder:Insufficient funds"}, {"error": "EOrder:Post only order"}]
    assert list(kraken.call("OpenOrders")["open"]) == [rows[3]["txid"], rows[0]["txid"]]
    record = kraken.sandbox.journal.records()[0][-2]
    assert (record["endpoint"], record["outcome"]) == ("AddOrderBatch", "accepted")
    assert (record["error"], record["reason"][:11]) == ("EOrder:Insufficient funds", "orders[1]: ")
    assert (record["outcome"], record["check"]) == ("accepted", "order")


def test_an_order_of_a_batch_can_use_up_the_funds_of_the_next(kraken: Client) -> None:
    half = BUY | {"volume": "9"}
    rows = batch(kraken, half, half).result["orders"]
    assert "txid" in rows[0]
    assert rows[1] == {"error": "EOrder:Insufficient funds"}


def test_all_orders_may_be_refused(kraken: Client) -> None:
    answer = batch(kraken, TOO_DEAR, TOO_DEAR)
    row = b'{"error":"EOrder:Insufficient funds"}'
    assert answer.body == b'{"error":[],"result":{"orders":[%b,%b]}}' % (row, row)


def test_validate_places_nothing_and_looks_at_no_funds(kraken: Client) -> None:
    rows = batch(kraken, BUY | {"cl_ord_id": "mine"}, TOO_DEAR, validate=True).result["orders"]
    assert rows == [
        {"descr": {"order": "buy 0.10000000 XBTUSD @ limit 60000.0"}},
        {"descr": {"order": "buy 99.00000000 XBTUSD @ limit 60000.0"}},
    ]
    assert placed(kraken) == 0
    assert "txid" in batch(kraken, BUY | {"cl_ord_id": "mine"}, SELL).result["orders"][0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mine", "mine"),
        ("6d1b345e-2821-40e2-ad83-4ecb18a06876", "6D1B345E282140E2AD834ECB18A06876"),
    ],
)
def test_a_cl_ord_id_is_unique_within_the_batch(kraken: Client, first: str, second: str) -> None:
    orders = [BUY | {"cl_ord_id": first}, SELL, SELL | {"cl_ord_id": second}, BUY | {"cl_ord_id": "other"}]
    for validate in (True, False):
        rows = batch(kraken, *orders, validate=validate).result["orders"]
        assert rows == [{}, {}, {"error": f"{INVALID}:cl_ord_id not unique"}, {}]
    assert placed(kraken) == 0


def test_an_element_may_repeat_the_pair_by_any_name(kraken: Client) -> None:
    rows = batch(kraken, BUY | {"pair": "XXBTZUSD"}, SELL | {"pair": "btc/usd"}, BUY | {"pair": ""}).result["orders"]
    assert all("txid" in row for row in rows)


def test_what_belongs_to_the_batch_is_ignored_in_an_order(kraken: Client) -> None:
    """An order's own deadline, nonce or validate means nothing."""
    odd = {"validate": True, "deadline": "soon", "nonce": "x", "broker": None}
    assert all("txid" in row for row in batch(kraken, BUY | odd, SELL | odd).result["orders"])


def test_a_tokenized_pair_needs_its_class(kraken: Client) -> None:
    order = {"type": "buy", "ordertype": "limit", "volume": "0.1", "price": "100"}
    fields = {"pair": "AAPLxUSD", "orders": [order, order], "validate": True}
    assert kraken.post_json("AddOrderBatch", **fields).refusal == "EQuery:Unknown asset pair"
    rows = kraken.post_json("AddOrderBatch", **fields, asset_class="tokenized_asset").result["orders"]
    assert [row["descr"]["order"] for row in rows] == ["buy 0.10000000 AAPLxUSD @ limit 100.00"] * 2


def test_a_closed_market_takes_no_batch(kraken: Client) -> None:
    error = {"error": "EService:Market in cancel_only mode"}
    assert batch(kraken, BUY, SELL, pair="AGLDUSD").result["orders"] == [error, error]


# EditOrder


def test_an_edit_replaces_an_order(kraken: Client) -> None:
    old = kraken.buy("0.1", "60000", userref="5")
    answer = kraken.post("EditOrder", txid=old, pair="XBTUSD", volume="0.2", price="59000")
    new = answer.result["txid"]
    assert (
        answer.body
        == (
            f'{{"error":[],"result":{{"status":"ok","txid":"{new}","originaltxid":"{old}","volume":"0.20000000",'
            '"price":"59000","orders_cancelled":1,"descr":{"order":"buy 0.20000000 XBTUSD @ limit 59000"}}}'
        ).encode()
    )
    gone, row = kraken.row(old), kraken.row(new)
    assert (gone["status"], gone["reason"]) == ("canceled", "Order replaced")
    assert (row["status"], row["refid"], row["userref"], row["descr"]["price"]) == ("open", None, 0, "59000.0")
    assert row["descr"]["order"] == "buy 0.20000000 XBTUSD @ limit 59000.0"


def test_an_edit_shows_userrefs_if_one_was_sent(kraken: Client) -> None:
    old = kraken.buy("0.1", "60000", userref="5")
    first = kraken.post_json("EditOrder", txid=5, pair="XBTUSD", price="59000", userref=6).result
    assert (first["originaltxid"], first["newuserref"], first["olduserref"]) == (old, 6, 5)
    assert list(first) == [
        *("status", "txid", "originaltxid", "newuserref", "olduserref", "volume", "price"),
        *("orders_cancelled", "descr"),
    ]
    second = kraken.call("EditOrder", txid=first["txid"], pair="XBTUSD", price="58000")
    assert "olduserref" not in second
    third = kraken.call("EditOrder", txid=second["txid"], pair="XBTUSD", price="57000", userref="-7")
    assert (third["newuserref"], third["olduserref"]) == (-7, 0)


def test_what_an_edit_does_not_say_stays_and_shows_as_the_order_has_it(kraken: Client) -> None:
    old = kraken.call(
        "AddOrder", pair="XBTUSD", type="sell", ordertype="stop-loss-limit", volume="0.1", price="60000", price2="59000"
    )["txid"][0]
    result = kraken.call("EditOrder", txid=old, pair="XBTUSD", price2="+50")
    assert (result["volume"], result["price"], result["price2"]) == ("0.10000000", "60000.0", "+50")
    assert result["descr"]["order"] == "sell 0.10000000 XBTUSD @ stop loss 60000.0 -> limit +50"
    assert kraken.row(result["txid"])["descr"]["price2"] == "+50.0"


def test_an_edit_may_be_validated_only(kraken: Client) -> None:
    old = kraken.buy("0.1", "60000")
    result = kraken.call("EditOrder", txid=old, pair="XBTUSD", price="59000.5", validate="true")
    assert result == {
        "status": "ok",
        "originaltxid": old,
        "volume": "0.10000000",
        "price": "59000.5",
        "orders_cancelled": 0,
        "descr": {"order": "buy 0.10000000 XBTUSD @ limit 59000.5"},
    }
    assert list(kraken.call("OpenOrders")["open"]) == [old]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"pair": None}, f"{INVALID}:pair"),
        ({"pair": "FOOBAR"}, "EQuery:Unknown asset pair"),
        ({"txid": "OAAAAA-AAAAA-AAAAAA"}, "EOrder:Unknown order"),
        ({"txid": "99"}, "EOrder:Unknown order"),
        ({"txid": None}, INVALID),
        ({"price": "abc"}, "EOrder:Invalid price:Invalid price argument"),
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        ({"volume": "99"}, "EOrder:Insufficient funds"),
        ({"price": "69000", "oflags": "post"}, "EOrder:Post only order"),
        ({"userref": "x"}, f"{INVALID}:userref"),
        ({"deadline": "soon"}, f"{INVALID}:deadline"),
    ],
)
def test_a_refused_edit_leaves_the_order_alone(kraken: Client, fields: dict[str, Any], error: str) -> None:
    old = kraken.buy("0.1", "60000")
    sent = {"txid": old, "pair": "XBTUSD", "price": "59000"} | fields
    refusal = kraken.post("EditOrder", **{name: value for name, value in sent.items() if value is not None}).refusal
    assert refusal == error
    assert list(kraken.call("OpenOrders")["open"]) == [old]
    assert kraken.row(old)["descr"]["price"] == "60000.0"


# Cancelling


def test_a_batch_of_cancels(kraken: Client, login: Callable[..., Client]) -> None:
    first, second = kraken.buy("0.1", "60000"), kraken.buy("0.1", "60001", cl_ord_id="mine")
    gone = kraken.buy("0.1")
    ids = [first, "mine", gone, "OAAAAA-AAAAA-AAAAAA", "nobody's", "-5"]
    assert kraken.post_json("CancelOrderBatch", orders=ids).body == b'{"error":[],"result":{"count":2}}'
    assert kraken.row(second)["reason"] == "User requested"
    assert kraken.post_json("CancelOrderBatch", orders=ids).result == {"count": 0}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"orders": []},
        {"orders": "", "cl_ord_ids": ""},
        {"orders": [{}]},
        {"orders": [f"OAAAAA-AAAAA-AAAA{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"][:51]},
        {"orders": list(range(1, 31)), "cl_ord_ids": [f"n{n}" for n in range(21)]},
    ],
)
def test_1_to_50_ids_can_be_cancelled_at_once(kraken: Client, sent: dict[str, Any]) -> None:
    assert kraken.post_json("CancelOrderBatch", **sent).refusal == INVALID
    assert kraken.post_json("CancelOrderBatch", orders=list(range(1, 51))).result == {"count": 0}


# The dead man's switch


def test_all_orders_are_cancelled_after_a_while(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(500_000_000)
    txid = kraken.buy("0.1", "60000")
    answer = kraken.post("CancelAllOrdersAfter", timeout="60")
    assert answer.body == (
        b'{"error":[],"result":{"currentTime":"2026-01-01T00:00:00Z","triggerTime":"2026-01-01T00:01:00Z"}}'
    )
    sandbox.clock.advance(59 * SECOND)
    assert kraken.row(txid)["status"] == "open"
    assert kraken.post_json("CancelAllOrdersAfter", timeout=30).result["triggerTime"] == "2026-01-01T00:01:29Z"
    sandbox.clock.advance(29 * SECOND)
    assert kraken.row(txid)["status"] == "open"
    sandbox.clock.advance(SECOND)
    row = kraken.row(txid)
    assert (row["status"], row["reason"]) == ("canceled", "Cancel all orders after timeout")
    later = kraken.buy("0.1", "60000")
    sandbox.clock.advance(86_400 * SECOND)
    assert kraken.row(later)["status"] == "open"  # it fires but once


def test_the_switch_is_taken_back_with_0(kraken: Client, sandbox: Sandbox) -> None:
    txid = kraken.buy("0.1", "60000")
    kraken.call("CancelAllOrdersAfter", timeout="5")
    assert kraken.call("CancelAllOrdersAfter", timeout="0") == {
        "currentTime": "2026-01-01T00:00:00Z",
        "triggerTime": "0",
    }
    sandbox.clock.advance(10 * SECOND)
    assert kraken.row(txid)["status"] == "open"


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (None, INVALID),
        ("", INVALID),
        ("-1", INVALID),
        ("+5", INVALID),
        ("1.5", INVALID),
        ("60.0", INVALID),
        ("1e2", INVALID),
        ("soon", INVALID),
        ("６０", INVALID),
        ("true", INVALID),
        ("9" * 5000, INVALID),
        ("86401", "EGeneral:Invalid timeout argument:above max"),
        ("9" * 18, "EGeneral:Invalid timeout argument:above max"),
    ],
)
def test_what_is_no_timeout(kraken: Client, sandbox: Sandbox, timeout: str | None, error: str) -> None:
    """A refused call leaves the switch as it was set."""
    txid = kraken.buy("0.1", "60000")
    assert kraken.call("CancelAllOrdersAfter", timeout="86400")["triggerTime"] == "2026-01-02T00:00:00Z"
    assert kraken.post("CancelAllOrdersAfter", **({} if timeout is None else {"timeout": timeout})).refusal == error
    sandbox.clock.advance(86_400 * SECOND)
    assert kraken.row(txid)["status"] == "canceled"
