"""The trading engine's rate limit: a counter of each account and pair, call by call (kraken/10 §4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.control import counters
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.operations import Control
from mockkraken.exchange import trading_limits
from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
LIMITED = "EOrder:Rate limit exceeded"
TIERS = {"starter": 60, "intermediate": 125, "pro": 180}
# How long a counter that is a point above the threshold, and fell for a nanosecond, needs to get below it.
ONE_POINT = {"starter": 1_000_000_000, "intermediate": 427_350_427, "pro": 266_666_666}

# Cost of an action, its fixed part in it, by its order's age in seconds: at that age, and up to the next row's.
AMEND = [(0, "4"), (5, "3"), (10, "2"), (15, "1"), (45, "1"), (90, "1"), (300, "1")]
EDIT = [(0, "7"), (5, "6"), (10, "5"), (15, "3"), (45, "2"), (90, "1"), (300, "1")]
CANCEL = [(0, "8"), (5, "6"), (10, "5"), (15, "4"), (45, "2"), (90, "1"), (300, "0")]


def ages(table: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The first and the last nanosecond of each row of a table, and a day."""
    ends = [age for age, _ in table[1:]] + [86_400]
    firsts = [(age * SECOND, cost) for age, cost in table]
    return firsts + [(end * SECOND - 1, cost) for (_, cost), end in zip(table, ends, strict=True)]


class Desk:
    """A client whose orders rest far from the market, and the counters that they move."""

    def __init__(self, client: Any, account: str = "main") -> None:
        self.client, self.sandbox, self.account = client, client.sandbox, account
        self._perform = Control(client.sandbox).perform
        self.counters = CountersControl(self._perform)

    def add(self, pair: str = "XBTUSD", price: str = "1000", **fields: Any) -> str:
        """An order that must be accepted; its txid."""
        txid: str = self.client.buy("0.1", price, pair, **fields)
        return txid

    def spend(self, calls: int, pair: str = "XBTUSD") -> set[str]:
        """Orders that end at once, each worth a point; what the calls got."""
        return {self.outcome("AddOrder", **order(pair=pair, timeinforce="ioc")) for _ in range(calls)}

    def outcome(self, method: str, **fields: Any) -> str:
        errors = self.client.post(method, **fields).errors
        return errors[0] if errors else "OK"

    def cost(self, method: str, **fields: Any) -> str:
        """What a call that must be accepted adds to an empty counter."""
        self.counters.clear()
        assert self.outcome(method, **fields) == "OK"
        return self.counter()

    def counter(self, pair: str = "XBTUSD") -> str:
        points: str = self._perform(counters.trading_counter, self.account, pair)
        return points

    def put(self, points: Any, pair: str = "XBTUSD") -> None:
        self.counters.trading[self.account][pair] = points

    def fill_up(self, pair: str = "XBTUSD") -> None:
        self.put(TIERS[self.tier], pair)

    @property
    def tier(self) -> str:
        tier: str = self.sandbox.exchange.accounts[self.account].tier
        return tier

    def set_tier(self, tier: str) -> None:
        self._perform(Control.change_account, self.account, {"tier": tier})

    def wait(self, seconds: float = 0, ns: int = 0) -> None:
        self.sandbox.clock.advance(int(seconds * SECOND) + ns)


