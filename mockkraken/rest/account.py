"""Balances, orders, trades, ledgers and the key itself. Reference: kraken/40 §1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, get_args

import msgspec

from mockkraken import errors
from mockkraken.clock import SECOND
from mockkraken.decimals import fmt, rescale
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange import Order, margin
from mockkraken.exchange.fees import USD_DECIMALS, Ladder, tier
from mockkraken.exchange.intake import cl_ord_key
from mockkraken.exchange.ledger import LedgerEntry
from mockkraken.exchange.margin import MONEY_DECIMALS
from mockkraken.exchange.trades import Execution, Trade
from mockkraken.gate.keys import Key
from mockkraken.gate.permissions import ANY_KEY, all_of, any_of, in_order
from mockkraken.ids import ORDER_ID
from mockkraken.rest.endpoint import Caller, NoParams, Private, Venue
from mockkraken.rest.paging import PageParams, bounds, page, reach
from mockkraken.rest.params import comma_list, is_version1
from mockkraken.rest.rows import amend_row, ledger_row, order_row, trade_row
from mockkraken.rest.trading import trading_pair

ORDERS_MAX, TRADES_MAX, LEDGERS_MAX = 50, 20, 20  # ids a query takes, kraken/40 §1.8, §1.11, §1.14
ORDER_LIST_COST = 1  # of OpenOrders and ClosedOrders; [guess] kraken/10 §4.1, order_list_cost

_OPEN: Final = "query-open-trades"
_CLOSED: Final = "query-closed-trades"

# Balances


class BalanceParams(msgspec.Struct):
    asset_version: str = msgspec.field(default="", name="assetVersion")


def balance(venue: Venue, caller: Caller, params: BalanceParams) -> dict[str, str]:
    assets = venue.catalog.assets
    shown = {asset: fmt(units, assets[asset].decimals) for asset, units in caller.account.balances.items()}
    if is_version1(params.asset_version):
        return {assets[asset].display: text for asset, text in shown.items()}
    return shown


def balance_ex(venue: Venue, caller: Caller, _: NoParams) -> dict[str, dict[str, str]]:
    account = caller.account
    rows = {}
    for asset, units in account.balances.items():
        decimals = venue.catalog.assets[asset].decimals
        rows[asset] = {"balance": fmt(units, decimals), "hold_trade": fmt(account.held[asset], decimals)}
    return rows


class TradeBalanceParams(msgspec.Struct):
    asset: str = "ZUSD"


def trade_balance(venue: Venue, caller: Caller, params: TradeBalanceParams) -> dict[str, str]:
    """Equity, margin and free margin; without a margin in use there is no margin level."""
    into = venue.catalog.asset(params.asset)
    if into is None:
        raise KrakenError(errors.UNKNOWN_ASSET, f"there is no asset {params.asset[:40]!r}")
    found = margin.standing(caller.account, into, venue.exchange.valuation, venue.catalog.assets)
    figures = {
        "eb": found.eb,
        "tb": found.tb,
        "m": found.m,
        "uv": found.uv,
        "n": found.n,
        "c": found.c,
        "v": found.v,
        "e": found.e,
        "mf": found.mf,
    }
    row = {name: fmt(value, MONEY_DECIMALS) for name, value in figures.items()}
    if found.ml is not None:
        row["ml"] = fmt(found.ml, 2)
    row["mfo"] = fmt(found.mfo, MONEY_DECIMALS)
    return row


# Orders


class OpenOrdersParams(msgspec.Struct):
    trades: bool = False
    userref: int | None = None
    cl_ord_id: str | None = None


def open_orders(venue: Venue, caller: Caller, params: OpenOrdersParams) -> dict[str, Any]:
    found = (order for order in reversed(caller.account.open.values()) if _referred(order, params))
    return {"open": {order.txid: order_row(order, trades=params.trades, reason=False) for order in found}}


def _referred(order: Order, params: OpenOrdersParams | ClosedOrdersParams | QueryOrdersParams) -> bool:
    """Whether the order bears the userref and the cl_ord_id asked for."""
    if params.userref is not None and (order.cl_ord_id is not None or params.userref != (order.userref or 0)):
        return False
    if params.cl_ord_id is None:
        return True
    return order.cl_ord_id is not None and cl_ord_key(params.cl_ord_id) == cl_ord_key(order.cl_ord_id)


class ClosedOrdersParams(PageParams, kw_only=True):
    trades: bool = False
    userref: int | None = None
    cl_ord_id: str | None = None
    closetime: Literal["open", "close", "both"] = "both"
    consolidate_taker: bool = True


def closed_orders(venue: Venue, caller: Caller, params: ClosedOrdersParams) -> dict[str, Any]:
    account = caller.account

    def time_of(txid: str) -> int | None:
        return order.opentm if (order := account.orders.get(txid)) else None

    within = bounds(params, time_of, caller.key, venue.settings)

    def matches(order: Order) -> bool:
        times = {"open": (order.opentm,), "close": (order.closetm,), "both": (order.opentm, order.closetm)}
        return _referred(order, params) and any(within.hold(time) for time in times[params.closetime])

    found = ((order.txid, order) for order in reversed(account.closed) if matches(order))
    return page(
        "closed",
        found,
        lambda order: order_row(order, trades=params.trades, consolidated=params.consolidate_taker),
        params,
    )


def _check_count(ids: list[str], most: int) -> None:
    if len(ids) > most:
        raise KrakenError(errors.INVALID_ARGUMENTS, f"{len(ids)} ids, and {most} are taken")


class QueryOrdersParams(msgspec.Struct, kw_only=True):
    txid: list[str]
    trades: bool = False
    userref: int | None = None
    cl_ord_id: str | None = None
    consolidate_taker: bool = True


def query_orders(venue: Venue, caller: Caller, params: QueryOrdersParams) -> dict[str, Any]:
    """Orders by txid; those unknown, or that the key may not see, are left out (kraken/10 §3.3, kraken/40 §1.8)."""
    _check_count(params.txid, ORDERS_MAX)
    rows = {}
    for txid in params.txid:
        if not ORDER_ID.fullmatch(txid):
            raise KrakenError(errors.INVALID_ORDER, f"{txid[:40]!r} is no txid", check="order")
        order = caller.account.orders.get(txid)
        if order is not None and _referred(order, params) and _shown_to(caller.key, order):
            rows[txid] = order_row(order, trades=params.trades, consolidated=params.consolidate_taker)
    return rows


def _shown_to(key: Key, order: Order) -> bool:
    """Whether a key may see an order: by its status, and when one of its times lies within the key's reach [guess]."""
    if (_CLOSED if order.closetm else _OPEN) not in key.permissions:
        return False
    within = reach(key)
    return within.hold(order.opentm) or (bool(order.closetm) and within.hold(order.closetm))


