"""Cancelling orders, by every name they have (kraken/30 §6). How lists are spelled is in test_nested.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

GONE = "EOrder:Unknown order"
NEVER = "EOrder:Invalid order"
INVALID = "EGeneral:Invalid arguments"
UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"


def refusal(kraken: Client, **fields: str) -> str:
    return kraken.post("CancelOrder", **fields).refusal


# CancelOrder


def test_by_each_kind_of_name(kraken: Client) -> None:
    first = kraken.buy("0.1", "60000", userref="5")
    kraken.buy("0.1", "60001", userref="5")
    kraken.buy("0.1", "60002", cl_ord_id="grid-1")
    fourth = kraken.buy("0.1", "60003")
    kraken.buy("0.1", "60004", userref="-7")
    assert kraken.post("CancelOrder", txid=fourth, pair="XBTUSD").body == b'{"error":[],"result":{"count":1}}'
    assert kraken.call("CancelOrder", txid="5") == {"count": 2}
    assert kraken.call("CancelOrder", cl_ord_id="grid-1") == {"count": 1}
    assert kraken.post_json("CancelOrder", txid=-7).result == {"count": 1}
    assert kraken.row(first)["reason"] == "User requested"
    assert kraken.call("OpenOrders") == {"open": {}}


@pytest.mark.parametrize("written", [UUID, UUID.upper(), UUID.replace("-", "")])
def test_a_uuid_is_the_same_in_each_of_its_forms(kraken: Client, written: str) -> None:
    kraken.buy("0.1", "60000", cl_ord_id=UUID)
    assert kraken.call("CancelOrder", cl_ord_id=written) == {"count": 1}


def test_other_names_are_taken_as_they_are(kraken: Client) -> None:
    kraken.buy("0.1", "60000", cl_ord_id="Grid-1")
    assert refusal(kraken, cl_ord_id="grid-1") == GONE
    assert kraken.call("CancelOrder", cl_ord_id="Grid-1") == {"count": 1}


@pytest.mark.parametrize(
    ("settings", "never"),
    [
        ({}, GONE),
        ({"dialect": "documented"}, GONE),
        ({"dialect": "observed"}, NEVER),
        ({"dialect": "observed", "gone_order_error": GONE}, GONE),
        ({"gone_order_error": NEVER}, NEVER),
    ],
)
def test_what_is_not_open(kraken: Client, pit: Pit, bob: Client, settings: dict[str, str], never: str) -> None:
    pit.settings(**settings)
    filled, cancelled = kraken.buy("0.1"), kraken.buy("0.1", "59000", cl_ord_id="once")
    kraken.call("CancelOrder", txid=cancelled)
    foreign = bob.buy("0.01", "59000", cl_ord_id="bobs")
    bob.buy("0.01", "59000", userref="77")

    assert refusal(kraken, txid=filled) == GONE
    assert refusal(kraken, txid=cancelled) == GONE
    assert refusal(kraken, txid=foreign) == GONE
    assert refusal(kraken, txid="12345") == GONE
    assert refusal(kraken, txid="77") == GONE
    assert refusal(kraken, txid="OZZZZZ-ZZZZZ-ZZZZZZ") == never
    assert refusal(kraken, txid="rubbish") == never
    assert refusal(kraken, txid="O18901-18901-189018") == never
    assert refusal(kraken, txid=foreign.lower()) == never
    assert refusal(kraken, txid="2147483648") == never  # too large for a userref
    assert refusal(kraken, cl_ord_id="once") == never
    assert refusal(kraken, cl_ord_id="never") == never
    assert refusal(kraken, cl_ord_id="bobs") == never
    assert refusal(kraken, cl_ord_id=foreign) == never
    assert refusal(kraken) == INVALID
    assert kraken.journal()["reason"]
    assert len(bob.open_orders()) == 2


def test_a_list_cancels_what_is_open_in_it(kraken: Client) -> None:
    filled, resting = kraken.buy("0.1"), kraken.buy("0.1", "60000")
    kraken.buy("0.1", "60001", userref="5")
    kraken.buy("0.1", "60002", userref="5")
    assert kraken.call("CancelOrder", txid=f"{filled},{resting},{resting},5,6") == {"count": 3}
    assert refusal(kraken, txid=f"{filled},{resting}") == GONE


def test_a_list_has_up_to_50_ids(kraken: Client) -> None:
    placed = [kraken.buy("0.001", "60000") for _ in range(51)]
    assert refusal(kraken, txid=",".join(placed)) == INVALID
    assert kraken.call("CancelOrder", txid=",".join(placed[:50])) == {"count": 50}
    assert list(kraken.open_orders()) == placed[50:]


def test_both_names_at_once_cancel_both(kraken: Client) -> None:
    first = kraken.buy("0.1", "60000")
    second = kraken.buy("0.1", "60001", cl_ord_id="mine")
    assert kraken.call("CancelOrder", txid=f"{first},{second}", cl_ord_id="mine") == {"count": 2}


def test_what_was_executed_stands(kraken: Client, pit: Pit) -> None:
    txid = kraken.sell("1", "60005")
    pit.fill(txid, "0.4")
    kraken.call("CancelOrder", txid=txid)
    row = kraken.row(txid)
    assert (row["status"], row["vol_exec"], row["misc"]) == ("canceled", "0.40000000", "partial")
    assert (row["cost"], len(row["trades"])) == ("24002.00000", 1)
    assert kraken.call("BalanceEx")["XXBT"] == {"balance": "99.6000000000", "hold_trade": "0.0000000000"}
    assert pit.shown() == "60000.0:5 | 60010.0:5"


def all_kinds(kraken: Client) -> list[str]:
    """An open order of each kind that waits for something."""
    return [
        kraken.sell("0.1", "60005"),
        kraken.place("sell", "iceberg", "1", price="60005", displayvol="0.1"),
        kraken.place("sell", "stop-loss", "0.1", price="59000"),
        kraken.place("buy", "stop-loss-limit", "0.1", price="61000", price2="61100"),
        kraken.place("sell", "trailing-stop", "0.1", price="+5%"),
        kraken.buy("0.1", "59000", starttm="+600"),
        kraken.place("sell", "stop-loss", "0.1", price="59000", starttm="+600"),
        kraken.buy("0.1", "59000", expiretm="+600"),
        kraken.buy("0.1", "59000", leverage="2"),
        kraken.buy("0.1", "1500", pair="ETHUSD"),
    ]


@pytest.mark.parametrize("how", ["one by one", "CancelOrderBatch", "CancelAll"])
def test_whatever_an_order_waits_for(kraken: Client, pit: Pit, sandbox: Sandbox, how: str) -> None:
    placed = all_kinds(kraken)
    if how == "one by one":
        assert [kraken.call("CancelOrder", txid=txid)["count"] for txid in placed] == [1] * len(placed)
    elif how == "CancelOrderBatch":
        assert kraken.post_json(how, orders=placed).result == {"count": len(placed)}
    else:
        assert kraken.call(how) == {"count": len(placed)}
    rows = [kraken.row(txid) for txid in placed]
    assert {(row["status"], row["reason"], row["vol_exec"]) for row in rows} == {
        ("canceled", "User requested", "0.00000000")
    }
    assert {balance["hold_trade"].strip("0.") for balance in kraken.call("BalanceEx").values()} == {""}
    assert pit.shown() == "60000.0:5 | 60010.0:5"
    # Neither time nor price brings one back.
    sandbox.clock.advance(3600 * 10**9)
    pit.book("50000:5", last="55000")
    pit.book("50000:5", last="65000")
    assert [kraken.row(txid) for txid in placed] == rows
    assert pit.shown() == "50000.0:5 | "


# CancelAll


def test_cancel_all(kraken: Client, login: Callable[..., Client]) -> None:
    second = login("second")
    other = second.buy("0.01", "60000")
    for pair, price in (("XBTUSD", "60000"), ("ETHUSD", "1500"), ("XBTUSD", "60000")):
        kraken.buy("0.1", price, pair=pair)
    assert kraken.post("CancelAll").body == b'{"error":[],"result":{"count":3}}'
    assert kraken.post_json("CancelAll").body == b'{"error":[],"result":{"count":0}}'
    assert list(second.open_orders()) == [other]


# CancelOrderBatch


def test_one_order_by_all_its_names_counts_once(kraken: Client, pit: Pit) -> None:
    named, numbered = kraken.buy("0.1", "59000", cl_ord_id="mine"), kraken.buy("0.1", "59000", userref="7")
    ids: dict[str, Any] = {"orders": [named, named, "mine", 7, numbered, "7"], "cl_ord_ids": ["mine"]}
    assert kraken.post_json("CancelOrderBatch", **ids).result == {"count": 2}


def test_a_batch_of_cancels_reaches_only_ones_own(kraken: Client, pit: Pit, bob: Client) -> None:
    foreign = bob.buy("0.1", "59000", cl_ord_id="mine")
    bob.buy("0.1", "59000", userref="7")
    for dialect in ("documented", "observed"):
        pit.settings(dialect=dialect)
        assert kraken.post_json("CancelOrderBatch", orders=[foreign, "mine", 7, "x"]).result == {"count": 0}
    assert len(bob.open_orders()) == 2


# The state of the market


CANCELS = [
    ("CancelOrder", {"cl_ord_id": "mine"}),
    ("CancelAll", {}),
    ("CancelOrderBatch", {"cl_ord_ids": ["mine"]}),
]


@pytest.mark.parametrize(("method", "fields"), CANCELS)
@pytest.mark.parametrize("pair", [None, "XBTUSD"])
@pytest.mark.parametrize("status", ["cancel_only", "post_only", "limit_only"])
def test_cancelling_goes_on_when_trading_does_not(
    kraken: Client, pit: Pit, method: str, fields: dict[str, Any], pair: str | None, status: str
) -> None:
    kraken.buy("0.1", "59000", cl_ord_id="mine")
    pit.status.set(status, pair=pair)
    assert kraken.post_json(method, **fields).result == {"count": 1}


@pytest.mark.parametrize(("method", "fields"), CANCELS)
def test_in_maintenance_nothing_is_cancelled(kraken: Client, pit: Pit, method: str, fields: dict[str, Any]) -> None:
    txid = kraken.buy("0.1", "59000", cl_ord_id="mine")
    pit.status.set("maintenance")
    assert kraken.post_json(method, **fields).refusal == "EService:Unavailable"
    pit.status.set("online")
    assert kraken.row(txid)["status"] == "open"
