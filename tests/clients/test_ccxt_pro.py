"""ccxt.pro over the WebSocket, with nothing changed but its urls: what it watches, and the orders that it sends.

Where ccxt makes something odd of a right answer, that is asserted too, and a comment beginning with "ccxt:" says so.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import ccxt
import ccxt.pro
import pytest
from ccxt.async_support.base.ws import client as ccxt_socket

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle

BTC, ETH, XRP, VET, DOGE = "BTC/USD", "ETH/USD", "XRP/USD", "VET/USD", "DOGE/BTC"
PATIENCE = 15  # seconds; nothing here waits for as long unless it fails

Bot = Callable[..., ccxt.pro.kraken]


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, PATIENCE))


def urls(kraken: MockKraken) -> dict[str, Any]:
    host = kraken.url.removeprefix("http://")
    websockets = {
        "public": f"ws://{host}/ws",
        "private": f"ws://{host}/ws-auth",
        "publicV2": kraken.ws_url,
        "privateV2": kraken.ws_auth_url,
    }
    return {"public": kraken.url, "private": kraken.url, "ws": websockets}


@pytest.fixture(scope="module")
def known(server: MockKraken) -> ccxt.kraken:
    """The 1400 markets, loaded once for all."""
    exchange = ccxt.kraken({"urls": {"api": {"public": server.url, "private": server.url}}})
    exchange.load_markets()
    return exchange


@pytest.fixture
def kraken(server: MockKraken, market: PairHandle) -> MockKraken:
    """With a quiet BTC/USD, and a clock that stands still."""
    return server


@pytest.fixture
def bot(kraken: MockKraken, known: ccxt.kraken) -> Bot:
    """Makes clients, within the event loop: `async with bot() as exchange`."""

    def make(key: str = "full", **options: Any) -> ccxt.pro.kraken:
        account = {"apiKey": kraken.keys[key].api_key, "secret": kraken.keys[key].api_secret}
        exchange = ccxt.pro.kraken({**account, "rateLimit": 1, "urls": {"api": urls(kraken)}, **options})
        exchange.set_markets_from_exchange(known)
        return exchange

    return make


async def watching(exchange: ccxt.pro.kraken, watch: Awaitable[Any]) -> asyncio.Task[Any]:
    """Start a `watch_...` call; back as soon as it waits for its next message."""
    task = asyncio.ensure_future(watch)
    while not any(client.futures for client in exchange.clients.values()):
        await asyncio.sleep(0)
    return task


async def until(condition: Callable[[], Any]) -> None:
    """Let the client work until it is so."""
    while not condition():
        await asyncio.sleep(0.001)


def subscribed(kraken: MockKraken) -> list[tuple[str, str]]:
    """The channels, and their symbols, that anybody hears."""
    rows = [row for connection in kraken.connections() for row in connection["subscriptions"]]
    return sorted((row["channel"], row.get("symbol", "")) for row in rows)


def check(row: dict[str, Any], /, **expected: Any) -> None:
    """Compare those fields of the row that are expected, all at once."""
    assert {name: row[name] for name in expected} == expected


# Market data


def test_tickers_of_several_pairs_on_one_socket(bot: Bot, kraken: MockKraken, market: PairHandle) -> None:
    async def story() -> None:
        async with bot() as exchange:
            check(await exchange.watch_ticker(BTC), symbol=BTC, last=50100, bid=50000, bidVolume=1, ask=50100)
            await exchange.watch_tickers([BTC, ETH, XRP])
            await until(lambda: set(exchange.tickers) == {BTC, ETH, XRP})
            watch = await watching(exchange, exchange.watch_tickers([BTC, ETH, XRP]))
            market.trade("sell", "0.25")
            [ticker] = (await watch).values()
            check(ticker, symbol=BTC, last=50000, bid=50000, bidVolume=0.75, ask=50100, askVolume=1)
            fetched = await exchange.fetch_ticker(BTC)
            for field in ("last", "high", "low", "vwap", "baseVolume"):
                assert ticker[field] == pytest.approx(fetched[field], rel=1e-6), field
            watch = await watching(exchange, exchange.watch_ticker(ETH))
            kraken.pairs[ETH].move_to("2000")
            assert (await watch)["last"] == 2000
            assert len(kraken.connections()) == 1
            assert subscribed(kraken) == [("ticker", BTC), ("ticker", ETH), ("ticker", XRP)]

    run(story())


def test_bids_and_asks_follow_the_quotes(bot: Bot, market: PairHandle) -> None:
    async def story() -> None:
        async with bot() as exchange:
            check((await exchange.watch_bids_asks([BTC]))[BTC], bid=50000, ask=50100)
            watch = await watching(exchange, exchange.watch_bids_asks([BTC]))
            market.set_book([("50010", "2")], [("50090", "3")])  # nobody has traded
            check((await watch)[BTC], bid=50010, bidVolume=2, ask=50090, askVolume=3, last=50100)

    run(story())


def test_an_order_book_is_always_that_of_the_exchange(bot: Bot, kraken: MockKraken, market: PairHandle) -> None:
    def levels(book: dict[str, Any]) -> list[Any]:
        # REST has volumes to 3 decimals.
        return [[(price, round(volume, 3)) for price, volume, *_ in book[side][:10]] for side in ("bids", "asks")]

    async def story() -> None:
        async with bot() as exchange:
            book = await exchange.watch_order_book(BTC)
            assert levels(book) == [[(50000, 1), (49900, 10)], [(50100, 1), (50200, 10)]]
            for change in (
                lambda: market.trade("buy", "0.4"),
                lambda: market.trade("buy", "0.6"),
                lambda: market.trade("sell", "1.5"),
                lambda: market.set_book([("49999.9", "0.001")], [("50000", "123.456")]),
            ):
                watch = await watching(exchange, exchange.watch_order_book(BTC))
                change()
                book, fetched = await watch, await exchange.fetch_order_book(BTC, 10)
                await until(lambda book=book, fetched=fetched: levels(book) == levels(fetched))
            own = await exchange.create_order_ws(BTC, "limit", "buy", 0.5, 49_999)
            await until(lambda: [49999, 0.5] in exchange.orderbooks[BTC]["bids"])
            await exchange.cancel_order_ws(own["id"])
            await until(lambda: [49999, 0.5] not in exchange.orderbooks[BTC]["bids"])
            assert (await watching(exchange, exchange.watch_order_book_for_symbols([BTC, ETH]))) is not None
            await until(lambda: ETH in exchange.orderbooks)
            assert levels(exchange.orderbooks[ETH]) == levels(await exchange.fetch_order_book(ETH, 10))

    run(story())


class Digits(float):
    """A number that keeps the digits it came with: which type numbers have, ccxt leaves to its users."""

    def __new__(cls, text: str) -> Digits:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def split(self, separator: str) -> list[str]:
        return self.text.split(separator)


class ExactJson:
    """In the place of ccxt's JSON parser, whose floats have lost the zeros at the end before anybody can look."""

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text, parse_float=str)


