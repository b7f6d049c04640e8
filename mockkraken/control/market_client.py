"""Markets, orders and states as Python objects: what `MockKraken` offers as `pairs`, `orders` and `status`.

The rest stands in client.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mockkraken.control import markets, pairs, status

if TYPE_CHECKING:
    from mockkraken.control.client import Perform


class PairHandle:
    """One pair's market, `pairs["XBTUSD"]`. What moves it answers with its new state, as `state` does."""

    __slots__ = ("_perform", "name")

    def __init__(self, perform: Perform, name: str) -> None:
        self._perform = perform
        self.name = name

    def __repr__(self) -> str:
        return f"<pair {self.name!r}>"

    def state(self) -> dict[str, Any]:
        """The makers' `model`, whether they are `paused`, and the prices `bid`, `ask`, `last` and `index`.

        `index` is None as long as it follows the last price. A replay also has `replay`: its `file`, and how many of
        its `rows` were `played`.
        """
        state: dict[str, Any] = self._perform(markets.market, self.name)
        return state

    def move_to(self, price: str | float) -> dict[str, Any]:
        """Move the makers to a price; client orders between there and here are traded with.

        Raises:
            ControlError: no price of this pair; or nobody moves this market, since it is static, a replay or halted
                (409).
        """
        return self._change(price=price)

    def gap(self, percent: str) -> dict[str, Any]:
        """Move by a part of the last price: `"-5%"`.

        Raises:
            ControlError: as `move_to`.
        """
        return self._change(gap=percent)

    def trade(self, side: str, volume: str | float, price: str | float | None = None) -> dict[str, Any]:
        """Let somebody buy or sell at the market, or at `price` or better; `traded` is how much it became.

        Raises:
            ControlError: that is no trade, or nothing rests there to trade with (409).
        """
        trade = {"side": side, "volume": volume} | ({} if price is None else {"price": price})
        return self._change(trade=trade)

    def set_book(
        self, bids: Iterable[tuple[Any, Any]] = (), asks: Iterable[tuple[Any, Any]] = (), model: str | None = None
    ) -> dict[str, Any]:
        """Replace all quotes by these (price, volume), and the model if one is given.

        Raises:
            ControlError: that is no book; or the market is halted (409).
        """
        book = {side: [list(level) for level in levels] for side, levels in (("bids", bids), ("asks", asks))}
        return self._change(book=book) if model is None else self._change(book=book, model=model)

    def set_index(self, price: str | float | None) -> dict[str, Any]:
        """Set the index price, which triggers orders with `trigger=index`; None: it follows the last price again.

        Raises:
            ControlError: no price of this pair.
        """
        answer: dict[str, Any] = self._perform(pairs.set_index, self.name, {"price": price})
        return answer

    def rules(self) -> dict[str, Any]:
        """Its entry of AssetPairs, with its `id`, `margin_open_fee` and `margin_rollover_fee`."""
        rules: dict[str, Any] = self._perform(pairs.rules, self.name)
        return rules

    def patch(self, **changes: Any) -> dict[str, Any]:
        """Change some rules, all or nothing; all rules as they are then. Orders that are open stay as they are.

        Args:
            changes: fields of AssetPairs (`ordermin="0.001"`, `tick_size="0.5"`, `fees=[[0, 0.4]]`, `status=...`), and
                `margin_open_fee` and `margin_rollover_fee` in percent; None puts one back to what was recorded.

        Raises:
            ControlError: there is no such field, it never changes, or it does not take that value.
        """
        rules: dict[str, Any] = self._perform(pairs.change_rules, self.name, changes)
        return rules

    def replay(self, file: str | os.PathLike[str]) -> dict[str, Any]:
        """Play a recorded tape from now on, in place of all quotes: each row happens at its time after the first.

        Args:
            file: its path on the server's machine, or the name of the shipped one, `sample_tape.csv`.

        Raises:
            ControlError: there is no such file, or it is no tape of this pair; the message names the line.
        """
        return self._change(model="replay", file=os.fspath(file))

    @property
    def model(self) -> str:
        """`calm`, `walk`, `static` or `replay`; set it to have the makers behave so, `replay` by the method above."""
        model: str = self.state()["model"]
        return model

    @model.setter
    def model(self, model: str) -> None:
        self._change(model=model)

    def pause(self) -> dict[str, Any]:
        """The makers leave the market alone."""
        return self._change(pause=True)

    def resume(self) -> dict[str, Any]:
        """The makers go on."""
        return self._change(pause=False)

    def _change(self, **change: Any) -> dict[str, Any]:
        state: dict[str, Any] = self._perform(markets.change_market, self.name, change)
        return state


class PairsControl:
    """The pairs: `pairs["XBTUSD"]`, by any of their names."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name: str) -> PairHandle:
        pair: str = self._perform(markets.market, name)["pair"]
        return PairHandle(self._perform, pair)


class OrderHandle:
    """One client's order, `orders[txid]`."""

    __slots__ = ("_perform", "txid")

    def __init__(self, perform: Perform, txid: str) -> None:
        self._perform = perform
        self.txid = txid

    def __repr__(self) -> str:
        return f"<order {self.txid!r}>"

    def state(self) -> dict[str, Any]:
        """Its `status`, `vol` and `vol_exec`, with its `pair` and `account`."""
        state: dict[str, Any] = self._perform(markets.order, self.txid)
        return state

    def fill(self, volume: str | float | None = None) -> dict[str, Any]:
        """Let a counterparty trade with it at its price: `volume`, or all that is left; its state then.

        Raises:
            ControlError: it does not rest, less of it is left, or the market is halted (409).
        """
        body = {} if volume is None else {"volume": volume}
        state: dict[str, Any] = self._perform(markets.fill_order, self.txid, body)
        return state


class OrdersControl:
    """The clients' orders: `orders[txid]`."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, txid: str) -> OrderHandle:
        self._perform(markets.order, txid)
        return OrderHandle(self._perform, txid)


class StatusControl:
    """The states of the exchange and of its pairs."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def state(self) -> dict[str, Any]:
        """The exchange's `status`, and by name those of the `pairs` that were put in another one than they had."""
        state: dict[str, Any] = self._perform(status.status)
        return state

    def get(self, pair: str | None = None) -> str:
        """The exchange's state, or a pair's.

        Raises:
            ControlError: there is no such pair (404).
        """
        found: str = self.state()["status"] if pair is None else self._perform(status.pair_status, pair)
        return found

    def set(self, state: str, *, pair: str | None = None) -> dict[str, Any]:
        """Put the exchange, or one pair, in a state; what `state` gives then.

        Args:
            state: `online`, `maintenance`, `cancel_only`, `post_only` or `limit_only`; of a pair also `reduce_only`,
                `delisted` or `work_in_progress`.
            pair: None: the exchange.

        Raises:
            ControlError: there is no such state, or no such pair (404).
        """
        body = {"status": state} | ({} if pair is None else {"pair": pair})
        answer: dict[str, Any] = self._perform(status.set_status, body)
        return answer
