"""Histories in pages, what the account is worth, and what a key says of itself (kraken/40 §0, §1)."""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken.clock import DAY, SECOND
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from traders import Client

MIDNIGHT = 1_767_225_600
ROUNDS = 60
BAD_ARGUMENTS = "EGeneral:Invalid arguments"


def ok(result: str) -> bytes:
    return b'{"error":[],"result":%b}' % result.encode()


class History(NamedTuple):
    """One of the three histories: the call, its member, and what of a row is its time."""

    method: str
    member: str
    time: str
    total: int


HISTORIES = [
    # A market order and a limit order a round, the latter cancelled; three more at one moment.
    History("ClosedOrders", "closed", "opentm", 2 * ROUNDS + 3),
    History("TradesHistory", "trades", "time", ROUNDS + 3),
    # Fourteen balances to start with, and two rows a trade.
    History("Ledgers", "ledger", "time", 14 + 2 * (ROUNDS + 3)),
]


@pytest.fixture(scope="module")
def busy(client_of: Callable[[Sandbox, str], Client]) -> Client:
    """A client who has traded for a minute, and only reads from now on."""
    sandbox = Sandbox(settings=Settings(rate_limits="off"), start=MIDNIGHT * SECOND)
    kraken = client_of(sandbox, "full")
    for number in range(ROUNDS):
        sandbox.clock.advance(700_000_000)
        limit = kraken.buy("0.001", "60000", userref=str(number % 3))
        sandbox.clock.advance(300_123_457)
        kraken.buy("0.0001")
        kraken.call("CancelOrder", txid=limit)
    for _ in range(3):
        kraken.sell("0.0002")
    kraken.buy("0.01", "50000")
    return kraken


def pages(kraken: Client, history: History, **fields: Any) -> Iterator[dict[str, Any]]:
    """Pages as clients fetch them: until an empty one."""
    for ofs in range(0, 1000, 50):
        result = kraken.call(history.method, ofs=ofs, **fields)
        yield result
        if not result[history.member]:
            return
    pytest.fail("the pages never end")


