"""The public API, byte for byte where the reference gives the digits (kraken/20)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.catalog import Catalog, names, records
from mockkraken.clock import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from traders import Client

    from mockkraken.sandbox import Sandbox

MIDNIGHT = 1_767_225_600  # where every sandbox here starts
LIST_ENDPOINTS = ("AssetPairs", "Ticker")
ONE_PAIR_ENDPOINTS = ("OHLC", "Depth", "Trades", "Spread")

BAD_ARGUMENTS = "EGeneral:Invalid arguments"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ASSET = "EQuery:Unknown asset"

TAKER_LADDER = (
    b"[[0,0.4],[10000,0.35],[50000,0.24],[100000,0.22],[250000,0.2],[500000,0.18],[1000000,0.16],"
    b"[2500000,0.14],[5000000,0.12],[10000000,0.1],[100000000,0.08],[500000000,0.05]]"
)
MAKER_LADDER = (
    b"[[0,0.25],[10000,0.2],[50000,0.14],[100000,0.12],[250000,0.1],[500000,0.08],[1000000,0.06],"
    b"[2500000,0.04],[5000000,0.02],[10000000,0.0],[100000000,0.0],[500000000,0.0]]"
)


def ok(result: bytes) -> bytes:
    return b'{"error":[],"result":%b}' % result


# Time and status


def test_time_pads_the_day_with_a_blank(kraken: Client) -> None:
    answer = kraken.get("Time")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.body == ok(b'{"unixtime":1767225600,"rfc1123":"Thu,  1 Jan 26 00:00:00 +0000"}')


def test_time_moves_with_the_sandbox(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(8 * DAY + 3_500_000_000)
    assert kraken.get("Time").body == ok(b'{"unixtime":1767916803,"rfc1123":"Fri,  9 Jan 26 00:00:03 +0000"}')
    sandbox.clock.advance(2 * DAY)
    assert kraken.get("Time").body == ok(b'{"unixtime":1768089603,"rfc1123":"Sun, 11 Jan 26 00:00:03 +0000"}')


def test_system_status_has_whole_seconds(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(1_999_999_999)
    assert kraken.get("SystemStatus").body == ok(b'{"status":"online","timestamp":"2026-01-01T00:00:01Z"}')


# Assets


def test_assets_entry_for_entry(kraken: Client) -> None:
    assert kraken.get("Assets", asset="ADA.S,usd,2Z,XBT").body == ok(
        b'{"2Z":{"aclass":"currency","altname":"2Z","decimals":4,"display_decimals":2,"status":"enabled",'
        b'"margin_rate":"0"},'
        b'"ADA.S":{"aclass":"currency","altname":"ADA.S","decimals":8,"display_decimals":6,"status":"enabled"},'
        b'"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"display_decimals":5,"collateral_value":0.99,'
        b'"status":"enabled","margin_rate":"0.01"},'
        b'"ZUSD":{"aclass":"currency","altname":"USD","decimals":4,"display_decimals":2,"collateral_value":1.0,'
        b'"status":"enabled","margin_rate":"0.025"}}'
    )


def test_all_assets_are_the_listed_currencies_in_ascii_order(kraken: Client) -> None:
    assets = kraken.get("Assets").result
    assert len(assets) == 732
    assert list(assets) == sorted(assets)
    assert {asset["aclass"] for asset in assets.values()} == {"currency"}
    assert "XBT.M" in assets
    assert "XBT.F" not in assets  # in balances only
    assert kraken.get("Assets", asset="XBT.F").refusal == UNKNOWN_ASSET


def test_tokenized_assets_are_a_class_of_their_own(kraken: Client) -> None:
    tokenized = kraken.get("Assets", aclass="tokenized_asset").result
    assert len(tokenized) == 15
    assert tokenized["AAPLx"]["aclass"] == "tokenized_asset"
    assert kraken.get("Assets", asset="AAPLx").refusal == UNKNOWN_ASSET
    assert kraken.get("Assets", asset="aaplX", aclass="tokenized_asset").result == {"AAPLx": tokenized["AAPLx"]}


@pytest.mark.parametrize("asked", ["usd,EUR", "UsD, euR", " zusd ,ZEUR ", "USD,EUR,usd"])
def test_assets_are_found_in_any_case_with_blanks_around(kraken: Client, asked: str) -> None:
    assert list(kraken.get("Assets", asset=asked).result) == ["ZEUR", "ZUSD"]


@pytest.mark.parametrize("asked", ["XXBT", "xbt", "BTC", "btc"])
def test_bitcoin_has_three_names(kraken: Client, asked: str) -> None:
    assert list(kraken.get("Assets", asset=asked).result) == ["XXBT"]


@pytest.mark.parametrize("version", ["1", "true"])
def test_asset_version_1_gives_modern_keys_and_old_altnames(kraken: Client, version: str) -> None:
    found = kraken.get("Assets", asset="XBT,XDG,ZUSD,SOL", assetVersion=version).result
    assert {key: asset["altname"] for key, asset in found.items()} == {
        "BTC": "XBT",
        "DOGE": "XDG",
        "SOL": "SOL",
        "USD": "USD",
    }
    assert list(found) == sorted(found)


@pytest.mark.parametrize("version", ["", "0", "2", "yes"])
def test_other_asset_versions_count_as_absent(kraken: Client, version: str) -> None:
    assert list(kraken.get("Assets", asset="XBT", assetVersion=version).result) == ["XXBT"]
    assert list(kraken.get("Ticker", pair="XBTUSD", assetVersion=version).result) == ["XXBTZUSD"]


# Pairs


def test_pair_in_full(kraken: Client) -> None:
    assert kraken.get("AssetPairs", pair="XBTUSD").body == ok(
        b'{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","aclass_base":"currency","base":"XXBT",'
        b'"aclass_quote":"currency","quote":"ZUSD","lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,'
        b'"lot_multiplier":1,"leverage_buy":[2,3,4,5,6,7,8,9,10],"leverage_sell":[2,3,4,5,6,7,8,9,10],'
        b'"fees":%b,"fees_maker":%b,"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,'
        b'"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online",'
        b'"execution_venue":"international","long_position_limit":300,"short_position_limit":240}}'
        % (TAKER_LADDER, MAKER_LADDER)
    )


def test_pair_of_the_modern_version_changes_key_and_assets_only(kraken: Client) -> None:
    old = kraken.get("AssetPairs", pair="XBTUSD").result["XXBTZUSD"]
    modern = kraken.get("AssetPairs", pair="XBTUSD", assetVersion="1").result["BTC/USD"]
    assert modern == old | {"base": "BTC", "quote": "USD", "fee_volume_currency": "USD"}
    assert list(modern) == list(old)


def test_pair_without_margin_has_no_position_limits(kraken: Client) -> None:
    pair = kraken.get("AssetPairs", pair="AGLDUSD").result["AGLDUSD"]
    assert list(pair)[-1] == "execution_venue"
    assert pair["leverage_buy"] == []


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        ("leverage", b'{"leverage_buy":[2,3,4,5,6,7,8,9,10],"leverage_sell":[2,3,4,5,6,7,8,9,10]}'),
        ("fees", b'{"fees":%b,"fees_maker":%b,"fee_volume_currency":"ZUSD"}' % (TAKER_LADDER, MAKER_LADDER)),
        ("margin", b'{"margin_call":80,"margin_stop":40}'),
    ],
)
def test_a_part_of_a_pair(kraken: Client, info: str, shown: bytes) -> None:
    assert kraken.get("AssetPairs", pair="XBTUSD", info=info).body == ok(b'{"XXBTZUSD":%b}' % shown)
    assert kraken.get("AssetPairs", pair="BTC/USD", info=info).body == ok(b'{"BTC/USD":%b}' % shown)


def test_info_info_is_everything(kraken: Client) -> None:
    assert kraken.get("AssetPairs", pair="XBTUSD", info="info") == kraken.get("AssetPairs", pair="XBTUSD")


def test_all_pairs_are_those_of_currencies_in_ascii_order(kraken: Client) -> None:
    pairs = kraken.get("AssetPairs").result
    assert len(pairs) == 1434
    assert list(pairs) == sorted(pairs)
    assert not any(pair["aclass_base"] == "tokenized_asset" for pair in pairs.values())
    modern = kraken.get("AssetPairs", assetVersion="1").result
    assert list(modern) == sorted(modern)
    assert len(modern) == 1434
    assert modern["DOGE/USD"]["altname"] == "XDGUSD"
    assert modern["DOGE/USD"]["wsname"] == "XDG/USD"
    assert not any(key.startswith(("XBT/", "XDG/")) or key.endswith("/XBT") for key in modern)


def test_tokenized_pairs_are_asked_for_by_class(kraken: Client) -> None:
    tokenized = kraken.get("AssetPairs", aclass_base="tokenized_asset").result
    assert len(tokenized) == 15
    assert tokenized["AAPLxUSD"]["base"] == "AAPLx"
    assert kraken.get("AssetPairs", pair="AAPLxUSD").refusal == UNKNOWN_PAIR
    asked = kraken.get("AssetPairs", pair="AAPLxUSD", aclass_base="tokenized_asset").result
    assert asked == {"AAPLxUSD": tokenized["AAPLxUSD"]}


def test_execution_venue_chooses(kraken: Client) -> None:
    assert len(kraken.get("AssetPairs", execution_venue="international").result) == 1434
    assert kraken.get("AssetPairs", execution_venue="bitnomial_exchange").body == ok(b"{}")


def test_country_code_and_unknown_parameters_are_ignored(kraken: Client) -> None:
    plain = kraken.get("AssetPairs", pair="XBTUSD")
    assert kraken.get("AssetPairs", pair="XBTUSD", country_code="US:TX", aclass="x", nonce="1") == plain


# Names (kraken/20 §2.2, §2.3)

NAMES = {
    "XXBTZUSD": "XXBTZUSD",
    "XBTUSD": "XXBTZUSD",
    "xbtusd": "XXBTZUSD",
    "xBteuR": "XXBTZEUR",
    "BTCUSD": "XXBTZUSD",
    "btceur": "XXBTZEUR",
    "DOGEUSD": "XDGUSD",
    "XDGUSD": "XDGUSD",
    "ETHBTC": "XETHXXBT",
    "ETHXBT": "XETHXXBT",
    "EURUSD": "ZEURZUSD",
    "SOLUSD": "SOLUSD",
    "BTC/USD": "BTC/USD",
    "btc/usd": "BTC/USD",
    "PEPE/USD": "PEPE/USD",
    "DOGE/USD": "DOGE/USD",
    "ETH/BTC": "ETH/BTC",
    "EUR/USD": "EUR/USD",
}
NO_NAMES = (
    "XBT/USD",
    "XDG/USD",
    "ETH/XBT",
    "XETHXBTC",
    "ABC/123",
    "abc",
    "XBTUSD.d",
    "BTC-USD",
    "ＸＢＴＵＳＤ",
    "XBTUſD",
)


@pytest.mark.parametrize("method", LIST_ENDPOINTS + ONE_PAIR_ENDPOINTS)
def test_a_pair_is_answered_under_the_right_key(kraken: Client, method: str) -> None:
    keys = {asked: next(iter(kraken.get(method, pair=asked).result)) for asked in NAMES}
    assert keys == NAMES


@pytest.mark.parametrize("method", LIST_ENDPOINTS + ONE_PAIR_ENDPOINTS)
def test_what_is_no_name_of_a_pair(kraken: Client, method: str) -> None:
    refusals = {asked: kraken.get(method, pair=asked).refusal for asked in NO_NAMES}
    assert refusals == dict.fromkeys(NO_NAMES, UNKNOWN_PAIR)


@pytest.mark.parametrize("method", LIST_ENDPOINTS + ONE_PAIR_ENDPOINTS)
def test_the_modern_version_always_answers_with_the_display_name(kraken: Client, method: str) -> None:
    for asked in ("XBTUSD", "XXBTZUSD", "BTCUSD", "BTC/USD"):
        for version in ("1", "true"):
            assert next(iter(kraken.get(method, pair=asked, assetVersion=version).result)) == "BTC/USD"


@pytest.mark.parametrize("method", LIST_ENDPOINTS)
def test_lists_bear_blanks_and_repetitions(kraken: Client, method: str) -> None:
    assert set(kraken.get(method, pair=" XBTusd ,  xmrEUR ").result) == {"XXBTZUSD", "XXMRZEUR"}
    assert list(kraken.get(method, pair="XBTUSD,xbtusd,XXBTZUSD").result) == ["XXBTZUSD"]
    assert set(kraken.get(method, pair="XBTUSD,BTC/USD").result) == {"XXBTZUSD", "BTC/USD"}


@pytest.mark.parametrize("method", ONE_PAIR_ENDPOINTS)
def test_a_single_pair_bears_no_blanks(kraken: Client, method: str) -> None:
    assert kraken.get(method, pair=" XBTUSD").refusal == UNKNOWN_PAIR


# Ticker


def test_ticker_of_the_calm_market(kraken: Client) -> None:
    """The best prices are the recorded ones, and the last price lies between; volumes and the day are the seed's."""
    (bid,) = kraken.get("Depth", pair="XBTUSD", count=1).result["XXBTZUSD"]["bids"]
    (ask,) = kraken.get("Depth", pair="XBTUSD", count=1).result["XXBTZUSD"]["asks"]
    bids, asks = (max(1, round(float(level[1]))) for level in (bid, ask))
    (trade,) = kraken.get("Trades", pair="XBTUSD", count=1).result["XXBTZUSD"]
    body = kraken.get("Ticker", pair="XBTUSD").body
    assert body.startswith(
        b'{"error":[],"result":{"XXBTZUSD":{"a":["68342.40000","%d","%d.000"],"b":["68342.30000","%d","%d.000"],'
        b'"c":["68342.40000","%b"],"v":["0.00000000","' % (asks, asks, bids, bids, trade[1].encode())
    )
    assert trade[0] == "68342.40000"
    assert body.endswith(b'"o":"0.00000"}}}')  # today begins now


