"""A trading floor: the exchange alone, on a frozen clock, with traders who read and write texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mockkraken import decimals
from mockkraken.catalog import Catalog
from mockkraken.clock import SECOND, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account, Exchange, OrderRequest
from mockkraken.ids import Ids, generator
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Market, Order
    from mockkraken.exchange.orders import Side


START = 1_790_000_000 * SECOND  # 2026-09-21T14:13:20Z


class Floor:
    """An exchange without market makers. Pairs go by any of their names, assets by id."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock(START)
        self.settings = Settings.of(**settings)
        self.catalog = Catalog()
        self.rng = generator(0, "ids")
        self.exchange = Exchange(self.clock, self.settings, self.catalog, Ids(self.rng))

    def trader(self, name: str, **balances: str) -> Account:
        account = self.exchange.open_account(Account(name))
        for asset_id, text in (balances or {"ZUSD": "1000000", "XXBT": "10"}).items():
            self.deposit(account, asset_id, text)
        return account

    def deposit(self, account: Account, asset_id: str, text: str) -> None:
        """Set the balance, as the control API does."""
        asset = self.catalog.assets[asset_id]
        self.exchange.set_balance(account, asset, decimals.parse(text, asset.decimals))

    def pair(self, name: str = "XBTUSD") -> Pair:
        pair = self.catalog.trading_pair(name)
        assert pair is not None
        return pair

    def prepare(self, who: Account, side: Side, volume: str, price: str | None = None, **more: Any) -> Order:
        """What `validate=true` runs. A market order without a price; `more` are fields of AddOrder."""
        pair = self.pair(more.pop("pair", "XBTUSD"))
        fields = {"ordertype": "limit" if price else "market", "type": side, "volume": volume, "price": price} | more
        return self.exchange.prepare(who, pair, OrderRequest(**fields))

    def enter(self, who: Account, side: Side, volume: str, price: str | None = None, **more: Any) -> Order:
        return self.exchange.submit(self.prepare(who, side, volume, price, **more))

    def buy(self, who: Account, volume: str, price: str | None = None, **more: Any) -> Order:
        return self.enter(who, "buy", volume, price, **more)

    def sell(self, who: Account, volume: str, price: str | None = None, **more: Any) -> Order:
        return self.enter(who, "sell", volume, price, **more)

    def refusal(self, who: Account, side: Side, volume: str, price: str | None = None, **more: Any) -> str:
        """The error's text."""
        with pytest.raises(KrakenError) as refused:
            self.enter(who, side, volume, price, **more)
        return refused.value.message

    def quote(self, side: Side, volume: str, price: str, pair: str = "XBTUSD") -> Order:
        """An order of the house."""
        market = self.exchange.market(self.pair(pair))
        units = decimals.parse(price, market.pair.price_scale)
        lots = decimals.parse(volume, market.pair.lot_decimals)
        return self.exchange.quote(market, side, units, lots, f"quote {side} {price}")

    def book(self, pair: str = "XBTUSD") -> str:
        """The levels as `bids | asks`, each best first as `price:volume`."""
        market = self.exchange.market(self.pair(pair))
        return " | ".join(
            " ".join(
                f"{decimals.shortest(level.price, market.pair.price_scale)}:"
                f"{decimals.shortest(level.volume, market.pair.lot_decimals)}"
                for level in market.book.levels(side)
            )
            for side in ("buy", "sell")
        )

    def balance(self, who: Account, asset_id: str) -> str:
        return self._text(who.balance(asset_id), asset_id)

    def held(self, who: Account, asset_id: str) -> str:
        return self._text(who.held[asset_id], asset_id)

    def available(self, who: Account, asset_id: str) -> str:
        return self._text(who.available(asset_id), asset_id)

    def _text(self, units: int, asset_id: str) -> str:
        return decimals.shortest(units, self.catalog.assets[asset_id].decimals)

    def rows(self, who: Account) -> list[str]:
        """The ledger as `type asset amount fee balance`, without what was set from outside."""
        return [
            f"{entry.type} {entry.asset} {self._text(entry.amount, entry.asset)}"
            f" {self._text(entry.fee, entry.asset)} {self._text(entry.balance, entry.asset)}"
            for entry in who.ledger.values()
            if entry.type != "adjustment"
        ]

    def fills(self, order: Order) -> list[str]:
        """The order's fills as `volume@price whom`."""
        pair = order.market.pair
        return [
            f"{decimals.shortest(fill.vol, pair.lot_decimals)}@{decimals.shortest(fill.price, pair.price_scale)}"
            f" {self._across(order, fill.trade_id)}"
            for execution in order.executions
            for fill in execution.fills
        ]

    def _across(self, order: Order, trade_id: int) -> str:
        others = [account for account in self.exchange.accounts.values() if account is not order.account]
        for account in others:
            for trade in account.trades.values():
                if trade.trade_id == trade_id and trade.order.market is order.market:
                    return account.name
        return "house"

    @staticmethod
    def end(order: Order) -> str:
        """How an order stands: `status done/volume`, and why."""
        lot = order.market.pair.lot_decimals
        text = f"{order.status} {decimals.shortest(order.vol_exec, lot)}/{decimals.shortest(order.vol, lot)}"
        return f"{text}: {order.reason}" if order.reason else text


class Pit:
    """A frozen sandbox with its market makers, as its default accounts see it; settings by name."""

    def __init__(self, *, start: int = START, **settings: Any) -> None:
        self.sandbox = Sandbox(settings=Settings.of(**settings), start=start)
        self.exchange = self.sandbox.exchange
        self.makers = self.sandbox.makers
        self.main: Account = self.exchange.accounts["main"]
        self.second: Account = self.exchange.accounts["second"]

    def market(self, name: str = "XBTUSD") -> Market:
        catalog = self.sandbox.catalog
        pair = catalog.pair(name) if name in catalog.records else catalog.trading_pair(name)
        assert pair is not None
        return self.exchange.market(pair)

    def total(self, asset_id: str) -> int:
        """What all accounts have of an asset."""
        return sum(account.balance(asset_id) for account in self.exchange.accounts.values())

    def book(self, market: Market) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as (price, volume), best first."""
        book = market.book
        bids, asks = ([(level.price, level.volume) for level in book.levels(side)] for side in ("buy", "sell"))
        return bids, asks

    def enter(self, who: Account, market: Market, side: Side, volume: int, price: int | None = None) -> Order:
        """An order in lot and price units."""
        pair = market.pair
        request = OrderRequest(
            ordertype="market" if price is None else "limit",
            type=side,
            volume=decimals.fmt(volume, pair.lot_decimals),
            price=None if price is None else pair.price_text(price),
        )
        return self.exchange.submit(self.exchange.prepare(who, pair, request))


@pytest.fixture
def new_pit() -> type[Pit]:
    return Pit


@pytest.fixture
def pit() -> Pit:
    return Pit()


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def open_floor() -> type[Floor]:
    """For floors with settings of their own."""
    return Floor


@pytest.fixture
def ann(floor: Floor) -> Account:
    """A trader with 1,000,000 dollars and 10 bitcoin, like bob and cat."""
    return floor.trader("ann")


@pytest.fixture
def bob(floor: Floor) -> Account:
    return floor.trader("bob")


@pytest.fixture
def cat(floor: Floor) -> Account:
    return floor.trader("cat")
