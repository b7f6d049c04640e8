"""Asking a server whether it works, quickly: this is what a container's health check runs."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_PATIENCE = 3.0  # seconds
_LONGEST_ANSWER = 65_536  # bytes


class BadAddress(ValueError):
    """That is not where a server can be, or not what can be sent to one."""


class Unhealthy(Exception):
    """No mockkraken answered that it works; the message says what happened instead."""


def ask(url: str, control_token: str | None = None) -> str:
    """The version of the server at `url`, which works. No proxy is used.

    Raises:
        BadAddress: `url` is no HTTP URL, or the token can't stand in a header.
        Unhealthy: there is no answer within 3 seconds, or not that of a mockkraken that works.
    """
    connection, path = _connection(url)
    headers = {"Connection": "close"}
    if control_token:
        if not (control_token.isascii() and control_token.isprintable() and " " not in control_token):
            raise BadAddress("a control token is one or more printable ASCII characters without blanks")
        headers["Authorization"] = f"Bearer {control_token}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(_LONGEST_ANSWER)
    except TimeoutError as error:
        raise Unhealthy(f"{url}: no answer in {_PATIENCE:g} seconds") from error
    except OSError as error:
        raise Unhealthy(f"{url}: {error.strerror or error}") from error
    except HTTPException as error:
        raise Unhealthy(f"{url}: no mockkraken answers there") from error
    except UnicodeError as error:
        raise BadAddress(f"{url}: there can be no such host") from error
    finally:
        connection.close()
    if answer.status == 401:
        raise Unhealthy(f"{url}: it wants its control token (--control-token, MOCKKRAKEN_CONTROL_TOKEN)")
    return _version(url, answer.status, body)


def _connection(url: str) -> tuple[HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress(f"a server's URL looks like http://127.0.0.1:8123: {error}") from error
    extra = parts.query or parts.fragment or "@" in parts.netloc
    # What urlsplit drops and http.client refuses: blanks and control characters.
    if parts.scheme != "http" or not host or extra or not (url.isascii() and url.isprintable() and " " not in url):
        # It may hold a password.
        given = "" if "@" in url else f", not {url[:200]!r}"
        raise BadAddress(f"a server's URL looks like http://127.0.0.1:8123{given}")
    return HTTPConnection(host, port, timeout=_PATIENCE), parts.path.rstrip("/") + "/mock/health"


def _version(url: str, status: int, body: bytes) -> str:
    try:
        health = json.loads(body)
        if status == 200 and health["status"] == "ok":
            return str(health["version"])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Unhealthy(f"{url}: no mockkraken answers there (HTTP {status})")
