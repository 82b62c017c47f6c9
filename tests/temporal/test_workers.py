"""Workers as processes: one that is killed is replaced, several share the work, SIGTERM drains."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest
from tests.support.temporal_server import TemporalServer
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.worker_process import WorkerProcesses, client_of
from tests.support.workspace import read_lines

pytestmark = pytest.mark.anyio

TASKS = 60


@pytest.fixture
def workers(
    temporal_workspace: TemporalWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(temporal_workspace.root, tmp_path_factory.mktemp("workers"))
    yield workers
    workers.close()


async def test_a_worker_that_is_killed_in_a_phase_is_replaced(
    temporal_workspace: TemporalWorkspace, workers: WorkerProcesses
) -> None:
    root = temporal_workspace.root
    held = {"test": {"run": ["echo begun >> log; until test -e go; do sleep 0.05; done; echo ended >> log"]}}
    temporal_workspace.tasks({"id": "a", "phases": held})
    first = workers.start()
    async with client_of(temporal_workspace) as client:
        one = await client.start_workflow("a")
        await wait_for_workflow(client, one, phase="TEST")
        await wait_until_async(lambda: read_lines(root / "log"), "the step")
        first.kill()
        first.wait()
        workers.start()
        (root / "go").touch()
        info = await client.wait_workflow(one, 40)
        assert info.status == "COMPLETED"
    # The step outlived its worker, and was not run twice.
    assert read_lines(root / "log") == ["begun", "ended"]


async def test_several_workers_share_the_work_and_run_nothing_twice(
    temporal_workspace: TemporalWorkspace, workers: WorkerProcesses
) -> None:
    names = [f"t{number}" for number in range(TASKS)]
    phases = {"implement": {"run": ["echo $PENGUIN_TASK_ID >> ran; sleep 0.05"]}}
    temporal_workspace.configure(max_parallel=3)
    temporal_workspace.tasks(*[{"id": name, "phases": phases} for name in names])
    doomed = workers.start()
    workers.start()
    workers.start()
    async with client_of(temporal_workspace) as client:
        ids = await client.start_tasks(names)
        await wait_until_async(lambda: len(read_lines(temporal_workspace.root / "ran")) >= TASKS // 3, "the steps")
        doomed.kill()
        infos = await client.wait_workflows(ids, 150)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert sorted(read_lines(temporal_workspace.root / "ran")) == sorted(names)


async def test_sigterm_gives_steps_the_grace_and_hands_on_the_rest(
    temporal_workspace: TemporalWorkspace, workers: WorkerProcesses
) -> None:
    held = {"test": {"run": ["echo begun >> log; until test -e go; do sleep 0.05; done"]}}
    temporal_workspace.tasks({"id": "a", "phases": held})
    first = workers.start("--grace", "0.2")
    async with client_of(temporal_workspace) as client:
        one = await client.start_workflow("a")
        await wait_until_async(lambda: read_lines(temporal_workspace.root / "log"), "the step")
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        assert f"{one} at TEST" in workers.output(first)
        (temporal_workspace.root / "go").touch()
        workers.start()
        info = await client.wait_workflow(one, 40)
        results = await client.query_workflow(one, "get_phase_results")
    assert info.status == "COMPLETED"
    # Stopped, and run again: nothing was spent.
    assert read_lines(temporal_workspace.root / "log") == ["begun", "begun"]
    assert [result["attempt"] for result in results] == [1, 2, 3, 4]


async def test_worker_options_name_the_server(temporal_workspace: TemporalWorkspace, workers: WorkerProcesses) -> None:
    options = ("--address", temporal_workspace.address, "--task-queue", "elsewhere", "--max-parallel", "2")
    temporal_workspace.configure(temporal={"address": "127.0.0.1:1"})
    workers.start(*options)
    client = client_of(temporal_workspace, address=temporal_workspace.address, task_queue="elsewhere")
    async with client:
        one = await client.start_workflow("a")
        assert (await client.wait_workflow(one, 40)).status == "COMPLETED"


async def test_a_server_that_is_killed_loses_nothing(
    temporal_workspace: TemporalWorkspace, workers: WorkerProcesses, own_server: TemporalServer
) -> None:
    temporal_workspace.address = own_server.address
    temporal_workspace.configure(max_parallel=2)
    root = temporal_workspace.root
    held = {"test": {"run": ["echo $PENGUIN_TASK_ID >> log; until test -e go; do sleep 0.05; done"]}}
    temporal_workspace.tasks(*[{"id": name, "phases": held} for name in ("a", "b")])
    workers.start()
    async with client_of(temporal_workspace) as client:
        paused, running = await client.start_tasks(["a", "b"])
        await wait_until_async(lambda: len(read_lines(root / "log")) >= 2, "the steps")
        await client.signal_workflow(paused, "pause", {"by": "Ann"})
    own_server.kill()
    (root / "go").touch()
    await asyncio.to_thread(own_server.start)
    async with client_of(temporal_workspace) as client:
        assert (await client.wait_workflow(running, 60)).status == "COMPLETED"
        info = await client.get_workflow_status(paused)
        assert info is not None
        assert (info.status, info.phase) == ("PAUSED", "TEST")
        await client.resume_workflow(paused)
        assert (await client.wait_workflow(paused, 60)).status == "COMPLETED"
    assert sorted(read_lines(root / "log")) == ["a", "b"]
