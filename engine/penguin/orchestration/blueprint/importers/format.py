"""The interface of a format: how a file is recognised, read and found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
    from penguin.orchestration.blueprint.importers.source_file import Source


class Format(NamedTuple):
    """The backlog format of one tool."""

    name: str
    """As `--format` takes it."""
    title: str
    """What a file of it is called, with an article: `a spec-kit tasks.md`."""
    recognise: Callable[[Source], int]
    """Returns how sure it is that a file has this format, from 0 to 100. 0: it has not."""
    read: Callable[[Source], ImportedBacklog]
    """Returns the backlog in a file. Errors go to the checker of the source."""
    places: tuple[str, ...] = ()
    """Where its files are below the folder of a project, as glob patterns."""
    join: Callable[[list[ImportedBacklog]], ImportedBacklog] | None = None
    """Makes one backlog of several files, for tools with a file for each task."""
    subfolders: tuple[str, ...] = ()
    """The names of folders beside each other whose files are one backlog, the main one first."""
