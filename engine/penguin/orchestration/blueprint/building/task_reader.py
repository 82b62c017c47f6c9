"""The reader of tasks: from the keys of an item to a Task."""

from __future__ import annotations

from penguin.orchestration.blueprint.building.task_dependencies import read_dependencies
from penguin.orchestration.blueprint.recipes import check_recipe, recipe_entries
from penguin.orchestration.config.document_checker import Checker, Node, suggest
from penguin.orchestration.core.definition import PRIORITIES, Criterion, Recipe, Task

AGENT_KEYS = ("agent_role", "required_tools", "skills")
_CRITERION_KEYS = ("text", "check")
_MOST_EFFORT = 13
"""Efforts may be Fibonacci numbers: 1, 2, 3, 5, 8 and 13."""


class TaskReader:
    """Reads the tasks of one blueprint."""

    def __init__(self, checker: Checker, blueprint_id: str, project_id: str, path: str) -> None:
        self.checker = checker
        self.blueprint_id = blueprint_id
        self.project_id = project_id
        self.path = path
        self.recipes: dict[str, Recipe] = {}
        """The named recipes of the blueprint."""
        self.agent_role = ""
        self.required_tools: tuple[str, ...] = ()
        self.skills: tuple[str, ...] = ()

    def read_defaults(self, entries: dict[str, Node]) -> None:
        """Read what all tasks share: named recipes, and the keys for agents."""
        self.recipes = self._recipes(entries.get("recipes"))
        defaults = self.checker.mapping(entries.get("agent_defaults"), "agent_defaults", AGENT_KEYS)
        own = {key: entries.get(key) or entries.get(f"default_{key}") or defaults.get(key) for key in AGENT_KEYS}
        self.agent_role = self.checker.label(own["agent_role"], "agent_role") or ""
        self.required_tools = self._names(own["required_tools"], "required_tools") or ()
        self.skills = self._names(own["skills"], "skills") or ()

    def task(
        self, task_id: str, node: Node, entries: dict[str, Node], dependencies: Node | None, where: str, place: int
    ) -> Task:
        """Return the task of an item.

        Args:
            task_id: Its id.
            node: The item.
            entries: Its keys, without metadata.
            dependencies: The value of its key for dependencies.
            where: The item, as it is named in messages.
            place: Its position among the tasks of the blueprint.
        """
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
            dependencies=read_dependencies(self.checker, dependencies, entries, where),
            criteria=self.criteria(entries.get("acceptance_criteria"), f"{where}.acceptance_criteria"),
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

    def criteria(self, node: Node | None, where: str) -> tuple[Criterion, ...]:
        """Return the criteria in a list."""
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
