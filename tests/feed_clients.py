"""Clients of the other WebSocket channels: trades, candles, tickers, and an account's orders, trades and balances.

Like those of books they know nothing of the server, and each rule is an assertion. Reference: kraken/50 §5, §6;
kraken/60 §3, §4.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from book_clients import EPOCH, MICROS, NANOS, SIDES, Book1, Book2, Digits, Entry, number, quoted


def minute_of(timestamp: str) -> str:
    """The minute of an RFC 3339 time."""
    return timestamp[:16]


class Trade(NamedTuple):
    """One public trade; `id` 0: version 1 has none."""

    price: Decimal
    volume: Decimal
    side: str
    ordertype: str
    time: str
    id: int = 0


class Trades2:
    """The `trade` channel of version 2. Trade ids have no gap."""

    def __init__(self) -> None:
        self.rows: list[Trade] = []

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data"]
        assert message["data"]
        for row in message["data"]:
            assert list(row) == ["symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"]
            assert MICROS.fullmatch(row["timestamp"])
            trade = Trade(
                number(row["price"]),
                number(row["qty"]),
                row["side"],
                row["ord_type"],
                row["timestamp"],
                int(row["trade_id"]),
            )
            if self.rows and message["type"] == "update":
                assert trade.id == self.rows[-1].id + 1
            if not self.rows or trade.id > self.rows[-1].id:
                self.rows.append(trade)


class Trades1:
    """The `trade` channel of version 1."""

    def __init__(self) -> None:
        self.rows: list[Trade] = []

    def hear(self, message: list[Any]) -> None:
        (rows,) = message[1:-2]
        assert rows
        for row in rows:
            price, volume, time, side, ordertype, misc = row
            assert misc == ""
            assert EPOCH.fullmatch(time)
            self.rows.append(Trade(quoted(price), quoted(volume), side, ordertype, time))


class Since:
    """The trades since the last look, of a listener on the same connection that heard them first."""

    def __init__(self, trades: Trades1 | Trades2) -> None:
        self._trades = trades
        self._seen = len(trades.rows)

    def take(self) -> list[Trade]:
        found = self._trades.rows[self._seen :]
        self._seen = len(self._trades.rows)
        return found


class Ticker2:
    """The `ticker` channel of version 2, beside the book and the trades of the same connection."""

    FIELDS = (
        *("symbol", "bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high"),
        *("change", "change_pct", "trades", "timestamp"),
    )

    def __init__(self, trigger: str, book: Book2, trades: Trades2) -> None:
        self.trigger = trigger
        self.row: dict[str, Any] = {}
        self._book = book
        self._since = Since(trades)

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data"]
        (row,) = message["data"]
        assert tuple(row) == self.FIELDS
        assert MICROS.fullmatch(row["timestamp"])
        before, self.row = self.row, row
        assert self.top() == self.real_top()
        new = self._since.take()
        if message["type"] == "update":
            if self.trigger == "bbo":
                assert any(before[name] != row[name] for name in ("bid", "bid_qty", "ask", "ask_qty"))
            else:
                assert new, "an update without a trade"
                assert number(row["last"]) == new[-1].price

    def top(self) -> list[Decimal]:
        return [number(self.row[name]) for name in ("bid", "bid_qty", "ask", "ask_qty")]

    def real_top(self) -> list[Decimal]:
        """Best bid and ask, with volumes; zeros for none."""
        return [value for name in SIDES for value in (self._book.rows(name)[:1] or [(Decimal(0), Decimal(0))])[0]]

    def settled(self) -> None:
        """After all frames of a command: nothing was passed over."""
        if self.trigger == "bbo":
            assert self.top() == self.real_top()
        else:
            assert not self._since.take(), "a trade without an update"


class Ticker1:
    """The `ticker` channel of version 1: an update on each trade."""

    def __init__(self, book: Book1, trades: Trades1) -> None:
        self.row: dict[str, Any] = {}
        self._book = book
        self._since = Since(trades)

    def hear(self, message: list[Any]) -> None:
        (row,) = message[1:-2]
        assert list(row) == ["a", "b", "c", "v", "p", "t", "l", "h", "o"]
        for name, key in (("asks", "a"), ("bids", "b")):
            best = self._book.best(name)
            price, whole, volume = row[key]
            if best is not None:
                assert (price, volume) == (best.price, best.volume)
            assert number(whole) == int(quoted(volume))
        new = self._since.take()
        if self.row:
            assert new, "an update without a trade"
            assert [quoted(text) for text in row["c"]] == [new[-1].price, new[-1].volume]
        self.row = row

    def settled(self) -> None:
        assert not self._since.take(), "a trade without an update"


class Spread1:
    """The `spread` channel of version 1: an update on each change of the best prices."""

    def __init__(self, book: Book1) -> None:
        self.row: list[str] = []
        self._book = book

    def hear(self, message: list[Any]) -> None:
        (row,) = message[1:-2]
        bid, ask, time, bid_volume, ask_volume = row
        assert EPOCH.fullmatch(time)
        top = [bid, bid_volume, ask, ask_volume]
        assert top != self.row, "nothing is new"
        self.row = top
        self.settled()

    def settled(self) -> None:
        real = [self._book.best(name) or Entry("0", "0") for name in SIDES]
        expected = [Decimal(text) for entry in real for text in (entry.price, entry.volume)]
        assert [quoted(text) for text in self.row] == expected


class Candle:
    """A candle as it is made of trades. Its volume-weighted price is exact only if it was heard from its beginning."""

    def __init__(self, trade: Trade) -> None:
        self.start = ""
        self.open = self.high = self.low = self.close = trade.price
        self.volume = trade.volume
        self.turnover: Decimal | None = trade.price * trade.volume
        self.count = 1

    def add(self, trade: Trade) -> None:
        self.high, self.low, self.close = max(self.high, trade.price), min(self.low, trade.price), trade.price
        self.volume += trade.volume
        if self.turnover is not None:
            self.turnover += trade.price * trade.volume
        self.count += 1


class Candles2:
    """The `ohlc` channel of version 2, at one minute: each update is what the trades of its minute come to."""

    FIELDS = (
        *("symbol", "open", "high", "low", "close", "trades", "volume", "vwap", "interval_begin", "interval"),
        "timestamp",
    )

    def __init__(self, trades: Trades2) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self._since = Since(trades)
        self._candle: Candle | None = None

    def hear(self, message: dict[str, Any]) -> None:
        assert set(message) == {"channel", "type", "timestamp", "data"}
        assert NANOS.fullmatch(message["timestamp"])
        for row in message["data"]:
            assert tuple(row) == self.FIELDS
            assert row["interval"] == "1"
            assert NANOS.fullmatch(row["interval_begin"]) and MICROS.fullmatch(row["timestamp"])
            self.rows[minute_of(row["interval_begin"])] = row
        new = self._since.take()
        if message["type"] == "snapshot":
            starts = [row["interval_begin"] for row in message["data"]]
            assert starts == sorted(set(starts))
            self._candle = None
            if message["data"]:
                self._candle = _candle_of(message["data"][-1])
            return
        assert new, "an update without a trade"
        for trade in new:
            if self._candle is None or self._candle.start != minute_of(trade.time):
                self._candle = Candle(trade)
                self._candle.start = minute_of(trade.time)
            else:
                self._candle.add(trade)
        assert self._candle is not None
        self._same(message["data"][-1], self._candle)

    @staticmethod
    def _same(row: dict[str, Any], candle: Candle) -> None:
        assert minute_of(row["interval_begin"]) == candle.start
        found = [number(row[name]) for name in ("open", "high", "low", "close", "volume", "trades")]
        assert found == [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.count]
        if candle.turnover is not None:
            step = Decimal(1).scaleb(Decimal(row["vwap"]).as_tuple().exponent)  # type: ignore[arg-type]  # it is finite
            assert abs(number(row["vwap"]) - candle.turnover / candle.volume) <= step / 2

    def settled(self) -> None:
        assert not self._since.take(), "a trade without an update"


def _candle_of(row: dict[str, Any]) -> Candle:
    first = Trade(number(row["open"]), number(row["volume"]), "", "", "")
    candle = Candle(first)
    candle.start = minute_of(row["interval_begin"])
    candle.high, candle.low, candle.close = (number(row[name]) for name in ("high", "low", "close"))
    candle.count = int(row["trades"])
    candle.turnover = None
    return candle


class Candles1:
    """The `ohlc` channel of version 1, at one minute; the first message is the last candle, however old."""

    def __init__(self, trades: Trades1) -> None:
        self.rows: dict[str, list[Any]] = {}
        self._since = Since(trades)
        self._candle: Candle | None = None

    def hear(self, message: list[Any]) -> None:
        (row,) = message[1:-2]
        time, end, *prices, _vwap, volume, count = row
        assert EPOCH.fullmatch(time) and EPOCH.fullmatch(end)
        assert int(end[:-7]) % 60 == 0 and end.endswith(".000000")
        first = not self.rows
        self.rows[end] = row
        new = self._since.take()
        if first:
            self._candle = Candle(Trade(quoted(prices[0]), quoted(volume), "", "", ""))
            self._candle.high, self._candle.low, self._candle.close = map(quoted, prices[1:])
            self._candle.start, self._candle.count = end, int(number(count))
            return
        assert new, "an update without a trade"
        for trade in new:
            seconds = int(trade.time[:-7])
            its_end = f"{seconds - seconds % 60 + 60}.000000"
            if self._candle is None or self._candle.start != its_end:
                self._candle = Candle(trade)
                self._candle.start = its_end
            else:
                self._candle.add(trade)
        candle = self._candle
        assert candle is not None
        assert end == candle.start
        assert [*map(quoted, prices)] == [candle.open, candle.high, candle.low, candle.close]
        assert (quoted(volume), number(count)) == (candle.volume, candle.count)

    def settled(self) -> None:
        assert not self._since.take(), "a trade without an update"


# An account's own


class Sequence:
    """The numbers of a private subscription's messages: from 1 on, without a gap."""

    def __init__(self) -> None:
        self.last = 0

    def next(self, value: Any) -> None:
        assert int(number(value)) == self.last + 1, f"{value} comes after {self.last}"
        self.last += 1


