"""Workflows in place: one holds the working tree from its first attempt until it is BLOCKED or final."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.testing import ScriptedPhases, scripted_phases

pytestmark = pytest.mark.anyio

PARALLEL = 4


def order_of_tasks(script: ScriptedPhases) -> list[str]:
    return list(dict.fromkeys(call.task_id for call in script.calls))


def reader(workspace: SampleWorkspace) -> WorkflowReader:
    return WorkflowReader(workspace.root / ".penguin" / "penguin.db")


async def status_becomes(backend: OrchestrationBackend, workflow_id: str, status: str) -> None:
    async def is_so() -> bool:
        return (await wait_for_workflow(backend, workflow_id)).status == status

    await wait_until_async(is_so, f"{workflow_id} is {status}")


async def test_several_run_one_after_the_other_whatever_max_parallel_is(workspace: SampleWorkspace) -> None:
    with scripted_phases(delay=0.001, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            ids = await backend.start_tasks(["a", "b", "c", "d"])
            infos = await backend.wait_workflows(ids, 10)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert [call.task_id for call in script.calls] == [task for task in order_of_tasks(script) for _ in range(4)]


async def test_it_is_held_during_a_back_off(workspace: SampleWorkspace) -> None:
    with scripted_phases(tasks={"a": {"TEST": ["FAILED"]}}, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL, retry={"initial_delay_sec": 0.2}) as backend:
            infos = await backend.wait_workflows(await backend.start_tasks(["a", "b"]), 10)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert [call.task_id for call in script.calls] == ["a"] * 5 + ["b"] * 4


@pytest.mark.parametrize("engines", [1, 2])
async def test_a_paused_one_holds_it_and_others_wait_in_vain(workspace: SampleWorkspace, engines: int) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as one, workspace.backend(max_parallel=PARALLEL) as two:
            other = one if engines == 1 else two
            first = await one.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            second = await other.start_workflow("b")
            await one.pause_workflow(first)
            script.release("TEST")
            assert (await other.wait_workflow(second, 10)).status == "PENDING", "it is settled"
            said = reader(workspace).explain(second)
            assert said == f"waits for the working tree, held by {first} (PAUSED)"
            assert reader(workspace).next_command(second) == f"/workflow resume {first}"
            assert reader(workspace).is_settled(second)
            await one.resume_workflow(first)
            assert (await other.wait_workflow(second, 10)).status == "COMPLETED"
    assert order_of_tasks(script) == ["a", "b"]


@pytest.mark.parametrize("status", ["BLOCKED", "CANCELLED", "COMPLETED"])
async def test_what_is_blocked_or_over_gives_it_back(workspace: SampleWorkspace, status: str) -> None:
    outcomes = {"BLOCKED": ["UNVERIFIED"]}.get(status, [])
    with scripted_phases(tasks={"a": {"USE": outcomes}}, isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first, second = await backend.start_tasks(["a", "b"])
            await wait_until_async(lambda: len(script.calls) == 2)
            if status == "CANCELLED":
                await backend.cancel_workflow(first)
            script.release("TEST")
            infos = await backend.wait_workflows([first, second], 10)
    assert [info.status for info in infos] == [status, "COMPLETED"]


async def test_after_blocked_it_is_taken_again_in_the_order_of_the_contract(workspace: SampleWorkspace) -> None:
    with scripted_phases(tasks={"a": {"TEST": ["UNVERIFIED"]}}, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await backend.wait_workflow(first, 10)
            script.hold("USE")
            second, third = await backend.start_tasks(["b", "c"])
            await wait_until_async(lambda: script.calls[-1].phase == "USE")
            await backend.resume_workflow(first)
            assert (await wait_for_workflow(backend, first)).status == "RUNNING"
            assert reader(workspace).explain(first) == f"waits for the working tree, held by {second} (RUNNING)"
            assert not reader(workspace).is_settled(first)
            script.release("USE")
            infos = await backend.wait_workflows([first, second, third], 10)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert [call.task_id for call in script.calls][2:] == ["b"] * 4 + ["a"] * 3 + ["c"] * 4


async def test_what_waits_for_it_and_is_resumed_settles_with_its_holder(workspace: SampleWorkspace) -> None:
    with scripted_phases(tasks={"a": {"TEST": ["UNVERIFIED"]}}, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            first = await backend.start_workflow("a")
            await backend.wait_workflow(first, 10)
            script.hold("USE")
            second = await backend.start_workflow("b")
            await wait_until_async(lambda: script.calls[-1].phase == "USE")
            await backend.pause_workflow(second)
            script.release("USE")
            await backend.resume_workflow(first)
            assert (await backend.wait_workflow(first, 10)).status == "RUNNING"


async def test_two_engines_never_both_take_it(workspace: SampleWorkspace) -> None:
    under_way: set[str] = set()
    most = 0

    def note(order: object) -> float:
        nonlocal most
        workflow_id = order.workflow_id  # type: ignore[attr-defined]
        under_way.add(workflow_id)
        most = max(most, len(under_way))
        asyncio.get_running_loop().call_later(0.001, under_way.discard, workflow_id)
        return 0.003

    workspace.tasks(*[f"t{number}" for number in range(12)])
    with scripted_phases(delay=note, isolation=None):
        async with workspace.backend(max_parallel=PARALLEL) as one, workspace.backend(max_parallel=PARALLEL) as two:
            odd = await one.start_tasks([f"t{number}" for number in range(0, 12, 2)])
            even = await two.start_tasks([f"t{number}" for number in range(1, 12, 2)])
            infos = await one.wait_workflows(odd, 30) + await two.wait_workflows(even, 30)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert most == 1


async def test_the_next_engine_knows_who_holds_it(workspace: SampleWorkspace) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            first = await backend.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            await backend.pause_workflow(first)
            script.release("TEST")
            await status_becomes(backend, first, "PAUSED")
            await backend.wait_workflow(first, 10)
        async with workspace.backend() as backend:
            second = await backend.start_workflow("b")
            assert (await backend.wait_workflow(second, 10)).status == "PENDING"
            await backend.cancel_workflow(first)
            assert (await backend.wait_workflow(second, 10)).status == "COMPLETED"


async def test_shared_neither_holds_nor_waits(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as backend:
            ids = await backend.start_tasks(["a", "b"])
            await wait_until_async(lambda: len(script.calls) == 4)
            script.release("TEST")
            await backend.wait_workflows(ids, 10)
