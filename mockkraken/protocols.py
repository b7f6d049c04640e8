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

# Ours: bytes of a WebSocket that are read before it is others' turn; thousands of frames can be so short.
SLICE = 1 << 14

OUTBOX_MAX = 4 << 20  # ours: bytes that a WebSocket's client may leave unread
OUTBOX_LIMIT = 256 << 20  # bytes at which it is cut off at once: a leap of the clock may bring much
PATIENCE = 1.0  # seconds of the machine within which it must have begun to read them
LEAST_READ = 1 << 16  # bytes that it must read in each such span, while there is too much

CLOSE_TIMEOUT = 10.0  # seconds of the machine that a client has to answer our close

_GRACE = 0.02  # seconds that stop gives to what is being answered

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_log = logging.getLogger("mockkraken")


def http(protocol: Any) -> Any:
    """The HTTP protocol of uvicorn, with what it lacks.

    It is deaf to offers of HTTP/2 over clear text, which the JDK's client makes with each request: uvicorn ignores the
    offer, but loses the body of the request that makes it. Applications find the `transport` in their scope's state, so
    that a fault can cut the connection. Where a client has sent on without waiting for an answer, all its requests
    learn that it is gone: uvicorn tells the last one only, and would go on with an answer for those before it. And what
    speaks WebSocket is loaded when the first client wants it; what the client has said behind its wish is not lost.
    """
    import re
    import sys

    offer = re.compile(rb"\r\nUpgrade:[ \t]*h2c[^\r\n]*", re.IGNORECASE)
    request_line = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")

    class Http(protocol):  # type: ignore[misc]  # which of uvicorn's two it is depends on what is installed
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.app_state["transport"] = transport
            self._earlier: list[Any] = []
            self._packet = b""

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
            self._packet = data
            super().data_received(data)
            self._packet = b""

        def _get_upgrade(self) -> bytes | None:
            # There may be several Connection headers; uvicorn looks at the last.
            upgrade, tokens = None, []
            for name, value in self.headers:
                if name == b"upgrade":
                    upgrade = value.lower()
                elif name == b"connection":
                    tokens += [token.strip().lower() for token in value.split(b",")]
            return upgrade if b"upgrade" in tokens else None

        def _should_upgrade_to_ws(self) -> bool:
            # Another method than GET can't become a WebSocket: it is a request like any other.
            return bool(self.scope["method"] == "GET")

        def handle_websocket_upgrade(self, *event: Any) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                # It was not waited for the answer before: that would come in the middle of frames. After it, the end.
                self.shutdown()
                return
            parsed = sys.exception()  # httptools tells with an exception how far it has read
            rest = self.conn.trailing_data[0] if event else self._packet[parsed.args[0] :] if parsed else b""
            self.ws_protocol_class = websocket()
            super().handle_websocket_upgrade(*event)
            if rest:
                self.loop.call_soon(self._go_on, rest)  # the upgrade is answered first

        def _go_on(self, data: bytes) -> None:
            if not self.transport.is_closing():
                self.transport.get_protocol().data_received(data)

        def _unsupported_upgrade_warning(self) -> None:
            """Nothing: an offer of another protocol may be passed over."""

    return Http


