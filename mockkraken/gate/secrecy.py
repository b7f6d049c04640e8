"""What the journal must not repeat: clients put secrets, signatures, codes and tokens where they do not belong.

A nonce has a rule of its own, `nonce.shown`. The User-Agent is shown as sent: it says who sent a request, which no
program writes a secret into unless it is told to.
"""

from __future__ import annotations

import re

_LONGEST_PATH = 64
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_.~:%-]{0,28})*")  # the longest part of a name in use has 21 characters
_KNOWN_START = re.compile(r"/(?:0/(?:public/|private/)?)?")

# Longer than all that reasons quote (order ids, 36 characters with hyphens, paths of methods, 32); a secret has 88, a
# signature too, a token 43, and what is quoted of them at least 33.
_SECRET_LIKE = re.compile(r"[A-Za-z0-9+/=_%]{33,}|[A-Za-z0-9+/=_%-]{40,}")
_OTP = re.compile(r"""(otp["']?\s*(?:=|:|%3D)\s*["']?)[^&"'\s]+""", re.IGNORECASE)


def shown_path(path: str) -> str:
    """The path of an unknown method, cut before what can't be a method's name."""
    if len(path) <= _LONGEST_PATH and _PLAIN_PATH.fullmatch(path):
        return path
    start = _KNOWN_START.match(path)
    return f"{start[0] if start else ''}…"


def shown_reason(reason: str) -> str:
    """A reason without what looks like a secret in the values that it quotes."""
    return _OTP.sub(r"\1…", _SECRET_LIKE.sub("…", reason))
