"""The signature doctor names the mistake of a client that signs wrongly, and only then (kraken/10 §1.5).

The wrong clients are written here by hand, each with nothing but hashlib and hmac, so that the doctor's own idea of a
mistake is not what tests it.
"""

# ruff: noqa: E501 - the vectors stand one on a line, as received

from __future__ import annotations

import base64
import codecs
import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockkraken.gate import signature_doctor
from mockkraken.gate.keys import Key, KeyRing
from mockkraken.gate.signature_doctor import HMACS_MAX, Mistake, diagnose, diagnose_unknown
from mockkraken.journal.mistakes import SIGNATURE_MISTAKES
from mockkraken.rest.body import Undecodable, read_body

DOC = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
T = "1616492376594"
D0 = f"nonce={T}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
JSON = f'{{"nonce":"{T}","ordertype":"limit","pair":"XBTUSD","price":37500,"type":"buy","oflags":"post,fciq"}}'
ESCAPED = f"nonce={T}&pair=XBTUSD&oflags=post%2Cfciq&expiretm=%2B10&close%5Bprice%5D=1"
BLANKS = f"nonce={T}&title=two+words&start=a%2Bb"
FIRST_PLUS = f"nonce={T}&x=64"  # its signature begins with a plus sign


class Sent(NamedTuple):
    """What a client has in hand when it signs: all right so far."""

    secret: str
    path: str
    nonce: str
    body: str
    public: str

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.secret)


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def mac(key: bytes, data: bytes, hash_name: str = "sha512") -> str:
    return text64(hmac.new(key, data, hash_name).digest())


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def signed(s: Sent, *, key: bytes | None = None, path: str | None = None, text: str | None = None) -> str:
    """The right formula, with one or more of its parts put in place of the right ones."""
    return mac(
        s.key if key is None else key,
        (s.path if path is None else path).encode() + sha(s.nonce + s.body if text is None else text),
    )


def with_body(change: Callable[[str], str]) -> Callable[[Sent], str]:
    return lambda s: signed(s, text=s.nonce + change(s.body))


def ordered(body: str, key: Callable[[str], Any]) -> str:
    return "&".join(sorted(body.split("&"), key=key))


def as_json(body: str, **how: Any) -> str:
    return json.dumps({name: unquote_plus(value) for name, value in (p.split("=") for p in body.split("&"))}, **how)


def escaped_anew(body: str, how: Callable[[str], str]) -> str:
    pairs = (part.split("=") for part in body.split("&"))
    return "&".join(f"{how(unquote_plus(name))}={how(unquote_plus(value))}" for name, value in pairs)


