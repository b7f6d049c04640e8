"""The rate counters as the control API shows and sets them: operations of `Control`, kept in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockkraken import decimals
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import invalid, unknown
from mockkraken.control.values import units
from mockkraken.counters import PLACES, POINT, Counter, Limit, shown
from mockkraken.exchange.accounts import TRADING_LIMITS
from mockkraken.exchange.batches import BATCH_MAX
from mockkraken.gate import ratelimits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mockkraken.catalog import Pair
    from mockkraken.control.operations import Control
    from mockkraken.exchange import Account
    from mockkraken.gate.keys import Key


def counters(control: Control) -> dict[str, Any]:
    """Every counter in points, as it stands now: of each key, and of each account on the pairs that it has acted on."""
    keys = control.sandbox.keys.all()
    return {
        "rest": {key.name: _points(control, key) for key in keys},
        "trading": {account.name: _trading(control, account) for account in _clients(control)},
        "api_keys": {key.name: key.api_key for key in keys},
    }


def counter(control: Control, name_or_key: str) -> str:
    """One key's REST call counter."""
    return _points(control, _key(control, name_or_key))


def account_counters(control: Control, account: str) -> dict[str, str]:
    """An account's trading counters, of each pair that it has acted on."""
    return _trading(control, _account(control, account))


def trading_counter(control: Control, account: str, pair: str) -> str:
    """An account's trading counter on one pair."""
    found = _account(control, account)
    counter = found.trading.get(_pair(control, pair).id)
    limit, now = TRADING_LIMITS[found.tier], control.sandbox.clock.now()
    return "0" if counter is None else shown(counter.settle(limit, now))


def set_counters(control: Control, body: object) -> dict[str, Any]:
    """Set the named counters, or all to zero."""
    given = read(bodies.Counters, body)
    if given.clear is None:
        calls, trading = _chosen_keys(control, given.rest), _chosen_pairs(control, given.trading)
        now = control.sandbox.clock.now()
        for key, points in calls:
            key.calls.place(points, now)
        for account, pair, points in trading:
            account.trading.setdefault(pair.id, Counter()).place(points, now)
    elif given.clear is True and not given.rest and not given.trading:
        clear(control)
    else:
        raise invalid("clear", "clear takes true, and sets all counters to zero: name none beside it")
    return counters(control)


def clear(control: Control) -> None:
    """All counters to zero, those of public calls too."""
    now = control.sandbox.clock.now()
    for key in control.sandbox.keys.all():
        key.calls.place(0, now)
    for account in _clients(control):
        account.trading.clear()
    control.sandbox.venue.gate.public_calls.clear()


def _chosen_keys(control: Control, rest: Mapping[str, Any]) -> list[tuple[Key, int]]:
    """The named keys with the units that they get."""
    chosen: list[tuple[Key, int]] = []
    for name, value in rest.items():
        key = _key(control, name)
        if any(key is other for other, _ in chosen):
            raise invalid(name, f"the key {key.name!r} is there twice, under two names")
        tier = control.sandbox.exchange.accounts[key.account].tier
        chosen.append((key, _units(name, value, ratelimits.TIERS[tier], tier)))
    return chosen


def _chosen_pairs(control: Control, trading: Mapping[str, Any]) -> list[tuple[Account, Pair, int]]:
    """The named accounts' pairs with the units that they get."""
    chosen = []
    for name, wanted in trading.items():
        account = _account(control, name)
        if not isinstance(wanted, Mapping):
            raise invalid(name, f'the counters of {name!r} are an object, {{"XBTUSD": "12.5"}}')
        pairs = set()
        for pair_name, value in wanted.items():
            pair = _pair(control, pair_name)
            if pair.id in pairs:
                raise invalid(pair_name, f"the pair {pair.altname} is there twice, under two names")
            pairs.add(pair.id)
            limit = TRADING_LIMITS[account.tier]
            # The largest batch, placed just below the threshold, carries the counter so far beyond it.
            points = _units(pair_name, value, limit._replace(max=limit.max + BATCH_MAX * POINT // 2), account.tier)
            chosen.append((account, pair, points))
    return chosen


def _key(control: Control, name_or_key: str) -> Key:
    key = control.sandbox.keys.find(name_or_key)
    if key is None:
        raise unknown(name_or_key, f"there is no key {name_or_key!r}")
    return key


def _clients(control: Control) -> Iterable[Account]:
    return [account for account in control.sandbox.exchange.accounts.values() if account.client]


def _account(control: Control, name: str) -> Account:
    account = control.sandbox.exchange.accounts.get(name)
    if account is None or not account.client:
        raise unknown(name, f"there is no account {name[:40]!r} that trades")
    return account


def _pair(control: Control, name: str) -> Pair:
    catalog = control.sandbox.catalog
    pair = catalog.trading_pair(name) or catalog.trading_pair(name, tokenized=True)
    if pair is None:
        raise unknown(name, f"there is no pair {name[:40]!r}")
    return pair


def _points(control: Control, key: Key) -> str:
    limit = ratelimits.TIERS[control.sandbox.exchange.accounts[key.account].tier]
    return shown(key.calls.settle(limit, control.sandbox.clock.now()))


def _trading(control: Control, account: Account) -> dict[str, str]:
    limit, now = TRADING_LIMITS[account.tier], control.sandbox.clock.now()
    records = control.sandbox.catalog.records
    return {records[pair_id].altname: shown(counter.settle(limit, now)) for pair_id, counter in account.trading.items()}


def _units(field: str, value: object, limit: Limit, tier: str) -> int:
    """A counter from a decimal text or a number of points."""
    points = units(field, value, PLACES)
    if not 0 <= points <= limit.max:
        wanted = f"a counter of tier {tier} is a number of points from 0 to {shown(limit.max)}"
        raise invalid(field, f"{wanted}; not {decimals.shortest(points, PLACES)}")
    return points
