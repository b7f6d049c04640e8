from __future__ import annotations

from decimal import Decimal

import pytest
from sample_bot import Bot, Refused

from mockkraken import MockKraken


@pytest.fixture
def bot(mockkraken: MockKraken) -> Bot:
    return Bot(mockkraken.api_key, mockkraken.api_secret, mockkraken.url)


@pytest.mark.mockkraken(balances={"ZUSD": "1000", "XXBT": "0"})
def test_it_buys_for_a_tenth_of_its_dollars(bot: Bot, mockkraken: MockKraken) -> None:
    bot.invest(Decimal("0.1"))
    assert bot.balance("XXBT") > 0
    assert 899 < bot.balance("ZUSD") < 901  # the price has a spread, and the trade a fee
    assert mockkraken.journal.refusals() == []


@pytest.mark.mockkraken(balances={"ZUSD": "1"})
def test_a_dollar_is_too_little(bot: Bot, mockkraken: MockKraken) -> None:
    with pytest.raises(Refused, match="EOrder:"):
        bot.invest(Decimal("0.1"))
    assert bot.balance("ZUSD") == 1
    (refusal,) = mockkraken.journal.refusals()
    assert refusal["endpoint"] == "AddOrder"
    assert refusal["check"] != "nonce"
