"""The search for a regular expression in an output. Takes any time: only for processes that can be ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

WINDOW = 1 << 20
"""Bytes at the head and at the tail of an output in which a regular expression is searched for."""


def pattern_found(path: Path, pattern: str) -> bool:
    """Whether the pattern matches in an output, of a large one in its first and last WINDOW bytes."""
    compiled = re.compile(pattern, re.MULTILINE)
    return any(compiled.search(part.decode(errors="replace")) for part in _ends(path))


def _ends(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        yield file.read(2 * WINDOW if size <= 2 * WINDOW else WINDOW)
        if size > 2 * WINDOW:
            file.seek(-WINDOW, 2)
            yield file.read(WINDOW)
