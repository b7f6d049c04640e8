"""Rules that a change could break without anything else to show it: what came of breaking each of them on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR, SECOND
from mockkraken.errors import KrakenError
from mockkraken.exchange.amends import AmendRequest, EditRequest

if TYPE_CHECKING:
    from conftest import Floor, Pit

    from mockkraken.exchange import Account, Order
    from mockkraken.exchange.orders import Side


@pytest.fixture
def told(floor: Floor) -> list[str]:
    """What listeners hear of orders: `account what`."""
    lines: list[str] = []
    floor.exchange.events.order.append(lambda order, what, _: lines.append(f"{order.account.name} {what}"))
    return lines


def settled(floor: Floor | Pit) -> list[str]:
    """The markets whose makers were asked, from now on."""
    names: list[str] = []
    floor.exchange.events.settled.append(lambda market: names.append(market.pair.altname))
    return names


def go_long(floor: Floor, who: Account, volume: str, price: str = "60000", **more: Any) -> Order:
    """A margin position, at a price of the house's."""
    floor.quote("sell", volume, price)
    return floor.buy(who, volume, price, leverage="5", **more)


def go_short(floor: Floor, who: Account, volume: str, price: str = "60000") -> Order:
    floor.quote("buy", volume, price)
    return floor.sell(who, volume, price, leverage="5")


def ended(order: Order) -> tuple[str, str | None]:
    return order.status, order.reason


def trigger(order: Order) -> float:
    """The level of a stop, in dollars."""
    assert order.stop is not None
    return float(order.stop.level / 10**order.market.pair.price_scale)


# What listeners hear


def test_an_order_that_expires_says_so_and_the_makers_are_asked(floor: Floor, ann: Account, told: list[str]) -> None:
    order = floor.buy(ann, "1", "60000", expiretm="+60")
    names = settled(floor)
    told.clear()
    floor.clock.advance(60 * SECOND)
    assert (order.status, told, names) == ("expired", ["ann expired"], ["XBTUSD"])


def test_a_stop_says_that_it_was_triggered(floor: Floor, ann: Account, bob: Account, told: list[str]) -> None:
    floor.quote("buy", "1", "60000")
    floor.sell(ann, "0.1", "60000", ordertype="stop-loss")
    told.clear()
    floor.sell(bob, "0.1", "60000")
    assert [line for line in told if line.startswith("ann")] == ["ann triggered", "ann trade", "ann filled"]


def test_what_is_cut_down_says_so_in_the_book_too(floor: Floor, ann: Account, told: list[str]) -> None:
    go_long(floor, ann, "1")
    floor.sell(ann, "1", "70000", leverage="5", reduce_only=True)
    floor.quote("buy", "1", "60000")
    changed: list[str] = []
    floor.exchange.events.book.append(lambda _, side, price: changed.append(f"{side} {price / 10**5:g}"))
    told.clear()
    floor.sell(ann, "0.4", "60000", leverage="5")
    assert "ann restated" in told
    assert changed == ["buy 60000", "sell 70000"]
    assert floor.book() == "60000:0.6 | 70000:0.6"


def test_makers_are_asked_about_what_the_command_touched_and_nothing_else(new_pit: type[Pit]) -> None:
    pit = new_pit()
    bitcoin, ether = pit.market("XBTUSD"), pit.market("ETHUSD")  # Looking at them is nobody's command.
    names = settled(pit)
    pit.enter(pit.main, bitcoin, "buy", 10**6)
    assert names == ["XBTUSD"]
    pit.enter(pit.main, ether, "buy", 10**7)
    assert names == ["XBTUSD", "ETHUSD"]


# Waiting for a time or a trigger


def test_a_trailing_stop_remembers_where_it_began(floor: Floor, ann: Account, bob: Account) -> None:
    floor.quote("buy", "1", "60000")
    floor.sell(bob, "0.1", "60000")
    order = floor.sell(ann, "0.1", "+1000", ordertype="trailing-stop")
    floor.quote("sell", "1", "61000")
    floor.buy(bob, "0.1", "61000")
    assert trigger(order) == 60000
    (original,) = floor.exchange.amends_of(order)
    assert (original.type, original.trigger) == ("original", 59000 * 10**order.market.pair.price_scale)


