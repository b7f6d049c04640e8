"""`mockkraken keys`: the keys of a server that runs, for people and for programs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from mockkraken import MockKraken
from mockkraken.cli import commands

TRADING = "query-funds, query-open-trades, query-closed-trades, modify-trades, close-trades, create-ws-token"


@pytest.fixture
def keys(kraken):
    """Runs `mockkraken keys` in this process, against the server."""

    def keys(*arguments: str, status: int = 0) -> Result:
        environment = {"MOCKKRAKEN_URL": kraken.url, "MOCKKRAKEN_CONTROL_TOKEN": None}
        done = CliRunner(env=environment).invoke(commands, ["keys", *arguments], prog_name="mockkraken")
        assert done.exit_code == status, done.output
        assert bool(done.stderr) == bool(status)
        return done

    return keys


def rows(text: str) -> dict[str, str]:
    """The names and texts of indented lines; a line that only goes on is added to the one before."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("    "):
            found[list(found)[-1]] += " " + line.strip()
        elif line.startswith("  "):
            name, _, value = line.strip().partition("  ")
            found[name] = value.strip()
    return found


def test_list(keys):
    assert (
        keys("list").stdout
        == """\
KEY         ACCOUNT  PERMISSIONS                      WINDOW  REFUSED  NOTES
full        main     all                                   0        0
trade       main     modify-trades, close-trades, +4       0        0
readonly    main     query-funds, query-ledger, +2         0        0
windowed    main     modify-trades, close-trades, +4   10000        0
expired     main     all                                   0        0  until 2020-01-01T00:00:00Z
restricted  main     modify-trades, close-trades, +4       0        0  only from 203.0.113.0/24
second      second   all                                   0        0
"""
    )


def test_list_shows_what_is_out_of_the_ordinary(keys, kraken, browser):
    for key in list(kraken.keys)[1:]:
        key.delete()
    full = kraken.keys["full"]
    full.patch(disabled=True)
    browser.private("Balance", (full.api_key, full.api_secret), 1)
    kraken.keys.create(name="鍵", permissions=[], ip_allowlist=["10.0.0.0/8", "::1"])
    keys("create", "--name", "b", "--otp", "hunter2", "--permission", "withdraw-funds")
    assert (
        keys("list").stdout
        == """\
KEY   ACCOUNT  PERMISSIONS     WINDOW  REFUSED  NOTES
full  main     all                  0        1  disabled
鍵    main     none                 0        0  only from 10.0.0.0/8 +1
b     main     withdraw-funds       0        0  password
"""
    )


def test_list_of_nothing(keys, kraken):
    for key in kraken.keys:
        key.delete()
    assert keys("list").stdout == "There is no key.\n"


def test_create_with_a_profile(keys, kraken):
    shown = keys("create", "--name", "bot", "--profile", "altrady").stdout
    key = kraken.keys["bot"]
    properties, _, pasted = shown.partition("\nThe secret is shown only now. Ready to paste:\n\n")
    assert properties.startswith("Key bot is made.\n\n")
    assert rows(properties) == {
        "API key": key.api_key,
        "API secret": key.api_secret,
        "account": "main",
        "permissions": TRADING,
        "nonce window": "5000",
        "only from": "203.0.113.0/24",
        "expires": "never",
        "second factor": "none",
    }
    assert dict(shlex.split(line)[1].split("=", 1) for line in pasted.splitlines()) == {
        "KRAKEN_API_KEY": key.api_key,
        "KRAKEN_API_SECRET": key.api_secret,
        "KRAKEN_REST_URL": kraken.url,
    }


def test_create_with_everything(keys, kraken):
    given = "--account second --name b --permission query-funds,query-ledger --permission add-funds --nonce-window 7"
    times = "--valid-until 2027-01-01T00:00:00Z --query-from 1767225600 --query-to 2026-06-01T00:00:00Z"
    shown = keys("create", *given.split(), *times.split(), "--ip", "::1", "--ip", "10.0.0.0/8", "--otp", "totp").stdout
    state = kraken.keys["b"].state()
    assert (state["account"], state["nonce_window"], state["otp"]) == ("second", 7, "totp")
    assert state["permissions"] == ["query-funds", "add-funds", "query-ledger"]
    assert state["ip_allowlist"] == ["::1", "10.0.0.0/8"]
    times = [state[name] for name in ("valid_until", "query_from", "query_to")]
    assert times == ["2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"]

    found = rows(shown)
    assert found["queries reach"] == "2026-01-01T00:00:00Z to 2026-06-01T00:00:00Z"
    assert found["second factor"] == "totp"
    secret = found["OTP secret"].split()[0]
    assert f"oathtool --totp --base32 {secret}  # the otp, unless the server's clock was moved" in shown
    assert "The secrets are shown only now." in shown


