"""The index of the write-ahead log, which SQLite maps into memory, while another program shortens or replaces it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from penguin.orchestration.store.connection import open_reader, open_store

INSERT = "INSERT INTO pruned VALUES ('p', ?, 1)"
COUNT = "SELECT count(*) FROM pruned"
SIZES = [0, 1, 96, 136, 5000, 32767]


@pytest.mark.parametrize("size", SIZES)
def test_a_shortened_index_is_built_anew(db: Path, size: int) -> None:
    writer, reader = open_store(db), open_reader(db)
    assert reader
    for number in range(50):
        writer.execute(INSERT, (str(number),))
        if number % 10 == 3:
            os.truncate(f"{db}-shm", size)
        assert reader.execute(COUNT).fetchone() == (number + 1,)
    another = open_reader(db)
    assert another
    assert another.execute(COUNT).fetchone() == (50,)
    assert writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for connection in (writer, reader, another):
        connection.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_transaction_during_which_it_is_shortened_fails(db: Path, size: int) -> None:
    writer = open_store(db)
    writer.execute(INSERT, ("before",))
    writer.execute("BEGIN IMMEDIATE")
    writer.executemany(INSERT, [("a",), ("b",)])
    os.truncate(f"{db}-shm", size)
    with pytest.raises(sqlite3.OperationalError, match="was emptied during a transaction"):
        writer.execute("COMMIT")
    writer.execute("ROLLBACK")
    assert writer.execute(COUNT).fetchone() == (1,)
    assert writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    writer.close()


@pytest.mark.integration
def test_the_index_of_another_process_is_left_alone(db: Path) -> None:
    """After this process has closed the database, another one may have made a smaller index."""
    writer = open_store(db)
    large = Path(f"{db}-shm").stat().st_size + 32768
    os.truncate(f"{db}-shm", large)
    writer.execute(INSERT, ("a",))
    writer.close()
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM pruned').fetchall()"
    other = subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print(flush=True); input()", db],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout
    other.stdout.readline()
    small = Path(f"{db}-shm").stat().st_size
    assert small < large
    writer = open_store(db)
    writer.execute(INSERT, ("b",))
    assert Path(f"{db}-shm").stat().st_size == small
    writer.close()
    other.communicate(b"\n")


def test_an_index_that_replaced_it_is_left_alone(db: Path) -> None:
    writer = open_store(db)
    Path(f"{db}-shm").unlink()
    Path(f"{db}-shm").write_bytes(b"x")
    writer.execute("SELECT 1")
    assert Path(f"{db}-shm").read_bytes() == b"x"
    writer.close()