def test_a_stop_holds_funds_from_its_start(open_floor: type[Floor]) -> None:
    floor = open_floor(stops_hold_funds=True)
    ann = floor.trader("ann")
    floor.quote("buy", "1", "60000")
    order = floor.sell(ann, "0.5", "50000", ordertype="stop-loss", starttm="+60")
    assert floor.held(ann, "XXBT") == "0"
    floor.clock.advance(60 * SECOND)
    assert (order.place, floor.held(ann, "XXBT")) == ("triggers", "0.5")
    floor.exchange.cancel_all(ann)
    assert floor.held(ann, "XXBT") == "0"


def test_what_was_held_back_and_is_cancelled_does_not_expire_any_more(floor: Floor, ann: Account) -> None:
    floor.buy(ann, "1", "60000", starttm="+10", expiretm="+100")
    floor.exchange.set_status("cancel_only")
    floor.clock.advance(10 * SECOND)
    floor.exchange.set_status("online")
    assert floor.book() == "60000:1 | "
    floor.exchange.cancel_all(ann)
    floor.clock.advance(100 * SECOND)
    assert [ended(order) for order in ann.closed] == [("canceled", "User requested")]


def test_a_settlement_whose_position_is_gone_when_its_time_comes(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "0.1")
    order = floor.sell(ann, "0.1", ordertype="settle-position", leverage="5", starttm="+60")
    floor.quote("buy", "1", "60000")
    floor.sell(ann, "0.1", leverage="5")
    floor.clock.advance(60 * SECOND)
    assert ended(order) == ("canceled", "Reduce only:Position is closed")


# Margin


def test_who_sells_to_a_margin_trader_gets_all_of_it(floor: Floor, bob: Account) -> None:
    """The house lends what the buyer lacks."""
    ann = floor.trader("ann", ZUSD="20000")
    floor.sell(bob, "1", "60000")
    floor.buy(ann, "1", "60000", leverage="5")
    assert floor.rows(bob)[1].startswith("trade ZUSD 60000 ")


def test_who_buys_from_a_margin_trader_gets_all_of_it(floor: Floor, bob: Account) -> None:
    ann = floor.trader("ann", ZUSD="20000")
    floor.buy(bob, "1", "60000")
    floor.sell(ann, "1", "60000", leverage="5")
    assert floor.rows(bob)[0].startswith("trade XXBT 1 ")


def test_fills_of_one_margin_order_share_their_refid(floor: Floor, ann: Account) -> None:
    floor.quote("sell", "1", "60000")
    floor.quote("sell", "1", "60001")
    order = floor.buy(ann, "2", "60001", leverage="5")
    (execution,) = list(order.executions)
    assert len(execution.fills) == 2
    rows = [entry for entry in ann.ledger.values() if entry.type == "margin"]
    assert [entry.refid for entry in rows] == [execution.fills[0].id] * 2


def test_the_least_aggressive_of_two_that_reduce_is_cut_first(floor: Floor, ann: Account) -> None:
    """At one price, who came last."""
    go_long(floor, ann, "1")
    terms = {"leverage": "5", "reduce_only": True}
    far = floor.sell(ann, "0.2", "70002", **terms)
    first, last = (floor.sell(ann, "0.4", "70000", **terms) for _ in range(2))
    floor.quote("buy", "1", "60000")
    floor.sell(ann, "0.3", "60000", leverage="5")
    assert ended(far) == ("canceled", "Reduce only:Position is closed")
    assert (floor.end(first), floor.end(last)) == ("open 0/0.4", "open 0/0.3")
    assert [(amend.type, amend.reason) for amend in last.amends] == [
        ("original", None),
        ("restated", "Reduce only:Position is closed"),
    ]


def test_what_reduced_a_position_goes_when_that_turns(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "1")
    order = floor.sell(ann, "1", "70000", leverage="5", reduce_only=True)
    floor.quote("buy", "2", "60000")
    floor.sell(ann, "2", "60000", leverage="5")
    assert ann.positions.side_on("XXBTZUSD") == "sell"
    assert ended(order) == ("canceled", "Reduce only:Position is closed")


