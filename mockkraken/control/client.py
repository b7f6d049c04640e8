"""The control API as Python objects: what `MockKraken` offers as `clock`, `accounts`, `keys`, `pairs`, ...

They hold no state of their own: each access is an operation on the server's event loop, done when it returns. What
can't be done raises ControlError. Times, spans and amounts are texts or numbers, as over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from mockkraken.control import access
from mockkraken.control.operations import Control


class Perform(Protocol):
    """Does an operation of Control where the sandbox lives, and gives its answer."""

    def __call__(self, operation: Any, /, *given: Any) -> Any: ...


class ClockControl:
    """The sandbox's clock. What moves it answers with its new state, as `state` does."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def state(self) -> dict[str, Any]:
        """`mode` (real, frozen or scaled), `scale`, `now` and `unix_ns`."""
        state: dict[str, Any] = self._perform(Control.clock)
        return state

    def now(self) -> str:
        """The sandbox's time in RFC 3339."""
        now: str = self.state()["now"]
        return now

    def freeze(self, at: str | float | None = None) -> dict[str, Any]:
        """Stand still, now or at a later time.

        Raises:
            ControlError: that time is past (409), or no time.
        """
        return self._move(freeze=True if at is None else at)

    def advance(self, span: str | float) -> dict[str, Any]:
        """Move forward by a span (`"15m"`, `0.25`); everything that falls due on the way happens, in order.

        Raises:
            ControlError: it is no span.
        """
        return self._move(advance=span)

    def run(self, scale: float = 1) -> dict[str, Any]:
        """Run on from where it stands, at `scale` sandbox seconds a second.

        Raises:
            ControlError: the scale is not above 0, or above a million.
        """
        return self._move(scale=scale)

    def resume(self) -> dict[str, Any]:
        """Run on from where it stands, at the machine's pace."""
        return self._move(resume=True)

    def _move(self, **move: Any) -> dict[str, Any]:
        state: dict[str, Any] = self._perform(Control.move_clock, move)
        return state


class SettingsControl(MutableMapping[str, Any]):
    """The settings by name. Deleting one puts it back to its default."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._perform(Control.change_settings, {name: value})

    def __delitem__(self, name: str) -> None:
        self._perform(Control.change_settings, {name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def patch(self, **changes: Any) -> dict[str, Any]:
        """Change several, all or nothing; all settings as they are then.

        Raises:
            ControlError: an unknown name, or a value that the setting does not take.
        """
        changed: dict[str, Any] = self._perform(Control.change_settings, changes)
        return changed

    def _all(self) -> dict[str, Any]:
        settings: dict[str, Any] = self._perform(Control.settings)
        return settings


class Balances(MutableMapping[str, str]):
    """An account's balances: asset → decimal text. An asset that it does not have reads as zero.

    Assets may be named in any way, and amounts given as text or number; each change is an adjustment in the ledger.
    """

    __slots__ = ("_account", "_perform")

    def __init__(self, perform: Perform, account: str) -> None:
        self._perform = perform
        self._account = account

    def __getitem__(self, asset: str) -> str:
        balance: str = self._perform(Control.balance, self._account, asset)
        return balance

    def __setitem__(self, asset: str, amount: Any) -> None:
        self._perform(Control.set_balances, self._account, {asset: amount})

    def __delitem__(self, asset: str) -> None:
        self[asset] = "0"

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, asset: object) -> bool:
        return asset in self._all()

    def clear(self) -> None:
        """All to zero."""
        self._perform(Control.replace_balances, self._account, {})

    def patch(self, amounts: Mapping[str, Any]) -> dict[str, str]:
        """Set several, all or nothing; all balances as they are then.

        Raises:
            ControlError: no asset, no amount, or less than open orders hold (409).
        """
        changed: dict[str, str] = self._perform(Control.set_balances, self._account, amounts)
        return changed

    def replace(self, amounts: Mapping[str, Any]) -> dict[str, str]:
        """Set these and take away all others, all or nothing.

        Raises:
            ControlError: as `patch`.
        """
        changed: dict[str, str] = self._perform(Control.replace_balances, self._account, amounts)
        return changed

    def _all(self) -> dict[str, str]:
        balances: dict[str, str] = self._perform(Control.balances, self._account)
        return balances


class AccountHandle:
    """One account, by its name."""

    __slots__ = ("_perform", "name")

    def __init__(self, perform: Perform, name: str) -> None:
        self._perform = perform
        self.name = name

    @property
    def balances(self) -> Balances:
        """What it has of each asset; `balances["ZUSD"] = "500"` sets one."""
        return Balances(self._perform, self.name)

    def __repr__(self) -> str:
        return f"<account {self.name!r}>"

    def state(self) -> dict[str, Any]:
        """Everything about it: tier, role, state, margin, balances, holds, ..."""
        row: dict[str, Any] = self._perform(Control.account, self.name)
        return row

    def patch(self, **changes: Any) -> dict[str, Any]:
        """Change some properties, all or nothing; everything about the account as it is then.

        Args:
            changes: `tier` (`starter`, `intermediate` or `pro`), `margin`: whether it may trade on margin, and `state`:
                `ok`; `unconfirmed` or `disabled`, which refuse every private call; or `locked`, which refuses to
                place, change and cancel orders.

        Raises:
            ControlError: there is no such property, or it does not take that value; or the account is `house` or
                `fees` (409).
        """
        row: dict[str, Any] = self._perform(Control.change_account, self.name, changes)
        return row


class AccountsControl:
    """The accounts: `accounts["main"]`."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name: str) -> AccountHandle:
        self._perform(Control.account, name)
        return AccountHandle(self._perform, name)

    def __iter__(self) -> Iterator[AccountHandle]:
        rows = self._perform(Control.accounts)["accounts"]
        return iter([AccountHandle(self._perform, row["name"]) for row in rows])

    def create(
        self, name: str, *, tier: str = "pro", balances: Mapping[str, Any] | None = None, margin: bool = True
    ) -> AccountHandle:
        """Open an account.

        Args:
            name: 1 to 32 characters, new (else 409).
            tier: `starter`, `intermediate` or `pro`.
            balances: what it has, by asset.
            margin: whether it may trade on margin.

        Raises:
            ControlError: one of these does not do.
        """
        body = {"name": name, "tier": tier, "balances": dict(balances or {}), "margin": margin}
        self._perform(Control.create_account, body)
        return AccountHandle(self._perform, name)


