"""Version 1's trading requests: what comes back, and what REST shows of it (kraken/60 §5)."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.control.operations import Control
from mockkraken.ws.v1.trading import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

LIMIT = {"ordertype": "limit", "type": "buy", "pair": "XBT/USD", "price": "50000", "volume": "0.1"}
MARKET = {"ordertype": "market", "type": "buy", "pair": "XBT/USD", "volume": "0.1"}


class Desk:
    """Trades over a connection of its own, with the key of that name."""

    def __init__(self, wire: Wire, key: str) -> None:
        self.wire = wire
        self.token = wire.token(key)

    def say(self, event: str, **fields: Any) -> list[Any]:
        """All replies, from which what all have is left out; `raw` has the bytes."""
        replies = self.wire.say({"event": event, "token": self.token, **fields})
        assert {reply.pop("event") for reply in replies} <= {f"{event}Status"}
        return replies

    def one(self, event: str, **fields: Any) -> Any:
        """The one reply."""
        (reply,) = self.say(event, **fields)
        return reply

    def ok(self, event: str, **fields: Any) -> Any:
        reply = self.one(event, **fields)
        assert reply.pop("status") == "ok", reply
        return reply

    def refusal(self, event: str, **fields: Any) -> str:
        """The error of a request that is refused by the exchange: such a reply says nothing else."""
        reply = self.one(event, **fields)
        assert sorted(reply) == ["errorMessage", "status"]
        assert reply["status"] == "error"
        text = reply["errorMessage"]
        assert isinstance(text, str)
        return text

    def add(self, **fields: Any) -> str:
        """The txid of an order: a limit order that rests, but for `fields`."""
        txid = self.ok("addOrder", **(LIMIT | fields))["txid"]
        assert isinstance(txid, str)
        return txid

    @property
    def raw(self) -> list[bytes]:
        return self.wire.raw


@pytest.fixture
def desk(wire: Connect, ann: Client) -> Desk:
    return Desk(wire("/ws-auth"), "ann")


def advance(sandbox: Sandbox, span: str | float) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


class TestAddOrder:
    def test_the_reply_is_as_documented(self, desk: Desk, ann: Client) -> None:
        fields = {"ordertype": "limit", "pair": "XBT/USD", "price": "9000", "type": "buy", "volume": "10.123"}
        reply = desk.ok("addOrder", reqid=5, **fields)
        assert desk.raw == [
            b'{"descr":"buy 10.12300000 XBTUSD @ limit 9000.0","event":"addOrderStatus","reqid":5,"status":"ok",'
            b'"txid":"%s"}' % reply["txid"].encode()
        ]
        assert ann.row(reply["txid"])["descr"]["order"] == reply["descr"]

    def test_a_refusal_of_the_exchange_too(self, desk: Desk) -> None:
        desk.say("addOrder", reqid=5, **LIMIT | {"volume": "0.00000001"})
        assert desk.raw == [
            b'{"errorMessage":"EOrder:Order minimum not met","event":"addOrderStatus","reqid":5,"status":"error"}'
        ]
        desk.say("addOrder", reqid=5, **LIMIT, timeinforce="FOREVER")
        assert desk.raw == [
            b'{"errorMessage":"EGeneral:Invalid arguments:timeinforce","event":"addOrderStatus","reqid":5,'
            b'"status":"error"}'
        ]

    def test_a_refusal_of_the_gateway_names_the_pair(self, desk: Desk) -> None:
        desk.say("addOrder", reqid=20, **LIMIT | {"pair": "USDT/USD", "refid": "x"})
        assert desk.raw == [
            b'{"errorMessage":"Unsupported field: \'refid\' for the given msg type: add order",'
            b'"event":"addOrderStatus","pair":"USDT/USD","reqid":20,"status":"error"}'
        ]

    @pytest.mark.parametrize(
        ("pair", "text"),
        [
            ("FOO/USD", "Currency pair not supported FOO/USD"),
            ("BTC/USD", "Currency pair not supported BTC/USD"),
            ("XBTUSD", "Currency pair not in ISO 4217-A3 format XBTUSD"),
        ],
    )
    @pytest.mark.parametrize("event", ["addOrder", "editOrder"])
    def test_pairs_go_by_their_slash_names_only(self, desk: Desk, event: str, pair: str, text: str) -> None:
        fields = LIMIT if event == "addOrder" else {"orderid": "O", "price": "1"}
        assert desk.one(event, **fields | {"pair": pair}) == {"errorMessage": text, "pair": pair, "status": "error"}

    def test_numbers_may_be_texts_or_numbers(self, desk: Desk, ann: Client) -> None:
        txid = desk.add(price=50000.5, volume=0.25, leverage=2, userref=7, expiretm=0, starttm=0)
        row = ann.row(txid)
        assert (row["descr"]["order"], row["userref"]) == (
            "buy 0.25000000 XBTUSD @ limit 50000.5 with 2:1 leverage",
            7,
        )

    @pytest.mark.parametrize("validate", [True, "true", "True"])
    def test_validating_places_nothing(self, desk: Desk, ann: Client, validate: Any) -> None:
        reply = desk.ok("addOrder", **LIMIT, validate=validate, cl_ord_id="mine")
        assert reply == {"descr": "buy 0.10000000 XBTUSD @ limit 50000.0", "cl_ord_id": "mine"}
        assert ann.open_orders() == {}
        assert desk.refusal("addOrder", **LIMIT | {"volume": "0"}, validate=validate)

    @pytest.mark.parametrize("validate", [False, "false"])
    def test_not_validating_does(self, desk: Desk, ann: Client, validate: Any) -> None:
        txid = desk.add(validate=validate)
        assert list(ann.open_orders()) == [txid]

    def test_a_cl_ord_id_comes_back(self, desk: Desk, ann: Client) -> None:
        reply = desk.ok("addOrder", **LIMIT, cl_ord_id="mine")
        assert sorted(reply) == ["cl_ord_id", "descr", "txid"]
        assert ann.row(reply["txid"])["cl_ord_id"] == "mine"
        text = "EGeneral:Invalid arguments:cl_ord_id not unique"
        assert desk.refusal("addOrder", **LIMIT, cl_ord_id="mine") == text
        assert desk.refusal("addOrder", **LIMIT, cl_ord_id="other", userref="1") == "EGeneral:Invalid arguments"

    @pytest.mark.parametrize(
        ("fields", "shown"),
        [
            ({"oflags": "post,fcib"}, {"oflags": "post,fcib"}),
            ({"oflags": "nompp"}, {"oflags": "fciq,nompp"}),
            ({"timeinforce": "GTD", "expiretm": "+60"}, {"time_in_force": "gtd", "expiretm": 1767225660}),
            ({"starttm": "+60"}, {"status": "pending", "starttm": 1767225660}),
            ({"sender_sub_id": "desk"}, {"sender_sub_id": "desk"}),
            ({"leverage": "2", "reduce_only": False}, {"margin": True}),
            ({"price": "-5%"}, {"limitprice": "57004.70000"}),
            ({"ordertype": "market", "oflags": "viqc", "volume": "100"}, {"status": "closed", "vol": "100.00000000"}),
            ({"ordertype": "stop-loss", "price": "61000"}, {"status": "open"}),
            ({"ordertype": "trailing-stop-limit", "price": "+1%", "price2": "-5"}, {"stopprice": "60605.00000"}),
        ],
    )
    def test_what_is_asked_for_is_what_rest_shows(
        self, desk: Desk, ann: Client, fields: dict[str, Any], shown: dict[str, Any]
    ) -> None:
        row = ann.row(desk.add(**fields))
        assert {name: row[name] for name in shown} == shown

    def test_a_conditional_close(self, desk: Desk, ann: Client) -> None:
        close = {"close[ordertype]": "stop-loss-limit", "close[price]": "-2%", "close[price2]": 57500}
        txid = desk.add(ordertype="market", **close)
        (child,) = ann.open_orders().values()
        assert child["refid"] == txid
        assert child["descr"]["order"] == "sell 0.10000000 XBTUSD @ stop loss -2.0000% -> limit 57500.0"

    @pytest.mark.parametrize(
        ("pair", "side", "leverage"),
        [("XBT/USD", "buy", "5:1"), ("XBT/USD", "sell", "5:1"), ("ATOM/USD", "buy", "2:1")],
    )
    def test_margin_takes_the_highest_leverage_up_to_five(
        self, desk: Desk, ann: Client, pair: str, side: str, leverage: str
    ) -> None:
        txid = desk.add(pair=pair, type=side, price="1" if side == "buy" else "90000", volume="10", margin=True)
        assert ann.row(txid)["descr"]["leverage"] == leverage

    def test_margin_leaves_a_leverage_as_it_is(self, desk: Desk, ann: Client) -> None:
        assert ann.row(desk.add(margin=True, leverage="2"))["descr"]["leverage"] == "2:1"
        assert ann.row(desk.add(margin=False))["descr"]["leverage"] == "none"

    def test_no_margin_where_there_is_none(self, desk: Desk, pit: Pit) -> None:
        fields = LIMIT | {"pair": "XBT/JPY", "price": "1000000"}
        assert desk.refusal("addOrder", **fields, margin=True) == "EGeneral:Invalid arguments:leverage"

    @pytest.mark.parametrize(
        ("stp_type", "left"),
        [("cancel_newest", "old"), ("cancel_oldest", "new"), ("cancel_both", "none"), (None, "old")],
    )
    def test_orders_of_one_account_never_meet(self, desk: Desk, ann: Client, stp_type: str | None, left: str) -> None:
        old = desk.add(type="sell", price="60005")
        new = desk.add(price="60005", **({} if stp_type is None else {"stp_type": stp_type}))
        names = {"old": [old], "new": [new], "none": []}
        assert list(ann.open_orders()) == names[left]

    @pytest.mark.parametrize(
        ("ahead", "text"),
        [
            ("00:00:00.400", "EGeneral:Invalid arguments:deadline"),
            ("00:00:00.500", ""),
            ("00:01:00", ""),
            ("00:01:01", "EGeneral:Invalid arguments:deadline"),
        ],
    )
    def test_a_deadline_lies_half_a_second_to_a_minute_ahead(self, desk: Desk, ahead: str, text: str) -> None:
        """Over REST it takes two seconds at least."""
        reply = desk.one("addOrder", **LIMIT, deadline=f"2026-01-01T{ahead}Z")
        assert reply.get("errorMessage", "") == text
        reply = desk.one("amendOrder", txid=desk.add(), volume="0.2", deadline=f"2026-01-01T{ahead}Z")
        assert reply.get("errorMessage", "") == text

    def test_a_deadline_that_has_passed(self, desk: Desk) -> None:
        deadline = "2025-12-31T23:59:59.999Z"
        assert desk.refusal("addOrder", **LIMIT, deadline=deadline) == "EService:Deadline elapsed"

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype"),
            ({"ordertype": "limits"}, "EGeneral:Invalid arguments:ordertype"),
            ({"type": "long"}, "EGeneral:Invalid arguments:type"),
            ({"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
            ({"volume": "0.00000001"}, "EOrder:Order minimum not met"),
            ({"price": ""}, "EGeneral:Invalid arguments:price"),
            ({"price": "6.4e4"}, "EOrder:Invalid price:Invalid price argument"),
            (
                {"price": "50000.12"},
                "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
            ),
            ({"timeinforce": "FOK"}, "EGeneral:Invalid arguments:timeinforce"),
            ({"timeinforce": "GTD"}, "EGeneral:Invalid arguments:timeinforce"),
            ({"stp_type": "cancel-newest"}, "EGeneral:Invalid arguments:stptype"),
            ({"oflags": "viqc"}, "EGeneral:Invalid arguments:viqc"),
            ({"userref": "x"}, "EGeneral:Invalid arguments:userref"),
            ({"leverage": "99"}, "EGeneral:Invalid arguments:leverage"),
            ({"reduce_only": True}, "EOrder:Reduce only:Non-PC"),
            ({"volume": "1000"}, "EOrder:Insufficient funds"),
            ({"price": "61000", "oflags": "post"}, "EOrder:Post only order"),
            ({"close[ordertype]": "market"}, "EGeneral:Invalid arguments:close"),
        ],
    )
    def test_what_is_refused_leaves_nothing(self, desk: Desk, ann: Client, fields: dict[str, Any], text: str) -> None:
        assert desk.refusal("addOrder", **LIMIT | fields) == text
        assert ann.open_orders() == {}

    @pytest.mark.parametrize("missing", ["ordertype", "type", "volume", "price"])
    def test_what_is_missing_is_the_exchange_s_to_refuse(self, desk: Desk, missing: str) -> None:
        fields = {name: value for name, value in LIMIT.items() if name != missing}
        assert desk.refusal("addOrder", **fields) == f"EGeneral:Invalid arguments:{missing}"

    def test_but_for_the_pair(self, desk: Desk) -> None:
        assert desk.refusal("addOrder", ordertype="market", type="buy", volume="1") == "Pair(s) not found"


class TestAmendOrder:
    def test_by_txid(self, desk: Desk, ann: Client) -> None:
        txid = desk.add()
        reply = desk.ok("amendOrder", reqid=9, txid=txid, limit_price="50500.5", volume=0.2)
        assert desk.raw == [
            b'{"amend_id":"%s","event":"amendOrderStatus","reqid":9,"status":"ok","txid":"%s"}'
            % (reply["amend_id"].encode(), txid.encode())
        ]
        assert ann.row(txid)["descr"]["order"] == "buy 0.20000000 XBTUSD @ limit 50500.5"
        assert ann.amends(txid)[-1]["amend_id"] == reply["amend_id"]

    def test_by_cl_ord_id(self, desk: Desk, ann: Client) -> None:
        txid = desk.add(cl_ord_id="mine")
        reply = desk.ok("amendOrder", cl_ord_id="mine", limit_price="-1%")
        assert sorted(reply) == ["amend_id", "cl_ord_id"]
        assert ann.row(txid)["descr"]["price"] == "59404.9"

    def test_a_trigger_and_a_display(self, desk: Desk, ann: Client) -> None:
        stop = desk.add(ordertype="stop-loss", price="61000")
        desk.ok("amendOrder", txid=stop, trigger_price="62000", pair="XBT/USD")
        assert ann.row(stop)["descr"]["price"] == "62000.0"
        iceberg = ann.place("buy", "iceberg", "1", price="50000", displayvol="0.1")
        desk.ok("amendOrder", txid=iceberg, display_volume="0.5")
        assert ann.row(iceberg)["display_volume"] == "0.50000000"

    def test_post_only(self, desk: Desk) -> None:
        txid = desk.add()
        assert desk.refusal("amendOrder", txid=txid, limit_price="60020", post_only=True) == "EOrder:Post only order"

    def test_refusals(self, desk: Desk) -> None:
        txid = desk.add(cl_ord_id="mine")
        assert desk.refusal("amendOrder", txid="OZZZZZ-ZZZZZ-ZZZZZZ", volume="1") == "EOrder:Unknown order"
        assert desk.refusal("amendOrder", volume="1") == "EGeneral:Invalid arguments"
        assert desk.refusal("amendOrder", txid=txid, cl_ord_id="mine", volume="1") == "EGeneral:Invalid arguments"
        assert desk.refusal("amendOrder", txid=txid, volume="0.1") == "EOrder:No amendable parameters specified"


class TestEditOrder:
    def test_the_text_has_the_price_as_it_was_sent(self, desk: Desk, ann: Client) -> None:
        """As recorded in November 2023."""
        old = desk.add(pair="USDC/USD", price="0.8", volume="20")
        reply = desk.ok("editOrder", reqid=3, orderid=old, pair="USDC/USD", price="0.9")
        assert desk.raw == [
            b'{"descr":"buy 20.00000000 USDCUSD @ limit 0.9","event":"editOrderStatus","originaltxid":"%s",'
            b'"reqid":3,"status":"ok","txid":"%s"}' % (old.encode(), reply["txid"].encode())
        ]
        assert ann.ended(old) == ("canceled", "Order replaced")
        assert list(ann.open_orders()) == [reply["txid"]]

    def test_by_userref_with_a_new_one(self, desk: Desk, ann: Client) -> None:
        old = desk.add(userref="41")
        reply = desk.ok("editOrder", orderid=41, pair="XBT/USD", volume="0.2", newuserref="42")
        assert reply["originaltxid"] == old
        assert (ann.row(reply["txid"])["userref"], ann.row(reply["txid"])["vol"]) == (42, "0.20000000")
        # The old one's is not carried over.
        assert ann.row(desk.ok("editOrder", orderid=42, pair="XBT/USD", volume="0.3")["txid"])["userref"] == 0

    def test_validating_replaces_nothing(self, desk: Desk, ann: Client) -> None:
        old = desk.add()
        reply = desk.ok("editOrder", orderid=old, pair="XBT/USD", price="51000", oflags="post", validate="true")
        assert reply == {"descr": "buy 0.10000000 XBTUSD @ limit 51000", "originaltxid": old}
        assert list(ann.open_orders()) == [old]

    def test_an_order_that_has_traded_is_not_edited(self, desk: Desk, ann: Client, pit: Pit) -> None:
        """Over REST it is, down to what has traded."""
        txid = desk.add(type="sell", price="60005", volume="0.5", userref="5")
        pit.fill(txid, "0.2")
        for orderid in (txid, "5"):
            assert desk.refusal("editOrder", orderid=orderid, pair="XBT/USD", price="60006") == "EOrder:Invalid order"
        assert ann.executed(txid) == "0.2"
        other = desk.add()
        assert desk.ok("editOrder", orderid=other, pair="XBT/USD", price="51000")["originaltxid"] == other

    def test_refusals(self, desk: Desk) -> None:
        txid = desk.add(cl_ord_id="mine")
        unknown = "OZZZZZ-ZZZZZ-ZZZZZZ"
        assert desk.refusal("editOrder", orderid=unknown, pair="XBT/USD", price="1") == "EOrder:Unknown order"
        assert desk.refusal("editOrder", orderid=txid, pair="XBT/USD", price="1") == "EOrder:Invalid order"
        assert desk.refusal("editOrder", pair="XBT/USD", price="1") == "EGeneral:Invalid arguments"
        assert desk.refusal("editOrder", orderid=txid, price="1") == "Pair(s) not found"


class TestCancelling:
    def test_there_is_a_reply_for_each_order(self, desk: Desk, ann: Client) -> None:
        first, second = desk.add(), desk.add()
        desk.say("cancelOrder", reqid=6, txid=[first, "OZZZZZ-ZZZZZ-ZZZZZZ", second])
        assert desk.raw == [
            b'{"event":"cancelOrderStatus","reqid":6,"status":"ok"}',
            b'{"errorMessage":"EOrder:Unknown order","event":"cancelOrderStatus","reqid":6,"status":"error"}',
            b'{"event":"cancelOrderStatus","reqid":6,"status":"ok"}',
        ]
        assert ann.open_orders() == {}

    def test_by_userref_and_cl_ord_id(self, desk: Desk, ann: Client) -> None:
        desk.add(userref="7")
        desk.add(userref="7")
        desk.add(cl_ord_id="mine")
        assert desk.say("cancelOrder", txid=["7"]) == [{"status": "ok"}] * 2
        assert desk.say("cancelOrder", cl_ord_id=["mine"]) == [{"status": "ok"}]
        assert ann.open_orders() == {}

    def test_a_userref_may_be_a_number(self, desk: Desk) -> None:
        desk.add(userref=7)
        assert desk.say("cancelOrder", txid=[7]) == [{"status": "ok"}]

    @pytest.mark.parametrize("fields", [{}, {"txid": []}, {"txid": ["O"] * 51}])
    def test_none_or_too_many(self, desk: Desk, fields: dict[str, Any]) -> None:
        assert desk.refusal("cancelOrder", **fields) == "EGeneral:Invalid arguments"

    @pytest.mark.parametrize("name", ["txid", "cl_ord_id"])
    def test_one_alone_is_no_array(self, desk: Desk, name: str) -> None:
        assert desk.refusal("cancelOrder", **{name: "O"}) == f"{name.capitalize()} field must be an array"

    def test_a_refused_one_is_in_the_journal(self, desk: Desk, sandbox: Sandbox) -> None:
        desk.say("cancelOrder", txid=[desk.add(), "OZZZZZ-ZZZZZ-ZZZZZZ"])
        last = sandbox.journal.records()[0][-1]
        assert (last["endpoint"], last["outcome"], last["error"], last["transport"]) == (
            "cancelOrder",
            "refused",
            "EOrder:Unknown order",
            "ws1",
        )

    def test_all(self, desk: Desk, ann: Client) -> None:
        desk.add()
        desk.add(starttm="+60")
        desk.say("cancelAll", reqid=7)
        assert desk.raw == [b'{"count":2,"event":"cancelAllStatus","reqid":7,"status":"ok"}']
        assert ann.open_orders() == {}
        assert desk.ok("cancelAll") == {"count": 0}

    def test_all_in_a_while(self, desk: Desk, ann: Client, sandbox: Sandbox) -> None:
        advance(sandbox, 9)
        txid = desk.add()
        desk.say("cancelAllOrdersAfter", reqid=8, timeout=60)
        assert desk.raw == [
            b'{"currentTime":"2026-01-01T00:00:09Z","event":"cancelAllOrdersAfterStatus","reqid":8,"status":"ok",'
            b'"triggerTime":"2026-01-01T00:01:09Z"}'
        ]
        advance(sandbox, 60)
        assert ann.ended(txid) == ("canceled", "Cancel all orders after timeout")

    def test_and_back(self, desk: Desk, ann: Client, sandbox: Sandbox) -> None:
        txid = desk.add()
        desk.ok("cancelAllOrdersAfter", timeout="5")
        reply = desk.ok("cancelAllOrdersAfter", timeout=0)
        assert reply == {"currentTime": "2026-01-01T00:00:00Z", "triggerTime": "0"}
        advance(sandbox, 10)
        assert list(ann.open_orders()) == [txid]

    @pytest.mark.parametrize(
        ("timeout", "text"),
        [
            (None, "EGeneral:Invalid arguments"),
            ("-1", "EGeneral:Invalid arguments"),
            (1.5, "EGeneral:Invalid arguments"),
            ("9" * 5000, "EGeneral:Invalid arguments"),
            (86_401, "EGeneral:Invalid timeout argument:above max"),
        ],
    )
    def test_a_while_that_is_none(self, desk: Desk, timeout: Any, text: str) -> None:
        fields = {} if timeout is None else {"timeout": timeout}
        assert desk.refusal("cancelAllOrdersAfter", **fields) == text


REQUESTS: dict[str, dict[str, Any]] = {
    "addOrder": LIMIT,
    "amendOrder": {"txid": "OZZZZZ-ZZZZZ-ZZZZZZ", "volume": "1"},
    "editOrder": {"orderid": "OZZZZZ-ZZZZZ-ZZZZZZ", "pair": "XBT/USD", "price": "1"},
    "cancelOrder": {"txid": ["OZZZZZ-ZZZZZ-ZZZZZZ"]},
    "cancelAll": {},
    "cancelAllOrdersAfter": {"timeout": "0"},
}


class TestWhoMayDoIt:
    def test_all_events_are_here(self) -> None:
        assert [method.name for method in METHODS] == list(REQUESTS)

    @pytest.mark.parametrize("event", REQUESTS)
    def test_the_permissions_are_those_of_rest(self, wire: Connect, login: Callable[..., Client], event: str) -> None:
        """As the twin's over REST; without them nothing else of the request is looked at."""
        twin = {"addOrder": "AddOrder", "editOrder": "EditOrder"}.get(event, "CancelOrder")
        for codes in (["modify-trades"], ["close-trades"], ["modify-trades", "close-trades"], ["query-funds"]):
            name = "-".join(codes)
            rest = login(name, permissions=["create-ws-token", *codes])
            denied = "EGeneral:Permission denied" in rest.post(twin, txid="x").errors
            (reply,) = Desk(wire("/"), name).say(event, **REQUESTS[event])
            assert (reply.get("errorMessage") == "EGeneral:Permission denied") is denied

    @pytest.mark.parametrize("event", REQUESTS)
    def test_a_token_is_needed(self, desk: Desk, event: str) -> None:
        desk.token = "x"
        reply = desk.one(event, **REQUESTS[event])
        assert reply["errorMessage"] == "ESession:Invalid session"

    @pytest.mark.parametrize("event", REQUESTS)
    def test_the_public_door_has_no_trading(self, wire: Connect, ann: Client, event: str) -> None:
        reply = Desk(wire("/ws"), "ann").one(event, **REQUESTS[event])
        text = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
        assert reply["errorMessage"] == text

    @pytest.mark.parametrize("event", REQUESTS)
    def test_a_locked_account_may_do_nothing(self, desk: Desk, pit: Pit, event: str) -> None:
        pit.accounts["ann"].patch(state="locked")
        assert desk.one(event, **REQUESTS[event])["errorMessage"] in ("ETrade:Locked", "EOrder:Unknown order")
        if event not in ("amendOrder", "editOrder"):
            assert desk.one(event, **REQUESTS[event])["errorMessage"] == "ETrade:Locked"

    def test_a_disabled_one_may_not_even_validate(self, desk: Desk, pit: Pit) -> None:
        pit.accounts["ann"].patch(state="disabled")
        assert desk.one("addOrder", **LIMIT, validate=True)["errorMessage"] == "EAuth:Account temporary disabled"

    def test_the_state_of_the_exchange_counts(self, desk: Desk, pit: Pit) -> None:
        txid = desk.add()
        pit.status.set("cancel_only")
        desk.wire.take()
        assert desk.refusal("addOrder", **LIMIT) == "EService:Market in cancel_only mode"
        assert desk.refusal("amendOrder", txid=txid, volume="1") == "EService:Market in cancel_only mode"
        assert desk.ok("cancelOrder", txid=[txid]) == {}
        pit.status.set("maintenance")
        desk.wire.take()
        assert desk.refusal("cancelAll") == "EService:Unavailable"


