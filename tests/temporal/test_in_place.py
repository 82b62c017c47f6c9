"""Workflows in place on a real server: one holds the tree from its first attempt until it is BLOCKED or final."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.git_repository import git
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.worker_process import WorkerProcesses, client_of
from tests.support.workspace import read_lines

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.reader import TemporalReader
from penguin.orchestration.testing import ScriptedPhases, scripted_phases

pytestmark = pytest.mark.anyio

PARALLEL = 4
LIMIT = 60.0
"""Seconds within which workflows settle."""


@pytest.fixture
def workspace(temporal_workspace: TemporalWorkspace) -> TemporalWorkspace:
    """A workspace with the default isolation."""
    temporal_workspace.isolation = "in-place"
    temporal_workspace.configure()
    return temporal_workspace


@pytest.fixture
def reader(workspace: TemporalWorkspace) -> Iterator[TemporalReader]:
    reader = TemporalReader(Workspace(workspace.root), load_settings(workspace.root))
    yield reader
    reader.close()


async def statuses(backend: OrchestrationBackend, *workflow_ids: str) -> list[str]:
    return [info.status.value for info in await backend.wait_workflows(workflow_ids, LIMIT)]


async def explained(reader: TemporalReader, workflow_id: str, text: str) -> None:
    """Wait until a workflow's explanation is this."""
    said = ""

    async def is_so() -> bool:
        nonlocal said
        said = await asyncio.to_thread(reader.explain, workflow_id)
        return said == text

    await wait_until_async(is_so, f"{text!r}", details=lambda: said)


def queued(backend: OrchestrationBackend) -> set[str]:
    """Return the workflows whose attempts wait for a slot or the working tree in this worker."""
    assert isinstance(backend, TemporalBackend)
    assert backend.presence._worker is not None
    return {turn.workflow_id for turn in backend.presence._worker.drives.slots._queue}


def tasks_of(script: ScriptedPhases) -> list[str]:
    return [call.task_id for call in script.calls]


async def test_the_second_starts_when_the_first_is_final(workspace: TemporalWorkspace, reader: TemporalReader) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await wait_until_async(lambda: tasks_of(script) == ["a", "a"])
            second = await backend.start_workflow("b")
            await explained(reader, second, f"waits for the working tree, held by {first} (RUNNING)")
            assert tasks_of(script) == ["a", "a"]
            script.release("TEST")
            assert await statuses(backend, first, second) == ["COMPLETED", "COMPLETED"]
    assert tasks_of(script) == ["a"] * 4 + ["b"] * 4


async def test_it_is_held_while_paused_and_the_one_that_waits_settles(
    workspace: TemporalWorkspace, reader: TemporalReader
) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await wait_until_async(lambda: tasks_of(script) == ["a", "a"])
            second = await backend.start_workflow("b")
            await backend.pause_workflow(first)
            script.release("TEST")
            assert await statuses(backend, second) == ["PENDING"]
            await explained(reader, second, f"waits for the working tree, held by {first} (PAUSED)")
            await backend.resume_workflow(first)
            assert await statuses(backend, second) == ["COMPLETED"]
    assert list(dict.fromkeys(tasks_of(script))) == ["a", "b"]