def test_an_iceberg_that_is_cut_shows_no_more_than_is_left(floor: Floor, ann: Account, bob: Account) -> None:
    go_long(floor, ann, "1")
    floor.sell(ann, "1", "70000", leverage="5", reduce_only=True, ordertype="iceberg", displayvol="0.4")
    floor.quote("buy", "0.9", "60000")
    floor.sell(ann, "0.9", "60000", leverage="5")
    assert floor.book() == " | 70000:0.1"
    assert floor.fills(floor.buy(bob, "0.2", "70000")) == ["0.1@70000 ann"]
    assert not ann.positions.open


@pytest.fixture
def twice(floor: Floor, ann: Account) -> None:
    """Ann is long 1.5 and sells 0.2 of it at 69000.

    At 70000 she offers all of it to reduce: first an iceberg, which goes to the end of the queue with each slice, then
    0.5. When the 0.2 are sold, only 0.3 is left for those.
    """
    go_long(floor, ann, "1.5")
    floor.sell(ann, "0.2", "69000", leverage="5")
    floor.sell(ann, "1", "70000", leverage="5", reduce_only=True, ordertype="iceberg", displayvol="0.1")
    floor.sell(ann, "0.5", "70000", leverage="5", reduce_only=True)
    floor.quote("sell", "5", "70001")


TAKEN = ["0.2@69000 ann", "0.1@70000 ann", "0.3@70000 ann"]


def test_what_is_cut_while_it_is_met_gives_what_is_left(floor: Floor, ann: Account, bob: Account, twice: None) -> None:
    order = floor.buy(bob, "2", "70001")
    assert floor.fills(order)[:3] == TAKEN
    assert floor.fills(order)[-1] == "0.5@70001 house"
    assert (order.status, floor.fills(order)[3:-1]) == ("closed", ["0.1@70000 ann"] * 9)
    assert not ann.positions.open and not ann.open


def test_a_volume_in_quote_is_spent_whatever_is_cut_meanwhile(floor: Floor, bob: Account, twice: None) -> None:
    order = floor.buy(bob, "56000", oflags="viqc")  # 13800 + 42200
    assert floor.end(order) == "closed 0.80285714/0.80285714"
    assert floor.fills(order)[:3] == TAKEN


def test_who_reduces_takes_no_more_whatever_is_cut_meanwhile(floor: Floor, bob: Account, twice: None) -> None:
    go_short(floor, bob, "0.7")
    order = floor.buy(bob, "1", "70001", leverage="5", reduce_only=True)
    assert (floor.end(order), bob.positions.side_on("XXBTZUSD")) == (
        "canceled 0.7/1: Reduce only:Position is closed",
        None,
    )


def test_an_order_of_ones_own_that_went_meanwhile_is_not_cancelled_again(floor: Floor, ann: Account) -> None:
    """It had to reduce a position that another hand of the account has just sold."""
    go_long(floor, ann, "1")
    floor.sell(ann, "1", "69000", leverage="5", sender_sub_id="b")
    gone = floor.sell(ann, "1", "70000", leverage="5", reduce_only=True, sender_sub_id="a")
    floor.quote("sell", "1", "70001")
    order = floor.buy(ann, "2", "70001", stptype="cancel-oldest", sender_sub_id="a")
    assert floor.fills(order) == ["1@69000 house", "1@70001 house"]
    assert ended(gone) == ("canceled", "Reduce only:Position is closed")


def test_a_market_order_that_turns_a_position_needs_margin_for_the_rest_of_it(floor: Floor) -> None:
    ann = floor.trader("ann", ZUSD="14000")
    go_long(floor, ann, "1")  # takes 12000
    floor.quote("buy", "3", "60000")
    assert floor.refusal(ann, "sell", "2.2", leverage="5") == "EOrder:Margin level too low"
    assert floor.sell(ann, "2", leverage="5").status == "closed"


