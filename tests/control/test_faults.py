"""Faults through real connections: what the client sees, what the exchange did, what the journal says.

The clock of the server stands still but where a test moves it.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from mockkraken import MockKraken
from mockkraken.control.errors import ControlError
from mockkraken.control.fault_client import FaultHandle
from mockkraken.faults import pages
from mockkraken.gate.signature import sign
from mockkraken.rest import faulted

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.1"}
INVALID_NONCE = {"error": ["EAPI:Invalid nonce"]}
FORM = "application/x-www-form-urlencoded"


class Bot:
    """One key at work, over real connections. Its nonces count up from 1."""

    def __init__(self, kraken: MockKraken, key: str = "full") -> None:
        self.kraken = kraken
        self.key = kraken.keys[key]
        self.nonces = itertools.count(1)
        self.http = httpx.Client(base_url=kraken.url, timeout=30)
        self.pool = ThreadPoolExecutor(8)

    def close(self) -> None:
        self.http.close()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def signed(self, name: str, nonce: object = None, **fields: Any) -> tuple[str, bytes, dict[str, str]]:
        nonce = next(self.nonces) if nonce is None else nonce
        path, body = f"/0/private/{name}", urlencode({"nonce": nonce, **fields}).encode()
        api_sign = sign(self.key.api_secret, path, str(nonce), body)
        return path, body, {"API-Key": self.key.api_key, "API-Sign": api_sign, "Content-Type": FORM}

    def post(self, name: str, nonce: object = None, **fields: Any) -> httpx.Response:
        path, body, headers = self.signed(name, nonce, **fields)
        return self.http.post(path, content=body, headers=headers)

    def call(self, name: str, nonce: object = None, **fields: Any) -> Any:
        """The answer's JSON; HTTP 200."""
        answer = self.post(name, nonce, **fields)
        assert answer.status_code == 200
        return answer.json()

    def later(self, name: str, nonce: object = None, **fields: Any) -> Future[httpx.Response]:
        """The same from a thread of its own; the nonce is the next one now."""
        nonce = next(self.nonces) if nonce is None else nonce
        return self.pool.submit(self.post, name, nonce, **fields)

    def get(self, name: str, **fields: Any) -> httpx.Response:
        return self.http.get(f"/0/public/{name}", params=fields)

    def raw(self, name: str, nonce: object = None, **fields: Any) -> socket.socket:
        """A connection on which the call has been sent."""
        path, body, headers = self.signed(name, nonce, **fields)
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{header}: {value}" for header, value in headers.items()]
        host, port = self.kraken.url.removeprefix("http://").split(":")
        sock = socket.create_connection((host, int(port)), timeout=10)
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return sock

    def orders(self) -> int:
        """How many open orders there are; no request is made."""
        return len(self.kraken.accounts["main"].state()["holds"])

    def last(self) -> dict[str, Any]:
        """The journal's last record."""
        return self.kraken.journal.records()[-1]


@pytest.fixture
def bot(kraken: MockKraken) -> Iterator[Bot]:
    bot = Bot(kraken)
    try:
        yield bot
    finally:
        kraken.reset()  # whoever is still held is dropped
        bot.close()