def order(**fields: Any) -> dict[str, Any]:
    return {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1000", "volume": "0.1"} | fields


def batch(number: int, **fields: Any) -> dict[str, Any]:
    rows = [{name: value for name, value in order().items() if name != "pair"} | fields] * number
    return {f"orders[{index}][{name}]": value for index, row in enumerate(rows) for name, value in row.items()} | {
        "pair": "XBTUSD"
    }


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(start=START)


@pytest.fixture
def desk(login: Callable[..., Any]) -> Desk:
    return Desk(login())


# The worked examples


def test_add_amend_and_cancel_cost_eight_points_before_decay(desk):
    desk.set_tier("starter")  # falls by 1 a second
    desk.put(50)
    txid = desk.add()
    assert desk.counter() == "51"
    desk.wait(7)
    assert desk.outcome("AmendOrder", txid=txid, limit_price="1001") == "OK"
    assert desk.counter() == "47"  # 51 - 7 + 1 + 2
    desk.wait(36)
    assert desk.outcome("CancelOrder", txid=txid) == "OK"
    assert desk.counter() == "15"  # 50 + 8 - 43


def test_a_burst_of_fifty_falls_to_26_6_in_ten_seconds(desk):
    desk.set_tier("intermediate")
    assert desk.spend(50) == {"OK"}
    assert desk.counter() == "50"
    desk.wait(10)
    assert desk.counter() == "26.6"
    desk.wait(3600)
    assert desk.counter() == "0"


# What it costs


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ordertype": "market"},
        {"timeinforce": "ioc"},
        {"ordertype": "stop-loss", "price": "90000"},
        {"type": "sell"},
    ],
)
def test_an_order_costs_a_point(desk, fields):
    assert desk.cost("AddOrder", **order(**fields)) == "1"


@pytest.mark.parametrize(("age", "cost"), ages(AMEND))
def test_an_amend_costs_by_the_orders_age(desk, age, cost):
    txid = desk.add()
    desk.wait(ns=age)
    assert desk.cost("AmendOrder", txid=txid, limit_price="1001") == cost


@pytest.mark.parametrize(("age", "cost"), ages(EDIT))
def test_an_edit_costs_by_the_orders_age(desk, age, cost):
    txid = desk.add()
    desk.wait(ns=age)
    assert desk.cost("EditOrder", txid=txid, pair="XBTUSD", price="1001") == cost


@pytest.mark.parametrize(("age", "cost"), ages(CANCEL))
@pytest.mark.parametrize("how", ["CancelOrder", "CancelOrderBatch", "CancelAll"])
def test_a_cancel_costs_by_the_orders_age(desk, how, age, cost):
    txid = desk.add()
    desk.wait(ns=age)
    names = {"CancelOrder": {"txid": txid}, "CancelOrderBatch": {"orders": txid}, "CancelAll": {}}
    assert desk.cost(how, **names[how]) == cost


@pytest.mark.parametrize("number", [2, 3, 15])
def test_a_batch_costs_half_a_point_an_order(desk, number):
    assert desk.cost("AddOrderBatch", **batch(number)) == f"{number / 2:g}"


def test_a_batch_in_json_costs_the_same(desk):
    rows = [{name: value for name, value in order().items() if name != "pair"}] * 5
    assert desk.client.post_json("AddOrderBatch", pair="XBTUSD", orders=rows).errors == []
    assert desk.counter() == "2.5"


@pytest.mark.parametrize(("number", "cost"), [(0, "0"), (1, "0.5"), (16, "7.5"), (100, "7.5")])
def test_a_batch_of_the_wrong_size_costs_no_more_than_one_of_the_right_size(desk, number, cost):
    assert desk.outcome("AddOrderBatch", **batch(number)) == "EGeneral:Invalid arguments"
    assert desk.counter() == cost


def test_a_batch_of_which_some_are_refused_costs_the_whole(desk):
    fields = batch(4) | {"orders[2][volume]": "1000000"}
    rows = desk.client.call("AddOrderBatch", **fields)["orders"]
    assert [row.get("error") for row in rows] == [None, None, "EOrder:Insufficient funds", None]
    assert desk.counter() == "2"


@pytest.mark.parametrize("how", ["CancelOrderBatch", "CancelAll", "CancelOrder"])
def test_cancelling_several_costs_the_sum_of_their_ages(desk, how):
    ids = []
    for pause in (30, 50, 8, 3):  # so they are 91, 61, 11 and 3 seconds old
        ids.append(desk.add())
        desk.wait(pause)
    names = {"CancelOrder": {"txid": ",".join(ids)}, "CancelOrderBatch": {"orders": ids}, "CancelAll": {}}
    assert desk.cost(how, **names[how]) == "16"  # 1 + 2 + 5 + 8


