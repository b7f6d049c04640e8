"""API-Sign against vectors from Kraken's documentation, official clients and our own recomputation (kraken/10 §1.5)."""

# ruff: noqa: E501 - the vectors stand one on a line, as received

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockkraken.gate import signature
from mockkraken.gate.signature import Signer, sign

DOC = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
SDK = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
SUITE = "MTIzNGFiY2QxMjM0YWJjZDU2NzhlZjkwNTY3OGVmOTA="
CLI = "dGVzdF9zZWNyZXRfa2V5X2J5dGVzXzMyX2NoYXJzISE="
T = "1616492376594"
ORDER = "ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"

VECTORS = {
    "D0": (DOC, "AddOrder", T, f"nonce={T}&{ORDER}", "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="),
    "S1": (SDK, "Balance", "1700000000000000000", "nonce=1700000000000000000", "6i7+cpXVLDDnDOekgsRcgFQhkYFyPDSSxhSVA8OrA6vjziXcy2K1DP3n7f9B/Kgni71WjBSQusZKxduRsdF20Q=="),
    "V2": (SUITE, "BalanceEx", "1700000000000", "nonce=1700000000000", "O7ZTAeunaDvw+1minF1mLorGYT3WFaLOvt9noBw/Ztoj1YBuk/ssixJ3nh4mbD38EB0O2JXgUG5YlhAEqhLfQA=="),
    "V3": (SUITE, "AddOrder", "1700000000001", "nonce=1700000000001&ordertype=limit&pair=XXBTZUSD&type=buy&volume=0.5&price=30000.00&oflags=fciq&cl_ord_id=v1-dca-btc-3", "bVxUDJMXmu5cZT5dD1c0CPm08OM2Pui6DvB2LmaM0cKlKNxuJcvf5ebE5Zt/Iw7SJBDcXfzu5QV3+PyRFvhl9A=="),
    "V4": (SUITE, "Balance", "1700000000000", "nonce=1700000000000", "F8f5AtcXkzpES3p+qZ7LibfKErlraMXHLW8ekcte8eh7VTY0FdMp8n7q529T7TDFGV2u8VVkuZaXfQcsreTG9A=="),
    "C1": (CLI, "Balance", T, f"nonce={T}", "4X7nFc5U3rLzrjRGXsNIB/JXCS90F60ILkC/Xg9iGTvULGGPsq9GZd9UbcOK+FFNznOehsW5l/LIv4Rm5+caIg=="),
    "K1": (DOC, "Balance", T, f"nonce={T}", "1nH4vwR+8FHiYh1QT649xXkGd3JR3x0DWkgv3u9Ed/Qqv6KPtgQpEU4m+Emb/VgpEji3j1XNwI+HCbfXxmrTOg=="),
    "K2": (DOC, "AddOrder", T, f"{ORDER}&nonce={T}", "rFqGLqqw5WOQDfgNHwKclLJlmkS4aPSjAIenhCn0VoNNsvihOoaJy4N1eXKSKSUbJVPVAo8su+4GgxHdi6UwLw=="),
    "K3": (DOC, "Balance", T, f"nonce={T}&otp=123456", "jbyoyzbCFde1u0Rnp3ChMEofg5y4E4qpI247mcYicXoAi4c201b8GKM5LmshBvKP9WVm+UFHd710qkGBE0tRJw=="),
    "K4": (DOC, "AddOrder", T, '{"nonce":1616492376594,"ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}', "kMkTQfyYJH05IdnWQ9TIqL9Kq+dKqcD5O/TGPPLRwwy1is/YvqEYtMAHf7tXsqwfbLwp7pbzJzWHxzKPnL8rfA=="),
    "K5": (DOC, "AddOrder", T, '{"nonce": "1616492376594", "ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"}', "xpaEX6OcQ6HSAlpZQybyOfLGI4OeIxsMlrIkp+lsDFklwLDkE9m3+msq9MH2e3JTCc9Npg+/trh/iZirI1oSHQ=="),
    "K6": (DOC, "AddOrder", T, f"nonce={T}&{ORDER}&oflags=post%2Cfciq&expiretm=%2B10", "GgOx13EzJoYBAEk4fgDpAmaUcRJQwBURKMjVgknlYFf0KN8oo2gWDYEVkO2qIPG9pafnjZ+j5zUM2kOUwGUOrg=="),
    "K7": (DOC, "AddOrder", T, f"nonce={T}&{ORDER}&oflags=post,fciq&expiretm=+10", "u8vt0SR4+VSt6/lqo8FmLxF7EY7dfBdiPK0LnFRUjS9kyMfysVIJQ/Howly3nfTEo/xmPd1MlDzwEe0svTuhLQ=="),
    "K8": (DOC, "AddOrder", T, f"nonce={T}&{ORDER}&close[ordertype]=stop-loss&close[price]=35000", "U5Y28lnCLkyUyLuHfrpnIQmlAAUHWswgF08DW2WcjsFtdMGUZnY1ZjCH3vu0W4BfY+PTsK1cvy9C3niWcQGY8A=="),
    "K9": (DOC, "Balance", "18446744073709551615", "nonce=18446744073709551615", "Mmsf1qzw7toJw4Lp8saHlSw4td1mqP7TpAUTNmelk9jEFMRFz49ikM52HHDis34t+UpI4Up1hp9Ah5koCgsu7Q=="),
    "K10": (DOC, "CancelOrderBatch", T, '{"nonce":"1616492376594","orders":["OG5V2Y-RYKVL-DT3V3B","OP5V2Y-RYKVL-ET3V3B"]}', "7Ay2V+Mk86knhHj308x4X+OnfemQMEAzS2qyCQuPjFkfyR0s5UiDLQGmF663YuPKjgmh6OlXXgLvgrCijrC9pA=="),
}  # fmt: skip

