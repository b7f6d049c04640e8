"""What refuses trading requests over WebSocket v2: texts, states, permissions, the trading counters (kraken/50 §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.control import counters
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.operations import Control
from mockkraken.ws.v2.trading import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

INVALID = "EGeneral:Invalid arguments"
DENIED = "EGeneral:Permission denied"
UNKNOWN = "EOrder:Unknown order"
RATE = "EOrder:Rate limit exceeded"
FAILURE = ["error", "method", "req_id", "success", "time_in", "time_out"]
NOBODYS = "OZZZZZ-ZZZZZ-ZZZZZZ"

LIMIT: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 50000}
BUY: dict[str, Any] = {"symbol": "BTC/USD", **LIMIT}
STOP = BUY | {"order_type": "stop-loss-limit", "side": "sell", "triggers": {"price": 55000}, "limit_price": 54000}
MARKET = {"symbol": "BTC/USD", "order_type": "market", "side": "sell", "order_qty": 0.1}
TRAILING = MARKET | {"order_type": "trailing-stop"}

# Every method with what would do something.
CALLS: dict[str, dict[str, Any]] = {
    "add_order": BUY,
    "amend_order": {"order_id": NOBODYS, "order_qty": 1},
    "edit_order": {"order_id": NOBODYS, "symbol": "BTC/USD", "order_qty": 1},
    "cancel_order": {"order_id": [NOBODYS]},
    "cancel_all": {},
    "cancel_all_orders_after": {"timeout": 0},
    "batch_add": {"symbol": "BTC/USD", "orders": [LIMIT, LIMIT]},
    "batch_cancel": {"orders": [NOBODYS, NOBODYS]},
}


@pytest.fixture
def ask(pit: Pit, wire: Callable[..., Any]) -> Callable[..., str]:
    """One request with a new token of a key; its error, or `OK`, and which rows of a batch are none."""
    line = wire("/ws-auth/v2")

    def request(method: str, key: str = "full", /, *, token: str | None = None, **params: Any) -> str:
        line.take()
        params = {"token": line.token(key) if token is None else token, **params}
        replies = line.say({"method": method, "params": params, "req_id": 1})
        (reply,) = [reply for reply in replies if "method" in reply]
        if reply["success"]:
            return "OK"
        assert (reply["method"], reply["req_id"]) == (method, 1)
        if "result" in reply:
            return "OK, but for " + " ".join(row["error"] for row in reply["result"] if "error" in row)
        assert list(reply) == FAILURE, reply
        return str(reply["error"])

    return request


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


# What is wrong with the message


def test_there_are_calls_for_all_methods() -> None:
    assert CALLS.keys() == {method.name for method in METHODS}


@pytest.mark.parametrize("method", CALLS)
def test_a_token_is_needed(ask: Any, kraken: Client, wire: Any, method: str) -> None:
    for token in ("", "nonsense"):
        assert ask(method, token=token, **CALLS[method]) == "ESession:Invalid session"
    (reply,) = wire("/v2").say({"method": method, "params": CALLS[method]})
    assert reply["error"] == "Token(s) not found"
    (reply,) = wire("/ws/v2").say({"method": method, "params": {"token": "?", **CALLS[method]}})
    assert reply["error"] == "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
    assert kraken.open_orders() == {}


@pytest.mark.parametrize("method", CALLS)
def test_no_method_takes_what_it_does_not_know(ask: Any, kraken: Client, method: str) -> None:
    words = method.replace("_", " ")
    for name in ("leverage", "price2", "txid"):
        error = f"Unsupported field: '{name}' for the given msg type: {words}"
        assert ask(method, **CALLS[method], **{name: 5}) == error
    assert kraken.open_orders() == {}


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("add_order", "symbol"),
        ("add_order", "side"),
        ("add_order", "order_type"),
        ("add_order", "order_qty"),
        ("add_order", "limit_price"),
        ("edit_order", "symbol"),
        ("edit_order", "order_id"),
        ("batch_add", "symbol"),
        ("batch_add", "orders"),
        ("cancel_all_orders_after", "timeout"),
    ],
)
def test_what_is_missing_is_named(ask: Any, method: str, missing: str) -> None:
    assert ask(method, **without(CALLS[method], missing)) == f"{missing.capitalize()}(s) not found"


def test_what_is_missing_is_named_before_the_token_is_looked_at(ask: Any) -> None:
    """Required fields come before the session, also those that only some orders must have (kraken/50 §4.2)."""
    assert ask("add_order", token="none", **without(BUY, "limit_price")) == "Limit_price(s) not found"
    rows = [LIMIT, without(LIMIT, "order_qty")]
    assert ask("batch_add", token="none", symbol="BTC/USD", orders=rows) == "Order_qty(s) not found"
    assert ask("add_order", token="none", **BUY) == "ESession:Invalid session"


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (without(STOP, "triggers"), "Triggers(s) not found"),
        (without(STOP, "limit_price"), "Limit_price(s) not found"),
        (STOP | {"triggers": {}}, "Price(s) not found"),
        (STOP | {"triggers": {"price": "55000"}}, "Price field must be a number_float"),
        (STOP | {"triggers": 55000}, "Triggers field must be a object"),
        (STOP | {"trigger": {"price": 55000}}, "Trigger field must be a string"),
        (
            STOP | {"triggers": {"price": 1, "side": "up"}},
            "Unsupported field: 'side' for the given msg type: add order",
        ),
        (BUY | {"conditional": {"limit_price": 1}}, "Order_type(s) not found"),
        (BUY | {"conditional": {"order_type": "limit"}}, "Limit_price(s) not found"),
        (BUY | {"conditional": {"order_type": "stop-loss"}}, "Trigger_price(s) not found"),
        (BUY | {"order_qty": "0.1"}, "Order_qty field must be a number_float"),
        (BUY | {"limit_price": "50000"}, "Limit_price field must be a number_float"),
        (BUY | {"cash_order_qty": "5"}, "Cash_order_qty field must be a number_float"),
        (BUY | {"order_userref": "5"}, "Order_userref field must be a number_integer"),
        (BUY | {"post_only": "true"}, "Post_only field must be a boolean"),
        (BUY | {"symbol": ["BTC/USD"]}, "Symbol field must be a string"),
        (BUY | {"symbol": "XBT/USD"}, "Currency pair not supported XBT/USD"),
        (BUY | {"symbol": "FOO/USD"}, "Currency pair not supported FOO/USD"),
        (BUY | {"symbol": "XBTUSD"}, "Currency pair not in ISO 4217-A3 format XBTUSD"),
    ],
)
def test_a_message_that_is_no_order(ask: Any, kraken: Client, order: dict[str, Any], error: str) -> None:
    assert ask("add_order", **order) == error
    assert kraken.open_orders() == {}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"order_id": NOBODYS}, "Order_id field must be a array"),
        ({"order_id": [5]}, "Order_id field must be a string"),
        ({"order_userref": ["5"]}, "Order_userref field must be a number_integer"),
    ],
)
def test_cancels_take_lists(ask: Any, params: dict[str, Any], error: str) -> None:
    assert ask("cancel_order", **params) == error


# What is wrong with the order


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (BUY | {"order_type": "fancy"}, f"{INVALID}:ordertype"),
        (BUY | {"side": "long"}, f"{INVALID}:type"),
        (BUY | {"order_qty": 0}, f"{INVALID}:volume"),
        (BUY | {"order_qty": -1}, f"{INVALID}:volume"),
        (BUY | {"order_qty": 0.00001}, "EOrder:Order minimum not met"),
        (BUY | {"order_qty": 0.00005, "limit_price": 9999}, "EOrder:Cost minimum not met"),
        (BUY | {"limit_price": 0}, "EOrder:Invalid price"),
        (BUY | {"limit_price": -50000}, "EOrder:Invalid price"),
        (BUY | {"limit_price": 5.00001e4}, None),
        (BUY | {"limit_price": 50000.01}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        (BUY | {"limit_price_type": "percent"}, f"{INVALID}:limit_price_type"),
        (BUY | {"triggers": {"price": 1}}, f"{INVALID}:trigger"),
        (BUY | {"trigger": "last"}, f"{INVALID}:trigger"),
        (BUY | {"display_qty": 0.1}, f"{INVALID}:display-volume"),
        (BUY | {"order_type": "iceberg"}, f"{INVALID}:display-volume"),
        (BUY | {"order_type": "iceberg", "display_qty": 0.006}, f"{INVALID}:display-volume"),
        (BUY | {"cash_order_qty": 100}, INVALID),
        (without(BUY, "order_qty") | {"cash_order_qty": 100}, f"{INVALID}:viqc"),
        (without(MARKET, "order_qty") | {"cash_order_qty": 100}, f"{INVALID}:viqc"),
        (MARKET | {"post_only": True}, f"{INVALID}:postonly"),
        (BUY | {"time_in_force": "day"}, f"{INVALID}:timeinforce"),
        (BUY | {"time_in_force": "gtd"}, f"{INVALID}:timeinforce"),
        (BUY | {"time_in_force": "ioc", "post_only": True}, f"{INVALID}:timeinforce"),
        (MARKET | {"time_in_force": "fok"}, f"{INVALID}:timeinforce"),
        (BUY | {"expire_time": "2026-01-01T00:00:04Z"}, f"{INVALID}:expiretm"),
        (BUY | {"expire_time": "2026-02-02T00:00:00Z"}, f"{INVALID}:expiretm"),
        (BUY | {"expire_time": "+60"}, f"{INVALID}:expiretm"),
        (BUY | {"expire_time": "2026-01-01T00:10:00"}, f"{INVALID}:expiretm"),
        (BUY | {"expire_time": "1970-01-01T00:00:00Z"}, f"{INVALID}:expiretm"),
        (BUY | {"effective_time": "2025-12-31T00:00:00Z"}, f"{INVALID}:starttm"),
        (BUY | {"effective_time": "1767225900"}, f"{INVALID}:starttm"),
        (BUY | {"fee_preference": "fcib"}, f"{INVALID}:fee_preference"),
        (BUY | {"stp_type": "cancel-newest"}, f"{INVALID}:stptype"),
        (BUY | {"cl_ord_id": ""}, f"{INVALID}:cl_ord_id"),
        (BUY | {"cl_ord_id": "a free text of nineteen"}, f"{INVALID}:cl_ord_id"),
        (BUY | {"cl_ord_id": "mine", "order_userref": 5}, INVALID),
        (BUY | {"cl_ord_id": "mine", "conditional": {"order_type": "limit", "limit_price": 60000}}, INVALID),
        (BUY | {"order_userref": 2**31}, f"{INVALID}:userref"),
        (BUY | {"conditional": {"order_type": "iceberg", "limit_price": 60000}}, f"{INVALID}:close"),
        (BUY | {"conditional": {"order_type": "market", "limit_price": 60000}}, f"{INVALID}:close"),
        (BUY | {"conditional": {"order_type": "trailing-stop", "trigger_price": 5}}, f"{INVALID}:close"),
        (BUY | {"conditional": {"order_type": "limit", "limit_price": -1}}, "EOrder:Invalid price"),
        (BUY | {"reduce_only": True}, "EOrder:Reduce only:Non-PC"),
        (BUY | {"reduce_only": True, "margin": True}, "EOrder:Reduce only:No position exists"),
        (BUY | {"symbol": "0G/USD", "order_qty": 10, "limit_price": 0.5, "margin": True}, f"{INVALID}:leverage"),
        (MARKET | {"order_type": "settle-position"}, f"{INVALID}:leverage"),
        (MARKET | {"order_type": "settle-position", "margin": True}, "EOrder:Unknown position"),
        (MARKET | {"margin": True, "side": "buy", "order_qty": 0}, "EOrder:Unknown position"),
        (BUY | {"order_qty": 99}, "EOrder:Insufficient funds"),
        (BUY | {"limit_price": 60010, "post_only": True}, "EOrder:Post only order"),
        (STOP | {"triggers": {"price": -1}}, "EOrder:Invalid price"),
        (STOP | {"triggers": {"price": 0}}, "EOrder:Invalid price"),
        (STOP | {"triggers": {"price": 5, "price_type": "percent"}}, f"{INVALID}:price_type"),
        (STOP | {"triggers": {"price": 55000, "reference": "mark"}}, f"{INVALID}:trigger"),
        (
            STOP
            | {
                "symbol": "0G/USD",
                "order_qty": 10,
                "triggers": {"price": 0.5, "reference": "index"},
                "limit_price": 0.4,
            },
            f"{INVALID}:Index unavailable",
        ),
        (TRAILING | {"triggers": {"price": 100}}, f"{INVALID}:price"),
        (TRAILING | {"triggers": {"price": -1, "price_type": "pct"}}, f"{INVALID}:price"),
        (TRAILING | {"triggers": {"price": 0, "price_type": "quote"}}, "EOrder:Invalid price"),
        (
            TRAILING
            | {"order_type": "trailing-stop-limit", "triggers": {"price": 1, "price_type": "pct"}, "limit_price": 5},
            "EOrder:Invalid price:Invalid secondary price argument",
        ),
        (BUY | {"deadline": "soon"}, f"{INVALID}:deadline"),
        (BUY | {"deadline": "2025-12-31T23:59:59Z"}, "EService:Deadline elapsed"),
    ],
)
def test_an_order_is_refused(ask: Any, kraken: Client, order: dict[str, Any], error: str | None) -> None:
    before = kraken.call("BalanceEx")
    assert ask("add_order", **order) == (error or "OK")
    if error is not None:
        assert kraken.open_orders() == {}
        assert kraken.call("BalanceEx") == before


def test_prices_off_the_tick(ask: Any, pit: Pit) -> None:
    pit.pair.patch(tick_size="0.5")
    assert ask("add_order", **BUY | {"limit_price": 50000.1}) == "EOrder:Tick size check failed"
    assert ask("add_order", **BUY | {"limit_price": 50000.5}) == "OK"


def test_cl_ord_ids_are_unique_among_open_orders(ask: Any) -> None:
    assert ask("add_order", **BUY, cl_ord_id="mine") == "OK"
    for more in ({}, {"validate": True}):
        assert ask("add_order", **BUY, cl_ord_id="mine", **more) == f"{INVALID}:cl_ord_id not unique"
    assert ask("cancel_order", cl_ord_id=["mine"]) == "OK"
    assert ask("add_order", **BUY, cl_ord_id="mine") == "OK"


@pytest.mark.parametrize(
    ("qty", "error"),
    [(1, "OK"), (2.5, "EOrder:Margin level too low"), (900, "EOrder:Margin position size exceeded")],
)
def test_what_margin_can_do(ask: Any, pit: Pit, qty: float, error: str) -> None:
    pit.fund(ZUSD="20000")
    assert ask("add_order", **BUY | {"order_qty": qty, "margin": True}) == error


# States

BATCH = {"symbol": "BTC/USD", "orders": [LIMIT, LIMIT]}


@pytest.mark.parametrize("pair", ["XBTUSD", None])
@pytest.mark.parametrize(
    ("status", "limit", "post", "market", "cancel"),
    [
        ("post_only", False, True, False, True),
        ("limit_only", True, True, False, True),
        ("cancel_only", False, False, False, True),
        ("maintenance", False, False, False, False),
    ],
)
def test_the_states_of_the_exchange_and_of_a_pair(
    ask: Any,
    kraken: Client,
    pit: Pit,
    status: str,
    pair: str | None,
    limit: bool,
    post: bool,
    market: bool,
    cancel: bool,
) -> None:
    txid, other = kraken.buy("0.1", "49000"), kraken.buy("0.1", "48000")
    pit.status.set(status, pair=pair)
    refused = "EService:Unavailable" if status == "maintenance" else f"EService:Market in {status} mode"

    def outcome(*, taken: bool) -> str:
        return "OK" if taken else refused

    assert ask("add_order", **BUY) == outcome(taken=limit)
    assert ask("add_order", **BUY, post_only=True) == outcome(taken=post)
    assert ask("add_order", **MARKET) == outcome(taken=market)
    assert ask("batch_add", **BATCH) == outcome(taken=limit)
    assert ask("amend_order", order_id=txid, order_qty=0.2) == outcome(taken=limit)
    assert ask("edit_order", order_id=other, symbol="BTC/USD", order_qty=0.2) == outcome(taken=limit)
    cancel = cancel or pair is not None
    assert ask("cancel_order", order_id=[txid]) == outcome(taken=cancel)
    assert ask("cancel_all") == outcome(taken=cancel)
    assert ask("batch_cancel", orders=[txid, txid]) == outcome(taken=cancel)
    assert ask("cancel_all_orders_after", timeout=60) == "OK"


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("locked", "ETrade:Locked"),
        ("disabled", "EAuth:Account temporary disabled"),
        ("unconfirmed", "EAuth:Account unconfirmed"),
    ],
)
def test_accounts_that_may_not_trade(ask: Any, kraken: Client, pit: Pit, method: str, state: str, error: str) -> None:
    txid, other = kraken.buy("0.1", "49000"), kraken.buy("0.1", "48000")
    pit.accounts["main"].patch(state=state)
    named: dict[str, dict[str, Any]] = {
        "amend_order": {"order_id": txid},
        "edit_order": {"order_id": txid},
        "cancel_order": {"order_id": [txid]},
        "batch_cancel": {"orders": [txid, other]},
    }
    params = CALLS[method] | named.get(method, {})
    if method == "batch_add":  # the engine refuses each order by itself
        assert ask(method, **params) == "OK, but for " + " ".join([error] * 2)
    else:
        assert ask(method, **params) == error
    pit.accounts["main"].patch(state="ok")
    assert list(kraken.open_orders()) == [other, txid]


# Permissions (kraken/10 §3.3, §3.4): by the REST twin's row

NEEDED: dict[str, list[set[str]]] = {
    "add_order": [{"modify-trades"}],
    "batch_add": [{"modify-trades", "close-trades"}],
    "edit_order": [{"modify-trades", "close-trades"}],
    "amend_order": [{"modify-trades"}, {"close-trades"}],
    "cancel_order": [{"modify-trades"}, {"close-trades"}],
    "cancel_all": [{"modify-trades"}, {"close-trades"}],
    "cancel_all_orders_after": [{"modify-trades"}, {"close-trades"}],
    "batch_cancel": [{"modify-trades"}, {"close-trades"}],
}
"""The smallest sets that are enough."""

CODES = (
    *("query-funds", "add-funds", "withdraw-funds", "earn-funds"),
    *("query-open-trades", "query-closed-trades", "modify-trades", "close-trades"),
    *("query-ledger", "export-data", "create-ws-token", "add-withdraw-address", "update-withdraw-address"),
)


@pytest.mark.parametrize("code", CODES)
def test_what_one_permission_opens(ask: Any, sandbox: Any, code: str) -> None:
    sandbox.keys.create("main", "poor", now=sandbox.clock.now(), permissions=[code])
    opened = {method for method, params in CALLS.items() if ask(method, "poor", **params) != DENIED}
    assert opened == {method for method, sets in NEEDED.items() if {code} in sets}


@pytest.mark.parametrize("method", CALLS)
def test_what_a_method_needs(ask: Any, sandbox: Any, kraken: Client, method: str) -> None:
    enough = [*NEEDED[method], set(CODES)]
    lacking = [set(CODES) - set().union(*(NEEDED[method]))]
    if len(NEEDED[method]) == 1:
        lacking += [set(CODES) - {code} for code in NEEDED[method][0]]
    for number, codes in enumerate([*enough, *lacking]):
        sandbox.keys.create("main", f"key-{number}", now=sandbox.clock.now(), permissions=codes)
        denied = ask(method, f"key-{number}", **CALLS[method]) == DENIED
        assert denied == (number >= len(enough))
        if denied:
            record = kraken.journal()
            assert (record["check"], record["endpoint"], record["key"]) == ("permission", method, f"key-{number}")


def test_a_token_needs_no_more_than_its_method(ask: Any, sandbox: Any) -> None:
    """A permission that is taken away counts at once, for tokens that are out too."""
    key = sandbox.keys.create("main", "bot", now=sandbox.clock.now(), permissions=["modify-trades"])
    token = sandbox.tokens.issue(key, sandbox.clock.now())
    assert ask("add_order", token=token, **BUY) == "OK"
    sandbox.keys.edit(key, {"permissions": ["close-trades"]}, now=sandbox.clock.now())
    assert ask("add_order", token=token, **BUY) == DENIED
    assert ask("cancel_all", token=token) == "OK"


# The trading counters (kraken/10 §4.4)


class Counters:
    def __init__(self, kraken: Client) -> None:
        self._perform = Control(kraken.sandbox).perform

    def points(self, pair: str = "XBTUSD") -> str:
        points: str = self._perform(counters.trading_counter, "main", pair)
        return points

    def fill_up(self) -> None:
        CountersControl(self._perform).trading["main"]["XBTUSD"] = 180


@pytest.fixture
def count(kraken: Client, pit: Pit) -> Counters:
    pit.settings(rate_limits="on")
    return Counters(kraken)


def test_what_each_action_costs(ask: Any, kraken: Client, count: Counters, sandbox: Any) -> None:
    assert ask("add_order", **BUY) == "OK"
    assert count.points() == "1"
    (txid,) = kraken.open_orders()
    assert ask("amend_order", order_id=txid, order_qty=0.2) == "OK"
    assert count.points() == "5"  # 1, and 3 because it is younger than 5 s
    assert ask("edit_order", order_id=txid, symbol="BTC/USD", order_qty=0.3) == "OK"
    assert count.points() == "12"  # 1 and 6
    (txid,) = kraken.open_orders()
    assert ask("cancel_order", order_id=[txid]) == "OK"
    assert count.points() == "20"  # 8
    assert ask("batch_add", symbol="BTC/USD", orders=[LIMIT] * 3) == "OK"
    assert count.points() == "21.5"
    assert ask("batch_cancel", orders=list(kraken.open_orders())[:2]) == "OK"
    assert count.points() == "37.5"  # 2 times 8
    assert ask("cancel_all") == "OK"
    assert count.points() == "45.5"
    assert ask("cancel_all_orders_after", timeout=60) == "OK"
    assert count.points() == "45.5"


def test_what_is_refused_costs_and_what_is_validated_does_not(ask: Any, kraken: Client, count: Counters) -> None:
    assert ask("add_order", **BUY | {"order_qty": -1}) == f"{INVALID}:volume"
    assert count.points() == "1"
    assert ask("batch_add", symbol="BTC/USD", orders=[LIMIT] * 40) == INVALID
    assert count.points() == "8.5"  # as one of 15
    assert ask("edit_order", order_id=NOBODYS, symbol="BTC/USD") == UNKNOWN
    assert count.points() == "9.5"
    assert ask("amend_order", order_id=NOBODYS, order_qty=1) == UNKNOWN
    assert count.points() == "9.5"  # it names no pair
    assert ask("amend_order", order_id=NOBODYS, order_qty=1, symbol="BTC/USD") == UNKNOWN
    assert count.points() == "10.5"
    assert ask("add_order", **BUY, validate=True) == "OK"
    assert ask("batch_add", symbol="BTC/USD", orders=[LIMIT] * 2, validate=True) == "OK"
    assert ask("edit_order", order_id=NOBODYS, symbol="BTC/USD", validate=True) == UNKNOWN
    # What the gateway refuses does not come so far.
    assert ask("add_order", **without(BUY, "limit_price")) == "Limit_price(s) not found"
    assert ask("add_order", **BUY | {"symbol": "FOO/USD"}) == "Currency pair not supported FOO/USD"
    assert ask("add_order", token="?", **BUY) == "ESession:Invalid session"
    assert count.points() == "10.5"
    assert kraken.open_orders() == {}


def test_at_the_threshold_all_is_refused_but_cancelling_many(ask: Any, kraken: Client, count: Counters) -> None:
    txids = [kraken.buy("0.1", "50000", cl_ord_id=f"order-{number}") for number in range(4)]
    count.fill_up()
    other = {"symbol": "ETH/USD", "limit_price": 1000}
    assert ask("add_order", **BUY | {"order_qty": -1}) == RATE  # before the arguments
    assert ask("add_order", **BUY, validate=True) == RATE
    assert ask("add_order", **BUY | other) == "OK"
    assert ask("batch_add", **BATCH) == RATE
    assert ask("amend_order", order_id=txids[0], order_qty=0.2) == RATE
    assert ask("amend_order", cl_ord_id="order-1", order_qty=0.2) == RATE
    assert ask("edit_order", order_id=txids[0], symbol="BTC/USD") == RATE
    assert ask("cancel_order", order_id=[txids[0]]) == RATE
    assert ask("cancel_order", cl_ord_id=["order-0"]) == RATE
    assert set(txids) < set(kraken.open_orders())
    assert ask("batch_cancel", orders=txids[:2]) == "OK"
    assert ask("cancel_all") == "OK"
    assert kraken.open_orders() == {}


def test_single_cancels_fill_the_counter_one_by_one(wire: Any, kraken: Client, count: Counters) -> None:
    txids = [kraken.buy("0.1", "50000") for _ in range(30)]
    line = wire()
    replies = line.say({"method": "cancel_order", "params": {"token": line.token(), "order_id": txids}})
    errors = [reply.get("error") for reply in replies]
    done = errors.index(RATE)
    # main is of the tier pro: 30 points for the orders, and each cancel of a young one has 8 of the other 150.
    assert done == 19
    assert set(errors[done:]) == {RATE}
    assert list(reversed(kraken.open_orders())) == txids[done:]


def test_too_many_open_orders(wire: Any, kraken: Client, pit: Pit, sandbox: Any) -> None:
    pit.settings(rate_limits="on")
    for _ in range(225):
        sandbox.clock.advance(SECOND)
        kraken.buy("0.001", "50000")
    line = wire()  # the others have fallen idle
    assert line.method("add_order", **BUY)["error"] == "EOrder:Orders limit exceeded"
    assert line.method("add_order", **BUY, validate=True)["success"]
    reply = line.method("batch_add", **BATCH)
    assert (reply["result"], reply["success"]) == ([{"error": "EOrder:Orders limit exceeded"}] * 2, False)