class KeyHandle:
    """One API key.

    Attributes:
        name: its name.
        api_key: the public key, for the API-Key header.
        api_secret: the secret, in base64.
        otp_secret: what the second factor that it was made with counts with (base32, for an authenticator app), or its
            password; None: it was made without, or not just now.
    """

    __slots__ = ("_perform", "api_key", "api_secret", "name", "otp_secret")

    def __init__(self, perform: Perform, row: Mapping[str, Any]) -> None:
        self._perform = perform
        self.name: str = row["key"]
        self.api_key: str = row["api_key"]
        self.api_secret: str = perform(Control.key_secret, self.api_key)
        self.otp_secret: str | None = row.get("otp_secret")

    def __repr__(self) -> str:
        return f"<key {self.name!r}>"

    def state(self) -> dict[str, Any]:
        """Everything about it but the secret: account, permissions, nonce state, refusals, ..."""
        row: dict[str, Any] = self._perform(Control.key, self.api_key)
        return row

    @property
    def highest(self) -> int:
        """The highest nonce that it has accepted. Set it to put the key in that state."""
        return int(self.state()["highest"])

    @highest.setter
    def highest(self, nonce: int | str) -> None:
        self.set_nonce(nonce)

    def set_nonce(self, highest: int | str) -> dict[str, Any]:
        """Put it in the state of having accepted this nonce.

        Raises:
            ControlError: that is no nonce, which has 64 bits.
        """
        row: dict[str, Any] = self._perform(Control.set_nonce, self.api_key, {"highest": highest})
        return row

    def patch(self, **changes: Any) -> dict[str, Any]:
        """Change some properties, all or nothing; everything about the key as it is then.

        Args:
            changes: any of `name`, `permissions`, `nonce_window`, `ip_allowlist`, `valid_until`, `query_from`,
                `query_to`, `disabled`, and `otp`, as `KeysControl.create` takes it.

        Raises:
            ControlError: there is no such property, or it does not take that value.
        """
        row: dict[str, Any] = self._perform(Control.change_key, self.api_key, changes)
        self.name = row["key"]
        if "otp" in changes:
            self.otp_secret = row.get("otp_secret")
        return row

    def delete(self) -> None:
        """Take it away: from now on the server does not know it."""
        self._perform(Control.delete_key, self.api_key)


