"""Identifiers: Kraken's shapes, and nothing but the seed decides what comes."""

from __future__ import annotations

import base64
import re

import pytest

from mockkraken.ids import ORDER_ID, Ids, generator

GROUPED = r"[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}"


@pytest.fixture
def ids() -> Ids:
    return Ids(generator(7, "ids"))


class TestShapes:
    @pytest.mark.parametrize(("kind", "letter"), [("order", "O"), ("trade", "T"), ("ledger", "L")])
    def test_a_letter_and_sixteen_symbols(self, ids: Ids, kind: str, letter: str) -> None:
        drawn = {getattr(ids, kind)() for _ in range(500)}
        assert len(drawn) == 500
        assert all(re.fullmatch(letter + GROUPED, text) for text in drawn)

    def test_order_ids_match_their_pattern_and_no_other_does(self, ids: Ids) -> None:
        assert ORDER_ID.fullmatch(ids.order())
        for other in (ids.trade(), ids.ledger(), ids.order().lower(), "OQCLML-BW3P3-BUCMW", "OQCLM1-BW3P3-BUCMWZ", ""):
            assert not ORDER_ID.fullmatch(other)

    def test_adjustments_have_the_older_form(self, ids: Ids) -> None:
        drawn = [ids.adjustment() for _ in range(500)]
        assert all(re.fullmatch(r"B[A-Z2-7]{6}-[A-Z2-7]{6}-[A-Z2-7]{6}", text) for text in drawn)

    def test_tokens_are_32_bytes_of_unpadded_base64(self, ids: Ids) -> None:
        tokens = {ids.token() for _ in range(200)}
        assert len(tokens) == 200
        for token in tokens:
            assert re.fullmatch(r"[A-Za-z0-9+/]{43}", token)
            assert len(base64.b64decode(token + "=")) == 32

    @pytest.mark.parametrize("kind", ["order", "adjustment"])
    def test_every_place_varies(self, ids: Ids, kind: str) -> None:
        drawn = [getattr(ids, kind)() for _ in range(2000)]
        for place, symbols in enumerate(zip(*drawn, strict=True)):
            seen = set(symbols)
            assert len(seen) == (1 if place == 0 or seen == {"-"} else 32)


class TestSeeds:
    def test_the_same_seed_gives_the_same_ids(self) -> None:
        def some(ids: Ids) -> list[str]:
            return [ids.order(), ids.trade(), ids.ledger(), ids.adjustment(), ids.token(), ids.order()]

        assert some(Ids(generator(7, "ids"))) == some(Ids(generator(7, "ids")))

    def test_ids_are_the_same_in_every_release(self) -> None:
        # People put them into their tests: another draw changes what their seed gives.
        ids = Ids(generator(0, "ids"))
        assert ids.order() == "ONHV5V-FV7JL-5LIKBK"
        assert ids.trade() == "TL2PAO-MGDYC-IXXVCX"
        assert ids.ledger() == "L77V5V-7PRRV-FLKS4R"

    def test_another_seed_gives_others(self) -> None:
        assert Ids(generator(7, "ids")).order() != Ids(generator(8, "ids")).order()

    def test_purposes_do_not_disturb_each_other(self) -> None:
        alone = Ids(generator(7, "ids")).order()
        generator(7, "market/XXBTZUSD").random()
        assert Ids(generator(7, "ids")).order() == alone
        assert Ids(generator(7, "house-ids")).order() != alone

    def test_seed_and_purpose_do_not_run_together(self) -> None:
        assert generator(1, "1/x").random() != generator(11, "/x").random()
