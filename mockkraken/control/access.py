"""Who is let in: lockouts and WebSocket tokens. Operations of `Control`, in a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken import decimals
from mockkraken.clock import LATEST, rfc3339
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import invalid, unknown
from mockkraken.control.values import span

if TYPE_CHECKING:
    from mockkraken.control.operations import Control
    from mockkraken.gate.keys import Key
    from mockkraken.gate.lockouts import Lock


def lockouts(control: Control) -> dict[str, Any]:
    """The lockouts in force, oldest first."""
    sandbox = control.sandbox
    active = sandbox.venue.gate.lockouts.active(sandbox.clock.now())
    return {"lockouts": [_row(control, lock) for lock in active]}


def lock_out(control: Control, body: object) -> dict[str, Any]:
    """Lock a key, an address, or a key at an address out for a while; or let everybody in again."""
    given = read(bodies.Lockout, body)
    sandbox = control.sandbox
    gate, now = sandbox.venue.gate, sandbox.clock.now()
    if given.clear is not None:
        if given.clear is not True or given.key is not None or given.ip is not None:
            raise invalid("clear", "clear takes true, and lets everybody in: name no key and no ip beside it")
        gate.lockouts.clear()
        return lockouts(control)
    if given.key is None and given.ip is None:
        raise invalid("key", "a lockout names a key, an ip, or both; or give clear")
    header = None if given.key is None else _key(control, given.key).api_key.encode()
    remote = None if given.ip is None else _address(given.ip)
    length = span("seconds", sandbox.settings.lockout_seconds if given.seconds is None else given.seconds)
    if not 0 < length <= LATEST - now:
        raise invalid("seconds", "a lockout lasts some time above zero, and ends before the year 2200")
    gate.lockouts.start(remote, header, length, now)
    return lockouts(control)


def expire_tokens(control: Control, body: object) -> dict[str, Any]:
    """End the WebSocket tokens of one key, or all."""
    given = read(bodies.TokenExpiry, body)
    sandbox = control.sandbox
    key = None if given.key is None else _key(control, given.key)
    ended = sandbox.tokens.expire(sandbox.clock.now(), key)
    return {"expired": [{"key": key.name, "api_key": key.api_key, "count": count} for key, count in ended.items()]}


def _key(control: Control, name_or_key: str) -> Key:
    key = control.sandbox.keys.find(name_or_key)
    if key is None:
        raise unknown("key", f"there is no key {name_or_key!r}")
    return key


def _address(text: str) -> str:
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(text)
    except ValueError as error:
        raise invalid("ip", f"not an IP address: {text[:60]!r}") from error
    # As the server shows its senders: an IPv4 one at a socket for both versions is ::ffff:a.b.c.d.
    return str((address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address)


def _row(control: Control, lock: Lock) -> dict[str, Any]:
    # A header that is no key's is not shown: people send secrets by mistake.
    key = None if lock.header is None else control.sandbox.keys.get(lock.header)
    return {
        "key": key.name if key else None,
        "api_key": key.api_key if key else None,
        "unknown_key": key is None and lock.header is not None,
        "ip": lock.remote,
        "until": rfc3339(lock.until),
        "seconds": decimals.shortest(lock.span, 9),
    }
