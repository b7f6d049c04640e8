"""The private channels: what happens to an account's orders (`executions`) and balances (`balances`), kraken/50 §6."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mockkraken import errors
from mockkraken.counters import POINT
from mockkraken.errors import KrakenError, invalid_arguments
from mockkraken.exchange.accounts import TRADING_LIMITS
from mockkraken.exchange.trading_limits import points
from mockkraken.gate.permissions import all_of
from mockkraken.ws.declared import Channel, Field, Granted
from mockkraken.ws.v2 import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mockkraken.catalog import Pair
    from mockkraken.exchange import Account, Order
    from mockkraken.exchange.events import OrderEvent
    from mockkraken.exchange.ledger import LedgerEntry
    from mockkraken.exchange.trades import Trade
    from mockkraken.ws.declared import Asked
    from mockkraken.ws.topics import Subscription, UserFeed, UserSpeaker
    from mockkraken.ws.venue import Venue

SNAPSHOT_TRADES = 50  # [doc] kraken/50 §6.1

WARNINGS = (
    "cancel_reason is deprecated, use reason",
    "stop_price is deprecated, use triggers.price",
    "trigger is deprecated use triggers.reference",
    "triggered_price is deprecated use triggers.last_price",
)
"""What the acknowledgement of `executions` says of its fields [obs]."""

_OPEN_AND_CLOSE: frozenset[OrderEvent] = frozenset(("new", "filled", "canceled", "expired", "trade"))
"""What is told with `order_status` off: the beginning and the end [doc], and fills [guess]."""

_encode = msgspec.json.encode


class Wishes(NamedTuple):
    """How one subscriber wants a private channel.

    Attributes:
        orders: with a snapshot of the open orders; on `balances`, of the balances.
        trades: with one of the last fills.
        all_statuses: hear of every step of an order.
        ratecount: with the account's trading counter in each row.
        user: with the account in each row: for who hears of several.
    """

    orders: bool = True
    trades: bool = False
    all_statuses: bool = True
    ratecount: bool = False
    user: bool = False


class Report(NamedTuple):
    """A row of an update, but for its end.

    Attributes:
        row: it, without the last brace.
        pair_id: of its order.
        always: whether those hear of it too who want few statuses.
    """

    row: bytes
    pair_id: str
    always: bool


class Executions:
    """Speaks of one account's orders and fills."""

    def __init__(self, account: Account, venue: Venue) -> None:
        self._account = account
        self._clock = venue.clock
        self._reports = reports.Reports(venue)
        self._user = b',"user":' + _encode(account.iban)

    def order(self, order: Order, what: OrderEvent, trade: Trade | None) -> Report:
        row = _encode(self._reports.event(order, what, trade))[:-1]
        return Report(row, order.market.pair.id, what in _OPEN_AND_CLOSE)

    def ledger(self, _entry: LedgerEntry) -> None:
        return None

    def gather(self, notes: list[Any]) -> None:
        pass

    def message(self, note: Report, subscription: Subscription) -> bytes | None:
        if not (note.always or subscription.options.all_statuses):
            return None
        return _message("executions", "update", [self._completed(note.row, note.pair_id, subscription)], subscription)

    def snapshot(self, subscription: Subscription) -> list[bytes]:
        """The last fills and the open orders, the oldest first, in messages of their own (kraken/50 §6.1).

        Nothing to tell is one empty message; nothing asked, and `users`, is none.
        """
        wishes: Wishes = subscription.options
        if wishes.user or not (wishes.orders or wishes.trades):
            return []
        parts = []
        if wishes.trades:
            last = list(islice(reversed(self._account.trades.values()), SNAPSHOT_TRADES))
            parts.append([(self._reports.past_trade(trade), trade.order) for trade in reversed(last)])
        if wishes.orders:
            parts.append([(self._reports.open_order(order), order) for order in self._account.open.values()])
        return [
            _message(
                "executions",
                "snapshot",
                [self._completed(_encode(row)[:-1], order.market.pair.id, subscription) for row, order in part],
                subscription,
            )
            for part in [part for part in parts if part] or [[]]
        ]

    def _completed(self, row: bytes, pair_id: str, subscription: Subscription) -> bytes:
        """A row with what only this subscriber wants in it."""
        wishes: Wishes = subscription.options
        if wishes.ratecount:
            row += b',"ratecount":%d' % points(self._account, pair_id, self._clock.now())
        if wishes.user:
            row += self._user
        return row + b"}"


