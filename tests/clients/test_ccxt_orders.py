"""ccxt's unified order calls, sync and async: what it reads back is what was sent, in every state of an order.

Where ccxt makes something odd of a right answer, that is asserted too, and a comment beginning with "ccxt:" says so.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import ccxt
import ccxt.async_support
import pytest

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle

BTC = "BTC/USD"
START = "2026-01-15T12:00:00.000Z"  # of the fixture market


def options(kraken: MockKraken) -> dict[str, Any]:
    return {
        "apiKey": kraken.api_key,
        "secret": kraken.api_secret,
        "rateLimit": 1,
        "urls": {"api": {"public": kraken.url, "private": kraken.url}},
    }


@pytest.fixture(scope="module")
def client(server: MockKraken) -> ccxt.kraken:
    """It loads its 1400 markets once."""
    exchange = ccxt.kraken(options(server))
    exchange.load_markets()
    return exchange


@pytest.fixture
def exchange(client: ccxt.kraken, market: PairHandle) -> ccxt.kraken:
    return client


def check(row: dict[str, Any], /, **expected: Any) -> None:
    """Compare those fields of the row that are expected, all at once."""
    assert {name: row[name] for name in expected} == expected


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["id"] for row in rows}


# Entry


class Entry(NamedTuple):
    """A call of create_order, the sentence that Kraken answers with, and what ccxt makes of the order when it waits."""

    sent: tuple[Any, ...]
    sentence: str
    shown: dict[str, Any]
    raw: Mapping[str, Any] = MappingProxyType({})


def stop(trigger: float, price: float | None = None) -> dict[str, Any]:
    name = "market" if price is None else "limit"
    return {"type": name, "price": price, "triggerPrice": trigger, "stopPrice": trigger, "stopLossPrice": trigger}


def profit(trigger: float, price: float | None = None) -> dict[str, Any]:
    shown = stop(trigger, price)
    return shown | {"takeProfitPrice": shown.pop("stopLossPrice")}


LIMIT = {"type": "limit", "price": 48_000}
BUY = "buy 0.50000000 XBTUSD @ limit 48000.0"
GIVEN = ("limit", "buy", 0.5, 48_000)

ENTRIES = {
    "limit": Entry(GIVEN, BUY, LIMIT, {"time_in_force": "gtc", "oflags": "fciq", "expiretm": 0}),
    "client id": Entry((*GIVEN, {"clientOrderId": "mine-1"}), BUY, LIMIT | {"clientOrderId": "mine-1"}),
    "userref": Entry((*GIVEN, {"userref": 77}), BUY, LIMIT | {"clientOrderId": "77"}),
    "fee in base": Entry((*GIVEN, {"oflags": "fcib"}), BUY, LIMIT, {"oflags": "fcib"}),
    "post-only": Entry(
        (*GIVEN, {"postOnly": True}), BUY, LIMIT | {"postOnly": True, "timeInForce": "PO"}, {"oflags": "post,fciq"}
    ),
    "good till canceled": Entry((*GIVEN, {"timeInForce": "GTC"}), BUY, LIMIT, {"time_in_force": "gtc"}),
    # ccxt: a time in force is never read back.
    "good till date": Entry(
        (*GIVEN, {"timeInForce": "GTD", "expiretm": "+60"}),
        BUY,
        LIMIT,
        {"time_in_force": "gtd", "expiretm": 1768478460},
    ),
    # ccxt: what waits for its time is open.
    "scheduled": Entry((*GIVEN, {"starttm": "+60"}), BUY, LIMIT, {"status": "pending", "starttm": 1768478460}),
    "margin": Entry((*GIVEN, {"leverage": 3}), f"{BUY} with 3:1 leverage", LIMIT, {"margin": True}),
    "conditional close": Entry((*GIVEN, {"close": {"ordertype": "limit", "price": 60_000}}), BUY, LIMIT),
    "iceberg": Entry(
        ("iceberg", "buy", 0.5, None, {"price": "48000", "displayvol": "0.1"}),
        BUY,
        LIMIT | {"type": "iceberg"},
        {"display_volume": "0.10000000"},
    ),
    "stop-loss": Entry(
        ("market", "sell", 0.5, None, {"stopLossPrice": 45_000}),
        "sell 0.50000000 XBTUSD @ stop loss 45000.0",
        stop(45_000),
    ),
    "stop-loss-limit": Entry(
        ("limit", "buy", 0.5, 55_100, {"stopLossPrice": 55_000}),
        "buy 0.50000000 XBTUSD @ stop loss 55000.0 -> limit 55100.0",
        stop(55_000, 55_100),
    ),
    "stop-loss-limit in Kraken's words": Entry(
        ("stop-loss-limit", "sell", 0.5, 45_000, {"price2": "44900"}),
        "sell 0.50000000 XBTUSD @ stop loss 45000.0 -> limit 44900.0",
        stop(45_000, 44_900),
    ),
    "stop-loss-limit on margin, reduce-only": Entry(
        ("limit", "sell", 0.5, 44_900, {"stopLossPrice": 45_000, "leverage": 5, "reduceOnly": True}),
        "sell 0.50000000 XBTUSD @ stop loss 45000.0 -> limit 44900.0 with 5:1 leverage",
        stop(45_000, 44_900) | {"reduceOnly": True},
    ),
    "take-profit": Entry(
        ("market", "buy", 0.5, None, {"takeProfitPrice": 45_000}),
        "buy 0.50000000 XBTUSD @ take profit 45000.0",
        profit(45_000),
    ),
    "take-profit-limit": Entry(
        ("limit", "sell", 0.5, 59_900, {"takeProfitPrice": 60_000}),
        "sell 0.50000000 XBTUSD @ take profit 60000.0 -> limit 59900.0",
        profit(60_000, 59_900),
    ),
    # ccxt: the price of a trailing order is its distance, or if that is a percentage, its extreme so far.
    "trailing amount": Entry(
        ("market", "sell", 0.5, None, {"trailingAmount": "1000"}),
        "sell 0.50000000 XBTUSD @ trailing stop +1000.0",
        {"type": "trailing-stop", "price": 1_000},
        {"stopprice": "49100.00000", "limitprice": "50100.00000"},
    ),
    "trailing percent": Entry(
        ("market", "buy", 0.5, None, {"trailingPercent": "2.5"}),
        "buy 0.50000000 XBTUSD @ trailing stop +2.5000%",
        {"type": "trailing-stop", "price": 50_100},
        {"stopprice": "51352.50000", "limitprice": "50100.00000"},
    ),
    "trailing by index": Entry(
        ("market", "sell", 0.5, None, {"trailingPercent": "5%", "trigger": "index"}),
        "sell 0.50000000 XBTUSD @ trailing stop +5.0000%",
        {"type": "trailing-stop", "price": 50_100},
        {"trigger": "index"},
    ),
    "trailing limit amount": Entry(
        ("limit", "sell", 0.5, None, {"trailingAmount": "1000", "trailingLimitAmount": "50"}),
        "sell 0.50000000 XBTUSD @ trailing stop +1000.0 -> limit -50.0",
        {"type": "limit", "price": 1_000},
        {"stopprice": "49100.00000"},
    ),
    "trailing limit percent": Entry(
        ("limit", "buy", 0.5, None, {"trailingPercent": "5", "trailingLimitPercent": "1", "offset": "+"}),
        "buy 0.50000000 XBTUSD @ trailing stop +5.0000% -> limit +1.0000%",
        {"type": "limit", "price": 50_100},
        {"stopprice": "52605.00000"},
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_order_is_read_back_as_it_was_sent(exchange: ccxt.kraken, name: str) -> None:
    sent, sentence, shown, raw = ENTRIES[name]
    side, amount = sent[1], sent[2]

    created = exchange.create_order(BTC, *sent)
    assert created["info"]["descr"]["order"] == sentence
    check(created, symbol=BTC, side=side, amount=amount)
    if "trailing" in name:  # ccxt: it reads no more of that sentence than the type, and with a blank
        check(created, type="trailing stop", price=None, triggerPrice=None)
    else:
        kind = "limit" if name == "iceberg" else shown["type"]
        check(created, **{n: v for n, v in shown.items() if n.endswith(("rice", "Price"))}, type=kind)

    waiting = {
        "id": created["id"],
        "clientOrderId": "0",  # ccxt: a userref stands in for it, and Kraken shows 0 where none was given
        "symbol": BTC,
        "side": side,
        "price": None,
        "triggerPrice": None,
        "stopPrice": None,
        "stopLossPrice": None,
        "takeProfitPrice": None,
        "amount": amount,
        "filled": 0,
        "remaining": amount,
        "average": None,
        "fee": {"cost": "0.00000", "rate": None, "currency": "BTC" if name == "fee in base" else "USD"},
        "status": "open",
        "timeInForce": None,
        "postOnly": False,
        "reduceOnly": None,
        "trades": [],
        "timestamp": exchange.parse8601(START),
        "datetime": START,
        "lastUpdateTimestamp": None,
    } | shown
    order = exchange.fetch_order(created["id"])
    check(order, **waiting)
    assert order["info"]["descr"]["order"] == sentence
    check(order["info"], **raw)
    [open_order] = exchange.fetch_open_orders(BTC)
    check(open_order, **waiting)


def test_a_stop_on_margin_is_placed_though_ccxt_may_stumble(exchange: ccxt.kraken) -> None:
    # ccxt: it takes the word "leverage" of `stop loss 45000.0 with 5:1 leverage` for a price, and raises.
    with contextlib.suppress(ValueError):
        exchange.create_order(BTC, "market", "sell", 0.2, None, {"stopLossPrice": 45_000, "leverage": 5})
    [order] = exchange.fetch_open_orders()
    check(order, **stop(45_000), amount=0.2)
    assert order["info"]["descr"]["leverage"] == "5:1"


def test_the_calls_with_a_name(exchange: ccxt.kraken) -> None:
    created = [
        exchange.create_limit_buy_order(BTC, 0.5, 48_000),
        exchange.create_trailing_amount_order(BTC, "market", "sell", 0.5, None, 1_000),
        exchange.create_trailing_percent_order(BTC, "market", "buy", 0.5, None, 5),
        exchange.create_market_sell_order(BTC, 0.5),
    ]
    assert [row["info"]["descr"]["order"] for row in created] == [
        BUY,
        "sell 0.50000000 XBTUSD @ trailing stop +1000.0",
        "buy 0.50000000 XBTUSD @ trailing stop +5.0000%",
        "sell 0.50000000 XBTUSD @ market",
    ]
    # ccxt: a triggerPrice means nothing to its Kraken; it is sent along, Kraken passes over it, and the order trades.
    at_once = exchange.create_stop_market_order(BTC, "sell", 0.1, 45_000)
    check(exchange.fetch_order(at_once["id"]), type="market", status="closed", average=50_000, triggerPrice=None)


@pytest.mark.parametrize(
    ("params", "cause", "text"),
    [
        ({"postOnly": True}, ccxt.ExchangeError, "EOrder:Post only order"),
        # ccxt: it sends the unified PO along as Kraken's time in force.
        ({"timeInForce": "PO"}, ccxt.ExchangeError, "EGeneral:Invalid arguments:timeinforce"),
        ({"reduceOnly": True}, ccxt.ExchangeError, "EOrder:Reduce only:Non-PC"),
        ({"reduceOnly": True, "leverage": 2}, ccxt.ExchangeError, "EOrder:Reduce only:No position exists"),
        ({"leverage": 99}, ccxt.ExchangeError, "EGeneral:Invalid arguments:leverage"),
        ({"close": {"ordertype": "market"}}, ccxt.ExchangeError, "EGeneral:Invalid arguments:close"),
        ({"clientOrderId": "much too long for one"}, ccxt.ExchangeError, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"clientOrderId": "mine", "userref": 1}, ccxt.BadRequest, "EGeneral:Invalid arguments"),
        ({"oflags": "viqc"}, ccxt.InvalidOrder, "EGeneral:Invalid arguments:viqc"),
    ],
)
def test_what_is_refused_leaves_nothing(
    exchange: ccxt.kraken, params: dict[str, Any], cause: type[Exception], text: str
) -> None:
    with pytest.raises(cause) as refused:
        exchange.create_order(BTC, "limit", "buy", 0.5, 60_000, params)
    assert type(refused.value) is cause
    assert f'["{text}"]' in str(refused.value)
    assert exchange.fetch_open_orders() == exchange.fetch_closed_orders() == []


# What executes at once


def test_a_market_order_and_its_trades(exchange: ccxt.kraken) -> None:
    created = exchange.create_order(BTC, "market", "buy", 2)
    check(created, type="market", price=None, amount=2, status=None, filled=None, timeInForce="IOC")
    order = exchange.fetch_order(created["id"])
    done = {
        "status": "closed",
        "price": 50_150,
        "average": 50_150,
        "amount": 2,
        "filled": 2,
        "remaining": 0,
        "cost": 100_300,
        "fee": {"cost": "401.20000", "rate": None, "currency": "USD"},
        "lastUpdateTimestamp": exchange.parse8601(START),
    }
    check(order, **done)
    check(exchange.fetch_closed_orders(BTC)[0], **done)
    check(exchange.fetch_orders_by_ids([created["id"]])[0], **done)
    [trade] = order["trades"]  # ccxt: its id is all that is filled in
    check(trade, order=created["id"], symbol=BTC, amount=None)
    [full] = exchange.fetch_order_trades(created["id"], BTC, params={"trades": order["trades"]})
    [mine] = exchange.fetch_my_trades(BTC)
    for row in (full, mine):
        check(row, id=trade["id"], order=created["id"], symbol=BTC, side="buy", type="market", takerOrMaker="taker")
        check(row, price=50_150, amount=2, cost=100_300, fee={"cost": 401.2, "currency": "USD"}, datetime=START)
    rows = [row for row in exchange.fetch_ledger() if row["type"] == "trade"]
    assert {row["referenceId"] for row in rows} == {trade["id"]}
    booked = sorted((row["currency"], row["direction"], row["amount"], row["fee"]["cost"]) for row in rows)
    assert booked == [("BTC", "in", 1, 0)] * 2 + [("USD", "out", 50_100, 200.4), ("USD", "out", 50_200, 200.8)]


def test_a_market_order_by_cost(exchange: ccxt.kraken) -> None:
    created = exchange.create_market_buy_order_with_cost(BTC, 501)
    check(created, cost=501, amount=None, type="market", side="buy")
    order = exchange.fetch_order(created["id"])
    # ccxt: amounts in quote are not told from those in base, so `cost` is their product with the price.
    check(order, status="closed", amount=501, filled=501, remaining=0, average=50_100, cost=501 * 50_100)
    assert (order["info"]["oflags"], order["info"]["cost"]) == ("viqc,fciq", "501.00000")
    assert exchange.fetch_my_trades()[0]["amount"] == 0.01
    with pytest.raises(ccxt.InvalidOrder, match="Invalid arguments:viqc"):
        exchange.create_market_order_with_cost(BTC, "sell", 501)


@pytest.mark.parametrize(
    ("in_force", "amount", "filled", "status"),
    [("IOC", 0.6, 0.6, "closed"), ("IOC", 3, 1, "canceled"), ("FOK", 0.6, 0.6, "closed"), ("FOK", 3, 0, "canceled")],
)
def test_an_order_that_does_not_rest(
    exchange: ccxt.kraken, in_force: str, amount: float, filled: float, status: str
) -> None:
    created = exchange.create_order(BTC, "limit", "buy", amount, 50_150, {"timeInForce": in_force})
    order = exchange.fetch_order(created["id"])
    check(order, status=status, price=50_150, amount=amount, filled=filled, remaining=pytest.approx(amount - filled))
    check(order, average=50_100 if filled else None, cost=50_100 * filled, timeInForce=None)
    assert order["info"]["time_in_force"] == in_force.lower()
    assert len(order["trades"]) == (1 if filled else 0)
    assert exchange.fetch_open_orders() == []


# From state to state


def test_a_limit_order_through_its_states(exchange: ccxt.kraken, server: MockKraken) -> None:
    txid = exchange.create_order(BTC, "limit", "sell", 1, 51_000)["id"]
    server.orders[txid].fill("0.25")
    partly = {"amount": 1, "filled": 0.25, "remaining": 0.75, "average": 51_000, "cost": 12_750, "price": 51_000}
    check(exchange.fetch_order(txid), status="open", **partly)
    server.clock.advance("1s")
    exchange.cancel_order(txid)
    gone = exchange.fetch_order(txid)
    check(gone, status="canceled", lastUpdateTimestamp=exchange.parse8601(START) + 1000, **partly)
    check(gone, fee={"cost": "31.87500", "rate": None, "currency": "USD"})  # the maker's 0.25 %
    assert (gone["info"]["misc"], gone["info"]["reason"]) == ("partial", "User requested")
    assert exchange.fetch_my_trades()[0]["takerOrMaker"] == "maker"
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(txid)


def test_a_stop_through_its_states(exchange: ccxt.kraken, market: PairHandle) -> None:
    txid = exchange.create_order(BTC, "market", "sell", 0.8, None, {"stopLossPrice": 50_000})["id"]
    held = exchange.fetch_balance()["BTC"]["used"]
    market.trade("sell", "0.5")  # at 50000, which fires it into the rest of that level and the next
    order = exchange.fetch_order(txid)
    check(order, **stop(50_000) | {"price": 49_962.5}, status="closed", filled=0.8, average=49_962.5, cost=39_970)
    assert (held, order["info"]["misc"], order["info"]["stopprice"]) == (0, "stopped", "50000.00000")
    assert exchange.fetch_my_trades()[0]["type"] == "stop-loss"


def test_a_take_profit_rests_at_its_limit_once_it_was_touched(exchange: ccxt.kraken, market: PairHandle) -> None:
    txid = exchange.create_order(BTC, "limit", "buy", 0.8, 48_000, {"takeProfitPrice": 50_000})["id"]
    market.trade("sell", "0.5")
    order = exchange.fetch_order(txid)
    check(order, **profit(50_000, 48_000), status="open", filled=0)
    assert (order["info"]["misc"], order["info"]["limitprice"]) == ("touched", "48000.00000")
    assert exchange.fetch_balance()["USD"]["used"] == pytest.approx(0.8 * 48_000 * 1.004)


def test_a_trailing_stop_follows_and_fires(exchange: ccxt.kraken, market: PairHandle) -> None:
    txid = exchange.create_order(BTC, "market", "sell", 0.5, None, {"trailingAmount": "200"})["id"]
    market.set_book([("50150", "2")], [("50300", "2")])
    market.trade("buy", "1")
    assert exchange.fetch_order(txid)["info"]["stopprice"] == "50100.00000"
    market.set_book([("50100", "2")], [("50300", "2")])
    market.trade("sell", "1")
    check(exchange.fetch_order(txid), type="trailing-stop", status="closed", filled=0.5, average=50_100)


def test_orders_with_a_time(exchange: ccxt.kraken, server: MockKraken) -> None:
    until = exchange.create_order(*(BTC, *GIVEN), {"timeInForce": "GTD", "expiretm": "+60"})["id"]
    later = exchange.create_order(*(BTC, *GIVEN), {"starttm": "+60"})["id"]
    assert ids(exchange.fetch_open_orders()) == {until, later}
    server.clock.advance("60s")
    check(exchange.fetch_order(until), status="expired", filled=0, remaining=0.5)
    after = exchange.fetch_order(later)
    assert (after["status"], after["info"]["status"]) == ("open", "open")
    assert exchange.fetch_closed_orders()[0]["lastUpdateTimestamp"] == exchange.parse8601(START) + 60_000


def test_a_conditional_close_becomes_an_order(exchange: ccxt.kraken) -> None:
    close = {"ordertype": "stop-loss-limit", "price": 45_000, "price2": 44_900}
    created = exchange.create_order(BTC, "market", "buy", 0.5, None, {"close": close})
    assert created["info"]["descr"]["close"] == "close position @ stop loss 45000.0 -> limit 44900.0"
    [order] = exchange.fetch_open_orders()
    check(order, **stop(45_000, 44_900), side="sell", amount=0.5)
    assert order["info"]["refid"] == created["id"]


# Changes


def test_edit_order_keeps_the_order(exchange: ccxt.kraken) -> None:
    txid = exchange.create_order(BTC, "limit", "buy", 0.5, 48_000, {"clientOrderId": "mine"})["id"]
    answer = exchange.edit_order(txid, BTC, "limit", "buy", 0.4, 48_500)
    # ccxt: the id that edit_order gives is the amend's.
    check(answer, id=answer["info"]["amend_id"], status=None, price=None)
    assert answer["id"].startswith("T")
    order = exchange.fetch_order(txid)
    check(order, id=txid, clientOrderId="mine", price=48_500, amount=0.4, remaining=0.4, status="open", datetime=START)
    assert order["info"]["misc"] == "amended"

    exchange.edit_order("", BTC, "limit", "buy", 0.3, None, {"clientOrderId": "mine"})
    exchange.edit_limit_order(txid, BTC, "buy", None, 48_600, {"postOnly": True})
    [order] = exchange.fetch_open_orders(params={"clientOrderId": "mine"})
    check(order, id=txid, price=48_600, amount=0.3)

    for change, text in [
        ((0.3, 48_600), "EOrder:No amendable parameters specified"),
        ((None, 50_100, {"postOnly": True}), "EOrder:Post only order"),
        ((None, None, {"stopLossPrice": 45_000}), "EOrder:Invalid trigger price"),
        ((100, 48_600), "EOrder:Insufficient funds"),
    ]:
        with pytest.raises(ccxt.ExchangeError, match=text):
            exchange.edit_order(txid, BTC, "limit", "buy", *change)
    check(exchange.fetch_order(txid), price=48_600, amount=0.3, status="open")

    exchange.edit_order(txid, BTC, "limit", "buy", None, 50_100)
    check(exchange.fetch_order(txid), id=txid, status="closed", price=50_100, average=50_100, filled=0.3)
    with pytest.raises(ccxt.InvalidOrder, match="EOrder:Unknown order"):
        exchange.edit_order(txid, BTC, "limit", "buy", None, 50_000)


def test_edit_order_of_triggers(exchange: ccxt.kraken) -> None:
    stopped = exchange.create_order(BTC, "limit", "sell", 0.5, 44_900, {"stopLossPrice": 45_000})["id"]
    exchange.edit_order(stopped, BTC, "limit", "sell", None, 43_900, {"stopLossPrice": 44_000})
    check(exchange.fetch_order(stopped), **stop(44_000, 43_900))
    trailing = exchange.create_order(BTC, "market", "sell", 0.5, None, {"trailingPercent": "5"})["id"]
    exchange.edit_order(trailing, BTC, "market", "sell", None, None, {"trailingPercent": "4%", "offset": "+"})
    info = exchange.fetch_order(trailing)["info"]
    assert (info["descr"]["price"], info["stopprice"]) == ("+4.0000%", "48096.00000")


# Many


def test_create_orders(exchange: ccxt.kraken) -> None:
    batch = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": 45_000, "params": {"postOnly": True}},
        {"symbol": BTC, "type": "market", "side": "sell", "amount": 0.2, "params": {"trailingPercent": "5"}},
        {
            "symbol": BTC,
            "type": "limit",
            "side": "buy",
            "amount": 0.3,
            "price": 46_000,
            # ccxt: of a batch it passes on what it has a name for; a leverage, a userref, an expiretm would be lost.
            "params": {"reduceOnly": False, "close": {"ordertype": "take-profit", "price": 60_000}},
        },
        {"symbol": BTC, "type": "market", "side": "buy", "amount": 0.4, "params": {"clientOrderId": "last"}},
    ]
    created = exchange.create_orders(batch)
    assert [(row["side"], row["amount"], row["symbol"]) for row in created] == [
        (row["side"], row["amount"], BTC) for row in batch
    ]
    assert created[2]["info"]["descr"]["close"] == "close position @ take profit 60000.0"
    orders = [exchange.fetch_order(row["id"]) for row in created]
    assert [row["status"] for row in orders] == ["open", "open", "open", "closed"]
    assert [row["postOnly"] for row in orders] == [True, False, False, False]
    assert [row["clientOrderId"] for row in orders] == ["0", "0", "0", "last"]
    assert ids(exchange.fetch_orders_by_ids([row["id"] for row in created])) == ids(created)
    assert ids(exchange.fetch_closed_orders(params={"clientOrderId": "last"})) == {created[3]["id"]}


@pytest.mark.parametrize(
    ("bad", "cause", "text", "placed"),
    [
        ({"amount": 200}, ccxt.InsufficientFunds, "EOrder:Insufficient funds", 1),
        ({"amount": 0.00001}, ccxt.InvalidOrder, "EOrder:Order minimum not met", 0),
        ({"price": 40_000, "params": {"postOnly": True}}, ccxt.ExchangeError, "EOrder:Post only order", 1),
        ({"params": {"timeInForce": "never"}}, ccxt.ExchangeError, "EGeneral:Invalid arguments:timeinforce", 0),
    ],
)
def test_create_orders_with_one_at_fault(
    exchange: ccxt.kraken, bad: dict[str, Any], cause: type[Exception], text: str, placed: int
) -> None:
    good = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": 45_000}
    batch = [good, {"symbol": BTC, "type": "limit", "side": "sell", "amount": 0.1, "price": 70_000} | bad]
    with pytest.raises(cause, match=text):  # ccxt: one row with an error, and the ids of the others are lost
        exchange.create_orders(batch)
    assert [row["price"] for row in exchange.fetch_open_orders()] == [45_000] * placed


def test_every_way_to_cancel(exchange: ccxt.kraken, server: MockKraken) -> None:
    def place(**params: Any) -> str:
        txid: str = exchange.create_order(BTC, "limit", "buy", 0.1, 45_000, params)["id"]
        return txid

    by_ref = [place(userref=5), place(userref=5)]
    named, listed, listed_too, left = place(clientOrderId="mine"), place(), place(userref=6), place()
    answer = exchange.cancel_order("", params={"userref": 5})
    assert answer["info"] == {"error": [], "result": {"count": 2}}
    check(answer, id=None, status=None)  # ccxt: Kraken's answer says no more than how many
    exchange.cancel_order("", params={"clientOrderId": "mine"})
    assert exchange.cancel_orders([listed, "6", "OAAAAA-BBBBB-CCCCCC"])[0]["info"]["result"] == {"count": 2}
    assert ids(exchange.fetch_closed_orders()) == {*by_ref, named, listed, listed_too}
    assert ids(exchange.fetch_open_orders()) == {left}

    answer = exchange.cancel_all_orders_after(60_000)
    assert answer["result"] == {"currentTime": "2026-01-15T12:00:00Z", "triggerTime": "2026-01-15T12:01:00Z"}
    assert exchange.cancel_all_orders_after(0)["result"]["triggerTime"] == "0"
    server.clock.advance("60s")
    assert ids(exchange.fetch_open_orders()) == {left}
    exchange.cancel_all_orders_after(60_000)
    server.clock.advance("60s")
    assert exchange.fetch_order(left)["status"] == "canceled"

    place(), exchange.create_order(BTC, "market", "sell", 1, None, {"stopLossPrice": 40_000}), place(starttm="+60")
    assert exchange.cancel_all_orders()[0]["info"]["result"] == {"count": 3}
    assert exchange.fetch_open_orders() == []


# Margin


def test_a_position_is_opened_shown_and_closed(exchange: ccxt.kraken, market: PairHandle) -> None:
    before = exchange.fetch_balance()
    exchange.create_order(BTC, "market", "sell", 0.5, None, {"leverage": 5})
    market.set_book([("49000", "5")], [("49100", "5")])
    market.trade("buy", "0.1")
    [position] = exchange.fetch_positions([BTC])
    check(position, symbol=BTC, side="short", contracts=0.5, leverage=5, initialMargin=5_000, unrealizedPnl=450)
    assert exchange.fetch_positions(["ETH/USD"]) == []
    assert exchange.fetch_balance()["BTC"] == before["BTC"]

    closing = exchange.create_order(BTC, "limit", "buy", 2, 49_100, {"leverage": 5, "reduceOnly": True})["id"]
    order = exchange.fetch_order(closing)
    check(order, status="canceled", filled=0.5, reduceOnly=True)
    assert order["info"]["reason"] == "Reduce only:Position is closed"
    assert exchange.fetch_positions() == []
    profits = [row["amount"] for row in exchange.fetch_ledger() if row["type"] == "margin"]
    assert sorted(profits) == [0, 450]
    fees = 25_000 * 0.004 + 24_550 * 0.0035 + 25_000 * 0.0002  # the second in the tier that the first has reached
    assert exchange.fetch_balance()["USD"]["total"] == before["USD"]["total"] + 450 - fees


# Async


def test_the_async_client(server: MockKraken, market: PairHandle) -> None:
    async def day() -> None:
        exchange = ccxt.async_support.kraken(options(server))
        try:
            created = await exchange.create_order(BTC, "limit", "sell", 0.5, 44_900, {"stopLossPrice": 45_000})
            check(created, **stop(45_000, 44_900), side="sell", amount=0.5)
            await exchange.edit_order(created["id"], BTC, "limit", "sell", 0.4, 45_900, {"stopLossPrice": 46_000})
            order = await exchange.fetch_order(created["id"])
            check(order, **stop(46_000, 45_900), amount=0.4, status="open", datetime=START)
            batch = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.1, "price": price} for price in (100, 200)
            ]
            placed = await exchange.create_orders(batch)
            assert ids(await exchange.fetch_open_orders()) == ids(placed) | {order["id"]}
            await exchange.cancel_orders([placed[0]["id"], order["id"]])
            assert ids(await exchange.fetch_open_orders()) == {placed[1]["id"]}
            assert (await exchange.fetch_order(order["id"]))["status"] == "canceled"
        finally:
            await exchange.close()

    asyncio.run(day())
