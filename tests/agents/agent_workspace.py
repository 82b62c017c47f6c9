"""A workspace whose IMPLEMENT is done by a real agent, which talks to a scripted model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.agents.model_server import ModelServer
from tests.support.git_repository import git

# -B: a file that is mended within the second, by as many bytes, is the same to whom a .pyc was left.
CHECK = "python3 -B -c 'from calc import add; assert add(2, 3) == 5'"


def agent_of(kind: str, program: Path, model: ModelServer, **settings: Any) -> dict[str, Any]:
    """The entry of `agents:` that makes a real agent talk to the scripted model."""
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


class AgentHouse:
    """The workspace: a git repository with one task, whose description names the model's script."""

    def __init__(self, root: Path, agent: dict[str, Any], script: str, **settings: Any) -> None:
        self.root = root
        # Agents start login shells: what a person has set up for those is none of a test's business.
        home = root.parent / f"{root.name}-home"
        home.mkdir(exist_ok=True)
        agent["env"]["HOME"] = str(home)
        git(root, "init", "-q")
        (root / ".gitignore").write_text("__pycache__/\n")
        item = {"id": "add", "title": "Add numbers", "description": f"SCRIPT:{script}"}
        items = [item | {"acceptance_criteria": settings.pop("criteria", [])}]
        (root / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": items}))
        config = {
            "project": {"id": "p"},
            "blueprints": ["b.json"],
            "agents": {"it": agent},
            "phases": {"implement": {"agent": "it"}, "test": {"run": [CHECK]}, "use": "skip", "verify": "skip"},
            "orchestration": {"retry": {"initial_delay_sec": 0}, "phase_timeouts": {"implement": 120}},
            **settings,
        }
        (root / "penguin.yaml").write_text(json.dumps(config))
        git(root, "add", ".")
        git(root, "commit", "-qm", "begin")
