"""How many calls are under way at once (kraken/10 §4.2)."""

from __future__ import annotations

from mockkraken.gate.throttle import Throttle
from mockkraken.settings import Settings


def test_who_comes_first_is_served():
    throttle = Throttle(Settings(max_concurrent_private=2))
    assert [throttle.enter(b"key") for _ in range(4)] == [True, True, False, False]
    assert throttle.enter(b"other")
    throttle.leave(b"key")
    assert [throttle.enter(b"key") for _ in range(2)] == [True, False]


def test_without_a_limit_everybody_is():
    settings = Settings()
    throttle = Throttle(settings)
    assert not throttle.on
    assert all(throttle.enter(b"key") for _ in range(100))
    settings.patch({"max_concurrent_private": 100})
    assert throttle.on
    assert not throttle.enter(b"key")


def test_who_has_left_is_forgotten():
    throttle = Throttle(Settings(max_concurrent_private=1))
    for number in range(1000):
        header = b"%d" % number
        assert throttle.enter(header)
        throttle.leave(header)
        assert not throttle._under_way
        throttle.leave(header)
    assert not throttle._under_way


def test_a_crowded_call_is_told_when_to_come_again(bot, settings):
    settings.patch({"rate_limits": "on", "max_concurrent_private": 3})
    assert bot.call(1, crowded=True) == "EService:Throttled: 1767225605"
    assert bot.refusal.check == "throttle"
    assert bot.refusal.reason == (
        "3 private calls of the key are under way already, the most that max_concurrent_private allows"
    )
    assert bot.key.calls.units == 10**11  # the call counter came before
    assert bot.call(1) == "EAPI:Invalid nonce"
    assert bot.call(2) == "OK"
