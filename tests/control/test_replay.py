"""Playing a tape on a market: what clients see of it, and what is no tape."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import pytest

from mockkraken import MockKraken
from mockkraken.catalog import fixtures
from mockkraken.control.errors import ControlError

PAIR = "/market/XBTUSD"
SAMPLE = "sample_tape.csv"
ROWS = list(csv.DictReader(fixtures.read(SAMPLE).decode().splitlines()))
SIDES = {"bid": "bids", "ask": "asks"}


@pytest.fixture
def trader(kraken: MockKraken, browser):
    """Signed calls of the default key; answers are the result."""
    nonces = itertools.count(1)

    def call(name: str, **fields: str):
        answer = browser.private(name, (kraken.api_key, kraken.api_secret), next(nonces), **fields)
        assert answer["error"] == []
        return answer["result"]

    return call


def play(browser, file: str = SAMPLE, **more: Any) -> Any:
    return browser.ok("POST", PAIR, {"model": "replay", "file": file, **more})


def depth(browser) -> dict[str, list[tuple[float, float]]]:
    book = browser.request("GET", "/0/public/Depth?pair=XBTUSD&count=500").json["result"]["XXBTZUSD"]
    return {side: [(float(price), float(volume)) for price, volume, _ in levels] for side, levels in book.items()}


def trades(browser) -> list[tuple[str, float, float]]:
    """Side, price and volume of the public trades since the sandbox's start."""
    rows = browser.request("GET", "/0/public/Trades?pair=XBTUSD&since=1767225600&count=1000").json["result"]["XXBTZUSD"]
    return [({"b": "buy", "s": "sell"}[row[3]], float(row[0]), float(row[1])) for row in rows]


def recorded(until: float = 1e9) -> tuple[list[tuple[str, float, float]], dict[str, list[tuple[float, float]]]]:
    """The trades and the book of the shipped tape: each of its trades has book rows for what it left."""
    traded, book = [], {"bid": {}, "ask": {}}
    for row in ROWS:
        if float(row["time"]) <= until:
            if row["kind"] == "trade":
                traded.append((row["side"], float(row["price"]), float(row["volume"])))
            else:
                book[row["side"]][float(row["price"])] = round(float(row["volume"]), 3)
    levels = {
        SIDES[side]: sorted(((price, left) for price, left in at.items() if left), reverse=side == "bid")
        for side, at in book.items()
    }
    return traded, levels


