"""A real Temporal server for the tests of that backend: one for each process that runs tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.temporal_server import Serving
from tests.support.temporal_workspace import TemporalSpace


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a development server that all tests share."""
    for serving in _serving(tmp_path_factory.mktemp("temporal")):
        yield serving.address


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A development server of the test's own."""
    yield from _serving(tmp_path_factory.mktemp("temporal"))


def _serving(folder: Path) -> Iterator[Serving]:
    serving = Serving(folder)
    try:
        serving.start()
        yield serving
    finally:
        serving.kill()


@pytest.fixture
def temporal_space(tmp_path: Path, server: str) -> TemporalSpace:
    """A workspace on that server, with a project and a task queue that no other test has."""
    space = TemporalSpace(tmp_path, server, f"p{uuid.uuid4().hex[:8]}")
    space.tasks("a", "b", "c", "d")
    return space