ENDS = {"filled": "closed", "canceled": "canceled", "expired": "expired"}
STATUSES = {"pending_new": "pending", "new": "open", "partially_filled": "open"} | ENDS


class Executions:
    """The `executions` channel: an account's orders and fills.

    Attributes:
        orders: by id, all that rows have said of them; the later row counts.
        trades: by id.
        seen: how often each `exec_type` came.
    """

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.sequence = Sequence()
        self.seen: Counter[str] = Counter()

    def restart(self) -> None:
        """A new subscription begins; what was known stays, and what happened meanwhile is not known."""
        for order_id in [found for found, row in self.orders.items() if row["order_status"] not in ENDS]:
            del self.orders[order_id]
        self.sequence = Sequence()

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data", "sequence"]
        self.sequence.next(message["sequence"])
        if message["type"] == "snapshot":
            for row in message["data"]:
                if row["exec_type"] == "trade":
                    self.trades[row["exec_id"]] = row
                else:
                    assert row["order_id"] not in self.orders
                    self.orders[row["order_id"]] = dict(row)
            return
        (row,) = message["data"]  # ccxt looks at the first only
        assert MICROS.fullmatch(row["timestamp"])
        order_id, what, status = row["order_id"], row["exec_type"], row["order_status"]
        self.seen[what] += 1
        if what == "pending_new":
            assert order_id not in self.orders
            assert next(iter(row)) == "order_id"
            self.orders[order_id] = dict(row)
            return
        order = self.orders[order_id]  # it must be known
        assert order["order_status"] not in ENDS, f"{what} after the end"
        if what == "new":
            assert order["order_status"] == "pending_new"
            assert status == "new"
        elif what == "trade":
            assert row["exec_id"] not in self.trades
            assert number(row["cum_qty"]) == number(order.get("cum_qty", Digits("0"))) + number(row["last_qty"])
            assert number(row["cum_cost"]) == number(order.get("cum_cost", Digits("0"))) + number(row["cost"])
            self.trades[row["exec_id"]] = dict(row)
        elif what in ENDS:
            assert status == what
            assert number(row["cum_qty"]) == number(order.get("cum_qty", Digits("0")))
        else:
            assert what in ("amended", "restated", "status", "iceberg_refill"), what
            assert status not in ENDS
        order.update(row)
        if what not in ENDS:
            order.pop("reason", None)  # why it was amended is not why it ended

    def open(self) -> set[str]:
        """The orders that have not ended."""
        return {order_id for order_id, row in self.orders.items() if row["order_status"] not in ENDS}


