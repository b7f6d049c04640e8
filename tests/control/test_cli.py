"""The command line as a shell, a container or a supervisor uses it."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mockkraken import __version__

READY = re.compile(
    r"mockkraken ready http=(http://127\.0\.0\.1:(\d+)) ws=ws://127\.0\.0\.1:\2 key=(MOCKKRAKEN\S+) secret=(\S+==)"
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mockkraken.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def get(port: str, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A server in a process of its own, and the lines that it has printed up to the ready line."""
    command = [sys.executable, "-m", "mockkraken.cli", "serve", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("mockkraken ready "):
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def test_version():
    done = run("version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mockkraken {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["serve", "--help"], ["version", "-h"]])
def test_help(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: mockkraken" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_until_a_signal(number):
    with serving("--port", "0", "--clock", "2026-01-01T00:00:00Z", "--seed", "7") as (process, lines):
        ready = READY.fullmatch(lines[-1])
        assert ready
        banner = "\n".join(lines[:-1])
        assert all(text in banner for text in (ready[1], ready[3], ready[4], "curl", "krakenex", "ccxt"))
        assert b'"unixtime":1767225600' in get(ready[2], "/0/public/Time")
        assert b'"seed":7,"dialect":"documented"' in get(ready[2], "/mock/settings")

        with socket.create_connection(("127.0.0.1", int(ready[2]))):
            before = time.monotonic()
            process.send_signal(number)
            rest, errors = process.communicate(timeout=5)
        assert time.monotonic() - before < 2
        assert (process.returncode, rest, errors) == (0, "", "")


def test_serve_lets_others_in_only_with_a_token():
    with serving("--port", "0", "--host", "0.0.0.0", "--control-token", "T", "--dialect", "observed") as (_, lines):
        assert READY.fullmatch(lines[-1])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], "control token"),
        (["serve", "--clock", "soon"], "soon"),
        (["serve", "--port", "http"], "http"),
        (["serve", "--port", "70000"], "70000"),
        (["serve", "--seed", "x"], "x"),
        (["serve", "--dialect", "spoken"], "spoken"),
        (["serve", "--colour", "red"], "--colour"),
        (["serve", "here"], "here"),
        (["fly"], "fly"),
    ],
)
def test_what_is_wrong_with_the_command_is_one_line(arguments, complaint):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"mockkraken: [^\n]+\n", done.stderr)
    assert complaint in done.stderr


def test_a_taken_port_is_one_line_too():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        rf"mockkraken: can't listen on 127\.0\.0\.1:{port}: address already in use\n", done.stderr, re.I
    )


def test_two_signals_at_once_end_it_as_one_does():
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-m", "mockkraken", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if line.startswith("mockkraken ready"))
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 0
