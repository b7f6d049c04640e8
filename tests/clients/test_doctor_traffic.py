"""The doctor on real clients: those that misbehave, and those that do not."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlencode

import ccxt
import krakenex
import pytest
import requests
from kraken.exceptions import KrakenInvalidNonceError
from kraken.spot import User

from mockkraken import MockKraken
from mockkraken.control.client import KeyHandle
from mockkraken.gate.signature import sign

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.1"}

# What races is repeated until it has happened; on any machine it does so at once, or nearly.
ROUNDS = 50


@pytest.fixture
def key(kraken: MockKraken) -> KeyHandle:
    kraken.settings.patch(lockout_threshold=0)
    return kraken.keys.create(name="shared", permissions="all")


@pytest.fixture
def ex(kraken: MockKraken, key: KeyHandle) -> Iterator[Callable[[], krakenex.API]]:
    made: list[krakenex.API] = []

    def make() -> krakenex.API:
        api = krakenex.API(key.api_key, key.api_secret)
        api.uri = kraken.url
        made.append(api)
        return api

    yield make
    for api in made:
        api.close()


@pytest.fixture
def ccxts(kraken: MockKraken, key: KeyHandle) -> Iterator[Callable[[], ccxt.kraken]]:
    made: list[ccxt.kraken] = []

    def make() -> ccxt.kraken:
        urls = {"api": {"public": kraken.url, "private": kraken.url}}
        options = {"apiKey": key.api_key, "secret": key.api_secret, "enableRateLimit": False, "urls": urls}
        made.append(ccxt.kraken(options))
        return made[-1]

    yield make
    for exchange in made:
        exchange.session.close()


@pytest.fixture
def sdk(kraken: MockKraken, key: KeyHandle) -> User:
    return User(key=key.api_key, secret=key.api_secret, url=kraken.url)


class ByHand:
    """A program that somebody has written with http.client, and a nonce of its own."""

    def __init__(self, kraken: MockKraken, key: KeyHandle, nonce: Callable[[], int]) -> None:
        self._key = key
        self._nonce = nonce
        self._connection = http.client.HTTPConnection(kraken.url.removeprefix("http://"), timeout=10)

    def call(self, method: str, **fields: str) -> list[str]:
        path, nonce = f"/0/private/{method}", str(self._nonce())
        body = urlencode({"nonce": nonce, **fields})
        headers = {
            "API-Key": self._key.api_key,
            "API-Sign": sign(self._key.api_secret, path, nonce, body.encode()),
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "by-hand/1",
        }
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse().read()
        return [] if b'"error":[]' in answer else [answer.decode()]

    def close(self) -> None:
        self._connection.close()


def at_once(*work: Callable[[], object]) -> None:
    """Each in a thread of its own, all beginning together."""
    begin = threading.Barrier(len(work))

    def one(what: Callable[[], object]) -> None:
        begin.wait(10)
        what()

    with ThreadPoolExecutor(len(work)) as threads:
        for done in [threads.submit(one, what) for what in work]:
            done.result()


def until_refused(kraken: MockKraken, round_: Callable[[], None], how_many: int = 1) -> None:
    """Repeat it until so many nonces below the highest were refused."""
    for _ in range(ROUNDS):
        round_()
        below = [row for row in kraken.journal.refusals(check="nonce") if int(row["nonce"]) < int(row["highest"])]
        if len(below) >= how_many:
            return
    pytest.fail(f"nothing was refused in {ROUNDS} rounds")


def findings(kraken: MockKraken) -> dict[str, dict[str, Any]]:
    return {finding["scenario"]: finding for finding in kraken.doctor("shared").findings}


def scenarios(kraken: MockKraken) -> list[str]:
    return [finding["scenario"] for finding in kraken.doctor("shared").findings]


def proves(kraken: MockKraken, finding: dict[str, Any]) -> None:
    """The evidence holds what was refused, and the culprit came before all of it."""
    rows = {row["seq"]: row for row in kraken.journal.records(key="shared")}
    assert any(rows[seq]["outcome"] != "accepted" for seq in finding["evidence"])
    assert finding["culprit"] == min(finding["evidence"])
    assert rows[finding["culprit"]]["outcome"] != "refused"


# One by one, each with the trouble that it is known for


def test_two_ccxt_instances_that_share_a_key(kraken: MockKraken, ccxts) -> None:
    bot, dashboard = ccxts(), ccxts()

    def ask(exchange: ccxt.kraken) -> Callable[[], object]:
        def balance() -> None:
            try:
                exchange.fetch_balance()
            except ccxt.InvalidNonce:
                refused.append(exchange)

        return balance

    refused: list[ccxt.kraken] = []
    for exchange in (bot, dashboard, bot, dashboard):
        ask(exchange)()
    with kraken.fault("BalanceEx", reorder=2):
        until_refused(kraken, lambda: at_once(ask(bot), ask(dashboard)), how_many=3)
    assert refused
    assert scenarios(kraken) == ["N05"]
    found = findings(kraken)["N05"]
    proves(kraken, found)
    assert "over two connections at once" in found["explanation"]
    assert {"N18", "N03"} <= set(found["related"])
    assert found["cure"].startswith("Give each program, each process and each worker a key of its own.")
    [first, second] = kraken.doctor("shared").timelines[0]["senders"]
    assert first["user_agent"] == second["user_agent"]
    assert first["port"] != second["port"]


def test_krakenex_next_to_python_kraken_sdk(kraken: MockKraken, ex, sdk: User) -> None:
    old = ex()
    assert old.query_private("Balance")["error"] == []
    assert sdk.get_account_balance()["ZUSD"]
    assert [old.query_private("Balance")["error"] for _ in range(3)] == [["EAPI:Invalid nonce"]] * 3
    assert sdk.get_account_balance()["ZUSD"]
    assert scenarios(kraken) == ["N06"]
    found = findings(kraken)["N06"]
    proves(kraken, found)
    assert (found["count"], found["culprit"]) == (3, 2)
    assert "python-kraken-sdk sends units of 10 ns, krakenex/" in found["explanation"]
    assert "Make a new key for the client that counts milliseconds" in found["cure"]
    # A new key is the cure.
    fresh = kraken.keys.create(permissions="all")
    old.key, old.secret = fresh.api_key, fresh.api_secret
    assert old.query_private("Balance")["error"] == []
    assert kraken.doctor(fresh.name).findings == []


def test_twenty_threads_on_one_krakenex_instance(kraken: MockKraken, ex) -> None:
    api = ex()
    # krakenex does not care how many threads use it; held for a moment, all twenty are under way together.
    with kraken.fault("Balance", delay="50ms", times=20):
        until_refused(kraken, lambda: at_once(*[lambda: api.query_private("Balance")] * 20))
    [name] = scenarios(kraken)
    assert name == "N03"
    found = findings(kraken)[name]
    proves(kraken, found)
    assert "N19" in found["related"]
    assert "under one lock" in found["cure"]
    assert "krakenex/" in found["explanation"]
    [sender] = kraken.doctor("shared").timelines[0]["senders"]
    assert sender["connections"] >= 3


def test_threads_on_one_python_kraken_sdk_client(kraken: MockKraken, sdk: User) -> None:
    def balance() -> None:
        try:
            sdk.get_account_balance()
        except KrakenInvalidNonceError:
            refused.append(1)

    refused: list[int] = []
    with kraken.fault("Balance", reorder=4):
        until_refused(kraken, lambda: at_once(*[balance] * 4), how_many=2)
    assert refused
    assert scenarios(kraken) == ["N03"]
    proves(kraken, findings(kraken)["N03"])


def test_a_retry_of_the_same_bytes_after_a_lost_answer(kraken: MockKraken, ex) -> None:
    api = ex()
    data = {"nonce": api._nonce(), **ORDER}
    path = "/0/private/AddOrder"
    headers = {"API-Key": api.key, "API-Sign": api._sign(data, path)}
    with kraken.fault("AddOrder", reset=True, applied=True, times=1), pytest.raises(requests.ConnectionError):
        api._query(path, data, headers)
    assert api._query(path, data, headers) == {"error": ["EAPI:Invalid nonce"]}
    assert scenarios(kraken) == ["N14"]
    found = findings(kraken)["N14"]
    proves(kraken, found)
    assert (found["evidence"], found["count"]) == ([1, 2], 1)
    assert "Request 1 (AddOrder) took effect, but its answer never reached the client" in found["explanation"]
    time.sleep(0.002)
    assert len(api.query_private("OpenOrders")["result"]["open"]) == 1


def test_a_retry_with_a_new_nonce_after_a_lost_answer(kraken: MockKraken, ccxts) -> None:
    exchange = ccxts()
    exchange.load_markets()
    place = ("BTC/USD", "limit", "buy", 0.1, 20_000)
    with kraken.fault("AddOrder", html=520, applied=True, times=1), pytest.raises(ccxt.ExchangeNotAvailable):
        exchange.create_order(*place)
    exchange.create_order(*place)
    assert len(exchange.fetch_open_orders()) == 2
    assert scenarios(kraken) == ["N15"]
    proves(kraken, findings(kraken)["N15"])


def test_who_looks_before_ordering_again_is_told_nothing(kraken: MockKraken, ccxts) -> None:
    exchange = ccxts()
    exchange.load_markets()
    place = ("BTC/USD", "limit", "buy", 0.1, 20_000)
    with kraken.fault("AddOrder", html=520, times=1), pytest.raises(ccxt.ExchangeNotAvailable):
        exchange.create_order(*place)
    assert exchange.fetch_open_orders() == []
    exchange.create_order(*place)
    assert scenarios(kraken) == []


def test_a_hand_written_nonce_of_seconds(kraken: MockKraken, key: KeyHandle, ex) -> None:
    assert ex().query_private("Balance")["error"] == []
    script = ByHand(kraken, key, lambda: int(time.time()))
    assert all(script.call("Balance") for _ in range(3))
    script.close()
    assert scenarios(kraken) == ["N08"]
    found = findings(kraken)["N08"]
    proves(kraken, found)
    assert "krakenex/2" in found["explanation"]
    assert "by-hand/1 seconds, with the same key" in found["explanation"]


def test_seconds_that_run_ahead_and_start_again(kraken: MockKraken, key: KeyHandle) -> None:
    def seconds() -> Callable[[], int]:
        last = 0

        def nonce() -> int:
            nonlocal last
            last = max(int(time.time()), last + 1)
            return last

        return nonce

    first = ByHand(kraken, key, seconds())
    assert not any(first.call("Balance") for _ in range(100))
    first.close()
    second = ByHand(kraken, key, seconds())
    assert all(second.call("Balance") for _ in range(5))
    second.close()
    assert scenarios(kraken) == ["N09"]
    found = findings(kraken)["N09"]
    proves(kraken, found)
    assert (found["culprit"], found["count"]) == (100, 5)


def test_two_calls_in_one_second(kraken: MockKraken, key: KeyHandle) -> None:
    now = int(time.time())
    script = ByHand(kraken, key, lambda: now)
    assert [bool(script.call(method)) for method in ("Balance", "OpenOrders")] == [False, True]
    script.close()
    assert scenarios(kraken) == ["N11"]
    assert "Its nonces count seconds" in findings(kraken)["N11"]["explanation"]


def test_ccxt_with_corrected_time_after_ccxt_without(kraken: MockKraken, ccxts) -> None:
    first = ccxts()
    for _ in range(2):
        first.fetch_balance()
    second = ccxts()
    second.options["timeDifference"] = 50_000
    for _ in range(2):
        with pytest.raises(ccxt.InvalidNonce):
            second.fetch_balance()
    assert scenarios(kraken) == ["N17"]
    found = findings(kraken)["N17"]
    proves(kraken, found)
    assert "adjustForTimeDifference" in found["cure"]


def test_a_clock_that_was_set_back(kraken: MockKraken, key: KeyHandle) -> None:
    back = iter([0, 0, 3600, 3600, 3600])
    script = ByHand(kraken, key, lambda: int((time.time() - next(back)) * 1_000_000))
    assert [bool(script.call("Balance")) for _ in range(5)] == [False, False, True, True, True]
    script.close()
    assert scenarios(kraken) == ["N16"]
    found = findings(kraken)["N16"]
    proves(kraken, found)
    assert (found["culprit"], found["count"]) == (2, 3)
    assert "1 hour" in found["explanation"]


def test_a_wrong_secret_and_a_key_that_nobody_has(kraken: MockKraken, key: KeyHandle, ex) -> None:
    api = ex()
    api.secret = kraken.keys["full"].api_secret
    assert api.query_private("Balance")["error"] == ["EAPI:Invalid signature"]
    api.key = "x" * 56
    assert api.query_private("Balance")["error"] == ["EAPI:Invalid key"]
    assert scenarios(kraken) == ["S09"]
    assert [finding["key"] for finding in kraken.doctor().findings] == ["shared", None]


# A thousand requests of each, and not a word


def healthy(kraken: MockKraken, requests_: int = 1000) -> None:
    report = kraken.doctor()
    assert report.findings == []
    assert str(report) == f"No findings in {requests_:,} requests of 1 key: all accepted."


def test_ccxt_is_healthy(kraken: MockKraken, ccxts) -> None:
    exchange = ccxts()
    for _ in range(1000):
        exchange.private_post_balance()
    healthy(kraken)


def test_krakenex_is_healthy(kraken: MockKraken, ex) -> None:
    api = ex()
    for _ in range(1000):
        assert api.query_private("Balance")["error"] == []
        # It counts milliseconds and does not mind two calls in one.
        done = int(1000 * time.time())
        while int(1000 * time.time()) == done:
            pass
    healthy(kraken)


def test_python_kraken_sdk_is_healthy(kraken: MockKraken, sdk: User) -> None:
    for _ in range(1000):
        sdk.get_account_balance()
    healthy(kraken)


def test_requests_by_hand_are_healthy(kraken: MockKraken, key: KeyHandle) -> None:
    script = ByHand(kraken, key, time.time_ns)
    for number in range(1000):
        assert script.call("OpenOrders" if number % 3 else "Balance") == []
    script.close()
    healthy(kraken)


def test_parallel_requests_within_the_window_are_healthy(kraken: MockKraken, key: KeyHandle) -> None:
    key.patch(nonce_window=10_000)
    numbers = count(int(time.time() * 1000))
    scripts = [ByHand(kraken, key, lambda: next(numbers)) for _ in range(8)]

    def some(script: ByHand) -> Callable[[], None]:
        return lambda: refused.extend(error for _ in range(125) for error in script.call("Balance"))

    refused: list[str] = []
    with kraken.fault("Balance", reorder=8, times=5):
        at_once(*map(some, scripts))
    for script in scripts:
        script.close()
    assert refused == []
    gaps = [int(row["gap"] or 0) for row in kraken.doctor().timelines[0]["requests"]]
    assert min(gaps) < 0  # or the window was not needed
    healthy(kraken)


def test_a_key_for_each_is_healthy(kraken: MockKraken, ex, sdk: User, ccxts) -> None:
    keys = [kraken.keys.create(permissions="all") for _ in range(3)]
    old, exchange = ex(), ccxts()
    old.key, old.secret = keys[0].api_key, keys[0].api_secret
    exchange.apiKey, exchange.secret = keys[1].api_key, keys[1].api_secret
    for _ in range(20):
        exchange.fetch_balance()
        sdk.get_account_balance()
        assert old.query_private("Balance")["error"] == []
    report = kraken.doctor()
    assert (report.findings, len(report.timelines)) == ([], 3)
