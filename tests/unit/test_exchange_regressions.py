"""What the property tests, and the eyes of those who wrote them, have found wrong once: one small case each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mockkraken.clock import SECOND
from mockkraken.exchange.amends import AmendRequest, EditRequest

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account


@pytest.fixture
def long_one(floor: Floor) -> Account:
    """Ann is long 0.1; she offers to sell that twice, once without and once with reduce_only, at a higher price."""
    ann = floor.trader("ann", ZUSD="100000")
    floor.quote("sell", "0.1", "68000.0")
    floor.buy(ann, "0.1", "68000.0", leverage="2")
    floor.sell(ann, "0.1", "69000.0", leverage="2")
    floor.sell(ann, "0.1", "69100.0", leverage="2", reduce_only=True)
    return ann


def test_fill_or_kill_does_not_count_on_what_goes_while_it_fills(floor: Floor, long_one: Account) -> None:
    bob = floor.trader("bob", ZUSD="100000")
    order = floor.buy(bob, "0.15", "69200.0", timeinforce="FOK")
    assert (order.status, order.reason, floor.fills(order)) == ("canceled", "Insufficient liquidity", [])
    assert floor.book() == " | 69000:0.1 69100:0.1"
    assert floor.buy(bob, "0.1", "69200.0", timeinforce="FOK").status == "closed"
    assert floor.book() == " | "


def test_a_market_order_is_not_cheaper_by_what_goes_while_it_fills(floor: Floor, long_one: Account) -> None:
    floor.settings.patch({"market_price_protection": "off"})
    bob = floor.trader("bob", ZUSD="13900")  # enough for 69000 and 69100
    floor.quote("sell", "1", "90000.0")
    assert floor.refusal(bob, "buy", "0.2") == "EOrder:Insufficient funds"
    floor.deposit(bob, "ZUSD", "16000")
    assert floor.fills(floor.buy(bob, "0.2")) == ["0.1@69000 ann", "0.1@90000 house"]


def test_an_iceberg_that_reduces_gives_its_position_and_no_more(floor: Floor) -> None:
    ann, bob = floor.trader("ann", ZUSD="100000"), floor.trader("bob")
    floor.quote("sell", "0.1", "68000.0")
    floor.buy(ann, "0.1", "68000.0", leverage="2")
    floor.sell(ann, "0.06", "69000.0", leverage="2")
    floor.sell(ann, "0.1", "69100.0", leverage="2", reduce_only=True, ordertype="iceberg", displayvol="0.01")
    floor.quote("sell", "1", "69200.0")
    order = floor.buy(bob, "0.12", "69200.0")
    assert sum(fill.vol for execution in order.executions for fill in execution.fills) == order.vol_exec == 12_000_000
    assert floor.fills(order)[-1] == "0.02@69200 house"
    assert not ann.positions.open and not ann.open


@pytest.mark.parametrize("edit", [True, False])
def test_a_volume_in_quote_stays_one(floor: Floor, edit: bool) -> None:
    ann = floor.trader("ann", ZUSD="100000")
    floor.quote("sell", "1", "68000.0")
    order = floor.buy(ann, "1000", oflags="viqc", starttm="+60")
    if edit:
        order = floor.exchange.edit_order(ann, floor.pair(), EditRequest(txid=order.txid, volume="500")).new
    else:
        floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, order_qty="500"))
    floor.clock.advance(61 * SECOND)
    assert order.status == "closed"
    assert floor.fills(order) == ["0.00735294@68000 house"]


def test_a_stop_that_is_amended_while_nobody_trades_fires_when_somebody_does(floor: Floor) -> None:
    floor.settings.patch({"triggered_at_entry": "fire"})
    ann = floor.trader("ann", XXBT="1")
    floor.quote("buy", "1", "67000.0")
    order = floor.sell(ann, "0.1", "60000.0", ordertype="stop-loss")
    floor.exchange.set_status("post_only")
    floor.exchange.amend_order(ann, AmendRequest(txid=order.txid, trigger_price="69000.0", post_only=True))
    assert (order.place, floor.fills(order)) == ("triggers", [])
    floor.exchange.set_status("online")
    assert (order.status, floor.fills(order)) == ("closed", ["0.1@67000 house"])


def test_what_expires_while_it_is_held_back_does_not_start(floor: Floor) -> None:
    ann = floor.trader("ann", ZUSD="100000")
    floor.quote("sell", "1", "68000.0")
    order = floor.buy(ann, "0.1", "69000.0", starttm="+10", expiretm="+30")
    floor.exchange.set_status("post_only")
    floor.clock.advance(20 * SECOND)
    assert order.status == "pending"
    floor.clock.advance(10 * SECOND)
    assert (order.status, order.reason) == ("expired", "Order expired")
    floor.exchange.set_status("online")
    assert not floor.fills(order)
