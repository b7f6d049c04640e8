"""Whatever comes in, an answer goes out, and no secret, signature, otp or token comes back or stays behind.

Everything that mockkraken says in any way is collected and searched: the answers, its log, the request log in both
formats, the journal, the doctor, the control API's lists, and what its objects say of themselves.

Two things are shown as they are. The User-Agent, which says who sent a request: no program puts a secret there unless
it is told to. And a nonce in digits, though somebody could mistake the field and send the six digits of a code as one.
"""

# ruff: noqa: E501 - the wrong places stand one on a line

from __future__ import annotations

import base64
import contextlib
import gc
import itertools
import json
import logging
import os
import re
import socket
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlencode

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockkraken import MockKraken, errors
from mockkraken.gate.secrecy import shown_path, shown_reason
from mockkraken.gate.signature import sign
from mockkraken.request_log import RequestLog
from mockkraken.rest.routes import ENDPOINTS, path_of

START = "2026-01-01T00:00:00Z"
NOW = 1_767_225_600
PASSWORD = "CorrectHorseBatteryStaple+4711"
STRANGERS = base64.b64encode(bytes(range(100, 164))).decode()  # the secret of a real key, which this server never saw

# Whose objects are asked what they are. Not the exchange's: they are many, and see neither keys nor headers.
OURS = tuple(f"mockkraken.{part}" for part in ("gate", "journal", "control", "faults", "sandbox", "server", "rest"))

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CALM = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Ears(logging.Handler):
    """Hears everything that anybody logs, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.heard: list[str] = []
        self.worst = 0
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))
        self.worst = max(self.worst, record.levelno)


class Received(NamedTuple):
    status: int
    body: bytes

    @property
    def error(self) -> str:
        found = json.loads(self.body)["error"]
        return found[0] if found else "OK"


class House:
    """A server with some keys, everything that it has said, and everything that it must not say."""

    def __init__(self, folder: Path) -> None:
        self.kraken = MockKraken(seed=5, clock=START, lockout_threshold=0)
        self.ears = Ears()
        self.said: list[bytes] = []
        self.secrets: dict[str, str] = {"a stranger's secret": STRANGERS, "the password": PASSWORD}
        self.nonces = itertools.count(1_767_225_600_000)
        self.logs = {form: folder / f"log.{form}" for form in ("text", "json")}
        self.records = 0
        self.read = dict.fromkeys(self.logs, 0)

    @contextlib.contextmanager
    def open(self) -> Iterator[House]:
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.DEBUG)
        root.addHandler(self.ears)
        logs = []
        try:
            with self.kraken:
                for form, path in self.logs.items():
                    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
                    log = RequestLog(form, descriptor)  # type: ignore[arg-type]  # one of its two words
                    logs.append((log, descriptor))
                    self.kraken.on_record(log.add)
                self.kraken.on_record(self._count)
                self._make_keys()
                yield self
        finally:
            root.removeHandler(self.ears)
            root.setLevel(level)
            for log, descriptor in logs:
                log.close()
                os.close(descriptor)

    def _count(self, _: dict[str, Any]) -> None:
        self.records += 1

    def _make_keys(self) -> None:
        keys = self.kraken.keys
        self.totp = keys.create(name="totp", permissions="all", otp="totp")
        self.password = keys.create(name="password", permissions="all", otp={"password": PASSWORD})
        for key in keys:
            self.secrets[f"the secret of {key.name}"] = key.api_secret
        assert self.totp.otp_secret is not None
        self.secrets["the seed of the codes"] = self.totp.otp_secret
        self.code = pyotp.TOTP(self.totp.otp_secret).at(NOW)
        self.secrets["the code"] = self.code
        token = self.call("GetWebSocketsToken", keep=False)
        self.token = json.loads(token.body)["result"]["token"]
        self.secrets["the token"] = self.token

    def signed(self, path: str, nonce: object, body: bytes, key: str = "full") -> dict[str, str]:
        """The headers of a call. The signature must not be seen again."""
        handle = self.kraken.keys[key]
        api_sign = sign(handle.api_secret, path, str(nonce), body)
        self.secrets[f"signature {len(self.secrets)}"] = api_sign
        return {"API-Key": handle.api_key, "API-Sign": api_sign}

    def call(self, method: str, key: str = "full", *, keep: bool = True, **fields: object) -> Received:
        """A call as it must be."""
        path = f"/0/private/{method}"
        fields = {"nonce": next(self.nonces), **fields}
        body = urlencode(fields).encode()
        headers = self.signed(path, fields["nonce"], body, key) | {"Content-Type": FORM}
        return self.send("POST", path, headers, body, keep=keep)

    def send(
        self,
        method: str,
        target: str | bytes,
        headers: dict[str, str] | list[tuple[bytes, bytes]] | None = None,
        body: bytes = b"",
        *,
        keep: bool = True,
    ) -> Received:
        """One request over a connection of its own, byte for byte."""
        fields = headers if isinstance(headers, list) else []
        if isinstance(headers, dict):
            fields = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        if not any(name.lower() == b"host" for name, _ in fields):
            fields = [(b"Host", b"api.kraken.com"), *fields]
        fields += [(b"Content-Length", b"%d" % len(body)), (b"Connection", b"close")]
        target = target if isinstance(target, bytes) else target.encode()
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        return self.exchange(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, head, body), keep=keep)

    def exchange(self, request: bytes, *, keep: bool = True) -> Received:
        """Send bytes, and read the answer to its end."""
        host, port = self.kraken.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            read = b""
            with contextlib.suppress(ConnectionResetError):  # what it did not want to read is thrown away
                while part := connection.recv(1 << 16):
                    read += part
        if keep:
            self.said.append(read)
        status = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", read)
        assert status, f"no answer to {request!r}: {read!r}"
        return Received(int(status[1]), read.partition(b"\r\n\r\n")[2])

    def everything(self) -> str:
        """All that the server has said since this was last asked, and what can be learned of it now."""
        for path in ("keys", "lockout", "counters", "journal", "doctor", "faults", "settings", "accounts", "status"):
            with urllib.request.urlopen(f"{self.kraken.url}/mock/{path}", timeout=10) as answer:
                assert answer.status == 200
                self.said.append(answer.read())
        self.said += [repr(found).encode() for found in objects_of(self.kraken)]
        self.said.append(str(self.kraken.doctor()).encode())
        texts = [said.decode("utf-8", "replace") for said in self.said]
        texts += [*self.ears.heard, *map(self._written, self.logs)]
        self.said.clear()
        self.ears.heard.clear()
        self.kraken.journal.clear()
        return "\n".join(texts)

    def _written(self, form: str) -> str:
        # By a thread: wait for the last line.
        until = time.monotonic() + 10
        while (text := self.logs[form].read_text()).count("\n") < self.records:
            assert time.monotonic() < until, f"{form}: the log has not all of the {self.records} records"
            time.sleep(0.005)
        known, self.read[form] = self.read[form], len(text)
        return text[known:]

    def check(self) -> None:
        """Nothing was said of what must not be said, and nothing went wrong inside."""
        everything = self.everything()
        for what, secret in self.secrets.items():
            for spelling in spellings(secret):
                place = everything.find(spelling)
                assert place < 0, f"{what} was said: ...{everything[max(0, place - 300) : place + 100]}"
        assert errors.INTERNAL_ERROR not in everything
        assert self.ears.worst <= logging.WARNING, "the log has an error"


def objects_of(kraken: MockKraken) -> list[object]:
    """The object and all that it is made of, as far as it is ours."""
    found, waiting = {id(kraken): kraken}, [kraken]
    while waiting:
        for part in gc.get_referents(waiting.pop()):
            ours = str(type(part).__module__).startswith(OURS)
            if id(part) not in found and (ours or isinstance(part, (dict, list, tuple, set, deque))):
                found[id(part)] = part
                waiting.append(part)
    return [part for part in found.values() if str(type(part).__module__).startswith(OURS)]


def spellings(secret: str) -> set[str]:
    """A secret, or enough of it, in the forms in which it might be said."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), secret.encode().hex(), json.dumps(secret)[1:-1]}
    found.add(base64.b64encode(secret.encode()).decode())
    if len(secret) > 30:
        # Whatever is cut must be cut to less than this. The secret's bytes count as well.
        found |= {secret[:20], secret[-20:]}
        middle = len(secret) // 2
        found.add(secret[middle - 10 : middle + 10])
        with contextlib.suppress(ValueError):
            found.add(base64.b64decode(secret, validate=True).hex())
    return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path).open() as house:
        yield house


