"""The calm market: makers who quote both sides, the same for the same seed, and are there again after each command."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec import structs

from mockkraken import decimals
from mockkraken.catalog import Catalog
from mockkraken.catalog.world import world
from mockkraken.market.ladder import Ladder, recorded_top
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from conftest import Pit

    from mockkraken.exchange import Market, Order
    from mockkraken.exchange.orders import Side

# What most bots trade.
MAJOR = (
    *("XBTUSD", "ETHUSD", "SOLUSD", "XRPUSD", "LTCUSD", "ADAUSD", "DOTUSD", "XDGUSD", "PEPEUSD", "USDTUSD", "USDCUSD"),
    *("XBTEUR", "ETHEUR", "SOLEUR", "XRPEUR", "ADAEUR", "XBTGBP", "XBTUSDT", "ETHUSDT", "XBTUSDC", "ETHXBT", "EURUSD"),
)
# Every thirtieth of all pairs: thin ones, dead ones and such without a price are among them.
SAMPLE = list(Catalog().records)[::30]


class Ladders(NamedTuple):
    """A book's levels as (price, volume), best first."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


def ladders(market: Market) -> Ladders:
    return Ladders(*([(level.price, level.volume) for level in market.book.levels(side)] for side in ("buy", "sell")))


def txids(market: Market) -> list[str]:
    return [
        order.txid for side in ("buy", "sell") for level in market.book.levels(side) for order in level.orders.values()
    ]


@pytest.fixture
def market(pit: Pit) -> Market:
    return pit.market()


class TestBook:
    @pytest.mark.parametrize("name", SAMPLE)
    def test_what_a_glance_shows_is_what_opens(self, pit: Pit, name: str) -> None:
        pair = pit.sandbox.catalog.pair(name)
        glance = pit.sandbox.makers.glance(pair)
        assert not pit.exchange.markets
        book, tape = pit.market(name).book, pit.market(name).tape
        if pair.reference.last is None:
            assert glance.bid is glance.ask is tape.last is glance.tape.last is None
            return
        assert glance.bid
        assert glance.ask
        for quote, level in ((glance.bid, book.best_bid), (glance.ask, book.best_ask)):
            assert (quote and (quote.price, quote.volume)) == (level and (level.price, level.volume))
        seen, opened = ([structs.astuple(row) for row in one.newest(50)] for one in (glance.tape, tape))
        assert seen == opened
        assert len(opened) == 50
        assert glance.tape.last_price == tape.last_price == opened[-1][2]
        assert glance.bid.price <= opened[-1][2] <= glance.ask.price

    @pytest.mark.parametrize("name", [*MAJOR, *SAMPLE])
    def test_two_sided_in_whole_ticks_with_tradable_volumes(self, pit: Pit, name: str) -> None:
        market = pit.market(name)
        pair, (bids, asks) = market.pair, ladders(market)
        if pair.reference.last is None:
            assert not bids
            assert not asks
            return
        assert asks
        assert bids
        assert bids[0][0] < asks[0][0]
        for price, volume in bids + asks:
            assert price > 0
            assert price % pair.tick == 0
            assert price % 10 ** (pair.price_scale - pair.pair_decimals) == 0
            assert volume >= pair.ordermin
        assert {order.account for order in pit.exchange.house.open.values()} == {pit.exchange.house}

    def test_around_the_recorded_prices(self, market: Market) -> None:
        reference, (bids, asks) = market.pair.reference, ladders(market)
        assert (bids[0][0], asks[0][0]) == (reference.bid, reference.ask)
        assert len(bids) == len(asks) == 100

    def test_a_hundred_accounts_worth_of_ids_and_no_two_alike(self, market: Market) -> None:
        assert len(set(txids(market))) == 200


