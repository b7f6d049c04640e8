"""OpenPositions, and TradeBalance while positions are open (kraken/40 §1.4, §1.12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken import decimals
from mockkraken.clock import HOUR
from mockkraken.exchange import Order
from mockkraken.exchange.orders import Side
from mockkraken.exchange.positions import Position
from mockkraken.exchange.trades import Execution, Trade
from mockkraken.ids import Ids, generator

if TYPE_CHECKING:
    from traders import Client

    from mockkraken.sandbox import Sandbox

Opener = Callable[..., Position]


@pytest.fixture
def opened(sandbox: Sandbox) -> Opener:
    """Books a position of `main`: what the exchange keeps of one, without the trading."""
    ids = Ids(generator(0, "positions"))
    account = sandbox.exchange.accounts["main"]

    def open_position(
        side: Side,
        volume: str,
        cost: str,
        fee: str = "0",
        *,
        pair: str = "XBTUSD",
        leverage: int = 5,
        closed: str = "0",
    ) -> Position:
        found = sandbox.catalog.trading_pair(pair)
        assert found is not None
        market, now = sandbox.exchange.market(found), sandbox.clock.now()
        vol, paid = decimals.parse(volume, found.lot_decimals), decimals.parse(cost, found.cost_decimals)
        charged = decimals.parse(fee, found.cost_decimals)
        order = Order(
            account=account, market=market, side=side, ordertype="limit", vol=vol, leverage=leverage, txid=ids.order()
        )
        trade = Trade(ids.trade(), 1, now, order, 0, vol, paid, charged, True, 1, Execution(order, []))
        position = Position(
            id=trade.id,
            seq=trade.seq,
            trade=trade,
            order=order,
            account=account,
            market=market,
            side=side,
            leverage=leverage,
            time=now,
            vol=vol,
            cost=paid,
            fee=charged,
            vol_closed=decimals.parse(closed, found.lot_decimals),
        )
        account.positions.add(position)
        return position

    return open_position


@pytest.fixture
def last(sandbox: Sandbox) -> Callable[[str, str], None]:
    """Lets a pair trade at a price."""

    def trade(pair: str, price: str) -> None:
        found = sandbox.catalog.trading_pair(pair)
        assert found is not None
        units = decimals.parse(price, found.price_scale)
        sandbox.exchange.market(found).tape.append(sandbox.clock.now(), units, 1, "buy", "market")

    return trade


def test_without_positions_there_is_nothing(kraken: Client) -> None:
    assert kraken.call("OpenPositions") == {}
    assert kraken.call("OpenPositions", docalcs="true", txid="TB4ZQW-7LKDA-M2XRFC") == {}
    assert kraken.call("OpenPositions", consolidation="market", docalcs="true") == []


def test_a_position_by_itself(kraken: Client, sandbox: Sandbox, opened: Opener, last: Callable[..., None]) -> None:
    sandbox.clock.advance(552_019_000)
    position = opened("buy", "0.05", "3062.5", "7.65625")
    last("XBTUSD", "61800")
    row: dict[str, Any] = {
        "ordertxid": position.order.txid,
        "posstatus": "open",
        "pair": "XXBTZUSD",
        "class": "forex",
        "time": 1767225600.552019,
        "type": "buy",
        "ordertype": "limit",
        "cost": "3062.50000",
        "fee": "7.65625",
        "vol": "0.05000000",
        "vol_closed": "0.00000000",
        "margin": "612.50000",
        "terms": "0.0200% per 4 hours",
        "rollovertm": "1767240000",
        "misc": "",
        "oflags": "",
    }
    assert kraken.call("OpenPositions") == {position.id: row}
    reckoned = kraken.call("OpenPositions", docalcs="true")[position.id]
    assert reckoned == row | {"value": "3090.0", "net": "+27.5000"}
    assert list(reckoned) == [*list(row)[:12], "value", "net", *list(row)[12:]]
    position.rollovers = 1
    assert kraken.call("OpenPositions")[position.id]["rollovertm"] == str(1767240000 + 4 * 3600)
    assert position.next_rollover == position.time + 8 * HOUR


def test_a_position_that_is_partly_closed(kraken: Client, opened: Opener, last: Callable[..., None]) -> None:
    """Only what is open is valued, against what that part cost; the net's digits beyond the fourth are cut off."""
    position = opened("buy", "8.82412861", "104610.52842", closed="0.202")
    last("XBTUSD", "30015.5")
    row = kraken.call("OpenPositions", docalcs="true")[position.id]
    assert row["value"] == "258797.5"
    assert row["vol_closed"] == "0.20200000"
    assert (row["cost"], row["margin"]) == ("104610.52842", "20922.10568")
    # 8.62212861 x 30015.5 = 258797.50129 less 104610.52842 x 8.62212861 / 8.82412861 = 102215.80735
    assert row["net"] == "+156581.6939"
    smaller = opened("buy", "0.0001", "2.4")
    assert kraken.call("OpenPositions", docalcs="true")[smaller.id]["net"] == "+0.6015"


