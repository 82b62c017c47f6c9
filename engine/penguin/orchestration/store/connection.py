"""Opening of the database: the pragmas it needs, each read back, and the files that are refused."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.safe_open import open_state_file, refuse_links, split_state
from penguin.orchestration.files.workspace_key import is_known
from penguin.orchestration.store.database_file import (
    APPLICATION_ID,
    DATABASE_ERRORS,
    SCHEMA_VERSION,
    explain_error,
    find_database,
    move_hint,
    not_a_database,
    uri_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

FILE_ENDINGS = ("", "-wal", "-shm", "-journal")
"""What follows the database's name in the names of its files."""
FOREIGN = """
SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1
"""
LOCK_TIMEOUT = 5.0
"""Seconds to wait for another process that writes."""
LOCK_DELAY = 0.02
"""Seconds between two attempts meanwhile."""
PRAGMAS: tuple[tuple[str, str, str | int], ...] = (
    # name, value to set, value that must be read back
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("busy_timeout", "5000", 5000),
    ("foreign_keys", "ON", 1),
    ("journal_size_limit", "67108864", 67108864),
    ("trusted_schema", "OFF", 0),
)


class _MappedIndex:
    """The `-shm` that SQLite has mapped for all connections of this process to one database."""

    def __init__(self, found: os.stat_result) -> None:
        self.found = found
        self.size = found.st_size
        self.connections: set[int] = set()


_mapped: dict[str, _MappedIndex] = {}
"""By path."""


class GuardedConnection(sqlite3.Connection):
    """A connection that survives when another program empties `-shm`, the index of the write-ahead log.

    SQLite maps that file into its memory. An access beyond the end of a mapped file is the signal SIGBUS, which ends
    the process without a word. So before each statement outside of a transaction, and before each COMMIT, a file that
    became shorter is replaced by zeros of its former size: SQLite then builds the index anew from the log. A file that
    becomes shorter within a statement, or between the statements of a transaction, is not noticed in time.
    """

    _shared = ""

    def guard(self, path: str | Path) -> None:
        """Guard what this process has mapped for the database at this path, from now on."""
        # SQLite uses the path as it was when it was opened, from whatever folder.
        self._shared = f"{os.path.abspath(path)}-shm"

    def record_index(self) -> None:
        """Record what SQLite has mapped. From its first read on it holds a lock, so that no process shortens it."""
        if index := _mapped.get(self._shared):
            index.connections.add(id(self))
            return
        with contextlib.suppress(OSError):
            index = _MappedIndex(os.stat(self._shared))
            index.connections.add(id(self))
            _mapped[self._shared] = index

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement."""
        # Not before each statement of a transaction: the check would take a tenth of the time of a commit.
        if sql == "COMMIT" or not self.in_transaction:
            self._restore_index()
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute a statement for each set of parameters."""
        if not self.in_transaction:
            self._restore_index()
        return super().executemany(sql, parameters)

    def close(self) -> None:
        """Close the database."""
        self._forget_index()
        super().close()

    def __del__(self) -> None:
        self._forget_index()

    def _forget_index(self) -> None:
        index = _mapped.get(self._shared)
        if index is not None:
            index.connections.discard(id(self))
            if not index.connections:
                # The next process that opens the database makes it anew, perhaps smaller.
                _mapped.pop(self._shared, None)

    def _restore_index(self) -> None:
        index = _mapped.get(self._shared)
        if index is None:
            return
        with contextlib.suppress(OSError):
            found = os.stat(self._shared)
            if found.st_size == index.size or not os.path.samestat(found, index.found):
                return
            if found.st_size > index.size:
                index.size = found.st_size
                return
            # By its path: to close a descriptor of the file would free the locks that SQLite has on it. What is left
            # of its header would make SQLite use an index without entries.
            os.truncate(self._shared, 0)
            os.truncate(self._shared, index.size)
            if self.in_transaction:
                # It would end with an index that lacks what was in the log before.
                raise sqlite3.OperationalError(f"{self._shared} was emptied during a transaction")


def open_store(path: Path) -> sqlite3.Connection:
    """Open the database for writing. Create or migrate it if needed.

    The connection may be handed to one other thread. Raises StoreError if the file is not one of Penguin's databases,
    has a newer version, can't be written, or is where SQLite can't keep a write-ahead log; and UnsafePath if the file
    or one beside it is a link or another user's.
    """
    _refuse_links(path, writing=True)
    try:
        _make(path)
        connection = _connect(path)
        try:
            _prepare(connection, path)
            connection.record_index()
        except BaseException:
            connection.close()
            raise
    except DATABASE_ERRORS as error:
        raise explain_error(error, path) from error
    except OSError as error:
        if path.is_symlink():
            raise not_a_database(path) from error
        raise StoreError(f"can't write {path}: {error.strerror}", "make the folder writable") from error
    return connection


