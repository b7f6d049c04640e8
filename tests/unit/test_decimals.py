"""Fixed-point integers: what is a number, and that no digit is ever lost or made up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockkraken import decimals
from mockkraken.decimals import NotADecimal, TooManyDecimals

AMOUNTS = st.integers(-(10**20), 10**20)
PLACES = st.integers(0, 12)


class TestParse:
    @pytest.mark.parametrize(
        ("text", "places", "units"),
        [
            ("1.5", 8, 150_000_000),
            ("0.00005", 8, 5_000),
            ("10", 0, 10),
            ("10", 4, 100_000),
            (".5", 1, 5),
            ("5.", 1, 50),
            ("007", 0, 7),
            ("+1.5", 1, 15),
            ("-1.5", 1, -15),
            ("-0.5", 1, -5),
            ("-.5", 1, -5),
            ("-0", 2, 0),
            ("1.50000", 1, 15),  # zeros beyond the places
            ("1.", 0, 1),
            ("1.000", 0, 1),
            ("0.0", 0, 0),
        ],
    )
    def test_numbers(self, text: str, places: int, units: int) -> None:
        assert decimals.parse(text, places) == units
        assert decimals.truncate(text, places) == units

    @pytest.mark.parametrize(
        "text",
        [
            *("", ".", "+", "-", "-.", "+-1", "--1", "1.2.3", "1,5", "1e5", "1E-5", "0x10", "1_000"),
            *(
                " 1",
                "1 ",
                "1\n",
                "\t1",
                "1 0",
                "nan",
                "inf",
                "Infinity",
                "a",
                "1a",
                "١٢",
                "１",
                "²",
                "½",
                "−1",
                "1\x00",
            ),
        ],
    )
    def test_no_numbers(self, text: str) -> None:
        with pytest.raises(NotADecimal):
            decimals.parse(text, 8)
        with pytest.raises(NotADecimal):
            decimals.truncate(text, 8)

    def test_is_bounded(self) -> None:
        assert decimals.parse("9" * decimals.MAX_DIGITS, 0) == 10**decimals.MAX_DIGITS - 1
        for hostile in ("9" * (decimals.MAX_DIGITS + 1), "0." + "0" * 100_000, "1" * 1_000_000):
            with pytest.raises(NotADecimal):
                decimals.parse(hostile, 8)

    @pytest.mark.parametrize(("text", "places"), [("0.12", 1), ("1.000000001", 8), ("0.5", 0), ("-1.05", 1)])
    def test_too_fine(self, text: str, places: int) -> None:
        with pytest.raises(TooManyDecimals):
            decimals.parse(text, places)

    @pytest.mark.parametrize(
        ("text", "places", "units"),
        [("0.19", 1, 1), ("1.999999999", 8, 199_999_999), ("0.9", 0, 0), ("-1.99", 1, -19), ("-0.09", 1, 0)],
    )
    def test_truncation_goes_towards_zero(self, text: str, places: int, units: int) -> None:
        assert decimals.truncate(text, places) == units

    def test_both_refusals_are_value_errors(self) -> None:
        assert issubclass(NotADecimal, ValueError)
        assert issubclass(TooManyDecimals, ValueError)

    @given(st.text(max_size=12) | st.from_regex(r"[+-]?[0-9]*\.?[0-9]*", fullmatch=True), PLACES)
    def test_never_fails_otherwise(self, text: str, places: int) -> None:
        try:
            units = decimals.parse(text, places)
        except (NotADecimal, TooManyDecimals):
            return
        assert Fraction(units, 10**places) == Fraction(text.removesuffix("."))


class TestFormat:
    @pytest.mark.parametrize(
        ("units", "places", "exact", "short"),
        [
            (0, 0, "0", "0"),
            (0, 5, "0.00000", "0"),
            (100, 0, "100", "100"),
            (5_000, 8, "0.00005000", "0.00005"),
            (150_000_000, 8, "1.50000000", "1.5"),
            (100_000, 4, "10.0000", "10"),
            (-5, 1, "-0.5", "-0.5"),
            (-150, 2, "-1.50", "-1.5"),
            (-100, 2, "-1.00", "-1"),
            (12_345, 4, "1.2345", "1.2345"),
            (1234, 4, "0.1234", "0.1234"),
        ],
    )
    def test_texts(self, units: int, places: int, exact: str, short: str) -> None:
        assert decimals.fmt(units, places) == exact
        assert decimals.shortest(units, places) == short

    @given(AMOUNTS, PLACES)
    def test_round_trip(self, units: int, places: int) -> None:
        exact, short = decimals.fmt(units, places), decimals.shortest(units, places)
        assert decimals.parse(exact, places) == units
        assert decimals.parse(short, places) == units
        assert decimals.truncate(exact, places) == units
        assert len(exact.partition(".")[2]) == places
        assert Fraction(exact) == Fraction(short) == Fraction(units, 10**places)
        assert not ("." in short and short[-1] in "0.")


class TestRounding:
    @pytest.mark.parametrize(
        ("numerator", "denominator", "quotient"),
        [(4, 10, 0), (5, 10, 1), (14, 10, 1), (15, 10, 2), (25, 10, 3), (-4, 10, 0), (-5, 10, -1), (-15, 10, -2)],
    )
    def test_halves_go_away_from_zero(self, numerator: int, denominator: int, quotient: int) -> None:
        assert decimals.half_up(numerator, denominator) == quotient

    def test_thirds(self) -> None:
        assert [decimals.half_up(n, 3) for n in range(7)] == [0, 0, 1, 1, 1, 2, 2]

    @given(AMOUNTS, PLACES, PLACES)
    def test_rescaling(self, units: int, places: int, to: int) -> None:
        exact = Fraction(units, 10**places) * 10**to
        away_from_zero = int(abs(exact) + Fraction(1, 2))
        assert decimals.rescale(units, places, to) == (-away_from_zero if units < 0 else away_from_zero)

    @given(AMOUNTS, PLACES, st.integers(0, 8))
    def test_rescaling_up_and_back_loses_nothing(self, units: int, places: int, more: int) -> None:
        assert decimals.rescale(decimals.rescale(units, places, places + more), places + more, places) == units

    @given(AMOUNTS, st.integers(1, 10**12))
    def test_is_never_off_by_more_than_a_half(self, numerator: int, denominator: int) -> None:
        off = 2 * abs(decimals.half_up(numerator, denominator) * denominator - numerator)
        assert off <= denominator

    @given(AMOUNTS, PLACES, PLACES)
    def test_truncation(self, units: int, places: int, to: int) -> None:
        exact = Fraction(units, 10**places) * 10**to
        assert decimals.truncate(decimals.fmt(units, places), to) == int(exact)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.340", "12.340"),
        ("-0", "-0"),
        ("1.5e-3", "0.0015"),
        ("-1.5E+3", "-1500"),
        ("5.1e-05", "0.000051"),
        ("12.5e1", "125"),
        ("0.0012e2", "0.12"),
        ("1e40", "1" + "0" * 40),
        ("1e41", None),
        ("1e-41", None),
        ("1e99999999999", None),
        ("", None),
        ("NaN", None),
        ("1,5", None),
        ("٣", None),
    ],
)
def test_a_number_without_its_exponent(text: str, expected: str | None) -> None:
    assert decimals.plain(text) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_no_digit_is_lost_with_the_exponent(number: Decimal) -> None:
    plain = decimals.plain(str(number))
    if plain is not None:
        assert "e" not in plain.lower()
        assert Decimal(plain) == number
