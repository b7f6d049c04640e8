"""`mockkraken scenarios`: troubles that can be had on demand, and what the doctor says of them."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mockkraken import scenarios
from mockkraken.cli.options import Ordered, examples, json_option, told
from mockkraken.cli.terminal import WIDTH, colourful, only_ascii, plain, say, say_json, table, terminal_width
from mockkraken.scenarios import shipped
from mockkraken.scenarios.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mockkraken.scenarios.player import Played, Row

_LONGEST_CALL = 36  # characters of a call and its fields that are shown


@click.group("scenarios", cls=Ordered, epilog=examples("mockkraken scenarios run nonce_unit_switch"))
def command() -> None:
    """List, show and run scenarios.

    A scenario sets a server up for one kind of trouble, and plays the client that gets into it. It is a small TOML
    file: print one, and write your own from it. `serve`, `exec`, the pytest marker and `POST /mock/scenarios/NAME` take
    its set-up alone, for your own client to get into the trouble.
    """


@command.command("list", epilog=examples("mockkraken scenarios list", "mockkraken scenarios list --json"))
@json_option
def list_(as_json: bool) -> None:
    """List the scenarios that come with mockkraken."""
    every = shipped.every()
    if as_json:
        from mockkraken.control.scenarios import summary

        say_json(_encode({"scenarios": [summary(scenario) for scenario in every]}))
        return
    say(table(("ID", "NAME", "TITLE"), [(one.id or "", one.name, one.title) for one in every]))


@command.command(epilog=examples("mockkraken scenarios show nonce_two_senders > mine.toml"))
@click.argument("name", metavar="NAME|FILE")
def show(name: str) -> None:
    """Print a scenario's file, and what may stand in such a file."""
    scenario = _found(name)
    notes = [*_notes(scenario, name), "", *(scenarios.__doc__ or "").rstrip().split("\n")]
    say("\n".join([scenario.text.rstrip("\n"), "", *(f"# {note}".rstrip() for note in notes)]))


@command.command(
    short_help="Play a scenario, and say what the doctor finds.",
    epilog=examples(
        "mockkraken scenarios run nonce_unit_switch",
        "mockkraken scenarios run mine.toml",
        "mockkraken scenarios run lockout_15m --url http://127.0.0.1:8123 --reset",
    ),
)
@click.argument("name", metavar="NAME|FILE")
@click.option(
    "--url",
    envvar="MOCKKRAKEN_URL",
    metavar="URL",
    help="The server to play against; also MOCKKRAKEN_URL.  [default: one of its own]",
)
@click.option(
    "--control-token",
    envvar="MOCKKRAKEN_CONTROL_TOKEN",
    metavar="TOKEN",
    help="What the server was given by that name; also MOCKKRAKEN_CONTROL_TOKEN.",
)
@click.option("--reset", is_flag=True, help="Reset that server first, and freeze its clock: some scenarios need it.")
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON, for programs.")
def run(name: str, url: str | None, control_token: str | None, reset: bool, as_json: bool) -> int:
    """Play a scenario: what was sent, what was answered, and what the doctor says.

    Exit status 1 if an answer or the doctor's finding is not the one that the scenario names.

    On a server of its own the clock stands still from the start, so that it goes alike each time. On yours, a scenario
    makes keys of its own and leaves all else alone; one that can't do with that asks for --reset.
    """
    scenario = _found(name)
    with told(), _stage(scenario, url, control_token, reset=reset) as place:
        played = _play(scenario, place, control_token)
    if as_json:
        say_json(_encode(_document(scenario, played)))
    else:
        say("\n".join(_report(scenario, played, url, reset=reset)))
    return 0 if played.as_expected else 1


def _found(name: str) -> Scenario:
    try:
        return shipped.find(name)
    except ScenarioError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _stage(scenario: Scenario, url: str | None, control_token: str | None, *, reset: bool) -> Iterator[str]:
    """Where the scenario can be played: the URL of a server in the right state."""
    from mockkraken.scenarios.player import START

    if url is None:
        if reset:
            raise click.UsageError("--reset resets the server at --url; a server of its own is new anyway")
        from mockkraken.server import MockKraken

        with MockKraken(clock=START) as kraken:
            yield kraken.url
        return
    if reset:
        from mockkraken.remote import call

        body = {"clock": START, "scenario": "calm"}
        call(url, "POST", "/mock/reset", body, control_token=control_token)
    elif reaches := scenario.reaches():
        raise click.UsageError(
            f"{scenario.name} needs the server at {url} for itself ({', '.join(reaches)}): with --reset it is reset "
            "first, and its clock frozen; without --url it gets a server of its own"
        )
    yield url


