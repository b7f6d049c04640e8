"""The doctor's report as it is printed, and the journals that it can be made from."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from mockkraken.journal.doctor import Diagnosis, examine
from mockkraken.journal.exported import read
from mockkraken.journal.journal import Journal
from mockkraken.journal.report import draw

NEW_YEAR = 1_767_225_600
MS = NEW_YEAR * 1000
US = NEW_YEAR * 10**6


def journalled(*rows: dict[str, Any], **common: Any) -> Journal:
    """A millisecond between two; a row with `highest` is refused for its nonce."""
    journal = Journal(10_000)
    for number, row in enumerate(rows, 1):
        record = {
            "time": (MS + number) * 10**6,
            "transport": "rest",
            "remote": "127.0.0.1",
            "endpoint": "Balance",
            "outcome": "accepted",
            "http_status": 200,
            "duration_us": 90,
            "account": "main",
            "key": "bot",
            "api_key": "MOCKKRAKENbot/0123456789abcdefghijklmnopqrstuvwxyz",
            "port": 40001,
            "user_agent": "ccxt/4.5 (python)",
        }
        if "highest" in row:
            record |= {"outcome": "refused", "error": "EAPI:Invalid nonce", "check": "nonce", "window": 0}
        journal.add(**(record | common | row))
    return journal


def drawn(journal: Journal, width: int = 100, **more: Any) -> str:
    return draw(examine(journal.records()[0]), width, **more)


TWO_SENDERS = """\
1 finding in 3 requests of 1 key
  N05  Two senders share one key and overtake each other  key bot

━━ key bot MOCKKRAKENbot/0123456789…  3 requests, 2 accepted, 1 refused (nonce 1)
   A  freqtrade/2026.1  127.0.0.1:40001  1 request, 0 refused
   B  script/1  127.0.0.1:40002  2 requests, 1 refused

   #  time          A B            higher nonce ▶          nonce unit   to the highest
  #1  00:00:00.001  ●    ············●             1767225600439 ms                     ◀ culprit
  #2  00:00:00.002    ✗  ✗───────────┤             1767225600000 ms            −439 ms  N05
  #3  00:00:00.003    ●  ·······················●  1767225600500 ms             +61 ms
  ● accepted   ✗ nonce refused   ○ refused later or otherwise   ◌ answer lost   ┤ the highest so far

N05  Two senders share one key and overtake each other
      what  freqtrade/2026.1 and script/1, both at 127.0.0.1, use the same key, and neither knows
            what the other has sent. Request 2 brought 1767225600000 (13 digits, milliseconds), 439
            milliseconds below 1767225600439 of request 1, which had arrived before it.
     proof  #1 #2; it began with #1
      cure  Give each program, each process and each worker a key of its own. Where that can't be,
            let one of them send for all, or give the key a nonce window of at least 439, better
            5000: 5 seconds in milliseconds.
        or  N18 several instances of one client in a process; N34 several machines or pods behind
            one key
