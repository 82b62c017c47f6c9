"""A repository with a tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.worktree.trees.tree_maker import TreeMaker, make_tree


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    return tmp_path / "trees"


@pytest.fixture
def tree(repository: Path, trees: Path) -> TreeMaker:
    return make_tree(repository, trees)
