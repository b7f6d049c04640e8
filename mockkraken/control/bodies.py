"""What each control call takes: a record for every body and query."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType

from mockkraken.control.errors import invalid
from mockkraken.errors import Check
from mockkraken.exchange.accounts import State, Tier
from mockkraken.exchange.orders import Side
from mockkraken.journal.journal import Outcome
from mockkraken.market import Model
from mockkraken.settings import Seed

Body = TypeVar("Body", bound=msgspec.Struct)

Permissions = list[str] | Literal["all"]

# Numbers of records: far above any that is reached, and every machine counts that far.
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class Reset(msgspec.Struct):
    """`POST /mock/reset`; None: as the sandbox was started."""

    seed: Seed | None = None
    clock: Any = None
    scenario: str | None = None


class ClockMove(msgspec.Struct):
    """`POST /mock/clock`: one of these."""

    freeze: Any = UNSET
    advance: Any = UNSET
    scale: Any = UNSET
    resume: Any = UNSET


class NewAccount(msgspec.Struct):
    """`POST /mock/accounts`."""

    name: str
    tier: Tier = "pro"
    balances: dict[str, Any] = {}
    margin: bool = True


class AccountChange(msgspec.Struct):
    """`PATCH /mock/accounts/NAME`."""

    tier: Tier | UnsetType = UNSET
    margin: bool | UnsetType = UNSET
    state: State | UnsetType = UNSET


class StatusChange(msgspec.Struct):
    """`POST /mock/status`: of the exchange, or of one pair."""

    status: str
    pair: str | UnsetType = UNSET


class Index(msgspec.Struct):
    """`POST /mock/index/PAIR`; null: as the last trade."""

    price: Any


class NewKey(msgspec.Struct):
    """`POST /mock/keys`; None: what the profile says, else unrestricted, but without permissions."""

    account: str = "main"
    name: str | None = None
    profile: str | None = None
    permissions: Permissions | None = None
    nonce_window: int | None = None
    ip_allowlist: list[str] | None = None
    valid_until: Any = None
    query_from: Any = None
    query_to: Any = None
    otp: Any = None
    api_key: str | None = None
    api_secret: str | None = None


class KeyChange(msgspec.Struct):
    """`PATCH /mock/keys/KEY`; the times and otp may be null: none."""

    name: str | UnsetType = UNSET
    permissions: Permissions | UnsetType = UNSET
    nonce_window: int | UnsetType = UNSET
    ip_allowlist: list[str] | UnsetType = UNSET
    valid_until: Any = UNSET
    query_from: Any = UNSET
    query_to: Any = UNSET
    otp: Any = UNSET
    disabled: bool | UnsetType = UNSET


class NonceState(msgspec.Struct):
    """`POST /mock/keys/KEY/nonce`."""

    highest: str | int


class Lockout(msgspec.Struct):
    """`POST /mock/lockout`: a key, an address, or both; or `clear` alone."""

    key: str | None = None
    ip: str | None = None
    seconds: Any = None
    clear: bool | None = None


class TokenExpiry(msgspec.Struct):
    """`POST /mock/tokens/expire`; without a key: all tokens."""

    key: str | None = None


class Counters(msgspec.Struct):
    """`POST /mock/counters`: counters by key, and by account and pair, or `clear` alone."""

    rest: dict[str, Any] = {}
    trading: dict[str, Any] = {}
    clear: bool | None = None


class MarketChange(msgspec.Struct):
    """`POST /mock/market/PAIR`: one of price, gap, trade and book, or none; and how its makers behave.

    `file` is the tape that `replay` plays.
    """

    price: Any = UNSET
    gap: str | UnsetType = UNSET
    trade: dict[str, Any] | UnsetType = UNSET
    book: dict[str, Any] | UnsetType = UNSET
    model: Model | UnsetType = UNSET
    file: str | UnsetType = UNSET
    pause: bool | UnsetType = UNSET


class Trade(msgspec.Struct):
    """The `trade` of a MarketChange: what somebody takes, at `price` or better if given."""

    side: Side
    volume: Any
    price: Any = UNSET


class Book(msgspec.Struct):
    """The `book` of a MarketChange: price and volume of each level."""

    bids: list[tuple[Any, Any]] = []
    asks: list[tuple[Any, Any]] = []


class Fill(msgspec.Struct):
    """`POST /mock/orders/TXID/fill`; without a volume: all that is left."""

    volume: Any = UNSET


class GivenScenario(msgspec.Struct):
    """`POST /mock/scenarios`: a file's name, and the text that it holds."""

    name: str
    toml: str


class NewFault(msgspec.Struct):
    """`POST /mock/faults`; times null: until it is taken away."""

    action: dict[str, Any]
    match: dict[str, Any] = {}
    times: Annotated[int, msgspec.Meta(ge=1, le=10**15)] | None = None
    skip: _Count = 0
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0


class FaultMatch(msgspec.Struct):
    """The `match` of a NewFault; null: any."""

    endpoint: str | None = None
    key: str | None = None
    pair: str | None = None


class FaultDelay(msgspec.Struct):
    """The `delay` of a fault, when it is another for each request."""

    dist: Literal["lognormal"]
    p50: Any
    p99: Any


class Signed(msgspec.Struct):
    """`POST /mock/signature`: a private call; without `content_type` the body tells whether it is JSON."""

    path: str
    api_key: str
    body: str | None = None
    content_type: str | None = None


class JournalQuery(msgspec.Struct):
    """`GET /mock/journal`; None: any."""

    key: str | None = None
    endpoint: str | None = None
    outcome: Outcome | None = None
    check: Check | None = None
    scenario: str | None = None
    since: _Count = 0
    limit: _Count | None = None


class DoctorQuery(msgspec.Struct):
    """`GET /mock/doctor`; None: every key."""

    key: str | None = None


@cache
def _fields(type_: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(type_)}


def read(type_: type[Body], body: object, *, texts: bool = False) -> Body:
    """Check a body, member by member, so that a refusal can name the one that is wrong.

    Args:
        type_: the record to make.
        body: what was given.
        texts: numbers come as texts, as they do in a query.

    Raises:
        ControlError: it is no object, or a member is unknown, missing or of the wrong type.
    """
    members = mapping(body)
    fields = _fields(type_)
    values = {}
    for name, value in members.items():
        if name not in fields:
            raise invalid(name, f"there is no {name!r}; this call takes {', '.join(fields)}")
        try:
            values[name] = msgspec.convert(value, fields[name].type, strict=not texts)
        except msgspec.ValidationError as error:
            choices = ", ".join(_choices(fields[name].type))
            raise invalid(name, f"{name} does not take that: {f'it takes {choices}' if choices else error}") from error
    for name, field in fields.items():
        if field.required and name not in values:
            raise invalid(name, f"{name} is missing")
    return type_(**values)


def _choices(type_: Any) -> list[str]:
    """The values among which a member chooses, as JSON; empty unless its type says them all."""
    parts = [part for part in get_args(type_) or (type_,) if part not in (UnsetType, NoneType)]
    if get_origin(type_) is Literal:
        parts = [type_]
    if not all(get_origin(part) is Literal for part in parts):
        return []
    return [msgspec.json.encode(value).decode() for part in parts for value in get_args(part)]


def mapping(body: object) -> Mapping[str, Any]:
    """The body as an object.

    Raises:
        ControlError: it is something else.
    """
    if not isinstance(body, Mapping):
        raise invalid(None, "the body must be a JSON object")
    return body
