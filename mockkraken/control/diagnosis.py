"""The doctor as the control API offers it: an operation of `Control`, in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import unknown

if TYPE_CHECKING:
    from mockkraken.control.operations import Control

MOST_RECORDS = 50_000
"""The doctor looks at so many of the newest records, in a second or two."""


def doctor(control: Control, query: object) -> dict[str, Any]:
    """What went wrong with the requests in the journal, and what each key sent."""
    # Imported when it is wanted: most servers never need it.
    from mockkraken.journal.doctor import examine

    given = read(bodies.DoctorQuery, query, texts=True)
    keys, journal, name = control.sandbox.keys, control.sandbox.journal, given.key
    # A key may have got another name since; in a query, `+` may stand for a blank.
    found = None if name is None else keys.find(name) or keys.find(name.replace("+", " "))
    records, _, _ = journal.records(key=found.api_key if found else name, since=max(0, journal.last - MOST_RECORDS))
    if name is not None and found is None and not records:
        raise unknown("key", f"there is no key {name[:100]!r}, and none of that name in the journal")
    diagnosis = examine(records)
    return {"findings": diagnosis.findings, "timelines": diagnosis.timelines}


class Report:
    """What the doctor has found; as text it is what `mockkraken doctor` prints.

    Attributes:
        findings: what is wrong, worst first: `scenario`, `key`, `title`, `explanation`, `evidence`, `culprit`, `cure`.
        timelines: what each key sent, in the order of arrival.
    """

    def __init__(self, findings: list[dict[str, Any]], timelines: list[dict[str, Any]]) -> None:
        self.findings = findings
        self.timelines = timelines

    def __str__(self) -> str:
        from mockkraken.journal.doctor import Diagnosis
        from mockkraken.journal.report import draw

        return draw(Diagnosis(self.findings, self.timelines))

    def __repr__(self) -> str:
        found = ", ".join(f"{finding['scenario']} of {finding['key']!r}" for finding in self.findings)
        return f"<doctor's report: {found or 'no findings'}>"
