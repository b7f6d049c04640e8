"""Trading over WebSocket v2: each method's replies to the byte, and what it does, seen over REST (kraken/50 §7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

NOW = b"2026-01-01T00:00:00.000000Z"
TIMES = b'"time_in":"%b","time_out":"%b"}' % (NOW, NOW)
INVALID = "EGeneral:Invalid arguments"
UNKNOWN = "EOrder:Unknown order"
FUNDS = "EOrder:Insufficient funds"
NOBODYS = "OZZZZZ-ZZZZZ-ZZZZZZ"
FAILURE = ["error", "method", "req_id", "success", "time_in", "time_out"]

LIMIT: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 50000}
BTC: dict[str, Any] = {"symbol": "BTC/USD"}
TRIGGER: dict[str, Any] = {"order_type": "stop-loss", "side": "sell", "order_qty": 0.1}


class Desk:
    """A client on the private door with a token."""

    def __init__(self, wire: Any, key: str = "full") -> None:
        self.wire = wire
        self.token = wire.token(key)

    def say(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """A request with the `req_id` 7; its replies."""
        return self.wire.say({"method": method, "params": {"token": self.token, **params}, "req_id": 7})  # type: ignore[no-any-return]  # tests' fixtures have no types

    def bytes(self, method: str, **params: Any) -> bytes:
        """The one reply as it was sent."""
        self.say(method, **params)
        (raw,) = self.wire.raw
        assert isinstance(raw, bytes)
        return raw

    def result(self, method: str, **params: Any) -> Any:
        """The result of a request that must succeed."""
        (reply,) = self.say(method, **params)
        assert reply["success"], reply
        return reply["result"]

    def refusal(self, method: str, **params: Any) -> str:
        """The error of a request that is refused whole, with nothing beside it."""
        (reply,) = self.say(method, **params)
        assert list(reply) == FAILURE, reply
        assert reply["success"] is False
        assert (reply["method"], reply["req_id"]) == (method, 7)
        error = reply["error"]
        assert isinstance(error, str)
        return error

    def add(self, **params: Any) -> str:
        """An order's id."""
        order_id = self.result("add_order", **LIMIT | BTC | params)["order_id"]
        assert isinstance(order_id, str)
        return order_id


@pytest.fixture
def desk(pit: Pit, wire: Callable[..., Any]) -> Desk:
    """XBTUSD stands at 60000 to 60010; the last trade was at 60005."""
    return Desk(wire("/ws-auth/v2"))


def answer(method: str, result: Any, req_id: int = 7) -> bytes:
    """A successful reply: keys in their order, no blanks."""
    text = json.dumps({"method": method, "req_id": req_id, "result": result, "success": True}, separators=(",", ":"))
    return text.encode()[:-1] + b"," + TIMES


# add_order


