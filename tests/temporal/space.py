"""A workspace whose workflows live on a Temporal server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.native.space import Space


class TemporalSpace(Space):
    """As Space, with the settings of a server that runs already."""

    def __init__(self, root: Path, address: str, project_id: str) -> None:
        self.address = address
        self.project_id = project_id
        super().__init__(root)

    def configure(self, **orchestration: Any) -> None:
        settings = {
            "backend": "temporal",
            "retry": {"initial_delay_sec": 0},
            "temporal": {"address": self.address, "task_queue": f"q-{self.project_id}"},
            **orchestration,
        }
        gates = {phase: {"run": ["true"]} for phase in ("implement", "test", "use", "verify")}
        config = {
            "project": {"id": self.project_id},
            "blueprints": ["b.json"],
            "phases": gates,
            "orchestration": settings,
        }
        (self.root / "penguin.yaml").write_text(json.dumps(config))
