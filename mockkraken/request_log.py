"""The log of `--log-format`: a line for each request, written beside the server and never in its way."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import Any, Literal

import msgspec

_MOST_WAITING = 10_000
"""Lines that wait for a reader of stderr who does not read; more are dropped, and counted."""

_LAST_WORDS = 0.1  # seconds that the end waits for what is still to be written


class RequestLog:
    """Writes journal records as lines, from a thread of its own: no reader can hold up the exchange.

    What is written is the sandbox's journal, so no secret, and only what came to the exchange: no calls to `/mock`.

    Args:
        form: `text`, for people; `json`, the record as `/mock/journal` shows it.
        descriptor: the file to write to. When nobody can read there any more, the log ends and the server goes on.
    """

    def __init__(self, form: Literal["text", "json"], descriptor: int) -> None:
        self._line = _as_text if form == "text" else _as_json
        self._descriptor = descriptor
        self._waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._dropped = 0
        self._gone = False
        self._thread = threading.Thread(target=self._run, name="mockkraken log", daemon=True)
        self._thread.start()

    def add(self, record: dict[str, Any]) -> None:
        """Log a record of the journal, as the journal shows it."""
        if self._gone:
            return
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(record)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, if that does not take long, and end."""
        self._waiting.put(None)
        self._thread.join(_LAST_WORDS)

    def _run(self) -> None:
        try:
            while (record := self._waiting.get()) is not None:
                self._write(self._line(record))
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._write(self._line({"dropped": dropped}))
        except OSError:
            self._gone = True

    def _write(self, line: bytes) -> None:
        rest = line + b"\n"
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # Whoever shares the terminal has made it so.
                import select

                select.select([], [self._descriptor], [])


def _as_json(record: dict[str, Any]) -> bytes:
    return msgspec.json.encode(record)


def _as_text(record: dict[str, Any]) -> bytes:
    if "dropped" in record:
        return f"{record['dropped']} requests not logged: nobody read the lines".encode()
    parts = [
        record["time"],
        record["remote"],
        record["endpoint"],
        record["key"] or "-",
        str(record["http_status"] or "-"),
        record["outcome"],
        f"{record['duration_us']}us",
    ]
    if record["error"]:
        parts.append(record["error"])
    if record["reason"]:
        parts.append(f"({record['reason']})")
    text = " ".join(parts).rstrip()
    # Clients choose some of it: no line breaks, no colours.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text).encode()
