"""ccxt's exception classes: each arises where it should, and clears when the clock moves or its cause goes."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ccxt
import ccxt.async_support
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mockkraken import MockKraken

BTC, ETH = "BTC/USD", "ETH/USD"
START = "2026-01-15T12:00:00Z"


def options(kraken: MockKraken, key: str = "full", **more: Any) -> dict[str, Any]:
    chosen = kraken.keys[key]
    urls = {"api": {"public": kraken.url, "private": kraken.url}}
    return {"apiKey": chosen.api_key, "secret": chosen.api_secret, "rateLimit": 1, "urls": urls} | more


@pytest.fixture(scope="session")
def loaded(server: MockKraken) -> ccxt.kraken:
    """A client that knows the markets; to load them is the better part of a second."""
    client = ccxt.kraken(options(server))
    client.load_markets()
    return client


@pytest.fixture
def kraken(server: MockKraken) -> MockKraken:
    """Limits are on, and the clock stands still."""
    server.reset(clock=START)
    server.settings["rate_limits"] = "on"
    return server


@pytest.fixture
def connect(kraken: MockKraken, loaded: ccxt.kraken) -> Callable[..., ccxt.kraken]:
    def client(key: str = "full", **more: Any) -> ccxt.kraken:
        made = ccxt.kraken(options(kraken, key, **more))
        made.set_markets_from_exchange(loaded)
        return made

    return client


@pytest.fixture
def exchange(connect: Callable[..., ccxt.kraken]) -> ccxt.kraken:
    return connect()


@contextmanager
def raises(kind: type[ccxt.BaseError], text: str) -> Iterator[None]:
    """Just that class, no other that is one of its kind: it is what bots decide by."""
    with pytest.raises(kind, match=text) as raised:
        yield
    assert type(raised.value) is kind


def buy(exchange: ccxt.kraken, symbol: str = BTC, **params: Any) -> str:
    order = exchange.create_order(symbol, "limit", "buy", 0.1, 1000, params)
    txid: str = order["id"]
    return txid


# InvalidNonce


def test_invalid_nonce_after_a_unit_switch_until_the_key_is_put_right(kraken: MockKraken, connect) -> None:
    milliseconds, other = connect(), connect()
    milliseconds.fetch_balance()
    other.nonce = lambda: other.microseconds()
    other.fetch_balance()
    for _ in range(3):
        with raises(ccxt.InvalidNonce, "EAPI:Invalid nonce"):
            milliseconds.fetch_balance()
    kraken.keys["full"].set_nonce(0)
    milliseconds.fetch_balance()


def test_invalid_nonce_of_a_late_client_until_the_key_has_a_window(kraken: MockKraken, connect) -> None:
    connect().fetch_balance()
    behind = ccxt.kraken.milliseconds() - 5_000
    late, twin = connect(), connect()
    late.nonce, twin.nonce = itertools.count(behind).__next__, itertools.count(behind).__next__
    with raises(ccxt.InvalidNonce, "EAPI:Invalid nonce"):
        late.fetch_balance()
    kraken.keys["full"].patch(nonce_window=10_000)
    late.fetch_balance()
    twin.fetch_balance()
    with raises(ccxt.InvalidNonce, "EAPI:Invalid nonce"):  # the nonce that the other has used
        twin.fetch_balance()


# DDoSProtection


def test_the_rest_rate_limit_clears_with_the_clock(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    for _ in range(20):
        exchange.fetch_balance()
    for _ in range(2):
        with raises(ccxt.DDoSProtection, "EAPI:Rate limit exceeded"):
            exchange.fetch_balance()
    kraken.clock.advance(1)
    exchange.fetch_balance()
    with raises(ccxt.DDoSProtection, "EAPI:Rate limit exceeded"):
        exchange.fetch_my_trades(BTC)
    kraken.counters.clear()
    exchange.fetch_my_trades(BTC)


def test_the_starter_tier_gets_fifteen_calls(connect) -> None:
    second = connect("second")
    for _ in range(15):
        second.fetch_balance()
    with raises(ccxt.DDoSProtection, "EAPI:Rate limit exceeded"):
        second.fetch_balance()


def test_the_trading_rate_limit_clears_with_the_clock(kraken: MockKraken, connect) -> None:
    second = connect("second")
    ids = [buy(second, timeInForce="IOC") for _ in range(60)]
    assert len(set(ids)) == 60
    with raises(ccxt.DDoSProtection, "EOrder:Rate limit exceeded"):
        buy(second)
    buy(second, ETH)
    second.fetch_balance()
    kraken.clock.advance(1)
    buy(second)


def test_the_trading_rate_limit_of_changes_and_cancels(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    txid = buy(exchange)
    pair = kraken.counters.trading["main"]
    pair["XBTUSD"] = 180
    calls: list[Callable[[], Any]] = [
        lambda: buy(exchange),
        lambda: exchange.create_orders(
            [{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": 1000}] * 2
        ),
        lambda: exchange.edit_order(txid, BTC, "limit", "buy", 0.1, 1001),
        lambda: exchange.cancel_order(txid, BTC),
    ]
    for call in calls:
        with raises(ccxt.DDoSProtection, "EOrder:Rate limit exceeded"):
            call()
    assert [order["id"] for order in exchange.fetch_open_orders(BTC)] == [txid]
    for call in calls:
        kraken.clock.advance("10s")
        call()
        pair["XBTUSD"] = 180
    # Mass cancels are always let through.
    exchange.cancel_orders([order["id"] for order in exchange.fetch_open_orders(BTC)][:1])
    exchange.cancel_all_orders()
    assert exchange.fetch_open_orders(BTC) == []


def test_the_lockout_holds_out_the_right_secret_too_until_its_time_is_over(kraken: MockKraken, connect) -> None:
    kraken.settings["lockout_extends_on_attempt"] = False
    right, wrong = connect(), connect(secret=kraken.keys["trade"].api_secret)
    for _ in range(10):
        with raises(ccxt.ExchangeError, "EAPI:Invalid signature"):
            wrong.fetch_balance()
    for client in (right, wrong):
        with raises(ccxt.DDoSProtection, "EGeneral:Temporary lockout"):
            client.fetch_balance()
    connect("trade").fetch_balance()  # another key from the same address
    assert right.fetch_ticker(BTC)["last"]
    kraken.clock.advance("899s")
    with raises(ccxt.DDoSProtection, "EGeneral:Temporary lockout"):
        right.fetch_balance()
    kraken.clock.advance("1s")
    right.fetch_balance()


def test_a_bot_that_keeps_trying_stays_locked_out(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    kraken.lockout.start("full", seconds=60)
    for _ in range(5):
        kraken.clock.advance("59s")
        with raises(ccxt.DDoSProtection, "EGeneral:Temporary lockout"):
            exchange.fetch_balance()
    kraken.lockout.clear()
    exchange.fetch_balance()


def test_too_many_public_requests_clear_with_the_clock(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    kraken.settings["public_rate_limit"] = "on"
    for _ in range(10):
        exchange.fetch_ticker(BTC)
    with raises(ccxt.DDoSProtection, "EGeneral:Too many requests"):
        exchange.fetch_ticker(BTC)
    exchange.fetch_order_book(BTC)
    exchange.fetch_balance()
    kraken.clock.advance(1)
    exchange.fetch_ticker(BTC)
    with raises(ccxt.DDoSProtection, "EGeneral:Too many requests"):
        exchange.fetch_ticker(ETH)
    kraken.settings["public_rate_limit"] = "off"
    exchange.fetch_ticker(ETH)


def test_candles_of_another_pair_are_another_matter(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    kraken.settings["public_rate_limit"] = "on"
    for _ in range(10):
        exchange.fetch_ohlcv(BTC)
    with raises(ccxt.DDoSProtection, "EGeneral:Too many requests"):
        exchange.fetch_ohlcv(BTC)
    exchange.fetch_ohlcv(ETH)


# PermissionDenied, AuthenticationError


def test_permission_denied_until_the_key_has_it(kraken: MockKraken, connect) -> None:
    reader = connect("readonly")
    with raises(ccxt.PermissionDenied, "EGeneral:Permission denied"):
        buy(reader)
    key = kraken.keys["readonly"]
    key.patch(permissions=[*key.state()["permissions"], "modify-trades"])
    txid = buy(reader)
    with raises(ccxt.PermissionDenied, "EGeneral:Permission denied"):
        reader.create_orders([{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": 1000}] * 2)
    reader.cancel_order(txid, BTC)


def test_authentication_errors_until_the_key_is_good_again(kraken: MockKraken, connect, exchange: ccxt.kraken) -> None:
    key = kraken.keys["full"]
    for spoil, mend in (
        ({"disabled": True}, {"disabled": False}),
        ({"ip_allowlist": ["203.0.113.0/24"]}, {"ip_allowlist": []}),
        ({"valid_until": START}, {"valid_until": None}),
    ):
        key.patch(**spoil)
        with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
            exchange.fetch_balance()
        key.patch(**mend)
        exchange.fetch_balance()
    with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
        connect(apiKey="nobody").fetch_balance()
    with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
        connect("expired").fetch_balance()
    key.delete()
    with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
        exchange.fetch_balance()


def test_a_key_runs_out_with_the_clock(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    kraken.keys["full"].patch(valid_until="2026-01-15T13:00:00Z")
    exchange.fetch_balance()
    kraken.clock.advance("1h")
    with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
        exchange.fetch_balance()


def test_a_wrong_secret_is_an_authentication_error_in_the_observed_dialect(kraken: MockKraken, connect) -> None:
    wrong = connect(secret=kraken.keys["trade"].api_secret)
    with raises(ccxt.ExchangeError, "EAPI:Invalid signature"):
        wrong.fetch_balance()
    kraken.settings["dialect"] = "observed"
    with raises(ccxt.AuthenticationError, "EAPI:Invalid key"):
        wrong.fetch_balance()


# ExchangeNotAvailable, OnMaintenance


def test_not_available_while_the_exchange_is_under_maintenance(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    txid = buy(exchange)
    kraken.status.set("maintenance")
    assert exchange.fetch_status()["status"] == "maintenance"
    for call in (
        lambda: buy(exchange),
        lambda: exchange.cancel_order(txid, BTC),
        lambda: exchange.edit_order(txid, BTC, "limit", "buy", 0.1, 1001),
        lambda: exchange.cancel_all_orders(),
    ):
        with raises(ccxt.ExchangeNotAvailable, "EService:Unavailable"):
            call()
    assert exchange.fetch_ticker(BTC)["last"]
    kraken.status.set("online")
    assert exchange.fetch_status()["status"] == "ok"
    exchange.cancel_order(txid, BTC)


@pytest.mark.parametrize("status", ["cancel_only", "post_only"])
@pytest.mark.parametrize("pair", [None, "XBTUSD"])
def test_on_maintenance_while_the_market_is_in_a_mode(
    kraken: MockKraken, exchange: ccxt.kraken, status: str, pair: str | None
) -> None:
    txid = buy(exchange)
    kraken.status.set(status, pair=pair)
    with raises(ccxt.OnMaintenance, f"EService:Market in {status} mode"):
        buy(exchange)
    exchange.cancel_order(txid, BTC)
    if status == "post_only":
        exchange.cancel_order(buy(exchange, postOnly=True), BTC)
    if pair is not None:
        buy(exchange, ETH)
    kraken.status.set("online", pair=pair)
    buy(exchange)


def test_limit_only_is_a_plain_error(kraken: MockKraken, exchange: ccxt.kraken) -> None:
    kraken.status.set("limit_only")
    with raises(ccxt.ExchangeError, "EService:Market in limit_only mode"):
        exchange.create_order(BTC, "market", "buy", 0.01)
    buy(exchange)
    kraken.status.set("online")
    exchange.create_order(BTC, "market", "buy", 0.01)


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ({"error": "EService:Unavailable"}, ccxt.ExchangeNotAvailable, "EService:Unavailable"),
        ({"error": "EService:Busy"}, ccxt.ExchangeNotAvailable, "EService:Busy"),
        ({"error": "EGeneral:Internal error"}, ccxt.ExchangeNotAvailable, "EGeneral:Internal error"),
        ({"html": 520}, ccxt.ExchangeNotAvailable, "520"),
    ],
)
def test_not_available_while_there_is_a_fault(
    kraken: MockKraken, exchange: ccxt.kraken, fault: dict[str, Any], kind: type[ccxt.BaseError], text: str
) -> None:
    with kraken.fault("BalanceEx", **fault):
        with raises(kind, text):
            exchange.fetch_balance()
        exchange.fetch_open_orders(BTC)
    exchange.fetch_balance()


# The async client decides by the same tables


def test_the_async_client_raises_them_too(kraken: MockKraken, loaded: ccxt.kraken) -> None:
    async def trade() -> None:
        exchange = ccxt.async_support.kraken(options(kraken))
        exchange.set_markets_from_exchange(loaded)
        try:
            kraken.counters.rest["full"] = 20
            with raises(ccxt.DDoSProtection, "EAPI:Rate limit exceeded"):
                await exchange.fetch_balance()
            kraken.counters.trading["main"]["XBTUSD"] = 180
            with raises(ccxt.DDoSProtection, "EOrder:Rate limit exceeded"):
                await exchange.create_order(BTC, "limit", "buy", 0.1, 1000)
            kraken.clock.advance("1s")
            await exchange.fetch_balance()
            await exchange.create_order(BTC, "limit", "buy", 0.1, 1000)
            kraken.status.set("post_only")
            with raises(ccxt.OnMaintenance, "post_only"):
                await exchange.create_order(BTC, "limit", "buy", 0.1, 1000)
        finally:
            await exchange.close()

    asyncio.run(trade())
