"""The control API over HTTP: a table of paths and methods, each with the operation that it stands for.

Paths are matched as they were sent and decoded afterwards, since public keys contain slashes.
"""

from __future__ import annotations

import logging
import re
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from mockkraken.control.errors import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    UNAUTHORIZED,
    ControlError,
    invalid,
    unknown,
)
from mockkraken.control.operations import Control
from mockkraken.control.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.rest.app import Receive, Scope, Send

BODY_MAX = 1 << 22  # bytes
"""Larger bodies are refused with HTTP 413."""

_log = logging.getLogger("mockkraken")
_encode = msgspec.json.Encoder().encode


class Call(NamedTuple):
    """An operation, and what it takes besides the parts of the path."""

    operation: Callable[..., Any]
    takes: Literal["nothing", "body", "query"] = "nothing"


# {name} is one part of the path, {key} all the rest. The first path that fits counts.
CALLS: dict[str, dict[str, Call]] = {
    "/mock/health": {"GET": Call(Control.health)},
    "/mock/reset": {"POST": Call(Control.reset, "body")},
    "/mock/clock": {"GET": Call(Control.clock), "POST": Call(Control.move_clock, "body")},
    "/mock/settings": {"GET": Call(Control.settings), "PATCH": Call(Control.change_settings, "body")},
    "/mock/accounts": {"GET": Call(Control.accounts), "POST": Call(Control.create_account, "body")},
    "/mock/accounts/{name}/balances": {
        "GET": Call(Control.balances),
        "PUT": Call(Control.replace_balances, "body"),
        "PATCH": Call(Control.set_balances, "body"),
    },
    "/mock/keys": {"GET": Call(Control.keys), "POST": Call(Control.create_key, "body")},
    "/mock/keys/{key}/nonce": {"POST": Call(Control.set_nonce, "body")},
    "/mock/keys/{key}": {
        "GET": Call(Control.key),
        "PATCH": Call(Control.change_key, "body"),
        "DELETE": Call(Control.delete_key),
    },
    "/mock/journal": {"GET": Call(Control.journal, "query"), "DELETE": Call(Control.clear_journal)},
}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(path.replace("{name}", "([^/]+)").replace("{key}", "(.+)"), re.DOTALL)


_PATHS = [(_pattern(path), methods) for path, methods in CALLS.items()]


class ControlApp:
    """Answers `/mock/...`: an ASGI application.

    Args:
        control: the operations.
        token: what `Authorization: Bearer` must bring; None: nothing is asked for.
    """

    def __init__(self, control: Control, token: str | None = None) -> None:
        self._control = control
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        status, headers = 200, [(b"content-type", b"application/json")]
        try:
            answer = self._answer(scope, body)
        except ControlError as error:
            status = error.status
            headers += _headers_of(error, scope)
            answer = {"error": {"code": error.code, "message": error.message, "field": error.field}}
        except Exception:
            # A fault of ours must reach the log, and the client in the form that it knows.
            _log.exception("%s %s failed", scope["method"], scope["path"])
            message = "mockkraken failed; its log has the traceback"
            status, answer = 500, {"error": {"code": INTERNAL, "message": message, "field": None}}
        text = _encode(answer)
        headers.append((b"content-length", b"%d" % len(text)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def _answer(self, scope: Scope, body: bytes) -> Any:
        self._authorize(scope)
        methods, parts = _route(scope)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        call = methods.get(method)
        if call is None:
            raise ControlError(405, METHOD_NOT_ALLOWED, f"this path takes {', '.join(methods)}, not {method}")
        if len(body) > BODY_MAX:
            raise ControlError(413, TOO_LARGE, f"the body is larger than {BODY_MAX} bytes")
        query = _query(scope["query_string"])
        if call.takes == "query":
            return self._control.perform(call.operation, *parts, query)
        if query:
            raise invalid(next(iter(query)), "this call takes no query")
        if call.takes == "nothing":
            return self._control.perform(call.operation, *parts)
        # What is posted often needs no arguments; but a PUT or PATCH of nothing is a mistake.
        given = {} if not body and method == "POST" else decode(body)
        return self._control.perform(call.operation, *parts, given)

    def _authorize(self, scope: Scope) -> None:
        if self._token is None:
            return
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                if scheme.lower() == b"bearer" and compare_digest(token.strip(), self._token):
                    return
        raise ControlError(401, UNAUTHORIZED, "this server wants its control token: Authorization: Bearer TOKEN")


def _route(scope: Scope) -> tuple[dict[str, Call], list[str]]:
    """What the path takes by method, and the parts of the path that the operation wants."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1")
    for pattern, methods in _PATHS:
        if match := pattern.fullmatch(path):
            return methods, [unquote(part) for part in match.groups()]
    raise unknown(None, f"there is no control call {path[:200]}")


def _query(text: bytes) -> dict[str, str]:
    """The query's members. `+` stays: public keys contain it."""
    members: dict[str, str] = {}
    for pair in text.decode("latin-1").split("&"):
        if pair:
            name, _, value = pair.partition("=")
            name = unquote(name)
            if name in members:
                raise invalid(name, f"{name} is there twice")
            members[name] = unquote(value)
    return members


def _headers_of(error: ControlError, scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that HTTP wants with an answer of that status."""
    if error.status == 401:
        return [(b"www-authenticate", b"Bearer")]
    if error.status == 405:
        return [(b"allow", ", ".join(_route(scope)[0]).encode())]
    return []


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client has gone. No more is kept than shows that it is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if size <= BODY_MAX:
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)
