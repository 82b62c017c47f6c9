"""Pause, resume, cancel, feedback, approve, retry: from the same process and from another engine."""

from __future__ import annotations

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import WorkflowError
from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowNotFound
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.runtime import hosted_backend
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_pause_lets_the_step_end_and_resume_continues(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            assert await backend.pause_workflow(workflow_id)
            assert await backend.pause_workflow(workflow_id), "so already"
            script.release("TEST")
            entry = {"phase": "TEST", "verdict": "PASSED"}
            await wait_until_async(lambda: _newest(backend, workflow_id, entry))
            info = await backend.get_workflow_status(workflow_id)
            assert info is not None
            assert (info.status, info.phase) == ("PAUSED", "TEST")
            assert len(script.calls) == 2
            assert await backend.resume_workflow(workflow_id)
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    assert [call.phase for call in script.calls] == ["IMPLEMENT", "TEST", "USE", "VERIFY"]


def _newest(backend: object, workflow_id: str, wanted: dict[str, str]) -> bool:
    result = backend._reader.results(workflow_id)[-1]  # type: ignore[attr-defined]
    return all(getattr(result, name) == value for name, value in wanted.items())


async def test_pause_now_ends_the_step_and_spends_nothing(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            await backend.signal_workflow(workflow_id, "pause", {"now": True})
            await wait_until_async(lambda: _newest(backend, workflow_id, {"verdict": "INTERRUPTED"}))
            script.release("TEST")
            assert await backend.resume_workflow(workflow_id)
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    assert [call.attempt for call in script.calls] == [1, 2, 2, 3, 4], "the same attempt again"


async def test_cancel_ends_the_running_step(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            await wait_until_async(lambda: script.calls)
            assert await backend.cancel_workflow(workflow_id)
            info = await backend.get_workflow_status(workflow_id)
            assert info is not None
            assert (info.status, info.phase) == ("CANCELLED", "IMPLEMENT")
            assert await backend.cancel_workflow(workflow_id), "so already"
            assert not await backend.pause_workflow(workflow_id)
            assert not await backend.resume_workflow(workflow_id)


async def test_cancel_returns_when_the_step_has_ended(workspace: SampleWorkspace) -> None:
    slow = "trap 'sleep 0.5; echo ended > ended; exit 1' TERM; echo begun > begun; while :; do sleep 0.05; done"
    workspace.tasks({"id": "a", "phases": {"implement": {"run": [slow]}}})
    async with workspace.backend() as backend, workspace.backend() as other:
        workflow_id = await backend.start_workflow("a")
        await wait_until_async((workspace.root / "begun").exists)
        assert await other.cancel_workflow(workflow_id), "from another engine"
        assert (workspace.root / "ended").exists()
        info = await other.get_workflow_status(workflow_id)
        assert info is not None
        assert info.status == "CANCELLED"


async def test_a_cancel_that_takes_too_long_is_kept(
    workspace: SampleWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted_backend, "CANCEL_TIMEOUT", 0.2)
    stubborn = "trap '' TERM; echo begun > begun; while :; do sleep 0.05; done"
    workspace.tasks({"id": "a", "phases": {"implement": {"run": [stubborn]}}})
    async with workspace.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await wait_until_async((workspace.root / "begun").exists)
        assert not await backend.cancel_workflow(workflow_id)
        assert (await backend.wait_workflow(workflow_id, 20)).status == "CANCELLED"


async def test_unknown_ids(workspace: SampleWorkspace) -> None:
    async with workspace.backend() as backend:
        assert not await backend.pause_workflow("ituv-a-000000")
        assert not await backend.resume_workflow("ituv-a-000000")
        assert not await backend.cancel_workflow("ituv-a-000000")
        for call in (
            backend.signal_workflow("ituv-a-000000", "pause"),
            backend.query_workflow("ituv-a-000000", "get_status"),
            backend.query_workflow("ituv-a-000000", "get_phase_results"),
            backend.retry_workflow("ituv-a-000000"),
            backend.wait_workflow("ituv-a-000000"),
        ):
            with pytest.raises(WorkflowNotFound):
                await call


async def test_unknown_signals_and_queries_name_the_known_ones(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            with pytest.raises(WorkflowError) as signal:
                await backend.signal_workflow(workflow_id, "explode")
            with pytest.raises(WorkflowError) as query:
                await backend.query_workflow(workflow_id, "get_rich")
    assert "inject_feedback" in signal.value.hint
    assert "get_phase_results" in query.value.hint


async def test_a_blocked_workflow_with_feedback_returns_to_implement(workspace: SampleWorkspace) -> None:
    with scripted_phases({"TEST": ["FAILED", "FAILED"]}) as script:
        async with workspace.backend(retry={"max_attempts": 2, "initial_delay_sec": 0}) as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 10)
            assert (info.status, info.phase) == ("BLOCKED", "TEST")
            assert "TEST failed 2 times" in (info.error_message or "")
            await backend.signal_workflow(workflow_id, "inject_feedback", {"message": "mind the gap", "by": "ann"})
            await backend.signal_workflow(workflow_id, "inject_feedback", {"file": "a.py", "line": 3})
            assert (await wait_for_workflow(backend, workflow_id)).status == "BLOCKED", (
                "feedback does not resume by itself"
            )
            assert await backend.resume_workflow(workflow_id)
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    delivered = [order.feedback for order in script.orders if order.phase == "IMPLEMENT"]
    assert delivered == [(), ("mind the gap", "file: a.py\nline: 3")]


async def test_only_an_unverified_phase_can_be_approved(workspace: SampleWorkspace) -> None:
    nothing = AttemptResult(verdict=Verdict.UNVERIFIED, reason="nothing can check it")
    with scripted_phases(tasks={"a": {"VERIFY": [nothing]}, "b": {"VERIFY": ["ERROR"]}}):
        async with workspace.backend(retry={"max_attempts": 1}) as backend:
            unverified = await backend.start_workflow("a")
            failed = await backend.start_workflow("b")
            await backend.wait_workflows([unverified, failed], 10)
            with pytest.raises(IllegalCommand, match="failed"):
                await backend.signal_workflow(failed, "approve", {"by": "ann"})
            with pytest.raises(IllegalCommand, match="name"):
                await backend.signal_workflow(unverified, "approve", {})
            await backend.signal_workflow(unverified, "approve", {"by": "ann", "note": "tried it"})
            assert (await backend.wait_workflow(unverified, 10)).status == "COMPLETED"


async def test_retry_replaces_a_blocked_workflow_and_takes_its_feedback_along(workspace: SampleWorkspace) -> None:
    with scripted_phases({"USE": ["FAILED"]}) as script:
        async with workspace.backend(retry={"max_attempts": 1}) as backend:
            old = await backend.start_workflow("a")
            await backend.wait_workflow(old, 10)
            await backend.signal_workflow(old, "inject_feedback", {"message": "again"})
            new = await backend.retry_workflow(old)
            assert new != old
            first, second = await backend.wait_workflows([old, new], 10)
    assert (first.status, first.error_message) == ("CANCELLED", "replaced by a retry")
    assert second.status == "BLOCKED", "the script fails USE of every workflow once"
    assert next(order.feedback for order in script.orders if order.workflow_id == new) == ("again",)


async def test_retry_of_a_completed_workflow_needs_a_phase(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with workspace.backend() as backend:
            old = await backend.start_workflow("a")
            with pytest.raises(IllegalCommand):
                await backend.retry_workflow(old)
            await backend.wait_workflow(old, 10)
            with pytest.raises(IllegalCommand, match="COMPLETED"):
                await backend.retry_workflow(old)
            new = await backend.retry_workflow(old, "implement")
            assert (await backend.wait_workflow(new, 10)).status == "COMPLETED"
            with pytest.raises(IllegalCommand, match="phase"):
                await backend.retry_workflow(new, "DESSERT")


async def test_the_owner_follows_commands_of_another_engine(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as owner, workspace.backend() as other:
            workflow_id = await owner.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            await other.signal_workflow(workflow_id, "pause", {"now": True})
            await wait_until_async(lambda: _newest(owner, workflow_id, {"verdict": "INTERRUPTED"}))
            script.release("TEST")
            assert await other.resume_workflow(workflow_id)
            assert (await other.wait_workflow(workflow_id, 10)).status == "COMPLETED"
            assert (await owner.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    assert [call.attempt for call in script.calls] == [1, 2, 2, 3, 4]


async def test_queries_return_the_documented_data(workspace: SampleWorkspace) -> None:
    made = AttemptResult(verdict=Verdict.PASSED, artifacts=("out/report.txt",))
    with scripted_phases({"USE": [made]}):
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 10)
            status = await backend.query_workflow(workflow_id, "get_status")
            assert (status["workflow_id"], status["status"]) == (workflow_id, "COMPLETED")
            assert await backend.query_workflow(workflow_id, "get_progress") == 100
            assert await backend.query_workflow(workflow_id, "get_artifacts") == ["out/report.txt"]
            results = await backend.query_workflow(workflow_id, "get_phase_results")
            health = await backend.health_check()
    assert info.artifacts == ["out/report.txt"]
    assert set(results[0]) == {"phase", "attempt", "verdict", "started_at", "ended_at", "evidence"}
    assert [(r["phase"], r["verdict"]) for r in results][-1] == ("VERIFY", "PASSED")
    assert (health["backend"], health["connected"], health["active_count"]) == ("native", True, 0)
