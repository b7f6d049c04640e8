"""The signature doctor: which known mistake gives exactly the API-Sign that came (kraken/10 §1.5, §1.8).

Nothing is guessed. Each mistake is made here on purpose, and named only when it gives the signature to the last bit.
Two of them together are found where they go together often: an undecoded secret, or a signature in another form, with
any other. The work is bounded, since anybody can send wrong signatures.
"""

from __future__ import annotations

import base64
import hmac
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from mockkraken.gate.signature import SIGNATURE_BYTES, SIGNATURE_CHARACTERS, message
from mockkraken.gate.signed_otherwise import Request, Slip, messages, utf8
from mockkraken.journal.mistakes import SIGNATURE_MISTAKES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mockkraken.gate.keys import Key

HMACS_MAX = 200
"""How many signatures are made for one refusal, at most."""

_LONGEST_HEADER = 1024  # bytes: of API-Sign, Host and API-Nonce
_MOST_KEYS = 40  # other keys whose secrets are tried

_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]*")


class Mistake(NamedTuple):
    """What a client did wrong when it signed.

    Attributes:
        scenario: its id, `S01`; title and cure stand in `journal.mistakes` as well.
        sentence: to be put behind the reason of the refusal, after a colon or semicolon; no secret is in it.
        cure: what the client must do instead.
    """

    scenario: str
    sentence: str
    cure: str


class _Trial(NamedTuple):
    """A signature that a client with these slips would make."""

    slips: tuple[Slip, ...]
    secret: bytes
    message: bytes

    def __repr__(self) -> str:
        return f"<_Trial {self.slips}>"  # never the secret


