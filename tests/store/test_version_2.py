"""A real database of schema version 2, with workflows in every status; version_2/write.py wrote it."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.store.old_database import rows, unpack_database, version
from tests.store.version_2.write import write_workspace
from tests.support.program import Program

from penguin.orchestration import get_backend
from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.priority import queue_priority
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.connection import open_reader, open_store
from penguin.orchestration.store.database_file import SCHEMA_VERSION
from penguin.orchestration.store.maintenance.check import check
from penguin.orchestration.store.progress import GateState, progress_of
from penguin.orchestration.store.rows import RUN_COLUMNS, decode_events

FOLDER = Path(__file__).parent / "version_2"
EXPECTED: dict[str, Any] = json.loads(gzip.decompress((FOLDER / "expected.json.gz").read_bytes()))
IDS = {row["task_id"]: row["workflow_id"] for row in EXPECTED["workflows"]}
STATUSES = {
    "completed": "COMPLETED",
    "blocked": "BLOCKED",
    "impossible": "FAILED",
    "cancelled": "CANCELLED",
    "pending": "PENDING",
    "retrying": "RUNNING",
}
"""By task: the status of its workflow."""
P, F, B, W, S = (GateState(name) for name in ("PASSED", "FAILED", "BLOCKED", "WAITING", "SKIPPED"))
GATES = {
    "completed": (P, P, S, P),
    "blocked": (P, P, B, W),
    "impossible": (F, W, W, W),
    "cancelled": (W, W, W, W),
    "pending": (W, W, S, W),
    "retrying": (P, F, W, W),
}
"""By task: the states of its gates."""


ADDED = ("progress", "target_branch", "landing")
"""The columns that later versions added."""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """The database in a workspace that this Penguin has not seen."""
    write_workspace(tmp_path)
    return unpack_database(FOLDER, tmp_path)


def test_it_has_a_workflow_in_every_status(db: Path) -> None:
    assert version(db) == 2
    assert {row["task_id"]: row["status"] for row in EXPECTED["workflows"]} == STATUSES


def test_every_row_is_kept_and_the_old_version_is_copied(db: Path) -> None:
    shared = ", ".join(name for name in RUN_COLUMNS if name not in ADDED)
    events, runs = rows(db, "event"), rows(db, "run", shared)
    open_store(db).close()
    assert version(db) == SCHEMA_VERSION
    assert (rows(db, "event"), rows(db, "run", shared)) == (events, runs)
    copy = db.with_name(f"{db.name}.v2.bak")
    assert version(copy) == 2
    assert (rows(copy, "event"), rows(copy, "run", shared)) == (events, runs)


@pytest.mark.parametrize("migrated", [True, False], ids=["migrated", "copied in memory"])
def test_active_workflows_have_their_progress(db: Path, migrated: bool) -> None:
    if migrated:
        open_store(db).close()
    connection = open_reader(db)
    assert connection is not None
    assert version(db) == (SCHEMA_VERSION if migrated else 2)
    found = progress_of(connection, IDS.values())
    assert {task: found[workflow_id].gates for task, workflow_id in IDS.items()} == GATES
    for task, attempt in (("retrying", 2), ("blocked", 0), ("pending", 0)):
        progress = found[IDS[task]]
        events = connection.execute("SELECT data FROM event WHERE workflow_id = ? ORDER BY seq", (IDS[task],))
        state = rebuild([event for (data,) in events for event in decode_events(data)])
        assert (progress.attempt, progress.max_attempts) == (attempt, 3)
        assert progress.rank == queue_priority(state)
    connection.close()


@pytest.mark.integration
def test_it_agrees_with_its_history(db: Path) -> None:
    open_store(db).close()
    workspace = Workspace(db.parent.parent)
    assert check(workspace).problems == ()
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE run SET progress = replace(progress, 'FAILED', 'PASSED')")
    assert [problem.subject for problem in check(workspace).problems] == [IDS["retrying"]]


def test_a_damaged_history_does_not_stop_the_migration(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE event SET data = '[{}]' WHERE workflow_id = ? AND seq = 2", (IDS["retrying"],))
    open_store(db).close()
    assert version(db) == SCHEMA_VERSION
    known = {workflow_id for workflow_id, progress in rows(db, "run", "workflow_id, progress") if progress}
    assert known == {IDS["blocked"], IDS["pending"]}


def test_a_history_that_ends_before_its_row_gives_no_progress(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute(
            "DELETE FROM event WHERE workflow_id = ? AND seq = (SELECT max(seq) FROM event WHERE workflow_id = ?)",
            (IDS["retrying"],) * 2,
        )
    open_store(db).close()
    assert dict(rows(db, "run", "workflow_id, progress"))[IDS["retrying"]] == ""


@pytest.mark.acceptance
def test_the_program_says_the_same_as_the_one_that_wrote_it(db: Path) -> None:
    penguin = Program(db.parent.parent)
    assert penguin("trust", "--yes").code == 0
    (table,) = penguin("-o", "json", "-c", "/workflow list").documents
    assert table["workflows"] == EXPECTED["workflows"]
    for what in ("results", "history"):
        for workflow_id, expected in EXPECTED[what].items():
            (answer,) = penguin("-o", "json", "-c", f"/workflow {what} {workflow_id}").documents
            # The words of a sentence may become better ones.
            for event in [*answer.get("events", ()), *expected.get("events", ())]:
                event.pop("text")
            assert answer == expected


@pytest.mark.integration
@pytest.mark.anyio
async def test_what_was_active_continues(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENGUIN_TRUST", "1")
    root = db.parent.parent
    (root / "fixed").touch()
    async with get_backend(workspace_path=root) as backend:
        await backend.run_engine()
        await backend.signal_workflow(IDS["blocked"], "approve", {"by": "Ada"})
        for task in ("retrying", "blocked", "pending"):
            assert (await backend.wait_workflow(IDS[task], 30)).status == "COMPLETED"
    assert check(Workspace(root)).problems == ()
