"""The ring of a sandbox's last requests: what came in, what was decided, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mockkraken.clock import rfc3339

if TYPE_CHECKING:
    from mockkraken.errors import Check

Transport = Literal["rest", "ws1", "ws2"]
Outcome = Literal["accepted", "refused", "faulted"]

# What clients may choose freely is cut, so that a record stays small whatever they send.
_LONGEST_NONCE = 64
_LONGEST_TEXT = 200
_LONGEST_REASON = 1000
_TEXTS = 1000
_SENDERS = 1000


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Who sends requests, and how: the same for many of them, and kept once."""

    transport: Transport
    remote: str
    account: str | None
    key: str | None
    api_key: str | None
    user_agent: str | None


class Refused(msgspec.Struct, gc=False):
    """What there is to say of a request that was not simply accepted with HTTP 200."""

    http_status: int
    outcome: Outcome
    error: str | None
    check: Check | None
    reason: str | None
    scenario: str | None
    highest: int | None
    window: int | None
    fault: int | None


class Record(msgspec.Struct, gc=False):
    """One request, without its number: that follows from its place in the ring. Kept in some 220 bytes."""

    time: int
    sender: Sender
    endpoint: str
    nonce: str | int | None
    duration_us: int
    port: int | None
    refused: Refused | None


_ACCEPTED = Refused(200, "accepted", None, None, None, None, None, None, None)