def everything(kraken: Client, history: History, **fields: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for result in pages(kraken, history, **fields):
        assert not rows.keys() & result[history.member].keys()
        rows |= result[history.member]
    return rows


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
def test_pages_of_50_newest_first(busy: Client, history: History) -> None:
    fetched = list(pages(busy, history))
    sizes = [len(result[history.member]) for result in fetched]
    assert sizes == [50] * (history.total // 50) + [history.total % 50, 0]
    assert [result["count"] for result in fetched] == [history.total] * len(fetched)
    assert [list(result) for result in fetched] == [[history.member, "count"]] * len(fetched)
    rows = everything(busy, history)
    assert len(rows) == history.total
    times = [row.get("closetm", row.get("time")) for row in rows.values()]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
def test_offsets(busy: Client, history: History) -> None:
    ids = list(everything(busy, history))
    for ofs in (1, 49, 51, history.total - 1, history.total, 10**18 - 1):
        result = busy.call(history.method, ofs=ofs)
        assert list(result[history.member]) == ids[ofs : ofs + 50]
        assert result["count"] == history.total
    assert busy.post(history.method, ofs=-1).refusal == f"{BAD_ARGUMENTS}:ofs"
    assert busy.post(history.method, ofs="x").refusal == f"{BAD_ARGUMENTS}:ofs"


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
def test_without_count(busy: Client, history: History) -> None:
    whole = busy.call(history.method)
    assert busy.call(history.method, without_count="true") == {history.member: whole[history.member]}
    assert busy.call(history.method, without_count="false") == whole


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
def test_bounds_copied_from_rows(busy: Client, history: History) -> None:
    """A time is copied as the text that stands in the answer; `start` leaves that moment out, `end` has it."""
    newest = busy.post(history.method)
    as_sent = json.loads(newest.body, parse_float=str)["result"][history.member]
    rows = everything(busy, history)
    times = {key: row[history.time] for key, row in rows.items()}
    fields = {"closetime": "open"} if history.method == "ClosedOrders" else {}
    for key in list(as_sent)[::7]:
        text, moment = as_sent[key][history.time], times[key]
        later = {other for other, time in times.items() if time > moment}
        for bound in (text, key):  # the time or the id of the row
            assert set(everything(busy, history, start=bound, **fields)) == later
            assert set(everything(busy, history, end=bound, **fields)) == rows.keys() - later
            assert busy.call(history.method, start=bound, **fields)["count"] == len(later)
        same = everything(busy, history, start=repr(moment - 0.000001), end=text, **fields)
        assert set(same) == {other for other, time in times.items() if time == moment}


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
def test_bounds_in_whole_seconds_and_in_the_future(busy: Client, history: History) -> None:
    rows = everything(busy, history, closetime="open")
    for second in (MIDNIGHT + 10, MIDNIGHT + 30):
        later = {key for key, row in rows.items() if row[history.time] > second}
        assert set(everything(busy, history, start=second, closetime="open")) == later
        assert set(everything(busy, history, end=second, closetime="open")) == rows.keys() - later
    assert busy.call(history.method, start=MIDNIGHT + 10**6) == {history.member: {}, "count": 0}
    assert busy.call(history.method, start="", end="")["count"] == history.total
    assert busy.call(history.method, start="0")["count"] == history.total
    assert busy.call(history.method, end="0")["count"] == 0


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.method)
@pytest.mark.parametrize("bound", ["yesterday", "-1", "+1", "1e9", "OAAAAA-AAAAA-AAAAAA", " 1", "2026-01-01T00:00:00Z"])
def test_bounds_that_are_none(busy: Client, history: History, bound: str) -> None:
    assert busy.post(history.method, start=bound).refusal == BAD_ARGUMENTS
    assert busy.post(history.method, end=bound).refusal == BAD_ARGUMENTS


def test_which_time_of_an_order_counts(busy: Client) -> None:
    """An order opened at .7 of a second and cancelled .3 later lies on both sides of what is between."""
    closed = HISTORIES[0]
    rows = everything(busy, closed)
    key, row = next((key, row) for key, row in rows.items() if row["status"] == "canceled")
    between = repr((row["opentm"] + row["closetm"]) / 2)
    assert key not in everything(busy, closed, start=between, closetime="open")
    assert key in everything(busy, closed, start=between, closetime="close")
    assert key in everything(busy, closed, start=between, closetime="both")
    assert key in everything(busy, closed, start=between)
    assert key in everything(busy, closed, end=between, closetime="open")
    assert key not in everything(busy, closed, end=between, closetime="close")
    assert key in everything(busy, closed, end=between, closetime="both")
    assert busy.post("ClosedOrders", closetime="never").refusal == f"{BAD_ARGUMENTS}:closetime"


def test_at_one_moment_the_later_comes_first(busy: Client) -> None:
    for history in HISTORIES[:2]:
        rows = list(everything(busy, history).values())
        assert len({row[history.time] for row in rows[:3]}) == 1
    trades = list(everything(busy, HISTORIES[1]).values())
    assert [row["trade_id"] for row in trades] == list(range(1_000_000 + ROUNDS + 3, 1_000_000, -1))
    entries = list(everything(busy, HISTORIES[2]).values())
    for later, earlier in zip(entries[:-2], entries[2:], strict=True):
        if later["type"] == earlier["type"] == "trade":
            change = Decimal(later["amount"]) - Decimal(later["fee"])
            assert Decimal(later["balance"]) == Decimal(earlier["balance"]) + change


def test_closed_orders_by_reference(busy: Client) -> None:
    assert busy.call("ClosedOrders", userref=1)["count"] == ROUNDS // 3
    assert busy.call("ClosedOrders", userref=0)["count"] == ROUNDS // 3 + ROUNDS + 3  # and all without one
    assert busy.call("ClosedOrders", cl_ord_id="none")["count"] == 0


def test_an_account_sees_nothing_of_another(busy: Client, client_of: Callable[[Sandbox, str], Client]) -> None:
    second = client_of(busy.sandbox, "second")
    order, trade, entry = (next(iter(busy.call(history.method)[history.member])) for history in HISTORIES)
    assert second.call("ClosedOrders") == {"closed": {}, "count": 0}
    assert second.call("TradesHistory") == {"trades": {}, "count": 0}
    assert second.call("QueryOrders", txid=order) == {}
    assert second.post("QueryTrades", txid=trade).refusal == "EOrder:Invalid order"
    assert second.post("QueryLedgers", id=entry).refusal == f"{BAD_ARGUMENTS}:id"
    assert second.post("ClosedOrders", start=order).refusal == BAD_ARGUMENTS
    assert second.call("Ledgers")["count"] == 6


# Asking by id


def test_query_orders(busy: Client) -> None:
    rows = everything(busy, HISTORIES[0])
    ids = list(rows)
    (open_one,) = busy.call("OpenOrders")["open"]
    asked = [ids[5], open_one, ids[2], ids[5]]
    found = busy.call("QueryOrders", txid=",".join(asked))
    assert list(found) == [ids[5], open_one, ids[2]]
    assert found[ids[5]] == rows[ids[5]]
    assert "closetm" not in found[open_one]
    assert found[open_one]["reason"] is None
    assert list(busy.call("QueryOrders", txid=",".join(ids[:50]))) == ids[:50]
    assert busy.post("QueryOrders", txid=",".join(ids[:51])).refusal == BAD_ARGUMENTS
    assert busy.call("QueryOrders", txid=f"OAAAAA-AAAAA-AAAAAA,{ids[0]}") == {ids[0]: rows[ids[0]]}
    assert busy.call("QueryOrders", txid="OAAAAA-AAAAA-AAAAAA") == {}
    for malformed in ("", "OAAAAA-AAAAA-AAAAA1", "oaaaaa-aaaaa-aaaaaa", f"{ids[0]},", f"{ids[0]},x"):
        assert busy.post("QueryOrders", txid=malformed).refusal == "EOrder:Invalid order"
    assert busy.post("QueryOrders").refusal == f"{BAD_ARGUMENTS}:txid"


def test_query_trades(busy: Client) -> None:
    rows = everything(busy, HISTORIES[1])
    ids = list(rows)
    assert busy.call("QueryTrades", txid=",".join(ids[:20])) == {key: rows[key] for key in ids[:20]}
    assert busy.post("QueryTrades", txid=",".join(ids[:21])).refusal == BAD_ARGUMENTS
    order = rows[ids[0]]["ordertxid"]
    for wrong in (order, f"{ids[0]},{order}", "TAAAAA-AAAAA-AAAAAA", "", "x"):
        assert busy.post("QueryTrades", txid=wrong).refusal == "EOrder:Invalid order"
    assert busy.post("QueryTrades").refusal == f"{BAD_ARGUMENTS}:txid"


def test_query_ledgers(busy: Client) -> None:
    rows = everything(busy, HISTORIES[2])
    ids = list(rows)
    assert busy.call("QueryLedgers", id=",".join(ids[-20:])) == {key: rows[key] for key in ids[-20:]}
    assert busy.post("QueryLedgers", id=",".join(ids[:21])).refusal == BAD_ARGUMENTS
    for wrong in ("LAAAAA-AAAAA-AAAAAA", f"{ids[0]},x", ""):
        assert busy.post("QueryLedgers", id=wrong).refusal == f"{BAD_ARGUMENTS}:id"
    assert busy.post("QueryLedgers").refusal == f"{BAD_ARGUMENTS}:id"


def test_orders_that_a_key_may_not_see_are_left_out(kraken: Client, login: Callable[..., Client]) -> None:
    resting, filled = kraken.buy("0.1", "60000"), kraken.buy("0.1")
    both = f"{resting},{filled}"
    only_open, only_closed = (login(code, permissions=(f"query-{code}-trades",)) for code in ("open", "closed"))
    assert list(only_open.call("QueryOrders", txid=both)) == [resting]
    assert list(only_closed.call("QueryOrders", txid=both)) == [filled]
    assert only_open.call("QueryOrders", txid=filled) == {}


# Filters


def test_trades_by_kind(busy: Client) -> None:
    whole = busy.call("TradesHistory")
    assert busy.call("TradesHistory", type="all") == whole
    assert busy.call("TradesHistory", type="no position") == whole
    for kind in ("any position", "closed position", "closing position"):
        assert busy.call("TradesHistory", type=kind) == {"trades": {}, "count": 0}
    assert busy.post("TradesHistory", type="no_position").refusal == f"{BAD_ARGUMENTS}:type"


def test_ledger_by_asset_and_type(busy: Client) -> None:
    def count(**fields: str) -> Any:
        return busy.call("Ledgers", **fields)["count"]

    trades = ROUNDS + 3
    assert count(type="trade") == 2 * trades
    assert count(type="adjustment") == 14
    assert count(type="trade,adjustment") == count(type="all") == count(asset="all") == count() == 14 + 2 * trades
    assert count(type="withdrawal") == 0
    for name in ("XXBT", "XBT", "BTC", "btc"):
        assert count(asset=name, type="trade") == trades
    assert count(asset="XBT,ZUSD", type="trade") == 2 * trades
    assert count(asset="XBT, USD") == 2 * trades + 2
    assert count(asset="ADA") == 1
    assert count(asset="KFEE") == 0
    assert count(aclass="tokenized_asset") == 0
    assert busy.post("Ledgers", asset="FOO").refusal == "EQuery:Unknown asset"
    assert busy.post("Ledgers", asset="").refusal == "EQuery:Unknown asset"
    assert busy.post("Ledgers", type="gift").refusal == f"{BAD_ARGUMENTS}:type"
    assert busy.post("Ledgers", type="none").refusal == f"{BAD_ARGUMENTS}:type"  # an entry's type, not a filter's
    assert busy.post("Ledgers", aclass="forex").refusal == f"{BAD_ARGUMENTS}:aclass"


def test_the_first_balances_are_adjustments_of_the_day_before(kraken: Client) -> None:
    entries = kraken.call("Ledgers")["ledger"]
    assert len(entries) == 14
    entry = list(entries.values())[-1]
    assert re.fullmatch("B[A-Z2-7]{6}-[A-Z2-7]{6}-[A-Z2-7]{6}", entry.pop("refid"))
    assert entry == {
        "time": MIDNIGHT - 86400,
        "type": "adjustment",
        "subtype": "",
        "aclass": "currency",
        "asset": "ZUSD",
        "amount": "1000000.0000",
        "fee": "0.0000",
        "balance": "1000000.0000",
    }
    assert all(re.fullmatch("L[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}", key) for key in entries)


# Balances


def test_balance_of_a_fresh_account(login: Callable[..., Client]) -> None:
    second = login("second")
    assert second.post("Balance").body == ok(
        '{"ZUSD":"10000.0000","ZEUR":"10000.0000","XXBT":"1.0000000000","XETH":"10.0000000000",'
        '"SOL":"50.0000000000","USDT":"5000.00000000"}'
    )
    assert second.post("BalanceEx").body == ok(
        '{"ZUSD":{"balance":"10000.0000","hold_trade":"0.0000"},"ZEUR":{"balance":"10000.0000","hold_trade":"0.0000"},'
        '"XXBT":{"balance":"1.0000000000","hold_trade":"0.0000000000"},'
        '"XETH":{"balance":"10.0000000000","hold_trade":"0.0000000000"},'
        '"SOL":{"balance":"50.0000000000","hold_trade":"0.0000000000"},'
        '"USDT":{"balance":"5000.00000000","hold_trade":"0.00000000"}}'
    )


@pytest.mark.parametrize("version", ["1", "true"])
def test_balance_under_modern_names(login: Callable[..., Client], version: str) -> None:
    modern = login("second").call("Balance", assetVersion=version)
    assert list(modern) == ["USD", "EUR", "BTC", "ETH", "SOL", "USDT"]
    assert modern["BTC"] == "1.0000000000"


def test_a_balance_of_zero_stays_and_a_new_asset_joins(login: Callable[..., Client]) -> None:
    second = login("second")
    second.sell("50", pair="SOLUSD")
    second.buy("100", pair="ADAUSD")
    balances = second.call("Balance")
    assert list(balances) == ["ZUSD", "ZEUR", "XXBT", "XETH", "SOL", "USDT", "ADA"]
    assert balances["SOL"] == "0.0000000000"
    assert balances["ADA"] == "100.00000000"
    assert second.call("BalanceEx")["SOL"] == {"balance": "0.0000000000", "hold_trade": "0.0000000000"}


def test_trade_balance_is_the_sum_of_all_worths(kraken: Client) -> None:
    """Each asset at its last price; as collateral with the haircut that Assets shows."""
    kraken.buy("1")
    kraken.buy("0.5", "60000")
    kraken.sell("100", "5000", pair="ETHUSD")
    listed = kraken.get("Assets").result
    total = collateral = Decimal(0)
    for asset_id, text in kraken.call("Balance").items():
        price = Decimal(1)
        if asset_id != "ZUSD":
            ((ticker),) = kraken.get("Ticker", pair=f"{listed[asset_id]['altname']}USD").result.values()
            price = Decimal(ticker["c"][0])
        worth = (Decimal(text) * price).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        total += worth
        haircut = Decimal(str(listed[asset_id].get("collateral_value", 0)))
        collateral += (worth * haircut).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    shown = kraken.call("TradeBalance")
    assert list(shown) == ["eb", "tb", "m", "uv", "n", "c", "v", "e", "mf", "mfo"]
    assert shown == {
        "eb": f"{total:.4f}",
        "tb": f"{collateral:.4f}",
        "m": "0.0000",
        "uv": "530000.0000",
        "n": "0.0000",
        "c": "0.0000",
        "v": "0.0000",
        "e": f"{collateral:.4f}",
        "mf": f"{collateral:.4f}",
        "mfo": f"{collateral:.4f}",
    }
    assert kraken.call("TradeBalance", asset="USD") == kraken.call("TradeBalance", asset="ZUSD") == shown


def test_trade_balance_in_another_asset(kraken: Client) -> None:
    dollars, coins = (Decimal(kraken.call("TradeBalance", asset=asset)["eb"]) for asset in ("ZUSD", "BTC"))
    price = Decimal(kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]["c"][0])
    # Other assets have prices of their own in bitcoin, so the two need only be near each other.
    assert abs(dollars / price / coins - 1) < Decimal("0.01")
    assert kraken.post("TradeBalance", asset="FOO").refusal == "EQuery:Unknown asset"
    assert kraken.post("TradeBalance", asset="").refusal == "EQuery:Unknown asset"


