"""Version 2 of the API: requests are read, looked at in Kraken's order of checks, and answered.

That order (kraken/50 §4.2): JSON, method, channel, endpoint, unknown fields, missing fields, types, token, symbol, and
then whatever the channel or method itself looks at.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import service
from mockkraken.gate.permissions import ANY_KEY
from mockkraken.ws.admission import admit
from mockkraken.ws.declared import VERBS, Asked, Field, unasked
from mockkraken.ws.doors import elsewhere
from mockkraken.ws.limits import TOO_MANY
from mockkraken.ws.times import micros
from mockkraken.ws.v2 import fields, market, trading, user
from mockkraken.ws.v2.symbols import SHOWN_MAX, pair_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.catalog import Pair
    from mockkraken.exchange import Account
    from mockkraken.ws.connection import Connection, Request
    from mockkraken.ws.declared import Channel, Method
    from mockkraken.ws.venue import Venue

    Verb = Literal["subscribe", "unsubscribe"]
    Handler = Callable[[Connection, dict[str, Any], Request], list[bytes]]

CHANNELS: Final = {channel.name: channel for channel in (*market.CHANNELS, *user.CHANNELS)}
METHODS: Final = {method.name: method for method in trading.METHODS}

SERVICE_VERSION = "2.0.10"  # [obs] kraken/50 §1.1
UNNAMED = "error"
"""The `method` of an answer to what has none [obs of what is no JSON; guess of the others]."""

# [obs] There is no subscribing to the status, and the refusal speaks of a symbol.
STATUS = "status"
UNASKED: Final = unasked(STATUS)

SYMBOLS_MAX = 2000  # ours: each has an answer of its own, and nobody else is served meanwhile

TOKEN = Field("token", "string", required=True)
SYMBOL = Field("symbol", "array", required=True, items="string")
CHANNEL = Field("channel", "string", required=True)

_REQ_IDS = range(2**63)  # [guess] kraken/50 §2.1
# The docs print the last two beside `req_id`; wherever they stand, they are looked at as fields of `params`.
_STRAYS = ("rebased", "users")
_PING_HAS = frozenset(("method", "req_id"))
_REQUEST_HAS = frozenset(("method", "req_id", "params"))
_SUBSCRIPTION_HAS = _REQUEST_HAS | frozenset(_STRAYS)

_encode = msgspec.json.Encoder(order="sorted").encode


class Version2:
    """The dialect of `/v2`.

    Args:
        venue: the sandbox's parts.
    """

    version: Literal[1, 2] = 2
    heartbeat = b'{"channel":"heartbeat"}'

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def greeting(self, connection: Connection) -> bytes:
        return self.status(connection)

    def status(self, connection: Connection) -> bytes:
        system = self._venue.exchange.status
        # Only version 1 has a word for limit_only.
        shown = "online" if system == "limit_only" else system
        return (
            f'{{"channel":"status","type":"update","data":[{{"version":"{SERVICE_VERSION}","system":"{shown}",'
            f'"api_version":"v2","connection_id":{connection.id},"upcoming_maintenance":[],"emergency":[]}}]}}'
        ).encode()

    def answer(self, connection: Connection, message: str | bytes, request: Request) -> list[bytes]:
        name: Any = None
        try:
            sent = fields.message(message)
            name = sent.get("method")
            request.id = _req_id(sent)
            return self._handler(sent)(connection, sent, request)
        except KrakenError as refusal:
            return [self._refused(request, _shown_method(name), refusal)]

    def exceeded(self, message: str | bytes, request: Request) -> bytes:
        name: Any = None
        try:
            sent = fields.message(message)
            name = sent.get("method")
            request.id = _req_id(sent)
        except KrakenError:
            pass
        if isinstance(name, str) and (name in METHODS or name in VERBS):
            request.endpoint = name
        refusal = KrakenError(errors.MESSAGE_RATE_EXCEEDED, TOO_MANY, check="rate")
        return self._refused(request, _shown_method(name), refusal)

    def failed(self, request: Request) -> bytes:
        method = request.endpoint.partition(" ")[0] or UNNAMED
        return self._refused(request, method, KrakenError(errors.INTERNAL_ERROR, "mockkraken failed"))

    # Which request it is

    def _handler(self, sent: dict[str, Any]) -> Handler:
        if "method" not in sent:
            other = "; it looks like version 1, which is at the same path without /v2" if "event" in sent else ""
            raise KrakenError(errors.METHODS_NOT_FOUND, f"method is missing{other}", check="routing")
        name = sent["method"]
        if not isinstance(name, str):
            raise fields.wrong_type("method", "string", name)
        if name == "subscribe":
            return partial(self._subscription, "subscribe")
        if name == "unsubscribe":
            return partial(self._subscription, "unsubscribe")
        if name == "ping":
            return self._ping
        method = METHODS.get(name)
        if method is None:
            raise KrakenError(errors.UNSUPPORTED_EVENT, f"there is no method {name[:40]!r}", check="routing")
        return partial(self._call, method)

    def _ping(self, connection: Connection, sent: dict[str, Any], request: Request) -> list[bytes]:  # noqa: ARG002
        request.endpoint = "ping"
        fields.check_known(sent, _PING_HAS, "ping")
        _check_req_id(sent)
        # Clients take a `success` here for a mistake.
        return [_encode({"method": "pong"} | self._common(request))]

    def _call(self, method: Method, connection: Connection, sent: dict[str, Any], request: Request) -> list[bytes]:
        request.endpoint = method.name
        if "private" not in connection.door.serves:
            reason = elsewhere(method.name, "private", connection.door)
            raise KrakenError(errors.PRIVATE_ELSEWHERE, reason, check="routing")
        kind = method.name.replace("_", " ")
        fields.check_known(sent, _REQUEST_HAS, kind)
        params = fields.read(_params(sent), (TOKEN, *method.fields), kind)
        _check_req_id(sent)
        if method.check is not None:
            method.check(params)
        account = admit(self._venue, connection, params.pop("token"), method.needs, request)
        replies = []
        try:
            for members in method.call(Asked(self._venue, connection, request, params, account)):
                replies.append(self._reply(request, method.name, members))  # noqa: PERF401
        except KrakenError as refusal:
            replies.append(self._refused(request, method.name, refusal))
        return replies

    # Subscriptions

    def _subscription(self, verb: Verb, connection: Connection, sent: dict[str, Any], request: Request) -> list[bytes]:
        request.endpoint = verb
        if verb == "subscribe":
            connection.start_heartbeat()
        params = {name: sent[name] for name in _STRAYS if name in sent} | _params(sent)
        channel = _channel(params)
        request.endpoint = f"{verb} {channel.name}"
        if channel.kind not in connection.door.serves:
            # Which of the two speaks of level3 is [guess]: it takes a token, and ws-auth has it.
            text = errors.PUBLIC_ELSEWHERE if channel.kind == "public" else errors.PRIVATE_ELSEWHERE
            raise KrakenError(text, elsewhere(channel.name, channel.kind, connection.door), check="routing")
        try:
            fields.check_known(sent, _SUBSCRIPTION_HAS, verb)
            asked = fields.read(params, _fields(channel), verb)
            _check_req_id(sent)
            if channel.by_symbol and not asked["symbol"]:
                raise KrakenError(errors.not_found("symbol"), "symbol is an empty array")  # [guess]
            if channel.by_symbol and len(asked["symbol"]) > SYMBOLS_MAX:
                reason = f"there are {len(asked['symbol'])} symbols; it takes {SYMBOLS_MAX}"
                raise KrakenError(errors.MALFORMED_REQUEST, reason, check="body")
        except KrakenError as refusal:
            return [self._refused(request, verb, refusal, **_first_symbol(params))]
        del asked["channel"]
        token, account = asked.pop("token", None), None
        if token is not None:
            try:
                account = self._admit_to(connection, channel, verb, token, request)
            except KrakenError as refusal:
                if refusal.check != "key":
                    raise
                return [self._refused(request, verb, refusal, channel=channel.name, status="error")]
        symbols: list[str | None] = asked.pop("symbol") if channel.by_symbol else [None]
        todo = Asked(self._venue, connection, request, asked, account)
        if verb == "subscribe":
            return self._subscribe(channel, todo, symbols, token)
        return self._unsubscribe(channel, todo, symbols)

    def _subscribe(self, channel: Channel, asked: Asked, symbols: list[str | None], token: str | None) -> list[bytes]:
        replies, snapshots, request = [], [], asked.request
        for symbol in symbols:
            pair = None
            try:
                pair = self._pair(symbol)
                granted = channel.subscribe(asked, pair)
            except KrakenError as refusal:
                replies.append(self._refused(request, "subscribe", refusal, **_symbol(symbol, pair)))
            else:
                replies.append(self._reply(request, "subscribe", {"result": granted.result}))
                snapshots.append(granted.snapshot)
        if token is not None and snapshots:
            asked.connection.keep_token(token)
        return replies + [payload for snapshot in snapshots for payload in snapshot()]

    def _unsubscribe(self, channel: Channel, asked: Asked, symbols: list[str | None]) -> list[bytes]:
        replies, request, connection = [], asked.request, asked.connection
        before = len(connection.subscriptions)
        for symbol in symbols:
            pair = None
            try:
                pair = self._pair(symbol)
                result = channel.unsubscribe(asked, pair)
            except KrakenError as refusal:
                # [obs] Kraken says `subscribe` here.
                method = "subscribe" if refusal.message == errors.SUBSCRIPTION_NOT_FOUND else "unsubscribe"
                replies.append(self._refused(request, method, refusal, **_symbol(symbol, pair)))
            else:
                replies.append(self._reply(request, "unsubscribe", {"result": result}))
        if before and not connection.subscriptions:
            connection.stop_heartbeat()
        return replies

    def _pair(self, symbol: str | None) -> Pair | None:
        return None if symbol is None else pair_named(self._venue.catalog, symbol)

    # Who asks

    def _admit_to(self, connection: Connection, channel: Channel, verb: Verb, token: str, request: Request) -> Account:
        if verb == "unsubscribe":
            # Whoever may no longer hear it may still say that they don't want to [guess].
            return admit(self._venue, connection, token, ANY_KEY, request)
        account = admit(self._venue, connection, token, channel.needs, request)
        service.check_account(account)
        return account

    # Answers: keys are sorted, and each says when it was made

    def _common(self, request: Request) -> dict[str, Any]:
        times = {"time_in": micros(request.time_in), "time_out": micros(self._venue.clock.now())}
        return times if request.id is None else times | {"req_id": request.id}

    def _reply(self, request: Request, method: str, members: dict[str, Any]) -> bytes:
        success = "error" not in members
        return _encode({"method": method, "success": success} | members | self._common(request))

    def _refused(self, request: Request, method: str, refusal: KrakenError, **members: str) -> bytes:
        request.refuse(refusal)
        return self._reply(request, method, {"error": refusal.message} | members)


def _shown_method(name: Any) -> str:
    return name[:SHOWN_MAX] if isinstance(name, str) else UNNAMED


def _req_id(sent: dict[str, Any]) -> int | None:
    """The request's id; None if it has none that an answer could repeat."""
    value = sent.get("req_id")
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _REQ_IDS else None


