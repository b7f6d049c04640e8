"""The journal: what is kept, how it is asked, what it says it has lost."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from mockkraken.clock import SECOND
from mockkraken.journal.journal import Journal

NEW_YEAR = 1_767_225_600 * SECOND


def note(journal: Journal, endpoint: str = "Balance", **more) -> int:
    """Record a call of the key `full` one millisecond after the last one's place in the year."""
    given = {
        "time": NEW_YEAR + 1_500_000,
        "transport": "rest",
        "remote": "127.0.0.1",
        "account": "main",
        "key": "full",
        "api_key": "MOCKKRAKENfull",
        "nonce": "1767225600123",
        "http_status": 200,
        "outcome": "accepted",
        "duration_us": 87,
        "user_agent": "krakenex/2.2.2",
    }
    return journal.add(endpoint=endpoint, **(given | more))


def refuse(journal: Journal, check: str = "nonce", **more) -> int:
    given = {"outcome": "refused", "error": "EAPI:Invalid nonce", "reason": "because", "scenario": "N06"}
    return note(journal, check=check, **(given | more))


def numbers(answer) -> list[int]:
    return [record["seq"] for record in answer[0]]


def test_a_record_has_every_field_of_the_contract_in_its_order():
    journal = Journal(10, sandbox="w3")
    refuse(journal, port=40001, highest=2**64 - 1, window=5000, fault=3)
    records, dropped, after = journal.records()
    assert list(records[0].items()) == [
        ("seq", 1),
        ("time", "2026-01-01T00:00:00.0015Z"),
        ("sandbox", "w3"),
        ("transport", "rest"),
        ("remote", "127.0.0.1"),
        ("account", "main"),
        ("key", "full"),
        ("api_key", "MOCKKRAKENfull"),
        ("endpoint", "Balance"),
        ("nonce", "1767225600123"),
        ("http_status", 200),
        ("outcome", "refused"),
        ("error", "EAPI:Invalid nonce"),
        ("check", "nonce"),
        ("reason", "because"),
        ("scenario", "N06"),
        ("duration_us", 87),
        ("user_agent", "krakenex/2.2.2"),
        ("port", 40001),
        ("highest", "18446744073709551615"),
        ("window", 5000),
        ("fault", 3),
    ]
    assert (dropped, after) == (0, 1)


def test_an_accepted_record_may_have_a_port_and_a_fault_but_nothing_of_a_refusal():
    journal = Journal(10)
    note(journal, port=40001)
    note(journal, fault=3)
    (plain, delayed) = journal.records()[0]
    assert [plain[field] for field in ("port", "highest", "window", "fault", "reason")] == [
        40001,
        None,
        None,
        None,
        None,
    ]
    assert [delayed[field] for field in ("port", "fault", "outcome", "http_status")] == [None, 3, "accepted", 200]


def test_an_accepted_request_may_have_an_error_beside_its_result_or_another_status():
    journal = Journal(10)
    note(journal, error="EQuery:Unknown asset pair", reason="one of them")
    note(journal, http_status=101)
    first, second = journal.records()[0]
    assert (first["outcome"], first["error"], first["reason"]) == (
        "accepted",
        "EQuery:Unknown asset pair",
        "one of them",
    )
    assert (second["outcome"], second["http_status"]) == ("accepted", 101)


def test_what_a_stranger_s_request_does_not_have_is_null():
    journal = Journal(10)
    seq = journal.add(
        time=NEW_YEAR,
        transport="ws2",
        remote="::1",
        endpoint="/0/private/balance",
        outcome="refused",
        http_status=404,
        duration_us=5,
    )
    (record,) = journal.records()[0]
    assert (seq, record["sandbox"], record["time"]) == (1, "default", "2026-01-01T00:00:00Z")
    absent = {"account", "key", "api_key", "nonce", "error", "check", "reason", "scenario", "user_agent"}
    absent |= {"port", "highest", "window", "fault"}
    assert {field for field, value in record.items() if value is None} == absent