class Balances:
    """Speaks of one account's balances, as the ledger has them."""

    def __init__(self, account: Account, venue: Venue) -> None:
        self._account = account
        self._assets = venue.catalog.assets
        self._user = b',"user":' + _encode(account.iban)

    def order(self, _order: Order, _what: OrderEvent, _trade: Trade | None) -> None:
        return None

    def ledger(self, entry: LedgerEntry) -> bytes:
        return _encode(reports.movement(entry, self._assets[entry.asset]))[:-1]

    def gather(self, notes: list[Any]) -> None:
        pass

    def message(self, note: bytes, subscription: Subscription) -> bytes:
        row = note + (self._user if subscription.options.user else b"") + b"}"
        return _message("balances", "update", [row], subscription)

    def snapshot(self, subscription: Subscription) -> list[bytes]:
        """All balances that the account has, by name; those that have come to nothing too, as on REST."""
        wishes: Wishes = subscription.options
        if wishes.user or not wishes.orders:
            return []
        found = [(self._assets[asset], units) for asset, units in self._account.balances.items()]
        rows = [_encode(reports.balance(units, asset)) for asset, units in sorted(found, key=_name)]
        return [_message("balances", "snapshot", rows, subscription)]


def _name(found: tuple[Any, int]) -> str:
    name: str = found[0].display
    return name


def _message(channel: str, kind: str, rows: Sequence[bytes], subscription: Subscription) -> bytes:
    """One message of a private channel, counted."""
    subscription.sequence += 1
    head = f'{{"channel":"{channel}","type":"{kind}","data":['.encode()
    return head + b",".join(rows) + b'],"sequence":%d}' % subscription.sequence


# Subscribing


def _subscribe_executions(asked: Asked, _pair: Pair | None) -> Granted:
    params = asked.params
    snapshot = params.get("snapshot", True)
    wishes = Wishes(
        # [guess] what is deprecated counts where its successor is not sent
        orders=params.get("snap_orders", snapshot),
        trades=params.get("snap_trades", params.get("snapshot_trades", False)),
        all_statuses=params.get("order_status", True),
        ratecount=params.get("ratecounter", False),
        user=_all_users(params),
    )
    subscription = _subscribe(asked, "executions", 1, Executions, wishes)
    result = {
        "channel": "executions",
        "maxratecount": TRADING_LIMITS[asked.owner.tier].max // POINT,
        "snap_orders": wishes.orders,
        "snap_trades": wishes.trades,
        "snapshot": snapshot,
        "warnings": WARNINGS,
    }
    return Granted(result | _sent(params), partial(subscription.topic.speaker.snapshot, subscription))


def _subscribe_balances(asked: Asked, _pair: Pair | None) -> Granted:
    snapshot = asked.params.get("snapshot", True)
    wishes = Wishes(orders=snapshot, user=_all_users(asked.params))
    subscription = _subscribe(asked, "balances", 2, Balances, wishes)
    result = {"channel": "balances", "snapshot": snapshot}
    return Granted(result | _sent(asked.params), partial(subscription.topic.speaker.snapshot, subscription))


def _subscribe(
    asked: Asked, channel: str, rank: int, speaker: Callable[[Account, Venue], UserSpeaker], wishes: Wishes
) -> Subscription:
    if (channel,) in asked.connection.subscriptions:
        raise KrakenError(errors.ALREADY_SUBSCRIBED, f"the connection has subscribed to {channel} already")
    venue, account = asked.venue, asked.owner

    def make(feed: UserFeed) -> UserSpeaker:
        return speaker(feed.account, venue)

    return venue.feeds.to_account(
        asked.connection,
        (channel,),
        account=account,
        topic=(2, channel, account.name),
        rank=rank,
        speaker=make,
        shown={"channel": channel, "account": account.name},
        options=wishes,
    )


def _all_users(params: dict[str, Any]) -> bool:
    """Whether the subaccounts' events are wanted as well; there are none yet, so those are the account's own."""
    users = params.get("users")
    if users not in (None, "all"):
        raise KrakenError(invalid_arguments("users"), f"users is {users[:40]!r}; it takes all")
    return users is not None


def _sent(params: dict[str, Any]) -> dict[str, Any]:
    """What an acknowledgement repeats only if it was sent."""
    return {name: params[name] for name in ("order_status", "ratecounter", "rebased", "users") if name in params}


def _unsubscribe(channel: str, asked: Asked, _pair: Pair | None) -> dict[str, Any]:
    subscription = asked.connection.subscriptions.get((channel,))
    if subscription is None:
        raise KrakenError(errors.SUBSCRIPTION_NOT_FOUND, f"the connection has not subscribed to {channel}")
    asked.venue.feeds.unsubscribe(subscription)
    return {"channel": channel}


CHANNELS = (
    Channel(
        "executions",
        "private",
        "Orders step by step, and fills",
        _subscribe_executions,
        partial(_unsubscribe, "executions"),
        fields=(
            Field("snap_orders", "boolean"),
            Field("snap_trades", "boolean"),
            Field("order_status", "boolean"),
            Field("ratecounter", "boolean"),
            Field("rebased", "boolean"),
            Field("users", "string"),
            Field("snapshot", "boolean"),
            Field("snapshot_trades", "boolean"),
        ),
        needs=all_of("query-open-trades", "query-closed-trades"),
    ),
    Channel(
        "balances",
        "private",
        "Balances, and each movement of them",
        _subscribe_balances,
        partial(_unsubscribe, "balances"),
        fields=(Field("snapshot", "boolean"), Field("rebased", "boolean"), Field("users", "string")),
        needs=all_of("query-funds"),
    ),
)
