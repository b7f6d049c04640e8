"""`mockkraken health`, as a container's health check runs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mockkraken import MockKraken, __version__, health, remote


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server of another kind, which says the same to everybody, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
                if not answer:
                    connection.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_server_that_works(run, kraken):
    done = run("health", "--url", kraken.url, HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"mockkraken {__version__} is up at {kraken.url}\n"


def test_nobody_there(run):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    done = run("health", MOCKKRAKEN_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"mockkraken: {url}: Connection refused; does `mockkraken serve` run there?\n"


def test_a_control_token(run):
    with MockKraken(control_token="sesame") as kraken:
        assert health.ask(kraken.url + "/", "sesame") == __version__
        assert run("health", MOCKKRAKEN_URL=kraken.url, MOCKKRAKEN_CONTROL_TOKEN="sesame").returncode == 0
        done = run("health", "--url", kraken.url, "--control-token", "wrong")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"mockkraken: {kraken.url}: it wants its control token (--control-token, MOCKKRAKEN_CONTROL_TOKEN)\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", "<html>"),
        http("200 OK", '{"status":"ok"}'),
        http("200 OK", '{"status":"down","version":"1"}'),
        http("200 OK", "[" * 60_000),
        http("200 OK", '"status"'),
        http("404 Not Found", '{"status":"ok","version":"1"}'),
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    ],
)
def test_somebody_else_there(answer):
    with answering(answer) as url, pytest.raises(remote.Unreachable, match=f"{url}: no mockkraken answers there"):
        health.ask(url)


def test_nothing_said(monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    with answering(b"") as url, pytest.raises(remote.Unreachable, match=r"no answer in 0\.05 seconds"):
        health.ask(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "127.0.0.1:8123",
        "ftp://127.0.0.1",
        "https://127.0.0.1:8123",
        "http://",
        "http://:8123",
        "http://127.0.0.1:http",
        "http://127.0.0.1:70000",
        "http://[::1",
        "http://127.0.0.1:8123/?a=b",
        "http://127.0.0.1:8123/a b",
        "http://127.0.0.1:8123/\n",
        "http://bücher.example",
        "http://a..b:8123",
        f"http://{'a' * 300}",
    ],
)
def test_no_url(url):
    with pytest.raises(remote.BadAddress):
        health.ask(url)


def test_no_password_is_shown():
    with pytest.raises(remote.BadAddress) as caught:
        health.ask("http://me:hunter2@127.0.0.1:8123")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\r\nX: y", "schlüssel"])
def test_no_token(token):
    with pytest.raises(remote.BadAddress, match="control token") as caught:
        health.ask("http://127.0.0.1:1", token)
    assert token not in str(caught.value)
