"""WorkflowStateStore: active workflows and saved conversations."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows

from penguin.orchestration.backend import StoreError, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.commands import Cancel
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore

TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "mind the gap"},
    {"role": "assistant", "content": ["ünï", None, 1.5, {"a": []}]},
]


def test_the_file_and_its_folder_are_created(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "state.db"
    with WorkflowStateStore(path) as store:
        assert store.list_active_workflows() == []
        assert store.get_context_snapshot("s") is None
        assert store.list_context_snapshots() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_path_can_be_a_string(tmp_path: Path) -> None:
    WorkflowStateStore(str(tmp_path / "state.db")).close()


def test_every_active_workflow_is_listed(db: Path) -> None:
    workflows = [StoredWorkflow(f"t{n}", at=NOON + n) for n in range(150)]
    commit_workflows(db, *workflows, StoredWorkflow("done").complete(), StoredWorkflow("gone").do(Cancel()))
    with WorkflowStateStore(db) as store:
        active = store.list_active_workflows()
    assert [info.task_id for info in active] == [f"t{n}" for n in reversed(range(150))]
    assert {info.status for info in active} == {WorkflowStatus.PENDING}


@pytest.mark.parametrize(
    "created_at",
    [
        datetime(2024, 1, 15, 10, 30, 0, 123456),
        datetime(2024, 3, 31, 2, 30),
        datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
        datetime(2024, 1, 15, 10, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2024, 7, 15, 10, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
)
def test_a_snapshot_is_returned_unchanged(tmp_path: Path, created_at: datetime) -> None:
    snapshot = ContextSnapshot("s1", "unknown-workflow", TALK, created_at)
    full = ContextSnapshot(
        "s2",
        "w",
        TALK,
        created_at,
        task_id="a",
        phase=WorkflowPhase.IMPLEMENT,
        attempt=3,
        agent="claude",
        session_id="7f",
        metadata={"model": "x"},
    )
    with WorkflowStateStore(tmp_path / "state.db") as store:
        for saved in (snapshot, full):
            store.save_context_snapshot(saved)
    with WorkflowStateStore(tmp_path / "state.db") as store:
        for saved in (snapshot, full):
            back = store.get_context_snapshot(saved.snapshot_id)
            assert back == saved
            assert back.created_at.utcoffset() == created_at.utcoffset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_any_json_is_saved(tmp_path: Path) -> None:
    with WorkflowStateStore(tmp_path / "state.db") as store:

        @settings(max_examples=50, deadline=None)
        @given(talk=st.lists(st.dictionaries(st.text(), JSON), max_size=5))
        def kept(talk: list[dict[str, Any]]) -> None:
            snapshot = ContextSnapshot("s", "w", talk, datetime(2024, 1, 1))
            store.save_context_snapshot(snapshot)
            assert store.get_context_snapshot("s") == snapshot

        kept()


def test_saving_again_replaces(tmp_path: Path) -> None:
    with WorkflowStateStore(tmp_path / "state.db") as store:
        store.save_context_snapshot(ContextSnapshot("s", "w", TALK, datetime(2024, 1, 1)))
        newer = ContextSnapshot("s", "w", [*TALK, {"role": "user"}], datetime(2024, 1, 2))
        store.save_context_snapshot(newer)
        assert store.list_context_snapshots() == [newer]


def test_snapshots_are_listed_by_workflow_and_age(tmp_path: Path) -> None:
    with WorkflowStateStore(tmp_path / "state.db") as store:
        for name, workflow, day in (("c", "w1", 3), ("a", "w2", 2), ("b", "w1", 1)):
            store.save_context_snapshot(ContextSnapshot(name, workflow, [], datetime(2024, 1, day)))
        assert [row.snapshot_id for row in store.list_context_snapshots()] == ["b", "a", "c"]
        assert [row.snapshot_id for row in store.list_context_snapshots("w1")] == ["b", "c"]
        assert store.list_context_snapshots("w3") == []


def test_a_long_conversation_is_small_on_disk(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "the same words again and again " * 50} for _ in range(1000)]
    with WorkflowStateStore(tmp_path / "state.db") as store:
        store.save_context_snapshot(ContextSnapshot("s", "w", talk, datetime(2024, 1, 1)))
    assert (tmp_path / "state.db").stat().st_size < 300_000


@pytest.mark.parametrize("content", [object(), float("nan"), {1, 2}, datetime(2024, 1, 1)])
def test_other_values_than_json_are_refused(tmp_path: Path, content: object) -> None:
    with WorkflowStateStore(tmp_path / "state.db") as store:
        with pytest.raises(StoreError, match="'s9'"):
            store.save_context_snapshot(ContextSnapshot("s9", "w", [{"content": content}], datetime(2024, 1, 1)))
        assert store.list_context_snapshots() == []


def test_a_closed_store_is_an_error(tmp_path: Path) -> None:
    store = WorkflowStateStore(tmp_path / "state.db")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get_context_snapshot("s")


def test_an_impossible_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't create"):
        WorkflowStateStore(tmp_path / "file" / "state.db")
