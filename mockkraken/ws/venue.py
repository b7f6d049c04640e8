"""The parts of a sandbox that sockets use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mockkraken.catalog import Catalog
    from mockkraken.clock import Clock
    from mockkraken.exchange import Exchange
    from mockkraken.gate.tokens import Tokens
    from mockkraken.ids import Ids
    from mockkraken.journal.journal import Journal
    from mockkraken.settings import Settings
    from mockkraken.ws.feeds import Feeds


class Venue(NamedTuple):
    """What a request on a socket may need."""

    clock: Clock
    settings: Settings
    catalog: Catalog
    exchange: Exchange
    tokens: Tokens
    journal: Journal
    feeds: Feeds
    ids: Ids
    """Draws connection ids."""
