"""Version 1's private channels: what an account hears of its orders and its trades, byte for byte (kraken/60 §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import SECOND
from mockkraken.control.operations import Control
from mockkraken.exchange.describe import SPOT_POSTXID

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

START = "1767225600.000000"


def subscribe(wire: Wire, channel: str, key: str = "ann", **options: Any) -> list[Any]:
    subscription = {"name": channel, "token": wire.token(key), **options}
    return wire.say({"event": "subscribe", "reqid": 1, "subscription": subscription})


def unsubscribe(wire: Wire, channel: str) -> Any:
    (answer,) = wire.say({"event": "unsubscribe", "subscription": {"name": channel, "token": wire.token("ann")}})
    return answer


@pytest.fixture
def orders(wire: Connect, ann: Client) -> Wire:
    """Ann's orders are told here."""
    heard = wire("/")
    subscribe(heard, "openOrders")
    return heard


@pytest.fixture
def trades(wire: Connect, ann: Client) -> Wire:
    """Ann's trades are told here."""
    heard = wire("/")
    subscribe(heard, "ownTrades")
    return heard


def frames(wire: Wire) -> list[Any]:
    """The frames since the last look, but for heartbeats; `wire.raw` has their bytes."""
    found = wire.take()
    wire.raw = [raw for raw in wire.raw if b"heartbeat" not in raw]
    return [frame for frame in found if not isinstance(frame, dict)]


def rows(wire: Wire) -> list[tuple[str, dict[str, Any]]]:
    """The entries of the frames since the last look, each of which has one; with their ids."""
    found = []
    for entries, *_ in frames(wire):
        ((entry,),) = [list(entry.items()) for entry in entries]
        found.append(entry)
    return found


def told(wire: Wire) -> list[dict[str, Any]]:
    return [row for _, row in rows(wire)]


def advance(sandbox: Sandbox, span: str | int) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


WHOLE = {
    "avg_price": "0.00000",
    "cost": "0.00000",
    "expiretm": None,
    "fee": "0.00000",
    "limitprice": "0.00000",
    "misc": "",
    "oflags": "fciq",
    "opentm": START,
    "refid": None,
    "starttm": None,
    "status": "pending",
    "stopprice": "0.00000",
    "timeinforce": "GTC",
    "userref": 0,
    "vol_exec": "0.00000000",
}


def whole(
    text: str, ordertype: str, price: str, price2: str = "0.00000", vol: str = "0.10000000", **more: Any
) -> dict[str, Any]:
    """The row of a new order on XBT/USD, but for `more`; those of its description are in `descr`."""
    descr = {
        "close": None,
        "leverage": None,
        "order": text,
        "ordertype": ordertype,
        "pair": "XBT/USD",
        "price": price,
        "price2": price2,
        "type": text.split(" ")[0],
    }
    return WHOLE | {"vol": vol} | more | {"descr": descr | more.get("descr", {})}


