"""The trading engine's rate limit against a naive counter in exact fractions, through signed calls (kraken/10 §4.4)."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from hypothesis import event, given, settings
from hypothesis import strategies as st

from mockkraken.clock import SECOND
from mockkraken.control import counters
from mockkraken.control.operations import Control
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox

START = 1_767_225_600 * SECOND
PAIRS = {"XBTUSD": 1000, "ETHUSD": 100}  # and a price far below the market's
THRESHOLD = {"starter": 60, "intermediate": 125, "pro": 180}
DECAY = {"starter": Fraction(1), "intermediate": Fraction("2.34"), "pro": Fraction("3.75")}

# By age below so many seconds, as the reference has it.
TABLE = {
    "AmendOrder": {5: 3, 10: 2, 15: 1},
    "EditOrder": {5: 6, 10: 5, 15: 4, 45: 2, 90: 1},
    "CancelOrder": {5: 8, 10: 6, 15: 5, 45: 4, 90: 2, 300: 1},
}

SPANS = st.one_of(
    st.builds(
        lambda seconds, ns: max(0, seconds * SECOND + ns),
        st.sampled_from([0, 1, 5, 10, 15, 45, 90, 300]),
        st.sampled_from([-1, 0, 1]),
    ),
    st.integers(0, 100 * SECOND),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(list(PAIRS))),
        st.tuples(st.just("burst"), st.sampled_from(list(PAIRS)), st.integers(1, 70)),
        st.tuples(st.just("near"), st.sampled_from(list(PAIRS)), st.sampled_from(["0", "0.5", "1", "4.00000000001"])),
        st.tuples(st.just("batch"), st.sampled_from(list(PAIRS)), st.integers(2, 15)),
        st.tuples(st.just("AmendOrder"), st.integers(0, 99)),
        st.tuples(st.just("EditOrder"), st.integers(0, 99)),
        st.tuples(st.just("CancelOrder"), st.integers(0, 99)),
        st.tuples(st.just("all")),
        st.tuples(st.just("advance"), SPANS),
        st.tuples(st.just("advance"), SPANS),
        st.tuples(st.just("tier"), st.sampled_from(list(THRESHOLD))),
    ),
    min_size=15,
    max_size=50,
)


class Model:
    """What the counters should be: nothing is kept but their levels and when each order was touched."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.now = Fraction(0)
        self.levels = dict.fromkeys(PAIRS, Fraction(0))
        self.orders: dict[str, tuple[str, Fraction]] = {}

    def advance(self, seconds: Fraction) -> None:
        self.now += seconds
        for pair, level in self.levels.items():
            self.levels[pair] = max(Fraction(0), level - DECAY[self.tier] * seconds)

    def set_tier(self, tier: str) -> None:
        self.tier = tier
        for pair, level in self.levels.items():
            self.levels[pair] = min(level, Fraction(THRESHOLD[tier]))

    def full(self, pair: str) -> bool:
        return self.levels[pair] >= THRESHOLD[self.tier]

    def penalize(self, method: str, txid: str) -> None:
        pair, touched = self.orders[txid]
        age = self.now - touched
        penalty = next((points for bound, points in TABLE[method].items() if age < bound), 0)
        if not self.full(pair):
            self.levels[pair] = min(self.levels[pair] + penalty, Fraction(THRESHOLD[self.tier]))


