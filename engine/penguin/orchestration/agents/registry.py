"""The adapters by the kind of agent that settings name; each is imported where it is used."""

from __future__ import annotations

from pathlib import Path

from penguin.orchestration.agents.adapter import Adapter
from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.definition import AgentSpec

KINDS = ("claude", "codex", "opencode", "command")


class UnknownAgent(WorkflowError):
    """No adapter knows this kind of agent."""

    code = "unknown_agent"


def adapter_of(spec: AgentSpec, workspace: Path) -> Adapter:
    """The adapter of an agent. Raises UnknownAgent."""
    match spec.kind:
        case "claude":
            from penguin.orchestration.agents.claude import Claude

            return Claude()
        case "codex":
            from penguin.orchestration.agents.codex import Codex

            return Codex()
        case "opencode":
            from penguin.orchestration.agents.opencode import OpenCode

            return OpenCode()
        case "command" if spec.command:
            from penguin.orchestration.agents.command import CommandAgent

            return CommandAgent(spec, workspace)
        case "command":
            raise UnknownAgent(f"agents.{spec.name} has no command", f"agents: {{{spec.name}: {{command: [PROGRAM]}}}}")
    raise UnknownAgent(f"agents.{spec.name}: no kind of agent is called {spec.kind!r}", f"one of {', '.join(KINDS)}")
