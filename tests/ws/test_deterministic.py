"""The same seed, clock and messages: the same bytes, whatever market walks meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mockkraken.clock import MINUTE
from mockkraken.control import markets
from mockkraken.control.operations import Control
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire

START = 1_767_225_600 * 10**9
CHANNELS: list[dict[str, Any]] = [
    {"channel": "ticker", "event_trigger": "bbo"},
    {"channel": "book", "depth": 10},
    {"channel": "book", "depth": 1000},
    {"channel": "ohlc", "interval": 5},
    {"channel": "trade", "snapshot": True},
]
V1 = ("ticker", "trade", "spread", "book", "ohlc")


def a_day(wire_of: Callable[..., Wire], seed: int) -> list[bytes]:
    """What two clients hear of a walking market, a leap, a tape and an order, to the byte."""
    sandbox = Sandbox(settings=Settings.of(seed=seed, market="walk", rate_limits="off"), start=START)
    control = Control(sandbox)
    new, old = wire_of(sandbox, "/v2"), wire_of(sandbox, "/")
    token = new.token()
    heard = [json.dumps(new.greeting).encode(), json.dumps(old.greeting).encode()]
    for params in CHANNELS:
        new.say({"method": "subscribe", "params": {**params, "symbol": ["BTC/USD", "ETH/USD"]}})
        heard += new.raw
    for channel in ("executions", "balances"):
        new.say({"method": "subscribe", "params": {"channel": channel, "token": token}})
        heard += new.raw
    for name in V1:
        old.say({"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": name}})
        heard += old.raw

    def listen() -> None:
        for client in (new, old):
            client.take()
            heard.extend(client.raw)

    for step in ("1s", "1s", "1500ms", "3m"):
        control.perform(Control.move_clock, {"advance": step})
        listen()
    order = {"order_type": "market", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.5, "token": token}
    new.say({"method": "add_order", "params": order})
    heard += new.raw
    listen()
    control.perform(markets.change_market, "XBTUSD", {"model": "replay", "file": "sample_tape.csv"})
    control.perform(Control.move_clock, {"advance": MINUTE // 10**9})
    listen()
    return heard


def test_same_seed_same_frames(wire_of: Callable[..., Wire]) -> None:
    first, second, other = (a_day(wire_of, seed) for seed in (3, 3, 4))
    assert first == second
    assert len(first) > 1000
    assert first != other
