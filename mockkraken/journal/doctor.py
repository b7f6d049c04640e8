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
from mockkraken.journal.requests import Request, Sender
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

_ORDER = {scenario: place for place, scenario in enumerate(TROUBLES)}

_LANES = "ABCDEFGH"
_FEW_CONNECTIONS = 4


class Diagnosis(NamedTuple):
    """What the doctor has found, as `GET /mock/doctor` gives it.

    Attributes:
        findings: what is wrong, worst first.
        timelines: what each key sent, in the order of arrival.

    Both say in which `run` of a server it was: a log may have several, in which the numbers of requests begin anew.
    """

    findings: list[dict[str, Any]]
    timelines: list[dict[str, Any]]


def examine(records: Iterable[Mapping[str, Any]]) -> Diagnosis:
    """Find out what went wrong.

    Args:
        records: as the journal shows them, oldest first. What a record does not have counts as unknown.
    """
    findings = []
    timelines = []
    for (run, name), requests in _by_key(records).items():
        suspicions = [] if name is None else [*History(requests).suspicions, *_sent_again(requests)]
        findings += _findings(run, [*suspicions, *_others(requests)])
        signed = [request for request in requests if not request.socket]
        if name is not None and signed:
            timelines.append(_timeline(run, signed))
    findings.sort(key=_rank)
    return Diagnosis(findings, timelines)


def _by_key(records: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str | None], list[Request]]:
    """The requests of each run and key; those without a key that exists under None.

    A log may have several runs of a server, or several sandboxes: a number that is not above the last one belongs to
    another run, in which keys start anew. In several answers of the control API a record may stand twice.
    """
    by_key: dict[tuple[int, str | None], list[Request]] = {}
    rows: dict[tuple[object, int], Mapping[str, Any]] = {}  # of the last run of each sandbox
    newest: dict[object, tuple[int, int]] = {}  # sandbox → its last run, the last number in it
    runs = 0
    for row in records:
        request = Request(row)
        sandbox = row.get("sandbox")
        run, last = newest.get(sandbox, (0, 0))
        if request.seq and rows.get((sandbox, request.seq)) == row:
            continue
        if not run or 0 < request.seq <= last:
            runs += 1
            run = runs
            rows = {place: old for place, old in rows.items() if place[0] != sandbox}
        newest[sandbox] = run, request.seq
        rows[sandbox, request.seq] = row
        by_key.setdefault((run, request.api_key or request.key), []).append(request)
    return by_key


def _rank(finding: Mapping[str, Any]) -> tuple[int, int]:
    name = finding["scenario"]
    known = name if name in TROUBLES else "signature"
    return _ORDER[known], -finding["count"]


# Suspicions beside those of nonces


def _others(requests: Sequence[Request]) -> list[Suspicion]:
    """What was refused for other reasons than its nonce, as far as it says something about the client."""
    found: list[Suspicion] = []
    streaks: dict[str, Request] = {}  # by address: the first of the refusals in a row that count towards a lockout
    for request in requests:
        remote = request.sender.remote
        if request.check == "lockout":
            found.append(Suspicion("N31", request, culprit=streaks.get(remote)))
        elif request.check in errors.LOCKING and not request.socket:
            streaks.setdefault(remote, request)
        elif request.used:
            streaks.pop(remote, None)
        if request.check == "signature" or (request.check == "key" and request.scenario):
            found.append(Suspicion(request.scenario or "signature", request, culprit=request))
        elif request.socket and request.check == "key":
            found.append(Suspicion("token", request, culprit=request))
        elif request.check in _BY_CHECK:
            found.append(Suspicion(request.check, request, culprit=request))
    return found


