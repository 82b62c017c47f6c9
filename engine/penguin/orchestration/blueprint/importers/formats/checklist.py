"""A plain checklist: Markdown with check boxes, in no particular tool's form."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
from penguin.orchestration.blueprint.importers.box_tasks import BoxReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import box_lines
from penguin.orchestration.config.document_checker import valid_id

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source import Source

_BLUEPRINT = re.compile(r"^\s*[-*]\s+\*\*ID:\*\*", re.MULTILINE)
_MARKED = re.compile(r"(?:`([^`\s]+)`|\*\*([^*\s]+?):?\*\*)\s*:?\s+(\S.*)")
_KEY = re.compile(
    r"([A-Z][A-Z0-9]*-\d+[a-z]?|[A-Z]{1,4}\d{2,}[a-z]?|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\s*:?\s+(\S.*)"
)
_FILE_NAME = re.compile(
    r".*\.(?:md|py|js|jsx|ts|tsx|json|ya?ml|toml|txt|rs|go|java|c|h|cpp|rb|php|css|html?|sh|sql|cfg|ini|lock|com|org|io)",
    re.IGNORECASE,
)


def _split(text: str) -> tuple[str, str]:
    """Split an id off that looks like one: `A-1 Title`, `T001 Title`, or any id in backticks or bold."""
    marked = _MARKED.fullmatch(text)
    if marked:
        name = (marked[1] or marked[2]).rstrip(":")
        if valid_id(name) and re.search(r"[\d._-]", name) and not _FILE_NAME.fullmatch(name):
            return name, marked[3]
    match = _KEY.fullmatch(text)
    if match and not _FILE_NAME.fullmatch(match[1]) and re.search(r"[A-Za-z]", match[1]):
        return match[1], match[2]
    return "", text


def _recognise(source: Source) -> int:
    if source.is_json or source.suffix in (".yaml", ".yml") or _BLUEPRINT.search(source.text):
        return 0
    return 10 if next(box_lines(source.text), None) else 0


def _read(source: Source) -> ImportedBacklog:
    backlog = ImportedBacklog(format="checklist", id=PurePath(source.shown).stem if source.path else "checklist")
    BoxReader(source, backlog, _split, lambda word: bool(_split(f"{word} x")[0])).read_all()
    return backlog


FORMAT = Format("checklist", "a plain checklist", _recognise, _read)