def test_an_order_is_placed(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("add_order", **LIMIT, **BTC, cl_ord_id="my-order-0001")
    ((txid, row),) = kraken.open_orders().items()
    assert raw == answer("add_order", {"cl_ord_id": "my-order-0001", "order_id": txid})
    assert row["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 50000.0"
    assert row["cl_ord_id"] == "my-order-0001"


def test_only_what_the_request_named_comes_back(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("add_order", **LIMIT, **BTC)
    (txid,) = kraken.open_orders()
    assert raw == answer("add_order", {"order_id": txid})
    assert desk.result("add_order", **LIMIT, **BTC, order_userref=-3)["order_userref"] == -3


def test_a_market_order_trades_at_once(desk: Desk, kraken: Client) -> None:
    txid = desk.result("add_order", order_type="market", side="sell", order_qty=0.5, **BTC)["order_id"]
    assert kraken.ended(txid) == ("closed", None)
    (fill,) = kraken.fills(txid)
    assert (fill["price"], fill["vol"]) == ("60000.00000", "0.50000000")


def test_a_refused_order(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("add_order", **LIMIT | {"order_qty": 99}, **BTC)
    assert raw == b'{"error":"%b","method":"add_order","req_id":7,"success":false,' % FUNDS.encode() + TIMES
    assert kraken.open_orders() == {}
    record = kraken.journal()
    assert record["outcome"] == "accepted"  # that was OpenOrders
    refused = kraken.sandbox.journal.records()[0][-2]
    assert (refused["endpoint"], refused["error"], refused["check"]) == ("add_order", FUNDS, "order")


def test_validating_places_nothing(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("add_order", **LIMIT, **BTC, validate=True, cl_ord_id="mine")
    assert raw == answer("add_order", {"cl_ord_id": "mine", "order_id": ""})
    assert desk.result("add_order", **LIMIT | {"order_qty": 99}, **BTC, validate=True) == {"order_id": ""}
    assert desk.refusal("add_order", **LIMIT | {"order_qty": 0}, **BTC, validate=True) == f"{INVALID}:volume"
    assert kraken.open_orders() == {}


def test_symbols_are_those_of_version_2_in_any_case(desk: Desk, kraken: Client) -> None:
    txid = desk.add(symbol="btc/usd")
    assert kraken.row(txid)["descr"]["pair"] == "XBTUSD"


# batch_add

PAIR_OF_ORDERS = [LIMIT | {"cl_ord_id": "a"}, LIMIT | {"limit_price": 49000, "order_userref": 5}]


def test_a_batch_is_placed_in_its_order(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("batch_add", orders=PAIR_OF_ORDERS, **BTC)
    second, first = kraken.open_orders()
    rows = [{"cl_ord_id": "a", "order_id": first}, {"order_id": second, "order_userref": 5}]
    assert raw == answer("batch_add", rows)
    assert kraken.row(second)["descr"]["price"] == "49000.0"


def test_a_batch_keeps_what_the_engine_takes(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("batch_add", orders=[LIMIT, LIMIT | {"order_qty": 99}, LIMIT], **BTC)
    second, first = kraken.open_orders()
    rows = b'[{"order_id":"%b"},{"error":"%b"},{"order_id":"%b"}]' % (first.encode(), FUNDS.encode(), second.encode())
    assert raw == b'{"method":"batch_add","req_id":7,"result":%b,"success":false,' % rows + TIMES
    refused = kraken.sandbox.journal.records()[0][-2]
    assert (refused["outcome"], refused["error"]) == ("refused", FUNDS)
    assert refused["reason"].startswith("orders[1]: ")


def test_a_validated_batch(desk: Desk, kraken: Client) -> None:
    raw = desk.bytes("batch_add", orders=PAIR_OF_ORDERS, **BTC, validate=True)
    assert raw == answer("batch_add", [{"validation": "Validated Successfully"}] * 2)
    assert kraken.open_orders() == {}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"order_qty": 0.00001}, "EOrder:Order minimum not met"),
        ({"limit_price": -1}, "EOrder:Invalid price"),
        ({"limit_price": 50000.01}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"time_in_force": "day"}, f"{INVALID}:timeinforce"),
        ({"stp_type": "cancel-newest"}, f"{INVALID}:stptype"),
        ({"cl_ord_id": "a"}, f"{INVALID}:cl_ord_id not unique"),
        ({"order_qty": "0.1"}, "Order_qty field must be a number_float"),
        ({"symbol": "BTC/USD"}, "Unsupported field: 'symbol' for the given msg type: batch add"),
        ({"triggers": {"price": 1, "by": "me"}}, "Unsupported field: 'by' for the given msg type: batch add"),
    ],
)
def test_one_invalid_order_refuses_the_whole_batch(
    desk: Desk, kraken: Client, wrong: dict[str, Any], error: str
) -> None:
    assert desk.refusal("batch_add", orders=[LIMIT | {"cl_ord_id": "a"}, LIMIT | wrong], **BTC) == error
    assert kraken.open_orders() == {}


def test_an_order_without_its_limit_refuses_the_whole_batch(desk: Desk, kraken: Client) -> None:
    unlimited = {name: value for name, value in LIMIT.items() if name != "limit_price"}
    assert desk.refusal("batch_add", orders=[LIMIT, unlimited], **BTC) == "Limit_price(s) not found"
    assert desk.refusal("batch_add", orders=[LIMIT, LIMIT | {"side": None}], **BTC) == "Side field must be a string"
    assert desk.refusal("batch_add", orders=[LIMIT, {"side": "buy"}], **BTC) == "Order_type(s) not found"
    assert kraken.open_orders() == {}


@pytest.mark.parametrize("count", [0, 1, 16])
def test_a_batch_has_2_to_15_orders(desk: Desk, kraken: Client, count: int) -> None:
    assert desk.refusal("batch_add", orders=[LIMIT] * count, **BTC) == INVALID
    assert "2 to 15" in kraken.journal()["reason"]
    assert len(desk.result("batch_add", orders=[LIMIT] * 15, **BTC)) == 15


def test_a_batch_has_one_deadline(desk: Desk) -> None:
    assert (
        desk.refusal("batch_add", orders=[LIMIT] * 2, **BTC, deadline="2026-01-01T00:02:00Z") == f"{INVALID}:deadline"
    )
    assert desk.result("batch_add", orders=[LIMIT] * 2, **BTC, deadline="2026-01-01T00:00:01Z")


def test_the_deadline_of_a_batch_is_looked_at_after_its_orders(desk: Desk) -> None:
    wrong = [LIMIT, LIMIT | {"order_qty": -1}]
    assert desk.refusal("batch_add", orders=wrong, **BTC, deadline="2026-01-01T00:02:00Z") == f"{INVALID}:volume"


def test_margin_borrows_what_its_side_may(desk: Desk, kraken: Client, pit: Pit) -> None:
    pit.pair.patch(leverage_buy=[2, 3, 10], leverage_sell=[2])
    bought, sold = desk.add(margin=True), desk.add(margin=True, side="sell", limit_price=70000)
    assert [kraken.row(txid)["descr"]["leverage"] for txid in (bought, sold)] == ["3:1", "2:1"]


# amend_order


def test_an_amend_answers_with_the_identifier_it_was_asked_by(desk: Desk, kraken: Client) -> None:
    txid = desk.add(cl_ord_id="mine")
    raw = desk.bytes("amend_order", order_id=txid, order_qty=0.2)
    amend_id = kraken.amends(txid)[-1]["amend_id"]
    assert raw == answer("amend_order", {"amend_id": amend_id, "order_id": txid})
    raw = desk.bytes("amend_order", cl_ord_id="mine", limit_price=50001.5, symbol="BTC/USD")
    amend_id = kraken.amends(txid)[-1]["amend_id"]
    assert raw == answer("amend_order", {"amend_id": amend_id, "cl_ord_id": "mine"})
    assert kraken.row(txid)["descr"]["order"] == "buy 0.20000000 XBTUSD @ limit 50001.5"


@pytest.mark.parametrize(
    ("order", "change", "price", "price2"),
    [
        ({}, {"limit_price": -1, "limit_price_type": "pct"}, "59404.9", "0"),
        ({}, {"limit_price": -5.5, "limit_price_type": "quote"}, "59999.5", "0"),
        ({}, {"limit_price": 5e4, "limit_price_type": "static", "display_qty": 0.05}, "50000.0", "0"),
        (
            TRIGGER | {"triggers": {"price": 55000}},
            {"trigger_price": -2, "trigger_price_type": "pct"},
            "58804.9",
            "0",
        ),
        (TRIGGER | {"triggers": {"price": 55000}}, {"trigger_price": 54000.5}, "54000.5", "0"),
        (
            TRIGGER
            | {
                "order_type": "trailing-stop-limit",
                "triggers": {"price": 5, "price_type": "pct"},
                "limit_price": 0,
                "limit_price_type": "quote",
            },
            {"trigger_price": 100, "trigger_price_type": "quote", "limit_price": -1, "limit_price_type": "pct"},
            "+100.0",
            "-1.0000%",
        ),
    ],
)
def test_an_amend_moves_prices_as_over_rest(
    desk: Desk, kraken: Client, order: dict[str, Any], change: dict[str, Any], price: str, price2: str
) -> None:
    order = LIMIT | {"order_type": "iceberg", "display_qty": 0.1} if "display_qty" in change else order
    txid = desk.add(**order)
    desk.result("amend_order", order_id=txid, **change)
    descr = kraken.row(txid)["descr"]
    assert (descr["price"], descr["price2"]) == (price, price2)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, INVALID),
        ({"cl_ord_id": "too", "order_qty": 1}, INVALID),
        ({"order_id": NOBODYS, "order_qty": 1}, UNKNOWN),
        ({"order_qty": 0.1}, "EOrder:No amendable parameters specified"),
        ({"limit_price": 50000}, "EOrder:No amendable parameters specified"),
        ({"limit_price": -50000}, "EOrder:Invalid price"),
        ({"trigger_price": 50000}, "EOrder:Invalid trigger price"),
        ({"limit_price": 60010, "post_only": True}, "EOrder:Post only order"),
        ({"display_qty": 0.1}, f"{INVALID}:display-volume"),
        ({"order_qty": 0.00001}, "EOrder:Order minimum not met"),
        ({"order_qty": 99}, FUNDS),
        ({"limit_price": 1, "limit_price_type": "percent"}, f"{INVALID}:limit_price_type"),
        ({"order_qty": 0.2, "deadline": "2025-12-31T23:59:59Z"}, "EService:Deadline elapsed"),
        ({"order_qty": 0.2, "deadline": "2026-01-01T00:00:00.499Z"}, f"{INVALID}:deadline"),
        ({"order_qty": 0.2, "symbol": "FOO/USD"}, "Currency pair not supported FOO/USD"),
    ],
)
def test_an_amend_is_refused_and_changes_nothing(
    desk: Desk, kraken: Client, change: dict[str, Any], error: str
) -> None:
    txid = desk.add()
    before = kraken.row(txid)
    assert desk.refusal("amend_order", **{"order_id": txid} | change) == error
    assert kraken.row(txid) == before
    assert desk.result("amend_order", order_id=txid, order_qty=0.2, deadline="2026-01-01T00:00:00.500Z")