def test_one_named_twice_is_cancelled_and_charged_once(desk):
    first, second = desk.add(userref=7), desk.add(cl_ord_id="mine")
    assert desk.cost("CancelOrder", txid=f"{first},7,{second},{first}", cl_ord_id="mine") == "16"


def test_the_age_of_an_order_begins_anew_with_each_amend(desk):
    txid = desk.add()
    desk.wait(400)
    assert desk.cost("AmendOrder", txid=txid, limit_price="1001") == "1"
    desk.wait(5)
    assert desk.cost("AmendOrder", txid=txid, limit_price="1002") == "3"
    desk.wait(14)
    assert desk.cost("CancelOrder", txid=txid) == "5"


def test_an_amend_that_is_refused_costs_its_fixed_part_and_leaves_the_age(desk):
    txid = desk.add()
    desk.wait(20)
    desk.counters.clear()
    assert desk.outcome("AmendOrder", txid=txid, limit_price="x") == "EOrder:Invalid price:Invalid price argument"
    assert desk.outcome("AmendOrder", txid=txid, order_qty="10000") == "EOrder:Insufficient funds"
    assert desk.counter() == "2"
    assert desk.cost("CancelOrder", txid=txid) == "4"


def test_an_edits_new_order_begins_anew_and_the_old_one_costs_no_cancel(desk):
    txid = desk.add()
    desk.wait(400)
    desk.counters.clear()
    new = desk.client.call("EditOrder", txid=txid, pair="XBTUSD", price="1001")["txid"]
    assert desk.counter() == "1"
    assert desk.cost("CancelOrder", txid=new) == "8"


def test_an_amend_below_what_is_executed_costs_as_the_cancel_that_it_is(desk, pit):
    pit.book("60000.0:5", "60010.0:0.4 61000:5")
    txid = desk.client.buy("1", "60010")
    desk.wait(40)
    assert desk.cost("AmendOrder", txid=txid, order_qty="0.4") == "5"  # 1 + 4
    assert desk.client.ended(txid) == ("canceled", "User requested")


def test_an_amend_that_trades_at_once_costs_as_an_amend(desk, pit):
    txid = desk.add()
    desk.wait(12)
    assert desk.cost("AmendOrder", txid=txid, limit_price="60010") == "2"
    assert desk.client.ended(txid)[0] == "closed"


def test_what_the_exchange_does_by_itself_makes_no_order_younger(desk, pit):
    client = desk.client
    client.buy("1", leverage="2")
    resting = client.sell("1", "70000", leverage="2", reduce_only="true")
    desk.wait(50)
    client.sell("0.4", leverage="2")  # so that less is left to reduce
    assert [row["amend_type"] for row in client.amends(resting)] == ["original", "restated"]
    assert desk.cost("CancelOrder", txid=resting) == "2"


# The threshold


@pytest.mark.parametrize("tier", TIERS)
def test_so_many_orders_pass_at_one_moment_and_no_more(desk, tier):
    desk.set_tier(tier)
    assert desk.spend(TIERS[tier]) == {"OK"}
    assert desk.spend(3) == {LIMITED}
    assert desk.counter() == str(TIERS[tier])


@pytest.mark.parametrize("tier", TIERS)
def test_it_takes_orders_again_from_the_first_nanosecond_below(desk, tier):
    desk.set_tier(tier)
    desk.fill_up()
    assert desk.spend(1) == {LIMITED}
    desk.wait(ns=1)
    assert desk.spend(1) == {"OK"}
    # That one has taken it beyond the threshold: a client at its limit gets in at the pace of the decay, and no faster.
    desk.wait(ns=ONE_POINT[tier] - 1)
    assert desk.spend(1) == {LIMITED}
    desk.wait(ns=1)
    assert desk.spend(1) == {"OK"}


