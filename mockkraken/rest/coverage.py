"""What Kraken's REST API has and this one does not: the journal tells a gap of ours from a slip of the caller."""

from __future__ import annotations

from collections.abc import Iterable

# Kraken's methods as of August 2026 that are answered as unknown ones so far, by family; all but the first are private.
NOT_SIMULATED = {
    "Public": ("GroupedBook", "PreTrade", "PostTrade"),
    "Account": ("CreditLines", "Level3", "ListWalletAccounts"),
    "Exports": ("AddExport", "ExportStatus", "RetrieveExport", "RemoveExport"),
    "Funding": (
        *("DepositMethods", "DepositAddresses", "DepositStatus"),
        *("WithdrawMethods", "WithdrawAddresses", "WithdrawInfo", "Withdraw", "WithdrawStatus", "WithdrawCancel"),
        "WalletTransfer",
    ),
    "Subaccounts": ("CreateSubaccount", "AccountTransfer"),
    "Earn": (
        *("Earn/Strategies", "Earn/Allocations", "Earn/Allocate", "Earn/AllocateStatus"),
        *("Earn/Deallocate", "Earn/DeallocateStatus"),
    ),
}


def why_unknown(path: str, simulated: Iterable[str]) -> str:
    """The reason for the journal: what is wrong with a path that is not among the `simulated` ones."""
    gaps = [
        f"/0/{'public' if family == 'Public' else 'private'}/{name}"
        for family, names in NOT_SIMULATED.items()
        for name in names
    ]
    if path in gaps:
        return "Kraken has this method, mockkraken does not simulate it yet"
    if path in ("/v2", "/ws") or path.startswith(("/ws/", "/ws-auth", "/ws-l3")):
        return "this is a WebSocket's URL: it takes an upgrade (ws://), not a plain request"
    for known in (*simulated, *gaps):
        if known.lower() == path.lower():
            return f"there is no such method; it is spelled {known}"
    return "there is no such method"
