"""The simulated market makers: they quote every pair from the moment it is first looked at.

They trade for `house`. Four models: `calm` quotes around a middle that stays until somebody moves it, and is there
again after each command; `walk` moves the middle on the sandbox's timers, along a seeded path, and lets takers trade;
`static` never puts back what was taken; `replay` plays a recorded tape (replay.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from mockkraken.clock import SECOND
from mockkraken.exchange.book import Level
from mockkraken.exchange.market import SPREADS_KEPT
from mockkraken.exchange.matching import crosses
from mockkraken.exchange.tape import Tape
from mockkraken.ids import Ids, generator
from mockkraken.market import history
from mockkraken.market.history import History
from mockkraken.market.ladder import SIDES, Ladder, Quote, Top, recorded_top
from mockkraken.market.replay import At, Replay

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.clock import Clock, Timer
    from mockkraken.exchange import Exchange, Market, Order
    from mockkraken.exchange.orders import Side
    from mockkraken.market.recording import Recording

Model = Literal["calm", "walk", "static", "replay"]
Quoting = Literal["calm", "walk", "static"]
"""The models that need nothing but their name."""

STEP = SECOND  # of the walk, while the clock runs as the machine's
PARTS_OF_A_LEAP = 120  # A step goes that part of what is still ahead when the clock leaps: ever finer towards its end.
MARKETS_A_LEAP = 4  # More of them share the steps of so many: a month passes in seconds.
STEPS_A_SECOND = 100  # of the machine's, at most, however many walk and however fast the clock runs
TAKERS_REACH = 200  # Takers go no further than 1/TAKERS_REACH of the price into the book.
WIDEST = 100  # The spread is never more than 1/WIDEST of the price, unless the tick is.


class MarketError(ValueError):
    """The makers can't do that on this market as it is now."""


class Glance(msgspec.Struct, frozen=True):
    """The surface of a market: its best quotes and its tape."""

    bid: Quote | Level | None
    ask: Quote | Level | None
    tape: Tape


class _Desk:
    """The makers' own record of one market: what they want to offer, which order stands for it, what to look at."""

    def __init__(self, market: Market, seed: int, model: Model, ladder: Ladder) -> None:
        pair = market.pair
        self.market = market
        self.model = model
        self.paused = False
        self.ladder = ladder
        self.top: Top | None = None
        self.ids = Ids(generator(seed, f"house-ids/{pair.id}"))
        self.quotes: dict[At, int] = {}
        self.orders: dict[At, Order] = {}
        self.dirty: dict[At, None] = {}

        self.rng = generator(seed, f"walk/{pair.id}")
        self.price = 0  # where the walk is, widened (history.widen)
        self.walked = 0  # when it last made a step
        self.timer: Timer | None = None

        self.replay: Replay | None = None


