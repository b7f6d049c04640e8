"""The scenarios that come with mockkraken, by name; and those of users, by path."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from mockkraken.scenarios.scenario import Scenario, ScenarioError, parse

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every shipped scenario's name, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def every() -> list[Scenario]:
    """Every shipped scenario: those with an id first, by it."""
    return sorted(map(load, names()), key=lambda scenario: (scenario.id is None, scenario.id or "", scenario.name))


@cache
def load(name: str) -> Scenario:
    """A shipped scenario, by its name or its id.

    Raises:
        ScenarioError: there is none.
    """
    known = names()
    if name in known:
        return _read(_FOLDER / f"{name}.toml", f"{name}.toml")
    for other in known:
        if (scenario := load(other)).id == name:
            return scenario
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`mockkraken scenarios list` shows all"
    raise ScenarioError(f"there is no scenario {name[:60]!r}; {hint}")


def find(name_or_path: str) -> Scenario:
    """A shipped scenario, or the one in a file: what ends in `.toml` is a path.

    Raises:
        ScenarioError: there is none, or the file is none.
    """
    if name_or_path.endswith(".toml"):
        return _read(Path(name_or_path), name_or_path)
    return load(name_or_path)


def _read(path: Path, where: str) -> Scenario:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or ("not UTF-8" if isinstance(error, UnicodeDecodeError) else error)
        raise ScenarioError(f"{where}: can't be read: {why}") from error
    return parse(text, where)
