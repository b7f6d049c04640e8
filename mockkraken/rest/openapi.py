"""The REST API as an OpenAPI 3.1 document, made from the endpoints' declarations.

Parameters come from an endpoint's Struct, answers from its type in rest/results.py. What the Structs leave to the
checks behind them, since those refuse with texts of their own, stands in the tables of hints below.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec

from mockkraken import errors
from mockkraken.exchange.batches import BATCH_MAX, BATCH_MIN
from mockkraken.exchange.exchange import CANCELS_MAX, TIMEOUT_MAX
from mockkraken.exchange.intake import FREE_CL_ORD_ID_MAX
from mockkraken.exchange.orders import OrderType, SelfTrade, Side
from mockkraken.exchange.triggers import Signal
from mockkraken.gate.nonce import LARGEST
from mockkraken.rest import results
from mockkraken.rest.account import LEDGERS_MAX, ORDERS_MAX, TRADES_MAX, LedgerType
from mockkraken.rest.endpoint import Private, Public
from mockkraken.rest.public import DEPTH_DEFAULT, DEPTH_MAX, INTERVALS
from mockkraken.rest.public import TRADES_MAX as PRINTS_MAX
from mockkraken.rest.routes import ENDPOINTS, path_of
from mockkraken.rest.trading import AddOrderBatchParams, BatchOrder
from mockkraken.version import __version__

Schema = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_REF = "#/components/schemas/{name}"


def result_type(endpoint: Public | Private) -> Any:
    """What stands in the `result` of an endpoint's answers: its type in rest/results.py.

    Raises:
        AttributeError: none is declared.
    """
    return getattr(results, endpoint.name.replace("/", ""))


# Hints: JSON Schema members that replace those made from a Struct's field. `format` says what a text names, where the
# catalogue or the account decides whether it is known.


def _list_of(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items, "minItems": 1} | ({} if most is None else {"maxItems": most})


def _choice(literal: Any) -> Schema:
    return {"type": "string", "enum": list(get_args(literal))}


def _id(letter: str, form: str) -> Schema:
    return {"type": "string", "format": form, "pattern": f"^{letter}[A-Z2-7]{{5}}-[A-Z2-7]{{5}}-[A-Z2-7]{{6}}$"}


_PAIR: Schema = {"type": "string", "format": "asset-pair", "examples": ["XBTUSD", "BTC/USD"]}
_ASSET: Schema = {"type": "string", "format": "asset", "examples": ["XBT", "ZUSD"]}
_NUMBER: Schema = {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,9})?$"}
_BOUND: Schema = {
    "type": "string",
    "pattern": r"^([0-9]{1,15}(\.[0-9]{1,9})?|[A-Z][A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6})$",
    "examples": ["1767225600"],
}
_CL_ORD_ID: Schema = {
    "type": "string",
    "format": "client-order-id",
    "minLength": 1,
    "maxLength": 36,
    "pattern": "^[ -~]+$",
    "description": f"A UUID, 32 hexadecimal digits, or up to {FREE_CL_ORD_ID_MAX} characters of ASCII.",
}
_CANCELLED: Schema = {"type": "string", "format": "order-id", "minLength": 1, "examples": ["OQCLML-BW3P3-BUCMWZ"]}
_VOLUME: Schema = _NUMBER | {"format": "volume", "examples": ["0.01"]}
_PRICE: Schema = {
    "type": "string",
    "format": "price",
    "pattern": r"^[+#-]?[0-9]{1,15}(\.[0-9]{1,9})?%?$",
    "description": "A price, or with + or - a distance from the market's, in quote currency or percent.",
    "examples": ["60000.0", "+1.5%"],
}
_MOMENT: Schema = {
    "type": "string",
    "format": "moment",
    "pattern": r"^\+?[0-9]{1,11}$",
    "default": "0",
    "description": "Unix seconds, with + seconds from now; 0: none.",
}
_DEADLINE: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, 2 to 60 s ahead."}
_TOKENIZED: Schema = {"type": "string", "enum": ["tokenized_asset"]}

_ORDER: dict[str, Schema] = {
    "ordertype": _choice(OrderType),
    "type": _choice(Side),
    "volume": _VOLUME | {"description": "In base currency, with viqc in quote currency."},
    "price": _PRICE | {"description": "Limit or trigger price; of trailing orders a distance such as `+1%`."},
    "price2": _PRICE | {"description": "Limit price once triggered."},
    "displayvol": _VOLUME | {"description": "Icebergs only: a fifteenth of the volume or more."},
    "trigger": _choice(Signal) | {"description": "Triggered orders only."},
    "leverage": {"type": "string", "format": "leverage", "pattern": "^(none|[0-9]{1,2}(:1)?)$", "examples": ["2"]},
    "stptype": _choice(SelfTrade) | {"default": "cancel-newest"},
    "oflags": _list_of({"type": "string", "enum": ["post", "fcib", "fciq", "nompp", "viqc"]}),
    "timeinforce": {"type": "string", "enum": ["GTC", "IOC", "GTD", "FOK"], "default": "GTC"},
    "starttm": _MOMENT,
    "expiretm": _MOMENT,
    "close[ordertype]": {
        "type": "string",
        "enum": [kind for kind in get_args(OrderType) if kind not in ("market", "settle-position")],
    },
    "close[price]": _PRICE,
    "close[price2]": _PRICE,
    "asset_class": _TOKENIZED,
    "deadline": _DEADLINE,
}

_HINTS: dict[str, Schema] = {
    "pair": _PAIR,
    "asset": _ASSET,
    "assetVersion": {"type": "integer", "enum": [1], "description": "1: the answer's keys are the modern names."},
    "cl_ord_id": _CL_ORD_ID,
    "userref": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "start": _BOUND | {"description": "Unix seconds or a row's id; what is later is shown."},
    "end": _BOUND | {"description": "Unix seconds or a row's id; what is later is left out."},
    "ofs": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
    "since": _NUMBER | {"description": "Unix seconds, exclusive."},
}

_HINTS_OF: dict[str, dict[str, Schema]] = {
    "Assets": {"asset": _list_of(_ASSET)},
    "AssetPairs": {"pair": _list_of(_PAIR)},
    "Ticker": {"pair": _list_of(_PAIR)},
    "OHLC": {"interval": {"type": "integer", "enum": list(INTERVALS), "default": 1, "description": "Minutes."}},
    "Depth": {"count": {"type": "integer", "minimum": 1, "maximum": DEPTH_MAX, "default": DEPTH_DEFAULT}},
    "Trades": {
        "count": {"type": "integer", "minimum": 1, "maximum": PRINTS_MAX, "default": PRINTS_MAX},
        "since": _NUMBER | {"pattern": "^[0-9]{1,19}$", "description": "Unix time in ns or s, exclusive."},
    },
    "QueryOrders": {"txid": _list_of(_id("O", "order-id"), ORDERS_MAX)},
    "QueryTrades": {"txid": _list_of(_id("T", "trade-id"), TRADES_MAX)},
    "OpenPositions": {"txid": _list_of(_id("T", "trade-id"))},
    "QueryLedgers": {"id": _list_of(_id("L", "ledger-id"), LEDGERS_MAX)},
    "Ledgers": {"asset": _list_of(_ASSET), "type": _list_of(_choice(LedgerType))},
    "TradeVolume": {"pair": _list_of(_PAIR)},
    "AddOrder": _ORDER,
    "AddOrderBatch": {"deadline": _DEADLINE, "asset_class": _TOKENIZED},
    "AmendOrder": {
        "order_qty": _VOLUME | {"description": "The whole new volume, what is executed of it included."},
        "display_qty": _VOLUME | {"description": "Icebergs only."},
        "limit_price": _PRICE,
        "trigger_price": _PRICE,
        "txid": _id("O", "order-id"),
        "deadline": _DEADLINE,
    },
    "OrderAmends": {"order_id": _id("O", "order-id")},
    "EditOrder": {
        "txid": _CANCELLED | {"description": "A txid or a userref."},
        "volume": _VOLUME,
        "displayvol": _VOLUME,
        "price": _PRICE,
        "price2": _PRICE,
        "oflags": _list_of({"type": "string", "enum": ["post"]}),
        "asset_class": _TOKENIZED,
        "deadline": _DEADLINE,
    },
    "CancelOrder": {"txid": _CANCELLED | {"description": "A txid or a userref, or a comma list of them."}},
    "CancelOrderBatch": {"orders": _list_of(_CANCELLED, CANCELS_MAX), "cl_ord_ids": _list_of(_CL_ORD_ID, CANCELS_MAX)},
    "CancelAllOrdersAfter": {
        "timeout": {"type": "integer", "minimum": 0, "maximum": TIMEOUT_MAX, "description": "Seconds; 0: never."}
    },
}

# Missing ones are refused late, in an order that the Struct does not say.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "AddOrder": ("pair", "type", "ordertype", "volume"),
    "AddOrderBatch": ("pair", "orders"),
    "EditOrder": ("txid", "pair"),
    "CancelAllOrdersAfter": ("timeout",),
}

# What must be there of several.
_ALTERNATIVES: dict[str, Schema] = {
    "AmendOrder": {
        "oneOf": [{"required": ["txid"]}, {"required": ["cl_ord_id"]}],
        "anyOf": [{"required": [term]} for term in ("order_qty", "display_qty", "limit_price", "trigger_price")],
    },
    "CancelOrder": {"anyOf": [{"required": ["txid"]}, {"required": ["cl_ord_id"]}]},
    "CancelOrderBatch": {"anyOf": [{"required": ["orders"]}, {"required": ["cl_ord_ids"]}]},
}

_NONCE: Schema = {
    "type": "integer",
    "minimum": 0,
    "maximum": LARGEST,
    "description": "A number above all that the key has used; as text, too.",
    "examples": [1767225600000],
}

_FAILURE: Schema = {
    "type": "object",
    "description": "A refusal: there is no `result`.",
    "properties": {"error": {"type": "array", "items": {"$ref": _REF.format(name="Error")}, "minItems": 1}},
    "required": ["error"],
    "additionalProperties": False,
}
_ERROR: Schema = {
    "type": "string",
    "description": "Severity and category, what is wrong, and sometimes a detail.",
    "pattern": "^[EW][A-Za-z]+:.*",
    "examples": [errors.INVALID_NONCE, errors.invalid_arguments("volume")],
}

_REFUSED = {"schema": {"$ref": _REF.format(name="Failure")}}
_PAGE = {"text/html": {"schema": {"type": "string"}}}
_RESPONSES: dict[str, Schema] = {
    "403": {"description": "No User-Agent (setting `require_user_agent`).", "content": _PAGE},
    "404": {"description": "No such method; names are case-sensitive.", "content": {_JSON: _REFUSED}},
    "405": {"description": "The method does not take this verb.", "content": _PAGE},
    "413": {"description": "The body is too large.", "content": _PAGE},
    "414": {"description": "The URL is too long.", "content": _PAGE},
}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; one object for all callers, not to be changed."""
    shapes = _Shapes()
    operations = {path_of(endpoint): _path_item(endpoint, shapes) for endpoint in ENDPOINTS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kraken spot REST API, simulated by mockkraken",
            "version": __version__,
            "description": "Refusals come with HTTP 200 too: `error` tells.",
        },
        "servers": [{"url": "/"}],
        "paths": operations,
        "components": {
            "schemas": {"Failure": _FAILURE, "Error": _ERROR} | shapes.components,
            "responses": {f"HTTP{status}": response for status, response in _RESPONSES.items()},
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "API-Key", "description": "The public key."},
                "ApiSign": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "API-Sign",
                    "description": "base64(HMAC-SHA512(secret, path + SHA256(nonce + body)))",
                },
            },
        },
    }


