"""ccxt, sync and async, with nothing changed but its urls."""

import asyncio

import ccxt
import ccxt.async_support
import pytest

from mockkraken import MockKraken

BTC = "BTC/USD"


def options(kraken: MockKraken, key: str = "full", **more) -> dict:
    chosen = kraken.keys[key]
    secret = more.pop("secret", None) or chosen.api_secret
    return {
        "apiKey": more.pop("apiKey", chosen.api_key),
        "secret": secret,
        "rateLimit": 1,
        "urls": {"api": {"public": kraken.url, "private": kraken.url}},
    }


@pytest.fixture
def exchange(kraken: MockKraken) -> ccxt.kraken:
    return ccxt.kraken(options(kraken))


def test_markets_and_prices(exchange: ccxt.kraken) -> None:
    markets = exchange.load_markets()
    assert len(markets) > 1400
    assert markets[BTC]["id"] == "XXBTZUSD"
    assert markets[BTC]["taker"] == 0.004
    assert markets[BTC]["precision"] == {"amount": 1e-8, "price": 0.1}
    ticker = exchange.fetch_ticker(BTC)
    book = exchange.fetch_order_book(BTC, 10)
    assert ticker["ask"] == book["asks"][0][0]
    assert ticker["bid"] == book["bids"][0][0] < ticker["ask"]
    assert len(book["asks"]) == 10
    assert len(exchange.fetch_tickers()) > 1400
    assert exchange.fetch_trades(BTC)[-1]["price"] == ticker["last"]
    assert exchange.fetch_ohlcv(BTC)[-1][4] == ticker["last"]
    assert exchange.fetch_status()["status"] == "ok"


def test_candles_and_trades_are_one_story(exchange: ccxt.kraken) -> None:
    hours = exchange.fetch_ohlcv(BTC, "1h")
    days = exchange.fetch_ohlcv(BTC, "1d")
    assert len(hours) == len(days) == 721
    midnight = days[-3][0]
    of_that_day = [row for row in hours if midnight <= row[0] < midnight + 86_400_000]
    assert len(of_that_day) == 24
    assert days[-3][1] == of_that_day[0][1]
    assert days[-3][2] == max(row[2] for row in of_that_day)
    assert days[-3][3] == min(row[3] for row in of_that_day)
    assert days[-3][4] == of_that_day[-1][4]
    assert days[-3][5] == pytest.approx(sum(row[5] for row in of_that_day))

    # Paged as ccxt's users do: from a time on, each page after the last trade of the one before.
    trades, since = [], midnight
    while page := [row for row in exchange.fetch_trades(BTC, since, 1000) if row["timestamp"] < midnight + 86_400_000]:
        new = [row for row in page if row["id"] not in {known["id"] for known in trades[-1000:]}]
        if not new:
            break
        trades += new
        since = trades[-1]["timestamp"]
    assert sum(row["amount"] for row in trades) == pytest.approx(days[-3][5])
    assert (trades[0]["price"], trades[-1]["price"]) == (days[-3][1], days[-3][4])


def test_orders_fill_when_the_price_comes_by(exchange: ccxt.kraken, kraken: MockKraken) -> None:
    order = exchange.create_order(BTC, "limit", "sell", 0.5, 70_000)
    part = exchange.create_order(BTC, "limit", "buy", 0.5, 60_000)
    kraken.orders[part["id"]].fill("0.3")
    kraken.pairs[BTC].move_to("71000")
    assert exchange.fetch_ticker(BTC)["last"] == 71_000
    assert (exchange.fetch_order(order["id"])["status"], exchange.fetch_order(order["id"])["average"]) == (
        "closed",
        70_000,
    )
    assert exchange.fetch_order(part["id"])["remaining"] == 0.2
    assert {row["takerOrMaker"] for row in exchange.fetch_my_trades(BTC)} == {"maker"}


