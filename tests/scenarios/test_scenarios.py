"""The scenarios that come with mockkraken: each is played by real clients, and is what the reference says."""

from __future__ import annotations

import pytest

from mockkraken.scenarios import shipped
from mockkraken.scenarios.scenario import KrakenCall, Parallel, Scenario

NONCE = "EAPI:Invalid nonce"

# kraken/10 §2.3: what is sent, in this order, and answered. Steps of ours may stand between and after.
SEQUENCES = {
    "N01": [(100, "ok"), (100, NONCE)],
    "N02": [(100, "ok"), (99, NONCE), (101, "ok")],
    "N03": [(101, NONCE), (102, "ok"), (103, "ok")],
    "N04": [(101, "ok"), (102, "ok"), (103, "ok"), (101, NONCE)],
    "N05": [(1497366168277, "ok"), (1497366167838, NONCE)],
    "N06": [(1767225600000000, "ok"), (1767225600123, NONCE), (1767225604712, "ok")],
    "N07": [(1767225600123, "ok"), (1767225600123456, "ok")],
    "N08": [(1767225600123, "ok"), (1767225601, NONCE)],
    "N09": [
        *((1767225600 + ahead, "ok") for ahead in range(21)),
        (1767225605, NONCE),
        (1767225620, NONCE),
        (1767225621, "ok"),
    ],
    "N10": [(1767225600000123, "ok"), (1767225600000121, NONCE), (1767225600250000, "ok")],
    "N11": [(1700000000123, "ok"), (1700000000123, NONCE)],
    "N12": [(1700000000834, "ok"), (1700000000000, NONCE), (1700000001000, "ok")],
    "N13": [(1767225600123, "ok"), (1767225600123, NONCE)],
    "N14": [(1767225600000, "nothing"), (1767225600000, NONCE), (1767225600001, "ok")],
    "N15": [(1767225600000, "HTTP 520"), (1767225600001, "ok")],
    "N16": [(1700003600000, "ok"), (1700000000000, NONCE), (1700003600001, "ok")],
    "N17": [(1767225600000, "ok"), (1767225598900, NONCE), (1767225600300, "ok")],
    "N18": [(1767225600350, "ok"), (1767225600340, NONCE)],
    "N19": [(1767225600001, NONCE), (1767225600002, NONCE), (1767225600003, "ok")],
    "N20": [(100, NONCE), (101, "ok")],
    "N21": [(1767225600000, NONCE), (1767225600001, NONCE)],
    "N22": [(1517, NONCE), (1518, "ok")],
    "N23": [(1700000000100, "ok"), (1700000000080, NONCE), (1700000000090, "ok")],
    "N24": [(1700000010000, "ok"), (1700000000500, "ok"), (1699999999999, NONCE)],
    "N25": [(1767225600000600000, "ok"), (1767225600000580000, NONCE)],
    "N26": [(18446744073709551615, "ok"), (1767225600123, NONCE)],
    "N27": [(18446744073709551616, NONCE), (1, "ok")],
    "N28": [(1000, "ok"), (1, "ok")],
    "N29": [(500, "EAPI:Invalid signature"), (400, "ok")],
    "N30": [(500, "EQuery:Unknown asset pair"), (400, NONCE)],
    "N31": [*((1767225500000 + turn, NONCE) for turn in range(10)), (1767225600001, "EGeneral:Temporary lockout")],
    "N32": [("1700000000000.123", NONCE), ("1.7e12", NONCE)],
    "N33": [(2147483647, "ok"), (-2147483648, NONCE)],
    "N34": [(1767225600055, "ok"), (1767225600041, NONCE)],
}

