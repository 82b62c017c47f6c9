"""Writes the database of schema version 1, and what the Penguin that wrote it says of its workflows.

Run it with the Python of a clone of commit 9dfc977, which is the last one with that version:

    git clone . /tmp/old && cd /tmp/old && git checkout 9dfc977 && make .venv/.installed
    /tmp/old/.venv/bin/python tests/store/version_1/write.py

It runs real workflows to one status each, kills an engine within a step, and writes two files beside itself:
`penguin.db.gz`, and `expected.json.gz` with the answers of `/workflow list`, `history` and `results` as JSON.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penguin.orchestration import get_backend
from penguin.orchestration.backend import Verdict
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.testing import AttemptResult, scripted_phases

HERE = Path(__file__).parent
GATES = ("implement", "test", "use", "verify")
HOLD = "touch {}.began; while [ ! -e {}.go ]; do sleep 0.05; done"
COMMANDS = {
    "completed": {"test": "test -e tried || { touch tried; false; }"},
    "approved": {"use": ""},
    "unverified": {"use": ""},
    "failing": {"test": "echo wrong; false"},
    "impossible": {},
    "cancelled": {"implement": HOLD.format("cancelled", "never")},
    "paused": {"test": HOLD.format("paused", "paused")},
    "killed": {"test": HOLD.format("killed", "killed")},
    "pending": {},
    "dependent": {},
}
ENGINE = """
import asyncio, sys
from penguin.orchestration import get_backend

async def main():
    backend = get_backend(workspace_path=sys.argv[1])
    await backend.start_workflow("killed")
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def write_workspace(root: Path) -> None:
    """Write penguin.yaml and the blueprint."""
    items = [
        {
            "id": name,
            "title": name,
            "depends_on": ["unverified"] if name == "dependent" else [],
            "phases": {gate: {"run": [run for run in (commands.get(gate, "true"),) if run]} for gate in GATES},
        }
        for name, commands in COMMANDS.items()
    ]
    retry = {"max_attempts": 2, "initial_delay_sec": 0}
    config = {"project": {"id": "p"}, "blueprints": ["b.json"], "orchestration": {"retry": retry}}
    (root / "penguin.yaml").write_text(json.dumps(config))
    (root / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": items}))


async def run_workflows(root: Path) -> None:
    """Bring one workflow to each status that an engine leaves behind when it ends."""
    async with get_backend(workspace_path=root) as backend:
        for task in ("completed", "approved", "unverified", "failing"):
            await backend.wait_workflow(await backend.start_workflow(task), 30)
        approved = await newest(backend, "approved")
        await backend.signal_workflow(approved, "approve", {"by": "Ada", "note": "looked at it"})
        await backend.wait_workflow(approved, 30)
        feedback = {"message": "mind the gap", "by": "Ada"}
        await backend.signal_workflow(await newest(backend, "unverified"), "inject_feedback", feedback)
        failing = await backend.retry_workflow(await newest(backend, "failing"))
        await backend.wait_workflow(failing, 30)
        cancelled = await backend.start_workflow("cancelled")
        await appears(root / "cancelled.began")
        await backend.cancel_workflow(cancelled)
        await backend.wait_workflow(cancelled, 30)
        paused = await backend.start_workflow("paused")
        await appears(root / "paused.began")
        await backend.pause_workflow(paused)
        (root / "paused.go").touch()
        await backend.wait_workflow(paused, 30)
        await backend.start_workflow("dependent")
    result = AttemptResult(verdict=Verdict.ERROR, reason="no such agent", impossible=True)
    with scripted_phases({"IMPLEMENT": [result]}):
        async with get_backend(workspace_path=root) as backend:
            await backend.wait_workflow(await backend.start_workflow("impossible"), 30)


async def newest(backend: Any, task: str) -> str:
    """Return the newest workflow of a task."""
    return str(next(info.workflow_id for info in await backend.list_workflows() if info.task_id == task))


async def appears(path: Path) -> None:
    """Wait for a file."""
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
        await asyncio.sleep(0.02)


def kill_an_engine(root: Path) -> None:
    """Start a workflow, and kill its engine and everything that it started within a step."""
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(root)], start_new_session=True)
    asyncio.run(appears(root / "killed.began"))
    engine.kill()
    engine.wait()
    (root / "killed.go").touch()


def penguin(root: Path, *commands: str) -> list[Any]:
    """Return the answers of the program, as JSON."""
    words = [word for command in commands for word in ("-c", command)]
    command = [sys.executable, "-m", "penguin_repl", "--workspace", str(root), "--detach", "-o", "json", *words]
    done = subprocess.run(command, check=True, capture_output=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(root: Path) -> dict[str, Any]:
    """Return what this Penguin says of the workflows."""
    (table,) = penguin(root, "/workflow list")
    ids = [row["workflow_id"] for row in table["workflows"]]
    answers = {
        what: dict(zip(ids, penguin(root, *(f"/workflow {what} {one}" for one in ids)), strict=True))
        for what in ("history", "results")
    }
    return {"workflows": table["workflows"], **answers}


def pack(name: str, data: bytes) -> None:
    """Write a compressed file without its time, so that the same data gives the same file."""
    (HERE / name).write_bytes(gzip.compress(data, 9, mtime=0))


def main() -> None:
    """Write both files."""
    os.environ["LOGNAME"] = "ada"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_workspace(root)
        asyncio.run(run_workflows(root))
        penguin(root, "/workflow start pending")
        kill_an_engine(root)
        database = root / ".penguin" / "penguin.db"
        with WorkflowStateStore(database) as store:
            workflow_id = store.list_active_workflows()[0].workflow_id
            at = datetime(2026, 1, 2, tzinfo=UTC)
            messages = [{"role": "user", "content": "hello"}]
            store.save_context_snapshot(ContextSnapshot("snapshot-1", workflow_id, messages, at))
        answers = expected(root)
        with sqlite3.connect(database) as source, sqlite3.connect(root / "copy.db") as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("UPDATE run SET host = 'desk' WHERE host = ?", (socket.gethostname(),))
            copy.execute(
                "UPDATE event SET data = replace(data, ?, ?)", (f'"host":"{socket.gethostname()}"', '"host":"desk"')
            )
        pack("penguin.db.gz", (root / "copy.db").read_bytes())
        text = json.dumps(answers, indent=1, sort_keys=True).replace(f'"{socket.gethostname()}"', '"desk"')
        pack("expected.json.gz", text.encode())
        assert folder.encode() not in (root / "copy.db").read_bytes(), "the data names a folder of this machine"
    print({info["task_id"]: info["status"] for info in answers["workflows"]})


if __name__ == "__main__":
    main()