class Journal:
    """The last requests of a sandbox, numbered from 1; what no longer fits is dropped, oldest first, and counted.

    Nobody may hand it a secret, a signature, an otp or a token: it keeps and shows what it is given.

    Args:
        size: how many requests are kept (setting `journal_size`).
        sandbox: the sandbox's name, shown in each record.

    Attributes:
        on_record: called with each new record, as the journal shows it.
    """

    def __init__(self, size: int, sandbox: str = "default") -> None:
        self._sandbox = sandbox
        self._records: deque[Record] = deque(maxlen=size)
        self._last = 0  # number of the newest record
        # Few clients send many requests: what is read anew from each (its address, its User-Agent) is kept once.
        self._senders: dict[tuple[str | None, ...], Sender] = {}
        self._texts: dict[str, str] = {}
        self._cleared = 0  # number of the newest record when the journal was last cleared
        self.on_record: list[Callable[[dict[str, Any]], None]] = []

    @property
    def wanted(self) -> bool:
        """Whether anybody wants records: with `journal_size` 0 and no listener nobody does."""
        return bool(self._records.maxlen or self.on_record)

    @property
    def last(self) -> int:
        """The number of the newest record; 0 before the first."""
        return self._last

    def __len__(self) -> int:
        return len(self._records)

    def add(
        self,
        *,
        time: int,
        transport: Transport,
        remote: str,
        endpoint: str,
        outcome: Outcome,
        http_status: int,
        duration_us: int,
        account: str | None = None,
        key: str | None = None,
        api_key: str | None = None,
        nonce: str | int | None = None,
        error: str | None = None,
        check: Check | None = None,
        reason: str | None = None,
        scenario: str | None = None,
        user_agent: str | None = None,
        port: int | None = None,
        highest: int | None = None,
        window: int | None = None,
        fault: int | None = None,
    ) -> int:
        """Record a request; its number.

        Args:
            time: when its body had arrived, ns.
            transport: how it came.
            remote: the sender's address.
            endpoint: the method (`AddOrder`), or the path when there is no such method.
            outcome: what became of it.
            http_status: of the answer.
            duration_us: from the body's arrival to the answer, µs; 0 unless the clock runs with the machine's.
            account: whose key it was.
            key: the name of the key.
            api_key: its public key, only of a key that exists: people send secrets by mistake.
            nonce: as sent.
            error: the answer's first error.
            check: what refused it.
            reason: why, in one sentence with the numbers.
            scenario: the known scenario that it looks like.
            user_agent: the header.
            port: the sender's TCP port.
            highest: of a refused nonce: the highest that the key had accepted then.
            window: and its nonce window.
            fault: the number of the fault that touched the request.
        """
        if isinstance(nonce, str) and len(nonce) > _LONGEST_NONCE:
            nonce = nonce[: _LONGEST_NONCE - 1] + "…"
        if "?" in endpoint:
            endpoint = endpoint.partition("?")[0]
        refused: Refused | None = None
        if outcome != "accepted" or error is not None or reason is not None or fault is not None or http_status != 200:
            refused = Refused(
                http_status,
                outcome,
                None if error is None else error[:_LONGEST_TEXT],
                check,
                reason if reason is None or len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…",
                scenario,
                highest,
                window,
                fault,
            )
        record = Record(
            time,
            self._senders.get((transport, remote, account, key, api_key, user_agent))
            or self._sender_kept_once(Sender(transport, remote, account, key, api_key, user_agent)),
            self._texts.get(endpoint) or self._kept_once(endpoint),
            nonce,
            duration_us,
            port,
            refused,
        )
        self._records.append(record)
        self._last += 1
        if self.on_record:
            shown = self._shown(self._last, record)
            for listener in self.on_record:
                listener(shown)
        return self._last

    def records(
        self,
        key: str | None = None,
        endpoint: str | None = None,
        outcome: Outcome | None = None,
        check: Check | None = None,
        scenario: str | None = None,
        since: int = 0,
        limit: int | None = None,
    ) -> tuple[list[dict[str, Any]], int, int]:
        """The records after number `since` that fit, oldest first, at most `limit`.

        Args:
            key: only of this key, by name or public key.
            endpoint: only of this method.
            outcome: only with this outcome.
            check: only what this check refused.
            scenario: only what looked like this known scenario when it came.
            since: exclusive.
            limit: None: all.

        Returns:
            The records as JSON objects; how many after `since` the ring has dropped already (unseen, so whether they
            would have fitted is unknown); and the number to give as `since` to go on from here.
        """
        first = self._last - len(self._records) + 1
        dropped = max(0, first - 1 - max(since, self._cleared))
        found: list[dict[str, Any]] = []
        for seq, record in enumerate(islice(self._records, max(0, since + 1 - first), None), max(first, since + 1)):
            sender, refused = record.sender, record.refused or _ACCEPTED
            if (
                (key is None or key in (sender.key, sender.api_key))
                and (endpoint is None or record.endpoint == endpoint)
                and (outcome is None or refused.outcome == outcome)
                and (check is None or refused.check == check)
                and (scenario is None or refused.scenario == scenario)
            ):
                if limit is not None and len(found) >= limit:
                    return found, dropped, found[-1]["seq"] if found else since
                found.append(self._shown(seq, record))
        return found, dropped, self._last

    def refusals(self, key: str | None = None) -> list[dict[str, Any]]:
        """The records of all refused requests, oldest first; with `key` (name or public key) only that key's."""
        return self.records(key=key, outcome="refused")[0]

    def clear(self) -> None:
        """Forget all records, as if none had been dropped; the numbering goes on."""
        self._records.clear()
        self._cleared = self._last

    def resize(self, size: int) -> None:
        """Keep `size` records from now on; of those that are here, the newest."""
        self._records = deque(self._records, maxlen=size)

    def _sender_kept_once(self, sender: Sender) -> Sender:
        if len(self._senders) >= _SENDERS:
            self._senders.clear()
        agent = sender.user_agent
        short = msgspec.structs.replace(
            sender,
            remote=self._kept_once(sender.remote),
            user_agent=None if agent is None else self._kept_once(agent),
        )
        return self._senders.setdefault(msgspec.structs.astuple(short), short)

    def _kept_once(self, text: str) -> str:
        if len(self._texts) >= _TEXTS:
            self._texts.clear()
        short = text[:_LONGEST_TEXT]
        return self._texts.setdefault(short, short)

    def _shown(self, seq: int, record: Record) -> dict[str, Any]:
        sender, refused = record.sender, record.refused or _ACCEPTED
        return {
            "seq": seq,
            "time": rfc3339(record.time),
            "sandbox": self._sandbox,
            "transport": sender.transport,
            "remote": sender.remote,
            "account": sender.account,
            "key": sender.key,
            "api_key": sender.api_key,
            "endpoint": record.endpoint,
            "nonce": None if record.nonce is None else str(record.nonce),
            "http_status": refused.http_status,
            "outcome": refused.outcome,
            "error": refused.error,
            "check": refused.check,
            "reason": refused.reason,
            "scenario": refused.scenario,
            "duration_us": record.duration_us,
            "user_agent": sender.user_agent,
            "port": record.port,
            "highest": None if refused.highest is None else str(refused.highest),
            "window": refused.window,
            "fault": refused.fault,
        }
