"""An offline, simulated Kraken API server.

The public names are resolved on first use (PEP 562), so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken.version import __version__

if TYPE_CHECKING:
    from mockkraken.control.errors import ControlError
    from mockkraken.errors import KrakenError
    from mockkraken.sandbox import Sandbox
    from mockkraken.server import MockKraken

__all__ = ["ControlError", "KrakenError", "MockKraken", "Sandbox", "__version__"]

_HOMES = {"ControlError": "control.errors", "KrakenError": "errors", "MockKraken": "server", "Sandbox": "sandbox"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
