"""Reads journals that were written to a file: what the control API answers, and the log's JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

_BEGINS = '{"seq"'  # a line of the log

_NO_JOURNAL = (
    'no journal: it takes what GET /mock/journal answers, {"records": [...]}, or a record a line, as --log-format json '
    "writes them"
)


class _Record(msgspec.Struct):
    """What every record has, and what of it the doctor reads, if it is there."""

    seq: int
    endpoint: str
    outcome: str
    time: str | None = None
    remote: str | None = None
    port: int | None = None
    user_agent: str | None = None
    key: str | None = None
    api_key: str | None = None
    nonce: str | None = None
    highest: str | None = None
    window: int | None = None
    error: str | None = None
    check: str | None = None
    reason: str | None = None
    scenario: str | None = None
    sandbox: str | None = None
    fault: int | None = None


def read(text: str) -> list[dict[str, Any]]:
    """The records in an exported journal.

    Args:
        text: the answer of `GET /mock/journal`, its list of records alone, or a record a line as `--log-format json`
            writes them; there, lines that others wrote are passed over, and so is a last one that was cut short.

    Raises:
        ValueError: it is none of these; the message says what is wrong and where.
    """
    text = text.strip()
    if not text:
        return []  # the log of a server that nobody has asked anything
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return [_checked(row, f"line {number}") for number, row in _lines(text)]
    if isinstance(whole, dict) and isinstance(whole.get("records"), list):
        whole = whole["records"]
    elif isinstance(whole, dict):
        whole = [whole] if "dropped" not in whole else []
    if not isinstance(whole, list):
        raise ValueError(_NO_JOURNAL)
    return [_checked(row, f"record {number}") for number, row in enumerate(whole, 1)]


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    """The objects of a log, with the numbers of their lines."""
    found = False
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.startswith("{"):
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if not line.startswith(_BEGINS):
                continue
            if number == len(lines) and found:
                return
            raise ValueError(f"line {number}: no JSON: {error}") from error
        # A program that shares the terminal may write JSON of its own.
        if "seq" in row or row.keys() == {"dropped"}:
            found = True
        if "seq" in row:
            yield number, row
    if not found:
        raise ValueError(_NO_JOURNAL)


def _checked(row: object, where: str) -> dict[str, Any]:
    try:
        msgspec.convert(row, _Record)
        msgspec.json.encode(
            row
        )  # Python reads some JSON that nobody could write: half a surrogate pair, endless digits
    except (msgspec.ValidationError, UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{where}: no journal record: {error}") from error
    assert isinstance(row, dict)
    return row
