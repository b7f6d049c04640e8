"""The doctor on whatever may stand in a journal: by clients, by whoever holds the controls, or made up.

It is silent where nothing went wrong, its evidence exists and holds, and nothing that can be read makes it fail.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockkraken.clock import SECOND
from mockkraken.gate import nonce as nonces
from mockkraken.gate.nonce import LARGEST, NonceState
from mockkraken.journal.doctor import Diagnosis, examine
from mockkraken.journal.exported import read
from mockkraken.journal.journal import Journal
from mockkraken.journal.report import draw
from mockkraken.journal.requests import TOOK_EFFECT

START = 1_767_225_600 * SECOND
UNITS = (SECOND, SECOND // 10**3, SECOND // 10**6, 10, 1)  # what one nonce is worth, ns

PROGRAMS = st.sampled_from(["ccxt/4.5", "krakenex/2.2.2", "", "Mozilla/5.0 (X11)", "\x1b[31mred\x07", "é" * 300])
PORTS = st.one_of(st.none(), st.integers(1, 4), st.integers(32_768, 65_535))
ENDPOINTS = st.sampled_from(["Balance", "AddOrder", "OpenOrders", "CancelAll"])


class DoctorMachine(RuleBasedStateMachine):
    """One account's keys, from the first request on."""

    @initialize(size=st.integers(1, 80), window=st.sampled_from([0, 0, 5, 10_000, 10**12, LARGEST]))
    def begin(self, size: int, window: int) -> None:
        self.journal = Journal(size)
        self.state = NonceState(window)
        self.now = START
        self.key, self.keys = "bot", 1

    def add(self, nonce: object, decided: dict[str, Any], **sent: Any) -> None:
        text = None if nonce is None else str(nonce)
        record: dict[str, Any] = {
            "time": self.now,
            "transport": "rest",
            "remote": "127.0.0.1",
            "endpoint": "Balance",
            "http_status": 200,
            "duration_us": 0,
            "outcome": "accepted",
            "key": self.key,
            "api_key": f"MOCKKRAKEN{self.keys}",
            "nonce": nonces.shown(text),
        }
        self.journal.add(**(record | sent | decided))

    def judged(self, nonce: int) -> dict[str, Any]:
        if self.state.accept(nonce):
            return {}
        reason, scenario = self.state.explain(nonce)
        seen = {"highest": self.state.highest, "window": self.state.window}
        return seen | {"outcome": "refused", "check": "nonce", "reason": reason, "scenario": scenario, "error": "E"}

    def fresh(self, unit: int) -> int:
        return max(self.now // unit, self.state.highest + 1)

    @rule(passed=st.sampled_from([0, 1, 10**6, SECOND, 90 * SECOND, 10**16]))
    def wait(self, passed: int) -> None:
        self.now += passed

    @rule(unit=st.sampled_from(UNITS), program=PROGRAMS, port=PORTS, endpoint=ENDPOINTS)
    def call(self, unit: int, program: str, port: int | None, endpoint: str) -> None:
        nonce = self.fresh(unit)
        if nonce <= LARGEST:
            self.add(nonce, self.judged(nonce), user_agent=program, port=port, endpoint=endpoint)

    @rule(back=st.integers(1, 12_000), port=PORTS)
    def call_within_the_window(self, back: int, port: int | None) -> None:
        nonce = self.state.highest - back
        if nonce >= 0 and self.state.accept(nonce):
            self.add(nonce, {}, user_agent="ccxt/4.5", port=port)

    @rule(check=st.sampled_from(["order", "arguments", "status", "funding", "eligibility"]))
    def refused_for_what_it_asks(self, check: str) -> None:
        nonce = self.fresh(1)
        if nonce <= LARGEST and self.state.accept(nonce):
            self.add(nonce, {"outcome": "refused", "check": check, "error": "EOrder:Something", "reason": "why"})

    @rule()
    def kept_away_by_a_fault(self) -> None:
        self.add(
            self.fresh(1), {"outcome": "faulted", "fault": 1, "reason": "fault 1: reset; it never reached the gate"}
        )

    @rule(endpoint=ENDPOINTS)
    def answer_lost(self, endpoint: str) -> None:
        nonce = self.fresh(1)
        if nonce <= LARGEST and self.state.accept(nonce):
            reason = f"fault 1: {TOOK_EFFECT}, then its answer was lost (reset)"
            self.add(nonce, {"outcome": "faulted", "fault": 1, "reason": reason}, endpoint=endpoint, port=1)

    @rule(
        nonce=st.one_of(st.integers(0, 50), st.integers(0, LARGEST), st.sampled_from([LARGEST, 0])),
        program=PROGRAMS,
        port=PORTS,
        endpoint=ENDPOINTS,
    )
    def call_with_any_nonce(self, nonce: int, program: str, port: int | None, endpoint: str) -> None:
        self.add(nonce, self.judged(nonce), user_agent=program, port=port, endpoint=endpoint)

    @rule(back=st.sampled_from([0, 1, 7, 5000, 10**7]), program=PROGRAMS, port=PORTS)
    def call_below(self, back: int, program: str, port: int | None) -> None:
        nonce = max(self.state.highest - back, 0)
        self.add(nonce, self.judged(nonce), user_agent=program, port=port)

    @rule(text=st.sampled_from([None, "", "1.7e12", "-5", "99999999999999999999", "1?pair=X"]))
    def call_without_a_number(self, text: str | None) -> None:
        reason, scenario = nonces.explain_unreadable(text)
        self.add(text, {"outcome": "refused", "check": "nonce", "reason": reason, "scenario": scenario, "error": "E"})

    @rule(check=st.sampled_from(["signature", "lockout", "key", "otp", "permission", "rate"]), ours=st.booleans())
    def refused_otherwise(self, check: str, ours: bool) -> None:
        decided = {"outcome": "refused", "check": check, "reason": "why", "error": "EAPI:Something"}
        self.add(self.fresh(1000), decided | ({} if ours or check != "key" else {"key": None, "api_key": None}))

    @rule(highest=st.one_of(st.just(0), st.integers(0, LARGEST), st.just(START)))
    def the_nonce_is_set(self, highest: int) -> None:
        self.state.place(highest)

    @rule(window=st.sampled_from([0, 3, 10_000, LARGEST]))
    def the_window_is_changed(self, window: int) -> None:
        self.state.widen(window)

    @rule()
    def the_key_is_made_anew(self) -> None:
        self.keys += 1
        self.state = NonceState(self.state.window)

    @rule(name=st.sampled_from(["bot", "other"]))
    def the_key_is_renamed(self, name: str) -> None:
        self.key = name

    @rule()
    def the_journal_is_cleared(self) -> None:
        self.journal.clear()

    @rule(size=st.integers(1, 80))
    def the_journal_is_resized(self, size: int) -> None:
        self.journal.resize(size)

    @invariant()
    def what_is_said_holds(self) -> None:
        records = self.journal.records()[0]
        diagnosis = examine(records)
        holds(records, diagnosis)
        text = draw(diagnosis, 60)
        assert all(len(line) <= 60 and line.isprintable() for line in text.splitlines())
        business = {None, "order", "arguments", "status", "funding", "eligibility"}
        ordered = sum(record["endpoint"] == "AddOrder" for record in records)
        lost = any(record["outcome"] == "faulted" and record["endpoint"] == "AddOrder" for record in records)
        if all(record["check"] in business for record in records) and not (lost and ordered > 1):
            assert diagnosis.findings == []
            assert len(text.splitlines()) <= 3


def holds(records: list[dict[str, Any]], diagnosis: Diagnosis) -> None:
    """Every number in the evidence is a request that was refused or lost, the culprit, or one that came before such."""
    by_seq = {record["seq"]: record for record in records}
    wrong = {record["seq"] for record in records if record["outcome"] != "accepted"}
    named = 0
    for finding in diagnosis.findings:
        evidence, culprit = finding["evidence"], finding["culprit"]
        assert evidence == sorted(set(evidence))
        assert set(evidence) <= set(by_seq)
        assert wrong.intersection(evidence)
        assert culprit is None or culprit in evidence
        last = max(wrong.intersection(evidence))
        assert all(seq in wrong or seq == culprit or (seq < last and by_seq[seq]["nonce"]) for seq in evidence) or (
            finding["scenario"] == "N15"
        )
        assert finding["title"]
        assert finding["cure"]
        assert "{" not in finding["explanation"] + finding["cure"]
        named += finding["count"] if finding["scenario"] not in ("N15", "N31") and finding["scenario"][0] == "N" else 0
    assert named == sum(record["check"] == "nonce" for record in records)
    assert sum(len(timeline["requests"]) for timeline in diagnosis.timelines) == sum(
        record["key"] is not None for record in records
    )


DoctorMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDoctorMachine = DoctorMachine.TestCase


# What somebody has put into a file

TEXTS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(["\x1b[31m", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00Z"]),
    st.sampled_from(["-1", "", "0", "00012", "9" * 20, "1" * 30, "²", f": {TOOK_EFFECT}"]),
)
NONCES = st.one_of(TEXTS, st.integers(0, 2**64).map(str), st.integers(1_767_225_600_000, 1_767_225_600_020).map(str))
NUMBERS = st.one_of(st.none(), st.integers(0, 65_535), st.integers())
ROWS = st.fixed_dictionaries(
    {
        "seq": st.one_of(st.integers(0, 30), st.integers()),
        "endpoint": st.one_of(ENDPOINTS, st.text(max_size=20)),
        "outcome": st.sampled_from(["accepted", "refused", "faulted", "?"]),
    },
    optional={
        "time": TEXTS,
        "sandbox": TEXTS,
        "remote": TEXTS,
        "port": NUMBERS,
        "user_agent": TEXTS,
        "key": st.sampled_from([None, "a", "b", "\x00"]),
        "api_key": st.sampled_from([None, "A", "B"]),
        "nonce": NONCES,
        "highest": NONCES,
        "window": NUMBERS,
        "error": TEXTS,
        "check": st.sampled_from([None, "nonce", "nonce", "nonce", "signature", "key", "lockout", "otp", "zzz"]),
        "reason": TEXTS,
        "scenario": st.sampled_from([None, "N05", "N13", "N04", "N23", "N21", "S01", "N99", "zz", "\n"]),
        "fault": NUMBERS,
        "surprise": st.lists(st.integers(), max_size=1),
    },
)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(ROWS, max_size=20), width=st.integers(0, 130), plain=st.booleans())
def test_any_file_that_can_be_read_can_be_examined(rows, width, plain):
    try:
        records = read(json.dumps(rows))
    except ValueError:  # numbers that nobody could write
        return
    diagnosis = examine(records)
    seqs = {record["seq"] for record in records}
    for finding in diagnosis.findings:
        assert set(finding["evidence"]) <= seqs
        assert finding["culprit"] in (None, *finding["evidence"])
    json.dumps(diagnosis)
    assert all(line.isprintable() for line in draw(diagnosis, width, plain=plain).splitlines())