@pytest.mark.parametrize(("tier", "decay"), [("starter", "1"), ("intermediate", "2.34"), ("pro", "3.75")])
def test_who_hammers_gets_through_at_the_pace_of_the_decay(desk, tier, decay):
    desk.set_tier(tier)
    desk.spend(TIERS[tier])
    passed = 0
    for _ in range(1000):  # ten a second
        desk.wait(ns=SECOND // 10)
        passed += desk.spend(1) == {"OK"}
    assert abs(passed - 100 * float(decay)) <= 1


def test_looking_often_rounds_nothing_away(desk):
    desk.fill_up()
    for _ in range(999):
        desk.wait(ns=1_001_001)
        desk.counter()
    desk.wait(ns=SECOND - 999 * 1_001_001)
    assert desk.counter() == "176.25"


def test_a_refusal_adds_nothing(desk):
    txid = desk.add()
    desk.fill_up()
    for method, fields in (
        ("AddOrder", order()),
        ("AddOrderBatch", batch(15)),
        ("AmendOrder", {"txid": txid, "limit_price": "1001"}),
        ("EditOrder", {"txid": txid, "pair": "XBTUSD", "price": "1001"}),
        ("CancelOrder", {"txid": txid}),
    ):
        for _ in range(5):
            assert desk.outcome(method, **fields) == LIMITED
    assert desk.counter() == "180"
    assert list(desk.client.open_orders()) == [txid]
    assert len(desk.client.amends(txid)) == 1


@pytest.mark.parametrize("how", ["txid", "userref", "cl_ord_id", "blanks", "list", "list, other pair first", "gone"])
def test_a_cancel_is_looked_at_however_its_order_is_named(desk, how):
    txid = desk.add(**{"cl_ord_id": "6d1b345e-2821-40e2-ad83-4ecb18a06876"} if how == "cl_ord_id" else {"userref": -7})
    other = desk.add("ETHUSD", "100")
    gone = desk.add()
    assert desk.outcome("CancelOrder", txid=gone) == "OK"
    named = {
        "txid": {"txid": txid},
        "userref": {"txid": "-7"},
        "cl_ord_id": {"cl_ord_id": "6D1B345E282140E2AD834ECB18A06876"},
        "blanks": {"txid": f"no-such-order, {txid} "},
        "list": {"txid": [txid, other]},
        "list, other pair first": {"txid": f"{other},-7"},
        "gone": {"txid": gone},
    }[how]
    desk.fill_up()
    assert desk.outcome("CancelOrder", **named) == LIMITED
    assert set(desk.client.open_orders()) == {txid, other}
    desk.wait(ns=1)
    assert desk.outcome("CancelOrder", **named) == ("EOrder:Unknown order" if how == "gone" else "OK")
    assert (txid in desk.client.open_orders()) == (how == "gone")


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("AmendOrder", {"txid": "TXID", "limit_price": "1001"}),
        ("AmendOrder", {"cl_ord_id": "mine", "limit_price": "1001"}),
        ("AmendOrder", {"txid": "TXID", "pair": "ETHUSD", "limit_price": "1001"}),
        ("EditOrder", {"txid": "TXID", "pair": "XBTUSD", "price": "1001"}),
        ("EditOrder", {"txid": "7", "pair": "XBTUSD", "price": "1001"}),
        ("EditOrder", {"txid": "TXID", "price": "1001"}),
    ],
)
def test_changes_are_looked_at_however_their_order_is_named(desk, method, fields):
    named = {"userref": 7} if "7" in fields.values() else {} if method == "EditOrder" else {"cl_ord_id": "mine"}
    txid = desk.add(**named)
    fields = {name: txid if value == "TXID" else value for name, value in fields.items()}
    desk.fill_up()
    assert desk.outcome(method, **fields) == LIMITED
    desk.wait(ns=1)
    assert desk.outcome(method, **fields) != LIMITED


