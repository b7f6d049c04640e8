"""The README is true: its snippets run, its tables say what the code says."""

import re
from pathlib import Path

import msgspec
import pytest

from mockkraken import MockKraken
from mockkraken.errors import DIALECT_ROWS
from mockkraken.rest.app import ENDPOINTS
from mockkraken.rest.endpoint import Public
from mockkraken.settings import Settings

README = (Path(__file__).parent.parent / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[snippet.split("\n", 1)[0] for snippet in SNIPPETS])
def test_each_snippet_runs_as_pasted(snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    with MockKraken() as kraken:
        exec(compile(snippet.replace("http://127.0.0.1:8123", kraken.url), "README.md", "exec"), {})
        used = kraken.url in snippet.replace("http://127.0.0.1:8123", kraken.url)
        assert kraken.journal.refusals() == []
        assert bool(kraken.journal.records()) == used
    assert "error':['" not in capsys.readouterr().out.replace(" ", "")


def test_the_coverage_table_lists_every_endpoint_and_no_other() -> None:
    table = section("What is simulated").partition("\n### ")[0]
    rows = [row.split("|")[1:4] for row in table.splitlines() if row.startswith("| ")][1:]
    simulated = {name for _, cell, _ in rows for name in re.findall(r"\b[A-Z][A-Za-z]+\b", cell)}
    assert simulated == {endpoint.name for endpoint in ENDPOINTS}
    public = next(cell for kind, cell, _ in rows if kind.strip() == "Public")
    assert set(re.findall(r"\w+", public)) == {endpoint.name for endpoint in ENDPOINTS if isinstance(endpoint, Public)}


def test_every_setting_stands_in_a_table() -> None:
    tables = README.partition("### Dialects and settings")[2].partition("\n### ")[0]
    named = set(re.findall(r"`(\w+)`", tables))
    assert named >= set(Settings.__struct_fields__) - {"dialect"}
    for row in DIALECT_ROWS:
        line = next(line for line in tables.splitlines() if f"`{row.setting}`" in line)
        for side in (row.documented, row.observed):
            assert side in line
    defaults = msgspec.structs.asdict(Settings())
    for name, shown in re.findall(r"^\| `(\w+)` \| `(\w[^`]*)` \|", tables, re.MULTILINE):
        assert str(defaults[name]).lower() == shown.lower()
