"""Opening the database: its pragmas, and refused files, which stay unchanged."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.waiting import PATIENCE

from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.connection import PRAGMAS, open_reader, open_store
from penguin.orchestration.store.database_file import APPLICATION_ID, SCHEMA_VERSION


def test_the_pragmas_are_in_force(db: Path) -> None:
    connection = open_store(db)
    for name, _, expected in PRAGMAS:
        assert connection.execute(f"PRAGMA {name}").fetchone()[0] == expected, name
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION


def test_all_new_files_are_private(db: Path) -> None:
    connection = open_store(db)
    connection.execute("INSERT INTO pruned VALUES ('p', 's', 1)")
    files = sorted(path.name for path in db.parent.iterdir())
    assert files == ["state.db", "state.db-shm", "state.db-wal"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in db.parent.iterdir()} == {0o600}


def test_all_existing_files_become_private(db: Path) -> None:
    open_store(db).close()
    db.chmod(0o644)
    other = sqlite3.connect(db)
    other.execute("INSERT INTO pruned VALUES ('p', 's', 1)")
    other.commit()
    assert [oct(path.stat().st_mode & 0o777) for path in db.parent.iterdir()] == ["0o644"] * 3

    connection = open_store(db)

    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in db.parent.iterdir()} == {
        "state.db": 0o600,
        "state.db-shm": 0o600,
        "state.db-wal": 0o600,
    }
    connection.close()
    other.close()


def test_opening_again_keeps_the_data(db: Path) -> None:
    first = open_store(db)
    first.execute("INSERT INTO pruned VALUES ('p', 's', 1)")
    first.close()
    again = open_store(db)
    assert again.execute("SELECT task_id FROM pruned").fetchall() == [("s",)]
    assert not list(db.parent.glob("*.bak"))


@pytest.mark.integration
def test_many_processes_can_create_it_at_once(db: Path) -> None:
    script = "import sys, pathlib; from penguin.orchestration.store.connection import open_store as o; "
    script += "o(pathlib.Path(sys.argv[1])).execute('SELECT count(*) FROM run').fetchone()"
    makers = [subprocess.Popen([sys.executable, "-c", script, str(db)], stderr=subprocess.PIPE) for _ in range(4)]
    for maker in makers:
        _, errors = maker.communicate(timeout=60)
        assert maker.returncode == 0, errors.decode()
    indexes = open_store(db).execute("SELECT count(*) FROM sqlite_master WHERE name = 'run_active'").fetchone()
    assert indexes == (1,)


def test_a_process_that_is_making_it_is_waited_for(db: Path) -> None:
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as other, ThreadPoolExecutor(1) as second:
        other.execute("BEGIN IMMEDIATE")
        opening = second.submit(open_store, db)
        with pytest.raises(TimeoutError):
            opening.result(0.3)
        other.execute("ROLLBACK")
        opening.result(PATIENCE).close()


def refused(db: Path, opener: object = open_store) -> StoreError:
    before = db.read_bytes() if db.is_file() else None
    with pytest.raises(StoreError) as caught:
        opener(db)  # type: ignore[operator]
    assert str(db) in str(caught.value)
    if before is not None:
        assert db.read_bytes() == before
    return caught.value


@pytest.mark.parametrize("opener", [open_store, open_reader])
def test_a_newer_version_is_refused(db: Path, opener: object) -> None:
    connection = open_store(db)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    error = refused(db, opener)
    assert "newer Penguin" in str(error)
    assert "update Penguin" in error.hint
    # Penguin is on no package index, so the message must not advise a package name.
    assert "penguin-repl" not in error.hint


@pytest.mark.parametrize("opener", [open_store, open_reader])
def test_a_database_of_another_program_is_refused(db: Path, opener: object) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert "not one of Penguin's" in str(refused(db, opener))
    assert not db.with_name("state.db-wal").exists()


@pytest.mark.parametrize("opener", [open_store, open_reader])
@pytest.mark.parametrize("content", [b"just a text\n" * 100, b"\0" * 4096, b"SQLite format 3\0"])
def test_another_file_is_refused(db: Path, opener: object, content: bytes) -> None:
    db.write_bytes(content)
    error = refused(db, opener)
    assert "is a file, but not a database" in str(error)
    assert error.hint.startswith(f"mv {db} {db}.old; ")


def bind_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix, contextlib.chdir(path.parent):
        unix.bind(path.name)  # the whole path may be too long for one


@pytest.mark.parametrize("opener", [open_store, open_reader])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkdir, "a folder"),
        (os.mkfifo, "a named pipe"),
        (bind_socket, "a socket"),
        (lambda path: path.symlink_to(os.devnull), "a device"),
    ],
)
def test_a_folder_or_pipe_is_refused(db: Path, opener: object, make: Callable[[Path], None], kind: str) -> None:
    make(db)
    error = refused(db, opener)
    assert str(error) == f"{db} is {kind}, not a database"
    assert error.hint == f"mv {db} {db}.old; the next start creates a new one"


def test_a_broken_link_is_refused(db: Path) -> None:
    db.symlink_to("/nowhere/at/all")
    assert open_reader(db) is None
    assert "is a broken link (to /nowhere/at/all)" in str(refused(db))


def test_a_truncated_database_is_refused(db: Path) -> None:
    connection = open_store(db)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = db.read_bytes()
    for size in (50, 700, 4096, len(whole) - 4096):
        db.write_bytes(whole[:size])
        assert refused(db).hint, size


def test_a_missing_folder_is_refused(db: Path) -> None:
    assert "No such file" in str(refused(db.parent / "nowhere" / "state.db"))


def test_a_file_instead_of_its_folder_is_refused(db: Path) -> None:
    db.write_text("")
    refused(db / "state.db")


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A read-only folder with a database of Penguin."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_store(folder / "state.db").close()
        (folder / "state.db").chmod(0o444)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)  # root can write anywhere
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_read_only_folder_is_refused(read_only: Path) -> None:
    assert "Permission denied" in str(refused(read_only / "new.db"))
    assert "writable" in refused(read_only / "state.db").hint
    assert [path.name for path in read_only.iterdir()] == ["state.db"]


def test_a_read_only_folder_cannot_be_read(read_only: Path) -> None:
    # Readers of a write-ahead log need files beside it.
    assert "writable" in refused(read_only / "state.db", open_reader).hint


def test_a_reader_creates_no_file(db: Path) -> None:
    assert open_reader(db) is None
    assert not db.exists()


def test_a_reader_cannot_write(db: Path) -> None:
    open_store(db).close()
    reader = open_reader(db)
    assert reader is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM run")


@pytest.mark.parametrize("name", [b"a b", b"50%41?mode=rw#top", b"caf\xc3\xa9", b"\xff", b"a&b=c;d\\e"])
def test_a_reader_finds_a_file_of_any_name(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    open_store(folder / "state.db").close()
    for place in (folder / "state.db", os.fspath(folder / "state.db")):
        reader = open_reader(place)
        assert reader is not None
        assert reader.execute("SELECT count(*) FROM run").fetchone() == (0,)
        reader.close()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
