"""Settings: their defaults, what they take, and that a change is whole or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mockkraken.settings import SettingError, Settings

# Changing one of these changes what users' tests see: say so in the changelog.
DEFAULTS = {
    "seed": 0,
    "market": "calm",
    "dialect": "documented",
    "public_rate_limit": "off",
    "max_concurrent_private": "off",
    "journal_size": 10_000,
    "signature_mismatch_error": None,
    "below_ordermin_error": None,
    "gone_order_error": None,
    "api_key_info_case": None,
    "ip_denied_error": "EAPI:Invalid key",
    "otp_missing_error": "EGeneral:Permission denied",
    "otp_wrong_error": "EAPI:Invalid signature",
    "otp_unneeded_error": "ignore",
    "otp_previous_step": True,
    "lockout_threshold": 10,
    "lockout_seconds": 900,
    "lockout_extends_on_attempt": True,
    "query_range_error": "EGeneral:Invalid arguments",
    "window_inclusive": True,
    "accept_duplicates_in_window": False,
    "nonce_consumed_on_later_failure": True,
    "public_post_response": "405",
    "rate_limits": "on",
    "require_user_agent": False,
    "post_only_crossing": "error",
    "triggered_at_entry": "cancel",
    "stops_hold_funds": False,
    "ws_reply_order": "first",
    "market_price_protection": "10",
}


def test_defaults_are_locked() -> None:
    assert msgspec.structs.asdict(Settings()) == DEFAULTS
    assert msgspec.structs.asdict(Settings.of()) == DEFAULTS


def test_settings_of_sandboxes_are_their_own() -> None:
    one, other = Settings(), Settings()
    one.patch({"dialect": "observed"})
    assert other.dialect == "documented"


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value", "taken"),
        [
            ("dialect", "observed", "observed"),
            ("journal_size", 1, 1),
            ("journal_size", 0, 0),
            ("max_concurrent_private", 5, 5),
            ("max_concurrent_private", "5", 5),
            ("max_concurrent_private", "off", "off"),
            ("lockout_threshold", 0, 0),
            ("lockout_threshold", "3", 3),
            ("otp_unneeded_error", "EAPI:Invalid key", "EAPI:Invalid key"),
            ("query_range_error", "clamp", "clamp"),
            ("journal_size", "500", 500),
            ("window_inclusive", False, False),
            ("window_inclusive", "false", False),
            ("window_inclusive", "0", False),
            ("require_user_agent", "true", True),
            ("require_user_agent", "1", True),
            ("public_post_response", "404", "404"),
            ("public_post_response", 404, "404"),
            ("public_post_response", "allow", "allow"),
            ("market_price_protection", "off", "off"),
            ("market_price_protection", 5, "5"),
            ("market_price_protection", 2.5, "2.5"),
            ("ip_denied_error", "EGeneral:Permission denied", "EGeneral:Permission denied"),
            ("api_key_info_case", "both", "both"),
            ("post_only_crossing", "cancel", "cancel"),
            ("rate_limits", "off", "off"),
        ],
    )
    def test_taken(self, name: str, value: object, taken: object) -> None:
        assert getattr(Settings.of(**{name: value}), name) == taken
        settings = Settings()
        settings.patch({name: value})
        assert getattr(settings, name) == taken

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("dialect", "guessed"),
            ("dialect", ""),
            ("journal_size", -1),
            ("max_concurrent_private", 0),
            ("max_concurrent_private", "on"),
            ("max_concurrent_private", True),
            ("max_concurrent_private", 1.5),
            ("lockout_threshold", -1),
            ("lockout_threshold", "ten"),
            ("lockout_seconds", 0),
            ("otp_wrong_error", "ignore"),
            ("otp_missing_error", ""),
            ("public_rate_limit", 1),
            ("journal_size", 10_000_001),
            ("journal_size", "many"),
            ("journal_size", True),
            ("window_inclusive", "perhaps"),
            ("window_inclusive", 2),
            ("public_post_response", "200"),
            ("public_post_response", 200),
            ("market_price_protection", "ten"),
            ("market_price_protection", -1),
            ("market_price_protection", True),
            ("market_price_protection", "10\n"),
            ("market_price_protection", "10%"),
            ("ip_denied_error", "EAPI:Invalid keys"),
            ("ip_denied_error", "EAPI:Invalid key\n"),
            ("ip_denied_error", "xEAPI:Invalid key"),
            ("gone_order_error", "EAPI:Invalid key"),
            ("api_key_info_case", "kebab"),
            ("post_only_crossing", ["error"]),
            ("rate_limits", "ON"),
            ("rate_limits", "true"),
            ("rate_limits", False),
            ("rate_limits", 0),
            ("no_such_setting", 1),
            ("patch", 1),
            ("Dialect", "observed"),
        ],
    )
    def test_refused_by_name(self, name: str, value: object) -> None:
        with pytest.raises(SettingError, match=name) as refusal:
            Settings.of(**{name: value})
        assert refusal.value.field == name
        settings = Settings()
        with pytest.raises(SettingError):
            settings.patch({name: value})
        assert settings == Settings()

    @pytest.mark.parametrize(
        ("name", "value", "takes"),
        [
            ("lockout_threshold", -1, "a whole number from 0 to 1000000"),
            ("lockout_seconds", 0, "a whole number from 1 to 1000000000"),
            ("journal_size", 10_000_001, "a whole number from 0 to 10000000"),
            ("max_concurrent_private", 0, "a whole number from 1 to 1000000, or `off`"),
        ],
    )
    def test_a_number_is_refused_with_the_numbers_that_are_taken(self, name: str, value: int, takes: str) -> None:
        with pytest.raises(SettingError, match=f"{name} does not take '?{value}'?: it takes {takes}$"):
            Settings.of(**{name: value})
        ends = [int(word) for word in takes.replace(",", "").split() if word.isdigit()]
        assert [getattr(Settings.of(**{name: end}), name) for end in ends] == ends


class TestPatch:
    def test_all_or_nothing(self) -> None:
        settings = Settings()
        with pytest.raises(SettingError):
            settings.patch({"journal_size": 5, "dialect": "guessed"})
        assert settings == Settings()

    @pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - {"seed", "market"}))
    def test_none_puts_one_back(self, name: str) -> None:
        changes: dict[str, Any] = {
            "dialect": "observed",
            "journal_size": 5,
            "public_rate_limit": "on",
            "max_concurrent_private": 3,
            "otp_missing_error": "EAPI:Invalid key",
            "otp_wrong_error": "EAPI:Invalid key",
            "otp_unneeded_error": "EAPI:Invalid signature",
            "otp_previous_step": False,
            "lockout_threshold": 3,
            "lockout_seconds": 60,
            "lockout_extends_on_attempt": False,
            "query_range_error": "clamp",
            "signature_mismatch_error": "EAPI:Invalid key",
            "below_ordermin_error": "EOrder:Order minimum not met",
            "gone_order_error": "EOrder:Invalid order",
            "api_key_info_case": "both",
            "ip_denied_error": "EGeneral:Permission denied",
            "window_inclusive": False,
            "accept_duplicates_in_window": True,
            "nonce_consumed_on_later_failure": False,
            "public_post_response": "allow",
            "rate_limits": "off",
            "require_user_agent": True,
            "post_only_crossing": "cancel",
            "triggered_at_entry": "fire",
            "stops_hold_funds": True,
            "ws_reply_order": "last",
            "market_price_protection": "off",
        }
        settings = Settings.of(**changes)
        assert getattr(settings, name) == changes[name] != DEFAULTS[name]
        settings.patch({name: None})
        assert msgspec.structs.asdict(settings) == {"seed": 0, "market": "calm", **changes, name: DEFAULTS[name]}

    def test_an_override_lasts_until_it_is_put_back(self) -> None:
        settings = Settings.of(dialect="observed", gone_order_error="EOrder:Unknown order")
        assert settings.by_dialect("gone_order_error") == "EOrder:Unknown order"
        settings.patch({"gone_order_error": None})
        assert settings.by_dialect("gone_order_error") == "EOrder:Invalid order"


class TestSeed:
    @pytest.mark.parametrize(("value", "seed"), [(7, 7), ("7", 7), (-1, -1), (2**63 - 1, 2**63 - 1)])
    def test_is_given_at_the_start(self, value: object, seed: int) -> None:
        assert Settings.of(seed=value).seed == seed

    @pytest.mark.parametrize("value", ["x", 1.5, None, [1]])
    def test_is_an_integer(self, value: object) -> None:
        with pytest.raises(SettingError) as refusal:
            Settings.of(seed=value)
        assert refusal.value.field == "seed"

    @pytest.mark.parametrize("value", [8, None])
    def test_holds_from_the_start_to_the_end(self, value: object) -> None:
        settings = Settings.of(seed=7)
        with pytest.raises(SettingError, match="from the start to the end") as refusal:
            settings.patch({"seed": value})
        assert refusal.value.field == "seed"
        assert settings.seed == 7


class TestMarket:
    @pytest.mark.parametrize("value", ["calm", "walk", "static"])
    def test_is_given_at_the_start(self, value: str) -> None:
        assert Settings.of(market=value).market == value

    @pytest.mark.parametrize("value", ["", "Walk", "replay", None, 1, True, ["calm"]])
    def test_is_the_name_of_a_model(self, value: object) -> None:
        with pytest.raises(SettingError) as refusal:
            Settings.of(market=value)
        assert refusal.value.field == "market"

    @pytest.mark.parametrize("value", ["walk", "calm", None])
    def test_holds_from_the_start_to_the_end(self, value: object) -> None:
        settings = Settings.of(market="static")
        with pytest.raises(SettingError, match="from the start to the end") as refusal:
            settings.patch({"market": value})
        assert refusal.value.field == "market"
        assert settings.market == "static"