# Fees


def test_trade_volume_without_pairs(kraken: Client) -> None:
    assert kraken.post("TradeVolume").body == ok('{"currency":"ZUSD","volume":"0.0000","fees":null,"fees_maker":null}')


STANDARD = (
    '{"currency":"ZUSD","volume":"0.0000","fees":{"XXBTZUSD":{"fee":"0.4000","minfee":"0.0500","maxfee":"0.4000",'
    '"nextfee":"0.3500","nextvolume":"10000.0000","tiervolume":"0.0000"}},"fees_maker":{"XXBTZUSD":{"fee":"0.2500",'
    '"minfee":"0.0000","maxfee":"0.2500","nextfee":"0.2000","nextvolume":"10000.0000","tiervolume":"0.0000"}}}'
)


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "btcusd"])
def test_trade_volume_of_a_pair_in_every_form(kraken: Client, name: str) -> None:
    answers = [
        kraken.post("TradeVolume", pair=name),
        kraken.post("TradeVolume", pair=name, **{"fee-info": "true"}),
        kraken.post_json("TradeVolume", pair=name),
        kraken.post_json("TradeVolume", pair=[name]),
        kraken.post_json("TradeVolume", pair=[{"asset": name, "aclass": "forex"}]),
        kraken.post_json("TradeVolume", pair=[{"aclass": "forex", "asset": name}]),
    ]
    assert [answer.body for answer in answers] == [ok(STANDARD)] * len(answers)


