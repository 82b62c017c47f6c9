"""Many workflows of four phases that do nothing, at once; and as many whose phases end at random within a second.

They are started one by one, as by a program that does not know the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from benchmarks.clock import Figures
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import OrchestrationBackend, get_backend
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.testing import scripted_phases

WARM_UP = 50


def measure(place: Path, quick: bool) -> Figures:
    figures: Figures = {}
    for count in (200,) if quick else (200, 1000):
        seconds, cpu = asyncio.run(_run(make_workspace(place / f"crowd-{count}", count + WARM_UP), count))
        figures[f"crowd{count}.per_s"] = count / seconds
        figures[f"crowd{count}.cpu_ms"] = cpu / count * 1000
    if not quick:
        count = 1000
        _, cpu = asyncio.run(_run(make_workspace(place / "scattered", count + WARM_UP), count, scattered=True))
        figures["scattered.cpu_ms"] = cpu / count * 1000
    return figures


async def _run(root: Path, count: int, *, scattered: bool = False) -> tuple[float, float]:
    """Seconds until all are done, and seconds of processor time."""
    chance = random.Random(1)
    waiting = False

    def delay(order: AttemptOrder) -> float:
        return chance.random() if waiting else 0.0

    with scripted_phases(delay=delay):
        async with get_backend(workspace_path=root) as backend:
            tasks = task_ids(count + WARM_UP)
            await _complete(backend, tasks[count:])
            waiting = scattered
            begun, spent = time.perf_counter(), time.process_time()
            await _complete(backend, tasks[:count])
            return time.perf_counter() - begun, time.process_time() - spent


async def _complete(backend: OrchestrationBackend, tasks: list[str]) -> None:
    ids = await asyncio.gather(*[backend.start_workflow(task) for task in tasks])
    infos = await backend.wait_workflows(ids)
    if unfinished := [info for info in infos if info.status != "COMPLETED"]:
        raise RuntimeError(f"{len(unfinished)} of {len(infos)} were not completed: {unfinished[0]}")