def test_an_order_that_is_gone_is_charged_where_it_was_and_one_unknown_nowhere(desk, login):
    gone = desk.add()
    assert desk.outcome("CancelOrder", txid=gone) == "OK"
    second = Desk(login("second"), "second")
    others = second.add()
    desk.counters.clear()
    assert desk.outcome("AmendOrder", txid=gone, limit_price="1001") == "EOrder:Unknown order"
    assert desk.counter() == "1"
    for txid in (others, "OAAAAA-AAAAA-AAAAAA", "mine"):
        assert desk.outcome("AmendOrder", txid=txid, limit_price="1001") == "EOrder:Unknown order"
        assert desk.outcome("CancelOrder", txid=txid) == "EOrder:Unknown order"
    assert desk.outcome("AmendOrder", txid="OAAAAA-AAAAA-AAAAAA", pair="XBTUSD", limit_price="1001") != "OK"
    assert desk.counters.trading["main"] == {"XBTUSD": "2"}
    assert second.counters.trading["second"] == {}


@pytest.mark.parametrize("full", ["XBTUSD", "ETHUSD"])
def test_what_is_refused_on_one_pair_is_charged_on_none(desk, full):
    ids = [desk.add(userref=7), desk.add("ETHUSD", "100", userref=7)]
    desk.put("0.5")
    desk.put("0.5", "ETHUSD")
    desk.fill_up(full)
    assert desk.outcome("EditOrder", txid="7", price="1001") == LIMITED
    assert desk.outcome("CancelOrder", txid=ids) == LIMITED
    assert desk.counters.trading["main"] == {"XBTUSD": "0.5", "ETHUSD": "0.5"} | {full: "180"}


def test_of_two_pairs_that_are_full_the_journal_names_the_same_each_time(desk):
    ids = [desk.add(), desk.add("ETHUSD", "100")]
    for named in (ids, ids[::-1]):
        desk.fill_up()
        desk.fill_up("ETHUSD")
        assert desk.outcome("CancelOrder", txid=named) == LIMITED
        assert "on XETHZUSD stands at" in desk.client.journal()["reason"]


def test_a_userref_names_no_other_order(desk):
    desk.add(userref=1)
    desk.add("ETHUSD", "100", userref=2)
    desk.fill_up("ETHUSD")
    assert desk.outcome("CancelOrder", txid="1") == "OK"
    assert desk.outcome("CancelOrder", txid="2") == LIMITED
    desk.fill_up()
    assert desk.outcome("CancelOrder", txid="1") == "EOrder:Unknown order"  # nor one that is gone


def test_a_list_is_no_name_for_an_amend(desk):
    ids = [desk.add(), desk.add("ETHUSD", "100")]
    desk.counters.clear()
    assert desk.outcome("AmendOrder", txid=",".join(ids), limit_price="1001") == "EOrder:Unknown order"
    assert desk.counters.trading["main"] == {}


def test_a_list_over_two_pairs_is_charged_on_each(desk):
    ids = [desk.add(), desk.add("ETHUSD", "100"), desk.add("ETHUSD", "100")]
    desk.counters.clear()
    assert desk.client.call("CancelOrder", txid=",".join(ids)) == {"count": 3}
    assert desk.counters.trading["main"] == {"XBTUSD": "8", "ETHUSD": "16"}


# What is always accepted


@pytest.mark.parametrize("how", ["CancelOrderBatch", "CancelAll"])
def test_mass_cancels_are_always_accepted_and_charged_up_to_the_threshold(desk, how):
    ids = [desk.add() for _ in range(25)]
    desk.put("179.5")
    assert desk.client.call(how, **({"orders": ids} if how == "CancelOrderBatch" else {})) == {"count": 25}
    assert desk.counter() == "180"
    desk.add("ETHUSD", "100")
    assert desk.client.call(how, **({"orders": ids} if how == "CancelOrderBatch" else {}))["count"] <= 1
    assert desk.spend(1) == {LIMITED}


