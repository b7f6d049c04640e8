"""The doctor on simulated clients: programs, threads, clocks and networks in many variations, as a server sees them.

Each play is drawn from a seed. What the doctor says is held against what is known to have happened, by playing it once
more: with the nonce window that it recommends, with a new key, and up to the request that it calls the culprit.
"""

from __future__ import annotations

import heapq
import random
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest

from mockkraken.clock import SECOND, parse_time, rfc3339
from mockkraken.gate import nonce as nonces
from mockkraken.gate.nonce import NonceState
from mockkraken.journal.doctor import Diagnosis, examine
from mockkraken.journal.journal import Journal
from mockkraken.journal.report import draw
from mockkraken.journal.requests import SAME_BYTES, TOOK_EFFECT

START = 1_767_225_600 * SECOND
MS = SECOND // 1000
TICKS_BEFORE_1970 = 621_355_968_000_000_000

UNITS: dict[str, Callable[[int], int]] = {
    "s": lambda ns: ns // SECOND,
    "ms": lambda ns: ns // MS,
    "us": lambda ns: ns // 1000,
    "10 ns": lambda ns: ns // 10,
    "ticks": lambda ns: ns // 100 + TICKS_BEFORE_1970,
    "ns": lambda ns: ns,
}
FINE = ("ms", "us", "10 ns", "ticks", "ns")
PROGRAMS = ("ccxt/4.5", "krakenex/2.2.2", "python-requests/2.32", "freqtrade/2026.1", "")
ENDPOINTS = ("Balance", "OpenOrders", "Ledgers", "TradesHistory")


class Call(NamedTuple):
    """A request as it arrives; `bytes_` are the same for the same request."""

    at: int
    nonce: object
    program: str
    port: int | None
    endpoint: str
    bytes_: object
    remote: str = "127.0.0.1"
    lost: bool = False
    check: str | None = None


class Generator:
    """Draws nonces: in a unit of time, plus a number of ns that may change, or counting from 1."""

    def __init__(self, unit: str, *, guard: bool = True, off: int = 0, ahead: int = 0) -> None:
        self._unit, self._guard, self._last, self.off, self._ahead = unit, guard, 0, off, ahead

    def __call__(self, now: int) -> int:
        if self._unit == "counter":
            self._last += 1
            return self._last
        if self._unit == "second and counter":
            second = (now + self.off) // SECOND * 1000
            self._last = self._last + 1 if self._last // 1000 * 1000 == second else second
            return self._last
        self._ahead += bool(self._ahead)
        nonce = UNITS[self._unit](now + self.off) + self._ahead
        self._last = max(nonce, self._last + 1) if self._guard else nonce
        return self._last


class Scene:
    """What happens to one key.

    Attributes:
        calls: everything that was sent, in any order.
        now: where the play has got to.
    """

    def __init__(self, seed: str, window: int = 0) -> None:
        self.draw = random.Random(seed)
        self.window = window
        self.calls: list[Call] = []
        self.now = START + self.draw.randrange(10 * SECOND)
        self._ports = count(32_768)

    def port(self) -> int:
        return next(self._ports)

    def latency(self) -> int:
        return int((5 + self.draw.expovariate(1 / 8)) * MS)

    def send(self, nonce: object, at: int | None = None, **more: Any) -> Call:
        self.now = self.now if at is None else max(self.now, at)
        call = {"program": "bot/1", "port": 1, "endpoint": "Balance", "bytes_": object()} | more
        self.calls.append(Call(self.now if at is None else at, nonce, **call))
        return self.calls[-1]

    def one_by_one(
        self, draw: Generator, times: int, *, think: int = 50, start: int | None = None, new: bool = False, **more: Any
    ) -> None:
        """A program that waits for each answer; `new`: with a new connection for each request."""
        now = self.now if start is None else start
        port = self.port()
        for _ in range(times):
            now += int(self.draw.expovariate(1 / think) * MS) + MS
            port = self.port() if new else port
            nonce, now = draw(now), now + self.latency()
            self.send(nonce, now, **({"port": port, "endpoint": self.draw.choice(ENDPOINTS)} | more))
            now += self.latency()
        self.now = max(self.now, now)

    def workers(self, draw: Generator, times: int, workers: int, *, jitter: int = 8, **more: Any) -> None:
        """Threads of one program that share a generator; each waits for its own answers only."""
        ports = [self.port() for _ in range(workers)]
        due = [(self.now + self.draw.randrange(2 * MS), worker) for worker in range(workers)]
        heapq.heapify(due)
        for _ in range(times):
            now, worker = heapq.heappop(due)
            now += int(self.draw.expovariate(1 / 10) * MS)
            nonce, arrived = draw(now), now + int((5 + self.draw.expovariate(1 / jitter)) * MS)
            self.send(nonce, arrived, port=ports[worker], endpoint=self.draw.choice(ENDPOINTS), **more)
            heapq.heappush(due, (arrived + self.latency(), worker))

    def records(self, window: int | None = None, calls: list[Call] | None = None) -> list[dict[str, Any]]:
        """The journal of it, as the gate decides; with another window, or of some of the calls."""
        state, journal = NonceState(self.window if window is None else window), Journal(100_000)
        signatures: deque[object] = deque(maxlen=1000)
        for call in sorted(self.calls if calls is None else calls, key=lambda call: call.at):
            text = None if call.nonce is None else str(call.nonce)
            record: dict[str, Any] = {"outcome": "accepted"}
            if call.check is not None:
                record = {"outcome": "refused", "check": call.check, "error": "EAPI:Something", "reason": "something"}
            if call.check not in ("signature", "lockout"):
                record |= _judged(state, call, text, signatures)
            if call.lost:
                reason = f"fault 1: {TOOK_EFFECT}, then its answer was lost (hang 30s)"
                record |= {"outcome": "faulted", "fault": 1, "reason": reason}
            journal.add(
                time=call.at,
                transport="rest",
                remote=call.remote,
                endpoint=call.endpoint,
                http_status=200,
                duration_us=90,
                key="bot",
                api_key="MOCKKRAKENbot",
                nonce=nonces.shown(text),
                port=call.port,
                user_agent=call.program,
                **record,
            )
        return journal.records()[0]