# What goes wrong: the scenario, words of the sentence, the body, and how the client makes its header.
WRONG: dict[str, tuple[str, str, str, Callable[[Sent], str]]] = {
    # the secret
    "secret undecoded": ("S01", "used as text", D0, lambda s: signed(s, key=s.secret.encode())),
    "secret decoded to a binary string": ("S01", "made a text", D0, lambda s: signed(s, key=s.key.decode("latin-1").encode())),
    "secret decoded to a UTF-8 string": ("S01", "made a text", D0, lambda s: signed(s, key=s.key.decode("utf-8", "replace").encode())),
    "secret encoded": ("S01", "encoded once more", D0, lambda s: signed(s, key=base64.b64encode(s.secret.encode()))),
    "secret as UTF-16": ("S01", "UTF-16", D0, lambda s: signed(s, key=s.secret.encode("utf-16-le"))),
    "secret with newline": ("S08", "a newline around", D0, lambda s: signed(s, key=s.secret.encode() + b"\n")),
    "secret with DOS newline": ("S08", "a newline around", D0, lambda s: signed(s, key=s.secret.encode() + b"\r\n")),
    "secret with blank": ("S08", "a blank around", D0, lambda s: signed(s, key=b" " + s.secret.encode())),
    "secret with quotes": ("S08", "quotes around", D0, lambda s: signed(s, key=b'"' + s.secret.encode() + b'"')),
    "secret with single quotes": ("S08", "quotes around", D0, lambda s: signed(s, key=b"'" + s.secret.encode() + b"'")),
    "secret's bytes with newline": ("S08", "secret's bytes", D0, lambda s: signed(s, key=s.key + b"\n")),
    "public key as secret": ("S07", "the public key is used", D0, lambda s: signed(s, key=s.public.encode())),
    "public key decoded as secret": ("S07", "the public key is used", D0, lambda s: signed(s, key=base64.b64decode(s.public))),
    # the nonce in front
    "no nonce in front": ("S02", "not put in front", D0, lambda s: signed(s, text=s.body)),
    "no nonce in front of JSON": ("S02", "not put in front", JSON, lambda s: signed(s, text=s.body)),
    "nonce= in front": ("S12", "nonce= is put", D0, lambda s: signed(s, text="nonce=" + s.nonce + s.body)),
    "nonce quoted in front": ("S12", "quotes", JSON, lambda s: signed(s, text=f'"{s.nonce}"' + s.body)),
    "leading zeros lost": ("S12", "leading zeros", "nonce=0123", lambda s: signed(s, text="123" + s.body)),
    "nonce made twice": ("S12", "made anew, not the body's", D0, lambda s: signed(s, text=f"{int(s.nonce) + 1}" + s.body)),
    "nonce made twice, earlier": ("S12", "made anew, not the body's", D0, lambda s: signed(s, text=f"{int(s.nonce) - 3}" + s.body)),
    "nonce made anew after signing": ("S12", "anew after signing", D0, lambda s: signed(s, text=(s.nonce + s.body).replace(T, str(int(T) - 1)))),
    "nonce made anew after signing JSON": ("S12", "anew after signing", JSON, lambda s: signed(s, text=(s.nonce + s.body).replace(T, str(int(T) - 1)))),
    "nonce in another unit": ("S12", "another unit", D0, lambda s: signed(s, text=s.nonce[:-3] + s.body)),
    "last of two nonces": ("S12", "the last nonce", f"nonce={T}&nonce=77", lambda s: signed(s, text="77" + s.body)),
    "an earlier signature": ("S12", "earlier request", D0, lambda s: signed(s, text=(s.nonce + s.body).replace(T, "1616492000000"))),
    # the SHA-256
    "hex digest": ("S03", "hexadecimal", D0, lambda s: mac(s.key, (s.path + sha(s.nonce + s.body).hex()).encode())),
    "HEX digest": ("S03", "hexadecimal", JSON, lambda s: mac(s.key, (s.path + sha(s.nonce + s.body).hex().upper()).encode())),
    "base64 digest": ("S03", "base64 text", D0, lambda s: mac(s.key, (s.path + text64(sha(s.nonce + s.body))).encode())),
    "digest as binary string": ("S03", "made a text", D0, lambda s: mac(s.key, (s.path + sha(s.nonce + s.body).decode("latin-1")).encode())),
    # the path
    "path without /0": ("S04", "without /0", D0, lambda s: signed(s, path=s.path[2:])),
    "path without slash": ("S04", "first slash", D0, lambda s: signed(s, path=s.path[1:])),
    "path with slash": ("S04", "a slash is signed behind", D0, lambda s: signed(s, path=s.path + "/")),
    "path with two slashes": ("S04", "twice", D0, lambda s: signed(s, path="/" + s.path)),
    "path in lower case": ("S04", "lower case", D0, lambda s: signed(s, path=s.path.lower())),
    "method only": ("S04", "only the end", D0, lambda s: signed(s, path="AddOrder")),
    "prefix only": ("S04", "only the start", D0, lambda s: signed(s, path="/0/private/")),
    "no path": ("S04", "not signed", D0, lambda s: signed(s, path="")),
    "public path": ("S04", "/0/public/", D0, lambda s: signed(s, path=s.path.replace("private", "public"))),
    "another method's path": ("S04", "path of Balance", D0, lambda s: signed(s, path="/0/private/Balance")),
    "Kraken's URL": ("S04", "whole URL", D0, lambda s: signed(s, path="https://api.kraken.com" + s.path)),
    "our URL": ("S04", "whole URL", D0, lambda s: signed(s, path="http://127.0.0.1:8123" + s.path)),
    "our URL over TLS": ("S04", "whole URL", D0, lambda s: signed(s, path="https://127.0.0.1:8123" + s.path)),
    "host and path": ("S04", "whole URL", D0, lambda s: signed(s, path="127.0.0.1:8123" + s.path)),
    "path with the sandbox": ("S04", "before /0/private/", D0, lambda s: signed(s, path="/sandbox/w1" + s.path)),
    "URL with the sandbox": ("S04", "whole URL", D0, lambda s: signed(s, path="http://127.0.0.1:8123/sandbox/w1" + s.path)),
    "body in the path": ("S04", "as a query", D0, lambda s: signed(s, path=s.path + "?" + s.body)),
    # the body's escapes
    "signed unescaped": ("S05", "unescaped", ESCAPED, with_body(unquote_plus)),
    "signed with raw commas": ("S05", "other characters escaped", ESCAPED, with_body(lambda b: b.replace("%2C", ","))),
    "signed with raw brackets": ("S05", "other characters escaped", ESCAPED, with_body(lambda b: b.replace("%5B", "[").replace("%5D", "]"))),
    "signed with lower-case escapes": ("S05", "other characters escaped", ESCAPED, with_body(lambda b: b.replace("%2C", "%2c").replace("%2B", "%2b").replace("%5B", "%5b").replace("%5D", "%5d"))),
    "sent raw, signed escaped": ("S05", "other characters escaped", f"nonce={T}&oflags=post,fciq&close[price]=1", with_body(lambda b: escaped_anew(b, quote_plus))),
    "sent raw, signed escaped without brackets": ("S05", "other characters escaped", f"nonce={T}&oflags=post,fciq&close[price]=1", with_body(lambda b: b.replace(",", "%2C"))),
    "escaped twice": ("S05", "escaped once more after", ESCAPED.replace("%", "%25"), with_body(lambda b: b.replace("%25", "%"))),
    "signed escaped twice": ("S05", "once more for signing", ESCAPED, with_body(lambda b: b.replace("%", "%25"))),
    "newline behind": ("S05", "newline", D0, with_body(lambda b: b + "\n")),
    "newline sent": ("S05", "newlines around", D0 + "\n", with_body(str.strip)),
    "question mark": ("S05", "question mark", D0, with_body(lambda b: "?" + b)),
    "signed %20, sent +": ("S06", "%20", BLANKS, with_body(lambda b: b.replace("+", "%20"))),
    "signed +, sent %20": ("S06", "%20", BLANKS.replace("+", "%20"), with_body(lambda b: b.replace("%20", "+"))),
    "signed blank, sent +": ("S06", "%20", f"nonce={T}&title=two+words", with_body(unquote_plus)),
    "signed %2B, sent +": ("S06", "%2B", f"nonce={T}&expiretm=+10", with_body(lambda b: b.replace("+", "%2B"))),
    "signed +, sent %2B": ("S06", "%2B", f"nonce={T}&expiretm=%2B10", with_body(lambda b: b.replace("%2B", "+"))),
    # the body's fields
    "empty body": ("S13", "empty body", D0, lambda s: signed(s, text=s.nonce)),
    "empty body, sent JSON": ("S13", "empty body", JSON, lambda s: signed(s, text=s.nonce)),
    "without otp": ("S13", "'otp'", D0 + "&otp=123456", with_body(lambda b: b.replace("&otp=123456", ""))),
    "without otp, JSON": ("S13", "'otp'", JSON.replace("}", ',"otp":"123456"}'), with_body(lambda b: b.replace(',"otp":"123456"', ""))),
    "without otp, spaced JSON": ("S13", "'otp'", '{"nonce": "1", "otp": "123456"}', with_body(lambda b: '{"nonce": "1"}')),
    "without nonce": ("S13", "'nonce'", D0, with_body(lambda b: b.replace(f"nonce={T}&", ""))),
    "without nonce, JSON": ("S13", "'nonce'", JSON, with_body(lambda b: b.replace(f'"nonce":"{T}",', ""))),
    "without nonce and otp": ("S13", "nonce and otp", f"nonce={T}&asset=XBT&otp=9", with_body(lambda b: "asset=XBT")),
    "without a field of any name": ("S13", "one of its fields", D0 + "&hunter2=1", with_body(lambda b: b.replace("&hunter2=1", ""))),
    "sorted": ("S13", "another order", f"volume=1&type=buy&nonce={T}&pair=X", with_body(lambda b: ordered(b, str))),
    "nonce first": ("S13", "another order", f"volume=1&type=buy&nonce={T}&pair=X", with_body(lambda b: ordered(b, lambda p: p[:5] != "nonce"))),
    "nonce last": ("S13", "another order", D0, with_body(lambda b: ordered(b, lambda p: p[:5] == "nonce"))),
    "sorted JSON": ("S13", "another order", JSON, with_body(lambda b: json.dumps(json.loads(b), sort_keys=True, separators=(",", ":")))),
    # form and JSON
    "form signed, JSON sent": ("S14", "as a form", JSON, with_body(lambda b: urlencode(json.loads(b)))),
    "raw form signed, JSON sent": ("S14", "as a form", JSON, with_body(lambda b: unquote_plus(urlencode(json.loads(b))))),
    "JSON signed, form sent": ("S14", "as JSON", D0, with_body(lambda b: as_json(b, separators=(",", ":")))),
    "spaced JSON signed, form sent": ("S14", "as JSON", D0, with_body(as_json)),
    "JSON with number signed, form sent": ("S14", "as JSON", D0, with_body(lambda b: as_json(b).replace(f'"{T}"', T))),
    "dict signed, form sent": ("S14", "prints", D0, with_body(lambda b: str(json.loads(as_json(b))))),
    "compact signed, spaced sent": ("S14", "other blanks", json.dumps(json.loads(JSON)), with_body(lambda b: JSON)),
    "spaced signed, compact sent": ("S14", "other blanks", JSON, with_body(lambda b: json.dumps(json.loads(b)))),
    "indented signed": ("S14", "other blanks", JSON, with_body(lambda b: json.dumps(json.loads(b), indent=2))),
    "slashes escaped as PHP does": ("S14", "escapes", '{"nonce":"1","url":"a/b, \\"c: d\\""}', with_body(lambda b: b.replace("/", "\\/"))),
    "dict signed, JSON sent": ("S14", "escapes", JSON, with_body(lambda b: str(json.loads(b)))),
    "nonce number signed, text sent": ("S14", "as a number", JSON, with_body(lambda b: b.replace(f'"{T}"', T))),
    "nonce text signed, number sent": ("S14", "as a number", JSON.replace(f'"{T}"', T), with_body(lambda b: JSON)),
    # another formula
    "SHA-512 inside": ("S11", "SHA-512", D0, lambda s: mac(s.key, s.path.encode() + hashlib.sha512((s.nonce + s.body).encode()).digest())),
    "no hash": ("S11", "without hashing", D0, lambda s: mac(s.key, (s.path + s.nonce + s.body).encode())),
    "body before nonce": ("S11", "behind the body", D0, lambda s: signed(s, text=s.body + s.nonce)),
    "hash before path": ("S11", "in front of the path", D0, lambda s: mac(s.key, sha(s.nonce + s.body) + s.path.encode())),
    "as for Kraken Futures": ("S11", "Futures", D0, lambda s: mac(s.key, sha(s.body + s.nonce + s.path))),
    "all hashed": ("S11", "hashed too", D0, lambda s: mac(s.key, sha(s.path + s.nonce + s.body))),
    "body alone": ("S11", "only the body", D0, lambda s: mac(s.key, s.body.encode())),
    "HMAC arguments exchanged": ("S11", "exchanged", D0, lambda s: mac(s.path.encode() + sha(s.nonce + s.body), s.key)),
    "HMAC-SHA256": ("S11", "SHA-256 instead of SHA-512", D0, lambda s: mac(s.key, s.path.encode() + sha(s.nonce + s.body), "sha256")),
    "as for Binance": ("S11", "only the body", D0, lambda s: hmac.new(s.key, s.body.encode(), "sha256").hexdigest()),
    # the header
    "hex": ("S10", "right signature, but in hexadecimal", D0, lambda s: base64.b64decode(signed(s)).hex()),
    "HEX": ("S10", "right signature, but in hexadecimal", D0, lambda s: base64.b64decode(signed(s)).hex().upper()),
    "base64 of hex": ("S10", "hexadecimal text", D0, lambda s: text64(base64.b64decode(signed(s)).hex().encode())),
    "base64 twice": ("S10", "twice", D0, lambda s: text64(signed(s).encode())),
    "URL-safe": ("S10", "URL-safe", D0, lambda s: signed(s).translate(str.maketrans("+/", "-_"))),
    "percent-encoded": ("S10", "percent-encoded", D0, lambda s: quote(signed(s), safe="")),
    "no padding": ("S10", "padding", D0, lambda s: signed(s).rstrip("=")),
    "plus signs lost, the first one on the way": ("S10", "blanks where a +", FIRST_PLUS, lambda s: signed(s).replace("+", " ").strip()),
    "plus signs lost": ("S10", "blanks where a +", D0, lambda s: signed(s).replace("+", " ")),
    "quotes": ("S10", "in quotes", D0, lambda s: f'"{signed(s)}"'),
    "Python's bytes": ("S10", "Python", D0, lambda s: str(signed(s).encode())),
    # two at once
    "undecoded, hex digest": ("S01", "and the SHA-256 is signed as hexadecimal", D0, lambda s: mac(s.secret.encode(), (s.path + sha(s.nonce + s.body).hex()).encode())),
    "undecoded, no nonce": ("S01", "and the nonce is not put", D0, lambda s: signed(s, key=s.secret.encode(), text=s.body)),
    "undecoded, whole URL": ("S01", "whole URL", D0, lambda s: signed(s, key=s.secret.encode(), path="https://api.kraken.com" + s.path)),
    "undecoded, in hex": ("S01", "and it is in hexadecimal", D0, lambda s: base64.b64decode(signed(s, key=s.secret.encode())).hex()),
    "no nonce, URL-safe": ("S02", "URL-safe", D0, lambda s: signed(s, text=s.body).translate(str.maketrans("+/", "-_"))),
}  # fmt: skip

