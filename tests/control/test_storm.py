"""Everything at once, over real connections: faults of every kind, clients that hang up at any moment, send on without
waiting, or half of what they announced; and the control API changes what it can meanwhile.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from mockkraken import MockKraken
from mockkraken.gate.signature import sign
from mockkraken.rest.routes import ENDPOINTS, path_of

PATHS = [path_of(endpoint) for endpoint in ENDPOINTS if endpoint.name != "Ticker"]  # that of all pairs takes its time
ODD_PATHS = ["/", "/0/private/Nope", "/0/private/%42alance", "/0/public/Time?" + "x" * 9000]
FIELDS = ["pair", "txid", "volume", "type", "ordertype", "price", "asset", "otp", "orders", "validate", "close[price]"]
TEXTS = [
    "XBTUSD",
    "XBTUSD,ETHUSD",
    "1",
    "buy",
    "limit",
    "60000",
    "-5%",
    "",
    "é",
    "\0",
    "9" * 600,
    "OAAAAA-AAAAA-AAAAAA",
]
HARMLESS: list[dict[str, Any]] = [
    *({"html": 520, "applied": applied} for applied in (False, True)),
    *({"error": "EService:Busy", "applied": applied} for applied in (False, True)),
    *({"truncate": 5, "applied": applied} for applied in (False, True)),
    {"empty": True},
    {"delay": "5ms"},
    {"delay": {"dist": "lognormal", "p50": "1ms", "p99": "20ms"}, "applied": True},
    {"reorder": 2},
    {"reorder": 5},
]
CUTTING: list[dict[str, Any]] = [
    *({"reset": True, "applied": applied} for applied in (False, True)),
    *({"hang": span, "applied": applied} for applied in (False, True) for span in ("10ms", "1h")),
    {"delay": "1h"},
    {"delay": "1h", "applied": True},
]


def request(kraken: MockKraken, rng: random.Random) -> bytes:
    path = rng.choice(PATHS if rng.random() < 0.9 else ODD_PATHS)
    nonce = rng.choice([time.time_ns(), time.time_ns(), rng.randint(0, 9), ""])
    fields = {rng.choice(FIELDS): rng.choice(TEXTS) for _ in range(rng.randint(0, 4))}
    body = urlencode({"nonce": nonce, **fields}).encode()
    if rng.random() < 0.1:
        body = rng.choice([b"", b"{", b"\xff" * 70_000, b"a" * ((1 << 20) + 1)])
    verb = "GET" if "/public/" in path else rng.choice(["POST"] * 8 + ["GET", "PUT", "DELETE"])
    signature = sign(kraken.api_secret, path, str(nonce), body) if rng.random() < 0.9 else "x"
    head = f"{verb} {path} HTTP/1.1\r\nHost: x\r\nAPI-Key: {kraken.api_key}\r\nAPI-Sign: {signature}\r\n".encode()
    if rng.random() < 0.1:
        head += b"Expect: 100-continue\r\n"
    if rng.random() < 0.2:
        middle = len(body) // 2
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part]
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts) + b"0\r\n\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answer(reader: Any) -> int | None:
    """The status of the next answer; None: there is none."""
    line = reader.readline()
    if not line:
        return None
    length = 0
    while (header := reader.readline()) not in (b"\r\n", b""):
        name, _, value = header.partition(b":")
        if name == b"content-length":
            length = int(value)
    status = int(line.split()[1])
    if status == 100:
        return answer(reader)
    if len(reader.read(length)) < length:
        return None
    return status


def client(kraken: MockKraken, rng: random.Random, complaints: list[str], *, cutting: bool) -> None:
    host, port = kraken.url.removeprefix("http://").split(":")
    for _ in range(12):
        asked = [request(kraken, rng) for _ in range(rng.randint(1, 5))]
        how = rng.choice(["in turn", "in turn", "at once", "half", "gone"])
        with socket.create_connection((host, int(port)), timeout=10) as sock, sock.makefile("rb") as reader:
            try:
                if how == "half":
                    sock.sendall(asked[0][: rng.randint(1, len(asked[0]))])
                elif how == "gone":
                    sock.sendall(asked[0])
                    if rng.random() < 0.5:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    if how == "at once":
                        sock.sendall(b"".join(asked))
                    for sent in asked:
                        if how == "in turn":
                            sock.sendall(sent)
                        status = answer(reader)
                        if status is None and cutting:
                            break
                        if status not in (200, 404, 405, 413, 414, 520):
                            complaints.append(f"{how}: {status} to {sent[:80]!r}")
                            break
            except ConnectionError as error:
                if not cutting:
                    complaints.append(f"{how}: {error!r}")
            except TimeoutError:
                complaints.append(f"{how}: no answer to {[sent[:60] for sent in asked]}")


def meddle(kraken: MockKraken, rng: random.Random, *, cutting: bool) -> None:
    what = rng.randint(0, 9)
    if what < 4:
        action = rng.choice(HARMLESS + CUTTING * cutting)
        endpoint = rng.choice(["*", "private/*", "Bal*", "AddOrder"])
        chance = {"times": rng.choice([None, 1, 5]), "probability": rng.choice([1, 0.3]), "skip": rng.choice([0, 2])}
        kraken.fault(endpoint, **chance, **({"pair": "XBTUSD"} if rng.random() < 0.3 else {}), **action)
    elif what == 4:
        for fault in list(kraken.faults)[:3]:
            fault.remove()
    elif what == 5:
        kraken.settings["max_concurrent_private"] = rng.choice(["off", 1, 3])
        kraken.settings["lockout_threshold"] = rng.choice([0, 3])
    elif what == 6:
        kraken.clock.advance(rng.choice(["5ms", "2h"]))
    elif what == 7:
        kraken.lockout.clear()
        kraken.tokens.expire()
    elif what == 8:
        kraken.keys["full"].delete()
        kraken.keys.create(
            name="full", api_key=kraken.api_key, api_secret=kraken.api_secret, permissions="all", nonce_window=10**12
        )
    elif cutting:
        kraken.reset()
    if len(list(kraken.faults)) > 5:
        kraken.faults.clear()


@pytest.mark.parametrize("cutting", [False, True])
def test_whatever_happens_requests_are_answered_or_cut_as_a_fault_wants_it(cutting, caplog):
    complaints: list[str] = []
    with MockKraken(seed=1) as kraken:
        threads = [
            threading.Thread(target=client, args=(kraken, random.Random(n), complaints), kwargs={"cutting": cutting})
            for n in range(12)
        ]
        for thread in threads:
            thread.start()
        rng = random.Random("meddler")
        while any(thread.is_alive() for thread in threads):
            meddle(kraken, rng, cutting=cutting)
            time.sleep(0.002)
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
