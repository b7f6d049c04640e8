"""Two traders on an exchange of their own, without makers, who play the same commands as the bare book."""

import time

from bare_book import Command

from mockkraken.catalog import Catalog
from mockkraken.clock import Clock
from mockkraken.exchange import Account, Exchange, Order, OrderRequest
from mockkraken.ids import Ids, generator
from mockkraken.settings import Settings

_MIDDLE = 60_000  # dollars; a command's prices are dimes around it


class Desk:
    """One trader buys, the other sells, so that they never meet themselves."""

    def __init__(self) -> None:
        clock, catalog = Clock(0), Catalog()
        # Without rate limits, which cap the open orders of an account.
        self._exchange = Exchange(clock, Settings(rate_limits="off"), catalog, Ids(generator(0, "ids")))
        self._pair = catalog.pair("XXBTZUSD")
        self._buyer, self._seller = (self._exchange.open_account(Account(name)) for name in ("buyer", "seller"))
        for trader in (self._buyer, self._seller):
            for name in ("ZUSD", "XXBT"):
                asset = catalog.assets[name]
                self._exchange.set_balance(trader, asset, 10**12 * 10**asset.decimals)

    @property
    def fills(self) -> int:
        return len(self._exchange.market(self._pair).tape.prints)

    def rest(self, count: int) -> None:
        """Let that many orders rest, half on each side, where the commands of a mix never meet them."""
        for number in range(count):
            side = "buy" if number % 2 else "sell"
            away = 1000 + number % 4000
            self._enter(_limit(side, "0.0005", -away if side == "buy" else away))

    def close(self, count: int) -> None:
        """Leave that many orders cancelled."""
        for _ in range(count):
            order = self._enter(_limit("buy", "0.0005", -1000))
            self._exchange.cancel_order(self._buyer, txid=order.txid)

    def wait(self, count: int, dimes: int, distance: str | None = None) -> None:
        """Let that many selling stops wait at and below a price; with a distance they trail at that instead."""
        for number in range(count):
            request = OrderRequest(ordertype="stop-loss", type="sell", volume="0.0005")
            if distance is None:
                request.price = f"{_MIDDLE + (dimes - number % 1000) / 10:.1f}"
            else:
                request.ordertype, request.price = "trailing-stop", distance
            self._enter(request)

    def trade_at(self, dimes: int) -> float:
        """Trade once at a price, where the buyer takes all that comes; seconds of CPU time until all is done."""
        bid = self._enter(_limit("buy", "1000", dimes))
        begun = time.process_time()
        self._enter(_limit("sell", "0.0005", dimes))
        spent = time.process_time() - begun
        self._exchange.cancel([bid])
        return spent

    @property
    def waiting(self) -> int:
        return self._exchange.market(self._pair).triggers.count

    def play(self, mix: list[Command]) -> float:
        """Apply the commands; µs of CPU time that each took.

        Requests are made beforehand: what is measured is reading, checking and doing them.
        """
        requests = [
            None if command.kind == "cancel" else _limit(command.kind, f"0.{command.volume:04d}", command.price)
            for command in mix
        ]
        resting: list[str] = []
        begun = time.process_time()
        for command, request in zip(mix, requests, strict=True):
            if request is None:
                self._cancel(resting, command.pick)
                continue
            order = self._enter(request)
            if order.status == "open":
                resting.append(order.txid)
        return (time.process_time() - begun) / len(mix) * 1e6

    def _enter(self, request: OrderRequest) -> Order:
        trader = self._buyer if request.type == "buy" else self._seller
        return self._exchange.submit(self._exchange.prepare(trader, self._pair, request))

    def _cancel(self, resting: list[str], pick: float) -> None:
        """Cancel one of the orders that rest; some of those noted have been filled since."""
        while resting:
            index = int(pick * len(resting))
            resting[index], resting[-1] = resting[-1], resting[index]
            txid = resting.pop()
            for trader in (self._buyer, self._seller):
                if txid in trader.open:
                    self._exchange.cancel_order(trader, txid=txid)
                    return


def _limit(side: str, volume: str, dimes: int) -> OrderRequest:
    return OrderRequest(ordertype="limit", type=side, volume=volume, price=f"{_MIDDLE + dimes / 10:.1f}")