def test_every_ticker_has_the_digits_of_its_pair(kraken: Client) -> None:
    rows = kraken.get("Ticker").result
    for pair_id, row in rows.items():
        record = records.load()[pair_id]
        places = records.price(pair_id).price_decimals
        price = rf"[0-9]+\.[0-9]{{{places}}}" if places else "[0-9]+"
        volume = rf"[0-9]+\.[0-9]{{{record.lot_decimals}}}"
        shapes = {
            "a": [price, "[0-9]+", r"[0-9]+\.000"],
            "b": [price, "[0-9]+", r"[0-9]+\.000"],
            "c": [price, volume],
            "v": [volume, volume],
            "p": [price, price],
            "t": ["[0-9]+", "[0-9]+"],
            "l": [price, price],
            "h": [price, price],
        }
        assert list(row) == [*shapes, "o"]
        assert re.fullmatch(price, row["o"])
        assert [type(count) for count in row["t"]] == [int, int]
        for name, patterns in shapes.items():
            for pattern, value in zip(patterns, row[name], strict=True):
                assert re.fullmatch(pattern, str(value)), f"{pair_id} {name}: {row[name]}"
        for name in "ab":
            assert row[name][2] == f"{row[name][1]}.000"


def test_all_tickers_stand_in_the_order_of_the_altnames(kraken: Client) -> None:
    catalog = Catalog()
    rows = kraken.get("Ticker").result
    assert len(rows) == 1434
    altnames = [catalog.records[pair_id].altname for pair_id in rows]
    assert altnames == sorted(altnames)
    modern = kraken.get("Ticker", assetVersion="1").result
    assert list(modern) == [catalog.pair(pair_id).display for pair_id in rows]
    assert list(modern.values()) == list(rows.values())
    # XRPXBT comes after XRPUSDT, whatever the key says.
    assert list(modern).index("XRP/BTC") > list(modern).index("XRP/USDT")


