"""Waiting: what happens in this process is heard at once, and one look at everything serves whoever waits then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import PATIENCE, wait_for_workflow

from penguin.orchestration.backend import BackendUnavailable, WorkflowStatus
from penguin.orchestration.temporal import backend as module
from penguin.orchestration.temporal.client.visibility import VisibilityReader
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

NEVER = 3600.0


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks again, ever."""
    for name in ("FRESH", "SYNC", "SOON", "LATER"):
        monkeypatch.setattr(module, name, NEVER)


@pytest.mark.parametrize(
    ("verdicts", "ends"), [({}, ("COMPLETED", "DONE")), ({"VERIFY": ["UNVERIFIED"]}, ("BLOCKED", "VERIFY"))]
)
async def test_what_comes_to_rest_here_is_heard(
    temporal_workspace: TemporalWorkspace, verdicts: dict[str, Any], ends: tuple[str, str]
) -> None:
    temporal_workspace.configure(max_parallel=2)
    with scripted_phases(verdicts) as script:
        script.hold("TEST")
        async with temporal_workspace.backend() as backend, asyncio.timeout(PATIENCE):
            ids = [await backend.start_workflow(task) for task in ("a", "b")]
            waiting = asyncio.create_task(backend.wait_workflows(ids))
            for one in ids:
                await wait_for_workflow(backend, one, phase="TEST")
            script.release("TEST")
            infos = await waiting
    assert [(info.status, info.phase) for info in infos] == [ends] * 2


async def test_a_status_that_is_waited_for_is_heard(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with temporal_workspace.backend() as backend, asyncio.timeout(PATIENCE):
            one = await backend.start_workflow("a")
            (info,) = await backend.wait_workflows([one], status=WorkflowStatus.RUNNING)
            assert info.status == "RUNNING"
            waiting = asyncio.create_task(backend.wait_workflow(one))
            await wait_for_workflow(backend, one, phase="TEST")
            await backend.pause_workflow(one)
            assert (await waiting).status == "PAUSED"
            script.release("TEST")


async def test_who_starts_and_waits_looks_at_everything_once(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    listed = VisibilityReader._list

    async def noting(visibility: VisibilityReader, query: str) -> Any:
        asked.append(query)
        return await listed(visibility, query)

    monkeypatch.setattr(VisibilityReader, "_list", noting)
    with scripted_phases():
        async with temporal_workspace.backend() as backend, asyncio.timeout(PATIENCE):
            await backend.wait_workflow(await backend.start_workflow("a"))
    assert len(set(asked)) == len(asked) == 2


def outage(monkeypatch: pytest.MonkeyPatch, looks: float) -> None:
    """So many looks find the server out of reach."""
    sync = VisibilityReader.sync
    left = looks

    async def lost(self: VisibilityReader, fresh: float = 0.0) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise BackendUnavailable("the server did not answer", "/health")
        await sync(self, fresh)

    monkeypatch.setattr(VisibilityReader, "sync", lost)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
async def test_a_server_that_comes_back_is_waited_for(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    monkeypatch.setattr(module, "LATER", 0.01)
    told: list[str] = []
    with scripted_phases():
        async with temporal_workspace.backend() as backend, asyncio.timeout(PATIENCE):
            backend.serve_terminal(claims=True, on_trouble=lambda problem: None, narrate=told.append)
            one = await backend.start_workflow("a")
            outage(monkeypatch, looks=3)
            (info,) = await backend.wait_workflows([one], timeout)
    assert info.status == "COMPLETED"
    assert told[0] == "the server did not answer; still waiting"
    assert told[1].endswith(" answers again")


@pytest.mark.parametrize("timeout", [None, 0.1])
async def test_a_server_that_stays_away_is_given_up(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    monkeypatch.setattr(module, "LATER", 0.01)
    monkeypatch.setattr(module, "AWAY", NEVER if timeout else 0.1)
    with scripted_phases():
        async with temporal_workspace.backend() as backend, asyncio.timeout(PATIENCE):
            one = await backend.start_workflow("a")
            outage(monkeypatch, looks=NEVER)
            with pytest.raises(BackendUnavailable, match="did not answer"):
                await backend.wait_workflows([one], timeout)
