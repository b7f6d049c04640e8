"""Where the server listens: a socket at an address that may be listened at."""

from __future__ import annotations

import socket
import sys
from errno import EADDRINUSE

BACKLOG = 2048
"""How many connections may wait to be accepted."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class BindError(OSError):
    """The server can't listen at that address."""


def listen(host: str, port: int, *, anywhere: bool) -> socket.socket:
    """A socket that accepts connections; at an address beyond loopback only if it may be `anywhere`."""
    if not host:
        raise BindError("can't listen on no address")  # the system would take it for all of them
    if not 0 <= port <= 65535:
        raise BindError(f"can't listen on {host}:{port}: a port is 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise BindError(f"can't listen on {host}:{port}: {_why(error)}") from error
    try:
        # Windows means something else by it: that two servers may share a port.
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if not anywhere and not is_loopback(sock.getsockname()[0]):
            raise BindError(
                f"listening on {host} lets others in: that takes a control token for /mock "
                "(control_token, --control-token, MOCKKRAKEN_CONTROL_TOKEN)"
            )
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if isinstance(error, BindError):
            raise
        hint = "; port 0 takes a free one" if error.errno == EADDRINUSE else ""
        raise BindError(f"can't listen on {host}:{port}: {_why(error)}{hint}") from error
    return sock


def is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith(("127.", "::ffff:127."))


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def shown_address(sock: socket.socket) -> str:
    """Where clients of this machine find the server."""
    host, port = sock.getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