class TestDeterminism:
    def test_the_same_seed_gives_the_same_books_in_whichever_order_they_are_opened(self, new_pit: type[Pit]) -> None:
        one, other = new_pit(seed=5), new_pit(seed=5)
        for name in MAJOR:
            one.market(name)
        one.enter(one.main, one.market("ETHUSD"), "buy", 10**8)
        one.exchange.cancel_all(one.main)
        for name in reversed(MAJOR):
            other.sandbox.makers.glance(other.market(name).pair)
            assert ladders(other.market(name)) == ladders(one.market(name))
            if name != "ETHUSD":
                assert txids(other.market(name)) == txids(one.market(name))

    def test_another_seed_gives_another_book(self, new_pit: type[Pit]) -> None:
        assert ladders(new_pit(seed=1).market()) != ladders(new_pit(seed=2).market())

    def test_a_clients_ids_do_not_depend_on_the_markets_opened_before(self, new_pit: type[Pit]) -> None:
        one, other = new_pit(), new_pit()
        for name in MAJOR:
            other.market(name)
        txid = one.enter(one.main, one.market(), "buy", 10**8, 10**9).txid
        assert other.enter(other.main, other.market(), "buy", 10**8, 10**9).txid == txid


class TestDepth:
    @pytest.mark.parametrize("name", MAJOR)
    def test_a_whole_default_balance_trades_within_one_percent(self, name: str, new_pit: type[Pit]) -> None:
        for account in world().accounts:
            if account.role != "client":
                continue
            for side in ("buy", "sell"):
                pit = new_pit()
                who, market = pit.exchange.accounts[account.name], pit.market(name)
                pair, best = market.pair, market.book.best_opposite(side)
                assert best is not None
                if side == "sell":
                    volume = who.balance(pair.base.id) * 10**pair.lot_decimals // 10**pair.base.decimals
                else:
                    # As much as it pays for, a percent of slippage and the dearest fee included.
                    money = who.balance(pair.quote.id) * 10 ** (pair.lot_decimals + pair.price_scale)
                    volume = money * 98 // (best.price * 10**pair.quote.decimals * 100)
                if volume < pair.ordermin:
                    continue
                order = pit.enter(who, market, side, volume)
                assert order.status == "closed"
                fills = order.executions[0].fills
                assert all(abs(fill.price - best.price) * 100 <= best.price for fill in fills)