def rounded(book: dict[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """Depth cuts volumes to three decimals; how it rounds is not what is tested here."""
    return {side: [(price, pytest.approx(left, abs=0.0011)) for price, left in levels] for side, levels in book.items()}


@pytest.mark.parametrize("file", ["sample_tape.csv", "sample_tape.jsonl"])
def test_the_tape_becomes_the_market(browser, kraken: MockKraken, file: str):
    shown = play(browser, file)
    assert (shown["model"], shown["paused"]) == ("replay", False)
    assert shown["replay"] == {"file": file, "rows": len(ROWS), "played": 20}
    assert (shown["bid"], shown["ask"]) == ("68342.30000", "68342.40000")
    assert trades(browser) == []
    for seconds in (0, 20, 150):
        kraken.clock.advance(seconds)
        traded, book = recorded({0: 0, 20: 20, 150: 170}[seconds])
        assert (trades(browser), depth(browser)) == (traded, rounded(book))
    kraken.clock.advance("1h")
    traded, book = recorded()
    assert (trades(browser), depth(browser)) == (traded, rounded(book))
    assert len(traded) == 60
    shown = browser.ok("GET", PAIR)
    assert shown["model"] == "replay"
    assert shown["replay"] == {"file": file, "rows": len(ROWS), "played": len(ROWS)}
    assert float(shown["last"]) == traded[-1][1]


def test_trades_bear_the_times_of_the_tape(browser, kraken: MockKraken):
    play(browser)
    kraken.clock.advance("10m")
    rows = browser.request("GET", "/0/public/Trades?pair=XBTUSD&since=1767225600&count=1000").json["result"]["XXBTZUSD"]
    times = [float(row["time"]) for row in ROWS if row["kind"] == "trade"]
    assert [row[2] - 1767225600 for row in rows] == [pytest.approx(time, abs=1e-5) for time in times]


def test_an_order_in_the_way_is_filled(browser, kraken: MockKraken, trader):
    play(browser)
    (mine,) = trader("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="68342.3", volume="0.1")["txid"]
    (far,) = trader("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="60000", volume="0.1")["txid"]
    (best,) = trader("AddOrder", pair="XBTUSD", type="sell", ordertype="limit", price="68342.4", volume="0.1")["txid"]
    kraken.clock.advance("5m")
    orders = trader("QueryOrders", txid=f"{mine},{far},{best}")
    assert [orders[txid]["status"] for txid in (mine, far, best)] == ["closed", "open", "closed"]
    assert orders[mine]["price"] == "68342.3"
    assert all(trade["maker"] for trade in trader("TradesHistory")["trades"].values())


def test_a_market_order_takes_what_the_tape_shows(browser, kraken: MockKraken, trader):
    play(browser)
    asks = depth(browser)["asks"]
    (mine,) = trader("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1")["txid"]
    assert trader("QueryOrders", txid=mine)[mine]["vol_exec"] == "1.00000000"
    left = depth(browser)["asks"]
    assert (left[0][0], len(left)) == (asks[1][0], 9)


def test_pausing_and_going_on(browser, kraken: MockKraken):
    play(browser)
    kraken.clock.advance(20)
    paused = browser.ok("POST", PAIR, {"pause": True})
    assert paused["paused"] is True
    kraken.clock.advance("1d")
    assert browser.ok("GET", PAIR) == paused
    assert trades(browser) == recorded(20)[0]
    assert browser.ok("POST", PAIR, {"pause": False}) == paused | {"paused": False}
    kraken.clock.advance(150)
    assert (trades(browser), depth(browser)) == (recorded(170)[0], rounded(recorded(170)[1]))


def test_it_may_begin_paused(browser, kraken: MockKraken):
    shown = play(browser, pause=True)
    assert (shown["paused"], shown["replay"]["played"]) == (True, 20)
    kraken.clock.advance("1h")
    assert browser.ok("GET", PAIR) == shown
    kraken.pairs["XBTUSD"].resume()
    kraken.clock.advance("1h")
    assert trades(browser) == recorded()[0]


def test_a_leap_and_small_steps_give_the_same_bytes(browser, kraken: MockKraken):
    paths = ("Trades?pair=XBTUSD&count=1000", "Depth?pair=XBTUSD&count=500", "Spread?pair=XBTUSD", "OHLC?pair=XBTUSD")

    def seen(*steps: float) -> list[Any]:
        kraken.reset()
        play(browser)
        for step in steps:
            kraken.clock.advance(step)
        return [browser.request("GET", f"/0/public/{path}").json for path in paths]

    assert seen(310) == seen(*[5] * 62) == seen(309.5, 0.25, 0.25)


def test_another_model_ends_it_and_so_does_a_reset(browser, kraken: MockKraken):
    before = browser.ok("GET", PAIR)
    play(browser)
    kraken.clock.advance(20)
    shown = browser.ok("POST", PAIR, {"model": "calm"})
    assert "replay" not in shown
    assert len(depth(browser)["asks"]) == len(depth(browser)["bids"]) == 100
    assert float(shown["bid"]) == recorded(20)[1]["bids"][0][0]
    play(browser)
    browser.ok("POST", "/reset")
    assert browser.ok("GET", PAIR) == before
    kraken.clock.advance("1h")
    assert browser.ok("GET", PAIR) == before
    assert trades(browser) == []


def test_nobody_moves_it(browser):
    play(browser)
    for move in ({"price": "61000"}, {"gap": "1%"}):
        assert browser.mock("POST", PAIR, move).refusal == (409, "conflict", "model")
    assert browser.ok("POST", PAIR, {"trade": {"side": "buy", "volume": "0.5"}})["traded"] == "0.50000000"


def test_from_python(kraken: MockKraken, browser, tmp_path: Path):
    pair = kraken.pairs["XBTUSD"]
    assert pair.replay(SAMPLE) == pair.state() == browser.ok("GET", PAIR)
    assert pair.model == "replay"
    mine = tmp_path / "mine.csv"
    mine.write_text("time,kind,side,price,volume\n0,trade,buy,50000,1.5\n")
    kraken.clock.advance(1)
    assert pair.replay(mine)["replay"] == {"file": str(mine), "rows": 1, "played": 1}
    assert pair.replay(str(mine))["last"] == "50000.00000"
    assert trades(browser) == [("buy", 50000, 1.5)] * 2
    with pytest.raises(ControlError) as error:
        pair.model = "replay"
    assert error.value.field == "file"


def test_other_pairs_have_tapes_of_their_own(browser, kraken: MockKraken, tmp_path: Path):
    mine = tmp_path / "eth.csv"
    mine.write_text("time,kind,side,price,volume\n0,book,bid,2000.01,1.5\n10,trade,sell,2000.01,1\n")
    play(browser)
    browser.ok("POST", "/market/ETHUSD", {"model": "replay", "file": str(mine)})
    refused = browser.mock("POST", PAIR, {"model": "replay", "file": str(mine)})
    assert 'line 2: price is "2000.01", no multiple of 0.1' in refused.json["error"]["message"]
    kraken.clock.advance("10m")
    assert trades(browser) == recorded()[0]
    assert browser.ok("GET", "/market/ETHUSD")["last"] == "2000.01000"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "replay"}, "file"),
        ({"model": "replay", "file": None}, "file"),
        ({"model": "replay", "file": 7}, "file"),
        ({"model": "calm", "file": SAMPLE}, "file"),
        ({"file": SAMPLE}, "file"),
        ({"pause": True, "file": SAMPLE}, "file"),
        ({"model": "replay", "file": SAMPLE, "price": "61000"}, "model"),
        ({"model": "replay", "file": SAMPLE, "gap": "1%"}, "model"),
        ({"model": "replay", "file": SAMPLE, "book": {"bids": [["1", "1"]]}}, "model"),
        ({"model": "replay", "file": SAMPLE, "trade": {"side": "buy", "volume": "1"}}, "trade"),
        ({"model": "replay", "file": SAMPLE, "pause": 1}, "pause"),
        ({"model": "replay", "file": ""}, "file"),
        ({"model": "replay", "file": "\0"}, "file"),
        ({"model": "replay", "file": "nowhere/tape.csv"}, "file"),
        ({"model": "replay", "file": "world.json"}, "file"),
        ({"model": "replay", "file": "../fixtures/world.json/"}, "file"),
        ({"model": "replay", "file": "/etc"}, "file"),
        ({"model": "replay", "file": "/dev/zero"}, "file"),
        ({"model": "replay", "file": "x" * 100_000}, "file"),
        ({"model": "replay", "file": __file__}, "file"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(browser, body, field):
    play(browser)
    before = browser.ok("GET", PAIR), depth(browser)
    refused = browser.mock("POST", PAIR, body)
    assert refused.refusal == (400, "invalid", field)
    assert len(refused.json["error"]["message"]) < 500
    assert (browser.ok("GET", PAIR), depth(browser)) == before


def test_the_line_that_is_wrong_is_named(browser, tmp_path: Path):
    before = browser.ok("GET", PAIR), depth(browser)
    path = tmp_path / "wrong.csv"
    for line, error in (
        (b"9,trade,buy,61000,x", 'line 3: volume is "x", no amount'),
        (b"9,book,ask,60000,1", "line 3: it leaves the book crossed"),
        (b"9,book,ask,61000.05,1", 'line 3: price is "61000.05", no multiple of 0.1'),
        (b"7,book,ask,61000,1", "line 3: its time lies before that of line 2"),
        (b"\xff\x00\x01", "line 3: no text in UTF-8"),
    ):
        path.write_bytes(b"time,kind,side,price,volume\n8,book,bid,60000,1\n" + line)
        refused = browser.mock("POST", PAIR, {"model": "replay", "file": str(path)})
        assert refused.refusal == (400, "invalid", "file")
        assert refused.json["error"]["message"].startswith(f"{str(path)!r}: {error}")
    assert (browser.ok("GET", PAIR), depth(browser)) == before


def test_what_is_refused_opens_no_market(browser, kraken: MockKraken):
    assert browser.mock("POST", "/market/ETHUSD", {"model": "replay", "file": "nope.csv"}).refusal[0] == 400
    assert kraken._sandbox.exchange.markets == {}
