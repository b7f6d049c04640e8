"""One request as it comes, what becomes of it, and how its answer goes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from mockkraken.rest import edge
from mockkraken.rest.edge import Answer

if TYPE_CHECKING:
    from mockkraken.errors import Check
    from mockkraken.gate.gate import Credentials

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_encode = msgspec.json.Encoder().encode


class Call:
    """One request while it is being answered, and what the journal will say of it."""

    __slots__ = (
        "body",
        "check",
        "credentials",
        "crowded",
        "endpoint",
        "error",
        "fault",
        "headers",
        "lost",
        "method",
        "path",
        "port",
        "query",
        "reason",
        "refused",
        "remote",
    )

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.query: bytes = scope["query_string"]
        self.headers = Headers(scope["headers"])
        remote: str
        self.port: int | None
        remote, self.port = scope.get("client") or ("", None)
        # A socket for both versions of IP shows an IPv4 sender as ::ffff:a.b.c.d.
        self.remote = remote.removeprefix("::ffff:")
        self.body = body
        self.endpoint = ""
        self.credentials: Credentials | None = None
        self.error: str | None = None
        self.check: Check | None = None
        self.reason: str | None = None
        self.refused = False
        self.crowded = False  # too many of the key's calls are under way
        self.fault: int | None = None  # the number of the fault that struck it
        self.lost = False  # whether that keeps the right answer from the client

    def refuse(self, answer: Answer, check: Check | None, reason: str, error: str | None = None) -> Answer:
        self.refused, self.check, self.reason, self.error = True, check, reason, error
        return answer


class Headers:
    """The headers that count; of a repeated credential the first."""

    __slots__ = ("all", "api_key", "api_sign", "content_type", "user_agent")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.all = headers
        self.api_key: bytes | None = None
        self.api_sign: bytes | None = None
        self.content_type = b""
        self.user_agent: bytes | None = None
        for name, value in headers:
            if name == b"api-key":
                if self.api_key is None:
                    self.api_key = value
            elif name == b"api-sign":
                if self.api_sign is None:
                    self.api_sign = value
            elif name == b"content-type":
                self.content_type = value
            elif name == b"user-agent":
                self.user_agent = value


def success(result: Any) -> Answer:
    """The envelope around a result (kraken/10 §1.10)."""
    return Answer(200, edge.JSON, b'{"error":[],"result":%b}' % _encode(result))


def partial_success(result: Any, error: str) -> Answer:
    """The envelope around a result that an error stands beside."""
    return Answer(200, edge.JSON, _encode({"error": [error], "result": result}))


def failure(message: str, *, status: int = 200) -> Answer:
    """The envelope of a refusal: no `result` member (kraken/10 §1.10, error_includes_empty_result)."""
    return Answer(status, edge.JSON, _encode({"error": [message]}))


async def respond(send: Send, answer: Answer) -> None:
    """Send an answer."""
    headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def whole_body(receive: Receive) -> bytes | None:
    """The whole body; None when the client has gone. No more is kept than shows that it is too large."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= edge.BODY_MAX:
            parts.append(part)
            size += len(part)
    return b"".join(parts)
