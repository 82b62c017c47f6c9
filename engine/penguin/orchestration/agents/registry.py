"""The registry of coding agents.

To add an agent, write its adapter and one function here. Settings, messages and steps look it up in this table. The
adapter is imported when a step of the agent starts, not when the settings are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
    from penguin.orchestration.agents.adapter import Adapter
    from penguin.orchestration.core.definition import AgentSpec

    Factory = Callable[[], Adapter]

COMMAND = "command"
"""The kind of a custom agent, whose settings give its command line."""
AGENTS: dict[str, Factory] = {}
"""Factories of adapters, by the name used in settings."""


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


def installed_agents() -> list[str]:
    """Return the names of the agents whose program is installed, in the order of this table."""
    import shutil

    return [name for name in AGENTS if shutil.which(name)]


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
        kinds = ", ".join((*AGENTS, COMMAND))
        raise UnknownAgent(f"agents.{spec.name}: unknown kind of agent {spec.kind!r}", f"use one of {kinds}")
    if not spec.command:
        raise UnknownAgent(f"agents.{spec.name} has no command", f"agents: {{{spec.name}: {{command: [PROGRAM]}}}}")
    from penguin.orchestration.agents.custom_agent import CommandAgent

    return CommandAgent(spec, workspace)


def activity_reader(kind: str, context: RunContext) -> ActivityReader:
    """Return a new reader for the output of an agent of this kind; of an unknown kind, as of a custom agent."""
    if kind in AGENTS:
        return AGENTS[kind]().activity_reader(context)
    from penguin.orchestration.agents.activity.custom_reader import CustomReader

    return CustomReader(context)
