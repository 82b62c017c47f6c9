"""Controls workflows from Python: python examples/steer.py FOLDER, where examples/copy created FOLDER."""

import asyncio
import sys

from penguin.orchestration import get_backend
from penguin.orchestration.backend import WorkflowStatus


async def main(folder: str) -> None:
    async with get_backend(workspace_path=folder) as backend:
        first = await backend.start_workflow("fix-word-count")
        print(await backend.pause_workflow(first), (await backend.get_workflow_status(first)).status)
        print(await backend.resume_workflow(first), (await backend.wait_workflow(first, timeout=120)).status)
        print(await backend.query_workflow(first, "get_progress"))
        second = await backend.start_workflow("lint-cleanup", config={"phases": {"implement": {"run": "sleep 60"}}})
        print(await backend.cancel_workflow(second), (await backend.wait_workflow(second, timeout=60)).status)
        third = await backend.retry_workflow(second)
        print((await backend.wait_workflow(third, timeout=120)).status)
        for result in await backend.query_workflow(third, "get_phase_results"):
            print(result["phase"], result["verdict"])
        for info in await backend.list_workflows(status_filter=WorkflowStatus.COMPLETED):
            print(info.task_id, info.progress)


asyncio.run(main(sys.argv[1]))