def test_an_amend_names_its_order_once(desk: Desk) -> None:
    desk.add(cl_ord_id="mine")
    assert desk.refusal("amend_order", order_qty=0.2) == INVALID
    assert desk.refusal("amend_order", cl_ord_id="other", order_qty=0.2) == UNKNOWN


# edit_order


def test_an_edit_replaces_an_order(desk: Desk, kraken: Client) -> None:
    old = desk.add(post_only=True, order_userref=4, fee_preference="base")
    raw = desk.bytes("edit_order", order_id=old, **BTC, order_qty=0.2, limit_price=51000, order_userref=9)
    (new,) = kraken.open_orders()
    assert raw == answer("edit_order", {"order_id": new, "original_order_id": old})
    assert kraken.ended(old) == ("canceled", "Order replaced")
    row = kraken.row(new)
    assert (row["descr"]["order"], row["userref"]) == ("buy 0.20000000 XBTUSD @ limit 51000.0", 9)
    assert row["oflags"] == "fcib"  # `post` is not inherited


def test_an_edit_may_change_the_fee_preference_and_post(desk: Desk, kraken: Client) -> None:
    old = desk.add(fee_preference="base", no_mpp=True)
    new = desk.result("edit_order", order_id=old, **BTC, fee_preference="quote", post_only=True)["order_id"]
    assert kraken.row(new)["oflags"] == "post,fciq,nompp"
    newer = desk.result("edit_order", order_id=new, **BTC, fee_preference="base")["order_id"]
    assert kraken.row(newer)["oflags"] == "fcib,nompp"


