"""One client's connection: what it hears, what it says, and how it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from mockkraken import errors
from mockkraken.clock import MINUTE, SECOND
from mockkraken.counters import Counter
from mockkraken.errors import KrakenError
from mockkraken.gate.secrecy import shown_reason
from mockkraken.ws.frames import framed
from mockkraken.ws.limits import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mockkraken.clock import Timer
    from mockkraken.errors import Check
    from mockkraken.gate.keys import Key
    from mockkraken.ws.doors import Door
    from mockkraken.ws.topics import Subscription
    from mockkraken.ws.venue import Venue

HEARTBEAT = SECOND  # [obs] kraken/50 §1.2
IDLE = MINUTE  # [doc] kraken/50 §1.4: closed after that long without traffic
IDLE_CLOSE_CODE = 1000  # [guess] kraken/50 §1.4, ws_idle_close_code

UNKNOWN = "unknown"
"""The journal's endpoint of what is no request that there is."""

# Many heartbeats at once tell nobody more than a few: in a leap of the clock, or when it runs fast.
_PARTS_OF_A_LEAP = 120
_A_MACHINE_SECOND = 10

_log = logging.getLogger("mockkraken")


class Socket(Protocol):
    """What carries frames to the client.

    Attributes:
        on_ping: called with each ping of the protocol's own.
    """

    on_ping: Callable[[], None]

    @property
    def open(self) -> bool:
        """Whether frames still go out."""

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""

    def write(self, frame: bytes) -> None:
        """Send a frame, behind those before. A client that does not read is cut off."""

    def end(self, code: int, reason: str) -> None:
        """Close in an orderly way."""


class Request(msgspec.Struct):
    """One message of a client while it is answered, and what the journal will say of it.

    Attributes:
        time_in: when it came (ns).
        endpoint: what it asked for: `add_order`, `subscribe book`.
        id: its `req_id` or `reqid`, to be repeated in answers.
        key: whose token it brought.
        error, check, reason: of the first refusal.
    """

    time_in: int
    endpoint: str = ""
    id: int | None = None
    key: Key | None = None
    error: str | None = None
    check: Check | None = None
    reason: str | None = None

    def refuse(self, refusal: KrakenError) -> None:
        """Note why it, or one of the things that it asks for, is refused."""
        if self.error is None:
            self.error, self.check, self.reason = refusal.message, refusal.check, refusal.reason


class Dialect(Protocol):
    """One version of the API: how its messages look."""

    version: Literal[1, 2]
    heartbeat: bytes

    def greeting(self, connection: Connection) -> bytes:
        """The first message: what the exchange as a whole is doing."""

    def status(self, connection: Connection) -> bytes:
        """The same again, when it changes."""

    def answer(self, connection: Connection, message: str | bytes, request: Request) -> list[bytes]:
        """Do what a message asks for. What is wrong with it stands in the answer, and in `request`.

        Returns:
            What goes back, in order: replies first, then snapshots.
        """

    def exceeded(self, message: str | bytes, request: Request) -> bytes:
        """The answer to one message too many."""

    def failed(self, request: Request) -> bytes:
        """The answer when we have a bug."""


