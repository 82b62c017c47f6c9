"""The adapters by the kind of agent that settings name; each is imported where it is used."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from penguin.orchestration.agents.adapter import Adapter
from penguin.orchestration.backend import WorkflowError

_ADAPTERS = {
    "claude": ("claude", "Claude"),
    "codex": ("codex", "Codex"),
    "opencode": ("opencode", "OpenCode"),
    "command": ("command", "CommandAgent"),
}


class UnknownAgent(WorkflowError):
    """No adapter knows this kind of agent."""

    code = "unknown_agent"


def adapter_of(kind: str) -> Adapter:
    """The adapter of a kind. Raises UnknownAgent."""
    if kind not in _ADAPTERS:
        raise UnknownAgent(f"no kind of agent is called {kind!r}", f"one of {', '.join(_ADAPTERS)}")
    module, name = _ADAPTERS[kind]
    return cast(Adapter, getattr(import_module(f"penguin.orchestration.agents.{module}"), name)())