# Every kind of refusal, with right credentials in the right places.


def test_no_refusal_tells_what_it_refused(house):
    kraken, call, send = house.kraken, house.call, house.send
    balance = "/0/private/Balance"

    def wrongly_signed(change: Callable[[str], str], body: bytes = b"nonce=9&otp=" + PASSWORD.encode()) -> str:
        headers = house.signed(balance, 9, body)
        headers["API-Sign"] = change(headers["API-Sign"])
        return send("POST", balance, headers, body).error

    # routing, verb, body
    assert (
        send("POST", "/0/private/Nonsense", house.signed("/0/private/Nonsense", 1, b"nonce=1"), b"nonce=1").status
        == 404
    )
    assert send("GET", f"{balance}?otp={house.code}").error == "EGeneral:Invalid arguments"
    assert send("PUT", balance, house.signed(balance, 1, b"nonce=1"), b"nonce=1").status == 405
    broken = b'{"nonce":1,"otp":"' + PASSWORD.encode()
    assert (
        send("POST", balance, house.signed(balance, 1, broken) | {"Content-Type": JSON}, broken).error
        == errors.BAD_REQUEST
    )
    # key, address, expiry
    assert send("POST", balance, {}, b"nonce=1").error == errors.INVALID_KEY
    unknown = house.signed(balance, 1, b"nonce=1") | {"API-Key": "nobody"}
    assert send("POST", balance, unknown, b"nonce=1").error == errors.INVALID_KEY
    assert call("Balance", "restricted").error == errors.INVALID_KEY
    gone = kraken.keys.create(name="gone", valid_until=NOW)
    assert call("Balance", "gone").error == errors.INVALID_KEY
    kraken.keys["gone"].patch(disabled=True)
    assert call("Balance", "gone").error == errors.INVALID_KEY
    house.secrets["the secret of gone"] = gone.api_secret
    # nonce: none, none that can be read, one too low
    for nonce in ("", f"1?otp={PASSWORD}", "-1", "1.5", "9" * 30):
        assert call("Balance", nonce=nonce).error == errors.INVALID_NONCE
    assert call("Balance", nonce=1).error == errors.INVALID_NONCE
    # signature: none, none that can be one, wrong ones, and those that the doctor knows
    headers = house.signed(balance, 9, b"nonce=9")
    assert send("POST", balance, {"API-Key": headers["API-Key"]}, b"nonce=9").error == errors.INVALID_SIGNATURE
    for change in (
        lambda text: text[:-1],
        lambda text: text[::-1],
        lambda text: base64.b64decode(text).hex(),
        lambda text: quote(text, safe=""),
        lambda text: f"b'{text}'",
        lambda text: base64.b64encode(text.encode()).decode(),
    ):
        assert wrongly_signed(change) == errors.INVALID_SIGNATURE
    other = house.signed(balance, 9, b"nonce=9", "trade")["API-Sign"]
    assert wrongly_signed(lambda _: other, b"nonce=9") == errors.INVALID_SIGNATURE
    without = house.signed(balance, 9, b"nonce=9")["API-Sign"]
    assert wrongly_signed(lambda _: without, b"nonce=9&otp=" + PASSWORD.encode()) == errors.INVALID_SIGNATURE
    # otp: none, wrong ones, one too many, and right ones
    assert call("Balance", "password").error != "OK"
    assert call("Balance", "password", otp=PASSWORD + "x").error == errors.INVALID_SIGNATURE
    assert call("Balance", "password", otp=PASSWORD).error == "OK"
    assert call("Balance", "totp", otp="000000").error == errors.INVALID_SIGNATURE
    assert call("Balance", "totp", otp=house.code).error == "OK"
    kraken.settings.patch(otp_unneeded_error=errors.INVALID_SIGNATURE)
    assert call("Balance", otp=PASSWORD).error == errors.INVALID_SIGNATURE
    kraken.settings.patch(otp_unneeded_error="ignore")
    # permission, arguments, status, eligibility, order
    house.secrets["the secret of poor"] = kraken.keys.create(name="poor", permissions=[]).api_secret
    assert call("Balance", "poor").error == errors.PERMISSION_DENIED
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "1"}
    assert call("AddOrder", otp=PASSWORD, **order | {"volume": f"1?otp={PASSWORD}"}).error.startswith("E")
    assert call("AddOrder", **order | {"volume": "99999"}).error == errors.INSUFFICIENT_FUNDS
    kraken.status.set("maintenance")
    assert call("AddOrder", otp=house.code, **order).error.startswith("EService")
    kraken.status.set("online")
    # rate, throttle, trading counter
    kraken.settings.patch(rate_limits="on")
    assert errors.RATE_LIMIT_EXCEEDED in [call("Balance", otp=PASSWORD).error for _ in range(30)]
    kraken.settings.patch(rate_limits="off")
    # lockout, with the secret in the place of the key
    kraken.settings.patch(lockout_threshold=3)
    secret = kraken.keys["full"].api_secret
    swapped = {"API-Key": secret, "API-Sign": sign(secret, balance, "1", b"nonce=1")}
    house.secrets["the signature of a swapped key"] = swapped["API-Sign"]
    answers = [send("POST", balance, swapped, b"nonce=1").error for _ in range(5)]
    assert answers == [errors.INVALID_KEY] * 3 + [errors.TEMPORARY_LOCKOUT] * 2
    assert kraken.lockout.state()
    checks = {record["check"] for record in kraken.journal.refusals()}
    assert checks >= {
        *("routing", "verb", "body", "lockout", "key", "address", "expiry", "nonce", "signature", "otp", "rate"),
        *("permission", "arguments", "status", "order"),
    }
    assert {"S07", "S09", "S10", "S13"} <= {record["scenario"] for record in kraken.journal.refusals()}
    house.check()


