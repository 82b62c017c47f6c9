"""Fixtures of the tests of attempts."""

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
    # Launchers end by themselves only after two seconds.
    kill(*workspace.launchers())


@pytest.fixture
def port() -> int:
    """Return an unused port."""
    return free_port()