class _Shapes:
    """The schemas of all results, named ones as components."""

    def __init__(self) -> None:
        parts = {repr(part): part for endpoint in ENDPOINTS for part in _parts(result_type(endpoint))}
        schemas, self.components = msgspec.json.schema_components(parts.values(), ref_template=_REF)
        self._schemas = dict(zip(parts, schemas, strict=True))

    def of(self, kind: Any) -> Schema:
        """The schema of a result's type."""
        values = _values(kind)
        if values is not None:
            return {"type": "object", "additionalProperties": self.of(values)}
        if _is_union(kind):
            return {"anyOf": [self.of(part) for part in get_args(kind)]}
        return self._schemas[repr(kind)]


def _parts(kind: Any) -> list[Any]:
    """The types that msgspec makes schemas of: it takes no union of several kinds of object."""
    values = _values(kind)
    if values is not None:
        return _parts(values)
    return list(get_args(kind)) if _is_union(kind) else [kind]


def _values(kind: Any) -> Any:
    """The values' type of a plain dict by name; None: it is no such dict."""
    return get_args(kind)[1] if get_origin(kind) is dict and get_args(kind)[0] is str else None


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _path_item(endpoint: Public | Private, shapes: _Shapes) -> dict[str, Any]:
    properties, required = _fields(endpoint)
    operation: dict[str, Any] = {
        "operationId": endpoint.name.replace("/", ""),
        "summary": endpoint.summary,
        "tags": ["Public" if isinstance(endpoint, Public) else "Private"],
    }
    if isinstance(endpoint, Public):
        operation["parameters"] = [_parameter(name, schema, name in required) for name, schema in properties.items()]
    else:
        operation |= {
            "description": f"Needs {endpoint.needs.text}; adds {endpoint.cost} to the key's call counter.",
            "x-kraken-permission": endpoint.needs.text,
            "x-kraken-cost": endpoint.cost,
            "security": [{"ApiKey": [], "ApiSign": []}],
            "requestBody": _body(properties, required, _ALTERNATIVES.get(endpoint.name, {})),
        }
    operation["responses"] = _responses(endpoint, shapes.of(result_type(endpoint)))
    return {"get" if isinstance(endpoint, Public) else "post": operation}


