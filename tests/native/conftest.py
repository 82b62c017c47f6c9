"""Fixtures of the tests of the embedded backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.workspace import Space


@pytest.fixture
def space(tmp_path: Path) -> Space:
    space = Space(tmp_path)
    space.tasks("a", "b", "c", "d")
    return space
