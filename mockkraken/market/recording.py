"""Tapes: files with what once happened on a market, its trades and what its book showed, for `replay` to play.

A tape is CSV with a header, or JSON lines, with five fields in each row: `time`, `kind`, `side`, `price` and `volume`;
others are passed over, and so are blank lines and those that begin with `#`. It is read and checked whole before
anything of it happens.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from sortedcontainers import SortedDict

from mockkraken import clock, decimals
from mockkraken.catalog import fixtures
from mockkraken.clock import DAY
from mockkraken.exchange.intake import VOLUME_MAX
from mockkraken.exchange.orders import opposite
from mockkraken.exchange.prices import PRICE_MAX

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange.orders import Side

SHIPPED = ("sample_tape.csv", "sample_tape.jsonl")  # by these names alone; a file of one's own is ./sample_tape.csv
FIELDS = ("time", "kind", "side", "price", "volume")

# A tape is read in one go, while the server does nothing else.
BYTES_MAX = 32 << 20
ROWS_MAX = 200_000
LINE_MAX = 1000  # characters
LONGEST = 366 * DAY  # More is a mixture of seconds since the start and seconds since 1970.

Kind = Literal["trade", "book"]

_SIDES: dict[str, dict[str, Side]] = {
    "trade": {"buy": "buy", "sell": "sell"},
    "book": {"bid": "buy", "ask": "sell", "buy": "buy", "sell": "sell"},
}


class RecordingError(ValueError):
    """That is no tape, or none of this pair; the message names the file, and the line where there is one."""


class Row(NamedTuple):
    """One thing that happened: somebody took `volume` at `price`, or that is what a side of the book has there since.

    Attributes:
        time: when, ns after the first row.
        side: the taker's, or that of the book.
        price: price units, on the pair's tick.
        volume: lot units; 0 only in the book: nothing is there any more.
    """

    time: int
    kind: Kind
    side: Side
    price: int
    volume: int


class Recording(NamedTuple):
    """A tape that was read. Its rows are in the order in which they happen, at least one, the first at 0."""

    name: str
    rows: list[Row]


def load(name: str, pair: Pair) -> Recording:
    """Read a tape for a pair.

    Args:
        name: a path, or the name of a shipped one.
        pair: whose tick and decimals it must keep.

    Raises:
        RecordingError: there is no such file, or something in it is wrong.
    """
    try:
        # A path may hold bytes that are no text, and is shown to those who ask.
        return Recording(name.encode(errors="replace").decode(), _read(_text(name), pair))
    except RecordingError as error:
        raise RecordingError(f"{name[:200]!r}: {error}") from error


def _text(name: str) -> str:
    try:
        data = fixtures.read(name) if name in SHIPPED else _bytes(Path(name))
    except (OSError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise RecordingError(f"can't be read: {why}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RecordingError(f"line {line}: no text in UTF-8") from error


def _bytes(path: Path) -> bytes:
    about = path.stat()
    if not S_ISREG(about.st_mode):
        raise RecordingError("a directory" if path.is_dir() else "no ordinary file")
    if not about.st_size:
        raise RecordingError("is empty")  # or one of the kernel's, which might never end
    with path.open("rb") as file:
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise RecordingError(f"larger than {BYTES_MAX >> 20} MiB, the most that is played")
    return data


def _read(text: str, pair: Pair) -> list[Row]:
    rows: list[Row] = []
    first = last = before = 0
    shown = _Shown(pair)
    for line, fields in _lines(text):
        try:
            time, row = _row(fields, pair)
            if not rows:
                first = time
            elif time < last:
                raise RecordingError(f"its time lies before that of line {before}")
            if time - first > LONGEST:
                days = (time - first) // DAY
                raise RecordingError(f"it comes {days} days after the first row; {LONGEST // DAY} are the most")
            if len(rows) == ROWS_MAX:
                raise RecordingError(f"a tape has at most {ROWS_MAX} rows")
        except RecordingError as error:
            raise RecordingError(f"line {line}: {error}") from error
        if rows and (row.kind == "trade" or time > last):
            shown.check(before)
        row = row._replace(time=time - first)
        shown.add(row)
        rows.append(row)
        last, before = time, line
    if not rows:
        raise RecordingError("holds no rows")
    shown.check(before)
    return rows


class _Shown:
    """The book as the rows read so far leave it, to see that it makes sense."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._sides: dict[Side, SortedDict[int, int]] = {"buy": SortedDict(), "sell": SortedDict()}

    def add(self, row: Row) -> None:
        if row.kind == "book":
            side, volume = self._sides[row.side], row.volume
        else:
            side = self._sides[opposite(row.side)]
            volume = max(side.get(row.price, 0) - row.volume, 0)
        if volume:
            side[row.price] = volume
        else:
            side.pop(row.price, None)

    def check(self, line: int) -> None:
        """Whether a bid meets an ask, after that line. Between rows of one time and kind it may."""
        bids, asks = self._sides["buy"], self._sides["sell"]
        if bids and asks and bids.peekitem(-1)[0] >= asks.peekitem(0)[0]:
            bid, ask = (self._pair.price_text(price) for price in (bids.peekitem(-1)[0], asks.peekitem(0)[0]))
            raise RecordingError(f"line {line}: it leaves the book crossed, with a bid of {bid} and an ask of {ask}")


