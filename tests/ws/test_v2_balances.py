"""Days of traders who listen to `balances`: a message for each row of the ledger (kraken/50 §6.2)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.clock import HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

HEARTBEAT = b'{"channel":"heartbeat"}'


class Ear:
    """Hears the balances of the account of a key."""

    def __init__(self, wire: Wire, key: str = "full", **params: Any) -> None:
        self.wire = wire
        self.ack, *_ = wire.subscribe("balances", token=wire.token(key), **params)
        self.snapshots = wire.raw[1:]
        self.sequence = len(self.snapshots)

    def texts(self) -> list[str]:
        """The rows since the last look, one a message, and the sequence counts them."""
        self.wire.take()
        found = []
        for frame in self.wire.raw:
            if frame == HEARTBEAT:
                continue
            head, tail = b'{"channel":"balances","type":"update","data":[', b'],"sequence":%d}' % (self.sequence + 1)
            assert frame.startswith(head) and frame.endswith(tail), frame
            self.sequence += 1
            found.append(frame[len(head) : -len(tail)].decode())
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The same, read; numbers as their texts."""
        return [json.loads(text, parse_float=str) for text in self.texts()]

    def moves(self) -> list[tuple[str, str, str, str, str, str]]:
        """The same in short: type, category, asset, amount, fee, balance."""
        names = ("type", "category", "asset", "amount", "fee", "balance")
        return [tuple(row[name] for name in names) for row in self.rows()]


@pytest.fixture
def ear(pit: Pit, wire: Connect) -> Ear:
    return Ear(wire())


def test_the_acknowledgement_and_the_snapshot(pit: Pit, wire: Connect) -> None:
    pit.fund(ZUSD="80595.4943", XXBT="1.2", XXDG="5", USDT="0")
    line = wire()
    line.subscribe("balances", token=line.token())
    ack, snapshot = line.raw
    assert ack.startswith(
        b'{"method":"subscribe","result":{"channel":"balances","snapshot":true},"success":true,"time_in":"2026-'
    )

    def row(asset: str, amount: str) -> str:
        wallet = f'{{"type":"spot","id":"main","balance":{amount}}}'
        return f'{{"asset":"{asset}","asset_class":"currency","balance":{amount},"wallets":[{wallet}]}}'

    rows = [row("BTC", "1.2000000000"), row("DOGE", "5.00000000"), row("USD", "80595.4943")]
    shown = json.loads(snapshot)["data"]
    assert [found["asset"] for found in shown] == sorted(found["asset"] for found in shown)
    # What has come to nothing is there with nothing, as on REST: else a client that comes back would keep it.
    assert "USDT" in [found["asset"] for found in shown if not found["balance"]]
    texts = snapshot.decode().partition('"data":[')[2].rpartition("]}]")[0].split("]},")
    assert [f"{text}]}}" for text in texts if '"balance":0.0' not in text] == rows
    assert snapshot.startswith(b'{"channel":"balances","type":"snapshot","data":[')
    assert snapshot.endswith(b'],"sequence":1}')


def test_the_snapshot_is_what_rest_shows(pit: Pit, kraken: Client, wire: Connect) -> None:
    kraken.buy("1", "59000")
    (snapshot,) = Ear(wire()).snapshots
    rows = json.loads(snapshot, parse_float=str)["data"]
    # The whole balance, what orders hold too.
    assert kraken.held("ZUSD") != "0.0000"
    shown = kraken.call("Balance", assetVersion="1")
    assert {row["asset"]: row["balance"] for row in rows} == shown
    assert all(row["wallets"] == [{"type": "spot", "id": "main", "balance": row["balance"]}] for row in rows)