def _check_req_id(sent: dict[str, Any]) -> None:
    if "req_id" in sent and _req_id(sent) is None:
        raise fields.wrong_type("req_id", "number_integer", sent["req_id"])


def _params(sent: dict[str, Any]) -> dict[str, Any]:
    params = sent.get("params", {})  # [guess] without any, its fields are what is missing
    if not isinstance(params, dict):
        raise fields.wrong_type("params", "object", params)
    return params


def _channel(params: dict[str, Any]) -> Channel:
    if "channel" not in params:
        raise KrakenError(errors.not_found("channel"), "channel is missing", check="routing")
    name = params["channel"]
    if not isinstance(name, str):
        raise fields.wrong_type("channel", "string", name)
    if name == STATUS and "symbol" not in params:
        raise KrakenError(errors.not_found("symbol"), "everybody hears the status, unasked", check="routing")
    channel = CHANNELS.get(name)
    if channel is None:
        reason = f"there is no channel {name[:40]!r}; there are {', '.join(CHANNELS)}"
        raise KrakenError(errors.SUBSCRIPTION_NAME_INVALID, reason, check="routing")
    return channel


def _fields(channel: Channel) -> tuple[Field, ...]:
    """What a subscription may say, and taking it back too: at least one client repeats there what it had asked for."""
    token = () if channel.kind == "public" else (TOKEN,)
    symbol = (SYMBOL,) if channel.by_symbol else ()
    return (CHANNEL, *token, *symbol, *channel.fields)


def _first_symbol(params: dict[str, Any]) -> dict[str, str]:
    """What a refusal of the whole request says of its symbols: the first [guess], if there is one."""
    match params.get("symbol"):
        case [str(symbol), *_]:
            return _symbol(symbol, None)
    return {}


def _symbol(symbol: str | None, pair: Pair | None) -> dict[str, str]:
    if symbol is None:
        return {}
    return {"symbol": symbol[:SHOWN_MAX] if pair is None else pair.display}
