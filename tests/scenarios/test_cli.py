"""`mockkraken scenarios list | show | run`, and `--scenario`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from mockkraken import MockKraken
from mockkraken.cli import commands
from mockkraken.config import ConfigError, gather
from mockkraken.scenarios import shipped
from mockkraken.scenarios.scenario import parse

Command = Callable[..., str]

TWICE = """
title = "Twice, says somebody, is all right"
about = "It is not."
setup = [{call = "POST /mock/keys", body = {name = "mine", profile = "trading-bot"}}]
play = [
  {from = "bot", call = "Balance", nonce = 1, gives = "ok", result = {ZUSD = "1000000.0000", XXBT = "1"}},
  {from = "bot", call = "OpenOrders", nonce = 1, gives = "ok"},
]
"""


@pytest.fixture
def command() -> Command:
    """Runs `mockkraken scenarios` in this process; on its own server unless `url` is given."""

    def command(*arguments: str, status: int = 0, url: str | None = None) -> str:
        environment = {"MOCKKRAKEN_URL": url, "MOCKKRAKEN_CONTROL_TOKEN": None, "COLUMNS": None, "NO_COLOR": None}
        done = CliRunner(env=environment).invoke(commands, ["scenarios", *arguments], standalone_mode=False)
        if isinstance(done.exception, click.ClickException):
            # What `main` makes of it.
            assert (done.output, done.exception.exit_code) == ("", status)
            return done.exception.format_message()
        assert done.exception is None
        assert (done.return_value or 0) == status, done.output
        return done.stdout

    return command


@pytest.fixture
def run(monkeypatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a process of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MOCKKRAKEN_")}
        line = [sys.executable, "-m", "mockkraken", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=clean | environment)

    return run


def test_the_list(command):
    lines = command("list").splitlines()
    assert lines[0].split() == ["ID", "NAME", "TITLE"]
    assert len(lines) == 1 + len(shipped.names())
    assert lines[6].split()[:2] == ["N06", "nonce_unit_switch"]
    rows = json.loads(command("list", "--json"))["scenarios"]
    assert [row["name"] for row in rows] == [scenario.name for scenario in shipped.every()]


def test_each_command_is_told_in_a_line(command):
    _, commands = command("--help").split("Commands:")
    assert "..." not in commands


def test_one_step_and_one_key_are_one(command, kraken, tmp_path):
    path = tmp_path / "one.toml"
    setup = '[{call = "POST /mock/keys", body = {name = "mine", profile = "trading-bot"}}]'
    path.write_text(f'title = "One"\nsetup = {setup}\nplay = [{{call = "Balance", gives = "ok"}}]\n')
    text = command("run", str(path), url=kraken.url)
    assert "The answer is as the scenario says." in text
    assert "Left on the server: the key mine. The next run replaces it." in text


@pytest.mark.parametrize("name", ["nonce_two_senders", "N05"])
def test_what_is_shown_is_a_file_to_begin_with(command, name):
    text = command("show", name)
    again = parse(text, "again.toml")
    original = shipped.load("N05")
    assert (again.title, again.setup, again.play) == (original.title, original.setup, original.play)
    for word in ("gives", "parallel", "again", "leaves everything but its own keys alone"):
        assert word in text
    other = command("show", "maintenance_window")
    assert "takes --reset, since it uses POST /mock/status, POST /mock/clock" in other


def test_a_run_says_what_was_sent_answered_and_diagnosed(command):
    text = command("run", "nonce_unit_switch")
    for said in (
        "nonce_unit_switch (N06): A library that counts microseconds",
        "STEP  SENDER       KEY       NONCE             CALL        ANSWER",
        "1     old library  poisoned  1767225600000000  Balance     ok",
        "2     new library  poisoned  1767225600123     Balance     EAPI:Invalid nonce",
        "All 4 answers are as the scenario says.",
        "The doctor finds N06, as the scenario says.",
    ):
        assert said in text
    assert "expected" not in text


def test_what_a_result_had_to_hold_is_shown(command):
    assert 'OpenOrders userref=1015                  ok, with {"open":2}' in command("run", "retry_duplicates_order")


def test_repeated_calls_take_one_line(command):
    text = command("run", "hammered_into_lockout")
    assert "1767225500000..1767225500009  Balance" in text
    assert "EAPI:Invalid nonce, 10 times" in text
    assert "(control)" in text and 'POST /mock/clock {"advance":"14m"}' in text


def test_a_run_that_went_otherwise_fails(command, tmp_path):
    path = tmp_path / "twice.toml"
    path.write_text(TWICE)
    text = command("run", str(path), status=1)
    assert 'ok  <- expected ok: result.XXBT is "100.0000000000", not "1"' in text
    assert "EAPI:Invalid nonce  <- expected ok" in text
    assert "2 of 2 answers differ from what the scenario says." in text
    assert "The doctor should find nothing, and finds N01." in text
    document = json.loads(command("run", str(path), "--json", status=1))
    assert document["as_expected"] is False
    assert [row["gave"] for row in document["rows"]] == ["ok", "EAPI:Invalid nonce"]
    assert [row["fits"] for row in document["rows"]] == [False, False]
    assert [finding["scenario"] for finding in document["findings"]] == ["N01"]


def test_a_doctor_that_finds_something_else_fails_too(command, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(shipped.load("N01").text.replace('finding = "N01"', 'finding = "N08"'))
    text = command("run", str(path), status=1)
    assert "All 2 answers are as the scenario says." in text
    assert "The doctor should find N08, and finds N01." in text


def test_a_server_of_the_users(command, kraken):
    kraken.accounts["main"].balances["ZUSD"] = "5"
    for _ in range(2):
        text = command("run", "nonce_two_senders", url=kraken.url)
        assert "Left on the server: the key shared. The next run replaces it." in text
    assert kraken.accounts["main"].balances["ZUSD"] == "5.0000"
    assert [record["key"] for record in kraken.journal.records()] == 10 * ["shared"]


def test_what_needs_a_server_for_itself_says_so(command, kraken):
    kraken.accounts["main"].balances["ZUSD"] = "5"
    refused = command("run", "cancel_only", url=kraken.url, status=2)
    assert "cancel_only needs the server" in refused
    assert "(POST /mock/status, the key 'full'): with --reset it is reset first" in refused
    assert kraken.accounts["main"].balances["ZUSD"] == "5.0000"
    text = command("run", "cancel_only", "--reset", url=kraken.url)
    assert f"The server is as the play left it, its clock frozen; POST {kraken.url}/mock/reset makes it new." in text
    assert kraken.accounts["main"].balances["ZUSD"] == "1000000.0000"


def test_a_control_token(command):
    with MockKraken(control_token="sesame") as kraken:
        command("run", "N01", "--url", kraken.url, "--control-token", "sesame")
        refused = command("run", "N01", "--url", kraken.url, status=1)
        assert "it wants its control token" in refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nonce_unit_swich"), "there is no scenario 'nonce_unit_swich'; did you mean 'nonce_unit_switch'?"),
        (("run", "nowhere.toml"), "nowhere.toml: can't be read: No such file or directory"),
        (("run", "N01", "--reset"), "--reset resets the server at --url"),
        (("run", "N01", "--url", "ftp://x"), "a server's URL looks like http://127.0.0.1:8123"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command, arguments, said):
    assert said in command(*arguments, status=2)


def test_nobody_there(command):
    with MockKraken() as kraken:
        url = kraken.url
    assert "Connection refused" in command("run", "N01", url=url, status=1)


# --scenario


def test_the_option_comes_from_everywhere(tmp_path):
    path = tmp_path / "twice.toml"
    path.write_text(TWICE)
    assert gather({}, {}).scenario is None
    assert gather({"scenario": "calm"}, {"MOCKKRAKEN_SCENARIO": "N05"}).scenario == "calm"
    assert gather({}, {"MOCKKRAKEN_SCENARIO": str(path)}).scenario == str(path)
    with pytest.raises(ConfigError, match="--scenario: there is no scenario 'clam'; did you mean 'calm'"):
        gather({"scenario": "clam"}, {})
    path.write_text("title = 1")
    with pytest.raises(ConfigError, match=r"MOCKKRAKEN_SCENARIO: .*title: it takes a text, not 1"):
        gather({}, {"MOCKKRAKEN_SCENARIO": str(path)})


def test_exec_runs_a_program_in_a_scenario(run):
    program = (
        "import os, json, urllib.request as r;"
        "print(json.load(r.urlopen(os.environ['MOCKKRAKEN_URL'] + '/0/public/SystemStatus'))['result']['status'])"
    )
    done = run("exec", "--scenario", "maintenance_window", "--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout.strip()) == (0, "maintenance"), done.stderr
    done = run("exec", "--", sys.executable, "-c", program, MOCKKRAKEN_SCENARIO="post_only")
    assert done.stdout.strip() == "post_only", done.stderr
    done = run("serve", "--scenario", "nonce_rase")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mockkraken: --scenario: there is no scenario 'nonce_rase'; did you mean 'nonce_race'?\n"


def test_a_run_in_a_process_of_its_own(run):
    done = run("scenarios", "run", "N02")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "The doctor finds N02, as the scenario says." in done.stdout
