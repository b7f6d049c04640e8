"""A plain script that signs by hand, as Kraken's own examples do, with form and with JSON bodies."""

import base64
import hashlib
import hmac
import itertools
import json
import urllib.parse

import pytest
import requests

from mockkraken import MockKraken

nonces = itertools.count(1_700_000_000_000)


def signature(path: str, nonce: str, body: str, secret: str) -> str:
    message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
    return base64.b64encode(hmac.new(base64.b64decode(secret), message, hashlib.sha512).digest()).decode()


def call(kraken: MockKraken, method: str, *, as_json: bool, **fields: object) -> dict:
    path, nonce = f"/0/private/{method}", str(next(nonces))
    data = {"nonce": nonce, **fields}
    body = json.dumps(data) if as_json else urllib.parse.urlencode(data)
    headers = {"API-Key": kraken.api_key, "API-Sign": signature(path, nonce, body, kraken.api_secret)}
    headers["Content-Type"] = "application/json" if as_json else "application/x-www-form-urlencoded"
    answer = requests.post(kraken.url + path, headers=headers, data=body, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_day_of_trading(kraken: MockKraken, as_json: bool) -> None:
    assert call(kraken, "Balance", as_json=as_json)["result"]["XXBT"] == "100.0000000000"
    order = {"pair": "BTC/USD", "type": "buy", "ordertype": "limit", "price": "60000.0", "volume": "0.25"}
    if as_json:
        order |= {"volume": 0.25, "oflags": ["post", "fciq"], "validate": False}
    placed = call(kraken, "AddOrder", as_json=as_json, **order)["result"]
    assert placed["descr"] == {"order": "buy 0.25000000 XBTUSD @ limit 60000.0"}
    shown = call(kraken, "OpenOrders", as_json=as_json, trades=True)["result"]["open"]
    assert list(shown) == placed["txid"]
    assert shown[placed["txid"][0]]["oflags"] == ("post,fciq" if as_json else "fciq")
    assert call(kraken, "CancelOrder", as_json=as_json, txid=placed["txid"][0])["result"] == {"count": 1}
    assert call(kraken, "CancelOrder", as_json=as_json, txid=placed["txid"][0]) == {"error": ["EOrder:Unknown order"]}


def test_public_calls_need_no_key(kraken: MockKraken) -> None:
    answer = requests.get(f"{kraken.url}/0/public/Assets", params={"asset": "XBT,USD"}, timeout=10)
    assert list(answer.json()["result"]) == ["XXBT", "ZUSD"]
    assert requests.post(f"{kraken.url}/0/public/Time", timeout=10).status_code == 405
    assert requests.get(f"{kraken.url}/0/public/time", timeout=10).status_code == 404
