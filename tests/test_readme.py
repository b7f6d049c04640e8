"""The README is true: its snippets run as pasted, its tables say what the code says.

`python tests/test_readme.py` writes the tables anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import pytest

from mockkraken import MockKraken
from mockkraken.cli import commands
from mockkraken.control.http import CALLS
from mockkraken.errors import DIALECT_ROWS
from mockkraken.rest import account, coverage, positions, public, trading
from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS
from mockkraken.settings import Settings
from mockkraken.ws.declared import VERBS
from mockkraken.ws.v1 import market as v1_market
from mockkraken.ws.v1 import session as v1_session
from mockkraken.ws.v1 import trading as v1_trading
from mockkraken.ws.v1 import user as v1_user
from mockkraken.ws.v2 import market as v2_market
from mockkraken.ws.v2 import session as v2_session
from mockkraken.ws.v2 import trading as v2_trading
from mockkraken.ws.v2 import user as v2_user

FILE = Path(__file__).parent.parent / "README.md"
README = FILE.read_text()
SERVED = "127.0.0.1:8123"


# Snippets


class Block(NamedTuple):
    """A fenced block, and the output that stands below it, if any."""

    language: str
    code: str
    output: str | None


def blocks() -> Iterator[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    for (language, code), (following, text) in zip(found, [*found[1:], ("", "")], strict=True):
        yield Block(language, code, text if following == "text" else None)


def snippets(language: str, *, tests: bool = False) -> list[Any]:
    chosen = [block for block in blocks() if block.language == language and ("\ndef test_" in block.code) == tests]
    return [pytest.param(block, id=block.code.split("\n", 1)[0][:50]) for block in chosen]


def matches(output: str, expected: str) -> bool:
    """Whether the output is the expected one, in which `…` stands for anything in a line."""
    pattern = ".*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, output) is not None


@pytest.mark.parametrize("snippet", snippets("python"))
def test_a_program_runs_as_pasted(snippet: Block, capsys: pytest.CaptureFixture[str]) -> None:
    with MockKraken() as kraken:
        pasted = snippet.code.replace(SERVED, kraken.url.removeprefix("http://"))
        exec(compile(pasted, "README.md", "exec"), {})
        assert kraken.journal.refusals() == []
        assert bool(kraken.journal.records()) == (kraken.url in pasted)
    output = capsys.readouterr().out
    if snippet.output is None:
        assert "error':['" not in output.replace(" ", "")
    else:
        assert matches(output, snippet.output)


@pytest.mark.parametrize("snippet", snippets("python", tests=True))
def test_tests_run_as_pasted(snippet: Block, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(snippet.code)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    names = re.findall(r"^def (test_\w+)", snippet.code, re.MULTILINE)
    if "after_its_restart" not in snippet.code:
        result.assert_outcomes(passed=len(names))
        return
    # The last one fails, and its report says why.
    result.assert_outcomes(passed=len(names) - 1, failed=1)
    result.stdout.fnmatch_lines(
        ["*ccxt.base.errors.InvalidNonce*EAPI:Invalid nonce*", "*mockkraken journal*", "*N06: nonce*"]
    )
    shown = README.partition("fails, and its report says why")[2].partition("```")[2].partition("```")[0]
    for line in (line for line in shown.splitlines() if re.match(r"20\d\d-|doctor", line)):
        assert line.split("Z", 1)[-1] in result.stdout.str()


@pytest.mark.parametrize("snippet", snippets("sh"))
def test_a_command_works_as_pasted(snippet: Block, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("import os; print(os.environ['KRAKEN_REST_URL'], os.environ['KRAKEN_API_KEY'])")
    with MockKraken() as kraken:
        for line in snippet.code.replace(SERVED, kraken.url.removeprefix("http://")).splitlines():
            words = shlex.split(line)
            if words[0] == "python3":
                assert words[:6] == ["python3", "-m", "venv", ".venv", "&&", ".venv/bin/pip"]  # CI runs these
            elif words[0] == "docker":
                assert words[1] in ("build", "run")  # CI has no engine; tests/packaging looks into the file
                assert all((FILE.parent / word).is_file() for word in words if word.endswith("Dockerfile"))
            elif words[0] == "mockkraken":
                words = [sys.executable, "-m", *("python3" if word == "python" else word for word in words)]
                environment = dict(os.environ)
                if words[3] != "exec":
                    environment["MOCKKRAKEN_URL"] = kraken.url  # in place of port 8123, where nobody is
                done = subprocess.run(
                    words, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True, env=environment
                )
                assert done.stdout.startswith("http://127.0.0.1:") == (words[3] == "exec")
                assert done.stderr == ""
            else:
                assert words[0] == "curl"
                done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
                assert '"error":{' not in done.stdout
                assert msgspec.json.decode(done.stdout) is not None


# Tables


WEBSOCKETS = {
    "v2": ((*v2_market.CHANNELS, *v2_user.CHANNELS), v2_trading.METHODS, v2_session),
    "v1": ((*v1_market.CHANNELS, *v1_user.CHANNELS), v1_trading.METHODS, v1_session),
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(columns)} |".replace("|  |", "| |"), "|---" * len(columns) + "|", *body])


def coverage_table() -> str:
    families = (("Public", public), ("Account", account), ("Account", positions), ("Trading", trading))
    rows = []
    for family, module in families:
        for endpoint in module.ENDPOINTS:
            private = isinstance(endpoint, Private)
            needs = f"{endpoint.needs.text}" if private else "–"
            cost = str(endpoint.cost) if private else "–"
            rows.append((family, f"`{endpoint.name}`", endpoint.summary, needs, cost))
    return table(("", "Method", "", "The key needs", "Cost"), rows)


def gaps_table() -> str:
    rows = [(family, ", ".join(names)) for family, names in coverage.NOT_SIMULATED.items()]
    return table(("", "Not simulated yet"), [*rows, ("Futures", "all")])


def channels_table() -> str:
    rows = []
    for version, (channels, methods, session) in WEBSOCKETS.items():
        for channel in channels:
            needs = channel.needs.text if channel.needs.codes else "–" if channel.kind == "public" else "a token"
            rows.append((version, "channel", f"`{channel.name}`", channel.summary, needs))
        rows += [(version, "channel", f"`{name}`", summary, "–") for name, summary in session.UNASKED.items()]
        rows += [(version, "method", f"`{method.name}`", method.summary, method.needs.text) for method in methods]
        rows += [(version, "method", f"`{name}`", summary, "–") for name, summary in VERBS.items()]
    return table(("", "", "Name", "", "The token's key needs"), rows)


def dialects_table() -> str:
    rows = [
        (row.what, _code(row.documented), _code(row.observed), f"`{row.setting}`", row.evidence) for row in DIALECT_ROWS
    ]
    return table(("What", "documented", "observed", "Setting", "Seen in"), rows)


def _code(text: str) -> str:
    return f"`{text}`" if text.startswith("E") else text


def settings_table() -> str:
    dialects = {row.setting for row in DIALECT_ROWS}
    rows = []
    for field in msgspec.structs.fields(Settings):
        if field.name in dialects:
            continue
        about = msgspec.inspect.type_info(field.type)
        assert isinstance(about, msgspec.inspect.Metadata)
        extra, schema = about.extra or {}, about.extra_json_schema or {}
        default = msgspec.json.encode(field.default).decode().strip('"')
        rows.append((f"`{field.name}`", f"`{default}`", _takes(field), schema["description"], extra["basis"]))
    return table(("Setting", "Default", "Takes", "What it decides", "Basis"), rows)


def _takes(field: msgspec.structs.FieldInfo) -> str:
    hint = get_type_hints(Settings)[field.name]
    about = msgspec.inspect.type_info(field.type)
    assert isinstance(about, msgspec.inspect.Metadata)
    takes = (about.extra or {}).get("takes")
    if isinstance(takes, str):
        return takes
    if hint is bool:
        return f"`{str(not field.default).lower()}`"
    if hint is int:
        return "an integer"
    others = takes or (get_args(hint) if get_origin(hint) is Literal else ())
    return ", ".join(f"`{text}`" for text in others if text != field.default)


def options_table() -> str:
    rows = []
    for option in commands.commands["serve"].params:
        flag, name = option.opts[0], option.name or ""
        value = f" {option.metavar}" if option.metavar else ""
        rows.append((f"`{flag}{value}`".replace("|", "\\|"), f"`MOCKKRAKEN_{name.upper()}`", option.help))
    return table(("Flag", "Environment", ""), rows)


TABLES = {
    "coverage": coverage_table,
    "channels": channels_table,
    "gaps": gaps_table,
    "dialects": dialects_table,
    "settings": settings_table,
    "options": options_table,
}


def with_tables(text: str) -> str:
    for name, make in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(begin)
        text = before + begin + make() + "\n" + end + rest.partition(end)[2]
    return text


def test_the_tables_are_those_of_the_code() -> None:
    assert with_tables(README) == README, "stale: run python tests/test_readme.py"


def test_every_endpoint_says_what_it_is_for() -> None:
    assert [endpoint.name for endpoint in ENDPOINTS if not endpoint.summary] == []
    listed = {endpoint.name for module in (public, account, positions, trading) for endpoint in module.ENDPOINTS}
    assert listed == {endpoint.name for endpoint in ENDPOINTS}


def test_every_control_call_stands_in_the_table() -> None:
    rows = re.findall(r"^\| `([A-Z·]+) (/mock/\S+)` \|", README, re.MULTILINE)
    named = {(method, path) for methods, path in rows for method in methods.split("·")}
    parts = {"{name:path}": "NAME", "{key:path}": "NAME-OR-KEY", "{pair:path}": "PAIR", "{txid}": "TXID", "{id}": "ID"}
    parts["{number}"] = "NUMBER"
    there = set()
    for path, methods in CALLS.items():
        for part, word in parts.items():
            path = path.replace(part, word)
        there |= {(method, path) for method in methods}
    assert named == there


if __name__ == "__main__":
    FILE.write_text(with_tables(README))
