"""A workspace of its own for each test, and a port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.execution.attempt_workspace import House, kill


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    # They would end by themselves, two seconds later.
    for launcher in house.launchers():
        with contextlib.suppress(ProcessLookupError):
            kill(launcher)


@pytest.fixture
def port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
