"""WebSocket clients from raw sockets: their messages are masked beforehand, and frames are cut, not read."""

import base64
import os
import socket


def text(message: bytes) -> bytes:
    """A text message as a client's frame; the mask is zero, so that it need not be computed."""
    length = len(message)
    head = bytes((0x80 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return b"\x81" + head + bytes(4) + message


class WebSocket:
    """One client that is connected."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._data = b""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            self._more()
        if b" 101 " not in self._data[:20]:
            raise SystemExit(f"no WebSocket: {self._data[:300]!r}")
        self._data = self._data[end + 4 :]

    def greeted(self) -> "WebSocket":
        """The client, when the first message is there."""
        self.receive()
        return self

    def send(self, frame: bytes) -> None:
        self.socket.sendall(frame)

    def receive(self) -> bytes:
        """The next message."""
        data = self._data
        while len(data) < 2:
            data = self._more()
        length, start = data[1], 2
        if length == 126:
            start = 4
        elif length == 127:
            start = 10
        while len(data) < start:
            data = self._more()
        if start > 2:
            length = int.from_bytes(data[2:start], "big")
        while len(data) < start + length:
            data = self._more()
        self._data = data[start + length :]
        return data[start : start + length]

    def until(self, part: bytes) -> bytes:
        """The next message that contains `part`."""
        while part not in (message := self.receive()):
            pass
        return message

    def _more(self) -> bytes:
        part = self.socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._data += part
        return self._data

    def close(self) -> None:
        self.socket.close()
