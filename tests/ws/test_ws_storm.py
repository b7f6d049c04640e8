"""Many clients over real connections, who hang up in the middle of a frame, send on without waiting or send rubbish,
while somebody moves the market: each message is answered, and whoever just listens misses nothing.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from contextlib import ExitStack
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from book_clients import SIDES, Book1, Book2, parsed
from feed_clients import Balances, Executions, OpenOrders, Trades2
from ws_answers import look_at_1, look_at_2, nothing_goes_wrong

from mockkraken import MockKraken
from mockkraken.gate.signature import sign

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT, CONTINUED, CLOSE, PING, PONG = 0x81, 0x80, 0x88, 0x89, 0x8A
ROUNDS = 30
CLIENTS = 12


def frame(payload: bytes, opcode: int = TEXT, mask: bytes = b"\x12\x34\x56\x78") -> bytes:
    """A frame as clients send it."""
    length = len(payload)
    if length < 126:
        head = bytes((opcode, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


class Client:
    """A WebSocket client that can misbehave."""

    def __init__(self, kraken: MockKraken, path: str) -> None:
        host, port = kraken.url.removeprefix("http://").split(":")
        self.version = 2 if "v2" in path else 1
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._reader = self.socket.makefile("rb")
        assert b" 101 " in self._reader.readline()
        while self._reader.readline() != b"\r\n":
            pass

    def send(self, message: dict[str, Any]) -> None:
        self.socket.sendall(frame(json.dumps(message).encode()))

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What comes, until the end."""
        while head := self._reader.read(2):
            length = head[1]
            if length == 126:
                length = int.from_bytes(self._reader.read(2), "big")
            elif length == 127:
                length = int.from_bytes(self._reader.read(8), "big")
            payload = self._reader.read(length)
            assert len(payload) == length
            yield head[0], payload

    def messages(self) -> Iterator[Any]:
        """Those of the frames that are messages, each reply looked at."""
        for opcode, payload in self.frames():
            assert opcode in (TEXT, CLOSE, PONG)
            if opcode != TEXT:
                continue
            message = parsed(payload)
            if self.version == 2 and "method" in message:
                look_at_2(message)
            elif is_reply(message):
                look_at_1(message)
            yield message

    def up_to_pong(self, number: int) -> list[Any]:
        """All messages up to the pong of that number."""
        found = []
        for message in self.messages():
            found.append(message)
            if str(number) in (message.get("req_id"), message.get("reqid")) if isinstance(message, dict) else False:
                return found
        raise ConnectionError("it ended before the pong")

    def close(self, *, cut: bool = False) -> None:
        if cut:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._reader.close()
        self.socket.close()


