"""The doctor: what went wrong with the requests in a journal, which of them prove it, and what cures it.

It reads records as `/mock/journal` shows them, and nothing else, so that an exported journal can be examined as well.
Without a refused or lost request there is no finding: traffic that works is healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mockkraken import errors
from mockkraken.clock import MINUTE, SECOND
from mockkraken.journal.explanations import explain
from mockkraken.journal.mistakes import SIGNATURE_MISTAKES
from mockkraken.journal.nonce_doctor import History, Suspicion
from mockkraken.journal.nonce_mistakes import TROUBLES, Trouble
from mockkraken.journal.requests import Request
from mockkraken.journal.units import span

_MOST_PROOFS = 50  # requests of a finding whose records stand in its evidence; `count` has them all

_ORDERS = frozenset(("AddOrder", "AddOrderBatch"))
_LOOKS = frozenset(
    ("OpenOrders", "ClosedOrders", "QueryOrders", "TradesHistory", "QueryTrades", "CancelAll", "CancelOrderBatch"),
)
# [inf] An order sent later than this after a lost answer is another order.
_RETRIED_WITHIN = 10 * MINUTE

_USEFUL_WINDOW = 5 * SECOND  # Kraken's own advice is of that size

_BY_CHECK = frozenset(("key", "address", "expiry", "otp", "permission", "rate", "throttle", "trading_rate"))

_WITH_REPEATS = ("N03", "N05", "N12", "N09", "N16", "N17", "N10")

_LANES = "ABCDEFGH"
_FEW_CONNECTIONS = 4


class Diagnosis(NamedTuple):
    """What the doctor has found, as `GET /mock/doctor` gives it.

    Attributes:
        findings: what is wrong, worst first.
        timelines: what each key sent, in the order of arrival.
    """

    findings: list[dict[str, Any]]
    timelines: list[dict[str, Any]]


def examine(records: Iterable[Mapping[str, Any]]) -> Diagnosis:
    """Find out what went wrong.

    Args:
        records: as the journal shows them, oldest first. What a record does not have counts as unknown.
    """
    strangers: list[Request] = []
    by_key: dict[str, list[Request]] = {}
    for request in map(Request, records):
        name = request.api_key or request.key
        (strangers if name is None else by_key.setdefault(name, [])).append(request)
    findings = _findings(_others(strangers))
    timelines = []
    for requests in by_key.values():
        history = History(requests)
        found = _findings([*history.suspicions, *_sent_again(requests), *_others(requests)])
        findings += found
        timelines.append(_timeline(requests))
    findings.sort(key=_rank)
    return Diagnosis(findings, timelines)


def _rank(finding: Mapping[str, Any]) -> tuple[int, int]:
    name = finding["scenario"]
    order = list(TROUBLES)
    known = name if name in TROUBLES else "signature"
    return order.index(known), -finding["count"]


# Suspicions beside those of nonces


def _others(requests: Sequence[Request]) -> list[Suspicion]:
    """What was refused for other reasons than its nonce, as far as it says something about the client."""
    found: list[Suspicion] = []
    streak: Request | None = None  # the first of the refusals in a row that count towards a lockout
    for request in requests:
        if request.check == "lockout":
            found.append(Suspicion("N31", request, culprit=streak))
        elif request.check in errors.LOCKING:
            streak = streak or request
        elif request.used:
            streak = None
        if request.check == "signature" or (request.check == "key" and request.scenario):
            found.append(Suspicion(request.scenario or "signature", request, culprit=request))
        elif request.check in _BY_CHECK:
            found.append(Suspicion(request.check, request, culprit=request))
    return found


def _sent_again(requests: Sequence[Request]) -> list[Suspicion]:
    """Orders that followed one whose answer was lost, without a look at what had become of it."""
    found: list[Suspicion] = []
    lost: Request | None = None
    for request in requests:
        if lost is not None:
            if request.endpoint in _LOOKS or request.at - lost.at > _RETRIED_WITHIN:
                lost = None
            elif request.endpoint in _ORDERS and request.sender == lost.sender and _took_effect(request):
                found.append(Suspicion("N15", request, lost, lost))
                lost = None
        if request.lost and request.endpoint in _ORDERS:
            lost = request
    return found


def _took_effect(request: Request) -> bool:
    return request.lost or (request.outcome == "accepted" and request.error is None)


# Findings


def _findings(suspicions: Iterable[Suspicion]) -> list[dict[str, Any]]:
    """One finding for each kind of trouble of a key."""
    cases: dict[str, list[Suspicion]] = {}
    for suspicion in suspicions:
        cases.setdefault(suspicion.scenario, []).append(suspicion)
    also: dict[str, tuple[str, ...]] = {}
    if "N11" in cases and (others := [name for name in _WITH_REPEATS if name in cases]):
        # Where nonces fall behind, some are bound to meet one that was used: one trouble.
        cases[others[0]] += cases.pop("N11")
        also[others[0]] = ("N11",)
    return [_finding(name, case, also.get(name, ())) for name, case in cases.items()]


def _finding(scenario: str, case: Sequence[Suspicion], also: tuple[str, ...]) -> dict[str, Any]:
    trouble = _trouble(scenario)
    requests = sorted((suspicion.request for suspicion in case), key=lambda request: request.seq)
    culprits = [suspicion.culprit for suspicion in case if suspicion.culprit is not None]
    culprit = min(culprits, key=lambda request: request.seq, default=None)
    shown = case[:_MOST_PROOFS]
    proofs = {proof.seq for suspicion in shown for proof in (suspicion.rival, suspicion.request) if proof}
    named = [name for suspicion in case for name in suspicion.related]
    related = dict.fromkeys(name for name in (*also, *named, *trouble.related) if name != scenario)
    unit = requests[0].unit
    return {
        "scenario": scenario,
        "key": requests[-1].key,
        "api_key": requests[-1].api_key,
        "title": trouble.title,
        "explanation": explain(scenario, case),
        "evidence": sorted(proofs if culprit is None else proofs | {culprit.seq}),
        "culprit": None if culprit is None else culprit.seq,
        "cure": trouble.cure.format(window=_window(requests), unit=unit.name if unit else "plain numbers"),
        "count": len(case),
        "related": list(related),
        "first": requests[0].time,
        "last": requests[-1].time,
    }


def _trouble(scenario: str) -> Trouble:
    if (known := SIGNATURE_MISTAKES.get(scenario)) is not None:
        return Trouble(known.title, known.cure)
    return TROUBLES.get(scenario) or TROUBLES["N02" if scenario.startswith("N") else "signature"]


def _window(requests: Sequence[Request]) -> str:
    """The nonce window that would have let these pass, and one that is worth some seconds."""
    needed, unit = max(_behind(request) or 0 for request in requests), requests[0].unit
    if unit is None or needed * unit.ns >= _USEFUL_WINDOW:
        return f"at least {max(needed, 1)}"
    useful = f"{_USEFUL_WINDOW // unit.ns}: {span(_USEFUL_WINDOW)} in {unit.name}"
    return f"at least {needed}, better {useful}" if needed else useful


def _behind(request: Request) -> int | None:
    if request.before is None or request.value is None:
        return None
    return request.before - request.value


# Timelines


def _timeline(requests: Sequence[Request]) -> dict[str, Any]:
    """What a key sent, in the order of its arrival."""
    lanes = _Lanes(requests)
    rows = []
    for request in requests:
        behind = _behind(request)
        rows.append(
            {
                "seq": request.seq,
                "time": request.time,
                "lane": lanes.add(request),
                "endpoint": request.endpoint,
                "nonce": request.text,
                "unit": request.unit.name if request.unit else None,
                "gap": None if behind is None else str(-behind),
                "highest": None if request.before is None else str(request.before),
                "window": request.window,
                "remote": request.sender.remote,
                "port": request.port,
                "user_agent": request.sender.user_agent or None,
                "outcome": request.outcome,
                "check": request.check,
                "error": request.error,
                "lost": request.lost,
                "scenario": request.scenario,
            }
        )
    return {"key": requests[-1].key, "api_key": requests[-1].api_key, "senders": lanes.senders, "requests": rows}


class _Lanes:
    """Who sent what, as a letter for each sender: of few connections each by itself, else each program."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._by_connection = len({(request.sender, request.port) for request in requests}) <= _FEW_CONNECTIONS
        self._rows: dict[object, dict[str, Any]] = {}
        self._connections: dict[str, set[int | None]] = {}
        self.senders: list[dict[str, Any]] = []

    def add(self, request: Request) -> str:
        """Count the request; its sender's letter."""
        name = (request.sender, request.port if self._by_connection else None)
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = self._row(request)
        letter: str = row["lane"]
        row["requests"] += 1
        row["refused"] += request.outcome == "refused"
        self._connections[letter].add(request.port)
        row["connections"] = len(self._connections[letter])
        return letter

    def _row(self, request: Request) -> dict[str, Any]:
        if len(self.senders) == len(_LANES):
            # Everybody else is in the last lane, which is nobody's in particular.
            last = self.senders[-1]
            last["remote"] = last["user_agent"] = last["port"] = None
            return last
        lane = _LANES[len(self.senders)]
        row = {
            "lane": lane,
            "remote": request.sender.remote,
            "user_agent": request.sender.user_agent or None,
            "port": request.port if self._by_connection else None,
            "connections": 0,
            "requests": 0,
            "refused": 0,
        }
        self.senders.append(row)
        self._connections[lane] = set()
        return row
