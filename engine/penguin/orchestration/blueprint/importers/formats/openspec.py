"""OpenSpec: `openspec/changes/NAME/tasks.md`, with the scenarios of the change's specs beside it."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.box_tasks import BoxReader, is_dotted_number, link_numbered, numbered
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, box_lines
from penguin.orchestration.blueprint.importers.source_file import read_source

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.blueprint.importers.source_file import Source

_SECTION = re.compile(r"^##\s+\d+[.)]\s", re.MULTILINE)
_STEP = re.compile(r"^[ \t]*[-*]\s+\[[ xX]?\]\s+\d+\.\d+(?:\.\d+)*[.)]?\s", re.MULTILINE)


def _recognise(source: Source) -> int:
    if source.is_json or source.suffix not in (".md", ".markdown", ""):
        return 0
    if {"openspec", "changes"} <= set(PurePath(source.shown).parts) and next(box_lines(source.text), None):
        return 95
    return 80 if _STEP.search(source.text) and _SECTION.search(source.text) else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent if source.path else None
    backlog = ImportedBacklog(format="openspec", id=folder.name if folder else "openspec")
    BoxReader(source, backlog, numbered, is_dotted_number).read_all("implementation tasks|tasks?")
    backlog.title = backlog.title or (folder.name if folder else "")
    link_numbered(backlog.items)
    if folder and backlog.items:
        _add_scenarios(folder, backlog)
    return backlog


def _add_scenarios(folder: Path, backlog: ImportedBacklog) -> None:
    """Make the scenarios of the change's specs criteria of its last task: they are about the whole change."""
    scenarios = [one for path in sorted(folder.glob("specs/**/*.md")) for one in _scenarios(path)]
    if scenarios:
        last = backlog.items[-1]
        last.criteria += scenarios
        backlog.note(last.line, f"the {len(scenarios)} scenarios of specs/ are criteria of the last task, {last.id}")


def _scenarios(path: Path) -> list[str]:
    found: list[str] = []
    below = False
    for part in read_source(path, str(path)).parts:
        if isinstance(part, Heading):
            match = re.match(r"scenario\s*[:—–-]?\s*", part.text, re.IGNORECASE)
            below = match is not None
            if match:
                found.append(part.text[match.end() :])
        elif isinstance(part, Item) and below:
            found[-1] += f"\n{part.text}"
    return found


FORMAT = Format("openspec", "an OpenSpec tasks.md", _recognise, _read, places=("openspec/changes/*/tasks.md",))