def test_a_young_orders_cancel_stops_at_the_threshold(desk):
    first, second = desk.add(), desk.add()
    desk.put("179.99999999999")
    assert desk.outcome("CancelOrder", txid=first) == "OK"
    assert desk.counter() == "180"
    assert desk.outcome("CancelOrder", txid=second) == LIMITED
    desk.wait(ns=1)
    assert desk.outcome("CancelOrder", txid=second) == "OK"
    assert desk.counter() == "180"


def test_the_penalty_takes_nothing_away_that_the_fixed_part_has_carried_beyond(desk):
    txid = desk.add()
    desk.put("179.5")
    assert desk.outcome("AmendOrder", txid=txid, limit_price="1001") == "OK"
    assert desk.counter() == "180.5"


def test_without_the_clamp_it_may_overshoot(desk, monkeypatch):
    monkeypatch.setattr(trading_limits, "CLAMP", False)
    ids = [desk.add() for _ in range(3)]
    desk.put("179")
    assert desk.outcome("CancelOrderBatch", orders=ids) == "OK"
    assert desk.counter() == "203"
    desk.wait(6)
    assert desk.counter() == "180.5"
    assert desk.spend(1) == {LIMITED}


def test_the_dead_mans_switch_is_set_whatever_the_counter_and_its_cancels_are_free(desk):
    txid = desk.add()
    desk.put(50)
    desk.fill_up("ETHUSD")
    assert desk.outcome("CancelAllOrdersAfter", timeout=2) == "OK"
    assert desk.counter() == "50"
    desk.wait(2)
    assert desk.client.ended(txid)[0] == "canceled"
    assert desk.counter() == "42.5"


# What costs nothing


def test_fills_and_expiry_cost_nothing(desk, pit):
    filled, expiring = desk.add(price="59000"), desk.add(expiretm="+5")
    desk.put(100)
    pit.fill(filled)
    assert desk.client.ended(filled)[0] == "closed"
    desk.wait(5)
    assert desk.client.ended(expiring)[0] == "expired"
    assert desk.counter() == "81.25"  # 100 - 5 * 3.75


def test_what_self_trade_prevention_cancels_is_free(desk, pit):
    resting = desk.add(price="60005")
    desk.counters.clear()
    taker = desk.client.sell("0.1", "60005", stptype="cancel-both")
    assert [desk.client.ended(txid) for txid in (resting, taker)] == [("canceled", "Cannot trade with self")] * 2
    assert desk.counter() == "1"


def test_other_calls_have_no_part_in_it(desk):
    desk.fill_up()
    for method in ("Balance", "OpenOrders", "GetWebSocketsToken"):
        assert desk.outcome(method) == "OK"
    assert desk.counter() == "180"
    assert desk.counters.trading["main"] == {"XBTUSD": "180"}


def test_all_order_actions_are_declared():
    actions = {endpoint.name for endpoint in ENDPOINTS if isinstance(endpoint, Private) and endpoint.action}
    always = {"CancelOrderBatch", "CancelAll", "CancelAllOrdersAfter"}
    assert actions | always == {
        endpoint.name for endpoint in ENDPOINTS if isinstance(endpoint, Private) and endpoint.order_action
    }


# Validation


@pytest.mark.parametrize("validate", ["true", "1", "TRUE", "yes"])
def test_validating_is_looked_at_and_not_charged(desk, validate):
    txid = desk.add()
    calls = [
        ("AddOrder", order(validate=validate)),
        ("AddOrderBatch", batch(10) | {"validate": validate}),
        ("EditOrder", {"txid": txid, "pair": "XBTUSD", "price": "1001", "validate": validate}),
    ]
    desk.counters.clear()
    for method, fields in calls:
        assert desk.outcome(method, **fields) == "OK"
        assert desk.outcome(method, **fields | {"pair": "XBTUSD", "deadline": "x"}) != "OK"
    assert desk.counters.trading["main"] == {}
    desk.fill_up()
    for method, fields in calls:
        assert desk.outcome(method, **fields) == LIMITED


