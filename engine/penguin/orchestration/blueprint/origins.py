"""The fields of a task with their origins: the line of a file, its blueprint, the configuration, or the default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.blueprint.loader import read_document
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.config.document_checker import Node
from penguin.orchestration.config.orchestration_keys import PHASES

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.config.settings import Settings

DEFAULT = "default"
_NUMBERS = ("effort", "value", "risk")
_AGENT = ("agent_role", "required_tools", "skills")
_ALIASES = {"dependencies": ("depends_on", "dependencies", "dependency_specs"), "recipes": ("recipe", "recipes")}


class Field(NamedTuple):
    """A field of a task."""

    name: str
    """As a YAML blueprint spells it."""
    value: str
    origin: str
    """`FILE:LINE`, `default`, or another place."""


def task_fields(item: BlueprintItem, blueprint: Blueprint, settings: Settings, file: Path) -> list[Field]:
    """Return all fields of a task, in the order of the documentation. `file` is that of its blueprint."""
    document = read_document(file, blueprint.path)
    return list(_Origins(item, blueprint, settings, document).fields())


class _Origins:
    """The nodes that a task was read from."""

    def __init__(self, item: BlueprintItem, blueprint: Blueprint, settings: Settings, document: Node | None) -> None:
        self.item = item
        self.task = item.task
        self.path = blueprint.path
        self.settings = settings
        self.shared = _entries(document)
        self.own = _task_entries(self.shared, item)

    def fields(self) -> Iterator[Field]:
        task, line = self.task, self._at(self.task.line)
        yield Field("id", task.id, "the title" if self.item.made_id else self._of("id", line))
        yield Field("title", task.title, self._of("title", line if self.item.validates else "the id"))
        yield Field("project", task.project_id, self._shared("project", self.settings.origin("project.id")))
        if task.description:
            first, _, more = task.description.partition("\n")
            yield Field("description", f"{first} …" if more else first, self._of("description", line))
        yield Field("priority", task.priority, self._of("priority", DEFAULT))
        for name in _NUMBERS:
            yield Field(name, str(getattr(task, name)), self._of(name, DEFAULT))
        yield Field("done", "yes" if task.done else "no", self._of("done", DEFAULT))
        yield Field("depends_on", ", ".join(task.dependencies), self._dependencies())
        yield Field("acceptance_criteria", _count_criteria(self.item), self._lines(it.line for it in task.criteria))
        yield Field("recipe", ", ".join(it.name for it in task.recipes), self._lines(it.line for it in task.recipes))
        yield from self._agent()
        yield from self._phases()
        yield from self._timeouts()
        for key, value in self.item.metadata.items():
            yield Field(f"metadata.{key}", value, self._metadata(key, line))

    def _at(self, line: int) -> str:
        return f"{self.path}:{line}" if line else self.path

    def _of(self, name: str, otherwise: str) -> str:
        """Return the line of a field of the task."""
        node = self.own.get(name)
        return otherwise if node is None or node.value is None else self._at(node.key_line)

    def _shared(self, name: str, otherwise: str) -> str:
        """Return the line of a field that the blueprint sets for all its tasks."""
        node = self.shared.get(name)
        return otherwise if node is None or node.value is None else self._at(node.key_line)

    def _lines(self, lines: Iterable[int]) -> str:
        numbers = [str(line) for line in dict.fromkeys(lines) if line]
        return f"{self.path}:{','.join(numbers)}" if numbers else DEFAULT

    def _dependencies(self) -> str:
        if self.item.validates:
            return "all other tasks"
        nodes = [self.own[name] for name in _ALIASES["dependencies"] if name in self.own]
        lines = [child.line for node in nodes for child in (node.value if isinstance(node.value, list) else [node])]
        return self._lines(lines or [node.key_line for node in nodes])

    def _agent(self) -> Iterator[Field]:
        for name in _AGENT:
            value = getattr(self.task, name)
            text = value if isinstance(value, str) else ", ".join(value)
            if text:
                shared = self._shared(name, self._shared(f"default_{name}", self._shared("agent_defaults", DEFAULT)))
                yield Field(name, text, self._of(name, shared))

    def _phases(self) -> Iterator[Field]:
        from penguin.orchestration.blueprint.workflow_definition import item_phases

        own, shared = _entries(self.own.get("phases")), _entries(self.shared.get("phases"))
        for phase, fields in item_phases(self.settings, self.item).items():
            node = own.get(phase) or shared.get(phase)
            for name, value in fields.items():
                # A phase that is set here replaces what it runs; other keys may still be those of the settings.
                here = node is not None and (name == "skip" or name in _entries(node))
                origin = self._at(node.key_line) if node and here else self._setting(f"phases.{phase}.{name}")
                yield Field(f"phases.{phase}.{name}", _phase_text(value), origin)

    def _timeouts(self) -> Iterator[Field]:
        own, shared = (_entries(_entries(it.get("ituv")).get("phase_timebox_sec")) for it in (self.own, self.shared))
        for phase in PHASES:
            key = f"orchestration.phase_timeouts.{phase}"
            seconds = self.item.timeouts.get(phase, self.settings.phase_timeouts[phase])
            node = own.get(phase) or shared.get(phase)
            origin = self._at(node.key_line) if node else self._setting(key)
            yield Field(f"ituv.phase_timebox_sec.{phase}", f"{seconds:g}", origin)

    def _setting(self, key: str) -> str:
        try:
            return self.settings.origin(key)
        except KeyError:
            return self.path if self.item.validates else DEFAULT

    def _metadata(self, key: str, otherwise: str) -> str:
        node = self.own.get(key) or _entries(self.own.get("metadata")).get(key)
        return otherwise if node is None else self._at(node.key_line)


def _entries(node: Node | None) -> Mapping[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _task_entries(document: Mapping[str, Node], item: BlueprintItem) -> Mapping[str, Node]:
    """Return the node of a task; of two tasks with one id, the one on its line."""
    nodes = document.get("items") or document.get("tasks")
    for node in nodes.value if nodes and isinstance(nodes.value, list) else ():
        entries = _entries(node)
        if node.line == item.task.line and "id" in entries and str(entries["id"].raw) == item.task.id:
            return entries
    return {}


def _count_criteria(item: BlueprintItem) -> str:
    criteria = item.task.criteria
    checked = sum(it.check is not None for it in criteria)
    return f"{len(criteria)}, {checked} with a check" if criteria else ""


def _phase_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(str(it["run"]) if isinstance(it, dict) and "run" in it else str(it) for it in value)
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
