"""The database file: its identity and place, lists in SQL, copies, conflicting files, and errors."""

from __future__ import annotations

import math
import os
import sqlite3
import stat
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

APPLICATION_ID = 0x50454E47
"""`PENG`: tells our file from any other SQLite database."""
SCHEMA_VERSION = 4
"""`user_version` of a database that this code can use."""


CHECK = "penguin check names what may be lost, and the backups"
"""What to type where a database can't be used."""
DATABASE_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""The errors of a database that can't be used. The second is one of SQLite whose text holds damaged bytes."""
UNREADABLE_VALUE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""The errors of reading a stored value that has another form than Penguin writes."""


def sql_list(words: Iterable[str]) -> str:
    """Return plain words, such as statuses, as the list between the parentheses of `IN (...)`, in a fixed order."""
    return ", ".join(f"'{word}'" for word in sorted(words))


def uri_of(path: str | Path) -> str:
    """Return the URI of a file, for SQLite options. https://sqlite.org/uri.html"""
    name = os.path.abspath(path)
    for char in "%?#":
        name = name.replace(char, f"%{ord(char):02x}")
    return f"file://{name}"


def find_database(path: str | Path) -> os.stat_result | None:
    """Return the file's status, or None if there is none. Raises StoreError if something else is there."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    # SQLite reports a named pipe as a disk error, and a folder as not writable.
    if not stat.S_ISREG(found.st_mode):
        raise not_a_database(path)
    return found


def not_a_database(path: str | Path) -> StoreError:
    """Return the error for a path with something else than a database."""
    from penguin.orchestration.files.occupied_path import file_kind

    return StoreError(f"{path} is {file_kind(path)}, not a database", move_hint(path))


def move_hint(path: str | Path) -> str:
    """Return the command that moves what is at a path out of the way."""
    from penguin.orchestration.files.occupied_path import move_command

    return f"{move_command(path)}; the next start creates a new one"


def is_damage(error: Exception) -> bool:
    """Return whether an error of SQLite means that the file itself is damaged."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def explain_error(error: Exception, path: str | Path) -> StoreError:
    """Return what a person can do about an error of SQLite."""
    if isinstance(error, MemoryError):
        return StoreError(f"can't use {path}: out of memory", "end other programs, or raise the limit (ulimit -v)")
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return StoreError(f"{path} is a file, but not a database", f"{move_hint(path)}; before that, {CHECK}")
    if name in ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY", "SQLITE_PERM"):
        return StoreError(f"can't write {path}: {error}", "make the file and its folder writable")
    if name == "SQLITE_FULL":
        return StoreError(f"the disk of {path} is full", "free some space")
    if name.startswith("SQLITE_IOERR"):
        cause = f"{error}, or a file beside it was deleted while a process uses it"
        return StoreError(f"the disk of {path} fails: {cause}", f"check the disk; {CHECK}")
    if name.startswith("SQLITE_CORRUPT") or isinstance(error, UnicodeDecodeError):
        return StoreError(f"{path} is damaged: {error}", CHECK)
    return StoreError(f"can't use {path}: {error}")


def database_name(connection: sqlite3.Connection) -> str:
    """Return the path of an open database."""
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


def numbers(values: Iterable[Any]) -> Iterator[Any]:
    """Yield stored numbers. SQLite keeps any type in any column. Raises TypeError for what is no finite number."""
    for value in values:
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise TypeError(f"{value!r} is not a number")
        yield value


def damaged_value(error: Exception, path: str | Path, what: str) -> StoreError:
    """Return the error for a stored value that can't be read. `what` names the record that it belongs to."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return StoreError(f"{path} is damaged: {what} can't be read: {reason}", CHECK)


def saved_copies(db: Path) -> list[Path]:
    """Return the copies of a database that Penguin saved beside it: before updates, and when it was lost."""
    forms = ((f"{db.stem}-saved-", ".db"), (f"{db.name}.v", ".bak"))
    try:
        with os.scandir(db.parent) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [db.with_name(it) for it in names for start, end in forms if it.startswith(start) and it.endswith(end)]


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy a database in one step into an empty file. Raises StoreError."""
    try:
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            # All pages in one step: a copy in several steps starts again at each write of another process.
            source.backup(copy, pages=-1)
            # One file that can be moved. Penguin turns the write-ahead log on again when it opens it.
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise explain_error(error, target) from error
