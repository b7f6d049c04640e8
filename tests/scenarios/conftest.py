from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockkraken import MockKraken
from mockkraken.remote import call
from mockkraken.scenarios.player import START, Played, play
from mockkraken.scenarios.scenario import Scenario

Ask = Callable[..., Any]
Play = Callable[[Scenario], Played]


@pytest.fixture(scope="session")
def server() -> Iterator[MockKraken]:
    with MockKraken(clock=START) as running:
        yield running


@pytest.fixture
def kraken(server: MockKraken) -> MockKraken:
    server.reset()
    return server


@pytest.fixture
def ask(kraken: MockKraken) -> Ask:
    """Makes a control call over HTTP."""

    def ask(method: str, path: str, body: object = None, /) -> Any:
        return call(kraken.url, method, path, body).json

    return ask


@pytest.fixture
def played(kraken: MockKraken, ask: Ask) -> Play:
    """Plays a scenario against the server."""
    return lambda scenario: play(scenario, kraken.url, ask)
