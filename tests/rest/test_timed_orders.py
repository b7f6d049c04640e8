"""Orders and the clock: start and expiry, deadlines, the dead man's switch (kraken/30 §2.1, §6.4, §7.1)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600
MONTH = 31 * 86_400
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "59000"}
EXPIRED = ("expired", "Order expired")
SHORT = ("canceled", "Insufficient funds")


# Expiry


@pytest.mark.parametrize("timeinforce", ["GTD", "gtd", None, "GTC"])
@pytest.mark.parametrize("expiretm", ["+60", str(MIDNIGHT + 60)])
def test_an_order_expires(kraken: Client, pit: Pit, sandbox: Sandbox, timeinforce: str | None, expiretm: str) -> None:
    fields = {} if timeinforce is None else {"timeinforce": timeinforce}
    txid = kraken.buy("0.1", "60005", expiretm=expiretm, **fields)
    row = kraken.row(txid)
    assert (row["status"], row["expiretm"], row["time_in_force"]) == ("open", MIDNIGHT + 60, "gtd")
    sandbox.clock.advance(60 * SECOND - 1)
    assert kraken.row(txid)["status"] == "open"
    sandbox.clock.advance(1)
    row = kraken.row(txid)
    assert (row["status"], row["reason"], row["closetm"]) == (*EXPIRED, MIDNIGHT + 60)
    assert (row["vol_exec"], row["misc"]) == ("0.00000000", "")
    assert kraken.held("ZUSD") == "0.0000"
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    assert kraken.post("CancelOrder", txid=txid).refusal == "EOrder:Unknown order"


def test_what_was_executed_before_the_expiry_stands(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.sell("0.5", "60005", timeinforce="GTD", expiretm="+60")
    pit.pair.trade("buy", "0.2")
    sandbox.clock.advance(MINUTE)
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"], row["misc"]) == ("expired", "0.20000000", "partial")
    assert kraken.held("XXBT") == "0.0000000000"


@pytest.mark.parametrize("how", ["filled", "cancelled", "edited"])
def test_an_order_that_ended_does_not_expire(kraken: Client, pit: Pit, sandbox: Sandbox, how: str) -> None:
    txid = kraken.sell("0.5", "60005", expiretm="+60")
    if how == "filled":
        pit.fill(txid)
    elif how == "cancelled":
        kraken.call("CancelOrder", txid=txid)
    else:
        new = kraken.call("EditOrder", txid=txid, pair="XBTUSD", price="60006")["txid"]
        assert kraken.row(new)["expiretm"] == MIDNIGHT + 60  # which an edit can't change
    before = kraken.row(txid)
    sandbox.clock.advance(HOUR)
    assert kraken.row(txid) == before
    if how == "edited":
        assert kraken.ended(new) == EXPIRED


def test_a_waiting_stop_expires_too(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.place("sell", "stop-loss", "0.5", price="59000", expiretm="+60")
    sandbox.clock.advance(MINUTE)
    assert kraken.ended(txid) == EXPIRED
    pit.book("58000:5", last="58500")
    assert kraken.row(txid)["vol_exec"] == "0.00000000"


def test_amending_does_not_move_the_expiry(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.buy("0.1", "59000", expiretm="+60")
    sandbox.clock.advance(30 * SECOND)
    kraken.call("AmendOrder", txid=txid, limit_price="59001")
    sandbox.clock.advance(30 * SECOND)
    assert kraken.ended(txid) == EXPIRED


def test_orders_expire_in_their_order(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    later, sooner, never = (kraken.buy("0.1", "59000", expiretm=when) for when in ("+20", "+10", "0"))
    sandbox.clock.advance(DAY)
    assert list(kraken.call("ClosedOrders")["closed"]) == [later, sooner]
    assert [kraken.row(txid)["closetm"] for txid in (later, sooner)] == [MIDNIGHT + 20, MIDNIGHT + 10]
    assert kraken.row(never)["status"] == "open"


@pytest.mark.parametrize("expiretm", ["+5", str(MIDNIGHT + 5), f"+{MONTH}", str(MIDNIGHT + MONTH)])
def test_the_soonest_and_the_latest_expiry(kraken: Client, pit: Pit, expiretm: str) -> None:
    assert kraken.call("AddOrder", **LIMIT, expiretm=expiretm)["txid"]


@pytest.mark.parametrize(
    "expiretm",
    ["+4", "+0", str(MIDNIGHT + 4), str(MIDNIGHT), str(MIDNIGHT - 60), "5", f"+{MONTH + 1}", str(MIDNIGHT + MONTH + 1)],
)
def test_an_expiry_too_soon_or_too_late(kraken: Client, pit: Pit, expiretm: str) -> None:
    for more in ({}, {"timeinforce": "GTD"}, {"validate": "true"}):
        refusal = kraken.post("AddOrder", **LIMIT, **more, expiretm=expiretm).refusal
        assert refusal == "EGeneral:Invalid arguments:expiretm"


BAD_TIMES = ["soon", "-5", "+-5", "++5", "5 ", " 10", "+", "1.5", "+1.5", "1e9", "#5", "2026-01-02T00:00:00Z", "9" * 12]


@pytest.mark.parametrize("name", ["starttm", "expiretm"])
@pytest.mark.parametrize("text", BAD_TIMES)
def test_what_is_no_time(kraken: Client, pit: Pit, name: str, text: str) -> None:
    assert kraken.post("AddOrder", **LIMIT, **{name: text}).refusal == f"EGeneral:Invalid arguments:{name}"
    assert kraken.post_json("AddOrder", **LIMIT, **{name: text}).refusal == f"EGeneral:Invalid arguments:{name}"


@pytest.mark.parametrize("name", ["starttm", "expiretm"])
def test_a_plus_in_a_form_is_a_blank_unless_it_is_escaped(kraken: Client, pit: Pit, name: str) -> None:
    plain = "&".join(f"{key}={value}" for key, value in LIMIT.items())
    raw = kraken.post_raw("AddOrder", f"nonce=1&{plain}&{name}=+60".encode(), nonce=1)
    assert raw.refusal == f"EGeneral:Invalid arguments:{name}"
    escaped = kraken.post_raw("AddOrder", f"nonce=2&{plain}&{name}=%2B60".encode(), nonce=2)
    kraken.nonces = itertools.count(3)
    assert kraken.row(escaped.result["txid"][0])[name] == MIDNIGHT + 60
    assert kraken.row(kraken.post_json("AddOrder", **LIMIT, **{name: "+60"}).result["txid"][0])[name] == MIDNIGHT + 60


@pytest.mark.parametrize("value", ["0", "", 0, None])
def test_no_start_and_no_expiry(kraken: Client, pit: Pit, value: Any) -> None:
    (txid,) = kraken.post_json("AddOrder", **LIMIT, starttm=value, expiretm=value).result["txid"]
    row = kraken.row(txid)
    assert (row["status"], row["starttm"], row["expiretm"], row["time_in_force"]) == ("open", 0, 0, "gtc")


@pytest.mark.parametrize("expiretm", [None, "", "0"])
def test_good_till_date_needs_a_date(kraken: Client, pit: Pit, expiretm: str | None) -> None:
    fields = {"timeinforce": "GTD"} | ({} if expiretm is None else {"expiretm": expiretm})
    assert kraken.post("AddOrder", **LIMIT, **fields).refusal == "EGeneral:Invalid arguments:timeinforce"


# Start


@pytest.mark.parametrize("starttm", ["+60", str(MIDNIGHT + 60)])
def test_an_order_starts_at_its_time(kraken: Client, pit: Pit, sandbox: Sandbox, starttm: str) -> None:
    txid = kraken.buy("0.1", "60005", starttm=starttm, cl_ord_id="later")
    row = kraken.open_orders()[txid]
    assert (row["status"], row["opentm"], row["starttm"]) == ("pending", MIDNIGHT, MIDNIGHT + 60)
    assert kraken.held("ZUSD") == "0.0000"
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    assert kraken.post("AddOrder", **LIMIT, cl_ord_id="later").refusal.endswith("cl_ord_id not unique")

    sandbox.clock.advance(60 * SECOND - 1)
    assert kraken.row(txid)["status"] == "pending"
    sandbox.clock.advance(1)
    assert kraken.row(txid)["status"] == "open"
    assert kraken.held("ZUSD") == "6024.5020"
    assert pit.shown() == "60005.0:0.1 60000.0:5 | 60010.0:5"


def test_what_crosses_at_its_start_takes_then(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    market = kraken.buy("1", starttm="+60")
    limit = kraken.buy("1", "60020", starttm="+61")
    pit.book(asks="60011:1 60012:1")
    sandbox.clock.advance(2 * MINUTE)
    assert [kraken.row(txid)["price"] for txid in (market, limit)] == ["60011.0", "60012.0"]
    (later, sooner) = kraken.call("TradesHistory")["trades"].values()
    assert (sooner["time"], later["time"]) == (MIDNIGHT + 60, MIDNIGHT + 61)
    assert (sooner["ordertxid"], later["ordertxid"]) == (market, limit)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"volume": "99"}, SHORT),
        ({"volume": "1", "price": "60010", "oflags": "post"}, ("canceled", "Post only order")),
        ({"volume": "6", "price": "60010", "timeinforce": "FOK"}, ("canceled", "Insufficient liquidity")),
        ({"volume": "99", "ordertype": "market"}, SHORT),
    ],
)
def test_what_could_not_come_in_is_cancelled_at_its_start(
    kraken: Client, pit: Pit, sandbox: Sandbox, fields: dict[str, str], end: tuple[str, str]
) -> None:
    """Funds and book are looked at when its time has come, not at entry."""
    pit.book(asks="60010:5 60020:100")
    (txid,) = kraken.call("AddOrder", **(LIMIT | fields), starttm="+60")["txid"]
    assert kraken.row(txid)["status"] == "pending"
    sandbox.clock.advance(MINUTE)
    row = kraken.row(txid)
    assert (row["status"], row["reason"], row["vol_exec"]) == (*end, "0.00000000")
    assert row["closetm"] == MIDNIGHT + 60
    assert kraken.held("ZUSD") == "0.0000"


def test_funds_may_arrive_before_the_start(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    poor = pit.trader("poor", ZUSD="10")
    (txid,) = poor.call("AddOrder", **LIMIT, starttm="+60")["txid"]
    pit.balances("poor", ZUSD="10000")
    sandbox.clock.advance(MINUTE)
    assert poor.row(txid)["status"] == "open"


def test_a_stop_may_have_a_start(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    """Before it, no price fires it; after it, it waits for its trigger."""
    txid = kraken.place("sell", "stop-loss", "0.5", price="59500", starttm="+60")
    pit.book("58000:5", last="59000")
    pit.book("60000:5", "60010:5", last="60005")
    sandbox.clock.advance(MINUTE)
    assert (kraken.row(txid)["status"], kraken.row(txid)["misc"]) == ("open", "")
    pit.book("58000:5", last="59000")
    assert (kraken.row(txid)["status"], kraken.row(txid)["misc"]) == ("closed", "stopped")


@pytest.mark.parametrize("by", ["txid", "cl_ord_id", "CancelAll", "CancelAllOrdersAfter", "CancelOrderBatch"])
def test_a_pending_order_can_be_cancelled(kraken: Client, pit: Pit, sandbox: Sandbox, by: str) -> None:
    (txid,) = kraken.call("AddOrder", **LIMIT, starttm="+60", cl_ord_id="mine")["txid"]
    if by == "txid":
        assert kraken.call("CancelOrder", txid=txid) == {"count": 1}
    elif by == "cl_ord_id":
        assert kraken.call("CancelOrder", cl_ord_id="mine") == {"count": 1}
    elif by == "CancelOrderBatch":
        assert kraken.post_json(by, orders=[txid]).result == {"count": 1}
    elif by == "CancelAll":
        assert kraken.call(by) == {"count": 1}
    else:
        kraken.call(by, timeout="30")
        sandbox.clock.advance(30 * SECOND)
    assert kraken.row(txid)["status"] == "canceled"
    before = kraken.row(txid)
    sandbox.clock.advance(HOUR)
    assert kraken.row(txid) == before


def test_a_pending_order_can_be_amended_and_edited(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    (txid,) = kraken.call("AddOrder", **LIMIT, starttm="+60")["txid"]
    kraken.call("AmendOrder", txid=txid, limit_price="60005", order_qty="0.2")
    assert kraken.row(txid)["status"] == "pending"
    assert kraken.held("ZUSD") == "0.0000"
    new = kraken.call("EditOrder", txid=txid, pair="XBTUSD", volume="0.3")["txid"]
    row = kraken.row(new)
    assert (row["status"], row["starttm"], row["descr"]["price"]) == ("pending", MIDNIGHT + 60, "60005.0")
    sandbox.clock.advance(MINUTE)
    assert kraken.row(new)["status"] == "open"
    assert kraken.row(txid)["status"] == "canceled"
    assert pit.shown() == "60005.0:0.3 60000.0:5 | 60010.0:5"


def test_start_and_expiry_together(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    (txid,) = kraken.call("AddOrder", **LIMIT, starttm="+60", expiretm="+120", timeinforce="GTD")["txid"]
    row = kraken.row(txid)
    assert (row["starttm"], row["expiretm"]) == (MIDNIGHT + 60, MIDNIGHT + 120)
    sandbox.clock.advance(MINUTE)
    assert kraken.row(txid)["status"] == "open"
    sandbox.clock.advance(MINUTE)
    assert kraken.ended(txid) == EXPIRED
    # Its life lasts five seconds at least.
    assert kraken.post("AddOrder", **LIMIT, starttm="+60", expiretm="+64").refusal.endswith(":expiretm")
    assert kraken.call("AddOrder", **LIMIT, starttm="+60", expiretm="+65")["txid"]


def test_while_nobody_trades_a_start_is_put_off(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    waiting, gone, late = (
        kraken.call("AddOrder", **LIMIT, starttm="+60", **more)["txid"][0] for more in ({}, {}, {"expiretm": "+90"})
    )
    pit.status.set("cancel_only", pair="XBTUSD")
    sandbox.clock.advance(MINUTE)
    assert kraken.row(waiting)["status"] == "pending"
    kraken.call("CancelOrder", txid=gone)
    sandbox.clock.advance(MINUTE)
    assert kraken.ended(late) == EXPIRED
    pit.status.set("online", pair="XBTUSD")
    assert kraken.row(waiting)["status"] == "open"
    assert kraken.row(gone)["status"] == "canceled"
    assert pit.shown() == "60000.0:5 59000.0:0.1 | 60010.0:5"
    sandbox.clock.advance(HOUR)
    assert kraken.ended(late) == EXPIRED


def test_an_expiry_does_not_wait_for_the_market(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    (txid,) = kraken.call("AddOrder", **LIMIT, starttm="+60", expiretm="+300")["txid"]
    pit.status.set("maintenance")
    sandbox.clock.advance(2 * MINUTE)
    pit.status.set("online")
    assert kraken.row(txid)["status"] == "open"
    pit.status.set("cancel_only")
    sandbox.clock.advance(3 * MINUTE)
    assert kraken.ended(txid) == EXPIRED


@pytest.mark.parametrize("starttm", [str(MIDNIGHT - 1), "1", f"+{MONTH + 1}", str(MIDNIGHT + MONTH + 1)])
def test_a_start_in_the_past_or_too_far_ahead(kraken: Client, pit: Pit, starttm: str) -> None:
    assert kraken.post("AddOrder", **LIMIT, starttm=starttm).refusal == "EGeneral:Invalid arguments:starttm"


@pytest.mark.parametrize("starttm", [str(MIDNIGHT), "+0"])
def test_a_start_of_now_is_no_start(kraken: Client, pit: Pit, starttm: str) -> None:
    row = kraken.row(kraken.buy("0.1", "59000", starttm=starttm))
    assert (row["status"], row["starttm"]) == ("open", 0)


# Deadlines


@pytest.mark.parametrize("ahead", ["00:00:02", "00:00:02.000000001", "00:01:00", "00:00:59.999"])
@pytest.mark.parametrize("method", ["AddOrder", "AmendOrder", "EditOrder"])
def test_a_deadline_two_seconds_to_a_minute_ahead(kraken: Client, pit: Pit, method: str, ahead: str) -> None:
    fields = changing(kraken, method)
    assert kraken.post(method, **fields, deadline=f"2026-01-01T{ahead}Z").errors == []


@pytest.mark.parametrize(
    ("deadline", "error"),
    [
        ("2026-01-01T00:00:01.999Z", "EGeneral:Invalid arguments:deadline"),
        ("2026-01-01T00:01:00.001Z", "EGeneral:Invalid arguments:deadline"),
        ("2027-01-01T00:00:00Z", "EGeneral:Invalid arguments:deadline"),
        ("2026-01-01T00:00:00Z", "EService:Deadline elapsed"),
        ("2026-01-01T01:00:10+02:00", "EService:Deadline elapsed"),
        ("1999-12-31T23:59:59Z", "EService:Deadline elapsed"),
        ("soon", "EGeneral:Invalid arguments:deadline"),
        ("1767225610", "EGeneral:Invalid arguments:deadline"),
        ("+10", "EGeneral:Invalid arguments:deadline"),
        ("2026-01-01", "EGeneral:Invalid arguments:deadline"),
        ("2026-01-01T00:00:10", "EGeneral:Invalid arguments:deadline"),
        ("2026-13-01T00:00:10Z", "EGeneral:Invalid arguments:deadline"),
    ],
)
@pytest.mark.parametrize("method", ["AddOrder", "AmendOrder", "EditOrder"])
def test_other_deadlines(kraken: Client, pit: Pit, method: str, deadline: str, error: str) -> None:
    fields = changing(kraken, method)
    before = kraken.call("OpenOrders")
    assert kraken.post(method, **fields, deadline=deadline).refusal == error
    assert kraken.call("OpenOrders") == before


def changing(kraken: Client, method: str) -> dict[str, str]:
    """The fields of a call that would place or change an order."""
    if method == "AddOrder":
        return LIMIT
    txid = kraken.buy("0.1", "59000")
    if method == "AmendOrder":
        return {"txid": txid, "limit_price": "59001"}
    return {"txid": txid, "pair": "XBTUSD", "price": "59001"}


def test_a_deadline_is_over_once_the_order_is_in(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    (txid,) = kraken.call("AddOrder", **LIMIT, deadline="2026-01-01T00:00:10Z")["txid"]
    sandbox.clock.advance(HOUR)
    assert kraken.row(txid)["status"] == "open"


# The dead man's switch


def test_the_switch_takes_everything_everywhere(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    taken = [
        kraken.buy("0.1", "59000"),
        kraken.buy("0.1", "1500", pair="ETHUSD"),
        kraken.buy("0.1", "59000", starttm="+300"),
        kraken.place("sell", "stop-loss", "0.1", price="59000"),
        kraken.place("sell", "iceberg", "1", price="60005", displayvol="0.1"),
    ]
    bob = pit.trader("bob")
    other = bob.buy("0.1", "59000")
    kraken.call("CancelAllOrdersAfter", timeout="60")
    sandbox.clock.advance(30 * SECOND)
    taken.append(kraken.buy("0.1", "59000"))  # placed after it was set, and taken too
    sandbox.clock.advance(30 * SECOND)
    assert [kraken.ended(txid) for txid in taken] == [("canceled", "Cancel all orders after timeout")] * 6
    assert {kraken.row(txid)["closetm"] for txid in taken} == {MIDNIGHT + 60}
    assert bob.row(other)["status"] == "open"
    assert (kraken.held("ZUSD"), kraken.held("XXBT")) == ("0.0000", "0.0000000000")


def test_a_bot_that_calls_in_time_keeps_its_orders(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.buy("0.1", "59000")
    for _ in range(20):
        kraken.call("CancelAllOrdersAfter", timeout="60")
        sandbox.clock.advance(59 * SECOND)
    assert kraken.row(txid)["status"] == "open"
    sandbox.clock.advance(SECOND)
    assert kraken.row(txid)["closetm"] == MIDNIGHT + 20 * 59 + 1


def test_a_shorter_switch_replaces_a_longer_one_and_the_other_way_round(
    kraken: Client, pit: Pit, sandbox: Sandbox
) -> None:
    kraken.call("CancelAllOrdersAfter", timeout="86400")
    kraken.call("CancelAllOrdersAfter", timeout="1")
    answer = kraken.call("CancelAllOrdersAfter", timeout="86400")
    assert answer == {"currentTime": "2026-01-01T00:00:00Z", "triggerTime": "2026-01-02T00:00:00Z"}
    txid = kraken.buy("0.1", "59000")
    sandbox.clock.advance(HOUR)
    assert kraken.row(txid)["status"] == "open"
    sandbox.clock.advance(23 * HOUR)
    assert kraken.row(txid)["status"] == "canceled"


def test_the_switch_is_the_accounts_whichever_key_sets_it(
    kraken: Client, login: Callable[..., Client], pit: Pit, sandbox: Sandbox
) -> None:
    txid = kraken.buy("0.1", "59000")
    trade = login("trade")
    kraken.call("CancelAllOrdersAfter", timeout="60")
    trade.call("CancelAllOrdersAfter", timeout="0")
    sandbox.clock.advance(HOUR)
    assert kraken.row(txid)["status"] == "open"
    trade.call("CancelAllOrdersAfter", timeout="60")
    sandbox.clock.advance(MINUTE)
    assert kraken.row(txid)["status"] == "canceled"


def test_a_switch_that_runs_out_in_maintenance_fires_afterwards(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.buy("0.1", "59000")
    kraken.call("CancelAllOrdersAfter", timeout="60")
    pit.status.set("maintenance")
    sandbox.clock.advance(2 * MINUTE)
    assert kraken.row(txid)["status"] == "open"
    pit.status.set("online")
    row = kraken.row(txid)
    assert (row["status"], row["closetm"]) == ("canceled", MIDNIGHT + 120)
    later = kraken.buy("0.1", "59000")
    sandbox.clock.advance(DAY)
    assert kraken.row(later)["status"] == "open"


@pytest.mark.parametrize("status", ["cancel_only", "post_only", "limit_only"])
def test_other_states_do_not_stop_the_switch(kraken: Client, pit: Pit, sandbox: Sandbox, status: str) -> None:
    txid = kraken.buy("0.1", "59000")
    pit.status.set(status)
    kraken.call("CancelAllOrdersAfter", timeout="60")
    sandbox.clock.advance(MINUTE)
    assert kraken.row(txid)["status"] == "canceled"


# How many orders may be open


@pytest.fixture
def limits(pit: Pit) -> None:
    pit.settings(rate_limits="on")


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(("tier", "most"), [("starter", 60), ("intermediate", 80), ("pro", 225)])
def test_each_tier_has_its_number_of_open_orders(pit: Pit, sandbox: Sandbox, tier: str, most: int) -> None:
    trader = pit.trader("trader", tier, ZUSD="1000000", XXBT="10")
    few = LIMIT | {"volume": "0.001"}

    def placed(**more: str) -> str:
        # The counter of requests is not the matter here.
        sandbox.clock.advance(10 * SECOND)
        (txid,) = trader.call("AddOrder", **(few | more))["txid"]
        return str(txid)

    first = placed(starttm="+86000")
    stop = trader.place("sell", "stop-loss", "0.001", price="50000")
    for _ in range(most - 2):
        placed()
    refused = "EOrder:Orders limit exceeded"
    assert trader.post("AddOrder", **few).refusal == refused
    assert trader.post("AddOrder", **(few | {"ordertype": "market"})).refusal == refused
    assert trader.post("AddOrder", **few, starttm="+60").refusal == refused
    assert "txid" not in trader.call("AddOrder", **few, validate="true")
    # Elsewhere there is room, and a change needs none.
    assert placed(pair="ETHUSD", price="1500", volume="0.1")
    trader.call("AmendOrder", txid=stop, trigger_price="50001")
    trader.call("EditOrder", txid=stop, pair="XBTUSD", price="50002")
    assert trader.post("AddOrder", **few).refusal == refused
    trader.call("CancelOrder", txid=first)
    assert placed()
    assert trader.post("AddOrder", **few).refusal == refused


def test_without_limits_there_is_no_such_number(pit: Pit) -> None:
    trader = pit.trader("trader", "starter", ZUSD="1000000")
    for _ in range(61):
        assert trader.call("AddOrder", **(LIMIT | {"volume": "0.001"}))["txid"]


@pytest.mark.usefixtures("limits")
def test_a_batch_fills_up_what_room_there_is(pit: Pit, sandbox: Sandbox) -> None:
    trader = pit.trader("trader", "starter", ZUSD="1000000")
    element = {"type": "buy", "ordertype": "limit", "volume": "0.001", "price": "59000"}
    for _ in range(4):
        sandbox.clock.advance(HOUR)
        rows = trader.post_json("AddOrderBatch", pair="XBTUSD", orders=[element] * 14).result["orders"]
        assert all("txid" in row for row in rows)
    sandbox.clock.advance(HOUR)
    rows = trader.post_json("AddOrderBatch", pair="XBTUSD", orders=[element] * 6).result["orders"]
    assert ["txid" in row for row in rows] == [True] * 4 + [False] * 2
    assert rows[4] == {"error": "EOrder:Orders limit exceeded"}
