"""What ccxt makes of faults: the type of its exception, and whether the order is there all the same.

Where ccxt makes something odd of it, a comment beginning with "ccxt:" says so.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from mockkraken import MockKraken

BTC = "BTC/USD"


def options(kraken: MockKraken) -> dict[str, Any]:
    return {
        "apiKey": kraken.api_key,
        "secret": kraken.api_secret,
        "rateLimit": 1,
        "urls": {"api": {"public": kraken.url, "private": kraken.url}},
    }


@pytest.fixture(scope="module")
def client(server: MockKraken) -> ccxt.kraken:
    exchange = ccxt.kraken(options(server))
    exchange.load_markets()
    return exchange


@pytest.fixture
def exchange(client: ccxt.kraken, kraken: MockKraken) -> Iterator[ccxt.kraken]:
    client.timeout = 10_000
    yield client
    kraken.faults.clear()


def buy(exchange: ccxt.kraken) -> dict[str, Any]:
    order: dict[str, Any] = exchange.create_order(BTC, "limit", "buy", 0.1, 50_000)
    return order


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(
    ("what", "raised"),
    [
        ({"html": 429}, ccxt.RateLimitExceeded),
        ({"html": 502}, ccxt.ExchangeNotAvailable),
        ({"html": 503}, ccxt.ExchangeNotAvailable),
        ({"html": 504}, ccxt.RequestTimeout),
        ({"html": 520}, ccxt.ExchangeNotAvailable),
        ({"html": 521}, ccxt.ExchangeNotAvailable),
        ({"html": 522}, ccxt.ExchangeNotAvailable),
        ({"html": 524}, ccxt.ExchangeError),  # ccxt: it does not know 524
        ({"html": 525}, ccxt.ExchangeNotAvailable),
        ({"reset": True}, ccxt.NetworkError),
        ({"hang": 0}, ccxt.NetworkError),
        ({"error": "EService:Busy"}, ccxt.ExchangeNotAvailable),
        ({"error": "EService:Unavailable"}, ccxt.ExchangeNotAvailable),
        ({"error": "EGeneral:Internal error"}, ccxt.ExchangeNotAvailable),
        ({"error": "EService:Market in cancel_only mode"}, ccxt.OnMaintenance),
        ({"error": "EService:Timeout"}, ccxt.ExchangeError),
        ({"error": "EService:Deadline elapsed"}, ccxt.ExchangeError),
        ({"error": "EService:Throttled: 1767225605"}, ccxt.ExchangeError),
        ({"error": "EAPI:Feature disabled:viqc"}, ccxt.ExchangeError),
        ({"error": "EAPI:Rate limit exceeded"}, ccxt.DDoSProtection),
        ({"error": "EGeneral:Temporary lockout"}, ccxt.DDoSProtection),
    ],
)
def test_the_order_of_a_call_that_fails(exchange: ccxt.kraken, kraken: MockKraken, what, raised, applied) -> None:
    with kraken.fault("AddOrder", applied=applied, times=1, **what), pytest.raises(ccxt.BaseError) as failure:
        buy(exchange)
    assert failure.type is raised
    assert len(exchange.fetch_open_orders(BTC)) == applied
    buy(exchange)
    assert len(exchange.fetch_open_orders(BTC)) == applied + 1


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("what", [{"hang": "30s"}, {"delay": "30s"}])
def test_a_call_that_takes_too_long(exchange: ccxt.kraken, kraken: MockKraken, what, applied) -> None:
    kraken.reset(clock="2026-01-15T12:00:00Z")
    exchange.timeout = 100
    with kraken.fault("AddOrder", applied=applied, times=1, **what) as fault:
        with pytest.raises(ccxt.RequestTimeout):
            buy(exchange)
        exchange.timeout = 10_000
        assert len(exchange.fetch_open_orders(BTC)) == applied
        kraken.clock.advance("30s")
        assert fault.held == 0
        assert len(exchange.fetch_open_orders(BTC)) == applied
    (record,) = kraken.journal.records(endpoint="AddOrder")
    assert record["fault"] == 1
    # The late one has reached the gate after all, but the question for open orders had overtaken it.
    assert (record["check"] == "nonce") == ("delay" in what and not applied)


def test_an_order_given_up_too_early(exchange: ccxt.kraken, kraken: MockKraken) -> None:
    kraken.reset(clock="2026-01-15T12:00:00Z")
    exchange.timeout = 100
    with kraken.fault("AddOrder", delay="30s", times=1):
        with pytest.raises(ccxt.RequestTimeout):
            buy(exchange)
        exchange.timeout = 10_000
        kraken.clock.advance("30s")
    assert len(exchange.fetch_open_orders(BTC)) == 1


@pytest.mark.parametrize("what", [{"empty": True}, {"truncate": 20}])
def test_no_answer_to_speak_of(exchange: ccxt.kraken, kraken: MockKraken, what) -> None:
    """ccxt: it takes what is no JSON for success, and makes an order without an id of it."""
    with kraken.fault("AddOrder", times=1, **what):
        assert buy(exchange)["id"] is None
    assert exchange.fetch_open_orders(BTC) == []


def test_two_that_overtake_each_other(kraken: MockKraken) -> None:
    async def race() -> list[Any]:
        exchange = ccxt.async_support.kraken(options(kraken))
        try:
            await exchange.load_markets()
            with kraken.fault("BalanceEx", reorder=2):
                return await asyncio.gather(exchange.fetch_balance(), exchange.fetch_balance(), return_exceptions=True)
        finally:
            await exchange.close()

    first, second = asyncio.run(race())
    assert type(first) is ccxt.InvalidNonce
    assert second["BTC"]["total"] == 100
