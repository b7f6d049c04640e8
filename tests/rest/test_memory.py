"""What a sandbox keeps, and what it lets go: reset leaves nothing behind, and answers are not collected for ever."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from mockkraken.clock import Timer
from mockkraken.exchange import Account, Exchange, Market, Order
from mockkraken.exchange.positions import Position
from mockkraken.exchange.triggers import Stop
from mockkraken.journal.journal import Journal
from mockkraken.rest.rendered import KEPT_MAX
from mockkraken.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from traders import Client


def trade_a_little(kraken: Client) -> None:
    """Leave something of everything: open markets, quotes, resting orders, closed ones, trades, ledger rows."""
    kraken.get("Depth", pair="ETHUSD")
    kraken.buy("0.01")
    kraken.sell("0.01")
    kraken.buy("0.01", "60000", cl_ord_id="kept")
    kraken.call("CancelOrder", txid=kraken.buy("0.01", "60000"))
    kraken.call("TradesHistory")
    # What waits: for its trigger, its time or its end; a position for its fee, and the switch for its call.
    kraken.buy("0.02", leverage="2")
    kraken.place("sell", "trailing-stop", "0.01", price="+1%", leverage="2")
    kraken.place("sell", "iceberg", "0.02", price="70000", displayvol="0.01", expiretm="+60")
    later = kraken.place("buy", "limit", "0.01", price="60000", starttm="+60")
    kraken.call("AmendOrder", txid=later, order_qty="0.02")
    kraken.call("CancelAllOrdersAfter", timeout="3600")


def living() -> list[int]:
    """How many of some of a sandbox's parts there are in this process."""
    gc.collect()
    found = [type(thing) for thing in gc.get_objects()]
    return [found.count(kind) for kind in (Exchange, Account, Market, Order, Stop, Position, Timer, Journal)]


def test_a_reset_frees_the_exchange_before_it(sandbox: Sandbox, kraken: Client) -> None:
    trade_a_little(kraken)
    before = sandbox.exchange
    main = before.accounts["main"]
    order, stopping = list(main.open.values())[:2]
    [position] = main.positions.open.values()
    assert stopping.stop is not None
    assert position.timer is not None
    parts = [before, sandbox.journal, sandbox.makers, order.market, order.market.book, order.account]
    parts += [stopping.market.triggers, main.positions, sandbox.clock]
    gone = [weakref.ref(part) for part in parts]
    assert order.account.trades
    del before, main, order, stopping, position, parts
    sandbox.reset()
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)


def test_many_resets_leave_no_more_than_one(sandbox: Sandbox, client_of: Callable[[Sandbox, str], Client]) -> None:
    def use_and_reset() -> list[int]:
        trade_a_little(client_of(sandbox, "full"))
        sandbox.reset()
        return living()

    first = use_and_reset()
    assert [use_and_reset() for _ in range(5)] == [first] * 5


def test_a_sandbox_that_nobody_holds_is_freed(client_of: Callable[[Sandbox, str], Client]) -> None:
    def leave_one() -> weakref.ref[Sandbox]:
        sandbox = Sandbox()
        trade_a_little(client_of(sandbox, "full"))
        return weakref.ref(sandbox)

    gone = leave_one()
    gc.collect()
    assert gone() is None


def test_answers_for_every_depth_are_not_all_kept(sandbox: Sandbox, kraken: Client) -> None:
    kept = sandbox.venue.rendered._answers
    for pair in ("XBTUSD", "ETHUSD", "XBTEUR", "ETHEUR"):
        for count in range(1, 500):
            kraken.get("Depth", pair=pair, count=count)
    assert 0 < sum(len(text) for _, text in kept.values()) <= KEPT_MAX
    # Or there was not enough to forget.
    asked = sum(len(kraken.get("Depth", pair="XBTUSD", count=count).body) for count in range(1, 500))
    assert 4 * asked > KEPT_MAX


def test_an_order_that_never_traded_keeps_no_list(sandbox: Sandbox, kraken: Client) -> None:
    txid = kraken.buy("0.01", "60000")
    assert sandbox.exchange.accounts["main"].open[txid].executions == ()
    assert "trades" not in kraken.row(txid)


def test_what_was_shown_before_is_not_shown_after_a_change(kraken: Client) -> None:
    def bid() -> list[list[object]]:
        bids: list[list[object]] = kraken.get("Depth", pair="XBTUSD", count=500).result["XXBTZUSD"]["bids"]
        return [level[:2] for level in bids if level[0] == "60000.00000"]

    assert bid() == []
    first = kraken.buy("0.01", "60000")
    assert bid() == [["60000.00000", "0.010"]]
    kraken.buy("0.02", "60000")
    assert bid() == [["60000.00000", "0.030"]]
    kraken.call("CancelOrder", txid=first)
    assert bid() == [["60000.00000", "0.020"]]
