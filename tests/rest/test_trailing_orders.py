"""A trader's days with trailing stops, at the market and with a limit (kraken/30 §2.2, §2.3, §7, §8.6).

The market stands at 60000; `pit.at(price)` trades there, with 1 bid at the price and 5 bid 10 below it, and 1 asked
10 above it and 5 asked 20 above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockkraken.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600


class Trail(NamedTuple):
    """An order for 1.5 that trails by 1000, and its day.

    Attributes:
        price2: its limit once it has fired; between the first and the second level that it meets.
        text: how AddOrder describes it.
        level: where it would fire at entry.
        best: the best price of the day.
        near: on the way back from there, a price at which it still waits.
        back: the price at which it fires.
        limit: its limit price then.
    """

    side: str
    ordertype: str
    price2: str
    text: str
    level: str
    best: str
    near: str
    back: str
    limit: str

    @property
    def terms(self) -> dict[str, str]:
        """The fields of AddOrder."""
        terms = {"side": self.side, "ordertype": self.ordertype, "volume": "1.5", "price": "+1000"}
        return terms | ({"price2": self.price2} if self.price2 else {})

    def waiting(self, kraken: Client) -> dict[str, Any]:
        """Its row of OpenOrders at entry."""
        described = (self.text, "+1000.0", f"{self.price2}.0" if self.price2 else "0")
        trail = {"stopprice": f"{self.level}.00000", "limitprice": "60000.00000"}
        return kraken.new_row(self.side, self.ordertype, "1.50000000", *described, **trail)

    def __str__(self) -> str:
        return f"{self.side} {self.ordertype}"


SELL = Trail(
    *("sell", "trailing-stop", "", "sell 1.50000000 XBTUSD @ trailing stop +1000.0"),
    *("59000", "62000", "61000.1", "61000", ""),
)
BUY = Trail(
    *("buy", "trailing-stop", "", "buy 1.50000000 XBTUSD @ trailing stop +1000.0"),
    *("61000", "58000", "58999.9", "59000", ""),
)
SELL_LIMIT = Trail(
    *("sell", "trailing-stop-limit", "-5", "sell 1.50000000 XBTUSD @ trailing stop +1000.0 -> limit -5.0"),
    *("59000", "62000", "61000.1", "61000", "60995"),
)
BUY_LIMIT = Trail(
    *("buy", "trailing-stop-limit", "+15", "buy 1.50000000 XBTUSD @ trailing stop +1000.0 -> limit +15.0"),
    *("61000", "58000", "58999.9", "59000", "59015"),
)

every_trail = pytest.mark.parametrize("trail", [SELL, BUY, SELL_LIMIT, BUY_LIMIT], ids=str)
both_sides = pytest.mark.parametrize("trail", [SELL, BUY], ids=str)


@pytest.fixture
def pit(pit: Pit) -> Pit:
    pit.at(60000)
    return pit


def level_and_extreme(kraken: Client, txid: str) -> tuple[str, str]:
    row = kraken.row(txid)
    return row["stopprice"], row["limitprice"]


# The trail


@every_trail
def test_it_waits_and_holds_nothing(kraken: Client, pit: Pit, trail: Trail) -> None:
    book, wallet = pit.shown(), kraken.call("BalanceEx")
    terms = trail.terms
    terms["type"] = terms.pop("side")
    answer = kraken.call("AddOrder", pair="XBTUSD", **terms)
    (txid,) = answer["txid"]
    assert answer == {"descr": {"order": trail.text}, "txid": [txid]}
    assert kraken.open_orders() == {txid: trail.waiting(kraken)}
    assert kraken.row(txid) == trail.waiting(kraken) | {"reason": None}
    assert kraken.call("BalanceEx") == wallet
    assert pit.shown() == book


@every_trail
def test_it_follows_the_market_and_does_not_go_back(kraken: Client, pit: Pit, trail: Trail) -> None:
    txid = kraken.place(**trail.terms)
    pit.at(trail.best)
    followed = trail.waiting(kraken) | {"stopprice": f"{trail.back}.00000", "limitprice": f"{trail.best}.00000"}
    assert kraken.open_orders() == {txid: followed}
    pit.at(trail.near)
    assert kraken.open_orders() == {txid: followed}
    assert kraken.call("TradesHistory")["count"] == 0


@pytest.mark.parametrize(
    ("side", "price", "day"),
    [
        ("sell", "+1000", [("60000", "59000"), ("60500", "59500"), ("59800", "59500"), ("60500.1", "59500.1")]),
        ("buy", "+1000", [("60000", "61000"), ("59500", "60500"), ("60200", "60500"), ("59499.9", "60499.9")]),
        ("sell", "+2%", [("60000", "58800"), ("61000", "59780"), ("60000", "59780"), ("61111.1", "59888.9")]),
        ("buy", "+2%", [("60000", "61200"), ("59000", "60180"), ("60000", "60180"), ("58888.8", "60066.5")]),
    ],
)
def test_a_day_of_ups_and_downs(kraken: Client, pit: Pit, side: str, price: str, day: list[tuple[str, str]]) -> None:
    txid = kraken.place(side, "trailing-stop", "0.1", price=price)
    for last, level in day:
        pit.at(last)
        assert kraken.row(txid)["stopprice"] == f"{float(level):.5f}"
    pit.at(level)
    assert kraken.row(txid)["status"] == "closed"


@pytest.mark.parametrize(
    ("pair", "side", "price", "last", "level"),
    [
        ("SUIUSD", "sell", "+1%", "4.0266", "3.98640000"),  # exactly 3.986334
        ("XRPEUR", "sell", "+50%", "0.46847", "0.23424000"),  # exactly 0.234235
        ("XRPEUR", "buy", "+50%", "0.50527", "0.75790000"),  # exactly 0.757905
    ],
)
def test_levels_recorded_from_kraken(
    kraken: Client,
    pit: Pit,
    pair: str,
    side: str,
    price: str,
    last: str,
    level: str,
) -> None:
    """A percentage is rounded to the tick, towards the reference price."""
    pit.balances("main", SUI="50")
    pit.step = "0.0001" if pair == "SUIUSD" else "0.00001"
    pit.at(last, pair)
    txid = kraken.place(side, "trailing-stop", "50", pair=pair, price=price)
    assert level_and_extreme(kraken, txid) == (level, f"{last}{'0' * (10 - len(last))}")
    short_of_it = float(level) + float(pit.step) * (1 if side == "sell" else -1)
    pit.at(f"{short_of_it:.5f}", pair)
    assert kraken.row(txid)["status"] == "open"
    pit.at(level, pair)
    assert kraken.row(txid)["misc"].startswith("stopped")


def test_the_row_recorded_from_kraken(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    pit.balances("main", SUI="50")
    pit.step = "0.0001"
    pit.at("4.0266", "SUIUSD")
    answer = kraken.call("AddOrder", pair="SUIUSD", type="sell", ordertype="trailing-stop", volume="50", price="+1%")
    assert answer["descr"] == {"order": "sell 50.00000 SUIUSD @ trailing stop +1.0000%"}
    sandbox.clock.advance(384_727_156_000)
    kraken.call("CancelOrder", txid=answer["txid"][0])
    (row,) = kraken.call("ClosedOrders")["closed"].values()
    assert row == {
        "refid": None,
        "userref": 0,
        "status": "canceled",
        "opentm": MIDNIGHT,
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": "SUIUSD",
            "aclass": "forex",
            "type": "sell",
            "ordertype": "trailing-stop",
            "price": "+1.0000%",
            "price2": "0",
            "leverage": "none",
            "order": "sell 50.00000 SUIUSD @ trailing stop +1.0000%",
            "close": "",
        },
        "vol": "50.00000",
        "vol_exec": "0.00000",
        "cost": "0.00000000",
        "fee": "0.00000000",
        "price": "0.00000000",
        "stopprice": "3.98640000",
        "limitprice": "4.02660000",
        "misc": "",
        "oflags": "fciq",
        "time_in_force": "gtc",
        "reason": "User requested",
        "closetm": MIDNIGHT + 384.727156,
    }


def test_each_knows_the_prices_since_its_own_entry(kraken: Client, pit: Pit) -> None:
    pit.at(63000)
    pit.at(60000)
    early = kraken.place("sell", "trailing-stop", "0.1", price="+1000")
    pit.at(61000)
    pit.at(60500)
    late = kraken.place("sell", "trailing-stop", "0.1", price="+1000")
    assert level_and_extreme(kraken, early) == ("60000.00000", "61000.00000")
    assert level_and_extreme(kraken, late) == ("59500.00000", "60500.00000")
    pit.at(60000)
    assert [kraken.row(txid)["status"] for txid in (early, late)] == ["closed", "open"]


# Triggered


@pytest.mark.parametrize(
    ("trail", "prices", "cost", "fee", "average"),
    [
        (SELL, ("61000", "60990"), "91495.00000", "365.98000", "60996.7"),
        (BUY, ("59010", "59020"), "88520.00000", "354.08000", "59013.3"),
    ],
    ids=str,
)
def test_it_fires_into_the_market(
    kraken: Client,
    pit: Pit,
    sandbox: Sandbox,
    trail: Trail,
    prices: tuple[str, str],
    cost: str,
    fee: str,
    average: str,
) -> None:
    txid = kraken.place(**trail.terms)
    pit.at(trail.best)
    sandbox.clock.advance(SECOND)
    pit.at(trail.back)
    done = kraken.row(txid)
    (trade,) = done.pop("trades")
    assert done == trail.waiting(kraken) | {
        "status": "closed",
        "vol_exec": "1.50000000",
        "cost": cost,
        "fee": fee,
        "price": average,
        "stopprice": f"{trail.back}.00000",
        "limitprice": f"{trail.best}.00000",
        "misc": "stopped",
        "reason": None,
        "closetm": MIDNIGHT + 1,
    }
    assert [(row["price"], row["vol"]) for row in kraken.fills(txid)] == [
        (f"{prices[0]}.00000", "1.00000000"),
        (f"{prices[1]}.00000", "0.50000000"),
    ]
    row = kraken.call("QueryTrades", txid=trade)[trade]
    assert (row["ordertxid"], row["type"], row["time"]) == (txid, trail.side, MIDNIGHT + 1)
    assert (row["ordertype"], row["tradeordertype"]) == ("trailing-stop", "market")
    assert (row["cost"], row["fee"], row["vol"], row["maker"]) == (cost, fee, "1.50000000", False)
    coins = kraken.call("Balance")["XXBT"]
    assert coins == ("98.5000000000" if trail.side == "sell" else "101.5000000000")
    entries = kraken.call("Ledgers", type="trade")["ledger"].values()
    assert {(entry["refid"], entry["asset"]) for entry in entries} == {(trade, "XXBT"), (trade, "ZUSD")}
    assert len(entries) == 4


@pytest.mark.parametrize(
    ("trail", "price", "cost", "asset", "hold"),
    [
        (SELL_LIMIT, "61000", "61000.00000", "XXBT", "0.5000000000"),
        (BUY_LIMIT, "59010", "59010.00000", "ZUSD", "29625.5300"),  # 0.5 * 59015 * 1.004
    ],
    ids=str,
)
def test_it_fires_is_partly_filled_and_rests_at_its_limit(
    kraken: Client, pit: Pit, trail: Trail, price: str, cost: str, asset: str, hold: str
) -> None:
    txid = kraken.place(**trail.terms)
    pit.at(trail.best)
    pit.at(trail.back)
    row = kraken.open_orders()[txid]
    assert row == trail.waiting(kraken) | {
        "vol_exec": "1.00000000",
        "cost": cost,
        "fee": row["fee"],
        "price": f"{price}.0",
        "stopprice": f"{trail.back}.00000",
        "limitprice": f"{trail.limit}.00000",
        "misc": "stopped",
    }
    assert kraken.held(asset) == hold

    pit.pair.trade("buy" if trail.side == "sell" else "sell", "0.5", trail.limit)
    assert (kraken.row(txid)["status"], kraken.row(txid)["limitprice"]) == ("closed", f"{trail.limit}.00000")
    fills = [(fill["price"], fill["vol"], fill["maker"], fill["tradeordertype"]) for fill in kraken.fills(txid)]
    assert fills == [
        (f"{price}.00000", "1.00000000", False, "limit"),
        (f"{trail.limit}.00000", "0.50000000", True, "limit"),
    ]


@pytest.mark.parametrize(
    ("side", "price2", "limit"),
    [
        ("sell", "+0", "59000"),
        ("buy", "+0", "61000"),
        ("sell", "+250.5", "59250.5"),
        ("buy", "-250.5", "60749.5"),
        ("sell", "-1%", "58410"),
        ("buy", "+0.0333%", "61020.3"),  # exactly 61020.313
    ],
)
def test_its_limit_is_told_from_the_trigger_price(kraken: Client, pit: Pit, side: str, price2: str, limit: str) -> None:
    txid = kraken.place(side, "trailing-stop-limit", "0.1", price="+1000", price2=price2)
    pit.at(59000 if side == "sell" else 61000)
    row = kraken.row(txid)
    assert (row["limitprice"], row["misc"]) == (f"{float(limit):.5f}", "stopped")


def test_a_leap_fires_it_at_its_level(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "trailing-stop-limit", "0.1", price="+1000", price2="-5")
    pit.at(50000)
    row = kraken.row(txid)
    assert (row["stopprice"], row["limitprice"], row["vol_exec"]) == ("59000.00000", "58995.00000", "0.00000000")
    assert pit.shown() == "50000.0:1 49990.0:5 | 50010.0:1 50020.0:5 58995.0:0.1"


def test_first_the_nearest_level_and_there_who_came_first(kraken: Client, pit: Pit) -> None:
    static = kraken.place("sell", "stop-loss", "0.5", price="59000")
    trailing = kraken.place("sell", "trailing-stop", "0.5", price="+1000")
    nearer = kraken.place("sell", "trailing-stop", "0.25", price="+999.9")
    pit.at(59000)
    fills = {txid: kraken.fills(txid) for txid in (trailing, static, nearer)}
    by_time = sorted(fills, key=lambda txid: fills[txid][0]["trade_id"])
    assert by_time == [nearer, static, trailing]
    assert [row["price"] for row in fills[trailing]] == ["59000.00000", "58990.00000"]


def test_one_sets_off_the_other(kraken: Client, pit: Pit) -> None:
    first = kraken.place("sell", "trailing-stop", "1.5", price="+1000")
    other = kraken.place("sell", "trailing-stop", "0.5", price="+1010")
    pit.at("59000.1")
    assert [kraken.row(txid)["status"] for txid in (first, other)] == ["open", "open"]
    pit.at(59000)
    assert [kraken.row(txid)["status"] for txid in (first, other)] == ["closed", "closed"]
    assert kraken.row(other)["price"] == "58990.0"


def test_a_trail_of_an_index(kraken: Client, pit: Pit) -> None:
    pit.pair.set_index("60000")
    txid = kraken.place(**SELL.terms, trigger="index")
    assert kraken.open_orders() == {txid: SELL.waiting(kraken) | {"trigger": "index"}}
    pit.at(64000)
    pit.at(50000)
    assert kraken.open_orders() == {txid: SELL.waiting(kraken) | {"trigger": "index"}}
    pit.pair.set_index("62000")
    assert level_and_extreme(kraken, txid) == ("61000.00000", "62000.00000")
    pit.pair.set_index("61000")
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["price"]) == ("closed", "stopped", "49996.7")


def test_without_an_index_price_it_trails_the_last(kraken: Client, pit: Pit) -> None:
    txid = kraken.place(**SELL.terms, trigger="index")
    pit.at(62000)
    assert level_and_extreme(kraken, txid) == ("61000.00000", "62000.00000")
    pit.at(61000)
    assert kraken.row(txid)["status"] == "closed"


# Amended


def test_its_distance_changes_and_its_extreme_stays(kraken: Client, pit: Pit, sandbox: Sandbox) -> None:
    txid = kraken.place(**SELL_LIMIT.terms)
    sandbox.clock.advance(SECOND)
    kraken.call("AmendOrder", txid=txid, trigger_price="+2%", limit_price="-10", order_qty="0.5")
    first, second = kraken.amends(txid)
    assert first == {
        "amend_id": first["amend_id"],
        "amend_type": "original",
        "order_qty": "1.50000000",
        "remaining_qty": "1.50000000",
        "limit_price": "58995.0",
        "trigger_price": "59000.0",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000,
    }
    assert second == {
        "amend_id": second["amend_id"],
        "amend_type": "user",
        "order_qty": "0.50000000",
        "remaining_qty": "0.50000000",
        "limit_price": "58790.0",
        "trigger_price": "58800.0",
        "reason": "User requested",
        "post_only": False,
        "timestamp": MIDNIGHT * 1000 + 1000,
    }
    text = "sell 0.50000000 XBTUSD @ trailing stop +2.0000% -> limit -10.0"
    descr = SELL_LIMIT.waiting(kraken)["descr"] | {"price": "+2.0000%", "price2": "-10.0", "order": text}
    amended = SELL_LIMIT.waiting(kraken) | {
        "descr": descr,
        "vol": "0.50000000",
        "misc": "amended",
        "stopprice": "58800.00000",
    }
    assert kraken.open_orders() == {txid: amended}

    pit.at(62000)
    pit.at(61500)
    kraken.call("AmendOrder", txid=txid, trigger_price="+1000")
    assert level_and_extreme(kraken, txid) == ("61000.00000", "62000.00000")
    pit.at(61000)
    row = kraken.row(txid)
    assert (row["status"], row["misc"], row["limitprice"]) == ("closed", "stopped,amended", "60990.00000")


def test_a_distance_that_the_market_has_gone_already(kraken: Client, pit: Pit) -> None:
    txid = kraken.place(**SELL.terms)
    pit.at(59500)
    before = kraken.open_orders()
    for distance in ("+500", "+400", "+0.5%"):
        refused = kraken.post("AmendOrder", txid=txid, trigger_price=distance).refusal
        assert refused == "EOrder:Invalid trigger price"
    assert kraken.open_orders() == before
    pit.settings(triggered_at_entry="fire")
    kraken.call("AmendOrder", txid=txid, trigger_price="+500")
    assert (kraken.row(txid)["status"], kraken.row(txid)["misc"]) == ("closed", "stopped,amended")


def test_once_fired_its_limit_is_a_price(kraken: Client, pit: Pit) -> None:
    txid = kraken.place("sell", "trailing-stop-limit", "0.5", price="+1000", price2="+200")
    pit.at(59000)
    assert kraken.row(txid)["limitprice"] == "59200.00000"
    for same in ("59200", "+200"):
        refused = kraken.post("AmendOrder", txid=txid, limit_price=same).refusal
        assert refused == "EOrder:No amendable parameters specified"
    assert kraken.post("AmendOrder", txid=txid, trigger_price="+500").refusal == "EOrder:Invalid trigger price"
    kraken.call("AmendOrder", txid=txid, limit_price="59100")
    row = kraken.row(txid)
    assert (row["limitprice"], row["descr"]["price2"], row["stopprice"]) == ("59100.00000", "59100.0", "59000.00000")
    pit.at(59100)
    assert kraken.row(txid)["status"] == "closed"


@pytest.mark.parametrize(
    ("trail", "change", "refusal"),
    [
        (SELL, {"trigger_price": "59000"}, "Invalid trigger price"),
        (SELL, {"trigger_price": "-1000"}, "Invalid trigger price"),
        (SELL, {"trigger_price": "#1000"}, "Invalid trigger price"),
        (SELL, {"trigger_price": "+x"}, "Invalid price:Invalid price argument"),
        (SELL, {"trigger_price": "+1000.0"}, "No amendable parameters specified"),
        (SELL, {"limit_price": "-5"}, "Invalid limit price"),
        (SELL_LIMIT, {"limit_price": "58000"}, "Invalid limit price"),
        (SELL_LIMIT, {"limit_price": "#5"}, "Invalid limit price"),
        (SELL_LIMIT, {"limit_price": "-5", "order_qty": "1.5"}, "No amendable parameters specified"),
        (SELL, {"order_qty": "101"}, "Insufficient funds"),
    ],
)
def test_an_amend_is_refused_and_leaves_no_trace(
    kraken: Client, pit: Pit, trail: Trail, change: dict[str, str], refusal: str
) -> None:
    txid = kraken.place(**trail.terms)
    assert kraken.post("AmendOrder", txid=txid, **change).refusal == f"EOrder:{refusal}"
    assert kraken.open_orders() == {txid: trail.waiting(kraken)}
    assert len(kraken.amends(txid)) == 1


def test_an_edit_makes_another_trail(kraken: Client, pit: Pit) -> None:
    txid = kraken.place(**SELL_LIMIT.terms)
    pit.at(62000)
    pit.at(61500)
    edited = kraken.call("EditOrder", txid=txid, pair="XBTUSD", price="+500")
    assert edited["descr"]["order"] == "sell 1.50000000 XBTUSD @ trailing stop +500 -> limit -5.0"
    assert level_and_extreme(kraken, edited["txid"]) == ("61000.00000", "61500.00000")
    assert kraken.ended(txid) == ("canceled", "Order replaced")


# Cancelled, expired, too late


@every_trail
def test_it_is_cancelled_and_never_fires(kraken: Client, pit: Pit, sandbox: Sandbox, trail: Trail) -> None:
    txid = kraken.place(**trail.terms)
    pit.at(trail.best)
    sandbox.clock.advance(SECOND)
    kraken.call("CancelOrder", txid=txid)
    gone = trail.waiting(kraken) | {
        "status": "canceled",
        "stopprice": f"{trail.back}.00000",
        "limitprice": f"{trail.best}.00000",
        "reason": "User requested",
        "closetm": MIDNIGHT + 1,
    }
    assert kraken.row(txid) == gone
    pit.at(trail.back)
    assert kraken.row(txid) == gone


@both_sides
def test_it_expires(kraken: Client, pit: Pit, sandbox: Sandbox, trail: Trail) -> None:
    txid = kraken.place(**trail.terms, timeinforce="GTD", expiretm="+60")
    sandbox.clock.advance(60 * SECOND)
    gone = trail.waiting(kraken) | {"time_in_force": "gtd", "expiretm": MIDNIGHT + 60}
    gone |= {"status": "expired", "reason": "Order expired", "closetm": MIDNIGHT + 60}
    assert kraken.row(txid) == gone
    pit.at(trail.level)
    assert kraken.row(txid) == gone


@both_sides
def test_a_scheduled_one_begins_to_trail_when_its_time_comes(
    kraken: Client, pit: Pit, sandbox: Sandbox, trail: Trail
) -> None:
    txid = kraken.place(**trail.terms, starttm="+60")
    assert kraken.open_orders()[txid] == trail.waiting(kraken) | {
        "status": "pending",
        "starttm": MIDNIGHT + 60,
        "stopprice": "0.00000",
        "limitprice": "0.00000",
    }
    pit.at(trail.best)
    pit.at(60000)
    sandbox.clock.advance(60 * SECOND)
    assert kraken.open_orders() == {txid: trail.waiting(kraken) | {"starttm": MIDNIGHT + 60}}


@both_sides
def test_it_needs_its_funds_only_when_it_fires(login: Callable[..., Client], pit: Pit, trail: Trail) -> None:
    second = login("second")
    txid = second.place(**trail.terms | {"volume": "0.16"})
    pit.at(trail.best)
    bound = second.sell("1", "70000") if trail.side == "sell" else second.buy("0.19", "50000")
    pit.at(trail.back)
    row = second.row(txid)
    assert (row["status"], row["reason"], row["misc"]) == ("canceled", "Insufficient funds", "stopped")
    assert (row["stopprice"], row["vol_exec"]) == (f"{trail.back}.00000", "0.00000000")
    assert list(second.open_orders()) == [bound]


def test_it_may_hold_its_coins(login: Callable[..., Client], pit: Pit) -> None:
    pit.settings(stops_hold_funds=True)
    second = login("second")
    txid = second.place("sell", "trailing-stop", "0.75", price="+1000")
    assert second.held("XXBT") == "0.7500000000"
    another = {"pair": "XBTUSD", "type": "sell", "ordertype": "trailing-stop", "volume": "0.26", "price": "+1%"}
    assert second.post("AddOrder", **another).refusal == "EOrder:Insufficient funds"
    pit.at(59000)
    assert second.row(txid)["status"] == "closed"
    assert second.call("BalanceEx")["XXBT"] == {"balance": "0.2500000000", "hold_trade": "0.0000000000"}


# What it does not take


@pytest.mark.parametrize(
    ("prices", "refusal"),
    [
        ({"price": "59000"}, "EGeneral:Invalid arguments:price"),
        ({"price": "-1000"}, "EGeneral:Invalid arguments:price"),
        ({"price": "#1000"}, "EGeneral:Invalid arguments:price"),
        ({"price": " 1000"}, "EOrder:Invalid price:Invalid price argument"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"price": "+x"}, "EOrder:Invalid price:Invalid price argument"),
        ({"price": "+"}, "EOrder:Invalid price:Invalid price argument"),
        ({"price": "+0"}, "EOrder:Invalid price"),
        ({"price": "+0.01"}, "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."),
        ({"price2": "58995"}, "EOrder:Invalid price:Invalid secondary price argument"),
        ({"price2": "#5"}, "EOrder:Invalid price:Invalid secondary price argument"),
        ({"price2": ""}, "EOrder:Invalid price:Invalid secondary price argument"),
        ({"oflags": "post"}, "EGeneral:Invalid arguments:postonly"),
    ],
)
def test_what_it_does_not_take(kraken: Client, pit: Pit, prices: dict[str, str], refusal: str) -> None:
    order = {"type": "sell", "ordertype": "trailing-stop-limit", "volume": "1", "price": "+1000", "price2": "-5"}
    assert kraken.post("AddOrder", pair="XBTUSD", **(order | prices)).refusal == refusal
    assert kraken.open_orders() == {}


@pytest.mark.parametrize(
    ("pair", "order", "text"),
    [
        ("XRPEUR", ("sell", "10", "+50%", ""), "sell 10.00000000 XRPEUR @ trailing stop +50.0000%"),  # recorded
        ("XBTUSD", ("buy", "1", "+100", "+0"), "buy 1.00000000 XBTUSD @ trailing stop +100.0 -> limit +0.0"),
        ("XBTUSD", ("sell", "1", "+1%", "-0.5%"), "sell 1.00000000 XBTUSD @ trailing stop +1.0000% -> limit -0.5000%"),
    ],
)
def test_how_it_is_described(kraken: Client, pair: str, order: tuple[str, ...], text: str) -> None:
    side, volume, price, price2 = order
    fields = {"ordertype": "trailing-stop-limit", "price2": price2} if price2 else {"ordertype": "trailing-stop"}
    fields |= {"type": side, "volume": volume, "price": price}
    assert kraken.call("AddOrder", pair=pair, validate="true", **fields) == {"descr": {"order": text}}


# States of the exchange


def test_it_does_not_fire_while_nobody_trades(kraken: Client, pit: Pit) -> None:
    pit.pair.set_index("60000")
    txid = kraken.place("sell", "trailing-stop", "0.1", price="+1000", trigger="index")
    pit.status.set("cancel_only")
    pit.pair.set_index("58000")
    assert kraken.open_orders()[txid]["misc"] == ""
    pit.status.set("online")
    assert (kraken.row(txid)["status"], kraken.row(txid)["stopprice"]) == ("closed", "59000.00000")