def test_a_margin_order_changes_within_what_it_keeps_free_itself(floor: Floor) -> None:
    ann = floor.trader("ann", ZUSD="10000")
    order = floor.buy(ann, "0.8", "50000", leverage="5")  # keeps 8000
    floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, limit_price="51000"))
    new = floor.exchange.edit_order(ann, floor.pair(), EditRequest(txid=order.txid, price="52000")).new
    assert floor.book() == "52000:0.8 | "
    assert new.status == "open"


def test_a_fill_that_turns_a_position_is_shared_half_up(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "0.00007", "60000.1")
    order = go_short(floor, ann, "0.00018", "60000.1")
    ((trade,),) = [execution.fills for execution in order.executions]
    (closing,) = list(trade.closed)
    assert (trade.cost, closing.cost) == (10_80002, 4_20001)  # 7/18 are 4.2000078
    assert trade.opened is not None
    assert trade.opened.cost == 6_60001


def test_a_liquidation_that_nobody_met_is_tried_again(floor: Floor, bob: Account) -> None:
    """An order of one's own was all that there was."""
    ann = floor.trader("ann", ZUSD="10000")
    floor.quote("sell", "1", "50000")
    floor.buy(ann, "1", "50000", leverage="10")
    own = floor.buy(ann, "0.001", "41000")
    floor.quote("buy", "0.1", "42000")
    floor.sell(bob, "0.1", "42000")
    assert ended(own) == ("canceled", "Cannot trade with self")
    assert ann.positions.open
    floor.quote("buy", "2", "41000")
    floor.exchange.settle()
    assert not ann.positions.open


# Settling positions


@pytest.mark.parametrize(
    ("side", "funds"), [("buy", {"ZUSD": "100000"}), ("sell", {"ZUSD": "100000", "XXBT": "0.1"})], ids=["long", "short"]
)
def test_a_settlement_takes_what_there_is_of_a_position(floor: Floor, side: str, funds: dict[str, str]) -> None:
    """Whatever was named beyond that needs no funds."""
    ann = floor.trader("ann", **funds)
    if side == "buy":
        go_long(floor, ann, "0.1")
        order = floor.sell(ann, "5", ordertype="settle-position", leverage="5")
    else:
        go_short(floor, ann, "0.1")
        order = floor.buy(ann, "5", ordertype="settle-position", leverage="5")
    assert floor.end(order) == "canceled 0.1/5: Reduce only:Position is closed"
    assert not ann.positions.open


def test_after_a_settlement_nothing_is_borrowed_any_more(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "1")
    reducing = floor.sell(ann, "1", "70000", leverage="5", reduce_only=True)
    floor.sell(ann, "1", ordertype="settle-position", leverage="5")
    assert ended(reducing) == ("canceled", "Reduce only:Position is closed")
    floor.clock.advance(24 * HOUR)
    assert "rollover" not in {entry.type for entry in ann.ledger.values()}


def test_a_settlement_has_the_average_price_of_what_it_settles(floor: Floor, ann: Account) -> None:
    for volume, price in (("0.1", "60000.0"), ("0.2", "60000.1"), ("0.1", "61000")):
        go_long(floor, ann, volume, price)
    order = floor.sell(ann, "0.3", ordertype="settle-position", leverage="5")
    ((trade,),) = [execution.fills for execution in order.executions]
    assert trade.price == 6000006667  # 60000.066666…


# Icebergs


def test_a_cancelled_iceberg_takes_only_what_it_showed_out_of_its_level(floor: Floor, ann: Account) -> None:
    iceberg = floor.sell(ann, "1", "60000", ordertype="iceberg", displayvol="0.2")
    floor.sell(ann, "0.5", "60000")
    assert floor.book() == " | 60000:0.7"
    floor.exchange.cancel_order(ann, txid=iceberg.txid)
    assert floor.book() == " | 60000:0.5"


def test_what_an_iceberg_has_given_it_does_not_give_again(floor: Floor, ann: Account, bob: Account) -> None:
    floor.sell(ann, "1", "60000", ordertype="iceberg", displayvol="0.2")
    floor.buy(bob, "0.5", "60000")
    order = floor.buy(bob, "0.6", "60000", timeinforce="FOK")
    assert ended(order) == ("canceled", "Insufficient liquidity")
    assert floor.book() == " | 60000:0.1"


