"""Version 1 of the WebSocket API: how a message is taken and what comes back (kraken/60 §1, §5).

Every answer is a flat object with `event`, its members in alphabetical order. What a method gives are the members of
its reply besides `event`, `reqid` and `status`; the status is `error` if there is an `errorMessage` among them, else
`ok`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import service
from mockkraken.ws.admission import admit
from mockkraken.ws.declared import VERBS, Asked, Field, unasked
from mockkraken.ws.doors import elsewhere
from mockkraken.ws.limits import TOO_MANY
from mockkraken.ws.v1 import fields
from mockkraken.ws.v1.subscriptions import Demand
from mockkraken.ws.v1.trading import METHODS

if TYPE_CHECKING:
    from mockkraken.ws.connection import Connection, Request
    from mockkraken.ws.declared import Method
    from mockkraken.ws.venue import Venue

API_VERSION = "1.9.1"  # [obs 2023] kraken/60 §1.1

_METHODS = {method.name: method for method in METHODS}
UNASKED = unasked("systemStatus")

_SUBSCRIPTIONS = ("subscribe", "unsubscribe")
_TOKEN = Field("token", "string", required=True)
_CAPITAL = re.compile(r"[A-Z]")

_encode = msgspec.json.Encoder(order="sorted").encode


class Version1:
    """Speaks version 1.

    Args:
        venue: the sandbox's parts.
    """

    version: Literal[1, 2] = 1
    heartbeat = b'{"event":"heartbeat"}'

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def greeting(self, connection: Connection) -> bytes:
        """What the exchange as a whole is doing, and the number of the connection: only here [doc]."""
        return _encode({"connectionID": connection.id, **self._status()})

    def status(self, _connection: Connection) -> bytes:
        """What the exchange as a whole is doing, when that changes."""
        return _encode(self._status())

    def _status(self) -> dict[str, Any]:
        return {"event": "systemStatus", "status": self._venue.exchange.status, "version": API_VERSION}

    def answer(self, connection: Connection, message: str | bytes, request: Request) -> list[bytes]:
        """Do what a message asks for: replies, then snapshots."""
        try:
            members = fields.decode(message)
            event = _head(members, request)
            if event in _SUBSCRIPTIONS:
                return Demand(self._venue, connection, members, request).answers()
            if event == "ping":
                fields.refuse_unknown(("event", "reqid"), members, event)
                return [_encode({"event": "pong", **_reqid(request)})]
        except KrakenError as refusal:
            request.refuse(refusal)
            return [_error(refusal, request)]
        return self._trade(_METHODS[event], connection, members, request)

    def exceeded(self, message: str | bytes, request: Request) -> bytes:
        """The answer to one message too many: of the two forms that are known, the documented one, for all events."""
        with suppress(KrakenError):  # what else is wrong with it remains unsaid
            _head(fields.decode(message), request)
        refusal = KrakenError(errors.MESSAGE_RATE_EXCEEDED, TOO_MANY, check="rate")
        request.refuse(refusal)
        return _error(refusal, request)

    def failed(self, request: Request) -> bytes:
        """The answer when we have a bug."""
        return _error(KrakenError(errors.INTERNAL_ERROR), request)

    def _trade(self, method: Method, connection: Connection, members: dict[str, Any], request: Request) -> list[bytes]:
        status = f"{method.name}Status"

        def refused(refusal: KrakenError, **more: Any) -> bytes:
            request.refuse(refusal)
            shown = {"errorMessage": refusal.message, "event": status, "status": "error"}
            return _encode({**shown, **_reqid(request), **more})

        try:
            asked = self._asked(method, connection, members, request)
        except KrakenError as refusal:
            # What is refused before it reaches the exchange names the pair; the rest does not [obs].
            pair = members.get("pair")
            return [refused(refusal, **({"pair": pair} if isinstance(pair, str) else {}))]
        replies = []
        try:
            for row in method.call(asked):
                state = "error" if "errorMessage" in row else "ok"
                replies.append(_encode({"event": status, "status": state, **_reqid(request), **row}))
        except KrakenError as refusal:
            replies.append(refused(refusal))
        return replies

    def _asked(self, method: Method, connection: Connection, members: dict[str, Any], request: Request) -> Asked:
        if "private" not in connection.door.serves:
            reason = elsewhere(method.name, "private", connection.door)
            raise KrakenError(errors.PRIVATE_ELSEWHERE, reason, check="routing")
        kind = _CAPITAL.sub(lambda found: f" {found[0].lower()}", method.name)
        fields.refuse_unknown(("event", "reqid", "token", *(field.name for field in method.fields)), members, kind)
        fields.refuse_missing((_TOKEN, *method.fields), members)
        params = fields.read_present(method.fields, members)
        token = fields.read_token(members["token"])
        venue = self._venue
        account = admit(venue, connection, token, method.needs, request)
        service.check_account(account)
        if "pair" in params:
            fields.read_pair(venue.catalog, params["pair"])  # What is none is refused here, with its name.
        return Asked(venue, connection, request, params, account)


def _head(members: dict[str, Any], request: Request) -> str:
    """The event that a message is; its `reqid` is in the request then.

    Raises:
        KrakenError: it is none that there is.
    """
    reqid = members.get("reqid")
    if type(reqid) is int:
        request.id = reqid
    elif "reqid" in members:
        # [guess] any whole number is repeated (kraken/60 §2), and nothing else is one.
        raise KrakenError(errors.MALFORMED_REQUEST, "reqid is no whole number")
    event = members.get("event")
    if "event" not in members:
        other = "; it looks like version 2, whose path ends in /v2" if "method" in members else ""
        raise KrakenError(errors.EVENTS_NOT_FOUND, f"event is missing{other}", check="routing")
    if not isinstance(event, str):
        raise KrakenError(errors.MALFORMED_REQUEST, "event is no text", check="routing")
    if event not in _METHODS and event not in VERBS:
        # [guess] the text of version 2
        raise KrakenError(errors.UNSUPPORTED_EVENT, f"there is no event {event[:40]!r}", check="routing")
    request.endpoint = event
    return event


def _reqid(request: Request) -> dict[str, int]:
    return {} if request.id is None else {"reqid": request.id}


def _error(refusal: KrakenError, request: Request) -> bytes:
    return _encode({"errorMessage": refusal.message, "event": "error", **_reqid(request)})
