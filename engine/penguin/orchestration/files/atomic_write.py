"""Writing a whole file at once: another process sees the old text or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from penguin.orchestration.backend import WorkflowError


def write_whole(path: Path, text: str, *, new: bool) -> None:
    """Write a text file in one step, with the folders above it.

    Args:
        path: The file.
        text: Its text.
        new: The file must not exist yet. Otherwise an existing one is replaced, and keeps its permissions.

    Raises:
        WorkflowError: The file exists although it must not, is not a regular file, or can't be written. Then nothing
            has changed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Through a link, the file that it leads to is written.
        target = path if new else path.resolve()
        if not new and target.exists() and not target.is_file():
            # The rename would put a regular file in the place of a device or a pipe.
            raise WorkflowError(f"{path} is not a regular file", "name another file")
        _write_aside(target, text, new)
    except FileExistsError as error:
        raise WorkflowError(f"{path} exists already", "name another file") from error
    except OSError as error:
        raise WorkflowError(f"can't write {path}: {error.strerror or error}", f"make {path.parent} writable") from error


def _write_aside(target: Path, text: str, new: bool) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", dir=target.parent)
    aside = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(_mode(None if new else target))
        if new:
            # Unlike a rename, a link fails if somebody else has made the file meanwhile.
            target.hardlink_to(aside)
        else:
            aside.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()


def _mode(existing: Path | None) -> int:
    if existing is not None and existing.exists():
        return existing.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