@pytest.mark.parametrize(
    ("change", "price", "trigger"),
    [
        ({"triggers": {"price": 56000.5}}, "56000.5", "last"),
        ({"triggers": {"price": -10, "price_type": "pct", "reference": "index"}}, "-10.0000%", "index"),
        ({"stop_price": 54000}, "54000.0", "last"),
        ({"trigger": "index"}, "55000.0", "index"),
        ({"order_qty": 0.2}, "55000.0", "last"),
    ],
)
def test_an_edit_of_a_stop(desk: Desk, kraken: Client, change: dict[str, Any], price: str, trigger: str) -> None:
    limit = {"order_type": "stop-loss-limit", "limit_price": 53000}
    old = desk.add(**TRIGGER | limit, triggers={"price": 55000, "reference": "last"})
    new = desk.result("edit_order", order_id=old, **BTC, **change)["order_id"]
    row = kraken.row(new)
    assert (row["descr"]["price"], row["descr"]["price2"], row.get("trigger", "last")) == (price, "53000.0", trigger)
    newer = desk.result("edit_order", order_id=new, **BTC, limit_price=52000)["order_id"]
    assert kraken.row(newer)["descr"]["price2"] == "52000.0"


def test_an_edit_keeps_whose_price_a_stop_waits_for(desk: Desk, kraken: Client) -> None:
    old = desk.add(**TRIGGER, triggers={"price": 55000, "reference": "index"})
    new = desk.result("edit_order", order_id=old, **BTC, triggers={"price": 54000})["order_id"]
    assert (kraken.row(new)["descr"]["price"], kraken.row(new)["trigger"]) == ("54000.0", "index")


