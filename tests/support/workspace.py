"""A workspace with tasks, and conditions to wait for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penguin.orchestration import OrchestrationBackend, OrchestrationConfig, get_backend
from penguin.orchestration.backend import WorkflowInfo

PATIENCE = 20.0
"""Seconds after which a condition that does not come true fails the test."""


class Space:
    """A workspace whose tasks are given as data."""

    project_id = "p"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.configure()

    def defaults(self) -> dict[str, Any]:
        """The options of `orchestration` that hold unless said otherwise."""
        return {"retry": {"initial_delay_sec": 0}}

    def configure(self, **orchestration: Any) -> None:
        config = {
            "project": {"id": self.project_id},
            "blueprints": ["b.json"],
            "phases": {phase: {"run": ["true"]} for phase in ("implement", "test", "use", "verify")},
            "orchestration": self.defaults() | orchestration,
        }
        (self.root / "penguin.yaml").write_text(json.dumps(config))

    def tasks(self, *items: str | dict[str, Any]) -> None:
        """Write the blueprint; a bare string is a task with nothing but an id."""
        full = [
            {"id": item, "title": item} if isinstance(item, str) else {"title": item["id"], **item} for item in items
        ]
        (self.root / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": full}))

    def backend(self, **config: Any) -> OrchestrationBackend:
        return get_backend(OrchestrationConfig(**config), self.root)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition to come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.005)


async def reached(backend: OrchestrationBackend, workflow_id: str, **wanted: str) -> WorkflowInfo:
    """Wait until the workflow's fields have these values, and return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        info = await backend.get_workflow_status(workflow_id)
        assert info is not None
        if all(getattr(info, name) == value for name, value in wanted.items()):
            return info
        assert time.monotonic() < deadline, f"{info} never had {wanted}"
        await asyncio.sleep(0.005)
