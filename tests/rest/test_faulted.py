"""Faults without a server: the application called as httpx calls it in the same process. No task is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockkraken.control import faults
from mockkraken.control.errors import ControlError
from mockkraken.control.operations import Control
from mockkraken.rest import faulted
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings


def add(sandbox: Sandbox, **fields: Any) -> None:
    Control(sandbox).perform(faults.add_fault, fields)


def run(sandbox: Sandbox, meanwhile: Any = None, calls: int = 1) -> list[Any]:
    """What becomes of calls that come together, and of what else happens then."""

    async def calling() -> list[Any]:
        transport = httpx.ASGITransport(app=sandbox.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            tasks = [asyncio.create_task(client.get("/0/public/Time")) for _ in range(calls)]
            if meanwhile is not None:
                while sum(len(fault.holds) for fault in sandbox.faults.all()) < calls:
                    await asyncio.sleep(0)
                meanwhile()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return answers

    return asyncio.run(calling(), debug=True)


@pytest.mark.parametrize("applied", [False, True])
def test_answers(sandbox: Sandbox, applied):
    add(sandbox, action={"html": 520, "applied": applied})
    (answer,) = run(sandbox)
    assert answer.status_code == 520


@pytest.mark.parametrize("applied", [False, True])
def test_where_there_is_no_connection_an_exception_cuts_it(sandbox: Sandbox, applied):
    add(sandbox, action={"reset": True, "applied": applied})
    (answer,) = run(sandbox)
    assert isinstance(answer, ConnectionResetError)
    assert sandbox.journal.records()[0][-1]["http_status"] == 0


@pytest.mark.parametrize("applied", [False, True])
def test_delays(sandbox: Sandbox, applied):
    add(sandbox, action={"delay": "1s", "applied": applied})
    answers = run(sandbox, lambda: sandbox.clock.advance(10**9), 5)
    assert [answer.json()["result"]["unixtime"] for answer in answers] == [1767225600 + (not applied)] * 5


@pytest.mark.parametrize("action", [{"hang": "1s"}, {"hang": "1s", "applied": True}, {"delay": "1h"}])
def test_hangs_and_resets(sandbox: Sandbox, action):
    add(sandbox, action=action)
    answers = run(sandbox, sandbox.reset if "delay" in action else lambda: sandbox.clock.advance(10**9), 3)
    assert [type(answer) for answer in answers] == [ConnectionResetError] * 3


def test_all_that_are_let_go_at_once_go_in_their_order(sandbox: Sandbox, login):
    """Those that came in any order; whoever completes them must not be the first unless it has the highest nonce."""
    client = login("windowed")
    nonces = [3, 1, 5, 2, 4]

    async def calling() -> None:
        transport = httpx.ASGITransport(app=sandbox.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            calls = []
            for nonce in nonces:
                body = b"nonce=%d" % nonce
                headers = client.signed("/0/private/Balance", str(nonce), body)
                calls.append(http.post("/0/private/Balance", content=body, headers=headers))
            answers = await asyncio.gather(*calls)
        assert [answer.json()["error"] for answer in answers] == [[]] * 5

    for limit in ("off", 5):
        sandbox.reset()
        sandbox.settings.patch({"max_concurrent_private": limit})
        add(sandbox, action={"reorder": 5})
        asyncio.run(calling(), debug=True)
        assert [row["nonce"] for row in sandbox.journal.records()[0]] == ["5", "4", "3", "2", "1"]


def test_who_is_struck_when_its_fault_is_taken_away_goes_on(sandbox: Sandbox):
    """With a limit of concurrent calls there is a moment between being struck and being held."""
    sandbox.settings.patch({"max_concurrent_private": 5})
    add(sandbox, action={"hang": "1h", "applied": True})

    async def calling() -> Any:
        transport = httpx.ASGITransport(app=sandbox.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            call = asyncio.create_task(http.post("/0/private/Balance", headers={"API-Key": "x"}))
            fault = sandbox.faults.all()[0]
            while not fault.hits:
                await asyncio.sleep(0)
            sandbox.faults.clear()
            return await asyncio.gather(call, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(calling(), debug=True)] == [ConnectionResetError]


@pytest.mark.parametrize("broken", ["strike", "hold"])
@pytest.mark.parametrize("action", [{"delay": "1s"}, {"hang": "1s", "applied": True}, {"hang": "1s"}])
def test_what_breaks_here_goes_the_way_of_what_breaks_anywhere(sandbox: Sandbox, monkeypatch, caplog, broken, action):
    """To the client as an error of Kraken's, and into the log."""
    add(sandbox, action=action)

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sandbox.faults, broken, breaks)
    (answer,) = run(sandbox)
    assert (answer.status_code, answer.json()) == (200, {"error": ["EGeneral:Internal error"]})
    (record,) = caplog.records
    assert record.getMessage() == "GET /0/public/Time failed"
    assert record.exc_info and record.exc_info[0] is ZeroDivisionError