def test_one_ticker_says_what_all_tickers_say(kraken: Client) -> None:
    """Asking for one opens its market; nothing that it shows may change by that."""
    rows = kraken.get("Ticker").result
    unpriced = [pair_id for pair_id in rows if records.price(pair_id).quality != "recorded"]
    chosen = dict.fromkeys([*unpriced, *list(rows)[::16]])
    for pair_id in chosen:
        assert kraken.get("Ticker", pair=pair_id).result == {pair_id: rows[pair_id]}
    assert kraken.get("Ticker").result == rows


def test_tickers_of_a_class(kraken: Client) -> None:
    tokenized = kraken.get("Ticker", asset_class="tokenized_asset").result
    assert len(tokenized) == 15
    assert kraken.get("Ticker", pair="AAPLxUSD", asset_class="tokenized_asset").result == {
        "AAPLxUSD": tokenized["AAPLxUSD"]
    }
    assert kraken.get("Ticker", pair="XBTUSD", asset_class="tokenized_asset").refusal == UNKNOWN_PAIR
    assert kraken.get("Ticker", asset_class="forex") == kraken.get("Ticker")


def test_ticker_of_known_and_unknown_pairs_gives_error_and_result(kraken: Client) -> None:
    known = kraken.get("Ticker", pair="XBTEUR").body.removeprefix(b'{"error":[],')
    partly = kraken.get("Ticker", pair="FOO,XBTEUR,BAR")
    assert partly.body == b'{"error":["EQuery:Unknown asset pair"],' + known
    assert partly.status == 200
    assert kraken.get("Ticker", pair="FOO,BAR").refusal == UNKNOWN_PAIR


