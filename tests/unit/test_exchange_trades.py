"""What a trade leaves behind: executions, ledger rows and the public tape.

Reference: kraken/30 §8.1 (consolidation), §9; kraken/40 §6.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from mockkraken.clock import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account


class TestExecutions:
    def test_a_takers_fills_of_one_entry_are_one_and_a_makers_never(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60001")
        floor.sell(bob, "1", "60002")
        order = floor.buy(ann, "3", "60002")
        (execution,) = order.executions
        assert ann.executions == [execution]
        assert execution.fills == list(ann.trades.values())
        assert execution.id == next(iter(ann.trades))
        assert [[len(e.fills) for e in who.executions] for who in (bob, cat)] == [[1, 1], [1]]
        assert len({e.id for who in (ann, bob, cat) for e in who.executions}) == 4

    def test_a_resting_order_has_one_for_each_fill_whoever_takes(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        order = floor.sell(bob, "3", "60000")
        floor.buy(ann, "1", "60000")
        floor.buy(ann, "1", "60000")
        assert [len(execution.fills) for execution in order.executions] == [1, 1]
        assert [execution.order for execution in bob.executions] == [order, order]

    def test_what_was_taken_at_entry_and_what_was_made_later_stay_apart(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "1", "60001")
        order = floor.buy(ann, "3", "60001")
        floor.clock.advance(MINUTE)
        floor.sell(bob, "0.5", "60001")
        assert [[fill.maker for fill in e.fills] for e in order.executions] == [[False, False], [True]]
        first, later = order.executions
        assert later.fills[0].time - first.fills[0].time == MINUTE

    def test_both_sides_of_a_fill_share_number_price_and_time_but_not_the_id(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.buy(ann, "1", "60000")
        (taken,), (made,) = ann.trades.values(), bob.trades.values()
        assert (taken.trade_id, taken.price, taken.vol, taken.cost, taken.time) == (
            made.trade_id,
            made.price,
            made.vol,
            made.cost,
            made.time,
        )
        assert taken.id != made.id
        assert (taken.maker, made.maker) == (False, True)


class TestLedgerRows:
    def test_two_rows_a_fill_under_the_executions_id(
        self, floor: Floor, ann: Account, bob: Account, cat: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60001")
        order = floor.buy(ann, "2", "60001")
        rows = [entry for entry in ann.ledger.values() if entry.type == "trade"]
        assert [row.asset for row in rows] == ["XXBT", "ZUSD"] * 2
        assert {row.refid for row in rows} == {order.executions[0].id}
        assert [trade.ledgers for trade in ann.trades.values()] == [rows[:2], rows[2:]]
        for maker in (bob, cat):
            (trade,) = maker.trades.values()
            assert [row.refid for row in trade.ledgers] == [trade.id] * 2

    def test_entries_of_one_event_share_its_time_and_the_empty_subtype(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.clock.advance(MINUTE)
        floor.buy(ann, "1", "60000")
        for who in (ann, bob):
            rows = [entry for entry in who.ledger.values() if entry.type == "trade"]
            assert {(row.time, row.subtype) for row in rows} == {(floor.clock.now(), "")}

    def test_placing_holding_and_canceling_write_nothing(self, floor: Floor, ann: Account) -> None:
        floor.buy(ann, "1", "60000")
        floor.exchange.cancel_all(ann)
        assert floor.rows(ann) == []

    def test_balances_are_the_sums_of_their_rows(self, floor: Floor, ann: Account, bob: Account) -> None:
        for number in range(5):
            floor.sell(bob, "0.3", f"{60000 + number}", oflags="fcib")
        floor.buy(ann, "1.1")
        floor.deposit(ann, "ZUSD", "1234.5678")
        floor.sell(ann, "0.01", "100", pair="XBTEUR")
        for who in (ann, bob):
            running = dict.fromkeys(who.balances, 0)
            for entry in who.ledger.values():
                running[entry.asset] += entry.amount - entry.fee
                assert entry.balance == running[entry.asset]
            assert running == who.balances

    def test_each_account_tells_its_history_in_order(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.buy(ann, "0.5", "60000")
        floor.buy(ann, "0.5", "60000")
        for who in (ann, bob):
            for numbers in ([row.seq for row in who.ledger.values()], [fill.seq for fill in who.trades.values()]):
                assert all(first < second for first, second in itertools.pairwise(numbers))


class TestTape:
    def test_one_print_a_match_numbered_from_one_on_each_pair(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.deposit(bob, "XETH", "10")
        floor.sell(bob, "1", "60000")
        floor.sell(bob, "1", "60001")
        floor.sell(bob, "1", "2000", pair="ETHUSD")
        floor.buy(ann, "1.5")
        floor.buy(ann, "1", "2000", pair="ETHUSD")
        floor.buy(bob, "1", "59000")
        floor.sell(ann, "1", "59000")
        bitcoin, ether = (floor.exchange.market(floor.pair(name)).tape for name in ("XBTUSD", "ETHUSD"))
        assert [(p.trade_id, p.side, p.ordertype) for p in bitcoin.prints] == [
            (1, "buy", "market"),
            (2, "buy", "market"),
            (3, "sell", "limit"),
        ]
        assert [(p.trade_id, p.price, p.volume) for p in ether.prints] == [(1, 2000_00000, 1_00000000)]
        assert bitcoin.last is bitcoin.prints[-1]

    def test_nobody_trades_nothing_is_printed(self, floor: Floor, ann: Account) -> None:
        floor.buy(ann, "1", "60000")
        tape = floor.exchange.market(floor.pair()).tape
        assert tape.last is None
        assert tape.since(0) is None

    def test_candles_by_the_minute_of_the_sandbox(self, floor: Floor, ann: Account, bob: Account) -> None:
        for price, wait in (("60000", 0), ("60100", MINUTE // 2), ("59900", MINUTE), ("60050", 23 * HOUR)):
            floor.clock.advance(wait)
            floor.sell(bob, "0.1", price)
            floor.buy(ann, "0.1", price)
        tape, now = floor.exchange.market(floor.pair()).tape, floor.clock.now()
        day = tape.last_day(now)
        assert day is not None
        assert (day.open, day.high, day.low, day.close) == (60000_00000, 60100_00000, 59900_00000, 60050_00000)
        assert (day.volume, day.count) == (40_000_000, 4)
        assert day.turnover == 10_000_000 * (60000 + 60100 + 59900 + 60050) * 100_000
        today = tape.today(now)
        assert today is not None
        assert today.time >= now - now % DAY
        floor.clock.advance(2 * HOUR)
        late = tape.last_day(floor.clock.now())
        assert late is not None
        assert (late.count, late.open) == (1, 60050_00000)

    def test_the_last_24_hours_are_that_to_the_nanosecond(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.sell(bob, "1", "60000")
        floor.clock.advance(MINUTE - floor.clock.now() % MINUTE + MINUTE // 2)
        floor.buy(ann, "0.1", "60000")
        tape, now = floor.exchange.market(floor.pair()).tape, floor.clock.now()
        for later, counts in ((DAY - 1, 1), (DAY, 0)):
            candle = tape.last_day(now + later)
            assert (candle.count if candle else 0) == counts

    def test_the_top_of_the_book_is_noted_when_it_changes(self, floor: Floor, ann: Account, bob: Account) -> None:
        spreads = floor.exchange.market(floor.pair()).spreads
        floor.buy(ann, "1", "59999")
        floor.clock.advance(MINUTE)
        floor.buy(ann, "1", "59998")
        floor.sell(bob, "2", "59999")
        floor.exchange.cancel_all(bob)
        tops = [(bid // 10**5, ask // 10**5) for _, bid, ask in spreads]
        assert tops == [(59999, 0), (59998, 59999), (59998, 0)]
        assert [when - spreads[0][0] for when, _, _ in spreads] == [0, MINUTE, MINUTE]
