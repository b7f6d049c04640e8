"""Days of traders who listen to `executions`: every event of an order, row by row (kraken/50 §6.1).

The rows are compared as the very texts that were sent; only ids, times and trade numbers are short: the orders of a
test are O1, O2 … as they first occur, its fills T1, T2 …, its seconds @0, @60 ….
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

REF = '"order_userref":0'
EMPTY = b'{"channel":"executions","type":"snapshot","data":[],"sequence":1}'

_ID = re.compile(r"\b([OT])[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{6}\b")
_TIME = re.compile(r"2026-01-01T(\d\d):(\d\d):(\d\d)\.(\d{6})Z")


class Ear:
    """Hears the executions of the account of a key."""

    def __init__(self, wire: Wire, key: str = "full", **params: Any) -> None:
        self.wire = wire
        self.ack, *_ = wire.subscribe("executions", token=wire.token(key), **params)
        self.snapshots = wire.raw[1:]
        self.sequence = len(self.snapshots)
        self._names: dict[str, str] = {}

    def texts(self) -> list[str]:
        """The rows since the last look, one a message, and the sequence counts them."""
        self.wire.take()
        found = []
        for frame in self.wire.raw:
            if frame == b'{"channel":"heartbeat"}':
                continue
            head, tail = b'{"channel":"executions","type":"update","data":[', b'],"sequence":%d}' % (self.sequence + 1)
            assert frame.startswith(head) and frame.endswith(tail), frame
            self.sequence += 1
            found.append(self.short(frame[len(head) : -len(tail)]))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The same, read; numbers as their texts."""
        return [json.loads(text, parse_float=str) for text in self.texts()]

    def short(self, text: bytes) -> str:
        shorter = _TIME.sub(_seconds, _ID.sub(self._name, text.decode()))
        return re.sub(r'"trade_id":\d{7}\b', '"trade_id":7', shorter)

    def _name(self, match: re.Match[str]) -> str:
        if match[0] not in self._names:
            count = sum(name[0] == match[1] for name in self._names.values())
            self._names[match[0]] = f"{match[1]}{count + 1}"
        return self._names[match[0]]


def _seconds(match: re.Match[str]) -> str:
    assert match[4] == "000000"
    return f"@{int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])}"


@pytest.fixture
def ear(pit: Pit, wire: Connect) -> Ear:
    return Ear(wire())


# What rows look like


def limit(price: str, kind: str = "static", *, stop: str = "0.0", triggers: str = "", signal: str = "") -> str:
    """The members of an entry about its prices."""
    triggers = f'"triggers":{triggers},' if triggers else ""
    signal = f',"trigger":"{signal}"' if signal else ""
    return f'"limit_price_type":"{kind}",{triggers}"limit_price":{price},"stop_price":{stop}{signal},'


def stop(price: str, triggers: str, signal: str = "last") -> str:
    """The same of one without a limit price."""
    return f'"triggers":{triggers},"stop_price":{price},"trigger":"{signal}",'


MARKET = '"stop_price":0.0,'


def entry(
    order: str,
    side: str,
    kind: str,
    qty: str,
    prices: str,
    flags: str = "",
    *,
    ref: str = REF,
    tif: str = "GTC",
    fee: str = "fciq",
    at: int = 0,
    what: str = "order_qty",
) -> str:
    return (
        f'{{"order_id":"{order}","symbol":"BTC/USD","{what}":{qty},"cum_cost":0.00000,"time_in_force":"{tif}",'
        f'"exec_type":"pending_new","side":"{side}","order_type":"{kind}",{ref},{prices}{flags}'
        f'"order_status":"pending_new","fee_usd_equiv":0.0000,"fee_ccy_pref":"{fee}","timestamp":"@{at}"}}'
    )


def new(order: str, *, ref: str = REF, flags: str = "", at: int = 0) -> str:
    return f'{{"timestamp":"@{at}","order_status":"new","exec_type":"new",{ref},{flags}"order_id":"{order}"}}'


def trade(
    order: str,
    number: str,
    side: str,
    kind: str,
    what: tuple[str, str, str],
    sums: tuple[str, str, str],
    usd: str,
    fee: str,
    *,
    maker: bool = False,
    ref: str = REF,
    margin: str = "",
    at: int = 0,
) -> str:
    """A fill: (volume, price, cost), after it (volume, cost, average price), the fee in dollars and as it was paid."""
    asset, qty = fee.split()
    borrows = "true" if margin == "opened" else "false"
    margin = margin and f',"margin_borrow":{borrows},"position_status":"{margin}"'
    return (
        f'{{"order_id":"{order}",{ref},"exec_id":"{number}","exec_type":"trade","trade_id":7,"symbol":"BTC/USD",'
        f'"side":"{side}","last_qty":{what[0]},"last_price":{what[1]},"liquidity_ind":"{"m" if maker else "t"}",'
        f'"cost":{what[2]},"order_type":"{kind}","timestamp":"@{at}","order_status":"partially_filled",'
        f'"cum_qty":{sums[0]},"cum_cost":{sums[1]},"avg_price":{sums[2]},"fee_usd_equiv":{usd},'
        f'"fees":[{{"asset":"{asset}","qty":{qty}}}]{margin}}}'
    )


def ended(
    order: str,
    what: str,
    sums: tuple[str, str, str] = ("0.00000000", "0.00000", "0.0"),
    usd: str = "0.0000",
    *,
    reason: str = "",
    ref: str = REF,
    flags: str = "",
    at: int = 0,
) -> str:
    why = f'"cancel_reason":"{reason}",' if what == "canceled" else ""
    why += f'"reason":"{reason}",' if reason else ""
    return (
        f'{{"timestamp":"@{at}","order_status":"{what}","exec_type":"{what}","cum_qty":{sums[0]},"cum_cost":{sums[1]},'
        f'"fee_usd_equiv":{usd},"avg_price":{sums[2]},{ref},{flags}{why}"order_id":"{order}"}}'
    )


def canceled(order: str, reason: str = "User requested", **more: Any) -> str:
    return ended(order, "canceled", reason=reason, **more)


