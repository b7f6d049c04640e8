"""Where the recorded data lies: beside the code in a wheel, in the repository's `fixtures/` in an editable install."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "fixtures", _PACKAGE.parent / "fixtures")


def read(name: str) -> bytes:
    """The bytes of one data file, such as `pairs.json`.

    Raises:
        FileNotFoundError: neither folder has it, so the installation is broken.
    """
    for folder in _FOLDERS:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            continue
    places = " or ".join(map(str, _FOLDERS))
    raise FileNotFoundError(f"mockkraken's data file {name!r} is missing: looked in {places}")
