"""The exchange: a pure state machine. A command comes in, a result and events go out.

Each command is applied whole or not at all: it first works out everything that can refuse it, then does it without
a way to fail. Time and identifiers are given from outside.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from mockkraken import decimals, errors
from mockkraken.decimals import rescale
from mockkraken.errors import KrakenError
from mockkraken.exchange import fees, intake, orders
from mockkraken.exchange.accounts import Account
from mockkraken.exchange.events import Events
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.market import Market
from mockkraken.exchange.matching import Plan, plan
from mockkraken.exchange.orders import RATE_ONE, Order, Side, fee_on
from mockkraken.exchange.trades import Execution, Trade
from mockkraken.exchange.valuation import Valuation
from mockkraken.ids import ORDER_ID

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Catalog, Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.intake import OrderRequest
    from mockkraken.ids import Ids
    from mockkraken.settings import Settings


_CLOSED = attrgetter("closetm", "seq")

CANCELS_MAX = 50  # [guess] ids in a comma list, as many as CancelOrderBatch takes [doc, kraken/30 §6.2]


class BalanceError(ValueError):
    """A balance can't be set to that: it lies below what open orders hold."""


class Exchange:
    """Accounts, markets and the commands that move them.

    Attributes:
        accounts: all of them by name.
        house: lends its orders to the simulated market makers, and pays no fees.
        fees: collects what the others pay.
        markets: those that were looked at, by pair id.
        events: what happens, for those who listen.
        valuation: what assets are worth in each other.
    """

    def __init__(self, clock: Clock, settings: Settings, catalog: Catalog, ids: Ids) -> None:
        self.events = Events()
        self.markets: dict[str, Market] = {}
        self.valuation = Valuation(catalog, self.markets)
        self.house = Account("house", role="house", margin=False)
        self.fees = Account("fees", role="fees", margin=False)
        self.accounts: dict[str, Account] = {account.name: account for account in (self.house, self.fees)}
        self._clock = clock
        self._settings = settings
        self._ids = ids
        self._seq = itertools.count(1)
        self._usd = catalog.assets["ZUSD"]
        self._touched: dict[str, Market] = {}

    # Accounts

    def open_account(self, account: Account) -> Account:
        """Add an account; its name must be new."""
        if account.name in self.accounts:
            raise ValueError(f"there is an account {account.name!r} already")
        self.accounts[account.name] = account
        return account

    def set_balance(self, account: Account, asset: Asset, units: int, *, time: int | None = None) -> None:
        """Set a balance from outside; the difference goes into the ledger as an `adjustment`.

        Raises:
            BalanceError: `units` is less than what open orders hold, or below zero.
        """
        if units < account.held[asset.id]:
            held = decimals.fmt(account.held[asset.id], asset.decimals)
            raise BalanceError(f"open orders hold {held} {asset.id}")
        change = units - account.balance(asset.id)
        if change or asset.id not in account.balances:
            when = self._clock.now() if time is None else time
            self._post(account, when, self._ids.adjustment(), "adjustment", asset.id, change, 0)

    # Markets

    def market(self, pair: Pair) -> Market:
        """The pair's market, opened when it is first asked for, under the rules that the pair has now."""
        market = self.markets.get(pair.id)
        if market is None:
            market = self.markets[pair.id] = Market(pair)
            for listener in self.events.opened:
                listener(market)
            self._touched.pop(pair.id, None)
        market.pair = pair
        return market

    def quote(self, market: Market, side: Side, price: int, volume: int, txid: str) -> Order:
        """Rest an order of the house, as its market makers do; it must not cross.

        No command of a client's: nothing is checked, held or told but the book.
        """
        now = self._clock.now()
        order = Order(
            account=self.house,
            market=market,
            side=side,
            ordertype="limit",
            vol=volume,
            limit=price,
            txid=txid,
            seq=next(self._seq),
            status="open",
            opentm=now,
        )
        self.house.open[txid] = order
        self._rest(order, now)
        return order

    def withdraw_quote(self, order: Order) -> None:
        """Take back an order that `quote` rested."""
        self._withdraw(order, self._clock.now(), orders.USER_REQUESTED)

    def take(self, market: Market, side: Side, volume: int, txid: str, limit: int | None = None) -> Order:
        """Let the house take what the book offers, up to `volume` and at `limit` or better; the rest is cancelled.

        The house meets its own quotes like anybody's. `settle` is the caller's, when all is done.
        """
        order = self._counterparty(market, side, volume, txid, limit)
        self._execute(order, plan(order, market.book, limit), order.opentm)
        return order

    def fill(self, resting: Order, volume: int, txid: str) -> Order:
        """Let the house trade `volume` with one resting order, at its price, whatever else rests before it.

        `settle` is the caller's.
        """
        side: Side = "sell" if resting.side == "buy" else "buy"
        order = self._counterparty(resting.market, side, volume, txid, resting.price)
        self._execute(order, Plan(steps=[(resting, volume)], volume=volume), order.opentm)
        return order

    def settle(self) -> None:
        """End what `quote`, `withdraw_quote`, `take` and `fill` have done, as each client's command ends by itself."""
        self._settle(self._clock.now())

    def _counterparty(self, market: Market, side: Side, volume: int, txid: str, limit: int | None) -> Order:
        order = Order(
            account=self.house,
            market=market,
            side=side,
            ordertype="market" if limit is None else "limit",
            vol=volume,
            limit=limit,
            time_in_force="ioc",
            txid=txid,
            seq=next(self._seq),
            status="open",
            opentm=self._clock.now(),
        )
        self.house.open[txid] = order
        return order

    # Orders

    def prepare(self, account: Account, pair: Pair, request: OrderRequest) -> Order:
        """Check a request's arguments and make the order that `submit` takes; nothing is stored.

        This is what `validate=true` runs: funds and the book's depth are not looked at (kraken/30 §2.7).

        Raises:
            KrakenError: as intake.read_order.
        """
        return intake.read_order(request, account, self.market(pair), self._settings, self._clock.now())

    def submit(self, order: Order) -> Order:
        """Accept a prepared order, match it, and rest or cancel what is left of it.

        Raises:
            KrakenError: the funds don't cover it, or it is post-only and would take.
        """
        now = self._clock.now()
        account, market = order.account, order.market
        if order.cl_ord_id is not None:
            intake.check_unique(order.cl_ord_id, account)
        if order.reduce_only:
            raise KrakenError(errors.REDUCE_ONLY_ON_SPOT, "reduce_only without leverage", check="order")
        volume = account.volume.at(now)
        order.rate = fees.rate(market.pair.taker, volume)
        order.highest_rate = max(order.rate, fees.rate(market.pair.maker, volume))
        found = plan(order, market.book, self._worst_price(order))
        hold = self._check_funds(order, found)
        if order.post and found.takes and self._settings.post_only_crossing == "error":
            best = market.book.best_opposite(order.side)
            at = market.pair.price_text(best.price) if best else "the other side"
            raise KrakenError(errors.POST_ONLY_ORDER, f"it would take at {at}", check="order")

        self._accept(order, hold, now)
        if order.post and found.takes:
            self._end(order, now, "canceled", orders.POST_ONLY)
        elif order.time_in_force == "fok" and found.volume < order.vol:
            reason = orders.CANNOT_TRADE_WITH_SELF if found.met_self else orders.INSUFFICIENT_LIQUIDITY
            self._end(order, now, "canceled", reason)
        else:
            self._execute(order, found, now)
        self._settle(now)
        return order

    def _worst_price(self, order: Order) -> int | None:
        """The worst price that the order trades at: its limit, or for a market order the protection's bound."""
        if order.limit is not None:
            return order.limit
        width = self._settings.market_price_protection
        best = order.market.book.best_opposite(order.side)
        if width == "off" or best is None:
            return None
        percent = decimals.parse(width, 4)
        sign = 1 if order.side == "buy" else -1
        return best.price + sign * (best.price * percent // RATE_ONE)

    def _check_funds(self, order: Order, found: Plan) -> int:
        """Whether the account can pay for the order and its fee (kraken/30 §5.4); what it holds at first."""
        asset = order.hold_asset
        if order.side == "sell" or order.limit is not None:
            needed = order.needed(order.vol)
        else:
            needed = self._cost_of(found, order)
        available = order.account.available(asset.id)
        if needed > available:
            texts = [decimals.fmt(units, asset.decimals) for units in (needed, available)]
            reason = f"it takes {texts[0]} {asset.id}, and {texts[1]} is available"
            raise KrakenError(errors.INSUFFICIENT_FUNDS, reason, check="order")
        return needed if order.limit is not None else 0

    @staticmethod
    def _cost_of(found: Plan, order: Order) -> int:
        """What a market buy will be debited at most, in quote units, rounded as each of its fills will be."""
        pair = order.market.pair
        total = 0
        for resting, volume in found.steps:
            cost = pair.cost(resting.price, volume)
            total += rescale(cost, pair.cost_decimals, pair.quote.decimals)
            if not order.fee_in_base:
                total += rescale(fee_on(cost, max(order.rate, 0)), pair.cost_decimals, pair.quote.decimals)
        return total

    def _accept(self, order: Order, hold: int, now: int) -> None:
        account = order.account
        order.hold = hold
        account.held[order.hold_asset.id] += hold
        order.txid = self._ids.order()
        order.seq = next(self._seq)
        order.opentm = now
        account.orders[order.txid] = account.open[order.txid] = order
        if order.cl_ord_id is not None:
            account.open_by_cl_ord_id[intake.cl_ord_key(order.cl_ord_id)] = order
        self._tell(order, "pending_new")
        order.status = "open"
        self._tell(order, "new")

    def _execute(self, order: Order, found: Plan, now: int) -> None:
        """Do what was planned: the fills, the self-trade cancels, and what becomes of the rest."""
        if found.steps:
            self._meet(order, found, now)
        if not order.remaining:
            self._end(order, now, "closed", None)
        elif found.met_self:
            self._end(order, now, "canceled", orders.CANNOT_TRADE_WITH_SELF)
        elif order.ordertype == "market" or order.time_in_force != "gtc":
            self._end(order, now, "canceled", orders.INSUFFICIENT_LIQUIDITY)
        else:
            self._rest(order, now)

    def _meet(self, order: Order, found: Plan, now: int) -> None:
        """Take the steps of the plan: fills, and the account's own orders that go for it."""
        rates: dict[str, int] = {}
        execution = Execution(order, [])
        for resting, volume in found.steps:
            if not volume:
                self._withdraw(resting, now, orders.CANNOT_TRADE_WITH_SELF)
                continue
            maker = resting.account
            if maker.name not in rates:
                rates[maker.name] = self._rate(maker, order.market.pair.maker, now)
            self._fill(order, resting, volume, min(rates[maker.name], resting.highest_rate), execution, now)

    def _fill(self, taker: Order, maker: Order, volume: int, maker_rate: int, execution: Execution, now: int) -> None:
        """Trade `volume` at the maker's price: the orders, both accounts and the tape."""
        market = taker.market
        pair = market.pair
        price = maker.price
        cost = pair.cost(price, volume)

        market.book.reduce(maker, volume, now)
        for order, rate in ((taker, taker.rate), (maker, maker_rate)):
            order.vol_exec += volume
            order.cost += cost
            order.fee += fee_on(cost, rate)
            self._hold(order)

        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        base = _payable(seller.account, pair.base, rescale(volume, pair.lot_decimals, pair.base.decimals))
        quote = _payable(buyer.account, pair.quote, rescale(cost, pair.cost_decimals, pair.quote.decimals))
        printed = market.tape.append(now, price, volume, taker.side, taker.ordertype)
        match = _Match(pair, price, volume, cost, base, quote, printed.trade_id, now)
        self._book(match, taker, taker.rate, execution)
        self._book(match, maker, maker_rate, None)

        for listener in self.events.trade:
            listener(market, printed)
        for listener_book in self.events.book:
            listener_book(market, maker.side, price)
        self._touched[pair.id] = market
        if not maker.remaining:
            self._end(maker, now, "closed", None)

    def _book(self, match: _Match, order: Order, rate: int, execution: Execution | None) -> None:
        """Book one side of a fill: the trade, its two ledger rows, the volume that counts for the fee tier.

        `execution` joins a taker's fills; None for the maker, whose fills are never merged.
        """
        account, pair = order.account, match.pair
        base, quote = (match.base, -match.quote) if order.side == "buy" else (-match.base, match.quote)
        if not account.client:
            account.balances[pair.base.id] = account.balance(pair.base.id) + base
            account.balances[pair.quote.id] = account.balance(pair.quote.id) + quote
            return

        maker = execution is None
        if execution is None:
            execution = Execution(order, [])
        fee = fee_on(match.cost, rate)
        trade = Trade(
            self._ids.trade(),
            next(self._seq),
            match.time,
            order,
            match.price,
            match.volume,
            match.cost,
            fee,
            maker,
            match.trade_id,
            execution,
        )
        if not execution.fills:
            account.executions.append(execution)
            if order.executions:
                order.executions.append(execution)
            else:
                order.executions = [execution]
        execution.fills.append(trade)
        account.trades[trade.id] = trade
        self._tell(order, "trade", trade)

        fee_base = fee_quote = 0
        if order.fee_in_base:
            fee_base = rescale(match.volume * rate, pair.lot_decimals + 6, pair.base.decimals)
        else:
            fee_quote = rescale(fee, pair.cost_decimals, pair.quote.decimals)
        refid = execution.id
        trade.ledgers = [
            self._post(account, match.time, refid, "trade", pair.base.id, base, fee_base),
            self._post(account, match.time, refid, "trade", pair.quote.id, quote, fee_quote),
        ]
        usd = self.valuation.value(match.cost, pair.quote, self._usd, fees.USD_DECIMALS, places_of=pair.cost_decimals)
        if usd:
            account.volume.add(match.time, usd)

    def _post(
        self, account: Account, time: int, refid: str, type_: str, asset: str, amount: int, fee: int
    ) -> LedgerEntry:
        """Move a balance and write the ledger row. The fee goes to `fees`, and is never more than what is left."""
        balance = account.balances.get(asset, 0) + amount
        if fee:
            fee = min(fee, balance - account.held[asset])
            balance -= fee
            self._collect(asset, fee)
        account.balances[asset] = balance
        entry = LedgerEntry(self._ids.ledger(), next(self._seq), refid, time, type_, "", asset, amount, fee, balance)
        if account.client:
            account.ledger[entry.id] = entry
            for listener in self.events.ledger:
                listener(account, entry)
        return entry

    def _collect(self, asset: str, fee: int) -> None:
        """Take in a fee, or pay out a maker's rebate; what `fees` does not have, `house` pays."""
        balance = self.fees.balance(asset) + fee
        if balance < 0:
            self.house.balances[asset] = self.house.balance(asset) + balance
            balance = 0
        self.fees.balances[asset] = balance

    def _hold(self, order: Order) -> None:
        """Bring the order's hold in line with what remains of it. Only what has a limit price ever rests and holds."""
        account = order.account
        if not account.client or order.limit is None:
            return
        hold = order.needed(order.vol - order.vol_exec) if order.status == "open" else 0
        account.held[order.hold_asset.id] += hold - order.hold
        order.hold = hold

    def _end(self, order: Order, now: int, status: orders.Status, reason: str | None) -> None:
        """The order leaves the account's open orders for good. It must have left the book."""
        account = order.account
        order.status, order.closetm, order.reason = status, now, reason
        self._hold(order)
        del account.open[order.txid]
        if not account.client:
            return
        _insert_closed(account.closed, order)
        if order.cl_ord_id is not None:
            del account.open_by_cl_ord_id[intake.cl_ord_key(order.cl_ord_id)]
        self._tell(order, "filled" if status == "closed" else "canceled")

    def _withdraw(self, order: Order, now: int, reason: str) -> None:
        """Take a resting order out of the book and end it."""
        market = order.market
        market.book.reduce(order, order.remaining, now)
        self._touched[market.pair.id] = market
        for listener in self.events.book:
            listener(market, order.side, order.price)
        self._end(order, now, "canceled", reason)

    def _rest(self, order: Order, now: int) -> None:
        market = order.market
        market.book.rest(order, now)
        self._touched[market.pair.id] = market
        for listener in self.events.book:
            listener(market, order.side, order.price)

    def _rate(self, account: Account, ladder: fees.Ladder, now: int) -> int:
        """The account's rate on a ladder now; the house pays nothing."""
        return fees.rate(ladder, account.volume.at(now)) if account.client else 0

    def _tell(self, order: Order, what: OrderEvent, trade: Trade | None = None) -> None:
        for listener in self.events.order:
            listener(order, what, trade)

    def _settle(self, now: int) -> None:
        """The end of a command: the makers of the markets that it touched may answer, then the top is recorded."""
        touched, self._touched = self._touched, {}
        for market in touched.values():
            for listener in self.events.settled:
                listener(market)
            market.note_spread(now)
        self._touched.clear()

    def cancel(self, found: Iterable[Order], reason: str = orders.USER_REQUESTED) -> int:
        """Cancel open orders; how many."""
        now = self._clock.now()
        count = 0
        for order in list(found):
            self._withdraw(order, now, reason)
            count += 1
        self._settle(now)
        return count

    def cancel_order(self, account: Account, *, txid: str | None = None, cl_ord_id: str | None = None) -> int:
        """Cancel by txid or userref (one or a comma list), or by cl_ord_id; how many were open.

        Ids in a list that are not open are passed over, unless none of the list is.

        Raises:
            KrakenError: nothing to cancel; which text for which kind of id: kraken/30 §6.1.
        """
        if txid is None and cl_ord_id is None:
            raise KrakenError(errors.INVALID_ARGUMENTS, "neither txid nor cl_ord_id is given")
        if txid is not None and cl_ord_id is None and (order := account.open.get(txid)):
            return self.cancel([order])
        found: dict[str, Order] = {}
        if cl_ord_id is not None:
            if order := account.open_by_cl_ord_id.get(intake.cl_ord_key(cl_ord_id)):
                found[order.txid] = order
            elif txid is None:
                reason = f"no open order has the cl_ord_id {cl_ord_id[:40]!r}"
                raise KrakenError(self._settings.by_dialect("gone_order_error"), reason, check="order")
        refused: KrakenError | None = None
        named = txid.split(",", CANCELS_MAX) if txid is not None else []
        if len(named) > CANCELS_MAX:
            raise KrakenError(errors.INVALID_ARGUMENTS, f"more than {CANCELS_MAX} ids are given")
        for text in dict.fromkeys(part.strip() for part in named):
            try:
                found.update((order.txid, order) for order in self._named(account, text))
            except KrakenError as error:
                refused = refused or error
        if refused and not found:
            raise refused
        return self.cancel(found.values())

    def _named(self, account: Account, text: str) -> list[Order]:
        """The open orders that a txid or a userref names."""
        if order := account.open.get(text):
            return [order]
        if ORDER_ID.fullmatch(text):
            if any(text in other.orders or text in other.open for other in self.accounts.values()):
                raise KrakenError(errors.UNKNOWN_ORDER, f"order {text} is not open on this account", check="order")
        elif (userref := intake.as_userref(text)) is not None:
            if found := [order for order in account.open.values() if order.userref == userref]:
                return found
            raise KrakenError(errors.UNKNOWN_ORDER, f"no open order has the userref {userref}", check="order")
        reason = f"no order {text[:40]!r} was ever issued"
        raise KrakenError(self._settings.by_dialect("gone_order_error"), reason, check="order")

    def cancel_all(self, account: Account) -> int:
        """Cancel every open order of the account; how many there were."""
        return self.cancel(account.open.values())


def _payable(account: Account, asset: Asset, units: int) -> int:
    """What of a fill's rounded value moves, the same on both sides (kraken/30 §8.10).

    For a client it yields to what is really there: funds were checked, so only roundings in one direction can be
    missing. What the house has is no limit.
    """
    return min(units, account.available(asset.id)) if account.client else units


def _insert_closed(closed: list[Order], order: Order) -> None:
    """Keep the list in order of closing, ties in order of entry: what newest-first lists show (kraken/40 §1.7)."""
    if closed and closed[-1].closetm == order.closetm and closed[-1].seq > order.seq:
        bisect.insort(closed, order, key=_CLOSED)
    else:
        closed.append(order)


class _Match(NamedTuple):
    """One fill as both sides see it: `base` and `quote` are what really moves, in the assets' units."""

    pair: Pair
    price: int
    volume: int
    cost: int
    base: int
    quote: int
    trade_id: int
    time: int
