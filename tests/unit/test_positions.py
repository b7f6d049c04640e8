"""Positions: opened by fills, closed oldest first, and no unit of cost, fee or margin lost on the way."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken.catalog import Catalog
from mockkraken.clock import HOUR, SECOND
from mockkraken.exchange import Account, Market, Order
from mockkraken.exchange.orders import Side
from mockkraken.exchange.positions import Position
from mockkraken.exchange.trades import Execution, Trade
from mockkraken.rest.positions import position_fields

CATALOG = Catalog()
START = 1_790_000_000 * SECOND


class Desk:
    """One account's fills on one pair, booked by hand: volume in lots, cost and fee in cost units."""

    def __init__(self, pair: str = "XBTUSD") -> None:
        found = CATALOG.trading_pair(pair)
        assert found is not None
        self.pair = found
        self.market = Market(found)
        self.account = Account("ann")
        self.positions = self.account.positions
        self.seq = itertools.count(1)

    def order(self, side: Side, leverage: int = 5) -> Order:
        return Order(
            account=self.account,
            market=self.market,
            side=side,
            ordertype="limit",
            vol=0,
            leverage=leverage,
            txid=f"O{next(self.seq)}",
        )

    def fill(self, order: Order, vol: int, cost: int, fee: int = 0, execution: Execution | None = None) -> Trade:
        execution = execution or Execution(order, [])
        seq = next(self.seq)
        trade = Trade(f"T{seq}", seq, START, order, 0, vol, cost, fee, True, seq, execution)
        execution.fills.append(trade)
        return trade

    def open(
        self,
        vol: int,
        cost: int,
        fee: int = 0,
        *,
        side: Side = "buy",
        leverage: int = 5,
        execution: Execution | None = None,
    ) -> Position:
        order = execution.order if execution else self.order(side, leverage)
        trade = self.fill(order, vol, cost, fee, execution)
        position = trade.opened = Position(
            id=trade.id,
            seq=trade.seq,
            trade=trade,
            order=order,
            account=self.account,
            market=self.market,
            side=order.side,
            leverage=order.leverage,
            time=trade.time,
            vol=vol,
            cost=cost,
            fee=fee,
        )
        self.positions.add(position)
        return position

    def close(self, vol: int, cost: int, fee: int = 0, execution: Execution | None = None) -> Trade:
        side: Side = "sell" if self.positions.side_on(self.pair.id) == "buy" else "buy"
        trade = self.fill(execution.order if execution else self.order(side), vol, cost, fee, execution)
        trade.closed = self.positions.close(self.pair.id, vol, trade, cost, fee)
        return trade

    def fields(self, *fills: Trade, **more: Any) -> dict[str, Any]:
        return position_fields(fills, trades=True, **more)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_position_closed_in_parts_gives_back_all_that_it_cost(desk: Desk) -> None:
    """1.00001 over 7 lots divides nowhere."""
    position = desk.open(vol=7, cost=100_001, fee=13)
    left = []
    for vol in (1, 1, 2, 3):
        desk.close(vol, 20_000 * vol)
        left.append((position.remaining, position.remaining_cost, position.used_margin))
    assert left == [(6, 85_715, 17_143), (5, 71_429, 14_286), (3, 42_858, 8_572), (0, 0, 0)]
    assert [part.opening_cost for part in position.closings] == [14_286, 14_286, 28_571, 42_858]
    assert [part.net for part in position.closings] == [5_714, 5_714, 11_429, 17_142]
    assert (position.vol, position.cost, position.fee, position.margin) == (7, 100_001, 13, 20_000)
    assert not position.open
    assert desk.positions.open == {}


volumes = st.integers(1, 10**12)