def changed(
    order: str,
    terms: str,
    *,
    status: str = "new",
    cum: str = "0.00000000",
    what: str = "amended",
    reason: str = "User requested",
    ref: str = REF,
    at: int = 0,
) -> str:
    return (
        f'{{"timestamp":"@{at}","exec_type":"{what}","order_status":"{status}","cum_qty":{cum},"reason":"{reason}",'
        f'"amended":true,{terms},{ref},"order_id":"{order}"}}'
    )


def fired(order: str, triggers: str, *, at: int = 0) -> str:
    head = f'{{"timestamp":"@{at}","exec_type":"status","order_status":"new","triggers":{triggers},'
    return f'{head}{REF},"order_id":"{order}"}}'


def waiting(price: str, kind: str = "static", signal: str = "last", *, actual: str = "", peak: str = "") -> str:
    """The triggers of a stop that waits."""
    known = (f'"actual_price":{actual},' if actual else "") + (f'"peak_price":{peak},' if peak else "")
    return f'{{{known}"price":{price},"price_type":"{kind}","reference":"{signal}","status":"untriggered"}}'


def triggered(
    price: str, actual: str, last: str, kind: str = "static", signal: str = "last", *, peak: str = "", at: int = 0
) -> str:
    """The triggers of a stop that has just fired."""
    peak = f'"peak_price":{peak},' if peak else ""
    return (
        f'{{"actual_price":{actual},"last_price":{last},{peak}"price":{price},"price_type":"{kind}",'
        f'"reference":"{signal}","status":"triggered","timestamp":"@{at}"}}'
    )


# Subscribing


def test_the_acknowledgement_and_an_empty_snapshot(wire: Connect, sandbox: Sandbox) -> None:
    line = wire()
    line.subscribe("executions", token=line.token(), snap_orders=True, snap_trades=True)
    ack, snapshot = line.raw
    assert b',"time_in":"2026-01-01T00:00:00.000000Z","time_out":"2026-01-01T00:00:00.000000Z"}' in ack
    assert ack.partition(b',"time_in"')[0] == (
        b'{"method":"subscribe","result":{"channel":"executions","maxratecount":180,"snap_orders":true,'
        b'"snap_trades":true,"snapshot":true,"warnings":["cancel_reason is deprecated, use reason",'
        b'"stop_price is deprecated, use triggers.price","trigger is deprecated use triggers.reference",'
        b'"triggered_price is deprecated use triggers.last_price"]},"success":true'
    )
    assert snapshot == EMPTY


@pytest.mark.parametrize(
    ("params", "shown", "snapshots"),
    [
        ({}, {"snap_orders": True, "snap_trades": False, "snapshot": True}, 1),
        ({"snapshot": True}, {"snap_orders": True, "snap_trades": False, "snapshot": True}, 1),
        ({"snapshot": False}, {"snap_orders": False, "snap_trades": False, "snapshot": False}, 0),
        ({"snapshot": False, "snap_orders": True}, {"snap_orders": True, "snapshot": False}, 1),
        ({"snap_orders": False}, {"snap_orders": False, "snap_trades": False}, 0),
        ({"snap_orders": False, "snap_trades": True}, {"snap_orders": False, "snap_trades": True}, 1),
        ({"snapshot_trades": True}, {"snap_orders": True, "snap_trades": True}, 1),
        ({"order_status": False, "ratecounter": True}, {"order_status": False, "ratecounter": True}, 1),
        ({"rebased": False}, {"rebased": False}, 1),
        ({"users": "all"}, {"users": "all", "snap_orders": True}, 0),
    ],
)
def test_what_may_be_asked_for(wire: Connect, params: dict[str, Any], shown: dict[str, Any], snapshots: int) -> None:
    line = wire()
    ear = Ear(line, **params)
    result = ear.ack["result"]
    assert {name: result[name] for name in shown} == shown
    assert ("users" in result, "rebased" in result) == ("users" in params, "rebased" in params)
    assert ear.snapshots == [EMPTY] * snapshots
    # A client that connects anew sends what it was told back: python-kraken-sdk does, without these two.
    for name in ("maxratecount", "warnings", "channel"):
        del result[name]
    assert Ear(wire(), **result).ack["result"].items() >= result.items()


@pytest.mark.parametrize(("tier", "most"), [("starter", 60), ("intermediate", 125), ("pro", 180)])
def test_the_most_that_the_trading_counter_may_be(pit: Pit, wire: Connect, tier: str, most: int) -> None:
    pit.trader("cat", tier)
    assert Ear(wire(), "cat").ack["result"]["maxratecount"] == most


def test_subscribed_once(ear: Ear, kraken: Client) -> None:
    line = ear.wire
    (again,) = line.subscribe("executions", token=line.token())
    assert (again["error"], again["success"]) == ("Already subscribed", False)
    kraken.buy("1", "59000")
    assert ear.texts() == [entry("O1", "buy", "limit", "1.00000000", limit("59000.0")), new("O1")]


def test_unsubscribed(ear: Ear, kraken: Client) -> None:
    line = ear.wire
    away = {"method": "unsubscribe", "params": {"channel": "executions", "token": line.token()}, "req_id": 4}
    line.say(away)
    assert line.raw[0].startswith(
        b'{"method":"unsubscribe","req_id":4,"result":{"channel":"executions"},"success":true,"time_in":'
    )
    kraken.buy("1", "59000")
    assert line.take() == []
    (refused,) = line.say(away)
    assert (refused["error"], refused["method"]) == ("Subscription Not Found", "subscribe")
    # The sequence begins anew.
    assert Ear(line).snapshots[0].endswith(b'"sequence":1}')


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        (["create-ws-token", "query-open-trades", "query-closed-trades"], True),
        (["create-ws-token", "query-open-trades"], False),
        (["create-ws-token", "query-closed-trades"], False),
        (["create-ws-token", "query-funds", "query-ledger"], False),
    ],
)
def test_permissions(wire: Connect, login: Callable[..., Client], permissions: list[str], *, allowed: bool) -> None:
    login("narrow", permissions=permissions)
    line = wire()
    reply, *_ = line.subscribe("executions", token=line.token("narrow"))
    assert reply.get("error") == (None if allowed else "EGeneral:Permission denied")
    assert bool(line.connection.subscriptions) == allowed