# What typical client bugs make of vector D0.
BUGS = {
    "secret not decoded": "zA0LsmBEQjAhiVXDC0d286hCa9i387Mf1ZKLsYKEAfzW+x3m5FeiAkR7eoNxQ7ykM1KedtbCWKAZ4wyKRSmgfQ==",
    "nonce not prepended": "Z5k+Kt74bBDz+YmZ7doSlQkWwtXUmfNLPhcm4B94rRbgOj661gDhCxquNhAJrnZSDtKFA5CApNbeWvXb2EGUFg==",
    "hex digest": "zo+vrOtmhw2LH1Fh3GAqpXIqhgnLDTHJUiD6oiKNvJ4z8K6XEtgTTwr9ob8wbAF2rCRgTCD6KZSUz3JYQiekzg==",
    "path without /0": "BfkkPNdthLSlAlKyQhtMORrwsLNe5sgVSqQAtWepxm23hzTYKU5gXSwQXkbzo1rbhKacxGGJaO/QyMsJXc5ZIQ==",
    "whole URL": "5IHfbxv5a7q9bwMIwxuekZWPOl22rcrmLUTpZavTdvG0rsyiPZcNJJsVGUgeDtSSWTJ1TrbnQzOuKW2atlrC4A==",
}

vectors = pytest.mark.parametrize(("secret", "method", "nonce", "body", "api_sign"), VECTORS.values(), ids=VECTORS)


@vectors
def test_sign_gives_the_known_answer(secret, method, nonce, body, api_sign):
    assert sign(secret, f"/0/private/{method}", nonce, body.encode()) == api_sign


@vectors
def test_the_gate_admits_the_known_answer(new_bot, secret, method, nonce, body, api_sign):
    bot = new_bot(api_secret=secret)
    assert bot.post(f"/0/private/{method}", body, api_sign) == "OK"
    assert bot.key.nonce.highest == int(nonce)


@vectors
def test_the_gate_refuses_it_for_any_other_path_body_or_key(new_bot, secret, method, nonce, body, api_sign):
    bot, other = new_bot(api_secret=secret), new_bot()
    assert bot.post(f"/0/private/{method}X", body, api_sign) == "EAPI:Invalid signature"
    assert bot.post(f"/0/private/{method}", body.replace("nonce", "other=1&nonce", 1), api_sign) != "OK"
    assert other.post(f"/0/private/{method}", body, api_sign) == "EAPI:Invalid signature"
    assert bot.key.nonce.highest == other.key.nonce.highest == 0


@pytest.mark.parametrize("api_sign", BUGS.values(), ids=BUGS)
@pytest.mark.parametrize(
    ("dialect", "answer"), [("documented", "EAPI:Invalid signature"), ("observed", "EAPI:Invalid key")]
)
def test_typical_bugs_are_refused_by_the_dialect(new_bot, settings, dialect, answer, api_sign):
    settings.dialect = dialect
    bot = new_bot("signer", api_secret=DOC)
    assert bot.post("/0/private/AddOrder", VECTORS["D0"][3], api_sign) == answer
    assert bot.refusal.check == "signature"
    assert bot.refusal.reason.startswith(
        "API-Sign is not what the secret of 'signer' gives for the path /0/private/AddOrder, nonce 1616492376594 "
        "and the body of 80 bytes as sent; it is what comes out when "
    )


