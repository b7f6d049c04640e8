"""The default world: the accounts, keys and key profiles that every sandbox starts with.

The keys are fixed texts that nobody can take for real ones, so that they may stand in tests and documentation.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mockkraken.catalog import fixtures

Permissions = tuple[str, ...] | Literal["all"]
"""Permission codes (kraken/10 §3.2), or `all` of them."""


class WorldAccount(msgspec.Struct, frozen=True):
    """An account and what it owns at the start.

    Attributes:
        role: `house` (the simulated market makers) and `fees` (what the exchange has collected) have no keys.
        margin: may trade on margin.
        subaccounts: may create subaccounts.
        iban: the account's public id.
        balances: decimal texts by asset id; what `house` has is the world's `house_balance` of every asset.
    """

    name: str
    role: Literal["client", "house", "fees"]
    tier: Literal["starter", "intermediate", "pro"]
    margin: bool
    subaccounts: bool
    iban: str
    balances: dict[str, str]


class WorldKey(msgspec.Struct, frozen=True):
    """An API key: the public key, the secret (64 bytes in base64) and what it may do.

    `valid_until` is an RFC 3339 text, None for ever; an empty `ip_allowlist` admits every address.
    """

    account: str
    name: str
    api_key: str
    api_secret: str
    permissions: Permissions
    nonce_window: int
    ip_allowlist: tuple[str, ...]
    valid_until: str | None


class KeyProfile(msgspec.Struct, frozen=True):
    """How an integrator tells its users to set up their key."""

    permissions: Permissions
    nonce_window: int
    ip_allowlist: tuple[str, ...]


class World(msgspec.Struct, frozen=True):
    """Everything that a sandbox starts with. `house_balance`: what `house` owns of every asset, in whole units."""

    house_balance: str
    accounts: tuple[WorldAccount, ...]
    keys: tuple[WorldKey, ...]
    profiles: dict[str, KeyProfile]


@cache
def world() -> World:
    """The default world; one object for all, not to be changed."""
    return msgspec.json.decode(fixtures.read("world.json"), type=World)
