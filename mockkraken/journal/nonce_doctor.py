"""Why nonces were refused: what the requests of one key, in the order of their arrival, tell about it (kraken/10 §2.3).

A server sees addresses, connections, User-Agents and nonces; not threads, locks and clocks. Where two troubles look the
same from here, the likelier one is named; what is related to it stands in `nonce_mistakes.TROUBLES`. Where the journal
does not have the request that did the damage, nothing is said of who sent it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mockkraken.clock import DAY, SECOND
from mockkraken.journal.requests import Request, Sender
from mockkraken.journal.streams import Fall, Near, Stream
from mockkraken.journal.units import ABSURD_FROM, MILLISECONDS, SECONDS, Unit, unit_of

# [inf] Two programs, and the requests of one, are seldom further apart than this; a clock that was set back mostly is.
_FAR = 60 * SECOND

# [inf] No clock is wrong by as much; and who has to wait for so long rather makes a new key.
_TOO_FAR = 365 * DAY

# [inf] A client gives up waiting after a second at the earliest; whoever repeats a request sooner has not waited.
_PATIENCE = SECOND

# [inf] How soon the same nonce must come again to have been drawn twice: by then a clock of milliseconds has moved on.
_COLLISION = SECOND

# [inf] A program is not started again sooner than this.
_RESTART = SECOND // 2

# [inf] So many requests that count alike come from a client that counts so; fewer may be a slip of somebody's hand.
_HABIT = 3

# [inf] Nobody counts requests up to here.
_NO_COUNTER = 10**10

_OVERTAKING = ("N03", "N05")
_BEGAN_LOWER = ("N02", "N10", "N16", "N17")

_GO = "Go-http-client"

# What the gate can tell by the nonce alone, without knowing who sent the highest.
_BY_ITSELF = frozenset(("N01", "N04", "N06", "N08", "N13", "N21", "N22", "N23", "N25", "N26", "N27", "N32", "N33"))
_UNREADABLE = frozenset(("N21", "N22", "N27", "N32", "N33"))


class Suspicion(NamedTuple):
    """What a refused nonce is taken for.

    Attributes:
        scenario: the id.
        request: the refused one.
        rival: the request that has used the nonce, or a higher one, before; None: the journal does not have it.
        culprit: the earliest request that did the damage; mostly the rival.
        related: what else it may be, besides what its kind is always related to.
        seen: whether its nonce has come before, so that no window lets it pass.
    """

    scenario: str
    request: Request
    rival: Request | None = None
    culprit: Request | None = None
    related: tuple[str, ...] = ()
    seen: bool = False


class History:
    """The requests of one key, and what each refused nonce among them is taken for.

    Args:
        requests: as they arrived.

    Attributes:
        suspicions: in the order of the requests.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.suspicions: list[Suspicion] = []
        self._highest: int | None = None
        self._used: dict[int, Request] = {}  # nonce → the request that has used it
        self._seen: set[int] = set()  # the nonces that have come, used or refused
        self._unseen = -1  # the highest that something has set which is not among the requests
        self._rises: list[Request] = []  # those that have raised the highest since
        self._raised: dict[Unit | int, list[Request]] = {}  # the same, by what they count
        self._own: dict[Sender, Request] = {}  # sender → its request with the highest nonce
        self._streams: dict[Sender, Stream] = {}
        self._falls: dict[tuple[Sender, Fall], str] = {}  # why a sender's nonces fell below one of its own
        for request in requests:
            if request.value is not None:
                stream = self._streams.setdefault(request.sender, Stream())
                request.turn = len(stream.requests)
                stream.requests.append(request)
        for request in requests:
            self._take(request)
        self._agree()

    def _take(self, request: Request) -> None:
        if request.highest is not None:
            self._know(request.highest)
        request.before = self._highest
        if request.refused_nonce:
            suspicion = self._suspect(request)
            request.scenario = suspicion.scenario
            self.suspicions.append(suspicion._replace(seen=request.value in self._seen))
        elif request.used and request.value is not None:
            if self._set_back(request, request.value):
                self._know(request.value)
                request.before = None
            self._used[request.value] = request
            own = self._own.get(request.sender)
            if own is None or request.value > _value(own):
                self._own[request.sender] = request
            if self._highest is None or request.value > self._highest or request.before is None:
                self._highest = request.value
                self._rises.append(request)
                self._raised.setdefault(_kind(request.value), []).append(request)
        if request.value is not None and (request.refused_nonce or request.used):
            self._seen.add(request.value)

    def _know(self, highest: int) -> None:
        """The gate has said what the highest is: it is right also where this history has not seen why."""
        if self._highest is not None and highest < self._highest:
            # Somebody has set it back from outside.
            self._used = {nonce: user for nonce, user in self._used.items() if nonce <= highest}
            self._own = {sender: own for sender, own in self._own.items() if _value(own) <= highest}
            self._rises = [one for one in self._rises if _value(one) <= highest]
            self._raised = {
                kind: [one for one in raised if _value(one) <= highest] for kind, raised in self._raised.items()
            }
        elif self._highest is None or highest > self._highest:
            self._unseen, self._rises = highest, []
        self._highest = highest

    def _set_back(self, request: Request, nonce: int) -> bool:
        """Whether a nonce that passed lies so far below the highest that no window explains it."""
        return self._highest is not None and nonce < self._highest and request.unit is not unit_of(self._highest)

    def _suspect(self, request: Request) -> Suspicion:
        nonce, highest = request.value, self._highest
        if nonce is None or request.scenario in _UNREADABLE:
            return Suspicion(request.scenario or "N22", request, culprit=request)
        if highest is None:
            known = request.scenario if request.scenario in _BY_ITSELF else None
            return Suspicion(known or "N02", request)
        first = self._used.get(nonce)
        if highest < ABSURD_FROM and (nonce == highest != 0 or self._repeats(request, first)):
            return self._again(request, first)
        rival = self._used.get(highest)
        if highest >= ABSURD_FROM:
            return Suspicion("N26", request, rival, rival)
        if nonce >= highest:
            return Suspicion("N02", request)
        unit, before = request.unit, unit_of(highest)
        if unit is not before or (unit is None and highest >= _NO_COUNTER and len(str(nonce)) < len(str(highest))):
            return self._coarser(request, rival)
        if unit is not None and (highest - nonce) * unit.ns > _TOO_FAR:
            raised = self._raised.get(unit, [])
            ahead = raised[bisect_right(raised, nonce + _TOO_FAR // unit.ns, key=_value) :][:1]
            return Suspicion("N26", request, rival, ahead[0] if ahead else None, ("N06", "N16"))
        if request.scenario in ("N23", "N25"):
            return Suspicion(request.scenario, request, rival, rival and self._earliest(request, rival))
        related = ("N24",) if request.window else ()
        own = self._own.get(request.sender)
        if own is not None and _value(own) > nonce:
            return self._one_sender(request, own, related)
        if rival is None:
            likely = "N16" if unit is not None and (highest - nonce) * unit.ns > _FAR else "N03"
            return Suspicion("N02", request, related=("N09", *related) if unit is SECONDS else (likely, *related))
        return self._two_senders(request, rival, related)

    # The nonce was used before

    def _repeats(self, request: Request, first: Request | None) -> bool:
        """Whether a nonce below the highest was refused because it was used, and not because it is low."""
        if first is None:
            return request.scenario in ("N04", "N13")
        if request.scenario == "N13" or (first.lost and first.endpoint == request.endpoint):
            return True
        return bool(request.window) and request.scenario == "N04"

    def _again(self, request: Request, first: Request | None) -> Suspicion:
        scenario = self._kind_of_repeat(request, first)
        related: tuple[str, ...] = ()
        if first is not None and request.same_bytes and request.at - first.at >= _PATIENCE:
            related = ("N14",)  # A client may give up though the answer is on its way.
        elif scenario == "N11" and first is not None and request.port != first.port:
            related = ("N05",)
        return Suspicion(scenario, request, first, first, related)

    def _kind_of_repeat(self, request: Request, first: Request | None) -> str:
        once_more = "N01" if request.value == self._highest else "N04"
        if first is None:
            return "N13" if request.scenario == "N13" else once_more
        elapsed = request.at - first.at
        # An answer that a fault held may never have reached its client either; or the client of this one had gone.
        given_up = elapsed >= _PATIENCE and request.same_bytes
        given_up &= first.fault is not None or request.outcome == "faulted"
        if first.endpoint == request.endpoint and (first.lost or given_up):
            return "N14"
        if first.sender != request.sender and request.scenario != "N13":
            return "N05"
        stream = self._streams[request.sender]
        near, elsewhere = stream.near(request.turn), None in (request.port, first.port) or request.port != first.port
        if request.scenario == "N13" and not (elsewhere and near.at_once > 2):
            return "N13"
        if request.unit is SECONDS and elapsed >= SECONDS.ns:
            fall = stream.fall(request.turn)
            again = stream.goes_on(fall) or stream.took_over(fall, first.turn)
            return "N09" if again and stream.ran_ahead(first.turn) else once_more
        if request.unit is None or (elapsed == 0 and not elsewhere):
            # Counters are not drawn twice by chance; on one connection, nor are times while the clock stands still.
            return once_more
        step = _step(request.value or 0, request.unit)
        soon = max(_COLLISION, step) if elsewhere else 2 * step
        return "N11" if elapsed < soon else once_more

    # The nonce lies below the highest

    def _coarser(self, request: Request, rival: Request | None) -> Suspicion:
        """The highest counts something else, so that this client's nonces will never reach it."""
        kind = _kind(self._highest or 0)
        related: tuple[str, ...] = ()
        if isinstance(kind, int) and kind > len(str(request.value)) and len(self._raised.get(kind, ())) < _HABIT:
            if rival is not None:
                return Suspicion("N26", request, rival, rival, ("N06",))
            related = ("N26",)
        firsts = [raised[0] for raised in self._raised.values() if raised and raised[0].unit is not request.unit]
        above = [first for first in firsts if _value(first) > _value(request)]
        culprit = min(above, key=lambda first: first.seq, default=None)
        return Suspicion("N08" if request.unit is SECONDS else "N06", request, rival, culprit, related)

    def _two_senders(self, request: Request, rival: Request, related: tuple[str, ...]) -> Suspicion:
        if rival.sender.remote != request.sender.remote:
            related = ("N34", *related)
        stream = self._streams[request.sender]
        many = len(stream.requests) >= _HABIT or request.sender.user_agent.startswith(_GO)
        if request.unit is MILLISECONDS and many and stream.starts_seconds:
            return Suspicion("N12", request, rival, self._earliest(request, rival), related)
        return Suspicion("N05", request, rival, self._earliest(request, rival), related)

    def _one_sender(self, request: Request, rival: Request, related: tuple[str, ...]) -> Suspicion:
        """It came below another of the same sender."""
        if rival.outcome == "refused":
            related = ("N30", *related)  # What is refused after its nonce was taken has used it up all the same.
        stream = self._streams[request.sender]
        near, fall = stream.near(request.turn), stream.fall(request.turn)
        scenario = self._falls.get((request.sender, fall))
        if scenario is None:
            scenario = self._falls[request.sender, fall] = self._kind_of_fall(stream, fall, request, rival)
        streams = near.is_stream(request.port) and near.is_stream(rival.port)
        if scenario == "N05":
            related = ("N18", "N03", *related)  # Two connections may also be two threads of one program.
        elif scenario == "N03" and (near.all_new or streams):
            # Of a new connection for each request it can't be told whose it is; each thread may be a program by itself.
            related = ("N05", *related) if near.all_new else ("N18", "N05", *related)
        if scenario == "N03" and not stream.recovers(fall) and self._late(request, rival) > _PATIENCE:
            related = (*related, "N16")  # Either the request came late, or the clock was.
        overtaken = scenario in ("N02", *_OVERTAKING)
        return Suspicion(scenario, request, rival, self._earliest(request, rival) if overtaken else rival, related)

    @staticmethod
    def _late(request: Request, rival: Request) -> int:
        return (_value(rival) - _value(request)) * (request.unit.ns if request.unit else 0)

    def _earliest(self, request: Request, rival: Request) -> Request | None:
        """The first that was too high for a nonce to pass after it: its rival, or one before that."""
        least = _value(request) + (request.window + 1 if request.window else 0)
        if least <= self._unseen:
            return None
        found = bisect_left(self._rises, least, key=_value)
        return self._rises[found] if found < len(self._rises) else rival

    def _kind_of_fall(self, stream: Stream, fall: Fall, request: Request, rival: Request) -> str:
        """Why a sender's nonces fell below one of its own; `request` is the first of those in the fall that did."""
        near, unit, port = stream.near(request.turn), request.unit, request.port
        behind = self._late(request, rival)
        if near.at_once == 2 and port != rival.port and near.is_stream(port) and near.is_stream(rival.port):
            return "N05"
        if near.at_once > 1 and behind <= _FAR and not stream.outlasts(fall):
            return "N03"
        if unit is SECONDS:
            ahead = stream.ran_ahead(rival.turn)
            if ahead or (ahead is None and behind <= _FAR):
                return "N09"
        if stream.repeats(fall):
            return "N02"
        lasts = behind > _FAR or stream.goes_on(fall)
        if stream.took_over(fall, rival.turn) and (lasts or self._went_over(request, rival, near)):
            # One connection has taken over from the other, as after a restart.
            return "N02" if unit is None else "N17" if unit in (SECONDS, MILLISECONDS) else "N10"
        if lasts:
            return "N02" if unit is None else "N16"
        if near.connections == 1:
            # One request after the other. A single one that comes late has waited in the client.
            return "N02" if unit is None else "N03" if stream.recovers(fall) else "N16"
        return "N03"

    @staticmethod
    def _went_over(request: Request, rival: Request, near: Near) -> bool:
        """Whether both connections were used for more than this, or the second one began after a while."""
        both = near.uses(request.port) > 1 and near.uses(rival.port) > 1
        return both or request.at - rival.at >= _RESTART

    # All of them together

    def _agree(self) -> None:
        """What one sender does is the same trouble all the time, where it might be."""
        kinds: dict[Sender, Counter[str]] = {}
        for (sender, _), scenario in self._falls.items():
            kinds.setdefault(sender, Counter())[scenario] += 1
        for place, suspicion in enumerate(self.suspicions):
            request, rival, scenario = suspicion.request, suspicion.rival, suspicion.scenario
            if rival is None or rival.sender != request.sender or scenario not in (*_OVERTAKING, *_BEGAN_LOWER):
                continue
            found = kinds.get(request.sender, Counter())
            usual = max(_OVERTAKING, key=lambda name: found[name])
            if scenario in _BEGAN_LOWER and not self._may_be(usual, found, suspicion, rival):
                continue
            if scenario != usual:
                request.scenario = usual
                related = tuple(dict.fromkeys((scenario, *suspicion.related)))
                self.suspicions[place] = suspicion._replace(scenario=usual, related=related)

    def _may_be(self, usual: str, found: Counter[str], suspicion: Suspicion, rival: Request) -> bool:
        """Whether nonces that seem to have begun lower were overtaken, as others of the sender are all the time."""
        stream = self._streams[suspicion.request.sender]
        fall = stream.fall(suspicion.request.turn)
        first = stream.requests[fall.first]
        if found[usual] <= found[suspicion.scenario]:
            return False
        return self._late(first, rival) <= _FAR and (not stream.outlasts(fall) or found[suspicion.scenario] > 1)


def _step(nonce: int, unit: Unit) -> int:
    """After how many ns a clock gives the next such nonce: what ends in zeros is a coarser time, multiplied."""
    step = unit.ns
    while nonce and nonce % 1000 == 0 and step < SECONDS.ns:
        nonce, step = nonce // 1000, step * 1000
    return step


def _kind(nonce: int) -> Unit | int:
    """What a nonce counts, or its number of digits."""
    return unit_of(nonce) or len(str(nonce))


def _value(request: Request) -> int:
    return request.value or 0
