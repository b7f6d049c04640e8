"""The gate: the checks between a request's body and its endpoint, in Kraken's order (kraken/10 §0, stages 4 to 12).

Each check is one step: it raises the refusal, with its reason, or lets pass. The steps that say who is asking come
first and leave no trace when they refuse; then the nonce is taken; then come the steps that say whether they may.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

import msgspec

from mockkraken import errors
from mockkraken.clock import SECOND, rfc3339
from mockkraken.errors import KrakenError
from mockkraken.gate import nonce as nonces
from mockkraken.gate import ratelimits, signature
from mockkraken.gate.lockouts import Lockouts
from mockkraken.gate.throttle import RETRY_AFTER, Throttle
from mockkraken.journal.requests import SAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mockkraken.clock import Clock
    from mockkraken.exchange.accounts import Account, Tier
    from mockkraken.gate.keys import Key, KeyRing
    from mockkraken.gate.permissions import Permission
    from mockkraken.settings import Settings

MISSING_SIGN_ERROR = errors.INVALID_SIGNATURE  # [guess] kraken/10 §1.9, missing_sign_error
MALFORMED_SIGN_ERROR = errors.INVALID_SIGNATURE  # [guess] kraken/10 §1.8, in both dialects


class Credentials(msgspec.Struct):
    """What a private request shows at the gate, and what the gate found out about it.

    Attributes:
        path: the signed path, as `signature.signed_path` gives it.
        body: the raw body.
        fields: the body's fields as texts; `nonce` as sent.
        api_key: the header, raw; None when there is none.
        api_sign: the header, raw; None when there is none.
        remote: the sender's IP address.
        crowded: too many of the key's calls are under way (`Throttle.enter`).
        target: the raw path as received, and
        headers: all of them, raw: what a signature that does not fit may have been made from.
        key: set by the gate: the key that was named, also when the request was refused.
        nonce: set by the gate: the nonce as it may stand in the journal.
        scenario: set by the gate: the known scenario that a refused nonce or signature looks like (kraken/10 §2.3).
        highest: set by the gate when it refuses a nonce: the highest that the key has accepted.
        window: likewise: the key's nonce window.
    """

    path: bytes
    body: bytes
    fields: dict[str, str]
    api_key: bytes | None
    api_sign: bytes | None
    remote: str
    crowded: bool = False
    target: bytes = b""
    headers: Iterable[tuple[bytes, bytes]] = ()
    key: Key | None = None
    nonce: str | None = None
    scenario: str | None = None
    highest: int | None = None
    window: int | None = None

    def __repr__(self) -> str:
        return f"<Credentials of {self.key!r} for {self.path.partition(b'?')[0]!r}>"  # the fields may hold an otp


class Gate:
    """Lets a sandbox's private requests in, or refuses them.

    Args:
        clock: the sandbox's clock.
        settings: the sandbox's settings, read anew for each request.
        keys: the sandbox's keys.
        accounts: the sandbox's accounts by name, for their tiers.

    Attributes:
        lockouts: who is not let in for a while.
        throttle: how many calls are under way.
        public_calls: how many public ones there were.
    """

    def __init__(self, clock: Clock, settings: Settings, keys: KeyRing, accounts: Mapping[str, Account]) -> None:
        self._clock = clock
        self._settings = settings
        self._keys = keys
        self._accounts = accounts
        self.lockouts = Lockouts(settings)
        self.throttle = Throttle(settings)
        self.public_calls = ratelimits.PublicCalls()

    def admit(self, credentials: Credentials, needs: Permission, cost: int) -> Key:
        """Check a private request, take its nonce and charge its cost; the key that it may act with.

        Fills `credentials.key`, `.nonce` and `.scenario` as it goes, so that a refusal can be journalled in full.

        Args:
            credentials: what the request shows.
            needs: the permission that its endpoint asks for.
            cost: what the call adds to the key's REST call counter, in points.

        Raises:
            KrakenError: the first check that refuses; its `check` names it.
        """
        now, lockouts = self._clock.now(), self.lockouts
        try:
            if lockouts.locks:
                self._not_locked_out(credentials, now)
            key = self._known(credentials)
            self._from_allowed_address(key, credentials)
            self._not_expired(key, now)
            nonce = self._readable_nonce(credentials)
            self._signed(key, credentials)
            self._fresh_nonce(key, nonce, credentials)
        except KrakenError as refusal:
            self._note(credentials, refusal)
            if refusal.check in errors.LOCKING:
                lockouts.count(credentials.remote, credentials.api_key or b"", now)
            raise
        key.last_used = now
        try:
            if key.otp is not None or "otp" in credentials.fields:
                self._second_factor(key, credentials, now)
            if lockouts.failures:
                lockouts.forgive(credentials.remote, credentials.api_key or b"")
            if cost and self._settings.rate_limits == "on":
                key.calls.charge(cost, self._accounts[key.account].tier, now)
            if credentials.crowded:
                self._not_crowded(now)
            self._permitted(key, needs)
        except KrakenError as refusal:
            self._note(credentials, refusal)
            self.refused_later(key)
            raise
        return key

    def refused_later(self, key: Key) -> None:
        """Say that the request just admitted was refused after all: whether its nonce is used up is a setting.

        To be called before another request of the key is admitted, that is without an `await` between.
        """
        if not self._settings.nonce_consumed_on_later_failure:
            key.nonce.undo()

    def change_tier(self, account: Account, tier: Tier) -> None:
        """Give an account another tier, which counts from now on: until now its counters fell at the old pace."""
        now = self._clock.now()
        for key in self._keys.all():
            if key.account == account.name:
                key.calls.move(ratelimits.TIERS[account.tier], ratelimits.TIERS[tier], now)
        account.change_tier(tier, now)

    def refused_before(self, credentials: Credentials, refusal: KrakenError) -> None:
        """Say that a request never came to the gate: whose key it names is for the journal to know."""
        self._identify(credentials)
        self._note(credentials, refusal)

    def _identify(self, credentials: Credentials) -> None:
        credentials.key = self._keys.get(credentials.api_key or b"")

    def _not_locked_out(self, credentials: Credentials, now: int) -> None:
        try:
            self.lockouts.check(credentials.remote, credentials.api_key or b"", now)
        except KrakenError:
            self._identify(credentials)
            raise

    def _known(self, credentials: Credentials) -> Key:
        header = credentials.api_key
        if header is None:
            raise KrakenError(errors.INVALID_KEY, "there is no API-Key header", check="key")
        key = self._keys.get(header)
        if key is None:
            raise KrakenError(errors.INVALID_KEY, self._why_unknown(credentials, header), check="key")
        credentials.key = key
        if key.disabled:
            raise KrakenError(errors.INVALID_KEY, f"the key {key.name!r} is disabled", check="key")
        return key

    def _why_unknown(self, credentials: Credentials, header: bytes) -> str:
        reason = self._keys.why_unknown(header)
        from mockkraken.gate import signature_doctor

        mistake = signature_doctor.diagnose_unknown(
            api_key=header,
            keys=self._keys.all(),
            path=credentials.path,
            nonce=credentials.fields.get("nonce"),
            body=credentials.body,
            api_sign=credentials.api_sign,
        )
        if mistake:
            credentials.scenario = mistake.scenario
            reason += f"; {mistake.sentence}"
        return reason

    def _from_allowed_address(self, key: Key, credentials: Credentials) -> None:
        if key.allowlist is not None and not key.allowlist.allows(credentials.remote):
            allowed = ", ".join(key.allowlist.entries)
            reason = f"the key {key.name!r} may be used from {allowed}; the request came from {credentials.remote}"
            raise KrakenError(self._settings.ip_denied_error, reason, check="address")

    def _not_expired(self, key: Key, now: int) -> None:
        if key.valid_until is not None and key.expired(now):
            reason = f"the key {key.name!r} was valid until {rfc3339(key.valid_until)}; it is {rfc3339(now)}"
            raise KrakenError(errors.INVALID_KEY, reason, check="expiry")

    def _readable_nonce(self, credentials: Credentials) -> int:
        text = credentials.fields.get("nonce")
        nonce = nonces.parse(text)
        if nonce is None:
            refusal = nonces.explain_unreadable(text)
            credentials.scenario, reason = refusal.scenario, refusal.reason
            if text is None and any(name.lstrip().startswith("{") for name in credentials.fields):
                reason += "; it looks like JSON, but was read as a form, as its Content-Type says"
            raise KrakenError(errors.INVALID_NONCE, reason, check="nonce")
        credentials.nonce = text
        return nonce

    def _signed(self, key: Key, credentials: Credentials) -> None:
        api_sign, path, body = credentials.api_sign, credentials.path, credentials.body
        if api_sign is None:
            raise KrakenError(MISSING_SIGN_ERROR, "there is no API-Sign header", check="signature")
        nonce = credentials.fields["nonce"]
        if compare_digest(key.signer.signature(path, nonce, body), api_sign):
            return
        message = self._settings.by_dialect("signature_mismatch_error")
        bare, query, _ = path.partition(b"?")
        reason = (
            f"API-Sign is not what the secret of {key.name!r} gives for the path {bare.decode('latin-1')}"
            f"{' with its query' if query else ''}, nonce {nonce} and the body of {len(body)} bytes as sent"
        )
        if malformation := signature.malformation(api_sign):
            message, reason = MALFORMED_SIGN_ERROR, malformation
        from mockkraken.gate import signature_doctor  # most sandboxes never need it

        mistake = signature_doctor.diagnose(
            key=key,
            keys=self._keys.all(),
            path=path,
            nonce=nonce,
            body=body,
            fields=credentials.fields,
            api_sign=api_sign,
            target=credentials.target,
            headers=credentials.headers,
        )
        if mistake:
            credentials.scenario = mistake.scenario
            reason += f"; {mistake.sentence}"
        raise KrakenError(message, reason, check="signature")

    def _fresh_nonce(self, key: Key, nonce: int, credentials: Credentials) -> None:
        settings, state = self._settings, key.nonce
        inclusive = settings.window_inclusive
        if state.accept(nonce, inclusive=inclusive, duplicates=settings.accept_duplicates_in_window):
            key.signatures.append(credentials.api_sign or b"")
            return
        credentials.highest, credentials.window = state.highest, state.window
        reason, credentials.scenario = state.explain(nonce, inclusive=inclusive)
        if credentials.api_sign in key.signatures:
            reason += f"; {SAME_BYTES}"
            # With nothing but a nonce in the body, any call with the same nonce is the same request.
            if len(credentials.fields) > 1:
                credentials.scenario = "N13"
        raise KrakenError(errors.INVALID_NONCE, reason, check="nonce")

    def _second_factor(self, key: Key, credentials: Credentials, now: int) -> None:
        settings, factor, code = self._settings, key.otp, credentials.fields.get("otp", "")
        if factor is None:
            if code and settings.otp_unneeded_error != "ignore":
                reason = f"there is an otp, but the key {key.name!r} has no second factor"
                raise KrakenError(settings.otp_unneeded_error, reason, check="otp")
        elif not code:
            reason = f"the key {key.name!r} has a second factor ({factor.kind}), and the body has no otp"
            raise KrakenError(settings.otp_missing_error, reason, check="otp")
        elif not factor.accepts(code, now, previous=settings.otp_previous_step):
            what = "the password" if factor.kind == "password" else f"the code of {rfc3339(now)}"
            raise KrakenError(settings.otp_wrong_error, f"the otp is not {what} of the key {key.name!r}", check="otp")

    def _not_crowded(self, now: int) -> None:
        limit = self._settings.max_concurrent_private
        reason = f"{limit} private calls of the key are under way already, the most that max_concurrent_private allows"
        raise KrakenError(errors.throttled(now // SECOND + RETRY_AFTER), reason, check="throttle")

    def _permitted(self, key: Key, needs: Permission) -> None:
        if not needs.allows(key.permissions):
            raise KrakenError(errors.PERMISSION_DENIED, needs.why_not(key.permissions), check="permission")

    def _note(self, credentials: Credentials, refusal: KrakenError) -> None:
        if credentials.nonce is None:
            credentials.nonce = nonces.shown(credentials.fields.get("nonce"))
        if credentials.key is not None:
            credentials.key.count_refusal(refusal.check)
