"""The yardstick for the exchange: a price-time book of integers and nothing else, and the command mix for both."""

import random
import time
from collections import deque
from typing import Literal, NamedTuple

from sortedcontainers import SortedDict


class Command(NamedTuple):
    """An order to add (price in ticks around 0, volume in units of the smallest order), or one to cancel."""

    kind: Literal["buy", "sell", "cancel"]
    price: int
    volume: int
    pick: float


def commands(count: int, seed: int = 1) -> list[Command]:
    """45 % cancels and 55 % limit orders, of which some cross so that about 8 % of all commands fill."""
    rng = random.Random(seed)
    mix = []
    for _ in range(count):
        if rng.random() < 0.45:
            mix.append(Command("cancel", 0, 0, rng.random()))
            continue
        kind: Literal["buy", "sell"] = "buy" if rng.random() < 0.5 else "sell"
        away = rng.randint(1, 200) if rng.random() > 0.19 else -3
        mix.append(Command(kind, -away if kind == "buy" else away, rng.randint(1, 9), rng.random()))
    return mix


class BareBook:
    """Lists of [id, volume] by price; cancelling marks, matching skips what is marked."""

    def __init__(self) -> None:
        self.bids: SortedDict = SortedDict()
        self.asks: SortedDict = SortedDict()
        self.live: dict[int, list[int]] = {}
        self.ids: list[int] = []
        self.fills = 0

    def play(self, mix: list[Command]) -> float:
        """Apply the commands; µs of CPU time that each took."""
        begun = time.process_time()
        for number, command in enumerate(mix):
            if command.kind == "cancel":
                self.cancel(command.pick)
            else:
                self.add(number, command.kind == "buy", command.price, command.volume)
        return (time.process_time() - begun) / len(mix) * 1e6

    def add(self, number: int, buy: bool, price: int, volume: int) -> None:
        opposite, own = (self.asks, self.bids) if buy else (self.bids, self.asks)
        while volume and opposite:
            best, queue = opposite.peekitem(0 if buy else -1)
            if (best > price) if buy else (best < price):
                break
            while queue and volume:
                resting = queue[0]
                traded = min(volume, resting[1])
                if traded:
                    self.fills += 1
                    volume -= traded
                    resting[1] -= traded
                if not resting[1]:
                    queue.popleft()
                    self.live.pop(resting[0], None)
            if not queue:
                del opposite[best]
        if volume:
            entry = [number, volume]
            if price not in own:
                own[price] = deque()
            own[price].append(entry)
            self.live[number] = entry
            self.ids.append(number)

    def cancel(self, pick: float) -> None:
        while self.ids:
            index = int(pick * len(self.ids))
            self.ids[index], self.ids[-1] = self.ids[-1], self.ids[index]
            entry = self.live.pop(self.ids.pop(), None)
            if entry is not None:
                entry[1] = 0
                return
