"""From flat fields to an endpoint's Struct, by the Struct's own annotations.

A field may be a `str`, `int`, `bool`, a `Literal` of texts, or `list[str]` (a comma list, or the bracketed keys that
lists of JSON objects become); with `| None` or a default it is optional. Unknown fields are ignored (kraken/10 §1.9).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from mockkraken import errors
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.rest.body import Fields

S = TypeVar("S", bound=msgspec.Struct)

_TRUE, _FALSE = frozenset(("true", "1", "yes")), frozenset(("false", "0", "no", ""))
_INT_DIGITS = 18


class _Field(NamedTuple):
    name: str
    read: Callable[[str], Any]


class _Plan(NamedTuple):
    """A Struct's fields by their names on the wire; which are needed, and which are lists."""

    fields: dict[str, _Field]
    required: tuple[str, ...]
    lists: tuple[str, ...]


def read(kind: type[S], fields: Fields, *, named: bool) -> S:
    """Read `fields` into a `kind`.

    Args:
        kind: the endpoint's Struct.
        fields: name → text as sent.
        named: whether the refusal names the argument, as private methods do and public ones don't.

    Raises:
        KrakenError: a required field is missing, or a text is none of what the field takes.
    """
    plan = _plan(kind)
    for wire in plan.lists:
        if wire not in fields and (joined := _bracketed(wire, fields)) is not None:
            fields = {**fields, wire: joined}
    for wire in plan.required:
        if wire not in fields:
            raise _refusal(wire, named, "is missing")
    values = {}
    for wire, text in fields.items():
        field = plan.fields.get(wire)
        if field is not None:
            try:
                values[field.name] = field.read(text)
            except ValueError as error:
                raise _refusal(wire, named, f"is {text[:40]!r}; {error}") from None
    return kind(**values)


def _refusal(wire: str, named: bool, what: str) -> KrakenError:
    message = invalid_arguments(wire) if named else errors.INVALID_ARGUMENTS
    return KrakenError(message, f"{wire} {what}")


@cache
def _plan(kind: type[msgspec.Struct]) -> _Plan:
    hints = get_type_hints(kind)
    known = msgspec.structs.fields(kind)
    return _Plan(
        {field.encode_name: _Field(field.name, _reader(hints[field.name])) for field in known},
        tuple(field.encode_name for field in known if field.required),
        tuple(field.encode_name for field in known if get_origin(_bare(hints[field.name])) is list),
    )


def _bare(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _reader(hint: Any) -> Callable[[str], Any]:
    hint = _bare(hint)
    if get_origin(hint) is list:
        return comma_list
    if get_origin(hint) is Literal:
        return _choice(get_args(hint))
    readers: dict[Any, Callable[[str], Any]] = {str: str, int: _integer, bool: _boolean}
    return readers[hint]


def _choice(texts: tuple[str, ...]) -> Callable[[str], str]:
    def read_choice(text: str) -> str:
        if text not in texts:
            raise ValueError(f"it takes {', '.join(texts)}")
        return text

    return read_choice


def _integer(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _INT_DIGITS):
        raise ValueError("it takes a whole number")
    return int(text)


def _boolean(text: str) -> bool:
    folded = text.lower()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise ValueError("it takes true or false")


def comma_list(text: str) -> list[str]:
    """The members of a comma list, blanks around them dropped."""
    return [part.strip() for part in text.split(",")]


def is_version1(asset_version: str) -> bool:
    """Whether an `assetVersion` asks for display names (`BTC`, `BTC/USD`) as keys."""
    return asset_version in ("1", "true")  # [guess] kraken/20 §2.3


def _bracketed(wire: str, fields: Fields) -> str | None:
    """A list sent as `txid[]`, `txid[0]`, … or as objects, `pair[0][asset]`, joined into a comma list."""
    prefix = f"{wire}["
    found = [value for key, value in fields.items() if key.startswith(prefix) and not key.endswith("[aclass]")]
    return ",".join(found) if found else None
