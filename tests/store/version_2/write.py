"""Writes the database of schema version 2, and what the Penguin that wrote it says of its workflows.

Run it with the Python of a clone of commit fe613bd, which has that version:

    git clone . /tmp/old && cd /tmp/old && git checkout fe613bd && make .venv/.installed
    /tmp/old/.venv/bin/python tests/store/version_2/write.py

It runs real workflows to one status each, and writes two files beside itself: `penguin.db.gz`, and `expected.json.gz`
with the answers of `/workflow list`, `history` and `results` as JSON.
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
from pathlib import Path
from typing import Any

from penguin.orchestration import get_backend
from penguin.orchestration.backend import OrchestrationBackend, Verdict
from penguin.orchestration.testing import AttemptResult, scripted_phases

HERE = Path(__file__).parent
HOST = socket.gethostname()
TASKS: dict[str, dict[str, Any]] = {
    "completed": {"phases": {"use": {"skip": True}}},
    "blocked": {"phases": {"use": {"run": []}}},
    "impossible": {},
    "cancelled": {"depends_on": ["blocked"]},
    "retrying": {"phases": {"test": {"run": ["test -e fixed"]}}},
    "pending": {"depends_on": ["blocked"], "priority": "high", "phases": {"use": {"skip": True}}},
}


def write_workspace(root: Path) -> None:
    """Write penguin.yaml and the blueprint."""
    items = [{"id": name, "title": name, **task} for name, task in TASKS.items()]
    for item in items:
        gates = {gate: {"run": ["true"]} for gate in ("implement", "test", "use", "verify")}
        item["phases"] = gates | item.get("phases", {})
    retry = {"max_attempts": 3, "initial_delay_sec": 60}
    config = {"project": {"id": "p"}, "blueprints": ["b.json"], "orchestration": {"retry": retry}}
    (root / "penguin.yaml").write_text(json.dumps(config))
    (root / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": items}))


async def run_workflows(root: Path) -> None:
    """Bring one workflow to each status."""
    async with get_backend(workspace_path=root) as backend:
        for task in ("completed", "blocked"):
            await backend.wait_workflow(await backend.start_workflow(task), 30)
        await backend.cancel_workflow(await backend.start_workflow("cancelled"))
        await backend.start_workflow("pending")
    result = AttemptResult(verdict=Verdict.ERROR, reason="no such agent", impossible=True)
    with scripted_phases({"IMPLEMENT": [result]}):
        async with get_backend(workspace_path=root) as backend:
            await backend.wait_workflow(await backend.start_workflow("impossible"), 30)
    async with get_backend(workspace_path=root) as backend:
        await waits_for_retry(backend, await backend.start_workflow("retrying"))


async def waits_for_retry(backend: OrchestrationBackend, workflow_id: str) -> None:
    """Wait until a workflow waits for its next attempt."""
    async with asyncio.timeout(30):
        while not any(one.workflow_id == workflow_id and one.error_message for one in await backend.list_workflows()):
            await asyncio.sleep(0.02)


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
        answers = expected(root)
        with sqlite3.connect(root / ".penguin" / "penguin.db") as source, sqlite3.connect(root / "copy.db") as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("UPDATE run SET host = 'desk' WHERE host = ?", (HOST,))
            copy.execute("UPDATE event SET data = replace(data, ?, ?)", (f'"host":"{HOST}"', '"host":"desk"'))
        pack("penguin.db.gz", (root / "copy.db").read_bytes())
        text = json.dumps(answers, indent=1, sort_keys=True).replace(f'"{HOST}"', '"desk"')
        pack("expected.json.gz", text.encode())
        assert folder.encode() not in (root / "copy.db").read_bytes(), "the data names a folder of this machine"
    print({info["task_id"]: (info["status"], info["phase"]) for info in answers["workflows"]})


if __name__ == "__main__":
    main()