@given(
    opened=st.lists(st.tuples(volumes, st.integers(0, 10**15), st.sampled_from([2, 3, 5, 10])), min_size=1, max_size=5),
    closes=st.lists(st.tuples(volumes, st.integers(0, 10**15), st.integers(-(10**9), 10**9)), max_size=8),
    side=st.sampled_from(["buy", "sell"]),
)
def test_whatever_is_closed_adds_up(
    opened: list[tuple[int, int, int]], closes: list[tuple[int, int, int]], side: Side
) -> None:
    desk = Desk()
    positions = [desk.open(vol, cost, side=side, leverage=leverage) for vol, cost, leverage in opened]
    for wanted, cost, fee in closes:
        there = desk.positions.volume_on(desk.pair.id)
        if not there:
            break
        vol = min(wanted, there)
        parts = desk.close(vol, cost, fee).closed
        assert sum(part.vol for part in parts) == vol
        assert sum(part.cost for part in parts) == cost
        assert sum(part.fee for part in parts) == fee
        assert all(part.cost >= 0 <= part.opening_cost for part in parts)
        assert desk.positions.volume_on(desk.pair.id) == there - vol
    for position in positions:
        released = sum(part.opening_cost for part in position.closings)
        assert released + position.remaining_cost == position.cost
        assert position.remaining == position.vol - sum(part.vol for part in position.closings)
        assert position.open == (position.id in desk.positions.open)
        assert 0 <= position.used_margin <= position.margin
        if not position.open:
            assert (position.remaining_cost, position.used_margin) == (0, 0)
    sign = 1 if side == "buy" else -1
    for part in (part for position in positions for part in position.closings):
        assert part.net == sign * (part.cost - part.opening_cost)
    # Oldest first: behind one that is still open, none was touched.
    still_open = [position.open for position in positions]
    assert still_open == sorted(still_open)
    assert all(not position.closings for position in positions[still_open.count(False) + 1 :])


def test_the_oldest_is_closed_first(desk: Desk) -> None:
    first, second, third = desk.open(10, 1_000), desk.open(10, 2_000), desk.open(10, 3_000)
    trade = desk.close(15, 3_000, fee=7)
    assert [(part.position, part.vol, part.cost, part.fee, part.net) for part in trade.closed] == [
        (first, 10, 2_000, 5, 1_000),
        (second, 5, 1_000, 2, 0),
    ]
    assert all(part.trade is trade for part in trade.closed)
    assert desk.positions.on(desk.pair.id) == (second, third)
    assert list(desk.positions.open.values()) == [second, third]
    assert desk.positions.volume_on(desk.pair.id) == 15
    desk.close(15, 5_000)
    assert desk.positions.on(desk.pair.id) == ()
    assert desk.positions.side_on(desk.pair.id) is None


def test_a_short_earns_when_prices_fall(desk: Desk) -> None:
    position = desk.open(100, 50_000, side="sell")
    (part,) = desk.close(50, 20_000).closed
    assert part.net == 5_000
    (part,) = desk.close(50, 26_000).closed
    assert part.net == -1_000
    assert not position.open


def test_what_is_open_is_worth_what_it_brings_at_a_price(desk: Desk) -> None:
    # 0.5 XBT, price units of 10**-1, cost units of 10**-5.
    scale = desk.pair.price_scale
    long = desk.open(50_000_000, 25_000 * 10**5)
    desk.close(10_000_000, 5_000 * 10**5)
    assert long.value(51_000 * 10**scale) == 20_400 * 10**5
    assert long.unrealised(51_000 * 10**scale) == 400 * 10**5
    short = Desk().open(50_000_000, 25_000 * 10**5, side="sell")
    assert short.unrealised(51_000 * 10**scale) == -500 * 10**5


def test_positions_on_a_pair_are_all_on_one_side(desk: Desk) -> None:
    desk.open(10, 1_000)
    with pytest.raises(ValueError, match="other side"):
        desk.open(10, 1_000, side="sell")
    desk.close(10, 1_000)
    short = desk.open(10, 1_000, side="sell")
    assert desk.positions.side_on(desk.pair.id) == "sell"
    assert desk.positions.on(desk.pair.id) == (short,)


@pytest.mark.parametrize("vol", [0, -1, 11])
def test_no_more_is_closed_than_is_open(desk: Desk, vol: int) -> None:
    position = desk.open(10, 1_000)
    trade = desk.fill(desk.order("sell"), vol, 1_000)
    for close in (
        lambda: desk.positions.close(desk.pair.id, vol, trade, 1_000, 0),
        lambda: desk.positions.settle(desk.pair.id, vol, trade),
        lambda: desk.positions.released(desk.pair.id, vol),
    ):
        with pytest.raises(ValueError, match="10 are open"):
            close()
    assert position.remaining == 10
    assert position.closings == []


