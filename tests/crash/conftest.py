"""Workspaces to kill processes in, and a last look for what was left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.crash_workspace import Yard, wait_for

from penguin.orchestration.execution.launcher.tree import children


@pytest.fixture(scope="module")
def yards() -> Iterator[list[Yard]]:
    """Every workspace of the module. At its end no launcher of any may be left: they end when they are idle."""
    used: list[Yard] = []
    yield used
    wait_for(
        lambda: not [pid for yard in used for pid in yard.launchers()],
        "the end of the launchers",
        lambda: [(yard.root, pid, yard.steps(), children(pid)) for yard in used for pid in yard.launchers()],
    )


@pytest.fixture
def yard(tmp_path: Path, yards: list[Yard]) -> Yard:
    """A workspace with the task `a`, whose four gates count their runs."""
    yard = Yard(tmp_path)
    yard.tasks({"id": "a"})
    yards.append(yard)
    return yard
