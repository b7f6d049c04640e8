"""The pytest plugin, as its users meet it: test files without a conftest, run by a pytest of their own."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from mockkraken import MockKraken

HEAVY = ("starlette", "uvicorn", "msgspec", "httpx", "click", "mockkraken.server", "mockkraken.sandbox")


def text(result: pytest.RunResult) -> str:
    return "\n".join([*result.outlines, *result.errlines])


# The fixtures


def test_a_signed_request_without_a_conftest(run):
    result = run("""
        from bot import call

        def test_balance(mockkraken):
            answer = call(mockkraken, "Balance")
            assert answer["error"] == []
            assert answer["result"]["ZUSD"] == "1000000.0000"
            assert [record["outcome"] for record in mockkraken.journal.records()] == ["accepted"]
    """)
    result.assert_outcomes(passed=1)


def test_each_test_finds_the_start_state(run):
    result = run(
        """
        import pytest
        from bot import buy, call

        @pytest.mark.parametrize("turn", range(3))
        def test_turn(mockkraken, turn):
            kraken = mockkraken
            assert kraken.journal.page()["next"] == 0
            assert kraken.clock.state()["mode"] == "real"
            assert kraken.settings["dialect"] == "documented"
            assert kraken.settings["journal_size"] == 10_000
            assert kraken.accounts["main"].balances["ZUSD"] == "1000000.0000"
            assert "third" not in [account.name for account in kraken.accounts]
            assert kraken.keys["full"].highest == 0
            assert "mine" not in [key.name for key in kraken.keys]
            # The same nonce each time: it must have been forgotten.
            assert call(kraken, "OpenOrders", nonce=10)["result"]["open"] == {}

            buy(kraken, nonce=11)
            kraken.accounts["main"].balances["ZUSD"] = "600"
            kraken.accounts.create("third")
            kraken.keys.create(name="mine")
            kraken.settings.patch(dialect="observed", journal_size=5)
            kraken.clock.freeze()
            kraken.clock.advance("15m")
    """
    )
    result.assert_outcomes(passed=3)


def test_the_session_server_alone_keeps_what_tests_do(run):
    result = run("""
        def test_first(mockkraken_server):
            mockkraken_server.accounts["main"].balances["ZUSD"] = "1"

        def test_second(mockkraken_server):
            assert mockkraken_server.accounts["main"].balances["ZUSD"] == "1.0000"

        def test_third(mockkraken):
            assert mockkraken.accounts["main"].balances["ZUSD"] == "1000000.0000"
    """)
    result.assert_outcomes(passed=3)


def test_the_settings_are_the_conftests(run):
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(2))
        def test_settings(mockkraken, turn):
            assert mockkraken.clock.now() == "2026-01-01T00:00:00Z"
            assert mockkraken.settings["seed"] == 9
            assert mockkraken.settings["dialect"] == "observed"
            mockkraken.settings["dialect"] = "documented"
            mockkraken.clock.advance("1h")
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def mockkraken_settings():
            return {"seed": 9, "clock": "2026-01-01T00:00:00Z", "dialect": "observed"}
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"colour": "red"}, "there is no setting 'colour'"),
        ({"clock": "yesterday"}, "not a time: 'yesterday'"),
        ({"port": 70000}, "a port is 0 to 65535"),
    ],
)
def test_settings_that_do_not_do_are_named(run, settings, named):
    result = run(
        "def test_it(mockkraken): ...",
        conftest=f"""
        import pytest

        @pytest.fixture(scope="session")
        def mockkraken_settings():
            return {settings!r}
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"the server does not start with what the fixture mockkraken_settings gives: *{named}*"]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_key_of_ones_own(run):
    result = run("""
        from bot import buy, call

        def test_what_is_given_counts(mockkraken, kraken_key):
            key = kraken_key(permissions=["query-funds"], nonce_window=10)
            assert call(mockkraken, "Balance", key=key, nonce=100)["error"] == []
            assert call(mockkraken, "Balance", key=key, nonce=95)["error"] == []
            assert call(mockkraken, "Balance", key=key, nonce=50)["error"] == ["EAPI:Invalid nonce"]
            assert call(mockkraken, "OpenOrders", key=key)["error"] == ["EGeneral:Permission denied"]

        def test_a_profile(mockkraken, kraken_key):
            assert kraken_key(profile="portfolio-tracker").state()["permissions"] == ["query-funds", "query-ledger"]

        def test_without_arguments_it_may_trade_and_not_withdraw(mockkraken, kraken_key):
            first, second = kraken_key(), kraken_key(account="second", name="other")
            assert buy(mockkraken, key=first)
            assert first.state()["permissions"] == second.state()["permissions"] == mockkraken.keys["trade"].state()[
                "permissions"
            ]
            assert second.name == "other" and second.state()["account"] == "second"
            assert first.api_key != second.api_key

        def test_none_of_them_is_left(mockkraken):
            assert "other" not in [key.name for key in mockkraken.keys]
    """)
    result.assert_outcomes(passed=4)


