"""Values in the database that Penguin does not write: each is an error that names the database."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import StoreError, Verdict, WorkflowNotFound
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.workflow_entry import load
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.store import agent_snapshots as snapshots
from penguin.orchestration.store.agent_snapshots import SnapshotReader
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.maintenance.check import check
from penguin.orchestration.store.maintenance.loss_messages import refuse_loss
from penguin.orchestration.store.maintenance.lost_workflows import find_loss
from penguin.orchestration.store.open_workflow_index import holds
from penguin.orchestration.store.queries import WorkflowReader

WORKFLOW = "ituv-a-000000"


@pytest.fixture
def damaged(db: Path) -> Callable[[str], Path]:
    """Return a function that makes a database with a workflow and a snapshot, and changes it with a statement."""

    def make(statement: str) -> Path:
        commit_workflows(db, StoredWorkflow("a").run().report(Verdict.FAILED, "no"))
        with WorkflowStateStore(db) as store:
            store.save_context_snapshot(
                ContextSnapshot("s", WORKFLOW, [], datetime(2024, 1, 1, tzinfo=UTC)), {"x": b"y"}
            )
        connection = sqlite3.connect(db, isolation_level=None)
        connection.execute(statement)
        connection.close()
        return db

    return make


@pytest.mark.parametrize(
    "assignment",
    ["status = 'x'", "phase = ''", "created_at = 'soon'", "created_at = 1e300", "updated_at = x''", "artifacts = '{'"],
)
def test_a_row_that_can_not_be_read(damaged: Callable[[str], Path], assignment: str) -> None:
    reader = WorkflowReader(damaged(f"UPDATE run SET {assignment}"))
    with pytest.raises(StoreError, match="is damaged: the row of 'ituv-a-000000' can't be read") as caught:
        reader.info(WORKFLOW)
    assert "penguin check" in caught.value.hint


@pytest.mark.parametrize("value", ["'1 much'", "9e999"])
def test_usage_that_is_no_number(damaged: Callable[[str], Path], value: str) -> None:
    db = damaged(f"UPDATE run SET usd = {value}")
    with pytest.raises(StoreError, match=f"what agents spent on {WORKFLOW} can't be read"):
        WorkflowReader(db).usage_of([WORKFLOW])


@pytest.mark.parametrize("column", ["usd", "tokens", "messages", "bytes", "attempt"])
def test_a_snapshot_with_text_for_a_number(damaged: Callable[[str], Path], column: str) -> None:
    with pytest.raises(StoreError, match="the row of snapshot 's' can't be read"):
        SnapshotReader(damaged(f"UPDATE snapshot SET {column} = 'x'")).snapshots()


def test_a_time_of_another_type_is_an_error_of_the_explanation(damaged: Callable[[str], Path]) -> None:
    reader = WorkflowReader(damaged("UPDATE run SET due_at = 'soon', slot = 0"))
    with pytest.raises(StoreError, match="is damaged"):
        reader.explain(WORKFLOW)


@pytest.mark.parametrize("data", ["[]", "{", "7", '[{"type": "Claimed"}]', "[" * 10_000, '[{"type": "\\ud800"}]'])
def test_a_history_that_can_not_be_read(damaged: Callable[[str], Path], data: str) -> None:
    db = damaged(f"UPDATE event SET data = '{data}' WHERE seq = 2")
    reader = WorkflowReader(db)
    if data != "[]":
        for question in (reader.history, reader.results):
            with pytest.raises(StoreError, match=f"is damaged: the history of {WORKFLOW} can't be read"):
                question(WORKFLOW)
    connection = open_store(db)
    with pytest.raises(StoreError, match="is damaged"):
        load(connection, WORKFLOW)
    connection.close()


def test_half_a_character_is_no_id(db: Path) -> None:
    commit_workflows(db, StoredWorkflow("a"))
    connection = open_store(db)
    with pytest.raises(WorkflowNotFound):
        load(connection, "\ud800")
    connection.close()


@pytest.mark.parametrize("data", ["x'00'", "'text'", "x''"])
def test_a_conversation_that_can_not_be_unpacked(damaged: Callable[[str], Path], data: str) -> None:
    db = damaged(f"UPDATE conversation SET data = {data}")
    with pytest.raises(StoreError, match="is damaged: snapshot 's' can't be read"):
        SnapshotReader(db).conversation("s")
    with WorkflowStateStore(db) as store, pytest.raises(StoreError, match="is damaged"):
        store.get_context_snapshot("s")


def test_a_conversation_of_another_form(damaged: Callable[[str], Path]) -> None:
    db = damaged(f"UPDATE conversation SET data = x'{zlib.compress(json.dumps([1]).encode()).hex()}'")
    with WorkflowStateStore(db) as store, pytest.raises(StoreError, match="is damaged"):
        store.get_context_snapshot("s")


def test_what_unpacks_to_more_than_fits_is_refused(
    damaged: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LARGEST", 1_000)
    db = damaged(f"UPDATE conversation SET data = x'{zlib.compress(bytes(100_000)).hex()}'")
    with pytest.raises(StoreError, match="is damaged"):
        SnapshotReader(db).conversation("s")


@pytest.mark.parametrize("name", ["../../x", "/x", "a/../../x"])
def test_a_file_name_that_leads_elsewhere_is_not_returned(damaged: Callable[[str], Path], name: str) -> None:
    reader = SnapshotReader(damaged(f"UPDATE session_file SET name = '{name}'"))
    with pytest.raises(StoreError, match="leads elsewhere"):
        reader.session_files("s")


@pytest.mark.parametrize("assignment", ["seq = 'x'", "seq = 9e999", "seq = 1.5", "data = '[]'", "kind = x'ff'"])
def test_check_names_a_damaged_event(tmp_path: Path, assignment: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.ensure()
    commit_workflows(workspace.db, StoredWorkflow("a").run())
    connection = sqlite3.connect(workspace.db, isolation_level=None)
    connection.execute(f"UPDATE event SET {assignment} WHERE seq = 2")
    connection.close()
    assert WORKFLOW in {problem.subject for problem in check(workspace).problems}


@pytest.mark.parametrize("value", ["'x'", "1.5", "9e999", "x'00'"])
def test_a_workflow_whose_number_is_damaged_counts_as_lost(tmp_path: Path, value: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.ensure()
    commit_workflows(workspace.db, StoredWorkflow("a").run())
    connection = sqlite3.connect(workspace.db, isolation_level=None)
    connection.execute(f"UPDATE run SET seq = {value}")
    connection.close()
    assert [(lost.workflow_id, lost.left) for lost in find_loss(workspace).workflows] == [(WORKFLOW, 0)]
    assert not holds(workspace.db, [(WORKFLOW, 1)])
    assert not WorkflowReader(workspace.db).holds([(WORKFLOW, 1)])
    with pytest.raises(StoreError, match="has lost"):
        refuse_loss(workspace)
    assert WORKFLOW in {problem.subject for problem in check(workspace).problems}


def test_a_write_to_a_damaged_file_fails_at_once(db: Path) -> None:
    commit_workflows(db, *[StoredWorkflow(f"t{number}") for number in range(100)])
    open_store(db).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(db.read_bytes())
    data[8192:] = b"\x5a" * (len(data) - 8192)
    db.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        commit_workflows(db, StoredWorkflow("b"))


def test_damaged_bytes_in_the_schema_are_a_store_error(db: Path) -> None:
    commit_workflows(db, StoredWorkflow("a"))
    open_store(db).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.write_bytes(db.read_bytes().replace(b"CREATE INDEX run_task", b"CREATE INDEX \xff\xfe\xff_task"))
    with pytest.raises(StoreError, match="damaged"):
        WorkflowReader(db).list()
    with pytest.raises(StoreError, match="damaged"):
        open_store(db)