def test_the_ring_keeps_the_newest_and_counts_what_it_dropped():
    journal = Journal(3)
    assert journal.records() == ([], 0, 0)
    assert [note(journal) for _ in range(5)] == [1, 2, 3, 4, 5]
    answer = journal.records()
    assert (numbers(answer), answer[1], answer[2]) == ([3, 4, 5], 2, 5)
    assert len(journal) == 3


def test_a_poller_sees_each_record_once_and_learns_what_it_missed():
    journal = Journal(3)
    note(journal)
    records, dropped, after = journal.records(since=0)
    assert ([r["seq"] for r in records], dropped, after) == ([1], 0, 1)
    assert journal.records(since=after) == ([], 0, 1)
    note(journal)
    note(journal)
    answer = journal.records(since=after)
    assert (numbers(answer), answer[1], answer[2]) == ([2, 3], 0, 3)
    for _ in range(5):
        note(journal)
    answer = journal.records(since=3)
    assert (numbers(answer), answer[1], answer[2]) == ([6, 7, 8], 2, 8)
    assert journal.records(since=99) == ([], 0, 8)


def test_limit_pages_oldest_first_through_the_filter():
    journal = Journal(100)
    for number in range(1, 11):
        (refuse if number % 3 == 0 else note)(journal)
    pages, since = [], 0
    for _ in range(3):
        answer = journal.records(outcome="refused", since=since, limit=2)
        since = answer[2]
        pages.append((numbers(answer), since))
    assert pages == [([3, 6], 6), ([9], 10), ([], 10)]
    assert journal.records(since=4, limit=0) == ([], 0, 4)
    assert numbers(journal.records(limit=100)) == list(range(1, 11))


def test_a_full_page_with_nothing_after_it_leads_to_the_end():
    journal = Journal(10)
    refuse(journal)
    note(journal)
    answer = journal.records(outcome="refused", limit=1)
    assert (numbers(answer), answer[2]) == ([1], 2)


def test_filters_by_key_endpoint_outcome_and_check():
    journal = Journal(10)
    note(journal)
    note(journal, "AddOrder", key="second", api_key="MOCKKRAKENsecond")
    refuse(journal, endpoint="AddOrder")
    refuse(journal, "signature", key=None, api_key=None)
    note(journal, outcome="faulted", http_status=520)
    assert numbers(journal.records(key="full")) == [1, 3, 5]
    assert numbers(journal.records(key="MOCKKRAKENsecond")) == [2]
    assert numbers(journal.records(key="nobody")) == []
    assert numbers(journal.records(endpoint="AddOrder")) == [2, 3]
    assert numbers(journal.records(endpoint="addorder")) == []
    assert numbers(journal.records(outcome="refused")) == [3, 4]
    assert numbers(journal.records(outcome="faulted")) == [5]
    assert numbers(journal.records(check="signature")) == [4]
    assert numbers(journal.records(key="full", endpoint="AddOrder", outcome="refused", check="nonce")) == [3]
    assert numbers(journal.records(key="full", since=1, limit=1)) == [3]
    assert numbers(journal.records(scenario="N06")) == [3, 4]
    assert numbers(journal.records(scenario="N05")) == []


def test_refusals():
    journal = Journal(10)
    note(journal)
    refuse(journal)
    refuse(journal, key="second", api_key="MOCKKRAKENsecond")
    assert [record["seq"] for record in journal.refusals()] == [2, 3]
    assert [record["key"] for record in journal.refusals("MOCKKRAKENsecond")] == ["second"]


def test_clear_forgets_but_does_not_count_anew():
    journal = Journal(2)
    for _ in range(5):
        note(journal)
    journal.clear()
    assert journal.records() == ([], 0, 5)
    note(journal)
    answer = journal.records(since=5)
    assert (numbers(answer), answer[1], answer[2]) == ([6], 0, 6)
    note(journal)
    note(journal)
    assert journal.records()[1] == 1
    assert journal.records(since=6)[1] == 0


