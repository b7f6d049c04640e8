"""Which URL serves what: where Kraken has hosts, this server has paths (kraken/50 §1, kraken/60 §1)."""

from __future__ import annotations

from typing import Literal, NamedTuple

LEVEL3_ON_AUTH = True  # [guess] kraken/50 §1, level3_on_auth: older clients ask ws-auth for it

Kind = Literal["public", "private", "level3"]
"""What a channel or method belongs to; trading is `private`. Pings and the status are everywhere."""


class Door(NamedTuple):
    """One entrance: the version that is spoken behind it, and what is served there.

    `name` is how `/mock/connections` calls it.
    """

    name: str
    version: Literal[1, 2]
    serves: frozenset[Kind]


_ALL: frozenset[Kind] = frozenset(("public", "private", "level3"))
_PUBLIC: frozenset[Kind] = frozenset(("public",))
_AUTH: frozenset[Kind] = frozenset(("private", "level3") if LEVEL3_ON_AUTH else ("private",))
_LEVEL3: frozenset[Kind] = frozenset(("level3",))

_PATHS = {
    "/v2": Door("v2", 2, _ALL),
    "/ws/v2": Door("ws/v2", 2, _PUBLIC),
    "/ws-auth/v2": Door("ws-auth/v2", 2, _AUTH),
    "/ws-l3/v2": Door("ws-l3/v2", 2, _LEVEL3),
    "": Door("v1", 1, _ALL),
    "/ws": Door("ws", 1, _PUBLIC),
    "/ws-auth": Door("ws-auth", 1, _AUTH),
}
_HOSTS = {f"{beta}{host}.kraken.com": f"/{host}" for host in ("ws", "ws-auth", "ws-l3") for beta in ("", "beta-")}

PATHS = tuple(path or "/" for path in _PATHS)
"""The paths that take WebSocket upgrades."""


def door(host: str, path: str) -> Door | None:
    """The entrance behind a URL; None: there is none.

    Args:
        host: the Host header; where it is one of Kraken's, it decides, as it does there.
        path: with or without a slash at its end.
    """
    path = path.rstrip("/")
    prefix = _HOSTS.get(host.lower().partition(":")[0])
    if prefix is None:
        return _PATHS.get(path)
    return _PATHS.get(prefix + path) if path in ("", "/v2") else None