class TestTradingCounter:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"rate_limits": "on"}

    @pytest.fixture
    def starter(self, wire: Connect, pit: Pit) -> Client:
        return pit.trader("carl", tier="starter")

    def test_is_shared_with_rest(self, wire: Connect, starter: Client, sandbox: Sandbox) -> None:
        desk = Desk(wire("/"), "carl")
        txid = desk.add()
        starter.buy("0.1", "50000")
        counter = sandbox.exchange.accounts["carl"].trading["XXBTZUSD"]
        assert counter.units == 2 * 10**11
        desk.ok("amendOrder", txid=txid, volume="0.2")  # 1 and 3
        assert counter.units == 6 * 10**11
        desk.ok("cancelOrder", txid=[txid])  # 8
        assert counter.units == 14 * 10**11
        old = desk.add()
        desk.ok("editOrder", orderid=old, pair="XBT/USD", price="50001")  # 1, and 1 and 6
        assert counter.units == 22 * 10**11

    def test_refusals_cost_and_validating_does_not(self, wire: Connect, starter: Client, sandbox: Sandbox) -> None:
        desk = Desk(wire("/"), "carl")
        desk.refusal("addOrder", **LIMIT | {"volume": "x"})
        desk.ok("addOrder", **LIMIT, validate=True)
        desk.one("addOrder", **LIMIT | {"pair": "FOO/USD"})
        trading = sandbox.exchange.accounts["carl"].trading
        assert [(pair, counter.units) for pair, counter in trading.items()] == [("XXBTZUSD", 10**11)]
        txid = desk.add()
        desk.ok("editOrder", orderid=txid, pair="XBT/USD", price="50001", validate=True)
        assert trading["XXBTZUSD"].units == 2 * 10**11

    def test_at_the_threshold_all_but_mass_cancels_are_refused(
        self, wire: Connect, starter: Client, sandbox: Sandbox
    ) -> None:
        sandbox.settings.rate_limits = "off"
        desk = Desk(wire("/"), "carl")
        first, second = desk.add(), desk.add()
        sandbox.settings.rate_limits = "on"
        sandbox.exchange.limits.receive(sandbox.exchange.accounts["carl"], ["XXBTZUSD"], 59 * 10**11)
        # The first cancel is still allowed and fills the counter; the second order stays.
        assert [reply.get("errorMessage") for reply in desk.say("cancelOrder", txid=[first, second])] == [
            None,
            "EOrder:Rate limit exceeded",
        ]
        for event, fields in (
            ("addOrder", LIMIT),
            ("addOrder", LIMIT | {"validate": True}),
            ("amendOrder", {"txid": second, "volume": "0.2"}),
            ("editOrder", {"orderid": second, "pair": "XBT/USD", "price": "50001"}),
        ):
            assert desk.refusal(event, **fields) == "EOrder:Rate limit exceeded"
        assert desk.ok("cancelAll") == {"count": 1}


