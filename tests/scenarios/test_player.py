"""The player tells what really happened, whatever the scenario hopes for."""

from __future__ import annotations

import threading

import pytest

from mockkraken.remote import Refused
from mockkraken.scenarios.scenario import Scenario, parse

KEY = '{call = "POST /mock/keys", body = {name = "mine", permissions = "all"}}'


def scenario(play: str, fault: str | None = None, endpoint: str = "*") -> Scenario:
    """One with a key and perhaps a fault of its own."""
    match = f'match = {{key = "mine", endpoint = "{endpoint}"}}'
    made = f', {{call = "POST /mock/faults", body = {{{match}, {fault}}}}}' if fault else ""
    return parse(f'title = "Mine"\nsetup = [{KEY}{made}]\nplay = [{play}]', "mine.toml")


def gave(done) -> list[str]:
    return [row.gave for row in done.rows]


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("reset = true", "nothing"),
        ('hang = "30s"', "nothing"),
        ('hang = "30s", applied = true', "nothing"),
        ("empty = true", "garbage"),
        ("truncate = 5, applied = true", "garbage"),
        ("html = 502", "HTTP 502"),
        ('error = "EService:Busy"', "EService:Busy"),
    ],
)
def test_what_may_come_in_place_of_an_answer(played, action, answer):
    play = f'{{call = "Balance", nonce = 5, gives = "{answer}"}}, {{call = "Balance", nonce = 6, gives = "ok"}}'
    done = played(scenario(play, f"action = {{{action}}}, times = 1"))
    assert gave(done) == [answer, "ok"]
    assert all(row.fits for row in done.rows)


def test_a_request_that_is_held_can_be_let_go_by_the_clock(played, kraken):
    play = """
        {parallel = [
          {call = "Balance", nonce = 2, gives = "EAPI:Invalid nonce"},
          {call = "POST /mock/clock", body = {advance = "1s"}},
          {call = "TradeBalance", nonce = 3, gives = "ok"},
          {call = "POST /mock/clock", body = {advance = "2s"}},
        ]}
    """
    done = played(scenario(play, 'action = {delay = "3s"}', "Balance"))
    assert gave(done) == ["EAPI:Invalid nonce", "ok", "ok", "ok"]
    assert [row.sender for row in done.rows] == ["client", None, "client", None]
    assert [record["endpoint"] for record in kraken.journal.records()] == ["TradeBalance", "Balance"]


def test_an_answer_where_none_was_expected_is_told(played):
    (row,) = played(scenario('{call = "Balance", gives = "nothing"}')).rows
    assert (row.gave, row.fits) == ("ok", False)


def test_a_request_that_gives_up_reaches_nobody_else(played, kraken):
    play = '{from = "a", call = "Balance", nonce = 1, gives = "nothing"}, {from = "a", again = true, gives = "ok"}'
    done = played(scenario(play, 'action = {hang = "1h"}, times = 1'))
    assert gave(done) == ["nothing", "ok"]
    assert [record["outcome"] for record in kraken.journal.records()] == ["faulted", "accepted"]
    assert len({record["port"] for record in kraken.journal.records()}) == 2


def test_nonces_that_are_not_given_rise(played):
    play = (
        '{call = "Balance", times = 2, gives = "ok"}, {call = "Balance", nonce = 40, times = 2, gives = "ok"}, '
        '{call = "Balance", nonce = 7, gives = "EAPI:Invalid nonce"}, {call = "Balance", gives = "ok"}'
    )
    done = played(scenario(play))
    assert [row.nonce for row in done.rows] == ["1", "2", "40", "41", "7", "42"]
    assert all(row.fits for row in done.rows)


@pytest.mark.parametrize(
    ("result", "note"),
    [
        ("{}", None),
        ("{open = 0}", None),
        ("{open = {}}", None),
        ("{open = 1}", "result.open has 0 members, not 1"),
        ("{open = {a = 1}}", "result.open has no 'a'"),
        ("{shut = 0}", "result has no 'shut'"),
        ('{open = "none"}', 'result.open is {}, not "none"'),
    ],
)
def test_results(played, result, note):
    (row,) = played(scenario(f'{{call = "OpenOrders", gives = "ok", result = {result}}}')).rows
    assert (row.gave, row.note, row.fits) == ("ok", note, note is None)


def test_a_body_of_ones_own(played, kraken):
    done = played(scenario('{call = "Balance", nonce = 3, body = "a=b&nonce=3", gives = "ok"}'))
    assert gave(done) == ["ok"]
    assert done.rows[0].sent == "Balance a=b&nonce=3"


def test_faults_that_did_not_strike_are_taken_away(played, ask):
    theirs = ask("POST", "/mock/faults", {"match": {"endpoint": "OpenOrders"}, "action": {"empty": True}})["id"]
    played(scenario('{call = "Balance", gives = "HTTP 520"}', "action = {html = 520}, times = 9"))
    assert [row["id"] for row in ask("GET", "/mock/faults")["faults"]] == [theirs]


def test_a_control_call_that_is_refused_ends_the_play(played, ask):
    play = '{call = "Balance", gives = "HTTP 520"}, {call = "POST /mock/status", body = {status = "shut"}}'
    with pytest.raises(Refused, match="the status of the exchange is one of"):
        played(scenario(play, "action = {html = 520}"))
    assert ask("GET", "/mock/faults")["faults"] == []


def test_threads_end_with_the_play(played):
    play = '{parallel = [{call = "Balance", gives = "ok"}, {call = "Balance", gives = "ok"}]}'
    played(scenario(play))
    assert [thread.name for thread in threading.enumerate() if thread.name == "scenario"] == []
