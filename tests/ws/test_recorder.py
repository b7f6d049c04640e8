"""A day of 2,000 random things on an exchange, recorded by clients of every feed: what they rebuild from frames alone
is what REST shows in the end, and at every moment in between the books have the checksums that the server says.

The day is in tests/trading_day.py, the clients in tests/book_clients.py and tests/feed_clients.py.
"""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from audience import DEPTHS, DEPTHS_1, DEPTHS_3, Line, same_levels, same_orders
from book_clients import SIDES, Book2
from feed_clients import STATUSES, Candles1, Candles2, Executions, OpenOrders, Ticker2, Trades1, Trades2
from order_words import PAIRS
from trading_day import Day, Trader

from mockkraken.clock import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Pit

START = 1_767_225_600 * SECOND  # of the sandbox
OPERATIONS = 2000

# What a day has to see of everything, or it proves nothing.
OFTEN = (
    *(f"{way} {what}: ok" for way in ("rest", "v2", "v1") for what in ("add", "cancel", "amend", "edit", "cancel all")),
    *(f"{way} {what}: ok" for way in ("rest", "v2") for what in ("batch", "cancel batch")),
    *(f"{kind} executed" for kind in ("limit", "market", "iceberg", "stop-loss", "trailing-stop")),
    *("control move", "control gap", "control fill", "control book", "control model", "control trade", "advance"),
    *("v2 filled", "v2 canceled", "v2 expired", "v2 amended", "v2 status", "v2 iceberg_refill"),
    *("made by a conditional close", "Cancel all orders after timeout", "Cannot trade with self", "Order replaced"),
    *("a subscription renewed", "a client that comes and goes"),
)


