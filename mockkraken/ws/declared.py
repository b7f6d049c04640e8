"""What a channel and a method are: one declaration for reading, permission, answering and the coverage table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from mockkraken.gate.permissions import ANY_KEY, Permission

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.exchange import Account
    from mockkraken.ws.connection import Connection, Request
    from mockkraken.ws.doors import Kind
    from mockkraken.ws.venue import Venue

JsonKind = Literal["string", "number_float", "number_integer", "boolean", "array", "object"]
"""A JSON type, by the name that refusals give it (kraken/50 §4.2)."""


class Field(msgspec.Struct, frozen=True):
    """One member that a message may have.

    `items` is the type of an array's elements, `fields` what an object (or each object of an array) may have.
    """

    name: str
    kind: JsonKind
    required: bool = False
    items: JsonKind | None = None
    fields: tuple[Field, ...] = ()


class Asked(NamedTuple):
    """A request as a channel or a method gets it: read, and past the gate.

    Attributes:
        params: its fields by name, those that were sent; a JSON number is its plain decimal text (a whole number field
            an int), everything else as JSON has it.
        account: whose; None on a public channel.
    """

    venue: Venue
    connection: Connection
    request: Request
    params: dict[str, Any]
    account: Account | None = None

    @property
    def owner(self) -> Account:
        """The account of a private request."""
        assert self.account is not None
        return self.account


class Granted(NamedTuple):
    """A subscription that was made.

    Attributes:
        result: what its acknowledgement says of it.
        snapshot: gives the messages that follow when everything that was asked is acknowledged.
        name: v1's `channelName`.
    """

    result: dict[str, Any]
    snapshot: Callable[[], list[bytes]]
    name: str = ""


class Channel(msgspec.Struct, frozen=True):
    """One channel of one version.

    Attributes:
        name: as subscriptions name it.
        kind: where it is served.
        summary: in one line, what it tells.
        subscribe: makes a subscription, on a pair if it is `by_symbol`; raises what refuses it.
        unsubscribe: takes it back; what the acknowledgement says; raises `SUBSCRIPTION_NOT_FOUND`.
        fields: what a subscription may say besides the channel's name and the token.
        by_symbol: whether it is of one pair.
        needs: what the token's key must be allowed to.
    """

    name: str
    kind: Kind
    summary: str
    subscribe: Callable[[Asked, Pair | None], Granted]
    unsubscribe: Callable[[Asked, Pair | None], dict[str, Any]]
    fields: tuple[Field, ...] = ()
    by_symbol: bool = False
    needs: Permission = ANY_KEY


class Method(msgspec.Struct, frozen=True):
    """One trading method of one version.

    Attributes:
        name: as requests name it.
        summary: in one line, what it does.
        call: does it; the members of each reply beside those that all have, `{"result": …}` at least in v2. Raises what
            refuses it whole.
        needs: what the token's key must be allowed to.
        fields: what a request may say besides the token.
        check: looks for what only some requests must say; raises what refuses them, before the token is looked at.
    """

    name: str
    summary: str
    call: Callable[[Asked], Iterable[dict[str, Any]]]
    needs: Permission
    fields: tuple[Field, ...] = ()
    check: Callable[[dict[str, Any]], None] | None = None


VERBS = {
    "subscribe": "Hear a channel",
    "unsubscribe": "Hear it no more",
    "ping": "Answered with a pong",
}
"""What both versions take besides what is declared, and what it does."""


def unasked(status: str) -> dict[str, str]:
    """What both versions tell without being asked, and what it is; `status`: how the version calls the first."""
    return {
        status: "What the exchange as a whole is doing: as a greeting, and when it changes",
        "heartbeat": "Each second, from the first subscription on",
    }