def open_reader(path: str | Path, *, migrate: bool = True) -> sqlite3.Connection | None:
    """Open the database for reading only. Return None if it does not exist. Raises StoreError as `open_store` does.

    Any thread may use the connection, one at a time. An older version is migrated, or refused without `migrate`.
    If this user has no record of the workspace, nothing beside the file is written either, and the connection shows
    the database as it is now: open it again to see changes. Of an older version it shows a migrated copy.
    """
    _refuse_links(path)
    own = is_own(path)
    try:
        found = find_database(path)
        if found is None or not found.st_size:
            return None
        uri = f"{uri_of(path)}?mode=ro{'' if own else untouched(path)}"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, factory=GuardedConnection
        )
        try:
            if own:
                connection.guard(path)
            connection.execute("PRAGMA busy_timeout=5000")
            _check_version(connection, path)
            version = _version(connection)
            being_made = not version and not _tables(connection)
            if own:
                connection.record_index()
        except BaseException:
            connection.close()
            raise
    except DATABASE_ERRORS as error:
        raise explain_error(error, path) from error
    except OSError as error:
        raise StoreError(f"can't read {path}: {error.strerror}", "make it readable") from error
    if version < SCHEMA_VERSION:
        if not own and not being_made:
            return _migrated_copy(connection, path)
        # A reader never migrates; a writer creates this version in a moment.
        connection.close()
        if being_made and not (migrate and own):
            return None
        if not migrate:
            raise StoreError(
                f"{path} has schema version {version}, this Penguin needs {SCHEMA_VERSION}",
                "any other command updates it",
            )
        from pathlib import Path

        open_store(Path(path)).close()
        return open_reader(path)
    return connection


def _migrated_copy(source: sqlite3.Connection, path: str | Path) -> sqlite3.Connection:
    """Return a temporary copy of an older database in this version, which SQLite deletes when it is closed."""
    from penguin.orchestration.store.schema import upgrade

    copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        with contextlib.closing(source):
            source.backup(copy)
        copy.execute("PRAGMA trusted_schema=OFF")
        upgrade(copy)
        copy.execute("PRAGMA query_only=ON")
    except sqlite3.DatabaseError as error:
        copy.close()
        raise explain_error(error, path) from error
    return copy


def is_own(path: str | Path) -> bool:
    """Return whether files may be created beside a database: it is in no `.penguin`, or this user has its key's
    record."""
    state, _ = split_state(path)
    return not state or is_known(state)


def untouched(path: str | Path) -> str:
    """Return the options with which SQLite reads a database without writing a file beside it.

    https://sqlite.org/wal.html#read_only_databases
    """
    try:
        has_log = os.stat(f"{path}-wal").st_size > 0
    except FileNotFoundError:
        has_log = False
    if not has_log:
        return "&immutable=1"
    if not os.path.exists(f"{path}-shm"):
        raise StoreError(
            f"{path} can't be read without writing a file beside it: its write-ahead log has no index", "penguin trust"
        )
    return "&readonly_shm=1"


def _refuse_links(path: str | Path, *, writing: bool = False) -> None:
    for ending in FILE_ENDINGS:
        refuse_links(f"{path}{ending}", writing=writing)


def _make(path: Path) -> None:
    # Readable by its owner only, from its first byte on.
    if find_database(path) is None:
        os.close(open_state_file(path, os.O_RDWR | os.O_CREAT))


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    from penguin.orchestration.files.permissions import restrict_to_owner

    _check_version(connection, path)
    for ending in FILE_ENDINGS:
        # SQLite makes the others with the mode that the database had when it was opened.
        with contextlib.suppress(FileNotFoundError):
            restrict_to_owner(path.with_name(path.name + ending))
    _set_pragmas(connection, path)
    if _version(connection) < SCHEMA_VERSION:
        from penguin.orchestration.store.schema import migrate

        migrate(connection, path)


def _connect(path: Path) -> GuardedConnection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=64, factory=GuardedConnection
    )
    connection.guard(path)
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _foreign(connection: sqlite3.Connection) -> str:
    """Return the name of something that Penguin never creates; '' if there is nothing.

    A view in place of a table may take for ever to read, and a trigger changes what is written.
    """
    row = connection.execute(FOREIGN).fetchone()
    return "" if row is None else f"{row[0]} {row[1]!r}"


def _check_version(connection: sqlite3.Connection, path: str | Path) -> None:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = _version(connection)
    tables = _tables(connection)
    if application != APPLICATION_ID and (tables or application or version):
        raise StoreError(f"{path} is a database, but not one of Penguin's", move_hint(path))
    if foreign := _foreign(connection):
        raise StoreError(f"{path} has a {foreign}, which Penguin never creates", move_hint(path))
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}, written by a newer Penguin; this one reads up to {SCHEMA_VERSION}",
            "update Penguin: in its clone, git pull, and install it again as README.md says",
        )


def _execute_unlocked(connection: sqlite3.Connection, sql: str) -> None:
    """Execute a statement for which SQLite does not wait by itself while another process writes: a new journal mode."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.execute(sql)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(LOCK_DELAY)
        else:
            return


def _set_pragmas(connection: sqlite3.Connection, path: Path) -> None:
    for name, value, expected in PRAGMAS:
        _execute_unlocked(connection, f"PRAGMA {name}={value}")
        row = connection.execute(f"PRAGMA {name}").fetchone()
        got = row[0] if row else None
        if got != expected:
            raise StoreError(
                f"{path}: SQLite reports {name} {got}, Penguin needs {expected}",
                "put the workspace on a local file system",
            )
