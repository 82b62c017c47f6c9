"""From a document's nodes to a Blueprint: the one place that knows what a blueprint may say.

YAML and JSON files are such nodes as they stand; the Markdown reader makes the same nodes of headings and bullets:

    id, title, project, isolation, ituv, phases, recipes: {NAME: [steps]}
    items:
      - id, title, description, priority, effort, value, risk, done
        depends_on (or dependencies): [ids]
        acceptance_criteria: [text, or {text, check}]
        recipe: the name of one of the recipes above, or a list of steps
        recipes: a list of such names, or {NAME: [steps]} for the task's own
        isolation, phases, ituv
        metadata: {NAME: text}, which Penguin has no use for
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.blueprint.recipes import check_recipe
from penguin.orchestration.blueprint.workflow_definition import read_timeouts
from penguin.orchestration.config.document_checker import ERROR, ID_RULE, Checker, Node, suggest, valid_id
from penguin.orchestration.config.phases import Phases, check_phases, overlay
from penguin.orchestration.core.definition import PRIORITIES, Criterion, Recipe, Task
from penguin.orchestration.core.working_tree import ISOLATIONS

BLUEPRINT_KEYS = ("id", "title", "project", "isolation", "ituv", "phases", "recipes", "items", "imported")
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
    "acceptance_criteria",
    "recipe",
    "recipes",
    "isolation",
    "phases",
    "ituv",
    "metadata",
)
_CRITERION_KEYS = ("text", "check")
_FIRST_ITEM = "items: [{id: ID, title: TITLE}]"
_NO_TIMEOUTS: dict[str, float] = {}
_NO_PHASES: Phases = {}


def build_blueprint(root: Node | None, checker: Checker, path: str, project_id: str) -> Blueprint:
    """Return the blueprint of a document. Its errors are in `problems`."""
    entries = checker.mapping(root, path, BLUEPRINT_KEYS)
    blueprint_id = checker.identifier(entries.get("id"), "id") or _id_of(path, checker, "id" in entries)
    project = checker.identifier(entries.get("project"), "project") or project_id
    builder = _Builder(checker, blueprint_id, project, path)
    builder.read_shared(entries)
    items = builder.read_items(entries.get("items"))
    if not items and all(problem.severity != ERROR for problem in checker.problems):
        in_data = PurePosixPath(path).suffix.lower() in (".yaml", ".yml", ".json")
        checker.error(0, "has no tasks", _FIRST_ITEM if in_data else "below ## Tasks, write - [ ] ID Title")
    return Blueprint(
        id=blueprint_id,
        title=checker.label(entries.get("title"), "title") or blueprint_id,
        path=path,
        project_id=project,
        items=items,
        recipes=tuple(builder.recipes.values()),
        problems=tuple(sorted(checker.problems, key=lambda problem: problem.line)),
    )


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

    def read_shared(self, entries: dict[str, Node]) -> None:
        """Read the settings of all tasks."""
        self.recipes = self._recipes(entries.get("recipes"))
        self.phases = check_phases(entries.get("phases"), self.checker)
        self.timeouts = self._timeouts(entries.get("ituv"), "ituv")
        self.isolation = self.checker.choice(entries.get("isolation"), "isolation", ISOLATIONS) or ""

    def read_items(self, node: Node | None) -> tuple[BlueprintItem, ...]:
        nodes = self.checker.items(node, "items")
        found = (self._item(child, place) for place, child in enumerate(nodes))
        return tuple(item for item in found if item)

    def _item(self, node: Node, place: int) -> BlueprintItem | None:
        where = f"item {place + 1}"
        entries = self.checker.mapping(node, where, TASK_KEYS)
        if not isinstance(node.value, dict):
            if node.value is None:
                self.checker.wrong_type(node, where, "a mapping")
            return None
        if "id" not in entries or entries["id"].value is None:
            self.checker.error(node.line, f"{where}: has no id")
            return None
        task_id = self.checker.identifier(entries["id"], where)
        if task_id is None:
            return None
        where = f"task {task_id}"
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
        )

    def _task(
        self, task_id: str, node: Node, entries: dict[str, Node], dependencies: Node | None, where: str, place: int
    ) -> Task:
        checker = self.checker
        return Task(
            id=task_id,
            title=checker.label(entries.get("title"), f"{where}.title") or task_id,
            blueprint_id=self.blueprint_id,
            project_id=self.project_id,
            description=self._description(entries.get("description"), where),
            priority=checker.choice(entries.get("priority"), f"{where}.priority", PRIORITIES) or "medium",
            effort=checker.integer(entries.get("effort"), f"{where}.effort", 1, 5) or 3,
            value=checker.integer(entries.get("value"), f"{where}.value", 1, 5) or 3,
            risk=checker.integer(entries.get("risk"), f"{where}.risk", 1, 5) or 1,
            dependencies=self._dependencies(dependencies, where),
            criteria=self._criteria(entries.get("acceptance_criteria"), where),
            recipes=self._task_recipes(task_id, entries, where),
            done=checker.boolean(entries.get("done"), f"{where}.done") or False,
            place=place,
            path=self.path,
            line=node.line,
        )

    def _description(self, node: Node | None, where: str) -> str:
        if node is None or node.value in (None, ""):
            return ""
        return (self.checker.label(node, f"{where}.description") or "").strip()

    def _dependencies(self, node: Node | None, where: str) -> tuple[str, ...]:
        if node is None or node.value is None:
            return ()
        nodes = node.value if isinstance(node.value, list) else [node]
        where = f"{where}: dependencies"
        found = (self.checker.identifier(child, where) for child in self.checker.non_null(nodes, where))
        return tuple(dict.fromkeys(dependency for dependency in found if dependency))

    def _criteria(self, node: Node | None, where: str) -> tuple[Criterion, ...]:
        nodes = self.checker.items(node, f"{where}.acceptance_criteria")
        found = (self._criterion(child, f"{where}: criterion") for child in nodes)
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
        entries = self.checker.mapping(node, "recipes", None)
        return {name: check_recipe(name, child, self.checker) for name, child in entries.items()}

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

    def _timeouts(self, node: Node | None, where: str) -> dict[str, float]:
        entries = self.checker.mapping(node, where, ("phase_timebox_sec",))
        return read_timeouts(entries.get("phase_timebox_sec"), self.checker, f"{where}.phase_timebox_sec")