"""


def test_two_senders_as_they_are_drawn():
    journal = journalled(
        {"nonce": str(MS + 439), "user_agent": "freqtrade/2026.1"},
        {"nonce": str(MS), "highest": MS + 439, "user_agent": "script/1", "port": 40002},
        {"nonce": str(MS + 500), "user_agent": "script/1", "port": 40002},
    )
    assert drawn(journal).splitlines() == TWO_SENDERS.splitlines()


def test_a_poisoned_key_as_it_is_drawn():
    rows = [{"nonce": str(MS + number)} for number in range(50)]
    rows += [{"nonce": str(US), "user_agent": "nautilus/1"}]
    rows += [{"nonce": str(MS + 60 + number), "highest": US} for number in range(30)]
    text = drawn(journalled(*rows))
    assert "   ⋮  49 more: all accepted" in text
    assert "   ⋮  22 more: 22 refused (nonce 22)" in text
    [culprit] = [line for line in text.splitlines() if "◀ culprit" in line]
    assert culprit.split()[4:] == [str(US), "µs", "1000", "times", "it", "◀", "culprit"]
    first = next(line for line in text.splitlines() if line.startswith("  #52"))
    assert first.endswith("1/1000 of it  N06")
    assert culprit.rindex("●") == first.index("┤")
    assert first.index("✗", 30) < first.index("┤")


def lines_of(width: int, *, colour: bool = False) -> list[str]:
    rows = [
        {"nonce": str(US * 1000 + number), "user_agent": f"bot{number % 9}/1", "port": number} for number in range(90)
    ]
    rows += [{"nonce": str(MS + number), "highest": US * 1000 + 89, "user_agent": "a" * 200} for number in range(20)]
    rows += [{"nonce": str(MS + number), "check": "lockout", "outcome": "refused"} for number in range(3)]
    rows += [{"nonce": None, "check": "key", "outcome": "refused", "key": None, "api_key": None}]
    return drawn(journalled(*rows), width, colour=colour).splitlines()


@pytest.mark.parametrize("width", [64, 72, 80, 100, 160])
def test_no_line_is_wider_than_asked_for(width):
    assert max(map(len, lines_of(width))) <= width


def test_however_narrow_something_is_drawn():
    assert all("█" not in line and len(line) < 100 for line in lines_of(1))


def test_colours_change_nothing_but_colours():
    plain, coloured = lines_of(100), lines_of(100, colour=True)
    assert any("\x1b[31m✗\x1b[0m" in line for line in coloured)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain
    assert not any("\x1b" in line for line in plain)


def test_a_refused_nonce_whose_answer_was_lost_was_not_kept_away():
    refused = {"highest": MS, "outcome": "faulted", "fault": 1, "scenario": "N13", "reason": "fault 1: it was refused"}
    rows = drawn(journalled({"nonce": str(MS)}, {"nonce": str(MS), **refused})).splitlines()
    [row] = [row for row in rows if row.startswith("  #2")]
    assert row.endswith("the same  N13")
    assert "◌" in row


def test_a_culprit_that_was_refused_for_something_else_is_marked_too():
    later = {"outcome": "refused", "check": "arguments", "error": "EQuery:Unknown asset pair", "reason": "no such pair"}
    text = drawn(journalled({"nonce": "500", **later}, {"nonce": "400", "highest": 500}))
    assert next(row for row in text.splitlines() if row.startswith("  #1")).endswith("  arguments ◀")


def test_an_address_of_version_6_does_not_run_into_its_port():
    text = drawn(journalled({"nonce": str(US), "remote": "::1"}, {"nonce": str(MS), "highest": US, "remote": "::1"}))
    assert "   A  ccxt/4.5  [::1]:40001  2 requests, 1 refused" in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_sender_s_refusals_are_seen_however_long_its_name(width):
    rows = [{"nonce": str(US + number), "port": number} for number in range(9)]
    text = drawn(journalled(*rows, {"nonce": str(MS), "highest": US + 8}), width)
    assert "10 requests, 1 refused" in text
    long = {"remote": "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "user_agent": "x" * 100}
    assert max(map(len, drawn(journalled({"nonce": str(MS), "highest": US}, **long), width).splitlines())) <= width


def test_of_many_keys_some_are_drawn_and_the_others_counted():
    journal = Journal(1000)
    for number in range(60):
        key = {"key": f"bot{number}", "api_key": f"MOCKKRAKEN{number}"}
        for record in journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US}).records()[0]:
            del record["seq"], record["sandbox"]
            record |= {"time": MS * 10**6, "highest": int(record["highest"]) if record["highest"] else None}
            journal.add(**(record | key))
    lines = drawn(journal).splitlines()
    assert lines[0] == "60 findings in 120 requests of 60 keys"
    assert sum(line.startswith("  N06  ") for line in lines) == 50
    assert "  and 10 more" in lines
    assert sum(line.startswith("━━ key ") for line in lines) == 10
    assert lines[-1] == "50 keys more have findings. Ask for one by its name to see it."


def test_runs_of_a_server_are_told_apart():
    records = journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US}).records()[0]
    text = draw(examine([*records, *[record | {"time": None} for record in records]]))
    assert "━━ key bot, run 1 " in text
    assert "━━ key bot, run 2 " in text
    assert "  N06  The key has seen a finer unit, and refuses this one for ever  key bot, run 2" in text
    assert "run" not in drawn(journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US}))


def test_where_only_ascii_can_be_printed():
    journal = journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US}, {"nonce": str(US + 1)})
    text = drawn(journal, plain=True)
    assert text.isascii()
    assert "X-------" in text
    assert len(text) >= len(drawn(journal))


def test_nothing_that_a_client_chose_reaches_the_terminal_as_it_is():
    nasty = "\x1b[31mred\x07\r\n\x00\u202eevil"
    journal = journalled(
        {"nonce": str(US), "user_agent": nasty, "endpoint": nasty},
        {"nonce": str(MS), "highest": US, "user_agent": nasty + "2", "remote": nasty, "endpoint": nasty},
        {"nonce": nasty, "check": "nonce", "outcome": "refused", "reason": nasty, "scenario": "N22", "key": nasty},
        {
            "nonce": str(US + 1),
            "check": "signature",
            "outcome": "refused",
            "reason": nasty,
            "api_key": None,
            "key": None,
        },
    )
    text = drawn(journal)
    assert "evil" in text
    assert all(line.isprintable() for line in text.split("\n"))
    findings = examine(journal.records()[0]).findings
    assert all(finding["explanation"].isprintable() for finding in findings)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No findings: no request of a known key is in the journal."),
        ([{"nonce": "1"}], "No findings in 1 request of 1 key: accepted."),
        ([{"nonce": str(n)} for n in range(1, 1001)], "No findings in 1,000 requests of 1 key: all accepted."),
        (
            [{"nonce": "1"}, *({"nonce": str(n), "outcome": "refused", "check": "order"} for n in (2, 3))],
            "No findings in 3 requests of 1 key: 1 accepted, 2 refused (order 2). The journal has the reasons.",
        ),
        (
            [{"nonce": "1", "outcome": "faulted", "reason": "fault 1: it took effect, then its answer was lost"}],
            "No findings in 1 request of 1 key: 1 faulted.",
        ),
    ],
)
def test_without_findings_one_line_says_so(rows, said):
    assert drawn(journalled(*rows)) == said


def test_healthy_keys_beside_a_sick_one_get_a_line_each():
    rows = [{"nonce": str(US)}, {"nonce": str(MS), "highest": US}]
    rows += [{"nonce": str(MS), "key": f"k{number}", "api_key": f"K{number}"} for number in range(12)]
    lines = drawn(journalled(*rows)).splitlines()
    assert lines[-11:] == [
        *(f"key k{number}: 1 request, accepted" for number in range(10)),
        "and 2 keys more without findings",
    ]


def test_lost_answers_and_what_never_arrived_are_marked():
    order = {"endpoint": "AddOrder", "outcome": "faulted", "http_status": 0}
    lost = {"reason": "fault 1: it took effect, then its answer was lost (hang 30s)"}
    kept = {"reason": "fault 2: reset; it never reached the gate, so its nonce does not count"}
    journal = journalled(
        order | lost | {"nonce": str(MS)},
        {"nonce": str(MS), "highest": MS, "endpoint": "AddOrder", "scenario": "N13"},
        order | kept | {"nonce": str(MS + 2)},
    )
    rows = [line for line in drawn(journal).splitlines() if line.startswith("  #")]
    assert ["◌" in row for row in rows] == [True, False, True]
    assert rows[0].endswith("◀ culprit")
    assert rows[1].endswith("the same  N14")
    assert rows[2].endswith("kept away")


def test_strangers_have_findings_but_no_timeline():
    journal = journalled(
        {"nonce": None, "check": "key", "outcome": "refused", "reason": "no such key"}, key=None, api_key=None
    )
    lines = drawn(journal).splitlines()
    assert lines[:4] == [
        "1 finding in requests without a known key",
        "  key  The API key is not known, or disabled",
        "",
        "━━ requests without a known key",
    ]


def test_a_single_row_is_drawn_and_not_left_out():
    """Not the first, not the last, and not one between two that are drawn."""
    numbers = [1, 2, 3, 2, 5, 6, 7, 6, 8]
    rows = [
        {"nonce": str(MS + number)} | ({"highest": MS + numbers[place - 1]} if place in (3, 7) else {})
        for place, number in enumerate(numbers)
    ]
    text = drawn(journalled(*rows))
    assert "⋮" not in text
    assert sum(line.startswith("  #") for line in text.splitlines()) == len(rows)


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("ccxt/4.5 (python)", "ccxt/4.5"),
        ("Kraken Javascript API Client", "Kraken Javascript API Client"),
        ("my bot (https://example.com)", "my bot"),
        ("Mozilla/5.0 (X11; Linux) Gecko/1", "Mozilla/5.0"),
        ("", "without a name"),
        ("(none)", "(none)"),
    ],
)
def test_a_program_goes_by_the_name_that_it_gives(user_agent, shown):
    journal = journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US}, user_agent=user_agent)
    assert f"   A  {shown}  127.0.0.1:40001" in drawn(journal)


def test_what_became_of_a_key_s_requests_is_told_whole():
    checks = ("order", "arguments", "status", "permission", "funds", "routing", "method")
    rows = [{"nonce": str(MS + number), "check": check, "outcome": "refused"} for number, check in enumerate(checks)]
    lines = drawn(journalled(*rows), 80).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("━━"))
    end = next(number for number, line in enumerate(lines) if line.startswith("   A"))
    assert end == start + 2
    told = " ".join(line.strip() for line in lines[start:end])
    assert told.endswith("7 refused (" + ", ".join(f"{check} 1" for check in checks) + ")")


def test_what_the_control_api_answers_is_drawn_alike():
    journal = journalled({"nonce": str(US)}, {"nonce": str(MS), "highest": US})
    diagnosis = examine(journal.records()[0])
    answer = json.loads(json.dumps({"findings": diagnosis.findings, "timelines": diagnosis.timelines}))
    assert draw(Diagnosis(answer["findings"], answer["timelines"])) == draw(diagnosis)


# Exported journals

JOURNAL = journalled({"nonce": str(US)}, {"nonce": None}, {"nonce": str(MS), "highest": US}).records()[0]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"records": JOURNAL, "dropped": 0, "next": 3}),
        json.dumps(JOURNAL, indent=2),
        "\n".join(msgspec.json.encode(record).decode() for record in JOURNAL),
        "\r\n".join(["mockkraken ready http=…", *map(json.dumps, JOURNAL), '{"dropped":7}', '{"seq":4,"endp']),
        "\n\n" + "\n\n".join(map(json.dumps, JOURNAL)) + "\n",
        "\n".join(['{"level": "info"}', "{'a': 1}", "{", *map(json.dumps, JOURNAL), '{"dropped": true, "by": "bot"}']),
    ],
    ids=["answer", "list", "log", "log with other lines, cut short", "blank lines", "with the program's own JSON"],
)
def test_an_exported_journal_is_read(text):
    assert read(text) == JOURNAL
    assert [finding["scenario"] for finding in examine(read(text)).findings] == ["N06"]


def test_an_empty_journal_is_one():
    assert read('{"records": [], "dropped": 0, "next": 0}') == read("[]") == read('{"dropped": 3}') == read(" \n") == []


def test_a_single_line_is_a_journal():
    assert read(json.dumps(JOURNAL[0])) == [JOURNAL[0]]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("hello", "no journal: it takes what GET /mock/journal answers"),
        ('{"level": "info"}\n{"level": "warn"}', "no journal: it takes what GET /mock/journal answers"),
        ("17", "no journal: it takes what GET /mock/journal answers"),
        ('{"findings": []}', "record 1: no journal record: Object missing required field `seq`"),
        ('[{"seq": 1}]', "record 1: no journal record: Object missing required field `endpoint`"),
        ("[1]", "record 1: no journal record: Expected `object`, got `int`"),
        (
            json.dumps([JOURNAL[0], JOURNAL[1] | {"port": "x"}]),
            "record 2: no journal record: Expected `int | null`, got `str` - at `$.port`",
        ),
        ('{"seq": 1,\n' + json.dumps(JOURNAL[0]), "line 1: no JSON: Expecting"),
        (json.dumps(JOURNAL[0]) + '\n{"seq": "2", "endpoint": "x"}', "line 2: no journal record: Expected `int`"),
        ("[" * 100_000, "no journal: it takes what GET /mock/journal answers"),
    ],
)
def test_what_is_no_journal_is_refused_with_its_place(text, wrong):
    with pytest.raises(ValueError, match=re.escape(wrong)):
        read(text)
