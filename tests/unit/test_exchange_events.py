"""What listeners hear and in which order, what a refused command leaves behind (nothing), and that all of it repeats.

Reference: kraken/30 §7.1; the promises that nothing is half done and that the same seed gives the same bytes.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.catalog import Catalog
from mockkraken.clock import HOUR, Clock
from mockkraken.errors import KrakenError
from mockkraken.exchange import BalanceError

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account


@pytest.fixture
def heard(floor: Floor) -> list[str]:
    """What the exchange tells, in words."""
    lines: list[str] = []
    events = floor.exchange.events
    events.order.append(
        lambda order, what, fill: (
            lines.append(f"{order.account.name} {what} {floor.end(order)}")
            if fill is None
            else lines.append(f"{order.account.name} {what} {fill.vol / 10**8:g} {'maker' if fill.maker else 'taker'}")
        )
    )
    events.ledger.append(lambda account, entry: lines.append(f"{account.name} ledger {entry.asset}"))
    events.trade.append(lambda market, printed: lines.append(f"tape {printed.trade_id}"))
    events.book.append(lambda market, side, price: lines.append(f"book {side} {price // 10**market.pair.price_scale}"))
    events.opened.append(lambda market: lines.append(f"opened {market.pair.altname}"))
    events.settled.append(lambda market: lines.append(f"settled {market.pair.altname}"))
    return lines


class TestOrderOfEvents:
    def test_an_order_that_rests(self, floor: Floor, ann: Account, heard: list[str]) -> None:
        heard.clear()
        floor.buy(ann, "1", "60000")
        assert heard == [
            "opened XBTUSD",
            "ann pending_new pending 0/1",
            "ann new open 0/1",
            "book buy 60000",
            "settled XBTUSD",
        ]

    def test_a_trade_is_told_to_the_taker_then_to_the_maker_then_to_all(
        self, floor: Floor, ann: Account, bob: Account, heard: list[str]
    ) -> None:
        floor.sell(bob, "1", "60000")
        heard.clear()
        floor.buy(ann, "0.4", "60000")
        assert heard == [
            "ann pending_new pending 0/0.4",
            "ann new open 0/0.4",
            "ann ledger XXBT",
            "ann ledger ZUSD",
            "ann trade 0.4 taker",
            "bob ledger XXBT",
            "bob ledger ZUSD",
            "bob trade 0.4 maker",
            "tape 1",
            "book sell 60000",
            "ann filled closed 0.4/0.4",
            "settled XBTUSD",
        ]

    def test_each_maker_is_filled_before_the_next_one_trades(
        self, floor: Floor, ann: Account, bob: Account, cat: Account, heard: list[str]
    ) -> None:
        floor.sell(bob, "1", "60000")
        floor.sell(cat, "1", "60001")
        heard.clear()
        floor.buy(ann, "3", "60001")
        assert [line for line in heard if "ledger" not in line] == [
            "ann pending_new pending 0/3",
            "ann new open 0/3",
            "ann trade 1 taker",
            "bob trade 1 maker",
            "tape 1",
            "book sell 60000",
            "bob filled closed 1/1",
            "ann trade 1 taker",
            "cat trade 1 maker",
            "tape 2",
            "book sell 60001",
            "cat filled closed 1/1",
            "book buy 60001",
            "settled XBTUSD",
        ]

    def test_an_order_that_ends_at_once(self, floor: Floor, ann: Account, heard: list[str]) -> None:
        floor.buy(ann, "1", "60000", timeinforce="IOC")
        assert heard[-3:] == [
            "ann pending_new pending 0/1",
            "ann new open 0/1",
            "ann canceled canceled 0/1: Insufficient liquidity",
        ]

    def test_canceling(self, floor: Floor, ann: Account, heard: list[str]) -> None:
        floor.buy(ann, "1", "60000")
        heard.clear()
        floor.exchange.cancel_all(ann)
        assert heard == ["book buy 60000", "ann canceled canceled 0/1: User requested", "settled XBTUSD"]

    def test_the_house_is_never_told_about_its_orders(self, floor: Floor, ann: Account, heard: list[str]) -> None:
        floor.deposit(floor.exchange.house, "XXBT", "1")
        quote = floor.quote("sell", "1", "60000")
        floor.buy(ann, "0.4", "60000")
        floor.exchange.withdraw_quote(quote)
        assert not [line for line in heard if line.startswith("house")]
        assert [line for line in heard if line.startswith("book")] == ["book sell 60000"] * 3

    def test_a_listener_finds_the_accounts_as_told(self, floor: Floor, ann: Account, bob: Account) -> None:
        seen: list[tuple[str, int, int]] = []
        floor.exchange.events.order.append(
            lambda order, what, _: seen.append((what, order.hold, order.account.held[order.hold_asset.id]))
        )
        floor.buy(ann, "1", "60000")
        floor.sell(bob, "0.5", "60000")
        assert seen == [
            ("pending_new", 602_400_000, 602_400_000),
            ("new", 602_400_000, 602_400_000),
            ("pending_new", 5_000_000_000, 5_000_000_000),
            ("new", 5_000_000_000, 5_000_000_000),
            ("trade", 0, 0),
            ("trade", 301_200_000, 301_200_000),
            ("filled", 0, 0),
        ]


def snapshot(thing: Any, seen: dict[int, int] | None = None) -> Any:
    """All that can be reached from `thing`, as plain values; the same state gives an equal snapshot."""
    seen = {} if seen is None else seen
    if thing is None or isinstance(thing, (bool, int, str, float, bytes)):
        return thing
    if isinstance(thing, Catalog) or callable(thing):
        return type(thing).__name__
    if isinstance(thing, Clock):
        return thing.now()
    if isinstance(thing, itertools.count):
        return repr(thing)
    if hasattr(thing, "getstate"):
        return thing.getstate()
    if id(thing) in seen:
        return f"number {seen[id(thing)]}"
    seen[id(thing)] = len(seen)
    if isinstance(thing, Mapping):
        # A default that somebody only looked up is no trace.
        hidden = isinstance(thing, defaultdict)
        return [(key, snapshot(value, seen)) for key, value in thing.items() if value or not hidden]
    if isinstance(thing, (list, tuple, deque, set, frozenset)):
        return [snapshot(value, seen) for value in thing]
    names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__struct_fields__", ())]
    names += [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ()) if name != "__dict__"]
    return [type(thing).__name__, *[(name, snapshot(getattr(thing, name, None), seen)) for name in sorted(set(names))]]


Command = Callable[["Floor", "Account"], object]

REFUSED: dict[str, Command] = {
    "a limit buy beyond the funds": lambda floor, ann: floor.buy(ann, "100", "60000"),
    "a limit buy beyond the funds that would trade": lambda floor, ann: floor.buy(ann, "100", "61000"),
    "a fill or kill beyond the funds": lambda floor, ann: floor.buy(ann, "100", "61000", timeinforce="FOK"),
    "a sell beyond the coins": lambda floor, ann: floor.sell(ann, "10.50000001", "60000"),
    "a market buy beyond the funds": lambda floor, ann: floor.buy(ann, "20"),
    "a market sell beyond the coins": lambda floor, ann: floor.sell(ann, "11"),
    "a post-only order that would take": lambda floor, ann: floor.buy(ann, "1", "61000", oflags="post"),
    "a cl_ord_id in use": lambda floor, ann: floor.buy(ann, "1", "50000", cl_ord_id="mine"),
    "a volume below the least": lambda floor, ann: floor.buy(ann, "0.00001", "50000"),
    "a cost below the least": lambda floor, ann: floor.buy(ann, "0.0001", "50"),
    "a price too fine": lambda floor, ann: floor.buy(ann, "1", "50000.01"),
    "an order that can't be read": lambda floor, ann: floor.buy(ann, "much", "50000"),
    "a deadline that has passed": lambda floor, ann: floor.buy(ann, "1", "50000", deadline="1999-12-31T23:59:59Z"),
    "a cancel of nothing": lambda floor, ann: floor.exchange.cancel_order(ann, txid="OZZZZZ-ZZZZZ-ZZZZZZ"),
    "a cancel of somebody else's": lambda floor, ann: floor.exchange.cancel_order(
        ann, txid=next(iter(floor.exchange.accounts["bob"].open))
    ),
    "a cancel of an unknown userref": lambda floor, ann: floor.exchange.cancel_order(ann, txid="123"),
    "a balance below the holds": lambda floor, ann: floor.deposit(ann, "ZUSD", "1"),
}


class TestNothingHalfDone:
    @pytest.fixture
    def busy(self, floor: Floor, ann: Account, bob: Account) -> Floor:
        """In the middle of the day: orders, trades, a partial fill, an opened market without orders."""
        floor.buy(ann, "1", "50000", cl_ord_id="mine")
        for price in ("61000", "62000"):
            floor.sell(bob, "5", price)
        floor.buy(ann, "0.5", "61000")
        floor.deposit(ann, "ZUSD", "200000")
        floor.exchange.market(floor.pair("ETHUSD"))
        floor.clock.advance(HOUR)
        return floor

    @pytest.mark.parametrize("what", REFUSED)
    def test_a_refused_command_leaves_no_trace(self, busy: Floor, ann: Account, heard: list[str], what: str) -> None:
        before = snapshot((busy.exchange, busy.rng))
        with pytest.raises((KrakenError, BalanceError)):
            REFUSED[what](busy, ann)
        assert snapshot((busy.exchange, busy.rng)) == before
        assert heard == []

    def test_validating_leaves_none_either(self, busy: Floor, ann: Account, heard: list[str]) -> None:
        before = snapshot((busy.exchange, busy.rng))
        busy.prepare(ann, "buy", "1", "61000", cl_ord_id="another")
        assert snapshot((busy.exchange, busy.rng)) == before
        assert heard == []

    def test_and_the_snapshot_would_show_one(self, busy: Floor, ann: Account) -> None:
        before = snapshot((busy.exchange, busy.rng))
        assert snapshot((busy.exchange, busy.rng)) == before
        busy.exchange.cancel_all(ann)
        changed = snapshot((busy.exchange, busy.rng))
        assert changed != before
        busy.rng.getrandbits(1)
        assert snapshot((busy.exchange, busy.rng)) != changed


class TestDeterminism:
    @staticmethod
    def day(floor: Floor) -> Any:
        ann, bob = floor.trader("ann"), floor.trader("bob")
        for number in range(5):
            floor.sell(bob, "0.3", f"{60000 + 7 * number}", oflags="fcib" if number % 2 else None)
            floor.clock.advance(HOUR)
            floor.buy(ann, f"0.{number + 1}", "60014", stptype="cancel-oldest", timeinforce="IOC")
            floor.sell(ann, "0.1", "60010")
        floor.exchange.cancel_all(ann)
        return snapshot((floor.exchange, floor.rng))

    def test_the_same_day_twice_is_the_same_to_the_last_id(self, open_floor: type[Floor]) -> None:
        assert self.day(open_floor()) == self.day(open_floor())
