"""Files and folders that nobody but their owner can read, whatever the mask of whoever makes them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone. What is there stays as it is."""
    if not folder.is_dir():
        # `mkdir` gives its mode to the last folder only.
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that is its owner's alone from its first byte on. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)


def create_private(path: Path, data: bytes) -> None:
    """Write a new file that is its owner's alone; nothing is left of one that can't be written whole.

    Raises FileExistsError where something has this name, a link that leads nowhere included, and other OSErrors.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def close_to_others(path: Path) -> None:
    """Take everybody else's rights to a file or folder away: somebody made it by hand, or put a copy there.

    One that belongs to another user stays as it is. Raises OSError where it is missing.
    """
    mode = path.stat().st_mode
    if mode & OTHERS:
        with contextlib.suppress(PermissionError):
            path.chmod(mode & 0o7777 & ~OTHERS)