def test_ticker_of_a_market_that_nobody_makes(kraken: Client) -> None:
    assert kraken.get("Ticker", pair="AGLDUSD").body == ok(
        b'{"AGLDUSD":{"a":["0.00000","0","0.000"],"b":["0.00000","0","0.000"],"c":["0.00000","0.00000000"],'
        b'"v":["0.00000000","0.00000000"],"p":["0.00000","0.00000"],"t":[0,0],"l":["0.00000","0.00000"],'
        b'"h":["0.00000","0.00000"],"o":"0.00000"}}'
    )


def test_ticker_sums_the_trades_of_today_and_of_24_hours(kraken: Client, sandbox: Sandbox) -> None:
    kraken.get("Depth", pair="XBTUSD")  # its history ends here, where the day begins
    sandbox.clock.advance(HOUR)
    kraken.buy("0.00005")
    sandbox.clock.advance(22 * HOUR)
    kraken.sell("0.5")
    bid = kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]["b"][0]
    row = kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]
    assert row["c"] == [bid, "0.50000000"]
    assert row["v"][0] == "0.50005000"
    assert row["t"][0] == 2
    assert row["p"][0] == "68342.30001"  # (68342.4 * 0.00005 + 68342.3 * 0.5) / 0.50005
    assert row["l"][0] == "68342.30000"
    assert row["h"][0] == "68342.40000"
    assert row["o"] == "68342.40000"
    # The last hour of the history counts for the 24 hours.
    assert row["t"][1] > 100
    assert Decimal(row["v"][1]) > 1

    sandbox.clock.advance(HOUR)  # midnight: the day is empty, the last 24 hours are not
    row = kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]
    assert row["v"] == ["0.00000000", "0.50005000"]
    assert row["t"] == [0, 2]
    assert row["p"] == ["0.00000", "68342.30001"]
    assert (row["l"][0], row["h"][0], row["o"]) == ("0.00000", "0.00000", "0.00000")
    assert row["c"] == ["68342.30000", "0.50000000"]

    sandbox.clock.advance(HOUR)  # the first trade is 24 hours old now
    row = kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]
    assert row["v"] == ["0.00000000", "0.50000000"]
    assert row["h"] == ["0.00000", "68342.30000"]

    sandbox.clock.advance(DAY)  # nothing at all in 24 hours; the book is still there
    row = kraken.get("Ticker", pair="XBTUSD").result["XXBTZUSD"]
    assert row["c"] == ["0.00000", "0.00000000"]
    assert row["t"] == [0, 0]
    assert (row["a"][0], row["b"][0]) == ("68342.40000", "68342.30000")


