"""The loader of a workspace's blueprints, and the search for a task by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from penguin.orchestration.backend import BlueprintError, TaskNotFound
from penguin.orchestration.blueprint.blueprint_cache import cached_blueprint
from penguin.orchestration.blueprint.building.builder import build_blueprint
from penguin.orchestration.blueprint.gc_pause import gc_paused
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem, foreign_hints
from penguin.orchestration.config.document import parse_json, parse_yaml, read_text
from penguin.orchestration.config.document_checker import ERROR, WARNING, Checker, Node, Problem, nearest
from penguin.orchestration.core.definition import Task
from penguin.orchestration.files.text_encoding import escape_undecodable

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings

MAX_BYTES = 2_000_000
_DATA_SUFFIXES = (".yaml", ".yml", ".json")
SUFFIXES = (".md", ".markdown", *_DATA_SUFFIXES)
FOREIGN_TASK = re.compile(r"^[ \t]*[-*][ \t]+\[[ xX]?\]\*?[ \t]+(?:\*\*|`)?(?:T\d{3}|\d+\.(?:\d|\s))", re.MULTILINE)
"""A task as spec-kit, OpenSpec and Kiro write it."""
FOREIGN_DATA = re.compile(r"^[ \t{]*\"?tasks\"?[ \t]*:", re.MULTILINE)
"""The key for tasks in the data of other tools, such as Task Master; Penguin's is `items`, but it reads `tasks` too."""
OWN_DATA = re.compile(r"^[ \t{]*\"?(?:items|recipes|phases|ituv|project_key|agent_defaults)\"?[ \t]*:", re.MULTILINE)
"""A key that only data of blueprints has."""
OWN_FRONT = re.compile(r"---[ \t]*\n(?:(?!---).*\n)*?(?:id|title|project|ituv|phases|recipes)[ \t]*:")
"""The front matter of a blueprint."""
_KNOWN_SHOWN = 10


def parse_blueprint(text: str, path: str, project_id: str = "") -> Blueprint:
    """Return the blueprint in `text`. The suffix of `path` names its format; its errors are in `problems`."""
    # The nodes are gone before the garbage collector runs again.
    with gc_paused():
        return _parse(text, path, project_id)


def _parse(text: str, path: str, project_id: str) -> Blueprint:
    checker = Checker(path)
    last_line = text.rstrip().count("\n") + 1
    document = _document(text, path, checker)
    blueprint = build_blueprint(document, checker, path, project_id, last_line)
    if not path.lower().endswith(_DATA_SUFFIXES):
        return blueprint
    # A workspace of Markdown does not need it.
    from penguin.orchestration.blueprint.prose.data_texts import stated_dependencies

    found = [*blueprint.problems, *stated_dependencies(document, blueprint.items, text.split("\n"), path)]
    return replace(blueprint, problems=tuple(sorted(found, key=lambda problem: problem.line)))


def _document(text: str, path: str, checker: Checker) -> Node | None:
    suffix = Path(path).suffix.lower()
    if suffix in (".yaml", ".yml"):
        return parse_yaml(text, checker)
    if suffix == ".json":
        return parse_json(text, checker)
    if suffix in SUFFIXES:
        # A workspace of YAML and JSON does not need it.
        from penguin.orchestration.blueprint.markdown.document import parse_markdown

        return parse_markdown(text, checker)
    checker.error(0, "is not a blueprint", f"blueprints end in {', '.join(SUFFIXES)}")
    return None


def read_blueprint(path: Path, shown: str, project_id: str = "") -> Blueprint:
    """Return the blueprint in a file, parsed once while the file stays the same. Errors name the path `shown`."""
    return cached_blueprint(path, shown, project_id, lambda: _read(path, shown, project_id))


def _read(path: Path, shown: str, project_id: str) -> Blueprint:
    checker = Checker(shown)
    text = read_text(path, checker, MAX_BYTES)
    if text is None:
        return build_blueprint(None, checker, shown, project_id)
    blueprint = parse_blueprint(text, shown, project_id)
    if blueprint.broken or _looks_foreign(text, shown):
        # The importers are needed for the files of other tools only.
        from penguin.orchestration.blueprint.foreign_file import foreign_problem

        problem = foreign_problem(text, shown)
        if problem is not None:
            return replace(blueprint, items=(), problems=(problem,), is_blueprint=True)
    return blueprint


def _looks_foreign(text: str, path: str) -> bool:
    """Return whether a text that reads as a blueprint may be a file of another tool, whose order would be lost."""
    if path.lower().endswith(_DATA_SUFFIXES):
        return FOREIGN_DATA.search(text) is not None and not OWN_DATA.search(text)
    return bool(FOREIGN_TASK.search(text) and not OWN_FRONT.match(text))


def read_document(path: Path, shown: str) -> Node | None:
    """Return the nodes of a blueprint file, with their lines; None if it can't be read."""
    checker = Checker(shown)
    text = read_text(path, checker, MAX_BYTES)
    return None if text is None else _document(text, shown, checker)