# Arguments


def test_a_volume_that_comes_to_nothing_is_not_all_of_a_position(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "1")
    assert floor.refusal(ann, "sell", "0.000000001", "60000", leverage="5") == "EOrder:Order minimum not met"


def test_the_second_that_has_begun_is_not_past(floor: Floor, ann: Account) -> None:
    begun = floor.clock.now() // SECOND
    floor.clock.advance(SECOND // 2)
    assert floor.buy(ann, "1", "60000", starttm=str(begun)).place == "book"
    refusal = floor.refusal(ann, "buy", "1", "60000", starttm=str(begun - 1))
    assert refusal == "EGeneral:Invalid arguments:starttm"


def test_a_start_lies_at_most_a_month_ahead(floor: Floor, ann: Account) -> None:
    assert floor.buy(ann, "1", "60000", starttm="+2678400").place == "schedule"
    refusal = floor.refusal(ann, "buy", "1", "60000", starttm="+2678401")
    assert refusal == "EGeneral:Invalid arguments:starttm"


def test_the_largest_volume_and_price_are_numbers_like_others(floor: Floor, ann: Account) -> None:
    largest, more = "1000000000000000", "1000000000000000.1"
    assert floor.prepare(ann, "buy", largest, largest).limit == 10**20
    assert floor.refusal(ann, "buy", more, "1") == "EGeneral:Invalid arguments:volume"
    assert floor.refusal(ann, "buy", "1", more) == "EOrder:Invalid price"
    assert floor.sell(ann, "1", f"+{largest}", ordertype="trailing-stop").place == "triggers"
    assert floor.refusal(ann, "sell", "1", f"+{more}", ordertype="trailing-stop") == "EOrder:Invalid price"


def test_where_nobody_trades_on_margin_nothing_is_settled(floor: Floor, ann: Account) -> None:
    fields = {"ordertype": "settle-position", "leverage": "5"}
    assert floor.refusal(ann, "sell", "10", pair="1INCHUSD", **fields) == "EGeneral:Invalid arguments:leverage"


def test_a_volume_in_quote_where_nobody_offers(floor: Floor, ann: Account) -> None:
    assert ended(floor.buy(ann, "1000", oflags="viqc")) == ("canceled", "Insufficient liquidity")


def test_a_position_may_be_settled_however_little_it_has_come_to_be_worth(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "0.00005")
    floor.quote("buy", "1", "5000")
    assert floor.sell(ann, "0.00005", ordertype="settle-position", leverage="5").status == "closed"


def test_a_trigger_price_that_comes_out_off_the_tick(floor: Floor, ann: Account, bob: Account) -> None:
    """The last trade was at a price that today's tick does not allow any more."""
    floor.quote("sell", "1", "60000.1")
    floor.buy(bob, "1", "60000.1")
    floor.exchange.pair_changed(floor.catalog.with_record("XXBTZUSD", tick_size="0.5"))
    assert floor.refusal(ann, "buy", "1", "+100", ordertype="stop-loss") == "EOrder:Tick size check failed"
    assert floor.buy(ann, "1", "+1%", ordertype="stop-loss").place == "triggers"
    assert floor.buy(ann, "1", "60100.0", ordertype="stop-loss").place == "triggers"


@pytest.mark.parametrize(("side", "limit"), [("buy", 59000), ("sell", 61000)])
def test_an_iceberg_waits_on_its_own_side_of_the_market(
    floor: Floor, ann: Account, bob: Account, side: Side, limit: int
) -> None:
    floor.quote("sell", "1", "60000")
    floor.buy(bob, "1", "60000")
    order = floor.enter(ann, side, "1", "#1000", ordertype="iceberg", displayvol="0.1")
    assert order.limit == limit * 10**order.market.pair.price_scale


def test_a_close_that_would_lie_below_zero_lies_just_above(floor: Floor, ann: Account) -> None:
    floor.quote("sell", "1", "60000")
    floor.buy(ann, "1", "60000", close_ordertype="stop-loss", close_price="-70000")
    (stop,) = ann.open.values()
    assert trigger(stop) == 0.1


def test_a_limit_that_would_lie_below_zero_lies_just_above(floor: Floor, ann: Account) -> None:
    floor.quote("buy", "1", "60000")
    order = floor.sell(ann, "1", "50000", ordertype="stop-loss-limit", price2="-70000")
    assert order.planned_limit == order.market.pair.tick


def test_a_close_in_words_is_refused_even_beside_its_terms(floor: Floor, ann: Account) -> None:
    terms = {"close_ordertype": "stop-loss", "close_price": "50000"}
    assert floor.refusal(ann, "buy", "1", "60000", close="stop", **terms) == "EGeneral:Invalid arguments:close"


# Amends and edits


def test_an_amend_of_a_trigger_goes_by_the_price_that_the_order_looks_at(floor: Floor, ann: Account) -> None:
    market = floor.exchange.market(floor.pair())
    floor.exchange.set_index(market, 70000 * 10**market.pair.price_scale)
    order = floor.buy(ann, "1", "75000", ordertype="stop-loss", trigger="index")
    floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, trigger_price="+100"))
    assert trigger(order) == 70100


