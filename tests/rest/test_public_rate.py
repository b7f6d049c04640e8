"""The limit on public calls: by address and method, and where that is so by pair (kraken/10 §4.3)."""

from __future__ import annotations

import json

import pytest

from mockkraken.clock import SECOND
from mockkraken.control import counters
from mockkraken.control.operations import Control
from mockkraken.gate import ratelimits
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
TOO_MANY = "EGeneral:Too many requests"


class Reader:
    """Somebody who only reads, at one address."""

    def __init__(self, client, remote="203.0.113.1"):
        self.client, self.remote = client, remote

    def call(self, method="Time", query="", verb="GET", body=b""):
        """The call's error, or OK."""
        reply = self.client.send(verb, f"/0/public/{method}", body, query=query, remote=self.remote)
        assert reply.status == 200
        errors = reply.errors
        return errors[0] if errors else "OK"

    def calls(self, number, method="Time", query=""):
        return {self.call(method, query) for _ in range(number)}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(settings=Settings(public_rate_limit="on"), start=START)


@pytest.fixture
def reader(kraken):
    return Reader(kraken)


def test_it_is_off_by_default_even_where_limits_are_on(login):
    sandbox = Sandbox(start=START)
    assert sandbox.settings.public_rate_limit == "off"
    client = login()
    client.sandbox = sandbox
    assert Reader(client).calls(100) == {"OK"}


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("Time", ""),
        ("SystemStatus", ""),
        ("Assets", "asset=XBT"),
        ("AssetPairs", "pair=XBTUSD"),
        ("Ticker", "pair=XBTUSD"),
        ("OHLC", "pair=XBTUSD"),
        ("Depth", "pair=XBTUSD"),
        ("Trades", "pair=XBTUSD"),
        ("Spread", "pair=XBTUSD"),
    ],
)
def test_ten_calls_pass_at_one_moment_and_then_one_a_second(sandbox, reader, method, query):
    assert reader.calls(10, method, query) == {"OK"}
    assert reader.calls(5, method, query) == {TOO_MANY}  # which adds nothing
    sandbox.clock.advance(SECOND - 1)
    assert reader.call(method, query) == TOO_MANY
    sandbox.clock.advance(1)
    assert reader.call(method, query) == "OK"
    assert reader.call(method, query) == TOO_MANY
    sandbox.clock.advance(3 * SECOND + SECOND // 2)
    assert [reader.call(method, query) for _ in range(4)] == ["OK"] * 3 + [TOO_MANY]
    sandbox.clock.advance(SECOND // 2)
    assert reader.call(method, query) == "OK"
    sandbox.clock.advance(3600 * SECOND)
    assert [reader.call(method, query) for _ in range(11)] == ["OK"] * 10 + [TOO_MANY]


def test_the_refusal_is_http_200_with_the_error_alone(reader):
    reader.calls(10)
    reply = reader.client.send("GET", "/0/public/Time", remote=reader.remote)
    assert (reply.status, reply.body) == (200, b'{"error":["EGeneral:Too many requests"]}')
    record = reader.client.journal()
    assert (record["outcome"], record["check"], record["error"]) == ("refused", "rate", TOO_MANY)
    assert record["reason"] == (
        "the counter of calls of Time from 203.0.113.1 stands at 10; it may rise to 10 and falls by 1 a second, so "
        "this call passes in 1 seconds"
    )


def test_the_reason_names_the_pair_and_the_rest_of_the_wait(sandbox, reader):
    reader.calls(10, "OHLC", "pair=XBTUSD")
    sandbox.clock.advance(SECOND // 4)
    assert reader.call("OHLC", "pair=XBTUSD") == TOO_MANY
    reason = reader.client.journal()["reason"]
    assert "calls of OHLC for XXBTZUSD from 203.0.113.1 stands at 9.75;" in reason
    assert reason.endswith("passes in 0.75 seconds")


def test_each_method_and_each_address_has_its_own(reader, kraken):
    assert reader.calls(10, "Ticker", "pair=XBTUSD") == {"OK"}
    assert reader.call("Ticker", "pair=ETHUSD") == TOO_MANY
    assert reader.call("Depth", "pair=XBTUSD") == "OK"
    assert Reader(kraken, "203.0.113.2").call("Ticker", "pair=XBTUSD") == "OK"


@pytest.mark.parametrize("method", ["Trades", "OHLC"])
def test_trades_and_candles_are_counted_by_pair(reader, method):
    names = ["XBTUSD", "XXBTZUSD", "BTCUSD", "BTC/USD", "btcusd"]
    for name in names * 2:
        assert reader.call(method, f"pair={name}") == "OK"
    for name in names:
        assert reader.call(method, f"pair={name}") == TOO_MANY
    assert reader.calls(10, method, "pair=ETHUSD") == {"OK"}
    tokenized = "pair=AAPLxUSD&asset_class=tokenized_asset"
    assert reader.calls(10, method, tokenized) == {"OK"}
    assert reader.call(method, tokenized) == TOO_MANY


def test_it_comes_before_the_arguments(reader):
    # Pairs that do not exist share a counter: they must not make any number of them.
    for number in range(10):
        assert reader.call("OHLC", f"pair=NONE{number}") == "EQuery:Unknown asset pair"
    assert reader.call("OHLC", "pair=NONE10") == reader.call("OHLC") == TOO_MANY
    assert reader.call("OHLC", "pair=XBTUSD&interval=7") == "EGeneral:Invalid arguments"


def test_what_is_no_call_is_not_counted(reader):
    for _ in range(20):
        assert reader.client.send("GET", "/0/public/Nothing", remote=reader.remote).status == 404
        assert reader.client.send("POST", "/0/public/Time", remote=reader.remote).status == 405
    assert reader.calls(10) == {"OK"}


def test_posts_count_where_they_are_allowed(sandbox, reader):
    sandbox.settings.patch({"public_post_response": "allow"})
    for _ in range(5):
        assert reader.call() == reader.call(verb="POST") == "OK"
    assert reader.call() == reader.call(verb="POST") == TOO_MANY


def test_a_ticker_with_an_unknown_pair_counts_once(reader):
    for _ in range(10):
        assert reader.call("Ticker", "pair=XBTUSD,NONE") == "EQuery:Unknown asset pair"
    assert reader.call("Ticker", "pair=XBTUSD") == TOO_MANY


def test_private_calls_have_no_part_in_it(reader, kraken):
    reader.calls(11)
    assert reader.call() == TOO_MANY
    assert kraken.post("Balance").errors == []


def test_it_is_switched_at_run_time_and_off_with_all_limits(sandbox, reader):
    reader.calls(10)
    for name in ("public_rate_limit", "rate_limits"):
        assert reader.call() == TOO_MANY
        sandbox.settings.patch({name: "off"})
        assert reader.calls(20) == {"OK"}
        sandbox.settings.patch({name: "on"})
    assert reader.call() == TOO_MANY


def test_clearing_all_counters_and_a_reset_clear_it(sandbox, reader):
    reader.calls(10)
    Control(sandbox).perform(counters.set_counters, {"clear": True})
    assert reader.calls(10) == {"OK"}
    assert reader.call() == TOO_MANY
    sandbox.reset()
    assert reader.calls(10) == {"OK"}


def test_any_number_of_addresses_takes_bounded_memory(sandbox, kraken, monkeypatch):
    monkeypatch.setattr(ratelimits, "BUCKETS", 50)
    busy = Reader(kraken)
    assert busy.calls(10) == {"OK"}
    for number in range(500):
        assert Reader(kraken, f"2001:db8::{number:x}").call() == "OK"
        assert busy.call() == TOO_MANY  # who is in use is not the one that is forgotten
    assert len(sandbox.venue.gate.public_calls) == 50


def test_a_sender_without_an_address_has_a_counter_too(kraken):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/0/public/Time",
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    answers = [json.loads(kraken.sandbox.rest.answer(scope, b"").body)["error"] for _ in range(11)]
    assert answers == [[]] * 10 + [[TOO_MANY]]