# Depth


def test_depth_shape(kraken: Client) -> None:
    answer = kraken.get("Depth", pair="XBTUSD", count=2)
    level = rb'\["68[0-9]{3}\.[0-9]0000","[0-9]+\.[0-9]{3}",1767225600\]'
    side = rb"\[%b,%b\]" % (level, level)
    assert re.fullmatch(
        rb'\{"error":\[\],"result":\{"XXBTZUSD":\{"asks":%b,"bids":%b\}\}\}' % (side, side), answer.body
    )
    book = answer.result["XXBTZUSD"]
    assert (book["asks"][0][0], book["bids"][0][0]) == ("68342.40000", "68342.30000")


def test_depth_goes_away_from_the_middle(kraken: Client) -> None:
    book = kraken.get("Depth", pair="XBTUSD").result["XXBTZUSD"]
    asks, bids = ([float(level[0]) for level in book[side]] for side in ("asks", "bids"))
    assert asks == sorted(set(asks))
    assert bids == sorted(set(bids), reverse=True)
    assert bids[0] < asks[0]


@pytest.mark.parametrize(
    ("count", "levels"), [("", 100), ("&count=1", 1), ("&count=7", 7), ("&count=0", 100), ("&count=-5", 100)]
)
def test_depth_count(kraken: Client, count: str, levels: int) -> None:
    book = kraken.get("Depth", f"pair=XBTUSD{count}").result["XXBTZUSD"]
    assert (len(book["asks"]), len(book["bids"])) == (levels, levels)


@pytest.mark.parametrize("count", ["500", "501", "999999999999999999"])
def test_depth_count_is_clamped(kraken: Client, count: str) -> None:
    for step in range(60):  # beside the makers' 100 levels, and more of them than half of what is shown
        kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="0.001", price=f"{60000 + step}.1")
    assert len(kraken.get("Depth", pair="XBTUSD", count=count).result["XXBTZUSD"]["bids"]) == 160


def test_depth_shows_at_most_500_levels(kraken: Client) -> None:
    for step in range(450):
        kraken.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="0.001", price=f"{60000 + step}.1")
    assert len(kraken.get("Depth", pair="XBTUSD", count="500").result["XXBTZUSD"]["bids"]) == 500
    assert len(kraken.get("Depth", pair="XBTUSD", count="5000").result["XXBTZUSD"]["bids"]) == 500


def test_depth_shows_when_a_level_last_changed(kraken: Client, sandbox: Sandbox) -> None:
    kraken.get("Depth", pair="XBTUSD")
    sandbox.clock.advance(90 * SECOND)
    kraken.buy("0.0012345", "68342.2")
    bids = kraken.get("Depth", pair="XBTUSD", count=3).result["XXBTZUSD"]["bids"]
    assert bids[0][2] == MIDNIGHT
    assert bids[1] == ["68342.20000", "0.001", MIDNIGHT + 90]


def test_depth_of_an_empty_book(kraken: Client) -> None:
    assert kraken.get("Depth", pair="AGLDUSD").body == ok(b'{"AGLDUSD":{"asks":[],"bids":[]}}')


# Candles


def test_the_last_candle_is_the_forming_one(kraken: Client) -> None:
    body = kraken.get("OHLC", pair="XBTUSD").body
    assert body.endswith(
        b',[1767225600,"68342.4","68342.4","68342.4","68342.4","0.0","0.00000000",0]],"last":1767225540}}'
    )


