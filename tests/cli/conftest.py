"""Fixtures of the tests of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import CONFIG, TASKS, Program


@pytest.fixture
def empty(tmp_path: Path) -> Program:
    """In a folder without penguin.yaml."""
    return Program(tmp_path)


@pytest.fixture
def penguin(tmp_path: Path) -> Iterator[Program]:
    """In a workspace with a few tasks."""
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "tasks.md").write_text(TASKS)
    yield Program(tmp_path)
    # Steps left to the next engine wait for this file; it ends them after the test.
    (tmp_path / "go").touch()
