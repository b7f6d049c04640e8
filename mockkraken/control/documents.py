"""What a sandbox says of itself in a document."""

from __future__ import annotations

from typing import Any

from mockkraken.control.operations import Control


def openapi(_: Control) -> dict[str, Any]:
    """The REST API as OpenAPI 3.1; not to be changed."""
    # Made when it is first asked for: it takes as long as hundreds of requests.
    from mockkraken.rest.openapi import document

    return document()
