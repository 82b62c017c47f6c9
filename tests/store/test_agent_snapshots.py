"""Snapshots in the store: lists, session files, prune and check."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import StoreError, WorkflowPhase
from penguin.orchestration.core.commands import Cancel
from penguin.orchestration.core.usage import UsageTotals, usage_totals
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.maintenance.prune import prune
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.store.agent_snapshots import SnapshotNotFound, SnapshotReader, SnapshotRow, rows_query
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.maintenance.backup import back_up
from penguin.orchestration.store.maintenance.check import check

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
TALK: list[dict[str, Any]] = [{"role": "user", "text": "mind the gap"}, {"role": "assistant", "text": "so be it"}]
SPENT = {"turns": 3, "tokens": 1200, "usd": 0.25, "minutes": 1.5}


def snapshot(name: str = "s", workflow: str = "w", at: datetime = NOON, **more: Any) -> ContextSnapshot:
    return ContextSnapshot(name, workflow, TALK, at, **more)


@pytest.fixture
def store(db: Path) -> Iterator[WorkflowStateStore]:
    with WorkflowStateStore(db) as store:
        yield store


# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_row_has_the_fields_of_a_list(store: WorkflowStateStore) -> None:
    full = snapshot(
        task_id="a",
        phase=WorkflowPhase.IMPLEMENT,
        attempt=3,
        agent="claude",
        session_id="7f",
        metadata={"usage": SPENT},
    )
    store.save_context_snapshot(full)
    (row,) = store.snapshots()
    assert row == SnapshotRow(
        "s", "w", NOON, "a", WorkflowPhase.IMPLEMENT, 3, "claude", "7f", 2, row.bytes, UsageTotals(3, 1200, 0.25, 1.5)
    )
    assert row.bytes > 100
    store.save_context_snapshot(snapshot())
    assert store.snapshots()[0][3:8] == ("", None, 0, "", "")
    assert store.snapshots()[0].spent == UsageTotals()


@pytest.mark.parametrize(
    "odd",
    [
        {"phase": "NOPE"},
        {"at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))},
        {"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))},
    ],
)
def test_a_snapshot_must_be_readable_again(store: WorkflowStateStore, odd: dict[str, Any]) -> None:
    store.save_context_snapshot(snapshot("fine", phase=cast("WorkflowPhase", "TEST")))
    with pytest.raises(StoreError, match="'s' can't be saved"):
        store.save_context_snapshot(snapshot(**odd))
    assert [row.snapshot_id for row in store.snapshots()] == ["fine"]
    assert [snapshot.phase for snapshot in store.list_context_snapshots()] == [WorkflowPhase.TEST]


@pytest.mark.parametrize("odd", [None, [], "5", {"turns": "x", "usd": -1, "tokens": True, "minutes": float("inf")}])
def test_invalid_numbers_count_as_zero(odd: object) -> None:
    assert usage_totals(odd) == UsageTotals()


def test_rows_come_newest_first_and_by_workflow(store: WorkflowStateStore, db: Path) -> None:
    for name, workflow, day in (("c", "w1", 3), ("a", "w2", 2), ("b", "w1", 1), ("d", "w1", 3)):
        store.save_context_snapshot(snapshot(name, workflow, datetime(2024, 1, day, tzinfo=UTC)))
    assert [row.snapshot_id for row in store.snapshots()] == ["d", "c", "a", "b"]
    assert [row.snapshot_id for row in store.snapshots("w1")] == ["d", "c", "b"]
    assert store.snapshots("w3") == store.snapshots("\ud800") == []
    reader = SnapshotReader(db)
    assert [row.snapshot_id for row in reader.snapshots(limit=2)] == ["d", "c"]
    reader.close()


@pytest.mark.parametrize("workflow", [None, "w"])
def test_a_list_reads_an_index_and_no_conversation(db: Path, workflow: str | None) -> None:
    sql, parameters = rows_query(workflow)
    plan = [row[3] for row in open_store(db).execute(f"EXPLAIN QUERY PLAN {sql}", (*parameters, 10))]
    assert len(plan) == 1
    assert "USING INDEX snapshot_" in plan[0]


def test_a_missing_file_has_no_snapshots(db: Path) -> None:
    reader = SnapshotReader(db)
    assert reader.snapshots() == []
    assert (reader.snapshot("s"), reader.conversation("s"), reader.find_snapshot("s")) == (None, None, None)
    assert (reader.session_files("s"), reader.session_sizes("s")) == ({}, {})
    assert not db.exists()


def test_a_unique_prefix_is_found(store: WorkflowStateStore, db: Path) -> None:
    for name in ("ituv-a-1", "ituv-a-2", "ituv-b-1"):
        store.save_context_snapshot(snapshot(name))
    reader = SnapshotReader(db)
    found = reader.find_snapshot("ituv-b")
    assert found is not None
    assert found.snapshot_id == "ituv-b-1"
    assert reader.find_snapshot("x") is reader.find_snapshot("\ud800") is None
    with pytest.raises(SnapshotNotFound, match=r"several snapshots: ituv-a-1, ituv-a-2$"):
        reader.find_snapshot("ituv-a")
    reader.close()


# --- session files --------------------------------------------------------------------------------------------------

FILES = {"7f.jsonl": b'{"a": 1}\n' * 1000, "sessions/2024/rollout.jsonl": b"\xff\x00", "empty": b""}


def test_session_files_are_unchanged(store: WorkflowStateStore, db: Path) -> None:
    store.save_context_snapshot(snapshot())
    assert store.session_files("s") == store.session_files("other") == {}
    store.save_session_files("s", FILES)
    assert store.session_files("s") == FILES
    reader = SnapshotReader(db)
    assert reader.session_sizes("s") == {"7f.jsonl": 9000, "empty": 0, "sessions/2024/rollout.jsonl": 2}
    reader.close()
    store.save_context_snapshot(snapshot(attempt=2))
    assert store.session_files("s") == FILES
    store.save_session_files("s", {"x": b"y"})
    assert store.session_files("s") == {"x": b"y"}
    store.save_context_snapshot(snapshot(), {})
    assert store.session_files("s") == {}


def test_session_files_need_their_snapshot(store: WorkflowStateStore) -> None:
    with pytest.raises(StoreError, match="no snapshot 's'"):
        store.save_session_files("s", FILES)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a\\b", "a\nb", "\ud800", "x" * 300])
def test_a_name_that_leaves_the_folder_is_refused(store: WorkflowStateStore, name: str) -> None:
    store.save_context_snapshot(snapshot())
    with pytest.raises(StoreError, match="session file"):
        store.save_session_files("s", {"fine": b"", name: b"x"})
    with pytest.raises(StoreError, match="session file"):
        store.save_context_snapshot(snapshot("new"), {name: b"x"})
    assert store.session_files("s") == {}
    assert store.get_context_snapshot("new") is None


# --- prune and check ------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with an old final workflow and an active one, both with a conversation."""
    workspace = Workspace(tmp_path)
    workspace.ensure()
    old, going = StoredWorkflow("old").do(Cancel("ann")), StoredWorkflow("going").run()
    commit_workflows(workspace.db, old, going)
    with WorkflowStateStore(workspace.db) as store:
        for workflow in (old, going):
            store.save_context_snapshot(snapshot(f"{workflow.id}-1", workflow.id), FILES)
        store.save_context_snapshot(snapshot("other", "nobody's"))
    return workspace


