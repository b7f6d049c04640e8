"""The REST API as an ASGI application: from the request line to the answer, one way for every call.

Route, verb and body come first (kraken/10 §0, stages 0 to 3), then the gate, then the endpoint's arguments and its
handler. From the moment the body has arrived nothing awaits, so requests are applied one after the other, whole.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mockkraken import errors
from mockkraken.errors import KrakenError
from mockkraken.exchange import Account, service
from mockkraken.gate.gate import Credentials
from mockkraken.gate.secrecy import shown_path, shown_reason
from mockkraken.gate.signature import signed_path
from mockkraken.rest import coverage, edge, params
from mockkraken.rest.body import Fields, Undecodable, read_body, read_query
from mockkraken.rest.call import Call, failure, partial_success, respond, success, whole_body
from mockkraken.rest.edge import Answer
from mockkraken.rest.endpoint import Action, Caller, Partial, Private, Public, Rows, Venue
from mockkraken.rest.routes import ENDPOINTS, ROUTES, path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockkraken.rest.call import Receive, Scope, Send

MALFORMED_BODY_ERROR = errors.BAD_REQUEST  # [guess] kraken/10 §1.9, malformed_body_error
PRIVATE_GET_ERROR = errors.INVALID_ARGUMENTS  # [obs 2020] kraken/10 §1.9, private_get_response: HTTP 200

_log = logging.getLogger("mockkraken")


class RestApp:
    """Answers `/0/...` for one sandbox.

    Args:
        venue: the sandbox's parts; reset replaces it.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        if body is None:
            return
        if self.venue.faults.active or self.venue.gate.throttle.on:
            from mockkraken.rest import faulted  # most sandboxes never need it

            await faulted.serve(self, scope, body, receive, send)
        else:
            await respond(send, self.answer(scope, body))

    def keep_out(self, scope: Scope, body: bytes, instead: Callable[[Call], Answer]) -> Answer:
        """Journal a request that a fault keeps from the exchange, and say what goes back.

        Args:
            scope: the request.
            body: its body.
            instead: says what goes back and what the journal says of it.
        """
        self.venue.clock.run_due()
        call = Call(scope, body)
        answer = instead(call)
        self._journal(call, answer, self.venue.clock.now())
        return answer

    def answer(
        self,
        scope: Scope,
        body: bytes,
        *,
        crowded: bool = False,
        spoil: Callable[[Call, Answer], Answer] | None = None,
    ) -> Answer:
        """Apply one request, journal it, and say what goes back.

        Args:
            scope: the request.
            body: its body.
            crowded: whether too many calls of its key are under way.
            spoil: what a fault makes of the right answer, and of what the journal says.
        """
        venue = self.venue
        venue.clock.run_due()
        started = venue.clock.now()
        call = Call(scope, body)
        call.crowded = crowded
        try:
            answer = self._route(call)
        except KrakenError as refusal:
            answer = call.refuse(failure(refusal.message), refusal.check, refusal.reason, refusal.message)
        except Exception:
            # A fault of ours must reach the log, and the client as an error that it knows.
            _log.exception("%s %s failed", call.method, call.path.decode("latin-1"))
            reason = "mockkraken failed; its log has the traceback"
            answer = call.refuse(failure(errors.INTERNAL_ERROR), None, reason, errors.INTERNAL_ERROR)
        if spoil is not None:
            answer = spoil(call, answer)
        self._journal(call, answer, started)
        venue.exchange.announce()
        return answer

    def _route(self, call: Call) -> Answer:
        """The edge, the path and the verb (kraken/10 §0, stages 0 to 2)."""
        if len(call.path) + len(call.query) + bool(call.query) > edge.URL_MAX:
            return call.refuse(edge.URL_TOO_LONG, "routing", f"the URL is longer than {edge.URL_MAX} bytes")
        if len(call.body) > edge.BODY_MAX:
            return call.refuse(edge.BODY_TOO_LARGE, "body", f"the body is larger than {edge.BODY_MAX} bytes")
        if self.venue.settings.require_user_agent and not call.headers.user_agent:
            return call.refuse(edge.FORBIDDEN, "routing", "there is no User-Agent header")
        endpoint = ROUTES.get(call.path)
        if endpoint is None:
            return self._unknown_method(call)
        call.endpoint = endpoint.name
        if isinstance(endpoint, Private):
            if call.method == "POST":
                return self._private(endpoint, call)
            if call.method == "GET":
                return call.refuse(
                    failure(PRIVATE_GET_ERROR), "verb", "private methods take POST, not GET", PRIVATE_GET_ERROR
                )
        elif call.method == "GET":
            return self._public(endpoint, read_query(call.query), call)
        elif call.method == "POST":
            return self._public_post(endpoint, call)
        return call.refuse(edge.NOT_ALLOWED, "verb", f"{endpoint.name} does not take {call.method}")

    def _unknown_method(self, call: Call) -> Answer:
        reason = coverage.why_unknown(call.path.decode("latin-1"), map(path_of, ENDPOINTS))
        return call.refuse(failure(errors.UNKNOWN_METHOD, status=404), "routing", reason, errors.UNKNOWN_METHOD)

    def _public_post(self, endpoint: Public, call: Call) -> Answer:
        """Public methods take GET only; what a POST gets is a setting (kraken/10 §1.9)."""
        mode = self.venue.settings.public_post_response
        if mode == "allow":
            return self._public(endpoint, read_query(call.query) | self._fields(call), call)
        if mode == "404":
            reason = "public methods take GET only (public_post_response)"
            return call.refuse(failure(errors.UNKNOWN_METHOD, status=404), "verb", reason, errors.UNKNOWN_METHOD)
        return call.refuse(edge.NOT_ALLOWED, "verb", "public methods take GET only")

    def _public(self, endpoint: Public, fields: Fields, call: Call) -> Answer:
        settings = self.venue.settings
        if settings.public_rate_limit == "on" and settings.rate_limits == "on":
            self._count(endpoint, fields, call.remote)
        read = params.read(endpoint.params, fields, named=False)
        result = endpoint.handler(self.venue, read)
        if isinstance(result, Partial):
            call.error, call.reason = result.error, result.reason
            return partial_success(result.result, result.error)
        return success(result)

    def _count(self, endpoint: Public, fields: Fields, remote: str) -> None:
        """The limit on public calls, before the arguments (kraken/10 §4.3)."""
        venue, pair_id = self.venue, None
        if endpoint.by_pair:
            tokenized = fields.get("asset_class") == "tokenized_asset"
            found = venue.catalog.public_pair(fields.get("pair", ""), tokenized=tokenized)
            pair_id = found[0].id if found else None
        venue.gate.public_calls.charge(remote, endpoint.name, pair_id, venue.clock.now())

    def _private(self, endpoint: Private, call: Call) -> Answer:
        venue = self.venue
        headers = call.headers
        call.credentials = credentials = Credentials(
            signed_path(call.path, call.query),
            call.body,
            {},
            headers.api_key,
            headers.api_sign,
            call.remote,
            crowded=call.crowded,
            target=call.path,
            headers=headers.all,
        )
        try:
            credentials.fields = self._fields(call)
        except KrakenError as refusal:
            venue.gate.refused_before(credentials, refusal)
            raise
        key = venue.gate.admit(credentials, endpoint.needs, endpoint.cost)
        try:
            caller = Caller(key, venue.exchange.accounts[key.account])
            if endpoint.action is not None:
                _receive(endpoint.action, venue, caller.account, credentials.fields)
            read = params.read(endpoint.params, credentials.fields, named=True)
            if not endpoint.order_action:  # Those look at the account after their other arguments.
                service.check_account(caller.account)
            result = endpoint.handler(venue, caller, read)
            if isinstance(result, Rows):
                refused = result.refused
                call.error, call.check, call.reason = refused.message, refused.check, refused.reason
                result = result.result
            return success(result)
        except KrakenError as refusal:
            key.count_refusal(refusal.check)
            venue.gate.refused_later(key)
            raise

    @staticmethod
    def _fields(call: Call) -> Fields:
        try:
            return read_body(call.body, call.headers.content_type)
        except Undecodable as error:
            raise KrakenError(MALFORMED_BODY_ERROR, str(error), check="body") from None

    def _journal(self, call: Call, answer: Answer, started: int) -> None:
        venue = self.venue
        if not venue.journal.wanted:
            return
        credentials = call.credentials
        key = credentials.key if credentials else None
        user_agent = call.headers.user_agent
        venue.journal.add(
            time=started,
            transport="rest",
            remote=call.remote,
            user_agent=None if user_agent is None else user_agent.decode("latin-1"),
            account=key.account if key else None,
            key=key.name if key else None,
            api_key=key.api_key if key else None,
            endpoint=call.endpoint or shown_path(call.path.decode("latin-1")),
            nonce=credentials.nonce if credentials else None,
            http_status=answer.status,
            outcome="faulted" if call.lost else "refused" if call.refused else "accepted",
            error=call.error,
            check=call.check,
            reason=None if call.reason is None else shown_reason(call.reason),
            scenario=credentials.scenario if credentials else None,
            port=call.port,
            highest=credentials.highest if credentials else None,
            window=credentials.window if credentials else None,
            fault=call.fault,
            # On a clock that does not run with the machine's, how long it took means nothing.
            duration_us=(venue.clock.now() - started) // 1000 if venue.clock.scale == 1 else 0,
        )


def _receive(action: Action, venue: Venue, account: Account, fields: Fields) -> None:
    """The trading engine's rate limit, before the arguments (kraken/10 §0, stage 13)."""
    venue.exchange.limits.receive(account, action.pairs(venue, account, fields), action.fixed(fields))
