"""The lines of --log-format, and what happens when nobody reads them."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from mockkraken import MockKraken
from mockkraken.request_log import RequestLog

from_journal = {
    "seq": 3,
    "time": "2026-01-01T00:00:00.001Z",
    "sandbox": "default",
    "transport": "rest",
    "remote": "127.0.0.1",
    "account": "main",
    "key": "full",
    "api_key": "MOCKKRAKENfull",
    "endpoint": "Balance",
    "nonce": "1",
    "http_status": 200,
    "outcome": "accepted",
    "error": None,
    "check": None,
    "reason": None,
    "scenario": None,
    "duration_us": 87,
    "user_agent": "curl",
}
refusal = {"outcome": "refused", "error": "EAPI:Invalid nonce", "reason": "nonce 1 is not above 2"}


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with suppress(OSError):  # the test has closed it
            os.close(descriptor)


def lines_until(reading: int, enough: Callable[[bytes], bool]) -> list[bytes]:
    """The lines that the log's thread writes, until they are enough; it is given five seconds for each part."""
    read = b""
    while not (enough(read) and read.endswith(b"\n")):
        assert select.select([reading], [], [], 5)[0], "no more lines come"
        read += os.read(reading, 1 << 16)
    return read.splitlines()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "2026-01-01T00:00:00.001Z 127.0.0.1 Balance full 200 accepted 87us"),
        (
            refusal,
            "2026-01-01T00:00:00.001Z 127.0.0.1 Balance full 200 refused 87us"
            " EAPI:Invalid nonce (nonce 1 is not above 2)",
        ),
        ({"http_status": 0, "outcome": "faulted"}, "2026-01-01T00:00:00.001Z 127.0.0.1 Balance full - faulted 87us"),
        (
            {"key": None, "endpoint": "/0/\x1b[31m\r\n/ü\ud800"},
            "2026-01-01T00:00:00.001Z 127.0.0.1 /0/\\x1b[31m\\r\\n/ü\\ud800 - 200 accepted 87us",
        ),
    ],
)
def test_a_line_of_text(pipe, changes, line):
    log = RequestLog("text", pipe[1])
    log.add(from_journal | changes)
    log.close()
    assert os.read(pipe[0], 1000).decode() == line + "\n"


def test_a_line_of_json_is_the_record(pipe):
    log = RequestLog("json", pipe[1])
    log.add(from_journal | refusal)
    log.close()
    line = os.read(pipe[0], 1000).decode()
    assert line.count("\n") == 1
    assert json.loads(line) == from_journal | refusal


def test_what_nobody_reads_holds_nothing_up_and_is_counted(pipe):
    log = RequestLog("json", pipe[1])
    for number in range(20_000):
        log.add(from_journal | {"seq": number})
    log.close()  # with its thread still writing into the full pipe
    lines = [json.loads(line) for line in lines_until(pipe[0], lambda read: b'"dropped"' in read)]
    written = [line["seq"] for line in lines if "seq" in line]
    dropped = sum(line["dropped"] for line in lines if "dropped" in line)
    assert written[0] == 0
    assert dropped > 0


def test_when_the_reader_has_gone_the_log_ends_and_nothing_else(pipe):
    os.close(pipe[0])
    log = RequestLog("text", pipe[1])
    for _ in range(10):
        log.add(from_journal)
    log.close()
    log.add(from_journal)


def test_a_pipe_that_somebody_made_nonblocking(pipe):
    os.set_blocking(pipe[1], False)
    log = RequestLog("json", pipe[1])
    for number in range(1000):
        log.add(from_journal | {"seq": number})
    log.close()
    lines = lines_until(pipe[0], lambda read: read.count(b"\n") == 1000)
    assert [json.loads(line)["seq"] for line in lines] == list(range(1000))


def test_a_listener_hears_each_record_across_resets(browser, kraken: MockKraken):
    heard = []
    with MockKraken(clock="2026-01-01T00:00:00Z") as followed:
        followed.on_record(heard.append)
        browser.server = followed
        browser.request("GET", "/0/public/Time")
        followed.reset()
        browser.request("GET", "/0/public/Nothing")
        browser.mock("GET", "/clock")
        assert [heard[1]] == followed.journal.records()
    assert [record["endpoint"] for record in heard] == ["Time", "/0/public/Nothing"]


def test_a_listener_that_fails_costs_nobody_an_answer(browser, caplog):
    heard = []
    with MockKraken(clock="2026-01-01T00:00:00Z") as followed:
        followed.on_record(lambda record: record["no such member"])
        followed.on_record(heard.append)
        browser.server = followed
        assert browser.request("GET", "/0/public/Time").json["error"] == []
    assert [record["endpoint"] for record in heard] == ["Time"]
    assert "no such member" in caplog.text


def test_a_listener_may_do_what_others_may(browser):
    """It is called where the sandbox lives, and must not wait for itself."""
    with MockKraken(clock="2026-01-01T00:00:00Z") as followed:

        def listen(record: dict[str, Any]) -> None:
            followed.clock.advance("1m")
            if record["endpoint"] == "Assets":
                followed.reset()

        followed.on_record(listen)
        browser.server = followed
        unixtime = 1767225600
        for method, second in (("Time", 0), ("Time", 60), ("Assets", 120), ("Time", 0), ("Time", 60)):
            answer = browser.request("GET", f"/0/public/{method}").json
            assert method == "Assets" or answer["result"]["unixtime"] == unixtime + second
