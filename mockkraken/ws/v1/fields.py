"""From a message of version 1 to its fields: flat objects whose numbers are texts (kraken/60 §1, §5).

What a field of each `JsonKind` takes here, and what is made of it:

- `string`: a text, as it is; or a number [guess], which becomes its plain decimal text. Prices and volumes are declared
  so: they may be relative (`+5`, `#2%`).
- `number_integer`: a whole number.
- `boolean`: true and false, or their texts in any case (`"validate":"true"`); it becomes a bool.
- `array`: an array of what `items` says (`string`, unless it says so), each read as above.

No message of version 1 has fields of other types.

Names with brackets (`close[price]`) are names like any other.

`read_pair` finds a pair by the one name that version 1 has for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from mockkraken import errors
from mockkraken.catalog import records
from mockkraken.decimals import plain
from mockkraken.errors import KrakenError
from mockkraken.ws.names import is_pair_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mockkraken.catalog import Catalog, Pair
    from mockkraken.ws.declared import Field, JsonKind

V1_ACCEPT_DISPLAY_NAMES = False  # [guess] kraken/60 §1: whether `BTC/USD` is understood too

BRACKETS_MAX = 100  # ours: more than any message has, so that none is nested deeper than can be written out again
_QUOTED = 40  # characters of what was sent that a reason repeats

# A fraction stays the text that was sent, so that no amount ever passes through a float, and is repeated as it was.
_DECODE = msgspec.json.Decoder(float_hook=msgspec.Raw).decode
_ENCODE = msgspec.json.Encoder().encode

_TRUTHS = {"true": True, "false": False}


def decode(message: str | bytes) -> dict[str, Any]:
    """A message as a JSON object. Fractions in it are `msgspec.Raw`, everything else as JSON has it.

    Raises:
        KrakenError: it is no JSON in a text frame, or no object.
    """
    if not isinstance(message, str):
        raise KrakenError(errors.MALFORMED_REQUEST, "messages come in text frames, not in binary ones", check="body")
    if message.count("[") + message.count("{") > BRACKETS_MAX:
        reason = f"the message has more than {BRACKETS_MAX} brackets"
        raise KrakenError(errors.MALFORMED_REQUEST, reason, check="body")
    try:
        members = _DECODE(message)
    except msgspec.DecodeError as error:
        reason = f"the message is no JSON: {type(error).__name__}"
        raise KrakenError(errors.MALFORMED_REQUEST, reason, check="body") from None
    if not isinstance(members, dict):
        raise KrakenError(errors.MALFORMED_REQUEST, "the message is no JSON object", check="body")
    return members


def read_present(fields: Iterable[Field], members: dict[str, Any]) -> dict[str, Any]:
    """The fields of a message that were sent, by name.

    Raises:
        KrakenError: one is of another type.
    """
    return {field.name: read_value(field, members[field.name]) for field in fields if field.name in members}


def refuse_unknown(names: Collection[str], members: dict[str, Any], kind: str) -> None:
    """Refuse the first member that is none of these.

    Raises:
        KrakenError: there is one.
    """
    for name in members:
        if name not in names:
            reason = f"{name[:_QUOTED]!r} is none of {', '.join(sorted(names))}"
            raise KrakenError(errors.unsupported_field(name, kind), reason)


def refuse_missing(fields: Iterable[Field], members: dict[str, Any]) -> None:
    """Refuse a message that lacks a field which is required.

    Raises:
        KrakenError: it does; it names the first.
    """
    for field in fields:
        if field.required and field.name not in members:
            raise missing(field.name)


def missing(name: str) -> KrakenError:
    """The refusal of a message that lacks a field."""
    return KrakenError(errors.not_found(name), f"{name} is missing")


def read_value(field: Field, value: Any) -> Any:
    """What was sent for one field, as the table above says.

    Raises:
        KrakenError: it is of another type.
    """
    if field.kind == "array":
        if not isinstance(value, list):
            raise _mistyped(field.name, "array", value)
        return [_read(field.name, field.items or "string", item) for item in value]
    return _read(field.name, field.kind, value)


def _read(name: str, kind: JsonKind, value: Any) -> Any:
    found: Any = None
    if kind == "string":
        found = value if isinstance(value, str) else plain(number_text(value) or "")
    elif kind == "number_integer":
        found = value if type(value) is int else None
    elif kind == "boolean":
        found = _TRUTHS.get(value.lower()) if isinstance(value, str) else value if isinstance(value, bool) else None
    if found is None:
        raise _mistyped(name, kind, value)
    return found


def _mistyped(name: str, kind: JsonKind, value: Any) -> KrakenError:
    shown = f"an {type(value).__name__}" if isinstance(value, list | dict) else shown_value(value)
    message = errors.must_be_an_array(name) if kind == "array" else errors.must_be(name, kind)
    return KrakenError(message, f"{name} is {shown}")


def shown_value(value: Any) -> str:
    """What was sent, as a reason repeats it: cut short."""
    text: str = _ENCODE(value).decode()
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def number_text(value: Any) -> str | None:
    """The digits of a JSON number as they were sent; None: it is none."""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value) if type(value) is int else None


def read_token(value: Any) -> str:
    """A token; unlike those of other fields, the refusal does not repeat what was sent.

    Raises:
        KrakenError: it is no text.
    """
    if not isinstance(value, str):
        raise KrakenError(errors.must_be("token", "string"), "token is no text")
    return value


@cache
def _pair_ids() -> dict[str, str]:
    # Pairs never change their names, so one table serves all sandboxes.
    known = {record.wsname: pair_id for pair_id, record in records.load().items()}
    if V1_ACCEPT_DISPLAY_NAMES:
        known = {records.display(record): pair_id for pair_id, record in records.load().items()} | known
    return known


def read_pair(catalog: Catalog, name: Any) -> Pair:
    """The pair of that wsname (`XBT/USD`), tokenized ones too; case counts [guess].

    Raises:
        KrakenError: there is none.
    """
    pair_id = _pair_ids().get(name) if isinstance(name, str) else None
    if pair_id is not None:
        return catalog.pair(pair_id)
    text = name if isinstance(name, str) else _ENCODE(name).decode()
    message = errors.pair_not_supported(text) if is_pair_name(text) else errors.pair_malformed(text)
    raise KrakenError(message, f"there is no pair {text[:_QUOTED]!r}: version 1 goes by the wsname, as XBT/USD")
