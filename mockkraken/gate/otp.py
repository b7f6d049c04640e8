"""The second factor of a key: a time-based code from an app, or a fixed password (kraken/10 §1.7)."""

from __future__ import annotations

import base64
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    import random

STEP = 30  # seconds that a code is good for (RFC 6238)
SECRET_BYTES = 20  # of a generated secret: 32 characters

_LONGEST_PASSWORD = 256

Kind = Literal["totp", "password"]


class SecondFactor(msgspec.Struct, frozen=True):
    """What a key asks for besides the signature. `secret`: the password, or what the app counts with, in base32."""

    kind: Kind
    secret: str

    def __repr__(self) -> str:
        return f"<SecondFactor {self.kind}>"  # never the secret: this ends up in logs and tracebacks

    def accepts(self, code: str, now: int, *, previous: bool) -> bool:
        """Whether this is the password, or the code of this moment.

        Args:
            code: as sent.
            now: the sandbox's time, ns.
            previous: whether the code of the 30 seconds before passes too (setting `otp_previous_step`).
        """
        given = code.encode()
        return any(compare_digest(given, right.encode()) for right in self._codes(now // SECOND, previous))

    def _codes(self, seconds: int, previous: bool) -> list[str]:
        if self.kind == "password":
            return [self.secret]
        from pyotp import TOTP  # few keys have a second factor

        moments = [seconds, seconds - STEP] if previous and seconds >= STEP else [seconds]
        return [TOTP(self.secret, interval=STEP).at(moment) for moment in moments]


def read(value: Any) -> SecondFactor | None:
    """The second factor that a key is to have.

    Args:
        value: None; `"totp"`, whose secret is empty till it is drawn; `{"totp": BASE32}`; or `{"password": TEXT}`.

    Raises:
        ValueError: it is none of these.
    """
    if value is None:
        return None
    if value == "totp":
        return SecondFactor("totp", "")
    if isinstance(value, dict) and len(value) == 1:
        ((kind, secret),) = value.items()
        if kind == "password" and isinstance(secret, str) and 1 <= len(secret) <= _LONGEST_PASSWORD:
            secret.encode()  # half a surrogate pair is no text
            return SecondFactor("password", secret)
        if kind == "totp" and isinstance(secret, str):
            return SecondFactor("totp", _base32(secret))
    raise ValueError('a second factor is null, "totp", {"totp": BASE32} or {"password": TEXT of 1 to 256 characters}')


def draw(rng: random.Random) -> SecondFactor:
    """A time-based factor with a secret of its own."""
    return SecondFactor("totp", base64.b32encode(rng.randbytes(SECRET_BYTES)).decode())


def _base32(secret: str) -> str:
    text = secret.replace(" ", "").upper().rstrip("=")
    try:
        if not base64.b32decode(text + "=" * (-len(text) % 8)):
            raise ValueError
    except ValueError as error:
        raise ValueError("the secret of a time-based factor is base32: letters and the digits 2 to 7") from error
    return text
