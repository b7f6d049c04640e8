from __future__ import annotations

from typing import Protocol

import httpx
import pytest

from mockkraken import MockKraken

# A bot as its author would test it: it signs as Kraken's documentation says, without our help.
BOT = '''
import base64
import hashlib
import hmac
import time
from urllib.parse import urlencode

import httpx


def call(kraken, name, nonce=None, key=None, **fields):
    """A private call to `kraken`, with its default key or another one."""
    key = key or kraken
    path, nonce = f"/0/private/{name}", str(nonce or time.time_ns())
    body = urlencode({"nonce": nonce, **fields})
    message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
    signature = hmac.new(base64.b64decode(key.api_secret), message, hashlib.sha512).digest()
    headers = {
        "API-Key": key.api_key,
        "API-Sign": base64.b64encode(signature).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return httpx.post(kraken.url + path, content=body, headers=headers, verify=False, trust_env=False).json()


LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.01"}


def buy(kraken, **given):
    """A limit order that rests; its txid."""
    answer = call(kraken, "AddOrder", **LIMIT, **given)
    assert answer["error"] == []
    return answer["result"]["txid"][0]
'''


class Run(Protocol):
    """Runs pytest on a test file, beside which stands `bot.py`."""

    def __call__(
        self, tests: str, *arguments: str, conftest: str = "", subprocess: bool = False
    ) -> pytest.RunResult: ...


@pytest.fixture(scope="session", autouse=True)
def _everything_imported() -> None:
    # What a run inside this process imports is forgotten after it, and compiled modules do not like coming twice.
    with MockKraken() as kraken:
        httpx.get(f"{kraken.url}/mock/health", verify=False, trust_env=False)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(tests: str, *arguments: str, conftest: str = "", subprocess: bool = False) -> pytest.RunResult:
        pytester.makepyfile(bot=BOT, test_bot=tests)
        if conftest:
            pytester.makeconftest(conftest)
        runner = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return runner("--strict-markers", "-p", "no:cacheprovider", *arguments)

    return run
