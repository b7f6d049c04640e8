"""What an account can bear: the figures of TradeBalance, margin levels, and who pays for a loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken import decimals
from mockkraken.catalog import Catalog, Pair
from mockkraken.exchange import Account, Market, Order, margin
from mockkraken.exchange.margin import Standing
from mockkraken.exchange.orders import Side
from mockkraken.exchange.positions import Position
from mockkraken.exchange.trades import Execution, Trade
from mockkraken.exchange.valuation import RATE_DECIMALS, Valuation

USD = 10**4
"""What a dollar is in the figures of a standing, and in balances."""


class Stop(NamedTuple):
    level: int


class Room:
    """One account and its markets, moved by hand; amounts are texts."""

    def __init__(self, **balances: str) -> None:
        self.catalog = Catalog()
        self.markets: dict[str, Market] = {}
        self.valuation = Valuation(self.catalog, self.markets)
        self.account = Account("ann")
        self.count = 0
        for asset_id, text in balances.items():
            self.account.balances[asset_id] = self.units(asset_id, text)

    def units(self, asset_id: str, text: str) -> int:
        return decimals.parse(text, self.catalog.assets[asset_id].decimals)

    def market(self, pair: str) -> Market:
        found = self.catalog.trading_pair(pair)
        assert found is not None
        return self.markets.setdefault(found.id, Market(found))

    def trade_at(self, price: str, pair: str = "XBTUSD") -> None:
        market = self.market(pair)
        market.tape.append(1, decimals.parse(price, market.pair.price_scale), 1, "buy", "market")

    def order(
        self,
        side: Side,
        volume: str,
        price: str | None = None,
        pair: str = "XBTUSD",
        level: str | None = None,
        **more: Any,
    ) -> Order:
        """An open order, with a limit price or a trigger's level or neither."""
        market, self.count = self.market(pair), self.count + 1
        scale = market.pair.price_scale
        order = Order(
            account=self.account,
            market=market,
            side=side,
            ordertype="limit",
            vol=decimals.parse(volume, market.pair.lot_decimals),
            limit=None if price is None else decimals.parse(price, scale),
            txid=f"O{self.count}",
            **({"place": "book"} | more),
        )
        if level is not None:
            order.stop = Stop(decimals.parse(level, scale))  # type: ignore[assignment]  # what matters of a stop
        self.account.open[order.txid] = order
        return order

    def position(
        self, side: Side, volume: str, price: str, *, closed: str = "0", leverage: int = 5, pair: str = "XBTUSD"
    ) -> Position:
        order = self.order(side, volume, price, pair, leverage=leverage)
        del self.account.open[order.txid]
        cost = order.market.pair.cost(order.price, order.vol)
        trade = Trade(f"T{self.count}", 1, 1, order, order.price, order.vol, cost, 0, True, 1, Execution(order, []))
        position = Position(
            id=trade.id,
            seq=trade.seq,
            trade=trade,
            order=order,
            account=self.account,
            market=order.market,
            side=side,
            leverage=leverage,
            time=trade.time,
            vol=order.vol,
            cost=cost,
            fee=0,
            vol_closed=decimals.parse(closed, order.market.pair.lot_decimals),
        )
        self.account.positions.add(position)
        return position

    def standing(self, into: str = "ZUSD") -> Standing:
        assets = self.catalog.assets
        return margin.standing(self.account, assets[into], self.valuation, assets)

    def owed(self, text: str, asset_id: str = "ZUSD") -> list[tuple[str, int]]:
        """Who pays, by asset id."""
        assets = self.catalog.assets
        found = margin.owed(self.account, assets[asset_id], self.units(asset_id, text), self.valuation, assets)
        return [(asset.id, units) for asset, units in found]


def dollars(text: str) -> int:
    return decimals.parse(text, 4)


def test_an_account_in_figures() -> None:
    """The relations that Kraken documents: e = tb + n, mf = e - m, ml = e / m (kraken/40 §1.4)."""
    room = Room(ZUSD="16400.12")
    room.position("buy", "0.05", "50000")
    room.trade_at("49750")
    found = room.standing()
    assert found == Standing(
        eb=dollars("16400.12"),
        tb=dollars("16400.12"),
        m=dollars("500"),
        uv=0,
        n=dollars("-12.5"),
        c=dollars("2500"),
        v=dollars("2487.5"),
        reserved=0,
    )
    assert (found.e, found.mf, found.mfo) == (dollars("16387.62"), dollars("15887.62"), dollars("15887.62"))
    assert found.ml == 327752