def test_an_amend_is_told(floor: Floor, ann: Account, told: list[str]) -> None:
    orders = floor.buy(ann, "1", "60000"), floor.buy(ann, "1", "75000", ordertype="stop-loss")
    told.clear()
    for order in orders:
        floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, order_qty="0.5"))
    assert told == ["ann amended"] * 2


def test_an_amend_that_keeps_its_place_is_seen_in_the_book(floor: Floor, ann: Account) -> None:
    order = floor.buy(ann, "1", "60000")
    changed: list[str] = []
    floor.exchange.events.book.append(lambda _, side, price: changed.append(f"{side} {price / 10**5:g}"))
    floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, order_qty="0.5"))
    assert changed == ["buy 60000"]


def edited(floor: Floor, who: Account, order: Order, **changes: Any) -> Order:
    return floor.exchange.edit_order(who, floor.pair(), EditRequest(txid=order.txid, **changes)).new


def test_an_edit_keeps_what_it_can_not_change(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "1")
    terms = {"leverage": "5", "reduce_only": True, "sender_sub_id": "desk 1", "stptype": "cancel-oldest"}
    new = edited(
        floor, ann, floor.sell(ann, "1", "50000", ordertype="stop-loss", trigger="index", **terms), volume="0.5"
    )
    assert new.stop is not None
    assert (new.stop.signal, new.leverage, new.reduce_only) == ("index", 5, True)
    assert (new.sender_sub_id, new.stptype) == ("desk 1", "cancel-oldest")


def test_an_edit_keeps_the_date_until_which_an_order_is_good(floor: Floor, ann: Account) -> None:
    order = floor.buy(ann, "1", "60000", expiretm="+60")
    new = edited(floor, ann, order, price="60001")
    assert (new.expiretm, new.time_in_force) == (order.expiretm, "gtd")
    floor.clock.advance(60 * SECOND)
    assert new.status == "expired"


def test_an_order_that_has_started_does_not_wait_again_when_it_is_edited(floor: Floor, ann: Account) -> None:
    order = floor.buy(ann, "1", "60000", starttm="+60")
    floor.clock.advance(60 * SECOND)
    new = edited(floor, ann, order, price="60001")
    assert (new.place, new.starttm) == ("book", 0)


# Losses


def test_a_loss_is_not_taken_from_what_is_no_collateral(floor: Floor) -> None:
    ann = floor.trader("ann", **{"ZUSD": "13000", "1INCH": "100000", "XETH": "10"})
    go_long(floor, ann, "1")
    floor.quote("buy", "1", "46000")
    floor.sell(ann, "1", "46000", leverage="5")
    assert (floor.balance(ann, "ZUSD"), floor.balance(ann, "1INCH")) == ("0", "100000")
    assert floor.balance(ann, "XETH").startswith("9.")