def until(reached: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    latest = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < latest, "it has not come to that"


def holds(fault: FaultHandle, number: int) -> None:
    until(lambda: fault.held == number)


def nothing_more(sock: socket.socket) -> None:
    """The connection was closed in order, without a byte."""
    assert sock.recv(1000) == b""
    sock.close()


# Each action, before the gate and after it

CUT_SHORT = b'{"error":["EService:Unavailable"]}'
ANSWER = (
    b'{"error":[],"result":{"descr":{"order":"buy 0.10000000 XBTUSD @ limit 50000.0"},"txid":["O1A2B3-C4D5E-F6G7H8"]}}'
)
ANSWERS = {
    "error": ({"error": "EService:Timeout"}, "error EService:Timeout", 200, "application/json"),
    "html": ({"html": 504}, "html 504", 504, "text/html; charset=UTF-8"),
    "truncate": ({"truncate": 20}, "truncate 20", 200, "application/json"),
    "truncate all": ({"truncate": 0}, "truncate 0", 200, "application/json"),
    "truncate last": ({"truncate": 10**6}, "truncate 1000000", 200, "application/json"),
    "empty": ({"empty": True}, "empty", 200, "application/json"),
}


def body_of(name: str, *, applied: bool) -> bytes:
    right = ANSWER if applied else CUT_SHORT
    return {
        "error": b'{"error":["EService:Timeout"]}',
        "html": pages.page(504),
        "truncate": right[:20],
        "truncate all": b"",
        "truncate last": right[:-1],
        "empty": b"",
    }[name]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_wrong_answer(kraken: MockKraken, bot: Bot, name, applied):
    action, said, status, content_type = ANSWERS[name]
    with kraken.fault("AddOrder", applied=applied, times=1, **action) as fault:
        answer = bot.post("AddOrder", **ORDER)
        assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
        assert answer.headers["content-length"] == str(len(answer.content))
        expected = body_of(name, applied=applied)
        assert len(answer.content) == len(expected)
        assert answer.content[:80] == expected[:80]
        assert (fault.hits, fault.held) == (1, 0)
    assert bot.orders() == applied
    assert bot.key.highest == applied
    what = "it took effect, then its answer was lost (%s)" if applied else "%s; it never reached the gate, so %s"
    reason = what % (said if applied else (said, "its nonce does not count"))
    record = bot.last()
    assert {
        "endpoint": "AddOrder",
        "account": "main",
        "key": "full",
        "api_key": bot.key.api_key,
        "nonce": "1",
        "http_status": status,
        "outcome": "faulted",
        "error": "EService:Timeout" if name == "error" else None,
        "check": None,
        "reason": f"fault 1: {reason}",
        "scenario": None,
        "fault": 1,
    }.items() <= record.items()
    assert record["port"] is not None
    # The connection is as good as ever, and so is the nonce if it did not count.
    answer = bot.call("Balance", 1)
    assert (answer == INVALID_NONCE) == applied


@pytest.mark.parametrize("applied", [False, True])
def test_a_reset_connection(kraken: MockKraken, bot: Bot, applied):
    with kraken.fault("AddOrder", reset=True, applied=applied):
        sock = bot.raw("AddOrder", **ORDER)
        with pytest.raises(ConnectionResetError):
            sock.recv(1000)
        sock.close()
        with pytest.raises(httpx.ReadError):
            bot.post("AddOrder", **ORDER)
    assert bot.orders() == applied
    assert bot.key.highest == 2 * applied
    assert (bot.last()["http_status"], bot.last()["outcome"], bot.last()["nonce"]) == (0, "faulted", "2")
    assert ("took effect" in bot.last()["reason"]) == applied


@pytest.mark.parametrize("applied", [False, True])
def test_a_hang(kraken: MockKraken, bot: Bot, applied):
    with kraken.fault("AddOrder", hang="30s", applied=applied) as fault:
        sock = bot.raw("AddOrder", **ORDER)
        holds(fault, 1)
        assert (bot.orders(), bot.key.highest) == (applied, applied)
        assert (bot.last()["http_status"], bot.last()["outcome"], bot.last()["fault"]) == (0, "faulted", 1)
        assert "hang 30s" in bot.last()["reason"]
        kraken.clock.advance("29.999s")
        assert fault.held == 1
        kraken.clock.advance("1ms")
        holds(fault, 0)
        nothing_more(sock)
    assert bot.orders() == applied
    assert len(kraken.journal.records()) == 1


@pytest.mark.parametrize("applied", [False, True])
def test_a_delay(kraken: MockKraken, bot: Bot, applied):
    with kraken.fault("AddOrder", delay="250ms", applied=applied) as fault:
        answer = bot.later("AddOrder", **ORDER)
        holds(fault, 1)
        assert (bot.orders(), bot.key.highest) == (applied, applied)
        assert len(kraken.journal.records()) == applied
        kraken.clock.advance(0.249)
        assert fault.held == 1
        kraken.clock.advance(0.001)
        assert answer.result().json()["error"] == []
    assert bot.orders() == 1
    record = bot.last()
    assert (record["outcome"], record["http_status"], record["reason"], record["fault"]) == ("accepted", 200, None, 1)
    assert record["time"] == ("2026-01-01T00:00:00Z" if applied else "2026-01-01T00:00:00.25Z")


def test_a_delay_can_be_another_for_each_request(kraken: MockKraken, bot: Bot):
    def order_of_coming() -> list[str]:
        with kraken.fault(delay={"dist": "lognormal", "p50": "80ms", "p99": 0.4}) as fault:
            answers = []
            for number in range(4):
                answers.append(bot.later("Balance", 1000 + number))
                holds(fault, number + 1)
            kraken.clock.advance("1m")
            assert all(answer.result().status_code == 200 for answer in answers)
        return [row["nonce"] for row in kraken.journal.records()]

    first = order_of_coming()
    kraken.reset()
    assert order_of_coming() == first
    kraken.reset(seed=4)
    assert order_of_coming() != first


def test_no_delay_is_none(kraken: MockKraken, bot: Bot):
    with kraken.fault(delay=0), kraken.fault(delay="0ms", applied=True):
        assert bot.call("Balance")["error"] == []
    assert kraken.clock.now() == "2026-01-01T00:00:00Z"


def test_a_client_that_hangs_up_ends_a_hang(kraken: MockKraken, bot: Bot):
    with kraken.fault(hang="1h", applied=True) as fault:
        sock = bot.raw("AddOrder", **ORDER)
        holds(fault, 1)
        sock.close()
        holds(fault, 0)
    assert bot.orders() == 1


def test_what_was_sent_comes_though_its_client_has_gone(kraken: MockKraken, bot: Bot):
    with kraken.fault("AddOrder", delay="30s") as fault:
        sock = bot.raw("AddOrder", **ORDER)
        holds(fault, 1)
        sock.close()
        # By the time that others have been served, the server has seen the end of this connection.
        assert [bot.get("Time").status_code for _ in range(3)] == [200] * 3
        assert (fault.held, bot.orders()) == (1, 0)
        kraken.clock.advance("30s")
        until(lambda: bot.orders() == 1)
    record = bot.last()
    assert (record["outcome"], record["http_status"], record["check"]) == ("faulted", 0, None)
    assert record["reason"] == "fault 1: it took effect, when its client had gone already (delay 30s)"


def test_a_refusal_can_be_lost_too(kraken: MockKraken, bot: Bot):
    with kraken.fault("AddOrder", html=520, applied=True):
        bot.post("AddOrder", **(ORDER | {"volume": "1000000"}))
    record = bot.last()
    assert (record["outcome"], record["http_status"], record["check"]) == ("faulted", 520, "order")
    assert record["error"] == "EOrder:Insufficient funds"
    start = "fault 1: it was refused with EOrder:Insufficient funds, then its answer was lost (html 520); "
    assert record["reason"].startswith(start) and len(record["reason"]) > len(start)
    assert bot.key.highest == 1

    with kraken.fault("AddOrder", delay="1s", applied=True) as fault:
        answer = bot.later("AddOrder", **(ORDER | {"volume": "1000000"}))
        holds(fault, 1)
        kraken.clock.advance("1s")
        assert answer.result().json() == {"error": ["EOrder:Insufficient funds"]}
    assert (bot.last()["outcome"], bot.last()["fault"]) == ("refused", 2)


def test_public_calls_and_odd_paths_fail_as_well(kraken: MockKraken, bot: Bot):
    with kraken.fault(error="EService:Busy"):
        assert bot.get("Time").json() == {"error": ["EService:Busy"]}
        assert bot.last()["reason"] == "fault 1: error EService:Busy; it never reached the exchange"
        assert bot.last()["endpoint"] == "Time"
        assert bot.http.get("/favicon.ico").json() == {"error": ["EService:Busy"]}
        assert bot.last()["endpoint"] == "/favicon.ico"
        assert bot.call("addorder", "1e5", nonsense="\x00")["error"] == ["EService:Busy"]
        assert (bot.last()["endpoint"], bot.last()["nonce"]) == ("/0/private/addorder", "1e5")
    with kraken.fault("public/*", empty=True, applied=True):
        assert bot.get("Time").content == b""
        assert bot.call("Balance")["error"] == []


def test_what_stands_in_a_struck_request_does_not_reach_the_journal(kraken: MockKraken, bot: Bot):
    with kraken.fault("private/*", empty=True):
        bot.http.post("/0/private/Balance", content=b"nonce=12;otp=123456", headers={"API-Key": "a-secret"})
        bot.http.post("/0/private/Balance", content=b'{"nonce": ', headers={"Content-Type": "application/json"})
        bot.http.get("/0/private/Balance")
    records = kraken.journal.records()
    assert [(row["nonce"], row["key"], row["api_key"]) for row in records] == [
        ("12;…", None, None),
        (None, None, None),
        (None, None, None),
    ]


@pytest.mark.parametrize("status", pages.STATUSES)
def test_pages_of_the_edge(kraken: MockKraken, bot: Bot, status):
    with kraken.fault("private/*", html=status):
        answer = bot.post("Balance")
    assert answer.status_code == status
    assert answer.text.startswith("<")
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "text",
    [
        "EService:Unavailable",
        "EService:Throttled: 1767225605",
        "EService: Throttled: 1767225605",
        "EAPI:Feature disabled:viqc",
        "EGeneral:Internal error:5",
        "EAccount:Invalid permissions:USDT trading restricted for DE.",
        "EBM:limit exceeded:CAL",
        "EEarnings:Below min:(De)allocation operation amount less than minimum",
        "WGeneral:Danger",
    ],
)
def test_any_error_of_krakens(kraken: MockKraken, bot: Bot, text):
    with kraken.fault("AddOrder", error=text):
        assert bot.call("AddOrder", **ORDER) == {"error": [text]}
    assert bot.last()["error"] == text


