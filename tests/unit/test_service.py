"""What the exchange, a pair and an account take in each of their states: the table of kraken/10 §7, row by row."""

from __future__ import annotations

from typing import Literal, get_args

import pytest

from mockkraken.catalog import Catalog, Pair
from mockkraken.catalog.records import PairStatus
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account, service
from mockkraken.exchange.accounts import State
from mockkraken.exchange.orders import OrderType
from mockkraken.exchange.service import SystemStatus

SYSTEM: tuple[SystemStatus, ...] = get_args(SystemStatus)
PAIR: tuple[PairStatus, ...] = get_args(PairStatus)
TYPES: tuple[OrderType, ...] = get_args(OrderType)
LIMITED = {"limit", "iceberg", "stop-loss-limit", "take-profit-limit", "trailing-stop-limit"}
POSTABLE = {"limit", "iceberg"}

States = tuple[SystemStatus, PairStatus]
Both = Literal["online", "limit_only", "cancel_only", "maintenance"]
"""What the exchange and a pair may be alike."""

POST_ONLY: tuple[States, ...] = (("post_only", "online"), ("online", "post_only"))
LIMIT_ONLY: tuple[States, ...] = (("limit_only", "online"), ("online", "limit_only"))

UNAVAILABLE = "EService:Unavailable"


def mode(status: str) -> str:
    return f"EService:Market in {status} mode"


def pair(status: PairStatus = "online") -> Pair:
    return Catalog().with_record("XXBTZUSD", status=status)


def entry(
    system: SystemStatus, status: PairStatus, ordertype: str | None, *, post: bool = False, reduce_only: bool = False
) -> str | None:
    try:
        service.check_entry(system, pair(status), ordertype, post=post, reduce_only=reduce_only)
    except KrakenError as refusal:
        assert refusal.check == "status"
        return refusal.message
    return None


def change(system: SystemStatus, status: PairStatus, *, post: bool = False, reduce_only: bool = False) -> str | None:
    try:
        service.check_change(system, pair(status), post, reduce_only=reduce_only)
    except KrakenError as refusal:
        assert refusal.check == "status"
        return refusal.message
    return None


class TestEntry:
    @pytest.mark.parametrize("ordertype", TYPES)
    @pytest.mark.parametrize("post", [False, True])
    def test_online_takes_everything(self, ordertype: str, post: bool) -> None:
        assert entry("online", "online", ordertype, post=post) is None

    @pytest.mark.parametrize("ordertype", TYPES)
    def test_post_only(self, ordertype: str) -> None:
        for states in POST_ONLY:
            assert entry(*states, ordertype) == mode("post_only")
            taken = entry(*states, ordertype, post=True)
            assert taken == (None if ordertype in POSTABLE else mode("post_only"))

    @pytest.mark.parametrize("ordertype", TYPES)
    def test_limit_only(self, ordertype: str) -> None:
        for states in LIMIT_ONLY:
            for post in (False, True):
                taken = entry(*states, ordertype, post=post)
                assert taken == (None if ordertype in LIMITED else mode("limit_only"))

    @pytest.mark.parametrize("ordertype", TYPES)
    @pytest.mark.parametrize("status", ["cancel_only", "maintenance"])
    def test_nothing_new(self, ordertype: str, status: Both) -> None:
        message = UNAVAILABLE if status == "maintenance" else mode("cancel_only")
        for post in (False, True):
            for reduce_only in (False, True):
                assert entry(status, "online", ordertype, post=post, reduce_only=reduce_only) == message
                assert entry("online", status, ordertype, post=post, reduce_only=reduce_only) == message

    @pytest.mark.parametrize("ordertype", TYPES)
    @pytest.mark.parametrize("status", ["delisted", "work_in_progress"])
    def test_a_pair_that_is_not_traded(self, ordertype: str, status: PairStatus) -> None:
        assert entry("online", status, ordertype, post=True, reduce_only=True) == mode(status)

    @pytest.mark.parametrize("ordertype", TYPES)
    def test_reduce_only(self, ordertype: str) -> None:
        refused = None if ordertype == "settle-position" else mode("reduce_only")
        assert entry("online", "reduce_only", ordertype) == refused
        assert entry("online", "reduce_only", ordertype, post=True) == refused
        assert entry("online", "reduce_only", ordertype, reduce_only=True) is None

    @pytest.mark.parametrize("ordertype", [None, "", "fancy"])
    def test_a_type_that_is_none_is_like_a_market_order(self, ordertype: str | None) -> None:
        assert entry("online", "online", ordertype) is None
        assert entry("online", "limit_only", ordertype, post=True) == mode("limit_only")
        assert entry("online", "post_only", ordertype, post=True) == mode("post_only")

    def test_an_order_must_pass_both_the_exchange_first(self) -> None:
        assert entry("post_only", "limit_only", "limit") == mode("post_only")
        assert entry("limit_only", "post_only", "limit") == mode("post_only")
        assert entry("limit_only", "post_only", "market") == mode("limit_only")
        assert entry("post_only", "limit_only", "limit", post=True) is None
        assert entry("maintenance", "cancel_only", "limit") == UNAVAILABLE
        assert entry("cancel_only", "maintenance", "limit") == mode("cancel_only")
        assert entry("post_only", "reduce_only", "limit", post=True) == mode("reduce_only")

    def test_the_reason_says_whose_state_it_is(self) -> None:
        with pytest.raises(KrakenError) as refusal:
            service.check_entry("cancel_only", pair("post_only"), "limit", post=False, reduce_only=False)
        assert refusal.value.reason == "the exchange is cancel_only"
        with pytest.raises(KrakenError) as refusal:
            service.check_entry("online", pair("post_only"), "limit", post=False, reduce_only=False)
        assert refusal.value.reason == "XBTUSD is post_only"