class TestSubscribing:
    def test_the_acknowledgement_of_orders_is_as_recorded(self, wire: Connect, ann: Client) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders")
        assert heard.raw == [
            b'{"channelName":"openOrders","event":"subscriptionStatus","reqid":1,"status":"subscribed",'
            b'"subscription":{"maxratecount":180,"name":"openOrders"}}',
            b'[[],"openOrders",{"sequence":1}]',
        ]

    def test_the_acknowledgement_of_trades_is_as_recorded(self, wire: Connect, ann: Client) -> None:
        heard = wire("/")
        subscribe(heard, "ownTrades")
        assert heard.raw == [
            b'{"channelName":"ownTrades","event":"subscriptionStatus","reqid":1,"status":"subscribed",'
            b'"subscription":{"name":"ownTrades"}}',
            b'[[],"ownTrades",{"sequence":1}]',
        ]

    @pytest.mark.parametrize(("tier", "most"), [("starter", 60), ("intermediate", 125), ("pro", 180)])
    def test_it_says_how_far_the_trading_counter_may_rise(self, wire: Connect, pit: Pit, tier: str, most: int) -> None:
        pit.trader("carl", tier=tier)
        ack, _ = subscribe(wire("/"), "openOrders", "carl")
        assert ack["subscription"] == {"maxratecount": most, "name": "openOrders"}

    @pytest.mark.parametrize("channel", ["openOrders", "ownTrades"])
    def test_twice_is_refused(self, wire: Connect, ann: Client, channel: str) -> None:
        heard = wire("/")
        subscribe(heard, channel)
        (refused,) = subscribe(heard, channel)
        assert (refused["status"], refused["errorMessage"]) == ("error", "Already subscribed")

    @pytest.mark.parametrize("channel", ["openOrders", "ownTrades"])
    def test_and_back(self, wire: Connect, ann: Client, channel: str) -> None:
        heard = wire("/")
        subscribe(heard, channel)
        answer = unsubscribe(heard, channel)
        assert (answer["status"], answer["subscription"]) == ("unsubscribed", {"name": channel})
        ann.buy("0.1")
        assert heard.take() == []
        refused = unsubscribe(heard, channel)
        assert (refused["status"], refused["errorMessage"]) == ("error", "Subscription Not Found")
        _, snapshot = subscribe(heard, channel)
        assert snapshot[2] == {"sequence": 1}

    @pytest.mark.parametrize(
        ("channel", "code"), [("openOrders", "query-open-trades"), ("ownTrades", "query-closed-trades")]
    )
    def test_the_key_must_be_allowed_to_look(
        self, wire: Connect, login: Callable[..., Client], channel: str, code: str
    ) -> None:
        login("narrow", permissions=["create-ws-token", "modify-trades"])
        login("fit", permissions=["create-ws-token", code])
        heard = wire("/")
        (refused,) = subscribe(heard, channel, "narrow")
        assert refused["errorMessage"] == "EGeneral:Permission denied"
        ack, _ = subscribe(heard, channel, "fit")
        assert ack["status"] == "subscribed"

    def test_everybody_hears_of_his_own(self, wire: Connect, ann: Client, bob: Client) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders", "bob")
        subscribe(heard, "ownTrades", "bob")
        ann.buy("0.1")
        assert heard.take() == []

    def test_an_option_of_the_other_channel_is_refused(self, wire: Connect, ann: Client) -> None:
        for channel, option in (("openOrders", "consolidate_taker"), ("ownTrades", "ratecounter")):
            (refused,) = subscribe(wire("/"), channel, **{option: True})
            assert refused["errorMessage"] == "Subscription object unsupported field"


