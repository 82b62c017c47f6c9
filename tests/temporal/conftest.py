"""A real Temporal server for the tests of that backend: one for each process that runs tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.temporal_server import TemporalServer, temporal_server
from tests.support.temporal_workspace import TemporalWorkspace


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a development server that all tests share."""
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server.address


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A development server of the test's own."""
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture
def temporal_workspace(tmp_path: Path, server: str) -> TemporalWorkspace:
    """A workspace on that server, with a project and a task queue that no other test has."""
    workspace = TemporalWorkspace(tmp_path, server)
    workspace.tasks("a", "b", "c", "d")
    return workspace