def load_blueprints(root: Path, settings: Settings) -> BlueprintSet:
    """Read all blueprints that the settings name, in the order of their paths.

    Other Markdown that a pattern matches, such as a README, is left out with a warning.
    """
    paths: dict[str, Path] = {}
    named: set[str] = set()
    problems: list[Problem] = []
    for pattern in settings.blueprints:
        found = {path.relative_to(root).as_posix(): path for path in _matches(root, pattern)}
        if not any(char in pattern for char in "*?["):
            named |= found.keys()
            if not found:
                problems.append(Problem(ERROR, pattern, 0, "does not exist", "blueprints: in penguin.yaml names it"))
        paths |= found
    blueprints: list[Blueprint] = []
    for name in sorted(paths):
        # Workflows store the path with their task.
        blueprint = read_blueprint(paths[name], escape_undecodable(name), settings.project_id)
        if blueprint.is_blueprint or name in named:
            blueprints.append(blueprint)
        else:
            problems += [problem._replace(severity=WARNING) for problem in blueprint.problems if not problem.line]
    return BlueprintSet(blueprints, problems)


def _matches(root: Path, pattern: str) -> list[Path]:
    return [path for path in root.glob(pattern) if not path.is_dir() and ".penguin" not in path.relative_to(root).parts]


class BlueprintSet:
    """The blueprints of a workspace. A broken one does not hide the others."""

    def __init__(self, blueprints: Sequence[Blueprint], problems: Sequence[Problem] = ()) -> None:
        self.blueprints = tuple(blueprints)
        self.own_problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems within single files; `lint` finds more."""
        return self.own_problems + tuple(problem for blueprint in self.blueprints for problem in blueprint.problems)

    @cached_property
    def _by_task(self) -> dict[str, list[tuple[Blueprint, BlueprintItem]]]:
        index: dict[str, list[tuple[Blueprint, BlueprintItem]]] = {}
        for blueprint in self.blueprints:
            for item in blueprint.items:
                index.setdefault(item.task.id, []).append((blueprint, item))
        return index

    def items(self, project_id: str | None = None) -> list[BlueprintItem]:
        """Return all tasks with their settings, of one project or of all, in the order of files and lines."""
        found = (item for blueprint in self.blueprints for item in blueprint.items)
        return [item for item in found if project_id is None or item.task.project_id == project_id]

    def tasks(self, project_id: str | None = None) -> list[Task]:
        """Return all tasks, of one project or of all, in the order of files and lines."""
        return [item.task for item in self.items(project_id)]

    def blueprint(self, blueprint_id: str) -> Blueprint:
        """Return the blueprint with an id or path. Raises BlueprintError if there is none, or more than one."""
        found = [it for it in self.blueprints if blueprint_id in (it.id, it.path)]
        if len(found) == 1:
            return found[0]
        if found:
            paths = ", ".join(it.path for it in found)
            raise BlueprintError(f"more than one blueprint has the id {blueprint_id!r}: {paths}", "name it by its path")
        known = [it.id for it in self.blueprints]
        raise BlueprintError(
            f"unknown blueprint {blueprint_id[:100]!r}", _suggestion("blueprints", blueprint_id, known)
        )

    def find(self, task_id: str, blueprint_id: str | None = None) -> BlueprintItem:
        """Return the task with an id.

        Raises TaskNotFound, or BlueprintError if the id is not unique or the task's blueprint is broken.
        """
        found = self._by_task.get(task_id, [])
        if blueprint_id is not None:
            wanted = self.blueprint(blueprint_id)
            found = [(blueprint, item) for blueprint, item in found if blueprint is wanted]
            if not found:
                wanted.require()
        if not found:
            raise TaskNotFound(f"unknown task {task_id[:100]!r}", self._hint(task_id, blueprint_id))
        if len(found) > 1:
            raise self._ambiguous(task_id, found)
        blueprint, item = found[0]
        blueprint.require()
        return item

    def _hint(self, task_id: str, blueprint_id: str | None) -> str:
        known = [task for task, found in self._by_task.items() if blueprint_id in (None, found[0][0].id)]
        hint = _suggestion("tasks", task_id, known)
        foreign = foreign_hints(self.problems)
        if foreign:
            return foreign[0]
        broken = [blueprint.path for blueprint in self.blueprints if blueprint.broken]
        if broken:
            hint += f"; with errors: {', '.join(broken[:3])} (/blueprint lint)"
        return hint

    def _ambiguous(self, task_id: str, found: list[tuple[Blueprint, BlueprintItem]]) -> BlueprintError:
        places = ", ".join(f"{item.task.path}:{item.task.line}" for _, item in found)
        ids = list(dict.fromkeys(blueprint.id for blueprint, _ in found))
        hint = f"choose one with --blueprint: {', '.join(ids)}" if len(ids) > 1 else "change one of the ids"
        return BlueprintError(f"task {task_id!r} is defined more than once: {places}", hint)


def _suggestion(what: str, word: str, known: Sequence[str]) -> str:
    if not known:
        return f"there are no {what}; penguin init writes an example" if what == "tasks" else f"there are no {what}"
    # An id made from a title starts with its first word.
    longer = [each for each in known if each.startswith(f"{word}-")]
    match = longer[0] if len(longer) == 1 else nearest(word, known)
    shown = ", ".join(known[:_KNOWN_SHOWN]) + (
        f" and {len(known) - _KNOWN_SHOWN} more" if len(known) > _KNOWN_SHOWN else ""
    )
    return f"did you mean {match!r}? known {what}: {shown}" if match else f"known {what}: {shown}"
