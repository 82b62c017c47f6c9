"""The state of a file on disk: what it is and its content, independent of git's filters and attributes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from penguin.orchestration.worktree.checkout import prefixes

ABSENT = ""
"""Nothing is there, or a folder, or a folder above is something else."""


def file_state(top: Path, path: bytes) -> str:
    """Return the state of a file below a folder. No link above it is followed. Raises OSError."""
    root = os.fsencode(top)
    if not all(_is_folder(os.path.join(root, above)) for above in prefixes(path)):  # noqa: PTH118 - it is bytes
        return ABSENT
    return state_of(Path(os.fsdecode(os.path.join(root, path))))  # noqa: PTH118 - it is bytes


def state_of(file: Path) -> str:
    """Return the state of a path: its kind, if it is executable, and a digest of its content. Raises OSError."""
    try:
        mode = file.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISDIR(mode):
        return ABSENT
    if stat.S_ISLNK(mode):
        return f"link {hashlib.sha256(os.fsencode(file.readlink())).hexdigest()}"
    if not stat.S_ISREG(mode):
        return "special"
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return f"{'program' if mode & stat.S_IXUSR else 'file'} {digest}"


def _is_folder(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
