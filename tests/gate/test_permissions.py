"""What an endpoint needs against what a key has (kraken/10 §3.2, §3.3)."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from mockkraken.gate.permissions import ALL, ANY_KEY, CODES, all_of, any_of, in_order, parse

# Every expression of the table of endpoints: how it is declared, what it reads as, and the smallest sets that pass.
EXPRESSIONS = [
    (ANY_KEY, "any valid key", [set()]),
    (all_of("query-funds"), "query-funds", [{"query-funds"}]),
    (all_of("query-open-trades"), "query-open-trades", [{"query-open-trades"}]),
    (all_of("query-closed-trades"), "query-closed-trades", [{"query-closed-trades"}]),
    (
        any_of("query-open-trades", "query-closed-trades"),
        "query-open-trades or query-closed-trades",
        [{"query-open-trades"}, {"query-closed-trades"}],
    ),
    (all_of("query-ledger"), "query-ledger", [{"query-ledger"}]),
    (all_of("export-data"), "export-data", [{"export-data"}]),
    (all_of("create-ws-token"), "create-ws-token", [{"create-ws-token"}]),
    (all_of("modify-trades"), "modify-trades", [{"modify-trades"}]),
    (all_of("modify-trades", "close-trades"), "modify-trades and close-trades", [{"modify-trades", "close-trades"}]),
    (any_of("modify-trades", "close-trades"), "modify-trades or close-trades", [{"modify-trades"}, {"close-trades"}]),
    (all_of("query-funds", "add-funds"), "query-funds and add-funds", [{"query-funds", "add-funds"}]),
    (all_of("query-funds", "withdraw-funds"), "query-funds and withdraw-funds", [{"query-funds", "withdraw-funds"}]),
    (all_of("withdraw-funds"), "withdraw-funds", [{"withdraw-funds"}]),
    (
        any_of("withdraw-funds", "query-ledger"),
        "withdraw-funds or query-ledger",
        [{"withdraw-funds"}, {"query-ledger"}],
    ),
    (all_of("earn-funds"), "earn-funds", [{"earn-funds"}]),
    (any_of("earn-funds", "query-funds"), "earn-funds or query-funds", [{"earn-funds"}, {"query-funds"}]),
]


def test_there_are_the_thirteen_documented_codes():
    assert CODES == (
        "query-funds",
        "add-funds",
        "withdraw-funds",
        "earn-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "query-ledger",
        "export-data",
        "create-ws-token",
        "add-withdraw-address",
        "update-withdraw-address",
    )


@pytest.mark.parametrize(("needs", "text", "passing"), EXPRESSIONS, ids=[row[1] for row in EXPRESSIONS])
def test_an_expression_allows_exactly_the_keys_that_have_what_it_names(needs, text, passing):
    assert needs.text == text
    for granted in chain.from_iterable(combinations(CODES, size) for size in range(len(CODES) + 1)):
        assert needs.allows(frozenset(granted)) == any(smallest <= set(granted) for smallest in passing), granted


def test_a_refusal_says_what_is_needed_missing_and_there(new_bot):
    bot = new_bot(permissions=["query-ledger", "modify-trades"])
    assert bot.call(1, "AddOrder", needs=all_of("modify-trades")) == "OK"
    assert bot.call(2, "EditOrder", needs=all_of("modify-trades", "close-trades")) == "EGeneral:Permission denied"
    assert bot.refusal.check == "permission"
    assert bot.refusal.reason == (
        "needs modify-trades and close-trades; the key lacks close-trades; it has modify-trades, query-ledger"
    )
    assert bot.call(3, "QueryOrders", needs=any_of("query-open-trades", "query-closed-trades")) != "OK"
    assert bot.refusal.reason == (
        "needs query-open-trades or query-closed-trades; the key has neither; it has modify-trades, query-ledger"
    )


def test_a_key_without_any_permission_may_still_ask_what_needs_none(new_bot):
    bot = new_bot(permissions=[])
    assert bot.call(1, "GetApiKeyInfo", needs=ANY_KEY) == "OK"
    assert bot.call(2, "Balance", needs=all_of("query-funds")) == "EGeneral:Permission denied"
    assert bot.refusal.reason.endswith("it has no permission at all")


def test_codes_that_do_not_exist_are_named():
    with pytest.raises(ValueError, match="there is no permission 'create-orders'"):
        parse(["query-funds", "create-orders"])
    with pytest.raises(ValueError, match="there is no permission 'deposit-funds'"):
        all_of("deposit-funds")
    with pytest.raises(ValueError, match="there is no permission 'Query-Funds'"):
        any_of("Query-Funds")


def test_codes_are_shown_in_the_documented_order():
    assert in_order(frozenset({"close-trades", "query-funds", "create-ws-token"})) == [
        "query-funds",
        "close-trades",
        "create-ws-token",
    ]
    assert in_order(ALL) == list(CODES)
