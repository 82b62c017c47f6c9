"""20,000 workflows in one process: whether it needs more memory or time at the end than at the beginning."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.clock import Figures, memory_mb
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import get_backend
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import RUNNER, AttemptOrder, StopControl

COUNT = 20_000
AT_ONCE = 50
THOUSAND = 1_000
SEVERAL = 4
"""Number of thousands with a common latency: something else may run on the machine for a second or two."""
WARM_UP = 2
"""Number of thousands that are not compared: caches fill, and freed memory is not returned."""


class Nothing:
    """Phases that pass at once. `scripted_phases` would remember each of them."""

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        return AttemptResult(verdict=Verdict.PASSED)

    async def aclose(self) -> None:
        """See PhaseRunner."""


def measure(place: Path, quick: bool) -> Figures:
    count = 8_000 if quick else COUNT
    thousands = asyncio.run(_run(make_workspace(place, THOUSAND), count // THOUSAND))
    first, last = thousands[WARM_UP : WARM_UP + SEVERAL], thousands[-SEVERAL:]
    return {
        "soak_first.ms": statistics.median(ms for ms, _ in first),
        "soak_last.ms": statistics.median(ms for ms, _ in last),
        "soak_first.mb": first[0][1],
        "soak_last.mb": last[-1][1],
    }


async def _run(root: Path, thousands: int) -> list[tuple[float, float]]:
    """Of each thousand: the median latency in milliseconds, and megabytes at its end."""
    found = []
    tasks = task_ids(THOUSAND)
    token = RUNNER.set(Nothing())
    try:
        async with get_backend(workspace_path=root) as backend:
            for _ in range(thousands):
                times: list[float] = []
                for start in range(0, THOUSAND, AT_ONCE):
                    begun = time.perf_counter()
                    some = tasks[start : start + AT_ONCE]
                    await backend.wait_workflows(await asyncio.gather(*map(backend.start_workflow, some)))
                    times.append((time.perf_counter() - begun) * 1000)
                found.append((statistics.median(times), memory_mb()))
    finally:
        RUNNER.reset(token)
    return found
