"""python-kraken-sdk's WebSocket clients, with nothing changed but their urls, and no pause before they connect."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from kraken.base_api import SpotClient
from kraken.exceptions import KrakenAuthenticationError
from kraken.spot import SpotOrderBookClient, SpotWSClient
from kraken.spot.websocket import SpotWSClientBase, connectors

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle

BTC, XRP, VET, DOGE = "BTC/USD", "XRP/USD", "VET/USD", "DOGE/BTC"
PATIENCE = 20  # seconds; nothing here waits for as long unless it fails


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, PATIENCE))


@pytest.fixture
def kraken(server: MockKraken, market: PairHandle, monkeypatch: pytest.MonkeyPatch) -> MockKraken:
    """With a quiet BTC/USD, and a clock that stands still."""
    # The client waits before each connection, the first one too, for a second and up to one more, by chance: here none.
    monkeypatch.setattr(connectors, "random", lambda: -1)
    return server


async def until(condition: Callable[[], Any]) -> Any:
    """Let the client work until it is so; what the condition gives then."""
    while not (found := condition()):
        await asyncio.sleep(0.001)
    return found


async def hang_up(kraken: MockKraken, client: SpotWSClient) -> None:
    """Close a client. It listens until the next message, and would do so for ten seconds: a heartbeat comes for it."""
    closing = asyncio.ensure_future(client.close())
    while not closing.done():
        kraken.clock.advance("1s")
        await asyncio.sleep(0.01)
    await closing


class Desk:
    """A client, and all that it hears."""

    def __init__(self, kraken: MockKraken, *, private: bool = True, line: Any = None) -> None:
        self.heard: list[dict[str, Any]] = []
        account = {"key": kraken.api_key, "secret": kraken.api_secret} if private else {}
        urls = [url.removesuffix("/v2") for url in (kraken.ws_url, kraken.ws_auth_url)]
        if line is not None:
            urls = [line.through(url) for url in urls]
        self.client = SpotWSClient(
            **account, callback=self._hear, rest_url=kraken.url, ws_url=urls[0], auth_ws_url=urls[1]
        )
        self._ids = itertools.count(1)

    async def _hear(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    def of(self, channel: str, kind: str = "update") -> list[dict[str, Any]]:
        """The messages of a channel that have come, oldest first."""
        return [row for row in self.heard if (row.get("channel"), row.get("type")) == (channel, kind)]

    async def subscribe(self, channel: str, **params: Any) -> dict[str, Any]:
        """Subscribe to a channel; the answer."""
        return await self.ask("subscribe", channel=channel, **params)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a message; the answer."""
        number = next(self._ids)
        message = {"method": method, "req_id": number, "params": params}
        await self.client.send_message(message)
        found: dict[str, Any] = await until(
            lambda: next((row for row in self.heard if row.get("req_id") == number), None)
        )
        assert found["method"] == method
        return found


@contextlib.asynccontextmanager
async def desk(kraken: MockKraken, **options: Any) -> AsyncIterator[Desk]:
    made = Desk(kraken, **options)
    await made.client.start()
    try:
        yield made
    finally:
        await hang_up(kraken, made.client)


def subscriptions(kraken: MockKraken) -> list[list[tuple[tuple[str, Any], ...]]]:
    """Who is connected, and what each has subscribed to."""
    return sorted(
        [
            sorted(tuple(sorted(row.items())) for row in connection["subscriptions"])
            for connection in kraken.connections()
        ]
    )


