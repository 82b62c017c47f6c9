"""The Markdown reader: blueprints as nodes of the same shape as a YAML blueprint.

The front matter between `---` lines holds `id`, `title`, `project`, `isolation`, `phases`, `recipes` and so on, as in
YAML. A task is a line with a check box, or a heading with bullets (see tasks.py). A box with an id is a task in any
section; one without in a section of tasks, such as `## Tasks` or `## Phase 2`. Under `## Usage Recipes`, each `###`
heading or `- recipe: NAME` names a recipe. The boxes under `## Validation` are criteria of the whole blueprint. All
other sections are prose.

What is read is marked as used. At the end, every box and every dependency that nothing took over is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from penguin.orchestration.blueprint.informational_keys import TASK_LISTS
from penguin.orchestration.blueprint.keys import CRITERIA, DEPENDENCIES, key_line, key_of, may_be_of_section, normalized
from penguin.orchestration.blueprint.markdown.blocks import Block, read_blocks, walk
from penguin.orchestration.blueprint.markdown.draft import TaskDraft, complete_tasks, owners_of
from penguin.orchestration.blueprint.markdown.fences import SETTINGS, plain_name, recipe_steps
from penguin.orchestration.blueprint.markdown.key_blocks import is_hidden
from penguin.orchestration.blueprint.markdown.lost_dependencies import report_lost_dependencies
from penguin.orchestration.blueprint.markdown.lost_tasks import report_lost_tasks
from penguin.orchestration.blueprint.markdown.sections import (
    Section,
    is_key,
    is_subtask,
    is_task,
    key_of_heading,
    sections_of,
)
from penguin.orchestration.blueprint.markdown.tasks import TaskReader
from penguin.orchestration.blueprint.task_ids import looks_like_id, names_in, split_id
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker, Node, nearest

OWN_KEYS = ("id", "project", "isolation", "ituv", "phases", "recipes", "project_key", "agent_defaults")
"""Front matter with one of these keys is that of a blueprint."""
FRONT_KEYS = frozenset({*OWN_KEYS, "title", "agent_role", "required_tools", "skills", "version", "status", "owners"})
TASKS, GROUP, RECIPES, VALIDATION, TASK, PROSE = "tasks", "group", "recipes", "validation", "task", "prose"
"""What a section holds. In a group, such as `## Phase 2`, not all headings and bullets must be tasks."""
_FENCE_LINE = re.compile(r"---[ \t]*")
_TASKS = re.compile(
    r"(?:(?:[\w-]+ ){0,3}tasks?(?: list)?|(?:work |action |backlog )?items|to[ -]?dos?(?: list)?|(?:\w+ )?backlog"
    r"|checklist)(?:\s*[(\[:–—-].*)?"
)
_GROUP = re.compile(r"(?:phase|stage|milestone|sprint|iteration|epic|wave)s?\b")
_VALIDATION = re.compile(r"validation\b")
_CRITERIA_LABEL = re.compile(r"(?:criteria|checkpoint|gate)\W*$", re.IGNORECASE)
"""A line such as `**Exit Criteria:**`: boxes below it without an id are no tasks."""
_RECIPE_ITEM = re.compile(r"(?:recipe|name)\s*:")
_BELOW_TASKS = "write them below ## Tasks"
_SECTIONS = ("tasks", "usage recipes", "validation")


def parse_markdown(text: str, checker: Checker) -> Node:
    """Return the document in `text`. Errors go to the checker."""
    lines = text.split("\n")
    front, body_line = _front_matter(lines, checker)
    blocks = read_blocks(lines, body_line, checker)
    reader = _Reader(lines, checker, dict(front.value) if isinstance(front.value, dict) else {})
    return Node(reader.read(blocks), 1)


def _front_matter(lines: list[str], checker: Checker) -> tuple[Node, int]:
    """Return the front matter, and the number of the line on which the Markdown begins."""
    if not _FENCE_LINE.fullmatch(lines[0]):
        _report_lost_front_matter(lines, checker)
        return Node({}, 1), 1
    for number, line in enumerate(lines[1:], 2):
        if _FENCE_LINE.fullmatch(line) or line.rstrip() == "...":
            front = parse_yaml("\n".join(lines[1 : number - 1]), checker, 2) or Node({}, 1)
            entries = checker.mapping(front, "front matter", None)
            for key in ("items", "tasks"):
                if key in entries:
                    message = f"front matter: {key}: tasks stand in the Markdown"
                    checker.error(entries[key].key_line, message, _BELOW_TASKS)
            for key, node in entries.items():
                if normalized(key) in TASK_LISTS and isinstance(node.value, list) and key not in ("items", "tasks"):
                    checker.warn(node.key_line, f"front matter: {key}: looks like tasks, but is metadata", _BELOW_TASKS)
            return Node({key: node for key, node in entries.items() if key not in ("items", "tasks")}, 1), number + 1
    checker.error(1, "the front matter is not closed", "end it with a line ---")
    return Node({}, 1), len(lines) + 1


def _report_lost_front_matter(lines: Sequence[str], checker: Checker) -> None:
    """Report front matter that begins in another way than with a line `---`, and so would be read as prose."""
    if _FENCE_LINE.fullmatch(lines[0].strip()):
        checker.error(1, "the front matter is indented", "write --- at the start of the line")
    elif lines[0].partition(":")[0] in FRONT_KEYS and ":" in lines[0]:
        checker.warn(1, "reads like front matter, but is prose", "write a line --- before and after it")


class _Reader:
    """Reads the sections of a document."""

    def __init__(self, lines: list[str], checker: Checker, front: dict[str, Node]) -> None:
        self.checker = checker
        self.lines = lines
        self.tasks = TaskReader(lines, checker)
        self.document = dict(front)
        self.has_section = False
        """Whether there is a section of tasks."""
        self.is_blueprint = any(key in front for key in OWN_KEYS)

    def read(self, blocks: list[Block]) -> dict[str, Node]:
        """Return the entries of the document."""
        sections = sections_of(blocks)
        every = list(walk(blocks))
        for section in sections:
            self._section(section, PROSE)
        self._title(blocks)
        if self.tasks.drafts or self.has_section or self.is_blueprint:
            self._report_unused(every)
            if not self.tasks.drafts and not self.has_section:
                self._report_no_section(sections)
        else:
            self.document["no_blueprint"] = Node(True, 0)
        complete_tasks(self.tasks.drafts, self.checker)
        if self.tasks.drafts:
            owners = owners_of(self.tasks.drafts)
            report_lost_dependencies(blocks, every, self.tasks.drafts, owners, self.checker)
            report_lost_tasks(blocks, every, self.tasks.drafts, owners, self.lines, self.checker)
        self.document["items"] = Node([draft.node(self.lines) for draft in self.tasks.drafts], 1)
        return self.document

    def _title(self, blocks: list[Block]) -> None:
        title = next((block for block in blocks if block.kind == "heading" and block.level == 1), None)
        if title and title.text.strip() and "title" not in self.document:
            self.document["title"] = Node(title.text.strip(), title.line, raw=title.text.strip())

    # Sections

    def _section(self, section: Section, above: str) -> None:
        role = self._role(section, above)
        if role == TASK:
            self._task(section, None)
        elif role == RECIPES:
            self._recipes(section)
        elif role == VALIDATION:
            self._validation(section)
        else:
            before = len(self.tasks.drafts)
            self._tasks(section, role)
            for inner in section.sections:
                self._section(inner, role)
            if above == TASKS and section.heading and len(self.tasks.drafts) == before:
                hint = "begin a task with a bullet  - **ID:** `some-id`"
                message = f"{section.heading.text[:60]!r} is not a task: it has no ID"
                self.checker.error(section.heading.line, message, hint)

    def _role(self, section: Section, above: str) -> str:
        if section.heading is None:
            return PROSE
        name = section.name
        if name in ("usage recipes", "recipes"):
            return RECIPES
        if _VALIDATION.match(name) and any(block.box is not None for block in section.blocks):
            return VALIDATION
        if is_task(section, above in (TASKS, GROUP)):
            return TASK
        if key_of_heading(section) == CRITERIA:
            return PROSE
        if _TASKS.fullmatch(name):
            self.has_section = True
            return TASKS if section.level > 1 else GROUP
        if _GROUP.match(name):
            return TASKS if above == TASKS else GROUP
        return above

    def _task(self, section: Section, parent: TaskDraft | None) -> None:
        assert section.heading is not None
        task = self.tasks.heading(section.heading, section.blocks, parent)
        for inner in section.sections:
            self._part(task, inner)

    def _part(self, task: TaskDraft, section: Section) -> None:
        """Read a section below a task: a subtask, or a part of the task."""
        assert section.heading is not None
        if is_subtask(section):
            self._task(section, task)
            return
        self.tasks.part(task, section.heading, section.blocks)
        for inner in section.sections:
            self._part(task, inner)

    def _tasks(self, section: Section, role: str) -> None:
        """Read the one-line tasks of a section."""
        current: TaskDraft | None = None
        in_list = False
        label = ""
        for place, block in enumerate(section.blocks):
            if block.used:
                continue
            by_section = PROSE if _CRITERIA_LABEL.search(label) else role
            if block.kind == "text":
                label = block.text
            if block.box is not None and not is_key(block) and (by_section != PROSE or _has_id(block)):
                current, in_list = self.tasks.one_line(block), True
            elif block.box is not None and not is_key(block):
                continue  # Reported as unused.
            elif (current or role != PROSE) and _has_criteria_of_section(block):
                hint = "write them below a task, or below ## Validation"
                self.checker.warn(block.line, f"{block.text[:60]!r} belongs to no task, and is prose", hint)
                in_list = False
            elif current and (is_key(block) or (in_list and block.kind == "text" and block.follows)):
                self.tasks.body(current, section.blocks[place : _end_of_key(section.blocks, place)])
            elif is_key(block) and role != PROSE:
                self.checker.error(block.line, f"{block.text[:60]!r} stands below no task", "write it below its task")
                block.used = True
            else:
                in_list = False
                if block.kind == "bullet" and (role != PROSE or current):
                    self._no_task(section, block, role == TASKS or current is not None)

    def _no_task(self, section: Section, block: Block, must_be: bool) -> None:
        """Report a bullet without a box in a section of tasks."""
        block.used = True
        if must_be:
            self.checker.error(block.line, f"a bullet under {_shown(section)} is not a task", "write - [ ] ID Title")
        elif split_id(block.text)[0] and split_id(block.text)[1].strip():
            self.checker.warn(block.line, "looks like a task, but has no box", "write - [ ] ID Title")

    # Recipes and validation

    def _recipes(self, section: Section) -> None:
        recipes: dict[str, Node] = {}
        for name, node in _named(self.document.get("recipes")):
            recipes[name] = node
        self._listed_recipes(section.blocks, recipes)
        for inner in section.sections:
            assert inner.heading is not None
            inner.heading.used = True
            blocks = [inner.blocks, *(deeper.blocks for deeper in inner.sections)]
            steps = recipe_steps([block for part in blocks for block in part], self.checker)
            self._add_recipe(recipes, plain_name(inner.heading.text), Node(steps, inner.heading.line))
        self.document["recipes"] = Node(recipes, 1)

    def _add_recipe(self, recipes: dict[str, Node], name: str, node: Node) -> None:
        if name in recipes:
            first = recipes[name].line
            self.checker.error(node.line, f"duplicate recipe {name!r} (first on line {first})", "rename one")
        else:
            recipes[name] = node

    def _listed_recipes(self, blocks: Sequence[Block], recipes: dict[str, Node]) -> None:
        """Read `- recipe: NAME` lists, which are YAML."""
        listed = [block for block in blocks if block.kind == "bullet"]
        for block in blocks:
            if block.kind == "fence":
                self.checker.error(block.line, "a step without a recipe", "put a heading  ### NAME  before it")
        for block in listed:
            if not _RECIPE_ITEM.match(block.text):
                self.checker.error(block.line, "a bullet that is not a recipe", "write - recipe: NAME")
                block.used = block.box is None
                continue
            inner = list(walk([block]))
            for each in inner:
                each.used = True
            text = "\n".join(self.lines[block.line - 1 : max(each.end for each in inner) - 1])
            node = parse_yaml(text, self.checker, block.line)
            for item in self.checker.items(node, "recipes"):
                name = _recipe_name(item)
                if name is not None:
                    self._add_recipe(recipes, str(name.raw), item)

    def _validation(self, section: Section) -> None:
        found = self.tasks.criteria_of(section.blocks)
        for inner in section.sections:
            found += self.tasks.criteria_of(inner.blocks)
        before = self.document.get("validation")
        self.document["validation"] = Node([*(before.value if before else []), *found], section.blocks[0].line)

    # What nothing has read

    def _report_unused(self, blocks: list[Block]) -> None:
        for block in blocks:
            if block.used:
                continue
            if block.kind == "quote" and is_hidden(block.text):
                self.checker.error(block.line, "a task or a key in a quotation is not read", "remove the > before it")
            elif block.box is not None:
                message = "looks like a task, but is not in a section of tasks"
                hint = "move it below ## Tasks, give it an id such as A-1, or remove its box"
                self.checker.error(block.line, message, hint)
            elif _names_tasks(block):
                self.checker.error(block.line, f"{block.text[:60]!r} stands below no task", "write it below its task")
            elif block.kind == "fence" and _is_settings(block):
                message = f"the settings `{block.info}` stand below no task"
                self.checker.error(block.line, message, "indent them below their task, or write them in a section")

    def _report_no_section(self, sections: list[Section]) -> None:
        headings = [inner for section in sections for inner in [section, *section.sections] if inner.heading]
        for section in headings:
            match = (
                nearest(section.name, _SECTIONS, 0.8) if section.level == 2 and section.name != "validation" else None
            )
            if match and section.heading and section.name not in _SECTIONS:
                hint = f"## {match.title()}"
                self.checker.warn(
                    section.heading.line, f"the section {section.heading.text[:60]!r} is read as prose", hint
                )
        self.checker.error(0, "has no section ## Tasks", "write - [ ] A-1 Title below a heading ## Tasks")


def _has_criteria_of_section(block: Block) -> bool:
    """Return whether a line between tasks starts the criteria of their section, such as `**Exit criteria:**`."""
    if block.kind != "text" or block.indent:
        return False
    found = key_line(block.text)
    return may_be_of_section(found[0] if found else block.text)


def _has_id(block: Block) -> bool:
    braces = re.search(r"\{[^{}=]*+=[^{}]*+\}\s*$", block.text)
    return split_id(block.text, has_attributes=braces is not None)[0] is not None


def _end_of_key(blocks: Sequence[Block], place: int) -> int:
    """Return the place after a line and the plain bullets that may be its list."""
    end = place + 1
    while end < len(blocks) and blocks[end].kind == "bullet" and blocks[end].box is None and not is_key(blocks[end]):
        end += 1
    found = key_line(blocks[place].text)
    return place + 1 if (found and found[1]) or not is_key(blocks[place]) else end


def _named(node: Node | None) -> list[tuple[str, Node]]:
    """Return the named recipes of the front matter: a mapping, or a list of mappings."""
    if node is None or node.value is None:
        return []
    if isinstance(node.value, dict):
        return list(node.value.items())
    items = node.value if isinstance(node.value, list) else []
    return [(str(name.raw), item) for item in items if (name := _recipe_name(item)) is not None]


def _recipe_name(item: Node) -> Node | None:
    if not isinstance(item.value, dict):
        return None
    name: Node | None = item.value.get("recipe") or item.value.get("name")
    return name


def _names_tasks(block: Block) -> bool:
    """Return whether a line names tasks to depend on."""
    found = key_line(block.text) if block.kind in ("bullet", "text") else None
    if found is None or key_of(found[0]) != DEPENDENCIES:
        return False
    return any(looks_like_id(name) for name, _ in names_in(found[1]))


def _is_settings(block: Block) -> bool:
    words = block.info.split()
    return len(words) == 2 and words[1] in SETTINGS


def _shown(section: Section) -> str:
    return f"{'#' * section.level} {section.heading.text[:60]}" if section.heading else "the title"
