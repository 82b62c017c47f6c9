"""A task while it is read from Markdown, and the ids and dependencies that only the whole file decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.building.builder import Lines, TaskNode
from penguin.orchestration.blueprint.keys import BLOCKS, DEPENDENCIES, LISTS
from penguin.orchestration.blueprint.markdown.blocks import Block
from penguin.orchestration.blueprint.task_ids import id_from_title
from penguin.orchestration.config.document_checker import Checker, Node

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.markdown.stated_names import StatedNames


class TaskDraft:
    """A task while it is read."""

    __slots__ = (
        "candidate",
        "checker",
        "criteria",
        "criteria_with_ids",
        "entries",
        "line",
        "made_id",
        "metadata",
        "number",
        "prose",
        "recipes",
        "rest",
        "spans",
        "stated",
        "subtasks",
    )

    def __init__(self, checker: Checker, line: int) -> None:
        self.checker = checker
        self.line = line
        self.entries: dict[str, Node] = {}
        self.recipes: dict[str, Node] = {}
        self.criteria: list[Node] = []
        self.criteria_with_ids: list[tuple[int, str]] = []
        """Lines of criteria that start with what looks like an id, with that id."""
        self.metadata: dict[str, Node] = {}
        self.prose: list[tuple[int, int, str]] = []
        """First line, line after the last, and text of each part of the description."""
        self.spans: list[tuple[int, int]] = []
        self.subtasks: list[TaskDraft] = []
        self.candidate = ""
        """The first word of the title: it is the id if a dependency names it."""
        self.number = ""
        """The number before the title, by which dependencies may name the task."""
        self.rest = ""
        """The title without the candidate."""
        self.stated: list[StatedNames] = []
        """Lines of prose that may be dependencies, with the ids in them."""
        self.made_id = False

    @property
    def title(self) -> str:
        return str(self.entries["title"].value) if "title" in self.entries else ""

    def take(self, block: Block) -> None:
        """Record that a block belongs to the task."""
        block.used = True
        self.spans.append((block.line, block.end - 1))

    def set(self, key: str, node: Node) -> None:
        """Set a key. Lists are extended; a second value of another key is an error."""
        before = self.entries.get(key)
        if before is not None and key in LISTS:
            before.value.extend(node.value)
            return
        # The title bullet is more specific than the heading.
        if before is not None and key != "title":
            message = f"duplicate key {key!r} (first on line {before.key_line})"
            self.checker.error(node.key_line, message, "keep one of the two")
        self.entries[key] = node

    def add_recipe(self, name: str, steps: list[Node], line: int) -> None:
        name = name or str(self.entries["id"].raw if "id" in self.entries else "recipe")
        if name in self.recipes:
            self.checker.error(line, f"duplicate recipe {name[:60]!r} (first on line {self.recipes[name].line})")
        self.recipes[name] = Node(steps, line)

    def dependencies(self) -> list[Node]:
        node = self.entries.get(DEPENDENCIES)
        return list(node.value) if node else []

    def node(self, lines: Sequence[str]) -> TaskNode:
        """Return the task as a node of the shape that an item of a YAML blueprint has."""
        entries = dict(self.entries)
        if self.recipes:
            entries["recipes"] = Node(self.recipes, self.line)
        if self.criteria:
            entries["acceptance_criteria"] = Node(self.criteria, self.line)
        if self.prose:
            text = self._description()
            entries["description"] = Node(text, self.prose[0][0], raw=text)
        if self.metadata:
            entries["metadata"] = Node(self.metadata, self.line)
        return TaskNode(entries, self.line, _merged(self.spans, lines), self.made_id)

    def _description(self) -> str:
        parts: list[str] = []
        last = -1
        for first, end, text in self.prose:
            if parts:
                parts.append("\n" if first == last else "\n\n")
            parts.append(text)
            last = end
        text = "".join(parts)
        return (dedent(text) if text[:1] == " " else text).strip()


def _merged(spans: Iterable[tuple[int, int]], lines: Sequence[str]) -> Lines:
    """Return spans of lines in order, those joined that have only blank lines between."""
    merged: list[tuple[int, int]] = []
    start = end = 0
    for first, last in sorted(spans):
        if start and (first <= end + 1 or not any(map(str.strip, lines[end : first - 1]))):
            if last > end:
                end = last
            continue
        if start:
            merged.append((start, end))
        start, end = first, last
    return (*merged, (start, end)) if start else ()


def complete_tasks(drafts: Sequence[TaskDraft], checker: Checker) -> None:
    """Give each task its id, and let tasks depend on their subtasks."""
    _give_ids(drafts, checker)
    _follow_titles(drafts)
    _follow_blocks(drafts, checker)
    for draft in drafts:
        nodes = [
            Node(child.entries["id"].value, child.line, raw=str(child.entries["id"].raw)) for child in draft.subtasks
        ]
        if nodes:
            own = {str(node.raw) for node in draft.dependencies()}
            draft.set(DEPENDENCIES, Node([node for node in nodes if node.raw not in own], draft.line))
    ids = {str(draft.entries["id"].raw) for draft in drafts}
    prefixes = {id_prefix(task_id) for task_id in ids}
    for draft in drafts:
        for line, task_id in draft.criteria_with_ids:
            if id_prefix(task_id) in prefixes:
                hint = "write it with less indent, or another word first"
                checker.warn(line, f"reads like the task {task_id!r}, but is a criterion", hint)


def id_prefix(task_id: str) -> str:
    """Return the letters that ids of one backlog have in common, such as those of KEY-12."""
    return task_id.rstrip("0123456789abc.").rstrip("-_")


def owners_of(drafts: Iterable[TaskDraft]) -> dict[int, str]:
    """Return the id of the task that each line belongs to."""
    owners: dict[int, str] = {}
    for draft in drafts:
        task_id = str(draft.entries["id"].raw)
        for first, last in draft.spans:
            owners[first] = task_id
            if last > first:
                owners |= dict.fromkeys(range(first, last + 1), task_id)
    return owners


def _give_ids(drafts: Sequence[TaskDraft], checker: Checker) -> None:
    named = {str(node.raw) for draft in drafts for node in draft.dependencies()}
    taken = {str(draft.entries["id"].raw) for draft in drafts if "id" in draft.entries}
    unnamed = [draft for draft in drafts if "id" not in draft.entries]
    candidates = Counter(draft.candidate for draft in unnamed)
    numbers: Counter[str] = Counter()
    for draft in unnamed:
        word = draft.candidate
        if word in named and word not in taken and candidates[word] == 1:
            _set_id(draft, word)
            draft.entries["title"] = Node(draft.rest or word, draft.line, raw=draft.rest or word)
    taken |= {str(draft.entries["id"].raw) for draft in unnamed if "id" in draft.entries}
    for draft in unnamed:
        if "id" not in draft.entries:
            _make_id(draft, taken, numbers, checker)


def _set_id(draft: TaskDraft, task_id: str) -> None:
    draft.entries["id"] = Node(task_id, draft.line, raw=task_id)


def _make_id(draft: TaskDraft, taken: set[str], numbers: Counter[str], checker: Checker) -> None:
    base = made = id_from_title(draft.title)
    while made in taken:
        numbers[base] += 1
        made = f"{base}-{numbers[base] + 1}"
    if made != base:
        message = f"the id {base!r} of this title is taken: the task gets {made!r}"
        checker.warn(draft.line, message, "write an id before the title, such as A-1")
    taken.add(made)
    draft.made_id = True
    _set_id(draft, made)


def _follow_titles(drafts: Sequence[TaskDraft]) -> None:
    """Replace the title or the number of a task in a list of tasks by its id, if only one task has it."""
    ids = {str(draft.entries["id"].raw) for draft in drafts}
    names = [(name, str(draft.entries["id"].raw)) for draft in drafts for name in _other_names(draft)]
    counted = Counter(name for name, _ in names)
    by_name = {name: task_id for name, task_id in names if counted[name] == 1}
    for draft in drafts:
        for key in (DEPENDENCIES, BLOCKS):
            for node in draft.entries[key].value if key in draft.entries else ():
                name = str(node.raw)
                if name not in ids and name.casefold() in by_name:
                    node.value = node.raw = by_name[name.casefold()]


def _other_names(draft: TaskDraft) -> set[str]:
    return {draft.title.casefold(), draft.number.casefold()} - {""}


def _follow_blocks(drafts: Sequence[TaskDraft], checker: Checker) -> None:
    """Let the tasks that a task blocks depend on it."""
    by_id = {str(draft.entries["id"].raw): draft for draft in drafts}
    for draft in drafts:
        blocked = draft.entries.pop(BLOCKS, None)
        for node in blocked.value if blocked else ():
            other = by_id.get(str(node.raw))
            if other is None:
                checker.warn(
                    node.line, f"blocks {node.raw[:60]!r}, which is no task of this file", "write Depends there"
                )
            elif draft.entries["id"].raw not in {each.raw for each in other.dependencies()}:
                own = str(draft.entries["id"].raw)
                other.set(DEPENDENCIES, Node([Node(own, node.line, raw=own)], node.line))