class KeysControl:
    """The API keys: `keys["full"]`, by name or public key."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name_or_key: str) -> KeyHandle:
        return KeyHandle(self._perform, self._perform(Control.key, name_or_key))

    def __iter__(self) -> Iterator[KeyHandle]:
        return iter([KeyHandle(self._perform, row) for row in self._perform(Control.keys)["keys"]])

    def profiles(self) -> list[dict[str, Any]]:
        """The recipes for `create(profile=...)`: `name`, `permissions`, `nonce_window` and `ip_allowlist` of each."""
        profiles: list[dict[str, Any]] = self._perform(Control.profiles)["profiles"]
        return profiles

    def create(
        self,
        *,
        account: str = "main",
        name: str | None = None,
        profile: str | None = None,
        permissions: Iterable[str] | None = None,
        nonce_window: int | None = None,
        ip_allowlist: Iterable[str] | None = None,
        valid_until: str | float | None = None,
        query_from: str | float | None = None,
        query_to: str | float | None = None,
        otp: str | Mapping[str, str] | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
    ) -> KeyHandle:
        """Make a key.

        Args:
            account: whose.
            name: 1 to 32 characters, new (else 409); None: one like Kraken's own.
            profile: a recipe for what the following three say, unless they are given too: `trading-bot`, ...
            permissions: codes such as `query-funds`, or `"all"`; None: the profile's, or none at all.
            nonce_window: how far below the highest nonce an unused one passes.
            ip_allowlist: addresses and ranges that it may be used from; empty: everywhere.
            valid_until: when it runs out.
            query_from: how far back queries of orders, trades and ledger entries may reach; None: without limit.
            query_to: up to when.
            otp: `"totp"`: each call needs a code from an authenticator app, see `KeyHandle.otp_secret`;
                `{"totp": BASE32}`: with that secret; `{"password": TEXT}`: each call needs that text.
            api_key: the public key; None: a generated one.
            api_secret: in base64; None: a generated one.

        Raises:
            ControlError: one of these does not do.
        """
        body = {
            "account": account,
            "name": name,
            "profile": profile,
            "permissions": _listed(permissions),
            "nonce_window": nonce_window,
            "ip_allowlist": _listed(ip_allowlist),
            "valid_until": valid_until,
            "query_from": query_from,
            "query_to": query_to,
            "otp": otp,
            "api_key": api_key,
            "api_secret": api_secret,
        }
        return KeyHandle(self._perform, self._perform(Control.create_key, body))


class LockoutControl:
    """The temporary lockout: `EGeneral:Temporary lockout` for each private call of a key or an address."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def start(
        self, key: str | None = None, *, ip: str | None = None, seconds: str | float | None = None
    ) -> list[dict[str, Any]]:
        """Lock out; all lockouts as they are then.

        Args:
            key: by name or public key; None: every key.
            ip: the address that it comes from; None: every address.
            seconds: for how long, also `"15m"`; None: as the setting `lockout_seconds` says. Each attempt meanwhile
                starts that time anew, unless `lockout_extends_on_attempt` is off.

        Raises:
            ControlError: there is no such key (404), neither key nor ip is given, or no such time.
        """
        body = {"key": key, "ip": ip, "seconds": seconds}
        locked: list[dict[str, Any]] = self._perform(access.lock_out, body)["lockouts"]
        return locked

    def state(self) -> list[dict[str, Any]]:
        """The lockouts in force: `key`, `api_key`, `ip`, `until`, ..."""
        locked: list[dict[str, Any]] = self._perform(access.lockouts)["lockouts"]
        return locked

    def clear(self) -> None:
        """Let everybody in again, and count refusals from zero."""
        self._perform(access.lock_out, {"clear": True})


class TokensControl:
    """The tokens that GetWebSocketsToken has given."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def expire(self, key: str | None = None) -> list[dict[str, Any]]:
        """End the tokens of one key (name or public key), or all; how many of each key: `key`, `api_key`, `count`.

        Raises:
            ControlError: there is no such key (404).
        """
        expired: list[dict[str, Any]] = self._perform(access.expire_tokens, {"key": key})["expired"]
        return expired


class JournalControl:
    """The journal: every request that came in, and why it was refused."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def page(self, **query: Any) -> dict[str, Any]:
        """The answer of `GET /mock/journal`: `records`, how many were `dropped`, and the `next` to give as `since`.

        Args:
            query: any of `key`, `endpoint`, `outcome`, `check`, `scenario`, `since` (exclusive), `limit`.

        Raises:
            ControlError: there is no such filter, or it does not take that value.
        """
        page: dict[str, Any] = self._perform(Control.journal, query)
        return page

    def records(self, **query: Any) -> list[dict[str, Any]]:
        """The records that fit, oldest first; filters as of `page`."""
        records: list[dict[str, Any]] = self.page(**query)["records"]
        return records

    def refusals(self, **query: Any) -> list[dict[str, Any]]:
        """The records of refused requests."""
        return self.records(outcome="refused", **query)

    def clear(self) -> None:
        """Forget all records."""
        self._perform(Control.clear_journal)


def _listed(values: Iterable[str] | None) -> Any:
    return values if values is None or isinstance(values, str) else list(values)