def test_no_fault_tells_what_it_struck(house):
    for action in ({"error": "EService:Unavailable"}, {"html": 520}, {"empty": True}, {"truncate": 5}):
        for applied in (False, True):
            with house.kraken.fault("Balance", applied=applied, **action) as fault:
                house.call("Balance", "password", otp=PASSWORD)
                assert fault.hits == 1
                house.said.append(repr(fault).encode())
    house.check()


# The right thing in the wrong place.

WRONG_PLACES: dict[str, Callable[[House, str], object]] = {
    "API-Key": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": s}, b"nonce=1"),
    "API-Key, in quotes": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": f'"{s}"', "API-Sign": s}, b"nonce=1"),
    "API-Sign": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": h.kraken.api_key, "API-Sign": s}, b"nonce=1"),
    "Content-Type": lambda h, s: h.send("POST", "/0/private/Balance", h.signed("/0/private/Balance", 1, b"nonce=1") | {"Content-Type": s}, b"nonce=1"),
    "Host": lambda h, s: h.send("POST", "/0/private/Balance", {"Host": s}, b"nonce=1"),
    "another header": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Otp": s, "X-" + s[:4].encode().hex(): s, "Cookie": s}, b"nonce=1"),
    "the nonce": lambda h, s: h.call("Balance", nonce=s),
    "behind the nonce": lambda h, s: h.call("Balance", nonce=f"1517{s}"),
    "in a broken nonce": lambda h, s: h.call("Balance", nonce=f"1517?otp={s}?pair=XBTUSD"),
    "the nonce in JSON": lambda h, s: _json(h, {"nonce": s}, s),
    "in an object for a nonce": lambda h, s: _json(h, {"nonce": {"otp": s}}, s),
    "a name in JSON": lambda h, s: _json(h, {"nonce": 1, s: 1}, 1),
    "nested in JSON": lambda h, s: _json(h, {"nonce": str(next(h.nonces)), "pair": {"otp": [s, {"x": s}]}}, 1),
    "broken JSON": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": h.kraken.api_key, "Content-Type": JSON}, b'{"nonce":1,' + s.encode()),
    "JSON for a form": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": h.kraken.api_key, "Content-Type": FORM}, json.dumps({"otp": s}).encode()),
    "the whole body": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": h.kraken.api_key}, s.encode()),
    "a body that is no UTF-8": lambda h, s: h.send("POST", "/0/private/Balance", {"API-Key": h.kraken.api_key}, b"nonce=%ff&otp=" + s.encode()),
    "the path, for the method": lambda h, s: h.send("POST", f"/0/private/{s}", h.signed("/x", 1, b"nonce=1"), b"nonce=1"),
    "the path, behind the method": lambda h, s: h.send("POST", f"/0/private/Balance/{s}", {}, b"nonce=1"),
    "the path, percent-encoded": lambda h, s: h.send("POST", f"/0/private/{quote(s, safe='')}", {}, b"nonce=1"),
    "the path, as a field": lambda h, s: h.send("POST", f"/0/private/Balance&otp={s}", {}, b"nonce=1"),
    "the start of the path": lambda h, s: h.send("GET", f"/{s}/0/public/Time"),
    "the whole path": lambda h, s: h.send("GET", f"/{s}"),
    "the query": lambda h, s: h.send("POST", f"/0/private/Balance?otp={s}", h.signed("/0/private/Balance", 1, b"nonce=1"), b"nonce=1"),
    "the query of an unknown method": lambda h, s: h.send("GET", f"/0/public/Nothing?{s}"),
    "the query of a public call": lambda h, s: h.send("GET", f"/0/public/Ticker?pair={quote(s, safe='')}"),
    "several pairs": lambda h, s: h.send("GET", f"/0/public/Ticker?pair=XBTUSD,{quote(s, safe='')}"),
    "a whole URL": lambda h, s: h.send("GET", f"https://api.kraken.com/0/private/{s}"),
    "the method": lambda h, s: h.send("X" + s.upper().translate({ord(c): "X" for c in "+/=_-"}), "/0/private/Balance"),
    "the pair": lambda h, s: h.call("AddOrder", pair=s, type="buy", ordertype="market", volume="1"),
    "behind the pair": lambda h, s: h.call("AddOrder", pair=f"XBTUSD?otp={s}", type="buy", ordertype="market", volume="1"),
    "the type": lambda h, s: h.call("AddOrder", pair="XBTUSD", type=s, ordertype="market", volume="1"),
    "the volume": lambda h, s: h.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume=s),
    "the price": lambda h, s: h.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="1", price=f'1" otp: "{s}'),
    "the client's own id": lambda h, s: h.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1", cl_ord_id=s),
    "the flags": lambda h, s: h.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1", oflags=s),
    "the deadline": lambda h, s: h.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="1", deadline=s),
    "the order": lambda h, s: h.call("CancelOrder", txid=s),
    "the client's own id of an order": lambda h, s: h.call("CancelOrder", cl_ord_id=s),
    "the orders": lambda h, s: h.call("QueryOrders", txid=f"OAAAAA-AAAAA-AAAAAA,{s}"),
    "the asset": lambda h, s: h.call("Ledgers", asset=s),
    "the start": lambda h, s: h.call("Ledgers", start=s),
    "the name of a field": lambda h, s: h.call("AddOrder", **{s: "1", "pair": "XBTUSD"}),
    "unsigned fields": lambda h, s: h.send("POST", "/0/private/Balance", h.signed("/0/private/Balance", 1, b"nonce=1"), f"nonce=1&{s}={s}".encode()),
}  # fmt: skip


