"""Workflows in place on a real server, with real steps and several workers; see tests/scenarios/working_tree."""

from __future__ import annotations

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
from penguin.orchestration.temporal.reader import TemporalReader

pytestmark = pytest.mark.anyio

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