class Bench:
    """The sandbox, and the model beside it."""

    def __init__(self, tier: str) -> None:
        self.sandbox = Sandbox(start=START)
        self.control = Control(self.sandbox)
        self.control.perform(Control.change_account, "main", {"tier": tier})
        self.model = Model(tier)
        self.key = self.sandbox.keys.find("trade")
        self.numbers = itertools.count(1)

    def call(self, method: str, **fields: Any) -> dict[str, Any]:
        assert self.key is not None
        path, nonce = f"/0/private/{method}", next(self.numbers)
        body = urlencode({"nonce": nonce, **fields}).encode()
        headers = {"api-key": self.key.api_key, "api-sign": sign(self.key.api_secret, path, str(nonce), body)}
        scope = {
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        answer: dict[str, Any] = json.loads(self.sandbox.rest.answer(scope, body).body)
        return answer

    def refused(self, answer: dict[str, Any]) -> bool:
        return bool(answer["error"] == ["EOrder:Rate limit exceeded"])

    def check(self) -> None:
        shown = self.control.perform(counters.account_counters, "main")
        for pair, level in self.model.levels.items():
            assert Fraction(shown.get(pair, "0")) == level
        for pair in PAIRS:
            assert Fraction(self.control.perform(counters.trading_counter, "main", pair)) == self.model.levels[pair]

    # Steps

    def do_add(self, pair: str) -> None:
        answer = self.call("AddOrder", pair=pair, type="buy", ordertype="limit", price=PAIRS[pair], volume="0.1")
        assert self.refused(answer) == self.model.full(pair)
        if not self.refused(answer):
            (txid,) = answer["result"]["txid"]
            self.model.orders[txid] = (pair, self.model.now)
            self.model.levels[pair] += 1

    def do_burst(self, pair: str, number: int) -> None:
        """Orders that fail after the limit has looked at them."""
        for _ in range(number):
            refused = self.refused(self.call("AddOrder", pair=pair, type="buy", ordertype="limit", volume="0.1"))
            assert refused == self.model.full(pair)
            self.model.levels[pair] += not refused

    def do_near(self, pair: str, distance: str) -> None:
        """A test puts a counter close to the threshold."""
        level = self.model.levels[pair] = THRESHOLD[self.model.tier] - Fraction(distance)
        text = f"{level * 10**11 // 1:013}"
        self.control.perform(counters.set_counters, {"trading": {"main": {pair: f"{text[:-11]}.{text[-11:]}"}}})

    def do_batch(self, pair: str, number: int) -> None:
        row = {"type": "buy", "ordertype": "limit", "price": PAIRS[pair], "volume": "0.1", "timeinforce": "ioc"}
        fields = {f"orders[{index}][{name}]": value for index in range(number) for name, value in row.items()}
        answer = self.call("AddOrderBatch", pair=pair, **fields)
        assert self.refused(answer) == self.model.full(pair)
        if not self.refused(answer):
            assert not answer["error"]
            self.model.levels[pair] += Fraction(number, 2)

    def do_change(self, method: str, choice: int) -> None:
        model = self.model
        if not model.orders:
            return
        txid = list(model.orders)[choice % len(model.orders)]
        pair, _ = model.orders[txid]
        terms = f"{PAIRS[pair] + next(self.numbers) / 100:.2f}" if pair == "ETHUSD" else str(1000 + next(self.numbers))
        fields: dict[str, Any] = {
            "AmendOrder": {"limit_price": terms},
            "EditOrder": {"pair": pair, "price": terms},
            "CancelOrder": {},
        }[method]
        answer = self.call(method, txid=txid, **fields)
        assert self.refused(answer) == model.full(pair)
        if self.refused(answer):
            event(f"{method} is refused")
            return
        assert not answer["error"]
        event(f"{method} is accepted")
        model.levels[pair] += method != "CancelOrder"
        model.penalize(method, txid)
        if method == "AmendOrder":
            model.orders[txid] = (pair, model.now)
            return
        del model.orders[txid]
        if method == "EditOrder":
            model.orders[answer["result"]["txid"]] = (pair, model.now)

    def do_all(self) -> None:
        self.control.perform(counters.set_counters, {"rest": {"trade": 0}})
        assert self.call("CancelAll")["result"]["count"] == len(self.model.orders)
        for txid in self.model.orders:
            self.model.penalize("CancelOrder", txid)
        self.model.orders.clear()

    def do_advance(self, span: int) -> None:
        self.sandbox.clock.advance(span)
        self.model.advance(Fraction(span, SECOND))

    def do_tier(self, tier: str) -> None:
        self.control.perform(Control.change_account, "main", {"tier": tier})
        self.model.set_tier(tier)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["starter", "starter", "intermediate", "pro"]), STEPS)
def test_it_agrees_with_a_naive_counter(tier: str, steps: list[tuple[Any, ...]]) -> None:
    bench = Bench(tier)
    for name, *given_ in steps:
        if name in TABLE:
            bench.do_change(name, *given_)
        else:
            getattr(bench, f"do_{name}")(*given_)
        bench.check()
