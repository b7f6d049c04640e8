"""What a key may do, and what an endpoint needs: the 13 codes and the expressions over them (kraken/10 §3.2, §3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Code = Literal[
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
]

CODES: tuple[str, ...] = get_args(Code)
"""Every permission, in the order in which they are shown."""

ALL = frozenset(CODES)


class Permission(msgspec.Struct, frozen=True):
    """What an endpoint needs: every one of `codes`, or with `either` at least one of them.

    `text` says it in words, for reasons and tables.
    """

    codes: frozenset[str]
    either: bool
    text: str

    def allows(self, granted: frozenset[str]) -> bool:
        """Whether a key with these permissions may pass."""
        if self.either:
            return not self.codes.isdisjoint(granted)
        return self.codes <= granted

    def why_not(self, granted: frozenset[str]) -> str:
        """The reason of a refusal: what is needed, what is missing, what the key has."""
        missing = " and ".join(in_order(self.codes - granted))
        lack = "has neither" if self.either and len(self.codes) > 1 else f"lacks {missing}"
        return f"needs {self.text}; the key {lack}; it has {', '.join(in_order(granted)) or 'no permission at all'}"


ANY_KEY = Permission(frozenset(), False, "any valid key")


def all_of(*codes: Code) -> Permission:
    """Every one of these permissions is needed."""
    return Permission(parse(codes), False, " and ".join(codes))


def any_of(*codes: Code) -> Permission:
    """One of these permissions is enough."""
    return Permission(parse(codes), True, " or ".join(codes))


def parse(codes: Iterable[str]) -> frozenset[str]:
    """Read a list of permission codes.

    Raises:
        ValueError: one of them does not exist; the message names it.
    """
    granted = frozenset(codes)
    for code in sorted(granted - ALL):
        raise ValueError(f"there is no permission {code!r}; there are {', '.join(CODES)}")
    return granted


def in_order(codes: frozenset[str]) -> list[str]:
    """The codes as a list, in the order of CODES."""
    return [code for code in CODES if code in codes]
