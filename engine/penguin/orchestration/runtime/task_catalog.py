"""The catalog of tasks: the settings and blueprints of a workspace, reloaded when their files change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from penguin.orchestration.backend import ConfigError
from penguin.orchestration.blueprint import BlueprintSet, load_blueprints
from penguin.orchestration.blueprint.workflow_definition import build_definition, check_runnable
from penguin.orchestration.config import Settings, load_settings
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.execution.runner_api import ISOLATION
from penguin.orchestration.files.workspace import CONFIG_FILE
from penguin.orchestration.runtime.tree_start import prepared_for_tree

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import BlueprintItem
    from penguin.orchestration.config import OrchestrationConfig

WILDCARDS = frozenset("*?[")
"""The special characters of a glob pattern."""
Stamp = tuple[tuple[str, int, int, int], ...]


class TaskCatalog:
    """The tasks and settings of a workspace at one moment."""

    def __init__(self, settings: Settings, blueprints: BlueprintSet, isolation: str | None = None) -> None:
        """Create the catalog. `isolation` overrides that of the settings."""
        self._settings = settings
        self._isolation = isolation
        self.blueprints = blueprints
        self._plain: Definition | None = None
        """Definition of a task without settings of its own. Most tasks have none, and share all but the task."""

    def find(self, task_id: str, blueprint_id: str | None = None) -> BlueprintItem:
        """Return a task by its id. Raises TaskNotFound or BlueprintError."""
        return self.blueprints.find(task_id, blueprint_id)

    def define(self, item: BlueprintItem, config: Mapping[str, Any] | None) -> Definition:
        """Return the definition of a new workflow of this task. Raises ConfigError if nothing could run it."""
        if config or item.phases or item.timeouts or item.isolation:
            return self._defined(item, config)
        if self._plain is None:
            self._plain = self._defined(item, None)
        return replace(self._plain, task=item.task)

    def describe(self, item: BlueprintItem) -> Definition:
        """Return the definition of a workflow of this task that runs nothing."""
        return build_definition(self._settings, item)

    def _defined(self, item: BlueprintItem, config: Mapping[str, Any] | None) -> Definition:
        definition = build_definition(self._settings, item, config)
        check_runnable(definition)
        if self._isolation:
            return replace(definition, isolation=self._isolation, land=None)
        return prepared_for_tree(self._settings, definition) if definition.isolation == TREE else definition


class CatalogLoader:
    """Loads the tasks of a workspace and caches them until a file changes."""

    def __init__(self, root: Path, overrides: OrchestrationConfig | None) -> None:
        self._root = root
        self._file = root / CONFIG_FILE
        self._overrides = overrides
        self._isolation = ISOLATION.get()
        self._settings: Settings | None = None
        self._settings_stamp: Stamp = ()
        self._offer: TaskCatalog | None = None
        self._offer_stamp: Stamp = ()

    def settings(self, *, required: bool = True) -> Settings:
        """Return the current settings. Raises ConfigError, also for a missing penguin.yaml if it is `required`."""
        stamp = _stamp([self._file])
        if required and not stamp:
            raise ConfigError(f"no {CONFIG_FILE} in {self._root}", "penguin init")
        if self._settings is None or stamp != self._settings_stamp:
            self._settings = load_settings(self._root, self._overrides, required=required)
            self._settings_stamp = stamp
        return self._settings

    def load(self) -> TaskCatalog:
        """Return the settings and all blueprints. Raises ConfigError."""
        settings = self.settings()
        files = [path for pattern in settings.blueprints for path in self._matching(pattern)]
        stamp = (*self._settings_stamp, *_stamp(files))
        if self._offer is None or stamp != self._offer_stamp:
            self._offer = TaskCatalog(settings, load_blueprints(self._root, settings), self._isolation)
            self._offer_stamp = stamp
        return self._offer

    def _matching(self, pattern: str) -> Iterable[Path]:
        """Return the files of a pattern. For a plain name there may be no file."""
        # Most workspaces name their files, and then a search would be the most expensive part of every start.
        return self._root.glob(pattern) if WILDCARDS.intersection(pattern) else (self._root / pattern,)


def _stamp(files: list[Path]) -> Stamp:
    """Return which files there are, and the version of each."""
    found = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)
