"""Setting scenarios up: over HTTP, in Python, at the start and at a reset."""

from __future__ import annotations

import pytest

from mockkraken import ControlError, MockKraken
from mockkraken.remote import Refused
from mockkraken.scenarios import shipped
from mockkraken.scenarios.player import START

MINE = """
title = "Mine"
setup = [
  {call = "POST /mock/keys", body = {name = "made", permissions = ["query-funds"]}},
  {call = "POST /mock/status", body = {status = "post_only"}},
  {call = "POST /mock/status", body = {status = "online"}, at = "90s"},
]
"""


@pytest.fixture
def file(tmp_path):
    """A scenario of somebody's own."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return str(path)


def test_the_catalogue(ask):
    rows = ask("GET", "/mock/scenarios")["scenarios"]
    assert [row["name"] for row in rows] == [scenario.name for scenario in shipped.every()]
    (row,) = [row for row in rows if row["name"] == "nonce_unit_switch"]
    assert set(row) == {"name", "id", "title", "about", "finding", "reaches"}
    assert (row["id"], row["finding"], row["reaches"]) == ("N06", "N06", [])


def test_setting_one_up_over_http(ask, kraken):
    done = ask("POST", "/mock/scenarios/retry_same_bytes")
    (key,) = done["keys"]
    assert (done["name"], done["id"], key["key"]) == ("retry_same_bytes", "N14", "stubborn")
    assert kraken.keys["stubborn"].api_secret == key["api_secret"]
    assert done["faults"] == [row["id"] for row in ask("GET", "/mock/faults")["faults"]]
    assert kraken.journal.records() == [], "nothing is played"


def test_setting_one_up_by_its_id(ask, kraken):
    ask("POST", "/mock/scenarios/N05")
    assert kraken.keys["shared"]


def test_setting_one_up_in_python(kraken):
    scenario = kraken.scenarios["read_only_key"]
    assert (scenario.name, scenario.id) == ("read_only_key", None)
    assert scenario.title in {other.title for other in kraken.scenarios}
    assert repr(scenario) == "<scenario 'read_only_key'>"
    scenario.start()
    assert "modify-trades" not in kraken.keys["full"].state()["permissions"]


def test_what_comes_later_comes_with_the_clock(kraken, file):
    done = kraken.scenarios[file].start()
    assert done["later"] == [{"at": "2026-01-01T00:01:30Z", "call": "POST /mock/status"}]
    assert kraken.status.state()["status"] == "post_only"
    kraken.clock.advance("89s")
    assert kraken.status.state()["status"] == "post_only"
    kraken.clock.advance("1s")
    assert kraken.status.state()["status"] == "online"


def test_a_reset_takes_back_what_would_have_come(kraken):
    kraken.scenarios["maintenance_window"].start()
    kraken.reset()
    kraken.clock.advance("11m")
    assert kraken.status.state()["status"] == "online"


def test_a_call_that_fails_later_stops_neither_the_clock_nor_what_follows(kraken, tmp_path, caplog):
    path = tmp_path / "late.toml"
    path.write_text("""
        title = "Too late"
        setup = [
          {call = "DELETE /mock/keys/readonly"},
          {call = "PATCH /mock/keys/readonly", body = {disabled = true}, at = "1m"},
          {call = "POST /mock/status", body = {status = "post_only"}, at = "1m"},
        ]
    """)
    kraken.scenarios[str(path)].start()
    kraken.clock.advance("2m")
    assert kraken.status.state()["status"] == "post_only"
    assert "late: setup, step 2 (PATCH /mock/keys/readonly): there is no key 'readonly'" in caplog.text


def test_starting_it_again_replaces_its_keys(kraken, ask):
    first, second = (ask("POST", "/mock/scenarios/nonce_two_senders")["keys"][0] for _ in range(2))
    assert first["api_key"] != second["api_key"]
    assert kraken.keys["shared"].api_key == second["api_key"]


def test_a_start_that_was_refused_half_way_does_not_bar_the_next_one(kraken, ask):
    """Whoever mends the file starts it again: the key of the first try is not somebody else's."""
    made = '{call = "POST /mock/keys", body = {name = "mine"}}'
    right = '{call = "PATCH /mock/settings", body = {lockout_threshold = 5}}'
    text = f'title = "X"\nsetup = [{made}, {right}]'
    with pytest.raises(Refused, match="step 2"):
        ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": text.replace("lockout_threshold", "threshold")})
    left = kraken.keys["mine"].api_key
    done = ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": text})
    assert kraken.keys["mine"].api_key == done["keys"][0]["api_key"] != left


def test_after_a_start_that_was_refused_nothing_comes_later(kraken, ask):
    later = '{call = "POST /mock/status", body = {status = "post_only"}, at = "1m"}'
    wrong = '{call = "POST /mock/status", body = {status = "shut"}}'
    with pytest.raises(Refused, match="step 2"):
        ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": f'title = "X"\nsetup = [{later}, {wrong}]'})
    kraken.clock.advance("1h")
    assert kraken.status.state()["status"] == "online"


