"""What may stand in a scenario's file, and what is said of what may not."""

from __future__ import annotations

import re
import tomllib

import pytest

import mockkraken.scenarios
from mockkraken.scenarios import shipped
from mockkraken.scenarios.scenario import ControlCall, KrakenCall, Parallel, ScenarioError, parse

KEY = 'setup = [{call = "POST /mock/keys", body = {name = "mine"}}]\n'
HEAD = 'title = "Mine"\n' + KEY


def play(step: str) -> str:
    return f"{HEAD}play = [{{{step}}}]\n"


def test_the_smallest():
    scenario = parse('title = "Nothing"', "some/where/nothing.toml")
    assert (scenario.name, scenario.title, scenario.about) == ("nothing", "Nothing", "")
    assert (scenario.id, scenario.finding, scenario.setup, scenario.play, scenario.keys) == (None, None, (), (), ())
    assert scenario.reaches() == []


def test_everything_that_the_package_documents_is_read():
    example = "\n".join(
        line[4:] for line in (mockkraken.scenarios.__doc__ or "").split("\n") if line.startswith("    ")
    )
    scenario = parse(example.split("\ncall  ")[0], "example.toml")
    assert scenario.setup == (
        ControlCall("POST", "/mock/keys", {"name": "shared", "profile": "trading-bot"}),
        ControlCall("POST", "/mock/status", {"status": "maintenance"}, at=600 * 10**9),
    )
    first, second, third = scenario.play
    assert first == KrakenCall("Balance", "ok", sender="bot A", key="shared", nonce="1497366168277")
    assert isinstance(second, KrakenCall) and second.gives == "EAPI:Invalid nonce"
    assert third == ControlCall("POST", "/mock/clock", {"advance": "15m"})
    assert scenario.reaches() == ["POST /mock/status", "POST /mock/clock"]


def test_the_fields_of_a_call():
    text = play(
        'call = "AddOrder", gives = "nothing", from = "bot", nonce = "0x1", '
        'fields = {pair = "XBTUSD", validate = true, userref = 7}, secret = "AQID", result = {open = 1}'
    )
    (call,) = parse(text, "mine.toml").play
    assert call == KrakenCall(
        "AddOrder",
        "nothing",
        sender="bot",
        key="mine",
        nonce="0x1",
        fields={"pair": "XBTUSD", "validate": "true", "userref": "7"},
        secret="AQID",
        result={"open": 1},
    )


def test_what_is_sent_again_is_the_senders_last():
    text = HEAD + (
        'play = [{from = "a", call = "Balance", nonce = 1, times = 3, gives = "ok"}, '
        '{from = "b", call = "OpenOrders", gives = "ok"}, {from = "a", again = true, gives = "EAPI:Invalid nonce"}]'
    )
    again = parse(text, "mine.toml").play[2]
    assert again == KrakenCall("Balance", "EAPI:Invalid nonce", sender="a", key="mine", nonce="1", again=True)


def test_calls_that_overlap_have_the_sender_of_their_step():
    text = play(
        'from = "bot", parallel = [{call = "Balance", gives = "ok"}, {call = "POST /mock/clock"}, '
        '{from = "other", call = "public/Time", gives = "ok"}]'
    )
    (step,) = parse(text, "mine.toml").play
    assert isinstance(step, Parallel)
    assert [getattr(call, "sender", None) for call in step.steps] == ["bot", None, "other"]


