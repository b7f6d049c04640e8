"""One server for the unmodified clients. Each test starts from the start state."""

from collections.abc import Iterator

import pytest

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle


@pytest.fixture(scope="session")
def server() -> Iterator[MockKraken]:
    with MockKraken(seed=1) as kraken:
        yield kraken


@pytest.fixture
def kraken(server: MockKraken) -> MockKraken:
    server.reset()
    return server


@pytest.fixture
def market(server: MockKraken) -> PairHandle:
    """A quiet BTC/USD, which nobody but the test moves: last traded at 50100, and the clock stands still."""
    server.reset(clock="2026-01-15T12:00:00Z")
    pair = server.pairs["XBTUSD"]
    bids, asks = [("50000", "1"), ("49900", "10")], [("50100", "1"), ("50200", "10")]
    pair.set_book(bids, asks, model="static")
    pair.trade("buy", "0.1")
    pair.set_book(bids, asks)
    return pair