def test_candles_are_made_of_trades_and_gaps(kraken: Client, sandbox: Sandbox) -> None:
    kraken.get("OHLC", pair="XBTUSD")
    sandbox.clock.advance(10 * SECOND)
    kraken.buy("0.00005")
    sandbox.clock.advance(20 * SECOND)
    kraken.buy("0.25")
    sandbox.clock.advance(2 * MINUTE)
    kraken.sell("0.1")
    assert kraken.get("OHLC", pair="XBTUSD", since=MIDNIGHT - 60).body == ok(
        b'{"XXBTZUSD":['
        b'[1767225600,"68342.4","68342.4","68342.4","68342.4","68342.4","0.25005000",2],'
        b'[1767225660,"68342.4","68342.4","68342.4","68342.4","0.0","0.00000000",0],'
        b'[1767225720,"68342.3","68342.3","68342.3","68342.3","68342.3","0.10000000",1]'
        b'],"last":1767225660}'
    )
    wide = kraken.get("OHLC", pair="XBTUSD", interval=5, since=MIDNIGHT - 300).result
    assert wide["XXBTZUSD"] == [[MIDNIGHT, "68342.4", "68342.4", "68342.3", "68342.3", "68342.4", "0.35005000", 3]]
    assert wide["last"] == MIDNIGHT - 300


