"""`/mock/status`, and what a client meets in each state; the states of an account."""

from __future__ import annotations

import itertools

import pytest

from mockkraken import ControlError, MockKraken
from mockkraken.rest.endpoint import Private
from mockkraken.rest.routes import ENDPOINTS

UNAVAILABLE = "EService:Unavailable"
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.01"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}


def mode(status: str) -> str:
    return f"EService:Market in {status} mode"


@pytest.fixture
def call(kraken: MockKraken, browser):
    """Signed calls of the default key; what is returned is the one error, or none."""
    nonces = itertools.count(1)

    def call(name: str, **fields: str) -> str | None:
        answer = browser.private(name, (kraken.api_key, kraken.api_secret), next(nonces), **fields)
        assert len(answer["error"]) == (0 if "result" in answer else 1)
        return answer["error"][0] if answer["error"] else None

    return call


def shown(browser) -> str:
    status: str = browser.request("GET", "/0/public/SystemStatus").json["result"]["status"]
    return status


# The exchange


def test_at_first_it_is_online(browser):
    assert browser.ok("GET", "/status") == {"status": "online", "pairs": {}}
    assert shown(browser) == "online"


@pytest.mark.parametrize("status", ["maintenance", "cancel_only", "post_only", "online"])
def test_a_state_is_shown_everywhere(browser, status):
    assert browser.ok("POST", "/status", {"status": status}) == {"status": status, "pairs": {}}
    assert browser.ok("GET", "/status")["status"] == shown(browser) == status


def test_rest_has_no_word_for_limit_only(browser, call):
    assert browser.ok("POST", "/status", {"status": "limit_only"})["status"] == "limit_only"
    assert shown(browser) == "online"
    assert call("AddOrder", **MARKET) == mode("limit_only")


@pytest.mark.parametrize(
    ("status", "limit", "post", "market"),
    [
        ("online", None, None, None),
        ("limit_only", None, None, mode("limit_only")),
        ("post_only", mode("post_only"), None, mode("post_only")),
        ("cancel_only", *[mode("cancel_only")] * 3),
        ("maintenance", *[UNAVAILABLE] * 3),
    ],
)
def test_orders(browser, call, status, limit, post, market):
    browser.ok("POST", "/status", {"status": status})
    assert call("AddOrder", **ORDER) == limit
    assert call("AddOrder", **ORDER, oflags="post") == post
    assert call("AddOrder", **MARKET) == market
    assert call("AddOrder", **ORDER, validate="true") == limit
    assert call("AddOrder", **ORDER | {"pair": "ETHUSD", "price": "1000"}) == limit


@pytest.mark.parametrize("status", ["online", "limit_only", "post_only", "cancel_only", "maintenance"])
def test_cancels_pass_but_in_maintenance(kraken, browser, call, status):
    for _ in range(3):
        assert call("AddOrder", **ORDER, userref="7") is None
    browser.ok("POST", "/status", {"status": status})
    refused = UNAVAILABLE if status == "maintenance" else None
    assert call("CancelOrder", txid="7") == refused
    assert call("CancelAll") == refused
    browser.ok("POST", "/status", {"status": "online"})
    assert browser.ok("GET", "/accounts/main")["holds"] == ({} if refused is None else {"ZUSD": "1807.2000"})


def test_the_unknown_pair_comes_first_and_other_arguments_last(browser, call):
    browser.ok("POST", "/status", {"status": "maintenance"})
    assert call("AddOrder", **ORDER | {"pair": "NOPE"}) == "EQuery:Unknown asset pair"
    assert call("AddOrder", **ORDER | {"ordertype": "fancy", "volume": "lots"}) == UNAVAILABLE


def test_the_journal_says_whose_state_it_was(kraken, browser, call):
    browser.ok("POST", "/status", {"status": "cancel_only"})
    call("AddOrder", **ORDER)
    record = kraken.journal.refusals()[-1]
    assert (record["check"], record["reason"]) == ("status", "the exchange is cancel_only")


