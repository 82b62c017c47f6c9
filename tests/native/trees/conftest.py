"""Fixtures of workflows in trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.native.trees.tree_workspace import TreeWorkspace


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TreeWorkspace:
    """A workspace, with its trees in a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "shop"
    root.mkdir()
    return TreeWorkspace(root)
