"""A trader's days over REST: orders in, rows out, and all accounts of it agreeing (kraken/30 §2, §5 to §9)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import pytest

from mockkraken.clock import SECOND
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.exchange.orders import Side

MIDNIGHT = 1_767_225_600

# The calm market of XBTUSD, and the wider one of XBTEUR.
BID, ASK = "68342.3", "68342.4"
EUR_BID, BETWEEN, EUR_ASK = "57926.7", "57927.5", "57928.7"


def ok(result: str) -> bytes:
    return b'{"error":[],"result":%b}' % result.encode()


def places(text: str, count: int) -> str:
    """Half up, as every cost and fee is rounded."""
    return str(Decimal(text).quantize(Decimal(1).scaleb(-count), ROUND_HALF_UP))


def levels(kraken: Client, pair: str, side: Side) -> list[tuple[Decimal, Decimal]]:
    """Prices and full volumes of the makers' orders, best first: Depth would show but three decimals."""
    market = kraken.sandbox.exchange.market(kraken.sandbox.catalog.pair(pair))
    lot = market.pair.lot_decimals
    return [
        (Decimal(market.pair.price_text(level.price)), Decimal(level.volume).scaleb(-lot))
        for level in market.book.levels(side)
    ]


# One order from its entry to its end


def test_a_limit_order_rests(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(1_234_567_890)
    placed = kraken.post("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="0.025", price="61250.5")
    (txid,) = placed.result["txid"]
    assert re.fullmatch("O[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}", txid)
    assert placed.body == ok(f'{{"descr":{{"order":"buy 0.02500000 XBTUSD @ limit 61250.5"}},"txid":["{txid}"]}}')

    row = (
        '{"refid":null,"userref":0,"status":"open","opentm":1767225601.234567,"starttm":0,"expiretm":0,'
        '"descr":{"pair":"XBTUSD","aclass":"forex","type":"buy","ordertype":"limit","price":"61250.5","price2":"0",'
        '"leverage":"none","order":"buy 0.02500000 XBTUSD @ limit 61250.5","close":""},'
        '"vol":"0.02500000","vol_exec":"0.00000000","cost":"0.00000","fee":"0.00000","price":"0.00000",'
        '"stopprice":"0.00000","limitprice":"0.00000","misc":"","oflags":"fciq","time_in_force":"gtc"'
    )
    assert kraken.post("OpenOrders").body == ok(f'{{"open":{{"{txid}":{row}}}}}}}')
    assert kraken.post("OpenOrders", trades="true").body == kraken.post("OpenOrders").body
    assert kraken.post("QueryOrders", txid=txid).body == ok(f'{{"{txid}":{row},"reason":null}}}}')

    # It holds its cost and the taker fee on it, half up once: 1531.2625 * 1.004 = 1537.38755.
    assert kraken.call("BalanceEx")["ZUSD"] == {"balance": "1000000.0000", "hold_trade": "1537.3876"}
    assert kraken.call("Balance")["ZUSD"] == "1000000.0000"
    assert kraken.call("TradeBalance")["uv"] == "1531.2625"

    sandbox.clock.advance(60 * SECOND)
    assert kraken.post("CancelOrder", txid=txid).body == ok('{"count":1}')
    closed = row.replace('"status":"open"', '"status":"canceled"')
    closed += ',"reason":"User requested","closetm":1767225661.234567}'
    assert kraken.post("ClosedOrders").body == ok(f'{{"closed":{{"{txid}":{closed}}},"count":1}}')
    assert kraken.post("QueryOrders", txid=txid, trades="true").body == ok(f'{{"{txid}":{closed}}}')
    assert kraken.post("OpenOrders").body == ok('{"open":{}}')
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"
    assert kraken.call("Ledgers", type="trade")["count"] == 0


def test_a_market_order_fills_and_all_accounts_of_it_agree(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(1_623_456_789)
    placed = kraken.post("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.123")
    (txid,) = placed.result["txid"]
    assert placed.body == ok(f'{{"descr":{{"order":"buy 0.12300000 XBTUSD @ market"}},"txid":["{txid}"]}}')

    history = kraken.post("TradesHistory", ledgers="true")
    ((trade, fill),) = history.result["trades"].items()
    coins, dollars = fill["ledgers"]

    # 0.123 * 68342.4 = 8406.1152; 0.4 % of it is 33.6244608.
    assert kraken.post("ClosedOrders", trades="true").body == ok(
        f'{{"closed":{{"{txid}":{{"refid":null,"userref":0,"status":"closed","opentm":1767225601.623456,"starttm":0,'
        '"expiretm":0,"descr":{"pair":"XBTUSD","aclass":"forex","type":"buy","ordertype":"market","price":"0",'
        '"price2":"0","leverage":"none","order":"buy 0.12300000 XBTUSD @ market","close":""},"vol":"0.12300000",'
        '"vol_exec":"0.12300000","cost":"8406.11520","fee":"33.62446","price":"68342.4","stopprice":"0.00000",'
        f'"limitprice":"0.00000","misc":"","oflags":"fciq","time_in_force":"gtc","trades":["{trade}"],"reason":null,'
        '"closetm":1767225601.623456}},"count":1}'
    )
    row = (
        f'{{"ordertxid":"{txid}","postxid":"TKH2SE-M7IF5-CFI7LT","pair":"XXBTZUSD","aclass":"forex",'
        '"time":1767225601.623456,"type":"buy","ordertype":"market","tradeordertype":"market","price":"68342.40000",'
        '"cost":"8406.11520","fee":"33.62446","vol":"0.12300000","margin":"0.00000","leverage":"0","misc":"",'
        '"trade_id":1000001,"maker":false'
    )
    with_ledgers = f'{row},"ledgers":["{coins}","{dollars}"]}}'
    assert history.body == ok(f'{{"trades":{{"{trade}":{with_ledgers}}},"count":1}}')
    assert kraken.post("TradesHistory").body == ok(f'{{"trades":{{"{trade}":{row}}}}},"count":1}}')
    assert kraken.post("TradesHistory", consolidate_taker="false", ledgers="true") == history
    assert kraken.post("QueryTrades", txid=trade).body == ok(f'{{"{trade}":{row}}}}}')
    assert kraken.post("QueryTrades", txid=trade, ledgers="true").body == ok(f'{{"{trade}":{with_ledgers}}}')

    common = f'"refid":"{trade}","time":1767225601.623456,"type":"trade","subtype":"","aclass":"currency"'
    quote = f'{{{common},"asset":"ZUSD","amount":"-8406.1152","fee":"33.6245","balance":"991560.2603"}}'
    base = f'{{{common},"asset":"XXBT","amount":"0.1230000000","fee":"0.0000000000","balance":"100.1230000000"}}'
    assert kraken.post("Ledgers", type="trade").body == ok(
        f'{{"ledger":{{"{dollars}":{quote},"{coins}":{base}}},"count":2}}'
    )
    assert kraken.post("QueryLedgers", id=f"{coins},{dollars}").body == ok(f'{{"{coins}":{base},"{dollars}":{quote}}}')
    balances = kraken.call("BalanceEx")
    assert balances["ZUSD"] == {"balance": "991560.2603", "hold_trade": "0.0000"}
    assert balances["XXBT"] == {"balance": "100.1230000000", "hold_trade": "0.0000000000"}
    assert kraken.call("TradeVolume")["volume"] == "8406.1152"
    assert kraken.get("Trades", pair="XBTUSD").result["XXBTZUSD"][-1] == [
        "68342.40000",
        "0.12300000",
        1767225601.6234567,
        "b",
        "m",
        "",
        1_000_001,
    ]


def test_a_resting_order_is_filled_bit_by_bit(kraken: Client, login: Callable[..., Client], sandbox: Sandbox) -> None:
    taker = login("second")
    txid = kraken.sell("0.05", BETWEEN, pair="XBTEUR", userref="-7")
    sandbox.clock.advance(SECOND)
    taken = taker.buy("0.02", pair="XBTEUR")
    sandbox.clock.advance(SECOND)

    # 0.02 * 57927.5 = 1158.55; maker 0.25 % = 2.896375, taker 0.4 % = 4.6342.
    row = kraken.call("OpenOrders", trades="true")["open"][txid]
    (first,) = row["trades"]
    assert row["status"] == "open"
    assert (row["vol"], row["vol_exec"]) == ("0.05000000", "0.02000000")
    assert (row["cost"], row["fee"], row["price"]) == ("1158.55000", "2.89638", "57927.5")
    assert (row["misc"], row["userref"]) == ("", -7)
    assert "reason" not in row
    assert "closetm" not in row
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "99.9800000000", "hold_trade": "0.0300000000"}
    assert kraken.call("BalanceEx")["ZEUR"] == {"balance": "1001155.6536", "hold_trade": "0.0000"}
    maker_trade = kraken.call("QueryTrades", txid=first)[first]
    assert (maker_trade["maker"], maker_trade["fee"], maker_trade["type"]) == (True, "2.89638", "sell")
    assert (maker_trade["ordertype"], maker_trade["price"]) == ("limit", "57927.50000")
    (taker_trade,) = taker.call("TradesHistory")["trades"].values()
    assert (taker_trade["maker"], taker_trade["fee"], taker_trade["type"]) == (False, "4.63420", "buy")
    assert (taker_trade["ordertxid"], taker_trade["trade_id"]) == (taken, maker_trade["trade_id"])

    taker.buy("0.03", pair="XBTEUR")
    row = kraken.row(txid)
    assert row["status"] == "closed"
    # The second fill: 0.03 * 57927.5 = 1737.825, and 0.25 % of it 4.3445625.
    assert (row["vol_exec"], row["cost"], row["fee"]) == ("0.05000000", "2896.37500", "7.24094")
    assert row["reason"] is None
    assert (row["opentm"], row["closetm"]) == (MIDNIGHT, MIDNIGHT + 2)
    assert row["trades"] == [first, row["trades"][1]]
    assert kraken.call("TradesHistory")["count"] == 2  # a maker's fills are never joined
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "99.9500000000", "hold_trade": "0.0000000000"}


def test_a_sweep_through_the_book_is_one_trade_of_many_fills(kraken: Client, sandbox: Sandbox) -> None:
    bids = levels(kraken, "XXBTZUSD", "buy")
    prices, volumes = [price for price, _ in bids[:3]], [volume for _, volume in bids[:2]]
    volumes.append(Decimal("0.12345678"))
    total = sum(volumes)
    txid = kraken.sell(str(total))

    costs = [Decimal(places(str(p * v), 5)) for p, v in zip(prices, volumes, strict=True)]
    fees = [Decimal(places(str(c * Decimal("0.004")), 5)) for c in costs]
    fills = kraken.call("TradesHistory", consolidate_taker="false", ledgers="true")
    assert fills["count"] == 3
    rows = list(reversed(fills["trades"].values()))
    assert [Decimal(row["price"]) for row in rows] == prices
    assert [row["vol"] for row in rows] == [f"{volume:.8f}" for volume in volumes]
    assert [row["cost"] for row in rows] == [f"{cost:.5f}" for cost in costs]
    assert [row["fee"] for row in rows] == [f"{fee:.5f}" for fee in fees]
    assert [row["trade_id"] for row in rows] == [1_000_001, 1_000_002, 1_000_003]

    joined = kraken.call("TradesHistory", ledgers="true")
    ((trade, row),) = joined["trades"].items()
    assert joined["count"] == 1
    assert trade == list(fills["trades"])[-1]
    assert (row["cost"], row["fee"]) == (f"{sum(costs):.5f}", f"{sum(fees):.5f}")
    assert row["vol"] == f"{total:.8f}"
    assert row["price"] == places(str(sum(costs) / total), 5)
    assert row["trade_id"] == 1_000_001
    assert row["ledgers"] == [entry for fill in rows for entry in fill["ledgers"]]

    order = kraken.row(txid)
    assert (order["cost"], order["fee"], order["vol_exec"]) == (row["cost"], row["fee"], row["vol"])
    assert order["price"] == places(str(sum(costs) / total), 1)
    assert order["trades"] == [trade]
    several = kraken.call("QueryOrders", txid=txid, trades="true", consolidate_taker="false")[txid]["trades"]
    assert several == list(reversed(fills["trades"]))
    assert kraken.call("ClosedOrders", trades="true", consolidate_taker="false")["closed"][txid]["trades"] == several

    # By the first fill's id the whole, by a later one's that fill.
    found = kraken.call("QueryTrades", txid=",".join(several))
    assert [found[one]["vol"] for one in several] == [row["vol"], f"{volumes[1]:.8f}", f"{volumes[2]:.8f}"]

    entries = kraken.call("Ledgers", type="trade")["ledger"]
    assert {entry["refid"] for entry in entries.values()} == {trade}
    dollars = [entry for entry in reversed(entries.values()) if entry["asset"] == "ZUSD"]
    assert [entry["amount"] for entry in dollars] == [places(str(cost), 4) for cost in costs]
    assert [entry["fee"] for entry in dollars] == [places(str(fee), 4) for fee in fees]
    balance = Decimal(1_000_000)
    for entry in dollars:
        balance += Decimal(entry["amount"]) - Decimal(entry["fee"])
        assert Decimal(entry["balance"]) == balance
    assert Decimal(kraken.call("Balance")["ZUSD"]) == balance
    assert Decimal(kraken.call("Balance")["XXBT"]) == 100 - total


def test_the_calm_market_is_there_again_after_each_order(kraken: Client) -> None:
    before = kraken.get("Depth", pair="XBTUSD").result
    kraken.buy("5")
    kraken.sell("5")
    assert kraken.get("Depth", pair="XBTUSD").result == before


def test_the_sum_of_the_ledger_is_the_balance(kraken: Client) -> None:
    kraken.buy("3.3")
    kraken.sell("1.23456789", oflags="fcib")
    kraken.buy("0.777", oflags="fcib")
    kraken.buy("4.2", pair="ETHXBT")
    kraken.sell("777.7", pair="EURUSD")
    kraken.buy("0.5", EUR_ASK, pair="XBTEUR", timeinforce="IOC")
    sums: dict[str, Decimal] = {}
    for entry in kraken.call("Ledgers")["ledger"].values():
        sums[entry["asset"]] = sums.get(entry["asset"], Decimal(0)) + Decimal(entry["amount"]) - Decimal(entry["fee"])
    assert sums == {asset: Decimal(text) for asset, text in kraken.call("Balance").items()}


def test_a_fee_in_coins(kraken: Client) -> None:
    """fcib: the ledger has it in base, trades and orders show its worth in quote (kraken/30 §8.10)."""
    txid = kraken.buy("0.1", oflags="fcib")
    row = kraken.row(txid)
    assert (row["oflags"], row["cost"], row["fee"]) == ("fcib", "6834.24000", "27.33696")
    entries = kraken.call("Ledgers", type="trade")["ledger"].values()
    shown = [(entry["asset"], entry["amount"], entry["fee"], entry["balance"]) for entry in entries]
    assert shown == [
        ("ZUSD", "-6834.2400", "0.0000", "993165.7600"),
        ("XXBT", "0.1000000000", "0.0004000000", "100.0996000000"),
    ]


def test_a_pair_quoted_in_coins_has_its_own_digits(kraken: Client) -> None:
    price = kraken.get("Ticker", pair="ETHXBT").result["XETHXXBT"]["a"][0]
    txid = kraken.buy("0.12345678", pair="ETH/XBT")
    row = kraken.row(txid)
    cost = Decimal(places(str(Decimal(price) * Decimal("0.12345678")), 10))
    assert row["descr"]["order"] == "buy 0.12345678 ETHXBT @ market"
    assert row["cost"] == str(cost)
    assert row["fee"] == places(str(cost * Decimal("0.004")), 10)
    trade = kraken.call("QueryTrades", txid=row["trades"][0])[row["trades"][0]]
    assert trade["pair"] == "XETHXXBT"
    assert trade["price"] == f"{Decimal(price):.10f}"
    assert trade["margin"] == "0.0000000000"
    assert kraken.call("Balance")["XXBT"] == f"{100 - cost - Decimal(row['fee']):.10f}"


@pytest.mark.parametrize(
    ("pair", "asked", "volume", "price", "text"),
    [
        ("XXBTZUSD", "buy", "1.25", "37500", "buy 1.25000000 XBTUSD @ limit 37500.0"),
        ("XBT/USD", "sell", "0.1", None, "sell 0.10000000 XBTUSD @ market"),
        ("btc/usd", "sell", "0.1", "80000.10", "sell 0.10000000 XBTUSD @ limit 80000.1"),
        ("BTCUSD", "sell", "00.10", "080000.1", "sell 0.10000000 XBTUSD @ limit 80000.1"),
        ("xdgusd", "buy", "1000", "0.1", "buy 1000.00000000 XDGUSD @ limit 0.1000000"),
        ("DOGE/USD", "buy", "1000.123456789", "0.1", "buy 1000.12345678 XDGUSD @ limit 0.1000000"),
        ("SUIUSD", "buy", "49.96", "2.5", "buy 49.96000 SUIUSD @ limit 2.5000"),
        ("XETHXXBT", "buy", "1", "0.02", "buy 1.00000000 ETHXBT @ limit 0.02000"),
        ("LTCUSDT", "buy", "2", "50", "buy 2.00000000 LTCUSDT @ limit 50.00000"),
        ("EUR/USD", "sell", "10", None, "sell 10.00000000 EURUSD @ market"),
    ],
)
def test_the_sentence_that_describes_an_order(
    kraken: Client, pair: str, asked: str, volume: str, price: str | None, text: str
) -> None:
    order = {"pair": pair, "type": asked, "volume": volume, "ordertype": "limit" if price else "market"}
    if price:
        order["price"] = price
    assert kraken.post("AddOrder", **order, validate="true").body == ok(f'{{"descr":{{"order":"{text}"}}}}')


def test_validate_leaves_no_trace(kraken: Client) -> None:
    order = {"pair": "XBTUSD", "ordertype": "limit", "type": "buy", "price": "60000"}
    # Funds, the open book and post-only are the engine's affair, and validation stops before it.
    for fields in ({"volume": "0.1"}, {"volume": "99999"}, {"volume": "0.1", "price": "70000", "oflags": "post"}):
        assert list(kraken.call("AddOrder", **(order | fields), validate="true")) == ["descr"]
    assert kraken.call("OpenOrders") == {"open": {}}
    assert kraken.call("ClosedOrders")["count"] == 0
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"

    other = Sandbox(start=MIDNIGHT * SECOND)
    unvalidated = type(kraken)(other, kraken.api_key, kraken.api_secret)
    assert kraken.buy("0.1", "60000") == unvalidated.buy("0.1", "60000")  # not even a txid was drawn


# Time in force and post-only


def test_ioc_takes_what_is_there_and_cancels_the_rest(kraken: Client) -> None:
    price, volume = levels(kraken, "XXBTZUSD", "sell")[0]
    txid = kraken.buy("5", ASK, timeinforce="IOC")
    row = kraken.row(txid)
    assert row["status"] == "canceled"
    assert row["reason"] == "Insufficient liquidity"
    assert (row["misc"], row["time_in_force"]) == ("partial", "ioc")
    assert row["vol_exec"] == f"{volume:.8f}"
    assert row["cost"] == places(str(price * volume), 5)
    assert kraken.call("OpenOrders") == {"open": {}}
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"


def test_ioc_that_finds_nothing(kraken: Client) -> None:
    row = kraken.row(kraken.buy("5", BID, timeinforce="ioc"))
    assert (row["status"], row["vol_exec"], row["misc"]) == ("canceled", "0.00000000", "")
    assert "trades" not in row


def test_fok_is_all_or_nothing(kraken: Client) -> None:
    row = kraken.row(kraken.buy("5", ASK, timeinforce="FOK"))
    assert (row["status"], row["reason"]) == ("canceled", "Insufficient liquidity")
    assert (row["vol_exec"], row["misc"], row["time_in_force"]) == ("0.00000000", "", "fok")
    assert kraken.call("TradesHistory") == {"trades": {}, "count": 0}
    row = kraken.row(kraken.buy("1", ASK, timeinforce="Fok"))
    assert (row["status"], row["vol_exec"]) == ("closed", "1.00000000")


def test_a_limit_order_takes_what_crosses_and_rests_with_the_rest(kraken: Client) -> None:
    _, volume = levels(kraken, "XXBTZUSD", "sell")[0]
    txid = kraken.buy("5", ASK)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["vol_exec"]) == ("open", "", f"{volume:.8f}")
    rest = (5 - volume) * Decimal(ASK) * Decimal("1.004")
    assert kraken.call("BalanceEx")["ZUSD"]["hold_trade"] == places(str(rest), 4)
    # The makers don't quote into the client's order.
    book = kraken.get("Depth", pair="XBTUSD", count=1).result["XXBTZUSD"]
    assert book["bids"][0][0] == "68342.40000"
    assert Decimal(book["asks"][0][0]) > Decimal(ASK)