def test_queries_go_on_in_maintenance(browser, call):
    browser.ok("POST", "/status", {"status": "maintenance"})
    for name in ("Balance", "BalanceEx", "TradeBalance", "OpenOrders", "ClosedOrders", "TradesHistory", "Ledgers"):
        assert call(name) is None
    assert call("GetWebSocketsToken") is None
    assert browser.request("GET", "/0/public/Depth?pair=XBTUSD").json["error"] == []
    assert browser.request("GET", "/0/public/Ticker").json["error"] == []


def test_reset_puts_all_back(browser):
    browser.ok("POST", "/status", {"status": "maintenance"})
    browser.ok("POST", "/status", {"pair": "XBTUSD", "status": "cancel_only"})
    browser.ok("POST", "/reset")
    assert browser.ok("GET", "/status") == {"status": "online", "pairs": {}}
    assert browser.ok("GET", "/pairs/XBTUSD")["status"] == "online"


# A pair


@pytest.mark.parametrize("name", ["XBTUSD", "XXBTZUSD", "btc/usd"])
def test_one_pair(browser, call, name):
    answer = browser.ok("POST", "/status", {"pair": name, "status": "cancel_only"})
    assert answer == {"status": "online", "pairs": {"XBTUSD": "cancel_only"}}
    assert browser.request("GET", "/0/public/AssetPairs?pair=XBTUSD").json["result"]["XXBTZUSD"]["status"] == (
        "cancel_only"
    )
    assert call("AddOrder", **ORDER) == mode("cancel_only")
    assert call("AddOrder", **ORDER | {"pair": "XBTEUR"}) is None
    assert shown(browser) == "online"


def test_only_changed_pairs_are_listed(browser):
    assert browser.ok("GET", "/pairs/AGLDUSD")["status"] == "cancel_only"
    assert browser.ok("POST", "/status", {"pair": "AGLDUSD", "status": "online"})["pairs"] == {"AGLDUSD": "online"}
    assert browser.ok("POST", "/status", {"pair": "AGLDUSD", "status": "cancel_only"})["pairs"] == {}


def test_open_orders_of_a_halted_pair_can_be_cancelled(browser, call):
    assert call("AddOrder", **ORDER) is None
    for status in ("cancel_only", "delisted", "maintenance"):
        browser.ok("POST", "/status", {"pair": "XBTUSD", "status": status})
        assert call("AddOrder", **ORDER) == (UNAVAILABLE if status == "maintenance" else mode(status))
    assert call("CancelAll") is None
    assert browser.ok("GET", "/accounts/main")["holds"] == {}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "invalid", "status")),
        ({"status": "reduce_only"}, (400, "invalid", "status")),
        ({"status": "delisted"}, (400, "invalid", "status")),
        ({"status": None}, (400, "invalid", "status")),
        ({"status": "ONLINE"}, (400, "invalid", "status")),
        ({"pair": "XBTUSD"}, (400, "invalid", "status")),
        ({"pair": "XBTUSD", "status": "asleep"}, (400, "invalid", "status")),
        ({"pair": "NOPE", "status": "online"}, (404, "unknown", "pair")),
        ({"pair": None, "status": "cancel_only"}, (400, "invalid", "pair")),
        ({"state": "online"}, (400, "invalid", "state")),
        ([], (400, "invalid", None)),
    ],
)
def test_what_it_does_not_take_changes_nothing(browser, body, refusal):
    assert browser.mock("POST", "/status", body).refusal == refusal
    assert browser.ok("GET", "/status") == {"status": "online", "pairs": {}}


def test_the_error_says_what_it_takes(browser):
    message = browser.mock("POST", "/status", {"status": "asleep"}).json["error"]["message"]
    for state in ("online", "maintenance", "cancel_only", "post_only", "limit_only", "asleep"):
        assert state in message