def test_create_with_all_permissions_and_a_password(keys, kraken):
    shown = keys("create", "--permission", "all", "--otp", "hunter2").stdout
    assert "hunter2" not in shown
    state = list(kraken.keys)[-1].state()
    assert (len(state["permissions"]), state["otp"]) == (13, "password")
    assert "no permission" not in shown


def test_create_with_nothing(keys, kraken):
    shown = keys("create").stdout
    key = list(kraken.keys)[-1]
    assert shown.startswith(f"Key {key.name} is made.\n")
    assert key.state()["permissions"] == []
    assert "\nIt has no permission: " in shown


def test_a_secret_is_shown_only_once(keys):
    made = keys("create", "--name", "bot", "--otp", "totp", "--json").stdout
    secrets = [json.loads(made)[name] for name in ("api_secret", "otp_secret")]
    later = keys("list", "--json").stdout + keys("show", "bot", "--json").stdout + keys("show", "bot").stdout
    assert not any(secret in later for secret in secrets)


def test_show(keys, kraken, browser):
    key = kraken.keys.create(name="w", permissions=["query-funds"], nonce_window=1_000_000_000)
    pair = (key.api_key, key.api_secret)
    for nonce in (1767225600000000000, 1767225599900000000, 1767225599900000000, 1):
        browser.private("Balance", pair, nonce)
    browser.private("Ledgers", pair, 1767225600000000001)
    kraken.clock.advance("1h")
    key.patch(valid_until="2027-01-01T00:00:00Z")

    shown = keys("show", "w").stdout
    assert shown == keys("show", key.api_key).stdout
    assert shown.startswith("w\n\n")
    assert rows(shown) == {
        "API key": key.api_key,
        "account": "main",
        "permissions": "query-funds",
        "nonce window": "1000000000",
        "only from": "anywhere",
        "expires": "2027-01-01T00:00:00Z",
        "second factor": "none",
        "state": "enabled",
        "refused": "3 (nonce 2, permission 1)",
        "last used": "2026-01-01T00:00:00Z",
        "created": "2026-01-01T00:00:00Z",
        "changed": "2026-01-01T01:00:00Z",
        "highest nonce": "1767225600000000001 (19 digits, nanoseconds): 2026-01-01T00:00:00.000000001Z",
        "used below it": "1767225599900000000, 1767225600000000000",
    }


@pytest.mark.parametrize(
    ("highest", "said"),
    [
        ("0", "0, where a new key starts"),
        ("7", "7 (1 digit)"),
        ("1767225600", "1767225600 (10 digits, seconds): 2026-01-01T00:00:00Z"),
        ("18446744073709551615", "18446744073709551615 (20 digits)"),
    ],
)
def test_show_says_what_the_highest_nonce_counts(keys, kraken, highest, said):
    kraken.keys["full"].set_nonce(highest)
    assert rows(keys("show", "full").stdout)["highest nonce"] == said


def test_show_of_a_key_with_many_nonces(keys, kraken, browser):
    key = kraken.keys["windowed"]
    for nonce in range(1, 11):
        browser.private("Balance", (key.api_key, key.api_secret), nonce)
    assert rows(keys("show", "windowed").stdout)["used below it"] == "the last 5 of 9: 5, 6, 7, 8, 9"


def test_show_of_a_key_that_is_locked_out(keys, kraken):
    kraken.lockout.start(key="full", seconds=900)
    assert rows(keys("show", "full").stdout)["state"] == "locked out until 2026-01-01T00:15:00Z"
    assert "locked out until 2026-01-01T00:15:00Z" in keys("list").stdout


def test_delete(keys, kraken):
    public = kraken.keys["trade"].api_key
    assert keys("delete", "full").stdout == "Key full is deleted.\n"
    assert keys("delete", public, "--json").stdout == "{}\n"
    assert not {"full", "trade"} & {key.name for key in kraken.keys}
    assert keys("delete", "full", status=1).stderr == "Error: there is no key 'full'\n"


def test_profiles(keys, browser):
    shown = keys("profiles").stdout
    assert shown.startswith("""\
PROFILE             WINDOW  ONLY FROM       PERMISSIONS
astrabit                 0  anywhere        query-funds, query-open-trades, query-closed-trades,
                                            modify-trades, close-trades, create-ws-token
altrady               5000  203.0.113.0/24  query-funds,""")
    for profile in browser.ok("GET", "/profiles")["profiles"]:
        assert f"\n{profile['name']} " in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("name", ["a/nonce", "a b", "a%2Fb", "ключ", "?", "..", "#"])