@pytest.mark.parametrize(
    ("params", "shown", "snapshots"),
    [
        ({"snapshot": False}, {"channel": "balances", "snapshot": False}, 0),
        ({"rebased": True}, {"channel": "balances", "snapshot": True, "rebased": True}, 1),
        ({"users": "all"}, {"channel": "balances", "snapshot": True, "users": "all"}, 0),
    ],
)
def test_what_may_be_asked_for(
    pit: Pit, kraken: Client, wire: Connect, params: dict[str, Any], shown: dict[str, Any], snapshots: int
) -> None:
    ear = Ear(wire(), **params)
    assert ear.ack["result"] == shown
    assert len(ear.snapshots) == snapshots
    pit.balances("main", ZUSD="7")
    (row,) = ear.rows()
    assert row.get("user") == (kraken.call("GetApiKeyInfo")["iban"] if "users" in params else None)
    assert ear.sequence == snapshots + 1


def test_subscribed_once_and_unsubscribed(ear: Ear, kraken: Client) -> None:
    line = ear.wire
    (again,) = line.subscribe("balances", token=line.token())
    assert again["error"] == "Already subscribed"
    away = {"method": "unsubscribe", "params": {"channel": "balances", "token": line.token()}}
    (reply,) = line.say(away)
    assert (reply["result"], reply["success"]) == ({"channel": "balances"}, True)
    kraken.buy("0.1")
    assert line.take() == []
    (refused,) = line.say(away)
    assert refused["error"] == "Subscription Not Found"
    assert Ear(line).snapshots[0].endswith(b'"sequence":1}')


@pytest.mark.parametrize(("permission", "allowed"), [("query-funds", True), ("query-ledger", False)])
def test_permissions(wire: Connect, login: Callable[..., Client], permission: str, *, allowed: bool) -> None:
    login("narrow", permissions=["create-ws-token", permission])
    line = wire()
    reply, *_ = line.subscribe("balances", token=line.token("narrow"))
    assert reply.get("error") == (None if allowed else "EGeneral:Permission denied")


