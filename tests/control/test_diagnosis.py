"""The doctor through the control API and the Python object."""

from __future__ import annotations

import json
from contextlib import suppress
from http.client import HTTPException

import pytest

from mockkraken import MockKraken
from mockkraken.control import diagnosis
from mockkraken.control.errors import ControlError
from mockkraken.journal.doctor import examine
from mockkraken.journal.exported import read

US = 1_767_225_600_000_000
MS = 1_767_225_600_123


@pytest.fixture
def full(kraken: MockKraken) -> tuple[str, str]:
    return kraken.api_key, kraken.api_secret


def poison(browser, key: tuple[str, str]) -> None:
    assert browser.private("Balance", key, US)["error"] == []
    assert browser.private("Balance", key, MS)["error"] == ["EAPI:Invalid nonce"]


def test_a_record_of_a_refused_nonce_has_the_key_s_state(browser, kraken: MockKraken, full):
    kraken.keys["full"].patch(nonce_window=7)
    poison(browser, full)
    accepted, refused = browser.ok("GET", "/journal")["records"]
    assert (accepted["highest"], accepted["window"], accepted["fault"]) == (None, None, None)
    assert (refused["highest"], refused["window"], refused["fault"]) == (str(US), 7, None)
    assert isinstance(accepted["port"], int)
    assert accepted["port"] != refused["port"]  # the browser takes a new connection for each request


def test_findings_and_timelines_over_http(browser, full):
    assert browser.ok("GET", "/doctor") == {"findings": [], "timelines": []}
    poison(browser, full)
    answer = browser.ok("GET", "/doctor")
    [finding] = answer["findings"]
    assert set(finding) == {
        "scenario",
        "run",
        "key",
        "api_key",
        "title",
        "explanation",
        "evidence",
        "culprit",
        "cure",
        "count",
        "related",
        "first",
        "last",
    }
    assert [finding[name] for name in ("scenario", "key", "api_key", "evidence", "culprit", "count")] == [
        "N06",
        "full",
        full[0],
        [1, 2],
        1,
        1,
    ]
    [timeline] = answer["timelines"]
    assert (timeline["key"], timeline["api_key"]) == ("full", full[0])
    assert [row["unit"] for row in timeline["requests"]] == ["microseconds", "milliseconds"]


def test_the_journal_is_filtered_by_scenario(browser, full):
    poison(browser, full)
    assert [row["seq"] for row in browser.ok("GET", "/journal?scenario=N06")["records"]] == [2]
    assert browser.ok("GET", "/journal?scenario=N05")["records"] == []


@pytest.mark.parametrize("name", ["full", "MOCKKRAKEN"])
def test_only_one_key_by_name_or_public_key(browser, kraken: MockKraken, full, name):
    poison(browser, full)
    trade = kraken.keys["trade"]
    browser.private("Balance", (trade.api_key, "AAAA"), 1)
    which = name if name == "full" else full[0].replace("/", "%2F")
    assert [finding["key"] for finding in browser.ok("GET", "/doctor")["findings"]] == ["full", "trade"]
    answer = browser.ok("GET", f"/doctor?key={which}")
    assert [finding["key"] for finding in answer["findings"]] == ["full"]
    assert [timeline["key"] for timeline in answer["timelines"]] == ["full"]
    assert browser.ok("GET", "/doctor?key=second") == {"findings": [], "timelines": []}


def test_a_key_that_is_gone_has_still_its_history(browser, kraken: MockKraken):
    key = kraken.keys.create(name="gone", permissions="all")
    poison(browser, (key.api_key, key.api_secret))
    key.patch(name="renamed")
    assert [finding["scenario"] for finding in kraken.doctor("renamed").findings] == ["N06"]
    key.delete()
    assert [finding["scenario"] for finding in kraken.doctor("gone").findings] == ["N06"]
    assert [finding["scenario"] for finding in kraken.doctor(key.api_key).findings] == ["N06"]


def test_what_the_call_does_not_take(browser, kraken: MockKraken):
    assert browser.mock("GET", "/doctor?key=nobody").refusal == (404, "unknown", "key")
    assert browser.mock("GET", "/doctor?kee=full").refusal == (400, "invalid", "kee")
    assert browser.mock("GET", "/doctor?key=a&key=b").refusal == (400, "invalid", "key")
    assert browser.mock("POST", "/doctor", {}).refusal == (405, "method_not_allowed", None)
    with pytest.raises(ControlError, match="there is no key 'nobody', and none of that name in the journal"):
        kraken.doctor("nobody")


def test_the_report_in_python(browser, kraken: MockKraken, full):
    healthy = kraken.doctor()
    assert (healthy.findings, healthy.timelines) == ([], [])
    assert repr(healthy) == "<doctor's report: no findings>"
    assert str(healthy) == "No findings: no request of a known key is in the journal."
    poison(browser, full)
    report = kraken.doctor()
    assert repr(report) == "<doctor's report: N06 of 'full'>"
    assert (report.findings, report.timelines) == tuple(browser.ok("GET", "/doctor").values())
    lines = str(report).splitlines()
    assert lines[:2] == [
        "1 finding in 2 requests of 1 key",
        "  N06  The key has seen a finer unit, and refuses this one for ever  key full",
    ]
    kraken.reset()
    assert kraken.doctor().findings == []


def test_it_changes_nothing(browser, kraken: MockKraken, full):
    poison(browser, full)
    before = browser.ok("GET", "/journal")
    assert kraken.doctor().findings == kraken.doctor().findings
    assert browser.ok("GET", "/journal") == before
    assert before["records"][1]["scenario"] == "N06"


def test_of_a_very_long_journal_the_newest_part_is_examined(browser, kraken: MockKraken, full, monkeypatch):
    poison(browser, full)
    monkeypatch.setattr(diagnosis, "MOST_RECORDS", 1)
    report = kraken.doctor()
    assert [(finding["scenario"], finding["culprit"]) for finding in report.findings] == [("N06", None)]
    assert len(report.timelines[0]["requests"]) == 1


def test_an_export_tells_the_doctor_the_same(browser, full):
    poison(browser, full)
    exported = json.dumps(browser.ok("GET", "/journal"))
    assert examine(read(exported))._asdict() == browser.ok("GET", "/doctor")


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ({"hang": "1s", "applied": True}, (True, "faulted")),
        ({"hang": "1s"}, (False, "faulted")),
        ({"html": 502, "applied": True}, (True, "faulted")),
        ({"error": "EService:Busy"}, (False, "faulted")),
        ({"delay": "1ms"}, (False, "accepted")),
    ],
)
def test_the_doctor_knows_what_a_fault_has_lost(browser, kraken: MockKraken, full, action, seen):
    if "hang" in action:
        kraken.clock.resume()
        action = {**action, "hang": 0.01}
    else:
        kraken.clock.run(1000)
    # What comes back, if anything does, is another test's matter.
    with kraken.fault("Balance", times=1, **action), suppress(AssertionError, OSError, HTTPException):
        browser.private("Balance", full, US)
    [row] = kraken.doctor().timelines[0]["requests"]
    assert (row["lost"], row["outcome"]) == seen
    # Only what reached the gate has used up its nonce.
    used = kraken.keys["full"].highest == US
    assert used == (row["lost"] or row["outcome"] == "accepted")
