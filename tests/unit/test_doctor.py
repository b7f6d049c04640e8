"""The doctor on made-up traffic: each trouble by its name, with its proof, and none where nothing was refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.gate import nonce as nonces
from mockkraken.gate.nonce import NonceState
from mockkraken.journal.doctor import examine
from mockkraken.journal.journal import Journal
from mockkraken.journal.mistakes import SIGNATURE_MISTAKES
from mockkraken.journal.nonce_mistakes import TROUBLES, name_of
from mockkraken.journal.units import gap, span, unit_of

NEW_YEAR = 1_767_225_600
MS = NEW_YEAR * 1000
US = NEW_YEAR * 10**6
NS = NEW_YEAR * 10**9
TEN_NS = NEW_YEAR * 10**8
DOTNET = 639_028_224_000_000_000
DATE = 20_260_101_000_000


class Traffic:
    """Requests of one key: its nonces are judged as the gate does, and journalled."""

    def __init__(self, window: int = 0, key: str = "bot", journal: Journal | None = None) -> None:
        self.journal = Journal(20_000) if journal is None else journal
        self.state = NonceState(window)
        self.key = key
        self.sent: set[tuple[str, object]] = set()
        self.at = 0

    def send(self, nonce: object, by: str = "bot", port: int | None = 40001, after: float = 0.001, **more: Any) -> int:
        """A request `after` seconds; `check` refuses it for something else, `fault` is lost, late or kept."""
        self.at += round(after * SECOND)
        endpoint = more.get("endpoint", "Balance")
        fault = more.pop("fault", None)
        record = {
            "time": NS + self.at,
            "transport": "rest",
            "remote": "127.0.0.1",
            "endpoint": endpoint,
            "outcome": "accepted",
            "http_status": 200,
            "duration_us": 90,
            "account": "main",
            "key": self.key,
            "api_key": f"MOCKKRAKEN{self.key}",
            "nonce": nonces.shown(None if nonce is None else str(nonce)),
            "port": port,
            "user_agent": f"{by}/1.0 (a bot)",
        }
        if fault == "kept":
            record |= {"outcome": "faulted", "http_status": 0, "fault": 1}
            record["reason"] = "fault 1: hang 30s; it never reached the gate, so its nonce does not count"
        elif more.get("check") not in ("signature", "key", "address", "expiry", "lockout"):
            record |= self._judged(record["nonce"], endpoint)
        if fault == "lost":
            reason = record.get("reason") or ""
            what = "it was refused" if record["outcome"] == "refused" else "it took effect"
            record |= {"outcome": "faulted", "http_status": 0, "fault": 1}
            record["reason"] = f"fault 1: {what}, then its answer was lost (hang 30s){reason}"
        if fault == "late":
            record["fault"] = 1
        if "check" in more and record["outcome"] == "accepted":
            record |= {"outcome": "refused", "error": "EGeneral:Something", "reason": f"refused by {more['check']}"}
        return self.journal.add(**(record | more))

    def _judged(self, text: str | None, endpoint: str) -> dict[str, Any]:
        refused = {"outcome": "refused", "error": "EAPI:Invalid nonce", "check": "nonce"}
        value = nonces.parse(text)
        if value is None:
            reason, scenario = nonces.explain_unreadable(text)
            return refused | {"reason": reason, "scenario": scenario}
        same = (endpoint, value) in self.sent
        if self.state.accept(value):
            self.sent.add((endpoint, value))
            return {}
        reason, scenario = self.state.explain(value)
        if same:
            reason += "; it is the same request again, to the byte"
            scenario = "N13" if endpoint != "Balance" else scenario
        state = {"highest": self.state.highest, "window": self.state.window}
        return refused | state | {"reason": reason, "scenario": scenario}

    def examine(self):
        return examine(self.journal.records()[0])


Play = Callable[[Traffic], object]


def one_connection(*given: int, **more: Any) -> Play:
    return lambda traffic: [traffic.send(nonce, **more) for nonce in given]


def mixed(*given: tuple[int, str, int]) -> Play:
    """Nonces with their sender and port."""
    return lambda traffic: [traffic.send(nonce, by, port) for nonce, by, port in given]


def steps(*given: dict[str, Any]) -> Play:
    return lambda traffic: [traffic.send(**step) for step in given]


def after_a_while(off: int) -> list[dict[str, Any]]:
    """Two requests after nine seconds, so close together that they may have been sent at once."""
    return [
        {"nonce": MS + 9000 + off, "port": 50 + off, "after": 9},
        {"nonce": MS + 9060 + off, "port": 51 + off, "after": 0.06},
    ]


def twenty_threads(traffic: Traffic) -> None:
    draw = random.Random(1)
    held = [
        (MS + number // 3, port) for number, port in zip(range(60), [40001 + n % 20 for n in range(60)], strict=True)
    ]
    for start in range(0, 60, 20):
        burst = held[start : start + 20]
        draw.shuffle(burst)
        for nonce, port in burst:
            traffic.send(nonce, port=port)


CASES: dict[str, tuple[int, Play, str, int | None, int]] = {
    # name: window, what was sent, the finding, its culprit, its count
    "N01 the same counter value": (0, one_connection(100, 100), "N01", 1, 1),
    "N13 a request that is sent for ever": (0, one_connection(MS, MS, after=2, endpoint="Ledgers"), "N13", 1, 1),
    "N01 a nonce that never changes": (
        0,
        steps({"nonce": MS}, {"nonce": MS, "endpoint": "OpenOrders", "after": 2}),
        "N01",
        1,
        1,
    ),
    "N02 a counter that falls": (0, one_connection(100, 99, 101), "N02", 1, 1),
    "N03 three at once": (0, mixed((102, "bot", 1), (101, "bot", 2), (103, "bot", 3)), "N03", 1, 1),
    "N03 and N11, twenty threads": (0, twenty_threads, "N03", 1, 49),
    "N03 one that waited in the client": (0, one_connection(MS, MS + 2, MS + 1, MS + 3), "N03", 2, 1),
    "N03 in disorder, over a new connection each": (
        0,
        mixed(*((MS + after, "bot", 50 + after) for after in (0, 600, 100, 50, 300, 200, 450))),
        "N03",
        2,
        5,
    ),
    "N03 held for long, and let go together": (
        0,
        mixed((MS - 9, "bot", 1), (MS + 1000, "bot", 2), (MS, "bot", 3), (MS + 500, "bot", 4)),
        "N03",
        2,
        2,
    ),
    "N03 one close behind the other": (
        0,
        steps(*({"nonce": MS + after, "port": 50 + after, "after": 0.03} for after in (-9, 90, 0, 30))),
        "N03",
        2,
        2,
    ),
    "N03 drawn early, twice, sent over another connection": (
        0,
        mixed(*((MS + after, "bot", port) for after, port in ((0, 1), (5, 1), (1, 2), (7, 1), (2, 2), (9, 1)))),
        "N03",
        2,
        2,
    ),
    "N03 without ports": (0, one_connection(MS, MS + 2, MS + 1, port=None), "N03", 2, 1),
    "N04 a value of the window again": (10, one_connection(102, 101, 103, 101, endpoint="Ledgers"), "N13", 2, 1),
    "N04 with another call": (
        10,
        steps({"nonce": 102}, {"nonce": 101}, {"nonce": 103}, {"nonce": 101, "endpoint": "OpenOrders"}),
        "N04",
        2,
        1,
    ),
    "N05 two programs": (0, mixed((MS + 439, "freqtrade", 1), (MS, "script", 2), (MS + 500, "script", 2)), "N05", 1, 1),
    "N05 two instances of one client": (
        0,
        mixed(*((MS + 10 * n - (7 if n % 2 else 0) - 5 * (n % 4 == 3), "ccxt", 1 + n % 2) for n in range(20))),
        "N05",
        None,
        0,
    ),
    "N05 both in the same millisecond": (0, mixed((MS, "freqtrade", 1), (MS, "script", 2)), "N05", 1, 1),
    "N06 microseconds, then milliseconds": (0, one_connection(US, MS + 123, MS + 124), "N06", 1, 2),
    "N06 ticks, then units of 10 ns": (0, mixed((DOTNET, "kraken-net", 1), (TEN_NS, "sdk", 2)), "N06", 1, 1),
    "N06 another client in between": (
        0,
        mixed((MS, "ccxt", 1), (TEN_NS, "sdk", 2), (TEN_NS + 9, "sdk", 2), (MS + 9, "ccxt", 1)),
        "N06",
        2,
        1,
    ),
    "N06 a clock, then a counter": (0, one_connection(MS, 5), "N06", 1, 1),
    "N06 dates as digits, then milliseconds": (
        0,
        mixed(*((DATE + number, "vba", 1) for number in range(3)), (MS, "ccxt", 2), (MS + 1, "ccxt", 2)),
        "N06",
        1,
        2,
    ),
    "N06 the finest came last, the finer did the damage": (
        0,
        mixed((MS, "ccxt", 1), (US, "b", 2), (NS, "c", 3), (MS + 1, "ccxt", 1)),
        "N06",
        2,
        1,
    ),
    "N08 seconds after milliseconds": (0, one_connection(MS + 123, NEW_YEAR + 1, NEW_YEAR + 2), "N08", 1, 2),
    "N09 seconds ran ahead": (0, one_connection(*range(NEW_YEAR, NEW_YEAR + 21), NEW_YEAR + 5), "N09", 21, 1),
    "N09 until the clock has caught up": (
        0,
        one_connection(*range(NEW_YEAR, NEW_YEAR + 21), *range(NEW_YEAR + 5, NEW_YEAR + 22)),
        "N09",
        21,
        16,
    ),
    "N09 with a window": (
        20,
        steps(
            *({"nonce": NEW_YEAR + number, "port": 1, "after": 0.05} for number in range(21)),
            *({"nonce": NEW_YEAR + 5 + number, "port": 2, "after": 4 / (1 + 3 * number)} for number in range(3)),
        ),
        "N09",
        6,
        3,
    ),
    "N04 a second of the window again": (
        20,
        one_connection(*range(NEW_YEAR, NEW_YEAR + 21), NEW_YEAR + 5, after=1),
        "N04",
        6,
        1,
    ),
    "N09 on a clock that runs faster than the client's": (
        0,
        one_connection(*range(NEW_YEAR, NEW_YEAR + 21), *range(NEW_YEAR + 5, NEW_YEAR + 9), after=3),
        "N09",
        21,
        4,
    ),
    "N16 in seconds, which were not ahead": (
        0,
        one_connection(*range(NEW_YEAR, NEW_YEAR + 21), *range(NEW_YEAR - 5, NEW_YEAR - 1), after=1),
        "N16",
        21,
        4,
    ),
    "N10 microseconds and a counter, started again": (
        0,
        mixed((US, "bot", 1), (US + 90, "bot", 1), (US + 40, "bot", 2), (US + 41, "bot", 2), (US + 99, "bot", 2)),
        "N10",
        2,
        2,
    ),
    "N11 two calls in one millisecond": (
        0,
        steps({"nonce": MS, "port": 1}, {"nonce": MS, "port": 2, "endpoint": "OpenOrders"}),
        "N11",
        1,
        1,
    ),
    "N11 milliseconds times a thousand": (
        0,
        steps({"nonce": US + 5000}, {"nonce": US + 5000, "endpoint": "OpenOrders"}),
        "N11",
        1,
        1,
    ),
    "N11 two calls in one second": (0, one_connection(NEW_YEAR, NEW_YEAR, after=0.1), "N11", 1, 1),
    "N12 a counter within the second": (
        0,
        mixed((MS + 834, "ccxt", 1), (MS, "Go-http-client", 2), (MS + 1000, "Go-http-client", 2)),
        "N12",
        1,
        1,
    ),
    "N13 the same parameters again": (0, one_connection(MS, MS, endpoint="Ledgers"), "N13", 1, 1),
    "N14 the same bytes after a lost answer": (
        0,
        steps({"nonce": MS, "endpoint": "AddOrder", "fault": "lost"}, {"nonce": MS, "endpoint": "AddOrder", "port": 2}),
        "N14",
        1,
        1,
    ),
    "N14 a read, lost": (0, steps({"nonce": MS, "fault": "lost"}, {"nonce": MS}), "N14", 1, 1),
    "N14 the answer was late": (
        0,
        steps({"nonce": MS, "endpoint": "Ledgers", "fault": "late"}, {"nonce": MS, "endpoint": "Ledgers", "after": 2}),
        "N14",
        1,
        1,
    ),
    "N14 others went on meanwhile": (
        0,
        steps(
            {"nonce": MS, "endpoint": "AddOrder", "fault": "lost"},
            {"nonce": MS + 1, "port": 2},
            {"nonce": MS, "endpoint": "AddOrder", "port": 3},
        ),
        "N14",
        1,
        1,
    ),
    "N15 another order after a lost answer": (
        0,
        steps(
            {"nonce": MS, "endpoint": "AddOrder", "fault": "lost"},
            {"nonce": MS + 1},
            {"nonce": MS + 2, "endpoint": "AddOrder"},
        ),
        "N15",
        1,
        1,
    ),
    "N16 the clock went back an hour": (0, one_connection(MS, MS - 3_600_000, after=1), "N16", 1, 1),
    "N16 a little, and nothing passed until it had caught up": (
        0,
        one_connection(MS, MS + 1000, MS - 500, MS + 500, MS + 1500, after=1),
        "N16",
        2,
        2,
    ),
    "N16 after a while, and both at once": (0, steps(*after_a_while(0), *after_a_while(-8000)), "N16", 2, 2),
    "N16 while another program goes on": (
        0,
        mixed((MS, "bot", 1), (MS + 5, "other", 2), (MS - 3_600_000, "bot", 1), (MS - 3_599_000, "bot", 1)),
        "N16",
        1,
        2,
    ),
    "N16 of a program with threads": (
        0,
        steps(
            *({"nonce": MS + 100 * number, "port": 1 + number % 3, "after": 0.1} for number in range(20)),
            *({"nonce": MS - 7000 + 100 * number, "port": 1 + number % 3, "after": 0.1} for number in range(20)),
        ),
        "N16",
        20,
        20,
    ),
    "N16 with a new connection for each request": (
        0,
        mixed(*((MS + 1000 * n - 4000 * (n > 3), "curl", 50 + n) for n in range(8))),
        "N16",
        4,
        4,
    ),
    "N17 started again with corrected time": (
        0,
        mixed((MS, "bot", 1), (MS + 100, "bot", 1), (MS - 1400, "bot", 2), (MS - 400, "bot", 2), (MS + 600, "bot", 2)),
        "N17",
        2,
        2,
    ),
    "N17 started again an hour behind": (
        0,
        steps(
            *({"nonce": MS + number, "port": 1} for number in range(3)),
            *({"nonce": MS - 3_600_000 + 1000 * number, "port": 2, "after": 1} for number in range(3)),
        ),
        "N17",
        3,
        3,
    ),
    "N02 one nonce again and again": (
        0,
        mixed((MS, "bot", 1), (MS + 1, "bot", 1), *[(MS - 90_000, "bot", 2)] * 5),
        "N02",
        1,
        5,
    ),
    "N03 drawn early, sent over another connection": (
        0,
        mixed((MS, "bot", 1), (MS + 2, "bot", 1), (MS + 1, "bot", 2), (MS + 3, "bot", 1), (MS + 9, "bot", 1)),
        "N03",
        2,
        1,
    ),
    "N05 two instances that are minutes apart": (
        0,
        mixed(*((MS + 10 * n - 120_000 * (n % 2), "ccxt", 1 + n % 2) for n in range(-1, 20))),
        "N05",
        2,
        10,
    ),
    "N21 no nonce": (0, steps({"nonce": None}), "N21", 1, 1),
    "N22 a broken body": (0, steps({"nonce": "1517?pair=XBTUSD"}), "N22", 1, 1),
    "N23 a window of 15 milliseconds": (15, one_connection(MS + 100, MS + 80, MS + 90), "N23", 1, 1),
    "N25 a window for milliseconds, used with nanoseconds": (
        10_000,
        one_connection(NS + 600_000, NS + 580_000),
        "N25",
        1,
        1,
    ),
    "N26 the largest nonce": (0, one_connection(2**64 - 1, MS, MS + 1), "N26", 1, 2),
    "N26 the largest nonce again and again": (0, one_connection(2**64 - 1, 2**64 - 1, 2**64 - 1), "N26", 1, 2),
    "N26 no larger than nanoseconds, but centuries ahead": (
        0,
        one_connection(NS, 2**63 - 1, NS + 9, NS + 10),
        "N26",
        2,
        2,
    ),
    "N26 a number beside a counter": (0, one_connection(1, 2, 12345678901, 3), "N26", 3, 1),
    "N26 a nonce without a unit": (0, one_connection(12345678901234567, MS), "N26", 1, 1),
    "N27 too large": (0, steps({"nonce": 2**64}), "N27", 1, 1),
    "N32 no whole number": (0, steps({"nonce": "1.7e12"}), "N32", 1, 1),
    "N33 a negative number": (0, one_connection(2147483647, -2147483648), "N33", 2, 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_nonce_trouble_is_named(case):
    window, play, scenario, culprit, count = CASES[case]
    traffic = Traffic(window)
    play(traffic)
    findings = traffic.examine().findings
    assert [finding["scenario"] for finding in findings] == [scenario]
    [finding] = findings
    assert (finding["key"], finding["api_key"]) == ("bot", "MOCKKRAKENbot")
    assert finding["title"] == TROUBLES[scenario].title
    assert scenario not in finding["related"]
    refused = [record["seq"] for record in traffic.journal.records()[0] if record["outcome"] != "accepted"]
    assert set(refused) <= {*finding["evidence"], finding["culprit"]} or finding["count"] > 50
    if count:
        assert (finding["culprit"], finding["count"]) == (culprit, count)
    assert finding["explanation"].endswith((".", "?"))
    assert "{" not in finding["cure"] + finding["explanation"]


RELATED = {
    "N03 three at once": {"N05", "N19", "N20"},  # each over a connection of its own: it might be three programs
    "N03 and N11, twenty threads": {"N11", "N19", "N20", "N18", "N05"},  # the nonces of each connection rise
    "N05 two programs": {"N18", "N34"},
    "N13 the same parameters again": {"N01", "N11"},
    "N12 a counter within the second": {"N05"},
}


@pytest.mark.parametrize("case", RELATED)
def test_what_looks_the_same_from_a_server_is_said(case):
    window, play, _, _, _ = CASES[case]
    traffic = Traffic(window)
    play(traffic)
    [finding] = traffic.examine().findings
    assert set(finding["related"]) == RELATED[case]
    assert all(name_of(other) for other in finding["related"])


def test_what_was_refused_later_has_used_up_its_nonce():
    traffic = Traffic()
    traffic.send(500, check="arguments", endpoint="AddOrder")
    traffic.send(400)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["related"][0], finding["culprit"]) == ("N02", "N30", 1)


def test_a_window_that_is_a_little_too_small():
    traffic = Traffic(window=10_000)
    traffic.send(MS + 10_000, port=1)
    traffic.send(MS + 500, port=2)
    traffic.send(MS - 1, port=3)
    [finding] = traffic.examine().findings
    assert finding["scenario"] == "N03"
    assert "N24" in finding["related"]
    assert "a nonce window of at least 10001;" in finding["cure"]


def test_machines_behind_one_key():
    traffic = Traffic()
    for number in range(12):
        pod = number % 3
        traffic.send(MS + 10 * number - 25 * (pod == 2), port=1, remote=f"10.0.0.{pod}")
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["related"][0]) == ("N05", "N34")
    assert "bot/1.0 at 10.0.0.1 and bot/1.0 at 10.0.0.2 use the same key" in finding["explanation"]


def test_the_explanation_has_the_numbers_and_the_cure_the_window():
    traffic = Traffic()
    traffic.send(MS + 439, "freqtrade", 1)
    traffic.send(MS, "script", 2)
    [finding] = traffic.examine().findings
    assert finding["explanation"] == (
        "freqtrade/1.0 and script/1.0, both at 127.0.0.1, use the same key, and neither knows what the other has sent. "
        f"Request 2 brought {MS} (13 digits, milliseconds), 439 milliseconds below {MS + 439} of request 1, which had "
        "arrived before it."
    )
    assert finding["cure"].endswith("a nonce window of at least 439, better 5000: 5 seconds in milliseconds.")
    assert (finding["evidence"], finding["first"], finding["last"]) == (
        [1, 2],
        "2026-01-01T00:00:00.002Z",
        "2026-01-01T00:00:00.002Z",
    )


@pytest.mark.parametrize(
    ("nonces", "counts"),
    [
        ((US + 1, US + 2), "Its nonces count microseconds: two requests within one get the same."),
        ((US + 1000, US + 2000), "Its nonces look like microseconds, but end in 000: they count milliseconds, and two"),
        ((NS + 10**6,), "Its nonces look like nanoseconds, but end in 000000: they count milliseconds, and two"),
        ((US + 1000, US + 2001), "Its nonces count microseconds"),
    ],
)
def test_nonces_that_are_longer_than_what_they_count(nonces, counts):
    traffic = Traffic()
    for nonce in nonces:
        traffic.send(nonce, port=1)
        traffic.send(nonce, port=2)
    [finding] = traffic.examine().findings
    assert finding["scenario"] == "N11"
    assert counts in finding["explanation"]


@pytest.mark.parametrize(("late", "same"), [(0, True), (1, False)])
def test_no_window_is_recommended_against_the_same_nonce(late, same):
    traffic = Traffic()
    for number in range(0, 40, 4):
        traffic.send(MS + number, "ccxt", 1)
        traffic.send(MS + number - late, "krakenex", 2)
        traffic.send(MS + number + 1, "krakenex", 2)
    [finding] = traffic.examine().findings
    assert finding["scenario"] == "N05"
    assert ("No window lets the same nonce pass twice" in finding["cure"]) is same


def test_the_culprit_is_the_earliest_request_that_did_the_damage():
    traffic = Traffic()
    traffic.send(MS, "ccxt", 1)
    for number in range(5):
        traffic.send(US + number, "nautilus", 2)
    traffic.send(MS + 9, "ccxt", 1)
    [finding] = traffic.examine().findings
    assert (finding["culprit"], finding["evidence"]) == (2, [2, 6, 7])


def test_what_the_ring_has_lost_is_no_culprit():
    traffic = Traffic(journal=Journal(2))
    traffic.send(US)
    traffic.send(MS)
    traffic.send(MS + 1)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["culprit"], finding["evidence"]) == ("N06", None, [2, 3])
    assert finding["explanation"] == (
        f"bot/1.0 sends milliseconds, like {MS} (13 digits, milliseconds) in request 2, but the key stood at {US} (16 "
        "digits, microseconds), which no request in the journal has set. 2 such requests were refused, and every later "
        "one will be: what was counted finer is larger for ever."
    )


def test_a_key_set_to_a_nonce_from_outside():
    traffic = Traffic()
    traffic.send(MS)
    traffic.state.place(2**64 - 1)
    traffic.send(MS + 1)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["culprit"]) == ("N26", None)
    traffic.state.place(0)
    traffic.send(MS + 2)
    traffic.send(MS + 1, port=2, endpoint="OpenOrders")
    assert [finding["scenario"] for finding in traffic.examine().findings] == ["N26", "N03"]


def test_a_trouble_of_one_program_is_one_finding():
    """Also where a burst looks like a step of the clock, or like a restart, for a moment."""
    draw = random.Random(3)
    traffic = Traffic()
    for start in range(0, 3000, 150):
        traffic.send(MS + start, port=1)
        burst = [(MS + start + 10 + 60 * number, 2 + number) for number in range(3)]
        for nonce, port in draw.sample(burst, 3):
            traffic.send(nonce, port=port, after=0.03)
    assert [finding["scenario"] for finding in traffic.examine().findings] == ["N03"]


def test_what_looks_like_a_step_of_the_clock_among_many_that_were_overtaken():
    traffic = Traffic()
    for number in range(0, 4000, 1000):
        for after in (0, 9, 2):
            traffic.send(MS + number + after, port=None)
    for after in (4000, 3500, 3650, 4001):
        traffic.send(MS + after, port=None, after=0.15)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["count"], finding["related"][0]) == ("N03", 6, "N16")
    assert {row["scenario"] for row in traffic.examine().timelines[0]["requests"]} == {None, "N03"}


def test_two_units_in_a_row_are_two_troubles():
    traffic = Traffic()
    for nonce, port in ((NS, 1), (NS + 10**7, 1), (MS, 2), (NS + 5 * 10**6, 3)):
        traffic.send(nonce, port=port, after=0)
    assert [finding["scenario"] for finding in traffic.examine().findings] == ["N06", "N03"]


def test_a_repeat_that_came_first_stands_in_the_evidence():
    traffic = Traffic()
    traffic.send(MS, port=1)
    traffic.send(MS, port=2, endpoint="OpenOrders")
    for number in range(10, 700, 10):
        for after, port in ((5, 1), (3, 2), (6, 3)):
            traffic.send(MS + number + after, port=port)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["culprit"], finding["evidence"][:2]) == ("N03", 1, [1, 2])


def test_a_program_that_fell_behind_itself_is_told_so_whatever_others_did():
    traffic = Traffic()
    for nonce, by in ((MS, "bot"), (MS + 50, "other"), (MS - 90_000, "bot"), (MS - 89_000, "bot")):
        traffic.send(nonce, by, 1)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["evidence"]) == ("N16", [1, 3, 4])
    assert (
        f"Request 3 brought {MS - 90_000} (13 digits, milliseconds), 90 seconds below {MS} of request 1,"
        in (finding["explanation"])
    )


def test_a_nonce_of_another_program_within_the_window():
    traffic = Traffic(window=100)
    traffic.send(MS, "a", 1)
    traffic.send(MS + 9, "a", 1)
    traffic.send(MS, "b", 2, endpoint="OpenOrders")
    [finding] = traffic.examine().findings
    assert finding["scenario"] == "N05"
    assert finding["explanation"].endswith(
        f"Request 3 brought nonce {MS} (13 digits, milliseconds), which request 1 had used."
    )


def test_a_step_of_the_clock_is_seen_beside_threads_that_overtake_each_other():
    traffic = Traffic()
    for number in range(0, 40, 2):
        for nonce, port in ((MS + 10 * number + 9, 1), (MS + 10 * number, 2), (MS + 10 * number + 15, 3)):
            traffic.send(nonce, port=port)
    for number in range(5):
        traffic.send(MS - 3_600_000 + 1000 * number, port=1, after=1)
    assert {finding["scenario"]: finding["count"] for finding in traffic.examine().findings} == {"N03": 20, "N16": 5}


@pytest.mark.parametrize(
    ("nonces", "set_by", "related"),
    [
        ((MS, MS + 1), MS + 500, "N03"),
        ((MS, MS + 1), MS + 90_000, "N16"),
        ((NEW_YEAR,), NEW_YEAR + 5, "N09"),
        ((MS, MS + 1), MS + 1, None),
    ],
)
def test_of_whom_the_journal_does_not_have_nothing_is_said(nonces, set_by, related):
    traffic = Traffic()
    traffic.state.place(set_by)
    for nonce in nonces:
        traffic.send(nonce, after=1)
    found = traffic.examine().findings
    assert {finding["scenario"] for finding in found} == ({"N02"} if related else {"N02", "N01"})
    assert [finding["culprit"] for finding in found] == [None] * len(found)
    [below] = [finding for finding in found if finding["scenario"] == "N02"]
    assert "the highest accepted; no request in the journal has set that." in below["explanation"]
    assert "bot" not in below["explanation"]
    assert related in (None, below["related"][0])


def test_what_came_before_the_journal_may_have_done_the_damage():
    traffic = Traffic(window=5)
    traffic.state.place(MS + 1000)
    traffic.send(MS + 900)  # so that the journal knows of it
    traffic.send(MS + 1001, "ccxt", 2)
    traffic.send(MS + 990, "bot", 1)
    found = {finding["scenario"]: finding for finding in traffic.examine().findings}
    assert (found["N23"]["culprit"], found["N23"]["evidence"]) == (None, [1, 2, 3])


@pytest.mark.parametrize("same", [True, False])
def test_what_the_gate_says_of_a_nonce_holds_without_its_first_user(same):
    traffic = Traffic(window=10, journal=Journal(2))
    for nonce in (MS, MS + 1, MS + 2):
        traffic.send(nonce, endpoint="Ledgers")
    traffic.send(MS, endpoint="Ledgers" if same else "OpenOrders")
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["culprit"]) == ("N13" if same else "N04", None)


def test_a_nonce_that_was_set_back_from_outside_is_no_trouble():
    traffic = Traffic()
    traffic.send(NS)
    traffic.state.place(0)
    traffic.send(MS)
    traffic.send(MS + 5)
    traffic.send(MS + 3, port=2)
    diagnosis = traffic.examine()
    assert [(finding["scenario"], finding["evidence"]) for finding in diagnosis.findings] == [("N03", [3, 4])]
    assert [row["highest"] for row in diagnosis.timelines[0]["requests"]] == [None, None, str(MS), str(MS + 5)]


def test_the_first_that_was_too_high_is_the_culprit_and_not_the_highest():
    traffic = Traffic()
    for nonce, by, port in ((MS, "a", 1), (MS + 10, "b", 2), (MS + 20, "b", 2), (MS + 30, "b", 2), (MS + 15, "a", 1)):
        traffic.send(nonce, by, port)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["culprit"], finding["evidence"]) == ("N05", 3, [3, 4, 5])
    assert f"15 milliseconds below {MS + 30} of request 4" in finding["explanation"]


def test_where_every_nonce_was_used_no_window_helps():
    traffic = Traffic()
    for number in range(4):
        traffic.send(MS + number, "a", 1)
        traffic.send(MS + number, "b", 2, endpoint="OpenOrders")
    [finding] = traffic.examine().findings
    assert finding["scenario"] == "N05"
    assert finding["cure"].endswith("No window lets the same nonce pass twice, though, as all of these would have to.")


def test_the_window_is_that_of_the_unit_which_the_key_counts_now():
    traffic = Traffic()
    for nonce, by, port in ((MS + 9, "a", 1), (MS, "b", 2), (US + 90_000, "a", 1), (US, "b", 2)):
        traffic.send(nonce, by, port)
    [finding] = traffic.examine().findings
    assert finding["cure"].endswith("at least 90000, better 5000000: 5 seconds in microseconds.")


# Logs with more than one history


def test_a_log_of_several_runs():
    first, second = Traffic(), Traffic()
    first.send(US)
    second.send(MS)
    second.send(MS + 5)
    records = [*first.journal.records()[0], *second.journal.records()[0]]
    diagnosis = examine(records)
    assert diagnosis.findings == []
    assert [(timeline["run"], len(timeline["requests"])) for timeline in diagnosis.timelines] == [(1, 1), (2, 2)]
    second.send(MS + 3, port=2)
    first.send(MS)
    records = [*first.journal.records()[0], *second.journal.records()[0]]
    found = examine(records).findings
    assert [(finding["run"], finding["scenario"], finding["evidence"]) for finding in found] == [
        (1, "N06", [1, 2]),
        (2, "N03", [2, 3]),
    ]


def test_a_log_of_several_sandboxes():
    """Their keys are the same, and their numbers are mixed."""
    here, there = Traffic(journal=Journal(9, "here")), Traffic(journal=Journal(9, "there"))
    for number in range(3):
        here.send(US + number)
        there.send(MS + number)
    records = [row for pair in zip(here.journal.records()[0], there.journal.records()[0], strict=True) for row in pair]
    diagnosis = examine(records)
    assert diagnosis.findings == []
    assert [len(timeline["requests"]) for timeline in diagnosis.timelines] == [3, 3]


def test_a_record_that_stands_twice_in_a_file_counts_once():
    traffic = Traffic()
    for nonce in (MS, MS + 5, MS + 3, MS + 9):
        traffic.send(nonce)
    records = traffic.journal.records()[0]
    diagnosis = examine([*records[:3], *records[1:]])
    assert [finding["count"] for finding in diagnosis.findings] == [1]
    assert [len(timeline["requests"]) for timeline in diagnosis.timelines] == [4]


# Refusals that have nothing to do with nonces


@pytest.mark.parametrize("check", ["key", "address", "expiry", "otp", "permission", "rate", "throttle", "trading_rate"])
def test_other_refusals_go_by_the_name_of_their_check(check):
    traffic = Traffic()
    traffic.send(MS, check=check)
    traffic.send(MS + 1, check=check)
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["title"], finding["count"]) == (check, TROUBLES[check].title, 2)
    assert f"Request 1 (Balance): refused by {check}." in finding["explanation"]


def test_a_signature_by_its_mistake():
    traffic = Traffic()
    for number in range(3):
        traffic.send(
            MS + number, check="signature", scenario="S01", reason="API-Sign fits if the secret is not decoded"
        )
    traffic.send(MS + 9, check="signature", reason="API-Sign is not what the secret gives")
    found = traffic.examine().findings
    assert [(finding["scenario"], finding["count"]) for finding in found] == [("S01", 3), ("signature", 1)]
    assert (found[0]["title"], found[0]["cure"]) == SIGNATURE_MISTAKES["S01"]
    assert "if the secret is not decoded. 2 more" in found[0]["explanation"]


def test_a_key_that_nobody_has():
    traffic = Traffic()
    for text in ("no key has this API-Key of 5 characters", "API-Key is the secret of 'full'"):
        traffic.send(MS, check="key", key=None, api_key=None, reason=text, error="EAPI:Invalid key")
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["key"], finding["api_key"], finding["count"]) == ("key", None, None, 2)
    assert finding["explanation"] == (
        "Request 1 (Balance): no key has this API-Key of 5 characters. 1 more was refused likewise; the journal has "
        "each one's reason."
    )


def test_a_lockout_and_what_led_to_it():
    traffic = Traffic()
    traffic.send(MS)
    for number in range(10):
        traffic.send(MS - 1 - number % 3, port=number)
    for number in range(4):
        traffic.send(MS + number, check="lockout", reason="locked out until noon", error="EGeneral:Temporary lockout")
    found = traffic.examine().findings
    assert [(finding["scenario"], finding["count"]) for finding in found] == [("N03", 10), ("N31", 4)]
    assert (found[1]["culprit"], found[1]["evidence"]) == (2, [2, 12, 13, 14, 15])
    assert found[1]["explanation"] == (
        "Since request 2 (EAPI:Invalid nonce) every one was refused, until the source was locked out. 4 requests came "
        "during the lockout; the last: locked out until noon."
    )


def test_a_lockout_without_refusals_before_it():
    traffic = Traffic()
    traffic.send(MS, check="signature")
    traffic.send(MS)
    traffic.send(MS + 1, check="lockout", reason="locked out until noon")
    found = {finding["scenario"]: finding for finding in traffic.examine().findings}
    assert (found["N31"]["culprit"], found["N31"]["evidence"]) == (None, [3])
    assert found["N31"]["explanation"] == (
        "What led to it is not in the journal, or it was set by POST /mock/lockout. 1 request came during the lockout; "
        "the last: locked out until noon."
    )


def test_a_lockout_belongs_to_an_address():
    traffic = Traffic()
    for number in range(3):
        traffic.send(MS + number, check="signature", remote="10.0.0.1")
        traffic.send(MS + number, remote="10.0.0.2")
    traffic.send(MS + 9, check="lockout", remote="10.0.0.1", reason="locked out until noon")
    traffic.send(MS + 9, check="lockout", remote="10.0.0.2", reason="locked out until noon")
    found = {finding["scenario"]: finding for finding in traffic.examine().findings}
    assert (found["N31"]["culprit"], found["N31"]["count"]) == (1, 2)


# Orders after lost answers


@pytest.mark.parametrize("look", ["OpenOrders", "QueryOrders", "ClosedOrders", "TradesHistory", "CancelAll"])
def test_who_looks_first_may_order_again(look):
    traffic = Traffic()
    traffic.send(MS, endpoint="AddOrder", fault="lost")
    traffic.send(MS + 1, endpoint=look)
    traffic.send(MS + 2, endpoint="AddOrder")
    assert traffic.examine().findings == []


@pytest.mark.parametrize(
    "then",
    [
        {"check": "order", "error": "EOrder:Insufficient funds"},  # refused: there are not two
        {"by": "another"},  # it does not know of the lost one
        {"after": 3600},  # it is another order
        {"endpoint": "Balance"},
    ],
)
def test_not_every_order_after_a_lost_answer_is_the_same_again(then):
    traffic = Traffic()
    traffic.send(MS, endpoint="AddOrder", fault="lost")
    traffic.send(MS + 1, **({"endpoint": "AddOrder"} | then))
    assert traffic.examine().findings == []


@pytest.mark.parametrize("look", [{"by": "dashboard"}, {"check": "rate"}])
def test_who_did_not_look_himself_has_not_looked(look):
    traffic = Traffic()
    traffic.send(MS, endpoint="AddOrder", fault="lost")
    traffic.send(MS + 1, endpoint="OpenOrders", **look)
    traffic.send(MS + 2, endpoint="AddOrder")
    assert "N15" in [finding["scenario"] for finding in traffic.examine().findings]


def test_an_order_that_never_arrived_may_be_sent_again():
    traffic = Traffic()
    traffic.send(MS, endpoint="AddOrder", fault="kept")
    traffic.send(MS, endpoint="AddOrder")
    traffic.send(MS + 1, endpoint="AddOrder")
    diagnosis = traffic.examine()
    assert diagnosis.findings == []
    assert [row["highest"] for row in diagnosis.timelines[0]["requests"]] == [None, None, str(MS)]


def test_an_order_sent_again_twice():
    traffic = Traffic()
    traffic.send(MS, endpoint="AddOrder", fault="lost")
    traffic.send(MS, endpoint="AddOrder")  # the same bytes
    traffic.send(MS + 1, endpoint="AddOrder", fault="lost")
    traffic.send(MS + 2, endpoint="AddOrder")
    found = traffic.examine().findings
    assert [(finding["scenario"], finding["count"], finding["culprit"]) for finding in found] == [
        ("N15", 2, 1),
        ("N14", 1, 1),
    ]


def test_a_lost_refusal_is_no_order():
    traffic = Traffic()
    traffic.send(MS + 1)
    traffic.send(MS, endpoint="AddOrder", fault="lost")
    traffic.send(MS + 2, endpoint="AddOrder")
    assert [finding["scenario"] for finding in traffic.examine().findings] == ["N03"]


# No finding


def test_nothing_came():
    assert examine([]) == ([], [])


def healthy(traffic: Traffic, draw: random.Random) -> None:
    for number in range(1000):
        traffic.send(MS + 10 * number, endpoint=draw.choice(["Balance", "AddOrder", "OpenOrders"]), port=None)


def healthy_in_parallel(traffic: Traffic, draw: random.Random) -> None:
    for start in range(0, 1000, 20):
        burst = [MS + start + number for number in range(20)]
        draw.shuffle(burst)
        for nonce in burst:
            traffic.send(nonce, port=40001 + nonce % 20)


def healthy_two_programs(traffic: Traffic, draw: random.Random) -> None:
    for start in range(0, 1000, 100):
        for nonce in draw.sample(range(MS + start, MS + start + 100), 100):
            traffic.send(nonce, draw.choice("ab"), 40001 + nonce % 2)


def healthy_from_coarse_to_fine(traffic: Traffic, draw: random.Random) -> None:
    for unit in (1, NEW_YEAR, MS, US, TEN_NS, DOTNET, NS):
        for number in range(10):
            traffic.send(unit + number, draw.choice("abc"), draw.randint(1, 9))


def healthy_but_for_business(traffic: Traffic, draw: random.Random) -> None:
    for number in range(1000):
        check = draw.choice([None, "arguments", "order", "status", "eligibility", "funding"])
        traffic.send(MS + number, endpoint="AddOrder", **({"check": check} if check else {}))


def healthy_with_faults(traffic: Traffic, draw: random.Random) -> None:
    for number in range(200):
        traffic.send(MS + 2 * number, port=number, fault=draw.choice(["kept", "lost", None]))
        traffic.send(MS + 2 * number + 1, port=number + 1)


@pytest.mark.parametrize(
    ("window", "play"),
    [
        (0, healthy),
        (20, healthy_in_parallel),
        (100, healthy_two_programs),
        (0, healthy_from_coarse_to_fine),
        (0, healthy_but_for_business),
        (0, healthy_with_faults),
    ],
)
def test_what_works_is_healthy(window, play):
    traffic = Traffic(window)
    play(traffic, random.Random(7))
    assert traffic.examine().findings == []


def test_public_calls_and_unknown_paths_are_nobody_s_trouble():
    traffic = Traffic()
    traffic.send(None, key=None, api_key=None, check=None, outcome="accepted", error=None, reason=None, scenario=None)
    for check in ("routing", "verb", "body", "arguments"):
        traffic.send(None, check=check, key=None, api_key=None)
    assert traffic.examine() == ([], [])


def test_keys_do_not_disturb_each_other():
    journal = Journal(100)
    first, second = Traffic(key="a", journal=journal), Traffic(key="b", journal=journal)
    for number in range(10):
        first.send(US + number)
        second.send(MS + number)
    assert first.examine().findings == []
    first.send(US)
    second.send(MS + 100)
    diagnosis = first.examine()
    assert [(finding["key"], finding["evidence"]) for finding in diagnosis.findings] == [("a", [19, 21])]
    assert [(timeline["key"], len(timeline["requests"])) for timeline in diagnosis.timelines] == [("a", 11), ("b", 11)]


def test_a_key_keeps_its_history_under_another_name():
    traffic = Traffic()
    traffic.send(US)
    traffic.send(MS, key="renamed")
    [finding] = traffic.examine().findings
    assert (finding["key"], finding["culprit"]) == ("renamed", 1)


# Order, bounds, robustness


def test_the_worst_comes_first():
    journal = Journal(1000)
    racing, poisoned, signing = (Traffic(key=name, journal=journal) for name in ("racing", "poisoned", "signing"))
    for number in range(5):
        signing.send(MS + number, check="signature")
        racing.send(MS + 10 * number, port=1)
        racing.send(MS + 10 * number - 5, port=2)
    poisoned.send(US)
    poisoned.send(MS)
    assert [finding["key"] for finding in racing.examine().findings] == ["poisoned", "racing", "signing"]


def test_much_evidence_is_cut_but_counted():
    traffic = Traffic()
    traffic.send(US)
    for number in range(500):
        traffic.send(MS + number)
    [finding] = traffic.examine().findings
    assert (finding["count"], len(finding["evidence"]), finding["evidence"][0]) == (500, 51, 1)


@pytest.mark.parametrize("seed", range(20))
def test_any_traffic_can_be_examined(seed):
    draw = random.Random(seed)
    traffic = Traffic(window=draw.choice([0, 0, 5, 10_000, 2**64 - 1]))
    units = [1, 10**6, NEW_YEAR, MS, US, TEN_NS, DOTNET, NS, 10**15, 2**64 - 20]
    faults = [None] * 8 + ["kept", "lost"]
    checks = ["lockout", "signature", "key", "permission", "otp", "rate", "order"]
    for _ in range(300):
        nonce = draw.choice([*(draw.choice(units[: seed // 2 + 1]) + draw.randint(0, 30) for _ in range(9)), "x", None])
        more: dict[str, Any] = {"check": draw.choice(checks)} if draw.random() < 0.1 else {}
        endpoint = draw.choice(["Balance", "AddOrder", "OpenOrders"])
        port = draw.choice([1, 2, 3, 40_000 + draw.randint(0, 99), None])
        traffic.send(nonce, draw.choice("abc"), port, fault=draw.choice(faults), endpoint=endpoint, **more)
    records = traffic.journal.records()[0]
    diagnosis = examine(records)
    by_seq = {record["seq"]: record for record in records}
    for finding in diagnosis.findings:
        proofs = [by_seq[seq] for seq in finding["evidence"]]
        assert any(proof["outcome"] != "accepted" for proof in proofs)
        assert finding["culprit"] in (None, *finding["evidence"])
        assert finding["count"] >= 1
    refused = sum(record["check"] == "nonce" for record in records)
    about_nonces = [finding for finding in diagnosis.findings if finding["scenario"][0] == "N"]
    assert sum(finding["count"] for finding in about_nonces if finding["scenario"] not in ("N15", "N31")) == refused


def test_records_that_lack_nearly_everything():
    records = [
        {"seq": 1, "endpoint": "Balance", "outcome": "accepted", "key": "bot", "nonce": str(US)},
        {"seq": 2, "endpoint": "Balance", "outcome": "refused", "key": "bot", "nonce": str(MS), "check": "nonce"},
        {"seq": 3, "endpoint": "Balance", "outcome": "refused", "check": "nonce", "time": "long ago"},
        {},
    ]
    diagnosis = examine(records)
    assert [(finding["scenario"], finding["culprit"]) for finding in diagnosis.findings] == [("N06", 1)]
    assert diagnosis.timelines[0]["requests"][1]["gap"] == str(MS - US)


# Timelines


def test_a_timeline_tells_who_sent_what_and_how_far_from_the_highest():
    traffic = Traffic(window=5)
    traffic.send(MS, "ccxt", 1)
    traffic.send(MS + 10, "sdk", 2, endpoint="OpenOrders")
    traffic.send(MS + 1, "ccxt", 1)
    [timeline] = traffic.examine().timelines
    assert (timeline["key"], timeline["api_key"]) == ("bot", "MOCKKRAKENbot")
    assert timeline["senders"] == [
        {
            "lane": "A",
            "remote": "127.0.0.1",
            "user_agent": "ccxt/1.0 (a bot)",
            "port": 1,
            "connections": 1,
            "requests": 2,
            "refused": 1,
        },
        {
            "lane": "B",
            "remote": "127.0.0.1",
            "user_agent": "sdk/1.0 (a bot)",
            "port": 2,
            "connections": 1,
            "requests": 1,
            "refused": 0,
        },
    ]
    assert [(row["lane"], row["gap"], row["highest"]) for row in timeline["requests"]] == [
        ("A", None, None),
        ("B", "10", str(MS)),
        ("A", "-9", str(MS + 10)),
    ]
    assert timeline["requests"][2] == {
        "seq": 3,
        "time": "2026-01-01T00:00:00.003Z",
        "lane": "A",
        "endpoint": "Balance",
        "nonce": str(MS + 1),
        "unit": "milliseconds",
        "gap": "-9",
        "highest": str(MS + 10),
        "window": 5,
        "remote": "127.0.0.1",
        "port": 1,
        "user_agent": "ccxt/1.0 (a bot)",
        "outcome": "refused",
        "check": "nonce",
        "error": "EAPI:Invalid nonce",
        "lost": False,
        "scenario": "N23",
    }


def test_many_connections_of_one_program_are_one_lane():
    traffic = Traffic()
    for number in range(9):
        traffic.send(MS + number, port=number)
    [sender] = traffic.examine().timelines[0]["senders"]
    assert (sender["port"], sender["connections"], sender["requests"]) == (None, 9, 9)


def test_there_are_no_more_lanes_than_can_be_drawn():
    traffic = Traffic()
    for number in range(20):
        traffic.send(MS + number, by=f"bot{number}")
    senders = traffic.examine().timelines[0]["senders"]
    assert [sender["lane"] for sender in senders] == list("ABCDEFGH")
    assert [sender["requests"] for sender in senders] == [1] * 7 + [13]
    assert (senders[-1]["user_agent"], senders[0]["user_agent"]) == (None, "bot0/1.0 (a bot)")


@pytest.mark.parametrize(
    ("ns", "text", "short"),
    [
        (0, "no time", "0 s"),
        (1, "1 nanosecond", "1 ns"),
        (439_000_000, "439 milliseconds", "439 ms"),
        (1_500_000_000, "1.5 seconds", "1.5 s"),
        (10_000, "10 microseconds", "10 µs"),
        (3600 * SECOND, "1 hour", "1 h"),
        (60 * SECOND, "1 minute", "1 min"),
        (90 * SECOND, "90 seconds", "90 s"),
        (150 * SECOND, "2.5 minutes", "2.5 min"),
        (-100 * SECOND, "-100 seconds", "-100 s"),
        (999_999_999, "1 second", "1 s"),
        (3_599_999_999_000, "1 hour", "1 h"),
        (5 * 10**21, "158549 years", "158549 y"),
    ],
)
def test_spans_for_people(ns, text, short):
    assert (span(ns), span(ns, short=True)) == (text, short)


def test_gaps_without_a_unit_are_bare_numbers():
    assert (gap(7, None), gap(7, unit_of(MS)), gap(7, unit_of(MS), short=True)) == ("7", "7 milliseconds", "7 ms")


def over_a_socket(traffic: Traffic, **refused: Any) -> int:
    """A trading request over WebSocket: it has no nonce."""
    return traffic.journal.add(
        **{
            "time": NS + traffic.at,
            "transport": "ws2",
            "remote": "127.0.0.1",
            "endpoint": "add_order",
            "outcome": "refused" if refused else "accepted",
            "http_status": 101,
            "duration_us": 90,
            "account": "main",
            "key": traffic.key,
            "api_key": f"MOCKKRAKEN{traffic.key}",
            "port": 50001,
            **refused,
        }
    )


def test_what_comes_over_a_socket_is_no_part_of_the_nonces():
    traffic = Traffic()
    over_a_socket(traffic)
    assert traffic.examine().timelines == []
    traffic.send(MS)
    for _ in range(20):
        over_a_socket(traffic)
        over_a_socket(traffic, check="key", error="ESession:Invalid session")
    diagnosis = traffic.examine()
    [timeline] = diagnosis.timelines
    assert [row["endpoint"] for row in timeline["requests"]] == ["Balance"]
    traffic.send(MS + 1, check="lockout")
    [finding] = [finding for finding in traffic.examine().findings if finding["scenario"] == "N31"]
    assert finding["culprit"] is None


def test_a_permission_that_a_token_lacks_is_found():
    traffic = Traffic()
    seq = over_a_socket(traffic, check="permission", error="EGeneral:Permission denied")
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["evidence"]) == ("permission", [seq])


def test_a_token_that_is_no_longer_good_is_no_unknown_key():
    traffic = Traffic()
    seq = over_a_socket(traffic, check="key", error="ESession:Invalid session")
    [finding] = traffic.examine().findings
    assert (finding["scenario"], finding["evidence"], finding["key"]) == ("token", [seq], "bot")
    assert "GetWebSocketsToken" in finding["cure"]