# Lines


def _lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows with the numbers of their lines. What begins with a brace is JSON lines."""
    columns: list[str] | None = None
    is_json: bool | None = None
    for number, untrimmed in enumerate(text.split("\n"), 1):
        line = untrimmed.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if len(line) > LINE_MAX:
                raise RecordingError(f"longer than {LINE_MAX} characters")
            if is_json is None:
                is_json = line.startswith("{")
            if is_json:
                yield number, _members(line)
            elif columns is None:
                columns = _header(line)
            else:
                yield number, _cells(line, columns)
        except RecordingError as error:
            raise RecordingError(f"line {number}: {error}") from error


def _header(line: str) -> list[str]:
    columns = [name.strip().lower() for name in next(csv.reader([line]))]
    for field in FIELDS:
        if columns.count(field) != 1:
            why = "is there twice" if field in columns else "is missing"
            raise RecordingError(f"the header names the columns {', '.join(FIELDS)}; {field} {why}")
    return columns


def _cells(line: str, columns: list[str]) -> dict[str, str]:
    cells = next(csv.reader([line], skipinitialspace=True))
    if len(cells) != len(columns):
        raise RecordingError(f"{len(cells)} fields, and the header has {len(columns)}")
    return dict(zip(columns, map(str.strip, cells), strict=True))


def _members(line: str) -> dict[str, Any]:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RecordingError(f"no JSON object: {error}") from error


def _plain(number: str) -> str:
    """A JSON number in plain digits: writers of floats like exponents."""
    if "e" not in number.lower():
        return number
    try:
        value = Decimal(number)
    except ArithmeticError:
        return number
    return f"{value:f}" if abs(value.adjusted()) <= decimals.MAX_DIGITS else number


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_plain)


# Fields


def _row(fields: Mapping[str, Any], pair: Pair) -> tuple[int, Row]:
    """The time as it stands there (ns), and the row."""
    for field in FIELDS:
        if field not in fields:
            raise RecordingError(f"{field} is missing")
    try:
        time = clock.parse_time(fields["time"])
    except clock.ClockError as error:
        raise RecordingError(str(error)) from error
    kind = _choice("kind", fields["kind"], _SIDES)
    side = _SIDES[kind][_choice("side", fields["side"], _SIDES[kind])]
    price = _units("price", fields["price"], pair.price_scale)
    if not 0 < price <= PRICE_MAX * 10**pair.price_scale:
        raise RecordingError(f"price is {_quoted(fields['price'])}; it lies above 0 and at most at {PRICE_MAX}")
    if price % pair.tick:
        tick = pair.price_text(pair.tick)
        raise RecordingError(f"price is {_quoted(fields['price'])}, no multiple of {tick}, the tick of {pair.altname}")
    volume = _units("volume", fields["volume"], pair.lot_decimals)
    if not (volume or kind == "book"):
        raise RecordingError("volume is 0, and that is no trade")
    if not 0 <= volume <= VOLUME_MAX * 10**pair.lot_decimals:
        raise RecordingError(f"volume is {_quoted(fields['volume'])}; it lies between 0 and {VOLUME_MAX}")
    return time, Row(0, "book" if kind == "book" else "trade", side, price, volume)


def _choice(field: str, value: object, choices: Mapping[str, Any]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise RecordingError(f"{field} is {_quoted(value)}; it is one of {', '.join(choices)}")


def _units(field: str, value: object, places: int) -> int:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str):
        raise RecordingError(f"{field} is {_quoted(value)}, no amount")
    try:
        return decimals.parse(text, places)
    except decimals.TooManyDecimals as error:
        raise RecordingError(f"{field} is {_quoted(value)}, and there are {places} decimals here") from error
    except decimals.NotADecimal as error:
        raise RecordingError(f"{field} is {_quoted(value)}, no amount") from error


def _quoted(value: object) -> str:
    return f'"{value[:60]}"' if isinstance(value, str) else repr(value)[:60]
