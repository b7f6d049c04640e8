"""The exchange: a pure state machine. A command comes in, a result and events go out.

Each command is applied whole or not at all: it first works out everything that can refuse it, then does it without
a way to fail. Time and identifiers are given from outside. What becomes of orders after that is engine.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mockkraken import clock, decimals, errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import amends, intake, orders, service, trading_limits
from mockkraken.exchange.accounts import Account
from mockkraken.exchange.amends import UNSWITCHED
from mockkraken.exchange.checks import Checks, to_close
from mockkraken.exchange.engine import Engine
from mockkraken.exchange.events import Events
from mockkraken.exchange.market import Market
from mockkraken.exchange.matching import Plan, plan
from mockkraken.exchange.orders import Order, Side
from mockkraken.exchange.settlement import Settlement
from mockkraken.exchange.trading_limits import TradingLimits
from mockkraken.exchange.valuation import Valuation
from mockkraken.ids import ORDER_ID

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Catalog, Pair
    from mockkraken.clock import Clock
    from mockkraken.exchange.amends import AmendRequest, Edited, EditRequest, Switches
    from mockkraken.exchange.intake import OrderRequest
    from mockkraken.exchange.service import SystemStatus
    from mockkraken.ids import Ids
    from mockkraken.settings import Settings

TIMEOUT_MAX = 86_400  # [doc] seconds of the dead man's switch, kraken/30 §6.4
CANCELS_MAX = 50  # [doc] ids of CancelOrderBatch, kraken/30 §6.2; [guess] of a comma list of CancelOrder


class BalanceError(ValueError):
    """A balance can't be set to that: it lies below what open orders hold."""


