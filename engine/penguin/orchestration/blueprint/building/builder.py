"""The builder of blueprints: from a document's nodes to a Blueprint. It knows what a blueprint may contain.

YAML and JSON files are such nodes as they stand; the Markdown reader makes the same nodes of headings and bullets:

    id, title, project, isolation, ituv, phases, recipes: {NAME: [steps]}, validation: [criteria]
    agent_role, required_tools, skills (also as default_agent_role, …, or in agent_defaults): those of all tasks
    items (or tasks):
      - id, title, description, priority, effort, value, risk, done, agent_role, required_tools, skills
        depends_on (or dependencies): [ids]
        acceptance_criteria: [text, or {text, check}]
        recipe: the name of one of the recipes above, or a list of steps
        recipes: a list of such names, or {NAME: [steps]} for the task's own
        isolation, phases, ituv
        metadata: {NAME: text}, which Penguin keeps but does not use
        subtasks: [items], on which the task depends

Any other key is metadata, unless it is close to one of these: then it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from penguin.orchestration.blueprint.building.task_reader import AGENT_KEYS, TaskReader
from penguin.orchestration.blueprint.informational_keys import shown, split_metadata, warn_of_task_keys
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.blueprint.workflow_definition import read_timeouts
from penguin.orchestration.config.document_checker import ERROR, ID_RULE, Checker, Node, valid_id
from penguin.orchestration.config.phases import Phases, check_phases, overlay
from penguin.orchestration.core.definition import Task
from penguin.orchestration.core.tree_isolation import ISOLATIONS

BLUEPRINT_KEYS = (
    "id",
    "title",
    "project",
    "isolation",
    "ituv",
    "phases",
    "recipes",
    "items",
    "tasks",
    "validation",
    "imported",
    "agent_defaults",
    *AGENT_KEYS,
    *(f"default_{key}" for key in AGENT_KEYS),
)
"""`imported` is what `penguin import` remembers of its source."""
TASK_KEYS = (
    "id",
    "title",
    "description",
    "priority",
    "effort",
    "value",
    "risk",
    "done",
    "depends_on",
    "dependencies",
    "dependency_specs",
    "acceptance_criteria",
    "recipe",
    "recipes",
    "isolation",
    "phases",
    "ituv",
    "metadata",
    "subtasks",
    *AGENT_KEYS,
)
_FIRST_ITEM = "items: [{id: ID, title: TITLE}]"
_NO_TIMEOUTS: dict[str, float] = {}
_NO_PHASES: Phases = {}
_VALIDATION_PHASES: Phases = {"implement": {"skip": True}, "use": {"skip": True}}
"""Validation changes nothing: it tests and verifies what the tasks before it made."""
_LONGEST_BASE = 89


Lines = tuple[tuple[int, int], ...]


class TaskNode(Node):
    """The node of a task that knows all lines it was read from."""

    __slots__ = ("lines", "made_id")

    def __init__(self, value: dict[str, Node], line: int, lines: Lines, made_id: bool) -> None:
        super().__init__(value, line)
        self.lines = lines
        self.made_id = made_id


def build_blueprint(root: Node | None, checker: Checker, path: str, project_id: str, last_line: int = 0) -> Blueprint:
    """Return the blueprint of a document with this last line. Its errors are in `problems`."""
    every = checker.mapping(root, path, None)
    is_blueprint = every.pop("no_blueprint", None) is None
    entries, metadata = split_metadata(every, BLUEPRINT_KEYS, path, checker if is_blueprint else Checker(path))
    warn_of_task_keys(every, checker)
    blueprint_id = checker.identifier(entries.get("id"), "id") or _id_of(path, checker, "id" in entries)
    project = checker.identifier(entries.get("project"), "project") or project_id
    builder = _Builder(checker, blueprint_id, project, path)
    builder.read_shared(entries)
    nodes = _items_of(entries, checker)
    after = [node.key_line for node in every.values() if nodes and node.key_line > nodes.key_line]
    items = builder.read_items(nodes, min(after, default=last_line + 1) - 1)
    title = checker.label(entries.get("title"), "title") or blueprint_id
    if not is_blueprint:
        checker.error(0, "is not a blueprint: it has no section ## Tasks", "write - [ ] A-1 Title below ## Tasks")
    elif not items and all(problem.severity != ERROR for problem in checker.problems):
        in_data = PurePosixPath(path).suffix.lower() in (".yaml", ".yml", ".json")
        checker.error(0, "has no tasks", _FIRST_ITEM if in_data else "below ## Tasks, write - [ ] A-1 Title")
    return Blueprint(
        id=blueprint_id,
        title=title,
        path=path,
        project_id=project,
        items=(*items, *builder.validation(entries.get("validation"), items, title)),
        recipes=tuple(builder.reader.recipes.values()),
        metadata=metadata,
        is_blueprint=is_blueprint,
        problems=tuple(sorted(checker.problems, key=lambda problem: problem.line)),
    )


def _items_of(entries: dict[str, Node], checker: Checker) -> Node | None:
    if "items" in entries and "tasks" in entries:
        checker.error(entries["tasks"].key_line, "use either items or tasks")
    return entries.get("items") or entries.get("tasks")


def _id_of(path: str, checker: Checker, named: bool) -> str:
    stem = PurePosixPath(path).stem
    if not valid_id(stem) and not named:
        checker.error(0, f"its file name {stem[:60]!r} is not a valid id", f"add an id: {ID_RULE}")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:100] or "blueprint"


class _Builder:
    """Reads the tasks of one blueprint."""

    def __init__(self, checker: Checker, blueprint_id: str, project_id: str, path: str) -> None:
        self.checker = checker
        self.blueprint_id = blueprint_id
        self.project_id = project_id
        self.path = path
        self.reader = TaskReader(checker, blueprint_id, project_id, path)
        self.phases: Phases = _NO_PHASES
        self.timeouts = _NO_TIMEOUTS
        self.isolation = ""

    def read_shared(self, entries: dict[str, Node]) -> None:
        """Read the settings of all tasks."""
        self.reader.read_defaults(entries)
        self.phases = check_phases(entries.get("phases"), self.checker)
        self.timeouts = self._timeouts(entries.get("ituv"), "ituv", ("phase_timebox_sec", "enabled"))
        self.isolation = self.checker.choice(entries.get("isolation"), "isolation", ISOLATIONS) or ""

    def read_items(self, node: Node | None, last_line: int) -> tuple[BlueprintItem, ...]:
        nodes = list(self._with_subtasks(self.checker.items(node, "items")))
        ends = [*(child.line - 1 for child in nodes[1:]), last_line]
        found = (self._item(child, place, ends[place]) for place, child in enumerate(nodes))
        return tuple(item for item in found if item)

    def _with_subtasks(self, nodes: Sequence[Node]) -> Iterator[Node]:
        """Yield each item with its subtasks after it."""
        for node in nodes:
            yield node
            subtasks = node.value.get("subtasks") if isinstance(node.value, dict) else None
            if subtasks is not None:
                yield from self._with_subtasks(self.checker.items(subtasks, "subtasks"))

    def validation(self, node: Node | None, items: tuple[BlueprintItem, ...], title: str) -> list[BlueprintItem]:
        """Return the task that validates the whole blueprint, if it has criteria."""
        criteria = self.reader.criteria(node, "validation")
        if not criteria or node is None:
            return []
        task = Task(
            id=f"{self.blueprint_id[:_LONGEST_BASE]}-validation",
            title=f"Validation of {title}",
            blueprint_id=self.blueprint_id,
            project_id=self.project_id,
            dependencies=tuple(dict.fromkeys(item.task.id for item in items)),
            criteria=criteria,
            place=len(items),
            path=self.path,
            line=criteria[0].line,
        )
        lines = tuple((criterion.line, criterion.line) for criterion in criteria)
        phases = overlay(self.phases, _VALIDATION_PHASES)
        return [
            BlueprintItem(
                task=task,
                phases=phases,
                timeouts=self.timeouts,
                isolation=self.isolation,
                dependency_line=task.line,
                lines=lines,
                validates=True,
            )
        ]

    def _item(self, node: Node, place: int, end: int) -> BlueprintItem | None:
        where = f"item {place + 1}"
        if not isinstance(node.value, dict):
            self.checker.wrong_type(node, where, "a mapping")
            return None
        if "id" not in node.value or node.value["id"].value is None:
            self.checker.error(node.line, f"{where}: has no id")
            return None
        task_id = self.checker.identifier(node.value["id"], where)
        if task_id is None:
            return None
        where = f"task {task_id}"
        if "check" in node.value:
            line, hint = node.value["check"].key_line, "acceptance_criteria: [{text: TEXT, check: COMMAND}]"
            self.checker.error(line, f"{where}: check is a key of a criterion", hint)
        entries, metadata = split_metadata(node.value, TASK_KEYS, where, self.checker)
        if "metadata" in entries:
            more = self.checker.mapping(entries["metadata"], f"{where}.metadata", None)
            metadata = {**metadata, **{key: shown(child) for key, child in more.items()}}
        dependencies = entries.get("depends_on") or entries.get("dependencies")
        if "depends_on" in entries and "dependencies" in entries:
            self.checker.error(entries["dependencies"].key_line, f"{where}: use either depends_on or dependencies")
        phases = check_phases(entries["phases"], self.checker, f"{where}.phases") if "phases" in entries else _NO_PHASES
        timeouts = self._timeouts(entries["ituv"], f"{where}.ituv") if "ituv" in entries else _NO_TIMEOUTS
        return BlueprintItem(
            task=self.reader.task(task_id, node, entries, dependencies, where, place),
            phases=overlay(self.phases, phases) if phases else self.phases,
            timeouts={**self.timeouts, **timeouts} if timeouts else self.timeouts,
            isolation=self.checker.choice(entries.get("isolation"), f"{where}.isolation", ISOLATIONS) or self.isolation,
            dependency_line=dependencies.key_line if dependencies else node.line,
            lines=node.lines if isinstance(node, TaskNode) else ((node.line, max(node.line, end)),),
            metadata=metadata,
            made_id=isinstance(node, TaskNode) and node.made_id,
        )

    def _timeouts(
        self, node: Node | None, where: str, known: Sequence[str] = ("phase_timebox_sec",)
    ) -> dict[str, float]:
        entries = self.checker.mapping(node, where, known)
        if self.checker.boolean(entries.get("enabled"), f"{where}.enabled") is False:
            message = f"{where}.enabled: false is not used: all tasks go through the gates"
            self.checker.warn(entries["enabled"].key_line, message, "set phases: {PHASE: skip} to leave gates out")
        return read_timeouts(entries.get("phase_timebox_sec"), self.checker, f"{where}.phase_timebox_sec")
