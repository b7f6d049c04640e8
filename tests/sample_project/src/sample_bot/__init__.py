"""A bot that buys bitcoin with a part of its dollars."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from decimal import ROUND_DOWN, Decimal
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class Refused(Exception):
    """Kraken said no; in its own words."""


class Bot:
    """Trades with one API key; no other program may use it, since a key remembers its highest nonce."""

    def __init__(self, api_key: str, api_secret: str, url: str = "https://api.kraken.com") -> None:
        self._api_key = api_key
        self._secret = base64.b64decode(api_secret)
        self._url = url
        self._nonce = 0

    def balance(self, asset: str) -> Decimal:
        return Decimal(self._private("Balance").get(asset, "0"))

    def invest(self, part: Decimal) -> str:
        """Buy for that part of all dollars, at the market's price; the order's txid."""
        spend = self.balance("ZUSD") * part
        ask = Decimal(self._call(Request(f"{self._url}/0/public/Ticker?pair=XBTUSD"))["XXBTZUSD"]["a"][0])
        volume = (spend / ask).quantize(Decimal("1e-8"), ROUND_DOWN)
        order = self._private("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume=f"{volume:f}")
        return str(order["txid"][0])

    def _private(self, method: str, **fields: str) -> Any:
        self._nonce = max(self._nonce + 1, time.time_ns() // 1000)
        path = f"/0/private/{method}"
        body = urlencode({"nonce": self._nonce, **fields})
        signed = path.encode() + hashlib.sha256(f"{self._nonce}{body}".encode()).digest()
        signature = hmac.new(self._secret, signed, hashlib.sha512).digest()
        headers = {"API-Key": self._api_key, "API-Sign": base64.b64encode(signature).decode()}
        return self._call(Request(self._url + path, body.encode(), headers))

    def _call(self, request: Request) -> Any:
        with urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if answer["error"]:
            raise Refused(", ".join(answer["error"]))
        return answer["result"]