def _sent_again(requests: Sequence[Request]) -> list[Suspicion]:
    """Orders that followed one whose answer was lost, without a look at what had become of it."""
    found: list[Suspicion] = []
    unknown: dict[Sender, Request] = {}  # by sender: the order of which it can't know what became of it
    for request in requests:
        lost = unknown.get(request.sender)
        if lost is not None:
            looked = request.endpoint in _LOOKS and request.outcome == "accepted"
            ordered = request.endpoint in _ORDERS and _took_effect(request)
            if ordered and request.at - lost.at <= _RETRIED_WITHIN:
                found.append(Suspicion("N15", request, lost, lost))
            if looked or ordered or request.at - lost.at > _RETRIED_WITHIN:
                del unknown[request.sender]
        if request.lost and request.endpoint in _ORDERS:
            unknown[request.sender] = request
    return found


def _took_effect(request: Request) -> bool:
    return request.lost or (request.outcome == "accepted" and request.error is None)


# Findings


def _findings(run: int, suspicions: Iterable[Suspicion]) -> list[dict[str, Any]]:
    """One finding for each kind of trouble of a key."""
    cases: dict[str, list[Suspicion]] = {}
    for suspicion in suspicions:
        cases.setdefault(suspicion.scenario, []).append(suspicion)
    also: dict[str, tuple[str, ...]] = {}
    if "N11" in cases and (others := [name for name in _WITH_REPEATS if name in cases]):
        # Where nonces fall behind, some are bound to meet one that was used: one trouble.
        cases[others[0]] += cases.pop("N11")
        also[others[0]] = ("N11",)
    return [_finding(run, name, case, also.get(name, ())) for name, case in cases.items()]


def _finding(run: int, scenario: str, case: Sequence[Suspicion], also: tuple[str, ...]) -> dict[str, Any]:
    trouble = _trouble(scenario)
    requests = sorted((suspicion.request for suspicion in case), key=lambda request: request.seq)
    culprits = [suspicion.culprit for suspicion in case if suspicion.culprit is not None]
    culprit = min(culprits, key=lambda request: request.seq, default=None)
    shown = sorted(case, key=lambda suspicion: suspicion.request.seq)[:_MOST_PROOFS]
    proofs = {proof.seq for suspicion in shown for proof in (suspicion.rival, suspicion.request) if proof}
    named = [name for suspicion in case for name in suspicion.related]
    related = dict.fromkeys(name for name in (*also, *named, *trouble.related) if name != scenario)
    units = dict.fromkeys(request.unit.name if request.unit else "plain numbers" for request in requests)
    cure = trouble.cure.format(window=_window(requests), unit=" or ".join(units))
    if "nonce window" in cure and any(used := [suspicion.seen or not _behind(suspicion.request) for suspicion in case]):
        as_ = "as all of these would have to" if all(used) else "as some of these would have to"
        cure += f" No window lets the same nonce pass twice, though, {as_}."
    return {
        "scenario": scenario,
        "run": run,
        "key": requests[-1].key,
        "api_key": requests[-1].api_key,
        "title": trouble.title,
        "explanation": explain(scenario, case),
        "evidence": sorted(proofs if culprit is None else proofs | {culprit.seq}),
        "culprit": None if culprit is None else culprit.seq,
        "cure": cure,
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
    unit = requests[-1].unit
    needed = max(_behind(request) or 0 for request in requests if request.unit is unit)
    if unit is None or needed * unit.ns >= _USEFUL_WINDOW:
        return f"at least {max(needed, 1)}"
    useful = f"{_USEFUL_WINDOW // unit.ns}: {span(_USEFUL_WINDOW)} in {unit.name}"
    return f"at least {needed}, better {useful}" if needed else useful


def _behind(request: Request) -> int | None:
    if request.before is None or request.value is None:
        return None
    return request.before - request.value


# Timelines


def _timeline(run: int, requests: Sequence[Request]) -> dict[str, Any]:
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
    key, api_key = requests[-1].key, requests[-1].api_key
    return {"run": run, "key": key, "api_key": api_key, "senders": lanes.senders, "requests": rows}


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