@pytest.mark.parametrize("price", [ASK, "69000"])
def test_post_only_never_takes(kraken: Client, price: str) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "oflags": "post"}
    assert kraken.post("AddOrder", **order, price=price).refusal == "EOrder:Post only order"
    assert kraken.call("OpenOrders") == {"open": {}}
    assert kraken.call("ClosedOrders")["count"] == 0
    row = kraken.row(kraken.buy("0.1", BID, oflags="post"))
    assert (row["status"], row["oflags"]) == ("open", "post,fciq")


def test_post_only_may_be_accepted_and_cancelled_instead(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.settings.patch({"post_only_crossing": "cancel"})
    row = kraken.row(kraken.buy("0.1", ASK, oflags="post"))
    assert (row["status"], row["reason"], row["vol_exec"]) == ("canceled", "Post only order", "0.00000000")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("", "fciq"),
        ("fciq", "fciq"),
        ("fcib", "fcib"),
        ("post", "post,fciq"),
        ("fcib,post", "post,fcib"),
        (" post , fciq ", "post,fciq"),
        ("nompp", "fciq,nompp"),
    ],
)
def test_oflags_always_name_the_fee_currency(kraken: Client, sent: str, shown: str) -> None:
    assert kraken.row(kraken.sell("0.1", "90000", oflags=sent))["oflags"] == shown


