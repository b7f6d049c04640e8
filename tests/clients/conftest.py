"""One server for the unmodified clients. Each test starts from the start state."""

from collections.abc import Iterator

import pytest

from mockkraken import MockKraken


@pytest.fixture(scope="session")
def server() -> Iterator[MockKraken]:
    with MockKraken(seed=1) as kraken:
        yield kraken


@pytest.fixture
def kraken(server: MockKraken) -> MockKraken:
    server.reset()
    return server
