"""The server's sockets themselves: upgrades, closes, and clients that misbehave, over a real network."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mockkraken import MockKraken, protocols
from mockkraken.control.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection


UPGRADE = (
    b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def kraken() -> Iterator[MockKraken]:
    with MockKraken(clock="2026-01-01T00:00:00Z") as kraken:
        yield kraken


def base(kraken: MockKraken) -> str:
    return kraken.url.replace("http", "ws")


@contextmanager
def client(kraken: MockKraken, path: str = "/v2", **options: Any) -> Iterator[ClientConnection]:
    with connect(base(kraken) + path, **options) as found:
        greeting = json.loads(found.recv())
        assert greeting.get("channel", greeting.get("event")) in ("status", "systemStatus")
        yield found


def ask(client: ClientConnection, message: dict[str, Any]) -> dict[str, Any]:
    client.send(json.dumps(message))
    answer: dict[str, Any] = json.loads(client.recv(timeout=5))
    return answer


def lives(kraken: MockKraken) -> None:
    """Somebody else is served as if nothing had happened."""
    with client(kraken) as other:
        assert ask(other, {"method": "ping", "req_id": 5})["method"] == "pong"


def sock_address(kraken: MockKraken) -> tuple[str, int]:
    host, _, port = kraken.url.removeprefix("http://").partition(":")
    return host, int(port)


def upgrade(kraken: MockKraken, path: str = "/v2", method: str = "GET", **headers: str) -> socket.socket:
    """A socket that has sent a request to become a WebSocket."""
    sock = socket.create_connection(sock_address(kraken), timeout=5)
    key = base64.b64encode(bytes(16)).decode()
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    sock.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
    return sock


def frame(payload: bytes, head: int = 0x81) -> bytes:
    """A client's frame, masked with zeros: a whole text message unless `head` says otherwise."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([head]) + length + bytes(4) + payload


def greeted(kraken: MockKraken) -> socket.socket:
    """A socket that is a WebSocket, its greeting read."""
    sock = upgrade(kraken)
    heard = b""
    while b'"status"' not in heard:
        heard += sock.recv(4096)
    return sock


def rest_of(sock: socket.socket) -> bytes:
    """All that comes until the end of the connection."""
    parts = []
    with sock:
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status_of(sock: socket.socket) -> int:
    with sock:
        return int(sock.recv(4096).split()[1])


def connections(kraken: MockKraken, count: int) -> list[dict[str, Any]]:
    """The open connections, when there are so many: that a client is gone is learnt a moment later."""
    until = time.monotonic() + 5
    while len(found := kraken.connections()) != count and time.monotonic() < until:
        pass
    assert len(found) == count
    return found


