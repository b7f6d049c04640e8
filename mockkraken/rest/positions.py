"""Open positions, and what a trade's row says of the position that it opened. Reference: kraken/40 §1.10, §1.12."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mockkraken.clock import HOUR, SECOND, unix_seconds
from mockkraken.decimals import TEN_TO, fmt, half_up, rescale
from mockkraken.exchange.margin import ROLLOVER_EVERY, market_value
from mockkraken.gate.permissions import all_of
from mockkraken.rest.endpoint import Caller, Private, Venue

if TYPE_CHECKING:
    from mockkraken.catalog import Asset
    from mockkraken.exchange.positions import Position
    from mockkraken.exchange.trades import Trade
    from mockkraken.exchange.valuation import Valuation

CLASS = "forex"  # [obs] under `class` here, where every other row has `aclass`


class OpenPositionsParams(msgspec.Struct):
    txid: list[str] | None = None
    docalcs: bool = False
    consolidation: Literal["market"] | None = None


def open_positions(
    venue: Venue, caller: Caller, params: OpenPositionsParams
) -> dict[str, dict[str, Any]] | list[dict[str, Any]]:
    """Positions by id, or with `consolidation` one row for each pair; the oldest first.

    Ids that are no open position are left out [guess]; an empty `txid` names none, and asks for all [guess].
    """
    found = list(caller.account.positions.open.values())
    if params.txid and any(params.txid):
        found = [position for position in found if position.id in params.txid]
    valuation = venue.exchange.valuation if params.docalcs else None
    if params.consolidation is None:
        return {position.id: _row(position, valuation) for position in found}
    by_pair: dict[str, list[Position]] = {}
    for position in found:
        by_pair.setdefault(position.market.pair.id, []).append(position)
    return [_consolidated(positions, valuation) for positions in by_pair.values()]


def _row(position: Position, valuation: Valuation | None) -> dict[str, Any]:
    """A position by itself; with a valuation, also what it is worth."""
    pair, digits = position.market.pair, position.market.pair.cost_decimals
    row: dict[str, Any] = {
        "ordertxid": position.order.txid,
        "posstatus": "open",
        "pair": pair.id,
        "class": CLASS,
        "time": unix_seconds(position.time),
        "type": position.side,
        "ordertype": position.order.ordertype,
        "cost": fmt(position.cost, digits),
        "fee": fmt(position.fee, digits),
        "vol": fmt(position.vol, pair.lot_decimals),
        "vol_closed": fmt(position.vol_closed, pair.lot_decimals),
        "margin": fmt(position.margin, digits),
    }
    if valuation is not None:
        value, net = _worth([position], valuation)
        # [inf] In the documentation's example values have the digits of the pair's prices, and the net ends at those of
        # the quote's balances, its further digits cut off.
        row["value"] = fmt(rescale(value, digits, pair.pair_decimals), pair.pair_decimals)
        row["net"] = _signed(_cut(net, digits, pair.quote), pair.quote.decimals)
    row["terms"] = f"{fmt(pair.margin_rollover_fee, 4)}% per {ROLLOVER_EVERY // HOUR} hours"
    row["rollovertm"] = str(position.next_rollover // SECOND)
    row["misc"] = ""
    row["oflags"] = ""
    return row


def _consolidated(positions: Sequence[Position], valuation: Valuation | None) -> dict[str, Any]:
    """All positions on one pair; their sums."""
    pair, digits = positions[0].market.pair, positions[0].market.pair.cost_decimals
    row: dict[str, Any] = {
        "pair": pair.id,
        "positions": str(len(positions)),
        "type": positions[0].side,
        "leverage": fmt(_leverage(positions, digits), digits),
        "cost": fmt(sum(position.cost for position in positions), digits),
        "fee": fmt(sum(position.fee for position in positions), digits),
        "vol": fmt(sum(position.vol for position in positions), pair.lot_decimals),
        "vol_closed": fmt(sum(position.vol_closed for position in positions), pair.lot_decimals),
        "margin": fmt(sum(position.margin for position in positions), digits),
    }
    if valuation is not None:
        value, net = _worth(positions, valuation)
        row["value"] = fmt(value, digits)
        row["net"] = _signed(net, digits)
    return row


def _worth(positions: Sequence[Position], valuation: Valuation) -> tuple[int, int]:
    """What is still open of the positions on a pair: its value and its unrealised profit, cost units."""
    value = sum(market_value(position, valuation) for position in positions)
    cost = sum(position.remaining_cost for position in positions)
    return value, value - cost if positions[0].side == "buy" else cost - value


def _leverage(positions: Sequence[Position], digits: int) -> int:
    """The leverage that the positions have in common; where they differ, cost over margin [guess]."""
    common = {position.leverage for position in positions}
    if len(common) == 1:
        return common.pop() * TEN_TO[digits]
    cost, margin = sum(position.cost for position in positions), sum(position.margin for position in positions)
    return half_up(cost * TEN_TO[digits], max(margin, 1))


def _cut(units: int, places: int, quote: Asset) -> int:
    """Cost units as those of the quote's balances, further digits cut off."""
    if quote.decimals >= places:
        return rescale(units, places, quote.decimals)
    cut = abs(units) // TEN_TO[places - quote.decimals]
    return cut if units >= 0 else -cut


def _signed(units: int, places: int) -> str:
    return f"{'+' if units >= 0 else ''}{fmt(units, places)}"


def position_fields(fills: Sequence[Trade], *, trades: bool, consolidated: bool = True) -> dict[str, Any]:
    """The members that a trade's row has beyond those of every trade, when it opened a position.

    Args:
        fills: the row's fills: one, or those of an execution.
        trades: list the trades that closed it, when there are any.
        consolidated: list executions rather than single fills.

    Returns:
        Nothing for a trade that opened no position. Where several fills opened one each, their sums.
    """
    positions = [fill.opened for fill in fills if fill.opened is not None]
    if not positions:
        return {}
    row: dict[str, Any] = {"posstatus": "open" if any(position.open for position in positions) else "closed"}
    closings = [closing for position in positions for closing in position.closings]
    if not closings:
        return row
    pair, digits = positions[0].market.pair, positions[0].market.pair.cost_decimals
    vol, cost = sum(closing.vol for closing in closings), sum(closing.cost for closing in closings)
    row["cprice"] = fmt(pair.average_price(cost, vol, digits), digits)
    row["ccost"] = fmt(cost, digits)
    row["cfee"] = fmt(sum(closing.fee for closing in closings), digits)
    row["cvol"] = fmt(vol, pair.lot_decimals)
    row["cmargin"] = fmt(sum(position.margin - position.used_margin for position in positions), digits)
    net = rescale(sum(closing.net for closing in closings), digits, pair.quote.decimals)
    row["net"] = _signed(net, pair.quote.decimals)
    if trades:
        closing_trades = sorted((closing.trade for closing in closings), key=lambda trade: trade.seq)
        row["trades"] = list(
            dict.fromkeys(trade.execution.id if consolidated else trade.id for trade in closing_trades)
        )
    return row


ENDPOINTS = (
    Private(
        "OpenPositions",
        open_positions,
        all_of("query-open-trades"),
        OpenPositionsParams,
        summary="Positions that are open, one by one or by pair",
    ),
)
