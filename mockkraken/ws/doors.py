"""Which URL serves what: where Kraken has hosts, this server has paths (kraken/50 §1, kraken/60 §1)."""

from __future__ import annotations

from typing import Literal, NamedTuple

LEVEL3_ON_AUTH = True  # [guess] kraken/50 §1, level3_on_auth: older clients ask ws-auth for it

Kind = Literal["public", "private", "level3"]
"""What a channel or method belongs to; trading is `private`. Pings and the status are everywhere."""


class Door(NamedTuple):
    """One entrance: its path, the version that is spoken behind it, and what is served there."""

    path: str
    version: Literal[1, 2]
    serves: frozenset[Kind]


_ALL: frozenset[Kind] = frozenset(("public", "private", "level3"))
_PUBLIC: frozenset[Kind] = frozenset(("public",))
_AUTH: frozenset[Kind] = frozenset(("private", "level3") if LEVEL3_ON_AUTH else ("private",))
_LEVEL3: frozenset[Kind] = frozenset(("level3",))

_DOORS = (
    Door("/v2", 2, _ALL),
    Door("/ws/v2", 2, _PUBLIC),
    Door("/ws-auth/v2", 2, _AUTH),
    Door("/ws-l3/v2", 2, _LEVEL3),
    Door("/", 1, _ALL),
    Door("/ws", 1, _PUBLIC),
    Door("/ws-auth", 1, _AUTH),
)
_BY_PATH = {door.path.rstrip("/"): door for door in _DOORS}
_HOSTS = {f"{beta}{host}.kraken.com": f"/{host}" for host in ("ws", "ws-auth", "ws-l3") for beta in ("", "beta-")}

PATHS = tuple(door.path for door in _DOORS)
"""The paths that take WebSocket upgrades."""


def elsewhere(what: str, kind: Kind, here: Door) -> str:
    """The reason why something is not served at an entrance, and where it is."""
    there = [other.path for other in _DOORS if other.version == here.version and kind in other.serves]
    return f"{what} is not served at {here.path}, but at {', '.join(there)}"


def door(host: str, path: str) -> Door | None:
    """The entrance behind a URL; None: there is none.

    Args:
        host: the Host header; where it is one of Kraken's, it decides, as it does there.
        path: with or without a slash at its end.
    """
    path = path.rstrip("/")
    prefix = _HOSTS.get(host.lower().partition(":")[0])
    if prefix is None:
        return _BY_PATH.get(path)
    return _BY_PATH.get(prefix + path) if path in ("", "/v2") else None