def _play(scenario: Scenario, url: str, control_token: str | None) -> Played:
    from mockkraken.remote import call
    from mockkraken.scenarios.player import play

    def ask(method: str, path: str, body: object = None, /) -> Any:
        return call(url, method, path, body, control_token=control_token).json

    return play(scenario, url, ask)


def _notes(scenario: Scenario, name: str) -> list[str]:
    """What to know before it is run on a server that others use."""
    reaches = scenario.reaches()
    if not reaches:
        return [f"mockkraken scenarios run {name} --url URL leaves everything but its own keys alone."]
    return [f"On a server of yours it takes --reset, since it uses {', '.join(reaches)}."]


def _report(scenario: Scenario, played: Played, url: str | None, *, reset: bool) -> Iterator[str]:
    number = f" ({scenario.id})" if scenario.id else ""
    yield f"{scenario.name}{number}: {plain(scenario.title)}"
    yield ""
    for paragraph in scenario.about.split("\n\n"):
        yield textwrap.fill(plain(" ".join(paragraph.split())), WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""
    if played.rows:
        yield table(("STEP", "SENDER", "KEY", "NONCE", "CALL", "ANSWER"), map(_line, _alike(played.rows)))
    else:
        yield "There is nothing to play: it is a set-up alone."
    yield ""
    if played.timelines or played.findings:
        from mockkraken.journal.doctor import Diagnosis
        from mockkraken.journal.report import draw

        found = Diagnosis(played.findings, played.timelines)
        yield draw(found, terminal_width(), colourful(), plain=only_ascii()).rstrip("\n")
        yield ""
    yield from _verdict(played)
    if url is not None:
        yield from _left(played, url, reset=reset)


def _alike(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Calls of one step that went the same way, together."""
    for _, alike in groupby(rows, lambda row: (row.step, row.sender, row.key, row.sent, row.gave, row.note)):
        yield list(alike)


def _line(rows: list[Row]) -> tuple[str, ...]:
    first, last = rows[0], rows[-1]
    nonce = first.nonce or ""
    answer = first.gave
    if len(rows) > 1:
        nonce = f"{nonce}..{last.nonce}" if nonce else ""
        answer = f"{answer}, {len(rows)} times"
    if first.fits and first.result is not None:
        answer = f"{answer}, with {_encode(first.result)}"
    if not first.fits:
        answer = f"{answer}  <- expected {first.expected}" + (f": {first.note}" if first.note else "")
    sent = first.sent
    if first.sender is not None and len(sent) > _LONGEST_CALL:
        sent = f"{sent[:_LONGEST_CALL]}..."
    return str(first.step), first.sender or "(control)", first.key or "", nonce, sent, answer


def _verdict(played: Played) -> Iterator[str]:
    wrong = sum(not row.fits for row in played.rows)
    count = len(played.rows)
    if wrong:
        yield f"{wrong} of {count} answers {'differs' if wrong == 1 else 'differ'} from what the scenario says."
    elif count:
        yield f"{'The answer is' if count == 1 else f'All {count} answers are'} as the scenario says."
    seen = ", ".join(dict.fromkeys(finding["scenario"] for finding in played.findings)) or "nothing"
    if played.missing:
        yield f"The doctor should find {played.missing}, and finds {seen}."
    elif played.surplus:
        yield f"The doctor should find nothing, and finds {seen}."
    else:
        yield f"The doctor finds {seen}, as the scenario says."


def _left(played: Played, url: str, *, reset: bool) -> Iterator[str]:
    if reset:
        yield f"The server is as the play left it, its clock frozen; POST {url.rstrip('/')}/mock/reset makes it new."
    elif played.keys:
        keys = ", ".join(map(plain, played.keys))
        keys, them = (f"key {keys}", "it") if len(played.keys) == 1 else (f"keys {keys}", "them")
        yield f"Left on the server: the {keys}. The next run replaces {them}."


def _document(scenario: Scenario, played: Played) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "id": scenario.id,
        "as_expected": played.as_expected,
        "rows": [{**row._asdict(), "fits": row.fits} for row in played.rows],
        "finding": scenario.finding,
        "findings": played.findings,
        "timelines": played.timelines,
        "keys": played.keys,
    }


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
