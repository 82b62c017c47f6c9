"""What a recipe step must give: exit code, text, status, JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

WINDOW = 1 << 20
"""Bytes at the head and at the tail of an output in which a regular expression is looked for."""
LONGEST_SHOWN = 200


def regex_of(wanted: str) -> re.Pattern[str] | None:
    """The expression in `/…/`; None for plain text. Raises re.error."""
    if len(wanted) >= 2 and wanted.startswith("/") and wanted.endswith("/"):
        return re.compile(wanted[1:-1], re.MULTILINE)
    return None


def file_holds(path: Path, wanted: str) -> bool:
    """Whether an output contains the text or matches the /regex/; never reads it whole into memory."""
    regex = regex_of(wanted)
    if regex is None:
        return any(wanted.encode() in window for window in _windows(path, len(wanted.encode())))
    return any(regex.search(part.decode(errors="replace")) for part in _ends(path))


def text_holds(text: str, wanted: str) -> bool:
    regex = regex_of(wanted)
    return regex.search(text) is not None if regex else wanted in text


def _windows(path: Path, overlap: int) -> Iterator[bytes]:
    """The whole file, piece by piece, each with the end of the one before."""
    with path.open("rb") as file:
        kept = b""
        while data := file.read(WINDOW):
            yield kept + data
            kept = (kept + data)[-overlap:]
        yield kept


def _ends(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        yield file.read(min(size, 2 * WINDOW) if size <= 2 * WINDOW else WINDOW)
        if size > 2 * WINDOW:
            file.seek(-WINDOW, 2)
            yield file.read()


def json_difference(wanted: object, given: object, where: str = "") -> str:
    """Where `given` does not contain `wanted`: objects by subset, all else by equality. Empty where it does."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        for key, value in wanted.items():
            place = f"{where}.{key}" if where else str(key)
            if key not in given:
                return f"{place} is missing"
            if difference := json_difference(value, given[key], place):
                return difference
        return ""
    if isinstance(wanted, bool) != isinstance(given, bool) or wanted != given:
        return f"{where or 'it'} is {_shown(given)}, not {_shown(wanted)}"
    return ""


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode(errors="replace")
    # Shown whole or not at all: of half a secret, the launcher would not know that it is one.
    return text if len(text) <= LONGEST_SHOWN else f"a value of {len(text)} characters"
