"""Who gets what by a fill: balances, ledger rows, fees, trades; and by a margin position while it lives.

Whatever leaves one account arrives in another, to the last digit. Reference: kraken/30 §8.9, §8.10, §9; kraken/40 §6.2.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from mockkraken.decimals import TEN_TO, half_up, rescale
from mockkraken.exchange import fees, margin
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.orders import fee_on
from mockkraken.exchange.positions import Position
from mockkraken.exchange.trades import Execution, Trade

if TYPE_CHECKING:
    from mockkraken.catalog import Asset, Catalog, Pair
    from mockkraken.exchange.accounts import Account
    from mockkraken.exchange.events import Events
    from mockkraken.exchange.orders import Order
    from mockkraken.exchange.valuation import Valuation
    from mockkraken.ids import Ids

FEE_CREDITS = "KFEE"
CREDITS_A_DOLLAR = 100  # [obs] kraken/40 §6.2
_CENTS_PLACES = 2


class Match(NamedTuple):
    """One fill as both sides see it: `base` and `quote` are what really moves, in the assets' units."""

    pair: Pair
    price: int
    volume: int
    cost: int
    base: int
    quote: int
    trade_id: int
    time: int


class Settlement:
    """Books fills, fees and margin positions.

    Args:
        catalog: whose assets they move.
        ids: gives trades and ledger rows their ids.
        seq: numbers all records.
        events: hears of each ledger row.
        valuation: what fills count in dollars.
        house: pays and keeps what margin positions borrow.
        fees_account: collects.
    """

    def __init__(
        self,
        catalog: Catalog,
        ids: Ids,
        seq: itertools.count[int],
        events: Events,
        valuation: Valuation,
        house: Account,
        fees_account: Account,
    ) -> None:
        self._assets = catalog.assets
        self._usd = catalog.assets["ZUSD"]
        self._credits = catalog.assets[FEE_CREDITS]
        self._ids = ids
        self._seq = seq
        self._events = events
        self._valuation = valuation
        self._house = house
        self._fees = fees_account

    # Fills

    def book(self, match: Match, order: Order, rate: int, execution: Execution | None) -> Trade | None:
        """Book one side of a fill: its trade, its ledger rows, the volume that counts for the fee tier.

        `execution` joins a taker's fills; None for the maker, whose fills are never merged. The house has no trades.
        """
        account, pair = order.account, match.pair
        base, quote = (match.base, -match.quote) if order.side == "buy" else (-match.base, match.quote)
        if not account.client:
            self._house_moves(pair, base, quote)
            return None

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
        self._keep(trade)
        if order.leverage:
            # The house lends: it gives and takes what is traded (kraken/30 §8.9).
            self._house_moves(pair, base, quote)
            trade.ledgers = self._book_margin(trade)
        else:
            trade.ledgers = self._book_spot(trade, base, quote, rate)
        usd = self._valuation.value(match.cost, pair.quote, self._usd, fees.USD_DECIMALS, places_of=pair.cost_decimals)
        if usd:
            account.volume.add(match.time, usd)
        self._tell(trade)
        return trade

    def _keep(self, trade: Trade) -> None:
        order, execution = trade.order, trade.execution
        account = order.account
        if not execution.fills:
            account.executions.append(execution)
            if order.executions:
                order.executions.append(execution)
            else:
                order.executions = [execution]
        execution.fills.append(trade)
        account.trades[trade.id] = trade

    def _tell(self, trade: Trade) -> None:
        for listener in self._events.order:
            listener(trade.order, "trade", trade)

    def _book_spot(self, trade: Trade, base: int, quote: int, rate: int) -> list[LedgerEntry]:
        order, account = trade.order, trade.order.account
        pair = order.market.pair
        fee_base = fee_quote = fee_credits = 0
        if account.balances.get(FEE_CREDITS):
            fee_credits = self._in_credits(trade.fee, pair, account)
        if not fee_credits:
            if order.fee_in_base:
                fee_base = rescale(trade.vol * rate, pair.lot_decimals + 6, pair.base.decimals)
            else:
                fee_quote = rescale(trade.fee, pair.cost_decimals, pair.quote.decimals)
        refid = trade.execution.id
        rows = [
            self.post(account, trade.time, refid, "trade", pair.base.id, base, fee_base),
            self.post(account, trade.time, refid, "trade", pair.quote.id, quote, fee_quote),
        ]
        if fee_credits:
            rows.append(self.post(account, trade.time, refid, "trade", FEE_CREDITS, 0, fee_credits))
        return rows

    def _in_credits(self, fee: int, pair: Pair, account: Account) -> int:
        """What a fee takes of the account's fee credits: all of it, or nothing if there are too few [guess].

        Rounded down to their two decimals [obs].
        """
        places = pair.cost_decimals + _CENTS_PLACES
        usd = self._valuation.value(fee, pair.quote, self._usd, places, places_of=pair.cost_decimals) or 0
        needed = usd * CREDITS_A_DOLLAR * TEN_TO[self._credits.decimals] // TEN_TO[places]
        return needed if 0 < needed <= account.available(FEE_CREDITS) else 0

    def post(
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
            for listener in self._events.ledger:
                listener(account, entry)
        return entry

    def _collect(self, asset: str, fee: int) -> None:
        """Take in a fee, or pay out a maker's rebate; what `fees` does not have, `house` pays."""
        balance = self._fees.balance(asset) + fee
        if balance < 0:
            self._house.balances[asset] = self._house.balance(asset) + balance
            balance = 0
        self._fees.balances[asset] = balance

    def _house_moves(self, pair: Pair, base: int, quote: int) -> None:
        balances = self._house.balances
        balances[pair.base.id] = balances.get(pair.base.id, 0) + base
        balances[pair.quote.id] = balances.get(pair.quote.id, 0) + quote

    # Margin positions

    def _book_margin(self, trade: Trade) -> list[LedgerEntry]:
        """Close the account's opposite positions, oldest first, and open one with what is left (kraken/30 §8.9)."""
        order, account = trade.order, trade.order.account
        pair, positions = order.market.pair, trade.order.account.positions
        closing = min(trade.vol, positions.to_close(pair.id, order.side))
        cost, fee = _share(trade.cost, closing, trade.vol), _share(trade.fee, closing, trade.vol)
        rows: list[LedgerEntry] = []
        refid = trade.execution.id
        if closing:
            trade.closed = positions.close(pair.id, closing, trade, cost, fee)
            net = rescale(sum(part.net for part in trade.closed), pair.cost_decimals, pair.quote.decimals)
            rows += self._pay(account, trade.time, refid, "margin", pair, net, fee)
        if closing < trade.vol:
            position = Position(
                id=trade.id,
                seq=trade.seq,
                trade=trade,
                order=order,
                account=account,
                market=order.market,
                side=order.side,
                leverage=order.leverage,
                time=trade.time,
                vol=trade.vol - closing,
                cost=trade.cost - cost,
                fee=trade.fee - fee,
            )
            positions.add(position)
            trade.opened = position
            opening = position.fee + fee_on(position.cost, pair.margin_open_fee)
            rows += self._pay(account, trade.time, refid, "margin", pair, 0, opening)
        return rows

    def settle_position(self, trade: Trade) -> None:
        """Let an account take over what its positions borrowed, at the price at which they were opened."""
        order, account = trade.order, trade.order.account
        pair, positions = order.market.pair, account.positions
        long = positions.side_on(pair.id) == "buy"
        self._keep(trade)
        trade.closed = positions.settle(pair.id, trade.vol, trade)
        base = rescale(trade.vol, pair.lot_decimals, pair.base.decimals)
        quote = rescale(trade.cost, pair.cost_decimals, pair.quote.decimals)
        if not long:
            base, quote = -base, -quote
        self._house_moves(pair, -base, quote)
        trade.ledgers = [
            self.post(account, trade.time, trade.id, "settled", pair.base.id, base, 0),
            self.post(account, trade.time, trade.id, "settled", pair.quote.id, -quote, 0),
        ]
        self._tell(trade)

    def roll_over(self, position: Position, now: int) -> None:
        """Charge a position's account for borrowing another four hours."""
        pair = position.market.pair
        fee = fee_on(position.remaining_cost, pair.margin_rollover_fee)
        self._pay(position.account, now, position.id, "rollover", pair, 0, fee)

    def _pay(
        self, account: Account, now: int, refid: str, type_: str, pair: Pair, net: int, fee: int
    ) -> list[LedgerEntry]:
        """Credit or debit a position's profit or loss (`net`, units of the quote asset) and a fee (cost units).

        What the account lacks of the quote currency it pays in its other collateral, in rows of their own; what nothing
        covers is the lender's loss [guess].
        """
        quote = pair.quote
        fee = rescale(fee, pair.cost_decimals, quote.decimals)
        have = account.available(quote.id)
        paid = min(-net, have)  # Below zero: received.
        fee_paid = min(fee, have - paid)
        rows = [self.post(account, now, refid, type_, quote.id, -paid, fee_paid)]
        house = self._house.balances
        house[quote.id] = house.get(quote.id, 0) + paid
        for asset, units in self._owed(account, quote, -net - paid):
            rows.append(self.post(account, now, refid, type_, asset.id, -units, 0))
            house[asset.id] = house.get(asset.id, 0) + units
        for asset, units in self._owed(account, quote, fee - fee_paid):
            rows.append(self.post(account, now, refid, type_, asset.id, 0, units))
        return rows

    def _owed(self, account: Account, quote: Asset, units: int) -> list[tuple[Asset, int]]:
        return margin.owed(account, quote, units, self._valuation, self._assets) if units > 0 else []


def payable(account: Account, asset: Asset, units: int) -> int:
    """What of a fill's rounded value moves, the same on both sides (kraken/30 §8.10).

    For a client it yields to what is really there: funds were checked, so only roundings in one direction can be
    missing. What the house has is no limit.
    """
    return min(units, account.available(asset.id)) if account.client else units


def _share(amount: int, part: int, whole: int) -> int:
    """The share of an amount that belongs to a part of a volume."""
    return amount if part == whole else half_up(amount * part, whole)
