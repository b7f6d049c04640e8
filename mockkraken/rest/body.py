"""From raw bytes to flat fields: a form or a JSON object, every value as the text that was sent.

Nested values become keys with brackets, as forms write them: `close[ordertype]`, `orders[0][txid]`; an empty object in
a list becomes an empty text. Lists of plain values become comma lists, and so do repeated names of a form; of a
repeated nonce, and of any name that JSON repeats, the first counts [guess]. Numbers keep their digits, so that no
amount ever passes through a float. Reference: kraken/10 §1.3, kraken/30 §1.2.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

Fields = dict[str, str]

NESTING_MAX = 8
EXPONENT_MAX = 30
NAMES_MAX = 200_000  # characters of all names of a JSON body, nesting written out
FIELDS_MAX = 10_000  # more than any call has; the bound keeps hostile forms cheap


class Undecodable(ValueError):
    """The body is not what its Content-Type says, or is neither a form nor a JSON object."""


def read_query(query: bytes) -> Fields:
    """The fields of a query string; what can't be decoded becomes a replacement character and will be unknown."""
    return _joined(_pairs(query.decode("latin-1"), errors="replace")) if query else {}


def read_body(body: bytes, content_type: bytes) -> Fields:
    """The fields of a request's body.

    Without a Content-Type the body decides; with one that is neither form nor JSON it is a form [guess].

    Raises:
        Undecodable: malformed JSON, JSON that is no object, a form that is no UTF-8 or has too many fields, or one
            where the other was announced.
    """
    if not body:
        return {}
    looks_like_json = body[:1] == b"{" or body.lstrip()[:1] == b"{"
    announced = content_type.partition(b";")[0].strip().lower()
    if announced == b"application/json" or (not announced and looks_like_json):
        return _read_json(body)
    if announced == b"application/x-www-form-urlencoded" and looks_like_json:
        raise Undecodable("a JSON body was announced as a form")
    try:
        text = body.decode()
        if text.count("&") >= FIELDS_MAX:
            raise Undecodable(f"the form has more than {FIELDS_MAX} fields")
        return _joined(_pairs(text, errors="strict"))
    except UnicodeDecodeError as error:
        raise Undecodable("the form is no UTF-8") from error


def _pairs(text: str, *, errors: str) -> list[tuple[str, str]]:
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True, errors=errors)
    # Nearly all that clients send has nothing to decode, and then a form is read in a third of the time.
    parts = [part.partition("=") for part in text.split("&") if part]
    return [(name, value) for name, _, value in parts]


def _joined(pairs: list[tuple[str, str]]) -> Fields:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    # Lists may come as repeated keys, `txid=A&txid=B`; of a repeated nonce the first counts.
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if name == "nonce" else ",".join(found) for name, found in values.items()}


def _read_json(body: bytes) -> Fields:
    try:
        read = json.loads(
            body.decode(), parse_float=_Number, parse_int=str, parse_constant=_refuse, object_pairs_hook=_first_members
        )
        if not isinstance(read, dict):
            raise Undecodable("the JSON body is no object")
        fields = _Flat()
        for name, value in read.items():
            fields.take(name, value, 1)
    except (UnicodeError, json.JSONDecodeError, RecursionError) as error:
        raise Undecodable(f"the JSON body is malformed: {type(error).__name__}") from error
    return fields.fields


def _refuse(constant: str) -> Any:
    raise Undecodable(f"{constant} is no JSON")


def _first_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs)) if len({name for name, _ in pairs}) < len(pairs) else dict(pairs)


class _Flat:
    """Fields being flattened from JSON. What nested names add up to is bounded, since a small body can mean many."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self._characters = 0

    def take(self, name: str, value: Any, depth: int) -> None:
        self._characters += len(name) + 1
        if depth > NESTING_MAX or self._characters > NAMES_MAX:
            raise Undecodable(f"the JSON body is nested deeper than {NESTING_MAX}, or has too many or too long names")
        if value is None:
            return
        if isinstance(value, dict):
            for member, inner in value.items():
                self.take(f"{name}[{member}]", inner, depth + 1)
        elif isinstance(value, list):
            self._take_list(name, value, depth)
        elif name == "nonce":
            self.fields[name] = str(value)  # as it was written: the signature covers that
        else:
            self.fields[_text(name)] = _text(value)

    def _take_list(self, name: str, items: list[Any], depth: int) -> None:
        if name == "nonce":
            return  # a nonce is a text or a number
        if any(isinstance(item, (dict, list)) or (isinstance(item, str) and "," in item) for item in items):
            for index, item in enumerate(items):
                before = len(self.fields)
                self.take(f"{name}[{index}]", item, depth + 1)
                if len(self.fields) == before:
                    self.fields[f"{name}[{index}]"] = ""  # an empty object counts: rows must not move up
        elif items:
            self.fields[_text(name)] = ",".join(_text(item) for item in items if item is not None)


class _Number(str):
    """A JSON number with a fraction or an exponent, as it was written."""

    __slots__ = ()

    def plain(self) -> str:
        """Without the exponent that serializers give to small numbers: `5e-05` is `0.00005`."""
        mantissa, mark, exponent = self.lower().partition("e")
        if not mark or len(exponent) > 3 or abs(int(exponent)) > EXPONENT_MAX:
            return str(self)
        sign = "-" if mantissa.startswith("-") else ""
        whole, _, fraction = mantissa.removeprefix("-").partition(".")
        digits, point = whole + fraction, len(whole) + int(exponent)
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        digits = digits.ljust(point, "0")
        return sign + digits[:point] + (f".{digits[point:]}" if digits[point:] else "")


def _text(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not value.isascii():
        value.encode()  # A lone surrogate is no text; it raises UnicodeEncodeError.
    return value.plain() if isinstance(value, _Number) else value
