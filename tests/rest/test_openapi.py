"""The OpenAPI document against the running API: schemathesis makes calls from it and holds the answers against it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from mockkraken.control.operations import Control
from mockkraken.rest.endpoint import NoParams, Private, Public
from mockkraken.rest.openapi import document, result_type
from mockkraken.rest.routes import ENDPOINTS, path_of
from mockkraken.sandbox import Sandbox
from mockkraken.server import App
from mockkraken.settings import Settings
from mockkraken.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_767_225_600 * 10**9
EXAMPLES = 16

load_all_checks()
CONFORMANCE = list(
    CHECKS.get_by_names(
        [
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_schema_conformance",
        ]
    )
)

# What the document can't say: that plain limit orders, which the open ones are, have none of these.
UNFITTING = {"AmendOrder": ("display_qty", "trigger_price", "deadline")}

# Checks of the journal that stand before an endpoint's own.
GATE = frozenset(
    (
        "routing",
        "verb",
        "body",
        "lockout",
        "key",
        "address",
        "expiry",
        "nonce",
        "signature",
        "otp",
        "rate",
        "permission",
    )
)


class World:
    """A sandbox whose account has traded, the same after each `reset`, and schemathesis's view of it."""

    def __init__(self, client_of: Callable[[Sandbox], Any]) -> None:
        self._client_of = client_of
        self.sandbox = Sandbox(settings=Settings(rate_limits="off"), start=START)
        served = App(self.sandbox, Control(self.sandbox))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":  # there is no lifespan
                await served(scope, receive, send)

        self.reset()
        self.schema = schemathesis.openapi.from_asgi("/mock/openapi.json", app)

    def reset(self) -> None:
        self.sandbox.reset()
        self.client = self._client_of(self.sandbox)
        self.open = [self.client.buy("0.01", str(10_000 + number)) for number in range(30)]
        self.client.buy("0.5")
        self.client.sell("0.1")
        self.trades = list(self.client.call("TradesHistory")["trades"])
        self.entries = list(self.client.call("Ledgers")["ledger"])

    def exercise(self, endpoint: Public | Private, mode: GenerationMode) -> list[dict[str, Any]]:
        """Make calls of one endpoint; the journal's records of them."""
        operation = self.schema[path_of(endpoint)]["GET" if isinstance(endpoint, Public) else "POST"]
        since = self.sandbox.journal.records()[2]

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case: schemathesis.Case) -> None:
            auth = None
            if isinstance(endpoint, Private):
                auth = Signature(self.client)
                if isinstance(case.body, dict):
                    if mode is GenerationMode.POSITIVE:
                        for name in UNFITTING.get(endpoint.name, ()):
                            case.body.pop(name, None)
                    case.body["nonce"] = auth.nonce
            case.validate_response(case.call(auth=auth), checks=CONFORMANCE)

        try:
            call()
        except BaseException as error:
            error.add_note(f"{endpoint.name}, {mode.value} data")
            raise
        records: list[dict[str, Any]] = self.sandbox.journal.records(since=since)[0]
        return records


