"""The doctor's report for a terminal: what each key sent as a drawn timeline, and what was wrong with it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mockkraken.journal.doctor import Diagnosis
from mockkraken.journal.nonce_mistakes import name_of
from mockkraken.journal.requests import program
from mockkraken.journal.units import (
    MICROSECONDS,
    MILLISECONDS,
    NANOSECONDS,
    SECONDS,
    TEN_NANOSECONDS,
    TICKS,
    gap,
    unit_of,
)

_NARROWEST = 40
_INDENT = 12  # of what is said about a finding
_MOST_ROWS = 20  # of a timeline that are drawn
_PROOFS = 6  # requests of a finding that are looked for in its timeline, besides the culprit and the last
_WIDEST_PLOT = 30
_NARROWEST_PLOT = 8
_LONGEST_NAME = 40
_QUIET_KEYS = 10
_MOST_KEYS = 10  # that are drawn
_MOST_TITLES = 50

_UNITS = {
    SECONDS.name: "s",
    MILLISECONDS.name: "ms",
    MICROSECONDS.name: "µs",
    TICKS.name: "ticks",
    TEN_NANOSECONDS.name: "10 ns",
    NANOSECONDS.name: "ns",
}

_PLAIN = str.maketrans(
    {"●": "o", "✗": "X", "○": "0", "◌": "?", "·": ".", "─": "-", "┤": "|", "⋮": ":", "◀": "<", "▶": ">", "−": "-"}
    | {"…": "...", "µ": "u", "━": "=", "×": "x"}
)

_LEGEND = ("● accepted", "✗ nonce refused", "○ refused later or otherwise", "◌ answer lost", "┤ the highest so far")

_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"


def draw(diagnosis: Diagnosis, width: int = 100, colour: bool = False, *, plain: bool = False) -> str:
    """Draw the report.

    Args:
        diagnosis: what the doctor has found.
        width: columns that it may take.
        colour: whether the terminal knows colours.
        plain: draw with ASCII characters only.
    """
    pen = _Pen(max(width, _NARROWEST), colour)
    text = "\n".join(_report(diagnosis, pen))
    return text.translate(_PLAIN) if plain else text


class _Pen:
    """Writes for one terminal."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = width
        self._colour = colour

    def paint(self, text: str, *styles: str) -> str:
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m" if self._colour and text and styles else text

    def fold(self, text: str, indent: int) -> list[str]:
        """Text in lines that leave room for the indent."""
        return textwrap.wrap(text, max(self.width - indent, 20), break_on_hyphens=False, drop_whitespace=True)

    def cut(self, text: str, *styles: str, taken: int = 0) -> str:
        """Text that is no wider than the terminal, of which so much is taken."""
        room = max(self.width - taken, 1)
        return self.paint(text if len(text) <= room else f"{text[: room - 1]}…", *styles)

    def labelled(self, label: str, text: str) -> str:
        """Text in lines, all indented; in front of the first its label."""
        lines = self.fold(_clean(text), _INDENT)
        before = " " * (_INDENT - len(label) - 2) + self.paint(label, _DIM) + "  "
        return before + f"\n{' ' * _INDENT}".join(lines)


def _report(diagnosis: Diagnosis, pen: _Pen) -> Iterator[str]:
    findings, timelines = diagnosis.findings, diagnosis.timelines
    yield from (pen.paint(line, _BOLD) for line in pen.fold(_headline(findings, timelines), 0))
    by_key: dict[object, list[Mapping[str, Any]]] = {}
    runs = len({row["run"] for row in (*findings, *timelines)}) > 1
    for place, finding in enumerate(findings):
        whose = f"  key {_key(finding, runs)}" if finding["key"] else ""
        if place < _MOST_TITLES:
            yield _title(finding, pen, "  ", whose)
        by_key.setdefault(_name(finding), []).append(finding)
    if len(findings) > _MOST_TITLES:
        yield f"  and {len(findings) - _MOST_TITLES} more"
    drawn = {_name(timeline): timeline for timeline in timelines}
    legend = True
    for name, found in list(by_key.items())[:_MOST_KEYS]:
        yield ""
        if name in drawn:
            yield from _timeline(drawn[name], found, pen, runs=runs, legend=legend)
            legend = False
        else:
            yield pen.paint("━━ requests without a known key", _BOLD)
        for one in found:
            yield ""
            yield from _finding(one, pen)
    if len(by_key) > _MOST_KEYS:
        yield ""
        yield from pen.fold(
            f"{len(by_key) - _MOST_KEYS} keys more have findings. Ask for one by its name to see it.", 0
        )
    quiet = [other for name, other in drawn.items() if name not in by_key]
    if findings and quiet:
        yield ""
        yield from (pen.cut(f"key {_key(other, runs)}: {_outcomes(other)}") for other in quiet[:_QUIET_KEYS])
        if len(quiet) > _QUIET_KEYS:
            yield f"and {len(quiet) - _QUIET_KEYS} keys more without findings"


