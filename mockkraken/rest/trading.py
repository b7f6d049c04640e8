"""Order entry and cancelling. Reference: kraken/30 §2, §6."""

from __future__ import annotations

from typing import Any

import msgspec

from mockkraken import errors
from mockkraken.catalog import Pair
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange import OrderRequest
from mockkraken.gate.permissions import all_of, any_of
from mockkraken.gate.tokens import LIFETIME
from mockkraken.rest.endpoint import Caller, NoParams, Private, Venue
from mockkraken.rest.rows import order_text


class AddOrderParams(OrderRequest, kw_only=True):
    """AddOrder's fields: the order, and how the call is meant."""

    pair: str | None = None
    asset_class: str | None = None
    validate: bool = False


def trading_pair(venue: Venue, name: str | None, asset_class: str | None = None) -> Pair:
    """The pair that a trading call names, by any of its names.

    Raises:
        KrakenError: none is named, or there is no such pair.
    """
    if not name:
        raise KrakenError(invalid_arguments("pair"), "pair is missing")
    pair = venue.catalog.trading_pair(name, tokenized=asset_class == "tokenized_asset")
    if pair is None:
        raise KrakenError(errors.UNKNOWN_ASSET_PAIR, f"there is no pair {name[:40]!r}")
    return pair


def add_order(venue: Venue, caller: Caller, params: AddOrderParams) -> dict[str, Any]:
    pair = trading_pair(venue, params.pair, params.asset_class)
    order = venue.exchange.prepare(caller.account, pair, params)
    described = {"descr": {"order": order_text(order)}}
    if params.validate:
        return described
    return described | {"txid": [venue.exchange.submit(order).txid]}


class CancelOrderParams(msgspec.Struct):
    """By txid or userref (one or a comma list), or by cl_ord_id."""

    txid: str | None = None
    cl_ord_id: str | None = None


def cancel_order(venue: Venue, caller: Caller, params: CancelOrderParams) -> dict[str, int]:
    return {"count": venue.exchange.cancel_order(caller.account, txid=params.txid, cl_ord_id=params.cl_ord_id)}


def cancel_all(venue: Venue, caller: Caller, _: NoParams) -> dict[str, int]:
    return {"count": venue.exchange.cancel_all(caller.account)}


def get_websockets_token(venue: Venue, caller: Caller, _: NoParams) -> dict[str, Any]:
    token = venue.tokens.issue(caller.key, venue.clock.now())
    return {"token": token, "expires": LIFETIME}


ENDPOINTS = (
    Private(
        "AddOrder",
        add_order,
        all_of("modify-trades"),
        AddOrderParams,
        cost=0,
        summary="Place an order, or only validate it",
    ),
    Private(
        "CancelOrder",
        cancel_order,
        any_of("modify-trades", "close-trades"),
        CancelOrderParams,
        cost=0,
        summary="Cancel orders by txid, userref or cl_ord_id",
    ),
    Private("CancelAll", cancel_all, any_of("modify-trades", "close-trades"), summary="Cancel every open order"),
    Private(
        "GetWebSocketsToken",
        get_websockets_token,
        all_of("create-ws-token"),
        summary="A token for the private WebSocket",
    ),
)
