"""Rules at their edges: changed pairs, odd ids, the last unit of a balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.errors import KrakenError
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account


def test_a_volume_cut_to_nothing_is_below_any_minimum(floor: Floor, ann: Account, bob: Account) -> None:
    floor.catalog.with_record("XXBTZUSD", ordermin="0", costmin="0")
    floor.sell(bob, "1", "60000")
    assert floor.refusal(ann, "buy", "0.000000001", "60000") == "EOrder:Order minimum not met"
    assert floor.buy(ann, "0.00000001", "60000").status == "closed"


def test_a_takers_rebate_does_not_pay_for_the_order(floor: Floor, bob: Account) -> None:
    poor = floor.trader("poor", ZUSD="59400")
    floor.catalog.with_record("XXBTZUSD", fees=[[0, -1]])
    floor.sell(bob, "1", "60000")
    assert floor.refusal(poor, "buy", "1", "60000") == "EOrder:Insufficient funds"
    assert floor.refusal(poor, "buy", "1") == "EOrder:Insufficient funds"


def test_a_cl_ord_id_is_taken_once_however_many_orders_were_prepared(floor: Floor, ann: Account) -> None:
    twins = [floor.prepare(ann, "buy", "1", "50000", cl_ord_id="twin") for _ in range(2)]
    floor.exchange.submit(twins[0])
    with pytest.raises(KrakenError, match="cl_ord_id not unique"):
        floor.exchange.submit(twins[1])
    assert floor.exchange.cancel_all(ann) == 1


@pytest.mark.parametrize("txid", ["²", "99999999999", "-2147483649", "", "O"])
def test_what_is_neither_txid_nor_userref_was_never_issued(floor: Floor, ann: Account, txid: str) -> None:
    with pytest.raises(KrakenError, match=r"^EOrder:Unknown order$"):
        floor.exchange.cancel_order(ann, txid=txid)
    floor.settings.patch({"dialect": "observed"})
    with pytest.raises(KrakenError, match=r"^EOrder:Invalid order$"):
        floor.exchange.cancel_order(ann, txid=txid)


@pytest.mark.parametrize(("stptype", "own"), [("cancel-newest", "open"), ("cancel-both", "open")])
def test_fill_or_kill_that_meets_itself_dies_of_that(floor: Floor, ann: Account, stptype: str, own: str) -> None:
    resting = floor.sell(ann, "1", "60000")
    killed = floor.buy(ann, "1", "60000", timeinforce="FOK", stptype=stptype)
    assert floor.end(killed) == "canceled 0/1: Cannot trade with self"
    assert resting.status == own


def test_ones_own_order_goes_when_it_is_met_not_after(floor: Floor, ann: Account, bob: Account) -> None:
    floor.sell(ann, "1", "60000")
    floor.sell(bob, "1", "60001")
    told: list[tuple[str, str]] = []
    floor.exchange.events.order.append(lambda order, what, trade: told.append((order.side, what)))
    floor.buy(ann, "1", "60001", stptype="cancel-oldest")
    assert told.index(("sell", "canceled")) < told.index(("buy", "trade"))


@pytest.mark.parametrize("tick", ["0.5", "7", "100000"])
def test_makers_keep_to_a_tick_that_was_changed(tick: str) -> None:
    sandbox = Sandbox(start=0)
    pair = sandbox.catalog.with_record("XXBTZUSD", tick_size=tick)
    book = sandbox.exchange.market(pair).book
    assert all(price % pair.tick == 0 and price > 0 for price in [*book.bids, *book.asks])
    assert book.bids.keys()[-1] < book.asks.keys()[0]


@pytest.mark.parametrize("tick", ["0.5", "7", "100000"])
def test_makers_move_to_a_tick_that_was_changed_while_they_quoted(tick: str) -> None:
    sandbox = Sandbox(start=0)
    market = sandbox.exchange.market(sandbox.catalog.pair("XXBTZUSD"))
    pair = sandbox.catalog.with_record("XXBTZUSD", tick_size=tick)
    assert sandbox.exchange.market(pair) is market
    sandbox.makers.move(market, 3 * pair.tick)
    assert all(price % pair.tick == 0 and price > 0 for price in [*market.book.bids, *market.book.asks])
    assert market.tape.last_price == 3 * pair.tick


def test_unix_seconds_are_no_deadline(floor: Floor, ann: Account) -> None:
    soon = str(floor.clock.now() // 10**9 + 30)
    assert floor.refusal(ann, "buy", "1", "50000", deadline=soon) == "EGeneral:Invalid arguments:deadline"


def test_a_maker_pays_its_own_rate_where_that_is_the_higher(floor: Floor, bob: Account) -> None:
    """On some pairs the maker's ladder lies above the taker's: the hold must cover it."""
    maker = floor.trader("maker", XETH="5.44")
    floor.deposit(bob, "CMETH", "10")
    resting = floor.buy(maker, "5", "1.0855", pair="CMETHETH")
    assert floor.available(maker, "XETH") == "0.00001675"
    floor.sell(bob, "5", "1.0855", pair="CMETHETH")
    [row] = [entry for entry in maker.ledger.values() if entry.asset == "XETH" and entry.type == "trade"]
    assert (resting.fee, row.fee) == (1248325, 124832500)


def test_an_order_pays_no_more_than_it_was_entered_with(floor: Floor, bob: Account) -> None:
    whale = floor.trader("whale", ZUSD="20000000")
    floor.sell(bob, "5", "60000")
    floor.buy(whale, "5", "60000")
    resting = floor.buy(whale, "1", "50000")
    rate = resting.highest_rate
    floor.clock.advance(31 * 86400 * 10**9)
    floor.sell(bob, "0.5", "50000")
    [trade] = resting.executions[0].fills
    assert trade.fee == trade.cost * rate // 10**6
    assert trade.ledgers[1].fee * 10 == trade.fee


def test_one_cl_ord_id_in_three_spellings(floor: Floor, ann: Account) -> None:
    text = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
    order = floor.buy(ann, "1", "50000", cl_ord_id=text)
    for twin in (text.upper(), text.replace("-", "")):
        assert floor.refusal(ann, "buy", "1", "50000", cl_ord_id=twin).endswith("cl_ord_id not unique")
    assert floor.exchange.cancel_order(ann, cl_ord_id=text.upper()) == 1
    assert order.cl_ord_id == text


def test_trades_of_one_moment_are_told_apart_by_time(floor: Floor, ann: Account, bob: Account) -> None:
    for price in range(60000, 60010):
        floor.sell(bob, "0.1", str(price))
    floor.buy(ann, "1")
    times = [printed.time for printed in floor.exchange.market(floor.pair()).tape.prints]
    assert times == list(range(times[0], times[0] + 10))


def test_orders_closed_at_one_moment_stand_in_the_order_of_their_entry(floor: Floor, ann: Account) -> None:
    entered = [floor.buy(ann, "1", "50000") for _ in range(5)]
    for index in (3, 0, 4, 1, 2):
        floor.exchange.cancel_order(ann, txid=entered[index].txid)
    assert ann.closed == entered


def test_a_list_of_ids_to_cancel_has_an_end(floor: Floor, ann: Account) -> None:
    order = floor.buy(ann, "1", "50000")
    with pytest.raises(KrakenError, match=r"^EGeneral:Invalid arguments$"):
        floor.exchange.cancel_order(ann, txid=",".join([order.txid] * 51))
    assert order.status == "open"
    assert floor.exchange.cancel_order(ann, txid=",".join([order.txid] * 50)) == 1


def test_a_house_with_nothing_still_delivers(floor: Floor, ann: Account) -> None:
    """Its balance says what it has given, it is no limit: nobody pays for what they don't get."""
    floor.quote("sell", "1", "60000")
    floor.buy(ann, "1", "60000")
    assert floor.balance(ann, "XXBT") == "11"
    assert floor.exchange.house.balances["XXBT"] == -(10**10)