# The nonce race on demand


def race(bot: Bot, fault: FaultHandle, *nonces: int) -> list[bool]:
    """Whether each nonce was accepted, of calls sent together."""
    answers = []
    for number, nonce in enumerate(nonces, 1):
        answers.append(bot.later("Balance", nonce))
        if number < len(nonces):
            holds(fault, number)
    return [answer.result().json() != INVALID_NONCE for answer in answers]


def test_two_overtake_each_other(kraken: MockKraken, bot: Bot):
    """N03."""
    with kraken.fault("private/*", reorder=2, times=1) as fault:
        assert race(bot, fault, 101, 102) == [False, True]
        assert bot.call("Balance", 103)["error"] == []
    records = kraken.journal.records()
    assert [(row["nonce"], row["outcome"], row["fault"]) for row in records] == [
        ("102", "accepted", 1),
        ("101", "refused", 1),
        ("103", "accepted", None),
    ]
    assert (fault.hits, fault.held) == (2, 0)


def test_whichever_comes_first(kraken: MockKraken, bot: Bot):
    with kraken.fault("private/*", reorder=2) as fault:
        assert race(bot, fault, 102, 101) == [True, False]
        assert race(bot, fault, 201, 202) == [False, True]
        assert fault.hits == 4


def test_three_in_a_row(kraken: MockKraken, bot: Bot):
    with kraken.fault("Balance", reorder=3) as fault:
        assert race(bot, fault, 101, 102, 103) == [False, False, True]