class Shown:
    """What REST says of a trader in the end."""

    def __init__(self, trader: Trader) -> None:
        self.client = trader.client
        ids = list(trader.account.orders)
        self.orders: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), 50):
            self.orders |= self.client.call("QueryOrders", txid=",".join(ids[start : start + 50]))
        self.fills = self._trades("false")
        self.trades = self._trades("true")

    def _trades(self, consolidated: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        while True:
            page = self.client.call("TradesHistory", consolidate_taker=consolidated, ofs=len(found))
            found |= page["trades"]
            if len(found) >= page["count"]:
                return found


def same_orders_as_rest(executions: Executions, orders: OpenOrders, shown: Shown, day: Day) -> None:
    assert executions.orders.keys() == shown.orders.keys() == orders.orders.keys()
    for order_id, row in shown.orders.items():
        new, old = executions.orders[order_id], orders.orders[order_id]
        places = day.markets[row["descr"]["pair"]].pair
        assert (STATUSES[new["order_status"]], new.get("reason") or None) == (row["status"], row["reason"])
        assert new["order_type"] == row["descr"]["ordertype"]
        assert new["side"] == row["descr"]["type"]
        assert (new.get("order_userref"), new.get("cl_ord_id")) in (
            (str(row["userref"]), None),
            (None, row.get("cl_ord_id")),
        )
        volume = new.get("cash_order_qty", new.get("order_qty"))
        assert Decimal(volume) == Decimal(row["vol"])
        executed = Decimal(new.get("cum_cost" if "cash_order_qty" in new else "cum_qty", "0"))
        assert executed.quantize(Decimal("1e-8"), ROUND_HALF_UP) == Decimal(row["vol_exec"])
        assert Decimal(new["cum_cost"]) == Decimal(row["cost"])
        assert Decimal(new.get("avg_price", "0")) == Decimal(row["price"])
        if row["descr"]["ordertype"] in ("limit", "iceberg"):
            limit = row["descr"]["price"] if row["descr"]["price"][0] not in "+-" else row["limitprice"]
            assert Decimal(new["limit_price"]) == Decimal(limit)
        if row["descr"]["ordertype"] == "iceberg":
            assert Decimal(new["display_qty"]) == Decimal(row["display_volume"])
        assert abs(Decimal(new["fee_usd_equiv"]) - Decimal(row["fee"])) <= Decimal("0.00005")

        assert old["status"] == row["status"]
        assert old.get("cancel_reason") == (row["reason"] if row["status"] == "canceled" else None)
        for name in ("vol", "vol_exec", "cost", "fee"):
            assert Decimal(old[name]) == Decimal(row[name]), name
        off = abs(Decimal(old["avg_price"]) - Decimal(row["price"]))
        assert off <= Decimal("0.5").scaleb(-places.pair_decimals)
        assert str(old["userref"] or 0) == str(row["userref"] or 0)


def same_trades_as_rest(trader: Trader, shown: Shown, names: dict[str, str]) -> None:
    assert trader.executions.trades.keys() == shown.fills.keys() == trader.single_trades.trades.keys()
    for trade_id, row in shown.fills.items():
        new, old = trader.executions.trades[trade_id], trader.single_trades.trades[trade_id]
        assert new["order_id"] == old["ordertxid"] == row["ordertxid"]
        assert new["symbol"] == names[row["pair"]]
        assert new["side"] == old["type"] == row["type"]
        assert new["trade_id"] == str(row["trade_id"])
        assert new["liquidity_ind"] == ("m" if row["maker"] else "t")
        for theirs, name in (("last_qty", "vol"), ("cost", "cost")):
            assert Decimal(new[theirs]) == Decimal(old[name]) == Decimal(row[name]), name
        # What settles several positions has the average of their prices, which version 2 rounds to the pair's decimals.
        step = Decimal(1).scaleb(Decimal(new["last_price"]).as_tuple().exponent)
        assert Decimal(old["price"]) == Decimal(row["price"])
        assert Decimal(new["last_price"]) == Decimal(row["price"]).quantize(step, ROUND_HALF_UP)
        assert Decimal(old["fee"]) == Decimal(row["fee"])
        assert float(old["time"]) == pytest.approx(row["time"], abs=2e-6)
    assert trader.trades.trades.keys() == shown.trades.keys()
    for trade_id, row in shown.trades.items():
        old = trader.trades.trades[trade_id]
        for name in ("vol", "cost", "fee", "margin"):
            assert Decimal(old[name]) == Decimal(row[name]), name
        assert (old["postxid"], old["ordertype"]) == (row["postxid"], row["ordertype"])


def same_balances_as_rest(trader: Trader, shown: Shown, day: Day) -> None:
    assets = day.sandbox.catalog.assets
    real = {assets[asset].display: Decimal(text) for asset, text in shown.client.call("Balance").items()}
    assert trader.balances.balances == real
    kinds = Counter(row["type"] for row in trader.balances.ledger.values())
    day.tally.update({f"ledger {kind}": count for kind, count in kinds.items()})


def same_trades_as_public(day: Day, name: str) -> None:
    trades: Trades2 = day.audience.first.clients["trade", PAIRS[name].v2]
    trades_1: Trades1 = day.audience.old.clients["trade", PAIRS[name].v1]
    real: list[list[Any]] = []
    since = str(START - 1)
    while True:
        page = day.pit.kraken.get("Trades", pair=name, since=since).result
        (rows,) = (value for key, value in page.items() if key != "last")
        real += rows
        if len(rows) < 1000:
            break
        since = page["last"]
    by_id = {row[6]: row for row in real}
    heard = [trade for trade in trades.rows if trade.id in by_id]
    assert len(heard) == len(real)
    for trade in heard:
        price, volume, _, side, ordertype, _, _ = by_id[trade.id]
        assert (trade.price, trade.volume) == (Decimal(price), Decimal(volume))
        assert (trade.side[0], trade.ordertype[0]) == (side, ordertype)
    live = [[Decimal(row[0]), Decimal(row[1]), row[3], row[4]] for row in real[-len(trades_1.rows) :]]
    assert [[trade.price, trade.volume, trade.side, trade.ordertype] for trade in trades_1.rows] == live


def same_candles_as_rest(day: Day, name: str) -> None:
    candles: Candles2 = day.audience.settling[2, "ohlc", name]
    candles_1: Candles1 = day.audience.settling[1, "ohlc", name]
    page = day.pit.kraken.get("OHLC", pair=name).result
    (rows,) = (value for key, value in page.items() if key != "last")
    compared = 0
    for begin, *prices, vwap, volume, count in rows:
        row = candles.rows.get(rfc3339(begin * SECOND)[:16])
        if row is not None:
            values = [Decimal(row[key]) for key in ("open", "high", "low", "close", "vwap", "volume", "trades")]
            assert values == [*map(Decimal, prices), Decimal(vwap), Decimal(volume), count]
            compared += 1
        old = candles_1.rows.get(f"{begin + 60}.000000")
        if old is not None:
            assert [Decimal(text) for text in (*old[2:6], old[7])] == [*map(Decimal, prices), Decimal(volume)]
            assert int(old[8]) == count
    assert compared


def same_ticker_as_rest(day: Day, name: str) -> None:
    """Of who subscribes now: what there is of trades is of the last 24 hours."""
    line = Line(day.wire("/v2"))
    book = line.subscribe(Book2(10, day.audience.low[name]), "book", PAIRS[name].v2)
    ticker = line.subscribe(Ticker2("trades", book, Trades2()), "ticker", PAIRS[name].v2)
    line.wire.leave()
    (row,) = day.pit.kraken.get("Ticker", pair=name).result.values()
    places = day.markets[name].pair.pair_decimals
    vwap = Decimal(row["p"][1]).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    found = [Decimal(ticker.row[key]) for key in ("last", "volume", "vwap", "low", "high", "trades")]
    assert found == [Decimal(row["c"][0]), Decimal(row["v"][1]), vwap, *(Decimal(row[k][1]) for k in "lh"), row["t"][1]]


def same_depth_as_rest(day: Day, name: str) -> None:
    for book in (
        *(day.audience.books[name, depth] for depth in DEPTHS),
        *(day.audience.books_1[name, depth] for depth in DEPTHS_1),
    ):
        same_levels(book, day.markets[name])
        (depth,) = day.pit.kraken.get("Depth", pair=name, count=min(book.depth, 500)).result.values()
        for side in SIDES:
            real = [(Decimal(price), Decimal(volume)) for price, volume, _ in depth[side]]
            mine = [(price, volume.quantize(Decimal("0.001"), ROUND_HALF_UP)) for price, volume in book.rows(side)]
            assert mine[: len(real)] == real
            assert len(mine) >= len(real)
    for depth_3 in DEPTHS_3:
        same_orders(day.audience.level3s[name, depth_3], day.markets[name])


@pytest.mark.parametrize("seed", [1])
def test_what_clients_rebuild_from_frames_is_what_rest_shows(
    seed: int, pit: Pit, wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture
) -> None:
    day = Day(seed, pit, wire)
    for _ in range(OPERATIONS):
        day.step()
        assert not caplog.records
    pit.status.set("online")
    day.look()
    names = {market.pair.id: market.pair.display for market in day.markets.values()}
    for trader in day.traders:
        shown = Shown(trader)
        same_orders_as_rest(trader.executions, trader.orders, shown, day)
        same_trades_as_rest(trader, shown, names)
        same_balances_as_rest(trader, shown, day)
        day.tally.update(f"{row['descr']['ordertype']} executed" for row in shown.orders.values() if row["cost"] != "0")
        day.tally.update(row["reason"] for row in shown.orders.values() if row["reason"])
        day.tally["made by a conditional close"] += sum(row["refid"] is not None for row in shown.orders.values())
        day.tally.update({f"v2 {what}": times for what, times in trader.executions.seen.items()})
    for name in PAIRS:
        same_trades_as_public(day, name)
        same_candles_as_rest(day, name)
        same_ticker_as_rest(day, name)
        same_depth_as_rest(day, name)
    for key, client in {**day.audience.books, **day.audience.books_1, **day.audience.level3s}.items():
        day.tally.update({f"{type(client).__name__} {key[1]}: {what}": times for what, times in client.seen.items()})
    for what, times in sorted(day.tally.items()):
        print(f"{times:6} {what}")
    assert [what for what in OFTEN if not day.tally[what]] == []