def test_only_collateral_counts_and_less_than_its_worth() -> None:
    room = Room(ZUSD="1000", XXBT="2", KFEE="500")
    room.trade_at("50000")
    assets = room.catalog.assets
    assert assets["KFEE"].collateral_value is None
    part = decimals.parse(assets["XXBT"].collateral_value or "", 4)
    assert 0 < part < 10_000
    found = room.standing()
    assert found.eb >= dollars("101000")
    assert found.tb == dollars("1000") + 100_000 * part
    assert (found.m, found.ml) == (0, None)


def test_shorts_earn_as_prices_fall_and_all_pairs_add_up() -> None:
    room = Room(ZUSD="10000")
    room.position("sell", "0.1", "50000", closed="0.06", leverage=2)
    room.position("buy", "2", "3000", pair="ETHUSD", leverage=3)
    room.trade_at("40000")
    room.trade_at("2900", "ETHUSD")
    found = room.standing()
    # 0.04 XBT sold at 50000, 2 ETH bought at 3000.
    assert found.c == dollars("2000") + dollars("6000")
    assert found.v == dollars("1600") + dollars("5800")
    assert found.n == dollars("400") - dollars("200")
    assert found.m == dollars("1000") + dollars("2000")
    assert found.ml == 34_000


def test_positions_in_several_currencies_meet_in_one() -> None:
    room = Room(ZUSD="10000")
    room.trade_at("50000")
    room.trade_at("1.25", "EURUSD")
    room.position("buy", "0.1", "40000", pair="XBTEUR", leverage=4)
    room.trade_at("44000", "XBTEUR")
    found = room.standing()
    assert (found.c, found.v, found.n, found.m) == tuple(map(dollars, ("5000", "5500", "500", "1250")))
    in_coins = room.standing("XXBT")
    # From euros to bitcoin by XBTEUR itself.
    assert (in_coins.c, in_coins.v, in_coins.n, in_coins.m) == (909, 1000, 91, 227)
    assert in_coins.tb == 2000


def test_without_a_trade_the_reference_price_stands_in() -> None:
    room = Room(ZUSD="10000")
    position = room.position("buy", "1", "100")
    reference = position.market.pair.reference.last
    assert reference is not None
    assert room.standing().v == decimals.rescale(reference, position.market.pair.price_scale, 4)


def test_what_has_no_price_is_worth_what_it_cost() -> None:
    room = Room(ZUSD="10000")
    position = room.position("buy", "1", "100")

    class NoPrices(Valuation):
        def price(self, pair: Pair) -> int | None:
            return None

    assert margin.market_value(position, NoPrices(room.catalog, {})) == position.cost


def test_orders_in_the_book_reserve_margin() -> None:
    room = Room(ZUSD="10000")
    room.trade_at("50000")
    half = room.order("buy", "0.1", "40000", leverage=4)
    half.vol_exec = half.vol // 2
    room.order("sell", "0.01", "60000")
    room.order("sell", "0.02", "60000", leverage=5, reduce_only=True)
    room.order("sell", "0.1", level="45000", leverage=5, place="triggers")
    room.order("buy", "0.1", "45000", level="55000", leverage=5, place="triggers")
    room.order("buy", "0.1", leverage=5, place="schedule")
    room.order("buy", "0", leverage=0, place="schedule", budget=123 * 10**5)
    found = room.standing()
    assert found.reserved == dollars("500")
    assert found.mf - found.mfo == dollars("500")
    # Limits, then the stop's level, the stop's limit, the last price, and what viqc spends.
    assert found.uv == sum(map(dollars, ("2000", "600", "1200", "4500", "4500", "5000", "123")))


def test_an_order_that_is_to_be_replaced_is_left_out() -> None:
    room = Room(ZUSD="10000")
    first, second = (room.order("buy", "0.1", price, leverage=4) for price in ("40000", "20000"))
    assets = room.catalog.assets
    for order, reserved in ((first, "500"), (second, "1000"), (None, "1500")):
        found = margin.standing(room.account, assets["ZUSD"], room.valuation, assets, without=order)
        assert found.reserved == dollars(reserved)
        assert found.uv == 4 * found.reserved


def test_a_stop_that_has_no_level_yet_counts_at_the_last_price() -> None:
    room = Room(ZUSD="10000")
    room.trade_at("50000")
    order = room.order("sell", "0.1", level="0", place="triggers")
    assert margin.order_price(order) is None
    assert room.standing().uv == dollars("5000")