class TestUpgrade:
    @pytest.mark.parametrize("path", ["/v2", "/ws/v2", "/ws-auth/v2", "/ws-l3/v2", "/", "/ws", "/ws-auth", "/ws-auth/"])
    def test_each_url(self, kraken: MockKraken, path: str) -> None:
        with client(kraken, path) as found:
            assert ask(found, {"method": "ping"} if "v2" in path else {"event": "ping"})

    def test_kraken_hosts_by_the_host_header(self, kraken: MockKraken) -> None:
        with upgrade(kraken, Host="ws-auth.kraken.com") as found:
            assert found.recv(4096)
            (shown,) = connections(kraken, 1)
        assert shown["endpoint"] == "/ws-auth/v2"

    def test_no_compression_is_agreed_on(self, kraken: MockKraken) -> None:
        with client(kraken, compression="deflate") as found:
            assert found.response is not None
            assert "Sec-WebSocket-Extensions" not in found.response.headers

    @pytest.mark.parametrize("path", ["/v3", "/mock/health", "/0/public/Time", "/ws-l3", "/ws/v2/x"])
    def test_nothing_elsewhere(self, kraken: MockKraken, path: str) -> None:
        with pytest.raises(InvalidStatus) as refused, connect(base(kraken) + path):
            pass
        assert refused.value.response.status_code == 404
        assert b"/ws-auth/v2" in refused.value.response.body
        record = kraken.journal.records()[-1]
        assert (record["check"], record["endpoint"], record["http_status"]) == ("routing", path, 404)

    def test_a_plain_request_to_a_websocket_url(self, kraken: MockKraken) -> None:
        with pytest.raises(OSError, match="404"):
            urlopen(f"{kraken.url}/ws/v2")
        assert "takes an upgrade" in kraken.journal.records()[-1]["reason"]

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec_WebSocket_Key": "rubbish"}, 400),
            ({"Sec_WebSocket_Version": "8"}, 400),
            ({"Origin": "null"}, 101),
            ({"Sec_WebSocket_Protocol": "a, b"}, 101),
            ({"Sec_WebSocket_Extensions": "rubbish;;="}, 101),
            ({"Upgrade": "h2c"}, 404),
            ({"Upgrade": "rubbish"}, 404),
        ],
    )
    def test_odd_upgrades(self, kraken: MockKraken, headers: dict[str, str], status: int) -> None:
        assert status_of(upgrade(kraken, **headers)) == status
        lives(kraken)

    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/v2", {f"X-{number}": "1" for number in range(130)}, 431),
            ("/v2", {"Cookie": "a" * 9000}, 431),
            ("/v2?" + "a" * 9000, {}, 414),
            ("/v2", {"Content_Length": "5"}, 400),
            ("/v2", {"Transfer_Encoding": "chunked"}, 400),
        ],
    )
    def test_what_websockets_does_not_take_is_refused(
        self, kraken: MockKraken, path: str, headers: dict[str, str], status: int
    ) -> None:
        answer = rest_of(upgrade(kraken, path, **headers))
        assert int(answer.split()[1]) in (status, 400)  # 400 from older versions of websockets
        assert answer.count(b"HTTP/1.1") == 1
        connections(kraken, 0)

    def test_two_connection_headers(self, kraken: MockKraken) -> None:
        assert status_of(upgrade(kraken, Connection="Upgrade\r\nConnection: keep-alive")) == 101
        assert status_of(upgrade(kraken, Connection="keep-alive\r\nConnection: Upgrade")) == 101
        assert status_of(upgrade(kraken, Connection="keep-alive")) == 404

    def test_what_follows_the_request_at_once_is_heard(self, kraken: MockKraken) -> None:
        with socket.create_connection(sock_address(kraken), timeout=5) as sock:
            sock.sendall(b"GET /0/public/Time HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"unixtime" in sock.recv(4096)
            sock.sendall(UPGRADE + frame(b'{"method":"ping","req_id":31}'))
            heard = b""
            while b'"req_id":31' not in heard:
                heard += sock.recv(4096)
        assert heard.index(b" 101 ") < heard.index(b'"status"') < heard.index(b'"pong"')

    def test_not_before_the_answer_to_the_request_before(self, kraken: MockKraken) -> None:
        # That would come as if it were a frame.
        sock = socket.create_connection(sock_address(kraken), timeout=5)
        sock.sendall(b"GET /0/public/Time HTTP/1.1\r\nHost: localhost\r\n\r\n" + UPGRADE)
        answer = rest_of(sock)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"HTTP/1.1") == 1
        connections(kraken, 0)

    def test_refused_and_broken_off_leave_the_log_alone(
        self, kraken: MockKraken, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert status_of(upgrade(kraken, "/nowhere")) == 404
        for _ in range(10):
            sock = upgrade(kraken)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        connections(kraken, 0)
        lives(kraken)
        assert caplog.records == []

    def test_another_method_is_no_upgrade(self, kraken: MockKraken) -> None:
        assert status_of(upgrade(kraken, "/0/public/Time", "POST", Content_Length="0")) == 405
        lives(kraken)

    def test_too_many_connections(self, kraken: MockKraken) -> None:
        kraken.settings["rate_limits"] = "on"
        for _ in range(150):
            assert status_of(upgrade(kraken)) == 101
        assert status_of(upgrade(kraken)) == 429
        assert (
            kraken.journal.records()[-1]["reason"]
            == "127.0.0.1 has connected too often; it may again at 2026-01-01T00:10:00Z"
        )
        kraken.clock.advance("599s")
        assert status_of(upgrade(kraken)) == 429
        kraken.clock.advance("1s")
        lives(kraken)

    def test_cold_start_needs_no_websockets(self) -> None:
        import subprocess
        import sys

        code = "import mockkraken.server, sys; print([m for m in sys.modules if m.startswith('websockets')])"
        assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


class TestClose:
    def test_the_server_stops(self) -> None:
        with MockKraken() as kraken, client(kraken) as found:
            kraken.stop()
            with pytest.raises(ConnectionClosed):
                found.recv(timeout=5)
            assert found.close_code == 1012

    def test_a_reset(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            kraken.reset()
            with pytest.raises(ConnectionClosed):
                found.recv(timeout=5)
            assert (found.close_code, found.close_reason) == (1012, "the sandbox was reset")
        lives(kraken)

    def test_idle(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            kraken.clock.advance("61s")
            with pytest.raises(ConnectionClosed):
                found.recv(timeout=5)
            assert (found.close_code, found.close_reason) == (1000, "")
        connections(kraken, 0)

    def test_the_client_closes(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            connections(kraken, 1)
            found.close(1000)
            assert found.close_code == 1000
        connections(kraken, 0)

    def test_a_ping_of_the_protocol_is_answered_and_heard(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            kraken.clock.advance("50s")
            assert found.ping().wait(5)
            kraken.clock.advance("50s")
            assert ask(found, {"method": "ping"})["method"] == "pong"

    def test_a_message_that_is_too_long(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            found.send(" " * (1 << 20))
            assert json.loads(found.recv(timeout=5))["error"] == "Malformed request"
            with suppress(ConnectionClosed):  # the server need not have it whole to know
                found.send(" " * ((1 << 20) + 1))
            with pytest.raises(ConnectionClosed):
                found.recv(timeout=5)
            # Whoever is still sending may hear of nothing but the end of the connection.
            assert found.close_code in (1009, 1006)
        lives(kraken)

    def test_text_that_is_none(self, kraken: MockKraken, caplog: pytest.LogCaptureFixture) -> None:
        with client(kraken) as found:
            found.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed):
                found.recv(timeout=5)
            assert found.close_code == 1007
        sock = greeted(kraken)
        sock.sendall(frame(b"\xff") + frame(b"\x03\xe8", 0x88))  # and the close is there already
        assert rest_of(sock) == b"\x88\x02\x03\xe8"
        lives(kraken)
        assert caplog.records == []

    def test_the_server_stops_while_a_client_that_has_closed_reads_nothing(
        self, kraken: MockKraken, caplog: pytest.LogCaptureFixture
    ) -> None:
        texts = [
            json.dumps({"method": method, "params": {"channel": "instrument"}}).encode()
            for method in ("subscribe", "unsubscribe") * 10
        ]
        sock = greeted(kraken)
        sock.sendall(b"".join(map(frame, texts)))
        until = time.monotonic() + 10
        while len(kraken.journal.records()) < len(texts) and time.monotonic() < until:
            pass
        sock.sendall(frame(b"\x03\xe8", 0x88))
        connections(kraken, 0)
        kraken.stop()  # in its thread, an exception fails this test
        sock.close()
        kraken.start()
        lives(kraken)
        assert caplog.records == []

    def test_the_server_stops_while_much_is_still_to_be_answered(
        self, kraken: MockKraken, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = b'{"method":"subscribe","params":{"channel":"instrument"}}'
        socks = [greeted(kraken) for _ in range(2)]
        for sock in socks:
            sock.sendall(frame(text) * 200)
        socks[0].close()
        kraken.stop()
        socks[1].close()
        assert kraken.connections() == []
        assert caplog.records == []

    def test_binary_is_no_message(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            found.send(b'{"method":"ping"}')
            answer = json.loads(found.recv(timeout=5))
            assert (answer["error"], answer["method"]) == ("Malformed request", "error")
            assert ask(found, {"method": "ping"})["method"] == "pong"

    def test_a_message_in_many_parts(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            found.send(iter('{"method":"ping","req_id":77}'))
            assert json.loads(found.recv(timeout=5))["req_id"] == 77

    @pytest.mark.parametrize(
        "frame",
        [
            b"\x81\x02{}",  # not masked
            b"\xff\x80\0\0\0\0",  # an opcode that there is not
            b"\x80\x80\0\0\0\0",  # goes on with what was not begun
            b"\x88\x81\0\0\0\0\0",  # a close of one byte
            b"\x89\xfe\x01\x00" + bytes(260),  # a ping of 256 bytes
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",  # longer than anything
        ],
    )
    def test_broken_frames_end_that_connection_only(self, kraken: MockKraken, frame: bytes) -> None:
        with client(kraken) as other:
            sock = upgrade(kraken)
            sock.recv(4096)
            sock.sendall(frame)
            # A close frame comes, then the end.
            while sock.recv(4096):
                pass
            sock.close()
            connections(kraken, 1)
            assert ask(other, {"method": "ping"})["method"] == "pong"

    @pytest.mark.parametrize("sent", [b"", b"\x81", b"\x81\xfe\x00", b"\x81\x8a\0\0\0\0{"])
    def test_hanging_up_in_mid_message(self, kraken: MockKraken, sent: bytes) -> None:
        sock = upgrade(kraken)
        sock.recv(4096)
        sock.sendall(sent)
        sock.close()
        connections(kraken, 0)
        lives(kraken)


class TestSlowReaders:
    def test_much_at_once_may_wait_a_moment(self, kraken: MockKraken, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(protocols, "OUTBOX_MAX", 1000)
        monkeypatch.setattr(protocols, "PATIENCE", 60)
        with client(kraken, max_size=None) as found:
            found.send('{"method":"subscribe","params":{"channel":"instrument"}}')
            assert json.loads(found.recv(timeout=5))["success"]
            assert len(found.recv(timeout=5)) > 100_000
            assert ask(found, {"method": "ping"})["method"] == "pong"

    def test_who_reads_slowly_but_reads_may_go_on(self) -> None:
        class Line:
            """The transport of a client that reads when the test says so, and a loop that waits when it does."""

            unread = 0
            aborted = False
            then: Any = None

            def write(self, frame: bytes) -> None:
                self.unread += len(frame)

            def get_write_buffer_size(self) -> int:
                return self.unread

            def abort(self) -> None:
                self.aborted = True

            def call_soon(self, callback: Any) -> Line:
                self.then = callback
                return self

            def call_later(self, seconds: float, callback: Any) -> Line:
                assert seconds == protocols.PATIENCE
                self.then = callback
                return self

        line = Line()
        socket = protocols.websocket().__new__(protocols.websocket())
        socket.transport = socket.loop = line
        socket.client = None
        socket.write(bytes(protocols.OUTBOX_MAX))
        assert line.then is None
        socket.write(bytes(9 * protocols.OUTBOX_MAX))
        line.then()  # the loop is free; now it has time
        for _ in range(5):
            line.unread -= protocols.LEAST_READ
            socket.write(bytes(100_000))
            line.then()
            assert not line.aborted
        line.unread -= protocols.LEAST_READ - 1
        line.then()
        assert line.aborted

    def test_pings_without_end(
        self, kraken: MockKraken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(protocols, "OUTBOX_MAX", 1000)
        monkeypatch.setattr(protocols, "PATIENCE", 0.1)
        pings = frame(bytes(125), 0x89) * 1000
        with greeted(kraken) as sock, suppress(OSError):
            for _ in range(1000):
                sock.sendall(pings)
            pytest.fail("all pings were taken")
        assert "bytes unread: cut off" in caplog.text

    def test_one_that_never_reads_is_cut_off_and_delays_nobody(
        self, kraken: MockKraken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(protocols, "PATIENCE", 0.1)
        subscribe = {"method": "subscribe", "params": {"channel": "instrument", "include_tokenized_assets": True}}
        again = {"method": "unsubscribe", "params": {"channel": "instrument", "include_tokenized_assets": True}}
        text = [json.dumps(message).encode() for message in (subscribe, again)]
        slow = upgrade(kraken)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.recv(4096)
        with client(kraken) as quick:
            connections(kraken, 2)
            stop = threading.Event()

            def flood() -> None:
                # Each asks for hundreds of kilobytes that are never read.
                for number in range(200):
                    if stop.is_set():
                        return
                    part = text[number % 2]
                    try:
                        slow.sendall(b"\x81\xfe" + len(part).to_bytes(2, "big") + bytes(4) + part)
                    except OSError:
                        return

            thread = threading.Thread(target=flood)
            thread.start()
            try:
                for _ in range(20):
                    assert ask(quick, {"method": "ping"})["method"] == "pong"
                connections(kraken, 1)
            finally:
                stop.set()
                slow.close()
                thread.join()
            assert ask(quick, {"method": "ping"})["method"] == "pong"
        assert "bytes unread: cut off" in caplog.text


class TestTurns:
    """Who sends much at once holds up nobody."""

    def order(self, kraken: MockKraken, packet: bytes, last: int) -> list[str]:
        """What is answered, in order, where a quiet client sends a `ping` when the first message of a busy one is."""
        busy, quiet = greeted(kraken), greeted(kraken)
        heard: list[str] = []
        done = threading.Event()

        def listen(record: dict[str, Any]) -> None:
            if not heard:
                quiet.sendall(frame(b'{"method":"ping"}'))
            heard.append("quiet" if record["endpoint"] == "ping" else "busy")
            if heard.count("busy") == last and "quiet" in heard:
                done.set()

        kraken.on_record(listen)
        with busy, quiet:
            busy.sendall(packet)
            assert done.wait(10)
        return heard

    def test_many_messages(self, kraken: MockKraken) -> None:
        assert self.order(kraken, frame(b"{}") * 1000, 1000).index("quiet") < 500

    def test_much_that_is_no_message(self, kraken: MockKraken) -> None:
        packet = frame(b"{}") + frame(b"x", 0x89) * 5000 + frame(b"{}")
        assert self.order(kraken, packet, 2) == ["busy", "quiet", "busy"]


def test_many_clients_at_once_and_all_gone(kraken: MockKraken) -> None:
    async def one(number: int) -> None:
        from websockets.asyncio.client import connect

        async with connect(f"{base(kraken)}/v2") as found:
            await found.recv()
            await found.send('{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}')
            assert b"snapshot" in (await found.recv()).encode() if number % 2 else True  # type: ignore[union-attr]
            await found.send("rubbish")
            if number % 3:
                found.transport.abort()

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(60)), return_exceptions=False)

    asyncio.run(all_of_them())
    connections(kraken, 0)
    lives(kraken)


class TestDisconnecting:
    def test_one_or_all(self, kraken: MockKraken) -> None:
        with client(kraken) as first, client(kraken, "/") as second, client(kraken) as third:
            numbers = [shown["number"] for shown in connections(kraken, 3)]
            assert kraken.disconnect(numbers[1]) == 1
            with pytest.raises(ConnectionClosed):
                second.recv(timeout=5)
            assert (second.close_code, second.close_reason) == (1001, "CloudFlare WebSocket proxy restarting")
            connections(kraken, 2)
            assert ask(first, {"method": "ping"})["method"] == "pong"
            assert kraken.disconnect() == 2
            for found in (first, third):
                with pytest.raises(ConnectionClosed):
                    found.recv(timeout=5)
        connections(kraken, 0)
        assert kraken.disconnect() == 0
        with pytest.raises(ControlError, match="there is no connection '1'") as refused:
            kraken.disconnect(1)
        assert refused.value.status == 404

    @pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "٣"])
    def test_what_is_no_number(self, kraken: MockKraken, number: str) -> None:
        request = Request(f"{kraken.url}/mock/connections/{quote(number)}", method="DELETE")
        with pytest.raises(OSError, match="404"):
            urlopen(request)


class TestWaiting:
    def test_until_somebody_listens(self, kraken: MockKraken) -> None:
        with client(kraken) as found:
            thread = threading.Thread(target=kraken.wait_for_subscription, args=("trade", 2))
            thread.start()
            ask(found, {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}})
            assert thread.is_alive()
            ask(found, {"method": "subscribe", "params": {"channel": "trade", "symbol": ["ETH/USD"]}})
            thread.join(5)
            assert not thread.is_alive()
            with pytest.raises(TimeoutError, match=r"0 s have passed without 3 .*'ETH/USD'"):
                kraken.wait_for_subscription("trade", 3, timeout=0)
