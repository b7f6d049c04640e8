"""The REST call counter of each key (kraken/10 §4.1), to the exact call and the exact nanosecond, in fractions.

What each endpoint costs stands here as the reference has it; later endpoints join by themselves. What else counts and
what does not is tested in test_ratelimits.py.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import NamedTuple

import pytest

from mockkraken.clock import SECOND
from mockkraken.control.client import AccountsControl
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.operations import Control
from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS

OK, LIMITED = "OK", "EAPI:Rate limit exceeded"
PRIVATE = [endpoint.name for endpoint in ENDPOINTS if isinstance(endpoint, Private)]

FREE = {"AddOrder", "CancelOrder", "AmendOrder", "EditOrder", "AddOrderBatch", "CancelOrderBatch"}
DEAR = {"Ledgers", "TradesHistory", "QueryLedgers"}


def cost(name: str) -> int:
    return 0 if name in FREE else 2 if name in DEAR else 1


class Tier(NamedTuple):
    max: int
    decay: Fraction
    """In points a second."""

    def wait(self, points: int) -> int:
        """How many ns it takes until that many points are forgotten."""
        ns = points / self.decay * SECOND
        return -(-ns.numerator // ns.denominator)


TIERS = {
    "starter": Tier(15, Fraction(33, 100)),
    "intermediate": Tier(20, Fraction(1, 2)),
    "pro": Tier(20, Fraction(1)),
}


@pytest.fixture(params=TIERS)
def tier(request):
    return TIERS[request.param]


@pytest.fixture
def program(request, tier, sandbox, new_program):
    """Of an account of that tier, with limits."""
    sandbox.settings.patch({"rate_limits": "on"})
    (name,) = (name for name in TIERS if TIERS[name] is tier)
    AccountsControl(Control(sandbox).perform).create("customer", tier=name, balances={"ZUSD": "1000000"})
    return new_program(account="customer")


@pytest.fixture
def counter(sandbox, program):
    """Where it stands, as the control API shows it: to the last digit."""
    counters = CountersControl(Control(sandbox).perform).rest

    def shown() -> Fraction:
        return Fraction(counters[program.key.name])

    return shown


@pytest.mark.parametrize("name", PRIVATE)
def test_what_each_endpoint_costs(program, counter, name):
    """Whatever is said to the call itself."""
    assert counter() == 0
    for calls in (1, 2, 3):
        assert program.call(name) != LIMITED
        assert counter() == calls * cost(name)


@pytest.mark.parametrize("name", ["Balance", "GetApiKeyInfo", "CancelAll", "OpenOrders", "ClosedOrders", *sorted(DEAR)])
def test_how_many_pass_at_one_moment_and_when_the_next_does(program, sandbox, tier, counter, name):
    price = cost(name)
    many = tier.max // price
    assert LIMITED not in [program.call(name) for _ in range(many)]
    assert counter() == many * price
    assert program.call(name) == LIMITED
    assert counter() == tier.max  # a refused call counts as well, up to the maximum
    sandbox.clock.advance(tier.wait(price) - 1)
    before = counter()
    assert tier.max - price < before < tier.max - price + Fraction(1, 10**6)
    assert program.call(name) == LIMITED
    assert counter() == tier.max
    sandbox.clock.advance(tier.wait(price))
    assert counter() <= tier.max - price
    assert program.call(name) != LIMITED
    assert program.call(name) == LIMITED


def test_the_free_calls_pass_at_the_maximum(program, sandbox, counter, tier):
    assert program.calls(tier.max) == {OK}
    for name in sorted(FREE):
        assert LIMITED not in program.calls(3, name)
        assert program.journal["check"] != "rate"
    assert counter() == tier.max
    assert program.call() == LIMITED


def test_a_program_at_the_very_pace_of_the_tier(program, sandbox, counter, tier):
    """At its maximum, a call for each point that goes: for an hour none is refused, and a nanosecond less refuses."""
    program.calls(tier.max)
    begun, made = sandbox.clock.now(), 0
    while sandbox.clock.now() < begun + 3600 * SECOND:
        made += 1
        sandbox.clock.advance(begun + tier.wait(made) - sandbox.clock.now())
        assert program.call() == OK
    assert made == 3600 * tier.decay
    sandbox.clock.advance(begun + tier.wait(made + 1) - sandbox.clock.now() - 1)
    assert program.call() == LIMITED


@pytest.mark.parametrize("seed", range(3))
def test_a_day_at_random_against_fractions(program, sandbox, counter, tier, seed):
    rng = random.Random(seed)
    units = Fraction(0)
    refused = 0
    for _ in range(400):
        gap = rng.choice((0, 0, 0, 1, rng.randrange(SECOND), rng.randrange(8 * SECOND), tier.wait(1), tier.wait(2) - 1))
        sandbox.clock.advance(gap)
        units = max(Fraction(0), units - tier.decay * gap / SECOND)
        assert counter() == units
        name = rng.choice(("Balance", "Ledgers", "AddOrder", "CancelAll"))
        fits = units + cost(name) <= tier.max
        assert (program.call(name) == LIMITED) is (cost(name) > 0 and not fits)
        refused += not fits
        units = min(Fraction(tier.max), units + cost(name))
        assert counter() == units
    assert 20 < refused < 380