# Every scenario can be played. But a server sees requests and not their causes, and gives these another name, or none.
SEEN_AS = {
    "N07": None,  # works
    "N18": "N05",  # instances are senders
    "N19": "N03",  # threads send in parallel
    "N20": "N03",  # waiting after the nonce was drawn lets others overtake
    "N24": "N16",  # works; what is below such a window comes from a clock that is far behind
    "N28": None,  # works
    "N29": "signature",  # what is wrong is the signature
    "N30": "N02",  # the nonce is a lower one, whatever became of the higher
    "N34": "N05",  # copies of a service are senders
}

PACK = {
    "calm",
    "cancel_only",
    "cloudflare_520_burst",
    "expired_key",
    "lockout_15m",
    "lost_ack",
    "maintenance_window",
    "nonce_race",
    "post_only",
    "rate_limited_starter",
    "read_only_key",
    "timeout_after_commit",
    "timeout_before_commit",
    "token_revoked",
    "wrong_ip",
}


@pytest.mark.parametrize("name", shipped.names())
def test_what_a_scenario_says_is_what_happens(name, played):
    done = played(shipped.load(name))
    assert done.rows
    assert [row for row in done.rows if not row.fits] == []
    assert (done.missing, done.surplus) == (None, [])
    assert done.as_expected


@pytest.mark.parametrize("number", SEQUENCES)
def test_a_nonce_scenario_is_the_one_of_the_reference(number, played):
    scenario = shipped.load(number)
    rows = [(row.nonce, row.gave) for row in played(scenario).rows if row.sender is not None]
    expected = [(str(nonce), gives) for nonce, gives in SEQUENCES[number]]
    left = iter(rows)
    assert [step for step in expected if step not in left] == [], f"not in this order: {rows}"
    assert scenario.finding == SEEN_AS.get(number, number)


def test_the_scenarios_are_all_there():
    every = shipped.every()
    assert [scenario.id for scenario in every if scenario.id] == list(SEQUENCES)
    assert list(SEQUENCES) == [f"N{number:02}" for number in range(1, 35)]
    assert {scenario.name for scenario in every if scenario.id is None} == PACK


@pytest.mark.parametrize("name", shipped.names())
def test_a_scenario_that_needs_no_server_for_itself_can_be_played_again_on_a_used_one(name, played, kraken):
    scenario = shipped.load(name)
    if scenario.reaches():
        assert scenario.id in (None, "N09", "N31"), "the nonce scenarios are to be played anywhere"
        return
    kraken.settings["rate_limits"] = "on"
    before = {key.name for key in kraken.keys}
    for _ in range(2):
        assert played(scenario).as_expected
    assert {key.name for key in kraken.keys} - before == set(scenario.keys)
    assert list(kraken.faults) == []


@pytest.mark.parametrize("name", shipped.names())
def test_a_scenario_does_not_look_at_the_machines_clock(name):
    scenario = shipped.load(name)
    numbers = [call.nonce for call in _calls(scenario) if call.key is not None and call.key in scenario.keys]
    assert None not in numbers, "nonces are written down"
    assert all(call.at is not None for call in scenario.setup if call.path == "/mock/clock") is True


def test_requests_of_a_race_come_over_connections_of_their_own(played, kraken):
    played(shipped.load("N03"))
    records = kraken.journal.records()
    assert len({record["port"] for record in records}) == len(records) == 3
    assert {record["user_agent"] for record in records} == {"client"}


def test_each_sender_is_a_client_of_its_own(played, kraken):
    played(shipped.load("N05"))
    senders = {(record["user_agent"], record["port"]) for record in kraken.journal.records()}
    assert sorted(name for name, _ in senders) == ["bot A", "bot B"]


def test_an_order_whose_answer_was_lost_is_there(played, kraken):
    played(shipped.load("timeout_after_commit"))
    (added,) = kraken.journal.records(endpoint="AddOrder")
    assert added["outcome"] == "faulted"


def _calls(scenario: Scenario) -> list[KrakenCall]:
    steps = [step.steps if isinstance(step, Parallel) else (step,) for step in scenario.play]
    return [call for part in steps for call in part if isinstance(call, KrakenCall)]
