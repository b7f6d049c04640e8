"""`mockkraken doctor`: what happened to a client's requests, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec
from click.core import ParameterSource

from mockkraken.cli.options import examples, json_option, remote_options, told
from mockkraken.cli.terminal import colourful, only_ascii, say, say_json, terminal_width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mockkraken.journal.doctor import Diagnosis


@click.command(
    "doctor",
    epilog=examples(
        "mockkraken doctor --key trade",
        "mockkraken serve --log-format json 2> requests.log",
        "mockkraken doctor --journal requests.log",
    ),
)
@click.option(
    "--journal",
    "file",
    metavar="FILE",
    help="Read these records, and ask no server: what /mock/journal answers, or the lines of --log-format json. "
    "-: standard input.",
)
@click.option("--key", metavar="KEY", help="Only this key's requests, by its name or public key.")
@click.option("--check", is_flag=True, help="Exit with status 1 if there is a finding.")
@remote_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    file: str | None,
    key: str | None,
    check: bool,
    url: str,
    control_token: str | None,
    as_json: bool,
) -> None:
    """Say why requests were refused, and what cures it.

    Draws for each key the nonces in the order in which they arrived, and names the mistake behind those that were
    refused, with the journal's records that prove it. What works is passed over in silence, and so is an order that
    was refused for what it asked: /mock/journal?outcome=refused has the reason of each.
    """
    if file is None:
        text, diagnosis = _asked(url, control_token, key)
    elif context.get_parameter_source("url") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--journal reads a file, and --url asks a server: give one of them")
    else:
        text, diagnosis = _examined(file, key)
    if as_json:
        say_json(text)
    else:
        from mockkraken.journal.report import draw

        say(draw(diagnosis, terminal_width(), colourful(), plain=only_ascii()))
    if check and diagnosis.findings:
        context.exit(1)


def _asked(url: str, control_token: str | None, key: str | None) -> tuple[str, Diagnosis]:
    """What a server finds in its journal, as it says it and as the report takes it."""
    from mockkraken.journal.doctor import Diagnosis
    from mockkraken.remote import call

    query = "" if key is None else f"?key={quote(key, safe='', errors='surrogateescape')}"
    with told():
        answer = call(url, "GET", f"/mock/doctor{query}", control_token=control_token, wants=("findings", "timelines"))
    return answer.text, Diagnosis(answer.json["findings"], answer.json["timelines"])


def _examined(file: str, key: str | None) -> tuple[str, Diagnosis]:
    """What there is to find in an exported journal."""
    from mockkraken.journal.doctor import examine
    from mockkraken.journal.exported import read

    if file == "-" and sys.stdin is None:
        raise click.UsageError("--journal: -: there is no standard input")
    try:
        given = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        records = read(given.decode("utf-8-sig"))
    except OSError as error:
        raise click.UsageError(f"--journal: {file}: can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--journal: {file}: no journal: not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise click.UsageError(f"--journal: {file}: {error}") from error
    if key is not None:
        records = [record for record in records if _belongs(record, key)]
        if not records:
            raise click.ClickException(f"--journal: {file}: there is no record of a key {key!r}")
    diagnosis = examine(records)
    shown = {"findings": diagnosis.findings, "timelines": diagnosis.timelines}
    return msgspec.json.encode(shown).decode(), diagnosis


def _belongs(record: Mapping[str, Any], key: str) -> bool:
    return key in (record.get("key"), record.get("api_key"))
