"""The views behind `book` and `level3` against naive clients of a book on which anything happens.

A client does no more than Kraken asks of it: apply the lines in order, drop what is beyond its depth. Some drop after
every line, some after every message; both must hold what the exchange has. Reference: kraken/50 §5.2, §5.3.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mockkraken.clock import SECOND
from mockkraken.exchange import OrderRequest
from mockkraken.exchange.book import Book, Level
from mockkraken.exchange.orders import Order, Side
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings
from mockkraken.ws.book import BookView, Entry, Update
from mockkraken.ws.level3 import Level3Update, Level3View, OrderEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.exchange import Market

SIDES: tuple[Side, Side] = ("buy", "sell")
DEPTHS = (1, 2, 3, 4, 10)
Levels = list[tuple[int, int]]
Queues = list[tuple[int, list[tuple[str, int]]]]


class Pit:
    """A live book; each thing that happens to it is told at once, as the engine does."""

    def __init__(self) -> None:
        self.book = Book()
        self.now = 1000
        self.told: list[Callable[[Side, int, int], None]] = []
        self._count = 0

    def _tell(self, order: Order) -> Order:
        for listener in self.told:
            listener(order.side, order.price, self.now)
        return order

    def rest(self, side: Side, price: int, volume: int, display: int | None = None) -> Order:
        self._count += 1
        nothing = cast("Any", None)
        order = Order(account=nothing, market=nothing, side=side, ordertype="limit", vol=volume, display=display)
        order.limit, order.txid, order.place = price, f"O{self._count}", "book"
        self.book.rest(order, self.now)
        return self._tell(order)

    def fill(self, order: Order, volume: int) -> Order:
        self.book.fill(order, volume, self.now)
        order.vol_exec += volume
        return self._tell(order)

    def withdraw(self, order: Order) -> Order:
        self.book.withdraw(order, self.now)
        return self._tell(order)

    def cut(self, order: Order, left: int) -> Order:
        """Reduce what remains; it keeps its place."""
        shown = order.offered
        order.vol = order.vol_exec + left
        order.shown = min(order.shown, left)
        self.book.adjust(order, shown, self.now)
        return self._tell(order)

    def orders(self) -> list[Order]:
        return [order for side in SIDES for level in self.book.levels(side) for order in level.orders.values()]

    def live(self, side: Side, depth: int) -> list[Level]:
        return list(self.book.levels(side))[:depth]

    def levels(self, side: Side, depth: int) -> Levels:
        return [(level.price, level.volume) for level in self.live(side, depth)]

    def queues(self, side: Side, depth: int) -> Queues:
        return [
            (level.price, [(order.txid, order.offered) for order in level.orders.values()])
            for level in self.live(side, depth)
        ]

    def places(self, side: Side, depth: int) -> dict[int, dict[int, OrderEntry]]:
        """The orders of each level by their places in its queue, as `level3` tells of new ones."""
        return {
            level.price: {
                order.queued: OrderEntry("add", order.txid, level.price, order.offered, order.rested)
                for order in level.orders.values()
            }
            for level in self.live(side, depth)
        }


def best_first(held: dict[int, Any], side: Side) -> list[int]:
    return sorted(held, reverse=side == "buy")


class Client:
    """Holds a book by price."""

    def __init__(self, depth: int, *, tidy: bool) -> None:
        self.depth = depth
        self.tidy = tidy  # whether it drops what is beyond its depth after every line
        self.held: dict[Side, dict[int, int]] = {"buy": {}, "sell": {}}

    def begin(self, snapshot: tuple[list[Entry], list[Entry]]) -> None:
        for side, entries in zip(SIDES, snapshot, strict=True):
            self.held[side] = {entry.price: entry.volume for entry in entries}
            assert list(self.held[side]) == best_first(self.held[side], side) and len(entries) <= self.depth

    def apply(self, update: Update) -> None:
        held = self.held[update.side]
        for entry in update.entries:
            if entry.volume:
                held[entry.price] = entry.volume
            else:
                assert entry.price in held, "a level that the client does not hold"
                del held[entry.price]
            if self.tidy:
                self.drop(update.side)
        self.drop(update.side)

    def drop(self, side: Side) -> None:
        for price in best_first(self.held[side], side)[self.depth :]:
            del self.held[side][price]

    def levels(self, side: Side) -> Levels:
        return [(price, self.held[side][price]) for price in best_first(self.held[side], side)]


class Level3Client:
    """Holds each order by its id, in the queue of its price."""

    def __init__(self, depth: int, *, tidy: bool) -> None:
        self.depth = depth
        self.tidy = tidy
        self.held: dict[Side, dict[int, dict[str, int]]] = {"buy": {}, "sell": {}}

    def begin(self, snapshot: tuple[list[OrderEntry], list[OrderEntry]]) -> None:
        for side, entries in zip(SIDES, snapshot, strict=True):
            for entry in entries:
                assert entry.event == "add"
                self.held[side].setdefault(entry.price, {})[entry.order_id] = entry.volume
            assert list(self.held[side]) == best_first(self.held[side], side) and len(self.held[side]) <= self.depth

    def apply(self, update: Level3Update) -> None:
        for side, entries in (("buy", update.bids), ("sell", update.asks)):
            for entry in entries:
                self.line(self.held[side], entry)
                if self.tidy:
                    self.drop(side)
            self.drop(side)

    def line(self, held: dict[int, dict[str, int]], entry: OrderEntry) -> None:
        if entry.event == "add":
            assert all(entry.order_id not in queue for queue in held.values()), "an order that the client holds"
            held.setdefault(entry.price, {})[entry.order_id] = entry.volume
            return
        assert entry.order_id in held.get(entry.price, {}), "an order that the client does not hold"
        if entry.event == "modify":
            assert held[entry.price][entry.order_id] != entry.volume
            held[entry.price][entry.order_id] = entry.volume
            return
        assert held[entry.price].pop(entry.order_id) == entry.volume, "not what it showed last"
        if not held[entry.price]:
            del held[entry.price]

    def drop(self, side: Side) -> None:
        for price in best_first(self.held[side], side)[self.depth :]:
            del self.held[side][price]

    def queues(self, side: Side) -> Queues:
        return [(price, list(self.held[side][price].items())) for price in best_first(self.held[side], side)]


# Anything that can happen to a book. Few prices and small volumes, so that levels come and go at the edge of a window.
def steps(prices: int, least: int, most: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    rests = st.tuples(
        st.just("rest"),
        st.sampled_from(SIDES),
        st.integers(1, prices),
        st.integers(1, 4),
        st.sampled_from([None, None, 1, 2]),
    )
    others = st.tuples(
        st.sampled_from(["fill", "withdraw", "withdraw", "cut"]), st.integers(0, 99), st.sampled_from([9, 1, 2])
    )
    return st.lists(st.one_of(rests, others), min_size=least, max_size=most)


def first(pit: Pit, depth: int, data: st.DataObject) -> None:
    """A book to begin with: a side may just fill a window, lack a level, or have some more; there is room between."""
    for side in SIDES:
        thick = data.draw(st.sampled_from([0, depth - 1, depth, depth + 1, depth + 4]), f"levels to {side}")
        for level in range(thick):
            pit.now += 3
            pit.rest(side, 2 * level + 2, 1 + level % 2)
            if level % 3 == 0:
                pit.rest(side, 2 * level + 2, 3, display=1)


def happen(pit: Pit, step: tuple[Any, ...]) -> None:
    """Do it, if there is anybody to do it to."""
    what, *how = step
    pit.now += 3
    if what == "rest":
        pit.rest(*how)
        return
    resting = pit.orders()
    if not resting:
        return
    order = resting[how[0] % len(resting)]
    if what == "fill":
        pit.fill(order, min(how[1], order.offered))
    elif what == "withdraw":
        pit.withdraw(order)
    else:
        pit.cut(order, min(how[1], order.remaining))


class Watch:
    """Looks at the live book after each event, and says what must be sent of it."""

    def __init__(self, pit: Pit, depth: int) -> None:
        self.pit = pit
        self.depth = depth
        self.levels = {side: pit.levels(side, depth) for side in SIDES}
        self.places = {side: pit.places(side, depth) for side in SIDES}
        self.lines: list[Entry] = []
        self.order_lines: list[OrderEntry] = []
        pit.told.append(self.see)

    def see(self, side: Side, price: int, now: int) -> None:
        live = self.pit.book.bids if side == "buy" else self.pit.book.asks
        before, after = dict(self.levels[side]), dict(self.pit.levels(side, self.depth))
        self.lines = []
        if before.get(price) != after.get(price):
            self.lines.append(Entry(price, after.get(price, 0), now, False))
        moved_in = [other for other in after if other not in before and other != price]
        self.lines += [Entry(other, after[other], live[other].changed, True) for other in moved_in]
        if price in before and price not in after:
            # Whatever goes is made up for at once, if the book has another.
            assert len(moved_in) == (len(before) == self.depth <= len(live))
            event("one moved in" if moved_in else "none was there to move in")
        elif not self.lines:
            event("nothing to send")
        elif len(after) == len(before) == self.depth and set(after) != set(before):
            event("one was pushed out")

        was, places = self.places[side], self.pit.places(side, self.depth)
        old, new = was.get(price, {}), places.get(price, {})
        self.order_lines = [
            line._replace(event="delete", time=now) for number, line in old.items() if number not in new
        ]
        for number, line in new.items():
            if number not in old:
                self.order_lines.append(line)
            elif line.volume != old[number].volume:
                self.order_lines.append(line._replace(event="modify"))
        for other in moved_in:
            self.order_lines += places[other].values()
        self.levels[side], self.places[side] = list(after.items()), places


def volumes(queues: Queues) -> tuple[tuple[int, tuple[int, ...]], ...]:
    return tuple((price, tuple(volume for _, volume in queue)) for price, queue in queues)


@pytest.mark.parametrize("depth", DEPTHS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_each_event_sends_what_it_changes_in_the_window(depth: int, data: st.DataObject) -> None:
    prices = 2 * depth + 10
    pit = Pit()
    first(pit, depth, data)
    view, view3 = BookView(pit.book, depth), Level3View(pit.book, depth)
    client, client3 = Client(depth, tidy=True), Level3Client(depth, tidy=True)
    client.begin(view.snapshot())
    client3.begin(view3.snapshot())
    watch = Watch(pit, depth)
    pit.told += [view.see, view3.see]
    for step in data.draw(steps(prices, 20, 40), "steps"):
        watch.lines, watch.order_lines = [], []
        happen(pit, step)
        updates, updates3 = view.take_updates(), view3.take_updates()
        assert [line for update in updates for line in update.entries] == watch.lines
        assert [line for update in updates3 for line in (*update.bids, *update.asks)] == watch.order_lines
        for update in updates:
            client.apply(update)
            assert (update.bids, update.asks) == tuple(tuple(pit.levels(side, min(depth, 10))) for side in SIDES)
            assert update.time == pit.now
        for update3 in updates3:
            client3.apply(update3)
            tops = tuple(volumes(pit.queues(side, min(depth, 10))) for side in SIDES)
            assert (update3.top_bids, update3.top_asks) == tops
            assert update3.time == pit.now and not (update3.bids and update3.asks)
        for side, entries, orders in zip(SIDES, view.snapshot(), view3.snapshot(), strict=True):
            assert client.levels(side) == pit.levels(side, depth)
            assert client3.queues(side) == pit.queues(side, depth)
            assert entries == [Entry(one.price, one.volume, one.changed, False) for one in pit.live(side, depth)]
            assert orders == [line for queue in pit.places(side, depth).values() for line in queue.values()]


@pytest.mark.parametrize("depth", DEPTHS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_messages_of_several_events_keep_every_client_in_step(depth: int, data: st.DataObject) -> None:
    prices = 2 * depth + 10
    pit = Pit()
    first(pit, depth, data)
    view, view3 = BookView(pit.book, depth), Level3View(pit.book, depth)
    clients = [Client(depth, tidy=tidy) for tidy in (True, False)]
    clients3 = [Level3Client(depth, tidy=tidy) for tidy in (True, False)]
    for client in clients:
        client.begin(view.snapshot())
    for client3 in clients3:
        client3.begin(view3.snapshot())
    watch = Watch(pit, depth)
    pit.told += [view.see, view3.see]
    for command in data.draw(st.lists(steps(prices, 1, 20), min_size=1, max_size=4), "commands"):
        sent: list[Entry] = []
        sent3: list[OrderEntry] = []
        for step in command:
            watch.lines, watch.order_lines = [], []
            happen(pit, step)
            sent += watch.lines
            sent3 += watch.order_lines
        updates, updates3 = view.take_updates(), view3.take_updates()
        assert [line for update in updates for line in update.entries] == sent
        assert [line for update3 in updates3 for line in (*update3.bids, *update3.asks)] == sent3
        for update in updates:
            for client in clients:
                client.apply(update)
                assert client.levels("buy")[:10] == list(update.bids) and client.levels("sell")[:10] == list(
                    update.asks
                )
        for update3 in updates3:
            for client3 in clients3:
                client3.apply(update3)
                tops = tuple(volumes(client3.queues(side)[:10]) for side in SIDES)
                assert (update3.top_bids, update3.top_asks) == tops
        for side in SIDES:
            assert all(client.levels(side) == pit.levels(side, depth) for client in clients)
            assert all(client3.queues(side) == pit.queues(side, depth) for client3 in clients3)
        assert view.take_updates() == [] and view3.take_updates() == []


# One thing at a time


def watched(depth: int, *rests: tuple[Side, int, int]) -> tuple[Pit, BookView, Level3View]:
    pit = Pit()
    for rest in rests:
        pit.rest(*rest)
    view, view3 = BookView(pit.book, depth), Level3View(pit.book, depth)
    pit.told += [view.see, view3.see]
    pit.now += 10
    return pit, view, view3


def test_events_of_one_side_are_one_update_and_a_change_of_side_begins_another() -> None:
    pit, view, view3 = watched(10, ("buy", 5, 1))
    pit.rest("buy", 4, 1)
    pit.now += 1
    pit.rest("buy", 6, 2)
    pit.rest("sell", 9, 3)
    pit.rest("buy", 5, 4)
    updates, updates3 = view.take_updates(), view3.take_updates()
    assert [(update.side, [line[:2] for line in update.entries]) for update in updates] == [
        ("buy", [(4, 1), (6, 2)]),
        ("sell", [(9, 3)]),
        ("buy", [(5, 5)]),
    ]
    # Each checksum is of the book between two updates.
    assert [(update.bids, update.asks) for update in updates] == [
        (((6, 2), (5, 1), (4, 1)), ()),
        (((6, 2), (5, 1), (4, 1)), ((9, 3),)),
        (((6, 2), (5, 5), (4, 1)), ((9, 3),)),
    ]
    assert [update.time for update in updates] == [1011, 1011, 1011]
    assert [(len(update3.bids), len(update3.asks)) for update3 in updates3] == [(2, 0), (0, 1), (1, 0)]
    assert [update3.top_bids[1] for update3 in updates3] == [(5, (1,)), (5, (1,)), (5, (1, 4))]


def test_a_slice_that_is_filled_and_shown_anew_changes_no_level_and_two_places() -> None:
    pit, view, view3 = watched(10)
    iceberg = pit.rest("sell", 5, 6, display=2)
    other = pit.rest("sell", 5, 1)
    assert (iceberg.rested, other.rested) == (1010, 1010)
    view.take_updates(), view3.take_updates()
    pit.now += 1
    pit.fill(iceberg, 2)
    assert view.take_updates() == [] and view.snapshot()[1] == [Entry(5, 3, 1011, False)]
    (update3,) = view3.take_updates()
    assert update3.asks == [OrderEntry("delete", "O1", 5, 2, 1011), OrderEntry("add", "O1", 5, 2, 1011)]
    assert update3.top_asks == ((5, (1, 2)),)
    # A part of a slice keeps the place, and its time; so does a cut, but for the time.
    pit.now += 1
    pit.fill(iceberg, 1)
    pit.cut(other, 1)
    (update,), (update3,) = view.take_updates(), view3.take_updates()
    assert update.entries == [Entry(5, 2, 1012, False)]
    assert update3.asks == [OrderEntry("modify", "O1", 5, 1, 1011)]
    assert (iceberg.rested, other.rested) == (1011, 1012)


def test_a_fill_and_a_refill_in_one_command_are_both_told() -> None:
    pit, view, _ = watched(10, ("buy", 5, 4))
    (order,) = pit.orders()
    pit.fill(order, 3)
    pit.rest("buy", 5, 3)
    (update,) = view.take_updates()
    assert [line.volume for line in update.entries] == [1, 4]


def test_the_orders_of_a_level_that_moves_in_come_with_their_old_times() -> None:
    pit, view, view3 = watched(2, ("buy", 9, 1), ("buy", 8, 1), ("buy", 7, 2), ("buy", 7, 3), ("buy", 6, 1))
    pit.withdraw(pit.orders()[0])
    (update,), (update3,) = view.take_updates(), view3.take_updates()
    assert update.entries == [Entry(9, 0, 1010, False), Entry(7, 5, 1000, True)]
    assert update3.bids == [
        OrderEntry("delete", "O1", 9, 1, 1010),
        OrderEntry("add", "O3", 7, 2, 1000),
        OrderEntry("add", "O4", 7, 3, 1000),
    ]
    assert update3.top_bids == ((8, (1,)), (7, (2, 3)))


def test_a_level_that_was_pushed_out_does_not_change_within_the_same_update() -> None:
    """A client that drops levels only at the end of a message would be left with it."""
    pit, view, view3 = watched(2, ("sell", 2, 1), ("sell", 3, 1))
    second, third = pit.orders()
    pit.rest("sell", 1, 1)  # pushes 3 out
    pit.withdraw(third)
    pit.withdraw(second)  # and none is left to move in
    updates, updates3 = view.take_updates(), view3.take_updates()
    assert [[line[:2] for line in update.entries] for update in updates] == [[(1, 1)], [(2, 0)]]
    assert [[line[:2] for line in update3.asks] for update3 in updates3] == [[("add", "O3")], [("delete", "O1")]]

    pit, view, view3 = watched(2, ("sell", 2, 1), ("sell", 3, 1))
    second, third = pit.orders()
    pit.rest("sell", 1, 1)
    pit.withdraw(second)  # 3 moves in again
    (update,), updates3 = view.take_updates(), view3.take_updates()
    assert [line[:2] for line in update.entries] == [(1, 1), (2, 0), (3, 1)]
    assert [[line[:2] for line in update3.asks] for update3 in updates3] == [
        [("add", "O3")],
        [("delete", "O1"), ("add", "O2")],
    ]


@pytest.mark.parametrize("depth", [10, 25, 1000])
def test_keeps_in_step_with_a_whole_exchange(depth: int) -> None:
    """The engine tells of every single change as soon as it is made, whoever made it."""
    sandbox = Sandbox(settings=Settings.of(), start=1_790_000_000 * SECOND)
    pair = sandbox.catalog.trading_pair("XBTUSD")
    assert pair is not None
    exchange, main, market = sandbox.exchange, sandbox.exchange.accounts["main"], sandbox.exchange.market(pair)
    view, view3 = BookView(market.book, depth), Level3View(market.book, depth)
    client, client3 = Client(depth, tidy=False), Level3Client(depth, tidy=False)
    client.begin(view.snapshot())
    client3.begin(view3.snapshot())
    told = Counter[Side]()

    def see(where: Market, side: Side, price: int) -> None:
        if where is market:
            told[side] += 1
            view.see(side, price, sandbox.clock.now())
            view3.see(side, price, sandbox.clock.now())

    def enter(side: Side, volume: str, price: int | None, ordertype: str = "limit", **more: Any) -> Order:
        text = None if price is None else pair.price_text(price)
        request = OrderRequest(ordertype=ordertype, type=side, volume=volume, price=text, **more)
        return exchange.submit(exchange.prepare(main, pair, request))

    exchange.events.book.append(see)
    sandbox.makers.set_model(market, "walk")
    lines = 0
    for round_ in range(30):
        best = market.book.best_bid
        assert best is not None
        own = enter("buy", "0.1", best.price - 4 * pair.tick)
        iceberg = enter("buy", "0.5", best.price + pair.tick, "iceberg", displayvol="0.05")
        enter("sell", "0.3", None, "market")
        sandbox.clock.advance(SECOND)
        if round_ == 15:
            sandbox.makers.move(market, best.price * 101 // 100 // pair.tick * pair.tick)
        for order in (own, iceberg):
            if order.status == "open":
                exchange.cancel([order])
        for update in view.take_updates():
            client.apply(update)
            lines += len(update.entries)
            assert client.levels("buy")[:10] == list(update.bids) and client.levels("sell")[:10] == list(update.asks)
        for update3 in view3.take_updates():
            client3.apply(update3)
            assert update3.top_bids == volumes(client3.queues("buy")[:10])
        for side in SIDES:
            live = list(market.book.levels(side))[:depth]
            assert client.levels(side) == [(level.price, level.volume) for level in live]
            assert client3.queues(side) == [
                (level.price, [(order.txid, order.offered) for order in level.orders.values()]) for level in live
            ]
    assert told["buy"] > 100 and told["sell"] > 100 and lines > 200


def test_a_level_that_was_pushed_out_before_may_change_within_an_update() -> None:
    pit, view, view3 = watched(1, ("sell", 5, 1))
    pit.rest("sell", 4, 1)
    assert len(view.take_updates()) == len(view3.take_updates()) == 1
    pit.rest("sell", 4, 1)
    pit.withdraw(pit.orders()[-1])  # at 5, where nobody looks
    pit.rest("sell", 4, 1)
    assert [len(update.entries) for update in view.take_updates()] == [2]
    assert [len(update3.asks) for update3 in view3.take_updates()] == [2]
