"""Dependency claims: the lines of a source that state a dependency between tasks of the backlog."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.markdown_outline import Heading
from penguin.orchestration.blueprint.importers.unread.tables import Row, table_rows
from penguin.orchestration.blueprint.prose.claims import claims, group_named, names_dependencies
from penguin.orchestration.blueprint.prose.content_lines import content_lines
from penguin.orchestration.blueprint.prose.reachability import Reachability
from penguin.orchestration.blueprint.prose.task_names import TaskNames

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
    from penguin.orchestration.blueprint.importers.source_file import Source

_SHOWN = 80


def note_dependency_claims(source: Source, backlog: ImportedBacklog) -> None:
    """Add a note for each line that states a dependency between known tasks which the backlog does not have."""
    names = TaskNames(backlog.items)
    reach = Reachability({item.id: item.dependencies for item in backlog.items})
    noted = {note.line for note in backlog.notes}
    sections = _Sections(source, backlog)
    tables = {row.line: list(_row_claims(row, names)) for row in table_rows(source.text)}
    for number, line, owner in _owned_lines(source, backlog):
        if number in noted:
            continue
        is_heading = line.lstrip().startswith("#")
        pairs = dict.fromkeys([*claims(line, names, owner.id if owner else ""), *tables.get(number, ())])
        below = sections.tasks_around(number) if owner is None else []
        missing = [f"{then} on {first}" for then, first in pairs if then and not reach.has(then, first)]
        missing += [first for then, first in pairs if not then and not _all_wait(below, first, reach)]
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            backlog.note(number, f"may state a dependency that was not read ({shown}): {line.strip()[:_SHOWN]}")
            noted.add(number)
        elif backlog.format != "spec-kit" and (owner or below) and group_named(line, in_heading=is_heading):
            backlog.note(
                number, f"may state a dependency on a group of tasks, which is not read: {line.strip()[:_SHOWN]}"
            )


class _Sections:
    """The tasks below each heading of Markdown, without those below the next one."""

    def __init__(self, source: Source, backlog: ImportedBacklog) -> None:
        is_markdown = source.document is None
        self._headings = [part.line for part in source.parts if isinstance(part, Heading)] if is_markdown else []
        self._tasks: dict[int, list[str]] = {}
        for item in backlog.items:
            self._tasks.setdefault(self._heading(item.line), []).append(item.id)

    def tasks_around(self, line: int) -> list[str]:
        """Return the tasks in the section of a line."""
        heading = self._heading(line)
        return self._tasks.get(heading, []) if heading else []

    def _heading(self, line: int) -> int:
        place = bisect_right(self._headings, line)
        return self._headings[place - 1] if place else 0


def _all_wait(tasks: Sequence[str], first: str, reach: Reachability) -> bool:
    return bool(tasks) and all(reach.has(task, first) for task in tasks)


def note_description_claims(backlog: ImportedBacklog) -> None:
    """Add a note for each line of a description that states a dependency which the backlog does not have."""
    names = TaskNames(backlog.items)
    reach = Reachability({item.id: item.dependencies for item in backlog.items})
    for item in backlog.items:
        for _, line in content_lines(item.description):
            pairs = dict.fromkeys(claims(line, names, item.id))
            missing = [f"{then} on {first}" for then, first in pairs if then and not reach.has(then, first)]
            if missing:
                shown = ", ".join(missing[:5])
                text = f"{item.id}: may state a dependency that was not read ({shown}): {line.strip()[:_SHOWN]}"
                backlog.note(0, text)


def _row_claims(row: Row, names: TaskNames) -> Iterator[tuple[str, str]]:
    """Yield the claims of a row whose table has a column of dependencies, and the task of the row in another one."""
    needed = [cell for header, cell in row.cells if names_dependencies(header)]
    others = [cell for header, cell in row.cells if not names_dependencies(header)]
    subject = next((one.id for cell in others for one in names.find(f"#{cell}")), "")
    if subject:
        found = (one.id for cell in needed for one in names.find(f"after {cell}"))
        yield from ((subject, name) for name in found if name != subject)


def _owned_lines(source: Source, backlog: ImportedBacklog) -> Iterator[tuple[int, str, ImportedItem | None]]:
    """Yield the lines with their numbers, and the task that each one is below; None: it is below none."""
    items = sorted((item for item in backlog.items if item.line), key=lambda item: item.line)
    if source.document is not None:
        for item in items:
            yield from ((item.line, line, item) for _, line in content_lines(item.description))
        return
    starts = [item.line for item in items]
    owner: ImportedItem | None = None
    for number, line in content_lines(source.text):
        place = bisect_right(starts, number)
        if place and starts[place - 1] == number:
            owner = items[place - 1]
        elif re.match(r"#{1,6}\s", line):
            owner = None
        yield number, line, owner
