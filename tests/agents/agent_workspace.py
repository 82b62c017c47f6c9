"""A workspace whose IMPLEMENT is a real agent that talks to a scripted model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.agents.model_server import ModelServer
from tests.support.git_repository import git
from tests.support.workspace import SampleWorkspace

# -B: a file that changes within the same second and keeps its size looks unchanged to a .pyc.
CHECK = "python3 -B -c 'from calc import add; assert add(2, 3) == 5'"


def agent_of(kind: str, program: Path, model: ModelServer, **settings: Any) -> dict[str, Any]:
    """Return the entry of `agents:` that connects a real agent to the scripted model."""
    path = f"{program.parent}:{os.environ['PATH']}"
    agent: dict[str, Any] = {"kind": kind, "home": f".penguin/agents/{kind}", "model": "stub-1"}
    if kind == "claude":
        env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "${MODEL_KEY}"}
    elif kind == "codex":
        provider = f'{{name="stub", base_url="{model.url}/v1", env_key="MODEL_KEY", wire_api="responses"}}'
        env = {"MODEL_KEY": "${MODEL_KEY}"}
        agent["args"] = ["-c", 'model_provider="stub"', "-c", f"model_providers.stub={provider}"]
    else:
        env = {}
    return agent | {"env": env | {"PATH": path}} | settings


class AgentWorkspace(SampleWorkspace):
    """A git repository with one task, whose description names the model's script."""

    def __init__(self, root: Path, agent: dict[str, Any], script: str, **settings: Any) -> None:
        # Agents start login shells: these must not read the files of the person who runs the tests.
        home = root.parent / f"{root.name}-home"
        home.mkdir(exist_ok=True)
        agent["env"]["HOME"] = str(home)
        criteria = settings.pop("criteria", [])
        super().__init__(root, agents={"it": agent}, **settings)
        self.tasks(
            {
                "id": "add",
                "title": "Add numbers",
                "description": f"SCRIPT:{script}",
                "acceptance_criteria": criteria,
            }
        )
        git(root, "init", "-q")
        (root / ".gitignore").write_text("__pycache__/\n")
        git(root, "add", ".")
        git(root, "commit", "-qm", "begin")

    def default_orchestration(self) -> dict[str, Any]:
        return super().default_orchestration() | {"phase_timeouts": {"implement": 120}}

    def default_phases(self) -> dict[str, Any]:
        return {"implement": {"agent": "it"}, "test": {"run": [CHECK]}, "use": "skip", "verify": "skip"}
