"""Workflows in place, with several engines; what one engine does is in tests/scenarios/working_tree."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.testing import ScriptedPhases, scripted_phases

pytestmark = pytest.mark.anyio

PARALLEL = 4


def order_of_tasks(script: ScriptedPhases) -> list[str]:
    return list(dict.fromkeys(call.task_id for call in script.calls))


async def status_becomes(backend: OrchestrationBackend, workflow_id: str, status: str) -> None:
    async def is_so() -> bool:
        return (await wait_for_workflow(backend, workflow_id)).status == status

    await wait_until_async(is_so, f"{workflow_id} is {status}")


async def test_another_engine_waits_for_a_paused_holder(workspace: SampleWorkspace) -> None:
    with scripted_phases(isolation=None) as script:
        script.hold("TEST")
        async with workspace.backend(max_parallel=PARALLEL) as one, workspace.backend(max_parallel=PARALLEL) as two:
            first = await one.start_workflow("a")
            await wait_until_async(lambda: len(script.calls) == 2)
            second = await two.start_workflow("b")
            await one.pause_workflow(first)
            script.release("TEST")
            assert (await two.wait_workflow(second, 10)).status == "PENDING", "it is settled"
            await one.resume_workflow(first)
            assert (await two.wait_workflow(second, 10)).status == "COMPLETED"
    assert order_of_tasks(script) == ["a", "b"]


async def test_two_engines_never_both_take_the_working_tree(workspace: SampleWorkspace) -> None:
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
