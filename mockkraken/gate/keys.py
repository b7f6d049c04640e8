"""API keys: the record, and the ring that holds a sandbox's keys (kraken/10 §3.1, §3.5)."""

from __future__ import annotations

import base64
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from mockkraken.clock import SECOND
from mockkraken.gate import otp as otps
from mockkraken.gate import permissions
from mockkraken.gate.addresses import Allowlist
from mockkraken.gate.nonce import LARGEST, NonceState
from mockkraken.gate.otp import SecondFactor
from mockkraken.gate.ratelimits import CallCounter
from mockkraken.gate.signature import Signer

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

    from mockkraken.errors import Check

PREFIX = "MOCKKRAKEN"
"""How every generated public key begins, so that nobody takes one for real."""

PUBLIC_KEY_CHARACTERS = 56
SECRET_BYTES = 64

LONGEST_NAME = 32
SIGNATURES = 32  # remembered of each key
_LONGEST_PUBLIC_KEY = 256  # ours: a header's worth


class KeyFieldError(ValueError):
    """A key can't be made or changed so.

    Attributes:
        field: what is wrong: `name`, `api_key`, `permissions`, ...
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Key(msgspec.Struct, kw_only=True, eq=False):
    """One API key. Times are ns; change it through `KeyRing.edit`, which checks what it is given."""

    account: str
    name: str
    api_key: str
    api_secret: str
    signer: Signer
    permissions: frozenset[str]
    nonce: NonceState
    calls: CallCounter = msgspec.field(default_factory=CallCounter)
    """Its REST call counter."""
    allowlist: Allowlist | None = None
    """From where it may be used; None: from everywhere."""
    valid_until: int | None = None
    query_from: int | None = None
    query_to: int | None = None
    otp: SecondFactor | None = None
    """What it asks for besides the signature."""
    disabled: bool = False
    created: int
    modified: int
    last_used: int | None = None
    """When it last authenticated a request: key, signature and nonce were good, whatever came of it."""
    signatures: deque[bytes] = msgspec.field(default_factory=lambda: deque(maxlen=SIGNATURES))
    """Those of its last requests whose nonce was taken: they tell the same bytes sent again from a nonce used twice."""
    refusals: dict[Check, int] = {}
    """How many of its requests each check has refused."""
    generation: int = 0
    """Grows when the key is disabled or deleted; what was derived from it before (WebSocket tokens) is dead."""

    def __repr__(self) -> str:
        return f"<Key {self.name!r} of {self.account!r}>"  # never the secret: this ends up in logs and tracebacks

    @property
    def ip_allowlist(self) -> tuple[str, ...]:
        """The allowed addresses and ranges as given; empty: everywhere."""
        return self.allowlist.entries if self.allowlist else ()

    def expired(self, now: int) -> bool:
        """Whether its last moment has come (kraken/10 §3.5: `validUntil` <= now)."""
        return self.valid_until is not None and self.valid_until <= now

    def count_refusal(self, check: Check) -> None:
        """Add one to the count of what `check` refused."""
        self.refusals[check] = self.refusals.get(check, 0) + 1

    def disable(self) -> None:
        """Take it out of use, with all that was derived from it."""
        self.disabled = True
        self.generation += 1


class KeyRing:
    """The keys of one sandbox.

    Args:
        rng: where generated keys and secrets come from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._by_public: dict[bytes, Key] = {}
        self._by_name: dict[str, Key] = {}
        # The hot path's lookup, by the header's raw bytes.
        self.get: Callable[[bytes], Key | None] = self._by_public.get

    def create(
        self,
        account: str,
        name: str | None = None,
        *,
        now: int,
        api_key: str | None = None,
        api_secret: str | None = None,
        **properties: Any,
    ) -> Key:
        """Make a key.

        Args:
            account: whose it is.
            name: 1 to 32 characters, unique in the sandbox; None: one like Kraken's own, `api-key-1605316109249`.
            now: the time of its making (ns).
            api_key: the public key; None: a generated one.
            api_secret: in base64, of any length; None: a generated one of 64 bytes.
            properties: as `edit` takes them (without `name`); what is not given is unrestricted, but no permission is
                granted.

        Raises:
            KeyFieldError: one of these does not do; nothing was made.
        """
        name = self._default_name(now) if name is None else self._checked_name(name)
        checked = _checked(properties)
        _check_range(checked.get("query_from"), checked.get("query_to"))
        if api_key is not None:
            self._check_public_key(api_key)
        if api_secret is not None:
            _signer(api_secret)
        # All is well, so draw: a refused key must not move the generator.
        self._draw_otp(checked)
        public = api_key or self._generated_public_key()
        secret = api_secret or self._generated_secret()
        key = Key(
            account=account,
            name=name,
            api_key=public,
            api_secret=secret,
            signer=_signer(secret),
            permissions=frozenset(),
            nonce=NonceState(),
            created=now,
            modified=now,
        )
        _apply(key, checked)
        self._by_public[public.encode()] = self._by_name[name] = key
        return key

    def edit(self, key: Key, changes: Mapping[str, Any], *, now: int) -> None:
        """Change a key's properties, all or nothing; key, secret and nonce stay.

        It holds at once [guess] (kraken/10 §2.1, key_change_delay).

        Args:
            key: one of this ring.
            changes: any of `name`, `permissions` (codes), `nonce_window` (0 to 2**64 - 1), `ip_allowlist` (texts;
                empty: everywhere), `valid_until`, `query_from`, `query_to` (ns or None), `disabled`, `otp` (as
                `otp.read` takes it).
            now: the time of the change (ns).

        Raises:
            KeyFieldError: there is no such property, or it does not take that value.
        """
        properties = dict(changes)
        name = properties.pop("name", key.name)
        if name != key.name:
            self._checked_name(name)
        checked = _checked(properties)
        _check_range(checked.get("query_from", key.query_from), checked.get("query_to", key.query_to))
        self._draw_otp(checked)
        _apply(key, checked)
        del self._by_name[key.name]
        key.name = name
        self._by_name[name] = key
        key.modified = now

    def find(self, name_or_key: str) -> Key | None:
        """The key of that name, or with that public key."""
        return self._by_name.get(name_or_key) or self._by_public.get(name_or_key.encode("utf-8", "replace"))

    def delete(self, key: Key) -> None:
        """Take the key away: from now on it is unknown, and what was derived from it is dead."""
        del self._by_public[key.api_key.encode()]
        del self._by_name[key.name]
        key.disable()

    def all(self) -> list[Key]:
        """All keys in the order of their making."""
        return list(self._by_public.values())

    def why_unknown(self, header: bytes) -> str:
        """The reason why no key has this API-Key header. Never quotes it: people send secrets by mistake."""
        # Imported here for the start-up time: it brings ipaddress along.
        from urllib.parse import unquote_to_bytes

        bare = header.strip(b" \t\r\n\"'")
        if bare != header and (key := self.get(bare)):
            return f"API-Key has blanks or quotes around the public key of {key.name!r}; it counts as sent"
        if b"%" in bare and len(bare) <= 3 * _LONGEST_PUBLIC_KEY and (key := self.get(unquote_to_bytes(bare))):
            return f"API-Key is the public key of {key.name!r} percent-encoded; it belongs there raw"
        text = bare.decode("latin-1")
        if text in self._by_name:
            return f"API-Key is the name of the key {text!r}; its public key belongs there"
        for key in self.all():
            if key.api_secret == text:
                return f"API-Key is the secret of {key.name!r}; the public key belongs there"
        what = f"no key has this API-Key of {len(header)} character{'s' if len(header) != 1 else ''}"
        if len(bare) == len(base64.b64encode(bytes(SECRET_BYTES))):
            return f"{what}: the length of a secret; a public key has {PUBLIC_KEY_CHARACTERS}"
        if len(header) != PUBLIC_KEY_CHARACTERS:
            return f"{what}; a generated one has {PUBLIC_KEY_CHARACTERS}"
        if not text.startswith(PREFIX):
            return f"{what}; it does not begin with {PREFIX}: is it a key of the real exchange?"
        return f"{what}; was it deleted, or is it another sandbox's?"

    def _default_name(self, now: int) -> str:
        number = now // (SECOND // 1000)
        while f"api-key-{number}" in self._by_name:
            number += 1
        return f"api-key-{number}"

    def _checked_name(self, name: object) -> str:
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise KeyFieldError("name", f"a key's name has 1 to {LONGEST_NAME} printable characters")
        # Also not another key's public key, since wherever a key is wanted either will do.
        if self.find(name):
            raise KeyFieldError("name", f"there is a key {name!r} already")
        return name

    def _check_public_key(self, public: str) -> None:
        fits = public.isascii() and public.isprintable() and " " not in public
        if not fits or not 1 <= len(public) <= _LONGEST_PUBLIC_KEY:
            raise KeyFieldError("api_key", f"a public key has 1 to {_LONGEST_PUBLIC_KEY} ASCII characters, no blanks")
        if self.find(public):
            raise KeyFieldError("api_key", "there is a key with this public key already")

    def _generated_public_key(self) -> str:
        while True:
            text = base64.b64encode(self._rng.randbytes(42)).decode()
            public = PREFIX + text[len(PREFIX) :]
            if not self.find(public):
                return public

    def _draw_otp(self, checked: dict[str, Any]) -> None:
        factor = checked.get("otp")
        if factor is not None and not factor.secret:
            checked["otp"] = otps.draw(self._rng)

    def _generated_secret(self) -> str:
        return base64.b64encode(self._rng.randbytes(SECRET_BYTES)).decode()