class Connection:
    """One client that is connected.

    Attributes:
        number: counts the connections of the sandbox.
        id: what the greeting calls it.
        subscriptions: what it has subscribed to, by what makes two the same.
        tokens: those that its subscriptions keep alive.
        level3: what its subscriptions of that channel have cost lately.
    """

    def __init__(
        self,
        number: int,
        socket: Socket,
        door: Door,
        dialect: Dialect,
        venue: Venue,
        *,
        connection_id: int,
        remote: str,
        port: int | None,
        user_agent: str | None,
    ) -> None:
        self.number = number
        self.id = connection_id
        self.door = door
        self.dialect = dialect
        self.remote, self.port, self.user_agent = remote, port, user_agent
        self.opened = self._heard = venue.clock.now()
        self.subscriptions: dict[Hashable, Subscription] = {}
        self.tokens: set[str] = set()
        self.level3 = Counter()
        self._venue = venue
        self._socket = socket
        self._messages = Messages(venue.settings)
        self._beat: Timer | None = None
        self._idle: Timer | None = None
        self._watch_idle()

    # Going out

    def send(self, payload: bytes) -> None:
        """Send one message."""
        self.write(framed(payload))

    def write(self, frame: bytes) -> None:
        """Send a message that is a frame already."""
        if self._socket.open:
            self._socket.write(frame)

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._socket.unsent

    def close(self, code: int, reason: str = "") -> None:
        """Close it."""
        self._socket.end(code, reason)

    # Coming in

    def receive(self, message: str | bytes) -> None:
        """Answer one message; then those who listen learn what it has brought about."""
        venue, dialect = self._venue, self.dialect
        now = self._heard = venue.clock.now()
        request = Request(now)
        try:
            venue.clock.run_due()
            if self._messages.exceeded(now):
                answers = [dialect.exceeded(message, request)]
            else:
                answers = dialect.answer(self, message, request)
        except Exception:
            _log.exception("%s failed on %s", request.endpoint or "a message", self)
            request.refuse(KrakenError(errors.INTERNAL_ERROR, "mockkraken failed; its log has the traceback"))
            answers = [dialect.failed(request)]
        first = venue.settings.ws_reply_order == "first"
        if first:
            self._send_all(answers)
        venue.exchange.announce()
        if not first:
            self._send_all(answers)
        self._journal(request)

    def _send_all(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            self.send(payload)

    def _journal(self, request: Request) -> None:
        venue, key = self._venue, request.key
        if key is not None and request.check is not None:
            key.count_refusal(request.check)
        if not venue.journal.wanted:
            return
        now = venue.clock.now()
        venue.journal.add(
            time=request.time_in,
            transport="ws1" if self.dialect.version == 1 else "ws2",
            remote=self.remote,
            user_agent=self.user_agent,
            account=key.account if key else None,
            key=key.name if key else None,
            api_key=key.api_key if key else None,
            endpoint=request.endpoint or UNKNOWN,
            http_status=101,
            outcome="accepted" if request.error is None else "refused",
            error=None if request.error is None else shown_reason(request.error),  # texts quote what was sent
            check=request.check,
            reason=None if request.reason is None else shown_reason(request.reason),
            port=self.port,
            duration_us=(now - request.time_in) // 1000 if venue.clock.scale == 1 else 0,
        )

    # Living and dying

    def start_heartbeat(self) -> None:
        """Send a heartbeat each second from now on, whatever else is sent."""
        if self._beat is None:
            self._set_beat()

    def stop_heartbeat(self) -> None:
        """Send none any more: nothing is subscribed to. From now on it may fall idle."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self._heard = self._venue.clock.now()
        self._watch_idle()

    def repace(self) -> None:
        """Time passes at another pace: what comes next must not be as far away as it was on a faster clock."""
        if self._beat is not None and self._beat.when > self._next_beat():
            self._beat.cancel()
            self._set_beat()
        if self._idle is not None and self._idle.when > self._heard + self._may_idle():
            self._idle.cancel()
            self._idle = None
            self._watch_idle()

    def _set_beat(self) -> None:
        self._beat = self._venue.clock.call_at(self._next_beat(), self._send_beat)

    def _next_beat(self) -> int:
        clock = self._venue.clock
        pause = max(HEARTBEAT, clock.ahead() // _PARTS_OF_A_LEAP, int(clock.scale * SECOND) // _A_MACHINE_SECOND)
        return clock.now() + pause

    def _send_beat(self) -> None:
        self.send(self.dialect.heartbeat)
        self._set_beat()

    def _watch_idle(self) -> None:
        if self._idle is None:
            self._idle = self._venue.clock.call_at(self._heard + self._may_idle(), self._look_idle)

    def _may_idle(self) -> int:
        # On a fast clock a minute is over before a client can say its first word: it has a second of the machine.
        return max(IDLE, int(self._venue.clock.scale * SECOND))

    def _look_idle(self) -> None:
        self._idle = None
        if self._beat is not None:
            return
        if self._venue.clock.now() - self._heard < self._may_idle():
            self._watch_idle()
        else:
            reason = f"nobody said a word for {IDLE // SECOND} seconds: closed with {IDLE_CLOSE_CODE}"
            self._journal(Request(self._venue.clock.now(), "close", reason=reason))
            self.close(IDLE_CLOSE_CODE)

    def heard(self) -> None:
        """The client has shown that it lives: with a ping of the protocol's own."""
        self._heard = self._venue.clock.now()

    def end(self) -> None:
        """It is gone: let go of everything."""
        for timer in (self._beat, self._idle):
            if timer is not None:
                timer.cancel()
        self._beat = self._idle = None
        for token in self.tokens:
            self._venue.tokens.release(token, self.number)
        self.tokens.clear()

    def keep_token(self, token: str) -> None:
        """A private subscription was made with it: here it stays good for as long as the connection lasts."""
        self._venue.tokens.use(token, self._venue.clock.now(), self.number)
        self.tokens.add(token)

    def shown(self) -> dict[str, Any]:
        """The connection as `/mock/connections` shows it."""
        return {
            "id": self.id,
            "number": self.number,
            "version": self.door.version,
            "endpoint": self.door.path,
            "remote": self.remote,
            "port": self.port,
            "user_agent": self.user_agent,
            "subscriptions": [subscription.shown for subscription in self.subscriptions.values()],
            "unsent": self.unsent,
        }

    def __str__(self) -> str:
        return f"WebSocket connection {self.number} of {self.remote}:{self.port}"