# What typical bugs make of D0, as the reference has it.
VECTORS = {
    "S01": "zA0LsmBEQjAhiVXDC0d286hCa9i387Mf1ZKLsYKEAfzW+x3m5FeiAkR7eoNxQ7ykM1KedtbCWKAZ4wyKRSmgfQ==",
    "S02": "Z5k+Kt74bBDz+YmZ7doSlQkWwtXUmfNLPhcm4B94rRbgOj661gDhCxquNhAJrnZSDtKFA5CApNbeWvXb2EGUFg==",
    "S03": "zo+vrOtmhw2LH1Fh3GAqpXIqhgnLDTHJUiD6oiKNvJ4z8K6XEtgTTwr9ob8wbAF2rCRgTCD6KZSUz3JYQiekzg==",
    "S04 without /0": "BfkkPNdthLSlAlKyQhtMORrwsLNe5sgVSqQAtWepxm23hzTYKU5gXSwQXkbzo1rbhKacxGGJaO/QyMsJXc5ZIQ==",
    "S04 whole URL": "5IHfbxv5a7q9bwMIwxuekZWPOl22rcrmLUTpZavTdvG0rsyiPZcNJJsVGUgeDtSSWTJ1TrbnQzOuKW2atlrC4A==",
}


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    ring = KeyRing(random.Random("doctor"))
    ring.create("main", "mine", now=1, api_secret=DOC)
    ring.create("main", "other", now=2)
    ring.create("second", "third", now=3)
    return ring


