"""Hosts that share no disk: two clones of a project with workers, between them a git remote and a folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.git_repository import git
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_until_async
from tests.support.worker_process import WorkerProcesses, client_of
from tests.support.workspace import read_lines

from penguin.orchestration.execution.step_lease import StepLease
from penguin.orchestration.temporal.worker.ownership import home_of

pytestmark = pytest.mark.anyio

GO = 'until test -e "$GO"; do sleep 0.05; done'


@dataclass
class Team:
    """Two clones, and their workers."""

    here: TemporalWorkspace
    there: TemporalWorkspace
    here_workers: WorkerProcesses
    there_workers: WorkerProcesses
    go: Path
    """Steps wait for this file, wherever they are."""


@pytest.fixture
def team(
    tmp_path: Path, server: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Team]:
    (tmp_path / "origin.git").mkdir()
    git(tmp_path / "origin.git", "init", "-q", "--bare", "-b", "main")
    git(tmp_path, "clone", "-q", os.fspath(tmp_path / "origin.git"), "here")
    (tmp_path / "here" / ".gitignore").write_text("penguin.yaml\nb.json\n.penguin/\n*.log\n")
    git(tmp_path / "here", "add", ".gitignore")
    git(tmp_path / "here", "commit", "-qm", "Begin")
    git(tmp_path / "here", "push", "-q", "origin", "HEAD:main")
    git(tmp_path, "clone", "-q", os.fspath(tmp_path / "origin.git"), "there")
    monkeypatch.setenv("GO", os.fspath(tmp_path / "go"))
    project = f"p{os.urandom(4).hex()}"
    here, there = (TemporalWorkspace(tmp_path / name, server, project) for name in ("here", "there"))
    team = Team(
        here,
        there,
        WorkerProcesses(here.root, tmp_path_factory.mktemp("workers")),
        WorkerProcesses(there.root, tmp_path_factory.mktemp("workers")),
        tmp_path / "go",
    )
    for clone in (here, there):
        clone.replace_settings(
            workspace={"remote": "origin", "push_to_upstream": True}, storage={"url": os.fspath(tmp_path / "storage")}
        )
    yield team
    for workers in (team.here_workers, team.there_workers):
        workers.close()


def tasks_of(team: Team, *tasks: Any) -> None:
    for clone in (team.here, team.there):
        clone.tasks(*tasks)


async def begun(workers: WorkerProcesses, clone: TemporalWorkspace, file: str = "test.log") -> None:
    """Wait until a step has written its first line."""
    await wait_until_async(
        lambda: read_lines(clone.root / file),
        "the step",
        details=lambda: [workers.output(one) for one in workers.running],
    )


HELD = {
    "implement": {"run": ["echo made > made.txt; echo made >> ran.log"]},
    "test": {"run": [f"grep made made.txt; echo begun >> test.log; {GO}; echo ended >> test.log"]},
}


async def test_a_workflow_goes_on_in_another_clone_when_its_host_is_gone(team: Team) -> None:
    tasks_of(team, {"id": "a", "phases": HELD})
    worker = team.here_workers.start()
    async with client_of(team.there) as client:
        one = await client.start_workflow("a")
        await begun(team.here_workers, team.here)
        team.there_workers.start()
        worker.kill()
        worker.wait()
        await begun(team.there_workers, team.there)
        # Before it began there, it was ended here.
        assert not steps_in(team.here.root, one)
        team.go.touch()
        assert (await client.wait_workflow(one, 60)).status == "COMPLETED"
        verdicts = [(it["phase"], it["attempt"]) for it in await client.query_workflow(one, "get_phase_results")]
    assert verdicts == [("IMPLEMENT", 1), ("TEST", 2), ("USE", 3), ("VERIFY", 4)]
    assert read_lines(team.here.root / "test.log") == ["begun"]
    assert read_lines(team.there.root / "test.log") == ["begun", "ended"]
    # IMPLEMENT was not run again: its files came over the remote.
    assert not (team.there.root / "ran.log").exists()
    assert (team.there.root / "made.txt").read_text() == "made\n"
    # What it printed at home is read through the storage.
    said = penguin(team.there, f"/workflow logs {one} --phase TEST")
    assert said.returncode == 0
    assert "made" in said.stdout


async def test_a_worker_that_is_back_within_the_lease_goes_on_with_its_step(team: Team) -> None:
    tasks_of(team, {"id": "a", "phases": HELD})
    worker = team.here_workers.start()
    async with client_of(team.here) as client:
        one = await client.start_workflow("a")
        await begun(team.here_workers, team.here)
        worker.kill()
        worker.wait()
        team.here_workers.start()
        lease = StepLease(team.here.root / ".penguin" / "temporal" / "lease")
        lapsing = lease.lapses_at()
        while lease.lapses_at() <= lapsing:
            await asyncio.sleep(0.05)
        team.go.touch()
        assert (await client.wait_workflow(one, 60)).status == "COMPLETED"
    assert read_lines(team.here.root / "test.log") == ["begun", "ended"]


async def test_a_dependent_begins_with_the_files_of_what_it_depends_on(team: Team) -> None:
    made = {"implement": {"run": ["echo a > a.txt"]}}
    built = {"implement": {"run": ["cat a.txt > b.txt"]}, "test": {"run": ["grep a b.txt"]}}
    tasks_of(team, {"id": "a", "phases": made}, {"id": "b", "phases": built, "depends_on": ["a"]})
    worker = team.here_workers.start()
    async with client_of(team.there) as client:
        one = await client.start_workflow("a")
        assert (await client.wait_workflow(one, 60)).status == "COMPLETED"
        worker.terminate()
        assert worker.wait(30) == 0
        team.there_workers.start()
        (team.there.root / "notes.txt").write_text("mine\n")
        two = await client.start_workflow("b")
        assert (await client.wait_workflow(two, 60)).status == "COMPLETED"
    assert (team.there.root / "b.txt").read_text() == "a\n"
    assert (team.there.root / "notes.txt").read_text() == "mine\n"


async def test_files_that_do_not_fit_together_stop_the_workflow_and_are_named(team: Team) -> None:
    made = {"implement": {"run": ["echo a > a.txt"]}}
    tasks_of(team, {"id": "a", "phases": made}, {"id": "b", "depends_on": ["a"]})
    for clone in (team.here, team.there):
        clone.configure(retry={"max_attempts": 1})
    worker = team.here_workers.start()
    async with client_of(team.there) as client:
        one = await client.start_workflow("a")
        assert (await client.wait_workflow(one, 60)).status == "COMPLETED"
        worker.terminate()
        worker.wait(30)
        team.there_workers.start()
        (team.there.root / "a.txt").write_text("mine\n")
        two = await client.start_workflow("b")
        info = await client.wait_workflow(two, 60)
    assert info.status == "BLOCKED"
    assert "a.txt" in str(info.error_message)
    assert (team.there.root / "a.txt").read_text() == "mine\n"


async def test_without_a_remote_what_has_begun_waits_for_its_host(team: Team) -> None:
    tasks_of(team, {"id": "a", "phases": HELD}, "b")
    for clone in (team.here, team.there):
        clone.replace_settings()
    worker = team.here_workers.start()
    async with client_of(team.there) as client:
        one = await client.start_workflow("a")
        await begun(team.here_workers, team.here)
        team.there_workers.start()
        worker.kill()
        worker.wait()
        # Another one of its blueprint would have to build on files that are not to be had.
        two = await client.start_workflow("b")
        link = await client.process.open()
        while (
            home := await home_of(link.connection, link.task_queue, link.project_id, "b")
        ) is None or not home.vacant:
            await asyncio.sleep(0.1)
        assert home.site is not None
        said = penguin(team.there, f"/workflow status {one}")
        assert f"waits for {home.site.host}" in said.stdout
        assert not read_lines(team.there.root / "test.log")
        team.go.touch()
        team.here_workers.start()
        infos = await client.wait_workflows([one, two], 90)
    assert [info.status for info in infos] == ["COMPLETED", "COMPLETED"]
    # Without anybody who could take over, the step outlived its worker.
    assert read_lines(team.here.root / "test.log") == ["begun", "ended"]
    logs = penguin(team.there, f"/workflow logs {one} --phase TEST")
    assert home.site.host in logs.stdout
    assert "made" in logs.stdout


def test_a_remote_that_is_the_upstream_has_to_be_wanted(team: Team) -> None:
    tasks_of(team, "a")
    team.here.replace_settings(workspace={"remote": "origin"})
    said = penguin(team.here, "/workflow start a")
    assert said.returncode == 1
    assert "push_to_upstream" in said.stdout + said.stderr


def penguin(clone: TemporalWorkspace, command: str) -> subprocess.CompletedProcess[str]:
    """A command, as somebody types it in the clone."""
    program = [sys.executable, "-m", "penguin_repl", "-c", command]
    return subprocess.run(program, cwd=clone.root, capture_output=True, text=True, timeout=60)


def steps_in(root: Path, workflow_id: str) -> list[str]:
    """Processes of a workflow's steps in a working tree."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                environment = (process / "environ").read_bytes()
                inside = (process / "cwd").readlink() == root
            except OSError:
                continue
            if inside and f"PENGUIN_WORKFLOW_ID={workflow_id}".encode() in environment:
                found.append(process.name)
    return found
