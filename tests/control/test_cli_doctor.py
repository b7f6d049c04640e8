"""`mockkraken doctor`: why requests were refused, from a server or from an exported journal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from click.testing import CliRunner, Result

from mockkraken import MockKraken
from mockkraken.cli import commands

NANOSECONDS = 1_767_225_600_000_000_000
MILLISECONDS = 1_767_225_600_000


@pytest.fixture
def doctor(kraken):
    """Runs `mockkraken doctor` in this process, against the server."""

    def doctor(*arguments: str, status: int = 0, given: str | bytes = "", **environment: str | None) -> Result:
        own = {"MOCKKRAKEN_URL": kraken.url, "MOCKKRAKEN_CONTROL_TOKEN": None, "COLUMNS": None, "NO_COLOR": None}
        runner = CliRunner(env=own | environment)
        done = runner.invoke(commands, ["doctor", *arguments], input=given, prog_name="mockkraken")
        assert done.exit_code == status, done.output
        return done

    return doctor


@pytest.fixture
def poisoned(kraken, browser) -> None:
    """The key `trade`, used by a program that counts nanoseconds, and then by one that counts milliseconds."""
    key = kraken.keys["trade"]
    pair = (key.api_key, key.api_secret)
    for nonce in (NANOSECONDS, NANOSECONDS + 1_000_000):
        assert browser.private("Balance", pair, nonce)["error"] == []
    for nonce in (MILLISECONDS, MILLISECONDS + 1):
        assert browser.private("Balance", pair, nonce)["error"] == ["EAPI:Invalid nonce"]
    healthy = kraken.keys["full"]
    for nonce in range(1, 4):
        browser.private("Balance", (healthy.api_key, healthy.api_secret), nonce)


@pytest.fixture
def exported(browser, tmp_path, poisoned):
    """The journal of that in a file, as GET /mock/journal answers it."""
    file = tmp_path / "journal.json"
    file.write_text(json.dumps(browser.ok("GET", "/journal")))
    return file


def test_a_poisoned_key(doctor, poisoned):
    shown = doctor().stdout
    assert "N06" in shown
    assert "trade" in shown
    assert str(MILLISECONDS) in shown


def test_nothing_to_find(doctor, kraken, browser):
    key = kraken.keys["full"]
    for nonce in range(1, 4):
        browser.private("Balance", (key.api_key, key.api_secret), nonce)
    done = doctor("--check")
    assert "N0" not in done.stdout
    assert done.stdout.strip()
    assert json.loads(doctor("--check", "--json").stdout)["findings"] == []


def test_an_empty_journal(doctor):
    assert doctor("--check").stdout.strip()
    assert doctor("--check", "--journal", "-", given="\n").stdout == doctor("--check").stdout


def test_json_is_the_answer_of_the_control_api(doctor, poisoned, browser):
    text = doctor("--json").stdout
    assert json.loads(text) == browser.ok("GET", "/doctor")
    assert text.count("\n") == 1
    (finding,) = json.loads(text)["findings"]
    assert (finding["scenario"], finding["key"]) == ("N06", "trade")


def test_check_tells_by_its_exit_status(doctor, poisoned, exported):
    assert "N06" in doctor("--check", status=1).stdout
    assert doctor("--check", "--json", status=1).stdout == doctor("--json").stdout
    doctor("--check", "--journal", str(exported), status=1)
    doctor("--check", "--key", "full")


@pytest.mark.parametrize("by", ["name", "public key"])
def test_one_key_only(doctor, kraken, exported, by):
    names = {key: key if by == "name" else kraken.keys[key].api_key for key in ("full", "trade")}
    for source in ((), ("--journal", str(exported))):
        found = json.loads(doctor("--key", names["trade"], "--json", *source).stdout)
        assert [one["key"] for one in found["findings"]] == ["trade"]
        assert {one["key"] for one in found["timelines"]} == {"trade"}
        assert json.loads(doctor("--key", names["full"], "--json", *source).stdout)["findings"] == []


def test_an_exported_journal_says_the_same(doctor, kraken, exported):
    asked, drawn = json.loads(doctor("--json").stdout), doctor().stdout
    records = json.loads(exported.read_text())["records"]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    assert json.loads(doctor("--journal", str(exported), "--json").stdout) == asked
    assert json.loads(doctor("--journal", "-", "--json", given=json.dumps(records)).stdout) == asked
    assert json.loads(doctor("--journal", "-", "--json", given="\ufeff" + lines).stdout) == asked
    assert doctor("--journal", str(exported), MOCKKRAKEN_URL="http://127.0.0.1:9").stdout == drawn


def test_it_is_drawn_as_wide_as_the_terminal(doctor, poisoned):
    told = {width: doctor(COLUMNS=str(width)).stdout.partition("what  ")[2] for width in (60, 100, 140)}
    widths = {width: max(map(len, text.splitlines())) for width, text in told.items()}
    assert all(width - 10 < found <= width for width, found in widths.items())
    assert "\x1b" not in told[100]
    assert doctor(COLUMNS="1").stdout
    assert doctor(COLUMNS="wide").stdout == doctor().stdout


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        (["--journal", "no-such-file"], "", "--journal: no-such-file: can't be read: No such file or directory"),
        (["--journal", "/"], "", "--journal: /: can't be read: Is a directory"),
        (["--journal", "-"], b"\xff\xfe", "--journal: -: no journal: not UTF-8 at byte 0"),
        (["--journal", "-"], "once upon a time", "--journal: -: "),
        (["--journal", "-"], '{"records":7}', "--journal: -: "),
        (["--journal", "-"], "[" * 100_000, "--journal: -: "),
        (["--journal", "-"], '[{"seq":"one"}]', "--journal: -: "),
        (["--journal", "-"], "[null]", "--journal: -: "),
        (
            ["--journal", "-"],
            '[{"seq":1,"endpoint":"Balance","outcome":"refused","key":"\\ud800"}]',
            "--journal: -: record 1: ",
        ),
        (["--journal", "-", "--url", "http://127.0.0.1:8123"], "", "give one of them"),
        (["trade"], "", "trade"),
    ],
)
def test_what_cannot_be_read_is_said(doctor, arguments, given, complaint):
    done = doctor(*arguments, status=2, given=given)
    assert complaint in done.stderr
    assert done.stdout == ""


def test_help_has_an_example(doctor):
    assert "\n    mockkraken doctor " in doctor("--help").stdout


def test_a_terminal_without_its_characters_gets_others(run, kraken, poisoned):
    shown = run("doctor", MOCKKRAKEN_URL=kraken.url, PYTHONIOENCODING="ascii").stdout
    assert " < culprit\n" in shown
    assert "\\u" not in shown


def test_what_clients_chose_does_no_harm_to_a_terminal(doctor, kraken, browser, tmp_path):
    key = kraken.keys["full"]
    evil = "\x1b[2J\x9b31m\r\x07‮"
    browser.private("Balance", (key.api_key, key.api_secret), 7)
    browser.private("Balance", (key.api_key, key.api_secret), 6)
    records = browser.ok("GET", "/journal")["records"]
    for record in records:
        record |= dict.fromkeys(("key", "user_agent", "endpoint", "remote", "nonce"), evil)
    records[-1] |= dict.fromkeys(("error", "reason", "scenario", "account"), evil)
    file = tmp_path / "evil.json"
    file.write_text(json.dumps(records))
    drawn, told = (doctor("--journal", str(file), *more).stdout for more in ((), ("--json",)))
    assert all(c.isprintable() or c == "\n" for c in drawn + told)
    assert evil in json.loads(told)["timelines"][0]["key"]


def test_in_a_shell(run, kraken, poisoned, exported):
    environment = {"MOCKKRAKEN_URL": kraken.url}
    done = run("doctor", "--key", "trade", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "N06" in done.stdout
    assert "\x1b" not in done.stdout
    assert run("doctor", "--journal", "-", given=exported.read_text()).stdout == run("doctor", **environment).stdout

    done = run("doctor", "--key", "nobody", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mockkraken: ")
    assert "'nobody'" in done.stderr
    done = run("doctor", MOCKKRAKEN_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "mockkraken: http://127.0.0.1:9: Connection refused; does `mockkraken serve` run there?\n",
    )
    done = run("doctor", "--journal", "no-such-file")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mockkraken: --journal: no-such-file: can't be read: No such file or directory\n"


def test_without_a_standard_input():
    command = f"{sys.executable} -m mockkraken doctor --journal - <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mockkraken: --journal: -: there is no standard input\n"


def test_with_a_control_token(run):
    with MockKraken(control_token="sesame") as kraken:
        assert run("doctor", "--control-token", "sesame", MOCKKRAKEN_URL=kraken.url).returncode == 0
        assert run("doctor", MOCKKRAKEN_URL=kraken.url).returncode == 1


def test_it_reads_the_log_of_a_server(run, serving):
    with serving("--log-format", "json") as (process, lines):
        url = lines[-1].split("http=")[1].split()[0]
        key, secret = (lines[-1].split(f"{name}=", 1)[1].split()[0] for name in ("key", "secret"))
        program = """