# Meeting oneself


@pytest.mark.parametrize(
    ("stptype", "resting", "incoming"),
    [
        ("", "open", "canceled"),
        ("cancel-newest", "open", "canceled"),
        ("cancel-oldest", "canceled", "open"),
        ("cancel-both", "canceled", "canceled"),
    ],
)
def test_self_trade_prevention(kraken: Client, stptype: str, resting: str, incoming: str) -> None:
    old = kraken.sell("0.5", BETWEEN, pair="XBTEUR")
    new = kraken.buy("0.1", BETWEEN, pair="XBTEUR", stptype=stptype)
    rows = [kraken.row(txid) for txid in (old, new)]
    assert [row["status"] for row in rows] == [resting, incoming]
    for row in rows:
        assert row["reason"] == ("Cannot trade with self" if row["status"] == "canceled" else None)
    assert kraken.call("TradesHistory")["count"] == 0


@pytest.mark.parametrize(
    ("stptype", "own", "done", "end"),
    [
        ("cancel-newest", "open", "1.00000000", ("canceled", "Cannot trade with self")),
        ("cancel-oldest", "canceled", "3.00000000", ("closed", None)),
        ("cancel-both", "canceled", "1.00000000", ("canceled", "Cannot trade with self")),
    ],
)
@pytest.mark.parametrize("price", ["60020", None])
@pytest.mark.parametrize("size", ["0.001", "50"])
def test_fills_before_meeting_oneself_stand(
    kraken: Client,
    pit: Pit,
    price: str | None,
    size: str,
    stptype: str,
    own: str,
    done: str,
    end: tuple[str, str | None],
) -> None:
    """However large the own order is; only the incoming one's word counts, and only cancel-oldest goes on behind."""
    pit.book("60000:5", "60001:1 60010:5")
    resting = kraken.sell(size, "60005", stptype="cancel-both")
    row = kraken.row(kraken.buy("3", price, stptype=stptype))
    assert (row["vol_exec"], row["status"], row["reason"]) == (done, *end)
    assert kraken.row(resting)["status"] == own
    assert kraken.row(resting)["vol_exec"] == "0.00000000"


