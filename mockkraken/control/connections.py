"""The sockets of a sandbox: who is connected, and how a test cuts them off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken.control.errors import unknown

if TYPE_CHECKING:
    from mockkraken.control.operations import Control


def connections(control: Control) -> dict[str, Any]:
    """The sockets that are open, each with what it has subscribed to."""
    return {"connections": control.sandbox.connections()}


def disconnect_all(control: Control) -> dict[str, Any]:
    """Close all of them with 1001, as Kraken's proxy does when it restarts; what they subscribed to ends."""
    return {"closed": control.sandbox.disconnect()}


def disconnect(control: Control, number: str) -> dict[str, Any]:
    """Close one, by its number."""
    closed = control.sandbox.disconnect(int(number)) if number.isdecimal() and len(number) < 19 else 0
    if not closed:
        raise unknown("number", f"there is no connection {number[:40]!r}")
    return {"closed": closed}
