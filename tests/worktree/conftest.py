"""A repository, and a workflow in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.git_repository import make_repository
from tests.worktree.git_clones import Clone, make_clones
from tests.worktree.workflow_tree import Workflow


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository")


@pytest.fixture
def workflow(repository: Path, tmp_path: Path) -> Workflow:
    return Workflow(repository, tmp_path / "runs" / "ituv-a-000001")


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Clone, Clone, Path]:
    return make_clones(tmp_path)


@pytest.fixture
def one(clones: tuple[Clone, Clone, Path]) -> Clone:
    return clones[0]


@pytest.fixture
def two(clones: tuple[Clone, Clone, Path]) -> Clone:
    return clones[1]


@pytest.fixture
def bare(clones: tuple[Clone, Clone, Path]) -> Path:
    return clones[2]
