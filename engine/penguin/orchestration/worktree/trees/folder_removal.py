"""The removal of a folder that a program filled: links are not followed, and read-only folders are removed too."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

_OWNER = stat.S_IRWXU


def remove_path(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it. A missing one is fine. Raises OSError."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISDIR(found.st_mode):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _make_writable(path)
        shutil.rmtree(path)
    except FileNotFoundError:
        # A program that still runs removed something meanwhile.
        shutil.rmtree(path, ignore_errors=True)


def _make_writable(path: Path) -> None:
    """Give the owner all rights to a folder and the folders below it."""
    grant_owner(os.fspath(path))
    for folder, names, _ in os.walk(path):
        for name in names:
            grant_owner(f"{folder}/{name}")


def grant_owner(folder: str | bytes) -> None:
    """Give the owner all rights to a folder. A missing one, or another file of this name, is left alone."""
    # By its descriptor, so that a folder that becomes a link meanwhile is not followed. Only O_PATH opens a folder
    # without rights, and fchmod refuses such descriptors.
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & _OWNER != _OWNER:
            Path(f"/proc/self/fd/{descriptor}").chmod(mode | _OWNER)
    finally:
        os.close(descriptor)