def test_all_users_or_no_such_word(wire: Connect) -> None:
    line = wire()
    (reply,) = line.subscribe("executions", token=line.token(), users="some")
    assert reply["error"] == "EGeneral:Invalid arguments:users"
    assert not line.connection.subscriptions


def test_everybody_hears_of_the_own_account_only(ear: Ear, wire: Connect, ann: Client, kraken: Client) -> None:
    other, late = Ear(wire(), "ann"), Ear(wire())
    kraken.buy("1", "59000")
    first = ear.texts()
    assert len(first) == 2
    late.texts()
    kraken.call("CancelAll")
    # Each has a sequence of its own, and else the same bytes.
    assert ear.texts() == [canceled("O1")] == late.texts()
    assert other.texts() == []
    third = Ear(wire())
    kraken.buy("1", "58000")
    ear.texts(), late.texts(), third.texts()
    assert (ear.sequence, late.sequence, third.sequence) == (6, 6, 3)


# Plain orders


def test_a_resting_order_and_its_cancel(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    txid = kraken.buy("0.1", "59000", userref="3")
    ref = '"order_userref":3'
    assert ear.texts() == [
        entry("O1", "buy", "limit", "0.10000000", limit("59000.0"), ref=ref),
        new("O1", ref=ref),
    ]
    sandbox.clock.advance(MINUTE)
    kraken.call("CancelOrder", txid=txid)
    assert ear.texts() == [canceled("O1", ref=ref, at=60)]


def test_frames_whole(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(SECOND // 4 + 789)
    txid = kraken.buy("0.1", "59000")
    ear.wire.take()
    time = b"2026-01-01T00:00:00.250000Z"
    assert ear.wire.raw == [
        b'{"channel":"executions","type":"update","data":[{"order_id":"%b","symbol":"BTC/USD","order_qty":0.10000000,'
        b'"cum_cost":0.00000,"time_in_force":"GTC","exec_type":"pending_new","side":"buy","order_type":"limit",'
        b'"order_userref":0,"limit_price_type":"static","limit_price":59000.0,"stop_price":0.0,'
        b'"order_status":"pending_new","fee_usd_equiv":0.0000,"fee_ccy_pref":"fciq","timestamp":"%b"}],"sequence":2}'
        % (txid.encode(), time),
        b'{"channel":"executions","type":"update","data":[{"timestamp":"%b","order_status":"new","exec_type":"new",'
        b'"order_userref":0,"order_id":"%b"}],"sequence":3}' % (time, txid.encode()),
    ]


def test_a_client_order_id_stands_instead_of_the_userref(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.1", "59000", cl_ord_id='my "1" \\')
    ref = r'"cl_ord_id":"my \"1\" \\"'
    assert ear.texts() == [entry("O1", "buy", "limit", "0.10000000", limit("59000.0"), ref=ref), new("O1", ref=ref)]
    kraken.call("AmendOrder", cl_ord_id='my "1" \\', limit_price="58000")
    assert ear.texts() == [
        changed("O1", '"order_qty":0.10000000,"limit_price":58000.0,"limit_price_type":"static"', ref=ref)
    ]
    kraken.sell("0.1", cl_ord_id="b")
    rows = ear.rows()
    assert [row["exec_type"] for row in rows] == ["pending_new", "new", "trade", "filled"]
    assert all(row["cl_ord_id"] == "b" and "order_userref" not in row for row in rows)


def test_a_post_only_order_says_so_again_and_again(ear: Ear, kraken: Client) -> None:
    txid = kraken.buy("0.1", "59000", oflags="post")
    post = '"post_only":true,'
    assert ear.texts() == [
        entry("O1", "buy", "limit", "0.10000000", limit("59000.0"), post),
        new("O1", flags=post),
    ]
    kraken.call("CancelOrder", txid=txid)
    assert ear.texts() == [canceled("O1", flags=post)]
    assert kraken.post(
        "AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="1", price="60010", oflags="post"
    ).refusal
    assert ear.texts() == []


@pytest.mark.parametrize("settings", [{"post_only_crossing": "cancel"}])
def test_a_post_only_order_that_crosses(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.1", "60010", oflags="post")
    post = '"post_only":true,'
    assert ear.texts()[1:] == [new("O1", flags=post), canceled("O1", "Post only order", flags=post)]


def test_a_taker_that_is_filled(ear: Ear, kraken: Client, pit: Pit) -> None:
    pit.book("60000.0:5", "60010.0:0.5 60020.0:0.25 60030.0:5")
    txid = kraken.buy("0.75", "60030")
    half, all_of_it = ("0.50000000", "30005.00000", "60010.0"), ("0.75000000", "45010.00000", "60013.3")
    assert ear.texts() == [
        entry("O1", "buy", "limit", "0.75000000", limit("60030.0")),
        new("O1"),
        trade("O1", "T1", "buy", "limit", ("0.50000000", "60010.0", "30005.00000"), half, "120.0200", "USD 120.02000"),
        trade(
            *("O1", "T2", "buy", "limit", ("0.25000000", "60020.0", "15005.00000"), all_of_it),
            *("60.0200", "USD 60.02000"),
        ),
        ended("O1", "filled", all_of_it, "180.0400"),
    ]
    row = kraken.row(txid)
    assert (row["cost"], row["fee"], row["price"]) == ("45010.00000", "180.04000", "60013.3")


def test_a_fill_names_the_trade_that_rest_knows(ear: Ear, kraken: Client) -> None:
    txid = kraken.buy("0.1")
    ear.wire.take()
    (fill,) = kraken.fills(txid)
    row = next(json.loads(frame)["data"][0] for frame in ear.wire.raw if b'"trade"' in frame)
    assert row["trade_id"] == fill["trade_id"]
    assert list(kraken.call("QueryTrades", txid=row["exec_id"])) == [row["exec_id"]]


def test_a_market_order_has_no_limit_price(ear: Ear, kraken: Client) -> None:
    kraken.sell("0.1")
    sums = ("0.10000000", "6000.00000", "60000.0")
    assert ear.texts() == [
        entry("O1", "sell", "market", "0.10000000", MARKET),
        new("O1"),
        trade("O1", "T1", "sell", "market", ("0.10000000", "60000.0", "6000.00000"), sums, "24.0000", "USD 24.00000"),
        ended("O1", "filled", sums, "24.0000"),
    ]


def test_a_maker_is_filled_in_parts(ear: Ear, kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.sell("0.3", "60005")
    ear.texts()
    sandbox.clock.advance(MINUTE)
    pit.fill(txid, "0.1")
    one, what = ("0.10000000", "6000.50000", "60005.0"), ("0.10000000", "60005.0", "6000.50000")
    assert ear.texts() == [
        trade("O1", "T1", "sell", "limit", what, one, "15.0013", "USD 15.00125", maker=True, at=60),
    ]
    pit.fill(txid)
    all_of_it = ("0.30000000", "18001.50000", "60005.0")
    part = ("0.20000000", "60005.0", "12001.00000")
    assert ear.texts() == [
        trade("O1", "T2", "sell", "limit", part, all_of_it, "30.0025", "USD 30.00250", maker=True, at=60),
        ended("O1", "filled", all_of_it, "45.0038", at=60),
    ]


@pytest.mark.parametrize(
    ("fields", "filled", "reason"),
    [
        ({"timeinforce": "IOC"}, True, "Insufficient liquidity"),
        ({"timeinforce": "FOK"}, False, "Insufficient liquidity"),
    ],
)
def test_what_is_left_is_canceled(
    ear: Ear, kraken: Client, pit: Pit, fields: dict[str, str], *, filled: bool, reason: str
) -> None:
    pit.book("60000.0:5", "60010.0:1 61000.0:5")
    kraken.buy("1.5", "60010", **fields)
    prices, tif = limit("60010.0"), fields["timeinforce"]
    sums = ("1.00000000", "60010.00000", "60010.0")
    what = ("1.00000000", "60010.0", "60010.00000")
    took = trade("O1", "T1", "buy", "limit", what, sums, "240.0400", "USD 240.04000")
    assert ear.texts() == [
        entry("O1", "buy", "limit", "1.50000000", prices, tif=tif),
        new("O1"),
        *([took, canceled("O1", reason, sums=sums, usd="240.0400")] if filled else [canceled("O1", reason)]),
    ]


def test_a_market_order_for_an_amount_of_quote(ear: Ear, kraken: Client) -> None:
    kraken.buy("6001", oflags="viqc")
    what = ("0.10000000", "60010.0", "6001.00000")
    sums = ("0.10000000", "6001.00000", "60010.0")
    assert ear.texts() == [
        entry("O1", "buy", "market", "6001.00000", MARKET, what="cash_order_qty"),
        new("O1"),
        trade("O1", "T1", "buy", "market", what, sums, "24.0040", "USD 24.00400"),
        ended("O1", "filled", sums, "24.0040"),
    ]


# Fees


def test_a_fee_in_base(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.1", oflags="fcib")
    what, sums = ("0.10000000", "60010.0", "6001.00000"), ("0.10000000", "6001.00000", "60010.0")
    assert ear.texts() == [
        entry("O1", "buy", "market", "0.10000000", MARKET, fee="fcib"),
        new("O1"),
        trade("O1", "T1", "buy", "market", what, sums, "24.0040", "BTC 0.0004000000"),
        ended("O1", "filled", sums, "24.0040"),
    ]


@pytest.mark.parametrize("oflags", ["fciq", "fcib"])
def test_a_fee_in_credits(pit: Pit, kraken: Client, wire: Connect, oflags: str) -> None:
    pit.balances("main", KFEE="10000")
    ear = Ear(wire())
    kraken.buy("0.1", oflags=oflags)
    row = ear.rows()[2]
    assert row["fees"] == [{"asset": "FEE", "qty": "2400.40"}]
    assert row["fee_usd_equiv"] == "24.0040"


def test_no_fee_at_all(ear: Ear, kraken: Client, pit: Pit) -> None:
    pit.pair.patch(fees=[[0, "0"]], fees_maker=[[0, "0"]])
    kraken.buy("0.1")
    assert ear.rows()[2]["fees"] == [{"asset": "USD", "qty": "0.00000"}]


def test_the_fee_of_another_currency_in_dollars(ear: Ear, kraken: Client, pit: Pit) -> None:
    pit.book("1.0799:1", "1.0801:1", last="1.08", pair="EURUSD")
    pit.book("55000.0:1", "55500.0:1", last="55200", pair="XBTEUR")
    pit.balances("main", ZEUR="100000")
    kraken.buy("0.1", "55500", pair="XBTEUR")
    first, _, fill, filled = ear.rows()
    assert (first["symbol"], first["fee_usd_equiv"]) == ("BTC/EUR", "0.0000")
    fee = kraken.trades()[-1]["fee"]
    assert fill["fees"] == [{"asset": "EUR", "qty": fee}]
    assert fill["fee_usd_equiv"] == filled["fee_usd_equiv"] == f"{float(fee) * 1.08:.4f}"


# Changes


def test_amends(ear: Ear, kraken: Client, sandbox: Sandbox, pit: Pit) -> None:
    txid = kraken.sell("0.3", "60005")
    pit.fill(txid, "0.1")
    ear.texts()
    sandbox.clock.advance(MINUTE)

    def amend(**fields: str) -> list[str]:
        kraken.call("AmendOrder", txid=txid, **fields)
        return ear.texts()

    part = {"status": "partially_filled", "cum": "0.10000000", "at": 60}
    price = '"limit_price":60005.0,"limit_price_type":"static"'
    assert amend(order_qty="0.25") == [changed("O1", f'"order_qty":0.25000000,{price}', **part)]
    price = price.replace("60005", "60006")
    assert amend(limit_price="60006") == [changed("O1", f'"order_qty":0.25000000,{price}', **part)]
    # To where it takes: the new terms first.
    rows, price = amend(limit_price="60000"), price.replace("60006", "60000")
    assert rows[0] == changed("O1", f'"order_qty":0.25000000,{price}', **part)
    assert [json.loads(row)["exec_type"] for row in rows] == ["amended", "trade", "filled"]


def test_an_amend_to_what_is_filled_cancels(ear: Ear, kraken: Client, pit: Pit) -> None:
    txid = kraken.sell("0.3", "60005")
    pit.fill(txid, "0.1")
    ear.texts()
    kraken.call("AmendOrder", txid=txid, order_qty="0.1")
    sums = ("0.10000000", "6000.50000", "60005.0")
    terms = '"order_qty":0.10000000,"limit_price":60005.0,"limit_price_type":"static"'
    assert ear.texts() == [
        changed("O1", terms, status="partially_filled", cum="0.10000000"),
        canceled("O1", sums=sums, usd="15.0013"),
    ]


def test_an_amend_of_a_stop(ear: Ear, kraken: Client) -> None:
    txid = kraken.place("sell", "stop-loss", "0.1", price="59000")
    ear.texts()
    kraken.call("AmendOrder", txid=txid, trigger_price="58000")
    assert ear.texts() == [changed("O1", f'"order_qty":0.10000000,"triggers":{waiting("58000.0")}')]


def test_an_amend_of_a_trailing_stop(ear: Ear, kraken: Client) -> None:
    txid = kraken.place("sell", "trailing-stop-limit", "0.1", price="+1000", price2="-5")
    assert ear.texts()[0] == entry(
        *("O1", "sell", "trailing-stop-limit", "0.10000000"),
        limit("-5.0", "quote", triggers=waiting("1000.0", "quote"), signal="last"),
    )
    kraken.call("AmendOrder", txid=txid, trigger_price="+2%", limit_price="-0.5%")
    triggers = waiting("2.0000", "pct", actual="58804.9", peak="60005.0")
    terms = f'"order_qty":0.10000000,"limit_price":-0.5000,"limit_price_type":"pct","triggers":{triggers}'
    assert ear.texts() == [changed("O1", terms)]


def test_an_edit_replaces_the_order(ear: Ear, kraken: Client) -> None:
    txid = kraken.buy("0.1", "59000", userref="5")
    ear.texts()
    kraken.call("EditOrder", txid=txid, pair="XBTUSD", price="59500")
    assert ear.texts() == [
        canceled("O1", "Order replaced", ref='"order_userref":5'),
        entry("O2", "buy", "limit", "0.10000000", limit("59500.0")),
        new("O2"),
    ]


def test_all_that_is_canceled_is_told_one_by_one(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    kraken.buy("0.1", "59000")
    kraken.place("sell", "stop-loss", "0.1", price="59000")
    kraken.buy("0.1", "58000", starttm="+600")
    ear.texts()
    kraken.call("CancelAll")
    assert ear.texts() == [canceled("O1"), canceled("O2"), canceled("O3")]
    kraken.buy("0.1", "59000")
    kraken.call("CancelAllOrdersAfter", timeout=60)
    ear.texts()
    sandbox.clock.advance(MINUTE)
    assert ear.texts() == [canceled("O4", "Cancel all orders after timeout", at=60)]


@pytest.mark.parametrize(
    ("stptype", "gone"),
    [("cancel-newest", ["O2"]), ("cancel-oldest", ["O1"]), ("cancel-both", ["O1", "O2"])],
)
def test_nobody_trades_with_oneself(ear: Ear, kraken: Client, stptype: str, gone: list[str]) -> None:
    kraken.sell("0.1", "60005")
    ear.texts()
    kraken.buy("0.1", "60005", stptype=stptype)
    assert ear.texts() == [
        entry("O2", "buy", "limit", "0.10000000", limit("60005.0")),
        new("O2"),
        *[canceled(order, "Cannot trade with self") for order in gone],
    ]


def test_both_sides_of_a_trade_between_two_traders(pit: Pit, wire: Connect, ann: Client, bob: Client) -> None:
    ears = Ear(wire(), "ann"), Ear(wire(), "bob")
    ann.sell("0.1", "60005")
    bob.buy("0.1", "60005")
    maker, taker = (ear.rows() for ear in ears)
    assert [row["exec_type"] for row in maker] == [row["exec_type"] for row in taker]
    assert [row["exec_type"] for row in taker] == ["pending_new", "new", "trade", "filled"]
    assert (maker[2]["liquidity_ind"], maker[2]["side"]) == ("m", "sell")
    assert (taker[2]["liquidity_ind"], taker[2]["side"]) == ("t", "buy")


# Icebergs


def test_an_iceberg_shows_its_next_slice(ear: Ear, kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.place("sell", "iceberg", "0.5", price="60005", displayvol="0.2")
    show = '"display_qty":0.20000000,'
    assert ear.texts() == [entry("O1", "sell", "iceberg", "0.50000000", limit("60005.0"), show), new("O1")]
    sandbox.clock.advance(MINUTE)

    def refilled(cum: str, remain: str) -> str:
        return (
            f'{{"timestamp":"@60","exec_type":"iceberg_refill","order_status":"partially_filled","cum_qty":{cum},'
            f'"display_qty":0.20000000,"display_qty_remain":{remain},{REF},"order_id":"O1"}}'
        )

    pit.pair.trade("buy", "0.15")
    assert [json.loads(text)["exec_type"] for text in ear.texts()] == ["trade"]
    pit.pair.trade("buy", "0.05")
    assert ear.texts()[1:] == [refilled("0.20000000", "0.20000000")]
    pit.pair.trade("buy", "0.25")
    assert ear.texts()[1:2] == [refilled("0.40000000", "0.10000000")]
    kraken.call("AmendOrder", txid=txid, display_qty="0.05")
    terms = '"order_qty":0.50000000,"display_qty":0.05000000,"limit_price":60005.0,"limit_price_type":"static"'
    assert ear.texts() == [changed("O1", terms, status="partially_filled", cum="0.45000000", at=60)]


# Stops


def test_a_stop_fires(ear: Ear, kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    kraken.place("sell", "stop-loss", "0.1", price="59000")
    assert ear.texts() == [
        entry("O1", "sell", "stop-loss", "0.10000000", stop("59000.0", waiting("59000.0"))),
        new("O1"),
    ]
    sandbox.clock.advance(MINUTE)
    pit.at(58990)
    what, sums = ("0.10000000", "58990.0", "5899.00000"), ("0.10000000", "5899.00000", "58990.0")
    assert ear.texts() == [
        fired("O1", triggered("59000.0", "59000.0", "58990.0", at=60), at=60),
        trade("O1", "T1", "sell", "stop-loss", what, sums, "23.5960", "USD 23.59600", at=60),
        ended("O1", "filled", sums, "23.5960", at=60),
    ]


def test_a_take_profit_with_a_limit_fires_by_the_index_and_rests(
    ear: Ear, kraken: Client, pit: Pit, wire: Connect
) -> None:
    pit.pair.set_index("60000")
    kraken.place("sell", "take-profit-limit", "0.1", price="+2%", price2="#10", trigger="index")
    prices = limit(
        "61190.0", stop="61200.0", triggers=waiting("2.0000", "pct", "index", actual="61200.0"), signal="index"
    )
    assert ear.texts() == [entry("O1", "sell", "take-profit-limit", "0.10000000", prices), new("O1")]
    pit.pair.set_index("61300")
    assert ear.texts() == [fired("O1", triggered("2.0000", "61200.0", "61300.0", "pct", "index"))]
    (snapshot,) = Ear(wire()).snapshots
    (row,) = json.loads(snapshot, parse_float=str)["data"]
    assert (row["order_status"], row["limit_price"], row["triggers"]["status"]) == ("new", "61190.0", "triggered")


def test_a_trailing_stop_fires(ear: Ear, kraken: Client, pit: Pit) -> None:
    kraken.place("sell", "trailing-stop", "0.1", price="+1.5%")
    assert ear.texts() == [
        entry("O1", "sell", "trailing-stop", "0.10000000", stop("0.0", waiting("1.5000", "pct"))),
        new("O1"),
    ]
    pit.at(61000)
    assert ear.texts() == []
    pit.at(60000)
    rows = ear.texts()
    assert rows[0] == fired("O1", triggered("1.5000", "60085.0", "60000.0", "pct", peak="61000.0"))
    assert [json.loads(row)["exec_type"] for row in rows] == ["status", "trade", "filled"]


def test_a_stop_that_has_its_price_already(ear: Ear, kraken: Client) -> None:
    kraken.place("sell", "stop-loss", "0.1", price="60005")
    assert ear.texts()[1:] == [new("O1"), canceled("O1", "Order would trigger immediately")]


@pytest.mark.parametrize("settings", [{"triggered_at_entry": "fire"}])
def test_a_stop_that_fires_at_once(ear: Ear, kraken: Client) -> None:
    kraken.place("sell", "stop-loss", "0.1", price="60005")
    rows = ear.rows()
    assert [row["exec_type"] for row in rows] == ["pending_new", "new", "status", "trade", "filled"]


def test_a_stop_without_the_funds_when_it_fires(ear: Ear, kraken: Client, pit: Pit) -> None:
    kraken.place("sell", "stop-loss", "1", price="59000")
    ear.texts()
    pit.balances("main", XXBT="0")
    pit.at(58990)
    rows = ear.texts()
    assert [json.loads(row)["exec_type"] for row in rows] == ["status", "canceled"]
    assert rows[1] == canceled("O1", "Insufficient funds")


# Times


def test_a_scheduled_order(ear: Ear, kraken: Client, sandbox: Sandbox, wire: Connect) -> None:
    txid = kraken.buy("0.1", "60010", starttm="+60", expiretm="+120")
    times = '"effective_time":"@60","expire_time":"@120",'
    first = entry("O1", "buy", "limit", "0.10000000", limit("60010.0"), times, tif="GTD")
    assert ear.texts() == [first]
    (snapshot,) = Ear(wire()).snapshots
    (row,) = json.loads(snapshot)["data"]
    assert (row["exec_type"], row["order_status"]) == ("pending_new", "pending_new")
    kraken.call("AmendOrder", txid=txid, order_qty="0.2")
    terms = '"order_qty":0.20000000,"limit_price":60010.0,"limit_price_type":"static"'
    assert ear.texts() == [changed("O1", terms, status="pending_new")]
    sandbox.clock.advance(MINUTE)
    rows = ear.texts()
    assert rows[0] == new("O1", at=60)
    assert [json.loads(row)["exec_type"] for row in rows] == ["new", "trade", "filled"]
    assert all(json.loads(row)["timestamp"] == "@60" for row in rows)


def test_an_order_expires(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    kraken.buy("0.1", "59000", expiretm="+60", timeinforce="GTD")
    kraken.buy("0.1", "59000", starttm="+100", expiretm="+110")
    ear.texts()
    sandbox.clock.advance(MINUTE)
    assert ear.texts() == [ended("O1", "expired", reason="Order expired", at=60)]
    sandbox.clock.advance(MINUTE)
    assert ear.texts() == [new("O2", at=100), ended("O2", "expired", reason="Order expired", at=110)]


# Conditional closes


def test_a_conditional_close(ear: Ear, kraken: Client, pit: Pit) -> None:
    terms = {"close[ordertype]": "stop-loss-limit", "close[price]": "-5%", "close[price2]": "58000"}
    txid = kraken.sell("0.3", "60005", userref="9", **{"close[ordertype]": "limit", "close[price]": "59000"})
    ref = '"order_userref":9'
    contingent = '"contingent":{"order_type":"limit","limit_price":59000.0,"limit_price_type":"static"},'
    assert ear.texts()[0] == entry("O1", "sell", "limit", "0.30000000", limit("60005.0"), contingent, ref=ref)
    pit.fill(txid, "0.1")
    assert ear.texts()[1:] == [
        entry("O2", "buy", "limit", "0.10000000", limit("59000.0"), '"ord_ref_id":"O1",', ref=ref),
        new("O2", ref=ref),
    ]
    pit.fill(txid)
    rows = ear.texts()
    assert [json.loads(row)["exec_type"] for row in rows] == ["trade", "filled", "pending_new", "new"]
    kraken.buy("0.1", **terms)
    contingent = (
        '"contingent":{"order_type":"stop-loss-limit","trigger_price":-5.0000,"trigger_price_type":"pct",'
        '"limit_price":58000.0,"limit_price_type":"static"},'
    )
    rows = ear.texts()
    assert rows[0] == entry("O4", "buy", "market", "0.10000000", MARKET, contingent)
    prices = limit("58000.0", stop="57009.5", triggers=waiting("-5.0000", "pct", actual="57009.5"), signal="last")
    assert rows[-2:] == [
        entry("O5", "sell", "stop-loss-limit", "0.10000000", prices, '"ord_ref_id":"O4",'),
        new("O5"),
    ]


# Margin


def test_positions_are_opened_and_closed(ear: Ear, kraken: Client, wire: Connect) -> None:
    kraken.buy("0.2", leverage="5")
    what, sums = ("0.20000000", "60010.0", "12002.00000"), ("0.20000000", "12002.00000", "60010.0")
    assert ear.texts() == [
        entry("O1", "buy", "market", "0.20000000", MARKET, '"margin":true,'),
        new("O1"),
        trade("O1", "T1", "buy", "market", what, sums, "48.0080", "USD 48.00800", margin="opened"),
        ended("O1", "filled", sums, "48.0080"),
    ]
    kraken.sell("0.1", leverage="5")
    assert ear.rows()[2]["position_status"] == "closing"
    kraken.sell("0.5", leverage="5", reduce_only="true")
    rows = ear.texts()
    assert rows[0] == entry("O3", "sell", "market", "0.50000000", MARKET, '"reduce_only":true,"margin":true,')
    assert json.loads(rows[2])["position_status"] == "closed"
    sums, usd = ("0.10000000", "6000.00000", "60000.0"), "21.0000"
    assert rows[3] == canceled("O3", "Reduce only:Position is closed", sums=sums, usd=usd)
    # What a snapshot says of them later is the same.
    (snapshot,) = Ear(wire(), snap_trades=True, snap_orders=False).snapshots
    assert [row["position_status"] for row in json.loads(snapshot)["data"]] == ["opened", "closing", "closed"]


def test_a_reduce_only_order_is_restated(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.2", leverage="5")
    kraken.sell("0.2", "61000", leverage="5", reduce_only="true")
    ear.texts()
    kraken.sell("0.05", leverage="5")
    terms = '"order_qty":0.15000000,"limit_price":61000.0,"limit_price_type":"static"'
    expected = changed("O2", terms, what="restated", reason="Reduce only:Position is closed")
    rows = ear.texts()
    assert expected in rows
    kraken.sell("0.15", leverage="5")
    assert canceled("O2", "Reduce only:Position is closed") in ear.texts()


def test_a_settlement(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.2", leverage="5")
    ear.texts()
    kraken.place("sell", "settle-position", "0.2", leverage="5")
    what = sums = ("0.20000000", "12002.00000", "60010.0")
    row = trade(
        *("O2", "T2", "sell", "settle-position", (what[0], what[2], what[1]), sums, "0.0000", "USD 0.00000"),
        margin="closed",
    )
    assert ear.texts() == [
        entry("O2", "sell", "settle-position", "0.20000000", MARKET, '"margin":true,'),
        new("O2"),
        row.replace('"trade_id":7', '"trade_id":0'),
        ended("O2", "filled", sums),
    ]


def test_a_liquidation(pit: Pit, kraken: Client, wire: Connect) -> None:
    pit.step, pit.depth = "1", "200"
    pit.pair.patch(fees=[[0, "0"]], fees_maker=[[0, "0"]], margin_open_fee="0", margin_rollover_fee="0")
    pit.fund(ZUSD="10000")
    pit.book("49999:10", "50000:10")
    kraken.buy("1", leverage="10")
    ear = Ear(wire())
    kraken.buy("0.1", "40000", leverage="10")
    ear.texts()
    pit.at("42000")
    what, sums = ("1.00000000", "42000.0", "42000.00000"), ("1.00000000", "42000.00000", "42000.0")
    assert ear.texts() == [
        canceled("O1", "Liquidation"),
        entry(
            *("O2", "sell", "market", "1.00000000", MARKET),
            '"reduce_only":true,"margin":true,"liquidated":true,',
        ),
        new("O2"),
        trade("O2", "T1", "sell", "market", what, sums, "0.0000", "USD 0.00000", margin="closed"),
        ended("O2", "filled", sums),
    ]


def test_further_flags(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.1", "59000", oflags="nompp", sender_sub_id='desk "7"')
    assert ear.texts()[0] == entry(
        *("O1", "buy", "limit", "0.10000000", limit("59000.0")), '"no_mpp":true,"sender_sub_id":"desk \\"7\\"",'
    )


# Who wants otherwise


def test_without_the_steps_in_between(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    ear, full = Ear(wire(), order_status=False), Ear(wire())
    txid = kraken.sell("0.3", "60005")
    kraken.call("AmendOrder", txid=txid, order_qty="0.2")
    pit.fill(txid)
    kraken.place("sell", "stop-loss", "0.1", price="59000")
    pit.at(58990)
    kraken.buy("0.1", "50000", expiretm="+60")
    sandbox.clock.advance(MINUTE)
    kraken.call("CancelOrder", txid=kraken.buy("0.1", "50000"))
    heard, all_rows = ear.rows(), full.rows()
    kinds = ["new", "trade", "filled", "new", "trade", "filled", "new", "expired", "new", "canceled"]
    assert [row["exec_type"] for row in heard] == kinds
    assert [row for row in all_rows if row["exec_type"] in kinds] == heard
    assert {row["exec_type"] for row in all_rows} - set(kinds) == {"pending_new", "amended", "status"}


@pytest.mark.parametrize("settings", [{"rate_limits": "on"}])
def test_the_trading_counter(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    ear, plain = Ear(wire(), ratecounter=True), Ear(wire())
    txid = kraken.buy("0.1", "59000")
    assert ear.texts() == [
        entry("O1", "buy", "limit", "0.10000000", limit("59000.0"))[:-1] + ',"ratecount":1}',
        new("O1")[:-1] + ',"ratecount":1}',
    ]
    kraken.call("CancelOrder", txid=txid)  # it was young: 8
    assert ear.texts() == [canceled("O1")[:-1] + ',"ratecount":9}']
    sandbox.clock.advance(SECOND)
    kraken.buy("1", "1500", pair="ETHUSD")
    kraken.buy("0.1", "59000")  # 9 - 3.75 + 1
    assert [row["ratecount"] for row in ear.rows()] == [1, 1, 6, 6]
    assert not any("ratecount" in row for row in plain.rows())


def test_all_users(pit: Pit, kraken: Client, wire: Connect) -> None:
    kraken.buy("0.1", "59000")
    ear = Ear(wire(), users="all")
    assert ear.snapshots == []
    kraken.call("CancelAll")
    iban = kraken.call("GetApiKeyInfo")["iban"]
    assert ear.texts() == [canceled("O1")[:-1] + f',"user":"{iban}"}}']
    assert ear.sequence == 1


# Snapshots


def test_a_snapshot_of_orders(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    first = kraken.sell("0.3", "60005", oflags="post", cl_ord_id="a")
    kraken.place("sell", "stop-loss", "0.1", price="59000", userref="4")
    kraken.place("buy", "iceberg", "0.5", price="59995", displayvol="0.2", expiretm="+3600")
    kraken.place("sell", "trailing-stop", "0.1", price="+100")
    pit.fill(first, "0.1")
    kraken.call("AmendOrder", cl_ord_id="a", order_qty="0.2")
    sandbox.clock.advance(MINUTE)
    ear = Ear(wire())
    (snapshot,) = ear.snapshots
    assert snapshot.startswith(b'{"channel":"executions","type":"snapshot","data":[{"order_id":"O')
    assert snapshot.endswith(b'],"sequence":1}')
    text = ear.short(snapshot)
    rows = text[text.index("[") + 1 : text.rindex("]")]
    tail = '"fee_ccy_pref":"fciq","timestamp":"@0"}'
    assert rows == ",".join(
        [
            '{"order_id":"O1","symbol":"BTC/USD","order_qty":0.20000000,"cum_qty":0.10000000,"cum_cost":6000.50000,'
            '"avg_price":60005.0,"time_in_force":"GTC","exec_type":"new","side":"sell","order_type":"limit",'
            '"cl_ord_id":"a","limit_price_type":"static","limit_price":60005.0,"stop_price":0.0,"post_only":true,'
            '"amended":true,"order_status":"partially_filled","fee_usd_equiv":15.0013,' + tail,
            '{"order_id":"O2","symbol":"BTC/USD","order_qty":0.10000000,"cum_qty":0.00000000,"cum_cost":0.00000,'
            '"avg_price":0.0,"time_in_force":"GTC","exec_type":"new","side":"sell","order_type":"stop-loss",'
            f'"order_userref":4,"triggers":{waiting("59000.0")},"stop_price":59000.0,"trigger":"last",'
            '"order_status":"new","fee_usd_equiv":0.0000,' + tail,
            '{"order_id":"O3","symbol":"BTC/USD","order_qty":0.50000000,"cum_qty":0.00000000,"cum_cost":0.00000,'
            '"avg_price":0.0,"time_in_force":"GTD","exec_type":"new","side":"buy","order_type":"iceberg",'
            f'{REF},"limit_price_type":"static","limit_price":59995.0,"stop_price":0.0,"expire_time":"@3600",'
            '"display_qty":0.20000000,"display_qty_remain":0.20000000,"order_status":"new","fee_usd_equiv":0.0000,'
            + tail,
            '{"order_id":"O4","symbol":"BTC/USD","order_qty":0.10000000,"cum_qty":0.00000000,"cum_cost":0.00000,'
            '"avg_price":0.0,"time_in_force":"GTC","exec_type":"new","side":"sell","order_type":"trailing-stop",'
            f'{REF},"triggers":{waiting("100.0", "quote", actual="59905.0", peak="60005.0")},"stop_price":59905.0,'
            '"trigger":"last","order_status":"new","fee_usd_equiv":0.0000,' + tail,
        ]
    )


def test_a_snapshot_of_trades_comes_first_and_alone(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    kraken.buy("0.1", userref="8")
    sandbox.clock.advance(MINUTE)
    kraken.sell("0.1")
    kraken.buy("0.1", "59000")
    ear = Ear(wire(), snap_trades=True)
    trades, orders = ear.snapshots
    text = ear.short(trades)
    assert text == (
        '{"channel":"executions","type":"snapshot","data":['
        '{"order_id":"O1","order_userref":8,"exec_id":"T1","exec_type":"trade","trade_id":7,"symbol":"BTC/USD",'
        '"side":"buy","last_qty":0.10000000,"last_price":60010.0,"liquidity_ind":"t","cost":6001.00000,'
        '"order_status":"filled","order_type":"market","timestamp":"@0","fee_usd_equiv":24.0040,'
        '"fees":[{"asset":"USD","qty":24.00400}]},'
        f'{{"order_id":"O2",{REF},"exec_id":"T2","exec_type":"trade","trade_id":7,"symbol":"BTC/USD",'
        '"side":"sell","last_qty":0.10000000,"last_price":60000.0,"liquidity_ind":"t","cost":6000.00000,'
        '"order_status":"filled","order_type":"market","timestamp":"@60","fee_usd_equiv":24.0000,'
        '"fees":[{"asset":"USD","qty":24.00000}]}],"sequence":1}'
    )
    assert [row["exec_type"] for row in json.loads(orders)["data"]] == ["new"]
    assert orders.endswith(b',"sequence":2}')
    kraken.call("CancelAll")
    assert len(ear.texts()) == 1
    # One that has nothing in it is left out.
    (only,) = Ear(wire(), snap_trades=True).snapshots
    assert [row["exec_type"] for row in json.loads(only)["data"]] == ["trade", "trade"]


def test_the_last_fifty_fills(pit: Pit, kraken: Client, wire: Connect) -> None:
    pit.book("60000.0:5", " ".join(f"{60010 + step}.0:0.01" for step in range(30)))
    kraken.buy("0.3", "60100")
    pit.book("60000.0:5", " ".join(f"{60010 + step}.0:0.01" for step in range(30)))
    kraken.buy("0.3", "60100")
    (snapshot,) = Ear(wire(), snap_trades=True).snapshots
    rows = json.loads(snapshot)["data"]
    assert kraken.call("TradesHistory", consolidate_taker="false")["count"] == 60
    assert [row["exec_id"] for row in rows] == [fill["id"] for fill in kraken.trades()]


def test_nothing_is_told_of_what_was_before(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    kraken.buy("0.1", "59000")
    ear = Ear(wire())
    assert ear.texts() == []
    sandbox.clock.advance(HOUR)
    assert [frame for frame in ear.wire.take() if frame["channel"] != "heartbeat"] == []
