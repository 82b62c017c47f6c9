"""Workflows of four phases that do nothing, one after another: what it costs to be durable.

After each of them one of the floor is played, since what the disk takes changes within seconds.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks.clock import Figures, timed
from benchmarks.floor import FloorWorkflows, open_floor
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import get_backend
from penguin.orchestration.testing import scripted_phases

WARM_UP = 10


def measure(place: Path, quick: bool) -> Figures:
    count = 60 if quick else 200
    root = make_workspace(place / "sequence", WARM_UP + count)
    floor = open_floor(root / "floor.db")
    try:
        found = asyncio.run(_run(root, task_ids(WARM_UP + count), FloorWorkflows(floor, 1, "floor")))[WARM_UP:]
    finally:
        floor.close()
    times = [own for own, _ in found]
    return {
        "sequence.ms": statistics.median(times),
        "sequence_floor.ms": statistics.median(floor for _, floor in found),
        "sequence.p99_ms": sorted(times)[int(len(times) * 0.99)],
        "sequence.commits": _commits(root / ".penguin" / "penguin.db"),
    }


async def _run(root: Path, tasks: list[str], floor: FloorWorkflows) -> list[tuple[float, float]]:
    """Milliseconds of each workflow, and of one of the floor."""
    times = []
    with scripted_phases():
        async with get_backend(workspace_path=root) as backend:
            for task in tasks:
                begun = time.perf_counter()
                info = await backend.wait_workflow(await backend.start_workflow(task))
                took = (time.perf_counter() - begun) * 1000
                times.append((took, timed(floor.run, 1)[0]))
                if info.status != "COMPLETED":
                    raise RuntimeError(f"{info.workflow_id} is {info.status}: {info.error_message}")
    return times


def _commits(db: Path) -> float:
    """Count the commits of one workflow: each row of its history is a decision, and each decision is a commit."""
    connection = sqlite3.connect(db)
    try:
        rows = connection.execute("SELECT count(*) FROM event GROUP BY workflow_id").fetchall()
    finally:
        connection.close()
    return float(max(row[0] for row in rows))
