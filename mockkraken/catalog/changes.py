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

_NAMES = "it is called by that name"
_ASSETS = "orders, trades and balances stand in its assets"
_SCALES = "orders and trades are kept in those units"
_FIXED = {
    "altname": _NAMES,
    "wsname": _NAMES,
    "aclass_base": _ASSETS,
    "base": _ASSETS,
    "aclass_quote": _ASSETS,
    "quote": _ASSETS,
    "lot": _SCALES,
    "cost_decimals": _SCALES,
    "lot_decimals": _SCALES,
    "lot_multiplier": _SCALES,
    "fee_volume_currency": "accounts' volumes of 30 days are kept in it",
}
"""Fields that never change, and why."""

TEXTS = frozenset(("ordermin", "costmin", "tick_size", "margin_open_fee", "margin_rollover_fee"))
"""Fields that are decimal texts."""

_LADDERS = ("fees", "fees_maker")
_PERCENTS = ("margin_open_fee", "margin_rollover_fee")
_LEVERAGES = ("leverage_buy", "leverage_sell")
_VENUES = ("international", "bitnomial_exchange")
_TYPES = get_type_hints(PairRecord)

# Far above all that is recorded; what is larger is a slip of the hand, and too large for some programs that read it.
_LARGEST = 10**15  # amounts, in whole units, and volumes
_STEPS_MAX = 100  # of a fee ladder
_LEVERAGE_MAX = 1000
_LEVEL_MAX = 10_000  # percent, of a margin level
_RANGES = {
    "margin_call": _LEVEL_MAX,
    "margin_stop": _LEVEL_MAX,
    "long_position_limit": _LARGEST,
    "short_position_limit": _LARGEST,
}


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

    Fee ladders are lists of (dollars, percent). A percent may be a number or its text. UNSET puts a field back to what
    was recorded.

    Raises:
        ChangeError: a field that does not exist, never changes, or does not take the value.
    """
    recorded = records.load()[pair_id]
    scale = records.price(pair_id).price_decimals
    places = {"ordermin": record.lot_decimals, "costmin": record.cost_decimals, "tick_size": scale}
    values = {}
    for field, value in fields.items():
        if field not in _TYPES:
            raise ChangeError(field, f"a pair has no field {field[:40]!r}; it has {', '.join(_TYPES)}")
        if value is msgspec.UNSET:
            values[field] = getattr(recorded, field)
        elif field in _FIXED:
            _check_same(field, value, getattr(record, field))
        elif field in _LADDERS:
            values[field] = _ladder(field, value)
        elif field in _PERCENTS:
            values[field] = _percent(field, value)
        elif field in places:
            values[field] = _amount(field, value, places[field])
        else:
            values[field] = _value(field, value)
    if not 0 <= values.get("pair_decimals", 0) <= scale:
        raise ChangeError("pair_decimals", f"pair_decimals of {pair_id} is 0 to {scale}, the digits of its prices")
    return msgspec.structs.replace(record, **values)


def _check_same(field: str, value: object, now: object) -> None:
    if value != now:
        raise ChangeError(field, f"{field} of a pair never changes: {_FIXED[field]}")


def _value(field: str, value: object) -> Any:
    try:
        read = msgspec.convert(value, _TYPES[field])
    except msgspec.ValidationError as error:
        raise _refused(field, value, str(error)) from error
    if read is not None and field in _RANGES and not 0 <= read <= _RANGES[field]:
        raise _refused(field, value, f"it lies from 0 to {_RANGES[field]}")
    if field in _LEVERAGES and (list(read) != sorted(set(read)) or any(not 2 <= x <= _LEVERAGE_MAX for x in read)):
        raise _refused(field, value, f"it is a rising list of 2 to {_LEVERAGE_MAX}")
    if field == "execution_venue" and read not in _VENUES:
        raise _refused(field, value, f"it is one of {', '.join(_VENUES)}")
    return read


def _ladder(field: str, value: object) -> str:
    try:
        rows = msgspec.convert(value, list[tuple[int, int | float | str]])
        if len(rows) > _STEPS_MAX or any(not 0 <= threshold <= _LARGEST for threshold, _ in rows):
            raise _refused(field, value, f"it has up to {_STEPS_MAX} steps, at volumes of 0 to {_LARGEST}")
        text = msgspec.json.encode([(threshold, str(percent)) for threshold, percent in rows]).decode()
        rates = records.ladder(text).rates
    except (msgspec.ValidationError, decimals.NotADecimal, decimals.TooManyDecimals) as error:
        raise _refused(field, value, str(error)) from error
    thresholds = [threshold for threshold, _ in rates]
    if thresholds[:1] != [0] or thresholds != sorted(set(thresholds)):
        raise _refused(field, value, "the volumes start at 0 and rise")
    if any(abs(rate) > records.RATE_ONE for _, rate in rates):
        raise _refused(field, value, "a percentage lies from -100 to 100")
    return text


def _percent(field: str, value: object) -> str:
    try:
        rate = records.rate(str(msgspec.convert(value, int | float | str)))
    except (msgspec.ValidationError, decimals.NotADecimal, decimals.TooManyDecimals) as error:
        raise _refused(field, value, f"a percentage of at most {records.PERCENT_PLACES} places") from error
    if not 0 <= rate <= records.RATE_ONE:
        raise _refused(field, value, "a percentage lies from 0 to 100")
    return decimals.shortest(rate, records.PERCENT_PLACES)


def _amount(field: str, value: object, places: int) -> str:
    try:
        units = decimals.parse(msgspec.convert(value, str), places)
    except (msgspec.ValidationError, decimals.NotADecimal, decimals.TooManyDecimals) as error:
        raise _refused(field, value, f"a decimal text of at most {places} places") from error
    if not 0 <= units <= _LARGEST * 10**places or (field == "tick_size" and not units):
        raise _refused(field, value, f"it lies {'above 0' if field == 'tick_size' else 'from 0'} to {_LARGEST}")
    return decimals.shortest(units, places)


def _refused(field: str, value: object, why: str) -> ChangeError:
    return ChangeError(field, f"{field} does not take {str(value)[:60]!r}: {why}")
