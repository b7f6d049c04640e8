"""`@pytest.mark.mockkraken(scenario=...)`, as users of the plugin meet it."""

from __future__ import annotations


def test_a_test_begins_in_a_scenario_and_the_next_without(run):
    result = run("""
        import pytest
        from bot import LIMIT, call

        @pytest.mark.mockkraken(scenario="cancel_only", balances={"ZUSD": "7"})
        def test_refused(mockkraken):
            assert call(mockkraken, "AddOrder", **LIMIT)["error"] == ["EService:Market in cancel_only mode"]
            assert call(mockkraken, "Balance")["result"]["ZUSD"] == "7.0000"

        def test_open(mockkraken):
            assert call(mockkraken, "AddOrder", **LIMIT)["error"] == []

        @pytest.mark.mockkraken(scenario="N06")
        def test_keys(mockkraken):
            key = mockkraken.keys["poisoned"]
            assert call(mockkraken, "Balance", nonce=10**15, key=key)["error"] == []
            assert call(mockkraken, "Balance", nonce=10**12, key=key)["error"] == ["EAPI:Invalid nonce"]
    """)
    result.assert_outcomes(passed=3)


def test_a_file_of_the_projects_own(run, pytester):
    pytester.makefile(".toml", mine='title = "Mine"\nsetup = [{call = "DELETE /mock/keys/full"}]')
    result = run("""
        import pytest
        from bot import call

        @pytest.mark.mockkraken(scenario="mine.toml")
        def test_gone(mockkraken):
            assert call(mockkraken, "Balance")["error"] == ["EAPI:Invalid key"]
    """)
    result.assert_outcomes(passed=1)


def test_the_servers_own_scenario_holds_where_no_marker_says_otherwise(run):
    result = run(
        """
        import pytest
        from bot import call

        def test_default(mockkraken):
            assert mockkraken.status.state()["status"] == "post_only"

        @pytest.mark.mockkraken(scenario="calm")
        def test_other(mockkraken):
            assert mockkraken.status.state()["status"] == "online"
        """,
        conftest="""
        import pytest

        @pytest.fixture(scope="session")
        def mockkraken_settings():
            return {"scenario": "post_only"}
        """,
    )
    result.assert_outcomes(passed=2)


def test_no_such_scenario(run):
    result = run("""
        import pytest

        @pytest.mark.mockkraken(scenario="nonce_rase")
        def test_wrong(mockkraken):
            pass

        @pytest.mark.mockkraken(scenario=7)
        def test_no_text(mockkraken):
            pass
    """)
    result.assert_outcomes(errors=2)
    takes = "*@pytest.mark.mockkraken: scenario takes the name of a scenario, or the path of its file, not"
    result.stdout.fnmatch_lines([f"{takes} 'nonce_rase' (there is no scenario *; did you mean 'nonce_race'?)*"])
    result.stdout.fnmatch_lines([f"{takes} 7*"])
