"""The sandbox: one isolated exchange with everything around it, and the one place where the parts are joined."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from mockkraken import decimals
from mockkraken.catalog import Catalog, assets
from mockkraken.catalog.world import world
from mockkraken.clock import DAY, Clock, parse_time
from mockkraken.exchange import Account, Exchange
from mockkraken.faults.faults import Faults
from mockkraken.gate.gate import Gate
from mockkraken.gate.keys import KeyRing
from mockkraken.gate.permissions import ALL
from mockkraken.gate.tokens import Tokens
from mockkraken.ids import Ids, generator
from mockkraken.journal.journal import Journal
from mockkraken.market import Makers
from mockkraken.rest.app import RestApp
from mockkraken.rest.endpoint import Venue
from mockkraken.rest.rendered import Rendered
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from mockkraken.ws.app import WsApp

# The rows that give an account its first balances are that much older than the sandbox.
BEFORE_START = DAY


@cache
def _house_balances() -> dict[str, int]:
    # Once a process: a reset would spend half its time on these hundreds of assets.
    whole = int(world().house_balance)
    return {asset.id: whole * 10**asset.decimals for asset in assets.load().values()}


class Sandbox:
    """One exchange of its own: clock, catalogue, accounts, keys, markets, journal.

    State is touched only on the event loop that serves it.

    Args:
        name: how it is called among the server's sandboxes.
        settings: what it starts with, and goes back to at a reset.
        start: the clock is frozen there (ns); None: it runs with the machine's.
    """

    def __init__(self, name: str = "default", *, settings: Settings | None = None, start: int | None = None) -> None:
        self.name = name
        self._settings = settings or Settings()
        self._start = start
        # The server listens here: the clock that its alarm follows is a new one after each reset.
        self.on_reset: list[Callable[[], None]] = []
        self._build(self._settings.seed, start)
        self.rest = RestApp(self.venue)
        self._ws: WsApp | None = None

    @property
    def ws(self) -> WsApp:
        """Its WebSocket API; made when the first client comes: a bot that only polls does not pay for it."""
        if self._ws is None:
            from mockkraken.ws.app import WsApp
            from mockkraken.ws.feeds import Feeds
            from mockkraken.ws.venue import Venue as WsVenue

            self._ws = WsApp(
                WsVenue(
                    clock=self.clock,
                    settings=self.settings,
                    catalog=self.catalog,
                    exchange=self.exchange,
                    tokens=self.tokens,
                    journal=self.journal,
                    feeds=Feeds(self.exchange, self.clock),
                    ids=Ids(generator(self.settings.seed, "connections")),
                )
            )
        return self._ws

    def connections(self) -> list[dict[str, object]]:
        """The sockets that are open, with what they have subscribed to."""
        return [] if self._ws is None else self._ws.connections()

    def disconnect(self, number: int | None = None) -> int:
        """Close one socket, or all; how many there were."""
        return 0 if self._ws is None else self._ws.disconnect(number)

    def reset(self, *, seed: int | None = None, start: int | None = None) -> None:
        """Back to the start state of everything; with another seed or start time (ns) if given."""
        self.faults.end()
        if self._ws is not None:
            self._ws.close()
            self._ws = None
        self._build(self._settings.seed if seed is None else seed, self._start if start is None else start)
        self.rest.venue = self.venue
        for listener in self.on_reset:
            listener()

    def _build(self, seed: int, start: int | None) -> None:
        self.settings = msgspec.structs.replace(self._settings, seed=seed)
        self.clock = Clock(start)
        self.catalog = Catalog()
        self.exchange = Exchange(self.clock, self.settings, self.catalog, Ids(generator(seed, "ids")))
        self.keys = KeyRing(generator(seed, "keys"))
        self.tokens = Tokens(generator(seed, "tokens"))
        self.journal = Journal(self.settings.journal_size, sandbox=self.name)
        self.faults = Faults(self.clock, self.keys, generator(seed, "faults"))
        now = self.clock.now()
        self._open_accounts(now)
        self._make_keys(now)
        self.makers = Makers(self.exchange, self.clock, seed, self.settings.market, self._largest_balances())
        self.venue = Venue(
            clock=self.clock,
            settings=self.settings,
            catalog=self.catalog,
            exchange=self.exchange,
            makers=self.makers,
            gate=Gate(self.clock, self.settings, self.keys, self.exchange.accounts),
            tokens=self.tokens,
            journal=self.journal,
            rendered=Rendered(),
            faults=self.faults,
        )

    def _open_accounts(self, now: int) -> None:
        before = max(0, now - BEFORE_START)
        exchange = self.exchange
        exchange.house.balances = dict(_house_balances())
        for default in world().accounts:
            if default.role != "client":
                exchange.accounts[default.name].iban = default.iban
                continue
            account = exchange.open_account(
                Account(default.name, tier=default.tier, margin=default.margin, iban=default.iban)
            )
            for asset_id, text in default.balances.items():
                asset = self.catalog.assets[asset_id]
                exchange.set_balance(account, asset, decimals.parse(text, asset.decimals), time=before)

    def _make_keys(self, now: int) -> None:
        for default in world().keys:
            self.keys.create(
                default.account,
                default.name,
                now=now,
                api_key=default.api_key,
                api_secret=default.api_secret,
                permissions=ALL if default.permissions == "all" else default.permissions,
                nonce_window=default.nonce_window,
                ip_allowlist=default.ip_allowlist,
                valid_until=None if default.valid_until is None else parse_time(default.valid_until),
            )

    def _largest_balances(self) -> dict[str, int]:
        largest: dict[str, int] = {}
        for account in self.exchange.accounts.values():
            if account.client:
                for asset, units in account.balances.items():
                    largest[asset] = max(units, largest.get(asset, 0))
        return largest
