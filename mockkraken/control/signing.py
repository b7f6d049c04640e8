"""The signature that a private call must carry, and each step to it, for whoever debugs a signer of their own."""

from __future__ import annotations

from typing import Any

from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import invalid, unknown
from mockkraken.control.operations import Control
from mockkraken.gate import nonce as nonces
from mockkraken.gate.signature import message, signed_path
from mockkraken.rest.body import Undecodable, read_body


def signature(control: Control, body: object) -> dict[str, Any]:
    """Sign a private call as the gate expects it; no nonce is used up."""
    given = read(bodies.Signed, body)
    key = control.sandbox.keys.find(given.api_key)
    if key is None:
        raise unknown("api_key", f"there is no key {given.api_key!r}")
    path = _path(given.path)
    sent = _bytes("body", given.body or "")
    nonce = _nonce(sent, _bytes("content_type", given.content_type or ""))
    signed = message(path, nonce, sent)
    return {
        "api_sign": key.signer.signature(path, nonce, sent).decode(),
        "nonce": nonce,
        "sha256_hex": signed.removeprefix(path).hex(),
        "path": path.decode(),
        "message_hex": signed.hex(),
    }


def _path(text: str) -> bytes:
    """What is signed of a path or a whole URL."""
    if not text.isascii():
        raise invalid("path", "a path is ASCII, everything else in it is escaped: %C3%A9")
    path, _, query = text.encode().partition(b"?")
    path = signed_path(path, query)
    if not path.startswith(b"/0/"):
        raise invalid("path", f"what is signed starts with /0/, as in /0/private/Balance; this is {text[:60]!r}")
    return path


def _nonce(body: bytes, content_type: bytes) -> str:
    """The nonce in a body, as it was sent."""
    try:
        nonce = read_body(body, content_type).get("nonce")
    except Undecodable as error:
        raise invalid("body", str(error)) from error
    if nonce is None:
        raise invalid("body", 'there is no nonce in the body: a form has nonce=1, a JSON object has {"nonce": 1}')
    if nonces.parse(nonce) is None:
        raise invalid("body", nonces.explain_unreadable(nonce).reason)
    return nonce


def _bytes(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise invalid(field, f"{field} is no text: it has half a surrogate pair") from error
