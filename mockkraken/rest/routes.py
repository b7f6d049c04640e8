"""Every endpoint of the REST API, and where it is called."""

from __future__ import annotations

from mockkraken.rest import account, positions, public, trading
from mockkraken.rest.endpoint import Private, Public

ENDPOINTS: tuple[Public | Private, ...] = (
    *public.ENDPOINTS,
    *account.ENDPOINTS,
    *positions.ENDPOINTS,
    *trading.ENDPOINTS,
)


def path_of(endpoint: Public | Private) -> str:
    """Where an endpoint is called: `/0/public/Time`."""
    return f"/0/{'public' if isinstance(endpoint, Public) else 'private'}/{endpoint.name}"


ROUTES = {path_of(endpoint).encode(): endpoint for endpoint in ENDPOINTS}
