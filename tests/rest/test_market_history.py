"""One story, told by Ticker, OHLC, Trades, Spread and Depth: every sum is made again from the trades."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken.catalog import Catalog
from mockkraken.clock import DAY, HOUR, LATEST, MINUTE, SECOND
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client

START = 1_790_000_000  # 2026-09-21T14:13:20Z, a Monday
INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
TWO_YEARS = 730 * 86400
CATALOG = Catalog()
PRICED = [name for name in CATALOG.records if CATALOG.pair(name).reference.last is not None]
THIN = next(name for name in PRICED if CATALOG.pair(name).reference.daily_trades <= 1)
# Busy, without decimals, with volumes of trillions, hardly moving, hardly traded.
PAIRS = ("XXBTZUSD", "XXBTZJPY", "PEPEUSD", "USDCUSD", THIN)
SAMPLE = [name for name in PRICED if not CATALOG.pair(name).tokenized][::23]


class Trade(NamedTuple):
    """A row of Trades."""

    price: Decimal
    volume: Decimal
    time: float
    side: str
    ordertype: str
    misc: str
    trade_id: int


def first_cursor(sandbox: Sandbox) -> str:
    """Where paging begins; in the first day of 1970 a cursor in nanoseconds looks like one of milliseconds."""
    return "0" if sandbox.clock.now() > 2 * DAY else str(10**14)


class Told:
    """A pair's market as a client reads it."""

    def __init__(self, client: Client, pair: str) -> None:
        self.client = client
        self.sandbox = client.sandbox
        self.name = pair
        self.pair = self.sandbox.catalog.pair(pair)
        self.key = self.pair.id
        self.trades = self.paged(1000, first_cursor(self.sandbox))

    def ask(self, method: str, **fields: Any) -> Any:
        result = self.client.get(method, pair=self.name, **fields).result
        return next(rows for key, rows in result.items() if key != "last")

    def last(self, method: str, **fields: Any) -> Any:
        return self.client.get(method, pair=self.name, **fields).result["last"]

    def paged(self, count: int, since: str = "0") -> list[Trade]:
        """All trades after `since`, `count` at a time."""
        found: list[Trade] = []
        while rows := (result := self.client.get("Trades", pair=self.name, since=since, count=count).result)[self.key]:
            assert len(rows) <= count
            found += [Trade(Decimal(row[0]), Decimal(row[1]), *row[2:]) for row in rows]
            since = result["last"]
        assert result["last"] == since
        return found

    @property
    def now(self) -> float:
        return self.sandbox.clock.now() / SECOND

    def vwap(self, trades: list[Trade], places: int) -> Decimal:
        with localcontext(prec=80, rounding=ROUND_HALF_UP):
            volume = sum(trade.volume for trade in trades)
            return (sum(trade.price * trade.volume for trade in trades) / volume).quantize(Decimal(1).scaleb(-places))


def told_of(client_of: Callable[[Sandbox, str], Client], pair: str, *, start: int = START, **settings: Any) -> Told:
    sandbox = Sandbox(settings=Settings.of(rate_limits="off", **settings), start=start * SECOND)
    return Told(client_of(sandbox, "full"), pair)


@pytest.fixture(scope="module", params=PAIRS)
def fresh(request: pytest.FixtureRequest, client_of: Callable[[Sandbox, str], Client]) -> Told:
    """A market just opened."""
    return told_of(client_of, request.param)


@pytest.fixture(scope="module", params=["XXBTZUSD", THIN])
def lived(request: pytest.FixtureRequest, client_of: Callable[[Sandbox, str], Client]) -> Told:
    """A market some hours after it was opened, in which the makers' walk and takers have traded since."""
    told = told_of(client_of, request.param, market="walk")
    market = told.sandbox.exchange.market(told.pair)
    for span in (SECOND, 30 * SECOND, 7 * MINUTE, 3 * HOUR, 400 * SECOND, 1_000_000_001):
        told.sandbox.clock.advance(span)
        for side in ("buy", "sell"):
            told.sandbox.makers.trade(market, side, told.pair.ordermin * 3)
    told.trades = told.paged(1000)
    return told


@pytest.fixture(scope="module", params=["fresh", "lived"])
def bitcoin(request: pytest.FixtureRequest, client_of: Callable[[Sandbox, str], Client]) -> Told:
    """Bitcoin, with and without trades since it was opened."""
    told = told_of(client_of, "XXBTZUSD")
    if request.param == "lived":
        market = told.sandbox.exchange.market(told.pair)
        for minute in range(40):
            told.sandbox.clock.advance((minute * 7 % 13) * MINUTE + SECOND)
            told.sandbox.makers.move(market, market.tape.last_price + (minute % 3 - 1) * 50 * told.pair.tick)
    told.trades = told.paged(1000)
    return told


