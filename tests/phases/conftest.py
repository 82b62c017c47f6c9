"""A workspace of its own for each test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.phases.house import House, kill


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    # They would end by themselves, two seconds later.
    for launcher in house.launchers():
        with contextlib.suppress(ProcessLookupError):
            kill(launcher)