def test_a_trade_is_two_messages(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(MINUTE)
    txid = kraken.buy("0.1")
    texts = ear.texts()
    (fill,) = kraken.fills(txid)
    (trade_id,) = kraken.row(txid)["trades"]
    second, first = kraken.call("Ledgers", type="trade")["ledger"]
    head = f'"ref_id":"{trade_id}","timestamp":"2026-01-01T00:01:00.000000Z","type":"trade"'
    assert texts == [
        f'{{"ledger_id":"{first}",{head},"asset":"BTC","asset_class":"currency","category":"trade",'
        '"wallet_type":"spot","wallet_id":"main","amount":0.1000000000,"fee":0.0000000000,"balance":100.1000000000}',
        f'{{"ledger_id":"{second}",{head},"asset":"USD","asset_class":"currency","category":"trade",'
        '"wallet_type":"spot","wallet_id":"main","amount":-6001.0000,"fee":24.0040,"balance":993974.9960}',
    ]
    assert fill["cost"] == "6001.00000"


def test_nothing_is_told_of_an_order_that_only_holds(ear: Ear, kraken: Client) -> None:
    kraken.buy("0.1", "59000")
    kraken.call("CancelAll")
    assert ear.texts() == []


def test_the_fills_of_a_sweep_have_one_reference(ear: Ear, kraken: Client, pit: Pit) -> None:
    pit.book("60000.0:5", "60010.0:0.5 60020.0:0.25 60030.0:5")
    txid = kraken.buy("0.75")
    rows = ear.rows()
    assert [(row["asset"], row["amount"]) for row in rows] == [
        ("BTC", "0.5000000000"),
        ("USD", "-30005.0000"),
        ("BTC", "0.2500000000"),
        ("USD", "-15005.0000"),
    ]
    (consolidated,) = kraken.row(txid)["trades"]
    assert {row["ref_id"] for row in rows} == {consolidated}


def test_fees_in_base_and_in_credits(ear: Ear, kraken: Client, pit: Pit) -> None:
    kraken.buy("0.1", oflags="fcib")
    assert ear.moves() == [
        ("trade", "trade", "BTC", "0.1000000000", "0.0004000000", "100.0996000000"),
        ("trade", "trade", "USD", "-6001.0000", "0.0000", "993999.0000"),
    ]
    pit.balances("main", KFEE="10000")
    assert ear.moves() == [("adjustment", "conversion", "FEE", "10000.00", "0.00", "10000.00")]
    kraken.sell("0.1")
    assert ear.moves() == [
        ("trade", "trade", "BTC", "-0.1000000000", "0.0000000000", "99.9996000000"),
        ("trade", "trade", "USD", "6000.0000", "0.0000", "999999.0000"),
        ("trade", "trade", "FEE", "0.00", "2400.00", "7600.00"),
    ]


def test_a_position_from_its_opening_to_its_end(ear: Ear, kraken: Client, sandbox: Sandbox) -> None:
    kraken.buy("0.2", leverage="5")
    (opened,) = ear.rows()
    # The trading fee and that of opening.
    names = ("type", "category", "asset", "amount", "fee")
    assert [opened[name] for name in names] == ["margin", "margin-trade", "USD", "0.0000", "50.4084"]
    sandbox.clock.advance(4 * HOUR)
    (rolled,) = ear.rows()
    assert [rolled[name] for name in names] == ["rollover", "marginrollover", "USD", "0.0000", "2.4004"]
    assert rolled["ref_id"] == opened["ref_id"]
    kraken.sell("0.1", leverage="5")
    (closed,) = ear.rows()
    assert [closed[name] for name in names[:4]] == ["margin", "margin-trade", "USD", "-1.0000"]
    kraken.place("sell", "settle-position", "0.1", leverage="5")
    assert [row[:5] for row in ear.moves()] == [
        ("settled", "margin-settle", "BTC", "0.1000000000", "0.0000000000"),
        ("settled", "margin-settle", "USD", "-6001.0000", "0.0000"),
    ]


def test_both_sides_of_a_trade(pit: Pit, wire: Connect, ann: Client, bob: Client) -> None:
    ears = Ear(wire(), "ann"), Ear(wire(), "bob")
    ann.sell("0.1", "60005")
    bob.buy("0.1", "60005")
    assert [[(row["asset"], row["amount"]) for row in ear.rows()] for ear in ears] == [
        [("BTC", "-0.1000000000"), ("USD", "6000.5000")],
        [("BTC", "0.1000000000"), ("USD", "-6000.5000")],
    ]


def test_orders_are_told_before_balances(pit: Pit, kraken: Client, wire: Connect) -> None:
    pit.book("60000.0:5", "60010.0:0.5 60020.0:5")
    line = wire()
    token = line.token()
    line.subscribe("balances", token=token)
    line.subscribe("executions", token=token)
    kraken.buy("0.75")
    kinds = [frame["data"][0].get("exec_type", frame["channel"]) for frame in line.take()]
    assert kinds == ["pending_new", "new", "trade", "trade", "filled", *["balances"] * 4]


def test_the_messages_add_up_to_the_balances(pit: Pit, kraken: Client, wire: Connect, sandbox: Sandbox) -> None:
    """Snapshot and updates alone: each row moves its balance by amount less fee, and the end is what REST shows."""
    pit.balances("main", KFEE="300")
    ear = Ear(wire())
    (snapshot,) = ear.snapshots
    held = {row["asset"]: Decimal(row["balance"]) for row in json.loads(snapshot, parse_float=str)["data"]}
    for step in range(1, 10):
        kraken.buy(f"0.0{step}", oflags="fcib" if step % 2 else "fciq")
        kraken.sell(f"0.01{step}", "60005")
        pit.pair.trade("buy", "0.005")
        kraken.buy("0.1", leverage="5")
        sandbox.clock.advance(HOUR)
        kraken.sell("0.05", leverage="5")
        pit.balances("main", XETH=str(step)) if step == 3 else None
    rows = ear.rows()
    assert len(rows) > 40
    for row in rows:
        held[row["asset"]] = held.get(row["asset"], Decimal(0)) + Decimal(row["amount"]) - Decimal(row["fee"])
        assert held[row["asset"]] == Decimal(row["balance"])
    shown = kraken.call("Balance", assetVersion="1")
    assert {asset: str(units) for asset, units in held.items()} == shown
