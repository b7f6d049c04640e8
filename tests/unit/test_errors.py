"""Error texts: Kraken's words in one place, and the questions on which its sources disagree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mockkraken
from mockkraken import errors
from mockkraken.errors import DIALECT_ROWS, KrakenError
from mockkraken.settings import Settings


def texts() -> dict[str, str]:
    return {name: text for name, text in vars(errors).items() if name.isupper() and isinstance(text, str)}


class TestTexts:
    @pytest.mark.parametrize("name", texts())
    def test_have_krakens_form(self, name: str) -> None:
        # What a WebSocket says of a message as such has no prefix.
        assert re.fullmatch(r"E[A-Z][A-Za-z]+:[A-Z][^:]*(:.+)?|[A-Z][a-z]+(\(s\))? [A-Za-z0-9_ .,-]+", texts()[name])

    def test_no_two_constants_are_the_same(self) -> None:
        assert len(set(texts().values())) == len(texts())

    def test_composed(self) -> None:
        assert errors.invalid_arguments("ordertype") == "EGeneral:Invalid arguments:ordertype"
        assert errors.too_many_price_decimals("XBT/USD", 1) == (
            "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals."
        )
        assert errors.not_found("limit_price") == "Limit_price(s) not found"
        assert errors.must_be("limit_price", "number_float") == "Limit_price field must be a number_float"
        assert errors.unsupported_field("price", "add order") == (
            "Unsupported field: 'price' for the given msg type: add order"
        )
        assert errors.pair_not_supported("FOO/USD") == "Currency pair not supported FOO/USD"
        assert errors.pair_malformed("foobar") == "Currency pair not in ISO 4217-A3 format foobar"
        assert errors.market_in_mode("cancel_only") == "EService:Market in cancel_only mode"

    def test_stand_nowhere_else(self) -> None:
        home = Path(mockkraken.__file__).parent
        strays = [
            f"{module.relative_to(home)}: {node.value}"
            for module in home.rglob("*.py")
            if module.name != "errors.py"
            for node in ast.walk(ast.parse(module.read_text("utf-8")))
            if isinstance(node, ast.Constant)
            and (re.match(r"E[A-Z][A-Za-z]+:[A-Z]", str(node.value)) or node.value in texts().values())
        ]
        assert strays == []


class TestRefusal:
    def test_carries_the_text_and_the_reason(self) -> None:
        refusal = KrakenError(errors.INVALID_NONCE, "nonce 5 is not above 7", check="nonce")
        assert str(refusal) == refusal.message == "EAPI:Invalid nonce"
        assert (refusal.reason, refusal.check) == ("nonce 5 is not above 7", "nonce")

    def test_is_about_arguments_unless_it_says_otherwise(self) -> None:
        refusal = KrakenError(errors.INVALID_ARGUMENTS)
        assert (refusal.reason, refusal.check) == ("", "arguments")

    def test_is_public(self) -> None:
        assert mockkraken.KrakenError is KrakenError


class TestDialects:
    @pytest.mark.parametrize(
        ("setting", "documented", "observed"),
        [
            ("signature_mismatch_error", "EAPI:Invalid signature", "EAPI:Invalid key"),
            (
                "below_ordermin_error",
                "EOrder:Order minimum not met",
                "EGeneral:Invalid arguments:volume minimum not met",
            ),
            ("gone_order_error", "EOrder:Unknown order", "EOrder:Invalid order"),
            ("api_key_info_case", "camel", "snake"),
        ],
    )
    def test_each_row_resolves(self, setting: str, documented: str, observed: str) -> None:
        assert Settings().by_dialect(setting) == documented
        assert Settings.of(dialect="documented").by_dialect(setting) == documented
        assert Settings.of(dialect="observed").by_dialect(setting) == observed

    @pytest.mark.parametrize("row", DIALECT_ROWS, ids=lambda row: row.setting)
    def test_each_row_has_a_setting_that_overrides_the_dialect(self, row: errors.DialectRow) -> None:
        assert Settings.of(**{row.setting: row.observed}).by_dialect(row.setting) == row.observed
        assert (
            Settings.of(dialect="observed", **{row.setting: row.documented}).by_dialect(row.setting) == row.documented
        )
        assert row.documented != row.observed
        assert row.what
        assert row.evidence

    def test_no_row_is_missing_here(self) -> None:
        assert {row.setting for row in DIALECT_ROWS} == {
            "signature_mismatch_error",
            "below_ordermin_error",
            "gone_order_error",
            "api_key_info_case",
        }
