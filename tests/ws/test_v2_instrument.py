"""WebSocket v2: the channel `instrument` (kraken/50 §5.7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Client, Pit

    Connect = Callable[..., Wire]

ASSET = ["id", "status", "precision", "precision_display", "borrowable", "collateral_value", "class"]
PAIR = ["symbol", "base", "quote", "status", "qty_precision", "qty_increment", "price_precision", "cost_precision"]
PAIR += ["marginable", "has_index", "ws_display_price_precision", "cost_min"]
MARGIN = ["margin_initial", "position_limit_long", "position_limit_short"]
PAIR_END = ["tick_size", "price_increment", "qty_min"]

BTC_USD = (
    '{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,'
    '"price_precision":1,"cost_precision":5,"marginable":true,"has_index":true,"ws_display_price_precision":1,'
    '"cost_min":0.50,"margin_initial":0.10,"position_limit_long":300,"position_limit_short":240,"tick_size":0.1,'
    '"price_increment":0.1,"qty_min":0.00005000}'
)


def snapshot(wire: Connect, **params: Any) -> tuple[str, dict[str, Any]]:
    client = wire()
    _, frame = client.subscribe("instrument", **params)
    assert list(frame) == ["channel", "type", "data"]
    assert (frame["channel"], frame["type"], list(frame["data"])) == ("instrument", "snapshot", ["assets", "pairs"])
    return client.raw[1].decode(), frame["data"]


def test_instruments_to_the_byte(wire: Connect) -> None:
    text, _ = snapshot(wire)
    for row in (
        BTC_USD,
        '{"id":"USD","status":"enabled","precision":4,"precision_display":2,"borrowable":true,'
        '"collateral_value":1.000,"class":"currency","margin_rate":0.025000}',
        '{"id":"BTC","status":"enabled","precision":10,"precision_display":5,"borrowable":true,'
        '"collateral_value":0.990,"class":"currency","margin_rate":0.010000}',
        '{"id":"0G","status":"enabled","precision":6,"precision_display":4,"borrowable":false,'
        '"collateral_value":0.000,"class":"currency"}',
        '{"symbol":"0G/EUR","base":"0G","quote":"EUR","status":"online","qty_precision":5,"qty_increment":0.00001,'
        '"price_precision":3,"cost_precision":5,"marginable":false,"has_index":false,"ws_display_price_precision":3,'
        '"cost_min":0.45,"tick_size":0.001,"price_increment":0.001,"qty_min":2.00000}',
    ):
        assert row in text


@pytest.mark.parametrize("symbol", [None, ["BTC/USD"], ["FOO/USD"], []])
def test_a_symbol_is_tolerated(wire: Connect, symbol: list[str] | None) -> None:
    text, data = snapshot(wire, **({} if symbol is None else {"symbol": symbol}))
    assert BTC_USD in text
    assert len(data["pairs"]) > 1000


def test_every_row_has_its_fields(wire: Connect, kraken: Client) -> None:
    _, data = snapshot(wire, include_tokenized_assets=True)
    for asset in data["assets"]:
        more = (["margin_rate"] if asset["borrowable"] else []) + (
            ["multiplier"] if asset["class"] == "tokenized_asset" else []
        )
        assert list(asset) == ASSET + more
        assert len(asset["collateral_value"].partition(".")[2]) == 3
    for pair in data["pairs"]:
        assert list(pair) == PAIR + (MARGIN if pair["marginable"] else []) + PAIR_END
        assert len(pair["qty_min"].partition(".")[2]) == pair["qty_precision"]
        assert pair["tick_size"] == pair["price_increment"]
        assert "/" in pair["symbol"]
    assert len({pair["symbol"] for pair in data["pairs"]}) == len(data["pairs"])
    ids = {asset["id"] for asset in data["assets"]}
    assert all({pair["base"], pair["quote"]} <= ids for pair in data["pairs"])


def test_the_least_cost_has_the_digits_of_its_currency(wire: Connect) -> None:
    _, data = snapshot(wire)
    found = {pair["symbol"]: pair["cost_min"] for pair in data["pairs"]}
    assert (found["BTC/USD"], found["BTC/USDT"], found["ETH/BTC"]) == ("0.50", "0.5000", "0.00002")


@pytest.mark.parametrize("tokenized", [False, True])
def test_which_instruments_there_are(wire: Connect, kraken: Client, tokenized: bool) -> None:
    _, data = snapshot(wire, include_tokenized_assets=tokenized)
    pairs = kraken.get("AssetPairs", assetVersion=1).result
    assets = kraken.get("Assets", assetVersion=1).result
    if tokenized:
        pairs |= kraken.get("AssetPairs", assetVersion=1, aclass_base="tokenized_asset").result
        assets |= kraken.get("Assets", assetVersion=1, aclass="tokenized_asset").result
    assert {pair["symbol"]: pair["status"] for pair in data["pairs"]} == {
        name: pair["status"] for name, pair in pairs.items()
    }
    assert {asset["id"] for asset in data["assets"]} == set(assets)
    assert ("AAPLx/USD" in pairs) is tokenized


def test_changed_rules_are_told(wire: Connect, pit: Pit) -> None:
    client, shares = wire(), wire()
    client.subscribe("instrument", snapshot=False)
    shares.subscribe("instrument", include_tokenized_assets=True, snapshot=False)
    pit.pair.patch(ordermin="0.001", tick_size="0.5", leverage_buy=[], leverage_sell=[])
    client.take()
    row = (
        '{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,'
        '"qty_increment":0.00000001,"price_precision":1,"cost_precision":5,"marginable":false,"has_index":false,'
        '"ws_display_price_precision":1,"cost_min":0.50,"tick_size":0.5,"price_increment":0.5,"qty_min":0.00100000}'
    )
    expected = f'{{"channel":"instrument","type":"update","data":{{"assets":[],"pairs":[{row}]}}}}'
    assert [raw.decode() for raw in client.raw] == [expected]
    shares.take()
    assert shares.raw == client.raw
    assert row in snapshot(wire)[0]
    pit.status.set("cancel_only", pair="ETHUSD")
    (frame,) = client.take()
    assert [(pair["symbol"], pair["status"]) for pair in frame["data"]["pairs"]] == [("ETH/USD", "cancel_only")]
    shares.take()


def test_a_pair_that_is_given_leverage_has_limits_of_nothing(wire: Connect, pit: Pit) -> None:
    client = wire()
    client.subscribe("instrument", snapshot=False)
    pit.pairs["0GEUR"].patch(leverage_buy=[2, 3], leverage_sell=[2])
    ((row,),) = (frame["data"]["pairs"] for frame in client.take())
    assert (row["marginable"], row["has_index"], row["margin_initial"]) == (True, True, "0.33")
    assert (row["position_limit_long"], row["position_limit_short"]) == (0, 0)


def test_changed_shares_are_told_to_those_who_asked_for_them(wire: Connect, pit: Pit) -> None:
    client, shares = wire(), wire()
    client.subscribe("instrument", snapshot=False)
    shares.subscribe("instrument", include_tokenized_assets=True, snapshot=False)
    pit.pairs["AAPLxUSD"].patch(ordermin="0.5")
    assert client.take() == []
    (frame,) = shares.take()
    assert [pair["symbol"] for pair in frame["data"]["pairs"]] == ["AAPLx/USD"]


def test_an_index_that_was_set(wire: Connect, pit: Pit) -> None:
    before, _ = snapshot(wire)
    pit.pairs["0GEUR"].set_index("1.5")
    _, data = snapshot(wire)
    assert {pair["symbol"]: pair["has_index"] for pair in data["pairs"]}["0G/EUR"] is True
    pit.pairs["0GEUR"].set_index(None)
    assert snapshot(wire)[0] == before
    assert json.loads(before)["channel"] == "instrument"
