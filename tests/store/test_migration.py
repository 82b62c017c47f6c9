"""Migration of an older database: it is copied first, once."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.connection import open_reader, open_store
from penguin.orchestration.store.database_file import SCHEMA_VERSION
from penguin.orchestration.store.schema import migrate

NEXT = SCHEMA_VERSION + 1

later = Migrations("penguin")


@later(name="9001_made_up", transactional=False)
def _made_up(db: Database) -> None:
    db.execute("ALTER TABLE run ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")
    db.execute("CREATE TABLE palette (colour TEXT)")


@later(name="9002_breaks", transactional=False)
def _breaks(db: Database) -> None:
    if db.execute("SELECT count(*) FROM pruned").fetchone()[0]:
        raise RuntimeError("it breaks")


def columns(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(run)")]


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def old(db: Path) -> Path:
    """A database of this version, with a workflow in it."""
    commit_workflows(db, StoredWorkflow("a").complete())
    return db


def copy_of(db: Path) -> Path:
    return db.with_name(f"{db.name}.v{SCHEMA_VERSION}.bak")


def test_the_old_version_is_copied_first(old: Path) -> None:
    connection = open_store(old)
    migrate(connection, old, later, NEXT)
    assert connection.execute("SELECT colour FROM run").fetchall() == [("red",)]
    assert (version(old), version(copy_of(old))) == (NEXT, SCHEMA_VERSION)
    assert "colour" not in columns(copy_of(old))
    with sqlite3.connect(copy_of(old)) as copy:
        assert copy.execute("SELECT task_id FROM run").fetchall() == [("a",)]
    assert stat.S_IMODE(copy_of(old).stat().st_mode) == 0o600
    assert not list(old.parent.glob("*.new"))


def test_the_copy_includes_the_write_ahead_log(old: Path) -> None:
    connection = open_store(old)
    commit_workflows(old, StoredWorkflow("b"))
    assert old.with_name("state.db-wal").stat().st_size
    migrate(connection, old, later, NEXT)
    with sqlite3.connect(copy_of(old)) as copy:
        assert copy.execute("SELECT count(*) FROM run").fetchone() == (2,)


def test_a_failed_migration_changes_nothing(old: Path) -> None:
    connection = open_store(old)
    connection.execute("INSERT INTO pruned VALUES ('p', 's', 1)")
    with pytest.raises(RuntimeError, match="it breaks"):
        migrate(connection, old, later, NEXT)
    assert version(old) == SCHEMA_VERSION
    assert "colour" not in columns(old)
    connection.execute("DELETE FROM pruned")
    migrate(connection, old, later, NEXT)
    assert "colour" in columns(old)


def test_without_a_copy_nothing_is_migrated(old: Path) -> None:
    connection = open_store(old)
    copy_of(old).mkdir()
    with pytest.raises(OSError, match="directory"):
        migrate(connection, old, later, NEXT)
    assert version(old) == SCHEMA_VERSION


def test_a_new_database_needs_no_copy(db: Path) -> None:
    open_store(db).close()
    assert not list(db.parent.glob("*.bak*"))


MIGRATE = f"""
    import sqlite3, sys
    from pathlib import Path
    from sqlite_utils import Migrations
    from penguin.orchestration.store.connection import open_store
    from penguin.orchestration.store.schema import migrate

    later = Migrations("penguin")

    @later(name="9001_made_up", transactional=False)
    def made_up(db):
        db.execute("ALTER TABLE run ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")

    path = Path(sys.argv[1])
    connection = open_store(path)
    print("ready", flush=True)
    sys.stdin.readline()
    migrate(connection, path, later, {NEXT})
    print(connection.execute("SELECT count(colour) FROM run").fetchone()[0])
"""


@pytest.mark.integration
def test_several_processes_can_migrate_at_once(old: Path) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", textwrap.dedent(MIGRATE), str(old)]
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, "1\n"), errors
    assert [path.name for path in old.parent.glob("*.bak*")] == [copy_of(old).name]
    assert "colour" not in columns(copy_of(old))


def test_an_older_penguin_refuses_the_newer_version(old: Path) -> None:
    connection = open_store(old)
    migrate(connection, old, later, NEXT)
    for opener in (open_store, open_reader):
        with pytest.raises(StoreError, match="newer Penguin"):
            opener(old)
