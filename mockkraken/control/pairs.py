"""The rules of a pair and its index price, as a test changes them: operations of `Control`, in a file of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from mockkraken.catalog import changes
from mockkraken.catalog.records import pair_entry
from mockkraken.control import bodies
from mockkraken.control.bodies import mapping, read
from mockkraken.control.errors import invalid
from mockkraken.control.markets import pair_named, price_units
from mockkraken.control.values import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mockkraken.catalog import Pair
    from mockkraken.control.operations import Control


def rules(control: Control, name: str) -> dict[str, Any]:
    """A pair's rules: its entry of AssetPairs, its id, and the margin fees, which AssetPairs does not show."""
    return _row(control, pair_named(control, name))


def change_rules(control: Control, name: str, body: object) -> dict[str, Any]:
    """Change some of a pair's rules; null puts one back to what was recorded."""
    pair = pair_named(control, name)
    return _row(control, change(control, pair, mapping(body)))


def change(control: Control, pair: Pair, fields: Mapping[str, Any]) -> Pair:
    """Change fields of a pair where it is traded too, all or nothing; the pair as it is then.

    Raises:
        ControlError: a field that does not exist, never changes, or does not take the value.
    """
    sandbox = control.sandbox
    given = {field: _given(field, value) for field, value in fields.items()}
    try:
        changed = sandbox.catalog.with_record(pair.id, **given)
    except changes.ChangeError as error:
        raise invalid(error.field, str(error)) from error
    sandbox.exchange.pair_changed(changed)
    return changed


def set_index(control: Control, name: str, body: object) -> dict[str, Any]:
    """Set a pair's index price; null: it follows the last trade again."""
    given = read(bodies.Index, body)
    pair = pair_named(control, name)
    price = None if given.price is None else price_units("price", given.price, pair)
    control.sandbox.exchange.set_index(control.sandbox.exchange.market(pair), price)
    return {"pair": pair.altname, "price": None if price is None else pair.price_text(price)}


def _given(field: str, value: Any) -> Any:
    """A value as the catalogue takes it: null stands for what was recorded, numbers may stand for texts."""
    if value is None:
        return UNSET
    if isinstance(value, list | tuple):
        return [[plain(part) for part in row] if isinstance(row, list | tuple) else plain(row) for row in value]
    if field in changes.TEXTS and type(value) is int:
        value = Decimal(value)
    return plain(value)


def _row(control: Control, pair: Pair) -> dict[str, Any]:
    record = control.sandbox.catalog.records[pair.id]
    entry = msgspec.json.decode(pair_entry(record))
    fees = {"margin_open_fee": record.margin_open_fee, "margin_rollover_fee": record.margin_rollover_fee}
    return {"id": pair.id, **entry, **fees}
