"""Why nonces were refused: what the requests of one key, in the order of their arrival, tell about it (kraken/10 §2.3).

A server sees addresses, connections, User-Agents and nonces; not threads, locks and clocks. Where two troubles look the
same from here, the likelier one is named; what is related to it stands in `nonce_mistakes.TROUBLES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from mockkraken.clock import SECOND
from mockkraken.journal.requests import Request, Sender
from mockkraken.journal.units import ABSURD_FROM, MILLISECONDS, SECONDS, Unit, unit_of

# [inf] Two programs, and the requests of one, are seldom further apart than this; a clock that was set back mostly is.
_FAR = 60 * SECOND

# [inf] A client gives up waiting after a second at the earliest; whoever repeats a request sooner has not waited.
_PATIENCE = SECOND

# [inf] How soon the same nonce must come again to have been drawn twice: by then a clock of milliseconds has moved on.
_COLLISION = SECOND

# At least so many requests before and after a refused one tell what else its sender was doing.
_NEAR = 32

# [inf] Nonces drawn at once are closer together than this; those of a client that asks now and then are further apart.
_STEP = SECOND // 10

# [inf] What counts from the start of each second seldom gets this far within it.
_SMALL_COUNTER = 50

_GO = "Go-http-client"

_UNREADABLE = frozenset(("N21", "N22", "N27", "N32", "N33"))


# [inf] A program is not started again sooner than this.
_RESTART = SECOND // 2


class Suspicion(NamedTuple):
    """What a refused nonce is taken for.

    Attributes:
        scenario: the id.
        request: the refused one.
        rival: the request that has used the nonce, or the highest one, before; None: the journal does not have it.
        culprit: the earliest request that did the damage; mostly the rival.
        related: what else it may be, besides what its kind is always related to.
    """

    scenario: str
    request: Request
    rival: Request | None = None
    culprit: Request | None = None
    related: tuple[str, ...] = ()


class History:
    """The requests of one key, and what each refused nonce among them is taken for.

    Args:
        requests: as they arrived.

    Attributes:
        suspicions: in the order of the requests.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.suspicions: list[Suspicion] = []
        self._highest: int | None = None
        self._used: dict[int, int] = {}  # nonce → place of the request that has used it
        self._units: dict[Unit | None, Request] = {}  # unit → the first request that raised the highest in it
        self._surroundings: dict[tuple[int, Sender], _Surroundings] = {}
        for place, request in enumerate(requests):
            self._take(place, request)

    def _take(self, place: int, request: Request) -> None:
        if request.highest is not None:
            self._know(request.highest)
        request.before = self._highest
        if request.refused_nonce:
            suspicion = self._suspect(place, request)
            request.scenario = suspicion.scenario
            self.suspicions.append(suspicion)
        elif request.used and request.value is not None:
            self._used[request.value] = place
            if self._highest is None or request.value > self._highest:
                self._highest = request.value
                self._units.setdefault(request.unit, request)

    def _know(self, highest: int) -> None:
        """The gate has said what the highest is: it is right also where this history has not seen why."""
        if self._highest is not None and highest < self._highest:
            # Somebody has set it back from outside; or it is another sandbox's time.
            self._used = {nonce: place for nonce, place in self._used.items() if nonce <= highest}
            self._units = {unit: first for unit, first in self._units.items() if (first.value or 0) <= highest}
        self._highest = highest

    def _suspect(self, place: int, request: Request) -> Suspicion:
        nonce, highest = request.value, self._highest
        if nonce is None or request.scenario in _UNREADABLE:
            return Suspicion(request.scenario or "N22", request, culprit=request)
        if highest is None:
            return Suspicion(request.scenario or "N02", request)
        used = self._used.get(nonce)
        first = None if used is None else self.requests[used]
        if nonce == highest != 0 or (first is not None and self._repeats(request, first)):
            return self._again(place, request, first)
        setter = self._used.get(highest)
        rival = None if setter is None else self.requests[setter]
        if highest >= ABSURD_FROM:
            return Suspicion("N26", request, rival, rival)
        if nonce >= highest:
            return Suspicion("N02", request)
        unit, before = unit_of(nonce), unit_of(highest)
        if unit is not before:
            return self._coarser(request, unit, before, rival)
        if request.scenario in ("N23", "N25"):
            return Suspicion(request.scenario, request, rival, rival)
        if rival is None:
            return self._unseen(request, highest, unit)
        related = ("N24",) if request.window else ()
        if rival.sender != request.sender:
            return self._two_senders(place, request, rival, related)
        return self._one_sender(place, request, rival, related)

    # The nonce was used before

    def _repeats(self, request: Request, first: Request) -> bool:
        """Whether a nonce below the highest was refused because it was used, and not because it is low."""
        if request.scenario == "N13" or (first.lost and first.endpoint == request.endpoint):
            return True
        return bool(request.window) and request.scenario == "N04" and request.unit is not SECONDS

    def _again(self, place: int, request: Request, first: Request | None) -> Suspicion:
        return Suspicion(self._kind_of_repeat(place, request, first), request, first, first)

    def _kind_of_repeat(self, place: int, request: Request, first: Request | None) -> str:
        at_top = request.value == self._highest
        once_more = "N01" if at_top else "N04"
        if first is None:
            return "N13" if request.same_bytes else once_more
        elapsed = request.at - first.at
        if first.lost and first.endpoint == request.endpoint:
            return "N14"
        if first.sender != request.sender and request.scenario != "N13":
            return "N05"
        if request.unit is SECONDS and request.scenario != "N13" and elapsed >= SECONDS.ns:
            return "N09"
        if request.same_bytes and elapsed >= _PATIENCE:
            return "N14"
        elsewhere = None in (request.port, first.port) or request.port != first.port
        if request.scenario == "N13" and not (elsewhere and self._around(place).at_once > 1):
            return "N13"
        if request.unit is None or (elapsed == 0 and not elsewhere):
            # Counters are not drawn twice by chance; on one connection, nor are times while the clock stands still.
            return once_more
        soon = max(_COLLISION, request.unit.ns) if elsewhere else 2 * request.unit.ns
        return "N11" if elapsed < soon else once_more

    # The nonce lies below the highest

    def _coarser(self, request: Request, unit: Unit | None, before: Unit | None, rival: Request | None) -> Suspicion:
        """The highest counts something else, so that this client's nonces will never reach it."""
        if before is None:
            if unit is None:
                return self._unseen(request, self._highest or 0, None)
            return Suspicion("N26", request, rival, rival)
        culprit = self._units.get(before, rival)
        return Suspicion("N08" if unit is SECONDS else "N06", request, rival, culprit)

    def _unseen(self, request: Request, highest: int, unit: Unit | None) -> Suspicion:
        """The journal does not have the request that set the highest."""
        behind = 0 if unit is None or request.value is None else (highest - request.value) * unit.ns
        if behind > _FAR:
            return Suspicion("N16", request)
        return Suspicion("N09" if unit is SECONDS else "N02", request)

    def _two_senders(self, place: int, request: Request, rival: Request, related: tuple[str, ...]) -> Suspicion:
        if rival.sender.remote != request.sender.remote:
            related = ("N34", *related)
        nonces = self._around(place).values
        small = request.unit is MILLISECONDS and all(nonce % 1000 < _SMALL_COUNTER for nonce in nonces)
        if small and (len(nonces) > 1 or request.sender.user_agent.startswith(_GO)):
            return Suspicion("N12", request, rival, rival, related)
        return Suspicion("N05", request, rival, rival, related)

    def _one_sender(self, place: int, request: Request, rival: Request, related: tuple[str, ...]) -> Suspicion:
        if rival.outcome == "refused":
            related = ("N30", *related)  # What is refused after its nonce was taken has used it up all the same.
        around, unit = self._around(place), request.unit
        if around.all_new:
            related = ("N05", *related)  # A new connection for each request: programs can't be told apart.
        scenario = around.judge(place, request, rival)
        behind = (rival.value or 0) - (request.value or 0)
        if scenario != "N09" and unit is not None and behind * unit.ns > _FAR:
            scenario = "N16"
        if scenario == "N05":
            related = ("N18", "N03", *related)  # Two connections may also be two threads of one program.
        return Suspicion(scenario, request, rival, rival, related)

    def _around(self, place: int) -> _Surroundings:
        """What the sender of the request at that place sent before and after it."""
        block, sender = place // _NEAR, self.requests[place].sender
        found = self._surroundings.get((block, sender))
        if found is None:
            begin = max(block - 1, 0) * _NEAR
            near = enumerate(self.requests[begin : (block + 2) * _NEAR], begin)
            found = _Surroundings([(at, other) for at, other in near if other.sender == sender])
            self._surroundings[block, sender] = found
        return found