def ask(
    ring: KeyRing,
    header: str | bytes,
    body: str | bytes = D0,
    path: str = "/0/private/AddOrder",
    headers: tuple[tuple[bytes, bytes], ...] = ((b"host", b"127.0.0.1:8123"),),
    target: str | None = None,
    fields: dict[str, str] | None = None,
    keys: list[Key] | None = None,
) -> Mistake | None:
    key = ring.find("mine")
    assert key is not None
    key.nonce.highest = 1616492000000
    body = body if isinstance(body, bytes) else body.encode()
    fields = read_body(body, b"") if fields is None else fields
    return diagnose(
        key=key,
        keys=ring.all() if keys is None else keys,
        path=path.encode(),
        nonce=fields["nonce"],
        body=body,
        fields=fields,
        api_sign=header if isinstance(header, bytes) else header.encode(),
        target=("/sandbox/w1" + path.partition("?")[0] if target is None else target).encode(),
        headers=headers,
    )


def sent(ring: KeyRing, body: str, path: str = "/0/private/AddOrder") -> Sent:
    key = ring.find("mine")
    assert key is not None
    return Sent(DOC, path, read_body(body.encode(), b"")["nonce"], body, key.api_key)


@pytest.mark.parametrize(("scenario", "words", "body", "client"), WRONG.values(), ids=WRONG)
def test_it_names_the_mistake(ring, scenario, words, body, client):
    mistake = ask(ring, client(sent(ring, body)), body)
    assert mistake is not None
    assert (mistake.scenario, mistake.cure) == (scenario, SIGNATURE_MISTAKES[scenario].cure)
    assert words in mistake.sentence


