"""What an endpoint is: one declaration for routing, validation, permission, cost and the coverage table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from mockkraken.catalog import Catalog
    from mockkraken.clock import Clock
    from mockkraken.errors import KrakenError
    from mockkraken.exchange import Account, Exchange
    from mockkraken.faults.faults import Faults
    from mockkraken.gate.gate import Gate
    from mockkraken.gate.keys import Key
    from mockkraken.gate.permissions import Permission
    from mockkraken.gate.tokens import Tokens
    from mockkraken.journal.journal import Journal
    from mockkraken.market import Makers
    from mockkraken.rest.body import Fields
    from mockkraken.rest.rendered import Rendered
    from mockkraken.settings import Settings


class Venue(NamedTuple):
    """The parts of a sandbox that endpoints use."""

    clock: Clock
    settings: Settings
    catalog: Catalog
    exchange: Exchange
    makers: Makers
    gate: Gate
    tokens: Tokens
    journal: Journal
    rendered: Rendered
    faults: Faults


class Caller(NamedTuple):
    """Who the gate has let in."""

    key: Key
    account: Account


class NoParams(msgspec.Struct):
    """An endpoint without parameters."""


class Public(msgspec.Struct, frozen=True):
    """A public endpoint, `GET /0/public/<name>`. The handler's result goes into the envelope as it is.

    `summary` says in one line what it is for; with `partial` an error may stand beside a result; with `by_pair` its
    calls are limited for each pair by itself. The result's type stands in rest/results.py under the endpoint's name.
    """

    name: str
    handler: Callable[[Venue, Any], Any]
    params: type[msgspec.Struct] = NoParams
    summary: str = ""
    partial: bool = False
    by_pair: bool = False


class Action(NamedTuple):
    """What the trading engine's rate limit has to know of an order action when it comes in (kraken/10 §4.4).

    `pairs` gives the ids of the pairs that it is about, `fixed` what it costs on each of them at any rate (units).
    """

    pairs: Callable[[Venue, Account, Fields], Iterable[str]]
    fixed: Callable[[Fields], int]


class Private(msgspec.Struct, frozen=True):
    """A private endpoint, `POST /0/private/<name>`.

    `needs` is the key's permission (kraken/10 §3.3), `cost` what a call adds to the key's counter (kraken/10 §4.1),
    `action` what the trading engine's rate limit looks at; `summary` and the result's type as of Public.
    """

    name: str
    handler: Callable[[Venue, Caller, Any], Any]
    needs: Permission
    params: type[msgspec.Struct] = NoParams
    cost: int = 1
    action: Action | None = None
    summary: str = ""

    @property
    def order_action(self) -> bool:
        """Whether it places, changes or cancels orders: exactly those calls need these permissions."""
        return not self.needs.codes.isdisjoint(("modify-trades", "close-trades"))


class Partial(NamedTuple):
    """An answer that carries an error and a result together (a Ticker list in which some pairs are unknown)."""

    error: str
    result: Any
    reason: str


class Rows(NamedTuple):
    """An answer without an error of its own, some rows of which are refusals: the journal says of the first why."""

    result: Any
    refused: KrakenError
