"""Programs as tutorials teach them, which know nothing of mockkraken but the environment of `mockkraken exec`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parent / "tutorials"

SAID = """\
balance: 1000000.0000 USD
placed: buy 0.01000000 XBTUSD @ limit 30000.0
open: True
cancelled: 1
open: 0
"""


def taught(script: str, *before: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mockkraken", "exec", *options, "--", *before, sys.executable, TUTORIALS / script]
    # A proxy would be asked for 127.0.0.1 too; what others have set for mockkraken is not this program's business.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MOCKKRAKEN_") and not name.lower().endswith("_proxy")
    }
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)


@pytest.mark.parametrize("script", ["with_krakenex.py", "signed_by_hand.py"])
def test_it_does_what_its_reader_expects(script: str) -> None:
    done = taught(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, SAID, "")


@pytest.mark.parametrize(
    ("script", "secret", "said"),
    [
        ("with_krakenex.py", "KRAKEN_API_SECRET", "Balance: ['EAPI:Invalid key']\n"),
        ("signed_by_hand.py", "KRAKEN_SECRET_KEY", "/0/private/Balance: ['EAPI:Invalid key']\n"),
    ],
)
def test_its_mistake_is_refused_and_its_failure_passed_on(script: str, secret: str, said: str) -> None:
    done = taught(script, "env", f"{secret}=c29tZWJvZHkgZWxzZSdz", options=("--dialect", "observed"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
