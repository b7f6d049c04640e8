"""What can be done to a sandbox from outside: the one implementation behind the HTTP calls and the Python objects.

Every operation takes and gives plain JSON data, and is done whole or refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from mockkraken import decimals
from mockkraken.catalog.world import world
from mockkraken.clock import SECOND, Clock, ClockError, rfc3339
from mockkraken.control import bodies, scenarios
from mockkraken.control.bodies import mapping, read
from mockkraken.control.errors import conflict, invalid, unknown
from mockkraken.control.values import amount, moment, plain, span
from mockkraken.exchange import Account
from mockkraken.gate import nonce, permissions
from mockkraken.gate.keys import LONGEST_NAME, Key, KeyFieldError
from mockkraken.settings import SettingError
from mockkraken.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.catalog import Asset
    from mockkraken.sandbox import Sandbox
    from mockkraken.scenarios.scenario import Scenario

_MOMENTS = ("valid_until", "query_from", "query_to")


class Control:
    """The control operations of one sandbox.

    Args:
        sandbox: whose.
        scenario: what it is set up with, now and after each reset that names no other.
    """

    def __init__(self, sandbox: Sandbox, scenario: Scenario | None = None) -> None:
        self.sandbox = sandbox
        self._machine = Clock()
        self._started = self._machine.now()
        self.scenario = scenario
        # The public keys of those that scenarios have made.
        self.scenario_keys: set[str] = set()
        if scenario is not None:
            scenarios.begin(self, scenario)

    def perform(self, operation: Callable[..., Any], *given: Any) -> Any:
        """Do one of the operations below, after everything that was due before it.

        Raises:
            ControlError: it can't be done; nothing was changed.
        """
        self.sandbox.clock.run_due()
        try:
            return operation(self, *given)
        finally:
            self.sandbox.exchange.announce()

    # The sandbox as a whole

    def health(self) -> dict[str, Any]:
        """That it works, and for how long it has."""
        return {
            "status": "ok",
            "version": __version__,
            "uptime_seconds": (self._machine.now() - self._started) // (SECOND // 1000) / 1000,
            "sandboxes": [self.sandbox.name],
        }

    def reset(self, body: object, scenario: Scenario | None = None) -> dict[str, Any]:
        """Everything back to its start state, then `scenario` set up, or the one that the body names."""
        given = read(bodies.Reset, body)
        start = None if given.clock is None else moment("clock", given.clock)
        if scenario is None:
            scenario = self.scenario if given.scenario is None else scenarios.named(given.scenario)
        self.sandbox.reset(seed=given.seed, start=start)
        self.scenario_keys.clear()
        if scenario is not None:
            scenarios.begin(self, scenario)
        return {}

    # Clock

    def clock(self) -> dict[str, Any]:
        """How the clock runs, and what it shows."""
        clock = self.sandbox.clock
        now, scale = clock.now(), clock.scale
        return {
            "mode": clock.mode,
            "scale": int(scale) if scale == int(scale) else scale,
            "now": rfc3339(now),
            "unix_ns": str(now),
        }

    def move_clock(self, body: object) -> dict[str, Any]:
        """Freeze, advance, scale or resume the clock."""
        given = msgspec.structs.asdict(read(bodies.ClockMove, body))
        moves = {name: value for name, value in given.items() if value is not UNSET}
        if len(moves) != 1:
            raise invalid(None, "give one of freeze, advance, scale and resume")
        ((move, value),) = moves.items()
        if move == "freeze":
            self._freeze(value)
        elif move == "advance":
            self._advance(value)
        elif move == "scale":
            self._run(value)
        elif value is True:
            self.sandbox.clock.run()
        else:
            raise invalid("resume", "resume takes true")
        return self.clock()

    def _freeze(self, value: object) -> None:
        at = None if value is True else moment("freeze", value)
        try:
            self.sandbox.clock.freeze(at)
        except ClockError as error:
            raise conflict("freeze", str(error)) from error

    def _advance(self, value: object) -> None:
        text = plain(value)
        if str(text).startswith("-"):
            span("advance", str(text)[1:])
            raise conflict("advance", "the clock does not go back")
        try:
            self.sandbox.clock.advance(span("advance", value))
        except ClockError as error:
            raise invalid("advance", str(error)) from error

    def _run(self, scale: object) -> None:
        try:
            self.sandbox.clock.run(msgspec.convert(scale, float))
        except (ClockError, msgspec.ValidationError, OverflowError) as error:
            raise invalid("scale", str(error)) from error

    # Settings

    def settings(self) -> dict[str, Any]:
        """Every setting with its value; null: the dialect decides."""
        return msgspec.structs.asdict(self.sandbox.settings)

    def change_settings(self, body: object) -> dict[str, Any]:
        """Change the named settings; null puts one back to its default."""
        settings, journal_size = self.sandbox.settings, self.sandbox.settings.journal_size
        try:
            settings.patch({name: plain(value) for name, value in mapping(body).items()})
        except SettingError as error:
            raise invalid(error.field, str(error)) from error
        if settings.journal_size != journal_size:
            self.sandbox.journal.resize(settings.journal_size)
        return self.settings()

    # Accounts

    def accounts(self) -> dict[str, Any]:
        """Every account."""
        return {"accounts": [self._account_row(account) for account in self.sandbox.exchange.accounts.values()]}

    def account(self, name: str) -> dict[str, Any]:
        """One account."""
        return self._account_row(self._account(name))

    def create_account(self, body: object) -> dict[str, Any]:
        """Open an account, with balances if given."""
        given = read(bodies.NewAccount, body)
        exchange = self.sandbox.exchange
        if not 1 <= len(given.name) <= LONGEST_NAME or not given.name.isprintable():
            raise invalid("name", f"an account's name has 1 to {LONGEST_NAME} printable characters")
        if given.name in exchange.accounts:
            raise conflict("name", f"there is an account {given.name!r} already")
        balances = self._amounts(given.balances)
        account = Account(given.name, tier=given.tier, margin=given.margin, iban=self._next_iban())
        exchange.open_account(account)
        for asset, units in balances.items():
            exchange.set_balance(account, asset, units)
        return self._account_row(account)

    def change_account(self, name: str, body: object) -> dict[str, Any]:
        """Change an account's tier, whether it may trade on margin, and whether it may act at all."""
        account, given = self._account(name), read(bodies.AccountChange, body)
        if not account.client:
            raise conflict("account", f"{name} is the exchange's own account, with nothing to change")
        if given.tier is not UNSET:
            self.sandbox.venue.gate.change_tier(account, given.tier)
        if given.margin is not UNSET:
            account.margin = given.margin
        if given.state is not UNSET:
            account.state = given.state
        return self._account_row(account)

    def balances(self, name: str) -> dict[str, str]:
        """An account's balances, what orders hold included."""
        return self._texts(self._account(name).balances)

    def balance(self, name: str, asset: str) -> str:
        """An account's balance of one asset."""
        account, found = self._account(name), self._asset(asset)
        return decimals.fmt(account.balance(found.id), found.decimals)

    def set_balances(self, name: str, body: object) -> dict[str, str]:
        """Set the named balances."""
        account = self._account(name)
        self._set(account, self._amounts(mapping(body)))
        return self._texts(account.balances)

    def replace_balances(self, name: str, body: object) -> dict[str, str]:
        """Set the named balances, and all others to zero."""
        account = self._account(name)
        assets = self.sandbox.catalog.assets
        nothing = dict.fromkeys((assets[asset_id] for asset_id in account.balances), 0)
        self._set(account, nothing | self._amounts(mapping(body)))
        return self._texts(account.balances)

    def _set(self, account: Account, amounts: dict[Asset, int]) -> None:
        if not account.client:
            raise conflict("account", f"what {account.name} has follows from the others' trading, and is not set")
        for asset, units in amounts.items():
            held = account.held[asset.id]
            if units < held:
                texts = [decimals.fmt(number, asset.decimals) for number in (held, units)]
                raise conflict(asset.id, f"open orders hold {texts[0]} {asset.id}, more than {texts[1]}")
        for asset, units in amounts.items():
            self.sandbox.exchange.set_balance(account, asset, units)
        self.sandbox.exchange.collateral_changed()

    def _account(self, name: str) -> Account:
        account = self.sandbox.exchange.accounts.get(name)
        if account is None:
            raise unknown("account", f"there is no account {name!r}")
        return account

    def _account_row(self, account: Account) -> dict[str, Any]:
        return {
            "name": account.name,
            "tier": account.tier,
            "role": account.role,
            "state": account.state,
            "margin": account.margin,
            "margin_call": account.margin_called,
            "master": None,
            "iban": account.iban,
            "balances": self._texts(account.balances),
            "holds": self._texts({asset: units for asset, units in account.held.items() if units}),
        }

    def _next_iban(self) -> str:
        # In the manner of the default accounts'; theirs end below 100, so none is given twice.
        number = 100 + len(self.sandbox.exchange.accounts)
        return f"AA{number % 100:02d} N84G MOCK {number:04d}"

    def _asset(self, name: str) -> Asset:
        asset = self.sandbox.catalog.asset(name)
        if asset is None:
            raise invalid(name, f"there is no asset {name!r}")
        return asset

    def _amounts(self, body: Mapping[str, Any]) -> dict[Asset, int]:
        """Amounts by asset, in its units; the assets come by any of their names."""
        found: dict[Asset, int] = {}
        for name, value in body.items():
            asset = self._asset(name)
            if asset in found:
                raise invalid(name, f"{asset.id} is there twice, under two names")
            found[asset] = amount(name, value, asset)
        return found

    def _texts(self, units: Mapping[str, int]) -> dict[str, str]:
        assets = self.sandbox.catalog.assets
        return {asset_id: decimals.fmt(number, assets[asset_id].decimals) for asset_id, number in units.items()}

    # Keys

    def keys(self) -> dict[str, Any]:
        """Every key."""
        return {"keys": [self._key_row(key) for key in self.sandbox.keys.all()]}

    def profiles(self) -> dict[str, Any]:
        """The recipes that integrators give for a key."""
        rows = [{"name": name, **msgspec.structs.asdict(profile)} for name, profile in world().profiles.items()]
        return {"profiles": rows}

    def key(self, name_or_key: str) -> dict[str, Any]:
        """One key with its nonce state."""
        return self._key_row(self._key(name_or_key))

    def create_key(self, body: object) -> dict[str, Any]:
        """Make a key; the answer has its secret."""
        given = read(bodies.NewKey, body)
        sandbox = self.sandbox
        if not self._account(given.account).client:
            raise invalid("account", f"no key reaches the account {given.account!r}")
        self._free("name", given.name)
        self._free("api_key", given.api_key)
        try:
            key = sandbox.keys.create(
                given.account,
                given.name,
                now=sandbox.clock.now(),
                api_key=given.api_key,
                api_secret=given.api_secret,
                **_properties(given),
            )
        except KeyFieldError as error:
            raise invalid(error.field, str(error)) from error
        return {**self._key_row(key), "api_secret": key.api_secret, "otp_secret": key.otp and key.otp.secret}

    def change_key(self, name_or_key: str, body: object) -> dict[str, Any]:
        """Change a key's properties. The answer has the secret of a second factor that was given, this once."""
        key = self._key(name_or_key)
        given = msgspec.structs.asdict(read(bodies.KeyChange, body))
        changes = {name: _property(name, value) for name, value in given.items() if value is not UNSET}
        if changes.get("name") != key.name:
            self._free("name", changes.get("name"))
        try:
            self.sandbox.keys.edit(key, changes, now=self.sandbox.clock.now())
        except KeyFieldError as error:
            raise invalid(error.field, str(error)) from error
        row = self._key_row(key)
        return {**row, "otp_secret": key.otp.secret} if key.otp and changes.get("otp") else row

    def delete_key(self, name_or_key: str) -> dict[str, Any]:
        """Take a key away."""
        self.sandbox.keys.delete(self._key(name_or_key))
        return {}

    def set_nonce(self, name_or_key: str, body: object) -> dict[str, Any]:
        """Put a key in the state of having accepted this nonce."""
        key = self._key(name_or_key)
        text = str(read(bodies.NonceState, body).highest)
        highest = nonce.parse(text)
        if highest is None:
            raise invalid("highest", nonce.explain_unreadable(text).reason)
        key.nonce.place(highest)
        return self._key_row(key)

    def key_secret(self, name_or_key: str) -> str:
        """A key's secret, which no answer over HTTP shows but that to its making."""
        return self._key(name_or_key).api_secret

    def _key_row(self, key: Key) -> dict[str, Any]:
        until = self.sandbox.venue.gate.lockouts.until(key.api_key.encode(), self.sandbox.clock.now())
        return {
            "key": key.name,
            "api_key": key.api_key,
            "account": key.account,
            "permissions": permissions.in_order(key.permissions),
            "nonce_window": key.nonce.window,
            "ip_allowlist": list(key.ip_allowlist),
            "valid_until": _time_text(key.valid_until),
            "query_from": _time_text(key.query_from),
            "query_to": _time_text(key.query_to),
            "otp": key.otp and key.otp.kind,
            "disabled": key.disabled,
            "created": rfc3339(key.created),
            "modified": rfc3339(key.modified),
            "last_used": _time_text(key.last_used),
            "highest": str(key.nonce.highest),
            "window": key.nonce.window,
            "accepted_below": [str(used) for used in key.nonce.used_below()],
            "refusals": dict(key.refusals),
            "lockout_until": _time_text(until),
        }

    def _key(self, name_or_key: str) -> Key:
        key = self.sandbox.keys.find(name_or_key)
        if key is None:
            raise unknown("key", f"there is no key {name_or_key!r}")
        return key

    def _free(self, field: str, text: str | None) -> None:
        if text is not None and self.sandbox.keys.find(text):
            raise conflict(field, f"there is a key {text!r} already")

    # Journal

    def journal(self, query: object) -> dict[str, Any]:
        """The last requests that fit."""
        given = read(bodies.JournalQuery, query, texts=True)
        if given.key is not None:
            # A key may have got another name since; in a query, `+` may stand for a blank.
            found = self.sandbox.keys.find(given.key) or self.sandbox.keys.find(given.key.replace("+", " "))
            given.key = found.api_key if found else given.key
        records, dropped, following = self.sandbox.journal.records(**msgspec.structs.asdict(given))
        return {"records": records, "dropped": dropped, "next": following}

    def clear_journal(self) -> dict[str, Any]:
        """Forget all records."""
        self.sandbox.journal.clear()
        return {}


def _properties(given: bodies.NewKey) -> dict[str, Any]:
    """What KeyRing.create takes: the profile's, and above it what was given."""
    properties: dict[str, Any] = {}
    if given.profile is not None:
        profiles = world().profiles
        if given.profile not in profiles:
            raise invalid("profile", f"there is no profile {given.profile!r}; there are {', '.join(profiles)}")
        properties = msgspec.structs.asdict(profiles[given.profile])
    for name in ("permissions", "nonce_window", "ip_allowlist", "otp", *_MOMENTS):
        value = getattr(given, name)
        if value is not None:
            properties[name] = value
    return {name: _property(name, value) for name, value in properties.items()}


def _property(name: str, value: Any) -> Any:
    """A key's property as the key ring takes it."""
    if name == "permissions" and value == "all":
        return permissions.ALL
    if name in _MOMENTS and value is not None:
        return moment(name, value)
    return value


def _time_text(ns: int | None) -> str | None:
    return None if ns is None else rfc3339(ns)
