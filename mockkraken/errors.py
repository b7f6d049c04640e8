"""Every error text that the exchange answers, and the refusal that carries one.

Texts are Kraken's, byte for byte: client libraries compare them whole, so a suffix more or less changes what a bot
does. No other module spells one out.

Where Kraken's documentation and live traffic disagree, DIALECT_ROWS has both sides; `Settings.dialect` picks one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Check = Literal[
    "routing",
    "verb",
    "body",
    "lockout",
    "key",
    "address",
    "expiry",
    "nonce",
    "signature",
    "otp",
    "rate",
    "throttle",
    "permission",
    "arguments",
    "status",
    "eligibility",
    "trading_rate",
    "order",
    "funding",
]
"""What refused a request; the journal's `check`."""

LOCKING: frozenset[Check] = frozenset(("key", "address", "expiry", "signature", "nonce"))
"""The checks whose refusals in a row end in a lockout (kraken/10 §2.4). [doc] that those of key, signature and nonce
do; address and expiry answer as a bad key does. A refused otp neither counts nor clears the count [guess]."""


class KrakenError(Exception):
    """A refusal in Kraken's words.

    Attributes:
        message: the text for the answer's `error` array.
        check: which check refused.
        reason: one sentence with the numbers, for the journal; the client never sees it.
    """

    def __init__(self, message: str, reason: str = "", *, check: Check = "arguments") -> None:
        super().__init__(message)
        self.message = message
        self.check = check
        self.reason = reason


# Who are you (kraken/10 §5.1)
INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
BAD_REQUEST = "EAPI:Bad request"
RATE_LIMIT_EXCEEDED = "EAPI:Rate limit exceeded"
TEMPORARY_LOCKOUT = "EGeneral:Temporary lockout"
TOO_MANY_REQUESTS = "EGeneral:Too many requests"

# May the account act at all (§5.1, §5.4)
ACCOUNT_UNCONFIRMED = "EAuth:Account unconfirmed"
ACCOUNT_DISABLED = "EAuth:Account temporary disabled"
ACCOUNT_LOCKED = "ETrade:Locked"

# What did you ask (§5.2)
INVALID_ARGUMENTS = "EGeneral:Invalid arguments"
PERMISSION_DENIED = "EGeneral:Permission denied"
UNKNOWN_METHOD = "EGeneral:Unknown method"
INTERNAL_ERROR = "EGeneral:Internal error"
UNKNOWN_ASSET = "EQuery:Unknown asset"
UNKNOWN_ASSET_PAIR = "EQuery:Unknown asset pair"
VOLUME_MINIMUM_NOT_MET = "EGeneral:Invalid arguments:volume minimum not met"
INDEX_UNAVAILABLE = "EGeneral:Invalid arguments:Index unavailable"
TIMEOUT_ABOVE_MAX = "EGeneral:Invalid timeout argument:above max"  # [guess] kraken/30 §6.4, dms_timeout_error
CL_ORD_ID_NOT_UNIQUE = "EGeneral:Invalid arguments:cl_ord_id not unique"

# Orders (§5.3, kraken/30 §5)
INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
ORDER_MINIMUM_NOT_MET = "EOrder:Order minimum not met"
COST_MINIMUM_NOT_MET = "EOrder:Cost minimum not met"
TICK_SIZE_CHECK_FAILED = "EOrder:Tick size check failed"
INVALID_PRICE = "EOrder:Invalid price"
INVALID_PRICE_ARGUMENT = "EOrder:Invalid price:Invalid price argument"
INVALID_SECONDARY_PRICE_ARGUMENT = "EOrder:Invalid price:Invalid secondary price argument"
INVALID_LIMIT_PRICE = "EOrder:Invalid limit price"
INVALID_TRIGGER_PRICE = "EOrder:Invalid trigger price"  # [guess] kraken/30 §4.1, by analogy
NO_AMENDABLE_PARAMETERS = "EOrder:No amendable parameters specified"
ORDER_RATE_LIMIT_EXCEEDED = "EOrder:Rate limit exceeded"
ORDERS_LIMIT_EXCEEDED = "EOrder:Orders limit exceeded"
INVALID_ORDER = "EOrder:Invalid order"
UNKNOWN_ORDER = "EOrder:Unknown order"
POST_ONLY_ORDER = "EOrder:Post only order"
REDUCE_ONLY_ON_SPOT = "EOrder:Reduce only:Non-PC"  # [guess] kraken/30 §5.2, reduce_only_spot_error
REDUCE_ONLY_NO_POSITION = "EOrder:Reduce only:No position exists"
CANNOT_OPEN_POSITION = "EOrder:Cannot open position"
MARGIN_LEVEL_TOO_LOW = "EOrder:Margin level too low"
MARGIN_POSITION_SIZE_EXCEEDED = "EOrder:Margin position size exceeded"
UNKNOWN_POSITION = "EOrder:Unknown position"

# WebSocket tokens (kraken/10 §3.4)
INVALID_SESSION = "ESession:Invalid session"

