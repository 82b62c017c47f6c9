"""Fixtures of the tests of the shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.workspace import Space


@pytest.fixture
def space(tmp_path: Path) -> Space:
    space = Space(tmp_path)
    space.tasks({"id": "auth", "title": "Log in"}, {"id": "mail", "title": "Send mail"}, "search")
    return space
