"""Asking a server that runs, as the command line does: one call of its control API, or one sentence on why not."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_PATIENCE = 30.0  # seconds without a byte; only a server that stands still takes so long
_LONGEST_ANSWER = 1 << 28  # bytes; the largest journal that a setting allows would be as large


class BadAddress(ValueError):
    """That is not where a server can be, or not what can be sent to one."""


class Unreachable(Exception):
    """No mockkraken answers there, or only to somebody else; the message says what happened instead."""


class Refused(Exception):
    """The server answers that it does not do that, and why."""


class Answer(NamedTuple):
    """What the server says: as it came, and what it means."""

    text: str
    json: Any


def call(
    url: str,
    method: str,
    path: str,
    body: object = None,
    *,
    control_token: str | None = None,
    wants: tuple[str, ...] = (),
) -> Answer:
    """Make a call of the control API. No proxy is used, and no redirection followed.

    Args:
        url: where the server is.
        method: `GET`, ...
        path: from `/mock` on, with its query if it has one, percent-encoded.
        body: sent as JSON; None: nothing is sent.
        control_token: what the server was given by that name.
        wants: the members that the answer must have: only a mockkraken's has them.

    Raises:
        BadAddress: `url` is no HTTP URL, or the token can't stand in a header.
        Unreachable: there is no answer, or none of a mockkraken; or it wants its control token.
        Refused: the server does not do that.
    """
    try:
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadAddress(f"that is not UTF-8, as what is sent must be: {error.object!a}") from error
    status, answer = send(url, method, path, sent, control_token=control_token)
    try:
        text = answer.decode()
        found = json.loads(text)
        if status == 200 and isinstance(found, dict) and all(name in found for name in wants):
            return Answer(text, found)
        refusal = found["error"]["message"] if status != 200 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        refusal = None
    if isinstance(refusal, str):
        raise Refused(refusal)
    raise stranger(url, status)


def send(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    control_token: str | None = None,
    patience: float = _PATIENCE,
    longest: int = _LONGEST_ANSWER,
) -> tuple[int, bytes]:
    """Send a request; the status and the body of the answer, whatever they are.

    Args:
        url: where the server is.
        method: `GET`, ...
        path: from `/mock` on.
        body: JSON.
        control_token: what the server was given by that name.
        patience: seconds that the server may be silent.
        longest: bytes of the answer that are read.

    Raises:
        BadAddress: `url` is no HTTP URL, or the token can't stand in a header.
        Unreachable: there is no answer, or it wants its control token.
    """
    connection, root = _connection(url, patience)
    headers = {"Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if control_token:
        if not (control_token.isascii() and control_token.isprintable() and " " not in control_token):
            raise BadAddress("a control token is one or more printable ASCII characters without blanks")
        headers["Authorization"] = f"Bearer {control_token}"
    try:
        connection.request(method, root + path, body, headers)
        answer = connection.getresponse()
        given = answer.read(longest)
        if answer.length:  # what was announced and did not come
            raise IncompleteRead(given, answer.length)
    except TimeoutError as error:
        raise Unreachable(f"{url}: no answer in {patience:g} seconds") from error
    except ConnectionRefusedError as error:
        raise Unreachable(f"{url}: {error.strerror}; does `mockkraken serve` run there?") from error
    except OSError as error:
        raise Unreachable(f"{url}: {error.strerror or error}") from error
    except HTTPException as error:
        raise Unreachable(f"{url}: no mockkraken answers there") from error
    except UnicodeError as error:
        raise BadAddress(f"{url}: there can be no such host") from error
    finally:
        connection.close()
    if answer.status == 401:
        raise Unreachable(f"{url}: it wants its control token (--control-token, MOCKKRAKEN_CONTROL_TOKEN)")
    return answer.status, given


def stranger(url: str, status: int) -> Unreachable:
    """What there is to say of an answer that is not a mockkraken's."""
    return Unreachable(f"{url}: no mockkraken answers there (HTTP {status})")


def _connection(url: str, patience: float) -> tuple[HTTPConnection, str]:
    """A connection, not opened yet, and the path in front of `/mock`."""
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
    return HTTPConnection(host, port, timeout=patience), parts.path.rstrip("/")
