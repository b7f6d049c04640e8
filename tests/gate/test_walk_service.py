"""What the exchange, and what a pair takes in each of its states: the table of kraken/10 §7, operation by operation.

Through the REST application, with orders that rested before the state came. The rules by themselves, also for states of
both at once, are tested in unit/test_service.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from mockkraken.control.market_client import StatusControl
from mockkraken.control.operations import Control
from mockkraken.rest.endpoint import Private, Public
from mockkraken.rest.routes import ENDPOINTS

OK, UNAVAILABLE = "OK", "EService:Unavailable"
GONE, NO_POSITION = "EOrder:Unknown position", "EOrder:Reduce only:No position exists"
MODES = {
    status: f"EService:Market in {status} mode"
    for status in ("post_only", "limit_only", "cancel_only", "reduce_only", "delisted", "work_in_progress")
}


class Takes(NamedTuple):
    """What is taken in a state."""

    post: bool
    limit: bool
    """Limit orders without the flag."""
    market: bool
    """What trades at any price, at once or when its trigger fires."""
    cancels: bool = True
    reduces: bool = False
    """Of the others, those that only make a position smaller."""


NOTHING_NEW = Takes(post=False, limit=False, market=False)
ALIKE = {
    "online": Takes(post=True, limit=True, market=True),
    "post_only": Takes(post=True, limit=False, market=False),
    "limit_only": Takes(post=True, limit=True, market=False),
    "cancel_only": NOTHING_NEW,
}
SYSTEM = ALIKE | {"maintenance": NOTHING_NEW._replace(cancels=False)}
# Of a pair in maintenance the table says nothing: its orders can be cancelled, as in its other states [guess].
PAIR = ALIKE | {
    "reduce_only": NOTHING_NEW._replace(reduces=True),
    "maintenance": NOTHING_NEW,
    "delisted": NOTHING_NEW,
    "work_in_progress": NOTHING_NEW,
}
STATES = [(None, status) for status in SYSTEM] + [("XBTUSD", status) for status in PAIR]


class Operation(NamedTuple):
    """A call, and which member of `Takes` decides. {txid} in its fields is an order that rests."""

    kind: str
    method: str
    fields: dict[str, Any]
    passes: str = OK
    resting: str = ""
    """The flags of that order, which is a limit order."""


def order(kind: str, ordertype: str, *, passes: str = OK, side: str = "sell", **fields: Any) -> Operation:
    fields = {"pair": "XBTUSD", "type": side, "ordertype": ordertype, "volume": "0.01"} | fields
    return Operation(kind, "AddOrder", fields, passes)


BUY = {"side": "buy", "price": "50000"}
ROW = {"ordertype": "limit", "type": "buy", "price": "50000", "volume": "0.01"}
ORDERS = {
    "limit with post": order("post", "limit", **BUY, oflags="post"),
    "iceberg with post": order("post", "iceberg", **BUY, oflags="post", volume="1", displayvol="0.1"),
    "limit": order("limit", "limit", **BUY),
    "limit, good till a time": order("limit", "limit", **BUY, timeinforce="GTD", expiretm="+60"),
    "limit, immediate or cancel": order("limit", "limit", **BUY, timeinforce="IOC"),
    "limit with a close": order("limit", "limit", **BUY, **{"close[ordertype]": "limit", "close[price]": "90000"}),
    "limit on margin": order("limit", "limit", **BUY, leverage="2"),
    "iceberg": order("limit", "iceberg", **BUY, volume="1", displayvol="0.1"),
    "stop-loss-limit": order("limit", "stop-loss-limit", price="30000", price2="29000"),
    "take-profit-limit": order("limit", "take-profit-limit", price="150000", price2="140000"),
    "trailing-stop-limit": order("limit", "trailing-stop-limit", price="+5000", price2="-10"),
    "market": order("market", "market"),
    "market on margin": order("market", "market", leverage="2"),
    "stop-loss": order("market", "stop-loss", price="30000"),
    "take-profit": order("market", "take-profit", price="150000"),
    "trailing-stop": order("market", "trailing-stop", price="+5000"),
    "settle-position": order("settles", "settle-position", leverage="2", volume="0", passes=GONE),
    "reducing": order("reduces", "limit", price="90000", leverage="2", reduce_only="true", passes=NO_POSITION),
}
CHANGES = {
    "amend": Operation("limit", "AmendOrder", {"txid": "{txid}", "limit_price": "49000"}),
    "amend to post": Operation("post", "AmendOrder", {"txid": "{txid}", "limit_price": "49000", "post_only": "true"}),
    "amend of post": Operation("post", "AmendOrder", {"txid": "{txid}", "limit_price": "49000"}, resting="post"),
    "amend of the volume": Operation("limit", "AmendOrder", {"txid": "{txid}", "order_qty": "0.005"}),
    "edit": Operation("limit", "EditOrder", {"txid": "{txid}", "pair": "XBTUSD", "price": "49000"}),
    "edit to post": Operation(
        "post", "EditOrder", {"txid": "{txid}", "pair": "XBTUSD", "price": "49000", "oflags": "post"}
    ),
    "edit of post": Operation(  # an edit keeps all flags but that one
        "limit", "EditOrder", {"txid": "{txid}", "pair": "XBTUSD", "price": "49000"}, resting="post"
    ),
}
CANCELS = {
    "cancel by txid": Operation("cancels", "CancelOrder", {"txid": "{txid}"}),
    "cancel by userref": Operation("cancels", "CancelOrder", {"txid": "77"}),
    "cancel by cl_ord_id": Operation("cancels", "CancelOrder", {"cl_ord_id": "mine"}),
    "cancel of many": Operation("cancels", "CancelOrderBatch", {"orders": "{txid}", "cl_ord_ids": "mine"}),
    "cancel all": Operation("cancels", "CancelAll", {}),
}
OPERATIONS = ORDERS | CHANGES | CANCELS


def answer(takes: Takes, status: str, operation: Operation) -> str:
    """What the table says."""
    taken = {
        **takes._asdict(),
        "reduces": takes.reduces or takes.limit,
        "settles": takes.reduces or takes.market,
    }[operation.kind]
    return operation.passes if taken else MODES.get(status, UNAVAILABLE)


@pytest.fixture
def status(sandbox):
    return StatusControl(Control(sandbox).perform)


def rest(program: Any, flags: str = "", **fields: str) -> str:
    """The txid of an order that rests."""
    limit = ORDERS["limit"].fields | ({"oflags": flags} if flags else {}) | fields
    (txid,) = program.ask("AddOrder", **limit).result["txid"]
    return txid


def perform(program: Any, operation: Operation, txid: str, **more: str) -> str:
    fields = {name: value.replace("{txid}", txid) for name, value in operation.fields.items()}
    return program.call(operation.method, **fields | more)


@pytest.fixture(params=STATES, ids=lambda state: state[1] if state[0] is None else f"pair {state[1]}")
def where(request):
    """Whose state it is, and which."""
    return request.param


@pytest.fixture
def takes(where):
    pair, state = where
    return (PAIR if pair else SYSTEM)[state]


def test_what_is_taken(program, status, where, takes):
    pair, state = where
    found, expected = {}, {}
    for name, operation in OPERATIONS.items():
        txid = rest(program, operation.resting)
        rest(program, userref="77")
        rest(program, cl_ord_id="mine")
        before = program.ask("OpenOrders").result
        status.set(state, pair=pair)
        found[name] = perform(program, operation, txid)
        expected[name] = answer(takes, state, operation)
        if expected[name] in (UNAVAILABLE, *MODES.values()):
            record = program.journal
            assert (record["check"], record["reason"]) == ("status", f"{pair or 'the exchange'} is {state}")
            assert program.ask("OpenOrders").result == before
        status.set("online", pair=pair)
        program.ask("CancelAll")
    assert found == expected


def test_validation_says_the_same(program, status, where, takes):
    pair, state = where
    status.set(state, pair=pair)
    found = {name: perform(program, operation, "", validate="true") for name, operation in ORDERS.items()}
    assert found == {name: answer(takes, state, operation._replace(passes=OK)) for name, operation in ORDERS.items()}


def test_a_batch_is_refused_row_by_row(program, status, where, takes):
    pair, state = where
    status.set(state, pair=pair)
    for kind, flags in (("limit", {}), ("post", {"oflags": "post"})):
        fields = {f"orders[{n}][{name}]": value for n in (0, 1) for name, value in (ROW | flags).items()}
        rows = program.ask("AddOrderBatch", pair="XBTUSD", **fields).result["orders"]
        assert [row.get("error", OK) for row in rows] == [answer(takes, state, Operation(kind, "", {}))] * 2


def test_a_pair_s_state_is_its_own(program, status, where):
    pair, state = where
    if pair is None:
        pair, state = "ETHUSD", "cancel_only"
    found = {}
    for name, operation in (ORDERS | CHANGES).items():
        fields = operation.fields | ({"pair": "XBTEUR"} if "pair" in operation.fields else {})
        txid = rest(program, operation.resting, pair="XBTEUR")
        status.set(state, pair=pair)
        found[name] = perform(program, operation._replace(fields=fields), txid)
    assert found == {name: operation.passes for name, operation in (ORDERS | CHANGES).items()}


def test_orders_meet_where_they_are_taken_at_any_price(program, status, where, takes):
    pair, state = where
    status.set(state, pair=pair)
    crossing = order("limit", "limit", side="buy", price="999999")
    assert perform(program, crossing, "") == answer(takes, state, crossing)
    assert program.ask("TradesHistory").result["count"] == (1 if takes.limit else 0)


# What no state keeps anybody from

CALLS = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Public) or not endpoint.order_action]
NEEDED = {
    "QueryOrders": {"txid": "OAAAAA-AAAAA-AAAAAA"},
    "OrderAmends": {"order_id": "OAAAAA-AAAAA-AAAAAA"},
}


def test_queries_public_data_and_tokens(program, status, where):
    def answers() -> dict[str, str]:
        return {
            endpoint.name: program.call(endpoint.name, **NEEDED.get(endpoint.name, {}))
            if isinstance(endpoint, Private)
            else program.get(endpoint.name, "pair=XBTUSD").error
            for endpoint in CALLS
        }

    online = answers()
    assert {"Balance", "OpenOrders", "GetWebSocketsToken", "Depth"} <= {name for name in online if online[name] == OK}
    pair, state = where
    status.set(state, pair=pair)
    assert answers() == online


def test_a_dead_man_s_switch_can_be_set_and_taken_back(program, status, where):
    pair, state = where
    status.set(state, pair=pair)
    assert [program.call("CancelAllOrdersAfter", timeout=timeout) for timeout in ("60", "0")] == [OK, OK]


def test_every_private_call_stands_here():
    here = {operation.method for operation in OPERATIONS.values()} | {endpoint.name for endpoint in CALLS}
    private = {endpoint.name for endpoint in ENDPOINTS if isinstance(endpoint, Private)}
    assert private - here == {"AddOrderBatch", "CancelAllOrdersAfter"}  # which have tests of their own
