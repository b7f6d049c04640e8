"""What the commands print: text that harms no terminal, and tables that stay in line."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

WIDTH = 100
"""Columns of a line, where they are ours to choose: as wide in a pipe or a file as on a wide terminal."""

_GAP = "  "


def say(text: str) -> None:
    """Print it; what the output's encoding does not have is escaped."""
    click.echo(text.encode(_encoding(), "backslashreplace").decode(_encoding()))


def say_json(text: str) -> None:
    """Print JSON as it came, but for what could not be seen in it, which is escaped: it means the same."""
    say("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def plain(text: str) -> str:
    """Text that others have chosen, safe for a terminal: no colours, no line breaks, no moves of the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def terminal_width() -> int:
    """How wide what is drawn may be: the terminal's columns, or `COLUMNS`, or WIDTH where there is no terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def only_ascii() -> bool:
    """Whether the output's encoding has no more than the letters of English, or little more."""
    try:
        "●─▶".encode(_encoding())
    except UnicodeEncodeError:
        return True
    return False


def colourful() -> bool:
    """Whether colours are wanted: on a terminal that has them, unless `NO_COLOR` is set (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout is not None and sys.stdout.isatty()


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = (), wrap: bool = False
) -> str:
    """Rows in aligned columns, a row a line.

    Args:
        head: the columns' names.
        rows: their texts.
        right: columns of numbers, by name.
        wrap: whether the last column is continued on further lines where it would be wider than WIDTH.
    """
    lines = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(head))]
    before = sum(widths[:-1]) + len(_GAP) * (len(head) - 1)
    drawn = []
    for line in lines:
        cells = [
            _padded(cell, width, to_right=name in right) for cell, width, name in zip(line, widths, head, strict=True)
        ]
        if wrap:
            cells[-1] = _folded(line[-1], before)
        drawn.append(_GAP.join(cells).rstrip())
    return "\n".join(drawn)


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and what is to say of them, below one another, indented; long texts are continued."""
    named = [(name, plain(text)) for name, text in rows]
    width = max(len(name) for name, _ in named)
    before = 2 + width + len(_GAP)
    return "\n".join(f"  {name:{width}}{_GAP}{_folded(text, before)}" for name, text in named)


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _folded(text: str, before: int) -> str:
    """The text in lines that end at WIDTH, those after the first indented; words stay whole."""
    width = max(20, WIDTH - before)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * before).join(lines)


def _width(text: str) -> int:
    """The columns that it takes on a terminal."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, *, to_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if to_right else text + blanks
