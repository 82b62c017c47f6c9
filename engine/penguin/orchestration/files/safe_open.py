"""Files in `.penguin/`, opened without following a link.

A repository or an archive may contain a `.penguin/` whose entries are links to other files of the user. Every function
here accepts any path; the checks apply to the part below a folder called `.penguin`.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

STATE_DIR = ".penguin"
"""The folder of a workspace in which Penguin keeps its own files."""
_WRITES = os.O_WRONLY | os.O_RDWR


class UnsafePath(WorkflowError):
    """A path in `.penguin/` is a link, is not a regular file, or belongs to another user."""

    code = "unsafe_path"


def split_state(path: str | Path) -> tuple[str, list[str]]:
    """Split a path into its `.penguin` folder and the names below it. Return ('', []) outside of such a folder."""
    parts = os.path.abspath(path).split("/")
    if STATE_DIR not in parts:
        return "", []
    # The innermost one: a private clone of the workspace is in `.penguin/` and may contain its own.
    end = len(parts) - parts[::-1].index(STATE_DIR)
    return "/".join(parts[:end]), parts[end:]


def refuse_links(path: str | Path, *, writing: bool = False) -> None:
    """Raise UnsafePath if `.penguin`, or a part of the path below it, is a link.

    With `writing` also if a part belongs to another user. Missing parts are allowed.
    """
    place, names = split_state(path)
    if not place:
        return
    for name in ("", *names):
        place = f"{place}/{name}" if name else place
        try:
            found = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(found.st_mode):
            raise _link(place)
        if writing:
            _refuse_other_owner(place, found)


def open_state_file(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """Open a file as `os.open` does, without following a link from `.penguin` on. Return the file descriptor.

    Raises UnsafePath for a link, for anything but a regular file, and, if the flags ask to write, for a file of
    another user. Raises OSError as `os.open` does.
    """
    folder, names = split_state(path)
    if not names:
        return os.open(path, flags | os.O_CLOEXEC, mode)
    parent = open_state_folder(f"{folder}/{'/'.join(names[:-1])}")
    try:
        # Truncated only after the owner is known; a pipe without a reader must not block.
        safe = (flags & ~os.O_TRUNC) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(names[-1], safe, mode, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _unsafe(path) from error
        raise
    finally:
        os.close(parent)
    try:
        _check_file(path, descriptor, writing=bool(flags & _WRITES))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_to_read(path: str | Path) -> BinaryIO:
    """Open a file for reading, as `open_state_file` does."""
    return open(open_state_file(path, os.O_RDONLY), "rb")


def open_state_folder(path: str | Path, *, make: bool = False) -> int:
    """Open a folder in `.penguin/` without following a link. Return its descriptor.

    With `make`, create missing folders in it with mode 0700, but not `.penguin` itself: without a key it is
    not trusted. Raises UnsafePath for a link and for a folder of another user, and OSError as `os.open` does.
    """
    folder, names = split_state(path)
    descriptor = _open_folder(folder)
    place = folder
    for name in (name for name in names if name):
        place = f"{place}/{name}"
        try:
            if make:
                _make_folder(name, descriptor)
            below = _open_folder(name, descriptor, place)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        # Opening it tells what it is.
        return


def _open_folder(name: str, parent: int | None = None, place: str = "") -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent)
    except NotADirectoryError as error:
        # Linux reports this for a link, too.
        if stat.S_ISLNK(os.lstat(name, dir_fd=parent).st_mode):
            raise _link(place or name) from error
        raise


def _check_file(path: str | Path, descriptor: int, *, writing: bool) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _unsafe(path)
    if writing:
        _refuse_other_owner(path, found)


def _refuse_other_owner(path: str | Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise UnsafePath(
            f"{path} belongs to user {found.st_uid}, not to you (user {os.geteuid()})",
            "run penguin as that user, or work on a copy of your own",
        )


def _unsafe(path: str | Path) -> UnsafePath:
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        is_link = True
    return _link(path) if is_link else UnsafePath(f"{path} is not a regular file", "remove it")


def _link(path: str | Path) -> UnsafePath:
    if os.path.basename(path) == STATE_DIR:
        hint = f"remove the link; to keep {STATE_DIR} on another disk, move the whole workspace"
    else:
        hint = "remove the link"
    return UnsafePath(f"{path} is a link: Penguin does not follow links in {STATE_DIR}", hint)