class Signature(requests.auth.AuthBase):
    """Signs a request as it goes out, with the client's next nonce."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.nonce = next(client.nonces)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers.update(self.client.signed(request.path_url, str(self.nonce), body, content_type=None))
        return request


@pytest.fixture(scope="module")
def shared_world(client_of) -> World:
    world = World(client_of)
    for name, texts in {
        "asset-pair": ["XBTUSD", "BTC/USD", "ETH/USD", "SOLUSD"],
        "asset": ["XBT", "ZUSD", "ETH"],
        "volume": ["0.01", "0.1", "1"],
        "price": ["100", "150.5", "0.1"],
        "leverage": ["none", "2"],
        "moment": ["0", "+60"],
        "client-order-id": ["mine", "6d1b345e-2821-40e2-ad83-4ecb18a06876"],
        "order-id": world.open,
        "trade-id": world.trades,
        "ledger-id": world.entries,
    }.items():
        schemathesis.openapi.format(name, st.sampled_from(texts))
    return world


@pytest.fixture
def world(shared_world) -> World:
    shared_world.reset()
    return shared_world


def passed_the_gate(record: dict[str, Any]) -> bool:
    return record["check"] not in GATE


def accepted(record: dict[str, Any]) -> bool:
    return bool(record["outcome"] == "accepted")


def share(records: list[dict[str, Any]], fits: Callable[[dict[str, Any]], bool]) -> float:
    return sum(map(fits, records)) / len(records)


# All endpoints in one test each, so that the shares are those of hundreds of calls.


def test_well_formed_calls_are_answered_as_documented_and_mostly_accepted(world):
    found = {endpoint.name: world.exercise(endpoint, GenerationMode.POSITIVE) for endpoint in ENDPOINTS}
    assert all({record["endpoint"] for record in records} == {name} for name, records in found.items())
    assert [name for name, records in found.items() if not any(map(accepted, records))] == []
    every = [record for records in found.values() for record in records]
    assert all(map(passed_the_gate, every))
    # The document can't say which pair is of which class, or which order has been cancelled meanwhile.
    assert share(every, accepted) >= 0.6


def test_malformed_calls_are_answered_as_documented_too_and_mostly_pass_the_gate(world):
    # Without parameters there is nothing to get wrong.
    some = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Private) or endpoint.params is not NoParams]
    found = {endpoint.name: world.exercise(endpoint, GenerationMode.NEGATIVE) for endpoint in some}
    assert all({record["endpoint"] for record in records} == {name} for name, records in found.items())
    private = [record for endpoint in some if isinstance(endpoint, Private) for record in found[endpoint.name]]
    assert share(private, passed_the_gate) >= 0.5
    every = [record for records in found.values() for record in records]
    assert share(every, accepted) >= 0.2  # unknown fields and wrong types of texts do no harm
    assert [record["endpoint"] for record in every if record["error"] == "EGeneral:Internal error"] == []


def test_the_document_is_valid_and_lists_every_endpoint_once(world):
    world.schema.validate()
    operations = {(found.ok().path, found.ok().method.upper()) for found in world.schema.get_all_operations()}
    expected = {(path_of(endpoint), "GET" if isinstance(endpoint, Public) else "POST") for endpoint in ENDPOINTS}
    assert operations == expected
    names = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(ENDPOINTS)


def test_the_document_says_who_may_call_what_and_what_it_costs():
    made = document()
    assert made["openapi"] == "3.1.0"
    assert made["info"]["version"] == __version__
    assert made["servers"] == [{"url": "/"}]
    for endpoint in ENDPOINTS:
        (operation,) = made["paths"][path_of(endpoint)].values()
        kinds = operation["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"]
        assert len(kinds) == (3 if endpoint.name == "Ticker" else 2)  # only there an error stands beside a result
        assert operation["summary"] == endpoint.summary
        if isinstance(endpoint, Private):
            assert operation["security"] == [{"ApiKey": [], "ApiSign": []}]
            assert operation["x-kraken-permission"] == endpoint.needs.text
            assert operation["x-kraken-cost"] == endpoint.cost
        else:
            assert "security" not in operation


def test_parameters_are_those_that_endpoints_read():
    paths = document()["paths"]
    pairs = {field["name"]: field for field in paths["/0/public/Ticker"]["get"]["parameters"]}
    assert pairs.keys() == {"pair", "asset_class", "assetVersion"}
    assert (pairs["pair"]["style"], pairs["pair"]["explode"], pairs["pair"]["required"]) == ("form", False, False)
    assert pairs["asset_class"]["schema"] == {
        "type": "string",
        "enum": ["forex", "tokenized_asset"],
        "default": "forex",
    }
    candles = {field["name"]: field for field in paths["/0/public/OHLC"]["get"]["parameters"]}
    assert candles["pair"]["required"]
    assert 1440 in candles["interval"]["schema"]["enum"]
    bodies = paths["/0/private/AddOrder"]["post"]["requestBody"]["content"]
    form, plain = (bodies[kind]["schema"] for kind in ("application/x-www-form-urlencoded", "application/json"))
    assert form == plain
    assert form["required"] == ["nonce", "pair", "type", "ordertype", "volume"]
    assert "limit" in form["properties"]["ordertype"]["enum"]
    assert form["properties"]["validate"] == {"type": "boolean", "default": False}
    batch = paths["/0/private/AddOrderBatch"]["post"]["requestBody"]["content"]
    assert batch.keys() == {"application/json"}
    each = batch["application/json"]["schema"]["properties"]["orders"]
    assert (each["minItems"], each["maxItems"], each["items"]["required"]) == (2, 15, ["type", "ordertype", "volume"])
    shared = form["properties"].keys() - {"nonce", "asset_class", "validate", "deadline"}
    assert shared <= each["items"]["properties"].keys()
    orders = paths["/0/private/QueryOrders"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert orders["encoding"] == {"txid": {"style": "form", "explode": False}}


def test_no_hint_is_left_over():
    """A hint for a field that no endpoint has would say nothing, and nobody would notice."""
    from mockkraken.rest import openapi

    known = {endpoint.name: openapi._fields(endpoint)[0].keys() for endpoint in ENDPOINTS}
    assert openapi._HINTS_OF.keys() | openapi._REQUIRED.keys() <= known.keys()
    for name, hints in openapi._HINTS_OF.items():
        assert hints.keys() <= known[name]
    assert openapi._HINTS.keys() <= set().union(*known.values())


def test_the_document_holds_nothing_that_json_lacks_and_every_reference_leads_somewhere():
    made = document()
    assert json.loads(json.dumps(made)) == made
    text = json.dumps(made)
    for group in ("schemas", "responses"):
        for name in made["components"][group]:
            assert f'"#/components/{group}/{name}"' in text
        assert text.count(f"#/components/{group}/") == sum(
            text.count(f'"#/components/{group}/{name}"') for name in made["components"][group]
        )


def test_an_endpoint_without_a_declared_result_is_noticed():
    with pytest.raises(AttributeError):
        result_type(Public("Nothing", lambda venue, params: None))
