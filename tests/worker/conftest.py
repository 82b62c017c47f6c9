"""Fixtures of the tests of the worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.workspace import SampleWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> SampleWorkspace:
    workspace = SampleWorkspace(tmp_path)
    workspace.tasks("a", "b", "c", "d")
    return workspace