@pytest.mark.parametrize("depth", [10, 25, 100, 1000])
def test_ccxt_finds_each_checksum_right(
    bot: Bot, kraken: MockKraken, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Its own check, on books of which each level changes often, with prices of 1 to 9 decimals and lots of 5 and 8.

    ccxt: as it comes, it can't be switched on in Python: it makes floats of the numbers, and then calls a method of
    strings on them. With numbers that keep their digits it runs as it stands.
    """
    monkeypatch.setattr(ccxt_socket, "json_parser", ExactJson)
    monkeypatch.setattr(ccxt_socket, "json_dumps", json.dumps)
    symbols = {BTC: "0.125", XRP: "100", VET: "10000", DOGE: "1000"}
    came: Counter[str] = Counter()
    checked: list[str] = []

    async def story() -> None:
        async with bot(options={"watchOrderBook": {"checksum": True}}) as exchange:
            exchange.number = Digits
            handle, compute = exchange.handle_order_book, exchange.crc32

            def handle_order_book(client: Any, message: dict[str, Any]) -> None:
                came[message["data"][0]["symbol"]] += 1
                handle(client, message)

            def crc32(payload: str, signed: bool) -> int:
                checked.append(payload)
                return compute(payload, signed)

            exchange.handle_order_book, exchange.crc32 = handle_order_book, crc32

            async def listen(symbol: str) -> None:
                while True:
                    await exchange.watch_order_book(symbol, depth)

            for symbol in symbols:
                kraken.pairs[symbol].model = "walk"
            kraken.clock.advance("10s")  # ccxt: its check wants ten levels on each side
            listeners = [asyncio.ensure_future(listen(symbol)) for symbol in symbols]
            for side in itertools.cycle(("buy", "sell")):
                kraken.clock.advance("1s")
                for symbol, volume in symbols.items():
                    kraken.pairs[symbol].trade(side, volume)
                await asyncio.sleep(0.001)
                for listener in listeners:
                    assert not listener.done() or listener.result()  # its exception, a ChecksumError
                if len(came) == len(symbols) and min(came.values()) > 100:
                    break
            for listener in listeners:
                listener.cancel()

    run(story())
    assert len(checked) == came.total()
    assert all(len(payload) > 100 for payload in checked)


def test_public_trades(bot: Bot, kraken: MockKraken, market: PairHandle) -> None:
    async def story() -> None:
        async with bot() as exchange:
            watch = await watching(exchange, exchange.watch_trades(BTC))
            await until(lambda: subscribed(kraken) == [("trade", BTC)])
            market.trade("buy", "0.25")
            [trade] = await watch
            check(trade, symbol=BTC, side="buy", price=50100, amount=0.25, timestamp=1768478400000, type="market")
            watch = await watching(exchange, exchange.watch_trades_for_symbols([BTC, ETH]))
            await until(lambda: ("trade", ETH) in subscribed(kraken))
            market.trade("sell", "3")  # two prices
            trades = await watch
            assert [(row["side"], row["price"], row["amount"]) for row in trades[-2:]] == [
                ("sell", 50000, 1),
                ("sell", 49900, 2),
            ]
            fetched = await exchange.fetch_trades(BTC)
            assert [row["id"] for row in fetched[-3:]] == [row["id"] for row in exchange.trades[BTC]]

    run(story())


def test_candles(bot: Bot, kraken: MockKraken, market: PairHandle) -> None:
    async def story() -> None:
        async with bot() as exchange:
            await exchange.watch_ohlcv(BTC, "1m")
            watch = await watching(exchange, exchange.watch_ohlcv(BTC, "1m"))
            market.trade("sell", "0.5")
            noon = (await watch)[-1]
            assert (noon[0], noon[3], noon[4]) == (1768478400000, 50000, 50000)
            kraken.clock.advance("60s")
            watch = await watching(exchange, exchange.watch_ohlcv(BTC, "1m"))
            market.trade("buy", "0.125")
            await watch
            assert exchange.ohlcvs[BTC]["1m"][-1] == [1768478460000, 50100, 50100, 50100, 50100, 0.125]
            fetched = await exchange.fetch_ohlcv(BTC, "1m")
            assert fetched[-2:] == exchange.ohlcvs[BTC]["1m"][-2:]
            # ccxt: all timeframes of a pair wake the same call, so each wants a client of its own.
        async with bot() as exchange:
            hours = await exchange.watch_ohlcv(BTC, "1h")
            assert hours == (await exchange.fetch_ohlcv(BTC, "1h"))[-len(hours) :]

    run(story())


# Orders


def test_a_day_of_trading(bot: Bot, kraken: MockKraken) -> None:
    async def story() -> None:
        async with bot() as exchange:
            assert (await exchange.watch_balance())["BTC"]["total"] == 100
            watch = await watching(exchange, exchange.watch_orders())
            await until(lambda: ("executions", "") in subscribed(kraken))
            order = await exchange.create_order_ws(BTC, "limit", "buy", 0.5, 49_950)
            [seen, *_] = await watch
            check(seen, id=order["id"], status="open", symbol=BTC, type="limit", side="buy", price=49950, amount=0.5)
            check(seen, timeInForce="GTC", timestamp=1768478400000, triggerPrice=0)

            amended = await exchange.edit_order_ws(order["id"], BTC, "limit", "buy", 0.4, 49_960)
            assert amended["id"] == order["id"]
            check(await exchange.fetch_order(order["id"]), price=49960, amount=0.4, status="open")

            fills = await watching(exchange, exchange.watch_my_trades())
            balance = await watching(exchange, exchange.watch_balance())
            kraken.orders[order["id"]].fill("0.1")
            [trade] = await fills
            check(trade, order=order["id"], symbol=BTC, side="buy", price=49960, amount=0.1, takerOrMaker="maker")
            check(trade, cost=4996, type="limit", fee={"cost": 12.49, "currency": "USD"}, timestamp=1768478400000)
            await balance
            await until(lambda: exchange.balance["spot"]["BTC"]["total"] == 100.1)
            await until(lambda: exchange.balance["spot"]["USD"]["total"] == 1_000_000 - 4996 - 12.49)

            kraken.orders[order["id"]].fill()
            await until(lambda: len(exchange.myTrades) == 2)
            await until(lambda: [row["status"] for row in exchange.orders if row["id"] == order["id"]][-1] == "closed")
            assert {row["id"] for row in exchange.myTrades} == {row["id"] for row in await exchange.fetch_my_trades()}
            check(await exchange.fetch_order(order["id"]), status="closed", filled=0.4)

            gone = await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            reply = await exchange.cancel_order_ws(gone["id"])
            assert (reply["success"], reply["result"]) == (True, {"order_id": gone["id"]})
            await until(lambda: "canceled" in [row["status"] for row in exchange.orders if row["id"] == gone["id"]])
            # ccxt: all but the first report of an order and its fills come without the symbol, as they do from Kraken,
            # so what it keeps under the symbol stays open.
            assert {(row["symbol"], row["status"]) for row in exchange.orders if row["id"] == gone["id"]} == {
                (BTC, "open"),
                (None, "canceled"),
            }

    run(story())


def test_a_market_order_fills_at_once(bot: Bot, kraken: MockKraken) -> None:
    async def story() -> None:
        async with bot() as exchange:
            fills = await watching(exchange, exchange.watch_my_trades(BTC))
            await until(lambda: ("executions", "") in subscribed(kraken))
            order = await exchange.create_order_ws(BTC, "market", "sell", 1.5)
            await fills
            await until(lambda: len(exchange.myTrades) == 2)
            assert [(row["order"], row["price"], row["amount"], row["takerOrMaker"]) for row in exchange.myTrades] == [
                (order["id"], 50000, 1, "taker"),
                (order["id"], 49900, 0.5, "taker"),
            ]
            check(await exchange.fetch_order(order["id"]), status="closed", filled=1.5)

    run(story())


def test_who_watches_later_sees_what_is_open_and_what_was_filled(bot: Bot) -> None:
    async def story() -> None:
        async with bot() as exchange:
            open_order = await exchange.create_order_ws(BTC, "limit", "sell", 0.5, 60_000, {"clientOrderId": "mine"})
            stop = await exchange.create_order_ws(BTC, "market", "sell", 0.5, None, {"stopLossPrice": 45_000})
            await exchange.create_order_ws(BTC, "market", "buy", 0.5)
        async with bot() as exchange:
            rows = {row["id"]: row for row in await exchange.watch_orders(BTC)}
            assert set(rows) == {open_order["id"], stop["id"]}
            check(rows[open_order["id"]], price=60000, amount=0.5, status="open", side="sell")
            check(rows[stop["id"]], type="stop-loss", triggerPrice=45000, amount=0.5)
            assert rows[open_order["id"]]["info"]["cl_ord_id"] == "mine"
        async with bot() as exchange:
            [trade] = await exchange.watch_my_trades()
            check(trade, price=50100, amount=0.5, side="buy", takerOrMaker="taker")

    run(story())


SELL = (BTC, "market", "sell", 0.01, None)
ORDERS = [
    ((BTC, "limit", "buy", 0.5, 45_000), "buy 0.50000000 XBTUSD @ limit 45000.0", {}),
    (
        (BTC, "limit", "buy", 0.5, 45_000, {"clientOrderId": "c1"}),
        "buy 0.50000000 XBTUSD @ limit 45000.0",
        {"cl_ord_id": "c1"},
    ),
    (
        (BTC, "limit", "buy", 0.5, 45_000, {"postOnly": True}),
        "buy 0.50000000 XBTUSD @ limit 45000.0",
        {"oflags": "post,fciq"},
    ),
    (
        (BTC, "limit", "buy", 0.5, 45_000, {"timeInForce": "IOC"}),
        "buy 0.50000000 XBTUSD @ limit 45000.0",
        {"time_in_force": "ioc", "status": "canceled"},
    ),
    ((*SELL, {}), "sell 0.01000000 XBTUSD @ market", {"status": "closed"}),
    ((*SELL, {"stopLossPrice": 45_000}), "sell 0.01000000 XBTUSD @ stop loss 45000.0", {}),
    ((*SELL, {"takeProfitPrice": 55_000}), "sell 0.01000000 XBTUSD @ take profit 55000.0", {}),
    ((*SELL, {"trailingAmount": 500}), "sell 0.01000000 XBTUSD @ trailing stop +500.0", {}),
    ((*SELL, {"trailingPercent": 2.5}), "sell 0.01000000 XBTUSD @ trailing stop +2.5000%", {}),
    (
        (BTC, "limit", "sell", 0.01, 44_000, {"stopLossPrice": 45_000}),
        "sell 0.01000000 XBTUSD @ stop loss 45000.0 -> limit 44000.0",
        {},
    ),
    (
        (BTC, "limit", "sell", 0.01, 54_000, {"takeProfitPrice": 55_000}),
        "sell 0.01000000 XBTUSD @ take profit 55000.0 -> limit 54000.0",
        {},
    ),
    # ccxt: the price of a trailing stop with a limit is the offset of that limit.
    (
        (BTC, "limit", "sell", 0.01, 100, {"trailingLimitAmount": 500}),
        "sell 0.01000000 XBTUSD @ trailing stop +500.0 -> limit +100.0",
        {},
    ),
    (
        (BTC, "limit", "sell", 0.01, 1, {"trailingLimitPercent": 2}),
        "sell 0.01000000 XBTUSD @ trailing stop +2.0000% -> limit +1.0000%",
        {},
    ),
]
CLOSES = [
    ({"stopLoss": {"triggerPrice": 40_000}}, "close position @ stop loss 40000.0"),
    ({"stopLoss": {"triggerPrice": 40_000, "price": 39_000}}, "close position @ stop loss 40000.0 -> limit 39000.0"),
    ({"takeProfit": {"triggerPrice": 60_000}}, "close position @ take profit 60000.0"),
    ({"takeProfit": {"triggerPrice": 60_000, "price": 59000}}, "close position @ take profit 60000.0 -> limit 59000.0"),
]  # fmt: skip


def test_every_order_that_it_can_make(bot: Bot) -> None:
    async def story() -> None:
        async with bot() as exchange:
            for sent, sentence, expected in ORDERS:
                order = await exchange.create_order_ws(*sent)
                row = (await exchange.fetch_order(order["id"]))["info"]
                assert row["descr"]["order"] == sentence
                check(row, **{"status": "open", "oflags": "fciq", "time_in_force": "gtc"} | expected)
            for params, sentence in CLOSES:
                order = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, 45_000, params)
                row = (await exchange.fetch_order(order["id"]))["info"]
                assert row["descr"]["close"] == sentence

    run(story())


def test_edits_keep_the_order(bot: Bot) -> None:
    async def story() -> None:
        async with bot() as exchange:
            stop = await exchange.create_order_ws(BTC, "limit", "sell", 0.5, 44_000, {"stopLossPrice": 45_000})
            params = {"stopLossPrice": 46_000}
            await exchange.edit_order_ws(stop["id"], BTC, "limit", "sell", 0.25, 43_000, params)
            row = (await exchange.fetch_order(stop["id"]))["info"]
            assert row["descr"]["order"] == "sell 0.25000000 XBTUSD @ stop loss 46000.0 -> limit 43000.0"
            trailing = await exchange.create_order_ws(*SELL, {"trailingPercent": 2})
            await exchange.edit_order_ws(trailing["id"], BTC, "market", "sell", 0.01, None, {"trailingPercent": 3})
            row = (await exchange.fetch_order(trailing["id"]))["info"]
            assert row["descr"]["order"] == "sell 0.01000000 XBTUSD @ trailing stop +3.0000%"
            limit = await exchange.create_order_ws(BTC, "limit", "buy", 0.5, 45_000)
            with pytest.raises(ccxt.ExchangeError, match="EOrder:Post only order"):
                await exchange.edit_order_ws(limit["id"], BTC, "limit", "buy", 0.5, 51_000, {"postOnly": True})
            check(await exchange.fetch_order(limit["id"]), price=45000, status="open")

    run(story())


def test_cancels(bot: Bot) -> None:
    async def story() -> None:
        async with bot() as exchange:
            make = exchange.create_order_ws
            orders = [(await make(BTC, "limit", "buy", 0.1, price))["id"] for price in range(40_000, 40_005)]
            named = await make(BTC, "limit", "buy", 0.1, 40_010, {"clientOrderId": "mine"})
            reply = await exchange.cancel_orders_ws(orders[:2])
            assert reply["result"] == {"order_id": orders[0]}  # ccxt: of one reply for each it gives the first
            assert {row["id"] for row in await exchange.fetch_open_orders()} == {*orders[2:], named["id"]}
            assert (await exchange.cancel_all_orders_ws())["result"] == {"count": 4}
            assert await exchange.fetch_open_orders() == []
            assert (await exchange.cancel_all_orders_ws())["result"] == {"count": 0}

    run(story())


# Refusals


def test_refusals_raise_what_ccxt_maps_them_to(bot: Bot, kraken: MockKraken) -> None:
    async def story() -> None:
        async with bot() as exchange:
            with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
                await exchange.cancel_order_ws("OAAAAA-BBBBB-CCCCCC")
            with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
                await exchange.edit_order_ws("OAAAAA-BBBBB-CCCCCC", BTC, "limit", "buy", 1, 40_000)
            exchange.markets["BTC/XRP"] = exchange.markets[BTC] | {"symbol": "BTC/XRP"}  # which the exchange has not
            with pytest.raises(ccxt.BadSymbol, match="Currency pair not supported BTC/XRP"):
                await exchange.create_order_ws("BTC/XRP", "limit", "buy", 1, 40_000)
            # ccxt: its table for sockets has longer texts than Kraken sends for these.
            for sent, text in (
                ((BTC, "limit", "buy", 1000, 50_000), "EOrder:Insufficient funds"),
                ((BTC, "limit", "buy", 0.00001, 50_000), "EOrder:Order minimum not met"),
                ((BTC, "limit", "buy", 1, 51_000, {"postOnly": True}), "EOrder:Post only order"),
                ((BTC, "limit", "buy", 1, 40_000, {"reduceOnly": True}), "EOrder:Reduce only:Non-PC"),
            ):
                with pytest.raises(ccxt.ExchangeError) as refused:
                    await exchange.create_order_ws(*sent)
                assert (type(refused.value), str(refused.value)) == (ccxt.ExchangeError, text)
            kraken.status.set("cancel_only")
            with pytest.raises(ccxt.NotSupported, match="EService:Market in cancel_only mode"):
                await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            kraken.status.set("maintenance")
            with pytest.raises(ccxt.ExchangeNotAvailable, match="EService:Unavailable"):
                await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            assert await exchange.fetch_open_orders() == []

    run(story())


def test_rate_limits_and_post_only_mode(bot: Bot, kraken: MockKraken) -> None:
    kraken.settings.patch(rate_limits="on")
    kraken.counters.trading["main"]["XBTUSD"] = 180

    async def story() -> None:
        async with bot() as exchange:
            with pytest.raises(ccxt.RateLimitExceeded, match="EOrder:Rate limit exceeded"):
                await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            kraken.clock.advance("50s")
            kraken.status.set("post_only", pair="XBTUSD")
            with pytest.raises(ccxt.NotSupported, match="EService:Market in post_only mode"):
                await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000, {"postOnly": True})

    run(story())


def test_what_a_key_may_not(bot: Bot, kraken: MockKraken) -> None:
    kraken.keys.create(name="watcher", permissions=["query-funds", "query-open-trades", "create-ws-token"])

    async def story() -> None:
        async with bot("readonly") as exchange:
            with pytest.raises(ccxt.PermissionDenied, match="EGeneral:Permission denied"):  # of GetWebSocketsToken
                await exchange.watch_orders()
        async with bot("watcher") as exchange:
            assert (await exchange.watch_balance())["BTC"]["total"] == 100
            with pytest.raises(ccxt.ExchangeError, match="EGeneral:Permission denied") as refused:
                await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            assert type(refused.value) is ccxt.ExchangeError  # ccxt: its table has EAccount:Invalid permissions

    run(story())


def test_a_token_that_ran_out(bot: Bot, kraken: MockKraken) -> None:
    async def story() -> None:
        async with bot() as exchange:
            order = await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            kraken.tokens.expire("full")
            with pytest.raises(ccxt.AuthenticationError, match="ESession:Invalid session"):
                await exchange.cancel_order_ws(order["id"])
        async with bot() as exchange:
            await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            kraken.clock.advance("15m")  # without a subscription the socket is closed, and the token does not live on
            with pytest.raises(ccxt.NetworkError, match="1000"):
                await exchange.cancel_order_ws(order["id"])
            with pytest.raises(ccxt.AuthenticationError, match="ESession:Invalid session"):
                await exchange.cancel_order_ws(order["id"])
        async with bot() as exchange:
            await exchange.watch_orders()
            kraken.clock.advance("15m")
            assert (await exchange.cancel_order_ws(order["id"]))["success"]

    run(story())


# Connections


def test_it_comes_back_after_the_server_has_hung_up(bot: Bot, kraken: MockKraken) -> None:
    async def story() -> None:
        async with bot() as exchange:
            await exchange.watch_ticker(BTC)
            book = copy.deepcopy(await exchange.watch_order_book(BTC))
            watch = await watching(exchange, exchange.watch_ticker(BTC))
            kraken.reset(clock="2026-01-15T12:00:00Z")
            with pytest.raises(ccxt.NetworkError, match="1012"):
                await watch
            assert (await exchange.watch_ticker(BTC))["last"] > 60_000  # the market of the start state
            again = await exchange.watch_order_book(BTC)
            assert len(again["bids"]) == 10 > len(book["bids"])
            assert subscribed(kraken) == [("book", BTC), ("ticker", BTC)]

    run(story())


def test_orders_are_seen_again_after_the_line_was_cut(bot: Bot, kraken: MockKraken, relay: Any) -> None:
    async def story() -> None:
        async with relay() as line, bot() as exchange:
            exchange.urls["api"]["ws"]["privateV2"] = line.through(kraken.ws_auth_url)
            first = await exchange.create_order_ws(BTC, "limit", "buy", 1, 40_000)
            [seen] = await exchange.watch_orders()
            assert seen["id"] == first["id"]
            watch = await watching(exchange, exchange.watch_orders())
            line.cut()
            with pytest.raises(ccxt.NetworkError):
                await watch
            second = await exchange.create_order(BTC, "limit", "buy", 1, 41_000)
            await exchange.watch_orders()
            assert {row["id"] for row in exchange.orders} == {first["id"], second["id"]}
            await exchange.cancel_order_ws(second["id"])  # with the token of before
            await until(lambda: "canceled" in [row["status"] for row in exchange.orders if row["id"] == second["id"]])

    run(story())


def test_its_pings_are_answered(bot: Bot, kraken: MockKraken) -> None:
    def pings() -> int:
        return len([row for row in kraken.journal.records() if row["endpoint"] == "ping"])

    async def story() -> None:
        async with bot(streaming={"keepAlive": 100}) as exchange:  # milliseconds; it gives up after two without a pong
            await exchange.watch_ticker(BTC)
            await exchange.watch_balance()
            await until(lambda: pings() >= 10)
            assert [client.error for client in exchange.clients.values() if client.url.endswith("v2")] == [None, None]

    run(story())