def test_public_channels(kraken: MockKraken, market: PairHandle) -> None:
    async def story() -> None:
        async with desk(kraken, private=False) as bot:
            client = bot.client
            [greeting] = await until(lambda: bot.of("status"))
            assert greeting["data"][0]["system"] == "online"
            assert greeting["data"][0]["api_version"] == "v2"
            assert await until(lambda: [row for row in bot.heard if row.get("method") == "pong"])
            with pytest.raises(KrakenAuthenticationError):
                await client.subscribe(params={"channel": "executions"})

            answer = await bot.subscribe("ticker", symbol=[BTC])
            assert answer["result"] == {"channel": "ticker", "event_trigger": "trades", "snapshot": True, "symbol": BTC}
            answer = await bot.subscribe("book", symbol=[BTC], depth=25)
            assert answer["result"] == {"channel": "book", "depth": 25, "snapshot": True, "symbol": BTC}
            assert (await bot.subscribe("trade", symbol=[BTC], snapshot=True))["success"]
            assert (await bot.subscribe("ohlc", symbol=[BTC], interval=5))["success"]
            assert (await bot.subscribe("instrument"))["success"]
            for channel in ("ticker", "book", "trade", "ohlc", "instrument"):
                await until(lambda channel=channel: bot.of(channel, "snapshot"))
            assert {row["symbol"] for row in bot.of("instrument", "snapshot")[0]["data"]["pairs"]} > {
                BTC,
                XRP,
                VET,
                DOGE,
            }

            market.trade("buy", "0.25")
            for channel, expected in {
                "ticker": {"last": 50100, "ask_qty": 0.75},
                "book": {"asks": [{"price": 50100, "qty": 0.75}], "bids": []},
                "trade": {"price": 50100, "qty": 0.25, "side": "buy"},
                "ohlc": {"interval": 5, "close": 50100, "trades": 2},
            }.items():
                [update] = await until(lambda channel=channel: bot.of(channel))
                [row] = update["data"]
                assert {name: row[name] for name in expected} == expected, channel
                assert row["symbol"] == BTC

            assert [row["channel"] for row in client.active_public_subscriptions] == [
                "ticker",
                "book",
                "trade",
                "ohlc",
                "instrument",
            ]
            for subscription in client.active_public_subscriptions:
                answer = await bot.ask("unsubscribe", **subscription)
                assert answer["success"], answer
            assert client.active_public_subscriptions == []
            assert subscriptions(kraken) == [[]]
            market.trade("buy", "0.25")
            await bot.subscribe("ticker", symbol=[BTC])  # what the trade had brought would have come before
            assert [len(bot.of(channel)) for channel in ("ticker", "book", "trade", "ohlc")] == [1, 1, 1, 1]

            refused = await bot.subscribe("ticker", symbol=["XBT/USD"])
            assert (refused["error"], refused["symbol"]) == ("Currency pair not supported XBT/USD", "XBT/USD")
            refused = await bot.subscribe("book", symbol=[BTC], depth=17)
            assert refused["error"] == "Subscription depth not supported"
            assert [row["channel"] for row in client.active_public_subscriptions] == ["ticker"]

    run(story())


LIMIT = {"order_type": "limit", "side": "buy", "order_qty": 0.5, "limit_price": 40_000.0, "symbol": BTC}


