"""The Markdown reader: blueprints as nodes of the same shape as a YAML blueprint.

The front matter between `---` lines holds `id`, `title`, `project`, `isolation`, `ituv`, `phases` and `recipes`, as in
YAML. Under `## Tasks`, a task is a `###` heading with `- **ID:** …` bullets (see markdown_tasks.py), or one line
`- [ ] KEY-1 Title {priority=high}`; a `###` heading without such bullets only groups such lines. Under
`## Usage Recipes`, each `###` heading names a recipe (see fences.py). All other sections are prose.
"""

from __future__ import annotations

import re

from penguin.orchestration.blueprint.fences import check_closed, recipe_steps
from penguin.orchestration.blueprint.markdown_blocks import Block, read_blocks
from penguin.orchestration.blueprint.markdown_tasks import TaskReader, has_id, is_task, plain_name
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker, Node, nearest

FRONT_KEYS = ("id", "title", "project", "isolation", "ituv", "phases", "recipes")
_SECTIONS = ("tasks", "usage recipes")
_FENCE_LINE = re.compile(r"---[ \t]*")


def parse_markdown(text: str, checker: Checker) -> Node:
    """Return the document in `text`. Errors go to the checker."""
    front, body_line = _front_matter(text, checker)
    lines = text.split("\n")
    reader = _Reader(lines, checker, dict(front.value) if isinstance(front.value, dict) else {})
    reader.read(read_blocks("\n".join(lines[body_line - 1 :]), body_line))
    return Node(reader.document, 1)


def _front_matter(text: str, checker: Checker) -> tuple[Node, int]:
    """Return the front matter, and the number of the line on which the Markdown begins."""
    lines = text.split("\n")
    if not _FENCE_LINE.fullmatch(lines[0]):
        return Node({}, 1), 1
    for number, line in enumerate(lines[1:], 2):
        if _FENCE_LINE.fullmatch(line) or line.rstrip() == "...":
            front = parse_yaml("\n".join(lines[1 : number - 1]), checker, 2) or Node({}, 1)
            return Node(checker.mapping(front, "front matter", FRONT_KEYS), 1), number + 1
    checker.error(1, "the front matter is not closed", "end it with a line ---")
    return Node({}, 1), len(lines) + 1


class _Reader:
    """Reads the sections of a document."""

    def __init__(self, lines: list[str], checker: Checker, front: dict[str, Node]) -> None:
        self.checker = checker
        self.tasks = TaskReader(lines, checker)
        self.items: list[Node] = []
        self.document = {**front, "items": Node(self.items, 1)}
        self.lines = lines
        self.found_tasks = False

    def read(self, blocks: list[Block]) -> None:
        self._check_closed(blocks)
        for heading, body in split(blocks, 2):
            name = section_name(heading.text) if heading else ""
            if name == "tasks":
                self.found_tasks = True
                self._tasks(body)
            elif name == "usage recipes":
                self._recipes(body)
            elif heading and heading.level == 2 and (match := nearest(name, _SECTIONS)):
                self.checker.warn(
                    heading.line, f"the section {heading.text[:60]!r} is read as prose", f"## {match.title()}"
                )
            elif heading and has_id(body):
                title = heading.text[:60]
                self.checker.warn(heading.line, f"{title!r} is read as prose", f"### {title}, below ## Tasks")
            self._title(([heading] if heading else []) + body)
        if not self.found_tasks:
            self.checker.error(0, "has no section ## Tasks")

    def _check_closed(self, blocks: list[Block]) -> None:
        for block in blocks:
            if block.kind == "fence":
                check_closed(block, self.lines, self.checker)
            self._check_closed(block.children)

    def _title(self, blocks: list[Block]) -> None:
        title = next((block for block in blocks if block.kind == "heading" and block.level == 1), None)
        if title and title.text.strip() and "title" not in self.document:
            self.document["title"] = Node(title.text.strip(), title.line)

    def _tasks(self, blocks: list[Block]) -> None:
        for heading, body in split(blocks, 3):
            if heading and is_task(body):
                self.items.append(self.tasks.section(heading, body))
                continue
            before = len(self.items)
            self._one_line_tasks(body)
            if heading and len(self.items) == before:
                hint = "begin a task with a bullet  - **ID:** `some-id`"
                self.checker.error(heading.line, f"{heading.text[:60]!r} is not a task: it has no ID", hint)

    def _one_line_tasks(self, blocks: list[Block]) -> None:
        for block in blocks:
            for item in block.children if block.kind == "list" else ():
                task = self.tasks.line(item)
                if task:
                    self.items.append(task)

    def _recipes(self, blocks: list[Block]) -> None:
        recipes: dict[str, Node] = dict(self.document["recipes"].value or {}) if "recipes" in self.document else {}
        for heading, body in split(blocks, 3):
            name = plain_name(heading.text) if heading else ""
            if not heading:
                self._stray_steps(body)
            elif name in recipes:
                first = recipes[name].line
                self.checker.error(heading.line, f"duplicate recipe {name!r} (first on line {first})", "rename one")
            else:
                steps = recipe_steps(body, self.checker)
                recipes[name] = Node(steps, heading.line)
        self.document["recipes"] = Node(recipes, 1)

    def _stray_steps(self, blocks: list[Block]) -> None:
        for block in blocks:
            if block.kind == "fence":
                self.checker.error(block.line, "a step without a recipe", "put a heading  ### NAME  before it")


def split(blocks: list[Block], level: int) -> list[tuple[Block | None, list[Block]]]:
    """Split blocks at headings of this level or above. Return each section with its heading; the first may have
    none."""
    sections: list[tuple[Block | None, list[Block]]] = [(None, [])]
    for block in blocks:
        if block.kind == "heading" and block.level <= level:
            sections.append((block, []))
        else:
            sections[-1][1].append(block)
    return sections if sections[0][1] else sections[1:]


def section_name(text: str) -> str:
    """Return a heading's text, normalized for comparison."""
    return " ".join(text.strip().rstrip(":").lower().split())