def is_reply(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    return "method" in message or message.get("event") not in (None, "heartbeat", "systemStatus")


def token_of(kraken: MockKraken) -> str:
    path, nonce = "/0/private/GetWebSocketsToken", str(time.time_ns())
    body = f"nonce={nonce}".encode()
    headers = {"API-Key": kraken.api_key, "API-Sign": sign(kraken.api_secret, path, nonce, body)}
    with urlopen(Request(kraken.url + path, body, headers)) as answer:
        token = json.load(answer)["result"]["token"]
    assert isinstance(token, str)
    return token


def message_2(rng: random.Random, token: str) -> dict[str, Any]:
    what = rng.randrange(8)
    if what < 3:
        channel = rng.choice(["book", "ticker", "trade", "ohlc", "level3"])
        params: dict[str, Any] = {"channel": channel, "symbol": rng.choice([["BTC/USD"], ["ETH/USD", "x"], "BTC/USD"])}
        if channel == "level3":
            params["token"] = token
        return {"method": rng.choice(["subscribe", "subscribe", "unsubscribe"]), "params": params}
    if what == 3:
        return {"method": "subscribe", "params": {"channel": rng.choice(["executions", "balances"]), "token": token}}
    if what == 4:
        return {"method": rng.choice(["nope", "cancel_all", "add_order"]), "params": {"token": "none"}}
    price = rng.choice([68342.3, 68342.4, 68300, 68400, 60000])
    order = {"order_type": "limit", "side": rng.choice(["buy", "sell"]), "symbol": "BTC/USD", "order_qty": 0.001}
    if what == 5:
        return {"method": "cancel_all", "params": {"token": token}}
    return {"method": "add_order", "params": {**order, "limit_price": price, "token": token}}


def message_1(rng: random.Random, token: str) -> dict[str, Any]:
    what = rng.randrange(5)
    if what < 2:
        name = rng.choice(["book", "ticker", "trade", "spread", "ohlc", "*"])
        return {"event": "subscribe", "pair": ["XBT/USD", "x"], "subscription": {"name": name}}
    if what == 2:
        return {"event": "subscribe", "subscription": {"name": "openOrders", "token": token}}
    order = {"ordertype": "limit", "type": rng.choice(["buy", "sell"]), "pair": "XBT/USD", "volume": "0.002"}
    return {"event": "addOrder", **order, "price": rng.choice(["68342.3", "68342.4", "60000"]), "token": token}


def play(kraken: MockKraken, rng: random.Random, token: str, complaints: list[str]) -> None:
    for number in range(ROUNDS):
        path = rng.choice(["/v2", "/v2", "/", "/ws/v2", "/ws-auth"])
        how = rng.choice(["in turn", "in turn", "at once", "in parts", "half", "gone", "rubbish", "closing"])
        client = Client(kraken, path)
        try:
            one_round(client, how, rng, token)
        except (AssertionError, ConnectionError, TimeoutError) as error:
            complaints.append(f"round {number}, {how} at {path}: {error!r}")
        finally:
            client.close(cut=rng.random() < 0.3)


def one_round(client: Client, how: str, rng: random.Random, token: str) -> None:
    make = message_2 if client.version == 2 else message_1
    asked = [make(rng, token) for _ in range(rng.randint(1, 6))]
    word, number = ("method", "req_id") if client.version == 2 else ("event", "reqid")
    pings = [{word: "ping", number: 1000 + index} for index in range(len(asked))]
    frames = [frame(json.dumps(message).encode()) for pair in zip(asked, pings, strict=True) for message in pair]
    if how == "in turn":
        for index, message in enumerate(asked):
            client.send(message)
            client.send(pings[index])
            heard = client.up_to_pong(1000 + index)
            assert any(map(is_reply, heard[:-1])), "no answer"
    elif how == "at once":
        client.socket.sendall(b"".join(frames))
        client.up_to_pong(1000 + len(asked) - 1)
    elif how == "in parts":
        text = json.dumps(pings[0]).encode()
        middle = rng.randint(0, len(text))
        parts = frame(text[:middle], 0x01) + frame(b"hello", PING) + frame(text[middle:], CONTINUED)
        for start in range(0, len(parts), 7):
            client.socket.sendall(parts[start : start + 7])
        client.up_to_pong(1000)
    elif how == "half":
        whole = b"".join(frames)
        client.socket.sendall(whole[: rng.randint(1, len(whole) - 1)])
    elif how == "gone":
        client.socket.sendall(b"".join(frames))
    elif how == "rubbish":
        client.socket.sendall(frame(rng.randbytes(50), rng.choice([TEXT, 0x82])) + rng.randbytes(40))
        client.socket.sendall(frame(b"", CLOSE))
    else:
        client.socket.sendall(b"".join(frames) + frame((1000).to_bytes(2, "big"), CLOSE))
        assert [opcode for opcode, _ in client.frames()][-1] == CLOSE


class Listener:
    """Just listens, in a thread of its own, and looks at every rule of what it hears."""

    def __init__(self, kraken: MockKraken, path: str, token: str) -> None:
        self.client = Client(kraken, path)
        self.wrong: list[BaseException] = []
        self.done = threading.Event()
        low = dict.fromkeys(SIDES, 0)
        self.clients: dict[str, Any]
        if self.client.version == 2:
            self.clients = {
                "book": Book2(10, low),
                "trade": Trades2(),
                "executions": Executions(),
                "balances": Balances(),
            }
            for channel in self.clients:
                more = {"symbol": ["BTC/USD"]} if channel in ("book", "trade") else {"token": token}
                self.client.send({"method": "subscribe", "params": {"channel": channel, **more}})
        else:
            self.clients = {"book-10": Book1(10, low), "openOrders": OpenOrders()}
            self.client.send({"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": "book"}})
            self.client.send({"event": "subscribe", "subscription": {"name": "openOrders", "token": token}})
        self.ready = 0
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        try:
            for message in self.client.messages():
                match message:
                    case {"method": "pong"} | {"event": "pong"}:
                        return
                    case {"channel": str(channel), "data": _} if channel in self.clients:
                        self.clients[channel].hear(message)
                    case [*_, str(channel), _] if channel in self.clients:
                        self.clients[channel].hear(message)
                    case {"method": "subscribe"} | {"event": "subscriptionStatus"}:
                        self.ready += 1
        except BaseException as error:
            self.wrong.append(error)

    def end(self) -> None:
        """After its last answer it has heard all that there was to hear."""
        self.client.send({"method": "ping"} if self.client.version == 2 else {"event": "ping"})
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.wrong:
            raise self.wrong[0]


