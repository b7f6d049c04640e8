"""What one sender sent with one key: over which connections, how many at once, and where its nonces fell back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from mockkraken.clock import SECOND
from mockkraken.journal.requests import Request

# So many requests before and after one tell what else its sender was doing.
_NEAR = 32

# [inf] Nonces drawn at once are closer together than this; those of a client that asks now and then are further apart.
_SPREAD = SECOND // 10

# So many refused in a row, each above the last, are no accident of the network.
_MANY = 4

# [inf] Nothing that was sent at once is under way for longer than this.
_AT_ONCE = SECOND

# Of refused nonces in a row so many must rise for a clock that goes on from where it fell back to.
_MOSTLY = 0.75

# [inf] What counts from the start of each second seldom gets this far within it.
_SMALL_COUNTER = 50

_LONG_AGO = 128  # requests: how far back a burst that ran ahead of the clock is looked for
_AHEAD = 2 * SECOND


class Fall(NamedTuple):
    """Refused ones of a sender in a row, by their places in its stream."""

    first: int
    last: int


class Stream:
    """What one sender sent whose nonce can be read, in the order of arrival.

    Attributes:
        requests: all of them.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._falls: list[Fall | None] = []
        self._rising: dict[Fall, bool] = {}
        self._near: dict[int, Near] = {}

    @cached_property
    def starts_seconds(self) -> bool:
        """Whether its nonces, taken for milliseconds, all lie at the start of a second."""
        return all((request.value or 0) % 1000 < _SMALL_COUNTER for request in self.requests)

    def near(self, index: int) -> Near:
        """What was sent around that one."""
        block = index // _NEAR
        found = self._near.get(block)
        if found is None:
            begin = max(block - 1, 0) * _NEAR
            found = self._near[block] = Near(self.requests[begin : (block + 2) * _NEAR], begin)
        return found

    def fall(self, index: int) -> Fall:
        """The refused ones in a row among which it is."""
        if len(self._falls) != len(self.requests):
            self._falls = _falls(self.requests)
        return self._falls[index] or Fall(index, index)

    def goes_on(self, fall: Fall) -> bool:
        """Whether the nonces of a fall rise as those of a clock do that goes on from where it fell back to.

        Those that were merely overtaken are few, or in disorder, or closer together than any two that follow an answer.
        """
        found = self._rising.get(fall)
        if found is None:
            found = self._rising[fall] = self._rises(fall)
        return found

    def _rises(self, fall: Fall) -> bool:
        fallen = [request for request in self.requests[fall.first : fall.last + 1] if request.refused_nonce]
        values = [request.value or 0 for request in fallen]
        if len(values) < 2 or values[0] >= values[-1]:
            return False
        if sum(low < high for low, high in pairwise(values)) < _MOSTLY * (len(values) - 1):
            return False
        unit, elapsed = fallen[0].unit, fallen[-1].at - fallen[0].at
        if unit is None:
            return len(values) >= _MANY or (len(values) > 2 and elapsed >= _SPREAD)
        rise = (values[-1] - values[0]) * unit.ns
        if rise < _SPREAD:
            # What came before the first of them was answered long ago.
            return fall.first > 0 and fallen[0].at - self.requests[fall.first - 1].at >= _AT_ONCE
        # The sandbox's clock may stand still, or run at another pace than the client's: many prove it without.
        return not elapsed or len(values) >= _MANY or abs(rise - elapsed) <= elapsed // 2 + _SPREAD

    def repeats(self, fall: Fall) -> bool:
        """Whether a fall is one refused nonce sent again and again: neither a clock nor a counter."""
        values = {request.value for request in self.requests[fall.first : fall.last + 1] if request.refused_nonce}
        return fall.last - fall.first > 1 and len(values) == 1

    def outlasts(self, fall: Fall) -> bool:
        """Whether a fall went on for longer than anything that was sent at once."""
        first, last = self.requests[fall.first], self.requests[fall.last]
        unit = first.unit
        if unit is None or first.value is None or last.value is None:
            return False
        return fall.last - fall.first >= _MANY and (last.value - first.value) * unit.ns >= _AT_ONCE

    def recovers(self, fall: Fall) -> bool:
        """Whether the one after a fall passed."""
        return fall.last + 1 < len(self.requests) and self.requests[fall.last + 1].used

    def ran_ahead(self, index: int) -> bool | None:
        """Whether the nonces up to that one rose faster than the time; None: that can't be told."""
        request = self.requests[index]
        unit = request.unit
        before = [other for other in self.requests[max(index - _LONG_AGO, 0) : index] if other.unit is unit]
        if unit is None or request.value is None or not before:
            return None
        ahead = request.value * unit.ns - request.at
        leads = [(other.value or 0) * unit.ns - other.at for other in before]
        if ahead >= min(leads) + _AHEAD:
            return True
        # Where they fell behind, the sandbox's clock does not keep pace with the client's.
        return None if ahead <= max(leads) - _AHEAD else False

    def took_over(self, fall: Fall, rival: int) -> bool:
        """Whether a new connection began with the fall, and those from before it were used no more."""
        if self.near(fall.first).all_new:
            return False
        ports = [request.port for request in self.near(fall.first).requests]
        begin = self.near(fall.first).begin
        before, since = set(ports[: fall.first - begin]), set(ports[fall.first - begin :])
        before.add(self.requests[rival].port)
        return None not in before | since and before.isdisjoint(since)


