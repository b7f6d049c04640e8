"""Load from raw sockets, made beforehand so that the client's work does not count, and the server's CPU time."""

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

_TICKS = os.sysconf("SC_CLK_TCK")


def signed_post(key: str, secret: str, method: str, nonce: int, **fields: str) -> bytes:
    """A whole HTTP request, signed as Kraken wants it."""
    body = urlencode({"nonce": str(nonce), **fields}).encode()
    path = f"/0/private/{method}"
    digest = hashlib.sha256(str(nonce).encode() + body).digest()
    mac = hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512).digest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\nAPI-Key: {key}\r\n"
        f"API-Sign: {base64.b64encode(mac).decode()}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n".encode()


def send_json(method: str, target: str, body: bytes) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def send(self, request: bytes) -> bytes:
        """Send a request; the body of its answer."""
        self._socket.sendall(request)
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        head = data[:end].lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        while len(data) < end + 4 + length:
            data += self._receive()
        self._rest = data[end + 4 + length :]
        return data[end + 4 : end + 4 + length]

    def _receive(self) -> bytes:
        part = self._socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def close(self) -> None:
        self._socket.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(port: int, process: subprocess.Popen[bytes], target: str = "/0/public/Time") -> None:
    """Return when the server has answered its first request."""
    while True:
        try:
            connection = Connection(port)
        except ConnectionRefusedError:
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}") from None
            time.sleep(0.0005)
            continue
        connection.send(get(target))
        connection.close()
        return


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on one core.

    Load and server take turns anyway; when each request has to cross over to another core, figures double at random.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def server(arguments: list[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a process of its own until the block ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    try:
        wait_until_served(port, process)
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """User and system time that the process has used: to the nanosecond where the kernel tells, else to the tick."""
    tasks = [task / "schedstat" for task in Path(f"/proc/{process.pid}/task").iterdir()]
    if all(task.exists() for task in tasks):
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(process: subprocess.Popen[bytes]) -> int:
    """The process's memory that is in use, bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def cpu_per_request(process: subprocess.Popen[bytes], port: int, requests: list[bytes], check: bytes) -> float:
    """Microseconds of the server's CPU time per request; every answer must contain `check`."""
    connection = Connection(port)
    for request in requests[: len(requests) // 10]:
        expect(connection.send(request), check)
    measured = requests[len(requests) // 10 :]
    before = cpu_seconds(process)
    for request in measured:
        expect(connection.send(request), check)
    spent = cpu_seconds(process) - before
    connection.close()
    return spent / len(measured) * 1e6


def expect(answer: bytes, check: bytes) -> None:
    """End the run if the answer is not what is meant to be measured."""
    if check not in answer:
        raise SystemExit(f"unexpected answer: {answer[:300]!r}")