def test_every_known_mistake_is_tested_and_every_tested_one_is_known():
    tested = {scenario for scenario, *_ in WRONG.values()} | {"S09"}
    assert tested == set(SIGNATURE_MISTAKES)
    assert all(title and cure for title, cure in SIGNATURE_MISTAKES.values())


@pytest.mark.parametrize(("bug", "header"), VECTORS.items(), ids=VECTORS)
def test_the_reference_s_diagnostic_vectors(ring, bug, header):
    scenario, _, words = bug.partition(" ")
    mistake = ask(ring, header)
    assert mistake is not None
    assert mistake.scenario == scenario
    assert words in mistake.sentence


def test_hex_output_as_the_reference_has_it(ring):
    header = base64.b64decode(signed(sent(ring, D0))).hex()
    assert header.startswith("e3f769c5bde24f8b69fd90951304a712")
    assert ask(ring, header).scenario == "S10"


@pytest.mark.parametrize(
    ("words", "query", "path"),
    [
        ("without its query", "a=1&b=%2B", "/0/private/AddOrder"),
        ("query is signed unescaped", "a=1&b=%2B", "/0/private/AddOrder?a=1&b=+"),
        ("without /0", "a=1", "/private/AddOrder?a=1"),
        ("whole URL", "a=1", "https://api.kraken.com/0/private/AddOrder?a=1"),
        ("path of Balance", "a=1", "/0/private/Balance?a=1"),
        ("before /0/private/", "a=1", "/sandbox/w1/0/private/AddOrder?a=1"),
    ],
)
def test_paths_with_a_query(ring, words, query, path):
    mistake = ask(ring, signed(sent(ring, D0), path=path), path=f"/0/private/AddOrder?{query}")
    assert mistake is not None
    assert mistake.scenario == "S04"
    assert words in mistake.sentence


def test_the_secret_of_another_key_of_the_sandbox(ring):
    other = ring.find("third")
    mistake = ask(ring, signed(sent(ring, D0), key=base64.b64decode(other.api_secret)))
    assert mistake.scenario == "S09"
    assert (
        mistake.sentence == "it is what comes out when the secret of the key 'third' is used instead of that of 'mine'"
    )