def _headline(findings: Sequence[Mapping[str, Any]], timelines: Sequence[Mapping[str, Any]]) -> str:
    requests = [request for timeline in timelines for request in timeline["requests"]]
    came = f"{_number(len(requests), 'request')} of {_number(len(timelines), 'key')}"
    if findings and not requests:
        return f"{_number(len(findings), 'finding')} in requests without a known key"
    if findings:
        return f"{_number(len(findings), 'finding')} in {came}"
    if not requests:
        return "No findings: no request of a known key is in the journal."
    refused = any(request["outcome"] == "refused" for request in requests)
    return f"No findings in {came}: {_told(requests)}.{' The journal has the reasons.' if refused else ''}"


def _outcomes(timeline: Mapping[str, Any]) -> str:
    requests = timeline["requests"]
    return f"{_number(len(requests), 'request')}, {_told(requests)}"


def _told(requests: Sequence[Mapping[str, Any]]) -> str:
    """What became of them."""
    counts = Counter(request["outcome"] for request in requests)
    if counts["accepted"] == len(requests):
        return "accepted" if len(requests) == 1 else "all accepted"
    checks = Counter(request["check"] or "other" for request in requests if request["outcome"] == "refused")
    why = f" ({', '.join(f'{check} {count}' for check, count in checks.most_common())})" if checks else ""
    told = [f"{counts['accepted']} accepted"] if counts["accepted"] else []
    told += [f"{counts['refused']} refused{why}"] if counts["refused"] else []
    told += [f"{counts['faulted']} faulted"] if counts["faulted"] else []
    return ", ".join(told)


# Timelines


def _timeline(
    timeline: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], pen: _Pen, *, runs: bool, legend: bool
) -> Iterator[str]:
    requests = timeline["requests"]
    head = f"━━ key {_key(timeline, runs)} "
    public = f"{_clean(timeline['api_key'])[:24]}…  " if timeline["api_key"] else ""
    about = f"{public}{_outcomes(timeline)}"
    first, *more = pen.fold(about, len(head))
    yield pen.cut(head, _BOLD) + pen.cut(first, _DIM, taken=len(head))
    yield from (" " * len(head) + pen.cut(line, _DIM, taken=len(head)) for line in more)
    yield from (_sender(sender, pen) for sender in timeline["senders"])
    chosen = _chosen(requests, findings)
    if not chosen:
        return
    yield ""
    table = _Table([requests[place] for place in chosen], timeline["senders"], findings, pen)
    yield table.head()
    last = -1
    for place in chosen:
        if place > last + 1:
            yield table.left_out(requests[last + 1 : place])
        yield table.row(requests[place])
        last = place
    if last + 1 < len(requests):
        yield table.left_out(requests[last + 1 :])
    if legend:
        yield from (pen.paint(line, _DIM) for line in _legend(pen.width))


def _legend(width: int) -> list[str]:
    lines: list[str] = []
    for part in _LEGEND:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f"   {part}"
        else:
            lines.append(f"  {part}")
    return lines


def _sender(sender: Mapping[str, Any], pen: _Pen) -> str:
    address = _clean(sender["remote"] or "several addresses")
    if sender["port"] is not None:
        address = f"[{address}]:{sender['port']}" if ":" in address else f"{address}:{sender['port']}"
    name = program(_clean(sender["user_agent"] or ""))[:_LONGEST_NAME] or "without a name"
    over = f", over {sender['connections']} connections" if sender["connections"] > 1 else ""
    counts = f"{_number(sender['requests'], 'request')}, {sender['refused']} refused{over}"
    who = f"  {name}  {address}  "
    if len(who) + 8 > pen.width:
        return f"   {pen.paint(sender['lane'], _BOLD)}{pen.cut(who + counts, taken=4)}"
    return f"   {pen.paint(sender['lane'], _BOLD)}{who}{pen.cut(counts, _DIM, taken=len(who) + 4)}"


