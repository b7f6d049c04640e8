"""Asking a server whether it works, quickly: this is what a container's health check runs."""

from __future__ import annotations

import json

from mockkraken.remote import send, stranger

_PATIENCE = 3.0  # seconds
_LONGEST_ANSWER = 65_536  # bytes


def ask(url: str, control_token: str | None = None) -> str:
    """The version of the server at `url`, which works. No proxy is used.

    Raises:
        BadAddress: `url` is no HTTP URL, or the token can't stand in a header.
        Unreachable: there is no answer within 3 seconds, or not that of a mockkraken that works.
    """
    status, body = send(
        url, "GET", "/mock/health", control_token=control_token, patience=_PATIENCE, longest=_LONGEST_ANSWER
    )
    try:
        health = json.loads(body)
        if status == 200 and health["status"] == "ok":
            return str(health["version"])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise stranger(url, status)