def test_one_that_makes_the_same_key_twice_is_refused_each_time(kraken, ask):
    key = '{call = "POST /mock/keys", body = {name = "mine"}}'
    for _ in range(2):
        with pytest.raises(Refused, match=r"step 2 .*there is a key 'mine' already"):
            ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": f'title = "X"\nsetup = [{key}, {key}]'})


def test_one_may_take_the_faults_of_others_away(kraken, ask):
    kraken.fault("AddOrder", html=520)
    mine = '{call = "POST /mock/faults", body = {match = {endpoint = "Balance"}, action = {html = 502}}}'
    text = f'title = "X"\nsetup = [{{call = "DELETE /mock/faults"}}, {mine}]'
    done = ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": text})
    assert done["faults"] == [row["id"] for row in ask("GET", "/mock/faults")["faults"]]
    assert len(done["faults"]) == 1


def test_keys_of_others_are_left_alone(kraken, ask):
    theirs = kraken.keys.create(name="shared")
    with pytest.raises(Refused, match="nonce_two_senders makes a key 'shared', and there is one already"):
        ask("POST", "/mock/scenarios/nonce_two_senders")
    assert kraken.keys["shared"].api_key == theirs.api_key


def test_a_reset_sets_one_up(kraken, ask):
    kraken.accounts["main"].balances["ZUSD"] = "1"
    ask("POST", "/mock/reset", {"scenario": "post_only", "seed": 3})
    assert kraken.status.state()["status"] == "post_only"
    assert kraken.settings["seed"] == 3
    assert kraken.accounts["main"].balances["ZUSD"] == "1000000.0000"
    kraken.reset()
    assert kraken.status.state()["status"] == "online"
    kraken.reset(scenario="cancel_only")
    assert kraken.status.state()["status"] == "cancel_only"


def test_a_reset_forgets_which_keys_were_a_scenarios(kraken):
    kraken.scenarios["N05"].start()
    kraken.reset()
    kraken.keys.create(name="shared")  # generated from the same seed, it has the same public key
    with pytest.raises(ControlError, match="makes a key 'shared'"):
        kraken.scenarios["N05"].start()


def test_a_server_that_was_started_with_one_goes_back_to_it(file):
    with MockKraken(clock=START, scenario=file) as kraken:
        assert kraken.keys["made"].state()["permissions"] == ["query-funds"]
        kraken.status.set("maintenance")
        kraken.reset()
        assert kraken.status.state()["status"] == "post_only"
        assert kraken.keys["made"]
        kraken.reset(scenario="calm")
        assert kraken.status.state()["status"] == "online"
        kraken.reset()
        assert kraken.status.state()["status"] == "post_only"


@pytest.mark.parametrize("wrong", ["no_such", "missing.toml", "", 5, None])
def test_no_scenario(kraken, wrong):
    kraken.status.set("post_only")
    if wrong is not None:
        with pytest.raises(ControlError) as caught:
            kraken.reset(scenario=wrong)
        assert caught.value.field == "scenario"
        assert kraken.status.state()["status"] == "post_only", "refused, it resets nothing"
    with pytest.raises(ControlError):
        kraken.scenarios[wrong]


def test_what_http_refuses(ask, file):
    with pytest.raises(Refused, match="there is no scenario 'no_such'"):
        ask("POST", "/mock/scenarios/no_such")
    with pytest.raises(Refused, match="there is no scenario"):
        ask("POST", f"/mock/scenarios/{file}")  # whoever asks over HTTP reads no files
    with pytest.raises(Refused, match="there is no scenario"):
        ask("POST", "/mock/reset", {"scenario": file})
    with pytest.raises(Refused, match=r"x\.toml: not TOML: "):
        ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": "title ="})
    with pytest.raises(Refused, match="toml is missing"):
        ask("POST", "/mock/scenarios", {"name": "x.toml"})


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('{call = "POST /mock/nothing"}', "x: setup, step 2: there is no control call POST /mock/nothing"),
        ('{call = "POST /mock/health"}', "x: setup, step 2: /mock/health takes GET"),
        (
            '{call = "POST /mock/status", body = {status = "shut"}}',
            "x: setup, step 2 (POST /mock/status): the status",
        ),
        (
            '{call = "PATCH /mock/keys/none", body = {disabled = true}}',
            "(PATCH /mock/keys/none): there is no key",
        ),
        ('{call = "POST /mock/keys", body = {nam = "a"}}', "x: setup, step 2 (POST /mock/keys): there is no 'nam'"),
    ],
)
def test_a_step_that_is_refused_is_named(kraken, ask, step, said):
    text = f'title = "X"\nsetup = [{{call = "POST /mock/status", body = {{status = "post_only"}}}}, {step}]'
    with pytest.raises(Refused) as caught:
        ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": text})
    assert said in str(caught.value)
    # What can be seen beforehand is refused before anything is done.
    assert kraken.status.state()["status"] == ("online" if "step 2:" in said else "post_only")


def test_keys_whose_names_are_escaped(kraken, ask):
    name = "a/b c"
    kraken.keys.create(name=name)
    text = 'title = "X"\nsetup = [{call = "POST /mock/keys/a%2Fb%20c/nonce", body = {highest = "5"}}]'
    ask("POST", "/mock/scenarios", {"name": "x.toml", "toml": text})
    assert kraken.keys[name].highest == 5
