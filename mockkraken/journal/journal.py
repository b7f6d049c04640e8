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


class Record(msgspec.Struct, gc=False):
    """One request, without its number: that follows from its place in the ring. Kept in some 270 bytes."""

    time: int
    transport: Transport
    remote: str
    account: str | None
    key: str | None
    api_key: str | None
    endpoint: str
    nonce: str | int | None
    http_status: int
    outcome: Outcome
    error: str | None
    check: Check | None
    reason: str | None
    scenario: str | None
    duration_us: int
    user_agent: str | None


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
        self._texts: dict[str, str] = {}
        self._cleared = 0  # number of the newest record when the journal was last cleared
        self.on_record: list[Callable[[dict[str, Any]], None]] = []

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
        """
        if isinstance(nonce, str) and len(nonce) > _LONGEST_NONCE:
            nonce = nonce[: _LONGEST_NONCE - 1] + "…"
        if reason is not None and len(reason) > _LONGEST_REASON:
            reason = reason[: _LONGEST_REASON - 1] + "…"
        if "?" in endpoint:
            endpoint = endpoint.partition("?")[0]
        texts = self._texts
        self._records.append(
            Record(
                time,
                transport,
                texts.get(remote) or self._kept_once(remote),
                account,
                key,
                api_key,
                texts.get(endpoint) or self._kept_once(endpoint),
                nonce,
                http_status,
                outcome,
                None if error is None else error[:_LONGEST_TEXT],
                check,
                reason,
                scenario,
                duration_us,
                None if user_agent is None else texts.get(user_agent) or self._kept_once(user_agent),
            )
        )
        self._last += 1
        if self.on_record:
            shown = self._shown(self._last, self._records[-1])
            for listener in self.on_record:
                listener(shown)
        return self._last

    def records(
        self,
        key: str | None = None,
        endpoint: str | None = None,
        outcome: Outcome | None = None,
        check: Check | None = None,
        since: int = 0,
        limit: int | None = None,
    ) -> tuple[list[dict[str, Any]], int, int]:
        """The records after number `since` that fit, oldest first, at most `limit`.

        Args:
            key: only of this key, by name or public key.
            endpoint: only of this method.
            outcome: only with this outcome.
            check: only what this check refused.
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
            if (
                (key is None or key in (record.key, record.api_key))
                and (endpoint is None or record.endpoint == endpoint)
                and (outcome is None or record.outcome == outcome)
                and (check is None or record.check == check)
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

    def _kept_once(self, text: str) -> str:
        if len(self._texts) >= _TEXTS:
            self._texts.clear()
        short = text[:_LONGEST_TEXT]
        return self._texts.setdefault(short, short)

    def _shown(self, seq: int, record: Record) -> dict[str, Any]:
        row = msgspec.structs.asdict(record)
        row["time"] = rfc3339(record.time)
        if record.nonce is not None:
            row["nonce"] = str(record.nonce)
        return {"seq": seq, "time": row.pop("time"), "sandbox": self._sandbox, **row}
