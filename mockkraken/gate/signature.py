"""API-Sign: base64(HMAC-SHA512(secret, path + SHA256(nonce + body))), over the bytes as sent (kraken/10 §1.4)."""

from __future__ import annotations

import base64
import hmac
from binascii import b2a_base64
from hashlib import sha256, sha512

SIGNATURE_BYTES = 64
SIGNATURE_CHARACTERS = 88
"""Length of every API-Sign: its bytes in padded base64."""


class Signer:
    """A secret made ready: what HMAC-SHA512 computes from the key alone is computed once.

    Args:
        secret: the secret in base64, of any length.

    Raises:
        ValueError: the secret is not base64, or empty.
    """

    __slots__ = ("_keyed",)

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(decode_secret(secret), digestmod=sha512)

    def signature(self, path: bytes, nonce: str, body: bytes) -> bytes:
        """The API-Sign that a request must carry.

        Args:
            path: as `signed_path` gives it.
            nonce: its text as sent, leading zeros included.
            body: the raw body.
        """
        mac = self._keyed.copy()
        mac.update(message(path, nonce, body))
        return b2a_base64(mac.digest(), newline=False)


def message(path: bytes, nonce: str, body: bytes) -> bytes:
    """What the HMAC covers: the path, then the SHA-256 of nonce and body; arguments as of `Signer.signature`.

    The body counts as sent, also when it has a `+` (kraken/10 §1.4, plus_sign_breaks_signature: for some years Kraken's
    did not).
    """
    return path + sha256(nonce.encode() + body).digest()


def sign(secret: str, path: str, nonce: str, body: bytes) -> str:
    """The API-Sign of a request, as a client computes it.

    Args:
        secret: the secret in base64.
        path: from `/0/` on, with `?query` when there is one.
        nonce: its text as in the body.
        body: the raw body.

    Raises:
        ValueError: as `Signer`.
    """
    signed = message(path.encode(), nonce, body)
    return base64.b64encode(hmac.digest(decode_secret(secret), signed, "sha512")).decode()


def decode_secret(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: it is not padded standard base64, or empty.
    """
    try:
        key = base64.b64decode(secret, validate=True)
    except ValueError as error:
        raise ValueError("the secret is not base64") from error
    if not key:
        raise ValueError("the secret is empty")
    return key


def signed_path(path: bytes, query: bytes) -> bytes:
    """What of a request's target is signed: the raw path from `/0/private/` on, and `?query` when there is one.

    What stands before (`/sandbox/NAME`, a proxy's prefix) is unknown to the signer.
    """
    start = path.find(b"/0/private/")
    if start > 0:
        path = path[start:]
    return path + b"?" + query if query else path


def malformation(api_sign: bytes) -> str | None:
    """What makes a header impossible as an API-Sign, whatever the secret; None for a well-formed one."""
    if len(api_sign) != SIGNATURE_CHARACTERS:
        hint = ": hexadecimal instead of base64" if len(api_sign) == 128 and _is_hexadecimal(api_sign) else ""
        return f"API-Sign has {len(api_sign)} characters, a signature has {SIGNATURE_CHARACTERS}{hint}"
    try:
        size = len(base64.b64decode(api_sign, validate=True))
    except ValueError:
        return "API-Sign is not base64"
    return None if size == SIGNATURE_BYTES else f"API-Sign decodes to {size} bytes, a signature has {SIGNATURE_BYTES}"


def _is_hexadecimal(text: bytes) -> bool:
    return not text.translate(None, b"0123456789abcdefABCDEF")
