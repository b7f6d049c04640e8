"""Version 1's `subscribe` and `unsubscribe`: one `subscriptionStatus` for each pair that is named (kraken/60 §2).

What a channel's `Granted.result`, and its `unsubscribe`, give is the `subscription` of the acknowledgement. A refusal
repeats the one that was sent, with the token in it [obs]; the journal never sees that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import service
from mockkraken.ws.admission import admit
from mockkraken.ws.declared import Asked
from mockkraken.ws.doors import elsewhere
from mockkraken.ws.v1 import fields, market, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.catalog import Pair
    from mockkraken.exchange import Account
    from mockkraken.ws.connection import Connection, Request
    from mockkraken.ws.declared import Channel, Field
    from mockkraken.ws.venue import Venue

CHANNELS: tuple[Channel, ...] = (*market.CHANNELS, *user.CHANNELS)
EVERYTHING = "*"
"""The `name` that means all channels of a host; where there are both kinds, a `pair` means the public ones [ours]."""

# Ours, so that a small message never asks for a huge answer: each pair has one, which repeats all but the other pairs.
PAIRS_MAX = 2000
REPEATED_MAX = 1024  # bytes

_BY_NAME = {channel.name: channel for channel in CHANNELS}
_MEMBERS = ("event", "reqid", "pair", "subscription")
_INTEGERS = {"depth": errors.DEPTH_NOT_AN_INTEGER, "interval": errors.INTERVAL_NOT_AN_INTEGER}

_encode = msgspec.json.Encoder(order="sorted").encode


class Demand:
    """One subscribe or unsubscribe while it is answered."""

    def __init__(self, venue: Venue, connection: Connection, members: dict[str, Any], request: Request) -> None:
        self._venue = venue
        self._connection = connection
        self._members = members
        self._request = request
        self._answers: list[bytes] = []
        self._snapshots: list[Callable[[], list[bytes]]] = []

    def answers(self) -> list[bytes]:
        """Do it.

        Returns:
            One answer for each pair in the order of the request, then the snapshots.

        Raises:
            KrakenError: it is too large to be answered pair by pair.
        """
        subscribing = self._members["event"] == "subscribe"
        if subscribing:
            self._connection.start_heartbeat()
        _refuse_large(self._members)
        had = len(self._connection.subscriptions)
        try:
            if subscribing:
                self._subscribe()
            elif "channelID" in self._members:
                self._unsubscribe_number()
            else:
                self._unsubscribe()
        except KrakenError as refusal:
            for pair in _named(self._members):
                self._refuse(refusal, pair)
        if had and not self._connection.subscriptions:
            self._connection.stop_heartbeat()
        return self._answers + [payload for snapshot in self._snapshots for payload in snapshot()]

    def _subscribe(self) -> None:
        channels = self._channels()
        pairs = self._pairs(channels)
        params = self._params(channels)
        token = self._token(required=True) if channels[0].kind == "private" else None
        for name in pairs:
            try:
                pair = self._pair(name)
            except KrakenError as refusal:
                self._refuse(refusal, name)
                continue
            for channel in channels:
                try:
                    account = None if token is None else self._account(token, channel)
                    asked = Asked(self._venue, self._connection, self._request, params, account)
                    granted = channel.subscribe(asked, pair)
                except KrakenError as refusal:
                    self._refuse(refusal, name)
                else:
                    if token is not None:
                        self._connection.keep_token(token)
                    self._acknowledge("subscribed", granted.result, pair)
                    self._snapshots.append(granted.snapshot)

    def _unsubscribe(self) -> None:
        channels = self._channels()
        pairs = self._pairs(channels)
        params = self._params(channels)
        if channels[0].kind == "private":
            # Whose the subscription is, the connection knows: any token will do, and none [ours].
            self._token(required=False)
        everything = self._members["subscription"]["name"] == EVERYTHING
        for name in pairs:
            try:
                pair = self._pair(name)
                if everything:
                    self._unsubscribe_all(channels, pair)
                else:
                    self._end(channels[0], params, pair)
            except KrakenError as refusal:
                self._refuse(refusal, name)

    def _unsubscribe_all(self, channels: tuple[Channel, ...], pair: Pair | None) -> None:
        """What there is of these channels on the pair, with whatever option."""
        found = [
            (channel, params)
            for channel, pair_id, params in self._held()
            if channel in channels and pair_id == (pair.id if pair else None)
        ]
        if not found:
            raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, "the connection has subscribed to none of it")
        for channel, params in found:
            self._end(channel, params, pair)

    def _unsubscribe_number(self) -> None:
        """By channelID; what the message says besides does not count [ours]."""
        members = self._members
        fields.refuse_unknown((*_MEMBERS, "channelID"), members, members["event"])
        number = members["channelID"]
        if type(number) is not int:
            raise KrakenError(errors.must_be("channelID", "number_integer"), "channelID is no whole number")
        for channel, pair_id, params in self._held():
            name = market.channel_name({"name": channel.name, **params})
            if pair_id is not None and market.channel_id(name, pair_id) == number:
                self._request.endpoint = f"unsubscribe {channel.name}"
                self._end(channel, params, self._venue.catalog.pair(pair_id))
                return
        raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, f"the connection has nothing of channelID {number}")

    def _held(self) -> list[tuple[Channel, str | None, dict[str, Any]]]:
        """What the connection has subscribed to: channel, pair id, options."""
        held: list[tuple[Channel, str | None, dict[str, Any]]] = []
        for key, subscription in self._connection.subscriptions.items():
            public = market.subscribed(key)
            if public is None:
                held.append((_BY_NAME[subscription.shown["channel"]], None, {}))
            else:
                name, pair_id, params = public
                held.append((_BY_NAME[name], pair_id, params))
        return held

    def _end(self, channel: Channel, params: dict[str, Any], pair: Pair | None) -> None:
        described = channel.unsubscribe(Asked(self._venue, self._connection, self._request, params), pair)
        self._acknowledge("unsubscribed", described, pair)

    # Reading

    def _channels(self) -> tuple[Channel, ...]:
        members, serves = self._members, self._connection.door.serves
        event = members["event"]
        fields.refuse_unknown(_MEMBERS, members, event)
        subscription = members.get("subscription")
        if "subscription" not in members:
            raise fields.missing("subscription")
        if not isinstance(subscription, dict):
            raise KrakenError(errors.SUBSCRIPTION_NOT_AN_OBJECT, "subscription is no object")
        name = subscription.get("name")
        if name == EVERYTHING:
            public = "public" in serves and ("private" not in serves or "pair" in members)
            chosen = tuple(channel for channel in CHANNELS if (channel.kind == "public") == public)
        elif isinstance(name, str) and name in _BY_NAME:
            chosen = (_BY_NAME[name],)
        else:
            raise KrakenError(errors.SUBSCRIPTION_NAME_INVALID, f"there are {', '.join(_BY_NAME)} and {EVERYTHING}")
        self._request.endpoint = f"{event} {name}"
        if chosen[0].kind not in serves:
            kind = chosen[0].kind
            text = errors.PRIVATE_ELSEWHERE if kind == "private" else errors.PUBLIC_ELSEWHERE
            raise KrakenError(text, elsewhere(name, kind, self._connection.door), check="routing")
        return chosen

    def _pairs(self, channels: tuple[Channel, ...]) -> list[Any]:
        """What is to be answered one by one: the names of pairs, unread; UNSET for channels that have none."""
        self._refuse_options(channels)
        members = self._members
        pairs = members.get("pair")
        if channels[0].kind == "private":
            if "pair" in members:
                raise KrakenError(errors.PAIR_UNSUPPORTED, "private channels have no pair")
            return [msgspec.UNSET]
        if "pair" not in members or pairs == []:
            raise KrakenError(errors.PAIRS_NOT_FOUND, "pair is missing, or has none")
        if not isinstance(pairs, list):
            raise KrakenError(errors.PAIR_NOT_AN_ARRAY, "pair is no array")
        return pairs

    def _refuse_options(self, channels: tuple[Channel, ...]) -> None:
        known = {"name", *_options(channels)}
        if channels[0].kind == "private":
            known.add("token")
        for option in self._members["subscription"]:
            if option not in known:
                reason = f"{option[:40]!r} is none of {', '.join(sorted(known))}"
                raise KrakenError(errors.SUBSCRIPTION_FIELD_UNSUPPORTED, reason)

    def _params(self, channels: tuple[Channel, ...]) -> dict[str, Any]:
        subscription = self._members["subscription"]
        return {
            name: _read_option(field, subscription[name])
            for name, field in _options(channels).items()
            if name in subscription
        }

    def _token(self, *, required: bool) -> str | None:
        subscription = self._members["subscription"]
        if "token" not in subscription:
            if required:
                raise fields.missing("token")
            return None
        token = fields.read_token(subscription["token"])
        self._request.key = self._venue.tokens.owner(token)
        return token

    def _account(self, token: str, channel: Channel) -> Account:
        account = admit(self._venue, self._connection, token, channel.needs, self._request)
        service.check_account(account)
        return account

    def _pair(self, name: Any) -> Pair | None:
        return None if name is msgspec.UNSET else fields.read_pair(self._venue.catalog, name)

    # Answering

    def _acknowledge(self, status: str, described: dict[str, Any], pair: Pair | None) -> None:
        name = market.channel_name(described)
        shown: dict[str, Any] = {"channelName": name, "status": status, "subscription": described}
        if pair is not None:
            shown |= {"channelID": market.channel_id(name, pair.id), "pair": pair.wsname}
        self._answer(shown)

    def _refuse(self, refusal: KrakenError, pair: Any) -> None:
        self._request.refuse(refusal)
        shown: dict[str, Any] = {"errorMessage": refusal.message, "status": "error"}
        if pair is not msgspec.UNSET:
            shown["pair"] = pair
        if "subscription" in self._members:
            shown["subscription"] = self._members["subscription"]
        self._answer(shown)

    def _answer(self, shown: dict[str, Any]) -> None:
        shown["event"] = "subscriptionStatus"
        if self._request.id is not None:
            shown["reqid"] = self._request.id
        self._answers.append(_encode(shown))


def _options(channels: tuple[Channel, ...]) -> dict[str, Field]:
    return {field.name: field for channel in channels for field in channel.fields}


def _read_option(field: Field, value: Any) -> Any:
    """An option's value: here whole numbers must be numbers.

    Raises:
        KrakenError: it is of another type.
    """
    if field.name == "interval" and value is None:
        raise KrakenError(errors.INTERVAL_REQUIRED, "interval is null")
    if field.name in _INTEGERS and type(value) is not int:
        raise KrakenError(_INTEGERS[field.name], f"{field.name} is {fields.shown_value(value)}")
    return fields.read_value(field, value)


def _named(members: dict[str, Any]) -> list[Any]:
    """For what a request that is refused whole has its answers: each pair that it names, or once [guess]."""
    pairs = members.get("pair")
    if isinstance(pairs, list) and pairs:
        return pairs
    return [pairs if isinstance(pairs, str) else msgspec.UNSET]


def _refuse_large(members: dict[str, Any]) -> None:
    pairs = members.get("pair")
    if isinstance(pairs, list):
        if len(pairs) > PAIRS_MAX:
            raise KrakenError(errors.MALFORMED_REQUEST, f"there are {len(pairs)} pairs; it takes {PAIRS_MAX}")
        members = {name: value for name, value in members.items() if name != "pair"}
    if len(_encode(members)) > REPEATED_MAX:
        reason = f"all but the pairs is longer than {REPEATED_MAX} bytes, and to be repeated with each"
        raise KrakenError(errors.MALFORMED_REQUEST, reason)
