"""The settings that a user has a reason to switch, typed, with their defaults.

A dialect row's setting is None until somebody overrides it: then `dialect` decides. What is merely assumed about
Kraken and nobody needs to switch is a named constant beside the code that it rules.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from mockkraken import errors


def _one_of(*texts: str) -> msgspec.Meta:
    return msgspec.Meta(pattern=rf"\A(?:{'|'.join(map(re.escape, texts))})\Z")


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

    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] = 0
    """All randomness of the sandbox comes from it; changes with a reset only."""
    dialect: Literal["documented", "observed"] = "documented"
    """Which side to take where Kraken's documentation and live traffic disagree (errors.DIALECT_ROWS)."""
    journal_size: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 10_000
    """Requests that the journal keeps; older ones are dropped and counted."""

    signature_mismatch_error: Annotated[str, _one_of(errors.INVALID_SIGNATURE, errors.INVALID_KEY)] | None = None
    below_ordermin_error: (
        Annotated[str, _one_of(errors.ORDER_MINIMUM_NOT_MET, errors.VOLUME_MINIMUM_NOT_MET)] | None
    ) = None
    gone_order_error: Annotated[str, _one_of(errors.UNKNOWN_ORDER, errors.INVALID_ORDER)] | None = None
    api_key_info_case: Literal["camel", "snake", "both"] | None = None

    ip_denied_error: Annotated[str, _one_of(errors.INVALID_KEY, errors.PERMISSION_DENIED)] = errors.INVALID_KEY
    """[guess] kraken/10 §3.5: the answer to an address outside the key's allowlist."""
    window_inclusive: bool = True
    """[guess] kraken/10 §2.1: whether highest - window itself still passes."""
    accept_duplicates_in_window: bool = False
    """[guess] kraken/10 §2.1: whether a nonce used before passes again below the highest."""
    nonce_consumed_on_later_failure: bool = True
    """[guess] kraken/10 §2.1: whether a request that authenticated and was refused later has used up its nonce."""
    public_post_response: Literal["405", "404", "allow"] = "405"
    """[obs] kraken/10 §1.9: what a POST to a public method gets; `allow` serves clients older than 2024."""
    require_user_agent: bool = False
    """kraken/10 §1.2: refuse requests without a User-Agent at the edge (HTTP 403)."""
    post_only_crossing: Literal["error", "cancel"] = "error"
    """[obs] kraken/30 §8.3: a post-only order that would take is refused, or accepted and cancelled."""
    market_price_protection: Annotated[str, msgspec.Meta(pattern=r"\A(?:off|[0-9]{1,4}(?:\.[0-9]{1,4})?)\Z")] = "10"
    """[guess] kraken/30 §8.4: how far a market order sweeps from the best price, in percent, or `off`."""

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
            if name == "seed":
                raise SettingError(name, "the seed changes with a reset only")
            checked[name] = _DEFAULTS[name] if value is None else _convert(name, value)
        for name, value in checked.items():
            setattr(self, name, value)

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """Settings with the given values, checked.

        Raises:
            SettingError: as `patch`.
        """
        seed = values.pop("seed", 0)
        settings = cls(seed=_convert("seed", seed))
        settings.patch(values)
        return settings


_TYPES = get_type_hints(Settings, include_extras=True)
_DEFAULTS = msgspec.structs.asdict(Settings())


def _convert(name: str, value: object) -> Any:
    # Numbers and booleans may come as text and texts as numbers (the environment knows texts only).
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isinstance(_DEFAULTS[name], str):
        value = str(value)
    try:
        return msgspec.convert(value, _TYPES[name], strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(name, f"{name} does not take {value!r}: {error}") from error
