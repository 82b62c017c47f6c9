"""The public interface on a real Temporal server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus
from tests.support.temporal_server import TemporalServer, temporal_settings
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow, wait_until_async

from penguin.orchestration.config import load_settings
from penguin.orchestration.files.engine_lock import live_engines
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.progress import GateState
from penguin.orchestration.temporal import temporal_process as process
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.temporal.client.connection import connect
from penguin.orchestration.temporal.messages import WorktreeOwner, WorktreeSite
from penguin.orchestration.temporal.reader import TemporalReader
from penguin.orchestration.temporal.worker import worker
from penguin.orchestration.temporal.worker.ownership import OwnershipClient
from penguin.orchestration.temporal.workflows.worktree_owner import owner_workflow_id
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_a_task_goes_through_four_gates(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        async with temporal_workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 20)
    assert (info.status, info.phase, info.progress) == ("COMPLETED", "DONE", 100)
    assert [phase for _, phase, _ in script.calls] == ["IMPLEMENT", "TEST", "USE", "VERIFY"]


async def test_real_steps_run_in_the_workspace(temporal_workspace: TemporalWorkspace) -> None:
    async with temporal_workspace.backend() as backend:
        workflow_id = await backend.start_workflow("a", config={"phases": {"implement": {"run": ["echo hi > made"]}}})
        info = await backend.wait_workflow(workflow_id, 30)
        assert info.status == "COMPLETED"
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    assert (temporal_workspace.root / "made").read_text() == "hi\n"
    assert [result["verdict"] for result in results] == ["PASSED"] * 4


async def test_a_blueprint_that_has_a_home_here_asks_for_none_again(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases():
        async with temporal_workspace.backend() as backend:
            for task in ("a", "b", "a"):
                info = await backend.wait_workflow(await backend.start_workflow(task), 20)
                assert info.status == "COMPLETED"
    connection = await connect(
        temporal_settings(temporal_workspace.root, temporal_workspace.address), temporal_workspace.root, environ={}
    )
    home = owner_workflow_id(f"q-{temporal_workspace.project_id}", temporal_workspace.project_id, "b")
    history = await connection.client.get_workflow_handle(home).fetch_history()
    await connection.aclose()
    claims = [
        event for event in history.events if event.HasField("workflow_execution_update_completed_event_attributes")
    ]
    assert len(claims) == 1


async def test_a_home_that_was_ended_from_outside_begins_again(temporal_workspace: TemporalWorkspace) -> None:
    settings = temporal_settings(temporal_workspace.root, temporal_workspace.address)
    connection = await connect(settings, temporal_workspace.root, environ={})
    home = connection.client.get_workflow_handle(
        owner_workflow_id(f"q-{temporal_workspace.project_id}", temporal_workspace.project_id, "b")
    )
    with scripted_phases():
        async with temporal_workspace.backend() as backend:
            await backend.wait_workflow(await backend.start_workflow("a"), 20)
            await home.terminate()
            info = await backend.wait_workflow(await backend.start_workflow("b"), 20)
            begun_again = (await home.describe()).status
            await home.terminate()
            # The files are where they were: another tree does not get it for the asking.
            queue = f"q-{temporal_workspace.project_id}"
            other = OwnershipClient(
                connection, queue, WorktreeSite(tree="other", host="other", queue="other", shares=False)
            )
            seen = await other.look(temporal_workspace.project_id, "b")
            told = await other.claim(temporal_workspace.project_id, "b", seen, take=False)
    await connection.aclose()
    assert info.status == "COMPLETED"
    # Without it, nobody would ever notice that the working tree is gone.
    assert begun_again is WorkflowExecutionStatus.RUNNING
    assert seen is not None
    assert seen.site is not None
    assert told == seen == WorktreeOwner(site=seen.site, vacant=True)
    assert seen.site.tree != "other"


async def test_the_tools_of_temporal_can_ask_the_workflow_itself(temporal_workspace: TemporalWorkspace) -> None:
    settings = temporal_settings(temporal_workspace.root, temporal_workspace.address)
    connection = await connect(settings, temporal_workspace.root, environ={})
    with scripted_phases({"VERIFY": ["UNVERIFIED"]}):
        async with temporal_workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await backend.wait_workflow(workflow_id, 20)
            asked = connection.client.get_workflow_handle(workflow_id)
            status = await asked.query("get_status")
            results = await asked.query("get_phase_results")
    await connection.aclose()
    assert (status["workflow_id"], status["status"], status["progress"]) == (workflow_id, "BLOCKED", 90)
    assert [result["verdict"] for result in results] == ["PASSED", "PASSED", "PASSED", "UNVERIFIED"]


async def test_the_row_of_a_workflow_tells_its_progress(temporal_workspace: TemporalWorkspace) -> None:
    retry = {"max_attempts": 3, "initial_delay_sec": 600}
    with scripted_phases({"TEST": ["FAILED"]}):
        async with temporal_workspace.backend(retry=retry) as backend:
            workflow_id = await backend.start_workflow("a")
            reader = TemporalReader(Workspace(temporal_workspace.root), load_settings(temporal_workspace.root))

            async def has_failed() -> bool:
                found = await asyncio.to_thread(reader.progress_of, [workflow_id])
                progress = found[workflow_id]
                return (progress.gates, progress.attempt, progress.max_attempts) == (
                    (GateState.PASSED, GateState.FAILED, GateState.WAITING, GateState.WAITING),
                    2,
                    3,
                )

            await wait_until_async(has_failed, "a failed TEST that waits for its next attempt")
            reader.close()


async def test_closing_does_not_wait_for_an_end_that_cannot_be_reported(
    tmp_path: Path, own_server: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ENDING", 0.5)
    # Who hosts workflows would wait for longer than anybody, but hears from the worker that it is in vain.
    monkeypatch.setattr(process, "ENDING", 3600.0)
    workspace = TemporalWorkspace(tmp_path, own_server.address, "hangs")
    workspace.tasks("a")
    engines = tmp_path / ".penguin" / "temporal" / "engines"
    with scripted_phases() as script:
        script.hold("TEST")
        backend = workspace.backend()
        assert isinstance(backend, TemporalBackend)
        one = await backend.start_workflow("a")
        await wait_for_workflow(backend, one, phase="TEST")
        assert live_engines(engines)
        backend.process.watch_until_end(one)
        own_server.freeze()
        await backend.aclose()
    assert not live_engines(engines)


async def test_what_is_over_is_closed_on_the_server_before_its_worker_goes(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = TemporalClient.fetch_events

    async def slowly(link: TemporalClient, workflow_id: str) -> None:
        await asyncio.sleep(0.5)
        await fetch(link, workflow_id)

    monkeypatch.setattr(TemporalClient, "fetch_events", slowly)
    with scripted_phases():
        async with temporal_workspace.backend() as backend:
            one = await backend.start_workflow("a")
            await backend.wait_workflow(one, 20)
    connection = await connect(
        temporal_settings(temporal_workspace.root, temporal_workspace.address), temporal_workspace.root, environ={}
    )
    described = await connection.client.get_workflow_handle(one).describe()
    await connection.aclose()
    assert described.status is WorkflowExecutionStatus.COMPLETED