def test_resize_keeps_the_newest_that_fit():
    journal = Journal(5)
    for _ in range(5):
        note(journal)
    journal.resize(2)
    answer = journal.records()
    assert (numbers(answer), answer[1]) == ([4, 5], 3)
    journal.resize(4)
    for _ in range(3):
        note(journal)
    answer = journal.records()
    assert (numbers(answer), answer[1]) == ([5, 6, 7, 8], 4)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("0017", "0017"), (2**64 - 1, "18446744073709551615"), ("9" * 64, "9" * 64), ("9" * 65, "9" * 63 + "…")],
)
def test_the_nonce_stands_there_as_sent_but_bounded(given, shown):
    journal = Journal(1)
    note(journal, nonce=given)
    assert journal.records()[0][0]["nonce"] == shown


def test_a_query_is_not_kept_since_anything_may_stand_in_it():
    journal = Journal(1)
    note(journal, "/0/private/Balance?otp=271828")
    assert journal.records()[0][0]["endpoint"] == "/0/private/Balance"


def test_whatever_clients_send_a_record_stays_small():
    journal = Journal(2000)
    tracemalloc.start()
    try:
        for number in range(2000):
            text = f"{number}" * 10_000
            note(journal, text, user_agent=text, remote=text, error=text, reason=text, nonce=text)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / 2000 < 3300
    (record,) = journal.records(since=1999)[0]
    assert {len(record[field]) for field in ("endpoint", "user_agent", "remote", "error")} == {200}
    assert (len(record["reason"]), record["reason"][-1]) == (1000, "…")


@pytest.mark.parametrize(("ports", "most"), [(1, 230), (10_000, 265)])
def test_an_accepted_record_is_small(ports, most):
    journal = Journal(10_000)
    tracemalloc.start()
    try:
        for number in range(20_000):
            time = (NEW_YEAR // 10**6 + number) * 10**6 + number % 1000
            # As a server has them: texts and numbers of their own for each request, the port's for each connection.
            port = 40_000 if ports == 1 else 40_000 + number
            remote, agent = f"127.0.0.{ports % 2}", f"krakenex/{ports % 2}"
            nonce = str(NEW_YEAR // 10**6 + number)
            note(journal, time=time, nonce=nonce, duration_us=300 + number, port=port, remote=remote, user_agent=agent)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / 10_000 < most


def test_a_journal_of_size_zero_keeps_nothing_but_tells_its_listeners():
    journal = Journal(0)
    assert not journal.wanted
    told = []
    journal.on_record.append(told.append)
    assert journal.wanted
    assert [note(journal), note(journal)] == [1, 2]
    assert ([record["seq"] for record in told], journal.records()) == ([1, 2], ([], 2, 2))
    journal.resize(1)
    note(journal)
    assert numbers(journal.records()) == [3]


def test_many_strangers_do_not_fill_the_memory():
    journal = Journal(10)
    for number in range(5000):
        note(journal, user_agent=f"bot {number}", remote=f"10.0.{number // 250}.{number % 250}")
    assert len(journal._senders) <= 1000
    assert len(journal._texts) <= 1000
    assert journal.records()[0][-1]["user_agent"] == "bot 4999"


def test_ten_thousand_records_cost_less_than_three_mebibytes():
    journal = Journal(10_000)
    tracemalloc.start()
    try:
        for number in range(25_000):
            more = {
                "nonce": str(NEW_YEAR // 1000 + number),
                "time": NEW_YEAR + number * 1_000_003,
                "duration_us": 300 + number,
                "remote": f"127.0.0.{number % 3}",
                "user_agent": f"krakenex/{number % 5}",
            }
            if number % 20:
                note(journal, f"Endpoint{number % 2}", **more)
            else:
                reason = f"nonce 1767225600123 (13 digits, milliseconds) is not above {number} (16 digits), the highest"
                refuse(journal, reason=reason, **more)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used < 3 * 2**20