class _Surroundings:
    """What one sender sent within some time: over which connections, and which of them at once.

    Args:
        requests: each with its place among those of the key.
    """

    def __init__(self, requests: Sequence[tuple[int, Request]]) -> None:
        self._readable = [(place, request) for place, request in requests if request.value is not None]
        self.values = [request.value for _, request in self._readable if request.value is not None]
        self._index = {place: index for index, (place, _) in enumerate(self._readable)}
        self._ports: dict[int | None, list[int]] = {}  # port → indices
        for index, (_, request) in enumerate(self._readable):
            self._ports.setdefault(request.port, []).append(index)
        longest = max(map(len, self._ports.values()), default=0)
        self.all_new = len(self._ports) > 1 and longest == 1
        self.at_once = _most_at_once([(indices[0], indices[-1]) for indices in self._ports.values()])

    def judge(self, place: int, request: Request, rival: Request) -> str:
        """Why a nonce of this sender came below another of its own."""
        index, unit = self._index[place], request.unit
        stays = self._stays_behind(index)
        if self.at_once >= 3:
            return "N03"
        if unit is SECONDS:
            return "N09"
        if len(self._ports) == 1:
            if unit is None:
                return "N02"
            # One request after the other. A single one that comes late has waited in the client.
            late = request.port is None or (not stays and self._recovers(index))
            return "N03" if late else "N16"
        if self.all_new:
            return "N16" if stays and self._step(index, unit) >= _STEP else "N03"
        here, there = self._ports[request.port], self._ports.get(rival.port, [])
        if self.at_once == 2:
            apart = here is not there and all(len(port) > 1 and self._rises(port) for port in (here, there))
            return "N05" if apart else "N03"
        goes_on = len(there) > 1 and len(here) > 1
        if there and there[-1] < here[0] and (stays or goes_on or request.at - rival.at >= _RESTART):
            # One connection has taken over from the other, as after a restart.
            if unit is None:
                return "N02"
            return "N17" if unit is MILLISECONDS else "N10"
        return "N16" if stays else "N03"

    def _stays_behind(self, index: int) -> bool:
        """Whether it is one of several that were refused in a row though they rose."""
        return self._step(index, None) > 0

    def _step(self, index: int, unit: Unit | None) -> int:
        """How far the refused ones next to it are apart, ns or nonces; 0 when there are none."""
        for low, high in ((index - 1, index), (index, index + 1)):
            if low < 0 or high >= len(self._readable):
                continue
            first, second = self._readable[low][1], self._readable[high][1]
            if first.refused_nonce and second.refused_nonce and self.values[low] < self.values[high]:
                return (self.values[high] - self.values[low]) * (unit.ns if unit else 1)
        return 0

    def _recovers(self, index: int) -> bool:
        """Whether the next one passed."""
        return index + 1 < len(self._readable) and self._readable[index + 1][1].used

    def _rises(self, indices: Sequence[int]) -> bool:
        return all(self.values[low] <= self.values[high] for low, high in pairwise(indices))


def _most_at_once(spans: list[tuple[int, int]]) -> int:
    """How many of the spans overlap at most; what is a single moment overlaps with nothing but what is around it."""
    moves = sorted([(begin, 0) for begin, _ in spans] + [(end, 1) for _, end in spans])
    open_, most = 0, 0
    for _, ends in moves:
        open_ += -1 if ends else 1
        most = max(most, open_)
    return most
