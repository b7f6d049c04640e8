"""The server as a process would host it: threads, sockets, the event loop's clock, and how it ends."""

from __future__ import annotations

import gc
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mockkraken import MockKraken
from mockkraken.control.errors import ControlError
from mockkraken.control.operations import Control
from mockkraken.listening import BindError, is_loopback
from mockkraken.settings import SettingError

TOKEN = "let-me-in"


def connect(kraken: MockKraken) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(kraken.url.rpartition(":")[2])), timeout=5)


def drain(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def get(kraken: MockKraken, path: str, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(kraken.url.removeprefix("http://"), timeout=5)
    connection.request("GET", path, headers=headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


def test_it_says_where_it_is():
    with MockKraken() as kraken:
        port = kraken.url.removeprefix("http://127.0.0.1:")
        assert port.isdigit()
        assert kraken.ws_url == f"ws://127.0.0.1:{port}/ws/v2"
        assert kraken.ws_auth_url == f"ws://127.0.0.1:{port}/ws-auth/v2"
        assert kraken.api_key.startswith("MOCKKRAKEN/full/")
        assert get(kraken, "/0/public/Time") == 200
    assert kraken.url.endswith(port)


def test_it_has_no_address_before_it_was_started():
    with pytest.raises(RuntimeError, match="address"):
        _ = MockKraken().url


def test_the_clock_is_real_unless_a_time_is_given():
    assert MockKraken().clock.state()["mode"] == "real"
    assert MockKraken(clock=1767225600).clock.state()["now"] == "2026-01-01T00:00:00Z"


def test_settings_and_seed_are_what_a_reset_goes_back_to():
    kraken = MockKraken(3, dialect="observed", journal_size=7)
    kraken.settings.patch(dialect="documented", journal_size=8)
    kraken.reset(seed=4)
    assert [kraken.settings[name] for name in ("seed", "dialect", "journal_size")] == [4, "observed", 7]


def test_what_it_can_not_be_started_with():
    with pytest.raises(SettingError, match="colour"):
        MockKraken(colour="red")
    with pytest.raises(SettingError, match="spoken"):
        MockKraken(dialect="spoken")
    with pytest.raises(ValueError, match="soon"):
        MockKraken(clock="soon")


def test_start_and_stop_leave_nothing_behind():
    kraken = MockKraken()
    with kraken:  # once, so that what is made once is made
        get(kraken, "/mock/health")
    gc.collect()  # what earlier tests have left open must not be closed meanwhile
    threads, files = threading.enumerate(), open_files()
    for _ in range(5):
        kraken.start()
        with connect(kraken) as idle, connect(kraken) as busy:
            busy.sendall(b"POST /0/private/Balance HTTP/1.1\r\nHost: k\r\nContent-Length: 100\r\n\r\nnonce=")
            assert get(kraken, "/0/public/Time") == 200
            kraken.stop()
            assert drain(idle) == drain(busy) == b""
        assert threading.enumerate() == threads
        assert open_files() == files
        with pytest.raises(ConnectionRefusedError):
            connect(kraken)


def test_stop_is_quick_though_clients_hold_connections():
    kraken = MockKraken().start()
    with connect(kraken) as idle:
        idle.sendall(b"GET /0/public/Time HTTP/1.1\r\nHost: k\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        before = time.monotonic()
        kraken.stop()
        assert time.monotonic() - before < 2  # 5 ms in truth
        drain(idle)  # ends, since the server has closed it


def test_stop_twice_and_start_again():
    kraken = MockKraken()
    kraken.stop()
    kraken.start()
    with pytest.raises(RuntimeError, match="already"):
        kraken.start()
    kraken.accounts["main"].balances["ZUSD"] = "5"
    kraken.stop()
    kraken.stop()
    # What it knows can still be read and changed, and is there after the next start.
    assert kraken.accounts["main"].balances["ZUSD"] == "5.0000"
    with kraken:
        assert kraken.accounts["main"].balances["ZUSD"] == "5.0000"
        assert get(kraken, "/mock/health") == 200


def test_requests_that_are_pipelined_when_it_stops_are_answered_or_dropped_whole():
    kraken = MockKraken().start()
    with connect(kraken) as client:
        client.sendall(b"GET /0/public/AssetPairs HTTP/1.1\r\nHost: k\r\n\r\n" * 3)
        assert client.recv(1) == b"H"
        kraken.stop()
        drain(client)


def test_a_taken_port_is_a_clear_error_and_the_server_can_be_started_later():
    with MockKraken() as first:
        port = int(first.url.rpartition(":")[2])
        second = MockKraken(port=port)
        with pytest.raises(BindError, match=f"127.0.0.1:{port}.*in use"):
            second.start()
    with second:
        assert second.url == first.url


@pytest.mark.parametrize(("host", "port"), [("", 0), ("127.0.0.1", 70000), ("127.0.0.1", -1), ("192.0.2.1", 0)])
def test_an_address_that_can_not_be_listened_at(host, port):
    with pytest.raises(BindError, match=f"can't listen on {host}"):
        MockKraken(host=host, port=port, control_token=TOKEN).start()


# The control token


@pytest.fixture(scope="module")
def guarded() -> Iterator[MockKraken]:
    with MockKraken(host="0.0.0.0", control_token=TOKEN) as kraken:
        yield kraken


def test_beyond_loopback_a_control_token_is_needed():
    kraken = MockKraken(host="0.0.0.0")
    with pytest.raises(BindError, match="control token"):
        kraken.start()


def test_loopback_may_be_named():
    with MockKraken(host="localhost") as kraken:
        assert get(kraken, "/mock/health") == 200


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        *[(address, True) for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1")],
        *[(address, False) for address in ("0.0.0.0", "::", "10.0.0.1", "12.7.0.1", "::1234", "fe80::1")],
    ],
)
def test_whatis_loopback(address, loopback):
    assert is_loopback(address) is loopback


@pytest.mark.parametrize(
    "authorization", [None, "", TOKEN, "Bearer", "Bearer wrong", "Basic let-me-in", "Bearer let-me-in!"]
)
def test_without_the_token_no_control_call_is_done(guarded: MockKraken, authorization):
    connection = http.client.HTTPConnection(guarded.url.removeprefix("http://"), timeout=5)
    for method, path in (("GET", "/mock/health"), ("DELETE", "/mock/keys/full"), ("GET", "/mock/nowhere")):
        connection.request(method, path, headers={} if authorization is None else {"Authorization": authorization})
        answer = connection.getresponse()
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert b'"code":"unauthorized"' in answer.read()
    connection.close()
    assert guarded.keys["full"].name == "full"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_the_token_everything_is_as_usual(guarded: MockKraken, scheme):
    assert get(guarded, "/mock/health", {"Authorization": f"{scheme} {TOKEN}"}) == 200
    assert get(guarded, "/0/public/Time") == 200
    assert guarded.url.startswith("http://127.0.0.1:")


# The event loop


def test_timers_fire_in_real_time(kraken: MockKraken):
    """What the clock promises to whoever sets a timer, with nobody sending a request."""
    fired = [threading.Event() for _ in range(3)]

    def at(span: int, event: threading.Event) -> None:
        def set_timer(control: Control) -> None:
            clock = control.sandbox.clock
            clock.call_at(clock.now() + span, event.set)

        kraken._perform(set_timer)

    at(10**10, fired[2])
    at(10**7, fired[0])
    kraken.clock.resume()
    assert fired[0].wait(5)
    kraken.reset()  # another clock
    kraken.clock.run(1000)
    at(10**10, fired[1])
    assert fired[1].wait(5)
    assert not fired[2].is_set()  # went with the old clock


def test_a_timer_that_fails_does_not_silence_the_next(kraken: MockKraken, caplog):
    fired = threading.Event()

    def fail() -> None:
        raise RuntimeError("on purpose")

    def set_timers(control: Control) -> None:
        clock = control.sandbox.clock
        clock.call_at(clock.now() + 10**6, fail)
        clock.call_at(clock.now() + 2 * 10**6, fired.set)

    kraken._perform(set_timers)
    kraken.clock.resume()
    assert fired.wait(5)


def test_what_was_due_before_a_call_has_happened_before_it():
    kraken, fired = MockKraken(), threading.Event()  # not started, so nothing rings
    kraken._perform(lambda control: control.sandbox.clock.call_at(control.sandbox.clock.now() + 1, fired.set))
    kraken.clock.state()
    assert fired.is_set()


def test_calls_from_many_threads_are_done_one_after_the_other(kraken: MockKraken, browser):
    def work(worker: int) -> None:
        account = kraken.accounts.create(f"worker {worker}")
        for step in range(1, 11):
            account.balances["ZUSD"] = step
            kraken.clock.advance(1)
            assert account.balances["ZUSD"] == f"{step}.0000"
            assert browser.ok("GET", "/keys")["keys"]
            with pytest.raises(ControlError):
                kraken.keys["nobody"]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert kraken.clock.now() == "2026-01-01T00:01:20Z"
    assert len(list(kraken.accounts)) == 4 + 8


def test_a_call_while_it_stops_is_done_or_done_later():
    kraken = MockKraken()
    for _ in range(5):
        kraken.start()
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(kraken.clock.state) for _ in range(40)]
            kraken.stop()
            assert all(call.result(5)["mode"] == "real" for call in calls)


# HTTP itself


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nA : b\r\n\r\n"]
)
def test_malformed_http_is_a_400(kraken: MockKraken, request_):
    with connect(kraken) as client:
        client.sendall(request_)
        assert drain(client).startswith(b"HTTP/1.1 400")


def test_a_client_that_leaves_in_the_middle_does_no_harm(kraken: MockKraken, caplog):
    for path in (b"/mock/reset", b"/0/private/Balance"):
        with connect(kraken) as client:
            client.sendall(b"POST %b HTTP/1.1\r\nHost: k\r\nContent-Length: 100\r\n\r\n{" % path)
    assert get(kraken, "/mock/health") == 200
    assert not caplog.records


def test_a_body_in_pieces(kraken: MockKraken):
    with connect(kraken) as client:
        client.sendall(b'POST /mock/clock HTTP/1.1\r\nHost: k\r\nContent-Length: 17\r\n\r\n{"advan')
        assert get(kraken, "/mock/health") == 200
        client.sendall(b'ce":"15m"}')
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert kraken.clock.now() == "2026-01-01T00:15:00Z"


def test_a_fault_of_ours_is_a_500_in_the_form_that_clients_know(kraken: MockKraken, browser, monkeypatch, caplog):
    def fail(_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("mockkraken.sandbox.Sandbox.reset", lambda self, **_: fail(self))
    answer = browser.mock("POST", "/reset")
    assert answer.refusal == (500, "internal", None)
    assert "on purpose" in caplog.text
    with pytest.raises(RuntimeError, match="on purpose"):
        kraken.reset()


@pytest.mark.parametrize("parts", [1, 2])
def test_the_body_of_a_client_that_offers_http_2_arrives(kraken: MockKraken, parts: int):
    """The JDK's client offers h2c with every request on plain http."""
    head = (
        b"POST /mock/clock HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 17\r\nHost: k\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\n"
    )
    body = b'{"advance":"15m"}'
    with connect(kraken) as client:
        client.sendall(head + (body if parts == 1 else b""))
        if parts == 2:
            assert get(kraken, "/mock/health") == 200
            client.sendall(body)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert kraken.clock.now() == "2026-01-01T00:15:00Z"


def test_an_offer_of_another_protocol_is_passed_over_and_nobody_is_told_to_install_something(
    kraken: MockKraken, caplog
):
    with connect(kraken) as client:
        client.sendall(b"GET /0/public/Time HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: something\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert caplog.text == ""


def test_where_a_request_says_it_was_forwarded_from_counts_for_nothing(kraken: MockKraken):
    restricted = kraken.keys["restricted"]
    headers = {"API-Key": restricted.api_key, "X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    connection = http.client.HTTPConnection(kraken.url.removeprefix("http://"), timeout=5)
    connection.request("POST", "/0/private/Balance", body="nonce=1", headers=headers)
    assert connection.getresponse().read() == b'{"error":["EAPI:Invalid key"]}'
    connection.close()
    assert kraken.journal.refusals()[-1]["check"] == "address"


@pytest.mark.parametrize("token", ["", " ", "let me in", "schlüssel"])
def test_a_token_that_no_header_can_bring_is_refused(token: str):
    with pytest.raises(ValueError, match="control token"):
        MockKraken(host="0.0.0.0", control_token=token)
