"""The nonce scenarios of kraken/10 §2.3, each as the sequence of calls and answers that the reference gives for it.

What needs an answer that is lost, or requests that are held, is played here from the client's side: it throws the
answer away, or sends in another order. The same with injected faults stands where scenarios are.
"""

from __future__ import annotations

from typing import Any

import pytest

from mockkraken.clock import HOUR, MINUTE, SECOND

OK, NONCE = "OK", "EAPI:Invalid nonce"
SIGN, LOCKED = "EAPI:Invalid signature", "EGeneral:Temporary lockout"
LARGEST = 18446744073709551615
T = 1767225600  # seconds, 2026-01-01
MS, US, NS = T * 10**3, T * 10**6, T * 10**9
TICKS, TEN_NS = 639_028_224_000_000_000, T * 10**8
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.01"}

# Calls of Balance by one key: its window, and nonce by nonce the answer.
SEQUENCES: dict[str, tuple[int, list[tuple[Any, str]]]] = {
    "N01": (0, [(100, OK), (100, NONCE)]),
    "N02": (0, [(100, OK), (99, NONCE), (101, OK)]),
    "N03": (0, [(102, OK), (101, NONCE), (103, OK)]),
    "N04": (10, [(102, OK), (101, OK), (103, OK), (101, NONCE)]),
    "N05": (0, [(1497366168277, OK), (1497366167838, NONCE), (1497366168278, OK)]),
    "N06": (0, [(1767225600000000, OK), (1767225600123, NONCE), (1767225600124, NONCE), (1798761600000, NONCE)]),
    "N06 ticks to 10 ns": (0, [(TICKS, OK), (TEN_NS, NONCE)]),
    "N06 ns to ticks": (0, [(NS, OK), (TICKS, NONCE)]),
    "N06 ns to us": (0, [(NS, OK), (US, NONCE)]),
    "N06 us << 10 to ns": (0, [(US << 10, OK), (NS, NONCE)]),
    "N06 does not heal in a hundred years": (0, [(US, OK), (MS + 100 * 365 * 86_400_000, NONCE)]),
    "N07": (0, [(1767225600123, OK), (1767225600123456, OK)]),
    "N07 through all scales": (0, [(n, OK) for n in (T, MS, US, TEN_NS, TICKS, NS, US << 10)]),
    "N08": (0, [(1767225600123, OK), (1767225601, NONCE), (1798761600, NONCE)]),
    "N09": (0, [*((T + n, OK) for n in range(21)), (T + 5, NONCE), (T + 20, NONCE), (T + 21, OK)]),
    "N09 W=20": (20, [*((T + n, OK) for n in range(0, 21, 2)), (T + 6, NONCE), (T + 5, OK), (T + 5, NONCE)]),
    "N10": (0, [*((US + n, OK) for n in range(50)), (US + 40, NONCE), (US + 51, OK)]),
    "N11": (0, [(1700000000123, OK), (1700000000123, NONCE), (1700000000124, OK)]),
    "N12": (0, [(1700000000834, OK), (1700000000000, NONCE), (1700000001000, OK)]),
    "N17": (0, [(MS, OK), (MS - 1500 + 20, NONCE), (MS - 1500 + 1500, NONCE), (MS - 1500 + 1501, OK)]),
    "N18": (0, [(MS, OK), (MS - 4, NONCE), (MS + 3, OK), (MS + 1, NONCE)]),
    "N19": (0, [(MS + 1, OK), (MS, NONCE), (MS + 3, OK), (MS + 2, NONCE)]),
    "N20": (0, [(101, OK), (100, NONCE), (102, OK)]),
    "N23": (15, [(1700000000100, OK), (1700000000080, NONCE), (1700000000090, OK)]),
    "N24": (10000, [(1700000010000, OK), (1700000000500, OK), (1699999999999, NONCE)]),
    "N24 at the boundary": (10000, [(1700000010000, OK), (1700000000000, OK)]),
    "N25": (10000, [(1700000000000600000, OK), (1700000000000580000, NONCE), (1700000000000590000, OK)]),
    "N26": (0, [(LARGEST, OK), (MS, NONCE), (NS, NONCE), (LARGEST, NONCE), (0, NONCE)]),
    "N26 W=5": (5, [(LARGEST, OK), (LARGEST - 5, OK), (LARGEST - 6, NONCE), (MS, NONCE)]),
    "N27": (0, [(LARGEST + 1, NONCE), (10**40, NONCE), (1, OK)]),
    "N32": (0, [("1.7e12", NONCE), ("1700000000000.123", NONCE), ("1E3", NONCE), (1, OK)]),
    "N33": (0, [(2147483647, OK), (-2147483648, NONCE), (2147483648, OK)]),
    "N34": (0, [(MS + 7, OK), (MS + 2, NONCE), (MS + 8, OK), (MS + 9, OK), (MS + 8, NONCE)]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence(new_program, name):
    window, calls = SEQUENCES[name]
    program = new_program(nonce_window=window)
    highest = 0
    for nonce, expected in calls:
        assert program.call(nonce=nonce) == expected, nonce
        record = program.journal
        assert record["nonce"] == str(nonce)
        if expected == OK:
            highest = max(highest, nonce)
            assert (record["check"], record["scenario"]) == (None, None)
        else:
            assert record["check"] == "nonce"
            assert record["reason"]
        assert program.key.nonce.highest == highest


@pytest.mark.parametrize("name", [name for name in SEQUENCES if name != "N32"])
def test_the_same_from_json_with_the_nonce_a_number(new_program, name):
    window, calls = SEQUENCES[name]
    program = new_program(nonce_window=window)
    for nonce, expected in calls:
        answer = program.call(nonce=nonce, body='{"nonce":{nonce}}', headers={"Content-Type": "application/json"})
        assert answer == expected, nonce


def test_every_scenario_stands_here():
    here = {name.split()[0] for name in SEQUENCES}
    alone = {name[5:8].upper() for name in globals() if name.startswith("test_n")}
    assert here | alone == {f"N{number:02}" for number in range(1, 35)}


# What is settings, in those (§9)


def test_duplicates_in_the_window_may_be_accepted(new_program, sandbox):
    sandbox.settings.patch({"accept_duplicates_in_window": True})
    program = new_program(nonce_window=10)
    assert [program.call(nonce=n) for n in (102, 101, 103, 101, 101, 103)] == [OK, OK, OK, OK, OK, NONCE]


def test_the_window_may_end_before_its_last_value(new_program, sandbox):
    sandbox.settings.patch({"window_inclusive": False})
    program = new_program(nonce_window=10)
    assert [program.call(nonce=n) for n in (100, 91, 90)] == [OK, OK, NONCE]
    assert program.journal["reason"] == (
        "nonce 90 (2 digits) lies 10 below 100 (3 digits), the highest accepted; window 10"
    )


# The scenarios that are more than a sequence of nonces


def orders(program, nonce: int) -> int:
    return len(program.ask("OpenOrders", nonce=nonce).result["open"])


def test_n06_a_new_key_is_not_poisoned(new_program):
    old, new = new_program("old"), new_program("new")
    assert (old.call(nonce=US), old.call(nonce=MS), new.call(nonce=1767225600124)) == (OK, NONCE, OK)


def test_n13_parameters_that_still_hold_the_nonce(program):
    assert [program.call("AddOrder", nonce=MS, **ORDER) for _ in range(3)] == [OK, NONCE, NONCE]
    assert program.journal["scenario"] == "N13"
    assert program.journal["reason"].endswith("; it is the same request again, to the byte")
    assert program.call("AddOrder", nonce=MS, **ORDER | {"volume": "0.2"}) == NONCE
    assert program.journal["scenario"] == "N01"
    assert "same request" not in program.journal["reason"]
    assert orders(program, MS + 1) == 1


def test_n14_the_same_bytes_again_after_a_lost_answer(program, sandbox):
    program.ask("AddOrder", nonce=MS, **ORDER)  # whose answer nobody reads
    sandbox.clock.advance(30 * SECOND)
    assert program.call("AddOrder", nonce=MS, **ORDER) == NONCE
    assert orders(program, MS + 1) == 1


def test_n15_another_nonce_after_a_lost_answer_is_another_order(program):
    program.ask("AddOrder", nonce=MS, **ORDER)
    assert program.call("AddOrder", nonce=MS + 1, **ORDER) == OK
    assert orders(program, MS + 2) == 2


def test_n16_a_clock_set_back_recovers_when_it_has_caught_up(program, sandbox):
    """The nonces are the client's clock, which goes back one hour; the sandbox's goes on."""
    program.key.nonce.place(1)

    def call(back: int) -> str:
        return program.call(nonce=(sandbox.clock.now() - back) // 10**6)

    assert call(0) == OK
    answers = []
    for _ in range(61):
        answers.append(call(HOUR))
        sandbox.clock.advance(MINUTE)
        if answers[-1] == LOCKED:
            break
    assert answers == [NONCE] * 10 + [LOCKED]  # who goes on trying is locked out on top of it
    sandbox.clock.advance(50 * MINUTE)
    assert call(HOUR) == OK


def test_n21_a_nonce_that_only_the_signature_has(program):
    for _ in range(3):
        assert program.call(nonce=MS, body="asset=ZUSD") == NONCE
        assert program.journal["scenario"] == "N21"
    assert program.call(nonce=MS) == OK


def test_n22_a_body_that_makes_the_nonce_a_text(program):
    text = "1517?pair=XETHZEUR?type=sell"
    assert program.call("AddOrder", nonce=text, body=f"nonce={text}") == NONCE
    assert program.journal["scenario"] == "N22"
    assert program.call(nonce=1517) == OK


def test_n28_two_keys_of_one_account(new_program):
    a, b = new_program("a"), new_program("b")
    assert (a.call(nonce=1000), b.call(nonce=1), a.call(nonce=2), b.call(nonce=2)) == (OK, OK, NONCE, OK)


@pytest.mark.parametrize("window", [0, 200])
def test_n29_what_was_not_authenticated_has_used_nothing(new_program, window):
    program = new_program(nonce_window=window)
    wrong = {"signs": {"secret": "AQID"}}
    assert program.call(nonce=500, **wrong) == SIGN
    assert program.call(nonce=400) == OK
    assert program.call(nonce=500) == OK
    assert program.call(nonce=450, **wrong) == SIGN
    assert program.call(nonce=450) == (OK if window else NONCE)
    assert program.call(nonce=450) == NONCE


@pytest.mark.parametrize(
    ("method", "fields", "error"),
    [
        ("AddOrder", ORDER | {"pair": "NONE"}, "EQuery:Unknown asset pair"),
        ("AddOrder", ORDER | {"volume": "1000"}, "EOrder:Insufficient funds"),
        ("CancelOrder", {"txid": "OAAAAA-AAAAA-AAAAAA"}, "EOrder:Unknown order"),
        ("Ledgers", {"ofs": "x"}, "EGeneral:Invalid arguments:ofs"),
    ],
)
def test_n30_what_failed_later_has(program, sandbox, method, fields, error):
    assert program.call(method, nonce=500, **fields) == error
    assert program.call(nonce=400) == program.call(nonce=500) == NONCE
    sandbox.settings.patch({"nonce_consumed_on_later_failure": False})
    assert program.call(method, nonce=600, **fields) == error
    assert (program.call(nonce=550), program.call(nonce=600), program.call(nonce=550)) == (OK, OK, NONCE)


def test_n31_hammering_until_locked_out(program, sandbox):
    assert program.call(nonce=100) == OK
    assert [program.call(nonce=50) for _ in range(11)] == [NONCE] * 10 + [LOCKED]
    assert program.call(nonce=101) == LOCKED
    sandbox.clock.advance(900 * SECOND - 1)
    assert program.call(nonce=101) == LOCKED  # which starts the time anew
    sandbox.clock.advance(900 * SECOND - 1)
    assert program.get("Time").error == OK
    sandbox.clock.advance(1)
    assert program.call(nonce=101) == OK
