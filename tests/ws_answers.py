"""What a WebSocket answers, whatever it was asked: the forms that clients know, and every text that there is."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mockkraken import errors
from mockkraken.ws.v1.trading import METHODS as METHODS_1
from mockkraken.ws.v2.session import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator

_METHODS_1 = {method.name for method in METHODS_1}


def known_texts() -> re.Pattern[str]:
    """Every error text there is: those that errors.py spells out, and those that it makes."""
    spelt = [re.escape(text) for name, text in vars(errors).items() if name.isupper() and isinstance(text, str)]
    made = [
        *(r"EGeneral:Invalid arguments:[a-z0-9_ \[\]-]+", r"EService:Market in \w+ mode", r"[A-Z][^ ]*\(s\) not found"),
        r"[A-Z].* field must be an? (string|number_float|number_integer|boolean|array|object)",
        r"Unsupported field: '.*' for the given msg type: [a-z ]+",
        *(r"Currency pair not supported .*", r"Currency pair not in ISO 4217-A3 format .*"),
        r"EOrder:Invalid price:\S+ price can only be specified up to \d+ decimals\.",
    ]
    return re.compile("|".join([*spelt, *made]), re.DOTALL)


KNOWN = known_texts()
REPLY_2 = {
    *("error", "method", "req_id", "result", "success", "symbol", "channel", "status", "time_in", "time_out"),
    "orders_cancelled",
}
STREAMS_2 = {*CHANNELS, "status", "heartbeat"}


def replies_of(frames: list[Any], version: int) -> list[dict[str, Any]]:
    """The replies among the frames, each looked at; they come before everything else."""
    replies = []
    over = False
    for frame in frames:
        if version == 2 and "method" in frame:
            look_at_2(frame)
        elif version == 1 and isinstance(frame, dict) and frame["event"] not in ("heartbeat", "systemStatus"):
            look_at_1(frame)
        else:
            over = True
            if version == 2:
                assert frame["channel"] in STREAMS_2
            continue
        assert not over, "a reply behind what it brought about"
        replies.append(frame)
    return replies


def look_at_2(reply: dict[str, Any]) -> None:
    assert list(reply) == sorted(reply)
    assert set(reply) <= REPLY_2, reply
    assert {"time_in", "time_out", "method"} <= set(reply)
    if reply["method"] == "pong":
        assert set(reply) <= {"method", "req_id", "time_in", "time_out"}
    elif reply["success"]:
        assert "error" not in reply
        assert "result" in reply
    elif "result" in reply:
        assert reply["method"] == "batch_add"
        for row in reply["result"]:
            assert "error" not in row or known(row["error"])
    else:
        assert known(reply["error"])


def look_at_1(reply: dict[str, Any]) -> None:
    assert list(reply) == sorted(reply)
    if reply["event"] == "error":
        assert set(reply) <= {"errorMessage", "event", "reqid"}
    elif reply["event"] == "pong":
        assert set(reply) <= {"event", "reqid"}
        return
    elif reply["event"] == "subscriptionStatus":
        assert reply["status"] in ("subscribed", "unsubscribed", "error")
        assert ("errorMessage" in reply) == (reply["status"] == "error")
    else:
        assert reply["event"].removesuffix("Status") in _METHODS_1
        assert ("errorMessage" in reply) == (reply["status"] == "error")
    assert "errorMessage" not in reply or known(reply["errorMessage"])


def known(text: str) -> bool:
    assert text != errors.INTERNAL_ERROR
    assert KNOWN.fullmatch(text), text
    return True


@contextmanager
def nothing_goes_wrong() -> Iterator[None]:
    """No complaint in the log."""
    complaints: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(self.format(record))

    ear = Ear(logging.WARNING)
    logs = [logging.getLogger(name) for name in ("mockkraken", "uvicorn.error", "asyncio")]
    for log in logs:
        log.addHandler(ear)
    try:
        yield
    finally:
        for log in logs:
            log.removeHandler(ear)
    assert complaints == []
