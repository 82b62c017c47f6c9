"""Databases that an earlier version wrote."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

from penguin.orchestration.files.workspace import Workspace


def unpack_database(folder: Path, workspace: Path) -> Path:
    """Put the database of a folder into a workspace, and return its path."""
    path = Workspace(workspace).db
    path.parent.mkdir(mode=0o700)
    path.write_bytes(gzip.decompress((folder / "penguin.db.gz").read_bytes()))
    return path


def rows(path: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
