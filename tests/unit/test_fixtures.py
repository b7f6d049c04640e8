"""The data files: found wherever mockkraken is installed, and holding the default world that the manual promises."""

from __future__ import annotations

import base64
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mockkraken import clock, decimals
from mockkraken.catalog import Catalog, fixtures
from mockkraken.catalog.world import World, world

if TYPE_CHECKING:
    from types import ModuleType

FILES = ("assets.json", "pairs.json", "reference_prices.json", "world.json")

# kraken/10 §3.2
CODES = {
    *("query-funds", "add-funds", "withdraw-funds", "earn-funds"),
    *("query-open-trades", "query-closed-trades", "modify-trades", "close-trades"),
    *("query-ledger", "export-data", "create-ws-token", "add-withdraw-address", "update-withdraw-address"),
}
TRADE = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "create-ws-token",
)


def installed_at(root: Path) -> ModuleType:
    """The loader as if mockkraken stood in `root`, as a wheel in site-packages or a checkout would have it."""
    home = root / "mockkraken" / "catalog" / "fixtures.py"
    home.parent.mkdir(parents=True)
    home.write_bytes(Path(fixtures.__file__).read_bytes())
    spec = importlib.util.spec_from_file_location("loader_elsewhere", home)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestLoader:
    def test_a_wheel_has_the_files_inside_the_package(self, tmp_path: Path) -> None:
        loader = installed_at(tmp_path)
        (tmp_path / "mockkraken" / "fixtures").mkdir()
        (tmp_path / "mockkraken" / "fixtures" / "world.json").write_bytes(b"wheel")
        assert loader.read("world.json") == b"wheel"

    def test_a_checkout_has_them_beside_it(self, tmp_path: Path) -> None:
        loader = installed_at(tmp_path)
        (tmp_path / "fixtures").mkdir()
        (tmp_path / "fixtures" / "world.json").write_bytes(b"checkout")
        assert loader.read("world.json") == b"checkout"

    def test_the_package_comes_first(self, tmp_path: Path) -> None:
        loader = installed_at(tmp_path)
        for folder, content in ((tmp_path / "fixtures", b"checkout"), (tmp_path / "mockkraken" / "fixtures", b"wheel")):
            folder.mkdir()
            (folder / "world.json").write_bytes(content)
        assert loader.read("world.json") == b"wheel"

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"'world\.json' is missing"):
            installed_at(tmp_path).read("world.json")

    @pytest.mark.parametrize("name", FILES)
    def test_this_installation_has_them(self, name: str) -> None:
        # One entry a line, so that a change shows as one line.
        text = fixtures.read(name).decode()
        assert text.endswith("\n")
        assert max(map(len, text.splitlines())) < 1200


@pytest.fixture
def start() -> World:
    return world()


class TestWorld:
    def test_is_decoded_once(self, start: World) -> None:
        assert world() is start

    def test_accounts(self, start: World) -> None:
        assert [(account.name, account.role, account.tier, account.margin) for account in start.accounts] == [
            ("main", "client", "pro", True),
            ("second", "client", "starter", True),
            ("house", "house", "pro", False),
            ("fees", "fees", "pro", False),
        ]
        assert [account.name for account in start.accounts if account.subaccounts] == ["main"]
        assert len({account.iban for account in start.accounts}) == 4
        assert all(re.fullmatch(r"AA\d\d N84G MOCK \d{4}", account.iban) for account in start.accounts)

    def test_balances(self, start: World) -> None:
        main, second, house, fees = start.accounts
        for asset, amount in {"ZUSD": "1000000", "ZEUR": "1000000", "XXBT": "100", "XETH": "1000"}.items():
            assert main.balances[asset] == amount
        assert {"SOL", "XXRP", "ADA", "XXDG", "USDT", "USDC", "DOT", "XLTC", "ZGBP", "PEPE"} < set(main.balances)
        assert set(second.balances) < set(main.balances)
        assert house.balances == fees.balances == {}

    def test_balances_are_amounts_of_their_assets(self, start: World) -> None:
        known = Catalog().assets
        for account in start.accounts:
            for asset, amount in account.balances.items():
                assert decimals.parse(amount, known[asset].decimals) > 0

    def test_the_house_dwarfs_everybody(self, start: World) -> None:
        house = decimals.parse(start.house_balance, 0)
        assert house == 10**15
        assert all(int(amount) * 1000 <= house for account in start.accounts for amount in account.balances.values())

    def test_keys(self, start: World) -> None:
        keys = {key.name: key for key in start.keys}
        assert list(keys) == ["full", "trade", "readonly", "windowed", "expired", "restricted", "second"]
        assert [key.account for key in start.keys] == ["main"] * 6 + ["second"]
        assert keys["full"].permissions == keys["second"].permissions == keys["expired"].permissions == "all"
        assert keys["trade"].permissions == keys["windowed"].permissions == keys["restricted"].permissions == TRADE
        assert keys["readonly"].permissions == (
            "query-funds",
            "query-open-trades",
            "query-closed-trades",
            "query-ledger",
        )
        assert {name: key.nonce_window for name, key in keys.items() if key.nonce_window} == {"windowed": 10_000}
        assert {name: key.ip_allowlist for name, key in keys.items() if key.ip_allowlist} == {
            "restricted": ("203.0.113.0/24",)
        }
        assert {name: key.valid_until for name, key in keys.items() if key.valid_until} == {
            "expired": "2020-01-01T00:00:00Z"
        }
        assert clock.parse_time(keys["expired"].valid_until) == 1_577_836_800 * clock.SECOND

    def test_keys_look_like_keys_and_are_recognisably_fake(self, start: World) -> None:
        for key in start.keys:
            assert re.fullmatch(r"MOCKKRAKEN[A-Za-z0-9+/]{46}", key.api_key)
            assert "not+a+real+key" in key.api_key
            assert len(base64.b64decode(key.api_key, validate=True)) == 42
            assert len(key.api_secret) == 88
            assert len(base64.b64decode(key.api_secret, validate=True)) == 64
        assert len({key.api_key for key in start.keys}) == len({key.api_secret for key in start.keys}) == 7

    def test_the_default_key_never_changes(self, start: World) -> None:
        # It stands in people's tests and in the documentation.
        assert start.keys[0].api_key == "MOCKKRAKEN/full/not+a+real+key/kqH6ecuLtoOpR6SuZVglfl28W"
        assert start.keys[0].api_secret == (
            "4hz67KzKj0dwdRJZFGHE3BYs1B7nOBaHL0aNXbq1geudQ7cHn3bKDFp0elKI4QDxUfjb8Jq1BmQfs1VtaXH91w=="
        )

    def test_profiles(self, start: World) -> None:
        table = {
            name: (set(profile.permissions), profile.nonce_window, profile.ip_allowlist)
            for name, profile in start.profiles.items()
        }
        trade, block = set(TRADE), ("203.0.113.0/24",)
        assert table == {
            "astrabit": (trade, 0, ()),
            "altrady": (trade, 5000, block),
            "3commas": (trade | {"query-ledger"}, 2_000_000, block),
            "portfolio-tracker": ({"query-funds", "query-ledger"}, 0, ()),
            "trading-bot": (trade, 0, ()),
            "withdraw": ({"query-funds", "add-funds", "withdraw-funds", "query-ledger"}, 0, ()),
        }

    def test_permissions_are_kraken_codes(self, start: World) -> None:
        granted = [key.permissions for key in start.keys]
        granted += [profile.permissions for profile in start.profiles.values()]
        assert all(permissions == "all" or set(permissions) <= CODES for permissions in granted)