@pytest.mark.parametrize(
    ("volume", "stptype", "own", "done"),
    [
        ("4", "cancel-newest", "open", "0.00000000"),
        ("4", "cancel-oldest", "canceled", "4.00000000"),
        ("6", "cancel-oldest", "open", "0.00000000"),
        ("4", "cancel-both", "open", "0.00000000"),
    ],
)
def test_fill_or_kill_that_meets_its_account(
    kraken: Client, pit: Pit, volume: str, stptype: str, own: str, done: str
) -> None:
    """All at once or nothing at all, the own order in its way included."""
    resting = kraken.sell("1", "60005")
    row = kraken.row(kraken.buy(volume, "60010", stptype=stptype, timeinforce="fok"))
    assert (row["vol_exec"], row["status"]) == (done, "canceled" if done == "0.00000000" else "closed")
    assert kraken.row(resting)["status"] == own


def test_a_post_only_order_does_not_meet_its_account_either(kraken: Client, pit: Pit) -> None:
    resting = kraken.sell("1", "60005")
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "60005", "oflags": "post"}
    assert kraken.post("AddOrder", **order, stptype="cancel-oldest").refusal == "EOrder:Post only order"
    assert kraken.row(resting)["status"] == "open"


@pytest.mark.parametrize("fields", [{}, {"oflags": "nompp"}, {"oflags": "fcib"}, {"timeinforce": "IOC"}])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_that_nobody_meets(kraken: Client, pit: Pit, side: str, fields: dict[str, str]) -> None:
    pit.book()
    row = kraken.row(kraken.place(side, "market", "1", **fields))
    assert (row["status"], row["reason"], row["vol_exec"]) == ("canceled", "Insufficient liquidity", "0.00000000")


