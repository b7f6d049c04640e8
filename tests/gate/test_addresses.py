"""From where a key may be used: single addresses and ranges, IPv4 and IPv6 (kraken/10 §3.5)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mockkraken.gate.addresses import Allowlist


@pytest.mark.parametrize(
    ("entries", "allowed", "refused"),
    [
        (["203.0.113.7"], ["203.0.113.7"], ["203.0.113.8", "2001:db8::1"]),
        (["203.0.113.0/24"], ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0"]),
        (["10.1.2.3/8"], ["10.0.0.1", "10.255.255.255"], ["11.0.0.0"]),
        (["0.0.0.0/0"], ["1.2.3.4", "::ffff:1.2.3.4"], ["::1"]),
        (["2001:db8::1"], ["2001:db8::1", "2001:0DB8:0:0::0001"], ["2001:db8::2", "1.2.3.4"]),
        (["2001:db8::/32"], ["2001:db8:ffff::1"], ["2001:db9::1"]),
        (["10.0.0.1", "2001:db8::/64"], ["10.0.0.1", "2001:db8::9"], ["10.0.0.2", "2001:db8:0:1::"]),
        (["10.0.0.1"], ["::ffff:10.0.0.1", "::ffff:a00:1"], ["::ffff:10.0.0.2", "::10.0.0.1"]),
        (["::ffff:10.0.0.0/104"], ["10.0.0.1", "::ffff:10.255.0.1"], ["11.0.0.1"]),
        (["::ffff:10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]),
        (["127.0.0.1"], ["127.0.0.1"], ["", "testclient", "127.0.0.1:80", "localhost", "127.0.0.01"]),
    ],
)
def test_who_may_pass(entries, allowed, refused):
    allowlist = Allowlist(entries)
    assert allowlist.entries == tuple(entries)
    for _again in range(2):  # the second time from memory
        assert [remote for remote in allowed if not allowlist.allows(remote)] == []
        assert [remote for remote in refused if allowlist.allows(remote)] == []


@pytest.mark.parametrize("entry", ["", "10.0.0.256", "10.0.0.0/33", "10.0.0", "example.com", "2001:db8::/129", " ::1"])
def test_an_entry_that_is_no_address_is_named(entry):
    with pytest.raises(ValueError, match="not an IP address or CIDR range") as refusal:
        Allowlist(["10.0.0.1", entry])
    assert repr(entry) in str(refusal.value)


def test_many_senders_do_not_pile_up():
    allowlist = Allowlist(["10.0.0.0/16"])
    assert all(allowlist.allows(f"10.0.{high}.{low}") for high in range(8) for low in range(256))
    assert not allowlist.allows("10.1.0.0")
    assert len(allowlist._verdicts) <= 256


def test_the_gate_refuses_other_senders_before_it_looks_at_the_signature(new_bot, settings):
    bot = new_bot("restricted", ip_allowlist=["203.0.113.0/24", "2001:db8::1"])
    assert bot.call(1, remote="203.0.113.9") == "OK"
    assert bot.call(2, remote="2001:db8::1") == "OK"
    assert bot.call(3, remote="198.51.100.1", api_sign=b"") == "EAPI:Invalid key"
    assert bot.refusal.check == "address"
    assert bot.refusal.reason == (
        "the key 'restricted' may be used from 203.0.113.0/24, 2001:db8::1; the request came from 198.51.100.1"
    )
    settings.ip_denied_error = "EGeneral:Permission denied"
    assert bot.call(4, remote="198.51.100.1") == "EGeneral:Permission denied"
    assert bot.key.nonce.highest == 2


def test_without_an_allowlist_nothing_is_imported_for_it():
    code = """
import random, sys
import mockkraken.gate.gate, mockkraken.gate.tokens
from mockkraken.gate.keys import KeyRing
ring = KeyRing(random.Random(1))
ring.create("main", now=0)
assert "ipaddress" not in sys.modules
ring.create("main", now=0, ip_allowlist=["::1"])
assert "ipaddress" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
