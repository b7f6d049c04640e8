"""A first program without a client library: each request is signed here, as the exchange's documentation teaches."""

import base64
import hashlib
import hmac
import os
import time
import urllib.parse

import requests

API_URL = os.environ["KRAKEN_REST_URL"]
API_KEY = os.environ["KRAKEN_API_KEY"]
SECRET_KEY = os.environ["KRAKEN_SECRET_KEY"]


def signature(urlpath, data):
    postdata = urllib.parse.urlencode(data)
    encoded = (str(data["nonce"]) + postdata).encode()
    message = urlpath.encode() + hashlib.sha256(encoded).digest()
    mac = hmac.new(base64.b64decode(SECRET_KEY), message, hashlib.sha512)
    return base64.b64encode(mac.digest()).decode()


def ask(urlpath, data=None):
    time.sleep(0.002)  # never two nonces within one millisecond
    data = {"nonce": str(int(1000 * time.time())), **(data or {})}
    headers = {"API-Key": API_KEY, "API-Sign": signature(urlpath, data)}
    answer = requests.post(API_URL + urlpath, headers=headers, data=data, timeout=10).json()
    if answer["error"]:
        raise SystemExit(f"{urlpath}: {answer['error']}")
    return answer["result"]


print("balance:", ask("/0/private/Balance")["ZUSD"], "USD")

order = {"ordertype": "limit", "type": "buy", "volume": 0.01, "pair": "XBTUSD", "price": 30000}
placed = ask("/0/private/AddOrder", order)
txid = placed["txid"][0]
print("placed:", placed["descr"]["order"])

print("open:", [txid] == list(ask("/0/private/OpenOrders")["open"]))
print("cancelled:", ask("/0/private/CancelOrder", {"txid": txid})["count"])
print("open:", len(ask("/0/private/OpenOrders")["open"]))