def test_a_window_heals_it(kraken: MockKraken, bot: Bot):
    """N04."""
    bot.key.patch(nonce_window=10)
    with kraken.fault("Balance", reorder=3) as fault:
        assert race(bot, fault, 101, 102, 103) == [True, True, True]
    assert [row["nonce"] for row in kraken.journal.records()] == ["103", "102", "101"]


def test_public_calls_are_not_held_to_be_reordered(kraken: MockKraken, bot: Bot):
    with kraken.fault("*", reorder=2) as fault:
        assert bot.get("Time").status_code == 200
        assert fault.hits == 0


def test_who_waits_alone_is_let_go(kraken: MockKraken, bot: Bot, monkeypatch):
    monkeypatch.setattr(faulted, "PATIENCE", 0.02)
    with kraken.fault("Balance", reorder=2, times=1) as fault:
        assert bot.call("Balance", 101)["error"] == []
        assert (fault.hits, fault.held) == (1, 0)
        # It did not come to a race, so that is still to come.
        monkeypatch.undo()
        assert race(bot, fault, 201, 202) == [False, True]


def test_who_waits_is_let_go_when_the_fault_is_taken_away(kraken: MockKraken, bot: Bot):
    answers = []
    with kraken.fault("Balance", reorder=4) as fault:
        for number in range(3):
            answers.append(bot.later("Balance", 101 + number))
            holds(fault, number + 1)
    assert [answer.result().json() != INVALID_NONCE for answer in answers] == [False, False, True]


def test_drawn_first_and_sent_last(kraken: MockKraken, bot: Bot):
    """N20."""
    with kraken.fault("Balance", delay="5s", times=1) as fault:
        late = bot.later("Balance", 100)
        holds(fault, 1)
        assert bot.call("Balance", 101)["error"] == []
        kraken.clock.advance("5s")
        assert late.result().json() == INVALID_NONCE


def test_the_same_bytes_again_after_a_lost_answer(kraken: MockKraken, bot: Bot):
    """N14."""
    with kraken.fault("AddOrder", hang="30s", applied=True, times=1) as fault:
        sock = bot.raw("AddOrder", 100, **ORDER)
        holds(fault, 1)
        sock.close()
        assert bot.call("AddOrder", 100, **ORDER) == INVALID_NONCE
    assert len(bot.call("OpenOrders", 101)["result"]["open"]) == 1


def test_a_new_order_after_a_lost_answer(kraken: MockKraken, bot: Bot):
    """N15."""
    with kraken.fault("AddOrder", html=520, applied=True, times=1):
        assert bot.post("AddOrder", 100, **ORDER).status_code == 520
        assert bot.call("AddOrder", 101, **ORDER)["error"] == []
    assert len(bot.call("OpenOrders", 102)["result"]["open"]) == 2


# Which requests


def struck(bot: Bot, *calls: tuple[str, dict[str, Any]]) -> list[bool]:
    return [bot.call(name, **fields)["error"] == ["EService:Busy"] for name, fields in calls]


