"""The wheel, as its users get it: built, looked into, installed into empty environments and used there.

Part of `.ci/run` and not of the test suite: it installs from the package index, and takes about a minute.

    python tests/packaging/check_wheel.py
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
SAMPLE = TREE / "tests" / "sample_project"
SCENARIO = "nonce_unit_switch"

# Asks for the default key's balances as Kraken documents it, with nothing but the standard library.
ONE_REQUEST = """
import base64, hashlib, hmac, json, os, urllib.request
body = "nonce=1767225600000"
signed = b"/0/private/Balance" + hashlib.sha256(b"1767225600000" + body.encode()).digest()
signature = hmac.new(base64.b64decode(os.environ["KRAKEN_API_SECRET"]), signed, hashlib.sha512).digest()
headers = {"API-Key": os.environ["KRAKEN_API_KEY"], "API-Sign": base64.b64encode(signature)}
url = os.environ["KRAKEN_REST_URL"] + "/0/private/Balance"
answer = json.load(urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers), timeout=10))
assert answer["error"] == [], answer
assert answer["result"]["ZUSD"] == "1000000.0000", answer
"""

# What is done to a copy of the sample project's bot: microseconds for one call, milliseconds for the next.
SOUND_NONCE = "max(self._nonce + 1, time.time_ns() // 1000)"
TWO_UNITS = "time.time_ns() // (1000 if method == 'Balance' else 1_000_000)"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mockkraken-wheel-") as name:
        room = Path(name).resolve()
        wheel = build(room / "dist")
        look_into(wheel)
        use(wheel, room)
        use_in_a_project(wheel, room)


def build(dist: Path) -> Path:
    """An sdist of the tree and a wheel of that sdist; the wheel."""
    say("build")
    run(sys.executable, "-m", "build", "--outdir", dist, TREE)
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for path in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "docker/Dockerfile", "tests/conftest.py"):
        want(path in held, f"{sdist.name} holds no {path}")
    (wheel,) = dist.glob("*.whl")
    return wheel


def look_into(wheel: Path) -> None:
    """The wheel holds the package whole, its data and metadata, and nothing beside them."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
        entry_points = configparser.ConfigParser()
        entry_points.read_string(archive.read(f"{info}/entry_points.txt").decode())

    package = TREE / "mockkraken"
    sources = {str(path.relative_to(TREE)) for kind in ("*.py", "*.toml") for path in package.rglob(kind)}
    want(f"mockkraken/scenarios/{SCENARIO}.toml" in sources, f"there is no scenario {SCENARIO}")
    data = {f"mockkraken/{path.relative_to(TREE)}" for path in (TREE / "fixtures").glob("*.*")}
    want(len(data) >= 6, f"{TREE / 'fixtures'} holds {sorted(data)} only")
    missing = sources | data | {"mockkraken/py.typed", f"{info}/licenses/LICENSE"}
    want(missing <= held, f"not in the wheel: {sorted(missing - held)}")

    tops = {name.partition("/")[0] for name in held}
    want(tops == {"mockkraken", info}, f"the wheel's top level is {sorted(tops)}")
    rubbish = sorted(name for name in held if "__pycache__" in name or name.endswith((".pyc", ".orig", "~")))
    want(not rubbish, f"no business of a wheel's: {rubbish}")

    declared = {group: dict(entry_points[group]) for group in entry_points.sections()}
    want(
        declared
        == {
            "console_scripts": {"mockkraken": "mockkraken.cli:main"},
            "pytest11": {"mockkraken": "mockkraken.pytest_plugin"},
        },
        f"the wheel's entry points are {declared}",
    )


def use(wheel: Path, room: Path) -> None:
    """In an environment with nothing else, and far from this tree, it serves."""
    say("install into an empty environment, and use it")
    python = environment(room / "empty")
    install(python, wheel)
    elsewhere = room / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one_request.py").write_text(ONE_REQUEST)
    mockkraken = python.with_name("mockkraken")

    version = run(mockkraken, "version", cwd=elsewhere).strip()
    want(version == f"mockkraken {wheel.name.split('-')[1]}", f"`mockkraken version` says {version!r}")
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    run(mockkraken, "exec", "--", "python", "one_request.py", cwd=elsewhere, PATH=path)
    told = run(mockkraken, "scenarios", "run", SCENARIO, cwd=elsewhere)
    want("EAPI:Invalid nonce" in told, f"`mockkraken scenarios run {SCENARIO}` says:\n{told}")


def use_in_a_project(wheel: Path, room: Path) -> None:
    """A project's tests pass with the plugin, and say why when its bot has a nonce bug."""
    say("a project's tests with the plugin")
    project = room / "project"
    shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    python = environment(room / "project-venv")
    install(python, f"mockkraken @ {wheel.as_uri()}", "--editable", f"{project}[test]")
    told = run(python, "-m", "pytest", cwd=project)
    want("2 passed" in told, told)

    say("the same tests with a nonce bug in the bot")
    bot = project / "src" / "sample_bot" / "__init__.py"
    source = bot.read_text()
    want(source.count(SOUND_NONCE) == 1, f"{bot} has no line to break: {SOUND_NONCE}")
    bot.write_text(source.replace(SOUND_NONCE, TWO_UNITS))
    told = run(python, "-m", "pytest", cwd=project, status=1)
    for text in ("- mockkraken journal -", "EAPI:Invalid nonce", "(13 digits, milliseconds) is not above "):
        want(text in told, f"pytest's report has no {text!r}:\n{told}")


def environment(place: Path) -> Path:
    """An empty virtual environment without pip; its Python."""
    venv.create(place)
    return place / "bin" / "python"


def install(python: Path, *what: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *what)


def run(*command: str | Path, cwd: Path | None = None, status: int = 0, **variables: str) -> str:
    """What the command prints; it must end with that status. It does not see this tree, nor any other exchange."""
    ours = ("PYTHON", "PYTEST", "MOCKKRAKEN", "KRAKEN", "VIRTUAL_ENV")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=inherited | {"no_proxy": "127.0.0.1"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    shown = " ".join(map(str, command))
    want(done.returncode == status, f"{shown}: status {done.returncode}, not {status}\n{done.stdout}")
    return done.stdout


def want(true: bool, otherwise: str) -> None:
    if not true:
        sys.exit(f"check_wheel: {otherwise}")


def say(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {step}", flush=True)


if __name__ == "__main__":
    main()
