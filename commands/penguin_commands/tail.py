"""The end of a file that may be huge."""

from __future__ import annotations

import os

TAIL = 64 * 1024
"""Bytes."""


def tail(path: str, limit: int = TAIL) -> tuple[str, int]:
    """The last `limit` bytes of a file, as text, and its size in bytes; ('', 0) where it is gone."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            return file.read(limit).decode("utf-8", "replace"), size
    except OSError:
        return "", 0
