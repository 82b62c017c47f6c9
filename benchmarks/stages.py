"""The stages of a workflow of four phases, for one workflow after the other: medians, added up.

The engine is watched from outside, at the places where a decision passes from one stage to the next.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.clock import Figures
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import get_backend
from penguin.orchestration.native.engine import Engine
from penguin.orchestration.store.writer import Writer
from penguin.orchestration.testing import scripted_phases

STAGES = {
    "stages.start_ms": "settings, blueprint, id and definition, until the start is handed over",
    "stages.decide_ms": "the rules, the attempts of nothing, and rows: between two commits",
    "stages.handover_ms": "to the thread that writes and back, six times",
    "stages.commit_ms": "SQLite: six transactions, made durable",
    "stages.tell_ms": "from the last commit until the caller has heard",
}
WARM_UP = 20
HANDOVER = "stages.handover_ms"
BEGUN = "begun"
MARKS: dict[str, str] = {
    # Failpoint, and the stage that ends there.
    "handed over": "stages.decide_ms",
    "taken": HANDOVER,
    "committed": "stages.commit_ms",
    "believed": HANDOVER,
    "heard": "stages.tell_ms",
}


def measure(place: Path, quick: bool) -> Figures:
    count = 60 if quick else 200
    root = make_workspace(place / "stages", WARM_UP + count)
    runs = asyncio.run(_run(root, task_ids(WARM_UP + count)))[WARM_UP:]
    return {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}


class Watch:
    """The stages of one workflow after the other."""

    def __init__(self) -> None:
        self._marks: list[tuple[str, float]] = []

    def mark(self, what: str) -> None:
        self._marks.append((what, time.perf_counter()))

    def stages(self) -> dict[str, float]:
        """Return the milliseconds of each stage since the last call."""
        marks, self._marks = self._marks, []
        found: defaultdict[str, float] = defaultdict(float)
        for (was, before), (what, now) in pairwise(marks):
            found["stages.start_ms" if was == BEGUN else MARKS[what]] += (now - before) * 1000
        return found


async def _run(root: Path, tasks: list[str]) -> list[dict[str, float]]:
    watch = Watch()
    _watched(watch, Writer, "_hand_over", before="handed over")
    _watched(watch, Writer, "_commit_until_it_fits", before="taken", after="committed")
    _watched(watch, Engine, "_changed", before="believed")
    runs = []
    with scripted_phases():
        async with get_backend(workspace_path=root) as backend:
            for task in tasks:
                watch.mark(BEGUN)
                await backend.wait_workflow(await backend.start_workflow(task))
                watch.mark("heard")
                runs.append(watch.stages())
    return runs


def _watched(watch: Watch, kind: type, name: str, *, before: str, after: str = "") -> None:
    method: Callable[..., Any] = getattr(kind, name)

    @functools.wraps(method)
    def watched(*args: Any) -> Any:
        watch.mark(before)
        result = method(*args)
        if after:
            watch.mark(after)
        return result

    setattr(kind, name, watched)