def test_validating_in_json_is_not_charged_either(desk):
    assert desk.client.post_json("AddOrder", **order(validate=True)).errors == []
    assert desk.counter() == "0"
    assert desk.client.post_json("AddOrder", **order(validate=False)).errors == []
    assert desk.counter() == "1"


@pytest.mark.parametrize("value", ["false", "0", "", "perhaps"])
def test_everything_else_is_charged(desk, value):
    desk.outcome("AddOrder", **order(validate=value))
    assert desk.counter() == "1"


def test_an_amend_knows_no_validating(desk):
    txid = desk.add()
    assert desk.cost("AmendOrder", txid=txid, limit_price="1001", validate="true") == "4"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"price": "x"}, "EOrder:Invalid price:Invalid price argument"),
        ({"volume": "0"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": None}, "EGeneral:Invalid arguments:volume"),
        ({"ordertype": "magic"}, "EGeneral:Invalid arguments:ordertype"),
        ({"volume": "0.00000001"}, "EOrder:Order minimum not met"),
        ({"volume": "10000"}, "EOrder:Insufficient funds"),
        ({"price": "1000000", "oflags": "post"}, "EOrder:Post only order"),
    ],
)
def test_what_is_refused_after_has_been_charged(desk, fields, error):
    wanted = {name: value for name, value in order(**fields).items() if value is not None}
    assert desk.outcome("AddOrder", **wanted) == error
    assert desk.counter() == "1"


def test_it_comes_before_the_arguments_and_the_markets_mode(desk):
    control = Control(desk.sandbox)
    desk.fill_up()
    assert desk.outcome("AddOrder", **order(price="x", ordertype="magic")) == LIMITED
    desk.sandbox.exchange.set_status("cancel_only")
    assert desk.outcome("AddOrder", **order()) == LIMITED
    control.perform(Control.change_account, "main", {"state": "locked"})
    assert desk.outcome("AddOrder", **order()) == LIMITED
    desk.counters.clear()
    assert desk.outcome("AddOrder", **order()).startswith("EService:")
    assert desk.counter() == "1"


def test_it_comes_after_the_permission(desk, login):
    reader = login("reader", permissions=["query-funds"])
    desk.fill_up()
    assert reader.post("AddOrder", **order()).refusal == "EGeneral:Permission denied"
    desk.counters.clear()
    assert reader.post("AddOrder", **order()).refusal == "EGeneral:Permission denied"
    assert desk.counter() == "0"


@pytest.mark.parametrize("pair", [None, "", "XBTDOGE", "XBTUSD,ETHUSD"])
def test_without_a_known_pair_there_is_nothing_to_look_at_or_to_charge(desk, pair):
    desk.fill_up()
    fields = {name: value for name, value in order(pair=pair).items() if value is not None}
    assert desk.outcome("AddOrder", **fields) in ("EGeneral:Invalid arguments:pair", "EQuery:Unknown asset pair")
    assert desk.counters.trading["main"] == {"XBTUSD": "180"}


# Whose it is


def test_a_pair_has_one_counter_by_all_its_names(desk):
    for name in ("XBTUSD", "XXBTZUSD", "XBT/USD", "btc/usd", "BTCUSD"):
        assert desk.outcome("AddOrder", **order(pair=name)) == "OK"
    assert desk.counters.trading["main"] == {"XBTUSD": "5"}


def test_tokenized_pairs_have_theirs_too(desk):
    for _ in range(3):
        assert desk.outcome("AddOrder", **order(pair="AAPLx/USD", asset_class="tokenized_asset", price="x")) != "OK"
        assert desk.outcome("AddOrder", **order(pair="AAPLx/USD")) == "EQuery:Unknown asset pair"
    assert desk.counters.trading["main"] == {"AAPLxUSD": "3"}


