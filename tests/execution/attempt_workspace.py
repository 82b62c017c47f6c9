"""Attempts on real processes: orders, runners, and conditions to wait for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Command, Criterion, Definition, Gate, Recipe, RecipeStep, Task
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.local_runner import LocalPhases
from penguin.orchestration.execution.runner_api import AttemptOrder, Control

GRACE = 0.3
PATIENCE = 20.0
ENGINE = Path(__file__).with_name("engine_process.py")


class House:
    """A workspace, and what is run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "workspace"
        self.root.mkdir()
        self.engines = self.root / ".penguin" / "engines"
        self.run_dir = self.root / ".penguin" / "runs" / "ituv-t-abc123" / "1-TEST"

    def order(
        self,
        *run: str | Command,
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
            run=tuple(command if isinstance(command, Command) else Command(command) for command in run),
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

    def phases(self, engine: str = "one", grace: float = GRACE, lease: Path | None = None) -> LocalPhases:
        return LocalPhases(self.engines / engine, grace, lease=lease)

    async def attempt(
        self, order: AttemptOrder, control: Control | None = None, engine: str = "one", lease: Path | None = None
    ) -> AttemptResult:
        """Run an attempt on an engine of its own."""
        phases = self.phases(engine, lease=lease)
        try:
            return await phases.run(order, control or Control())
        finally:
            await phases.aclose()

    def run(self, *run: str | Command, **settings: Any) -> AttemptResult:
        return asyncio.run(self.attempt(self.order(*run, **settings)))

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def count(self, path: str) -> int:
        """Lines of a file to which every run of a step adds one."""
        try:
            return len(self.read(path).splitlines())
        except FileNotFoundError:
            return 0

    def started(self, name: str) -> int:
        """How many tries of a step have a start mark."""
        return len(list(self.run_dir.glob(f"*{name}*.start.json")))

    def engine(self, order: AttemptOrder, name: str = "one", lease: Path | None = None) -> subprocess.Popen[bytes]:
        """Run an attempt in a process that can be killed."""
        path = self.root / f"order-{name}.json"
        path.write_bytes(msgspec.json.encode(order))
        command = [sys.executable, str(ENGINE), str(path), str(self.engines / name), *([str(lease)] if lease else [])]
        return subprocess.Popen(command)

    def launchers(self) -> list[int]:
        """Process ids of the launchers of this workspace."""
        return [pid for pid in processes() if os.fsencode(f"launcher.py {self.engines}/") in command_line(pid)]


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"{what} did not come"
        await asyncio.sleep(0.01)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


async def beside(running: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start something and let it get going."""
    task = asyncio.create_task(running)
    await asyncio.sleep(0)
    return task