def test_a_short_loses_as_prices_rise(kraken: Client, opened: Opener, last: Callable[..., None]) -> None:
    position = opened("sell", "0.1", "5000.00007", leverage=2)
    last("XBTUSD", "50001")
    row = kraken.call("OpenPositions", docalcs="true")[position.id]
    assert (row["type"], row["value"], row["net"], row["margin"]) == ("sell", "5000.1", "-0.0999", "2500.00004")
    last("XBTUSD", "50000")
    assert kraken.call("OpenPositions", docalcs="true")[position.id]["net"] == "+0.0000"
    last("XBTUSD", "49000")
    assert kraken.call("OpenPositions", docalcs="true")[position.id]["net"] == "+100.0000"


def test_positions_by_id(kraken: Client, opened: Opener) -> None:
    first, second, third = (opened("buy", "0.1", "5000") for _ in range(3))
    assert list(kraken.call("OpenPositions")) == [first.id, second.id, third.id]
    assert list(kraken.call("OpenPositions", txid="")) == [first.id, second.id, third.id]
    asked = f"{third.id}, TB4ZQW-7LKDA-M2XRFC,x,{first.id}"
    assert list(kraken.call("OpenPositions", txid=asked)) == [first.id, third.id]
    (row,) = kraken.call("OpenPositions", txid=second.id, consolidation="market")
    assert row["positions"] == "1"
    assert kraken.call("OpenPositions", txid="x") == {}


def test_positions_by_pair(kraken: Client, opened: Opener, last: Callable[..., None]) -> None:
    opened("buy", "0.06", "3600", "9", closed="0.02")
    opened("sell", "2", "5000", leverage=2, pair="ETHUSD")
    opened("buy", "0.04", "2525", "6.3125")
    last("XBTUSD", "61800")
    last("ETHUSD", "2600.01")
    row = {
        "pair": "XXBTZUSD",
        "positions": "2",
        "type": "buy",
        "leverage": "5.00000",
        "cost": "6125.00000",
        "fee": "15.31250",
        "vol": "0.10000000",
        "vol_closed": "0.02000000",
        "margin": "1225.00000",
    }
    bitcoin, ether = kraken.call("OpenPositions", consolidation="market")
    assert bitcoin == row
    assert list(bitcoin) == list(row)
    assert (ether["pair"], ether["type"], ether["leverage"]) == ("XETHZUSD", "sell", "2.00000")
    bitcoin, ether = kraken.call("OpenPositions", consolidation="market", docalcs="True")
    assert bitcoin == row | {"value": "4944.00000", "net": "+19.00000"}
    assert (ether["value"], ether["net"]) == ("5200.02000", "-200.02000")


