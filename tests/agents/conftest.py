"""The real agents, and the model that they talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agents.model_server import ModelServer

PROGRAMS = Path(__file__).parents[2] / ".agents" / "node_modules" / ".bin"
"""The folder of `make agents`."""


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """Provide a scripted model for one test."""
    with ModelServer() as server:
        yield server


def program(name: str) -> Path:
    """Return a real agent, or skip the test if it is not installed."""
    found = PROGRAMS / name
    if not found.exists():
        pytest.skip(f"{name} is not installed: make agents")
    return found


@pytest.fixture
def claude() -> Path:
    """The real claude-code."""
    return program("claude")


@pytest.fixture
def codex() -> Path:
    """The real codex."""
    return program("codex")


@pytest.fixture
def opencode() -> Path:
    """The real opencode."""
    return program("opencode")
