"""Orders, trades and amends as they are shown, digit for digit (kraken/30 §2.4, §4.2, §7, §9)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken import decimals
from mockkraken.clock import SECOND
from mockkraken.exchange import prices
from mockkraken.exchange.describe import SPOT_POSTXID, close_text, order_text
from mockkraken.exchange.orders import Close, Order
from mockkraken.exchange.triggers import Stop
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from traders import Client

    from mockkraken.catalog import Pair
    from mockkraken.exchange.prices import Written

MIDNIGHT = 1_767_225_600
ASK = LAST = "68342.4"


@pytest.fixture(scope="module")
def floor() -> Sandbox:
    return Sandbox(start=MIDNIGHT * SECOND)


def written(text: str, pair: Pair, automatic: prices.Sign = "") -> Written:
    return prices.read(text, pair, automatic)


def order_of(
    floor: Sandbox, name: str, side: Any, ordertype: Any, volume: str, price: str = "", price2: str = "", **more: Any
) -> Order:
    """An order with these very terms, whatever the exchange would say of them."""
    pair = floor.catalog.trading_pair(name)
    assert pair is not None
    market = floor.exchange.market(pair)
    made = Order(
        account=floor.exchange.accounts["main"],
        market=market,
        side=side,
        ordertype=ordertype,
        vol=decimals.parse(volume, pair.lot_decimals),
        **more,
    )
    if ordertype in ("limit", "iceberg"):
        made.limit = written(price, pair).at(market.reference() or 0, pair)
        made.limit_written = written(price, pair) if price[0] in "+-" else None
    elif price:
        made.stop = Stop(rising=True, price=written(price, pair), limit=written(price2, pair) if price2 else None)
    return made


RECORDED = [
    (("XBTUSD", "buy", "limit", "2.1234", "25000.1"), 2, "buy 2.12340000 XBTUSD @ limit 25000.1 with 2:1 leverage"),
    (
        ("ETHUSDT", "sell", "stop-loss-limit", "0.001", "2677", "2577"),
        5,
        "sell 0.00100000 ETHUSDT @ stop loss 2677.00 -> limit 2577.00 with 5:1 leverage",
    ),
    (
        ("LTCUSDT", "buy", "take-profit-limit", "0.1", "75", "74"),
        0,
        "buy 0.10000000 LTCUSDT @ take profit 75.00000 -> limit 74.00000",
    ),
    (("LTCUSDT", "sell", "take-profit", "0.1", "120"), 0, "sell 0.10000000 LTCUSDT @ take profit 120.00000"),
    (("XRPEUR", "sell", "trailing-stop", "10", "+50%"), 0, "sell 10.00000000 XRPEUR @ trailing stop +50.0000%"),
    (
        ("XBTUSD", "buy", "stop-loss-limit", "0.001", "24000", "+1000"),
        0,
        "buy 0.00100000 XBTUSD @ stop loss 24000.0 -> limit +1000.0",
    ),
    (("SUIUSD", "sell", "trailing-stop", "50", "+1%"), 0, "sell 50.00000 SUIUSD @ trailing stop +1.0000%"),
    (("XBTUSD", "buy", "limit", "0.5", "30000"), 5, "buy 0.50000000 XBTUSD @ limit 30000.0 with 5:1 leverage"),
]
COMPOSED = [
    (("XBTUSD", "sell", "iceberg", "1", "70000"), 0, "sell 1.00000000 XBTUSD @ limit 70000.0"),
    (("XBTUSD", "sell", "stop-loss", "1", "60000"), 0, "sell 1.00000000 XBTUSD @ stop loss 60000.0"),
    (
        ("XBTUSD", "sell", "trailing-stop-limit", "1", "+100", "-0.5%"),
        0,
        "sell 1.00000000 XBTUSD @ trailing stop +100.0 -> limit -0.5000%",
    ),
    (("XBTUSD", "buy", "market", "1"), 3, "buy 1.00000000 XBTUSD @ market with 3:1 leverage"),
    (("XBTUSD", "buy", "settle-position", "1"), 2, "buy 1.00000000 XBTUSD @ settle position with 2:1 leverage"),
    (("XBTUSD", "buy", "limit", "1", "-2.5%"), 0, "buy 1.00000000 XBTUSD @ limit -2.5000%"),
]


@pytest.mark.parametrize(("terms", "leverage", "text"), [*RECORDED, *COMPOSED])
def test_the_sentence_of_an_order(floor: Sandbox, terms: Any, leverage: int, text: str) -> None:
    assert order_text(order_of(floor, *terms, leverage=leverage)) == text


@pytest.mark.parametrize(
    ("ordertype", "price", "price2", "text"),
    [
        ("take-profit-limit", "27000", "#2%", "close position @ take profit 27000.0 -> limit -2.0000%"),  # [obs]
        ("limit", "70000", "", "close position @ limit 70000.0"),
        ("stop-loss", "-5%", "", "close position @ stop loss -5.0000%"),
        ("stop-loss-limit", "58000", "57500", "close position @ stop loss 58000.0 -> limit 57500.0"),
        ("trailing-stop", "+100", "", "close position @ trailing stop +100.0"),
    ],
)
def test_the_sentence_of_a_conditional_close(
    floor: Sandbox, ordertype: Any, price: str, price2: str, text: str
) -> None:
    """`#` is that of a leg that sells."""
    pair = floor.catalog.trading_pair("XBTUSD")
    assert pair is not None
    automatic = prices.automatic_limit_sign("sell")
    close = Close(ordertype, written(price, pair), written(price2, pair, automatic) if price2 else None)
    assert close_text(close, pair) == text


def test_the_words_stand_where_clients_look_for_them(floor: Sandbox) -> None:
    """ccxt takes volume, pair, type, trigger and limit by their places."""
    words = order_text(order_of(floor, *RECORDED[1][0])).split(" ")
    assert (words[1], words[2], words[6], words[9]) == ("0.00100000", "ETHUSDT", "2677.00", "2577.00")


# Rows over REST


def move(kraken: Client, price: str, pair: str = "XBTUSD") -> None:
    """Bring the market to a price."""
    found = kraken.sandbox.catalog.trading_pair(pair)
    assert found is not None
    kraken.sandbox.makers.move(kraken.sandbox.exchange.market(found), decimals.parse(price, found.price_scale))


def add(kraken: Client, **fields: str) -> str:
    order = {"pair": "XBTUSD", "type": "sell", "volume": "0.1"} | fields
    (txid,) = kraken.call("AddOrder", **order)["txid"]
    assert isinstance(txid, str)
    return txid


def some(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


KEYS = re.findall(
    r"\w+",
    """refid userref status opentm starttm expiretm descr vol vol_exec cost fee price stopprice limitprice misc oflags
    time_in_force""",
)


def test_a_trailing_stop_from_its_entry_to_its_end(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.exchange.set_balance(sandbox.exchange.accounts["main"], sandbox.catalog.assets["SUI"], 10**12)
    txid = add(kraken, pair="SUIUSD", ordertype="trailing-stop", volume="50", price="+1%")
    first = kraken.row(txid)
    last = Decimal(kraken.get("Ticker", pair="SUIUSD").result["SUIUSD"]["c"][0])
    assert first["limitprice"] == f"{last:.8f}"[: len(first["limitprice"])]
    move(kraken, "4.0266", "SUIUSD")
    sandbox.clock.advance(SECOND)
    kraken.call("CancelOrder", txid=txid)
    row = kraken.row(txid)
    digits = len(first["stopprice"].partition(".")[2])
    assert list(row) == [*KEYS, "reason", "closetm"]
    assert row["descr"] == {
        "pair": "SUIUSD",
        "aclass": "forex",
        "type": "sell",
        "ordertype": "trailing-stop",
        "price": "+1.0000%",
        "price2": "0",
        "leverage": "none",
        "order": "sell 50.00000 SUIUSD @ trailing stop +1.0000%",
        "close": "",
    }
    # The recorded level: 1 % below 4.0266, rounded towards it.
    assert some(row, "stopprice", "limitprice") == (
        f"{Decimal('3.9864'):.{digits}f}",
        f"{Decimal('4.0266'):.{digits}f}",
    )
    assert some(row, "status", "vol", "vol_exec", "misc", "oflags", "reason") == (
        "canceled",
        "50.00000",
        "0.00000",
        "",
        "fciq",
        "User requested",
    )


def test_a_stop_shows_its_prices_once_it_has_fired(kraken: Client) -> None:
    stops = [add(kraken, ordertype="stop-loss", price="68000"), add(kraken, ordertype="stop-loss", price="-1%")]
    limits = [
        add(kraken, ordertype="stop-loss-limit", price="68000", price2="69000"),
        add(kraken, ordertype="stop-loss-limit", price="68000", price2="+1000"),
        add(kraken, ordertype="trailing-stop-limit", price="+100", price2="+900"),
    ]
    profit = add(kraken, type="buy", ordertype="take-profit-limit", price="68000", price2="60000")
    for txid in (*stops, *limits[:2], profit):
        assert some(kraken.row(txid), "stopprice", "limitprice", "misc") == ("0.00000", "0.00000", "")
    trailing = kraken.row(limits[2])
    assert some(trailing, "stopprice", "limitprice") == (f"{Decimal(LAST) - 100:.5f}", f"{Decimal(LAST):.5f}")
    assert trailing["descr"]["order"] == "sell 0.10000000 XBTUSD @ trailing stop +100.0 -> limit +900.0"
    move(kraken, "67000")
    rows = [kraken.row(txid) for txid in (*stops, *limits, profit)]
    assert [row["misc"] for row in rows] == ["stopped"] * 5 + ["touched"]
    assert [row["status"] for row in rows] == ["closed"] * 2 + ["open"] * 4
    assert some(rows[0], "stopprice", "limitprice") == ("68000.00000", "0.00000")
    assert rows[1]["descr"]["price"] == "-1.0000%"
    assert Decimal(rows[1]["stopprice"]) < Decimal("68000")
    assert some(rows[2], "stopprice", "limitprice") == ("68000.00000", "69000.00000")
    assert some(rows[3], "stopprice", "limitprice") == ("68000.00000", "69000.00000")
    assert rows[3]["descr"]["price2"] == "+1000.0"
    assert some(rows[4], "stopprice", "limitprice") == (
        f"{Decimal(LAST) - 100:.5f}",
        f"{Decimal(LAST) - 100 + 900:.5f}",
    )
    assert some(rows[5], "stopprice", "limitprice") == ("68000.00000", "60000.00000")


def test_what_a_fired_stop_trades(kraken: Client) -> None:
    """`ordertype` is the order's own, `tradeordertype` what was executed."""
    sold = add(kraken, ordertype="stop-loss", price="68000")
    limited = add(kraken, ordertype="stop-loss-limit", price="68000", price2="60000")
    move(kraken, "67000")
    trades = [kraken.row(txid)["trades"][0] for txid in (sold, limited)]
    rows = kraken.call("QueryTrades", txid=",".join(trades))
    assert [some(rows[trade], "ordertype", "tradeordertype", "maker") for trade in trades] == [
        ("stop-loss", "market", False),
        ("stop-loss-limit", "limit", False),
    ]


