"""Plays a scenario of the working tree on a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.scenarios.working_tree.scenario import Step, TreeScenario
from tests.support.waiting import wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.testing import ScriptedPhases, scripted_phases

PARALLEL = 4
LIMIT = 60.0
"""Seconds within which workflows settle."""
Queued = Callable[[OrchestrationBackend], set[str]]
"""Returns the workflows that wait for the working tree, as the backend's scheduler knows them."""


class TreeRunner:
    """Plays one scenario. `reader` reads the workflows as another process does."""

    def __init__(
        self, backend: OrchestrationBackend, script: ScriptedPhases, reader: WorkflowReader, queued: Queued
    ) -> None:
        self._backend = backend
        self._script = script
        self._reader = reader
        self._queued = queued
        self._ids: dict[str, str] = {}

    async def do(self, step: Step) -> None:
        """Play one step."""
        match step.do:
            case "hold":
                self._script.hold(step.phase)
            case "release":
                self._script.release(step.phase)
            case "start":
                started = await self._backend.start_tasks(step.tasks)
                self._ids |= zip(step.tasks, started, strict=True)
            case "reach":
                wanted = {(task, step.phase) for task in step.tasks}
                await wait_until_async(lambda: wanted <= {(call.task_id, call.phase) for call in self._script.calls})
            case "explain":
                await self._explain(step)
            case "queue":
                named = {self._ids[task] for task in step.tasks}
                await wait_until_async(lambda: named <= self._queued(self._backend), f"{step.tasks} wait")
            case "settle":
                infos = await self._backend.wait_workflows([self._ids[task] for task in step.statuses], LIMIT)
                assert {info.task_id: info.status.value for info in infos} == step.statuses
            case "pause" | "resume" | "cancel" as command:
                for task in step.tasks:
                    assert await getattr(self._backend, f"{command}_workflow")(self._ids[task])

    async def _explain(self, step: Step) -> None:
        expected = f"waits for the working tree, held by {step.holder} ({step.status.lower()})"
        next_command = f"/workflow resume {self._ids[step.holder]}" if step.status == "PAUSED" else ""
        for task in step.tasks:
            workflow_id = self._ids[task]
            await self._wait_for_explanation(workflow_id, expected)
            assert await asyncio.to_thread(self._reader.next_command, workflow_id) == next_command
            assert await asyncio.to_thread(self._reader.is_settled, workflow_id) is bool(next_command)

    async def _wait_for_explanation(self, workflow_id: str, expected: str) -> None:
        explanation = ""

        async def is_expected() -> bool:
            nonlocal explanation
            explanation = await asyncio.to_thread(self._reader.explain, workflow_id)
            return explanation == expected

        await wait_until_async(is_expected, expected, details=lambda: explanation)


async def check_tree_scenario(
    scenario: TreeScenario, workspace: SampleWorkspace, make_reader: Callable[[], WorkflowReader], queued: Queued
) -> None:
    """Play a scenario in a workspace, and compare the order of its attempts."""
    workspace.tasks("a", "b", "c")
    workspace.replace_settings(isolation=scenario.isolation)
    retry = {"initial_delay_sec": scenario.delay}
    with scripted_phases(tasks=scenario.outcomes, isolation=None) as script:
        async with workspace.backend(max_parallel=PARALLEL, retry=retry) as backend:
            reader = make_reader()
            runner = TreeRunner(backend, script, reader, queued)
            for step in scenario.steps:
                await runner.do(step)
            await asyncio.to_thread(reader.close)
    if scenario.attempts is not None:
        assert tuple(call.task_id for call in script.calls) == scenario.attempts
