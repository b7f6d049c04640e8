"""The control API over HTTP: a table of paths and methods, each with the operation that it stands for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from mockkraken.control import (
    access,
    connections,
    counters,
    diagnosis,
    documents,
    faults,
    markets,
    pairs,
    scenarios,
    signing,
    status,
)
from mockkraken.control.errors import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    UNAUTHORIZED,
    UNKNOWN,
    ControlError,
    invalid,
)
from mockkraken.control.operations import Control
from mockkraken.control.values import decode

BODY_MAX = 1 << 22  # bytes
"""Larger bodies are refused with HTTP 413."""

_log = logging.getLogger("mockkraken")
_encode = msgspec.json.Encoder().encode


class Call(NamedTuple):
    """An operation, and what it takes besides the parts of the path."""

    operation: Callable[..., Any]
    takes: Literal["nothing", "body", "query"] = "nothing"


# The first path that fits counts; public keys contain slashes.
CALLS: dict[str, dict[str, Call]] = {
    "/mock/health": {"GET": Call(Control.health)},
    "/mock/reset": {"POST": Call(Control.reset, "body")},
    "/mock/clock": {"GET": Call(Control.clock), "POST": Call(Control.move_clock, "body")},
    "/mock/settings": {"GET": Call(Control.settings), "PATCH": Call(Control.change_settings, "body")},
    "/mock/accounts": {"GET": Call(Control.accounts), "POST": Call(Control.create_account, "body")},
    "/mock/accounts/{name:path}/balances": {
        "GET": Call(Control.balances),
        "PUT": Call(Control.replace_balances, "body"),
        "PATCH": Call(Control.set_balances, "body"),
    },
    "/mock/accounts/{name:path}": {"GET": Call(Control.account), "PATCH": Call(Control.change_account, "body")},
    "/mock/keys": {"GET": Call(Control.keys), "POST": Call(Control.create_key, "body")},
    "/mock/keys/{key:path}/nonce": {"POST": Call(Control.set_nonce, "body")},
    "/mock/keys/{key:path}": {
        "GET": Call(Control.key),
        "PATCH": Call(Control.change_key, "body"),
        "DELETE": Call(Control.delete_key),
    },
    "/mock/profiles": {"GET": Call(Control.profiles)},
    "/mock/lockout": {"GET": Call(access.lockouts), "POST": Call(access.lock_out, "body")},
    "/mock/tokens/expire": {"POST": Call(access.expire_tokens, "body")},
    "/mock/counters": {"GET": Call(counters.counters), "POST": Call(counters.set_counters, "body")},
    "/mock/market/{pair:path}": {"GET": Call(markets.market), "POST": Call(markets.change_market, "body")},
    "/mock/pairs/{pair:path}": {"GET": Call(pairs.rules), "PATCH": Call(pairs.change_rules, "body")},
    "/mock/index/{pair:path}": {"POST": Call(pairs.set_index, "body")},
    "/mock/status": {"GET": Call(status.status), "POST": Call(status.set_status, "body")},
    "/mock/orders/{txid}/fill": {"POST": Call(markets.fill_order, "body")},
    "/mock/orders/{txid}": {"GET": Call(markets.order)},
    "/mock/scenarios": {"GET": Call(scenarios.scenarios), "POST": Call(scenarios.start_given, "body")},
    "/mock/scenarios/{name:path}": {"POST": Call(scenarios.start)},
    "/mock/faults/{id}": {"GET": Call(faults.fault), "DELETE": Call(faults.remove_fault)},
    "/mock/faults": {
        "GET": Call(faults.faults),
        "POST": Call(faults.add_fault, "body"),
        "DELETE": Call(faults.clear_faults),
    },
    "/mock/connections/{number}": {"DELETE": Call(connections.disconnect)},
    "/mock/connections": {"GET": Call(connections.connections), "DELETE": Call(connections.disconnect_all)},
    "/mock/openapi.json": {"GET": Call(documents.openapi)},
    "/mock/signature": {"POST": Call(signing.signature, "body")},
    "/mock/doctor": {"GET": Call(diagnosis.doctor, "query")},
    "/mock/journal": {"GET": Call(Control.journal, "query"), "DELETE": Call(Control.clear_journal)},
}


def control_app(control: Control, token: str | None = None) -> Starlette:
    """The ASGI application that answers `/mock/...`.

    Args:
        control: the operations.
        token: what `Authorization: Bearer` must bring; None: nothing is asked for.
    """

    def endpoint(methods: dict[str, Call]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            _authorize(request, token)
            call = methods["GET" if request.method == "HEAD" else request.method]
            given = await _given(request, call)
            try:
                return _json(200, control.perform(call.operation, *request.path_params.values(), *given))
            except ControlError:
                raise
            except RecursionError:
                raise invalid(None, "the body is nested deeper than any call takes") from None
            except Exception as error:
                # A fault of ours must reach the log, and the client in the form that it knows.
                _log.exception("%s %s failed", request.method, request.url.path)
                raise ControlError(500, INTERNAL, "mockkraken failed; its log has the traceback") from error

        return answer

    async def not_routed(request: Request, refused: Exception) -> Response:
        assert isinstance(refused, HTTPException)
        try:
            _authorize(request, token)
        except ControlError as error:
            return _error(error)
        if refused.status_code == 405:
            message = f"this path takes {(refused.headers or {}).get('Allow')}, not {request.method}"
            return _error(ControlError(405, METHOD_NOT_ALLOWED, message), refused.headers)
        return _error(ControlError(404, UNKNOWN, f"there is no control call {request.url.path[:200]}"))

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, ControlError)
        return _error(error)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it

    app = Starlette(
        routes=[Route(path, endpoint(methods), methods=list(methods)) for path, methods in CALLS.items()],
        exception_handlers={ControlError: refused, HTTPException: not_routed, ClientDisconnect: gone},
    )
    app.router.redirect_slashes = False
    return app


def _authorize(request: Request, token: str | None) -> None:
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not compare_digest(given.strip().encode(), token.encode()):
        raise ControlError(401, UNAUTHORIZED, "this server wants its control token: Authorization: Bearer TOKEN")


async def _given(request: Request, call: Call) -> list[Any]:
    """What the operation gets besides the parts of the path."""
    body = await _read(request)
    query = _query(request.url.query)
    if call.takes == "query":
        return [query]
    if query:
        raise invalid(next(iter(query)), "this call takes no query")
    if call.takes == "nothing":
        return []
    # What is posted often needs no arguments; but a PUT or PATCH of nothing is a mistake.
    return [{} if not body and request.method == "POST" else decode(body)]


async def _read(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            raise ControlError(413, TOO_LARGE, f"the body is larger than {BODY_MAX} bytes")
    return body


def _query(text: str) -> dict[str, str]:
    """The query's members. `+` stays: public keys contain it."""
    members: dict[str, str] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            name = unquote(name)
            if name in members:
                raise invalid(name, f"{name} is there twice")
            members[name] = unquote(value)
    return members


def _json(status: int, answer: Any, headers: Any = None) -> Response:
    return Response(_encode(answer), status, headers, "application/json")


def _error(error: ControlError, headers: Any = None) -> Response:
    if error.status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    answer = {"error": {"code": error.code, "message": error.message, "field": error.field}}
    return _json(error.status, answer, headers)