def test_orders_and_what_the_private_channels_tell_of_them(kraken: MockKraken) -> None:
    async def story() -> None:
        async with desk(kraken) as bot:

            def events() -> list[tuple[str, str]]:
                """What has happened to which order."""
                rows = [row for message in bot.of("executions") for row in message["data"]]
                return [(row["exec_type"], row["order_id"]) for row in rows]

            answer = await bot.subscribe("executions", snap_trades=True)
            assert answer["result"]["maxratecount"] == 180
            answer = await bot.subscribe("balances")
            assert answer["result"] == {"channel": "balances", "snapshot": True}
            [snapshot] = await until(lambda: bot.of("balances", "snapshot"))
            assert {row["asset"]: row["balance"] for row in snapshot["data"]}["BTC"] == 100
            assert (await bot.subscribe("level3", symbol=[BTC]))["success"]

            added = await bot.ask("add_order", **LIMIT, cl_ord_id="mine")
            order = added["result"]["order_id"]
            assert added["result"] == {"order_id": order, "cl_ord_id": "mine"}
            assert await until(lambda: events()[1:]) == [("new", order)]
            [row] = bot.of("executions")[0]["data"]
            assert (row["cl_ord_id"], row["limit_price"], row["order_qty"], row["symbol"]) == ("mine", 40000, 0.5, BTC)
            refused = await bot.ask("add_order", **LIMIT, cl_ord_id="mine")
            assert (refused["success"], "result" in refused) == (False, False)

            amended = await bot.ask("amend_order", order_id=order, limit_price=40_100.0, order_qty=0.4)
            assert amended["result"]["order_id"] == order
            await until(lambda: events()[2:] == [("amended", order)])
            cancelled = await bot.ask("cancel_order", order_id=[order])
            assert cancelled["result"] == {"order_id": order}
            await until(lambda: events()[3:] == [("canceled", order)])

            old = (await bot.ask("add_order", **LIMIT))["result"]["order_id"]
            edited = await bot.ask("edit_order", order_id=old, symbol=BTC, limit_price=40_200.0, order_qty=0.3)
            new = edited["result"]["order_id"]
            assert edited["result"] == {"order_id": new, "original_order_id": old}
            await until(lambda: events()[6:] == [("canceled", old), ("pending_new", new), ("new", new)])

            kraken.orders[new].fill("0.1")
            await until(lambda: events()[9:] == [("trade", new)])
            [trade] = bot.of("executions")[-1]["data"]
            assert (trade["last_qty"], trade["last_price"], trade["liquidity_ind"]) == (0.1, 40200, "m")
            rows = await until(
                lambda: [row for message in bot.of("balances") for row in message["data"]][1:] and bot.of("balances")
            )
            assert [(row["asset"], row["amount"]) for message in rows for row in message["data"]] == [
                ("BTC", 0.1),
                ("USD", -4020),
            ]

            rows = [{name: LIMIT[name] for name in LIMIT if name != "symbol"} | {"order_userref": n} for n in (1, 2, 3)]
            checked = await bot.ask("batch_add", symbol=BTC, orders=rows, validate=True)
            assert checked["success"]
            batch = (await bot.ask("batch_add", symbol=BTC, orders=rows))["result"]
            assert [row["order_userref"] for row in batch] == [1, 2, 3]
            gone = await bot.ask("batch_cancel", orders=[batch[0]["order_id"], "2"])
            assert (gone["orders_cancelled"], gone["success"]) == (2, True)

            switch = await bot.ask("cancel_all_orders_after", timeout=60)
            assert switch["result"] == {
                "currentTime": "2026-01-15T12:00:00Z",
                "triggerTime": "2026-01-15T12:01:00Z",
            }
            assert (await bot.ask("cancel_all_orders_after", timeout=0))["success"]
            assert (await bot.ask("cancel_all"))["result"] == {"count": 2}
            assert (await bot.ask("cancel_all"))["result"] == {"count": 0}
            await bot.ask("add_order", **LIMIT)
            await bot.ask("cancel_all_orders_after", timeout=10)
            before = len(events())
            kraken.clock.advance("10s")
            await until(lambda: [what for what, _ in events()[before:]] == ["canceled"])

            assert (await bot.ask("cancel_order", order_id=[order]))["error"] == "EOrder:Unknown order"
            assert (await bot.ask("add_order", **LIMIT | {"order_qty": 1000.0}))["error"] == "EOrder:Insufficient funds"
            refused = await bot.ask("add_order", **LIMIT | {"limit_price": "40000"})
            assert refused["error"] == "Limit_price field must be a number_float"
            refused = await bot.ask("add_order", **LIMIT, leverage=2)
            assert refused["error"] == "Unsupported field: 'leverage' for the given msg type: add order"

            numbers = [row["sequence"] for row in bot.heard if row.get("channel") == "executions"]
            assert numbers == list(range(1, len(numbers) + 1))
            level3 = [row for row in bot.of("level3") for row in (*row["data"][0]["bids"], *row["data"][0]["asks"])]
            assert [(row["event"], row["limit_price"]) for row in level3 if row["order_id"] == order] == [
                ("add", 40000),
                ("delete", 40000),
                ("add", 40100),
                ("delete", 40100),
            ]

    run(story())


def test_it_subscribes_anew_to_all_after_a_reset(kraken: MockKraken) -> None:
    """It sends what the acknowledgements had told back as parameters: each of them has to be taken."""

    async def story() -> None:
        async with desk(kraken) as bot:
            await subscribe_to_all(bot)
            before = subscriptions(kraken)
            del bot.heard[:]
            kraken.reset(clock="2026-01-15T12:00:00Z")
            assert kraken.connections() == []
            await until(lambda: subscriptions(kraken) == before)
            for channel in ("book", "instrument", "balances", "executions", "ohlc"):
                await until(lambda channel=channel: bot.of(channel, "snapshot"))
            assert [row for row in bot.heard if row.get("success") is False] == []
            order = (await bot.ask("add_order", **LIMIT))["result"]["order_id"]  # with the token of now
            await until(lambda: [row["data"][0]["order_id"] for row in bot.of("executions")] == [order, order])

    run(story())


