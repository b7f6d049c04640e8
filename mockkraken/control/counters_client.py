"""The rate counters as Python objects: what `MockKraken` offers as `counters`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from mockkraken.control import counters

if TYPE_CHECKING:
    from mockkraken.control.client import Perform


class RestCounters(MutableMapping[str, str]):
    """The REST call counters: key → points as decimal text. Deleting one puts it at zero.

    Keys may be given by name or public key, and points as text or number, from 0 to what the account's tier allows.
    """

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name_or_key: str) -> str:
        points: str = self._perform(counters.counter, name_or_key)
        return points

    def __setitem__(self, name_or_key: str, points: Any) -> None:
        self._perform(counters.set_counters, {"rest": {name_or_key: points}})

    def __delitem__(self, name_or_key: str) -> None:
        self[name_or_key] = "0"

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def clear(self) -> None:
        """All to zero."""
        self.patch(dict.fromkeys(self, 0))

    def patch(self, points: Mapping[str, Any]) -> dict[str, str]:
        """Set several, all or nothing; all of them as they are then.

        Raises:
            ControlError: there is no such key (404), or a counter can't stand there.
        """
        changed: dict[str, str] = self._perform(counters.set_counters, {"rest": points})["rest"]
        return changed

    def _all(self) -> dict[str, str]:
        rest: dict[str, str] = self._perform(counters.counters)["rest"]
        return rest


class PairCounters(MutableMapping[str, str]):
    """One account's trading counters: pair → points as decimal text. Deleting one puts it at zero.

    Pairs may go by any of their names, and points be given as text or number, from 0 to the threshold of the account's
    tier. A pair that the account has not acted on reads as zero, and is not listed.
    """

    __slots__ = ("_account", "_perform")

    def __init__(self, perform: Perform, account: str) -> None:
        self._perform = perform
        self._account = account

    def __getitem__(self, pair: str) -> str:
        points: str = self._perform(counters.trading_counter, self._account, pair)
        return points

    def __setitem__(self, pair: str, points: Any) -> None:
        self.patch({pair: points})

    def __delitem__(self, pair: str) -> None:
        self[pair] = "0"

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, pair: object) -> bool:
        return pair in self._all()

    def clear(self) -> None:
        """All to zero."""
        self.patch(dict.fromkeys(self, 0))

    def patch(self, points: Mapping[str, Any]) -> dict[str, str]:
        """Set several, all or nothing; all of them as they are then.

        Raises:
            ControlError: there is no such pair (404), or a counter can't stand there.
        """
        body = {"trading": {self._account: points}}
        changed: dict[str, str] = self._perform(counters.set_counters, body)["trading"][self._account]
        return changed

    def _all(self) -> dict[str, str]:
        found: dict[str, str] = self._perform(counters.account_counters, self._account)
        return found


class TradingCounters(Mapping[str, PairCounters]):
    """The trading counters by account: `trading["main"]["XBTUSD"]`."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, account: str) -> PairCounters:
        self._perform(counters.account_counters, account)
        return PairCounters(self._perform, account)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, account: object) -> bool:
        return account in self._all()

    def _all(self) -> dict[str, Any]:
        trading: dict[str, Any] = self._perform(counters.counters)["trading"]
        return trading


class CountersControl:
    """The rate counters. They count while the setting `rate_limits` is on."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    @property
    def rest(self) -> RestCounters:
        """The REST call counter of each key; `counters.rest["full"] = 19` sets one."""
        return RestCounters(self._perform)

    @property
    def trading(self) -> TradingCounters:
        """The trading counters of each account and pair; `counters.trading["main"]["XBTUSD"] = 179` sets one."""
        return TradingCounters(self._perform)

    def state(self) -> dict[str, Any]:
        """The answer of `GET /mock/counters`: `rest` by key, `trading` by account, and the `api_keys` by name."""
        state: dict[str, Any] = self._perform(counters.counters)
        return state

    def clear(self) -> None:
        """All to zero, those of public calls too."""
        self._perform(counters.set_counters, {"clear": True})
