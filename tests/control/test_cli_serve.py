"""`mockkraken serve`, as a shell, a container or a supervisor uses it."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import signal
import socket
import time

import pytest

READY = re.compile(
    r"mockkraken ready http=(http://127\.0\.0\.1:(\d+)) ws=ws://127\.0\.0\.1:\2 key=(MOCKKRAKEN\S+) secret=(\S+==)"
)


def get(port: str, path: str, method: str = "GET") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    connection.request(method, path)
    body = connection.getresponse().read()
    connection.close()
    return body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_until_a_signal(serving, number):
    with serving("--clock", "2026-01-01T00:00:00Z", "--seed", "7") as (process, lines):
        ready = READY.fullmatch(lines[-1])
        assert ready
        banner = "\n".join(lines[:-1])
        assert all(text in banner for text in (ready[1], ready[3], ready[4], "curl", "krakenex", "ccxt"))
        assert b'"unixtime":1767225600' in get(ready[2], "/0/public/Time")
        settings = json.loads(get(ready[2], "/mock/settings"))
        assert (settings["seed"], settings["dialect"], settings["market"]) == (7, "documented", "walk")

        with socket.create_connection(("127.0.0.1", int(ready[2]))):
            before = time.monotonic()
            process.send_signal(number)
            rest, errors = process.communicate(timeout=5)
        assert time.monotonic() - before < 2  # some 50 ms; it is 300 that are promised
        assert (process.returncode, rest, errors) == (0, "", "")


def test_two_signals_at_once_end_it_as_one_does(serving):
    for _ in range(3):
        with serving() as (process, _):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 0


def test_serve_lets_others_in_only_with_a_token(serving):
    with serving("--host", "0.0.0.0", "--control-token", "T", "--dialect", "observed") as (_, lines):
        ready = READY.fullmatch(lines[-1])
        assert ready
        assert b'"unauthorized"' in get(ready[2], "/mock/settings")


def test_options_come_from_flags_environment_and_file(serving, tmp_path):
    file = tmp_path / "mockkraken.toml"
    file.write_text('seed = 1\njournal_size = 11\ndialect = "observed"\nclock = 2026-01-01T00:00:00Z\n')
    given = {"MOCKKRAKEN_SEED": "2", "MOCKKRAKEN_JOURNAL_SIZE": "22", "MOCKKRAKEN_CONTROL_TOKEN": ""}
    with serving("--config", str(file), "--seed", "3", **given) as (_, lines):
        ready = READY.fullmatch(lines[-1])
        assert ready
        settings = json.loads(get(ready[2], "/mock/settings"))
        assert (settings["seed"], settings["journal_size"], settings["dialect"]) == (3, 22, "observed")
        assert (settings["rate_limits"], settings["market"]) == ("on", "walk")
        assert json.loads(get(ready[2], "/mock/clock"))["now"] == "2026-01-01T00:00:00Z"


def test_print_env_gives_a_shell_what_a_program_needs(serving):
    with serving("--print-env") as (_, lines):
        ready = READY.fullmatch(lines.pop())
        assert ready
        url = ready[1]
        exported = dict(shlex.split(line)[1].split("=", 1) for line in lines)
        assert all(line.startswith("export ") for line in lines)
    assert exported == {
        "KRAKEN_API_KEY": ready[3],
        "KRAKEN_API_SECRET": ready[4],
        "KRAKEN_SECRET_KEY": ready[4],
        "KRAKEN_REST_URL": url,
        "KRAKEN_WS_URL": url.replace("http", "ws") + "/ws/v2",
        "KRAKEN_WS_AUTH_URL": url.replace("http", "ws") + "/ws-auth/v2",
        "MOCKKRAKEN_URL": url,
    }


def test_a_log_that_nobody_can_read_harms_nothing(serving):
    with serving("--log-format", "text") as (process, lines):
        port = READY.fullmatch(lines[-1])[2]
        process.stderr.close()
        for _ in range(3):
            assert b"unixtime" in get(port, "/0/public/Time")
        process.stderr = None  # so that communicate leaves it alone
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_every_request_is_logged_across_resets(serving):
    with serving("--log-format", "json", "--clock", "2026-01-01T00:00:00Z") as (process, lines):
        port = READY.fullmatch(lines[-1])[2]
        get(port, "/0/public/Time")
        get(port, "/mock/reset", "POST")
        get(port, "/0/public/Nothing")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=5)
    records = [json.loads(line) for line in errors.splitlines()]
    assert [(record["seq"], record["endpoint"], record["outcome"]) for record in records] == [
        (1, "Time", "accepted"),
        (1, "/0/public/Nothing", "refused"),
    ]
    assert records[0]["time"] == "2026-01-01T00:00:00Z"
