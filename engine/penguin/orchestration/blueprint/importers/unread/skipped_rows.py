"""Skipped rows: bullets and rows of tables that look like tasks, but were not read as tasks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose
from penguin.orchestration.blueprint.importers.unread.tables import table_rows
from penguin.orchestration.blueprint.prose.content_lines import content_lines
from penguin.orchestration.blueprint.prose.task_names import TaskNames

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
    from penguin.orchestration.blueprint.importers.source_file import Source

_MOST = 20
"""Notes on single rows; the rest is counted."""
_ID = re.compile(r"[\s`*_\[(#~]*(?:[A-Z][A-Za-z]*-?\d+(?:\.\d+)*[a-z]?|\d+\.\d+(?:\.\d+)*)[\s`*_\]):.~]+[^\W_]")
"""An id and a title, such as `A-1 Build`, `T001: Build` or `1.2 Build`."""
_CELL_ID = re.compile(r"[`*_\[(#]*(?:[A-Z][A-Za-z]*-?\d+(?:\.\d+)*[a-z]?|\d+(?:\.\d+)*)[`*_\]).]*")
_BOLD_ID = re.compile(r"\W*(?:\*\*|__|`)[A-Z][A-Za-z]*-?\d+(?:\.\d+)*[a-z]?(?:\*\*|__|`|:)")
"""A paragraph that begins with an id in bold or in backticks."""
_HEADING = re.compile(
    r"(?:(?:task|step|story|issue)\s+(?:\d+(?:\.\d+)*|[A-Z])\s*[:.—–-]|[A-Z]{2,6}-\d+\b).*\w", re.IGNORECASE | re.DOTALL
)
"""A heading such as `Step 1: Build` or `A-1: Build`."""
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", re.DOTALL)
_HTML_ITEM = re.compile(r"<li\b[^>]*>", re.IGNORECASE)
_SHOWN = 80


def note_skipped_rows(source: Source, backlog: ImportedBacklog) -> None:
    """Add a note for each bullet and row of a table that has an id or stands among tasks, and is no task."""
    if source.document is not None or not backlog.items:
        return
    noted = {note.line for note in backlog.notes}
    front = _FRONT.match(source.text)
    first = source.text.count("\n", 0, front.end()) + 1 if front else 1
    skipped = {line: text for line, text in _skipped(source, backlog) if line >= first and line not in noted}
    found = sorted(skipped.items())
    for line, text in found[:_MOST]:
        backlog.note(line, f"is kept as prose, not as a task: {text.strip()[:_SHOWN]}")
    if len(found) > _MOST:
        backlog.note(found[_MOST][0], f"and {len(found) - _MOST} more rows below are kept as prose, not as tasks")


def _skipped(source: Source, backlog: ImportedBacklog) -> Iterator[tuple[int, str]]:
    lines = source.text.split("\n")
    tasks = sorted(item.line for item in backlog.items)
    names = TaskNames(backlog.items)
    sections = _task_sections(source, tasks)
    yield from _skipped_headings(source, tasks, sections)
    for part in source.parts:
        if isinstance(part, Prose) and _BOLD_ID.match(part.text):
            yield part.line, lines[part.line - 1]
        if not isinstance(part, Item) or _any_between(tasks, part.line, part.end):
            continue
        named = names.find(part.text[:_SHOWN])
        among = backlog.format != "spec-kit" and any(start <= part.line < end for start, end in sections)
        if among or (_ID.match(part.text) and not (named and named[0].start < 3)):
            yield part.line, lines[part.line - 1]
    for number, line in content_lines(source.text):
        if _HTML_ITEM.search(line, 0, line.rfind(">") + 1):
            yield number, line
    for row in table_rows(source.text):
        first = next((cell for _, cell in row.cells if _CELL_ID.fullmatch(cell) or _ID.match(cell)), None)
        known = any(names.find(f"#{cell}") for cell in ([first] if first else [cell for _, cell in row.cells]))
        among = any(start <= row.line < end for start, end in sections)
        if row.line not in tasks and not known and (among or first):
            yield row.line, row.text


def _skipped_headings(source: Source, tasks: list[int], sections: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Yield the headings that look like a task, and have none below them."""
    starts = {start for start, _ in sections}
    for part in source.parts:
        if isinstance(part, Heading) and part.line not in starts and _HEADING.match(part.text):
            yield part.line, part.text


def _task_sections(source: Source, tasks: list[int]) -> list[tuple[int, int]]:
    """Return the first line of each section that has tasks, and the line after its last."""
    starts = [0, *(part.line for part in source.parts if isinstance(part, Heading)), source.text.count("\n") + 2]
    return [(start, end) for start, end in pairwise(starts) if _any_between(tasks, start, end)]


def _any_between(tasks: list[int], start: int, end: int) -> bool:
    place = bisect_left(tasks, start)
    return place < len(tasks) and tasks[place] < end