@pytest.mark.parametrize("status", ["BLOCKED", "CANCELLED"])
async def test_blocked_and_cancelled_workflows_release_it(workspace: TemporalWorkspace, status: str) -> None:
    outcomes = {"BLOCKED": ["UNVERIFIED"]}.get(status, [])
    with scripted_phases(tasks={"a": {"USE": outcomes}}, isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await wait_until_async(lambda: tasks_of(script) == ["a", "a"])
            second = await backend.start_workflow("b")
            if status == "CANCELLED":
                assert await backend.cancel_workflow(first)
            script.release("TEST")
            assert await statuses(backend, first, second) == [status, "COMPLETED"]


async def test_after_blocked_it_is_taken_again_before_those_that_have_not_begun(
    workspace: TemporalWorkspace, reader: TemporalReader
) -> None:
    with scripted_phases(tasks={"a": {"TEST": ["UNVERIFIED"]}}, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            assert await statuses(backend, first) == ["BLOCKED"]
            script.hold("USE")
            second = await backend.start_workflow("b")
            await wait_until_async(lambda: script.calls[-1].phase == "USE")
            third = await backend.start_workflow("c")
            await explained(reader, third, f"waits for the working tree, held by {second} (RUNNING)")
            await backend.resume_workflow(first)
            await explained(reader, first, f"waits for the working tree, held by {second} (RUNNING)")
            await wait_until_async(lambda: {first, third} <= queued(backend), "both are in the queue")
            script.release("USE")
            assert await statuses(backend, first, second, third) == ["COMPLETED"] * 3
    assert tasks_of(script)[2:] == ["b"] * 4 + ["a"] * 3 + ["c"] * 4


async def test_one_that_is_cancelled_while_it_waits_leaves_its_place_to_the_next(workspace: TemporalWorkspace) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await wait_until_async(lambda: tasks_of(script) == ["a", "a"])
            second, third = await backend.start_tasks(["b", "c"])
            assert await backend.cancel_workflow(second)
            script.release("TEST")
            assert await statuses(backend, first, second, third) == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert tasks_of(script) == ["a"] * 4 + ["c"] * 4


async def test_the_next_names_what_a_blocked_one_left(workspace: TemporalWorkspace, reader: TemporalReader) -> None:
    root = workspace.root
    broken: dict[str, Any] = {"implement": {"run": ["echo a > a.txt"]}, "test": {"run": ["false"]}}
    workspace.configure(retry={"max_attempts": 1})
    workspace.tasks({"id": "a", "phases": broken}, "b")
    git(root, "init", "-q")
    async with workspace.backend() as backend:
        first = await backend.start_workflow("a")
        assert await statuses(backend, first) == ["BLOCKED"]
        second = await backend.start_workflow("b")
        assert await statuses(backend, second) == ["COMPLETED"]
        results = await backend.query_workflow(second, "get_phase_results")
    expected = {"workflow_id": first, "status": "BLOCKED", "files": ["a.txt"], "count": 1}
    assert list(reader.left_changes(second)) == [expected]
    assert [result["evidence"].get("left_changes") for result in results] == [[expected], None, None, None]


@pytest.fixture
def workers(workspace: TemporalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(workspace.root, tmp_path_factory.mktemp("workers"))
    yield workers
    workers.close()


async def test_several_workers_never_run_two_workflows_in_it(
    workspace: TemporalWorkspace, workers: WorkerProcesses
) -> None:
    names = [f"t{number}" for number in range(6)]
    note = {"run": ["echo $PENGUIN_TASK_ID >> ran"]}
    workspace.tasks(*[{"id": name, "phases": dict.fromkeys(("implement", "test", "use"), note)} for name in names])
    workers.start("--max-parallel", "3")
    workers.start("--max-parallel", "3")
    async with client_of(workspace) as client:
        ids = await client.start_tasks(names)
        assert await statuses(client, *ids) == ["COMPLETED"] * len(names)
    ran = read_lines(workspace.root / "ran")
    assert ran == [name for name in dict.fromkeys(ran) for _ in range(3)]
    assert sorted(set(ran)) == names


@pytest.mark.parametrize("second", [{"id": "b"}, {"id": "b", "depends_on": ["a"]}], ids=["tree", "dependency"])
async def test_a_worker_continues_what_its_workflows_wait_for(
    workspace: TemporalWorkspace, workers: WorkerProcesses, second: dict[str, Any]
) -> None:
    root = workspace.root
    held = {"implement": {"run": ["echo begun >> log; until test -e go; do sleep 0.05; done"]}}
    workspace.tasks({"id": "a", "phases": held}, second)
    first = workers.start()
    async with client_of(workspace) as client:
        one = await client.start_workflow("a")
        await wait_until_async(lambda: read_lines(root / "log"), "the step")
        first.kill()
        first.wait()
    (root / "go").touch()
    async with workspace.backend() as backend:
        two = await backend.start_workflow("b")
        assert await statuses(backend, two) == ["COMPLETED"]
        assert (await wait_for_workflow(backend, one)).status == "COMPLETED"
    assert read_lines(root / "log") == ["begun"]