def _judged(state: NonceState, call: Call, text: str | None, signatures: deque[object]) -> dict[str, Any]:
    refused = {"outcome": "refused", "error": "EAPI:Invalid nonce", "check": "nonce"}
    value = nonces.parse(text)
    if value is None:
        reason, scenario = nonces.explain_unreadable(text)
        return refused | {"reason": reason, "scenario": scenario}
    if state.accept(value):
        signatures.append(call.bytes_)
        return {}
    reason, scenario = state.explain(value)
    if call.bytes_ in signatures:
        reason, scenario = f"{reason}; {SAME_BYTES}", "N13"
    return refused | {"reason": reason, "scenario": scenario, "highest": state.highest, "window": state.window}


# The plays. Each makes one mistake, and knows what else looks the same from a server.


def shared_by_programs(scene: Scene) -> None:
    start, new = scene.now, scene.draw.random() < 0.3
    unit, think = scene.draw.choice(("ms", "us", "ns")), scene.draw.choice((20, 100))
    for number, program in enumerate(scene.draw.sample(PROGRAMS, scene.draw.choice((2, 3)))):
        draw = Generator(unit, off=scene.draw.choice((0, scene.draw.randrange(-2000, 2000) * MS)))
        scene.one_by_one(draw, 60, think=think, start=start, new=new, program=program, remote=f"10.0.0.{number}")


def shared_by_instances(scene: Scene) -> None:
    start = scene.now
    for _ in range(scene.draw.choice((2, 2, 3))):
        scene.one_by_one(Generator("us"), 100, think=20, start=start)


def overtaking(scene: Scene) -> None:
    draw = Generator(scene.draw.choice(FINE))
    scene.one_by_one(draw, scene.draw.choice((1, 40)))
    scene.workers(draw, 100, scene.draw.choice((3, 8, 20)))
    scene.now += SECOND
    scene.one_by_one(draw, scene.draw.choice((1, 40)))


def drawn_early(scene: Scene) -> None:
    draw, port = Generator(scene.draw.choice(FINE)), scene.port()
    for _ in range(scene.draw.choice((1, 3))):
        scene.one_by_one(draw, scene.draw.choice((2, 20)), port=port)
        held = draw(scene.now)
        scene.one_by_one(draw, scene.draw.choice((1, 5)), port=port)
        scene.send(held, scene.now + 3 * MS, port=scene.draw.choice((port, scene.port())), endpoint="AddOrder")
        scene.one_by_one(draw, 3, port=port)


def finer_before(scene: Scene) -> None:
    order = list(UNITS)
    place = scene.draw.randrange(1, 5)
    coarse, fine = order[place], order[scene.draw.randrange(place + 1, 6)]
    scene.one_by_one(Generator(coarse), scene.draw.choice((1, 20)), program="old/1")
    scene.one_by_one(Generator(fine), scene.draw.choice((1, 20)), program=scene.draw.choice(("old/1", "new/1")))
    scene.one_by_one(Generator(scene.draw.choice((coarse, "counter"))), scene.draw.choice((1, 20)), program="old/1")