def test_the_server_starts_once_and_is_gone_after_the_session(run):
    others = threading.enumerate()  # our own tests have servers too
    result = run(
        """
        import pytest

        def test_unused(): ...

        @pytest.mark.parametrize("turn", range(3))
        def test_used(mockkraken, kraken_key, turn): ...

        def test_server(mockkraken_server): ...
        """,
        "-s",
        conftest="""
        import pytest
        from mockkraken import MockKraken

        start, stop = MockKraken.start, MockKraken.stop

        @pytest.fixture(scope="session", autouse=True)
        def _told():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(MockKraken, "start", lambda self: print("\\nit starts") or start(self))
                patch.setattr(MockKraken, "stop", lambda self: print("\\nit stops") or stop(self))
                yield
        """,
    )
    result.assert_outcomes(passed=5)
    assert [line for line in result.outlines if line in ("it starts", "it stops")] == ["it starts", "it stops"]
    assert [thread for thread in threading.enumerate() if thread not in others] == []


# The marker


@pytest.mark.parametrize(
    ("argument", "shown", "start"),
    [
        ("seed=7", "mockkraken.settings['seed'] == 7", "mockkraken.settings['seed'] == 0"),
        (
            "clock='2026-01-01T00:00:00Z'",
            "mockkraken.clock.state()['mode'] == 'frozen' and mockkraken.clock.now() == '2026-01-01T00:00:00Z'",
            "mockkraken.clock.state()['mode'] == 'real'",
        ),
        (
            "clock=1767225600",
            "mockkraken.clock.now() == '2026-01-01T00:00:00Z'",
            "mockkraken.clock.now() != '2026-01-01T00:00:00Z'",
        ),
        (
            "balances={'ZUSD': '100', 'XBT': 0.5}",
            "(main.balances['ZUSD'], main.balances['XXBT'], main.balances['ZEUR'])"
            " == ('100.0000', '0.5000000000', '1000000.0000')",
            "(main.balances['ZUSD'], main.balances['XXBT']) == ('1000000.0000', '100.0000000000')",
        ),
        ("tier='starter'", "main.state()['tier'] == 'starter'", "main.state()['tier'] == 'pro'"),
        (
            "rate_limits='on'",
            "mockkraken.settings['rate_limits'] == 'on'",
            "mockkraken.settings['rate_limits'] == 'off'",
        ),
        ("", "mockkraken.settings['seed'] == 0", "mockkraken.settings['seed'] == 0"),
    ],
)
def test_each_argument_holds_for_its_test_only(run, argument, shown, start):
    result = run(f"""
        import pytest

        @pytest.fixture
        def main(mockkraken):
            return mockkraken.accounts["main"]

        def test_before(mockkraken, main):
            assert {start}

        @pytest.mark.mockkraken({argument})
        def test_marked(mockkraken, main):
            assert {shown}

        def test_after(mockkraken, main):
            assert {start}
    """)
    result.assert_outcomes(passed=3)


def test_a_seed_decides_the_ids(run):
    result = run(
        """
        import pytest
        from bot import buy

        @pytest.mark.parametrize(
            "seed", [pytest.param(seed, marks=pytest.mark.mockkraken(seed=seed)) for seed in (7, 8, 7)]
        )
        @pytest.mark.mockkraken(clock="2026-01-01T00:00:00Z")
        def test_order(mockkraken, seed):
            print("\\ntxid", buy(mockkraken, nonce=1))
        """,
        "-s",
    )
    result.assert_outcomes(passed=3)
    first, second, third = [line for line in result.outlines if line.startswith("txid")]
    assert first == third != second


