"""Where the tasks of a project are: in its blueprints, or in the backlogs of other tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.importers.registry import format_named, known_formats, recognise
from penguin.orchestration.blueprint.importers.source_discovery import read_sources
from penguin.orchestration.blueprint.importers.source_file import MAX_BYTES, Source
from penguin.orchestration.blueprint.loader import SUFFIXES, read_blueprint, read_document
from penguin.orchestration.config.document import read_text
from penguin.orchestration.config.document_checker import Checker

FOLDER = "blueprints"
"""The folder of blueprints."""
NAMES = ("backlog", "blueprint", "plan", "tasks", "todo")
"""The names, in any case and without `.md`, of files of tasks in the folder of a project."""


class FoundBlueprint(NamedTuple):
    """A file of tasks in a form that Penguin reads."""

    path: str
    """Relative to the folder of the project."""
    tasks: int


class FoundBacklog(NamedTuple):
    """A backlog of another tool, or a plain checklist."""

    path: str
    """Its file or folder, relative to the folder of the project."""
    title: str
    """What it is: `a spec-kit tasks.md`."""
    tasks: int


class TaskSources(NamedTuple):
    """The files of tasks of a project."""

    blueprints: tuple[FoundBlueprint, ...]
    backlogs: tuple[FoundBacklog, ...]
    errors: tuple[str, ...]
    """What can't be imported, and why."""


def find_task_sources(root: Path) -> TaskSources:
    """Return the files of tasks in a folder: in `blueprints/`, at the places of known formats, and such as TODO.md.

    Backlogs that were imported are left out.
    """
    blueprints: list[FoundBlueprint] = []
    backlogs: list[FoundBacklog] = []
    errors: list[str] = []
    imported: set[str] = set()
    for path in _candidates(root):
        name = path.relative_to(root).as_posix()
        # A plain checklist can be read as a blueprint too; an import also reads what is done.
        if path.parent == root and _is_backlog(path, name):
            _add_backlogs(root, path, backlogs, errors)
        elif count := _blueprint_tasks(path, name):
            blueprints.append(FoundBlueprint(name, count))
            imported.add(_imported_source(path, name))
    if any(path.is_file() for one in known_formats().values() for place in one.places for path in root.glob(place)):
        _add_backlogs(root, root, backlogs, errors)
    new = [backlog for backlog in dict.fromkeys(backlogs) if backlog.path not in imported]
    return TaskSources(tuple(blueprints), tuple(new), tuple(errors))


def _candidates(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        return
    yield from sorted(path for path in (root / FOLDER).glob("*") if path.suffix in SUFFIXES and path.is_file())
    for path in sorted(root.iterdir()):
        if path.suffix.lower() == ".md" and path.stem.lower() in NAMES and path.is_file():
            yield path


def _is_backlog(path: Path, name: str) -> bool:
    text = read_text(path, Checker(name), MAX_BYTES)
    return text is not None and recognise(Source(text, name)) is not None


def _blueprint_tasks(path: Path, name: str) -> int:
    """Return the number of tasks in a blueprint; 0 if the file is none."""
    blueprint = read_blueprint(path, name)
    return len(blueprint.items) if blueprint.is_blueprint else 0


def _imported_source(path: Path, name: str) -> str:
    """Return the backlog that a blueprint was imported from; '' if it was written by hand."""
    document = read_document(path, name) if path.suffix == ".yaml" else None
    fields = document.plain() if document else None
    imported = fields.get("imported") if isinstance(fields, dict) else None
    return str(imported.get("source", "")) if isinstance(imported, dict) else ""


def _add_backlogs(root: Path, path: Path, backlogs: list[FoundBacklog], errors: list[str]) -> None:
    try:
        reads = read_sources([os.fspath(path)])
    except BlueprintError as error:
        errors.append(f"{error.message}; {error.hint}" if error.hint else error.message)
        return
    for read in reads:
        if read.path is not None and read.backlog.items:
            name = os.path.relpath(read.path, root)
            backlogs.append(FoundBacklog(name, format_named(read.backlog.format).title, len(read.backlog.items)))
