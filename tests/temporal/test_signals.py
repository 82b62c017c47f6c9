"""Commands, with a worker and without, and what becomes of those that are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.temporal_server import TemporalServer
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow, wait_until_async

from penguin.orchestration.backend import AlreadyActive, BackendUnavailable, Delivery, IllegalCommand, WaitTimeout
from penguin.orchestration.runtime import hosted_backend
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.testing import scripted_phases
from penguin_commands.errors import WorkflowWaitTimeout
from penguin_commands.handlers import workflow_control
from penguin_commands.session import Session

pytestmark = pytest.mark.anyio


def backend_of(workspace: TemporalWorkspace, *, works: bool = True, **temporal: str) -> TemporalBackend:
    """A backend; one that does not work is a client and nothing else."""
    backend = workspace.backend(temporal={"auto_start": works, **temporal})
    assert isinstance(backend, TemporalBackend)
    return backend


async def test_pause_resume_feedback_and_cancel(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with backend_of(temporal_workspace) as backend:
            one = await backend.start_workflow("a")
            await wait_for_workflow(backend, one, phase="TEST")
            assert await backend.pause_workflow(one)
            assert await backend.pause_workflow(one)
            assert (await wait_for_workflow(backend, one, status="PAUSED")).phase == "TEST"
            assert await backend.resume_workflow(one)
            await backend.signal_workflow(one, "inject_feedback", {"message": "mind the gap"})
            assert await backend.cancel_workflow(one)
            cancelled = await backend.get_workflow_status(one)
            assert cancelled is not None
            assert cancelled.status == "CANCELLED"
            assert await backend.cancel_workflow(one)
            assert not await backend.pause_workflow(one)
            assert not await backend.resume_workflow("ituv-nobody-000000")
            with pytest.raises(IllegalCommand, match="it is CANCELLED"):
                await backend.signal_workflow(one, "pause")
            two = await backend.retry_workflow(one)
            script.release("TEST")
            assert (await backend.wait_workflow(two, 20)).status == "COMPLETED"
            assert [info.workflow_id for info in await backend.list_workflows()] == [two, one]
            assert [info.workflow_id for info in await backend.list_workflows(status_filter="CANCELLED")] == [one]
    first = [order for order in script.orders if order.workflow_id == two]
    assert first[0].feedback == ("mind the gap",)


async def test_a_second_start_is_refused_with_the_id_of_the_first(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with backend_of(temporal_workspace) as backend, backend_of(temporal_workspace, works=False) as other:
            starts = (backend.start_workflow("a"), other.start_workflow("a"))
            found = await asyncio.gather(*starts, return_exceptions=True)
            ids = [one for one in found if isinstance(one, str)]
            refused = [one for one in found if isinstance(one, AlreadyActive)]
            assert (len(ids), len(refused)) == (1, 1)
            assert ids[0] in str(refused[0])
            assert await backend.cancel_workflow(ids[0])
            await backend.wait_workflow(ids[0], 20)


async def test_dependents_begin_when_what_they_need_is_completed(temporal_workspace: TemporalWorkspace) -> None:
    temporal_workspace.tasks("a", {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})
    with scripted_phases() as script:
        async with backend_of(temporal_workspace) as backend:
            ids = await backend.start_tasks(["c"], with_dependencies=True)
            infos = await backend.wait_workflows(ids, 30)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert list(dict.fromkeys(task for task, _, _ in script.calls)) == ["a", "b", "c"]


async def test_a_start_cut_short_says_what_was_started_and_the_next_does_the_rest(
    tmp_path: Path, own_server: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = TemporalWorkspace(tmp_path, own_server.address, "cut")
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})
    start = TemporalClient.start

    async def once(link: TemporalClient, *arguments: object) -> bool:
        done = await start(link, *arguments)  # type: ignore[arg-type]
        await asyncio.to_thread(own_server.kill)
        return done

    async with backend_of(workspace, works=False) as backend:
        monkeypatch.setattr(TemporalClient, "start", once)
        with pytest.raises(
            BackendUnavailable, match=r"started before that: (ituv-a-\w+); whether b was started"
        ) as cut:
            await backend.start_tasks(["c"], with_dependencies=True)
        assert cut.value.hint == "run the same command again to start the rest"
    monkeypatch.undo()
    await asyncio.to_thread(own_server.start)
    with scripted_phases():
        async with backend_of(workspace) as backend:
            ids = await backend.start_tasks(["c"], with_dependencies=True)
            assert [one.split("-")[1] for one in ids] == ["c", "b"]
            infos = await backend.wait_workflows(ids, 30)
    assert {info.status for info in infos} == {"COMPLETED"}


async def test_a_paused_one_is_at_rest_once_its_step_has_ended(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with backend_of(temporal_workspace) as backend:
            one = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            assert await backend.pause_workflow(one)
            assert [info.status for info in await backend.wait_workflows([one], 20)] == ["PAUSED"]
            with pytest.raises(WaitTimeout, match="is still PAUSED"):
                await backend.wait_workflows([one], 0, at_rest=True)
            script.release("TEST")
            assert [info.status for info in await backend.wait_workflows([one], 20, at_rest=True)] == ["PAUSED"]
            assert not (await backend.process.open()).reader.current_attempt(one).running  # type: ignore[union-attr]


async def test_with_no_worker_commands_are_queued_and_taken_in_when_one_comes(
    temporal_workspace: TemporalWorkspace,
) -> None:
    async with backend_of(temporal_workspace, works=False) as client:
        one = await client.start_workflow("a")
        assert (await client.get_workflow_status(one)).status == "PENDING"  # type: ignore[union-attr]
        assert [info.workflow_id for info in await client.list_workflows()] == [one]
        assert await client.signal_workflow(one, "pause", {"by": "Ann"}) is Delivery.QUEUED
        assert await client.signal_workflow(one, "inject_feedback", {"message": "be quick"}) is Delivery.QUEUED
        with pytest.raises(IllegalCommand):
            await client.signal_workflow(one, "approve", {"by": "Ann"})
        with pytest.raises(WaitTimeout):
            await client.wait_workflow(one, 0.2)
        with scripted_phases() as script:
            async with backend_of(temporal_workspace) as worker:
                await worker.run_engine()
                await wait_for_workflow(client, one, status="PAUSED")
                assert await client.signal_workflow(one, "resume") is Delivery.TAKEN
                assert (await client.wait_workflow(one, 20)).status == "COMPLETED"
        assert script.orders[0].feedback == ("be quick",)


@pytest.mark.parametrize("status", ["PENDING", "BLOCKED"])
async def test_a_cancel_without_a_worker_is_kept_and_reported_after_the_limit(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(hosted_backend, "CANCEL_TIMEOUT", 1.0)
    monkeypatch.setattr(workflow_control, "CANCEL_TIMEOUT", 1.0)
    messages: list[str] = []
    async with backend_of(temporal_workspace, works=False) as client:
        one = await client.start_workflow("a")
        if status == "BLOCKED":
            with scripted_phases({"TEST": ["UNVERIFIED"]}):
                async with backend_of(temporal_workspace) as worker:
                    await worker.run_engine()
                    await wait_for_workflow(client, one, status="BLOCKED")
        begun = asyncio.get_running_loop().time()
        assert not await client.cancel_workflow(one)
        assert asyncio.get_running_loop().time() - begun >= 1.0
        session = Session(temporal_workspace.root, options={"temporal": {"auto_start": False}}, narrate=messages.append)
        with pytest.raises(WorkflowWaitTimeout, match="no worker is running; the request is kept") as error:
            await workflow_control.cancel(session, one)
        assert error.value.hint == "penguin worker"
        await session.aclose()
        assert messages == ["no worker is running; waiting 1 s for one: penguin worker"]
        with scripted_phases():
            async with backend_of(temporal_workspace) as worker:
                await worker.run_engine()
                await wait_for_workflow(client, one, status="CANCELLED")


SIGNALS_REFUSED: tuple[tuple[str, Any], ...] = (
    ("approve", {"by": "Ann"}),
    ("approve", {"by": "Ann"}),
    ("frobnicate", {}),
    ("cancel", {}),
    ("pause", "not an object"),
    ("resume", {"from": "NOWHERE"}),
)


async def test_a_refused_signal_is_recorded_and_changes_nothing(
    temporal_workspace: TemporalWorkspace,
) -> None:
    async with backend_of(temporal_workspace, works=False) as client:
        one = await client.start_workflow("a")
        link = await client.process.open()
        for name, payload in SIGNALS_REFUSED:
            await link.handle(one).signal(name, payload)
        with scripted_phases():
            async with backend_of(temporal_workspace) as worker:
                await worker.run_engine()
                assert (await client.wait_workflow(one, 20)).status == "COMPLETED"
                await link.fetch_events(one)
                texts = [entry.text for entry in link.reader.history(one)]
    for name, _ in SIGNALS_REFUSED:
        count = sum(text.startswith(name) and "was refused" in text for text in texts)
        assert count == [one for one, _ in SIGNALS_REFUSED].count(name)


async def test_an_update_that_is_not_allowed_is_refused_with_the_reason(temporal_workspace: TemporalWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with backend_of(temporal_workspace) as backend:
            one = await backend.start_workflow("a")
            await wait_for_workflow(backend, one, phase="IMPLEMENT")
            link = await backend.process.open()
            for name in ("frobnicate", "cancel", "approve"):
                with pytest.raises(IllegalCommand):
                    await link.update(one, name, {"id": name, "by": "Ann"})
            script.release("IMPLEMENT")
            assert (await backend.wait_workflow(one, 20)).status == "COMPLETED"


async def test_cancelled_with_no_worker_it_ends_when_one_comes(
    temporal_workspace: TemporalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted_backend, "CANCEL_TIMEOUT", 1.0)
    async with backend_of(temporal_workspace, works=False) as client:
        one = await client.start_workflow("a")
        assert not await client.cancel_workflow(one)
        with scripted_phases() as script:
            async with backend_of(temporal_workspace) as worker:
                await worker.run_engine()
                assert (await client.wait_workflow(one, 20)).status == "CANCELLED"
    assert script.calls == []


async def test_a_task_completed_outlives_what_the_server_keeps(
    temporal_workspace: TemporalWorkspace, own_server: TemporalServer
) -> None:
    temporal_workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    with scripted_phases():
        async with backend_of(temporal_workspace) as backend:
            one = await backend.start_workflow("a")
            await backend.wait_workflow(one, 20)
            link = await backend.process.open()
            while (await link.handle(one).describe()).close_time is None:
                await asyncio.sleep(0.02)
        # Another server, which never heard of it, is as one that has forgotten it.
        async with backend_of(temporal_workspace, address=own_server.address) as backend:
            two = await backend.start_workflow("b")
            assert (await backend.wait_workflow(two, 20)).status == "COMPLETED"
            assert (await backend.get_workflow_status(one)).status == "COMPLETED"  # type: ignore[union-attr]
            assert len(await backend.query_workflow(one, "get_phase_results")) == 4


async def test_closing_waits_for_the_end_of_what_was_cancelled(temporal_workspace: TemporalWorkspace) -> None:
    log = temporal_workspace.root / "log"
    held = {"run": ["trap 'echo ended >> log; exit 1' TERM; echo begun >> log; while :; do sleep 0.05; done"]}
    temporal_workspace.tasks({"id": "a", "phases": {"implement": held}})
    async with backend_of(temporal_workspace) as backend:
        one = await backend.start_workflow("a")
        while not log.exists():
            await asyncio.sleep(0.02)
        await backend.signal_workflow(one, "cancel", {"by": "Ann"})
    assert log.read_text().split() == ["begun", "ended"]
    async with backend_of(temporal_workspace, works=False) as client:
        assert (await client.wait_workflow(one, 20)).status == "CANCELLED"
