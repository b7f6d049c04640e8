"""Which requests a fault strikes, and which of those that it holds goes first."""

from __future__ import annotations

from itertools import islice, product
from random import Random

import pytest

from mockkraken.clock import SECOND, Clock
from mockkraken.faults import pages
from mockkraken.faults.actions import Delay, Empty, Hang, Reorder
from mockkraken.faults.faults import Fault, Faults, Match, Request
from mockkraken.gate.keys import KeyRing

ADD = Request("/0/private/AddOrder", b"public key", lambda: {"XXBTZUSD"})
TIME = Request("/0/public/Time", None, lambda: ())
STAKE = Request("/0/private/Earn/Allocate", None, lambda: ())
ODD = Request("/favicon.ico", None, lambda: ())


@pytest.fixture
def clock() -> Clock:
    return Clock(0)


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(clock, KeyRing(Random(1)), Random(1))


def fault(action=None, endpoint: str = "*", **more) -> Fault:
    return Fault(match=Match(endpoint), action=Empty() if action is None else action, **more)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("*", [ADD, TIME, STAKE, ODD]),
        ("AddOrder", [ADD]),
        ("private/AddOrder", [ADD]),
        ("/0/private/AddOrder", [ADD]),
        ("private/*", [ADD, STAKE]),
        ("public/*", [TIME]),
        ("Add*", [ADD]),
        ("Tim?", [TIME]),
        ("Earn/*", [STAKE]),
        ("addorder", []),
        ("private", []),
        ("Order", []),
        ("AddOrder|Time", []),
        ("", []),
    ],
)
def test_an_endpoint_is_meant_by_name_family_or_path(pattern, fits):
    assert [request for request in (ADD, TIME, STAKE, ODD) if Match(pattern).fits(request)] == fits


def test_a_key_and_a_pair_narrow_it_down():
    assert Match("*", "public key", "XXBTZUSD").fits(ADD)
    assert not Match("*", "Public key").fits(ADD)
    assert not Match("*", "public key").fits(TIME)
    assert not Match("*", None, "XETHZUSD").fits(ADD)
    assert [Match(private=True).fits(request) for request in (ADD, TIME, ODD)] == [True, False, False]


def test_the_oldest_that_may_strikes(faults: Faults):
    first = faults.add(fault(times=2, skip=1))
    second = faults.add(fault(endpoint="AddOrder", times=1))
    assert [faults.strike(ADD) for _ in range(5)] == [second, first, first, None, None]
    assert (first.hits, first.passed, second.hits) == (2, 1, 1)
    assert faults.active == ()
    assert faults.all() == [first, second]
    faults.remove(first)
    assert (faults.get(1), faults.get(2)) == (None, second)


def test_one_for_other_requests_is_passed_by(faults: Faults):
    faults.add(fault(endpoint="Time"))
    mine = faults.add(fault())
    assert faults.strike(ADD) is mine


def test_chance_is_the_seeds(clock: Clock):
    def struck(seed: int) -> list[bool]:
        faults = Faults(clock, KeyRing(Random(1)), Random(seed))
        faults.add(fault(probability=0.25))
        return [faults.strike(ADD) is not None for _ in range(1000)]

    assert struck(1) == struck(1) != struck(2)
    assert 200 < sum(struck(1)) < 300


def test_never_and_always_need_no_chance(faults: Faults):
    never = faults.add(fault(probability=0.0))
    always = faults.add(fault())
    assert [faults.strike(ADD) for _ in range(100)] == [always] * 100
    assert never.hits == 0


def held(faults: Faults, rule: Fault, *nonces: int) -> list[tuple[int, bool]]:
    """Who was let go (or dropped), in that order; of requests without a nonce the number of their coming."""
    gone: list[tuple[int, bool]] = []
    for number, nonce in enumerate(nonces):
        name = number if nonce < 0 else nonce
        faults.hold(rule, lambda kept, name=name: gone.append((name, kept)), nonce)
    return gone


