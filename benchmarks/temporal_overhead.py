"""A phase of the Temporal backend, beside a bare activity on the same server.

From the beginning of one to the beginning of the next, by the workflow's own clock, on workflows that take turns.

They are not the same thing. A bare activity costs a workflow task, which asks for it, and its result, which asks for
the next; the SDK runs it eagerly, in the process that asked, so it waits in no queue. Penguin runs all phases of a
workflow in one activity in the working tree's own queue; between two phases that reports one and is told the other,
which costs a workflow task too, and one that writes more: the state, for those who read where no worker is alive.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path

from benchmarks.clock import Figures
from benchmarks.grounds import make_workspace, task_ids
from benchmarks.temporal_peer import NEEDS, PATIENCE, activity_ms, connected, server, worker
from penguin.orchestration import OrchestrationBackend, get_backend
from penguin.orchestration.testing import scripted_phases

__all__ = ["NEEDS", "measure"]


def measure(place: Path, quick: bool) -> Figures:
    times = 5 if quick else 25
    with server(place) as address:
        make_workspace(place, times + 1)
        settings = json.loads((place / "penguin.yaml").read_text())
        settings["orchestration"] |= {"backend": "temporal", "temporal": {"address": address}}
        (place / "penguin.yaml").write_text(json.dumps(settings))
        return asyncio.run(_run(address, place, times))


async def _run(address: str, root: Path, times: int) -> Figures:
    ours, bare = [], []
    first, *tasks = task_ids(times + 1)
    with scripted_phases():
        async with get_backend(workspace_path=root) as backend:
            # Penguin's is first: it sets up the SDK. The first workflow opens connections and fills caches.
            await _serving(backend)
            await _phase_ms(backend, first)
            client = await connected(address)
            async with worker(client):
                await activity_ms(client, first)
                for task in tasks:
                    ours.append(await _phase_ms(backend, task))
                    bare.append(await activity_ms(client, task))
    return {"temporal_phase.ms": statistics.median(ours), "activity.ms": statistics.median(bare)}


async def _phase_ms(backend: OrchestrationBackend, task: str) -> float:
    info = await backend.wait_workflow(await backend.start_workflow(task))
    if info.status != "COMPLETED":
        raise RuntimeError(f"{info.workflow_id} is {info.status}: {info.error_message}")
    results = await backend.query_workflow(info.workflow_id, "get_phase_results")
    took = results[-1]["started_at"] - results[0]["started_at"]
    return float(took.total_seconds()) * 1000 / (len(results) - 1)


async def _serving(backend: OrchestrationBackend) -> None:
    give_up = time.monotonic() + PATIENCE
    while not (await backend.health_check())["connected"]:
        if time.monotonic() > give_up:
            raise TimeoutError("the server does not answer")
        await asyncio.sleep(0.1)