def test_the_nonce_of_a_header(ring):
    header = signed(sent(ring, D0), text="42" + D0)
    assert ask(ring, header) is None
    mistake = ask(ring, header, headers=((b"user-agent", b"x"), (b"api-nonce", b"42")))
    assert mistake.scenario == "S12"
    assert "API-Nonce header" in mistake.sentence


def test_without_target_and_headers_it_works_as_well(ring):
    assert ask(ring, VECTORS["S01"], headers=(), target="").scenario == "S01"
    assert (
        ask(ring, signed(sent(ring, D0), path="https://api.kraken.com/0/private/AddOrder"), headers=()).scenario
        == "S04"
    )


def test_of_large_bodies_what_needs_no_writing_anew_is_found(ring):
    body = f"nonce={T}&x=" + "a" * 1_000_000
    s = sent(ring, body)
    assert ask(ring, signed(s, key=s.secret.encode()), body).scenario == "S01"
    assert ask(ring, signed(s, path=s.path[2:]), body).scenario == "S04"


# API-Key holds the secret: refused before anybody looks at the signature.


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("the two are swapped", lambda s: s.public.encode()),
        ("the two are swapped", lambda s: base64.b64decode(s.public)),
        ("only API-Key is wrong", lambda s: s.key),
        ("mixed up", lambda s: b"anything"),
    ],
)
@pytest.mark.parametrize("around", ["{}", " {}\n", '"{}"'])
def test_key_and_secret_swapped(ring, words, key, around):
    s = sent(ring, D0)
    mistake = diagnose_unknown(
        api_key=around.format(DOC).encode(),
        keys=ring.all(),
        path=s.path.encode(),
        nonce=T,
        body=D0.encode(),
        api_sign=signed(s, key=key(s)).encode(),
    )
    assert (mistake.scenario, mistake.cure) == ("S07", SIGNATURE_MISTAKES["S07"].cure)
    assert words in mistake.sentence


def test_an_unknown_key_that_is_no_secret_is_no_mistake_of_signing(ring):
    given_ = {"keys": ring.all(), "path": b"/", "nonce": None, "body": b"", "api_sign": None}
    assert diagnose_unknown(api_key=b"nobody's", **given_) is None
    assert diagnose_unknown(api_key=DOC.encode(), **given_).scenario == "S07"


def test_at_the_gate_it_stands_in_reason_and_scenario(new_bot):
    bot = new_bot("signer", api_secret=DOC)
    assert bot.post("/0/private/AddOrder", D0, VECTORS["S02"]) == "EAPI:Invalid signature"
    assert bot.last.scenario == "S02"
    assert bot.refusal.reason.endswith("; it is what comes out when the nonce is not put in front of the body")
    assert bot.call(1, api_key=DOC.encode()) == "EAPI:Invalid key"
    assert bot.last.scenario == "S07"
    assert "only API-Key is wrong" in bot.refusal.reason


# Any request, signed wrongly in any of these ways. The clients know nothing but the body that they send.

WORDS = ["XBTUSD", "1.25", "two words", "a+b", "post,fciq", "+10", "50%", "münze", "a&b=c", "", "x/y", "it's", "a%20b"]
FIELDS = ["pair", "type", "price", "oflags", "close[price]", "cl_ord_id", "odd name", "ünï", "txid", "start"]
METHODS = ["AddOrder", "Balance", "QueryOrders", "CancelAll", "TradesHistory", "GetWebSocketsToken"]


def pairs(body: str) -> list[tuple[str, str]]:
    return parse_qsl(body, keep_blank_values=True)