class TestLife:
    def test_a_market_order_that_fills_is_told_as_recorded(self, orders: Wire, ann: Client) -> None:
        txid = ann.buy("0.1")
        orders.take()
        assert [frame.decode().replace(txid, "OID") for frame in orders.raw] == [
            '[[{"OID":{"avg_price":"0.00000","cost":"0.00000","descr":{"close":null,"leverage":null,'
            '"order":"buy 0.10000000 XBT/USD @ market 0.00000","ordertype":"market","pair":"XBT/USD",'
            '"price":"0.00000","price2":"0.00000","type":"buy"},"expiretm":null,"fee":"0.00000",'
            '"limitprice":"0.00000","misc":"","oflags":"fciq","opentm":"1767225600.000000","refid":null,'
            '"starttm":null,"status":"pending","stopprice":"0.00000","timeinforce":"GTC","userref":0,'
            '"vol":"0.10000000","vol_exec":"0.00000000"}}],"openOrders",{"sequence":2}]',
            '[[{"OID":{"status":"open","userref":0}}],"openOrders",{"sequence":3}]',
            '[[{"OID":{"vol_exec":"0.10000000","cost":"6001.00000","fee":"24.00400","avg_price":"60010.00000",'
            '"userref":0}}],"openOrders",{"sequence":4}]',
            '[[{"OID":{"lastupdated":"1767225600.000000","status":"closed","vol_exec":"0.10000000",'
            '"cost":"6001.00000","fee":"24.00400","avg_price":"60010.00000","userref":0}}],"openOrders",{"sequence":5}]',
        ]

    def test_a_cancel_says_why(self, orders: Wire, ann: Client, sandbox: Sandbox) -> None:
        txid = ann.buy("0.1", "50000", userref=7)
        orders.take()
        advance(sandbox, 2)
        ann.call("CancelOrder", txid=txid)
        frames(orders)
        assert orders.raw == [
            b'[[{"%s":{"lastupdated":"1767225602.000000","status":"canceled","vol_exec":"0.00000000","cost":"0.00000",'
            b'"fee":"0.00000","avg_price":"0.00000","userref":7,"cancel_reason":"User requested"}}],'
            b'"openOrders",{"sequence":4}]' % txid.encode()
        ]

    def test_an_expiry_does_not(self, orders: Wire, ann: Client, sandbox: Sandbox) -> None:
        txid = ann.buy("0.1", "50000", timeinforce="GTD", expiretm="+10")
        pending, _ = told(orders)
        assert (pending["expiretm"], pending["timeinforce"]) == ("1767225610.000000", "GTD")
        advance(sandbox, 10)
        frames(orders)
        assert orders.raw == [
            b'[[{"%s":{"lastupdated":"1767225610.000000","status":"expired","vol_exec":"0.00000000","cost":"0.00000",'
            b'"fee":"0.00000","avg_price":"0.00000","userref":0}}],"openOrders",{"sequence":4}]' % txid.encode()
        ]

    @pytest.mark.parametrize(
        ("pair", "volume", "price", "text"),
        [
            ("SOLUSD", "1", "25", "buy 1.00000000 SOL/USD @ limit 25.00000"),  # [obs]
            ("ATOMUSD", "5", "1.25", "buy 5.00000000 ATOM/USD @ limit 1.250000"),  # [obs] but for the price
        ],
    )
    def test_prices_and_volumes_have_the_digits_that_were_recorded(
        self, orders: Wire, ann: Client, pair: str, volume: str, price: str, text: str
    ) -> None:
        ann.buy(volume, price, pair=pair)
        new, _ = told(orders)
        assert new["descr"]["order"] == text
        assert new["descr"]["price"] == text.split(" ")[-1]

    def test_volumes_have_eight_decimals_whatever_the_lots_have(self, orders: Wire, ann: Client) -> None:
        ann.buy("100", "0.5", pair="SUIUSD")
        new, _ = told(orders)
        assert (new["vol"], new["vol_exec"]) == ("100.00000000", "0.00000000")

    def test_each_update_repeats_who_the_order_is(self, orders: Wire, ann: Client) -> None:
        """hummingbot finds its orders by the userref alone."""
        txid = ann.buy("0.1", "50000", userref=-5)
        ann.call("AmendOrder", txid=txid, order_qty="0.2")
        ann.call("CancelOrder", txid=txid)
        ann.buy("0.1", userref=-5)
        assert [row["userref"] for row in told(orders)] == [-5] * 8

    def test_a_cl_ord_id_stands_beside_a_userref_of_none(self, orders: Wire, ann: Client) -> None:
        txid = ann.buy("0.1", "50000", cl_ord_id="mine")
        ann.call("CancelOrder", txid=txid)
        assert [(row["userref"], row["cl_ord_id"]) for row in told(orders)] == [(0, "mine")] * 3

    def test_a_maker_s_fills_are_told_one_by_one(self, orders: Wire, ann: Client, pit: Pit) -> None:
        txid = ann.sell("0.5", "60005")
        orders.take()
        pit.fill(txid, "0.2")
        pit.fill(txid)
        found = rows(orders)
        assert [sorted(row) for _, row in found[:2]] == [["avg_price", "cost", "fee", "userref", "vol_exec"]] * 2
        assert [row["vol_exec"] for _, row in found] == ["0.20000000", "0.50000000", "0.50000000"]
        assert [row.get("status") for _, row in found] == [None, None, "closed"]

    def test_the_average_price_is_that_of_all_fills(self, orders: Wire, ann: Client, pit: Pit) -> None:
        pit.book("60000.0:5", "60010.0:1 60020.1:1 60033.3:1")
        ann.buy("3")
        assert [row["avg_price"] for row in told(orders)[2:]] == [
            "60010.00000",
            "60015.05000",
            "60021.13333",
            "60021.13333",
        ]

    def test_what_is_cancelled_after_a_part_of_it_has_traded_is_partial(
        self, orders: Wire, ann: Client, pit: Pit
    ) -> None:
        txid = ann.sell("0.5", "60005")
        pit.fill(txid, "0.2")
        ann.call("CancelOrder", txid=txid)
        assert told(orders)[-1] == {
            "lastupdated": START,
            "status": "canceled",
            "vol_exec": "0.20000000",
            "cost": "12001.00000",
            "fee": ann.row(txid)["fee"],
            "avg_price": "60005.00000",
            "userref": 0,
            "cancel_reason": "User requested",
            "misc": "partial",
        }

    def test_an_edit_cancels_one_order_and_opens_another(self, orders: Wire, ann: Client) -> None:
        old = ann.buy("0.1", "50000")
        orders.take()
        new = ann.call("EditOrder", pair="XBTUSD", txid=old, price="51000")["txid"]
        (gone, canceled), (came, pending), (opened, row) = rows(orders)
        assert (gone, canceled["status"], canceled["cancel_reason"]) == (old, "canceled", "Order replaced")
        assert (came, pending["descr"]["price"], opened) == (new, "51000.00000", new)
        assert row == {"status": "open", "userref": 0}

    def test_a_scheduled_order_is_pending_until_its_time(self, orders: Wire, ann: Client, sandbox: Sandbox) -> None:
        txid = ann.buy("0.1", "50000", starttm="+60")
        (row,) = told(orders)
        assert (row["status"], row["starttm"]) == ("pending", "1767225660.000000")
        advance(sandbox, 60)
        assert rows(orders) == [(txid, {"status": "open", "userref": 0})]

    def test_many_orders_are_told_in_as_many_messages(self, orders: Wire, ann: Client) -> None:
        for _ in range(3):
            ann.buy("0.1", "50000")
        orders.take()
        ann.call("CancelAll")
        found = frames(orders)
        assert [len(entries) for entries, *_ in found] == [1, 1, 1]
        assert [last["sequence"] for *_, last in found] == [8, 9, 10]

    def test_the_dead_man_s_switch_has_its_reason(self, orders: Wire, ann: Client, sandbox: Sandbox) -> None:
        ann.buy("0.1", "50000")
        ann.call("CancelAllOrdersAfter", timeout="5")
        orders.take()
        advance(sandbox, 5)
        (row,) = told(orders)
        assert (row["status"], row["cancel_reason"]) == ("canceled", "Cancel all orders after timeout")