def test_another_pair_and_another_account_are_unaffected(desk, login):
    second = Desk(login("second"), "second")
    desk.fill_up()
    assert desk.spend(1) == {LIMITED}
    assert desk.spend(5, "ETHUSD") == {"OK"}
    assert second.spend(60) == {"OK"}
    assert second.spend(1) == {LIMITED}


def test_all_keys_of_an_account_share_it(desk, login):
    other = Desk(login("trade"))
    assert desk.spend(90) == other.spend(90) == {"OK"}
    assert desk.spend(1) == other.spend(1) == {LIMITED}


def test_another_tier_counts_from_then_on(desk):
    desk.set_tier("starter")
    desk.put(60)
    desk.wait(10)
    desk.set_tier("pro")
    assert desk.counter() == "50"  # ten seconds at 1
    desk.wait(4)
    assert desk.counter() == "35"  # and four at 3.75
    desk.put(150)
    desk.set_tier("intermediate")
    assert desk.counter() == "125"
    assert desk.spend(1) == {LIMITED}
    desk.set_tier("pro")
    assert desk.spend(1) == {"OK"}


# The setting, the journal, and the nonce


def test_off_means_that_nothing_is_counted_or_refused(desk):
    desk.fill_up()
    desk.sandbox.settings.patch({"rate_limits": "off"})
    assert desk.spend(300) == {"OK"}
    txid = desk.add()
    assert desk.outcome("AmendOrder", txid=txid, limit_price="1001") == "OK"
    assert desk.outcome("CancelOrder", txid=txid) == "OK"
    assert desk.counter() == "180"
    desk.sandbox.settings.patch({"rate_limits": "on"})
    assert desk.spend(1) == {LIMITED}
    desk.counters.clear()
    desk.sandbox.settings.patch({"rate_limits": "off"})
    desk.spend(10)
    txid = desk.add()
    assert desk.outcome("AmendOrder", txid=txid, limit_price="1001") == "OK"
    assert desk.outcome("CancelOrder", txid=txid) == "OK"
    assert desk.counters.trading["main"] == {}


def test_a_reset_empties_it(desk, login, client_of):
    desk.fill_up()
    desk.sandbox.reset()
    desk = Desk(client_of(desk.sandbox, "full"))
    assert desk.counters.trading["main"] == {}
    assert desk.spend(180) == {"OK"}


def test_the_journal_says_how_far_how_fast_and_when(desk):
    desk.put("180")
    desk.wait(ns=0)
    assert desk.outcome("AddOrder", **order()) == LIMITED
    record = desk.client.journal()
    assert (record["check"], record["error"], record["outcome"]) == ("trading_rate", LIMITED, "refused")
    assert record["reason"] == (
        "the trading counter of 'main' on XXBTZUSD stands at 180; from 180, the threshold of tier pro, everything but "
        "mass cancels is refused; it falls by 3.75 a second, so this passes in 0.000000001 seconds"
    )
    desk.wait(ns=1)
    assert desk.spend(1) == {"OK"}
    assert desk.outcome("AddOrder", **order()) == LIMITED
    assert desk.client.journal()["reason"].endswith("so this passes in 0.266666666 seconds")


def test_the_nonce_is_used_up_or_not_by_setting(desk):
    desk.fill_up()
    desk.client.nonces = iter([100, 100, 200, 200])
    assert desk.outcome("AddOrder", **order()) == LIMITED
    assert desk.outcome("AddOrder", **order()) == "EAPI:Invalid nonce"
    desk.sandbox.settings.patch({"nonce_consumed_on_later_failure": False})
    assert desk.outcome("AddOrder", **order()) == desk.outcome("AddOrder", **order()) == LIMITED