def test_a_relative_limit_keeps_its_text_and_shows_what_it_came_to(kraken: Client) -> None:
    row = kraken.row(add(kraken, type="buy", ordertype="limit", price="-1000"))
    assert row["descr"]["price"] == "-1000.0"
    assert row["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit -1000.0"
    assert row["limitprice"] == f"{Decimal(LAST) - 1000:.5f}"
    plain = kraken.row(add(kraken, type="buy", ordertype="limit", price="60000"))
    assert some(plain, "limitprice", "stopprice") == ("0.00000", "0.00000")
    automatic = kraken.row(add(kraken, type="sell", ordertype="limit", price="#1%"))
    assert automatic["descr"]["price"] == "+1.0000%"


def test_what_few_orders_have_stands_at_the_end(kraken: Client) -> None:
    more = {"trigger": "index", "leverage": "5", "sender_sub_id": "desk-7", "close[ordertype]": "limit"}
    first = kraken.row(add(kraken, ordertype="stop-loss", price="60000", **more, **{"close[price]": "50000"}))
    assert list(first) == [*KEYS, "trigger", "margin", "sender_sub_id", "reason"]
    assert some(first, "trigger", "margin", "sender_sub_id", "reason") == ("index", True, "desk-7", None)
    assert some(first["descr"], "leverage", "close") == ("5:1", "close position @ limit 50000.0")
    assert first["descr"]["order"].endswith("@ stop loss 60000.0 with 5:1 leverage")
    iceberg = kraken.row(add(kraken, ordertype="iceberg", price="70000", volume="1.5", displayvol="0.1"))
    assert list(iceberg) == [*KEYS, "display_volume", "reason"]
    assert some(iceberg, "display_volume", "vol") == ("0.10000000", "1.50000000")
    assert iceberg["descr"]["order"] == "sell 1.50000000 XBTUSD @ limit 70000.0"
    reducing = kraken.row(add(kraken, ordertype="stop-loss", price="60000", leverage="5", reduce_only="true"))
    assert list(reducing) == [*KEYS, "margin", "reduce_only", "reason"]
    assert reducing["reduce_only"] is True
    listed = kraken.call("OpenOrders")["open"]
    assert {"reason", "closetm"}.isdisjoint(set().union(*listed.values()))


def test_times_are_resolved(kraken: Client) -> None:
    row = kraken.row(add(kraken, ordertype="limit", price="70000", timeinforce="GTD", expiretm="+60"))
    assert some(row, "starttm", "expiretm", "time_in_force") == (0, MIDNIGHT + 60, "gtd")
    waiting = kraken.row(add(kraken, ordertype="limit", price="70000", starttm="+10"))
    assert some(waiting, "status", "starttm", "expiretm", "time_in_force") == ("pending", MIDNIGHT + 10, 0, "gtc")


def test_an_order_in_quote_currency(kraken: Client) -> None:
    """`vol` and `vol_exec` are the money; the price is what it should be all the same."""
    told = kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="100", oflags="viqc")
    assert told["descr"]["order"] == "buy 100.00000000 XBTUSD @ market"
    row = kraken.row(told["txid"][0])
    assert some(row, "status", "vol", "oflags", "price", "misc") == ("closed", "100.00000000", "viqc,fciq", ASK, "")
    assert Decimal(row["vol_exec"]) == Decimal(row["cost"])
    assert Decimal("99.99") < Decimal(row["cost"]) <= 100
    (trade,) = kraken.call("QueryTrades", txid=row["trades"][0]).values()
    assert abs(Decimal(trade["vol"]) * Decimal(ASK) - Decimal(row["cost"])) < Decimal("0.001")