class Near:
    """Some of a sender's requests that came one after the other.

    Args:
        requests: the requests.
        begin: the place of the first of them in the stream.

    Attributes:
        at_once: how many connections were in use at the same time.
        all_new: whether each request had a connection of its own.
        connections: how many there were; 0 if that is unknown.
    """

    def __init__(self, requests: Sequence[Request], begin: int) -> None:
        self.requests = requests
        self.begin = begin
        self._ports: dict[int, list[Request]] = {}
        places: dict[int, list[int]] = {}
        for place, request in enumerate(requests):
            if request.port is not None:
                self._ports.setdefault(request.port, []).append(request)
                places.setdefault(request.port, []).append(place)
        self.connections = len(self._ports)
        self.all_new = self.connections > 1 and max(map(len, places.values())) == 1
        self.at_once = _most_at_once([(each[0], each[-1]) for each in places.values()])
        self._streams: dict[int, bool] = {}

    def is_stream(self, port: int | None) -> bool:
        """Whether the nonces on that connection rise by themselves, as if they had a generator of their own."""
        if port is None:
            return False
        found = self._streams.get(port)
        if found is None:
            sent = self._ports.get(port, [])
            rise = all((low.value or 0) <= (high.value or 0) for low, high in pairwise(sent))
            found = self._streams[port] = len(sent) > 1 and rise and any(request.used for request in sent)
        return found

    def uses(self, port: int | None) -> int:
        """How many requests came over that connection."""
        return len(self._ports.get(port, ())) if port is not None else 0


def _falls(requests: Sequence[Request]) -> list[Fall | None]:
    """Of each request the fall to which it belongs, if it does."""
    spans: list[list[int]] = []  # first and last
    open_ = False
    for index, request in enumerate(requests):
        if request.refused_nonce:
            if open_ and request.unit is requests[spans[-1][1]].unit:
                spans[-1][1] = index
            else:
                spans.append([index, index])
            open_ = True
        elif request.used:
            open_ = False
        # What was refused for another reason, or was kept away, says nothing.
    found: list[Fall | None] = [None] * len(requests)
    for first, last in spans:
        found[first : last + 1] = [Fall(first, last)] * (last + 1 - first)
    return found


def _most_at_once(spans: list[tuple[int, int]]) -> int:
    """How many of the spans overlap at most; what is a single moment overlaps with nothing but what is around it."""
    moves = sorted([(begin, 0) for begin, _ in spans] + [(end, 1) for _, end in spans])
    open_, most = 0, 0
    for _, ends in moves:
        open_ += -1 if ends else 1
        most = max(most, open_)
    return most
