"""Real answers against the types of rest/results.py, member by member: no change of one without the other."""

from __future__ import annotations

import types
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import jsonschema_rs
import msgspec
import pytest

from mockkraken.rest import results
from mockkraken.rest.endpoint import Public
from mockkraken.rest.openapi import document, result_type
from mockkraken.rest.routes import ENDPOINTS, path_of

NAMES = [endpoint.name for endpoint in ENDPOINTS]


def misfit(value: Any, kind: Any, where: str = "result") -> str | None:
    """Where a value is not what the type says, or has members that it does not declare; None: it fits."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_typeddict(kind):
        return _misfit_of_object(value, kind, where)
    if hasattr(kind, "_fields"):
        origin, arguments = tuple, tuple(get_type_hints(kind, include_extras=True).values())
    if origin is Annotated and get_origin(arguments[0]) is dict:
        return misfit(value, arguments[0], where)
    if origin in (Union, types.UnionType):
        found = [misfit(value, part, where) for part in arguments]
        return None if None in found else "; ".join(filter(None, found))
    parts: list[tuple[Any, Any, str]] = []
    if origin is dict:
        if not isinstance(value, dict):
            return f"{where} is no object"
        for name, member in value.items():
            parts += [(name, arguments[0], f"name {name!r} in {where}"), (member, arguments[1], f"{where}.{name}")]
    elif origin in (list, tuple):
        kinds = arguments if origin is tuple else arguments * len(value) if isinstance(value, list) else ()
        if not isinstance(value, list) or len(value) != len(kinds):
            return f"{where} is no array, or of another length: {value!r}"
        parts += [(item, kinds[index], f"{where}[{index}]") for index, item in enumerate(value)]
    else:
        try:
            msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as error:
            return f"{where} is {value!r}: {error}"
    return next(filter(None, (misfit(*part) for part in parts)), None)


def _misfit_of_object(value: Any, kind: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where} is no object"
    hints = get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    if undeclared := value.keys() - hints.keys():
        return f"{where} has the undeclared {sorted(undeclared)}"
    if missing := hints.keys() - optional - value.keys():
        return f"{where} lacks {sorted(missing)}"
    kinds = {name: get_args(hint)[0] if name in optional else hint for name, hint in hints.items()}
    return next(filter(None, (misfit(value[name], kinds[name], f"{where}.{name}") for name in value)), None)


@pytest.fixture
def bought(kraken, sandbox) -> dict[str, str]:
    """An account with orders of every fate, by what became of them."""
    ids = {"open": kraken.buy("1", "10000", cl_ord_id="mine"), "filled": kraken.buy("3")}
    sandbox.clock.advance(10**9)
    ids |= {
        "also open": kraken.sell("0.5", "99999", userref="-7", oflags="post,fcib"),
        "sold": kraken.sell("0.01", oflags="fcib,nompp"),
        "part": kraken.buy("11", "68343", timeinforce="IOC"),
        "gone": kraken.buy("1", "10001"),
    }
    kraken.call("CancelOrder", txid=ids["gone"])
    order = {"pair": "XBTUSD", "type": "sell", "volume": "0.1"}
    for name, fields in {
        "iceberg": {"ordertype": "iceberg", "price": "70000", "volume": "1", "displayvol": "0.1"},
        "stop": {"ordertype": "stop-loss-limit", "price": "-5%", "price2": "-100", "trigger": "index"},
        "trailing": {"ordertype": "trailing-stop", "price": "+1%", "leverage": "2", "reduce_only": "true"},
        "amended": {"ordertype": "limit", "price": "+10%", "sender_sub_id": "desk", "close[ordertype]": "stop-loss"},
        "timed": {"ordertype": "limit", "price": "99998", "starttm": "+3600", "expiretm": "+7200"},
        "money": {"ordertype": "market", "type": "buy", "volume": "50", "oflags": "viqc"},
    }.items():
        more = {"close[price]": "50000"} if name == "amended" else {}
        (ids[name],) = kraken.call("AddOrder", **(order | fields | more))["txid"]
    kraken.call("AmendOrder", txid=ids["amended"], order_qty="0.2")
    kraken.buy("2", pair="ETHUSD", leverage="5")
    kraken.sell("0.5", pair="ETHUSD", leverage="5")
    sandbox.clock.advance(90 * 10**9)
    kraken.get("Depth", pair="XBTUSD")
    return ids


# What is called of each endpoint; `$` asks for ids of the account above.
SEVERAL = "XBTUSD,ETH/USD,DOGEEUR"
HISTORY: list[dict[str, str]] = [{}, {"without_count": "true", "trades": "true"}, {"ofs": "1"}]
BATCH = {"pair": "XBTUSD"} | {
    f"orders[{number}][{name}]": text
    for number in (0, 1)
    for name, text in {"type": "sell", "ordertype": "limit", "volume": "0.1", "price": "99999"}.items()
}
PRICES = ("price", "price2")
EDIT = {"txid": "$also", "pair": "XBTUSD", "price": "99997"}
CALLS: dict[str, list[dict[str, str]]] = {
    "Time": [{}],
    "SystemStatus": [{}],
    "Assets": [{}, {"asset": "XBT,ZUSD", "assetVersion": "1"}, {"aclass": "tokenized_asset"}],
    "AssetPairs": [
        {},
        {"assetVersion": "1", "aclass_base": "tokenized_asset"},
        *({"info": info} for info in ("info", "leverage", "fees", "margin")),
    ],
    "Ticker": [{}, {"pair": SEVERAL}, {"asset_class": "tokenized_asset"}, {"assetVersion": "1"}],
    "OHLC": [{"pair": "XBTUSD"}, {"pair": "BTC/USD", "interval": "21600"}, {"pair": "DOGEEUR"}],
    "Depth": [{"pair": "XBTUSD"}, {"pair": "DOGEEUR", "count": "1"}],
    "Trades": [{"pair": "XBTUSD"}, {"pair": "DOGEEUR"}, {"pair": "XBTUSD", "since": "9999999999"}],
    "Spread": [{"pair": "XBTUSD"}, {"pair": "DOGEEUR"}],
    "Balance": [{}, {"assetVersion": "1"}],
    "BalanceEx": [{}],
    "TradeBalance": [{}, {"asset": "XBT"}],
    "OpenOrders": [{}, {"trades": "true"}, {"userref": "-7"}],
    "ClosedOrders": [*HISTORY, {"consolidate_taker": "false", "trades": "true"}],
    "QueryOrders": [{"txid": "$orders"}, {"txid": "$orders", "trades": "true"}],
    "OrderAmends": [{"order_id": text} for text in ("$open", "$amended", "$iceberg", "OAAAAA-AAAAA-AAAAAA")],
    "TradesHistory": [*HISTORY, {"ledgers": "true", "consolidate_taker": "false"}],
    "QueryTrades": [{"txid": "$trades"}, {"txid": "$trades", "ledgers": "true"}],
    "OpenPositions": [{}, {"docalcs": "true"}, {"docalcs": "true", "consolidation": "market"}],
    "Ledgers": [*HISTORY, {"type": "adjustment"}],
    "QueryLedgers": [{"id": "$ledgers"}],
    "TradeVolume": [{}, {"pair": SEVERAL}],
    "GetApiKeyInfo": [{}],
    "AddOrder": [
        {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"},
        {
            "pair": "XBTUSD",
            "type": "sell",
            "ordertype": "limit",
            "volume": "0.01",
            "price": "99999",
            "validate": "true",
            "close[ordertype]": "limit",
            "close[price]": "50000",
        },
    ],
    "AddOrderBatch": [BATCH | {"validate": "true"}, BATCH, BATCH | {"orders[1][type]": "hold"}],
    "AmendOrder": [{"txid": "$open", "limit_price": "9999"}, {"cl_ord_id": "mine", "limit_price": "+1"}],
    "EditOrder": [EDIT | {"validate": "true"}, EDIT | {"userref": "9"}],
    "CancelOrder": [{"txid": "$open"}],
    "CancelOrderBatch": [{"orders": "$open"}, {"orders": "$open"}],
    "CancelAll": [{}],
    "CancelAllOrdersAfter": [{"timeout": "60"}, {"timeout": "0"}],
    "GetWebSocketsToken": [{}],
}


@pytest.fixture
def ask(kraken, bought):
    """Makes a call with ids filled in; the result of a call that must succeed."""
    trades = kraken.call("TradesHistory", consolidate_taker="false")["trades"]
    known = {
        "$orders": bought.values(),
        "$trades": trades,
        "$ledgers": kraken.call("Ledgers")["ledger"],
        "$open": [bought["open"]],
        "$also": [bought["also open"]],
        "$amended": [bought["amended"]],
        "$iceberg": [bought["iceberg"]],
    }

    def ask(name: str, fields: dict[str, str]) -> Any:
        fields = {field: ",".join(list(known[text])[:20]) if text in known else text for field, text in fields.items()}
        public = isinstance(next(endpoint for endpoint in ENDPOINTS if endpoint.name == name), Public)
        return kraken.get(name, **fields).result if public else kraken.call(name, **fields)

    return ask


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
def test_every_answer_is_what_is_declared_and_documented(ask, endpoint):
    assert endpoint.name in CALLS, f"say in CALLS how {endpoint.name} is called"
    schema = document()["paths"][path_of(endpoint)]["get" if isinstance(endpoint, Public) else "post"]["responses"]
    found = schema["200"]["content"]["application/json"]["schema"]
    documented = jsonschema_rs.Draft202012Validator(found | {"components": document()["components"]})
    for fields in CALLS[endpoint.name]:
        result = ask(endpoint.name, fields)
        assert misfit(result, result_type(endpoint)) is None
        documented.validate({"error": [], "result": result})


def test_rows_of_every_kind_are_among_the_answers(kraken, bought, ask):
    """What the test above looks at is not merely empty."""
    rows = kraken.call("QueryOrders", txid=",".join(bought.values()), trades="true")
    assert {row["status"] for row in rows.values()} == {"pending", "open", "closed", "canceled"}
    assert {row["misc"] for row in rows.values()} == {"", "partial", "amended"}
    rare = {"cl_ord_id", "trades", "closetm", "trigger", "margin", "reduce_only", "sender_sub_id", "display_volume"}
    assert rare <= set().union(*rows.values())
    assert {"+10.0000%", "-5.0000%", "-100.0"} <= {row["descr"][price] for row in rows.values() for price in PRICES}
    listed = [ask("OrderAmends", fields)["amends"] for fields in CALLS["OrderAmends"]]
    assert [len(amends) for amends in listed] == [1, 2, 1, 0]
    assert ask("OpenOrders", {"userref": "-7"})["open"].keys() == {bought["also open"]}
    for name, at_least in {"QueryTrades": 4, "QueryLedgers": 8}.items():
        assert len(ask(name, CALLS[name][0])) >= at_least
    assert ask("CancelOrder", {"txid": "$open"})["count"] == 1
    assert ask("CancelAll", {})["count"] == 6
    assert [len(ask("OpenPositions", fields)) for fields in CALLS["OpenPositions"]] == [1, 1, 1]
    assert len(ask("Depth", {"pair": "DOGEEUR"})["XDGEUR"]["asks"]) > 10


@pytest.mark.parametrize("case", ["camel", "snake", "both"])
def test_every_dialect_of_the_key_is_declared(kraken, sandbox, case):
    sandbox.settings.api_key_info_case = case
    result = kraken.call("GetApiKeyInfo")
    kind = {"camel": results.CamelKeyInfo, "snake": results.SnakeKeyInfo, "both": results.BothKeyInfo}[case]
    assert misfit(result, kind) is None
    assert misfit(result, results.GetApiKeyInfo) is None


def test_a_ticker_in_parts_is_documented(kraken):
    answer = kraken.get("Ticker", pair="XBTUSD,nothing").json
    assert answer["error"]
    assert misfit(answer["result"], results.Ticker) is None


@pytest.mark.parametrize(
    ("result", "kind", "where"),
    [
        ({"unixtime": 1, "rfc1123": "", "more": 1}, results.Time, "undeclared ['more']"),
        ({"unixtime": 1}, results.Time, "lacks ['rfc1123']"),
        ({"unixtime": "1", "rfc1123": ""}, results.Time, "result.unixtime is '1'"),
        ({"XXBT": "1e5"}, results.Balance, "result.XXBT"),
        ({"XXBTZUSD": {"asks": [["1", "1"]], "bids": []}}, results.Depth, "result.XXBTZUSD.asks[0]"),
        ({"XXBTZUSD": [[1, "1", 2.0]], "last": 1}, results.Spread, "result.XXBTZUSD[0][2]"),
        ({"open": {"TSNES6-R4TXS-7AUXUL": {}}}, results.OpenOrders, "name 'TSNES6-R4TXS-7AUXUL'"),
        ({"XXBTZUSD": {"margin_call": 80, "margin_stop": 40, "fees": []}}, results.AssetPairs, "undeclared ['fees']"),
        ([], results.Time, "no object"),
        ([], results.Balance, "no object"),
    ],
)
def test_what_does_not_fit_is_found(result, kind, where):
    found = misfit(result, kind)
    assert found is not None
    assert where in found


def test_every_endpoint_is_summed_up():
    assert [endpoint.name for endpoint in ENDPOINTS if not endpoint.summary] == []
    assert all(0 < len(endpoint.summary) <= 80 and endpoint.summary[-1] != "." for endpoint in ENDPOINTS)