def test_times_of_toml_are_texts_of_json():
    text = 'title = "Mine"\nsetup = [{call = "PATCH /mock/keys/full", body = {valid_until = 2020-01-01T00:00:00Z}}]'
    assert parse(text, "mine.toml").setup[0].body == {"valid_until": "2020-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "mine.toml: not TOML: "),
        ("", "mine.toml: title: it takes one line of text, and must be there"),
        ('title = "a\\nb"', "mine.toml: title: it takes one line"),
        ("title = 1", "mine.toml: title: it takes a text, not 1"),
        (f"title = 0x{'f' * 5000}", "mine.toml: not TOML: a number has more than 40 digits"),
        (f"title = {'9' * 5000}", "mine.toml: not TOML: "),
        (f"{'a.' * 31}a = 1", "mine.toml: not TOML that anybody would write: nested too deep"),
        (f"{'a.' * 50_000}a = 1", "mine.toml: not TOML that anybody would write: nested too deep"),
        ('title = "Mine"\nplays = []', "mine.toml: plays: there is no such field here; did you mean 'play'?"),
        ('title = "Mine"\nplay = 1', "mine.toml: play: it takes a list of steps"),
        ('title = "Mine"\nplay = [1]', "mine.toml: play, step 1: a step is a table"),
        (
            'title = "Mine"\nsetup = [{}]',
            "mine.toml: setup, step 1: call: it takes one line",
        ),
        ('title = "Mine"\nsetup = [{call = "Balance"}]', "setup, step 1: call: a set-up is made of control calls"),
        ('title = "Mine"\nsetup = [{call = "GET /mock/keys"}]', "setup, step 1: call: a GET sets nothing up"),
        ('title = "Mine"\nsetup = [{call = "POST /mock/reset"}]', "call: /mock/reset does not belong in a scenario"),
        (
            'title = "Mine"\nsetup = [{call = "POST /mock/status", at = "soon"}]',
            "setup, step 1: at: not a span",
        ),
        (
            'title = "Mine"\nsetup = [{call = "POST /mock/status", at = "999999999d"}]',
            "setup, step 1: at: no clock gets there: it ends in the year 2200",
        ),
        (
            'title = "Mine"\nsetup = [{call = "POST /mock/clock", at = "1m"}]',
            "setup, step 1: at: the clock is not",
        ),
        ('title = "Mine"\nsetup = [{call = "POST /mock/status", body = 1}]', "step 1: body: it takes a table"),
        (
            'title = "Mine"\n[[setup]]\ncall = "POST /mock/keys"\nplay = []',
            "setup, step 1: play: there is no such field here; what stands below a [[step]] belongs to it",
        ),
        (play('call = "Balance"'), "mine.toml: play, step 1: gives: it takes one line of text, and must be there"),
        (
            play('call = "Balance", gives = "yes"'),
            'play, step 1: gives: it takes "ok", "nothing", "garbage"',
        ),
        (
            play('call = "Balance", gives = "ok", nonse = 1'),
            "step 1: nonse: there is no such field here; did you",
        ),
        (play('call = "Balance", gives = "ok", nonce = 1.5'), "step 1: nonce: it takes a whole number"),
        (play('call = "Balance", gives = "ok", nonce = true'), "step 1: nonce: it takes a whole number"),
        (
            play('call = "Balance", gives = "ok", key = "their"'),
            "step 1: key: there is no key 'their'; there are mine",
        ),
        (play('call = "public/Time", gives = "ok", key = "mine"'), "step 1: key: a public call takes none"),
        (play('call = "POST mock/clock", gives = "ok"'), "step 1: call: a control call is a method and a path"),
        (play('call = "POST /mock/keys"'), "step 1: call: keys are made by the set-up"),
        (play('call = "POST /mock/scenarios/calm"'), "call: /mock/scenarios/calm does not belong in a scenario"),
        (play('call = "/0/private/Balance", gives = "ok"'), 'step 1: call: it takes "Balance", "public/Time" or'),
        (play('call = "AddOrder", gives = "ok", fields = {volume = 0.1}'), "step 1: fields.volume: it takes a text"),
        (play('call = "AddOrder", gives = "ok", fields = {a = "b"}, body = ""'), "step 1: fields: `body` is the whole"),
        (play('call = "Balance", gives = "ok", from = "a\\nb"'), "step 1: from: it is sent as User-Agent"),
        (play('call = "Balance", gives = "ok", times = 0'), "step 1: times: it takes a number from 1 to 10000"),
        (
            play('call = "Balance", gives = "ok", times = 2, nonce = "1.5"'),
            "times: it needs a nonce that can be",
        ),
        (play('call = "Balance", gives = "ok", secret = "§"'), "step 1: secret: the secret is not base64"),
        (play('again = true, gives = "ok"'), "step 1: again: 'client' has sent nothing before"),
        (play('again = false, gives = "ok"'), "step 1: again: it takes true, not False"),
        (play('again = true, gives = "ok", nonce = 1'), "step 1: nonce: there is no such field here"),
        (play('parallel = [{call = "Balance", gives = "ok"}]'), "step 1: parallel: it takes two calls or more"),
        (
            play('parallel = [{call = "Balance", gives = "ok"}, {call = "Balance"}]'),
            "mine.toml: play, step 1: parallel, step 2: gives: it takes one line",
        ),
        (
            play('parallel = [{call = "Balance", gives = "ok"}, {call = "Balance", gives = "ok", times = 2}]'),
            "step 1: parallel: `again` and `times` are for steps of their own",
        ),
        (
            'title = "Mine"\nplay = [{call = "Balance", gives = "ok"}]',
            "step 1: key: whose call is it? the set-up makes none",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_step_and_field(text, said):
    with pytest.raises(ScenarioError, match=re.escape(said)) as caught:
        parse(text, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_whose_call_it_is_must_be_said_where_there_are_two_keys():
    two = 'setup = [{call = "POST /mock/keys", body = {name = "a"}}, {call = "POST /mock/keys", body = {name = "b"}}]\n'
    with pytest.raises(ScenarioError, match="step 1: key: whose call is it\\? the set-up makes a, b"):
        parse(f'title = "Mine"\n{two}play = [{{call = "Balance", gives = "ok"}}]', "mine.toml")


@pytest.mark.parametrize("name", ["Mine.toml", "a b.toml", ".toml", "ü.toml"])
def test_a_files_name_is_the_scenarios(name):
    with pytest.raises(ScenarioError, match="file name is made of"):
        parse('title = "Mine"', name)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ScenarioError, match="there is no scenario 'nonce_rase'; did you mean 'nonce_race'"):
        shipped.find("nonce_rase")
    with pytest.raises(ScenarioError, match="mockkraken scenarios list"):
        shipped.find("../x")
    missing = tmp_path / "none.toml"
    with pytest.raises(ScenarioError, match=r"none\.toml: can't be read: No such file"):
        shipped.find(str(missing))
    missing.write_bytes(b"\xff")
    with pytest.raises(ScenarioError, match="can't be read: not UTF-8"):
        shipped.find(str(missing))


@pytest.mark.parametrize("name", shipped.names())
def test_the_shipped_files_are_pleasant_to_read(name):
    scenario = shipped.load(name)
    assert scenario.about and scenario.title[-1] not in ".!"
    assert max(map(len, scenario.text.split("\n"))) <= 120
    assert tomllib.loads(scenario.text)["title"] == scenario.title
