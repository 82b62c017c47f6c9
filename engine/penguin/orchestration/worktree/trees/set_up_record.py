"""The record of what set-up brought into a clone: it is never part of a commit, and stays when the clone is cleaned.

It is beside the clone. Without one, the clone was not set up.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.worktree.checkout import prefixes


class SetUpRecord(NamedTuple):
    """Paths relative to the top of the clone."""

    digest: str = ""
    """The digest of the files on which set-up depends; '' if the clone was not set up."""
    outermost: frozenset[bytes] = frozenset()
    """The outermost paths that set-up brought, such as `.venv`."""
    not_ignored: frozenset[bytes] = frozenset()
    """The files among them that git would take as new."""

    def brought(self, path: bytes) -> bool:
        """Return whether a path is one of set-up, or is below one."""
        return path in self.outermost or not self.outermost.isdisjoint(prefixes(path))


def load_record(clone: Path) -> SetUpRecord:
    """Return the record of a clone; an empty one if it was not set up. Raises OSError."""
    try:
        digest, *paths = msgspec.json.decode(_path(clone).read_bytes(), type=tuple[str, list[str], list[str]])
    except FileNotFoundError:
        return SetUpRecord()
    return SetUpRecord(digest, *(frozenset(map(bytes.fromhex, names)) for names in paths))


def save_record(clone: Path, digest: str, outermost: Collection[bytes], not_ignored: Collection[bytes]) -> None:
    """Write the record of a clone. Raises OSError."""
    # Names of files can be any bytes.
    names = [sorted(name.hex() for name in paths) for paths in (outermost, not_ignored)]
    partial = _path(clone).with_suffix(".new")
    write_private(partial, msgspec.json.encode((digest, *names)))
    partial.replace(_path(clone))


def forget_record(clone: Path) -> None:
    """Remove the record of a clone."""
    _path(clone).unlink(missing_ok=True)


def _path(clone: Path) -> Path:
    return clone.with_name(f"{clone.name}.set-up.json")
