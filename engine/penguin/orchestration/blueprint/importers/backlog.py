"""The model of an imported backlog: what every format is read into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct


class Note(NamedTuple):
    """A remark for the user: something that has no place in a blueprint, or was read in a way that they should know."""

    line: int
    """From 1, in the source; 0: the whole file."""
    text: str


class ImportedItem(Struct, kw_only=True):
    """One task of another tool's backlog."""

    id: str
    """As the source has it; empty: it has none, and the id is made from the title."""
    title: str
    line: int
    """Its line in the source."""
    description: str = ""
    dependencies: list[str] = []
    """Ids as the source has them."""
    criteria: list[str] = []
    """Acceptance criteria. They are prose, even if they look like commands."""
    done: bool = False
    """The source calls it done. A claim, not a pass."""
    priority: str = ""
    """critical, high, medium or low; empty: the source has none."""
    metadata: dict[str, str] = {}
    """What has no place in a task, by the name that the source gives it."""


class ImportedBacklog(Struct, kw_only=True):
    """A whole backlog of another tool."""

    format: str
    """The name of its format, as `--format` takes it."""
    id: str
    """A name for the blueprint; not necessarily a valid id."""
    title: str = ""
    items: list[ImportedItem] = []
    prose: list[str] = []
    """Text of the source that belongs to no task, in order."""
    metadata: dict[str, str] = {}
    """What belongs to the whole backlog and has no place in a blueprint, by name."""
    notes: list[Note] = []
    partial: bool = False
    """The source may be a part of a larger backlog, so a dependency on a task outside of it is no mistake."""

    left_out: dict[str, str] = {}
    """By id: why a task of the source is no task here. A dependency on it is left out, too."""

    def leave_out(self, item: ImportedItem, reason: str) -> None:
        """Leave a task out, and say so."""
        self.left_out[item.id] = reason
        self.note(item.line, f"{item.id} {reason}: left out")

    def note(self, line: int, text: str) -> None:
        """Add a remark for the user."""
        self.notes.append(Note(line, text))


def link_dependents(items: Iterable[ImportedItem], pairs: Iterable[tuple[str, str]], backlog: ImportedBacklog) -> None:
    """Make tasks depend on those that block them. A pair holds the ids of a task and of one that it blocks."""
    by_id = {item.id: item for item in items}
    for first, then in pairs:
        blocked = by_id.get(then)
        if blocked is None:
            backlog.note(by_id[first].line if first in by_id else 0, f"{first} blocks {then}, which is not here")
        elif first not in blocked.dependencies:
            blocked.dependencies.append(first)
