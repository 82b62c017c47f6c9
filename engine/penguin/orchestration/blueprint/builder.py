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

from penguin.orchestration.blueprint.informational_keys import shown, split_metadata, warn_of_task_keys
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.blueprint.recipes import check_recipe, recipe_entries
from penguin.orchestration.blueprint.task_ids import names_in, names_of_part
from penguin.orchestration.blueprint.workflow_definition import read_timeouts
from penguin.orchestration.config.document_checker import ERROR, ID_RULE, Checker, Node, suggest, valid_id
from penguin.orchestration.config.phases import Phases, check_phases, overlay
from penguin.orchestration.core.definition import PRIORITIES, Criterion, Recipe, Task
from penguin.orchestration.core.tree_isolation import ISOLATIONS

AGENT_KEYS = ("agent_role", "required_tools", "skills")
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
_CRITERION_KEYS = ("text", "check")
_DEPENDENCY_KEYS = ("task_id", "policy", "artifact_key")
_FIRST_ITEM = "items: [{id: ID, title: TITLE}]"
_NO_TIMEOUTS: dict[str, float] = {}
_NO_PHASES: Phases = {}
_VALIDATION_PHASES: Phases = {"implement": {"skip": True}, "use": {"skip": True}}
"""Validation changes nothing: it tests and verifies what the tasks before it made."""
_LONGEST_BASE = 89
_MOST_EFFORT = 13
"""Efforts may be Fibonacci numbers: 1, 2, 3, 5, 8 and 13."""


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
        recipes=tuple(builder.recipes.values()),
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
        self.recipes: dict[str, Recipe] = {}
        self.phases: Phases = _NO_PHASES
        self.timeouts = _NO_TIMEOUTS
        self.isolation = ""
        self.agent_role = ""
        self.required_tools: tuple[str, ...] = ()
        self.skills: tuple[str, ...] = ()

    def read_shared(self, entries: dict[str, Node]) -> None:
        """Read the settings of all tasks."""
        self.recipes = self._recipes(entries.get("recipes"))
        self.phases = check_phases(entries.get("phases"), self.checker)
        self.timeouts = self._timeouts(entries.get("ituv"), "ituv", ("phase_timebox_sec", "enabled"))
        self.isolation = self.checker.choice(entries.get("isolation"), "isolation", ISOLATIONS) or ""
        defaults = self.checker.mapping(entries.get("agent_defaults"), "agent_defaults", AGENT_KEYS)
        own = {key: entries.get(key) or entries.get(f"default_{key}") or defaults.get(key) for key in AGENT_KEYS}
        self.agent_role = self.checker.label(own["agent_role"], "agent_role") or ""
        self.required_tools = self._names(own["required_tools"], "required_tools") or ()
        self.skills = self._names(own["skills"], "skills") or ()

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
        criteria = self._criteria(node, "validation")
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
            task=self._task(task_id, node, entries, dependencies, where, place),
            phases=overlay(self.phases, phases) if phases else self.phases,
            timeouts={**self.timeouts, **timeouts} if timeouts else self.timeouts,
            isolation=self.checker.choice(entries.get("isolation"), f"{where}.isolation", ISOLATIONS) or self.isolation,
            dependency_line=dependencies.key_line if dependencies else node.line,
            lines=node.lines if isinstance(node, TaskNode) else ((node.line, max(node.line, end)),),
            metadata=metadata,
            made_id=isinstance(node, TaskNode) and node.made_id,
        )

    def _task(
        self, task_id: str, node: Node, entries: dict[str, Node], dependencies: Node | None, where: str, place: int
    ) -> Task:
        checker = self.checker
        priority = entries.get("priority")
        if priority is not None and isinstance(priority.value, str):
            priority = Node(priority.value.lower(), priority.line)
        return Task(
            id=task_id,
            title=checker.label(entries.get("title"), f"{where}.title") or task_id,
            blueprint_id=self.blueprint_id,
            project_id=self.project_id,
            description=self._description(entries.get("description"), where),
            priority=checker.choice(priority, f"{where}.priority", PRIORITIES) or "medium",
            effort=checker.integer(entries.get("effort"), f"{where}.effort", 1, _MOST_EFFORT) or 3,
            value=checker.integer(entries.get("value"), f"{where}.value", 1, 5) or 3,
            risk=checker.integer(entries.get("risk"), f"{where}.risk", 1, 5) or 1,
            dependencies=self._dependencies(dependencies, entries, where),
            criteria=self._criteria(entries.get("acceptance_criteria"), f"{where}.acceptance_criteria"),
            recipes=self._task_recipes(task_id, entries, where),
            agent_role=checker.label(entries.get("agent_role"), f"{where}.agent_role") or self.agent_role,
            required_tools=self._names(entries.get("required_tools"), f"{where}.required_tools", self.required_tools),
            skills=self._names(entries.get("skills"), f"{where}.skills", self.skills),
            done=checker.boolean(entries.get("done"), f"{where}.done") or False,
            place=place,
            path=self.path,
            line=node.line,
        )

    def _names(self, node: Node | None, where: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of names, or a string of names with commas between."""
        if node is None or node.value is None:
            return default
        if isinstance(node.value, list):
            return tuple(self.checker.label(child, where) or "" for child in self.checker.non_null(node.value, where))
        text = self.checker.label(node, where) or ""
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def _description(self, node: Node | None, where: str) -> str:
        if node is None or node.value in (None, ""):
            return ""
        return (self.checker.label(node, f"{where}.description") or "").strip()

    def _dependencies(self, node: Node | None, entries: dict[str, Node], where: str) -> tuple[str, ...]:
        where = f"{where}: dependencies"
        nodes = self._dependency_nodes(node, where)
        nodes += self._dependency_specs(entries.get("dependency_specs"), where)
        subtasks = entries.get("subtasks")
        for child in subtasks.value if subtasks is not None and isinstance(subtasks.value, list) else ():
            nodes += [child.value["id"]] if isinstance(child.value, dict) and "id" in child.value else []
        found = (self.checker.identifier(child, where) for child in nodes)
        return tuple(dict.fromkeys(dependency for dependency in found if dependency))

    def _dependency_specs(self, node: Node | None, where: str) -> list[Node]:
        """Return the names in dependencies with conditions, which the original form has."""
        nodes: list[Node] = []
        for spec in self.checker.items(node, where):
            entries = self.checker.mapping(spec, where, _DEPENDENCY_KEYS)
            if "task_id" not in entries:
                self.checker.error(spec.line, f"{where}: has no task_id")
                continue
            nodes.append(entries["task_id"])
            condition = ", ".join(shown(entries[key]) for key in _DEPENDENCY_KEYS[1:] if key in entries)
            if condition not in ("", "completion_required"):
                self._note_condition(spec.line, condition)
        return nodes

    def _dependency_nodes(self, node: Node | None, where: str) -> list[Node]:
        """Return each name in a list, or in a string of names."""
        if node is None or node.value is None:
            return []
        is_list = isinstance(node.value, list)
        found: list[Node] = []
        for child in self.checker.non_null(node.value, where) if is_list else [node]:
            text = self.checker.label(child, where)
            if text is None or valid_id(text):
                found += [child] if text else []
                continue
            for name, condition in names_of_part(text) if is_list else names_in(text):
                found.append(Node(name, child.line, raw=name))
                if condition:
                    self._note_condition(child.line, condition)
        return found

    def _note_condition(self, line: int, condition: str) -> None:
        message = f"the condition {condition[:60]!r} of a dependency is not used"
        self.checker.note(line, message, "a task waits until the other one is completed")

    def _criteria(self, node: Node | None, where: str) -> tuple[Criterion, ...]:
        nodes = self.checker.items(node, where)
        where = f"{where.removesuffix('.acceptance_criteria')}: criterion"
        found = (self._criterion(child, where) for child in nodes)
        return tuple(criterion for criterion in found if criterion)

    def _criterion(self, node: Node, where: str) -> Criterion | None:
        if not isinstance(node.value, dict):
            if node.value is None:
                self.checker.wrong_type(node, where, "a string or {text, check}")
            text = self.checker.label(node, where)
            return Criterion(text.strip(), line=node.line) if text else None
        entries = self.checker.mapping(node, where, _CRITERION_KEYS)
        text = self.checker.label(entries.get("text"), f"{where}.text")
        check = self.checker.text(entries.get("check"), f"{where}.check")
        if text is None and check is None:
            self.checker.error(node.line, f"{where}: has neither text nor check")
            return None
        return Criterion((text or check or "").strip(), check, node.line)

    def _recipes(self, node: Node | None) -> dict[str, Recipe]:
        entries = recipe_entries(node, self.checker)
        return {name: check_recipe(name, child, self.checker) for name, child in entries}

    def _task_recipes(self, task_id: str, entries: dict[str, Node], where: str) -> tuple[Recipe, ...]:
        found: list[Recipe] = []
        recipe, recipes = entries.get("recipe"), entries.get("recipes")
        names = recipe.value if recipe is not None and isinstance(recipe.value, list) else [recipe] if recipe else []
        if recipe is not None and any(isinstance(child.value, dict) for child in names):
            found.append(check_recipe(task_id, recipe, self.checker))
        else:
            if recipe is not None and isinstance(recipe.value, list):
                names = self.checker.non_null(names, f"{where}.recipe")
            found += [named for child in names for named in self._named(child, where)]
        if recipes is not None and isinstance(recipes.value, dict):
            found += self._recipes(recipes).values()
        elif recipes is not None:
            for child in self.checker.items(recipes, f"{where}.recipes"):
                found += self._named(child, where)
        return tuple({recipe.name: recipe for recipe in found}.values())

    def _named(self, node: Node, where: str) -> list[Recipe]:
        name = self.checker.label(node, f"{where}.recipe")
        if name is None:
            return []
        if name in self.recipes:
            return [self.recipes[name]]
        hint = suggest(name, tuple(self.recipes)) if self.recipes else "this blueprint has no named recipes"
        self.checker.error(node.line, f"{where}: unknown recipe {name[:80]!r}", hint)
        return []

    def _timeouts(
        self, node: Node | None, where: str, known: Sequence[str] = ("phase_timebox_sec",)
    ) -> dict[str, float]:
        entries = self.checker.mapping(node, where, known)
        if self.checker.boolean(entries.get("enabled"), f"{where}.enabled") is False:
            message = f"{where}.enabled: false is not used: all tasks go through the gates"
            self.checker.warn(entries["enabled"].key_line, message, "set phases: {PHASE: skip} to leave gates out")
        return read_timeouts(entries.get("phase_timebox_sec"), self.checker, f"{where}.phase_timebox_sec")