def test_market_price_protection_can_not_be_waived(kraken: Client, pit: Pit) -> None:
    """10 % above 60000 is 66000, whatever the flags say."""
    pit.book("", "60000:1 66000:1 66000.1:1")
    row = kraken.row(kraken.buy("3", oflags="nompp"))
    assert (row["vol_exec"], row["oflags"], row["misc"]) == ("2.00000000", "fciq,nompp", "partial")


# References of one's own


def test_userref_may_be_shared_and_filters(kraken: Client) -> None:
    ones = [kraken.buy("0.1", "60000", userref="1"), kraken.buy("0.1", "60001", userref="1")]
    plain = kraken.buy("0.1", "60002")
    assert list(kraken.call("OpenOrders", userref="1")["open"]) == ones[::-1]
    kraken.buy("0.1", "60003", cl_ord_id="grid-1")  # has no userref, not even 0
    assert list(kraken.call("OpenOrders", userref="0")["open"]) == [plain]
    assert list(kraken.call("QueryOrders", txid=",".join([*ones, plain]), userref="1")) == ones
    kraken.call("CancelAll")
    assert kraken.call("ClosedOrders", userref="1")["count"] == 2


@pytest.mark.parametrize("userref", ["-2147483648", "2147483647", "0"])
def test_userref_is_a_32_bit_integer(kraken: Client, userref: str) -> None:
    assert kraken.row(kraken.buy("0.1", "60000", userref=userref))["userref"] == int(userref)


