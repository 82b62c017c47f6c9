"""A workspace of its own for each test, and a port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.execution.attempt_workspace import AttemptWorkspace
from tests.support.network import free_port
from tests.support.processes import kill


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[AttemptWorkspace]:
    workspace = AttemptWorkspace(tmp_path)
    yield workspace
    # They end by themselves only after two seconds.
    kill(*workspace.launchers())


@pytest.fixture
def port() -> int:
    """A port that nothing listens at."""
    return free_port()
