"""Who may call what (kraken/10 §3.3): every private endpoint with keys that lack one thing, and that have just enough.

The calls are made from the endpoints' own declarations, so that later endpoints join by themselves; what they must
declare stands here, written from the reference.
"""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest

from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS

DENIED = "EGeneral:Permission denied"
PRIVATE = {endpoint.name: endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Private)}

CODES = frozenset(
    (
        *("query-funds", "add-funds", "withdraw-funds", "earn-funds"),
        *("query-open-trades", "query-closed-trades", "modify-trades", "close-trades"),
        *("query-ledger", "export-data", "create-ws-token", "add-withdraw-address", "update-withdraw-address"),
    )
)
"""All thirteen (§3.2)."""

# §3.3, whole: also what is not simulated yet. Codes that are all needed, or one of which is enough.
ALL_OF: dict[str, tuple[str, ...]] = {
    "Balance": ("query-funds",),
    "BalanceEx": ("query-funds",),
    "CreditLines": ("query-funds",),
    "TradeVolume": ("query-funds",),
    "TradeBalance": ("query-open-trades",),
    "OpenOrders": ("query-open-trades",),
    "OpenPositions": ("query-open-trades",),
    "ClosedOrders": ("query-closed-trades",),
    "TradesHistory": ("query-closed-trades",),
    "QueryTrades": ("query-closed-trades",),
    "Ledgers": ("query-ledger",),
    "QueryLedgers": ("query-ledger",),
    "AddExport": ("export-data",),
    "ExportStatus": ("export-data",),
    "RetrieveExport": ("export-data",),
    "RemoveExport": ("export-data",),
    "GetApiKeyInfo": (),
    "ListWalletAccounts": (),
    "Earn/Strategies": (),
    "Level3": (),
    "GetWebSocketsToken": ("create-ws-token",),
    "AddOrder": ("modify-trades",),
    "AddOrderBatch": ("modify-trades", "close-trades"),
    "EditOrder": ("modify-trades", "close-trades"),
    "DepositMethods": ("query-funds", "add-funds"),
    "DepositAddresses": ("query-funds",),
    "DepositStatus": ("query-funds",),
    "WithdrawMethods": ("query-funds", "withdraw-funds"),
    "WithdrawAddresses": ("query-funds", "withdraw-funds"),
    "WithdrawInfo": ("query-funds", "withdraw-funds"),
    "Withdraw": ("withdraw-funds",),
    "WalletTransfer": ("query-funds",),
    "CreateSubaccount": ("withdraw-funds",),
    "AccountTransfer": ("withdraw-funds",),
    "Earn/Allocate": ("earn-funds",),
    "Earn/Deallocate": ("earn-funds",),
    "Earn/Allocations": ("query-funds",),
}
ANY_OF: dict[str, tuple[str, ...]] = {
    "QueryOrders": ("query-open-trades", "query-closed-trades"),
    "OrderAmends": ("query-open-trades", "query-closed-trades"),
    "AmendOrder": ("modify-trades", "close-trades"),
    "CancelOrder": ("modify-trades", "close-trades"),
    "CancelOrderBatch": ("modify-trades", "close-trades"),
    "CancelAll": ("modify-trades", "close-trades"),
    "CancelAllOrdersAfter": ("modify-trades", "close-trades"),
    "WithdrawStatus": ("withdraw-funds", "query-ledger"),
    "Earn/AllocateStatus": ("earn-funds", "query-funds"),
    "Earn/DeallocateStatus": ("earn-funds", "query-funds"),
}
BY_ITS_FIELDS = {"WithdrawCancel"}
"""withdraw-funds, but none where the reference is that of a WalletTransfer: no table can say it."""

GATE = {"lockout", "key", "address", "expiry", "nonce", "signature", "otp", "rate", "throttle", "permission"}

# Their arguments don't matter: the permission is looked at before them, and after the gate any answer will do.
ARGUMENTS: tuple[dict[str, str], ...] = ({}, {"pair": "NONE", "txid": "x", "volume": "-1", "orders": "x", "asset": "?"})


def lacking(name: str) -> list[frozenset[str]]:
    """The largest sets of permissions that are not enough: each lacks one thing that is needed."""
    if name in ANY_OF:
        return [CODES - set(ANY_OF[name])]
    return [CODES - {code} for code in ALL_OF[name]]


def enough(name: str) -> list[frozenset[str]]:
    """The smallest sets that are enough."""
    if name in ANY_OF:
        return [frozenset({code}) for code in ANY_OF[name]]
    return [frozenset(ALL_OF[name])]


def cases(sets: Any) -> list[Any]:
    return [
        pytest.param(name, codes, id=f"{name}: {called(codes)}")
        for name in PRIVATE
        if name in ALL_OF or name in ANY_OF
        for codes in sets(name)
    ]


