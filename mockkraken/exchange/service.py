"""What the exchange as a whole, a pair and an account take in each of their states.

The rules of kraken/10 §7 (the exchange and its pairs) and §3.5 (accounts); the exchange's state counts before the
pair's. They only say what may be done: who asks, refuses with what they raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mockkraken import errors
from mockkraken.errors import KrakenError

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.catalog.records import PairStatus
    from mockkraken.exchange.accounts import Account

SystemStatus = Literal["online", "maintenance", "cancel_only", "post_only", "limit_only"]
"""What the exchange as a whole may be doing; REST and WebSocket v2 have no word for `limit_only`."""

# Order types that name the least or most that they trade at. Those with a trigger are never post-only.
_LIMITED = frozenset(("limit", "iceberg", "stop-loss-limit", "take-profit-limit", "trailing-stop-limit"))
_POSTABLE = frozenset(("limit", "iceberg"))

# Where resting orders meet what comes. Where nobody may take, nobody trades.
MATCHING = frozenset(("online", "limit_only", "reduce_only"))

_ACCOUNT_ERRORS = {
    "unconfirmed": errors.ACCOUNT_UNCONFIRMED,
    "disabled": errors.ACCOUNT_DISABLED,
    "locked": errors.ACCOUNT_LOCKED,
}


def check_entry(system: SystemStatus, pair: Pair, ordertype: str | None, *, post: bool, reduce_only: bool) -> None:
    """Whether such an order may come in now.

    Args:
        system: the exchange's state.
        pair: what is to be traded.
        ordertype: as its sender wrote it: the state is looked at before the other arguments (kraken/30 §5.3).
        post: it has the flag `post`.
        reduce_only: it may only make a margin position smaller.

    Raises:
        KrakenError: it may not.
    """
    status = pair.status
    if system == "online" and status == "online":
        return
    post = post and ordertype in _POSTABLE
    limited = ordertype in _LIMITED
    if not _taken(system, post=post, limited=limited):
        raise _refusal(system, "the exchange")
    # To settle a position is to close it [guess].
    reduces = reduce_only or ordertype == "settle-position"
    if not (reduces if status == "reduce_only" else _taken(status, post=post, limited=limited)):
        raise _refusal(status, pair.altname)


def check_change(system: SystemStatus, pair: Pair, post: bool, *, reduce_only: bool = False) -> None:
    """Whether an open order may be amended or edited now. `post` and `reduce_only` are those of the changed order.

    Where only limit orders are taken, every change is; else what comes out of it is judged like a new one [guess].

    Raises:
        KrakenError: it may not.
    """
    status = pair.status
    if not _taken(system, post=post, limited=True):
        raise _refusal(system, "the exchange")
    if not (reduce_only if status == "reduce_only" else _taken(status, post=post, limited=True)):
        raise _refusal(status, pair.altname)


def check_cancel(system: SystemStatus, account: Account) -> None:
    """Whether the account's open orders may be cancelled now; no state of a pair is in the way [guess].

    Raises:
        KrakenError: they may not.
    """
    if system == "maintenance":
        raise _refusal(system, "the exchange")
    if account.state != "ok":
        check_account(account, order_action=True)


def matches(system: SystemStatus, pair: Pair) -> bool:
    """Whether orders of the pair are matched now."""
    return system in MATCHING and pair.status in MATCHING


def check_account(account: Account, *, order_action: bool = False) -> None:
    """Whether the account may do anything, or place, change and cancel orders (`order_action`).

    A locked one still sees everything; its orders stay where they are [guess].

    Raises:
        KrakenError: it may not.
    """
    state = account.state
    if state == "ok" or (state == "locked" and not order_action):
        return
    raise KrakenError(_ACCOUNT_ERRORS[state], f"the account {account.name!r} is {state}", check="eligibility")


def _taken(status: SystemStatus | PairStatus, *, post: bool, limited: bool) -> bool:
    """Whether an order with a limit price, or one that is post-only, is taken in that state."""
    if status == "post_only":
        return post
    return status == "online" or (status == "limit_only" and limited)


def _refusal(status: SystemStatus | PairStatus, whose: str) -> KrakenError:
    # Of a pair in maintenance, nothing is known; delisted and work_in_progress likewise [guess].
    message = errors.UNAVAILABLE if status == "maintenance" else errors.market_in_mode(status)
    return KrakenError(message, f"{whose} is {status}", check="status")
