"""Recovery after SIGKILL: two gates passed, the third under way, then a new process takes all of them to their end.

The time goes from the start of the new process to the last COMPLETED.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.clock import Figures
from benchmarks.grounds import make_workspace, task_ids
from penguin.orchestration import get_backend
from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.testing import scripted_phases

PATIENCE = 120.0
"""Seconds."""


def measure(place: Path, quick: bool) -> Figures:
    return {f"recovery{count}.s": _seconds(place / f"{count}", count) for count in ((200,) if quick else (200, 2000))}


def _seconds(root: Path, count: int) -> float:
    make_workspace(root, count, max_parallel=count)
    victim = _play("victim", root)
    assert victim.stdout is not None
    if victim.stdout.readline().strip() != "held":
        raise RuntimeError("the workflows did not come to their third gate")
    victim.kill()
    victim.wait()
    begun = time.perf_counter()
    survivor = _play("survivor", root)
    assert survivor.stdout is not None
    if survivor.stdout.readline().strip() != "completed":
        raise RuntimeError("the workflows were not completed")
    took = time.perf_counter() - begun
    survivor.wait()
    return took


def _play(part: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", __name__, part, root], stdout=subprocess.PIPE, text=True)


async def _victim(root: Path) -> None:
    tasks = task_ids(len(_tasks(root)))
    with scripted_phases() as script:
        script.hold("USE")
        async with get_backend(workspace_path=root) as backend:
            ids = await backend.start_tasks(tasks)
            while sum(call.phase is WorkflowPhase.USE for call in script.calls) < len(ids):
                await asyncio.sleep(0.01)
            print("held", flush=True)
            await asyncio.sleep(PATIENCE)


async def _survivor(root: Path) -> None:
    with scripted_phases():
        async with get_backend(workspace_path=root) as backend:
            await backend.run_engine()
            ids = [info.workflow_id for info in await backend.list_workflows(limit=10_000)]
            infos = await backend.wait_workflows(ids, timeout=PATIENCE)
            if len(infos) == len(_tasks(root)) and all(info.status == "COMPLETED" for info in infos):
                print("completed", flush=True)


def _tasks(root: Path) -> list[object]:
    import json

    items: list[object] = json.loads((root / "tasks.json").read_text())["items"]
    return items


if __name__ == "__main__":
    asyncio.run({"victim": _victim, "survivor": _survivor}[sys.argv[1]](Path(sys.argv[2])))