class TestChange:
    @pytest.mark.parametrize("status", ["online", "limit_only"])
    def test_as_usual(self, status: Both) -> None:
        for post in (False, True):
            assert change(status, "online", post=post) is None
            assert change("online", status, post=post) is None

    def test_where_nobody_takes_only_to_what_does_not(self) -> None:
        assert change("post_only", "online") == change("online", "post_only") == mode("post_only")
        assert change("post_only", "online", post=True) is None
        assert change("online", "post_only", post=True) is None

    def test_none_at_all(self) -> None:
        assert change("cancel_only", "online", post=True) == mode("cancel_only")
        assert change("online", "cancel_only", post=True) == mode("cancel_only")
        assert change("maintenance", "online", post=True) == change("online", "maintenance", post=True) == UNAVAILABLE
        assert change("online", "delisted", post=True) == mode("delisted")

    def test_reduce_only(self) -> None:
        assert change("online", "reduce_only", post=True) == mode("reduce_only")
        assert change("online", "reduce_only", reduce_only=True) is None

    def test_the_exchange_first(self) -> None:
        assert change("cancel_only", "maintenance") == mode("cancel_only")


@pytest.mark.parametrize("system", SYSTEM)
def test_cancels_pass_but_in_maintenance(system: SystemStatus) -> None:
    if system == "maintenance":
        with pytest.raises(KrakenError) as refusal:
            service.check_cancel(system, Account("ann"))
        assert (refusal.value.message, refusal.value.check) == (UNAVAILABLE, "status")
    else:
        service.check_cancel(system, Account("ann"))


@pytest.mark.parametrize("system", SYSTEM)
@pytest.mark.parametrize("status", PAIR)
def test_matching_goes_on_where_somebody_may_take(system: SystemStatus, status: PairStatus) -> None:
    expected = system in ("online", "limit_only") and status in ("online", "limit_only", "reduce_only")
    assert service.matches(system, pair(status)) is expected


@pytest.mark.parametrize(
    ("state", "query", "order"),
    [
        ("ok", None, None),
        ("unconfirmed", "EAuth:Account unconfirmed", "EAuth:Account unconfirmed"),
        ("disabled", "EAuth:Account temporary disabled", "EAuth:Account temporary disabled"),
        ("locked", None, "ETrade:Locked"),
    ],
)
def test_accounts(state: State, query: str | None, order: str | None) -> None:
    account = Account("ann")
    account.state = state
    for order_action, message in ((False, query), (True, order)):
        if message is None:
            service.check_account(account, order_action=order_action)
            continue
        with pytest.raises(KrakenError) as refusal:
            service.check_account(account, order_action=order_action)
        assert (refusal.value.message, refusal.value.check) == (message, "eligibility")
        assert refusal.value.reason == f"the account 'ann' is {state}"
