"""The pytest plugin: a simulated Kraken as a fixture, and its journal in the report of a failed test.

Every test session of everybody who has mockkraken installed imports this module, so it imports nothing but what pytest
has imported already. The server comes with the first test that wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from mockkraken.control.client import KeyHandle
    from mockkraken.server import MockKraken

# What the marker's arguments take, as a refusal says it.
_TAKES = {
    "scenario": "the name of a scenario, or the path of its file",
    "seed": "an integer",
    "clock": "a time, in RFC 3339 or unix seconds",
    "balances": 'a dict of amounts by asset, like {"ZUSD": "100"}',
    "tier": '"starter", "intermediate" or "pro"',
    "rate_limits": '"on" or "off"',
}
_ARGUMENTS = ", ".join(_TAKES)

_RECORDS = 20  # of the journal, in the report
_PATIENCE = 2.0  # seconds for reading them: a server that hangs must not make the report hang
_LONGEST_VALUE = 80  # characters of a refused value that are shown

_USED = pytest.StashKey["MockKraken"]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"mockkraken({_ARGUMENTS}): how the exchange starts for a test that uses the fixture `mockkraken`. "
        "Arguments are merged from module, class and function; the nearest wins. None: as the server was started.",
    )


@pytest.fixture(scope="session")
def mockkraken_settings() -> dict[str, Any]:
    """Keyword arguments of MockKraken for this session's server; override it in your conftest.py."""
    return {}


@pytest.fixture(scope="session")
def mockkraken_server(mockkraken_settings: dict[str, Any]) -> Iterator[MockKraken]:
    """The running MockKraken, one a session and worker process, on a free port; in the state the last test left."""
    from mockkraken.server import MockKraken

    try:
        kraken = MockKraken(**mockkraken_settings)
        kraken.start()
    except (OSError, ValueError) as error:
        _refuse(f"the server does not start with what the fixture mockkraken_settings gives: {error}")
    yield kraken
    kraken.stop()


@pytest.fixture
def mockkraken(mockkraken_server: MockKraken, request: pytest.FixtureRequest) -> Iterator[MockKraken]:
    """The running MockKraken in its start state, changed as `@pytest.mark.mockkraken(...)` says."""
    given = _given(request.node)
    _begin(mockkraken_server, given)
    request.node.stash[_USED] = mockkraken_server
    yield mockkraken_server
    del request.node.stash[_USED]


@pytest.fixture
def kraken_key(mockkraken: MockKraken) -> Callable[..., KeyHandle]:
    """Makes an API key: `kraken_key(permissions=["query-funds"], nonce_window=10)`, with what `keys.create` takes.

    Without `permissions` and `profile` it may do what a trading bot needs.
    """

    def create(**properties: Any) -> KeyHandle:
        if "permissions" not in properties:
            properties.setdefault("profile", "trading-bot")
        return mockkraken.keys.create(**properties)

    return create


def _given(item: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say, from the module's to its own; on one level the later wins."""
    given: dict[str, Any] = {}
    for node in item.listchain():
        for marker in node.own_markers:
            if marker.name == "mockkraken":
                if marker.args:
                    _refuse(f"@pytest.mark.mockkraken takes its arguments by name, not {_shown(marker.args[0])}")
                for name in marker.kwargs:
                    if name not in _TAKES:
                        _refuse(f"@pytest.mark.mockkraken has no argument {name!r}; it takes {_ARGUMENTS}")
                given |= marker.kwargs
    return {name: value for name, value in given.items() if value is not None}


def _begin(kraken: MockKraken, given: dict[str, Any]) -> None:
    """Put the exchange in its start state, then change it as the test wants."""
    from mockkraken.control.errors import ControlError

    main = kraken.accounts["main"]
    changes: dict[str, Callable[[Any], Any]] = {
        "rate_limits": lambda value: kraken.settings.patch(rate_limits=value),
        "tier": lambda value: main.patch(tier=value),
        "balances": main.balances.patch,
    }
    balances = given.get("balances", {})
    if not isinstance(balances, Mapping) or not all(isinstance(asset, str) for asset in balances):
        _refuse_value("balances", balances)
    try:
        kraken.reset(seed=given.get("seed"), clock=given.get("clock"), scenario=given.get("scenario"))
    except ControlError as error:
        name = error.field or "seed"
        _refuse_value(name, given.get(name), error)
    for name, change in changes.items():
        if name in given:
            try:
                change(given[name])
            except ControlError as error:
                _refuse_value(name, given[name], error)


def _refuse_value(name: str, value: object, error: Exception | None = None) -> NoReturn:
    detail = "" if error is None else f" ({error})"
    _refuse(f"@pytest.mark.mockkraken: {name} takes {_TAKES[name]}, not {_shown(value)}{detail}")


def _refuse(sentence: str) -> NoReturn:
    """Fail the test that is being set up with this sentence: no traceback, and no word of what led to it."""
    raise pytest.fail.Exception(sentence, pytrace=False) from None


def _shown(value: object) -> str:
    return repr(value)[:_LONGEST_VALUE]


# The outermost wrapper, so that it sees what others made of the outcome: an expected failure is none.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journal's tail to the report of a failed test."""
    report = yield
    kraken = item.stash.get(_USED, None)
    if kraken is not None and report.failed and report.when != "teardown":
        report.sections.append(("mockkraken journal", _journal(kraken)))
    return report


def _journal(kraken: MockKraken) -> str:
    """The last requests of this test as lines, or why they can't be told; never an exception, nor a long wait."""
    import threading

    lines = [f"the server did not tell its journal within {_PATIENCE:g} seconds"]

    def read() -> None:
        try:
            lines[:] = _lines(kraken)
        except Exception as error:
            lines[:] = [f"the journal could not be read: {type(error).__name__}: {error}"]

    reader = threading.Thread(target=read, name="mockkraken journal", daemon=True)
    reader.start()
    reader.join(_PATIENCE)
    return "\n".join(map(_printable, lines))


def _lines(kraken: MockKraken) -> list[str]:
    page = kraken.journal.page()
    records, dropped = page["records"], page["dropped"]
    if not records:
        return [f"no request has reached {kraken.url} since the test began, or reset the server"]
    last = records[-_RECORDS:]
    earlier = dropped + len(records) - len(last)
    lines = [f"({earlier} earlier)"] if earlier else []
    for record in last:
        status = f"HTTP {record['http_status']}" if record["http_status"] else "no answer"
        error = record["error"] or ("" if record["http_status"] in (200, 101) else status)
        words = (record["time"], record["endpoint"], record["key"] or "-", record["outcome"], error)
        lines.append("  ".join(word for word in words if word))
        if record["reason"]:
            scenario = f"{record['scenario']}: " if record["scenario"] else ""
            lines.append(f"    {scenario}{record['reason']}")
    findings = kraken.doctor().findings
    return lines + [f"doctor, {found['scenario']}: {found['title']}. {found['cure']}" for found in findings]


def _printable(line: str) -> str:
    # Clients choose paths freely, and a terminal obeys control characters.
    return line if line.isprintable() else ascii(line)[1:-1]