def test_an_order_in_quote_currency_that_found_too_little_is_partial(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.settings.patch({"market_price_protection": "0.0001"})
    row = kraken.row(add(kraken, type="buy", ordertype="market", volume="900000", oflags="viqc"))
    assert some(row, "status", "vol", "misc") == ("canceled", "900000.00000000", "partial")
    assert row["vol_exec"] == f"{Decimal(row['cost']):.8f}"
    assert 0 < Decimal(row["cost"]) < 900_000


def test_an_amended_order(kraken: Client, sandbox: Sandbox) -> None:
    txid = add(kraken, ordertype="stop-loss", price="60000")
    sandbox.clock.advance(SECOND)
    kraken.call("AmendOrder", txid=txid, trigger_price="58500")
    row = kraken.row(txid)
    assert some(row, "misc", "stopprice") == ("amended", "0.00000")
    assert some(row["descr"], "price", "order") == ("58500.0", "sell 0.10000000 XBTUSD @ stop loss 58500.0")
    kraken.call("AmendOrder", txid=txid, order_qty="0.2")
    move(kraken, "58000")
    assert some(kraken.row(txid), "misc", "vol") == ("stopped,amended", "0.20000000")


# Margin


def test_margin_trades(kraken: Client) -> None:
    opened = kraken.row(kraken.buy("0.1", leverage="5"))
    assert opened["margin"] is True
    ((trade_id, first),) = kraken.call("QueryTrades", txid=opened["trades"][0]).items()
    cost = Decimal(ASK) / 10
    assert some(first, "postxid", "cost", "margin", "leverage", "misc", "posstatus") == (
        trade_id,
        f"{cost:.5f}",
        f"{cost / 5:.5f}",
        "5",
        "",
        "open",
    )
    closed = kraken.row(kraken.sell("0.04", leverage="5"))
    (second,) = kraken.call("QueryTrades", txid=closed["trades"][0]).values()
    assert some(second, "postxid", "misc", "leverage") == (trade_id, "closing", "5")
    assert "posstatus" not in second
    flipped = kraken.row(kraken.sell("0.1", leverage="5"))
    ((flip_id, third),) = kraken.call("QueryTrades", txid=flipped["trades"][0]).items()
    assert some(third, "postxid", "misc", "posstatus") == (flip_id, "closing", "open")
    (plain,) = kraken.call("QueryTrades", txid=kraken.row(kraken.buy("0.1"))["trades"][0]).values()
    assert some(plain, "postxid", "margin", "leverage", "misc") == (SPOT_POSTXID, "0.00000", "0", "")


def test_trades_by_what_they_have_to_do_with_positions(kraken: Client) -> None:
    spot = kraken.row(kraken.buy("0.1"))["trades"]
    first, second = (kraken.row(kraken.buy("0.1", leverage="5"))["trades"] for _ in range(2))
    closing = kraken.row(kraken.sell("0.15", leverage="5"))["trades"]
    for kind, trades in {
        "all": [*closing, *second, *first, *spot],
        "no position": spot,
        "any position": [*closing, *second, *first],
        "closing position": closing,
        "closed position": first,
    }.items():
        found = kraken.call("TradesHistory", type=kind, trades="true")
        assert (list(found["trades"]), found["count"]) == (trades, len(trades))
    rows = kraken.call("TradesHistory", trades="true")["trades"]
    assert [rows[trade].get("trades") for (trade,) in (first, second, closing, spot)] == [closing, closing, None, None]
    plain = kraken.call("QueryTrades", txid=first[0])[first[0]]
    assert (plain["posstatus"], plain["cvol"]) == ("closed", "0.10000000")
    assert "trades" not in plain
    assert kraken.call("QueryTrades", txid=first[0], trades="true")[first[0]]["trades"] == closing


def test_settling_a_position(kraken: Client) -> None:
    kraken.buy("0.1", leverage="5")
    txid = add(kraken, ordertype="settle-position", volume="0.1", leverage="5")
    row = kraken.row(txid)
    assert row["descr"]["order"] == "sell 0.10000000 XBTUSD @ settle position with 5:1 leverage"
    (trade,) = kraken.call("QueryTrades", txid=row["trades"][0]).values()
    assert some(trade, "ordertype", "tradeordertype", "misc") == ("settle position", "market", "closing")


# Amends


def test_what_became_of_an_orders_terms(kraken: Client, sandbox: Sandbox) -> None:
    txid = kraken.buy("1", "60000")
    (original,) = kraken.call("OrderAmends", order_id=txid)["amends"]
    assert original == {
        "amend_id": original["amend_id"],
        "amend_type": "original",
        "order_qty": "1.00000000",
        "remaining_qty": "1.00000000",
        "limit_price": "60000.0",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000,
    }
    sandbox.clock.advance(1_234_567_890)
    amend_id = kraken.call("AmendOrder", txid=txid, limit_price="60001.5", order_qty="2", post_only="true")["amend_id"]
    found = kraken.call("OrderAmends", order_id=txid)
    assert list(found) == ["count", "amends"]
    assert found["count"] == 2
    assert found["amends"][0] == original
    assert found["amends"][1] == {
        "amend_id": amend_id,
        "amend_type": "user",
        "order_qty": "2.00000000",
        "remaining_qty": "2.00000000",
        "limit_price": "60001.5",
        "reason": "User requested",
        "post_only": True,
        "timestamp": MIDNIGHT * 1000 + 1234,
    }
    assert list(found["amends"][1])[-4:] == ["limit_price", "reason", "post_only", "timestamp"]


def test_the_terms_of_icebergs_and_stops(kraken: Client) -> None:
    iceberg = add(kraken, ordertype="iceberg", price="70000", volume="1.5", displayvol="0.1")
    (row,) = kraken.call("OrderAmends", order_id=iceberg)["amends"]
    assert list(row)[2:6] == ["order_qty", "display_qty", "remaining_qty", "limit_price"]
    assert row["display_qty"] == "0.10000000"
    stop = add(kraken, ordertype="stop-loss-limit", price="60000", price2="59000")
    (row,) = kraken.call("OrderAmends", order_id=stop)["amends"]
    assert some(row, "limit_price", "trigger_price") == ("59000.0", "60000.0")
    trailing = add(kraken, ordertype="trailing-stop-limit", price="+100", price2="-50", starttm="+60")
    (row,) = kraken.call("OrderAmends", order_id=trailing)["amends"]
    assert {"limit_price", "trigger_price"}.isdisjoint(row)  # nothing to trail yet
    market = add(kraken, ordertype="market")
    (row,) = kraken.call("OrderAmends", order_id=market)["amends"]
    assert {"limit_price", "trigger_price", "reason", "display_qty"}.isdisjoint(row)


@pytest.mark.parametrize("order_id", ["OAAAAA-AAAAA-AAAAAA", "x", "", "7"])
def test_no_terms_of_an_unknown_order(kraken: Client, order_id: str) -> None:
    assert kraken.call("OrderAmends", order_id=order_id) == {"count": 0, "amends": []}


def test_a_key_sees_the_terms_of_the_orders_that_it_may_see(login: Any, kraken: Client) -> None:
    placed, gone = kraken.buy("0.1", "60000"), kraken.buy("0.1")
    for code, seen in (("query-open-trades", placed), ("query-closed-trades", gone)):
        client = login(code, permissions=[code])
        counts = {txid: client.call("OrderAmends", order_id=txid)["count"] for txid in (placed, gone)}
        assert counts == {placed: 0, gone: 0} | {seen: 1}
    assert kraken.post("OrderAmends").refusal == "EGeneral:Invalid arguments:order_id"
