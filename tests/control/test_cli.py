"""The command line as such: help, version, and what is wrong with a command."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mockkraken import __version__


@pytest.mark.parametrize("word", ["version", "--version"])
def test_version(run, word):
    done = run(word)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mockkraken {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["serve", "--help"], ["exec", "--help"], ["version", "-h"]])
def test_help(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: mockkraken" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], "control token"),
        (["serve", "--clock", "soon"], "--clock: not a time: 'soon'"),
        (["serve", "--port", "http"], "--port: it takes a whole number from 0 to 65535, not 'http'"),
        (["serve", "--dialect", "spoken"], "--dialect: it takes documented or observed, not 'spoken'"),
        (["serve", "--colour", "red"], "--colour"),
        (["serve", "here"], "here"),
        (["serve", "--control-token", "top\nsecret"], "--control-token: it takes printable"),
        (["exec", "--rate-limits", "maybe", "--", "true"], "--rate-limits: it takes off or on, not 'maybe'"),
        (["exec", "--seed", "1"], "no command to run"),
        (["exec", "--"], "no command to run"),
        (["health", "--url", "127.0.0.1:8123"], "a server's URL looks like http://127.0.0.1:8123"),
        (["fly"], "fly"),
    ],
)
def test_what_is_wrong_with_the_command_is_one_line(run, arguments, complaint):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"mockkraken: [^\n]+\n", done.stderr)
    assert complaint in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["exec", "--", "echo", "nothing"]])
def test_so_is_what_is_wrong_in_the_environment_or_the_file(run, tmp_path, command):
    file = tmp_path / "mockkraken.toml"
    file.write_text("sede = 7\n")
    done = run(*command, MOCKKRAKEN_CONFIG=str(file))
    said = f"mockkraken: {file}: there is no setting 'sede'; did you mean 'seed'?\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)

    done = run(*command, MOCKKRAKEN_PORT="http")
    said = "mockkraken: MOCKKRAKEN_PORT: it takes a whole number from 0 to 65535, not 'http'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_taken_port_is_one_line_too(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        rf"mockkraken: can't listen on 127\.0\.0\.1:{port}: address already in use; port 0 takes a free one\n",
        done.stderr,
        re.I,
    )


def test_a_server_starts_without_what_other_commands_need():
    others = "{'json', 'mockkraken.remote', 'mockkraken.cli.keys', 'mockkraken.cli.doctor', 'mockkraken.cli.scenarios'}"
    program = f"import sys, mockkraken.cli; print(sorted({others} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"


def test_what_cannot_be_written_is_one_line_too():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mockkraken", "version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "mockkraken: No space left on device\n")