class TestRefill:
    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_what_was_taken_is_there_again(self, pit: Pit, market: Market, side: Side) -> None:
        before = ladders(market)
        for levels in (1, 3, 100):
            across = before.asks if side == "buy" else before.bids
            volume = sum(volume for _, volume in across[:levels]) // 4
            pit.enter(pit.main, market, side, min(volume, 10 * 10**8))
            assert ladders(market) == before
        assert len(market.tape.prints) > 3

    def test_a_quote_hit_in_part_is_whole_again(self, pit: Pit, market: Market) -> None:
        before = ladders(market)
        pit.enter(pit.main, market, "buy", before.asks[0][1] // 3, before.asks[0][0])
        assert ladders(market) == before

    def test_orders_that_the_makers_have_not_lost_stay_where_they_queue(self, pit: Pit, market: Market) -> None:
        before = txids(market)
        pit.enter(pit.main, market, "buy", 10**6)
        after = txids(market)
        assert sum(one != other for one, other in itertools.zip_longest(before, after)) == 1

    def test_a_client_who_came_first_is_served_before_the_refill(self, pit: Pit, market: Market) -> None:
        bid, volume = ladders(market).bids[0]
        order = pit.enter(pit.main, market, "buy", 10**6, bid)
        pit.enter(pit.second, market, "sell", min(volume // 2, 10**7))
        assert not order.vol_exec
        assert market.book.bids[bid].volume == volume + 10**6
        pit.enter(pit.second, market, "sell", 10**6)
        assert order.status == "closed"


class TestClientsInTheWay:
    """A quote that would meet a client's resting order is left out for as long as that rests."""

    def lift(self, pit: Pit, market: Market, levels: int, side: Side = "buy") -> tuple[Order, Ladders]:
        """Main takes the best quotes and rests in their place; with what the book was before."""
        before = ladders(market)
        across = before.asks if side == "buy" else before.bids
        taken = sum(volume for _, volume in across[:levels])
        for asset in (market.pair.base, market.pair.quote):
            pit.exchange.set_balance(pit.main, asset, 10**15)
        order = pit.enter(pit.main, market, side, taken + 10**8, across[levels - 1][0])
        assert order.remaining == 10**8
        return order, before

    @pytest.mark.parametrize("levels", [1, 4])
    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_never_crosses_and_comes_back_when_the_client_goes(
        self, pit: Pit, market: Market, levels: int, side: Side
    ) -> None:
        order, before = self.lift(pit, market, levels, side)
        assert order.limit is not None
        if side == "buy":
            during = Ladders([(order.limit, 10**8), *before.bids], before.asks[levels:])
        else:
            during = Ladders(before.bids[levels:], [(order.limit, 10**8), *before.asks])
        assert ladders(market) == during
        pit.exchange.cancel_order(pit.main, txid=order.txid)
        assert ladders(market) == before

    def test_comes_back_when_the_client_has_traded(self, pit: Pit, market: Market) -> None:
        order, before = self.lift(pit, market, 2)
        pit.enter(pit.second, market, "sell", 4 * 10**7)
        assert ladders(market).bids[0] == (order.limit, 6 * 10**7)
        assert ladders(market).asks == before.asks[2:]
        pit.enter(pit.second, market, "sell", 6 * 10**7)
        assert order.status == "closed"
        assert ladders(market) == before

    def test_a_client_inside_the_spread_bars_nothing(self, pit: Pit) -> None:
        market = pit.market("XBTEUR")
        before = ladders(market)
        inside = before.bids[0][0] + market.pair.tick
        assert inside < before.asks[0][0]
        pit.enter(pit.second, market, "buy", 10**6, inside)
        assert ladders(market) == Ladders([(inside, 10**6), *before.bids], before.asks)
        pit.enter(pit.main, market, "sell", 2 * 10**6)
        assert ladders(market) == before

    def test_makers_never_take(self, pit: Pit, market: Market) -> None:
        self.lift(pit, market, 3)
        pit.enter(pit.second, market, "sell", 10**7)
        for trade in pit.main.trades.values():
            assert trade.maker == (trade.vol == 10**7)
        best = market.book.best_bid, market.book.best_ask
        assert best[0] is not None
        assert best[1] is not None
        assert best[0].price < best[1].price

    def test_assets_are_conserved_through_it_all(self, pit: Pit, market: Market) -> None:
        def total(asset: str) -> int:
            return sum(account.balance(asset) for account in pit.exchange.accounts.values())

        before = {asset: total(asset) for asset in ("XXBT", "ZUSD")}
        for volume in (10**5, 7 * 10**7, 123_456_789):
            pit.enter(pit.main, market, "buy", volume)
            pit.enter(pit.main, market, "sell", volume // 3)
        assert {asset: total(asset) for asset in before} == before
        assert pit.exchange.fees.balance("ZUSD") > 0


def test_no_quote_has_more_digits_than_a_float_keeps() -> None:
    sandbox = Sandbox()
    large = 0
    for pair_id in sandbox.catalog.records:
        pair = sandbox.catalog.pair(pair_id)
        top = recorded_top(pair)
        if top is None:
            continue
        ladder = Ladder(pair, 0, sandbox.makers._largest)
        for quote in itertools.islice(ladder.quotes(top, "sell"), 3):
            text = decimals.fmt(quote.volume, pair.lot_decimals)
            assert f"{Decimal(repr(float(text))):.{pair.lot_decimals}f}" == text
            large += quote.volume >= 10**15
    assert large > 100  # so many would have more
