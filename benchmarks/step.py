"""A step that runs `/bin/true`: started, watched, its output kept, its evidence on disk; beside a bare spawn of it.

What a step costs is what one more of them adds to an attempt. The output of every spawn goes to a file of its own, as
that of every step does: what a new file costs hangs on the disk, and on how much was just deleted there.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clock import Figures, timed
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import OrchestrationBackend, get_backend

PROGRAM = "/bin/true"
SPAWNS = 40
"""Bare spawns after each pair of workflows."""
MORE = 100
"""Additional steps of the longer attempt."""


def measure(place: Path, quick: bool) -> Figures:
    times = 3 if quick else 7
    roots = {steps: make_workspace(place / f"steps-{steps}", times + 1, _gates(steps)) for steps in (1, 1 + MORE)}
    return asyncio.run(_run(roots[1], roots[1 + MORE], _files(place / "outputs"), times))


def _files(folder: Path) -> Iterator[Path]:
    """Return a new name."""
    folder.mkdir()
    number = 0
    while True:
        number += 1
        yield folder / f"{number:05}.log"


def _gates(steps: int) -> dict[str, object]:
    return {"implement": {"run": [PROGRAM] * steps}, "test": "skip", "use": "skip", "verify": "skip"}


async def _run(short: Path, long: Path, outputs: Iterator[Path], times: int) -> Figures:
    """The workflows, and bare spawns without and with a shell, take turns."""
    found: dict[Path, list[float]] = {short: [], long: []}
    bare: list[float] = []
    shell: list[float] = []
    async with get_backend(workspace_path=short) as one, get_backend(workspace_path=long) as other:
        for number, task in enumerate(task_ids(times + 1)):
            for root, backend in ((short, one), (long, other)):
                took = await _complete(backend, task)
                found[root] += [took] if number else []  # the first one starts the launcher
            bare += timed(lambda: _spawn([PROGRAM], next(outputs)), SPAWNS)
            shell += timed(lambda: _spawn(["/bin/sh", "-c", PROGRAM], next(outputs)), SPAWNS)
    step = (statistics.median(found[long]) - statistics.median(found[short])) / MORE
    return {"step.ms": step, "spawn.ms": statistics.median(bare), "shell_spawn.ms": statistics.median(shell)}


async def _complete(backend: OrchestrationBackend, task: str) -> float:
    begun = time.perf_counter()
    info = await backend.wait_workflow(await backend.start_workflow(task))
    if info.status != "COMPLETED":
        raise RuntimeError(f"{info.workflow_id} is {info.status}: {info.error_message}")
    return (time.perf_counter() - begun) * 1000


def _spawn(argv: list[str], output: Path) -> None:
    """Return the minimum time to run a program and store its output."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 1, os.fspath(output), flags, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
    os.waitpid(os.posix_spawn(argv[0], argv, os.environ, file_actions=actions), 0)
