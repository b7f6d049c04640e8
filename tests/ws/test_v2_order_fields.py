"""Each field of an order over WebSocket v2 means what its twin over REST means (kraken/50 §7.1, kraken/30 §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from traders import Client, Pit

from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings
from mockkraken.ws.v2.orders import ORDER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mockkraken.ws.declared import Field

START = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z
UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"

LIMIT = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 50000}
MARKET = {"order_type": "market", "side": "sell", "order_qty": 0.1}
STOP = {"order_type": "stop-loss", "side": "sell", "order_qty": 0.1}
PROFIT = STOP | {"order_type": "take-profit"}
STOP_LIMIT = STOP | {"order_type": "stop-loss-limit", "triggers": {"price": 55000}}
TRAILING = STOP | {"order_type": "trailing-stop"}
TRAILING_LIMIT = TRAILING | {"order_type": "trailing-stop-limit", "triggers": {"price": 5, "price_type": "pct"}}

LIMIT_R = {"ordertype": "limit", "type": "buy", "volume": "0.1", "price": "50000"}
MARKET_R = {"ordertype": "market", "type": "sell", "volume": "0.1"}
STOP_R = {"ordertype": "stop-loss", "type": "sell", "volume": "0.1"}
PROFIT_R = STOP_R | {"ordertype": "take-profit"}
STOP_LIMIT_R = STOP_R | {"ordertype": "stop-loss-limit", "price": "55000"}
TRAILING_R = STOP_R | {"ordertype": "trailing-stop"}
TRAILING_LIMIT_R = TRAILING_R | {"ordertype": "trailing-stop-limit", "price": "+5%"}


def close(ordertype: str, price: str, price2: str | None = None) -> dict[str, str]:
    fields = {"close[ordertype]": ordertype, "close[price]": price}
    return fields if price2 is None else fields | {"close[price2]": price2}


# What is sent over the socket, and what over REST. An order of another pair names it.
CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "limit": (LIMIT, LIMIT_R),
    "a sale": (LIMIT | {"side": "sell", "limit_price": 70000.5}, LIMIT_R | {"type": "sell", "price": "70000.5"}),
    "digits": (
        LIMIT | {"order_qty": 1.23e-3, "limit_price": 5.00005e4},
        LIMIT_R | {"volume": "0.00123", "price": "50000.5"},
    ),
    "another pair": (
        LIMIT | {"symbol": "eth/usd", "limit_price": 1000.25, "order_qty": 1},
        LIMIT_R | {"pair": "ETHUSD", "price": "1000.25", "volume": "1"},
    ),
    "a share": (
        LIMIT | {"symbol": "AAPLx/USD", "limit_price": 100, "order_qty": 1},
        LIMIT_R | {"pair": "AAPLxUSD", "asset_class": "tokenized_asset", "price": "100", "volume": "1"},
    ),
    "static": (LIMIT | {"limit_price_type": "static"}, LIMIT_R),
    "limit by percent": (LIMIT | {"limit_price": -1.5, "limit_price_type": "pct"}, LIMIT_R | {"price": "-1.5%"}),
    "limit by distance": (LIMIT | {"limit_price": -10, "limit_price_type": "quote"}, LIMIT_R | {"price": "-10"}),
    "market": (MARKET, MARKET_R),
    "market with a limit": (MARKET | {"limit_price": 1}, MARKET_R | {"price": "1"}),
    "cash": (
        {"order_type": "market", "side": "buy", "cash_order_qty": 250.75},
        {"ordertype": "market", "type": "buy", "volume": "250.75", "oflags": "viqc"},
    ),
    "iceberg": (
        LIMIT | {"order_type": "iceberg", "display_qty": 0.02},
        LIMIT_R | {"ordertype": "iceberg", "displayvol": "0.02"},
    ),
    "settlement": (
        {"order_type": "settle-position", "side": "sell", "order_qty": 0, "margin": True},
        {"ordertype": "settle-position", "type": "sell", "volume": "0", "leverage": "5"},
    ),
    "stop": (STOP | {"triggers": {"price": 55000.5}}, STOP_R | {"price": "55000.5"}),
    "stop by percent": (STOP | {"triggers": {"price": -2, "price_type": "pct"}}, STOP_R | {"price": "-2%"}),
    "stop by distance": (STOP | {"triggers": {"price": -100, "price_type": "quote"}}, STOP_R | {"price": "-100"}),
    "stop by index": (
        STOP | {"triggers": {"price": 55000, "price_type": "static", "reference": "index"}},
        STOP_R | {"price": "55000", "trigger": "index"},
    ),
    "stop by last": (
        STOP | {"triggers": {"price": 55000, "reference": "last"}},
        STOP_R | {"price": "55000", "trigger": "last"},
    ),
    "stop, as it used to be": (
        STOP | {"stop_price": 55000, "trigger": "index"},
        STOP_R | {"price": "55000", "trigger": "index"},
    ),
    "stop with a limit": (STOP_LIMIT | {"limit_price": 54000}, STOP_LIMIT_R | {"price2": "54000"}),
    "stop with a limit by percent": (
        STOP_LIMIT | {"limit_price": -1, "limit_price_type": "pct"},
        STOP_LIMIT_R | {"price2": "-1%"},
    ),
    "stop with a limit by distance": (
        STOP_LIMIT | {"limit_price": 0, "limit_price_type": "quote"},
        STOP_LIMIT_R | {"price2": "+0"},
    ),
    "profit": (PROFIT | {"triggers": {"price": 65000}}, PROFIT_R | {"price": "65000"}),
    "profit by percent": (PROFIT | {"triggers": {"price": 2, "price_type": "pct"}}, PROFIT_R | {"price": "+2%"}),
    "profit with a limit": (
        PROFIT | {"order_type": "take-profit-limit", "triggers": {"price": 65000}, "limit_price": 64000},
        PROFIT_R | {"ordertype": "take-profit-limit", "price": "65000", "price2": "64000"},
    ),
    "trailing": (TRAILING | {"triggers": {"price": 2.5, "price_type": "pct"}}, TRAILING_R | {"price": "+2.5%"}),
    "trailing by distance": (
        TRAILING | {"triggers": {"price": 100, "price_type": "quote"}},
        TRAILING_R | {"price": "+100"},
    ),
    "trailing with a limit": (
        TRAILING_LIMIT | {"limit_price": 0, "limit_price_type": "quote"},
        TRAILING_LIMIT_R | {"price2": "+0"},
    ),
    "trailing with a limit below": (
        TRAILING_LIMIT | {"limit_price": -0.5, "limit_price_type": "pct"},
        TRAILING_LIMIT_R | {"price2": "-0.5%"},
    ),
    "gtc": (LIMIT | {"time_in_force": "GTC"}, LIMIT_R | {"timeinforce": "GTC"}),
    "ioc": (LIMIT | {"time_in_force": "IOC"}, LIMIT_R | {"timeinforce": "ioc"}),
    "fok": (LIMIT | {"time_in_force": "fok", "limit_price": 61000}, LIMIT_R | {"timeinforce": "FOK", "price": "61000"}),
    "gtd": (
        LIMIT | {"time_in_force": "Gtd", "expire_time": "2026-01-01T01:00:00.999+01:00"},
        LIMIT_R | {"timeinforce": "GTD", "expiretm": "1767225600"},
    ),
    "expiry": (LIMIT | {"expire_time": "2026-01-31T12:00:00Z"}, LIMIT_R | {"expiretm": "1769860800"}),
    "start": (LIMIT | {"effective_time": "2026-01-01T00:05:00Z"}, LIMIT_R | {"starttm": "1767225900"}),
    "margin": (LIMIT | {"margin": True}, LIMIT_R | {"leverage": "5"}),
    "margin of a pair that lends less": (
        LIMIT | {"margin": True, "symbol": "ALGO/EUR", "order_qty": 1000, "limit_price": 0.01},
        LIMIT_R | {"leverage": "2", "pair": "ALGOEUR", "volume": "1000", "price": "0.01"},
    ),
    "no margin": (LIMIT | {"margin": False}, LIMIT_R),
    "reducing": (
        LIMIT | {"side": "sell", "limit_price": 70000, "margin": True, "reduce_only": True},
        LIMIT_R | {"type": "sell", "price": "70000", "leverage": "5", "reduce_only": "true"},
    ),
    "post": (LIMIT | {"post_only": True}, LIMIT_R | {"oflags": "post"}),
    "no post": (LIMIT | {"post_only": False, "no_mpp": False, "reduce_only": False}, LIMIT_R),
    "fee in base": (LIMIT | {"fee_preference": "base"}, LIMIT_R | {"oflags": "fcib"}),
    "fee in quote": (LIMIT | {"fee_preference": "quote"}, LIMIT_R | {"oflags": "fciq"}),
    "unprotected": (MARKET | {"no_mpp": True}, MARKET_R | {"oflags": "nompp"}),
    "all flags": (
        LIMIT | {"no_mpp": True, "post_only": True, "fee_preference": "base"},
        LIMIT_R | {"oflags": "post,nompp,fcib"},
    ),
    "cl_ord_id": (LIMIT | {"cl_ord_id": "my-order-0001"}, LIMIT_R | {"cl_ord_id": "my-order-0001"}),
    "cl_ord_id as UUID": (LIMIT | {"cl_ord_id": UUID}, LIMIT_R | {"cl_ord_id": UUID}),
    "cl_ord_id as digits": (
        LIMIT | {"cl_ord_id": UUID.replace("-", "")},
        LIMIT_R | {"cl_ord_id": UUID.replace("-", "")},
    ),
    "userref": (LIMIT | {"order_userref": -2147483648}, LIMIT_R | {"userref": "-2147483648"}),
    "sub-account": (LIMIT | {"sender_sub_id": "desk 7"}, LIMIT_R | {"sender_sub_id": "desk 7"}),
    "close by limit": (
        LIMIT | {"conditional": {"order_type": "limit", "limit_price": 60000}},
        LIMIT_R | close("limit", "60000"),
    ),
    "close by a dearer limit": (
        LIMIT | {"conditional": {"order_type": "limit", "limit_price": 5, "limit_price_type": "pct"}},
        LIMIT_R | close("limit", "+5%"),
    ),
    "close by a stop": (
        LIMIT | {"conditional": {"order_type": "stop-loss", "trigger_price": -500, "trigger_price_type": "quote"}},
        LIMIT_R | close("stop-loss", "-500"),
    ),
    "close by a stop, as it used to be": (
        LIMIT | {"conditional": {"order_type": "stop-loss", "stop_price": 49000}},
        LIMIT_R | close("stop-loss", "49000"),
    ),
    "close by a stop with a limit": (
        LIMIT | {"conditional": {"order_type": "stop-loss-limit", "trigger_price": 49000, "limit_price": 48950}},
        LIMIT_R | close("stop-loss-limit", "49000", "48950"),
    ),
    "close at a profit": (
        LIMIT | {"conditional": {"order_type": "take-profit", "trigger_price": 3, "trigger_price_type": "pct"}},
        LIMIT_R | close("take-profit", "+3%"),
    ),
    "close trailing": (
        LIMIT
        | {
            "conditional": {
                "order_type": "trailing-stop-limit",
                "trigger_price": 3,
                "trigger_price_type": "pct",
                "limit_price": -10,
                "limit_price_type": "quote",
            }
        },
        LIMIT_R | close("trailing-stop-limit", "+3%", "-10"),
    ),
}
LIKE_WITHOUT = {"limit", "static", "no margin", "no post", "gtc", "fee in quote"}
"""Those that send what holds anyway: their order looks as that of `limit`."""


class Day:
    """A sandbox of its own with a book, in which the account holds a position on margin."""

    def __init__(self, wire_of: Callable[[Sandbox], Any], client_of: Callable[..., Client]) -> None:
        self.sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START - 3600 * 10**9)
        self.kraken = client_of(self.sandbox)
        pit = Pit(self.kraken)
        pit.book("60000.0:5", "60010.0:5", last="60005.0")
        self.kraken.buy("0.2", leverage="5")
        self.wire = wire_of(self.sandbox)

    def row(self, txid: str) -> dict[str, Any]:
        return {"id": txid, **self.kraken.row(txid)}

    def over_rest(self, fields: dict[str, str]) -> dict[str, Any]:
        (txid,) = self.kraken.call("AddOrder", **{"pair": "XBTUSD"} | fields)["txid"]
        return self.row(txid)

    def over_the_socket(self, params: dict[str, Any]) -> dict[str, Any]:
        reply = self.wire.method("add_order", **{"symbol": "BTC/USD"} | params)
        assert reply["success"], reply
        return self.row(reply["result"]["order_id"])


@pytest.fixture
def day(wire: Callable[..., Any], client_of: Callable[..., Client]) -> Callable[[], Day]:
    wire_of = type(wire())
    return lambda: Day(lambda sandbox: wire_of(sandbox, "/v2", "127.0.0.1:8080", "127.0.0.1"), client_of)


@pytest.mark.parametrize("name", CASES)
def test_an_order_is_the_same_over_both(day: Callable[[], Day], name: str) -> None:
    params, fields = CASES[name]
    row = day().over_the_socket(params)
    assert row == day().over_rest(fields)
    plain = day().over_rest(LIMIT_R)
    assert (row == plain) == (name in LIKE_WITHOUT)


def names(fields: tuple[Field, ...], before: str = "") -> Iterator[str]:
    for field in fields:
        yield before + field.name
        yield from names(field.fields, f"{before}{field.name}.")


def sent(params: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in params.items():
        yield before + name
        if isinstance(value, dict):
            yield from sent(value, f"{before}{name}.")


def test_no_field_is_left_out() -> None:
    tried = {name for params, _ in CASES.values() for name in sent(params)}
    assert set(names(ORDER_FIELDS)) - tried == {"stp_type"}  # below: an order does not show it


@pytest.mark.parametrize("which", ["newest", "oldest", "both"])
def test_self_trade_prevention(day: Callable[[], Day], which: str) -> None:
    """Both orders' ends, after the second has met the first within the spread."""
    rest, socket = day(), day()
    first = {"ordertype": "limit", "type": "sell", "volume": "0.1", "price": "60005"}
    second = LIMIT_R | {"price": "60005", "stptype": f"cancel-{which}"}
    over_rest = [rest.over_rest(first)["id"], rest.over_rest(second)["id"]]
    other = LIMIT | {"limit_price": 60005, "stp_type": f"cancel_{which}"}
    over_socket = [socket.over_rest(first)["id"], socket.over_the_socket(other)["id"]]
    assert over_rest == over_socket
    assert [rest.row(txid) for txid in over_rest] == [socket.row(txid) for txid in over_socket]
    ended = [rest.kraken.ended(txid)[0] for txid in over_rest]
    assert ended == ["open" if which == "newest" else "canceled", "open" if which == "oldest" else "canceled"]


@pytest.mark.parametrize(
    ("deadline", "error"),
    [
        ("2025-12-31T23:00:00.500Z", None),
        ("2026-01-01T00:01:00+01:00", None),
        ("2025-12-31T23:00:00.499Z", "EGeneral:Invalid arguments:deadline"),
        ("2025-12-31T23:01:00.001Z", "EGeneral:Invalid arguments:deadline"),
        ("2025-12-31T23:00:30", "EGeneral:Invalid arguments:deadline"),
        ("1767222030", "EGeneral:Invalid arguments:deadline"),
        ("2025-12-31T23:00:00Z", "EService:Deadline elapsed"),
    ],
)
def test_a_deadline_may_be_nearer_than_over_rest(day: Callable[[], Day], deadline: str, error: str | None) -> None:
    found = day()
    reply = found.wire.method("add_order", symbol="BTC/USD", **LIMIT, deadline=deadline)
    assert reply.get("error") == error
    near = found.kraken.post("AddOrder", pair="XBTUSD", **LIMIT_R, deadline="2025-12-31T23:00:01Z")
    assert near.refusal == "EGeneral:Invalid arguments:deadline"
