"""Records histories for test_long_histories.py: python -m tests.temporal.record_histories ADDRESS

Run it when the workflow learns something new, not to get rid of a failing replay: that is a change which breaks
workflows that run now.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_for_workflow

from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.testing import ScriptedPhases, scripted_phases

FOLDER = Path(__file__).parent / "histories"
Play = Callable[[TemporalBackend, ScriptedPhases], Awaitable[str]]


async def passes(backend: TemporalBackend, script: ScriptedPhases) -> str:
    """Four gates, one tried twice."""
    one = await backend.start_workflow("a")
    await backend.wait_workflow(one, 30)
    return one


async def steered(backend: TemporalBackend, script: ScriptedPhases) -> str:
    """Paused, fed with advice, resumed, blocked, resumed, cancelled."""
    script.hold("IMPLEMENT")
    one = await backend.start_workflow("b")
    await wait_for_workflow(backend, one, phase="IMPLEMENT")
    await backend.signal_workflow(one, "pause", {"by": "Ann", "now": True})
    await wait_for_workflow(backend, one, status="PAUSED")
    await backend.signal_workflow(one, "inject_feedback", {"message": "mind the gap", "by": "Ann"})
    await backend.resume_workflow(one)
    await asyncio.sleep(0.5)
    script.release("IMPLEMENT")
    await wait_for_workflow(backend, one, status="BLOCKED")
    script.hold("TEST")
    await backend.resume_workflow(one)
    await wait_for_workflow(backend, one, phase="TEST")
    await backend.cancel_workflow(one)
    await backend.wait_workflow(one, 30)
    return one


async def depends(backend: TemporalBackend, script: ScriptedPhases) -> str:
    """Waits for another task."""
    ids = await backend.start_tasks(["d"], with_dependencies=True)
    await backend.wait_workflows(ids, 30)
    return ids[0]


PLAYS: dict[str, tuple[Play, dict[str, list[str]]]] = {
    "passes": (passes, {"TEST": ["FAILED"]}),
    "steered": (steered, {"IMPLEMENT": ["UNVERIFIED"]}),
    "depends": (depends, {}),
}


async def record(name: str, address: str) -> None:
    """Play it, and write down what the server kept."""
    play, outcomes = PLAYS[name]
    with tempfile.TemporaryDirectory() as folder, scripted_phases(outcomes) as script:
        workspace = TemporalWorkspace(Path(folder), address, f"p{uuid.uuid4().hex[:8]}")
        workspace.configure(retry={"initial_delay_sec": 0.2})
        workspace.tasks("a", "b", "c", {"id": "d", "depends_on": ["c"]})
        async with workspace.backend() as backend:
            assert isinstance(backend, TemporalBackend)
            workflow_id = await play(backend, script)
            link = await backend.process.open()
            handle = link.handle(workflow_id)
            while (await handle.describe()).close_time is None:
                await asyncio.sleep(0.05)
            history = await handle.fetch_history()
    FOLDER.mkdir(exist_ok=True)
    # Who recorded it is nobody's business.
    text = re.sub(r"\d+@[\w.-]+", "worker", history.to_json())
    (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


async def main(address: str) -> None:
    for name in PLAYS:
        await record(name, address)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