def diagnose(
    *,
    key: Key,
    keys: Iterable[Key],
    path: bytes,
    nonce: str,
    body: bytes,
    fields: Mapping[str, str],
    api_sign: bytes,
    target: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Mistake | None:
    """The known mistake that reproduces a refused API-Sign; None when none does. Never raises.

    To be asked when the signature does not fit, also when `signature.malformation` says that it can't be one: hex
    output and the like are mistakes too. Takes some milliseconds at most.

    Args:
        key: the one that API-Key names.
        keys: all keys of the sandbox, in case the secret is another's; `KeyRing.all()`.
        path: the signed path with its query, as `signature.signed_path` gives it.
        nonce: as sent; the gate has read it.
        body: the raw body.
        fields: as `rest.body.read_body` reads them from the body.
        api_sign: the header, raw.
        target: the path as received, when that may be longer than the signed one (`/sandbox/NAME/0/private/...`).
        headers: as ASGI gives them (`scope["headers"]`); Host and API-Nonce are looked at.
    """
    received = _received(api_sign)
    if received is None:
        return None
    digest, form = received
    host, header_nonce = _headers(headers)
    request = Request(path, utf8(nonce), body, fields, target, host, header_nonce, key.nonce.highest)
    algorithm = "sha512" if len(digest) == SIGNATURE_BYTES else "sha256"
    for slips, secret, signed in islice(_trials(request, key, keys), HMACS_MAX):
        if hmac.digest(secret, signed, algorithm) == digest:
            if algorithm == "sha256":
                slips = (*slips, Slip("S11", "the HMAC uses SHA-256 instead of SHA-512"))
            return _mistake(slips, form)
    return None


def diagnose_unknown(
    *, api_key: bytes, keys: Iterable[Key], path: bytes, nonce: str | None, body: bytes, api_sign: bytes | None
) -> Mistake | None:
    """S07 when an API-Key header that no key has is the secret of one; None otherwise. Never raises.

    The sentence says what the signature was made with. It goes behind what `KeyRing.why_unknown` says.

    Args:
        api_key: the header, raw.
        keys: all keys of the sandbox.
        path: the signed path with its query.
        nonce: as sent; None when there is none.
        body: the raw body.
        api_sign: the header, raw; None when there is none.
    """
    text = api_key.strip(b" \t\r\n\"'")
    key = next((key for key in keys if key.api_secret.encode() == text), None)
    if key is None:
        return None
    sentence = "key and secret are mixed up"
    received = None if api_sign is None else _received(api_sign)
    if received is not None and nonce is not None:
        signed = message(path, utf8(nonce).decode(), body)
        public = key.api_key.encode()
        if received[0] in (hmac.digest(secret, signed, "sha512") for secret in (public, _decoded(public)) if secret):
            sentence = "it was signed with the public key: the two are swapped"
        elif received[0] == hmac.digest(_decoded(text), signed, "sha512"):
            sentence = "it was signed with the secret, as it should be: only API-Key is wrong"
    return Mistake("S07", sentence, SIGNATURE_MISTAKES["S07"].cure)


def _mistake(slips: tuple[Slip, ...], form: str | None) -> Mistake:
    # The right signature in another form is one mistake; a wrong one in another form is named by what made it wrong.
    scenario = slips[0].scenario if slips else "S10"
    if not slips:
        sentence = f"it is the right signature, but {form}"
    else:
        sentence = "it is what comes out when " + " and ".join(slip.clause for slip in slips)
        if form:
            sentence += f", and it is {form}"
    return Mistake(scenario, sentence, SIGNATURE_MISTAKES[scenario].cure)


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    host = nonce = b""
    for name, value in headers:
        if name == b"host":
            host = value[:_LONGEST_HEADER]
        elif name == b"api-nonce":
            nonce = value[:_LONGEST_HEADER]
    return host, nonce


# What came: the bytes of a signature, in whatever form.


def _received(api_sign: bytes) -> tuple[bytes, str | None] | None:
    """The 64 (or 32) bytes that an API-Sign stands for, and how its form differs from padded base64."""
    if len(api_sign) > _LONGEST_HEADER:
        return None
    text, forms = api_sign, []
    if (bare := text.removeprefix(b"b").strip(b"\"'")) != text and text[-1:] in b"\"'":
        text, form = bare, "in quotes" if text[:1] != b"b" else "written as Python shows bytes, b'...'"
        forms.append(form)
    if b"%" in text:
        text = unquote_to_bytes(text)
        forms.append("percent-encoded")
    if len(text) in (64, 128) and _HEXADECIMAL.fullmatch(text):
        return bytes.fromhex(text.decode()), "in hexadecimal, not in base64"
    blanks, text = text, text.strip().replace(b" ", b"+")
    if len(text) == SIGNATURE_CHARACTERS - 1 and text.endswith(b"=="):
        text = b"+" + text  # A blank in front of a header's value gets lost on the way.
    if b"+" in text and text != blanks.strip():
        forms.append("with blanks where a + belongs")
    if b"-" in text or b"_" in text:
        text = text.translate(bytes.maketrans(b"-_", b"+/"))
        forms.append("in URL-safe base64")
    if len(text) % 4 and not text.endswith(b"="):
        text += b"=" * (-len(text) % 4)
        forms.append("without its padding")
    digest = _strictly_decoded(text)
    if len(digest) in (64, 128) and _HEXADECIMAL.fullmatch(digest):
        digest = bytes.fromhex(digest.decode())
        forms.append("the base64 of a hexadecimal text, not of the bytes")
    elif len(digest) == 88:
        digest = _strictly_decoded(digest)
        forms.append("encoded in base64 twice")
    return (digest, " and ".join(forms) or None) if len(digest) in (64, 32) else None


# What may have been signed, with which secret.


def _trials(request: Request, key: Key, keys: Iterable[Key]) -> Iterator[_Trial]:
    text = key.api_secret.encode()
    secret = _decoded(text)
    right = message(request.path, request.nonce.decode(), request.body)
    yield _Trial((), secret, right)  # for an API-Sign in another form
    for slip, wrong in _secrets(key):
        yield _Trial((slip,), wrong, right)
    wrongly_signed = list(_distinct(messages(request), right))
    for slip, wrong in wrongly_signed:
        yield _Trial((slip,), secret, wrong)
    for other in islice((other for other in keys if other is not key), _MOST_KEYS):
        slip = Slip("S09", f"the secret of the key {other.name!r} is used instead of that of {key.name!r}")
        yield _Trial((slip,), _decoded(other.api_secret.encode()), right)
    swapped = Slip("S11", "key and message of the HMAC are exchanged")
    yield _Trial((swapped,), right, secret)
    yield _Trial((swapped,), right, text)
    undecoded = Slip("S01", "the secret is used as text, not base64-decoded,")
    for slip, wrong in wrongly_signed:
        yield _Trial((undecoded, slip), text, wrong)


def _secrets(key: Key) -> Iterator[tuple[Slip, bytes]]:
    """What is used as the key of the HMAC in place of the decoded secret."""
    text, public = key.api_secret.encode(), key.api_key.encode()
    secret = _decoded(text)
    yield Slip("S01", "the secret is used as text, not base64-decoded"), text
    as_text = Slip("S01", "the secret is decoded, but then made a text instead of left as bytes")
    yield as_text, secret.decode("utf-8", "replace").encode()
    yield as_text, secret.decode("latin-1").encode()
    yield Slip("S01", "the secret is base64-encoded once more, not decoded"), base64.b64encode(text)
    yield Slip("S01", "the secret is used as UTF-16 text, not base64-decoded"), text.decode().encode("utf-16-le")
    for around in (b"%b\n", b"%b\r\n", b"%b ", b" %b", b'"%b"', b"'%b'", b'"%b"\n', b"'%b'\n"):
        what = "quotes" if b'"' in around or b"'" in around else "a newline" if b"\n" in around else "a blank"
        yield Slip("S08", f"the secret is used as text with {what} around it, not base64-decoded"), around % text
    yield Slip("S08", "a newline follows the secret's bytes"), secret + b"\n"
    wrong = Slip("S07", "the public key is used where the secret belongs")
    yield wrong, public
    if decoded := _decoded(public):
        yield wrong, decoded


def _distinct(messages: Iterable[tuple[Slip, bytes]], right: bytes) -> Iterator[tuple[Slip, bytes]]:
    """Each message once, under the first slip that leads to it; what slips leave right is no slip."""
    seen = {right}
    for slip, signed in messages:
        if signed not in seen:
            seen.add(signed)
            yield slip, signed


def _decoded(text: bytes) -> bytes:
    """Decoded from base64 as lenient decoders do it; empty when it is none."""
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _strictly_decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
