"""An engine process that performs acts and can be killed: `engine_process.py WORKSPACE ACTS`.

ACTS is a JSON list of `[verb, argument…]`; a task stands for its newest workflow. After them, the process waits until
all workflows are settled, then closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from penguin.orchestration import get_backend
from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.files import failpoints
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.workflow_status import ACTIVE


class Driver:
    """Performs the acts in order."""

    def __init__(self, root: Path, backend: NativeBackend) -> None:
        self._root = root
        self._backend = backend

    async def do(self, verb: str, *arguments: Any) -> None:
        await getattr(self, f"_{verb}")(*arguments)

    async def _engine(self) -> None:
        await self._backend.run_engine()

    async def _stay(self) -> None:
        """Run until killed."""
        await asyncio.get_running_loop().create_future()

    async def _start(self, *tasks: str) -> None:
        await self._backend.start_tasks(tasks)

    async def _leave(self, *tasks: str) -> None:
        """Start tasks for any engine."""
        self._backend.claims = False
        await self._backend.start_tasks(tasks)
        self._backend.claims = True

    async def _start_with_deps(self, task: str) -> None:
        await self._backend.start_tasks([task], with_dependencies=True)

    async def _retry(self, task: str, phase: str | None = None) -> None:
        await self._backend.retry_workflow(await self._find(task), phase)

    async def _signal(self, task: str, name: str, payload: dict[str, Any] | None = None) -> None:
        await self._backend.signal_workflow(await self._find(task), name, payload)

    async def _arm(self, failpoint: str) -> None:
        """Arm it from here on, not from the start."""
        failpoints.arm(failpoint)

    async def _touch(self, name: str) -> None:
        (self._root / name).touch()

    async def _seen(self, name: str) -> None:
        while not (self._root / name).exists():
            await asyncio.sleep(0.01)

    async def _status(self, task: str, status: str) -> None:
        # Use the engine's state, not that on disk: the commit may not be finished.
        await self._backend.wait_workflows([await self._find(task)], status=WorkflowStatus(status))

    async def _find(self, task: str) -> str:
        infos = await self._backend.list_workflows()
        return next(info.workflow_id for info in infos if info.task_id == task)


async def main(root: Path, acts: list[list[Any]]) -> None:
    async with get_backend(workspace_path=root) as backend:
        assert isinstance(backend, NativeBackend)
        # Beside the workspace, whose disk may be full.
        backend.on_trouble = lambda problem: (root.parent / "trouble").touch() if problem else None
        driver = Driver(root, backend)
        for act in acts:
            await driver.do(*act)
        active = await backend.list_workflows(status_filter=ACTIVE, limit=1000)
        await backend.wait_workflows([info.workflow_id for info in active])


if __name__ == "__main__":
    # Its workspace is not the folder that it was started in, and its steps must not depend on that.
    os.chdir("/")
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
