"""The registry of coding agents: the agents that Penguin knows by name, and how to get the adapter of each.

To add an agent, write its adapter and one function here. Settings, messages and steps look it up in this table. The
adapter is imported when a step of the agent starts, so that reading the settings imports none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from penguin.orchestration.agents.adapter import Adapter
    from penguin.orchestration.core.definition import AgentSpec

    Factory = Callable[[], Adapter]

COMMAND = "command"
"""The kind of an agent that is any other program; its settings say how it starts."""
AGENTS: dict[str, Factory] = {}
"""By name, as settings write it."""


class UnknownAgent(WorkflowError):
    """No adapter is registered for this kind of agent."""

    code = "unknown_agent"


def agent(name: str) -> Callable[[Factory], Factory]:
    """Register the decorated function, which imports and returns the adapter of an agent."""

    def register(factory: Factory) -> Factory:
        AGENTS[name] = factory
        return factory

    return register


@agent("claude")
def _claude() -> Adapter:
    from penguin.orchestration.agents.claude import Claude

    return Claude()


@agent("codex")
def _codex() -> Adapter:
    from penguin.orchestration.agents.codex import Codex

    return Codex()


@agent("opencode")
def _opencode() -> Adapter:
    from penguin.orchestration.agents.opencode import OpenCode

    return OpenCode()


def adapter_of(spec: AgentSpec, workspace: Path) -> Adapter:
    """Return the adapter of an agent.

    Args:
        spec: The agent, as the definition of the workflow carries it.
        workspace: The folder from which the paths of its settings start.

    Raises:
        UnknownAgent: No adapter is registered for its kind, or it is a command without a command line.
    """
    if spec.kind in AGENTS:
        return AGENTS[spec.kind]()
    if spec.kind != COMMAND:
        known = ", ".join((*AGENTS, COMMAND))
        raise UnknownAgent(f"agents.{spec.name}: no kind of agent is called {spec.kind!r}", f"one of {known}")
    if not spec.command:
        raise UnknownAgent(f"agents.{spec.name} has no command", f"agents: {{{spec.name}: {{command: [PROGRAM]}}}}")
    from penguin.orchestration.agents.command import CommandAgent

    return CommandAgent(spec, workspace)