def _fields(endpoint: Public | Private) -> tuple[dict[str, Schema], list[str]]:
    """An endpoint's fields by their names on the wire, and which must be there."""
    hints = _HINTS | _HINTS_OF.get(endpoint.name, {})
    properties, required = _members(endpoint.params, hints)
    if endpoint.params is AddOrderBatchParams:
        order, _ = _members(BatchOrder, _HINTS | _ORDER)
        required_of_order = [name for name in _REQUIRED["AddOrder"] if name != "pair"]
        item = {"type": "object", "properties": order, "required": required_of_order}
        properties["orders"] = _list_of(item, BATCH_MAX) | {"minItems": BATCH_MIN}
    return properties, [*required, *_REQUIRED.get(endpoint.name, ())]


def _members(kind: type[msgspec.Struct], hints: dict[str, Schema]) -> tuple[dict[str, Schema], list[str]]:
    (_,), components = msgspec.json.schema_components([kind], ref_template=_REF)
    struct = components[kind.__name__]
    return {name: hints.get(name) or _given(schema) for name, schema in struct["properties"].items()}, struct[
        "required"
    ]


def _given(schema: Schema) -> Schema:
    """A field's schema as it is sent: what is optional is left out, and there is no null."""
    kept = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    for part in schema.get("anyOf", ()):
        if part != {"type": "null"}:
            kept |= part
    return {"type": "string"} | kept if "enum" in kept else kept