class Exchange:
    """Accounts, markets and the commands that move them.

    Attributes:
        accounts: all of them by name.
        house: lends its orders to the simulated market makers, and to margin positions what they borrow; pays no fees.
        fees: collects what the others pay.
        markets: those that were looked at, by pair id.
        events: what happens, for those who listen.
        valuation: what assets are worth in each other.
        limits: what order actions cost. What they cost at once is for `limits.receive`, before the command.
    """

    def __init__(self, clock: Clock, settings: Settings, catalog: Catalog, ids: Ids) -> None:
        self.events = Events()
        self.markets: dict[str, Market] = {}
        self.valuation = Valuation(catalog, self.markets)
        self.house = Account("house", role="house", margin=False)
        self.fees = Account("fees", role="fees", margin=False)
        self.accounts: dict[str, Account] = {account.name: account for account in (self.house, self.fees)}
        self.limits = TradingLimits(clock, settings)
        self._clock = clock
        self._settings = settings
        self._ids = ids
        self._seq = itertools.count(1)
        self._settlement = Settlement(catalog, ids, self._seq, self.events, self.valuation, self.house, self.fees)
        checks = Checks(clock, settings, catalog, self.valuation)
        self._engine = Engine(clock, settings, checks, ids, self._seq, self.events, self._settlement)
        self._overdue: list[Account] = []
        clock.on_fired.append(self.announce)

    def announce(self) -> None:
        """Say that a whole request, control operation or timer is over: whoever asked for it calls this at its end."""
        for listener in self.events.done:
            listener()

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
            self._settlement.post(account, when, self._ids.adjustment(), "adjustment", asset.id, change, 0)

    def collateral_changed(self) -> None:
        """Call margin, and liquidate, where the balances that were set make that due."""
        self._engine.collateral_changed()

    # Markets

    def market(self, pair: Pair) -> Market:
        """The pair's market, opened when it is first asked for, under the rules that the pair has now."""
        market = self.markets.get(pair.id)
        if market is None:
            market = self.markets[pair.id] = Market(pair)
            for listener in self.events.opened:
                listener(market)
            self._engine.untouch(market)
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
        self._engine.rest(order, now)
        return order

    def withdraw_quote(self, order: Order) -> None:
        """Take back an order that `quote` rested."""
        self._engine.withdraw(order, self._clock.now(), orders.USER_REQUESTED)

    def take(self, market: Market, side: Side, volume: int, txid: str, limit: int | None = None) -> Order:
        """Let the house take what the book offers, up to `volume` and at `limit` or better; the rest is cancelled.

        The house meets its own quotes like anybody's. While the exchange as a whole matches nothing, it takes nothing.
        `settle` is the caller's, when all is done.
        """
        order = self._counterparty(market, side, volume, txid, limit)
        found = plan(order, market.book, limit, volume) if self.trading else Plan()
        self._engine.meet(order, found, order.opentm)
        return order

    def fill(self, resting: Order, volume: int, txid: str) -> Order:
        """Let the house trade `volume` with one resting order, at its price, whatever else rests before it.

        `settle` is the caller's.
        """
        side = orders.opposite(resting.side)
        order = self._counterparty(resting.market, side, volume, txid, resting.price)
        left = volume
        steps: list[tuple[Order, int]] = []
        while left:
            # An iceberg gives one slice after the other.
            shown = resting.offered if not steps or resting.display is None else resting.display
            steps.append((resting, min(left, shown)))
            left -= steps[-1][1]
        self._engine.meet(order, Plan(steps=steps, volume=volume, complete=True), order.opentm)
        return order

    def settle(self) -> None:
        """End what `quote`, `withdraw_quote`, `take` and `fill` have done, as each client's command ends by itself."""
        self._engine.settle(self._clock.now())

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

    # The state of things

    @property
    def status(self) -> SystemStatus:
        """What the exchange as a whole is doing (kraken/10 §7)."""
        return self._engine.status

    @property
    def trading(self) -> bool:
        """Whether the exchange as a whole matches orders now."""
        return self.status in service.MATCHING

    def trades(self, market: Market) -> bool:
        """Whether orders of that market are matched now."""
        return service.matches(self.status, market.pair)

    def set_status(self, status: SystemStatus) -> None:
        """Change what the exchange as a whole is doing; what waited for it to trade again then comes in."""
        was, self._engine.status = self._engine.status, status
        if was == "maintenance" and status != "maintenance":
            # Timers that ran out meanwhile fire when the engine returns [doc, kraken/30 §6.4].
            overdue, self._overdue = self._overdue, []
            for account in overdue:
                self.cancel(account.open.values(), orders.AFTER_TIMEOUT)
        if status != was:
            for listener in self.events.status:
                listener()
        self._resume(self.markets.values())

    def pair_changed(self, pair: Pair) -> None:
        """A pair has new rules. What rests stays as it is."""
        market = self.markets.get(pair.id)
        if market is not None:
            market.pair = pair
            self._resume((market,))
        for listener in self.events.pair:
            listener(pair)

    def _resume(self, markets: Iterable[Market]) -> None:
        """Let stops and scheduled orders come in that waited for trading to go on."""
        for market in list(markets):
            if service.matches(self.status, market.pair):
                self._engine.resume(market)
        self._engine.start_held_back()
        self._engine.settle(self._clock.now())

    def set_index(self, market: Market, price: int | None) -> None:
        """Set the pair's index price (price units); None: it follows the last trade again."""
        market.index = price
        if service.matches(self.status, market.pair):
            self._engine.resume(market)
            self._engine.settle(self._clock.now())

    # Orders

    def prepare(
        self, account: Account, pair: Pair, request: OrderRequest, *, soonest: int = intake.DEADLINE_MIN
    ) -> Order:
        """Check a request's arguments and make the order that `submit` takes; nothing is stored.

        This is what `validate=true` runs: funds and the book's depth are not looked at (kraken/30 §2.7).

        Args:
            account: whose order it would be.
            pair: what is to be traded.
            request: as its sender wrote it.
            soonest: how near its deadline may lie, ns: less over WebSocket than over REST.

        Raises:
            KrakenError: as intake.read_order.
        """
        market, now = self.market(pair), self._clock.now()
        return intake.read_order(request, account, market, self._settings, self.status, now, soonest=soonest)

    def submit(self, order: Order) -> Order:
        """Accept a prepared order, match it, and rest or cancel what is left of it.

        One with a start time, or a trigger, waits for that instead.

        Raises:
            KrakenError: the account may not trade, the funds don't cover it, too many are open, it breaks a rule of
                margin trading, or it is post-only and would take.
        """
        engine, now = self._engine, self._clock.now()
        if order.account.state != "ok":
            service.check_account(order.account, order_action=True)
        if order.cl_ord_id is not None:
            intake.check_unique(order.cl_ord_id, order.account)
        engine.checks.room(order.account, order.market)
        self._come_in(order, now)
        engine.settle(now)
        return order

    def _come_in(self, order: Order, now: int, instead_of: Order | None = None) -> None:
        """Check what is left to check, and accept the order; the one that it replaces goes just before."""
        engine = self._engine
        if order.reduce_only and not order.leverage:
            raise KrakenError(errors.REDUCE_ONLY_ON_SPOT, "reduce_only needs a leverage as well", check="order")
        if order.leverage and not order.vol:
            order.vol = to_close(order)
            if not order.vol:
                reason = f"there is no position on {order.market.pair.altname} that a {order.side} closes"
                raise KrakenError(errors.UNKNOWN_POSITION, reason, check="order")
        found: Plan | None = None
        if order.starttm:
            pass  # Whatever could refuse it is looked at when its time has come.
        elif order.stop is not None:
            engine.checks.stop(order, instead_of)
        elif order.ordertype == "settle-position":
            engine.checks.settling(order)
        else:
            found = engine.checks.examine(order, instead_of)

        if instead_of is not None:
            engine.withdraw(instead_of, now, orders.ORDER_REPLACED)
        engine.accept(order, now)
        if found is not None:
            engine.execute(order, found, now)
        elif order.starttm:
            pass
        elif order.stop is not None:
            engine.wait(order, now)
        else:
            engine.settle_position(order, now)

    def amend_order(self, account: Account, request: AmendRequest, *, soonest: int = intake.DEADLINE_MIN) -> str:
        """Change an open order in place; the id of the change (kraken/30 §4.1). `soonest` as of `prepare`.

        Raises:
            KrakenError: there is no such order, or it can't be changed like that. It stays as it was.
        """
        engine, now = self._engine, self._clock.now()
        order = self._to_amend(account, request.txid, request.cl_ord_id)
        post = order.post or request.post_only
        service.check_change(self.status, order.market.pair, post, reduce_only=order.reduce_only)
        terms = amends.read_amend(request, order, self._settings, now, soonest)
        service.check_account(account, order_action=True)
        since = trading_limits.touched(order)
        # To want no more than is executed is to cancel the rest [doc, kraken/30 §4.1].
        cancels = order.vol_exec and terms.vol <= order.vol_exec
        amend_id = amends.apply(engine, order, terms, post=request.post_only, now=now)
        engine.settle(now)
        self.limits.penalize(order, trading_limits.CANCEL if cancels else trading_limits.AMEND, since)
        return amend_id

    def _to_amend(self, account: Account, txid: str | None, cl_ord_id: str | None) -> Order:
        if (txid is None) == (cl_ord_id is None):
            raise KrakenError(errors.INVALID_ARGUMENTS, "an amend names its order by txid or by cl_ord_id")
        if txid is not None:
            order = account.open.get(txid)
        else:
            order = account.open_by_cl_ord_id.get(intake.cl_ord_key(cl_ord_id or ""))
        if order is None:
            gone = account.orders.get(txid or "")
            how = f"it is {gone.status}" if gone else "the account has none of that id"
            reason = f"no order {txid or cl_ord_id or ''!r:.60} is open" + (f": {how}" if txid else "")
            raise KrakenError(errors.UNKNOWN_ORDER, reason, check="order")
        return order

    def amends_of(self, order: Order) -> list[orders.Amend]:
        """What the order's terms were and became, the original first, which has an id too (kraken/30 §4.2)."""
        if order.amends:
            return list(order.amends)
        return [orders.terms_of(order, orders.first_amend_id(order), order.opentm, "original", None)]

    def edit_order(
        self,
        account: Account,
        pair: Pair,
        request: EditRequest,
        switches: Switches = UNSWITCHED,
        *,
        soonest: int = intake.DEADLINE_MIN,
    ) -> Edited:
        """Replace an open order by a new one with other terms (kraken/30 §4.3). `soonest` as of `prepare`.

        Raises:
            KrakenError: there is no such order, or no such new one. The old one stays as it was.
        """
        now = self._clock.now()
        if not request.txid:
            raise KrakenError(errors.INVALID_ARGUMENTS, "txid is missing")
        try:
            found = self._named(account, request.txid)
        except KrakenError as refusal:
            # No dialect has another word for it here.
            raise KrakenError(errors.UNKNOWN_ORDER, refusal.reason, check="order") from None
        if len(found) > 1:
            raise KrakenError(errors.INVALID_ARGUMENTS, f"{len(found)} open orders have that userref")
        old = found[0]
        new = self.prepare(account, pair, amends.replacement(old, pair, request, switches), soonest=soonest)
        amends.inherit(old, new)
        if not request.validate:
            service.check_account(account, order_action=True)
            self._come_in(new, now, instead_of=old)
            self._engine.settle(now)
            self.limits.penalize(old, trading_limits.EDIT, trading_limits.touched(old))
        return amends.Edited(old, new)

    def cancel(self, found: Iterable[Order], reason: str = orders.USER_REQUESTED) -> int:
        """Cancel open orders; how many."""
        now = self._clock.now()
        count = 0
        for order in list(found):
            self._engine.withdraw(order, now, reason)
            count += 1
        self._engine.settle(now)
        return count

    def _cancel_for_owner(self, found: Iterable[Order]) -> int:
        """Cancel open orders because their owner said so, which costs by their age; how many."""
        chosen = list(found)
        count = self.cancel(chosen)
        for order in chosen:
            self.limits.penalize(order, trading_limits.CANCEL, trading_limits.touched(order))
        return count

    def cancel_order(self, account: Account, *, txid: str | None = None, cl_ord_id: str | None = None) -> int:
        """Cancel by txid or userref (one or a comma list), or by cl_ord_id; how many were open.

        Ids in a list that are not open are passed over, unless none of the list is.

        Raises:
            KrakenError: nothing to cancel; which text for which kind of id: kraken/30 §6.1.
        """
        service.check_cancel(self.status, account)
        if txid is None and cl_ord_id is None:
            raise KrakenError(errors.INVALID_ARGUMENTS, "neither txid nor cl_ord_id is given")
        if txid is not None and cl_ord_id is None and (order := account.open.get(txid)):
            return self._cancel_for_owner([order])
        found: dict[str, Order] = {}
        if cl_ord_id is not None:
            try:
                order = self._with_cl_ord_id(account, cl_ord_id)
                found[order.txid] = order
            except KrakenError:
                if txid is None:
                    raise
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
        return self._cancel_for_owner(found.values())

    def cancel_one(self, account: Account, *, txid: str | None = None, cl_ord_id: str | None = None) -> list[Order]:
        """Cancel what one identifier names: an order, or every open one of a userref (kraken/50 §7.4); those.

        Raises:
            KrakenError: as `cancel_order`.
        """
        service.check_cancel(self.status, account)
        found = self._named(account, txid) if txid is not None else [self._with_cl_ord_id(account, cl_ord_id or "")]
        self._cancel_for_owner(found)
        return found

    def _with_cl_ord_id(self, account: Account, cl_ord_id: str) -> Order:
        if order := account.open_by_cl_ord_id.get(intake.cl_ord_key(cl_ord_id)):
            return order
        reason = f"no open order has the cl_ord_id {cl_ord_id[:40]!r}"
        raise KrakenError(self._settings.by_dialect("gone_order_error"), reason, check="order")

    def _named(self, account: Account, text: str) -> list[Order]:
        """The open orders that a txid or a userref names."""
        if order := account.open.get(text):
            return [order]
        if ORDER_ID.fullmatch(text):
            if any(text in other.orders for other in self.accounts.values()):
                how = f"is {gone.status}" if (gone := account.orders.get(text)) else "is another account's"
                raise KrakenError(errors.UNKNOWN_ORDER, f"order {text} {how}, not open", check="order")
        elif (userref := intake.as_userref(text)) is not None:
            if found := [order for order in account.open.values() if order.userref == userref]:
                return found
            raise KrakenError(errors.UNKNOWN_ORDER, f"no open order has the userref {userref}", check="order")
        reason = f"no order {text[:40]!r} was ever issued"
        raise KrakenError(self._settings.by_dialect("gone_order_error"), reason, check="order")

    def cancel_batch(self, account: Account, ids: Sequence[str], cl_ord_ids: Sequence[str]) -> int:
        """Cancel up to 50 orders by txid, userref or cl_ord_id; how many were open (kraken/30 §6.2).

        Ids of no open order are passed over [guess]; in `ids`, a text that is neither txid nor userref is a cl_ord_id.

        Raises:
            KrakenError: there are none, or too many.
        """
        service.check_cancel(self.status, account)
        if not 0 < len(ids) + len(cl_ord_ids) <= CANCELS_MAX:
            reason = f"{len(ids) + len(cl_ord_ids)} ids are given; it takes 1 to {CANCELS_MAX}"
            raise KrakenError(errors.INVALID_ARGUMENTS, reason)
        found: dict[str, Order] = {}
        for text in ids:
            try:
                found.update((order.txid, order) for order in self._named(account, text))
            except KrakenError:
                cl_ord_ids = [*cl_ord_ids, text]
        for text in cl_ord_ids:
            if order := account.open_by_cl_ord_id.get(intake.cl_ord_key(text)):
                found[order.txid] = order
        return self._cancel_for_owner(found.values())

    def cancel_all(self, account: Account) -> int:
        """Cancel every open order of the account, those that wait for a trigger or a time too; how many there were."""
        service.check_cancel(self.status, account)
        return self._cancel_for_owner(account.open.values())

    def cancel_all_after(self, account: Account, timeout: int) -> int | None:
        """Cancel everything in `timeout` seconds unless called again before; 0 takes it back (kraken/30 §6.4).

        One timer an account, whichever key sets it [guess, dms_scope].

        Returns:
            When it will fire, ns; None: it won't.

        Raises:
            KrakenError: that is no time to wait, or too long, or the account may not trade.
        """
        if timeout < 0:
            raise KrakenError(errors.INVALID_ARGUMENTS, f"timeout is {timeout}; it takes 0 to {TIMEOUT_MAX} seconds")
        if timeout > TIMEOUT_MAX:
            reason = f"timeout is {timeout}; it takes at most {TIMEOUT_MAX} seconds"
            raise KrakenError(errors.TIMEOUT_ABOVE_MAX, reason)
        service.check_account(account, order_action=True)
        if account.dead_man is not None:
            account.dead_man.cancel()
            account.dead_man = None
        if account in self._overdue:
            self._overdue.remove(account)
        if not timeout:
            return None
        when = self._clock.now() + timeout * clock.SECOND
        account.dead_man = self._clock.call_at(when, partial(self._time_out, account))
        return when

    def _time_out(self, account: Account) -> None:
        account.dead_man = None
        if self.status == "maintenance":
            self._overdue.append(account)
        else:
            self.cancel(account.open.values(), orders.AFTER_TIMEOUT)
