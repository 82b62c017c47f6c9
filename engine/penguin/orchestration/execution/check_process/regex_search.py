"""The search for a regular expression in an output.

It can take any time: call it only in a process that can be killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

WINDOW = 1 << 20
"""Bytes at the head and at the tail of an output that are searched."""


def pattern_found(path: Path, pattern: str) -> bool:
    """Return whether the pattern matches in an output.

    Of a large one, the first and the last WINDOW bytes are searched.
    """
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
