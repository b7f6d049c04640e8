"""How far back, and up to when, a key may query: its `query_from` and `query_to` (kraken/10 §3.5).

A day in seconds after its start: an order each at 10, 20, 30, 40 and 50, bought at once but for that of 20, which
rests and is cancelled at 50. The key may query what is later than 20 and not later than 40.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from traders import Client

    from mockkraken.sandbox import Sandbox

T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
START = T0 * SECOND
INVALID = "EGeneral:Invalid arguments"
HISTORIES = ("ClosedOrders", "TradesHistory", "Ledgers")
SEES = "2026-01-01T00:00:20Z and up to 2026-01-01T00:00:40Z"


class Day(NamedTuple):
    """What happened, by the second in which it began: order, trade and (the asset's) ledger entry."""

    sandbox: Sandbox
    full: Client
    limited: Client
    orders: dict[int, str]
    trades: dict[int, str]
    entries: dict[int, str]

    def reach(self, after: int | None, until: int | None) -> None:
        """Give the key other limits, in seconds of the day."""
        start, end = (None if at is None else START + at * SECOND for at in (after, until))
        key = self.sandbox.keys.find("limited")
        assert key is not None
        self.sandbox.keys.edit(key, {"query_from": start, "query_to": end}, now=self.sandbox.clock.now())

    def ids(self, method: str) -> dict[int, str]:
        return {"ClosedOrders": self.orders, "TradesHistory": self.trades, "Ledgers": self.entries}[method]

    def found(self, method: str, start: object = None, end: object = None, **fields: Any) -> set[int] | str:
        """In which seconds what a history shows the limited key began, or its refusal."""
        asked = {name: at for name, at in (("start", start), ("end", end)) if at is not None}
        if method == "Ledgers":
            fields = {"asset": "XBT", "type": "trade"} | fields
        answer = self.limited.post(method, **asked, **fields)
        if answer.errors:
            return answer.refusal
        (rows,) = (part for part in answer.result.values() if isinstance(part, dict))
        assert answer.result["count"] == len(rows)
        began = {row: second for second, row in self.ids(method).items()}
        return {began[row] for row in rows}


@pytest.fixture
def day(sandbox: Sandbox, kraken: Client, login: Any) -> Day:
    limited: Client = login("limited", permissions=["query-open-trades", "query-closed-trades", "query-ledger"])
    orders = {}
    for second in (10, 20, 30, 40, 50):
        sandbox.clock.advance(START + second * SECOND - sandbox.clock.now())
        if second == 50:
            kraken.call("CancelOrder", txid=orders[20])
        orders[second] = kraken.buy("0.01", "50000" if second == 20 else None)
    rows = kraken.call("TradesHistory")["trades"]
    trades = {round(row["time"]) - T0: txid for txid, row in rows.items()}
    rows = kraken.call("Ledgers", asset="XBT", type="trade")["ledger"]
    entries = {round(row["time"]) - T0: entry for entry, row in rows.items()}
    assert set(trades) == set(entries) == {10, 30, 40, 50}
    day = Day(sandbox, kraken, limited, orders, trades, entries)
    day.reach(20, 40)
    return day


# Histories: what reaches beyond is refused


@pytest.mark.parametrize("method", HISTORIES)
def test_a_range_within_the_limits_is_answered(day: Day, method: str) -> None:
    assert day.found(method, T0 + 20, T0 + 40, closetime="open") == {30, 40}
    assert day.found(method, f"{T0 + 20}.000001", f"{T0 + 39}.999999", closetime="open") == {30}
    assert day.found(method, T0 + 30, T0 + 40, closetime="open") == {40}
    assert day.found(method, T0 + 35, T0 + 25) == set()


@pytest.mark.parametrize("method", HISTORIES)
@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        (None, None, "start none, end none"),
        (None, T0 + 40, "start none, end 2026-01-01T00:00:40Z"),
        (T0 + 20, None, "start 2026-01-01T00:00:20Z, end none"),
        ("", "", "start none, end none"),
        (T0 + 19, T0 + 40, "start 2026-01-01T00:00:19Z, end 2026-01-01T00:00:40Z"),
        (
            f"{T0 + 19}.9999995",
            T0 + 30,
            "start 2026-01-01T00:00:19.999999Z, end 2026-01-01T00:00:30Z",
        ),
        (T0 + 20, T0 + 41, "start 2026-01-01T00:00:20Z, end 2026-01-01T00:00:41Z"),
        (
            T0 + 20,
            f"{T0 + 40}.000001",
            "start 2026-01-01T00:00:20Z, end 2026-01-01T00:00:40.000001Z",
        ),
        (0, "9" * 30, f"start 1970-01-01T00:00:00Z, end {'9' * 30} unix seconds"),
        (0, 10**10, "start 1970-01-01T00:00:00Z, end 10000000000 unix seconds"),
    ],
)
def test_a_range_that_reaches_beyond_is_refused(day: Day, method: str, start: Any, end: Any, asked: str) -> None:
    assert day.found(method, start, end) == INVALID
    record = day.limited.journal()
    assert (record["check"], record["outcome"]) == ("arguments", "refused")
    assert record["reason"] == (
        f"the range asked for ({asked}) reaches beyond what the key 'limited' may query: later than {SEES}"
    )


@pytest.mark.parametrize("method", HISTORIES)
def test_a_bound_by_id_counts_by_that_row_s_time(day: Day, method: str) -> None:
    ids = day.ids(method)
    assert day.found(method, ids[30], ids[40], closetime="open") == {40}
    assert day.found(method, ids[10], ids[40]) == INVALID
    assert day.found(method, ids[30], ids[50]) == INVALID