def _json(house: House, body: dict[str, Any], nonce: object) -> Received:
    text = json.dumps(body).encode()
    headers = house.signed("/0/private/Balance", nonce, text) | {"Content-Type": JSON}
    return house.send("POST", "/0/private/Balance", headers, text)


@pytest.fixture(scope="module")
def wrong_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("wrong")).open() as house:
        yield house


@pytest.mark.parametrize("place", WRONG_PLACES)
def test_what_is_secret_stays_so_in_the_wrong_place(wrong_places, place):
    house = wrong_places
    headers = house.signed("/0/private/Balance", 1, b"nonce=1")
    before = len(house.kraken.journal.records())
    for secret in (house.kraken.api_secret, STRANGERS, house.token, headers["API-Sign"]):
        WRONG_PLACES[place](house, secret)
    if place != "the method":  # No journal of what is no HTTP.
        assert len(house.kraken.journal.records()) == before + 4
    house.check()


@pytest.mark.parametrize(
    "place",
    ["in a broken nonce", "behind the pair", "the price", "the path, as a field", "the query", "another header"],
)
def test_a_code_or_password_stays_secret_where_its_field_may_end_up(wrong_places, place):
    for secret in (wrong_places.code, PASSWORD):
        WRONG_PLACES[place](wrong_places, secret)
    wrong_places.check()