def counts(workspace: Workspace) -> list[int]:
    connection = sqlite3.connect(workspace.db)
    tables = ("snapshot", "conversation", "session_file")
    found = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    connection.close()
    return found


@pytest.mark.integration
def test_pruning_deletes_conversations(workspace: Workspace) -> None:
    assert counts(workspace) == [3, 3, 6]
    assert [old.task_id for old in prune(workspace, 0.0, dry_run=True).workflows] == ["old"]
    assert counts(workspace) == [3, 3, 6]
    prune(workspace, 0.0)
    assert counts(workspace) == [2, 2, 3]
    with WorkflowStateStore(workspace.db) as store:
        assert {row.workflow_id for row in store.snapshots()} == {"ituv-going-000000", "nobody's"}
    assert check(workspace).problems == ()


@pytest.mark.integration
def test_pruning_deletes_conversations_of_workflows_on_a_server(workspace: Workspace) -> None:
    mirror = workspace.state / "temporal" / "known-12345678.db"
    mirror.parent.mkdir()
    away, both = StoredWorkflow("away").do(Cancel("ann")), StoredWorkflow("going").do(Cancel("ann"))
    commit_workflows(mirror, away, both)
    with WorkflowStateStore(workspace.db) as store:
        store.save_context_snapshot(snapshot("away-1", away.id), FILES)
        prune(workspace, 0.0)
        # The active workflow here has the same id as the final one there.
        assert {row.workflow_id for row in store.snapshots()} == {both.id, "nobody's"}
    assert counts(workspace) == [2, 2, 3]


