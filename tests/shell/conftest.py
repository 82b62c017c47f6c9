"""Fixtures of the tests of the shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.workspace import HeldWorkspace, SampleWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> SampleWorkspace:
    workspace = SampleWorkspace(tmp_path)
    workspace.tasks({"id": "auth", "title": "Log in"}, {"id": "mail", "title": "Send mail"}, "search")
    return workspace


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldWorkspace]:
    """A workspace with one task, which waits in TEST."""
    held = HeldWorkspace(tmp_path)
    yield held
    # End the running step.
    held.go.touch()


@pytest.fixture
def three(tmp_path: Path) -> SampleWorkspace:
    """Three tasks whose TEST waits for a file."""
    workspace = SampleWorkspace(tmp_path)
    workspace.configure(max_parallel=3)
    workspace.tasks("auth", "mail", "search")
    held = "echo waiting for go; while [ ! -e go ]; do sleep 0.05; done"
    path = tmp_path / "penguin.yaml"
    path.write_text(path.read_text().replace('"test": {"run": ["true"]}', f'"test": {{"run": ["{held}"]}}'))
    return workspace