class OrderAmendsParams(msgspec.Struct):
    order_id: str


def order_amends(venue: Venue, caller: Caller, params: OrderAmendsParams) -> dict[str, Any]:
    """An order's terms and their changes, the oldest first; none of one unknown, or that the key may not see."""
    order = caller.account.orders.get(params.order_id)
    if order is None or not _shown_to(caller.key, order):
        return {"count": 0, "amends": []}
    rows = [amend_row(amend, order.market.pair) for amend in venue.exchange.amends_of(order)]
    return {"count": len(rows), "amends": rows}


# Trades


class TradesHistoryParams(PageParams, kw_only=True):
    type: Literal["all", "any position", "closed position", "closing position", "no position"] = "all"
    trades: bool = False
    consolidate_taker: bool = True
    ledgers: bool = False


def trades_history(venue: Venue, caller: Caller, params: TradesHistoryParams) -> dict[str, Any]:
    account = caller.account

    def time_of(txid: str) -> int | None:
        return trade.time if (trade := account.trades.get(txid)) else None

    within = bounds(params, time_of, caller.key, venue.settings)
    rows = _executions(account.executions) if params.consolidate_taker else _fills(account.trades)
    found = ((fills[0].id, fills) for fills in rows if _is_of(params.type, fills) and within.hold(fills[0].time))

    def row(fills: list[Trade]) -> dict[str, Any]:
        return trade_row(fills, ledgers=params.ledgers, trades=params.trades, consolidated=params.consolidate_taker)

    return page("trades", found, row, params)


def _is_of(kind: str, fills: list[Trade]) -> bool:
    """Whether a trade is of the kind asked for: what it has to do with margin positions (kraken/40 §1.10)."""
    if kind in ("any position", "no position"):
        return bool(fills[0].order.leverage) == (kind == "any position")
    if kind == "closing position":
        return any(fill.closed for fill in fills)
    if kind == "closed position":
        opened = [fill.opened for fill in fills if fill.opened is not None]
        return bool(opened) and not any(position.open for position in opened)
    return True


