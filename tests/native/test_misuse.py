"""Wrong use of the API is a WorkflowError, and stops no other work."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import WorkflowError
from penguin.orchestration.backend import IllegalCommand, StoreError, WaitTimeout, WorkflowInfo
from penguin.orchestration.testing import scripted_phases


@pytest.mark.anyio
async def test_a_failing_listener_stops_no_workflow(workspace: SampleWorkspace) -> None:
    statuses: list[str] = []
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))

    def broken(info: WorkflowInfo) -> None:
        raise RuntimeError("of the listener")

    with scripted_phases():
        async with workspace.backend() as backend:
            backend.listen(broken)
            backend.listen(lambda info: statuses.append(info.status))
            info = await backend.wait_workflow(await backend.start_workflow("a"), 10)
    assert info.status == "COMPLETED"
    assert statuses[-1] == "COMPLETED"
    assert {str(context["exception"]) for context in errors} == {"of the listener"}


@pytest.mark.anyio
async def test_a_listener_can_be_removed_twice(workspace: SampleWorkspace) -> None:
    statuses: list[str] = []

    def listen(info: WorkflowInfo) -> None:
        statuses.append(info.status)

    with scripted_phases():
        async with workspace.backend() as backend:
            first, _ = backend.listen(listen), backend.listen(listen)
            first()
            first()
            await backend.wait_workflow(await backend.start_workflow("a"), 10)
    assert statuses.count("COMPLETED") == 1, "the other one stays"


@pytest.mark.anyio
async def test_a_status_can_be_a_string(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 10, "RUNNING")
            assert info.status == "RUNNING"
            assert await backend.list_workflows(status_filter="running")
            for wrong in ("", "RUNING"):
                with pytest.raises(WorkflowError, match=f"unknown status '{wrong}'"):
                    await backend.wait_workflow(workflow_id, 10, wrong)
                with pytest.raises(WorkflowError, match=f"unknown status '{wrong}'"):
                    await backend.list_workflows(status_filter=[wrong])
            script.release("TEST")


@pytest.mark.anyio
async def test_a_payload_must_be_a_mapping(workspace: SampleWorkspace) -> None:
    payload: Any = "use bcrypt"
    with scripted_phases():
        async with workspace.backend() as backend:
            with pytest.raises(IllegalCommand, match="not 'use bcrypt'"):
                await backend.signal_workflow(await backend.start_workflow("a"), "inject_feedback", payload)


@pytest.mark.anyio
async def test_a_payload_that_can_not_be_stored_is_refused(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            for name, payload in (
                ("inject_feedback", {"message": "half: \ud800"}),
                ("inject_feedback", {"\udfff": "x"}),
                ("pause", {"by": "\udcff"}),
                ("approve", {"by": "ann", "changed": 1}),
                ("approve", {"by": "ann", "changed": "a.py"}),
            ):
                with pytest.raises(IllegalCommand):
                    await backend.signal_workflow(workflow_id, name, payload)
            for odd in ("\ud800", "\0", ""):
                with pytest.raises(WorkflowError):
                    await backend.signal_workflow(odd, "pause")


@pytest.mark.anyio
async def test_a_row_that_differs_from_its_history_is_an_error_and_no_endless_loop(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await backend.pause_workflow(workflow_id)
    connection = sqlite3.connect(workspace.root / ".penguin" / "penguin.db", isolation_level=None)
    connection.execute("UPDATE run SET seq = seq + 1")
    connection.close()
    async with workspace.backend() as backend:
        backend.claims = False
        async with asyncio.timeout(30):
            with pytest.raises(StoreError, match="its row and its history differ") as caught:
                await backend.signal_workflow(workflow_id, "inject_feedback", {"message": "x"})
    assert "penguin check" in caught.value.hint


def test_a_backend_is_closed_on_its_own_loop(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        backend = workspace.backend()
        with asyncio.Runner() as first:
            first.run(backend.start_workflow("a"))
            with asyncio.Runner() as second, pytest.raises(WorkflowError, match="another event loop"):
                second.run(backend.aclose())
            first.run(backend.aclose())


@pytest.mark.anyio
async def test_a_closed_backend_can_resume(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        backend = workspace.backend()
        async with backend:
            workflow_id = await backend.start_workflow("a")
        script.release("TEST")
        async with backend:
            with pytest.raises(WaitTimeout):
                await backend.wait_workflow(workflow_id, 0)
            assert await backend.resume_workflow(workflow_id)
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
