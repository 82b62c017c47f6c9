"""A database with parts that Penguin never creates, as an attacker may prepare it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.queries import WorkflowReader

ENDLESS = """
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
SELECT x AS workflow_id, x AS seq, x AS data FROM n
"""


@pytest.mark.parametrize(
    "statements",
    [
        ("ALTER TABLE event RENAME TO hidden", f"CREATE VIEW event AS {ENDLESS}"),
        (f"CREATE VIEW more AS {ENDLESS}",),
        ("CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM run; END",),
        ("CREATE VIRTUAL TABLE v USING fts5(x)",),
    ],
    ids=["view for a table", "view", "trigger", "virtual table"],
)
def test_a_database_with_foreign_parts_is_refused(db: Path, statements: tuple[str, ...]) -> None:
    commit_workflows(db, StoredWorkflow("a"))
    connection = sqlite3.connect(db, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    with pytest.raises(StoreError, match="which Penguin never creates"):
        WorkflowReader(db).history("ituv-a-000000")
    with pytest.raises(StoreError, match="which Penguin never creates"):
        open_store(db)