def test_escaping_is_part_of_what_is_signed(new_bot):
    bot = new_bot(api_secret=DOC)
    escaped, unescaped = VECTORS["K6"], VECTORS["K7"]
    assert bot.post("/0/private/AddOrder", escaped[3], unescaped[4]) == "EAPI:Invalid signature"
    assert bot.post("/0/private/AddOrder", unescaped[3], escaped[4]) == "EAPI:Invalid signature"


def test_the_nonce_is_hashed_as_sent_with_its_leading_zeros(bot):
    body = b"nonce=01"
    as_sent, as_number = (sign(bot.key.api_secret, "/0/private/Balance", nonce, body) for nonce in ("01", "1"))
    assert bot.post("/0/private/Balance", "nonce=01", as_number) == "EAPI:Invalid signature"
    assert bot.post("/0/private/Balance", "nonce=01", as_sent) == "OK"
    assert bot.key.nonce.highest == 1


def test_a_query_is_signed_with_the_path(bot):
    body = b"nonce=1"
    api_sign = sign(bot.key.api_secret, "/0/private/Balance?x=1&y=%2B", "1", body)
    path = signature.signed_path(b"/0/private/Balance", b"x=1&y=%2B")
    assert bot.post("/0/private/Balance", "nonce=1", api_sign) == "EAPI:Invalid signature"
    assert bot.post(path.decode(), "nonce=1", api_sign) == "OK"


@pytest.mark.parametrize(
    ("path", "query", "signed"),
    [
        (b"/0/private/Balance", b"", b"/0/private/Balance"),
        (b"/0/private/Earn/Allocate", b"a=%5B", b"/0/private/Earn/Allocate?a=%5B"),
        (b"/sandbox/w3/0/private/Balance", b"", b"/0/private/Balance"),
        (b"/sandbox/0/0/private/Balance", b"", b"/0/private/Balance"),
        (b"/0/public/Time", b"", b"/0/public/Time"),
    ],
)
def test_signed_path(path, query, signed):
    assert signature.signed_path(path, query) == signed


@pytest.mark.parametrize(
    ("api_sign", "reason"),
    [
        ("", "API-Sign has 0 characters, a signature has 88"),
        ("e3f769c5bde24f8b" * 8, "API-Sign has 128 characters, a signature has 88: hexadecimal instead of base64"),
        ("z" * 128, "API-Sign has 128 characters, a signature has 88"),
        (
            VECTORS["D0"][4].rstrip("="),
            "API-Sign has 86 characters, a signature has 88; it is the right signature, but without its padding",
        ),
        (
            VECTORS["D0"][4].replace("/", "%2F"),
            "API-Sign has 92 characters, a signature has 88; it is the right signature, but percent-encoded",
        ),
        ("-" + VECTORS["D0"][4][1:], "API-Sign is not base64"),
        (base64.b64encode(bytes(66)).decode(), "API-Sign decodes to 66 bytes, a signature has 64"),
    ],
)
@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_what_can_be_no_signature_is_an_invalid_signature_in_both_dialects(
    new_bot, settings, dialect, api_sign, reason
):
    settings.dialect = dialect
    bot = new_bot(api_secret=DOC)
    assert bot.post("/0/private/AddOrder", VECTORS["D0"][3], api_sign) == "EAPI:Invalid signature"
    assert (bot.refusal.check, bot.refusal.reason) == ("signature", reason)


@given(
    secret=st.binary(min_size=1, max_size=300),
    path=st.text("abcXYZ/0?=&%", max_size=40),
    nonce=st.integers(0, 2**64 - 1),
    body=st.binary(max_size=300),
)
@example(secret=b"k" * 128, path="/", nonce=1, body=b"")
@example(secret=b"k" * 129, path="/", nonce=1, body=b"")
def test_the_prepared_secret_agrees_with_the_library_s_hmac_at_every_length(secret, path, nonce, body):
    text = base64.b64encode(secret).decode()
    assert Signer(text).signature(path.encode(), str(nonce), body).decode() == sign(text, path, str(nonce), body)


@pytest.mark.parametrize("secret", ["", "====", "abc", "not base64", "AQEB\n", "pässwort", "AQ-_"])
def test_a_secret_that_is_not_base64_is_refused_without_being_quoted(secret):
    with pytest.raises(ValueError, match="the secret is") as refusal:
        Signer(secret)
    assert str(refusal.value) in ("the secret is not base64", "the secret is empty")