def test_however_many_faults_ask_for_its_pairs_a_body_is_read_once(sandbox: Sandbox, login, monkeypatch):
    """It may have a megabyte, and there may be a thousand faults."""
    read = []
    monkeypatch.setattr(faulted, "read_body", lambda body, _: read.append(body) or {"pair": "ETHUSD"})
    for _ in range(5):
        add(sandbox, action={"html": 520}, match={"pair": "XBTUSD"})
    add(sandbox, action={"html": 502}, match={"pair": "ETHUSD"})

    async def calling() -> Any:
        transport = httpx.ASGITransport(app=sandbox.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.post("/0/private/AddOrder", content=b"nonce=1&pair=ETHUSD")

    assert asyncio.run(calling()).status_code == 502
    assert len(read) == 2  # for the faults, and for the journal


ACTIONS = ("delay", "error", "html", "hang", "reset", "truncate", "empty", "reorder", "duplicate", "ws_drop", "x")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**30),
    st.integers(0, 3),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["10ms", "1e9", "9" * 39 + "d", "EService:Busy", "EService:\u2028", "AddOrder", "private/*", "[", "full"]
    ),
    st.sampled_from([429, 502, 520, 525, 2, 9]),
    st.lists(st.integers(), max_size=2),
    st.fixed_dictionaries(
        {
            "dist": st.just("lognormal"),
            "p50": st.sampled_from([0, "1ms", 3]),
            "p99": st.sampled_from([0, "365d", 3, "x"]),
        }
    ),
)
FAULTS = st.fixed_dictionaries(
    {},
    optional={
        "action": VALUES
        | st.dictionaries(st.sampled_from(ACTIONS), VALUES, min_size=1, max_size=2)
        | st.tuples(st.sampled_from(ACTIONS), VALUES, st.booleans()).map(lambda it: {it[0]: it[1], "applied": it[2]}),
        "match": VALUES | st.dictionaries(st.sampled_from(["endpoint", "key", "pair", "x"]), VALUES, max_size=2),
        "times": VALUES,
        "skip": VALUES,
        "probability": VALUES,
    },
)
ANY = Sandbox(settings=Settings(rate_limits="off"), start=1_767_225_600 * 10**9)


@settings(max_examples=200, deadline=None)
@given(asked=st.lists(FAULTS, min_size=1, max_size=3))
def test_any_fault_is_refused_or_survived(asked):
    """Whatever goes wrong ends when it is taken away, and leaves nothing behind."""
    control = Control(ANY)
    for body in asked:
        count = len(ANY.faults.all())
        try:
            assert faults.add_fault(control, body)["id"] > 0
        except ControlError as refused:
            assert refused.status in (400, 404)
            assert len(ANY.faults.all()) == count

    async def calling() -> None:
        transport = httpx.ASGITransport(app=ANY.rest)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            calls = [
                client.get("/0/public/Time"),
                client.post("/0/private/AddOrder", content=b"nonce=1&pair=XBTUSD"),
                client.post("/0/private/Balance", content=b"\xff", headers={"API-Key": "x"}),
            ]
            tasks = [asyncio.create_task(call) for call in calls]
            for _ in range(20):
                await asyncio.sleep(0)
            faults.faults(control)
            faults.clear_faults(control)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(answer, (httpx.Response, ConnectionResetError)) for answer in answers)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(calling())
    ANY.reset()
