"""What is wrong with an order, in Kraken's words, and which of two faults is told (kraken/30 §2.7, §5.2, §5.3)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit


LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "59000"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"}
ICEBERG = LIMIT | {"ordertype": "iceberg", "displayvol": "0.01"}
STOP = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "volume": "0.1", "price": "59000"}
STOP_LIMIT = STOP | {"ordertype": "stop-loss-limit", "price2": "58900"}
TRAILING = STOP | {"ordertype": "trailing-stop", "price": "+1%"}
TRAILING_LIMIT = TRAILING | {"ordertype": "trailing-stop-limit", "price2": "-10"}
SETTLE = {"pair": "XBTUSD", "type": "sell", "ordertype": "settle-position", "volume": "0.1", "leverage": "2"}
CLOSING = LIMIT | {"close[ordertype]": "limit", "close[price]": "61000"}
CLOSING_LIMIT = LIMIT | {
    "close[ordertype]": "stop-loss-limit",
    "close[price]": "58000",
    "close[price2]": "57900",
}
CLOSING_TRAILING = LIMIT | {"close[ordertype]": "trailing-stop", "close[price]": "+1%"}
WITHOUT_MARGIN = {"pair": "0GUSD", "type": "sell", "ordertype": "stop-loss", "volume": "10", "price": "0.5"}


def invalid(name: str) -> str:
    return f"EGeneral:Invalid arguments:{name}"


INVALID = "EGeneral:Invalid arguments"
PRICE_ARGUMENT = "EOrder:Invalid price:Invalid price argument"
SECONDARY_ARGUMENT = "EOrder:Invalid price:Invalid secondary price argument"
DECIMALS = "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."
INDEX_UNAVAILABLE = "EGeneral:Invalid arguments:Index unavailable"
NOT_UNIQUE = "EGeneral:Invalid arguments:cl_ord_id not unique"

# A good order, what is changed of it, and the answer. Display volumes: test_iceberg.py, times: test_timed_orders.py.
REFUSALS = [
    (LIMIT, {"pair": "FOOBAR"}, "EQuery:Unknown asset pair"),
    (LIMIT, {"pair": "AAPLxUSD"}, "EQuery:Unknown asset pair"),
    (LIMIT, {"pair": " XBTUSD"}, "EQuery:Unknown asset pair"),
    (LIMIT, {"pair": None}, invalid("pair")),
    (LIMIT, {"pair": ""}, invalid("pair")),
    (LIMIT, {"type": "long"}, invalid("type")),
    (LIMIT, {"type": "BUY"}, invalid("type")),
    (LIMIT, {"type": None}, invalid("type")),
    (LIMIT, {"ordertype": "fancy"}, invalid("ordertype")),
    (LIMIT, {"ordertype": "Limit"}, invalid("ordertype")),
    (LIMIT, {"ordertype": "stop_loss"}, invalid("ordertype")),
    (LIMIT, {"ordertype": None}, invalid("ordertype")),
    # Volume
    (LIMIT, {"volume": None}, invalid("volume")),
    (LIMIT, {"volume": ""}, invalid("volume")),
    (LIMIT, {"volume": "lots"}, invalid("volume")),
    (LIMIT, {"volume": "0"}, invalid("volume")),
    (LIMIT, {"volume": "0.000"}, invalid("volume")),
    (LIMIT, {"volume": "-1"}, invalid("volume")),
    (LIMIT, {"volume": "+1"}, invalid("volume")),
    (LIMIT, {"volume": "1e3"}, invalid("volume")),
    (LIMIT, {"volume": "1,5"}, invalid("volume")),
    (LIMIT, {"volume": "nan"}, invalid("volume")),
    (LIMIT, {"volume": "9" * 30}, invalid("volume")),
    (LIMIT, {"volume": "1" * 5000}, invalid("volume")),
    (LIMIT, {"volume": "0", "leverage": "none"}, invalid("volume")),
    (SETTLE, {"volume": "lots"}, invalid("volume")),
    (LIMIT, {"volume": "0.00004999"}, "EOrder:Order minimum not met"),
    (LIMIT, {"volume": "0.000000001"}, "EOrder:Order minimum not met"),
    (MARKET, {"volume": "0.00004999"}, "EOrder:Order minimum not met"),
    (MARKET, {"volume": "2.99", "oflags": "viqc"}, "EOrder:Order minimum not met"),  # 0.0000498 bitcoin
    (STOP_LIMIT, {"volume": "0.00004999"}, "EOrder:Order minimum not met"),
    (LIMIT, {"volume": "0.00005", "price": "9999"}, "EOrder:Cost minimum not met"),
    (STOP, {"volume": "0.00005", "price": "9999"}, "EOrder:Cost minimum not met"),
    (STOP_LIMIT, {"volume": "0.00005", "price2": "9999"}, "EOrder:Cost minimum not met"),
    # Prices
    *(
        (order, {"price": text}, invalid("price"))
        for order in (LIMIT, ICEBERG, STOP, STOP_LIMIT, TRAILING, TRAILING_LIMIT)
        for text in (None, "")
    ),
    *(
        (order, {"price": text}, PRICE_ARGUMENT)
        for order in (LIMIT, ICEBERG, STOP, STOP_LIMIT)
        for text in ("abc", "6.4e4", "60000.0.0", ".", "６００００", "60 000", "+", "#", "5%", "+%", "++5", "+-5", "5+")
    ),
    *(
        (order, {"price": text}, "EOrder:Invalid price")
        for order in (LIMIT, ICEBERG, STOP, STOP_LIMIT)
        for text in ("0", "0.0", "9" * 20, "-100%", "-60005", "-99999")
    ),
    *((order, {"price": "59000.01"}, DECIMALS) for order in (LIMIT, ICEBERG, STOP, STOP_LIMIT)),
    (LIMIT, {"price": "+0.05"}, DECIMALS),
    (
        LIMIT,
        {"pair": "ETHUSD", "price": "1500.123"},
        "EOrder:Invalid price:ETH/USD price can only be specified up to 2 decimals.",
    ),
    *((TRAILING, {"price": text}, invalid("price")) for text in ("59000", "-1%", "-100", "#1%", "#100")),
    *((TRAILING_LIMIT, {"price": text}, invalid("price")) for text in ("59000", "-1%", "#100")),
    *((TRAILING, {"price": text}, PRICE_ARGUMENT) for text in ("abc", "+abc", "+", "+%", "++1", "+1e2")),
    (TRAILING, {"price": "+0.05"}, DECIMALS),
    (TRAILING, {"price": "+0"}, "EOrder:Invalid price"),
    (TRAILING, {"price": "+0.0%"}, "EOrder:Invalid price"),
    *(
        (order, {"price2": text}, SECONDARY_ARGUMENT)
        for order in (STOP_LIMIT, TRAILING_LIMIT)
        for text in (None, "", "abc", "6.4e4", "5%", "+", "+%")
    ),
    *((TRAILING_LIMIT, {"price2": text}, SECONDARY_ARGUMENT) for text in ("58900", "#10")),
    *((STOP_LIMIT, {"price2": text}, "EOrder:Invalid price") for text in ("0", "0.0", "9" * 20)),
    (STOP_LIMIT, {"price2": "58900.01"}, DECIMALS),
    (TRAILING_LIMIT, {"price2": "-10.01"}, DECIMALS),
    # Flags and time in force
    (LIMIT, {"oflags": "hidden"}, invalid("oflags")),
    (LIMIT, {"oflags": "POST"}, invalid("oflags")),
    (LIMIT, {"oflags": "post,"}, invalid("oflags")),
    (LIMIT, {"oflags": "fcib,fciq"}, invalid("oflags")),
    *((order, {"oflags": "post"}, invalid("postonly")) for order in (MARKET, STOP, STOP_LIMIT, TRAILING_LIMIT)),
    (LIMIT, {"oflags": "viqc"}, invalid("viqc")),
    (STOP, {"oflags": "viqc"}, invalid("viqc")),
    (MARKET, {"type": "sell", "oflags": "viqc"}, invalid("viqc")),
    (MARKET, {"leverage": "2", "oflags": "viqc"}, invalid("viqc")),
    (LIMIT, {"timeinforce": "day"}, invalid("timeinforce")),
    (LIMIT, {"timeinforce": "GTD"}, invalid("timeinforce")),
    *((order, {"timeinforce": "FOK"}, invalid("timeinforce")) for order in (MARKET, STOP, TRAILING)),
    *(
        (order, {"timeinforce": tif, "oflags": "post"}, invalid("timeinforce"))
        for order in (LIMIT, ICEBERG)
        for tif in ("IOC", "fok")
    ),
    # Trigger and margin
    *(
        (order, {"trigger": text}, invalid("trigger"))
        for order in (LIMIT, ICEBERG, MARKET)
        for text in ("last", "index")
    ),
    *((STOP, {"trigger": text}, invalid("trigger")) for text in ("mark", "LAST", "0")),
    (WITHOUT_MARGIN, {"trigger": "index"}, INDEX_UNAVAILABLE),
    *((LIMIT, {"leverage": text}, invalid("leverage")) for text in ("1", "11", "99", "-2", "2.5", "2:2", "all")),
    (WITHOUT_MARGIN, {"leverage": "2"}, invalid("leverage")),
    *((SETTLE, {"leverage": text}, invalid("leverage")) for text in (None, "", "none", "0")),
    (LIMIT, {"reduce_only": "true"}, "EOrder:Reduce only:Non-PC"),
    (LIMIT, {"reduce_only": "maybe"}, invalid("reduce_only")),
    (LIMIT, {"validate": "maybe"}, invalid("validate")),
    (LIMIT, {"leverage": "2", "volume": "0"}, "EOrder:Unknown position"),
    (LIMIT, {"leverage": "2", "reduce_only": "true"}, "EOrder:Reduce only:No position exists"),
    (LIMIT, {"stptype": "decrement"}, invalid("stptype")),
    (LIMIT, {"stptype": "cancel_newest"}, invalid("stptype")),
    # Conditional close
    (LIMIT, {"close[ordertype]": "market"}, invalid("close")),
    (LIMIT, {"close[ordertype]": "settle-position", "close[price]": "1"}, invalid("close")),
    (LIMIT, {"close[price]": "70000"}, invalid("close")),
    (LIMIT, {"close[price2]": "70000"}, invalid("close")),
    (CLOSING, {"close[ordertype]": "fancy"}, invalid("close")),
    (CLOSING, {"close[price]": None}, invalid("close")),
    (CLOSING, {"close[price]": "abc"}, PRICE_ARGUMENT),
    (CLOSING, {"close[price]": "0"}, "EOrder:Invalid price"),
    (CLOSING, {"close[price]": "61000.01"}, DECIMALS),
    (CLOSING_LIMIT, {"close[price2]": None}, invalid("close")),
    (CLOSING_LIMIT, {"close[price2]": "abc"}, SECONDARY_ARGUMENT),
    (CLOSING_LIMIT, {"close[price2]": "57900.01"}, DECIMALS),
    (CLOSING_TRAILING, {"close[price]": "58000"}, invalid("close")),
    # References
    (LIMIT, {"userref": "abc"}, invalid("userref")),
    (LIMIT, {"userref": "2147483648"}, invalid("userref")),
    (LIMIT, {"userref": "1.0"}, invalid("userref")),
    (LIMIT, {"cl_ord_id": "1234567890123456789"}, invalid("cl_ord_id")),
    (LIMIT, {"cl_ord_id": "taken"}, NOT_UNIQUE),
    (LIMIT, {"userref": "1", "cl_ord_id": "a"}, INVALID),
    (LIMIT, {"userref": "0", "cl_ord_id": "a"}, INVALID),
    (CLOSING, {"cl_ord_id": "a"}, INVALID),
    # The tick is 0.5 here
    *((order, {"price": "59000.1"}, "EOrder:Tick size check failed") for order in (LIMIT, ICEBERG, STOP, STOP_LIMIT)),
    (STOP_LIMIT, {"price2": "58900.1"}, "EOrder:Tick size check failed"),
    (TRAILING, {"price": "+10.1"}, "EOrder:Tick size check failed"),
    (TRAILING_LIMIT, {"price2": "-10.1"}, "EOrder:Tick size check failed"),
    (CLOSING, {"close[price]": "61000.1"}, "EOrder:Tick size check failed"),
    # What the engine looks at
    (LIMIT, {"volume": "17"}, "EOrder:Insufficient funds"),  # 1,003,000
    (LIMIT, {"volume": "16.94"}, "EOrder:Insufficient funds"),  # 999,460, and the fee of 3,998
    (LIMIT, {"type": "sell", "volume": "100.00000001", "price": "90000"}, "EOrder:Insufficient funds"),
    (STOP, {"volume": "100.00000001"}, "EOrder:Insufficient funds"),  # all that there is would not do
    (SETTLE, {}, "EOrder:Unknown position"),
    (LIMIT, {"price": "60010", "oflags": "post"}, "EOrder:Post only order"),
]

# What is not told to those who only validate.
BY_THE_ENGINE = {
    "EOrder:Insufficient funds",
    "EOrder:Post only order",
    "EOrder:Reduce only:Non-PC",
    "EOrder:Reduce only:No position exists",
    "EOrder:Unknown position",
}


def fields_of(order: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (order | change).items() if value is not None}


@pytest.mark.parametrize(
    ("order", "change", "error"), REFUSALS, ids=[f"{o['ordertype']} {c}"[:60] for o, c, _ in REFUSALS]
)
def test_refusals(kraken: Client, pit: Pit, order: dict[str, Any], change: dict[str, Any], error: str) -> None:
    kraken.buy("0.1", "59000", cl_ord_id="taken")
    pit.pair.patch(tick_size="0.5")
    before = (kraken.call("BalanceEx"), kraken.call("OpenOrders"), pit.shown())
    assert kraken.post("AddOrder", **fields_of(order, change)).refusal == error
    assert kraken.post_json("AddOrder", **fields_of(order, change)).refusal == error
    if "validate" not in change:
        answer = kraken.post("AddOrder", **fields_of(order, change), validate="true")
        assert answer.errors == ([] if error in BY_THE_ENGINE else [error])
        kraken.post("AddOrder", **fields_of(order, change))
    assert kraken.journal()["outcome"] == "refused"
    assert kraken.journal()["reason"]
    assert (kraken.call("BalanceEx"), kraken.call("OpenOrders"), pit.shown()) == before
    assert kraken.call("ClosedOrders")["count"] == 0
    assert kraken.call("AddOrder", **order, validate="true")["descr"]  # but for that one thing it was good


@pytest.mark.parametrize(
    ("order", "change"),
    [
        (LIMIT, {"volume": ".1"}),
        (LIMIT, {"volume": "00.10000000000"}),
        (LIMIT, {"volume": "0.1", "price": "59000.10000000"}),
        (LIMIT, {"price": "59000."}),
        (LIMIT, {"price": "+0"}),
        (LIMIT, {"price": "#1.5%"}),
        (LIMIT, {"price2": "not looked at"}),
        (MARKET, {"price": "not looked at", "price2": "nor this"}),
        (TRAILING_LIMIT, {"price2": "+0"}),
        (STOP_LIMIT, {"price2": "#2%"}),
        *((STOP, {"trigger": text}) for text in ("", "last", "index")),
        *((LIMIT, {"leverage": text}) for text in ("", "none", "0", "2", "10", "5:1")),
        *((order, {"timeinforce": "fok"}) for order in (LIMIT, ICEBERG, STOP_LIMIT, TRAILING_LIMIT)),
        *((order, {"timeinforce": "ioc"}) for order in (LIMIT, MARKET, STOP)),
        (ICEBERG, {"oflags": "post"}),
        (LIMIT, {"oflags": " post , nompp"}),
        (MARKET, {"oflags": "nompp", "volume": "0.1"}),
        (MARKET, {"oflags": "viqc,fcib", "volume": "100"}),
        (LIMIT, {"stptype": ""}),
        (LIMIT, {"userref": "", "sender_sub_id": "desk-1", "broker": "x", "trading_agreement": "agree"}),
        (LIMIT, {"starttm": "0", "expiretm": "0", "stptype": "cancel-newest", "reduce_only": "False"}),
        (LIMIT, {"close[ordertype]": "", "close[price]": ""}),
        (LIMIT, {"displayvol": ""}),
        (CLOSING, {"close[price]": "#1%"}),
    ],
    ids=str,
)
def test_what_is_no_fault(kraken: Client, pit: Pit, order: dict[str, Any], change: dict[str, Any]) -> None:
    """Some of it as python-kraken-sdk and ccxt send it along."""
    assert kraken.call("AddOrder", **fields_of(order, change), validate="true")["descr"]
    (txid,) = kraken.post_json("AddOrder", **fields_of(order, change)).result["txid"]
    assert kraken.row(txid)["status"] in ("open", "closed", "canceled")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"volume": "0.1234567899999"}, "0.12345678"),  # truncated, never rounded
        ({"volume": "0.10000000000"}, "0.10000000"),
        ({"volume": ".1"}, "0.10000000"),
        ({"volume": "1."}, "1.00000000"),
    ],
)
def test_excess_volume_decimals_are_cut_off(kraken: Client, change: dict[str, str], told: str) -> None:
    assert kraken.row(kraken.call("AddOrder", **(LIMIT | change))["txid"][0])["vol"] == told


def test_zeros_beyond_the_price_decimals_are_accepted(kraken: Client) -> None:
    row = kraken.row(kraken.call("AddOrder", **(LIMIT | {"price": "59000.10000000"}))["txid"][0])
    assert row["descr"]["price"] == "59000.1"


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        ("documented", "EOrder:Order minimum not met"),
        ("observed", "EGeneral:Invalid arguments:volume minimum not met"),
    ],
)
def test_below_the_minimum_in_both_dialects(kraken: Client, pit: Pit, dialect: str, error: str) -> None:
    pit.settings(dialect=dialect)
    assert kraken.post("AddOrder", **(LIMIT | {"volume": "0.00001"})).refusal == error


# Validation only


@pytest.mark.parametrize(
    ("order", "change"),
    [
        (LIMIT, {"volume": "99"}),
        (MARKET, {"volume": "99"}),
        (LIMIT, {"type": "sell", "volume": "200", "price": "90000"}),
        (STOP, {"volume": "200"}),
        (LIMIT, {"price": "60010", "oflags": "post"}),
        (LIMIT, {"reduce_only": "true"}),
        (LIMIT, {"leverage": "2", "volume": "0"}),
        (LIMIT, {"leverage": "10", "volume": "9999"}),
        (SETTLE, {}),
        (STOP, {"price": "61000"}),  # its trigger is reached already
    ],
    ids=str,
)
def test_validation_does_not_ask_the_engine(
    kraken: Client, pit: Pit, order: dict[str, Any], change: dict[str, Any]
) -> None:
    before = (kraken.call("BalanceEx"), pit.shown())
    assert list(kraken.call("AddOrder", **fields_of(order, change), validate="true")) == ["descr"]
    assert list(kraken.post_json("AddOrder", **fields_of(order, change), validate=True).result) == ["descr"]
    assert (kraken.call("BalanceEx"), pit.shown()) == before
    assert kraken.call("OpenOrders") == {"open": {}}
    assert kraken.call("ClosedOrders")["count"] == 0


# The state of the market


@pytest.mark.parametrize(
    ("status", "limit", "post", "market"),
    [
        ("online", True, True, True),
        ("post_only", False, True, False),
        ("limit_only", True, True, False),
        ("cancel_only", False, False, False),
        ("reduce_only", False, False, False),
        ("maintenance", False, False, False),
    ],
)
@pytest.mark.parametrize("pair", ["XBTUSD", None])
def test_the_mode_of_a_market(
    kraken: Client, pit: Pit, pair: str | None, status: str, limit: bool, post: bool, market: bool
) -> None:
    txid = kraken.buy("0.1", "59000")
    if (pair, status) != (None, "reduce_only"):  # which only pairs can be
        pit.status.set(status, pair=pair)
    else:
        limit = post = market = True
    refused = ["EService:Unavailable" if status == "maintenance" else f"EService:Market in {status} mode"]
    for order, taken in ((LIMIT, limit), (LIMIT | {"oflags": "post"}, post), (MARKET, market)):
        assert kraken.post("AddOrder", **order, validate="true").errors == ([] if taken else refused)
        assert kraken.post("AddOrder", **order).errors == ([] if taken else refused)
    if pair:
        assert kraken.call("CancelOrder", txid=txid) == {"count": 1}


# Two faults


class Fault(NamedTuple):
    """One thing that is wrong: with the request, or with the world that it meets."""

    name: str
    error: str
    fields: dict[str, str | None]
    rules: dict[str, str | None]
    state: str


def fault(
    name: str,
    error: str,
    fields: dict[str, str | None] | None = None,
    rules: dict[str, str | None] | None = None,
    state: str = "",
) -> Fault:
    return Fault(name, error, fields or {}, rules or {}, state)


DENIED = fault("permission", "EGeneral:Permission denied", state="readonly")
PAIR = fault("pair", "EQuery:Unknown asset pair", {"pair": "FOOBAR"})
STATUS = fault("status", "EService:Market in cancel_only mode", rules={"status": "cancel_only"})
KIND = fault("ordertype", invalid("ordertype"), {"ordertype": "fancy"})
SIDE = fault("type", invalid("type"), {"type": "hold"})
VOLUME = fault("volume", invalid("volume"), {"volume": "lots"})
NO_PRICE = fault("no price", invalid("price"), {"price": None})
BAD_PRICE = fault("price", PRICE_ARGUMENT, {"price": "abc"})
FINE_PRICE = fault("price decimals", DECIMALS, {"price": "59000.01"})
FLAGS = fault("oflags", invalid("oflags"), {"oflags": "hidden"})
TIME_IN_FORCE = fault("timeinforce", invalid("timeinforce"), {"timeinforce": "GTX"})
START = fault("starttm", invalid("starttm"), {"starttm": "soon"})
EXPIRY = fault("expiretm", invalid("expiretm"), {"expiretm": "soon"})
TRIGGER = fault("trigger", invalid("trigger"), {"trigger": "mark"})
LEVERAGE = fault("leverage", invalid("leverage"), {"leverage": "77"})
DISPLAY = fault("displayvol", invalid("display-volume"), {"displayvol": "9"})
CLOSE = fault("close", invalid("close"), {"close[ordertype]": "market"})
SELF_TRADE = fault("stptype", invalid("stptype"), {"stptype": "x"})
USERREF = fault("userref", invalid("userref"), {"userref": "x"})
CL_ORD_ID = fault("cl_ord_id", invalid("cl_ord_id"), {"cl_ord_id": "x" * 19})
TAKEN = fault("cl_ord_id in use", NOT_UNIQUE, {"cl_ord_id": "taken"})
MINIMUM = fault("ordermin", "EOrder:Order minimum not met", rules={"ordermin": "5"})
TICK = fault("tick", "EOrder:Tick size check failed", {"price": "59000.1"}, {"tick_size": "0.5"})
COST = fault("costmin", "EOrder:Cost minimum not met", rules={"costmin": "1000000"})
DEADLINE = fault("deadline", "EService:Deadline elapsed", {"deadline": "1999-12-31T23:59:59Z"})
ROOM = fault("open orders", "EOrder:Orders limit exceeded", state="full")
REDUCE = fault("reduce only", "EOrder:Reduce only:Non-PC", {"reduce_only": "true"})
FUNDS = fault("funds", "EOrder:Insufficient funds", state="poor")
POST = fault("post-only", "EOrder:Post only order", {"price": "60010", "oflags": "post"})

# kraken/30 §5.3, from the first check to the last, for a plain order and for the kinds that have more to check.
COMMON = [FLAGS, TIME_IN_FORCE, START, EXPIRY, TRIGGER, LEVERAGE, DISPLAY, CLOSE, SELF_TRADE, USERREF, CL_ORD_ID, TAKEN]
BEFORE = [DENIED, PAIR, STATUS, KIND, SIDE, VOLUME]
LAST = [MINIMUM, TICK, COST, DEADLINE, ROOM]
CHECKS = {
    "limit": (
        LIMIT,
        [*BEFORE, NO_PRICE, BAD_PRICE, FINE_PRICE, *COMMON, *LAST, REDUCE, FUNDS, POST],
    ),
    "market": (
        MARKET,
        [
            *BEFORE,
            fault("postonly", invalid("postonly"), {"oflags": "post"}),
            fault("viqc", invalid("viqc"), {"oflags": "viqc", "type": "sell"}),
            fault("fill or kill", invalid("timeinforce"), {"timeinforce": "FOK"}),
            *COMMON[2:],
            MINIMUM,
            COST,
            DEADLINE,
            ROOM,
            REDUCE,
            FUNDS,
        ],
    ),
    "iceberg": (
        ICEBERG,
        [*BEFORE, BAD_PRICE, *COMMON, *LAST, REDUCE, FUNDS, POST],
    ),
    "stop-loss-limit": (
        STOP_LIMIT,
        [
            *BEFORE,
            NO_PRICE,
            BAD_PRICE,
            FINE_PRICE,
            fault("no price2", SECONDARY_ARGUMENT, {"price2": None}),
            fault("price2", SECONDARY_ARGUMENT, {"price2": "abc"}),
            fault("price2 decimals", DECIMALS, {"price2": "58900.01"}),
            fault("postonly", invalid("postonly"), {"oflags": "post"}),
            *COMMON,
            MINIMUM,
            fault("tick of price2", TICK.error, {"price2": "58900.1"}, {"tick_size": "0.5"}),
            COST,
            DEADLINE,
            ROOM,
            REDUCE,
            FUNDS,
        ],
    ),
    "trailing-stop": (
        TRAILING,
        [
            *BEFORE,
            fault("absolute", invalid("price"), {"price": "59000"}),
            *COMMON,
            MINIMUM,
            COST,
            DEADLINE,
            ROOM,
            REDUCE,
            FUNDS,
        ],
    ),
    "margin": (
        LIMIT | {"leverage": "2"},
        [
            *BEFORE,
            BAD_PRICE,
            TIME_IN_FORCE,
            CLOSE,
            *LAST,
            fault("nothing to reduce", "EOrder:Reduce only:No position exists", {"reduce_only": "true"}),
            fault("margin", "EOrder:Margin level too low", state="poor"),
            POST,
        ],
    ),
    "settle-position": (
        SETTLE,
        [
            *BEFORE,
            FLAGS,
            TIME_IN_FORCE,
            CLOSE,
            USERREF,
            MINIMUM,
            DEADLINE,
            ROOM,
            fault("position", "EOrder:Unknown position"),
        ],
    ),
}


def agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both may be so at once."""
    return all(other[name] == value for name, value in one.items() if name in other)