# What a WebSocket says of a message that it can't follow (kraken/50 §4, kraken/60 §2.2)
MALFORMED_REQUEST = "Malformed request"
METHODS_NOT_FOUND = "Method(s) not found"  # [guess] by the pattern of the next
EVENTS_NOT_FOUND = "Event(s) not found"
UNSUPPORTED_EVENT = "Unsupported event"
MESSAGE_RATE_EXCEEDED = "Exceeded msg rate"
SUBSCRIPTION_NAME_INVALID = "Subscription name invalid"
ALREADY_SUBSCRIBED = "Already subscribed"
SUBSCRIPTION_NOT_FOUND = "Subscription Not Found"
DEPTH_NOT_SUPPORTED = "Subscription depth not supported"
EVENT_TRIGGER_NOT_SUPPORTED = "Subscription event_trigger not supported"  # [guess] by the pattern of the last
DEPTH_NOT_AN_INTEGER = "Subscription book depth must be an integer"
INTERVAL_NOT_SUPPORTED = "Subscription ohlc interval not supported"
INTERVAL_NOT_AN_INTEGER = "Subscription ohlc interval must be an integer"
INTERVAL_REQUIRED = "Subscription ohlc requires interval"
SUBSCRIPTION_NOT_AN_OBJECT = "Subscription field must be an object"
SUBSCRIPTION_FIELD_UNSUPPORTED = "Subscription object unsupported field"
PAIR_NOT_AN_ARRAY = "Pair field must be an array"
PAIR_UNSUPPORTED = "Pair field unsupported for this subscription type"
PAIRS_NOT_FOUND = "Pair(s) not found"
PRIVATE_ELSEWHERE = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
PUBLIC_ELSEWHERE = "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"

# The service (§5.4)
UNAVAILABLE = "EService:Unavailable"
DEADLINE_ELAPSED = "EService:Deadline elapsed"


def invalid_arguments(detail: str) -> str:
    """`EGeneral:Invalid arguments:<detail>`, for the arguments that Kraken names in its answer."""
    return f"{INVALID_ARGUMENTS}:{detail}"


def too_many_price_decimals(pair: str, decimals: int) -> str:
    """The text for a price finer than the pair's decimals; `pair` in the slash form (kraken/30 §5.2)."""
    return f"{INVALID_PRICE}:{pair} price can only be specified up to {decimals} decimals."


def not_found(field: str) -> str:
    """`Token(s) not found`: a WebSocket message lacks a field."""
    return f"{field[:1].upper()}{field[1:]}(s) not found"


def must_be(field: str, kind: str) -> str:
    """`Limit_price field must be a number_float`: a field of a WebSocket message is of another JSON type."""
    return f"{field[:1].upper()}{field[1:]} field must be a {kind}"


def must_be_an_array(field: str) -> str:
    """`Txid field must be an array`: the same in version 1, by the pattern of `Pair field must be an array` [guess]."""
    return f"{field[:1].upper()}{field[1:]} field must be an array"


def unsupported_field(field: str, kind: str) -> str:
    """`Unsupported field: 'price' for the given msg type: add order`: no WebSocket message of that kind has it."""
    return f"Unsupported field: '{field}' for the given msg type: {kind}"


def pair_not_supported(name: str) -> str:
    """`Currency pair not supported FOO/USD`: no pair is called that on this WebSocket."""
    return f"Currency pair not supported {name}"


def pair_malformed(name: str) -> str:
    """`Currency pair not in ISO 4217-A3 format foobar`: that is no pair's name at all."""
    return f"Currency pair not in ISO 4217-A3 format {name}"


def throttled(until: int) -> str:
    """`EService:Throttled: <unix seconds>`: too many calls at once; try again then (kraken/10 §4.2)."""
    return f"EService:Throttled: {until}"


def market_in_mode(status: str) -> str:
    """`EService:Market in <status> mode`, for a pair that takes no such order now (kraken/30 §5.2)."""
    return f"EService:Market in {status} mode"


class DialectRow(NamedTuple):
    """One question that documentation and observation answer differently."""

    setting: str
    what: str
    documented: str
    observed: str
    evidence: str


DIALECT_ROWS = (
    DialectRow(
        "signature_mismatch_error",
        "wrong signature, known key",
        INVALID_SIGNATURE,
        INVALID_KEY,
        "documented: error guide, August 2026; observed: support article of June 2025 and field reports",
    ),
    DialectRow(
        "below_ordermin_error",
        "volume below the pair's ordermin",
        ORDER_MINIMUM_NOT_MET,
        VOLUME_MINIMUM_NOT_MET,
        "documented: error guide; observed: REST and WebSocket v2 logs, 2024 to 2026",
    ),
    DialectRow(
        "gone_order_error",
        "cancel of a txid never issued or malformed, or of a cl_ord_id without an open order",
        UNKNOWN_ORDER,
        INVALID_ORDER,
        "documented: error guide; observed: live probe by txid, September 2026, and an SDK's guide by cl_ord_id",
    ),
    DialectRow(
        "api_key_info_case",
        "field names of GetApiKeyInfo",
        "camel",
        "snake",
        "documented: endpoint page of March 2026, nonceWindow a number; observed: a recorded body of 2026, all strings",
    ),
)
