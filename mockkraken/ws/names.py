"""What counts as a pair's name at all, in both versions."""

from __future__ import annotations

import re

# [guess] only names without a slash were seen to be refused as none.
_SHAPE = re.compile(r"[A-Za-z0-9.]+/[A-Za-z0-9.]+")


def is_pair_name(text: str) -> bool:
    """Whether it has the form of one: `BASE/QUOTE`."""
    return _SHAPE.fullmatch(text) is not None
