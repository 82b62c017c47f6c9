"""Workspaces for crash tests, and a check for remaining processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.crash_workspace import CrashWorkspace
from tests.support.waiting import wait_until

from penguin.orchestration.execution.launcher.process_tree import children


@pytest.fixture(scope="module")
def workspaces() -> Iterator[list[CrashWorkspace]]:
    """Every workspace of the module. At its end no launcher of any may be left: they end when they are idle."""
    used: list[CrashWorkspace] = []
    yield used
    wait_until(
        lambda: not [pid for workspace in used for pid in workspace.launchers()],
        "the end of the launchers",
        details=lambda: [
            (workspace.root, pid, workspace.steps(), children(pid))
            for workspace in used
            for pid in workspace.launchers()
        ],
    )


@pytest.fixture
def workspace(tmp_path: Path, workspaces: list[CrashWorkspace]) -> CrashWorkspace:
    """A workspace with the task `a`, whose four gates count their runs."""
    workspace = CrashWorkspace(tmp_path)
    workspace.tasks({"id": "a"})
    workspaces.append(workspace)
    return workspace
