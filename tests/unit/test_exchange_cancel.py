"""Cancelling, row by row of kraken/30 §6.1, in both dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account, Order

UNKNOWN, INVALID = "EOrder:Unknown order", "EOrder:Invalid order"
NEVER_ISSUED = "OZZZZZ-ZZZZZ-ZZZZZZ"


def refused(floor: Floor, who: Account, **named: str) -> str:
    with pytest.raises(KrakenError) as error:
        floor.exchange.cancel_order(who, **named)
    assert error.value.check in ("order", "arguments")
    return error.value.message


class Desk:
    """Ann, bob and every kind of order that one might want to cancel."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.ann, self.bob = floor.trader("ann"), floor.trader("bob")
        self.filled = floor.buy(self.ann, "1", "60000", cl_ord_id="filled")
        floor.sell(self.bob, "1", "60000")
        self.canceled = floor.buy(self.ann, "1", "50000", userref="9")
        floor.exchange.cancel_order(self.ann, txid=self.canceled.txid)
        self.resting = floor.buy(self.ann, "1", "50000", userref="7")
        self.other = floor.buy(self.ann, "1", "49000", userref="7")
        self.tagged = floor.buy(self.ann, "1", "48000", cl_ord_id="mine")
        self.bobs = floor.sell(self.bob, "1", "70000", userref="8", cl_ord_id=None)

    def open(self) -> list[Order]:
        return list(self.ann.open.values())


@pytest.fixture(params=["documented", "observed"])
def desk(request: pytest.FixtureRequest, open_floor: type[Floor]) -> Desk:
    return Desk(open_floor(dialect=request.param))


@pytest.fixture
def gone(desk: Desk) -> str:
    """How the dialect answers what it does not know at all."""
    return UNKNOWN if desk.floor.settings.dialect == "documented" else INVALID


