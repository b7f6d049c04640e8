"""python-kraken-sdk 3.5, with nothing changed but its url: forms with `False` and `0`, JSON batches with numbers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from kraken.base_api import SpotClient
from kraken.exceptions import (
    KrakenInsufficientFundsError,
    KrakenInvalidOrderError,
    KrakenInvalidPriceError,
    KrakenPermissionDeniedError,
    KrakenUnknownOrderError,
)
from kraken.spot import Trade, User

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle


@pytest.fixture
def trade(server: MockKraken, market: PairHandle, monkeypatch: pytest.MonkeyPatch) -> Trade:
    # The client within, which `truncate` asks for the pair's decimals, takes no url.
    monkeypatch.setattr(SpotClient, "URL", server.url)
    return Trade(key=server.api_key, secret=server.api_secret)


@pytest.fixture
def user(server: MockKraken, market: PairHandle) -> User:
    return User(key=server.api_key, secret=server.api_secret, url=server.url)


def limit(trade: Trade, **more: Any) -> str:
    order = {"ordertype": "limit", "side": "buy", "pair": "XBTUSD", "volume": 0.5, "price": 40000} | more
    [txid] = trade.create_order(**order)["txid"]
    return txid


def test_an_order_with_the_fields_that_it_always_sends(trade: Trade, user: User) -> None:
    """`validate=False` and `reduce_only=False` mean no, `starttm=0` means now."""
    txid = limit(trade, oflags=["post", "fciq"], userref=12)
    order = user.get_open_orders(trades=True, userref=12)["open"][txid]
    assert (order["status"], order["starttm"], order["oflags"], order["userref"]) == ("open", 0, "post,fciq", 12)
    assert "reduce_only" not in order
    assert (order["vol"], order["descr"]["price"], order["time_in_force"]) == ("0.50000000", "40000.0", "gtc")
    assert user.get_orders_info(txid=txid)[txid]["reason"] is None


@pytest.mark.parametrize(
    ("order", "sentences"),
    [
        (
            {"ordertype": "market", "volume": 0.01},
            {"order": "buy 0.01000000 XBTUSD @ market"},
        ),
        (
            {
                "ordertype": "stop-loss-limit",
                "volume": "1.2",
                "price": 54000,
                "price2": "+1000",
                "trigger": "last",
                "timeinforce": "GTC",
                "close_ordertype": "take-profit-limit",
                "close_price": 57000,
                "close_price2": "#2%",
            },
            {
                "order": "buy 1.20000000 XBTUSD @ stop loss 54000.0 -> limit +1000.0",
                "close": "close position @ take profit 57000.0 -> limit -2.0000%",
            },
        ),
        (
            {"ordertype": "take-profit", "volume": 1, "price": 45000, "trigger": "index", "leverage": 4},
            {"order": "buy 1.00000000 XBTUSD @ take profit 45000.0 with 4:1 leverage"},
        ),
        (
            {"ordertype": "trailing-stop-limit", "volume": 1, "price": "+1.5%", "price2": "+10"},
            {"order": "buy 1.00000000 XBTUSD @ trailing stop +1.5000% -> limit +10.0"},
        ),
        (
            {"ordertype": "iceberg", "volume": 3, "price": 45000, "displayvol": 0.2, "oflags": ["post"]},
            {"order": "buy 3.00000000 XBTUSD @ limit 45000.0"},
        ),
        (
            {"ordertype": "limit", "volume": 1.23456789123, "price": 45000.123456, "truncate": True},
            {"order": "buy 1.23456789 XBTUSD @ limit 45000.1"},
        ),
    ],
)
def test_every_type_is_placed_and_first_validated(
    trade: Trade, user: User, order: dict[str, Any], sentences: dict[str, str]
) -> None:
    order = {"side": "buy", "pair": "XBTUSD"} | order
    assert trade.create_order(**order, validate=True) == {"descr": sentences}
    assert user.get_open_orders() == {"open": {}}
    placed = trade.create_order(**order, stptype="cancel-oldest")
    assert placed["descr"] == sentences
    [txid] = placed["txid"]
    row = user.get_orders_info(txid=txid, trades=True)[txid]
    assert row["descr"]["order"] == sentences["order"]
    assert row["descr"]["close"] == sentences.get("close", "")
    assert row["status"] == ("closed" if order["ordertype"] == "market" else "open")


def test_times(trade: Trade, user: User, server: MockKraken) -> None:
    soon = (datetime.fromisoformat(server.clock.now()) + timedelta(seconds=20)).isoformat()
    until = limit(trade, timeinforce="GTD", expiretm="+60", deadline=soon)
    later = limit(trade, starttm="+30", cl_ord_id="later")
    assert user.get_orders_info(txid=[until, later])[later]["status"] == "pending"
    server.clock.advance("60s")
    rows = user.get_orders_info(txid=f"{until},{later}")
    assert (rows[until]["status"], rows[later]["status"]) == ("expired", "open")
    assert list(user.get_open_orders(cl_ord_id="later")["open"]) == [later]


def test_batches_with_numbers(trade: Trade, user: User) -> None:
    close = {"ordertype": "stop-loss-limit", "price": 30000, "price2": 29000}
    batch: list[dict[str, Any]] = [
        {"ordertype": "limit", "type": "buy", "volume": 0.1, "price": 41000, "userref": 7, "close": close},
        {"ordertype": "limit", "type": "sell", "volume": 2, "price": 70000.5, "oflags": "post", "reduce_only": False},
    ]
    descriptions = [
        {
            "order": "buy 0.10000000 XBTUSD @ limit 41000.0",
            "close": "close position @ stop loss 30000.0 -> limit 29000.0",
        },
        {"order": "sell 2.00000000 XBTUSD @ limit 70000.5"},
    ]
    checked = trade.create_order_batch(orders=batch, pair="BTC/USD", validate=True)
    assert checked == {"orders": [{"descr": descr} for descr in descriptions]}
    placed = trade.create_order_batch(orders=batch, pair="BTC/USD", deadline=None)["orders"]
    assert [row["descr"] for row in placed] == descriptions
    txids = [row["txid"] for row in placed]
    assert set(user.get_open_orders()["open"]) == set(txids)

    refused = trade.create_order_batch(orders=[batch[0], batch[1] | {"volume": 0.00001}], pair="BTC/USD")
    assert refused == {"orders": [{}, {"error": "EOrder:Order minimum not met"}]}
    assert trade.cancel_order_batch(orders=[7, txids[1]]) == {"count": 2}
    assert user.get_open_orders() == {"open": {}}


def test_amend_and_edit(trade: Trade, user: User) -> None:
    txid = limit(trade, userref=12)
    amended = trade.amend_order(txid=txid, limit_price=40100.5, order_qty=0.25, post_only=True)
    history = user.get_order_amends(order_id=txid)
    assert history["count"] == 2
    assert history["amends"][1]["amend_id"] == amended["amend_id"]
    assert (history["amends"][1]["limit_price"], history["amends"][1]["order_qty"]) == ("40100.5", "0.25000000")

    edited = trade.edit_order(txid=txid, pair="XBTUSD", volume=0.75, price=40200, oflags=["post"], userref=13)
    assert {name: edited[name] for name in ("status", "originaltxid", "newuserref", "olduserref", "price")} == {
        "status": "ok",
        "originaltxid": txid,
        "newuserref": 13,
        "olduserref": 12,
        "price": "40200",
    }
    rows = user.get_orders_info(txid=[txid, edited["txid"]])
    assert [rows[txid]["status"], rows[edited["txid"]]["status"]] == ["canceled", "open"]
    with pytest.raises(KrakenUnknownOrderError):
        trade.amend_order(txid=txid, limit_price=40000)


def test_cancelling(trade: Trade, user: User, server: MockKraken) -> None:
    limit(trade, userref=3), limit(trade, userref=3), limit(trade, cl_ord_id="named"), limit(trade)
    assert trade.cancel_order(txid=3) == {"count": 2}
    assert trade.cancel_order(cl_ord_id="named") == {"count": 1}
    with pytest.raises(KrakenUnknownOrderError):
        trade.cancel_order(cl_ord_id="named")
    with pytest.raises(KrakenUnknownOrderError):
        trade.cancel_order(txid="OAAAAA-BBBBB-CCCCCC")
    assert trade.cancel_all_orders_after_x(timeout=60)["triggerTime"] == "2026-01-15T12:01:00Z"
    assert trade.cancel_all_orders_after_x()["triggerTime"] == "0"
    server.clock.advance("60s")
    assert trade.cancel_all_orders() == {"count": 1}
    server.settings["dialect"] = "observed"
    with pytest.raises(KrakenInvalidOrderError):
        trade.cancel_order(txid="OAAAAA-BBBBB-CCCCCC")


def test_positions(trade: Trade, user: User) -> None:
    assert user.get_open_positions(docalcs=True, consolidation="market") == []
    trade.create_order(ordertype="market", side="buy", pair="XBTUSD", volume=0.5, leverage=2)
    [position] = user.get_open_positions(docalcs=True, consolidation="market")
    assert (position["type"], position["vol"], position["leverage"]) == ("buy", "0.50000000", "2.00000")
    trade.create_order(ordertype="market", side="sell", pair="XBTUSD", volume=0, leverage=2, reduce_only=True)
    assert user.get_open_positions() == []


def test_its_exceptions(trade: Trade, server: MockKraken) -> None:
    for order, cause in (
        ({"volume": 100}, KrakenInsufficientFundsError),
        ({"price": "abc"}, KrakenInvalidPriceError),
    ):
        with pytest.raises(cause):
            limit(trade, **order)
    reader = server.keys["readonly"]
    with pytest.raises(KrakenPermissionDeniedError):  # before anything is said of the order
        limit(Trade(key=reader.api_key, secret=reader.api_secret), volume=-1, validate=True)
