"""The settings that a user has a reason to switch, typed, with their defaults.

A dialect row's setting is None until somebody overrides it: till then `dialect` decides (errors.DIALECT_ROWS). What is
merely assumed about Kraken and nobody needs to switch is a named constant beside the code that it rules.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from mockkraken import errors

Basis = Literal["documented", "observed", "assumed", "ours"]
"""What a default rests on: Kraken's documentation, its traffic, a guess where there is neither, or our own choice."""


def _one_of(*texts: str) -> msgspec.Meta:
    return msgspec.Meta(pattern=rf"\A(?:{'|'.join(map(re.escape, texts))})\Z", extra={"takes": texts})


def _about(what: str, basis: Basis, source: str = "") -> msgspec.Meta:
    """What a setting decides, for the README; `source`: which part of the reference it follows."""
    return msgspec.Meta(description=what, extra={"basis": basis, "source": source})


# Every generator takes any integer; JSON libraries agree on 64 bits only.
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

_ByDialect = {row.setting: row for row in errors.DIALECT_ROWS}


class SettingError(ValueError):
    """A setting that does not exist, or a value that it does not take.

    Attributes:
        field: the setting's name.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Settings(msgspec.Struct, kw_only=True):
    """One sandbox's settings; each attribute is also its name in `/mock/settings`."""

    seed: Annotated[Seed, _about("all randomness; fixed until a reset", "ours")] = 0
    market: Annotated[
        Literal["calm", "walk", "static"],
        _about("how the market makers behave at first; fixed until a reset; `walk` in `serve` and `exec`", "ours"),
    ] = "calm"
    dialect: Annotated[
        Literal["documented", "observed"],
        _about("which side to take where Kraken's documentation and its traffic disagree", "ours"),
    ] = "documented"
    rate_limits: Annotated[
        Literal["on", "off"],
        _about(
            "all rate limits at once, and the cap on open orders; `off` in `MockKraken` and pytest",
            "documented",
            "kraken/10 §4",
        ),
    ] = "on"
    public_rate_limit: Annotated[
        Literal["off", "on"],
        _about(
            "whether public calls are limited, to one a second and a burst of ten for each address and method",
            "observed",
            "kraken/10 §4.3",
        ),
    ] = "off"
    max_concurrent_private: Annotated[
        Literal["off"] | Annotated[int, msgspec.Meta(ge=1, le=1_000_000)],
        msgspec.Meta(extra={"takes": "a whole number from 1 to 1000000, or `off`"}),
        _about("how many private calls of a key may be under way at once", "documented", "kraken/10 §4.2"),
    ] = "off"
    journal_size: Annotated[
        int,
        msgspec.Meta(ge=0, le=10_000_000, extra={"takes": "a whole number from 0 to 10000000"}),
        _about("requests that the journal keeps; older ones are dropped and counted; 0: no journal", "ours"),
    ] = 10_000

    signature_mismatch_error: Annotated[str, _one_of(errors.INVALID_SIGNATURE, errors.INVALID_KEY)] | None = None
    below_ordermin_error: (
        Annotated[str, _one_of(errors.ORDER_MINIMUM_NOT_MET, errors.VOLUME_MINIMUM_NOT_MET)] | None
    ) = None
    gone_order_error: Annotated[str, _one_of(errors.UNKNOWN_ORDER, errors.INVALID_ORDER)] | None = None
    api_key_info_case: Literal["camel", "snake", "both"] | None = None

    ip_denied_error: Annotated[
        str,
        _one_of(errors.INVALID_KEY, errors.PERMISSION_DENIED),
        _about("the answer to an address outside the key's allowlist", "assumed", "kraken/10 §3.5"),
    ] = errors.INVALID_KEY
    otp_missing_error: Annotated[
        str,
        _one_of(errors.PERMISSION_DENIED, errors.INVALID_SIGNATURE, errors.INVALID_KEY),
        _about("the answer when a key with a second factor comes without `otp`", "observed", "kraken/10 §1.7"),
    ] = errors.PERMISSION_DENIED
    otp_wrong_error: Annotated[
        str,
        _one_of(errors.INVALID_SIGNATURE, errors.INVALID_KEY, errors.PERMISSION_DENIED),
        _about("the answer to a wrong `otp`", "observed", "kraken/10 §1.7"),
    ] = errors.INVALID_SIGNATURE
    otp_unneeded_error: Annotated[
        str,
        _one_of("ignore", errors.INVALID_SIGNATURE, errors.INVALID_KEY),
        _about("the answer to an `otp` that the key does not ask for", "assumed", "kraken/10 §1.7"),
    ] = "ignore"
    otp_previous_step: Annotated[
        bool, _about("whether the code of the last 30 seconds still passes", "assumed", "kraken/10 §1.7")
    ] = True
    lockout_threshold: Annotated[
        int,
        msgspec.Meta(ge=0, le=1_000_000, extra={"takes": "a whole number from 0 to 1000000"}),
        _about(
            "refusals of key, signature or nonce in a row that lock a key out at an address; 0: never",
            "assumed",
            "kraken/10 §2.4",
        ),
    ] = 10
    lockout_seconds: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000_000, extra={"takes": "a whole number from 1 to 1000000000"}),
        _about("how long that lasts", "documented", "kraken/10 §2.4"),
    ] = 900
    lockout_extends_on_attempt: Annotated[
        bool, _about("whether each private call meanwhile starts that time anew", "documented", "kraken/10 §2.4")
    ] = True
    query_range_error: Annotated[
        str,
        _one_of(errors.INVALID_ARGUMENTS, "clamp"),
        _about(
            "the answer to a query beyond the key's `query_from` and `query_to`; `clamp` leaves rows outside out",
            "observed",
            "kraken/10 §3.5",
        ),
    ] = errors.INVALID_ARGUMENTS
    window_inclusive: Annotated[
        bool, _about("whether a nonce of exactly highest − window still passes", "assumed", "kraken/10 §2.1")
    ] = True
    accept_duplicates_in_window: Annotated[
        bool, _about("whether a used nonce passes again below the highest", "assumed", "kraken/10 §2.1")
    ] = False
    nonce_consumed_on_later_failure: Annotated[
        bool,
        _about(
            "whether a request that was refused after it had authenticated has used its nonce",
            "assumed",
            "kraken/10 §2.1",
        ),
    ] = True
    public_post_response: Annotated[
        Literal["405", "404", "allow"],
        _about(
            "what a POST to a public method gets; `allow` serves clients older than 2024", "observed", "kraken/10 §1.9"
        ),
    ] = "405"
    require_user_agent: Annotated[
        bool, _about("whether a request without a User-Agent gets HTTP 403", "documented", "kraken/10 §1.2")
    ] = False
    post_only_crossing: Annotated[
        Literal["error", "cancel"],
        _about("a post-only order that would take is refused, or accepted and cancelled", "observed", "kraken/30 §8.3"),
    ] = "error"
    triggered_at_entry: Annotated[
        Literal["cancel", "fire"],
        _about(
            "a stop whose trigger price is already reached is cancelled at once, or fires",
            "assumed",
            "kraken/30 §8.6",
        ),
    ] = "cancel"
    stops_hold_funds: Annotated[
        bool,
        _about("whether orders that wait for their trigger hold funds", "observed", "kraken/30 §5.4"),
    ] = False
    ws_reply_order: Annotated[
        Literal["first", "last"],
        _about(
            "whether a WebSocket request is answered before or after the messages that it brings about",
            "assumed",
            "kraken/50 §6.3",
        ),
    ] = "first"
    market_price_protection: Annotated[
        str,
        msgspec.Meta(pattern=r"\A(?:off|[0-9]{1,4}(?:\.[0-9]{1,4})?)\Z", extra={"takes": "percent, or `off`"}),
        _about("how far from the best price a market order sweeps, in percent", "assumed", "kraken/30 §8.4"),
    ] = "10"

    def by_dialect(self, name: str) -> str:
        """The value in force of a dialect row: its own setting if that was given, else the dialect's side."""
        row = _ByDialect[name]
        own: str | None = getattr(self, name)
        return own or (row.documented if self.dialect == "documented" else row.observed)

    def patch(self, changes: dict[str, Any]) -> None:
        """Change the named settings; None puts one back to its default. All or nothing.

        Raises:
            SettingError: an unknown name, a value that the setting does not take, or one that only a reset changes.
        """
        checked = {}
        for name, value in changes.items():
            if name not in _TYPES:
                raise SettingError(name, f"there is no setting {name!r}")
            if name in _FIXED:
                raise SettingError(name, f"{name} holds from the start to the end of a sandbox")
            checked[name] = _DEFAULTS[name] if value is None else _convert(name, value)
        for name, value in checked.items():
            setattr(self, name, value)

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """Settings with the given values, checked.

        Raises:
            SettingError: as `patch`.
        """
        settings = cls(**{name: _convert(name, values.pop(name)) for name in _FIXED if name in values})
        settings.patch(values)
        return settings


_FIXED = ("seed", "market")
_TYPES = get_type_hints(Settings, include_extras=True)
_DEFAULTS = msgspec.structs.asdict(Settings())


def _convert(name: str, value: object) -> Any:
    # Numbers and booleans may come as text and texts as numbers (the environment knows texts only).
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isinstance(_DEFAULTS[name], str):
        value = str(value)
    try:
        return msgspec.convert(value, _TYPES[name], strict=False)
    except msgspec.ValidationError as error:
        takes = _takes(name)
        why = f"it takes {takes}" if takes else str(error)
        raise SettingError(name, f"{name} does not take {value!r}: {why}") from error


def _takes(name: str) -> str:
    """What a setting takes, in words; empty: its type says it."""
    about = msgspec.inspect.type_info(_TYPES[name])
    extra = None
    if isinstance(about, msgspec.inspect.Metadata):
        extra, about = about.extra, about.type
    takes = (extra or {}).get("takes") or (about.values if isinstance(about, msgspec.inspect.LiteralType) else "")
    return takes if isinstance(takes, str) else ", ".join(map(str, takes))
