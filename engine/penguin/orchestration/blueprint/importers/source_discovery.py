"""The sources of an import: from the paths that a person types to the backlogs in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.id_resolution import complete
from penguin.orchestration.blueprint.importers.registry import format_named, known_formats, read_backlog
from penguin.orchestration.blueprint.importers.source_file import Source, read_source, read_stdin
from penguin.orchestration.config.document_checker import Checker, raise_problems

STANDARD_INPUT = "-"


class ReadSource(NamedTuple):
    """A backlog, and where it comes from."""

    name: str
    """The path of its file or folder as it was typed; `<stdin>` for standard input."""
    path: Path | None
    """That path; None for standard input."""
    backlog: ImportedBacklog


def read_sources(paths: Sequence[str], format_name: str | None = None) -> list[ReadSource]:
    """Return the backlogs at these paths.

    Args:
        paths: Files, `-` for standard input, or folders: of a project, or of files that are one backlog.
        format_name: The format of all files; None: it is recognised by their content.

    Raises:
        BlueprintError: A path holds no backlog, or a file has errors.
    """
    found: list[ReadSource] = []
    for path in dict.fromkeys(paths):
        if path == STANDARD_INPUT:
            found.append(_read(read_stdin(), format_name))
        elif Path(path).is_dir():
            found += _read_folder(path, format_name)
        else:
            found.append(_read(read_source(Path(path), path), format_name))
    return [_complete(group) for group in _groups(found)]


def _read(source: Source, format_name: str | None) -> ReadSource:
    return ReadSource(source.shown, source.path, read_backlog(source, format_name))


def _read_folder(folder: str, format_name: str | None) -> list[ReadSource]:
    """Return the backlogs in a folder: those at the places of the formats, else its own files if each is a task."""
    formats = [format_named(format_name)] if format_name else list(known_formats().values())
    found = [read for one in formats for read in _at_places(folder, one)]
    if found:
        return found
    for one in formats:
        sources = [read_source(path, os.path.normpath(path)) for path in sorted(Path(folder).glob("*.md"))]
        if one.join and any(one.recognise(source) for source in sources):
            found = _read_known([*sources, *_beside(folder, one)], one)
            _note_deeper(folder, found)
            return found
    places = ", ".join(place for one in formats for place in one.places)
    raise BlueprintError(f"{folder}: holds no backlog of a known format", f"name its file; looked for {places}")


def _beside(folder: str, one: Format) -> list[Source]:
    """Return the files in the other folders of the same backlog, such as `backlog/completed` beside `backlog/tasks`."""
    if not one.subfolders or Path(folder).absolute().name != one.subfolders[0]:
        return []
    others = [Path(os.path.normpath(Path(folder, os.pardir, name))) for name in one.subfolders[1:]]
    return [read_source(path, str(path)) for other in others for path in sorted(other.glob("*.md"))]


def _note_deeper(folder: str, found: list[ReadSource]) -> None:
    """Add a note on the Markdown files in folders below one whose files are a backlog."""
    deeper = sorted(os.path.normpath(path) for path in Path(folder).glob("*/**/*.md"))
    if deeper:
        more = f" and {len(deeper) - 3} more" if len(deeper) > 3 else ""
        found[0].backlog.note(0, f"files in folders below {folder} are not read: {', '.join(deeper[:3])}{more}")


def _at_places(folder: str, one: Format) -> list[ReadSource]:
    paths = dict.fromkeys(path for place in one.places for path in sorted(Path(folder).glob(place)) if path.is_file())
    sources = [read_source(path, os.path.normpath(path)) for path in paths]
    return _read_known(sources, one)


def _read_known(sources: list[Source], one: Format) -> list[ReadSource]:
    """Return the backlogs of the files that have a format. The others are named in a note on the first one."""
    found = [_read(source, one.name) for source in sources if one.recognise(source)]
    for source in sources:
        if found and one.join is not None and not one.recognise(source):
            found[0].backlog.note(0, f"{source.shown} is not {one.title}, and is not read")
    return found


def _groups(reads: Iterable[ReadSource]) -> list[list[ReadSource]]:
    """Return the files that are one backlog together, for tools with a file for each task."""
    groups: dict[tuple[str, object], list[ReadSource]] = {}
    for read in reads:
        one = format_named(read.backlog.format)
        folder = read.path.absolute().parent if one.join is not None and read.path else None
        if folder is not None and folder.name in one.subfolders:
            folder = folder.parent
        groups.setdefault((read.backlog.format, folder or read.name), []).append(read)
    return list(groups.values())


def _complete(group: list[ReadSource]) -> ReadSource:
    """Return the one backlog of some files, with its final ids and dependencies."""
    read = group[0]
    join = format_named(read.backlog.format).join
    if join is not None and read.path is not None:
        name = str(Path(read.name).parent)
        read = ReadSource(name, read.path.parent, join([one.backlog for one in group]))
    checker = Checker(read.name)
    complete(read.backlog, checker)
    raise_problems(checker.problems, BlueprintError)
    return read