@pytest.mark.parametrize(
    ("equity", "used", "level", "called", "stopped"),
    [
        (800, 1000, 8000, True, False),
        (801, 1000, 8010, False, False),
        (400, 1000, 4000, True, True),
        (401, 1000, 4010, True, False),
        (80_000_000_001, 100_000_000_000, 8000, False, False),  # 80.00000 % shown, yet above
        (39_999_999_999, 100_000_000_000, 4000, True, True),
        (-1, 3, -3333, True, True),
        (0, 1, 0, True, True),
        (2, 3, 6667, True, False),
        (1, 0, None, False, False),
        (-1, 0, None, False, False),
    ],
)
def test_margin_levels(equity: int, used: int, level: int | None, called: bool, stopped: bool) -> None:
    found = Standing(eb=0, tb=equity, m=used, uv=0, n=0, c=0, v=0, reserved=0)
    assert found.ml == level
    assert (margin.level_reached(found, 80), margin.level_reached(found, 40)) == (called, stopped)


def test_the_margin_of_an_opening_is_rounded_half_up() -> None:
    assert margin.opening_margin(720_265, 5) == 144_053  # [obs] 7.20265 at 5:1
    assert [margin.opening_margin(cost, 2) for cost in (0, 1, 2, 3)] == [0, 1, 1, 2]


# Who pays


def test_a_loss_is_paid_in_cash_first() -> None:
    room = Room(XXBT="1", ZUSD="100")
    room.trade_at("50000")
    assert room.owed("30.5") == [("ZUSD", 305_000)]
    assert room.owed("100") == [("ZUSD", 1_000_000)]
    assert room.owed("0") == []
    # 50 dollars are 0.001 XBT.
    assert room.owed("150") == [("ZUSD", 1_000_000), ("XXBT", 10_000_000)]


def test_other_collateral_pays_in_the_order_of_the_balances() -> None:
    room = Room(ZUSD="0", XETH="1", KFEE="1000000", XXBT="0.002", SOL="1000")
    room.trade_at("50000")
    room.trade_at("2000", "ETHUSD")
    room.trade_at("100", "SOLUSD")
    eth, xbt = room.units("XETH", "1"), room.units("XXBT", "0.002")
    assert room.owed("2000") == [("XETH", eth)]
    assert room.owed("2050") == [("XETH", eth), ("XXBT", xbt // 2)]
    assert room.owed("2150") == [("XETH", eth), ("XXBT", xbt), ("SOL", room.units("SOL", "0.5"))]


def test_what_orders_hold_pays_for_nothing_and_what_nobody_covers_is_left() -> None:
    room = Room(ZUSD="100", XXBT="0.5")
    room.trade_at("50000")
    room.account.held["ZUSD"] = room.units("ZUSD", "99")
    room.account.held["XXBT"] = room.units("XXBT", "0.4")
    assert room.owed("10000") == [("ZUSD", 10_000), ("XXBT", room.units("XXBT", "0.1"))]
    room.account.held["XXBT"] = room.units("XXBT", "0.5")
    assert room.owed("10000") == [("ZUSD", 10_000)]
    assert Room().owed("1") == []


def test_rounding_is_on_the_side_of_the_lender() -> None:
    """A ten-thousandth of a dollar at 30000 is 0.0000000033... XBT."""
    room = Room(XXBT="1")
    room.trade_at("30000")
    assert room.owed("0.0001") == [("XXBT", 34)]


@given(
    debt=st.integers(1, 10**9),
    cash=st.integers(0, 10**9),
    coins=st.integers(0, 10**8),
    ether=st.integers(0, 10**12),
    price=st.integers(1, 10**6),
)
def test_all_is_paid_or_nothing_is_left(debt: int, cash: int, coins: int, ether: int, price: int) -> None:
    room = Room()
    room.account.balances |= {"ZUSD": cash, "XXBT": coins, "XETH": ether}
    room.trade_at(f"{price}")
    room.trade_at("2000", "ETHUSD")
    assets = room.catalog.assets
    paid = {asset.id: units for asset, units in margin.owed(room.account, assets["ZUSD"], debt, room.valuation, assets)}
    assert all(0 < units <= room.account.available(asset_id) for asset_id, units in paid.items())
    worth, precise = 0, 10 ** (RATE_DECIMALS + 10)
    for asset_id, units in paid.items():
        rate = room.valuation.rate(assets[asset_id], assets["ZUSD"])
        assert rate is not None
        worth += units * rate * 10 ** (10 - assets[asset_id].decimals)
    if worth * USD < debt * precise:
        assert paid == {asset_id: units for asset_id, units in room.account.balances.items() if units}
    else:
        # Not more than it takes: with one unit less of the last, it would fall short; each asset before it rounds once.
        last = list(paid)[-1]
        rate = room.valuation.rate(assets[last], assets["ZUSD"]) or 0
        unit = rate * 10 ** (10 - assets[last].decimals)
        assert (worth - unit) * USD < (debt + len(paid) - 1) * precise