def seconds_after(scene: Scene) -> None:
    scene.one_by_one(Generator(scene.draw.choice(FINE)), scene.draw.choice((1, 20)))
    scene.one_by_one(Generator("s"), scene.draw.choice((1, 20)), program=scene.draw.choice(PROGRAMS))


def seconds_ahead(scene: Scene) -> None:
    scene.one_by_one(Generator("s"), scene.draw.choice((40, 90)), think=1)
    scene.now += 300 * MS
    scene.one_by_one(Generator("s"), scene.draw.choice((1, 10)), think=300)


def counter_began_anew(scene: Scene) -> None:
    scene.one_by_one(Generator("us", ahead=scene.draw.choice((10**6, 10**7))), scene.draw.choice((3, 40)))
    scene.now += 50 * MS
    scene.one_by_one(Generator("us", ahead=1), scene.draw.choice((2, 20)))


def time_corrected(scene: Scene) -> None:
    behind = scene.draw.randrange(3, 40) * SECOND
    scene.one_by_one(Generator("ms"), scene.draw.choice((2, 40)))
    scene.now += behind // 3
    scene.one_by_one(Generator("ms", off=-behind), scene.draw.choice((2, 20)))


def stepped_back(scene: Scene) -> None:
    draw, new = Generator(scene.draw.choice(FINE), guard=False), scene.draw.random() < 0.4
    port, think = scene.port(), scene.draw.choice((100, 400))
    for times in (scene.draw.choice((3, 40)), scene.draw.choice((5, 60))):
        scene.one_by_one(draw, times, think=think, **({"new": True} if new else {"port": port}))
        draw.off = -scene.draw.choice((8, 90, 3600, 86_400)) * SECOND


