"""Reading a message's fields by their declarations.

The exchange is strict: what a message may not have is refused, then what it lacks, then what is of another JSON type,
in that order and each for the whole message (kraken/50 §4.2). Values are not judged here, only brought into form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mockkraken import errors
from mockkraken.decimals import plain
from mockkraken.errors import KrakenError
from mockkraken.ws.v2.symbols import SHOWN_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mockkraken.ws.declared import Field, JsonKind

_INTEGERS = range(-(2**63), 2**64)
"""What JSON libraries read as whole numbers; what is larger is a number_float to them."""


class Digits(NamedTuple):
    """A JSON number with a point or an exponent, as it was written: no digit is lost."""

    text: str


_decode = msgspec.json.Decoder(float_hook=Digits).decode


def message(text: str | bytes) -> dict[str, Any]:
    """Read a message.

    Raises:
        KrakenError: it is no JSON object in a text frame.
    """
    if isinstance(text, str):
        try:
            read = _decode(text)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, dict):
            return read
    kind = "text" if isinstance(text, str) else "binary"
    raise KrakenError(errors.MALFORMED_REQUEST, f"the {kind} frame holds no JSON object", check="body")


def read(sent: dict[str, Any], fields: Sequence[Field], kind: str) -> dict[str, Any]:
    """The fields that were sent, in form: JSON numbers are plain decimal texts, whole number fields ints.

    Args:
        sent: the message, or its `params`.
        fields: what it may have.
        kind: of which kind the message is, in words: `add order`.

    Raises:
        KrakenError: it has another field, lacks one, or one is of another type.
    """
    _check_known(sent, fields, kind)
    _check_required(sent, fields)
    return _typed_fields(sent, fields)


def check_known(sent: dict[str, Any], names: frozenset[str], kind: str) -> None:
    """Whether the message has no other members than these.

    Raises:
        KrakenError: it has.
    """
    for name in sent:
        if name not in names:
            reason = f"a message of the kind {kind!r} has no {name[:40]!r}; it takes {', '.join(sorted(names))}"
            raise KrakenError(errors.unsupported_field(name[:SHOWN_MAX], kind), reason)


def _check_known(sent: dict[str, Any], fields: Sequence[Field], kind: str) -> None:
    check_known(sent, frozenset([field.name for field in fields]), kind)
    for inner, inner_fields in _inside(sent, fields):
        _check_known(inner, inner_fields, kind)


def _check_required(sent: dict[str, Any], fields: Sequence[Field]) -> None:
    for field in fields:
        if field.required and field.name not in sent:
            raise KrakenError(errors.not_found(field.name), f"{field.name} is missing")
    for inner, inner_fields in _inside(sent, fields):
        _check_required(inner, inner_fields)


def _inside(sent: dict[str, Any], fields: Sequence[Field]) -> Iterator[tuple[dict[str, Any], Sequence[Field]]]:
    """The objects within a message that have declared fields of their own."""
    for field in fields:
        if field.fields:
            value = sent.get(field.name)
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    yield inner, field.fields


def _typed_fields(sent: dict[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    return {field.name: _typed(sent[field.name], field, field.kind) for field in fields if field.name in sent}


def _typed(value: Any, field: Field, kind: JsonKind) -> Any:
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "number_integer" if _is_integer(value) and value in _INTEGERS:
            return value
        case "number_float" if _is_integer(value):
            return str(value)
        case "number_float" if isinstance(value, Digits):
            text = plain(value.text)
            if text is not None:
                return text
        case "array" if isinstance(value, list):
            items: JsonKind = "object" if field.fields else field.items or "string"
            return [_typed(item, field, items) for item in value]
        case "object" if isinstance(value, dict):
            return _typed_fields(value, field.fields) if field.fields else value
    raise wrong_type(field.name, kind, value)


def wrong_type(name: str, kind: JsonKind, value: Any) -> KrakenError:
    """What refuses a field that is of another type. Its value is not repeated: it may be a secret."""
    return KrakenError(errors.must_be(name, kind), f"{name} is {_described(value)}; it takes a {kind}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "a number_integer" if value in _INTEGERS else "a whole number of too many digits"
    if isinstance(value, Digits):
        return "a number_float" if plain(value.text) is not None else "a number with an absurd exponent"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else "null"