@pytest.mark.parametrize("method", HISTORIES)
def test_each_limit_stands_alone(day: Day, method: str) -> None:
    day.reach(20, None)
    assert day.found(method, T0 + 20, closetime="open") == {30, 40, 50}
    assert day.found(method) == day.found(method, end=T0 + 30) == day.found(method, T0 + 19) == INVALID
    assert day.limited.journal()["reason"].endswith("may query: later than 2026-01-01T00:00:20Z and up to none")
    day.reach(None, 40)
    assert day.found(method, end=T0 + 40, closetime="open") == {10, 30, 40} | (
        {20} if method == "ClosedOrders" else set()
    )
    assert day.found(method) == day.found(method, T0 + 30) == day.found(method, end=T0 + 41) == INVALID


@pytest.mark.parametrize("method", HISTORIES)
def test_no_limit_and_a_limit_of_0_are_none(day: Day, method: str) -> None:
    everything = set(day.ids(method))
    for none in (None, -T0):
        day.reach(none, none)
        assert day.found(method) == everything


def test_other_keys_of_the_account_are_not_limited(day: Day) -> None:
    assert len(day.full.call("ClosedOrders")["closed"]) == 5


@pytest.mark.parametrize("method", HISTORIES)
def test_what_is_no_bound_is_refused_as_ever(day: Day, method: str) -> None:
    assert day.found(method, "yesterday", T0 + 40) == INVALID
    assert "neither unix seconds nor the id of a row" in day.limited.journal()["reason"]


# Histories: what reaches beyond is cut


@pytest.mark.parametrize("method", HISTORIES)
@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (None, None, {30, 40}),
        (None, T0 + 30, {30}),
        (T0 + 30, None, {40}),
        (0, "9" * 30, {30, 40}),
        (T0 + 20, T0 + 40, {30, 40}),
        (T0 + 45, T0 + 60, set()),
        (None, T0 + 15, set()),
    ],
)
def test_clamp_leaves_out_what_lies_beyond(day: Day, method: str, start: Any, end: Any, found: set[int]) -> None:
    day.sandbox.settings.patch({"query_range_error": "clamp"})
    assert day.found(method, start, end, closetime="open") == found


# Which of an order's times


@pytest.mark.parametrize(
    ("closetime", "found"),
    # The order of 20 was cancelled at 50; each of the others ended when it began.
    [("open", {30, 40}), ("close", {30, 40}), ("both", {30, 40})],
)
def test_an_order_counts_by_the_time_that_closetime_names(day: Day, closetime: str, found: set[int]) -> None:
    assert day.found("ClosedOrders", T0 + 20, T0 + 40, closetime=closetime) == found
    day.reach(15, 40)
    assert day.found("ClosedOrders", T0 + 15, T0 + 40, closetime=closetime) == (
        found if closetime == "close" else found | {20}
    )
    day.reach(45, 60)
    assert day.found("ClosedOrders", T0 + 45, T0 + 60, closetime=closetime) == (
        {50} if closetime == "open" else {20, 50}
    )


# By id: what lies beyond is left out, whatever the setting


@pytest.mark.parametrize("setting", [INVALID, "clamp"])
def test_queries_by_id_leave_out_what_lies_beyond(day: Day, setting: str) -> None:
    day.sandbox.settings.patch({"query_range_error": setting})
    assert set(day.limited.call("QueryOrders", txid=",".join(day.orders.values()))) == {day.orders[30], day.orders[40]}
    assert set(day.limited.call("QueryTrades", txid=",".join(day.trades.values()))) == {day.trades[30], day.trades[40]}
    assert set(day.limited.call("QueryLedgers", id=",".join(day.entries.values()))) == {
        day.entries[30],
        day.entries[40],
    }


def test_an_order_by_id_counts_by_either_time(day: Day) -> None:
    resting = day.full.buy("0.01", "50000")  # at 50
    txids = f"{day.orders[20]},{resting}"
    assert day.limited.call("QueryOrders", txid=txids) == {}
    day.reach(45, None)
    assert set(day.limited.call("QueryOrders", txid=txids)) == {day.orders[20], resting}
    for after, until in ((15, 20), (None, 40)):
        day.reach(after, until)
        assert set(day.limited.call("QueryOrders", txid=txids)) == {day.orders[20]}


def test_unknown_ids_are_refused_as_ever(day: Day) -> None:
    assert day.limited.post("QueryTrades", txid="TAAAAA-AAAAA-AAAAAA").refusal == "EOrder:Invalid order"
    assert day.limited.post("QueryLedgers", id="LAAAAA-AAAAA-AAAAAA").refusal == f"{INVALID}:id"
    assert day.limited.post("QueryOrders", txid="x").refusal == "EOrder:Invalid order"


def test_an_order_beyond_has_no_amends_to_show(day: Day) -> None:
    assert day.limited.call("OrderAmends", order_id=day.orders[20]) == {"count": 0, "amends": []}
    assert day.limited.call("OrderAmends", order_id=day.orders[30])["count"] == 1


def test_what_is_open_now_is_not_limited(day: Day) -> None:
    """The limits are those of histories: OpenOrders shows what there is."""
    resting = day.full.buy("0.01", "50000")
    assert list(day.limited.call("OpenOrders")["open"]) == [resting]
