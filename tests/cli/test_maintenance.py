"""Maintenance through the real program: backup, check and prune."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.support.program import Program

LONG_AGO = time.time() - 40 * 86400


def db(penguin: Program) -> Path:
    return penguin.folder / ".penguin" / "penguin.db"


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


# --- backup ---------------------------------------------------------------------------------------------------------


def test_a_backup_is_complete_and_private(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    ran = penguin("-c", "/backup x.db")
    copy = penguin.folder / "x.db"
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"Backed up to x.db ({copy.stat().st_size // 1000} kB)\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    assert rows(copy, "SELECT * FROM event") == rows(db(penguin), "SELECT * FROM event")
    assert sorted(path.name for path in penguin.folder.glob("x.db*")) == ["x.db"]


def test_a_backup_overwrites_nothing(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    (penguin.folder / "mine").write_text("mine")
    (penguin.folder / "link").symlink_to("nowhere")
    for name in ("mine", "link", ".penguin/penguin.db", "."):
        ran = penguin("-c", f"/backup {name}")
        assert (ran.code, ran.out) == (1, ""), name
        assert "exists" in ran.err
    assert (penguin.folder / "mine").read_text() == "mine"
    ran = penguin("-c", "/backup no/such/folder/x.db")
    assert ran.code == 1
    assert "No such file or directory" in ran.err


def test_before_the_first_start_there_is_nothing_to_back_up(penguin: Program) -> None:
    ran = penguin("-c", "/backup x.db")
    assert ran.code == 1
    assert "nothing to back up" in ran.err
    assert not (penguin.folder / "x.db").exists()


def test_a_restored_backup_works(penguin: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    penguin("-c", "/workflow start quick")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("penguin.yaml", "tasks.md"):
        (elsewhere / name).write_bytes((penguin.folder / name).read_bytes())
    (elsewhere / ".penguin").mkdir()
    penguin("-c", f"/backup {elsewhere}/.penguin/penguin.db")
    restored = Program(elsewhere)
    assert restored("-o", "json", "-c", "/workflow list").out == penguin("-o", "json", "-c", "/workflow list").out
    assert restored("-c", "/workflow start after").code == 1, "it may be anybody's"
    assert restored("trust", "--yes").code == 0
    assert restored("-c", "/workflow start after").code == 0
    assert restored("check").code == 0


def test_backups_and_checks_are_consistent_while_engines_write(penguin: Program) -> None:
    script = "\n".join(["/workflow start quick --wait"] * 12)
    writing = penguin.begin()
    assert writing.stdin is not None
    writing.stdin.write(script)
    writing.stdin.close()
    looks = 0
    while writing.poll() is None:
        if db(penguin).exists() and db(penguin).stat().st_size:
            looks += 1
            assert penguin("check").code == 0
            assert penguin("-c", f"/backup {looks}.db").code == 0
            copy = penguin.folder / f"{looks}.db"
            numbers = "SELECT workflow_id, max(seq) FROM event GROUP BY workflow_id"
            assert rows(copy, numbers) == rows(copy, "SELECT workflow_id, seq FROM run ORDER BY workflow_id")
    assert (writing.wait(), looks > 0) == (0, True)


# --- check ----------------------------------------------------------------------------------------------------------


def test_check_reports_no_problem(penguin: Program) -> None:
    assert penguin("check").out == "0 workflows, 0 decisions: no problem\n"
    penguin("-c", "/workflow start quick")
    ran = penguin("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("1 workflow, ")
    assert ran.out.endswith(" decisions: no problem\n")


def test_check_reports_problems_and_exits_with_1(penguin: Program) -> None:
    penguin("-c", "/workflow start quick")
    with sqlite3.connect(db(penguin)) as connection:
        connection.execute("UPDATE run SET status = 'FAILED'")
    connection.close()
    left = penguin.folder / ".penguin" / "runs" / "ituv-lost-000000"
    left.mkdir()
    os.utime(left, (LONG_AGO, LONG_AGO))
    ran = penguin("check")
    assert ran.code == 1
    problem, leftover, summary = ran.out.splitlines()
    assert problem.endswith(": its row says status 'FAILED', its history says 'COMPLETED'")
    assert leftover == "leftover: .penguin/runs/ituv-lost-000000 (run folder without a workflow)"
    assert summary.endswith(": 1 problem, 1 leftover (/workflow prune removes them)")
    (document,) = penguin("-o", "json", "check").documents
    assert len(document["problems"]) == len(document["leftovers"]) == document["workflows"] == 1
    assert penguin("check").code == 1


# --- prune ----------------------------------------------------------------------------------------------------------


def age(penguin: Program, *workflow_ids: str, days: float = 40.0) -> None:
    """Set the end of workflows back by this age in their rows; pruning does not read the history."""
    with sqlite3.connect(db(penguin)) as connection:
        for workflow_id in workflow_ids:
            connection.execute(
                "UPDATE run SET updated_at = ? WHERE workflow_id = ?", (time.time() - days * 86400, workflow_id)
            )
    connection.close()


def ids(penguin: Program) -> list[str]:
    """Return the ids, newest first."""
    (document,) = penguin("-o", "json", "-c", "/workflow list").documents
    return [row["workflow_id"] for row in document["workflows"]]


def start(penguin: Program, *tasks: str) -> list[str]:
    ran = penguin(
        "-o", "json", "--keep-going", *[word for task in tasks for word in ("-c", f"/workflow start {task} --wait")]
    )
    return [document["workflow_id"] for document in ran.documents if "workflow_id" in document]


def test_pruning_keeps_the_newest_completed_workflow(penguin: Program) -> None:
    first, second, recent = start(penguin, "quick", "quick", "quick")
    age(penguin, first, second)
    runs = penguin.folder / ".penguin" / "runs"
    dry = penguin("-c", "/workflow prune --older-than 30d --dry-run")
    assert {first, second, recent} == set(ids(penguin)) == {path.name for path in runs.iterdir()}
    ran = penguin("-c", "/workflow prune --older-than 30d")
    assert dry.out == ran.out.replace("Pruned", "Would prune")
    assert ran.out.splitlines()[-1].startswith("Pruned 2 workflows, ")
    assert ids(penguin) == [recent]
    assert [path.name for path in runs.iterdir()] == [recent]
    age(penguin, recent)
    assert penguin("-c", "/workflow prune --older-than 30d").out == "Nothing to prune.\n"
    assert rows(db(penguin), "SELECT count(DISTINCT workflow_id) FROM event") == [(1,)]


def test_a_met_dependency_stays_met(penguin: Program) -> None:
    start(penguin, "quick")
    age(penguin, *ids(penguin))
    penguin("-c", "/workflow prune --older-than 1s")
    assert penguin("-c", "/workflow start after").code == 0


def test_pruning_keeps_active_workflows(penguin: Program) -> None:
    penguin("-c", "/workflow start person")
    (blocked,) = ids(penguin)
    age(penguin, blocked, days=4000)
    assert penguin("-c", "/workflow prune --older-than 1s").out == "Nothing to prune.\n"
    assert ids(penguin) == [blocked]


def test_ids_are_not_reused_after_pruning(penguin: Program) -> None:
    penguin(script="/workflow start person --wait\n")
    penguin("-c", "/workflow cancel person")
    (first,) = ids(penguin)
    age(penguin, first)
    assert penguin("-c", "/workflow prune --older-than 30d").code == 0
    assert ids(penguin) == []
    penguin("-c", "/workflow start person")
    (second,) = ids(penguin)
    assert second != first
    penguin("-c", "/workflow cancel person")
    penguin("-c", "/workflow start person")
    assert len({first, *ids(penguin)}) == 3


def test_pruning_removes_leftovers_of_crashes(penguin: Program) -> None:
    start(penguin, "quick")
    state = penguin.folder / ".penguin"
    lost = state / "runs" / "ituv-lost-000000" / "1-implement"
    lost.mkdir(parents=True)
    # The folder is removed last: the pruned task is on disk by then.
    with sqlite3.connect(db(penguin)) as connection:
        connection.execute("INSERT INTO pruned VALUES ('shop', 'lost', 1)")
    connection.close()
    (lost / "01-x.1.log").write_text("x")
    lost.chmod(0o500)
    engine = state / "engines" / ("d" * 32)
    engine.mkdir(parents=True)
    for path in (lost.parent, engine):
        os.utime(path, (LONG_AGO, LONG_AGO))
    ran = penguin("-c", "/workflow prune --older-than 30d")
    assert ran.out.splitlines() == [
        "leftover: .penguin/runs/ituv-lost-000000 (run folder without a workflow)",
        f"leftover: .penguin/engines/{'d' * 32} (folder of a dead engine)",
        "Pruned 2 leftovers, 0 B of output",
    ]
    assert not lost.parent.exists()
    assert not engine.exists()
    assert penguin("check").out.endswith(": no problem\n")


def test_saved_copies_of_the_database_are_counted_and_pruned_by_age(penguin: Program) -> None:
    start(penguin, "quick")
    state = penguin.folder / ".penguin"
    old, update, new = state / "penguin-saved-1-2.db", state / "penguin.db.v1.bak", state / "penguin-saved-3-4.db"
    others = state / "penguin-saved.db", state / "my-saved-1.db", penguin.folder / "penguin-saved-1-2.db"
    for path in (old, update, new, *others):
        path.write_text("x")
    folder = state / "penguin-saved-5.db"
    folder.mkdir()
    for path in (old, update, *others, folder):
        os.utime(path, (LONG_AGO, LONG_AGO))
    assert penguin("-o", "json", "-c", "/health").documents[0]["saved_copies"] == 3
    assert "saved copies of the database     3" in penguin("-c", "/health").out
    would = penguin("-c", "/workflow prune --older-than 30d --dry-run").out
    assert "leftover: .penguin/penguin-saved-1-2.db (saved copy of the database)" in would
    assert "leftover: .penguin/penguin.db.v1.bak (saved copy of the database)" in would
    assert old.exists()
    assert penguin("-c", "/workflow prune --older-than 30d").out == would.replace("Would prune", "Pruned")
    assert not old.exists()
    assert not update.exists()
    assert all(path.exists() for path in (new, *others, folder))
    assert penguin("-o", "json", "-c", "/health").documents[0]["saved_copies"] == 1


def test_pruning_removes_checkpoints(penguin: Program) -> None:
    git(penguin.folder, "init", "-q", ".")
    first, second = start(penguin, "quick", "quick")
    assert first in git(penguin.folder, "for-each-ref")
    age(penguin, first)
    lock = penguin.folder / ".git" / "refs" / "penguin" / first / "start.lock"
    lock.touch()
    ran = penguin("-c", "/workflow prune --older-than 30d")
    assert ran.code == 1
    assert f"not removed: .penguin/runs/{first} (" in ran.out
    os.utime(penguin.folder / ".penguin" / "runs" / first, (LONG_AGO, LONG_AGO))
    assert f"leftover: .penguin/runs/{first}" in penguin("check").out
    lock.unlink()
    assert penguin("-c", "/workflow prune --older-than 30d").code == 0
    assert first not in git(penguin.folder, "for-each-ref")
    assert second in git(penguin.folder, "for-each-ref")
    assert penguin("check").out.endswith(": no problem\n")


@pytest.mark.parametrize("text", ["30", "d", "30w", "-1d", "soon"])
def test_an_age_needs_a_unit(penguin: Program, text: str) -> None:
    ran = penguin("-c", f"/workflow prune --older-than={text}")
    assert ran.code == 2
    assert "30d" in ran.err or "no length of time" in ran.err


def test_pruning_needs_an_age(penguin: Program) -> None:
    ran = penguin("-c", "/workflow prune")
    assert ran.code == 2
    assert "--older-than AGE is missing" in ran.err


def test_a_step_prunes_nothing(penguin: Program) -> None:
    start(penguin, "quick")
    inside = {"PENGUIN_WORKSPACE": str(penguin.folder), "PENGUIN_STEP_x": "1"}
    ran = penguin("-c", "/workflow prune --older-than 1s", **inside)
    assert ran.code == 1
    assert "from inside a step" in ran.err
