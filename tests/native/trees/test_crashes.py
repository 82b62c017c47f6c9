"""Workflows in trees whose engine is killed: the branch has each commit once, and the user's files are as they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.native.trees.tree_workspace import BRANCH, TreeWorkspace
from tests.support.processes import kill, launchers
from tests.support.waiting import wait_until

from penguin.orchestration.files import failpoints

pytestmark = pytest.mark.anyio

MAKING = ("kept", "filters", "begun", "folder", "files", "git", "renamed")
LANDING = (
    *("intent", "plan", "lock", "objects", "commit", "stage", "move", "place", "index", "release", "done"),
    "kept.after",
)
POINTS = (
    *(f"tree.{name}" for name in MAKING),
    *("work.tree", "work.commit", "work.commit:2", "check.folder", "check.files", "check.git"),
    *(f"landing.{name}.{when}" for name in LANDING[:-1] for when in ("before", "after")),
    "landing.kept.after",
    *("attempt.before:3", "report.before:3", "report.after:3"),
)
SHORT = 4
"""`make test` tries every fourth failpoint; tests/worktree kills the functions themselves at each of them."""


def start(trees: TreeWorkspace, task: str, failpoint: str, record: Path) -> subprocess.Popen[bytes]:
    """Start a task in an engine of its own, which dies at the failpoint."""
    name, _, count = failpoint.partition(":")
    variables = os.environ | {failpoints.VARIABLE: f"{name}:{count or 1}:{record}"}
    command = [sys.executable, "-m", "penguin_repl", "-c", f"/workflow start {task} --wait"]
    return subprocess.Popen(
        command, cwd=trees.root, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def landing_workspace(trees: TreeWorkspace) -> None:
    """Let the task change, add and remove files of the branch that is checked out."""
    trees._settings = {"land": {"branch": "current"}}
    trees.configure()
    (trees.root / "gone.txt").write_text("old\n")
    implement = "sed -i s/two/A/ shared.txt && echo new > new.txt && rm gone.txt && chmod +x shared.txt"
    phases: dict[str, Any] = trees.default_phases() | {
        "implement": {"run": [implement]},
        "test": {"run": ["test -f new.txt"]},
    }
    trees.tasks({"id": "a", "phases": phases})
    trees.commit("tasks")
    (trees.root / "mine.txt").write_text("mine\n")


async def finish(trees: TreeWorkspace) -> None:
    """Let the next engine complete everything, and check what it left."""
    async with trees.backend() as backend:
        await backend.run_engine()
        infos = await backend.list_workflows()
        if not infos:
            infos = [await backend.wait_workflow(await backend.start_workflow("a"), 60)]
        infos = await backend.wait_workflows([info.workflow_id for info in infos], 60)
    assert [(info.status, info.error_message) for info in infos] == [("COMPLETED", None)]
    assert trees.subjects("main") == ["begin", "tasks", "a"]
    assert trees.read("shared.txt") == "one\nA\nthree\n"
    assert (trees.root / "new.txt").exists()
    assert not (trees.root / "gone.txt").exists()
    assert trees.run("status", "--porcelain") == "?? mine.txt\n"
    assert trees.read("mine.txt") == "mine\n"
    assert not list((trees.root / ".git").glob("*.lock"))
    assert trees.run("fsck", "--no-dangling") == ""


@pytest.mark.parametrize("failpoint", POINTS if os.environ.get("PENGUIN_ALL_TESTS") else POINTS[::SHORT])
async def test_an_engine_dies(trees: TreeWorkspace, failpoint: str, tmp_path: Path) -> None:
    landing_workspace(trees)
    engine = start(trees, "a", failpoint, tmp_path / "died")
    assert engine.wait(60) == -signal.SIGKILL, "it never came there"
    assert trees.subjects("main")[:2] == ["begin", "tasks"]
    assert len(trees.subjects("main")) <= 3
    await finish(trees)


async def test_a_step_in_a_tree_is_adopted(trees: TreeWorkspace, tmp_path: Path) -> None:
    """The engine dies while a step runs: the step ends, and runs once."""
    landing_workspace(trees)
    log = tmp_path / "log"
    hold = f"echo began >> {log}; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo new > new.txt"
    phases = trees.default_phases() | {
        "implement": {"run": [hold, "sed -i s/two/A/ shared.txt; rm gone.txt; chmod +x shared.txt"]},
        "test": {"run": ["test -f new.txt"]},
    }
    trees.tasks({"id": "a", "phases": phases})
    trees.run("commit", "-qam", "tasks", "--amend")
    engine = start(trees, "a", "close.before", tmp_path / "died")
    wait_until(log.exists, "the step", process=engine)
    kill(engine.pid)
    engine.wait(60)
    (tmp_path / "go").touch()
    await finish(trees)
    assert log.read_text() == "began\n"
    wait_until(lambda: not launchers(trees.engines), "the end of the launchers")


async def test_both_tasks_land_once_after_many_kills(trees: TreeWorkspace, tmp_path: Path) -> None:
    """Two tasks that land on one branch, with a kill at each step of the way."""
    trees.tasks("a", "b")
    trees.commit("tasks")
    for number, failpoint in enumerate(("landing.move.before", "landing.move.after", "check.files", "report.before:2")):
        start(trees, "ab"[number % 2], failpoint, tmp_path / f"died-{number}").wait(60)
    async with trees.backend() as backend:
        await backend.run_engine()
        infos = await backend.list_workflows()
        infos = await backend.wait_workflows([info.workflow_id for info in infos], 60)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert sorted(trees.subjects(BRANCH)) == ["a", "b", "begin", "tasks"]
