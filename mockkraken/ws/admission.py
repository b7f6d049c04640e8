"""The gate of a socket: who a token stands for, and whether its key may do that (kraken/10 §3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.exchange import Account
    from mockkraken.gate.permissions import Permission
    from mockkraken.ws.connection import Connection, Request
    from mockkraken.ws.venue import Venue


def admit(venue: Venue, connection: Connection, token: str, needs: Permission, request: Request) -> Account:
    """The account that a request on a connection acts for.

    What a token may do is what its key may do when it is used [guess].

    Raises:
        KrakenError: the token is none, too old, or its key is gone or lacks a permission.
    """
    request.key = venue.tokens.owner(token)
    key = venue.tokens.key(token, venue.clock.now(), connection.number)
    if not needs.allows(key.permissions):
        raise KrakenError(errors.PERMISSION_DENIED, needs.why_not(key.permissions), check="permission")
    return venue.exchange.accounts[key.account]