class TestTerms:
    """What a new order's row says of what was asked for."""

    @pytest.mark.parametrize(
        ("fields", "row"),
        [
            (
                {"ordertype": "limit", "price": "50000", "oflags": "post", "sender_sub_id": "desk"},
                whole(
                    "buy 0.10000000 XBT/USD @ limit 50000.00000",
                    "limit",
                    "50000.00000",
                    oflags="post,fciq",
                    sender_sub_id="desk",
                ),
            ),
            (
                {"ordertype": "stop-loss-limit", "price": "61000", "price2": "+100", "trigger": "index"},
                whole(
                    "buy 0.10000000 XBT/USD @ stop loss 61000.00000 -> limit +100.00000",
                    "stop-loss-limit",
                    "61000.00000",
                    "+100.00000",
                    trigger="index",
                ),
            ),
            (
                {"ordertype": "take-profit", "price": "#5%"},
                whole("buy 0.10000000 XBT/USD @ take profit -5.0000%", "take-profit", "-5.0000%", trigger="last"),
            ),
            (
                {"ordertype": "trailing-stop", "price": "+1%"},
                whole("buy 0.10000000 XBT/USD @ trailing stop +1.0000%", "trailing-stop", "+1.0000%", trigger="last"),
            ),
            (
                {"ordertype": "market", "oflags": "viqc", "volume": "100"},
                whole(
                    "buy 100.00000000 XBT/USD @ market 0.00000",
                    "market",
                    "0.00000",
                    vol="100.00000000",
                    oflags="viqc,fciq",
                ),
            ),
            (
                {"ordertype": "limit", "price": "50000", "leverage": "3"},
                whole(
                    "buy 0.10000000 XBT/USD @ limit 50000.00000 with 3:1 leverage",
                    "limit",
                    "50000.00000",
                    descr={"leverage": "3:1", "margin": True},
                ),
            ),
            (
                {"ordertype": "iceberg", "price": "50000", "volume": "1", "displayvol": "0.1"},
                whole(
                    "buy 1.00000000 XBT/USD @ limit 50000.00000",
                    "iceberg",
                    "50000.00000",
                    vol="1.00000000",
                    display_volume="0.10000000",
                    display_volume_remain="0.10000000",
                ),
            ),
            (
                {
                    "ordertype": "limit",
                    "price": "50000",
                    "close[ordertype]": "take-profit-limit",
                    "close[price]": "55000",
                    "close[price2]": "#2%",
                },
                whole(
                    "buy 0.10000000 XBT/USD @ limit 50000.00000",
                    "limit",
                    "50000.00000",
                    descr={"close": "close position @ take profit 55000.00000 -> limit -2.0000%"},
                    contingent={
                        "ordertype": "take-profit-limit",
                        "price": "55000.00000",
                        "price2": "-2.0000%",
                        "oflags": "fciq",
                    },
                ),
            ),
        ],
        ids=lambda value: value.get("ordertype", ""),
    )
    def test_are_all_told(self, orders: Wire, ann: Client, fields: dict[str, Any], row: dict[str, Any]) -> None:
        ann.call("AddOrder", **({"pair": "XBTUSD", "type": "buy", "volume": "0.1"} | fields))
        assert told(orders)[0] == row

    def test_a_conditional_close_names_its_parent(self, orders: Wire, ann: Client) -> None:
        fields = {"close[ordertype]": "limit", "close[price]": "+5%"}
        parent = ann.buy("0.1", **fields, userref=9)
        *_, (txid, child), _ = rows(orders)
        assert txid != parent
        assert (child["refid"], child["userref"], child["status"]) == (parent, 9, "pending")
        # Relative to the price of the fill: what it came to stands beside it.
        assert (child["descr"]["price"], child["limitprice"]) == ("+5.0000%", "63010.50000")


