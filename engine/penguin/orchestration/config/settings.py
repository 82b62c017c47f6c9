"""The effective settings of a workspace: each value with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.config.orchestration_keys import PHASES, nest
from penguin.orchestration.config.phases import Phases

if TYPE_CHECKING:
    from penguin.orchestration.config.program_config import TemporalConfig


class Setting(NamedTuple):
    """An effective value, and its origin."""

    key: str
    value: Any
    source: str
    """`default`, `penguin.yaml:12`, `$TEMPORAL_ADDRESS` or `option`."""


class Settings:
    """The effective settings of a workspace."""

    def __init__(self, root: Path, settings: Mapping[str, Setting], phases: Phases, agents: dict[str, Any]) -> None:
        self.root = root
        self._settings = settings
        self.phases = phases
        """Plain checked data; `build_gates` of blueprint/workflow_definition.py turns them into Gate objects."""
        self.agents = agents

    def explain(self) -> list[Setting]:
        """Return every effective value with its origin."""
        return list(self._settings.values())

    def _value(self, key: str) -> Any:
        return self._settings[key].value

    @property
    def project_id(self) -> str:
        return str(self._value("project.id"))

    @property
    def project_name(self) -> str:
        return str(self._value("project.name"))

    @property
    def blueprints(self) -> tuple[str, ...]:
        """Glob patterns, relative to the workspace."""
        return tuple(self._value("blueprints"))

    @property
    def env_deny(self) -> tuple[str, ...]:
        """Names or name patterns of variables that steps do not get."""
        return tuple(self._value("env.deny"))

    @property
    def redact(self) -> tuple[str, ...]:
        """Names or name patterns of variables whose values are not stored, besides those that look secret."""
        return tuple(self._value("redact"))

    @property
    def checkpoint_exclude(self) -> tuple[str, ...]:
        """Patterns of untracked files that checkpoints of the tree leave out."""
        return tuple(self._value("checkpoint.exclude"))

    @property
    def isolation(self) -> str:
        """A value of ISOLATIONS: which other workflows may use the working tree at the same time."""
        return str(self._value("isolation"))

    @property
    def tree(self) -> dict[str, Any]:
        """The fields of TreeSettings."""
        return dict(self._value("tree"))

    @property
    def land(self) -> dict[str, Any] | None:
        """The fields of LandSettings, with the branch as it is configured; None: landing is off."""
        value = self._value("land")
        return None if value is None else dict(value)

    @property
    def storage_url(self) -> str | None:
        """Where outputs and evidence of attempts are copied to: a folder, or a URL that fsspec knows."""
        value = self._value("storage.url")
        return None if value is None else str(value)

    @property
    def workspace_remote(self) -> str | None:
        """The git remote that shares the working trees of several machines."""
        value = self._value("workspace.remote")
        return None if value is None else str(value)

    @property
    def push_to_upstream(self) -> bool:
        """Whether that remote may be the upstream of the current branch."""
        return bool(self._value("workspace.push_to_upstream"))

    @property
    def budgets(self) -> dict[str, dict[str, float]]:
        """What coding agents may spend, by scope (attempt, workflow, task) and unit."""
        return dict(self._value("budget"))

    @property
    def backend(self) -> str:
        return str(self._value("orchestration.backend"))

    @property
    def max_parallel(self) -> int:
        return int(self._value("orchestration.max_parallel"))

    @property
    def max_output(self) -> int:
        """Bytes of a step's output that are kept."""
        return int(self._value("orchestration.max_output"))

    @property
    def phase_timeouts(self) -> dict[str, float]:
        """Seconds by lower-case phase."""
        return {phase: self._value(f"orchestration.phase_timeouts.{phase}") for phase in PHASES}

    @property
    def retry(self) -> dict[str, Any]:
        """The fields of RetryPolicy."""
        return self._section("retry")

    @property
    def temporal(self) -> TemporalConfig:
        from penguin.orchestration.config.program_config import TemporalConfig, TlsConfig

        section = self._section("temporal")
        return TemporalConfig(**{**section, "tls": TlsConfig(**section["tls"])})

    def origin(self, key: str) -> str:
        """Return the origin of the value of a dotted key."""
        return self._settings[key].source

    def _section(self, name: str) -> dict[str, Any]:
        prefix = f"orchestration.{name}."
        return nest({key[len(prefix) :]: it.value for key, it in self._settings.items() if key.startswith(prefix)})