def _signer(secret: str) -> Signer:
    try:
        return Signer(secret)
    except ValueError as error:
        raise KeyFieldError("api_secret", str(error)) from error


def _checked(properties: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for field, value in properties.items():
        if field not in _CHECKS:
            raise KeyFieldError(field, f"a key has no property {field!r}")
        try:
            checked[field] = _CHECKS[field](value)
        except ValueError as error:
            raise KeyFieldError(field, str(error)) from error
    return checked


def _check_range(query_from: int | None, query_to: int | None) -> None:
    if query_from is not None and query_to is not None and query_from > query_to:
        raise KeyFieldError("query_to", "query_to lies before query_from")


def _apply(key: Key, checked: dict[str, Any]) -> None:
    for field, value in checked.items():
        if field == "nonce_window":
            key.nonce.widen(value)
        elif field == "ip_allowlist":
            key.allowlist = value
        elif field == "disabled" and value:
            key.disable()
        else:
            setattr(key, field, value)


def _allowlist(entries: Iterable[str]) -> Allowlist | None:
    listed = tuple(entries)
    return Allowlist(listed) if listed else None


def _window(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise ValueError(f"a nonce window is a whole number from 0 to {LARGEST}")
    return value


def _moment(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("a time is a number of nanoseconds, or none")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "permissions": permissions.parse,
    "nonce_window": _window,
    "ip_allowlist": _allowlist,
    "valid_until": _moment,
    "query_from": _moment,
    "query_to": _moment,
    "otp": otps.read,
    "disabled": bool,
}
