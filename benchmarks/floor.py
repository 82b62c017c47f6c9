"""The floor: what SQLite alone takes for as many durable records as a workflow of four phases has.

Six commits: the start, the first attempt, and the results of the four phases. `synchronous=FULL`, write-ahead log.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks.clock import Figures, timed

RESULT = "x" * 200
PHASES = 4
COMMITS = PHASES + 2


def measure(place: Path, quick: bool) -> Figures:
    place.mkdir(parents=True, exist_ok=True)
    connection = open_floor(place / "floor.db")
    try:
        one = timed(FloorWorkflows(connection, 1, "a").run, 100 if quick else 300)
        count = 200
        grouped = FloorWorkflows(connection, count, "b")
        times = timed(grouped.run, 5)
    finally:
        connection.close()
    return {
        "floor.ms": statistics.median(one),
        "floor.per_s": count / statistics.median(times) * 1000,
        "fsync.ms": _fsync_ms(place / "fsync"),
    }


class FloorWorkflows:
    """Run many at once, with the records of all in common commits."""

    def __init__(self, connection: sqlite3.Connection, count: int, name: str) -> None:
        self._connection = connection
        self._count = count
        self._name = name
        self._runs = 0

    def run(self) -> None:
        self._runs += 1
        ids = [f"{self._name}-{self._runs}-{number}" for number in range(self._count)]
        self._commit("INSERT INTO workflow VALUES (?, 'PENDING')", [(i,) for i in ids])
        for phase in range(PHASES):
            self._commit("INSERT INTO phase VALUES (?, ?, ?)", [(i, phase, RESULT) for i in ids])
        self._commit("UPDATE workflow SET status = 'COMPLETED' WHERE id = ?", [(i,) for i in ids])

    def _commit(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(sql, rows)
        self._connection.execute("COMMIT")


def open_floor(path: Path) -> sqlite3.Connection:
    """Create a new database."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE workflow (id TEXT PRIMARY KEY, status TEXT) WITHOUT ROWID")
    connection.execute(
        "CREATE TABLE phase (workflow TEXT, number INTEGER, result TEXT, PRIMARY KEY (workflow, number)) WITHOUT ROWID"
    )
    return connection


def _fsync_ms(path: Path, times: int = 60) -> float:
    """Return the time to make one page durable."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    found = []
    try:
        for number in range(times):
            begun = time.perf_counter()
            os.pwrite(file, b"x" * 4096, number * 4096)
            os.fdatasync(file)
            found.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(found)