@cache
def websocket() -> Any:
    """The WebSocket protocol of uvicorn, as the `Socket` that a connection writes its frames to.

    uvicorn encodes each message for each client by itself, and lets the sender wait while a client does not read. Here
    frames come ready made, go straight to the transport, and who does not read is the connection's concern. Those who
    send much at once are answered by turns. And whatever a client does wrong, or leaves in the middle, ends its
    connection, without a word in the log.
    """
    import asyncio

    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    from websockets.frames import CloseCode
    from websockets.protocol import State

    class WebSocket(WebSocketsSansIOProtocol):
        on_ping: Callable[[], None] = staticmethod(_nothing)
        _deadline: asyncio.Handle | None = None  # while the client has left too much unread: when that is looked at
        close_timer: asyncio.TimerHandle | None = None  # uvicorn's too, from 0.53 on
        _before = _more = 0  # bytes unread at the last look, and written since

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.app_state["socket"] = self

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.app_state.clear()
            self.on_ping = _nothing
            if self._deadline is not None:
                self._deadline.cancel()

        def data_received(self, data: bytes) -> None:
            part = data[:SLICE] if self.handshake_initiated else data
            rest = data[len(part) :]
            super().data_received(part)
            if not self.handshake_initiated:
                # The request, which came whole, is too long for websockets, or has a body.
                answer = b"".join(self.conn.data_to_send())
                self.transport.write(answer or _BAD_REQUEST)
                self.transport.close()
            if self.transport.is_closing():
                return
            if rest:
                self.read_paused = False  # so that nothing goes on with reading before
            if not self.read_paused:
                # While a message waits, uvicorn does not read on. What is none must not hold up others either.
                self.transport.pause_reading()
                self.loop.call_soon(self._read_on, rest)

        def _read_on(self, rest: bytes) -> None:
            if self.transport.is_closing():
                return
            if rest:
                self.data_received(rest)
            elif not self.read_paused:
                self.transport.resume_reading()

        def send_receive_event_to_app(self) -> None:
            if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
                # uvicorn closes likewise, but its log has a traceback of what is only the client's mistake.
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
            super().send_receive_event_to_app()

        def handle_ping(self) -> None:
            super().handle_ping()
            self._watch_unsent(0)
            self.on_ping()

        async def receive(self) -> Any:
            try:
                if self.handshake_complete and not self.queue.empty():
                    await asyncio.sleep(0)  # others' turn, after each of many messages that have come at once
                return await super().receive()
            except asyncio.CancelledError:
                # The server has stopped, and does not wait for all that a client had still to say.
                return {"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART}

        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] in ("websocket.accept", "websocket.http.response.body"):
                # Also when the client was gone already, or the answer was no.
                self.handshake_complete = True

        def shutdown(self) -> None:
            self._forget_waiting()
            if self.handshake_complete and not self.close_sent and self.conn.state is not State.OPEN:
                self.transport.close()  # the client has closed, but not yet read all before
            else:
                super().shutdown()

        def _forget_waiting(self) -> None:
            while not self.queue.empty():
                self.queue.get_nowait()

        @property
        def open(self) -> bool:
            return self.conn.state is State.OPEN and not self.transport.is_closing()

        @property
        def unsent(self) -> int:
            return self.transport.get_write_buffer_size()

        def write(self, frame: bytes) -> None:
            self.transport.write(frame)
            self._watch_unsent(len(frame))

        def _watch_unsent(self, more: int) -> None:
            if self._deadline is None:
                if self.unsent > OUTBOX_MAX:
                    # It can read from when the loop is free again: whatever brings so much takes its time.
                    self._deadline = self.loop.call_soon(self._be_patient)
                return
            self._more += more
            if self.unsent > OUTBOX_LIMIT:
                self._cut_off()

        def _be_patient(self) -> None:
            self._before, self._more = self.unsent, 0
            self._deadline = self.loop.call_later(PATIENCE, self._look_slow)

        def _look_slow(self) -> None:
            self._deadline = None
            if self.unsent <= OUTBOX_MAX:
                return
            if self._before + self._more - self.unsent < LEAST_READ:
                self._cut_off()
            else:
                self._be_patient()

        def _cut_off(self) -> None:
            host, port = self.client or ("", 0)
            _log.warning("the WebSocket client at %s:%s has left %d bytes unread: cut off", host, port, self.unsent)
            self.transport.abort()

        def end(self, code: int, reason: str) -> None:
            if not self.open or self.close_sent:
                return
            self._forget_waiting()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)

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


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _nothing() -> None:
    """Nobody listens."""
