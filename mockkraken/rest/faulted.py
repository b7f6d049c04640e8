"""Requests that do not go straight through: those that a fault strikes, and those that count how many come at once.

The first hook of a fault stands before the gate: what it takes there never counts, not even its nonce. The second
stands after the handler: the request took effect and is in the journal, and then its answer is late, wrong or lost.
Between the two nothing awaits, here as on the straight way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.exchange.exchange import CANCELS_MAX
from mockkraken.exchange.trading_limits import pairs_of
from mockkraken.faults import pages
from mockkraken.faults.actions import Delay, Empty, Error, Hang, Html, Reorder, Reset, Truncate
from mockkraken.faults.faults import Request
from mockkraken.gate import nonce as nonces
from mockkraken.gate.gate import Credentials
from mockkraken.gate.signature import signed_path
from mockkraken.journal.requests import TOOK_EFFECT
from mockkraken.rest import edge
from mockkraken.rest.body import Undecodable, read_body, read_query
from mockkraken.rest.call import failure, respond
from mockkraken.rest.edge import Answer
from mockkraken.rest.routes import ROUTES

if TYPE_CHECKING:
    from mockkraken.faults.actions import Action
    from mockkraken.faults.faults import Fault
    from mockkraken.rest.app import RestApp
    from mockkraken.rest.body import Fields
    from mockkraken.rest.call import Call, Receive, Scope, Send
    from mockkraken.rest.endpoint import Venue

PATIENCE = 2.0
"""Seconds of the machine's that a request waits to be reordered with others, who may never come. A client that waits
can't be told to move the sandbox's clock; and its own patience, which is ten seconds or more, must not end first."""

CUT_SHORT = failure(errors.UNAVAILABLE)
"""What is truncated when there is no right answer, since the request never reached the gate."""

NOTHING = Answer(0, b"", b"")
"""No answer; the journal shows its status, 0."""

_log = logging.getLogger("mockkraken")
_LAST_WORDS = 1.0  # seconds in which a connection that was cut must have noticed
_RST = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger for no time


async def serve(app: RestApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Answer one request, or don't, as the faults and the throttle have it."""
    venue, client = app.venue, _Client(scope, receive)
    fault: Fault | None = None
    try:
        try:
            venue.clock.run_due()
            fault = venue.faults.strike(_request(venue, scope, body)) if venue.faults.active else None
            answer = await _answer(app, venue, scope, body, fault, client)
        except Exception:
            # As on the straight way: into the log, and to the client as an error that it knows.
            _log.exception("%s %s failed", scope["method"], _path(scope))
            answer = failure(errors.INTERNAL_ERROR)
        if answer is None or app.venue is not venue:
            await client.cut_off()
        elif answer is NOTHING:
            await client.cut_off(reset=fault is not None and isinstance(fault.action, Reset))
        else:
            await respond(send, answer)
    finally:
        client.forget()


async def _answer(
    app: RestApp, venue: Venue, scope: Scope, body: bytes, fault: Fault | None, client: _Client
) -> Answer | None:
    """What goes back; None: nothing, since the request or its answer was dropped."""
    if fault is None:
        return await _through_the_gate(app, venue, scope, body, None, client)
    if fault.holds_request:
        kept = await client.held(venue, fault, _nonce(scope, body), PATIENCE)
        if not kept or app.venue is not venue:
            return None
    elif not fault.applied:
        return await _after(venue, fault, client, app.keep_out(scope, body, partial(_instead, fault, venue)))
    return await _through_the_gate(app, venue, scope, body, fault, client)