@pytest.mark.parametrize("key", ["trade", "MOCKKRAKEN/trade"])
def test_only_one_key(kraken: MockKraken, bot: Bot, key):
    trader = Bot(kraken, "trade")
    name = trader.key.api_key if key.startswith("MOCK") else key
    with kraken.fault("private/*", error="EService:Busy", key=name) as fault:
        assert fault.state()["match"] == {
            "endpoint": "private/*",
            "key": "trade",
            "api_key": trader.key.api_key,
            "pair": None,
        }
        assert bot.call("Balance")["error"] == []
        assert trader.call("Balance")["error"] == ["EService:Busy"]
        trader.key.delete()
        assert trader.call("Balance")["error"] == ["EService:Busy"]
        assert (fault.state()["match"]["key"], bot.last()["key"]) == (None, None)
    assert trader.call("Balance")["error"] == ["EAPI:Invalid key"]
    trader.close()


@pytest.mark.parametrize("name", ["XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD", "btcusd"])
def test_only_one_pair_by_any_name(kraken: MockKraken, bot: Bot, name):
    (txid,) = bot.call("AddOrder", **ORDER, userref=7)["result"]["txid"]
    (other,) = bot.call("AddOrder", **(ORDER | {"pair": "ETHUSD", "price": "1000"}))["result"]["txid"]
    with kraken.fault(error="EService:Busy", pair=name) as fault:
        assert fault.state()["match"]["pair"] == "XBTUSD"
        calls = [
            ("AddOrder", ORDER | {"pair": "XXBTZUSD"}),
            ("AddOrder", ORDER | {"pair": "XBT/USD"}),
            ("AddOrder", ORDER | {"pair": "ETHUSD", "price": "1000"}),
            ("CancelOrder", {"txid": txid}),
            ("CancelOrder", {"txid": f"{other},{txid}"}),
            ("CancelOrder", {"txid": "7"}),
            ("QueryOrders", {"txid": txid}),
            ("QueryOrders", {"txid": other}),
            ("OrderAmends", {"order_id": txid}),
            ("TradeVolume", {"pair": "ETHUSD,XBTUSD"}),
            ("Balance", {}),
        ]
        assert struck(bot, *calls) == [True, True, False, True, True, True, True, False, True, True, False]
        assert bot.get("Ticker", pair="ETHUSD,BTC/USD").json() == {"error": ["EService:Busy"]}
        assert bot.get("Ticker", pair="ETHUSD").json()["error"] == []
        assert bot.get("Ticker").json()["error"] == []


def test_how_often_and_from_when_on(kraken: MockKraken, bot: Bot):
    with kraken.fault("Balance", error="EService:Busy", skip=2, times=2) as fault:
        assert struck(bot, *[("Balance", {})] * 6) == [False, False, True, True, False, False]
        assert fault.hits == 2
        assert fault.state()["times"] == 2
    with kraken.fault("Balance", error="EService:Busy") as fault:
        assert struck(bot, *[("Balance", {})] * 20) == [True] * 20


def test_chance_comes_from_the_seed(kraken: MockKraken, bot: Bot):
    def calls() -> list[bool]:
        with kraken.fault("Balance", error="EService:Busy", probability=0.5):
            return struck(bot, *[("Balance", {})] * 30)

    first = calls()
    assert 0 < sum(first) < 30
    kraken.reset()
    assert calls() == first
    kraken.reset(seed=2)
    assert calls() != first


def test_one_after_the_other(kraken: MockKraken, bot: Bot):
    with (
        kraken.fault("Balance", html=502, times=1),
        kraken.fault("private/*", error="EService:Busy", times=1),
        kraken.fault("AddOrder", html=520),
    ):
        answers = [bot.post("Balance") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 200, 200]
    assert answers[1].json() == {"error": ["EService:Busy"]}
    assert [row["fault"] for row in kraken.journal.records()] == [1, 2, None]


# Who is held when something ends


@pytest.mark.parametrize("action", [{"hang": "1h"}, {"delay": "1h"}, {"reorder": 2}])
def test_taking_a_fault_away_lets_go_at_once(kraken: MockKraken, bot: Bot, browser, action):
    fault = kraken.fault("AddOrder", **action)
    sock = bot.raw("AddOrder", **ORDER)
    holds(fault, 1)
    assert browser.ok("DELETE", f"/faults/{fault.id}") == {}
    if "hang" in action:
        nothing_more(sock)
    else:
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        sock.close()
    assert bot.orders() == ("hang" not in action)
    assert (fault.hits, fault.held) == (1, 0)


