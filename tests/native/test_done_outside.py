"""Tasks that were done outside of Penguin: recorded under a person's name, without a pass."""

from __future__ import annotations

import pytest
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import TaskNotFound, WorkflowStatus
from penguin.orchestration.runtime.hosted_backend import HostedBackend
from penguin.orchestration.runtime.start_plan import UnmetDependency
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


@pytest.fixture
def chain(workspace: SampleWorkspace) -> SampleWorkspace:
    """b depends on a, c on b."""
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})
    return workspace


async def record(backend: object, *tasks: str, by: str = "ada") -> list[str]:
    assert isinstance(backend, HostedBackend)
    return await backend.record_done(tasks, by=by)


async def test_dependents_of_a_recorded_task_can_start(chain: SampleWorkspace) -> None:
    with scripted_phases() as script:
        async with chain.backend() as backend:
            with pytest.raises(UnmetDependency):
                await backend.start_workflow("c")
            # b is done although a, which it depends on, is not: the work was done elsewhere.
            assert await record(backend, "b") == ["b"]
            done = await backend.wait_workflow(await backend.start_workflow("c"), 10)
    assert done.status is WorkflowStatus.COMPLETED
    assert {call.task_id for call in script.calls} == {done.task_id}


async def test_the_history_names_the_person_and_no_gate_is_passed(chain: SampleWorkspace) -> None:
    async with chain.backend() as backend:
        await record(backend, "a")
        (info,) = await backend.list_workflows()
        assert (info.task_id, info.status, info.phase, info.progress) == ("a", "COMPLETED", "DONE", 100)
        assert await backend.query_workflow(info.workflow_id, "get_phase_results") == []
    reader = WorkflowReader(chain.root / ".penguin" / "penguin.db")
    texts = [entry.text for entry in reader.history(info.workflow_id)]
    reader.close()
    assert texts[-1] == "recorded by ada as done outside of Penguin"


async def test_a_task_is_recorded_once_and_not_while_it_is_active(chain: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with chain.backend() as backend:
            started = await backend.start_workflow("a")
            assert await record(backend, "a", "b", "b") == ["b"]
            assert await record(backend, "a", "b") == []
            script.release("TEST")
            await backend.wait_workflow(started, 10)
            assert len(await backend.list_workflows()) == 2


async def test_a_waiting_dependent_starts_when_its_dependency_is_recorded(chain: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with chain.backend() as backend:
            first, second = await backend.start_tasks(["b"], with_dependencies=True)
            await backend.cancel_workflow(second)
            assert (await backend.get_workflow_status(first)).status == "PENDING"  # type: ignore[union-attr]
            assert await record(backend, "a") == ["a"]
            script.release("IMPLEMENT")
            assert (await backend.wait_workflow(first, 10)).status == "COMPLETED"


async def test_an_unknown_task_records_nothing(chain: SampleWorkspace) -> None:
    async with chain.backend() as backend:
        with pytest.raises(TaskNotFound):
            await record(backend, "a", "nope")
        assert await backend.list_workflows() == []


async def test_a_task_that_no_gate_could_pass_can_be_recorded(workspace: SampleWorkspace) -> None:
    workspace.tasks({"id": "a", "phases": {"implement": {"agent": "claude"}, "test": {}, "use": {}, "verify": {}}})
    async with workspace.backend() as backend:
        assert await record(backend, "a") == ["a"]