def _parameter(name: str, schema: Schema, required: bool) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": required, "schema": schema}
    return parameter | (_COMMA_LIST if schema.get("type") == "array" else {})


_COMMA_LIST = {"style": "form", "explode": False}


def _body(properties: dict[str, Schema], required: list[str], alternatives: Schema) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"nonce": _NONCE} | properties, "required": ["nonce", *required]}
    schema |= alternatives
    lists = {name: _COMMA_LIST for name, field in properties.items() if field.get("type") == "array"}
    if any(properties[name]["items"].get("type") == "object" for name in lists):
        # Forms take it too, as `orders[0][type]`, but that is nothing that this language could say.
        return {"required": True, "content": {_JSON: {"schema": schema}}}
    form: dict[str, Any] = {"schema": schema} | ({"encoding": lists} if lists else {})
    return {"required": True, "content": {_FORM: form, _JSON: {"schema": schema}}}


def _responses(endpoint: Public | Private, result: Schema) -> dict[str, Any]:
    answers = [_envelope(result, {"maxItems": 0}), {"$ref": _REF.format(name="Failure")}]
    if isinstance(endpoint, Public) and endpoint.partial:
        answers.append(_envelope(result, {"items": {"$ref": _REF.format(name="Error")}, "minItems": 1}))
    done = {"description": "Done, or refused.", "content": {_JSON: {"schema": {"oneOf": answers}}}}
    others = {status: {"$ref": f"#/components/responses/HTTP{status}"} for status in _RESPONSES}
    return {"200": done} | others


def _envelope(result: Schema, errors: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"error": {"type": "array"} | errors, "result": result},
        "required": ["error", "result"],
        "additionalProperties": False,
    }
