"""`penguin worker` as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import get_backend
from penguin.orchestration.store.queries import WorkflowReader

pytestmark = pytest.mark.anyio


class Worker:
    """A running worker."""

    def __init__(self, workspace: SampleWorkspace, *options: str) -> None:
        self._log = workspace.root / "worker.err"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "penguin_repl", "worker", *options],
                cwd=workspace.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, bytes]:
        """Signal it and wait for its end; return exit code and standard output."""
        os.kill(self._process.pid, number)
        return self.ended()

    def ended(self) -> tuple[int, bytes]:
        output, _ = self._process.communicate(timeout=30)
        return self._process.returncode, output

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def workers(workspace: SampleWorkspace) -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()


def run(workspace: SampleWorkspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "penguin_repl", *arguments]
    return subprocess.run(program, cwd=workspace.root, capture_output=True, text=True, check=False, timeout=60)


def waiting_task(workspace: SampleWorkspace) -> None:
    wait = "echo begun >> begun; while [ ! -e go ]; do sleep 0.01; done; echo ended >> ended"
    workspace.tasks({"id": "a", "phases": {"implement": {"run": [wait]}}}, "b")


def count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


async def test_a_worker_runs_detached_workflows_and_ends_when_settled(
    workspace: SampleWorkspace, workers: list[Worker]
) -> None:
    left = run(workspace, "--detach", "-c", "/workflow start a")
    assert left.returncode == 0
    assert "no engine is running" in left.stderr
    workers.append(Worker(workspace, "--until-settled"))
    assert workers[0].ended() == (0, b"")
    assert "all workflows are settled" in workers[0].output
    assert [info.status for info in WorkflowReader(workspace.root / ".penguin" / "penguin.db").list()] == ["COMPLETED"]


async def test_no_hint_about_a_worker_if_one_lives(workspace: SampleWorkspace, workers: list[Worker]) -> None:
    workers.append(Worker(workspace))
    await wait_until_async(lambda: "worker: running" in workers[0].output)
    left = run(workspace, "--detach", "-c", "/workflow start a")
    assert left.returncode == 0
    assert "no engine" not in left.stderr
    async with get_backend(workspace_path=workspace.root) as backend:
        (info,) = await backend.list_workflows()
        assert (await backend.wait_workflow(info.workflow_id, 20)).status == "COMPLETED"
    assert workers[0].stop() == (0, b"")
    assert "no step was running" in workers[0].output


async def test_sigterm_leaves_the_step_running_for_the_next_engine(
    workspace: SampleWorkspace, workers: list[Worker]
) -> None:
    waiting_task(workspace)
    run(workspace, "--detach", "-c", "/workflow start a")
    workers.append(Worker(workspace))
    await wait_until_async(lambda: count(workspace.root / "begun"))
    assert workers[0].stop() == (0, b"")
    assert "the next engine continues: ituv-a-" in workers[0].output
    (workspace.root / "go").touch()
    await wait_until_async(lambda: count(workspace.root / "ended"))
    workers.append(Worker(workspace, "--until-settled"))
    assert workers[1].ended()[0] == 0
    assert (count(workspace.root / "begun"), count(workspace.root / "ended")) == (1, 1)


async def test_with_grace_a_step_can_end(workspace: SampleWorkspace, workers: list[Worker]) -> None:
    waiting_task(workspace)
    run(workspace, "--detach", "-c", "/workflow start a")
    workers.append(Worker(workspace, "--grace", "30"))
    await wait_until_async(lambda: count(workspace.root / "begun"))
    os.kill(workers[0]._process.pid, signal.SIGTERM)
    await wait_until_async(lambda: "stopping; waiting 30 s" in workers[0].output)
    (workspace.root / "go").touch()
    assert workers[0].ended()[0] == 0
    assert count(workspace.root / "ended") == 1
    workers.append(Worker(workspace, "--until-settled"))
    assert workers[1].ended()[0] == 0
    assert count(workspace.root / "begun") == 1, "what ended in the grace is not run again"


async def test_after_the_grace_period_the_step_is_stopped_and_runs_again(
    workspace: SampleWorkspace, workers: list[Worker]
) -> None:
    waiting_task(workspace)
    run(workspace, "--detach", "-c", "/workflow start a")
    workers.append(Worker(workspace, "--grace", "0"))
    await wait_until_async(lambda: count(workspace.root / "begun"))
    assert workers[0].stop()[0] == 0
    (workspace.root / "go").touch()
    assert count(workspace.root / "ended") == 0
    workers.append(Worker(workspace, "--until-settled"))
    assert workers[1].ended()[0] == 0
    assert (count(workspace.root / "begun"), count(workspace.root / "ended")) == (2, 1)
    async with get_backend(workspace_path=workspace.root) as backend:
        (info,) = await backend.list_workflows()
        assert (await wait_for_workflow(backend, info.workflow_id)).status == "COMPLETED"
        results = await backend.query_workflow(info.workflow_id, "get_phase_results")
    assert [result["attempt"] for result in results] == [1, 2, 3, 4], "nothing was spent"


async def test_two_workers_share_the_work_and_run_nothing_twice(
    workspace: SampleWorkspace, workers: list[Worker]
) -> None:
    workspace.configure(max_parallel=4)
    names = [f"t{number}" for number in range(24)]
    phases = {"implement": {"run": ["echo $PENGUIN_TASK_ID >> ran"]}}
    workspace.tasks(*[{"id": name, "phases": phases} for name in names])
    workers += [Worker(workspace), Worker(workspace)]
    await wait_until_async(lambda: all("worker: running" in worker.output for worker in workers))
    assert run(workspace, "--detach", "-c", "/blueprint run b").returncode == 0
    assert run(workspace, "-c", "/workflow wait " + " ".join(names)).returncode == 0
    assert sorted((workspace.root / "ran").read_text().split()) == sorted(names)


async def test_until_settled_waits_for_the_step_of_a_paused_workflow(
    workspace: SampleWorkspace, workers: list[Worker]
) -> None:
    waiting_task(workspace)
    run(workspace, "--detach", "-c", "/workflow start a")
    workers.append(Worker(workspace))
    await wait_until_async(lambda: count(workspace.root / "begun"))
    assert run(workspace, "-c", "/workflow pause a").returncode == 0
    workers[0].stop()
    assert "the next engine continues: ituv-a-" in workers[0].output
    reader = WorkflowReader(workspace.root / ".penguin" / "penguin.db")
    owners = [entry.text for entry in reader.history(reader.find("a")) if "claimed" in entry.text]
    workers.append(Worker(workspace, "--until-settled"))
    await wait_until_async(
        lambda: len([1 for entry in reader.history(reader.find("a")) if "claimed" in entry.text]) > len(owners)
    )
    assert "all workflows are settled" not in workers[1].output
    (workspace.root / "go").touch()
    assert workers[1].ended() == (0, b"")
    assert (reader.list()[0].status, reader.is_settled(reader.find("a"))) == ("PAUSED", True)
    assert (count(workspace.root / "begun"), count(workspace.root / "ended")) == (1, 1)
    reader.close()


@pytest.mark.parametrize("options", [("--grace", "5"), ("--until-settled",)])
def test_options_of_the_worker_are_refused_elsewhere(workspace: SampleWorkspace, options: tuple[str, ...]) -> None:
    refused = run(workspace, *options, "-c", "/workflow list")
    assert refused.returncode == 2
    assert "penguin worker" in refused.stderr