def test_cl_ord_id_is_unique_among_open_orders_only(kraken: Client) -> None:
    first = kraken.buy("0.1", "60000", cl_ord_id="grid-1")
    row = kraken.row(first)
    assert list(row)[:3] == ["refid", "userref", "cl_ord_id"]
    assert (row["userref"], row["cl_ord_id"]) == (None, "grid-1")
    again = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "0.1", "cl_ord_id": "grid-1"}
    for validate in ("false", "true"):
        refusal = kraken.post("AddOrder", **again, validate=validate).refusal
        assert refusal == "EGeneral:Invalid arguments:cl_ord_id not unique"
    kraken.call("CancelOrder", cl_ord_id="grid-1")
    second = kraken.buy("0.1", "60000", cl_ord_id="grid-1")
    assert list(kraken.call("OpenOrders", cl_ord_id="grid-1")["open"]) == [second]
    assert list(kraken.call("ClosedOrders", cl_ord_id="grid-1")["closed"]) == [first]
    assert kraken.call("QueryOrders", txid=first, cl_ord_id="grid-2") == {}


@pytest.mark.parametrize(
    "cl_ord_id",
    [
        "x",
        "with blanks inside",
        "123456789012345678",
        "O-_:/,%&=+",
        "6d1b345e-2821-40e2-ad83-4ecb18a06876",
        "6D1B345E-2821-40E2-AD83-4ECB18A06876",
        "da8e4ad59b78481c93e589746b0cf91f",
    ],
)
def test_forms_of_cl_ord_id(kraken: Client, cl_ord_id: str) -> None:
    assert kraken.row(kraken.buy("0.1", "60000", cl_ord_id=cl_ord_id))["cl_ord_id"] == cl_ord_id


