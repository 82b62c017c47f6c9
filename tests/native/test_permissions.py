"""The permissions of stored files, and the secrets that must not be in them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.support.workspace import SampleWorkspace

VALUE = "correct horse battery staple"
PROGRAM = """
    import asyncio, os, sys
    from penguin.orchestration import get_backend
    from penguin.orchestration.backend import WorkflowStatus
    from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore

    async def main():
        os.umask(int(sys.argv[2], 8))
        async with get_backend(workspace_path=sys.argv[1]) as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, timeout=60, status=WorkflowStatus.BLOCKED)
            print(info.status, info.error_message)
            # While the write-ahead log is there.
            for folder, _, files in os.walk(sys.argv[1] + "/.penguin"):
                for name in (".", *files):
                    path = os.path.join(folder, name)
                    print(oct(os.lstat(path).st_mode & 0o777), os.path.normpath(path))

    asyncio.run(main())
"""


def run(workspace: SampleWorkspace, mask: int, **environment: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(workspace.root), oct(mask)]
    ended = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return ended.stdout


def failing(*commands: str) -> dict[str, Any]:
    return {"id": "a", "phases": {"implement": {"run": ["true"]}, "test": {"run": list(commands)}}}


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_all_files_are_private(workspace: SampleWorkspace, mask: int) -> None:
    subprocess.run(["git", "init", "-q", str(workspace.root)], check=True)
    workspace.configure(retry={"max_attempts": 1})
    workspace.tasks(failing("echo out; touch made; umask > mask", "exit 1"))
    (workspace.root / ".penguin").mkdir(mode=0o755)
    output = run(workspace, mask)
    modes = {path: mode for mode, path in (line.split(" ", 1) for line in output.splitlines()[1:])}
    shown = {os.path.relpath(path, workspace.root / ".penguin"): mode for path, mode in modes.items()}
    assert {"penguin.db", "penguin.db-wal", "penguin.db-shm", "engines", "runs", ".gitignore"} <= shown.keys()
    assert any(path.endswith(".log") for path in shown)
    # git's files have their own modes; the private folder protects them.
    ours = {path: mode for path, mode in shown.items() if not path.endswith(".index")}
    assert {path: mode for path, mode in ours.items() if mode not in ("0o600", "0o700")} == {}
    assert shown["."] == "0o700"
    # Steps have the user's umask.
    assert int((workspace.root / "mask").read_text(), 8) == mask
    assert stat.S_IMODE((workspace.root / "made").stat().st_mode) == 0o666 & ~mask


def test_an_existing_database_becomes_private(workspace: SampleWorkspace) -> None:
    workspace.tasks(failing("false"))
    workspace.configure(retry={"max_attempts": 1})
    run(workspace, 0o077)
    database = workspace.root / ".penguin" / "penguin.db"
    database.chmod(0o644)
    workspace.tasks({**failing("false"), "title": "Again"}, "b")
    subprocess.run(
        [sys.executable, "-m", "penguin_repl", "-c", "/workflow start b"],
        cwd=workspace.root,
        check=True,
        capture_output=True,
    )
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_no_stored_data_of_a_workflow_contains_a_secret(workspace: SampleWorkspace) -> None:
    workspace.configure(retry={"max_attempts": 2})
    workspace.tasks({**failing('echo "so: $MY_PASSWORD" >&2; exit 1')})
    output = run(workspace, 0o022, MY_PASSWORD=VALUE)
    assert "exit 1: so: [redacted MY_PASSWORD]" in output
    files = [path for path in (workspace.root / ".penguin").rglob("*") if path.is_file()]
    assert [path for path in files if VALUE.encode() in path.read_bytes()] == []
    assert any(b"[redacted MY_PASSWORD]" in path.read_bytes() for path in files if path.suffix == ".log")


def test_denied_variables_are_not_set(workspace: SampleWorkspace) -> None:
    config = Path(workspace.root / "penguin.yaml")
    workspace.configure(retry={"max_attempts": 1})
    config.write_text('{"env": {"deny": ["MY_*"]}, ' + config.read_text()[1:])
    workspace.tasks(failing("echo ${MY_PASSWORD-none}-$OTHER; exit 1"))
    assert "exit 1: none-there" in run(workspace, 0o022, MY_PASSWORD=VALUE, OTHER="there")