def test_the_nearest_marker_wins_argument_by_argument(run):
    result = run("""
        import pytest

        pytestmark = pytest.mark.mockkraken(seed=1, tier="intermediate", balances={"ZUSD": "1"})

        def state(kraken):
            main = kraken.accounts["main"]
            return kraken.settings["seed"], main.state()["tier"], main.balances["ZUSD"], main.balances["ZEUR"]

        def test_module(mockkraken):
            assert state(mockkraken) == (1, "intermediate", "1.0000", "1000000.0000")

        @pytest.mark.mockkraken(seed=2, balances={"ZEUR": "2"})
        class TestClass:
            def test_class(self, mockkraken):
                assert state(mockkraken) == (2, "intermediate", "1000000.0000", "2.0000")

            @pytest.mark.mockkraken(tier="starter", seed=3)
            def test_function(self, mockkraken):
                assert state(mockkraken) == (3, "starter", "1000000.0000", "2.0000")

            @pytest.mark.mockkraken(seed=None, balances=None)
            def test_none_is_the_start_state(self, mockkraken):
                assert state(mockkraken) == (0, "intermediate", "1000000.0000", "1000000.0000")

            @pytest.mark.parametrize("x", [pytest.param(0, marks=pytest.mark.mockkraken(seed=5))])
            @pytest.mark.mockkraken(seed=4, tier="pro")
            def test_parameter(self, mockkraken, x):
                assert state(mockkraken) == (5, "pro", "1000000.0000", "2.0000")

        @pytest.mark.mockkraken(seed=6)
        class TestSubclass(TestClass):
            def test_class(self, mockkraken):
                assert state(mockkraken) == (6, "intermediate", "1000000.0000", "2.0000")
    """)
    result.assert_outcomes(passed=9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("7", "@pytest.mark.mockkraken takes its arguments by name, not 7"),
        (
            "scenery='lost_ack'",
            "@pytest.mark.mockkraken has no argument 'scenery'; it takes scenario, seed, clock, balances, tier, "
            "rate_limits",
        ),
        ("seed='x'", "@pytest.mark.mockkraken: seed takes an integer, not 'x' (*)"),
        ("seed=1.5", "@pytest.mark.mockkraken: seed takes an integer, not 1.5 (*)"),
        ("seed=2**64", "@pytest.mark.mockkraken: seed takes an integer, not 18446744073709551616 (*)"),
        ("clock='soon'", "@pytest.mark.mockkraken: clock takes a time, *, not 'soon' (*)"),
        ("balances='100'", "@pytest.mark.mockkraken: balances takes a dict of amounts by asset, *, not '100'"),
        ("balances={1: '100'}", "@pytest.mark.mockkraken: balances takes a dict *, not {1: '100'}"),
        ("balances={'NOPE': '1'}", "@pytest.mark.mockkraken: balances takes *, not * (there is no asset 'NOPE')"),
        ("balances={'ZUSD': '-1'}", "@pytest.mark.mockkraken: balances takes *, not * (a balance is not below zero*)"),
        ("balances={'ZUSD': 'much'}", "@pytest.mark.mockkraken: balances takes *, not * (not an amount: 'much'*)"),
        ("tier='gold'", "@pytest.mark.mockkraken: tier takes *, not 'gold' (*)"),
        ("tier=['pro']", "@pytest.mark.mockkraken: tier takes *, not *'pro'* (*)"),
        ("rate_limits='maybe'", "@pytest.mark.mockkraken: rate_limits takes *, not 'maybe' (*)"),
        ("rate_limits=True", "@pytest.mark.mockkraken: rate_limits takes *, not True (*)"),
    ],
)
def test_a_marker_that_does_not_do_is_one_clear_sentence(run, arguments, sentence):
    result = run(f"""
        import pytest

        @pytest.mark.mockkraken({arguments})
        def test_marked(mockkraken): ...

        def test_next(mockkraken): ...
    """)
    result.assert_outcomes(errors=1, passed=1)
    shown = result.outlines
    start = next(number for number, line in enumerate(shown) if "ERROR at setup of test_marked" in line)
    escaped = sentence.replace("[", "[[]")
    pytest.LineMatcher(shown[start + 1 : start + 2]).fnmatch_lines([escaped])
    assert shown[start + 2].startswith("=====")
    assert "pytest_plugin.py" not in text(result)