@pytest.mark.parametrize(
    "cl_ord_id",
    [
        "",
        "1234567890123456789",
        "6d1b345e-2821-40e2-ad83-4ecb18a0687",
        "6d1b345e282140e2ad834ecb18a0687g",
        "café",
        "a\nb",
    ],
)
def test_what_is_no_cl_ord_id(kraken: Client, cl_ord_id: str) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "60000"}
    assert kraken.post("AddOrder", **order, cl_ord_id=cl_ord_id).refusal == "EGeneral:Invalid arguments:cl_ord_id"


# Funds (kraken/30 §5.4)

MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"}


def test_funds_on_hold_cannot_be_spent_twice(login: Callable[..., Client]) -> None:
    second = login("second")  # 10,000 dollars, 1 bitcoin
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit"}
    # 0.16 * 62000 = 9920, and 39.68 for the fee: 40.32 are left.
    txid = second.call("AddOrder", **order, volume="0.16", price="62000")["txid"][0]
    assert second.call("BalanceEx")["ZUSD"] == {"balance": "10000.0000", "hold_trade": "9959.6800"}
    assert second.post("AddOrder", **order, volume="0.001", price="40200").refusal == "EOrder:Insufficient funds"
    assert second.call("AddOrder", **order, volume="0.001", price="40000")["txid"]
    second.call("CancelOrder", txid=txid)
    assert second.call("BalanceEx")["ZUSD"]["hold_trade"] == "40.1600"


