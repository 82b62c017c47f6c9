"""A step that kills its launcher affects only its own workflow."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.support.waiting import wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.store.queries import WorkflowReader

pytestmark = pytest.mark.anyio

NEIGHBOURS = ("a", "b", "c")
HOLD = "echo $PENGUIN_TASK_ID >> neighbours; while [ ! -e go ]; do sleep 0.02; done; echo end"
PARENT = "kill -9 $PPID"
ANCESTORS = """
pid=$$
while [ "$pid" -gt 1 ]; do
    pid=$(awk '/^PPid:/ {print $2}' /proc/$pid/status)
    if tr '\\0' ' ' < /proc/$pid/cmdline | grep -q launcher.py; then kill -9 "$pid"; break; fi
done
"""


def gate(command: str) -> dict[str, dict[str, list[str]]]:
    return {"implement": {"run": [command]}}


@pytest.mark.parametrize("kill", [PARENT, ANCESTORS], ids=["parent", "ancestor in proc"])
async def test_only_the_workflow_of_the_killer_pays(workspace: SampleWorkspace, kill: str) -> None:
    neighbours = [{"id": name, "phases": gate(HOLD)} for name in NEIGHBOURS]
    workspace.tasks(*neighbours, {"id": "killer", "phases": gate(f"echo x >> kills; {kill}")})
    workspace.configure(max_parallel=4, retry={"max_attempts": 2, "initial_delay_sec": 0})
    async with workspace.backend() as backend:
        ids = await backend.start_tasks([*NEIGHBOURS])
        await wait_until_async(lambda: workspace.count("neighbours") == 3, "the start of the neighbours")
        killer = await backend.start_workflow("killer")
        assert (await backend.wait_workflow(killer, 20)).status == "BLOCKED"
        workspace.write("go", "")
        assert {info.status for info in await backend.wait_workflows(ids, 20)} == {"COMPLETED"}
    with closing(WorkflowReader(workspace.root / ".penguin" / "penguin.db")) as reader:
        history = [entry.text for name in ids for entry in reader.history(name)]
        blocked = [entry.text for entry in reader.history(killer)][-1]
    assert not [text for text in history if "interrupted" in text]
    assert workspace.count("neighbours") == len(NEIGHBOURS), "a step of a neighbour ran twice"
    assert workspace.count("kills") == 2 * 3, "three starts in each of the two attempts"
    assert "interrupted by a crash 3 times: the process that ran the step was killed" in blocked