def meddle(kraken: MockKraken, rng: random.Random) -> None:
    market = kraken.pairs["XBTUSD"]
    what = rng.randrange(5)
    if what == 0:
        market.move_to(str(68000 + rng.randint(0, 60) * 10))
    elif what == 1:
        market.trade(rng.choice(["buy", "sell"]), "0.01")
    elif what == 2:
        kraken.clock.advance(rng.choice(["1ms", "1s"]))
    elif what == 3:
        kraken.accounts["main"].balances["ZEUR"] = str(rng.randint(1, 1000))
    else:
        kraken.settings["ws_reply_order"] = rng.choice(["first", "last"])


def shown(kraken: MockKraken, path: str) -> Any:
    with urlopen(f"{kraken.url}/0/public/{path}") as answer:
        return json.load(answer)["result"]


def test_whatever_clients_do_each_is_answered_and_nobody_else_notices() -> None:
    complaints: list[str] = []
    with nothing_goes_wrong(), MockKraken(clock="2026-01-01T00:00:00Z", seed=1) as kraken, ExitStack() as at_end:
        token = token_of(kraken)
        listeners = [Listener(kraken, path, token) for path in ("/v2", "/")]
        for listener in listeners:
            at_end.callback(listener.client.close)
        while [listener.ready for listener in listeners] != [4, 2]:
            time.sleep(0.001)
        threads = [
            threading.Thread(target=play, args=(kraken, random.Random(number), token, complaints))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        rng = random.Random("meddler")
        while any(thread.is_alive() for thread in threads):
            meddle(kraken, rng)
            time.sleep(0.002)
        assert complaints == []

        for listener in listeners:
            listener.end()
        new, old = (listener.clients for listener in listeners)
        (depth,) = shown(kraken, "Depth?pair=XBTUSD&count=10").values()
        for book in (new["book"], old["book-10"]):
            for side in SIDES:
                real = [(Decimal(price), Decimal(volume)) for price, volume, _ in depth[side]]
                mine = [(price, volume.quantize(Decimal("0.001"), ROUND_HALF_UP)) for price, volume in book.rows(side)]
                assert mine == real
        rows = shown(kraken, "Trades?pair=XBTUSD&count=1000")["XXBTZUSD"]
        ids = [trade.id for trade in new["trade"].rows][-len(rows) :]
        assert ids == [row[6] for row in rows][-len(ids) :]
        assert new["executions"].open() == old["openOrders"].open()
        balances = {asset: Decimal(text) for asset, text in kraken.accounts["main"].balances.items()}
        for asset, shown_as in (("ZUSD", "USD"), ("XXBT", "BTC"), ("ZEUR", "EUR")):
            assert new["balances"].balances[shown_as] == balances[asset]

        at_end.close()
        until = time.monotonic() + 5
        while kraken.connections() and time.monotonic() < until:
            time.sleep(0.005)
        assert kraken.connections() == []
