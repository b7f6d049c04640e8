"""Asking a server for the command line: whatever answers there, it is understood or said in one sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mockkraken import remote


@contextmanager
def answering(status: str, body: bytes, length: int | None = None) -> Iterator[str]:
    """A server that gives this answer to its only client."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(head.encode() + body)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join()


def test_an_answer_comes_as_it_was_and_as_what_it_means(kraken):
    answer = remote.call(kraken.url + "/", "GET", "/mock/settings", wants=("seed",))
    assert answer.json["seed"] == 1
    assert answer.text.startswith('{"seed":1,')


def test_what_is_sent_is_json(kraken):
    assert remote.call(kraken.url, "POST", "/mock/keys", {"name": "ключ"}, wants=("api_key",)).json["key"] == "ключ"
    assert remote.call(kraken.url, "DELETE", "/mock/keys/%D0%BA%D0%BB%D1%8E%D1%87").json == {}


def test_a_refusal_is_the_servers_own_sentence(kraken):
    with pytest.raises(remote.Refused, match=r"^there is no account 'nobody'$"):
        remote.call(kraken.url, "GET", "/mock/accounts/nobody")
    with pytest.raises(remote.Refused, match="there is no control call /mock/nothing"):
        remote.call(kraken.url, "GET", "/mock/nothing")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", b"<html>"),
        ("200 OK", b"\xff"),
        ("200 OK", b"[]"),
        ("200 OK", b'{"error":{"message":"x"}}'),
        ("200 OK", b"[" * 100_000),
        ("302 Found", b""),
        ("404 Not Found", b'{"error":["x"]}'),
        ("404 Not Found", b'{"error":{"message":7}}'),
        ("500 Internal Server Error", b"null"),
    ],
)
def test_somebody_else_there(status, body):
    with answering(status, body) as url, pytest.raises(remote.Unreachable) as caught:
        remote.call(url, "GET", "/mock/keys", wants=("keys",))
    assert str(caught.value) == f"{url}: no mockkraken answers there (HTTP {status[:3]})"


def test_an_answer_that_breaks_off():
    with answering("200 OK", b"{}", length=100) as url, pytest.raises(remote.Unreachable, match="no mockkraken"):
        remote.call(url, "GET", "/mock/keys")


def test_no_text():
    with pytest.raises(remote.BadAddress, match=r"not UTF-8.*\\udcff"):
        remote.call("http://127.0.0.1:9", "POST", "/mock/keys", {"name": "\udcff"})