@pytest.mark.parametrize("action", [{"hang": "1h"}, {"delay": "1h"}, {"reorder": 2}, {"delay": "1h", "applied": True}])
def test_a_reset_drops_who_is_held(kraken: MockKraken, bot: Bot, action):
    fault = kraken.fault("AddOrder", **action)
    sock = bot.raw("AddOrder", **ORDER)
    holds(fault, 1)
    kraken.reset()
    nothing_more(sock)
    assert bot.orders() == 0
    assert kraken.journal.records() == []
    assert list(kraken.faults) == []
    kraken.clock.advance("2h")
    assert bot.orders() == 0


@pytest.mark.parametrize("action", [{"hang": "1h"}, {"delay": "1h"}, {"reorder": 9}, {"delay": "1h", "applied": True}])
def test_the_servers_end_is_not_held_up(action, caplog):
    kraken = MockKraken(seed=1, clock="2026-01-01T00:00:00Z").start()
    bot = Bot(kraken)
    fault = kraken.fault(**action)
    socks = [bot.raw("AddOrder", **ORDER) for _ in range(5)]
    holds(fault, 5)
    began = time.monotonic()
    kraken.stop()
    assert time.monotonic() - began < 0.3
    for sock in socks:
        nothing_more(sock)
    # The sandbox is as it was: the fault goes on when the server does.
    assert (fault.held, fault.hits) == (0, 5)
    assert bot.orders() == action.get("applied", False)
    bot.close()
    with kraken:
        bot = Bot(kraken)
        sock = bot.raw("AddOrder", 100, **ORDER)
        holds(fault, 1)
        fault.remove()
        holds(fault, 0)
        bot.close()
        sock.close()
    assert caplog.records == []