def test_a_marker_is_wrong_even_where_a_nearer_one_hides_it(run):
    result = run("""
        import pytest

        @pytest.mark.mockkraken(sede=1)
        class TestClass:
            @pytest.mark.mockkraken(seed=1)
            def test_function(self, mockkraken): ...
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["@pytest.mark.mockkraken has no argument 'sede'*"])


def test_the_marker_and_the_fixtures_explain_themselves(run):
    result = run("", "--markers", "--strict-markers")
    result.stdout.fnmatch_lines(["@pytest.mark.mockkraken(scenario, seed, clock, balances, tier, rate_limits): *"])
    result = run("", "--fixtures")
    for name in ("mockkraken_settings", "mockkraken_server", "mockkraken", "kraken_key"):
        assert any(line.startswith(name) and "pytest_plugin" in line for line in result.outlines), name


# The report of a failed test


NONCE = """
    from bot import call

    def test_bot(mockkraken):
        assert call(mockkraken, "Balance", nonce=1767225600000000)["error"] == []
        assert call(mockkraken, "Balance", nonce=1767225600123)["error"] == []
"""


def section(result: pytest.RunResult) -> list[str]:
    """The lines of the journal's section, of which there is one."""
    [start] = [number for number, line in enumerate(result.outlines) if "- mockkraken journal -" in line]
    lines = result.outlines[start + 1 :]
    end = next(number for number, line in enumerate(lines) if line.startswith(("---", "===", "___")))
    return lines[:end]


def test_a_failure_tells_the_reason_of_a_refused_nonce(run):
    result = run(NONCE)
    result.assert_outcomes(failed=1)
    accepted, refused, reason, diagnosis = section(result)
    assert accepted.split("  ")[1:] == ["Balance", "full", "accepted"]
    assert refused.split("  ")[1:] == ["Balance", "full", "refused", "EAPI:Invalid nonce"]
    assert reason.startswith("    N06: nonce 1767225600123 ")
    assert "1767225600000000" in reason
    assert diagnosis.startswith("doctor, N06: ")
    assert "Make a new key" in diagnosis
    result.stdout.fnmatch_lines(["E *assert *EAPI:Invalid nonce*"])


def test_no_secret_is_told(run):
    result = run(NONCE, "-vv", "-rA")
    kraken = MockKraken()
    assert section(result)
    assert kraken.api_secret not in text(result)
    assert kraken.api_secret[:20] not in text(result)


def test_a_failure_of_a_later_fixture_tells_it_too(run):
    result = run("""
        import pytest
        from bot import call

        @pytest.fixture
        def bot(mockkraken):
            mockkraken.keys["full"].highest = 2**64 - 1
            assert call(mockkraken, "Balance")["error"] == []

        def test_bot(bot): ...
    """)
    result.assert_outcomes(errors=1)
    refused, reason, _ = section(result)
    assert refused.endswith("refused  EAPI:Invalid nonce")
    assert reason.startswith("    N")


def test_only_this_tests_requests_are_told(run):
    result = run("""
        import pytest
        from bot import call

        def test_first(mockkraken):
            call(mockkraken, "OpenOrders")

        def test_fails(mockkraken):
            call(mockkraken, "Balance")
            raise AssertionError

        @pytest.mark.mockkraken(tier="gold")
        def test_not_begun(mockkraken): ...

        def test_without():
            raise AssertionError
    """)
    result.assert_outcomes(passed=1, failed=2, errors=1)
    [line] = section(result)
    assert "  Balance  " in line


def test_a_test_that_is_run_again_is_not_told_of_its_first_run(run):
    result = run(
        """
        import pytest
        from bot import call

        runs = []

        @pytest.fixture(autouse=True)
        def fails_the_second_time():
            runs.append(1)
            assert len(runs) == 1

        def test_bot(mockkraken):
            call(mockkraken, "Balance")
        """,
        conftest="""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            # As plugins that run failures again do it.
            for _ in range(2):
                item._initrequest()
                runtestprotocol(item, nextitem=nextitem)
            return True
        """,
    )
    result.assert_outcomes(passed=1, errors=1)
    assert "mockkraken journal" not in text(result)


@pytest.mark.parametrize("settings", ["{}", "{'journal_size': 22}"])
def test_the_last_twenty_are_told(run, settings):
    result = run(
        """
        from bot import call

        def test_bot(mockkraken):
            for _ in range(4):
                call(mockkraken, "OpenOrders")
            for _ in range(20):
                call(mockkraken, "Balance")
            raise AssertionError
        """,
        conftest=f"""
        import pytest

        @pytest.fixture(scope="session")
        def mockkraken_settings():
            return {settings}
        """,
    )
    first, *lines = section(result)
    assert first == "(4 earlier)"
    assert len(lines) == 20
    assert all("  Balance  " in line for line in lines)


def test_no_request_at_all_is_told(run):
    result = run("""
        def test_bot(mockkraken):
            print("url", mockkraken.url)
            raise AssertionError
    """)
    url = next(line for line in result.outlines if line.startswith("url ")).removeprefix("url ")
    assert section(result) == [f"no request has reached {url} since the test began, or reset the server"]


def test_public_and_unrouted_requests(run):
    result = run("""
        import httpx

        def test_bot(mockkraken):
            for path in ("public/Time", "public/Nothing", "public/Ticker?pair=N%1BOPE%0A"):
                httpx.get(f"{mockkraken.url}/0/{path}", verify=False, trust_env=False)
            httpx.put(f"{mockkraken.url}/0/public/Time", verify=False, trust_env=False)
            raise AssertionError
    """)
    result.assert_outcomes(failed=1)
    lines = [line.split("  ", 1)[1] for line in section(result) if line[0] != " "]
    assert lines == [
        "Time  -  accepted",
        "/0/public/Nothing  -  refused  EGeneral:Unknown method",
        "Ticker  -  refused  EQuery:Unknown asset pair",
        "Time  -  refused  HTTP 405",
    ]


def test_whatever_a_client_sends_each_request_is_one_harmless_line(run):
    record = {
        "time": "2026-01-01T00:00:00Z",
        "endpoint": "a\nb\x1b[31m\ud800",
        "key": None,
        "outcome": "refused",
        "error": "EGeneral:Unknown method",
        "http_status": 200,
        "reason": None,
        "scenario": None,
    }
    result = run(f"""
        def test_bot(mockkraken):
            mockkraken.journal.page = lambda: {{"records": [{record!r}], "dropped": 0}}
            raise AssertionError
    """)
    assert section(result) == [r"2026-01-01T00:00:00Z  a\nb\x1b[31m\ud800  -  refused  EGeneral:Unknown method"]


def test_an_answer_that_was_lost_has_no_status(run):
    result = run("""
        import pytest
        from bot import call

        def test_bot(mockkraken):
            with mockkraken.fault("Balance", reset=True, applied=True), pytest.raises(OSError):
                call(mockkraken, "Balance")
            raise AssertionError
    """)
    faulted, _ = section(result)
    assert faulted.split("  ")[1:] == ["Balance", "full", "faulted", "no answer"]


@pytest.mark.parametrize("arguments", [[], ["-rA"], ["-rxX"], ["-vv"]])
def test_tests_that_pass_skip_or_fail_as_expected_have_no_such_section(run, arguments):
    result = run(
        """
        import pytest
        from bot import call

        def test_passes(mockkraken):
            assert call(mockkraken, "Balance", nonce=2)["error"] == []
            assert call(mockkraken, "Balance", nonce=1)["error"] == ["EAPI:Invalid nonce"]

        @pytest.mark.xfail
        def test_fails_as_expected(mockkraken):
            assert call(mockkraken, "Nothing")["error"] == []

        def test_skips(mockkraken):
            call(mockkraken, "Nothing")
            pytest.skip("no reason")
        """,
        *arguments,
    )
    result.assert_outcomes(passed=1, xfailed=1, skipped=1)
    assert "mockkraken journal" not in text(result)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("mockkraken.journal.page = lambda: 1 / 0", "the journal could not be read: ZeroDivisionError: *"),
        ("mockkraken.journal.page = lambda: {'records': [{}]}", "the journal could not be read: KeyError: *"),
        (
            "mockkraken.journal.page = lambda: threading.Event().wait(1)",
            "the server did not tell its journal within 0.05 seconds",
        ),
        ("mockkraken.stop()", "no request has reached http://127.0.0.1:* since the test began, or reset the server"),
        (
            "loop = mockkraken._running.loop; mockkraken.stop(); mockkraken._running = _Running(None, loop, None)",
            "the journal could not be read: RuntimeError: *",
        ),
    ],
)
def test_a_server_in_trouble_does_not_hide_the_failure(run, trouble, told):
    result = run(f"""
        import threading
        import pytest
        from mockkraken import MockKraken, pytest_plugin
        from mockkraken.server import _Running

        @pytest.fixture(scope="session")
        def mockkraken_server():
            kraken = MockKraken()
            yield kraken.start()
            if kraken._running and kraken._running.thread:
                kraken.stop()

        def test_bot(mockkraken, monkeypatch):
            monkeypatch.setattr(pytest_plugin, "_PATIENCE", 0.05)
            {trouble}
            raise AssertionError("the real failure")
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the real failure"])
    [line] = section(result)
    pytest.LineMatcher([line]).fnmatch_lines([told])
    assert "INTERNALERROR" not in text(result)


# What it costs, and the company it keeps


@pytest.mark.parametrize("workers", [2, 4])
def test_parallel_workers_have_a_server_each(run, pytester, monkeypatch, workers):
    # Other people's plugins would take each worker a second to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        """
        import os
        from pathlib import Path

        import pytest
        from bot import buy, call

        @pytest.mark.parametrize("turn", range(16))
        def test_bot(mockkraken, turn):
            # The same nonces everywhere, on the same account: a server that is shared would mind.
            assert call(mockkraken, "OpenOrders", nonce=1)["result"]["open"] == {}
            buy(mockkraken, nonce=2)
            assert len(call(mockkraken, "OpenOrders", nonce=3)["result"]["open"]) == 1
            assert len(mockkraken.journal.records()) == 3
            Path(f"{turn}.served").write_text(f"{os.environ['PYTEST_XDIST_WORKER']} {mockkraken.url}")

        def test_fails(mockkraken):
            assert call(mockkraken, "Balance", nonce=1767225600000000)["error"] == []
            assert call(mockkraken, "Balance", nonce=1767225600123)["error"] == []
        """,
        *("-p", "xdist", "-p", "mockkraken.pytest_plugin", "-n", str(workers)),
        subprocess=True,
    )
    result.assert_outcomes(passed=16, failed=1)
    served = {file.read_text() for file in Path(pytester.path).glob("*.served")}
    used = {line.split()[0] for line in served}
    urls = {line.split()[1] for line in served}
    assert len(served) == len(used) == len(urls)
    assert len(used) > 1
    _, refused, reason, _ = section(result)
    assert refused.endswith("refused  EAPI:Invalid nonce")
    assert reason.startswith("    N06: nonce 1767225600123 ")


def test_importing_the_plugin_imports_nothing_else(pytester):
    script = """
import sys, pytest
before = set(sys.modules)
import mockkraken.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    result = pytester.run(sys.executable, "-c", script)
    assert result.outlines == ["mockkraken mockkraken.pytest_plugin mockkraken.version"]


def test_a_session_that_does_not_use_it_starts_and_imports_nothing(run, monkeypatch):
    # Without the other plugins, which import what they like.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        f"""
        import sys
        import threading

        def test_fails():
            raise AssertionError

        def test_unused():
            assert "mockkraken.pytest_plugin" in sys.modules
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
            assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        """,
        *("-p", "mockkraken.pytest_plugin"),
        subprocess=True,
    )
    result.assert_outcomes(passed=1, failed=1)


def test_where_warnings_are_errors(run, pytester, monkeypatch):
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    pytester.makeini("[pytest]\nfilterwarnings = error")
    result = run(
        """
        import gc
        import pytest
        from bot import buy, call

        @pytest.mark.mockkraken(seed=1, clock="2026-01-01T00:00:00Z", balances={"ZUSD": "900"}, tier="starter")
        @pytest.mark.parametrize("turn", range(2))
        def test_bot(mockkraken, kraken_key, turn):
            buy(mockkraken, key=kraken_key())
            gc.collect()

        def test_fails(mockkraken):
            call(mockkraken, "Balance")
            gc.collect()
            raise AssertionError
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=2, failed=1, warnings=0)
    assert section(result)
    assert "Warning" not in text(result)
    assert result.errlines == []