def test_positions_of_several_leverages_share_one_row(kraken: Client, opened: Opener) -> None:
    opened("buy", "0.1", "6000", leverage=2)
    opened("buy", "0.1", "6000", leverage=3)
    (row,) = kraken.call("OpenPositions", consolidation="market")
    assert (row["margin"], row["leverage"]) == ("5000.00000", "2.40000")


def test_the_smallest_positions_have_a_leverage_too(kraken: Client, opened: Opener) -> None:
    for leverage in (2, 5):
        opened("buy", "0.00000001", "0", leverage=leverage)
    assert len(kraken.call("OpenPositions", consolidation="market", docalcs="true")) == 1


def test_what_consolidation_takes(kraken: Client) -> None:
    assert kraken.post("OpenPositions", consolidation="pair").refusal == "EGeneral:Invalid arguments:consolidation"


def test_the_terms_are_the_pairs(kraken: Client, sandbox: Sandbox, opened: Opener) -> None:
    position = opened("buy", "0.1", "6000")
    sandbox.catalog.with_record("XXBTZUSD", margin_rollover_fee="0.01")
    sandbox.exchange.market(sandbox.catalog.pair("XXBTZUSD"))
    assert kraken.call("OpenPositions")[position.id]["terms"] == "0.0100% per 4 hours"


def test_the_balance_with_positions(kraken: Client, opened: Opener, last: Callable[..., None]) -> None:
    before = kraken.call("TradeBalance")
    assert "ml" not in before
    opened("buy", "0.05", "2500")
    last("XBTUSD", "49750")
    base = kraken.call("TradeBalance")
    assert list(base) == ["eb", "tb", "m", "uv", "n", "c", "v", "e", "mf", "ml", "mfo"]
    assert {name: base[name] for name in ("m", "n", "c", "v")} == {
        "m": "500.0000",
        "n": "-12.5000",
        "c": "2500.0000",
        "v": "2487.5000",
    }
    tb, e, mf = (decimals.parse(base[name], 4) for name in ("tb", "e", "mf"))
    assert e == tb - 125_000
    assert mf == e - 5_000_000
    assert base["mfo"] == base["mf"]
    assert base["ml"] == decimals.fmt(decimals.half_up(e * 10_000, 5_000_000), 2)


def test_each_fill_opens_a_position_and_closes_the_oldest(kraken: Client) -> None:
    """Through the API alone: what the rows of positions, trades and the ledger say agrees."""
    kraken.buy("11", leverage="5")
    fills = list(reversed(kraken.call("TradesHistory", consolidate_taker="false")["trades"]))
    positions = kraken.call("OpenPositions")
    assert len(fills) > 1
    assert list(positions) == fills
    (sweep,) = kraken.call("QueryTrades", txid=fills[0]).values()
    (joined,) = kraken.call("OpenPositions", consolidation="market")
    for member in ("cost", "fee", "vol"):
        assert joined[member] == sweep[member]

    kraken.sell("0.5", leverage="5")
    after = kraken.call("OpenPositions")
    assert [after[fill]["vol_closed"] for fill in fills] == ["0.50000000", *["0.00000000"] * (len(fills) - 1)]
    assert {fill: row | {"vol_closed": "0.00000000"} for fill, row in after.items()} == positions
    trades = kraken.call("TradesHistory")["trades"]
    closing = next(trade_id for trade_id, row in trades.items() if row["misc"] == "closing")
    assert trades[closing]["postxid"] == fills[0]
    opening = trades[fills[0]]
    assert (opening["posstatus"], opening["cvol"]) == ("open", "0.50000000")
    (booked,) = (row for row in kraken.call("Ledgers", type="margin")["ledger"].values() if row["refid"] == closing)
    assert opening["net"].removeprefix("+") == booked["amount"]

    kraken.sell("10.5", leverage="5")
    assert kraken.call("OpenPositions") == {}
    assert kraken.call("TradesHistory")["trades"][fills[0]]["posstatus"] == "closed"
    assert "ml" not in kraken.call("TradeBalance")