@pytest.mark.parametrize("limit", ["off", 2])
@pytest.mark.parametrize(
    "action", [{"reset": True}, {"hang": "1h"}, {"hang": "1h", "applied": True}, {"delay": "1h"}, {"html": 520}]
)
def test_requests_that_do_not_wait_for_the_answer_before_them(action, limit, caplog):
    """All of them end with their connection: none is answered where nobody is, nor takes the server for broken."""
    with MockKraken(seed=1, clock="2026-01-01T00:00:00Z", max_concurrent_private=limit) as kraken:
        bot = Bot(kraken)
        fault = kraken.fault("AddOrder", **action, times=1)
        path, body, headers = bot.signed("AddOrder", **ORDER)
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        order = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        host, port = kraken.url.removeprefix("http://").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=10) as sock:
                sock.sendall(order + b"GET /0/public/Time HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
                while not fault.hits:
                    time.sleep(0.001)
        if action != {"hang": "1h"}:
            fault.remove()
        assert bot.get("Time").json()["error"] == []
        assert bot.orders() == 1
        bot.close()
    assert caplog.records == []


# Too many at once (setting max_concurrent_private)


def test_calls_that_come_together_crowd_each_other(kraken: MockKraken, bot: Bot):
    kraken.settings["max_concurrent_private"] = 2
    bot.key.patch(nonce_window=100)
    answers = []
    with kraken.fault("Balance", reorder=4, times=1) as fault:
        for number in range(4):
            answers.append(bot.later("Balance", 101 + number))
            if number < 3:
                holds(fault, number + 1)
        errors = [answer.result().json()["error"] for answer in answers]
    throttled = ["EService:Throttled: 1767225605"]
    assert errors == [throttled, throttled, [], []]
    assert {row["check"] for row in kraken.journal.refusals()} == {"throttle"}
    # One after the other they do not.
    assert [bot.call("Balance", 201 + number)["error"] for number in range(5)] == [[]] * 5


def test_whose_answer_is_held_is_under_way(kraken: MockKraken, bot: Bot):
    kraken.settings["max_concurrent_private"] = 1
    with kraken.fault("AddOrder", delay="1m", applied=True) as fault:
        slow = bot.later("AddOrder", **ORDER)
        holds(fault, 1)
        for _ in range(3):
            assert bot.call("Balance") == {"error": ["EService:Throttled: 1767225605"]}
        assert bot.get("Time").json()["error"] == []
        kraken.clock.advance("1m")
        assert slow.result().json()["error"] == []
        assert bot.call("Balance")["error"] == []
    with kraken.fault("AddOrder", delay="1m") as fault:
        slow = bot.later("AddOrder", 1000, **ORDER)
        holds(fault, 1)
        assert bot.call("Balance")["error"] == []  # the other has not come yet
    assert slow.result().json()["error"] == []
    with kraken.fault("Time", delay="1m", applied=True) as fault:
        slow = bot.pool.submit(bot.http.get, "/0/public/Time", headers={"API-Key": bot.key.api_key})
        holds(fault, 1)
        assert bot.call("Balance", 1001)["error"] == []  # what is public does not count
    assert slow.result().json()["error"] == []


# The control API


def test_over_http(kraken: MockKraken, bot: Bot, browser):
    assert browser.ok("GET", "/faults") == {"faults": []}
    body = {
        "match": {"endpoint": "AddOrder", "key": "full", "pair": "BTC/USD"},
        "action": {"hang": "30s", "applied": True},
        "times": 1,
        "skip": 2,
        "probability": 0.5,
    }
    row = {
        "id": 1,
        "match": {"endpoint": "AddOrder", "key": "full", "api_key": kraken.api_key, "pair": "XBTUSD"},
        "action": {"hang": "30s", "applied": True},
        "times": 1,
        "skip": 2,
        "probability": 0.5,
        "hits": 0,
        "held": 0,
    }
    assert browser.ok("POST", "/faults", body) == row
    assert browser.ok("POST", "/faults", {"action": {"reorder": 2}})["id"] == 2
    anything = {"endpoint": "*", "key": None, "api_key": None, "pair": None}
    assert browser.ok("GET", "/faults")["faults"] == [
        row,
        row | {"id": 2, "match": anything, "action": {"reorder": 2}, "times": None, "skip": 0, "probability": 1.0},
    ]
    assert browser.ok("GET", "/faults/1") == row
    assert browser.ok("DELETE", "/faults/1") == {}
    assert [found["id"] for found in browser.ok("GET", "/faults")["faults"]] == [2]
    assert browser.mock("DELETE", "/faults/1").refusal == (404, "unknown", "id")
    assert browser.mock("GET", "/faults/1").refusal == (404, "unknown", "id")
    assert browser.ok("DELETE", "/faults") == {}
    assert browser.ok("GET", "/faults") == {"faults": []}
    assert browser.ok("POST", "/faults", {"action": {"empty": True}})["id"] == 3


def test_the_control_api_is_never_faulted(kraken: MockKraken, browser):
    with kraken.fault(reset=True):
        assert browser.ok("GET", "/health")["status"] == "ok"


def test_numbers_and_texts_come_back_as_they_were_given(kraken: MockKraken):
    spread = {"dist": "lognormal", "p50": 0.08, "p99": "400ms"}
    shown = [kraken.fault(delay=value).state()["action"]["delay"] for value in ("1.5s", 2, 0.25, spread)]
    assert shown == ["1.5s", 2, "0.25", {"dist": "lognormal", "p50": "0.08", "p99": "400ms"}]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "action"),
        ({"action": {}}, 400, "action"),
        ({"action": {"applied": True}}, 400, "action"),
        ({"action": {"hang": "1s", "reset": True}}, 400, "action"),
        ({"action": "hang"}, 400, "action"),
        ({"action": {"explode": True}}, 400, "explode"),
        ({"action": {"duplicate": True}}, 400, "duplicate"),
        ({"action": {"lag": {"rest": "60s"}}}, 400, "lag"),
        ({"action": {"ws_drop": 1012}}, 400, "ws_drop"),
        ({"action": {"hang": "soon"}}, 400, "hang"),
        ({"action": {"hang": -1}}, 400, "hang"),
        ({"action": {"hang": None}}, 400, "hang"),
        ({"action": {"hang": "366d"}}, 400, "hang"),
        ({"action": {"delay": {"p50": 1, "p99": 2}}}, 400, "dist"),
        ({"action": {"delay": {"dist": "normal", "p50": 1, "p99": 2}}}, 400, "dist"),
        ({"action": {"delay": {"dist": "lognormal", "p50": 2, "p99": 1}}}, 400, "p50"),
        ({"action": {"delay": {"dist": "lognormal", "p50": 0, "p99": 1}}}, 400, "p50"),
        ({"action": {"delay": {"dist": "lognormal", "p50": 1, "p99": "x"}}}, 400, "p99"),
        ({"action": {"delay": [1]}}, 400, "delay"),
        ({"action": {"error": "Busy"}}, 400, "error"),
        ({"action": {"error": "Service:Busy"}}, 400, "error"),
        ({"action": {"error": "EService:"}}, 400, "error"),
        ({"action": {"error": "EService:\nBusy"}}, 400, "error"),
        ({"action": {"error": "EService:" + "x" * 200}}, 400, "error"),
        ({"action": {"error": ["EService:Busy"]}}, 400, "error"),
        ({"action": {"html": 500}}, 400, "html"),
        ({"action": {"html": "520"}}, 400, "html"),
        ({"action": {"html": 520.0}}, 400, "html"),
        ({"action": {"reset": False}}, 400, "reset"),
        ({"action": {"empty": 1}}, 400, "empty"),
        ({"action": {"truncate": -1}}, 400, "truncate"),
        ({"action": {"truncate": True}}, 400, "truncate"),
        ({"action": {"reorder": 1}}, 400, "reorder"),
        ({"action": {"reorder": 1001}}, 400, "reorder"),
        ({"action": {"reorder": 2, "applied": False}}, 400, "applied"),
        ({"action": {"reset": True, "applied": 1}}, 400, "applied"),
        ({"action": {"reset": True}, "times": 0}, 400, "times"),
        ({"action": {"reset": True}, "skip": -1}, 400, "skip"),
        ({"action": {"reset": True}, "probability": 1.1}, 400, "probability"),
        ({"action": {"reset": True}, "probability": -0.1}, 400, "probability"),
        ({"action": {"reset": True}, "often": 1}, 400, "often"),
        ({"action": {"reset": True}, "match": {"endpoint": "AddOrdr"}}, 400, "endpoint"),
        ({"action": {"reset": True}, "match": {"endpoint": "addorder"}}, 400, "endpoint"),
        ({"action": {"reset": True}, "match": {"endpoint": "ws:executions"}}, 400, "endpoint"),
        ({"action": {"reset": True}, "match": {"endpoint": "*" * 101}}, 400, "endpoint"),
        ({"action": {"reorder": 2}, "match": {"endpoint": "public/*"}}, 400, "endpoint"),
        ({"action": {"reset": True}, "match": {"key": "nobody"}}, 404, "key"),
        ({"action": {"reset": True}, "match": {"pair": "XBTFOO"}}, 400, "pair"),
        ({"action": {"reset": True}, "match": {"who": "me"}}, 400, "who"),
        ({"action": {"reset": True}, "match": "AddOrder"}, 400, "match"),
    ],
)
def test_what_can_not_go_wrong(browser, kraken: MockKraken, body, status, field):
    code = "unknown" if status == 404 else "invalid"
    assert browser.mock("POST", "/faults", body).refusal == (status, code, field)
    assert browser.ok("GET", "/faults") == {"faults": []}