def _chosen(requests: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]) -> list[int]:
    """The places of the requests that are drawn: what proves the findings, and what was before and after it."""
    places = {request["seq"]: place for place, request in enumerate(requests)}
    chosen: set[int] = set()
    share = max(_MOST_ROWS // max(len(findings), 1), 4)
    for finding in findings:
        evidence = finding["evidence"]
        wanted = [finding["culprit"], *evidence[:2], evidence[-1] if evidence else None, *evidence[2:_PROOFS]]
        near = [places[seq] for seq in wanted if seq in places]
        around = near + [place + step for place in near for step in (-1, 1) if 0 <= place + step < len(requests)]
        new = [place for place in dict.fromkeys(around) if place not in chosen]
        chosen.update(new[:share])
        if len(chosen) >= _MOST_ROWS:
            break
    if chosen:
        # A row takes no more room than the note that it is left out.
        ends = chosen | {-1, len(requests)}
        chosen |= {place for place in range(len(requests)) if place - 1 in ends and place + 1 in ends}
    return sorted(chosen)


class _Table:
    """The drawn rows of one key: who sent what when, and its nonce among the others', from left to right."""

    def __init__(
        self,
        requests: Sequence[Mapping[str, Any]],
        senders: Sequence[Mapping[str, Any]],
        findings: Sequence[Mapping[str, Any]],
        pen: _Pen,
    ) -> None:
        self._pen = pen
        self._lanes = "".join(sender["lane"] for sender in senders)
        self._culprits = {finding["culprit"] for finding in findings if finding["scenario"][0] == "N"}
        self._seq = max(len(str(request["seq"])) for request in requests) + 1
        self._nonce = max(5, *(len(_shown_nonce(request)) for request in requests))
        self._gap = max(14, *(len(_shown_gap(request)) for request in requests))
        note = max(12, *(len(self._note(request)) for request in requests))
        fixed = 2 + self._seq + 2 + 2 * len(self._lanes) - 1 + 2 + 2 + self._gap + 2 + note
        with_nonce = 2 + self._nonce + 1 + 5
        room = pen.width - fixed - _NARROWEST_PLOT
        if room < 0:
            room += note - max(len(self._note(request)) for request in requests)
        self._between = " " if room >= 0 else ""  # the lanes
        room += 0 if self._between else len(self._lanes) - 1
        self._with_nonce = room >= with_nonce
        room -= with_nonce * self._with_nonce
        self._with_time = room >= 14
        room -= 14 * self._with_time
        self._plot = min(_WIDEST_PLOT, _NARROWEST_PLOT + max(room, -2))
        drawn = {value for request in requests for value in (_value(request["nonce"]), _value(request["highest"]))}
        # By their order and not by their size: a second and a century must both be seen.
        values = sorted(value for value in drawn if value)
        scale = (self._plot - 1) / max(len(values) - 1, 1)
        self._columns = {value: round(place * scale) for place, value in enumerate(values)}

    def head(self) -> str:
        """The names of the columns."""
        parts = ["#".rjust(self._seq + 2)]
        if self._with_time:
            parts.append("time".ljust(12))
        parts.append(self._between.join(self._lanes))
        arrow = "higher nonce ▶"
        parts.append(arrow.rjust(self._plot) if self._plot >= len(arrow) else "▶".rjust(self._plot))
        if self._with_nonce:
            parts.append(f"{'nonce'.rjust(self._nonce)} unit ")
        parts.append("to the highest".rjust(self._gap))
        return self._pen.paint("  ".join(parts), _DIM)

    def row(self, request: Mapping[str, Any]) -> str:
        """One request."""
        mark, style = _mark(request)
        pen = self._pen
        parts = [f"#{request['seq']}".rjust(self._seq + 2)]
        if self._with_time:
            parts.append(pen.paint(_clock(request["time"]), _DIM))
        lanes = [pen.paint(mark, style) if lane == request["lane"] else " " for lane in self._lanes]
        parts.append(self._between.join(lanes))
        parts.append(self._bar(request, mark, style))
        if self._with_nonce:
            unit = _UNITS.get(request["unit"] or "", "")
            parts.append(f"{_shown_nonce(request).rjust(self._nonce)} {unit.ljust(5)}")
        parts.append(_shown_gap(request).rjust(self._gap))
        culprit = request["seq"] in self._culprits and request["check"] != "nonce"
        parts.append(pen.paint(self._note(request), *((_YELLOW, _BOLD) if culprit else (style,))))
        return "  ".join(parts).rstrip()

    def _note(self, request: Mapping[str, Any]) -> str:
        """What became of a request that was not simply accepted, and whether it did the damage."""
        note = "" if request["outcome"] == "accepted" else _note(request)
        if request["seq"] not in self._culprits or request["check"] == "nonce":
            return note
        return f"{note} ◀" if request["outcome"] == "refused" else "◀ culprit"

    def left_out(self, requests: Sequence[Mapping[str, Any]]) -> str:
        """What stands for rows that are not drawn."""
        return self._pen.cut(f"{'⋮'.rjust(self._seq + 2)}  {len(requests)} more: {_told(requests)}", _DIM)

    def _bar(self, request: Mapping[str, Any], mark: str, style: str) -> str:
        """The nonce as a mark in its column; from there a line to the highest, where that is further right."""
        pen = self._pen
        value, highest = _value(request["nonce"]), _value(request["highest"])
        if not value:
            return pen.paint("?".ljust(self._plot), style)
        column = self._columns[value]
        line = ""
        if highest and highest > value:
            line = "─" * (self._columns[highest] - column - 1) + "┤"
        rest = " " * (self._plot - column - 1 - len(line))
        return pen.paint("·" * column, _DIM) + pen.paint(mark, style) + pen.paint(line, style) + rest


def _mark(request: Mapping[str, Any]) -> tuple[str, str]:
    if request["lost"] or request["outcome"] == "faulted":
        return "◌", _YELLOW
    if request["outcome"] == "accepted":
        return "●", _GREEN
    return ("✗", _RED) if request["check"] == "nonce" else ("○", _RED)


def _note(request: Mapping[str, Any]) -> str:
    if request["lost"]:
        return "answer lost"
    if request["outcome"] == "faulted" and request["check"] is None:
        return "kept away"
    return _clean(request["scenario"] or request["check"] or "")


def _shown_nonce(request: Mapping[str, Any]) -> str:
    text = _clean(request["nonce"] or "none")
    return text if len(text) <= 20 else f"{text[:19]}…"


def _shown_gap(request: Mapping[str, Any]) -> str:
    """How far the nonce lies above or below the highest before it."""
    value, highest = _value(request["nonce"]), _value(request["highest"])
    if not value or not highest:
        return ""
    unit, before = unit_of(value), unit_of(highest)
    if unit is not before:
        if value > highest:
            return f"{_ratio(value, highest)} times it"
        return f"1/{_ratio(highest, value)} of it"
    if value == highest:
        return "the same"
    sign = "+" if value > highest else "−"
    return sign + gap(abs(value - highest), unit, short=True)


def _ratio(large: int, small: int) -> str:
    ratio = large / small
    return f"{ratio:.0f}" if ratio < 10**7 else f"{ratio:.0e}"


def _clock(time: str | None) -> str:
    """The time of day of an RFC 3339 text, to the millisecond."""
    day, _, clock = _clean(time or "").partition("T")
    whole, _, fraction = clock.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3].ljust(3, '0')}"[:12].ljust(12) if day and clock else " " * 12


