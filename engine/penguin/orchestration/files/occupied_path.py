"""Path conflicts: something else at the path of one of Penguin's files or folders, and the command that moves it."""

from __future__ import annotations

import stat
from pathlib import Path
from shlex import quote

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def file_kind(path: str | Path) -> str:
    """Describe what is at a path; '' if nothing is there or it can't be examined."""
    path = Path(path)
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode), "not a file")
    except OSError:
        return f"a broken link (to {path.readlink()})" if path.is_symlink() else ""


def move_command(path: str | Path) -> str:
    """Return the command that moves what is at a path out of the way without overwriting anything."""
    names = (f"{path}.old{number}" for number in ("", *range(2, 1000)))
    target = next((name for name in names if file_kind(name) == ""), f"{path}.old")
    return f"mv {quote(str(path))} {quote(target)}"