class TestCancelOrder:
    def test_an_open_txid(self, desk: Desk) -> None:
        assert desk.floor.exchange.cancel_order(desk.ann, txid=desk.resting.txid) == 1
        assert desk.floor.end(desk.resting) == "canceled 0/1: User requested"
        assert desk.open() == [desk.other, desk.tagged]
        assert desk.floor.book() == "49000:1 48000:1 | 70000:1"

    def test_a_userref_with_two_open_orders(self, desk: Desk) -> None:
        assert desk.floor.exchange.cancel_order(desk.ann, txid="7") == 2
        assert desk.open() == [desk.tagged]

    def test_an_open_cl_ord_id(self, desk: Desk) -> None:
        assert desk.floor.exchange.cancel_order(desk.ann, cl_ord_id="mine") == 1
        assert desk.open() == [desk.resting, desk.other]
        assert not desk.ann.open_by_cl_ord_id

    def test_filled_and_canceled_orders_of_ones_own(self, desk: Desk) -> None:
        for order in (desk.filled, desk.canceled):
            assert refused(desk.floor, desk.ann, txid=order.txid) == UNKNOWN

    def test_a_txid_that_was_never_issued_or_is_none(self, desk: Desk, gone: str) -> None:
        for txid in (NEVER_ISSUED, NEVER_ISSUED.lower(), "O123", "", "x" * 100, desk.resting.txid.lower()):
            assert refused(desk.floor, desk.ann, txid=txid) == gone

    def test_a_cl_ord_id_without_an_open_order(self, desk: Desk, gone: str) -> None:
        for cl_ord_id in ("filled", "never", ""):
            assert refused(desk.floor, desk.ann, cl_ord_id=cl_ord_id) == gone

    def test_somebody_elses_txid(self, desk: Desk) -> None:
        assert refused(desk.floor, desk.ann, txid=desk.bobs.txid) == UNKNOWN
        assert desk.bobs.status == "open"

    def test_a_userref_without_an_open_order(self, desk: Desk) -> None:
        for userref in ("9", "8", "12345", "-7"):
            assert refused(desk.floor, desk.ann, txid=userref) == UNKNOWN

    def test_neither_parameter(self, desk: Desk) -> None:
        assert refused(desk.floor, desk.ann) == "EGeneral:Invalid arguments"

    def test_a_list(self, desk: Desk) -> None:
        named = f"{desk.tagged.txid}, 7,{desk.resting.txid}"
        assert desk.floor.exchange.cancel_order(desk.ann, txid=named) == 3
        assert desk.open() == []

    def test_a_list_in_which_some_are_gone(self, desk: Desk) -> None:
        named = f"{NEVER_ISSUED},{desk.filled.txid},{desk.tagged.txid},{desk.bobs.txid}"
        assert desk.floor.exchange.cancel_order(desk.ann, txid=named) == 1
        assert desk.open() == [desk.resting, desk.other]
        assert desk.bobs.status == "open"

    def test_a_list_in_which_all_are_gone_answers_for_the_first(self, desk: Desk, gone: str) -> None:
        assert refused(desk.floor, desk.ann, txid=f"{desk.filled.txid},{NEVER_ISSUED}") == UNKNOWN
        assert refused(desk.floor, desk.ann, txid=f"{NEVER_ISSUED},{desk.filled.txid}") == gone

    def test_the_same_order_twice_counts_once(self, desk: Desk) -> None:
        named = f"{desk.tagged.txid},{desk.tagged.txid}"
        assert desk.floor.exchange.cancel_order(desk.ann, txid=named, cl_ord_id="mine") == 1

    def test_both_kinds_of_id_are_one_list(self, desk: Desk) -> None:
        assert desk.floor.exchange.cancel_order(desk.ann, txid=desk.resting.txid, cl_ord_id="never") == 1
        assert desk.floor.exchange.cancel_order(desk.ann, txid=desk.other.txid, cl_ord_id="mine") == 2

    def test_canceling_twice(self, desk: Desk) -> None:
        desk.floor.exchange.cancel_order(desk.ann, txid=desk.resting.txid)
        assert refused(desk.floor, desk.ann, txid=desk.resting.txid) == UNKNOWN

    def test_a_setting_of_its_own_beats_the_dialect(self, desk: Desk) -> None:
        for text in (INVALID, UNKNOWN):
            desk.floor.settings.patch({"gone_order_error": text})
            assert refused(desk.floor, desk.ann, txid=NEVER_ISSUED) == text
            assert refused(desk.floor, desk.ann, txid=desk.filled.txid) == UNKNOWN

    def test_a_part_that_was_filled_stays_filled(self, desk: Desk) -> None:
        desk.floor.sell(desk.bob, "0.3", "50000")
        desk.floor.exchange.cancel_order(desk.ann, txid=desk.resting.txid)
        assert desk.floor.end(desk.resting) == "canceled 0.3/1: User requested"
        assert desk.resting.partial
        assert desk.resting.closetm == desk.floor.clock.now()

    def test_a_refused_cancel_moves_nothing(self, desk: Desk) -> None:
        before = desk.floor.book(), desk.open(), dict(desk.ann.held)
        for named in ({"txid": NEVER_ISSUED}, {"txid": "12345"}, {"cl_ord_id": "never"}, {"txid": desk.bobs.txid}):
            refused(desk.floor, desk.ann, **named)
        assert (desk.floor.book(), desk.open(), dict(desk.ann.held)) == before


class TestCancelAll:
    def test_all_of_the_account_on_every_pair_and_nobody_elses(self, desk: Desk) -> None:
        desk.floor.buy(desk.ann, "1", "1000", pair="ETHUSD")
        assert desk.floor.exchange.cancel_all(desk.ann) == 4
        assert desk.open() == []
        assert desk.floor.held(desk.ann, "ZUSD") == "0"
        assert desk.floor.book() == " | 70000:1"
        assert desk.floor.book("ETHUSD") == " | "
        assert [order.reason for order in desk.ann.closed[-4:]] == ["User requested"] * 4

    def test_nothing_open_is_no_error(self, desk: Desk) -> None:
        desk.floor.exchange.cancel_all(desk.ann)
        assert desk.floor.exchange.cancel_all(desk.ann) == 0
