"""Assets and pairs: names as a request may write them, entries as Kraken prints them, units as the exchange counts."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from mockkraken.catalog import Asset, Catalog, Pair, names, records
from mockkraken.catalog.assets import asset_entry
from mockkraken.catalog.changes import ChangeError
from mockkraken.catalog.records import pair_entry

if TYPE_CHECKING:
    from mockkraken.catalog.records import Info

# As received from AssetPairs on 2026-01-12 (execution_venue came later).
XXBTZUSD = (
    b'{"altname":"XBTUSD","wsname":"XBT/USD","aclass_base":"currency","base":"XXBT","aclass_quote":"currency",'
    b'"quote":"ZUSD","lot":"unit","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,'
    b'"leverage_buy":[2,3,4,5,6,7,8,9,10],"leverage_sell":[2,3,4,5,6,7,8,9,10],'
    b'"fees":[[0,0.4],[10000,0.35],[50000,0.24],[100000,0.22],[250000,0.2],[500000,0.18],[1000000,0.16],'
    b"[2500000,0.14],[5000000,0.12],[10000000,0.1],[100000000,0.08],[500000000,0.05]],"
    b'"fees_maker":[[0,0.25],[10000,0.2],[50000,0.14],[100000,0.12],[250000,0.1],[500000,0.08],[1000000,0.06],'
    b"[2500000,0.04],[5000000,0.02],[10000000,0.0],[100000000,0.0],[500000000,0.0]],"
    b'"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"0.00005","costmin":"0.5",'
    b'"tick_size":"0.1","status":"online","execution_venue":"international",'
    b'"long_position_limit":300,"short_position_limit":240}'
)

# Of every entry, one a line in the order of the ids, as they stand in the recorded answers.
PAIRS_SHA256 = "f69c6c7452c93268f1ea07c2a03ead1b9ec58c4b9c2ef3a2114612c03f221fb3"
ASSETS_SHA256 = "eb3edcfa7ef1f3b682e79ccd190438c1791b558db7ee45f9e5f6040fbda2554d"


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


def currency_pairs(catalog: Catalog) -> list[str]:
    return [pair_id for pair_id, record in catalog.records.items() if record.aclass_base == "currency"]


def digest(entries: dict[str, msgspec.Raw]) -> str:
    lines = b"\n".join(b'"' + name.encode() + b'":' + bytes(entry) for name, entry in entries.items())
    return hashlib.sha256(lines).hexdigest()


class TestPublicNames:
    """kraken/20 §2.2, row by row."""

    @pytest.mark.parametrize(
        ("asked", "key"),
        [
            ("XXBTZUSD", "XXBTZUSD"),
            ("XBTUSD", "XXBTZUSD"),
            ("xbtusd", "XXBTZUSD"),
            ("xBteuR", "XXBTZEUR"),
            ("BTCUSD", "XXBTZUSD"),
            ("BTCEUR", "XXBTZEUR"),
            ("DOGEUSD", "XDGUSD"),
            ("ETHBTC", "XETHXXBT"),
            ("BTC/USD", "BTC/USD"),
            ("PEPE/USD", "PEPE/USD"),
            ("DOGE/USD", "DOGE/USD"),
            ("btc/usd", "BTC/USD"),
            ("SOL/USD", "SOL/USD"),
            ("ETH/BTC", "ETH/BTC"),
            ("ZUSDZJPY", "ZUSDZJPY"),
            ("USDJPY", "ZUSDZJPY"),
            ("USDTZUSD", "USDTZUSD"),
        ],
    )
    def test_accepted_with_the_key_of_the_answer(self, catalog: Catalog, asked: str, key: str) -> None:
        found = catalog.public_pair(asked)
        assert found is not None
        pair, answered = found
        assert answered == key
        assert answered in (pair.id, pair.display)

    @pytest.mark.parametrize(
        "asked",
        [
            "XBT/USD",
            "XDG/USD",
            "ETH/XBT",
            "xbt/usd",
            "XETHXBTC",
            "XXBT/ZUSD",
            "ABC/123",
            "abc",
            "",
            "/",
            " XBTUSD",
            "XBTUSD ",
            "XBTUSD,XBTEUR",
            "XBTUSD:BTNL",
            "ſolusd",  # upper-cases to SOLUSD
            "ＸBTUSD",
        ],
    )
    def test_refused(self, catalog: Catalog, asked: str) -> None:
        assert catalog.public_pair(asked) is None

    def test_the_wsname_is_refused_only_where_it_differs_from_the_display_name(self, catalog: Catalog) -> None:
        refused = {catalog.pair(name).wsname for name in currency_pairs(catalog)} - {
            catalog.pair(name).display for name in currency_pairs(catalog)
        }
        # Every pair with bitcoin or doge in it, and no other.
        assert all({"XBT", "XDG"} & set(wsname.split("/")) for wsname in refused)
        assert {"XBT/USD", "ETH/XBT", "XDG/EUR"} < refused
        assert not any(catalog.public_pair(wsname) for wsname in refused)

    def test_all_currency_pairs_by_all_their_names(self, catalog: Catalog) -> None:
        for pair_id in currency_pairs(catalog):
            pair = catalog.pair(pair_id)
            concat = pair.display.replace("/", "")
            for name in (pair.id, pair.altname, concat, concat.lower()):
                assert catalog.public_pair(name) == (pair, pair_id), name
            assert catalog.public_pair(pair.display) == (pair, pair.display)
            for name in (pair.id, pair.altname, pair.wsname, pair.display, concat):
                assert catalog.trading_pair(name) is pair, name
                assert catalog.trading_pair(name.lower()) is pair, name


class TestTradingNames:
    """Private endpoints take the wsname too (kraken/30 §2.1)."""

    @pytest.mark.parametrize("asked", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTCUSD", "xbt/usd", "xBtUsD"])
    def test_bitcoin(self, catalog: Catalog, asked: str) -> None:
        pair = catalog.trading_pair(asked)
        assert pair is not None
        assert pair.id == "XXBTZUSD"

    @pytest.mark.parametrize("asked", ["XDGUSD", "xdgusd", "XDG/USD", "DOGE/USD", "dogeusd"])
    def test_doge(self, catalog: Catalog, asked: str) -> None:
        pair = catalog.trading_pair(asked)
        assert pair is not None
        assert (pair.id, pair.display) == ("XDGUSD", "DOGE/USD")

    @pytest.mark.parametrize("asked", ["XETHXBTC", "ABC/123", "", " XBTUSD", "ſol/usd"])
    def test_unknown(self, catalog: Catalog, asked: str) -> None:
        assert catalog.trading_pair(asked) is None


class TestTokenizedNames:
    def test_need_their_asset_class(self, catalog: Catalog) -> None:
        assert catalog.public_pair("AAPLxUSD") is None
        assert catalog.trading_pair("AAPLx/USD") is None
        for asked, key in (("AAPLxUSD", "AAPLxUSD"), ("aaplxusd", "AAPLxUSD"), ("aaplx/usd", "AAPLx/USD")):
            found = catalog.public_pair(asked, tokenized=True)
            assert found is not None
            assert (found[0].id, found[1]) == ("AAPLxUSD", key)
            assert catalog.trading_pair(asked, tokenized=True) is found[0]

    def test_their_asset_class_has_no_currency_pairs(self, catalog: Catalog) -> None:
        assert catalog.public_pair("XBTUSD", tokenized=True) is None
        assert catalog.trading_pair("XBT/USD", tokenized=True) is None


class TestAssets:
    @pytest.mark.parametrize(
        ("asked", "asset_id"),
        [
            ("usd", "ZUSD"),
            ("UsD", "ZUSD"),
            ("euR", "ZEUR"),
            ("XXBT", "XXBT"),
            ("xbt", "XXBT"),
            ("BTC", "XXBT"),
            ("doge", "XXDG"),
            ("XDG", "XXDG"),
            ("FEE", "KFEE"),
            ("sol", "SOL"),
            ("AAPLX", "AAPLx"),
            ("XBT.M", "XBT.M"),
        ],
    )
    def test_any_alias_in_any_case(self, catalog: Catalog, asked: str, asset_id: str) -> None:
        asset = catalog.asset(asked)
        assert asset is not None
        assert asset.id == asset_id

    @pytest.mark.parametrize("asked", ["", "ABC123", "XXBT.M", " usd", "ſol"])
    def test_unknown(self, catalog: Catalog, asked: str) -> None:
        assert catalog.asset(asked) is None

    def test_every_asset_by_all_its_names(self, catalog: Catalog) -> None:
        for asset in catalog.assets.values():
            for name in (asset.id, asset.altname, asset.display):
                assert catalog.asset(name) is asset
                assert catalog.asset(name.lower()) is asset

    def test_twenty_one_have_another_id_than_altname(self, catalog: Catalog) -> None:
        prefixed = {asset.id: asset.altname for asset in catalog.assets.values() if asset.id != asset.altname}
        assert len(prefixed) == 21
        assert prefixed["XXBT"] == "XBT"
        assert prefixed["KFEE"] == "FEE"
        assert prefixed["ZMXN"] == "MXN"

    def test_two_have_another_display_name_than_altname(self, catalog: Catalog) -> None:
        modern = {asset.altname: asset.display for asset in catalog.assets.values() if asset.display != asset.altname}
        assert modern == {"XBT": "BTC", "XDG": "DOGE"}

    def test_hidden_ones_occur_in_balances_only(self, catalog: Catalog) -> None:
        hidden = {asset.id for asset in catalog.assets.values() if asset.hidden}
        assert hidden == {
            *("XBT.B", "XBT.F", "ETH.B", "ETH.F", "ETH.S", "ETH.M", "SOL.B", "SOL.F", "DOT.B", "DOT.F"),
            *("ADA.B", "ADA.F", "USDC.B", "USDC.F", "USDT.F", "USDG.F", "EUR.F", "USD.F", "BABY.B"),
            *("AAPLx.T", "TSLAx.T"),
        }
        assert len(catalog.assets) - len(hidden) == 732 + 15
        assert catalog.asset("xbt.f") is catalog.assets["XBT.F"]

    def test_are_sorted_by_id(self, catalog: Catalog) -> None:
        assert list(catalog.assets) == sorted(catalog.assets)

    @pytest.mark.parametrize(
        ("asset_id", "entry"),
        [
            (
                "ZUSD",
                b'{"aclass":"currency","altname":"USD","decimals":4,"display_decimals":2,"collateral_value":1.0,'
                b'"status":"enabled","margin_rate":"0.025"}',
            ),
            (
                "DOT",
                b'{"aclass":"currency","altname":"DOT","decimals":10,"display_decimals":8,"collateral_value":0.925,'
                b'"status":"enabled","margin_rate":"0.025"}',
            ),
            (
                "2Z",
                b'{"aclass":"currency","altname":"2Z","decimals":4,"display_decimals":2,"status":"enabled",'
                b'"margin_rate":"0"}',
            ),
            ("KFEE", b'{"aclass":"currency","altname":"FEE","decimals":2,"display_decimals":2,"status":"enabled"}'),
        ],
    )
    def test_entry(self, catalog: Catalog, asset_id: str, entry: bytes) -> None:
        assert bytes(asset_entry(catalog.assets[asset_id])) == entry

    def test_every_entry_is_the_recorded_one(self, catalog: Catalog) -> None:
        assert len(catalog.assets) == 768
        assert digest({name: asset_entry(asset) for name, asset in catalog.assets.items()}) == ASSETS_SHA256


class TestPairEntries:
    def test_bitcoin(self, catalog: Catalog) -> None:
        assert bytes(pair_entry(catalog.records["XXBTZUSD"])) == XXBTZUSD

    def test_bitcoin_in_version_1(self, catalog: Catalog) -> None:
        entry = bytes(pair_entry(catalog.records["XXBTZUSD"], version1=True))
        expected = XXBTZUSD
        for internal, display in (
            (b'"base":"XXBT"', b'"base":"BTC"'),
            (b'"quote":"ZUSD"', b'"quote":"USD"'),
            (b'"fee_volume_currency":"ZUSD"', b'"fee_volume_currency":"USD"'),
        ):
            expected = expected.replace(internal, display)
        assert entry == expected

    @pytest.mark.parametrize(
        ("info", "expected"),
        [
            ("leverage", b'{"leverage_buy":[2,3],"leverage_sell":[2,3]}'),
            ("fees", b'{"fees":[[0,0.1]],"fees_maker":[[0,-0.02]],"fee_volume_currency":"ZUSD"}'),
            ("margin", b'{"margin_call":80,"margin_stop":40}'),
        ],
    )
    def test_parts(self, catalog: Catalog, info: Info, expected: bytes) -> None:
        assert bytes(pair_entry(catalog.records["AAPLxUSD"], info=info)) == expected

    def test_fees_in_version_1(self, catalog: Catalog) -> None:
        entry = bytes(pair_entry(catalog.records["AAPLxUSD"], version1=True, info="fees"))
        assert entry == b'{"fees":[[0,0.1]],"fees_maker":[[0,-0.02]],"fee_volume_currency":"USD"}'

    def test_position_limits_are_absent_where_there_are_none(self, catalog: Catalog) -> None:
        entry = msgspec.json.decode(pair_entry(catalog.records["ZUSDZJPY"]))
        assert list(entry)[-1] == "execution_venue"

    def test_every_entry_is_the_recorded_one(self, catalog: Catalog) -> None:
        assert digest({name: pair_entry(record) for name, record in catalog.records.items()}) == PAIRS_SHA256

    def test_stand_in_ascii_order(self, catalog: Catalog) -> None:
        assert list(catalog.records) == sorted(catalog.records)

    def test_display_is_the_key_in_version_1(self, catalog: Catalog) -> None:
        shown = {name: records.display(record) for name, record in catalog.records.items()}
        assert shown["XXBTZUSD"] == "BTC/USD"
        assert shown["XDGEUR"] == "DOGE/EUR"
        assert shown["ZEURZUSD"] == "EUR/USD"
        assert len(set(shown.values())) == len(shown)

    def test_empty_fee_arrays(self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(records, "EMPTY_FEE_ARRAYS", True)
        entry = pair_entry.__wrapped__(catalog.records["AAPLxUSD"], info="fees")
        assert bytes(entry) == b'{"fees":[],"fees_maker":[],"fee_volume_currency":"ZUSD"}'

    def test_accept_wsname(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(names, "ACCEPT_WSNAME", True)
        currency, _ = names.tables.__wrapped__()
        assert currency.public["XBT/USD"] == "XXBTZUSD"
        assert currency.trading("XBT/USD") == "XXBTZUSD"


class TestTradingForm:
    def test_bitcoin(self, catalog: Catalog) -> None:
        pair = catalog.pair("XXBTZUSD")
        assert (pair.altname, pair.wsname, pair.display, pair.tokenized) == ("XBTUSD", "XBT/USD", "BTC/USD", False)
        assert pair.base is catalog.assets["XXBT"]
        assert pair.quote is catalog.assets["ZUSD"]
        assert (pair.pair_decimals, pair.lot_decimals, pair.cost_decimals, pair.price_scale) == (1, 8, 5, 5)
        assert (pair.tick, pair.ordermin, pair.costmin) == (10_000, 5_000, 50_000)
        assert pair.taker[:2] == ((0, 4000), (10_000, 3500))
        assert pair.taker[-1] == (500_000_000, 500)
        assert pair.maker[0] == (0, 2500)
        assert pair.maker[-1] == (500_000_000, 0)
        assert pair.leverage_buy == pair.leverage_sell == tuple(range(2, 11))
        assert (pair.margin_call, pair.margin_stop) == (80, 40)
        assert (pair.long_position_limit, pair.short_position_limit) == (300, 240)
        assert pair.status == "online"

    def test_reference_prices_are_price_units(self, catalog: Catalog) -> None:
        day = catalog.pair("XXBTZUSD").reference
        # It last traded at 68365.1; a market that begins there begins within its spread.
        assert (day.last, day.bid, day.ask) == (6_834_240_000, 6_834_230_000, 6_834_240_000)
        assert (day.open, day.high, day.low, day.vwap) == (6_797_860_000, 7_000_000_000, 6_519_620_000, 6_804_510_000)
        assert (day.spread_bps, day.daily_volume, day.daily_trades) == ("0.015", 277_414_406_991, 75_935)
        assert day.quality == "recorded"
        assert catalog.pair("0GEUR").reference.daily_volume == 12_274_277_037  # 122742.77037, with five lot decimals

    def test_price_text_has_the_digits_of_public_prices(self, catalog: Catalog) -> None:
        assert catalog.pair("XXBTZUSD").price_text(6_836_510_000) == "68365.10000"
        assert catalog.pair("XETHXXBT").price_text(30_200) == "0.030200"
        assert catalog.pair("AAPLxUSD").price_text(33_333) == "333.33"

    def test_cost_is_rounded_half_up_to_cost_decimals(self, catalog: Catalog) -> None:
        pair = catalog.pair("XXBTZUSD")
        assert pair.cost(6_836_510_000, 100_000_000) == 6_836_510_000  # one coin: 68365.10000
        assert pair.cost(6_836_510_000, 1) == 68  # 0.000683651
        assert pair.cost(10_000, 4_999) == 0  # 0.1 * 0.00004999 = 0.000004999
        assert pair.cost(10_000, 5_000) == 1  # 0.000005, a half
        assert pair.cost(10_000, 14_999) == 1
        assert pair.cost(10_000, 15_000) == 2
        ether = catalog.pair("XETHXXBT")
        assert ether.cost_decimals == 10
        assert ether.cost(30_200, 10_000_000) == 30_200_000  # 0.0302 * 0.1 = 0.0030200000

    def test_a_rebate_is_a_rate_below_zero(self, catalog: Catalog) -> None:
        assert catalog.pair("AAPLxUSD").maker == ((0, -200),)
        assert catalog.pair("AAPLxUSD").taker == ((0, 1000),)

    def test_tokenized(self, catalog: Catalog) -> None:
        pair = catalog.pair("AAPLxUSD")
        assert (pair.tokenized, pair.display, pair.base.aclass) == (True, "AAPLx/USD", "tokenized_asset")
        assert pair.ordermin == 1

    def test_a_tick_may_be_coarser_than_the_decimals(self, catalog: Catalog) -> None:
        pair = catalog.pair("TQQQxUSD")
        assert pair.pair_decimals == 4
        assert pair.price_text(pair.tick).rstrip("0") == "0.01"

    def test_without_prices(self, catalog: Catalog) -> None:
        day = catalog.pair("AGLDUSD").reference
        assert (day.last, day.bid, day.ask, day.open, day.spread_bps) == (None, None, None, None, None)
        assert (day.daily_volume, day.daily_trades, day.quality) == (0, 0, "none")
        assert catalog.pair("AKEEUR").reference.bid is None  # too small for the recorded digits

    def test_every_pair(self, catalog: Catalog) -> None:
        for pair_id in catalog.records:
            pair = catalog.pair(pair_id)
            assert pair.id == pair_id
            assert pair.price_scale >= pair.pair_decimals
            assert min(pair.tick, pair.ordermin, pair.costmin, pair.cost_divisor) >= 1
            assert pair.taker[0][0] == pair.maker[0][0] == 0
            assert list(pair.taker) == sorted(pair.taker)
            assert (pair.reference.last is None) == (pair.reference.quality == "none")
            if pair.reference.bid and pair.reference.ask:
                assert pair.reference.bid <= pair.reference.ask
            # Orders have pair_decimals, so a price in the order's digits is whole in price units.
            assert pair.tick % 10 ** (pair.price_scale - pair.pair_decimals) == 0

    def test_kinds(self, catalog: Catalog) -> None:
        pairs = [catalog.pair(name) for name in catalog.records]
        assert sum(not pair.tokenized for pair in pairs) == 1434
        assert sum(pair.tokenized for pair in pairs) == 15
        statuses = [pair.status for pair in pairs if not pair.tokenized]
        counts = {status: statuses.count(status) for status in set(statuses)}
        assert counts == {"online": 1365, "cancel_only": 47, "post_only": 19, "reduce_only": 3}

    def test_lots_may_be_finer_than_the_asset(self, catalog: Catalog) -> None:
        pair = catalog.pair("PEPEUSD")
        assert (pair.lot_decimals, pair.base.decimals) == (5, 2)

    def test_costs_are_finer_than_most_quotes(self, catalog: Catalog) -> None:
        pair = catalog.pair("XXBTZUSD")
        assert (pair.cost_decimals, pair.quote.decimals) == (5, 4)

    def test_an_unknown_id_is_a_key_error(self, catalog: Catalog) -> None:
        with pytest.raises(KeyError):
            catalog.pair("XBTUSD")


class TestLadders:
    @pytest.mark.parametrize(
        ("pair_id", "taker", "maker"),
        [
            (
                "XXBTZUSD",
                "0:4000 10000:3500 50000:2400 100000:2200 250000:2000 500000:1800 1000000:1600 2500000:1400 "
                "5000000:1200 10000000:1000 100000000:800 500000000:500",
                "0:2500 10000:2000 50000:1400 100000:1200 250000:1000 500000:800 1000000:600 2500000:400 "
                "5000000:200 10000000:0 100000000:0 500000000:0",
            ),
            (
                "0GUSD",
                "0:4000 10000:3500 50000:2400 100000:2200 250000:2000 500000:1800 1000000:1600 2500000:1400 "
                "5000000:1200 10000000:1000 100000000:800 500000000:500",
                "0:2300 10000:1800 50000:1200 100000:1000 250000:800 500000:600 1000000:400 2500000:200 "
                "5000000:0 10000000:-200 100000000:-200 500000000:-200",
            ),
            (
                "ZEURZUSD",
                "0:2000 50000:1600 100000:1200 250000:800 500000:400 1000000:200 10000000:100 100000000:10",
                "0:2000 50000:1600 100000:1200 250000:800 500000:400 1000000:200 10000000:0 100000000:0",
            ),
            ("USDGUSD", "0:100 100000000:10", "0:0"),
            ("AAPLxUSD", "0:1000", "0:-200"),
        ],
    )
    def test_rates_in_millionths(self, catalog: Catalog, pair_id: str, taker: str, maker: str) -> None:
        def written(rates: tuple[tuple[int, int], ...]) -> str:
            return " ".join(f"{threshold}:{rate}" for threshold, rate in rates)

        pair = catalog.pair(pair_id)
        assert (written(pair.taker), written(pair.maker)) == (taker, maker)

    def test_nine_serve_all_pairs(self, catalog: Catalog) -> None:
        used = {fees for record in catalog.records.values() for fees in (record.fees, record.fees_maker)}
        assert len({records.ladder(fees).rates for fees in used}) == len(used) == 9

    def test_one_pair_takes_at_the_makers_price(self, catalog: Catalog) -> None:
        assert catalog.pair("OMIUSD").taker == catalog.pair("XXBTZUSD").maker

    @pytest.mark.parametrize(
        ("pair_id", "wire"),
        [
            (
                "XXBTZUSD",
                b"[[0,0.25],[10000,0.2],[50000,0.14],[100000,0.12],[250000,0.1],[500000,0.08],[1000000,0.06],"
                b"[2500000,0.04],[5000000,0.02],[10000000,0.0],[100000000,0.0],[500000000,0.0]]",
            ),
            ("USDGUSD", b"[[0,0.0]]"),
            ("AAPLxUSD", b"[[0,-0.02]]"),
        ],
    )
    def test_print_as_kraken_prints_them(self, catalog: Catalog, pair_id: str, wire: bytes) -> None:
        assert bytes(records.ladder(catalog.records[pair_id].fees_maker).wire) == wire


class TestChanges:
    def test_rules_change_overnight(self, catalog: Catalog) -> None:
        assert catalog.pair("XXBTZUSD").status == "online"
        pair = catalog.with_record(
            "XXBTZUSD", ordermin="0.001", tick_size="0.5", pair_decimals=2, status="cancel_only", fees=[[0, 0.4]]
        )
        assert pair is catalog.pair("XXBTZUSD")
        assert (pair.ordermin, pair.tick, pair.pair_decimals, pair.status) == (100_000, 50_000, 2, "cancel_only")
        assert pair.taker == ((0, 4000),)
        assert pair.maker == Catalog().pair("XXBTZUSD").maker
        entry = msgspec.json.decode(pair_entry(catalog.records["XXBTZUSD"]))
        assert (entry["ordermin"], entry["tick_size"], entry["fees"]) == ("0.001", "0.5", [[0, 0.4]])
        assert list(catalog.records) == sorted(catalog.records)

    def test_another_sandbox_does_not_notice(self, catalog: Catalog) -> None:
        other = Catalog()
        before = other.pair("XXBTZUSD")
        catalog.with_record("XXBTZUSD", status="delisted")
        assert other.pair("XXBTZUSD") is before
        assert Catalog().pair("XXBTZUSD").status == "online"
        assert bytes(pair_entry(other.records["XXBTZUSD"])) == XXBTZUSD

    def test_changes_add_up_and_names_find_them(self, catalog: Catalog) -> None:
        catalog.with_record("XXBTZUSD", status="post_only")
        catalog.with_record("XXBTZUSD", costmin="1")
        found = catalog.public_pair("BTC/USD")
        assert found is not None
        assert (found[0].status, found[0].costmin) == ("post_only", 100_000)
        assert catalog.trading_pair("XBT/USD") is found[0]

    def test_the_price_scale_stays(self, catalog: Catalog) -> None:
        assert catalog.with_record("XXBTZUSD", pair_decimals=0, tick_size="1").price_scale == 5

    def test_amounts_are_published_in_their_shortest_form(self, catalog: Catalog) -> None:
        catalog.with_record("XXBTZUSD", ordermin="0.0010", costmin="10.0", tick_size="0.50000000")
        record = catalog.records["XXBTZUSD"]
        assert (record.ordermin, record.costmin, record.tick_size) == ("0.001", "10", "0.5")

    @pytest.mark.parametrize(
        ("fees", "wire"),
        [
            ([[0, 0]], b"[[0,0.0]]"),
            ([[0, "0.40"], [10_000, "0.350"]], b"[[0,0.4],[10000,0.35]]"),
            ([(0, -0.02)], b"[[0,-0.02]]"),
            ([[0, 1]], b"[[0,1.0]]"),
        ],
    )
    def test_fees_print_as_kraken_would(self, catalog: Catalog, fees: object, wire: bytes) -> None:
        catalog.with_record("XXBTZUSD", fees=fees)
        assert bytes(records.ladder(catalog.records["XXBTZUSD"].fees).wire) == wire

    def test_position_limits_can_go(self, catalog: Catalog) -> None:
        pair = catalog.with_record("XXBTZUSD", long_position_limit=None, leverage_buy=[])
        assert (pair.long_position_limit, pair.leverage_buy) == (None, ())
        assert b"long_position_limit" not in bytes(pair_entry(catalog.records["XXBTZUSD"]))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("nonsense", 1),
            ("pair_id", "XBTUSD"),
            ("altname", "XBTEUR"),
            ("base", "XETH"),
            ("lot_decimals", 5),
            ("cost_decimals", 8),
            ("status", "asleep"),
            ("pair_decimals", 6),  # prices of the pair have five
            ("pair_decimals", -1),
            ("pair_decimals", "1"),
            ("ordermin", "0.000000001"),
            ("ordermin", "-1"),
            ("ordermin", "1e-3"),
            ("ordermin", 0.001),
            ("costmin", "0.000001"),
            ("tick_size", "0"),
            ("tick_size", "0.000001"),
            ("fees", []),
            ("fees", [[100, 0.4]]),
            ("fees", [[0, 0.4], [100, 0.3], [100, 0.2]]),
            ("fees", [[0, 0.00001]]),
            ("fees", [[0, "a lot"]]),
            ("fees", "maker-standard"),
            ("fees_maker", [[0]]),
        ],
    )
    def test_refused_and_nothing_changed(self, catalog: Catalog, field: str, value: object) -> None:
        before = catalog.pair("XXBTZUSD")
        with pytest.raises(ChangeError) as refusal:
            catalog.with_record("XXBTZUSD", **{"margin_call": 90, field: value})
        assert refusal.value.field == field
        assert catalog.pair("XXBTZUSD") is before
        assert bytes(pair_entry(catalog.records["XXBTZUSD"])) == XXBTZUSD

    def test_a_fixed_field_may_be_sent_unchanged(self, catalog: Catalog) -> None:
        assert catalog.with_record("XXBTZUSD", altname="XBTUSD", lot_decimals=8, margin_call=90).margin_call == 90

    def test_an_unknown_pair_is_a_key_error(self, catalog: Catalog) -> None:
        with pytest.raises(KeyError):
            catalog.with_record("XBTUSD", status="online")


def test_records_are_frozen(catalog: Catalog) -> None:
    frozen: list[Asset | Pair] = [catalog.assets["XXBT"], catalog.pair("XXBTZUSD")]
    for record in frozen:
        with pytest.raises(AttributeError):
            record.altname = "X"  # type: ignore[misc]  # what must not work


def test_catalogues_share_what_they_did_not_change(catalog: Catalog) -> None:
    other = Catalog()
    assert other.pair("XETHZUSD") is catalog.pair("XETHZUSD")
    assert other.assets is catalog.assets


def test_another_catalogue_is_cheap() -> None:
    Catalog()
    best = min(_seconds_for_a_catalogue() for _ in range(20))
    assert best < 0.0001


def _seconds_for_a_catalogue() -> float:
    start = time.perf_counter()
    Catalog()
    return time.perf_counter() - start