def test_orders_are_there_again_after_the_line_was_cut(kraken: MockKraken, relay: Any) -> None:
    async def story() -> None:
        async with relay() as line:
            bot = Desk(kraken, line=line)
            await bot.client.start()
            await subscribe_to_all(bot)
            before = subscriptions(kraken)
            order = (await bot.ask("add_order", **LIMIT))["result"]["order_id"]
            del bot.heard[:]
            line.cut()
            kraken.orders[order].fill("0.25")
            await until(lambda: subscriptions(kraken) == before)
            [trade] = (await until(lambda: bot.of("executions", "snapshot")))[0]["data"]
            assert (trade["order_id"], trade["last_qty"], trade["liquidity_ind"]) == (order, 0.25, "m")
            rows = (await until(lambda: bot.of("executions", "snapshot")[1:]))[0]["data"]
            assert [(row["order_id"], row["order_status"], row["cum_qty"]) for row in rows] == [
                (order, "partially_filled", 0.25)
            ]
            assert (await bot.ask("cancel_order", order_id=[order]))["success"]
            await hang_up(kraken, bot.client)

    run(story())


async def subscribe_to_all(bot: Desk) -> None:
    for channel, params in {
        "ticker": {"symbol": [BTC, XRP], "event_trigger": "bbo", "snapshot": False},
        "book": {"symbol": [BTC], "depth": 100},
        "trade": {"symbol": [BTC], "snapshot": True},
        "ohlc": {"symbol": [XRP], "interval": 60},
        "instrument": {"snapshot": True},
        "executions": {"snap_trades": True, "ratecounter": True, "order_status": True},
        "balances": {},
    }.items():
        assert (await bot.subscribe(channel, **params))["success"]


DEPTHS = {10: [BTC, XRP, VET, DOGE], 25: [XRP, VET], 100: [DOGE], 500: [VET], 1000: [BTC]}


def test_order_books_keep_their_checksums(kraken: MockKraken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices of 1 to 9 decimals, lots of 5 and 8, at each depth, over a hundred updates of each book."""
    monkeypatch.setattr(SpotClient, "URL", kraken.url)
    monkeypatch.setattr(SpotWSClientBase, "WS_URL", kraken.ws_url.removesuffix("/v2"))
    updates: Counter[tuple[int, str]] = Counter()
    errors: list[str] = []

    def client(depth: int) -> SpotOrderBookClient:
        def heard(pair: str, message: dict[str, Any]) -> None:
            if "error" in message:
                errors.append(f"depth {depth}, update {updates[depth, pair]}: {message}")
            elif message["type"] == "update":
                updates[depth, pair] += 1

        return SpotOrderBookClient(depth=depth, callback=heard)

    async def story() -> None:
        clients = {depth: client(depth) for depth in DEPTHS}
        books = [(depth, pair) for depth, pairs in DEPTHS.items() for pair in pairs]
        volumes = {BTC: "0.125", XRP: "100", VET: "10000", DOGE: "1000"}
        for pair in volumes:
            kraken.pairs[pair].model = "walk"
        await asyncio.gather(*(each.start() for each in clients.values()))
        try:
            for depth, pairs in DEPTHS.items():
                await clients[depth].add_book(pairs=pairs)
            await until(lambda: all(clients[depth].get(pair) for depth, pair in books))
            for side in itertools.cycle(("buy", "sell")):
                kraken.clock.advance("1s")
                for pair, volume in volumes.items():
                    kraken.pairs[pair].trade(side, volume)
                await asyncio.sleep(0.005)
                assert errors == []
                if all(updates[book] >= 100 for book in books):
                    break
            assert all(clients[depth].get(pair)["valid"] for depth, pair in books)
        finally:
            await asyncio.gather(*(hang_up(kraken, each) for each in clients.values()))

    run(story())
