"""The tables, as migrations. Imported only for a new or older database."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec
from sqlite_utils import Database, Migrations

from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.state import State
from penguin.orchestration.core.tree_isolation import IN_PLACE
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.store.database_file import APPLICATION_ID, SCHEMA_VERSION, copy_database, sql_list
from penguin.orchestration.store.progress import progress_text
from penguin.orchestration.store.rows import decode_events
from penguin.orchestration.workflow_status import ACTIVE

migrations = Migrations("penguin")

_ACTIVE = sql_list(ACTIVE)

EVENT = """
CREATE TABLE event (
    workflow_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (workflow_id, seq)
) WITHOUT ROWID
"""

RUN = """
CREATE TABLE run (
    workflow_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    blueprint_id TEXT NOT NULL,
    title TEXT NOT NULL,
    dependencies TEXT NOT NULL,
    agents TEXT NOT NULL,
    number INTEGER NOT NULL,
    created_at REAL NOT NULL,
    seq INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    status TEXT NOT NULL,
    phase TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    due_at REAL NOT NULL,
    cancelling INTEGER NOT NULL,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    advice TEXT NOT NULL,
    artifacts TEXT NOT NULL,
    turns INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    usd REAL NOT NULL,
    minutes REAL NOT NULL
) WITHOUT ROWID
"""

INDEXES = (
    # Two starts of one task at the same time: the index accepts one of them.
    f"CREATE UNIQUE INDEX run_active ON run (project_id, task_id) WHERE status IN ({_ACTIVE})",
    # One for every filter of a list; the primary key at the end makes each order total.
    "CREATE INDEX run_created ON run (created_at DESC, workflow_id)",
    "CREATE INDEX run_project ON run (project_id, created_at DESC, workflow_id)",
    "CREATE INDEX run_task ON run (task_id, created_at DESC, workflow_id)",
    "CREATE INDEX run_status ON run (status, created_at DESC, workflow_id)",
    "CREATE INDEX run_project_status ON run (project_id, status, created_at DESC, workflow_id)",
    # Ids with a prefix and a status: completion reads no rows of other statuses.
    "CREATE INDEX run_status_name ON run (status, workflow_id)",
    "CREATE INDEX run_status_updated ON run (status, updated_at DESC, workflow_id)",
    "CREATE INDEX run_project_status_updated ON run (project_id, status, updated_at DESC, workflow_id)",
    # The workflows of a task in the order of their starts, even if the clock was set back.
    "CREATE INDEX run_number ON run (project_id, task_id, number DESC)",
    "CREATE INDEX run_completed ON run (project_id, task_id) WHERE status = 'COMPLETED'",
    "CREATE INDEX run_slot ON run (owner) WHERE slot = 1",
)

# What a list of snapshots shows. Their contents are in separate tables, so that a list does not read past them.
SNAPSHOT = """
CREATE TABLE snapshot (
    snapshot_id TEXT PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    task_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    agent TEXT NOT NULL,
    session_id TEXT NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    usd REAL NOT NULL,
    minutes REAL NOT NULL
) WITHOUT ROWID
"""

SNAPSHOT_INDEXES = (
    "CREATE INDEX snapshot_created ON snapshot (created_at, snapshot_id)",
    "CREATE INDEX snapshot_workflow ON snapshot (workflow_id, created_at, snapshot_id)",
)

# Rows with large values: found by their key only, and never scanned.
CONVERSATION = """
CREATE TABLE conversation (
    snapshot_id TEXT PRIMARY KEY REFERENCES snapshot ON DELETE CASCADE,
    data BLOB NOT NULL
)
"""

SESSION_FILE = """
CREATE TABLE session_file (
    snapshot_id TEXT NOT NULL REFERENCES snapshot ON DELETE CASCADE,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (snapshot_id, name)
)
"""


SNAPSHOTS = (SNAPSHOT, *SNAPSHOT_INDEXES, CONVERSATION, SESSION_FILE)


PRUNED = """
CREATE TABLE pruned (
    project_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (project_id, task_id)
) WITHOUT ROWID
"""
"""The highest workflow number of a task with deleted workflows, so that no id is used twice."""


@migrations(name="0001_first", transactional=False)
def _first(db: Database) -> None:
    for statement in (EVENT, RUN, *INDEXES, *SNAPSHOTS, PRUNED):
        db.execute(statement)


@migrations(name="0002_working_tree", transactional=False)
def _working_tree(db: Database) -> None:
    db.execute(f"ALTER TABLE run ADD COLUMN isolation TEXT NOT NULL DEFAULT '{IN_PLACE}'")
    db.execute("ALTER TABLE run ADD COLUMN holds_tree INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE run ADD COLUMN left_changes TEXT NOT NULL DEFAULT '[]'")
    db.execute("CREATE INDEX run_tree ON run (workflow_id) WHERE holds_tree = 1")
    begun = f"SELECT workflow_id FROM run WHERE status IN ({_ACTIVE}) AND attempt > 0"
    for (workflow_id,) in db.execute(begun).fetchall():
        rows = db.execute("SELECT data FROM event WHERE workflow_id = ? ORDER BY seq", (workflow_id,)).fetchall()
        # A server's workflows are stored here without their events; their state comes from the server.
        if rows and _holds_tree([data for (data,) in rows]):
            db.execute("UPDATE run SET holds_tree = 1 WHERE workflow_id = ?", (workflow_id,))


@migrations(name="0003_progress", transactional=False)
def _progress(db: Database) -> None:
    db.execute("ALTER TABLE run ADD COLUMN progress TEXT NOT NULL DEFAULT ''")
    active = f"SELECT workflow_id, seq FROM run WHERE status IN ({_ACTIVE})"
    for workflow_id, seq in db.execute(active).fetchall():
        rows = db.execute("SELECT seq, data FROM event WHERE workflow_id = ? ORDER BY seq", (workflow_id,)).fetchall()
        # The events of a server's workflow may be older than its row.
        state = _rebuilt([data for _, data in rows]) if rows and rows[-1][0] == seq else None
        if state is not None:
            db.execute("UPDATE run SET progress = ? WHERE workflow_id = ?", (progress_text(state), workflow_id))


@migrations(name="0004_landing", transactional=False)
def _landing(db: Database) -> None:
    # No workflow of an earlier version lands.
    db.execute("ALTER TABLE run ADD COLUMN target_branch TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE run ADD COLUMN landing INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX run_branch ON run (target_branch) WHERE landing >= 2")


def _holds_tree(history: list[str]) -> bool:
    """Return whether a workflow that began holds the working tree."""
    state = _rebuilt(history)
    return state is not None and state.holds_tree


def _rebuilt(history: list[str]) -> State | None:
    """Return the state after a history; None if it is damaged, which `penguin check` names."""
    try:
        return rebuild([event for data in history for event in decode_events(data)])
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError):
        return None


def migrate(
    connection: sqlite3.Connection, path: Path, steps: Migrations = migrations, version: int = SCHEMA_VERSION
) -> None:
    """Migrate the database to `version` in one transaction. An existing database is copied first.

    The copy is `<name>.v<old version>.bak`, beside the database. Raises StoreError if it can't be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while this one waited for the lock.
        before = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if before < version:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _back_up(path, before)
                reach("schema.copied")
            upgrade(connection, steps, version)
        reach("schema.before")
        connection.execute("COMMIT")
        reach("schema.after")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def upgrade(connection: sqlite3.Connection, steps: Migrations = migrations, version: int = SCHEMA_VERSION) -> None:
    """Change the tables of an open database to those of `version`, without a transaction and a copy."""
    steps.apply(Database(connection))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")


def _back_up(path: Path, version: int) -> None:
    """Copy the database while the lock of the migration keeps others from changing it."""
    copy = path.with_name(f"{path.name}.v{version}.bak")
    partial = copy.with_name(f"{copy.name}.new")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # A separate connection: the one that migrates would copy its own changes too.
    source = sqlite3.connect(path, isolation_level=None)
    try:
        copy_database(source, partial)
    finally:
        source.close()
    partial.replace(copy)
