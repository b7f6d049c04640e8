"""`mockkraken exec`: a program beside a server of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

SHOW = """
import json, os, urllib.request
names = {name: value for name, value in os.environ.items() if "KRAKEN" in name}
open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
names["settings"] = json.load(open(names["MOCKKRAKEN_URL"] + "/mock/settings"))
print(json.dumps(names))
"""

# Counts Ctrl-C, says each, and ends with the count at SIGTERM.
COUNT = """
import signal, sys
counted = []
def count(*_):
    counted.append(1)
    print("interrupted", flush=True)
signal.signal(signal.SIGINT, count)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(10 + len(counted)))
print("up", flush=True)
while True:
    signal.pause()
"""

# Whoever runs the tests in the background may have them ignore SIGINT and SIGHUP, and so would all that they start.
_HEEDS = "import os, signal, sys; [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)];"
HEEDING = (sys.executable, "-c", f"{_HEEDS} os.execv(sys.executable, [sys.executable, *sys.argv[1:]])")
IN_TERMINAL = f"""{_HEEDS}
import fcntl, termios
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_the_program_gets_its_environment(run):
    done = run("exec", "--", sys.executable, "-c", SHOW, MOCKKRAKEN_SEED="5", MOCKKRAKEN_URL="http://elsewhere:1")
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    settings = shown.pop("settings")
    assert (settings["seed"], settings["rate_limits"], settings["market"]) == (5, "on", "walk")
    url = shown["MOCKKRAKEN_URL"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert shown == {
        "KRAKEN_API_KEY": "MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W",
        "KRAKEN_API_SECRET": shown["KRAKEN_SECRET_KEY"],
        "KRAKEN_SECRET_KEY": shown["KRAKEN_API_SECRET"],
        "KRAKEN_REST_URL": url,
        "KRAKEN_WS_URL": url.replace("http", "ws") + "/ws/v2",
        "KRAKEN_WS_AUTH_URL": url.replace("http", "ws") + "/ws-auth/v2",
        "MOCKKRAKEN_SEED": "5",
        "MOCKKRAKEN_URL": url,
    }


def test_the_program_gets_the_control_token(run):
    done = run("exec", "--control-token", "T", "--", sys.executable, "-m", "mockkraken", "health")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_proxy_is_not_asked_for_the_server(run):
    ask = "import os, urllib.request as u; u.urlopen(os.environ['KRAKEN_REST_URL'] + '/0/public/Time')"
    done = run("exec", "--", sys.executable, "-c", ask, http_proxy="http://127.0.0.1:9", no_proxy="example.org")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_it_reads_and_prints_is_its_own(run):
    done = run("exec", "--print-env", "--", "sh", "-c", "cat; echo oops >&2; exit 3", given="from outside")
    assert (done.returncode, done.stdout) == (3, "from outside")
    *exports, oops = done.stderr.splitlines()
    assert oops == "oops"
    assert [line.split("=")[0] for line in exports] == [
        "export KRAKEN_API_KEY",
        "export KRAKEN_API_SECRET",
        "export KRAKEN_SECRET_KEY",
        "export KRAKEN_REST_URL",
        "export KRAKEN_WS_URL",
        "export KRAKEN_WS_AUTH_URL",
        "export MOCKKRAKEN_URL",
    ]


def test_options_behind_the_program_are_its_own(run):
    done = run("exec", "echo", "--seed", "x", "-h")
    assert (done.returncode, done.stdout, done.stderr) == (0, "--seed x -h\n", "")


def test_pytest_runs_in_it(run, tmp_path):
    # As a user's suite would; without what is installed here for this one.
    (tmp_path / "test_it.py").write_text("import os\ndef test_it(): assert os.environ['KRAKEN_REST_URL']\n")
    bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = run("exec", "--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), **bare)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, 137), (signal.SIGSEGV, 139)])
def test_a_program_that_a_signal_ends(run, number, status):
    done = run("exec", "--", "sh", "-c", f"ulimit -c 0; kill -{int(number)} $$")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_program_that_does_not_run(run, tmp_path):
    done = run("exec", "--", "no-such-program")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "mockkraken: can't run no-such-program: No such file or directory\n"

    text = tmp_path / "text"
    text.write_text("not a program")
    done = run("exec", "--", str(text))
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == f"mockkraken: can't run {text}: Permission denied\n"


def test_a_port_that_is_given_counts(run, tmp_path):
    file = tmp_path / "mockkraken.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f"port = {port}\n")
        done = run("exec", "--config", str(file), "--", "echo", "never")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"can't listen on 127.0.0.1:{port}: " in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 10), (signal.SIGINT, 11), (signal.SIGHUP, 129)])
def test_signals_are_passed_on(started, number, status):
    with started("exec", "--", sys.executable, "-c", COUNT, before=HEEDING) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        if number == signal.SIGINT:
            assert process.stdout.readline() == "interrupted\n"
            process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=5)
        assert (process.returncode, out, errors) == (status, "", "")


def test_ctrl_c_in_a_terminal_reaches_the_program_once(started):
    terminal, its_end = pty.openpty()
    try:
        before = (sys.executable, "-c", IN_TERMINAL, os.ttyname(its_end))
        with started("exec", "--", sys.executable, "-c", COUNT, before=before) as process:
            assert process.stdout.readline() == "up\n"
            os.write(terminal, b"\x03")
            assert process.stdout.readline() == "interrupted\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 11
    finally:
        os.close(terminal)
        os.close(its_end)


def test_open_files_are_passed_on(run, tmp_path):
    # As a shell does with <(...): it names a file that only an open descriptor leads to.
    (tmp_path / "given").write_text("still open\n")
    inner = f"exec 7<{tmp_path / 'given'}; exec {sys.executable} -m mockkraken exec -- sh -c 'cat <&7'"
    done = run("exec", "--", "sh", "-c", inner, PYTHONPATH=str(Path(__file__).parents[2]))
    assert (done.returncode, done.stdout, done.stderr) == (0, "still open\n", "")