import http.client, sys
from mockkraken.gate.signature import sign
url, key, secret = sys.argv[1:]
for nonce in ("1767225600000000", "1767225600000"):
    connection, body = http.client.HTTPConnection(url.removeprefix("http://")), "nonce=" + nonce
    signed = sign(secret, "/0/private/Balance", nonce, body.encode())
    connection.request("POST", "/0/private/Balance", body, {"API-Key": key, "API-Sign": signed})
    connection.getresponse().read()
"""
        subprocess.run([sys.executable, "-c", program, url, key, secret], timeout=20, check=True)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=5)
    done = run("doctor", "--journal", "-", given=log)
    assert (done.returncode, done.stderr) == (0, "")
    assert "N06" in done.stdout


@pytest.mark.parametrize(
    ("environment", "colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(kraken, poisoned, environment, colours):
    own = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "MOCKKRAKEN_CONTROL_TOKEN")}
    environment = own | {"TERM": "xterm"} | environment
    terminal, its_end = pty.openpty()
    try:
        command = [sys.executable, "-m", "mockkraken", "doctor", "--url", kraken.url]
        with subprocess.Popen(command, stdout=its_end, env=environment) as process:
            os.close(its_end)
            shown = b""
            with suppress(OSError):  # what Linux says when nobody is left at the other end
                while chunk := os.read(terminal, 65_536):
                    shown += chunk
            assert process.wait(20) == 0
    finally:
        os.close(terminal)
    assert b"N06" in shown
    assert (b"\x1b[" in shown) == colours
