"""Same seed, same clock, same requests: the same bytes, ids and journal included.

Run as a script with a seed, this file plays its requests and prints every answer and the journal.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import mockkraken
from mockkraken.clock import DAY, SECOND, parse_span, parse_time
from mockkraken.control import markets, pairs, status
from mockkraken.control.operations import Control
from mockkraken.gate.signature import sign
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

START = "2026-01-01T00:00:00Z"

# A verb and what goes with it: public calls, calls with a key, what the exchange's operators do, and time that passes.
# `$0` is the first txid issued, `$-1` the last.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("public", "Time", {}),
    ("public", "SystemStatus", {}),
    ("public", "Assets", {}),
    ("public", "AssetPairs", {"pair": "XBTUSD,ETHUSD"}),
    ("public", "Ticker", {"pair": "SOLUSD,XBTUSD"}),
    ("public", "Depth", {"pair": "XBTUSD"}),
    ("public", "Foo", {}),
    ("full", "Balance", {}),
    ("full", "AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000"}),
    ("pass", "1.5s", {}),
    ("full", "AddOrder", {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "9"}),
    ("full", "AddOrder", {"pair": "XBTEUR", "type": "sell", "ordertype": "limit", "volume": "1", "price": "57927.5"}),
    ("second", "AddOrder", {"pair": "XBTEUR", "type": "buy", "ordertype": "market", "volume": "0.1", "oflags": "fcib"}),
    ("second", "AddOrder", {"pair": "XBTEUR", "type": "buy", "ordertype": "market", "volume": "99"}),
    ("second", "AddOrder", {"pair": "XBTEUR", "type": "long"}),
    ("readonly", "CancelAll", {}),
    ("pass", "90m", {}),
    ("full", "OpenOrders", {"trades": "true"}),
    ("full", "CancelOrder", {"txid": "$0"}),
    ("full", "CancelOrder", {"txid": "$0"}),
    ("full", "AddOrder", {"pair": "ETHXBT", "type": "buy", "ordertype": "market", "volume": "25.5"}),
    ("full", "ClosedOrders", {"trades": "true"}),
    ("full", "TradesHistory", {"consolidate_taker": "false", "ledgers": "true"}),
    ("full", "Ledgers", {}),
    ("second", "Ledgers", {}),
    ("full", "BalanceEx", {}),
    ("full", "TradeBalance", {"asset": "XBT"}),
    ("full", "TradeVolume", {"pair": "XBTUSD"}),
    ("full", "GetApiKeyInfo", {}),
    ("full", "GetWebSocketsToken", {}),
    ("second", "GetWebSocketsToken", {}),
    ("full", "CancelAll", {}),
    ("public", "Ticker", {"pair": "XBTUSD,XBTEUR,FOO"}),
    ("public", "OHLC", {"pair": "XBTUSD", "interval": "15"}),
    ("public", "Trades", {"pair": "XBTUSD"}),
    ("public", "Spread", {"pair": "XBTEUR"}),
    ("public", "Depth", {"pair": "XBTEUR", "count": "500"}),
]


def _order(type_: str, ordertype: str, volume: str, **fields: str) -> dict[str, Any]:
    return {"pair": "XBTUSD", "type": type_, "ordertype": ordertype, "volume": volume, **fields}


_PAIR_OF_ORDERS = {
    **{f"orders[0][{name}]": text for name, text in _order("buy", "limit", "0.01", price="-1%", oflags="post").items()},
    **{f"orders[1][{name}]": text for name, text in _order("sell", "limit", "0.01", price="+1%").items()},
}

REQUESTS += [
    # Every type of order, on margin too, waiting for its time, its trigger and its end.
    ("full", "AddOrder", _order("buy", "market", "1", leverage="5")),
    ("second", "AddOrder", _order("sell", "market", "0.05", leverage="2:1")),
    ("full", "AddOrder", _order("sell", "iceberg", "1.5", displayvol="0.1", price="68500")),
    ("full", "AddOrder", _order("sell", "stop-loss", "0.4", price="66000", leverage="2", reduce_only="true")),
    ("full", "AddOrder", _order("sell", "take-profit", "0.1", price="#2%", trigger="index")),
    ("full", "AddOrder", _order("sell", "stop-loss-limit", "0.1", price="-1%", price2="#0.5%")),
    ("full", "AddOrder", _order("sell", "take-profit-limit", "0.1", price="70000", price2="69990")),
    ("full", "AddOrder", _order("sell", "trailing-stop", "0.1", price="+1%")),
    ("full", "AddOrder", _order("buy", "trailing-stop-limit", "0.1", price="+500", price2="+0.1%")),
    ("full", "AddOrder", _order("buy", "limit", "0.02", price="67000", starttm="+30", expiretm="+9000")),
    ("full", "AddOrder", _order("buy", "market", "500", oflags="viqc", userref="7")),
    ("full", "AddOrder", _order("buy", "market", "0.2", **{"close[ordertype]": "limit", "close[price]": "+2%"})),
    ("full", "AddOrderBatch", {"pair": "XBTUSD", **_PAIR_OF_ORDERS}),
    ("full", "AmendOrder", {"txid": "$-1", "order_qty": "0.03", "limit_price": "+3%"}),
    ("full", "EditOrder", {"pair": "XBTUSD", "txid": "$-1", "price": "69500", "volume": "0.04"}),
    ("full", "AmendOrder", {"txid": "$-1", "order_qty": "0.000000001"}),
    ("full", "OrderAmends", {"order_id": "$-1"}),
    ("full", "OpenOrders", {"trades": "true"}),
    ("pass", "31s", {}),
    ("operator", "market XBTUSD", {"gap": "+3%"}),
    ("operator", "pair XBTUSD", {"tick_size": "0.5", "fees": [[0, "0.1"]], "margin_stop": 60}),
    ("operator", "index XBTUSD", {"price": "71000"}),
    ("operator", "market XBTUSD", {"price": "65000"}),
    ("operator", "status", {"status": "maintenance"}),
    ("full", "CancelAllOrdersAfter", {"timeout": "60"}),
    ("full", "AddOrder", _order("buy", "limit", "0.1", price="60000")),
    ("pass", "4h", {}),
    ("operator", "status", {"status": "online"}),
    ("full", "AddOrder", _order("sell", "settle-position", "0.1", leverage="5")),
    ("full", "OpenPositions", {"docalcs": "true"}),
    ("full", "OpenPositions", {"consolidation": "market"}),
    ("operator", "market XBTUSD", {"gap": "-60%"}),
    ("operator", "market XBTUSD", {"gap": "+700%"}),
    *((who, method, {"trades": "true"}) for who in ("full", "second") for method in ("ClosedOrders", "TradesHistory")),
    *((who, method, {}) for who in ("full", "second") for method in ("OpenPositions", "OpenOrders", "Ledgers")),
    ("full", "TradeBalance", {}),
]

OPERATIONS = {"market": markets.change_market, "pair": pairs.change_rules, "index": pairs.set_index}


def play(sandbox: Sandbox, requests: list[tuple[str, str, dict[str, Any]]] = REQUESTS) -> list[bytes]:
    """Every answer's bytes, and the journal as the last."""
    answers: list[bytes] = []
    txids: list[str] = []
    control = Control(sandbox)
    for nonce, (who, what, fields) in enumerate(requests, 1):
        if who == "pass":
            sandbox.clock.advance(parse_span(what))
            continue
        if who == "operator":
            operation, _, pair = what.partition(" ")
            if pair:
                OPERATIONS[operation](control, pair, fields)
            else:
                status.set_status(control, fields)
            continue
        filled = {name: _issued(value, txids) for name, value in fields.items()}
        path, query, body, headers = f"/0/public/{what}", urlencode(filled).encode(), b"", []
        if who != "public":
            key = sandbox.keys.find(who)
            assert key is not None
            path, query, body = f"/0/private/{what}", b"", urlencode(filled | {"nonce": nonce}).encode()
            signature = sign(key.api_secret, path, str(nonce), body)
            headers = [(b"api-key", key.api_key.encode()), (b"api-sign", signature.encode())]
        scope = {
            "method": "GET" if who == "public" else "POST",
            "path": path,
            "query_string": query,
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        answer = sandbox.rest.answer(scope, body)
        answers.append(b"%d %b" % (answer.status, answer.body))
        if what in ("AddOrder", "AddOrderBatch", "EditOrder"):
            txids += re.findall(r'"txid":\[?"([^"]+)"', answer.body.decode())
    return [*answers, json.dumps(sandbox.journal.records()[0]).encode()]


def _issued(value: Any, txids: list[str]) -> Any:
    return txids[int(value[1:])] if isinstance(value, str) and value[:1] == "$" else value


def fresh(seed: int, market: str = "calm") -> Sandbox:
    return Sandbox(settings=Settings.of(seed=seed, market=market, rate_limits="off"), start=parse_time(START))


def played_elsewhere(seed: int, hash_seed: str) -> list[bytes]:
    """As `play`, in a process of its own."""
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": str(Path(mockkraken.__file__).parents[1]),
    }
    command = [sys.executable, __file__, str(seed)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout.splitlines()


def test_two_processes_say_the_same() -> None:
    first, second = played_elsewhere(7, "1"), played_elsewhere(7, "2")
    assert first == second
    assert first == play(fresh(7))
    assert len(first) == len(_asked()) + 1
    assert b"Internal error" not in b"".join(first)


def test_walking_markets_say_the_same_too() -> None:
    first, second, other = (play(fresh(seed, "walk")) for seed in (7, 7, 8))
    assert first == second != other
    assert first != play(fresh(7))


def test_a_reset_brings_everything_back() -> None:
    sandbox = fresh(7)
    first = play(sandbox)
    sandbox.reset()
    assert play(sandbox) == first
    sandbox.reset(seed=8)
    assert play(sandbox) == play(fresh(8))


def test_another_seed_says_something_else() -> None:
    """Ids, tokens and the makers' volumes come from it; clock, names, prices and balances do not."""
    one, other = play(fresh(7)), play(fresh(8))
    differ = {what for (who, what, _), a, b in zip(_asked(), one, other, strict=False) if a != b}
    assert {"AddOrder", "Depth", "Ledgers", "ClosedOrders", "GetWebSocketsToken", "Trades"} <= differ
    assert not differ & {"Time", "SystemStatus", "Assets", "AssetPairs", "Foo", "Balance", "GetApiKeyInfo", "CancelAll"}


def _asked() -> list[tuple[str, str, dict[str, Any]]]:
    return [request for request in REQUESTS if request[0] not in ("pass", "operator")]


def test_looking_at_one_market_moves_nothing_in_another() -> None:
    """Every pair has generators of its own, and the ids of clients' orders another."""
    day: list[tuple[str, str, dict[str, Any]]] = [
        ("public", "Depth", {"pair": "ETHUSD"}),
        ("full", "AddOrder", {"pair": "ETHUSD", "type": "buy", "ordertype": "market", "volume": "1"}),
        ("full", "TradesHistory", {"ledgers": "true"}),
        ("public", "Trades", {"pair": "ETHUSD"}),
    ]
    looked = fresh(7)
    looks: list[tuple[str, str, dict[str, Any]]] = [
        ("public", "Ticker", {}),
        *(("public", method, {"pair": pair}) for method in ("Depth", "OHLC") for pair in ("XBTUSD", "SOLUSD")),
    ]
    play(looked, looks)
    looked.journal.clear()
    assert play(looked, day)[:-1] == play(fresh(7), day)[:-1]


def test_when_a_market_is_first_looked_at_moves_its_history_but_no_price() -> None:
    """The past of a market ends where it is first looked at; nothing else depends on when that is."""
    early, late = fresh(7), fresh(7)
    late.clock.advance(DAY // 2 + SECOND)
    looks: list[tuple[str, str, dict[str, Any]]] = [("public", "Depth", {"pair": "XBTUSD"})]
    looks += [("public", "Trades", {"pair": "XBTUSD", **paging}) for paging in ({}, {"since": "0"})]
    shown = []
    for sandbox in (early, late):
        book, *pages = (json.loads(answer[4:])["result"]["XXBTZUSD"] for answer in play(sandbox, looks)[:-1])
        levels = [[price, volume] for side in book.values() for price, volume, _ in side]
        trades = [[*row[:2], *row[3:]] for page in pages for row in page]
        shown.append((levels, trades, [row[2] for page in pages for row in page]))
    (levels, trades, times), (later_levels, later_trades, later_times) = shown
    assert len(levels) == 200
    assert len(trades) == 2000
    assert later_levels == levels
    assert later_trades == trades
    assert all(abs(later - time - 12 * 3600 - 1) < 0.001 for time, later in zip(times, later_times, strict=True))


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(play(fresh(int(sys.argv[1])))))
