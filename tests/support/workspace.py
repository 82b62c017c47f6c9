"""Workspaces with tasks, given as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.processes import launchers

from penguin.orchestration import OrchestrationBackend, OrchestrationConfig, get_backend
from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.files.engine_lock import live_engines
from penguin.orchestration.store.queries import WorkflowReader

GATES = ("implement", "test", "use", "verify")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file; none if there is no such file."""
    return path.read_text().splitlines() if path.exists() else []


class WorkspaceFolder:
    """The folder of a workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engines = root / ".penguin" / "engines"

    def write(self, path: str, text: str) -> Path:
        """Write a file, with the folders above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return (self.root / path).read_text()

    def count(self, path: str) -> int:
        """Return the number of lines in a file to which every run of a step adds one."""
        return len(read_lines(self.root / path))

    def launchers(self) -> list[int]:
        """Return the process ids of the launchers of this workspace."""
        return launchers(self.engines)


class SampleWorkspace(WorkspaceFolder):
    """A workspace whose settings and tasks are given as data."""

    project_id = "p"
    isolation = "in-place"

    def __init__(self, root: Path, **settings: Any) -> None:
        """Write penguin.yaml; `settings` are its top-level keys that differ from the defaults below."""
        super().__init__(root)
        self._settings = settings
        self.configure()

    def default_orchestration(self) -> dict[str, Any]:
        """Return the keys of `orchestration` that hold if `configure` does not change them."""
        return {"retry": {"initial_delay_sec": 0}}

    def default_phases(self) -> dict[str, Any]:
        """Return the value of `phases`."""
        return {gate: {"run": ["true"]} for gate in GATES}

    def configure(self, **orchestration: Any) -> None:
        """Write penguin.yaml with these keys of `orchestration`; with a `max_parallel` over 1 the tree is shared."""
        config = {
            "isolation": "shared" if orchestration.get("max_parallel", 1) > 1 else self.isolation,
            "project": {"id": self.project_id},
            "blueprints": ["b.json"],
            "phases": self.default_phases(),
            "orchestration": self.default_orchestration() | orchestration,
        }
        (self.root / "penguin.yaml").write_text(json.dumps(config | self._settings))

    def replace_settings(self, **settings: Any) -> None:
        """Write penguin.yaml with other top-level keys than the constructor got."""
        self._settings = settings
        self.configure()

    def tasks(self, *items: str | dict[str, Any]) -> None:
        """Write the blueprint; a string is a task with nothing but an id."""
        full = [
            {"id": item, "title": item} if isinstance(item, str) else {"title": item["id"], **item} for item in items
        ]
        (self.root / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": full}))

    def backend(self, **config: Any) -> OrchestrationBackend:
        """Open a backend on this workspace."""
        return get_backend(OrchestrationConfig(**config), self.root)


class HeldWorkspace(SampleWorkspace):
    """A workspace with one task: its TEST creates the file `began`, then waits for the file `go`."""

    def __init__(self, root: Path) -> None:
        self.began = root / "began"
        self.go = root / "go"
        super().__init__(root)
        self.tasks({"id": "auth", "title": "Log in"})

    def default_phases(self) -> dict[str, Any]:
        script = "echo began >> began; while [ ! -e go ]; do sleep 0.02; done"
        return super().default_phases() | {"test": {"run": [script]}}

    def newest(self) -> WorkflowInfo | None:
        """Return the newest workflow."""
        reader = WorkflowReader(self.root / ".penguin" / "penguin.db")
        try:
            return next(iter(reader.list(limit=1)), None)
        finally:
            reader.close()

    def living_engines(self) -> set[str]:
        """Return the ids of the engines that are alive."""
        return live_engines(self.engines)
