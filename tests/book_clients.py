"""Clients of the `book` and `level3` channels that keep their own books, from frames alone.

They know nothing of the server: what they rebuild and check follows from the reference and from the very digits of the
frames, and each rule is an assertion. Reference: kraken/50 §5.2, §5.3; kraken/60 §3.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from zlib import crc32

from sortedcontainers import SortedDict

CHECKED = 10
SIDES = ("bids", "asks")
MICROS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
NANOS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)
EPOCH = re.compile(r"\d{10}\.\d{6}", re.ASCII)


class Digits(str):
    """A JSON number as the very text that was sent."""


_decode = json.JSONDecoder(parse_float=Digits, parse_int=Digits).decode


def parsed(frame: bytes) -> Any:
    """A message, its numbers kept as texts."""
    return _decode(frame.decode())


def bare(text: str) -> str:
    """The digits that go into a checksum."""
    return text.replace(".", "").lstrip("0")


def number(value: Any) -> Decimal:
    """The value of what has to be a JSON number."""
    assert isinstance(value, Digits), value
    return Decimal(value)


def quoted(value: Any) -> Decimal:
    """The value of what has to be a JSON string."""
    assert isinstance(value, str) and not isinstance(value, Digits), value
    return Decimal(value)


# Books


class Entry(NamedTuple):
    """One level of a message: texts as sent. `again`: v1 marks it as republished; None: v2 has no such mark."""

    price: str
    volume: str
    time: str = ""
    again: bool | None = None


class Side:
    """One side of a book; keys sort so that the best level is the first."""

    def __init__(self, name: str, depth: int) -> None:
        self.sign = -1 if name == "bids" else 1
        self.depth = depth
        self.levels: Any = SortedDict()

    def key(self, price: str) -> Decimal:
        return self.sign * Decimal(price)

    def beyond(self, key: Decimal) -> bool:
        """Whether a price is worse than all that is held."""
        return not self.levels or key > self.levels.peekitem(-1)[0]

    @property
    def full(self) -> bool:
        return len(self.levels) >= self.depth

    def cut(self) -> None:
        """Forget what the depth does not cover."""
        while len(self.levels) > self.depth:
            self.levels.popitem(-1)


class Book:
    """A client's book of a given depth.

    It is kept twice: once cut to its depth after each entry, once only after each message. The reference leaves that to
    the client, so both have to come out alike.

    Attributes:
        low: for each side, how many levels the real book had at least since the last message; whoever knows keeps it
            up to date. With that many behind it, each deletion has to be followed by the level that moves in.
        seen: how often things happened that a test wants to have seen.
    """

    def __init__(self, depth: int, low: Mapping[str, int]) -> None:
        self.depth = depth
        self.low = low
        self.sides: dict[str, Side] = {}
        self._late: dict[str, Side] = {}
        self.seen: dict[str, int] = dict.fromkeys(("updates", "inserted", "changed", "deleted", "moved in", "cut"), 0)

    def start(self, levels: Mapping[str, Iterable[Entry]]) -> None:
        """A snapshot."""
        self.sides = {name: Side(name, self.depth) for name in SIDES}
        self._late = {name: Side(name, self.depth) for name in SIDES}
        for name in SIDES:
            side = self.sides[name]
            for entry in levels[name]:
                key = side.key(entry.price)
                assert side.beyond(key), "a snapshot is sorted, best first"
                assert Decimal(entry.volume) > 0
                side.levels[key] = self._late[name].levels[key] = entry
            assert len(side.levels) <= self.depth
        self._uncrossed()

    def update(self, name: str, entries: list[Entry]) -> None:
        """An update, which is of one side."""
        assert self.sides, "an update before any snapshot"
        assert entries
        self.seen["updates"] += 1
        side, late = self.sides[name], self._late[name]
        deleted = due = False
        for entry in entries:
            key, volume = side.key(entry.price), Decimal(entry.volume)
            assert volume >= 0
            if due or entry.again:
                assert deleted, "a level is said to move in where none had to"
                assert volume and key not in side.levels and side.beyond(key), "no level moves in after a deletion"
                assert entry.again is not False, "a level that moves in is marked"
                self.seen["moved in"] += 1
            elif not volume:
                self._delete(name, key, entry)
                deleted, due = True, self.low[name] >= self.depth
                continue
            elif key in side.levels:
                # node-kraken-api passes over what is not newer than what it holds.
                assert entry.again is None or side.levels[key].time < entry.time, "a change is not newer"
                self.seen["changed"] += 1
            else:
                assert not side.full or not side.beyond(key), "a level outside the window"
                self.seen["inserted"] += 1
                self.seen["cut"] += side.full
            deleted = due = False
            side.levels[key] = late.levels[key] = entry
            side.cut()
        assert not due, "no level moves in after a deletion"
        late.cut()
        assert list(side.levels) == list(late.levels), "it matters when a client forgets what is beyond its depth"
        self._uncrossed()

    def _delete(self, name: str, key: Decimal, entry: Entry) -> None:
        assert key in self.sides[name].levels, "a level is deleted that no client has"
        assert entry.again is None or self.sides[name].levels[key].time < entry.time, "a deletion is not newer"
        del self.sides[name].levels[key], self._late[name].levels[key]
        self.seen["deleted"] += 1

    def _uncrossed(self) -> None:
        bid, ask = self.best("bids"), self.best("asks")
        assert bid is None or ask is None or Decimal(bid.price) < Decimal(ask.price), "the book is crossed"

    def best(self, name: str) -> Entry | None:
        levels = self.sides[name].levels
        return levels.peekitem(0)[1] if levels else None

    def rows(self, name: str) -> list[tuple[Decimal, Decimal]]:
        """Price and volume of each level, best first."""
        return [(Decimal(entry.price), Decimal(entry.volume)) for entry in self.sides[name].levels.values()]

    def checksum(self) -> int:
        """What the digits of the best levels come to."""
        text = "".join(
            bare(entry.price) + bare(entry.volume)
            for name in ("asks", "bids")
            for entry in self.sides[name].levels.values()[:CHECKED]
        )
        return crc32(text.encode())


class Book2(Book):
    """The `book` channel of version 2."""

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data"]
        (row,) = message["data"]
        assert set(row) == {"symbol", "bids", "asks", "checksum", "timestamp"}
        assert MICROS.fullmatch(row["timestamp"])
        levels = {name: [_level(level) for level in row[name]] for name in SIDES}
        if message["type"] == "snapshot":
            self.start(levels)
        else:
            assert message["type"] == "update"
            (name,) = (name for name in SIDES if levels[name])  # an update is of one side
            self.update(name, levels[name])
        assert number(row["checksum"]) == self.checksum()


def _level(level: dict[str, Any]) -> Entry:
    assert list(level) == ["price", "qty"]
    number(level["price"]), number(level["qty"])
    return Entry(level["price"], level["qty"])


class Book1(Book):
    """The `book` channel of version 1."""

    def hear(self, message: list[Any]) -> None:
        parts = message[1:-2]
        if "as" in parts[0]:
            (part,) = parts
            assert set(part) == {"as", "bs"}
            self.start({name: [_level1(level) for level in part[f"{name[0]}s"]] for name in SIDES})
            return
        (part,) = parts  # one that is of two sides has two
        (short,) = set(part) - {"c"}
        name = {"a": "asks", "b": "bids"}[short]
        entries = [_level1(level) for level in part[short]]
        self.update(name, entries)
        assert quoted(part["c"]) == self.checksum()


def _level1(level: list[Any]) -> Entry:
    assert level[3:] in ([], ["r"])
    price, volume, time = level[:3]
    quoted(price), quoted(volume)
    assert EPOCH.fullmatch(time)
    return Entry(price, volume, time, again=len(level) == 4)


class Level3:
    """The `level3` channel: every order of the best levels, in its queue. `low` and `seen` as of Book."""

    def __init__(self, depth: int, low: Mapping[str, int]) -> None:
        self.depth = depth
        self.low = low
        self.sides: dict[str, Side] = {}
        self._late: dict[str, Side] = {}
        self.seen: dict[str, int] = dict.fromkeys(("updates", "add", "modify", "delete", "moved in", "cut"), 0)

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data"]
        (row,) = message["data"]
        assert set(row) == {"symbol", "bids", "asks", "checksum", "timestamp"}
        assert NANOS.fullmatch(row["timestamp"])
        if message["type"] == "snapshot":
            self._start(row)
        else:
            assert message["type"] == "update"
            self.seen["updates"] += 1
            (name,) = (name for name in SIDES if row[name])
            self._update(name, row[name])
        assert number(row["checksum"]) == self.checksum()

    def _start(self, row: dict[str, Any]) -> None:
        self.sides = {name: Side(name, self.depth) for name in SIDES}
        self._late = {name: Side(name, self.depth) for name in SIDES}
        for name in SIDES:
            side = self.sides[name]
            for order in row[name]:
                assert list(order) == ["order_id", "limit_price", "order_qty", "timestamp"]
                self._check(order)
                key = side.key(order["limit_price"])
                assert side.beyond(key) or key == side.levels.peekitem(-1)[0], "a snapshot is sorted, best first"
                for kept in (side, self._late[name]):
                    kept.levels.setdefault(key, {})[order["order_id"]] = order
            assert len(side.levels) <= self.depth

    def _check(self, order: dict[str, Any]) -> None:
        assert number(order["order_qty"]) > 0
        number(order["limit_price"])
        assert NANOS.fullmatch(order["timestamp"])

    def _update(self, name: str, orders: list[dict[str, Any]]) -> None:
        side, late = self.sides[name], self._late[name]
        due: Decimal | None = None  # this level has gone, and the next has to move in
        for order in orders:
            assert list(order) == ["event", "order_id", "limit_price", "order_qty", "timestamp"]
            self._check(order)
            key, event = side.key(order["limit_price"]), order["event"]
            self.seen[event] += 1
            if due is not None:
                assert event == "add" and (side.beyond(key) or key == due), "no level moves in after a deletion"
                self.seen["moved in"] += key != due  # else it was the last slice of an iceberg, and here is the next
                due = None
            if event == "add":
                if key not in side.levels:
                    assert not side.full or not side.beyond(key), "a level outside the window"
                    self.seen["cut"] += side.full
                for kept in (side, late):
                    queue = kept.levels.setdefault(key, {})
                    assert order["order_id"] not in queue, "an order is added twice"
                    queue[order["order_id"]] = order
                side.cut()
                continue
            for kept in (side, late):
                assert order["order_id"] in kept.levels.get(key, ()), f"{event} of an order that no client has"
            queue = side.levels[key]
            held = queue[order["order_id"]]["order_qty"]
            if event == "modify":
                assert held != order["order_qty"], "nothing is modified"
                for kept in (side, late):
                    kept.levels[key][order["order_id"]] = order
                continue
            assert event == "delete"
            assert held == order["order_qty"], "an order goes with what it had last"
            for kept in (side, late):
                del kept.levels[key][order["order_id"]]
                if not kept.levels[key]:
                    del kept.levels[key]
            if key not in side.levels and self.low[name] >= self.depth:
                due = key
        assert due is None, "no level moves in after a deletion"
        late.cut()
        queues, kept_queues = ([(key, list(queue)) for key, queue in kept.levels.items()] for kept in (side, late))
        assert queues == kept_queues, "it matters when a client forgets what is beyond its depth"

    def rows(self, name: str) -> list[tuple[str, Decimal, Decimal]]:
        """Id, price and volume of each order, best level first, in queue order."""
        return [
            (order_id, Decimal(order["limit_price"]), Decimal(order["order_qty"]))
            for queue in self.sides[name].levels.values()
            for order_id, order in queue.items()
        ]

    def checksum(self) -> int:
        text = "".join(
            bare(order["limit_price"]) + bare(order["order_qty"])
            for name in ("asks", "bids")
            for queue in self.sides[name].levels.values()[:CHECKED]
            for order in queue.values()
        )
        return crc32(text.encode())
