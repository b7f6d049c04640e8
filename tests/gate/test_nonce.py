"""The nonce: which pass, which do not, and what went wrong most likely (kraken/10 §2)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken.gate import nonce as nonces
from mockkraken.gate.nonce import LARGEST, NonceState

OK, NONCE = "OK", "EAPI:Invalid nonce"
MS, US = 1767225600123, 1767225600000000


def state(*used: int, window: int = 0) -> NonceState:
    made = NonceState(window)
    for value in used:
        assert made.accept(value)
    return made


# The table of rules: H = 100, W = 10 or 0, 95 used before where it could be.
RULES = [
    (101, True, True),
    (LARGEST, True, True),
    (100, False, False),
    (99, False, True),
    (95, False, False),
    (91, False, True),
    (90, False, True),
    (89, False, False),
    (0, False, False),
]


@pytest.mark.parametrize(("nonce", "without", "within"), RULES)
def test_the_table_of_rules(nonce, without, within):
    plain, windowed = state(95, 100), state(95, 100, window=10)
    assert plain.accept(nonce) is without
    assert windowed.accept(nonce) is within
    for key, accepted in ((plain, without), (windowed, within)):
        assert key.highest == (nonce if accepted and nonce > 100 else 100)
        assert not key.accept(nonce), "no value passes twice"


def test_a_lower_nonce_does_not_lower_the_highest_and_the_window_slides_with_it():
    key = state(100, window=10)
    assert key.accept(92)
    assert key.highest == 100
    assert key.accept(105)
    assert not key.accept(94)
    assert key.accept(95)


def test_the_window_s_last_value_is_a_setting():
    assert state(100, window=10).accept(90, inclusive=True)
    assert not state(100, window=10).accept(90, inclusive=False)
    assert state(100, window=10).accept(91, inclusive=False)
    assert not state(100, window=0).accept(100, inclusive=True)


def test_used_values_pass_again_in_the_window_by_a_setting_but_never_the_highest():
    key = state(95, 100, window=10)
    assert key.accept(95, duplicates=True)
    assert key.accept(95, duplicates=True)
    assert not key.accept(95, duplicates=False)
    assert not key.accept(100, duplicates=True)
    assert not key.accept(89, duplicates=True)
    assert not state(95, 100).accept(95, duplicates=True)


def test_a_new_key_takes_any_first_nonce_but_zero():
    assert state(1).highest == 1
    for window in (0, 10):
        key = NonceState(window)
        assert not key.accept(0)
        assert key.explain(0) == (f"nonce 0 is not above 0, where a new key starts; window {window}", None)
    assert state(5, window=10).accept(0)


def test_a_key_that_has_taken_the_largest_nonce_is_dead_but_for_its_window():
    assert not any(state(LARGEST).accept(value) for value in (1, US, LARGEST - 1, LARGEST))
    key = state(LARGEST, window=3)
    assert [key.accept(LARGEST - below) for below in (0, 1, 1, 3, 4)] == [False, True, False, True, False]


def test_without_a_window_only_the_highest_is_kept():
    key = state(*range(1, 1000))
    assert not key._used


def test_what_falls_out_of_the_window_is_forgotten():
    key = NonceState(window=1000)
    for value in range(1, 50_000):
        assert key.accept(value)
        assert len(key._used) <= 2 * 1001 + nonces._FIRST_SWEEP
    assert key.used_below() == list(range(48_999, 49_999))


# -- change and undo


def test_a_window_given_later_does_not_make_the_highest_usable_again():
    key = state(98, 100)
    key.widen(10)
    assert key.accept(101)
    assert not key.accept(100)
    assert key.accept(98), "what was used without a window is not known"
    key.widen(0)
    assert not key.accept(99)
    key.widen(5)
    assert [key.accept(value) for value in (101, 99, 96, 95)] == [False, True, True, False]


def test_a_key_can_be_put_in_a_state():
    key = state(100, window=10)
    key.place(US)
    assert not key.accept(US)
    assert key.accept(US - 1)
    key.place(50)
    assert not key.accept(50)
    assert key.accept(51)
    assert not key.accept(50)
    key.undo()
    key.place(0)
    key.undo()
    assert key.highest == 0
    assert key.accept(1)
    for beyond in (-1, LARGEST + 1):
        with pytest.raises(ValueError, match=str(beyond)):
            key.place(beyond)


def test_what_was_accepted_before_the_window_changed_stays_accepted():
    key = state(100, 200)
    key.widen(10)
    key.undo()
    assert key.highest == 200
    assert not key.accept(200)


@pytest.mark.parametrize("window", [0, 10])
def test_undo_takes_back_the_last_acceptance_once(window):
    key = state(100, window=window)
    assert key.accept(500)
    key.undo()
    assert key.highest == 100
    key.undo()
    assert key.highest == 100, "only the last one, and once"
    assert not key.accept(100)
    assert key.accept(400)
    assert key.accept(500)


def test_undo_in_the_window_frees_the_value_and_nothing_else():
    key = state(95, 100, window=10)
    assert key.accept(97)
    key.undo()
    assert key.accept(97)
    assert not key.accept(97)
    key.undo()  # a refusal in between changes nothing: 97 was the last acceptance
    assert key.accept(97)
    assert key.accept(95, duplicates=True)
    key.undo()
    assert not key.accept(95), "it was used before as well"
    assert not key.accept(97)


class Naive:
    """All nonces ever used, and the rules as the table has them."""

    def __init__(self, window: int, inclusive: bool, duplicates: bool) -> None:
        self.window, self.inclusive, self.duplicates = window, inclusive, duplicates
        self.used: set[int] = set()
        self.highest = 0
        self.before: tuple[int, set[int]] | None = None

    def accept(self, nonce: int) -> bool:
        if nonce > self.highest:
            fresh = True
        elif nonce == self.highest or not self.window:
            fresh = False
        else:
            near = nonce > self.highest - self.window or (self.inclusive and nonce == self.highest - self.window)
            fresh = near and (self.duplicates or nonce not in self.used)
        if fresh:
            self.before = (self.highest, set(self.used))
            self.used.add(nonce)
            self.highest = max(self.highest, nonce)
        return fresh

    def undo(self) -> None:
        if self.before:
            self.highest, self.used = self.before
            self.before = None


def compare(steps: list[int | None], window: int, inclusive: bool, duplicates: bool) -> None:
    """Play steps (a distance from the highest, or None for an undo) against both; they must never differ."""
    naive, key = Naive(window, inclusive, duplicates), NonceState(window)
    for step in steps:
        if step is None:
            naive.undo()
            key.undo()
        else:
            nonce = max(0, naive.highest + step)
            assert key.accept(nonce, inclusive=inclusive, duplicates=duplicates) == naive.accept(nonce)
        assert key.highest == naive.highest
        if window:
            floor = naive.highest - window
            assert key.used_below() == sorted(n for n in naive.used if floor <= n < naive.highest)


@given(
    steps=st.lists(st.none() | st.integers(-25, 15), max_size=120),
    window=st.integers(0, 20),
    inclusive=st.booleans(),
    duplicates=st.booleans(),
)
def test_agrees_with_a_naive_model(steps, window, inclusive, duplicates):
    compare(steps, window, inclusive, duplicates)


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("window", [3, 150])
def test_agrees_with_a_naive_model_over_a_long_day(window, duplicates):
    rng = random.Random(f"{window}/{duplicates}")
    steps = [None if rng.random() < 0.1 else rng.randint(-window - 2, window // 3 + 2) for _ in range(3000)]
    compare(steps, window, inclusive=True, duplicates=duplicates)


# -- the scenarios that are sequences of nonces (§2.3)

SEQUENCES = {
    "N01 repeated": (0, [(100, OK), (100, "N01")]),
    "N02 lower": (0, [(100, OK), (99, "N02"), (101, OK)]),
    "N03 overtaking": (0, [(102, OK), (101, "N02"), (103, OK)]),
    "N04 overtaking within the window": (10, [(102, OK), (101, OK), (103, OK), (101, "N04")]),
    "N05 two bots": (0, [(1497366168277, OK), (1497366167838, "N05")]),
    "N06 to a smaller unit": (0, [(US, OK), (MS, "N06"), (MS + 86_400_000, "N06")]),
    "N06 the new key": (0, [(1767225600124, OK)]),
    "N06 ticks to 10 ns": (0, [(639_028_224_000_000_000, OK), (176_722_560_000_000_000, "N06")]),
    "N06 ns to us": (5000, [(1767225600123456789, OK), (1767225600123456, "N06")]),
    "N07 to a larger unit": (0, [(MS, OK), (1767225600123456, OK)]),
    "N08 seconds": (0, [(MS, OK), (1767225601, "N08"), (1767229999, "N08")]),
    "N09 seconds restarted": (
        0,
        [(1767225600 + n, OK) for n in range(21)] + [(1767225605, "N09"), (1767225620, "N01"), (1767225621, OK)],
    ),
    "N09 with a window": (
        20,
        [(1767225600 + n, OK) for n in range(0, 21, 2)] + [(1767225604, "N04"), (1767225605, OK), (1767225605, "N04")],
    ),
    "N10 counter restarted": (0, [(US + 250, OK), (US + 240, "N05"), (US + 251, OK)]),
    "N11 same millisecond": (0, [(1700000000123, OK), (1700000000123, "N01")]),
    "N12 counter in the second": (0, [(1700000000834, OK), (1700000000000, "N05"), (1700000001000, OK)]),
    "N13, N14 the same again": (10_000, [(MS, OK), (MS, "N01"), (MS + 1, OK)]),
    "N15 retried afresh": (0, [(MS, OK), (MS + 1, OK)]),
    "N16 clock set back": (0, [(1700003600000, OK), (1700000000000, "N16"), (1700003600001, OK)]),
    "N17 time difference": (0, [(MS, OK), (MS - 1500 + 200, "N05"), (MS - 1500 + 1501, OK)]),
    "N18, N34 many instances": (0, [(MS, OK), (MS - 3, "N05"), (MS + 2, OK), (MS + 1, "N05")]),
    "N20 drawn before waiting": (0, [(101, OK), (100, "N02")]),
    "N23 window in seconds": (15, [(1700000000100, OK), (1700000000080, "N23"), (1700000000090, OK)]),
    "N24 adequate window": (10_000, [(1700000010000, OK), (1700000000500, OK), (1699999999999, "N05")]),
    "N25 window in milliseconds": (10_000, [(1700000000000600000, OK), (1700000000000580000, "N25")]),
    "N25 in microseconds": (5_000, [(US + 600_000, OK), (US + 590_000, "N25"), (US + 595_000, OK)]),
    "N26 absurd": (0, [(LARGEST, OK), (US, "N26"), (MS, "N26"), (LARGEST, "N26")]),
    "N27 overflow": (0, [(7, OK), (LARGEST + 1, "N27"), (10**30, "N27"), (8, OK)]),
    "N32 no whole number": (
        0,
        [("1.7e12", "N32"), ("1700000000000.123", "N32"), ("5.", "N32"), (".5", "N32"), (1, OK)],
    ),
    "N33 wraps": (0, [(2147483647, OK), (-2147483648, "N33"), ("-1", "N33")]),
}


@pytest.mark.parametrize(("window", "calls"), SEQUENCES.values(), ids=SEQUENCES)
def test_scenario(new_bot, window, calls):
    bot = new_bot(nonce_window=window)
    for nonce, expected in calls:
        highest = bot.key.nonce.highest
        assert bot.call(nonce) == (OK if expected == OK else NONCE), nonce
        assert bot.last.scenario == (None if expected == OK else expected), nonce
        assert bot.last.nonce == str(nonce)
        if expected != OK:
            assert bot.refusal.check == "nonce"
            assert bot.key.nonce.highest == highest


def test_n04_and_n09_with_duplicates_accepted(new_bot, settings):
    settings.accept_duplicates_in_window = True
    bot = new_bot(nonce_window=10)
    assert [bot.call(n) for n in (102, 101, 103, 101, 103)] == [OK, OK, OK, OK, NONCE]


def test_n24_at_the_boundary_by_setting(new_bot, settings):
    settings.window_inclusive = False
    bot = new_bot(nonce_window=10_000)
    assert [bot.call(n) for n in (1700000010000, 1700000000000, 1700000000001)] == [OK, NONCE, OK]
    settings.window_inclusive = True
    assert bot.call(1700000000000) == OK


def test_n21_a_nonce_only_in_the_hash_is_none(bot):
    for fields in ({}, {"Nonce": "5"}):
        assert bot.call(5, body=b"", fields=fields) == NONCE
        assert (bot.last.scenario, bot.last.nonce) == ("N21", None)
        assert bot.refusal.reason == "the body has no nonce; one in a header or in the signature alone does not count"


def test_n22_a_broken_body_makes_the_nonce_a_text(bot):
    assert bot.call("1517?pair=XETHZEUR?type=sell") == NONCE
    assert (bot.last.scenario, bot.last.nonce) == ("N22", "1517?…")
    assert bot.refusal.reason == "nonce '1517?…' is no number; what separates the fields of the body?"
    assert bot.call("1517") == OK


@pytest.mark.parametrize(
    "text", ["", "abc", "0x1f", " 5", "5 ", "5\n", "1_000", "٣", "²", "true", "null", "NaN", "--5"]
)
def test_n22_other_texts(text):
    assert nonces.parse(text) is None
    assert nonces.explain_unreadable(text).scenario == "N22"


def test_n28_two_keys_of_one_account(new_bot):
    one, two = new_bot(), new_bot()
    assert (one.call(1000), two.call(1), one.call(2), two.call(2)) == (OK, OK, NONCE, OK)


@pytest.mark.parametrize("window", [0, 200])
def test_n29_a_refused_signature_neither_moves_the_highest_nor_uses_the_nonce(new_bot, window):
    bot = new_bot(nonce_window=window)
    assert bot.call(500, api_sign=b"A" * 86 + b"==") == "EAPI:Invalid signature"
    assert bot.last.nonce == "500"
    assert bot.key.nonce.highest == 0
    assert bot.call(400) == OK
    assert bot.call(500) == OK
    assert bot.call(450, api_sign=None) == "EAPI:Invalid signature"
    assert bot.call(450) == (OK if window else NONCE)


def test_n30_a_call_refused_later_has_used_its_nonce(bot, gate):
    assert bot.call(500, "AddOrder") == OK
    gate.refused_later(bot.key)  # unknown pair
    assert bot.call(400) == NONCE


def test_n30_unless_the_setting_says_otherwise(bot, gate, settings):
    settings.nonce_consumed_on_later_failure = False
    assert bot.call(500, "AddOrder") == OK
    gate.refused_later(bot.key)
    assert bot.call(400) == OK
    assert bot.call(399) == NONCE


# -- what the journal says


@pytest.mark.parametrize(
    ("used", "window", "nonce", "reason"),
    [
        (
            [US],
            0,
            MS,
            "nonce 1767225600123 (13 digits, milliseconds) is not above 1767225600000000 (16 digits, microseconds), "
            "the highest accepted; window 0",
        ),
        (
            [MS],
            0,
            MS,
            "nonce 1767225600123 (13 digits, milliseconds) repeats the highest accepted, 1767225600123; window 0",
        ),
        (
            [101, 103],
            10,
            101,
            "nonce 101 (3 digits) was used before, below 103 (3 digits), the highest accepted; window 10",
        ),
        ([100], 10, 9, "nonce 9 (1 digit) lies 91 below 100 (3 digits), the highest accepted; window 10"),
        (
            [1700000000100],
            15,
            1700000000080,
            "nonce 1700000000080 (13 digits, milliseconds) lies 20 below 1700000000100 (13 digits, milliseconds), "
            "the highest accepted; window 15 (15 milliseconds)",
        ),
        (
            [639_028_224_000_000_000],
            25,
            176_722_560_000_000_000,
            "nonce 176722560000000000 (18 digits, units of 10 ns) lies 462305664000000000 below 639028224000000000 "
            "(18 digits, ticks of 100 ns since year 1), the highest accepted; window 25 (2.5 microseconds)",
        ),
    ],
)
def test_the_reason_has_both_numbers_their_units_and_the_window(used, window, nonce, reason):
    key = state(*used, window=window)
    assert not key.accept(nonce)
    assert key.explain(nonce).reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (str(LARGEST + 1), f"nonce 18446744073709551616 is above {LARGEST}, the largest of 64 bits"),
        ("0" * 20 + "5", "nonce 000000000000000000005 has 21 digits, at most 20 are read"),
        ("-5", f"nonce -5 is negative; it must be 0 to {LARGEST}"),
        ("1.5", "nonce 1.5 is no whole number in plain digits"),
        ("1e5", "nonce 1e5 is no whole number in plain digits"),
        ("", "the nonce is empty"),
    ],
)
def test_the_reason_for_what_is_no_nonce(text, reason):
    assert nonces.parse(text) is None
    assert nonces.explain_unreadable(text).reason == reason


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0" * 19 + "5", 5), ("007", 7), (str(LARGEST), LARGEST)])
def test_what_is_a_nonce(text, value):
    assert nonces.parse(text) == value


@pytest.mark.parametrize(
    ("nonce", "unit"),
    [
        (1767225600, "seconds"),
        (MS, "milliseconds"),
        (US, "microseconds"),
        (176_722_560_000_000_000, "units of 10 ns"),
        (639_028_224_000_000_000, "ticks of 100 ns since year 1"),
        (1767225600123456789, "nanoseconds"),
    ],
)
def test_the_digits_betray_the_unit(nonce, unit):
    assert nonces.unit_of(nonce).name == unit


@pytest.mark.parametrize("nonce", [0, 5, 999_999_999, 10**10, 10**11, 10**13, 10**14, 10**16, 10**19, LARGEST])
def test_other_sizes_are_no_unit_of_time(nonce):
    assert nonces.unit_of(nonce) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("", ""),
        ("0017", "0017"),
        ("-1.5e+7", "-1.5e+7"),
        ("1517?otp=123456", "1517?…"),
        ("kQH5HW/8p1uGOVjb", "k…"),
        ("1517\x00otp", "1517…"),
        ("5\ud800", "5…"),
        ("9" * 64, "9" * 64),
        ("9" * 65, "9" * 63 + "…"),
        ("9" * 70 + "?otp", "9" * 63 + "…"),
    ],
)
def test_of_a_broken_nonce_only_the_number_is_shown(text, shown):
    assert nonces.shown(text) == shown


def test_an_endless_nonce_is_refused_at_once():
    for text in ("9" * 1_000_000, "9" * 1_000_000 + "x", "1." + "0" * 1_000_000 + "x"):
        assert nonces.parse(text) is None
        assert len(nonces.explain_unreadable(text).reason) < 200