def test_a_rebate_is_not_counted_on(floor: Floor, ann: Account) -> None:
    floor.catalog.with_record("XXBTZUSD", fees=[[0, "-0.01"]], fees_maker=[[0, "-0.02"]])
    floor.buy(ann, "1", "60000")
    assert floor.held(ann, "ZUSD") == "60000"


# States


def test_the_house_takes_nothing_while_nothing_is_matched(floor: Floor, ann: Account) -> None:
    resting = floor.sell(ann, "1", "60000")
    floor.exchange.set_status("cancel_only")
    order = floor.exchange.take(resting.market, "buy", resting.vol, "a maker's order")
    assert (order.vol_exec, resting.vol_exec) == (0, 0)


@pytest.fixture
def overdue(floor: Floor, ann: Account) -> Order:
    """Ann's order; the time to cancel it has come while the exchange stood still."""
    order = floor.buy(ann, "1", "60000")
    floor.exchange.cancel_all_after(ann, 60)
    floor.exchange.set_status("maintenance")
    floor.clock.advance(60 * SECOND)
    assert order.status == "open"
    return order


def test_a_timer_that_ran_out_meanwhile_fires_when_the_exchange_is_back(floor: Floor, overdue: Order) -> None:
    floor.exchange.set_status("maintenance")
    assert overdue.status == "open"
    floor.exchange.set_status("cancel_only")
    assert ended(overdue) == ("canceled", "Cancel all orders after timeout")


def test_a_timer_that_ran_out_meanwhile_can_be_taken_back(floor: Floor, ann: Account, overdue: Order) -> None:
    floor.exchange.cancel_all_after(ann, 0)
    floor.exchange.set_status("online")
    assert overdue.status == "open"


def test_a_post_only_order_may_be_amended_where_nothing_else_may(floor: Floor, ann: Account) -> None:
    posted, other = floor.buy(ann, "1", "60000", oflags="post"), floor.buy(ann, "1", "60000")
    floor.exchange.set_status("post_only")
    floor.exchange.amend_order(ann, AmendRequest(txid=posted.txid, order_qty="0.5"))
    with pytest.raises(KrakenError, match="EService:Market in post_only mode"):
        floor.exchange.amend_order(ann, AmendRequest(txid=other.txid, order_qty="0.5"))
    assert floor.book() == "60000:1.5 | "


def test_an_order_that_reduces_may_be_amended_where_nothing_else_may(floor: Floor, ann: Account) -> None:
    go_long(floor, ann, "1")
    reducing = floor.sell(ann, "1", "70000", leverage="5", reduce_only=True)
    other = floor.sell(ann, "1", "70000", leverage="5")
    floor.exchange.pair_changed(floor.catalog.with_record("XXBTZUSD", status="reduce_only"))
    floor.exchange.amend_order(ann, AmendRequest(txid=reducing.txid, order_qty="0.5"))
    with pytest.raises(KrakenError, match="EService:Market in reduce_only mode"):
        floor.exchange.amend_order(ann, AmendRequest(txid=other.txid, order_qty="0.5"))


def test_a_locked_account_changes_nothing(floor: Floor, ann: Account) -> None:
    order = floor.buy(ann, "1", "60000")
    ann.state = "locked"
    exchange = floor.exchange
    for command in (
        lambda: exchange.amend_order(ann, AmendRequest(txid=order.txid, order_qty="0.5")),
        lambda: edited(floor, ann, order, volume="0.5"),
        lambda: exchange.cancel_all(ann),
        lambda: exchange.cancel_all_after(ann, 60),
        lambda: floor.buy(ann, "1", "50000"),
    ):
        with pytest.raises(KrakenError):
            command()
    floor.clock.advance(60 * SECOND)
    assert floor.book() == "60000:1 | "


def test_a_stop_is_edited_within_what_it_holds_itself(open_floor: type[Floor]) -> None:
    floor = open_floor(stops_hold_funds=True)
    ann = floor.trader("ann", XXBT="1")
    floor.quote("buy", "1", "60000")
    order = floor.sell(ann, "1", "50000", ordertype="stop-loss")
    assert edited(floor, ann, order, price="51000").place == "triggers"
    assert floor.held(ann, "XXBT") == "1"
