"""A workspace whose workflows live on a Temporal server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.workspace import Space


class TemporalSpace(Space):
    """As Space, with the settings of a server that runs already."""

    def __init__(self, root: Path, address: str, project_id: str) -> None:
        self.address = address
        self.project_id = project_id
        super().__init__(root)

    def defaults(self) -> dict[str, Any]:
        temporal = {"address": self.address, "task_queue": f"q-{self.project_id}"}
        return super().defaults() | {"backend": "temporal", "temporal": temporal}
