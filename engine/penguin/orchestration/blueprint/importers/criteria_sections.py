"""Sections of criteria: headings such as `## Acceptance Criteria` whose list items are criteria, not tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Part
from penguin.orchestration.blueprint.importers.references import KEY_LINE
from penguin.orchestration.config.document_checker import nearest

_START = r"(?:\d+(?:\.\d+)*[.):]?\s*+)?[^\w\s]*+\s*+"
_END = r"\s*+[:.]?(?:\s*+[(\[].*)?"
_CRITERIA = re.compile(
    rf"{_START}(?:(?:acceptance|success|exit|completion|validation|done)\s+criteri(?:a|on)|acceptance(?:\s+tests?)?"
    rf"|definition\s+of\s+done|done\s+when|verification(?:\s+(?:checklist|steps))?|validation(?:\s+checklist)?){_END}",
    re.IGNORECASE,
)
_NO_TASKS = re.compile(
    rf"{_START}(?:out[\s-]+of[\s-]+scope|non-?\s?goals?|not\s+(?:in\s+scope|doing|planned)|won['’]?t\s+(?:do|have)|pre-?requisites?"
    rf"|assumptions?|(?:open\s+)?questions?|risks?|rejected|declined){_END}",
    re.IGNORECASE,
)
"""Headings of sections whose boxes are hardly tasks."""


_MISSPELLED = ("acceptance criteria", "success criteria", "exit criteria", "definition of done")
_CLOSE = 0.88


class CriteriaSection(NamedTuple):
    """The criteria below one heading, and the task that gets them."""

    heading: Heading
    items: list[Item]
    task: ImportedItem


class _Section(Struct):
    heading: Heading
    items: list[Item]
    before: ImportedItem | None
    """The last task before the section."""


class CriteriaSections:
    """Collects the sections of criteria while a source is read from its start."""

    def __init__(self, parts: Sequence[Part], has_id: Callable[[Item], bool]) -> None:
        """Create the collection. `has_id` returns whether an item is a task of its own."""
        self._has_id = has_id
        self._found: list[_Section] = []
        self._open: Heading | None = None
        # A file with no other boxes is a list of tasks, whatever its heading is.
        self._active = any(item.box is not None for item in self._others(parts))
        self._open = None

    def _others(self, parts: Sequence[Part]) -> Iterator[Item]:
        for part in parts:
            if isinstance(part, Heading):
                self.enter(part)
            elif isinstance(part, Item) and (self._open is None or self._has_id(part)):
                yield from part.walk()

    def enter(self, heading: Heading) -> None:
        """Begin the section of a heading. One below a heading of criteria belongs to it."""
        if self._open is None or heading.level <= self._open.level:
            self._open = heading if _names_criteria(heading.text) else None

    def take(self, item: Item, tasks: Sequence[ImportedItem]) -> bool:
        """Return whether an item is a criterion. `tasks` are those read before it."""
        is_task = KEY_LINE.match(item.text) or any(map(self._has_id, item.walk()))
        if not self._active or self._open is None or is_task:
            return False
        if not self._found or self._found[-1].heading is not self._open:
            self._found.append(_Section(self._open, [], tasks[-1] if tasks else None))
        self._found[-1].items.append(item)
        return True

    def assign(self, backlog: ImportedBacklog) -> Iterator[CriteriaSection]:
        """Yield the sections with their tasks: the last one before a section, or else the last of the backlog."""
        for section in self._found:
            task = section.before or backlog.items[-1]
            heading = section.heading
            what = f"the items below {heading.text!r} ({len(section.items)}) are criteria of {task.id or task.title}"
            backlog.note(heading.line, what)
            yield CriteriaSection(heading, section.items, task)


def _names_criteria(heading: str) -> bool:
    return _CRITERIA.fullmatch(heading) is not None or nearest(heading.lower(), _MISSPELLED, _CLOSE) is not None


def note_other_sections(parts: Sequence[Part], backlog: ImportedBacklog) -> None:
    """Add a note for each section with tasks whose heading says that they are none, such as `## Out of scope`."""
    lines = {item.line for item in backlog.items}
    heading: Heading | None = None
    for part in parts:
        if isinstance(part, Heading):
            if heading is None or part.level <= heading.level:
                heading = part if _NO_TASKS.fullmatch(part.text) else None
        elif isinstance(part, Item) and heading and any(one.line in lines for one in part.walk()):
            backlog.note(part.line, f"is read as a task, though it is below {heading.text!r}: {part.text[:80]}")
