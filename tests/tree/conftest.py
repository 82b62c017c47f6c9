"""A repository, and a workflow in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tree.repositories import Workflow, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository")


@pytest.fixture
def workflow(repository: Path, tmp_path: Path) -> Workflow:
    return Workflow(repository, tmp_path / "runs" / "ituv-a-000001")