class TestChanges:
    def test_an_amend_tells_the_new_terms(self, orders: Wire, ann: Client, sandbox: Sandbox) -> None:
        txid = ann.buy("0.1", "50000", userref=3)
        orders.take()
        advance(sandbox, 1)
        ann.call("AmendOrder", txid=txid, limit_price="50500", order_qty="0.2")
        ((told_id, row),) = rows(orders)
        assert told_id == txid
        assert row == {
            "lastupdated": "1767225601.000000",
            "amended": True,
            "amend_reason": "User requested",
            "descr": whole("buy 0.20000000 XBT/USD @ limit 50500.00000", "limit", "50500.00000")["descr"],
            "vol": "0.20000000",
            "vol_exec": "0.00000000",
            "limitprice": "0.00000",
            "stopprice": "0.00000",
            "userref": 3,
        }

    def test_an_amend_below_what_has_traded_ends_the_order(self, orders: Wire, ann: Client, pit: Pit) -> None:
        txid = ann.sell("0.5", "60005")
        pit.fill(txid, "0.2")
        orders.take()
        ann.call("AmendOrder", txid=txid, order_qty="0.1")
        amended, ended = told(orders)
        assert (amended["amended"], amended["vol"]) == (True, "0.20000000")
        assert (ended["status"], ended["cancel_reason"], "misc" in ended) == ("canceled", "User requested", False)

    def test_an_iceberg_tells_what_it_shows(self, orders: Wire, ann: Client, pit: Pit) -> None:
        """It shows slice after slice, and after an amend all that it may."""
        txid = ann.place("sell", "iceberg", "1", price="60005", displayvol="0.2")
        orders.take()

        def remains() -> list[str | None]:
            return [row.get("display_volume_remain") for row in told(orders)]

        pit.fill(txid, "0.15")
        assert remains() == ["0.05000000"]
        pit.fill(txid, "0.1")
        assert remains() == ["0.20000000", "0.15000000"]
        ann.call("AmendOrder", txid=txid, order_qty="0.9")
        assert remains() == ["0.15000000"]
        ann.call("AmendOrder", txid=txid, display_qty="0.3")
        (row,) = told(orders)
        assert (row["display_volume"], row["display_volume_remain"]) == ("0.30000000", "0.30000000")
        pit.fill(txid, "0.6")
        assert remains()[-1] == "0.05000000"

    @pytest.mark.parametrize(
        ("ordertype", "price", "misc", "limit"),
        [
            ("stop-loss-limit", "59000", "stopped", "58900.00000"),
            ("take-profit-limit", "61000", "touched", "58900.00000"),
        ],
    )
    def test_a_trigger_is_told(
        self, orders: Wire, ann: Client, pit: Pit, ordertype: str, price: str, misc: str, limit: str
    ) -> None:
        pit.at(60000)
        txid = ann.place("sell", ordertype, "0.1", price=price, price2="58900", userref=4)
        orders.take()
        pit.at(price)
        (told_id, row), (_, fill), *_ = rows(orders)
        assert told_id == txid
        assert row == {
            "lastupdated": START,
            "misc": misc,
            "stopprice": f"{price}.00000",
            "limitprice": limit,
            "userref": 4,
        }
        assert fill["vol_exec"] == "0.10000000"

    def test_all_that_befell_an_order_is_told_at_its_end(self, orders: Wire, ann: Client, pit: Pit) -> None:
        pit.at(60000)
        txid = ann.place("sell", "stop-loss-limit", "0.5", price="59000", price2="61000")
        pit.at(59000)
        pit.fill(txid, "0.2")
        ann.call("CancelOrder", txid=txid)
        ended = told(orders)[-1]
        assert (ended["status"], ended["vol_exec"], ended["misc"]) == ("canceled", "0.20000000", "stopped,partial")

    def test_a_reduce_only_order_is_restated(self, orders: Wire, ann: Client, pit: Pit) -> None:
        """What closes the position elsewhere leaves less for it to close."""
        ann.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1", leverage="2")
        fields = {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "61000", "volume": "1"}
        (txid,) = ann.call("AddOrder", **fields, leverage="2", reduce_only="true")["txid"]
        orders.take()
        ann.call("AddOrder", pair="XBTUSD", type="sell", ordertype="market", volume="0.4", leverage="2")
        (row,) = [row for told_id, row in rows(orders) if told_id == txid]
        assert (row["vol"], row["amend_reason"]) == ("0.60000000", "Reduce only:Position is closed")
        assert row["descr"]["order"] == "sell 0.60000000 XBT/USD @ limit 61000.00000 with 2:1 leverage"


