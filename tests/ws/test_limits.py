"""How often an address may connect and how much a connection may say, to the nanosecond (kraken/50 §1.4, §4.4)."""

from __future__ import annotations

import pytest

from mockkraken.clock import MINUTE, SECOND
from mockkraken.settings import Settings
from mockkraken.ws import limits
from mockkraken.ws.limits import Attempts, Messages

NOW = 1_767_225_600 * SECOND
HERE, THERE = "10.0.0.1", "10.0.0.2"


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(Settings.of(rate_limits="on"))


def let_in(attempts: Attempts, count: int, now: int, address: str = HERE) -> None:
    for _ in range(count):
        assert attempts.refused_until(address, now) is None


class TestAttempts:
    def test_150_of_an_address_in_ten_minutes(self, attempts: Attempts) -> None:
        let_in(attempts, 1, NOW)
        let_in(attempts, 149, NOW + 10 * MINUTE - 1)
        assert attempts.refused_until(HERE, NOW + 10 * MINUTE - 1) == NOW + 20 * MINUTE - 1
        let_in(attempts, 150, NOW, THERE)

    def test_what_is_ten_minutes_old_no_longer_counts(self, attempts: Attempts) -> None:
        let_in(attempts, 2, NOW)
        let_in(attempts, 148, NOW + 1)
        let_in(attempts, 2, NOW + 10 * MINUTE)
        assert attempts.refused_until(HERE, NOW + 10 * MINUTE) is not None

    def test_who_is_kept_out_may_come_back_after_ten_minutes(self, attempts: Attempts) -> None:
        let_in(attempts, 150, NOW)
        end = NOW + 10 * MINUTE
        # To try meanwhile makes it no longer.
        assert [attempts.refused_until(HERE, now) for now in (NOW, NOW + 1, end - 1)] == [end] * 3
        let_in(attempts, 150, end)
        assert attempts.refused_until(HERE, end) == end + 10 * MINUTE

    def test_none_without_limits(self) -> None:
        let_in(Attempts(Settings.of(rate_limits="off")), 1000, NOW)

    def test_of_too_many_addresses_the_first_is_forgotten(
        self, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "_ADDRESSES", 2)
        for address in "AB":
            let_in(attempts, 149, NOW, address)
        let_in(attempts, 1, NOW, "A")  # the 150th: two are remembered
        let_in(attempts, 1, NOW, "C")
        let_in(attempts, 149, NOW, "A")  # of three, A is not
        assert attempts.refused_until("C", NOW) is None

    def test_of_too_many_that_are_kept_out_too(self, attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "_ADDRESSES", 2)

        def keep_out(address: str) -> None:
            let_in(attempts, 150, NOW, address)
            assert attempts.refused_until(address, NOW) is not None

        keep_out("A")
        keep_out("B")
        assert attempts.refused_until("A", NOW) is not None
        keep_out("C")
        assert attempts.refused_until("B", NOW) is not None
        assert attempts.refused_until("A", NOW) is None


class TestMessages:
    def test_a_burst_of_50_and_then_one_each_50_ms(self) -> None:
        messages = Messages(Settings.of(rate_limits="on"))
        assert [messages.exceeded(NOW) for _ in range(51)] == [False] * 50 + [True]
        later = NOW + SECOND // 20
        assert [messages.exceeded(now) for now in (later - 1, later, later)] == [True, False, True]
