"""Matching of output against the expectations of a recipe step: text and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

WINDOW = 1 << 20
"""Bytes of an output that are in memory at a time."""
LONGEST_SHOWN = 200


def file_contains(path: Path, expected: str) -> bool:
    """Return whether an output contains the text, without reading it into memory as a whole."""
    return any(expected.encode() in window for window in _windows(path, len(expected.encode())))


def _windows(path: Path, overlap: int) -> Iterator[bytes]:
    """Yield the file piece by piece, each preceded by the end of the one before."""
    with path.open("rb") as file:
        kept = b""
        while data := file.read(WINDOW):
            yield kept + data
            kept = (kept + data)[-overlap:]
        yield kept


def json_difference(expected: object, actual: object, where: str = "") -> str:
    """Return where `actual` does not contain `expected`; empty if it does.

    Objects match as subsets, other values if equal.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            path = f"{where}.{key}" if where else str(key)
            if key not in actual:
                return f"{path} is missing"
            if difference := json_difference(value, actual[key], path):
                return difference
        return ""
    if isinstance(expected, bool) != isinstance(actual, bool) or expected != actual:
        return f"{where or 'it'} is {_shown(actual)}, not {_shown(expected)}"
    return ""


def _shown(value: object) -> str:
    # A server may send half a surrogate pair, which only the escapes of JSON can express.
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace").decode()
    # Show a value whole or not at all: the launcher would not recognize half a secret.
    return text if len(text) <= LONGEST_SHOWN else f"a value of {len(text)} characters"