def test_a_sell_holds_its_coins_and_with_fcib_the_fee_too(login: Callable[..., Client]) -> None:
    second = login("second")
    order = {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "90000"}
    assert second.post("AddOrder", **order, volume="1", oflags="fcib").refusal == "EOrder:Insufficient funds"
    txid = second.call("AddOrder", **order, volume="0.5", oflags="fcib")["txid"][0]
    assert second.call("BalanceEx")["XXBT"] == {"balance": "1.0000000000", "hold_trade": "0.5020000000"}
    second.call("CancelOrder", txid=txid)
    second.call("AddOrder", **order, volume="1")
    assert second.call("BalanceEx")["XXBT"]["hold_trade"] == "1.0000000000"


def test_everything_can_be_sold_and_bought_back_with_what_came_in(login: Callable[..., Client]) -> None:
    second = login("second")
    second.sell("1")
    balances = second.call("Balance")
    assert balances["XXBT"] == "0.0000000000"
    assert balances["ZUSD"] == "78068.9308"  # 10,000 + 68,342.3 - 0.4 %
    # Above 50,000 dollars of volume the fee is 0.24 %.
    affordable = (Decimal("78068.9308") / (Decimal(ASK) * Decimal("1.0024"))).quantize(Decimal("1e-8"), "ROUND_DOWN")
    assert second.post("AddOrder", **(MARKET | {"volume": str(affordable + Decimal("0.0000001"))})).refusal == (
        "EOrder:Insufficient funds"
    )
    second.buy(str(affordable))
    assert 0 <= Decimal(second.call("Balance")["ZUSD"]) < Decimal("0.001")
    assert Decimal(second.call("Balance")["XXBT"]) == affordable


def test_the_fee_tier_follows_the_volume(kraken: Client) -> None:
    """The tier is the volume before the order: 0, then 34 thousand dollars, then above 50."""
    fees = []
    for volume in ("0.5", "0.5", "0.5"):
        row = kraken.row(kraken.buy(volume))
        fees.append(places(str(Decimal(row["fee"]) / Decimal(row["cost"])), 5))
    assert fees == ["0.00400", "0.00350", "0.00240"]


def test_a_market_order_goes_no_further_than_its_protection(kraken: Client) -> None:
    """Settings: 10 % from the best opposite price; what is left is cancelled."""
    kraken.sandbox.settings.patch({"market_price_protection": "0.01"})
    reach = [volume for price, volume in levels(kraken, "XXBTZUSD", "buy") if price >= Decimal(BID) * Decimal("0.9999")]
    row = kraken.row(kraken.sell("90"))
    assert 0 < len(reach) < 10
    assert row["vol_exec"] == f"{sum(reach):.8f}"
    assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Insufficient liquidity", "partial")
