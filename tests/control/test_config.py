"""Where options come from, which of them counts, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mockkraken.config import NAMES, ConfigError, gather
from mockkraken.settings import Settings

DOCKER = Path(__file__).parents[2] / "docker" / "mockkraken.toml"


def value_of(name: str, options: Any) -> Any:
    return options.settings[name] if name in options.settings else getattr(options, name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mockkraken.toml"


def refused(flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        gather(flags or {}, environment or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "in_file", "in_environment", "in_flag", "expected"),
    [
        ("host", '"127.0.0.2"', "127.0.0.3", "127.0.0.4", ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")),
        ("port", "2", "3", "4", (8123, 2, 3, 4)),
        ("seed", "-2", "-3", "-4", (0, -2, -3, -4)),
        ("clock", "1767225602", "1767225603", "4", (None, 1767225602, "1767225603", "4")),
        ("market", '"calm"', "static", "walk", ("walk", "calm", "static", "walk")),
        ("rate_limits", '"off"', "on", "off", ("on", "off", "on", "off")),
        ("control_token", '"two"', "three", "four", (None, "two", "three", "four")),
        ("dialect", '"observed"', "documented", "observed", ("documented", "observed", "documented", "observed")),
        ("log_format", '"text"', "json", "text", (None, "text", "json", "text")),
        ("print_env", "true", "0", True, (False, True, False, True)),
    ],
)
def test_flag_before_environment_before_file_before_default(file, name, in_file, in_environment, in_flag, expected):
    file.write_text(f"{name} = {in_file}")
    variable = {f"MOCKKRAKEN_{name.upper()}": in_environment}
    given = [
        gather({"config": None, name: None}, {}),
        gather({"config": str(file)}, {}),
        gather({"config": str(file)}, variable),
        gather({"config": str(file), name: in_flag}, variable),
    ]
    assert tuple(value_of(name, options) for options in given) == expected


def test_every_setting_is_an_option(file):
    for name, default in msgspec.structs.asdict(Settings()).items():
        if default is None:
            continue  # a text is refused by the name below
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert gather({}, {f"MOCKKRAKEN_{name.upper()}": shown}).settings[name] == default
    assert set(gather({}, {}).settings) == set(Settings.__struct_fields__)
    assert len(set(NAMES)) == len(NAMES)


def test_settings_without_a_flag(file):
    file.write_text('ip_denied_error = "EGeneral:Permission denied"\nwindow_inclusive = false\njournal_size = 5\n')
    options = gather(
        {"config": str(file)}, {"MOCKKRAKEN_WINDOW_INCLUSIVE": "1", "MOCKKRAKEN_API_KEY_INFO_CASE": "both"}
    )
    assert options.settings["ip_denied_error"] == "EGeneral:Permission denied"
    assert options.settings["window_inclusive"] is True
    assert options.settings["journal_size"] == 5
    assert options.settings["api_key_info_case"] == "both"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01 01:00:00.5+01:00", "2026-01-01T01:00:00.500000+01:00"),
        ('"2026-01-01T00:00:00Z"', "2026-01-01T00:00:00Z"),
        ("1767225600.5", 1767225600.5),
    ],
)
def test_a_clock_in_the_file(file, written, read):
    file.write_text(f"clock = {written}")
    assert gather({"config": str(file)}, {}).clock == read


def test_the_port_of_exec_is_free_unless_given(file):
    file.write_text("port = 2")
    assert gather({}, {}, port=0).port == 0
    assert gather({}, {"MOCKKRAKEN_PORT": "3"}, port=0).port == 3
    assert gather({"config": str(file)}, {}, port=0).port == 2


def test_the_file_of_the_flag_is_read_and_no_other(file, tmp_path):
    file.write_text("seed = 1")
    other = tmp_path / "other.toml"
    other.write_text("seed = 2")
    assert gather({}, {"MOCKKRAKEN_CONFIG": str(other)}).settings["seed"] == 2
    assert gather({"config": str(file)}, {"MOCKKRAKEN_CONFIG": str(other)}).settings["seed"] == 1
    assert gather({"config": str(file)}, {"MOCKKRAKEN_CONFIG": str(tmp_path / "none")}).settings["seed"] == 1


def test_an_empty_variable_gives_nothing(file):
    file.write_text("seed = 1")
    empty = {"MOCKKRAKEN_SEED": "", "MOCKKRAKEN_CONTROL_TOKEN": "", "MOCKKRAKEN_PRINT_ENV": ""}
    options = gather({"config": str(file)}, empty)
    assert (options.settings["seed"], options.control_token, options.print_env) == (1, None, False)
    assert gather({}, {"MOCKKRAKEN_CONFIG": ""}) == gather({}, {})


def test_other_variables_are_left_alone():
    others = {"MOCKKRAKEN_URL": "http://elsewhere", "KRAKEN_API_KEY": "k", "PORT": "x", "mockkraken_port": "x"}
    assert gather({}, others | {"_MOCKKRAKEN_COMPLETE": "bash_source"}) == gather({}, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sede = 7", "there is no setting 'sede'; did you mean 'seed'?"),
        ("control-token = 'T'", "there is no setting 'control-token'; did you mean 'control_token'?"),
        ("[server]\nport = 1", "there is no setting 'server'"),
        ("config = 'other.toml'", "there is no setting 'config'"),
        ("settings = 1", "there is no setting 'settings'"),
        ("zzz = 1", "there is no setting 'zzz'"),
        ("port = 'http'", "port: it takes a whole number from 0 to 65535, not 'http'"),
        ("port = true", "port: it takes a whole number from 0 to 65535, not 'True'"),
        ("port = 1.5", "port: it takes a whole number from 0 to 65535, not '1.5'"),
        ("port = [1]", "port: it takes a whole number from 0 to 65535, not '[1]'"),
        ("host = ''", "host: it takes an address or a name, not ''"),
        ("host = 1", "host: it takes an address or a name, not '1'"),
        ("host = 2026-01-01", "host: it takes an address or a name, not '2026-01-01'"),
        ("seed = inf", "seed: it takes a whole number from "),
        ("seed = 9223372036854775808", "seed: it takes a whole number from "),
        ("clock = true", "clock: not a time: 'True'"),
        ("clock = 2026-01-01T00:00:00", "clock: not a time: '2026-01-01T00:00:00'"),
        ("clock = 2026-01-01", "clock: not a time: '2026-01-01'"),
        ("clock = '3000-01-01T00:00:00Z'", "clock: the time lies outside 1970 to 2200"),
        ("market = 'wild'", "market: it takes calm, static or walk, not 'wild'"),
        ("rate_limits = true", "rate_limits: it takes off or on, not 'True'"),
        ("window_inclusive = 'perhaps'", "window_inclusive: it takes true or false, not 'perhaps'"),
        (
            "ip_denied_error = 'no'",
            "ip_denied_error: it takes EAPI:Invalid key or EGeneral:Permission denied, not 'no'",
        ),
        ("port =", "not TOML: "),
        ("port = 1\nport = 2", "not TOML: "),
        ("a = " + "[" * 5000, "not TOML"),
        ("seed = " + "9" * 5000, ""),
    ],
)
def test_what_is_wrong_in_a_file(file, text, complaint):
    file.write_text(text)
    said = refused({"config": str(file)})
    assert said.startswith(f"{file}: {complaint}")
    assert "\n" not in said


def test_a_file_that_cannot_be_read(tmp_path):
    assert refused({"config": str(tmp_path)}) == f"{tmp_path}: can't be read: Is a directory"
    gone = tmp_path / "gone.toml"
    assert refused({}, {"MOCKKRAKEN_CONFIG": str(gone)}) == f"{gone}: can't be read: No such file or directory"
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# caf\xe9\n")
    assert refused({"config": str(latin)}) == f"{latin}: not TOML: not UTF-8 at byte 5"
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b"\xef\xbb\xbfseed = 1\r\n")
    assert gather({"config": str(marked)}, {}).settings["seed"] == 1


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("MOCKKRAKEN_SEDE", "1", "there is no such setting; did you mean MOCKKRAKEN_SEED?"),
        ("MOCKKRAKEN_port", "1", "there is no such setting; did you mean MOCKKRAKEN_PORT?"),
        ("MOCKKRAKEN_", "1", "there is no such setting"),
        ("MOCKKRAKEN_SETTINGS", "", "there is no such setting"),
        ("MOCKKRAKEN_PORT", "http", "it takes a whole number from 0 to 65535, not 'http'"),
        ("MOCKKRAKEN_PRINT_ENV", "maybe", "it takes true or false, not 'maybe'"),
        ("MOCKKRAKEN_LOG_FORMAT", "xml", "it takes json or text, not 'xml'"),
        ("MOCKKRAKEN_CLOCK", "soon", "not a time: 'soon'"),
        ("MOCKKRAKEN_MARKET_PRICE_PROTECTION", "lots", ""),
    ],
)
def test_what_is_wrong_in_the_environment(variable, value, complaint):
    assert refused({}, {variable: value}).startswith(f"{variable}: {complaint}")


def test_what_is_wrong_counts_even_if_it_is_replaced(file):
    file.write_text("seed = 'x'")
    assert refused({"config": str(file), "seed": "1"}, {"MOCKKRAKEN_SEED": "2"}).startswith(f"{file}: seed: ")
    assert refused({"port": "1"}, {"MOCKKRAKEN_PORT": "y"}).startswith("MOCKKRAKEN_PORT: ")
    assert refused({"rate_limits": "maybe"}).startswith("--rate-limits: ")


@pytest.mark.parametrize("token", ["hunter 2", "hunter2\n", "hunter2é"])
def test_a_control_token_is_never_shown(file, token):
    file.write_text(f"control_token = {token!r}".replace("'", '"'))
    for said in (
        refused({"control_token": token}),
        refused({}, {"MOCKKRAKEN_CONTROL_TOKEN": token}),
        refused({"config": str(file)}),
    ):
        assert said.endswith(": it takes printable ASCII characters without blanks")
        assert "hunter" not in said


def test_the_file_for_docker_names_every_option_and_changes_nothing(file):
    assert gather({"config": str(DOCKER)}, {}) == gather({}, {})
    lines = DOCKER.read_text().splitlines()
    named = [re.match(r"(?:# )?(\w+) = ", line) for line in lines]
    assert sorted(match[1] for match in named if match) == sorted(NAMES)
    for above, match in zip(lines, named[1:], strict=False):
        assert match is None or above.startswith("# "), f"{match[1]} has no comment"
    # What has no default stands behind a #, with a value that it takes.
    file.write_text(re.sub(r"^# (\w+ = )", r"\1", DOCKER.read_text(), flags=re.MULTILINE))
    assert len([name for name in NAMES if value_of(name, gather({"config": str(file)}, {})) is None]) == 0