def test_a_day_of_trading(exchange: ccxt.kraken) -> None:
    balance = exchange.fetch_balance()
    assert balance["BTC"] == {"free": 100.0, "used": 0.0, "total": 100.0}

    limit = exchange.create_order(BTC, "limit", "buy", 0.5, 60000, {"clientOrderId": "day-1"})
    [open_order] = exchange.fetch_open_orders()
    assert open_order["id"] == limit["id"]
    assert (open_order["price"], open_order["amount"], open_order["clientOrderId"]) == (60000, 0.5, "day-1")
    assert exchange.fetch_balance()["USD"]["used"] == 30120.0  # size and the taker fee of 0.4 %

    market = exchange.create_order(BTC, "market", "buy", 0.01)
    bought = exchange.fetch_order(market["id"])
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    [trade] = exchange.fetch_my_trades(BTC)
    assert trade["order"] == market["id"]
    assert trade["fee"] == {"cost": pytest.approx(trade["cost"] * 0.004, abs=1e-5), "currency": "USD"}
    assert trade["takerOrMaker"] == "taker"
    assert [row["id"] for row in exchange.fetch_closed_orders()] == [market["id"]]

    rows = {row["currency"]: row for row in exchange.fetch_ledger() if row["type"] == "trade"}
    assert rows["BTC"]["amount"] == 0.01
    assert rows["USD"]["after"] == exchange.fetch_balance()["USD"]["total"]

    exchange.cancel_order(limit["id"])
    assert exchange.fetch_open_orders() == []
    assert exchange.fetch_order(limit["id"])["status"] == "canceled"
    assert exchange.fetch_balance()["USD"]["used"] == 0
    assert exchange.fetch_trading_fee(BTC)["taker"] == 0.004


def test_post_only_and_immediate_or_cancel(exchange: ccxt.kraken) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Post only order"):
        exchange.create_order(BTC, "limit", "buy", 0.01, 70000, {"postOnly": True})
    order = exchange.create_order(BTC, "limit", "buy", 0.01, 60000, {"timeInForce": "IOC"})
    assert exchange.fetch_order(order["id"])["status"] == "canceled"


def test_every_refusal_raises_the_class_that_bots_catch(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    exchange.load_markets()
    kraken.keys["full"].set_nonce(2**63)
    with pytest.raises(ccxt.InvalidNonce):
        exchange.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        ccxt.kraken(options(kraken, apiKey="nobody's")).fetch_balance()
    wrong = ccxt.kraken(options(kraken, "trade", secret=kraken.keys["readonly"].api_secret))
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature") as refused:
        wrong.fetch_balance()
    assert type(refused.value) is ccxt.ExchangeError
    kraken.settings.patch(dialect="observed")
    with pytest.raises(ccxt.AuthenticationError):
        wrong.fetch_balance()
    kraken.settings.patch(dialect="documented")
    with pytest.raises(ccxt.PermissionDenied):
        ccxt.kraken(options(kraken, "readonly")).create_order(BTC, "limit", "buy", 1, 1000)
    trader = ccxt.kraken(options(kraken, "trade"))
    with pytest.raises(ccxt.InsufficientFunds):
        trader.create_order(BTC, "limit", "sell", 101, 90000)
    for dialect in ("documented", "observed"):
        kraken.settings.patch(dialect=dialect)
        with pytest.raises(ccxt.InvalidOrder):
            trader.create_order(BTC, "limit", "buy", 0.00001, 60000)
    kraken.settings.patch(dialect="documented")
    with pytest.raises(ccxt.OrderNotFound):
        trader.fetch_order("OAAAAA-BBBBB-CCCCCC")
    gone = trader.create_order(BTC, "limit", "buy", 0.01, 60000)["id"]
    trader.cancel_order(gone)
    with pytest.raises(ccxt.OrderNotFound):
        trader.cancel_order(gone)


def test_the_async_client(kraken: MockKraken) -> None:
    async def day() -> None:
        exchange = ccxt.async_support.kraken(options(kraken))
        try:
            await exchange.load_markets()
            assert (await exchange.fetch_balance())["ETH"]["total"] == 1000
            assert (await exchange.fetch_ticker("ETH/USD"))["ask"] > 0
            order = await exchange.create_order("ETH/USD", "limit", "sell", 1, 9000)
            filled = await exchange.create_order("ETH/USD", "market", "sell", 1)
            assert [row["id"] for row in await exchange.fetch_open_orders()] == [order["id"]]
            assert [row["id"] for row in await exchange.fetch_closed_orders()] == [filled["id"]]
            assert (await exchange.fetch_my_trades())[0]["side"] == "sell"
            rows = await exchange.fetch_ledger()
            assert {row["currency"] for row in rows if row["type"] == "trade"} == {"ETH", "USD"}
            await exchange.cancel_order(order["id"])
            with pytest.raises(ccxt.OrderNotFound):
                await exchange.cancel_order(order["id"])
        finally:
            await exchange.close()

    asyncio.run(day())