class Balances:
    """The `balances` channel: what an account has, by its updates' own arithmetic."""

    def __init__(self) -> None:
        self.balances: dict[str, Decimal] = {}
        self.ledger: dict[str, dict[str, Any]] = {}
        self.sequence = Sequence()

    def restart(self) -> None:
        self.balances = {}
        self.sequence = Sequence()

    def hear(self, message: dict[str, Any]) -> None:
        assert list(message) == ["channel", "type", "data", "sequence"]
        self.sequence.next(message["sequence"])
        if message["type"] == "snapshot":
            for row in message["data"]:
                (wallet,) = row["wallets"]
                assert wallet["balance"] == row["balance"]
                self.balances[row["asset"]] = number(row["balance"])
            return
        (row,) = message["data"]
        assert row["ledger_id"] not in self.ledger
        self.ledger[row["ledger_id"]] = row
        before = self.balances.get(row["asset"], Decimal(0))
        assert number(row["balance"]) == before + number(row["amount"]) - number(row["fee"])
        self.balances[row["asset"]] = number(row["balance"])


class OpenOrders:
    """The `openOrders` channel of version 1: an account's orders."""

    ENDS = ("closed", "canceled", "expired")

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.sequence = Sequence()

    def restart(self) -> None:
        for order_id in self.open():
            del self.orders[order_id]
        self.sequence = Sequence()

    def hear(self, message: list[Any]) -> None:
        entries, _, tail = message
        assert list(tail) == ["sequence"]
        self.sequence.next(tail["sequence"])
        first = self.sequence.last == 1
        if not first:
            assert len(entries) == 1  # hummingbot skips the rest of a message after an order that is not its own
        for entry in entries:
            ((order_id, row),) = entry.items()
            if "descr" in row and "opentm" in row:
                assert order_id not in self.orders
                assert row["status"] == "pending" or first
                self.orders[order_id] = dict(row)
                continue
            order = self.orders[order_id]  # it must be known
            assert order["status"] not in self.ENDS, "it goes on after the end"
            order.update(row)

    def open(self) -> set[str]:
        return {order_id for order_id, row in self.orders.items() if row["status"] not in self.ENDS}


class OwnTrades:
    """The `ownTrades` channel of version 1."""

    def __init__(self) -> None:
        self.trades: dict[str, dict[str, Any]] = {}
        self.sequence = Sequence()

    def restart(self) -> None:
        self.sequence = Sequence()

    def hear(self, message: list[Any]) -> None:
        entries, _, tail = message
        self.sequence.next(tail["sequence"])
        for entry in entries:
            ((trade_id, row),) = entry.items()
            if self.sequence.last > 1:
                assert trade_id not in self.trades
            self.trades[trade_id] = dict(row)