class TestSnapshot:
    def test_has_what_is_open_or_pending(self, wire: Connect, ann: Client, pit: Pit) -> None:
        closed = ann.buy("0.1")
        partly = ann.sell("0.5", "60005", userref=8)
        pit.fill(partly, "0.2")
        amended = ann.buy("0.1", "50000")
        ann.call("AmendOrder", txid=amended, order_qty="0.2")
        scheduled = ann.buy("0.1", "50000", starttm="+60")
        _, (entries, channel, last) = subscribe(wire("/"), "openOrders")
        assert (channel, last) == ("openOrders", {"sequence": 1})
        found = {txid: row for entry in entries for txid, row in entry.items()}
        assert list(found) == [partly, amended, scheduled]
        assert closed not in found
        assert [row["status"] for row in found.values()] == ["open", "open", "pending"]
        assert [row["vol_exec"] for row in found.values()] == ["0.20000000", "0.00000000", "0.00000000"]
        assert [row.get("amended") for row in found.values()] == [None, True, None]
        assert found[partly]["userref"] == 8
        assert list(found[partly]) == sorted(found[partly])
        assert "lastupdated" not in found[partly]

    def test_comes_even_when_it_is_not_wanted(self, wire: Connect, ann: Client) -> None:
        ack, snapshot = subscribe(wire("/"), "openOrders", snapshot=False)
        assert (ack["status"], snapshot) == ("subscribed", [[], "openOrders", {"sequence": 1}])

    def test_a_waiting_trailing_stop_shows_where_it_stands(self, wire: Connect, ann: Client) -> None:
        txid = ann.place("sell", "trailing-stop", "0.1", price="+100")
        _, ((entry,), *_) = subscribe(wire("/"), "openOrders")
        assert (entry[txid]["stopprice"], entry[txid]["limitprice"]) == ("59905.00000", "60005.00000")


class TestRateCounter:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"rate_limits": "on"}

    @pytest.mark.parametrize("wanted", [True, "true"])
    def test_is_told_when_asked_for(
        self, wire: Connect, ann: Client, bob: Client, sandbox: Sandbox, wanted: Any
    ) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders", ratecounter=wanted)
        txid = ann.buy("0.1", "50000")
        assert [row["ratecount"] for row in told(heard)] == [1, 1]
        ann.buy("0.1", "3000", pair="ETHUSD")  # another pair's
        assert [row["ratecount"] for row in told(heard)][:2] == [1, 1]
        ann.call("CancelOrder", txid=txid)
        (row,) = told(heard)
        assert row["ratecount"] == 9
        assert type(row["ratecount"]) is int

    def test_is_not_otherwise(self, orders: Wire, ann: Client) -> None:
        ann.buy("0.1", "50000")
        assert ["ratecount" in row for row in told(orders)] == [False, False]

    def test_only_who_asked_for_it_gets_it(self, wire: Connect, orders: Wire, ann: Client) -> None:
        other = wire("/")
        subscribe(other, "openOrders", ratecounter=True)
        ann.buy("0.1", "50000")
        assert ["ratecount" in row for row in told(orders)] == [False, False]
        assert ["ratecount" in row for row in told(other)] == [True, True]

    def test_falls_with_time(self, wire: Connect, ann: Client, sandbox: Sandbox) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders", ratecounter=True)
        txid = ann.buy("0.1", "50000")
        ann.call("CancelOrder", txid=txid)  # 9 points
        txid = ann.buy("0.1", "50000", timeinforce="GTD", expiretm="+5")
        assert told(heard)[-1]["ratecount"] == 10
        advance(sandbox, 5)  # 3.75 a second
        (row,) = told(heard)
        assert (row["status"], row["ratecount"]) == ("expired", 0)

    def test_is_rounded_down_as_in_version_2(self, wire: Connect, ann: Client, sandbox: Sandbox) -> None:
        heard, other = wire("/"), wire("/v2")
        subscribe(heard, "openOrders", ratecounter=True)
        other.subscribe("executions", token=other.token("ann"), ratecounter=True)
        ann.call("CancelOrder", txid=ann.buy("0.1", "50000"))  # 9 points
        advance(sandbox, 1)
        ann.buy("0.1", "50000")  # 9 - 3.75 + 1
        assert told(heard)[-1]["ratecount"] == 6
        assert [frame["data"][0]["ratecount"] for frame in other.take() if "data" in frame][-1] == 6