def test_an_edit_by_userref_finds_that_order_among_others(desk: Desk, kraken: Client) -> None:
    stop = desk.add(**TRIGGER, triggers={"price": 55000})
    old = desk.add(order_userref=3)
    result = desk.result("edit_order", order_id="3", **BTC, limit_price=51000)
    assert result["original_order_id"] == old
    assert kraken.row(result["order_id"])["descr"]["price"] == "51000.0"
    assert kraken.row(stop)["descr"]["price"] == "55000.0"


def test_an_edit_moves_the_old_names_of_prices_too(desk: Desk, kraken: Client) -> None:
    old = desk.add(order_userref=3)
    new = desk.result("edit_order", order_id=old, **BTC, price=51000)["order_id"]
    assert kraken.row(new)["descr"]["price"] == "51000.0"


def test_an_edit_may_only_be_validated(desk: Desk, kraken: Client) -> None:
    old = desk.add()
    raw = desk.bytes("edit_order", order_id=old, **BTC, order_qty=0.2, validate=True)
    assert raw == answer("edit_order", {"order_id": "", "original_order_id": old})
    assert list(kraken.open_orders()) == [old]


@pytest.mark.parametrize(
    ("order", "change", "error"),
    [
        ({}, {"order_id": NOBODYS}, UNKNOWN),
        ({}, {"order_id": ""}, INVALID),
        ({}, {"symbol": "ETH/USD"}, "EOrder:Invalid order"),
        ({}, {"symbol": "XBT/USD"}, "Currency pair not supported XBT/USD"),
        ({"cl_ord_id": "mine"}, {}, "EOrder:Invalid order"),
        ({"conditional": {"order_type": "limit", "limit_price": 60000}}, {}, "EOrder:Invalid order"),
        ({}, {"limit_price": -1}, "EOrder:Invalid price"),
        ({}, {"triggers": {"price": 1}}, f"{INVALID}:trigger"),
        ({}, {"fee_preference": "none"}, f"{INVALID}:fee_preference"),
        ({}, {"reduce_only": True}, "EOrder:Reduce only:Non-PC"),
        ({}, {"deadline": "2026-01-01T00:00:00.4Z"}, f"{INVALID}:deadline"),
    ],
)
def test_an_edit_is_refused_and_the_order_stays(
    desk: Desk, kraken: Client, order: dict[str, Any], change: dict[str, Any], error: str
) -> None:
    txid = desk.add(**order)
    assert desk.refusal("edit_order", **{"order_id": txid, "order_qty": 0.2} | BTC | change) == error
    assert list(kraken.open_orders()) == [txid]


# cancel_order


def test_each_cancelled_order_has_a_reply_of_its_own(desk: Desk, kraken: Client) -> None:
    first, second, third = desk.add(), desk.add(cl_ord_id="mine"), desk.add(order_userref=5)
    fourth, rest = desk.add(order_userref=5), desk.add()
    desk.say("cancel_order", order_id=[first, NOBODYS], cl_ord_id=["mine", "other"], order_userref=[5, 6])
    error = b'{"error":"%b","method":"cancel_order","req_id":7,"success":false,' % UNKNOWN.encode() + TIMES
    assert desk.wire.raw == [
        answer("cancel_order", {"order_id": first}),
        error,
        answer("cancel_order", {"order_id": third}),
        answer("cancel_order", {"order_id": fourth}),
        error,
        answer("cancel_order", {"cl_ord_id": "mine"}),
        error,
    ]
    assert list(kraken.open_orders()) == [rest]
    for txid in (first, second, third, fourth):
        assert kraken.ended(txid) == ("canceled", "User requested")


def test_a_cancel_names_an_order_once_and_not_too_many(desk: Desk, kraken: Client) -> None:
    txid = desk.add()
    assert desk.refusal("cancel_order") == INVALID
    assert desk.refusal("cancel_order", order_id=[], cl_ord_id=[]) == INVALID
    assert desk.refusal("cancel_order", order_id=[txid] * 51) == INVALID
    assert desk.refusal("cancel_order", order_id=[f"{txid},{txid}"]) == UNKNOWN
    replies = desk.say("cancel_order", order_id=[txid, txid])
    assert [reply["success"] for reply in replies] == [True, False]
    assert kraken.ended(txid) == ("canceled", "User requested")


