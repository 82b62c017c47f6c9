"""A workflow that waits for a person, and a step that runs a script of the test."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from tests.support.waiting import wait_for_workflow
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import OrchestrationBackend
from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.store.queries import WorkflowReader

PENGUIN = f"{sys.executable} -m penguin_repl"
APPROVE = "/workflow approve person --by mallory"
REFUSED = "from inside a step of the same workspace"
COPY = "mkdir other && cp penguin.yaml b.json other"
LINKED = f"{COPY} && ln -s $PWD/.penguin other/.penguin"
ALIAS = "ln -s $PWD other"
"""The workspace under another name, so that `.penguin` in it is not a link."""
REFUSED_BEFORE = ("other/.penguin is a link", "was not made by you on this machine")
"""Reasons to refuse before the check for a step; `env -i` clears the record of trust."""
PROCESS_NAMESPACE = "unshare -r --fork --pid --mount-proc"


def is_refused(output: str) -> bool:
    """Return whether the program refused, because of the step or earlier."""
    return any(reason in output for reason in (REFUSED, *REFUSED_BEFORE))


class Steps:
    """A workspace with a workflow that waits for a person, and a task whose step runs a script."""

    def __init__(self, workspace: SampleWorkspace) -> None:
        self.workspace = workspace
        self.root = workspace.root
        workspace.configure(retry={"max_attempts": 1}, max_parallel=2)
        workspace.tasks(
            {"id": "person", "phases": {"test": {"run": []}}},
            {"id": "sneak", "phases": {"implement": {"run": ["sh sneak.sh > said 2>&1"]}}},
            {"id": "held", "phases": {"implement": {"run": ["touch held; until test -e go; do sleep 0.05; done"]}}},
            "other",
        )

    async def blocked(self, backend: OrchestrationBackend) -> str:
        """The workflow that waits for a person."""
        workflow_id = await backend.start_workflow("person")
        await wait_for_workflow(backend, workflow_id, status="BLOCKED")
        return workflow_id

    async def run(self, backend: OrchestrationBackend, script: str) -> str:
        """Return the output of the script in a step."""
        (self.root / "sneak.sh").write_text(script)
        await backend.wait_workflow(await backend.start_workflow("sneak"), timeout=60)
        return self.output

    @property
    def output(self) -> str:
        return (self.root / "said").read_text()

    def look(self, workflow_id: str) -> WorkflowInfo:
        """Return a workflow as it is on disk."""
        reader = WorkflowReader(self.root / ".penguin" / "penguin.db")
        try:
            info = reader.info(workflow_id)
            assert info is not None
            return info
        finally:
            reader.close()

    def penguin(self, line: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the program as a person does."""
        command = [sys.executable, "-m", "penguin_repl", *options, "-c", line]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=60, check=False)


def skip_unless_permitted(enter: str) -> None:
    """Skip the test if the kernel does not allow this user such a namespace."""
    tried = subprocess.run([*shlex.split(enter), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"{enter} is not permitted: {tried.stderr.strip()}")