def test_a_backup_contains_snapshots(workspace: Workspace, tmp_path: Path) -> None:
    back_up(workspace.db, tmp_path / "copy.db")
    with WorkflowStateStore(workspace.db) as store, WorkflowStateStore(tmp_path / "copy.db") as copy:
        assert copy.list_context_snapshots() == store.list_context_snapshots()
        assert copy.session_files("ituv-old-000000-1") == FILES


UNREADABLE = ("other", "its conversation can't be read")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM conversation WHERE snapshot_id = 'other'", ("other", "its conversation can't be read")),
        (
            "UPDATE conversation SET data = x'00' WHERE snapshot_id = 'other'",
            ("other", "its conversation can't be read"),
        ),
        ("UPDATE snapshot SET bytes = 7 WHERE snapshot_id = 'other'", ("other", "its conversation can't be read")),
        (
            "UPDATE session_file SET data = x'00' WHERE name = 'empty' AND snapshot_id LIKE '%old%'",
            ("ituv-old-000000-1", "its session files can't be read"),
        ),
        (
            "DELETE FROM snapshot WHERE snapshot_id = 'other'",
            ("penguin.db", "conversation has 1 row without a snapshot"),
        ),
    ],
)
def test_check_finds_damaged_snapshots(workspace: Workspace, statement: str, problem: tuple[str, str]) -> None:
    assert check(workspace).problems == ()
    connection = sqlite3.connect(workspace.db, isolation_level=None)
    connection.execute(statement)
    connection.close()
    assert [tuple(found) for found in check(workspace).problems] == [problem]


# --- large ----------------------------------------------------------------------------------------------------------


def test_a_conversation_of_20_mb_does_not_slow_lists(db: Path) -> None:
    commit_workflows(db, *[StoredWorkflow(f"t{n}") for n in range(50)])
    dice = random.Random(1)
    words = [f"{dice.getrandbits(40):x}" for _ in range(5000)]
    talk = [{"role": "tool", "output": " ".join(dice.choices(words, k=2000))} for _ in range(1000)]
    reader = SnapshotReader(db)
    with WorkflowStateStore(db) as store:
        before = quickest(lambda: reader.list())
        store.save_context_snapshot(ContextSnapshot("s", "w", talk, NOON), {"7f.jsonl": b"x" * 20_000_000})
        assert store.snapshots()[0].bytes > 20_000_000
        assert store.snapshots()[0].messages == 1000
        # A list that reads one of them would take a hundred times as long.
        assert quickest(lambda: reader.list()) < before * 3 + 0.001
        assert quickest(lambda: reader.snapshots()) < 0.01
        back = store.get_context_snapshot("s")
        assert back is not None
        assert back.conversation_history == talk
    reader.close()


def quickest(work: Any) -> float:
    """Return the seconds of the fastest of several runs."""
    took = []
    for _ in range(10):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)