def test_trade_volume_of_several_pairs(kraken: Client) -> None:
    objects = [{"asset": name, "aclass": "forex"} for name in ("XBTUSD", "USDTUSD")]
    shown = kraken.call("TradeVolume", pair="XBTUSD,USDTUSD")
    assert kraken.post_json("TradeVolume", pair=objects).result == shown
    assert list(shown["fees"]) == list(shown["fees_maker"]) == ["XXBTZUSD", "USDTZUSD"]
    assert shown["fees"]["USDTZUSD"] == {
        "fee": "0.2000",
        "minfee": "0.0010",
        "maxfee": "0.2000",
        "nextfee": "0.1600",
        "nextvolume": "50000.0000",
        "tiervolume": "0.0000",
    }
    assert kraken.post("TradeVolume", pair="XBTUSD,FOO").refusal == "EQuery:Unknown asset pair"
    assert kraken.post_json("TradeVolume", pair=[{"asset": "FOO", "aclass": "forex"}]).refusal == (
        "EQuery:Unknown asset pair"
    )


def test_tiers_follow_the_volume_of_30_days(kraken: Client, sandbox: Sandbox) -> None:
    def taker() -> tuple[Any, ...]:
        row = kraken.call("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]
        return tuple(row[name] for name in ("tiervolume", "fee", "nextvolume", "nextfee"))

    assert taker() == ("0.0000", "0.4000", "10000.0000", "0.3500")
    kraken.buy("0.2")
    assert taker() == ("10000.0000", "0.3500", "50000.0000", "0.2400")
    sandbox.clock.advance(15 * DAY)
    kraken.sell("7")
    assert taker() == ("250000.0000", "0.2000", "500000.0000", "0.1800")
    volume = Decimal(kraken.call("TradeVolume")["volume"])
    sandbox.clock.advance(15 * DAY)  # the first trade counts no longer
    assert volume - Decimal(kraken.call("TradeVolume")["volume"]) == Decimal("13668.4800")
    sandbox.clock.advance(15 * DAY)
    assert taker() == ("0.0000", "0.4000", "10000.0000", "0.3500")


def test_the_last_tier_has_no_next(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.catalog.with_record("XXBTZUSD", fees=[(0, "0.4"), (1000, "0.1")])
    kraken.buy("0.1")
    row = kraken.call("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]
    assert (row["fee"], row["nextfee"], row["nextvolume"], row["tiervolume"]) == ("0.1000", None, None, "1000.0000")


def test_the_least_fee_need_not_be_the_last(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.catalog.with_record("XXBTZUSD", fees_maker=[(0, "0.1"), (1000, "-0.02"), (2000, "0.3")])
    row = kraken.call("TradeVolume", pair="XBTUSD")["fees_maker"]["XXBTZUSD"]
    assert (row["fee"], row["minfee"], row["maxfee"], row["nextfee"]) == ("0.1000", "-0.0200", "0.3000", "-0.0200")


def test_volume_in_other_quotes_counts_in_dollars(kraken: Client) -> None:
    kraken.buy("0.1", pair="XBTEUR")
    ((trade),) = kraken.call("TradesHistory")["trades"].values()
    rate = Decimal(kraken.get("Ticker", pair="EURUSD").result["ZEURZUSD"]["c"][0])
    dollars = (Decimal(trade["cost"]) * rate).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert kraken.call("TradeVolume")["volume"] == f"{dollars:.4f}"


# The key

PERMISSIONS = (
    '["query-funds","add-funds","withdraw-funds","earn-funds","query-open-trades","query-closed-trades",'
    '"modify-trades","close-trades","query-ledger","export-data","create-ws-token","add-withdraw-address",'
    '"update-withdraw-address"]'
)
CAMEL = (
    '{"apiKeyName":"full","apiKey":"MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W","nonce":"1",'
    f'"nonceWindow":0,"permissions":{PERMISSIONS},"iban":"AA11 N84G MOCK 0001","validUntil":"0","queryFrom":"0",'
    '"queryTo":"0","createdTime":"1767225600","modifiedTime":"1767225600","ipAllowlist":[],"lastUsed":"1767225605"}'
)
SNAKE = (
    '{"api_key_name":"full","api_key":"MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W","nonce":"1",'
    f'"nonce_window":"0","permissions":{PERMISSIONS},"iban":"AA11 N84G MOCK 0001","valid_until":"0","query_from":"0",'
    '"query_to":"0","created_time":"1767225600","modified_time":"1767225600","ip_allowlist":[],'
    '"last_used":"1767225605"}'
)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, CAMEL),
        ({"dialect": "observed"}, SNAKE),
        ({"api_key_info_case": "snake"}, SNAKE),
        ({"dialect": "observed", "api_key_info_case": "camel"}, CAMEL),
    ],
)
def test_what_a_key_says_of_itself(kraken: Client, sandbox: Sandbox, settings: dict[str, str], shown: str) -> None:
    sandbox.clock.advance(5_900_000_000)
    sandbox.settings.patch(settings)
    assert kraken.post("GetApiKeyInfo").body == ok(shown)


def test_both_spellings_at_once(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(5 * SECOND)
    sandbox.settings.patch({"api_key_info_case": "both"})
    assert kraken.call("GetApiKeyInfo") == json.loads(CAMEL) | json.loads(SNAKE)


def test_what_other_keys_say(login: Callable[..., Client], sandbox: Sandbox) -> None:
    windowed = login("windowed").call("GetApiKeyInfo")
    assert windowed["nonceWindow"] == 10000
    assert windowed["permissions"] == [
        "query-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "create-ws-token",
    ]
    sandbox.settings.patch({"api_key_info_case": "snake"})
    bare = login("bare", permissions=())
    sandbox.clock.advance(100 * SECOND)
    key = sandbox.keys.find("bare")
    assert key is not None
    limits = {"valid_until": (MIDNIGHT + 1000) * SECOND, "query_from": SECOND, "query_to": 2 * SECOND}
    sandbox.keys.edit(key, limits | {"ip_allowlist": ["127.0.0.1", "10.0.0.0/8"]}, now=sandbox.clock.now())
    info = bare.call("GetApiKeyInfo")
    assert (info["permissions"], info["ip_allowlist"]) == ([], ["127.0.0.1", "10.0.0.0/8"])
    assert (info["valid_until"], info["query_from"], info["query_to"]) == (str(MIDNIGHT + 1000), "1", "2")
    assert (info["created_time"], info["modified_time"]) == (str(MIDNIGHT), str(MIDNIGHT + 100))


def test_a_websockets_token(kraken: Client, sandbox: Sandbox) -> None:
    answer = kraken.post("GetWebSocketsToken")
    token = answer.result["token"]
    assert re.fullmatch("[A-Za-z0-9+/]{43}", token)
    assert answer.body == ok(f'{{"token":"{token}","expires":900}}')
    assert kraken.call("GetWebSocketsToken")["token"] != token
    key = sandbox.tokens.lookup(token, sandbox.clock.now())
    assert key is not None
    assert key.api_key == kraken.api_key
    sandbox.clock.advance(900 * SECOND)
    assert sandbox.tokens.lookup(token, sandbox.clock.now()) is None