def later(kind: str, first: Fault) -> list[Fault]:
    """The faults that a request can have besides, and that are looked for after that one."""
    faults = CHECKS[kind][1]
    return [
        other
        for other in faults[faults.index(first) + 1 :]
        if agree(first.fields, other.fields) and agree(first.rules, other.rules)
    ]


class Scene:
    """A market, and traders who differ in what keeps them from trading on it."""

    def __init__(self, pit: Pit, readonly: Client) -> None:
        self.pit = pit
        rich, poor = {"ZUSD": "1000000", "XXBT": "100", "XETH": "1"}, {"ZUSD": "1", "XXBT": "0.003", "XETH": "1"}
        self.traders = {"readonly": readonly}
        for name, balances in (("", rich), ("poor", poor), ("full", rich), ("full+poor", poor)):
            trader = self.traders[name] = pit.trader(f"trader {name}", "starter", **balances)
            trader.sell("0.01", "90000", "ETHUSD", cl_ord_id="taken")
            for _ in range(60 if "full" in name else 0):
                trader.sell("0.00005", "90000")

    def answers(self, order: dict[str, Any], *faults: Fault) -> list[str]:
        """What that order is told with all these faults, sent as a form and as JSON."""
        fields, rules = order, dict.fromkeys(("status", "ordermin", "tick_size", "costmin"))
        for each in faults:
            fields = fields | each.fields
            rules = rules | each.rules
        states = {each.state for each in faults} - {""}
        trader = self.traders["readonly" if "readonly" in states else "+".join(sorted(states))]
        self.pit.settings(rate_limits="on" if "full" in states else "off")
        self.pit.pair.patch(**rules)
        sent = fields_of(fields, {})
        return [trader.post("AddOrder", **sent).refusal, trader.post_json("AddOrder", **sent).refusal]


@pytest.fixture
def scene(pit: Pit, login: Callable[..., Client]) -> Scene:
    return Scene(pit, login("readonly"))


@pytest.mark.parametrize(
    ("kind", "first"),
    [pytest.param(kind, first, id=f"{kind}: {first.name}") for kind in CHECKS for first in CHECKS[kind][1]],
)
def test_the_earlier_of_two_faults_answers(scene: Scene, kind: str, first: Fault) -> None:
    order = CHECKS[kind][0]
    assert scene.answers(order, first) == [first.error] * 2
    for second in later(kind, first):
        assert scene.answers(order, first, second) == [first.error] * 2, f"with {second.name}"


def test_most_neighbours_are_tried_together() -> None:
    """Those that write the same field can't be."""
    neighbours = [
        second in later(kind, first)
        for kind, (_, faults) in CHECKS.items()
        for first, second in itertools.pairwise(faults)
    ]
    assert sum(neighbours) > 0.85 * len(neighbours)
