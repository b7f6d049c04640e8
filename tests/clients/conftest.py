"""One server for the unmodified clients. Each test starts from the start state."""

import asyncio
from collections.abc import Callable, Iterator
from types import TracebackType

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


class Relay:
    """A network between a client and the server, which can fail: `async with relay() as line`."""

    def __init__(self, server: MockKraken) -> None:
        self._host = server.url.removeprefix("http://")
        self._lines: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.close()
        self.cut()

    def through(self, url: str) -> str:
        """The same URL, by way of here."""
        return url.replace(self._host, f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}")

    def cut(self) -> None:
        """Tear all connections; new ones may be made."""
        for writer in self._lines:
            writer.transport.abort()
        self._lines.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, _, port = self._host.partition(":")
        there, back = await asyncio.open_connection(address, int(port))
        self._lines |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except OSError:
            pass  # it was cut
        finally:
            writer.close()


@pytest.fixture
def relay(server: MockKraken) -> Callable[[], Relay]:
    return lambda: Relay(server)
