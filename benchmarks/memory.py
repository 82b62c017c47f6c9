"""Memory of an engine with 1,000 active workflows, and of one over a store of 100,000."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.clock import Figures, memory_mb
from benchmarks.grounds import filled_workspace, make_workspace, task_ids
from penguin.orchestration import get_backend
from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.testing import scripted_phases

ACTIVE = 1_000
FEW, MANY = 1_000, 100_000
LOOKS = 20


def measure(place: Path, quick: bool) -> Figures:
    make_workspace(place / "active", ACTIVE)
    many = 1_000 if quick else MANY
    few_mb = _megabytes("reading", filled_workspace(place.parent, FEW))
    many_mb = _megabytes("reading", filled_workspace(place.parent, many))
    return {"active.mb": _megabytes("active", place / "active"), "stored_few.mb": few_mb, "stored_many.mb": many_mb}


def _megabytes(part: str, root: Path) -> float:
    done = subprocess.run([sys.executable, "-m", __name__, part, root], stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout))


async def _active(root: Path) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with get_backend(workspace_path=root) as backend:
            await backend.start_tasks(task_ids(ACTIVE))
            while sum(call.phase == "TEST" for call in script.calls) < ACTIVE:
                await asyncio.sleep(0.01)
            print(memory_mb(field="VmHWM"))
            script.release("TEST")


async def _reading(root: Path) -> None:
    with scripted_phases():
        async with get_backend(workspace_path=root) as backend:
            await backend.run_engine()
            for _ in range(LOOKS):
                await backend.list_workflows()
                await backend.list_workflows(status_filter=WorkflowStatus.COMPLETED, limit=1000)
            await backend.wait_workflow(await backend.start_workflow(task_ids(1)[0]))
            await backend.health_check()
            print(memory_mb(field="VmHWM"))


if __name__ == "__main__":
    asyncio.run({"active": _active, "reading": _reading}[sys.argv[1]](Path(sys.argv[2])))
