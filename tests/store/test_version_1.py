"""A real database of schema version 1, with workflows in every status; version_1/write.py wrote it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.store.old_database import rows, unpack_database, version
from tests.store.version_1.write import write_workspace
from tests.support.program import Program
from tests.support.waiting import wait_for_workflow

from penguin.orchestration import get_backend
from penguin.orchestration.backend import StoreError
from penguin.orchestration.files import failpoints
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.state import WorkflowStateStore
from penguin.orchestration.store.connection import open_reader, open_store
from penguin.orchestration.store.database_file import SCHEMA_VERSION
from penguin.orchestration.store.maintenance.check import check
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.store.rows import RUN_COLUMNS, decode_events

FOLDER = Path(__file__).parent / "version_1"
EXPECTED: dict[str, Any] = json.loads(gzip.decompress((FOLDER / "expected.json.gz").read_bytes()))
IDS = {row["task_id"]: row["workflow_id"] for row in reversed(EXPECTED["workflows"])}
"""The newest workflow of each task."""
STATUSES = {
    "completed": "COMPLETED",
    "approved": "COMPLETED",
    "unverified": "BLOCKED",
    "failing": "BLOCKED",
    "impossible": "FAILED",
    "cancelled": "CANCELLED",
    "paused": "PAUSED",
    "killed": "RUNNING",
    "pending": "PENDING",
    "dependent": "PENDING",
}
"""By task: the status of its newest workflow."""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """The database in a workspace that this Penguin has not seen."""
    write_workspace(tmp_path)
    return unpack_database(FOLDER, tmp_path)


def test_it_has_a_workflow_in_every_status(db: Path) -> None:
    assert version(db) == 1
    newest = {row["task_id"]: row["status"] for row in reversed(EXPECTED["workflows"])}
    assert newest == STATUSES


def test_every_row_and_every_event_is_kept(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENGUIN_TRUST", "1")
    shared = ", ".join(name for name in RUN_COLUMNS if name in columns(db))
    before = {table: rows(db, table) for table in ("event", "snapshot", "conversation", "session_file", "pruned")}
    runs = rows(db, "run", shared)
    open_store(db).close()
    assert version(db) == SCHEMA_VERSION
    assert {table: rows(db, table) for table in before} == before
    assert rows(db, "run", shared) == runs
    assert columns(db) == set(RUN_COLUMNS)
    for _, _, _, _, data in before["event"]:
        assert decode_events(data)
    with WorkflowStateStore(db) as store:
        (snapshot,) = store.list_context_snapshots()
        assert snapshot.conversation_history == [{"role": "user", "content": "hello"}]


def columns(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(run)")}


def test_those_that_began_hold_the_working_tree(db: Path) -> None:
    open_store(db).close()
    held = rows(db, "run", "workflow_id, isolation, holds_tree")
    assert {workflow_id for workflow_id, _, holds in held if holds} == {IDS["killed"], IDS["paused"]}
    assert {isolation for _, isolation, _ in held} == {"in-place"}


def test_the_copy_of_before_is_whole(db: Path) -> None:
    before = {table: rows(db, table) for table in ("run", "event", "snapshot", "conversation")}
    open_store(db).close()
    copy = db.with_name(f"{db.name}.v1.bak")
    assert version(copy) == 1
    assert {table: rows(copy, table) for table in before} == before


@pytest.mark.integration
def test_it_agrees_with_its_history(db: Path) -> None:
    open_store(db).close()
    report = check(Workspace(db.parent.parent))
    assert report.problems == ()


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
    for name in ("killed.go", "paused.go"):
        (root / name).touch()
    async with get_backend(workspace_path=root) as backend:
        await backend.run_engine()
        assert (await backend.wait_workflow(IDS["killed"], 30)).status == "COMPLETED"
        assert (await backend.wait_workflow(IDS["pending"], 30)).status == "PENDING", "the PAUSED one holds the tree"
        assert WorkflowReader(db).next_command(IDS["pending"]) == f"/workflow resume {IDS['paused']}"
        await backend.resume_workflow(IDS["paused"])
        assert (await backend.wait_workflow(IDS["paused"], 30)).status == "COMPLETED"
        assert (await backend.wait_workflow(IDS["pending"], 30)).status == "COMPLETED"
        await backend.signal_workflow(IDS["unverified"], "approve", {"by": "Ada"})
        assert (await backend.wait_workflow(IDS["dependent"], 30)).status == "COMPLETED"
        retried = await backend.retry_workflow(IDS["failing"])
        assert (await wait_for_workflow(backend, retried)).status.moving
    assert check(Workspace(root)).problems == ()


@pytest.mark.acceptance
def test_a_pending_workflow_continues_after_it_is_trusted(db: Path) -> None:
    penguin = Program(db.parent.parent)
    refused = penguin("-c", f"/workflow cancel {IDS['paused']}", "-c", "/workflow resume pending --wait")
    assert refused.code == 1
    assert "penguin trust" in refused.err
    assert version(db) == 1
    assert penguin("trust", "--yes").code == 0
    (penguin.folder / "killed.go").touch()
    assert penguin("-c", f"/workflow cancel {IDS['paused']}", "-c", f"/workflow cancel {IDS['killed']}").code == 0
    worker = penguin.begin("worker")
    assert penguin("-c", f"/workflow wait {IDS['pending']}").code == 0
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert "Status: COMPLETED" in penguin("-c", "/workflow status pending").out


@pytest.mark.acceptance
def test_before_it_is_trusted_it_can_be_read_and_is_not_changed(db: Path) -> None:
    before, penguin = db.read_bytes(), Program(db.parent.parent)
    ran = penguin(
        "-o", "json", "-c", "/workflow list", "-c", "/workflow status pending", "-c", "/workflow history done"
    )
    assert ran.documents[0]["workflows"] == EXPECTED["workflows"], ran.err
    shown = penguin("trust").out
    assert all(task in shown for task, status in STATUSES.items() if status in ("PENDING", "RUNNING"))
    assert db.read_bytes() == before
    assert [path.name for path in db.parent.iterdir()] == [db.name]


def test_a_damaged_history_does_not_stop_the_migration(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE event SET data = '[{}]' WHERE workflow_id = ? AND seq = 2", (IDS["killed"],))
    open_store(db).close()
    assert version(db) == SCHEMA_VERSION
    assert IDS["killed"] in {problem.subject for problem in check(Workspace(db.parent.parent)).problems}


@pytest.mark.integration
def test_a_database_of_a_newer_penguin_is_refused_and_left_as_it_is(db: Path) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before, beside = db.read_bytes(), sorted(db.parent.iterdir())
    for opener in (open_store, open_reader):
        with pytest.raises(StoreError, match=f"has schema version {SCHEMA_VERSION + 1}, written by a newer Penguin"):
            opener(db)
    ran = Program(db.parent.parent)("-c", "/workflow list", PENGUIN_TRUST="1")
    assert ran.code == 1
    assert "update Penguin" in ran.err
    assert db.read_bytes() == before
    assert {path for path in db.parent.iterdir() if path.name.startswith(db.name)} == set(beside)


@pytest.mark.integration
@pytest.mark.parametrize("failpoint", ["schema.copied", "schema.before", "schema.after"])
def test_a_kill_during_the_migration_leaves_it_whole(db: Path, failpoint: str) -> None:
    events = rows(db, "event")
    script = "import sys, pathlib; from penguin.orchestration.store.connection import open_store; "
    script += "open_store(pathlib.Path(sys.argv[1]))"
    environment = os.environ | {failpoints.VARIABLE: failpoint}
    killed = subprocess.run([sys.executable, "-c", script, str(db)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert version(db) == (SCHEMA_VERSION if failpoint == "schema.after" else 1)
    assert rows(db, "event") == events
    open_store(db).close()
    assert version(db) == SCHEMA_VERSION
    assert rows(db, "event") == events
    assert version(db.with_name(f"{db.name}.v1.bak")) == 1


@pytest.mark.integration
def test_a_report_on_each_workflow(db: Path) -> None:
    penguin = Program(db.parents[1])
    script = "\n".join(f"/workflow report {workflow_id}" for workflow_id in IDS.values())
    ran = penguin("-o", "json", "--keep-going", script=f"{script}\n/blueprint report\n", PENGUIN_TRUST="1")
    *reports, whole = [document["report"] for document in ran.documents]
    assert {report["info"]["task_id"]: report["info"]["status"] for report in reports} == STATUSES
    assert all(report["timeline"] and len(report["gates"]) == 4 for report in reports)
    assert sum(whole["counts"].values()) == len(whole["tasks"])
    pages = penguin("--keep-going", script=script.replace("\n", " --html -\n") + " --html -\n", PENGUIN_TRUST="1")
    assert pages.out.count("<!DOCTYPE html>") == len(IDS)
