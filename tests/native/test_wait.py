"""Waits for many workflows check few of them, and miss none."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.waiting import wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import WorkflowError
from penguin.orchestration.backend import WaitTimeout, WorkflowStatus
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.native.wait import WaitCondition
from penguin.orchestration.runtime.settled_check import SettledCheck
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio
TASKS = [f"t{number}" for number in range(50)]


class Looks:
    """Waits for workflows of a backend, and counts the checks."""

    def __init__(self, backend: NativeBackend, ids: list[str], status: WorkflowStatus | None = None) -> None:
        self._backend = backend
        self.count = 0
        engine = backend._open()
        self.waiting = WaitCondition(
            ids,
            status,
            self._status,
            lambda: SettledCheck(engine.repository.connection, engine.repository.cached_state),
        )

    def _status(self, workflow_id: str) -> WorkflowStatus:
        self.count += 1
        info = self._backend._reader.info(workflow_id)
        assert info is not None
        return info.status

    def new(self) -> int:
        """Return the number of checks since the last call."""
        count, self.count = self.count, 0
        return count


async def started(workspace: SampleWorkspace, backend: NativeBackend) -> list[str]:
    workspace.tasks(*TASKS)
    return await backend.start_tasks(TASKS)


async def test_final_workflows_are_not_checked_again(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=1)
    with scripted_phases(tasks={TASKS[-1]: {"TEST": ["UNVERIFIED"]}}) as script:
        script.hold("VERIFY")
        backend = NativeBackend(None, workspace.root)
        async with backend:
            ids = await started(workspace, backend)
            looks = Looks(backend, ids)
            assert looks.waiting.pending() == {ids[0]}
            assert looks.new() == 1
            script.release("VERIFY")
            assert (await backend.wait_workflow(ids[-1])).status == "BLOCKED"
            assert looks.waiting.pending() == set()
            assert looks.waiting.settled
            assert looks.new() == len(ids)
            assert looks.waiting.pending() == set()
            assert looks.new() == 1, "only the one that is blocked may go on"


async def test_a_resumed_workflow_is_waited_for_again(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=50, retry={"max_attempts": 1})
    with scripted_phases(tasks={TASKS[3]: {"TEST": ["FAILED"]}}) as script:
        backend = NativeBackend(None, workspace.root)
        async with backend:
            ids = await started(workspace, backend)
            await backend.wait_workflows(ids)
            looks = Looks(backend, ids)
            assert looks.waiting.pending() == set()
            script.hold("TEST")
            assert await backend.resume_workflow(ids[3])
            assert looks.waiting.pending() == {ids[3]}
            script.release("TEST")
            infos = await backend.wait_workflows(ids)
    assert {info.status for info in infos} == {WorkflowStatus.COMPLETED}


async def test_a_status_can_be_waited_for(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=50)
    with scripted_phases() as script:
        script.hold("TEST")
        backend = NativeBackend(None, workspace.root)
        async with backend:
            ids = await started(workspace, backend)
            await backend.wait_workflows(ids, timeout=20, status=WorkflowStatus.RUNNING)
            looks = Looks(backend, ids, WorkflowStatus.PAUSED)
            assert looks.waiting.pending() == {ids[0]}
            assert await backend.pause_workflow(ids[0])
            assert looks.waiting.pending() >= {ids[1]}
            script.release("TEST")


async def test_an_unknown_workflow_is_reported_at_once(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        backend = NativeBackend(None, workspace.root)
        async with backend:
            ids = await started(workspace, backend)
            with pytest.raises(WorkflowError, match="nobody"):
                await backend.wait_workflows([*ids, "nobody"], timeout=20)
            script.release("TEST")


async def test_a_paused_workflow_is_at_rest_after_its_step(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        backend = NativeBackend(None, workspace.root)
        async with backend:
            workflow_id = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            assert await backend.pause_workflow(workflow_id)
            assert [info.status for info in await backend.wait_workflows([workflow_id])] == ["PAUSED"]
            with pytest.raises(WaitTimeout, match="is still PAUSED"):
                await backend.wait_workflows([workflow_id], 0, at_rest=True)
            waiting = asyncio.ensure_future(backend.wait_workflows([workflow_id], 20, at_rest=True))
            await asyncio.sleep(0)
            script.release("TEST")
            assert [info.status for info in await waiting] == ["PAUSED"]
            assert not backend._open().repository.entry(workflow_id).state.is_running
