"""`penguin check`: consistent data, problems and leftovers. A check changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.commands import Cancel, Claim, Dispatch
from penguin.orchestration.files.engine_lock import LAUNCHER_LOCK, EngineLock
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import SCHEMA_VERSION
from penguin.orchestration.store.maintenance.check import CheckReport, check

LONG_AGO = time.time() - 3600


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.ensure()
    return workspace


@pytest.fixture
def full(workspace: Workspace) -> Workspace:
    """A workspace with workflows in several states."""
    workflows = [
        StoredWorkflow("done").complete(),
        StoredWorkflow("runs").run().report(Verdict.FAILED, "no"),
        StoredWorkflow("stuck").run().report(Verdict.UNVERIFIED, "nothing"),
        StoredWorkflow("gone").run().do(Cancel("ann")),
        StoredWorkflow("new"),
    ]
    commit_workflows(workspace.db, *workflows)
    return workspace


def change(workspace: Workspace, *statements: str) -> None:
    with sqlite3.connect(workspace.db) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def problems(workspace: Workspace) -> list[tuple[str, str]]:
    return [tuple(problem) for problem in check(workspace).problems]


def aged(path: Path, text: str | None = None) -> Path:
    """Create an old folder, or an old file with this text."""
    if text is None:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_a_missing_database_has_no_problem(workspace: Workspace) -> None:
    assert check(workspace) == CheckReport()
    assert not workspace.db.exists()


def test_a_database_of_penguin_has_no_problem(full: Workspace) -> None:
    report = check(full)
    assert (report.workflows, report.problems, report.leftovers) == (5, (), ())
    assert report.events > 10


def test_a_check_changes_nothing(full: Workspace) -> None:
    change(full, "UPDATE run SET status = 'PAUSED' WHERE task_id = 'new'", "DELETE FROM event WHERE seq = 2")
    aged(full.runs / "ituv-unknown-000000")

    def digest() -> str:
        data = [
            path.read_bytes() for path in sorted(full.state.rglob("*")) if path.is_file() and "-shm" not in path.name
        ]
        return hashlib.sha256(b"".join(data)).hexdigest()

    before = digest()
    assert check(full).problems
    assert digest() == before


@pytest.mark.parametrize(
    ("statement", "subject", "message"),
    [
        (
            "UPDATE run SET status = 'PAUSED' WHERE task_id = 'new'",
            "new",
            "its row says status 'PAUSED', its history says 'P",
        ),
        (
            "UPDATE run SET status = 'LOST' WHERE task_id = 'new'",
            "new",
            "its row has an unknown status: 'LOST'",
        ),
        ("UPDATE run SET phase = 'NAP' WHERE task_id = 'done'", "done", "its row has an unknown phase: 'NAP'"),
        ("UPDATE run SET slot = 1 WHERE task_id = 'done'", "done", "its row says slot 1, its history says 0"),
        (
            "UPDATE run SET owner = 'me' WHERE task_id = 'runs'",
            "runs",
            "its row says owner 'me', its history says 'eeee",
        ),
        ("UPDATE run SET seq = 9 WHERE task_id = 'new'", "new", "its row says seq 9, its history says 1"),
        ("DELETE FROM event WHERE seq = 2 AND workflow_id LIKE '%done%'", "done", "its history has gaps: 1, 3-"),
        ("DELETE FROM event WHERE seq = 1 AND workflow_id LIKE '%done%'", "done", "its history can't be read: "),
        ("DELETE FROM event WHERE workflow_id LIKE '%new%'", "new", "it has a row but no history"),
        ("DELETE FROM run WHERE task_id = 'new'", "new", "it has a history but no row"),
        ("UPDATE event SET data = '[{}]' WHERE workflow_id LIKE '%new%'", "new", "its history can't be read: "),
        ("UPDATE event SET data = 'x' WHERE workflow_id LIKE '%new%'", "new", "its history can't be read: "),
        (
            "UPDATE event SET data = replace(data, 'VERIFY', 'NAP')",
            "done",
            "its history can't be read: Invalid enum value",
        ),
        ("UPDATE event SET kind = 'Nap' WHERE seq = 2", "done", "event 2 has the columns Nap at "),
        (
            "UPDATE event SET at = 7 WHERE seq = 2",
            "done",
            "event 2 has the columns Claimed at 7.0, but holds Claimed at 17",
        ),
    ],
)
def test_inconsistencies_are_reported(full: Workspace, statement: str, subject: str, message: str) -> None:
    change(full, statement)
    found = problems(full)
    assert any(who == f"ituv-{subject}-000000" and text.startswith(message) for who, text in found), found


def test_two_active_workflows_of_a_task_are_a_problem(full: Workspace) -> None:
    change(full, "DROP INDEX run_active")
    commit_workflows(full.db, StoredWorkflow("new", number=1))
    assert ("ituv-new-000001", "it is active, and so is ituv-new-000000 of the same task") in problems(full)


def test_a_damaged_file_is_a_problem_and_not_an_error(full: Workspace) -> None:
    connection = open_store(full.db)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = full.db.read_bytes()
    full.db.write_bytes(whole[: 3 * 4096] + b"\xff" * 4096 + whole[4 * 4096 :])
    assert {who for who, _ in problems(full)} == {"penguin.db"}
    full.db.write_bytes(b"just text " * 1000)
    (who, text), (_, held) = problems(full)
    assert who == "penguin.db"
    assert text.startswith(f"{full.db} is a file, but not a database; mv {full.db} ")
    assert held.startswith(f"{full.db} should hold ")


def test_an_older_version_is_not_migrated(full: Workspace) -> None:
    change(full, "PRAGMA user_version = 0")
    assert f"has schema version 0, this Penguin needs {SCHEMA_VERSION}" in problems(full)[0][1]
    with sqlite3.connect(full.db) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


# --- leftovers ------------------------------------------------------------------------------------------------------


def left(workspace: Workspace) -> dict[str, str]:
    return {str(leftover.path.relative_to(workspace.state)): leftover.reason for leftover in check(workspace).leftovers}


def test_leftovers_are_listed_and_not_a_problem(full: Workspace) -> None:
    aged(full.runs / "ituv-unknown-000000")
    aged(full.runs / "ituv-done-000000" / "1-implement" / "01-x.1.exit.json.tmp", "{")
    aged(full.runs / "ituv-done-000000" / "1-implement" / "artifacts" / "mine.tmp", "kept")
    aged(full.runs / "ituv-done-000000" / "tree.index.lock", "")
    aged(full.engines / ("d" * 32))
    assert left(full) == {
        "runs/ituv-unknown-000000": "run folder without a workflow",
        "runs/ituv-done-000000/1-implement/01-x.1.exit.json.tmp": "file that was never finished",
        "runs/ituv-done-000000/tree.index.lock": "file that was never finished",
        f"engines/{'d' * 32}": "folder of a dead engine",
    }
    assert not check(full).problems


def test_recent_files_are_not_leftovers(full: Workspace) -> None:
    (full.runs / "ituv-unknown-000000").mkdir(parents=True)
    (full.engines / ("d" * 32)).mkdir(parents=True)
    assert left(full) == {}


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[EngineLock]:
    identity = EngineLock(workspace.engines)
    os.utime(identity.folder, (LONG_AGO, LONG_AGO))
    yield identity
    identity.release()


@pytest.mark.parametrize("launcher", [LAUNCHER_LOCK, f"2/{LAUNCHER_LOCK}"])
def test_folders_of_needed_engines_are_not_leftovers(full: Workspace, engine: EngineLock, launcher: str) -> None:
    import fcntl

    owner = "c" * 32
    aged(full.engines / owner)
    commit_workflows(full.db, StoredWorkflow("owned").do(Claim(owner), Dispatch()))
    runs_steps = aged(full.engines / ("b" * 32))
    (runs_steps / launcher).parent.mkdir(exist_ok=True)
    with open(runs_steps / launcher, "w") as lock:
        os.utime(runs_steps, (LONG_AGO, LONG_AGO))
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert left(full) == {}
    assert list(left(full)) == [f"engines/{'b' * 32}"]


def test_engines_can_write_during_a_check(full: Workspace) -> None:
    writer = open_store(full.db)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE run SET reason = 'half done'")
    assert problems(full) == []
    writer.execute("ROLLBACK")
    writer.close()


def test_a_report_is_plain_data(full: Workspace) -> None:
    json.dumps(check(full).problems)
