"""WebSocket tokens: what GetWebSocketsToken gives and the private channels take (kraken/10 §3.4, kraken/30 §6.5)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from mockkraken import errors
from mockkraken.clock import SECOND
from mockkraken.errors import KrakenError
from mockkraken.gate.keys import Key
from mockkraken.ids import Ids

if TYPE_CHECKING:
    import random

STALE_TOKEN_ERROR = errors.INVALID_SESSION  # [obs] kraken/10 §3.4, ws_stale_token_error
LIFETIME = 900
"""Seconds within which a token must be used first; the answer's `expires`."""


_TOKENS = 100_000  # ours: on a clock that stands still none runs out, and they must not fill the memory


class _Grant(msgspec.Struct):
    key: Key
    generation: int
    until: int
    users: set[int] = msgspec.field(default_factory=set)
    ended: bool = False

    def lives(self, now: int, connection: int | None) -> bool:
        """Whether it is good, on that connection; None: on any that uses it."""
        # [guess] kraken/10 §3.4: a token dies with its key, also when that is disabled or runs out.
        if self.ended or self.generation != self.key.generation or self.key.expired(now):
            return False
        return now < self.until or (bool(self.users) if connection is None else connection in self.users)


class Tokens:
    """The tokens of one sandbox that can still be used.

    Args:
        rng: where their texts come from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._draw = Ids(rng).token
        self._grants: dict[str, _Grant] = {}  # oldest first, so also the first to run out

    def issue(self, key: Key, now: int) -> str:
        """A new token of the key: 43 characters."""
        self._prune(now)
        token = self._draw()
        self._grants[token] = _Grant(key, key.generation, now + LIFETIME * SECOND)
        return token

    def use(self, token: str, now: int, connection: int) -> Key | None:
        """As `lookup`, and on that connection the token stays good until it is released."""
        key = self.lookup(token, now, connection)
        if key is not None:
            self._grants[token].users.add(connection)
        return key

    def release(self, token: str, connection: int) -> None:
        """A connection that used it is gone; one that has been expired meanwhile is nobody's any more."""
        grant = self._grants.get(token)
        if grant is not None:
            grant.users.discard(connection)

    def lookup(self, token: str, now: int, connection: int | None = None) -> Key | None:
        """The key that a token stands for; None when it is unknown, too old, or its key is gone.

        Args:
            token: what was issued.
            now: the time (ns).
            connection: the number of the one that brings it, on which it may have been used in time; None: any.
        """
        grant = self._grants.get(token)
        return grant.key if grant is not None and grant.lives(now, connection) else None

    def owner(self, token: str) -> Key | None:
        """Whose token it is or was, as long as that is remembered."""
        grant = self._grants.get(token)
        return None if grant is None else grant.key

    def key(self, token: str, now: int, connection: int) -> Key:
        """As `lookup`, for a request on a connection that brings this token.

        Raises:
            KrakenError: the token is none, too old, or its key is gone.
        """
        key = self.lookup(token, now, connection)
        if key is None:
            raise KrakenError(STALE_TOKEN_ERROR, self._why_not(token, now), check="key")
        key.last_used = now
        return key

    def _why_not(self, token: str, now: int) -> str:
        grant = self._grants.get(token)
        if grant is None:
            return "there is no such token: GetWebSocketsToken gives one"
        if grant.ended:
            return "the token was ended before its time"
        if grant.generation != grant.key.generation or grant.key.expired(now):
            return f"the token's key {grant.key.name!r} is no longer in use"
        return f"the token was to be used within {LIFETIME} seconds, and this connection has not"

    def expire(self, now: int, key: Key | None = None) -> dict[Key, int]:
        """End the tokens of one key, or all; how many of each key were alive."""
        ended: dict[Key, int] = {}
        for grant in self._grants.values():
            if key is None or grant.key is key:
                if grant.lives(now, None):
                    ended[grant.key] = ended.get(grant.key, 0) + 1
                grant.ended = True
        return ended

    def _prune(self, now: int) -> None:
        for token, grant in list(itertools.takewhile(lambda item: item[1].until <= now, self._grants.items())):
            if not grant.lives(now, None):
                del self._grants[token]
        if len(self._grants) >= _TOKENS:
            del self._grants[next(iter(self._grants))]
