"""The WebSocket API as an ASGI application: from the upgrade to the last frame."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from mockkraken.clock import rfc3339
from mockkraken.ws.connection import Connection
from mockkraken.ws.doors import PATHS, door
from mockkraken.ws.limits import Attempts
from mockkraken.ws.v1.session import Version1
from mockkraken.ws.v2.session import Version2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from mockkraken.ws.connection import Dialect, Socket
    from mockkraken.ws.doors import Door
    from mockkraken.ws.venue import Venue

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]

CONNECTION_ID_BITS = 53  # [ours] kraken/50 §1.1, ws_connection_id_full_range: so that every client can read it
PROXY_RESTARTS = (1001, "CloudFlare WebSocket proxy restarting")  # [obs] kraken/50 §1.4
RESTART = 1012  # ours: the close code when the sandbox starts anew


class WsApp:
    """Speaks with the sockets of one sandbox.

    Args:
        venue: the sandbox's parts.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._dialects: dict[int, Dialect] = {1: Version1(venue), 2: Version2(venue)}
        self._attempts = Attempts(venue.settings)
        self._numbers = itertools.count(1)

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()  # `websocket.connect`
        headers = _headers(scope)
        remote, port = scope.get("client") or ("", None)
        remote = remote.removeprefix("::ffff:")
        entrance = door(headers.get("host", ""), scope["path"])
        status, text = self._refused(entrance, scope["path"], remote, port, headers.get("user-agent"))
        if entrance is None or status:
            start = {
                "type": "websocket.http.response.start",
                "status": status,
                "headers": [(b"content-type", b"text/plain")],
            }
            await send(start)
            await send({"type": "websocket.http.response.body", "body": text.encode()})
            return
        await send({"type": "websocket.accept"})
        socket: Socket = scope["state"]["socket"]
        if not socket.open:
            return
        connection = self.open(socket, entrance, remote=remote, port=port, user_agent=headers.get("user-agent"))
        socket.on_ping = connection.heard
        try:
            while (message := await receive())["type"] == "websocket.receive":
                said = message.get("text")
                connection.receive(message["bytes"] if said is None else said)
        finally:
            self._venue.feeds.leave(connection)

    def open(
        self,
        socket: Socket,
        entrance: Door,
        *,
        remote: str = "",
        port: int | None = None,
        user_agent: str | None = None,
    ) -> Connection:
        """Take in a client whose upgrade was accepted, and greet it."""
        venue = self._venue
        venue.clock.run_due()
        connection = Connection(
            next(self._numbers),
            socket,
            entrance,
            self._dialects[entrance.version],
            venue,
            connection_id=venue.ids.number(CONNECTION_ID_BITS),
            remote=remote,
            port=port,
            user_agent=user_agent,
        )
        venue.feeds.join(connection)
        connection.send(connection.dialect.greeting(connection))
        return connection

    def connections(self) -> list[dict[str, Any]]:
        """All that are open, as `/mock/connections` shows them."""
        return [connection.shown() for connection in self._venue.feeds.connections.values()]

    def disconnect(self, number: int | None = None) -> int:
        """Close one connection, or all, as Kraken's proxy does now and then; how many there were."""
        chosen = [
            connection
            for connection in self._venue.feeds.connections.values()
            if number is None or connection.number == number
        ]
        for connection in chosen:
            connection.close(*PROXY_RESTARTS)
        return len(chosen)

    def close(self) -> None:
        """Close all connections: the sandbox starts anew."""
        for connection in list(self._venue.feeds.connections.values()):
            connection.close(RESTART, "the sandbox was reset")
            self._venue.feeds.leave(connection)

    def _refused(
        self, entrance: Door | None, path: str, remote: str, port: int | None, user_agent: str | None
    ) -> tuple[int, str]:
        """The HTTP status and text that an upgrade is refused with; 0: it is not."""
        venue = self._venue
        venue.clock.run_due()
        now = venue.clock.now()
        if entrance is None:
            status, reason = 404, f"there is no WebSocket at this path; there are {', '.join(PATHS)}"
        elif until := self._attempts.refused_until(remote, now):
            status, reason = 429, f"{remote} has connected too often; it may again at {rfc3339(until)}"
        else:
            return 0, ""
        if venue.journal.wanted:
            venue.journal.add(
                time=now,
                transport="ws1" if entrance and entrance.version == 1 else "ws2",
                remote=remote,
                user_agent=user_agent,
                endpoint=path,
                http_status=status,
                outcome="refused",
                check="routing" if entrance is None else "rate",
                reason=reason,
                port=port,
                duration_us=0,
            )
        return status, reason


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