def test_pairs_have_nothing_to_do_with_each_other(desk: Desk) -> None:
    here = desk.open(10, 1_000)
    other = CATALOG.trading_pair("ETHUSD")
    assert other is not None
    desk.market = Market(other)
    there = desk.open(20, 2_000, side="sell")
    assert desk.positions.on(desk.pair.id) == (here,)
    assert desk.positions.on(other.id) == (there,)
    assert list(desk.positions.open) == [here.id, there.id]
    desk.close(10, 900)
    assert list(desk.positions.open) == [there.id]


def test_settling_takes_each_at_its_own_price(desk: Desk) -> None:
    first, second = desk.open(3, 1_000), desk.open(10, 777)
    trade = desk.fill(desk.order("sell"), 8, 0)
    assert desk.positions.released(desk.pair.id, 8) == 1_389
    parts = desk.positions.settle(desk.pair.id, 8, trade)
    assert [(part.position, part.vol, part.cost, part.fee, part.net) for part in parts] == [
        (first, 3, 1_000, 0, 0),
        (second, 5, 389, 0, 0),
    ]
    assert second.remaining_cost == 388


def test_rollovers_fall_due_every_four_hours_from_the_opening(desk: Desk) -> None:
    position = desk.open(10, 1_000)
    assert position.next_rollover == START + 4 * HOUR
    position.rollovers = 6
    assert position.next_rollover == START + 28 * HOUR


# What a trade's row says of it


def test_a_spot_trade_says_nothing_of_positions(desk: Desk) -> None:
    assert desk.fields(desk.fill(desk.order("buy", leverage=0), 10, 1_000)) == {}


def test_a_trade_says_what_became_of_its_position(desk: Desk) -> None:
    """0.3 for 15000.00001, of which 0.1 goes for 5100."""
    position = desk.open(30_000_000, 1_500_000_001, 3_900_000)
    assert desk.fields(position.trade) == {"posstatus": "open"}
    first = desk.close(10_000_000, 510_000_000, 1_326_000)
    assert desk.fields(first) == {}
    partly = {
        "posstatus": "open",
        "cprice": "51000.00000",
        "ccost": "5100.00000",
        "cfee": "13.26000",
        "cvol": "0.10000000",
        "cmargin": "1000.00000",
        "net": "+100.0000",
    }
    assert desk.fields(position.trade) == partly | {"trades": [first.id]}
    assert position_fields([position.trade], trades=False) == partly
    second = desk.close(20_000_000, 979_999_999, 2_548_000)
    assert desk.fields(position.trade) == {
        "posstatus": "closed",
        "cprice": "49666.66663",  # 14899.99999 / 0.3, exactly ...63333
        "ccost": "14899.99999",
        "cfee": "38.74000",
        "cvol": "0.30000000",
        "cmargin": "3000.00000",
        "net": "-100.0000",
        "trades": [first.id, second.id],
    }


def test_the_net_has_the_digits_of_the_quotes_balances() -> None:
    desk = Desk("ETHXBT")
    places = desk.pair.cost_decimals
    position = desk.open(10**desk.pair.lot_decimals, 3 * 10 ** (places - 2))
    desk.close(position.vol, 3 * 10 ** (places - 2) + 12)
    net = desk.fields(position.trade)["net"]
    assert net == f"+{12 / 10**places:.10f}"


def test_a_consolidated_trade_sums_its_positions_up(desk: Desk) -> None:
    execution = Execution(desk.order("sell"), [])
    first = desk.open(100_000_000, 100_000, 10, execution=execution)
    second = desk.open(300_000_000, 300_003, 30, execution=execution)
    sweep = Execution(desk.order("buy"), [])
    closing = [desk.close(150_000_000, 149_000, 1, sweep), desk.close(50_000_000, 51_000, 2, sweep)]
    joined = {
        "posstatus": "open",
        "cprice": "1.00000",
        "ccost": "2.00000",
        "cfee": "0.00003",
        "cvol": "2.00000000",
        "cmargin": "0.40001",  # of 300003 over 3 and 5, each rounded
        "net": "+0.0000",
    }
    both = (first.trade, second.trade)
    assert desk.fields(*both) == joined | {"trades": [closing[0].id]}
    assert desk.fields(*both, consolidated=False) == joined | {"trades": [fill.id for fill in closing]}
    assert desk.fields(first.trade)["posstatus"] == "closed"
    assert desk.fields(second.trade)["posstatus"] == "open"
    desk.close(200_000_000, 200_001)
    assert desk.fields(*both)["posstatus"] == "closed"
    assert desk.fields(*both)["cmargin"] == "0.80001"
