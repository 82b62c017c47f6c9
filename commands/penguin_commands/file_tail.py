"""Reading the end of a file that may be huge and may still grow."""

from __future__ import annotations

import os

from penguin.orchestration.execution.launcher.output import TAIL as RING
from penguin.orchestration.files.safe_open import UnsafePath, open_to_read

TAIL_BYTES = 64 * 1024
"""The default number of bytes to read."""
INCOMPLETE_NOTE = "output truncated; its last part is shown when the step ends"
INCOMPLETE = f"\n[penguin: {INCOMPLETE_NOTE}]\n".encode()


def tail(path: str, limit: int = TAIL_BYTES) -> tuple[str, int]:
    """Return the last `limit` bytes of a file as text, and its size in bytes; ('', 0) if it is missing or a link."""
    try:
        with open_to_read(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            return file.read(limit).decode("utf-8", "replace"), size
    except (OSError, UnsafePath):
        return "", 0


def is_incomplete(path: str) -> bool:
    """Return whether the first half of the kept output is full and its last half is still a ring file."""
    try:
        os.stat(path + RING)  # noqa: PTH116 - a path object for every look would cost more than the look
    except OSError:
        return False
    return True
