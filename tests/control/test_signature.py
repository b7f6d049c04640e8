"""`POST /mock/signature` and `MockKraken.signature`: what a private call must be signed with, step by step."""

from __future__ import annotations

import hashlib
import json

import pytest

from mockkraken.control.errors import ControlError

DOC = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
SDK = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
T = "1616492376594"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"

# Known answers of Kraken's documentation and of official clients (kraken/10 §1.5).
VECTORS = {
    "D0": (
        DOC,
        "AddOrder",
        T,
        f"nonce={T}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
    ),
    "S1": (
        SDK,
        "Balance",
        "1700000000000000000",
        "nonce=1700000000000000000",
        "6i7+cpXVLDDnDOekgsRcgFQhkYFyPDSSxhSVA8OrA6vjziXcy2K1DP3n7f9B/Kgni71WjBSQusZKxduRsdF20Q==",
    ),
    "K4": (
        DOC,
        "AddOrder",
        T,
        '{"nonce":1616492376594,"ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}',
        "kMkTQfyYJH05IdnWQ9TIqL9Kq+dKqcD5O/TGPPLRwwy1is/YvqEYtMAHf7tXsqwfbLwp7pbzJzWHxzKPnL8rfA==",
    ),
}


@pytest.mark.parametrize(("secret", "method", "nonce", "body", "api_sign"), VECTORS.values(), ids=VECTORS)
def test_known_answers_with_each_step(browser, secret, method, nonce, body, api_sign):
    key = browser.ok("POST", "/keys", {"name": "signer", "api_secret": secret})
    path = f"/0/private/{method}"
    digest = hashlib.sha256((nonce + body).encode())
    steps = {
        "api_sign": api_sign,
        "nonce": nonce,
        "sha256_hex": digest.hexdigest(),
        "path": path,
        "message_hex": (path.encode() + digest.digest()).hex(),
    }
    for name in ("signer", key["api_key"]):
        assert browser.ok("POST", "/signature", {"path": path, "body": body, "api_key": name}) == steps


@pytest.mark.parametrize(
    ("path", "signed"),
    [
        ("/0/private/Balance", "/0/private/Balance"),
        ("/0/private/Balance?a=%5B&b=+", "/0/private/Balance?a=%5B&b=+"),
        ("/sandbox/w3/0/private/Balance", "/0/private/Balance"),
        ("https://api.kraken.com/0/private/Balance?a=1", "/0/private/Balance?a=1"),
        ("/0/public/Time", "/0/public/Time"),
    ],
)
def test_the_path_is_cut_to_what_is_signed(browser, path, signed):
    assert browser.ok("POST", "/signature", {"path": path, "body": "nonce=1", "api_key": "full"})["path"] == signed


@pytest.mark.parametrize(
    ("body", "content_type", "sent_as"),
    [
        ("nonce=0012", None, FORM),
        ("asset=XBT&nonce=13&nonce=14", None, FORM),
        ('{"nonce": 15}', None, JSON),
        (' {"nonce": "0016", "x": "é"}', JSON, JSON),
    ],
)
def test_the_gate_lets_in_what_it_signs_once(browser, kraken, body, content_type, sent_as):
    kraken.keys["full"].set_nonce(11)
    path = "/0/private/Balance"
    given = {"path": path, "body": body, "api_key": "full", "content_type": content_type}
    signed = browser.ok("POST", "/signature", given)
    assert kraken.keys["full"].highest == 11
    headers = {"API-Key": kraken.api_key, "API-Sign": signed["api_sign"], "Content-Type": sent_as}
    assert browser.request("POST", path, body.encode(), headers).json["error"] == []
    assert kraken.keys["full"].highest == int(signed["nonce"])
    assert browser.request("POST", path, body.encode(), headers).json["error"] == ["EAPI:Invalid nonce"]


@pytest.mark.parametrize(
    ("change", "refusal", "says"),
    [
        ({"api_key": "nobody"}, (404, "unknown", "api_key"), "there is no key 'nobody'"),
        ({"body": "asset=XBT"}, (400, "invalid", "body"), "there is no nonce in the body"),
        ({"body": ""}, (400, "invalid", "body"), "there is no nonce in the body"),
        ({"body": None}, (400, "invalid", "body"), "there is no nonce in the body"),
        ({"body": "nonce=1.5"}, (400, "invalid", "body"), "1.5"),
        ({"body": '{"nonce": '}, (400, "invalid", "body"), "malformed"),
        ({"body": '{"nonce": 1}', "content_type": FORM}, (400, "invalid", "body"), "announced as a form"),
        ({"body": {"nonce": 1}}, (400, "invalid", "body"), "body does not take that"),
        ({"path": "/private/Balance"}, (400, "invalid", "path"), "starts with /0/"),
        ({"path": "Balance"}, (400, "invalid", "path"), "'Balance'"),
        ({"path": ""}, (400, "invalid", "path"), "starts with /0/"),
        ({"path": "/0/private/Bälance"}, (400, "invalid", "path"), "ASCII"),
        ({"secret": "x"}, (400, "invalid", "secret"), "there is no 'secret'"),
    ],
)
def test_what_is_wrong_is_named(browser, change, refusal, says):
    answer = browser.mock(
        "POST", "/signature", {"path": "/0/private/Balance", "body": "nonce=1", "api_key": "full"} | change
    )
    assert answer.refusal == refusal
    assert says in answer.json["error"]["message"]


@pytest.mark.parametrize("missing", ["path", "api_key"])
def test_what_is_missing_is_named(browser, missing):
    given = {"path": "/0/private/Balance", "body": "nonce=1", "api_key": "full"}
    del given[missing]
    assert browser.mock("POST", "/signature", given).refusal == (400, "invalid", missing)


def test_the_python_object_signs_with_the_default_key_or_another(browser, kraken):
    path, body = "/0/private/Balance", json.dumps({"nonce": "7"})
    given = {"path": path, "body": body}
    assert kraken.signature(path, body) == browser.ok("POST", "/signature", given | {"api_key": "full"})
    assert kraken.signature(path, body, "trade") == browser.ok("POST", "/signature", given | {"api_key": "trade"})
    assert kraken.signature(path, body) != kraken.signature(path, body, kraken.keys["trade"].api_key)
    with pytest.raises(ControlError) as refused:
        kraken.signature(path, body, content_type=FORM)
    assert refused.value.field == "body"
    for text in ("nonce=1&x=\ud800", '{"nonce": "\ud800"}'):
        with pytest.raises(ControlError, match="no text"):
            kraken.signature(path, text)
    with pytest.raises(ControlError, match="no text"):
        kraken.signature(path, body, content_type="\ud800")


def test_a_lone_surrogate_escaped_in_json_is_named_too(browser):
    given = {"path": "/0/private/Balance", "body": '{"nonce": "\\ud800"}', "api_key": "full"}
    assert browser.mock("POST", "/signature", given).refusal == (400, "invalid", "body")