def called(codes: frozenset[str]) -> str:
    few = len(codes) < 3
    return ("" if few else "all but ") + (" ".join(sorted(codes if few else CODES - codes)) or "none")


def test_every_endpoint_stands_in_the_table_and_needs_what_it_says():
    assert PRIVATE.keys() <= ALL_OF.keys() | ANY_OF.keys() | BY_ITS_FIELDS
    for name, endpoint in PRIVATE.items():
        if name not in BY_ITS_FIELDS:
            needs = endpoint.needs
            assert needs.codes == set(ANY_OF.get(name) or ALL_OF[name])
            assert needs.either == (name in ANY_OF)
            assert needs.text == (" or " if name in ANY_OF else " and ").join(ANY_OF.get(name) or ALL_OF[name]) or (
                "any valid key"
            )


def test_the_table_is_of_permissions_that_exist():
    assert set(chain.from_iterable((*ALL_OF.values(), *ANY_OF.values()))) <= CODES
    assert ALL_OF.keys().isdisjoint(ANY_OF)


@pytest.mark.parametrize(("name", "codes"), cases(lacking))
def test_a_key_that_lacks_one_thing_is_refused_before_its_arguments_are_read(new_program, name, codes):
    program = new_program(permissions=codes)
    for fields in ARGUMENTS:
        assert program.call(name, **fields) == DENIED
        record = program.journal
        assert (record["check"], record["endpoint"], record["http_status"]) == ("permission", name, 200)
        missing = CODES - codes
        assert all(code in record["reason"] for code in missing)


@pytest.mark.parametrize(("name", "codes"), cases(enough))
def test_a_key_that_has_just_enough_passes_the_gate(new_program, name, codes):
    program = new_program(permissions=codes)
    for fields in ARGUMENTS:
        assert program.call(name, **fields) != DENIED
        assert program.journal["check"] not in GATE


@pytest.mark.parametrize("name", [name for name in PRIVATE if len(ALL_OF.get(name, ())) > 1])
def test_where_all_are_needed_no_part_of_them_is_enough(new_program, name):
    needed = ALL_OF[name]
    for number, codes in enumerate(chain.from_iterable(combinations(needed, size) for size in range(len(needed)))):
        assert new_program(f"part-{number}", permissions=codes).call(name) == DENIED


def test_a_key_without_any_permission_may_call_what_needs_none_and_nothing_else(new_program):
    program = new_program(permissions=())
    passing = {name for name in PRIVATE if program.call(name) != DENIED}
    assert passing == {name for name in PRIVATE if ALL_OF.get(name) == ()}
    assert "GetApiKeyInfo" in passing


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_permission_opens_what_names_it_and_nothing_else(new_program, code):
    """By that permission alone."""
    program = new_program(permissions=[code])
    passing = {name for name in PRIVATE if program.call(name) != DENIED}
    assert passing == {name for name in PRIVATE if any(codes <= {code} for codes in enough(name))}


def test_a_permission_given_or_taken_later_counts_at_once(new_program, sandbox):
    program = new_program(permissions=())
    for codes, answer in ((["query-funds"], "OK"), ([], DENIED), (CODES, "OK"), (CODES - {"query-funds"}, DENIED)):
        sandbox.keys.edit(program.key, {"permissions": codes}, now=sandbox.clock.now())
        assert program.call("Balance") == answer


# What the table says besides: by an order's status


@pytest.mark.parametrize(
    ("codes", "seen"),
    [
        (("query-open-trades",), {"open"}),
        (("query-closed-trades",), {"closed", "canceled"}),
        (("query-open-trades", "query-closed-trades"), {"open", "closed", "canceled"}),
    ],
)
def test_orders_that_a_key_may_not_see_are_left_out(new_program, codes, seen):
    trader, reader = new_program("trader"), new_program("reader", permissions=codes)
    order = {"pair": "XBTUSD", "type": "buy", "volume": "0.01"}
    rest = order | {"ordertype": "limit", "price": "50000"}
    (done,), (gone,), (resting,) = (
        trader.ask("AddOrder", **fields).result["txid"] for fields in (order | {"ordertype": "market"}, rest, rest)
    )
    trader.ask("CancelOrder", txid=gone)
    assert trader.ask("AmendOrder", txid=resting, order_qty="0.02").error == "OK"
    statuses = {"closed": done, "canceled": gone, "open": resting}
    shown = reader.ask("QueryOrders", txid=",".join(statuses.values())).result
    assert {row["status"]: txid for txid, row in shown.items()} == {name: statuses[name] for name in seen}
    for status, txid in statuses.items():
        count = reader.ask("OrderAmends", order_id=txid).result["count"]
        assert (count > 0) == (status in seen)