def test_from_python(kraken: MockKraken, browser):
    status = kraken.status
    assert status.get() == status.get(pair="XBTUSD") == "online"
    assert status.set("post_only") == status.state() == browser.ok("GET", "/status")
    assert status.get() == "post_only"
    assert status.set("reduce_only", pair="XBTUSD")["pairs"] == {"XBTUSD": "reduce_only"}
    assert (status.get("BTC/USD"), status.get("AGLDUSD")) == ("reduce_only", "cancel_only")
    with pytest.raises(ControlError) as refused:
        status.set("reduce_only")
    assert (refused.value.status, refused.value.field) == (400, "status")
    with pytest.raises(ControlError) as refused:
        status.get("NOPE")
    assert refused.value.status == 404


# An account


@pytest.mark.parametrize(
    ("state", "query", "order"),
    [
        ("ok", None, None),
        ("unconfirmed", "EAuth:Account unconfirmed", "EAuth:Account unconfirmed"),
        ("disabled", "EAuth:Account temporary disabled", "EAuth:Account temporary disabled"),
        ("locked", None, "ETrade:Locked"),
    ],
)
def test_the_state_of_an_account(kraken, browser, call, state, query, order):
    assert call("AddOrder", **ORDER, userref="7") is None
    assert browser.ok("PATCH", "/accounts/main", {"state": state})["state"] == state
    assert browser.ok("GET", "/accounts/main")["state"] == state
    assert call("Balance") == call("GetApiKeyInfo") == call("GetWebSocketsToken") == query
    assert call("AddOrder", **ORDER) == order
    assert call("CancelOrder", txid="7") == order
    assert browser.ok("GET", "/accounts/second")["state"] == "ok"
    if order:
        record = kraken.journal.refusals()[-1]
        assert (record["check"], record["reason"]) == ("eligibility", f"the account 'main' is {state}")
    browser.ok("PATCH", "/accounts/main", {"state": "ok"})
    assert call("CancelAll") is None


def test_permission_and_arguments_come_before_the_account_s_state(kraken, browser, call):
    kraken.accounts["main"].patch(state="disabled")
    key = kraken.keys["readonly"]
    answer = browser.private("AddOrder", (key.api_key, key.api_secret), 1, **ORDER)
    assert answer["error"] == ["EGeneral:Permission denied"]
    assert call("AddOrder", **ORDER, validate="perhaps") == "EGeneral:Invalid arguments:validate"
    assert call("Balance") == "EAuth:Account temporary disabled"


def test_an_account_of_its_own(kraken, browser, call):
    kraken.accounts["second"].patch(state="locked")
    key = kraken.keys["second"]
    answer = browser.private("AddOrder", (key.api_key, key.api_secret), 1, **ORDER)
    assert answer["error"] == ["ETrade:Locked"]
    assert call("AddOrder", **ORDER) is None


def test_reset_unlocks(kraken):
    kraken.accounts["main"].patch(state="locked")
    kraken.reset()
    assert kraken.accounts["main"].state()["state"] == "ok"


@pytest.mark.parametrize("state", ["Locked", "open", None, 1])
def test_states_that_there_are_not(browser, state):
    assert browser.mock("PATCH", "/accounts/main", {"tier": "starter", "state": state}).refusal == (
        (400, "invalid", "state")
    )
    assert browser.ok("GET", "/accounts/main")["tier"] == "pro"


def test_which_calls_a_locked_account_may_not_make():
    private = [endpoint for endpoint in ENDPOINTS if isinstance(endpoint, Private)]
    actions = {endpoint.name for endpoint in private if endpoint.order_action}
    others = {"AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrderBatch", "CancelAllOrdersAfter"}
    assert {"AddOrder", "CancelOrder", "CancelAll"} <= actions
    assert actions <= {"AddOrder", "CancelOrder", "CancelAll"} | others
