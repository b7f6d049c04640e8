"""What clients sign in place of what they send: each known slip made on purpose, for the signature doctor to compare.

Everything here is cheap and bounded, since anybody can send wrong signatures, with bodies of any kind.
"""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256, sha512
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlencode

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# Bounds of what is looked at; above, a mistake of that sort is not looked for.
_LONGEST_BODY = 4096  # bytes: a batch of 15 orders and more; bodies that are encoded and ordered anew
_MOST_FIELDS = 16  # fields that are left out one by one
_NONCES_APART = 4  # a nonce made twice differs by so much, if its unit is coarse

# What clients sign instead of what they call, mostly because the path stands in the wrong variable.
_OTHER_METHODS = (
    b"Balance",
    b"BalanceEx",
    b"TradeBalance",
    b"AddOrder",
    b"AddOrderBatch",
    b"CancelOrder",
    b"CancelAll",
    b"OpenOrders",
    b"ClosedOrders",
    b"QueryOrders",
    b"TradesHistory",
    b"OpenPositions",
    b"Ledgers",
    b"TradeVolume",
    b"GetWebSocketsToken",
)

# Names of fields that may be quoted; any other name comes from the client and might be anything, a secret too.
# fmt: off
_QUOTABLE = frozenset((
    "asset", "close[ordertype]", "close[price]", "cl_ord_id", "deadline", "expiretm", "leverage", "nonce", "oflags",
    "ofs", "ordertype", "otp", "pair", "price", "price2", "reduce_only", "start", "starttp", "stptype", "timeinforce",
    "trades", "trigger", "txid", "type", "userref", "validate", "volume",
))
# fmt: on

_JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|\s+|[,:]', re.DOTALL)
_ESCAPED_TWICE = re.compile(rb"%25[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_FORM_NONCE = re.compile(rb"(?:^|&)nonce=([0-9]{1,20})(?=&|$)")


class Slip(NamedTuple):
    """One thing done otherwise than it must be, as the end of a sentence that begins `... when`."""

    scenario: str
    clause: str


class Request(NamedTuple):
    """What was signed, or should have been.

    Attributes:
        path: the signed path with its query.
        nonce: as sent.
        body: the raw body.
        fields: as read from it.
        target: the path as received, with what stood before the signed one; empty when unknown.
        host: the header; empty when there is none.
        header_nonce: that of the API-Nonce header; empty when there is none.
        highest_nonce: the highest that the key has accepted.
    """

    path: bytes
    nonce: bytes
    body: bytes
    fields: Mapping[str, str]
    target: bytes
    host: bytes
    header_nonce: bytes
    highest_nonce: int

    def __repr__(self) -> str:
        return f"<Request {self.nonce!r}>"  # the body may hold an otp


def messages(request: Request) -> Iterator[tuple[Slip, bytes]]:
    """What is signed in place of path + SHA-256(nonce + body), the most frequent mistakes first."""
    path, nonce, body = request.path, request.nonce, request.body
    digest = sha256(nonce + body).digest()
    yield from _digests_as_text(path, digest)
    for clause, wrong in _paths(request):
        yield Slip("S04", clause), wrong + digest
    if len(body) > _LONGEST_BODY:
        return
    yield Slip("S02", "the nonce is not put in front of the body"), path + sha256(body).digest()
    parts = _Parts.of(body)
    for slip, wrong in chain(_escapings(body, parts), _formats(request, parts), _fields(parts)):
        yield slip, path + sha256(nonce + wrong).digest()
    for clause, wrong, wrong_body in _nonces(request):
        yield Slip("S12", clause), path + sha256(wrong + wrong_body).digest()
    yield from _formulas(path, nonce, body, digest)


def _digests_as_text(path: bytes, digest: bytes) -> Iterator[tuple[Slip, bytes]]:
    hexadecimal = Slip("S03", "the SHA-256 is signed as hexadecimal text, not as its 32 bytes")
    yield hexadecimal, path + digest.hex().encode()
    yield hexadecimal, path + digest.hex().upper().encode()
    yield Slip("S03", "the SHA-256 is signed as base64 text, not as its 32 bytes"), path + base64.b64encode(digest)
    as_text = Slip("S03", "the bytes of the SHA-256 are made a text before they are signed")
    yield as_text, path + digest.decode("latin-1").encode()
    yield as_text, path + digest.decode("utf-8", "replace").encode()


def _formulas(path: bytes, nonce: bytes, body: bytes, digest: bytes) -> Iterator[tuple[Slip, bytes]]:
    """Other hashes and orders; some are those of other exchanges."""
    for clause, signed in (
        ("nonce and body are hashed with SHA-512, not SHA-256", path + sha512(nonce + body).digest()),
        ("nonce and body are signed without hashing them", path + nonce + body),
        ("the nonce stands behind the body, not in front", path + sha256(body + nonce).digest()),
        ("the hash stands in front of the path, not behind it", digest + path),
        ("body, nonce and path are hashed, as Kraken Futures has it", sha256(body + nonce + path).digest()),
        ("body, nonce and path are hashed, as Kraken Futures has it", sha256(body + nonce + path[2:]).digest()),
        ("the path is hashed too, not put in front of the hash", sha256(path + nonce + body).digest()),
        ("the path is hashed too, not put in front of the hash", sha256(nonce + path + body).digest()),
        ("only the body is signed, unhashed and without the path", body),
        ("only nonce and body are signed, unhashed and without the path", nonce + body),
        ("path and body are signed unhashed and without the nonce", path + body),
        ("nonce, method, path and body are signed unhashed, as other exchanges have it", nonce + b"POST" + path + body),
    ):
        yield Slip("S11", clause), signed


def _paths(request: Request) -> Iterator[tuple[str, bytes]]:
    path, target = request.path, request.target
    bare, mark, query = path.partition(b"?")
    rest = mark + query
    method = bare.removeprefix(b"/0/private/")
    if query:
        yield "the path is signed without its query", bare
        yield "the query is signed unescaped", bare + mark + unquote_to_bytes(query)
    yield "the path is signed without /0", b"/private/" + method + rest
    yield "the path is signed without its first slash", path[1:]
    yield "the path is not signed", b""
    for wrong in (method, b"/" + method, b"private/" + method):
        yield "only the end of the path is signed", wrong + rest
    for wrong in (b"/0/private", b"/0/private/", b"/0"):
        yield "only the start of the path is signed", wrong
    yield "a slash is signed behind the path", bare + b"/" + rest
    for wrong in (b"/" + path, b"/0/" + path[2:], b"/0" + path):
        yield "a slash or /0 is signed twice", wrong
    if target not in (b"", bare):
        yield "the path is signed with all that stands before /0/private/", target + rest
    urls, host = [b"https://api.kraken.com", b"api.kraken.com"], request.host
    if host:
        urls += [b"http://" + host, b"https://" + host, host]
    for url in urls:
        yield "the whole URL is signed, not only its path", url + path
    if host and target not in (b"", bare):
        for scheme in (b"http://", b"https://"):
            yield "the whole URL is signed, not only its path", scheme + host + target + rest
    for wrong in (bare.lower(), b"/0/private/" + method[:1].lower() + method[1:]):
        yield "the path is signed in lower case", wrong + rest
    yield "/0/public/ is signed instead of /0/private/", b"/0/public/" + method + rest
    if len(request.body) <= _LONGEST_BODY:
        yield "the body is signed as a query of the path too", bare + b"?" + request.body
    for other in _OTHER_METHODS:
        yield f"the path of {other.decode()} is signed, not the one that is called", b"/0/private/" + other + rest


def _nonces(request: Request) -> Iterator[tuple[str, bytes, bytes]]:
    """Clause, the nonce in front of the body, and the body."""
    nonce, body = request.nonce, request.body
    if found := _FORM_NONCE.findall(body):
        yield "the last nonce of the body is put in front of it; of several, the first counts", found[-1], body
    if other := request.header_nonce:
        yield "the nonce of the API-Nonce header is put in front of the body, not the body's", other, body
    yield "the nonce in front of the body has quotes", b'"%b"' % nonce, body
    yield "nonce= is put in front of the body together with the nonce", b"nonce=" + nonce, body
    if not _is_number(nonce):
        return
    number = int(nonce)
    yield "the nonce in front of the body has lost its leading zeros", b"%d" % number, body
    for wrong in (number * 1000, number // 1000):
        yield "the nonce in front of the body is in another unit than the body's", b"%d" % wrong, body
    for step in range(1, _NONCES_APART + 1):
        for other in (b"%d" % (number + step), b"%d" % max(0, number - step)):
            yield "the nonce in front of the body is made anew, not the body's", other, body
            yield "the nonce is made anew after signing", other, _with_nonce(body, nonce, other)
    if highest := request.highest_nonce:
        before = b"%d" % highest
        yield "the signature of an earlier request is sent again", before, _with_nonce(body, nonce, before)


def _is_number(nonce: bytes) -> bool:
    return nonce.isdigit() and len(nonce) <= 20


def _with_nonce(body: bytes, nonce: bytes, other: bytes) -> bytes:
    return re.sub(rb'(nonce"?\s*[=:]\s*"?)' + re.escape(nonce), lambda found: found[1] + other, body, count=1)


# Bodies: the same fields written otherwise.


class _Parts(NamedTuple):
    """The fields of a body as they stand in it, so that they can be put together again.

    Attributes:
        names: of the fields, decoded.
        texts: each field as sent, `pair=XBTUSD` or `"pair":"XBTUSD"`.
        joined: makes a body of some of these texts.
        json: whether the body is a JSON object.
    """

    names: list[bytes]
    texts: list[bytes]
    joined: Callable[[list[bytes]], bytes]
    json: bool

    @classmethod
    def of(cls, body: bytes) -> _Parts:
        try:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            texts = body.split(b"&")
            return cls([unquote_to_bytes(text.partition(b"=")[0]) for text in texts], texts, b"&".join, False)
        spaced = b'": ' in body and _with_spaces(body, b", ", b": ") == body
        colon, comma = (b": ", b", ") if spaced else (b":", b",")
        texts = [json.dumps(name).encode() + colon + bytes(value) for name, value in members.items()]
        return cls([utf8(name) for name in members], texts, lambda some: b"{%b}" % comma.join(some), True)


def _escapings(body: bytes, parts: _Parts) -> Iterator[tuple[Slip, bytes]]:
    """The body as other encoders write it, or as it was before or after encoding."""
    if body.strip() != body:
        yield Slip("S05", "the body is signed without the blanks or newlines around it"), body.strip()
    yield Slip("S05", "a newline is signed behind the body"), body + b"\n"
    if parts.json:
        return
    yield Slip("S05", "a question mark is signed in front of the body"), b"?" + body
    pairs = [text.partition(b"=") for text in parts.texts]
    decoded = [(_unquoted(name), mark, _unquoted(value)) for name, mark, value in pairs]
    raw = [(unquote_to_bytes(name), mark, unquote_to_bytes(value)) for name, mark, value in pairs]
    unescaped = "the body is signed unescaped and sent escaped"
    escaped = "the body is signed with other characters escaped than it is sent with"
    twice = "the body is escaped once more after signing"
    candidates = [(twice, body.replace(b"%25", b"%"))] if _ESCAPED_TWICE.search(body) else []
    candidates += [
        (unescaped, _form(decoded, bytes)),
        (unescaped, _form(raw, bytes)),
        (unescaped, unquote_to_bytes(body)),
    ]
    for fields in (decoded, raw):
        candidates += [(escaped, _form(fields, quoted)) for quoted in _QUOTERS]
        candidates += [(escaped, _form(fields, _QUOTERS[0], brackets=True))]
    for old, new in ((b"+", b"%20"), (b"%20", b"+"), (b"+", b"%2B"), (b"%2B", b"+"), (b"+", b" "), (b"%20", b" ")):
        candidates.append((escaped, body.replace(old, new)))
    candidates += [(escaped, _ESCAPE.sub(lambda found: found[0].lower(), body))]
    candidates += [(escaped, _ESCAPE.sub(lambda found: found[0].upper(), body))]
    candidates += [("the body is escaped once more for signing", body.replace(b"%", b"%25"))]
    for clause, candidate in candidates:
        if candidate.lower() != body.lower() and _blanks_alike(candidate) == _blanks_alike(body):
            yield Slip("S06", "blanks and plus signs are signed otherwise than sent (+, %20, %2B)"), candidate
        else:
            yield Slip("S05", clause), candidate


def _quoter(safe: str, blank: str) -> Callable[[bytes], bytes]:
    return lambda text: quote_from_bytes(text, safe=safe + " ").replace(" ", blank).encode()


# urlencode; encodeURIComponent and RFC 3986; Python's quote; what leaves commas or colons be.
_QUOTERS = (
    _quoter("", "+"),
    _quoter("", "%20"),
    _quoter("!*'()", "%20"),
    _quoter("/", "%20"),
    _quoter(",", "+"),
    _quoter(",:/", "+"),
)


def _form(
    pairs: Iterable[tuple[bytes, bytes, bytes]], quoted: Callable[[bytes], bytes], brackets: bool = False
) -> bytes:
    return b"&".join((name if brackets else quoted(name)) + mark + quoted(value) for name, mark, value in pairs)


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _blanks_alike(body: bytes) -> bytes:
    for written in (b"%20", b"%2B", b"%2b", b" "):
        body = body.replace(written, b"+")
    return body


def _fields(parts: _Parts) -> Iterator[tuple[Slip, bytes]]:
    """The body with fewer fields, or in another order."""
    names, texts, joined, _ = parts
    yield Slip("S13", "an empty body is signed"), b""
    ours = list(zip(names, texts, strict=True))

    def without(*left_out: bytes) -> bytes:
        return joined([text for name, text in ours if name not in left_out])

    for name in list(dict.fromkeys(names))[:_MOST_FIELDS]:
        shown = name.decode("latin-1")
        what = f"the field {shown!r}" if shown in _QUOTABLE else "one of its fields"
        yield Slip("S13", f"the body is signed without {what}"), without(name)
    yield Slip("S13", "the body is signed without nonce and otp"), without(b"nonce", b"otp")
    order = Slip("S13", "the fields are signed in another order than sent")
    nonce_first = sorted(ours, key=lambda field: field[0] != b"nonce")
    by_name = sorted(ours, key=lambda field: field[0])
    for fields in (
        by_name,
        nonce_first,
        sorted(ours, key=lambda field: field[0] == b"nonce"),
        sorted(by_name, key=lambda field: field[0] != b"nonce"),
        sorted(by_name, key=lambda field: field[0] == b"nonce"),
        ours[::-1],
        sorted(ours, key=lambda field: field[1]),
    ):
        yield order, joined([text for _, text in fields])


def _formats(request: Request, parts: _Parts) -> Iterator[tuple[Slip, bytes]]:
    """The fields as the other format, or as JSON with other blanks."""
    fields, body = dict(islice(request.fields.items(), 256)), request.body
    nonce = request.nonce.decode("latin-1")
    if not parts.json:
        slip = Slip("S14", "the fields are signed as JSON and sent as a form")
        shown = Slip("S14", "the fields are signed as a program prints them and sent as a form")
        values: tuple[str | int, ...] = (nonce, int(nonce)) if _is_number(request.nonce) else (nonce,)
        for value in values:
            printed = fields | {"nonce": value}
            yield slip, json.dumps(printed, separators=(",", ":")).encode()
            yield slip, json.dumps(printed).encode()
            yield shown, utf8(str(printed))
        return
    spaces = Slip("S14", "the JSON is signed with other blanks or escapes than sent")
    compact, spaced = _with_spaces(body, b",", b":"), _with_spaces(body, b", ", b": ")
    yield spaces, compact
    yield spaces, spaced
    yield spaces, _with_spaces(body, b",", b": ")
    yield spaces, compact.replace(b"/", b"\\/")
    yield spaces, compact.replace(b"\\/", b"/")
    kind = Slip("S14", "the nonce is signed as a number and sent as a text, or the other way round")
    bare, quoted = request.nonce, b'"%b"' % request.nonce
    for written in (body, compact, spaced):
        for colon in (b":", b": "):
            name = b'"nonce"' + colon
            if name + quoted in written:
                yield kind, written.replace(name + quoted, name + bare)
            elif name + bare in written:
                yield kind, written.replace(name + bare, name + quoted)
    form = Slip("S14", "the fields are signed as a form and sent as JSON")
    pairs = [(utf8(name), b"=", utf8(value)) for name, value in fields.items()]
    for quoted_by in (_QUOTERS[0], _QUOTERS[1], bytes):
        yield form, _form(pairs, quoted_by)
    yield from _written_anew(body, spaces, form)


def _written_anew(body: bytes, slip: Slip, form: Slip) -> Iterator[tuple[Slip, bytes]]:
    try:
        read = json.loads(body)
        yield form, urlencode(read, errors="replace").encode()  # true becomes True
        for written in (
            json.dumps(read, indent=2),
            json.dumps(read, indent=4),
            json.dumps(read, separators=(",", ":")),
            json.dumps(read, separators=(",", ":"), ensure_ascii=False),
            json.dumps(read),
            str(read),
        ):
            yield slip, utf8(written)
    except (ValueError, RecursionError):
        return


def _with_spaces(body: bytes, comma: bytes, colon: bytes) -> bytes:
    """A JSON text with these separators and no other blanks; texts in it stay as they are."""
    written = {b",": comma, b":": colon}
    return _JSON_TOKEN.sub(lambda found: found[0] if found[0][:1] == b'"' else written.get(found[0], b""), body)


def utf8(text: str) -> bytes:
    """Its bytes, whatever it is: what has none becomes a question mark."""
    return text.encode("utf-8", "replace")
