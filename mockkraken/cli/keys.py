"""`mockkraken keys`: the API keys of a server that runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click
import msgspec

from mockkraken.cli.options import Ordered, examples, json_option, remote_options, told
from mockkraken.cli.terminal import facts, plain, say, say_json, table
from mockkraken.clock import rfc3339
from mockkraken.gate.permissions import CODES
from mockkraken.journal.units import TICKS, describe, unit_of
from mockkraken.remote import Answer, call, stranger

if TYPE_CHECKING:
    from collections.abc import Iterable

Read = TypeVar("Read")

# What tells keys apart at a glance, in a column that has no room for all of them.
_WEIGHTIEST = (
    "withdraw-funds",
    "add-withdraw-address",
    "update-withdraw-address",
    "add-funds",
    "earn-funds",
    "modify-trades",
    "close-trades",
    "query-funds",
    "query-ledger",
)
_ROOM = 34  # characters

_MOST_NONCES = 5


class _Key(msgspec.Struct):
    """A key as the control API shows it."""

    key: str
    api_key: str
    account: str
    permissions: list[str]
    nonce_window: int
    ip_allowlist: list[str]
    valid_until: str | None
    query_from: str | None
    query_to: str | None
    disabled: bool
    created: str
    modified: str
    last_used: str | None
    highest: str
    accepted_below: list[str]
    refusals: dict[str, int]
    lockout_until: str | None
    otp: str | None = None


class _Made(_Key, kw_only=True):
    """A key as the control API shows it once."""

    api_secret: str
    otp_secret: str | None = None


class _Profile(msgspec.Struct):
    name: str
    permissions: list[str]
    nonce_window: int
    ip_allowlist: list[str]


@click.group(
    "keys",
    cls=Ordered,
    epilog=examples("mockkraken keys create --name bot --profile trading-bot", "mockkraken keys show bot"),
)
def command() -> None:
    """List, make, show and delete API keys.

    They are those of a server that runs. A key goes by its name or its public key. Servers keep keys in memory: one
    that is started anew has the keys of the default world again.
    """


@command.command(
    "list", epilog=examples("mockkraken keys list", "mockkraken keys list --json | jq -r '.keys[].api_key'")
)
@remote_options
@json_option
def list_(url: str, control_token: str | None, as_json: bool) -> None:
    """List all keys, a line each.

    REFUSED counts the requests that the gate refused; `keys show NAME` says for what, and has the public key.
    """
    answer = _call(url, control_token, "GET", "/mock/keys", wants=("keys",))
    if as_json:
        say_json(answer.text)
        return
    keys = _read(url, answer.json["keys"], list[_Key])
    if not keys:
        say("There is no key.")
        return
    head = ("KEY", "ACCOUNT", "PERMISSIONS", "WINDOW", "REFUSED", "NOTES")
    rows = [
        (key.key, key.account, _short(key.permissions), str(key.nonce_window), str(_refused(key)), _notes(key))
        for key in keys
    ]
    say(table(head, rows, right=("WINDOW", "REFUSED")))


@command.command(
    epilog=examples(
        "mockkraken keys create --name bot --profile trading-bot",
        "mockkraken keys create --permission query-funds --nonce-window 10000 --ip 10.0.0.0/8",
    )
)
@click.option("--account", metavar="NAME", help="Whose key it is.  [default: main]")
@click.option("--name", metavar="NAME", help="What to call it.  [default: api-key-TIME]")
@click.option("--profile", metavar="NAME", help="A recipe for permissions, window and addresses: `keys profiles`.")
@click.option(
    "--permission",
    "permissions",
    metavar="CODE",
    multiple=True,
    help="query-funds, ...; again for more, or all. Replaces the profile's.  [default: none]",
)
@click.option("--nonce-window", type=int, metavar="N", help="How far below the highest an unused nonce passes.")
@click.option(
    "--ip", "ips", metavar="RANGE", multiple=True, help="An address or range that it may be used from; again for more."
)
@click.option("--valid-until", metavar="TIME", help="When it expires (2026-12-31T00:00:00Z, or unix seconds).")
@click.option("--query-from", metavar="TIME", help="How far back its queries reach.")
@click.option("--query-to", metavar="TIME", help="Up to when its queries reach.")
@click.option("--otp", metavar="totp|PASSWORD", help="A second factor: codes by the clock, or this password.")
@remote_options
@json_option
def create(url: str, control_token: str | None, as_json: bool, **given: Any) -> None:
    """Make a key, and print its secret this once.

    Without permissions or a profile it may do nothing yet: that is a test too.
    """
    answer = _call(url, control_token, "POST", "/mock/keys", _wanted(given), wants=("api_key", "api_secret"))
    if as_json:
        say_json(answer.text)
        return
    key = _read(url, answer.json, _Made)
    rows = [("API key", key.api_key), ("API secret", key.api_secret)]
    totp = key.otp_secret if key.otp == "totp" else None  # a password is known to who has chosen it
    if totp:
        rows.append(("OTP secret", f"{totp} (base32, as authenticators take it)"))
    say(f"Key {plain(key.key)} is made.\n\n{facts([*rows, *_properties(key)])}\n")
    once = "secrets are" if totp else "secret is"
    say(f"The {once} shown only now. Ready to paste:\n")
    pasted = {"KRAKEN_API_KEY": key.api_key, "KRAKEN_API_SECRET": key.api_secret, "KRAKEN_REST_URL": url.rstrip("/")}
    say("\n".join(f"  export {name}={shlex.quote(plain(value))}" for name, value in pasted.items()))
    if totp:
        say(f"  oathtool --totp --base32 {shlex.quote(plain(totp))}  # the otp, unless the server's clock was moved")
    if not key.permissions:
        say("\nIt has no permission: calls with it are refused. --profile and --permission give it some.")


@command.command(
    epilog=examples(
        "mockkraken keys show full", "mockkraken keys show MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W"
    )
)
@click.argument("key")
@remote_options
@json_option
def show(key: str, url: str, control_token: str | None, as_json: bool) -> None:
    """Show what a key may do, its nonces, and its refusals."""
    answer = _call(url, control_token, "GET", _path(key), wants=("api_key", "highest"))
    if as_json:
        say_json(answer.text)
        return
    found = _read(url, answer.json, _Key)
    say(f"{plain(found.key)}\n\n{facts([('API key', found.api_key), *_properties(found)])}\n")
    say(facts(_state(found)))


@command.command(epilog=examples("mockkraken keys delete bot"))
@click.argument("key")
@remote_options
@json_option
def delete(key: str, url: str, control_token: str | None, as_json: bool) -> None:
    """Delete a key: from then on it is answered EAPI:Invalid key."""
    answer = _call(url, control_token, "DELETE", _path(key))
    if as_json:
        say_json(answer.text)
        return
    say(f"Key {plain(key)} is deleted.")


@command.command(epilog=examples("mockkraken keys profiles", "mockkraken keys create --profile 3commas"))
@remote_options
@json_option
def profiles(url: str, control_token: str | None, as_json: bool) -> None:
    """List the profiles for `keys create`.

    Each is what an integrator tells its users to allow.
    """
    answer = _call(url, control_token, "GET", "/mock/profiles", wants=("profiles",))
    if as_json:
        say_json(answer.text)
        return
    rows = [
        (one.name, str(one.nonce_window), ", ".join(one.ip_allowlist) or "anywhere", _all(one.permissions))
        for one in _read(url, answer.json["profiles"], list[_Profile])
    ]
    say(table(("PROFILE", "WINDOW", "ONLY FROM", "PERMISSIONS"), rows, right=("WINDOW",), wrap=True))


def _call(
    url: str, control_token: str | None, method: str, path: str, body: object = None, wants: tuple[str, ...] = ()
) -> Answer:
    with told():
        return call(url, method, path, body, control_token=control_token, wants=wants)


def _read(url: str, rows: Any, type_: type[Read]) -> Read:
    with told():
        try:
            return msgspec.convert(rows, type_)
        except msgspec.ValidationError as error:
            raise stranger(url, 200) from error


def _path(key: str) -> str:
    if not key:
        raise click.UsageError("a key goes by its name or its public key, which are not empty")
    return f"/mock/keys/{quote(key, safe='', errors='surrogateescape')}"


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """The body that makes a key as the options say; what they leave out, the server chooses."""
    codes = [code.strip() for text in given.pop("permissions") for code in text.split(",")]
    ips, otp = list(given.pop("ips")), given.pop("otp")
    body = {name: value for name, value in given.items() if value is not None}
    if codes:
        if "all" in codes and len(codes) > 1:
            raise click.UsageError("--permission all has all of them: it goes without another")
        body["permissions"] = "all" if codes == ["all"] else codes
    if ips:
        body["ip_allowlist"] = ips
    if otp is not None:
        body["otp"] = otp if otp == "totp" else {"password": otp}
    return body


def _properties(key: _Key) -> list[tuple[str, str]]:
    """What the key may do, and from where and when."""
    rows = [
        ("account", key.account),
        ("permissions", _all(key.permissions)),
        ("nonce window", str(key.nonce_window)),
        ("only from", ", ".join(key.ip_allowlist) or "anywhere"),
        ("expires", key.valid_until or "never"),
        ("second factor", key.otp or "none"),
    ]
    if key.query_from or key.query_to:
        rows.append(("queries reach", f"{key.query_from or 'the beginning'} to {key.query_to or 'now'}"))
    return rows


def _state(key: _Key) -> list[tuple[str, str]]:
    """What has become of the key."""
    counts = ", ".join(f"{check} {count}" for check, count in sorted(key.refusals.items(), key=lambda one: -one[1]))
    state = "disabled" if key.disabled else "enabled"
    rows = [
        ("state", f"locked out until {key.lockout_until}" if key.lockout_until else state),
        ("refused", f"{_refused(key)} ({counts})" if counts else "never"),
        ("last used", key.last_used or "never"),
        ("created", key.created),
    ]
    if key.modified != key.created:
        rows.append(("changed", key.modified))
    rows.append(("highest nonce", _nonce(key.highest)))
    if used := key.accepted_below:
        more = f"the last {_MOST_NONCES} of {len(used)}: " if len(used) > _MOST_NONCES else ""
        rows.append(("used below it", f"{more}{', '.join(used[-_MOST_NONCES:])}"))
    return rows


def _nonce(text: str) -> str:
    """A nonce with what it seems to count, and the time that this would be."""
    if not text.isdecimal() or len(text) > 20:
        return text
    nonce = int(text)
    unit = unit_of(nonce)
    if nonce == 0:
        return "0, where a new key starts"
    return f"{describe(nonce)}{f': {rfc3339(nonce * unit.ns)}' if unit and unit is not TICKS else ''}"


def _refused(key: _Key) -> int:
    return sum(key.refusals.values())


def _notes(key: _Key) -> str:
    """What is out of the ordinary about a key."""
    notes = []
    if key.disabled:
        notes.append("disabled")
    if key.lockout_until:
        notes.append(f"locked out until {key.lockout_until}")
    if key.valid_until:
        notes.append(f"until {key.valid_until}")
    if key.ip_allowlist:
        more = f" +{len(key.ip_allowlist) - 1}" if len(key.ip_allowlist) > 1 else ""
        notes.append(f"only from {key.ip_allowlist[0]}{more}")
    if key.otp:
        notes.append(key.otp)
    return ", ".join(notes)


def _all(permissions: Iterable[str]) -> str:
    return _simply(permissions) or ", ".join(permissions)


def _short(permissions: Iterable[str]) -> str:
    """The weightiest permissions, and how many more there are."""
    codes = sorted(permissions, key=lambda code: _WEIGHTIEST.index(code) if code in _WEIGHTIEST else len(_WEIGHTIEST))
    for count in range(len(codes), 0, -1):
        more = [f"+{len(codes) - count}"] if count < len(codes) else []
        if len(text := ", ".join(codes[:count] + more)) <= _ROOM or count == 1:
            return _simply(codes) or text
    return _simply(codes)


def _simply(permissions: Iterable[str]) -> str:
    """All or none, if it is one of these; else nothing."""
    codes = set(permissions)
    return "none" if not codes else "all" if codes >= set(CODES) else ""