# Findings


def _finding(finding: Mapping[str, Any], pen: _Pen) -> Iterator[str]:
    yield _title(finding, pen)
    yield pen.labelled("what", finding["explanation"])
    yield pen.labelled("proof", _evidence(finding))
    yield pen.labelled("cure", finding["cure"])
    if finding["related"]:
        others = "; ".join(f"{other} {name_of(other)}".rstrip() for other in finding["related"])
        yield pen.labelled("or", others)


def _title(finding: Mapping[str, Any], pen: _Pen, before: str = "", after: str = "") -> str:
    scenario = _clean(finding["scenario"])
    count = "" if finding["count"] == 1 else f"  ×{finding['count']}"
    indent = len(before) + len(scenario) + 2
    lines = pen.fold(f"{_clean(finding['title'])}{count}{after}", indent)
    return f"{before}{pen.paint(scenario, _RED, _BOLD)}  " + f"\n{' ' * indent}".join(
        pen.paint(line, _BOLD) for line in lines
    )


def _evidence(finding: Mapping[str, Any]) -> str:
    evidence = [f"#{seq}" for seq in finding["evidence"]]
    shown = " ".join(evidence[:12]) + (" …" if len(evidence) > 12 else "")
    culprit = finding["culprit"]
    return shown if culprit is None or len(evidence) == 1 else f"{shown}; it began with #{culprit}"


def _name(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["run"], row["api_key"] or row["key"]


def _key(row: Mapping[str, Any], runs: bool) -> str:
    """The key's name, and which run of the server it was when there are several."""
    return _clean(row["key"]) + (f", run {row['run']}" if runs else "")


def _value(text: object) -> int | None:
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 20:
        return int(text)
    return None


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _clean(text: object) -> str:
    # Clients choose some of it: nothing that a terminal would obey.
    return "".join(c if c.isprintable() else "?" for c in str(text))
