"""The end of processes: Python programs without `aclose`, and processes whose `.penguin` is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import PATIENCE, wait_until

from penguin.orchestration.testing import scripted_phases

PROGRAM = """
import asyncio, sys
from pathlib import Path
from penguin.orchestration import get_backend

async def main():
    backend = get_backend()
    one = await backend.start_workflow("a")
    await backend.wait_workflow(one, float(sys.argv[2]), "RUNNING")
    ending = sys.argv[1]
    if ending == "while waiting":
        waiting = asyncio.ensure_future(backend.wait_workflow(one))
        await asyncio.sleep(0)
    elif ending == "after a cancel":
        assert await backend.cancel_workflow(one)
    elif ending == "with an error":
        raise SystemExit(3)

asyncio.run(main())
"""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("at once", 0, "COMPLETED"),
        ("while waiting", 0, "COMPLETED"),
        ("with an error", 3, "COMPLETED"),
        ("after a cancel", 0, "CANCELLED"),
    ],
)
async def test_a_program_may_end_without_closing_its_backend(
    temporal_workspace: TemporalWorkspace, ending: str, code: int, status: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ending, str(PATIENCE)],
        cwd=temporal_workspace.root,
        env={**os.environ, "TEMPORAL_AUTO_START": "true"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    with scripted_phases():
        async with temporal_workspace.backend(temporal={"auto_start": True}) as backend:
            await backend.run_engine()
            (info,) = await backend.list_workflows()
            assert (await backend.wait_workflow(info.workflow_id, PATIENCE)).status == status


@pytest.mark.parametrize("arguments", [("worker",), ("-c", "/workflow wait a")], ids=["worker", "wait"])
def test_a_process_whose_workspace_is_gone_ends(
    temporal_workspace: TemporalWorkspace, arguments: tuple[str, ...]
) -> None:
    run = [sys.executable, "-m", "penguin_repl", "--workspace", str(temporal_workspace.root)]
    client = {**os.environ, "TEMPORAL_AUTO_START": "false"}
    subprocess.run([*run, "--detach", "-c", "/workflow start a"], timeout=60, env=client, check=True)
    subprocess.run([*run, "-c", "/workflow pause a"], timeout=60, env=client, check=True)
    process = subprocess.Popen([*run, *arguments], stderr=subprocess.PIPE, text=True, env=client)
    state = temporal_workspace.root / ".penguin"
    known = state / "temporal"
    try:
        if arguments == ("worker",):
            assert process.stderr is not None
            assert process.stderr.readline().startswith("worker: running")
        else:
            # Two for reading, and two for the backend, which waits.
            wait_until(lambda: count_open(process.pid, known) > 3, process=process)
        state.rename(temporal_workspace.root / "away")
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "was moved, deleted or replaced" in err
    assert not state.exists()


def count_open(pid: int, folder: Path) -> int:
    """Return how often a process has a cache of the server open."""
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            path = link.readlink()
            count += path.parent == folder and path.match("known-*.db")
    return count
