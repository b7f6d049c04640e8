"""The ledger: one row for each movement of one asset. Reference: kraken/40 §1.13, §6."""

from __future__ import annotations

import msgspec


class LedgerEntry(msgspec.Struct, eq=False, gc=False):
    """One movement; `balance` is the asset's balance after it: before + amount - fee.

    Amounts in units of the asset's decimals, time in ns.
    """

    id: str
    seq: int
    refid: str
    time: int
    type: str
    subtype: str
    asset: str
    amount: int
    fee: int
    balance: int