@pytest.mark.parametrize(
    ("nonces", "order"),
    [
        ((101, 102), [102, 101]),
        ((102, 101), [102, 101]),
        ((101, 102, 103), [103, 102, 101]),
        ((102, 103, 101), [103, 102, 101]),
        ((-1, -1, -1), [2, 1, 0]),
        ((-1, 7, -1), [7, 2, 0]),
    ],
)
def test_the_highest_nonce_goes_first_and_without_nonces_the_last(faults: Faults, nonces, order):
    rule = faults.add(fault(Reorder(len(nonces)), times=1))
    assert held(faults, rule, *nonces[:-1]) == []
    assert faults.active == (rule,)
    faults.drop()
    gone = held(faults, rule, *nonces)
    assert gone == [(name, True) for name in order]
    assert (rule.holds, rule.done, faults.active) == ([], 1, ())


def test_what_is_held_is_let_go_in_time(faults: Faults, clock: Clock):
    late, hung = faults.add(fault(Delay(SECOND))), faults.add(fault(Hang(2 * SECOND)))
    first, second = held(faults, late, -1), held(faults, hung, -1)
    clock.advance(SECOND - 1)
    assert (first, second) == ([], [])
    clock.advance(1)
    assert (first, second) == ([(0, True)], [])
    clock.advance(SECOND)
    assert second == [(0, True)]
    assert held(faults, faults.add(fault(Hang(0))), -1) == [(0, True)]


def test_removed_dropped_ended_forgotten(faults: Faults, clock: Clock):
    rules = [faults.add(fault(Delay(SECOND))) for _ in range(4)]
    let_go, dropped, forgotten = (held(faults, rule, -1, -1) for rule in rules[:3])
    faults.remove(rules[0])
    faults.remove(rules[0])
    assert let_go == [(0, True), (1, True)]
    for hold in list(rules[2].holds):
        faults.forget(hold)
    faults.drop()
    assert dropped == [(0, False), (1, False)]
    assert forgotten == []
    # What has struck before its fault was taken away is not held any more.
    assert held(faults, rules[0], -1) == [(0, True)]
    faults.end()
    assert held(faults, rules[3], -1) == [(0, True)]
    assert (faults.all(), faults.active, faults.strike(ADD)) == ([], (), None)
    clock.advance(SECOND)
    assert len(dropped) == 2


def test_a_lognormal_delay_has_its_median_and_its_tail():
    delay, rng = Delay.lognormal(80, 400_000), Random(1)
    drawn = [delay.drawn(rng) for _ in range(20_000)]
    assert abs(sum(span < 80 for span in drawn) / 20_000 - 0.5) < 0.02
    assert abs(sum(span > 400_000 for span in drawn) / 20_000 - 0.01) < 0.003
    assert Delay.lognormal(80, 80).drawn(rng) == 80


def test_every_page_says_what_it_is():
    titles = {
        status: pages.page(status).decode().partition("<title>")[2].partition("</title>")[0]
        for status in pages.STATUSES
    }
    assert titles == {
        429: "Access denied | api.kraken.com used Cloudflare to restrict access",
        502: "api.kraken.com | 502: Bad gateway",
        503: "503 Service Temporarily Unavailable",
        504: "api.kraken.com | 504: Gateway time-out",
        520: "api.kraken.com | 520: Web server is returning an unknown error",
        521: "api.kraken.com | 521: Web server is down",
        522: "api.kraken.com | 522: Connection timed out",
        524: "api.kraken.com | 524: A timeout occurred",
        525: "api.kraken.com | 525: SSL handshake failed",
    }
    for status, tag in product(pages.STATUSES, ("html", "head", "body", "h1")):
        text = pages.page(status).decode()
        assert text.startswith("<!DOCTYPE html>")
        assert f"<{tag}" in text and f"</{tag}>" in text


def test_numbers_go_on(faults: Faults):
    numbers = (faults.add(fault()).id for _ in range(3))
    assert list(islice(numbers, 2)) == [1, 2]
    faults.clear()
    assert faults.add(fault()).id == 3
