"""Dependency claims: the lines of a source that state a dependency between tasks of the backlog."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.stated_order import Reachability
from penguin.orchestration.blueprint.importers.unread.source_lines import content_lines
from penguin.orchestration.blueprint.importers.unread.tables import Row, table_rows
from penguin.orchestration.blueprint.importers.unread.task_names import Mention, TaskNames

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
    from penguin.orchestration.blueprint.importers.source_file import Source

_NEEDS = re.compile(
    r"\b(?:depend(?:s|ent|ing)?[\s_]+(?:up)?on|depends|dependenc(?:y|ies)|deps?|block(?:ed|ers?)(?:[\s_-]+(?:by|on))?"
    r"|wait(?:s|ing)?(?:[\s_]+(?:for|on))|pre-?req(?:uisite)?s?|predecessors?)\b",
    re.IGNORECASE,
)
"""Words that mean a dependency on the tasks named after them."""
_NEEDS_NEXT = re.compile(r"\b(?:after|needs?|requires?|requiring)\b", re.IGNORECASE)
"""Words of everyday language: they mean a dependency on a task if its name follows at once."""
_NEXT = re.compile(
    r"[\s:=*_`(\[#@\"'“]*(?:(?:all|both|the|of|tasks?|steps?|issues?|stories|story|completion|completing|finishing)"
    r"[\s#*_`]+)*[\[(`*_#]*",
    re.IGNORECASE,
)
_BLOCKS = re.compile(r"\bblocks\b|\bblocking\b", re.IGNORECASE)
_BEFORE = re.compile(r"\bbefore\b", re.IGNORECASE)
_ARROW = re.compile(r"->|→|=>|⇒|-->")
_NEGATED = re.compile(
    r"\b(?:no|not|never|without|none|nothing|independent\w*|former(?:ly)?|un\w*blocked)\b|n't\b|n’t\b", re.IGNORECASE
)
_GROUP = re.compile(
    rf"(?:{_NEEDS.pattern}|\b(?:after|requires?)\b)[\s:*_`]*(?:the\s+)?"
    r"(?:(?:all|every(?:thing)?|previous|preceding|prior)\b|(?:phase|section|stage|milestone|epic|group|sprint)\s+#?\w*\d)",
    re.IGNORECASE,
)
"""A dependency on many tasks at once, such as `depends on all above` or `after Phase 1`. spec-kit's phases imply it."""
_SHOWN = 80


def note_dependency_claims(source: Source, backlog: ImportedBacklog) -> None:
    """Add a note for each line that states a dependency between known tasks which the backlog does not have."""
    names = TaskNames(backlog.items)
    reach = Reachability(backlog.items)
    noted = {note.line for note in backlog.notes}
    tables = {row.line: list(_row_claims(row, names)) for row in table_rows(source.text)}
    for number, line, owner in _owned_lines(source, backlog):
        if number in noted:
            continue
        pairs = dict.fromkeys([*_claims(line, names, owner.id if owner else ""), *tables.get(number, ())])
        missing = [f"{then} on {first}" if then else first for then, first in pairs if not reach.has(then, first)]
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            backlog.note(number, f"may state a dependency that was not read ({shown}): {line.strip()[:_SHOWN]}")
            noted.add(number)
        elif backlog.format != "spec-kit" and owner is not None and _GROUP.search(line) and not _NEGATED.search(line):
            backlog.note(
                number, f"may state a dependency on a group of tasks, which is not read: {line.strip()[:_SHOWN]}"
            )


def note_description_claims(backlog: ImportedBacklog) -> None:
    """Add a note for each line of a description that states a dependency which the backlog does not have."""
    names = TaskNames(backlog.items)
    reach = Reachability(backlog.items)
    for item in backlog.items:
        for _, line in content_lines(item.description):
            pairs = dict.fromkeys(_claims(line, names, item.id))
            missing = [f"{then} on {first}" for then, first in pairs if then and not reach.has(then, first)]
            if missing:
                shown = ", ".join(missing[:5])
                text = f"{item.id}: may state a dependency that was not read ({shown}): {line.strip()[:_SHOWN]}"
                backlog.note(0, text)


def _row_claims(row: Row, names: TaskNames) -> Iterator[tuple[str, str]]:
    """Yield the claims of a row whose table has a column of dependencies, and the task of the row in another one."""
    needed = [cell for header, cell in row.cells if _NEEDS.search(header) or _NEEDS_NEXT.search(header)]
    others = [cell for header, cell in row.cells if not (_NEEDS.search(header) or _NEEDS_NEXT.search(header))]
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


def _claims(line: str, names: TaskNames, owner: str) -> Iterator[tuple[str, str]]:
    """Yield each claim as (task, task that it depends on). The first is '' if the line names none."""
    # The search for names is slow, and most lines have none of the words.
    words = (_NEEDS, _NEEDS_NEXT, _BLOCKS, _BEFORE, _ARROW)
    if _NEGATED.search(line) or not any(word.search(line) for word in words):
        return
    found = names.find(line)
    if not found:
        return
    if _ARROW.search(line):
        yield from _arrows(line, found, owner)
        return
    match = _NEEDS.search(line)
    after = [one for one in found if match and one.start >= match.end()]
    if match is None or not after:
        match, after = _next_to(line, found)
    if match is not None and after:
        before = [one.id for one in found if one.end <= match.start()]
        subjects = before if before and owner not in before else [owner]
        yield from ((subject, one.id) for subject in subjects for one in after if subject != one.id)
        return
    match = _BLOCKS.search(line) or _BEFORE.search(line)
    if match:
        firsts = [one.id for one in found if one.end <= match.start()]
        firsts = firsts or [owner] * bool(_BLOCKS.search(line))
        thens = [one.id for one in found if one.start >= match.end()]
        yield from ((then, first) for first in firsts for then in thens if first and first != then)


def _next_to(line: str, found: list[Mention]) -> tuple[re.Match[str] | None, list[Mention]]:
    """Return the everyday word that the name of a task follows at once, with the tasks named after it."""
    for match in _NEEDS_NEXT.finditer(line):
        next_ = _NEXT.match(line, match.end())
        end = next_.end() if next_ else match.end()
        if any(one.start == end for one in found):
            return match, [one for one in found if one.start >= end]
    return None, []


def _arrows(line: str, found: list[Mention], owner: str) -> Iterator[tuple[str, str]]:
    """Yield the claims of `A-1 -> A-2`. With a task on the right side only, the task of the line waits for it."""
    cuts = [0, *(match.end() for match in _ARROW.finditer(line)), len(line) + 1]
    groups = [[one.id for one in found if start <= one.start < end] for start, end in pairwise(cuts)]
    if owner and not groups[0]:
        yield from ((owner, name) for name in groups[-1] if name != owner)
    for left, right in pairwise(groups):
        if set(left) == {owner}:
            # The line of a task: `T008 Title -> T007` is read either way.
            yield from ((owner, name) for name in right if name != owner)
        else:
            yield from ((then, first) for first in left for then in right if first != then)