def _executions(executions: list[Execution]) -> Iterator[list[Trade]]:
    return (execution.fills for execution in reversed(executions))


def _fills(trades: dict[str, Trade]) -> Iterator[list[Trade]]:
    return ([trade] for trade in reversed(trades.values()))


class QueryTradesParams(msgspec.Struct, kw_only=True):
    txid: list[str]
    trades: bool = False
    ledgers: bool = False


def query_trades(venue: Venue, caller: Caller, params: QueryTradesParams) -> dict[str, Any]:
    """Trades by id: the first fill's gives the execution, a later fill's that fill (kraken/30 §8.1).

    Those beyond the key's reach are left out [guess] (kraken/10 §3.5).
    """
    _check_count(params.txid, TRADES_MAX)
    within = reach(caller.key)
    rows = {}
    for txid in params.txid:
        trade = caller.account.trades.get(txid)
        if trade is None:
            raise KrakenError(errors.INVALID_ORDER, f"{txid[:40]!r} is no trade of this account", check="order")
        if not within.hold(trade.time):
            continue
        fills = trade.execution.fills
        shown = fills if fills[0] is trade else [trade]
        rows[txid] = trade_row(shown, ledgers=params.ledgers, trades=params.trades)
    return rows


# Ledger

LedgerType = Literal[
    "all",
    "trade",
    "deposit",
    "withdrawal",
    "transfer",
    "margin",
    "adjustment",
    "rollover",
    "credit",
    "settled",
    "staking",
    "dividend",
    "sale",
    "nft_rebate",
]


class LedgersParams(PageParams, kw_only=True):
    asset: str = "all"
    aclass: Literal["currency", "tokenized_asset"] = "currency"
    type: str = "all"


def ledgers(venue: Venue, caller: Caller, params: LedgersParams) -> dict[str, Any]:
    book = caller.account.ledger

    def time_of(entry_id: str) -> int | None:
        return entry.time if (entry := book.get(entry_id)) else None

    within = bounds(params, time_of, caller.key, venue.settings)
    kinds = frozenset(comma_list(params.type))
    if not kinds.issubset(get_args(LedgerType)):
        raise KrakenError(invalid_arguments("type"), f"type is {params.type[:40]!r}")
    assets = _ledger_assets(venue, params.asset)

    def matches(entry: LedgerEntry) -> bool:
        return (
            ("all" in kinds or entry.type in kinds)
            and (assets is None or entry.asset in assets)
            and venue.catalog.assets[entry.asset].aclass == params.aclass
            and within.hold(entry.time)
        )

    found = ((entry.id, entry) for entry in reversed(book.values()) if matches(entry))
    return page("ledger", found, lambda entry: ledger_row(entry, venue.catalog.assets[entry.asset]), params)


def _ledger_assets(venue: Venue, text: str) -> frozenset[str] | None:
    """The assets asked for; None: all."""
    found = set()
    for name in comma_list(text):
        if name == "all":
            return None
        asset = venue.catalog.asset(name)
        if asset is None:
            raise KrakenError(errors.UNKNOWN_ASSET, f"there is no asset {name[:40]!r}")
        found.add(asset.id)
    return frozenset(found)


class QueryLedgersParams(msgspec.Struct, kw_only=True):
    id: list[str]


def query_ledgers(venue: Venue, caller: Caller, params: QueryLedgersParams) -> dict[str, Any]:
    """Ledger entries by id; those beyond the key's reach are left out [guess] (kraken/10 §3.5)."""
    _check_count(params.id, LEDGERS_MAX)
    within = reach(caller.key)
    rows = {}
    for entry_id in params.id:
        entry = caller.account.ledger.get(entry_id)
        if entry is None:
            raise KrakenError(invalid_arguments("id"), f"there is no ledger entry {entry_id[:40]!r}")  # [guess]
        if within.hold(entry.time):
            rows[entry_id] = ledger_row(entry, venue.catalog.assets[entry.asset])
    return rows


# Fees


class TradeVolumeParams(msgspec.Struct):
    pair: list[str] | None = None


def trade_volume(venue: Venue, caller: Caller, params: TradeVolumeParams) -> dict[str, Any]:
    volume = caller.account.volume.at(venue.clock.now())
    pairs = [trading_pair(venue, name) for name in dict.fromkeys(params.pair or ())]
    return {
        "currency": "ZUSD",
        "volume": fmt(rescale(volume, USD_DECIMALS, MONEY_DECIMALS), MONEY_DECIMALS),
        "fees": {pair.id: _tier_row(pair.taker, volume) for pair in pairs} or None,
        "fees_maker": {pair.id: _tier_row(pair.maker, volume) for pair in pairs} or None,
    }


