"""The Dockerfile, the compose file and the code say the same."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockkraken import cli, config

TREE = Path(__file__).parents[2]
DOCKER = TREE / "docker"
PORT = config.DEFAULT_PORT


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each, continued lines joined and comments gone."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, arguments in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments))
    return found


def one(name: str) -> str:
    (arguments,) = (given for found, given in stages()[-1] if found == name)
    return arguments


def environment() -> dict[str, str]:
    words = [word for name, given in stages()[-1] if name == "ENV" for word in shlex.split(given)]
    return dict(word.split("=", 1) for word in words)


def compose(text: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text or (DOCKER / "compose.yaml").read_text())
    return found


def ours(names: Any) -> dict[str, str]:
    return {name: value for name, value in dict(names).items() if name.startswith("MOCKKRAKEN_")}


def default(value: str) -> str:
    """What Compose makes of ${NAME:-default} when nobody sets NAME."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_all_stages_stand_on_one_slim_python_that_we_support():
    bases = [given.split()[0] for name, given in instructions() if name == "FROM"]
    assert len(bases) == 2
    (base,) = set(bases)
    version = re.fullmatch(r"python:(3\.\d+)-slim", base)
    assert version
    classifiers = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["classifiers"]
    assert f"Programming Language :: Python :: {version[1]}" in classifiers
    assert one("LABEL").endswith(f'org.opencontainers.image.base.name="docker.io/library/{base}"')


def test_what_is_copied_exists_and_reaches_the_builder():
    reaches = {line[1:] for line in (TREE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for name, given in stages()[0]:
        if name == "COPY":
            copied |= set(given.split()[:-1])
    assert copied == reaches
    assert [path for path in copied if not (TREE / path).exists()] == []
    # What the project file wants at build time is there.
    project = tomllib.loads((TREE / "pyproject.toml").read_text())
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {project["project"]["readme"], *project["project"]["license-files"], *build["packages"]}
    assert wanted | set(build["force-include"]) | {"pyproject.toml"} == copied


def test_nothing_of_the_first_stage_but_the_installation_is_kept():
    (copied,) = (given for name, given in stages()[-1] if name == "COPY")
    source, *kept = copied.split()
    assert source == "--from=build"
    assert stages()[0][0][1].split()[1:] == ["AS", "build"]
    assert len(set(kept)) == 1  # a virtual environment can't be moved
    assert f"python -m venv --without-pip {kept[0]} " in " ".join(given for _, given in stages()[0])
    assert environment()["PATH"] == f"{kept[0]}/bin:$PATH"


def test_it_runs_as_a_numbered_nobody():
    uid, gid = map(int, one("USER").split(":"))
    assert uid >= 10_000
    assert gid >= 10_000
    names = [name for name, _ in stages()[-1]]
    assert "RUN" not in names[names.index("USER") :]


def test_it_serves_where_health_asks(monkeypatch):
    assert json.loads(one("ENTRYPOINT")) == ["mockkraken"]
    assert json.loads(one("CMD")) == ["serve"]
    assert one("EXPOSE") == str(PORT)
    options = config.gather({}, ours(environment()))
    assert (options.host, options.port) == ("0.0.0.0", PORT)

    monkeypatch.delenv("MOCKKRAKEN_URL", raising=False)
    monkeypatch.delenv("MOCKKRAKEN_CONTROL_TOKEN", raising=False)
    program, command, *arguments = json.loads(one("HEALTHCHECK").partition(" CMD ")[2])
    asked = cli.commands.commands[command].make_context(command, arguments).params
    assert (program, asked) == ("mockkraken", {"url": f"http://127.0.0.1:{PORT}", "control_token": None})


def test_without_a_token_it_says_what_is_missing():
    done = subprocess.run(
        [sys.executable, "-m", *json.loads(one("ENTRYPOINT")), *json.loads(one("CMD"))],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE), **ours(environment()), "MOCKKRAKEN_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "takes a control token" in done.stderr


@pytest.fixture
def service() -> dict[str, Any]:
    (found,) = compose()["services"].values()
    assert isinstance(found, dict)
    return found


def test_compose_builds_that_dockerfile(service):
    build = service["build"]
    context = (DOCKER / build["context"]).resolve()
    assert context == TREE
    assert context / build["dockerfile"] == DOCKER / "Dockerfile"


def test_compose_serves_this_machine_only_and_allows_nothing_more(service):
    assert service["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "user", "network_mode", "healthcheck", "tmpfs"}


def test_compose_gives_options_that_the_server_takes(service):
    given = {name: default(value) for name, value in service["environment"].items()}
    (mount,) = service["volumes"]
    source, target, mode = mount.split(":")
    assert mode == "ro"
    assert given["MOCKKRAKEN_CONFIG"] == target
    given["MOCKKRAKEN_CONFIG"] = str(DOCKER / source)

    options = config.gather({}, ours(environment()) | given)
    # The file says where to listen on a machine; in a container that must not count.
    assert (options.host, options.port) == ("0.0.0.0", PORT)
    assert options.control_token
    assert f"Bearer {options.control_token}" in (DOCKER / "compose.yaml").read_text()


def test_the_sample_of_a_test_service_is_right_when_uncommented():
    text = (DOCKER / "compose.yaml").read_text()
    head, _, sample = text.partition("  # tests:\n")
    assert sample
    services = compose(head + "  tests:\n" + re.sub(r"^  # ", "  ", sample, flags=re.MULTILINE))["services"]
    server, tests = services["mockkraken"], services["tests"]
    assert tests["depends_on"] == {"mockkraken": {"condition": "service_healthy"}}
    given = tests["environment"]
    full = next(
        key for key in json.loads((TREE / "fixtures" / "world.json").read_text())["keys"] if key["name"] == "full"
    )
    assert given == {
        "KRAKEN_REST_URL": f"http://mockkraken:{PORT}",
        "KRAKEN_API_KEY": full["api_key"],
        "KRAKEN_API_SECRET": full["api_secret"],
        "MOCKKRAKEN_URL": f"http://mockkraken:{PORT}",
        "MOCKKRAKEN_CONTROL_TOKEN": server["environment"]["MOCKKRAKEN_CONTROL_TOKEN"],
    }
