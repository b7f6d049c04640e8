"""A message as it goes over the wire: made once, written to each of those who get it.

What a server sends is not masked, so its frames are the same bytes on every connection.
"""

from __future__ import annotations

from websockets.frames import Frame, Opcode


def framed(payload: bytes) -> bytes:
    """A text message as a WebSocket frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)
