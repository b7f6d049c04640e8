"""From flat fields to an endpoint's Struct, by the Struct's own annotations.

A field may be a `str`, `int`, `bool`, a `Literal` of texts, `list[str]` (a comma list, or the bracketed keys that
lists of JSON objects become), or `list[Fields]` (such objects each for itself, as fields to be read one by one); with
`| None` or a default it is optional. Unknown fields are ignored (kraken/10 §1.9).
"""

from __future__ import annotations

import re
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
_LIST_OF_OBJECTS = "it takes a list of objects, in JSON, or in a form as name[0][member]"
_INDEX = re.compile(r"0|[1-9][0-9]{0,2}")  # of an object in a list; higher ones are nobody's


class _Field(NamedTuple):
    name: str
    read: Callable[[str], Any]


class _Plan(NamedTuple):
    """A Struct's fields by their names on the wire; which are needed, which are lists, of texts or of objects."""

    fields: dict[str, _Field]
    required: tuple[str, ...]
    lists: tuple[str, ...]
    objects: tuple[tuple[str, str], ...]


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
    values: dict[str, Any] = {name: _objects(wire, fields) for wire, name in plan.objects}
    for wire in plan.lists:
        if wire not in fields and (found := _bracketed(wire, fields)):
            values[plan.fields[wire].name] = found
    for wire in plan.required:
        if wire not in fields and plan.fields[wire].name not in values:
            raise _refusal(wire, named, "is missing")
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
    hints = {name: _bare(hint) for name, hint in get_type_hints(kind).items()}
    every = msgspec.structs.fields(kind)
    objects = [field for field in every if _is_list_of_objects(hints[field.name])]
    known = [field for field in every if field not in objects]
    return _Plan(
        {field.encode_name: _Field(field.name, _reader(hints[field.name])) for field in known},
        tuple(field.encode_name for field in known if field.required),
        tuple(field.encode_name for field in known if get_origin(hints[field.name]) is list),
        tuple((field.encode_name, field.name) for field in objects),
    )


def _bare(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _is_list_of_objects(hint: Any) -> bool:
    return get_origin(hint) is list and get_origin(get_args(hint)[0]) is dict


def _reader(hint: Any) -> Callable[[str], Any]:
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


def is_true(text: str) -> bool:
    """Whether a text stands for true."""
    return text.lower() in _TRUE


def _boolean(text: str) -> bool:
    if is_true(text):
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("it takes true or false")


def comma_list(text: str) -> list[str]:
    """The members of a comma list, blanks around them dropped."""
    return [part.strip() for part in text.split(",")]


def is_version1(asset_version: str) -> bool:
    """Whether an `assetVersion` asks for display names (`BTC`, `BTC/USD`) as keys."""
    return asset_version in ("1", "true")  # [guess] kraken/20 §2.3


def _bracketed(wire: str, fields: Fields) -> list[str]:
    """A list sent as `txid[]`, `txid[0]`, … or as objects, `pair[0][asset]`."""
    prefix = f"{wire}["
    found: list[str] = []
    for key, value in fields.items():
        if key == f"{prefix}]":
            found += comma_list(value)
        elif key.startswith(prefix) and not key.endswith("[aclass]"):
            found.append(value)
    return found


def _objects(wire: str, fields: Fields) -> list[Fields]:
    """The objects of a list, `orders[0][type]`, in the order of their indices, each as fields of its own.

    Raises:
        KrakenError: there is something else under that name, or an index is none.
    """
    found: dict[int, Fields] = {}
    for key, text in fields.items():
        if not key.startswith(wire):
            continue
        name, _, inside = key.partition("[")
        if name != wire:
            continue
        index, _, rest = inside.partition("]")
        # `[close][price]`, and `[close[price]]` of an object with a flat key, are both `close[price]`.
        outside, *parts = rest.replace("]", "").split("[")
        if not _INDEX.fullmatch(index) or outside or (text and not parts):
            raise KrakenError(errors.INVALID_ARGUMENTS, f"{key[:40]}: {_LIST_OF_OBJECTS}")
        member = found.setdefault(int(index), {})
        if parts:
            member[parts[0] + "".join(f"[{part}]" for part in parts[1:])] = text
    return [found[index] for index in sorted(found)]