async def _through_the_gate(
    app: RestApp, venue: Venue, scope: Scope, body: bytes, fault: Fault | None, client: _Client
) -> Answer | None:
    """What goes back once the request was applied; None: nothing, since it was dropped."""
    throttle = venue.gate.throttle
    header = _api_key(scope) if throttle.on and scope["path"].startswith("/0/private/") else None
    entered = header is not None and throttle.enter(header)
    try:
        if header is not None:
            await asyncio.sleep(0)  # Those that came together come in before the first of them goes out.
            if app.venue is not venue:
                return None
        spoil = None if fault is None else partial(_spoilt, fault, client)
        answer = app.answer(scope, body, crowded=header is not None and not entered, spoil=spoil)
        return answer if fault is None else await _after(venue, fault, client, answer)
    finally:
        if entered and header is not None:
            throttle.leave(header)


async def _after(venue: Venue, fault: Fault, client: _Client, answer: Answer) -> Answer | None:
    """The answer, when its time has come; None: it was dropped, or nobody waits for it any more."""
    if fault.holds_answer and not await client.answer_held(venue, fault):
        return None
    return answer


# What goes back, and what the journal says of it


def _instead(fault: Fault, venue: Venue, call: Call) -> Answer:
    """What a request gets that never reaches the gate."""
    endpoint = ROUTES.get(call.path)
    private = call.path.startswith(b"/0/private/")
    call.endpoint = endpoint.name if endpoint else ""
    call.fault, call.lost = fault.id, True
    if private:
        headers, fields = call.headers, _fields(call.method, call.query, call.body, call.headers.content_type)
        call.credentials = Credentials(
            signed_path(call.path, call.query),
            call.body,
            fields,
            headers.api_key,
            headers.api_sign,
            call.remote,
            key=venue.faults.keys.get(headers.api_key) if headers.api_key is not None else None,
            nonce=nonces.shown(fields.get("nonce")),
        )
    kept_out = "it never reached the gate, so its nonce does not count" if private else "it never reached the exchange"
    call.reason = f"fault {fault.id}: {fault.said}; {kept_out}"
    if isinstance(fault.action, Error):
        call.error = fault.action.text
    return _sent(fault.action, CUT_SHORT)


def _spoilt(fault: Fault, client: _Client, call: Call, answer: Answer) -> Answer:
    """What goes back for a request that came through, after all that would have come back without the fault."""
    call.fault = fault.id
    if isinstance(fault.action, (Delay, Reorder)) and not client.gone:
        return answer
    call.lost = True
    what = f"it was refused with {call.error or f'HTTP {answer.status}'}" if call.refused else TOOK_EFFECT
    more = f"; {call.reason}" if call.reason else ""
    if client.gone:
        call.reason = f"fault {fault.id}: {what}, when its client had gone already ({fault.said}){more}"
        return NOTHING
    call.reason = f"fault {fault.id}: {what}, then its answer was lost ({fault.said}){more}"
    if isinstance(fault.action, Error):
        call.error = fault.action.text
    return _sent(fault.action, answer)


def _sent(action: Action, right: Answer) -> Answer:
    """What is sent where `right` should have been."""
    match action:
        case Error(text):
            return failure(text)
        case Html(status):
            return Answer(status, pages.CONTENT_TYPE, pages.page(status))
        case Truncate(size):
            return right._replace(body=right.body[: min(size, max(len(right.body) - 1, 0))])
        case Empty():
            return Answer(200, edge.JSON, b"")
        case Hang() | Reset():
            return NOTHING
    return right


# What a fault may ask about a request


def _request(venue: Venue, scope: Scope, body: bytes) -> Request:
    # Read once, however many faults ask for them: a body may be long.
    return Request(_path(scope), _api_key(scope), cache(partial(_pairs, venue, scope, body)))


def _path(scope: Scope) -> str:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.decode("latin-1")


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for found, value in scope["headers"] if found == name), None)


def _api_key(scope: Scope) -> bytes | None:
    return _header(scope, b"api-key")


def _fields(method: str, query: bytes, body: bytes, content_type: bytes) -> Fields:
    """What is readable of a request's fields."""
    if method == "GET":
        return read_query(query)
    try:
        return read_body(body, content_type)
    except Undecodable:
        return {}