def _tier_row(ladder: Ladder, volume: int) -> dict[str, str | None]:
    """Where an account stands on a fee ladder: rates in percent, volumes in USD, all with four decimals."""

    def percent(rate: int) -> str:
        return fmt(rate, MONEY_DECIMALS)

    def dollars(threshold: int) -> str:
        return fmt(threshold * 10**MONEY_DECIMALS, MONEY_DECIMALS)

    rates = [rate for _, rate in ladder]
    reached = tier(ladder, volume)
    following = ladder[reached + 1] if reached + 1 < len(ladder) else None
    return {
        "fee": percent(rates[reached]),
        "minfee": percent(min(rates)),
        "maxfee": percent(max(rates)),
        "nextfee": percent(following[1]) if following else None,
        "nextvolume": dollars(following[0]) if following else None,
        "tiervolume": dollars(ladder[reached][0]),
    }


# The key


def get_api_key_info(venue: Venue, caller: Caller, _: NoParams) -> dict[str, Any]:
    """The key's own properties; which spelling of the names is a dialect row (kraken/10 §3.1)."""
    key = caller.key

    def seconds(ns: int | None) -> str:
        return str(ns // SECOND) if ns else "0"

    case = venue.settings.by_dialect("api_key_info_case")
    camel = {
        "apiKeyName": key.name,
        "apiKey": key.api_key,
        "nonce": str(key.nonce.highest),
        "nonceWindow": key.nonce.window,
        "permissions": in_order(key.permissions),
        "iban": caller.account.iban,
        "validUntil": seconds(key.valid_until),
        "queryFrom": seconds(key.query_from),
        "queryTo": seconds(key.query_to),
        "createdTime": seconds(key.created),
        "modifiedTime": seconds(key.modified),
        "ipAllowlist": list(key.ip_allowlist),
        "lastUsed": seconds(key.last_used) if key.last_used else None,
    }
    if case == "camel":
        return camel
    snake = {_snake(name): value for name, value in camel.items()} | {"nonce_window": str(key.nonce.window)}
    return snake if case == "snake" else camel | snake


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


ENDPOINTS = (
    Private("Balance", balance, all_of("query-funds"), BalanceParams, summary="The account's balances"),
    Private(
        "BalanceEx",
        balance_ex,
        all_of("query-funds"),
        summary="The account's balances, and what open orders hold of them",
    ),
    Private(
        "TradeBalance",
        trade_balance,
        all_of(_OPEN),
        TradeBalanceParams,
        summary="The account's equity, collateral and free margin",
    ),
    Private(
        "OpenOrders", open_orders, all_of(_OPEN), OpenOrdersParams, cost=ORDER_LIST_COST, summary="Orders that are open"
    ),
    Private(
        "ClosedOrders",
        closed_orders,
        all_of(_CLOSED),
        ClosedOrdersParams,
        cost=ORDER_LIST_COST,
        summary="Orders that have ended, in pages of 50",
    ),
    Private("QueryOrders", query_orders, any_of(_OPEN, _CLOSED), QueryOrdersParams, summary="Up to 50 orders by txid"),
    Private(
        "OrderAmends",
        order_amends,
        any_of(_OPEN, _CLOSED),
        OrderAmendsParams,
        summary="What an order's terms were, and how they were changed",
    ),
    Private(
        "TradesHistory",
        trades_history,
        all_of(_CLOSED),
        TradesHistoryParams,
        cost=2,
        summary="The account's trades, in pages of 50",
    ),
    Private("QueryTrades", query_trades, all_of(_CLOSED), QueryTradesParams, summary="Up to 20 trades by id"),
    Private(
        "Ledgers",
        ledgers,
        all_of("query-ledger"),
        LedgersParams,
        cost=2,
        summary="The account's ledger, in pages of 50",
    ),
    Private(
        "QueryLedgers",
        query_ledgers,
        all_of("query-ledger"),
        QueryLedgersParams,
        cost=2,
        summary="Up to 20 ledger entries by id",
    ),
    Private(
        "TradeVolume",
        trade_volume,
        all_of("query-funds"),
        TradeVolumeParams,
        summary="The account's volume of 30 days and its fees",
    ),
    Private("GetApiKeyInfo", get_api_key_info, ANY_KEY, summary="The properties of the key that asks"),
)