FORMS: dict[str, Callable[[str], str]] = {
    "S05 decoded": unquote_plus,
    "S05 without escapes": lambda b: "&".join(f"{name}={value}" for name, value in pairs(b)),
    "S05 lower escapes": lambda b: re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), b),
    "S05 urlencode": lambda b: urlencode(pairs(b)),
    "S05 encodeURIComponent": lambda b: urlencode(pairs(b), quote_via=lambda text, *_: quote(text, safe="!*'()")),
    "S05 commas": lambda b: urlencode(pairs(b), safe=","),
    "S06 blanks": lambda b: b.replace("+", "%20"),
    "S06 plus signs": lambda b: b.replace("%2B", "+"),
    "S13 sorted": lambda b: "&".join(sorted(b.split("&"))),
    "S13 nonce first": lambda b: "&".join(sorted(b.split("&"), key=lambda part: not part.startswith("nonce="))),
    "S13 nonce left out": lambda b: "&".join(part for part in b.split("&") if not part.startswith("nonce=")),
    "S14 JSON": lambda b: json.dumps(dict(pairs(b))),
    "S14 compact JSON": lambda b: json.dumps(dict(pairs(b)), separators=(",", ":")),
}
OBJECTS: dict[str, Callable[[str], str]] = {
    "S14 a form": lambda b: urlencode(json.loads(b)),
    "S14 compact": lambda b: json.dumps(json.loads(b), separators=(",", ":")),
    "S14 spaced": lambda b: json.dumps(json.loads(b)),
    "S14 indented": lambda b: json.dumps(json.loads(b), indent=2),
    "S14 UTF-8": lambda b: json.dumps(json.loads(b), separators=(",", ":"), ensure_ascii=False),
    "S14 the nonce's type": lambda b: re.sub(r'("nonce": ?)"?(\d+)"?', r'\1"\2"' if f'"{T}"' not in b else r"\1\2", b),
}
ANY: dict[str, Callable[[Sent], str]] = {
    "S01": lambda s: signed(s, key=s.secret.encode()),
    "S02": lambda s: signed(s, text=s.body),
    "S03": lambda s: mac(s.key, (s.path + sha(s.nonce + s.body).hex()).encode()),
    "S04": lambda s: signed(s, path=s.path[2:]),
    "S04 whole URL": lambda s: signed(s, path="https://api.kraken.com" + s.path),
    "S07": lambda s: signed(s, key=s.public.encode()),
    "S08": lambda s: signed(s, key=s.secret.encode() + b"\n"),
    "S10": lambda s: base64.b64decode(signed(s)).hex(),
    "S10 percent-encoded": lambda s: quote(signed(s), safe=""),
    "S10 blanks": lambda s: signed(s).replace("+", " ").strip(),
    "S11": lambda s: mac(s.key, s.path.encode() + sha(s.nonce + s.body), "sha256"),
    "S12": lambda s: signed(s, text=f"{int(s.nonce) + 1}{s.body}"),
    "S13": lambda s: signed(s, text=s.nonce),
}


def any_request(draw: random.Random) -> tuple[str, str]:
    """A path and a body as some client writes it."""
    fields = [("nonce", T), *((name, draw.choice(WORDS)) for name in draw.sample(FIELDS, draw.randrange(6)))]
    if draw.random() < 0.4:
        draw.shuffle(fields)
    path = f"/0/private/{draw.choice(METHODS)}"
    if draw.random() < 0.6:
        return path, urlencode(fields, quote_via=draw.choice((quote, quote_plus)), safe=draw.choice(("", ",", "[]")))
    written: dict[str, Any] = dict(fields) | draw.choice(({}, {"nonce": int(T)}, {"validate": True, "userref": 7}))
    separators = draw.choice(((",", ":"), (", ", ": ")))
    return path, json.dumps(written, separators=separators, ensure_ascii=draw.random() < 0.5)


@pytest.mark.parametrize("seed", range(40))
def test_any_request_that_is_signed_wrongly_is_understood(ring, seed):
    path, body = any_request(random.Random(seed))
    s = sent(ring, body, path)
    changes = OBJECTS if body.startswith("{") else FORMS
    wrong = {name: with_body(change)(s) for name, change in changes.items() if change(body) != body}
    wrong |= {name: client(s) for name, client in ANY.items()}
    for name, header in wrong.items():
        if header == signed(s):
            continue
        mistake = ask(ring, header, body, path)
        assert mistake is not None, (name, body)
        # What differs in blanks and plus signs alone has a name of its own.
        assert mistake.scenario == name[:3] or (name[:3], mistake.scenario) == ("S05", "S06"), (name, body)
    assert ask(ring, text64(random.Random(seed).randbytes(64)), body, path) is None


def test_escapes_in_small_letters_are_no_matter_of_blanks(ring):
    body = f"nonce={T}&start=a%2Bb"
    mistake = ask(ring, with_body(str.lower)(sent(ring, body)), body)
    assert (mistake.scenario, "other characters escaped" in mistake.sentence) == ("S05", True)


# It does not cry wolf, it does not fail, and it does not work long.

BODIES = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=5).map(
        lambda fields: urlencode(fields, errors="replace").encode()
    ),
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5).map(
        lambda value: json.dumps({"nonce": 1, "x": value}).encode()
    ),
    st.sampled_from(
        [b'{"', b"{" * 40, b'{"nonce":' + b"[" * 900, b'{"\\"\\"\\"\\"', b"&&&===", b"%", b"\xff=%ff", b""]
    ),
)
SIGNS = st.one_of(
    st.binary(min_size=64, max_size=64).map(base64.b64encode),
    st.binary(min_size=64, max_size=64).map(lambda data: data.hex().encode()),
    st.binary(min_size=32, max_size=32).map(base64.urlsafe_b64encode),
    st.binary(min_size=64, max_size=64).map(lambda data: quote(base64.b64encode(data)).encode()),
    st.binary(max_size=200),
    st.text("bB'\"=%-_ +/aA09", max_size=90).map(str.encode),
)