class TestOwnTrades:
    def test_a_trade_is_told_as_recorded(self, trades: Wire, ann: Client) -> None:
        txid = ann.sell("0.1", "59000", userref=3)
        ((trade, _),) = rows(trades)
        assert [frame.decode().replace(txid, "OID").replace(trade, "TID") for frame in trades.raw] == [
            '[[{"TID":{"cost":"6000.00000","fee":"24.00000","margin":"0.00000","ordertxid":"OID","ordertype":"limit",'
            '"pair":"XBT/USD","postxid":"TKH2SE-M7IF5-CFI7LT","price":"60000.00000","time":"1767225600.000000",'
            '"type":"sell","userref":3,"vol":"0.10000000"}}],"ownTrades",{"sequence":2}]'
        ]
        assert list(ann.row(txid)["trades"]) == [trade]

    def test_only_what_an_order_has_is_repeated(self, trades: Wire, ann: Client) -> None:
        ann.buy("0.1")
        ann.buy("0.1", cl_ord_id="mine")
        ann.buy("0.1", userref=0)
        plain, named, zero = told(trades)
        assert ("userref" in plain, "cl_ord_id" in plain) == (False, False)
        assert ("userref" in named, named["cl_ord_id"]) == (False, "mine")
        assert zero["userref"] == 0

    def test_the_fills_of_one_taker_order_are_one_trade(self, trades: Wire, ann: Client, pit: Pit) -> None:
        pit.book("60000.0:5", "60010.0:1 60020.1:1 60033.3:1")
        txid = ann.buy("3")
        ((trade, row),) = rows(trades)
        assert [trade] == ann.row(txid)["trades"]
        assert (row["vol"], row["price"], row["cost"]) == ("3.00000000", "60021.13333", "180063.40000")
        assert row["fee"] == ann.row(txid)["fee"]

    def test_or_as_many_trades_as_there_were(self, wire: Connect, ann: Client, pit: Pit) -> None:
        heard = wire("/")
        subscribe(heard, "ownTrades", consolidate_taker=False)
        pit.book("60000.0:5", "60010.0:1 60020.1:1 60033.3:1")
        ann.buy("3")
        fills = heard.take()
        assert [frame[2]["sequence"] for frame in fills] == [2, 3, 4]
        found = [row for (entry,), *_ in fills for row in entry.values()]
        assert [row["price"] for row in found] == ["60010.00000", "60020.10000", "60033.30000"]

    def test_a_maker_s_fills_are_never_joined(self, trades: Wire, ann: Client, bob: Client) -> None:
        ann.sell("0.1", "60005")
        ann.sell("0.2", "60006")
        bob.buy("0.3")
        assert [row["price"] for row in told(trades)] == ["60005.00000", "60006.00000"]

    def test_a_margin_trade_tells_its_margin_and_position(self, trades: Wire, ann: Client) -> None:
        margin = {"pair": "XBTUSD", "ordertype": "market", "leverage": "2"}
        ann.call("AddOrder", **margin, type="buy", volume="0.1")
        ((opened, row),) = rows(trades)
        assert (row["margin"], row["postxid"], row["margin_borrow"]) == ("3000.50000", opened, True)
        ann.call("AddOrder", **margin, type="sell", volume="0.1")
        (row,) = told(trades)
        assert (row["margin"], row["postxid"], row["margin_borrow"]) == ("3000.00000", opened, False)
        ann.buy("0.1")
        (row,) = told(trades)
        assert (row["margin"], row["postxid"], "margin_borrow" in row) == ("0.00000", SPOT_POSTXID, False)

    def test_a_settlement_is_a_trade_too(self, trades: Wire, ann: Client) -> None:
        ann.call("AddOrder", pair="XBTUSD", ordertype="market", leverage="2", type="buy", volume="0.1")
        ((opened, _),) = rows(trades)
        ann.call("AddOrder", pair="XBTUSD", ordertype="settle-position", leverage="2", type="sell", volume="0.1")
        (row,) = told(trades)
        assert (row["ordertype"], row["postxid"], row["fee"]) == ("settle position", opened, "0.00000")

    def test_the_snapshot_has_the_last_fifty(self, wire: Connect, ann: Client) -> None:
        txids = [ann.buy("0.001", userref=number) for number in range(52)]
        _, (entries, channel, last) = subscribe(wire("/"), "ownTrades")
        found = [row for entry in entries for row in entry.values()]
        assert (channel, last) == ("ownTrades", {"sequence": 1})
        assert [row["ordertxid"] for row in found] == txids[2:]
        assert all("userref" not in row for row in found)

    @pytest.mark.parametrize(("consolidate", "volumes"), [(True, ["3.00000000"]), (False, ["1.00000000"] * 3)])
    def test_the_snapshot_is_joined_likewise(
        self, wire: Connect, ann: Client, pit: Pit, consolidate: bool, volumes: list[str]
    ) -> None:
        pit.book("60000.0:5", "60010.0:1 60020.1:1 60033.3:1")
        ann.buy("3", cl_ord_id="mine")
        _, (entries, *_) = subscribe(wire("/"), "ownTrades", consolidate_taker=consolidate)
        found = [row for entry in entries for row in entry.values()]
        assert [row["vol"] for row in found] == volumes
        assert all("cl_ord_id" not in row for row in found)

    def test_without_a_snapshot_the_first_trade_has_the_first_number(self, wire: Connect, ann: Client) -> None:
        heard = wire("/")
        ann.buy("0.1")
        acks = subscribe(heard, "ownTrades", snapshot=False)
        assert [ack["status"] for ack in acks] == ["subscribed"]
        ann.buy("0.1")
        ((_, _, last),) = heard.take()
        assert last == {"sequence": 1}


