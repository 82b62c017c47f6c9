"""Slots, order, back-off, and settled workflows."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import WaitTimeout, WorkflowStatus
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_one_attempt_at_a_time_by_default(workspace: SampleWorkspace) -> None:
    under_way: set[str] = set()
    most = 0

    def note(order: AttemptOrder) -> float:
        nonlocal most
        under_way.add(order.workflow_id)
        most = max(most, len(under_way))
        asyncio.get_running_loop().call_later(0.002, under_way.discard, order.workflow_id)
        return 0.004

    with scripted_phases(delay=note):
        async with workspace.backend() as backend:
            ids = await backend.start_tasks(["a", "b", "c", "d"])
            assert {info.status for info in await backend.wait_workflows(ids, 10)} == {"COMPLETED"}
    assert most == 1


async def test_two_engines_share_the_slots_of_a_working_tree(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with workspace.backend() as one, workspace.backend() as two:
            first = await one.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 1)
            second = await two.start_workflow("b")
            await asyncio.sleep(0)
            assert (await wait_for_workflow(two, second)).status == "PENDING"
            script.release("IMPLEMENT")
            assert (await one.wait_workflow(first, 10)).status == "COMPLETED"
            assert (await two.wait_workflow(second, 10)).status == "COMPLETED"
    ended_first = [call.task_id for call in script.calls]
    assert ended_first == ["a"] * 4 + ["b"] * 4


async def test_ready_tasks_start_in_the_order_of_the_contract(workspace: SampleWorkspace) -> None:
    workspace.tasks(
        "first-in-file",
        {"id": "low", "priority": "low"},
        {"id": "cheap", "effort": 1},
        {"id": "risky", "effort": 1, "risk": 5},
        {"id": "critical", "priority": "critical", "effort": 5},
    )
    with scripted_phases() as script:
        async with workspace.backend() as backend:
            ids = await backend.start_tasks(["first-in-file", "low", "cheap", "risky", "critical"])
            await backend.wait_workflows(ids, 10)
    order = list(dict.fromkeys(call.task_id for call in script.calls))
    assert order == ["critical", "risky", "cheap", "first-in-file", "low"]


async def test_a_back_off_holds_no_slot_and_counts_down(workspace: SampleWorkspace) -> None:
    with scripted_phases(tasks={"a": {"TEST": ["FAILED"]}}) as script:
        async with workspace.backend(retry={"initial_delay_sec": 0.3}) as backend:
            begun = time.monotonic()
            ids = await backend.start_tasks(["a", "b"])
            infos = await backend.wait_workflows(ids, 10)
            took = time.monotonic() - begun
    assert {info.status for info in infos} == {"COMPLETED"}
    assert took >= 0.3
    tasks = [call.task_id for call in script.calls]
    assert tasks == ["a", "a", "b", "b", "b", "b", "a", "a", "a"]


async def test_a_dependent_of_a_blocked_task_waits(workspace: SampleWorkspace) -> None:
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    with scripted_phases(tasks={"a": {"TEST": ["FAILED"]}}):
        async with workspace.backend(retry={"max_attempts": 1}) as backend:
            second, first = await backend.start_tasks(["b"], with_dependencies=True)
            infos = await backend.wait_workflows([second, first], 10)
            assert [info.status for info in infos] == ["PENDING", "BLOCKED"], "both are settled"
            assert (await backend.wait_workflow(second, 10)).status == "PENDING"
            await backend.resume_workflow(first)
            infos = await backend.wait_workflows([second, first], 10)
    assert {info.status for info in infos} == {"COMPLETED"}


async def test_a_paused_workflow_is_settled_once_all_else_is(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=2) as backend:
            paused, other = await backend.start_tasks(["a", "b"])
            await wait_until_async(lambda: len(script.calls) == 4)
            await backend.pause_workflow(paused)
            with pytest.raises(WaitTimeout):
                await backend.wait_workflows([paused, other], 0.05)
            script.release("TEST")
            infos = await backend.wait_workflows([paused, other], 10)
    assert [info.status for info in infos] == ["PAUSED", "COMPLETED"]


async def test_waiting_for_a_status(workspace: SampleWorkspace) -> None:
    with scripted_phases({"TEST": ["FAILED"]}):
        async with workspace.backend(retry={"max_attempts": 1}) as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 10, WorkflowStatus.BLOCKED)
            assert info.status == "BLOCKED"
            settled = await backend.wait_workflow(workflow_id, 10, WorkflowStatus.COMPLETED)
            assert settled.status == "BLOCKED", "settled: waiting any longer is in vain"


async def test_listeners_get_every_change_once(workspace: SampleWorkspace) -> None:
    changes: list[tuple[str, str]] = []
    with scripted_phases():
        async with workspace.backend() as backend:
            remove = backend.listen(lambda info: changes.append((info.status, info.phase)))
            await backend.wait_workflow(await backend.start_workflow("a"), 10)
            remove()
            await backend.wait_workflow(await backend.start_workflow("b"), 10)
    assert changes == [
        ("PENDING", "PENDING"),
        ("RUNNING", "IMPLEMENT"),
        ("RUNNING", "TEST"),
        ("RUNNING", "USE"),
        ("RUNNING", "VERIFY"),
        ("COMPLETED", "DONE"),
    ]


async def test_a_thousand_at_once(workspace: SampleWorkspace) -> None:
    names = [f"t{number}" for number in range(1000)]
    workspace.tasks(*names)
    with scripted_phases():
        async with workspace.backend(max_parallel=1000) as backend:
            ids = await asyncio.gather(*[backend.start_workflow(name) for name in names])
            infos = await backend.wait_workflows(ids, 60)
            assert len(await backend.list_workflows(status_filter="COMPLETED", limit=2000)) == 1000
    assert {info.status for info in infos} == {"COMPLETED"}
