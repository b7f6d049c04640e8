"""Tapes: how they are read, and what playing one does to a market. Over HTTP: tests/control/test_replay.py.

`python tests/unit/test_replay.py` writes the shipped tapes anew.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mockkraken.catalog import Catalog, fixtures
from mockkraken.clock import DAY, HOUR, MINUTE, SECOND, rfc3339
from mockkraken.exchange import OrderRequest
from mockkraken.ids import generator
from mockkraken.market import MarketError, recording
from mockkraken.market.ladder import Quote
from mockkraken.market.recording import RecordingError, Row, load

if TYPE_CHECKING:
    from conftest import Pit

    from mockkraken.exchange import Market
    from mockkraken.exchange.orders import Side

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAIR = Catalog().pair("XXBTZUSD")
TENTH = 10**4  # of a dollar, in price units
LOT = 10**8

# The shipped tapes


def sample_rows() -> list[tuple[int, str, str, int, int]]:
    """The rows of the shipped tape: time in ms, kind, side, price in tenths of a dollar, volume in lots / 10000.

    Makers who place, change and cancel quotes around a top that takers eat into.
    """
    rng = generator(0, "sample tape")
    bids = {683423 - step: 2000 + rng.getrandbits(14) for step in range(10)}
    asks = {683424 + step: 2000 + rng.getrandbits(14) for step in range(10)}
    rows = [
        (0, "book", side, price, left) for side, book in (("bid", bids), ("ask", asks)) for price, left in book.items()
    ]
    time = 0
    while time < 300_000:
        time += 400 + rng.getrandbits(12)
        buys = bool(rng.getrandbits(1))
        taker, makers, book = ("buy", "ask", asks) if buys else ("sell", "bid", bids)
        best = min(asks) if buys else max(bids)
        away = 1 if buys else -1
        what = rng.getrandbits(3)
        if what < 4 and len(book) > 6:
            # Somebody takes a part of what is best, or all of it, and one in four goes on to the next price.
            whole = what < 2
            volume = book[best] if whole else 1 + rng.getrandbits(12) % book[best]
            taken = [(best, volume)]
            if whole and not rng.getrandbits(2):
                following = best + away if best + away in book else (min if buys else max)(set(book) - {best})
                taken.append((following, 1 + book[following] // 3))
            rows += [(time, "trade", taker, price, volume) for price, volume in taken]
            for price, volume in taken:
                book[price] -= volume
                rows.append((time, "book", makers, price, book[price]))
                if not book[price]:
                    del book[price]
        elif what < 6:
            # A quote at the top, within the spread if there is room.
            gap = min(asks) - max(bids)
            price = best - away if gap > 1 else best
            book[price] = 1000 + rng.getrandbits(14)
            rows.append((time, "book", makers, price, book[price]))
        else:
            # One further out comes, changes or goes.
            price = best + away * (1 + rng.getrandbits(3))
            left = 0 if price in book and len(book) > 8 else 3000 + rng.getrandbits(15)
            rows.append((time, "book", makers, price, left))
            book.pop(price, None)
            if left:
                book[price] = left
        assert max(bids) < min(asks)
    return rows


def sample_files() -> dict[str, bytes]:
    lines = ["time,kind,side,price,volume"]
    objects = []
    for time, kind, side, price, volume in sample_rows():
        dollars, lots = f"{price // 10}.{price % 10}", f"{volume // 10**4}.{volume % 10**4:04d}"
        lines.append(f"{time // 1000}.{time % 1000:03d},{kind},{side},{dollars},{lots}")
        moment = rfc3339(1_772_107_200 * SECOND + time * 10**6)
        objects.append(f'{{"time":"{moment}","kind":"{kind}","side":"{side}","price":{dollars},"volume":{lots}}}')
    return {
        "sample_tape.csv": "".join(f"{line}\n" for line in lines).encode(),
        "sample_tape.jsonl": "".join(f"{line}\n" for line in objects).encode(),
    }


class TestShipped:
    @pytest.mark.parametrize("name", recording.SHIPPED)
    def test_they_are_what_is_written_above(self, name: str) -> None:
        assert fixtures.read(name) == sample_files()[name], "stale: run python tests/unit/test_replay.py"

    def test_both_hold_the_same(self) -> None:
        one, other = (load(name, PAIR) for name in recording.SHIPPED)
        assert one.rows == other.rows
        assert {(row.kind, row.side) for row in one.rows} == {
            (kind, side) for kind in ("trade", "book") for side in ("buy", "sell")
        }
        assert 200 <= len(one.rows) <= 300
        assert 5 * MINUTE <= one.rows[-1].time <= 6 * MINUTE


# Reading

HEAD = "time,kind,side,price,volume\n"
GOOD = "0,book,bid,60000,1\n"


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: str | bytes) -> str:
        path = self.folder / "tape"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def rows(self, content: str | bytes) -> list[Row]:
        return load(self.write(content), PAIR).rows

    def error(self, content: str | bytes) -> str:
        name = self.write(content)
        with pytest.raises(RecordingError) as error:
            load(name, PAIR)
        before, _, text = str(error.value).partition(": ")
        assert before == repr(name)
        return text


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


class TestReading:
    def test_columns_in_any_order_and_more_of_them(self, files: Files) -> None:
        text = "id, Price,volume,SIDE,kind,time\n\n# mine\n7, 60000.1 ,0.5,sell,trade,12.25\n8,60000,1,bid,book,12.5\n"
        assert files.rows(text) == [
            Row(0, "trade", "sell", 600001 * TENTH, LOT // 2),
            Row(SECOND // 4, "book", "buy", 600000 * TENTH, LOT),
        ]

    def test_as_spreadsheets_write_it(self, files: Files) -> None:
        text = "\ufeff" + HEAD + '"0","book","ask","60000.0","1.00000000"\n'
        assert files.rows(text.replace("\n", "\r\n")) == [Row(0, "book", "sell", 600000 * TENTH, LOT)]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("0", "61.5"),
            ("1767225600", "1767225661.500"),
            ("2026-01-01T00:00:00Z", "2026-01-01T01:01:01.5+01:00"),
            ("2025-12-31 23:59:59.900000001Z", "1767225661.400000001"),
        ],
    )
    def test_times_count_from_the_first_row(self, files: Files, first: str, second: str) -> None:
        rows = files.rows(f"{HEAD}{first},book,bid,60000,1\n{second},book,bid,60000,2\n")
        assert [row.time for row in rows] == [0, 61 * SECOND + SECOND // 2]

    def test_json_lines(self, files: Files) -> None:
        rows = [
            '{"time": 0, "kind": "book", "side": "ask", "price": 60000.1, "volume": 1e-05, "id": [1, {}]}',
            '{"time": 0.1, "kind": "book", "side": "sell", "price": "60000.2", "volume": 0}',
            "",
            '{"volume":100000000000.12345678,"price":600E+2,"side":"buy","kind":"trade","time":"0.2"}',
        ]
        assert files.rows("\n".join(rows)) == [
            Row(0, "book", "sell", 600001 * TENTH, 1000),
            Row(SECOND // 10, "book", "sell", 600002 * TENTH, 0),
            Row(SECOND // 5, "trade", "buy", 600000 * TENTH, 10000000000012345678),  # more digits than a float has
        ]

    def test_a_book_may_be_crossed_on_its_way_from_one_moment_to_the_next(self, files: Files) -> None:
        text = f"{HEAD}0,book,bid,60000,1\n0,book,ask,60001,1\n1,book,bid,60002,1\n1,book,ask,60001,0\n"
        assert len(files.rows(text)) == 4

    def test_what_was_traded_is_no_longer_in_the_way(self, files: Files) -> None:
        text = f"{HEAD}0,book,ask,60001,1\n1,trade,buy,60001,0.4\n1,trade,buy,60001,0.6\n2,book,bid,60002,1\n"
        assert len(files.rows(text)) == 4
        assert "crossed" in files.error(text.replace("0.6", "0.5"))

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("1,trade,buy,60000,x", 'line 3: volume is "x", no amount'),
            ("1,trade,buy,,1", 'line 3: price is "", no amount'),
            ("1,trade,buy,6e4,1", 'line 3: price is "6e4", no amount'),
            ("1,trade,buy,nan,1", 'line 3: price is "nan", no amount'),
            ("1,trade,buy,60000,0", "line 3: volume is 0, and that is no trade"),
            ("1,trade,buy,60000,-1", 'line 3: volume is "-1"; it lies between 0 and 1000000000000000'),
            ("1,book,bid,60000,-1", 'line 3: volume is "-1"; it lies between 0 and 1000000000000000'),
            ("1,book,bid,60000,1000000000000001", 'line 3: volume is "1000000000000001"; it lies between'),
            ("1,book,bid,60000,0.123456789", 'line 3: volume is "0.123456789", and there are 8 decimals here'),
            ("1,book,bid,0,1", 'line 3: price is "0"; it lies above 0'),
            ("1,book,bid,-5,1", 'line 3: price is "-5"; it lies above 0'),
            ("1,book,bid,1000000000000001,1", 'line 3: price is "1000000000000001"; it lies above 0'),
            ("1,book,bid,60000.05,1", 'line 3: price is "60000.05", no multiple of 0.10000, the tick of XBTUSD'),
            ("1,book,bid,60000.0000001,1", 'line 3: price is "60000.0000001", and there are 5 decimals here'),
            ("1,quote,bid,60000,1", 'line 3: kind is "quote"; it is one of trade, book'),
            ("1,trade,bid,60000,1", 'line 3: side is "bid"; it is one of buy, sell'),
            ("1,book,up,60000,1", 'line 3: side is "up"; it is one of bid, ask, buy, sell'),
            ("yesterday,book,bid,60000,1", "line 3: not a time: 'yesterday'"),
            ("1767225600123,book,bid,60000,1", "line 3: the time lies outside 1970 to 2200"),
            ("-1,book,bid,60000,1", "line 3: not a time: '-1'"),
            ("1767225600,book,bid,60000,1", "line 3: it comes 20454 days after the first row; 366 are the most"),
            ("1,book,bid,60,000,1", "line 3: 6 fields, and the header has 5"),
            ("1,book,bid,60000", "line 3: 4 fields, and the header has 5"),
            (
                "1,book,ask,60000,1",
                "line 3: it leaves the book crossed, with a bid of 60000.00000 and an ask of 60000.0",
            ),
            ("1,book,ask,60000,1\n1,trade,buy,7,1", "line 3: it leaves the book crossed"),
            ("1,book,bid,60000,1\n\n0.9,book,bid,60000,1", "line 5: its time lies before that of line 3"),
            (f"1,book,bid,60000,1{' ' * 1000}1", "line 3: longer than 1000 characters"),
            ('{"time": 1}', "line 3: 1 fields, and the header has 5"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, files: Files, line: str, error: str) -> None:
        assert files.error(f"{HEAD}{GOOD}{line}\n").startswith(error)

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("{", "line 2: no JSON object: "),
            ("[1]", "line 2: no JSON object: "),
            ("[" * 900, "line 2: no JSON object: "),
            ('{"time":NaN}', "line 2: no JSON object: "),
            ('{"time":"\\ud800"}', "line 2: no JSON object: "),
            ('{"time":1,"kind":"trade","side":"buy","price":1}', "line 2: volume is missing"),
            ('{"time":1,"kind":"trade","side":"buy","price":true,"volume":1}', "line 2: price is True, no amount"),
            ('{"time":1,"kind":"trade","side":"buy","price":null,"volume":1}', "line 2: price is None, no amount"),
            ('{"time":1,"kind":"trade","side":"buy","price":[1],"volume":1}', "line 2: price is [1], no amount"),
            ('{"time":1,"kind":"trade","side":["buy"],"price":1,"volume":1}', "line 2: side is ['buy']; it is one of"),
            ('{"time":1,"kind":{},"side":"buy","price":1,"volume":1}', "line 2: kind is {}; it is one of"),
            ('{"time":1,"kind":"trade","side":"buy","price":1e999999999,"volume":1}', "line 2: price is "),
            ('{"time":1,"kind":"trade","side":"buy","price":1e-99,"volume":1}', "line 2: price is "),
            ('{"time":1,"kind":"trade","side":"buy","price":%s,"volume":1}' % ("9" * 900), "line 2: price is "),
            ('{"time":true,"kind":"trade","side":"buy","price":1,"volume":1}', "line 2: not a time: "),
            ('{"time":%s,"kind":"trade","side":"buy","price":1,"volume":1}' % ("9" * 900), "line 2: "),
            ("2,trade,buy,1,1", "line 2: no JSON object: "),
        ],
    )
    def test_and_in_json_too(self, files: Files, line: str, error: str) -> None:
        good = '{"time":0,"kind":"book","side":"bid","price":1,"volume":1}'
        assert files.error(f"{good}\n{line}\n").startswith(error)

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            ("", "is empty"),
            ("\n# nothing\n", "holds no rows"),
            (HEAD, "holds no rows"),
            (GOOD, "line 1: the header names the columns time, kind, side, price, volume; time is missing"),
            (
                "time,kind,price,volume\n",
                "line 1: the header names the columns time, kind, side, price, volume; side is",
            ),
            (
                "time,kind,side,price,price,volume\n",
                "line 1: the header names the columns time, kind, side, price, volu",
            ),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: no text in UTF-8"),
            (HEAD.encode() + b"\n\xff\xfe", "line 3: no text in UTF-8"),
            (b"\x00" * 500, "line 1: the header names the columns"),
            (b"\x00" * 5000, "line 1: longer than 1000 characters"),
        ],
    )
    def test_a_file_that_is_none(self, files: Files, content: str | bytes, error: str) -> None:
        assert files.error(content).startswith(error)

    def test_no_file(self, tmp_path: Path) -> None:
        for name, why in (
            (str(tmp_path / "nope.csv"), "can't be read: No such file"),
            (str(tmp_path), "a directory"),
            ("", "a directory"),
            ("/dev/null", "no ordinary file"),
            ("/dev/zero", "no ordinary file"),
            ("a\0b", "can't be read: embedded null"),
            ("x" * 5000, "can't be read: File name too long"),
        ):
            with pytest.raises(RecordingError) as error:
                load(name, PAIR)
            assert f"{name[:200]!r}: {why}" in str(error.value)

    def test_what_nobody_may_read(self, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied")

        name = files.write(HEAD + GOOD)
        monkeypatch.setattr(Path, "open", refuse)  # whoever tests as root may read everything
        with pytest.raises(RecordingError, match="can't be read: Permission denied"):
            load(name, PAIR)

    def test_too_much_of_it(self, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        assert len(files.rows(HEAD + GOOD * 5)) == 5
        monkeypatch.setattr(recording, "ROWS_MAX", 5)
        assert len(files.rows(HEAD + GOOD * 5)) == 5
        assert files.error(HEAD + GOOD * 6) == "line 7: a tape has at most 5 rows"
        # Sparse: nothing is read beyond the bound.
        path = files.folder / "large"
        with path.open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(RecordingError, match="larger than 32 MiB"):
            load(str(path), PAIR)

    def test_the_longest_line_and_the_longest_tape(self, files: Files) -> None:
        day = 24 * 3600
        last = f"{366 * day},book,bid,60000,"
        rows = files.rows(HEAD + "0,book,bid,60000,1\n" + last + "1".rjust(1000 - len(last)) + "\n")
        assert rows[-1].time == 366 * DAY
        later = "0,book,bid,60000,1\n" + f"{366 * day}.000000001,book,bid,60000,1\n"
        assert files.error(HEAD + later) == "line 3: it comes 366 days after the first row; 366 are the most"
        assert files.error(HEAD + last + "1".rjust(1001 - len(last))) == "line 2: longer than 1000 characters"

    def test_a_name_that_is_no_text_can_be_shown(self, tmp_path: Path) -> None:
        path = tmp_path / "t\udcff.csv"
        try:
            path.write_text(HEAD + GOOD)
        except OSError:  # a file system of texts
            return
        assert json.loads(json.dumps(load(str(path), PAIR).name)).encode().endswith(b"t?.csv")


# Playing


class Played:
    """A market with a tape of its own: rows of (seconds, kind, side, dollars, lots)."""

    def __init__(
        self, pit: Pit, folder: Path, *rows: tuple[float, str, str, float, float], name: str = "XBTUSD"
    ) -> None:
        self.pit = pit
        self.clock = pit.sandbox.clock
        self.market: Market = pit.market(name)
        self.clock.advance(SECOND)  # The tape's past ends where the market opened.
        path = folder / "played.csv"
        path.write_text(HEAD + "".join(",".join(map(str, row)) + "\n" for row in rows))
        self.start = self.clock.now()
        self.path = path
        pit.makers.replay(self.market, load(str(path), self.market.pair))

    def trades(self) -> list[tuple[float, str, float, float]]:
        """Seconds since the start, the taker's side, price and volume of each public trade."""
        return [
            (round((row.time - self.start) / SECOND, 6), row.side, row.price / TENTH / 10, row.volume / LOT)
            for row in self.market.tape.prints
        ]

    def book(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        bids, asks = self.pit.book(self.market)
        return tuple([(price / TENTH / 10, volume / LOT) for price, volume in side] for side in (bids, asks))  # type: ignore[return-value]  # two

    def order(self, side: Side, price: float, volume: float) -> Any:
        return self.pit.enter(self.pit.main, self.market, side, round(volume * LOT), round(price * 10) * TENTH)

    def check(self) -> None:
        """A sound book, no order but those in it, and no asset gained or lost."""
        bids, asks = self.book()
        assert not bids or not asks or bids[0][0] < asks[0][0]
        resting = {
            order.txid
            for side in ("buy", "sell")
            for level in self.market.book.levels(side)  # type: ignore[arg-type]  # a side
            for order in level.orders.values()
            if not order.account.client
        }
        assert set(self.pit.exchange.house.open) == resting


def filled(order: Any) -> list[tuple[float, float]]:
    return [(fill.price / TENTH / 10, fill.vol / LOT) for execution in order.executions for fill in execution.fills]


SMALL = (
    (0, "book", "bid", 100, 2),
    (0, "book", "ask", 101, 2),
    (10, "trade", "buy", 101, 0.5),
    (10, "book", "ask", 101, 1.5),
    (20, "book", "bid", 100.5, 1),
    (30, "trade", "sell", 100.5, 1),
    (30, "trade", "sell", 100, 0.25),
    (40, "book", "bid", 100.5, 0),
    (40, "book", "bid", 100, 1.75),
)


class TestPlaying:
    def test_rows_happen_at_their_times(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        assert played.book() == ([(100, 2)], [(101, 2)])
        played.clock.advance(10 * SECOND - 1)
        assert played.trades() == []
        played.clock.advance(1)
        assert played.trades() == [(10, "buy", 101, 0.5)]
        assert played.book() == ([(100, 2)], [(101, 1.5)])
        played.clock.advance(15 * SECOND)
        assert played.book() == ([(100.5, 1), (100, 2)], [(101, 1.5)])
        played.clock.advance(HOUR)
        assert played.trades()[1:] == [(30, "sell", 100.5, 1), (30, "sell", 100, 0.25)]
        assert played.book() == ([(100, 1.75)], [(101, 1.5)])
        played.check()

    def test_afterwards_the_book_stays(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        played.clock.advance(40 * SECOND)
        timers = len([timer for *_, timer in played.clock._timers if not timer.cancelled])
        assert timers == 0
        played.order("buy", 101, 1)
        played.clock.advance(DAY)
        assert played.book() == ([(100, 1.75)], [(101, 0.5)])
        assert pit.makers.model(played.market) == "replay"

    def test_a_leap_and_small_steps_end_alike(self, new_pit: type[Pit], tmp_path: Path) -> None:
        ends = []
        for step in (2 * HOUR, SECOND, 7 * SECOND // 3):
            pit = new_pit()
            market = pit.market()
            pit.makers.replay(market, load("sample_tape.csv", market.pair))
            pit.enter(pit.main, market, "buy", LOT, 683400 * TENTH)
            target = pit.sandbox.clock.now() + 6 * MINUTE
            while pit.sandbox.clock.now() < target:
                pit.sandbox.clock.advance(min(step, target - pit.sandbox.clock.now()))
            prints = [(row.time, row.price, row.volume, row.side, row.trade_id) for row in market.tape.prints]
            ids = [
                order.txid
                for side in (market.book.bids, market.book.asks)
                for level in side.values()
                for order in level.orders.values()
            ]
            ends.append((prints, pit.book(market), list(market.spreads), ids, list(pit.main.trades)))
        assert ends[0] == ends[1] == ends[2]
        assert len(ends[0][0]) > 30

    def test_a_running_clock_plays_what_is_due(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        played.clock.run(scale=1_000_000)
        while played.clock.now() < played.start + 50 * SECOND:
            pass
        played.clock.run_due()
        assert played.book() == ([(100, 1.75)], [(101, 1.5)])
        assert [row[1:] for row in played.trades()] == [("buy", 101, 0.5), ("sell", 100.5, 1), ("sell", 100, 0.25)]

    def test_what_the_book_lacks_is_traded_all_the_same(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(
            pit,
            tmp_path,
            (0, "trade", "buy", 101, 3),  # nobody offers anything yet
            (1, "book", "bid", 100, 2),
            (1, "book", "ask", 101, 2),
            (2, "trade", "buy", 101, 3),  # more than there is
            (3, "book", "ask", 101, 2),
            (4, "trade", "buy", 102, 1),  # behind the best price
            (5, "trade", "buy", 100.5, 1),  # within the spread
            (6, "trade", "buy", 99, 1),  # across the other side
            (7, "trade", "sell", 105, 0.5),
            (8, "trade", "sell", 100, 2),
        )
        played.clock.advance(2 * SECOND)
        assert played.book() == ([(100, 2)], [])
        played.clock.advance(5 * SECOND)
        assert played.book() == ([(100, 2)], [(101, 2)])
        played.clock.advance(SECOND)
        assert played.trades() == [
            (0, "buy", 101, 3),
            (2, "buy", 101, 3),
            (4, "buy", 102, 1),
            (5, "buy", 100.5, 1),
            (6, "buy", 99, 1),
            (7, "sell", 105, 0.5),
            (8, "sell", 100, 2),
        ]
        assert played.book() == ([], [(101, 2)])
        played.check()

    def test_on_a_pair_without_a_price(self, pit: Pit, tmp_path: Path) -> None:
        pit.sandbox.catalog.with_record("AGLDUSD", status="online")
        played = Played(pit, tmp_path, (0, "trade", "buy", 1, 3), (1, "trade", "sell", 2, 3), name="AGLDUSD")
        played.clock.advance(SECOND)
        assert [(row.price, row.side) for row in played.market.tape.prints] == [
            (10**played.market.pair.price_scale, "buy"),
            (2 * 10**played.market.pair.price_scale, "sell"),
        ]
        # The makers go on where it ended.
        pit.makers.set_model(played.market, "calm")
        asks = pit.book(played.market)[1]
        assert abs(asks[0][0] - 2 * 10**played.market.pair.price_scale) <= played.market.pair.tick * 2

    def test_what_is_given_in_between_is_part_of_the_book(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        pit.makers.set_book(played.market, [("sell", Quote(1020 * TENTH, LOT))])
        assert played.book() == ([], [(102, 1)])
        played.clock.advance(HOUR)
        assert played.book() == ([(100, 1.75)], [(101, 1.5), (102, 1)])
        played.check()


class TestClients:
    def test_at_the_traded_price_they_wait_behind_who_was_there(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(
            pit, tmp_path, (0, "book", "ask", 101, 2), (1, "trade", "buy", 101, 1.5), (2, "trade", "buy", 101, 1)
        )
        mine = played.order("sell", 101, 1)
        played.clock.advance(SECOND)
        assert filled(mine) == []
        played.clock.advance(SECOND)
        assert filled(mine) == [(101, 0.5)]
        assert played.trades()[1:] == [(2, "buy", 101, 0.5), (2.0, "buy", 101, 0.5)]
        assert played.book()[1] == [(101, 0.5)]
        played.check()

    def test_at_a_better_price_they_come_first(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(
            pit, tmp_path, (0, "book", "ask", 101, 2), (0, "book", "bid", 99, 2), (1, "trade", "buy", 101, 1.5)
        )
        mine = played.order("sell", 100.5, 1)
        other = played.order("sell", 101.1, 1)
        played.clock.advance(SECOND)
        assert (filled(mine), filled(other)) == ([(100.5, 1)], [])
        assert [row[1:] for row in played.trades()] == [("buy", 100.5, 1), ("buy", 101, 0.5)]
        assert played.book()[1] == [(101, 1.5), (101.1, 1)]

    def test_they_take_part_in_what_the_book_lacks(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, (0, "book", "bid", 99, 1), (1, "trade", "sell", 99, 3))
        mine, better = played.order("buy", 99, 0.5), played.order("buy", 99.5, 0.25)
        played.clock.advance(SECOND)
        assert (filled(mine), filled(better)) == ([(99, 0.5)], [(99.5, 0.25)])
        assert sum(row[3] for row in played.trades()) == 3
        assert played.book() == ([], [])
        played.check()

    def test_a_trade_beyond_their_price_fills_them(self, pit: Pit, tmp_path: Path) -> None:
        """Whoever sold to that buyer would have sold to them, at more."""
        played = Played(pit, tmp_path, (0, "book", "ask", 101, 1), (1, "trade", "buy", 99, 1))
        mine = played.order("buy", 100, 0.4)
        played.clock.advance(SECOND)
        assert filled(mine) == [(100, 0.4)]
        assert [row[1:] for row in played.trades()] == [("sell", 100, 0.4), ("buy", 99, 0.6)]
        assert played.book() == ([], [(101, 1)])
        played.check()

    def test_a_quote_that_meets_them_trades(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(
            pit, tmp_path, (0, "book", "ask", 101, 1), (1, "book", "ask", 100, 1), (2, "book", "ask", 100, 0.6)
        )
        mine = played.order("buy", 100.5, 0.4)
        played.clock.advance(SECOND)
        assert filled(mine) == [(100.5, 0.4)]
        assert played.book() == ([], [(100, 0.6), (101, 1)])
        version = played.market.book.version
        played.clock.advance(SECOND)
        assert played.market.book.version == version  # it stands there already

    def test_what_they_have_kept_from_being_taken_makes_way(self, pit: Pit, tmp_path: Path) -> None:
        """The tape relies on a trade to have emptied a level, but a client was taken instead."""
        played = Played(
            pit, tmp_path, (0, "book", "ask", 101, 1), (1, "trade", "buy", 101, 1), (2, "book", "bid", 101, 1)
        )
        played.order("sell", 100.5, 1)
        played.clock.advance(SECOND)
        assert played.book() == ([], [(101, 1)])
        played.clock.advance(SECOND)
        assert played.book() == ([(101, 1)], [])
        assert len(played.trades()) == 1
        played.check()

    def test_stops_are_triggered_by_the_tape(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(
            pit,
            tmp_path,
            (0, "trade", "sell", 100, 1),
            (0, "book", "bid", 90, 5),
            (1, "trade", "sell", 95, 1),
            (1, "trade", "sell", 94, 1),
        )
        request = OrderRequest(ordertype="stop-loss", type="sell", volume="1", price="96")
        stop = pit.exchange.submit(pit.exchange.prepare(pit.main, played.market.pair, request))
        played.clock.advance(SECOND)
        assert filled(stop) == [(90, 1)]
        # It came in between two trades of one moment.
        assert [row[2] for row in played.trades()[-3:]] == [95, 90, 94]

    def test_nothing_is_lost(self, pit: Pit) -> None:
        market = pit.market()
        pit.makers.replay(market, load("sample_tape.csv", market.pair))
        before = [pit.total(asset) for asset in ("XXBT", "ZUSD")]
        orders = []
        for step in range(12):
            for side, sign in (("buy", -1), ("sell", 1)):
                price = (683423 + sign * step) * TENTH
                orders.append(pit.enter(pit.main, market, side, LOT // 3, price))
            pit.sandbox.clock.advance(20 * SECOND)
            bids, asks = pit.book(market)
            assert not bids or not asks or bids[0][0] < asks[0][0]
        pit.sandbox.clock.advance(HOUR)
        assert [pit.total(asset) for asset in ("XXBT", "ZUSD")] == before
        assert len([order for order in orders if order.vol_exec]) > 5


class TestControl:
    def test_pausing_shifts_what_is_left(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        played.clock.advance(4 * SECOND)
        for _ in range(2):  # twice is once
            pit.makers.pause(played.market, True)
            played.clock.advance(HOUR)
        assert played.trades() == []
        for _ in range(2):
            pit.makers.pause(played.market, False)
        played.clock.advance(6 * SECOND - 1)
        assert played.trades() == []
        played.clock.advance(1)
        assert played.trades() == [(2 * 3600 + 10, "buy", 101, 0.5)]

    def test_a_paused_market_shows_the_beginning(self, pit: Pit, tmp_path: Path) -> None:
        pit.makers.pause(pit.market(), True)
        played = Played(pit, tmp_path, *SMALL)
        played.clock.advance(HOUR)
        assert played.book() == ([(100, 2)], [(101, 2)])
        pit.makers.pause(played.market, False)
        played.clock.advance(10 * SECOND)
        assert len(played.trades()) == 1

    @pytest.mark.parametrize("model", ["calm", "walk", "static"])
    def test_another_model_ends_it_and_goes_on_from_there(self, pit: Pit, tmp_path: Path, model: Any) -> None:
        played = Played(pit, tmp_path, *SMALL)
        played.clock.advance(25 * SECOND)
        pit.makers.set_model(played.market, model)
        assert pit.makers.replaying(played.market) is None
        bids, asks = played.book()
        assert (bids[0][0], asks[0][0]) == (100.5, 101)
        assert (len(bids), len(asks)) == ((2, 1) if model == "static" else (100, 100))
        played.clock.advance(HOUR)
        assert (100, 0.25) not in [row[2:] for row in played.trades()]
        if model == "calm":
            pit.makers.move(played.market, 2000 * TENTH)
            assert played.book()[1][0][0] == 200
        played.check()

    def test_the_walk_ends_where_a_tape_begins(self, new_pit: type[Pit], tmp_path: Path) -> None:
        pit = new_pit(market="walk")
        pit.sandbox.clock.advance(SECOND)
        played = Played(pit, tmp_path, *SMALL)
        before = len(played.trades())
        played.clock.advance(HOUR)
        assert len(played.trades()) == before + 3
        assert played.book() == ([(100, 1.75)], [(101, 1.5)])

    def test_a_tape_takes_the_place_of_another(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        played.clock.advance(25 * SECOND)
        pit.makers.replay(played.market, load(str(played.path), played.market.pair))
        assert played.book() == ([(100, 2)], [(101, 2)])
        played.clock.advance(10 * SECOND)
        assert played.trades() == [(10, "buy", 101, 0.5), (35, "buy", 101, 0.5)]
        played.clock.advance(HOUR)
        assert len(played.trades()) == 4

    def test_nobody_moves_it(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        with pytest.raises(MarketError, match="a replay goes where its tape goes"):
            pit.makers.move(played.market, 1000 * TENTH)

    def test_a_reset_ends_it(self, pit: Pit, tmp_path: Path) -> None:
        played = Played(pit, tmp_path, *SMALL)
        pit.sandbox.reset()
        pit.sandbox.clock.advance(HOUR)
        assert pit.sandbox.exchange.markets == {}
        assert played.trades() == []

    @pytest.mark.parametrize("status", ["maintenance", "post_only", "pair"])
    def test_where_nobody_trades_the_book_goes_on_without_trades(self, pit: Pit, tmp_path: Path, status: Any) -> None:
        played = Played(pit, tmp_path, *SMALL, (50, "book", "ask", 100.2, 1), (60, "book", "ask", 100.2, 2))
        mine = played.order("buy", 100.2, 0.5)

        def halt(to: Any) -> None:
            if status == "pair":
                pit.exchange.pair_changed(pit.sandbox.catalog.with_record("XXBTZUSD", status=to))
            else:
                pit.exchange.set_status(to)

        halt("cancel_only" if status == "pair" else status)
        played.clock.advance(55 * SECOND)
        assert played.trades() == []
        assert played.book() == ([(100.2, 0.5), (100, 1.75)], [(101, 1.5)])
        halt("online")
        played.clock.advance(5 * SECOND)
        assert filled(mine) == [(100.2, 0.5)]
        assert played.book() == ([(100, 1.75)], [(100.2, 1.5), (101, 1.5)])
        played.check()


ANY_ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),  # seconds after the row before
        st.sampled_from([("trade", "buy"), ("trade", "sell"), ("book", "bid"), ("book", "ask")]),
        st.integers(100, 105),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)
ANY_ORDERS = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(100, 105), st.integers(1, 3)), max_size=6)


def tape_of(rows: list[tuple[int, tuple[str, str], int, int]]) -> list[tuple[float, str, str, float, float]]:
    """A tape of these rows without those that would leave its book crossed."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    time, tape = 0, []
    for span, (kind, side), price, volume in rows:
        time += span
        volume = volume or (kind == "trade")
        book, others = (bids, asks) if side in ("bid", "sell") else (asks, bids)
        left = volume if kind == "book" else max(book.get(price, 0) - volume, 0)
        if left and any(price >= other if book is bids else price <= other for other in others):
            continue
        book[price] = left
        if not left:
            del book[price]
        tape.append((float(time), kind, side, float(price), float(volume)))
    return tape


class TestAnyTape:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows=ANY_ROWS)
    def test_alone_it_plays_as_recorded(self, new_pit: type[Pit], tmp_path: Path, rows: Any) -> None:
        tape = tape_of(rows)
        assume(tape)
        played = Played(new_pit(), tmp_path, *tape)
        played.clock.advance(HOUR)
        played.check()
        assert [row[1:] for row in played.trades()] == [row[2:] for row in tape if row[1] == "trade"]
        book: dict[str, dict[float, float]] = {"bid": {}, "ask": {}}
        for _, kind, side, price, volume in tape:
            level = book[side] if kind == "book" else book["ask" if side == "buy" else "bid"]
            level[price] = volume if kind == "book" else max(level.get(price, 0) - volume, 0)
        bids, asks = ({price: left for price, left in side.items() if left} for side in book.values())
        assert played.book() == (sorted(bids.items(), reverse=True), sorted(asks.items()))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows=ANY_ROWS, orders=ANY_ORDERS)
    def test_among_clients_nothing_is_lost_or_forgotten(
        self, new_pit: type[Pit], tmp_path: Path, rows: Any, orders: Any
    ) -> None:
        tape = tape_of(rows)
        assume(tape)
        played = Played(new_pit(), tmp_path, *tape)
        before = [played.pit.total(asset) for asset in ("XXBT", "ZUSD")]
        for side, price, volume in orders:
            order = played.order(side, price, volume)
            played.clock.advance(3 * SECOND)
            assert all(at <= price if side == "buy" else at >= price for at, _ in filled(order))
            played.check()
        played.clock.advance(HOUR)
        played.check()
        assert [played.pit.total(asset) for asset in ("XXBT", "ZUSD")] == before
        recorded = sum(row[4] for row in tape if row[1] == "trade")
        assert sum(row[3] for row in played.trades()) >= recorded


def test_the_shipped_tape_plays_as_recorded(pit: Pit) -> None:
    market = pit.market()
    rows = list(csv.DictReader(fixtures.read("sample_tape.csv").decode().splitlines()))
    pit.makers.replay(market, load("sample_tape.csv", market.pair))
    pit.sandbox.clock.advance(HOUR)
    traded = [(row["side"], float(row["price"]), float(row["volume"])) for row in rows if row["kind"] == "trade"]
    assert [(row.side, row.price / TENTH / 10, row.volume / LOT) for row in market.tape.prints] == traded


if __name__ == "__main__":
    for file_name, content in sample_files().items():
        (FIXTURES / file_name).write_bytes(content)