def _fields_of(scope: Scope, body: bytes) -> Fields:
    content_type = _header(scope, b"content-type") or b""
    return _fields(scope["method"], scope["query_string"], body, content_type)


def _nonce(scope: Scope, body: bytes) -> int:
    """The nonce of a request; -1 when it has none that can be read."""
    nonce = nonces.parse(_fields_of(scope, body).get("nonce"))
    return -1 if nonce is None else nonce


def _pairs(venue: Venue, scope: Scope, body: bytes) -> set[str]:
    """The ids of the pairs that a request is about: those that it names, and those of the orders that it names."""
    fields = _fields_of(scope, body)
    tokenized = fields.get("asset_class") == "tokenized_asset"
    named = (venue.catalog.trading_pair(name, tokenized=tokenized) for name in _listed(fields, "pair"))
    pairs = {pair.id for pair in named if pair is not None}
    header = _api_key(scope)
    key = None if header is None else venue.faults.keys.get(header)
    if key is not None:
        orders = _listed(fields, "txid", "order_id", "orders")
        account = venue.exchange.accounts[key.account]
        pairs |= pairs_of(account, orders, _listed(fields, "cl_ord_id", "cl_ord_ids"))
    return pairs


def _listed(fields: Fields, *names: str) -> list[str]:
    """The parts of fields that may be comma lists."""
    texts = [part for name in names if name in fields for part in fields[name].split(",", CANCELS_MAX)]
    return [text.strip() for text in texts]


class _Client:
    """The connection that a request came on, and whoever waits at its other end."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._leaving: asyncio.Task[None] | None = None

    @property
    def gone(self) -> bool:
        """Whether it has been seen to hang up."""
        return self._leaving is not None and self._leaving.done()

    async def held(self, venue: Venue, fault: Fault, nonce: int, patience: float) -> bool:
        """Hold the request; whether it goes on then. That its client hangs up does not call it back.

        Args:
            venue: whose fault it is.
            fault: what holds it.
            nonce: the request's, -1 when it has none.
            patience: seconds that a request to be reordered waits for others.
        """
        self._watch()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bool] = loop.create_future()
        # Not at once: of those that are let go together, this one may not be the first.
        hold = venue.faults.hold(fault, lambda kept: loop.call_soon(_set, ended, kept), nonce)
        late = loop.call_later(patience, venue.faults.release, fault) if isinstance(fault.action, Reorder) else None
        try:
            return await ended
        finally:
            if late is not None:
                late.cancel()
            venue.faults.forget(hold)

    async def answer_held(self, venue: Venue, fault: Fault) -> bool:
        """Hold the answer; whether there is somebody who it may be sent to then."""
        gone = self._watch()
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        hold = venue.faults.hold(fault, partial(_set, ended))
        try:
            await asyncio.wait((ended, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            venue.faults.forget(hold)
        return ended.done() and ended.result()

    async def cut_off(self, *, reset: bool = False) -> None:
        """Close the connection without another word, or with `reset` by a TCP RST.

        Raises:
            ConnectionResetError: there is no connection: the caller has called the application itself.
        """
        transport: asyncio.Transport | None = self._scope.get("state", {}).get("transport")
        if transport is None:
            raise ConnectionResetError("a fault has cut this connection")
        sock = transport.get_extra_info("socket")
        if reset and sock is not None and not transport.is_closing():
            with suppress(OSError):  # The client was faster.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        transport.abort()
        # The server takes it for a failure of ours unless it knows that the connection has gone.
        await asyncio.wait((self._watch(),), timeout=_LAST_WORDS)

    def forget(self) -> None:
        """The request has been answered."""
        if self._leaving is not None:
            self._leaving.cancel()

    def _watch(self) -> asyncio.Task[None]:
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._until_gone())
        return self._leaving

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _set(ended: asyncio.Future[bool], kept: bool) -> None:
    if not ended.done():
        ended.set_result(kept)