def test_names_of_every_kind(keys, name):
    keys("create", "--name", name)
    assert keys("show", name).stdout.startswith(f"{name}\n\n")
    keys("delete", name)
    keys("show", name, status=1)


@pytest.mark.parametrize("arguments", [["list"], ["show", "full"], ["profiles"]])
def test_json_is_the_answer_of_the_control_api(keys, browser, arguments):
    path = {"list": "/keys", "show": "/keys/full", "profiles": "/profiles"}[arguments[0]]
    text = keys(*arguments, "--json").stdout
    assert json.loads(text) == browser.ok("GET", path)
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["show", "nobody"], 1, "there is no key 'nobody'"),
        (["show", "a\x1b[31mb"], 1, "there is no key 'a\\x1b[31mb'"),
        (["show"], 2, "Missing argument 'KEY'"),
        (["show", ""], 2, "a key goes by its name or its public key"),
        (["create", "--name", "full"], 1, "there is a key 'full' already"),
        (["create", "--name", "a\nb"], 1, "a key's name has 1 to 32 printable characters"),
        (["create", "--name", "\udcff"], 2, "not UTF-8"),
        (["create", "--profile", "robinhood"], 1, "there is no profile 'robinhood'; there are astrabit, "),
        (["create", "--permission", "fly"], 1, "there is no permission 'fly'; there are query-funds, "),
        (["create", "--permission", "all", "--permission", "query-funds"], 2, "--permission all"),
        (["create", "--nonce-window", "5s"], 2, "--nonce-window"),
        (["create", "--nonce-window", "-1"], 1, "a nonce window is a whole number from 0 to"),
        (["create", "--ip", "localhost"], 1, "not an IP address or CIDR range: 'localhost'"),
        (["create", "--valid-until", "soon"], 1, "not a time: 'soon'"),
        (["create", "--account", "house"], 1, "no key reaches the account 'house'"),
        (["list", "all"], 2, "all"),
        (["rotate"], 2, "rotate"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(keys, kraken, arguments, status, complaint):
    before = [key.name for key in kraken.keys]
    said = keys(*arguments, status=status).stderr
    assert complaint in said
    assert "\x1b" not in said
    assert [key.name for key in kraken.keys] == before


@pytest.mark.parametrize("arguments", [[], ["list"], ["create"], ["show"], ["delete"], ["profiles"]])
def test_help_has_an_example(keys, arguments):
    assert "\n    mockkraken keys " in keys(*arguments, "--help").stdout


def test_in_a_shell(run, kraken):
    environment = {"MOCKKRAKEN_URL": kraken.url + "/"}
    done = run("keys", "create", "--name", "bot", "--profile", "withdraw", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"export KRAKEN_REST_URL={kraken.url}\n" in done.stdout

    done = run("keys", "show", "bot", "--url", "http://127.0.0.1:8123", "--url", kraken.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert kraken.keys["bot"].api_key in done.stdout

    done = run("keys", "show", "nobody", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "mockkraken: there is no key 'nobody'\n")
    done = run("keys", "list", MOCKKRAKEN_URL="127.0.0.1:8123")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mockkraken: a server's URL looks like http://127.0.0.1:8123")
    done = run("keys", "list", MOCKKRAKEN_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mockkraken: http://127.0.0.1:9: Connection refused; does `mockkraken serve` run there?\n"


def test_with_a_control_token(run):
    with MockKraken(control_token="sesame") as kraken:
        done = run("keys", "list", "--control-token", "sesame", MOCKKRAKEN_URL=kraken.url)
        assert (done.returncode, done.stderr) == (0, "")
        done = run("keys", "list", MOCKKRAKEN_URL=kraken.url, MOCKKRAKEN_CONTROL_TOKEN="simsim")
        assert (done.returncode, done.stdout) == (1, "")
        assert "it wants its control token (--control-token, MOCKKRAKEN_CONTROL_TOKEN)" in done.stderr


def test_what_a_terminal_cannot_show_is_escaped(run, kraken):
    kraken.keys.create(name="鍵", permissions=[])
    done = run("keys", "list", MOCKKRAKEN_URL=kraken.url, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n\\u9375 " in done.stdout


def test_a_reader_who_leaves_is_no_error(kraken):
    command = f"{sys.executable} -m mockkraken keys list --url {kraken.url} | head -1 >/dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=True, env=os.environ)
    assert (done.stdout, done.stderr) == ("", "")