def test_a_misspelt_endpoint_is_told_apart(browser):
    def message(endpoint: str, action: str = "reset", value: object = True) -> str:
        body = {"match": {"endpoint": endpoint}, "action": {action: value}}
        text: str = browser.mock("POST", "/faults", body).json["error"]["message"]
        return text

    assert message("addorder") == "there is no endpoint 'addorder'; it is spelled AddOrder"
    assert message("Orders") == (
        "there is no endpoint 'Orders'; give one like AddOrder, private/* or *; "
        "what comes over WebSocket is not faulted yet"
    )
    assert message("Time", "reorder", 2).startswith("there is no private endpoint 'Time'; ")


def test_there_is_an_end_to_faults(kraken: MockKraken):
    for _ in range(1000):
        kraken.fault("Time", empty=True, times=1)
    with pytest.raises(ControlError, match="1000 faults already"):
        kraken.fault("Time", empty=True)
    assert len(kraken.faults) == 1000
    kraken.faults.clear()
    assert len(kraken.faults) == 0


# As Python objects


def test_a_fault_lasts_as_long_as_its_block(kraken: MockKraken, bot: Bot):
    with kraken.fault("Balance", error="EService:Busy") as fault:
        assert [found.id for found in kraken.faults] == [fault.id] == [1]
        assert bot.call("Balance")["error"] == ["EService:Busy"]
        assert repr(fault) == "<fault 1: error EService:Busy>"
    assert list(kraken.faults) == []
    assert bot.call("Balance")["error"] == []
    assert fault.hits == 1
    fault.remove()


def test_a_fault_of_before_a_reset_is_no_other(kraken: MockKraken, bot: Bot):
    with kraken.fault("Balance", error="EService:Busy", key="full") as old:
        bot.call("Balance")
        kraken.reset()
        new = kraken.fault("Balance", error="EService:Busy")
        assert (old.id, new.id) == (1, 1)
    assert (old.hits, new.hits, len(kraken.faults)) == (1, 0, 1)
    assert bot.call("Balance")["error"] == ["EService:Busy"]


@pytest.mark.parametrize("what", [{}, {"hang": 1, "reset": True}, {"reset": False}, {"probability": float("nan")}])
def test_python_refuses_the_same(kraken: MockKraken, what):
    with pytest.raises(ControlError):
        kraken.fault("AddOrder", **({"empty": True} | what if "probability" in what else what))
    with pytest.raises(TypeError):
        kraken.fault("AddOrder", explode=True)