@pytest.mark.parametrize("interval", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
def test_candles_start_at_multiples_of_the_interval_since_1970(kraken: Client, interval: int) -> None:
    result = kraken.get("OHLC", pair="XBTUSD", interval=interval).result
    starts = [row[0] for row in result["XXBTZUSD"]]
    start, width = starts[-1], interval * 60
    assert start % width == 0
    assert start <= MIDNIGHT < start + width
    assert result["last"] == start - width
    assert starts == list(range(starts[0], start + width, width))


def test_candles_never_exceed_720_and_the_forming_one(kraken: Client, sandbox: Sandbox) -> None:
    assert len(kraken.get("OHLC", pair="XBTUSD").result["XXBTZUSD"]) == 721
    sandbox.clock.advance(5720 * MINUTE)
    for since in ("", "&since=0", f"&since={MIDNIGHT}"):
        result = kraken.get("OHLC", f"pair=XBTUSD{since}").result
        rows = result["XXBTZUSD"]
        now = MIDNIGHT + 5720 * 60
        assert [row[0] for row in rows] == list(range(now - 720 * 60, now + 60, 60))
        assert rows[0][1:] == ["68342.4", "68342.4", "68342.4", "68342.4", "0.0", "0.00000000", 0]
        assert result["last"] == rows[-2][0]


def test_since_is_exclusive_and_the_forming_candle_always_there(kraken: Client, sandbox: Sandbox) -> None:
    kraken.get("OHLC", pair="XBTUSD")
    sandbox.clock.advance(10 * MINUTE)

    def times(since: int) -> list[int]:
        result = kraken.get("OHLC", pair="XBTUSD", since=since).result
        assert result["last"] == MIDNIGHT + 540
        return [row[0] - MIDNIGHT for row in result["XXBTZUSD"]]

    assert times(MIDNIGHT + 420) == [480, 540, 600]
    assert times(MIDNIGHT + 419) == [420, 480, 540, 600]
    assert times(MIDNIGHT + 540) == [600]
    assert times(MIDNIGHT + 600) == [600]
    assert times(9_999_999_999) == [600]


def test_candles_of_a_market_without_trades(kraken: Client) -> None:
    assert kraken.get("OHLC", pair="AGLDUSD").body == ok(b'{"AGLDUSD":[],"last":1767225540}')


# Trades


def test_trades_row(kraken: Client, sandbox: Sandbox) -> None:
    sandbox.clock.advance(1_500_000_000)
    kraken.buy("0.002", "68400")
    sandbox.clock.advance(123_456_789)
    kraken.sell("0.001")
    assert kraken.get("Trades", pair="XBTUSD", count=2).body == ok(
        b'{"XXBTZUSD":[["68342.40000","0.00200000",1767225601.5,"b","l","",1000001],'
        b'["68342.30000","0.00100000",1767225601.6234567,"s","m","",1000002]],"last":"1767225601623456789"}'
    )


def sweep_the_book(kraken: Client, sandbox: Sandbox, times: int) -> list[list[Any]]:
    """Trades a millisecond apart; their rows."""
    for _ in range(times):
        sandbox.clock.advance(SECOND // 1000)
        kraken.buy("0.001")
    rows = kraken.get("Trades", pair="XBTUSD", since=MIDNIGHT).result["XXBTZUSD"]
    assert len(rows) == times
    return list(rows)


def test_trades_are_paged_by_last(kraken: Client, sandbox: Sandbox) -> None:
    rows = sweep_the_book(kraken, sandbox, 25)
    paged: list[list[Any]] = []
    since = str(MIDNIGHT)
    for expected in (10, 10, 5, 0):
        result = kraken.get("Trades", pair="XBTUSD", since=since, count=10).result
        assert len(result["XXBTZUSD"]) == expected
        paged += result["XXBTZUSD"]
        since = result["last"]
    assert paged == rows
    assert since == "1767225600025000000"


def test_trades_since_in_every_unit(kraken: Client, sandbox: Sandbox) -> None:
    sweep_the_book(kraken, sandbox, 5)

    def ids(since: str) -> list[int]:
        rows = kraken.get("Trades", pair="XBTUSD", since=since).result["XXBTZUSD"]
        return [row[6] - 1_000_000 for row in rows]

    assert ids("1767225600") == [1, 2, 3, 4, 5]
    assert ids("1767225600.003") == [4, 5]  # strictly after
    assert ids("1767225600003") == [4, 5]
    assert ids("1767225600003000000") == [4, 5]
    assert ids("1767225600002999999") == [3, 4, 5]
    assert ids("1767225601") == []


def test_without_since_the_latest_trades_come(kraken: Client, sandbox: Sandbox) -> None:
    rows = sweep_the_book(kraken, sandbox, 12)
    assert kraken.get("Trades", pair="XBTUSD", count=3).result["XXBTZUSD"] == rows[-3:]
    assert kraken.get("Trades", pair="XBTUSD", count=3, since=MIDNIGHT).result["XXBTZUSD"] == rows[:3]
    for count in (0, -1):
        assert kraken.get("Trades", pair="XBTUSD", count=count).result["XXBTZUSD"][-12:] == rows
        assert len(kraken.get("Trades", pair="XBTUSD", count=count).result["XXBTZUSD"]) == 1000


def test_at_most_a_thousand_trades_at_once(kraken: Client) -> None:
    for _ in range(10):
        kraken.buy("0.0001")
    for count in ("", "&count=1000", "&count=5000"):
        rows = kraken.get("Trades", f"pair=XBTUSD{count}").result["XXBTZUSD"]
        assert [row[6] for row in rows] == list(range(999_011, 1_000_011))


def test_nothing_newer_gives_back_the_cursor_in_nanoseconds(kraken: Client) -> None:
    assert kraken.get("Trades", pair="XBTUSD", since="1767300000").body == ok(
        b'{"XXBTZUSD":[],"last":"1767300000000000000"}'
    )
    assert kraken.get("Trades", pair="AGLDUSD").body == ok(b'{"AGLDUSD":[],"last":"0"}')


# Spread


def test_spread_has_a_row_for_each_change_of_the_top(kraken: Client, sandbox: Sandbox) -> None:
    before = kraken.get("Spread", pair="XBTUSD").result["XXBTZUSD"]
    assert before[-1] == [MIDNIGHT, "68342.30000", "68342.40000"]
    sandbox.clock.advance(5 * SECOND)
    inner = kraken.buy("0.01", "68342.3")  # joins the best bid: no change of the top
    sandbox.clock.advance(5 * SECOND)
    kraken.call("CancelOrder", txid=inner)
    sandbox.clock.advance(5 * SECOND)
    ask = kraken.sell("0.01", "68342.4")
    kraken.call("CancelOrder", txid=ask)
    assert kraken.get("Spread", pair="XBTUSD").result == {"XXBTZUSD": before, "last": MIDNIGHT + 15}
    assert kraken.get("Spread", pair="XBTUSD", since=MIDNIGHT).body == ok(
        b'{"XXBTZUSD":[[1767225600,"68342.30000","68342.40000"]],"last":1767225615}'
    )


def test_spread_since_is_inclusive(kraken: Client, sandbox: Sandbox) -> None:
    first = kraken.get("Spread", pair="XBTEUR", since=MIDNIGHT).result["XXBTZEUR"]
    assert first == [[MIDNIGHT, "57926.70000", "57928.70000"]]
    sandbox.clock.advance(10 * SECOND)
    kraken.buy("0.1", "57927.5", pair="XBTEUR")
    better = [MIDNIGHT + 10, "57927.50000", "57928.70000"]
    shown = kraken.get("Spread", pair="XBTEUR", since=MIDNIGHT).result
    assert shown == {"XXBTZEUR": [*first, better], "last": MIDNIGHT + 10}
    assert kraken.get("Spread", pair="XBTEUR", since=MIDNIGHT + 10).result["XXBTZEUR"] == [better]
    later = kraken.get("Spread", pair="XBTEUR", since=MIDNIGHT + 11)
    assert later.body == ok(b'{"XXBTZEUR":[],"last":1767225610}')


def test_spread_keeps_the_last_200_changes(kraken: Client) -> None:
    for _ in range(120):
        kraken.call("CancelOrder", txid=kraken.buy("0.1", "57927.5", pair="XBTEUR"))
    rows = kraken.get("Spread", pair="XBTEUR").result["XXBTZEUR"]
    assert len(rows) == 200
    assert [row[1] for row in rows[-2:]] == ["57927.50000", "57926.70000"]


# The error matrix, row by row (kraken/20 §4)


@pytest.mark.parametrize("method", ONE_PAIR_ENDPOINTS)
def test_one_pair_endpoints_take_one_pair(kraken: Client, method: str) -> None:
    assert kraken.get(method, pair="xbteur,xbtusd").refusal == UNKNOWN_PAIR
    assert kraken.get(method, pair="").refusal == BAD_ARGUMENTS
    assert kraken.get(method).refusal == BAD_ARGUMENTS
    assert kraken.get(method, pair="XBTUSD", asset_class="stocks").refusal == BAD_ARGUMENTS
    assert kraken.get(method, pair="AAPLxUSD").refusal == UNKNOWN_PAIR
    assert kraken.get(method, pair="AAPLxUSD", asset_class="tokenized_asset").errors == []


@pytest.mark.parametrize(
    ("method", "query", "error"),
    [
        ("Ticker", "pair=", UNKNOWN_PAIR),
        ("AssetPairs", "pair=", UNKNOWN_PAIR),
        ("Assets", "asset=", UNKNOWN_ASSET),
        ("Assets", "asset=FOO", UNKNOWN_ASSET),
        ("Assets", "asset=XBT,FOO", UNKNOWN_ASSET),
        ("AssetPairs", "pair=XBTUSD,FOO", UNKNOWN_PAIR),
        ("Ticker", "pair=AAPLxUSD", UNKNOWN_PAIR),
        ("AssetPairs", "pair=AAPLxUSD", UNKNOWN_PAIR),
        ("Assets", "aclass=forex", BAD_ARGUMENTS),
        ("Assets", "aclass=", BAD_ARGUMENTS),
        ("AssetPairs", "aclass_base=forex", BAD_ARGUMENTS),
        ("Ticker", "asset_class=stocks", BAD_ARGUMENTS),
        ("AssetPairs", "info=everything", BAD_ARGUMENTS),
        ("AssetPairs", "execution_venue=bitnomial-exchange", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=0", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=2", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=45", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=-1", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=1m", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&interval=", BAD_ARGUMENTS),
        ("OHLC", "pair=XBTUSD&since=yesterday", BAD_ARGUMENTS),
        ("Depth", "pair=XBTUSD&count=many", BAD_ARGUMENTS),
        ("Depth", "pair=XBTUSD&count=1e2", BAD_ARGUMENTS),
        ("Depth", "pair=XBTUSD&count=1.5", BAD_ARGUMENTS),
        ("Trades", "pair=XBTUSD&count=many", BAD_ARGUMENTS),
        ("Trades", "pair=XBTUSD&since=yesterday", BAD_ARGUMENTS),
        ("Trades", "pair=XBTUSD&since=1e9", BAD_ARGUMENTS),
        ("Spread", "pair=XBTUSD&since=yesterday", BAD_ARGUMENTS),
        # The fullwidth and Arabic digits that int() would read.
        ("Depth", "pair=XBTUSD&count=%EF%BC%95", BAD_ARGUMENTS),
        ("Spread", "pair=XBTUSD&since=%D9%A1", BAD_ARGUMENTS),
    ],
)
def test_error_matrix(kraken: Client, method: str, query: str, error: str) -> None:
    answer = kraken.get(method, query)
    assert answer.status == 200
    assert answer.body == b'{"error":["%b"]}' % error.encode()
    assert kraken.journal()["outcome"] == "refused"


def test_a_body_on_get_is_ignored(kraken: Client) -> None:
    answer = kraken.send("GET", "/0/public/Ticker", b"pair=FOO", query="pair=XBTUSD")
    assert list(answer.result) == ["XXBTZUSD"]
    assert kraken.send("GET", "/0/public/OHLC", b"pair=XBTUSD").refusal == BAD_ARGUMENTS


def test_signatures_on_public_calls_are_ignored(kraken: Client) -> None:
    answer = kraken.send("GET", "/0/public/Time", headers={"API-Key": "nobody", "API-Sign": "nothing"})
    assert answer == kraken.get("Time")


def test_a_list_may_come_as_repeated_keys(kraken: Client) -> None:
    assert list(kraken.get("Ticker", "pair=XBTUSD&pair=ETHUSD").result) == ["XXBTZUSD", "XETHZUSD"]


def test_every_pair_is_known_under_its_five_names(sandbox: Sandbox, kraken: Client) -> None:
    """Through the API for a sample, by the tables for all: id, altname, display name and the latter without slash."""
    public, _ = names.tables()
    for pair_id, record in records.load().items():
        if record.aclass_base == "currency":
            display = sandbox.catalog.pair(pair_id).display
            for name in (pair_id, record.altname, display, display.replace("/", "")):
                assert public.public[name.upper()] == pair_id
    for pair_id in list(records.load())[::97]:
        pair = sandbox.catalog.pair(pair_id)
        if not pair.tokenized:
            asked = f"{pair.altname},{pair.display}"
            assert set(kraken.get("AssetPairs", pair=asked).result) == {pair_id, pair.display}