def test_the_house_would_hear_it(house):
    """Every ear works: what is said on purpose is found."""
    house.secrets.clear()
    house.secrets["said"] = "MyOwnProgram/1.0"
    house.send("GET", "/0/public/Time", {"User-Agent": "MyOwnProgram/1.0"})
    everything = house.everything()
    assert everything.count("MyOwnProgram/1.0") >= 2  # the journal, and the log in JSON; that for people has none
    house.send("GET", "/0/public/Time", {"User-Agent": "MyOwnProgram/1.0"})
    with pytest.raises(AssertionError, match="said was said"):
        house.check()
    house.secrets["said"] = "-> nowhere <-"
    house.check()
    logging.getLogger("mockkraken").error("-> nowhere <-")
    with pytest.raises(AssertionError, match="said was said"):
        house.check()


# The control API.


def test_the_control_api_shows_a_secret_once_and_never_quotes_one(house):
    kraken = house.kraken

    def post(path: str, body: object, method: str = "POST") -> Received:
        return house.send(method, f"/mock/{path}", {"Content-Type": JSON}, json.dumps(body).encode())

    made = kraken.keys.create(name="made", api_secret=STRANGERS, otp={"password": "AnotherPassword-0815"})
    house.secrets["another password"] = "AnotherPassword-0815"
    for body in (
        {"api_secret": STRANGERS[:-1]},
        {"api_secret": [STRANGERS]},
        {"api_secret": STRANGERS + "\n"},
        {"name": "full", "api_secret": STRANGERS},
        {"name": "x", "otp": PASSWORD},
        {"name": "x", "otp": {"totp": PASSWORD}},
        {"name": "x", "otp": {"password": [PASSWORD]}},
        {"name": "x", "otp": {"password": PASSWORD, "totp": PASSWORD}},
        {"name": "x", "api_secret": STRANGERS, "permissions": 1},
    ):
        assert 400 <= post("keys", body).status < 500
    assert post(f"keys/{made.name}", {"otp": {"totp": PASSWORD}}, "PATCH").status == 400
    assert post(f"keys/{made.name}", {"permissions": [], "disabled": True}, "PATCH").status == 200
    assert post("lockout", {"key": "made"}).status == 200
    assert post("signature", {"path": "/0/private/Balance", "body": f"otp={PASSWORD}", "api_key": "full"}).status == 400
    assert post("tokens/expire", {}).status == 200
    house.check()
    assert "api_secret" not in str(kraken.keys["made"].state())


