"""Markets and orders as Python objects: what `MockKraken` offers as `pairs` and `orders`, as client.py has the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mockkraken.control import markets

if TYPE_CHECKING:
    from mockkraken.control.client import Perform


class PairHandle:
    """One pair's market, `pairs["XBTUSD"]`. What moves it answers with its new state, as `state` does."""

    def __init__(self, perform: Perform, name: str) -> None:
        self._perform = perform
        self.name = name

    def __repr__(self) -> str:
        return f"<pair {self.name!r}>"

    def state(self) -> dict[str, Any]:
        """The makers' `model`, whether they are `paused`, and the prices `bid`, `ask` and `last`."""
        state: dict[str, Any] = self._perform(markets.market, self.name)
        return state

    def move_to(self, price: str | float) -> dict[str, Any]:
        """Move the makers to a price; client orders between there and here are traded with.

        Raises:
            ControlError: no price of this pair; or nobody moves this market, since it is static (409).
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
            ControlError: that is no book.
        """
        book = {side: [list(level) for level in levels] for side, levels in (("bids", bids), ("asks", asks))}
        return self._change(book=book) if model is None else self._change(book=book, model=model)

    @property
    def model(self) -> str:
        """`calm`, `walk` or `static`; set it to have the makers behave so."""
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

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name: str) -> PairHandle:
        pair: str = self._perform(markets.market, name)["pair"]
        return PairHandle(self._perform, pair)


class OrderHandle:
    """One client's order, `orders[txid]`."""

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
            ControlError: it does not rest, or less of it is left (409).
        """
        body = {} if volume is None else {"volume": volume}
        state: dict[str, Any] = self._perform(markets.fill_order, self.txid, body)
        return state


class OrdersControl:
    """The clients' orders: `orders[txid]`."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, txid: str) -> OrderHandle:
        self._perform(markets.order, txid)
        return OrderHandle(self._perform, txid)
