"""A workspace whose workflows live on a Temporal server."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.support.workspace import SampleWorkspace


class TemporalWorkspace(SampleWorkspace):
    """A workspace on a server that runs already, with a task queue of the project's own."""

    isolation = "shared"
    """Workers run attempts of several workflows at once; tests of the working tree set `in-place`."""

    def __init__(self, root: Path, address: str, project_id: str = "", **settings: Any) -> None:
        """Use the server at `address` (HOST:PORT); the default project id occurs nowhere else."""
        self.address = address
        self.project_id = project_id or f"p{uuid.uuid4().hex[:8]}"
        super().__init__(root, **settings)

    def default_orchestration(self) -> dict[str, Any]:
        temporal = {"address": self.address, "task_queue": f"q-{self.project_id}"}
        return super().default_orchestration() | {"backend": "temporal", "temporal": temporal}
