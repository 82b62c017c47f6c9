"""A wall clock that is set back or forward by an hour, while an engine runs and between two engines."""

from __future__ import annotations

import itertools
import time
from contextlib import closing

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.maintenance.prune import prune
from penguin.orchestration.store.history import HistoryEntry
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

HOUR = 3600.0
DELAY = 0.3
"""Seconds of the back-off after the attempt that fails."""


class Clock:
    """The wall clock of this process, which a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = time.time
        self.offset = 0.0
        monkeypatch.setattr(time, "time", lambda: real() + self.offset)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def history(workspace: SampleWorkspace, workflow_id: str) -> list[HistoryEntry]:
    with closing(WorkflowReader(workspace.root / ".penguin" / "penguin.db")) as reader:
        return reader.history(workflow_id)


def times(workspace: SampleWorkspace, workflow_id: str) -> list[float]:
    """The times of a workflow's events."""
    return [entry.at.timestamp() for entry in history(workspace, workflow_id)]


async def backing_off(workspace: SampleWorkspace, backend: OrchestrationBackend) -> str:
    """Start a workflow whose TEST fails, and wait until it backs off."""
    workflow_id = await backend.start_workflow("a")
    await wait_until_async(lambda: history(workspace, workflow_id)[-1].kind == "BackedOff")
    return workflow_id


@pytest.mark.parametrize("jump", [-HOUR, -0.1, HOUR])
async def test_a_back_off_ends_in_time_though_the_clock_is_set(
    workspace: SampleWorkspace, clock: Clock, jump: float
) -> None:
    workspace.configure(retry={"initial_delay_sec": DELAY})
    with scripted_phases(tasks={"a": {"TEST": ["FAILED"]}}):
        async with workspace.backend() as backend:
            workflow_id = await backing_off(workspace, backend)
            clock.offset = jump
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    recorded = times(workspace, workflow_id)
    assert recorded == sorted(recorded)


async def test_a_back_off_ends_in_time_though_the_clock_was_set_back_between_engines(
    workspace: SampleWorkspace, clock: Clock
) -> None:
    workspace.configure(retry={"initial_delay_sec": DELAY})
    with scripted_phases(tasks={"a": {"TEST": ["FAILED"]}}):
        async with workspace.backend() as backend:
            workflow_id = await backing_off(workspace, backend)
        clock.offset = -HOUR
        async with workspace.backend() as backend:
            await backend.run_engine()
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    recorded = times(workspace, workflow_id)
    assert recorded == sorted(recorded)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_no_duration_is_negative_though_the_clock_is_set_during_a_step(
    workspace: SampleWorkspace, clock: Clock, jump: float
) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            clock.offset = jump
            script.release("TEST")
            info = await backend.wait_workflow(workflow_id, 10)
            assert info.updated_at >= info.started_at
            results = await backend.query_workflow(workflow_id, "get_phase_results")
    assert all(result["ended_at"] >= result["started_at"] for result in results)
    assert all(one <= other for one, other in itertools.pairwise(times(workspace, workflow_id)))


async def test_pruning_keeps_what_ended_after_the_time_that_the_clock_shows(
    workspace: SampleWorkspace, clock: Clock
) -> None:
    with scripted_phases():
        async with workspace.backend() as backend:
            ids = [await backend.start_workflow("a")]
            await wait_for_workflow(backend, ids[0], status="COMPLETED")
            clock.offset = -HOUR
            ids.append(await backend.start_workflow("a"))
            await wait_for_workflow(backend, ids[1], status="COMPLETED")
            assert [info.workflow_id for info in await backend.list_workflows()] == ids
    assert prune(Workspace(workspace.root), age=60.0).workflows == ()
