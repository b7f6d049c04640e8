"""The wire: uvicorn's protocols for HTTP and WebSocket, with what they lack; and how their connections are closed."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn.server import ServerState

    from mockkraken.faults.faults import Faults

MESSAGE_MAX = 1 << 20  # ours: bytes of a WebSocket message; a longer one closes its connection with 1009

OUTBOX_MAX = 4 << 20  # ours: bytes that a WebSocket's client may leave unread
PATIENCE = 1.0  # seconds of the machine that it has to read them: a leap of the clock may bring much at once
OUTBOX_LIMIT = 256 << 20  # bytes at which it is cut off at once

_GRACE = 0.02  # seconds that stop gives to what is being answered

_log = logging.getLogger("mockkraken")


def http(protocol: Any) -> Any:
    """The HTTP protocol of uvicorn, with what it lacks.

    It is deaf to offers of HTTP/2 over clear text, which the JDK's client makes with each request: uvicorn ignores the
    offer, but loses the body of the request that makes it. Applications find the `transport` in their scope's state, so
    that a fault can cut the connection. Where a client has sent on without waiting for an answer, all its requests
    learn that it is gone: uvicorn tells the last one only, and would go on with an answer for those before it. And what
    speaks WebSocket is loaded when the first client wants it.
    """
    import re

    offer = re.compile(rb"\r\nUpgrade:[ \t]*h2c[^\r\n]*", re.IGNORECASE)
    request_line = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")

    class Http(protocol):  # type: ignore[misc]  # which of uvicorn's two it is depends on what is installed
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.app_state["transport"] = transport
            self._earlier: list[Any] = []

        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            self.app_state.clear()
            for request in self._earlier:
                request.disconnected = True
                request.message_event.set()

        def on_headers_complete(self) -> None:
            before = self.cycle
            super().on_headers_complete()
            if self.pipeline:
                self._earlier = [*(request for request in self._earlier if not request.response_complete), before]

        def data_received(self, data: bytes) -> None:
            if offer.search(data) and request_line.match(data):
                head, end, body = data.partition(b"\r\n\r\n")
                data = offer.sub(b"", head) + end + body
            super().data_received(data)

        def _should_upgrade_to_ws(self) -> bool:
            # Another method than GET can't become a WebSocket: it is a request like any other.
            return bool(self.scope["method"] == "GET")

        def handle_websocket_upgrade(self, *event: Any) -> None:
            self.ws_protocol_class = websocket()
            super().handle_websocket_upgrade(*event)

        def _unsupported_upgrade_warning(self) -> None:
            """Nothing: an offer of another protocol may be passed over."""

    return Http


@cache
def websocket() -> Any:
    """The WebSocket protocol of uvicorn, as the `Socket` that a connection writes its frames to.

    uvicorn encodes each message for each client by itself, and lets the sender wait while a client does not read. Here
    frames come ready made, go straight to the transport, and who does not read is the connection's concern.
    """
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    from websockets.protocol import State

    class WebSocket(WebSocketsSansIOProtocol):
        on_ping: Callable[[], None] = staticmethod(_nothing)
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.app_state["socket"] = self

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.app_state.clear()
            self.on_ping = _nothing
            if self._deadline is not None:
                self._deadline.cancel()

        def handle_ping(self) -> None:
            super().handle_ping()
            self.on_ping()

        @property
        def open(self) -> bool:
            return self.conn.state is State.OPEN and not self.disconnected and not self.transport.is_closing()

        @property
        def unsent(self) -> int:
            return self.transport.get_write_buffer_size()

        def write(self, frame: bytes) -> None:
            self.transport.write(frame)
            if self._deadline is None and self.unsent > OUTBOX_MAX:
                self._deadline = self.loop.call_later(PATIENCE, self._look_slow)
            elif self.unsent > OUTBOX_LIMIT:
                self._cut_off()

        def _look_slow(self) -> None:
            self._deadline = None
            if self.unsent > OUTBOX_MAX:
                self._cut_off()

        def _cut_off(self) -> None:
            host, port = self.client or ("", 0)
            _log.warning("the WebSocket client at %s:%s has left %d bytes unread: cut off", host, port, self.unsent)
            self.transport.abort()

        def end(self, code: int, reason: str) -> None:
            if not self.open or self.close_sent:
                return
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    return WebSocket


async def close_connections(state: ServerState, faults: Faults) -> None:
    """Close idle connections at once and busy ones when their answer is out; soon cut what is left.

    What a fault holds is dropped.

    uvicorn's own shutdown does the same with two sleeps of 100 ms.
    """
    import asyncio

    for connection in list(state.connections):
        connection.shutdown()
    loop = asyncio.get_running_loop()
    for cut in (False, True):
        if cut:
            for connection in list(state.connections):
                connection.transport.abort()
        until = loop.time() + _GRACE
        while (state.connections or state.tasks) and loop.time() < until:
            faults.drop()
            await asyncio.sleep(0.001)


def _nothing() -> None:
    """Nobody listens."""
