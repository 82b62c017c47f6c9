"""Private files and folders: readable by their owner only, whatever the umask is.

In `.penguin/` no link is followed, and nothing of another user is written to: see `safe_open`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from penguin.orchestration.files.safe_open import open_state_file, open_state_folder, refuse_links, split_state

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = 0o077


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents for the owner only. Existing folders stay unchanged.

    Raises UnsafePath and OSError.
    """
    state, _ = split_state(folder)
    if state and os.path.isdir(os.path.dirname(state)):  # noqa: PTH112, PTH120 - it is a str
        refuse_links(folder, writing=True)
        os.close(open_state_folder(folder, make=True))
    elif not folder.is_dir():
        # `mkdir` applies its mode to the last folder only.
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read from its first byte on. Raises UnsafePath and OSError."""
    with open(open_state_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(data)


def create_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read. A file that can't be written completely is removed.

    Raises FileExistsError if something has this name, even a broken link; UnsafePath; and other OSErrors.
    """
    with open(open_state_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def restrict_to_owner(path: Path) -> None:
    """Remove everybody else's access to a file or folder that was not created by this module.

    A path that belongs to another user stays unchanged. Raises UnsafePath for a link, and OSError if it is missing.
    """
    refuse_links(path)
    mode = path.stat().st_mode
    if mode & OTHERS:
        with contextlib.suppress(PermissionError):
            path.chmod(mode & 0o7777 & ~OTHERS)