@settings(max_examples=300)
@given(
    header=SIGNS,
    body=BODIES,
    nonce=st.one_of(st.integers(0, 2**64 - 1).map(str), st.text(max_size=30), st.just("9" * 5000), st.just("²")),
    path=st.one_of(st.sampled_from([b"/0/private/Balance", b"/0/private/X?a=1&b", b"", b"?"]), st.binary(max_size=30)),
    fields=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    host=st.binary(max_size=30),
)
@example(header=b"b", body=b"", nonce="", path=b"", fields={}, host=b"")
def test_whatever_comes_it_neither_fails_nor_finds_what_is_not_there(ring, header, body, nonce, path, fields, host):
    with pytest.MonkeyPatch.context() as patch:
        count = 0
        real = hmac.digest

        def counted(*args: Any) -> bytes:
            nonlocal count
            count += 1
            return real(*args)

        patch.setattr(hmac, "digest", counted)
        key = ring.find("mine")
        headers = [(b"host", host), (b"api-nonce", host), (b"x", b"y")]
        given_ = {"keys": ring.all(), "path": path, "nonce": nonce, "body": body, "api_sign": header}
        assert diagnose(key=key, fields=fields, target=path, headers=headers, **given_) is None
        assert count <= HMACS_MAX
        assert diagnose_unknown(api_key=header, **given_) is None
        assert diagnose_unknown(api_key=DOC.encode(), **given_).scenario == "S07"


@pytest.mark.parametrize(
    "body",
    [
        b"nonce=1&" + b"&".join(b"a%d=%%2c" % number for number in range(500)),
        b'{"nonce":1,"x":[' + b",".join(b'"%d"' % number for number in range(700)) + b"]}",
        b'{"nonce=1&' + b'\\"' * 2000,
    ],
)
def test_the_work_is_bounded_with_many_fields_and_keys(body, monkeypatch):
    ring = KeyRing(random.Random("many"))
    for number in range(1000):
        ring.create("main", "mine" if not number else None, now=number)
    calls: list[bytes] = []
    real = hmac.digest
    monkeypatch.setattr(hmac, "digest", lambda *args: calls.append(args[1]) or real(*args))
    try:
        fields = read_body(body, b"")
    except Undecodable:
        fields = read_body(body, b"text/plain") | {"nonce": "1"}
    assert ask(ring, text64(bytes(64)), body, fields=fields) is None
    assert 100 < len(calls) <= HMACS_MAX


@settings(max_examples=60)
@given(body=BODIES.filter(lambda body: body != b""), data=st.data())
def test_the_right_signature_in_base64_is_never_called_a_mistake_of_content(ring, body, data):
    """Slips that happen to leave a body as it is, an unescaped one for instance, must not be named."""
    nonce = str(data.draw(st.integers(0, 2**64 - 1)))
    right = mac(base64.b64decode(DOC), b"/0/private/X" + hashlib.sha256(nonce.encode() + body).digest())
    for form in (base64.b64decode(right).hex(), str(right.encode())):
        mistake = diagnose(
            key=ring.find("mine"),
            keys=ring.all(),
            path=b"/0/private/X",
            nonce=nonce,
            body=body,
            fields={"nonce": nonce},
            api_sign=form.encode(),
            target=b"/0/private/X",
        )
        assert mistake.scenario == "S10"
        assert mistake.sentence.startswith("it is the right signature, but ")


def test_no_sentence_quotes_what_the_client_sent(ring):
    secret_like = "cGFzc3dvcmQgb2YgYSBjbGllbnQ"
    body = f"nonce={T}&{secret_like}=1&otp=987654"
    for client in (
        with_body(lambda b: b.replace(f"&{secret_like}=1", "")),
        with_body(lambda b: b.replace("&otp=987654", "")),
        with_body(lambda b: as_json(b)),
        lambda s: signed(s, path=s.path + "?" + s.body),
    ):
        mistake = ask(ring, client(sent(ring, body)), body)
        assert mistake is not None
        assert secret_like not in repr(mistake)
        assert "987654" not in repr(mistake)
        assert DOC not in repr(mistake)


def test_the_module_s_own_hash_is_the_one_of_the_reference():
    """The signer of this file reproduces D0, so what it does wrongly is wrong in one place only."""
    s = Sent(DOC, "/0/private/AddOrder", T, D0, "")
    assert signed(s) == "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    assert codecs.encode(base64.b64decode(DOC), "hex").startswith(b"9101f91d6ffca75b")
    assert signature_doctor.HMACS_MAX <= 200