def check_trades(told: Told) -> None:
    ids = [trade.trade_id for trade in told.trades]
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert 0 < ids[0] <= 1_000_000 <= ids[-1]
    assert all(earlier.time <= later.time for earlier, later in pairwise(told.trades))
    assert told.trades[-1].time <= told.now
    if len(told.trades) > 100:
        assert {trade.side for trade in told.trades} == {"b", "s"}
        assert {trade.ordertype for trade in told.trades} == {"l", "m"}
    tick = Decimal(told.pair.price_text(told.pair.tick))
    assert all(trade.price > 0 and trade.price % tick == 0 and trade.volume > 0 for trade in told.trades)


def check_candles(told: Told) -> None:
    """Each candle is the fold of its trades; one without any repeats the close before."""
    places = told.pair.pair_decimals
    for minutes in INTERVALS:
        width, rows = minutes * 60, told.ask("OHLC", interval=minutes)
        forming = int(told.now) // width * width
        by_start: dict[int, list[Trade]] = {}
        for trade in told.trades:
            by_start.setdefault(int(trade.time) // width * width, []).append(trade)
        oldest = max(forming - 720 * width, min(by_start))
        assert [row[0] for row in rows] == list(range(oldest, forming + 1, width))
        assert told.last("OHLC", interval=minutes) == max(forming - width, 0)
        close = None
        for start in sorted(by_start):
            if start < oldest:
                close = by_start[start][-1].price
        for start, *prices, vwap, volume, count in rows:
            trades = by_start.get(start, [])
            assert count == len(trades)
            assert Decimal(volume) == sum(trade.volume for trade in trades)
            if trades:
                inside = [trade.price for trade in trades]
                assert list(map(Decimal, prices)) == [inside[0], max(inside), min(inside), inside[-1]]
                assert Decimal(vwap) == told.vwap(trades, places)
                close = inside[-1]
            else:
                assert list(map(Decimal, prices)) == [close] * 4
                assert Decimal(vwap) == 0


def check_ticker(told: Told) -> None:
    row = told.ask("Ticker")
    midnight = told.now // 86400 * 86400
    today = [trade for trade in told.trades if trade.time >= midnight]
    day = [trade for trade in told.trades if trade.time > told.now - 86400]
    assert day
    assert row["t"] == [len(today), len(day)]
    for index, trades in enumerate((today, day)):
        assert Decimal(row["v"][index]) == sum(trade.volume for trade in trades)
        if trades:
            assert Decimal(row["p"][index]) == told.vwap(trades, told.pair.price_scale)
            assert Decimal(row["l"][index]) == min(trade.price for trade in trades)
            assert Decimal(row["h"][index]) == max(trade.price for trade in trades)
    assert Decimal(row["o"]) == (today[0].price if today else 0)
    assert [Decimal(text) for text in row["c"]] == [told.trades[-1].price, told.trades[-1].volume]


def check_spread(told: Told) -> None:
    rows, book = told.ask("Spread"), told.ask("Depth", count=1)
    assert rows[-1][1:] == [book["bids"][0][0], book["asks"][0][0]]
    assert 0 < len(rows) <= 200
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(rows))
    assert all(earlier[1:] != later[1:] for earlier, later in pairwise(rows))
    assert all(0 <= Decimal(bid) < Decimal(ask) for _, bid, ask in rows)
    assert rows[-1][0] <= told.now


class TestOneStory:
    def test_trades_are_numbered_and_in_order(self, fresh: Told) -> None:
        check_trades(fresh)
        assert fresh.trades[-1].trade_id == 1_000_000
        assert fresh.now - TWO_YEARS - 86400 < fresh.trades[0].time < fresh.now - TWO_YEARS + 86400

    def test_candles_are_made_of_the_trades(self, fresh: Told) -> None:
        check_candles(fresh)

    def test_ticker_is_made_of_the_trades(self, fresh: Told) -> None:
        check_ticker(fresh)

    def test_spread_ends_with_the_book(self, fresh: Told) -> None:
        check_spread(fresh)
        if fresh.name not in ("USDCUSD", THIN):  # They stay where they are for long.
            assert len(fresh.ask("Spread")) == 200

    def test_the_last_trade_lies_within_the_spread(self, fresh: Told) -> None:
        row = fresh.ask("Ticker")
        assert Decimal(row["b"][0]) <= Decimal(row["c"][0]) <= Decimal(row["a"][0])

    def test_what_was_traded_since_adds_on(self, lived: Told) -> None:
        assert lived.trades[-1].trade_id > 1_000_010
        check_trades(lived)
        check_candles(lived)
        check_ticker(lived)
        check_spread(lived)