@pytest.mark.parametrize("settings", [{"dialect": "observed"}])
def test_what_was_never_open_is_refused_by_dialect(desk: Desk, kraken: Client) -> None:
    gone = desk.add()
    kraken.call("CancelOrder", txid=gone)
    assert desk.refusal("cancel_order", order_id=[gone]) == UNKNOWN
    assert desk.refusal("cancel_order", order_id=[NOBODYS]) == "EOrder:Invalid order"
    assert desk.refusal("cancel_order", cl_ord_id=["mine"]) == "EOrder:Invalid order"
    error = f"{INVALID}:volume minimum not met"
    assert desk.refusal("add_order", **LIMIT | {"order_qty": 0.00001}, **BTC) == error


# batch_cancel, cancel_all, cancel_all_orders_after


def test_a_batch_of_cancels_answers_both_ways(desk: Desk, kraken: Client) -> None:
    ids = [desk.add(), desk.add(order_userref=5), desk.add(cl_ord_id="mine")]
    rest = desk.add()
    raw = desk.bytes("batch_cancel", orders=[ids[0], "5", NOBODYS], cl_ord_id=["mine"])
    body = b'{"method":"batch_cancel","orders_cancelled":3,"req_id":7,"result":{"count":3},"success":true,'
    assert raw == body + TIMES
    assert list(kraken.open_orders()) == [rest]


def test_a_batch_of_cancels_has_2_to_50(desk: Desk, kraken: Client) -> None:
    txid = desk.add()
    assert desk.refusal("batch_cancel") == INVALID
    assert desk.refusal("batch_cancel", orders=[txid]) == INVALID
    assert desk.refusal("batch_cancel", orders=[txid] * 50, cl_ord_id=["mine"]) == INVALID
    assert desk.result("batch_cancel", orders=[NOBODYS], cl_ord_id=["other"]) == {"count": 0}
    assert list(kraken.open_orders()) == [txid]
    assert desk.result("batch_cancel", orders=[txid] * 50) == {"count": 1}


def test_everything_is_cancelled(desk: Desk, kraken: Client) -> None:
    assert desk.bytes("cancel_all") == answer("cancel_all", {"count": 0})
    for params in ({}, {"symbol": "ETH/USD", "limit_price": 1000}, TRIGGER | {"triggers": {"price": 55000}}):
        desk.add(**params)
    assert desk.bytes("cancel_all") == answer("cancel_all", {"count": 3})
    assert kraken.open_orders() == {}


def test_the_dead_mans_switch(desk: Desk, kraken: Client) -> None:
    txid = desk.add()
    raw = desk.bytes("cancel_all_orders_after", timeout=60)
    times = {"currentTime": "2026-01-01T00:00:00Z", "triggerTime": "2026-01-01T00:01:00Z"}
    assert raw == answer("cancel_all_orders_after", times)
    kraken.sandbox.clock.advance(SECOND // 4)
    desk.wire.take()
    times = {"currentTime": "2026-01-01T00:00:01Z", "triggerTime": "2026-01-01T00:00:02Z"}  # rounded up
    assert desk.result("cancel_all_orders_after", timeout=1) == times
    kraken.sandbox.clock.advance(SECOND - 1)
    assert list(kraken.open_orders()) == [txid]
    kraken.sandbox.clock.advance(1)
    assert kraken.open_orders() == {}


def test_the_dead_mans_switch_is_taken_back(desk: Desk, kraken: Client) -> None:
    txid = desk.add()
    desk.result("cancel_all_orders_after", timeout=60)
    times = {"currentTime": "2026-01-01T00:00:00Z", "triggerTime": "0"}
    assert desk.bytes("cancel_all_orders_after", timeout=0) == answer("cancel_all_orders_after", times)
    kraken.sandbox.clock.advance(120 * SECOND)
    assert list(kraken.open_orders()) == [txid]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "Timeout(s) not found"),
        ({"timeout": 86401}, "EGeneral:Invalid timeout argument:above max"),
        ({"timeout": 10**18}, "EGeneral:Invalid timeout argument:above max"),
        ({"timeout": -1}, INVALID),
        ({"timeout": "60"}, "Timeout field must be a number_integer"),
        ({"timeout": 1.5}, "Timeout field must be a number_integer"),
        ({"timeout": True}, "Timeout field must be a number_integer"),
    ],
)
def test_a_switch_that_is_none(desk: Desk, params: dict[str, Any], error: str) -> None:
    assert desk.refusal("cancel_all_orders_after", **params) == error
    assert desk.result("cancel_all_orders_after", timeout=86400)["triggerTime"] == "2026-01-02T00:00:00Z"