class TestTurns:
    def heard(self, wire: Connect) -> list[str]:
        talk = wire("/")
        token = talk.token("ann")
        for name in ("ownTrades", "openOrders"):
            talk.say({"event": "subscribe", "subscription": {"name": name, "token": token}})
        frames = talk.say({"event": "addOrder", "token": token, **MARKET})
        return [frame["event"] if isinstance(frame, dict) else frame[1] for frame in frames]

    def test_the_reply_comes_first(self, wire: Connect, ann: Client) -> None:
        told = ["openOrders", "openOrders", "openOrders", "ownTrades", "openOrders"]
        assert self.heard(wire) == ["addOrderStatus", *told]

    @pytest.mark.parametrize("settings", [{"ws_reply_order": "last"}])
    def test_or_last(self, wire: Connect, ann: Client) -> None:
        assert self.heard(wire)[-1] == "addOrderStatus"


HOSTILE: list[Any] = [
    "", " ", "0", "-1", "+", "#", "%", "1e999", "9" * 400, "\u0000", "ä" * 50, "O" * 5000, "true", "null",
    0, -1, 1.5, 1e300, 2**63, True, False, None, [], [[]], [None], [{}], {}, {"a": 1}, ["O"] * 60,
    "2026-01-01T00:00:01Z", "9999-99-99T99:99:99Z", "limit", "market", "iceberg", "buy", "XBT/USD", "FOO/BAR", "GTD",
    "+5%", "-5%", "#5%", "+0", "0.00000000000000000000001", "post", "viqc", "5:1", "cancel_both",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_no_value_of_any_field_is_met_with_a_failure(desk: Desk, method: Any, sandbox: Sandbox) -> None:
    draw = random.Random(method.name)
    names = [field.name for field in method.fields]
    for _ in range(400):
        fields = REQUESTS[method.name] | {
            name: draw.choice(HOSTILE) for name in draw.sample(names, draw.randint(0, min(4, len(names))))
        }
        for reply in desk.say(method.name, reqid=1, **fields):
            assert reply["reqid"] == 1
            assert (reply["status"] == "error") is ("errorMessage" in reply)
            assert "Internal error" not in reply.get("errorMessage", ""), json.dumps(fields)
    # And it still works.
    assert desk.add()