def same_millisecond(scene: Scene) -> None:
    for _ in range(scene.draw.choice((1, 10))):
        scene.now = (scene.now // MS + scene.draw.randrange(1000, 5000)) * MS
        nonce, port = scene.now // MS, scene.port()
        scene.send(nonce, port=port)
        scene.send(nonce, scene.now + 500_000, port=scene.draw.choice((port, scene.port())), endpoint="OpenOrders")


def never_changes(scene: Scene) -> None:
    draw, port = Generator(scene.draw.choice((*FINE, "counter"))), scene.port()
    scene.one_by_one(draw, scene.draw.choice((1, 20)), port=port)
    last = max(scene.calls).nonce
    for _ in range(scene.draw.choice((1, 4))):
        scene.send(last, scene.now + scene.draw.choice((2, 60)) * SECOND, port=port, endpoint="CancelAll")


def sent_twice(scene: Scene) -> None:
    draw, bytes_, port = Generator(scene.draw.choice(FINE)), object(), scene.port()
    scene.one_by_one(draw, scene.draw.choice((1, 20)), port=port)
    nonce, wait = draw(scene.now), scene.draw.choice((1, 300, 5000)) * MS
    for turn in range(scene.draw.choice((2, 5))):
        at = scene.now + (turn > 0) * wait
        scene.send(nonce, at, bytes_=bytes_, endpoint="Ledgers", port=scene.draw.choice((port, scene.port())))


def sent_again_after_loss(scene: Scene) -> None:
    draw, bytes_ = Generator(scene.draw.choice(FINE)), object()
    scene.one_by_one(draw, scene.draw.choice((1, 20)))
    nonce, endpoint = draw(scene.now), scene.draw.choice(("AddOrder", "Balance"))
    scene.send(nonce, endpoint=endpoint, bytes_=bytes_, lost=True)
    if scene.draw.random() < 0.4:
        scene.one_by_one(draw, 2)
    scene.send(nonce, scene.now + scene.draw.choice((1, 3000)) * MS, endpoint=endpoint, bytes_=bytes_, port=9)


def ordered_again(scene: Scene) -> None:
    draw = Generator(scene.draw.choice(FINE))
    scene.one_by_one(draw, scene.draw.choice((1, 20)))
    scene.send(draw(scene.now), endpoint="AddOrder", lost=True)
    scene.send(draw(scene.now + SECOND), scene.now + SECOND, endpoint="AddOrder")


def second_and_counter(scene: Scene) -> None:
    start = scene.now
    scene.one_by_one(Generator("ms"), 80, think=100, start=start, program="ccxt/4.5")
    scene.one_by_one(Generator("second and counter"), 30, think=200, start=start, program="Go-http-client/1.1")


def absurd(scene: Scene) -> None:
    unit = scene.draw.choice((*FINE, "s"))
    draw = Generator(unit)
    scene.one_by_one(draw, scene.draw.choice((1, 20)))
    # The last one has as many digits as nanoseconds.
    highest = scene.draw.choice((2**64 - 1, 12_345_678_901_234_567_890, *([2**63 - 1] if unit == "ns" else ())))
    scene.send(highest, scene.now + MS, program="test", port=9)
    scene.one_by_one(draw, scene.draw.choice((1, 20)))


def window_of_seconds(scene: Scene) -> None:
    scene.window = scene.draw.choice((3, 10, 15))
    scene.workers(Generator("ms"), 100, 8, jitter=40)


def window_of_milliseconds(scene: Scene) -> None:
    scene.window = scene.draw.choice((1000, 10_000))
    scene.workers(Generator(scene.draw.choice(("us", "ns"))), 100, 8, jitter=40)


PLAYS: dict[str, tuple[Callable[[Scene], None], set[str]]] = {
    "N01": (never_changes, set()),
    "N03": (overtaking, set()),
    "N05": (shared_by_programs, set()),
    "N06": (finer_before, set()),
    "N08": (seconds_after, set()),
    "N09": (seconds_ahead, set()),
    "N10": (counter_began_anew, set()),
    "N11": (same_millisecond, set()),
    "N12": (second_and_counter, {"N05"}),  # only nonces that both have drawn
    "N13": (sent_twice, set()),
    "N14": (sent_again_after_loss, set()),
    "N15": (ordered_again, set()),
    "N16": (stepped_back, set()),
    "N17": (time_corrected, set()),
    "N18": (shared_by_instances, {"N05", "N03"}),  # more than two may be threads
    "N20": (drawn_early, {"N03"}),  # it was overtaken
    "N23": (window_of_seconds, set()),
    "N25": (window_of_milliseconds, set()),
    "N26": (absurd, set()),
}
SEEDS = range(12)


def scenes(name: str) -> Iterator[tuple[Scene, list[dict[str, Any]]]]:
    """Those in which something went wrong."""
    play, _ = PLAYS[name]
    for seed in SEEDS:
        scene = Scene(f"{name} {seed}")
        play(scene)
        records = scene.records()
        if any(record["outcome"] != "accepted" for record in records):
            yield scene, records


@pytest.mark.parametrize("name", PLAYS)
def test_the_first_finding_names_the_mistake(name):
    expected = PLAYS[name][1] | ({name} if name not in ("N18", "N20") else set())
    named = [examine(records).findings[0]["scenario"] for _, records in scenes(name)]
    assert len(named) > len(SEEDS) / 2
    assert set(named) <= expected


@pytest.mark.parametrize("name", PLAYS)
def test_what_is_said_is_so(name):
    for _, records in scenes(name):
        truthful(records, examine(records))


def truthful(records: list[dict[str, Any]], diagnosis: Diagnosis) -> None:
    """The sentences have the numbers of the records, and the evidence holds."""
    by_seq = {record["seq"]: record for record in records}
    refused = [record["seq"] for record in records if record["check"] == "nonce"]
    about_nonces = [finding for finding in diagnosis.findings if finding["scenario"] not in ("N15", "N31", "signature")]
    assert sum(finding["count"] for finding in about_nonces) == len(refused)
    for finding in diagnosis.findings:
        said, evidence, culprit = finding["explanation"], finding["evidence"], finding["culprit"]
        assert {int(seq) for seq in re.findall(r"[Rr]equest (\d+)", said)} <= set(by_seq)
        assert set(evidence) <= set(by_seq)
        assert culprit is None or (culprit in evidence and by_seq[culprit]["check"] != "nonce")
        assert any(by_seq[seq]["outcome"] != "accepted" for seq in evidence)
        for seq, nonce, top, rival in re.findall(r"equest (\d+) brought (\d+) .*? below (\d+) of request (\d+)", said):
            assert (by_seq[int(seq)]["nonce"], by_seq[int(rival)]["nonce"]) == (nonce, top)
            assert int(rival) < int(seq)
            assert int(nonce) < int(top)
    assert all(len(line) <= 60 for line in draw(diagnosis, 60).splitlines())


@pytest.mark.parametrize("name", PLAYS)
def test_the_window_that_is_recommended_is_wide_enough(name):
    for scene, records in scenes(name):
        for finding in examine(records).findings:
            found = re.search(r"a nonce window of (?:at least )?(\d+)", finding["cure"])
            if found is None or "No window" in finding["cure"]:
                continue
            after = {record["seq"]: record for record in scene.records(window=int(found[1]))}
            assert [seq for seq in finding["evidence"] if after[seq]["check"] == "nonce"] == []


@pytest.mark.parametrize("name", ["N06", "N08", "N26"])
def test_a_new_key_cures_what_nothing_else_does(name):
    for scene, records in scenes(name):
        [finding] = examine(records).findings
        assert "new key" in finding["cure"]
        by_seq = {record["seq"]: record for record in records}
        first = next(by_seq[seq] for seq in finding["evidence"] if by_seq[seq]["check"] == "nonce")
        since = [call for call in scene.calls if call.at >= parse_time(first["time"])]
        assert all(record["outcome"] == "accepted" for record in scene.records(calls=since))


@pytest.mark.parametrize("name", ["N03", "N05", "N06", "N08", "N12", "N18", "N20", "N23", "N25", "N26"])
def test_before_the_culprit_the_nonce_would_have_passed_and_after_it_not(name):
    for scene, records in scenes(name):
        finding = examine(records).findings[0]
        culprit = finding["culprit"]
        known = {seq: record for seq in finding["evidence"] if (record := records[seq - 1])["check"] == "nonce"}
        assert any(
            nonce_passes(scene, records[: culprit - 1], int(record["nonce"]))
            and not nonce_passes(scene, records[:culprit], int(record["nonce"]))
            for record in known.values()
        )


def nonce_passes(scene: Scene, before: list[dict[str, Any]], nonce: int) -> bool:
    state = NonceState(scene.window)
    for record in before:
        if record["check"] is None:
            state.accept(int(record["nonce"]))
    return state.accept(nonce)


# The journal does not have everything


@pytest.mark.parametrize("name", sorted(PLAYS.keys() - {"N15"}))
def test_who_is_not_in_the_journal_is_not_accused(name):
    for scene, records in scenes(name):
        left = records[next(place for place, record in enumerate(records) if record["check"] == "nonce") :]
        diagnosis = examine(left)
        truthful(left, diagnosis)
        there = {record["user_agent"] for record in left}
        for finding in diagnosis.findings:
            gone = {call.program for call in scene.calls if call.program} - there
            assert not any(program in finding["explanation"] for program in gone)
            assert finding["culprit"] is None or finding["culprit"] >= left[0]["seq"]
        assert [finding for finding in diagnosis.findings if left[0]["seq"] in finding["evidence"]]


@pytest.mark.parametrize("name", ["N09", "N10", "N16", "N17"])
def test_a_nonce_below_an_unknown_one_says_nothing_about_its_sender(name):
    for _, records in scenes(name):
        first = next(place for place, record in enumerate(records) if record["check"] == "nonce")
        finding = examine(records[first : first + 1]).findings[0]
        assert finding["scenario"] in ("N02", "N01")
        assert finding["culprit"] is None
        if finding["scenario"] == "N02":
            assert finding["explanation"].endswith("the highest accepted; no request in the journal has set that.")


@pytest.mark.parametrize("name", sorted(PLAYS.keys() - {"N01", "N09", "N11", "N15"}))
def test_on_a_clock_that_stands_still_the_names_stay(name):
    expected = PLAYS[name][1] | ({name} if name not in ("N18", "N20") else set())
    for _, records in scenes(name):
        frozen = [record | {"time": rfc3339(START)} for record in records]
        assert examine(frozen).findings[0]["scenario"] in expected


# Nothing goes wrong


def test_healthy_clients_are_passed_over():
    for seed in SEEDS:
        scene = Scene(f"healthy {seed}", window=30 * SECOND)  # in nanoseconds, which come last
        for unit in UNITS:
            scene.one_by_one(Generator(unit), 10, new=scene.draw.random() < 0.5)
        start = scene.now
        for program in PROGRAMS:
            scene.one_by_one(Generator("ns"), 30, think=20, start=start, program=program)
        scene.workers(Generator("ns"), 100, 10)
        for check in ("order", "arguments", "status", "funding"):
            scene.now += SECOND
            scene.send(scene.now, check=check, endpoint="AddOrder")
        diagnosis = examine(scene.records())
        assert diagnosis.findings == []
        assert len(diagnosis.timelines[0]["requests"]) == len(scene.calls)
        assert examine(scene.records()[50:]).findings == []