class TestTurns:
    @pytest.mark.parametrize("channels", [("openOrders", "ownTrades"), ("ownTrades", "openOrders")])
    def test_a_trade_stands_between_its_fill_and_the_end_of_its_order(
        self, wire: Connect, ann: Client, pit: Pit, channels: tuple[str, str]
    ) -> None:
        """Whichever was subscribed to first; of a sweep, after the last fill."""
        heard = wire("/")
        for channel in channels:
            subscribe(heard, channel)
        pit.book("60000.0:5", "60010.0:1 60020.0:1")
        ann.buy("2")
        assert [frame[1] for frame in heard.take()] == [*["openOrders"] * 4, "ownTrades", "openOrders"]

    def test_sequences_count_each_channel_by_itself(self, wire: Connect, ann: Client) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders")
        ann.buy("0.1")
        heard.take()
        subscribe(heard, "ownTrades")
        ann.buy("0.1")
        numbers = [(frame[1], frame[2]["sequence"]) for frame in heard.take()]
        assert numbers == [
            ("openOrders", 6),
            ("openOrders", 7),
            ("openOrders", 8),
            ("ownTrades", 2),
            ("openOrders", 9),
        ]

    def test_all_frames_are_compact_json(self, wire: Connect, ann: Client) -> None:
        heard = wire("/")
        subscribe(heard, "openOrders", ratecounter=True)
        subscribe(heard, "ownTrades")
        ann.buy("0.1", cl_ord_id='"]}')
        assert len(heard.take()) == 5
        for raw in heard.raw:
            assert raw.decode() == json.dumps(json.loads(raw), separators=(",", ":"))


def test_liquidations_are_told_in_this_versions_words(wire: Connect, ann: Client, pit: Pit) -> None:
    heard = wire("/")
    subscribe(heard, "openOrders")
    pit.fund("ann", ZUSD="10000")
    ann.call("AddOrder", pair="XBTUSD", ordertype="market", leverage="5", type="buy", volume="0.5")
    heard.take()
    pit.at(40000)
    found = [row for row in told(heard) if row.get("misc") or row.get("status") == "closed"]
    assert found[0]["misc"] == "liquidation"
    assert found[-1]["cancel_reason"] == "Liquidation"


def test_time_stands_in_every_message_to_the_microsecond(orders: Wire, ann: Client, sandbox: Sandbox) -> None:
    sandbox.clock.freeze(sandbox.clock.now() + SECOND // 3)
    ann.buy("0.1", "50000")
    assert told(orders)[0]["opentm"] == "1767225600.333333"
