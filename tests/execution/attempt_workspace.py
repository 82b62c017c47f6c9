"""A workspace for attempts with real processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
from tests.support.workspace import WorkspaceFolder

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Criterion, Definition, Gate, GateCommand, Recipe, RecipeStep, Task
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.local_runner import LocalRunner
from penguin.orchestration.execution.runner_api import AttemptOrder, StopControl
from penguin.orchestration.files.workspace import Workspace

GRACE = 0.3
ENGINE = Path(__file__).with_name("engine_process.py")


class AttemptWorkspace(WorkspaceFolder):
    """A workspace in which single attempts run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "workspace")
        self.root.mkdir()
        Workspace(self.root).ensure()
        self.run_dir = self.root / ".penguin" / "runs" / "ituv-t-abc123" / "1-TEST"

    def order(
        self,
        *run: str | GateCommand,
        phase: WorkflowPhase = WorkflowPhase.TEST,
        recipe: list[RecipeStep] | None = None,
        recipes: list[Recipe] | None = None,
        criteria: list[Criterion] | None = None,
        agent: str | None = None,
        artifacts: tuple[str, ...] = (),
        timeout: float = 60.0,
        max_output: int = 100_000_000,
        **more: Any,
    ) -> AttemptOrder:
        named = recipes if recipes is not None else [Recipe("try", tuple(recipe))] if recipe is not None else None
        gate = Gate(
            run=tuple(command if isinstance(command, GateCommand) else GateCommand(command) for command in run),
            recipes=named is not None,
            criteria=criteria is not None,
            agent=agent,
            artifacts=artifacts,
        )
        task = Task(id="t", title="A task", recipes=tuple(named or ()), criteria=tuple(criteria or ()))
        definition = Definition(task=task, gates={phase: gate}, timeouts={phase: timeout}, max_output=max_output)
        return AttemptOrder(
            workspace=str(self.root),
            run_dir=str(self.run_dir),
            workflow_id="ituv-t-abc123",
            phase=phase,
            attempt=1,
            definition=definition,
            **more,
        )

    def phases(self, engine: str = "one", grace: float = GRACE, lease: Path | None = None) -> LocalRunner:
        return LocalRunner(self.engines / engine, grace, lease=lease)

    async def attempt(
        self, order: AttemptOrder, control: StopControl | None = None, engine: str = "one", lease: Path | None = None
    ) -> AttemptResult:
        """Run an attempt in this process."""
        phases = self.phases(engine, lease=lease)
        try:
            return await phases.run(order, control or StopControl())
        finally:
            await phases.aclose()

    def run(self, *run: str | GateCommand, **settings: Any) -> AttemptResult:
        return asyncio.run(self.attempt(self.order(*run, **settings)))

    def started(self, name: str) -> int:
        """Return how many attempts at a step have a start mark."""
        return len(list(self.run_dir.glob(f"*{name}*.start.json")))

    def engine(self, order: AttemptOrder, name: str = "one", lease: Path | None = None) -> subprocess.Popen[bytes]:
        """Run an attempt in a separate engine process."""
        path = self.root / f"order-{name}.json"
        path.write_bytes(msgspec.json.encode(order))
        command = [sys.executable, str(ENGINE), str(path), str(self.engines / name), *([str(lease)] if lease else [])]
        return subprocess.Popen(command)


async def start_task(running: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a task, and let it run up to its first wait."""
    task = asyncio.create_task(running)
    await asyncio.sleep(0)
    return task
