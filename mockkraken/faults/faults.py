"""A sandbox's faults: which requests they strike, and the requests that they hold.

Nothing here knows of connections or of an event loop: who holds a request gives a callback, which is called once, when
the request is let go or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mockkraken.faults.actions import Action, Delay, Hang, Reorder

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

    from mockkraken.clock import Clock, Timer
    from mockkraken.gate.keys import KeyRing

MOST_FAULTS = 1000
"""That a sandbox keeps at once, those included that have run out."""


class Request(NamedTuple):
    """What of a request decides whether a fault strikes it."""

    path: str
    api_key: bytes | None
    pairs: Callable[[], Collection[str]]


class Match:
    """Which requests a fault is for.

    Args:
        endpoint: a pattern with `*` and `?`, for a name (`AddOrder`), a family and a name (`private/AddOrder`) or a
            path.
        api_key: only requests that bring this public key; None: any.
        pair: only requests about the pair of this id; None: any.
        private: only private requests.
    """

    __slots__ = ("_fits", "api_key", "endpoint", "pair", "private")

    def __init__(
        self, endpoint: str = "*", api_key: str | None = None, pair: str | None = None, *, private: bool = False
    ) -> None:
        self.endpoint = endpoint
        self.api_key = api_key
        self.pair = pair
        self.private = private
        self._fits = re.compile(translate(endpoint)).match

    def names(self, path: str) -> bool:
        """Whether the endpoint of that path is meant."""
        family = path.removeprefix("/0/")
        name = family.removeprefix("private/").removeprefix("public/")
        if self.private and not path.startswith("/0/private/"):
            return False
        return any(self._fits(text) for text in (name, family, path))

    def fits(self, request: Request) -> bool:
        """Whether the request is meant."""
        return (
            self.names(request.path)
            and (self.api_key is None or request.api_key == self.api_key.encode())
            and (self.pair is None or self.pair in request.pairs())
        )


class Hold:
    """A request that is held; `nonce` is what it is sorted by when it is to be let go among others."""

    __slots__ = ("end", "fault", "nonce", "timer")

    def __init__(self, fault: Fault, end: Callable[[bool], object], nonce: int) -> None:
        self.fault = fault
        self.end = end
        self.nonce = nonce
        self.timer: Timer | None = None


class Fault(msgspec.Struct, kw_only=True, eq=False):
    """A rule: what goes wrong with which requests, and how often.

    Attributes:
        id: its number, from 1.
        match: which requests.
        action: what happens to them.
        applied: whether the request takes effect before it happens; otherwise it never reaches the gate.
        times: how often, of a Reorder how many full groups; None: until it is taken away.
        skip: how many requests that fit are left alone first.
        probability: of each after those, that it is struck.
        shown: the action as its maker wrote it.
        said: the action in a few words, for the journal.
        hits: how many requests it has struck.
        passed: how many it has skipped.
        done: how often it has happened, of a Reorder in full groups.
        holds: the requests that it holds now, in the order of their coming.
    """

    id: int = 0
    match: Match
    action: Action
    applied: bool = False
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    shown: dict[str, Any] = {}
    said: str = ""
    hits: int = 0
    passed: int = 0
    done: int = 0
    holds: list[Hold] = []

    @property
    def holds_request(self) -> bool:
        """Whether a request is held before it reaches the gate."""
        return isinstance(self.action, Reorder) or (isinstance(self.action, Delay) and not self.applied)

    @property
    def holds_answer(self) -> bool:
        """Whether it is the answer that is held, or would be if there came one."""
        return isinstance(self.action, Hang) or (isinstance(self.action, Delay) and self.applied)


class Faults:
    """The faults of one sandbox.

    Args:
        clock: the sandbox's.
        keys: the sandbox's; a struck request is journalled with its key.
        rng: what chance decides is drawn from it, in the order in which requests come.

    Attributes:
        active: those that may still strike, oldest first.
        keys: as given.
    """

    def __init__(self, clock: Clock, keys: KeyRing, rng: random.Random) -> None:
        self.active: tuple[Fault, ...] = ()
        self.keys = keys
        self._clock = clock
        self._rng = rng
        self._faults: dict[int, Fault] = {}
        self._made = 0

    def all(self) -> list[Fault]:
        """Every fault, oldest first, also those that have run out."""
        return list(self._faults.values())

    def get(self, number: int) -> Fault | None:
        """The fault of that number."""
        return self._faults.get(number)

    def add(self, fault: Fault) -> Fault:
        """Let it strike from now on; it gets its number."""
        self._made += 1
        fault.id = self._made
        self._faults[fault.id] = fault
        self._sort_out()
        return fault

    def remove(self, fault: Fault) -> None:
        """Take it away if it is still there; what it holds is let go at once."""
        if self._faults.get(fault.id) is fault:
            del self._faults[fault.id]
            self._sort_out()
            self.release(fault)

    def clear(self) -> None:
        """Take all away."""
        for fault in self.all():
            self.remove(fault)

    def strike(self, request: Request) -> Fault | None:
        """The fault that befalls this request: the oldest that fits, is not skipping, and has chance on its side."""
        for fault in self.active:
            if not fault.match.fits(request):
                continue
            if fault.passed < fault.skip:
                fault.passed += 1
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            fault.hits += 1
            if not isinstance(fault.action, Reorder):
                self._happened(fault)
            return fault
        return None

    def hold(self, fault: Fault, end: Callable[[bool], object], nonce: int = -1) -> Hold:
        """Hold a request that the fault has struck, or its answer.

        Args:
            fault: it says for how long.
            end: called once: with True when it is let go, with False when it is dropped. May be called at once.
            nonce: of a request, -1 when it has none; a Reorder lets the highest go first.
        """
        hold = Hold(fault, end, nonce)
        fault.holds.append(hold)
        action = fault.action
        if self._faults.get(fault.id) is not fault:
            self._end(hold, kept=True)  # it was taken away since it struck
        elif isinstance(action, Reorder):
            if len(fault.holds) >= action.size:
                self._happened(fault)
                self.release(fault)
        elif isinstance(action, (Delay, Hang)):
            span = action.drawn(self._rng) if isinstance(action, Delay) else action.span
            if span:
                hold.timer = self._clock.call_at(self._clock.now() + span, lambda: self._end(hold, kept=True))
            else:
                self._end(hold, kept=True)
        return hold

    def release(self, fault: Fault) -> None:
        """Let go what the fault holds: of a Reorder the highest nonce first, and without nonces who came last."""
        holds = list(fault.holds)
        if isinstance(fault.action, Reorder):
            holds = sorted(holds, key=lambda hold: hold.nonce)[::-1]
        for hold in holds:
            self._end(hold, kept=True)

    def forget(self, hold: Hold) -> None:
        """Say that nobody waits for it any more; `end` is not called. Nothing when it has ended."""
        if hold in hold.fault.holds:
            hold.fault.holds.remove(hold)
            if hold.timer is not None:
                hold.timer.cancel()

    def drop(self) -> None:
        """Drop every request that is held: it does not take effect any more, and nobody is answered."""
        for fault in self.all():
            for hold in list(fault.holds):
                self._end(hold, kept=False)

    def end(self) -> None:
        """Drop every request that is held, and forget all faults: the sandbox is made anew."""
        self.drop()
        self._faults.clear()
        self.active = ()

    def _end(self, hold: Hold, *, kept: bool) -> None:
        self.forget(hold)
        hold.end(kept)

    def _happened(self, fault: Fault) -> None:
        fault.done += 1
        self._sort_out()

    def _sort_out(self) -> None:
        faults = self._faults.values()
        self.active = tuple(fault for fault in faults if fault.times is None or fault.done < fault.times)
