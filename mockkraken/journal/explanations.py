"""What the doctor says about a finding: sentences with the numbers of the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mockkraken.journal.nonce_doctor import Suspicion
from mockkraken.journal.requests import Request, program
from mockkraken.journal.units import describe, gap, span, unit_of

Case = Sequence[Suspicion]

_LONGEST_NAME = 40
_LONGEST_REASON = 400
_LONGEST_COUNT = 9  # digits of what a counter may have come to


def explain(scenario: str, case: Case) -> str:
    """What happened, with the first request that shows it.

    Args:
        scenario: the finding's.
        case: the suspicions of the finding; at least one.
    """
    return _SENTENCES.get(scenario, _by_reason)(case)


def _one_program_for_ever(case: Case) -> str:
    first = case[0]
    request, culprit = first.request, first.culprit
    if culprit is None:
        sends = f"{_who(request)} sends {_counted(request)}, like {_nonce(request)} in request {request.seq}"
        stood = f"but the key stood at {_highest(request)}, which no request in the journal has set"
        return f"{sends}, {stood}. {_for_ever(case)}"
    if culprit.sender == request.sender:
        came = f"{_who(request)} has sent {_counted(culprit)} with request {culprit.seq}, and then {_counted(request)}"
    else:
        came = f"{_who(culprit)} sends {_counted(culprit)}, {_who(request)} {_counted(request)}, with the same key"
    return f"{came}. {_below(first)} {_for_ever(case)}"


def _for_ever(case: Case) -> str:
    every = "It was refused" if len(case) == 1 else f"{len(case)} such requests were refused"
    return f"{every}, and every later one will be: what was counted finer is larger for ever."


def _absurd(case: Case) -> str:
    first = case[0]
    rival = first.rival
    stands = f"The key stands at {_highest(first.request)}, which no request in the journal has set"
    if rival:
        stands = f"The key has accepted {_highest(first.request)}, from request {rival.seq} of {_who(rival)}"
    below = f"{_numbers(case)} came after that with a nonce that is not above it, and could only be refused"
    return f"{stands}. {below}, like {_nonce(first.request)}."


def _two_senders(case: Case) -> str:
    pairs = [suspicion for suspicion in case if suspicion.rival]
    first = pairs[0] if pairs else case[0]
    request, rival = first.request, first.rival
    if rival is None:
        return _below(first)
    if rival.sender == request.sender:
        ports = f"ports {rival.port} and {request.port}"
        who = f"{_who(request)} uses the key over two connections at once ({ports}), each with nonces of its own"
    elif rival.sender.remote != request.sender.remote:
        who = f"{_who(rival)} at {_address(rival)} and {_who(request)} at {_address(request)} use the same key"
    elif _who(rival) != _who(request):
        who = f"{_who(rival)} and {_who(request)}, both at {_address(request)}, use the same key"
    else:
        who = f"Two programs at {_address(request)} use the same key"
    return f"{who}, and neither knows what the other has sent. {_below(first)}{_others(case)}"


def _parallel(case: Case) -> str:
    first = case[0]
    ports = {request.port for suspicion in case for request in (suspicion.request, suspicion.rival) if request}
    over = f" over {len(ports)} connections" if len(ports) > 1 else ""
    does = f"sends requests with one key at once{over}, and they arrive in another order than their nonces were made"
    if len(ports) == 1 and None not in ports:
        does = "sends one request after the other, but in another order than their nonces were made"
    return f"{_who(first.request)} {does}. {_below(first)}{_others(case)}"


def _same_nonce(case: Case) -> str:
    request = case[0].request
    unit = request.unit
    fits = f" Its nonces count {unit.name}: two requests within one get the same." if unit else ""
    factor = _made_longer(case)
    coarser = unit_of((request.value or 0) // factor)
    if unit and coarser and factor > 1:
        looks = f"Its nonces look like {unit.name}, but end in {str(factor)[1:]}: they count {coarser.name}"
        fits = f" {looks}, and two requests within one get the same."
    return f"{_repeats(case[0])}.{fits}{_others(case)}"


def _made_longer(case: Case) -> int:
    """By what a coarser time was multiplied to give these nonces: milliseconds by 1000, say; 1 if it was not."""
    factor = 1
    while all(suspicion.request.value and not suspicion.request.value % (factor * 1000) for suspicion in case):
        factor *= 1000
    return factor


def _again(case: Case) -> str:
    return f"{_repeats(case[0])}.{_others(case)}"


def _again_after_loss(case: Case) -> str:
    request, first = case[0].request, case[0].rival
    if first is None:
        return _again(case)
    later = f", {span(request.at - first.at)} later," if request.at > first.at else ""
    came = f"Request {request.seq}{later} brought the same nonce {_nonce(request)} again and was refused"
    which = f"Request {first.seq} ({_plain(first.endpoint)})"
    if first.lost:
        means = "that refusal is no sign that nothing happened"
        return f"{which} took effect, but its answer never reached the client. {came}: {means}.{_others(case)}"
    answered = f"was refused with {_plain(first.error or '')}" if first.outcome == "refused" else "took effect"
    return f"{which} {answered}, and was answered. {came}, as after a timeout of the client.{_others(case)}"


def _second_order(case: Case) -> str:
    request, lost = case[0].request, case[0].rival
    if lost is None:
        return _below(case[0])
    was = f"Request {lost.seq} ({_plain(lost.endpoint)}) took effect, but its answer was lost"
    came = f"request {request.seq} placed another order with a new nonce, and nothing was asked in between"
    return f"{was}; {came}. If both were meant to be the same order, there are two now.{_others(case)}"


def _stepped_back(case: Case) -> str:
    return f"{_below(case[0])} Both came from the same sender.{_recovers(case)}{_others(case)}"


def _begins_lower(case: Case) -> str:
    request, rival = case[0].request, case[0].rival
    over = ""
    if rival is not None and None not in (request.port, rival.port) and request.port != rival.port:
        over = f" over a new connection (port {request.port} after {rival.port})"
    went = f"{_who(request)} went on{over} with lower nonces than it had sent"
    return f"{went}. {_below(case[0])}{_recovers(case)}{_others(case)}"


def _recovers(case: Case) -> str:
    """How far the last one still was below the highest."""
    last = case[-1].request
    if len(case) == 1 or last.value is None or last.before is None or last.value >= last.before:
        return ""
    return f" Request {last.seq} still lacked {gap(last.before - last.value, unit_of(last.value))}."


def _window(case: Case) -> str:
    request = case[0].request
    window, unit = request.window, request.unit
    worth = f"the key's nonce window of {window}"
    if window is not None and unit is not None:
        worth += f" is worth {gap(window, unit)} here, since its client counts {unit.name}"
    return f"{_below(case[0])} {worth[0].upper()}{worth[1:]}.{_others(case)}"


def _locked_out(case: Case) -> str:
    first, last = case[0].request, case[-1].request
    culprit = case[0].culprit
    led = "What led to it is not in the journal, or it was set by POST /mock/lockout."
    if culprit:
        led = f"Since request {culprit.seq} ({culprit.error}) every one was refused, until the source was locked out."
    during = "1 request came" if len(case) == 1 else f"{len(case)} requests came"
    return f"{led} {during} during the lockout; the last: {_reason(last or first)}."


def _by_reason(case: Case) -> str:
    """The commonest reason, as the journal has it."""
    reasons = Counter(_reason(suspicion.request) for suspicion in case)
    reason, times = reasons.most_common(1)[0]
    first = next(suspicion.request for suspicion in case if _reason(suspicion.request) == reason)
    text = f"Request {first.seq} ({_plain(first.endpoint)}): {reason}{'' if reason.endswith('?') else '.'}"
    if times < len(case):
        more = "1 more was" if len(case) - times == 1 else f"{len(case) - times} more were"
        return f"{text} {more} refused likewise; the journal has each one's reason."
    return f"{text}{_others(case)}"


def _below(suspicion: Suspicion) -> str:
    """One refused nonce, and what it should have been above."""
    request, rival = suspicion.request, suspicion.rival
    if request.value is None or not request.before:
        return _by_reason([suspicion])
    if request.value == request.before or (rival and rival.value == request.value):
        return f"{_repeats(suspicion)}."
    top = request.before if rival is None or rival.value is None else rival.value
    unit, before = unit_of(request.value), unit_of(top)
    below = f"{gap(top - request.value, unit)} below" if unit is before else "below"
    came = f"Request {request.seq} brought {_nonce(request)}, {below} {top}"
    if rival is None:
        return f"{came}, the highest accepted; no request in the journal has set that."
    return f"{came} of request {rival.seq}, which had arrived before it."


def _repeats(suspicion: Suspicion) -> str:
    request, rival = suspicion.request, suspicion.rival
    same = f"which request {rival.seq} had used" if rival else "which had been used"
    bytes_ = ", to the byte the same request" if request.same_bytes else ""
    return f"Request {request.seq} brought nonce {_nonce(request)}, {same}{bytes_}"


def _others(case: Case) -> str:
    if len(case) == 1:
        return ""
    more = len(case) - 1
    until = f" up to request {max(suspicion.request.seq for suspicion in case)}"
    return f" {more} more went the same way{until}."


def _numbers(case: Case) -> str:
    return f"Request {case[0].request.seq}" if len(case) == 1 else f"{len(case)} requests"


def _nonce(request: Request) -> str:
    return str(request.text) if request.value is None else describe(request.value)


def _highest(request: Request) -> str:
    return "a nonce above it" if request.before is None else describe(request.before)


def _counted(request: Request) -> str:
    """What its nonces count."""
    if request.unit or request.value is None:
        return request.unit.name if request.unit else "no numbers"
    digits = len(str(request.value))
    return f"numbers of {digits} digits" if digits > _LONGEST_COUNT else "plain numbers"


def _who(request: Request) -> str:
    """The program's name, as it gives it."""
    return _plain(program(request.sender.user_agent)[:_LONGEST_NAME]) or "a program without a name"


def _address(request: Request) -> str:
    return _plain(request.sender.remote) or "an unknown address"


def _reason(request: Request) -> str:
    return _plain(request.reason)[:_LONGEST_REASON].rstrip(".") or _plain(request.error or "") or "refused"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


_SENTENCES: dict[str, Callable[[Case], str]] = {
    "N01": _again,
    "N02": lambda case: f"{_below(case[0])}{_others(case)}",
    "N03": _parallel,
    "N04": _again,
    "N05": _two_senders,
    "N06": _one_program_for_ever,
    "N08": _one_program_for_ever,
    "N09": _begins_lower,
    "N10": _begins_lower,
    "N11": _same_nonce,
    "N12": _two_senders,
    "N13": _again,
    "N14": _again_after_loss,
    "N15": _second_order,
    "N16": _stepped_back,
    "N17": _begins_lower,
    "N23": _window,
    "N25": _window,
    "N26": _absurd,
    "N31": _locked_out,
}