class Makers:
    """Quotes the pairs of an exchange.

    Args:
        exchange: whose events they listen to, and who does what they want.
        clock: the sandbox's.
        seed: the sandbox's.
        model: how they behave at first on each pair.
        largest: the largest default balance of each asset, in its units: what the depth must be able to take.
    """

    def __init__(self, exchange: Exchange, clock: Clock, seed: int, model: Model, largest: Mapping[str, int]) -> None:
        self._exchange = exchange
        self._clock = clock
        self._seed = seed
        self._model: Model = model
        self._largest = largest
        self._desks: dict[str, _Desk] = {}
        self._walking: set[str] = set()
        exchange.events.opened.append(self._open)
        exchange.events.book.append(self._notice)
        exchange.events.settled.append(self._refill)
        clock.on_pace.append(self._repace)

    # Looking

    def glance(self, pair: Pair) -> Glance:
        """What the pair would show if it were looked at now, without opening its market."""
        tape = Tape()
        top = recorded_top(pair)
        if top is None:
            return Glance(None, None, tape)
        self._write_past(pair, tape)
        ladder = Ladder(pair, self._seed, self._largest)
        bid, ask = (next(ladder.quotes(top, side)) for side in SIDES)
        return Glance(bid, ask, tape)

    def notice_interest(self, pair: Pair) -> None:
        """Somebody asks for this pair: where markets walk, its market opens, or a glance would never see it move.

        Elsewhere it stays closed, which spares the book of each pair that a long list names.
        """
        if self._model == "walk":
            self._exchange.market(pair)

    def model(self, market: Market) -> Model:
        """How they behave on that market."""
        return self._desks[market.pair.id].model

    def paused(self, market: Market) -> bool:
        """Whether they leave that market alone."""
        return self._desks[market.pair.id].paused

    def replaying(self, market: Market) -> Replay | None:
        """The tape that is played on that market, or was played to its end; None with any other model."""
        return self._desks[market.pair.id].replay

    # What can be asked of them

    def set_model(self, market: Market, model: Quoting) -> None:
        """Behave differently from now on."""
        desk = self._desks[market.pair.id]
        self._end_replay(desk)
        if model != desk.model:
            desk.model = model
            if model != "static" and desk.top:
                self._lay(desk, desk.top.on_ticks(market.pair.tick))
        desk.walked = self._clock.now()
        self._rearm(desk)
        self._exchange.settle()

    def replay(self, market: Market, recording: Recording) -> None:
        """Take all quotes back and play a tape of that pair, from now on; while paused, no more than its beginning."""
        desk = self._desks[market.pair.id]
        self._end_replay(desk)
        desk.model = "replay"
        self._rearm(desk)
        desk.quotes = {}
        desk.dirty.clear()
        desk.replay = Replay(recording, market, self._exchange, self._clock, desk.ids, desk.orders)
        if desk.paused:
            desk.replay.stop()

    def pause(self, market: Market, paused: bool) -> None:
        """Leave the market alone: no quotes put back, no walk, no tape; or go on."""
        desk = self._desks[market.pair.id]
        desk.paused = paused
        if desk.replay is not None:
            desk.replay.stop() if paused else desk.replay.go_on()
        desk.walked = self._clock.now()
        self._rearm(desk)
        self._refill(market)
        self._exchange.settle()

    def move(self, market: Market, price: int) -> None:
        """Move there (price units, on the tick): trade with all client orders on the way, quote anew, and trade once.

        Raises:
            MarketError: the market is static or a replay, so there is nobody to move.
        """
        desk = self._desks[market.pair.id]
        if desk.model == "static":
            raise MarketError("a static market has only the book that it was given; give it another, or another model")
        if desk.model == "replay":
            raise MarketError("a replay goes where its tape goes; give the market another model")
        side = self._shift(desk, price)
        if market.tape.last_price != price:
            self._exchange.take(market, side, max(market.pair.ordermin, 1), desk.ids.order(), price)
        desk.price, desk.walked = history.widen(price), self._clock.now()
        self._rearm(desk)
        self._exchange.settle()

    def trade(self, market: Market, side: Side, volume: int, limit: int | None = None) -> Order:
        """Let somebody take `volume` (lot units), at `limit` or better if given; what came of it.

        Raises:
            MarketError: nobody offers that.
        """
        best = market.book.best_opposite(side)
        if best is None or not crosses(side, best.price, limit):
            raise MarketError(f"nothing rests there for a {side}er to take")
        order = self._exchange.take(market, side, volume, self._desks[market.pair.id].ids.order(), limit)
        self._exchange.settle()
        return order

    def fill(self, resting: Order, volume: int) -> None:
        """Let somebody trade `volume` (lot units, no more than is left) with one resting order, at its price."""
        self._exchange.fill(resting, volume, self._desks[resting.market.pair.id].ids.order())
        self._exchange.settle()

    def set_book(self, market: Market, levels: Iterable[tuple[Side, Quote]]) -> None:
        """Replace all quotes by these, in that order; one that meets a client's order trades with it.

        Each price at most once a side; bids below asks.
        """
        desk = self._desks[market.pair.id]
        for at in list(desk.orders):
            self._withdraw(desk, at)
        desk.quotes = {}
        desk.dirty.clear()
        for side, quote in levels:
            at = (side, quote.price)
            desk.quotes[at] = quote.volume
            taken = self._exchange.take(market, side, quote.volume, desk.ids.order(), quote.price)
            if taken.remaining:
                self._place(desk, at, taken.remaining)
            if taken.vol_exec:
                desk.dirty[at] = None
        self._note_top(desk)
        desk.walked = self._clock.now()
        self._rearm(desk)
        self._exchange.settle()

    # What they do by themselves

    def _open(self, market: Market) -> None:
        pair = market.pair
        ladder = Ladder(pair, self._seed, self._largest)
        desk = self._desks[pair.id] = _Desk(market, self._seed, self._model, ladder)
        top = recorded_top(pair)
        if top is not None:
            past = self._write_past(pair, market.tape)
            market.earlier_spreads = partial(past.spreads, top.bid, top.ask, SPREADS_KEPT)
            self._lay(desk, top)
            market.note_spread(self._clock.now())
            desk.price = history.widen(past.close)
        desk.walked = self._clock.now()
        self._rearm(desk)

    def _write_past(self, pair: Pair, tape: Tape) -> History:
        assert pair.reference.last is not None
        past = History(pair, self._seed, self._clock.now(), pair.reference.last)
        tape.follow(past.back_to, past.close)
        return past

    def _lay(self, desk: _Desk, top: Top) -> None:
        """Offer what the ladder has for that top: what does not fit is withdrawn, what is missing placed."""
        pair = desk.market.pair
        if desk.ladder.pair is not pair:  # Its rules have changed.
            desk.ladder = Ladder(pair, self._seed, self._largest)
        desk.top = top
        desk.dirty.clear()
        desk.quotes = {(side, quote.price): quote.volume for side in SIDES for quote in desk.ladder.quotes(top, side)}
        for at, order in list(desk.orders.items()):
            if order.status != "open" or order.remaining != desk.quotes.get(at):
                self._withdraw(desk, at)
        for at in desk.quotes:
            if at not in desk.orders:
                self._put(desk, at)

    def _put(self, desk: _Desk, at: At) -> None:
        """Place a quote, unless it would meet a client's order: then look again after the next command."""
        side, price = at
        opposite = desk.market.book.best_opposite(side)
        if opposite and crosses(side, opposite.price, price):
            desk.dirty[at] = None
            return
        self._place(desk, at, desk.quotes[at])

    def _place(self, desk: _Desk, at: At, volume: int) -> None:
        side, price = at
        desk.orders[at] = self._exchange.quote(desk.market, side, price, volume, desk.ids.order())
        desk.dirty.pop(at, None)

    def _withdraw(self, desk: _Desk, at: At) -> None:
        order = desk.orders.pop(at)
        if order.status == "open":
            self._exchange.withdraw_quote(order)
        desk.dirty.pop(at, None)

    def _notice(self, market: Market, side: Side, price: int) -> None:
        desk = self._desks[market.pair.id]
        if (side, price) in desk.quotes:
            desk.dirty[side, price] = None

    def _refill(self, market: Market) -> None:
        """Put back what a command has taken, as far as it does not meet a client's order."""
        desk = self._desks[market.pair.id]
        if desk.model == "calm" and not desk.paused:
            self._put_back(desk)

    def _put_back(self, desk: _Desk) -> None:
        for at in list(desk.dirty):
            order = desk.orders.get(at)
            if order is not None:
                if order.status == "open" and order.remaining == desk.quotes[at]:
                    del desk.dirty[at]
                    continue
                self._withdraw(desk, at)
            self._put(desk, at)

    def _shift(self, desk: _Desk, price: int) -> Side:
        """Bring the top to a price, and take all that clients offer at it or better.

        Returns:
            The side of the takers who trade there: they buy if it lies above the old top's middle, else they sell.
        """
        old = desk.top or Top(price, price)
        top = _top_at(desk.market.pair, price, "buy" if 2 * price >= old.bid + old.ask else "sell")
        reached = [(side, at) for side, at in desk.orders if (at <= price if side == "sell" else at >= price)]
        for at in reached:
            self._withdraw(desk, at)
        # Of clients' bids there are some only if the price lies within the old spread, or they have kept quotes away.
        self._sweep(desk, "buy", price)
        self._sweep(desk, "sell", price)
        self._lay(desk, top)
        return "buy" if top.ask == price else "sell"

    def _sweep(self, desk: _Desk, side: Side, limit: int) -> None:
        """Take all that clients offer, from the best price to `limit`, where no quote stands."""
        volume = 0
        for level in desk.market.book.levels("sell" if side == "buy" else "buy"):
            if not crosses(side, level.price, limit):
                break
            volume += sum(order.remaining for order in level.orders.values())
        if volume:
            self._exchange.take(desk.market, side, volume, desk.ids.order(), limit)

    def _note_top(self, desk: _Desk) -> None:
        """Learn the top from a book that was given; one side tells where the other would be, none tells nothing."""
        bid = max((price for side, price in desk.quotes if side == "buy"), default=None)
        ask = min((price for side, price in desk.quotes if side == "sell"), default=None)
        pair = desk.market.pair
        if bid is not None and ask is not None:
            desk.top = Top(bid, ask)
        elif bid is not None:
            desk.top = _top_at(pair, bid, "sell")
        elif ask is not None:
            desk.top = _top_at(pair, ask, "buy")
        else:
            return
        desk.price = history.widen(desk.top.bid)

    def _end_replay(self, desk: _Desk) -> None:
        """Let no more of a tape happen; the makers go on from what it has left."""
        if desk.replay is None:
            return
        desk.replay.stop()
        desk.replay = None
        desk.quotes = {at: order.remaining for at, order in desk.orders.items() if order.status == "open"}
        last = desk.market.tape.last_price
        if desk.quotes:
            self._note_top(desk)
        elif last is not None:
            desk.top = _top_at(desk.market.pair, last, "buy")
            desk.price = history.widen(last)

    # The walk

    def _repace(self) -> None:
        for desk in self._desks.values():
            self._rearm(desk)

    def _rearm(self, desk: _Desk) -> None:
        """Let the walk's next step come when it is time for it, or not at all."""
        when = None
        if desk.model == "walk" and not desk.paused and desk.top is not None:
            self._walking.add(desk.market.pair.id)
            when = desk.walked + self._pause()
        else:
            self._walking.discard(desk.market.pair.id)
        if desk.timer is not None:
            if desk.timer.when == when:
                return
            desk.timer.cancel()
        desk.timer = None if when is None else self._clock.call_at(when, partial(self._walk, desk))

    def _pause(self) -> int:
        """The time between two steps of a market, ns."""
        clock, walking = self._clock, len(self._walking)
        return max(
            STEP,
            clock.ahead() * max(walking, MARKETS_A_LEAP) // (MARKETS_A_LEAP * PARTS_OF_A_LEAP),
            int(clock.scale * SECOND) * walking // STEPS_A_SECOND,
        )

    def _walk(self, desk: _Desk) -> None:
        """A step: the middle goes where the path goes, and somebody trades."""
        assert desk.top is not None
        desk.timer = None
        pair, now = desk.market.pair, self._clock.now()
        if not self._exchange.trades(desk.market):
            desk.walked = now
            self._rearm(desk)
            return
        span, desk.walked = now - desk.walked, now
        (factor,) = history.factors(history.deviation(pair, span), desk.rng.randbytes(1))
        desk.price = max(history.moved(desk.price, factor), history.widen(pair.tick))
        price = history.on_tick(desk.price, pair.tick)
        if desk.top.bid <= price <= desk.top.ask:
            # Of the quotes, none stands within the spread; a client's order there, or where it keeps quotes away, is
            # taken when the middle has passed it.
            self._sweep(desk, "buy", min(price, desk.top.ask - 1))
            self._sweep(desk, "sell", max(price, desk.top.bid + 1))
        else:
            self._shift(desk, price)
        if desk.rng.random() * history.between_trades(pair) < span:
            self._let_trade(desk, span)
        self._put_back(desk)
        self._exchange.settle()
        self._rearm(desk)

    def _let_trade(self, desk: _Desk, span: int) -> None:
        market, pair, rng = desk.market, desk.market.pair, desk.rng
        side = SIDES[rng.getrandbits(1)]
        best = market.book.best_opposite(side)
        if best is None or desk.top is None:
            return
        (volume,) = history.volumes(pair, max(span, history.between_trades(pair)), rng.randbytes(1))
        reach = best.price // TAKERS_REACH
        limit = best.price + reach if side == "buy" else best.price - reach
        self._exchange.take(market, side, volume, desk.ids.order(), limit)
        at_top = desk.top.bid if side == "sell" else desk.top.ask
        if market.tape.last_price != at_top:
            # It went deep into the book; the last one does not, so that last price and middle agree.
            self._put_back(desk)
            self._exchange.take(market, side, max(pair.ordermin, 1), desk.ids.order(), at_top)


def _top_at(pair: Pair, price: int, side: Side) -> Top:
    """The top where takers of that side trade at `price`: as wide as on the recorded day, within bounds."""
    recorded = recorded_top(pair)
    width = recorded.ask - recorded.bid if recorded else pair.tick
    width = max(min(width, price // WIDEST // pair.tick * pair.tick), pair.tick)
    # Below the first tick, nobody can bid.
    return Top(price - width, price) if side == "buy" and price > width else Top(price, price + width)