class TestPaging:
    @pytest.mark.parametrize("count", [1000, 999, 613])
    def test_to_the_very_end(self, fresh: Told, count: int) -> None:
        assert fresh.paged(count) == fresh.trades

    def test_in_small_steps(self, bitcoin: Told) -> None:
        since = str(int(bitcoin.trades[-90].time * SECOND) - 1000)
        for count in (1, 7, 90):
            assert bitcoin.paged(count, since) == bitcoin.trades[-90:]

    def test_the_latest_come_without_since(self, bitcoin: Told) -> None:
        for count in (1, 50, 1000):
            ids = [row[6] for row in bitcoin.ask("Trades", count=count)]
            assert ids == [trade.trade_id for trade in bitcoin.trades[-count:]]

    def test_as_many_as_the_finest_candles_need(self, bitcoin: Told) -> None:
        assert 10_000 < len(bitcoin.trades) < 12_000


class TestCandles:
    def test_each_is_its_parts_together(self, bitcoin: Told) -> None:
        """Wherever two intervals overlap, the wider candle is the fold of the narrower ones."""
        candles = {minutes: {row[0]: row[1:] for row in bitcoin.ask("OHLC", interval=minutes)} for minutes in INTERVALS}
        for narrow, wide in ((1, 5), (5, 15), (15, 30), (30, 60), (60, 240), (240, 1440), (1440, 10080), (1440, 21600)):
            compared = 0
            forming = max(candles[wide])
            for start, row in candles[wide].items():
                times = range(start, start + wide * 60, narrow * 60)
                parts = [candles[narrow][time] for time in times if time in candles[narrow]]
                # Whole, but for the one that is still forming.
                if len(parts) < len(times) and (start < forming or start not in candles[narrow]):
                    continue
                compared += 1
                traded = [part for part in parts if part[6]]
                assert row[6] == sum(part[6] for part in parts)
                assert Decimal(row[5]) == sum(Decimal(part[5]) for part in parts)
                assert row[3] == parts[-1][3]
                if traded:
                    assert row[0] == traded[0][0]
                    assert Decimal(row[1]) == max(Decimal(part[1]) for part in traded)
                    assert Decimal(row[2]) == min(Decimal(part[2]) for part in traded)
                    turnover = sum(Decimal(part[4]) * Decimal(part[5]) for part in traded)
                    # Each part's own average was rounded.
                    assert abs(turnover / Decimal(row[5]) - Decimal(row[4])) <= Decimal("0.1")
            assert compared > 20

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_as_many_as_two_years_hold(self, fresh: Told, interval: int) -> None:
        rows = fresh.ask("OHLC", interval=interval)
        if interval <= 1440:
            assert len(rows) == 721
        else:
            assert len(rows) == pytest.approx(730 * 1440 / interval + 1, abs=1.5)
        assert rows[-1][0] <= fresh.now < rows[-1][0] + interval * 60

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_since_gives_the_end_of_the_whole(self, bitcoin: Told, interval: int) -> None:
        rows = bitcoin.ask("OHLC", interval=interval)
        for index in (0, 1, len(rows) // 2, len(rows) - 2):
            for since in (rows[index][0], rows[index][0] + 1, rows[index + 1][0] - 1):
                assert bitcoin.ask("OHLC", interval=interval, since=since) == rows[index + 1 :]
                assert bitcoin.last("OHLC", interval=interval, since=since) == rows[-2][0]
            if index:
                assert bitcoin.ask("OHLC", interval=interval, since=rows[index][0] - 1) == rows[index:]
        for since in (rows[-1][0], int(bitcoin.now), 9_999_999_999):
            assert bitcoin.ask("OHLC", interval=interval, since=since) == rows[-1:]
        assert bitcoin.ask("OHLC", interval=interval, since=1) == rows


class TestGlance:
    """Ticker of all pairs opens no market, and shows what would open."""

    def tickers(self, client: Client) -> dict[str, Any]:
        rows = client.get("Ticker").result
        assert isinstance(rows, dict)
        return rows

    def test_opens_nothing(self, kraken: Client, sandbox: Sandbox) -> None:
        assert len(self.tickers(kraken)) > 1000
        assert not sandbox.exchange.markets

    def test_a_walking_price_moves_for_who_reads_only_its_ticker(
        self, client_of: Callable[[Sandbox, str], Client]
    ) -> None:
        sandbox = Sandbox(settings=Settings(market="walk"), start=START * SECOND)
        kraken = client_of(sandbox, "full")
        self.tickers(kraken)
        assert not sandbox.exchange.markets  # one call does not set 1,449 pairs walking
        first = kraken.get("Ticker", pair="XXBTZUSD,XETHZUSD").result
        assert isinstance(first, dict)
        sandbox.clock.advance(HOUR)
        later = self.tickers(kraken)
        assert all(later[name]["c"] != first[name]["c"] for name in first)
        assert set(sandbox.exchange.markets) == set(first)

    def test_shows_what_opens(self, client_of: Callable[[Sandbox, str], Client]) -> None:
        sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START * SECOND)
        kraken = client_of(sandbox, "full")
        before = self.tickers(kraken)
        for name in SAMPLE:
            kraken.get("Depth", pair=name, count=1)
        after = self.tickers(kraken)
        assert [name for name in before if before[name] != after[name]] == []
        assert set(sandbox.exchange.markets) == set(SAMPLE)

    def test_keeps_its_24_hours_and_lets_the_day_go_on(self, client_of: Callable[[Sandbox, str], Client]) -> None:
        sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START * SECOND)
        kraken = client_of(sandbox, "full")
        before = self.tickers(kraken)
        sandbox.clock.advance(HOUR + SECOND)
        after = self.tickers(kraken)
        for name, row in after.items():
            for what in ("a", "b", "c"):
                assert row[what] == before[name][what]
            for what in ("t", "v", "p", "l", "h"):
                assert row[what][1] == before[name][what][1]
        # Each sees what it would have shown an hour ago at the latest, and thus more of the day than at first.
        busy = [name for name in SAMPLE if before[name]["t"][1] > 200]
        assert len(busy) > 5
        assert all(before[name]["t"][0] < after[name]["t"][0] <= after[name]["t"][1] for name in busy)

    def test_a_new_day_begins_for_all_at_once(self, client_of: Callable[[Sandbox, str], Client]) -> None:
        sandbox = Sandbox(settings=Settings(rate_limits="off"), start=(START // 86400 + 1) * 86400 * SECOND - SECOND)
        kraken = client_of(sandbox, "full")
        assert self.tickers(kraken)["XXBTZUSD"]["t"][0] > 2000
        sandbox.clock.advance(SECOND)
        assert {row["t"][0] for row in self.tickers(kraken).values()} == {0}


class TestWithoutPrices:
    def test_everything_is_empty(self, kraken: Client, sandbox: Sandbox) -> None:
        for method in ("Ticker", "OHLC", "Depth", "Trades", "Spread", "Ticker"):
            assert kraken.get(method, pair="AGLDUSD").errors == []
            sandbox.clock.advance(DAY)
        for interval in INTERVALS:
            assert kraken.get("OHLC", pair="AGLDUSD", interval=interval).result["AGLDUSD"] == []
        assert kraken.get("Trades", pair="AGLDUSD", since=0).result == {"AGLDUSD": [], "last": "0"}
        assert kraken.get("Spread", pair="AGLDUSD").result["AGLDUSD"] == []


class TestEndsOfTime:
    @pytest.mark.parametrize("start", [0, 1, 59, 3600, 3 * 86400, 40 * 86400, LATEST // SECOND - 60])
    @pytest.mark.parametrize("name", ["XXBTZUSD", THIN])
    def test_agree_too(self, client_of: Callable[[Sandbox, str], Client], name: str, start: int) -> None:
        told = told_of(client_of, name, start=start)
        assert told.client.get("Ticker").errors == []
        check_spread(told)
        if start > 2 * 86400:
            check_trades(told)
            check_candles(told)
            check_ticker(told)
            return
        trades = told.ask("Trades")
        assert len(trades) == start // (20 if name == "XXBTZUSD" else 6 * 3600)
        assert told.ask("Ticker")["t"] == [len(trades)] * 2
        for interval in INTERVALS:
            assert sum(row[7] for row in told.ask("OHLC", interval=interval)) == len(trades)
