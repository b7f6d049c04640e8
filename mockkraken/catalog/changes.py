"""Changes of a pair's rules while the exchange runs: what may change, and to what.

What names a pair or counts its amounts stays: orders, trades and balances stand in those units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from mockkraken import decimals
from mockkraken.catalog import records
from mockkraken.catalog.records import PairRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIXED = frozenset(
    {
        "altname",
        "wsname",
        "aclass_base",
        "base",
        "aclass_quote",
        "quote",
        "lot",
        "cost_decimals",
        "lot_decimals",
        "lot_multiplier",
        "fee_volume_currency",
    }
)
_LADDERS = ("fees", "fees_maker")
_TYPES = get_type_hints(PairRecord)


class ChangeError(ValueError):
    """A field of a pair that does not exist or never changes, or a value that it does not take.

    Attributes:
        field: the field's name.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def changed(pair_id: str, record: PairRecord, fields: Mapping[str, Any]) -> PairRecord:
    """The record with other values in some fields, which are typed as in AssetPairs.

    Fee ladders are lists of (dollars, percent); a percent may be a number or its text.

    Raises:
        ChangeError: a field that does not exist, never changes, or does not take the value.
    """
    values = {field: _value(field, value, getattr(record, field, None)) for field, value in fields.items()}
    scale = records.price(pair_id).price_decimals
    if not 0 <= values.get("pair_decimals", 0) <= scale:
        raise ChangeError("pair_decimals", f"pair_decimals of {pair_id} is 0 to {scale}, the digits of its prices")
    places = {"ordermin": record.lot_decimals, "costmin": record.cost_decimals, "tick_size": scale}
    for field in places.keys() & values.keys():
        values[field] = _amount(field, values[field], places[field])
    return msgspec.structs.replace(record, **values)


def _value(field: str, value: object, now: object) -> Any:
    if field not in _TYPES:
        raise ChangeError(field, f"a pair has no field {field!r}")
    if field in _FIXED and value != now:
        raise ChangeError(field, f"{field} of a pair does not change")
    if field in _LADDERS:
        return _ladder(field, value)
    try:
        return msgspec.convert(value, _TYPES[field])
    except msgspec.ValidationError as error:
        raise ChangeError(field, f"{field} does not take {value!r}: {error}") from error


def _ladder(field: str, value: object) -> str:
    try:
        rows = msgspec.convert(value, list[tuple[int, int | float | str]])
        text = msgspec.json.encode([(threshold, str(percent)) for threshold, percent in rows]).decode()
        thresholds = [threshold for threshold, _ in records.ladder(text).rates]
    except (msgspec.ValidationError, decimals.NotADecimal, decimals.TooManyDecimals) as error:
        raise ChangeError(field, f"{field} does not take {value!r}: {error}") from error
    if thresholds[:1] != [0] or thresholds != sorted(set(thresholds)):
        raise ChangeError(field, f"{field} does not take {value!r}: the volumes start at 0 and rise")
    return text


def _amount(field: str, text: str, places: int) -> str:
    try:
        units = decimals.parse(text, places)
    except (decimals.NotADecimal, decimals.TooManyDecimals) as error:
        raise ChangeError(field, f"{field} does not take {text!r}: a decimal of at most {places} places") from error
    if units < 0 or (field == "tick_size" and not units):
        raise ChangeError(field, f"{field} does not take {text!r}: it is too small")
    return decimals.shortest(units, places)