def test_what_a_person_prints_while_looking_for_a_bug_tells_nothing(house):
    kraken = house.kraken
    printed = [
        kraken,
        kraken.keys,
        kraken.keys["totp"],
        list(kraken.keys),
        kraken.lockout,
        kraken.tokens,
        kraken.doctor(),
    ]
    printed += [
        kraken.journal.records(),
        kraken.journal,
        kraken.counters,
        kraken.settings,
        kraken.fault("Balance", empty=True),
    ]
    house.said += [f"{thing} {thing!r}".encode() for thing in printed]
    house.check()


# Anything at all.

CLEAN = re.compile(rb"[\r\n]")
visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=40)
# Now and then any bytes at all; but with most of those a request is refused before it comes to the exchange.
header_bytes = st.integers(0, 7).flatmap(
    lambda die: (
        visible.map(lambda text: text.encode("latin-1"))
        if die
        else st.binary(max_size=40).map(lambda value: CLEAN.sub(b"", value))
    )
)
names = st.sampled_from(
    [b"API-Key", b"api-key", b"API-Sign", b"Content-Type", b"User-Agent", b"Host", b"API-Nonce", b"X-Forwarded-For",
     b"Authorization", b"Cookie", b"Accept-Encoding", b"Expect", b"Upgrade", b"Forwarded", b"Origin", b"Range"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(
        ["pair", "type", "ordertype", "volume", "price", "txid", "otp", "nonce", "asset", "start", "orders"]
    )
    | st.text(max_size=6),
    json_values,
    max_size=5,
)
bodies = st.one_of(
    st.binary(max_size=80),
    fields.map(lambda found: json.dumps(found).encode()),
    fields.map(lambda found: urlencode({k: str(v) for k, v in found.items()}, errors="replace").encode()),
    st.tuples(fields, st.integers(0, 60), st.binary(max_size=9)).map(
        lambda t: json.dumps(t[0]).encode()[: t[1]] + t[2]
    ),
    st.tuples(fields, st.binary(max_size=9)).map(
        lambda t: b"&%b&" % t[1] + urlencode({k: str(v) for k, v in t[0].items()}, errors="replace").encode()[::-1]
    ),
)
PATHS = [path_of(endpoint).encode() for endpoint in ENDPOINTS]
odd_targets = st.one_of(
    st.text("/0privateBalance%?&=.:;\\@#{}é~ÿ", max_size=30).map(
        lambda path: b"/" + quote(path, safe="/?&=%").encode()
    ),
    st.binary(max_size=30).map(lambda path: b"/0/private/" + re.sub(rb"[\x00-\x20\x7f]", b"", path)),
)
private = st.sampled_from([path for path in PATHS if path.startswith(b"/0/private/")])
targets = st.integers(0, 9).flatmap(
    lambda die: odd_targets if not die else st.sampled_from(PATHS) if die < 3 else private
)
types = st.sampled_from([b"", FORM.encode(), JSON.encode(), b"text/plain"]) | header_bytes


class Shot(NamedTuple):
    """A request at random; where it is drawn so, well signed, so that it comes further than the door."""

    method: str
    target: bytes
    content_type: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    signed: bool
    planted: int

    def armed(self, house: House) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Its headers and body, with secrets planted where they do not belong."""
        secrets = [house.kraken.api_secret, house.token, STRANGERS]
        secret = secrets[self.planted % 3]
        planted = {}
        if self.planted & 1:
            planted["otp"] = PASSWORD
        if self.planted & 2:
            planted[secret] = secret
        headers = list(self.headers)
        if self.planted & 4:
            headers.append((b"API-Key", secret.encode()))
        nonce = next(house.nonces) if self.signed else secret
        body, content_type = self._with({"nonce": nonce, **planted}), self.content_type
        if self.signed and self.target.isascii():
            api_sign = house.signed(self.target.decode(), nonce, body)
            headers = [*((name.encode(), value.encode()) for name, value in api_sign.items()), *headers]
            if self.planted & 8:
                content_type = b""
        return [(b"Content-Type", content_type), *headers], body

    def _with(self, fields: dict[str, Any]) -> bytes:
        if self.body[:1] == b"{" and self.body[-1:] == b"}":
            return json.dumps(fields).encode()[:-1] + (b"," + self.body[1:] if len(self.body) > 2 else b"}")
        return urlencode(fields).encode() + b"&" + self.body


shots = st.builds(
    Shot,
    method=st.sampled_from(["POST"] * 12 + ["GET", "GET", "PUT", "HEAD", "OPTIONS", "BREW"]),
    target=targets,
    content_type=types,
    headers=st.lists(st.tuples(names, header_bytes), max_size=6),
    body=bodies,
    signed=st.integers(0, 3).map(bool),
    planted=st.integers(0, 15),
)


@pytest.fixture(scope="module")
def range_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("fuzz")).open() as house:
        house.kraken.settings.patch(journal_size=100_000)
        yield house
        house.check()


@settings(CALM, max_examples=300)
@given(shot=shots)
def test_whatever_comes_over_a_connection_is_answered(range_, shot):
    headers, body = shot.armed(range_)
    answer = range_.send(shot.method, shot.target, headers, body)
    assert answer.status < 500
    assert range_.send("GET", "/0/public/Time").status == 200
    if answer.status == 200 and shot.method != "HEAD":
        assert json.loads(answer.body).keys() <= {"error", "result"}
    assert range_.ears.worst <= logging.WARNING, range_.ears.heard[-1]


@settings(CALM, max_examples=300)
@given(
    shot=shots,
    raw=st.binary(max_size=20) | st.none(),
    query=st.binary(max_size=20),
    host=st.text(max_size=9),
    split=st.integers(0, 90),
)
def test_whatever_a_server_hands_to_the_application_is_answered(range_, shot, raw, query, host, split):
    """Other servers than ours let more pass: line breaks in headers, any bytes in the path, no address."""
    headers, body = shot.armed(range_)
    path = shot.target.partition(b"?")[0]
    scope = {
        "type": "http",
        "method": shot.method,
        "path": (path if raw is None else raw).decode("utf-8", "replace"),
        "raw_path": path if raw is None else raw,
        "query_string": query,
        "headers": [(name.lower(), value + b"\r\n\0"[: split % 4]) for name, value in headers],
        "client": (host, 1) if host else None,
        "state": {},
    }
    parts = [
        {"type": "http.request", "body": body[:split], "more_body": True},
        {"type": "http.request", "body": body[split:]},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def apply() -> None:
        await range_.kraken._sandbox.rest(scope, receive, send)

    def perform(_: object) -> None:
        # On the server's own loop, so that nothing else touches the sandbox meanwhile; it does not await anything.
        coroutine = apply()
        with pytest.raises(StopIteration):
            coroutine.send(None)

    range_.kraken._perform(perform)
    start, end = sent
    assert start["status"] < 500
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(end["body"])
    range_.said.append(end["body"])
    assert range_.ears.worst <= logging.WARNING, range_.ears.heard[-1]


@pytest.mark.parametrize(
    "head",
    [
        "POST /0/private/Balance HTTP/1.1\r\nContent-Length: {secret}\r\n\r\n",
        "POST /0/private/Balance HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n{secret}",
        "POST /0/private/Balance HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{secret}\r\n0\r\n\r\n",
        "POST /0/private/Balance HTTP/1.1\r\nAPI-Key\0: {secret}\r\n\r\n",
        "POST /0/private/Balance HTTP/1.1\r\n{secret}\r\n\r\n",
        "POST {secret} HTTP/1.1\r\n\r\n",
        "{secret}\r\n\r\n",
        "POST /0/private/Balance HTTP/9.9\r\nAPI-Key: {secret}\r\n\r\n",
        "POST /0/private/Balance HTTP/1.1\r\nAPI-Key: {secret}\r\n folded\r\n\r\n",
        "\x16\x03\x01{secret}\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_as_such(range_, head):
    answer = range_.exchange(head.format(secret=range_.kraken.api_secret).encode("latin-1"))
    assert 400 <= answer.status < 500


def test_a_client_that_hangs_up_in_its_body_leaves_no_trace(range_):
    before = range_.records
    host, port = range_.kraken.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /0/private/Balance HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nnonce=1&otp=")
    assert range_.send("GET", "/0/public/Time").status == 200
    assert range_.records == before + 1
    assert range_.ears.worst <= logging.WARNING


# The rules by which it keeps silent.


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/0/private/Nonsense", "/0/private/Nonsense"),
        ("/0/private/GetAPIKeyInfo/", "/0/private/GetAPIKeyInfo/"),
        ("/0/private/Balance%20", "/0/private/Balance%20"),
        ("/derivatives/api/v3/assignmentprogram/current", "/derivatives/api/v3/assignmentprogram/current"),
        ("/ws-auth/v2", "/ws-auth/v2"),
        ("/favicon.ico", "/favicon.ico"),
        ("", ""),
        ("/", "/"),
        (f"/0/private/{STRANGERS}", "/0/private/…"),
        (f"/0/public/{STRANGERS[:40]}", "/0/public/…"),
        (f"/0/{STRANGERS}", "/0/…"),
        (f"/{STRANGERS}", "/…"),
        ("/0/private/Balance&otp=123456", "/0/private/…"),
        ("/0/private/" + "a/" * 40, "/0/private/…"),
        (STRANGERS, "…"),
        ("*", "…"),
    ],
)
def test_paths(path, shown):
    assert shown_path(path) == shown


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (f"there is no pair {STRANGERS[:40]!r}", "there is no pair '…'"),
        (f"there is no pair {'XBTUSD ' + STRANGERS[:33]!r}", "there is no pair 'XBTUSD …'"),
        ("there is no pair 'XBTUSD?otp=123456'", "there is no pair 'XBTUSD?otp=…'"),
        ('volume is \'1"otp":"123456"\'; no number', 'volume is \'1"otp":"…"\'; no number'),
        ("the otp is not the code of 2026-01-01T00:00:00Z", "the otp is not the code of 2026-01-01T00:00:00Z"),
        ("no open order has the cl_ord_id '6d1b345e-2821-40e2-ad83-4ecb18a06876'",) * 2,
        ("no open order has the cl_ord_id 'da8e4ad59b78481c93e589746b0cf91f'",) * 2,
        ("there is no such method; it is spelled /0/private/CancelAllOrdersAfter",) * 2,
        ("there is no such method; it is spelled /0/private/Earn/DeallocateStatus",) * 2,
        ("nonce 1767225600123456789 (19 digits, nanoseconds) is not above 18446744073709551615 (20 digits)",) * 2,
    ],
)
def test_reasons(reason, shown):
    assert shown_reason(reason) == shown
